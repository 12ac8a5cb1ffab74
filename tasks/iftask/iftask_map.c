/* SPDX-License-Identifier: MIT */
/* Inbound SPI to SA, for the main thread (the worker has its own tables): open addressing with linear
 * probing. */
#include <errno.h>
#include <stdlib.h>

#include "tasks/iftask/iftask.h"

#define MIN_SLOTS 256

static size_t home(const struct iftask *f, uint32_t spi)
{
	return (size_t)(spi * 0x9e3779b97f4a7c15ULL >> 32) & (f->n_slots - 1);
}

static size_t find(const struct iftask *f, uint32_t spi)
{
	size_t i = home(f, spi);

	while (f->slots[i] && f->slots[i]->spi_in != spi)
		i = (i + 1) & (f->n_slots - 1);
	return i;
}

static int grow(struct iftask *f)
{
	struct iftask_sa **old = f->slots;
	size_t n_old = f->n_slots;
	size_t i;

	if (f->n_sas * 2 < n_old)
		return 0;
	f->slots = calloc(n_old ? n_old * 2 : MIN_SLOTS, sizeof(struct iftask_sa *));
	if (!f->slots) {
		f->slots = old;
		return -ENOMEM;
	}
	f->n_slots = n_old ? n_old * 2 : MIN_SLOTS;
	for (i = 0; i < n_old; i++)
		if (old[i])
			f->slots[find(f, old[i]->spi_in)] = old[i];
	free(old);
	return 0;
}

struct iftask_sa *iftask_map_get(const struct iftask *f, uint32_t spi_in)
{
	return f->n_slots ? f->slots[find(f, spi_in)] : NULL;
}

int iftask_map_put(struct iftask *f, struct iftask_sa *sa)
{
	size_t i;

	if (grow(f))
		return -ENOMEM;
	i = find(f, sa->spi_in);
	f->n_sas += !f->slots[i];
	f->slots[i] = sa;
	return 0;
}

struct iftask_sa *iftask_map_del(struct iftask *f, uint32_t spi_in)
{
	size_t i = f->n_slots ? find(f, spi_in) : 0;
	struct iftask_sa *sa = f->n_slots ? f->slots[i] : NULL;
	size_t j;

	if (!sa)
		return NULL;
	f->n_sas--;
	f->slots[i] = NULL;
	/* put everything behind the gap in its place again, up to the next gap */
	for (j = (i + 1) & (f->n_slots - 1); f->slots[j]; j = (j + 1) & (f->n_slots - 1)) {
		struct iftask_sa *move = f->slots[j];

		f->slots[j] = NULL;
		f->slots[find(f, move->spi_in)] = move;
	}
	return sa;
}

struct iftask_sa *iftask_map_next(const struct iftask *f, size_t *pos)
{
	while (*pos < f->n_slots) {
		struct iftask_sa *sa = f->slots[(*pos)++];

		if (sa)
			return sa;
	}
	return NULL;
}
