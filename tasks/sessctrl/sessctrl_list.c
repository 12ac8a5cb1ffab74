/* SPDX-License-Identifier: MIT */
/*
 * The list of sessmgr instances. An instance is there when the bus knows its address (only ready tasks have
 * one), and usable unless it said that it does not serve or is full, or
 * its card is busied out. Published on topic "managers" at each
 * change, when an ipsecmgr comes, and every ten seconds. Called by main.c.
 */
#include "sessctrl.h"

#include <stdlib.h>
#include <string.h>
#include "base/clock.h"

struct sessctrl_manager sessctrl_list[SESSCTRL_MAX];

static bool busied[PROFILE_SLOTS_MAX + 1], told;

bool sessctrl_list_is_busied(uint32_t instance)
{
	uint32_t card = sessctrl_list[instance].card;

	return card <= PROFILE_SLOTS_MAX && busied[card];
}

bool sessctrl_list_usable(uint32_t instance)
{
	const struct sessctrl_manager *x = &sessctrl_list[instance];

	return x->up && !sessctrl_list_is_busied(instance) &&
	       (!x->heard || (x->ready && x->sessions < x->limit));
}

static void publish(struct task *t, void *arg)
{
	Envelope env = ENVELOPE__INIT;
	ManagerList l = MANAGER_LIST__INIT;
	static uint32_t list[SESSCTRL_MAX];

	l.facility = (char *)"sessmgr";
	l.instances = list;
	for (uint32_t i = 1; i < SESSCTRL_MAX; i++)
		if (sessctrl_list_usable(i))
			list[l.n_instances++] = i;
	env.body_case = ENVELOPE__BODY_MANAGER_LIST;
	env.manager_list = &l;
	task_publish(t, "managers", &env);
}

/* 0: not the address of a serving instance. */
static uint32_t instance_of(const char *addr)
{
	const char *slash = strchr(addr, '/');
	unsigned long n = slash ? strtoul(slash + 1, NULL, 10) : 0;

	return n < SESSCTRL_MAX ? (uint32_t)n : 0;
}

static void note_peer(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	uint32_t i = instance_of(addr);

	if (!i)
		return;
	sessctrl_list[i].card = card;
	sessctrl_list[i].up = up;
	sessctrl_list[i].heard = false;
}

static void peer_changed(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	note_peer(t, addr, card, up, arg);
	if (t->active && told)
		publish(t, NULL);
}

/* It may have missed the lists so far. */
static void reader_came(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	(void)addr;
	(void)card;
	(void)arg;
	if (up && t->active && told)
		publish(t, NULL);
}

static struct task_timer *untold_timer;

static void untold(struct task *t, void *arg)
{
	task_timer_stop(untold_timer);
	untold_timer = NULL;
	if (told)
		return;
	told = true;
	publish(t, arg);
}

int sessctrl_list_init(struct task *t)
{
	task_watch_peers(t, "sessmgr", peer_changed, NULL);
	task_watch_peers(t, "ipsecmgr", reader_came, NULL);
	return 0;
}

/* The first list waits until hatsystem has told which cards are busied out, or the timer has come. */
int sessctrl_list_activate(struct task *t, const char *reason)
{
	task_foreach_peer(t, "sessmgr", note_peer, NULL);
	task_ready(t, 0);
	untold_timer = task_timer_start(t, SESSCTRL_UNTOLD_MS, 0, untold, NULL);
	if (!untold_timer)
		return -1;
	return task_timer_start(t, SESSCTRL_PUBLISH_MS, SESSCTRL_PUBLISH_MS, publish, NULL) ? 0 : -1;
}

void sessctrl_list_load(struct task *t, const struct bus_msg *m)
{
	const ManagerLoad *l = m->env->manager_load;
	uint32_t i = instance_of(m->src);
	struct sessctrl_manager *x = &sessctrl_list[i];
	bool was = sessctrl_list_usable(i);

	if (!i || i != l->instance)
		return;
	x->heard = true;
	x->ready = l->ready;
	x->sessions = l->sessions;
	x->limit = l->limit;
	x->heard_us = clock_now_us();
	if (told && was != sessctrl_list_usable(i))
		publish(t, NULL);
}

void sessctrl_list_busied(struct task *t, const struct bus_msg *m)
{
	const BusiedCards *b = m->env->busied_cards;

	told = true;
	memset(busied, 0, sizeof(busied));
	for (size_t i = 0; i < b->n_slots; i++)
		if (b->slots[i] <= PROFILE_SLOTS_MAX)
			busied[b->slots[i]] = true;
	if (t->active)
		publish(t, NULL);
}
