/* SPDX-License-Identifier: MIT */
/*
 * vpnmgr: the network of one context. Instance = context id. It lives in the context's namespace and makes
 * interfaces, addresses, routes and pools there what the configuration and the redundancy state say. See
 * README.md.
 */
#include <stdlib.h>
#include <string.h>
#include "vpnmgr.h"

struct vpnmgr vpnmgr;

uint32_t vpnmgr_sender(const struct bus_msg *m)
{
	const char *slash = strchr(m->src, '/');

	return slash ? (uint32_t)strtoul(slash + 1, NULL, 10) : 0;
}

static const struct task_route routes[] = {
        {ENVELOPE__BODY_POOL_CHUNK_REQUEST, "sessmgr",
         "addresses for calls: take a chunk, store, route, answer", vpnmgr_pool_request},
        {ENVELOPE__BODY_POOL_RETURN, "sessmgr", "an unused chunk comes back", vpnmgr_pool_return},
        {ENVELOPE__BODY_FLOW_UPDATE, "ipsecmgr", "networks behind tunnels: store, route, answer",
         vpnmgr_flow_update},
        {ENVELOPE__BODY_POLICY_UPDATE, "ipsecmgr",
         "which packets of the context are its crypto maps': rules of routing", vpnmgr_policy_update},
        {ENVELOPE__BODY_SHOW, "*", "ip pool, ip interface, ip route, context", vpnmgr_show},
};

static const struct task_ops ops = {
        .facility = "vpnmgr",
        .routes = routes,
        .n_routes = sizeof(routes) / sizeof(routes[0]),
        .activate = vpnmgr_cfg_start,
};

int main(int argc, char **argv)
{
	return task_main(argc, argv, &ops);
}
