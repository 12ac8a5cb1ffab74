/* SPDX-License-Identifier: MIT */
/*
 * What the configuration says about one context's network: interfaces with their ports and addresses, static
 * routes, address pools. Read from the tree into plain structures; mistakes that the CLI lets pass
 * (overlapping pools, a port bound twice) are told to `problem` and left out. Pure. Called by tasks/vpnmgr
 * and tests/unit/test_vpn_cfg.c.
 */
#ifndef VPN_CFG_H
#define VPN_CFG_H

#include <stdbool.h>
#include <stdint.h>
#include "net/addr.h"
#include "pool/pool.h"
#include "vpn/vpn_context.h"

#define VPN_ADDRS_MAX 34 /* primary, 16 secondary, 16 IPv6 */

struct vpn_if_addr {
	struct net_prefix p;
	bool srp_activate, secondary;
};

struct vpn_if {
	char name[VPN_NAME_MAX];
	char description[128];
	bool loopback;
	char port[12]; /* "5/10"; "": not bound */
	uint16_t vlan; /* 0: untagged */
	bool shutdown; /* of the port */
	uint32_t mtu;  /* of the port; 0: as it is */
	struct vpn_if_addr addr[VPN_ADDRS_MAX];
	unsigned n_addr;
};

struct vpn_static {
	struct net_prefix dst;
	struct net_addr gateway;  /* AF_UNSPEC: the interface itself */
	char iface[VPN_NAME_MAX]; /* "": the one whose subnet holds the gateway */
	uint8_t precedence, cost;
};

struct vpn_cfg {
	uint32_t id;
	bool exists;
	char name[VPN_NAME_MAX];
	char description[128];
	struct vpn_if *ifs;
	unsigned n_ifs;
	struct vpn_static *routes;
	unsigned n_routes;
	struct pool_def *pools;
	unsigned n_pools;
};

typedef void (*vpn_problem_fn)(void *arg, const char *text);

/* Fills *c (any former content is lost, not freed). 0 or -ENOMEM (then *c is empty). */
int vpn_cfg_read(struct vpn_cfg *c, const struct cfg_tree *tree, uint32_t ctx, vpn_problem_fn problem,
                 void *arg);
void vpn_cfg_free(struct vpn_cfg *c);
const struct vpn_if *vpn_cfg_if(const struct vpn_cfg *c, const char *name);
/* The non-loopback interface on whose subnet an address lies; NULL: none. */
const struct vpn_if *vpn_cfg_if_of(const struct vpn_cfg *c, const struct net_addr *a);
/* The mask length of a dotted mask; -EINVAL: not contiguous. */
int vpn_mask_len(const char *mask);

#endif
