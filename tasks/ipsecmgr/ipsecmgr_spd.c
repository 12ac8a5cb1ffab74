/* SPDX-License-Identifier: MIT */
/*
 * Which packets of the context are a crypto map's: its access lists as routing rules for vpnmgr, in the order
 * that all managers of the context agree on; and the same lists turned round, for what comes in clear though
 * it should have come in a tunnel. What a list denies is not its own, and goes on behind it. Maps
 * that can't be used count as well: what leads nowhere is dropped. Rules
 * stay in force when this task dies, so that nothing leaves in clear meanwhile. Entry point:
 * ipsecmgr_maps_policies().
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "place/place.h"
#include "tasks/ipsecmgr/ipsecmgr_map_state.h"

#define SPD_MS   5000
#define RETRY_MS 1000
#define PORT_MAX 65534 /* the kernel's rules know no port 0 and no 65535 */

struct rules {
	PolicyUpdate__Rule *row, **ptr;
	size_t n, size;
	bool failed;
};

/* A copy; *row is complete but for its place. */
static void put(struct rules *r, const PolicyUpdate__Rule *row)
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
static void skip(struct rules *r, PolicyUpdate__Rule row, bool source, unsigned lo, unsigned hi)
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
	put(r, &row);
}

/* Ports that one rule can't say are said by what is around them. */
static bool skip_others(struct rules *r, const PolicyUpdate__Rule *row, bool source,
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

static void put_rule(struct rules *r, const struct spd_rule *s)
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
	put(r, &row);
	if (!skips)
		return;
	policy_update__rule__init(&land);
	land.priority = s->priority + 2;
	land.action = POLICY_UPDATE__ACTION__LAND;
	land.ipv6 = row.ipv6;
	put(r, &land);
}

static void put_rules(struct rules *r, const struct spd_rule *rule, unsigned n)
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
		put(r, &land);
	}
}

static void put_map(struct rules *r, const struct ipsecmgr_map_state *map)
{
	put_rules(r, map->rule, map->n_rules);
}

static struct spd_rule turned(const struct spd_rule *s)
{
	struct spd_rule t = *s;

	t.priority += SPD_CLEAR;
	t.end += SPD_CLEAR;
	t.acl.src = s->acl.dst;
	t.acl.dst = s->acl.src;
	t.acl.sport = s->acl.dport;
	t.acl.dport = s->acl.sport;
	return t;
}

/* What should come in the tunnel and comes in clear (RFC 4301 section 5.2, step 3): into the TUN as well,
 * where it finds no SA and ends. The turned rules stay with the map: rows point into them. */
static void put_clear(struct rules *r, struct ipsecmgr_map_state *map)
{
	for (unsigned i = 0; i < map->n_rules; i++)
		map->back[i] = turned(&map->rule[i]);
	put_rules(r, map->back, map->n_rules);
}

static void put_both(struct rules *r, struct ipsecmgr_map_state *map)
{
	put_map(r, map);
	put_clear(r, map);
}

/* What comes out of the TUN came in a tunnel. */
static void put_passage(struct rules *r, bool ipv6)
{
	PolicyUpdate__Rule row;

	policy_update__rule__init(&row);
	row.ipv6 = ipv6;
	row.priority = SPD_END;
	row.action = POLICY_UPDATE__ACTION__LAND;
	put(r, &row);
	row.priority = SPD_FIRST + SPD_CLEAR - 1;
	row.action = POLICY_UPDATE__ACTION__SKIP;
	row.target = SPD_END;
	row.from_tun = true;
	put(r, &row);
}

/* --- telling vpnmgr ----------------------------------------------------------------------------------------
 */

static void again(struct task *t, void *arg)
{
	struct ipsecmgr *m = arg;

	(void)t;
	task_timer_stop(m->spd_retry);
	m->spd_retry = NULL;
	ipsecmgr_maps_policies(m);
}

static void again_later(struct ipsecmgr *m)
{
	if (!m->spd_retry)
		m->spd_retry = task_timer_start(m->t, RETRY_MS, 0, again, m);
}

static void answered(struct task *t, void *arg, int status, const struct bus_msg *msg)
{
	struct ipsecmgr *m = arg;

	(void)t;
	m->spd_open = false;
	if (status && msg && ipsecmgr_engine_may_log(m))
		LOG(EV_IPSEC_SA_FAIL, "policies of crypto maps: %s",
		    msg->env->body_case == ENVELOPE__BODY_STATUS ? msg->env->status->text
		                                                 : strerror(-status));
	if (m->spd_again)
		ipsecmgr_maps_policies(m);
	else if (status)
		again_later(m);
}

static int tell(struct ipsecmgr *m, struct rules *r)
{
	Envelope env = ENVELOPE__INIT;
	PolicyUpdate u = POLICY_UPDATE__INIT;
	char addr[40];

	r->ptr = calloc(r->n + 1, sizeof(struct PolicyUpdate__Rule *));
	if (!r->ptr || r->failed)
		return -ENOMEM;
	for (size_t i = 0; i < r->n; i++)
		r->ptr[i] = &r->row[i];
	u.rules = r->ptr;
	u.n_rules = r->n;
	u.instance = m->t->instance;
	env.body_case = ENVELOPE__BODY_POLICY_UPDATE;
	env.policy_update = &u;
	snprintf(addr, sizeof(addr), "vpnmgr/%u", m->maps_ctx);
	return task_request(m->t, addr, &env, SPD_MS, TASK_RETRY, answered, m);
}

void ipsecmgr_maps_policies(struct ipsecmgr *m)
{
	const struct ipsecmgr_policy *p;
	struct rules r = {.n = 0};

	if (!m->t || !place_serves_maps(m->t->instance) || !m->maps_ctx)
		return;
	m->spd_again = m->spd_open;
	if (m->spd_open)
		return;
	for (p = m->e ? m->policies : NULL; p; p = p->next)
		if (p->map)
			put_both(&r, p->map);
	for (p = m->e ? m->maps_closed : NULL; p; p = p->next)
		put_both(&r, p->map);
	if (r.n) {
		put_passage(&r, false);
		put_passage(&r, true);
	}
	m->spd_open = tell(m, &r) == 0;
	if (!m->spd_open)
		again_later(m);
	free(r.row);
	free(r.ptr);
}

static void vpnmgr_changed(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	struct ipsecmgr *m = arg;
	char mine[40];

	(void)t, (void)card;
	snprintf(mine, sizeof(mine), "vpnmgr/%u", m->maps_ctx);
	if (up && !strcmp(addr, mine))
		ipsecmgr_maps_policies(m);
}

void ipsecmgr_maps_start(struct ipsecmgr *m)
{
	if (place_serves_maps(m->t->instance))
		task_watch_peers(m->t, "vpnmgr", vpnmgr_changed, m);
}
