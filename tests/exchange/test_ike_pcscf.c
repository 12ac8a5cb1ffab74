/* SPDX-License-Identifier: MIT */
/*
 * P-CSCF addresses in configuration payloads (lib/ike/ike_pcscf.c; RFC 7651, chapter 20): who is told which,
 * in which attributes and in which order, of which APN; and that an answer stays what it was.
 */
#include <criterion/criterion.h>

#include "ike/ike_auth.h"
#include "ike_world.h"

#define GW   (&w->n[0])
#define PEER (&w->n[1])

static struct world *w;

static void setup(void)
{
	static const char *const servers[] = {"198.51.100.1", "2001:db8::1", "2001:db8::2", "198.51.100.3"};

	w = w_new();
	GW->policy.ask_session = GW->policy.use_received_idr = true;
	GW->policy.payload[0].assign_address = PEER->policy.payload[0].assign_address = true;
	ike_id_parse(&PEER->policy.remote_id, "ims");
	net_addr_parse(&GW->result.addr, "172.16.0.5");
	net_addr_parse(&GW->result.dns[0], "8.8.8.8");
	GW->result.n_dns = 1;
	for (unsigned i = 0; i < 4; i++)
		net_addr_parse(&GW->result.pcscf[GW->result.n_pcscf++], servers[i]);
}

static void teardown(void)
{
	w_free(w);
}

TestSuite(ike_pcscf, .init = setup, .fini = teardown, .timeout = 60);

static void go(void)
{
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 1);
}

/* What the gateway's last answer says of P-CSCFs, "20=198.51.100.1 …", by the peer's keys. */
static const char *told(void)
{
	static char text[512];
	const uint8_t *pkt = w->last_pkt[0], *inner;
	struct ike_msg outer = {0}, m = {0};
	struct pack_reader r;
	struct ike_sa_view v;
	size_t len, at = 0;

	cr_assert(w_sa(PEER, &v));
	cr_assert_eq(ike_wire_parse_hdr(&outer.hdr, pkt, w->last_len[0]), IKE_W_OK);
	cr_assert_eq(ike_wire_parse_chain(&outer, outer.hdr.next, pkt + IKE_HDR_LEN,
	                                  w->last_len[0] - IKE_HDR_LEN, false),
	             IKE_W_OK);
	cr_assert_eq(ike_msg_open(ike_sa_find(PEER->e, v.spi), pkt, w->last_len[0], &outer, &inner, &len),
	             IKE_OPEN_OK);
	m.hdr = outer.hdr;
	cr_assert_eq(ike_wire_parse_chain(&m, outer.sk_next, inner, len, true), IKE_W_OK);
	text[0] = '\0';
	if (!m.cp.p)
		return "no configuration payload";
	pack_reader_init(&r, m.cp.p, m.cp.len);
	cr_assert_eq(pack_get_u32(&r) >> 24, IKE_CFG_REPLY);
	while (pack_left(&r)) {
		uint16_t type = pack_get_u16(&r), n = pack_get_u16(&r);
		char addr[NET_ADDR_STRLEN];
		struct net_addr a;

		if (type < IKE_CFG_P_CSCF_IP4_ADDRESS) {
			pack_get_bytes(&r, n);
			continue;
		}
		cr_assert_eq(net_addr_from_bytes(&a, pack_get_bytes(&r, n), n), 0);
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%u=%s", at ? " " : "", type,
		                       net_addr_format(&a, addr, sizeof(addr)));
	}
	cr_assert(pack_ok(&r));
	return text;
}

Test(ike_pcscf, by_the_numbers_of_the_rfc)
{
	PEER->policy.pcscf4_attribute = 20;
	PEER->policy.pcscf6_attribute = 21;
	go();
	cr_expect_str_eq(GW->apn, "ims");
	cr_expect_str_eq(told(), "20=198.51.100.1 20=198.51.100.3 21=2001:db8::1 21=2001:db8::2");
}

Test(ike_pcscf, by_private_numbers)
{
	GW->policy.pcscf4_attribute = PEER->policy.pcscf4_attribute = 16384;
	GW->policy.pcscf6_attribute = PEER->policy.pcscf6_attribute = 32767;
	go();
	cr_expect_str_eq(told(), "16384=198.51.100.1 16384=198.51.100.3 32767=2001:db8::1 32767=2001:db8::2");
}

/* One number, where operators keep but one: the length says what it is. */
Test(ike_pcscf, one_private_number_for_both_families)
{
	GW->policy.pcscf4_attribute = GW->policy.pcscf6_attribute = PEER->policy.pcscf4_attribute = 20000;
	go();
	cr_expect_str_eq(told(), "20000=198.51.100.1 20000=198.51.100.3 20000=2001:db8::1 20000=2001:db8::2");
}

/* … in each in which it asks. */
Test(ike_pcscf, by_both_numbers)
{
	GW->policy.pcscf4_attribute = PEER->policy.pcscf4_attribute = 16384;
	PEER->policy.pcscf6_attribute = 20;
	go();
	cr_expect_str_eq(told(), "20=198.51.100.1 20=198.51.100.3 16384=198.51.100.1 16384=198.51.100.3");
}

Test(ike_pcscf, of_the_family_that_is_asked_for)
{
	GW->policy.pcscf4_attribute = 16384;
	PEER->policy.pcscf6_attribute = 21;
	go();
	cr_expect_str_eq(told(), "21=2001:db8::1 21=2001:db8::2");
}

Test(ike_pcscf, who_does_not_ask_is_told_nothing)
{
	GW->policy.pcscf4_attribute = 16384;
	GW->policy.pcscf6_attribute = 16385;
	go();
	cr_expect_str_eq(GW->apn, "");
	cr_expect_str_eq(told(), "");
}

Test(ike_pcscf, a_number_that_is_not_configured_asks_for_nothing)
{
	PEER->policy.pcscf4_attribute = 16384;
	GW->policy.pcscf4_attribute = 16385;
	go();
	cr_expect_str_eq(GW->apn, "");
	cr_expect_str_eq(told(), "");
}

/* None of the APN, or nobody knows the APN: the attribute is left out, the address is given all the same. */
Test(ike_pcscf, there_are_none)
{
	GW->result.n_pcscf = 0;
	PEER->policy.pcscf4_attribute = 20;
	go();
	cr_expect_str_eq(GW->apn, "ims");
	cr_expect_str_eq(told(), "");
}

/* Where the gateway assigns nothing, it does not heed configuration payloads. */
Test(ike_pcscf, not_where_nothing_is_assigned)
{
	GW->policy.payload[0].assign_address = false;
	PEER->policy.pcscf4_attribute = 20;
	go();
	cr_expect_str_eq(GW->apn, "");
	cr_expect_str_eq(told(), "no configuration payload");
}

/* All six, in both attributes of each: all of them have room. */
Test(ike_pcscf, as_many_as_there_can_be)
{
	char addr[NET_ADDR_STRLEN];
	const char *at;
	unsigned n = 0;

	for (unsigned i = 0; i < IKE_MAX_PCSCF; i++) {
		snprintf(addr, sizeof(addr), "198.51.100.%u", i);
		net_addr_parse(&GW->result.pcscf[i], addr);
	}
	GW->result.n_pcscf = IKE_MAX_PCSCF;
	GW->policy.pcscf4_attribute = PEER->policy.pcscf4_attribute = 16384;
	PEER->policy.pcscf6_attribute = 20;
	go();
	for (at = told(); (at = strchr(at, '=')); at++)
		n++;
	cr_expect_eq(n, 2 * IKE_MAX_PCSCF);
}

/* Who names the APN how. */
Test(ike_pcscf, names_of_an_apn)
{
	static const struct {
		uint8_t type;
		const char *id, *apn;
	} row[] = {
	        {IKE_ID_FQDN, "ims.mnc001.mcc262.gprs", "ims.mnc001.mcc262.gprs"},
	        {IKE_ID_KEY_ID, "ims", "ims"},
	        {IKE_ID_KEY_ID, "i\001s", ""},
	        {IKE_ID_KEY_ID, "i s", ""},
	        {IKE_ID_KEY_ID, "i\xc3\xb6s", ""},
	        {IKE_ID_RFC822, "ims@example.net", ""},
	        {IKE_ID_NONE, "", ""},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		teardown();
		setup();
		PEER->policy.remote_id = (struct ike_id){row[i].type, (uint8_t)strlen(row[i].id), {0}};
		memcpy(PEER->policy.remote_id.data, row[i].id, strlen(row[i].id));
		PEER->policy.pcscf4_attribute = 20;
		go();
		cr_expect_str_eq(GW->apn, row[i].apn, "%s", row[i].id);
	}
}

static int lose_answers(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)one, (void)len, (void)delay;
	return from == 0 && pkt[18] == IKE_X_AUTH;
}

/* The answer is lost, the gateway dies, other addresses are configured: who asks again gets what was said. */
Test(ike_pcscf, asked_again_after_a_recovery)
{
	uint8_t *before;
	size_t len;

	PEER->policy.pcscf4_attribute = 20;
	w->fate = lose_answers;
	w_boot(w);
	w_initiate(w);
	w_run(w, 100000);
	cr_assert_eq(w_established(GW), 1);
	cr_assert_eq(w_established(PEER), 0);
	len = w->last_len[0];
	before = malloc(len);
	memcpy(before, w->last_pkt[0], len);
	w_kill(GW);
	GW->result.n_pcscf = 0;
	w->fate = NULL;
	w_restore(GW);
	w_run(w, 5 * W_US);
	cr_assert_eq(w_matched(w), 1);
	cr_assert_eq(w->last_len[0], len);
	cr_expect_eq(memcmp(w->last_pkt[0], before, len), 0);
	cr_expect_str_eq(told(), "20=198.51.100.1 20=198.51.100.3");
	free(before);
}

/* Bodies of requests that somebody made up: what is understood is answered, and nothing is read too far. */
Test(ike_pcscf, hostile_requests)
{
	static const struct {
		const char *what;
		uint8_t data[32];
		size_t len;
		unsigned told;
	} row[] = {
	        {"no payload", {0}, 0, 0},
	        {"no attribute", {1, 0, 0, 0}, 4, 0},
	        {"half an attribute", {1, 0, 0, 0, 0, 20, 0}, 7, 0},
	        {"a value that ends early", {1, 0, 0, 0, 0, 20, 0, 4, 1, 2, 3}, 11, 0},
	        {"a short one", {1, 0, 0, 0, 0, 20, 0, 3, 1, 2, 3}, 11, 0},
	        {"a long one", {1, 0, 0, 0, 0, 20, 0, 5, 1, 2, 3, 4, 5}, 13, 0},
	        {"an empty one", {1, 0, 0, 0, 0, 20, 0, 0}, 8, 2},
	        {"with the reserved bit", {1, 0, 0, 0, 0x80, 20, 0, 0}, 8, 2},
	        {"one of his own", {1, 0, 0, 0, 0, 20, 0, 4, 1, 2, 3, 4}, 12, 2},
	        {"twice the same", {1, 0, 0, 0, 0, 20, 0, 0, 0, 20, 0, 0}, 12, 2},
	        {"of IPv6 with a prefix", {1, 0, 0, 0, 0, 21, 0, 17}, 25, 0},
	        {"of IPv6", {1, 0, 0, 0, 0, 21, 0, 16}, 24, 2},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		uint8_t *copy = malloc(row[i].len + !row[i].len); /* not one byte more */
		struct ike_buf body = {row[i].len ? copy : NULL, row[i].len};
		struct ike_cp cp = {0};

		memcpy(copy, row[i].data, row[i].len);
		ike_pcscf_answer(&GW->policy, &body, &GW->result, &cp);
		cr_expect_eq(cp.n_pcscf, row[i].told, "%s", row[i].what);
		free(copy);
	}
}
