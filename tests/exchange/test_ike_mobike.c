/* SPDX-License-Identifier: MIT */
/*
 * MOBIKE (RFC 4555, chapter 18): a peer that moves, once and in the middle of things, with and without the
 * proof that the new address hears us; what is refused; what a gateway without the setting does.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "ike/ike_int.h"
#include "ike_world.h"

static struct world *w;

static void setup(void)
{
	w = w_new();
	w->n[0].policy.mobike = w->n[1].policy.mobike = true;
}

static void teardown(void)
{
	w_free(w);
}

TestSuite(ike_mobike, .init = setup, .fini = teardown, .timeout = 60);

static void start(void)
{
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 1);
}

static struct ike_path elsewhere(const char *local)
{
	struct ike_path p = w_path(4500);

	net_addr_parse(&p.local.addr, local);
	return p;
}

static int move(const char *local)
{
	struct ike_path p = elsewhere(local);
	struct ike_sa_view v;

	cr_assert(w_sa(&w->n[1], &v));
	return ike_engine_move(w->n[1].e, w->now, v.spi, &p);
}

/* The gateway's SA and child go to this address. */
static bool follows(const char *address)
{
	struct ike_sa_view v;
	struct net_addr a;

	net_addr_parse(&a, address);
	for (unsigned i = 0; i < W_CHILDREN; i++)
		if (w->n[0].child[i].live && !net_addr_equal(&w->n[0].child[i].path.remote.addr, &a))
			return false;
	return w_sa(&w->n[0], &v) && net_addr_equal(&v.path.remote.addr, &a) && v.mobike;
}

Test(ike_mobike, a_peer_moves)
{
	start();
	cr_assert_eq(w->n[0].cnt.mobike_recv, 1);
	cr_assert_eq(w->n[0].cnt.mobike_sent, 1);
	cr_assert_eq(w->n[0].cnt.mobike_ignored, 0);
	cr_assert_eq(move("10.0.0.77"), 0);
	w_run(w, W_US);
	cr_assert(follows("10.0.0.77"));
	cr_assert_eq(w->n[0].cnt.notifrecv_updsaaddr, 1);
	cr_assert_eq(w->n[0].events[IKE_EV_PATH_CHANGED], 1);
	cr_assert_eq(w->n[0].cnt.mobike_cookie2_sent, 0, "no check unless configured");
	cr_assert_eq(w_matched(w), 1);
}

Test(ike_mobike, the_move_outlives_rekeys_and_a_restart)
{
	struct ike_sa_view v;

	start();
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(ike_engine_rekey_ike(w->n[1].e, w->now, v.spi), 0);
	w_run(w, W_US);
	cr_assert_eq(move("10.0.0.78"), 0);
	w_run(w, W_US);
	w_kill(&w->n[0]);
	w_restore(&w->n[0]);
	cr_assert(follows("10.0.0.78"));
	cr_assert_eq(move("10.0.0.79"), 0);
	w_run(w, W_US);
	cr_assert(follows("10.0.0.79"));
	cr_assert_eq(w_matched(w), 1);
}

/* Behind a NAT and out again: ESP goes in UDP as long as there is one (RFC 4555 section 3.5). */
Test(ike_mobike, a_peer_moves_behind_a_nat_and_back)
{
	start();
	cr_assert(!w->n[0].child[0].encap && !w->n[1].child[0].encap);
	w->nat = true;
	cr_assert_eq(move("10.0.0.77"), 0);
	w_run(w, W_US);
	cr_assert(follows("203.0.113.9"));
	cr_assert(w->n[0].child[0].encap && w->n[1].child[0].encap);
	w->nat = false;
	cr_assert_eq(move("10.0.0.78"), 0);
	w_run(w, W_US);
	cr_assert(follows("10.0.0.78"));
	cr_assert(!w->n[0].child[0].encap && !w->n[1].child[0].encap);
}

/* It moves on before the gateway has answered (RFC 4555 section 3.5): what counts is where it is in the end.
 */
Test(ike_mobike, a_peer_moves_on)
{
	start();
	cr_assert_eq(move("10.0.0.77"), 0);
	cr_assert_eq(move("10.0.0.78"), 0);
	w_run(w, W_US);
	cr_assert(follows("10.0.0.78"));
	cr_assert_eq(w->n[0].cnt.notifrecv_updsaaddr, 2);
	cr_assert_eq(w_matched(w), 1);
}

Test(ike_mobike, a_new_address_proves_itself)
{
	w->n[0].policy.mobike_cookie = true;
	start();
	cr_assert_eq(move("10.0.0.77"), 0);
	w_run(w, W_US);
	cr_assert(follows("10.0.0.77"));
	cr_assert_eq(w->n[0].cnt.mobike_cookie2_sent, 1);
	cr_assert_eq(w->n[0].cnt.mobike_cookie2_match, 1);
	cr_assert_eq(w->n[1].cnt.mobike_cookie2_rcvd, 1);
	cr_assert_eq(w_established(&w->n[0]), 1);
}

/* After the move nothing reaches the new address: the tunnel ends. */
static int towards_peer(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	unsigned *pass = one->fate_arg;

	(void)pkt, (void)len, (void)delay;
	if (from != 0)
		return 0;
	if (*pass) {
		--*pass;
		return 0;
	}
	return 1;
}

Test(ike_mobike, an_address_that_hears_nothing_loses_the_tunnel)
{
	unsigned pass = 100;

	w->n[0].policy.mobike_cookie = true;
	w->fate = towards_peer;
	w->fate_arg = &pass;
	start();
	pass = 1; /* the answer to the update */
	cr_assert_eq(move("10.0.0.77"), 0);
	w_run(w, 60 * W_US);
	cr_assert_eq(w_established(&w->n[0]), 0);
	cr_assert_eq(w->n[0].last[IKE_EV_DOWN].reason, IKE_R_RETRANSMIT);
	cr_assert_eq(w_rows(&w->n[0]), 0);
}

/* An INFORMATIONAL request of the peer's, under the keys of one of its SAs, on a path of our choice. */
static void say_on(uint64_t spi, const struct ike_path *path, void (*fill)(struct ike_build *b))
{
	uint8_t plain[512], sealed[1024];
	struct ike_path back = *path;
	struct ike_sa *sa = ike_sa_find(w->n[1].e, spi);
	struct ike_build b;
	size_t n;

	cr_assert(sa);
	ike_wire_build(&b, plain, sizeof(plain));
	fill(&b);
	n = ike_msg_seal(sa, IKE_X_INFORMATIONAL, false, sa->send_next, &b, sealed, sizeof(sealed));
	cr_assert(n);
	back.local = path->remote;
	back.remote = path->local;
	ike_engine_input(w->n[0].e, w->now, &back, sealed, n);
}

static void say(const struct ike_path *path, void (*fill)(struct ike_build *b))
{
	struct ike_sa_view v;

	cr_assert(w_sa(&w->n[1], &v));
	say_on(v.spi, path, fill);
}

static void update(struct ike_build *b)
{
	ike_wire_put_notify(b, 0, 0, 0, IKE_N_UPDATE_SA_ADDRESSES, NULL, 0);
}

static void update_without_nats(struct ike_build *b)
{
	static const uint8_t seen[] = {192, 168, 0, 9, 10, 0, 0, 1, 0x11, 0x94, 0x11, 0x94};

	update(b);
	ike_wire_put_notify(b, 0, 0, 0, IKE_N_NO_NATS_ALLOWED, seen, sizeof(seen));
}

/* The peer's word of its address was on the way when the gateway rekeyed the IKE SA: it comes on the old one,
 * which has nothing to move any more. */
static int deletes_lost(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)one, (void)len, (void)delay;
	return from == 0 && pkt[18] == IKE_X_INFORMATIONAL && !(pkt[19] & IKE_F_RESPONSE);
}

Test(ike_mobike, told_while_the_new_ike_sa_is_being_stored)
{
	struct ike_path p = elsewhere("10.0.0.77");
	struct ike_sa_view v, old;

	w->n[0].policy.mobike_cookie = true;
	start();
	cr_assert(w_sa(&w->n[0], &v) && w_sa(&w->n[1], &old));
	w->fate = deletes_lost;
	cr_assert_eq(ike_engine_rekey_ike(w->n[0].e, w->now, v.spi), 0);
	w_run(w, 100000);
	cr_assert_eq(w->n[0].events[IKE_EV_REKEYED], 1);
	/* while the new one's row is being written the peer has to tell again */
	w->n[0].commit = W_MANUAL;
	cr_assert(w_sa(&w->n[0], &v));
	cr_assert_eq(ike_engine_rekey_child(w->n[0].e, w->now, w_first_child(&w->n[0])), 0);
	say_on(old.spi, &p, update);
	cr_assert_eq(w->n[0].n_queue, 1, "of an IKE SA there is one transaction at a time");
	w->n[0].commit = W_NOW;
	w->fate = NULL;
	w_settle(&w->n[0], true);
	w_run(w, 10 * W_US);
	cr_assert(!follows("10.0.0.77"), "it was not told again");
	cr_assert_eq(w->n[0].cnt.mobike_cookie2_sent, 0);
}

Test(ike_mobike, told_on_a_rekeyed_ike_sa_and_again)
{
	struct ike_path p = elsewhere("10.0.0.77");
	struct ike_sa_view v, old;

	w->n[0].policy.mobike_cookie = true;
	start();
	cr_assert(w_sa(&w->n[0], &v) && w_sa(&w->n[1], &old));
	w->fate = deletes_lost;
	cr_assert_eq(ike_engine_rekey_ike(w->n[0].e, w->now, v.spi), 0);
	w_run(w, 100000);
	say_on(old.spi, &p, update);
	cr_assert(follows("10.0.0.77"), "the new IKE SA and its child");
	cr_assert_eq(w->n[0].cnt.mobike_cookie2_sent, 1, "which proves the address as well");
	w_kill(&w->n[0]);
	w_restore(&w->n[0]);
	cr_assert(follows("10.0.0.77"));
	w->fate = NULL;
	w_run(w, 10 * W_US);
	cr_assert(follows("10.0.0.77"));
	cr_assert_eq(w->n[0].cnt.mobike_cookie2_match, 1);
	cr_assert_eq(w_established(&w->n[0]), 1);
	cr_assert_eq(w_rows(&w->n[0]), 1);
	cr_assert_eq(w_matched(w), 1);
}

Test(ike_mobike, a_translated_peer_that_forbids_it_stays)
{
	struct ike_path p = elsewhere("10.0.0.77");

	start();
	say(&p, update_without_nats);
	cr_assert(follows("10.0.0.2"));
	cr_assert_eq(w->n[0].cnt.mobike_unexpected_natt_detected_sent, 1);
}

static uint8_t as_seen[12] = {10, 0, 0, 77, 10, 0, 0, 1, 0x11, 0x94, 0x11, 0x94};

static void update_as_seen(struct ike_build *b)
{
	update(b);
	ike_wire_put_notify(b, 0, 0, 0, IKE_N_NO_NATS_ALLOWED, as_seen, sizeof(as_seen));
}

/* What the peer sees is what we see: it moves. Any address or port that differs is somebody's between us. */
Test(ike_mobike, an_untranslated_peer_that_forbids_it_moves)
{
	struct ike_path p = elsewhere("10.0.0.77");
	struct ike_sa_view v;

	start();
	cr_assert(w_sa(&w->n[1], &v));
	for (unsigned i = 0; i <= sizeof(as_seen); i++) {
		if (i < sizeof(as_seen))
			as_seen[i] ^= 1;
		say(&p, update_as_seen);
		ike_sa_find(w->n[1].e, v.spi)->send_next++;
		cr_assert_eq(follows("10.0.0.77"), i == sizeof(as_seen), "octet %u", i);
		if (i < sizeof(as_seen))
			as_seen[i] ^= 1;
	}
	cr_assert_eq(w->n[0].cnt.mobike_unexpected_natt_detected_sent, sizeof(as_seen));
}

Test(ike_mobike, another_gateway_address_is_unacceptable)
{
	struct ike_path p = elsewhere("10.0.0.77");

	start();
	net_addr_parse(&p.remote.addr, "10.0.0.99");
	say(&p, update);
	cr_assert(follows("10.0.0.2"));
	cr_assert_eq(w->n[0].cnt.mobike_unacceptable_sent, 1);
}

Test(ike_mobike, a_wrong_proof_ends_the_tunnel)
{
	struct ike_rx rx = {0};
	struct ike_msg m = {0};
	struct ike_xchg x = {.kind = IKE_JOB_ROUTABILITY, .nonce = {1, 2, 3}};
	struct ike_sa_view v;
	struct ike_sa *sa;
	uint8_t other[16] = {9};

	start();
	cr_assert(w_sa(&w->n[0], &v));
	sa = ike_sa_find(w->n[0].e, v.spi);
	m.n_notify = 1;
	m.notify[0] = (struct ike_notify){.type = IKE_N_COOKIE2, .data = {other, sizeof(other)}};
	rx.e = sa->e;
	rx.sa = sa;
	rx.m = &m;
	rx.t = ike_out_begin(sa->e, sa);
	ike_mobike_checked(&rx, &x);
	ike_timer_settle(sa, rx.t);
	ike_out_flush(sa->e);
	w_run(w, 2 * W_US);
	cr_assert_eq(w->n[0].cnt.mobike_cookie2_mismatch, 1);
	cr_assert_eq(w_established(&w->n[0]), 0);
	cr_assert_eq(w->n[0].last[IKE_EV_DOWN].reason, IKE_R_UNROUTABLE);
}

Test(ike_mobike, ignored_unless_configured)
{
	struct ike_path p = elsewhere("10.0.0.77");

	w->n[0].policy.mobike = false;
	start();
	cr_assert_eq(w->n[0].cnt.mobike_ignored, 1);
	cr_assert_eq(w->n[0].cnt.mobike_sent, 0);
	cr_assert_eq(move("10.0.0.77"), -ENOTSUP);
	say(&p, update);
	cr_assert(!follows("10.0.0.77"));
	cr_assert_eq(w_matched(w), 1);
}
