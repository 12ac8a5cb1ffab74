/* SPDX-License-Identifier: MIT */
/*
 * Rules of services, their peer lists and templates, of the chassis, thresholds, pools and redundancy. Table:
 * cfg_rules.c. IPSec Reference chapters 1, 9, 18, 27, 29.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfg/cfg_rules.h"
#include "cfg/cfg_user.h"
#include "net/addr.h"
#include "secret/passwd.h"

/* --- the gateway as initiator --- */

int rule_deployment_mode(const struct cfg_line *l, char *err, size_t len)
{
	const struct cfg_node *list = cfg_child(l->t, l->block, "peer-list", NULL);
	const char *now = cfg_get(l->t, l->block, "deployment-mode", "mode");
	const char *then = l->going ? NULL : cfg_line_arg(l, "mode");

	if (!list || (now && then && !strcmp(now, then)))
		return 0;
	return cfg_rule_complain(
	        err, len, "peer-list %.32s is configured; remove it before the deployment mode changes",
	        cfg_arg(list, "list"));
}

/* "ipv4" or "ipv6" of an address; "" when it is none. */
static const char *family_of(const char *address)
{
	struct net_addr a;

	if (!address || net_addr_parse(&a, address))
		return "";
	return a.family == AF_INET ? "ipv4" : "ipv6";
}

static const char *list_family(const struct cfg_node *service, const char *list)
{
	const struct cfg_node *n = cfg_named(cfg_context_of(service), "crypto-peer-list", list);

	return n ? cfg_arg(n, "family") : NULL;
}

int rule_service_peer_list(const struct cfg_line *l, char *err, size_t len)
{
	const char *mode = cfg_get(l->t, l->block, "deployment-mode", "mode");
	const char *name = cfg_line_arg(l, "list"), *family = list_family(l->block, name);
	const char *address = cfg_get(l->t, l->block, "bind-address", "address");

	if (!mode || strcmp(mode, "site-to-site"))
		return cfg_rule_complain(err, len, "peer-list needs deployment-mode site-to-site; it is %s",
		                         mode ? mode : "not configured");
	if (!family)
		return cfg_rule_complain(err, len, "crypto-peer-list %.32s is not configured", name);
	if (address && strcmp(family, family_of(address)))
		return cfg_rule_complain(err, len,
		                         "peer-list %.32s is of type %s, the service is bound to %s", name,
		                         family, address);
	return 0;
}

int rule_service_bind(const struct cfg_line *l, char *err, size_t len)
{
	const struct cfg_node *list = cfg_child(l->t, l->block, "peer-list", NULL);
	const char *family = list ? list_family(l->block, cfg_arg(list, "list")) : NULL;
	const char *address = cfg_line_arg(l, "address");

	if (!family || !strcmp(family, family_of(address)))
		return 0;
	return cfg_rule_complain(err, len, "%s can not be bound: peer-list %.32s is of type %s", address,
	                         cfg_arg(list, "list"), family);
}

int rule_peer_list_in_use(const struct cfg_line *l, char *err, size_t len)
{
	bool whole = !strcmp(l->row->id, "crypto-peer-list");
	const struct cfg_node *list = whole ? l->self : l->block, *ctx = cfg_context_of(l->block), *s;

	if (!list || !ctx || (l->self && !l->going))
		return 0;
	cfg_foreach(s, ctx, "wsg-service")
	{
		const char *used = cfg_get(l->t, s, "peer-list", "list");

		if (used && !strcmp(used, cfg_name(list)))
			return cfg_rule_complain(
			        err, len,
			        "peer-list %.32s is in use by wsg-service %.63s and can not be changed", used,
			        cfg_name(s));
	}
	return 0;
}

/* --- can a bound service serve? --- */

/* EAP is passed on; a profile that ends it here can't be used. */
static bool ends_eap(const struct cfg_tree *t, const struct cfg_node *tmpl)
{
	const struct cfg_node *n = cfg_child(t, tmpl, "authentication-remote", NULL), *profile;
	const char *mode;

	if (!n || !cfg_arg(n, "eap-profile"))
		n = cfg_child(t, tmpl, "authentication-eap-profile", NULL);
	if (!n)
		return false;
	profile = cfg_named(cfg_context_of(tmpl), "eap-profile", cfg_arg(n, "eap-profile"));
	mode = profile ? cfg_get(t, profile, "mode", "mode") : NULL;
	return mode && !strcmp(mode, "authenticator-terminate");
}

static const char *template_lacks(const struct cfg_tree *t, const struct cfg_node *tmpl)
{
	const struct cfg_node *local = cfg_child(t, tmpl, "authentication-local", NULL);
	const struct cfg_node *remote = cfg_child(t, tmpl, "authentication-remote", NULL);
	bool sets = cfg_child(t, tmpl, "ikev2-ikesa-auth-method-set-list", NULL);
	bool both = sets || cfg_child(t, tmpl, "authentication-pre-shared-key", NULL);
	bool eap = cfg_child(t, tmpl, "authentication-eap-profile", NULL);

	if (!cfg_first(tmpl, "payload"))
		return "payload";
	if (!local && !both)
		return "authentication local";
	if (!remote && !both && !eap)
		return "authentication remote";
	if (ends_eap(t, tmpl))
		return "eap-profile of mode authenticator-pass-through: EAP is not ended here";
	if (local && cfg_arg(local, "method") && !strcmp(cfg_arg(local, "method"), "certificate") &&
	    !cfg_child(t, tmpl, "certificate", NULL))
		return "certificate, which authentication local certificate needs";
	if (remote && cfg_arg(remote, "method") && !strcmp(cfg_arg(remote, "method"), "certificate") &&
	    !cfg_child(t, tmpl, "ca-certificate-list", NULL))
		return "ca-certificate list, which authentication remote certificate needs";
	return NULL;
}

static const struct cfg_node *bound_template(const struct cfg_line *l)
{
	const struct cfg_node *bind = l->self ? cfg_child(l->t, l->self, "bind-address", NULL) : NULL;

	return bind ? cfg_named(cfg_context_of(l->block), "crypto-template", cfg_arg(bind, "template"))
	            : NULL;
}

int rule_service_complete(const struct cfg_line *l, char *err, size_t len)
{
	const struct cfg_node *tmpl = bound_template(l);
	const char *what = tmpl ? template_lacks(l->t, tmpl) : NULL;

	return what ? cfg_rule_complain(err, len, "crypto template %.127s has no %s", cfg_name(tmpl), what)
	            : 0;
}

int rule_service_mobike(const struct cfg_line *l, char *err, size_t len)
{
	const struct cfg_node *tmpl = bound_template(l);
	const char *mode = l->self ? cfg_get(l->t, l->self, "deployment-mode", "mode") : NULL;

	if (!tmpl || !mode || strcmp(mode, "site-to-site") || !cfg_on(l->t, tmpl, "ikev2-ikesa-mobike"))
		return 0;
	return cfg_rule_complain(
	        err, len, "crypto template %.127s has ikev2-ikesa mobike, which works for remote-access only",
	        cfg_name(tmpl));
}

/* --- the chassis --- */

int rule_ipsec_large_first(const struct cfg_line *l, char *err, size_t len)
{
	const char *card = cfg_get(l->t, l->t->root, "require-demux", "card");

	if (l->self || !card || strcmp(card, "management-card"))
		return 0;
	return cfg_rule_complain(
	        err, len, "require ipsec-large must be configured before require demux management-card");
}

/* Some alarms are raised when a value falls: what is left of something. */
static bool falling(const char *threshold)
{
	return threshold && (strstr(threshold, "available") || strstr(threshold, "free") ||
	                     strstr(threshold, "remaining"));
}

int rule_threshold_clear(const struct cfg_line *l, char *err, size_t len)
{
	bool percent = cli_grammar_var(l->row, "high-percent");
	const char *high = cfg_line_arg(l, percent ? "high-percent" : "high");
	const char *low = cfg_line_arg(l, percent ? "low-percent" : "low");
	bool down = falling(cfg_args_get(l->args, l->row->key[0]));

	if (!high || !low || (down ? atoll(low) >= atoll(high) : atoll(low) <= atoll(high)))
		return 0;
	return cfg_rule_complain(
	        err, len,
	        "Invalid value %s for the clear value; the alarm is raised at %s and cleared at %s or %s",
	        low, high, high, down ? "above" : "below");
}

int rule_pool_range(const struct cfg_line *l, char *err, size_t len)
{
	const char *start = cfg_line_arg(l, "start"), *end = cfg_line_arg(l, "end");
	struct net_addr a, b;

	if (!start || !end || net_addr_parse(&a, start) || net_addr_parse(&b, end) ||
	    net_addr_compare(&a, &b) <= 0)
		return 0;
	return cfg_rule_complain(err, len, "Invalid value %s for <end>; the range starts at %s", end, start);
}

int rule_srp_dead_interval(const struct cfg_line *l, char *err, size_t len)
{
	int64_t hello, dead;

	if (!l->self)
		return 0;
	hello = cfg_get_int(l->t, l->self, "hello-interval", "seconds", 10);
	dead = cfg_get_int(l->t, l->self, "dead-interval", "seconds", 30);
	if (dead >= 3 * hello)
		return 0;
	return cfg_rule_complain(
	        err, len,
	        "Invalid value %lld for dead-interval; it must be at least %lld, three hello intervals",
	        (long long)dead, 3 * (long long)hello);
}

int rule_expiry_date(const struct cfg_line *l, char *err, size_t len)
{
	const char *date = cfg_args_get(l->args, "date");

	return date && cfg_user_date(date) < 0
	               ? cfg_rule_complain(err, len,
	                                   "Invalid expiry-date %s; a date as in 2030:12:31:23:59 or "
	                                   "2030:12:31:23:59:59 is expected",
	                                   date)
	               : 0;
}

/* A hash says when it was made; one of an earlier release does not. */
int rule_password_age(const struct cfg_line *l, char *err, size_t len)
{
	const char *age = cfg_args_get(l->args, "age"), *hash = cfg_args_get(l->args, "password");

	if (!age || !strcmp(age, "0") || !hash || passwd_made(hash))
		return 0;
	return cfg_rule_complain(
	        err, len, "when this password was set is not known, so that it does not age: set it again");
}
