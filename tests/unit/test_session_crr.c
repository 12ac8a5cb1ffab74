/* SPDX-License-Identifier: MIT */
/* Call recovery records: put, replace, delete, pages, limits, and rounds of a full feed; against a plain
 * list. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "session/crr.h"

static struct crr_table *t;

static void setup(void)
{
	t = crr_table_new();
}

static void teardown(void)
{
	crr_table_free(t);
	crr_table_free(NULL);
}

TestSuite(session_crr, .init = setup, .fini = teardown);

static int put(uint32_t callid, const char *row)
{
	return crr_put(t, callid, row, strlen(row));
}

Test(session_crr, a_record_is_replaced_and_deleted)
{
	cr_assert_eq(put(7, "one"), 0);
	cr_assert_eq(put(7, "three"), 0);
	cr_assert_eq(crr_count(t), 1);
	cr_assert_eq(crr_find(t, 7)->len, 5);
	cr_assert_arr_eq(crr_find(t, 7)->row, "three", 5);
	cr_assert(crr_del(t, 7));
	cr_assert_not(crr_del(t, 7));
	cr_assert_null(crr_find(t, 7));
}

Test(session_crr, what_is_no_record_is_refused)
{
	static uint8_t big[SESSION_ROW_MAX + 1];

	cr_assert_eq(put(0, "x"), -EINVAL);
	cr_assert_eq(crr_put(t, 1, "", 0), -EINVAL);
	cr_assert_eq(crr_put(t, 1, big, sizeof(big)), -EINVAL);
	cr_assert_eq(crr_put(t, 1, big, SESSION_ROW_MAX), 0);
}

Test(session_crr, no_more_than_a_sessmgr_has_calls)
{
	for (uint32_t i = 1; i <= SESSION_LIMIT; i++)
		cr_assert_eq(put(i, "x"), 0);
	cr_assert_eq(put(SESSION_LIMIT + 1, "x"), -ENOSPC);
	cr_assert_eq(put(5, "again"), 0);
	cr_assert_eq(crr_count(t), SESSION_LIMIT);
}

Test(session_crr, a_round_forgets_what_it_did_not_bring)
{
	for (uint32_t i = 1; i <= 100; i++)
		put(i, "x");
	crr_round_begin(t);
	for (uint32_t i = 2; i <= 100; i += 2)
		put(i, "y");
	put(200, "new");
	cr_assert_eq(crr_round_end(t), 50);
	cr_assert_eq(crr_count(t), 51);
	cr_assert_null(crr_find(t, 3));
	cr_assert_not_null(crr_find(t, 4));
	cr_assert_not_null(crr_find(t, 200));
}

Test(session_crr, random_changes_agree_with_a_plain_list)
{
	static uint8_t there[1024];
	uint32_t seed = 42, n = 0, pos = 0, seen = 0;

	for (int step = 0; step < 20000; step++) {
		seed = seed * 1664525u + 1013904223u;
		uint32_t id = 1 + (seed >> 8) % 1000;

		if (seed & 0x40000000) {
			cr_assert_eq(crr_del(t, id), there[id]);
			there[id] = 0;
		} else {
			cr_assert_eq(put(id, "row"), 0);
			there[id] = 1;
		}
	}
	for (uint32_t i = 1; i <= 1000; i++) {
		n += there[i];
		cr_assert_eq(crr_find(t, i) != NULL, there[i]);
	}
	cr_assert_eq(crr_count(t), n);
	for (const struct crr *r; (r = crr_next(t, &pos)); seen++)
		cr_assert(there[r->callid]);
	cr_assert_eq(seen, n);
}
