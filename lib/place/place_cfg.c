/* SPDX-License-Identifier: MIT */
/*
 * From the configuration tree to the inputs of placement; see place_cfg.h. A crypto map counts when an
 * interface of its context uses it (IPSec Reference, chapter 21: "associating it with the interface").
 */
#include "place/place_cfg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfg/cfg.h"
#include "store/store.h"
#include "vpn/vpn_context.h"

void place_cfg_require(const struct cfg_tree *t, struct place_require *r)
{
	const char *demux = cfg_get(t, t->root, "require-demux", "card");
	const struct cfg_node *n;

	*r = (struct place_require){.recovery = cfg_on(t, t->root, "require-session-recovery"),
	                            .ipsec_large = cfg_on(t, t->root, "require-ipsec-large"),
	                            .demux_mio = demux && !strcmp(demux, "management-card"),
	                            .demux_proc = demux && !strcmp(demux, "processing-card")};
	cfg_foreach(n, t->root, "require-crypto")
	{
		if (!n->negated)
			r->software[!strcmp(cfg_key(n, 0), "ikev2-acl")] = true;
	}
}

void place_require_print(const struct place_require *r, char *buf, size_t size)
{
	snprintf(buf, size, "%d %d %d %d %d %d", r->demux_mio, r->demux_proc, r->recovery, r->ipsec_large,
	         r->software[0], r->software[1]);
}

bool place_require_parse(const char *text, struct place_require *r)
{
	int v[6];

	if (sscanf(text, "%d %d %d %d %d %d", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5]) != 6)
		return false;
	*r = (struct place_require){v[0], v[1], v[2], v[3], {v[4], v[5]}};
	return true;
}

bool place_require_at_boot(const char *state_dir, const char *boot_id, struct place_require *r)
{
	struct store_reader *db = store_open_reader(state_dir, STORE_CONFIG);
	char boot[64] = "", text[64] = "";
	bool known = db && !store_meta_get(db, "boot_id", boot, sizeof(boot)) && !strcmp(boot, boot_id) &&
	             !store_meta_get(db, PLACE_REQUIRE_META, text, sizeof(text)) &&
	             place_require_parse(text, r);

	store_close_reader(db);
	return known;
}

unsigned place_require_waiting(const struct place_require *in_force, const struct place_require *configured,
                               void (*each)(void *arg, const char *line, bool set), void *arg)
{
	const struct {
		const char *line;
		bool now, then;
	} all[] = {
	        {"require session recovery", in_force->recovery, configured->recovery},
	        {"require ipsec-large", in_force->ipsec_large, configured->ipsec_large},
	        {"require demux management-card", in_force->demux_mio, configured->demux_mio},
	        {"require demux processing-card", in_force->demux_proc, configured->demux_proc},
	        {"require crypto ikev1-acl software", in_force->software[0], configured->software[0]},
	        {"require crypto ikev2-acl software", in_force->software[1], configured->software[1]},
	};
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i].now == all[i].then)
			continue;
		n++;
		each(arg, all[i].line, all[i].then);
	}
	return n;
}

void place_cfg_cards(const struct cfg_tree *t, struct place_input *in)
{
	const struct cfg_node *c;

	for (unsigned s = 0; s <= PROFILE_SLOTS_MAX; s++)
		in->slots[s].want_active = false;
	cfg_foreach(c, t->root, "card")
	{
		unsigned long slot = strtoul(cfg_key(c, 0), NULL, 10);
		const char *mode = cfg_get(t, c, "mode", "mode");

		if (slot >= 1 && slot <= PROFILE_SLOTS_MAX)
			in->slots[slot].want_active = mode && !strcmp(mode, "active");
	}
	in->n_contexts = 0;
	for (uint32_t id = 1; id <= vpn_context_count(t) && in->n_contexts < PLACE_CONTEXTS_MAX; id++)
		in->contexts[in->n_contexts++] = id;
}

void place_cfg_shutdown(const struct cfg_tree *t, bool shut[PROFILE_SLOTS_MAX + 1])
{
	const struct cfg_node *c;

	memset(shut, 0, (PROFILE_SLOTS_MAX + 1) * sizeof(shut[0]));
	cfg_foreach(c, t->root, "card")
	{
		unsigned long slot = strtoul(cfg_key(c, 0), NULL, 10);

		if (slot >= 1 && slot <= PROFILE_SLOTS_MAX)
			shut[slot] = cfg_on(t, c, "shutdown");
	}
}

bool place_cfg_demux_card(const struct cfg_tree *t, const struct profile *p)
{
	struct place_input in;

	place_cfg_cards(t, &in);
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		if (in.slots[s].want_active && p->card[s] && p->card[s]->processing)
			return place_demux_capable(p, s);
	return false;
}

bool place_cfg_map_row(const struct store_ckpt *row, struct place_map *x)
{
	char text[16];

	*x = (struct place_map){0};
	if (row->deleted || row->len >= sizeof(text) ||
	    sscanf(row->key, "%79s %127[^\n]", x->ctx, x->name) != 2)
		return false;
	memcpy(text, row->blob, row->len);
	text[row->len] = '\0';
	x->manager = (uint32_t)strtoul(text, NULL, 10);
	return x->manager != 0;
}

/* A variable of the first node of this row in a block. */
static const char *text_of(const struct cfg_tree *t, const struct cfg_node *block, const char *row,
                           const char *var)
{
	const struct cfg_node *n = cfg_first(block, row);

	return n && !n->negated ? cfg_arg(n, var) : NULL;
}

static bool known(const struct place_maps *m, const char *ctx, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (!strcmp(m->maps[i].ctx, ctx) && !strcmp(m->maps[i].name, name))
			return true;
	return false;
}

bool place_cfg_map_ends(const struct cfg_tree *t, const struct cfg_node *interface,
                        const struct cfg_node *map, struct net_addr *local, struct net_addr *peer)
{
	const char *type = cfg_arg(map, "type"), *text;
	struct net_prefix p = {0};
	bool v2 = type && !strncmp(type, "ikev2", 5);

	*local = *peer = (struct net_addr){0};
	text = text_of(t, map, v2 ? "peer" : "set-peer", "address");
	if (!text || net_addr_parse(peer, text))
		return false;
	text = text_of(t, interface, peer->family == AF_INET6 ? "ipv6-address" : "ip-address", "address");
	if (!text || net_prefix_parse(&p, text) || p.addr.family != peer->family)
		return false;
	*local = p.addr;
	return true;
}

static int add_map(const struct cfg_tree *t, const struct cfg_node *ctx, const struct cfg_node *interface,
                   const char *name, struct place_maps *m)
{
	const struct cfg_node *map = cfg_child_named(t, ctx, "crypto-map", name);
	struct place_map row = {.ike = 1};
	char a[NET_ADDR_STRLEN], b[NET_ADDR_STRLEN];
	struct net_addr local, peer;
	const char *type, *group;

	if (!map || known(m, cfg_key(ctx, 0), name))
		return 0;
	snprintf(row.ctx, sizeof(row.ctx), "%s", cfg_key(ctx, 0));
	snprintf(row.name, sizeof(row.name), "%s", name);
	type = cfg_arg(map, "type");
	row.ike = type && !strncmp(type, "ikev2", 5) ? 2 : 1;
	row.demux = cfg_on(t, map, "ipsec-on-demux");
	group = text_of(t, map, "match-crypto-group", "group");
	snprintf(row.group, sizeof(row.group), "%s", group ? group : "");
	if (place_cfg_map_ends(t, interface, map, &local, &peer))
		snprintf(row.ends, sizeof(row.ends), "%s %s", net_addr_format(&local, a, sizeof(a)),
		         net_addr_format(&peer, b, sizeof(b)));
	return place_maps_add(m, &row);
}

int place_cfg_maps(const struct cfg_tree *t, struct place_maps *m)
{
	const struct cfg_node *ctx, *interface, *use;
	int rc = 0;

	m->n = m->n_contexts = 0;
	for (unsigned v = 0; v < 2; v++) {
		static const char *const versions[] = {"ikev1", "ikev2"};
		const struct cfg_node *limit = cfg_child(t, t->root, "task-facility-ipsecmgr", versions[v]);

		m->limit[v] =
		        limit && !limit->negated ? (unsigned)strtoul(cfg_arg(limit, "max"), NULL, 10) : 0;
	}
	cfg_foreach(ctx, t->root, "context")
	{
		struct place_maps_context *c = &m->contexts[m->n_contexts];

		if (m->n_contexts == PLACE_CONTEXTS_MAX)
			break;
		m->n_contexts++;
		snprintf(c->name, sizeof(c->name), "%s", cfg_key(ctx, 0));
		c->limit_ikev1 = (unsigned)cfg_get_int(t, ctx, "limit-ipsecmgr-ikev1-max", "max", 0);
		cfg_foreach(interface, ctx, "interface")
		{
			cfg_foreach(use, interface, "crypto-map")
			{
				const char *name = use->negated ? NULL : cfg_arg(use, "map");

				if (rc == 0 && name)
					rc = add_map(t, ctx, interface, name, m);
			}
		}
	}
	return rc;
}
