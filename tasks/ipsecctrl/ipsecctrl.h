/* SPDX-License-Identifier: MIT */
/*
 * Private to ipsecctrl: the list of ipsecmgr instances with their load (ipsecctrl_list.c), which
 * of them serves which crypto map (ipsecctrl_maps.c), and shows, among
 * them sums over all instances (ipsecctrl_show.c).
 */
#ifndef IPSECCTRL_H
#define IPSECCTRL_H

#include <jansson.h>
#include "show/show.h"
#include "task/task.h"

#define IPSECCTRL_MAX 256 /* instance numbers fit the top byte of an SPI */

struct ipsecctrl_manager {
	bool up, ready;
	uint32_t card, sessions, limit;
	uint32_t queue_percent, wait_ms; /* as it told last */
	uint64_t heard_us;               /* last load report, clock_now_us(); 0: none yet */
};

/* Index: instance number. */
extern struct ipsecctrl_manager ipsecctrl_list[IPSECCTRL_MAX];

int ipsecctrl_list_init(struct task *t);
int ipsecctrl_list_activate(struct task *t, const char *reason);
void ipsecctrl_list_load(struct task *t, const struct bus_msg *m);
void ipsecctrl_list_busied(struct task *t, const struct bus_msg *m);

/* --- ipsecctrl_maps.c: which crypto map is served by which manager */
int ipsecctrl_maps_activate(struct task *t);
/* What serves crypto maps, as it is durable: adds ctx, ike, demux and maps[] to a manager's row, and those
 * maps that have no manager to o. */
void ipsecctrl_maps_row(uint32_t instance, json_t *row);
void ipsecctrl_maps_rest(json_t *o);
/* Show "waiting": maps whose manager is not the one that their ipsec-on-demux asks for now. */
json_t *ipsecctrl_maps_waiting(struct task *t, struct show_page *page, char *err, size_t size);

/* --- ipsecctrl_congest.c: congestion control */
struct cfg_tree;
void ipsecctrl_congest_config(struct task *t, const struct cfg_tree *tree);
void ipsecctrl_congest_tell(struct task *t);
/* How often each resource was congested is counted anew. */
void ipsecctrl_congest_clear(void);
json_t *ipsecctrl_congest_show(struct task *t, struct show_page *page, char *err, size_t size);

/* --- ipsecctrl_ports.c: how much the ports have to do */
struct congest_port;
void ipsecctrl_ports_ask(struct task *t);
/* As it was told last; entries that are not known are none. */
const struct congest_port *ipsecctrl_ports(unsigned *n);

/* --- ipsecctrl_access.c: blacklist and whitelist */
void ipsecctrl_access_config(struct task *t, const struct cfg_tree *tree);
/* Publish which versions count. */
void ipsecctrl_access_tell(struct task *t);
/* Control "list update", args blacklist or whitelist: answered here or later. */
void ipsecctrl_access_update(struct task *t, const struct bus_msg *m);
json_t *ipsecctrl_access_show(struct task *t, struct show_page *page, char *err, size_t size);

void ipsecctrl_control(struct task *t, const struct bus_msg *m);
void ipsecctrl_show(struct task *t, const struct bus_msg *m);

#endif
