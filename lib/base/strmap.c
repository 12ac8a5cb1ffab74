/* SPDX-License-Identifier: MIT */
/* String -> pointer map: FNV-1a, linear probing, grows at 70 % (removed slots counted), never shrinks. */
#include "base/strmap.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static char dead_key;
#define DEAD (&dead_key)

static size_t hash(const char *s)
{
	uint64_t h = 1469598103934665603ull;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211ull;
	return (size_t)(h ^ (h >> 32));
}

static struct strmap_slot *find(const struct strmap *m, const char *key)
{
	if (!m->cap)
		return NULL;
	for (size_t i = hash(key) & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct strmap_slot *s = &m->slots[i];

		if (!s->key)
			return NULL;
		if (s->key != DEAD && !strcmp(s->key, key))
			return s;
	}
}

static void put(struct strmap *m, char *key, void *value)
{
	size_t i = hash(key) & (m->cap - 1);

	while (m->slots[i].key)
		i = (i + 1) & (m->cap - 1);
	m->slots[i] = (struct strmap_slot){key, value};
	m->used++;
	m->live++;
}

static int grow(struct strmap *m)
{
	struct strmap old = *m;
	size_t cap = 16;

	while (cap < (old.live + 1) * 2)
		cap *= 2;
	m->slots = calloc(cap, sizeof(*m->slots));
	if (!m->slots) {
		*m = old;
		return -ENOMEM;
	}
	m->cap = cap;
	m->used = m->live = 0;
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].key && old.slots[i].key != DEAD)
			put(m, old.slots[i].key, old.slots[i].value);
	free(old.slots);
	return 0;
}

void strmap_free(struct strmap *m)
{
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].key != DEAD)
			free(m->slots[i].key);
	free(m->slots);
	*m = (struct strmap){0};
}

void *strmap_get(const struct strmap *m, const char *key)
{
	struct strmap_slot *s = find(m, key);

	return s ? s->value : NULL;
}

int strmap_set(struct strmap *m, const char *key, void *value)
{
	struct strmap_slot *s = find(m, key);
	char *copy;

	if (s) {
		s->value = value;
		return 0;
	}
	if ((m->used + 1) * 10 > m->cap * 7 && grow(m) < 0)
		return -ENOMEM;
	copy = strdup(key);
	if (!copy)
		return -ENOMEM;
	put(m, copy, value);
	return 0;
}

void *strmap_del(struct strmap *m, const char *key)
{
	struct strmap_slot *s = find(m, key);
	void *value;

	if (!s)
		return NULL;
	value = s->value;
	free(s->key);
	s->key = DEAD;
	s->value = NULL;
	m->live--;
	return value;
}

bool strmap_next(const struct strmap *m, size_t *pos, const char **key, void **value)
{
	for (; *pos < m->cap; (*pos)++) {
		struct strmap_slot *s = &m->slots[*pos];

		if (s->key && s->key != DEAD) {
			if (key)
				*key = s->key;
			if (value)
				*value = s->value;
			(*pos)++;
			return true;
		}
	}
	return false;
}
