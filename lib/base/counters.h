/* SPDX-License-Identifier: MIT */
/*
 * Counters: declared once as rows of a schema (lib/base/schema_*.def, listed in schemas.h), kept in one
 * memory-mapped segment per task, `<run>/counters/<card>-<facility>-<instance>`. The owner increments plain
 * 64-bit words; readers (srdb, cli, threshold) map the file read-only and walk its sets. A set is one keyed
 * instance of a schema, e.g. schema "wsg", key "wsg-svc1". Entry points: counters_create(), counters_add(),
 * counter_inc(); counters_open(), counters_next().
 */
#ifndef BASE_COUNTERS_H
#define BASE_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define COUNTERS_KEY_MAX      212 /* longest key, with the NUL: "CONTEXT/NAME" of a crypto map fits */
#define COUNTERS_SCHEMA_MAX   24
#define COUNTERS_FACILITY_MAX 24

enum counter_kind { COUNTER_KIND_counter, COUNTER_KIND_gauge, COUNTER_KIND_COUNT };
enum counter_scope {
	COUNTER_SCOPE_system,  /* summed over all tasks into one object */
	COUNTER_SCOPE_service, /* summed over tasks per key (service, context, map name) */
	COUNTER_SCOPE_card,    /* per card */
	COUNTER_SCOPE_task,    /* per task instance, never summed */
	COUNTER_SCOPE_COUNT,
};

struct counter_row {
	const char *name;     /* field of the C struct */
	const char *variable; /* bulk statistics variable; "" = none */
	const char *metric;   /* OpenMetrics name without unit suffix handling; "" = none */
	enum counter_kind kind;
	uint8_t width; /* 32 or 64: how it wraps when shown; storage is always 64 bits */
	enum counter_scope scope;
	uint32_t offset;    /* of the uint64_t in the set */
	const char *column; /* MIB column or scalar; "" = none */
	const char *help;
};

struct counter_schema {
	const char *name; /* "ikev2", "wsg", "esp", "card" … */
	const struct counter_row *rows;
	size_t nrows;
	size_t size; /* of the C struct */
	const char *help;
};

struct counters;        /* a segment, owner's side */
struct counters_reader; /* a mapped segment, reader's side */

/* ---- owner ---- */
/*
 * Create `<run>/counters/<card>-<facility>-<instance>` (0600), replacing a predecessor's file atomically.
 * `max_sets` bounds the number of keyed sets, 0 = 256. NULL with errno set on failure.
 */
struct counters *counters_create(const char *run, unsigned card, const char *facility, unsigned instance,
                                 unsigned max_sets);
/* A segment in anonymous memory, for tests and for engines that run without a chassis. */
struct counters *counters_create_private(unsigned max_sets);
/*
 * The set of `schema` for `key` ("" for the only one), zeroed when new, the same memory when it exists. It
 * stays where it is until counters_remove() or counters_close(). NULL when the segment is full or the key too
 * long.
 */
void *counters_add(struct counters *c, const struct counter_schema *schema, const char *key);
/* Retire a set: readers see it no more; its room is reused by a later counters_add() of the same schema.
 * No-op if absent. */
void counters_remove(struct counters *c, const struct counter_schema *schema, const char *key);
/* Unmap, and with `unlink_file` remove the file (orderly end; a killed task's file stays until its successor
 * or srdb removes it). */
void counters_close(struct counters *c, bool unlink_file);

/* Owner's update from the one thread that owns the set: a plain add that no reader sees torn. */
static inline void counter_add(uint64_t *c, uint64_t n)
{
	__atomic_store_n(c, __atomic_load_n(c, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}
static inline void counter_inc(uint64_t *c)
{
	counter_add(c, 1);
}
/* Gauges: set, or count down (never below zero). */
static inline void counter_set(uint64_t *c, uint64_t v)
{
	__atomic_store_n(c, v, __ATOMIC_RELAXED);
}
static inline void counter_dec(uint64_t *c)
{
	uint64_t v = __atomic_load_n(c, __ATOMIC_RELAXED);
	if (v)
		__atomic_store_n(c, v - 1, __ATOMIC_RELAXED);
}
/* Update from several threads of the owner. */
static inline void counter_add_shared(uint64_t *c, uint64_t n)
{
	__atomic_fetch_add(c, n, __ATOMIC_RELAXED);
}

/* ---- readers ---- */
struct counters_info {
	unsigned card, instance;
	char facility[COUNTERS_FACILITY_MAX];
	int pid;
	uint64_t generation; /* different for every counters_create(): a changed value means the totals start
	                        from zero again */
	uint64_t created_wall_us;
};

struct counters_set {
	const struct counter_schema *schema; /* of this program; sets with another layout are not returned */
	const char *key;                     /* valid until the next counters_next() */
	const void *values;
};

/* Map the segment at `path` read-only. NULL with errno: ENOENT, EPROTO (not a segment of this version),
 * EACCES … */
struct counters_reader *counters_open(const char *path);
void counters_close_reader(struct counters_reader *r);
const struct counters_info *counters_info(const struct counters_reader *r);
/* True when the file at `path` is no longer the one that is mapped (its owner was replaced): close and open
 * again. */
bool counters_stale(const struct counters_reader *r);
/* True while the owner process lives: it holds a lock on its file, which the kernel drops with it. */
bool counters_owner_alive(const struct counters_reader *r);
/* Walk the live sets: `*pos` starts at 0; false at the end. */
bool counters_next(struct counters_reader *r, unsigned *pos, struct counters_set *set);
/* Walk every segment of a run directory. cb returns non-zero to stop. 0, what cb returned, or -errno. */
int counters_walk(const char *run, int (*cb)(const char *path, struct counters_reader *r, void *arg),
                  void *arg);

static inline uint64_t counter_read(const void *values, const struct counter_row *row)
{
	return __atomic_load_n((const uint64_t *)((const char *)values + row->offset), __ATOMIC_RELAXED);
}

/* ---- schemas ---- */
/* Hash of a schema's rows: two programs with the same id agree on the layout. */
uint64_t counters_schema_id(const struct counter_schema *schema);
const struct counter_schema *counters_schema_find(const char *name);
/* The index-th schema, NULL past the end. */
const struct counter_schema *counters_schema_at(size_t index);
const struct counter_row *counters_row_find(const struct counter_schema *schema, const char *variable);
/* All schemas as markdown, for docs/reference/counters.md. */
void counters_doc(FILE *out);

#endif
