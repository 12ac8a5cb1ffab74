/* SPDX-License-Identifier: MIT */
/*
 * Events (from evlogd, filtered there) and history rows (from hatsystem and others) into state.db. Both are
 * answered after the commit, so that the sender may forget them.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "tasks/srdb/srdb.h"

#define RECORDS_MAX 4096
#define JSON_MAX    65536

static void answered(const struct store_result *res, void *arg)
{
	struct bus_from *from = arg;

	if (!res->final)
		return;
	if (from->id)
		task_reply_status_to(srdb.t, from, res->error, "%s", res->error ? strerror(-res->error) : "");
	free(from);
}

/* Queue the batch (adopted) and answer the message when it is committed. */
static void submit(struct task *t, const struct bus_msg *m, struct store_batch *b, int err)
{
	struct bus_from *from = err ? NULL : malloc(sizeof(*from));

	if (!err && !from)
		err = -ENOMEM;
	if (err) {
		store_batch_free(b);
	} else {
		*from = task_from(m);
		err = srdb_open_submit(b, answered, from);
	}
	if (!err)
		return;
	free(from);
	if (m->id)
		task_reply_status(t, m, err, "not stored: %s", strerror(-err));
}

void srdb_log_batch(struct task *t, const struct bus_msg *m)
{
	const LogBatch *in = m->env->log_batch;
	struct store_batch *b = srdb_open_batch();
	int err = !b ? -EAGAIN : in->n_records > RECORDS_MAX ? -E2BIG : 0;

	for (size_t i = 0; i < in->n_records && !err; i++) {
		const LogRecord *r = in->records[i];
		struct store_event e = {
		        .wall_us = r->wall_us,
		        .facility = r->facility,
		        .event_id = r->event,
		        .level = (int)r->level,
		        .card = r->card,
		        .cpu = r->cpu,
		        .pid = r->pid,
		        .task = r->task,
		        .instance = r->instance,
		        .file = r->file,
		        .line = (int)r->line,
		        .categories = r->categories,
		        .text = r->text,
		};

		err = r->level < LOG_LEVEL_COUNT ? store_batch_event(b, &e) : -EINVAL;
	}
	submit(t, m, b, err);
}

static int add_history(struct store_batch *b, const HistoryRow *r)
{
	struct store_history h = {.kind = r->table,
	                          .wall_us = r->at_wall_us ? r->at_wall_us : clock_wall_us(),
	                          .json = r->json};
	json_t *o = strlen(r->json) <= JSON_MAX ? json_loads(r->json, 0, NULL) : NULL;
	int err = json_is_object(o) ? store_batch_history(b, &h) : -EINVAL;

	json_decref(o);
	return err;
}

void srdb_log_history(struct task *t, const struct bus_msg *m)
{
	const HistoryWrite *in = m->env->history_write;
	struct store_batch *b = srdb_open_batch();
	int err = b ? 0 : -EAGAIN;

	for (size_t i = 0; i < in->n_rows && !err; i++)
		err = add_history(b, in->rows[i]);
	if (err)
		LOG(EV_STORE_REFUSED, "history of %s: %s", m->src, strerror(-err));
	submit(t, m, b, err);
}
