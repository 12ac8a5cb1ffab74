/* SPDX-License-Identifier: MIT */
/*
 * The access lists of a context's crypto maps (IKE version 2, on interfaces) as an order of routing rules
 * (IPSec Reference, chapters 1 and 3): which list is looked at first, and rows of PolicyUpdate that choose
 * exactly what a list chooses. Pure functions. Called by ipsecmgr, whose maps' packets the rules lead to it,
 * and by vpnmgr, for those that nobody serves.
 */
#ifndef VPN_VPN_SPD_H
#define VPN_VPN_SPD_H

#include <stddef.h>

#include "bus/bus.h"
#include "vpn/vpn_acl.h"

#define VPN_SPD_FIRST 1000 /* priorities of routing rules in a context: vpnmgr takes these */
#define VPN_SPD_LAST  16000
#define VPN_SPD_CLEAR 15500 /* … the same rules for the other direction come so much later */
#define VPN_SPD_GUARD                                                                                        \
	31600 /* … behind them vpnmgr's own, for what nobody serves: so many for each direction */
#define VPN_SPD_GUARD_SLOTS 545
#define VPN_SPD_END         32700 /* … and end here */
#define VPN_SPD_SLOTS       3     /* of one rule: what to skip, the rule, where skipping lands */

/* One `match address` of a map that an interface uses. */
struct vpn_spd_list {
	const struct cfg_node *map, *interface, *acl_ref;
	int64_t preference;
	unsigned index, n_rules;
	uint32_t base; /* first of its priorities; 0: there is no room for it */
};

struct vpn_spd_lists {
	struct vpn_spd_list *v; /* to be freed */
	size_t n;
};

struct vpn_spd_rule {
	uint32_t priority; /* first of its slots */
	uint32_t end;      /* behind the last rule of its list */
	struct vpn_acl_rule acl;
};

struct vpn_spd_rows {
	PolicyUpdate__Rule *row; /* to be freed; they point into the rules they are made of */
	PolicyUpdate__Rule **ptr;
	size_t n, size;
	bool failed; /* no memory */
};

/* The interface's map of IKE version 2, or NULL. */
const struct cfg_node *vpn_spd_map(const struct cfg_tree *t, const struct cfg_node *ctx,
                                   const struct cfg_node *interface);
bool vpn_spd_ipv6(const struct cfg_node *map);
/* Every list of the context, the first to be looked at first, with priorities that all managers agree on. 0
 * or -ENOMEM. */
int vpn_spd_lists(const struct cfg_tree *t, const struct cfg_node *ctx, struct vpn_spd_lists *all);
/* The rows of rules in their order. What permits has the action TUNNEL. */
void vpn_spd_put(struct vpn_spd_rows *r, const struct vpn_spd_rule *rule, unsigned n);
/* A copy; *row is complete but for its place. */
void vpn_spd_row(struct vpn_spd_rows *r, const PolicyUpdate__Rule *row);
/* The same rule for the other direction, so much later. */
struct vpn_spd_rule vpn_spd_turned(const struct vpn_spd_rule *s, uint32_t later);
/* Is it one row? Else it takes all its slots. */
bool vpn_spd_one(const struct vpn_acl_rule *a);

#endif
