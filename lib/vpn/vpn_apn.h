/* SPDX-License-Identifier: MIT */
/*
 * Access point names of a context, by what a peer calls them (3GPP TS 23.003 sections 9.1 and 19.4.2.2): with
 * the operator's part or without it, in either spelling of it, in letters of any case. Pure functions.
 * Callers: sessmgr.
 */
#ifndef VPN_APN_H
#define VPN_APN_H

#include <stddef.h>
#include "cfg/cfg.h"
#include "net/addr.h"

#define VPN_APN_PCSCF 6 /* three priorities, each with an address of either family */

/* How much of a name is the network's part: all of it where no operator's part follows. */
size_t vpn_apn_network_len(const char *name);
/* The block of the APN: that with the whole name, else that of the network's part; NULL: none. */
const struct cfg_node *vpn_apn_find(const struct cfg_node *ctx, const char *name);
/* Its P-CSCF addresses by their priority, IPv4 before IPv6; returns how many. */
unsigned vpn_apn_pcscf(const struct cfg_tree *tree, const struct cfg_node *ctx, const char *name,
                       struct net_addr out[VPN_APN_PCSCF]);

#endif
