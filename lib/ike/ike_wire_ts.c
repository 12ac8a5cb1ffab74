/* SPDX-License-Identifier: MIT */
/*
 * Traffic selector and configuration payloads on the wire (RFC 7296 sections 3.13 and 3.15), parsed and
 * built. Entry points: ike_wire_parse_ts(), ike_wire_put_ts(), ike_wire_parse_cp(), ike_wire_put_cp(). Called
 * by ike_auth.c and ike_child.c.
 */
#include "ike/ike_wire.h"

#include <string.h>

enum { TS_IPV4 = 7, TS_IPV6 = 8 };

/* One selector; *known is false for types we don't speak, which are skipped. */
static enum ike_wire_reason parse_selector(struct ike_ts *ts, struct pack_reader *r, bool *known)
{
	uint8_t type = pack_get_u8(r);
	struct pack_reader sub;
	size_t alen;
	uint16_t len;

	memset(ts, 0, sizeof(*ts));
	ts->proto = pack_get_u8(r);
	len = pack_get_u16(r);
	if (!pack_ok(r) || len < 4 || (size_t)len - 4 > pack_left(r))
		return IKE_W_TS_LENGTH;
	sub = pack_get_sub(r, (size_t)len - 4);
	*known = type == TS_IPV4 || type == TS_IPV6;
	if (!*known)
		return IKE_W_OK;
	alen = type == TS_IPV4 ? 4 : 16;
	if (len != 8 + 2 * alen)
		return IKE_W_TS_LENGTH;
	ts->port_lo = pack_get_u16(&sub);
	ts->port_hi = pack_get_u16(&sub);
	net_addr_from_bytes(&ts->lo, pack_get_bytes(&sub, alen), alen);
	net_addr_from_bytes(&ts->hi, pack_get_bytes(&sub, alen), alen);
	return IKE_W_OK;
}

enum ike_wire_reason ike_wire_parse_ts(struct ike_ts *ts, unsigned *n, const struct ike_buf *body)
{
	enum ike_wire_reason why;
	struct pack_reader r;
	unsigned count;
	struct ike_ts one;
	bool known;

	*n = 0;
	pack_reader_init(&r, body->p, body->len);
	count = pack_get_u8(&r);
	pack_get_bytes(&r, 3);
	if (!pack_ok(&r))
		return IKE_W_TS_LENGTH;
	if (!count)
		return IKE_W_TS_NUMBER;
	for (unsigned i = 0; i < count; i++) {
		why = parse_selector(&one, &r, &known);
		if (why != IKE_W_OK)
			return why;
		if (known && *n < IKE_WIRE_TS_MAX)
			ts[(*n)++] = one;
	}
	return pack_left(&r) ? IKE_W_TS_LENGTH : IKE_W_OK;
}

void ike_wire_put_ts(struct ike_build *b, uint8_t payload, const struct ike_ts *ts, unsigned n)
{
	ike_wire_begin(b, payload);
	pack_put_u8(&b->w, (uint8_t)n);
	pack_put_u8(&b->w, 0);
	pack_put_u16(&b->w, 0);
	for (unsigned i = 0; i < n; i++) {
		size_t alen = net_addr_len(&ts[i].lo);

		pack_put_u8(&b->w, alen == 4 ? TS_IPV4 : TS_IPV6);
		pack_put_u8(&b->w, ts[i].proto);
		pack_put_u16(&b->w, (uint16_t)(8 + 2 * alen));
		pack_put_u16(&b->w, ts[i].port_lo);
		pack_put_u16(&b->w, ts[i].port_hi);
		pack_put_bytes(&b->w, ts[i].lo.bytes, alen);
		pack_put_bytes(&b->w, ts[i].hi.bytes, alen);
	}
	ike_wire_end(b);
}

/* ---- configuration ---- */

/* An address attribute may be empty (a request for any) or carry an address, with IPv6 a prefix length behind
 * it. */
static enum ike_wire_reason attr_address(struct net_addr *a, const uint8_t *p, size_t len, size_t alen,
                                         bool prefix)
{
	if (!len)
		return IKE_W_OK;
	if (len != alen && !(prefix && len == alen + 1))
		return IKE_W_CP_ATTR;
	net_addr_from_bytes(a, p, alen);
	if (net_addr_is_any(a))
		memset(a, 0, sizeof(*a));
	return IKE_W_OK;
}

static enum ike_wire_reason parse_dns(struct ike_cp *cp, const uint8_t *p, size_t len, size_t alen)
{
	struct net_addr a = {0};
	enum ike_wire_reason why = attr_address(&a, p, len, alen, false);

	cp->has_dns = true;
	cp->asked_dns++;
	if (why == IKE_W_OK && net_addr_is_set(&a) && cp->n_dns < IKE_MAX_DNS)
		cp->dns[cp->n_dns++] = a;
	return why;
}

static enum ike_wire_reason parse_attribute(struct ike_cp *cp, uint16_t type, const uint8_t *p, size_t len)
{
	switch (type) {
	case IKE_CFG_IP4_ADDRESS:
		cp->has_ip4 = true;
		return attr_address(&cp->ip4, p, len, 4, false);
	case IKE_CFG_IP4_NETMASK:
		return attr_address(&cp->netmask, p, len, 4, false);
	case IKE_CFG_IP6_ADDRESS:
		cp->has_ip6 = true;
		return attr_address(&cp->ip6, p, len, 16, true);
	case IKE_CFG_IP4_DNS:
		return parse_dns(cp, p, len, 4);
	case IKE_CFG_IP6_DNS:
		return parse_dns(cp, p, len, 16);
	}
	return IKE_W_OK;
}

enum ike_wire_reason ike_wire_parse_cp(struct ike_cp *cp, const struct ike_buf *body)
{
	enum ike_wire_reason why;
	struct pack_reader r;

	memset(cp, 0, sizeof(*cp));
	pack_reader_init(&r, body->p, body->len);
	cp->type = pack_get_u8(&r);
	pack_get_bytes(&r, 3);
	while (pack_left(&r)) {
		uint16_t type = pack_get_u16(&r) & 0x7fff, len = pack_get_u16(&r);
		const uint8_t *p;

		if (!pack_ok(&r) || len > pack_left(&r))
			return IKE_W_CP_ATTR;
		p = pack_get_bytes(&r, len);
		why = parse_attribute(cp, type, p, len);
		if (why != IKE_W_OK)
			return why;
	}
	return pack_ok(&r) ? IKE_W_OK : IKE_W_CP_LENGTH;
}

bool ike_wire_cp_value(const struct ike_buf *body, uint16_t type, struct ike_buf *value)
{
	struct pack_reader r;

	pack_reader_init(&r, body->p, body->len);
	pack_get_u32(&r);
	while (pack_left(&r)) {
		uint16_t found = pack_get_u16(&r) & 0x7fff, len = pack_get_u16(&r);

		if (!pack_ok(&r) || len > pack_left(&r))
			return false;
		*value = (struct ike_buf){pack_get_bytes(&r, len), len};
		if (found == type)
			return true;
	}
	return false;
}

static void put_attribute(struct pack_writer *w, uint16_t type, const struct net_addr *a, int prefix)
{
	size_t len = net_addr_len(a), extra = len && prefix >= 0 ? 1 : 0;

	pack_put_u16(w, type);
	pack_put_u16(w, (uint16_t)(len + extra));
	pack_put_bytes(w, a->bytes, len);
	if (extra)
		pack_put_u8(w, (uint8_t)prefix);
}

void ike_wire_put_cp(struct ike_build *b, const struct ike_cp *cp)
{
	static const struct net_addr empty;

	ike_wire_begin(b, IKE_PL_CP);
	pack_put_u8(&b->w, cp->type);
	pack_put_u8(&b->w, 0);
	pack_put_u16(&b->w, 0);
	if (cp->has_ip4)
		put_attribute(&b->w, IKE_CFG_IP4_ADDRESS, &cp->ip4, -1);
	if (cp->has_ip4 && net_addr_is_set(&cp->netmask))
		put_attribute(&b->w, IKE_CFG_IP4_NETMASK, &cp->netmask, -1);
	if (cp->has_ip6)
		put_attribute(&b->w, IKE_CFG_IP6_ADDRESS, &cp->ip6, 128);
	if (cp->has_dns && !cp->n_dns)
		put_attribute(&b->w, IKE_CFG_IP4_DNS, &empty, -1);
	for (unsigned i = 0; i < cp->n_dns; i++)
		put_attribute(&b->w, net_addr_len(&cp->dns[i]) == 4 ? IKE_CFG_IP4_DNS : IKE_CFG_IP6_DNS,
		              &cp->dns[i], -1);
	for (unsigned i = 0; i < cp->n_pcscf; i++)
		put_attribute(&b->w, cp->pcscf[i].type, &cp->pcscf[i].addr, -1);
	if (cp->own_type) {
		pack_put_u16(&b->w, cp->own_type);
		pack_put_u16(&b->w, (uint16_t)cp->own.len);
		pack_put_bytes(&b->w, cp->own.p, cp->own.len);
	}
	ike_wire_end(b);
}
