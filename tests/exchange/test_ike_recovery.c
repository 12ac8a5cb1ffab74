/* SPDX-License-Identifier: MIT */
/*
 * What survives: a node is killed and restored from its rows after every message of every exchange, and the
 * tunnel goes on; answers and requests are repeated byte for byte; damaged rows are refused. The network
 * loses, doubles and reorders meanwhile.
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

TestSuite(ike_recovery, .init = setup, .fini = teardown, .timeout = 300);

static void start(void)
{
	w_up(w);
}

static uint32_t child_of(int who)
{
	return w_first_child(&w->n[who]);
}

static void restart(int who)
{
	w_kill(&w->n[who]);
	w_restore(&w->n[who]);
}

static void settled(void)
{
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(w_children(&w->n[i]), 1, "node %d has %u children", i, w_children(&w->n[i]));
		cr_assert_eq(w_established(&w->n[i]), 1);
		cr_assert_eq(w_rows(&w->n[i]), 1);
	}
	cr_assert_eq(w_matched(w), 1);
}

Test(ike_recovery, restored_tunnel_goes_on)
{
	struct ike_sa_view before, after;

	w->nat = true;
	w->n[0].policy.ask_session = w->n[0].policy.payload[0].assign_address =
	        w->n[1].policy.payload[0].assign_address = true;
	w->n[0].result.callid = 5;
	net_addr_parse(&w->n[0].result.addr, "172.16.0.9");
	start();
	cr_assert(w_sa(&w->n[0], &before));
	restart(0);
	cr_assert(w_sa(&w->n[0], &after));
	cr_assert_eq(before.spi, after.spi);
	cr_assert_eq(before.callid, after.callid);
	cr_assert_eq(before.up_us, after.up_us);
	cr_assert_eq(before.hard_us, after.hard_us);
	cr_assert(net_addr_equal(&before.inner, &after.inner));
	cr_assert(ike_id_equal(&before.peer_id, &after.peer_id));
	cr_assert(after.path.natt && after.path.remote.port == 44500 && after.nat_remote);
	cr_assert(w->n[0].child[0].resumed);
	settled();
	ike_engine_rekey_child(w->n[1].e, w->now, child_of(1));
	w_run(w, W_US);
	settled();
	restart(1);
	ike_engine_rekey_child(w->n[0].e, w->now, child_of(0));
	w_run(w, W_US);
	settled();
	cr_assert(w_sa(&w->n[1], &after));
	ike_engine_rekey_ike(w->n[1].e, w->now, after.spi);
	w_run(w, W_US);
	settled();
	restart(0);
	restart(1);
	settled();
	cr_assert(w_sa(&w->n[0], &after));
	ike_engine_delete_ike(w->n[0].e, w->now, after.spi);
	w_run(w, W_US);
	cr_assert_eq(w_rows(&w->n[0]) + w_rows(&w->n[1]), 0);
}

static int answers_lost(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)len, (void)delay;
	return from == 0 && (pkt[19] & IKE_F_RESPONSE) && pkt[18] != IKE_X_SA_INIT && one->fate_arg;
}

/* The answer is lost, its sender dies; restored, it gives the same bytes to the repeated request. */
static void same_answer(void (*ask)(void))
{
	uint8_t first[4096];
	size_t len;
	unsigned sent;

	w->fate = answers_lost;
	w->fate_arg = w;
	ask();
	w_run(w, 100000);
	cr_assert(w->last_pkt[0][19] & IKE_F_RESPONSE);
	len = w->last_len[0];
	memcpy(first, w->last_pkt[0], len);
	restart(0);
	w->fate_arg = NULL;
	sent = w->sent[0];
	w_run(w, 1000000);
	cr_assert_gt(w->sent[0], sent);
	cr_assert_eq(w->last_len[0], len);
	cr_assert_arr_eq(w->last_pkt[0], first, len);
	cr_assert(w->last_again[0]);
}

static void ask_auth(void)
{
	w_initiate(w);
}

static void ask_child(void)
{
	ike_engine_rekey_child(w->n[1].e, w->now, child_of(1));
}

static void ask_dpd(void)
{
	struct ike_sa_view v;

	cr_assert(w_sa(&w->n[1], &v));
	ike_engine_dpd(w->n[1].e, w->now, v.spi);
}

static void ask_ike(void)
{
	struct ike_sa_view v;

	cr_assert(w_sa(&w->n[1], &v));
	ike_engine_rekey_ike(w->n[1].e, w->now, v.spi);
}

Test(ike_recovery, same_auth_answer)
{
	w_boot(w);
	same_answer(ask_auth);
	w_run(w, W_US);
	settled();
}

Test(ike_recovery, same_dpd_answer)
{
	start();
	same_answer(ask_dpd);
	settled();
}

/* The answer to a rekey, then the delete that follows it, are lost with their senders. */
static void lost_and_restarted(void (*ask)(void))
{
	start();
	w->fate = answers_lost;
	w->fate_arg = w;
	ask();
	w_run(w, 100000);
	restart(0);
	w->fate_arg = NULL;
	w_run(w, 10 * W_US);
	settled();
}

Test(ike_recovery, child_rekey_answer_lost)
{
	lost_and_restarted(ask_child);
}

Test(ike_recovery, ike_rekey_answer_lost)
{
	lost_and_restarted(ask_ike);
}

static int requests_lost(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)len, (void)delay;
	return from == 1 && !(pkt[19] & IKE_F_RESPONSE) && one->fate_arg;
}

/* Our request is lost, we die; restored, we send the same bytes. */
static void same_request(void (*ask)(void))
{
	uint8_t first[4096];
	size_t len;

	start();
	w->fate = requests_lost;
	w->fate_arg = w;
	ask();
	len = w->last_len[1];
	memcpy(first, w->last_pkt[1], len);
	restart(1);
	w_run(w, 100);
	cr_assert_eq(w->last_len[1], len);
	cr_assert_arr_eq(w->last_pkt[1], first, len);
	w->fate_arg = NULL;
	w_run(w, 5 * W_US);
	settled();
}

Test(ike_recovery, same_request_child)
{
	w->n[0].policy.payload[0].esp[0].dh = w->n[1].policy.payload[0].esp[0].dh = IKE_GROUP_X25519;
	same_request(ask_child);
	cr_assert_eq(w->n[0].events[IKE_EV_CHILD_REKEYED], 1);
}

Test(ike_recovery, same_request_ike)
{
	same_request(ask_ike);
	cr_assert_eq(w->n[0].events[IKE_EV_REKEYED], 1);
}

Test(ike_recovery, same_request_dpd)
{
	same_request(ask_dpd);
}

Test(ike_recovery, delete_goes_on_after_a_restart)
{
	struct ike_sa_view v;

	start();
	w->fate = requests_lost;
	w->fate_arg = w;
	cr_assert(w_sa(&w->n[1], &v));
	ike_engine_delete_ike(w->n[1].e, w->now, v.spi);
	restart(1);
	w->fate_arg = NULL;
	w_run(w, W_US);
	cr_assert_eq(w_rows(&w->n[0]) + w_rows(&w->n[1]), 0);
	cr_assert_eq(w_children(&w->n[0]) + w_children(&w->n[1]), 0);
}

/* Count packets; restart one node after the k-th packet is delivered (its processing included). */
static bool run_with_restart(int who, unsigned k, uint64_t us)
{
	uint64_t until = w->now + us;
	unsigned seen = 0, sent = 0;
	bool done = false;

	while (w_step(w, until)) {
		if (w->sent[0] + w->sent[1] == sent)
			continue;
		sent = w->sent[0] + w->sent[1];
		if (++seen == k && !done) {
			restart(who);
			done = true;
		}
	}
	w->now = until;
	return done;
}

/* Every exchange, a crash of either side after every packet, with an immediate and with a slow store. */
static void crash_everywhere(void (*ask)(void), enum w_commit commit)
{
	for (int who = 0; who < 2; who++) {
		for (unsigned k = 1; k < 12; k++) {
			w_free(w);
			w = w_new();
			w->n[0].rnd += k * 31;
			start();
			w->n[0].commit = w->n[1].commit = commit;
			ask();
			run_with_restart(who, k, 20 * W_US);
			w_run(w, 70 * W_US);
			settled();
		}
	}
}

Test(ike_recovery, crash_after_every_packet_of_a_child_rekey)
{
	crash_everywhere(ask_child, W_NOW);
	crash_everywhere(ask_child, W_LATER);
}

Test(ike_recovery, crash_after_every_packet_of_an_ike_rekey)
{
	crash_everywhere(ask_ike, W_NOW);
	crash_everywhere(ask_ike, W_LATER);
}

static void ask_both_child(void)
{
	ike_engine_rekey_child(w->n[0].e, w->now, child_of(0));
	ask_child();
}

static void ask_both_ike(void)
{
	struct ike_sa_view v;

	cr_assert(w_sa(&w->n[0], &v));
	ike_engine_rekey_ike(w->n[0].e, w->now, v.spi);
	ask_ike();
}

Test(ike_recovery, crash_in_every_collision)
{
	crash_everywhere(ask_both_child, W_NOW);
	crash_everywhere(ask_both_child, W_LATER);
	crash_everywhere(ask_both_ike, W_NOW);
	crash_everywhere(ask_both_ike, W_LATER);
}

/* The responder's process dies between commit and answer: what's durable is answered, what isn't was never
 * seen. */
Test(ike_recovery, crash_before_the_commit_was_seen)
{
	w->n[0].commit = W_MANUAL;
	w_boot(w);
	w_initiate(w);
	w_run(w, 100000);
	cr_assert_eq(w->n[0].n_queue, 1);
	for (unsigned i = 0; i < w->n[0].txn_ptr[0]->n; i++)
		if (w->n[0].txn_ptr[0]->actions[i].kind == IKE_ACT_CKPT_PUT)
			w_row_put(&w->n[0], &w->n[0].txn_ptr[0]->actions[i].ckpt);
	w->n[0].commit = W_NOW;
	restart(0);
	w_run(w, 5 * W_US);
	settled();
}

Test(ike_recovery, other_packets_wait_for_the_store)
{
	struct ike_sa_view a, b;

	start();
	w->n[0].commit = W_MANUAL;
	cr_assert(w_sa(&w->n[0], &a) && w_sa(&w->n[1], &b));
	ike_engine_dpd(w->n[0].e, w->now, a.spi); /* in flight: nothing sent yet */
	cr_assert_eq(w->n[0].n_queue, 1);
	ike_engine_dpd(w->n[1].e, w->now, b.spi);
	w_run(w, 100000);
	cr_assert_eq(w->n[0].n_queue, 1, "the peer's request is kept");
	w->n[0].commit = W_NOW;
	w_settle(&w->n[0], true);
	w_run(w, 100000);
	cr_assert_eq(w->n[0].events[IKE_EV_PEER_ALIVE], 1);
	cr_assert_eq(w->n[1].events[IKE_EV_PEER_ALIVE], 1);
}

Test(ike_recovery, rows_of_the_past_catch_up)
{
	struct ike_sa_view v;

	w->n[0].policy.payload[0].lifetime_s = 100;
	w->n[0].policy.payload[0].rekey = true;
	w->n[0].policy.allow_empty = w->n[1].policy.allow_empty = true;
	start();
	w_kill(&w->n[0]);
	w->now += 95 * W_US; /* soft lifetime passed while down */
	w_restore(&w->n[0]);
	w_run(w, 3 * W_US);
	settled();
	cr_assert_eq(w->n[0].events[IKE_EV_CHILD_REKEYED], 1);
	cr_assert(w_sa(&w->n[0], &v));
}

/* ---- hostile rows ---- */

static int nothing_arrives(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)one, (void)from, (void)pkt, (void)len, (void)delay;
	return 1;
}

Test(ike_recovery, damaged_rows_are_refused)
{
	struct w_row *r;
	const char *why;
	uint8_t *copy;
	unsigned accepted = 0;

	start();
	w->fate = nothing_arrives;
	ike_engine_rekey_child(w->n[0].e, w->now, child_of(0));
	r = &w->n[0].row[0];
	copy = malloc(r->len);
	for (size_t len = 0; len < r->len; len++) { /* every truncation, in a block of just that size */
		uint8_t *cut = malloc(len ? len : 1);
		struct w_node fresh = {.w = w,
		                       .cfg = w->n[0].cfg,
		                       .policy = w->n[0].policy,
		                       .rnd = 7,
		                       .commit = W_NOW,
		                       .lax = true};

		memcpy(cut, r->blob, len);
		fresh.cfg.counters = NULL;
		w_start(&fresh);
		cr_assert_neq(ike_engine_restore(fresh.e, w->now, r->key, cut, len, &why), 0);
		cr_assert(why && *why);
		ike_engine_free(fresh.e);
		free(cut);
	}
	for (size_t at = 0; at < r->len; at++) { /* every byte wrong: refused or read, never a crash */
		struct w_node fresh = {.w = w,
		                       .cfg = w->n[0].cfg,
		                       .policy = w->n[0].policy,
		                       .rnd = 7,
		                       .commit = W_NOW,
		                       .lax = true};

		memcpy(copy, r->blob, r->len);
		copy[at] ^= (uint8_t)(1 + at % 255);
		fresh.cfg.counters = NULL;
		w_start(&fresh);
		fresh.cfg.instance = 7;
		accepted += !ike_engine_restore(fresh.e, w->now, r->key, copy, r->len, &why);
		w->n[0].w = w;
		ike_engine_tick(fresh.e, w->now + 1000);
		ike_engine_free(fresh.e);
	}
	free(copy);
	cr_assert_gt(accepted, 0, "keys can't be checked");
}

Test(ike_recovery, rows_that_do_not_fit)
{
	struct w_row *r;
	const char *why = NULL;
	char key[IKE_KEY_LEN] = "0700000000000001";

	start();
	r = &w->n[0].row[0];
	cr_assert_eq(ike_engine_restore(w->n[0].e, w->now, r->key, r->blob, r->len, &why), -EEXIST);
	w_kill(&w->n[0]);
	w_start(&w->n[0]);
	cr_assert_eq(ike_engine_restore(w->n[0].e, w->now, key, r->blob, r->len, &why), -EBADMSG);
	ike_engine_policy_remove(w->n[0].e, "tmpl");
	cr_assert_eq(ike_engine_restore(w->n[0].e, w->now, r->key, r->blob, r->len, &why), -ENOENT);
	r->blob[0] = 9;
	cr_assert_eq(ike_engine_restore(w->n[0].e, w->now, r->key, r->blob, r->len, &why), -EPROTONOSUPPORT);
}

/* ---- a bad network ---- */

static int bad_weather(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	uint64_t *seed = one->fate_arg, r;

	(void)from, (void)pkt, (void)len;
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	r = *seed >> 33;
	*delay = 500 + r % 300000; /* reorders */
	if (r % 100 < 20)
		return 1;
	return r % 100 < 40 ? 2 : 0;
}

Test(ike_recovery, loss_duplication_and_reordering)
{
	for (uint64_t seed = 1; seed <= 25; seed++) {
		uint64_t rnd = seed;
		struct ike_sa_view v;

		w_free(w);
		w = w_new();
		for (int i = 0; i < 2; i++) {
			w->n[i].policy.max_retrans = 20;
			w->n[i].policy.payload[0].lifetime_s = 120;
			w->n[i].policy.ike_lifetime_s = 500;
			w->n[i].policy.payload[0].rekey = w->n[i].policy.ike_rekey = true;
			w->n[i].policy.dpd_interval_s = 15;
			w->n[i].commit = seed % 2 ? W_NOW : W_LATER;
			w->n[i].rnd += seed;
		}
		w->fate = bad_weather;
		w->fate_arg = &rnd;
		w_boot(w);
		w_initiate(w);
		w_run(w, 60 * W_US);
		cr_assert_eq(w_matched(w), 1, "seed %llu", (unsigned long long)seed);
		w_run(w, 1000 * W_US);
		w->fate = NULL;
		w_run(w, 65 * W_US);
		cr_assert(w_sa(&w->n[0], &v), "seed %llu", (unsigned long long)seed);
		cr_assert_geq(w_matched(w), 1, "seed %llu", (unsigned long long)seed);
		cr_assert_eq(w->n[0].events[IKE_EV_DOWN], 0, "seed %llu", (unsigned long long)seed);
		cr_assert_gt(w->n[0].events[IKE_EV_CHILD_REKEYED], 4);
	}
}

Test(ike_recovery, crashes_in_bad_weather)
{
	for (uint64_t seed = 1; seed <= 15; seed++) {
		uint64_t rnd = seed * 7;

		w_free(w);
		w = w_new();
		for (int i = 0; i < 2; i++) {
			w->n[i].policy.max_retrans = 20;
			w->n[i].policy.payload[0].lifetime_s = 100;
			w->n[i].policy.ike_lifetime_s = 300;
			w->n[i].policy.payload[0].rekey = w->n[i].policy.ike_rekey = true;
			w->n[i].policy.dpd_interval_s = 7;
			w->n[i].commit = W_LATER;
			w->n[i].rnd += seed;
		}
		w_boot(w);
		w_initiate(w);
		w_run(w, W_US);
		w->fate = bad_weather;
		w->fate_arg = &rnd;
		for (int i = 0; i < 60; i++) {
			w_run(w, (3 + (rnd >> 40) % 11) * W_US + (rnd >> 20) % W_US);
			restart((int)(rnd >> 45 & 1));
		}
		w->fate = NULL;
		w_run(w, 65 * W_US);
		cr_assert_geq(w_matched(w), 1, "seed %llu", (unsigned long long)seed);
		cr_assert_eq(w->n[0].events[IKE_EV_DOWN], 0, "seed %llu: %s", (unsigned long long)seed,
		             ike_reason_name(w->n[0].last[IKE_EV_DOWN].reason));
	}
}
