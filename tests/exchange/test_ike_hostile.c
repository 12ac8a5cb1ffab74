/* SPDX-License-Identifier: MIT */
/*
 * Hostile input to a whole engine: every bit of real messages wrong, every truncation, replays, forgeries,
 * floods of garbage, 64 KB packets. Nothing crashes, nothing established is lost, and what's refused is
 * counted. And the exchange table: every state × event.
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

TestSuite(ike_hostile, .init = setup, .fini = teardown, .timeout = 300);

#define KEEP 16
static struct {
	int to;
	struct ike_path path;
	uint8_t pkt[4096];
	size_t len;
} kept[KEEP];
static unsigned n_kept;

static int keep_all(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)one, (void)delay;
	if (n_kept < KEEP) {
		kept[n_kept].to = !from;
		memcpy(kept[n_kept].pkt, pkt, len);
		kept[n_kept].path = w_path(500);
		if (from == 1) {
			kept[n_kept].path.local = w_path(500).remote;
			kept[n_kept].path.remote = w_path(500).local;
		}
		kept[n_kept++].len = len;
	}
	return 0;
}

static void start(void)
{
	n_kept = 0;
	w->fate = keep_all;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 1);
}

static void still_there(void)
{
	struct ike_sa_view v;
	unsigned alive = w->n[1].events[IKE_EV_PEER_ALIVE];

	w->fate = NULL;
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(ike_engine_dpd(w->n[1].e, w->now, v.spi), 0);
	w_run(w, W_US);
	cr_assert_eq(w->n[1].events[IKE_EV_PEER_ALIVE], alive + 1);
	cr_assert_eq(w_matched(w), 1);
	cr_assert_eq(w_established(&w->n[0]), 1);
}

Test(ike_hostile, replays_change_nothing)
{
	struct ike_sa_view before, after;

	start();
	ike_engine_rekey_child(w->n[1].e, w->now, w->n[1].child[0].in);
	w_run(w, W_US);
	cr_assert(w_sa(&w->n[0], &before));
	for (unsigned i = 0; i < n_kept; i++)
		ike_engine_input(w->n[kept[i].to].e, w->now, &kept[i].path, kept[i].pkt, kept[i].len);
	w_run(w, W_US);
	cr_assert(w_sa(&w->n[0], &after));
	cr_assert_eq(before.recv_msgid, after.recv_msgid);
	cr_assert_eq(w_matched(w), 1);
	still_there();
}

/* Bit errors in every byte of the messages of a set-up and a rekey, given to the engine that would take the
 * right one. */
Test(ike_hostile, bit_errors_change_nothing)
{
	struct ike_sa_view before, after;
	uint8_t pkt[4096];

	start();
	ike_engine_rekey_child(w->n[1].e, w->now, w->n[1].child[0].in);
	w_run(w, W_US);
	w->fate = NULL;
	cr_assert(w_sa(&w->n[0], &before));
	for (unsigned i = 0; i < n_kept; i++) {
		for (size_t at = 0; at < kept[i].len; at++) {
			memcpy(pkt, kept[i].pkt, kept[i].len);
			pkt[at] ^= (uint8_t)(1u << at % 8);
			ike_engine_input(w->n[kept[i].to].e, w->now, &kept[i].path, pkt, kept[i].len);
		}
		for (size_t len = 0; len < kept[i].len; len++) {
			memcpy(pkt, kept[i].pkt, len);
			if (len >= 28) { /* a length field that agrees */
				pkt[24] = pkt[25] = 0;
				pkt[26] = (uint8_t)(len >> 8);
				pkt[27] = (uint8_t)len;
			}
			ike_engine_input(w->n[kept[i].to].e, w->now, &kept[i].path, pkt, len);
		}
		w_run(w, 200 * 1000);
	}
	w_run(w, 60 * W_US);
	cr_assert(w_sa(&w->n[0], &after));
	cr_assert_eq(before.recv_msgid, after.recv_msgid);
	cr_assert_eq(before.send_msgid, after.send_msgid);
	cr_assert_gt(w->n[0].cnt.decfail_pktfail, 100);
	still_there();
}

/* The next message id, the right SPIs, but no key. */
Test(ike_hostile, forged_requests_are_counted)
{
	struct ike_sa_view v;
	uint8_t pkt[200];
	struct ike_hdr h = {.next = IKE_PL_SK,
	                    .exchange = IKE_X_INFORMATIONAL,
	                    .flags = IKE_F_INITIATOR,
	                    .length = sizeof(pkt)};
	struct ike_path path = w_path(500);

	start();
	cr_assert(w_sa(&w->n[0], &v));
	h.spi_i = v.peer_spi;
	h.spi_r = v.spi;
	h.msgid = v.recv_msgid;
	for (int i = 0; i < 100; i++) {
		w_random(&w->n[0], pkt, sizeof(pkt));
		ike_wire_put_hdr(pkt, &h);
		pkt[28] = IKE_PL_DELETE;
		pkt[29] = 0;
		pkt[30] = 0;
		pkt[31] = sizeof(pkt) - 28;
		ike_engine_input(w->n[0].e, w->now, &path, pkt, sizeof(pkt));
	}
	cr_assert_geq(w->n[0].cnt.decryptfail_hmac, 100);
	still_there();
}

Test(ike_hostile, big_packets)
{
	uint8_t *pkt = malloc(65535);
	struct ike_hdr h = {.spi_i = 1,
	                    .next = IKE_PL_VENDOR,
	                    .exchange = IKE_X_SA_INIT,
	                    .flags = IKE_F_INITIATOR,
	                    .length = 65535};
	struct ike_path path = w_path(500);
	struct ike_sa_view v;

	start();
	memset(pkt, 0, 65535);
	ike_wire_put_hdr(pkt, &h);
	pkt[30] = 0xff;
	pkt[31] = 0xff - 28;
	ike_engine_input(w->n[0].e, w->now, &path, pkt, 65535);
	cr_assert(w_sa(&w->n[0], &v));
	h = (struct ike_hdr){.spi_i = v.peer_spi,
	                     .spi_r = v.spi,
	                     .next = IKE_PL_SK,
	                     .exchange = IKE_X_INFORMATIONAL,
	                     .flags = IKE_F_INITIATOR,
	                     .msgid = v.recv_msgid,
	                     .length = 65535};
	ike_wire_put_hdr(pkt, &h);
	ike_engine_input(w->n[0].e, w->now, &path, pkt, 65535);
	ike_engine_input(w->n[0].e, w->now, &path, pkt, 28);
	ike_engine_input(w->n[0].e, w->now, &path, pkt, 0);
	free(pkt);
	still_there();
}

/* A good IKE_SA_INIT with a vendor id behind it that makes it `len` octets long. */
static size_t padded(uint8_t *out, size_t len)
{
	size_t at = IKE_HDR_LEN, n = w->last_len[1], body = len - n;

	memcpy(out, w->last_pkt[1], n);
	while (out[at])
		at += (size_t)out[at + 2] << 8 | out[at + 3];
	out[at] = IKE_PL_VENDOR;
	memset(out + n, 'v', body);
	out[n] = out[n + 1] = 0;
	out[n + 2] = (uint8_t)(body >> 8);
	out[n + 3] = (uint8_t)body;
	out[26] = (uint8_t)(len >> 8);
	out[27] = (uint8_t)len;
	return len;
}

static int drop_everything(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)one, (void)from, (void)pkt, (void)len, (void)delay;
	return 1;
}

/* Nobody is proven by IKE_SA_INIT, and what they send is kept: long ones are not taken, or some thousand fill
 * the memory. */
Test(ike_hostile, long_first_messages_are_not_kept)
{
	struct ike_path path = w_path(500),
	                here = {.ctx_id = path.ctx_id, .local = path.remote, .remote = path.local};
	uint8_t pkt[IKE_INIT_LEN + 1];

	w->fate = drop_everything;
	w_boot(w);
	w_initiate(w);
	ike_engine_input(w->n[0].e, w->now, &here, pkt, padded(pkt, IKE_INIT_LEN + 1));
	cr_assert_eq(w->n[0].cnt.curhalfsa, 0);
	cr_assert_eq(w->n[0].cnt.decfail_ikehdrlen, 1);
	ike_engine_input(w->n[0].e, w->now, &here, pkt, padded(pkt, IKE_INIT_LEN));
	cr_assert_eq(w->n[0].cnt.curhalfsa, 1);
}

/* A packet's way as the gateway sees it. */
static struct ike_path to_gateway(void)
{
	struct ike_path out = w_path(500), in = out;

	in.local = out.remote;
	in.remote = out.local;
	return in;
}

Test(ike_hostile, single_bytes_and_versions)
{
	uint8_t pkt[28] = {0xff};
	struct ike_hdr h = {.spi_i = 5, .exchange = IKE_X_SA_INIT, .flags = IKE_F_INITIATOR, .length = 28};
	struct ike_path path = to_gateway();
	unsigned sent;

	w_boot(w);
	ike_engine_input(w->n[0].e, w->now, &path, pkt, 1);
	cr_assert_eq(w->n[0].cnt.decfail_ikehdr, 1, "keepalives are not IKE's");
	ike_wire_put_hdr(pkt, &h);
	pkt[17] = 0x30;
	sent = w->sent[0];
	ike_engine_input(w->n[0].e, w->now, &path, pkt, 28);
	cr_assert_eq(w->sent[0], sent + 1);
	cr_assert_eq(w->n[0].cnt.notifpaysent_invmajver, 1);
	pkt[17] = 0x10; /* IKEv1: silence */
	ike_engine_input(w->n[0].e, w->now, &path, pkt, 28);
	cr_assert_eq(w->sent[0], sent + 1);
}

/* Send a protected message of our making from node 1's SA. */
static void say(uint8_t exchange, void (*build)(struct ike_build *b))
{
	struct ike_sa_view v;
	struct ike_path path = w_path(500);
	uint8_t inner[512], out[1024];
	struct ike_build b;
	struct ike_sa *sa;
	size_t n;

	cr_assert(w_sa(&w->n[1], &v));
	sa = ike_sa_find(w->n[1].e, v.spi);
	ike_wire_build(&b, inner, sizeof(inner));
	build(&b);
	n = ike_msg_seal(sa, exchange, false, sa->send_next, &b, out, sizeof(out));
	cr_assert_gt(n, 0);
	sa->send_next++;
	path.local = w_path(500).remote;
	path.remote = w_path(500).local;
	w->fate = NULL;
	ike_engine_input(w->n[0].e, w->now, &path, out, n);
}

static void critical(struct ike_build *b)
{
	ike_wire_begin(b, 99);
	ike_wire_end(b);
	b->w.buf[b->start + 1] = 0x80;
}

static void unknown(struct ike_build *b)
{
	ike_wire_begin(b, 99);
	ike_wire_end(b);
}

static void malformed(struct ike_build *b)
{
	ike_wire_begin(b, IKE_PL_NOTIFY);
	pack_put_u8(&b->w, 0);
	ike_wire_end(b);
}

static void missing(struct ike_build *b)
{
	ike_wire_put_nonce(b, (const uint8_t *)"0123456789abcdef", 16);
}

static void fragment_and_mobike(struct ike_build *b)
{
	ike_wire_put_notify(b, 0, 0, 0, IKE_N_MOBIKE_SUPPORTED, NULL, 0);
	ike_wire_put_notify(b, 0, 0, 0, IKE_N_UPDATE_SA_ADDRESSES, NULL, 0);
	ike_wire_put_notify(b, 0, 0, 0, 40000, NULL, 0);
}

static void many_deletes(struct ike_build *b)
{
	uint32_t spis[100];

	for (int i = 0; i < 100; i++)
		spis[i] = (uint32_t)i * 77;
	ike_wire_put_delete(b, IKE_PROTO_ESP, spis, 100);
}

Test(ike_hostile, odd_requests_of_a_proven_peer)
{
	uint64_t before;

	start();
	w_run(w, 100);
	before = w->sent[0];
	say(IKE_X_INFORMATIONAL, critical);
	cr_assert_eq(w->n[0].cnt.notifpaysent_unsuppcrit, 1);
	say(IKE_X_INFORMATIONAL, unknown);
	say(IKE_X_INFORMATIONAL, malformed);
	cr_assert_eq(w->n[0].cnt.notifpaysent_invsyn, 1);
	say(IKE_X_CREATE_CHILD, missing);
	cr_assert_eq(w->n[0].cnt.notifpaysent_invsyn, 2);
	say(IKE_X_INFORMATIONAL, fragment_and_mobike);
	cr_assert_eq(w->n[0].cnt.mobike_ignored, 0);
	cr_assert_eq(w->n[0].cnt.notifrecv_other, 1);
	say(IKE_X_INFORMATIONAL, many_deletes);
	cr_assert_eq(w->sent[0], before + 6, "each is answered");
	w_run(w, W_US);
	still_there();
}

Test(ike_hostile, decryption_failures_end_a_half_open_sa)
{
	uint8_t pkt[200];
	struct ike_hdr h = {.next = IKE_PL_SK,
	                    .exchange = IKE_X_AUTH,
	                    .flags = IKE_F_INITIATOR,
	                    .msgid = 1,
	                    .length = sizeof(pkt)};
	struct ike_path path = w_path(500);
	struct ike_sa *sa;

	w->n[0].policy.decrypt_fail_max = 10;
	n_kept = 0;
	w->fate = keep_all;
	w_boot(w);
	w_initiate(w);
	w_run(w, 1100); /* IKE_SA_INIT has arrived, its answer hasn't */
	sa = w->n[0].e->sas;
	cr_assert(sa && sa->state == IKE_ST_HALF_OPEN);
	h.spi_i = sa->peer_spi;
	h.spi_r = sa->spi;
	for (int i = 0; i < 10; i++) {
		w_random(&w->n[0], pkt, sizeof(pkt));
		ike_wire_put_hdr(pkt, &h);
		pkt[28] = 35;
		pkt[29] = pkt[30] = 0;
		pkt[31] = sizeof(pkt) - 28;
		ike_engine_input(w->n[0].e, w->now, &path, pkt, sizeof(pkt));
	}
	cr_assert_eq(w->n[0].cnt.decryptfail_count_exceeded, 1);
	cr_assert_eq(w->n[0].last[IKE_EV_SETUP_FAILED].reason, IKE_R_DECRYPT_FAILURES);
}

static int nothing_arrives(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)one, (void)from, (void)pkt, (void)len, (void)delay;
	return 1;
}

Test(ike_hostile, garbage)
{
	uint8_t pkt[600];
	struct ike_path path = to_gateway();

	start();
	w->fate = nothing_arrives;
	for (int i = 0; i < 20000; i++) {
		size_t len = w_rand(&w->n[0]) % sizeof(pkt);
		struct ike_hdr h = {.spi_i = w_rand(&w->n[0]) % 4,
		                    .next = (uint8_t)(33 + w_rand(&w->n[0]) % 16),
		                    .exchange = (uint8_t)(34 + i % 4),
		                    .flags = IKE_F_INITIATOR,
		                    .length = (uint32_t)len};

		w_random(&w->n[0], pkt, len);
		if (len >= 28 && i % 8)
			ike_wire_put_hdr(pkt, &h);
		ike_engine_input(w->n[0].e, w->now, &path, pkt, len);
	}
	still_there();
}

/* ---- the exchange table ---- */

TestSuite(ike_fsm, .init = setup, .fini = teardown, .timeout = 60);

/* What must be welcome, written down a second time on purpose. */
static bool welcome(int state, uint8_t exchange, bool response)
{
	bool live = state == IKE_ST_ESTABLISHED || state == IKE_ST_REKEYED || state == IKE_ST_DELETING;

	switch (exchange) {
	case IKE_X_SA_INIT:
		return response ? state == IKE_ST_INIT_SENT : state == 31;
	case IKE_X_AUTH:
		return response ? state == IKE_ST_AUTH_SENT
		                : state == IKE_ST_HALF_OPEN || state == IKE_ST_AUTH_WAIT ||
		                          state == IKE_ST_EAP_WAIT;
	case IKE_X_CREATE_CHILD:
	case IKE_X_INFORMATIONAL:
		return live;
	}
	return false;
}

Test(ike_fsm, every_state_and_event)
{
	for (int s = 0; s < IKE_STATES; s++)
		for (int x = IKE_X_SA_INIT; x <= IKE_X_INFORMATIONAL + 1; x++)
			for (int r = 0; r < 2; r++)
				cr_expect_eq(ike_fsm_find(1u << s, (uint8_t)x, r) != NULL,
				             welcome(s, (uint8_t)x, r), "%s %s %s", ike_state_name(s),
				             ike_wire_exchange_name((uint8_t)x), r ? "response" : "request");
	cr_expect(ike_fsm_find(IKE_FSM_NEW, IKE_X_SA_INIT, false));
	cr_expect_not(ike_fsm_find(IKE_FSM_NEW, IKE_X_AUTH, false));
}

Test(ike_fsm, rows_do_not_overlap)
{
	size_t n;
	const struct ike_fsm_row *rows = ike_fsm_rows(&n);

	for (size_t i = 0; i < n; i++) {
		cr_expect(rows[i].story && rows[i].process);
		for (size_t k = i + 1; k < n; k++)
			cr_expect(rows[i].exchange != rows[k].exchange ||
			          rows[i].response != rows[k].response || !(rows[i].states & rows[k].states));
	}
}

Test(ike_fsm, illegal_events_are_refused_and_change_nothing)
{
	struct ike_engine *e;
	unsigned refused = 0;
	struct ike_sa *sa;

	start();
	e = w->n[0].e;
	sa = e->sas;
	for (int s = 0; s < IKE_STATES; s++) {
		for (int x = IKE_X_SA_INIT; x <= IKE_X_INFORMATIONAL; x++) {
			for (int r = 0; r < 2; r++) {
				struct ike_msg m = {
				        .hdr = {.exchange = (uint8_t)x, .flags = r ? IKE_F_RESPONSE : 0}};
				struct ike_rx rx = {.e = e, .sa = sa, .m = &m};

				if (welcome(s, (uint8_t)x, r))
					continue;
				ike_sa_set_state(sa, s);
				rx.t = ike_out_begin(e, sa);
				ike_fsm_dispatch(&rx);
				cr_expect_eq(e->refused, ++refused);
				cr_expect_eq(sa->state, s);
				cr_expect_eq(rx.t->n, 0);
				cr_expect_eq(rx.t->n_sa, 0);
				ike_out_free(rx.t);
			}
		}
	}
	ike_sa_set_state(sa, IKE_ST_ESTABLISHED);
	cr_expect_eq(w->n[0].cnt.xchg_dropikesaerr, refused);
	cr_expect_eq(w->n[0].cnt.curestsa, 1, "gauges follow the state");
	cr_expect_eq(w->n[0].cnt.curhalfsa, 0);
	still_there();
}

Test(ike_fsm, documents)
{
	char *doc = ike_fsm_doc(), *dot = ike_fsm_dot();

	cr_assert(strstr(doc, "IKE_AUTH request in HALF_OPEN: "));
	cr_assert(strstr(dot, "digraph ike {"));
	free(doc);
	free(dot);
	for (int s = 0; s < IKE_STATES; s++)
		cr_expect_str_neq(ike_state_name(s), "unknown");
	for (int s = 0; s < IKE_EVENTS; s++)
		cr_expect_str_neq(ike_event_name(s), "unknown");
	for (int s = 0; s < IKE_REASONS; s++)
		cr_expect_str_neq(ike_reason_name(s), "unknown");
	for (int s = 0; s < IKE_W_REASONS; s++)
		cr_expect(strlen(ike_wire_reason_name(s)) > 1);
}
