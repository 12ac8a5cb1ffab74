/* SPDX-License-Identifier: MIT */
/*
 * Crypto maps, ISAKMP policies, crypto groups and vendor policies as the configuration of the session's
 * context has them, defaults filled in. Of keys only the size is told. Maps of IKE version 2 look like
 * templates and are collected as such; whether they can be used their managers say.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli_show.h"

static void put_str(json_t *o, const char *key, const char *value)
{
	json_object_set_new(o, key, json_string(value ? value : ""));
}

/* {context, KEY: list}, or NULL with a failure text when a name was asked for and is not there. Adopts list.
 */
static json_t *answer(struct sh *sh, const char *key, json_t *list, const char *what, const char *name,
                      char *err, size_t size)
{
	if (!name || json_array_size(list))
		return json_pack("{s:s, s:o}", "context", sh->s.context, key, list);
	snprintf(err, size, "Failure: %s %s does not exist in context %s", what, name, sh->s.context);
	json_decref(list);
	return NULL;
}

/* --- parts of maps
 * ------------------------------------------------------------------------------------------------ */

/* The access lists of a map or group with their rules. */
static json_t *lists_json(const struct cfg_tree *t, const struct cfg_node *ctx, const struct cfg_node *map)
{
	const struct cfg_node *m, *acl, *rule;
	json_t *all = json_array(), *rules;
	char line[512];

	cfg_foreach(m, map, "match-address")
	{
		rules = json_array();
		acl = cfg_child(t, ctx, "ip-access-list", m->key);
		for (rule = acl ? cfg_first(acl, NULL) : NULL; rule; rule = cfg_next(rule, NULL))
			if (!cli_render_line(rule->row, rule->args, rule->negated, line, sizeof(line)))
				json_array_append_new(rules, json_string(line));
		json_array_append_new(all, json_pack("{s:s, s:o}", "name", cfg_key(m, 0), "rules", rules));
	}
	return all;
}

static json_t *set_json(const struct cfg_tree *t, const struct cfg_node *set)
{
	json_t *o = json_object();
	const char *cipher = cfg_arg(set, "cipher");

	put_str(o, "name", cfg_key(set, 0));
	put_str(o, "ah", cfg_arg(set, "ah") ? cfg_arg(set, "ah") : "none");
	put_str(o, "esp", cfg_arg(set, "esp"));
	put_str(o, "cipher", cipher ? cipher : "none");
	put_str(o, "mode", cfg_get(t, set, "mode", "mode"));
	return o;
}

static json_t *sets_json(const struct cfg_tree *t, const struct cfg_node *ctx, const struct cfg_node *map)
{
	const struct cfg_node *list = cfg_child(t, map, "set-transform-set", NULL), *set;
	const char *name;
	json_t *a = json_array();

	for (unsigned i = 0; list && (name = cfg_arg_nth(list, "set", i)); i++) {
		set = cfg_child_named(t, ctx, "crypto-ipsec-transform-set", name);
		if (set)
			json_array_append_new(a, set_json(t, set));
	}
	return a;
}

/* The two directions of a manual map. The algorithms are those of its transform set. */
static json_t *flows_json(struct sh *sh, const struct cfg_node *map)
{
	const struct cfg_node *n;
	json_t *a = json_array();

	cfg_foreach(n, map, "set-session-key") json_array_append_new(
	        a, json_pack("{s:s, s:s, s:I, s:I, s:I}", "direction", cfg_arg(n, "direction"), "protocol",
	                     cfg_arg(n, "protocol"), "spi", (json_int_t)cfg_arg_int(n, "spi", 0),
	                     "cipher_size", (json_int_t)sh_key_size(sh, cfg_arg(n, "cipher")), "hmac_size",
	                     (json_int_t)sh_key_size(sh, cfg_arg(n, "key") ? cfg_arg(n, "key")
	                                                                   : cfg_arg(n, "authenticator"))));
	return a;
}

/* The address of the interface that the map is applied to. */
static const char *gateway(const struct cfg_tree *t, const struct cfg_node *ctx, const char *name)
{
	const struct cfg_node *i, *a;

	cfg_foreach(i, ctx, "interface")
	{
		const char *map = cfg_get(t, i, "crypto-map", "map");

		if (!map || strcmp(map, name))
			continue;
		a = cfg_child(t, i, "ip-address", NULL);
		return a ? cfg_arg(a, "address") : "";
	}
	return "";
}

static json_t *map_json(struct sh *sh, const struct cfg_node *ctx, const struct cfg_node *map)
{
	const struct cfg_tree *t = sh_tree(sh);
	const char *type = cfg_arg(map, "type"), *name = cfg_key(map, 0);
	json_t *o;

	if (!strncmp(type, "ikev2-", 6)) {
		o = sh_template_json(sh, map, ctx);
		put_str(o, "remote_gateway", cfg_get(t, map, "peer", "address"));
	} else {
		o = json_object();
		put_str(o, "name", name);
		put_str(o, "type", type);
		put_str(o, "mode", cfg_get(t, map, "set-mode", "mode"));
		put_str(o, "pfs", cfg_get(t, map, "set-pfs", "group"));
		json_object_set_new(
		        o, "key_size",
		        json_integer(sh_key_size(sh, cfg_get(t, map, "set-isakmp-preshared-key", "key"))));
		json_object_set_new(o, "lifetime_s",
		                    json_integer(cfg_get_int(t, map, "set-security-association-lifetime",
		                                             "seconds", 28800)));
		json_object_set_new(o, "lifetime_kb",
		                    json_integer(cfg_get_int(t, map, "set-security-association-lifetime",
		                                             "kilobytes", 4608000)));
		json_object_set_new(o, "transforms", sets_json(t, ctx, map));
		json_object_set_new(o, "flows", flows_json(sh, map));
		put_str(o, "remote_gateway", cfg_get(t, map, "set-peer", "address"));
	}
	json_object_set_new(o, "access_lists", lists_json(t, ctx, map));
	put_str(o, "local_gateway", gateway(t, ctx, name));
	return o;
}

/* What the context's managers say of maps they can't serve, and ipsecctrl of those that have none. */
static json_t *closed_json(struct sh *sh)
{
	char dst[40], why[256];
	json_t *all = json_array(), *managers = sh_show(sh, "ipsecctrl/0", "managers", "", why, sizeof(why)),
	       *m, *one;
	size_t i;

	json_array_foreach(json_object_get(managers, "managers"), i, m)
	{
		if (strcmp(render_str(m, "ctx"), sh->s.context) || !strcmp(render_str(m, "state"), "Down"))
			continue;
		snprintf(dst, sizeof(dst), "ipsecmgr/%lld", render_num(m, "instance"));
		one = sh_show(sh, dst, "closed-maps", "", why, sizeof(why));
		json_array_extend(all, json_object_get(one, "maps"));
		json_decref(one);
	}
	json_array_foreach(json_object_get(managers, "maps_without"), i,
	                   m) if (!strcmp(render_str(m, "ctx"), sh->s.context))
	        json_array_append_new(all, json_pack("{s:s, s:s}", "map", render_str(m, "name"), "why",
	                                             render_str(m, "why")));
	json_decref(managers);
	return all;
}

static void put_closed(json_t *maps, const json_t *closed)
{
	json_t *m, *c;
	size_t i, k;

	json_array_foreach(maps, i, m) json_array_foreach(closed, k, c)
	{
		if (strcmp(render_str(m, "name"), render_str(c, "map")))
			continue;
		json_object_set(m, "unusable", json_object_get(c, "why"));
		if (json_object_get(c, "dropped"))
			json_object_set(m, "dropped", json_object_get(c, "dropped"));
	}
}

/* Is a map of the type that was asked for? ipsec-isakmp and ipsec-ikev1 are the same. */
static bool wanted(const struct cfg_node *map, const char *type)
{
	const char *is = cfg_arg(map, "type");

	if (!type || !strncmp(type, is, strlen(is)))
		return true;
	return (!strcmp(type, "ipsec-isakmp") && !strcmp(is, "ipsec-ikev1")) ||
	       (!strcmp(type, "ipsec-ikev1") && !strcmp(is, "ipsec-isakmp"));
}

json_t *sh_map_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	const struct cfg_node *ctx = sh_context_node(sh, err, size), *n;
	const char *tag = cli_cmd_str(cmd, "tag"), *type = cli_cmd_str(cmd, "kind");
	json_t *a, *closed;

	if (!ctx)
		return NULL;
	a = json_array();
	cfg_foreach(n, ctx, "crypto-map") if ((!tag || !strcmp(tag, cfg_key(n, 0))) && wanted(n, type))
	        json_array_append_new(a, map_json(sh, ctx, n));
	closed = json_array_size(a) ? closed_json(sh) : NULL;
	put_closed(a, closed);
	json_decref(closed);
	return answer(sh, "maps", a, "crypto map", tag, err, size);
}

/* --- transform sets and policies of IKE version 1
 * ----------------------------------------------------------------- */

json_t *sh_ikev1_sets_json(struct sh *sh, const struct cfg_node *ctx, const char *name)
{
	const struct cfg_node *n;
	json_t *a = json_array();

	cfg_foreach(n, ctx, "crypto-ipsec-transform-set") if (!name || !strcmp(name, cfg_key(n, 0)))
	        json_array_append_new(a, set_json(sh_tree(sh), n));
	return a;
}

static int by_priority(const void *a, const void *b)
{
	const struct cfg_node *const *x = a, *const *y = b;

	return atoi(cfg_key(*x, 0)) - atoi(cfg_key(*y, 0));
}

#define POLICIES_MAX 101

json_t *sh_isakmp_policy_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	const struct cfg_node *ctx = sh_context_node(sh, err, size), *n, *v[POLICIES_MAX];
	const struct cfg_tree *t = sh_tree(sh);
	const char *only = cli_cmd_str(cmd, "priority");
	unsigned count = 0;
	json_t *a, *o;

	if (!ctx)
		return NULL;
	cfg_foreach(n, ctx, "ikev1-policy") if ((!only || !strcmp(only, cfg_key(n, 0))) &&
	                                        count < POLICIES_MAX) v[count++] = n;
	qsort(v, count, sizeof(v[0]), by_priority);
	a = json_array();
	for (unsigned i = 0; i < count; i++) {
		o = json_pack("{s:i, s:I}", "priority", atoi(cfg_key(v[i], 0)), "lifetime_s",
		              (json_int_t)cfg_get_int(t, v[i], "lifetime", "seconds", 86400));
		put_str(o, "authentication", cfg_get(t, v[i], "authentication", "method"));
		put_str(o, "group", cfg_get(t, v[i], "group", "group"));
		put_str(o, "hash", cfg_get(t, v[i], "hash", "hash"));
		put_str(o, "encryption", cfg_get(t, v[i], "encryption", "encryption"));
		json_array_append_new(a, o);
	}
	return answer(sh, "policies", a, "ISAKMP policy", only, err, size);
}

/* --- groups and vendor policies
 * ----------------------------------------------------------------------------------- */

/* The map that is the primary or secondary tunnel of a group. */
static const char *map_of(const struct cfg_tree *t, const struct cfg_node *ctx, const char *group,
                          const char *role)
{
	const struct cfg_node *m, *n;

	cfg_foreach(m, ctx, "crypto-map")
	{
		n = cfg_child(t, m, "match-crypto-group", NULL);
		if (n && !strcmp(cfg_arg(n, "group"), group) && !strcmp(cfg_arg(n, "role"), role))
			return cfg_key(m, 0);
	}
	return "";
}

json_t *sh_group_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	const struct cfg_node *ctx = sh_context_node(sh, err, size), *n, *p, *sw, *dpd;
	const struct cfg_tree *t = sh_tree(sh);
	const char *name = cli_cmd_str(cmd, "name");
	json_t *a, *o, *pools;

	if (!ctx)
		return NULL;
	a = json_array();
	dpd = cfg_child(t, ctx, "ikev1-keepalive-dpd-interval", NULL);
	cfg_foreach(n, ctx, "crypto-group")
	{
		if (name && strcmp(name, cfg_key(n, 0)))
			continue;
		sw = cfg_child(t, n, "switchover-auto", NULL);
		pools = json_array();
		cfg_foreach(p, n, "match-ip-pool-pool-name")
		        json_array_append_new(pools, json_string(cfg_key(p, 0)));
		o = json_pack("{s:o, s:o, s:b}", "pools", pools, "access_lists", lists_json(t, ctx, n),
		              "revert", !sw || !cfg_has(sw, "do-not-revert"));
		put_str(o, "name", cfg_key(n, 0));
		put_str(o, "primary", map_of(t, ctx, cfg_key(n, 0), "primary"));
		put_str(o, "secondary", map_of(t, ctx, cfg_key(n, 0), "secondary"));
		if (dpd)
			json_object_set_new(o, "dpd",
			                    json_pack("{s:I, s:I, s:I}", "interval",
			                              (json_int_t)cfg_arg_int(dpd, "interval", 10), "timeout",
			                              (json_int_t)cfg_arg_int(dpd, "timeout", 10), "retries",
			                              (json_int_t)cfg_arg_int(dpd, "retries", 2)));
		json_array_append_new(a, o);
	}
	return answer(sh, "groups", a, "crypto group", name, err, size);
}

static json_t *vendors_json(const struct cfg_node *policy)
{
	json_t *a = json_array(), *o;
	const struct cfg_node *n;

	/* by precedence, which is 1 to 64 */
	for (int i = 1; i <= 64; i++)
		cfg_foreach(n, policy, "precedence")
		{
			if (atoi(cfg_key(n, 0)) != i)
				continue;
			o = json_pack("{s:i}", "precedence", i);
			put_str(o, "vendor_id", cfg_arg(n, "vendor-id"));
			put_str(o, "template", cfg_arg(n, "template"));
			json_array_append_new(a, o);
		}
	return a;
}

json_t *sh_vendor_policy_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	const struct cfg_node *ctx = sh_context_node(sh, err, size), *n;
	const char *name = cli_cmd_str(cmd, "name");
	json_t *a;

	if (!ctx)
		return NULL;
	a = json_array();
	cfg_foreach(n, ctx, "crypto-vendor-policy") if (!name || !strcmp(name, cfg_key(n, 0)))
	        json_array_append_new(
	                a, json_pack("{s:s, s:o}", "name", cfg_key(n, 0), "vendors", vendors_json(n)));
	return answer(sh, "policies", a, "crypto vendor-policy", name, err, size);
}
