/* SPDX-License-Identifier: MIT */
/*
 * The bridge between the session's thread and the task's loop: one job at a time, posted with uv_async and
 * waited for. The session never touches the bus by itself.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli_task.h"

#define SHOW_MS     8000
#define LEAVE_MS    10
#define LEAVE_TRIES 200
#define TIME_MS     500
#define CONTROL_MS  10000

enum job_kind { JOB_NONE, JOB_CALL, JOB_TRAP, JOB_RUN, JOB_END };

struct sh_calls {
	struct sh *sh;
	uv_async_t async;
	unsigned leave_tries; /* more than 0: the session is over, … */
	int leave_status;     /* … with this */
	pthread_mutex_t lock;
	pthread_cond_t done;
	enum job_kind job;
	const char *text; /* destination, or trap */
	void (*run)(struct sh *sh);
	Envelope *env, *reply;
	unsigned deadline_ms;
	int status;
	bool finished;
};

static void finish(struct sh_calls *c, int status, Envelope *reply)
{
	pthread_mutex_lock(&c->lock);
	c->status = status;
	c->reply = reply;
	c->finished = true;
	pthread_cond_signal(&c->done);
	pthread_mutex_unlock(&c->lock);
}

static Envelope *copy_env(const Envelope *env)
{
	size_t n = envelope__get_packed_size(env);
	uint8_t *buf = malloc(n ? n : 1);
	Envelope *copy = NULL;

	if (buf) {
		envelope__pack(env, buf);
		copy = envelope__unpack(NULL, n, buf);
	}
	free(buf);
	return copy;
}

static void answered(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	(void)t;
	finish(arg, status, m ? copy_env(m->env) : NULL);
}

static void session_trap(struct sh *sh, const char *trap)
{
	TASK_TRAP(sh->t, trap, trap_str("starCLIUsername", sh->user),
	          trap_str("starCLIPrivs", cli_priv_title(sh->s.priv)), trap_str("starCLITtyname", sh->tty));
}

/* The end: when the trap that tells of it is stored, or nobody stores it. */
static void leave_cb(struct task *t, void *arg)
{
	struct sh_calls *c = arg;

	if (!task_traps_waiting(t) || --c->leave_tries == 0)
		task_exit(t, c->leave_status);
}

static void leave(struct sh *sh, int status)
{
	struct sh_calls *c = sh->calls;

	if (c->leave_tries)
		return;
	c->leave_status = status;
	c->leave_tries = LEAVE_TRIES;
	if (task_traps_waiting(sh->t))
		task_timer_start(sh->t, LEAVE_MS, LEAVE_MS, leave_cb, c);
	else
		task_exit(sh->t, status);
}

/* In the loop's thread. */
static void async_cb(uv_async_t *h)
{
	struct sh_calls *c = h->data;
	struct task *t = c->sh->t;
	enum job_kind job = c->job;
	int rc;

	c->job = JOB_NONE;
	if (job == JOB_CALL) {
		rc = task_request(t, c->text, c->env, c->deadline_ms, TASK_RETRY, answered, c);
		if (rc < 0)
			finish(c, rc, NULL);
	} else if (job == JOB_TRAP && !strcmp(c->text, "TestModeEntered")) {
		TASK_TRAP(t, c->text, trap_str("starCLIContext", c->sh->s.context),
		          trap_str("starCLIUsername", c->sh->user), trap_str("starCLITtyname", c->sh->tty),
		          trap_int("starCLIRemoteIpAddrType", 0), trap_str("starCLIRemoteIpAddr", ""));
		finish(c, 0, NULL);
	} else if (job == JOB_TRAP) {
		session_trap(c->sh, c->text);
		finish(c, 0, NULL);
	} else if (job == JOB_RUN) {
		c->run(c->sh);
		finish(c, 0, NULL);
	} else if (job == JOB_END) {
		leave(c->sh, c->status);
	}
}

int sh_calls_init(struct sh *sh)
{
	struct sh_calls *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->sh = sh;
	c->async.data = c;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->done, NULL);
	sh->calls = c;
	return uv_async_init(sh->t->loop, &c->async, async_cb);
}

static void post_and_wait(struct sh_calls *c, enum job_kind job)
{
	pthread_mutex_lock(&c->lock);
	c->finished = false;
	c->job = job;
	uv_async_send(&c->async);
	while (!c->finished)
		pthread_cond_wait(&c->done, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

Envelope *sh_call(struct sh *sh, const char *dst, Envelope *env, unsigned deadline_ms, int *status)
{
	struct sh_calls *c = sh->calls;

	c->text = dst;
	c->env = env;
	c->deadline_ms = deadline_ms;
	post_and_wait(c, JOB_CALL);
	*status = c->status;
	return c->reply;
}

void sh_trap(struct sh *sh, const char *trap)
{
	sh->calls->text = trap;
	post_and_wait(sh->calls, JOB_TRAP);
}

void sh_run(struct sh *sh, void (*run)(struct sh *sh))
{
	sh->calls->run = run;
	post_and_wait(sh->calls, JOB_RUN);
}

void sh_end(struct sh *sh, int status)
{
	sh->calls->status = status;
	sh->calls->job = JOB_END;
	uv_async_send(&sh->calls->async);
}

/* --- requests with the usual answers
 * ------------------------------------------------------------------------ */

static const char *reason_of(const Envelope *r, int status)
{
	if (r && r->body_case == ENVELOPE__BODY_STATUS && r->status->text[0])
		return r->status->text;
	if (status == -EHOSTUNREACH)
		return "the task that knows is not running at the moment";
	return status == -ETIMEDOUT ? "no answer in time" : strerror(-status);
}

static void failure_text(char *err, size_t size, const char *reason)
{
	snprintf(err, size, "%s%s", strncmp(reason, "Failure: ", 9) ? "Failure: " : "", reason);
}

/* Append the arrays of a later page to those of the first. */
static void join_pages(json_t *all, json_t *page)
{
	const char *key;
	json_t *v;

	json_object_foreach(page, key, v)
	{
		json_t *have = json_object_get(all, key);

		if (json_is_array(v) && json_is_array(have))
			json_array_extend(have, v);
	}
}

json_t *sh_show(struct sh *sh, const char *dst, const char *what, const char *args, char *err, size_t size)
{
	json_t *all = NULL;
	uint32_t offset = 0;
	bool more = true;

	while (more) {
		Envelope env = ENVELOPE__INIT, *r;
		Show s = SHOW__INIT;
		json_t *page = NULL;
		int status;

		s.what = (char *)what;
		s.args = (char *)(args ? args : "");
		s.offset = offset;
		env.body_case = ENVELOPE__BODY_SHOW;
		env.show = &s;
		r = sh_call(sh, dst, &env, SHOW_MS, &status);
		if (status == 0 && r && r->body_case == ENVELOPE__BODY_SHOW_REPLY) {
			page = json_loads(r->show_reply->json, 0, NULL);
			more = r->show_reply->more && r->show_reply->next > offset;
			offset = r->show_reply->next;
		}
		if (!page)
			failure_text(err, size, reason_of(r, status ? status : -EPROTO));
		if (r)
			envelope__free_unpacked(r, NULL);
		if (!page) {
			json_decref(all);
			return NULL;
		}
		if (all) {
			join_pages(all, page);
			json_decref(page);
		} else {
			all = page;
		}
	}
	return all;
}

int sh_control(struct sh *sh, const char *dst, const char *what, const char *args)
{
	Envelope env = ENVELOPE__INIT;
	Control c = CONTROL__INIT;

	c.what = (char *)what;
	c.args = (char *)args;
	env.body_case = ENVELOPE__BODY_CONTROL;
	env.control = &c;
	return sh_order(sh, dst, &env, CONTROL_MS);
}

void sh_kick(struct sh *sh, const char *by)
{
	if (sh->calls->leave_tries)
		return;
	dprintf(1, "\r\nThis session was ended by %.64s\r\n", by);
	if (sh->interactive || sh->remote[0])
		session_trap(sh, "CLISessionEnd");
	leave(sh, 0);
}

static void time_cb(struct task *t, void *arg)
{
	struct sh *sh = arg;
	uint64_t now = clock_now_us();

	(void)t;
	if (sh->absolute_max && now - sh->started >= sh->absolute_max * US_PER_SEC)
		sh_kick(sh, "its absolute timeout");
	else if (sh->idle_max && now - sh->last_line >= sh->idle_max * US_PER_SEC)
		sh_kick(sh, "its idle timeout");
}

void sh_watch_time(struct sh *sh)
{
	sh->started = clock_now_us();
	if ((sh->interactive || sh->remote[0]) && (sh->idle_max || sh->absolute_max))
		task_timer_start(sh->t, TIME_MS, TIME_MS, time_cb, sh);
}

int sh_order(struct sh *sh, const char *dst, Envelope *env, unsigned deadline_ms)
{
	int status;
	Envelope *r = sh_call(sh, dst, env, deadline_ms, &status);

	if (status < 0)
		sh_fail(sh, "%s", reason_of(r, status));
	if (r)
		envelope__free_unpacked(r, NULL);
	return status;
}
