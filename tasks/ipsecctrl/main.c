/* SPDX-License-Identifier: MIT */
/*
 * ipsecctrl: knows which ipsecmgr instances are ready and how loaded they are, publishes the list, and sums
 * their figures up for shows. It owns no SA. Table of contents: which messages it takes and who handles them.
 */
#include "tasks/ipsecctrl/ipsecctrl.h"

static const struct task_route routes[] = {
        {ENVELOPE__BODY_MANAGER_LOAD, "ipsecmgr", "an instance tells its load, every second",
         ipsecctrl_list_load},
        {ENVELOPE__BODY_BUSIED_CARDS, "hatsystem", "which cards take no new sessions", ipsecctrl_list_busied},
        {ENVELOPE__BODY_CONTROL, "cli",
         "read blacklist or whitelist again, clear what was counted of congestion", ipsecctrl_control},
        {ENVELOPE__BODY_SHOW, "*", "managers, and sums over all of them, as JSON", ipsecctrl_show},
};

static const struct task_ops ops = {
        .facility = "ipsecctrl",
        .routes = routes,
        .n_routes = sizeof(routes) / sizeof(routes[0]),
        .init = ipsecctrl_list_init,
        .activate = ipsecctrl_list_activate,
};

int main(int argc, char **argv)
{
	return task_main(argc, argv, &ops);
}
