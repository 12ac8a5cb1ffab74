/* SPDX-License-Identifier: MIT */
/*
 * Addresses: from the chunks we have for (context, pool, ipsecmgr), or from a new chunk of the context's
 * vpnmgr. One request per such triple is under way; the calls that need it wait in state ARRIVED. Also the
 * way back, and settling after a restart.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "sessmgr.h"

struct sessmgr_chunk_req {
	struct sessmgr_chunk_req *next;
	uint32_t gen, ctx, ipsecmgr;
	int family;
	char pool[POOL_NAME_MAX];
};

struct settle {
	uint32_t gen, ctx;
};

static bool same(const struct sessmgr_chunk_req *r, const struct session_call *c,
                 const struct sessmgr_need *n)
{
	return r->ctx == c->ctx && r->ipsecmgr == c->ipsecmgr && r->family == n->family &&
	       !strcmp(r->pool, n->pool);
}

static struct sessmgr_need *needs_of(const struct session_call *c)
{
	struct sessmgr_wait *w = ((struct sessmgr_call *)c->data)->wait;

	return w ? w->need : NULL;
}

static const char *vpnmgr_of(uint32_t ctx, char buf[40])
{
	snprintf(buf, 40, "vpnmgr/%u", ctx);
	return buf;
}

/* --- taking
 * --------------------------------------------------------------------------------------------------- */

static void take_one(struct sessmgr *s, struct session_call *c, struct sessmgr_need *n)
{
	struct lease_want want = {c->ctx, c->ipsecmgr, n->pool, n->family, n->want};
	bool six = n->family == AF_INET6;
	const char *pool;

	if (lease_take(s->leases, &want, six ? &c->addr6 : &c->addr, &pool))
		return;
	n->open = false;
	*(six ? &c->has_lease6 : &c->has_lease) = true;
	snprintf(six ? c->pool6 : c->pool, sizeof(c->pool), "%s", pool);
}

/* Take what there is. True: the call waits for nothing more. */
static bool take(struct sessmgr *s, struct session_call *c)
{
	struct sessmgr_need *n = needs_of(c);

	for (unsigned i = 0; i < 2; i++)
		if (n[i].open)
			take_one(s, c, &n[i]);
	return !n[0].open && !n[1].open;
}

void sessmgr_pool_release(struct sessmgr *s, struct session_call *c)
{
	if (c->has_lease)
		lease_put(s->leases, c->ctx, &c->addr, clock_now_us());
	if (c->has_lease6)
		lease_put(s->leases, c->ctx, &c->addr6, clock_now_us());
	c->has_lease = c->has_lease6 = false;
}

/* --- asking for a chunk
 * --------------------------------------------------------------------------------------- */

static void unlink_req(struct sessmgr *s, struct sessmgr_chunk_req *r)
{
	struct sessmgr_chunk_req **at = &s->requests;

	while (*at && *at != r)
		at = &(*at)->next;
	if (*at)
		*at = r->next;
}

/* There is no address of one kind. A peer that asked for both gets the other one (RFC 7296 section 3.15.4).
 */
static void do_without(struct sessmgr *s, struct session_call *c, struct sessmgr_need *n, const char *why)
{
	struct sessmgr_need *other = needs_of(c) + (n->family != AF_INET6);

	n->open = false;
	if (!why[0] || (!other->open && !c->has_lease && !c->has_lease6))
		sessmgr_call_refuse(s, c, why[0] ? why : NULL);
	else if (!other->open)
		sessmgr_call_answer(s, c);
}

/* Serve the calls that wait for what r asked. failure: no chunk came ("": vpnmgr is silent). */
static void serve(struct sessmgr *s, const struct sessmgr_chunk_req *r, const char *failure)
{
	struct session_call *c = session_next(s->table, NULL), *next;

	for (; c; c = next) {
		struct sessmgr_need *n = needs_of(c);

		next = session_next(s->table, c);
		n = n && r->family == AF_INET6 ? n + 1 : n;
		if (session_state(c) != SESSION_ARRIVED || !n || !n->open || !same(r, c, n))
			continue;
		if (take(s, c))
			sessmgr_call_answer(s, c);
		else if (failure && n->open)
			do_without(s, c, n, failure);
		else
			sessmgr_pool_address(s, c);
	}
}

/* Put the chunk of an answer to the others. 0, or -EINVAL when it is none. */
static int add_chunk(struct sessmgr *s, const struct sessmgr_chunk_req *r, const PoolChunk *a)
{
	struct pool_chunk c = {.count = a->count, .sessmgr = s->t->instance, .ipsecmgr = r->ipsecmgr};
	int err = net_addr_from_bytes(&c.first, a->first.data, a->first.len);

	if (!err && strlen(a->pool) >= POOL_NAME_MAX)
		err = -EINVAL;
	if (!err)
		err = lease_add(s->leases, r->ctx, a->pool, &c, true, clock_now_us());
	return err == -EALREADY ? 0 : err;
}

/* What a peer may be told, for what vpnmgr says. */
static const char *disconnect_reason(const char *failure)
{
	return !strcmp(failure, "unknown pool") ? "addr-assign-failure" : "no-resource";
}

/* At most once in a while: it reads all rows. */
static bool may_settle(struct sessmgr *s)
{
	uint64_t now = clock_now_us();

	if (s->exhausted_us && now - s->exhausted_us < SESSMGR_SETTLE_MS * US_PER_MS)
		return false;
	s->exhausted_us = now;
	return true;
}

/* Are the chunks of a context being confirmed? */
static bool settles(const struct sessmgr *s, uint32_t ctx)
{
	for (unsigned i = 0; i < s->n_settling; i++)
		if (s->settling[i] == ctx)
			return true;
	return false;
}

static void chunk_answer(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	struct sessmgr *s = &sessmgr;
	struct sessmgr_chunk_req *r = arg;
	const PoolChunk *a = m && m->env->body_case == ENVELOPE__BODY_POOL_CHUNK ? m->env->pool_chunk : NULL;
	int err;

	if (r->gen != s->gen) { /* forgotten with everything else */
		free(r);
		return;
	}
	unlink_req(s, r);
	if (status || !a) {
		LOG(EV_WARN, "vpnmgr %u gives no answer about pool %s: %s", r->ctx, r->pool,
		    strerror(status ? -status : EPROTO));
		serve(s, r, "");
	} else if (a->failure[0]) {
		LOG(EV_VPN_POOL_EMPTY, "no addresses from pool %s of context %s: %s", r->pool,
		    sessmgr_cfg_context(s, r->ctx), a->failure);
		if (!strcmp(a->failure, "pool exhausted") && lease_unsettled(s->leases, r->ctx) &&
		    (settles(s, r->ctx) || may_settle(s))) {
			sessmgr_pool_settle(s, r->ctx); /* we may hold free ones: the calls wait for that */
		} else {
			serve(s, r, disconnect_reason(a->failure));
		}
	} else {
		err = add_chunk(s, r, a);
		if (err)
			LOG(EV_INTERNAL_ERROR, "vpnmgr %u gave a chunk that cannot be ours: %s", r->ctx,
			    strerror(-err));
		serve(s, r, err ? "no-resource" : NULL);
	}
	free(r);
}

/* False: the call was refused. */
static bool ask(struct sessmgr *s, struct session_call *c, const struct sessmgr_need *n)
{
	struct sessmgr_chunk_req *r = calloc(1, sizeof(*r));
	PoolChunkRequest q = POOL_CHUNK_REQUEST__INIT;
	Envelope env = ENVELOPE__INIT;
	char dst[40];

	if (!r) {
		sessmgr_call_refuse(s, c, "no-resource");
		return false;
	}
	*r = (struct sessmgr_chunk_req){s->requests, s->gen, c->ctx, c->ipsecmgr, n->family, {0}};
	strcpy(r->pool, n->pool);
	q.pool = r->pool;
	q.instance = s->t->instance;
	q.want = SESSMGR_CHUNK;
	q.ipsecmgr = c->ipsecmgr;
	q.ipv6 = n->family == AF_INET6;
	env.body_case = ENVELOPE__BODY_POOL_CHUNK_REQUEST;
	env.pool_chunk_request = &q;
	if (task_request(s->t, vpnmgr_of(c->ctx, dst), &env, SESSMGR_CHUNK_MS, TASK_RETRY, chunk_answer, r)) {
		free(r);
		sessmgr_call_refuse(s, c, NULL);
		return false;
	}
	s->requests = r;
	return true;
}

static bool under_way(const struct sessmgr *s, const struct session_call *c, const struct sessmgr_need *n)
{
	for (const struct sessmgr_chunk_req *r = s->requests; r; r = r->next)
		if (same(r, c, n))
			return true; /* it serves this call too */
	return false;
}

void sessmgr_pool_address(struct sessmgr *s, struct session_call *c)
{
	const struct sessmgr_need *n = needs_of(c);

	if (take(s, c)) {
		sessmgr_call_answer(s, c);
		return;
	}
	for (unsigned i = 0; i < 2; i++)
		if (n[i].open && !under_way(s, c, &n[i]) && !ask(s, c, &n[i]))
			return;
}

/* --- the way back
 * --------------------------------------------------------------------------------------------- */

void sessmgr_pool_sweep(struct sessmgr *s)
{
	struct lease_chunk c;
	char dst[40];

	while (lease_give_back(s->leases, clock_now_us(), SESSMGR_IDLE_US, false, &c)) {
		Envelope env = ENVELOPE__INIT;
		PoolReturn q = POOL_RETURN__INIT;

		q.pool = c.pool;
		q.first.data = c.first.bytes;
		q.first.len = net_addr_len(&c.first);
		q.count = c.count;
		q.instance = s->t->instance;
		env.body_case = ENVELOPE__BODY_POOL_RETURN;
		env.pool_return = &q;
		if (!task_peer_up(s->t, vpnmgr_of(c.ctx, dst)) || task_send(s->t, dst, &env)) {
			struct pool_chunk back = {c.first, c.count, s->t->instance, c.ipsecmgr};

			lease_add(s->leases, c.ctx, c.pool, &back, true, clock_now_us());
			return;
		}
	}
}

/* --- from the rows
 * -------------------------------------------------------------------------------------------- */

struct load {
	struct sessmgr *s;
	uint32_t ctx, n;
	bool settled;
};

static int load_row(const struct store_ckpt *ck, void *arg)
{
	struct load *l = arg;
	struct pool_row row;
	int err = pool_row_decode(&row, ck->blob, ck->len);

	if (err) {
		LOG(EV_SESS_LOST, "chunk %s cannot be read: %s", ck->key, strerror(-err));
		return 0;
	}
	if (row.chunk.sessmgr != l->s->t->instance || (l->ctx != UINT32_MAX && row.ctx != l->ctx))
		return 0;
	err = lease_add(l->s->leases, row.ctx, row.pool, &row.chunk, l->settled, clock_now_us());
	if (err && err != -EALREADY)
		LOG(EV_SESS_LOST, "chunk %s is not usable: %s", ck->key, strerror(-err));
	else
		l->n++;
	return 0;
}

uint32_t sessmgr_pool_load(struct sessmgr *s, uint32_t ctx, bool settled)
{
	struct load l = {s, ctx, 0, settled};
	int err = store_ckpt_list(s->store, POOL_ROW_KIND, NULL, load_row, &l);

	if (err && err != -ENOENT)
		LOG(EV_SESS_LOST, "chunks cannot be read: %s", strerror(-err));
	return l.n;
}

/* --- settling
 * ------------------------------------------------------------------------------------------------- */

static void settled_ctx(struct sessmgr *s, uint32_t ctx)
{
	for (unsigned i = 0; i < s->n_settling; i++)
		if (s->settling[i] == ctx)
			s->settling[i] = s->settling[--s->n_settling];
}

/* Calls of this context that still wait without a request under way. */
static void wake(struct sessmgr *s, uint32_t ctx)
{
	struct session_call *c = session_next(s->table, NULL), *next;

	for (; c; c = next) {
		next = session_next(s->table, c);
		if (session_state(c) == SESSION_ARRIVED && c->ctx == ctx &&
		    ((struct sessmgr_call *)c->data)->wait)
			sessmgr_pool_address(s, c);
	}
}

/* vpnmgr has handled everything that was said before: what the rows say now is true. */
static void settle_answer(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	struct sessmgr *s = &sessmgr;
	struct settle *k = arg;
	size_t dropped;

	if (k->gen == s->gen) {
		settled_ctx(s, k->ctx);
		if (status) {
			LOG(EV_WARN, "vpnmgr %u does not confirm chunks: %s", k->ctx, strerror(-status));
		} else {
			sessmgr_recover_missing(s);
			lease_settle_begin(s->leases, k->ctx);
			sessmgr_pool_load(s, k->ctx, true);
			dropped = lease_settle_end(s->leases, k->ctx);
			if (dropped)
				LOG(EV_NOTE, "%zu chunks of context %s had gone back", dropped,
				    sessmgr_cfg_context(s, k->ctx));
		}
		wake(s, k->ctx);
	}
	free(k);
}

void sessmgr_pool_settle(struct sessmgr *s, uint32_t ctx)
{
	PoolChunkRequest q = POOL_CHUNK_REQUEST__INIT;
	Envelope env = ENVELOPE__INIT;
	struct settle *k;
	char dst[40];

	if (settles(s, ctx))
		return;
	k = s->n_settling < sizeof(s->settling) / sizeof(s->settling[0]) ? calloc(1, sizeof(*k)) : NULL;
	if (!k)
		return;
	*k = (struct settle){s->gen, ctx};
	q.pool = (char *)"";
	q.instance = s->t->instance;
	env.body_case = ENVELOPE__BODY_POOL_CHUNK_REQUEST;
	env.pool_chunk_request = &q;
	if (task_request(s->t, vpnmgr_of(ctx, dst), &env, SESSMGR_CHUNK_MS, TASK_RETRY, settle_answer, k))
		free(k);
	else
		s->settling[s->n_settling++] = ctx;
}

void sessmgr_pool_forget(struct sessmgr *s)
{
	lease_clear(s->leases);
	s->requests = NULL; /* each is freed by its answer: its gen is old */
	s->n_settling = 0;
}
