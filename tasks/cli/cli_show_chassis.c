/* SPDX-License-Identifier: MIT */
/*
 * Shows of the machine: version, uptime, cards, CPUs, ports, tasks, session recovery. Trees come from
 * hatsystem, from the cards themselves and, for ports, from the configuration and the vpnmgrs; the text is
 * lib/render/render_chassis.c.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/version.h"
#include "cli_show.h"
#include "vpn/vpn_context.h"

/* --- version, uptime
 * ------------------------------------------------------------------------------------------- */

static json_t *version_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	char build[16], image[80];

	snprintf(build, sizeof(build), "%.5s", version_commit());
	snprintf(build, sizeof(build), "%lu", strtoul(build, NULL, 16) % 100000);
	snprintf(image, sizeof(image), "/flash/orrery-%s.bin.SPA", version_number());
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "image_version", version_number(), "build_number",
	                 build, "description", "Deployment_Build", "date", version_build_date(), "boot_image",
	                 image, "commit", version_commit());
}

/* The backplane makes its socket when the chassis is switched on. */
static json_t *uptime_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	uint64_t now = clock_steady_us(), boot;
	struct stat st;

	if (stat(task_run_path(sh->t, "backplane.sock"), &st)) {
		snprintf(err, size, "Failure: the backplane is not there");
		return NULL;
	}
	boot = (uint64_t)st.st_ctim.tv_sec * US_PER_SEC + (uint64_t)st.st_ctim.tv_nsec / 1000;
	return json_pack("{s:I, s:I}", "boot_wall_us", (json_int_t)boot, "uptime_us",
	                 (json_int_t)(now > boot ? now - boot : 0));
}

/* --- cards
 * ---------------------------------------------------------------------------------------------------------
 */

json_t *sh_cards_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show(sh, "hatsystem/0", "cards", "", err, size);
}

static json_t *card_info_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *j = sh_cards_collect(sh, cmd, err, size), *keep, *c;
	int64_t slot = cli_cmd_int(cmd, "slot", 0);
	size_t i;

	if (!j)
		return NULL;
	keep = json_array();
	json_array_foreach(json_object_get(j, "cards"), i,
	                   c) if (render_flag(c, "installed") && (!slot || render_num(c, "slot") == slot))
	        json_array_append(keep, c);
	if (slot && !json_array_size(keep)) {
		snprintf(err, size, "Failure: There is no card in slot %lld", (long long)slot);
		json_decref(keep);
		json_decref(j);
		return NULL;
	}
	json_object_set_new(j, "cards", keep);
	return j;
}

/* --- tasks
 * ------------------------------------------------------------------------------------------------------------
 */

static bool task_wanted(const json_t *task, const struct cli_cmd *cmd)
{
	const char *facility = cli_cmd_str(cmd, "facility");

	if (facility && strcmp(facility, render_str(task, "facility")))
		return false;
	return !cli_cmd_has(cmd, "instance") ||
	       cli_cmd_int(cmd, "instance", -1) == render_num(task, "instance");
}

static int by_cpu(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	long long dx = render_num(x, "card") * 16 + render_num(x, "cpu"),
	          dy = render_num(y, "card") * 16 + render_num(y, "cpu");

	if (dx == dy)
		dx = render_num(x, "order"), dy = render_num(y, "order");
	return dx < dy ? -1 : dx > dy;
}

static json_t *sorted(json_t *tasks)
{
	size_t n = json_array_size(tasks);
	json_t **v = calloc(n + 1, sizeof(*v)), *out = json_array();

	for (size_t i = 0; v && i < n; i++) {
		v[i] = json_array_get(tasks, i);
		json_object_set_new(v[i], "order", json_integer((json_int_t)i));
	}
	if (v)
		qsort(v, n, sizeof(*v), by_cpu);
	for (size_t i = 0; v && i < n; i++)
		json_array_append(out, v[i]);
	free(v);
	return out;
}

/* Every living card is asked; one that does not answer is told about and left out. */
static json_t *tasks_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *cards = sh_show(sh, "hatsystem/0", "cards", "", err, size), *all, *c, *task, *out;
	int64_t only = cli_cmd_int(cmd, "slot", 0);
	size_t i, k;

	if (!cards)
		return NULL;
	all = json_array();
	json_array_foreach(json_object_get(cards, "cards"), i, c)
	{
		char dst[40], why[256];
		json_t *card;

		if (!render_flag(c, "present") || !render_num(c, "cpus") ||
		    (only && render_num(c, "slot") != only))
			continue;
		snprintf(dst, sizeof(dst), "card/%lld", render_num(c, "slot"));
		card = sh_show(sh, dst, "card", "", why, sizeof(why));
		json_array_foreach(json_object_get(card, "tasks"), k, task) if (task_wanted(task, cmd))
		        json_array_append(all, task);
		json_decref(card);
	}
	json_decref(cards);
	out = json_pack("{s:o}", "tasks", sorted(all));
	json_decref(all);
	return out;
}

/* --- session recovery
 * ------------------------------------------------------------------------------------------------- */

/* hatsystem works it out when it is asked, so the status is never older than the answer. */
static json_t *recovery_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *j = sh_show(sh, "hatsystem/0", "recovery", "", err, size);

	if (j)
		json_object_set_new(j, "age_s", json_integer(0));
	return j;
}

/* --- ports
 * --------------------------------------------------------------------------------------------------------------------
 */

/* {"5/10": true} for ports whose device is up, as the vpnmgr of the context that has it sees it. */
static json_t *ports_up(struct sh *sh)
{
	const struct cfg_tree *t = sh_tree(sh);
	json_t *up = json_object(), *j, *x;
	char dst[40], why[256];
	size_t i;

	for (uint32_t ctx = 1; ctx <= vpn_context_count(t); ctx++) {
		if (!vpn_context_name(t, ctx))
			continue;
		snprintf(dst, sizeof(dst), "vpnmgr/%u", ctx);
		j = sh_show(sh, dst, "ip interface", "", why, sizeof(why));
		json_array_foreach(json_object_get(j, "interfaces"), i,
		                   x) if (*render_str(x, "port") && !strcmp(render_str(x, "state"), "UP"))
		        json_object_set_new(up, render_str(x, "port"), json_true());
		json_decref(j);
	}
	return up;
}

struct ports {
	const struct cfg_tree *tree;
	json_t *up, *list;
	unsigned active;
};

/* A port and its pair are one device, which works on the active card. */
static void add_port(const struct ports *x, const struct cfg_node *n, unsigned slot, unsigned other,
                     unsigned number, const char *name)
{
	bool enabled = !cfg_on(x->tree, n, "shutdown");
	bool link = enabled && json_object_get(x->up, name), active = slot == x->active;
	char port[16], pair[16] = "";

	snprintf(port, sizeof(port), "%u/%u", slot, number);
	if (other)
		snprintf(pair, sizeof(pair), "%u/%u", other, number);
	json_array_append_new(x->list, json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:s, s:s, s:s}", "port",
	                                         port, "role", number < 10 ? "Mgmt" : "Srvc", "type",
	                                         number == 3   ? "RS232 Serial Console"
	                                         : number < 10 ? "1000 Ethernet"
	                                                       : "10G Ethernet",
	                                         "enabled", enabled, "oper", link && active, "link", link,
	                                         "state", active ? "Active" : "Standby", "pair", pair,
	                                         "redundant", other ? "L2 Link" : ""));
}

/* The other management card that is installed; 0: none. */
static unsigned pair_of(const json_t *cards, unsigned slot)
{
	const json_t *c;
	size_t i;

	json_array_foreach(render_list(cards, "cards"), i,
	                   c) if (!strcmp(render_str(c, "slot_type"), "MMIO") &&
	                          render_flag(c, "installed") &&
	                          render_num(c, "slot") != slot) return (unsigned)render_num(c, "slot");
	return 0;
}

static int by_port(const void *p, const void *q)
{
	return strverscmp(render_str(*(json_t *const *)p, "port"), render_str(*(json_t *const *)q, "port"));
}

static json_t *sorted_ports(const json_t *list)
{
	size_t n = json_array_size(list);
	json_t **v = calloc(n + 1, sizeof(json_t *)), *out = json_array();

	for (size_t i = 0; v && i < n; i++)
		v[i] = json_array_get(list, i);
	if (v)
		qsort(v, n, sizeof(json_t *), by_port);
	for (size_t i = 0; v && i < n; i++)
		json_array_append(out, v[i]);
	free(v);
	return out;
}

/* Ports that are configured, with their pairs: an unconfigured port has no device, and so nothing to tell. */
json_t *sh_ports_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *cards = sh_cards_collect(sh, cmd, err, size), *j;
	struct ports x = {.tree = sh_tree(sh), .active = (unsigned)render_num(cards, "active_mio")};
	const struct cfg_node *n;
	unsigned slot, number, other;

	if (!cards)
		return NULL;
	x.up = ports_up(sh);
	x.list = json_array();
	cfg_foreach(n, x.tree->root, "port-ethernet")
	{
		if (sscanf(cfg_key(n, 0), "%u/%u", &slot, &number) != 2)
			continue;
		other = pair_of(cards, slot);
		add_port(&x, n, slot, other, number, cfg_key(n, 0));
		if (other)
			add_port(&x, n, other, slot, number, cfg_key(n, 0));
	}
	j = json_pack("{s:o}", "ports", sorted_ports(x.list));
	json_decref(x.list);
	json_decref(x.up);
	json_decref(cards);
	return j;
}

const struct sh_command sh_chassis_commands[] = {
        {"show_version", NULL, version_collect, render_version},
        {"show_system_uptime", NULL, uptime_collect, render_uptime},
        {"show_card_table", NULL, sh_cards_collect, render_card_table},
        {"show_card_info", NULL, card_info_collect, render_card_info},
        {"show_task_resources", NULL, tasks_collect, render_task_resources},
        {"show_task_table", NULL, tasks_collect, render_task_table},
        {"show_session_recovery_status", NULL, recovery_collect, render_session_recovery},
        {"show_port_table", NULL, sh_ports_collect, render_port_table},
        {NULL, NULL, NULL, NULL},
};
