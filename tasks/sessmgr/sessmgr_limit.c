/* SPDX-License-Identifier: MIT */
/*
 * max-sessions of a wsg-service and of its bind: how many calls the service has on all sessmgrs, from their
 * counters. A call counts itself first and is refused when it is one too many, so that of several that come
 * at once on different cards never too many stay. While a sessmgr is rebuilt its rows count for it. Entry
 * points: sessmgr_limit_reached(), sessmgr_limit_reserve(), sessmgr_limit_release().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sessmgr.h"
#include "vpn/vpn_context.h"

#define PARTS_MAX 2048

/* The name of a service's counters; false: it has none. */
static bool key_of(const struct sessmgr *s, const struct session_call *c, char key[COUNTERS_KEY_MAX])
{
	int n = snprintf(key, COUNTERS_KEY_MAX, "%s/%s", sessmgr_cfg_context(s, c->ctx), c->service);

	return n > 0 && n < COUNTERS_KEY_MAX;
}

/* The lower one of what the service and its bind say; 0: none is said. */
static bool limit_of(const struct sessmgr *s, const struct session_call *c, uint64_t *max)
{
	const struct cfg_tree *tree = config_tree(s->t);
	const struct cfg_node *ctx = vpn_context_node(tree, c->ctx),
	                      *svc = ctx ? cfg_child_named(tree, ctx, "wsg-service", c->service) : NULL;
	int64_t own = svc ? cfg_get_int(tree, svc, "max-sessions", "sessions", -1) : -1,
	        bind = svc ? cfg_get_int(tree, svc, "bind-address", "sessions", -1) : -1;

	if (bind >= 0 && (own < 0 || bind < own))
		own = bind;
	*max = (uint64_t)own;
	return own >= 0 && own < SESSMGR_NO_LIMIT;
}

/* What one segment says. A sessmgr that died leaves its own behind, which counts until there is another of
 * its number, on whatever card. */
struct part {
	uint32_t instance;
	bool alive;
	uint64_t calls;
};

struct parts {
	const char *key;
	struct part v[PARTS_MAX];
	size_t n;
};

static int add_segment(const char *path, struct counters_reader *r, void *arg)
{
	const struct counters_info *i = counters_info(r);
	struct parts *all = arg;
	struct part *p = &all->v[all->n];
	struct counters_set set;
	unsigned pos = 0;

	if (all->n == PARTS_MAX || strcmp(i->facility, "sessmgr") != 0)
		return 0;
	*p = (struct part){i->instance, counters_owner_alive(r), 0};
	all->n++;
	while (counters_next(r, &pos, &set)) {
		const struct counters_wsg *w = set.values;

		if (set.schema == &counters_schema_wsg && !strcmp(set.key, all->key))
			p->calls += __atomic_load_n(&w->sessions_admitted, __ATOMIC_SEQ_CST) +
			            __atomic_load_n(&w->sessions_reserved, __ATOMIC_SEQ_CST);
	}
	return 0;
}

static bool replaced(const struct parts *all, const struct part *p)
{
	for (size_t i = 0; i < all->n && !p->alive; i++)
		if (all->v[i].instance == p->instance && all->v[i].alive)
			return true;
	return false;
}

static uint64_t calls_of(const struct sessmgr *s, const char *key)
{
	struct parts *all = calloc(1, sizeof(*all));
	uint64_t n = 0;

	if (!all)
		return UINT64_MAX;
	all->key = key;
	counters_walk(s->t->run_dir, add_segment, all);
	for (size_t i = 0; i < all->n; i++)
		n += replaced(all, &all->v[i]) ? 0 : all->v[i].calls;
	free(all);
	return n;
}

bool sessmgr_limit_reached(struct sessmgr *s, const struct session_call *c)
{
	struct counters_wsg *w = ((struct sessmgr_call *)c->data)->wsg;
	char key[COUNTERS_KEY_MAX];
	uint64_t max;

	if (!w || !limit_of(s, c, &max) || !key_of(s, c, key))
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* ours is seen before we look at theirs */
	if (calls_of(s, key) <= max)
		return false;
	counter_inc(&w->total_max_sessions_refused);
	return true;
}

/* --- while calls are rebuilt --------------------------------------------------------------------------- */

static struct counters_wsg *set_of(struct sessmgr *s, const struct store_ckpt *ck)
{
	struct session_call c;
	char key[COUNTERS_KEY_MAX];

	if (session_row_decode(&c, ck->blob, ck->len) || !key_of(s, &c, key))
		return NULL;
	return counters_add(s->counters, &counters_schema_wsg, key);
}

static int reserve_row(const struct store_ckpt *ck, void *arg)
{
	struct counters_wsg *w = set_of(arg, ck);

	if (w)
		counter_inc(&w->sessions_reserved);
	return 0;
}

void sessmgr_limit_reserve(struct sessmgr *s)
{
	if (s->counters)
		store_ckpt_list(s->store, SESSION_ROW_KIND, s->t->addr, reserve_row, s);
	s->reserved = s->counters != NULL;
}

static int release_row(const struct store_ckpt *ck, void *arg)
{
	struct counters_wsg *w = set_of(arg, ck);

	if (w)
		counter_set(&w->sessions_reserved, 0);
	return 0;
}

void sessmgr_limit_release(struct sessmgr *s)
{
	if (s->reserved)
		store_ckpt_list(s->store, SESSION_ROW_KIND, s->t->addr, release_row, s);
	s->reserved = false;
}
