/* SPDX-License-Identifier: MIT */
/* lib/srdb/srdb_quarters.c: growth by quarters of an hour, over restarts, with and without the boot in sight.
 */
#include <criterion/criterion.h>

#include "srdb/srdb_quarters.h"

#define Q(n) ((uint64_t)(n)*QUARTERS_US) /* the n-th quarter begins */
#define S    1000000ULL

static const char *const names[] = {"a", "b"};
static uint64_t end, grown[2];

static void add(struct quarters *q, const char *key, uint64_t at, int a, int b)
{
	json_t *v = json_pack("{s:i, s:i}", "a", a, "b", b);

	quarters_add(q, key, at, v);
	json_decref(v);
}

Test(srdb_quarters, growth)
{
	struct quarters *q = quarters_new(names, 2, Q(100));

	cr_expect_eq(quarters_get(q, Q(101), 0, &end, grown), -1, "nothing known");
	add(q, "x", Q(100) + 30 * S, 5, 0);
	add(q, "y", Q(100) + 30 * S, 1, 1);
	add(q, "x", Q(101) - 10 * S, 9, 2);
	add(q, "x", Q(101) + 10 * S, 10, 2);
	add(q, "x", Q(103) + 10 * S, 30, 2);
	cr_expect_eq(quarters_get(q, Q(101) + 20 * S, 0, &end, grown), 0);
	cr_expect(end == Q(101) && grown[0] == 10 && grown[1] == 3);
	cr_expect_eq(quarters_get(q, Q(101) + 20 * S, 1, &end, grown), -1, "before the first sample");
	cr_expect_eq(quarters_get(q, Q(104), 0, &end, grown), 0);
	cr_expect(end == Q(104) && grown[0] == 20 && grown[1] == 0);
	cr_expect(quarters_get(q, Q(104), 1, &end, grown) == 0 && grown[0] == 0,
	          "a quarter without a sample");
	cr_expect(quarters_get(q, Q(104), 2, &end, grown) == 0 && grown[0] == 1);
	quarters_free(q);
}

Test(srdb_quarters, a_horizon_is_no_beginning)
{
	struct quarters *q = quarters_new(names, 2, Q(100));

	add(q, "x", Q(150), 5000, 70); /* older samples are gone */
	add(q, "x", Q(150) + 30 * S, 5002, 70);
	add(q, "new", Q(150) + 60 * S, 4, 0); /* made meanwhile: counts from zero */
	cr_expect_eq(quarters_get(q, Q(151), 0, &end, grown), 0);
	cr_expect(grown[0] == 6 && grown[1] == 0);
	quarters_free(q);
}

Test(srdb_quarters, restarts_and_other_boots)
{
	struct quarters *q = quarters_new(names, 2, Q(100));

	add(q, "x", Q(99), 77, 77); /* before the boot */
	add(q, "x", Q(100) + 20 * S, 10, 0);
	add(q, "x", Q(100) + 50 * S, 3, 0); /* counted from zero again */
	cr_expect(quarters_get(q, Q(101), 0, &end, grown) == 0 && grown[0] == 13 && grown[1] == 0);
	quarters_free(q);
}

Test(srdb_quarters, two_days)
{
	struct quarters *q = quarters_new(names, 2, Q(1000));
	unsigned i = 0;

	for (unsigned k = 0; k < 400; k++)
		add(q, "x", Q(1000 + k) + 10 * S, (int)k + 1, 0);
	while (quarters_get(q, Q(1399), i, &end, grown) == 0) {
		cr_expect(grown[0] == 1 && end == Q(1399 - i), "%u", i);
		i++;
	}
	cr_expect_eq(i, (unsigned)QUARTERS_MAX);
	quarters_free(q);
}
