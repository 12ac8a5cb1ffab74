/* SPDX-License-Identifier: MIT */
/*
 * Pools of a context: definition, change, removal, look-up. Overlap is refused here; chunks are in
 * pool_chunk.c. Called by tasks/vpnmgr and tests. An IPv6 pool larger than a /96 hands out the first 2^32
 * addresses of its range.
 */
#include "pool/pool.h"

#include <errno.h>
#include <stdlib.h>
#include "pool/pool_int.h"

static const struct {
	const char *name;
	char letter;
} types[POOL_TYPES] = {
        [POOL_PUBLIC] = {"public", 'P'},
        [POOL_PRIVATE] = {"private", 'R'},
        [POOL_STATIC] = {"static", 'S'},
        [POOL_RESOURCE] = {"resource", 'E'},
};

char pool_type_letter(enum pool_type type)
{
	return (unsigned)type < POOL_TYPES ? types[type].letter : '?';
}

const char *pool_type_name(enum pool_type type)
{
	return (unsigned)type < POOL_TYPES ? types[type].name : "unknown";
}

int pool_type_parse(const char *name, enum pool_type *type)
{
	for (unsigned i = 0; name && i < POOL_TYPES; i++)
		if (!strcmp(name, types[i].name)) {
			*type = i;
			return 0;
		}
	return -EINVAL;
}

int pool_def_net(struct pool_def *def, const struct net_addr *addr, uint8_t len)
{
	uint8_t bits = net_addr_bits(addr);

	if (!bits || len > bits)
		return -EINVAL;
	def->range = false;
	def->len = len;
	def->first = *addr;
	net_addr_mask(&def->first, len);
	def->last = def->first;
	for (unsigned i = len; i < bits; i++)
		def->last.bytes[i / 8] |= (uint8_t)(0x80 >> (i % 8));
	return 0;
}

int pool_def_range(struct pool_def *def, const struct net_addr *first, const struct net_addr *last)
{
	if (!net_addr_is_set(first) || first->family != last->family || net_addr_compare(first, last) > 0)
		return -EINVAL;
	def->range = true;
	def->len = 0;
	def->first = *first;
	def->last = *last;
	return 0;
}

struct net_prefix pool_chunk_prefix(const struct pool_chunk *c)
{
	uint8_t bits = net_addr_bits(&c->first), k = 0;

	while (k < 32 && c->count >> k > 1)
		k++;
	return (struct net_prefix){c->first, (uint8_t)(bits - k)};
}

/* --- definition
 * ----------------------------------------------------------------------------------------------- */

/* The usable offsets of a definition. 0 or -EINVAL. */
static int usable(const struct pool_def *d, uint32_t *lo, uint32_t *hi)
{
	uint32_t cut = 0;

	if (!d->name[0] || !memchr(d->name, 0, sizeof(d->name)) || !net_addr_is_set(&d->first) ||
	    d->first.family != d->last.family || net_addr_compare(&d->first, &d->last) > 0)
		return -EINVAL;
	*lo = pool_low(&d->first);
	*hi = pool_low(&d->last);
	if (d->first.family == AF_INET6 && memcmp(d->first.bytes, d->last.bytes, 12))
		*hi = UINT32_MAX;
	if (!d->range)
		cut = d->first.family == AF_INET ? d->len < 31 : d->len < 127;
	if (cut) {
		*lo += 1; /* network address; IPv6: subnet router anycast, RFC 4291 section 2.6.1 */
		if (d->first.family == AF_INET)
			*hi -= 1; /* broadcast */
	}
	return *lo <= *hi ? 0 : -EINVAL;
}

static bool overlap(const struct pool_def *a, const struct pool_def *b)
{
	return a->first.family == b->first.family && net_addr_compare(&a->first, &b->last) <= 0 &&
	       net_addr_compare(&b->first, &a->last) <= 0;
}

/* May an existing pool get this definition without losing a chunk? */
static bool holds_chunks(const struct pool *p, const struct pool_def *d, uint32_t lo, uint32_t hi)
{
	const struct pool_block *b = p->blocks;

	if (!p->nblocks)
		return true;
	if (!pool_same_high(p, &d->first))
		return false;
	return b[0].off >= lo && b[p->nblocks - 1].off + (b[p->nblocks - 1].count - 1) <= hi;
}

int pool_define(struct pool_set *s, const struct pool_def *def, const struct pool **other)
{
	struct pool *p, **end = &s->pools, *mine = NULL;
	uint32_t lo, hi;

	if (usable(def, &lo, &hi))
		return -EINVAL;
	for (p = s->pools; p; end = &p->next, p = p->next) {
		if (!strcmp(p->def.name, def->name)) {
			mine = p;
		} else if (overlap(&p->def, def)) {
			if (other)
				*other = p;
			return -EEXIST;
		}
	}
	if (mine && !holds_chunks(mine, def, lo, hi))
		return -EBUSY;
	if (!mine) {
		if (s->n >= POOL_POOLS_MAX)
			return -ENOSPC;
		mine = calloc(1, sizeof(*mine));
		if (!mine)
			return -ENOMEM;
		*end = mine;
		s->n++;
	}
	mine->def = *def;
	mine->lo = lo;
	mine->hi = hi;
	mine->pending_delete = false;
	return 0;
}

static void unlink_pool(struct pool_set *s, struct pool **at)
{
	struct pool *p = *at;

	*at = p->next;
	s->n--;
	free(p->blocks);
	free(p);
}

int pool_remove(struct pool_set *s, const char *name)
{
	for (struct pool **at = &s->pools; *at; at = &(*at)->next) {
		if (strcmp((*at)->def.name, name))
			continue;
		if ((*at)->nblocks) {
			(*at)->pending_delete = true;
			return -EINPROGRESS;
		}
		unlink_pool(s, at);
		return 0;
	}
	return -ENOENT;
}

struct pool_set *pool_set_new(void)
{
	return calloc(1, sizeof(struct pool_set));
}

void pool_set_free(struct pool_set *s)
{
	if (!s)
		return;
	while (s->pools)
		unlink_pool(s, &s->pools);
	free(s);
}

/* --- look-up
 * -------------------------------------------------------------------------------------------------- */

struct pool *pool_find(const struct pool_set *s, const char *name)
{
	for (struct pool *p = s->pools; p; p = p->next)
		if (!strcmp(p->def.name, name))
			return p;
	return NULL;
}

struct pool *pool_of(const struct pool_set *s, const struct net_addr *a)
{
	for (struct pool *p = s->pools; p; p = p->next)
		if (p->def.first.family == a->family && net_addr_compare(&p->def.first, a) <= 0 &&
		    net_addr_compare(a, &p->def.last) <= 0)
			return p;
	return NULL;
}

struct pool *pool_choose(const struct pool_set *s, int family)
{
	struct pool *best = NULL;

	for (struct pool *p = s->pools; p; p = p->next) {
		if (p->pending_delete || p->def.busyout || p->def.type == POOL_STATIC || !pool_free(p))
			continue;
		if (family && p->def.first.family != family)
			continue;
		if (!best || p->def.priority < best->def.priority)
			best = p;
	}
	return best;
}

uint64_t pool_size(const struct pool *p)
{
	return (uint64_t)p->hi - p->lo + 1;
}

uint64_t pool_free(const struct pool *p)
{
	return pool_size(p) - p->held;
}

struct pool_chunk pool_chunk_at(const struct pool *p, size_t i)
{
	const struct pool_block *b = &p->blocks[i];

	return (struct pool_chunk){pool_addr(p, b->off), b->count, b->sessmgr, b->ipsecmgr};
}
