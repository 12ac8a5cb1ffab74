/* SPDX-License-Identifier: MIT */
/*
 * Memory for one received envelope: a message is taken apart into a dozen small pieces that all go at the end
 * of its handling, so they come from one block and go back together. Handlers copy what they keep. Callers:
 * lib/task, cards/.
 */
#ifndef ORRERY_BUS_ARENA_H
#define ORRERY_BUS_ARENA_H

#include <stddef.h>
#include <stdint.h>
#include "proto/bus.pb-c.h"

#define BUS_ARENA_BLOCK (16u << 10) /* bytes; what does not fit has a block of its own for that long */

struct bus_arena {
	uint8_t *block; /* allocated at the first envelope, and kept */
	size_t used;
	struct bus_arena_piece *more;
};

/*
 * The envelope in data (borrowed), in memory of the arena (zeroed at first) until bus_arena_release(). NULL:
 * it is none, or no memory; then too the arena has to be released. One at a time.
 */
Envelope *bus_arena_unpack(struct bus_arena *a, const uint8_t *data, size_t len);
void bus_arena_release(struct bus_arena *a);
/* Release, and give the block back too. */
void bus_arena_free(struct bus_arena *a);

#endif
