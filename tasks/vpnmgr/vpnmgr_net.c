/* SPDX-License-Identifier: MIT */
/*
 * The kernel side of a context: devices of bound ports, addresses, routes. One pass reads what is (netlink
 * dumps), computes the difference to what shall be (lib/vpn) and applies it; a pass without a difference does
 * nothing. Called after every change and by timer. Entry points: vpnmgr_net_reconcile(), vpnmgr_net_route().
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "chassis/fabric.h"
#include "vpnmgr.h"

void vpnmgr_net_problem(struct vpnmgr *v, const char *fmt, ...)
{
	size_t n = strlen(v->problems);
	va_list ap;

	if (n + 2 >= sizeof(v->problems))
		return;
	va_start(ap, fmt);
	vsnprintf(v->problems + n, sizeof(v->problems) - n - 1, fmt, ap);
	va_end(ap);
	n = strlen(v->problems);
	v->problems[n] = '\n';
	v->problems[n + 1] = 0;
}

void vpnmgr_net_report(struct vpnmgr *v, enum log_event ev, char last[VPNMGR_PROBLEMS])
{
	char copy[VPNMGR_PROBLEMS], *save, *line;

	if (strcmp(v->problems, last) != 0) {
		strcpy(copy, v->problems);
		for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
			LOG(ev, "context %s: %s", v->cfg.name, line);
		if (!v->problems[0])
			LOG(EV_VPN_CONTEXT, "context %s: the problem is gone", v->cfg.name);
	}
	strcpy(last, v->problems);
	v->problems[0] = 0;
}

/* --- devices
 * -------------------------------------------------------------------------------------------------- */

/* Get an interface's device into this namespace, up, with its MTU. */
static void resolve(struct vpnmgr *v, const struct vpn_if *i, struct vpnmgr_if *s)
{
	struct nl_link link;

	s->up = false;
	if (i->loopback) {
		s->ifindex = v->lo;
		s->up = true;
		return;
	}
	s->err = i->port[0] ? 0 : -ENODEV;
	if (i->vlan)
		s->err = -EOPNOTSUPP;
	if (!s->err && (!s->ifindex || nl_link_index(v->nl, s->device) != s->ifindex)) {
		s->err = fabric_port(v->t, i->port, v->ctx, s->device);
		s->ifindex = s->err ? 0 : nl_link_index(v->nl, s->device);
	}
	if (!s->err && s->ifindex <= 0)
		s->err = s->ifindex ? s->ifindex : -ENODEV;
	if (!s->err)
		s->err = nl_link_get(v->nl, s->device, &link);
	if (s->err) {
		s->ifindex = 0;
		if (i->port[0])
			vpnmgr_net_problem(v, "interface %s: port %s: %s", i->name, i->port,
			                   s->err == -ENODEV ? "nothing is plugged in"
			                   : i->vlan         ? "VLANs are not supported yet"
			                                     : strerror(-s->err));
		return;
	}
	if (link.up == i->shutdown)
		nl_link_up(v->nl, s->ifindex, !i->shutdown);
	if (i->mtu && link.mtu != i->mtu)
		nl_link_mtu(v->nl, s->ifindex, i->mtu);
	s->up = !i->shutdown;
}

static bool port_bound(const struct cfg_tree *tree, const char *port)
{
	const struct cfg_node *p = cfg_child_named(tree, tree->root, "port-ethernet", port), *n;

	if (!p)
		return false;
	if (cfg_get(tree, p, "bind-interface", "context"))
		return true;
	cfg_foreach(n, p, "vlan") if (cfg_get(tree, n, "bind-interface", "context")) return true;
	return false;
}

void vpnmgr_net_release(struct vpnmgr *v, const struct vpn_cfg *old, const struct cfg_tree *tree)
{
	char device[16];

	for (unsigned i = 0; i < old->n_ifs; i++)
		if (old->ifs[i].port[0] && !port_bound(tree, old->ifs[i].port))
			fabric_port(v->t, old->ifs[i].port, 0, device);
}

/* --- addresses
 * ------------------------------------------------------------------------------------------------ */

static int note_addr(int ifindex, const struct net_prefix *p, void *arg)
{
	return vpn_addr_is_kernel(&p->addr) ? 0 : vpn_addrs_add(arg, ifindex, p, false);
}

static void want_addrs(struct vpnmgr *v, struct vpn_addrs *want)
{
	for (unsigned i = 0; i < v->cfg.n_ifs; i++)
		for (unsigned k = 0; k < v->cfg.ifs[i].n_addr; k++) {
			const struct vpn_if_addr *a = &v->cfg.ifs[i].addr[k];

			if (v->ifs[i].ifindex > 0 && (v->serving || !a->srp_activate))
				vpn_addrs_add(want, v->ifs[i].ifindex, &a->p, a->srp_activate);
		}
}

static void apply_addr(struct vpnmgr *v, const struct vpn_addr *a, bool add)
{
	char text[NET_PREFIX_STRLEN];
	int err = add ? nl_addr_add(v->nl, a->ifindex, &a->p) : nl_addr_del(v->nl, a->ifindex, &a->p);

	net_prefix_format(&a->p, text, sizeof(text));
	if (err && err != (add ? -EEXIST : -EADDRNOTAVAIL))
		vpnmgr_net_problem(v, "address %s cannot be %s: %s", text, add ? "set" : "removed",
		                   strerror(-err));
	else
		LOG(EV_VPN_ADDRESS, "context %s: address %s %s", v->cfg.name, text,
		    add ? "taken" : "released");
}

/* Returns true when an address was added that neighbours may know under another MAC. */
static bool reconcile_addrs(struct vpnmgr *v)
{
	struct vpn_addrs want = {0}, have = {0}, add = {0}, del = {0};
	bool fresh = false;
	int err;

	want_addrs(v, &want);
	err = nl_addr_walk(v->nl, 0, note_addr, &have);
	if (!err)
		err = vpn_addrs_diff(&want, &have, &add, &del);
	for (size_t i = 0; !err && i < del.n; i++)
		apply_addr(v, &del.v[i], false);
	if (!err && del.n) { /* the kernel may have dropped secondary addresses with their primary one */
		vpn_addrs_free(&have);
		vpn_addrs_free(&add);
		vpn_addrs_free(&del);
		err = nl_addr_walk(v->nl, 0, note_addr, &have);
		if (!err)
			err = vpn_addrs_diff(&want, &have, &add, &del);
	}
	for (size_t i = 0; !err && i < add.n; i++) {
		apply_addr(v, &add.v[i], true);
		fresh = true;
	}
	if (err)
		vpnmgr_net_problem(v, "addresses cannot be read: %s", strerror(-err));
	vpn_addrs_free(&want);
	vpn_addrs_free(&have);
	vpn_addrs_free(&add);
	vpn_addrs_free(&del);
	return fresh;
}

/* --- routes
 * --------------------------------------------------------------------------------------------------- */

static int tun_index(struct vpnmgr *v, uint32_t instance)
{
	char name[NL_NAME_MAX];
	int err;

	if (!instance || instance >= VPNMGR_TUNS)
		return -EINVAL;
	if (v->tun[instance] > 0)
		return v->tun[instance];
	err = fabric_tun(v->t, v->ctx, instance);
	if (err)
		return err;
	snprintf(name, sizeof(name), FABRIC_TUN_NAME, instance);
	err = nl_link_index(v->nl, name);
	if (err > 0) {
		v->tun[instance] = err;
		nl_link_up(v->nl, err, true);
	}
	return err ? err : -ENODEV;
}

/* The interface on which a gateway is on link now: its subnet is configured and in force. */
static int gateway_link(const struct vpnmgr *v, const struct vpn_static *s)
{
	for (unsigned i = 0; i < v->cfg.n_ifs; i++) {
		const struct vpn_if *f = &v->cfg.ifs[i];

		if (f->loopback || !v->ifs[i].up || (s->iface[0] && strcmp(s->iface, f->name) != 0))
			continue;
		if (!net_addr_is_set(&s->gateway))
			return v->ifs[i].ifindex;
		for (unsigned k = 0; k < f->n_addr; k++)
			if ((v->serving || !f->addr[k].srp_activate) &&
			    net_prefix_contains(&f->addr[k].p, &s->gateway))
				return v->ifs[i].ifindex;
	}
	return 0;
}

static void want_static(struct vpnmgr *v, struct vpn_routes *want)
{
	for (unsigned i = 0; i < v->cfg.n_routes; i++) {
		const struct vpn_static *s = &v->cfg.routes[i];
		struct nl_route r = {.dst = s->dst, .gateway = s->gateway, .ifindex = gateway_link(v, s)};

		r.metric = (s->precedence - 1u) * 256 + s->cost + (s->dst.addr.family == AF_INET6 ? 1024 : 0);
		if (r.ifindex > 0)
			vpn_routes_add(want, &r);
	}
}

static bool want_tun(struct vpnmgr *v, struct vpn_routes *want, const struct net_prefix *p, uint32_t instance)
{
	struct nl_route r = {.dst = *p, .ifindex = tun_index(v, instance)};

	if (r.ifindex > 0)
		return vpn_routes_add(want, &r) == 0;
	vpnmgr_net_problem(v, "no TUN for ipsecmgr %u: %s", instance, strerror(-r.ifindex));
	return false;
}

/* Returns true when these are all: of a TUN that the fabric does not name now there may be more in the
 * kernel. */
static bool want_routes(struct vpnmgr *v, struct vpn_routes *want)
{
	bool all = true;

	want_static(v, want);
	if (!v->serving)
		return true;
	if (v->unread) /* not known is not none */
		return false;
	for (const struct pool *p = v->pools->pools; p; p = p->next)
		for (size_t i = 0; i < p->nblocks; i++) {
			struct pool_chunk c = pool_chunk_at(p, i);
			struct net_prefix x = pool_chunk_prefix(&c);

			all &= want_tun(v, want, &x, c.ipsecmgr);
		}
	for (size_t i = 0; i < v->n_flows; i++)
		all &= want_tun(v, want, &v->flows[i].p, v->flows[i].ipsecmgr);
	return all;
}

static int note_route(const struct nl_route *r, void *arg)
{
	return vpn_routes_add(arg, r);
}

static void batch(struct vpnmgr *v, const struct vpn_routes *l, bool del)
{
	int *status = calloc(l->n + 1, sizeof(*status));
	char text[NET_PREFIX_STRLEN];

	if (!status || !l->n) {
		free(status);
		return;
	}
	nl_route_batch(v->nl, l->v, l->n, del, status);
	for (size_t i = 0; i < l->n; i++)
		if (status[i] && !(del && status[i] == -ESRCH))
			vpnmgr_net_problem(v, "route %s cannot be %s: %s",
			                   net_prefix_format(&l->v[i].dst, text, sizeof(text)),
			                   del ? "removed" : "set", strerror(-status[i]));
	LOG(EV_NPU_FLOW, "context %s: %zu routes %s", v->cfg.name, l->n, del ? "removed" : "set");
	free(status);
}

static void reconcile_routes(struct vpnmgr *v)
{
	struct vpn_routes want = {0}, have = {0}, put = {0}, del = {0};
	bool all = want_routes(v, &want);
	int err = nl_route_walk(v->nl, note_route, &have);

	if (!err)
		err = vpn_routes_diff(&want, &have, &put, &del);
	if (err) {
		vpnmgr_net_problem(v, "routes cannot be read: %s", strerror(-err));
	} else {
		if (all)
			batch(v, &del, true);
		batch(v, &put, false);
	}
	vpn_routes_free(&want);
	vpn_routes_free(&have);
	vpn_routes_free(&put);
	vpn_routes_free(&del);
}

int vpnmgr_net_route(struct vpnmgr *v, const struct net_prefix *p, uint32_t ipsecmgr, bool del)
{
	struct nl_route r = {.dst = *p, .ifindex = tun_index(v, ipsecmgr)};
	int err;

	if (r.ifindex <= 0)
		return r.ifindex;
	if (p->addr.family == AF_INET6)
		r.metric = 1024;
	err = del ? nl_route_del(v->nl, &r) : nl_route_replace(v->nl, &r);
	if (err == -ENODEV)
		v->tun[ipsecmgr] = 0;
	return del && err == -ESRCH ? 0 : err;
}

int vpnmgr_net_table(struct vpnmgr *v, struct nl_route *r, uint32_t ipsecmgr)
{
	int err;

	for (unsigned i = 0; i < 2; i++) {
		r->ifindex = tun_index(v, ipsecmgr);
		if (r->ifindex <= 0)
			return r->ifindex;
		err = nl_route_replace(v->nl, r);
		if (err != -ENODEV)
			return err;
		v->tun[ipsecmgr] = 0; /* of a context that was removed and made anew */
	}
	return -ENODEV;
}

/* --- the pass
 * ------------------------------------------------------------------------------------------------- */

static void check_cb(struct task *t, void *arg)
{
	vpnmgr_net_reconcile(arg);
}

void vpnmgr_net_reconcile(struct vpnmgr *v)
{
	bool fresh, failed;

	v->problems[0] = 0;
	if (v->unguarded)
		v->unguarded = !vpnmgr_guard(v, config_tree(v->t));
	for (unsigned i = 0; i < v->cfg.n_ifs; i++)
		resolve(v, &v->cfg.ifs[i], &v->ifs[i]);
	fresh = reconcile_addrs(v);
	reconcile_routes(v);
	vpnmgr_port_note(v);
	failed = v->problems[0];
	vpnmgr_net_report(v, EV_VPN_NETLINK, v->problems_net);
	if (fresh)
		vpnmgr_garp_start(v);
	task_timer_stop(v->check);
	v->check = task_timer_start(v->t, failed ? VPNMGR_RETRY_MS : VPNMGR_CHECK_MS, 0, check_cb, v);
}
