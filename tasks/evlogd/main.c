/* SPDX-License-Identifier: MIT */
/*
 * evlogd, the event log daemon: takes log records of all tasks in batches, keeps those that the configured
 * filters let through in a text file, and hands them to srdb for `show logs`. Its own records take the same
 * way. Table of contents of the task.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "task/watch.h"
#include "tasks/evlogd/evlogd.h"

#define RECORDS_MAX 4096 /* of one batch */

static void take(struct task *t, const LogRecord *r)
{
	if (r->level >= LOG_LEVEL_COUNT || !evlogd_filter_pass(r->facility, r->level))
		return;
	evlogd_file_write(r);
	evlogd_queue_add(t, r);
}

static void batch(struct task *t, const struct bus_msg *m)
{
	const LogBatch *b = m->env->log_batch;

	evlogd_queue_lost(b->lost);
	for (size_t i = 0; i < b->n_records && i < RECORDS_MAX; i++)
		take(t, b->records[i]);
	evlogd_file_flush();
	if (m->id)
		task_reply_status(t, m, 0, "%s", "");
}

static void show(struct task *t, const struct bus_msg *m)
{
	char *text = evlogd_queue_json();

	if (text)
		task_reply_json(t, m, text);
	else
		task_reply_status(t, m, -ENOMEM, "out of memory");
	free(text);
}

/* "logging filter" FACILITY LEVEL: from now on, before what the configuration says. */
static void control(struct task *t, const struct bus_msg *m)
{
	const Control *c = m->env->control;
	int err = strcmp(c->what, "logging filter") ? -ENOENT : evlogd_filter_set(c->args);

	if (err)
		task_reply_status(t, m, err, "Failure: evlogd does not take \"%.60s %.60s\"", c->what,
		                  c->args);
	else
		task_reply_status(t, m, 0, "%s", "");
}

/* Records of this process itself. */
static void own_record(const struct log_record *rec, void *arg)
{
	LogRecord r = LOG_RECORD__INIT;

	r.wall_us = rec->wall_us;
	r.facility = (char *)rec->facility;
	r.event = rec->event_id;
	r.level = rec->level;
	r.card = rec->card;
	r.cpu = rec->cpu;
	r.pid = rec->pid;
	r.task = (char *)rec->task;
	r.instance = rec->instance;
	r.file = (char *)rec->file;
	r.line = (uint32_t)rec->line;
	r.categories = (char *)rec->categories;
	r.text = (char *)rec->text;
	take(arg, &r);
	evlogd_file_flush();
}

static int activate(struct task *t, const char *reason)
{
	int err = evlogd_file_open(task_state_path(t, "log"));

	if (err)
		LOG(EV_EVLOG_FILE, "%s: %s; events go to the store only", task_state_path(t, "log"),
		    strerror(-err));
	err = evlogd_queue_start(t);
	if (!err)
		err = config_watch_start(t, evlogd_filter_changed, NULL);
	if (err)
		return err;
	log_set_sink(own_record, t);
	task_ready(t, 0);
	return 0;
}

static void stop(struct task *t)
{
	log_set_sink(NULL, NULL);
	evlogd_queue_flush(t);
	evlogd_file_close();
}

static const struct task_route routes[] = {
        {ENVELOPE__BODY_LOG_BATCH, "*", "log records of a task", batch},
        {ENVELOPE__BODY_CONTROL, "cli", "filters set in Exec mode", control},
        {ENVELOPE__BODY_SHOW, "*", "what was received, kept and dropped; the filters", show},
};

static const struct task_ops ops = {
        .facility = "evlogd",
        .routes = routes,
        .n_routes = sizeof(routes) / sizeof(routes[0]),
        .activate = activate,
        .stop = stop,
};

int main(int argc, char **argv)
{
	return task_main(argc, argv, &ops);
}
