/* SPDX-License-Identifier: MIT */
/*
 * Payloads that stand alone: choosing among proposals, narrowing traffic selectors, identities,
 * configuration, wire round trips.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "ike/ike_crypto.h"
#include "ike/ike_map.h"
#include "ike/ike_proposal.h"
#include "ike/ike_ts.h"

/* Build an SA payload and read it back. */
static void through_the_wire(struct ike_proposals *out, uint8_t proto, uint64_t spi, uint8_t spi_len,
                             const struct ike_suite *s, unsigned n)
{
	static uint8_t buf[4096];
	struct ike_msg m = {0};
	struct ike_build b;

	ike_wire_build(&b, buf, sizeof(buf));
	ike_wire_put_sa(&b, proto, spi, spi_len, s, n, 0);
	cr_assert_not(b.w.bad);
	cr_assert_eq(ike_wire_parse_chain(&m, b.first, buf, b.w.len, true), IKE_W_OK);
	cr_assert_eq(ike_wire_parse_sa(out, &m.sa), IKE_W_OK);
}

static const struct ike_suite ike[] = {
        {IKE_ENCR_AES_CBC, 128, IKE_PRF_HMAC_SHA1, IKE_INTEG_HMAC_SHA1_96, 2, 0},
        {IKE_ENCR_AES_CBC, 256, IKE_PRF_HMAC_SHA2_256, IKE_INTEG_HMAC_SHA2_256_128, 14, 0},
        {IKE_ENCR_AES_GCM_16, 256, IKE_PRF_HMAC_SHA2_256, 0, 31, 0},
};
static const struct ike_suite esp[] = {
        {IKE_ENCR_AES_CBC, 128, 0, IKE_INTEG_HMAC_SHA1_96, 0, 0},
        {IKE_ENCR_AES_GCM_16, 128, 0, 0, 14, 0},
};

Test(ike_proposal, our_order_decides)
{
	const struct ike_proposal *prop;
	struct ike_proposals p;
	struct ike_suite got, mine[3] = {ike[2], ike[1], ike[0]};

	through_the_wire(&p, IKE_PROTO_IKE, 0, 0, ike, 3);
	cr_assert_eq(p.n, 3);
	cr_assert_eq(ike_proposal_choose(&p, IKE_PROTO_IKE, 0, mine, 3, IKE_DH_REQUIRED, 0, &got, &prop), 0);
	cr_assert(ike_alg_equal(&got, &ike[2]));
	cr_assert_eq(prop->num, 3);
	cr_assert_eq(ike_proposal_choose(&p, IKE_PROTO_IKE, 0, ike, 3, IKE_DH_REQUIRED, 0, &got, &prop), 0);
	cr_assert_eq(prop->num, 1);
	cr_assert_eq(ike_proposal_choose(&p, IKE_PROTO_ESP, 4, ike, 3, IKE_DH_REQUIRED, 0, &got, &prop),
	             -ENOENT);
	cr_assert_eq(ike_proposal_choose(&p, IKE_PROTO_IKE, 8, ike, 3, IKE_DH_REQUIRED, 0, &got, &prop),
	             -ENOENT);
}

Test(ike_proposal, one_difference_is_enough)
{
	const struct ike_proposal *prop;
	struct ike_proposals p;
	struct ike_suite got;

	through_the_wire(&p, IKE_PROTO_IKE, 0, 0, &ike[1], 1);
	for (int i = 0; i < 5; i++) {
		struct ike_suite s = ike[1];

		((uint16_t *)&s)[i] ^= 1;
		cr_assert_eq(
		        ike_proposal_choose(&p, IKE_PROTO_IKE, 0, &s, 1, IKE_DH_REQUIRED, 0, &got, &prop),
		        -ENOENT);
	}
}

Test(ike_proposal, groups_of_children)
{
	const struct ike_proposal *prop;
	struct ike_proposals p;
	struct ike_suite got, none = esp[1];

	none.dh = 0;
	through_the_wire(&p, IKE_PROTO_ESP, 0x01020304, 4, esp, 2);
	cr_assert_eq(ike_proposal_choose(&p, IKE_PROTO_ESP, 4, esp, 2, IKE_DH_IGNORED, 0, &got, &prop), 0);
	cr_assert_eq(got.dh, 0);
	cr_assert_eq(ike_proposal_spi(prop), 0x01020304);
	cr_assert_eq(ike_proposal_choose(&p, IKE_PROTO_ESP, 4, &esp[1], 1, IKE_DH_OPTIONAL, 0, &got, &prop),
	             0);
	cr_assert_eq(got.dh, 14);
	cr_assert_eq(ike_proposal_choose(&p, IKE_PROTO_ESP, 4, &none, 1, IKE_DH_OPTIONAL, 14, &got, &prop),
	             0);
	cr_assert_eq(got.dh, 14, "the peer insists");
	none = esp[0];
	none.dh = 31;
	cr_assert_eq(ike_proposal_choose(&p, IKE_PROTO_ESP, 4, &none, 1, IKE_DH_OPTIONAL, 0, &got, &prop),
	             -ENOENT, "PFS is required");
}

/* Chapter 26: with `esn` both kinds of numbers are offered; the larger are used where both sides have them.
 */
Test(ike_proposal, extended_sequence_numbers)
{
	static const struct {
		bool offered, ours, want;
	} t[] = {{true, true, true}, {true, false, false}, {false, true, false}, {false, false, false}};
	const struct ike_proposal *prop;
	struct ike_proposals p;
	struct ike_suite theirs = esp[0], mine = esp[0], got;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		theirs.esn = t[i].offered;
		mine.esn = t[i].ours;
		through_the_wire(&p, IKE_PROTO_ESP, 1, 4, &theirs, 1);
		cr_assert_eq(
		        ike_proposal_choose(&p, IKE_PROTO_ESP, 4, &mine, 1, IKE_DH_IGNORED, 0, &got, &prop),
		        0);
		cr_assert_eq(got.esn, t[i].want, "row %zu", i);
	}
	/* a peer that offers nothing but 64-bit numbers */
	theirs.esn = 1;
	through_the_wire(&p, IKE_PROTO_ESP, 1, 4, &theirs, 1);
	for (unsigned i = 0; i < p.n_transforms; i++)
		if (p.transform[i].type == IKE_T_ESN && !p.transform[i].id)
			p.transform[i].id = 1;
	mine.esn = 0;
	cr_assert_eq(ike_proposal_choose(&p, IKE_PROTO_ESP, 4, &mine, 1, IKE_DH_IGNORED, 0, &got, &prop),
	             -ENOENT);
	mine.esn = 1;
	cr_assert_eq(ike_proposal_choose(&p, IKE_PROTO_ESP, 4, &mine, 1, IKE_DH_IGNORED, 0, &got, &prop), 0);
	cr_assert_eq(got.esn, 1);
}

Test(ike_proposal, an_answer_has_one_proposal)
{
	const struct ike_proposal *prop;
	struct ike_proposals p;
	struct ike_suite got;

	through_the_wire(&p, IKE_PROTO_IKE, 0, 0, ike, 2);
	cr_assert_eq(ike_proposal_accept(&p, IKE_PROTO_IKE, 0, ike, 3, IKE_DH_REQUIRED, &got, &prop),
	             -ENOENT);
	through_the_wire(&p, IKE_PROTO_IKE, 7, 8, &ike[1], 1);
	cr_assert_eq(ike_proposal_accept(&p, IKE_PROTO_IKE, 8, ike, 3, IKE_DH_REQUIRED, &got, &prop), 0);
	cr_assert_eq(ike_proposal_spi(prop), 7);
	p.transform[p.n_transforms] = p.transform[p.n_transforms - 1];
	p.prop[0].n++;
	cr_assert_eq(ike_proposal_accept(&p, IKE_PROTO_IKE, 8, ike, 3, IKE_DH_REQUIRED, &got, &prop), -ENOENT,
	             "two groups");
}

Test(ike_proposal, unknown_transforms)
{
	const struct ike_proposal *prop;
	struct ike_proposals p;
	struct ike_suite got;

	through_the_wire(&p, IKE_PROTO_IKE, 0, 0, ike, 1);
	p.transform[0].odd = true;
	cr_assert_eq(ike_proposal_choose(&p, IKE_PROTO_IKE, 0, ike, 1, IKE_DH_REQUIRED, 0, &got, &prop),
	             -ENOENT, "unknown attribute");
	p.transform[0].odd = false;
	p.transform[p.n_transforms] = (struct ike_transform){.type = 6, .id = 1};
	p.prop[0].n++;
	cr_assert_eq(ike_proposal_choose(&p, IKE_PROTO_IKE, 0, ike, 1, IKE_DH_REQUIRED, 0, &got, &prop),
	             -ENOENT, "unknown type");
}

/* ---- traffic selectors ---- */

static struct ike_ts ts(const char *lo, const char *hi, uint8_t proto, uint16_t plo, uint16_t phi)
{
	struct ike_ts t = {.proto = proto, .port_lo = plo, .port_hi = phi};

	cr_assert_eq(net_addr_parse(&t.lo, lo), 0);
	cr_assert_eq(net_addr_parse(&t.hi, hi), 0);
	return t;
}

Test(ike_ts, narrowing)
{
	struct ike_ts wish[2] = {ts("0.0.0.0", "255.255.255.255", 0, 0, 65535),
	                         ts("::", "ffff::", 0, 0, 65535)};
	struct ike_ts limit[2] = {ts("10.0.0.0", "10.0.0.255", 0, 0, 65535),
	                          ts("10.0.2.0", "10.0.2.7", 17, 500, 500)};
	struct ike_ts out[IKE_MAX_TS], host = ts("10.0.0.9", "10.0.0.9", 6, 80, 80);

	cr_assert_eq(ike_ts_narrow(wish, 2, limit, 2, out), 2);
	cr_assert(ike_ts_equal(&out[0], &limit[0]) && ike_ts_equal(&out[1], &limit[1]));
	cr_assert_eq(ike_ts_narrow(&host, 1, limit, 2, out), 1);
	cr_assert(ike_ts_equal(&out[0], &host));
	cr_assert_eq(ike_ts_narrow(wish, 2, NULL, 0, out), 2);
	cr_assert(ike_ts_equal(&out[1], &wish[1]));
	host = ts("192.168.0.1", "192.168.0.1", 0, 0, 65535);
	cr_assert_eq(ike_ts_narrow(&host, 1, limit, 2, out), 0);
	cr_assert(ike_ts_within(&limit[1], 1, wish, 2));
	cr_assert_not(ike_ts_within(wish, 1, limit, 2));
	cr_assert_not(ike_ts_within(NULL, 0, limit, 2));
}

Test(ike_ts, protocols_and_ports)
{
	struct ike_ts a = ts("10.0.0.0", "10.0.0.255", 17, 100, 200), b = a, out;

	b.proto = 6;
	cr_assert_not(ike_ts_intersect(&a, &b, &out));
	b.proto = 0;
	b.port_lo = 150;
	b.port_hi = 300;
	cr_assert(ike_ts_intersect(&a, &b, &out));
	cr_assert(out.proto == 17 && out.port_lo == 150 && out.port_hi == 200);
	b.port_lo = 201;
	cr_assert_not(ike_ts_intersect(&a, &b, &out));
	b.port_lo = 65535; /* OPAQUE */
	b.port_hi = 0;
	cr_assert_not(ike_ts_intersect(&a, &b, &out));
	a.port_lo = 0;
	a.port_hi = 65535;
	cr_assert(ike_ts_intersect(&a, &b, &out));
	cr_assert(out.port_lo == 65535 && out.port_hi == 0);
	a = ts("10.0.0.9", "10.0.0.1", 0, 0, 65535); /* upside down */
	cr_assert_not(ike_ts_intersect(&a, &a, &out));
}

Test(ike_ts, not_more_than_fit)
{
	struct ike_ts wish[IKE_WIRE_TS_MAX], out[IKE_MAX_TS];

	for (unsigned i = 0; i < IKE_WIRE_TS_MAX; i++) {
		wish[i] = ike_ts_any(AF_INET);
		wish[i].lo.bytes[3] = (uint8_t)i;
	}
	cr_assert_eq(ike_ts_narrow(wish, IKE_WIRE_TS_MAX, NULL, 0, out), IKE_MAX_TS);
	wish[1] = wish[0];
	cr_assert_eq(ike_ts_narrow(wish, 2, NULL, 0, out), 1, "twice is once");
}

Test(ike_ts, through_the_wire)
{
	struct ike_ts in[2] = {ts("10.1.2.3", "10.1.2.9", 6, 1, 2),
	                       ts("2001:db8::1", "2001:db8::ff", 0, 0, 65535)},
	              out[IKE_WIRE_TS_MAX];
	uint8_t buf[256];
	struct ike_msg m = {0};
	struct ike_build b;
	unsigned n;

	ike_wire_build(&b, buf, sizeof(buf));
	ike_wire_put_ts(&b, IKE_PL_TSI, in, 2);
	cr_assert_eq(ike_wire_parse_chain(&m, b.first, buf, b.w.len, true), IKE_W_OK);
	cr_assert_eq(ike_wire_parse_ts(out, &n, &m.tsi), IKE_W_OK);
	cr_assert_eq(n, 2);
	cr_assert(ike_ts_equal(&in[0], &out[0]) && ike_ts_equal(&in[1], &out[1]));
}

/* ---- the rest ---- */

Test(ike_id, text)
{
	char buf[64];
	struct ike_id id, other;

	cr_assert_eq(ike_id_parse(&id, "192.0.2.1"), 0);
	cr_assert_eq(id.type, IKE_ID_IPV4);
	cr_assert_str_eq(ike_id_format(&id, buf, sizeof(buf)), "192.0.2.1");
	cr_assert_eq(ike_id_parse(&id, "2001:db8::1"), 0);
	cr_assert_eq(id.type, IKE_ID_IPV6);
	cr_assert_eq(ike_id_parse(&id, "user@host"), 0);
	cr_assert_eq(id.type, IKE_ID_RFC822);
	cr_assert_eq(ike_id_parse(&other, "user@host"), 0);
	cr_assert(ike_id_equal(&id, &other));
	cr_assert_eq(ike_id_parse(&id, "gw.example"), 0);
	cr_assert_eq(id.type, IKE_ID_FQDN);
	cr_assert_eq(ike_id_parse(&id, ""), -EINVAL);
	id = (struct ike_id){.type = IKE_ID_KEY_ID, .len = 3, .data = {'a', 0, 0xff}};
	cr_assert_str_eq(ike_id_format(&id, buf, sizeof(buf)), "a\\x00\\xff");
	cr_assert_eq(strlen(ike_id_format(&id, buf, 6)), 1);
	id.type = IKE_ID_NONE;
	cr_assert_str_eq(ike_id_format(&id, buf, sizeof(buf)), "-");
}

Test(ike_wire, configuration)
{
	struct ike_cp in = {.type = IKE_CFG_REPLY, .has_ip4 = true, .has_dns = true, .n_dns = 2}, out;
	uint8_t buf[256];
	struct ike_msg m = {0};
	struct ike_build b;

	net_addr_parse(&in.ip4, "10.0.0.7");
	net_addr_parse(&in.netmask, "255.255.255.0");
	net_addr_parse(&in.dns[0], "8.8.8.8");
	net_addr_parse(&in.dns[1], "2001:db8::8");
	ike_wire_build(&b, buf, sizeof(buf));
	ike_wire_put_cp(&b, &in);
	cr_assert_eq(ike_wire_parse_chain(&m, b.first, buf, b.w.len, true), IKE_W_OK);
	cr_assert_eq(ike_wire_parse_cp(&out, &m.cp), IKE_W_OK);
	cr_assert(net_addr_equal(&in.ip4, &out.ip4) && net_addr_equal(&in.netmask, &out.netmask));
	cr_assert_eq(out.n_dns, 2);
	cr_assert(net_addr_equal(&in.dns[1], &out.dns[1]));
	buf[8 + 3] = 3; /* an address of three bytes */
	m.cp.len -= 1;
	cr_assert_neq(ike_wire_parse_cp(&out, &m.cp), IKE_W_OK);
}

Test(ike_wire, chain_is_bounded)
{
	static uint8_t buf[8192];
	struct ike_msg m = {0};
	struct ike_build b;

	ike_wire_build(&b, buf, sizeof(buf));
	for (int i = 0; i < IKE_WIRE_PAYLOADS + 1; i++)
		ike_wire_put_notify(&b, 0, 0, 0, 16396, NULL, 0);
	cr_assert_eq(ike_wire_parse_chain(&m, b.first, buf, b.w.len, true), IKE_W_TOO_MANY);
	cr_assert_eq(m.n_notify, IKE_MAX_NOTIFIES);
	memset(&m, 0, sizeof(m));
	ike_wire_build(&b, buf, sizeof(buf));
	ike_wire_put_nonce(&b, buf + 4096, 16);
	ike_wire_put_nonce(&b, buf + 4096, 16);
	cr_assert_eq(ike_wire_parse_chain(&m, b.first, buf, b.w.len, true), IKE_W_DUPLICATE);
	memset(&m, 0, sizeof(m));
	cr_assert_eq(ike_wire_parse_chain(&m, IKE_PL_NONE, buf, 1, true), IKE_W_TRAILING);
	memset(&m, 0, sizeof(m));
	ike_wire_build(&b, buf, 16);
	ike_wire_put_nonce(&b, buf + 4096, 32);
	cr_assert(b.w.bad, "what doesn't fit is not written");
}

Test(ike_map, many)
{
	static struct ike_node nodes[5000];
	struct ike_map m;
	unsigned found = 0;

	cr_assert_eq(ike_map_init(&m, 42), 0);
	for (uintptr_t i = 0; i < 5000; i++)
		ike_map_add(&m, &nodes[i], i / 2, &nodes[i]);
	for (struct ike_node *n = ike_map_find(&m, 1000); n; n = ike_map_next(n))
		found++;
	cr_assert_eq(found, 2);
	for (unsigned i = 0; i < 5000; i += 2)
		ike_map_del(&m, &nodes[i]);
	ike_map_del(&m, &nodes[0]);
	cr_assert_eq(m.n, 2500);
	cr_assert_eq(ike_map_find(&m, 1000), &nodes[2001]);
	cr_assert_null(ike_map_find(&m, 5000));
	ike_map_free(&m);
}
