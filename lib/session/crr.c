/* SPDX-License-Identifier: MIT */
/*
 * The table behind crr.h: a dense array, so that a page is a range of it, and chains of indices by call id.
 * A deleted record's place is taken by the last one.
 */
#include "session/crr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096 /* power of two */
#define NONE    UINT32_MAX

struct crr_table {
	struct crr *rows;
	uint32_t n, cap, round;
	uint32_t bucket[BUCKETS];
};

static uint32_t *head(struct crr_table *t, uint32_t callid)
{
	return &t->bucket[(callid * 2654435761u >> 16) & (BUCKETS - 1)];
}

struct crr_table *crr_table_new(void)
{
	struct crr_table *t = calloc(1, sizeof(*t));

	if (t)
		memset(t->bucket, 0xff, sizeof(t->bucket));
	return t;
}

void crr_table_clear(struct crr_table *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		free(t->rows[i].row);
	t->n = 0;
	memset(t->bucket, 0xff, sizeof(t->bucket));
}

void crr_table_free(struct crr_table *t)
{
	if (!t)
		return;
	crr_table_clear(t);
	free(t->rows);
	free(t);
}

static uint32_t index_of(const struct crr_table *t, uint32_t callid)
{
	uint32_t i = *head((struct crr_table *)t, callid);

	while (i != NONE && t->rows[i].callid != callid)
		i = t->rows[i].next;
	return i;
}

const struct crr *crr_find(const struct crr_table *t, uint32_t callid)
{
	uint32_t i = index_of(t, callid);

	return i == NONE ? NULL : &t->rows[i];
}

static int grow(struct crr_table *t)
{
	uint32_t cap = t->cap ? t->cap * 2 : 64;
	struct crr *rows;

	if (t->n >= SESSION_LIMIT)
		return -ENOSPC;
	if (t->n < t->cap)
		return 0;
	rows = realloc(t->rows, cap * sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	t->rows = rows;
	t->cap = cap;
	return 0;
}

int crr_put(struct crr_table *t, uint32_t callid, const void *row, size_t len)
{
	uint32_t i = index_of(t, callid);
	int err = i == NONE ? grow(t) : 0;
	uint8_t *copy;

	if (!callid || !len || len > SESSION_ROW_MAX)
		return -EINVAL;
	if (err)
		return err;
	copy = malloc(len);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, row, len);
	if (i == NONE) {
		i = t->n++;
		t->rows[i] = (struct crr){.callid = callid, .next = *head(t, callid)};
		*head(t, callid) = i;
	} else {
		free(t->rows[i].row);
	}
	t->rows[i].row = copy;
	t->rows[i].len = (uint32_t)len;
	t->rows[i].round = t->round;
	return 0;
}

/* The link that leads to record i. */
static uint32_t *link_to(struct crr_table *t, uint32_t i)
{
	uint32_t *at = head(t, t->rows[i].callid);

	while (*at != i)
		at = &t->rows[*at].next;
	return at;
}

static void delete_at(struct crr_table *t, uint32_t i)
{
	uint32_t last = t->n - 1;

	*link_to(t, i) = t->rows[i].next;
	free(t->rows[i].row);
	if (i != last) {
		*link_to(t, last) = i;
		t->rows[i] = t->rows[last];
	}
	t->n--;
}

bool crr_del(struct crr_table *t, uint32_t callid)
{
	uint32_t i = index_of(t, callid);

	if (i != NONE)
		delete_at(t, i);
	return i != NONE;
}

uint32_t crr_count(const struct crr_table *t)
{
	return t->n;
}

const struct crr *crr_next(const struct crr_table *t, uint32_t *pos)
{
	return *pos < t->n ? &t->rows[(*pos)++] : NULL;
}

void crr_round_begin(struct crr_table *t)
{
	t->round++;
}

uint32_t crr_round_end(struct crr_table *t)
{
	uint32_t gone = 0;

	for (uint32_t i = 0; i < t->n;) {
		if (t->rows[i].round == t->round) {
			i++;
			continue;
		}
		delete_at(t, i);
		gone++;
	}
	return gone;
}
