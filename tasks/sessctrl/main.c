/* SPDX-License-Identifier: MIT */
/*
 * sessctrl: which sessmgr instances there are and how full they are; publishes the list, adds their numbers
 * up for shows. Owns no session. See README.md.
 */
#include "sessctrl.h"

static const struct task_route routes[] = {
        {ENVELOPE__BODY_MANAGER_LOAD, "sessmgr", "an instance says how full it is", sessctrl_list_load},
        {ENVELOPE__BODY_BUSIED_CARDS, "hatsystem", "which cards take no new sessions", sessctrl_list_busied},
        {ENVELOPE__BODY_SHOW, "*", "sessmgrs, and sums over all of them", sessctrl_show},
};

static const struct task_ops ops = {
        .facility = "sessctrl",
        .routes = routes,
        .n_routes = sizeof(routes) / sizeof(routes[0]),
        .init = sessctrl_list_init,
        .activate = sessctrl_list_activate,
};

int main(int argc, char **argv)
{
	return task_main(argc, argv, &ops);
}
