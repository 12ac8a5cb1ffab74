/* SPDX-License-Identifier: MIT */
/*
 * What operators see of a context: pools with the addresses that calls use (read from the calls' rows),
 * interfaces with their addresses, routes, a summary. JSON trees; the cli task writes StarOS's text. Entry
 * point: vpnmgr_show().
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "session/session.h"
#include "show/show.h"
#include "vpnmgr.h"

static json_t *addr_json(const struct net_addr *a)
{
	char text[NET_ADDR_STRLEN];

	return json_string(net_addr_format(a, text, sizeof(text)));
}

static json_t *prefix_json(const struct net_prefix *p)
{
	char text[NET_ADDR_STRLEN];

	return show_format("%s/%u", net_addr_format(&p->addr, text, sizeof(text)), p->len);
}

static json_t *mask_json(uint8_t len)
{
	struct net_addr a = net_addr_v4(len ? UINT32_MAX << (32 - len) : 0);

	return addr_json(&a);
}

/* --- ip pool
 * -------------------------------------------------------------------------------------------------- */

struct usage {
	struct vpnmgr *v;
	uint64_t *used; /* by position of the pool */
};

static void count_address(struct usage *u, const struct net_addr *a)
{
	const struct pool *in = net_addr_is_set(a) ? pool_of(u->v->pools, a) : NULL;
	size_t i = 0;

	for (const struct pool *p = u->v->pools->pools; p && p != in; p = p->next)
		i++;
	if (in)
		u->used[i]++;
}

static int count_call(const struct store_ckpt *ck, void *arg)
{
	struct usage *u = arg;
	struct session_call c;

	if (session_row_decode(&c, ck->blob, ck->len) || c.ctx != u->v->ctx)
		return 0;
	count_address(u, &c.addr);
	count_address(u, &c.addr6);
	return 0;
}

static json_t *chunks_json(const struct pool *p)
{
	json_t *a = json_array();

	for (size_t i = 0; i < p->nblocks; i++) {
		struct pool_chunk c = pool_chunk_at(p, i);
		struct net_prefix x = pool_chunk_prefix(&c);
		json_t *o = json_object();

		json_object_set_new(o, "prefix", prefix_json(&x));
		json_object_set_new(o, "sessmgr", json_integer(c.sessmgr));
		json_object_set_new(o, "ipsecmgr", json_integer(c.ipsecmgr));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *pool_json(const struct pool *p, uint64_t used, bool chunks)
{
	json_t *o = json_object();

	json_object_set_new(o, "name", show_text(p->def.name));
	json_object_set_new(o, "type", json_string(pool_type_name(p->def.type)));
	json_object_set_new(o, "type_letter", show_format("%c", pool_type_letter(p->def.type)));
	json_object_set_new(o, "state", json_string(p->pending_delete ? "D" : "G"));
	json_object_set_new(o, "priority", json_integer(p->def.priority));
	json_object_set_new(o, "busyout", json_boolean(p->def.busyout));
	json_object_set_new(o, "start", addr_json(&p->def.first));
	json_object_set_new(o, "end", addr_json(&p->def.last));
	json_object_set_new(o, "range", json_boolean(p->def.range));
	if (!p->def.range)
		json_object_set_new(o, "prefix_len", json_integer(p->def.len));
	if (!p->def.range && p->def.first.family == AF_INET)
		json_object_set_new(o, "mask", mask_json(p->def.len));
	json_object_set_new(o, "total", json_integer((json_int_t)pool_size(p)));
	json_object_set_new(o, "used", json_integer((json_int_t)used));
	json_object_set_new(
	        o, "avail",
	        json_integer((json_int_t)(pool_size(p) - (used < pool_size(p) ? used : pool_size(p)))));
	json_object_set_new(o, "in_chunks", json_integer((json_int_t)p->held));
	json_object_set_new(o, "chunks", json_integer((json_int_t)p->nblocks));
	if (chunks)
		json_object_set_new(o, "chunk_list", chunks_json(p));
	return o;
}

/* Pools of a family (0: of both). args: "" or a pool's name (then with its chunks). */
static json_t *pools_json(int family, struct show_page *page, char *err, size_t size)
{
	struct vpnmgr *v = &vpnmgr;
	struct usage u = {v, calloc(v->pools->n + 1, sizeof(uint64_t))};
	json_t *root = json_object(), *a = json_array();
	size_t i = 0;

	if (u.used)
		store_ckpt_list(v->store, SESSION_ROW_KIND, NULL, count_call, &u);
	for (const struct pool *p = v->pools->pools; p; p = p->next, i++)
		if ((!page->args[0] || !strcmp(page->args, p->def.name)) &&
		    (!family || p->def.first.family == family) && show_wanted(page))
			json_array_append_new(a, pool_json(p, u.used ? u.used[i] : 0, page->args[0]));
	free(u.used);
	json_object_set_new(root, "context", show_text(v->cfg.name));
	json_object_set_new(root, "pools", a);
	json_object_set_new(root, "count", json_integer((json_int_t)v->pools->n));
	if (page->args[0] && !json_array_size(a)) {
		snprintf(err, size, "Failure: pool %.31s does not exist in context %s", page->args,
		         v->cfg.name);
		json_decref(root);
		return NULL;
	}
	return root;
}

static json_t *show_pool(struct task *t, struct show_page *page, char *err, size_t size)
{
	return pools_json(0, page, err, size);
}

static json_t *show_pool4(struct task *t, struct show_page *page, char *err, size_t size)
{
	return pools_json(AF_INET, page, err, size);
}

static json_t *show_pool6(struct task *t, struct show_page *page, char *err, size_t size)
{
	return pools_json(AF_INET6, page, err, size);
}

/* --- ip interface
 * --------------------------------------------------------------------------------------------- */

/* family: addresses of this one only; 0: all. */
static json_t *if_json(const struct vpnmgr *v, unsigned n, int family)
{
	const struct vpn_if *i = &v->cfg.ifs[n];
	json_t *o = json_object(), *a = json_array();
	struct nl_link link;

	json_object_set_new(o, "name", show_text(i->name));
	json_object_set_new(o, "description", show_text(i->description));
	json_object_set_new(o, "type", json_string(i->loopback ? "loopback" : "broadcast"));
	json_object_set_new(o, "port", json_string(i->port));
	json_object_set_new(o, "device", json_string(v->ifs[n].device));
	json_object_set_new(o, "ifindex", json_integer(v->ifs[n].ifindex));
	json_object_set_new(o, "mtu", json_integer(i->mtu ? i->mtu : 1500));
	json_object_set_new(o, "state", json_string(v->ifs[n].up ? "UP" : "DOWN"));
	if (v->ifs[n].err)
		json_object_set_new(o, "reason", json_string(strerror(-v->ifs[n].err)));
	for (unsigned k = 0; k < i->n_addr; k++) {
		json_t *x;

		if (family && i->addr[k].p.addr.family != family)
			continue;
		x = json_object();
		json_object_set_new(x, "address", addr_json(&i->addr[k].p.addr));
		json_object_set_new(x, "prefix_len", json_integer(i->addr[k].p.len));
		if (i->addr[k].p.addr.family == AF_INET)
			json_object_set_new(x, "mask", mask_json(i->addr[k].p.len));
		json_object_set_new(x, "secondary", json_boolean(i->addr[k].secondary));
		json_object_set_new(x, "srp_activate", json_boolean(i->addr[k].srp_activate));
		json_object_set_new(x, "active",
		                    json_boolean(v->ifs[n].up && (v->serving || !i->addr[k].srp_activate)));
		json_array_append_new(a, x);
	}
	json_object_set_new(o, "addresses", a);
	if (v->nl && *v->ifs[n].device && !nl_link_get(v->nl, v->ifs[n].device, &link)) {
		json_object_set_new(o, "rx_bytes", json_integer((json_int_t)link.rx_bytes));
		json_object_set_new(o, "tx_bytes", json_integer((json_int_t)link.tx_bytes));
	}
	return o;
}

static bool has_family(const struct vpn_if *i, int family)
{
	for (unsigned k = 0; k < i->n_addr; k++)
		if (!family || i->addr[k].p.addr.family == family)
			return true;
	return !family;
}

/* args: "" or an interface's name. */
static json_t *interfaces_json(int family, struct show_page *page, char *err, size_t size)
{
	struct vpnmgr *v = &vpnmgr;
	json_t *root = json_object(), *a = json_array();

	for (unsigned i = 0; i < v->cfg.n_ifs; i++)
		if ((!page->args[0] || !strcmp(page->args, v->cfg.ifs[i].name)) &&
		    has_family(&v->cfg.ifs[i], family) && show_wanted(page))
			json_array_append_new(a, if_json(v, i, family));
	json_object_set_new(root, "context", show_text(v->cfg.name));
	json_object_set_new(root, "interfaces", a);
	if (page->args[0] && !json_array_size(a)) {
		snprintf(err, size, "Failure: interface %.79s %s in context %s", page->args,
		         vpn_cfg_if(&v->cfg, page->args) ? "has no IPv6 address" : "does not exist",
		         v->cfg.name);
		json_decref(root);
		return NULL;
	}
	return root;
}

static json_t *show_interface(struct task *t, struct show_page *page, char *err, size_t size)
{
	return interfaces_json(0, page, err, size);
}

static json_t *show_interface6(struct task *t, struct show_page *page, char *err, size_t size)
{
	return interfaces_json(AF_INET6, page, err, size);
}

/* --- ip route
 * ------------------------------------------------------------------------------------------------- */

struct row {
	struct net_prefix dst;
	struct net_addr gateway;
	const char *protocol, *iface;
	unsigned prec, cost;
	bool best;
};
struct rows {
	struct row *v;
	size_t n, size;
};

static void add_row(struct rows *l, struct row r)
{
	if (l->n == l->size) {
		size_t size = l->size ? l->size * 2 : 64;
		struct row *v = realloc(l->v, size * sizeof(*v));

		if (!v)
			return;
		l->v = v;
		l->size = size;
	}
	net_addr_mask(&r.dst.addr, r.dst.len);
	l->v[l->n++] = r;
}

static int by_dst(const void *x, const void *y)
{
	const struct row *a = x, *b = y;
	int d = net_addr_compare(&a->dst.addr, &b->dst.addr);

	if (d || a->dst.len != b->dst.len)
		return d ? d : (int)a->dst.len - (int)b->dst.len;
	return a->prec != b->prec ? (int)a->prec - (int)b->prec : (int)a->cost - (int)b->cost;
}

static void connected(const struct vpnmgr *v, struct rows *l)
{
	for (unsigned i = 0; i < v->cfg.n_ifs; i++)
		for (unsigned k = 0; k < v->cfg.ifs[i].n_addr; k++) {
			const struct vpn_if_addr *a = &v->cfg.ifs[i].addr[k];
			struct net_prefix host = {a->p.addr, net_addr_bits(&a->p.addr)};

			if (!v->ifs[i].up || (a->srp_activate && !v->serving))
				continue;
			if (a->p.len != host.len)
				add_row(l,
				        (struct row){a->p, {0}, "connected", v->cfg.ifs[i].name, 0, 0, true});
			add_row(l, (struct row){host, {0}, "connected", v->cfg.ifs[i].name, 0, 0, true});
		}
}

static void tunnels(const struct vpnmgr *v, struct rows *l)
{
	for (const struct pool *p = v->pools->pools; p && v->serving; p = p->next)
		for (size_t i = 0; i < p->nblocks; i++) {
			struct pool_chunk c = pool_chunk_at(p, i);

			add_row(l, (struct row){
			                   pool_chunk_prefix(&c), {0}, "connected", p->def.name, 0, 0, true});
		}
	for (size_t i = 0; i < v->n_flows && v->serving; i++)
		add_row(l, (struct row){v->flows[i].p, {0}, "framed", "ipsec", 0, 0, true});
}

static void statics(const struct vpnmgr *v, struct rows *l)
{
	for (unsigned i = 0; i < v->cfg.n_routes; i++) {
		const struct vpn_static *s = &v->cfg.routes[i];
		const struct vpn_if *f =
		        s->iface[0] ? vpn_cfg_if(&v->cfg, s->iface) : vpn_cfg_if_of(&v->cfg, &s->gateway);
		bool up = f && v->ifs[f - v->cfg.ifs].up;

		add_row(l, (struct row){s->dst, s->gateway, "static", f ? f->name : s->iface, s->precedence,
		                        s->cost, up});
	}
}

static json_t *row_json(const struct row *r)
{
	static const struct net_addr none4 = {.family = AF_INET}, none6 = {.family = AF_INET6};
	json_t *o = json_object();

	json_object_set_new(o, "destination", prefix_json(&r->dst));
	json_object_set_new(o, "nexthop",
	                    addr_json(net_addr_is_set(&r->gateway)     ? &r->gateway
	                              : r->dst.addr.family == AF_INET6 ? &none6
	                                                               : &none4));
	json_object_set_new(o, "protocol", json_string(r->protocol));
	json_object_set_new(o, "precedence", json_integer(r->prec));
	json_object_set_new(o, "cost", json_integer(r->cost));
	json_object_set_new(o, "interface", show_text(r->iface));
	json_object_set_new(o, "best", json_boolean(r->best));
	return o;
}

/* Rows of one family; 0: of both. */
static void keep_family(struct rows *l, int family)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (!family || l->v[i].dst.addr.family == family)
			l->v[n++] = l->v[i];
	l->n = n;
}

static json_t *routes_json(int family, struct show_page *page)
{
	struct vpnmgr *v = &vpnmgr;
	json_t *root = json_object(), *a = json_array();
	unsigned unique = 0, con = 0, framed = 0, stat = 0;
	struct rows l = {0};
	bool used = false;

	connected(v, &l);
	tunnels(v, &l);
	statics(v, &l);
	keep_family(&l, family);
	if (l.n)
		qsort(l.v, l.n, sizeof(*l.v), by_dst);
	for (size_t i = 0; i < l.n; i++) {
		bool first = !i || net_addr_compare(&l.v[i].dst.addr, &l.v[i - 1].dst.addr) ||
		             l.v[i].dst.len != l.v[i - 1].dst.len;

		used = first ? false : used;
		l.v[i].best = l.v[i].best && !used;
		used |= l.v[i].best;
		unique += first;
		con += l.v[i].protocol[0] == 'c';
		framed += l.v[i].protocol[0] == 'f';
		stat += l.v[i].protocol[0] == 's';
		if (show_wanted(page))
			json_array_append_new(a, row_json(&l.v[i]));
	}
	free(l.v);
	json_object_set_new(root, "context", show_text(v->cfg.name));
	json_object_set_new(root, "routes", a);
	json_object_set_new(root, "total", json_integer((json_int_t)l.n));
	json_object_set_new(root, "unique", json_integer(unique));
	json_object_set_new(root, "connected", json_integer(con + framed));
	json_object_set_new(root, "framed", json_integer(framed));
	json_object_set_new(root, "static", json_integer(stat));
	return root;
}

static json_t *show_route(struct task *t, struct show_page *page, char *err, size_t size)
{
	return routes_json(0, page);
}

static json_t *show_route6(struct task *t, struct show_page *page, char *err, size_t size)
{
	return routes_json(AF_INET6, page);
}

/* --- context
 * -------------------------------------------------------------------------------------------------- */

static json_t *show_context(struct task *t, struct show_page *page, char *err, size_t size)
{
	struct vpnmgr *v = &vpnmgr;
	json_t *o = json_object();

	json_object_set_new(o, "id", json_integer(v->ctx));
	json_object_set_new(o, "name", show_text(v->cfg.name));
	json_object_set_new(o, "description", show_text(v->cfg.description));
	json_object_set_new(o, "state", json_string("Active"));
	json_object_set_new(o, "serving", json_boolean(v->serving));
	json_object_set_new(o, "interfaces", json_integer(v->cfg.n_ifs));
	json_object_set_new(o, "static_routes", json_integer(v->cfg.n_routes));
	json_object_set_new(o, "pools", json_integer((json_int_t)v->pools->n));
	json_object_set_new(o, "flows", json_integer((json_int_t)v->n_flows));
	json_object_set_new(o, "problems", show_format("%s%s", v->problems_cfg, v->problems_net));
	return o;
}

static const struct show_row rows[] = {
        {"ip pool", "address pools and their use; args: a pool's name", show_pool},
        {"ipv4 pool", "those of IPv4", show_pool4},
        {"ipv6 pool", "those of IPv6", show_pool6},
        {"ip interface", "interfaces, ports, addresses; args: an interface's name", show_interface},
        {"ip route", "connected, pool, tunnel and static routes", show_route},
        {"ipv6 interface", "interfaces with IPv6 addresses, and those", show_interface6},
        {"ipv6 route", "routes of IPv6", show_route6},
        {"ip arp", "neighbours of IPv4 as the kernel has them", vpnmgr_port_arp},
        {"ports", "ports of the context: counters, averages", vpnmgr_port_show},
        {"context", "summary of the context", show_context},
};

void vpnmgr_show(struct task *t, const struct bus_msg *m)
{
	show_dispatch(t, m, rows, sizeof(rows) / sizeof(rows[0]));
}
