/* SPDX-License-Identifier: MIT */
/*
 * Rekeys of children and IKE SAs by either side, with and without PFS, by command and by time; and both sides
 * at once (RFC 7296 section 2.8.1).
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

TestSuite(ike_rekey, .init = setup, .fini = teardown, .timeout = 120);

static void start(void)
{
	w_up(w);
}

static uint32_t child_of(int who)
{
	return w_first_child(&w->n[who]);
}

/* One tunnel, one child, nothing left over. */
static void settled(void)
{
	for (int i = 0; i < 2; i++) {
		struct ike_engine_stats s;

		cr_assert_eq(w_children(&w->n[i]), 1, "node %d has %u children", i, w_children(&w->n[i]));
		cr_assert_eq(w_established(&w->n[i]), 1, "node %d has %u SAs", i, w_established(&w->n[i]));
		cr_assert_eq(w_rows(&w->n[i]), 1, "node %d has %u rows", i, w_rows(&w->n[i]));
		cr_assert_eq(w->n[i].cnt.curchildsa, 1);
		cr_assert_eq(w->n[i].events[IKE_EV_DOWN], 0);
		ike_engine_stats_get(w->n[i].e, &s);
		cr_assert_eq(s.txns_in_flight, 0);
		cr_assert_eq(s.children, 1);
	}
	cr_assert_eq(w_matched(w), 1);
}

Test(ike_rekey, child_by_either_side)
{
	for (int who = 0; who < 2; who++) {
		uint32_t before;
		struct ike_sa_view v;
		struct ike_child_view c;

		start();
		before = child_of(who);
		cr_assert_eq(ike_engine_rekey_child(w->n[who].e, w->now, before), 0);
		w_run(w, W_US);
		settled();
		cr_assert_neq(child_of(who), before);
		cr_assert_eq(w->n[0].events[IKE_EV_CHILD_REKEYED], 1);
		cr_assert_eq(w->n[1].events[IKE_EV_CHILD_REKEYED], 1);
		cr_assert_eq(w->n[who].last[IKE_EV_CHILD_REKEYED].old_spi_in, before);
		cr_assert_eq(w->n[0].events[IKE_EV_CHILD_DOWN], 0, "a replaced child is no loss");
		cr_assert(w_child(&w->n[!who], child_of(!who))->out_wait, "who answers waits with sending");
		cr_assert(!w_child(&w->n[who], child_of(who))->out_wait);
		cr_assert(w_sa(&w->n[who], &v));
		cr_assert_eq(ike_engine_child_view(w->n[who].e, v.spi, 0, &c), 0);
		cr_assert_eq(c.rekeys, 1);
		w_free(w);
		w = w_new();
	}
}

Test(ike_rekey, child_with_pfs)
{
	w->n[0].policy.payload[0].esp[0].dh = w->n[1].policy.payload[0].esp[0].dh = IKE_GROUP_ECP256;
	start();
	cr_assert_eq(ike_engine_rekey_child(w->n[1].e, w->now, child_of(1)), 0);
	w_run(w, W_US);
	settled();
	cr_assert_eq(ike_engine_rekey_child(w->n[0].e, w->now, child_of(0)), 0);
	w_run(w, W_US);
	settled();
}

Test(ike_rekey, pfs_wished_by_the_peer_only)
{
	w->n[1].policy.payload[0].esp[0].dh = IKE_GROUP_MODP1024;
	start();
	cr_assert_eq(ike_engine_rekey_child(w->n[1].e, w->now, child_of(1)), 0);
	w_run(w, W_US);
	settled();
	cr_assert_eq(w->n[1].events[IKE_EV_CHILD_REKEYED], 1);
}

Test(ike_rekey, pfs_required_but_not_offered)
{
	w->n[0].policy.payload[0].esp[0].dh = IKE_GROUP_X25519;
	start();
	cr_assert_eq(ike_engine_rekey_child(w->n[1].e, w->now, child_of(1)), 0);
	w_run(w, W_US);
	settled();
	cr_assert_eq(w->n[1].events[IKE_EV_CHILD_REKEYED], 0);
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_FAILED].notify, IKE_N_NO_PROPOSAL_CHOSEN);
}

Test(ike_rekey, invalid_ke_for_a_child)
{
	struct ike_sa_view v;

	w->n[0].policy.payload[0].esp[0].dh = IKE_GROUP_X25519;
	w->n[1].policy.payload[0].esp[0].dh = IKE_GROUP_MODP1024;
	w->n[1].policy.payload[0].esp[1] = w->n[1].policy.payload[0].esp[0];
	w->n[1].policy.payload[0].esp[1].dh = IKE_GROUP_X25519;
	w->n[1].policy.payload[0].n_esp = 2;
	start();
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(ike_engine_new_child(w->n[1].e, w->now, v.spi), 0);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 2);
	cr_assert_eq(w->n[0].cnt.notifpaysent_invke, 1);
}

Test(ike_rekey, ike_by_either_side)
{
	for (int who = 0; who < 2; who++) {
		struct ike_sa_view before, after, peer;
		uint32_t child;

		w->n[0].policy.ask_session = true;
		w->n[0].result.callid = 99;
		start();
		child = child_of(who);
		cr_assert(w_sa(&w->n[who], &before));
		cr_assert_eq(ike_engine_rekey_ike(w->n[who].e, w->now, before.spi), 0);
		w_run(w, W_US);
		settled();
		cr_assert(w_sa(&w->n[who], &after) && w_sa(&w->n[!who], &peer));
		cr_assert_neq(before.spi, after.spi);
		cr_assert_eq(after.spi, peer.peer_spi);
		cr_assert_eq(after.rekeys, 1);
		cr_assert_eq(after.up_us, before.up_us);
		cr_assert_eq(child_of(who), child, "the child goes on");
		cr_assert_eq(w->n[0].sessions_ended, 0);
		cr_assert_eq(w->n[0].events[IKE_EV_REKEYED], 1);
		cr_assert_eq(w->n[1].events[IKE_EV_REKEYED], 1);
		cr_assert(w_sa(&w->n[0], &after));
		cr_assert_eq(after.callid, 99);
		/* and it works: a child's rekey, a check, another rekey by the other side, the end */
		cr_assert_eq(ike_engine_rekey_child(w->n[!who].e, w->now, child_of(!who)), 0);
		w_run(w, W_US);
		settled();
		cr_assert(w_sa(&w->n[!who], &peer));
		cr_assert_eq(ike_engine_rekey_ike(w->n[!who].e, w->now, peer.spi), 0);
		w_run(w, W_US);
		settled();
		cr_assert(w_sa(&w->n[who], &after));
		cr_assert_eq(ike_engine_delete_ike(w->n[who].e, w->now, after.spi), 0);
		w_run(w, W_US);
		cr_assert_eq(w_rows(&w->n[0]) + w_rows(&w->n[1]), 0);
		cr_assert_eq(w->n[0].sessions_ended, 1);
		w_free(w);
		w = w_new();
	}
}

Test(ike_rekey, ike_changes_its_algorithms_group)
{
	struct ike_sa_view v;

	/* The responder's template is changed to another group meanwhile: INVALID_KE_PAYLOAD or the old
	 * suite, but no loss. */
	w->n[1].policy.ike[1] = w->n[1].policy.ike[0];
	w->n[1].policy.ike[1].dh = IKE_GROUP_ECP256;
	w->n[1].policy.n_ike = 2;
	start();
	w->n[0].policy.ike[0].dh = IKE_GROUP_ECP256;
	cr_assert_eq(ike_engine_policy_put(w->n[0].e, &w->n[0].policy), 0);
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(ike_engine_rekey_ike(w->n[1].e, w->now, v.spi), 0);
	w_run(w, W_US);
	settled();
}

Test(ike_rekey, both_rekey_the_child_at_once)
{
	/* Many seeds: both outcomes of the nonces must be seen, and both orders of arrival. */
	unsigned wins[2] = {0};

	for (unsigned seed = 1; seed <= 40; seed++) {
		uint32_t spi0, spi1;

		w_free(w);
		w = w_new();
		w->n[0].rnd += seed * 977;
		w->n[1].rnd += seed * 1013;
		w->n[0].commit = w->n[1].commit = seed % 3 ? W_NOW : W_LATER;
		start();
		spi0 = child_of(0);
		spi1 = child_of(1);
		cr_assert_eq(ike_engine_rekey_child(w->n[0].e, w->now, spi0), 0);
		w_run(w, seed % 4 * 400);
		ike_engine_rekey_child(w->n[1].e, w->now, spi1);
		w_run(w, 5 * W_US);
		settled();
		cr_assert(!w_child(&w->n[0], spi0) && !w_child(&w->n[1], spi1));
		wins[0] += w->n[0].cnt.rekey_childsareqsent;
		wins[1] += w->n[0].cnt.rekey_childsareqrecv;
	}
	cr_assert_gt(wins[0], 0);
	cr_assert_gt(wins[1], 0);
}

Test(ike_rekey, both_rekey_the_ike_sa_at_once)
{
	for (unsigned seed = 1; seed <= 40; seed++) {
		struct ike_sa_view a, b, c;

		w_free(w);
		w = w_new();
		w->n[0].rnd += seed * 977;
		w->n[1].rnd += seed * 1013;
		w->n[0].commit = w->n[1].commit = seed % 3 ? W_NOW : W_LATER;
		start();
		cr_assert(w_sa(&w->n[0], &a) && w_sa(&w->n[1], &b));
		ike_engine_rekey_ike(w->n[0].e, w->now, a.spi);
		w_run(w, seed % 4 * 400);
		ike_engine_rekey_ike(w->n[1].e, w->now, b.spi);
		w_run(w, 70 * W_US);
		settled();
		cr_assert(w_sa(&w->n[0], &c));
		cr_assert_neq(c.spi, a.spi);
	}
}

/* What node 0 answers to CREATE_CHILD_SA in the first two seconds is lost. */
static int its_answers_are_lost(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)len, (void)delay;
	return from == 0 && pkt[18] == IKE_X_CREATE_CHILD && pkt[19] & 0x20 &&
	       one->now < *(uint64_t *)one->fate_arg;
}

/* Node 0 has both answers, and where its own rekey wins it deletes the old IKE SA before node 1 has its
 * answer: what node 1 began is over, and of the SA that node 0 made for it node 1 never hears (strongSwan:
 * "abort active rekeying"). */
Test(ike_rekey, both_rekey_the_ike_sa_and_one_hears_no_answer)
{
	unsigned unheard = 0;
	uint64_t until;

	for (unsigned seed = 1; seed <= 20; seed++) {
		struct ike_sa_view a, b;

		w_free(w);
		w = w_new();
		w->n[0].rnd += seed * 977;
		w->n[1].rnd += seed * 1013;
		start();
		until = w->now + 2 * W_US;
		w->fate_arg = &until;
		w->fate = its_answers_are_lost;
		cr_assert(w_sa(&w->n[0], &a) && w_sa(&w->n[1], &b));
		ike_engine_rekey_ike(w->n[0].e, w->now, a.spi);
		ike_engine_rekey_ike(w->n[1].e, w->now, b.spi);
		w_run(w, W_US);
		unheard += w_established(&w->n[0]) == 2;
		w_run(w, 14 * W_US);
		settled();
	}
	cr_expect(unheard > 0 && unheard < 20, "%u", unheard);
}

static int first_answer_lost(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	unsigned *n = one->fate_arg;

	(void)len, (void)delay;
	return from == 1 && pkt[18] == IKE_X_CREATE_CHILD && (*n)++ < 2;
}

Test(ike_rekey, collision_seen_by_one_side_only)
{
	unsigned lost = 0;

	start();
	w->fate_arg = &lost;
	w->fate = first_answer_lost;
	ike_engine_rekey_child(w->n[1].e, w->now, child_of(1)); /* the request is lost twice */
	w_run(w, 1000);
	ike_engine_rekey_child(w->n[0].e, w->now, child_of(0));
	w_run(w, 20 * W_US);
	settled();
}

Test(ike_rekey, crossing_kinds_are_told_to_wait)
{
	struct ike_sa_view a;

	/* One rekeys the IKE SA, the other the child: TEMPORARY_FAILURE, and no harm (RFC 7296 section 2.25).
	 */
	start();
	cr_assert(w_sa(&w->n[0], &a));
	ike_engine_rekey_ike(w->n[0].e, w->now, a.spi);
	ike_engine_rekey_child(w->n[1].e, w->now, child_of(1));
	w_run(w, 10 * W_US);
	settled();
	cr_assert_eq(w->n[0].events[IKE_EV_REKEYED], 0, "the peer's child was being rekeyed");
}

Test(ike_rekey, temporary_failure_is_retried)
{
	struct ike_sa_view a, b;

	w->n[0].policy.ike_lifetime_s = 600;
	start();
	cr_assert(w_sa(&w->n[0], &a));
	ike_engine_rekey_ike(w->n[0].e, w->now, a.spi);
	ike_engine_rekey_child(w->n[1].e, w->now, child_of(1));
	w_run(w, 400 * W_US); /* half of what was left of the lifetime */
	settled();
	cr_assert_eq(w->n[0].events[IKE_EV_REKEYED], 1);
	cr_assert(w_sa(&w->n[0], &b));
	cr_assert_neq(a.spi, b.spi);
}

Test(ike_rekey, delete_crosses_rekey)
{
	struct ike_sa_view a;

	start();
	cr_assert(w_sa(&w->n[0], &a));
	w->n[0].policy.allow_empty = w->n[1].policy.allow_empty = true;
	ike_engine_policy_put(w->n[0].e, &w->n[0].policy);
	ike_engine_policy_put(w->n[1].e, &w->n[1].policy);
	ike_engine_delete_child(w->n[0].e, w->now, child_of(0));
	ike_engine_rekey_child(w->n[1].e, w->now, child_of(1));
	w_run(w, 5 * W_US);
	cr_assert_eq(w_children(&w->n[0]), w_children(&w->n[1]));
	cr_assert_eq(w_matched(w), w_children(&w->n[0]));
	cr_assert_eq(w_established(&w->n[0]), 1);
}

Test(ike_rekey, rekey_of_an_unknown_child)
{
	start();
	/* Node 0 forgets its child without telling (as after a lost store): CHILD_SA_NOT_FOUND ends it at
	 * node 1. */
	w->n[1].policy.allow_empty = true;
	ike_engine_policy_put(w->n[1].e, &w->n[1].policy);
	ike_sa_child_free(ike_sa_child_in(w->n[0].e, child_of(0)));
	w->n[0].child[0].live = false;
	ike_engine_rekey_child(w->n[1].e, w->now, child_of(1));
	w_run(w, W_US);
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_FAILED].notify, IKE_N_CHILD_SA_NOT_FOUND);
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_DOWN].reason, IKE_R_CHILD_NOT_FOUND);
	cr_assert_eq(w_children(&w->n[1]), 0);
}

/*
 * An SPI that is offered and not answered yet is taken: the peer sends under it as soon as it has agreed.
 * Also when the offer is of a process that is no more, and for the child of an IKE_AUTH.
 */
Test(ike_rekey, no_spi_is_offered_twice)
{
	for (int cut = 0; cut < 2; cut++) {
		uint32_t spi[2], n = 0;

		start();
		w_initiate(w);
		w_run(w, W_US);
		for (unsigned i = 0; i < W_CHILDREN && n < 2; i++)
			if (w->n[1].child[i].live)
				spi[n++] = w->n[1].child[i].in;
		cr_assert_eq(n, 2);
		w->same4 = 6;
		cr_assert_eq(ike_engine_rekey_child(w->n[1].e, w->now, spi[0]), 0);
		if (cut) {
			w_kill(&w->n[1]);
			w_restore(&w->n[1]);
		}
		cr_assert_eq(ike_engine_rekey_child(w->n[1].e, w->now, spi[1]), 0);
		w_initiate(w);
		w_run(w, 5 * W_US);
		cr_assert_eq(w->same4, 0);
		for (int i = 0; i < 2; i++) {
			cr_assert_eq(w->n[i].events[IKE_EV_CHILD_REKEYED], 2);
			cr_assert_eq(w->n[i].events[IKE_EV_CHILD_FAILED], 0);
			cr_assert_eq(w_children(&w->n[i]), 3);
		}
		cr_assert_eq(w_matched(w), 3);
		w_free(w);
		w = w_new();
	}
}

Test(ike_rekey, ignoring_rekeys)
{
	w->n[0].policy.payload[0].ignore_rekey = true;
	start();
	ike_engine_rekey_child(w->n[1].e, w->now, child_of(1));
	w_run(w, W_US);
	settled();
	cr_assert_eq(w->n[0].cnt.rekey_childsaignored, 1);
}

Test(ike_rekey, gateway_may_ignore_rekeys_of_the_ike_sa)
{
	struct ike_sa_view v;

	w->n[0].policy.ignore_ike_rekey = true;
	start();
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(ike_engine_rekey_ike(w->n[1].e, w->now, v.spi), 0);
	w_run(w, W_US);
	cr_assert_eq(w->n[1].events[IKE_EV_REKEYED], 0);
	cr_assert_eq(w->n[0].cnt.rekey_ikesaignored, 1);
	cr_assert_eq(w->n[1].events[IKE_EV_REKEY_FAILED], 1);
	cr_assert_eq(w->n[1].last[IKE_EV_REKEY_FAILED].notify, IKE_N_NO_ADDITIONAL_SAS);
	cr_assert_eq(w_matched(w), 1);
}

Test(ike_rekey, too_many_rekeys_are_slowed_down)
{
	w->n[0].policy.rekey_rate = 2;
	start();
	w_run(w, W_US - w->now % W_US); /* a full second ahead */
	for (int i = 0; i < 3; i++) {
		ike_engine_rekey_child(w->n[1].e, w->now, child_of(1));
		w_run(w, W_US / 10);
	}
	settled();
	cr_assert_eq(w->n[1].events[IKE_EV_CHILD_REKEYED], 2);
	cr_assert_eq(w->n[0].cnt.childsa_rekey_rate_temp_failure, 1);
}

/* A month of a tunnel in a second: children hourly, the IKE SA daily, both sides armed. */
Test(ike_rekey, a_month_of_rekeys)
{
	for (int i = 0; i < 2; i++) {
		w->n[i].policy.payload[0].lifetime_s = 3600;
		w->n[i].policy.ike_lifetime_s = 86400;
		w->n[i].policy.payload[0].rekey = w->n[i].policy.ike_rekey = true;
		w->n[i].policy.dpd_interval_s = 600;
	}
	start();
	w_run(w, 30ULL * 86400 * W_US);
	settled();
	cr_assert_geq(w->n[0].events[IKE_EV_CHILD_REKEYED], 720);
	cr_assert_geq(w->n[0].events[IKE_EV_REKEYED], 30);
	cr_assert_eq(w->n[0].sessions_ended, 0);
}
