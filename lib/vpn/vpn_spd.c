/* SPDX-License-Identifier: MIT */
/* Access lists of crypto maps as an order of routing rules; see vpn_spd.h. */
#include "vpn/vpn_spd.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "cfg/cfg.h"

#define PORT_MAX 65534 /* the kernel's rules know no port 0 and no 65535 */

/* --- lists of a context ------------------------------------------------------------------------------------
 */

bool vpn_spd_ipv6(const struct cfg_node *map)
{
	return !strcmp(cfg_arg(map, "type"), "ikev2-ipv6");
}

static unsigned count_rules(const struct cfg_tree *t, const struct cfg_node *ctx,
                            const struct vpn_spd_list *l)
{
	const struct cfg_node *acl = cfg_child_named(
	                              t, ctx, vpn_spd_ipv6(l->map) ? "ipv6-access-list" : "ip-access-list",
	                              cfg_key(l->acl_ref, 0)),
	                      *n;
	unsigned count = 0;

	for (n = acl ? cfg_first(acl, "rule") : NULL; n && count < VPN_ACL_RULES_MAX; n = cfg_next(n, "rule"))
		count++;
	return count;
}

static int by_preference(const void *a, const void *b)
{
	const struct vpn_spd_list *x = a, *y = b;

	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int add_lists(struct vpn_spd_lists *all, const struct cfg_tree *t, const struct cfg_node *ctx,
                     const struct cfg_node *interface, const struct cfg_node *map)
{
	const struct cfg_node *n;
	struct vpn_spd_list *v;

	cfg_foreach(n, map, "match-address")
	{
		v = realloc(all->v, (all->n + 1) * sizeof(*v));
		if (!v)
			return -ENOMEM;
		all->v = v;
		v[all->n] = (struct vpn_spd_list){.map = map,
		                                  .interface = interface,
		                                  .acl_ref = n,
		                                  .preference = cfg_arg_int(n, "preference", 0),
		                                  .index = (unsigned)all->n};
		v[all->n].n_rules = count_rules(t, ctx, &v[all->n]);
		all->n++;
	}
	return 0;
}

const struct cfg_node *vpn_spd_map(const struct cfg_tree *t, const struct cfg_node *ctx,
                                   const struct cfg_node *interface)
{
	const char *name = cfg_get(t, interface, "crypto-map", "map");
	const struct cfg_node *map = name ? cfg_child_named(t, ctx, "crypto-map", name) : NULL;

	return map && cfg_arg(map, "type") && !strncmp(cfg_arg(map, "type"), "ikev2-", 6) ? map : NULL;
}

int vpn_spd_lists(const struct cfg_tree *t, const struct cfg_node *ctx, struct vpn_spd_lists *all)
{
	const struct cfg_node *interface, *map;
	uint32_t at = VPN_SPD_FIRST, need;
	int err = 0;

	cfg_foreach(interface, ctx, "interface")
	{
		map = vpn_spd_map(t, ctx, interface);
		if (map && !err)
			err = add_lists(all, t, ctx, interface, map);
	}
	if (err || !all->n)
		return err;
	qsort(all->v, all->n, sizeof(*all->v), by_preference);
	for (size_t i = 0; i < all->n; i++) {
		need = all->v[i].n_rules * VPN_SPD_SLOTS + 1;
		all->v[i].base = at + need <= VPN_SPD_LAST ? at : 0;
		at += need;
	}
	return 0;
}

/* --- rules -------------------------------------------------------------------------------------------------
 */

void vpn_spd_row(struct vpn_spd_rows *r, const PolicyUpdate__Rule *row)
{
	if (r->n == r->size) {
		size_t size = r->size ? 2 * r->size : 64;
		void *bigger = realloc(r->row, size * sizeof(*r->row));

		if (!bigger) {
			r->failed = true;
			return;
		}
		r->row = bigger;
		r->size = size;
	}
	r->row[r->n++] = *row;
}

static void fill(PolicyUpdate__Rule *row, const struct vpn_acl_rule *a)
{
	policy_update__rule__init(row);
	row->ipv6 = a->src.addr.family == AF_INET6;
	row->src_len = a->src.len;
	row->dst_len = a->dst.len;
	if (a->src.len)
		row->src = (ProtobufCBinaryData){net_addr_len(&a->src.addr),
		                                 (uint8_t *)(uintptr_t)a->src.addr.bytes};
	if (a->dst.len)
		row->dst = (ProtobufCBinaryData){net_addr_len(&a->dst.addr),
		                                 (uint8_t *)(uintptr_t)a->dst.addr.bytes};
	row->proto = a->proto;
}

/* Rules match ports of TCP and UDP only; type and code of ICMP are left to the SA. */
static bool has_ports(const struct vpn_acl_rule *a)
{
	return a->proto == IPPROTO_TCP || a->proto == IPPROTO_UDP;
}

static bool direct(const struct vpn_acl_ports *p)
{
	return p->n == 1 && p->lo[0] >= 1 && p->hi[0] <= PORT_MAX;
}

/* Leave the rule out for these ports. */
static void skip(struct vpn_spd_rows *r, PolicyUpdate__Rule row, bool source, unsigned lo, unsigned hi)
{
	if (lo < 1)
		lo = 1;
	if (hi > PORT_MAX)
		hi = PORT_MAX;
	if (lo > hi)
		return;
	row.action = POLICY_UPDATE__ACTION__SKIP;
	row.target = row.priority + 2;
	*(source ? &row.sport_first : &row.dport_first) = lo;
	*(source ? &row.sport_last : &row.dport_last) = hi;
	vpn_spd_row(r, &row);
}

/* Ports that one rule can't say are said by what is around them. */
static bool skip_others(struct vpn_spd_rows *r, const PolicyUpdate__Rule *row, bool source,
                        const struct vpn_acl_ports *p)
{
	unsigned next = 0;

	if (vpn_acl_ports_any(p) || direct(p))
		return false;
	for (unsigned i = 0; i < p->n; i++) {
		if (p->lo[i])
			skip(r, *row, source, next, p->lo[i] - 1u);
		next = p->hi[i] + 1u;
	}
	skip(r, *row, source, next, 65535);
	return true;
}

static void put_rule(struct vpn_spd_rows *r, const struct vpn_spd_rule *s)
{
	PolicyUpdate__Rule row, land;
	bool skips = false;

	fill(&row, &s->acl);
	row.priority = s->priority;
	if (has_ports(&s->acl)) {
		skips = skip_others(r, &row, true, &s->acl.sport);
		skips |= skip_others(r, &row, false, &s->acl.dport);
		if (direct(&s->acl.sport)) {
			row.sport_first = s->acl.sport.lo[0];
			row.sport_last = s->acl.sport.hi[0];
		}
		if (direct(&s->acl.dport)) {
			row.dport_first = s->acl.dport.lo[0];
			row.dport_last = s->acl.dport.hi[0];
		}
	}
	row.priority++;
	row.action = s->acl.permit ? POLICY_UPDATE__ACTION__TUNNEL : POLICY_UPDATE__ACTION__SKIP;
	row.target = s->acl.permit ? 0 : s->end;
	vpn_spd_row(r, &row);
	if (!skips)
		return;
	policy_update__rule__init(&land);
	land.priority = s->priority + 2;
	land.action = POLICY_UPDATE__ACTION__LAND;
	land.ipv6 = row.ipv6;
	vpn_spd_row(r, &land);
}

void vpn_spd_put(struct vpn_spd_rows *r, const struct vpn_spd_rule *rule, unsigned n)
{
	PolicyUpdate__Rule land;
	uint32_t landed = 0;

	for (unsigned i = 0; i < n; i++) {
		put_rule(r, &rule[i]);
		if (rule[i].acl.permit || rule[i].end == landed)
			continue;
		policy_update__rule__init(&land);
		land.priority = landed = rule[i].end;
		land.action = POLICY_UPDATE__ACTION__LAND;
		land.ipv6 = rule[i].acl.src.addr.family == AF_INET6;
		vpn_spd_row(r, &land);
	}
}

struct vpn_spd_rule vpn_spd_turned(const struct vpn_spd_rule *s, uint32_t later)
{
	struct vpn_spd_rule t = *s;

	t.priority += later;
	t.end += later;
	t.acl.src = s->acl.dst;
	t.acl.dst = s->acl.src;
	t.acl.sport = s->acl.dport;
	t.acl.dport = s->acl.sport;
	return t;
}

bool vpn_spd_one(const struct vpn_acl_rule *a)
{
	return !has_ports(a) || ((vpn_acl_ports_any(&a->sport) || direct(&a->sport)) &&
	                         (vpn_acl_ports_any(&a->dport) || direct(&a->dport)));
}
