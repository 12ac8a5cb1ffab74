/* SPDX-License-Identifier: MIT */
/*
 * CPUs and the data path's cores: what their tasks use, as the cards measure it, and what the crypto cores
 * do, as the iftasks measure it. Load and installed memory belong to a machine that many cards share, and are
 * not told.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli_show.h"

/* The card's "cpu_use" of one CPU. */
static const json_t *use_of(const json_t *card, long long cpu)
{
	const json_t *u;
	size_t i;

	json_array_foreach(render_list(card, "cpu_use"), i, u) if (render_num(u, "cpu") == cpu) return u;
	return NULL;
}

static void add_span(json_t *o, const json_t *use, const char *span, const char *usage, const char *memory)
{
	const json_t *x = json_object_get(use, span);

	if (!x)
		return;
	json_object_set_new(o, usage,
	                    json_real(json_real_value(json_object_get(x, "user")) +
	                              json_real_value(json_object_get(x, "system"))));
	json_object_set(o, memory, json_object_get(x, "memory"));
}

/* What the tasks of a CPU use now, and on average. */
static json_t *cpu_json(const json_t *card, long long cpu)
{
	const json_t *t, *use = use_of(card, cpu);
	double usage = 0;
	json_int_t memory = 0, tasks = 0, files = 0;
	size_t i;
	json_t *o;

	json_array_foreach(render_list(card, "tasks"), i, t)
	{
		if (render_num(t, "cpu") != cpu || render_num(t, "pid") <= 0)
			continue;
		tasks++;
		files += render_num(t, "files");
		usage += json_real_value(json_object_get(t, "cpu_percent"));
		memory += render_num(t, "rss");
	}
	o = json_pack("{s:I, s:I, s:s, s:f, s:I, s:I, s:I, s:I}", "card",
	              (json_int_t)render_num(card, "slot"), "cpu", (json_int_t)cpu, "state",
	              render_str(card, "state"), "usage_now", usage, "memory_now", memory, "tasks", tasks,
	              "files", files, "boot_wall_us", (json_int_t)render_num(card, "boot"));
	add_span(o, use, "5min", "usage_5min", "memory_5min");
	add_span(o, use, "15min", "usage_15min", "memory_15min");
	if (use)
		json_object_set(o, "use", (json_t *)(uintptr_t)use);
	return o;
}

/* The data path of a card, if it has one, with its crypto core, on the CPU where it runs. */
static void add_core(struct sh *sh, const json_t *card, json_t *cpu)
{
	char dst[40], why[256];
	const json_t *t;
	json_t *j;
	size_t i;

	json_array_foreach(render_list(card, "tasks"), i, t)
	{
		if (strcmp(render_str(t, "facility"), "iftask") != 0 ||
		    render_num(t, "cpu") != render_num(cpu, "cpu") || render_num(t, "pid") <= 0)
			continue;
		snprintf(dst, sizeof(dst), "iftask/%lld", render_num(t, "instance"));
		j = sh_show(sh, dst, "iftask", "", why, sizeof(why));
		if (j)
			json_object_set(cpu, "crypto_core", json_object_get(j, "crypto_core"));
		json_decref(j);
	}
}

static bool wanted(const json_t *cpu, const struct cli_cmd *cmd)
{
	int64_t slot = cli_cmd_int(cmd, "slot", -1), number = cli_cmd_int(cmd, "cpu", -1);

	return (slot < 0 || slot == render_num(cpu, "card")) &&
	       (number < 0 || number == render_num(cpu, "cpu"));
}

/* cores: with crypto cores. */
static json_t *cpus(struct sh *sh, const struct cli_cmd *cmd, bool cores, char *err, size_t size)
{
	json_t *cards = sh_cards_collect(sh, cmd, err, size), *list = json_array(), *c, *card, *o;
	char dst[40], why[256];
	size_t i;

	json_array_foreach(json_object_get(cards, "cards"), i, c)
	{
		if (!render_flag(c, "present") || !render_num(c, "cpus"))
			continue;
		snprintf(dst, sizeof(dst), "card/%lld", render_num(c, "slot"));
		card = sh_show(sh, dst, "card", "", why, sizeof(why));
		for (long long cpu = 0; card && cpu < render_num(card, "cpus"); cpu++) {
			o = cpu_json(card, cpu);
			if (wanted(o, cmd)) {
				if (cores)
					add_core(sh, card, o);
				json_array_append(list, o);
			}
			json_decref(o);
		}
		json_decref(card);
	}
	if (!cards) {
		json_decref(list);
		return NULL;
	}
	json_decref(cards);
	return json_pack("{s:o}", "cpus", list);
}

static json_t *table_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return cpus(sh, cmd, false, err, size);
}

static json_t *info_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *j = cpus(sh, cmd, cli_cmd_has(cmd, "crypto-cores"), err, size);

	if (j && !json_array_size(json_object_get(j, "cpus"))) {
		snprintf(err, size, "Failure: there is no such CPU, or its card is not up");
		json_decref(j);
		j = NULL;
	} else if (j) {
		json_object_set_new(j, "wall_us", json_integer((json_int_t)clock_wall_us()));
	}
	return j;
}

static json_t *npu_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return cpus(sh, cmd, true, err, size);
}

const struct sh_command sh_cpu_commands[] = {
        {"show_cpu_table", NULL, table_collect, render_cpu_table},
        {"show_cpu_info", NULL, info_collect, render_cpu_info},
        {"show_npu_utilization", NULL, npu_collect, render_npu_utilization},
        {NULL, NULL, NULL, NULL},
};
