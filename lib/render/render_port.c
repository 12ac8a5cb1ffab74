/* SPDX-License-Identifier: MIT */
/*
 * Ports in detail, what they carry, and neighbours. Columns of layouts/ (show_port_utilization_table,
 * show_ip_arp); port info is recalled, and the counters' tables are Orrery's own: their rows are what a
 * kernel counts for a device.
 */
#include <stdio.h>
#include <string.h>

#include "render/render.h"

/* " 5/10": the slot in two columns. */
static const char *name(const json_t *p, char *buf, size_t size)
{
	const char *text = render_str(p, "port"), *slash = strchr(text, '/');

	snprintf(buf, size, "%2.*s%s", slash ? (int)(slash - text) : 0, text, slash ? slash : text);
	return buf;
}

/* --- info
 * ----------------------------------------------------------------------------------------------------- */

static void line(struct cli_out *out, const char *label, const char *value)
{
	cli_out_printf(out, "  %-25s: %s\n", label, value);
}

static const char *or_none(const char *text)
{
	return *text ? text : "None";
}

static void port_info(const json_t *p, struct cli_out *out)
{
	const json_t *d = json_object_get(p, "device");
	bool link = render_flag(p, "link"), ethernet = !strstr(render_str(p, "type"), "RS232");
	char text[160];

	cli_out_printf(out, "Port: %s\n", render_str(p, "port"));
	line(out, "Port Type", render_str(p, "type"));
	line(out, "Role", *render_str(p, "role") == 'M' ? "Management Port" : "Service Port");
	line(out, "Description", *render_str(p, "description") ? render_str(p, "description") : "(None Set)");
	line(out, "Redundancy Mode", *render_str(p, "pair") ? "Card Mode" : "None");
	line(out, "Redundant With", or_none(render_str(p, "pair")));
	line(out, "Administrative State", render_enabled(render_flag(p, "enabled")));
	if (ethernet) {
		line(out, "Interface MAC Address", d ? render_str(d, "mac") : "n/a");
		line(out, "Link State", link ? "Up" : "Down");
		line(out, "Link Speed",
		     !link                                  ? "n/a"
		     : strstr(render_str(p, "type"), "10G") ? "10 Gb"
		                                            : "1 Gb");
		line(out, "Link Aggregation Group", "None");
		cli_out_put(out, "  Untagged:\n");
		snprintf(text, sizeof(text), "%s, %s", render_flag(p, "oper") ? "Up" : "Down",
		         render_str(p, "state"));
		line(out, "  Operational State", text);
		if (d) {
			snprintf(text, sizeof(text), "%s in context %s", render_str(d, "interface"),
			         render_str(d, "context"));
			line(out, "  Bound Interface", text);
			cli_out_printf(out, "  %-25s: %lld\n", "  MTU", render_num(d, "mtu"));
		} else {
			line(out, "  Bound Interface", "None");
		}
	}
}

void render_port_info(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *p;
	size_t i;

	json_array_foreach(render_list(j, "ports"), i, p)
	{
		if (i)
			cli_out_put(out, "\n");
		port_info(p, out);
	}
}

/* --- utilization
 * ---------------------------------------------------------------------------------------------- */

/* Whole megabits per second; a port without a device carries nothing. */
static long long mbps(const json_t *p, const char *key)
{
	return render_num(json_object_get(p, "device"), key) / 1000000;
}

void render_port_utilization(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *p;
	char port[24];
	size_t i;

	cli_out_put(out,
	            "                                ------ Average Port Utilization (in mbps) ------\n"
	            "Port   Type                       Current           5min             15min    \n"
	            "                                 Rx      Tx      Rx       Tx       Rx     Tx\n"
	            "----- ------------------------  ------- -------  ------- -------  ------- -------\n");
	json_array_foreach(render_list(j, "ports"), i,
	                   p) if (render_flag(p, "enabled") || render_flag(p, "link"))
	        cli_out_printf(out, "%-5s %-24s  %-7lld %-7lld  %-7lld %-7lld  %-7lld %-7lld\n",
	                       name(p, port, sizeof(port)), render_str(p, "type"), mbps(p, "rx_now_bps"),
	                       mbps(p, "tx_now_bps"), mbps(p, "rx_5min_bps"), mbps(p, "tx_5min_bps"),
	                       mbps(p, "rx_15min_bps"), mbps(p, "tx_15min_bps"));
}

/* --- counters
 * ------------------------------------------------------------------------------------------------- */

/* A number of the device, or "-": not counted there, or no device at all. */
static const char *count(const json_t *p, const char *key, char *buf, size_t size)
{
	const json_t *v = key ? json_object_get(json_object_get(p, "device"), key) : NULL;

	snprintf(buf, size, "%lld", (long long)json_integer_value(v));
	return v ? buf : "-";
}

void render_port_datalink(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	static const char *const rows[][4] = {
	        {"RX Bytes", "rx_bytes", "TX Bytes", "tx_bytes"},
	        {"RX Frames", "rx_packets", "TX Frames", "tx_packets"},
	        {"RX Multicast Frames", "rx_multicast", "TX Multicast Frames", NULL},
	        {"RX Error Frames", "rx_errors", "TX Error Frames", "tx_errors"},
	        {"RX Discarded Frames", "rx_dropped", "TX Discarded Frames", "tx_dropped"}};
	const json_t *p;
	char a[24], b[24];
	size_t i, k;

	json_array_foreach(render_list(j, "ports"), i, p)
	{
		cli_out_printf(out, "%sCounters for port %s:\n", i ? "\n" : "", render_str(p, "port"));
		cli_out_put(out, "  Rx Counter                           Data | Tx Counter                   "
		                 "        Data\n"
		                 "  -------------------- -------------------- | -------------------- "
		                 "--------------------\n");
		for (k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
			cli_out_printf(out, "  %-20s %20s | %-20s %20s\n", rows[k][0],
			               count(p, rows[k][1], a, sizeof(a)), rows[k][2],
			               count(p, rows[k][3], b, sizeof(b)));
	}
}

void render_port_npu(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	static const char *const rows[][5] = {{"Total", "rx_packets", "rx_bytes", "tx_packets", "tx_bytes"},
	                                      {"Multicast", "rx_multicast", NULL, NULL, NULL},
	                                      {"HW error", "rx_errors", NULL, "tx_errors", NULL},
	                                      {"Discarded", "rx_dropped", NULL, "tx_dropped", NULL}};
	const json_t *p;
	char v[4][24];
	size_t i, k;

	json_array_foreach(render_list(j, "ports"), i, p)
	{
		cli_out_printf(out, "%sCounters for port %s\n", i ? "\n" : "", render_str(p, "port"));
		cli_out_put(out, "Counter                        Rx Frames           Rx Bytes        Tx "
		                 "Frames           Tx Bytes\n"
		                 "----------------------- ---------------- ------------------ "
		                 "---------------- ------------------\n");
		for (k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
			cli_out_printf(out, "%-23s %16s %18s %16s %18s\n", rows[k][0],
			               count(p, rows[k][1], v[0], 24), count(p, rows[k][2], v[1], 24),
			               count(p, rows[k][3], v[2], 24), count(p, rows[k][4], v[3], 24));
	}
}

/* --- neighbours
 * ----------------------------------------------------------------------------------------------- */

void render_ip_arp(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *n;
	size_t i;

	cli_out_put(out, "Flags codes:\n"
	                 "I - Incomplete, R - Reachable, M - Permanent, S - Stale, \n"
	                 "D - Delay,      P - Probe,     F - Failed\n"
	                 "# Indicate vpn  and npu audit result is success \n"
	                 "^ Indicate vpn  and npu audit result is failure \n"
	                 "\n"
	                 "  Address         Link Type Link Address      Flags  Mask            Interface\n");
	json_array_foreach(render_list(j, "neighbours"), i, n) cli_out_printf(
	        out, "   %-15s %-9s %-17s %-6s %-15s %s\n", render_str(n, "address"), "ether",
	        render_str(n, "link_address"), render_str(n, "flags"), "", render_str(n, "interface"));
	cli_out_printf(out, "Total number of arps: %zu\n", json_array_size(render_list(j, "neighbours")));
}

/* --- IPv6
 * ----------------------------------------------------------------------------------------------------- */

static void interface6_rows(const json_t *i, struct cli_out *out)
{
	const json_t *a;
	char addr[80];
	size_t k;

	json_array_foreach(render_list(i, "addresses"), k, a)
	{
		snprintf(addr, sizeof(addr), "%s/%lld", render_str(a, "address"),
		         render_num(a, "prefix_len"));
		cli_out_printf(out, "%-29s %-43s %-6s %s\n", k ? "" : render_str(i, "name"), addr,
		               *render_str(i, "port") ? render_str(i, "port") : "-", render_str(i, "state"));
	}
}

/* As show ip interface, with room for the addresses; a layout of our own, too. */
void render_ipv6_interface(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *i;
	size_t k;

	if (!render_has(cmd, "summary")) {
		render_ip_interface(j, cmd, out);
		return;
	}
	cli_out_printf(out, "%-29s %-43s %-6s %s\n", "Interface Name", "Address/Prefix", "Port", "Status");
	cli_out_put(
	        out,
	        "----------------------------- ------------------------------------------- ------ ------\n");
	json_array_foreach(render_list(j, "interfaces"), k, i) interface6_rows(i, out);
	cli_out_printf(out, "Total interface count: %zu\n", json_array_size(render_list(j, "interfaces")));
}

/* As show ip route, wider. */
void render_ipv6_route(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	render_routes(j, 43, 39, 0, out);
}
