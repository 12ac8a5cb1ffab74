/* SPDX-License-Identifier: MIT */
/*
 * What counters did in each quarter of an hour, from the samples srdb keeps: fed in order of time, read from
 * the newest finished quarter back. Callers: the shows of tasks/cli.
 */
#ifndef SRDB_SRDB_QUARTERS_H
#define SRDB_SRDB_QUARTERS_H

#include <jansson.h>
#include <stdint.h>

#define QUARTERS_US  (900ULL * 1000000)
#define QUARTERS_MAX 192 /* two days, as many as StarOS lists */

struct quarters;

/*
 * names: n of the samples' numbers. from_us: the boot of the chassis; where samples reach back to it (nothing
 * older was thrown away) the first one counts from zero, else it is where counting begins. NULL: memory.
 */
struct quarters *quarters_new(const char *const *names, unsigned n, uint64_t from_us);
void quarters_free(struct quarters *q); /* NULL-safe */
/* A sample of one object: its totals, which do not fall but by a restart. */
void quarters_add(struct quarters *q, const char *key, uint64_t wall_us, const json_t *values);
/*
 * The i-th finished quarter before now_us, 0 the newest: its end, and what each name grew by, summed over
 * objects. -1: nothing is known from there back.
 */
int quarters_get(const struct quarters *q, uint64_t now_us, unsigned i, uint64_t *end_us, uint64_t *grown);

#endif
