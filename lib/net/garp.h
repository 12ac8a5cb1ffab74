/* SPDX-License-Identifier: MIT */
/*
 * Telling the neighbours that an address lives here now: gratuitous ARP (RFC 5227 section 3) and unsolicited
 * neighbour advertisements (RFC 4861 section 7.2.6). Called by vpnmgr and srp when a service address moves;
 * repeat is the caller's.
 */
#ifndef NET_GARP_H
#define NET_GARP_H

#include "net/addr.h"

/* One announcement on the device, in the calling thread's namespace. 0 or -errno (-EINVAL: no Ethernet
 * device). */
int garp_send(int ifindex, const struct net_addr *addr);

#endif
