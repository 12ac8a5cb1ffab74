/* SPDX-License-Identifier: MIT */
/*
 * Protection of an engine (IPSec Reference chapters 13, 19, 20, 25): cookies by the number of half-open SAs,
 * the half-open timer, packets that can't be decrypted with their alarm, congestion, identities that are kept
 * out, vendor ids, ends of duplicate sessions. Each counter of the chapters moves where it is said to.
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

TestSuite(ike_guard, .init = setup, .fini = teardown, .timeout = 60);

static int nothing_arrives(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)one, (void)from, (void)pkt, (void)len, (void)delay;
	return 1;
}

static int no_auth(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)one, (void)from, (void)len, (void)delay;
	return pkt[18] == IKE_X_AUTH;
}

static struct counters_ikev2 *cnt(void)
{
	return &w->n[0].cnt;
}

/* n peers that say IKE_SA_INIT and no more. */
static void half_open(unsigned n)
{
	w->fate = no_auth;
	for (unsigned i = 0; i < n; i++) {
		w_initiate(w);
		w_run(w, 3000);
	}
}

/* ---- cookies ---- */

Test(ike_guard, cookies_start_and_stop_at_their_counts)
{
	struct ike_protection p = {.cookie_on = 3, .cookie_off = 2};
	struct ike_engine_stats st;

	w->n[0].policy.cookie_challenge = true;
	w->n[0].policy.half_open_s = 10;
	w->n[0].policy.setup_timer_s = 20;
	w_boot(w);
	ike_engine_protect(w->n[0].e, w->now, &p);
	half_open(3);
	cr_assert_eq(w->n[0].events[IKE_EV_COOKIES_ON], 1);
	cr_assert_eq(cnt()->notif_cooksent, 0);
	half_open(1);
	cr_assert_eq(cnt()->notif_cooksent, 1);
	cr_assert_eq(cnt()->notif_cookmatch, 1);
	ike_engine_stats_get(w->n[0].e, &st);
	cr_assert(st.cookies);
	w->fate = nothing_arrives;
	w_run(w, 11 * W_US);
	ike_engine_stats_get(w->n[0].e, &st);
	cr_assert(!st.cookies);
	cr_assert_eq(w->n[0].events[IKE_EV_COOKIES_OFF], 1);
}

Test(ike_guard, cookies_by_order)
{
	struct ike_protection always = {.cookie_always = true}, never = {0};

	w->n[0].policy.cookie_challenge = true;
	w_boot(w);
	ike_engine_protect(w->n[0].e, w->now, &always);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 1);
	cr_assert_eq(cnt()->notif_cookmatch, 1);
	ike_engine_protect(w->n[0].e, w->now, &never);
	cr_assert_eq(w->n[0].events[IKE_EV_COOKIES_OFF], 1);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(cnt()->notif_cookmatch, 1);
}

/* Start at three half-open SAs, stop below two. */
Test(ike_guard, cookies_stop_below_their_count)
{
	struct ike_protection p = {.cookie_on = 3, .cookie_off = 2};
	struct ike_engine_stats st;

	w->n[0].policy.cookie_challenge = true;
	w->n[0].policy.half_open_s = 10;
	w->n[0].policy.setup_timer_s = 20;
	w_boot(w);
	ike_engine_protect(w->n[0].e, w->now, &p);
	half_open(2);
	ike_engine_stats_get(w->n[0].e, &st);
	cr_assert(!st.cookies);
	w_run(w, 5 * W_US);
	half_open(1);
	w_run(w, 2 * W_US);
	half_open(1);
	ike_engine_stats_get(w->n[0].e, &st);
	cr_assert(st.cookies);
	w->fate = nothing_arrives;
	w_run(w, 4 * W_US); /* the first two are over */
	ike_engine_stats_get(w->n[0].e, &st);
	cr_assert_eq(st.half_open, 2);
	cr_assert(st.cookies);
	w_run(w, 5 * W_US); /* the third is */
	ike_engine_stats_get(w->n[0].e, &st);
	cr_assert_eq(st.half_open, 1);
	cr_assert(!st.cookies);
}

/* A cookie is worth something from the address that it was sent to, with the request that it was the answer
 * to, and for two minutes: what an eavesdropper keeps of one opens nothing else. */
static void ask_again(const uint8_t *pkt, size_t len, const char *from, uint64_t cookies, const char *why)
{
	struct ike_path path = w_path(500),
	                here = {.ctx_id = path.ctx_id, .local = path.remote, .remote = path.local};

	cr_assert_eq(net_addr_parse(&here.remote.addr, from), 0);
	ike_engine_input(w->n[0].e, w->now, &here, pkt, len);
	cr_assert_eq(cnt()->curhalfsa, 0, "%s", why);
	cr_assert_eq(cnt()->notif_cooknotmatch, cookies, "%s", why);
	cr_assert_eq(cnt()->notif_cooksent, 1 + cookies, "%s", why);
}

static int no_cookie_arrives(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)one, (void)len, (void)delay;
	return from == 1 && pkt[16] == IKE_PL_NOTIFY;
}

Test(ike_guard, a_cookie_is_of_one_request_and_address)
{
	struct ike_protection always = {.cookie_always = true};
	uint8_t pkt[4096];
	size_t len;

	w->n[0].policy.cookie_challenge = true;
	w->fate = no_cookie_arrives;
	w_boot(w);
	ike_engine_protect(w->n[0].e, w->now, &always);
	w_initiate(w);
	w_run(w, 100000);
	cr_assert_eq(cnt()->notif_cooksent, 1);
	len = w->last_len[1];
	memcpy(pkt, w->last_pkt[1], len);
	cr_assert_eq(pkt[16], IKE_PL_NOTIFY);
	ask_again(pkt, len, "10.0.0.3", 1, "from another address");
	pkt[7] ^= 1;
	ask_again(pkt, len, "10.0.0.2", 2, "with another SPI");
	pkt[7] ^= 1;
	pkt[28 + 4 + 4] ^= 2;
	ask_again(pkt, len, "10.0.0.2", 3, "of a generation that is not there");
	pkt[28 + 4 + 4] ^= 2;
	pkt[28 + 4 + 4 + 5] ^= 1;
	ask_again(pkt, len, "10.0.0.2", 4, "a bit of it is wrong");
	pkt[28 + 4 + 4 + 5] ^= 1;
	w->now += 121 * W_US;
	ask_again(pkt, len, "10.0.0.2", 5, "two minutes later");
}

/* One host, which may well answer cookies, gets half of the room at most; others begin as ever. */
Test(ike_guard, half_open_sas_of_one_address)
{
	struct ike_path path = w_path(500),
	                other = {.ctx_id = path.ctx_id, .local = path.remote, .remote = path.local};
	unsigned counted = 0;

	w->n[0].cfg.max_half_open = 64;
	w->n[0].policy.half_open_s = 5;
	w->n[1].policy.retrans_ms = 15000;
	w_boot(w);
	half_open(40);
	cr_assert_eq(cnt()->curhalfsa, 32);
	cr_assert_eq(cnt()->congdrop, 8);
	net_addr_parse(&other.remote.addr, "10.0.0.77");
	ike_engine_input(w->n[0].e, w->now, &other, w->last_pkt[1], w->last_len[1]);
	cr_assert_eq(cnt()->curhalfsa, 33, "of another address");
	w->fate = nothing_arrives;
	w_run(w, 6 * W_US);
	cr_assert_eq(cnt()->curhalfsa, 0);
	for (unsigned i = 0; i < IKE_HALF_BUCKETS; i++)
		counted += w->n[0].e->half_of[i];
	cr_assert_eq(counted, 0);
	w->fate = NULL;
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w->n[0].events[IKE_EV_UP], 1);
}

/* ---- the queue of messages ---- */

/* ddos message-queue-size: while a transaction of it is under way, so many packets of an SA wait and no more.
 */
Test(ike_guard, so_many_messages_wait)
{
	struct ike_path path = w_path(500),
	                here = {.ctx_id = path.ctx_id, .local = path.remote, .remote = path.local};
	struct ike_hdr h = {.next = IKE_PL_SK, .exchange = IKE_X_INFORMATIONAL, .flags = IKE_F_INITIATOR};
	uint8_t pkt[100] = {0};
	struct ike_sa_view v;

	w->n[0].policy.queue_max = 3;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	w->n[0].commit = W_MANUAL;
	cr_assert(w_sa(&w->n[0], &v));
	cr_assert_eq(ike_engine_dpd(w->n[0].e, w->now, v.spi), 0);
	h.spi_i = v.peer_spi;
	h.spi_r = v.spi;
	h.length = sizeof(pkt);
	for (uint32_t i = 0; i < 5; i++) {
		h.msgid = v.recv_msgid + i;
		ike_wire_put_hdr(pkt, &h);
		ike_engine_input(w->n[0].e, w->now, &here, pkt, sizeof(pkt));
		cr_assert_eq(cnt()->xchg_drop_msg_queuesize_exceeded, i < 3 ? 0 : i - 2);
	}
	w->n[0].commit = W_NOW;
	w_settle(&w->n[0], true);
	w_run(w, W_US);
	cr_assert_eq(w->n[0].events[IKE_EV_PEER_ALIVE], 1, "forged ones that waited change nothing");
	cr_assert_eq(w_matched(w), 1);
}

/* ---- the half-open timer ---- */

Test(ike_guard, half_open_timer)
{
	struct ike_engine_stats st;

	w->n[0].policy.half_open_s = 7;
	w_boot(w);
	half_open(1);
	cr_assert_eq(cnt()->half_open_timer_start, 1);
	w->fate = nothing_arrives;
	w_run(w, 6900000);
	ike_engine_stats_get(w->n[0].e, &st);
	cr_assert_eq(st.half_open, 1);
	w_run(w, 200000);
	ike_engine_stats_get(w->n[0].e, &st);
	cr_assert_eq(st.half_open, 0);
	cr_assert_eq(cnt()->exp_half_open_sa, 1);
	cr_assert_eq(cnt()->exp_half_open_sa_noxchg, 0);
	cr_assert_eq(cnt()->half_open_timer_stop, 0);
}

Test(ike_guard, half_open_timer_stops_when_the_peer_is_proven)
{
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(cnt()->half_open_timer_start, 1);
	cr_assert_eq(cnt()->half_open_timer_stop, 1);
	cr_assert_eq(cnt()->exp_half_open_sa, 0);
}

Test(ike_guard, half_open_timer_switched_off)
{
	w->n[0].policy.half_open_s = IKE_UNLIMITED;
	w->n[0].policy.setup_timer_s = 30;
	w_boot(w);
	half_open(1);
	cr_assert_eq(cnt()->half_open_timer_ignored, 1);
	w->fate = nothing_arrives;
	w_run(w, 31 * W_US);
	cr_assert_eq(cnt()->exp_half_open_sa, 0);
	cr_assert_eq(cnt()->exp_setup, 1);
	cr_assert_null(w->n[0].e->sas);
}

/* ---- packets that can't be decrypted ---- */

/* Junk with the right SPIs and the next message id. */
static void junk(unsigned n)
{
	struct ike_sa *sa = w->n[0].e->sas;
	uint8_t pkt[120];
	struct ike_hdr h = {.next = IKE_PL_SK,
	                    .exchange = sa->state == IKE_ST_ESTABLISHED ? IKE_X_INFORMATIONAL : IKE_X_AUTH,
	                    .flags = IKE_F_INITIATOR,
	                    .spi_i = sa->peer_spi,
	                    .spi_r = sa->spi,
	                    .msgid = sa->recv_next,
	                    .length = sizeof(pkt)};
	struct ike_path path = w_path(500), in = path;

	in.local = path.remote;
	in.remote = path.local;
	for (unsigned i = 0; i < n; i++) {
		memset(pkt, (int)i, sizeof(pkt));
		ike_wire_put_hdr(pkt, &h);
		pkt[28] = IKE_PL_IDI;
		pkt[29] = 0;
		pkt[30] = 0;
		pkt[31] = sizeof(pkt) - 28;
		ike_engine_input(w->n[0].e, w->now, &in, pkt, sizeof(pkt));
	}
}

Test(ike_guard, junk_clears_a_half_open_sa)
{
	w->n[0].policy.decrypt_fail_max = 5;
	w_boot(w);
	half_open(1);
	junk(4);
	cr_assert_eq(w->n[0].events[IKE_EV_SETUP_FAILED], 0);
	junk(1);
	cr_assert_eq(w->n[0].events[IKE_EV_SETUP_FAILED], 1);
	cr_assert_eq(w->n[0].last[IKE_EV_SETUP_FAILED].reason, IKE_R_DECRYPT_FAILURES);
	cr_assert_eq(cnt()->decryptfail_count_exceeded, 1);
	cr_assert_eq(w->n[0].events[IKE_EV_DECRYPT_FAILING], 1);
	cr_assert_eq(w->n[0].events[IKE_EV_DECRYPT_GOOD], 1); /* the SA is gone */
}

Test(ike_guard, junk_before_the_timer_is_counted_as_no_exchange)
{
	w->n[0].policy.half_open_s = 5;
	w_boot(w);
	half_open(1);
	junk(2);
	w->fate = nothing_arrives;
	w_run(w, 6 * W_US);
	cr_assert_eq(cnt()->exp_half_open_sa, 0);
	cr_assert_eq(cnt()->exp_half_open_sa_noxchg, 1);
}

Test(ike_guard, junk_raises_an_alarm_that_the_peer_clears)
{
	struct ike_sa_view v;

	w->n[0].policy.decrypt_fail_max = 3;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	junk(2);
	cr_assert_eq(w->n[0].events[IKE_EV_DECRYPT_FAILING], 0);
	junk(10);
	cr_assert_eq(w->n[0].events[IKE_EV_DECRYPT_FAILING], 1);
	cr_assert_eq(cnt()->decryptfail_count_exceeded, 1);
	cr_assert_eq(w->n[0].last[IKE_EV_DECRYPT_FAILING].peer_id.type, IKE_ID_RFC822);
	cr_assert_eq(w_matched(w), 1);
	cr_assert(w_sa(&w->n[1], &v));
	ike_engine_dpd(w->n[1].e, w->now, v.spi);
	w_run(w, W_US);
	cr_assert_eq(w->n[0].events[IKE_EV_DECRYPT_GOOD], 1);
	junk(2); /* in a row: they are counted from the start again */
	cr_assert_eq(w->n[0].events[IKE_EV_DECRYPT_FAILING], 1);
	junk(1);
	cr_assert_eq(w->n[0].events[IKE_EV_DECRYPT_FAILING], 2);
	ike_engine_drop(w->n[0].e, w->now, w->n[0].e->sas->spi);
	cr_assert_eq(w->n[0].events[IKE_EV_DECRYPT_GOOD], 2);
}

Test(ike_guard, junk_without_a_limit)
{
	w->n[0].policy.decrypt_fail_max = IKE_UNLIMITED;
	w_boot(w);
	half_open(1);
	junk(500);
	cr_assert_eq(cnt()->decryptfail_count_exceeded, 0);
	cr_assert_eq(cnt()->decryptfail_hmac, 500);
	cr_assert_eq(w->n[0].events[IKE_EV_SETUP_FAILED], 0);
}

/* ---- congestion ---- */

Test(ike_guard, congestion_drops_or_rejects_the_new_and_spares_the_old)
{
	struct ike_sa_view v;
	unsigned alive;

	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	ike_engine_congestion(w->n[0].e, IKE_CONGESTION_DROP);
	w_initiate(w);
	w_run(w, 100000);
	cr_assert_eq(cnt()->congdrop, 1);
	cr_assert_eq(w->n[1].events[IKE_EV_SETUP_FAILED], 0);
	ike_engine_congestion(w->n[0].e, IKE_CONGESTION_REJECT);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_geq(cnt()->congrej, 1);
	cr_assert_geq(w->n[1].events[IKE_EV_SETUP_FAILED], 1);
	cr_assert_eq(w->n[1].last[IKE_EV_SETUP_FAILED].notify, IKE_N_NO_ADDITIONAL_SAS);
	cr_assert(w_sa(&w->n[1], &v));
	alive = w->n[1].events[IKE_EV_PEER_ALIVE];
	ike_engine_dpd(w->n[1].e, w->now, v.spi);
	ike_engine_rekey_child(w->n[1].e, w->now, w->n[1].child[0].in);
	w_run(w, W_US);
	cr_assert_eq(w->n[1].events[IKE_EV_PEER_ALIVE], alive + 1);
	cr_assert_eq(w->n[1].events[IKE_EV_CHILD_REKEYED], 1);
	ike_engine_congestion(w->n[0].e, IKE_CONGESTION_NONE);
	w_run(w, 30 * W_US);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_geq(w_established(&w->n[0]), 2);
}

Test(ike_guard, no_room_is_told_where_the_policy_says_so)
{
	w->n[0].cfg.max_half_open = 1;
	w->n[0].policy.congestion_reject = true;
	w->n[0].policy.congestion_notify = 40001;
	w_boot(w);
	half_open(2);
	cr_assert_eq(cnt()->congrej, 1);
	cr_assert_eq(cnt()->congdrop, 0);
	w->n[0].policy.congestion_reject = false;
	ike_engine_policy_put(w->n[0].e, &w->n[0].policy);
	half_open(1);
	cr_assert_eq(cnt()->congrej, 1);
	cr_assert_eq(cnt()->congdrop, 1);
}

/* ---- lists ---- */

static bool kept_out;
static unsigned asked;

static int admit(void *arg, const char *policy, const struct ike_id *peer, const char **why)
{
	(void)arg;
	asked++;
	cr_assert_str_eq(policy, "tmpl");
	cr_assert_eq(peer->type, IKE_ID_RFC822);
	*why = "on the list";
	return kept_out ? -EACCES : 0;
}

static void boot_with_list(bool out)
{
	kept_out = out;
	asked = 0;
	w_boot(w);
	w->n[0].e->cb.admit = admit;
}

static int not_that_address(void *arg, const char *policy, const struct net_addr *peer)
{
	struct net_addr none;

	(void)arg;
	cr_assert_str_eq(policy, w->n[0].policy.name);
	net_addr_parse(&none, "10.0.0.2");
	return net_addr_equal(peer, &none) ? -EACCES : 0;
}

Test(ike_guard, a_peer_of_no_allowed_network_hears_nothing)
{
	w_boot(w);
	w->n[0].e->cb.begin = not_that_address;
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w->sent[0], 0);
	cr_assert_eq(cnt()->curhalfsa, 0);
	cr_assert_geq(cnt()->initfail, 1);
	w->n[0].e->cb.begin = NULL;
	w_run(w, 30 * W_US);
	cr_assert_eq(w_matched(w), 1);
}

Test(ike_guard, a_listed_peer_is_refused_before_its_proof)
{
	boot_with_list(true);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(asked, 1);
	cr_assert_eq(cnt()->list_auth_refused, 1);
	cr_assert_eq(cnt()->auth_failhash, 0);
	cr_assert_eq(w->n[0].last[IKE_EV_SETUP_FAILED].reason, IKE_R_AUTH_FAILED);
	cr_assert_str_eq(w->n[0].last[IKE_EV_SETUP_FAILED].detail, "on the list");
	cr_assert_eq(w->n[1].last[IKE_EV_SETUP_FAILED].notify, IKE_N_AUTHENTICATION_FAILED);
	cr_assert_eq(w_established(&w->n[0]), 0);
	cr_assert_eq(w_rows(&w->n[0]), 0);
}

Test(ike_guard, a_peer_that_is_listed_later_gets_no_child_and_no_rekey)
{
	struct ike_sa_view v;

	boot_with_list(false);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 1);
	kept_out = true;
	cr_assert(w_sa(&w->n[1], &v));
	ike_engine_new_child(w->n[1].e, w->now, v.spi);
	w_run(w, W_US);
	cr_assert_eq(cnt()->list_child_refused, 1);
	ike_engine_rekey_child(w->n[1].e, w->now, w->n[1].child[0].in);
	w_run(w, W_US);
	ike_engine_rekey_ike(w->n[1].e, w->now, v.spi);
	w_run(w, W_US);
	cr_assert_eq(cnt()->list_rekey_refused, 2);
	cr_assert_eq(w_matched(w), 1); /* what it has it keeps */
	kept_out = false;
	ike_engine_rekey_child(w->n[1].e, w->now, w->n[1].child[0].in);
	w_run(w, W_US);
	cr_assert_eq(w->n[1].events[IKE_EV_CHILD_REKEYED], 1);
}

/* ---- vendor ids ---- */

static struct ike_vendor_id seen[4];
static unsigned n_seen;

static const char *vendor(void *arg, const char *policy, const struct ike_vendor_id *id, unsigned n,
                          unsigned *known)
{
	struct w_node *node = arg;
	struct ike_policy p = node->policy;
	bool ours = false;

	cr_assert_str_eq(policy, "tmpl");
	for (n_seen = 0; n_seen < n && n_seen < 4; n_seen++) {
		seen[n_seen] = id[n_seen];
		if (id[n_seen].len == 4 && !memcmp(id[n_seen].p, "acme", 4)) {
			ours = true;
			*known = 1;
		}
	}
	if (!ours)
		return NULL;
	strcpy(p.name, "tmpl#1");
	p.derived = true;
	p.mobike = true;
	p.dpd_interval_s = 77;
	ike_engine_policy_put(node->e, &p);
	return "tmpl#1";
}

static void put_again(void *arg, const char *name)
{
	unsigned known;

	cr_assert_str_eq(name, "tmpl#1");
	vendor(arg, "tmpl", &(struct ike_vendor_id){(const uint8_t *)"acme", 4}, 1, &known);
}

/* The request of node 1 with Vendor ID payloads in front. */
static const char *vids[4];

static int add_vendor(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	struct ike_path path = w_path(500), in = path;
	uint8_t out[2048], *p = out + IKE_HDR_LEN;
	struct ike_hdr h;

	(void)delay;
	if (from != 1 || pkt[18] != IKE_X_SA_INIT)
		return 0;
	cr_assert_eq(ike_wire_parse_hdr(&h, pkt, len), IKE_W_OK);
	for (unsigned i = 0; i < 4 && vids[i]; i++) {
		size_t n = strlen(vids[i]);

		p[0] = i < 3 && vids[i + 1] ? IKE_PL_VENDOR : h.next;
		p[1] = p[2] = 0;
		p[3] = (uint8_t)(4 + n);
		memcpy(p + 4, vids[i], n);
		p += 4 + n;
	}
	if (vids[0])
		h.next = IKE_PL_VENDOR;
	memcpy(p, pkt + IKE_HDR_LEN, len - IKE_HDR_LEN);
	h.length = (uint32_t)((size_t)(p - out) + len - IKE_HDR_LEN);
	ike_wire_put_hdr(out, &h);
	in.local = path.remote;
	in.remote = path.local;
	ike_engine_input(one->n[0].e, one->now, &in, out, h.length);
	return 1;
}

Test(ike_guard, vendor_ids_choose_the_policy)
{
	w_boot(w);
	w->n[0].e->cb.vendor = vendor;
	w->fate = add_vendor;
	vids[0] = "other";
	vids[1] = "acme";
	vids[2] = NULL;
	w_initiate(w);
	w_run(w, 10000);
	cr_assert_eq(n_seen, 2);
	cr_assert_eq(cnt()->vendor_packets, 1);
	cr_assert_eq(cnt()->vendor_ids, 2);
	cr_assert_eq(cnt()->vendor_match, 1);
	cr_assert_eq(cnt()->vendor_no_match, 1);
	/* AUTH covers the message as it was sent: this one was changed on its way. */
	cr_assert_eq(cnt()->auth_failhash, 1);
	cr_assert_str_eq(w->n[0].last[IKE_EV_SETUP_FAILED].policy, "tmpl#1");
}

Test(ike_guard, an_unknown_vendor_gets_the_template)
{
	w_boot(w);
	w->n[0].e->cb.vendor = vendor;
	w->fate = add_vendor;
	vids[0] = "acme2";
	vids[1] = NULL;
	w_initiate(w);
	w_run(w, 10000);
	cr_assert_eq(cnt()->vendor_no_match, 1);
	cr_assert_str_eq(w->n[0].last[IKE_EV_SETUP_FAILED].policy, "tmpl");
}

Test(ike_guard, a_derived_policy_comes_back_with_its_rows)
{
	struct ike_sa_view v;
	unsigned known;

	w_boot(w);
	vendor(&w->n[0], "tmpl", &(struct ike_vendor_id){(const uint8_t *)"acme", 4}, 1, &known);
	w_initiate(w);
	w_run(w, W_US);
	/* As if the peer had been recognised: its SA goes by the derived policy. */
	w->n[0].e->sas->pol->refs--;
	w->n[0].e->sas->pol = ike_engine_policy(w->n[0].e, "tmpl#1");
	w->n[0].e->sas->pol->refs++;
	cr_assert(w_sa(&w->n[1], &v));
	ike_engine_rekey_child(w->n[1].e, w->now, w->n[1].child[0].in);
	w_run(w, W_US);
	w_kill(&w->n[0]);
	w_start(&w->n[0]);
	w->n[0].e->cb.policy = put_again;
	for (unsigned i = 0; i < W_ROWS; i++)
		if (w->n[0].row[i].blob)
			cr_assert_eq(ike_engine_restore(w->n[0].e, w->now, w->n[0].row[i].key,
			                                w->n[0].row[i].blob, w->n[0].row[i].len, NULL),
			             0);
	cr_assert(w_sa(&w->n[0], &v));
	cr_assert_str_eq(v.policy, "tmpl#1");
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 1);
}

/* ---- notifies that are counted ---- */

Test(ike_guard, notifies_of_chapters_15_and_28)
{
	struct ike_msg m = {.n_notify = 3};

	m.notify[0].type = IKE_N_TEMPORARY_FAILURE;
	m.notify[1].type = IKE_N_CHILD_SA_NOT_FOUND;
	m.notify[2].type = IKE_N_DEVICE_IDENTITY;
	ike_notify_count(cnt(), &m);
	cr_assert_eq(cnt()->notifrecv_tempfail, 1);
	cr_assert_eq(cnt()->notifrecv_childsanotfound, 1);
	cr_assert_eq(cnt()->notifpayrecv_deviceid, 1);
	cr_assert_eq(cnt()->notifrecv_other, 0);
	for (unsigned i = 0; i < 3; i++)
		ike_notify_count_sent(cnt(), m.notify[i].type);
	cr_assert_eq(cnt()->notifpaysent_tempfail, 1);
	cr_assert_eq(cnt()->notifpaysent_childsanotfound, 1);
	cr_assert_eq(cnt()->notifpaysent_deviceid, 1);
}

/* ---- duplicates ---- */

static int count_peer(void *arg, const struct ike_sa_view *v)
{
	(void)v;
	++*(unsigned *)arg;
	return 0;
}

Test(ike_guard, sas_of_a_peer_are_found_and_ended_for_a_reason)
{
	struct ike_sa_view v;
	struct ike_id id;
	unsigned n = 0;

	w_boot(w);
	w_initiate(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w_established(&w->n[0]), 2);
	ike_id_parse(&id, "peer@example.net");
	ike_engine_foreach_peer(w->n[0].e, 1, &id, count_peer, &n);
	cr_assert_eq(n, 2);
	n = 0;
	ike_engine_foreach_peer(w->n[0].e, 2, &id, count_peer, &n);
	cr_assert_eq(n, 0);
	ike_id_parse(&id, "peer@example.com");
	ike_engine_foreach_peer(w->n[0].e, 1, &id, count_peer, &n);
	cr_assert_eq(n, 0);
	cr_assert(w_sa(&w->n[0], &v));
	cr_assert_eq(ike_engine_end(w->n[0].e, w->now, v.spi, IKE_R_DUPLICATE), 0);
	w_run(w, W_US);
	cr_assert_eq(w->n[0].last[IKE_EV_DOWN].reason, IKE_R_DUPLICATE);
	cr_assert_eq(w->n[1].last[IKE_EV_DOWN].reason, IKE_R_PEER_DELETE);
	cr_assert_eq(w_established(&w->n[0]), 1);
}
