/* SPDX-License-Identifier: MIT */
/*
 * Checkpoint client. Units are sent as they come (pipelined) and stay queued until srdb acknowledged them and
 * everything before them. When srdb goes (restart, MIO switchover) everything from the oldest unacknowledged
 * unit on is sent again, also what a new srdb took meanwhile, and only after every answer of the first
 * sending is in: a row never overtakes a later value of itself.
 */
#include "task/ckpt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* What is not acknowledged within this is sent again, then after twice the time and so on: a store that is
 * only slow, or waits for the standby chassis, is not buried in repetitions. */
#define ACK_MS     5000
#define ACK_MS_MAX 40000
#define SETTLE_MS  2000 /* a srdb that hangs is gone by then */
#define RETRY_MS   10

struct unit {
	struct ckpt *c;
	CkptWrite *msg;
	ckpt_cb cb;
	void *arg;
	bool sent, answered; /* answered: in, but not in turn yet */
	uint32_t ack_ms;     /* its deadline */
	int status;
	char *text;
	struct unit *next;
};

struct ckpt {
	struct task *t;
	struct unit *first, *last;
	size_t n, in_flight;
	bool recovering;
	uint32_t ack_ms;
	struct task_timer *retry;
};

static void flush(struct ckpt *c);

static void unit_free(struct unit *u)
{
	if (u->msg)
		ckpt_write__free_unpacked(u->msg, NULL);
	free(u->text);
	free(u);
}

static CkptRow *row_copy(const struct ckpt_row *r, const char *owner)
{
	CkptRow *p = malloc(sizeof(*p));

	if (!p)
		return NULL;
	ckpt_row__init(p);
	p->kind = strdup(r->kind);
	p->key = strdup(r->key);
	p->owner = strdup(r->owner ? r->owner : owner);
	p->deleted = r->blob == NULL;
	if (r->blob) {
		p->blob.data = malloc(r->len ? r->len : 1);
		if (p->blob.data)
			memcpy(p->blob.data, r->blob, r->len);
		p->blob.len = p->blob.data ? r->len : 0;
	}
	if (p->kind && p->key && p->owner && (p->deleted || p->blob.data))
		return p;
	ckpt_row__free_unpacked(p, NULL);
	return NULL;
}

static void retry_cb(struct task *t, void *arg)
{
	struct ckpt *c = arg;

	(void)t;
	task_timer_stop(c->retry);
	c->retry = NULL;
	flush(c);
}

static void retry_later(struct ckpt *c)
{
	if (!c->retry)
		c->retry = task_timer_start(c->t, RETRY_MS, 0, retry_cb, c);
}

/* Everything behind a unit that has to go again goes again as well. */
static void again_from(struct ckpt *c, struct unit *u)
{
	c->recovering = true;
	for (; u; u = u->next) {
		if (!u->answered)
			continue;
		u->answered = u->sent = false;
		free(u->text);
		u->text = NULL;
	}
	retry_later(c);
}

/* Call back in the order of submission. A callback may write more. */
static void deliver(struct ckpt *c)
{
	while (c->first && c->first->answered) {
		struct unit *u = c->first;

		c->first = u->next;
		if (!c->first)
			c->last = NULL;
		c->n--;
		if (u->cb)
			u->cb(c->t, u->arg, u->status, u->text ? u->text : "");
		unit_free(u);
	}
}

static void acked(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	struct unit *u = arg;
	struct ckpt *c = u->c;

	(void)t;
	c->in_flight--;
	if (status == -ETIMEDOUT && u->ack_ms == c->ack_ms && c->ack_ms < ACK_MS_MAX)
		c->ack_ms *= 2;
	if (status == -EHOSTUNREACH || status == -ETIMEDOUT || status == -EAGAIN) {
		u->sent = false;
		again_from(c, u->next);
		return;
	}
	u->answered = true;
	u->status = status;
	if (m && m->env->body_case == ENVELOPE__BODY_STATUS)
		u->text = strdup(m->env->status->text);
	/* Something before it was lost: whatever this answer says, it is sent again after that. */
	for (struct unit *x = c->first; x != u; x = x->next)
		if (!x->sent) {
			again_from(c, u);
			return;
		}
	deliver(c);
	if (c->recovering)
		retry_later(c);
	else if (!c->n)
		c->ack_ms = ACK_MS;
}

static int send_unit(struct unit *u)
{
	Envelope env = ENVELOPE__INIT;
	int rc;

	env.body_case = ENVELOPE__BODY_CKPT_WRITE;
	env.ckpt_write = u->msg;
	u->ack_ms = u->c->ack_ms;
	rc = task_request(u->c->t, "srdb/0", &env, u->ack_ms, 0, acked, u);
	if (rc == 0) {
		u->sent = true;
		u->c->in_flight++;
	}
	return rc;
}

/* After a loss: wait for the stragglers, then send everything again, oldest first. */
static void flush(struct ckpt *c)
{
	if (c->in_flight || !task_peer_up(c->t, "srdb/0")) {
		retry_later(c);
		return;
	}
	c->recovering = false;
	for (struct unit *u = c->first; u; u = u->next)
		if (!u->sent && send_unit(u) < 0) {
			c->recovering = true;
			retry_later(c);
			return;
		}
}

struct ckpt *ckpt_new(struct task *t)
{
	struct ckpt *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->t = t;
	c->ack_ms = ACK_MS;
	return c;
}

void ckpt_free(struct ckpt *c)
{
	if (!c)
		return;
	task_timer_stop(c->retry);
	while (c->first) {
		struct unit *u = c->first;

		c->first = u->next;
		unit_free(u);
	}
	free(c);
}

static int submit(struct ckpt *c, const struct ckpt_row *rows, size_t n, bool once, ckpt_cb cb, void *arg)
{
	struct unit *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->c = c;
	u->cb = cb;
	u->arg = arg;
	u->msg = malloc(sizeof(*u->msg));
	if (!u->msg) {
		free(u);
		return -ENOMEM;
	}
	ckpt_write__init(u->msg);
	u->msg->once = once;
	u->msg->rows = calloc(n ? n : 1, sizeof(*u->msg->rows));
	if (!u->msg->rows) {
		unit_free(u);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		u->msg->rows[u->msg->n_rows] = row_copy(&rows[i], c->t->addr);
		if (!u->msg->rows[u->msg->n_rows]) {
			unit_free(u);
			return -ENOMEM;
		}
		u->msg->n_rows++;
	}
	if (c->last)
		c->last->next = u;
	else
		c->first = u;
	c->last = u;
	c->n++;
	if (c->recovering || send_unit(u) < 0) {
		c->recovering = true;
		retry_later(c);
	}
	return 0;
}

int ckpt_write(struct ckpt *c, const struct ckpt_row *rows, size_t n, ckpt_cb cb, void *arg)
{
	return submit(c, rows, n, false, cb, arg);
}

int ckpt_write_once(struct ckpt *c, const struct ckpt_row *rows, size_t n, ckpt_cb cb, void *arg)
{
	return submit(c, rows, n, true, cb, arg);
}

struct settle {
	void (*cb)(struct task *t, void *arg);
	void *arg;
};

static void settled(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	struct settle *s = arg;

	(void)m;
	if (status == -ETIMEDOUT)
		LOG(EV_STORE_ERROR, "srdb does not say that all is stored; what it has is taken");
	s->cb(t, s->arg);
	free(s);
}

int ckpt_settle(struct task *t, void (*cb)(struct task *t, void *arg), void *arg)
{
	struct settle *s = malloc(sizeof(*s));
	Envelope env = ENVELOPE__INIT;
	CkptWrite nothing = CKPT_WRITE__INIT;
	int rc = s ? 0 : -ENOMEM;

	env.body_case = ENVELOPE__BODY_CKPT_WRITE;
	env.ckpt_write = &nothing;
	if (!rc) {
		*s = (struct settle){cb, arg};
		rc = task_request(t, "srdb/0", &env, SETTLE_MS, 0, settled, s);
	}
	if (rc < 0)
		free(s);
	return rc;
}

size_t ckpt_pending(const struct ckpt *c)
{
	return c->n;
}
