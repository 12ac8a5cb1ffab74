/* SPDX-License-Identifier: MIT */
/*
 * WSG services: settings from the configuration, state from an ipsecmgr (each has all services), sessions
 * from sessctrl, counters from the segments. A part that does not answer leaves its fields out.
 */
#include <stdlib.h>
#include <string.h>

#include "base/counters.h"
#include "cli_show.h"
#include "vpn/vpn_context.h"

#define MANAGERS_ASKED 4

/* --- state
 * --------------------------------------------------------------------------------------------------------------
 */

/* {"context/service": true} of what the first manager that answers serves. */
static json_t *started(struct sh *sh)
{
	char why[256], dst[40], key[160];
	json_t *list = sh_show(sh, "ipsecctrl/0", "managers", "", why, sizeof(why)), *row, *pol = NULL,
	       *st = NULL, *o = json_object();
	size_t i, asked = 0;

	json_array_foreach(json_object_get(list, "managers"), i, row)
	{
		if (!strcmp(render_str(row, "state"), "Down") || asked++ == MANAGERS_ASKED)
			continue;
		snprintf(dst, sizeof(dst), "ipsecmgr/%lld", render_num(row, "instance"));
		st = sh_show(sh, dst, "statistics", "", why, sizeof(why));
		pol = st ? sh_show(sh, dst, "policies", "", why, sizeof(why)) : NULL;
		if (pol)
			break;
		json_decref(st);
		st = NULL;
	}
	if (render_flag(st, "serving") && render_flag(st, "sockets_open"))
		json_array_foreach(json_object_get(pol, "policies"), i, row)
		{
			snprintf(key, sizeof(key), "%s/%s", render_str(row, "context"),
			         render_str(row, "service"));
			json_object_set_new(o, key, json_true());
		}
	json_decref(st);
	json_decref(pol);
	json_decref(list);
	return o;
}

/* --- settings
 * --------------------------------------------------------------------------------------------------------------
 */

static void set_get(json_t *o, const char *key, const struct cfg_tree *t, const struct cfg_node *svc,
                    const char *row, const char *var)
{
	const char *v = cfg_get(t, svc, row, var);

	json_object_set_new(o, key, json_string(v ? v : ""));
}

static void set_int(json_t *o, const char *key, int64_t v)
{
	json_object_set_new(o, key, json_integer(v));
}

static void set_settings(json_t *o, const struct cfg_tree *t, const struct cfg_node *svc)
{
	const struct cfg_node *bind = cfg_child(t, svc, "bind-address", NULL);
	int64_t max = cfg_get_int(t, svc, "max-sessions", "sessions", 1000000);

	set_get(o, "address", t, svc, "bind-address", "address");
	set_get(o, "template", t, svc, "bind-address", "template");
	set_int(o, "max_sessions", bind && !bind->negated ? cfg_arg_int(bind, "sessions", max) : max);
	set_get(o, "deployment_mode", t, svc, "deployment-mode", "mode");
	set_get(o, "alloc_method", t, svc, "ip-address-alloc-method", "method");
	set_get(o, "pool", t, svc, "ip-address-pool", "pool");
	set_get(o, "pool_ipv6", t, svc, "ipv6-address-prefix-pool", "pool");
	set_get(o, "acl", t, svc, "ip-access-group", "acl");
	set_get(o, "subscriber_map", t, svc, "associate-subscriber-map", "map");
	set_get(o, "peer_list", t, svc, "peer-list", "list");
	json_object_set_new(o, "duplicate_session_detection",
	                    json_boolean(cfg_on(t, svc, "duplicate-session-detection")));
	set_int(o, "initiator_s", cfg_get_int(t, svc, "initiator-mode-duration", "seconds", 10));
	set_int(o, "responder_s", cfg_get_int(t, svc, "responder-mode-duration", "seconds", 10));
	set_int(o, "pre_fragment_mtu", cfg_get_int(t, svc, "pre-fragment-mtu", "bytes", 1400));
}

/* Every service of every context; name: only those. */
static json_t *services(struct sh *sh, const char *name)
{
	const struct cfg_tree *t = sh_tree(sh);
	const struct cfg_node *ctx, *svc;
	char why[256], key[160];
	json_t *all = json_array(), *up = started(sh),
	       *sessions = sh_show(sh, "sessctrl/0", "wsg sessions", "", why, sizeof(why));

	cfg_foreach(ctx, t->root, "context")
	{
		const char *context = cfg_key(ctx, 0);
		int64_t id = 0;

		cfg_foreach(svc, ctx, "wsg-service")
		{
			json_t *o = json_object();

			id++;
			snprintf(key, sizeof(key), "%s/%s", context, cfg_key(svc, 0));
			json_object_set_new(o, "context", json_string(context));
			set_int(o, "context_id", vpn_context_id(t, context));
			json_object_set_new(o, "name", json_string(cfg_key(svc, 0)));
			set_int(o, "id", id);
			json_object_set_new(o, "type", json_string("wsg"));
			json_object_set_new(
			        o, "state",
			        json_string(json_object_get(up, key) ? "Started" : "Initialized"));
			set_settings(o, t, svc);
			if (sessions)
				set_int(o, "sessions",
				        render_num(
				                json_object_get(json_object_get(sessions, "services"), key),
				                "sessions"));
			if (!name || !strcmp(name, cfg_key(svc, 0)))
				json_array_append(all, o);
			json_decref(o);
		}
	}
	json_decref(sessions);
	json_decref(up);
	return all;
}

static json_t *named(struct sh *sh, const char *name, char *err, size_t size)
{
	json_t *a = services(sh, name);

	if (name && !json_array_size(a)) {
		snprintf(err, size, "Failure: wsg-service %s does not exist", name);
		json_decref(a);
		return NULL;
	}
	return json_pack("{s:o}", "services", a);
}

json_t *sh_wsg_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return named(sh, cli_cmd_str(cmd, "name"), err, size);
}

json_t *sh_service_all_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *j = named(sh, NULL, err, size), *a, *sorted, *s;
	size_t i;

	/* Contexts stand in order of creation, and so do their ids, but for local which may come later. */
	a = json_object_get(j, "services");
	sorted = json_array();
	for (int64_t id = 1; id <= vpn_context_count(sh_tree(sh)); id++)
		json_array_foreach(a, i, s) if (render_num(s, "context_id") == id)
		        json_array_append(sorted, s);
	json_object_set_new(j, "services", sorted);
	return j;
}

/* --- counters
 * -----------------------------------------------------------------------------------------------------------------
 */

json_t *sh_wsg_statistics_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	const char *name = cli_cmd_str(cmd, "name");
	json_t *counters = sh_counters(sh, "wsg", err, size), *j, *s, *c;
	char key[COUNTERS_KEY_MAX];
	size_t i;

	if (!counters)
		return NULL;
	j = named(sh, name, err, size);
	json_array_foreach(json_object_get(j, "services"), i, s)
	{
		snprintf(key, sizeof(key), "%s/%s", render_str(s, "context"), render_str(s, "name"));
		c = json_object_get(counters, key);
		json_object_set_new(s, "counters", c ? json_incref(c) : json_object());
	}
	json_decref(counters);
	return j;
}

/* The counters of a context, begun with none. */
static json_t *of_context(json_t *list, const char *context)
{
	json_t *o, *counters = json_object();
	size_t i;

	json_array_foreach(list, i, o) if (!strcmp(render_str(o, "context"), context))
	{
		json_decref(counters);
		return json_object_get(o, "counters");
	}
	json_array_append_new(list, json_pack("{s:s, s:o}", "context", context, "counters", counters));
	return counters;
}

static void add_counters(json_t *sum, json_t *one)
{
	const char *key;
	json_t *v;

	json_object_foreach(one, key, v)
	        json_object_set_new(sum, key, json_integer(render_num(sum, key) + json_integer_value(v)));
}

/* The template of a service of this name, or the template or map of this name itself, in this context; NULL.
 */
static const char *name_in(const struct cfg_tree *t, const struct cfg_node *ctx, const struct cli_cmd *cmd)
{
	const char *service = cli_cmd_str(cmd, "service"), *tag = cli_cmd_str(cmd, "tag");
	const struct cfg_node *svc = service ? cfg_child_named(t, ctx, "wsg-service", service) : NULL;

	if (service)
		return svc ? cfg_get(t, svc, "bind-address", "template") : NULL;
	return cfg_child_named(t, ctx, "crypto-template", tag) || cfg_child_named(t, ctx, "crypto-map", tag)
	               ? tag
	               : NULL;
}

static void add_key(json_t *keys, const struct cfg_node *ctx, const char *name)
{
	char key[COUNTERS_KEY_MAX];

	if (!name)
		return;
	snprintf(key, sizeof(key), "%.79s/%.127s", cfg_key(ctx, 0), name);
	json_array_append_new(keys, json_string(key));
}

json_t *sh_ike_statistics_keys(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	const char *service = cli_cmd_str(cmd, "service");
	const struct cfg_tree *t = sh_tree(sh);
	const struct cfg_node *ctx = cfg_child_named(t, t->root, "context", sh->s.context);
	json_t *keys = json_array();

	if (ctx)
		add_key(keys, ctx, name_in(t, ctx, cmd));
	if (!json_array_size(keys))
		cfg_foreach(ctx, t->root, "context") add_key(keys, ctx, name_in(t, ctx, cmd));
	if (json_array_size(keys))
		return keys;
	if (service)
		snprintf(err, size, "Failure: wsg-service %s does not exist, or is not bound", service);
	else
		snprintf(err, size, "Failure: no crypto template or map %s is configured",
		         cli_cmd_str(cmd, "tag"));
	json_decref(keys);
	return NULL;
}

/* Of one of those keys only; keys NULL: of a context, all it has. */
static void add_object(json_t *list, json_t *keys, const char *key, json_t *counters)
{
	const char *slash = strchr(key, '/'), *name = slash ? slash + 1 : key;
	char context[COUNTERS_KEY_MAX];
	json_t *k;
	size_t i;

	snprintf(context, sizeof(context), "%.*s", slash ? (int)(slash - key) : 0, key);
	if (!keys && slash)
		add_counters(of_context(list, context), counters);
	else if (!keys)
		json_array_append_new(list, json_pack("{s:s, s:O}", "name", key, "counters", counters));
	json_array_foreach(keys, i, k) if (!strcmp(json_string_value(k), key)) json_array_append_new(
	        list, json_pack("{s:s, s:O}", "name", json_array_size(keys) > 1 ? key : name, "counters",
	                        counters));
}

/* IKEv2 counters are kept by contexts with crypto templates and maps: a context's are those of all it has, a
 * service's those of its template. */
json_t *sh_ike_statistics_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	bool all = !cli_cmd_has(cmd, "service") && !cli_cmd_has(cmd, "tag");
	json_t *keys = all ? NULL : sh_ike_statistics_keys(sh, cmd, err, size),
	       *counters = all || keys ? sh_counters(sh, "ikev2", err, size) : NULL, *list, *c;
	const char *key;

	if (!counters) {
		json_decref(keys);
		return NULL;
	}
	list = json_array();
	json_object_foreach(counters, key, c) add_object(list, keys, key, c);
	json_decref(keys);
	json_decref(counters);
	return json_pack("{s:o}", "objects", list);
}
