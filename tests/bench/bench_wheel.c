/* SPDX-License-Identifier: MIT */
/*
 * Benchmark: the timer wheel with 300,000 pending SA timers: cost of add, of moving a timer (DPD restarts
 * with every packet), of cancel and of firing all of them in an hour of 10 ms turns. Prints nanoseconds per
 * operation.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/wheel.h"

#define TIMERS 300000U

static uint64_t fired;

static void hit(struct wheel_timer *t, uint64_t now_us, void *arg)
{
	fired++;
}

static uint64_t due_of(unsigned i, uint64_t now)
{
	return now + (uint64_t)(i * 2654435761U % 3600000) * 1000;
}

static void report(const char *what, uint64_t began, unsigned n)
{
	printf("wheel: %-30s %6.1f ns each (%u)\n", what, (double)(clock_now_us() - began) * 1000 / n, n);
}

int main(void)
{
	struct wheel_timer *t = calloc(TIMERS, sizeof(*t));
	struct wheel w;
	uint64_t began, now = 0;

	if (!t)
		return 1;
	wheel_init(&w, 1000, now);
	for (unsigned i = 0; i < TIMERS; i++)
		wheel_timer_init(&t[i], hit, NULL);
	began = clock_now_us();
	for (unsigned i = 0; i < TIMERS; i++)
		wheel_add(&w, &t[i], due_of(i, now));
	report("add", began, TIMERS);
	began = clock_now_us();
	for (unsigned i = 0; i < TIMERS; i++)
		wheel_add(&w, &t[i], due_of(i + 7, now));
	report("move", began, TIMERS);
	began = clock_now_us();
	for (unsigned i = 0; i < TIMERS; i += 2)
		wheel_cancel(&w, &t[i]);
	report("cancel", began, TIMERS / 2);
	for (unsigned i = 0; i < TIMERS; i += 2)
		wheel_add(&w, &t[i], due_of(i, now));
	began = clock_now_us();
	for (now = 0; now <= 3600 * US_PER_SEC; now += 10000)
		wheel_advance(&w, now);
	report("fire, cascades included", began, TIMERS);
	if (fired != TIMERS || w.pending) {
		printf("wheel: LOST TIMERS: %lu fired\n", (unsigned long)fired);
		return 1;
	}
	free(t);
	return 0;
}
