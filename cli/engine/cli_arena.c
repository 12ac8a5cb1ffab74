/* SPDX-License-Identifier: MIT */
/*
 * Memory of the compiled grammar: allocated piece by piece while loading, freed in one go. Used by the files
 * of this folder only. Running out of memory while loading a few hundred kilobytes of grammar ends the
 * program.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/engine/cli_int.h"

#define CHUNK (1u << 19) /* more than malloc() clears by itself: fresh pages are zero */

struct cli_chunk {
	struct cli_chunk *next;
	max_align_t data[];
};

static void *take(struct cli_arena *a, size_t n, size_t align)
{
	size_t pad = (align - (uintptr_t)a->at % align) % align;

	if ((size_t)(a->end - a->at) < n + pad) {
		size_t size = n > CHUNK ? n : CHUNK;
		struct cli_chunk *c = calloc(1, sizeof(*c) + size);

		if (!c)
			abort();
		c->next = a->chunks;
		a->chunks = c;
		a->at = (char *)c->data;
		a->end = a->at + size;
		pad = 0;
	}
	void *p = a->at + pad;

	a->at += pad + n;
	return p;
}

void *cli_arena_alloc(struct cli_arena *a, size_t n)
{
	return take(a, n, sizeof(void *));
}

uint16_t *cli_arena_list(struct cli_arena *a, size_t n)
{
	return take(a, n * sizeof(uint16_t), sizeof(uint16_t));
}

char *cli_arena_strndup(struct cli_arena *a, const char *s, size_t n)
{
	char *p = take(a, n + 1, 1);

	memcpy(p, s, n);
	return p;
}

char *cli_arena_strdup(struct cli_arena *a, const char *s)
{
	return cli_arena_strndup(a, s, strlen(s));
}

void cli_arena_free(struct cli_arena *a)
{
	while (a->chunks) {
		struct cli_chunk *c = a->chunks;

		a->chunks = c->next;
		free(c);
	}
	a->at = a->end = NULL;
}
