/* SPDX-License-Identifier: MIT */
/* Contexts and their networks: show context all, ip pool, ip interface, ip route. Columns of layouts/; ip
 * interface is Orrery's own. */
#include "render/render.h"

#include <stdio.h>
#include <string.h>

void render_context_all(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *c;
	size_t i;

	cli_out_put(out, "Context Name    ContextID    State     Description\n"
	                 "--------------- --------- ----------   ----------------------- \n");
	json_array_foreach(render_list(j, "contexts"), i, c)
	        cli_out_printf(out, "%-15s %-12lld %-9s %s\n", render_str(c, "name"), render_num(c, "id"),
	                       render_str(c, "state"), render_str(c, "description"));
}

/* --- pools
 * ------------------------------------------------------------------------------------------------------------
 */

static const char legend[] =
        " +-----Type:      (P) - Public      (R) - Private\n"
        " |                (S) - Static      (E) - Resource\n"
        " |\n"
        " |+----State:     (G) - Good        (D) - Pending Delete    (R) - Resizing\n"
        " ||\n"
        " ||++--Priority:  0..10 (Highest (0) .. Lowest (10))\n"
        " ||||\n"
        " ||||+-Busyout:   (B) - Busyout configured\n"
        " |||||\n"
        " vvvvv Pool Name              Start Address   Mask/End Address    Used    Avail\n"
        " ----- ---------------------- --------------- --------------- -------- --------\n";

static void pool_row(const json_t *p, struct cli_out *out)
{
	const char *end = render_flag(p, "range") ? render_str(p, "end") : render_str(p, "mask");
	char prefix[16];

	if (!*end) { /* an IPv6 prefix */
		snprintf(prefix, sizeof(prefix), "/%lld", render_num(p, "prefix_len"));
		end = prefix;
	}
	cli_out_printf(out, " %s%s%02lld%s %-22s %-15s %-15s %8lld %8lld\n", render_str(p, "type_letter"),
	               render_str(p, "state"), render_num(p, "priority"),
	               render_flag(p, "busyout") ? "B" : " ", render_str(p, "name"), render_str(p, "start"),
	               end, render_num(p, "used"), render_num(p, "avail"));
}

void render_ip_pool(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *p, *c;
	size_t i, k;

	cli_out_printf(out, "context : %s:\n", render_str(j, "context"));
	cli_out_put(out, legend);
	json_array_foreach(render_list(j, "pools"), i, p) pool_row(p, out);
	cli_out_printf(out, "Total Pool Count: %zu\n", json_array_size(render_list(j, "pools")));
	json_array_foreach(render_list(j, "pools"), i,
	                   p) /* one pool alone: which managers have its addresses; ours */
	        json_array_foreach(render_list(p, "chunk_list"), k, c)
	                cli_out_printf(out, "  Chunk %-18s sessmgr %lld, ipsecmgr %lld\n",
	                               render_str(c, "prefix"), render_num(c, "sessmgr"),
	                               render_num(c, "ipsecmgr"));
}

/* --- interfaces
 * ---------------------------------------------------------------------------------------------------------
 */

static void if_summary(const json_t *i, struct cli_out *out)
{
	const json_t *a;
	size_t k;
	char addr[80];

	json_array_foreach(render_list(i, "addresses"), k, a)
	{
		snprintf(addr, sizeof(addr), "%s/%lld", render_str(a, "address"),
		         render_num(a, "prefix_len"));
		cli_out_printf(out, "%-29s %-20s %-6s %s\n", k ? "" : render_str(i, "name"), addr,
		               *render_str(i, "port") ? render_str(i, "port") : "-", render_str(i, "state"));
	}
	if (!json_array_size(render_list(i, "addresses")))
		cli_out_printf(out, "%-29s %-20s %-6s %s\n", render_str(i, "name"), "-",
		               *render_str(i, "port") ? render_str(i, "port") : "-", render_str(i, "state"));
}

static void if_block(const json_t *i, struct cli_out *out)
{
	const json_t *a;
	size_t k;
	bool loop = !strcmp(render_str(i, "type"), "loopback");

	cli_out_printf(out, "Intf Name:       %s\n", render_str(i, "name"));
	cli_out_printf(out, "Intf Type:       %s\n", loop ? "Loopback" : "Broadcast");
	cli_out_printf(out, "Description:     %s\n", render_str(i, "description"));
	if (!loop)
		cli_out_printf(out, "Bound to:        %s\n",
		               *render_str(i, "port") ? render_str(i, "port") : "Not bound");
	cli_out_printf(out, "IP State:        %s%s%s%s\n", render_str(i, "state"),
	               *render_str(i, "reason") ? " (" : "", render_str(i, "reason"),
	               *render_str(i, "reason") ? ")" : "");
	json_array_foreach(render_list(i, "addresses"), k, a)
	        cli_out_printf(out, "%s %s/%lld%s%s\n",
	                       render_flag(a, "secondary") ? "Secondary IP:   " : "IP Address:     ",
	                       render_str(a, "address"), render_num(a, "prefix_len"),
	                       render_flag(a, "srp_activate") ? ", srp-activate" : "",
	                       render_flag(a, "active") ? "" : " (not in use)");
	cli_out_printf(out, "MTU:             %lld\n\n", render_num(i, "mtu"));
}

/* Layouts of our own. */
void render_ip_interface(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *i;
	size_t k;
	bool summary = render_has(cmd, "summary");

	if (summary)
		cli_out_put(out, "Interface Name                Address/Mask         Port   Status\n"
		                 "----------------------------- -------------------- ------ ------\n");
	json_array_foreach(render_list(j, "interfaces"), k, i)
	{
		if (summary)
			if_summary(i, out);
		else
			if_block(i, out);
	}
	cli_out_printf(out, "Total interface count: %zu\n", json_array_size(render_list(j, "interfaces")));
}

/* --- routes
 * ---------------------------------------------------------------------------------------------------------------
 */

void render_routes(const json_t *j, int destination, int next_hop, int interface, struct cli_out *out)
{
	const json_t *r;
	size_t i;

	cli_out_printf(out,
	               "\"*\" indicates the Best or Used route.  S indicates Stale.\n\n"
	               " %-*s %-*s %-10s %-4s %-4s %s\n",
	               destination, "Destination", next_hop, "Nexthop", "Protocol", "Prec", "Cost",
	               "Interface");
	json_array_foreach(render_list(j, "routes"), i, r) cli_out_printf(
	        out, "%s%-*s %-*s %-10s %-4lld %-4lld %-*s\n", render_flag(r, "best") ? "*" : " ",
	        destination, render_str(r, "destination"), next_hop, render_str(r, "nexthop"),
	        render_str(r, "protocol"), render_num(r, "precedence"), render_num(r, "cost"), interface,
	        render_str(r, "interface"));
	cli_out_printf(out, "\nTotal route count : %lld\nUnique route count: %lld\n", render_num(j, "total"),
	               render_num(j, "unique"));
	cli_out_printf(out, "Connected: %lld (Framed Route: %lld)", render_num(j, "connected"),
	               render_num(j, "framed"));
	if (render_num(j, "static"))
		cli_out_printf(out, " Static: %lld", render_num(j, "static"));
	cli_out_put(out, "\n");
}

void render_ip_route(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	render_routes(j, 19, 16, 20, out);
}
