/* SPDX-License-Identifier: MIT */
/*
 * IKE messages in fragments (RFC 7383, chapter 17): both roles, loss, copies and disorder, retransmitted
 * requests, who understands them and who does not, the limits, and a restart in between.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "ike/ike_int.h"
#include "ike_world.h"

static struct world *w;

static void setup(void)
{
	w = w_new();
	for (int i = 0; i < 2; i++) {
		w->n[i].policy.mtu4 =
		        160; /* far below the reference's least: everything protected is in pieces */
		w->n[i].policy.ike[0].dh = IKE_GROUP_MODP4096;
		w->n[i].policy.ike_rekey = true;
	}
}

static void teardown(void)
{
	w_free(w);
}

TestSuite(ike_frag, .init = setup, .fini = teardown, .timeout = 60);

static void start(void)
{
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
}

static bool is_fragment(const uint8_t *pkt)
{
	return pkt[16] == IKE_PL_SKF;
}

Test(ike_frag, every_protected_message_fits_the_mtu)
{
	struct ike_sa_view v;

	start();
	cr_assert_eq(w_matched(w), 1);
	cr_assert(w_sa(&w->n[0], &v));
	cr_assert(v.fragmentation);
	cr_assert_eq(w->n[0].cnt.notifrecv_fragsupp, 1);
	cr_assert_eq(w->n[0].cnt.notifpaysent_fragsupp, 1);
	cr_assert_gt(w->n[0].cnt.rx_fragments, 1);
	cr_assert_eq(w->n[0].cnt.rx_fragmented_packet, 1);
	cr_assert_eq(w->n[1].cnt.tx_fragmented_packet, 1);
	cr_assert_eq(w->n[1].cnt.tx_fragments, w->n[0].cnt.rx_fragments);
	cr_assert_eq(w->n[0].cnt.tx_fragments, w->n[1].cnt.rx_fragments);
	cr_assert_eq(w->n[0].cnt.rx_fragments_dropped, 0);
	cr_assert_leq(w->last_len[0], 160);
	cr_assert(is_fragment(w->last_pkt[0]));
	/* an IKE rekey carries a key exchange value of 512 octets each way */
	cr_assert_eq(ike_engine_rekey_ike(w->n[0].e, w->now, v.spi), 0);
	w_run(w, W_US);
	cr_assert_eq(w->n[0].events[IKE_EV_REKEYED], 1);
	cr_assert_eq(w_matched(w), 1);
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert(v.fragmentation, "the new SA has it from the old one");
}

Test(ike_frag, not_with_a_peer_that_does_not_know_them)
{
	for (int who = 0; who < 2; who++) {
		struct world *one = w_new();

		one->n[0].policy.mtu4 = one->n[1].policy.mtu4 = 160;
		one->n[who].policy.no_fragmentation = true;
		w_boot(one);
		w_initiate(one);
		w_run(one, W_US);
		cr_assert_eq(w_matched(one), 1);
		cr_assert_eq(one->n[0].cnt.rx_fragments + one->n[1].cnt.rx_fragments, 0);
		cr_assert_eq(one->n[who].cnt.notifpaysent_fragsupp, 0);
		cr_assert_gt(one->last_len[0], 160);
		w_free(one);
	}
}

/* Each packet in its turn is lost once, copied, or late: the tunnel comes up all the same. */
struct mishap {
	unsigned at, seen;
	int fate;
	uint64_t delay;
};

static int happens(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	struct mishap *m = one->fate_arg;

	(void)from, (void)pkt, (void)len;
	if (m->seen++ != m->at)
		return 0;
	*delay = m->delay;
	return m->fate;
}

Test(ike_frag, lost_copied_and_late_fragments)
{
	static const struct mishap kinds[] = {{.fate = 1}, {.fate = 2}, {.delay = 50000}};

	for (size_t k = 0; k < 3; k++)
		for (unsigned at = 0; at < 14; at++) {
			struct mishap m = kinds[k];
			struct world *one = w_new();

			m.at = at;
			one->n[0].policy.mtu4 = one->n[1].policy.mtu4 = 160;
			one->fate = happens;
			one->fate_arg = &m;
			w_boot(one);
			w_initiate(one);
			w_run(one, 10 * W_US);
			cr_assert_eq(w_matched(one), 1, "kind %zu packet %u", k, at);
			cr_assert_eq(one->n[1].events[IKE_EV_UP], 1);
			w_free(one);
		}
}

/* A request that comes again in pieces is answered once, for its first piece (RFC 7383 section 2.6.1). */
static int answers_lost(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	unsigned *left = one->fate_arg;

	(void)pkt, (void)len, (void)delay;
	if (from == 0 && is_fragment(pkt) && *left) {
		--*left;
		return 1;
	}
	return 0;
}

Test(ike_frag, repeated_request_is_answered_once)
{
	unsigned left = 100, sent;

	w->fate = answers_lost;
	w->fate_arg = &left;
	start();
	cr_assert_eq(w_established(&w->n[0]), 1);
	sent = w->sent[0];
	left = 0;
	w_run(w, 2 * W_US);
	cr_assert_eq(w_matched(w), 1);
	cr_assert_eq((w->sent[0] - sent) % w->n[1].cnt.rx_fragments, 0, "whole answers only");
}

/* The rest never comes: after ten seconds the pieces are gone, the SA lives, and a new try succeeds. */
static int only_first(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	bool *on = one->fate_arg;

	(void)from, (void)len, (void)delay;
	return *on && is_fragment(pkt) && pkt[33] != 1;
}

Test(ike_frag, incomplete_messages_are_forgotten)
{
	struct ike_sa_view v;
	bool on = false;

	w->fate = only_first;
	w->fate_arg = &on;
	w->n[1].policy.retrans_ms = 4000;
	start();
	cr_assert_eq(w_matched(w), 1);
	cr_assert(w_sa(&w->n[1], &v));
	on = true;
	cr_assert_eq(ike_engine_rekey_ike(w->n[1].e, w->now, v.spi), 0);
	w_run(w, 11 * W_US);
	cr_assert_geq(w->n[0].cnt.rx_fragments_dropped, 1);
	on = false;
	w_run(w, 30 * W_US);
	cr_assert_eq(w->n[1].events[IKE_EV_REKEYED], 1);
	cr_assert_eq(w_matched(w), 1);
}

static int not_the_second(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)one, (void)from, (void)delay;
	return len > 32 && is_fragment(pkt) && pkt[33] == 2;
}

/* Set-ups that send all pieces but one hold room for a message each: not more of them than there is room for.
 */
Test(ike_frag, unproven_peers_share_a_room)
{
	w->n[0].cfg.max_early_frags = 2;
	w->n[1].policy.retrans_ms = 15000;
	w->fate = not_the_second;
	w_boot(w);
	for (int i = 0; i < 3; i++)
		w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w->n[0].cnt.curhalfsa, 3);
	cr_assert_eq(w->n[0].e->n.early_frags, 2);
	cr_assert_gt(w->n[0].cnt.rx_fragments_dropped, 0);
	w_run(w, 10 * W_US); /* nothing more came */
	cr_assert_eq(w->n[0].e->n.early_frags, 0);
	w->fate = NULL;
	w_run(w, 30 * W_US);
	cr_assert_eq(w->n[0].events[IKE_EV_UP], 3);
	cr_assert_eq(w->n[0].e->n.early_frags, 0);
}

/* An INFORMATIONAL request of about len octets, protected by the peer's keys, cut for an MTU, handed to the
 * gateway piece by piece. */
static void inform(size_t len, uint16_t mtu)
{
	static uint8_t plain[16384], sealed[32768];
	struct ike_path path = w_path(500), back = path;
	struct ike_sa_view v;
	struct ike_build b;
	struct ike_sa *sa;
	size_t n;

	cr_assert(w_sa(&w->n[1], &v));
	sa = ike_sa_find(w->n[1].e, v.spi);
	sa->pol->p.mtu4 = mtu;
	ike_wire_build(&b, plain, sizeof(plain));
	ike_wire_put_notify(&b, 0, 0, 0, 40000, sealed, len);
	n = ike_msg_seal(sa, IKE_X_INFORMATIONAL, false, sa->send_next, &b, sealed, sizeof(sealed));
	cr_assert(n);
	back.local = path.remote;
	back.remote = path.local;
	for (const uint8_t *p = sealed; n;) {
		size_t one = ike_frag_first(p, n);

		ike_engine_input(w->n[0].e, w->now, &back, p, one);
		p += one;
		n -= one;
	}
}

Test(ike_frag, limits_of_the_reference)
{
	start();
	inform(5000, 1932);
	cr_assert_eq(w->n[0].cnt.rx_fragments_dropped, 0, "fragments of 1,932 octets are taken");
	cr_assert_eq(w->n[0].cnt.rx_fragmented_packet, 2);
	cr_assert_eq(w->n[0].cnt.notifrecv_other, 1);
}

Test(ike_frag, longer_fragments_are_dropped)
{
	start();
	inform(5000, 2100);
	cr_assert_eq(w->n[0].cnt.rx_fragmented_packet, 1);
	cr_assert_geq(w->n[0].cnt.rx_fragments_dropped, 2);
	cr_assert_eq(w->n[0].cnt.notifrecv_other, 0);
	cr_assert_eq(w_matched(w), 1);
}

Test(ike_frag, longer_messages_are_dropped)
{
	start();
	inform(9900, 1384);
	cr_assert_eq(w->n[0].cnt.notifrecv_other, 1);
	w_free(w);
	w = NULL;
	setup();
	start();
	inform(10100, 1384);
	cr_assert_eq(w->n[0].cnt.notifrecv_other, 0);
	cr_assert_geq(w->n[0].cnt.rx_fragments_dropped, 1);
	cr_assert_eq(w_matched(w), 1);
}

/* One fragment, its integrity proven, as the engine hands it over. */
static enum ike_frag_result piece_of(struct ike_sa *sa, uint16_t number, uint16_t total, size_t packet_len,
                                     size_t len)
{
	static const uint8_t content[1900];
	struct ike_msg outer = {.hdr = {.msgid = sa->recv_next}, .frag = number, .frags = total};
	const uint8_t *inner = content;
	uint8_t first;

	return ike_frag_add(sa, &outer, packet_len, &inner, &len, &first);
}

static enum ike_frag_result piece(struct ike_sa *sa, uint16_t number, uint16_t total, size_t packet_len)
{
	return piece_of(sa, number, total, packet_len, 4);
}

static struct ike_sa *gateways(void)
{
	struct ike_sa_view v;

	cr_assert(w_sa(&w->n[0], &v));
	return ike_sa_find(w->n[0].e, v.spi);
}

Test(ike_frag, at_most_255_and_each_once)
{
	struct ike_sa *sa;
	uint64_t dropped;

	start();
	sa = gateways();
	dropped = w->n[0].cnt.rx_fragments_dropped;
	cr_assert_eq(piece(sa, 1, 256, 100), IKE_FRAG_DROPPED);
	cr_assert_eq(piece(sa, 1, 255, 100), IKE_FRAG_KEPT);
	cr_assert_eq(piece(sa, 1, 255, 100), IKE_FRAG_DROPPED, "it is there already");
	cr_assert_eq(w->n[0].cnt.rx_fragments_dropped, dropped + 2);
	for (uint16_t i = 2; i < 255; i++)
		cr_assert_eq(piece(sa, i, 255, 100), IKE_FRAG_KEPT);
	cr_assert_eq(piece(sa, 255, 255, 100), IKE_FRAG_WHOLE);
	cr_assert_eq(w->n[0].cnt.rx_fragments_dropped, dropped + 2);
}

/* --- pieces of own bytes --- */

#define IV_LEN  16 /* of the world's suite: AES-CBC, HMAC-SHA2-256-128 */
#define ICV_LEN 16

/* One piece of the peer's next INFORMATIONAL request, written byte by byte under its keys: RFC 7383 section
 * 2.5. */
static size_t write_piece(const struct ike_sa *sa, uint16_t number, uint16_t total, const uint8_t *text,
                          size_t len, uint8_t *out)
{
	size_t padded = (len / 16 + 1) * 16, all = 28 + 8 + IV_LEN + padded + ICV_LEN;
	uint8_t *skf = out + 28, *iv = skf + 8, *data = iv + IV_LEN;

	for (int i = 0; i < 8; i++) {
		out[i] = (uint8_t)((sa->initiator ? sa->spi : sa->peer_spi) >> (56 - 8 * i));
		out[8 + i] = (uint8_t)((sa->initiator ? sa->peer_spi : sa->spi) >> (56 - 8 * i));
	}
	memcpy(out + 16, (uint8_t[]){53, 0x20, 37, sa->initiator ? 0x08 : 0, 0, 0, 0, (uint8_t)sa->send_next},
	       8);
	memcpy(out + 24, (uint8_t[]){0, 0, (uint8_t)(all >> 8), (uint8_t)all}, 4);
	skf[0] = number == 1 ? 41 : 0; /* a notify begins in the first one */
	skf[1] = 0;
	skf[2] = (uint8_t)((all - 28) >> 8);
	skf[3] = (uint8_t)(all - 28);
	memcpy(skf + 4,
	       (uint8_t[]){(uint8_t)(number >> 8), (uint8_t)number, (uint8_t)(total >> 8), (uint8_t)total},
	       4);
	memset(iv, number & 0xff, IV_LEN);
	memcpy(data, text, len);
	memset(data + len, 0, padded - len);
	data[padded - 1] = (uint8_t)(padded - len - 1);
	cr_assert_eq(ike_crypto_cbc(sa->e->crypto, ike_alg_encr(sa->suite.encr, sa->suite.encr_bits), true,
	                            sa->initiator ? sa->keys.ei : sa->keys.er, iv, data, padded),
	             0);
	cr_assert_eq(ike_crypto_integ(sa->e->crypto, sa->suite.integ,
	                              sa->initiator ? sa->keys.ai : sa->keys.ar, out, all - ICV_LEN,
	                              out + all - ICV_LEN),
	             0);
	return all;
}

/* A request in so many pieces of 30 octets, the last one first. */
static void say_in(uint16_t total)
{
	uint8_t text[30 * 256], packet[200];
	struct ike_path back = w_path(500), path = back;
	struct ike_sa_view v;
	struct ike_sa *sa;

	path.local = back.remote;
	path.remote = back.local;
	cr_assert(w_sa(&w->n[1], &v));
	sa = ike_sa_find(w->n[1].e, v.spi);
	memset(text, 0, sizeof(text));
	memcpy(text,
	       (uint8_t[]){0, 0, (uint8_t)((total * 30) >> 8), (uint8_t)(total * 30), 0, 0, 40000 >> 8,
	                   40000 & 0xff},
	       8);
	for (uint16_t i = total; i >= 1; i--) {
		size_t n = write_piece(sa, i, total, text + 30 * (i - 1), 30, packet);

		ike_engine_input(w->n[0].e, w->now, &path, packet, n);
	}
}

/* Chapter 17: 255 fragments are a message; of 256 not even the first one is kept, and the tunnel stays. */
Test(ike_frag, own_bytes_in_255_pieces_and_in_256)
{
	uint64_t came, dropped;
	unsigned sent;

	start();
	came = w->n[0].cnt.rx_fragments;
	dropped = w->n[0].cnt.rx_fragments_dropped;
	sent = w->sent[0];
	say_in(256);
	cr_assert_eq(w->n[0].cnt.rx_fragments, came + 256);
	cr_assert_eq(w->n[0].cnt.rx_fragments_dropped, dropped + 256);
	cr_assert_eq(w->n[0].cnt.rx_fragmented_packet, 1, "the one of the set-up");
	cr_assert_eq(w->n[0].cnt.notifrecv_other, 0);
	cr_assert_eq(w->sent[0], sent, "no answer");
	cr_assert_null(gateways()->fragments, "nothing is kept");
	say_in(255);
	cr_assert_eq(w->n[0].cnt.rx_fragments, came + 256 + 255);
	cr_assert_eq(w->n[0].cnt.rx_fragments_dropped, dropped + 256);
	cr_assert_eq(w->n[0].cnt.rx_fragmented_packet, 2);
	cr_assert_eq(w->n[0].cnt.notifrecv_other, 1);
	cr_assert_eq(w->sent[0], sent + 1, "answered");
	cr_assert_eq(w_matched(w), 1);
}

/* 1,932 octets over IPv4, 1,912 over IPv6; and each family has an MTU of its own. */
Test(ike_frag, limits_of_each_family)
{
	struct ike_sa *sa;

	start();
	sa = gateways();
	cr_assert_eq(piece(sa, 1, 9, 1932), IKE_FRAG_KEPT);
	cr_assert_eq(piece(sa, 2, 9, 1933), IKE_FRAG_DROPPED);
	sa->pol->p.mtu4 = sa->pol->p.mtu6 = 0;
	cr_assert_eq(ike_frag_mtu(sa), 1384);
	net_addr_parse(&sa->path.remote.addr, "2001:db8::2");
	cr_assert_eq(piece(sa, 3, 9, 1912), IKE_FRAG_KEPT);
	cr_assert_eq(piece(sa, 4, 9, 1913), IKE_FRAG_DROPPED);
	cr_assert_eq(ike_frag_mtu(sa), 1364);
	sa->pol->p.mtu4 = 500;
	sa->pol->p.mtu6 = 1200;
	cr_assert_eq(ike_frag_mtu(sa), 1200);
}

Test(ike_frag, ten_thousand_octets_and_ten_seconds)
{
	struct ike_sa *sa;

	start();
	sa = gateways();
	for (uint16_t i = 1; i <= 5; i++)
		cr_assert_eq(piece_of(sa, i, 6, 1932, 1900), IKE_FRAG_KEPT);
	cr_assert_eq(piece_of(sa, 6, 6, 1932, 501), IKE_FRAG_DROPPED, "10,001");
	cr_assert_eq(piece_of(sa, 6, 6, 1932, 500), IKE_FRAG_WHOLE, "10,000");
	ike_frag_drop(sa);
	for (int late = 0; late < 2; late++) {
		sa->e->now = w->now;
		cr_assert_eq(piece(sa, 1, 2, 100), IKE_FRAG_KEPT);
		ike_timer_arm(sa);
		w_run(w, 10 * W_US - 10000 + (unsigned)late * 20000);
		cr_assert_eq(piece(sa, 2, 2, 100), late ? IKE_FRAG_KEPT : IKE_FRAG_WHOLE);
		ike_frag_drop(sa);
	}
}

/* A peer that sends a message again in more pieces has found a smaller MTU: it begins anew (RFC 7383
 * section 2.6). */
Test(ike_frag, more_pieces_than_before_begin_anew)
{
	struct ike_sa *sa;
	uint64_t dropped;

	start();
	sa = gateways();
	dropped = w->n[0].cnt.rx_fragments_dropped;
	cr_assert_eq(piece(sa, 1, 3, 100), IKE_FRAG_KEPT);
	cr_assert_eq(piece(sa, 1, 2, 100), IKE_FRAG_DROPPED, "fewer ones are old");
	cr_assert_eq(piece(sa, 1, 4, 100), IKE_FRAG_KEPT);
	cr_assert_eq(w->n[0].cnt.rx_fragments_dropped, dropped + 2);
	cr_assert_eq(piece(sa, 2, 4, 100), IKE_FRAG_KEPT);
	cr_assert_eq(piece(sa, 4, 4, 100), IKE_FRAG_KEPT);
	cr_assert_eq(piece(sa, 3, 4, 100), IKE_FRAG_WHOLE);
}

/* Nobody agreed on them: dropped, and counted. */
Test(ike_frag, unagreed_ones_are_dropped)
{
	w->n[0].policy.no_fragmentation = true;
	start();
	cr_assert_eq(piece(gateways(), 1, 2, 100), IKE_FRAG_DROPPED);
	cr_assert_eq(w->n[0].cnt.rx_fragments_dropped, 1);
}

Test(ike_frag, a_restart_keeps_the_answer_in_pieces)
{
	unsigned left = 100;

	w->fate = answers_lost;
	w->fate_arg = &left;
	start();
	cr_assert_eq(w_established(&w->n[0]), 1);
	w_kill(&w->n[0]);
	w_restore(&w->n[0]);
	left = 0;
	w_run(w, 3 * W_US);
	cr_assert_eq(w->n[1].events[IKE_EV_UP], 1);
	cr_assert_eq(w_matched(w), 1);
}
