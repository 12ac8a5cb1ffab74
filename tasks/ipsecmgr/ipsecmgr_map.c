/* SPDX-License-Identifier: MIT */
/*
 * Map from a 64-bit number (an SPI we chose ourselves) to a pointer: open addressing with linear probing and
 * backward shift deletion, so it never degrades. Used by ipsecmgr_data.c and ipsecmgr_sess.c.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <errno.h>
#include <stdlib.h>

static size_t home(const struct ipsecmgr_map *m, uint64_t key)
{
	key *= 0x9e3779b97f4a7c15ULL;
	return (size_t)(key >> 20) & (m->cap - 1);
}

void ipsecmgr_map_free(struct ipsecmgr_map *m)
{
	free(m->slot);
	*m = (struct ipsecmgr_map){0};
}

static struct ipsecmgr_slot *find(const struct ipsecmgr_map *m, uint64_t key)
{
	size_t i;

	if (!m->cap)
		return NULL;
	for (i = home(m, key); m->slot[i].value; i = (i + 1) & (m->cap - 1))
		if (m->slot[i].key == key)
			return &m->slot[i];
	return NULL;
}

void *ipsecmgr_map_get(const struct ipsecmgr_map *m, uint64_t key)
{
	struct ipsecmgr_slot *s = find(m, key);

	return s ? s->value : NULL;
}

static void put(struct ipsecmgr_map *m, uint64_t key, void *value)
{
	size_t i;

	for (i = home(m, key); m->slot[i].value; i = (i + 1) & (m->cap - 1))
		;
	m->slot[i] = (struct ipsecmgr_slot){key, value};
	m->n++;
}

static int grow(struct ipsecmgr_map *m)
{
	struct ipsecmgr_map bigger = {.cap = m->cap ? 2 * m->cap : 64};
	size_t i;

	bigger.slot = calloc(bigger.cap, sizeof(*bigger.slot));
	if (!bigger.slot)
		return -ENOMEM;
	for (i = 0; i < m->cap; i++)
		if (m->slot[i].value)
			put(&bigger, m->slot[i].key, m->slot[i].value);
	free(m->slot);
	*m = bigger;
	return 0;
}

int ipsecmgr_map_set(struct ipsecmgr_map *m, uint64_t key, void *value)
{
	struct ipsecmgr_slot *s = find(m, key);

	if (s) {
		s->value = value;
		return 0;
	}
	if (4 * (m->n + 1) > 3 * m->cap && grow(m))
		return -ENOMEM;
	put(m, key, value);
	return 0;
}

void *ipsecmgr_map_del(struct ipsecmgr_map *m, uint64_t key)
{
	struct ipsecmgr_slot *s = find(m, key);
	size_t hole, i;
	void *value;

	if (!s)
		return NULL;
	value = s->value;
	hole = (size_t)(s - m->slot);
	for (i = (hole + 1) & (m->cap - 1); m->slot[i].value; i = (i + 1) & (m->cap - 1)) {
		size_t want = home(m, m->slot[i].key);

		/* May slot i move into the hole? Only if its home is not between them. */
		if (((i - want) & (m->cap - 1)) >= ((i - hole) & (m->cap - 1))) {
			m->slot[hole] = m->slot[i];
			hole = i;
		}
	}
	m->slot[hole].value = NULL;
	m->n--;
	return value;
}

void *ipsecmgr_map_next(const struct ipsecmgr_map *m, size_t *pos)
{
	while (*pos < m->cap) {
		void *value = m->slot[(*pos)++].value;

		if (value)
			return value;
	}
	return NULL;
}
