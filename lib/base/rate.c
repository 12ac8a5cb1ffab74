/* SPDX-License-Identifier: MIT */
/* Averages of growing counters, see rate.h. */
#include "base/rate.h"

#define AT(r, i) ((r)->kept[(i) % RATE_READINGS])

void rate_note(struct rate *r, uint64_t now_us, uint64_t a, uint64_t b)
{
	if (r->n && (a < AT(r, r->n - 1).a || b < AT(r, r->n - 1).b || now_us < AT(r, r->n - 1).at_us))
		r->n = 0;
	if (r->n && now_us - AT(r, r->n - 1).at_us < RATE_STEP_US)
		return;
	AT(r, r->n).at_us = now_us;
	AT(r, r->n).a = a;
	AT(r, r->n).b = b;
	if (++r->n == 2 * RATE_READINGS)
		r->n = RATE_READINGS; /* the same places of the ring */
}

static double per_second(uint64_t n, uint64_t us)
{
	return (double)n * 1e6 / (double)us;
}

bool rate_over(const struct rate *r, uint64_t now_us, uint64_t a, uint64_t b, uint64_t span_us,
               double *a_per_s, double *b_per_s)
{
	uint32_t i = r->n, oldest = r->n > RATE_READINGS ? r->n - RATE_READINGS : 0;

	*a_per_s = *b_per_s = 0;
	/* the newest reading that is old enough, else the oldest there is; never one of this very second */
	while (i > oldest) {
		i--;
		if (now_us - AT(r, i).at_us >= (span_us ? span_us : 1000000))
			break;
	}
	if (i == r->n || now_us <= AT(r, i).at_us || a < AT(r, i).a || b < AT(r, i).b)
		return false;
	*a_per_s = per_second(a - AT(r, i).a, now_us - AT(r, i).at_us);
	*b_per_s = per_second(b - AT(r, i).b, now_us - AT(r, i).at_us);
	return true;
}
