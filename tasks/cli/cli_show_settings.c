/* SPDX-License-Identifier: MIT */
/*
 * Shows of what is configured, for parts of the configuration whose doing is not (or not all) Orrery's:
 * services, access points, subscribers, access lists, the search order of networks, congestion control,
 * thresholds. What is shown is the configuration with its defaults, and no state is made up. Text:
 * lib/render/render_settings.c.
 */
#include <stdlib.h>
#include <string.h>

#include "cli_show.h"

#define LINE_SIZE (CFG_VALUE_MAX + CFG_PATH_MAX)

/* The line of these arguments, secrets as ****. NULL: none. */
static json_t *line_of(const struct cli_row *row, const struct cfg_args *args, bool negated)
{
	struct cfg_args *a = args ? cfg_args_dup(args) : cfg_args_new();
	char *line = malloc(LINE_SIZE);
	json_t *j = NULL;

	for (unsigned i = 0; a && i < row->nvars; i++)
		if (row->vars[i]->type == CLI_SECRET && cfg_args_get(a, row->vars[i]->name))
			cfg_args_set(a, row->vars[i]->name, "****");
	if (a && line && !cli_render_line(row, a, negated, line, LINE_SIZE))
		j = json_string(line);
	free(line);
	cfg_args_free(a);
	return j;
}

/* Adds the lines of a row: what is configured, else its default. */
static void add_row(json_t *to, const struct cfg_node *block, const struct cli_row *row)
{
	bool any = false;

	for (const struct cfg_node *n = block ? block->child : NULL; n; n = n->next)
		if (n->row == row) {
			json_array_append_new(to, line_of(row, n->args, n->negated));
			any = true;
		}
	if (!any && row->dflt && !row->hidden && !row->nkey && !row->enter && cli_render_fits(row, row->dflt))
		json_array_append_new(to, line_of(row, row->dflt, false));
}

/* All lines of a block, with defaults. */
static json_t *settings(const struct cfg_tree *t, const struct cfg_node *block)
{
	const struct cli_mode *m = cfg_mode(t, block);
	json_t *a = json_array();

	for (unsigned i = 0; m && i < m->nrows; i++)
		if (m->rows[i]->kind == CLI_ROW_CONF)
			add_row(a, block, m->rows[i]);
	return a;
}

/* Adds every block of that row in every context; name: only those. Returns their number. */
static size_t add_blocks(struct sh *sh, json_t *to, const char *row, const char *name)
{
	const struct cfg_tree *t = sh_tree(sh);
	const struct cfg_node *ctx, *n;

	cfg_foreach(ctx, t->root, "context") cfg_foreach(n, ctx, row)
	{
		if (name && strcmp(name, cfg_key(n, 0)) != 0)
			continue;
		json_array_append_new(to, json_pack("{s:s, s:s, s:o}", "name",
		                                    cfg_key(n, 0) ? cfg_key(n, 0) : "default", "context",
		                                    cfg_key(ctx, 0), "settings", settings(t, n)));
	}
	return json_array_size(to);
}

/* The second word of the command is the row: show fa-service … */
static json_t *service_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	const char *name = cli_cmd_str(cmd, "service"), *at = strchr(cmd->row->pattern, ' ') + 1;
	json_t *a = json_array();
	char row[64];

	snprintf(row, sizeof(row), "%.*s", (int)strcspn(at, " "), at);
	if (!add_blocks(sh, a, row, name) && name) {
		snprintf(err, size, "Failure: %s %.64s does not exist", row, name);
		json_decref(a);
		return NULL;
	}
	return json_pack("{s:s, s:o}", "kind", strcmp(row, "apn") ? "Service" : "Access point", "blocks", a);
}

static json_t *subscribers_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	const char *name = cli_cmd_str(cmd, "username");
	json_t *a = json_array();

	if (!name)
		add_blocks(sh, a, "subscriber-default", NULL);
	if (!add_blocks(sh, a, "subscriber-name", name) && name) {
		snprintf(err, size, "Failure: subscriber %.127s is not configured", name);
		json_decref(a);
		return NULL;
	}
	return json_pack("{s:s, s:o}", "kind", "Subscriber", "blocks", a);
}

/* Access lists of the session's context. */
static json_t *lists_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	const char *name = cli_cmd_str(cmd, "acl");
	const char *row = strncmp(cmd->row->pattern, "show ipv6", 9) ? "ip-access-list" : "ipv6-access-list";
	const struct cfg_node *ctx = sh_context_node(sh, err, size), *n;
	json_t *a;

	if (!ctx)
		return NULL;
	a = json_array();
	cfg_foreach(n, ctx, row) if (!name || !strcmp(name, cfg_key(n, 0))) json_array_append_new(
	        a, json_pack("{s:s, s:o}", "name", cfg_key(n, 0), "rules", settings(sh_tree(sh), n)));
	if (name && !json_array_size(a)) {
		snprintf(err, size, "Failure: access list %.79s does not exist", name);
		json_decref(a);
		return NULL;
	}
	return json_pack("{s:s, s:o}", "family", row[2] == '-' ? "ip" : "ipv6", "lists", a);
}

static json_t *lookup_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	const struct cfg_node *block = cfg_child(sh_tree(sh), sh_tree(sh)->root, "wsg-lookup", NULL), *n;
	json_t *a = json_array();

	for (int p = 1; block && p <= 6; p++) /* priorities are 1 to 6 */
		cfg_foreach(n, block, "priority") if (cfg_arg_int(n, "priority", 0) == p)
		        json_array_append_new(a, json_pack("{s:i, s:I, s:I}", "priority", p, "source",
		                                           (json_int_t)cfg_arg_int(n, "source", 0),
		                                           "destination",
		                                           (json_int_t)cfg_arg_int(n, "destination", 0)));
	return json_pack("{s:o}", "priorities", a);
}

static json_t *congested_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	(void)cmd;
	return sh_show(sh, "ipsecctrl/0", "congestion", "", err, size);
}

static json_t *congestion_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	const struct cfg_tree *t = sh_tree(sh);
	const struct cli_mode *m = cfg_mode(t, t->root);
	json_t *a;

	a = json_array();
	for (unsigned i = 0; i < m->nrows; i++)
		if (!strncmp(m->rows[i]->id, "congestion-control-", 19))
			add_row(a, t->root, m->rows[i]);
	return json_pack("{s:b, s:o}", "enabled", cfg_on(t, t->root, "congestion-control"), "settings", a);
}

/* Thresholds of one row, named as the reference does. */
static void add_thresholds(const struct cfg_tree *t, json_t *to, const char *row, const char *high,
                           const char *low, bool percent)
{
	const struct cfg_node *n;

	cfg_foreach(n, t->root, row)
	{
		const char *name = cfg_key(n, 0);
		json_t *o = json_pack("{s:s, s:I, s:b}", "name",
		                      strcmp(name, "cpu-crypto-cores-utilization") ? name : name + 4,
		                      "threshold", (json_int_t)cfg_arg_int(n, high, 0), "percent", percent);

		if (cfg_arg(n, low))
			json_object_set_new(o, "clear", json_integer(cfg_arg_int(n, low, 0)));
		json_array_append_new(to, o);
	}
}

static json_t *threshold_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	const struct cfg_tree *t = sh_tree(sh);
	json_t *list = json_array(), *polls = json_array(), *groups = json_array();
	const struct cfg_node *n;

	add_thresholds(t, list, "threshold-percent", "high-percent", "low-percent", true);
	add_thresholds(t, list, "threshold-value", "high", "low", false);
	cfg_foreach(n, t->root, "threshold-poll")
	        json_array_append_new(polls, json_pack("{s:s, s:I}", "name", cfg_key(n, 0), "seconds",
	                                               (json_int_t)cfg_arg_int(n, "seconds", 300)));
	cfg_foreach(n, t->root, "threshold-monitoring")
	        json_array_append_new(groups, json_string(cfg_key(n, 0)));
	return json_pack("{s:s, s:o, s:o, s:o}", "model", cfg_get(t, t->root, "threshold-model", "model"),
	                 "thresholds", list, "polls", polls, "groups", groups);
}

const struct sh_command sh_settings_commands[] = {
        {"show_fa_service", NULL, service_collect, render_settings},
        {"show_ha_service", NULL, service_collect, render_settings},
        {"show_pdsn_service", NULL, service_collect, render_settings},
        {"show_lac_service", NULL, service_collect, render_settings},
        {"show_lns_service", NULL, service_collect, render_settings},
        {"show_ggsn_service", NULL, service_collect, render_settings},
        {"show_hnbgw_service", NULL, service_collect, render_settings},
        {"show_henbgw_access_service", NULL, service_collect, render_settings},
        {"show_henbgw_network_service", NULL, service_collect, render_settings},
        {"show_hsgw_service", NULL, service_collect, render_settings},
        {"show_asngw_service", NULL, service_collect, render_settings},
        {"show_epdg_service", NULL, service_collect, render_settings},
        {"show_mme_service", NULL, service_collect, render_settings},
        {"show_sgw_service", NULL, service_collect, render_settings},
        {"show_pgw_service", NULL, service_collect, render_settings},
        {"show_egtp_service", NULL, service_collect, render_settings},
        {"show_gtpu_service", NULL, service_collect, render_settings},
        {"show_apn", NULL, service_collect, render_settings},
        {"show_subscribers_configuration", NULL, subscribers_collect, render_settings},
        {"show_ip_access_list", NULL, lists_collect, render_access_lists},
        {"show_ipv6_access_list", NULL, lists_collect, render_access_lists},
        {"show_wsg_lookup", NULL, lookup_collect, render_wsg_lookup},
        {"show_congestion_control", NULL, congestion_collect, render_congestion},
        {"show_congestion_statistics", NULL, congested_collect, render_congestion},
        {"show_threshold", NULL, threshold_collect, render_threshold},
        {NULL, NULL, NULL, NULL},
};
