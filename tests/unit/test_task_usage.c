/* SPDX-License-Identifier: MIT */
/* Levels of use with their hysteresis at every edge, the average of CPU time, and the restart policy. */
#include <criterion/criterion.h>

#include "task/usage.h"

Test(task_usage, warns_at_90_percent_and_is_over_above_100)
{
	struct usage_level l = {0}, none = {0};

	cr_expect_eq(usage_judge(&l, 899, 1000), 0);
	cr_expect_str_eq(usage_word(&l, &none), "good");
	cr_expect_eq(usage_judge(&l, 900, 1000), USAGE_EV_WARN);
	cr_expect_str_eq(usage_word(&none, &l), "warn");
	cr_expect_eq(usage_judge(&l, 1000, 1000), 0, "at its limit is not over it");
	cr_expect_eq(usage_judge(&l, 1001, 1000), USAGE_EV_OVER);
	cr_expect_str_eq(usage_word(&l, &none), "over");
	cr_expect_eq(usage_judge(&l, 960, 1000), 0, "not clear yet");
	cr_expect_eq(usage_judge(&l, 949, 1000), USAGE_EV_OVER_CLEAR);
	cr_expect_eq(usage_judge(&l, 800, 1000), 0);
	cr_expect_eq(usage_judge(&l, 799, 1000), USAGE_EV_WARN_CLEAR);
	cr_expect_eq(usage_judge(&l, 5000, 1000), USAGE_EV_WARN | USAGE_EV_OVER);
	cr_expect_eq(usage_judge(&l, 0, 1000), USAGE_EV_WARN_CLEAR | USAGE_EV_OVER_CLEAR);
	cr_expect_eq(usage_judge(&l, 1000000, 0), 0, "no allocation, no level");
}

Test(task_usage, cpu_is_the_average_of_the_window)
{
	struct usage_cpu c = {0};
	uint64_t used = 0;

	cr_expect_float_eq(usage_cpu_permille(&c), 0, 0.01);
	for (unsigned i = 0; i <= 20; i++) {
		usage_cpu_sample(&c, 1000000ULL * i, used);
		used += 500000;
	}
	cr_expect_float_eq(usage_cpu_permille(&c), 500, 0.01);
	for (unsigned i = 21; i < 31; i++) /* used no more: ten samples later nothing is left of it */
		usage_cpu_sample(&c, 1000000ULL * i, used);
	cr_expect_float_eq(usage_cpu_permille(&c), 50, 0.01);
	usage_cpu_sample(&c, 31000000ULL, used);
	cr_expect_float_eq(usage_cpu_permille(&c), 0, 0.01);
}

Test(task_usage, a_task_at_rest_is_measured_less_often)
{
	struct usage_cpu c = {0};
	uint64_t now = 0, due;

	for (unsigned i = 0; i < USAGE_WINDOW + 3; i++)
		usage_cpu_sample(&c, now += US_PER_SEC, 500);
	cr_expect_eq(usage_due_us(&c, 4096, 4096), now + USAGE_REST_US);
	due = usage_due_us(&c, 8192, 4096);
	cr_expect_eq(due, now + USAGE_SAMPLE_US, "its memory moves");
	usage_cpu_sample(&c, now += US_PER_SEC, 501);
	cr_expect_eq(usage_due_us(&c, 4096, 4096), now + USAGE_SAMPLE_US, "it works");
	usage_cpu_sample(&c, now += US_PER_SEC, 501);
	cr_expect_eq(usage_due_us(&c, 4096, 4096), now + USAGE_REST_US, "it rests again");
	c = (struct usage_cpu){0};
	usage_cpu_sample(&c, now, 0);
	usage_cpu_sample(&c, now, 0);
	cr_expect_eq(usage_due_us(&c, 0, 0), now + USAGE_SAMPLE_US, "one that starts is watched");
}

Test(task_usage, restarts_at_once_then_ever_later_then_escalates_once)
{
	static const uint64_t want[] = {0, 0, 0, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000};
	struct restart_policy r = {0};
	struct restart_verdict v;

	for (unsigned i = 0; i < 11; i++) {
		v = restart_crashed(&r, 500, 30000, 1000000ULL * i);
		cr_expect_eq(v.delay_ms, want[i], "crash %u: %llu ms", i + 1, (unsigned long long)v.delay_ms);
		cr_expect_eq(v.escalate, i == 9, "crash %u", i + 1);
	}
	v = restart_crashed(&r, 500, 30000, 10000000 + RESTART_WINDOW_US);
	cr_expect_eq(v.delay_ms, 0, "a minute later it is forgiven");
	cr_expect_not(v.escalate);
}

Test(task_usage, a_crash_a_minute_is_answered_at_once_for_ever)
{
	struct restart_policy r = {0};

	for (unsigned i = 0; i < 100; i++) {
		struct restart_verdict v = restart_crashed(&r, 500, 30000, RESTART_WINDOW_US * i);

		cr_expect_eq(v.delay_ms, 0);
		cr_expect_not(v.escalate);
	}
}
