/* SPDX-License-Identifier: MIT */
/*
 * Hierarchical timer wheel, see wheel.h. A timer stands on the level of the highest 6-bit group in which its
 * due tick differs from the present tick, in the slot of that group; so every occupied slot of a level lies
 * right of the present index, levels are ordered in time, and the first occupied slot of the lowest occupied
 * level is next. Reaching an upper slot spreads it downwards.
 */
#include <string.h>

#include "base/wheel.h"

#define SLOT_BITS 6
#define DETACHED  UINT16_MAX

void wheel_init(struct wheel *w, uint64_t tick_us, uint64_t now_us)
{
	memset(w, 0, sizeof(*w));
	w->tick_us = tick_us ? tick_us : 1;
	w->tick = now_us / w->tick_us;
}

void wheel_timer_init(struct wheel_timer *t, wheel_fn fn, void *arg)
{
	*t = (struct wheel_timer){.fn = fn, .arg = arg};
}

static void link_timer(struct wheel *w, struct wheel_timer *t, unsigned level, unsigned slot)
{
	struct wheel_timer **head = &w->slots[level][slot];

	t->level = (uint16_t)level;
	t->slot = (uint16_t)slot;
	t->next = *head;
	t->pprev = head;
	if (t->next)
		t->next->pprev = &t->next;
	*head = t;
	w->occupied[level] |= 1ULL << slot;
}

static void unlink_timer(struct wheel_timer *t)
{
	*t->pprev = t->next;
	if (t->next)
		t->next->pprev = t->pprev;
	t->next = NULL;
	t->pprev = NULL;
}

/* Put `t` where its due tick (not before the present one) belongs. */
static void place(struct wheel *w, struct wheel_timer *t)
{
	uint64_t diff = t->due_tick ^ w->tick;
	unsigned level = diff ? (63U - (unsigned)__builtin_clzll(diff)) / SLOT_BITS : 0;

	link_timer(w, t, level, (unsigned)(t->due_tick >> level * SLOT_BITS) & (WHEEL_SLOTS - 1));
}

void wheel_add(struct wheel *w, struct wheel_timer *t, uint64_t due_us)
{
	wheel_cancel(w, t);
	t->due_tick = due_us / w->tick_us + (due_us % w->tick_us != 0);
	if (t->due_tick <= w->tick)
		t->due_tick = w->tick + 1;
	place(w, t);
	w->pending++;
}

void wheel_cancel(struct wheel *w, struct wheel_timer *t)
{
	if (!t->pprev)
		return;
	unlink_timer(t);
	if (t->level != DETACHED && !w->slots[t->level][t->slot])
		w->occupied[t->level] &= ~(1ULL << t->slot);
	w->pending--;
}

uint64_t wheel_due_us(const struct wheel *w, const struct wheel_timer *t)
{
	return t->pprev ? t->due_tick * w->tick_us : WHEEL_NEVER;
}

/* The first tick after the present one at which a slot must be run or spread; false when the wheel is empty.
 */
static bool next_slot(const struct wheel *w, unsigned *level, unsigned *slot, uint64_t *tick)
{
	for (unsigned l = 0; l < WHEEL_LEVELS; l++) {
		unsigned shift = l * SLOT_BITS;
		uint64_t base =
		        shift + SLOT_BITS >= 64 ? 0 : w->tick >> (shift + SLOT_BITS) << (shift + SLOT_BITS);

		if (!w->occupied[l])
			continue;
		*level = l;
		*slot = (unsigned)__builtin_ctzll(w->occupied[l]);
		*tick = base | (uint64_t)*slot << shift;
		return true;
	}
	return false;
}

uint64_t wheel_next_us(const struct wheel *w)
{
	unsigned level, slot;
	uint64_t tick;

	return next_slot(w, &level, &slot, &tick) ? tick * w->tick_us : WHEEL_NEVER;
}

/* Move the list of a slot to `head`, where wheel_cancel() can still take timers out of it. */
static void detach(struct wheel *w, unsigned level, unsigned slot, struct wheel_timer **head)
{
	*head = w->slots[level][slot];
	w->slots[level][slot] = NULL;
	w->occupied[level] &= ~(1ULL << slot);
	if (*head)
		(*head)->pprev = head;
	for (struct wheel_timer *t = *head; t; t = t->next)
		t->level = DETACHED;
}

static void spread(struct wheel *w, unsigned level, unsigned slot)
{
	struct wheel_timer *head;

	detach(w, level, slot, &head);
	while (head) {
		struct wheel_timer *t = head;

		unlink_timer(t);
		place(w, t);
	}
}

static size_t run(struct wheel *w, unsigned slot, uint64_t now_us)
{
	struct wheel_timer *head;
	size_t fired = 0;

	detach(w, 0, slot, &head);
	while (head) {
		struct wheel_timer *t = head;

		unlink_timer(t);
		w->pending--;
		fired++;
		t->fn(t, now_us, t->arg);
	}
	return fired;
}

size_t wheel_advance(struct wheel *w, uint64_t now_us)
{
	uint64_t target = now_us / w->tick_us, tick;
	unsigned level, slot;
	size_t fired = 0;

	while (target > w->tick && next_slot(w, &level, &slot, &tick) && tick <= target) {
		w->tick = tick;
		if (level > 0)
			spread(w, level, slot);
		slot = (unsigned)tick & (WHEEL_SLOTS - 1);
		if (w->occupied[0] & 1ULL << slot)
			fired += run(w, slot, now_us);
	}
	if (target > w->tick)
		w->tick = target;
	return fired;
}
