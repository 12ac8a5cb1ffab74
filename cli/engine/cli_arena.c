/* SPDX-License-Identifier: MIT */
/*
 * Memory of the compiled grammar: allocated piece by piece while loading, freed in one go. Used by the files
 * of this folder only. Running out of memory while loading a few hundred kilobytes of grammar ends the
 * program.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/engine/cli_int.h"

#define CHUNK 65536

struct cli_chunk {
	struct cli_chunk *next;
	max_align_t data[];
};

void *cli_arena_alloc(struct cli_arena *a, size_t n)
{
	n = (n + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if ((size_t)(a->end - a->at) < n) {
		size_t size = n > CHUNK ? n : CHUNK;
		struct cli_chunk *c = calloc(1, sizeof(*c) + size);

		if (!c)
			abort();
		c->next = a->chunks;
		a->chunks = c;
		a->at = (char *)c->data;
		a->end = a->at + size;
	}
	void *p = a->at;

	a->at += n;
	return p;
}

char *cli_arena_strndup(struct cli_arena *a, const char *s, size_t n)
{
	char *p = cli_arena_alloc(a, n + 1);

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
