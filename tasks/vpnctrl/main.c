/* SPDX-License-Identifier: MIT */
/* vpnctrl: the table of contexts (id, name, state) and which vpnmgr is ready. See README.md. */
#include "vpnctrl.h"

static const struct task_route routes[] = {
        {ENVELOPE__BODY_SHOW, "*", "context; ip pool of all contexts", vpnctrl_show},
};

static const struct task_ops ops = {
        .facility = "vpnctrl",
        .routes = routes,
        .n_routes = sizeof(routes) / sizeof(routes[0]),
        .init = vpnctrl_table_init,
        .activate = vpnctrl_table_activate,
};

int main(int argc, char **argv)
{
	return task_main(argc, argv, &ops);
}
