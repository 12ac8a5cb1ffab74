/* SPDX-License-Identifier: MIT */
/*
 * max-sessions of a wsg-service and of its bind: how many calls the service has on all sessmgrs, from their
 * counters. A call counts itself first and is refused when it is one too many, so that of several that come
 * at once on different cards never too many stay. While a sessmgr is rebuilt its rows count for it. Entry
 * points: sessmgr_limit_reached(), sessmgr_limit_reserve(), sessmgr_limit_release().
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/clock.h"
#include "sessmgr.h"
#include "vpn/vpn_context.h"

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

/* --- the counters of all sessmgrs: mapped until their directory changes ------------------------------------
 */

struct segment {
	struct counters_reader *r;
	unsigned hint; /* where the set is that was asked for last */
};

static struct {
	struct segment *v;
	size_t n, room;
	struct timespec changed; /* the directory, when it was read */
	bool trusted;
} all;

static void forget_segments(void)
{
	for (size_t i = 0; i < all.n; i++)
		counters_close_reader(all.v[i].r);
	all.n = 0;
	all.trusted = false;
}

/* 0; or -errno, and it may be one that counts. */
static int add_segment(const char *path)
{
	struct counters_reader *r = counters_open(path);
	size_t room = all.room ? 2 * all.room : 64;
	struct segment *more;

	if (!r)
		return errno == ENOENT || errno == EPROTO ? 0 : -errno;
	if (all.n == all.room) {
		more = realloc(all.v, room * sizeof(*more));
		if (!more) {
			counters_close_reader(r);
			return -ENOMEM;
		}
		all.v = more;
		all.room = room;
	}
	all.v[all.n++] = (struct segment){r, 0};
	return 0;
}

/* Times of files go in steps: what was changed a moment before it was read may be changed again unseen. */
static bool is_old(const struct timespec *changed, uint64_t now_us)
{
	return ((uint64_t)changed->tv_sec + 1) * US_PER_SEC + (uint64_t)changed->tv_nsec / 1000 < now_us;
}

static int read_segments(const char *dir)
{
	uint64_t now = clock_wall_us();
	char path[512];
	struct dirent *e;
	struct stat st;
	int err = 0;
	DIR *d = opendir(dir);

	forget_segments();
	if (!d || fstat(dirfd(d), &st) < 0) {
		err = -errno;
		if (d)
			closedir(d);
		return err;
	}
	while ((e = readdir(d))) {
		int n = e->d_name[0] != '.' && strstr(e->d_name, "-sessmgr-")
		                ? snprintf(path, sizeof(path), "%s/%s", dir, e->d_name)
		                : 0;
		int one = n > 0 && n < (int)sizeof(path) ? add_segment(path) : 0;

		err = err ? err : one;
	}
	closedir(d);
	all.changed = st.st_mtim;
	all.trusted = !err && is_old(&st.st_mtim, now);
	return err;
}

static int see_segments(const char *run)
{
	char dir[300];
	struct stat st;

	snprintf(dir, sizeof(dir), "%s/counters", run);
	if (all.trusted && !stat(dir, &st) && st.st_mtim.tv_sec == all.changed.tv_sec &&
	    st.st_mtim.tv_nsec == all.changed.tv_nsec)
		return 0;
	return read_segments(dir);
}

static const struct counters_wsg *set_in(struct segment *g, const char *key)
{
	struct counters_set set;
	unsigned pos = g->hint;

	for (unsigned round = 0; round < 2; round++, pos = 0)
		while (counters_next(g->r, &pos, &set)) {
			if (set.schema == &counters_schema_wsg && !strcmp(set.key, key)) {
				g->hint = pos - 1;
				return set.values;
			}
			if (!round)
				break;
		}
	return NULL;
}

/* A sessmgr that died leaves its counters behind, which count until there is another of its number, on
 * whatever card. */
static bool replaced(const struct segment *g)
{
	bool twin = false;

	for (const struct segment *o = all.v; o < all.v + all.n; o++)
		twin |= o != g && counters_info(o->r)->instance == counters_info(g->r)->instance &&
		        counters_owner_alive(o->r);
	return twin && !counters_owner_alive(g->r);
}

static uint64_t calls_of(const struct sessmgr *s, const char *key)
{
	uint64_t n = 0;

	if (see_segments(s->t->run_dir))
		return UINT64_MAX;
	for (struct segment *g = all.v; g < all.v + all.n; g++) {
		const struct counters_wsg *w = set_in(g, key);

		if (w && !replaced(g))
			n += __atomic_load_n(&w->sessions_admitted, __ATOMIC_SEQ_CST) +
			     __atomic_load_n(&w->sessions_reserved, __ATOMIC_SEQ_CST);
	}
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
