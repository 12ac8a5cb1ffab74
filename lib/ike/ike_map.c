/* SPDX-License-Identifier: MIT */
/*
 * Intrusive hash map (see ike_map.h): chains in a power-of-two table that doubles when it's full. Entry
 * points: ike_map_*(). Called by ike_sa.c and ike_txn.c.
 */
#include "ike/ike_map.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_SIZE 64

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	return x ^ (x >> 32);
}

uint64_t ike_map_hash(const void *p, size_t len, uint64_t seed)
{
	const uint8_t *b = p;
	uint64_t h = mix(seed ^ len);

	for (size_t i = 0; i < len; i++)
		h = mix(h ^ b[i]) + seed;
	return h;
}

int ike_map_init(struct ike_map *m, uint64_t seed)
{
	m->bucket = calloc(FIRST_SIZE, sizeof(struct ike_node *));
	m->mask = FIRST_SIZE - 1;
	m->n = 0;
	m->seed = seed;
	return m->bucket ? 0 : -ENOMEM;
}

void ike_map_free(struct ike_map *m)
{
	free(m->bucket);
	m->bucket = NULL;
}

static struct ike_node **slot(const struct ike_map *m, uint64_t key)
{
	return &m->bucket[mix(key ^ m->seed) & m->mask];
}

static void grow(struct ike_map *m)
{
	struct ike_map bigger = *m;

	bigger.mask = m->mask * 2 + 1;
	bigger.bucket = calloc(bigger.mask + 1, sizeof(struct ike_node *));
	if (!bigger.bucket)
		return;
	for (size_t i = 0; i <= m->mask; i++) {
		struct ike_node *n = m->bucket[i], *next;

		for (; n; n = next) {
			struct ike_node **s = slot(&bigger, n->key);

			next = n->next;
			n->next = *s;
			*s = n;
		}
	}
	free(m->bucket);
	*m = bigger;
}

void ike_map_add(struct ike_map *m, struct ike_node *n, uint64_t key, void *obj)
{
	struct ike_node **s;

	if (m->n > m->mask)
		grow(m);
	s = slot(m, key);
	n->key = key;
	n->obj = obj;
	n->next = *s;
	*s = n;
	m->n++;
}

void ike_map_del(struct ike_map *m, struct ike_node *n)
{
	if (!n->obj)
		return;
	for (struct ike_node **s = slot(m, n->key); *s; s = &(*s)->next) {
		if (*s != n)
			continue;
		*s = n->next;
		n->obj = NULL;
		n->next = NULL;
		m->n--;
		return;
	}
}

struct ike_node *ike_map_find(const struct ike_map *m, uint64_t key)
{
	struct ike_node *n = *slot(m, key);

	while (n && n->key != key)
		n = n->next;
	return n;
}

struct ike_node *ike_map_next(const struct ike_node *n)
{
	struct ike_node *next = n->next;

	while (next && next->key != n->key)
		next = next->next;
	return next;
}
