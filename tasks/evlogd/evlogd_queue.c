/* SPDX-License-Identifier: MIT */
/*
 * Records on their way to srdb: batches every 200 ms or 500 records, one under way at a time, kept until srdb
 * says they are committed. The queue is bounded; what comes too fast is dropped, counted, and said in the log
 * itself. Called by main.c.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tasks/evlogd/evlogd.h"

#define BATCH       500
#define QUEUE       5000
#define FLUSH_MS    200
#define DEADLINE_MS 120000

static struct {
	struct task *t;
	LogRecord *rows[QUEUE]; /* oldest first; the first `under_way` are with srdb */
	size_t n, under_way;
	uint64_t received, stored, dropped;
	uint64_t dropped_told;
	struct task_timer *timer;
} q;

static void send_batch(struct task *t);

static void tick(struct task *t, void *arg)
{
	(void)arg;
	task_timer_stop(q.timer);
	q.timer = NULL;
	evlogd_queue_flush(t);
}

/* An empty queue needs no timer. */
static void flush_later(struct task *t)
{
	if (!q.timer && t && (q.n > q.under_way || q.dropped > q.dropped_told))
		q.timer = task_timer_start(t, FLUSH_MS, 0, tick, NULL);
}

static LogRecord *copy(const LogRecord *r)
{
	size_t len = log_record__get_packed_size(r);
	uint8_t *buf = malloc(len ? len : 1);
	LogRecord *c = NULL;

	if (buf) {
		log_record__pack(r, buf);
		c = log_record__unpack(NULL, len, buf);
	}
	free(buf);
	return c;
}

void evlogd_queue_lost(uint32_t n)
{
	q.dropped += n;
	flush_later(q.t);
}

void evlogd_queue_add(struct task *t, const LogRecord *r)
{
	LogRecord *c = q.n < QUEUE ? copy(r) : NULL;

	q.received++;
	if (!c) {
		q.dropped++;
		flush_later(q.t);
		return;
	}
	q.rows[q.n++] = c;
	if (q.n - q.under_way >= BATCH)
		send_batch(t);
	flush_later(q.t);
}

static void forget(size_t n)
{
	for (size_t i = 0; i < n; i++)
		log_record__free_unpacked(q.rows[i], NULL);
	memmove(q.rows, q.rows + n, (q.n - n) * sizeof(q.rows[0]));
	q.n -= n;
}

static void answered(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	size_t n = q.under_way;

	q.under_way = 0;
	/* Refused as wrong: asking again would not help. Anything else: the next flush tries again. */
	if (status == -EINVAL || status == -E2BIG || status == -EOPNOTSUPP) {
		q.dropped += n;
		forget(n);
	} else if (status == 0) {
		q.stored += n;
		forget(n);
	}
	flush_later(t);
}

static void send_batch(struct task *t)
{
	Envelope env = ENVELOPE__INIT;
	LogBatch b = LOG_BATCH__INIT;

	if (q.under_way || q.n == 0)
		return;
	b.records = q.rows;
	b.n_records = q.n < BATCH ? q.n : BATCH;
	env.body_case = ENVELOPE__BODY_LOG_BATCH;
	env.log_batch = &b;
	if (task_request(t, "srdb/0", &env, DEADLINE_MS, TASK_RETRY, answered, NULL) == 0)
		q.under_way = b.n_records;
}

void evlogd_queue_flush(struct task *t)
{
	if (q.dropped > q.dropped_told) {
		uint64_t n = q.dropped - q.dropped_told;

		q.dropped_told = q.dropped;
		LOG(EV_EVLOG_DROPPED, "%llu log records were dropped", (unsigned long long)n);
	}
	send_batch(t);
	flush_later(t);
}

int evlogd_queue_start(struct task *t)
{
	q.t = t;
	flush_later(t);
	return 0;
}

char *evlogd_queue_json(void)
{
	json_t *o = json_pack("{s:I,s:I,s:I,s:I,s:o}", "received", (json_int_t)q.received, "stored",
	                      (json_int_t)q.stored, "dropped", (json_int_t)q.dropped, "waiting",
	                      (json_int_t)q.n, "filters", evlogd_filter_json());
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	json_decref(o);
	return text;
}
