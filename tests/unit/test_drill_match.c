/* SPDX-License-Identifier: MIT */
/*
 * The drill matcher: wildcards, typed words, captures across blocks, and its bound.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "drill/drill.h"

#define MATCH(out, vars, ...)                                                                                \
	({                                                                                                   \
		char *e_[] = {__VA_ARGS__};                                                                  \
		drill_match(e_, sizeof(e_) / sizeof(e_[0]), out, vars, err, sizeof(err));                    \
	})

static struct drill_vars vars;
static char err[512];

static void clear(void)
{
	drill_vars_clear(&vars);
}

TestSuite(drill_match, .fini = clear);

Test(drill_match, blanks_and_blank_lines_do_not_count)
{
	cr_assert(MATCH("\n  a   b\tc  \n\n d\n", &vars, "a b c", "d"), "%s", err);
	cr_assert(!MATCH("a b c\nd\n", &vars, "a b c"));
	cr_assert(!MATCH("ab c\n", &vars, "a b c"));
	cr_assert(!MATCH("a b\n", &vars, "a b", "c"));
}

Test(drill_match, the_date_line_is_skipped)
{
	cr_assert(MATCH("Tuesday March 05 17:13:14 UTC 2024\nx\n", &vars, "x"), "%s", err);
	cr_assert(!MATCH("Tuesday March 05 17:13:14 UTC 2024 more\nx\n", &vars, "x"));
}

Test(drill_match, star_and_dots)
{
	cr_assert(MATCH("one two three\n", &vars, "one*three"), "%s", err);
	cr_assert(MATCH("one\n", &vars, "one *"), "%s", err);
	cr_assert(MATCH("a\nb\nc\nd\n", &vars, "...", "c", "..."), "%s", err);
	cr_assert(MATCH("a\n", &vars, "...", "a", "..."), "%s", err);
	cr_assert(MATCH("", &vars, "..."), "%s", err);
	cr_assert(!MATCH("a\nb\n", &vars, "...", "c", "..."));
	cr_assert(MATCH("5 * 3\n", &vars, "5 \\* 3"), "%s", err);
	cr_assert(!MATCH("5 x 3\n", &vars, "5 \\* 3"));
}

Test(drill_match, typed_words)
{
	cr_assert(MATCH("n 42 end\n", &vars, "n <int> end"), "%s", err);
	cr_assert(!MATCH("n x42 end\n", &vars, "n <int> end"));
	cr_assert(MATCH("n 42\n", &vars, "n <int:1-42>"), "%s", err);
	cr_assert(!MATCH("n 43\n", &vars, "n <int:1-42>"));
	cr_assert(MATCH("to 192.0.2.1: ok\n", &vars, "to <ip>: ok"), "%s", err);
	cr_assert(!MATCH("to 192.0.2: ok\n", &vars, "to <ip>: ok"));
	cr_assert(MATCH("spi 0x01abcdef, c0ffee_i\n", &vars, "spi <hex>, <spi>_i"), "%s", err);
	cr_assert(MATCH("[hat] <hatsystem:0> x\n", &vars, "[hat] <hatsystem:0> x"), "%s", err);
}

Test(drill_match, captures_hold_across_blocks)
{
	cr_assert(MATCH("in c1a2b3c4 out 0badcafe\n", &vars, "in <spi:in> out <spi:out>"), "%s", err);
	cr_assert_str_eq(drill_vars_get(&vars, "in"), "c1a2b3c4");
	cr_assert(MATCH("in C1A2B3C4 out 0badcafe\n", &vars, "in <spi:in> out <spi:out>"), "%s", err);
	cr_assert(!MATCH("in c1a2b3c5 out 0badcafe\n", &vars, "in <spi:in> out <spi:out>"));
	cr_assert(MATCH("7 7\n", &vars, "<int:n> <int:n>"), "%s", err);
	drill_vars_clear(&vars);
	cr_assert(!MATCH("7 8\n", &vars, "<int:n> <int:n>"));
	cr_assert_null(drill_vars_get(&vars, "n"), "a failed match must not capture");
}

Test(drill_match, a_word_that_must_differ)
{
	cr_assert(!MATCH("pid 71\n", &vars, "pid <not:pid>"), "nothing captured yet");
	cr_assert(MATCH("pid 71\n", &vars, "pid <int:pid>"), "%s", err);
	cr_assert(!MATCH("pid 71\n", &vars, "pid <not:pid>"));
	cr_assert(MATCH("pid 7\n", &vars, "pid <not:pid>"), "%s", err);
	cr_assert(MATCH("pid 712\n", &vars, "pid <not:pid>"), "%s", err);
	cr_assert_str_eq(drill_vars_get(&vars, "pid"), "71");
}

Test(drill_match, captured_values_go_into_commands)
{
	char *s;

	cr_assert(MATCH("callid 00004e21\n", &vars, "callid <hex:call>"), "%s", err);
	s = drill_expand("show subscribers callid <=call> <int>", &vars, err, sizeof(err));
	cr_assert_str_eq(s, "show subscribers callid 00004e21 <int>");
	free(s);
	cr_assert_null(drill_expand("<=nobody>", &vars, err, sizeof(err)));
}

Test(drill_match, hostile_patterns_end)
{
	char out[4001];

	memset(out, 'a', 4000);
	out[4000] = '\0';
	cr_assert(!MATCH(out, &vars, "*a*a*a*a*a*a*a*a*a*a*a*a*b"));
	cr_assert(strstr(err, "too many wildcards"), "%s", err);
}

Test(drill_match, the_reason_names_the_first_difference)
{
	cr_assert(!MATCH("a\nb\nx\n", &vars, "a", "b", "c"));
	cr_assert_str_eq(err, "expected \"c\", got \"x\"");
	cr_assert(!MATCH("a\n", &vars, "a", "b"));
	cr_assert_str_eq(err, "expected \"b\", but the output ended");
	cr_assert(!MATCH("a\nb\n", &vars, "a"));
	cr_assert_str_eq(err, "expected \"no more lines\", got \"b\"");
}
