/* SPDX-License-Identifier: MIT */
/*
 * Counter samples: every 30 s, and when bulkstat asks, the counters of all tasks become one sample per object
 * in the store. The sampler's state goes into the same transaction, so that a restarted srdb counts on where
 * this one ended.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "tasks/srdb/srdb.h"

#define SAMPLE_MS  30000
#define STATE_MAX  STORE_BLOB_MAX
#define STATE_NAME "sampler"

struct pending {
	struct bus_from from;
	uint64_t wall_us, seq;
};

struct fill {
	struct store_batch *b;
	uint64_t wall_us;
};

static int add_total(const struct counter_schema *schema, const char *key, const char *json, void *arg)
{
	struct fill *f = arg;
	struct store_sample row = {.schema = schema->name, .key = key, .wall_us = f->wall_us, .values = json};

	return store_batch_sample(f->b, &row);
}

/* Scan and build one batch. *batch is NULL on error. */
static int take_sample(uint64_t wall_us, struct store_batch **batch)
{
	struct fill f = {.b = srdb_open_batch(), .wall_us = wall_us};
	char *state = NULL;
	int err = f.b && srdb.sampler ? 0 : -EAGAIN;

	*batch = NULL;
	if (!err) {
		srdb_sampler_scan(srdb.sampler); /* no segments yet is no error */
		err = srdb_sampler_totals(srdb.sampler, add_total, &f);
	}
	if (!err) {
		state = srdb_sampler_save(srdb.sampler, srdb.t->boot_id);
		if (state && strlen(state) < STATE_MAX)
			err = store_batch_meta(f.b, STATE_NAME, state);
		else
			LOG(EV_WARN, "the sampler's state is too large to be kept: totals restart with srdb");
	}
	free(state);
	if (err)
		store_batch_free(f.b);
	else
		*batch = f.b;
	return err;
}

static void sampled(const struct store_result *res, void *arg)
{
	struct pending *p = arg;
	Envelope env = ENVELOPE__INIT;
	SampleDone done = SAMPLE_DONE__INIT;

	if (!res->final)
		return;
	done.wall_us = p->wall_us;
	done.seq = p->seq;
	env.body_case = ENVELOPE__BODY_SAMPLE_DONE;
	env.sample_done = &done;
	if (res->error)
		task_reply_status_to(srdb.t, &p->from, res->error, "not sampled: %s", strerror(-res->error));
	else
		task_reply_to(srdb.t, &p->from, &env);
	free(p);
}

void srdb_sample_now(struct task *t, const struct bus_msg *m)
{
	struct pending *p = calloc(1, sizeof(*p));
	struct store_batch *b = NULL;
	int err = p ? 0 : -ENOMEM;

	if (!err) {
		p->from = task_from(m);
		p->wall_us = clock_wall_us();
		p->seq = ++srdb.samples;
		err = take_sample(p->wall_us, &b);
	}
	if (!err)
		err = srdb_open_submit(b, sampled, p);
	if (err) {
		free(p);
		task_reply_status(t, m, err, "not sampled: %s", strerror(-err));
	}
}

static void tick(struct task *t, void *arg)
{
	struct store_batch *b;

	if (take_sample(clock_wall_us(), &b) < 0 || srdb_open_submit(b, NULL, NULL) < 0)
		return; /* the next tick catches up: totals, not differences */
	srdb.samples++;
	srdb_open_flush();
}

int srdb_sample_start(void)
{
	char *state = malloc(STATE_MAX);

	srdb.sampler = srdb_sampler_new(srdb.t->run_dir);
	if (!srdb.sampler || !state) {
		free(state);
		return -ENOMEM;
	}
	if (store_meta_get(store_writer_reader(srdb.store), STATE_NAME, state, STATE_MAX) == 0)
		srdb_sampler_load(srdb.sampler, state,
		                  srdb.t->boot_id); /* of another boot: start from zero */
	free(state);
	srdb.sample_timer = task_timer_start(srdb.t, SAMPLE_MS, SAMPLE_MS, tick, NULL);
	return srdb.sample_timer ? 0 : -ENOMEM;
}

void srdb_sample_stop(void)
{
	struct store_batch *b;

	if (srdb.sampler && take_sample(clock_wall_us(), &b) == 0)
		srdb_open_submit(b, NULL, NULL);
	task_timer_stop(srdb.sample_timer);
	srdb_sampler_free(srdb.sampler);
	srdb.sampler = NULL;
}
