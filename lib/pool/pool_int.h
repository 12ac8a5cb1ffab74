/* SPDX-License-Identifier: MIT */
/*
 * What pool.c and pool_chunk.c share: addresses as 32-bit offsets. IPv4: the address itself. IPv6: the low 32
 * bits; a pool lies in one /96 (pool.c cuts it), so the upper 96 bits are those of its first address.
 */
#ifndef POOL_INT_H
#define POOL_INT_H

#include <string.h>
#include "pool/pool.h"

static inline uint32_t pool_low(const struct net_addr *a)
{
	const uint8_t *b = a->bytes + (a->family == AF_INET6 ? 12 : 0);

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static inline struct net_addr pool_addr(const struct pool *p, uint32_t off)
{
	struct net_addr a = p->def.first;
	uint8_t *b = a.bytes + (a.family == AF_INET6 ? 12 : 0);

	b[0] = (uint8_t)(off >> 24);
	b[1] = (uint8_t)(off >> 16);
	b[2] = (uint8_t)(off >> 8);
	b[3] = (uint8_t)off;
	return a;
}

/* Is `a` of the pool's family and /96, so that pool_low() means something? */
static inline bool pool_same_high(const struct pool *p, const struct net_addr *a)
{
	if (a->family != p->def.first.family)
		return false;
	return a->family == AF_INET || !memcmp(a->bytes, p->def.first.bytes, 12);
}

#endif
