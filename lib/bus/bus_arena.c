/* SPDX-License-Identifier: MIT */
/*
 * A bump allocator under protobuf-c. Whoever keeps a pointer into a message that is over reads what is
 * poisoned where the program is built with the address sanitizer, as all tests are.
 */
#include "bus/bus_arena.h"

#include <stdalign.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, len)   ((void)(at), (void)(len))
#define ASAN_UNPOISON_MEMORY_REGION(at, len) ((void)(at), (void)(len))
#endif

struct bus_arena_piece {
	struct bus_arena_piece *next;
	alignas(max_align_t) uint8_t data[];
};

static void *large(struct bus_arena *a, size_t size)
{
	struct bus_arena_piece *p;

	if (size > SIZE_MAX - sizeof(*p))
		return NULL;
	p = malloc(sizeof(*p) + size);
	if (!p)
		return NULL;
	p->next = a->more;
	a->more = p;
	return p->data;
}

static void *take(void *arena, size_t size)
{
	struct bus_arena *a = arena;
	const size_t step = alignof(max_align_t);
	uint8_t *at;

	if (!a->block) {
		a->block = malloc(BUS_ARENA_BLOCK);
		if (!a->block)
			return NULL;
		ASAN_POISON_MEMORY_REGION(a->block, BUS_ARENA_BLOCK);
	}
	if (size > BUS_ARENA_BLOCK - a->used)
		return large(a, size);
	at = a->block + a->used;
	ASAN_UNPOISON_MEMORY_REGION(at, size);
	a->used += (size + step - 1) / step * step;
	if (a->used > BUS_ARENA_BLOCK)
		a->used = BUS_ARENA_BLOCK;
	return at;
}

static void keep(void *arena, void *piece)
{
	(void)arena;
	(void)piece;
}

Envelope *bus_arena_unpack(struct bus_arena *a, const uint8_t *data, size_t len)
{
	ProtobufCAllocator from = {take, keep, a};

	return envelope__unpack(&from, len, data);
}

void bus_arena_release(struct bus_arena *a)
{
	struct bus_arena_piece *p;

	while ((p = a->more)) {
		a->more = p->next;
		free(p);
	}
	if (a->used)
		ASAN_POISON_MEMORY_REGION(a->block, a->used);
	a->used = 0;
}

void bus_arena_free(struct bus_arena *a)
{
	bus_arena_release(a);
	if (a->block)
		ASAN_UNPOISON_MEMORY_REGION(a->block, BUS_ARENA_BLOCK);
	free(a->block);
	a->block = NULL;
}
