/* SPDX-License-Identifier: MIT */
/*
 * Shows of sessions, files and the boot: show administrators, show history, show terminal, directory, show
 * boot, show configuration checksum. show boot as in layouts of the platform; the others are recalled or of
 * our own.
 */
#include "render/render.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static const char dashes[] = "--------------------------------";

void render_administrators(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	bool ids = render_has(cmd, "session");
	char date[CLOCK_TEXT_MAX];
	const json_t *s;
	size_t i;

	cli_out_printf(out, "%-32s M %s%-22s %-16s %-24s %-12s %-5s %s\n", "Administrator/Operator Name",
	               ids ? "Session ID " : "", "Type", "TTY", "Start Time", "Mode", "Idle",
	               "Remote Address");
	cli_out_printf(out, "%.32s - %s%.22s %.16s %.24s %.12s %.5s %.16s\n", dashes,
	               ids ? "---------- " : "", dashes, dashes, dashes, dashes, dashes, dashes);
	json_array_foreach(render_list(j, "sessions"), i, s)
	{
		char id[24] = "";

		if (ids)
			snprintf(id, sizeof(id), "%-10lld ", render_num(s, "id"));
		cli_out_printf(
		        out, "%-32s   %s%-22s %-16s %-24s %-12s %-5lld %s\n", render_str(s, "name"), id,
		        render_str(s, "privilege"), render_str(s, "tty"),
		        clock_format_trap(date, sizeof(date), (uint64_t)render_num(s, "start_us"), CLOCK_UTC),
		        render_flag(s, "interactive") ? "Context User" : "Script", render_num(s, "idle_s"),
		        *render_str(s, "remote") ? render_str(s, "remote") : "-");
	}
}

void render_history(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *l;
	size_t i;

	json_array_foreach(render_list(j, "lines"), i, l)
	        cli_out_printf(out, "%5lld  %s\n", render_num(l, "number"), render_str(l, "line"));
}

void render_terminal(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	cli_out_printf(out,
	               "Terminal length : %lld\nTerminal width  : %lld\nTimestamps      : %s\nAutoconfirm    "
	               " : %s\n",
	               render_num(j, "length"), render_num(j, "width"),
	               render_enabled(render_flag(j, "timestamps")),
	               render_enabled(render_flag(j, "autoconfirm")));
}

void render_directory(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	char date[CLOCK_TEXT_MAX];
	const json_t *e;
	size_t i;

	json_array_foreach(render_list(j, "entries"), i, e) cli_out_printf(
	        out, "%c %12lld  %s  %s\n", *render_str(e, "kind") == 'd' ? 'd' : '-', render_num(e, "bytes"),
	        clock_format_trap(date, sizeof(date), (uint64_t)render_num(e, "modified_us"), CLOCK_UTC),
	        render_str(e, "name"));
	cli_out_printf(out, "%lld bytes total (%lld bytes free)\n", render_num(j, "bytes_total"),
	               render_num(j, "bytes_free"));
}

static void initial_config(const json_t *j, struct cli_out *out)
{
	const json_t *b = json_object_get(j, "booted");

	if (!b) {
		cli_out_put(out, "Initial (boot time) configuration:\n        none\n");
		return;
	}
	cli_out_printf(out, "Initial (boot time) configuration:\n        image %s \\\n        config %s\n",
	               render_str(b, "image"), render_str(b, "config"));
	if (render_num(b, "priority"))
		cli_out_printf(out, "        priority %lld\n", render_num(b, "priority"));
}

void render_boot(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *e;
	size_t i;

	if (render_has(cmd, "initial-config")) {
		initial_config(j, out);
		return;
	}
	json_array_foreach(render_list(j, "entries"), i, e)
	{
		cli_out_printf(out, "\nboot system priority %lld \\\n    image %s", render_num(e, "priority"),
		               render_str(e, "image"));
		if (*render_str(e, "config"))
			cli_out_printf(out, " \\\n    config %s", render_str(e, "config"));
		cli_out_put(out, "\n");
	}
}

void render_checksum(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	cli_out_printf(out, "System Configuration Checksum: %s\n", render_str(j, "checksum"));
}
