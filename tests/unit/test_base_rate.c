/* SPDX-License-Identifier: MIT */
/* lib/base/rate.c: averages over what was asked, over what is known, after a device was replaced. */
#include <criterion/criterion.h>

#include "base/rate.h"

#define S 1000000ULL

static double rx, tx; /* bits per second */

static bool over(const struct rate *r, uint64_t at_s, uint64_t in, uint64_t out, uint64_t span_s)
{
	bool known = rate_over(r, at_s * S, in, out, span_s * S, &rx, &tx);

	rx *= 8;
	tx *= 8;
	return known;
}

Test(base_rate, averages)
{
	struct rate r = {0};
	uint64_t bytes = 0;

	cr_expect(!over(&r, 10, 5, 5, 300) && rx == 0 && tx == 0, "nothing known");
	/* twenty minutes at 1 MB/s in, none out; then ten intervals of 2 MB/s */
	for (uint64_t s = 0; s <= 1200; s += 30, bytes += 30000000)
		rate_note(&r, s * S, bytes, 7);
	cr_expect(over(&r, 1230, bytes, 7, 0) && rx == 8000000 && tx == 0);
	cr_expect(over(&r, 1230, bytes, 7, 300) && rx == 8000000);
	cr_expect(over(&r, 1230, bytes, 7, 900) && rx == 8000000);
	for (uint64_t s = 1230; s < 1530; s += 30, bytes += 60000000)
		rate_note(&r, s * S, bytes, 7);
	cr_expect(over(&r, 1530, bytes, 7, 0) && rx == 16000000);
	cr_expect(over(&r, 1530, bytes, 7, 300) && rx == 16000000, "%f", rx);
	cr_expect(over(&r, 1530, bytes, 7, 900) && rx == (600.0 * 8000000 + 300.0 * 16000000) / 900, "%f",
	          rx);
}

Test(base_rate, short_past_and_short_steps)
{
	struct rate r = {0};

	rate_note(&r, 100 * S, 1000, 0);
	rate_note(&r, 101 * S, 9000, 0);
	cr_expect_eq(r.n, 1u, "a reading that comes too soon is not kept");
	cr_expect(over(&r, 110, 11000, 1000, 900) && rx == 8000 && tx == 800, "over the ten seconds known");
	cr_expect(!over(&r, 100, 1000, 0, 0), "no time has passed");
}

Test(base_rate, another_device)
{
	struct rate r = {0};

	rate_note(&r, 0, 5000, 5000);
	rate_note(&r, 30 * S, 9000, 9000);
	cr_expect(!over(&r, 60, 10, 9000, 0), "counters fell");
	rate_note(&r, 60 * S, 10, 10);
	cr_expect_eq(r.n, 1u);
	cr_expect(over(&r, 70, 1260, 10, 300) && rx == 1000 && tx == 0);
}

Test(base_rate, a_long_time)
{
	struct rate r = {0};
	uint64_t bytes = 0;

	for (uint64_t s = 0; s < 30 * 1000; s += 30, bytes += 30)
		rate_note(&r, s * S, bytes, bytes);
	/* however many readings there were, fifteen minutes are known */
	for (uint64_t s = 30000; s < 30000 + 30 * 2 * RATE_READINGS; s += 30, bytes += 60) {
		rate_note(&r, s * S, bytes, bytes);
		cr_expect(r.n >= 31, "%u", r.n);
	}
	cr_expect(over(&r, 30000 + 60 * RATE_READINGS, bytes, bytes, 900) && rx == 16 && tx == 16);
	cr_expect(over(&r, 30000 + 60 * RATE_READINGS, bytes, bytes, 5000) && rx == 16,
	          "over all that is kept");
}
