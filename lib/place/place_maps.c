/* SPDX-License-Identifier: MIT */
/*
 * Crypto maps to ipsecmgrs. Steps: managers of contexts that are gone end; maps keep what they have; each map
 * without a manager gets one, in the order of the configuration. A manager serves one context and one IKE
 * version, and lives as long as its context, also without maps. See place_maps.h for the chapters.
 */
#include "place/place_maps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int place_maps_add(struct place_maps *m, const struct place_map *row)
{
	if (m->n == m->size) {
		size_t size = m->size ? 2 * m->size : 16;
		struct place_map *maps = realloc(m->maps, size * sizeof(*maps));

		if (!maps)
			return -ENOMEM;
		m->maps = maps;
		m->size = size;
	}
	m->maps[m->n++] = *row;
	return 0;
}

void place_maps_free(struct place_maps *m)
{
	free(m->maps);
	m->maps = NULL;
	m->n = m->size = 0;
}

bool place_maps_demux_works(const struct place_maps *m)
{
	return m->demux_card && m->require.demux_proc && !m->require.demux_mio && m->require.recovery;
}

static struct place_maps_manager *find(struct place_maps *m, uint32_t instance)
{
	for (size_t i = 0; i < m->n_managers; i++)
		if (m->managers[i].instance == instance)
			return &m->managers[i];
	return NULL;
}

const struct place_maps_manager *place_maps_manager(const struct place_maps *m, uint32_t instance)
{
	return find((struct place_maps *)m, instance);
}

static unsigned capacity(const struct place_maps_manager *g)
{
	return g->demux ? PLACE_MAPS_ON_DEMUX : PLACE_MAPS_PER_MANAGER;
}

static const struct place_maps_context *context(const struct place_maps *m, const char *name)
{
	for (size_t i = 0; i < m->n_contexts; i++)
		if (!strcmp(m->contexts[i].name, name))
			return &m->contexts[i];
	return NULL;
}

static bool is_for(const struct place_maps_manager *g, const struct place_map *x)
{
	return g->ike == x->ike && !strcmp(g->ctx, x->ctx);
}

static bool same_group(const struct place_map *a, const struct place_map *b)
{
	return a->group[0] && !strcmp(a->group, b->group) && !strcmp(a->ctx, b->ctx);
}

/* --- what there is ----------------------------------------------------------------------------------------
 */

static void drop_managers(struct place_maps *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_managers; i++)
		if (context(m, m->managers[i].ctx)) {
			m->managers[n] = m->managers[i];
			m->managers[n++].maps = 0;
		}
	m->n_managers = n;
}

static void keep_maps(struct place_maps *m)
{
	for (size_t i = 0; i < m->n; i++) {
		struct place_map *x = &m->maps[i];
		struct place_maps_manager *g = x->manager ? find(m, x->manager) : NULL;

		x->why = NULL;
		if (!g || !is_for(g, x) || g->maps >= capacity(g))
			x->manager = 0;
		else
			g->maps++;
	}
}

/* --- a manager for a map ----------------------------------------------------------------------------------
 */

/* The manager of the other map of its crypto group; 0: none. Their peers differ, so they need two. */
static uint32_t partner(const struct place_maps *m, const struct place_map *x)
{
	for (size_t i = 0; i < m->n; i++)
		if (&m->maps[i] != x && m->maps[i].manager && same_group(&m->maps[i], x))
			return m->maps[i].manager;
	return 0;
}

/* Another map with the same two addresses: packets of both reach the same manager. */
static struct place_maps_manager *twin(struct place_maps *m, const struct place_map *x)
{
	for (size_t i = 0; x->ends[0] && i < m->n; i++) {
		const struct place_map *y = &m->maps[i];

		if (y != x && y->manager && y->ike == x->ike && !strcmp(y->ctx, x->ctx) &&
		    !strcmp(y->ends, x->ends))
			return find(m, y->manager);
	}
	return NULL;
}

/* The first with room that is not the partner's. */
static struct place_maps_manager *with_room(struct place_maps *m, const struct place_map *x, bool demux,
                                            uint32_t not )
{
	for (size_t i = 0; i < m->n_managers; i++) {
		struct place_maps_manager *g = &m->managers[i];

		if (is_for(g, x) && g->demux == demux && g->instance != not &&g->maps < capacity(g))
			return g;
	}
	return NULL;
}

static struct place_maps_manager *least(struct place_maps *m, const struct place_map *x, uint32_t not )
{
	struct place_maps_manager *best = NULL;

	for (size_t i = 0; i < m->n_managers; i++) {
		struct place_maps_manager *g = &m->managers[i];

		if (is_for(g, x) && !g->demux && g->instance != not &&g->maps < capacity(g) &&
		    (!best || g->maps < best->maps))
			best = g;
	}
	return best;
}

/* Those there are stay when the limit falls: they carry tunnels. */
static bool at_limit(const struct place_maps *m, uint8_t ike)
{
	unsigned n = 0, max = m->limit[ike == 2];

	for (size_t i = 0; i < m->n_managers; i++)
		n += m->managers[i].ike == ike;
	return max && n >= max;
}

static struct place_maps_manager *spawn(struct place_maps *m, const struct place_map *x, bool demux)
{
	struct place_maps_manager *g = &m->managers[m->n_managers];
	uint32_t instance = PLACE_MAP_FIRST;

	if (m->n_managers == PLACE_MAP_MANAGERS || at_limit(m, x->ike))
		return NULL;
	while (find(m, instance))
		instance++;
	*g = (struct place_maps_manager){.instance = instance, .ike = x->ike, .demux = demux};
	memcpy(g->ctx, x->ctx, sizeof(g->ctx));
	m->n_managers++;
	return g;
}

static unsigned demux_managers(const struct place_maps *m, uint8_t ike)
{
	unsigned n = 0;

	for (size_t i = 0; i < m->n_managers; i++)
		n += m->managers[i].demux && m->managers[i].ike == ike;
	return n;
}

static bool on_demux(struct place_maps *m, const struct place_map *x)
{
	return x->manager && find(m, x->manager)->demux;
}

/* May one more map of this crypto group be on the demux card? */
static bool group_fits(struct place_maps *m, const struct place_map *x)
{
	unsigned groups = 0;

	if (!x->group[0])
		return true;
	for (size_t i = 0; i < m->n; i++) {
		bool first = on_demux(m, &m->maps[i]) && m->maps[i].group[0];

		if (first && same_group(&m->maps[i], x))
			return true;
		for (size_t k = 0; first && k < i; k++)
			first = !(on_demux(m, &m->maps[k]) && same_group(&m->maps[k], &m->maps[i]));
		groups += first;
	}
	return groups < PLACE_GROUPS_ON_DEMUX;
}

static struct place_maps_manager *choose_demux(struct place_maps *m, const struct place_map *x)
{
	struct place_maps_manager *g = NULL;

	if (!x->demux || !place_maps_demux_works(m) || !group_fits(m, x))
		return NULL;
	g = with_room(m, x, true, partner(m, x));
	if (!g && demux_managers(m, x->ike) < PLACE_MANAGERS_ON_DEMUX)
		g = spawn(m, x, true);
	return g;
}

/* Chapter 23: a manager for each map; at the limit (chapter 24: of the context) those there are, the least
 * loaded first. */
static struct place_maps_manager *choose_software(struct place_maps *m, const struct place_map *x)
{
	const struct place_maps_context *c = context(m, x->ctx);
	struct place_maps_manager *g = least(m, x, 0);
	unsigned n = 0, max = x->ike == 1 && c && c->limit_ikev1 ? c->limit_ikev1 : PLACE_MAP_MANAGERS;

	if (g && !g->maps)
		return g; /* one whose map is gone */
	for (size_t i = 0; i < m->n_managers; i++)
		n += is_for(&m->managers[i], x);
	if (n < max && (g = spawn(m, x, false)))
		return g;
	g = least(m, x, partner(m, x));
	return g ? g : least(m, x, 0);
}

static struct place_maps_manager *choose(struct place_maps *m, struct place_map *x)
{
	bool software = m->require.software[x->ike == 2];
	struct place_maps_manager *g = software ? NULL : twin(m, x);

	if (g) {
		if (g->maps >= capacity(g))
			x->why = "the IPSec manager of its two addresses is full";
		return g->maps < capacity(g) ? g : NULL;
	}
	g = choose_demux(m, x);
	if (!g && software)
		g = choose_software(m, x);
	else if (!g)
		g = with_room(m, x, false, partner(m, x));
	if (!g && !software)
		g = spawn(m, x, false);
	if (!g)
		g = with_room(m, x, false, 0);
	if (!g)
		x->why = at_limit(m, x->ike)
		                 ? "there are as many IPSec managers of its IKE version as task facility "
		                   "ipsecmgr allows, "
		                   "and those of its context are full"
		                 : "all IPSec managers are taken (176) and those of its context are full";
	return g;
}

size_t place_maps_compute(struct place_maps *m)
{
	size_t without = 0;

	drop_managers(m);
	keep_maps(m);
	for (size_t i = 0; i < m->n; i++) {
		struct place_map *x = &m->maps[i];
		struct place_maps_manager *g = x->manager ? NULL : choose(m, x);

		if (g) {
			x->manager = g->instance;
			g->maps++;
		}
		without += !x->manager;
	}
	return without;
}

int place_maps_waits(const struct place_maps *m, size_t i)
{
	struct place_maps *would;
	bool now, then;
	int rc = 0;

	if (!m->maps[i].manager)
		return 0;
	would = malloc(sizeof(*would));
	if (!would)
		return -ENOMEM;
	*would = *m;
	would->maps = NULL;
	would->n = would->size = 0;
	for (size_t k = 0; !rc && k < m->n; k++)
		rc = place_maps_add(would, &m->maps[k]);
	if (!rc && would->maps) {
		would->maps[i].manager = 0;
		place_maps_compute(would);
		now = place_maps_manager(m, m->maps[i].manager)->demux;
		then = would->maps[i].manager ? place_maps_manager(would, would->maps[i].manager)->demux
		                              : now;
		rc = now != then;
	}
	place_maps_free(would);
	free(would);
	return rc;
}
