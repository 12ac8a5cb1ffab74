/* SPDX-License-Identifier: MIT */
/* The chassis' clock page: its wall clock can be wrong, the steady time never jumps. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

Test(base_clock, a_jump_moves_the_wall_clock_and_nothing_else)
{
	char dir[] = "/tmp/otclockXXXXXX", path[64];
	uint64_t wall = clock_wall_us(), steady;

	cr_assert_lt(distance(clock_steady_us(), wall), US_PER_SEC, "without a page both are the machine's");
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(clock_page_follow(dir), -2, "there is none yet");
	cr_assert_eq(clock_page_create(dir), 0);
	cr_assert_eq(clock_page_follow(dir), 0);
	steady = clock_steady_us();
	cr_expect_lt(distance(steady, clock_wall_us()), US_PER_SEC);
	cr_assert_eq(clock_page_create(dir), 0);
	clock_page_jump(-3600 * (int64_t)US_PER_SEC);
	cr_expect_lt(distance(clock_wall_us() + 3600 * US_PER_SEC, wall), 10 * US_PER_SEC);
	cr_expect_lt(distance(clock_steady_us(), steady), 10 * US_PER_SEC);
	cr_expect_geq(clock_steady_us(), steady);
	clock_page_jump(0);
	cr_expect_lt(distance(clock_wall_us(), clock_steady_us()), US_PER_SEC);
	snprintf(path, sizeof(path), "%s/clock", dir);
	unlink(path);
	rmdir(dir);
}
