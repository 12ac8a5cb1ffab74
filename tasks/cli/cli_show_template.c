/* SPDX-License-Identifier: MIT */
/* Crypto templates and transform sets as the configuration has them, defaults filled in. Of keys only the
 * size is shown. */
#include <stdlib.h>
#include <string.h>

#include "cli_show.h"
#include "secret/secret.h"

static void set_str(json_t *o, const char *key, const char *value)
{
	json_object_set_new(o, key, json_string(value ? value : ""));
}

static void set_int(json_t *o, const char *key, int64_t v)
{
	json_object_set_new(o, key, json_integer(v));
}

static void set_bool(json_t *o, const char *key, bool v)
{
	json_object_set_new(o, key, json_boolean(v));
}

/* A single setting that is configured and not negated. */
static const struct cfg_node *given(const struct cfg_tree *t, const struct cfg_node *n, const char *row)
{
	const struct cfg_node *x = cfg_child(t, n, row, NULL);

	return x && !x->negated ? x : NULL;
}

/* --- transform sets
 * ----------------------------------------------------------------------------------------------- */

static json_t *set_json(const struct cfg_tree *t, const struct cfg_node *set, bool child)
{
	json_t *o = json_object();

	set_str(o, "name", cfg_key(set, 0));
	set_str(o, "encryption", cfg_get(t, set, "encryption", "encryption"));
	set_str(o, "hmac", cfg_get(t, set, "hmac", "hmac"));
	set_str(o, "group", cfg_get(t, set, "group", "group"));
	if (child) {
		set_str(o, "mode", cfg_get(t, set, "mode", "mode"));
		set_bool(o, "esn", cfg_on(t, set, "esn"));
	} else {
		set_str(o, "prf", cfg_get(t, set, "prf", "prf"));
		set_int(o, "lifetime_s", cfg_get_int(t, set, "lifetime", "seconds", 86400));
	}
	return o;
}

static json_t *sets_collect(struct sh *sh, const struct cli_cmd *cmd, bool child, char *err, size_t size)
{
	const char *row = child ? "ipsec-transform-set" : "ikev2-ikesa-transform-set",
	           *name = cli_cmd_str(cmd, "name");
	const struct cfg_node *ctx = sh_context_node(sh, err, size), *n;
	json_t *a, *v1 = NULL;

	if (!ctx)
		return NULL;
	a = json_array();
	cfg_foreach(n, ctx, row) if (!name || !strcmp(name, cfg_key(n, 0)))
	        json_array_append_new(a, set_json(sh_tree(sh), n, child));
	if (child)
		v1 = sh_ikev1_sets_json(sh, ctx, name);
	if (name && !json_array_size(a) && !json_array_size(v1)) {
		json_decref(v1);
		snprintf(err, size, "Failure: transform set %s does not exist in context %s", name,
		         sh->s.context);
		json_decref(a);
		return NULL;
	}
	return json_pack("{s:s, s:o, s:o*}", "context", sh->s.context, "sets", a, "ikev1_sets", v1);
}

json_t *sh_ipsec_sets_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sets_collect(sh, cmd, true, err, size);
}

json_t *sh_ikev2_sets_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sets_collect(sh, cmd, false, err, size);
}

/* The sets that a template or payload names, in order of preference. */
static json_t *named_sets(const struct cfg_tree *t, const struct cfg_node *block, const struct cfg_node *ctx,
                          bool child)
{
	const struct cfg_node *list = given(t, block,
	                                    child ? "ipsec-transform-set-list"
	                                          : "ikev2-ikesa-transform-set-list"),
	                      *set;
	const char *name;
	json_t *a = json_array();

	for (unsigned i = 0; list && (name = cfg_arg_nth(list, "set", i)); i++) {
		set = cfg_child_named(t, ctx, child ? "ipsec-transform-set" : "ikev2-ikesa-transform-set",
		                      name);
		if (set)
			json_array_append_new(a, set_json(t, set, child));
	}
	return a;
}

/* --- templates
 * -------------------------------------------------------------------------------------------------------- */

int64_t sh_key_size(struct sh *sh, const char *key)
{
	char clear[1024];

	if (!key)
		return 0;
	if (!secret_is_sealed(key))
		return (int64_t)strlen(key);
	if (!sh->s.hooks.unseal || sh->s.hooks.unseal(sh->s.hooks.arg, key, clear, sizeof(clear)))
		return 0;
	int64_t n = (int64_t)strlen(clear);

	explicit_bzero(clear, sizeof(clear));
	return n;
}

static json_t *auth_json(struct sh *sh, const struct cfg_node *tmpl, const char *row)
{
	const struct cfg_node *n = given(sh_tree(sh), tmpl, row);
	json_t *a = json_array();

	if (!n && !strcmp(row, "authentication-remote"))
		n = given(sh_tree(sh), tmpl, "authentication-eap-profile");
	if (!n) /* one line for both sides */
		n = given(sh_tree(sh), tmpl, "authentication-pre-shared-key");
	if (n)
		json_array_append_new(
		        a, json_pack("{s:s, s:I, s:s}", "method",
		                     cfg_arg(n, "method")        ? cfg_arg(n, "method")
		                     : cfg_arg(n, "eap-profile") ? "eap-profile"
		                                                 : "pre-shared-key",
		                     "size", (json_int_t)sh_key_size(sh, cfg_arg(n, "key")), "profile",
		                     cfg_arg(n, "eap-profile") ? cfg_arg(n, "eap-profile") : ""));
	return a;
}

/* The peer's side is what the peer asks for, or the address it is given. */
static json_t *remote_json(const char *tsi, const json_t *payload)
{
	bool endpoint = tsi && !strcmp(tsi, "endpoint"),
	     assigned = !tsi && !strcmp(render_str(payload, "allocation"), "dynamic");

	return json_pack("[{s:s, s:s}]", "start",
	                 endpoint   ? "endpoint"
	                 : assigned ? "assigned address"
	                            : "any",
	                 "end",
	                 endpoint   ? "endpoint"
	                 : assigned ? ""
	                            : "any");
}

static json_t *payload_json(const struct cfg_tree *t, const struct cfg_node *p, const struct cfg_node *ctx)
{
	const struct cfg_node *n;
	const char *match = cfg_arg(p, "match");
	json_t *o = json_object(), *local = json_array();

	set_str(o, "name", cfg_key(p, 0));
	set_str(o, "kind",
	        !match || !strcmp(match, "any") ? "Generic"
	        : !strcmp(match, "ipv4")        ? "IPv4"
	                                        : "IPv6");
	cfg_foreach(n, p, "tsr")
	        json_array_append_new(local, json_pack("{s:s, s:s}", "start", cfg_key(n, 0), "end",
	                                               cfg_key(n, 1) ? cfg_key(n, 1) : ""));
	json_object_set_new(o, "local", local);
	set_str(o, "allocation", cfg_get(t, p, "ip-address-allocation", "kind"));
	json_object_set_new(o, "remote", remote_json(cfg_get(t, p, "tsi", "address"), o));
	json_object_set_new(o, "transforms", named_sets(t, p, ctx, true));
	set_bool(o, "rekey", cfg_on(t, p, "rekey"));
	set_int(o, "lifetime_s", cfg_get_int(t, p, "lifetime", "seconds", 86400));
	set_int(o, "maximum_child_sa", cfg_get_int(t, p, "maximum-child-sa", "count", 1));
	return o;
}

static json_t *ddos_value(const struct cfg_tree *t, const struct cfg_node *tmpl, const char *row,
                          const char *var, int64_t dflt)
{
	const struct cfg_node *n = cfg_child(t, tmpl, row, NULL);

	return json_pack("{s:I, s:b, s:b}", "value", (json_int_t)cfg_get_int(t, tmpl, row, var, dflt),
	                 "default", n == NULL, "off", n && n->negated);
}

static void set_ddos(json_t *o, const struct cfg_tree *t, const struct cfg_node *tmpl)
{
	json_t *d = json_object();

	json_object_set_new(d, "half_open_timer",
	                    ddos_value(t, tmpl, "ikev2-ikesa-ddos-half-open-sa-timer", "seconds", 60));
	json_object_set_new(d, "decrypt_fail_count",
	                    ddos_value(t, tmpl, "ikev2-ikesa-ddos-decrypt-fail-count", "count", 30));
	json_object_set_new(d, "message_queue_size",
	                    ddos_value(t, tmpl, "ikev2-ikesa-ddos-message-queue-size", "messages", 20));
	json_object_set_new(d, "rekey_rate", ddos_value(t, tmpl, "ikev2-ikesa-ddos-rekey-rate", "rate", 5));
	json_object_set_new(d, "max_cert_size",
	                    ddos_value(t, tmpl, "ikev2-ikesa-ddos-max-cert-size", "bytes", 2048));
	json_object_set_new(o, "ddos", d);
}

static void set_texts(json_t *o, const struct cfg_tree *t, const struct cfg_node *tmpl)
{
	const struct cfg_node *keep = given(t, tmpl, "keepalive"),
	                      *id = given(t, tmpl, "identity-local-id-type");
	const struct cfg_node *idr = given(t, tmpl, "nai-idr"),
	                      *secrets = given(t, tmpl, "remote-secret-list");
	const struct cfg_node *cookie = given(t, tmpl, "dos-cookie-challenge-notify-payload");
	const char *df = cfg_get(t, tmpl, "control-dont-fragment", "action"),
	           *over = cfg_get(t, tmpl, "max-childsa", "overload-action");
	char text[160] = "";

	set_str(o, "nai", id ? cfg_arg(id, "id") : idr ? cfg_arg(idr, "idr") : "");
	set_str(o, "remote_secret_list", secrets ? cfg_arg(secrets, "list") : "");
	if (keep)
		snprintf(text, sizeof(text), "Enabled (interval %lld, timeout %lld, retries %lld)",
		         (long long)cfg_arg_int(keep, "interval", 10),
		         (long long)cfg_arg_int(keep, "timeout", 10),
		         (long long)cfg_arg_int(keep, "retries", 2));
	set_str(o, "dead_peer_detection", keep ? text : "Disabled");
	set_str(o, "overload_action", over && !strcmp(over, "terminate") ? "Terminate" : "Ignore");
	if (cookie)
		snprintf(text, sizeof(text), "Enabled (half-open sessions start %lld)",
		         (long long)cfg_arg_int(cookie, "start", 5000));
	set_str(o, "cookie_challenge", cookie ? text : "Disabled");
	set_str(o, "dont_fragment",
	        df && !strcmp(df, "set-bit")     ? "Set bit"
	        : df && !strcmp(df, "clear-bit") ? "Clear bit"
	                                         : "Copy bit from inner header");
	set_str(o, "access_list",
	        cfg_on(t, tmpl, "blacklist")   ? "Blacklist"
	        : cfg_on(t, tmpl, "whitelist") ? "Whitelist"
	                                       : "None");
}

/* Complete: it can be negotiated with: a way to authenticate, a payload, and sets that exist. */
static bool complete(const json_t *o)
{
	return json_array_size(json_object_get(o, "authentication_remote")) +
	               json_array_size(json_object_get(o, "authentication_local")) &&
	       json_array_size(json_object_get(o, "payloads"));
}

/* The address of the service that uses the template. */
static const char *gateway(const struct cfg_tree *t, const struct cfg_node *ctx, const char *name)
{
	const struct cfg_node *svc;

	cfg_foreach(svc, ctx, "wsg-service")
	{
		const struct cfg_node *bind = given(t, svc, "bind-address");
		const char *used = bind ? cfg_arg(bind, "template") : NULL;

		if (used && !strcmp(used, name))
			return cfg_arg(bind, "address");
	}
	return "";
}

json_t *sh_template_json(struct sh *sh, const struct cfg_node *tmpl, const struct cfg_node *ctx)
{
	const struct cfg_tree *t = sh_tree(sh);
	const struct cfg_node *p, *n, *ocsp = given(t, tmpl, "ocsp");
	json_t *o = json_object(), *payloads = json_array();

	set_str(o, "name", cfg_key(tmpl, 0));
	set_str(o, "type", cfg_arg(tmpl, "type"));
	json_object_set_new(o, "ikesa_transforms", named_sets(t, tmpl, ctx, false));
	set_bool(o, "ikesa_rekey", cfg_on(t, tmpl, "ikev2-ikesa-rekey"));
	set_str(o, "dscp", cfg_get(t, tmpl, "ikev2-ikesa-dscp", "dscp"));
	set_bool(o, "mobike", given(t, tmpl, "ikev2-ikesa-mobike") != NULL);
	set_bool(o, "fragmentation", cfg_on(t, tmpl, "ikev2-ikesa-fragmentation"));
	set_int(o, "mtu_ipv4", cfg_get_int(t, tmpl, "ip-ikev2-mtu", "bytes", 1384));
	set_int(o, "mtu_ipv6", cfg_get_int(t, tmpl, "ipv6-ikev2-mtu", "bytes", 1364));
	set_ddos(o, t, tmpl);
	set_bool(o, "ocsp", ocsp != NULL);
	set_bool(o, "ocsp_nonce", !ocsp || cfg_has(ocsp, "nonce"));
	set_texts(o, t, tmpl);
	json_object_set_new(o, "authentication_local", auth_json(sh, tmpl, "authentication-local"));
	json_object_set_new(o, "authentication_remote", auth_json(sh, tmpl, "authentication-remote"));
	n = given(t, tmpl, "certificate");
	set_bool(o, "self_certificate_validation", n && cfg_has(n, "validate"));
	cfg_foreach(p, tmpl, "payload") json_array_append_new(payloads, payload_json(t, p, ctx));
	json_object_set_new(o, "payloads", payloads);
	set_int(o, "max_childsa", cfg_get_int(t, tmpl, "max-childsa", "count", 2));
	set_str(o, "local_gateway", gateway(t, ctx, cfg_key(tmpl, 0)));
	set_str(o, "vendor_policy", cfg_get(t, tmpl, "vendor-policy", "policy"));
	n = cfg_child(t, tmpl, "notify-payload-device-id", NULL);
	if (cli_grammar_row(cfg_mode(t, tmpl), "notify-payload-device-id"))
		json_object_set_new(o, "device_identity",
		                    json_pack("{s:b, s:b}", "on", !n || !n->negated, "default", n == NULL));
	set_bool(o, "complete", complete(o));
	return o;
}

json_t *sh_template_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	const struct cfg_node *ctx = sh_context_node(sh, err, size), *n;
	const char *tag = cli_cmd_str(cmd, "tag"), *kind = cli_cmd_str(cmd, "kind");
	json_t *a;

	if (!ctx)
		return NULL;
	a = json_array();
	cfg_foreach(n, ctx, "crypto-template") if ((!tag || !strcmp(tag, cfg_key(n, 0))) &&
	                                           (!kind || !strcmp(kind, cfg_arg(n, "type"))))
	        json_array_append_new(a, sh_template_json(sh, n, ctx));
	if (tag && !json_array_size(a)) {
		snprintf(err, size, "Failure: crypto template %s does not exist in context %s", tag,
		         sh->s.context);
		json_decref(a);
		return NULL;
	}
	return json_pack("{s:s, s:o}", "context", sh->s.context, "templates", a);
}
