/* SPDX-License-Identifier: MIT */
/* Private to vpnctrl: which contexts are configured and which of them have a vpnmgr at work. */
#ifndef VPNCTRL_H
#define VPNCTRL_H

#include <stdbool.h>
#include <stdint.h>
#include "task/task.h"

#define VPNCTRL_MAX 65 /* context ids 1..64 */

struct vpnctrl_context {
	bool up; /* vpnmgr/<id> is ready */
	uint32_t card;
};

extern struct vpnctrl_context vpnctrl_table[VPNCTRL_MAX];

/* vpnctrl_table.c */
int vpnctrl_table_init(struct task *t);
int vpnctrl_table_activate(struct task *t, const char *reason);

/* vpnctrl_show.c */
void vpnctrl_show(struct task *t, const struct bus_msg *m);

#endif
