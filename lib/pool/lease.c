/* SPDX-License-Identifier: MIT */
/*
 * A sessmgr's addresses: chunks sorted by context and address, a bitmap each, next-fit search. See
 * pool/lease.h for the rules; tested with the allocator in tests/unit/test_pool_lease.c (never two owners).
 */
#include "pool/lease.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct lease_set *lease_set_new(void)
{
	return calloc(1, sizeof(struct lease_set));
}

static void drop_at(struct lease_set *s, size_t i)
{
	s->used -= s->chunks[i].used;
	s->total -= s->chunks[i].count;
	free(s->chunks[i].bits);
	s->n--;
	memmove(&s->chunks[i], &s->chunks[i + 1], (s->n - i) * sizeof(s->chunks[0]));
}

void lease_clear(struct lease_set *s)
{
	while (s->n)
		drop_at(s, s->n - 1);
}

void lease_set_free(struct lease_set *s)
{
	if (!s)
		return;
	lease_clear(s);
	free(s->chunks);
	free(s);
}

/* Distance of `a` from a chunk's first address; UINT32_MAX: not in the chunk. Chunks are aligned, so the low
 * 32 bits do. */
static uint32_t index_in(const struct lease_chunk *c, const struct net_addr *a)
{
	struct net_addr base = *a;
	size_t n = net_addr_len(a);
	uint32_t low;

	if (!n || a->family != c->first.family)
		return UINT32_MAX;
	low = (uint32_t)a->bytes[n - 4] << 24 | (uint32_t)a->bytes[n - 3] << 16 |
	      (uint32_t)a->bytes[n - 2] << 8 | a->bytes[n - 1];
	low &= c->count - 1;
	for (size_t i = 0; i < 4; i++)
		base.bytes[n - 1 - i] &= (uint8_t) ~((c->count - 1) >> (8 * i));
	return net_addr_equal(&base, &c->first) ? low : UINT32_MAX;
}

static int compare(uint32_t ctx, const struct net_addr *a, const struct lease_chunk *c)
{
	if (ctx != c->ctx)
		return ctx < c->ctx ? -1 : 1;
	return net_addr_compare(a, &c->first);
}

/* Index of the first chunk behind (ctx, a). */
static size_t upper(const struct lease_set *s, uint32_t ctx, const struct net_addr *a)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (compare(ctx, a, &s->chunks[mid]) >= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The chunk that holds an address, with its index. */
static struct lease_chunk *find(const struct lease_set *s, uint32_t ctx, const struct net_addr *a,
                                uint32_t *index)
{
	size_t at = upper(s, ctx, a);

	if (!at || s->chunks[at - 1].ctx != ctx)
		return NULL;
	*index = index_in(&s->chunks[at - 1], a);
	return *index == UINT32_MAX ? NULL : &s->chunks[at - 1];
}

static bool bit(const struct lease_chunk *c, uint32_t i)
{
	return c->bits[i / 64] >> (i % 64) & 1;
}

static void set_bit(struct lease_set *s, struct lease_chunk *c, uint32_t i)
{
	c->bits[i / 64] |= 1ULL << (i % 64);
	c->used++;
	s->used++;
}

/* --- chunks
 * --------------------------------------------------------------------------------------------------- */

static int room(struct lease_set *s)
{
	size_t size = s->size ? s->size * 2 : 16;
	struct lease_chunk *v;

	if (s->n < s->size)
		return 0;
	v = realloc(s->chunks, size * sizeof(*v));
	if (!v)
		return -ENOMEM;
	s->chunks = v;
	s->size = size;
	return 0;
}

int lease_add(struct lease_set *s, uint32_t ctx, const char *pool, const struct pool_chunk *pc, bool settled,
              uint64_t now)
{
	struct lease_chunk c = {.ctx = ctx,
	                        .ipsecmgr = pc->ipsecmgr,
	                        .first = pc->first,
	                        .count = pc->count,
	                        .settled = settled,
	                        .seen = true,
	                        .idle_since = now};
	uint32_t ignored;
	size_t at;

	if (!c.count || c.count > POOL_CHUNK_MAX || c.count & (c.count - 1) || index_in(&c, &c.first) != 0 ||
	    strlen(pool) >= sizeof(c.pool))
		return -EINVAL;
	strcpy(c.pool, pool);
	at = upper(s, ctx, &c.first);
	if (at && s->chunks[at - 1].ctx == ctx && net_addr_equal(&s->chunks[at - 1].first, &c.first)) {
		struct lease_chunk *old = &s->chunks[at - 1];

		if (old->count != c.count || old->ipsecmgr != c.ipsecmgr || strcmp(old->pool, c.pool))
			return -EEXIST;
		old->settled |= settled;
		old->seen = true;
		return -EALREADY;
	}
	if (find(s, ctx, &c.first, &ignored))
		return -EEXIST;
	if (at < s->n && s->chunks[at].ctx == ctx && index_in(&c, &s->chunks[at].first) != UINT32_MAX)
		return -EEXIST;
	c.bits = calloc((c.count + 63) / 64, sizeof(*c.bits));
	if (!c.bits || room(s)) {
		free(c.bits);
		return -ENOMEM;
	}
	memmove(&s->chunks[at + 1], &s->chunks[at], (s->n - at) * sizeof(c));
	s->chunks[at] = c;
	s->n++;
	s->total += c.count;
	return 0;
}

void lease_settle_begin(struct lease_set *s, uint32_t ctx)
{
	for (size_t i = 0; i < s->n; i++)
		if (ctx == UINT32_MAX || s->chunks[i].ctx == ctx)
			s->chunks[i].seen = false;
}

size_t lease_settle_end(struct lease_set *s, uint32_t ctx)
{
	size_t dropped = 0;

	for (size_t i = s->n; i-- > 0;) {
		struct lease_chunk *c = &s->chunks[i];

		if ((ctx != UINT32_MAX && c->ctx != ctx) || c->seen || c->used || c->settled)
			continue;
		drop_at(s, i);
		dropped++;
	}
	return dropped;
}

bool lease_unsettled(const struct lease_set *s, uint32_t ctx)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->chunks[i].ctx == ctx && !s->chunks[i].settled)
			return true;
	return false;
}

static bool same_pair(const struct lease_chunk *a, const struct lease_chunk *b)
{
	return a->ctx == b->ctx && a->ipsecmgr == b->ipsecmgr && !strcmp(a->pool, b->pool);
}

/* Free addresses of the same pair in other chunks? */
static bool others_free(const struct lease_set *s, size_t i)
{
	for (size_t j = 0; j < s->n; j++)
		if (j != i && s->chunks[j].settled && s->chunks[j].used < s->chunks[j].count &&
		    same_pair(&s->chunks[i], &s->chunks[j]))
			return true;
	return false;
}

bool lease_give_back(struct lease_set *s, uint64_t now, uint64_t idle_us, bool last, struct lease_chunk *out)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct lease_chunk *c = &s->chunks[i];

		if (!c->settled || c->used || now < c->idle_since || now - c->idle_since < idle_us)
			continue;
		if (!last && !others_free(s, i))
			continue;
		*out = *c;
		out->bits = NULL;
		drop_at(s, i);
		return true;
	}
	return false;
}

/* --- addresses
 * ------------------------------------------------------------------------------------------------ */

static bool wanted(const struct lease_chunk *c, const struct lease_want *w)
{
	return c->ctx == w->ctx && c->ipsecmgr == w->ipsecmgr && c->settled &&
	       (!w->family || c->first.family == w->family) && (!w->pool[0] || !strcmp(c->pool, w->pool));
}

int lease_take(struct lease_set *s, const struct lease_want *w, struct net_addr *addr, const char **pool)
{
	struct lease_chunk *c;
	uint32_t i;

	if (net_addr_is_set(&w->addr) && (c = find(s, w->ctx, &w->addr, &i)) && wanted(c, w) && !bit(c, i)) {
		set_bit(s, c, i);
		*addr = w->addr;
		*pool = c->pool;
		return 0;
	}
	for (size_t k = 0; k < s->n; k++) {
		c = &s->chunks[k];
		if (c->used == c->count || !wanted(c, w))
			continue;
		for (i = c->cursor; bit(c, i); i = (i + 1) & (c->count - 1))
			;
		set_bit(s, c, i);
		c->cursor = (i + 1) & (c->count - 1);
		*addr = c->first;
		net_addr_add(addr, i);
		*pool = c->pool;
		return 0;
	}
	return -EAGAIN;
}

int lease_mark(struct lease_set *s, uint32_t ctx, const struct net_addr *addr)
{
	uint32_t i;
	struct lease_chunk *c = find(s, ctx, addr, &i);

	if (!c)
		return -ENOENT;
	if (bit(c, i))
		return -EEXIST;
	set_bit(s, c, i);
	return 0;
}

int lease_put(struct lease_set *s, uint32_t ctx, const struct net_addr *addr, uint64_t now)
{
	uint32_t i;
	struct lease_chunk *c = find(s, ctx, addr, &i);

	if (!c || !bit(c, i))
		return -ENOENT;
	c->bits[i / 64] &= ~(1ULL << (i % 64));
	s->used--;
	if (!--c->used)
		c->idle_since = now;
	return 0;
}

bool lease_in_use(const struct lease_set *s, uint32_t ctx, const struct net_addr *addr)
{
	uint32_t i;
	const struct lease_chunk *c = find(s, ctx, addr, &i);

	return c && bit(c, i);
}
