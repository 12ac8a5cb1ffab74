/* SPDX-License-Identifier: MIT */
/* fetch_start(): a thread per transfer, which a loop is told of by uv_async. At most FETCH_THREADS_MAX at
 * once. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/fetch.h"

struct fetch {
	uv_async_t async;
	pthread_t thread;
	struct fetch_job job;
	struct fetch_result result;
	void (*done)(void *arg, struct fetch_result *r);
	void *arg;
	bool (*tick)(void *arg, uint64_t bytes, uint64_t total);
	void *tick_arg;
	atomic_bool cancelled;
};

static atomic_uint under_way;

static void release(struct fetch *f)
{
	free((char *)f->job.url);
	free((char *)f->job.state_dir);
	if (f->job.data)
		explicit_bzero((char *)f->job.data, f->job.len);
	free((char *)f->job.data);
	fetch_result_clear(&f->result);
	free(f);
}

static void closed(uv_handle_t *h)
{
	release(h->data);
}

static void ended(uv_async_t *h)
{
	struct fetch *f = h->data;

	pthread_join(f->thread, NULL);
	atomic_fetch_sub(&under_way, 1);
	if (!atomic_load(&f->cancelled))
		f->done(f->arg, &f->result);
	uv_close((uv_handle_t *)h, closed);
}

static bool go_on(void *arg, uint64_t bytes, uint64_t total)
{
	struct fetch *f = arg;

	return !atomic_load(&f->cancelled) && (!f->tick || f->tick(f->tick_arg, bytes, total));
}

static void *run(void *arg)
{
	struct fetch *f = arg;

	fetch_run(&f->job, &f->result);
	uv_async_send(&f->async);
	return NULL;
}

static char *copy(const char *p, size_t n)
{
	char *c = malloc(n + 1);

	if (c) {
		memcpy(c, p, n);
		c[n] = 0;
	}
	return c;
}

static struct fetch *new_fetch(const struct fetch_job *job)
{
	struct fetch *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->job = *job;
	f->job.url = strdup(job->url);
	f->job.state_dir = job->state_dir ? strdup(job->state_dir) : NULL;
	f->job.data = job->data ? copy(job->data, job->len) : NULL;
	f->tick = job->tick;
	f->tick_arg = job->tick_arg;
	f->job.tick = go_on;
	f->job.tick_arg = f;
	if (f->job.url && !f->job.state_dir == !job->state_dir && !f->job.data == !job->data)
		return f;
	release(f);
	return NULL;
}

/* Signals belong to the loop. */
static int start_thread(struct fetch *f)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&f->thread, NULL, run, f);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -rc;
}

struct fetch *fetch_start(uv_loop_t *loop, const struct fetch_job *job,
                          void (*done)(void *arg, struct fetch_result *r), void *arg, int *rc)
{
	struct fetch *f;

	if (atomic_fetch_add(&under_way, 1) >= FETCH_THREADS_MAX) {
		atomic_fetch_sub(&under_way, 1);
		*rc = -EBUSY;
		return NULL;
	}
	f = new_fetch(job);
	*rc = f ? uv_async_init(loop, &f->async, ended) : -ENOMEM;
	if (f && *rc == 0) {
		f->done = done;
		f->arg = arg;
		f->async.data = f;
		*rc = start_thread(f);
		if (*rc == 0)
			return f;
		uv_close((uv_handle_t *)&f->async, closed);
	} else if (f) {
		release(f);
	}
	atomic_fetch_sub(&under_way, 1);
	return NULL;
}

void fetch_cancel(struct fetch *f)
{
	atomic_store(&f->cancelled, true);
}
