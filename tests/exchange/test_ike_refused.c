/* SPDX-License-Identifier: MIT */
/*
 * Child SAs that the data path refuses (ike_refused.c), between two engines: the peer of the exchange hears
 * of it, nothing of the child is left in rows, data path or counters, and what there was before stays.
 */
#include <criterion/criterion.h>

#include "ike_world.h"

static struct world *w;

static void setup(void)
{
	w = w_new();
}

static void teardown(void)
{
	w_free(w);
}

TestSuite(ike_refused, .init = setup, .fini = teardown, .timeout = 60);

static void up(void)
{
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w_established(&w->n[0]), 1);
	cr_assert_eq(w_matched(w), 1);
}

/* Both have one tunnel with one child, the same. */
static void one_child(void)
{
	cr_expect_eq(w_established(&w->n[0]), 1);
	cr_expect_eq(w_established(&w->n[1]), 1);
	cr_expect_eq(w_matched(w), 1);
	cr_expect_eq(w_children(&w->n[0]), 1);
	cr_expect_eq(w_children(&w->n[1]), 1);
}

static void nothing(void)
{
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(w_established(&w->n[i]), 0, "node %d", i);
		cr_expect_eq(w_children(&w->n[i]), 0, "node %d", i);
		cr_expect_eq(w_rows(&w->n[i]), 0, "node %d", i);
		cr_expect_eq(w->n[i].cnt.curchildsa, 0, "node %d", i);
	}
}

static void first_child(bool unusable, uint16_t notify)
{
	w->n[0].refuse_children = 1;
	w->n[0].refuse_unusable = unusable;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US / 2);
	cr_expect_eq(w->n[1].events[IKE_EV_CHILD_FAILED], 1, "the peer is told");
	cr_expect_eq(w->n[1].last[IKE_EV_CHILD_FAILED].notify, notify);
	cr_expect_eq(w->n[0].last[IKE_EV_CHILD_FAILED].reason, IKE_R_DATA_PATH);
	cr_expect_eq(w->n[0].events[IKE_EV_CHILD_UP], 0);
	cr_expect_eq(w->n[0].cnt.csa_createfail, 1);
	cr_expect_eq(w->n[0].cnt.csa_createsucc, 0);
	w_run(w, 40 * W_US);
	nothing();
}

Test(ike_refused, the_first_child_for_lack_of_room)
{
	first_child(false, IKE_N_NO_ADDITIONAL_SAS);
}

Test(ike_refused, the_first_child_for_what_it_is)
{
	first_child(true, IKE_N_NO_PROPOSAL_CHOSEN);
}

/* The peer proves us all the same: an IKE SA without child stays where the policies allow it. */
Test(ike_refused, the_ike_sa_is_proven_without_its_child)
{
	w->n[0].policy.allow_empty = w->n[1].policy.allow_empty = true;
	w->n[0].refuse_children = 1;
	w_boot(w);
	w_initiate(w);
	w_run(w, 10 * W_US);
	cr_expect_eq(w_established(&w->n[0]), 1);
	cr_expect_eq(w_established(&w->n[1]), 1);
	cr_expect_eq(w_children(&w->n[0]), 0);
	/* and is none that could not be restored */
	w_kill(&w->n[0]);
	w_restore(&w->n[0]);
	cr_expect_eq(w_established(&w->n[0]), 1);
	cr_expect_eq(w_children(&w->n[0]), 0);
}

Test(ike_refused, another_child_that_the_peer_wants)
{
	struct ike_sa_view v;

	up();
	w->n[0].refuse_children = 1;
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(ike_engine_new_child(w->n[1].e, w->now, v.spi), 0);
	w_run(w, W_US);
	cr_expect_eq(w->n[1].last[IKE_EV_CHILD_FAILED].notify, IKE_N_NO_ADDITIONAL_SAS);
	cr_expect_eq(w->n[0].cnt.csa_createfail, 1);
	cr_expect_eq(w->n[0].cnt.csa_createsucc, 1);
	w_run(w, 200 * W_US);
	one_child();
}

/* The old child stays, with the times it had, and can be rekeyed when there is room. */
Test(ike_refused, a_rekey_by_the_peer)
{
	uint32_t spi;

	up();
	spi = w_first_child(&w->n[1]);
	w->n[0].refuse_children = 1;
	cr_assert_eq(ike_engine_rekey_child(w->n[1].e, w->now, spi), 0);
	w_run(w, 300 * W_US);
	one_child();
	cr_expect_eq(w->n[1].last[IKE_EV_CHILD_FAILED].notify, IKE_N_TEMPORARY_FAILURE);
	cr_expect_eq(w_first_child(&w->n[1]), spi);
	cr_expect_eq(w->n[0].cnt.csa_createsucc, 1);
	cr_expect_eq(w->n[0].events[IKE_EV_CHILD_REKEYED], 0);
	cr_assert_eq(ike_engine_rekey_child(w->n[1].e, w->now, spi), 0);
	w_run(w, 300 * W_US);
	one_child();
	cr_expect_neq(w_first_child(&w->n[1]), spi);
	cr_expect_eq(w->n[0].cnt.csa_createsucc, 2);
}

/* The peer is told to delete what it made; the old child is not deleted by us. */
Test(ike_refused, a_rekey_of_ours)
{
	struct ike_child_view c;
	struct ike_sa_view v;
	uint32_t spi;

	up();
	spi = w_first_child(&w->n[0]);
	w->n[0].refuse_children = 1;
	cr_assert_eq(ike_engine_rekey_child(w->n[0].e, w->now, spi), 0);
	w_run(w, 10 * W_US);
	one_child();
	cr_expect_eq(w_first_child(&w->n[0]), spi);
	cr_expect_eq(w->n[0].last[IKE_EV_CHILD_FAILED].reason, IKE_R_DATA_PATH);
	cr_expect_eq(w->n[0].cnt.csa_createsucc, 1);
	cr_expect_eq(w->n[0].events[IKE_EV_CHILD_REKEYED], 0);
	cr_assert(w_sa(&w->n[0], &v));
	cr_assert_eq(ike_engine_child_view(w->n[0].e, v.spi, 0, &c), 0);
	cr_expect_not(c.deleting);
	cr_expect_gt(c.hard_us, w->now + 80000 * W_US, "as long as it was to live");
}

Test(ike_refused, the_first_child_of_our_own_call)
{
	w->n[1].refuse_children = 1;
	w_boot(w);
	w_initiate(w);
	w_run(w, 40 * W_US);
	cr_expect_eq(w->n[1].events[IKE_EV_CHILD_UP], 0);
	cr_expect_eq(w->n[1].last[IKE_EV_CHILD_FAILED].reason, IKE_R_DATA_PATH);
	cr_expect_eq(w->n[0].last[IKE_EV_DOWN].reason, IKE_R_PEER_DELETE);
	nothing();
}

/* Both rekey at once, and ours is refused: one child is left in the end. */
Test(ike_refused, of_two_rekeys_at_once)
{
	for (int who = 0; who < 2; who++) {
		up();
		w->n[0].refuse_children = 1;
		cr_assert_eq(ike_engine_rekey_child(w->n[who].e, w->now, w_first_child(&w->n[who])), 0);
		cr_assert_eq(ike_engine_rekey_child(w->n[!who].e, w->now, w_first_child(&w->n[!who])), 0);
		w_run(w, 300 * W_US);
		cr_expect_eq(w_established(&w->n[0]), 1);
		cr_expect_eq(w_matched(w), w_children(&w->n[0]), "%u of %u", w_matched(w),
		             w_children(&w->n[0]));
		cr_expect_geq(w_matched(w), 1);
		cr_expect_eq(w_children(&w->n[0]), w_children(&w->n[1]));
		w_free(w);
		w = w_new();
	}
}

/* The refusal waits for its row as everything does. */
Test(ike_refused, durable_with_delays)
{
	w->n[0].commit = W_LATER;
	first_child(false, IKE_N_NO_ADDITIONAL_SAS);
}

/* --- whatever is refused, at whatever moment --- */

static uint64_t dice;

static unsigned roll(unsigned n)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (unsigned)(dice * 0x2545f4914f6cdd1dULL >> 33) % n;
}

static int lossy(struct world *world, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	*delay += roll(4) * 3000;
	return roll(8) == 0;
}

static void something(void)
{
	struct w_node *n = &w->n[roll(2)];
	struct ike_sa_view v;

	w->n[roll(2)].refuse_children = roll(3);
	n->refuse_unusable = roll(2);
	if (!w_sa(n, &v)) {
		if (!w_established(&w->n[1]))
			w_initiate(w);
		return;
	}
	switch (roll(5)) {
	case 0:
		ike_engine_new_child(n->e, w->now, v.spi);
		break;
	case 1:
		ike_engine_rekey_ike(n->e, w->now, v.spi);
		break;
	case 2:
		if (w_first_child(n))
			ike_engine_delete_child(n->e, w->now, w_first_child(n));
		break;
	default:
		if (w_first_child(n))
			ike_engine_rekey_child(n->e, w->now, w_first_child(n));
	}
}

/* Both sides have the same in the end: no child that the other one does not know, and no row of one. */
Test(ike_refused, both_sides_agree_in_the_end)
{
	unsigned alive = 0, refused = 0;

	for (unsigned seed = 1; seed <= 300; seed++) {
		dice = seed * 0x9e3779b97f4a7c15ULL;
		w->n[0].commit = roll(2) ? W_LATER : W_NOW;
		w->n[1].commit = roll(2) ? W_LATER : W_NOW;
		w_boot(w);
		w->fate = lossy;
		for (unsigned i = 0; i < 12; i++) {
			something();
			w_run(w, 1 + roll(1500000));
		}
		w->fate = NULL;
		w->n[0].refuse_children = w->n[1].refuse_children = 0;
		w_run(w, 400 * W_US);
		cr_assert_eq(w_established(&w->n[0]), w_established(&w->n[1]), "seed %u", seed);
		cr_assert_eq(w_children(&w->n[0]), w_children(&w->n[1]), "seed %u", seed);
		cr_assert_eq(w_matched(w), w_children(&w->n[0]), "seed %u", seed);
		cr_assert_eq(w_rows(&w->n[0]), w_established(&w->n[0]), "seed %u", seed);
		cr_assert_eq(w->n[0].cnt.curchildsa, w_children(&w->n[0]), "seed %u", seed);
		alive += w_matched(w);
		refused += w->n[0].refused + w->n[1].refused;
		w_free(w);
		w = w_new();
	}
	cr_assert_gt(alive, 50);
	cr_assert_gt(refused, 600);
}
