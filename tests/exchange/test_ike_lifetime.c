/* SPDX-License-Identifier: MIT */
/*
 * Lifetimes of children (chapters 8, 12 and 15 of the reference): by kilobytes and sequence numbers, with and
 * without traffic, the overlap of old and new, the guard timer, and what follows TEMPORARY_FAILURE. And a
 * year of rekeys.
 */
#include <criterion/criterion.h>

#include "esp/esp.h"
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

TestSuite(ike_lifetime, .init = setup, .fini = teardown, .timeout = 120);

static void up(void)
{
	w_up(w);
}

static uint32_t child_of(int who)
{
	return w_first_child(&w->n[who]);
}

static void view(int who, struct ike_child_view *c)
{
	struct ike_sa_view v;

	cr_assert(w_sa(&w->n[who], &v));
	cr_assert_eq(ike_engine_child_view(w->n[who].e, v.spi, 0, c), 0);
}

static void usage(int who, enum ike_usage what)
{
	cr_assert_eq(ike_engine_child_usage(w->n[who].e, w->now, child_of(who), what), 0);
}

static unsigned rekeyed(void)
{
	return w->n[1].events[IKE_EV_CHILD_REKEYED];
}

/* ---- what the data path is told, and tells ---- */

Test(ike_lifetime, limits_of_the_data_path)
{
	struct ike_child_view c;

	w->n[0].policy.payload[0].lifetime_kb = 1000;
	w->n[0].policy.payload[0].rekey = true;
	up();
	view(0, &c);
	cr_assert_eq(c.sa.hard_bytes, 1000 * 1024);
	cr_assert(c.sa.soft_bytes >= 850 * 1024 && c.sa.soft_bytes <= 950 * 1024);
	cr_assert_eq(c.sa.hard_seq, 4293918720ULL);
	cr_assert_eq(c.sa.soft_seq, 4293918720ULL / 10 * 9);
	cr_assert_eq(c.sa.replay_window, 64);
	view(1, &c); /* no rekey there, no kilobytes */
	cr_assert_eq(c.sa.soft_bytes + c.sa.hard_bytes + c.sa.soft_seq, 0);
	cr_assert_eq(c.sa.hard_seq, 4293918720ULL);
	w_kill(&w->n[0]);
	w_restore(&w->n[0]);
	view(0, &c);
	cr_assert_eq(c.sa.hard_bytes, 1000 * 1024, "it is the child's, not the policy's of today");
}

Test(ike_lifetime, extended_numbers_do_not_run_out)
{
	struct ike_child_view c;

	for (int i = 0; i < 2; i++)
		w->n[i].policy.payload[0].esp[0].esn = w->n[i].policy.payload[0].rekey = true;
	up();
	view(0, &c);
	cr_assert_eq(c.sa.soft_seq + c.sa.hard_seq, 0);
}

Test(ike_lifetime, without_a_window_numbers_are_not_looked_at)
{
	struct ike_child_view c;

	w->n[0].policy.no_replay = true;
	w->n[0].policy.payload[0].rekey = true;
	w->n[1].policy.replay_window = 512;
	up();
	view(0, &c);
	cr_assert_eq(c.sa.soft_seq + c.sa.hard_seq + c.sa.replay_window, 0);
	view(1, &c);
	cr_assert_eq(c.sa.replay_window, 512);
}

/* ipsec replay of an established call stays what it was: over a change of the settings, rekeys and restarts.
 */
Test(ike_lifetime, a_window_is_of_its_call)
{
	struct ike_child_view c;
	struct ike_sa_view v;

	w->n[0].policy.replay_window = 256;
	w->n[0].policy.payload[0].rekey = true;
	up();
	w->n[0].policy.replay_window = 32;
	w->n[0].policy.no_replay = true;
	cr_assert_eq(ike_engine_policy_put(w->n[0].e, &w->n[0].policy), 0);
	view(0, &c);
	cr_assert_eq(c.sa.replay_window, 256);
	cr_assert_eq(ike_engine_rekey_child(w->n[0].e, w->now, c.sa.spi_in), 0);
	w_run(w, W_US);
	cr_assert(w_sa(&w->n[0], &v));
	cr_assert_eq(ike_engine_rekey_ike(w->n[0].e, w->now, v.spi), 0);
	w_run(w, W_US);
	w_kill(&w->n[0]);
	w_restore(&w->n[0]);
	view(0, &c);
	cr_assert_eq(c.sa.replay_window, 256);
	cr_assert_eq(c.sa.soft_seq, 4293918720ULL / 10 * 9);
	w_initiate(w); /* the next call is by the new settings */
	w_run(w, W_US);
	cr_assert_eq(w_established(&w->n[0]), 2);
	for (const struct ike_sa *sa = w->n[0].e->sas; sa; sa = sa->next)
		if (sa->state == IKE_ST_ESTABLISHED && !sa->rekeys)
			cr_assert_eq(sa->replay_window, 0);
}

Test(ike_lifetime, running_out_is_a_rekey)
{
	uint32_t old;

	w->n[0].policy.payload[0].rekey = true;
	up();
	old = child_of(0);
	usage(0, IKE_USE_SOFT);
	w_run(w, W_US);
	cr_assert_eq(rekeyed(), 1);
	cr_assert_neq(child_of(0), old);
	cr_assert_eq(w->n[0].cnt.exp_childlifesoft, 1);
	cr_assert_eq(w_matched(w), 1);
	usage(1, IKE_USE_SOFT); /* whose payload does not rekey: the other side's affair */
	w_run(w, W_US);
	cr_assert_eq(rekeyed(), 1);
	cr_assert_eq(w->n[1].cnt.csa_createreqsnt, 0);
}

Test(ike_lifetime, used_up_is_the_end)
{
	up();
	usage(0, IKE_USE_HARD);
	w_run(w, W_US);
	cr_assert_eq(w_children(&w->n[0]) + w_children(&w->n[1]), 0);
	cr_assert_eq(w->n[0].last[IKE_EV_CHILD_DOWN].reason, IKE_R_LIFETIME);
	cr_assert_eq(w->n[0].cnt.exp_childlifehard, 1);
	cr_assert_eq(ike_engine_child_usage(w->n[0].e, w->now, 5, IKE_USE_HARD), -ENOENT);
}

/* ---- rekey and rekey keepalive ---- */

Test(ike_lifetime, an_idle_child_is_let_go)
{
	w->n[0].policy.payload[0].lifetime_s = 1000;
	w->n[0].policy.payload[0].rekey = true;
	w->n[0].policy.payload[0].rekey_idle = false;
	up();
	w_run(w, 990 * W_US);
	cr_assert_eq(rekeyed(), 0);
	cr_assert_eq(w_matched(w), 1);
	w_run(w, 15 * W_US);
	cr_assert_eq(w_children(&w->n[0]) + w_children(&w->n[1]), 0);
	cr_assert_eq(w->n[0].last[IKE_EV_CHILD_DOWN].reason, IKE_R_LIFETIME);
}

Test(ike_lifetime, a_used_child_is_rekeyed)
{
	w->n[0].policy.payload[0].lifetime_s = 1000;
	w->n[0].policy.payload[0].rekey = true;
	w->n[0].policy.payload[0].rekey_idle = false;
	up();
	usage(0, IKE_USE_TRAFFIC);
	w_run(w, 960 * W_US);
	cr_assert_eq(rekeyed(), 1);
	/* its successor has not been used: nothing, until there is a packet after the soft lifetime */
	w_run(w, 900 * W_US);
	cr_assert_eq(rekeyed(), 1);
	w_run(w, 50 * W_US);
	usage(0, IKE_USE_TRAFFIC);
	w_run(w, 60 * W_US);
	cr_assert_eq(rekeyed(), 2);
	cr_assert_eq(w_matched(w), 1);
}

Test(ike_lifetime, keepalive_rekeys_in_any_case)
{
	w->n[0].policy.payload[0].lifetime_s = 1000;
	w->n[0].policy.payload[0].rekey = true;
	up();
	w_run(w, 960 * W_US);
	cr_assert_eq(rekeyed(), 1);
}

/* Nobody knows after a restart whether it was used: better one rekey too many. */
Test(ike_lifetime, a_restored_child_counts_as_used)
{
	w->n[0].policy.payload[0].lifetime_s = 1000;
	w->n[0].policy.payload[0].rekey = true;
	w->n[0].policy.payload[0].rekey_idle = false;
	up();
	w_run(w, 970 * W_US); /* the soft lifetime is over */
	cr_assert_eq(rekeyed(), 0);
	w_kill(&w->n[0]);
	w_restore(&w->n[0]);
	w_run(w, W_US);
	cr_assert_eq(rekeyed(), 1);
}

/* ---- the overlap of chapter 12 ---- */

static int no_deletes(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)len, (void)delay;
	return one->fate_arg && from == 1 && pkt[18] == IKE_X_INFORMATIONAL && !(pkt[19] & IKE_F_RESPONSE);
}

Test(ike_lifetime, both_are_there_until_the_delete)
{
	uint32_t old[2], fresh = 0;

	w->n[1].policy.max_retrans = 8;
	up();
	old[0] = child_of(0);
	old[1] = child_of(1);
	w->fate = no_deletes;
	w->fate_arg = w;
	ike_engine_rekey_child(w->n[1].e, w->now, old[1]);
	w_run(w, 20 * W_US);
	for (int i = 0; i < 2; i++) { /* both can still receive on the old one */
		cr_assert_eq(w_children(&w->n[i]), 2);
		cr_assert(w_child(&w->n[i], old[i]));
	}
	for (unsigned i = 0; i < W_CHILDREN; i++)
		if (w->n[0].child[i].live && w->n[0].child[i].in != old[0])
			fresh = w->n[0].child[i].in;
	cr_assert(w_child(&w->n[0], fresh)->out_wait,
	          "the responder sends on the old one until the peer moves");
	w->fate_arg = NULL;
	w_run(w, 20 * W_US);
	cr_assert_not(w_child(&w->n[0], old[0]));
	cr_assert_not(w_child(&w->n[1], old[1]));
	cr_assert_eq(w_matched(w), 1);
}

/* The peer forgets its delete: after 120 seconds the guard timer takes its place. */
Test(ike_lifetime, guard_timer)
{
	uint32_t old;
	uint64_t began;

	up();
	old = child_of(0);
	ike_engine_rekey_child(w->n[1].e, w->now, child_of(1));
	for (unsigned i = 0; i < 4 && w_children(&w->n[1]) < 2; i++)
		w_run(w, 1000);
	cr_assert_eq(w_children(&w->n[1]), 2);
	began = w->now;
	w_kill(&w->n[1]); /* its delete was never sent */
	for (unsigned i = 0; i < W_PACKETS; i++)
		if (w->p[i].used) {
			free(w->p[i].pkt);
			w->p[i].used = false;
		}
	w_run(w, began + 119900000 - w->now);
	cr_assert(w_child(&w->n[0], old), "inbound on the old one is kept");
	cr_assert_eq(w->n[0].cnt.csa_sngldelpldsnt, 0);
	w_run(w, 200000);
	cr_assert_eq(w->n[0].cnt.csa_sngldelpldsnt, 1);
	cr_assert_eq(w->n[0].cnt.exp_childlifehard, 0, "no lifetime ended");
}

/* ---- TEMPORARY_FAILURE (chapter 15) ---- */

/* Node 0 is always busy: its rate of rekeys is used up. */
static unsigned asked_while_busy(uint32_t lifetime_s, uint64_t *at, unsigned max)
{
	unsigned n = 0;
	uint64_t end;

	w->n[1].policy.payload[0].lifetime_s = lifetime_s;
	w->n[1].policy.payload[0].rekey = true;
	w->n[0].policy.ike_lifetime_s = w->n[1].policy.ike_lifetime_s = 0;
	w->n[0].policy.payload[0].lifetime_s = 0;
	up();
	end = w->now + lifetime_s * W_US + 10 * W_US;
	w_run(w, lifetime_s * W_US / 100 * 84);
	while (w->now < end) {
		struct ike_sa_view v;
		uint64_t sent = w->n[1].cnt.rekey_childsareqsent;

		cr_assert(w_sa(&w->n[0], &v));
		ike_sa_find(w->n[0].e, v.spi)->rate_second = (uint32_t)(w->now / W_US);
		ike_sa_find(w->n[0].e, v.spi)->rate_count = 1000;
		w_run(w, W_US - w->now % W_US);
		if (w->n[1].cnt.rekey_childsareqsent > sent && n < max)
			at[n++] = w->now;
		if (!w_children(&w->n[1]))
			break;
	}
	return n;
}

Test(ike_lifetime, eight_tries_at_half_of_what_is_left)
{
	uint64_t at[16], end;
	struct ike_sa_view v;
	unsigned n;

	n = asked_while_busy(600000, at, 16);
	/* 30,000 to 90,000 s are left at first: halved down to two minutes that is seven or eight tries again
	 */
	cr_assert(n >= 8 && n <= 9, "%u", n);
	end = w->now;
	for (unsigned i = 1; i < n; i++) {
		uint64_t left = end - at[i - 1], waited = at[i] - at[i - 1];

		cr_assert(waited > left / 2 - 5 * W_US && waited < left / 2 + 5 * W_US,
		          "try %u: %llu of %llu", i, (unsigned long long)waited, (unsigned long long)left);
		cr_assert_geq(waited, 119 * W_US);
	}
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_DOWN].reason, IKE_R_LIFETIME, "the end is the hard lifetime");
	cr_assert(w_sa(&w->n[1], &v));
}

Test(ike_lifetime, no_try_below_two_minutes)
{
	uint64_t at[4];

	cr_assert_eq(asked_while_busy(1500, at, 4), 1);
	cr_assert_eq(w_children(&w->n[1]), 0);
}

/* Two minutes to the microsecond. */
Test(ike_lifetime, two_minutes_are_enough)
{
	uint8_t failures = 0;
	uint64_t soft = 0, now;
	struct ike_sa_view v;
	struct ike_sa *sa;

	up();
	cr_assert(w_sa(&w->n[0], &v));
	sa = ike_sa_find(w->n[0].e, v.spi);
	now = sa->e->now;
	cr_assert(ike_child_retry_later(sa, &failures, &soft, now + 240 * W_US));
	cr_assert_eq(soft, now + 120 * W_US);
	cr_assert_not(ike_child_retry_later(sa, &failures, &soft, now + 240 * W_US - 2));
}

Test(ike_lifetime, at_most_eight_tries)
{
	uint8_t failures = 0;
	uint64_t soft = 0;
	struct ike_sa_view v;
	struct ike_sa *sa;

	up();
	cr_assert(w_sa(&w->n[0], &v));
	sa = ike_sa_find(w->n[0].e, v.spi);
	for (int i = 0; i < 8; i++)
		cr_assert(ike_child_retry_later(sa, &failures, &soft, w->now + (1ULL << 45)));
	cr_assert_not(ike_child_retry_later(sa, &failures, &soft, w->now + (1ULL << 45)));
}

/* Without use-rfc5996-notification neither notify is sent nor heeded. */
Test(ike_lifetime, as_rfc_4306)
{
	uint64_t soft = 0;
	uint8_t failures = 0;
	struct ike_sa_view v;
	struct ike_sa *sa;

	w->n[0].policy.rfc4306_notifies = true;
	w->n[0].policy.allow_empty = w->n[1].policy.allow_empty = true;
	up();
	cr_assert(w_sa(&w->n[0], &v));
	sa = ike_sa_find(w->n[0].e, v.spi);
	cr_assert_not(ike_child_retry_later(sa, &failures, &soft, w->now + (1ULL << 45)));
	/* rekeying the IKE SA, asked for a child */
	ike_engine_rekey_ike(w->n[0].e, w->now, v.spi);
	ike_engine_rekey_child(w->n[1].e, w->now, child_of(1));
	w_run(w, W_US);
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_FAILED].notify, IKE_N_NO_ADDITIONAL_SAS);
	/* an unknown child */
	ike_sa_child_free(ike_sa_child_in(w->n[0].e, child_of(0)));
	w->n[0].child[0].live = false;
	ike_engine_rekey_child(w->n[1].e, w->now, child_of(1));
	w_run(w, W_US);
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_FAILED].notify, IKE_N_NO_PROPOSAL_CHOSEN);
	cr_assert_eq(w_children(&w->n[1]), 1, "it stays");
}

/* CHILD_SA_NOT_FOUND ends the child, and the IKE SA whose only one it was; the peer is told of that. */
Test(ike_lifetime, an_unknown_child_ends_with_its_ike_sa)
{
	up();
	ike_sa_child_free(ike_sa_child_in(w->n[0].e, child_of(0)));
	w->n[0].child[0].live = false;
	ike_engine_rekey_child(w->n[1].e, w->now, child_of(1));
	w_run(w, W_US);
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_FAILED].notify, IKE_N_CHILD_SA_NOT_FOUND);
	cr_assert_eq(w_established(&w->n[0]) + w_established(&w->n[1]), 0);
	cr_assert_eq(w->n[1].last[IKE_EV_DOWN].reason, IKE_R_CHILD_NOT_FOUND);
	cr_assert_eq(w->n[0].last[IKE_EV_DOWN].reason, IKE_R_PEER_DELETE);
}

Test(ike_lifetime, an_unknown_child_of_two_ends_alone)
{
	struct ike_sa_view v;
	uint32_t lost;

	up();
	cr_assert(w_sa(&w->n[1], &v));
	ike_engine_new_child(w->n[1].e, w->now, v.spi);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 2);
	lost = child_of(1);
	for (unsigned i = 0; i < W_CHILDREN; i++)
		if (w->n[0].child[i].live && w->n[0].child[i].out == lost) {
			ike_sa_child_free(ike_sa_child_in(w->n[0].e, w->n[0].child[i].in));
			w->n[0].child[i].live = false;
		}
	ike_engine_rekey_child(w->n[1].e, w->now, lost);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 1);
	cr_assert_eq(w_established(&w->n[1]), 1);
}

/* ---- keepalive-user-activity ---- */

Test(ike_lifetime, traffic_is_a_sign_of_life)
{
	struct ike_child_view c;

	for (int by = 0; by < 2; by++) {
		w_free(w);
		w = w_new();
		w->n[0].policy.dpd_interval_s = 20;
		w->n[0].policy.dpd_by_traffic = by;
		up();
		view(0, &c);
		cr_assert_eq(c.sa.activity_s, by ? 10 : 0);
		for (int i = 0; i < 20; i++) {
			if (by)
				ike_engine_data_seen(w->n[0].e, w->now, child_of(0), NULL);
			w_run(w, 10 * W_US);
		}
		if (by)
			cr_assert_eq(w->n[0].cnt.dpd_send, 0, "nobody has to ask");
		else
			cr_assert_geq(w->n[0].cnt.dpd_send, 8);
	}
}

/* ---- repetitions ---- */

static uint64_t repeated_at[12];
static unsigned n_repeated;

static int note_and_lose(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)pkt, (void)len, (void)delay;
	if (from == 0 && n_repeated < 12)
		repeated_at[n_repeated++] = one->now;
	return from == 0;
}

static void repetitions(bool constant, uint32_t ms, uint32_t max)
{
	w_free(w);
	w = w_new();
	w->n[0].policy.retrans_constant = constant;
	w->n[0].policy.retrans_ms = ms;
	w->n[0].policy.max_retrans = max;
	up();
	n_repeated = 0;
	w->fate = note_and_lose;
	ike_engine_rekey_child(w->n[0].e, w->now, child_of(0));
	w_run(w, 300 * W_US);
	cr_assert_eq(n_repeated, max + 1);
	cr_assert_eq(w->n[0].last[IKE_EV_DOWN].reason, IKE_R_RETRANSMIT);
}

Test(ike_lifetime, repetitions_are_constant_or_exponential)
{
	repetitions(true, 700, 4);
	for (unsigned i = 1; i < n_repeated; i++)
		cr_assert_lt(repeated_at[i] - repeated_at[i - 1] - 700000, 20000, "%u", i);
	repetitions(false, 500, 8);
	for (unsigned i = 1; i < n_repeated; i++) {
		uint64_t want = 500000ULL << (i - 1);

		if (want > 15 * W_US)
			want = 15 * W_US;
		cr_assert_lt(repeated_at[i] - repeated_at[i - 1] - want, 20000, "%u", i);
	}
}

/* ---- a year ---- */

Test(ike_lifetime, a_year_of_rekeys)
{
	for (int i = 0; i < 2; i++) {
		w->n[i].policy.payload[0].lifetime_s = 14400;
		w->n[i].policy.ike_lifetime_s = 86400;
		w->n[i].policy.payload[0].rekey = w->n[i].policy.ike_rekey = true;
		w->n[i].policy.dpd_interval_s = 3600;
	}
	up();
	w_run(w, 365ULL * 86400 * W_US);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(w_children(&w->n[i]), 1);
		cr_assert_eq(w_rows(&w->n[i]), 1);
		cr_assert_eq(w->n[i].events[IKE_EV_DOWN] + w->n[i].events[IKE_EV_CHILD_DOWN], 0);
	}
	cr_assert_eq(w_matched(w), 1);
	cr_assert_geq(w->n[0].events[IKE_EV_CHILD_REKEYED], 365 * 6);
	cr_assert_geq(w->n[0].events[IKE_EV_REKEYED], 365);
}
