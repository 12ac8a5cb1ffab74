/* SPDX-License-Identifier: MIT */
/*
 * Access lists as crypto maps use them (IPSec Reference, chapters 1 and 6): rules of a list as prefixes,
 * protocol and ports. Pure functions. Called by ipsecmgr.
 */
#ifndef VPN_VPN_ACL_H
#define VPN_VPN_ACL_H

#include <stdbool.h>
#include <stdint.h>
#include "net/addr.h"
#include "vpn/vpn_cfg.h"

struct cfg_tree;
struct cfg_node;

/* Ports that match: one range, or the two around the one that is excluded. 0..65535: any. Of ICMP, type << 8
 * | code. */
struct vpn_acl_ports {
	unsigned n; /* 1 or 2 */
	uint16_t lo[2], hi[2];
};

struct vpn_acl_rule {
	bool permit;                /* else: what matches is not the list's */
	struct net_prefix src, dst; /* of one family; length 0: any */
	uint8_t proto;              /* 0: any */
	struct vpn_acl_ports sport, dport;
};

#define VPN_ACL_RULES_MAX 32 /* of one list that a crypto map can use */

/*
 * The rules of a context's list, in order; at most VPN_ACL_RULES_MAX. What a crypto map can not use
 * (redirect, a mask with gaps, fragments) is left out and told to problem(). Returns their number, or
 * -ENOENT: there is no such list.
 */
int vpn_acl_read(const struct cfg_tree *tree, const struct cfg_node *ctx, const char *name, bool ipv6,
                 struct vpn_acl_rule *out, vpn_problem_fn problem, void *arg);
bool vpn_acl_ports_any(const struct vpn_acl_ports *p);

#endif
