/* SPDX-License-Identifier: MIT */
/*
 * Hierarchical timer wheel: O(1) add and cancel for 100,000s of timers, each an intrusive struct in its
 * owner's object. The wheel has no clock: its owner tells it the time with wheel_advance() and asks with
 * wheel_next_us() how long it may sleep. Timers never fire early, and at most one tick late. Not thread-safe.
 * Called by task loops and the engines.
 */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WHEEL_LEVELS 11 /* of 6 bits each: all of a 64-bit tick, so there is no horizon */
#define WHEEL_SLOTS  64
#define WHEEL_NEVER  UINT64_MAX

struct wheel_timer;
/* May add, cancel or free any timer, its own included. */
typedef void (*wheel_fn)(struct wheel_timer *t, uint64_t now_us, void *arg);

struct wheel_timer {
	struct wheel_timer *next, **pprev; /* pprev NULL: not pending */
	uint64_t due_tick;
	uint16_t level, slot;
	wheel_fn fn;
	void *arg;
};

struct wheel {
	uint64_t tick_us;
	uint64_t tick; /* last tick that was run */
	uint64_t occupied[WHEEL_LEVELS];
	struct wheel_timer *slots[WHEEL_LEVELS][WHEEL_SLOTS];
	size_t pending;
};

/* `tick_us`: resolution, e.g. 1000. */
void wheel_init(struct wheel *w, uint64_t tick_us, uint64_t now_us);
void wheel_timer_init(struct wheel_timer *t, wheel_fn fn, void *arg);
/* Arm `t` to fire at the absolute time `due_us`; a pending timer is moved. A time that has passed fires on
 * the next tick. */
void wheel_add(struct wheel *w, struct wheel_timer *t, uint64_t due_us);
/* Disarm; no-op when `t` is not pending (a zeroed timer is not pending). */
void wheel_cancel(struct wheel *w, struct wheel_timer *t);
static inline bool wheel_pending(const struct wheel_timer *t)
{
	return t->pprev != NULL;
}
/* When a pending timer fires (rounded to the tick); WHEEL_NEVER when not pending. */
uint64_t wheel_due_us(const struct wheel *w, const struct wheel_timer *t);
/* Run everything due up to `now_us`, in order of due tick; returns how many fired. Time going backwards is
 * ignored. */
size_t wheel_advance(struct wheel *w, uint64_t now_us);
/* Latest time until which wheel_advance() has nothing to do (may be a little before the first timer);
 * WHEEL_NEVER when empty. */
uint64_t wheel_next_us(const struct wheel *w);

#endif
