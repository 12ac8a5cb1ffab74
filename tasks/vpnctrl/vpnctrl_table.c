/* SPDX-License-Identifier: MIT */
/*
 * The table of contexts: names come from the configuration when asked for, states from the bus (a vpnmgr's
 * address is known when it is ready). Logs when a context becomes active or loses its vpnmgr. Called by
 * main.c.
 */
#include "vpnctrl.h"

#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "task/watch.h"
#include "vpn/vpn_context.h"

struct vpnctrl_context vpnctrl_table[VPNCTRL_MAX];

static void note_peer(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	const char *slash = strchr(addr, '/');
	unsigned long id = slash ? strtoul(slash + 1, NULL, 10) : 0;
	const char *name;

	if (!id || id >= VPNCTRL_MAX)
		return;
	name = vpn_context_name(config_tree(t), (uint32_t)id);
	if (t->ready && vpnctrl_table[id].up != up)
		LOG(EV_VPN_CONTEXT, "context %s (%lu) %s", name ? name : "?", id,
		    up ? "is active" : "has lost its vpnmgr");
	vpnctrl_table[id].up = up;
	vpnctrl_table[id].card = card;
}

static void config_changed(struct task *t, const struct cfg_tree *tree, void *arg)
{
	task_ready(t, 0);
}

int vpnctrl_table_init(struct task *t)
{
	task_watch_peers(t, "vpnmgr", note_peer, NULL);
	return 0;
}

int vpnctrl_table_activate(struct task *t, const char *reason)
{
	task_foreach_peer(t, "vpnmgr", note_peer, NULL);
	return config_watch_start(t, config_changed, NULL);
}
