/* SPDX-License-Identifier: MIT */
/*
 * A small rtnetlink: links, addresses, routes and neighbours of one network namespace (the one the calling
 * thread was in at nl_new()). Synchronous; the kernel answers at once. Routes can be written in batches of
 * one system call. Called by the fabric (links), vpnmgr (addresses, routes) and tests.
 */
#ifndef NET_NL_H
#define NET_NL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "net/addr.h"

#define NL_NAME_MAX     16
#define NL_PROTO_ORRERY 201 /* rtm_protocol of our routes */

struct nl;

/* Open a netlink socket in the calling thread's namespace, or in ns_fd (>= 0). NULL with *err. */
struct nl *nl_new(int ns_fd, int *err);
void nl_free(struct nl *nl);
/* The kernel's words about the last failure, "" when it gave none. */
const char *nl_error_text(const struct nl *nl);

/* --- links ---------------------------------------------------------------------------------------------- */
struct nl_link {
	int ifindex;
	int master; /* 0: none */
	uint32_t mtu;
	bool up, running;
	char name[NL_NAME_MAX];
	char kind[NL_NAME_MAX]; /* "veth", "bridge", "tun", "" */
	uint8_t mac[6];
	uint64_t rx_bytes, tx_bytes; /* since it was made, as what follows */
	uint64_t rx_packets, tx_packets, rx_errors, tx_errors, rx_dropped, tx_dropped, rx_multicast;
};

/* Index by name; 0 or positive, or -errno (-ENODEV). */
int nl_link_index(struct nl *nl, const char *name);
int nl_link_get(struct nl *nl, const char *name, struct nl_link *out);
/* cb returns non-zero to stop; that value is returned. */
int nl_link_walk(struct nl *nl, int (*cb)(const struct nl_link *l, void *arg), void *arg);

int nl_link_up(struct nl *nl, int ifindex, bool up);
int nl_link_rename(struct nl *nl, int ifindex, const char *name); /* the link must be down on older kernels */
int nl_link_mtu(struct nl *nl, int ifindex, uint32_t mtu);
int nl_link_mac(struct nl *nl, int ifindex, const uint8_t mac[6]);
int nl_link_master(struct nl *nl, int ifindex, int master); /* 0: leave the bridge */
/* Move into another namespace, at the same time renaming it (name NULL: keep). */
int nl_link_to_ns(struct nl *nl, int ifindex, int ns_fd, const char *name);
/* A veth pair; the peer end goes to peer_ns (-1: here). */
int nl_link_veth(struct nl *nl, const char *name, const char *peer, int peer_ns);
int nl_link_bridge(struct nl *nl, const char *name);
int nl_link_dummy(struct nl *nl, const char *name);
int nl_link_delete(struct nl *nl, int ifindex);

/* --- addresses ------------------------------------------------------------------------------------------ */
/* -EEXIST when it is there already. IPv6 addresses are added without duplicate address detection. */
int nl_addr_add(struct nl *nl, int ifindex, const struct net_prefix *p);
int nl_addr_del(struct nl *nl, int ifindex, const struct net_prefix *p);
int nl_addr_walk(struct nl *nl, int ifindex, int (*cb)(int ifindex, const struct net_prefix *p, void *arg),
                 void *arg);

/* --- routes --------------------------------------------------------------------------------------------- */
enum nl_route_type { NL_ROUTE_UNICAST, NL_ROUTE_BLACKHOLE, NL_ROUTE_UNREACHABLE };
struct nl_route {
	struct net_prefix dst;   /* host bits zero */
	struct net_addr gateway; /* AF_UNSPEC: on link */
	struct net_addr source;  /* preferred source, or AF_UNSPEC */
	int ifindex;             /* 0: found by the gateway */
	uint32_t metric;         /* 0: the kernel's default */
	uint32_t table;          /* 0: main */
	enum nl_route_type type;
};
int nl_route_add(struct nl *nl, const struct nl_route *r); /* -EEXIST when it is there */
int nl_route_replace(struct nl *nl, const struct nl_route *r);
int nl_route_del(struct nl *nl, const struct nl_route *r); /* -ESRCH when it is not there */
/*
 * Replace (or delete) many routes, as few system calls as possible. status: NULL or one entry per route, 0 or
 * -errno. Returns 0 when all went well, else the first error; the others are done anyway.
 */
int nl_route_batch(struct nl *nl, const struct nl_route *r, size_t n, bool del, int *status);
/* Our own routes (NL_PROTO_ORRERY) of the main table. */
int nl_route_walk(struct nl *nl, int (*cb)(const struct nl_route *r, void *arg), void *arg);

/* --- rules ---------------------------------------------------------------------------------------------- */
enum nl_rule_action { NL_RULE_TABLE, NL_RULE_GOTO, NL_RULE_NOP, NL_RULE_DROP };
/* A routing rule; what is 0 or of length 0 matches everything. */
struct nl_rule {
	uint16_t family;
	uint32_t priority; /* the kernel's own: 0 (local) and 32766 (main) */
	enum nl_rule_action action;
	uint32_t table;  /* looked up by NL_RULE_TABLE; of the others it is only kept */
	uint32_t target; /* priority that NL_RULE_GOTO goes on at: greater, and a rule has it exactly */
	struct net_prefix src, dst;
	uint8_t proto;
	uint16_t sport_lo, sport_hi, dport_lo, dport_hi; /* 1..65534 when set */
	uint32_t mark;
	char iif[NL_NAME_MAX]; /* packets that come in here; "": any */
};
int nl_rule_add(struct nl *nl, const struct nl_rule *r); /* -EEXIST when it is there */
int nl_rule_del(struct nl *nl, const struct nl_rule *r); /* -ENOENT when it is not there */
/* Our own rules (NL_PROTO_ORRERY) of both families. */
int nl_rule_walk(struct nl *nl, int (*cb)(const struct nl_rule *r, void *arg), void *arg);
bool nl_rule_equal(const struct nl_rule *a, const struct nl_rule *b);

/* --- neighbours ----------------------------------------------------------------------------------------- */
int nl_neigh_replace(struct nl *nl, int ifindex, const struct net_addr *a,
                     const uint8_t mac[6]); /* permanent */
int nl_neigh_del(struct nl *nl, int ifindex, const struct net_addr *a);
struct nl_neigh {
	int ifindex;
	struct net_addr addr;
	uint16_t state; /* NUD_… of linux/neighbour.h */
	bool has_mac;
	uint8_t mac[6];
};
/* Neighbours of a family in all devices; those that need no address resolution are left out. */
int nl_neigh_walk(struct nl *nl, int family, int (*cb)(const struct nl_neigh *n, void *arg), void *arg);

#endif
