/* SPDX-License-Identifier: MIT */
/*
 * Which ipsecmgr instances there are: an instance is ready when the bus knows its address (only ready tasks
 * have one). The list goes out on topic "managers" at each change, and again from time to time for tasks that
 * subscribed later. Called by main.c.
 */
#include "tasks/ipsecctrl/ipsecctrl.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "place/place.h"

#define PUBLISH_MS 10000

struct ipsecctrl_manager ipsecctrl_list[IPSECCTRL_MAX];

static bool busied[PROFILE_SLOTS_MAX + 1], busied_known;

static void publish(struct task *t, void *arg)
{
	Envelope env = ENVELOPE__INIT;
	ManagerList l = MANAGER_LIST__INIT;
	uint32_t list[IPSECCTRL_MAX], closed[IPSECCTRL_MAX], i;

	l.facility = (char *)(uintptr_t) "ipsecmgr";
	l.instances = list;
	/* Those that serve services, numbered from 1: packets are steered by how many there are. */
	for (i = 1; i < PLACE_MAP_FIRST; i++)
		if (ipsecctrl_list[i].up)
			list[l.n_instances++] = i;
	l.closed_known = busied_known;
	l.closed = closed;
	for (i = 1; i < PLACE_MAP_FIRST; i++)
		if (ipsecctrl_list[i].card && ipsecctrl_list[i].card <= PROFILE_SLOTS_MAX &&
		    busied[ipsecctrl_list[i].card])
			closed[l.n_closed++] = i;
	env.body_case = ENVELOPE__BODY_MANAGER_LIST;
	env.manager_list = &l;
	task_publish(t, "managers", &env);
	ipsecctrl_access_tell(t);
	ipsecctrl_congest_tell(t);
}

/* 0: not the address of a serving instance (standby ones have large numbers). */
static uint32_t instance_of(const char *addr)
{
	const char *slash = strchr(addr, '/');
	unsigned long n = slash ? strtoul(slash + 1, NULL, 10) : 0;

	return n < IPSECCTRL_MAX ? (uint32_t)n : 0;
}

static void note_peer(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	uint32_t i = instance_of(addr);

	if (!i)
		return;
	ipsecctrl_list[i].card = card;
	ipsecctrl_list[i].up = ipsecctrl_list[i].ready = up;
}

static void peer_changed(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	note_peer(t, addr, card, up, arg);
	if (t->active)
		publish(t, NULL);
}

int ipsecctrl_list_init(struct task *t)
{
	task_watch_peers(t, "ipsecmgr", peer_changed, NULL);
	return 0;
}

int ipsecctrl_list_activate(struct task *t, const char *reason)
{
	task_foreach_peer(t, "ipsecmgr", note_peer, NULL);
	task_ready(t, 0);
	publish(t, NULL);
	task_timer_start(t, PUBLISH_MS, PUBLISH_MS, publish, NULL);
	return ipsecctrl_maps_activate(t);
}

void ipsecctrl_list_load(struct task *t, const struct bus_msg *m)
{
	const ManagerLoad *l = m->env->manager_load;
	uint32_t i = instance_of(m->src);

	if (!i || i != l->instance)
		return;
	ipsecctrl_list[i].sessions = l->sessions;
	ipsecctrl_list[i].limit = l->limit;
	ipsecctrl_list[i].ready = l->ready;
	ipsecctrl_list[i].queue_percent = l->queue_percent;
	ipsecctrl_list[i].wait_ms = l->wait_ms;
	ipsecctrl_list[i].heard_us = clock_now_us();
}

void ipsecctrl_list_busied(struct task *t, const struct bus_msg *m)
{
	const BusiedCards *b = m->env->busied_cards;

	busied_known = true;
	memset(busied, 0, sizeof(busied));
	for (size_t i = 0; i < b->n_slots; i++)
		if (b->slots[i] <= PROFILE_SLOTS_MAX)
			busied[b->slots[i]] = true;
	if (t->active)
		publish(t, NULL);
}
