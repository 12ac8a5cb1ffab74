/* SPDX-License-Identifier: MIT */
/*
 * Call recovery records at the aaamgr of our number, on another card: a full feed when it comes up, changed
 * calls after that, collected for some milliseconds; and fetching them back after a restart. Never in the way
 * of a peer: what was promised is in the store, the records are the faster copy with the exact times. Entry
 * points: sessmgr_crr_*().
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "sessmgr.h"

#define BATCH    500
#define FLUSH_MS 20
#define AGAIN_MS 500
#define SEND_MS  2000
#define FETCH_MS 1000

/* What is on its way, and what waits. One update at a time, so that they arrive in order. */
static struct {
	char addr[40];
	bool up, open;
	bool first; /* the next update begins a full feed */
	uint32_t full_left, *queue, head, n, cap;
	struct task_timer *timer;
} crr;

struct update {
	bool full;
	uint32_t gen;
	unsigned n;
	uint32_t callid[BATCH];
};

static void flush(struct sessmgr *s);
static void feed(struct sessmgr *s);

static void timer_cb(struct task *t, void *arg)
{
	task_timer_stop(crr.timer);
	crr.timer = NULL;
	if (crr.first && !crr.n)
		feed(arg); /* after a refusal */
	else
		flush(arg);
}

static void flush_in(struct sessmgr *s, uint32_t ms)
{
	if (!crr.timer)
		crr.timer = task_timer_start(s->t, ms, 0, timer_cb, s);
}

static int push(uint32_t callid)
{
	if (crr.n == crr.cap) {
		uint32_t cap = crr.cap ? crr.cap * 2 : 256, *q = malloc(cap * sizeof(*q));

		if (!q)
			return -ENOMEM;
		for (uint32_t i = 0; i < crr.n; i++)
			q[i] = crr.queue[(crr.head + i) % crr.cap];
		free(crr.queue);
		crr.queue = q;
		crr.cap = cap;
		crr.head = 0;
	}
	crr.queue[(crr.head + crr.n++) % crr.cap] = callid;
	return 0;
}

static uint32_t pop(void)
{
	uint32_t callid = crr.queue[crr.head];

	crr.head = (crr.head + 1) % crr.cap;
	crr.n--;
	return callid;
}

void sessmgr_crr_changed(struct sessmgr *s, struct session_call *c)
{
	struct sessmgr_call *x = c->data;

	if (!crr.up || !s->serving || s->fetching || (x && x->queued))
		return;
	if (push(c->callid))
		return;
	if (x)
		x->queued = true;
	flush_in(s, FLUSH_MS);
}

/* All of our calls, oldest first. */
static void feed(struct sessmgr *s)
{
	crr.head = crr.n = crr.full_left = 0;
	for (struct session_call *c = session_next(s->table, NULL); c; c = session_next(s->table, c)) {
		struct sessmgr_call *x = c->data;

		x->queued = false;
		if (session_state(c) != SESSION_CONNECTED || push(c->callid))
			continue;
		x->queued = true;
		crr.full_left++;
	}
	crr.first = true;
	flush(s);
}

void sessmgr_crr_feed(struct sessmgr *s)
{
	if (crr.up && s->serving && !s->fetching)
		feed(s);
}

/* --- sending
 * -------------------------------------------------------------------------------------------------- */

static void count(struct sessmgr *s, const struct update *u, bool success)
{
	uint64_t now = clock_now_us();

	for (unsigned i = 0; i < u->n; i++) {
		struct session_call *c = session_find(s->table, u->callid[i]);
		struct sessmgr_call *x = c ? c->data : NULL;
		struct sessmgr_ckpt *k = x ? &x->ckpt[u->full ? SESSMGR_FULL : SESSMGR_MICRO] : NULL;

		if (!k)
			continue;
		*(success ? &k->success : &k->attempts) += 1;
		*(success ? &k->last_success : &k->last_attempt) = now;
	}
}

static void answered(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	struct sessmgr *s = &sessmgr;
	struct update *u = arg;

	crr.open = false;
	if (u->gen != s->gen) {
		/* this chassis stopped or began to serve meanwhile: what is queued is of now */
	} else if (!status) {
		count(s, u, true);
	} else if (crr.up) {
		/* It lives and did not take it: all of it again, a little later. */
		crr.first = true;
		crr.n = 0;
		free(u);
		flush_in(s, AGAIN_MS);
		return;
	}
	free(u);
	if (crr.n || crr.first)
		flush(s);
}

/* One record; of a call that is over (or not up yet) an empty one. */
static void fill(struct sessmgr *s, Crr *r, uint32_t callid, uint8_t *blob)
{
	struct session_call *c = session_find(s->table, callid);

	crr__init(r);
	r->callid = callid;
	if (c)
		((struct sessmgr_call *)c->data)->queued = false;
	if (!c || session_state(c) != SESSION_CONNECTED)
		return;
	r->row.len = session_row_encode(c, blob, SESSION_ROW_MAX);
	r->row.data = blob;
}

static void send_update(struct sessmgr *s, struct update *u, bool last)
{
	static uint8_t blobs[BATCH][SESSION_ROW_MAX];
	static Crr rows[BATCH], *ptrs[BATCH];
	Envelope env = ENVELOPE__INIT;
	CrrUpdate msg = CRR_UPDATE__INIT;

	for (unsigned i = 0; i < u->n; i++) {
		fill(s, &rows[i], u->callid[i], blobs[i]);
		ptrs[i] = &rows[i];
	}
	count(s, u, false);
	msg.first = crr.first;
	msg.last = last;
	msg.records = ptrs;
	msg.n_records = u->n;
	env.body_case = ENVELOPE__BODY_CRR_UPDATE;
	env.crr_update = &msg;
	crr.open = task_request(s->t, crr.addr, &env, SEND_MS, 0, answered, u) == 0;
	if (crr.open)
		crr.first = false;
	else
		free(u);
}

static void flush(struct sessmgr *s)
{
	struct update *u;

	if (crr.open || !crr.up || !s->serving || s->fetching)
		return;
	if (!crr.n && !crr.first)
		return;
	u = calloc(1, sizeof(*u));
	if (!u)
		return;
	u->gen = s->gen;
	u->full = crr.first || crr.full_left;
	while (crr.n && u->n < BATCH && (!u->full || crr.full_left)) {
		u->callid[u->n++] = pop();
		crr.full_left -= crr.full_left > 0;
	}
	send_update(s, u, u->full && !crr.full_left);
	if (!crr.open) { /* the way to it is full: from the start again */
		crr.first = true;
		crr.n = crr.full_left = 0;
		flush_in(s, AGAIN_MS);
	}
}

static void note_peer(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	if (strcmp(addr, crr.addr))
		return;
	crr.up = up;
	((struct sessmgr *)arg)->aaamgr_card = up ? card : 0;
}

/* A new aaamgr is empty, also one that comes up again without having gone. */
static void peer_changed(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	note_peer(t, addr, card, up, arg);
	if (up && !strcmp(addr, crr.addr))
		sessmgr_crr_feed(arg);
}

void sessmgr_crr_start(struct sessmgr *s)
{
	snprintf(crr.addr, sizeof(crr.addr), "aaamgr/%u", s->t->instance);
	task_watch_peers(s->t, "aaamgr", peer_changed, s);
	task_foreach_peer(s->t, "aaamgr", note_peer, s);
}

/* --- fetching
 * ------------------------------------------------------------------------------------------------- */

static struct {
	sessmgr_crr_record record;
	sessmgr_crr_fetched done;
	uint32_t gen, n;
} fetch;

static void fetch_end(struct sessmgr *s)
{
	s->fetching = false;
	if (fetch.gen == s->gen)
		fetch.done(s, fetch.n);
	else
		sessmgr_crr_feed(s);
}

static int ask(struct sessmgr *s, uint32_t from);

static void fetched(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	struct sessmgr *s = &sessmgr;
	const CrrBatch *b =
	        !status && m && m->env->body_case == ENVELOPE__BODY_CRR_BATCH ? m->env->crr_batch : NULL;

	if (fetch.gen != s->gen) {
		fetch_end(s);
		return;
	}
	for (size_t i = 0; b && i < b->n_records; i++)
		fetch.n += fetch.record(s, b->records[i]->callid, b->records[i]->row.data,
		                        b->records[i]->row.len);
	if (!b)
		LOG(EV_SESS_LOST, "%s does not feed (any more), %u records fetched; the rest from the store",
		    crr.addr, fetch.n);
	if (!b || !b->more || !b->n_records || ask(s, b->next))
		fetch_end(s);
}

static int ask(struct sessmgr *s, uint32_t from)
{
	Envelope env = ENVELOPE__INIT;
	CrrFetch f = CRR_FETCH__INIT;

	f.from = from;
	f.limit = BATCH;
	env.body_case = ENVELOPE__BODY_CRR_FETCH;
	env.crr_fetch = &f;
	return task_request(s->t, crr.addr, &env, FETCH_MS, 0, fetched, NULL);
}

void sessmgr_crr_fetch(struct sessmgr *s, sessmgr_crr_record record, sessmgr_crr_fetched done)
{
	fetch.record = record;
	fetch.done = done;
	fetch.gen = s->gen;
	fetch.n = 0;
	s->fetching = true;
	if (!crr.up || ask(s, 0))
		fetch_end(s);
}
