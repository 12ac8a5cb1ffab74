/* SPDX-License-Identifier: MIT */
/*
 * A child SA whose answer was lost on the way: its maker has it already, and may rekey or delete it, before
 * the other side knows of it (RFC 7296 section 2.25). Between two engines, in both roles.
 */
#include <criterion/criterion.h>

#include "ike_world.h"

static struct world *w;
static int loses; /* whose next packet is lost; -1: nobody's */

static int fate(struct world *world, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	if (from != loses)
		return 0;
	loses = -1;
	return 1;
}

static void setup(void)
{
	w = w_new();
	for (int i = 0; i < 2; i++) {
		w->n[i].policy.max_childsa = 5;
		w->n[i].policy.rekey_rate = 50;
		w->n[i].policy.allow_empty = true;
	}
	w->fate = fate;
	loses = -1;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 1);
}

static void teardown(void)
{
	w_free(w);
}

TestSuite(ike_unanswered, .init = setup, .fini = teardown, .timeout = 60);

static uint32_t newest(const struct w_node *n)
{
	unsigned i = W_CHILDREN;

	while (i && !n->child[i - 1].live)
		i--;
	return i ? n->child[i - 1].in : 0;
}

/* `who` makes a child or rekeys the one there is, and does not get the answer. */
static void lose_answer(int who, bool rekey)
{
	struct w_node *n = &w->n[who];
	struct ike_sa_view v;
	unsigned had = w_children(&w->n[!who]);

	loses = !who;
	if (rekey) {
		cr_assert_eq(ike_engine_rekey_child(n->e, w->now, w_first_child(n)), 0);
	} else {
		cr_assert(w_sa(n, &v));
		cr_assert_eq(ike_engine_new_child(n->e, w->now, v.spi), 0);
	}
	w_run(w, W_US / 10);
	cr_assert_eq(loses, -1);
	cr_assert_eq(w_children(&w->n[!who]), had + 1, "it was made");
	cr_assert_eq(w_children(n), had, "and is not known");
}

/* Both have the same, and so many. */
static void agreed(unsigned children)
{
	w_run(w, 100 * W_US);
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(w_established(&w->n[i]), 1, "node %d", i);
		cr_expect_eq(w_children(&w->n[i]), children, "node %d has %u", i, w_children(&w->n[i]));
		cr_expect_eq(w->n[i].cnt.curchildsa, children, "node %d counts %u", i,
		             (unsigned)w->n[i].cnt.curchildsa);
	}
	cr_expect_eq(w_matched(w), children);
}

static void then_rekeyed(int who, bool rekey, bool cut)
{
	lose_answer(who, rekey);
	cr_assert_eq(ike_engine_rekey_child(w->n[!who].e, w->now, newest(&w->n[!who])), 0);
	w_run(w, W_US / 10);
	if (cut) {
		w_kill(&w->n[who]);
		w_restore(&w->n[who]);
	}
	agreed(rekey ? 1 : 2);
	cr_expect_eq(w->n[who].cnt.notifpaysent_childsanotfound, 0);
	cr_expect_eq(w->n[who].cnt.notifpaysent_tempfail, 1);
}

static void then_deleted(int who, bool rekey, bool cut)
{
	lose_answer(who, rekey);
	cr_assert_eq(ike_engine_delete_child(w->n[!who].e, w->now, newest(&w->n[!who])), 0);
	w_run(w, W_US / 10);
	if (cut) {
		w_kill(&w->n[who]);
		w_restore(&w->n[who]);
	}
	agreed(rekey ? 0 : 1);
}

static void both_ways(void (*then)(int who, bool rekey, bool cut))
{
	for (unsigned i = 0; i < 8; i++) {
		then(i & 1, i & 2, i & 4);
		teardown();
		setup();
	}
}

Test(ike_unanswered, and_rekeyed_by_its_maker)
{
	both_ways(then_rekeyed);
}

Test(ike_unanswered, and_deleted_by_its_maker)
{
	both_ways(then_deleted);
}

/* A delete of what nobody is about to make changes nothing of what is made at the same time. */
Test(ike_unanswered, another_one_deleted_meanwhile)
{
	uint32_t first = w_first_child(&w->n[0]);

	lose_answer(1, false);
	cr_assert_eq(ike_engine_delete_child(w->n[0].e, w->now, first), 0);
	agreed(1);
}
