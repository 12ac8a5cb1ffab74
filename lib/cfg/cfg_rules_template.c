/* SPDX-License-Identifier: MIT */
/*
 * Rules of crypto templates and what stands in them: access lists, traffic selectors, cookie challenges,
 * vendor templates, lists of secrets. Table: cfg_rules.c. IPSec Reference chapters 8, 13, 14, 15, 19, 20.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfg/cfg_rules.h"
#include "net/addr.h"

int rule_one_list(const struct cfg_line *l, char *err, size_t len)
{
	const char *other = strcmp(l->row->id, "blacklist") ? "blacklist" : "whitelist";

	if (!cfg_on(l->t, l->block, other))
		return 0;
	return cfg_rule_complain(err, len,
	                         "%s is configured; only one of blacklist and whitelist is possible", other);
}

int rule_list_file(const struct cfg_line *l, char *err, size_t len)
{
	const char *row = strcmp(l->row->id, "blacklist") ? "crypto-whitelist-file" : "crypto-blacklist-file";

	if (cfg_child(l->t, l->t->root, row, NULL))
		return 0;
	return cfg_rule_complain(err, len, "no crypto %s file is configured; nothing is checked", l->row->id);
}

int rule_pem_url(const struct cfg_line *l, char *err, size_t len)
{
	if (cfg_child(l->t, l->block, "certificate", NULL))
		return 0;
	return cfg_rule_complain(err, len,
	                         "there is no certificate line whose private key it could be used with");
}

/* --- traffic selectors --- */

struct range {
	struct net_addr start, end;
};

/* The range of a tsr line; false: not understood. */
static bool range_of(const struct cfg_args *a, struct range *r)
{
	const char *start = cfg_args_get(a, "start"), *end = cfg_args_get(a, "end");

	return start && end && !net_addr_parse(&r->start, start) && !net_addr_parse(&r->end, end);
}

static bool overlap(const struct range *a, const struct range *b)
{
	return a->start.family == b->start.family && net_addr_compare(&a->start, &b->end) <= 0 &&
	       net_addr_compare(&b->start, &a->end) <= 0;
}

static int tsr_family(const struct cfg_line *l, const struct range *r, char *err, size_t len)
{
	const char *match = cfg_arg(l->block, "match");
	const char *family = r->start.family == AF_INET ? "ipv4" : "ipv6";

	if (r->start.family != r->end.family)
		return cfg_rule_complain(err, len, "%s and %s are of different families",
		                         cfg_args_get(l->args, "start"), cfg_args_get(l->args, "end"));
	if (net_addr_compare(&r->start, &r->end) > 0)
		return cfg_rule_complain(err, len, "Invalid end-address %s; the range starts at %s",
		                         cfg_args_get(l->args, "end"), cfg_args_get(l->args, "start"));
	if (match && strcmp(match, "any") && strcmp(match, family))
		return cfg_rule_complain(err, len, "%s is not possible in payload %.127s, which matches %s",
		                         cfg_args_get(l->args, "start"), cfg_name(l->block), match);
	return 0;
}

int rule_tsr(const struct cfg_line *l, char *err, size_t len)
{
	const struct cfg_node *p, *c;
	struct range mine, other;

	if (!range_of(l->args, &mine))
		return 0;
	int rc = tsr_family(l, &mine, err, len);

	cfg_foreach(p, l->block->parent, "payload")
	{
		for (c = rc ? NULL : cfg_first(p, "tsr"); c && !rc; c = cfg_next(c, "tsr"))
			if (c != l->self && range_of(c->args, &other) && overlap(&mine, &other))
				rc = cfg_rule_complain(
				        err, len, "%s to %s overlaps with %s to %s of payload %.127s",
				        cfg_args_get(l->args, "start"), cfg_args_get(l->args, "end"),
				        cfg_arg(c, "start"), cfg_arg(c, "end"), cfg_name(p));
	}
	return rc;
}

int rule_payload_match(const struct cfg_line *l, char *err, size_t len)
{
	const char *match = cfg_line_arg(l, "match");
	const struct cfg_node *c;
	struct range r;

	if (!match || !strcmp(match, "any") || !l->self)
		return 0;
	cfg_foreach(c, l->self, "tsr")
	{
		if (!range_of(c->args, &r) || (r.start.family == AF_INET) == !strcmp(match, "ipv4"))
			continue;
		return cfg_rule_complain(err, len, "the payload can not match %s: it has the TSr %s to %s",
		                         match, cfg_arg(c, "start"), cfg_arg(c, "end"));
	}
	return 0;
}

/* --- challenges, vendors, secrets --- */

int rule_cookie_challenge(const struct cfg_line *l, char *err, size_t len)
{
	const char *start = cfg_line_arg(l, "start"), *stop = cfg_line_arg(l, "stop");

	if (!start || !stop || atoll(stop) < atoll(start))
		return 0;
	return cfg_rule_complain(
	        err, len, "Invalid value %s for <stop>; it must be below <start>, which is %s", stop, start);
}

/* A vendor template named where one is wanted, and another where another is. */
int rule_vendor_template(const struct cfg_line *l, char *err, size_t len)
{
	bool want = !strcmp(l->row->id, "precedence");
	const char *name = cfg_line_arg(l, "template");
	const struct cfg_node *n = cfg_named(cfg_context_of(l->block), "crypto-template", name);
	const char *type = n ? cfg_arg(n, "type") : NULL;

	if (!type || want == !strcmp(type, "ikev2-vendor"))
		return 0;
	return cfg_rule_complain(err, len, "crypto template %.127s is %s; %s is needed", name, type,
	                         want ? "ikev2-vendor" : "ikev2-dynamic or ikev2-subscriber");
}

/* The same from the other side: names may be used before the template is made. */
int rule_template_type(const struct cfg_line *l, char *err, size_t len)
{
	const char *name = cfg_line_arg(l, "name"), *type = cfg_line_arg(l, "type");
	bool vendor = type && !strcmp(type, "ikev2-vendor");
	const struct cfg_node *n, *c;

	if (l->self || !name || !type)
		return 0;
	cfg_foreach(n, l->block, vendor ? "wsg-service" : "crypto-vendor-policy")
	{
		cfg_foreach(c, n, vendor ? "bind-address" : "precedence")
		{
			const char *named = cfg_arg(c, "template");

			if (named && !strcmp(named, name))
				return cfg_rule_complain(
				        err, len, "crypto template %.127s can not be %s: %s %.127s names it",
				        name, type, vendor ? "wsg-service" : "crypto vendor-policy",
				        cfg_name(n));
		}
	}
	return 0;
}

int rule_vendor_payloads(const struct cfg_line *l, char *err, size_t len)
{
	const struct cfg_node *c;
	unsigned n = 0;

	if (!l->self || strcmp(cfg_arg(l->self, "type") ? cfg_arg(l->self, "type") : "", "ikev2-vendor"))
		return 0;
	cfg_foreach(c, l->self, "payload") n++;
	return n < 2 ? 0
	             : cfg_rule_complain(err, len,
	                                 "%u payloads; only the first takes effect in a vendor template", n);
}

int rule_remote_secrets_bound(const struct cfg_line *l, char *err, size_t len)
{
	static const char *const rows[] = {"crypto-template", "crypto-map"};
	const struct cfg_node *ctx, *n;

	cfg_foreach(ctx, l->t->root, "context") for (unsigned i = 0; i < 2; i++)
	{
		cfg_foreach(n, ctx, rows[i])
		{
			const struct cfg_node *b = cfg_child(l->t, n, "remote-secret-list", NULL);

			if (b && !strcmp(cfg_arg(b, "list"), cfg_args_get(l->args, "list")))
				return cfg_rule_complain(
				        err, len,
				        "remote-secret-list %.127s is bound to %s %.127s of context %.79s",
				        cfg_arg(b, "list"), i ? "crypto map" : "crypto template", cfg_name(n),
				        cfg_name(ctx));
		}
	}
	return 0;
}
