/* SPDX-License-Identifier: MIT */
/*
 * Ports in detail and what they carry, neighbours, IPv6: asked of the vpnmgrs, which have the devices. A port
 * and its pair are one device, which the active card has; a port that no interface uses has none.
 */
#include <stdlib.h>
#include <string.h>

#include "cli_show.h"
#include "vpn/vpn_context.h"

/* {"5/10": {…}}: what the vpnmgrs say of their ports. */
static json_t *devices(struct sh *sh)
{
	const struct cfg_tree *t = sh_tree(sh);
	json_t *all = json_object(), *j, *p;
	char dst[40], why[256];
	size_t i;

	for (uint32_t ctx = 1; ctx <= vpn_context_count(t); ctx++) {
		if (!vpn_context_name(t, ctx))
			continue;
		snprintf(dst, sizeof(dst), "vpnmgr/%u", ctx);
		j = sh_show(sh, dst, "ports", "", why, sizeof(why));
		json_array_foreach(json_object_get(j, "ports"), i, p)
		{
			json_object_set(p, "context", json_object_get(j, "context"));
			json_object_set(all, render_str(p, "port"), p);
		}
		json_decref(j);
	}
	return all;
}

/* The ports of the table (one alone when it is named) with "device": their counters, on the active card. */
static json_t *ports_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *table = sh_ports_collect(sh, cmd, err, size), *all, *keep, *p, *d;
	const char *only = cli_cmd_str(cmd, "port");
	const struct cfg_node *n;
	size_t i;

	if (!table)
		return NULL;
	all = devices(sh);
	keep = json_array();
	json_array_foreach(json_object_get(table, "ports"), i, p)
	{
		const char *name = render_str(p, "port");

		if (only && strcmp(only, name) != 0)
			continue;
		d = strcmp(render_str(p, "state"), "Active") ? NULL : json_object_get(all, name);
		if (d)
			json_object_set(p, "device", d);
		n = cfg_child_named(sh_tree(sh), sh_tree(sh)->root, "port-ethernet", name);
		if (n && cfg_get(sh_tree(sh), n, "description", "text"))
			json_object_set_new(p, "description",
			                    json_string(cfg_get(sh_tree(sh), n, "description", "text")));
		json_array_append(keep, p);
	}
	json_decref(all);
	json_decref(table);
	if (only && !json_array_size(keep)) {
		snprintf(err, size, "Failure: port %s is not configured", only);
		json_decref(keep);
		return NULL;
	}
	return json_pack("{s:o}", "ports", keep);
}

static json_t *arp_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show_context(sh, "ip arp", "", err, size);
}

static json_t *interface6_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show_context(sh, "ipv6 interface", cli_cmd_str(cmd, "name"), err, size);
}

static json_t *route6_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show_context(sh, "ipv6 route", "", err, size);
}

const struct sh_command sh_network_commands[] = {
        {"show_port_info", NULL, ports_collect, render_port_info},
        {"show_port_utilization", NULL, ports_collect, render_port_utilization},
        {"show_port_datalink", NULL, ports_collect, render_port_datalink},
        {"show_port_npu", NULL, ports_collect, render_port_npu},
        {"show_ip_arp", NULL, arp_collect, render_ip_arp},
        {"show_ipv6_interface", NULL, interface6_collect, render_ipv6_interface},
        {"show_ipv6_route", NULL, route6_collect, render_ipv6_route},
        {NULL, NULL, NULL, NULL},
};
