/* SPDX-License-Identifier: MIT */
/*
 * The table of rules that go across settings, and who asks it: cfg_check() for each line (so sct refuses it),
 * the CLI when a block is left (cfg_check_block()), show configuration errors (cfg_check_rules()). The
 * chapters are those of the IPSec Reference. The order of show configuration must satisfy every CFG_RULE_SET
 * row, or what is saved could not be loaded: a rule that depends on a later line belongs to CFG_RULE_EXIT.
 */
#include "cfg/cfg_rules.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cfg/cfg_int.h"

#define TEMPLATES     "crypto-template"
#define IKEV2_MAPS    "crypto-map-ikev2-ipv4 crypto-map-ikev2-ipv6"
#define TEMPLATE_MAPS "crypto-template " IKEV2_MAPS
#define ALL_MAPS      "crypto-map-ikev1 " IKEV2_MAPS
#define SET           CFG_RULE_SET
#define NO            CFG_RULE_NO
#define EXIT          CFG_RULE_EXIT
#define SHOW          CFG_RULE_SHOW
#define WARN          CFG_RULE_WARN

const struct cfg_rule cfg_rules[] = {
        /* access control, traffic selectors, templates */
        {TEMPLATE_MAPS, "blacklist", SET | SHOW, 8, "a blacklist or a whitelist, never both", rule_one_list},
        {TEMPLATE_MAPS, "whitelist", SET | SHOW, 8, "a blacklist or a whitelist, never both", rule_one_list},
        {TEMPLATE_MAPS, "blacklist", WARN, 13, "a list is read from a file", rule_list_file},
        {TEMPLATE_MAPS, "whitelist", WARN, 13, "a list is read from a file", rule_list_file},
        {TEMPLATE_MAPS, "pem-url", WARN, 15, "beside a certificate, whose private key is used", rule_pem_url},
        {"crypto-payload crypto-vendor-payload", "tsr", SET | SHOW, 15,
         "a range of one family, that of the payload, apart from every other range of the template",
         rule_tsr},
        {"crypto-template crypto-vendor-template", "payload", SET | SHOW, 15,
         "a payload's family is that of its TSr ranges", rule_payload_match},
        {"crypto-template", "dos-cookie-challenge-notify-payload", SET | SHOW, 19,
         "challenges stop at fewer half-open exchanges than they start at", rule_cookie_challenge},
        {"crypto-vendor-policy", "precedence", SET | SHOW, 20, "a vendor policy names vendor templates",
         rule_vendor_template},
        {"wsg-service", "bind-address", SET | SHOW, 20, "a service has a template of its own, not a vendor's",
         rule_vendor_template},
        {"context", "crypto-template", SET, 20, "a template is of the kind that what names it needs",
         rule_template_type},
        {"context", "crypto-template", WARN, 20, "one payload of a vendor template takes effect",
         rule_vendor_payloads},
        {"config", "crypto-remote-secret-list", NO, 14, "a list of secrets stays while it is bound",
         rule_remote_secrets_bound},

        /* crypto maps */
        {ALL_MAPS, "ipsec-on-demux", SET | SHOW, 21,
         "after require session recovery and require demux processing-card", rule_on_demux},
        {"config", "require-session-recovery", NO, 21, "what ipsec-on-demux needs stays",
         rule_on_demux_needs},
        {"config", "require-demux", SET | NO, 21, "what ipsec-on-demux needs stays", rule_on_demux_needs},
        {"interface", "crypto-map", SET | SHOW, 6, "no dynamic map, and 150 maps in the system",
         rule_interface_map},
        {"crypto-map-ikev1", "match-crypto-group", SET | SHOW, 10,
         "one primary and one secondary map per group", rule_group_role},
        {"context", "crypto-group", SHOW, 10, "a group has a primary and a secondary map",
         rule_group_complete},
        {"context", "crypto-group", WARN, 10, "a group fails over when a peer is found dead", rule_group_dpd},
        {"context", "crypto-map", SHOW, 6, "a map has what its type needs", rule_map_complete},
        {"crypto-group crypto-map-ikev1", "match-ip-pool-pool-name", WARN, 6,
         "match ip pool: not on an ASR 5500", rule_match_ip_pool},
        {"config", "require-crypto", WARN, 23, "the software path has no transport mode",
         rule_software_transport},
        {"context", "limit-ipsecmgr-ikev1-max", WARN, 24, "works with require crypto ikev1-acl software",
         rule_limit_ipsecmgr},

        /* weak algorithms */
        {"ikev2-transform-set ipsec-transform-set ikev1-policy", "encryption", SET | NO, 7,
         "no weak algorithm in a map's set while ikesa delete on-mismatch is on", rule_weak_line},
        {"ikev2-transform-set ipsec-transform-set", "hmac", SET | NO, 7,
         "no weak algorithm in a map's set while ikesa delete on-mismatch is on", rule_weak_line},
        {"ikev2-transform-set", "prf", SET | NO, 7,
         "no weak algorithm in a map's set while ikesa delete on-mismatch is on", rule_weak_line},
        {"ikev1-policy", "hash", SET | NO, 7,
         "no weak algorithm in a map's set while ikesa delete on-mismatch is on", rule_weak_line},
        {"ikev2-transform-set ipsec-transform-set ikev1-policy", "group", SET | NO, 7, "likewise",
         rule_weak_line},
        {"context", "crypto-ipsec-transform-set", SET, 7,
         "no weak algorithm in a map's set while ikesa delete on-mismatch is on", rule_weak_line},
        {"crypto-map-ikev1 crypto-map-dynamic", "set-pfs", SET | NO, 7,
         "no weak algorithm in a map's set while ikesa delete on-mismatch is on", rule_weak_line},
        {IKEV2_MAPS, "ikev2-ikesa-transform-set-list", SET, 7, "a map names no set with a weak algorithm",
         rule_weak_list},
        {"crypto-map-payload", "ipsec-transform-set-list", SET, 7, "a map names no set with a weak algorithm",
         rule_weak_list},
        {"crypto-map-ikev1 crypto-map-dynamic crypto-map-manual", "set-transform-set", SET, 7,
         "a map names no set with a weak algorithm", rule_weak_list},
        {IKEV2_MAPS, "ikev2-ikesa-transform-set-list", SHOW, 7, "nor one whose defaults are weak",
         rule_weak_list_all},
        {"crypto-map-payload", "ipsec-transform-set-list", SHOW, 7, "nor one whose defaults are weak",
         rule_weak_list_all},
        {"context", "ikev2-ikesa-transform-set", EXIT | SHOW, 7, "defaults are weak as well",
         rule_weak_block},
        {"context", "ipsec-transform-set", EXIT | SHOW, 7, "defaults are weak as well", rule_weak_block},
        {"context", "ikev1-policy", EXIT | SHOW, 7, "defaults are weak as well", rule_weak_block},
        {"context", "crypto-ipsec-transform-set", SHOW, 7, "no weak algorithm", rule_weak_block},
        {"context", "crypto-map", SHOW, 7, "no weak algorithm", rule_weak_block},
        {"config", "ikesa-delete-on-mismatch", SET, 7, "accepted when nothing weak is configured",
         rule_weak_all},
        {"config", "ikesa-delete-on-mismatch", NO, 7, "stays until the chassis boots",
         rule_stays_until_reboot},

        /* services */
        {"wsg-service", "deployment-mode", SET | NO, 27,
         "the deployment mode stays while a peer list is configured", rule_deployment_mode},
        {"wsg-service", "peer-list", SET | SHOW, 27,
         "a list that exists, in a site-to-site service bound to an address of its family",
         rule_service_peer_list},
        {"wsg-service", "bind-address", SET | SHOW, 27, "an address of the peer list's family",
         rule_service_bind},
        {"context", "wsg-service", EXIT | SHOW, 9, "a bound service has a template that can serve",
         rule_service_complete},
        {"context", "wsg-service", WARN, 18, "MOBIKE is for remote access", rule_service_mobike},
        {"peer-list peer-list-ipv6", "address", SET | NO, 27,
         "a peer list stays as it is while a service uses it", rule_peer_list_in_use},
        {"context", "crypto-peer-list", NO, 27, "a peer list stays while a service uses it",
         rule_peer_list_in_use},

        /* the chassis */
        {"context", "administrator", SET, 0, "an expiry date is a date", rule_expiry_date},
        {"context", "config-administrator", SET, 0, "an expiry date is a date", rule_expiry_date},
        {"context", "operator", SET, 0, "an expiry date is a date", rule_expiry_date},
        {"context", "inspector", SET, 0, "an expiry date is a date", rule_expiry_date},
        {"context", "administrator", WARN, 0, "ages of passwords are not counted yet", rule_password_age},
        {"context", "config-administrator", WARN, 0, "ages of passwords are not counted yet",
         rule_password_age},
        {"context", "operator", WARN, 0, "ages of passwords are not counted yet", rule_password_age},
        {"context", "inspector", WARN, 0, "ages of passwords are not counted yet", rule_password_age},
        {"config", "require-ipsec-large", SET, 1, "before require demux management-card",
         rule_ipsec_large_first},
        {"config", "threshold-value", SET | SHOW, 29, "an alarm is cleared at or below where it is raised",
         rule_threshold_clear},
        {"config", "threshold-percent", SET | SHOW, 29, "an alarm is cleared at or below where it is raised",
         rule_threshold_clear},
        {"context", "threshold-pool", SET | SHOW, 29, "an alarm is cleared at or below where it is raised",
         rule_threshold_clear},
        {"context", "ip-pool", SET | SHOW, 0, "a range ends where it starts, or later", rule_pool_range},
        {"context", "ipv6-pool", SET | SHOW, 0, "a range ends where it starts, or later", rule_pool_range},
        {"context", "service-redundancy-protocol", EXIT | SHOW, 0,
         "at least three hellos until a peer is dead", rule_srp_dead_interval},
};
const unsigned cfg_rules_n = sizeof(cfg_rules) / sizeof(cfg_rules[0]);

bool cfg_rule_mode(const struct cfg_rule *r, const char *mode)
{
	size_t n = strlen(mode);

	for (const char *p = r->modes; (p = strstr(p, mode)); p += n)
		if ((p == r->modes || p[-1] == ' ') && (!p[n] || p[n] == ' '))
			return true;
	return false;
}

static bool about(const struct cfg_rule *r, const struct cli_row *row, unsigned when)
{
	return (r->when & when) && !strcmp(r->row, row->id) && cfg_rule_mode(r, row->mode->name);
}

int cfg_rules_line(const struct cfg_line *l, unsigned when, char *err, size_t len)
{
	int n = snprintf(err, len, "Failure: ");

	for (unsigned i = 0; i < cfg_rules_n; i++)
		if (about(&cfg_rules[i], l->row, when) && cfg_rules[i].check(l, err + n, len - n))
			return -EINVAL;
	*err = 0;
	return 0;
}

struct audit {
	const struct cfg_tree *t;
	unsigned when;
	void (*each)(void *arg, const struct cfg_node *n, bool warning, const char *text);
	void *arg;
	int count;
};

static int audit_node(void *arg, const struct cfg_node *n)
{
	struct audit *a = arg;
	struct cfg_line l = {.t = a->t,
	                     .block = n->parent,
	                     .self = n,
	                     .row = n->row,
	                     .args = n->args,
	                     .negated = n->negated};
	char path[CFG_PATH_MAX], why[1024], text[CFG_PATH_MAX + 1200];

	for (unsigned i = 0; i < cfg_rules_n; i++) {
		const struct cfg_rule *r = &cfg_rules[i];

		if (!about(r, n->row, a->when) || !r->check(&l, why, sizeof(why)))
			continue;
		a->count++;
		if (!a->each)
			continue;
		cfg_path(n, path, sizeof(path));
		snprintf(text, sizeof(text), "%s: %s", path, why);
		a->each(a->arg, n, r->when & CFG_RULE_WARN, text);
	}
	return 0;
}

int cfg_check_rules(const struct cfg_tree *t,
                    void (*each)(void *arg, const struct cfg_node *n, bool warning, const char *text),
                    void *arg)
{
	struct audit a = {.t = t, .when = CFG_RULE_SHOW | CFG_RULE_WARN, .each = each, .arg = arg};

	cfg_walk(t, audit_node, &a);
	return a.count;
}

static void audit_ref(void *arg, const struct cfg_node *n, const char *text)
{
	struct audit *a = arg;

	a->count++;
	if (a->each)
		a->each(a->arg, n, false, text);
}

int cfg_check_block(const struct cfg_tree *t, const struct cfg_node *n,
                    void (*each)(void *arg, const struct cfg_node *n, bool warning, const char *text),
                    void *arg)
{
	struct audit a = {.t = t, .when = CFG_RULE_EXIT, .each = each, .arg = arg};

	if (n->row)
		audit_node(&a, n);
	for (const struct cfg_node *c = n->child; c; c = c->next)
		if (!c->child)
			cfg_node_refs(t, c, audit_ref, &a);
	return a.count;
}

/* --- for rules --- */

int cfg_rule_complain(char *err, size_t len, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, len, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

const char *cfg_line_arg(const struct cfg_line *l, const char *var)
{
	const char *v = l->negated ? NULL : cfg_args_get(l->args, var);
	const struct cli_var *g = v || l->negated ? NULL : cli_grammar_var(l->row, var);

	return v ? v : g ? g->dflt : NULL;
}

const struct cfg_node *cfg_context_of(const struct cfg_node *n)
{
	while (n && n->row && strcmp(n->row->mode->name, "config"))
		n = n->parent;
	return n && n->row && !strcmp(n->row->id, "context") ? n : NULL;
}

const struct cfg_node *cfg_named(const struct cfg_node *block, const char *row, const char *name)
{
	const struct cfg_node *c;

	if (block && name)
		cfg_foreach(c, block, row) if (!strcmp(cfg_name(c), name)) return c;
	return NULL;
}

const char *cfg_name(const struct cfg_node *n)
{
	const char *k = n->row && n->row->nkey ? cfg_key(n, 0) : NULL;

	return k ? k : "";
}

bool cfg_lists(const struct cfg_tree *t, const struct cfg_node *block, const char *row, const char *var,
               const char *name)
{
	const struct cfg_node *n = cfg_child(t, block, row, NULL);
	const char *v;

	for (unsigned i = 0; n && (v = cfg_arg_nth(n, var, i)); i++)
		if (!strcmp(v, name))
			return true;
	return false;
}
