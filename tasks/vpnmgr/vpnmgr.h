/* SPDX-License-Identifier: MIT */
/*
 * Private to vpnmgr: one context's network. _cfg.c learns what shall be (configuration, redundancy state),
 * _net.c makes the kernel so, _pool.c owns the address pools and their chunks, _flow.c the routes of tunnels
 * without an assigned address, _policy.c what crypto maps protect, _garp.c announces addresses after a
 * take-over, _port.c what ports carry, _ipc.c takes messages, _show.c answers operators.
 */
#ifndef VPNMGR_H
#define VPNMGR_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/log.h"
#include "net/nl.h"
#include "pool/pool.h"
#include "store/store.h"
#include "task/ckpt.h"
#include "task/task.h"
#include "task/watch.h"
#include "vpn/vpn_cfg.h"
#include "vpn/vpn_diff.h"

#define VPNMGR_TUNS      256    /* ipsecmgr instances: one byte */
#define VPNMGR_FLOWS_MAX 100000 /* routes of tunnels in one context */
#define VPNMGR_CHECK_MS  30000  /* how often the kernel is compared with what shall be */
#define VPNMGR_PROBLEMS  2048
#define VPNMGR_RETRY_MS  3000 /* … after something failed */

/* What became of a configured interface; same index as cfg.ifs. */
struct vpnmgr_if {
	char device[NL_NAME_MAX];
	int ifindex; /* 0: no device */
	bool up;     /* device is there and running */
	int err;     /* -errno of the last attempt to get it */
};

struct vpnmgr_flow {
	struct net_prefix p;
	uint32_t ipsecmgr;
	bool seen; /* during replace_all */
};

struct vpnmgr_announce {
	struct net_addr addr;
	int ifindex;
};

struct vpnmgr {
	struct task *t;
	uint32_t ctx;
	struct ckpt *ckpt;
	struct store_reader *store;
	struct nl *nl;
	bool cfg_known, srp_known, serving;
	uint64_t epoch;
	uint32_t gen; /* grows when serving ends: answers on the way are for nobody any more */
	struct vpn_cfg cfg;
	struct vpnmgr_if *ifs;
	int lo;
	int tun[VPNMGR_TUNS]; /* ifindex by ipsecmgr instance; 0: not known */
	struct pool_set *pools;
	struct vpnmgr_flow *flows; /* by prefix */
	size_t n_flows, size_flows;
	uint64_t submitted, acked; /* checkpoint units */
	struct vpnmgr_sync *syncs;
	struct vpnmgr_announce *announce;
	unsigned n_announce, rounds;
	struct task_timer *check, *garp, *reread;
	bool unguarded; /* the guard of crypto maps is not in force as it should be */
	bool unread;    /* the rows can't be read: nobody knows which chunks and flows there are */
	char problems[VPNMGR_PROBLEMS], problems_net[VPNMGR_PROBLEMS],
	        problems_cfg[VPNMGR_PROBLEMS]; /* a line each */
};

extern struct vpnmgr vpnmgr;

/* vpnmgr_cfg.c */
int vpnmgr_cfg_start(struct task *t, const char *reason);

/* vpnmgr_net.c */
/* Make the kernel what configuration, chunks and flows say. Failures are logged (once) and tried again by
 * timer. */
void vpnmgr_net_reconcile(struct vpnmgr *v);
/* Ports whose binding is gone from the new configuration go back to the faceplate. */
void vpnmgr_net_release(struct vpnmgr *v, const struct vpn_cfg *old, const struct cfg_tree *tree);
/* One route to an ipsecmgr's TUN. 0 or -errno. */
int vpnmgr_net_route(struct vpnmgr *v, const struct net_prefix *p, uint32_t ipsecmgr, bool del);
/* A route of r's table into an ipsecmgr's TUN (r->ifindex is filled in). 0 or -errno. */
int vpnmgr_net_table(struct vpnmgr *v, struct nl_route *r, uint32_t ipsecmgr);
/* Log the problems noted since the last report as this event, unless they are the same as in *last; that gets
 * them. */
void vpnmgr_net_report(struct vpnmgr *v, enum log_event ev, char last[VPNMGR_PROBLEMS]);
/* Note a problem of the present reading or reconciliation. */
void vpnmgr_net_problem(struct vpnmgr *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* vpnmgr_port.c: counters and averages of ports, neighbours. */
struct show_page;
void vpnmgr_port_note(struct vpnmgr *v);
json_t *vpnmgr_port_show(struct task *t, struct show_page *page, char *err, size_t size);
json_t *vpnmgr_port_arp(struct task *t, struct show_page *page, char *err, size_t size);

/* vpnmgr_garp.c: announce the addresses of ports and, while serving, every srp-activate one, now and twice
 * more. */
void vpnmgr_garp_start(struct vpnmgr *v);
void vpnmgr_garp_stop(struct vpnmgr *v);

/* vpnmgr_pool.c */
/* Pools as configured; chunks stay. */
void vpnmgr_pool_define(struct vpnmgr *v);
/* From the rows, after vpnmgr_pool_define(). 0 with the number of chunks, or -errno: they can't be read. */
int vpnmgr_pool_restore(struct vpnmgr *v, uint32_t *n);
void vpnmgr_pool_clear(struct vpnmgr *v);
void vpnmgr_pool_request(struct task *t, const struct bus_msg *m);
void vpnmgr_pool_return(struct task *t, const struct bus_msg *m);
/* Submit rows; counts units, so that a sync can wait for what came before. */
int vpnmgr_pool_write(struct vpnmgr *v, const struct ckpt_row *rows, size_t n, ckpt_cb cb, void *arg);
/* To be called first in every such callback. */
void vpnmgr_pool_written(struct vpnmgr *v);

/* vpnmgr_flow.c */
int vpnmgr_flow_restore(struct vpnmgr *v); /* 0, or -errno: they can't be read */
void vpnmgr_flow_clear(struct vpnmgr *v);
void vpnmgr_flow_update(struct task *t, const struct bus_msg *m);

/* vpnmgr_policy.c: which packets are a crypto map's */
struct vpnmgr_rules {
	struct nl_rule *v;
	size_t n, size;
	uint32_t table; /* whose */
};
void vpnmgr_policy_update(struct task *t, const struct bus_msg *m);
/* IKE and ESP themselves go past all of it. 0 or -errno. */
int vpnmgr_policy_pass(struct vpnmgr *v);
int vpnmgr_policy_add(struct vpnmgr_rules *l, const struct nl_rule *r);
int vpnmgr_policy_read(const PolicyUpdate__Rule *m, uint32_t table, struct nl_rule *r);
/* The kernel's rules of this table become those. 0 or -errno. */
int vpnmgr_policy_replace(struct vpnmgr *v, const struct vpnmgr_rules *want, size_t *changed);

/* vpnmgr_guard.c: what a crypto map protects is dropped where no manager takes it. False: again later. */
bool vpnmgr_guard(struct vpnmgr *v, const struct cfg_tree *tree);

/* vpnmgr_show.c */
void vpnmgr_show(struct task *t, const struct bus_msg *m);

/* Instance number of a sender "facility/N"; 0: none. */
uint32_t vpnmgr_sender(const struct bus_msg *m);

#endif
