/* SPDX-License-Identifier: MIT */
/*
 * srdb: what its files share. One instance, on the active MIO; the only writer of state.db.
 * main.c routes; srdb_open.c activation and group commit; srdb_ckpt.c checkpoints and the standby chassis;
 * srdb_trap.c traps and alarms; srdb_log.c events and history; srdb_sample.c counter samples; srdb_clear.c
 * what operators clear; srdb_show.c what it tells about itself.
 */
#ifndef TASKS_SRDB_H
#define TASKS_SRDB_H

#include "srdb/srdb_hold.h"
#include "srdb/srdb_sampler.h"
#include "store/store.h"
#include "task/task.h"

struct srdb {
	struct task *t;
	struct store_writer *store; /* NULL until activated */
	uv_check_t check;           /* once per loop turn: the group commit */
	uv_idle_t idle;             /* keeps the loop from blocking while something waits for that */
	bool turns;                 /* both are running */
	struct task_timer *retry;   /* a commit failed, or the former writer still holds the file */
	unsigned open_tries;
	int64_t published; /* version of the last CkptCommitted */

	struct srdb_hold *hold;
	struct task_timer *hold_guess; /* after a restart: until srp says whether the peer is in sync */
	int64_t install_mark;          /* version at the start of a full synchronisation, 0: none under way */
	int64_t purged;

	uint64_t traps_seen[512]; /* hashes of the newest traps: a repeated request is not stored twice */
	unsigned traps_at;

	struct srdb_sampler *sampler;
	struct task_timer *sample_timer;
	uint64_t samples;
};
extern struct srdb srdb;

/* srdb_open.c */
int srdb_open_activate(struct task *t, const char *reason);
void srdb_open_stop(struct task *t);
/* Commit what waits now; for everything that is submitted outside a message handler. */
void srdb_open_flush(void);
/* A new batch; NULL while the store is not open, or without memory. */
struct store_batch *srdb_open_batch(void);
/* Queue a batch (adopted). 0, or -EAGAIN when the backlog is full; then `done` is not called. */
int srdb_open_submit(struct store_batch *b, store_done_fn done, void *arg);

/* srdb_ckpt.c */
int srdb_ckpt_start(void);
void srdb_ckpt_stop(void);
void srdb_ckpt_committed(void);
void srdb_ckpt_write(struct task *t, const struct bus_msg *m);
void srdb_ckpt_install(struct task *t, const struct bus_msg *m);
void srdb_ckpt_sync(struct task *t, const struct bus_msg *m);
void srdb_ckpt_acked(struct task *t, const struct bus_msg *m);

/* srdb_trap.c */
void srdb_trap_start(void);
void srdb_trap_raise(struct task *t, const struct bus_msg *m);
void srdb_trap_sent(struct task *t, const struct bus_msg *m);

/* srdb_log.c */
void srdb_log_batch(struct task *t, const struct bus_msg *m);
void srdb_log_history(struct task *t, const struct bus_msg *m);

/* srdb_sample.c */
int srdb_sample_start(void);
void srdb_sample_stop(void);
void srdb_sample_now(struct task *t, const struct bus_msg *m);

/* srdb_clear.c */
void srdb_clear(struct task *t, const struct bus_msg *m);

/* srdb_show.c */
void srdb_show(struct task *t, const struct bus_msg *m);

#endif
