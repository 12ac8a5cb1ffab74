/* SPDX-License-Identifier: MIT */
/*
 * Pools of the context and their chunks. A chunk is taken, stored, routed, and only then answered: a sessmgr
 * never hears of addresses that a crash could give to somebody else. Entry points: vpnmgr_pool_request(),
 * _return(), _restore().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "vpnmgr.h"

/* --- checkpoints
 * ---------------------------------------------------------------------------------------------- */

/* A sessmgr that waits until everything submitted before its question is durable. */
struct vpnmgr_sync {
	struct vpnmgr_sync *next;
	uint64_t upto;
	struct bus_from from;
};

static void reply_chunk(struct vpnmgr *v, const struct bus_from *to, const char *pool,
                        const struct pool_chunk *c, const char *failure)
{
	static const uint8_t ones[16] = {[0 ... 15] = 0xff};
	Envelope env = ENVELOPE__INIT;
	PoolChunk r = POOL_CHUNK__INIT;

	r.pool = (char *)pool;
	r.failure = (char *)failure;
	if (c) {
		r.first.data = (uint8_t *)c->first.bytes;
		r.first.len = net_addr_len(&c->first);
		r.count = c->count;
		r.mask.data = (uint8_t *)ones; /* each address is a host's: RFC 7296 section 3.15.1 */
		r.mask.len = r.first.len;
	}
	env.body_case = ENVELOPE__BODY_POOL_CHUNK;
	env.pool_chunk = &r;
	task_reply_to(v->t, to, &env);
}

static void syncs_run(struct vpnmgr *v)
{
	while (v->syncs && v->syncs->upto <= v->acked) {
		struct vpnmgr_sync *s = v->syncs;

		v->syncs = s->next;
		reply_chunk(v, &s->from, "", NULL, "");
		free(s);
	}
}

int vpnmgr_pool_write(struct vpnmgr *v, const struct ckpt_row *rows, size_t n, ckpt_cb cb, void *arg)
{
	int err = ckpt_write(v->ckpt, rows, n, cb, arg);

	if (!err)
		v->submitted++;
	return err;
}

void vpnmgr_pool_written(struct vpnmgr *v)
{
	v->acked++;
	syncs_run(v);
}

static void sync_later(struct vpnmgr *v, const struct bus_msg *m)
{
	struct vpnmgr_sync *s = calloc(1, sizeof(*s)), **end = &v->syncs;

	if (!s)
		return; /* the sessmgr asks again */
	s->from = task_from(m);
	s->upto = v->submitted;
	while (*end)
		end = &(*end)->next;
	*end = s;
	syncs_run(v);
}

/* A chunk's row. blob: POOL_ROW_MAX bytes, or NULL to delete the row. */
static int write_row(struct vpnmgr *v, const char *pool, const struct pool_chunk *c, bool del, ckpt_cb cb,
                     void *arg)
{
	struct pool_row row = {.ctx = v->ctx, .chunk = *c};
	uint8_t blob[POOL_ROW_MAX];
	char key[POOL_KEY_MAX];
	struct ckpt_row r = {.kind = POOL_ROW_KIND, .key = pool_row_key(v->cfg.name, pool, &c->first, key)};

	memcpy(row.pool, pool, strlen(pool) + 1);
	if (!del) {
		r.len = pool_row_encode(&row, blob);
		r.blob = blob;
	}
	return vpnmgr_pool_write(v, &r, 1, cb, arg);
}

static void deleted(struct task *t, void *arg, int status, const char *text)
{
	struct vpnmgr *v = arg;

	vpnmgr_pool_written(v);
	if (status)
		LOG(EV_STORE_ERROR, "context %s: a chunk's row was not deleted: %s", v->cfg.name, text);
}

/* --- definition and restore
 * ----------------------------------------------------------------------------------- */

static bool configured(const struct vpnmgr *v, const char *name)
{
	for (unsigned i = 0; i < v->cfg.n_pools; i++)
		if (!strcmp(v->cfg.pools[i].name, name))
			return true;
	return false;
}

void vpnmgr_pool_define(struct vpnmgr *v)
{
	const struct pool *other = NULL;

	for (struct pool *p = v->pools->pools, *next; p; p = next) {
		next = p->next;
		if (!configured(v, p->def.name) && pool_remove(v->pools, p->def.name) == -EINPROGRESS)
			LOG(EV_VPN_CONTEXT, "context %s: pool %s goes when its last address is free",
			    v->cfg.name, p->def.name);
	}
	for (unsigned i = 0; i < v->cfg.n_pools; i++) {
		const struct pool_def *d = &v->cfg.pools[i];
		int err = pool_define(v->pools, d, &other);

		if (err == -EEXIST)
			vpnmgr_net_problem(v, "pool %s overlaps pool %s and is not used", d->name,
			                   other->def.name);
		else if (err == -EBUSY)
			vpnmgr_net_problem(
			        v, "pool %s keeps its old range: addresses outside of the new one are in use",
			        d->name);
		else if (err)
			vpnmgr_net_problem(v, "pool %s cannot be used: %s", d->name, strerror(-err));
	}
}

void vpnmgr_pool_clear(struct vpnmgr *v)
{
	struct pool_set *fresh = pool_set_new();

	if (!fresh) {
		LOG(EV_NO_MEMORY, "context %s: no memory for pools", v->cfg.name);
		return;
	}
	pool_set_free(v->pools);
	v->pools = fresh;
}

struct restore {
	struct vpnmgr *v;
	uint32_t n;
};

static int restore_row(const struct store_ckpt *ck, void *arg)
{
	struct restore *r = arg;
	struct pool_row row;
	struct pool *p;
	int err = pool_row_decode(&row, ck->blob, ck->len);

	if (!err) {
		p = pool_find(r->v->pools, row.pool);
		err = p ? pool_chunk_restore(p, &row.chunk) : -ENOENT;
	}
	if (!err)
		r->n++;
	else if (err != -EALREADY)
		LOG(EV_SESS_LOST, "context %s: chunk %s is not restored: %s", r->v->cfg.name, ck->key,
		    err == -ENOENT ? "its pool is not configured" : strerror(-err));
	return 0;
}

int vpnmgr_pool_restore(struct vpnmgr *v, uint32_t *n)
{
	struct restore r = {v, 0};
	int err = store_ckpt_list(v->store, POOL_ROW_KIND, v->t->addr, restore_row, &r);

	*n = r.n;
	return err == -ENOENT ? 0 : err; /* there is no store yet */
}

/* --- taking a chunk
 * ------------------------------------------------------------------------------------------- */

struct taken {
	struct bus_from from;
	uint32_t gen;
	char pool[POOL_NAME_MAX];
	struct pool_chunk chunk;
};

/* Undo: the chunk was not handed out. */
static void give_up(struct vpnmgr *v, const struct taken *k)
{
	struct pool *p = pool_find(v->pools, k->pool);

	if (p)
		pool_chunk_return(p, &k->chunk.first, k->chunk.count, k->chunk.sessmgr, NULL);
	write_row(v, k->pool, &k->chunk, true, deleted, v);
}

/* The row is durable: route the chunk and answer. */
static void stored(struct task *t, void *arg, int status, const char *text)
{
	struct vpnmgr *v = &vpnmgr;
	struct taken *k = arg;
	struct net_prefix x = pool_chunk_prefix(&k->chunk);
	int err = status;

	vpnmgr_pool_written(v);
	if (k->gen != v->gen || !v->serving) { /* the rows were read anew since: they count */
		reply_chunk(v, &k->from, k->pool, NULL, "not serving");
		free(k);
		return;
	}
	if (!err)
		err = vpnmgr_net_route(v, &x, k->chunk.ipsecmgr, false);
	if (err) {
		LOG(EV_VPN_NETLINK, "context %s: a chunk of pool %s cannot be used: %s", v->cfg.name, k->pool,
		    status ? text : strerror(-err));
		give_up(v, k);
		reply_chunk(v, &k->from, k->pool, NULL, status ? "store refused" : "route refused");
	} else {
		reply_chunk(v, &k->from, k->pool, &k->chunk, "");
	}
	free(k);
}

static const char *take(struct vpnmgr *v, const PoolChunkRequest *q, struct taken *k)
{
	int family = q->ipv6 ? AF_INET6 : AF_INET, err;
	struct pool *p = q->pool[0] ? pool_find(v->pools, q->pool) : pool_choose(v->pools, family);

	if (!p || p->def.first.family != family)
		return q->pool[0] ? "unknown pool" : "no pool has a free address";
	err = pool_chunk_take(p, q->want, q->instance, q->ipsecmgr, &k->chunk);
	if (err == -ENOSPC) {
		LOG(EV_VPN_POOL_EMPTY, "context %s: pool %s has no free address", v->cfg.name, p->def.name);
		return "pool exhausted";
	}
	if (err)
		return err == -EBUSY ? "pool is busied out" : "out of memory";
	memcpy(k->pool, p->def.name, sizeof(k->pool));
	return NULL;
}

void vpnmgr_pool_request(struct task *t, const struct bus_msg *m)
{
	struct vpnmgr *v = &vpnmgr;
	const PoolChunkRequest *q = m->env->pool_chunk_request;
	struct bus_from from = task_from(m);
	const char *failure = NULL;
	struct taken *k;

	if (!q->want && !q->pool[0] && !v->unread) {
		sync_later(v, m);
		return;
	}
	if (!v->serving)
		failure = "not serving";
	else if (v->unread)
		failure = "its chunks cannot be read";
	else if (q->instance != vpnmgr_sender(m) || !q->ipsecmgr || q->ipsecmgr >= VPNMGR_TUNS)
		failure = "wrong owner";
	k = failure ? NULL : calloc(1, sizeof(*k));
	if (!failure)
		failure = k ? take(v, q, k) : "out of memory";
	if (!failure) {
		k->from = from;
		k->gen = v->gen;
		if (!write_row(v, k->pool, &k->chunk, false, stored, k))
			return;
		give_up(v, k);
		failure = "out of memory";
	}
	free(k);
	reply_chunk(v, &from, q->pool, NULL, failure);
}

void vpnmgr_pool_return(struct task *t, const struct bus_msg *m)
{
	struct vpnmgr *v = &vpnmgr;
	const PoolReturn *q = m->env->pool_return;
	struct pool *p = pool_find(v->pools, q->pool);
	struct net_addr first;
	struct net_prefix x;
	struct pool_chunk was;
	int err = net_addr_from_bytes(&first, q->first.data, q->first.len);

	if (!v->serving || v->unread)
		return;
	if (!err)
		err = p ? pool_chunk_return(p, &first, q->count, vpnmgr_sender(m), &was) : -ENOENT;
	if (err) {
		LOG(EV_WARN, "context %s: %s returns a chunk of pool %.31s that it does not have: %s",
		    v->cfg.name, m->src, q->pool, strerror(-err));
		return;
	}
	x = pool_chunk_prefix(&was);
	vpnmgr_net_route(v, &x, was.ipsecmgr, true);
	write_row(v, p->def.name, &was, true, deleted, v);
	if (p->pending_delete && !p->nblocks)
		pool_remove(v->pools, p->def.name);
}
