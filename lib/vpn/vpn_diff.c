/* SPDX-License-Identifier: MIT */
/* The differences of vpn_diff.h: sort, merge. Called by tasks/vpnmgr and tests/unit/test_vpn_diff.c. */
#include "vpn/vpn_diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void *grow(void *v, size_t *size, size_t n, size_t item)
{
	void *p;

	if (n < *size)
		return v;
	p = realloc(v, (*size ? *size * 2 : 16) * item);
	if (p)
		*size = *size ? *size * 2 : 16;
	return p;
}

int vpn_addrs_add(struct vpn_addrs *l, int ifindex, const struct net_prefix *p, bool srp_activate)
{
	struct vpn_addr *v = grow(l->v, &l->size, l->n, sizeof(*v));

	if (!v)
		return -ENOMEM;
	l->v = v;
	v[l->n++] = (struct vpn_addr){ifindex, *p, srp_activate};
	return 0;
}

int vpn_routes_add(struct vpn_routes *l, const struct nl_route *r)
{
	struct nl_route *v = grow(l->v, &l->size, l->n, sizeof(*v));

	if (!v)
		return -ENOMEM;
	l->v = v;
	v[l->n] = *r;
	net_addr_mask(&v[l->n].dst.addr, r->dst.len);
	if (!r->metric && r->dst.addr.family == AF_INET6)
		v[l->n].metric = 1024; /* what the kernel makes of 0 */
	l->n++;
	return 0;
}

void vpn_addrs_free(struct vpn_addrs *l)
{
	free(l->v);
	*l = (struct vpn_addrs){0};
}

void vpn_routes_free(struct vpn_routes *l)
{
	free(l->v);
	*l = (struct vpn_routes){0};
}

bool vpn_addr_is_kernel(const struct net_addr *a)
{
	static const uint8_t one[16] = {[15] = 1};

	if (a->family == AF_INET)
		return a->bytes[0] == 127;
	return !memcmp(a->bytes, one, 16) || (a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80);
}

static int cmp_addr(const void *x, const void *y)
{
	const struct vpn_addr *a = x, *b = y;
	int d = net_addr_compare(&a->p.addr, &b->p.addr);

	if (a->ifindex != b->ifindex)
		return a->ifindex < b->ifindex ? -1 : 1;
	return d ? d : (int)a->p.len - (int)b->p.len;
}

int vpn_addrs_diff(struct vpn_addrs *want, struct vpn_addrs *have, struct vpn_addrs *add,
                   struct vpn_addrs *del)
{
	size_t i = 0, j = 0, n = 0;
	int err = 0;

	if (want->n)
		qsort(want->v, want->n, sizeof(*want->v), cmp_addr);
	if (have->n)
		qsort(have->v, have->n, sizeof(*have->v), cmp_addr);
	for (size_t k = 0; k < want->n; k++)
		if (!n || cmp_addr(&want->v[n - 1], &want->v[k]))
			want->v[n++] = want->v[k];
	want->n = n;
	while (!err && (i < want->n || j < have->n)) {
		int d = i == want->n ? 1 : j == have->n ? -1 : cmp_addr(&want->v[i], &have->v[j]);
		const struct vpn_addr *w = &want->v[i], *h = &have->v[j];

		if (d < 0)
			err = vpn_addrs_add(add, w->ifindex, &w->p, w->srp_activate);
		else if (d > 0)
			err = vpn_addrs_add(del, h->ifindex, &h->p, false);
		i += d <= 0;
		j += d >= 0;
	}
	return err;
}

/* By what the kernel tells routes apart. */
static int cmp_key(const struct nl_route *a, const struct nl_route *b)
{
	int d = net_addr_compare(&a->dst.addr, &b->dst.addr);

	if (d || a->dst.len != b->dst.len)
		return d ? d : (int)a->dst.len - (int)b->dst.len;
	return a->metric < b->metric ? -1 : a->metric > b->metric;
}

static bool same_way(const struct nl_route *a, const struct nl_route *b)
{
	return a->type == b->type && net_addr_equal(&a->gateway, &b->gateway) &&
	       net_addr_equal(&a->source, &b->source) &&
	       (!a->ifindex || !b->ifindex || a->ifindex == b->ifindex);
}

/* qsort() of pointers into one array: equal keys stay in order, because their positions are compared. */
static int cmp_at(const void *x, const void *y)
{
	const struct nl_route *a = *(const struct nl_route *const *)x,
	                      *b = *(const struct nl_route *const *)y;
	int d = cmp_key(a, b);

	return d ? d : a < b ? -1 : a > b;
}

static int sort(struct vpn_routes *l)
{
	const struct nl_route **at = malloc((l->n + 1) * sizeof(*at));
	struct nl_route *v = malloc((l->n + 1) * sizeof(*v));

	if (!at || !v) {
		free(at);
		free(v);
		return -ENOMEM;
	}
	for (size_t i = 0; i < l->n; i++)
		at[i] = &l->v[i];
	qsort(at, l->n, sizeof(*at), cmp_at);
	for (size_t i = 0; i < l->n; i++)
		v[i] = *at[i];
	free(at);
	free(l->v);
	l->v = v;
	l->size = l->n + 1;
	return 0;
}

int vpn_routes_diff(struct vpn_routes *want, struct vpn_routes *have, struct vpn_routes *put,
                    struct vpn_routes *del)
{
	size_t i = 0, j = 0, n = 0;
	int err = sort(want) || sort(have) ? -ENOMEM : 0;

	for (size_t k = 0; !err && k < want->n; k++)
		if (!n || cmp_key(&want->v[n - 1], &want->v[k]))
			want->v[n++] = want->v[k];
	if (!err)
		want->n = n;
	while (!err && (i < want->n || j < have->n)) {
		int d = i == want->n ? 1 : j == have->n ? -1 : cmp_key(&want->v[i], &have->v[j]);

		if (d < 0 || (!d && !same_way(&want->v[i], &have->v[j])))
			err = vpn_routes_add(put, &want->v[i]);
		else if (d > 0)
			err = vpn_routes_add(del, &have->v[j]);
		i += d <= 0;
		j += d >= 0;
	}
	return err;
}
