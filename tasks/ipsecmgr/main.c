/* SPDX-License-Identifier: MIT */
/*
 * ipsecmgr: instance i of the IKEv2 daemon. It owns the IKE SAs whose SPI begins with i, their child SAs and
 * their checkpoints; iftask carries its packets. Table of contents: which messages it takes and who handles
 * them.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

struct ipsecmgr ipsecmgr;

static const struct task_route routes[] = {
        {ENVELOPE__BODY_SA_NOTICE, "iftask",
         "something the data path noticed: a moved NAT mapping, numbers running out", ipsecmgr_data_notice},
        {ENVELOPE__BODY_MANAGER_LIST, "sessctrl,ipsecctrl", "which sessmgr and ipsecmgr instances are ready",
         ipsecmgr_sess_managers},
        {ENVELOPE__BODY_ACCESS_LISTS, "ipsecctrl", "which blacklist and whitelist count",
         ipsecmgr_guard_lists},
        {ENVELOPE__BODY_CONGESTION, "ipsecctrl", "what new calls meet", ipsecmgr_guard_congestion},
        {ENVELOPE__BODY_DUPLICATE_SESSIONS, "ipsecmgr", "tunnels of peers that may have one only",
         ipsecmgr_dup_heard},
        {ENVELOPE__BODY_PEER_CALLS, "ipsecmgr", "calls of peers that may be ours to call",
         ipsecmgr_callee_heard},
        {ENVELOPE__BODY_MAPS_ASSIGNED, "ipsecctrl", "crypto maps have got managers: read which are ours",
         ipsecmgr_maps_assigned},
        {ENVELOPE__BODY_SHOW, "*", "IKE and IPsec SAs, statistics, policies as JSON", ipsecmgr_show},
        {ENVELOPE__BODY_CONTROL, "*", "clear SAs; test commands: rekey, DPD", ipsecmgr_ctl},
};

static const char *const topics[] = {"managers", "lists", "congestion", "duplicates", "maps", "peers", NULL};

static const struct task_ops ops = {
        .facility = "ipsecmgr",
        .routes = routes,
        .n_routes = sizeof(routes) / sizeof(routes[0]),
        .topics = topics,
        .init = ipsecmgr_serve_init,
        .activate = ipsecmgr_serve_activate,
        .stop = ipsecmgr_serve_stop,
        .sessions = ipsecmgr_serve_sessions,
};

int main(int argc, char **argv)
{
	return task_main(argc, argv, &ops);
}
