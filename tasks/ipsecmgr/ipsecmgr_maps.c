/* SPDX-License-Identifier: MIT */
/*
 * Crypto maps of IKE version 2 (IPSec Reference, chapters 1, 3, 6, 11): a policy for each map that an
 * interface uses and ipsecctrl gave to this instance, with a pair of selectors for each rule of its access
 * lists. Tunnels are set up by the first packet that no SA carries (chapter 1), or by the peer; then whoever
 * was asked first has a child SA for every rule (chapter 11). What a change of settings does to tunnels
 * is ipsecmgr_change.c's business, which packets get here ipsecmgr_spd.c's. Entry points: ipsecmgr_maps_*().
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/pack.h"
#include "cfg/cfg.h"
#include "place/place_cfg.h"
#include "store/store.h"
#include "tasks/ipsecmgr/ipsecmgr_map_state.h"
#include "vpn/vpn_context.h"
#include "vpn/vpn_spd.h"

#define TRY_US       (1 * US_PER_SEC) /* between two tries to set a tunnel up for packets */
#define ASK_AGAIN_US (5 * US_PER_SEC) /* a rule without a child, for packets */
#define TWINS_US     (2 * US_PER_SEC)
#define AT_ONCE_US   (5 * US_PER_SEC) /* two tunnels that came up within so much were begun by both at once */
#define CLEAR_US     (5 * US_PER_SEC) /* between two log lines about packets in clear */
#define CHECK_MS     500

/* --- what is configured ------------------------------------------------------------------------------------
 */

struct reader {
	struct ipsecmgr *m;
	const struct cfg_tree *tree;
	const struct cfg_node *ctx;
	void (*problem)(void *arg, const char *text);
	void *arg;
	char prefix[256]; /* of what is told */
	char why[256];    /* what was told of the map that is read */
	bool no_memory;
	struct ipsecmgr_policy *closed, **closed_end; /* maps that can't be used */
};

/* Everything that is told of a map says why it can't be used, if it can't. */
static void tell_why(void *arg, const char *text)
{
	struct reader *r = arg;
	size_t n = strlen(r->why), prefix = strlen(r->prefix);
	const char *what =
	        !strncmp(text, r->prefix, prefix) && text[prefix] == ':' ? text + prefix + 2 : text;

	snprintf(r->why + n, sizeof(r->why) - n, "%s%s", n ? "; " : "", what);
	if (r->problem)
		r->problem(r->arg, text);
}

static void complain(struct reader *r, const char *text)
{
	char full[640];

	snprintf(full, sizeof(full), "%s: %s", r->prefix, text);
	tell_why(r, full);
}

static void complain_acl(void *arg, const char *text)
{
	complain(arg, text);
}

static struct ike_ts side_ts(const struct net_prefix *p, uint8_t proto, const struct vpn_acl_ports *ports,
                             unsigned i)
{
	struct ike_ts ts = {.lo = p->addr,
	                    .hi = p->addr,
	                    .proto = proto,
	                    .port_lo = ports->lo[i],
	                    .port_hi = ports->hi[i]};

	for (unsigned bit = p->len; bit < net_addr_bits(&p->addr); bit++)
		ts.hi.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return ts;
}

/* A child for this rule: like the map's payload, with these selectors. */
static void fill_payload(struct ike_payload *y, const struct vpn_acl_rule *a)
{
	y->family = a->src.addr.family;
	y->n_ts_local = a->sport.n;
	y->n_ts_remote = a->dport.n;
	memset(y->ts_local, 0, sizeof(y->ts_local));
	memset(y->ts_remote, 0, sizeof(y->ts_remote));
	for (unsigned i = 0; i < a->sport.n; i++)
		y->ts_local[i] = side_ts(&a->src, a->proto, &a->sport, i);
	for (unsigned i = 0; i < a->dport.n; i++)
		y->ts_remote[i] = side_ts(&a->dst, a->proto, &a->dport, i);
}

static void add_rules(struct reader *r, const struct vpn_spd_list *l, struct ipsecmgr_policy *p)
{
	struct vpn_acl_rule rules[VPN_ACL_RULES_MAX];
	const char *name = cfg_key(l->acl_ref, 0);
	int n = vpn_acl_read(r->tree, r->ctx, name, vpn_spd_ipv6(l->map), rules, complain_acl, r);
	char text[256];

	if (n < 0 || !l->base) {
		snprintf(text, sizeof(text), "access-list %s %s", name,
		         n < 0 ? "does not exist"
		               : "is left out: the maps of this context have too many rules");
		complain(r, text);
		return;
	}
	for (int i = 0; i < n; i++) {
		if (p->map->n_rules == SPD_RULES_MAX) {
			snprintf(text, sizeof(text),
			         "its lists have more than %d rules; the rest is left out", SPD_RULES_MAX);
			complain(r, text);
			return;
		}
		p->map->rule[p->map->n_rules++] =
		        (struct vpn_spd_rule){l->base + (uint32_t)i * VPN_SPD_SLOTS,
		                              l->base + l->n_rules * VPN_SPD_SLOTS, rules[i]};
	}
}

static bool append(struct ike_ts *to, unsigned *n, const struct ike_ts *from, unsigned more)
{
	if (*n + more > IKE_MAX_TSR)
		return false;
	memcpy(to + *n, from, more * sizeof(*to));
	*n += more;
	return true;
}

/* Into a payload that has one side in common with it: a child SA carries every pair of its selectors, so
 * nothing is permitted beyond what the rules do. The peer may ask for one after the other. */
static bool fold(struct ike_policy *pol, const struct ike_payload *y)
{
	for (struct ike_payload *x = pol->payload; x < pol->payload + pol->n_payload; x++) {
		if ((ike_selectors_equal(x->ts_local, x->n_ts_local, y->ts_local, y->n_ts_local) &&
		     append(x->ts_remote, &x->n_ts_remote, y->ts_remote, y->n_ts_remote)) ||
		    (ike_selectors_equal(x->ts_remote, x->n_ts_remote, y->ts_remote, y->n_ts_remote) &&
		     append(x->ts_local, &x->n_ts_local, y->ts_local, y->n_ts_local))) {
			x->max_children += x->max_children < IKE_MAX_CHILDREN;
			return true;
		}
	}
	return false;
}

/* False: there is no room for the rule. */
static bool add_child(struct ike_policy *pol, const struct vpn_acl_rule *a, bool crowded)
{
	struct ike_payload y = pol->payload[0];

	fill_payload(&y, a);
	if (crowded && fold(pol, &y))
		return true;
	if (pol->n_payload == IKE_MAX_PAYLOADS)
		return false;
	if (pol->n_payload) {
		y.max_children = 1;
		snprintf(y.name, sizeof(y.name), "%.127s#%u", pol->payload[0].name, pol->n_payload + 1);
	}
	pol->payload[pol->n_payload++] = y;
	return true;
}

/* A child SA for each rule that permits. An IKE SA has five: where there are more, rules share them. What has
 * none all the same is the map's still, and is dropped. */
static void add_children(struct reader *r, struct ipsecmgr_policy *p)
{
	unsigned permits = 0, without = 0;
	char text[256];

	for (unsigned i = 0; i < p->map->n_rules; i++)
		permits += p->map->rule[i].acl.permit;
	for (unsigned i = 0; i < p->map->n_rules; i++)
		if (p->map->rule[i].acl.permit)
			without += !add_child(&p->pol, &p->map->rule[i].acl, permits > IKE_MAX_PAYLOADS);
	if (!without)
		return;
	snprintf(text, sizeof(text),
	         "its lists permit %u times, more than five child SAs can carry; what %u of these rules "
	         "permit "
	         "is dropped",
	         permits, without);
	complain(r, text);
}

static struct ipsecmgr_policy *policy_new(const struct reader *r, const struct cfg_node *map)
{
	struct ipsecmgr_policy *p = calloc(1, sizeof(*p));

	if (p)
		p->map = calloc(1, sizeof(*p->map));
	if (!p || !p->map) {
		free(p);
		return NULL;
	}
	p->ctx = p->pol.ctx_id = vpn_context_id(r->tree, cfg_key(r->ctx, 0));
	snprintf(p->context, sizeof(p->context), "%s", cfg_key(r->ctx, 0));
	snprintf(p->template, sizeof(p->template), "%s", cfg_key(map, 0));
	snprintf(p->counter_key, sizeof(p->counter_key), "%.79s/%.127s", p->context, cfg_key(map, 0));
	snprintf(p->pol.name, sizeof(p->pol.name), "%.79s/%.127s", p->context, p->template);
	return p;
}

/* One that can't be used has the reason, and the rules of its lists. NULL: no memory. */
static struct ipsecmgr_policy *read_map(struct reader *r, const struct vpn_spd_lists *all,
                                        const struct cfg_node *interface, const struct cfg_node *map)
{
	struct ipsecmgr_cert_env env = {.tree = r->tree,
	                                .state_dir = r->m->t ? r->m->t->state_dir : NULL,
	                                .key = r->m->have_key ? &r->m->key : NULL,
	                                .problem = tell_why,
	                                .arg = r};
	struct ipsecmgr_policy *p = policy_new(r, map);
	bool ok;

	if (!p)
		return NULL;
	r->why[0] = '\0';
	snprintf(r->prefix, sizeof(r->prefix), "context %s crypto map %s", cfg_key(r->ctx, 0),
	         cfg_key(map, 0));
	ok = ipsecmgr_cfg_map(&env, r->ctx, map, p);
	if (ok && !place_cfg_map_ends(r->tree, interface, map, &p->pol.local, &p->pol.peer)) {
		complain(r, "its peer, or the interface's address of the peer's family, is not configured");
		ok = false;
	}
	for (size_t i = 0; i < all->n; i++)
		if (all->v[i].map == map && all->v[i].interface == interface)
			add_rules(r, &all->v[i], p);
	if (ok)
		add_children(r, p);
	if (ok && !p->pol.n_payload) {
		complain(r, "its access lists permit nothing");
		ok = false;
	}
	if (!ok)
		snprintf(p->map->why, sizeof(p->map->why), "%s",
		         r->why[0] ? r->why : "its configuration can not be used");
	return p;
}

/* --- which maps are ours: rows of ipsecctrl
 * ------------------------------------------------------------------ */

struct assigned {
	struct place_map v[PLACE_MAPS_PER_MANAGER];
	size_t n;
	uint32_t instance;
	char ctx[80];
};

static int note_map(const struct store_ckpt *row, void *arg)
{
	struct assigned *a = arg;
	struct place_map x;

	if (place_cfg_map_row(row, &x) && x.manager == a->instance && a->n < PLACE_MAPS_PER_MANAGER)
		a->v[a->n++] = x;
	return 0;
}

static bool is_ours(const struct assigned *a, const char *ctx, const char *name)
{
	for (size_t i = 0; i < a->n; i++)
		if (!strcmp(a->v[i].ctx, ctx) && !strcmp(a->v[i].name, name))
			return true;
	return false;
}

/* The context of a manager without maps: "IKE-version demux context", of ipsecctrl. */
static int note_context(const struct store_ckpt *row, void *arg)
{
	struct assigned *a = arg;
	char text[160];

	if (row->deleted || row->len >= sizeof(text))
		return 0;
	memcpy(text, row->blob, row->len);
	text[row->len] = '\0';
	return sscanf(text, "%*u %*d %79s", a->ctx) == 1 ? 0 : -EBADMSG;
}

/* 0, or -errno: it can't be said which are ours. */
static int read_assigned(struct ipsecmgr *m, const struct cfg_tree *tree, struct assigned *a)
{
	struct store_reader *s = m->t ? store_open_reader(m->t->state_dir, STORE_STATE) : NULL;
	char key[16];
	int err;

	a->instance = m->t ? m->t->instance : 0;
	if (!s)
		return m->t ? -ENOMEM : 0;
	snprintf(key, sizeof(key), "g %u", a->instance);
	store_ckpt_get(s, PLACE_MANAGERS_KIND, key, note_context, a);
	err = store_ckpt_list(s, PLACE_MAPS_KIND, NULL, note_map, a);
	store_close_reader(s);
	if (err && err != -ENOENT)
		return err;
	if (a->n) /* a manager has one context */
		snprintf(a->ctx, sizeof(a->ctx), "%s", a->v[0].ctx);
	if (a->ctx[0])
		m->maps_ctx = vpn_context_id(tree, a->ctx);
	return 0;
}

static bool same_ports(const struct vpn_acl_ports *a, const struct vpn_acl_ports *b)
{
	unsigned i = 0;

	while (a->n == b->n && i < a->n && a->lo[i] == b->lo[i] && a->hi[i] == b->hi[i])
		i++;
	return a->n == b->n && i == a->n;
}

static bool same_rule(const struct vpn_acl_rule *a, const struct vpn_acl_rule *b)
{
	return a->permit == b->permit && a->proto == b->proto && a->src.len == b->src.len &&
	       a->dst.len == b->dst.len && net_addr_equal(&a->src.addr, &b->src.addr) &&
	       net_addr_equal(&a->dst.addr, &b->dst.addr) && same_ports(&a->sport, &b->sport) &&
	       same_ports(&a->dport, &b->dport);
}

static bool same_rules(const struct ipsecmgr_map_state *a, const struct ipsecmgr_map_state *b)
{
	unsigned i = 0;

	while (a->n_rules == b->n_rules && i < a->n_rules && same_rule(&a->rule[i].acl, &b->rule[i].acl))
		i++;
	return a->n_rules == b->n_rules && i == a->n_rules;
}

static void put_ports(struct pack_writer *w, const struct vpn_acl_ports *p)
{
	pack_put_u8(w, (uint8_t)p->n);
	for (unsigned i = 0; i < p->n; i++) {
		pack_put_u16(w, p->lo[i]);
		pack_put_u16(w, p->hi[i]);
	}
}

void ipsecmgr_maps_put_rules(const struct ipsecmgr_policy *p, struct pack_writer *w)
{
	pack_put_u16(w, (uint16_t)p->map->n_rules);
	for (unsigned i = 0; i < p->map->n_rules; i++) {
		const struct vpn_acl_rule *a = &p->map->rule[i].acl;

		pack_put_u8(w, a->permit);
		pack_put_u8(w, a->proto);
		pack_put_u8(w, a->src.len);
		pack_put_blob(w, a->src.addr.bytes, net_addr_len(&a->src.addr));
		pack_put_u8(w, a->dst.len);
		pack_put_blob(w, a->dst.addr.bytes, net_addr_len(&a->dst.addr));
		put_ports(w, &a->sport);
		put_ports(w, &a->dport);
	}
}

bool ipsecmgr_maps_rules_changed(const struct ipsecmgr_policy *p)
{
	return p->map && p->map->rules_changed;
}

static void keep_state(const struct ipsecmgr *m, struct ipsecmgr_policy *p)
{
	const struct ipsecmgr_policy *old = ipsecmgr_cfg_find(m, p->pol.name);

	if (!old || !old->map)
		return;
	p->map->rules_changed = !same_rules(p->map, old->map);
	p->map->tried_us = old->map->tried_us;
	p->map->twins_us = old->map->twins_us;
	p->map->clear_us = old->map->clear_us;
	p->map->clear = old->map->clear;
	memcpy(p->map->asked_us, old->map->asked_us, sizeof(p->map->asked_us));
}

static void read_context(struct reader *r, const struct assigned *ours, struct ipsecmgr_policy ***end)
{
	const struct cfg_node *interface, *map;
	struct ipsecmgr_policy *p;
	struct vpn_spd_lists all = {.n = 0};

	r->no_memory |= vpn_spd_lists(r->tree, r->ctx, &all) != 0;
	cfg_foreach(interface, r->ctx, "interface")
	{
		map = vpn_spd_map(r->tree, r->ctx, interface);
		if (!map || !is_ours(ours, cfg_key(r->ctx, 0), cfg_key(map, 0)))
			continue;
		p = r->no_memory ? NULL : read_map(r, &all, interface, map);
		if (!p) {
			r->no_memory = true;
		} else if (p->map->why[0]) {
			*r->closed_end = p;
			r->closed_end = &p->next;
		} else {
			keep_state(r->m, p);
			**end = p;
			*end = &p->next;
		}
	}
	free(all.v);
}

struct ipsecmgr_policy *ipsecmgr_maps_build(struct ipsecmgr *m, const struct cfg_tree *tree,
                                            void (*problem)(void *arg, const char *text), void *arg)
{
	struct reader r = {.m = m, .tree = tree, .problem = problem, .arg = arg, .closed_end = &r.closed};
	struct ipsecmgr_policy *list = NULL, **end = &list;
	struct assigned *ours = calloc(1, sizeof(*ours));
	const struct cfg_node *ctx;

	m->maps_unread = !ours || read_assigned(m, tree, ours);
	cfg_foreach(ctx, tree->root, "context")
	{
		r.ctx = ctx;
		if (!m->maps_unread && ours->n && !strcmp(ours->v[0].ctx, cfg_key(ctx, 0)))
			read_context(&r, ours, &end);
	}
	free(ours);
	m->maps_unread |= r.no_memory;
	if (!m->maps_unread) {
		ipsecmgr_closed_put(m, r.closed);
		return list;
	}
	ipsecmgr_cfg_free(list);
	ipsecmgr_cfg_free(r.closed);
	if (problem)
		problem(arg, "which crypto maps are served here cannot be read: it stays as it was");
	return NULL;
}

void ipsecmgr_maps_assigned(struct task *t, const struct bus_msg *msg)
{
	struct ipsecmgr *m = &ipsecmgr;
	const struct cfg_tree *tree = config_tree(t);

	(void)msg;
	if (place_serves_maps(t->instance) && m->e && tree && !m->restoring)
		ipsecmgr_cfg_apply(m, tree);
}

/* --- tunnels
 * --------------------------------------------------------------------------------------------------- */

struct look {
	const char *policy;
	bool setting_up, up;
	struct ike_sa_view newest; /* of those that are up */
	struct ike_sa_view older;
	unsigned n_up;
};

static int look_sa(void *arg, const struct ike_sa_view *v)
{
	struct look *l = arg;

	if (strcmp(v->policy, l->policy) != 0)
		return 0;
	l->setting_up |= v->state < IKE_ST_ESTABLISHED;
	if (v->state != IKE_ST_ESTABLISHED)
		return 0;
	l->n_up++;
	if (!l->up || v->up_us > l->newest.up_us) {
		l->older = l->newest;
		l->newest = *v;
	} else {
		l->older = *v;
	}
	l->up = true;
	return 0;
}

static struct look look(struct ipsecmgr *m, const struct ipsecmgr_policy *p)
{
	struct look l = {.policy = p->pol.name};

	ike_engine_foreach_sa(m->e, look_sa, &l);
	return l;
}

static int begin(struct ipsecmgr *m, struct ipsecmgr_policy *p, unsigned rule, uint64_t now)
{
	struct ike_initiate i = {
	        .policy = p->pol.name,
	        .path = {.ctx_id = p->ctx, .local = {p->pol.local, 500}, .remote = {p->pol.peer, 500}},
	        .payload = rule};

	p->map->tried_us = now;
	return ike_engine_initiate(m->e, now, &i, NULL);
}

/* Both sides began at once, or the peer forgot us: one tunnel is enough. Of two that each side began at once
 * that of the greater address stays, which the peer sees like us; else the newer one. */
static void settle_twins(struct ipsecmgr *m, const struct ipsecmgr_policy *p, uint64_t now)
{
	struct look l = look(m, p);
	const struct ike_sa_view *loser = &l.older;
	bool we_are_greater = net_addr_compare(&p->pol.local, &p->pol.peer) > 0;

	if (l.n_up < 2)
		return;
	if (l.newest.initiator != l.older.initiator && l.newest.up_us - l.older.up_us < AT_ONCE_US)
		loser = l.newest.initiator == we_are_greater ? &l.older : &l.newest;
	LOG(EV_IKE_DELETE, "crypto map %s in context %s has two tunnels: IKE SA %016llx ends", p->template,
	    p->context, (unsigned long long)loser->spi);
	ike_engine_delete_ike(m->e, now, loser->spi);
}

static void check(struct task *t, void *arg)
{
	struct ipsecmgr *m = arg;
	uint64_t now = m->e ? ipsecmgr_engine_now(m) : 0;
	bool more = false;

	(void)t;
	for (struct ipsecmgr_policy *p = m->e ? m->policies : NULL; p; p = p->next) {
		if (p->map && p->map->twins_us && p->map->twins_us <= now) {
			p->map->twins_us = 0;
			settle_twins(m, p, now);
		}
		more |= p->map && p->map->twins_us;
	}
	if (!more) {
		task_timer_stop(m->maps_check);
		m->maps_check = NULL;
	}
	if (m->e)
		ipsecmgr_engine_rearm(m);
}

void ipsecmgr_maps_event(struct ipsecmgr *m, const struct ike_event *ev)
{
	struct ipsecmgr_policy *p = (struct ipsecmgr_policy *)(uintptr_t)ipsecmgr_cfg_find(m, ev->policy);

	if (!p || !p->map || ev->kind != IKE_EV_UP || look(m, p).n_up < 2)
		return;
	p->map->twins_us = ipsecmgr_engine_now(m) + TWINS_US;
	if (!m->maps_check)
		m->maps_check = task_timer_start(m->t, CHECK_MS, CHECK_MS, check, m);
}

/* --- packets without an SA
 * -------------------------------------------------------------------------------------- */

static bool covers(const struct ike_ts *ts, unsigned n, const struct net_addr *a, uint8_t proto,
                   uint16_t port)
{
	for (; n; n--, ts++)
		if (ts->lo.family == a->family && net_addr_compare(&ts->lo, a) <= 0 &&
		    net_addr_compare(a, &ts->hi) <= 0 && (!ts->proto || ts->proto == proto) &&
		    port >= ts->port_lo && port <= ts->port_hi)
			return true;
	return false;
}

/* The payload of a map that a packet matches, or n_payload. */
static unsigned rule_of(const struct ipsecmgr_policy *p, const struct ipsecmgr_flow *f)
{
	unsigned i;

	for (i = 0; i < p->pol.n_payload; i++) {
		const struct ike_payload *y = &p->pol.payload[i];

		if (covers(y->ts_local, y->n_ts_local, &f->src, f->proto, f->sport) &&
		    covers(y->ts_remote, y->n_ts_remote, &f->dst, f->proto, f->dport))
			break;
	}
	return i;
}

static void want(struct ipsecmgr *m, struct ipsecmgr_policy *p, unsigned rule)
{
	uint64_t now = ipsecmgr_engine_now(m);
	struct look l = look(m, p);

	if (l.up && !l.newest.outdated) {
		if (now - p->map->asked_us[rule] < ASK_AGAIN_US)
			return;
		p->map->asked_us[rule] = now;
		ike_engine_need_child(m->e, now, l.newest.spi, rule);
	} else if (!l.up && !l.setting_up && now - p->map->tried_us >= TRY_US) {
		begin(m, p, rule, now);
	}
	ipsecmgr_engine_rearm(m);
}

/* It goes the other way: it came in clear, and should have come in a tunnel. */
static void in_clear(struct ipsecmgr *m, uint32_t ctx, const struct ipsecmgr_flow *f)
{
	struct ipsecmgr_flow back = {
	        .src = f->dst, .dst = f->src, .proto = f->proto, .sport = f->dport, .dport = f->sport};
	char src[NET_ADDR_STRLEN], dst[NET_ADDR_STRLEN];
	uint64_t now = ipsecmgr_engine_now(m);

	for (struct ipsecmgr_policy *p = m->policies; p; p = p->next) {
		if (!p->map || p->ctx != ctx || rule_of(p, &back) == p->pol.n_payload)
			continue;
		p->map->clear++;
		if (p->map->clear_us && now - p->map->clear_us < CLEAR_US)
			return;
		p->map->clear_us = now;
		LOG(EV_IPSEC_CLEAR,
		    "crypto map %s in context %s: %s to %s, protocol %u, came in clear: dropped", p->template,
		    p->context, net_addr_format(&f->src, src, sizeof(src)),
		    net_addr_format(&f->dst, dst, sizeof(dst)), f->proto);
		return;
	}
}

void ipsecmgr_maps_no_sa(struct ipsecmgr *m, const SaNotice *n)
{
	struct ipsecmgr_flow f = {
	        .proto = (uint8_t)n->proto, .sport = (uint16_t)n->sport, .dport = (uint16_t)n->dport};

	if (net_addr_from_bytes(&f.src, n->src.data, n->src.len) ||
	    net_addr_from_bytes(&f.dst, n->dst.data, n->dst.len))
		return;
	for (struct ipsecmgr_policy *p = m->policies; p; p = p->next) {
		unsigned rule = p->map && p->ctx == n->ctx ? rule_of(p, &f) : IKE_MAX_PAYLOADS;

		if (p->map && p->ctx == n->ctx && rule < p->pol.n_payload) {
			want(m, p, rule);
			return;
		}
	}
	if (!ipsecmgr_closed_packet(m, n->ctx, &f))
		in_clear(m, n->ctx, &f);
}
