/* SPDX-License-Identifier: MIT */
/*
 * Rules of crypto maps, crypto groups and the interfaces they are applied to. Table: cfg_rules.c. IPSec
 * Reference chapters 3, 6, 10, 21, 23, 24.
 */
#include <stdio.h>
#include <string.h>

#include "cfg/cfg_rules.h"

#define MAPS_MAX 150 /* tunnels by access list in the system (chapter 3) */

static const char *map_type(const struct cfg_node *map)
{
	const char *type = cfg_arg(map, "type");

	return type ? type : "";
}

/* --- managers on the demux card (chapter 21) --- */

static int demux_lacks(const struct cfg_tree *t, char *err, size_t len)
{
	const char *card = cfg_get(t, t->root, "require-demux", "card");

	if (!cfg_child(t, t->root, "require-session-recovery", NULL))
		return cfg_rule_complain(
		        err, len, "ipsec-on-demux needs require session recovery; configure that first");
	if (!card || strcmp(card, "processing-card"))
		return cfg_rule_complain(err, len,
		                         "ipsec-on-demux needs require demux processing-card; it is %s",
		                         card ? card : "not configured");
	return 0;
}

int rule_on_demux(const struct cfg_line *l, char *err, size_t len)
{
	return demux_lacks(l->t, err, len);
}

/* What ipsec-on-demux needs stays while a map has it. */
int rule_on_demux_needs(const struct cfg_line *l, char *err, size_t len)
{
	const char *card = l->going ? NULL : cfg_line_arg(l, "card");
	const struct cfg_node *ctx, *m;

	if (!l->going && card && !strcmp(card, "processing-card"))
		return 0;
	cfg_foreach(ctx, l->t->root, "context") cfg_foreach(m, ctx, "crypto-map")
	{
		if (cfg_child(l->t, m, "ipsec-on-demux", NULL))
			return cfg_rule_complain(
			        err, len,
			        "crypto map %.127s of context %.79s has ipsec-on-demux, which needs %s",
			        cfg_name(m), cfg_name(ctx),
			        strcmp(l->row->id, "require-demux") ? "require session recovery"
			                                            : "require demux processing-card");
	}
	return 0;
}

/* --- on interfaces --- */

static unsigned maps_on_interfaces(const struct cfg_tree *t)
{
	const struct cfg_node *ctx, *i;
	unsigned n = 0;

	cfg_foreach(ctx, t->root, "context") cfg_foreach(i, ctx, "interface") n +=
	        cfg_child(t, i, "crypto-map", NULL) != NULL;
	return n;
}

int rule_interface_map(const struct cfg_line *l, char *err, size_t len)
{
	const char *name = cfg_line_arg(l, "map");
	const struct cfg_node *map = cfg_named(cfg_context_of(l->block), "crypto-map", name);

	if (map && !strcmp(map_type(map), "ipsec-dynamic"))
		return cfg_rule_complain(
		        err, len, "crypto map %.127s is ipsec-dynamic and can not be applied to an interface",
		        name);
	if (!l->self && maps_on_interfaces(l->t) >= MAPS_MAX)
		return cfg_rule_complain(
		        err, len, "The maximum number of %u crypto maps on interfaces is reached", MAPS_MAX);
	return 0;
}

/* --- groups (chapter 10) --- */

/* The map other than this one that has this role in the group, or NULL. */
static const struct cfg_node *group_map(const struct cfg_tree *t, const struct cfg_node *ctx,
                                        const char *group, const char *role, const struct cfg_node *but)
{
	const struct cfg_node *m;

	cfg_foreach(m, ctx, "crypto-map")
	{
		const struct cfg_node *n = m == but ? NULL : cfg_child(t, m, "match-crypto-group", NULL);

		if (n && !strcmp(cfg_arg(n, "group"), group) && !strcmp(cfg_arg(n, "role"), role))
			return m;
	}
	return NULL;
}

int rule_group_role(const struct cfg_line *l, char *err, size_t len)
{
	const char *group = cfg_line_arg(l, "group"), *role = cfg_line_arg(l, "role");
	const struct cfg_node *ctx = cfg_context_of(l->block);
	const struct cfg_node *other =
	        ctx && group && role ? group_map(l->t, ctx, group, role, l->block) : NULL;

	return other ? cfg_rule_complain(err, len, "crypto map %.127s is %s of crypto-group %.127s already",
	                                 cfg_name(other), role, group)
	             : 0;
}

int rule_group_complete(const struct cfg_line *l, char *err, size_t len)
{
	static const char *const roles[] = {"primary", "secondary"};

	for (unsigned i = 0; l->self && i < 2; i++)
		if (!group_map(l->t, l->block, cfg_name(l->self), roles[i], NULL))
			return cfg_rule_complain(err, len, "no crypto map is %s of this group", roles[i]);
	return 0;
}

int rule_group_dpd(const struct cfg_line *l, char *err, size_t len)
{
	if (cfg_child(l->t, l->block, "ikev1-keepalive-dpd-interval", NULL))
		return 0;
	return cfg_rule_complain(
	        err, len,
	        "ikev1 keepalive dpd is not configured in this context; a dead peer goes unnoticed");
}

/* --- completeness --- */

int rule_map_complete(const struct cfg_line *l, char *err, size_t len)
{
	static const struct {
		const char *type, *row, *what;
	} needs[] = {
	        {"ipsec-isakmp", "set-peer", "set peer"},
	        {"ipsec-isakmp", "set-isakmp-preshared-key", "set isakmp preshared-key"},
	        {"ipsec-isakmp", "set-transform-set", "set transform-set"},
	        {"ipsec-ikev1", "set-peer", "set peer"},
	        {"ipsec-ikev1", "set-isakmp-preshared-key", "set ikev1 preshared-key"},
	        {"ipsec-ikev1", "set-transform-set", "set transform-set"},
	        {"ipsec-dynamic", "set-transform-set", "set transform-set"},
	        {"ipsec-manual", "set-peer", "set peer"},
	        {"ipsec-manual", "match-address", "match address"},
	        {"ipsec-manual", "set-transform-set", "set transform-set"},
	        {"ipsec-manual", "set-session-key", "set session-key"},
	        {"ikev2-ipv4", "peer", "peer"},
	        {"ikev2-ipv4", "match-address", "match address"},
	        {"ikev2-ipv4", "payload", "payload"},
	        {"ikev2-ipv6", "peer", "peer"},
	        {"ikev2-ipv6", "match-address", "match address"},
	        {"ikev2-ipv6", "payload", "payload"},
	};

	for (size_t i = 0; l->self && i < sizeof(needs) / sizeof(needs[0]); i++)
		if (!strcmp(needs[i].type, map_type(l->self)) && !cfg_first(l->self, needs[i].row))
			return cfg_rule_complain(err, len, "incomplete: no %s", needs[i].what);
	return 0;
}

/* --- what does not work on this chassis, or not together --- */

int rule_match_ip_pool(const struct cfg_line *l, char *err, size_t len)
{
	return cfg_rule_complain(err, len, "match ip pool does not work on an ASR 5500");
}

/* The software data path has no transport mode (chapter 23). */
int rule_software_transport(const struct cfg_line *l, char *err, size_t len)
{
	const struct cfg_node *ctx, *s;
	const char *kind = cfg_line_arg(l, "kind");
	const char *row =
	        kind && !strcmp(kind, "ikev1-acl") ? "crypto-ipsec-transform-set" : "ipsec-transform-set";

	cfg_foreach(ctx, l->t->root, "context") cfg_foreach(s, ctx, row)
	{
		const char *mode = cfg_get(l->t, s, "mode", "mode");

		if (mode && !strcmp(mode, "transport"))
			return cfg_rule_complain(
			        err, len,
			        "transform set %.127s of context %.79s is in transport mode, which the "
			        "software path does not have",
			        cfg_name(s), cfg_name(ctx));
	}
	return 0;
}

int rule_limit_ipsecmgr(const struct cfg_line *l, char *err, size_t len)
{
	const struct cfg_node *n;

	cfg_foreach(n, l->t->root, "require-crypto") if (!strcmp(cfg_name(n), "ikev1-acl")) return 0;
	return cfg_rule_complain(err, len, "the limit works with require crypto ikev1-acl software only");
}
