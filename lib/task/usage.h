/* SPDX-License-Identifier: MIT */
/*
 * What a task uses against what it is allocated, and the policy of starting it again. Pure: numbers and times
 * in, decisions out. Used by cards/, which measures (/proc) and acts; StarOS's traps CPUWarn … MemOver.
 */
#ifndef TASK_USAGE_H
#define TASK_USAGE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/clock.h"

#define USAGE_WARN_PERCENT       90  /* warn: at or above */
#define USAGE_WARN_CLEAR_PERCENT 80  /* … until below */
#define USAGE_OVER_PERCENT       100 /* over: above */
#define USAGE_OVER_CLEAR_PERCENT 95
#define USAGE_KILL_PERCENT       125 /* memory: killed above this */
#define USAGE_WINDOW             10  /* samples a CPU figure is the average of */

/* What changed with a measurement. */
enum usage_event {
	USAGE_EV_WARN = 1,
	USAGE_EV_WARN_CLEAR = 2,
	USAGE_EV_OVER = 4,
	USAGE_EV_OVER_CLEAR = 8,
};

struct usage_level {
	bool warn, over;
};

/* Returns USAGE_EV_* bits. allocated 0: never anything. */
unsigned usage_judge(struct usage_level *l, uint64_t used, uint64_t allocated);
/* "good", "warn", "over": the worse of two. */
const char *usage_word(const struct usage_level *a, const struct usage_level *b);

#define USAGE_SAMPLE_US                                                                                      \
	(900 * US_PER_MS) /* between two measurements of a task, at the next tick of its card */
#define USAGE_REST_US (2900 * US_PER_MS) /* of one that was at rest between the last two */

/* CPU time of a process, sampled: average over the window in 1/1000 of a core. */
struct usage_cpu {
	uint64_t at[USAGE_WINDOW + 1], used[USAGE_WINDOW + 1]; /* us */
	unsigned n;
};
void usage_cpu_sample(struct usage_cpu *c, uint64_t now_us, uint64_t used_us);
/* When the next measurement is due, after the last one, which found this much memory (and before it `was`).
 */
uint64_t usage_due_us(const struct usage_cpu *c, uint64_t memory, uint64_t was);
double usage_cpu_permille(const struct usage_cpu *c);

/* --- starting again ----------------------------------------------------------------------------------------
 */
#define RESTART_WINDOW_US (60 * 1000000ULL)
#define RESTART_FREE      3  /* crashes in the window that are answered at once */
#define RESTART_ESCALATE  10 /* the one that makes it the card's problem */

struct restart_policy {
	uint64_t crashes[16];
	unsigned n;
};

struct restart_verdict {
	uint64_t delay_ms; /* 0: at once */
	bool escalate;     /* again and again: the next level */
};

/* It ended unexpectedly at now_us. first_ms, max_ms: the shortest pause, doubled each time, and the longest.
 */
struct restart_verdict restart_crashed(struct restart_policy *r, unsigned first_ms, unsigned max_ms,
                                       uint64_t now_us);

#endif
