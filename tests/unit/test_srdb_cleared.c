/* SPDX-License-Identifier: MIT */
/* lib/srdb/srdb_cleared.c: base lines and marks, through their text and over boots; damaged records. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/schemas.h"
#include "srdb/srdb_cleared.h"

static json_t *doc(const char *text)
{
	json_t *j = json_loads(text, 0, NULL);

	cr_assert(j, "%s", text);
	return j;
}

static long long left(json_t *c, const char *key, const char *totals, const char *name)
{
	json_t *t = doc(totals);
	long long n;

	srdb_cleared_subtract(c, "wsg", key, t);
	n = (long long)json_integer_value(json_object_get(t, name));
	json_decref(t);
	return n;
}

Test(srdb_cleared, counters_count_from_the_base_line)
{
	const struct counter_row *gauge = NULL, *counter = NULL;
	json_t *c, *t;
	char totals[256];

	for (size_t i = 0; i < counters_schema_wsg.nrows; i++) {
		const struct counter_row *r = &counters_schema_wsg.rows[i];

		if (*r->variable)
			*(r->kind == COUNTER_KIND_gauge ? &gauge : &counter) = r;
	}
	cr_assert(gauge && counter);
	c = srdb_cleared_parse(NULL, "boot1");
	snprintf(totals, sizeof(totals), "{\"%s\":5,\"%s\":100}", gauge->variable, counter->variable);
	t = doc(totals);
	srdb_cleared_set_base(c, &counters_schema_wsg, "wsg/segw", t);
	json_decref(t);
	snprintf(totals, sizeof(totals), "{\"%s\":7,\"%s\":130}", gauge->variable, counter->variable);
	cr_expect_eq(left(c, "wsg/segw", totals, counter->variable), 30);
	cr_expect_eq(left(c, "wsg/segw", totals, gauge->variable), 7, "a gauge is what it is");
	cr_expect_eq(left(c, "wsg/other", totals, counter->variable), 130, "of this object alone");
	snprintf(totals, sizeof(totals), "{\"%s\":90}", counter->variable);
	cr_expect_eq(left(c, "wsg/segw", totals, counter->variable), 0, "never below zero");
	json_decref(c);
}

Test(srdb_cleared, counters_belong_to_a_boot_and_marks_do_not)
{
	json_t *c = srdb_cleared_parse("{\"boot\":\"b1\",\"base\":{\"wsg/k\":{\"x\":4}}}", "b1"), *d;
	char *text;

	srdb_cleared_set_mark(c, "traps", 77);
	srdb_cleared_crash(c, 12, false);
	text = json_dumps(c, 0);
	d = srdb_cleared_parse(text, "b1");
	cr_expect_eq(left(d, "k", "{\"x\":10}", "x"), 6);
	cr_expect_eq(srdb_cleared_mark(d, "traps"), 77);
	json_decref(d);
	d = srdb_cleared_parse(text, "b2");
	cr_expect_eq(left(d, "k", "{\"x\":10}", "x"), 10);
	cr_expect_eq(srdb_cleared_mark(d, "traps"), 77);
	cr_expect(srdb_cleared_has_crash(d, 12));
	json_decref(d);
	json_decref(c);
	free(text);
}

Test(srdb_cleared, crashes_one_by_one_and_all)
{
	json_t *c = srdb_cleared_parse(NULL, "b");

	srdb_cleared_crash(c, 5, false);
	srdb_cleared_crash(c, 5, false);
	cr_expect(srdb_cleared_has_crash(c, 5) && !srdb_cleared_has_crash(c, 4) &&
	          !srdb_cleared_has_crash(c, 6));
	srdb_cleared_crash(c, 8, true);
	cr_expect(srdb_cleared_has_crash(c, 1) && srdb_cleared_has_crash(c, 8) &&
	          !srdb_cleared_has_crash(c, 9));
	cr_expect_eq(json_array_size(json_object_get(c, "crashes")), 0u, "the mark says it");
	json_decref(c);
}

Test(srdb_cleared, damaged_records_are_empty)
{
	static const char *const bad[] = {"", "[]", "{",
	                                  "{\"boot\":7,\"base\":[],\"marks\":3,\"crashes\":{}}",
	                                  "{\"boot\":\"b\",\"base\":7,\"marks\":[],\"crashes\":1}"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		json_t *c = srdb_cleared_parse(bad[i], "b");

		cr_expect_eq(srdb_cleared_mark(c, "traps"), 0);
		cr_expect(!srdb_cleared_has_crash(c, 1));
		cr_expect_eq(left(c, "k", "{\"x\":10}", "x"), 10);
		srdb_cleared_set_mark(c, "traps", 3);
		srdb_cleared_crash(c, 1, false);
		cr_expect(srdb_cleared_mark(c, "traps") == 3 && srdb_cleared_has_crash(c, 1));
		json_decref(c);
	}
}
