/* SPDX-License-Identifier: MIT */
/*
 * Objects of the schema port: the configured ports with what the kernel counts for their devices. Which
 * device a port is, and in which context, the vpnmgrs say ("ip interface"); the figures are read inside the
 * context's namespace. A port that no interface uses has none. Called by bulk_source.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bulk_task.h"
#include "cfg/cfg.h"
#include "chassis/fabric.h"
#include "net/ns.h"
#include "task/watch.h"
#include "vpn/vpn_context.h"

/* Columns of /proc/net/dev behind the device's name. */
enum {
	RX_BYTES,
	RX_PACKETS,
	RX_ERRS,
	RX_DROP,
	RX_FIFO,
	RX_FRAME,
	RX_COMP,
	RX_MCAST,
	TX_BYTES,
	TX_PACKETS,
	TX_ERRS,
	TX_DROP,
	COLUMNS
};

static const struct {
	const char *var;
	int column;
} vars[] = {
        {"rxbytes", RX_BYTES},      {"rxpackets", RX_PACKETS},     {"rxerrorpackets", RX_ERRS},
        {"rxdiscpackets", RX_DROP}, {"mcast_inpackets", RX_MCAST}, {"txbytes", TX_BYTES},
        {"txpackets", TX_PACKETS},  {"txerrorpackets", TX_ERRS},   {"txdiscpackets", TX_DROP},
};

struct reading {
	const char *device;
	unsigned long long v[COLUMNS];
};

/* In a thread that is inside the namespace. 1: found. */
static int read_device(void *arg)
{
	struct reading *r = arg;
	FILE *f = fopen("/proc/thread-self/net/dev", "r");
	char line[512];
	int found = 0;

	while (f && !found && fgets(line, sizeof(line), f)) {
		char *name = line + strspn(line, " "), *at = strchr(name, ':');

		if (!at)
			continue;
		*at++ = '\0';
		if (strcmp(name, r->device))
			continue;
		found = 1;
		for (int i = 0; i < COLUMNS; i++)
			r->v[i] = strtoull(at, &at, 10);
	}
	if (f)
		fclose(f);
	return found;
}

static void add_reading(struct bulk_task *b, json_t *port, const char *context, const char *device)
{
	const struct cfg_tree *tree = config_tree(b->t);
	struct reading r = {.device = device};
	uint32_t ctx = vpn_context_id(tree, context);
	int ns = -1;

	if (!ctx || fabric_context(b->t, ctx, &ns))
		return;
	if (ns_run(ns, read_device, &r) == 1)
		for (size_t i = 0; i < sizeof(vars) / sizeof(vars[0]); i++)
			json_object_set_new(port, vars[i].var, json_integer((json_int_t)r.v[vars[i].column]));
	close(ns);
}

/* The interface that uses the port, among what the vpnmgrs said. */
static void find_device(struct bulk_task *b, json_t *port, const char *name)
{
	json_t *answer, *iface;
	size_t i, k;

	json_array_foreach(b->ifs, i, answer)
	{
		const char *context = json_string_value(json_object_get(answer, "context"));

		json_array_foreach(json_object_get(answer, "interfaces"), k, iface)
		{
			const char *p = json_string_value(json_object_get(iface, "port"));
			const char *device = json_string_value(json_object_get(iface, "device"));

			if (context && p && device && device[0] && !strcmp(p, name)) {
				add_reading(b, port, context, device);
				return;
			}
		}
	}
}

json_t *bulk_port_objects(struct bulk_task *b)
{
	const struct cfg_tree *tree = config_tree(b->t);
	json_t *out = json_array(), *o;
	const struct cfg_node *n;
	unsigned card, port;

	if (tree)
		cfg_foreach(n, tree->root,
		            "port-ethernet") if (sscanf(cfg_key(n, 0), "%u/%u", &card, &port) == 2)
		{
			o = json_pack("{s:i, s:i}", "card", (int)card, "port", (int)port);
			find_device(b, o, cfg_key(n, 0));
			json_array_append_new(out, o);
		}
	return out;
}
