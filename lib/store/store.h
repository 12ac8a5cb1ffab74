/* SPDX-License-Identifier: MIT */
/*
 * The store: SQLite files in WAL mode with one writer process each and any number of readers (DESIGN §4).
 *   state.db   written by srdb alone: checkpoints, samples, traps, events, alarms, card and task history
 *   config.db  written by sct alone: the configuration tree by path
 * A writer collects batches and commits them together (group commit); a batch's callback runs after the
 * commit that made it durable. Readers open lazily and survive an absent file, the writer's death and the
 * file's replacement. The library has no clock: callers pass `now_us`. Entry points: store_open_writer(),
 * store_batch_*(), store_flush(); store_open_reader(), store_ckpt_*(), store_*_list().
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Limits of one row; larger ones are refused with -E2BIG. */
#define STORE_KEY_MAX  512
#define STORE_BLOB_MAX (1U << 20)

enum store_file { STORE_STATE, STORE_CONFIG };
/* "state.db", "config.db" */
const char *store_file_name(enum store_file file);

/* ---- rows ---- */
/* Strings and blobs handed to a callback are valid during the call only. NULL strings are stored as "". */
struct store_ckpt {
	const char *kind;  /* "ikesa", "childsa", "seq" … */
	const char *key;   /* unique within its kind */
	const char *owner; /* "ipsecmgr/3": who restores it */
	int64_t version;   /* of the store: rises with every row written; 0 in a put: assigned at commit */
	const void *blob;
	size_t len;
	bool deleted; /* a tombstone: blob is empty */
};

struct store_trap {
	int64_t seq; /* assigned at commit when 0 */
	uint64_t wall_us;
	uint32_t number;
	const char *name;     /* "CardDown" */
	const char *facility; /* of the task that raised it */
	const char *varbinds; /* JSON array */
	const char *text;     /* as shown in the trap history */
	bool sent;
};

struct store_event {
	int64_t seq;
	uint64_t wall_us;
	const char *facility;
	uint32_t event_id;
	int level; /* enum log_level */
	unsigned card, cpu;
	int pid;
	const char *task;
	unsigned instance;
	const char *file;
	int line;
	const char *categories;
	const char *text;
};

struct store_sample {
	const char *schema; /* counter schema */
	const char *key;    /* "wsg-svc1", or "<card>" … */
	uint64_t wall_us;
	const char *values; /* JSON object {name: number}: the bulk statistics variable, or the field where it
	                       has none; no zeros */
};

struct store_alarm {
	int64_t id;                     /* assigned at commit when 0 */
	const char *object;             /* "Card 3" */
	const char *name;               /* key with object: one outstanding alarm each */
	int severity;                   /* 0 critical, 1 major, 2 minor */
	uint64_t raised_us, cleared_us; /* wall; cleared 0: outstanding */
	const char *text;
};

/* Card, task and recovery history: what `show rct stats`, `show crash list` and drills read. */
struct store_history {
	int64_t seq;
	uint64_t wall_us;
	const char *kind; /* "card_history", "task_history", "rct" */
	const char *json; /* an object; its members are the writer's business */
};

struct store_config {
	const char *path;
	const char *value;
	int64_t version;
	bool deleted;
};

/* Kinds of checkpoints that describe this chassis itself and never go to its peer: "srp", "hat", "rct", "rm",
 * "card". */
bool store_ckpt_local(const char *kind);

/* ---- writer ---- */
struct store_writer;
struct store_batch;

struct store_limits {
	uint32_t rows_max;    /* commit when this many rows wait; 0 = 512 */
	uint32_t delay_us;    /* commit when the oldest batch is this old; 0 = with the next store_flush() */
	size_t backlog_bytes; /* refuse batches beyond this; 0 = 64 MiB */
	uint32_t retry_us;    /* pause after a failed commit; 0 = 200 ms */
	uint32_t events_max;  /* ring sizes; 0 = 50,000 events, 10,000 traps, 5,000 history rows */
	uint32_t traps_max;
	uint32_t history_max;
	uint64_t samples_keep_us; /* 0 = 6 h; the newest of every key is kept for ever */
};

/* Outcome of a batch. */
struct store_result {
	int error;  /* 0: durable. -ENOSPC, -EIO …: not durable yet, kept and tried again (final false). */
	bool final; /* false: the callback will be called again with the same arg */
	int64_t first,
	        last; /* versions (checkpoint, config) or seq (trap) given to the batch's rows; 0 if none */
};
typedef void (*store_done_fn)(const struct store_result *res, void *arg);

/*
 * Open `dir`/state.db or config.db for writing; creates it. Refuses (NULL, *err = -EBUSY) while another
 * writer has it; a damaged file is moved to <name>.damaged-<wall seconds> with a log line and an empty one
 * started. `limits` may be NULL. *err: 0 or -errno.
 */
struct store_writer *store_open_writer(const char *dir, enum store_file file,
                                       const struct store_limits *limits, int *err);
/* Commits what waits (once, no retries), calls back, closes. Batches that could not be committed get their
 * callback with -EIO, final. */
void store_close_writer(struct store_writer *w);

/* A batch is applied in order and as a whole. NULL only without memory. */
struct store_batch *store_batch_new(struct store_writer *w);
void store_batch_free(struct store_batch *b); /* of a batch that was not submitted; NULL-safe */
/* Each copies its arguments. 0, -E2BIG, -EINVAL (wrong file, no key), -ENOMEM. */
int store_batch_ckpt(struct store_batch *b,
                     const struct store_ckpt *row); /* put; with row->deleted a tombstone */
/* … unless the row that is there is as high, byte by byte, or was deleted: for numbers that only rise. */
int store_batch_ckpt_raise(struct store_batch *b, const struct store_ckpt *row);
int store_batch_ckpt_del(struct store_batch *b, const char *kind, const char *key);
int store_batch_ckpt_del_owner(struct store_batch *b, const char *kind,
                               const char *owner); /* kind NULL: every kind */
int store_batch_ckpt_clear(struct store_batch *b); /* drop every row and tombstone; versions go on rising */
/* Drop every row of a kind that is shipped whose version is not above `version`: what a full synchronisation
 * did not bring. */
int store_batch_ckpt_drop_below(struct store_batch *b, int64_t version);
/* Remove tombstones up to and with `version` (the peer chassis has them). */
int store_batch_ckpt_purge(struct store_batch *b, int64_t version);
int store_batch_trap(struct store_batch *b, const struct store_trap *row);
int store_batch_trap_sent(struct store_batch *b, int64_t seq); /* all up to and with seq */
int store_batch_event(struct store_batch *b, const struct store_event *row);
int store_batch_sample(struct store_batch *b, const struct store_sample *row);
/* Raise (cleared_us 0) or clear the alarm of (object, name). */
int store_batch_alarm(struct store_batch *b, const struct store_alarm *row);
int store_batch_alarm_clear_all(struct store_batch *b, uint64_t wall_us);
int store_batch_history(struct store_batch *b, const struct store_history *row);
int store_batch_config(struct store_batch *b,
                       const struct store_config *row); /* put or, deleted, tombstone */
int store_batch_config_clear(struct store_batch *b);
int store_batch_meta(struct store_batch *b, const char *name, const char *value);

/* Now or not at all: when the batch cannot be committed its submitter is told once, finally, and nothing of
 * it is written later. */
void store_batch_once(struct store_batch *b);

/* Queue; adopts `b` (also on error). done may be NULL. 0; -ENOBUFS: the backlog is full, the batch was
 * dropped, done is not called. */
int store_submit(struct store_writer *w, struct store_batch *b, uint64_t now_us, store_done_fn done,
                 void *arg);
/* Commit everything that waits, in one transaction, and call back. Once per loop turn. 0 or -errno of the
 * commit. */
int store_flush(struct store_writer *w, uint64_t now_us);
/* Commit if limits say so (rows_max, delay_us, retry due). */
int store_poll(struct store_writer *w, uint64_t now_us);
/* When store_poll() has something to do; UINT64_MAX when nothing waits. */
uint64_t store_next_us(const struct store_writer *w);
size_t store_pending_rows(const struct store_writer *w);
/* Highest version given so far. */
int64_t store_version(const struct store_writer *w);
/* The error of the last commit, 0 when it went well: "disk full" for shows and alarms. */
int store_trouble(const struct store_writer *w);
/* Fill the WAL back into the file now (idle time, orderly end). */
int store_checkpoint_wal(struct store_writer *w);

struct store_stats {
	uint64_t commits, rows, batches, failures, bytes;
	uint64_t commit_us_max, commit_us_total; /* by the clock */
};
const struct store_stats *store_writer_stats(const struct store_writer *w);

/* ---- readers ---- */
struct store_reader;
/* Never fails but for memory: the file is opened by the first query that finds it. */
struct store_reader *store_open_reader(const char *dir, enum store_file file);
void store_close_reader(struct store_reader *r);
/* A reader on the writer's own connection: sees what was committed; must not be closed after the writer. */
struct store_reader *store_writer_reader(struct store_writer *w);

/* Callbacks return non-zero to stop; the list function then returns that. Otherwise 0; -ENOENT: no store yet;
 * -EAGAIN: busy; -EIO. */
typedef int (*store_ckpt_fn)(const struct store_ckpt *row, void *arg);
/* Rows with version > above, tombstones included, in version order, at most `limit` (0: no limit). For SRP.
 */
int store_ckpt_above(struct store_reader *r, int64_t above, uint32_t limit, store_ckpt_fn cb, void *arg);
/* Live rows of a kind (NULL: all), of one owner (NULL: all), in key order. For recovery. */
int store_ckpt_list(struct store_reader *r, const char *kind, const char *owner, store_ckpt_fn cb, void *arg);
/* One live row; -ENODATA when there is none. */
int store_ckpt_get(struct store_reader *r, const char *kind, const char *key, store_ckpt_fn cb, void *arg);
/* Number of live rows of a kind (and owner) or -errno. */
int64_t store_ckpt_count(struct store_reader *r, const char *kind, const char *owner);
/* Highest version in the store or -errno. */
int64_t store_ckpt_version(struct store_reader *r);

/* Value of a meta row into out; -ENODATA when absent. */
int store_meta_get(struct store_reader *r, const char *name, char *out, size_t size);

typedef int (*store_trap_fn)(const struct store_trap *row, void *arg);
/* Traps with seq > above in order; with unsent_only those not yet marked sent. */
int store_trap_list(struct store_reader *r, int64_t above, bool unsent_only, uint32_t limit, store_trap_fn cb,
                    void *arg);

/* The newest `limit` events that match, oldest first. level: least severe wanted; facility NULL: all. */
typedef int (*store_event_fn)(const struct store_event *row, void *arg);
int store_event_list(struct store_reader *r, const char *facility, int level, uint32_t limit,
                     store_event_fn cb, void *arg);

typedef int (*store_sample_fn)(const struct store_sample *row, void *arg);
/* Samples of a schema in [from, to] wall time, in time and key order. */
int store_sample_list(struct store_reader *r, const char *schema, uint64_t from_us, uint64_t to_us,
                      store_sample_fn cb, void *arg);
/* The newest sample of every key of a schema (NULL: all schemas). */
int store_sample_last(struct store_reader *r, const char *schema, store_sample_fn cb, void *arg);

typedef int (*store_alarm_fn)(const struct store_alarm *row, void *arg);
int store_alarm_list(struct store_reader *r, bool outstanding_only, store_alarm_fn cb, void *arg);

typedef int (*store_history_fn)(const struct store_history *row, void *arg);
/* The newest `limit` of a kind, oldest first. */
int store_history_list(struct store_reader *r, const char *kind, uint32_t limit, store_history_fn cb,
                       void *arg);

typedef int (*store_config_fn)(const struct store_config *row, void *arg);
/* Live rows whose path starts with `prefix` ("" all), in path order. */
int store_config_list(struct store_reader *r, const char *prefix, store_config_fn cb, void *arg);
int store_config_above(struct store_reader *r, int64_t above, store_config_fn cb, void *arg);

#endif
