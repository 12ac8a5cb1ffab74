/* SPDX-License-Identifier: MIT */
/*
 * Timer wheel: never early, never lost, at most a tick late; cancel and re-arm from callbacks; a year in one
 * step; 20,000 random timers against a plain model. Virtual time only.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/wheel.h"

#define MS 1000ULL

struct probe {
	struct wheel_timer t;
	struct wheel *w;
	uint64_t due, fired_at;
	int count;
	uint64_t rearm;
};

static void hit(struct wheel_timer *t, uint64_t now, void *arg)
{
	struct probe *p = arg;

	cr_assert_eq(t, &p->t);
	p->count++;
	p->fired_at = now;
	if (p->rearm) {
		p->due = now + p->rearm;
		wheel_add(p->w, t, p->due);
	}
}

static void arm(struct wheel *w, struct probe *p, uint64_t due)
{
	p->w = w;
	p->due = due;
	if (!p->t.fn)
		wheel_timer_init(&p->t, hit, p);
	wheel_add(w, &p->t, due);
}

Test(base_wheel, fires_once_and_not_early)
{
	struct wheel w;
	struct probe p = {0};

	wheel_init(&w, MS, 5 * MS);
	arm(&w, &p, 10 * MS + 1);
	cr_assert(wheel_pending(&p.t));
	cr_assert_eq(wheel_due_us(&w, &p.t), 11 * MS);
	cr_assert_eq(wheel_advance(&w, 10 * MS + 999), 0);
	cr_assert_eq(wheel_advance(&w, 11 * MS), 1);
	cr_assert_eq(wheel_advance(&w, 100 * MS), 0);
	cr_assert_eq(p.count, 1);
	cr_assert_not(wheel_pending(&p.t));
	cr_assert_eq(wheel_next_us(&w), WHEEL_NEVER);
}

Test(base_wheel, past_due_fires_on_next_tick_and_time_never_goes_back)
{
	struct wheel w;
	struct probe p = {0};

	wheel_init(&w, MS, 1000 * MS);
	arm(&w, &p, 3 * MS);
	cr_assert_eq(wheel_advance(&w, 900 * MS), 0);
	cr_assert_eq(wheel_advance(&w, 1001 * MS), 1);
}

Test(base_wheel, cancel_and_move)
{
	struct wheel w;
	struct probe a = {0}, b = {0};
	struct wheel_timer zero = {0};

	wheel_init(&w, MS, 0);
	wheel_cancel(&w, &zero);
	arm(&w, &a, 50 * MS);
	arm(&w, &b, 5000 * MS);
	wheel_cancel(&w, &a.t);
	wheel_cancel(&w, &a.t);
	arm(&w, &b, 60 * MS);
	cr_assert_eq(w.pending, 1);
	cr_assert_eq(wheel_advance(&w, 59 * MS), 0);
	cr_assert_eq(wheel_advance(&w, 60 * MS), 1);
	cr_assert_eq(a.count, 0);
	cr_assert_eq(b.count, 1);
}

static struct probe victims[3];
static struct wheel chain_wheel;

static void cancels_the_others(struct wheel_timer *t, uint64_t now, void *arg)
{
	for (int i = 0; i < 3; i++)
		if (t != &victims[i].t)
			wheel_cancel(&chain_wheel, &victims[i].t);
	victims[0].count++;
}

Test(base_wheel, callback_may_cancel_timers_of_the_same_tick)
{
	wheel_init(&chain_wheel, MS, 0);
	for (int i = 0; i < 3; i++) {
		wheel_timer_init(&victims[i].t, cancels_the_others, NULL);
		wheel_add(&chain_wheel, &victims[i].t, 70 * MS);
	}
	cr_assert_eq(wheel_advance(&chain_wheel, 70 * MS), 1);
	cr_assert_eq(chain_wheel.pending, 0);
	cr_assert_eq(wheel_advance(&chain_wheel, 7000 * MS), 0);
}

Test(base_wheel, a_year_of_hourly_rekeys)
{
	struct wheel w;
	struct probe p = {.rearm = 3600 * 1000 * MS};
	uint64_t now = 123, next;

	wheel_init(&w, MS, now);
	arm(&w, &p, now + p.rearm);
	while ((next = wheel_next_us(&w)) < 366ULL * 86400 * 1000 * MS) {
		cr_assert_gt(next, now);
		now = next;
		wheel_advance(&w, now);
	}
	cr_assert_geq(p.count, 365 * 24);
	cr_assert_leq(p.count, 366 * 24);
}

Test(base_wheel, far_future_and_group_boundaries)
{
	struct wheel w;
	struct probe far = {0}, near = {0};
	uint64_t start = ((1ULL << 36) - 1) * MS; /* the next tick carries through six levels */

	wheel_init(&w, MS, start);
	arm(&w, &near, start + 2 * MS);
	arm(&w, &far, UINT64_MAX);
	cr_assert_eq(wheel_advance(&w, start + 1 * MS), 0);
	cr_assert_eq(wheel_advance(&w, start + 2 * MS), 1);
	cr_assert_eq(near.count, 1);
	cr_assert_eq(wheel_advance(&w, 1ULL << 62), 0);
	cr_assert(wheel_pending(&far.t));
}

Test(base_wheel, random_timers_against_a_model)
{
	enum { N = 20000 };
	struct probe *p = calloc(N, sizeof(*p));
	struct wheel w;
	uint64_t now = 777, pending = N;
	unsigned seed = 42;

	wheel_init(&w, MS, now);
	for (int i = 0; i < N; i++)
		arm(&w, &p[i], now + (uint64_t)rand_r(&seed) % (1ULL << (10 + i % 30)));
	for (int i = 0; i < N; i += 7) {
		wheel_cancel(&w, &p[i].t);
		p[i].due = 0;
		pending--;
	}
	while (pending > 0) {
		uint64_t next = wheel_next_us(&w), before = now;

		cr_assert_neq(next, WHEEL_NEVER);
		now = next + (uint64_t)rand_r(&seed) % 50000;
		pending -= wheel_advance(&w, now);
		for (int i = 0; i < N; i += 97)
			if (p[i].count && p[i].fired_at == now)
				cr_assert(p[i].due <= now && (p[i].due + MS > before),
				          "due %lu fired in (%lu, %lu]", (unsigned long)p[i].due,
				          (unsigned long)before, (unsigned long)now);
	}
	for (int i = 0; i < N; i++)
		cr_assert_eq(p[i].count, p[i].due ? 1 : 0);
	free(p);
}
