/* SPDX-License-Identifier: MIT */
/* Clock formats, random bytes, the log line form, escaping of hostile text, levels, unique event ids,
 * versions. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/version.h"

Test(base_clock, formats)
{
	char b[CLOCK_TEXT_MAX];

	cr_assert_str_eq(clock_format_staros_log(b, sizeof(b), 1624183872150999, CLOCK_UTC),
	                 "2021-Jun-20+10:11:12.150");
	cr_assert_str_eq(clock_format_exec(b, sizeof(b), 1709658794000000, CLOCK_UTC),
	                 "Tuesday March 05 17:13:14 UTC 2024");
	cr_assert_str_eq(clock_format_trap(b, sizeof(b), 1660124732000000, CLOCK_UTC),
	                 "Wed Aug 10 09:45:32 2022");
	cr_assert_str_eq(clock_format_date(b, sizeof(b), 1709658794000000, CLOCK_UTC), "20240305");
	cr_assert_str_eq(clock_format_time(b, sizeof(b), 1709658794000000, CLOCK_UTC), "171314");
	cr_assert_str_eq(clock_format_uptime(b, sizeof(b), (69 * 1440 + 94) * US_PER_MIN), "69D 1H 34M");
	cr_assert_str_eq(clock_format_exec(b, 8, 1709658794000000, CLOCK_UTC), "Tuesday");
}

Test(base_clock, local_zone)
{
	char b[CLOCK_TEXT_MAX];

	setenv("TZ", "EST5EDT", 1);
	cr_assert_str_eq(clock_format_exec(b, sizeof(b), 1709658794000000, CLOCK_LOCAL),
	                 "Tuesday March 05 12:13:14 EST 2024");
}

Test(base_clock, time_advances_and_random_differs)
{
	uint64_t a = clock_now_us();
	uint8_t x[32] = {0}, y[32] = {0};

	cr_assert_geq(clock_now_us(), a);
	cr_assert_gt(clock_wall_us(), 1600000000ULL * US_PER_SEC);
	random_bytes(x, sizeof(x));
	random_bytes(y, sizeof(y));
	cr_assert_neq(memcmp(x, y, sizeof(x)), 0);
}

static char caught[LOG_LINE_MAX];
static int count;

static void sink(const struct log_record *rec, void *arg)
{
	log_format_line(rec, CLOCK_UTC, caught, sizeof(caught));
	count++;
}

Test(base_log, staros_line)
{
	struct log_record r = {1624183872150000,
	                       "hat",
	                       3033,
	                       LOG_LEVEL_error,
	                       5,
	                       0,
	                       7094,
	                       "hatsystem",
	                       0,
	                       "hat_fail.c",
	                       1470,
	                       "software internal system critical-info",
	                       "Card error"};
	char line[LOG_LINE_MAX], tiny[20];

	cr_assert_str_eq(log_format_line(&r, CLOCK_UTC, line, sizeof(line)),
	                 "2021-Jun-20+10:11:12.150 [hat 3033 error] [5/0/7094 <hatsystem:0> hat_fail.c:1470] "
	                 "[software internal system critical-info] Card error");
	log_format_line(&r, CLOCK_UTC, tiny, sizeof(tiny));
	cr_assert_eq(strlen(tiny), 19);
}

Test(base_log, sink_gets_the_callers_line_and_escaped_text)
{
	log_init("ipsecmgr", 3, 2, 1);
	log_set_sink(sink, NULL);
	LOG(EV_IKE_AUTH_FAIL, "peer id '%s'", "a\nb\x1b[31m\x80");
	cr_assert(strstr(caught, "[ikev2 122001 warning] [2/1/"));
	cr_assert(strstr(caught, "<ipsecmgr:3> test_base_log.c:"));
	cr_assert(strstr(caught, "peer id 'a\\nb\\x1b[31m\\x80'"), "%s", caught);
	LOG(EV_TASK_START, "own facility");
	cr_assert(strstr(caught, "[ipsecmgr 1010 info]"));
}

Test(base_log, levels)
{
	log_init("sct", 0, 5, 0);
	log_set_sink(sink, NULL);
	LOG(EV_DEBUG, "no");
	cr_assert_eq(count, 0);
	log_set_level(LOG_LEVEL_debug);
	LOG(EV_DEBUG, "yes");
	cr_assert_eq(count, 1);
	log_set_level(LOG_LEVEL_error);
	LOG(EV_IKE_SETUP, "no");
	cr_assert_eq(log_set_facility_level("ikev2", LOG_LEVEL_info), 0);
	LOG(EV_IKE_SETUP, "yes");
	LOG(EV_CFG_CHANGE, "no");
	cr_assert_eq(count, 2);
	cr_assert_eq(log_level_parse("unusual"), LOG_LEVEL_unusual);
	cr_assert_eq(log_level_parse("loud"), -EINVAL);
	cr_assert_eq(log_set_facility_level("x", (enum log_level)99), -EINVAL);
}

Test(base_log, long_and_cut_text_is_bounded)
{
	char big[5000], out[16];

	memset(big, 'A', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_set_sink(sink, NULL);
	LOG(EV_NOTE, "%s", big);
	cr_assert_lt(strlen(caught), LOG_LINE_MAX);
	log_escape("0123456789abcdefgh", 18, out, sizeof(out));
	cr_assert_str_eq(out, "0123456789ab...");
	log_escape("0123456789abcde", 15, out, sizeof(out));
	cr_assert_str_eq(out, "0123456789abcde");
	log_escape("\n\n\n\n\n\n\n\n\n", 9, out, sizeof(out));
	cr_assert_str_eq(out, "\\n\\n\\n\\n\\n\\n...");
	log_escape("gr\xc3\xbc\xc3", 5, out, sizeof(out));
	cr_assert_str_eq(out, "gr\xc3\xbc\\xc3");
	log_escape("abc", 3, out, 2);
	cr_assert_leq(strlen(out), 1);
}

Test(base_log, event_ids_are_unique_and_documented)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	for (int i = 0; i < EV_COUNT; i++) {
		const struct log_event_row *a = log_event_row((enum log_event)i);

		cr_assert(*a->meaning && *a->action && *a->categories);
		for (int j = 0; j < i; j++)
			cr_assert_neq(a->id, log_event_row((enum log_event)j)->id, "%s", a->name);
	}
	log_doc(f);
	fclose(f);
	cr_assert(strstr(text, "| hat | 3033 | error | CARD_FAIL |"));
	free(text);
}

Test(base_log, version)
{
	cr_assert_eq(strlen(version_commit()), 40);
	cr_assert(*version_number());
	cr_assert(*version_build_date());
}
