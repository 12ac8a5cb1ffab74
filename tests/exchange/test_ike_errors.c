/* SPDX-License-Identifier: MIT */
/*
 * What is said of messages that can't be taken (RFC 7296 sections 2.3, 2.5, 2.21; chapter 8 of the reference,
 * ikev2-ikesa policy error-notification): versions, syntax, critical payloads, message ids, unknown SPIs; and
 * that none of it harms a tunnel.
 */
#include <criterion/criterion.h>

#include "ike/ike_ts.h"
#include "ike_world.h"

static struct world *w;
static uint8_t said[8][512];
static size_t said_len[8];
static unsigned n_said;

static void setup(void)
{
	w = w_new();
	n_said = 0;
}

static void teardown(void)
{
	w_free(w);
}

TestSuite(ike_errors, .init = setup, .fini = teardown, .timeout = 60);

/* Node 0's packets are kept, not delivered. */
static int keep_said(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)one, (void)delay;
	if (from != 0 || len > sizeof(said[0]))
		return from == 0;
	if (n_said < 8) {
		memcpy(said[n_said], pkt, len);
		said_len[n_said] = len;
	}
	n_said++;
	return 1;
}

static void give(const uint8_t *pkt, size_t len)
{
	struct ike_path p = w_path(500), from = {.ctx_id = 1, .local = p.remote, .remote = p.local};

	ike_engine_input(w->n[0].e, w->now, &from, pkt, len);
}

/* The notify of the only, unprotected answer; 0: nothing was said. */
static uint16_t answer(struct ike_msg *m)
{
	struct ike_hdr h;

	memset(m, 0, sizeof(*m));
	if (!n_said)
		return 0;
	cr_assert_eq(n_said, 1);
	cr_assert_eq(ike_wire_parse_hdr(&h, said[0], said_len[0]), IKE_W_OK);
	cr_assert(h.flags & IKE_F_RESPONSE);
	m->hdr = h;
	cr_assert_eq(ike_wire_parse_chain(m, h.next, said[0] + IKE_HDR_LEN, said_len[0] - IKE_HDR_LEN, false),
	             IKE_W_OK);
	cr_assert_eq(m->n_notify, 1);
	return m->notify[0].type;
}

/* An IKE_SA_INIT request as node 1 sends it. */
static size_t request(uint8_t pkt[512])
{
	w->fate = keep_said;
	w_boot(w);
	w_initiate(w);
	cr_assert_lt(w->last_len[1], 512);
	memcpy(pkt, w->last_pkt[1], w->last_len[1]);
	return w->last_len[1];
}

Test(ike_errors, future_major_versions)
{
	struct ike_msg m;
	uint8_t pkt[512];
	size_t len = request(pkt);

	for (int silent = 0; silent < 2; silent++) {
		w->n[0].policy.silent_version = silent;
		ike_engine_policy_put(w->n[0].e, &w->n[0].policy);
		n_said = 0;
		pkt[17] = 0x30;
		give(pkt, len);
		cr_assert_eq(answer(&m), silent ? 0 : IKE_N_INVALID_MAJOR_VERSION);
		if (!silent)
			cr_assert_eq(m.hdr.version, 0x20, "the highest that we speak");
		cr_assert_eq(w->n[0].cnt.xchg_dropinvmajver, (uint64_t)silent + 1);
	}
	pkt[17] = 0x10;
	give(pkt, len);
	pkt[17] = 0x30;
	pkt[19] |= IKE_F_RESPONSE;
	give(pkt, len);
	cr_assert_eq(n_said, 0, "neither to the past nor to an answer");
	cr_assert_eq(w_established(&w->n[0]), 0);
}

Test(ike_errors, minor_versions_and_the_version_bit_mean_nothing)
{
	struct ike_msg m = {0};
	struct ike_hdr h;
	uint8_t pkt[512];
	size_t len = request(pkt);

	pkt[17] = 0x27;
	pkt[19] |= 0x10; /* V: speaks a higher major version, too */
	give(pkt, len);
	cr_assert_eq(n_said, 1);
	cr_assert_eq(ike_wire_parse_hdr(&h, said[0], said_len[0]), IKE_W_OK);
	cr_assert_eq(
	        ike_wire_parse_chain(&m, h.next, said[0] + IKE_HDR_LEN, said_len[0] - IKE_HDR_LEN, false),
	        IKE_W_OK);
	cr_assert(m.seen & IKE_SEEN(IKE_PL_SA), "negotiated");
	cr_assert_eq(said[0][17], 0x20);
	cr_assert_not(said[0][19] & 0x10, "we speak none");
}

Test(ike_errors, syntax_of_the_first_message)
{
	struct ike_msg m;
	uint8_t pkt[512];
	size_t len = request(pkt);

	for (int silent = 0; silent < 2; silent++) {
		uint8_t bad[512];

		w->n[0].policy.silent_syntax = silent;
		ike_engine_policy_put(w->n[0].e, &w->n[0].policy);
		n_said = 0;
		memcpy(bad, pkt, len);
		bad[30] = 0xff; /* the first payload is longer than the message */
		give(bad, len);
		cr_assert_eq(answer(&m), silent ? 0 : IKE_N_INVALID_SYNTAX);
		n_said = 0;
		memcpy(bad, pkt, len);
		bad[34] = 0xff; /* so is its proposal */
		give(bad, len);
		cr_assert_eq(answer(&m), silent ? 0 : IKE_N_INVALID_SYNTAX);
	}
	cr_assert_gt(w->n[0].cnt.decfail_pktfail, 1);
	cr_assert_eq(w->n[0].cnt.curhalfsa, 0, "nothing is kept");
}

Test(ike_errors, critical_payloads_of_the_first_message)
{
	struct ike_msg m;
	uint8_t pkt[512], longer[512];
	size_t len = request(pkt);

	for (int critical = 0; critical < 2; critical++) {
		n_said = 0;
		memcpy(longer, pkt, len);
		/* in front of all others: type 200, empty */
		memcpy(longer + 32, pkt + 28, len - 28);
		longer[28] = pkt[16];
		longer[16] = 200;
		longer[29] = critical ? 0x80 : 0;
		longer[30] = 0;
		longer[31] = 4;
		longer[26] = (uint8_t)((len + 4) >> 8);
		longer[27] = (uint8_t)(len + 4);
		give(longer, len + 4);
		cr_assert_eq(n_said, 1);
		if (!critical) {
			cr_assert_eq(w->n[0].cnt.curhalfsa, 1, "ignored, and served");
			continue;
		}
		cr_assert_eq(answer(&m), IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD);
		cr_assert(m.notify[0].data.len == 1 && m.notify[0].data.p[0] == 200);
	}
}

Test(ike_errors, message_id_of_the_first_message)
{
	struct ike_msg m;
	uint8_t pkt[512];
	size_t len = request(pkt);

	for (int tell = 0; tell < 2; tell++) {
		w->n[0].policy.tell_msgid = tell;
		ike_engine_policy_put(w->n[0].e, &w->n[0].policy);
		n_said = 0;
		pkt[23] = 7;
		give(pkt, len);
		cr_assert_eq(answer(&m), tell ? IKE_N_INVALID_MESSAGE_ID : 0);
	}
	cr_assert(m.notify[0].data.len == 4 && m.notify[0].data.p[3] == 7);
	cr_assert_eq(w->n[0].cnt.xchg_dropinvmsgid, 2);
}

/* ---- an SA ---- */

static void up(void)
{
	w->fate = NULL;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 1);
}

/* A protected request of node 1's SA under a message id of our choice. */
static void say(uint32_t msgid)
{
	struct ike_sa_view v;
	uint8_t inner[64], out[512];
	struct ike_build b;
	size_t n;

	cr_assert(w_sa(&w->n[1], &v));
	ike_wire_build(&b, inner, sizeof(inner));
	n = ike_msg_seal(ike_sa_find(w->n[1].e, v.spi), IKE_X_INFORMATIONAL, false, msgid, &b, out,
	                 sizeof(out));
	cr_assert_gt(n, 0);
	give(out, n);
}

Test(ike_errors, message_ids_outside_the_window)
{
	struct ike_sa_view v;

	up();
	cr_assert(w_sa(&w->n[0], &v));
	say(v.recv_msgid + 5);
	w_run(w, W_US);
	cr_assert_eq(w->n[1].cnt.notifrecv_invmsgid, 0, "not unless it is wanted");
	w->n[0].policy.tell_msgid = true;
	ike_engine_policy_put(w->n[0].e, &w->n[0].policy);
	say(v.recv_msgid + 5);
	say(v.recv_msgid + 6);
	w_run(w, W_US);
	cr_assert_eq(w->n[1].cnt.notifrecv_invmsgid, 1, "once a second");
	cr_assert_eq(w->n[0].cnt.notifpaysent_invmsgid, 1);
	w_run(w, W_US);
	say(v.recv_msgid + 7);
	w_run(w, W_US);
	cr_assert_eq(w->n[1].cnt.notifrecv_invmsgid, 2);
	cr_assert_eq(w_matched(w), 1);
	cr_assert(w_sa(&w->n[0], &v));
	cr_assert_not(v.request_outstanding);
}

Test(ike_errors, forged_message_ids_are_not_told)
{
	struct ike_sa_view v;
	uint8_t pkt[80] = {0};
	struct ike_hdr h = {.next = IKE_PL_SK,
	                    .exchange = IKE_X_INFORMATIONAL,
	                    .flags = IKE_F_INITIATOR,
	                    .msgid = 99,
	                    .length = sizeof(pkt)};

	w->n[0].policy.tell_msgid = true;
	up();
	cr_assert(w_sa(&w->n[0], &v));
	h.spi_i = v.peer_spi;
	h.spi_r = v.spi;
	ike_wire_put_hdr(pkt, &h);
	pkt[31] = sizeof(pkt) - 28;
	give(pkt, sizeof(pkt));
	w_run(w, W_US);
	cr_assert_eq(w->n[1].cnt.notifrecv_invmsgid, 0);
}

/* An SPI of ours that is not there (any more): a hint, at most ten a second, and nothing follows from it. */
Test(ike_errors, unknown_spis)
{
	struct ike_sa_view v;
	struct ike_msg m;

	up();
	cr_assert(w_sa(&w->n[1], &v));
	w->fate = keep_said;
	w_forget(&w->n[0]);
	w_kill(&w->n[0]);
	w_start(&w->n[0]);
	say(5);
	cr_assert_eq(answer(&m), IKE_N_INVALID_IKE_SPI);
	cr_assert_eq(m.hdr.spi_i, v.spi);
	cr_assert_eq(m.hdr.msgid, 5);
	for (int i = 0; i < 100; i++)
		say(5);
	cr_assert_eq(n_said, 10);
	w_run(w, W_US);
	say(5);
	cr_assert_eq(n_said, 11);
	/* the peer asks, hears it, and asks again: what decides is that nobody answers */
	w->fate = NULL;
	ike_engine_dpd(w->n[1].e, w->now, v.spi);
	w_run(w, W_US);
	cr_assert_geq(w->n[1].cnt.notifrecv_invikespi, 1);
	cr_assert_eq(w_established(&w->n[1]), 1);
	w_run(w, 60 * W_US);
	cr_assert_eq(w->n[1].last[IKE_EV_DOWN].reason, IKE_R_DPD_TIMEOUT);
}

Test(ike_errors, spis_of_others_and_answers_are_not_told)
{
	uint8_t pkt[28];
	struct ike_hdr h = {.spi_i = 0xc800000000000001ULL,
	                    .spi_r = 0x0800000000000001ULL, /* instance 8 */
	                    .exchange = IKE_X_INFORMATIONAL,
	                    .flags = IKE_F_INITIATOR,
	                    .length = sizeof(pkt)};

	w->fate = keep_said;
	w_boot(w);
	ike_wire_put_hdr(pkt, &h);
	give(pkt, sizeof(pkt));
	h.spi_r = 0x0700000000000001ULL;
	h.flags = IKE_F_INITIATOR | IKE_F_RESPONSE;
	ike_wire_put_hdr(pkt, &h);
	give(pkt, sizeof(pkt));
	cr_assert_eq(n_said, 0);
	h.flags = IKE_F_INITIATOR;
	ike_wire_put_hdr(pkt, &h);
	give(pkt, sizeof(pkt));
	cr_assert_eq(n_said, 1);
}

/* ---- the protocol of REKEY_SA (ikev2-ikesa ignore-notify-protocol-id) ---- */

Test(ike_errors, protocol_of_a_rekey)
{
	for (int lax = 0; lax < 2; lax++) {
		struct ike_ts any = ike_ts_any(AF_INET);
		const uint8_t nonce[32] = {1};
		uint8_t inner[512], out[1024];
		struct ike_sa_view v;
		struct ike_build b;
		struct ike_sa *sa;
		size_t n;

		w_free(w);
		w = w_new();
		w->n[0].policy.lax_protocol_id = lax;
		up();
		cr_assert(w_sa(&w->n[1], &v));
		sa = ike_sa_find(w->n[1].e, v.spi);
		ike_wire_build(&b, inner, sizeof(inner));
		ike_wire_put_notify(&b, IKE_PROTO_IKE, w->n[1].child[0].in, 4, IKE_N_REKEY_SA, NULL, 0);
		ike_wire_put_sa(&b, IKE_PROTO_ESP, 0xc8001234, 4, w->n[1].policy.payload[0].esp, 1, 0);
		ike_wire_put_nonce(&b, nonce, sizeof(nonce));
		ike_wire_put_ts(&b, IKE_PL_TSI, &any, 1);
		ike_wire_put_ts(&b, IKE_PL_TSR, &any, 1);
		n = ike_msg_seal(sa, IKE_X_CREATE_CHILD, false, sa->send_next, &b, out, sizeof(out));
		give(out, n);
		cr_assert_eq(w->n[0].events[IKE_EV_CHILD_REKEYED], lax);
		cr_assert_eq(w->n[0].cnt.decfail_notifpayrekey, !lax);
		cr_assert_eq(w->n[0].cnt.notifpaysent_invsyn, !lax);
	}
}
