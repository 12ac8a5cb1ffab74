/* SPDX-License-Identifier: MIT */
/*
 * A gateway that begins tunnels of a service itself (chapter 27): its session is asked for when the peer is
 * proven, a refused one ends the peer's tunnel too, a call that is given up in any state of its set-up leaves
 * nothing behind at either end, and all of it works from behind a NAT. Node 1 is the gateway here, and
 * begins.
 */
#include <criterion/criterion.h>

#include "ike_world.h"

static struct world *w;

static void setup(void)
{
	w = w_new();
	w->n[1].policy.ask_session = true;
	w->n[1].result.callid = 4711;
}

static void teardown(void)
{
	w_free(w);
}

TestSuite(ike_initiator, .init = setup, .fini = teardown, .timeout = 120);

/* Nothing is left at either end, in memory or on disk. */
static void expect_nothing(void)
{
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(w_established(&w->n[i]), 0, "node %d", i);
		cr_expect_eq(w_children(&w->n[i]), 0, "node %d", i);
		cr_expect_eq(w_rows(&w->n[i]), 0, "node %d", i);
	}
}

/* --- sessions --- */

Test(ike_initiator, the_session_comes_before_the_tunnel)
{
	struct ike_sa_view v;

	w->n[1].answer_sessions = false;
	w_boot(w);
	w_initiate(w);
	w_run(w, 3 * W_US);
	cr_assert_eq(w->n[1].sessions_asked, 1, "asked once");
	cr_expect_eq(w->n[1].session.path.remote.port, 500);
	cr_expect_eq(w->n[1].events[IKE_EV_UP], 0);
	cr_expect_eq(w_rows(&w->n[1]), 0);
	cr_expect_eq(w->sent[1], 2, "an answered request is not repeated");
	cr_assert_eq(ike_engine_address_assigned(w->n[1].e, w->now, w->n[1].session_ref, &w->n[1].result), 0);
	cr_assert_eq(ike_engine_address_assigned(w->n[1].e, w->now, w->n[1].session_ref, &w->n[1].result),
	             -EALREADY);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 1);
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(v.callid, 4711);
	cr_assert_eq(w->n[1].last[IKE_EV_UP].callid, 4711);
	ike_engine_delete_ike(w->n[0].e, w->now, v.peer_spi);
	w_run(w, W_US);
	cr_assert_eq(w->n[1].sessions_ended, 1);
	w_run(w, 60 * W_US);
	expect_nothing();
}

Test(ike_initiator, a_session_survives_as_the_responders_does)
{
	struct ike_sa_view v;

	w_up(w);
	w_kill(&w->n[1]);
	w_restore(&w->n[1]);
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(v.callid, 4711);
	cr_assert(v.initiator);
	ike_engine_rekey_ike(w->n[1].e, w->now, v.spi);
	w_run(w, W_US);
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(v.callid, 4711);
	cr_assert_eq(w->n[1].sessions_asked, 1);
	cr_assert_eq(w->n[1].sessions_ended, 0);
}

static void refused(int status, enum ike_reason reason)
{
	w->n[1].result.status = status;
	w_boot(w);
	w_initiate(w);
	w_run(w, 5 * W_US);
	cr_assert_eq(w->n[1].events[IKE_EV_SETUP_FAILED], 1);
	cr_assert_eq(w->n[1].last[IKE_EV_SETUP_FAILED].reason, reason);
	cr_expect_eq(w->n[1].events[IKE_EV_UP] + w->n[1].events[IKE_EV_DOWN], 0);
	cr_expect_eq(w->n[0].events[IKE_EV_UP], 1, "the peer believed it was up");
	cr_expect_eq(w->n[0].last[IKE_EV_DOWN].reason, IKE_R_PEER_DELETE);
	w_run(w, 60 * W_US);
	expect_nothing();
}

Test(ike_initiator, without_a_session_there_is_no_tunnel)
{
	refused(-ENOSPC, IKE_R_NO_ADDRESS);
}

Test(ike_initiator, without_permission_neither)
{
	refused(-EACCES, IKE_R_AUTH_FAILED);
}

static int lose_first_delete(struct world *x, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	unsigned *n = x->fate_arg;

	(void)len, (void)delay;
	return from == 1 && pkt[18] == IKE_X_INFORMATIONAL && !(*n)++;
}

Test(ike_initiator, the_delete_is_repeated)
{
	unsigned lost = 0;

	w->fate = lose_first_delete;
	w->fate_arg = &lost;
	refused(-ENOSPC, IKE_R_NO_ADDRESS);
	cr_assert_gt(lost, 1);
}

Test(ike_initiator, a_session_that_never_comes)
{
	w->n[1].answer_sessions = false;
	w->n[1].policy.setup_timer_s = 3;
	w->n[0].policy.dpd_interval_s = 10;
	w_boot(w);
	w_initiate(w);
	w_run(w, 4 * W_US);
	cr_assert_eq(w->n[1].last[IKE_EV_SETUP_FAILED].reason, IKE_R_SETUP_TIMEOUT);
	cr_assert_eq(ike_engine_address_assigned(w->n[1].e, w->now, w->n[1].session_ref, &w->n[1].result),
	             -ENOENT);
	w_run(w, 120 * W_US);
	expect_nothing();
}

/* --- giving up --- */

Test(ike_initiator, given_up_before_the_peer_answers)
{
	uint64_t spi;

	w_boot(w);
	spi = w_initiate(w);
	cr_assert_eq(ike_engine_give_up(w->n[1].e, w->now, spi, IKE_R_COLLISION), 0);
	cr_assert_eq(ike_engine_give_up(w->n[1].e, w->now, spi, IKE_R_COLLISION), -ENOENT);
	cr_assert_eq(w->n[1].last[IKE_EV_SETUP_FAILED].reason, IKE_R_COLLISION);
	w_run(w, 60 * W_US);
	cr_expect_eq(w->sent[1], 1, "what is still answered is dropped");
	cr_expect_eq(w->n[1].events[IKE_EV_SETUP_FAILED], 1);
	expect_nothing();
}

/* Given up so long after it began: before and behind each message. The peer never keeps a tunnel. */
static void given_up_at(uint64_t us, enum w_commit commit)
{
	uint64_t spi;
	int err;

	w->n[0].commit = w->n[1].commit = commit;
	w->n[1].answer_sessions = false;
	w_boot(w);
	spi = w_initiate(w);
	w_run(w, us);
	err = ike_engine_give_up(w->n[1].e, w->now, spi, IKE_R_COLLISION);
	cr_assert_eq(err, 0, "after %u us: %d", (unsigned)us, err);
	w_run(w, 30 * W_US);
	cr_expect_eq(w->n[1].events[IKE_EV_SETUP_FAILED], 1);
	cr_expect_eq(w->n[1].last[IKE_EV_SETUP_FAILED].reason, IKE_R_COLLISION);
	cr_expect_eq(w->n[1].events[IKE_EV_UP] + w->n[1].events[IKE_EV_DOWN], 0);
	w_run(w, 60 * W_US);
	expect_nothing();
}

Test(ike_initiator, given_up_at_any_time)
{
	for (uint64_t us = 0; us <= 10000; us += 250)
		for (int commit = W_NOW; commit <= W_LATER; commit++) {
			teardown();
			setup();
			given_up_at(us, commit);
		}
}

Test(ike_initiator, given_up_and_then_cut_off)
{
	uint64_t spi;

	w_boot(w);
	w->n[1].answer_sessions = false;
	spi = w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w_established(&w->n[0]), 1);
	cr_assert_eq(ike_engine_give_up(w->n[1].e, w->now, spi, IKE_R_COLLISION), 0);
	for (unsigned i = 0; i < W_PACKETS; i++) /* the delete is lost with us */
		if (w->p[i].used) {
			free(w->p[i].pkt);
			w->p[i].used = false;
		}
	w_kill(&w->n[1]);
	w_restore(&w->n[1]);
	w_run(w, 60 * W_US);
	expect_nothing();
}

Test(ike_initiator, what_is_not_ours_to_give_up)
{
	struct ike_sa_view v;

	w_up(w);
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(ike_engine_give_up(w->n[1].e, w->now, v.spi, IKE_R_COLLISION), -EAGAIN);
	cr_assert(w_sa(&w->n[0], &v));
	cr_assert_eq(ike_engine_give_up(w->n[0].e, w->now, v.spi, IKE_R_COLLISION), -EAGAIN);
	cr_assert_eq(ike_engine_give_up(w->n[0].e, w->now, 1, IKE_R_COLLISION), -ENOENT);
	cr_assert_eq(w_matched(w), 1);
}

static int lose_auth(struct world *x, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)x, (void)len, (void)delay;
	return from == 1 && pkt[18] == IKE_X_AUTH;
}

Test(ike_initiator, what_was_given_up_is_not_repeated)
{
	uint64_t spi;

	w->fate = lose_auth;
	w_boot(w);
	spi = w_initiate(w);
	w_run(w, 10000);
	cr_assert_eq(ike_engine_give_up(w->n[1].e, w->now, spi, IKE_R_SETUP_TIMEOUT), 0);
	w_run(w, 120 * W_US);
	cr_expect_eq(w->sent[1], 2);
	cr_expect_eq(w->n[1].last[IKE_EV_SETUP_FAILED].reason, IKE_R_SETUP_TIMEOUT);
	expect_nothing();
}

/* --- what is asked for --- */

/* A payload of a family is for selectors of it, whichever family the tunnel itself is of. */
Test(ike_initiator, selectors_are_of_the_payloads_family)
{
	w->n[0].policy.payload[0].family = w->n[1].policy.payload[0].family = AF_INET6;
	w_up(w);
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(w->n[i].child[0].tsl.lo.family, AF_INET6, "node %d", i);
		cr_expect_eq(w->n[i].child[0].tsr.lo.family, AF_INET6, "node %d", i);
	}
}

/* --- behind a NAT --- */

Test(ike_initiator, from_behind_a_nat)
{
	struct ike_sa_view v;

	w->nat = true;
	w->n[1].policy.dpd_interval_s = 30;
	w_up(w);
	cr_assert(w_sa(&w->n[1], &v));
	cr_expect(v.nat_local);
	cr_expect_not(v.nat_remote);
	cr_expect(v.path.natt && v.path.local.port == 4500 && v.path.remote.port == 4500);
	cr_expect_eq(v.callid, 4711);
	cr_assert(w_sa(&w->n[0], &v));
	cr_expect(v.nat_remote);
	cr_expect_eq(v.path.remote.port, 44500);
	cr_expect(w->n[0].child[0].encap && w->n[1].child[0].encap);
	/* the mapping moves: the next message shows it, and the peer follows */
	w->nat_shift = 7;
	w_run(w, 60 * W_US);
	cr_assert(w_sa(&w->n[0], &v));
	cr_expect_eq(v.path.remote.port, 44507);
	cr_expect_eq(w->n[0].child[0].path.remote.port, 44507);
	cr_assert_eq(w_matched(w), 1);
}

/* Who is behind a NAT follows nobody; who only says so, to have ESP in UDP, follows, and remembers it. */
Test(ike_initiator, from_behind_a_nat_follows_nobody)
{
	struct ike_sa_view v;
	struct net_endpoint elsewhere;

	w->nat = true;
	w->n[0].policy.force_encap = true;
	w->n[0].policy.ike_rekey = true;
	w_up(w);
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert(v.nat_local && v.nat_remote);
	cr_expect(w->n[0].child[0].encap && w->n[0].child[0].follow);
	cr_expect(w->n[1].child[0].encap && !w->n[1].child[0].follow);
	elsewhere = v.path.remote;
	elsewhere.port++;
	cr_assert_eq(ike_engine_data_seen(w->n[1].e, w->now, w->n[1].child[0].in, &elsewhere), 0);
	cr_expect_eq(w->n[1].paths, 0);
	w_kill(&w->n[0]);
	w_restore(&w->n[0]);
	cr_expect(w->n[0].child[0].follow);
	cr_assert(w_sa(&w->n[0], &v));
	cr_assert_eq(ike_engine_rekey_ike(w->n[0].e, w->now, v.spi), 0);
	w_run(w, W_US);
	w->nat_shift = 11;
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(ike_engine_dpd(w->n[1].e, w->now, v.spi), 0);
	w_run(w, 3 * W_US);
	cr_assert(w_sa(&w->n[0], &v));
	cr_assert_eq(v.path.remote.port, 44511);
	cr_assert_eq(w->n[0].child[0].path.remote.port, 44511);
}

/* … nor in the control plane: its peer's answer from another address leaves the path as it was. */
static int moves_on(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	struct ike_path path = {.ctx_id = 1, .natt = true};

	(void)delay;
	if (from == 1)
		return 0;
	net_addr_parse(&path.local.addr, "10.0.0.2");
	path.local.port = path.remote.port = 4500;
	net_addr_parse(&path.remote.addr, "10.0.0.77");
	w_deliver(one, 1, &path, pkt, len, one->now + one->latency);
	return 1;
}

Test(ike_initiator, from_behind_a_nat_an_answer_from_elsewhere_moves_nothing)
{
	struct ike_sa_view v;

	w->nat = true;
	w->n[0].policy.force_encap = true;
	w_up(w);
	w->fate = moves_on;
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(ike_engine_dpd(w->n[1].e, w->now, v.spi), 0);
	w_run(w, 3 * W_US);
	cr_assert_eq(w->n[1].events[IKE_EV_PEER_ALIVE], 1);
	cr_expect_eq(w->n[1].paths, 0);
	cr_expect_eq(w->n[1].cnt.nat_update_addr_control, 0);
}

/* The data path tells a new mapping once, perhaps while something is being stored: IKE goes there, too. */
Test(ike_initiator, a_mapping_that_moves_in_a_transaction)
{
	struct w_node *g = &w->n[0];
	struct ike_sa_view v;

	w->nat = true;
	w_up(w);
	g->commit = W_MANUAL;
	cr_assert_eq(ike_engine_rekey_child(g->e, w->now, g->child[0].in), 0);
	cr_assert_eq(g->n_queue, 1);
	cr_assert(w_sa(g, &v));
	w->nat_shift = 9;
	v.path.remote.port = 44509;
	cr_assert_eq(ike_engine_data_seen(g->e, w->now, g->child[0].in, &v.path.remote), 0);
	cr_expect_eq(g->cnt.nat_update_addr_data, 0);
	while (g->n_queue)
		w_settle(g, true);
	g->commit = W_NOW;
	cr_assert(w_sa(g, &v));
	cr_expect_eq(v.path.remote.port, 44509);
	cr_expect_eq(g->child[0].path.remote.port, 44509);
	cr_expect_eq(g->cnt.nat_update_addr_data, 1);
	w_run(w, 5 * W_US);
	/* what was seen before does not come back */
	cr_assert_eq(ike_engine_data_seen(g->e, w->now, g->child[1].in, &v.path.remote), 0);
	w->nat_shift = 12;
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(ike_engine_dpd(w->n[1].e, w->now, v.spi), 0);
	w_run(w, 3 * W_US);
	cr_assert(w_sa(g, &v));
	cr_expect_eq(v.path.remote.port, 44512);
	cr_expect_eq(g->cnt.nat_update_addr_data, 1);
	cr_assert_eq(w_matched(w), 1);
}

Test(ike_initiator, keepalives_for_the_nat)
{
	struct ike_child_view c;
	struct ike_sa_view v;

	w->nat = true;
	w->n[1].policy.natt_idle_s = 20;
	w->n[1].policy.natt_interval_s = 15;
	w_up(w);
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(ike_engine_child_view(w->n[1].e, v.spi, 0, &c), 0);
	cr_expect_eq(c.sa.natt_idle_s, 20);
	cr_expect_eq(c.sa.natt_interval_s, 15);
}

/* They are of the template or map whose address they come to; who knows no such address counts them too. */
Test(ike_initiator, keepalives_are_counted)
{
	struct counters_ikev2 own = {0};
	struct ike_path path = {.ctx_id = 1, .natt = true};

	w->n[1].policy.counters = &own;
	net_addr_parse(&w->n[1].policy.local, "10.0.0.2");
	w_up(w);
	ike_engine_keepalive_sent(w->n[1].e, w->n[1].child[0].in);
	ike_engine_keepalive_sent(w->n[1].e, w->n[1].child[0].in + 1); /* gone meanwhile */
	cr_expect_eq(own.nattkeepalive_send, 1);
	net_addr_parse(&path.local.addr, "10.0.0.2");
	net_addr_parse(&path.remote.addr, "10.0.0.77");
	ike_engine_keepalives(w->n[1].e, &path, 3);
	cr_expect_eq(own.nattkeepalive_recv, 3);
	net_addr_parse(&path.local.addr, "10.0.0.3");
	ike_engine_keepalives(w->n[1].e, &path, 2);
	cr_expect_eq(own.nattkeepalive_recv, 3);
	cr_expect_eq(w->n[1].cnt.nattkeepalive_recv, 2);
}
