/* SPDX-License-Identifier: MIT */
/*
 * A task's log records and traps on their way out: records go to evlogd in batches (and to stderr, which is
 * the card's log file), traps to srdb, which answers when they are stored, however long its disk is full.
 * Nothing here blocks; what cannot be sent is counted.
 */
#include "task/task_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define FLUSH_MS      100
#define QUEUE_RECORDS 500
#define TRAPS_MAX     1000 /* that wait for the store: as long as a disk is full */

static struct {
	struct task *t;
	LogRecord *rows[QUEUE_RECORDS];
	size_t n;
	uint32_t lost;
	struct task_timer *timer;
} out;

static void record_free(LogRecord *r)
{
	log_record__free_unpacked(r, NULL);
}

static LogRecord *record_copy(const struct log_record *rec)
{
	LogRecord *r = malloc(sizeof(*r));

	if (!r)
		return NULL;
	log_record__init(r);
	r->wall_us = rec->wall_us;
	r->facility = strdup(rec->facility);
	r->event = rec->event_id;
	r->level = rec->level;
	r->card = rec->card;
	r->cpu = rec->cpu;
	r->pid = rec->pid;
	r->task = strdup(rec->task);
	r->instance = rec->instance;
	r->file = strdup(rec->file);
	r->line = (uint32_t)rec->line;
	r->categories = strdup(rec->categories);
	r->text = strdup(rec->text);
	return r;
}

static void flush_cb(struct task *t, void *arg)
{
	(void)arg;
	task_log_flush(t); /* gives the timer back as well */
}

void task_log_flush(struct task *t)
{
	Envelope env = ENVELOPE__INIT;
	LogBatch b = LOG_BATCH__INIT;

	if (out.timer) {
		task_timer_stop(out.timer);
		out.timer = NULL;
	}
	if (!out.n || !task_peer_up(t, "evlogd/0"))
		return;
	b.records = out.rows;
	b.n_records = out.n;
	b.lost = out.lost;
	env.body_case = ENVELOPE__BODY_LOG_BATCH;
	env.log_batch = &b;
	if (task_send(t, "evlogd/0", &env) < 0)
		return;
	for (size_t i = 0; i < out.n; i++)
		record_free(out.rows[i]);
	out.n = out.lost = 0;
}

static void sink(const struct log_record *rec, void *arg)
{
	char line[LOG_LINE_MAX];
	struct task *t = arg;

	/* A cli task's stderr is its operator's terminal; everybody else's is the card's log file. */
	if (strcmp(t->ops->facility, "cli"))
		fprintf(stderr, "%s\n", log_format_line(rec, CLOCK_UTC, line, sizeof(line)));
	if (out.n == QUEUE_RECORDS) {
		out.lost++;
		return;
	}
	out.rows[out.n] = record_copy(rec);
	if (out.rows[out.n])
		out.n++;
	if (!out.timer)
		out.timer = task_timer_start(t, FLUSH_MS, 0, flush_cb, NULL);
}

static void evlogd_up(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	(void)addr;
	(void)card;
	(void)arg;
	if (up)
		task_log_flush(t);
}

void task_log_init(struct task *t)
{
	out.t = t;
	if (!strcmp(t->ops->facility, "evlogd"))
		return; /* its own records are its business */
	log_set_sink(sink, t);
	task_watch_peers(t, "evlogd", evlogd_up, NULL);
}

static unsigned traps_waiting;

unsigned task_traps_waiting(const struct task *t)
{
	(void)t;
	return traps_waiting;
}

static void trap_stored(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	(void)t;
	traps_waiting--;
	if (status < 0)
		LOG(EV_TRAP_LOST, "trap %s could not be stored: %s", (char *)arg,
		    m && m->env->body_case == ENVELOPE__BODY_STATUS ? m->env->status->text
		                                                    : strerror(-status));
	free(arg);
}

void task_trap(struct task *t, const char *trap, const struct trap_arg *args)
{
	Envelope env = ENVELOPE__INIT;
	TrapRaise tr = TRAP_RAISE__INIT;
	TrapVar vars[16], *ptrs[16];
	size_t n = 0;
	char *name = traps_waiting < TRAPS_MAX ? strdup(trap) : NULL;

	if (!name) {
		LOG(EV_TRAP_LOST, "trap %s could not be stored: %u others wait", trap, traps_waiting);
		return;
	}
	for (; args[n].name && n < 16; n++) {
		trap_var__init(&vars[n]);
		vars[n].name = (char *)args[n].name;
		if (args[n].str) {
			vars[n].value_case = TRAP_VAR__VALUE_STR;
			vars[n].str = (char *)args[n].str;
		} else {
			vars[n].value_case = TRAP_VAR__VALUE_NUM;
			vars[n].num = args[n].num;
		}
		ptrs[n] = &vars[n];
	}
	tr.name = (char *)trap;
	tr.vars = ptrs;
	tr.n_vars = n;
	tr.at_wall_us = clock_wall_us();
	env.body_case = ENVELOPE__BODY_TRAP_RAISE;
	env.trap_raise = &tr;
	if (task_request(t, "srdb/0", &env, TASK_FOREVER, TASK_RETRY, trap_stored, name) == 0)
		traps_waiting++;
	else
		free(name);
}
