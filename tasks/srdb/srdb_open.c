/* SPDX-License-Identifier: MIT */
/*
 * Activation of srdb and its group commit. Taking over after a restart or an MIO switchover waits for the
 * former writer's lock (the kernel drops it with the process). A new boot of the chassis empties the
 * checkpoints, because on hardware they are RAM; a mere restart of srdb, or a switchover, keeps them.
 * Everything that arrives in one loop turn is committed together at its end.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "tasks/srdb/srdb.h"

#define LOCK_RETRY_MS 20
#define LOCK_TRIES    500 /* 10 s: the former writer is fenced long before */
#define TICK_MS       1

static void retry_cb(struct task *t, void *arg)
{
	task_timer_stop(srdb.retry);
	srdb.retry = NULL;
	srdb_open_flush();
}

void srdb_open_flush(void)
{
	uint64_t now = clock_now_us(), next;

	if (!srdb.store)
		return;
	store_flush(srdb.store, now);
	srdb_ckpt_committed();
	next = store_next_us(srdb.store);
	/* What a callback submitted during the flush, or what could not be committed, is for a later turn. */
	if (next != UINT64_MAX && !srdb.retry)
		srdb.retry = task_timer_start(srdb.t, next > now ? (next - now) / US_PER_MS + 1 : TICK_MS, 0,
		                              retry_cb, NULL);
}

static void turn_cb(uv_check_t *h)
{
	uv_idle_stop(&srdb.idle);
	/* a batch may have no rows: its writer asks whether those before it are stored */
	if (srdb.store && store_next_us(srdb.store) != UINT64_MAX)
		srdb_open_flush();
}

static void idle_cb(uv_idle_t *h)
{
}

struct store_batch *srdb_open_batch(void)
{
	return srdb.store ? store_batch_new(srdb.store) : NULL;
}

int srdb_open_submit(struct store_batch *b, store_done_fn done, void *arg)
{
	int err = store_submit(srdb.store, b, clock_now_us(), done, arg);

	/* The bus hands messages over just before the loop blocks, too: have it look for more and come to
	 * turn_cb() at once. */
	if (!err && srdb.turns && !store_trouble(srdb.store))
		uv_idle_start(&srdb.idle, idle_cb);
	if (err == -ENOBUFS) {
		LOG(EV_STORE_BACKLOG, "%zu rows wait; a write was refused", store_pending_rows(srdb.store));
		return -EAGAIN;
	}
	return err;
}

/* Compare the boot of the chassis with the one the store belongs to. */
static int check_boot(struct task *t)
{
	char boot[64];
	int err = store_meta_get(store_writer_reader(srdb.store), "boot_id", boot, sizeof(boot));
	struct store_batch *b;

	if (!err && strcmp(boot, t->boot_id) == 0)
		return 0;
	b = store_batch_new(srdb.store);
	if (!b)
		return -ENOMEM;
	err = store_batch_ckpt_clear(b);
	if (!err)
		err = store_batch_alarm_clear_all(b, clock_wall_us());
	if (!err)
		err = store_batch_meta(b, "boot_id", t->boot_id);
	if (!err)
		err = store_batch_meta(b, "chassis", t->chassis);
	if (!err)
		err = store_batch_meta(b, "srp_sync", "0");
	if (!err)
		err = store_batch_meta(b, "srp_mark", "0");
	if (err) {
		store_batch_free(b);
		return err;
	}
	LOG(EV_STORE_NEW_BOOT, "boot %s of chassis %s: checkpoints start empty", t->boot_id, t->chassis);
	err = srdb_open_submit(b, NULL, NULL);
	return err ? err : store_flush(srdb.store, clock_now_us());
}

static void start_serving(struct task *t)
{
	int err = check_boot(t);

	if (!err)
		err = srdb_ckpt_start();
	if (!err)
		err = srdb_sample_start();
	if (err) {
		/* A full disk may clear up; until then nobody can be told that anything is durable. */
		LOG(EV_STORE_ERROR, "the store cannot be used: %s", strerror(-err));
		task_exit(t, 1);
		return;
	}
	srdb_trap_start();
	srdb.published = store_version(srdb.store);
	uv_idle_init(t->loop, &srdb.idle);
	uv_check_init(t->loop, &srdb.check);
	uv_check_start(&srdb.check, turn_cb);
	srdb.turns = true;
	LOG(EV_STORE_OPEN, "state.db is open at version %lld", (long long)srdb.published);
	task_ready(t, (uint32_t)store_ckpt_count(store_writer_reader(srdb.store), NULL, NULL));
}

static void open_cb(struct task *t, void *arg)
{
	static const struct store_limits limits = {.samples_keep_us = 120 * US_PER_MIN};
	int err;

	task_timer_stop(srdb.retry);
	srdb.retry = NULL;
	srdb.store = store_open_writer(t->state_dir, STORE_STATE, &limits, &err);
	if (srdb.store) {
		start_serving(t);
		return;
	}
	if (++srdb.open_tries % 50 == 1)
		LOG(EV_STORE_ERROR, "%s/%s: %s", t->state_dir, store_file_name(STORE_STATE),
		    err == -EBUSY ? "another writer still has it" : strerror(-err));
	if (srdb.open_tries == LOCK_TRIES)
		task_exit(t, 1);
	else
		srdb.retry = task_timer_start(t, LOCK_RETRY_MS, 0, open_cb, NULL);
}

int srdb_open_activate(struct task *t, const char *reason)
{
	srdb.t = t;
	open_cb(t, NULL);
	return 0;
}

void srdb_open_stop(struct task *t)
{
	if (!srdb.store)
		return;
	srdb_sample_stop();
	uv_check_stop(&srdb.check);
	uv_idle_stop(&srdb.idle);
	srdb.turns = false;
	srdb_open_flush();
	store_close_writer(srdb.store);
	srdb.store = NULL;
	srdb_ckpt_stop();
}
