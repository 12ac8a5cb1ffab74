/* SPDX-License-Identifier: MIT */
/* Timers, descriptors and paths of a task: thin wrappers so that task programs need not know libuv's handle
 * rules. */
#include "task/task.h"
#include "task/task_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct task_timer {
	uv_timer_t uv;
	struct task *t;
	task_timer_cb cb;
	void *arg;
};

struct task_io {
	uv_poll_t uv;
	struct task *t;
	int fd;
	task_io_cb cb;
	void *arg;
};

/* What one callback sends goes out together: a socket may bring a hundred packets at once. */
static void hold(struct task *t)
{
	if (t->bus && t->bus->client)
		bus_client_cork(t->bus->client);
}

static void let_go(struct task *t)
{
	if (t->bus && t->bus->client)
		bus_client_uncork(t->bus->client);
}

static void timer_cb(uv_timer_t *h)
{
	struct task_timer *tm = h->data;

	hold(tm->t);
	tm->cb(tm->t, tm->arg);
	let_go(tm->t);
}

struct task_timer *task_timer_start(struct task *t, uint64_t ms, uint64_t repeat_ms, task_timer_cb cb,
                                    void *arg)
{
	struct task_timer *tm = calloc(1, sizeof(*tm));

	if (!tm)
		return NULL;
	tm->t = t;
	tm->cb = cb;
	tm->arg = arg;
	uv_timer_init(t->loop, &tm->uv);
	tm->uv.data = tm;
	uv_update_time(t->loop);
	uv_timer_start(&tm->uv, timer_cb, ms, repeat_ms);
	return tm;
}

static void free_data(uv_handle_t *h)
{
	free(h->data);
}

void task_timer_stop(struct task_timer *tm)
{
	if (tm && !uv_is_closing((uv_handle_t *)&tm->uv))
		uv_close((uv_handle_t *)&tm->uv, free_data);
}

static void io_cb(uv_poll_t *h, int status, int events)
{
	struct task_io *io = h->data;

	(void)status;
	(void)events;
	hold(io->t);
	io->cb(io->t, io->fd, io->arg);
	let_go(io->t);
}

struct task_io *task_io_start(struct task *t, int fd, task_io_cb cb, void *arg)
{
	struct task_io *io = calloc(1, sizeof(*io));

	if (!io)
		return NULL;
	io->t = t;
	io->fd = fd;
	io->cb = cb;
	io->arg = arg;
	if (uv_poll_init(t->loop, &io->uv, fd) < 0) {
		free(io);
		return NULL;
	}
	io->uv.data = io;
	uv_poll_start(&io->uv, UV_READABLE, io_cb);
	return io;
}

void task_io_stop(struct task_io *io)
{
	if (io && !uv_is_closing((uv_handle_t *)&io->uv))
		uv_close((uv_handle_t *)&io->uv, free_data);
}

static const char *path_of(const char *dir, const char *fmt, va_list ap)
{
	static char ring[8][600];
	static unsigned at;
	char *buf = ring[at++ % 8];
	int n = snprintf(buf, sizeof(ring[0]), "%s/", dir);

	vsnprintf(buf + n, sizeof(ring[0]) - (size_t)n, fmt, ap);
	return buf;
}

const char *task_run_path(const struct task *t, const char *fmt, ...)
{
	va_list ap;
	const char *p;

	va_start(ap, fmt);
	p = path_of(t->run_dir, fmt, ap);
	va_end(ap);
	return p;
}

const char *task_state_path(const struct task *t, const char *fmt, ...)
{
	va_list ap;
	const char *p;

	va_start(ap, fmt);
	p = path_of(t->state_dir, fmt, ap);
	va_end(ap);
	return p;
}
