/* SPDX-License-Identifier: MIT */
/*
 * CPUs in detail and the use of the data path's cores. The frame and the lines of usage are those of the
 * IPSec Reference (chapter 29); a crypto core is a thread of its own here, whose number is 0. The table of
 * network processors has StarOS's columns.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "render/render.h"

static double real(const json_t *j, const char *key)
{
	return json_number_value(json_object_get(j, key));
}

/* "  CPU Usage All  : 0.2% user, …": of a span {user, system}; io and irq: a CPU here has none of its own. */
static void usage(struct cli_out *out, unsigned indent, const char *label, unsigned width, const json_t *span)
{
	double user = real(span, "user"), system = real(span, "system"),
	       idle = user + system < 100 ? 100 - user - system : 0;

	if (span)
		cli_out_printf(out, "%*s%-*s: %.1f%% user, %.1f%% sys, 0.0%% io, 0.0%% irq, %.1f%% idle\n",
		               (int)indent, "", (int)width, label, user, system, idle);
	else
		cli_out_printf(out, "%*s%-*s: n/a\n", (int)indent, "", (int)width, label);
}

static void memory(struct cli_out *out, unsigned indent, unsigned width, const json_t *bytes)
{
	char text[24] = "n/a";

	if (bytes)
		snprintf(text, sizeof(text), "%lldM", (long long)json_integer_value(bytes) / (1024 * 1024));
	cli_out_printf(out, "%*s%-*s: %s\n", (int)indent, "", (int)width, "Memory Usage", text);
}

static void span(const json_t *c, const char *key, unsigned indent, bool cores, struct cli_out *out)
{
	const json_t *use = json_object_get(json_object_get(c, "use"), key),
	             *core = json_object_get(json_object_get(c, "crypto_core"), key);

	usage(out, indent, cores ? "CPU Usage All" : "CPU Usage", 15, use);
	if (cores && json_object_get(c, "crypto_core")) {
		usage(out, indent + 2, "Node 0", 13, core);
		usage(out, indent + 4, "Core 0", 11, core);
	}
}

static const char *since(const json_t *j, const json_t *c, char *buf, size_t size)
{
	long long us = render_num(j, "wall_us") - render_num(c, "boot_wall_us");

	return clock_format_uptime(buf, size, us > 0 ? (uint64_t)us : 0);
}

static void one_cpu(const json_t *j, const json_t *c, bool cores, struct cli_out *out)
{
	const json_t *use = json_object_get(c, "use");
	char text[CLOCK_TEXT_MAX], state[24];

	cli_out_printf(out, "Card %lld, CPU %lld:\n", render_num(c, "card"), render_num(c, "cpu"));
	cli_out_printf(out, "  Status           : %s, Kernel Running, Tasks %s\n",
	               render_title(render_str(c, "state"), state, sizeof(state)),
	               render_num(c, "tasks") ? "Running" : "Not Running");
	cli_out_put(out, "  Load Average     : n/a\n  Total Memory     : n/a\n");
	cli_out_printf(out, "  Kernel Uptime    : %s\n", since(j, c, text, sizeof(text)));
	cli_out_put(out, "  Last Reading:\n");
	span(c, "now", 4, cores, out);
	if (!cores) {
		cli_out_printf(out, "    Processes/Tasks: %lld processes / %lld tasks\n",
		               render_num(c, "tasks"), render_num(c, "tasks"));
		cli_out_printf(out, "    File Usage     : %lld open files\n", render_num(c, "files"));
		memory(out, 4, 15, json_object_get(c, "memory_now"));
		if (real(use, "max") > 0)
			cli_out_printf(out, "  Maximum:\n    CPU Usage      : %.1f%%\n", real(use, "max"));
	}
	cli_out_put(out, cores ? "    5-Minute Average:\n" : "  5-Minute Average:\n");
	span(c, "5min", cores ? 6 : 4, cores, out);
	if (!cores)
		memory(out, 4, 15, json_object_get(json_object_get(use, "5min"), "memory"));
	cli_out_put(out, cores ? "    15-Minute Average:\n" : "  15-Minute Average:\n");
	span(c, "15min", cores ? 6 : 4, cores, out);
	if (!cores)
		memory(out, 4, 15, json_object_get(json_object_get(use, "15min"), "memory"));
}

void render_cpu_info(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *c;
	size_t i;

	json_array_foreach(render_list(j, "cpus"), i, c)
	{
		if (i)
			cli_out_put(out, "\n");
		one_cpu(j, c, render_has(cmd, "crypto-cores"), out);
	}
}

static int percent(const json_t *core, const char *key)
{
	const json_t *s = json_object_get(core, key);

	return (int)(real(s, "user") + real(s, "system") + 0.5);
}

/* A card's data path does what a network processor does; it is number 01 of CPU 0. */
void render_npu_utilization(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *c, *core;
	size_t i;

	cli_out_put(out, "         ---------npu--------\n"
	                 "     npu     now   5min  15min\n"
	                 "--------  ------ ------ ------\n");
	json_array_foreach(render_list(j, "cpus"), i, c)
	{
		core = json_object_get(c, "crypto_core");
		if (core)
			cli_out_printf(out, " %02lld/%lld/01  %5d%% %5d%% %5d%%\n", render_num(c, "card"),
			               render_num(c, "cpu"), percent(core, "now"), percent(core, "5min"),
			               percent(core, "15min"));
	}
}
