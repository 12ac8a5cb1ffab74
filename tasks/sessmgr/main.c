/* SPDX-License-Identifier: MIT */
/*
 * sessmgr: the calls (subscriber sessions) of one instance and their addresses. Standby instances are warm
 * and empty; one takes a failed number over by activate(). See README.md.
 */
#include "sessmgr.h"

struct sessmgr sessmgr;

static const struct task_route routes[] = {
        {ENVELOPE__BODY_SESSION_NEW, "ipsecmgr", "a tunnel wants a session: address, call id, row",
         sessmgr_call_new},
        {ENVELOPE__BODY_SESSION_STATE, "ipsecmgr", "the tunnel is up (its row is stored), or gone",
         sessmgr_call_state},
        {ENVELOPE__BODY_EAP_ASK, "ipsecmgr", "what a peer says in EAP, for our aaamgr", sessmgr_eap_ask},
        {ENVELOPE__BODY_SHOW, "*", "calls, call, summary, services, chunks", sessmgr_show},
};

static const struct task_ops ops = {
        .facility = "sessmgr",
        .routes = routes,
        .n_routes = sizeof(routes) / sizeof(routes[0]),
        .init = sessmgr_cfg_init,
        .activate = sessmgr_cfg_start,
        .sessions = sessmgr_cfg_sessions,
};

int main(int argc, char **argv)
{
	return task_main(argc, argv, &ops);
}
