/* SPDX-License-Identifier: MIT */
/* The context's block of the configuration tree as structures; rows and variables as in
 * cli/grammar/30-context.grm. */
#include "vpn/vpn_cfg.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	struct vpn_cfg *c;
	const struct cfg_tree *tree;
	vpn_problem_fn problem;
	void *arg;
};

static void tell(const struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void tell(const struct reader *r, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!r->problem)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->problem(r->arg, text);
}

static void copy(char *dst, size_t size, const char *src)
{
	snprintf(dst, size, "%s", src ? src : "");
}

/* Append a zeroed item to an array of *n; NULL: no memory. */
static void *append(void *array, unsigned *n, size_t item)
{
	void **v = array;
	void *p = realloc(*v, (*n + 1) * item);

	if (!p)
		return NULL;
	*v = p;
	return memset((char *)p + item * (*n)++, 0, item);
}

int vpn_mask_len(const char *mask)
{
	struct net_addr a;
	uint32_t m;
	int len = 0;

	if (net_addr_parse(&a, mask) || a.family != AF_INET)
		return -EINVAL;
	m = (uint32_t)a.bytes[0] << 24 | (uint32_t)a.bytes[1] << 16 | (uint32_t)a.bytes[2] << 8 | a.bytes[3];
	while (m & 0x80000000u) {
		m <<= 1;
		len++;
	}
	return m ? -EINVAL : len;
}

/* A prefix from `prefix`, or from an address and a mask variable. 0 or -EINVAL. */
static int prefix_of(const struct cfg_node *n, const char *prefix, const char *addr, const char *mask,
                     struct net_prefix *p)
{
	const char *text = cfg_arg(n, prefix), *a = cfg_arg(n, addr), *m = cfg_arg(n, mask);
	int len;

	if (text && *text)
		return net_prefix_parse(p, text);
	if (!a || !m || net_addr_parse(&p->addr, a))
		return -EINVAL;
	len = vpn_mask_len(m);
	if (len < 0)
		return -EINVAL;
	p->len = (uint8_t)len;
	return 0;
}

/* --- interfaces
 * ----------------------------------------------------------------------------------------------- */

static void add_addr(const struct reader *r, struct vpn_if *i, const struct cfg_node *n, const char *prefix,
                     bool secondary)
{
	struct vpn_if_addr *a = &i->addr[i->n_addr];
	char text[NET_PREFIX_STRLEN];

	if (i->n_addr == VPN_ADDRS_MAX || prefix_of(n, prefix, "address", "mask", &a->p)) {
		tell(r, "interface %s: an address is not usable", i->name);
		return;
	}
	a->srp_activate = cfg_has(n, "srp-activate");
	a->secondary = secondary;
	if (i->loopback && a->p.len != net_addr_bits(&a->p.addr)) {
		tell(r, "loopback interface %s: %s is taken as a host address", i->name,
		     net_prefix_format(&a->p, text, sizeof(text)));
		a->p.len = net_addr_bits(&a->p.addr);
	}
	i->n_addr++;
}

static int read_if(const struct reader *r, const struct cfg_node *n)
{
	struct vpn_if *i = append(&r->c->ifs, &r->c->n_ifs, sizeof(*i));
	const struct cfg_node *a;

	if (!i)
		return -ENOMEM;
	copy(i->name, sizeof(i->name), cfg_key(n, 0));
	i->loopback = cfg_has(n, "loopback");
	copy(i->description, sizeof(i->description), cfg_get(r->tree, n, "description", "text"));
	a = cfg_child(r->tree, n, "ip-address", NULL);
	if (a && !a->negated)
		add_addr(r, i, a, "", false);
	cfg_foreach(a, n, "ip-address-secondary") add_addr(r, i, a, "", true);
	cfg_foreach(a, n, "ipv6-address") add_addr(r, i, a, "address", cfg_has(a, "secondary"));
	return 0;
}

/* `bind interface NAME CTX` of a port or VLAN, if it is one of ours. */
static void bind_port(const struct reader *r, const struct cfg_node *block, const char *port, uint16_t vlan,
                      const struct cfg_node *settings)
{
	const char *ctx = cfg_get(r->tree, block, "bind-interface", "context");
	const char *name = cfg_get(r->tree, block, "bind-interface", "interface");
	struct vpn_if *i;

	if (!ctx || !name || strcmp(ctx, r->c->name) != 0)
		return;
	i = (struct vpn_if *)vpn_cfg_if(r->c, name);
	if (!i || i->loopback || i->port[0]) {
		tell(r, "port %s: interface %s %s", port, name,
		     !i            ? "does not exist"
		     : i->loopback ? "is a loopback interface"
		                   : "is bound to another port already");
		return;
	}
	copy(i->port, sizeof(i->port), port);
	i->vlan = vlan;
	i->shutdown = cfg_on(r->tree, block, "shutdown") ||
	              (block != settings && cfg_on(r->tree, settings, "shutdown"));
	i->mtu = (uint32_t)cfg_get_int(r->tree, settings, "mtu", "bytes", 0);
}

static void read_ports(const struct reader *r)
{
	const struct cfg_node *p, *v;

	cfg_foreach(p, r->tree->root, "port-ethernet")
	{
		bind_port(r, p, cfg_key(p, 0), 0, p);
		cfg_foreach(v, p, "vlan") bind_port(r, v, cfg_key(p, 0), (uint16_t)atoi(cfg_key(v, 0)), p);
	}
}

/* --- routes
 * --------------------------------------------------------------------------------------------------- */

static int read_route(const struct reader *r, const struct cfg_node *n)
{
	const char *gw = cfg_arg(n, "gateway"), *hop = cfg_arg(n, "next-hop");
	struct vpn_static s = {.precedence = (uint8_t)cfg_arg_int(n, "precedence", 1),
	                       .cost = (uint8_t)cfg_arg_int(n, "cost", 0)};
	struct vpn_static *at;

	if (prefix_of(n, "prefix", "network", "mask", &s.dst)) {
		tell(r, "route %s is not usable", n->key);
		return 0;
	}
	net_addr_mask(&s.dst.addr, s.dst.len);
	if (hop && *hop)
		gw = hop;
	if (gw && *gw && (net_addr_parse(&s.gateway, gw) || s.gateway.family != s.dst.addr.family)) {
		tell(r, "route %s: gateway %s is not usable", n->key, gw);
		return 0;
	}
	copy(s.iface, sizeof(s.iface), cfg_arg(n, "interface"));
	at = append(&r->c->routes, &r->c->n_routes, sizeof(s));
	if (!at)
		return -ENOMEM;
	*at = s;
	return 0;
}

/* --- pools
 * ---------------------------------------------------------------------------------------------------- */

static int read_pool(const struct reader *r, const struct cfg_node *n)
{
	const char *start = cfg_arg(n, "start"), *end = cfg_arg(n, "end");
	struct pool_def d = {.busyout = cfg_has(n, "busyout"),
	                     .priority = (uint8_t)cfg_arg_int(n, "priority", 0)},
	                *at;
	struct net_addr a, b;
	struct net_prefix p;
	int err = -EINVAL;

	copy(d.name, sizeof(d.name), cfg_key(n, 0));
	if (pool_type_parse(cfg_arg(n, "type"), &d.type))
		d.type = POOL_PUBLIC;
	if (start && end && *start && *end) {
		if (!net_addr_parse(&a, start) && !net_addr_parse(&b, end))
			err = pool_def_range(&d, &a, &b);
	} else if (!prefix_of(n, "prefix", "address", "mask", &p)) {
		err = pool_def_net(&d, &p.addr, p.len);
	}
	if (err) {
		tell(r, "pool %s: its addresses are not usable", d.name);
		return 0;
	}
	at = append(&r->c->pools, &r->c->n_pools, sizeof(d));
	if (!at)
		return -ENOMEM;
	*at = d;
	return 0;
}

/* --- all of it
 * ------------------------------------------------------------------------------------------------ */

static int each(const struct reader *r, const struct cfg_node *ctx, const char *row,
                int (*fn)(const struct reader *r, const struct cfg_node *n))
{
	const struct cfg_node *n;
	int err = 0;

	cfg_foreach(n, ctx, row)
	{
		if (!n->negated)
			err = fn(r, n);
		if (err)
			break;
	}
	return err;
}

int vpn_cfg_read(struct vpn_cfg *c, const struct cfg_tree *tree, uint32_t ctx, vpn_problem_fn problem,
                 void *arg)
{
	const struct cfg_node *n = vpn_context_node(tree, ctx);
	const struct reader r = {c, tree, problem, arg};
	int err;

	memset(c, 0, sizeof(*c));
	c->id = ctx;
	c->exists = n || ctx == VPN_LOCAL;
	copy(c->name, sizeof(c->name), vpn_context_name(tree, ctx));
	if (!n)
		return 0;
	copy(c->description, sizeof(c->description), cfg_get(tree, n, "description", "text"));
	err = each(&r, n, "interface", read_if);
	if (!err)
		err = each(&r, n, "ip-route", read_route);
	if (!err)
		err = each(&r, n, "ipv6-route", read_route);
	if (!err)
		err = each(&r, n, "ip-pool", read_pool);
	if (!err)
		err = each(&r, n, "ipv6-pool", read_pool);
	if (err)
		vpn_cfg_free(c);
	else
		read_ports(&r);
	return err;
}

void vpn_cfg_free(struct vpn_cfg *c)
{
	free(c->ifs);
	free(c->routes);
	free(c->pools);
	memset(c, 0, sizeof(*c));
}

const struct vpn_if *vpn_cfg_if(const struct vpn_cfg *c, const char *name)
{
	for (unsigned i = 0; i < c->n_ifs; i++)
		if (!strcmp(c->ifs[i].name, name))
			return &c->ifs[i];
	return NULL;
}

const struct vpn_if *vpn_cfg_if_of(const struct vpn_cfg *c, const struct net_addr *a)
{
	for (unsigned i = 0; i < c->n_ifs; i++)
		for (unsigned k = 0; k < c->ifs[i].n_addr && !c->ifs[i].loopback; k++)
			if (net_prefix_contains(&c->ifs[i].addr[k].p, a))
				return &c->ifs[i];
	return NULL;
}
