/* SPDX-License-Identifier: MIT */
/*
 * The inner packet: version, length, addresses, protocol and ports, through IPv6 extension headers; and
 * traffic selectors (RFC 4301 section 4.4.1.1, RFC 7296 section 3.13.1). Input is hostile: every step is
 * length-checked and bounded. Called by esp_open() and by whoever needs a flow for esp_table_out().
 */
#include "esp/esp.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define EXT_HEADERS_MAX 8
#define PROTO_MOBILITY  135

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void parse_ports(struct esp_flow *f, const uint8_t *p, size_t len)
{
	switch (f->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
	case IPPROTO_UDPLITE:
	case IPPROTO_DCCP:
		if (len < 4)
			return;
		f->sport = be16(p);
		f->dport = be16(p + 2);
		f->has_ports = true;
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (len < 2)
			return;
		f->sport = f->dport = be16(p);
		f->has_ports = true;
		break;
	case PROTO_MOBILITY:
		if (len < 3)
			return;
		f->sport = f->dport = (uint16_t)(p[2] << 8);
		f->has_ports = true;
		break;
	}
}

static int parse_v4(const uint8_t *p, size_t len, struct esp_flow *f)
{
	size_t ihl;
	size_t total;

	if (len < 20)
		return -EBADMSG;
	ihl = (size_t)(p[0] & 15) * 4;
	total = be16(p + 2);
	if (ihl < 20 || total < ihl || total > len)
		return -EBADMSG;
	f->tos = p[1];
	f->total_len = (uint16_t)total;
	f->proto = p[9];
	f->src.family = f->dst.family = AF_INET;
	memcpy(f->src.bytes, p + 12, 4);
	memcpy(f->dst.bytes, p + 16, 4);
	if (!(be16(p + 6) & 0x1fff))
		parse_ports(f, p + ihl, total - ihl);
	return 0;
}

/* Walk the extension headers from next header nh at p. Returns 0 with f->proto set, -EBADMSG when they
 * overrun. */
static int parse_v6_chain(const uint8_t *p, size_t len, uint8_t nh, struct esp_flow *f)
{
	bool later_fragment = false;
	size_t size;
	int i;

	for (i = 0; i < EXT_HEADERS_MAX; i++) {
		if (nh != IPPROTO_HOPOPTS && nh != IPPROTO_ROUTING && nh != IPPROTO_DSTOPTS &&
		    nh != IPPROTO_FRAGMENT && nh != IPPROTO_AH)
			break;
		if (len < 8)
			return -EBADMSG;
		size = nh == IPPROTO_FRAGMENT ? 8 : nh == IPPROTO_AH ? (p[1] + 2u) * 4 : (p[1] + 1u) * 8;
		if (size < 8 || size > len)
			return -EBADMSG;
		if (nh == IPPROTO_FRAGMENT && (be16(p + 2) & 0xfff8))
			later_fragment = true;
		nh = p[0];
		p += size;
		len -= size;
		if (later_fragment)
			break;
	}
	f->proto = nh;
	if (!later_fragment)
		parse_ports(f, p, len);
	return 0;
}

static int parse_v6(const uint8_t *p, size_t len, struct esp_flow *f)
{
	size_t payload;

	if (len < 40)
		return -EBADMSG;
	payload = be16(p + 4);
	if (payload > len - 40 || payload + 40 > 65535)
		return -EBADMSG;
	f->tos = (uint8_t)(p[0] << 4 | p[1] >> 4);
	f->total_len = (uint16_t)(payload + 40);
	f->src.family = f->dst.family = AF_INET6;
	memcpy(f->src.bytes, p + 8, 16);
	memcpy(f->dst.bytes, p + 24, 16);
	return parse_v6_chain(p + 40, payload, p[6], f);
}

int esp_inner_parse(const uint8_t *data, size_t len, struct esp_flow *flow)
{
	memset(flow, 0, sizeof(*flow));
	if (!len)
		return -EBADMSG;
	switch (data[0] >> 4) {
	case 4:
		return parse_v4(data, len, flow);
	case 6:
		return parse_v6(data, len, flow);
	}
	return -EBADMSG;
}

int esp_inner_excerpt(const uint8_t *data, size_t len, struct esp_flow *flow)
{
	size_t family = len ? data[0] >> 4 : 0, at = family == 4 ? 12 : 8, size = family == 4 ? 4 : 16;

	memset(flow, 0, sizeof(*flow));
	if ((family != 4 && family != 6) || len < at + 2 * size)
		return -EBADMSG;
	flow->src.family = flow->dst.family = family == 4 ? AF_INET : AF_INET6;
	memcpy(flow->src.bytes, data + at, size);
	memcpy(flow->dst.bytes, data + at + size, size);
	flow->proto = data[family == 4 ? 9 : 6];
	return 0;
}

static bool port_matches(const struct esp_ts *ts, const struct esp_flow *flow, uint16_t port)
{
	if (ts->port_lo == 0 && ts->port_hi == 65535)
		return true;
	if (!flow->has_ports) /* OPAQUE, or nothing to compare with */
		return ts->port_lo == 65535 && ts->port_hi == 0;
	return port >= ts->port_lo && port <= ts->port_hi;
}

bool esp_inner_match(const struct esp_ts *ts, size_t n, const struct net_addr *addr,
                     const struct esp_flow *flow, uint16_t port)
{
	for (; n; n--, ts++) {
		if (ts->lo.family == addr->family && (!ts->proto || ts->proto == flow->proto) &&
		    memcmp(addr->bytes, ts->lo.bytes, 16) >= 0 &&
		    memcmp(addr->bytes, ts->hi.bytes, 16) <= 0 && port_matches(ts, flow, port))
			return true;
	}
	return false;
}

bool esp_inner_allows_out(const struct esp_sa *sa, const struct esp_flow *flow)
{
	return esp_inner_match(sa->ts_local, sa->n_local, &flow->src, flow, flow->sport) &&
	       esp_inner_match(sa->ts_remote, sa->n_remote, &flow->dst, flow, flow->dport);
}

bool esp_inner_allows_in(const struct esp_sa *sa, const struct esp_flow *flow)
{
	return esp_inner_match(sa->ts_remote, sa->n_remote, &flow->src, flow, flow->sport) &&
	       esp_inner_match(sa->ts_local, sa->n_local, &flow->dst, flow, flow->dport);
}

struct esp_ts esp_inner_ts_prefix(const struct net_prefix *p)
{
	struct esp_ts ts = {.lo = p->addr, .hi = p->addr, .port_hi = 65535};
	size_t bits = net_addr_bits(&p->addr);
	size_t i;

	net_addr_mask(&ts.lo, p->len);
	for (i = p->len; i < bits; i++)
		ts.hi.bytes[i / 8] |= (uint8_t)(0x80 >> (i & 7));
	return ts;
}

int esp_inner_ts_check(const struct esp_ts *ts)
{
	bool opaque = ts->port_lo == 65535 && ts->port_hi == 0;

	if (!net_addr_is_set(&ts->lo) || ts->lo.family != ts->hi.family)
		return -EINVAL;
	if (memcmp(ts->lo.bytes, ts->hi.bytes, 16) > 0 || (ts->port_lo > ts->port_hi && !opaque))
		return -EINVAL;
	return 0;
}
