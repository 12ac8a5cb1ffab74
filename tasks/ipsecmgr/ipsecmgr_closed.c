/* SPDX-License-Identifier: MIT */
/*
 * Crypto maps that an interface uses and that can't be served as they are configured: a transform set, a
 * secret, a certificate or the peer is missing. Protection fails closed: what their access lists permit still
 * leads into the manager's TUN (ipsecmgr_spd.c), where no SA carries it, and is dropped and counted, until
 * the map can be used or is taken from its interface (IPSec Reference, chapter 3: what matches is protected,
 * or dropped). A list that does not exist selects nothing. Entry points: ipsecmgr_closed_put(), _packet().
 * Called by ipsecmgr_maps.c.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "tasks/ipsecmgr/ipsecmgr_map_state.h"

#define DROPPED_US (5 * US_PER_SEC) /* between two log lines about packets */

static struct ipsecmgr_policy *closed_named(struct ipsecmgr_policy *list, const char *name)
{
	while (list && strcmp(list->pol.name, name))
		list = list->next;
	return list;
}

bool ipsecmgr_closed_has(const struct ipsecmgr *m, const char *policy)
{
	return closed_named(m->maps_closed, policy) != NULL;
}

void ipsecmgr_closed_put(struct ipsecmgr *m, struct ipsecmgr_policy *list)
{
	const struct ipsecmgr_policy *old;

	for (struct ipsecmgr_policy *p = list; p; p = p->next) {
		old = closed_named(m->maps_closed, p->pol.name);
		if (old) {
			p->map->dropped = old->map->dropped;
			p->map->dropped_us = old->map->dropped_us;
		}
		if (!old || strcmp(old->map->why, p->map->why))
			LOG(EV_CFG_ERROR,
			    "crypto map %s in context %s can not be used (%s): what its access lists permit "
			    "is dropped",
			    p->template, p->context, p->map->why);
	}
	ipsecmgr_cfg_free(m->maps_closed);
	m->maps_closed = list;
}

/* --- packets -----------------------------------------------------------------------------------------------
 */

static bool in_ports(const struct vpn_acl_ports *p, uint16_t port)
{
	for (unsigned i = 0; i < p->n; i++)
		if (port >= p->lo[i] && port <= p->hi[i])
			return true;
	return false;
}

/* As the routing rules do: of ICMP they don't know the type. */
static bool rule_fits(const struct vpn_acl_rule *a, const struct ipsecmgr_flow *f)
{
	if (a->src.addr.family != f->src.family || (a->proto && a->proto != f->proto) ||
	    !net_prefix_contains(&a->src, &f->src) || !net_prefix_contains(&a->dst, &f->dst))
		return false;
	return (a->proto != IPPROTO_TCP && a->proto != IPPROTO_UDP) ||
	       (in_ports(&a->sport, f->sport) && in_ports(&a->dport, f->dport));
}

/* The first rule of a list that fits counts; what it denies is left to the next list. */
static bool chooses(const struct ipsecmgr_map_state *map, const struct ipsecmgr_flow *f)
{
	uint32_t denied = 0;

	for (unsigned i = 0; i < map->n_rules; i++) {
		if (map->rule[i].end == denied || !rule_fits(&map->rule[i].acl, f))
			continue;
		if (map->rule[i].acl.permit)
			return true;
		denied = map->rule[i].end;
	}
	return false;
}

bool ipsecmgr_closed_packet(struct ipsecmgr *m, uint32_t ctx, const struct ipsecmgr_flow *f)
{
	struct ipsecmgr_flow back = {
	        .src = f->dst, .dst = f->src, .proto = f->proto, .sport = f->dport, .dport = f->sport};
	char src[NET_ADDR_STRLEN], dst[NET_ADDR_STRLEN];
	struct ipsecmgr_policy *p = m->maps_closed;
	uint64_t now;

	while (p && (p->ctx != ctx || !(chooses(p->map, f) || chooses(p->map, &back))))
		p = p->next;
	if (!p)
		return false;
	p->map->dropped++;
	now = ipsecmgr_engine_now(m);
	if (p->map->dropped_us && now - p->map->dropped_us < DROPPED_US)
		return true;
	p->map->dropped_us = now;
	LOG(EV_IPSEC_CLEAR, "crypto map %s in context %s can not be used: %s to %s, protocol %u, is dropped",
	    p->template, p->context, net_addr_format(&f->src, src, sizeof(src)),
	    net_addr_format(&f->dst, dst, sizeof(dst)), f->proto);
	return true;
}
