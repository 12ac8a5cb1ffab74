/* SPDX-License-Identifier: MIT */
/*
 * Settings as they are configured: blocks of lines, access lists, the search order of networks, congestion
 * control, thresholds. Trees come from tasks/cli/cli_show_settings.c. The layout of thresholds is that of
 * chapter 29 of the IPSec Reference, of access lists StarOS's; the others are Orrery's own.
 */
#include <string.h>
#include "render/render.h"

static void put_lines(const json_t *list, const char *indent, struct cli_out *out)
{
	const json_t *line;
	size_t i;

	json_array_foreach(list, i, line) cli_out_printf(out, "%s%s\n", indent, json_string_value(line));
}

void render_settings(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *b;
	size_t i;

	(void)cmd;
	json_array_foreach(render_list(j, "blocks"), i, b)
	{
		cli_out_printf(out, "%s%s name: %s\n", i ? "\n" : "", render_str(j, "kind"),
		               render_str(b, "name"));
		cli_out_printf(out, "Context: %s\n", render_str(b, "context"));
		put_lines(render_list(b, "settings"), "  ", out);
	}
}

void render_access_lists(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *l;
	size_t i;

	(void)cmd;
	json_array_foreach(render_list(j, "lists"), i, l)
	{
		cli_out_printf(out, "%s access list %s\n", render_str(j, "family"), render_str(l, "name"));
		put_lines(render_list(l, "rules"), "    ", out);
	}
	cli_out_printf(out, "%zu %s access lists are configured.\n", json_array_size(render_list(j, "lists")),
	               render_str(j, "family"));
}

void render_wsg_lookup(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *p;
	size_t i;

	(void)cmd;
	cli_out_printf(out, "Priority  Source Netmask  Destination Netmask\n");
	cli_out_printf(out, "--------  --------------  -------------------\n");
	json_array_foreach(render_list(j, "priorities"), i, p)
	        cli_out_printf(out, "%-8lld  %-14lld  %lld\n", render_num(p, "priority"),
	                       render_num(p, "source"), render_num(p, "destination"));
}

void render_congestion(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *r;
	size_t i;

	(void)cmd;
	cli_out_printf(out, "Congestion-control: %s\n\n", render_enabled(render_flag(j, "enabled")));
	json_array_foreach(render_list(j, "resources"), i, r)
	{
		if (!i)
			cli_out_printf(out, "Current congestion status: %s\nPolicy of wsg-service: %s\n\n",
			               render_flag(j, "congested") ? "Applied" : "Cleared",
			               render_str(j, "action"));
		cli_out_printf(out, "%-38s", render_str(r, "resource"));
		if (render_flag(r, "measured"))
			cli_out_printf(out, " value %lld%s", render_num(r, "value"), render_str(r, "unit"));
		else
			cli_out_put(out, " not measured");
		cli_out_printf(out, ", threshold %lld%s, %s, times congested %lld\n",
		               render_num(r, "threshold"), render_str(r, "unit"),
		               render_flag(r, "congested") ? "congested" : "clear", render_num(r, "times"));
	}
	put_lines(render_list(j, "settings"), "  ", out);
}

void render_threshold(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *o;
	size_t i;

	(void)cmd;
	cli_out_printf(out, "Threshold operation model: %s\n",
	               strcmp(render_str(j, "model"), "alarm") ? "ALERT" : "ALARM");
	cli_out_printf(out, "\nConfigured thresholds:\n");
	json_array_foreach(render_list(j, "thresholds"), i, o)
	{
		const char *unit = render_flag(o, "percent") ? "%" : "";

		cli_out_printf(out, "\nName:          %s\n", render_str(o, "name"));
		cli_out_printf(out, "Config Scope:  SYSTEM\n");
		cli_out_printf(out, "Threshold:     %lld%s\n", render_num(o, "threshold"), unit);
		if (json_object_get(o, "clear"))
			cli_out_printf(out, "Clear Threshold: %lld%s\n", render_num(o, "clear"), unit);
	}
	if (json_array_size(render_list(j, "polls")))
		cli_out_printf(out, "\nConfigured polling intervals:\n\n");
	json_array_foreach(render_list(j, "polls"), i, o)
	        cli_out_printf(out, "%-40s %lld seconds\n", render_str(o, "name"), render_num(o, "seconds"));
	if (json_array_size(render_list(j, "groups")))
		cli_out_printf(out, "\nEnabled threshold groups:\n\n");
	put_lines(render_list(j, "groups"), "", out);
}
