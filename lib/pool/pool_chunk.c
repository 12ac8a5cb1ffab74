/* SPDX-License-Identifier: MIT */
/*
 * The chunk allocator of a pool: aligned power-of-two blocks in a sorted array; what lies between them is
 * free. The smallest free block that is large enough is used, so large ones stay whole. A chunk takes at most
 * 1/32 of what is free: no manager can drain a pool that others need. Entry points: pool_chunk_take(),
 * _restore(), _return().
 */
#include "pool/pool.h"

#include <errno.h>
#include <stdlib.h>
#include "pool/pool_int.h"

#define WANT_DEFAULT 256
#define SHARE        32

/* Index of the first block with off > off. */
static size_t upper(const struct pool *p, uint32_t off)
{
	size_t lo = 0, hi = p->nblocks;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->blocks[mid].off <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static uint32_t last_of(const struct pool_block *b)
{
	return b->off + (b->count - 1);
}

static int insert(struct pool *p, size_t at, const struct pool_block *b)
{
	if (p->nblocks == p->size) {
		size_t size = p->size ? p->size * 2 : 16;
		struct pool_block *v = realloc(p->blocks, size * sizeof(*v));

		if (!v)
			return -ENOMEM;
		p->blocks = v;
		p->size = size;
	}
	memmove(&p->blocks[at + 1], &p->blocks[at], (p->nblocks - at) * sizeof(*b));
	p->blocks[at] = *b;
	p->nblocks++;
	p->held += b->count;
	return 0;
}

struct fit {
	uint32_t want; /* power of two */
	uint32_t off;
	uint64_t count; /* of the free block found; 0: none */
};

/* Is a block of `count` better than what we have? Smallest that is large enough, else the largest. */
static void consider(struct fit *f, uint32_t off, uint64_t count)
{
	bool enough = count >= f->want, had = f->count >= f->want;

	if (f->count && (enough ? had && count >= f->count : had || count <= f->count))
		return;
	f->off = off;
	f->count = count;
}

/* Cut the free range [lo, hi] into its largest aligned blocks and consider each. */
static void scan(struct fit *f, uint64_t lo, uint64_t hi)
{
	while (lo <= hi) {
		uint64_t size = lo ? lo & -lo : 1ULL << 32;

		while (size > hi - lo + 1)
			size >>= 1;
		consider(f, (uint32_t)lo, size);
		lo += size;
	}
}

static uint32_t chunk_size(const struct pool *p, uint32_t want)
{
	uint64_t max = pool_free(p) / SHARE, n = want ? want : WANT_DEFAULT;
	uint32_t size = 1;

	if (n > POOL_CHUNK_MAX)
		n = POOL_CHUNK_MAX;
	if (n > max)
		n = max;
	while (size * 2ULL <= n)
		size *= 2;
	return size;
}

int pool_chunk_take(struct pool *p, uint32_t want, uint32_t sessmgr, uint32_t ipsecmgr,
                    struct pool_chunk *out)
{
	struct fit f = {.want = chunk_size(p, want)};
	struct pool_block b;
	uint64_t lo = p->lo;
	int err;

	if (p->def.busyout || p->pending_delete)
		return -EBUSY;
	for (size_t i = 0; i < p->nblocks; i++) {
		if (p->blocks[i].off > lo)
			scan(&f, lo, p->blocks[i].off - 1ULL);
		lo = last_of(&p->blocks[i]) + 1ULL;
	}
	if (lo <= p->hi)
		scan(&f, lo, p->hi);
	if (!f.count)
		return -ENOSPC;
	b = (struct pool_block){f.off, f.count < f.want ? (uint32_t)f.count : f.want, sessmgr, ipsecmgr};
	err = insert(p, upper(p, b.off), &b);
	if (!err)
		*out = (struct pool_chunk){pool_addr(p, b.off), b.count, sessmgr, ipsecmgr};
	return err;
}

int pool_chunk_restore(struct pool *p, const struct pool_chunk *c)
{
	struct pool_block b = {pool_low(&c->first), c->count, c->sessmgr, c->ipsecmgr};
	size_t at;

	if (!c->count || c->count > POOL_CHUNK_MAX || c->count & (c->count - 1) || b.off & (c->count - 1) ||
	    !c->sessmgr)
		return -EINVAL;
	if (!pool_same_high(p, &c->first) || b.off < p->lo || last_of(&b) > p->hi)
		return -ERANGE;
	at = upper(p, b.off);
	if (at && last_of(&p->blocks[at - 1]) >= b.off)
		return memcmp(&p->blocks[at - 1], &b, sizeof(b)) ? -EEXIST : -EALREADY;
	if (at < p->nblocks && p->blocks[at].off <= last_of(&b))
		return -EEXIST;
	return insert(p, at, &b);
}

int pool_chunk_return(struct pool *p, const struct net_addr *first, uint32_t count, uint32_t sessmgr,
                      struct pool_chunk *was)
{
	uint32_t off = pool_low(first);
	size_t at = pool_same_high(p, first) ? upper(p, off) : 0;

	if (!at || p->blocks[at - 1].off != off || p->blocks[at - 1].count != count)
		return -ENOENT;
	if (p->blocks[--at].sessmgr != sessmgr)
		return -EPERM;
	if (was)
		*was = pool_chunk_at(p, at);
	p->nblocks--;
	p->held -= count;
	memmove(&p->blocks[at], &p->blocks[at + 1], (p->nblocks - at) * sizeof(p->blocks[0]));
	return 0;
}

int pool_chunk_of(const struct pool *p, const struct net_addr *a, struct pool_chunk *out)
{
	size_t at = pool_same_high(p, a) ? upper(p, pool_low(a)) : 0;

	if (!at || last_of(&p->blocks[at - 1]) < pool_low(a))
		return -ENOENT;
	if (out)
		*out = pool_chunk_at(p, at - 1);
	return 0;
}
