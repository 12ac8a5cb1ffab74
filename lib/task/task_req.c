/* SPDX-License-Identifier: MIT */
/*
 * Requests and their answers. Each has a deadline; the loss of the peer's process (its address going, or
 * coming again) ends it with -EHOSTUNREACH, or holds it until the peer is back when TASK_RETRY was asked for.
 * Callbacks come from the loop only.
 */
#include "task/task_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

#include "base/clock.h"

#define SCAN_MS    20
#define DEFAULT_MS 5000
#define RETRY_US   (50 * US_PER_MS)
#define BUCKETS    1024

struct task_pending {
	uint64_t id, deadline, sent_at;
	char dst[BUS_ADDR_MAX];
	task_reply_cb cb;
	void *arg;
	unsigned flags;
	bool in_flight;
	int failed;     /* to be reported by the next scan */
	uint8_t *again; /* the packed envelope, kept for TASK_RETRY */
	size_t again_len;
	struct task_pending *next_hash, *prev, *next;
};

static struct task_pending **bucket(struct bus *b, uint64_t id)
{
	return &b->buckets[id % b->n_buckets];
}

static void scan_cb(uv_timer_t *h);

int task_req_init(struct task *t)
{
	struct bus *b = t->bus;

	b->n_buckets = BUCKETS;
	b->buckets = calloc(b->n_buckets, sizeof(*b->buckets));
	b->next_id = 1;
	uv_timer_init(t->loop, &b->scan);
	b->scan.data = t;
	return b->buckets ? 0 : -ENOMEM;
}

static void link_in(struct bus *b, struct task_pending *p)
{
	p->next_hash = *bucket(b, p->id);
	*bucket(b, p->id) = p;
	p->prev = b->last;
	if (b->last)
		b->last->next = p;
	else
		b->first = p;
	b->last = p;
	b->n_pending++;
}

static void unlink_out(struct bus *b, struct task_pending *p)
{
	struct task_pending **pp = bucket(b, p->id);

	while (*pp != p)
		pp = &(*pp)->next_hash;
	*pp = p->next_hash;
	if (p->prev)
		p->prev->next = p->next;
	else
		b->first = p->next;
	if (p->next)
		p->next->prev = p->prev;
	else
		b->last = p->prev;
	b->n_pending--;
}

static void pending_free(struct task_pending *p)
{
	free(p->again);
	free(p);
}

static void finish(struct task *t, struct task_pending *p, int status, const struct bus_msg *m)
{
	unlink_out(t->bus, p);
	if (p->cb)
		p->cb(t, p->arg, status, m);
	pending_free(p);
}

static void arm(struct task *t)
{
	if (!t->bus->scanning && t->bus->n_pending) {
		t->bus->scanning = true;
		uv_timer_start(&t->bus->scan, scan_cb, SCAN_MS, SCAN_MS);
	}
}

int task_request(struct task *t, const char *dst, Envelope *env, uint32_t deadline_ms, unsigned flags,
                 task_reply_cb cb, void *arg)
{
	struct bus *b = t->bus;
	struct task_pending *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return -ENOMEM;
	p->id = b->next_id++;
	p->sent_at = clock_now_us();
	p->deadline = deadline_ms == TASK_FOREVER
	                      ? UINT64_MAX
	                      : p->sent_at + (deadline_ms ? deadline_ms : DEFAULT_MS) * US_PER_MS;
	snprintf(p->dst, sizeof(p->dst), "%s", dst);
	p->cb = cb;
	p->arg = arg;
	p->flags = flags;
	env->kind = ENVELOPE__KIND__REQUEST;
	env->id = p->id;
	if (flags & TASK_RETRY) {
		p->again = bus_pack(env, &p->again_len);
		if (!p->again) {
			free(p);
			return -ENOMEM;
		}
	}
	rc = p->again ? bus_client_send_packed(b->client, dst, p->again, p->again_len)
	              : bus_client_send(b->client, dst, env);
	if (rc < 0 && !(flags & TASK_RETRY)) {
		pending_free(p);
		return rc;
	}
	p->in_flight = rc == 0;
	link_in(b, p);
	arm(t);
	return 0;
}

/* The peer is gone for this request. Not reported from here: the caller may be inside another callback. */
static void lost(struct task_pending *p)
{
	if (p->flags & TASK_RETRY)
		p->in_flight = false;
	else
		p->failed = -EHOSTUNREACH;
}

void task_req_response(struct task *t, const struct bus_msg *m)
{
	struct task_pending *p = *bucket(t->bus, m->env->id);
	int status = 0;

	while (p && p->id != m->env->id)
		p = p->next_hash;
	if (!p)
		return; /* too late, or never asked */
	if (m->env->body_case == ENVELOPE__BODY_STATUS)
		status = m->env->status->code;
	if (status == -EHOSTUNREACH && (p->flags & TASK_RETRY)) {
		p->in_flight = false;
		return;
	}
	finish(t, p, status, m);
}

void task_req_peer_down(struct task *t, const char *addr)
{
	for (struct task_pending *p = t->bus->first; p; p = p->next)
		if (p->in_flight && !strcmp(p->dst, addr))
			lost(p);
}

static void resend(struct task *t, struct task_pending *p, uint64_t now)
{
	p->sent_at = now;
	p->in_flight = bus_client_send_packed(t->bus->client, p->dst, p->again, p->again_len) == 0;
}

void task_req_peer_up(struct task *t, const char *addr)
{
	for (struct task_pending *p = t->bus->first; p; p = p->next)
		if (!p->in_flight && p->again && !strcmp(p->dst, addr))
			resend(t, p, clock_now_us());
}

static void scan_cb(uv_timer_t *h)
{
	struct task *t = h->data;
	struct bus *b = t->bus;
	uint64_t now = clock_now_us();
	struct task_pending *p = b->first, *stop = b->last;
	bool end = p == NULL;

	while (!end) {
		struct task_pending *next = p->next;

		end = p == stop;
		if (p->failed)
			finish(t, p, p->failed, NULL);
		else if (now >= p->deadline)
			finish(t, p, p->in_flight || !(p->flags & TASK_RETRY) ? -ETIMEDOUT : -EHOSTUNREACH,
			       NULL);
		else if (!p->in_flight && p->again && now - p->sent_at >= RETRY_US)
			resend(t, p, now);
		p = next;
	}
	if (!b->n_pending) {
		b->scanning = false;
		uv_timer_stop(&b->scan);
	}
}

void task_req_free(struct task *t)
{
	while (t->bus->first) {
		struct task_pending *p = t->bus->first;

		unlink_out(t->bus, p);
		pending_free(p);
	}
}
