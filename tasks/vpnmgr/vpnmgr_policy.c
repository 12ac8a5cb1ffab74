/* SPDX-License-Identifier: MIT */
/*
 * The routing policies of crypto maps: which packets of the context go into a manager's TUN, as rules of the
 * kernel's own routing, with a table per manager that leads into its TUN (IPSec Reference, chapter 1: packets
 * are examined before they are routed). Rules in the kernel are the state: a vpnmgr that is killed leaves
 * them in force, the next one compares them with what each manager sends. IKE and ESP themselves pass by
 * them. Entry point: vpnmgr_policy_update().
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "chassis/fabric.h"
#include "net/sock.h"
#include "place/place.h"
#include "vpn/vpn_spd.h"
#include "vpnmgr.h"

#define TABLE_BASE    10000 /* table of manager N: this plus N */
#define TABLE_MAIN    254
#define FIRST         VPN_SPD_FIRST
#define LAST          VPN_SPD_END
#define RULES_MAX     20000
#define PRIORITY_PASS (FIRST - 1)

int vpnmgr_policy_add(struct vpnmgr_rules *l, const struct nl_rule *r)
{
	if (l->n == l->size) {
		size_t size = l->size ? 2 * l->size : 32;
		struct nl_rule *v = realloc(l->v, size * sizeof(*v));

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->size = size;
	}
	l->v[l->n++] = *r;
	return 0;
}

static int note(const struct nl_rule *r, void *arg)
{
	struct vpnmgr_rules *l = arg;

	return r->table == l->table ? vpnmgr_policy_add(l, r) : 0;
}

static bool has(const struct vpnmgr_rules *l, const struct nl_rule *r)
{
	for (size_t i = 0; i < l->n; i++)
		if (nl_rule_equal(&l->v[i], r))
			return true;
	return false;
}

/* --- reading the message ----------------------------------------------------------------------------------
 */

static int read_prefix(struct net_prefix *p, const ProtobufCBinaryData *b, uint32_t len, uint16_t family)
{
	if (!len)
		return 0;
	if (net_addr_from_bytes(&p->addr, b->data, b->len) || p->addr.family != family ||
	    len > net_addr_bits(&p->addr))
		return -EINVAL;
	p->len = (uint8_t)len;
	net_addr_mask(&p->addr, p->len);
	return 0;
}

static bool range_ok(uint32_t lo, uint32_t hi)
{
	return (!lo && !hi) || (lo >= 1 && lo <= hi && hi <= 65534);
}

int vpnmgr_policy_read(const PolicyUpdate__Rule *m, uint32_t table, struct nl_rule *r)
{
	static const enum nl_rule_action actions[] = {NL_RULE_TABLE, NL_RULE_GOTO, NL_RULE_NOP};

	if ((unsigned)m->action > 2 || m->priority < FIRST || m->priority > LAST || m->proto > 255 ||
	    !range_ok(m->sport_first, m->sport_last) || !range_ok(m->dport_first, m->dport_last) ||
	    (m->action == POLICY_UPDATE__ACTION__SKIP && (m->target <= m->priority || m->target > LAST)))
		return -EINVAL;
	*r = (struct nl_rule){.family = m->ipv6 ? AF_INET6 : AF_INET,
	                      .priority = m->priority,
	                      .action = actions[m->action],
	                      .table = table,
	                      .target = m->action == POLICY_UPDATE__ACTION__SKIP ? m->target : 0,
	                      .proto = (uint8_t)m->proto,
	                      .sport_lo = (uint16_t)m->sport_first,
	                      .sport_hi = (uint16_t)m->sport_last,
	                      .dport_lo = (uint16_t)m->dport_first,
	                      .dport_hi = (uint16_t)m->dport_last};
	if (m->from_tun)
		snprintf(r->iif, sizeof(r->iif), FABRIC_TUN_NAME, table - TABLE_BASE);
	if (read_prefix(&r->src, &m->src, m->src_len, r->family))
		return -EINVAL;
	return read_prefix(&r->dst, &m->dst, m->dst_len, r->family);
}

/* --- doing it
 * ----------------------------------------------------------------------------------------------- */

static const uint16_t families[] = {AF_INET, AF_INET6};

int vpnmgr_policy_pass(struct vpnmgr *v)
{
	int err = 0;

	for (unsigned i = 0; i < 2 && !err; i++) {
		struct nl_rule pass = {.family = families[i],
		                       .priority = PRIORITY_PASS,
		                       .table = TABLE_MAIN,
		                       .mark = SOCK_PROTECTED_MARK};

		err = nl_rule_add(v->nl, &pass);
		err = err == -EEXIST ? 0 : err;
	}
	return err;
}

/* The way into the TUN, and past all policies for what the TUN's owner sends. */
static int ground(struct vpnmgr *v, uint32_t instance)
{
	int err = vpnmgr_policy_pass(v);

	for (unsigned i = 0; i < 2 && !err; i++) {
		struct nl_route r = {.dst = {.addr.family = families[i]}, .table = TABLE_BASE + instance};

		err = vpnmgr_net_table(v, &r, instance);
	}
	return err;
}

static bool kernel_add(struct vpnmgr *v, const struct nl_rule *r, int *err)
{
	int rc = nl_rule_add(v->nl, r);

	if (rc && rc != -EEXIST && !*err)
		*err = rc;
	return !rc;
}

/* Places to go on at first, then what leads there, then what was before: no packet finds less than both. */
static int apply(struct vpnmgr *v, const struct vpnmgr_rules *have, const struct vpnmgr_rules *want,
                 size_t *n)
{
	int err = 0, rc;

	for (unsigned land = 0; land < 2; land++)
		for (size_t i = want->n; i-- > 0;)
			if ((want->v[i].action == NL_RULE_NOP) == !land && !has(have, &want->v[i]))
				*n += kernel_add(v, &want->v[i], &err);
	for (size_t i = 0; !err && i < have->n; i++) {
		if (has(want, &have->v[i]))
			continue;
		rc = nl_rule_del(v->nl, &have->v[i]);
		err = rc == -ENOENT ? 0 : rc;
		++*n;
	}
	return err;
}

int vpnmgr_policy_replace(struct vpnmgr *v, const struct vpnmgr_rules *want, size_t *changed)
{
	struct vpnmgr_rules have = {.table = want->table};
	int err = nl_rule_walk(v->nl, note, &have);

	*changed = 0;
	if (!err)
		err = apply(v, &have, want, changed);
	free(have.v);
	return err;
}

static int replace(struct vpnmgr *v, uint32_t instance, const struct vpnmgr_rules *want)
{
	size_t n = 0;
	int err = want->n ? ground(v, instance) : 0;

	if (!err)
		err = vpnmgr_policy_replace(v, want, &n);
	if (n)
		LOG(EV_NPU_FLOW, "context %s: %zu policies of ipsecmgr %u in force, %zu changed", v->cfg.name,
		    want->n, instance, n);
	return err;
}

void vpnmgr_policy_update(struct task *t, const struct bus_msg *m)
{
	const PolicyUpdate *q = m->env->policy_update;
	struct vpnmgr *v = &vpnmgr;
	struct vpnmgr_rules want = {.table = TABLE_BASE + q->instance};
	struct nl_rule r;
	int err = 0;

	if (q->instance != vpnmgr_sender(m) || !place_serves_maps(q->instance) || q->n_rules > RULES_MAX) {
		task_reply_status(t, m, -EINVAL, "Failure: the update is not usable");
		return;
	}
	for (size_t i = 0; !err && i < q->n_rules; i++) {
		err = vpnmgr_policy_read(q->rules[i], want.table, &r);
		if (!err)
			err = vpnmgr_policy_add(&want, &r);
	}
	if (!err)
		err = replace(v, q->instance, &want);
	free(want.v);
	task_reply_status(t, m, err, err ? "Failure: policies of crypto maps: %s%s%s" : "", strerror(-err),
	                  nl_error_text(v->nl)[0] ? ": " : "", nl_error_text(v->nl));
}
