/* SPDX-License-Identifier: MIT */
/*
 * Behind the policies of the managers (vpnmgr_policy.c): what the access lists of the context's crypto maps
 * permit, and no manager has led into its TUN, is dropped, both ways. Managers are not there yet while a
 * chassis boots or a map comes to its interface; a map may have none at all. Nothing of it may leave in clear
 * meanwhile. What came out of a tunnel goes past these rules as well. Made of the configuration alone. Entry
 * point: vpnmgr_guard().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "cfg/cfg.h"
#include "vpn/vpn_spd.h"
#include "vpnmgr.h"

#define TABLE_GUARD 9999 /* whose rules these are; it has no routes */

struct guard {
	struct vpn_spd_rule *rule, *back;
	unsigned n, left_out;
	uint32_t at; /* next free priority */
};

static void list_rules(struct guard *g, const struct cfg_tree *tree, const struct cfg_node *ctx,
                       const struct vpn_spd_list *l)
{
	struct vpn_acl_rule acl[VPN_ACL_RULES_MAX];
	int n = vpn_acl_read(tree, ctx, cfg_key(l->acl_ref, 0), vpn_spd_ipv6(l->map), acl, NULL, NULL);
	uint32_t end = g->at + 1;

	for (int i = 0; i < n; i++)
		end += vpn_spd_one(&acl[i]) ? 2 : VPN_SPD_SLOTS;
	if (n > 0 && end > VPN_SPD_GUARD + VPN_SPD_GUARD_SLOTS) {
		g->left_out++;
		return;
	}
	for (int i = 0; i < n; i++) {
		g->rule[g->n++] = (struct vpn_spd_rule){g->at, end - 1, acl[i]};
		g->at += vpn_spd_one(&acl[i]) ? 2 : VPN_SPD_SLOTS;
	}
	g->at = end;
}

static int guard_rules(struct guard *g, const struct cfg_tree *tree, const struct cfg_node *ctx)
{
	struct vpn_spd_lists all = {.n = 0};
	int err = vpn_spd_lists(tree, ctx, &all);

	g->at = VPN_SPD_GUARD;
	g->rule = calloc(VPN_SPD_GUARD_SLOTS, sizeof(*g->rule));
	g->back = calloc(VPN_SPD_GUARD_SLOTS, sizeof(*g->back));
	if (!g->rule || !g->back)
		err = -ENOMEM;
	for (size_t i = 0; !err && i < all.n; i++)
		list_rules(g, tree, ctx, &all.v[i]);
	for (unsigned i = 0; i < g->n; i++)
		g->back[i] = vpn_spd_turned(&g->rule[i], VPN_SPD_GUARD_SLOTS);
	free(all.v);
	return err;
}

static int want_rules(const struct guard *g, struct vpnmgr_rules *want)
{
	struct vpn_spd_rows rows = {.n = 0};
	struct nl_rule r;
	int err;

	vpn_spd_put(&rows, g->rule, g->n);
	vpn_spd_put(&rows, g->back, g->n);
	err = rows.failed ? -ENOMEM : 0;
	for (size_t i = 0; !err && i < rows.n; i++) {
		err = vpnmgr_policy_read(&rows.row[i], want->table, &r);
		if (r.action == NL_RULE_TABLE)
			r.action = NL_RULE_DROP;
		if (!err)
			err = vpnmgr_policy_add(want, &r);
	}
	free(rows.row);
	return err;
}

bool vpnmgr_guard(struct vpnmgr *v, const struct cfg_tree *tree)
{
	const struct cfg_node *ctx = tree ? cfg_child_named(tree, tree->root, "context", v->cfg.name) : NULL;
	struct vpnmgr_rules want = {.table = TABLE_GUARD};
	struct guard g = {.n = 0};
	size_t n = 0;
	int err = ctx ? guard_rules(&g, tree, ctx) : 0;

	if (!err)
		err = want_rules(&g, &want);
	if (!err && want.n)
		err = vpnmgr_policy_pass(v);
	if (!err)
		err = vpnmgr_policy_replace(v, &want, &n);
	if (err)
		vpnmgr_net_problem(v, "crypto maps that nobody serves are not guarded: %s", strerror(-err));
	if (g.left_out)
		vpnmgr_net_problem(v, "%u access lists of crypto maps are too many to be guarded",
		                   g.left_out);
	if (n)
		LOG(EV_NPU_FLOW, "context %s: %zu guards of crypto maps in force, %zu changed", v->cfg.name,
		    want.n, n);
	free(g.rule);
	free(g.back);
	free(want.v);
	return !err;
}
