/* SPDX-License-Identifier: MIT */
/*
 * How fast two counters grow (bytes in and out, user and system time): readings at intervals, and the
 * averages of now, five and fifteen minutes from them. No I/O. Callers: vpnmgr (ports), cards (CPUs), iftask
 * (crypto cores).
 */
#ifndef BASE_RATE_H
#define BASE_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define RATE_STEP_US  (25 * 1000000ULL) /* readings that come sooner are not kept */
#define RATE_READINGS 38                /* 15 minutes and some */

struct rate {
	struct {
		uint64_t at_us, a, b;
	} kept[RATE_READINGS]; /* a ring, the newest at (n - 1) % RATE_READINGS */
	uint32_t n;
};

/* A reading at monotonic time now_us. Counters that fell (another device, a new process) begin anew. */
void rate_note(struct rate *r, uint64_t now_us, uint64_t a, uint64_t b);
/*
 * Growth per second over the last span_us up to this reading; over what is known when that is less, over the
 * newest interval when it is 0. false: nothing is known yet, both 0.
 */
bool rate_over(const struct rate *r, uint64_t now_us, uint64_t a, uint64_t b, uint64_t span_us,
               double *a_per_s, double *b_per_s);

#endif
