/* SPDX-License-Identifier: MIT */
/*
 * Opening the sockets and devices that carry packets: UDP 500/4500 and raw ESP on a service address, TUN
 * devices. All are non-blocking and close-on-exec, and opened in the network namespace of the calling thread
 * (see ns.h). Called by the fabric, iftask and simulated peers.
 */
#ifndef NET_SOCK_H
#define NET_SOCK_H

#include <stdbool.h>
#include "net/addr.h"

enum {
	SOCK_REUSEPORT = 1, /* one of a group that shares the port */
	SOCK_FREEBIND = 2,  /* the address may not be there (yet): a standby chassis */
	SOCK_PROTECTED = 4, /* carries IKE and ESP: its packets pass by the policies of crypto maps */
};

#define SOCK_PROTECTED_MARK 0x0ec /* SO_MARK of those packets, for the routing rules of a context */

/* A UDP socket bound to local (port 0: any). Returns the descriptor or -errno. */
int sock_udp_bind(const struct net_endpoint *local, unsigned flags);
/* A raw socket for protocol 50, bound to an address. IPv4 receives with IP header, IPv6 without; both send
 * without. */
int sock_raw_esp(const struct net_addr *local, unsigned flags);
/* The largest buffers the kernel gives us, for sockets that take bursts. */
void sock_big_buffers(int fd, int bytes);

/*
 * Open (and create) a TUN device without packet information. multiqueue: another queue of the same device may
 * be opened later. persist: the device outlives its descriptors. Returns the descriptor or -errno.
 */
int sock_tun_open(const char *name, bool multiqueue, bool persist);

#endif
