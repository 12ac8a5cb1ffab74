/* SPDX-License-Identifier: MIT */
/*
 * Security gateway as initiator between real engines: both call at once, in every order, with each message
 * lost and either end cut off; two gateways that call each other; what survives the loss of one.
 */
#include "tests/exchange/callee_world.h"

TestSuite(ipsecmgr_callee_both, .init = callee_setup, .fini = callee_teardown, .timeout = 240);

/* --- both at once --- */

static unsigned lose, counted;

static int lose_one(struct world *x, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)x, (void)from, (void)pkt, (void)len, (void)delay;
	return ++counted == lose;
}

static void collide(int64_t us, enum w_commit commit)
{
	w->n[0].commit = w->n[1].commit = commit;
	w->n[0].commit_delay = w->n[1].commit_delay = 700;
	to_the_call(us < 0 ? (uint64_t)-us : 0);
	if (us >= 0)
		run((uint64_t)us);
	counted = 0;
	w->fate = lose_one;
	peer_calls();
}

Test(ipsecmgr_callee_both, collisions_in_every_order)
{
	char when[128];

	for (int commit = W_NOW; commit <= W_LATER; commit++)
		for (int64_t us = -8000; us <= 8000; us += 500) {
			callee_teardown();
			callee_setup();
			lose = 0;
			collide(us, (enum w_commit)commit);
			snprintf(when, sizeof(when), "the peer begins after %lld us, commit %d",
			         (long long)us, commit);
			run(W_US);
			expect_one(0, when);
			run(200 * W_US);
			expect_one(0, when);
		}
}

Test(ipsecmgr_callee_both, collisions_with_losses)
{
	char when[128];

	for (int64_t us = -4000; us <= 4000; us += 1000)
		for (unsigned n = 1; n <= 14; n++) {
			callee_teardown();
			callee_setup();
			lose = n;
			collide(us, W_LATER);
			snprintf(when, sizeof(when), "the peer begins after %lld us, message %u is lost",
			         (long long)us, n);
			run(400 * W_US); /* dead peer detection ends what one end has alone */
			expect_one(-1, when);
		}
}

Test(ipsecmgr_callee_both, collisions_and_cuts)
{
	char when[128];

	for (int64_t us = -3000; us <= 3000; us += 1500)
		for (uint64_t at = 0; at <= 9000; at += 750)
			for (int who = 0; who < 2; who++) {
				callee_teardown();
				callee_setup();
				lose = 0;
				collide(us, W_LATER);
				run(at);
				if (who) {
					w_kill(&w->n[1]);
					run(300000);
					w_restore(&w->n[1]);
				} else {
					gateway_kill(0);
					run(300000);
					gateway_restore(0);
				}
				snprintf(when, sizeof(when),
				         "the peer begins after %lld us, node %d is cut off after %llu",
				         (long long)us, who, (unsigned long long)at);
				run(400 * W_US);
				expect_one(-1, when);
				cr_expect_leq(n_disk, 2);
			}
}

Test(ipsecmgr_callee_both, two_gateways_that_call_each_other)
{
	unsigned rounds = 0;

	gateway_start(1);
	run(W_US);
	for (unsigned i = 0; i < 20; i++) {
		struct ike_sa_view v;

		for (unsigned k = 0; k < 60 && mode() != INITIATOR_CONNECTED; k++)
			run(W_US);
		rounds++;
		run(5 * W_US);
		expect_one(-1, "both call");
		cr_assert_eq(gw[1].m.callees->peer[0].p.fsm.state, INITIATOR_CONNECTED);
		cr_assert(w_sa(&w->n[0], &v));
		ike_engine_delete_ike(w->n[0].e, w->now, v.spi);
		run(W_US);
	}
	cr_assert_eq(rounds, 20);
}

/* --- losses --- */

Test(ipsecmgr_callee_both, modes_and_calls_survive)
{
	uint64_t ends;
	int was;

	w->fate = dead;
	for (unsigned i = 0; i < 60; i++) {
		run(1700000);
		was = mode();
		ends = initiator_mode_ends(&peer()->p);
		gateway_kill(0);
		gateway_restore(0);
		cr_assert_eq(mode(), was, "after %u", i);
		cr_assert_eq(initiator_mode_ends(&peer()->p), ends, "after %u", i);
	}
	w->fate = NULL;
	run(25 * W_US);
	expect_one(1, "called");
	gateway_kill(0);
	gateway_restore(0);
	expect_one(1, "restored");
	run(100 * W_US);
	expect_one(1, "not called again");
}

Test(ipsecmgr_callee_both, the_turn_after_a_call_survives)
{
	struct ike_sa_view v;
	uint64_t ends;

	run(12 * W_US);
	cr_assert(w_sa(&w->n[0], &v));
	run(3333333);
	ike_engine_delete_ike(w->n[0].e, w->now, v.spi);
	run(4 * W_US);
	ends = initiator_mode_ends(&peer()->p);
	cr_assert_eq(n_disk, 2);
	gateway_kill(0);
	gateway_restore(0);
	cr_assert_eq(mode(), INITIATOR_RESPONDER);
	cr_assert_eq(initiator_mode_ends(&peer()->p), ends);
}

Test(ipsecmgr_callee_both, rows_that_can_not_be_read)
{
	static const char *const bad[] = {"",
	                                  "x",
	                                  "77 1 4 10 sites",
	                                  "77 1 10 251 sites",
	                                  "77",
	                                  "-1 -1 -1 -1 -1",
	                                  "77 99999999999999999999999999999 10 10 sites"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		run(3 * W_US);
		snprintf(disk[0].text, sizeof(disk[0].text), "%s", bad[i]);
		snprintf(disk[n_disk].key, sizeof(disk[0].key), "p 7 %s",
		         i % 2 ? "tmpl 10.9.9.9" : "tmpl 10.0.0.2");
		snprintf(disk[n_disk++].text, sizeof(disk[0].text), "%s", bad[i]);
		gateway_kill(0);
		gateway_restore(0);
		cr_assert_eq(mode(), INITIATOR_RESPONDER);
		cr_assert_eq(initiator_mode_ends(&peer()->p), w->now + 10 * W_US, "row %zu: begins anew", i);
		cr_assert_eq(n_disk, 1, "row %zu", i);
	}
}
