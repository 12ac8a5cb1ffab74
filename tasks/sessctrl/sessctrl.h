/* SPDX-License-Identifier: MIT */
/* Private to sessctrl: the sessmgr instances as the bus and their load messages show them. */
#ifndef SESSCTRL_H
#define SESSCTRL_H

#include <stdbool.h>
#include <stdint.h>
#include "chassis/profile.h"
#include "task/task.h"

#define SESSCTRL_MAX        4096 /* instances; standby ones have larger numbers and are not listed */
#define SESSCTRL_PUBLISH_MS 10000
#define SESSCTRL_UNTOLD_MS  2000 /* how long the first list waits for hatsystem */

struct sessctrl_manager {
	bool up;    /* the bus knows its address: it is ready */
	bool heard; /* ready and sessions are what it said last */
	bool ready; /* it serves */
	uint32_t card, sessions, limit;
	uint64_t heard_us;
};

extern struct sessctrl_manager sessctrl_list[SESSCTRL_MAX];

/* sessctrl_list.c */
int sessctrl_list_init(struct task *t);
int sessctrl_list_activate(struct task *t, const char *reason);
void sessctrl_list_load(struct task *t, const struct bus_msg *m);
/* The cards that take no new sessions. */
void sessctrl_list_busied(struct task *t, const struct bus_msg *m);
bool sessctrl_list_is_busied(uint32_t instance);
/* May new sessions be given to it? */
bool sessctrl_list_usable(uint32_t instance);

/* sessctrl_show.c */
void sessctrl_show(struct task *t, const struct bus_msg *m);

#endif
