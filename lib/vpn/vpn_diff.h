/* SPDX-License-Identifier: MIT */
/*
 * Desired state against actual state: which addresses and routes to add and which to remove, so that the
 * kernel has what the configuration says. Pure functions on sorted arrays; vpnmgr reads the kernel, asks
 * here, and does the difference. Running it twice changes nothing the second time, so a restarted vpnmgr
 * disturbs nobody.
 */
#ifndef VPN_DIFF_H
#define VPN_DIFF_H

#include "net/nl.h"

struct vpn_addr {
	int ifindex;
	struct net_prefix p;
	bool srp_activate; /* not compared */
};

struct vpn_addrs {
	struct vpn_addr *v;
	size_t n, size;
};
struct vpn_routes {
	struct nl_route *v;
	size_t n, size;
};

/* Append. 0 or -ENOMEM. A zeroed struct is an empty list; vpn_…_free() empties it. */
int vpn_addrs_add(struct vpn_addrs *l, int ifindex, const struct net_prefix *p, bool srp_activate);
int vpn_routes_add(struct vpn_routes *l, const struct nl_route *r);
void vpn_addrs_free(struct vpn_addrs *l);
void vpn_routes_free(struct vpn_routes *l);

/* Addresses nobody configures: loopback net, ::1, IPv6 link-local. They are never touched. */
bool vpn_addr_is_kernel(const struct net_addr *a);

/* Sorts both, removes doubles from want; add = want - have, del = have - want (both appended). 0 or -ENOMEM.
 */
int vpn_addrs_diff(struct vpn_addrs *want, struct vpn_addrs *have, struct vpn_addrs *add,
                   struct vpn_addrs *del);
/*
 * Routes are told apart by destination and metric; one that leads elsewhere is replaced. Of two wanted with
 * the same destination and metric the first added counts.
 */
int vpn_routes_diff(struct vpn_routes *want, struct vpn_routes *have, struct vpn_routes *put,
                    struct vpn_routes *del);

#endif
