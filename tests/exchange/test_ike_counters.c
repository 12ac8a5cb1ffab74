/* SPDX-License-Identifier: MIT */
/*
 * Each counter that chapters 13 to 20 and 28 of the IPSec Reference show really counts: a table says what has
 * to happen at which end and how far it has moved then. A field of the reference without a row here fails.
 */
#include <criterion/criterion.h>

#include "ike/ike_int.h"
#include "ike_world.h"
#include "tests/ikestat_fields.h"

static struct world *w;

TestSuite(ike_counters, .timeout = 120);

/* ---- what the peer can be made to say ---- */

static struct ike_path on_its_way(const char *from)
{
	struct ike_path out = w_path(500), in = out;

	in.local = out.remote;
	in.remote = out.local;
	net_addr_parse(&in.remote.addr, from);
	return in;
}

static struct ike_sa *sa_of(int who)
{
	struct ike_sa_view v;

	cr_assert(w_sa(&w->n[who], &v));
	return ike_sa_find(w->n[who].e, v.spi);
}

/* An INFORMATIONAL message under the peer's keys: a request, or the answer to the gateway's outstanding one.
 */
static void say(const struct ike_path *path, bool answer, const struct ike_build *b)
{
	struct ike_sa *sa = sa_of(1);
	uint8_t sealed[4096];
	size_t n = ike_msg_seal(sa, IKE_X_INFORMATIONAL, answer, answer ? sa->recv_next : sa->send_next, b,
	                        sealed, sizeof(sealed));

	cr_assert(n);
	if (!answer)
		sa->send_next++; /* the next one has the next number */
	ike_engine_input(w->n[0].e, w->now, path, sealed, n);
}

static void notify(const struct ike_path *path, bool answer, uint16_t type, const void *data, size_t len,
                   bool update)
{
	uint8_t plain[512];
	struct ike_build b;

	ike_wire_build(&b, plain, sizeof(plain));
	if (update)
		ike_wire_put_notify(&b, 0, 0, 0, IKE_N_UPDATE_SA_ADDRESSES, NULL, 0);
	ike_wire_put_notify(&b, 0, 0, 0, type, data, len);
	say(path, answer, &b);
}

static int nothing_arrives(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)one, (void)from, (void)pkt, (void)len, (void)delay;
	return 1;
}

static int gateway_is_silent(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)one, (void)pkt, (void)len, (void)delay;
	return from == 0;
}

/* ---- what happens ---- */

static void tunnel(void)
{
	w_up(w);
}

static void in_pieces(void)
{
	w->n[0].policy.mtu4 = w->n[1].policy.mtu4 = 160;
	w_up(w);
}

/* The peer's IKE_AUTH request has three pieces or more, of which the last one is lost; ten seconds pass. */
static int last_piece_lost(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)one, (void)len, (void)delay;
	return from == 1 && pkt[16] == IKE_PL_SKF && pkt[33] == pkt[35];
}

static void pieces_are_missing(void)
{
	w->n[0].policy.mtu4 = w->n[1].policy.mtu4 = 120;
	w->n[1].policy.retrans_ms = 15000;
	w->fate = last_piece_lost;
	w_boot(w);
	w_initiate(w);
	w_run(w, 11 * W_US);
	cr_assert_geq(w->n[1].cnt.tx_fragments, 3);
	/* what came is what is dropped */
	cr_assert_eq(w->n[0].cnt.rx_fragments, w->n[1].cnt.tx_fragments - 1);
	cr_assert_eq(w->n[0].cnt.rx_fragments_dropped, w->n[0].cnt.rx_fragments);
}

static void mobike(void)
{
	w->n[0].policy.mobike = w->n[1].policy.mobike = true;
	w_up(w);
}

static void mobike_unasked(void)
{
	w->n[1].policy.mobike = true;
	w_up(w);
}

static void addresses_are_told(void)
{
	static const uint8_t four[4] = {192, 0, 2, 1}, six[16] = {0x20, 1, 0xd, 0xb8}, cookie[16] = {1};
	struct ike_path here = on_its_way("10.0.0.2");

	mobike();
	w->fate = nothing_arrives;
	notify(&here, false, IKE_N_ADDITIONAL_IP4_ADDRESS, four, sizeof(four), false);
	notify(&here, false, IKE_N_ADDITIONAL_IP6_ADDRESS, six, sizeof(six), false);
	notify(&here, false, IKE_N_NO_ADDITIONAL_ADDRESSES, NULL, 0, false);
	notify(&here, false, IKE_N_COOKIE2, cookie, sizeof(cookie), true);
}

static void nat_is_forbidden(void)
{
	static const uint8_t seen[] = {192, 168, 0, 9, 10, 0, 0, 1, 1, 0xf4, 1, 0xf4};
	struct ike_path there = on_its_way("10.0.0.77");

	mobike();
	w->fate = nothing_arrives;
	notify(&there, false, IKE_N_NO_NATS_ALLOWED, seen, sizeof(seen), true);
}

static void another_gateway(void)
{
	struct ike_path there = on_its_way("10.0.0.77");

	mobike();
	w->fate = nothing_arrives;
	net_addr_parse(&there.local.addr, "10.0.0.99");
	notify(&there, false, IKE_N_NO_ADDITIONAL_ADDRESSES, NULL, 0, true);
}

static void move_and_prove(void)
{
	struct ike_path p = w_path(500);

	w->n[0].policy.mobike_cookie = true;
	mobike();
	net_addr_parse(&p.local.addr, "10.0.0.77");
	cr_assert_eq(ike_engine_move(w->n[1].e, w->now, sa_of(1)->spi, &p), 0);
	w_run(w, W_US);
	cr_assert_eq(w->n[0].cnt.mobike_cookie2_match, 1);
}

static void move_and_lie(void)
{
	static const uint8_t wrong[16] = {9};
	struct ike_path there = on_its_way("10.0.0.77");

	w->n[0].policy.mobike_cookie = true;
	mobike();
	w->fate = nothing_arrives;
	notify(&there, false, IKE_N_NO_ADDITIONAL_ADDRESSES, NULL, 0, true);
	notify(&there, true, IKE_N_COOKIE2, wrong, sizeof(wrong), false);
}

/* The gateway rekeys the IKE SA, and the peer a child meanwhile. */
static int gateway_asks_in_vain(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)one, (void)len, (void)delay;
	return from == 0 && !(pkt[19] & IKE_F_RESPONSE);
}

static void crossing(void)
{
	w_up(w);
	w->fate = gateway_asks_in_vain;
	ike_engine_rekey_ike(w->n[0].e, w->now, sa_of(0)->spi);
	ike_engine_rekey_child(w->n[1].e, w->now, w_first_child(&w->n[1]));
	w_run(w, W_US / 4);
}

static void unknown_child(void)
{
	w_up(w);
	ike_sa_child_free(sa_of(0)->children);
	ike_engine_rekey_child(w->n[1].e, w->now, w_first_child(&w->n[1]));
	w_run(w, W_US / 4);
}

static void too_many_rekeys(void)
{
	w->n[0].policy.rekey_rate = 1;
	w_up(w);
	w_run(w, W_US - w->now % W_US);
	ike_engine_rekey_ike(w->n[1].e, w->now, sa_of(1)->spi);
	w_run(w, W_US / 10);
	ike_engine_rekey_ike(w->n[1].e, w->now, sa_of(1)->spi);
	w_run(w, W_US / 10);
	ike_engine_rekey_child(w->n[1].e, w->now, w_first_child(&w->n[1]));
	w_run(w, W_US / 10);
}

/* The store is slow, and the peer talks: two messages wait, the third and the fourth are too many. */
static void queue(void)
{
	w->n[0].policy.queue_max = 2;
	w_up(w);
	w->n[0].commit = W_MANUAL;
	ike_engine_dpd(w->n[0].e, w->now, sa_of(0)->spi);
	for (unsigned i = 0; i < 4; i++) {
		struct ike_path here = on_its_way("10.0.0.2");

		notify(&here, false, IKE_N_NO_ADDITIONAL_ADDRESSES, NULL, 0, false);
	}
	w->fate = nothing_arrives;
}

static void half_open(void)
{
	w->n[0].policy.half_open_s = 7;
	w->fate = gateway_is_silent;
	w_boot(w);
	w_initiate(w);
	w_run(w, 100000);
}

static void half_open_expires(void)
{
	half_open();
	w->fate = nothing_arrives;
	w_run(w, 8 * W_US);
}

static void junk(unsigned n)
{
	struct ike_sa *sa = w->n[0].e->sas;
	struct ike_path here = on_its_way("10.0.0.2");
	uint8_t pkt[120] = {0};
	struct ike_hdr h = {.next = IKE_PL_SK,
	                    .exchange = IKE_X_AUTH,
	                    .flags = IKE_F_INITIATOR,
	                    .spi_i = sa->peer_spi,
	                    .spi_r = sa->spi,
	                    .msgid = sa->recv_next,
	                    .length = sizeof(pkt)};

	ike_wire_put_hdr(pkt, &h);
	pkt[28] = IKE_PL_IDI;
	pkt[31] = sizeof(pkt) - 28;
	while (n--)
		ike_engine_input(w->n[0].e, w->now, &here, pkt, sizeof(pkt));
}

static void half_open_expires_after_junk(void)
{
	half_open();
	junk(2);
	w->fate = nothing_arrives;
	w_run(w, 8 * W_US);
}

static void junk_to_the_limit(void)
{
	w->n[0].policy.decrypt_fail_max = 5;
	half_open();
	junk(5);
}

static void dead_peer(void)
{
	w_up(w);
	w->fate = nothing_arrives;
	ike_engine_dpd(w->n[0].e, w->now, sa_of(0)->spi);
	w_run(w, 60 * W_US);
}

static bool kept_out;

static int admit(void *arg, const char *policy, const struct ike_id *peer, const char **why)
{
	(void)arg, (void)policy, (void)peer;
	*why = "on the blacklist";
	return kept_out ? -EACCES : 0;
}

/* A peer that is listed while it has a tunnel asks for a child, and rekeys both. */
static void listed(void)
{
	kept_out = false;
	w_boot(w);
	w->n[0].e->cb.admit = admit;
	w_initiate(w);
	w_run(w, W_US);
	kept_out = true;
	ike_engine_new_child(w->n[1].e, w->now, sa_of(1)->spi);
	w_run(w, W_US);
	ike_engine_rekey_child(w->n[1].e, w->now, w_first_child(&w->n[1]));
	w_run(w, W_US);
	ike_engine_rekey_ike(w->n[1].e, w->now, sa_of(1)->spi);
	w_run(w, W_US);
}

static const char *vendor(void *arg, const char *policy, const struct ike_vendor_id *id, unsigned n,
                          unsigned *known)
{
	(void)arg, (void)policy, (void)id;
	*known = n > 3 ? 3 : n;
	return NULL;
}

/* A request with four vendor ids, of which three are known: the sample of chapter 20. */
static int with_vendor_ids(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	struct ike_path here = on_its_way("10.0.0.2");
	uint8_t out[2048], *p = out + IKE_HDR_LEN;
	struct ike_hdr h;

	(void)delay;
	if (from != 1)
		return 0;
	cr_assert_eq(ike_wire_parse_hdr(&h, pkt, len), IKE_W_OK);
	for (unsigned i = 0; i < 4; i++, p += 8) {
		memcpy(p, "\x2b\0\0\x08 vid", 8);
		if (i == 3)
			p[0] = h.next;
	}
	h.next = IKE_PL_VENDOR;
	memcpy(p, pkt + IKE_HDR_LEN, len - IKE_HDR_LEN);
	h.length = (uint32_t)((size_t)(p - out) + len - IKE_HDR_LEN);
	ike_wire_put_hdr(out, &h);
	ike_engine_input(one->n[0].e, one->now, &here, out, h.length);
	return 1;
}

static void vendors(void)
{
	w_boot(w);
	w->n[0].e->cb.vendor = vendor;
	w->fate = with_vendor_ids;
	w_initiate(w);
}

/* ---- the table ---- */

static const struct {
	const char *field;
	void (*happens)(void); /* NULL: another test has it, named in elsewhere */
	int node;
	uint64_t moved; /* 0: at least once */
	const char *elsewhere;
} rows[] = {
        {"cert_auth_fail_large_length", NULL, 0, 0, "test_ike_cert too_large"},
        {"exp_half_open_sa", half_open_expires, 0, 1, NULL},
        {"exp_half_open_sa_noxchg", half_open_expires_after_junk, 0, 1, NULL},
        {"ikesa_rekey_rate_temp_failure", too_many_rekeys, 0, 1, NULL},
        {"childsa_rekey_rate_temp_failure", too_many_rekeys, 0, 1, NULL},
        {"xchg_drop_msg_queuesize_exceeded", queue, 0, 2, NULL},
        {"decryptfail_count_exceeded", junk_to_the_limit, 0, 1, NULL},
        {"rx_fragments", in_pieces, 0, 0, NULL},
        {"tx_fragments", in_pieces, 0, 0, NULL},
        {"rx_fragmented_packet", in_pieces, 0, 1, NULL},
        {"tx_fragmented_packet", in_pieces, 0, 1, NULL},
        {"rx_fragments_dropped", pieces_are_missing, 0, 0, NULL},
        {"notifpaysent_fragsupp", tunnel, 0, 1, NULL},
        {"notifrecv_fragsupp", tunnel, 0, 1, NULL},
        {"notifrecv_mobikesupp", mobike, 0, 1, NULL},
        {"notifrecv_addip4addr", addresses_are_told, 0, 1, NULL},
        {"notifrecv_addip6addr", addresses_are_told, 0, 1, NULL},
        {"notifrecv_noaddaddr", addresses_are_told, 0, 1, NULL},
        {"notifrecv_updsaaddr", addresses_are_told, 0, 1, NULL},
        {"notifrecv_cookie2", addresses_are_told, 0, 1, NULL},
        {"notifrecv_nonatallow", nat_is_forbidden, 0, 1, NULL},
        {"mobike_sent", mobike, 0, 1, NULL},
        {"mobike_recv", mobike, 0, 1, NULL},
        {"mobike_ignored", mobike_unasked, 0, 1, NULL},
        {"mobike_unexpected_natt_detected_sent", nat_is_forbidden, 0, 1, NULL},
        {"mobike_unacceptable_sent", another_gateway, 0, 1, NULL},
        {"mobike_cookie2_rcvd", move_and_prove, 0, 1, NULL},
        {"mobike_cookie2_sent", move_and_prove, 0, 1, NULL},
        {"mobike_cookie2_mismatch", move_and_lie, 0, 1, NULL},
        {"vendor_packets", vendors, 0, 1, NULL},
        {"vendor_ids", vendors, 0, 4, NULL},
        {"vendor_match", vendors, 0, 3, NULL},
        {"vendor_no_match", vendors, 0, 1, NULL},
        {"notifpaysent_tempfail", crossing, 0, 1, NULL},
        {"notifrecv_tempfail", crossing, 1, 1, NULL},
        {"notifpaysent_childsanotfound", unknown_child, 0, 1, NULL},
        {"notifrecv_childsanotfound", unknown_child, 1, 1, NULL},
        {"notifpaysent_deviceid", NULL, 0, 0, "test_ike_eap imei"},
        {"notifpayrecv_deviceid", NULL, 0, 0, "test_ike_eap imei"},
        {"list_child_refused", listed, 0, 1, NULL},
        {"list_rekey_refused", listed, 0, 2, NULL},
        /* beyond the reference's */
        {"exp_retran", dead_peer, 0, 1, NULL},
        {"dpd_send", dead_peer, 0, 1, NULL},
        {"dpd_timeout", dead_peer, 0, 1, NULL},
        {"dpd_disconnect", dead_peer, 0, 1, NULL},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static uint64_t value(int node, const char *field)
{
	const struct counter_schema *s = &counters_schema_ikev2;

	for (size_t i = 0; i < s->nrows; i++)
		if (!strcmp(s->rows[i].name, field))
			return *(uint64_t *)((char *)&w->n[node].cnt + s->rows[i].offset);
	cr_assert(false, "no counter %s", field);
	return 0;
}

Test(ike_counters, every_field_of_the_reference_counts)
{
	for (size_t i = 0; i < ROWS; i++) {
		uint64_t got;

		if (!rows[i].happens)
			continue;
		w = w_new();
		rows[i].happens();
		got = value(rows[i].node, rows[i].field);
		cr_expect(rows[i].moved ? got == rows[i].moved : got > 0, "%s: %llu", rows[i].field,
		          (unsigned long long)got);
		w_free(w);
	}
}

Test(ike_counters, the_table_is_complete)
{
	for (size_t i = 0; i < IKESTAT_FIELDS; i++) {
		size_t k = 0;

		while (k < ROWS && strcmp(rows[k].field, ikestat_fields[i].field) != 0)
			k++;
		cr_expect_lt(k, ROWS, "chapter %d, %s: nothing makes %s count", ikestat_fields[i].chapter,
		             ikestat_fields[i].label, ikestat_fields[i].field);
	}
}

/* The variables of the bulk statistics that chapters 17 to 19 and 28 name, as the list of variables spells
 * them. */
Test(ike_counters, every_variable_of_the_reference)
{
	static const char *const variables[] = {"tx-fragments",
	                                        "rx-fragments",
	                                        "tx-fragmented-packet",
	                                        "rx-fragmented-packet",
	                                        "rx-fragments-dropped",
	                                        "mobike-sent",
	                                        "mobike-recv",
	                                        "mobike-ignored",
	                                        "mobike-unexpected-natt-detected-sent",
	                                        "mobike-cookie2-rcvd",
	                                        "mobike-cookie2-sent",
	                                        "mobike-cookie2-mismatch",
	                                        "mobike-cookie2-match",
	                                        "notifrecv-mobikesupp",
	                                        "notifrecv-updsaaddr",
	                                        "notifrecv-cookie2",
	                                        "notifrecv-nonatallow",
	                                        "exp-half-open-sa-noxchg",
	                                        "exp-half-open-sa",
	                                        "xchg-drop-msg-queuesize-exceeded",
	                                        "decryptfail-count-exceeded",
	                                        "ikesa-rekey-rate-temp-failure",
	                                        "childsa-rekey-rate-temp-failure",
	                                        "cert-auth-fail-large-length",
	                                        "notifpaysent-deviceid",
	                                        "notifpayrecv-deviceid"};
	const struct counter_schema *s = &counters_schema_ikev2;

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		char name[64];
		size_t k = 0;

		snprintf(name, sizeof(name), "ikev2-%s", variables[i]);
		while (k < s->nrows && strcmp(s->rows[k].variable, name) != 0)
			k++;
		cr_expect_lt(k, s->nrows, "%s", name);
	}
}
