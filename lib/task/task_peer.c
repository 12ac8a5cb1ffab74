/* SPDX-License-Identifier: MIT */
/*
 * Who is reachable: the card sends its route table at the hello and every change after it. An address that
 * comes up again without having gone is a new process under the old name: what was asked of the old one will
 * not be answered.
 */
#include "task/task_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

static void tell(struct task *t, const char *addr, uint32_t card, bool up)
{
	size_t n = strcspn(addr, "/");

	for (struct task_watcher *w = t->bus->watchers; w; w = w->next)
		if (!w->facility[0] || (strlen(w->facility) == n && !strncmp(w->facility, addr, n)))
			w->cb(t, addr, card, up, w->arg);
}

void task_peer_routes(struct task *t, const BusRoute *br)
{
	for (size_t i = 0; i < br->n_rows; i++) {
		const BusRoute__Row *r = br->rows[i];
		bool known = strmap_get(&t->bus->peers, r->addr) != NULL;

		if (r->up) {
			strmap_set(&t->bus->peers, r->addr, (void *)(uintptr_t)(r->card + 1));
			if (known && br->full)
				continue;
			if (known)
				task_req_peer_down(t, r->addr);
			task_req_peer_up(t, r->addr);
		} else {
			if (!known)
				continue;
			strmap_del(&t->bus->peers, r->addr);
			task_req_peer_down(t, r->addr);
		}
		tell(t, r->addr, r->card, r->up);
	}
}

bool task_peer_up(struct task *t, const char *addr)
{
	return strmap_get(&t->bus->peers, addr) != NULL;
}

void task_watch_peers(struct task *t, const char *facility, task_peer_cb cb, void *arg)
{
	struct task_watcher *w = calloc(1, sizeof(*w));

	if (!w)
		return;
	snprintf(w->facility, sizeof(w->facility), "%s", facility);
	w->cb = cb;
	w->arg = arg;
	w->next = t->bus->watchers;
	t->bus->watchers = w;
}

int task_foreach_peer(struct task *t, const char *facility, task_peer_cb cb, void *arg)
{
	size_t pos = 0, n = strlen(facility);
	const char *addr;
	void *v;
	int count = 0;

	while (strmap_next(&t->bus->peers, &pos, &addr, &v)) {
		if (n && (strncmp(addr, facility, n) || addr[n] != '/'))
			continue;
		count++;
		if (cb)
			cb(t, addr, (uint32_t)(uintptr_t)v - 1, true, arg);
	}
	return count;
}
