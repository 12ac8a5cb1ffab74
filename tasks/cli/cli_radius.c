/* SPDX-License-Identifier: MIT */
/*
 * RADIUS servers: which there are, from the configuration of the session's context; how they do and what was
 * asked of them, from the aaamgrs, which each have an opinion of their own. A part that does not answer
 * leaves its share out. Rows of 11-exec-services.grm.
 */
#include <string.h>

#include "cli_show.h"
#include "vpn/vpn_context.h"

static const char *const counts[] = {"outstanding",       "sent",         "retried", "timeouts",
                                     "challenges",        "accepts",      "rejects", "malformed",
                                     "bad_authenticator", "unknown_type", "dropped"};
#define COUNTS (sizeof(counts) / sizeof(counts[0]))

static void add_server(json_t *all, const struct cfg_node *n, const char *group)
{
	const char *admin = cfg_arg(n, "admin");
	json_t *o;

	if (n->negated)
		return;
	o = json_pack("{s:s, s:s, s:I, s:I, s:b, s:s}", "address", cfg_key(n, 0), "group", group, "port",
	              (json_int_t)(cfg_has(n, "oldports") ? 1645 : cfg_arg_int(n, "port", 1812)), "priority",
	              (json_int_t)cfg_arg_int(n, "priority", 1000), "enabled",
	              !admin || strcmp(admin, "disable"), "state", "Active");
	for (size_t i = 0; i < COUNTS; i++)
		json_object_set_new(o, counts[i], json_integer(0));
	json_array_append_new(all, o);
}

/* The servers of a context, without what they did. */
static json_t *configured(struct sh *sh, const struct cfg_node *ctx)
{
	const struct cfg_node *group, *n;
	json_t *all = json_array();

	cfg_foreach(n, ctx, "radius-server") add_server(all, n, "default");
	cfg_foreach(group, ctx, "aaa-group")
	{
		cfg_foreach(n, group, "radius-server") add_server(all, n, cfg_key(group, 0));
	}
	return all;
}

static json_t *find(json_t *all, const json_t *one)
{
	json_t *o;
	size_t i;

	json_array_foreach(all, i, o) if (!strcmp(render_str(o, "address"), render_str(one, "address")) &&
	                                  !strcmp(render_str(o, "group"), render_str(one, "group")) &&
	                                  render_num(o, "port") == render_num(one, "port")) return o;
	return NULL;
}

static void add_up(json_t *all, const json_t *aaamgr, uint32_t ctx)
{
	json_t *one, *o;
	size_t i, k;

	json_array_foreach(json_object_get(aaamgr, "servers"), i, one)
	{
		o = render_num(one, "ctx") == ctx ? find(all, one) : NULL;
		for (k = 0; o && k < COUNTS; k++)
			json_object_set_new(
			        o, counts[k],
			        json_integer(render_num(o, counts[k]) + render_num(one, counts[k])));
		if (o && !strcmp(render_str(one, "state"), "Down"))
			json_object_set_new(o, "state", json_string("Down"));
	}
}

static json_t *collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	const struct cfg_node *ctx = sh_context_node(sh, err, size);
	const char *only = cli_cmd_str(cmd, "address");
	json_t *all, *plan, *task, *one;
	char dst[40], why[256];
	size_t i;

	if (!ctx)
		return NULL;
	all = configured(sh, ctx);
	plan = sh_show(sh, "rmctrl/0", "placement", "", why, sizeof(why));
	json_array_foreach(json_object_get(plan, "tasks"), i, task)
	{
		if (strcmp(render_str(task, "facility"), "aaamgr") || render_flag(task, "standby"))
			continue;
		snprintf(dst, sizeof(dst), "aaamgr/%lld", render_num(task, "instance"));
		one = sh_show(sh, dst, "radius", "", why, sizeof(why));
		add_up(all, one, vpn_context_id(sh_tree(sh), sh->s.context));
		json_decref(one);
	}
	json_decref(plan);
	for (i = 0; only && i < json_array_size(all);)
		if (strcmp(render_str(json_array_get(all, i), "address"), only))
			json_array_remove(all, i);
		else
			i++;
	if (!only || json_array_size(all))
		return json_pack("{s:o}", "servers", all);
	snprintf(err, size, "Failure: radius server %s is not configured in context %s", only, sh->s.context);
	json_decref(all);
	return NULL;
}

const struct sh_command sh_radius_commands[] = {
        {"show_radius_servers", NULL, collect, render_radius_servers},
        {"show_radius_counters", NULL, collect, render_radius_counters},
        {NULL, NULL, NULL, NULL},
};
