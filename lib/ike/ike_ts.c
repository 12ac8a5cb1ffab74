/* SPDX-License-Identifier: MIT */
/*
 * Traffic selectors (RFC 7296 sections 2.9 and 3.13.1): intersection and narrowing. A selector whose range is
 * upside down matches nothing; OPAQUE ports (65535..0) agree with OPAQUE and with "any". Entry points:
 * ike_ts_narrow(), ike_ts_within(). Called by ike_auth.c and ike_child.c.
 */
#include "ike/ike_ts.h"

#include <string.h>

static bool opaque(const struct ike_ts *t)
{
	return t->port_lo == 65535 && t->port_hi == 0;
}

static bool any_port(const struct ike_ts *t)
{
	return t->port_lo == 0 && t->port_hi == 65535;
}

static bool intersect_ports(const struct ike_ts *a, const struct ike_ts *b, struct ike_ts *out)
{
	if (opaque(a) || opaque(b)) {
		out->port_lo = 65535;
		out->port_hi = 0;
		return (opaque(a) || any_port(a)) && (opaque(b) || any_port(b));
	}
	out->port_lo = a->port_lo > b->port_lo ? a->port_lo : b->port_lo;
	out->port_hi = a->port_hi < b->port_hi ? a->port_hi : b->port_hi;
	return out->port_lo <= out->port_hi;
}

bool ike_ts_intersect(const struct ike_ts *a, const struct ike_ts *b, struct ike_ts *out)
{
	memset(out, 0, sizeof(*out));
	if (a->lo.family != b->lo.family || a->lo.family != a->hi.family || b->lo.family != b->hi.family)
		return false;
	if (a->proto && b->proto && a->proto != b->proto)
		return false;
	out->proto = a->proto ? a->proto : b->proto;
	out->lo = net_addr_compare(&a->lo, &b->lo) > 0 ? a->lo : b->lo;
	out->hi = net_addr_compare(&a->hi, &b->hi) < 0 ? a->hi : b->hi;
	return net_addr_compare(&out->lo, &out->hi) <= 0 && intersect_ports(a, b, out);
}

bool ike_ts_equal(const struct ike_ts *a, const struct ike_ts *b)
{
	return net_addr_equal(&a->lo, &b->lo) && net_addr_equal(&a->hi, &b->hi) && a->proto == b->proto &&
	       a->port_lo == b->port_lo && a->port_hi == b->port_hi;
}

static unsigned append(struct ike_ts out[IKE_MAX_TS], unsigned n, const struct ike_ts *t)
{
	for (unsigned i = 0; i < n; i++)
		if (ike_ts_equal(&out[i], t))
			return n;
	if (n < IKE_MAX_TS)
		out[n++] = *t;
	return n;
}

unsigned ike_ts_narrow(const struct ike_ts *wish, unsigned n_wish, const struct ike_ts *limit,
                       unsigned n_limit, struct ike_ts out[IKE_MAX_TS])
{
	unsigned n = 0;
	struct ike_ts one;

	for (unsigned i = 0; i < n_wish; i++) {
		if (!n_limit && ike_ts_intersect(&wish[i], &wish[i], &one))
			n = append(out, n, &one);
		for (unsigned k = 0; k < n_limit; k++)
			if (ike_ts_intersect(&wish[i], &limit[k], &one))
				n = append(out, n, &one);
	}
	return n;
}

static bool within_one(const struct ike_ts *part, const struct ike_ts *whole)
{
	struct ike_ts common;

	return ike_ts_intersect(part, whole, &common) && ike_ts_equal(&common, part);
}

bool ike_ts_within(const struct ike_ts *part, unsigned n_part, const struct ike_ts *whole, unsigned n_whole)
{
	for (unsigned i = 0; i < n_part; i++) {
		bool found = false;

		for (unsigned k = 0; k < n_whole && !found; k++)
			found = within_one(&part[i], &whole[k]);
		if (!found)
			return false;
	}
	return n_part > 0;
}

struct ike_ts ike_ts_any(uint16_t family)
{
	struct ike_ts t = {.lo.family = family, .hi.family = family, .port_hi = 65535};

	memset(t.hi.bytes, 0xff, family == AF_INET ? 4 : 16);
	return t;
}

struct ike_ts ike_ts_host(const struct net_addr *a)
{
	return (struct ike_ts){.lo = *a, .hi = *a, .port_hi = 65535};
}
