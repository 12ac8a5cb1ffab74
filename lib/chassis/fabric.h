/* SPDX-License-Identifier: MIT */
/*
 * The fabric as a task sees it: the backplane (orreryd) owns what is hardware on an ASR 5500 — a namespace
 * per context, the ports' network devices, and per context, service address and ipsecmgr instance the sockets
 * the NPU steers packets to — and hands out descriptors. It keeps its own duplicates, so a socket's place in
 * its SO_REUSEPORT group never changes when a card or task dies, and whoever takes an instance over gets the
 * same sockets. It knows no SA, no address binding, no configuration. Calls block for at most 2 s (AF_UNIX,
 * answered by a process that does nothing else). Callers: vpnmgr (context, port), iftask (service), srp
 * (context).
 */
#ifndef ORRERY_FABRIC_H
#define ORRERY_FABRIC_H

#include <stdint.h>
#include "net/addr.h"

struct task;

enum { FABRIC_UDP500, FABRIC_UDP4500, FABRIC_ESP, FABRIC_TUN, FABRIC_FDS };

/* Name of the TUN device of an ipsecmgr instance inside its context: "tun-<instance>". */
#define FABRIC_TUN_NAME "tun-%u"

/*
 * The namespace of context id ctx, created (lo up, ip_forward on) when it does not exist. *ns_fd: a
 * descriptor for setns(), the caller closes it. 0 or -errno.
 */
int fabric_context(struct task *t, uint32_t ctx, int *ns_fd);
/* Give the namespace up (no context of that id any more). */
int fabric_context_drop(struct task *t, uint32_t ctx);
/* Make sure the TUN device of an instance exists in the context (vpnmgr routes to it), without handing out
 * sockets. */
int fabric_tun(struct task *t, uint32_t ctx, uint32_t instance);
/*
 * Move port "5/10" into context ctx (0: back to the faceplate). device: its name in that namespace (at least
 * 16 bytes). -ENODEV: nothing is plugged into that port.
 */
int fabric_port(struct task *t, const char *port, uint32_t ctx, char *device);
/*
 * The sockets of one ipsecmgr instance on a service address: fds[FABRIC_…], the caller closes them;
 * addr->family 0 gives only the TUN (others -1). `instances`: how many ipsecmgr instances share new peers;
 * one with a larger number gets the first packets of its own peers only (fabric_service_peers()).
 */
int fabric_service(struct task *t, uint32_t ctx, const struct net_addr *addr, uint32_t instance,
                   uint32_t instances, int fds[FABRIC_FDS]);
/* Whose first packets to this address go to the instance (a crypto map's peer): the whole list. 0 or -errno.
 */
int fabric_service_peers(struct task *t, uint32_t ctx, const struct net_addr *addr, uint32_t instance,
                         const struct net_addr *peers, size_t n);
/* How new peers of this address are spread over the instances: by where they come from (all calls of one go
 * to one instance, steer_owner()), or by their calls. 0 or -errno. */
int fabric_service_spread(struct task *t, uint32_t ctx, const struct net_addr *addr, bool by_source);
/* The instance does not serve this address any more. The sockets are closed when nobody does and there is no
 * room for others. 0 or -errno. */
int fabric_service_release(struct task *t, uint32_t ctx, const struct net_addr *addr, uint32_t instance);

#endif
