/* SPDX-License-Identifier: MIT */
/*
 * Rebuilding calls: after a restart or a move to another card from the recovery records of the aaamgr,
 * checked against and completed by the rows of the store; from the rows alone when this chassis begins to
 * serve. The store decides which calls there are, the records know the times. Then the audit: a call whose
 * IKE SA has no row is asked for at its ipsecmgr (the SA may have been rekeyed meanwhile) and released when
 * it is not known there. Ends with trap SessMgrRecoveryComplete. Entry points: sessmgr_recover_all(),
 * sessmgr_recover_audit().
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "sessmgr.h"

#define IKE_ROW_KIND  "ikesa"
#define ASK_MS        5000
#define ASK_IDS       400 /* calls in one question */
#define ASK_ROWS      (4 * ASK_IDS)
#define SETTLE_ROUNDS 24

/* --- rows
 * ----------------------------------------------------------------------------------------------------- */

static int note_row(const struct store_ckpt *ck, void *arg)
{
	*(bool *)arg = true;
	return 0;
}

bool sessmgr_recover_has_row(struct sessmgr *s, uint32_t callid)
{
	char id[SESSION_CALLID_STRLEN];
	bool there = false;

	store_ckpt_get(s->store, SESSION_ROW_KIND, session_callid_format(callid, id), note_row, &there);
	return there;
}

/* True: the address is the call's again. */
static bool mark_address(struct sessmgr *s, const struct session_call *c, const struct net_addr *a)
{
	int err = net_addr_is_set(a) ? lease_mark(s->leases, c->ctx, a) : 0;

	if (err)
		LOG(EV_SESS_LOST, "call %08x: its address is %s", c->callid,
		    err == -EEXIST ? "used by another call too" : "in no chunk of ours");
	return net_addr_is_set(a) && !err;
}

/* A row of ours as a connected call with its addresses. NULL: known, or not usable. */
static struct session_call *adopt(struct sessmgr *s, const struct store_ckpt *ck)
{
	struct session_call row, *c;
	char id[SESSION_CALLID_STRLEN];
	int err = session_row_decode(&row, ck->blob, ck->len);

	if (err || strcmp(session_callid_format(row.callid, id), ck->key) != 0) {
		LOG(EV_SESS_LOST, "call %s is not restored: %s", ck->key,
		    err ? strerror(-err) : "the row is another call's");
		return NULL;
	}
	if (session_find(s->table, row.callid))
		return NULL;
	c = session_adopt(s->table, &row);
	if (!c || sessmgr_call_attach(s, c)) {
		LOG(EV_SESS_LOST, "call %s is not restored: %s", ck->key, strerror(c ? ENOMEM : errno));
		if (c)
			session_free(c);
		return NULL;
	}
	if (!c->connect_us)
		c->connect_us = c->start_us;
	c->recovered = true;
	c->has_lease = mark_address(s, c, &c->addr);
	c->has_lease6 = mark_address(s, c, &c->addr6);
	session_event(c, SESSION_EV_RECOVERED);
	return c;
}

struct adoption {
	struct sessmgr *s;
	uint32_t rows, calls;
	struct session_call *last;
	bool records; /* calls that are known are of records: the row knows better */
};

static void forget(struct sessmgr *s, struct session_call *c)
{
	sessmgr_pool_release(s, c);
	sessmgr_call_drop(s, c);
}

/* A row of a call that the aaamgr's records gave: the row knows the IKE SA of now. */
static bool confirm(struct sessmgr *s, const struct store_ckpt *ck)
{
	struct session_call row, *c;
	uint32_t callid;

	if (session_callid_parse(ck->key, &callid) || !(c = session_find(s->table, callid)))
		return false;
	if (!session_row_decode(&row, ck->blob, ck->len)) {
		if (row.start_us != c->start_us) { /* the record is of an older call of this id */
			forget(s, c);
			return false;
		}
		session_set_ike_key(c, row.ike_key);
	}
	((struct sessmgr_call *)c->data)->stored = true;
	return true;
}

static int adopt_row(const struct store_ckpt *ck, void *arg)
{
	struct adoption *a = arg;

	a->rows++;
	/* Of a call that we serve we know more than its row: a change of it may be on its way to the store.
	 */
	if (!strcmp(ck->owner, a->s->t->addr) && !(a->records && confirm(a->s, ck))) {
		a->last = adopt(a->s, ck);
		a->calls += a->last != NULL;
		if (a->last)
			((struct sessmgr_call *)a->last->data)->stored = true;
	}
	return 0;
}

/* A record of the aaamgr. */
static bool adopt_record(struct sessmgr *s, uint32_t callid, const uint8_t *row, size_t len)
{
	char key[SESSION_CALLID_STRLEN];
	struct store_ckpt ck = {.key = session_callid_format(callid, key), .blob = row, .len = len};

	return session_callid_instance(callid) == s->t->instance && adopt(s, &ck);
}

/* Records of calls whose rows are gone: they ended, and the word of it did not reach the aaamgr. */
static uint32_t drop_unstored(struct sessmgr *s)
{
	struct session_call *c = session_next(s->table, NULL), *next;
	uint32_t n = 0;

	for (; c; c = next) {
		next = session_next(s->table, c);
		if (session_state(c) != SESSION_CONNECTED || ((struct sessmgr_call *)c->data)->stored)
			continue;
		forget(s, c);
		n++;
	}
	return n;
}

/* Its address went to another call, or back to its vpnmgr, while nobody knew of this one. */
static bool address_lost(const struct session_call *c)
{
	return (net_addr_is_set(&c->addr) && !c->has_lease) || (net_addr_is_set(&c->addr6) && !c->has_lease6);
}

struct session_call *sessmgr_recover_one(struct sessmgr *s, uint32_t callid, bool *over)
{
	struct adoption a = {.s = s};
	char id[SESSION_CALLID_STRLEN];
	int err =
	        store_ckpt_get(s->store, SESSION_ROW_KIND, session_callid_format(callid, id), adopt_row, &a);

	*over = err == -ENODATA;
	if (a.last && address_lost(a.last)) {
		forget(s, a.last);
		*over = true;
		return NULL;
	}
	if (a.last)
		LOG(EV_SESS_RECOVERED, "call %s of a predecessor is taken over", id);
	return a.last;
}

uint32_t sessmgr_recover_missing(struct sessmgr *s)
{
	struct adoption a = {.s = s};

	store_ckpt_list(s->store, SESSION_ROW_KIND, s->t->addr, adopt_row, &a);
	return a.calls;
}

/* --- audit
 * ---------------------------------------------------------------------------------------------------- */

struct question;

/* Calls without an IKE SA row, and the ipsecmgrs that are asked about them. */
struct sessmgr_audit {
	uint32_t gen;
	bool recovery;     /* ends with the trap */
	bool reachable;    /* whom it asks is there */
	bool before_ready; /* we are ready when it has ended: the trap comes before those of the restart */
	uint32_t fetched, prior, lost;
	uint64_t began_us;
	unsigned open;              /* questions under way */
	struct question *questions; /* to be sent */
};

/* Calls of one ipsecmgr; by their ids, as a list of all SAs that comes in pages loses one when another one
 * ends between two of them. */
struct question {
	struct sessmgr_audit *a;
	struct question *next;
	uint32_t ipsecmgr;
	unsigned n;
	uint32_t id[ASK_IDS]; /* 0: it is alive */
};

static void (*recovered)(struct sessmgr *s);

static void finish(struct sessmgr *s, struct sessmgr_audit *a)
{
	bool ready = a->before_ready;
	uint32_t left = session_in_state(s->table, SESSION_CONNECTED);
	uint64_t ms = (clock_now_us() - s->activated_us) / US_PER_MS;

	s->audit = NULL;
	s->last_audit =
	        (struct sessmgr_audited){.wall_us = clock_wall_us(),
	                                 .fetched = a->fetched,
	                                 .prior = a->prior,
	                                 .lost = a->lost,
	                                 .left = left,
	                                 .ms = (uint32_t)((clock_now_us() - a->began_us) / US_PER_MS)};
	s->audits++;
	s->audits_released += a->lost;
	if (a->recovery) {
		s->last_recovery = s->last_audit;
		s->last_recovery.ms = (uint32_t)ms;
		LOG(EV_SESS_RECOVERED,
		    "%u calls recovered, %u fetched from aaamgr, %u released by the audit, in %llu ms",
		    a->prior - a->lost, a->fetched, a->lost, (unsigned long long)ms);
		TASK_TRAP(s->t, "SessMgrRecoveryComplete", trap_int("starCPUSlot", s->t->card),
		          trap_int("starCPUNumber", s->t->cpu), trap_int("starFecthedFromAAAMgr", a->fetched),
		          trap_int("starPriorToAudit", a->prior),
		          trap_int("starPassedAudits", a->prior - a->lost),
		          trap_int("starCallsRecovered", a->prior - a->lost),
		          trap_int("starAllCallLines", left), trap_int("starElapsedMs", (int64_t)ms));
	}
	free(a);
	if (ready)
		recovered(s);
}

/* One question is answered, or never will be. */
static void answered(struct sessmgr *s, struct question *q)
{
	struct sessmgr_audit *a = q->a;

	free(q);
	if (--a->open)
		return;
	if (a->gen == s->gen)
		finish(s, a);
	else
		free(a);
}

static bool has_ike_row(struct sessmgr *s, const char *ike_key)
{
	bool there = false;

	return !store_ckpt_get(s->store, IKE_ROW_KIND, ike_key, note_row, &there) && there;
}

/* An IKE SA of a call of ours. Where the name we know has no row and this one has, it is the successor: the
 * call was rekeyed, and the word of it was lost. (The predecessor may be listed too; it is about to go.) */
static void follow(struct sessmgr *s, uint32_t callid, const char *ike_key)
{
	struct session_call *c = session_find(s->table, callid);

	if (c && ike_key && session_state(c) == SESSION_CONNECTED && strcmp(c->ike_key, ike_key) != 0 &&
	    !has_ike_row(s, c->ike_key) && has_ike_row(s, ike_key))
		sessmgr_call_rename(s, c, ike_key);
}

static void clear_suspect(struct question *q, uint32_t callid)
{
	for (unsigned i = 0; i < q->n; i++)
		if (q->id[i] == callid)
			q->id[i] = 0;
}

/* Every call id in any list of an answer is alive. */
static void clear_listed(struct sessmgr *s, struct question *q, json_t *root)
{
	const char *name;
	json_t *v, *row;
	size_t i;
	uint32_t id;

	json_object_foreach(root, name, v) json_array_foreach(v, i, row)
	{
		const char *text = json_string_value(json_object_get(row, "callid"));

		if (!text || session_callid_parse(text, &id))
			continue;
		clear_suspect(q, id);
		follow(s, id, json_string_value(json_object_get(row, "spi")));
	}
}

/* This ipsecmgr has told everything: what it did not name is gone. */
static void release(struct sessmgr *s, struct question *q)
{
	for (unsigned i = 0; i < q->n; i++) {
		struct session_call *c = q->id[i] ? session_find(s->table, q->id[i]) : NULL;

		if (!c || c->ipsecmgr != q->ipsecmgr || session_state(c) != SESSION_CONNECTED)
			continue;
		if (!q->a->recovery && ++c->audits < 2)
			continue; /* once more in a minute: a set-up or rekey may have been under way */
		q->a->lost++;
		sessmgr_call_end(s, c, SESSION_EV_AUDIT_FAIL, "audit");
	}
}

/* No answer: its calls stay. One that is away is asked when it comes, one that is there soon. */
static void ask_again(struct sessmgr *s, const struct question *q)
{
	char addr[40];

	snprintf(addr, sizeof(addr), "ipsecmgr/%u", q->ipsecmgr);
	if (q->a->gen == s->gen && task_peer_up(s->t, addr))
		sessmgr_cfg_audit_soon(s);
}

static void question_answer(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	struct sessmgr *s = &sessmgr;
	struct question *q = arg;
	const ShowReply *r =
	        !status && m && m->env->body_case == ENVELOPE__BODY_SHOW_REPLY ? m->env->show_reply : NULL;
	json_t *root = r && !r->more && q->a->gen == s->gen ? json_loads(r->json, 0, NULL) : NULL;

	if (!root) {
		ask_again(s, q);
		answered(s, q);
		return;
	}
	clear_listed(s, q, root);
	json_decref(root);
	release(s, q);
	answered(s, q);
}

static void question_send(struct sessmgr *s, struct question *q)
{
	Envelope env = ENVELOPE__INIT;
	Show show = SHOW__INIT;
	char dst[40], args[ASK_IDS * SESSION_CALLID_STRLEN + 1], *at = args;

	for (unsigned i = 0; i < q->n; i++) {
		session_callid_format(q->id[i], at);
		at += strlen(at);
		*at++ = ' ';
	}
	at[-1] = '\0';
	snprintf(dst, sizeof(dst), "ipsecmgr/%u", q->ipsecmgr);
	q->a->reachable &= task_peer_up(s->t, dst);
	show.what = (char *)"call-ike";
	show.args = args;
	show.limit = ASK_ROWS;
	env.body_case = ENVELOPE__BODY_SHOW;
	env.show = &show;
	if (task_request(s->t, dst, &env, ASK_MS, q->a->recovery ? TASK_RETRY : 0, question_answer, q))
		answered(s, q);
}

/* Without memory to ask it stays, until the next audit. */
static void suspect(struct sessmgr_audit *a, const struct session_call *c)
{
	struct question *q = a->questions;

	while (q && (q->ipsecmgr != c->ipsecmgr || q->n == ASK_IDS))
		q = q->next;
	if (!q) {
		q = calloc(1, sizeof(*q));
		if (!q)
			return;
		q->a = a;
		q->ipsecmgr = c->ipsecmgr;
		q->next = a->questions;
		a->questions = q;
	}
	q->id[q->n++] = c->callid;
}

static void collect(struct sessmgr *s, struct sessmgr_audit *a)
{
	for (struct session_call *c = session_next(s->table, NULL); c; c = session_next(s->table, c)) {
		bool there = false;

		if (session_state(c) != SESSION_CONNECTED)
			continue;
		/* The store not answering is no reason to end a call. */
		if (store_ckpt_get(s->store, IKE_ROW_KIND, c->ike_key, note_row, &there) != -ENODATA || there)
			c->audits = 0;
		else
			suspect(a, c);
	}
}

static void audit_start(struct sessmgr *s, bool recovery, uint32_t fetched, uint32_t prior)
{
	struct sessmgr_audit *a = calloc(1, sizeof(*a));
	struct question *q;

	if (!a)
		return;
	a->gen = s->gen;
	a->recovery = recovery;
	a->reachable = true;
	a->fetched = fetched;
	a->prior = recovery ? prior : session_in_state(s->table, SESSION_CONNECTED);
	a->began_us = clock_now_us();
	a->open = 1;
	s->audit = a;
	collect(s, a);
	while ((q = a->questions)) {
		a->questions = q->next;
		a->open++;
		question_send(s, q);
	}
	if (!--a->open)
		finish(s, a);
}

void sessmgr_recover_audit(struct sessmgr *s)
{
	if (!s->audit && session_in_state(s->table, SESSION_CONNECTED))
		audit_start(s, false, 0, 0);
}

/* --- all of it
 * ------------------------------------------------------------------------------------------------ */

static void settle_cb(struct task *t, void *arg)
{
	struct sessmgr *s = &sessmgr;
	bool again = false;

	task_timer_stop(s->settle);
	s->settle = NULL;
	if ((uint32_t)(uintptr_t)arg != s->gen)
		return;
	for (size_t i = 0; i < s->leases->n; i++)
		if (!s->leases->chunks[i].settled) {
			sessmgr_pool_settle(s, s->leases->chunks[i].ctx);
			again = true;
		}
	if (again && ++s->settle_rounds < SETTLE_ROUNDS)
		s->settle = task_timer_start(t, SESSMGR_SETTLE_MS, 0, settle_cb, arg);
}

/* The rows: what the records did not bring, and whether what they brought still is. */
static void complete(struct sessmgr *s, uint32_t fetched)
{
	struct adoption a = {.s = s, .records = true};
	int err = store_ckpt_list(s->store, SESSION_ROW_KIND, s->t->addr, adopt_row, &a);
	uint32_t calls;

	s->recovering = false;
	if (err && err != -ENOENT)
		LOG(EV_SESS_LOST, "calls cannot be read: %s; %u are known from aaamgr", strerror(-err),
		    fetched);
	else
		drop_unstored(s); /* only a store that answers may take a call away */
	calls = session_in_state(s->table, SESSION_CONNECTED);
	if (s->after_failure && a.calls)
		LOG(EV_SESS_LOST,
		    "aaamgr/%u fed %u records, %u calls come from the store alone: all are there; lost is "
		    "when "
		    "they connected, it is taken to be when they were set up",
		    s->t->instance, fetched, a.calls);
	s->recovered = calls;
	s->settle_rounds = 0;
	task_timer_stop(s->settle);
	s->settle = task_timer_start(s->t, SESSMGR_SETTLE_MS, 0, settle_cb, (void *)(uintptr_t)s->gen);
	if (s->after_failure && (a.rows || fetched))
		audit_start(s, true, fetched, calls);
	else if (calls)
		LOG(EV_SESS_RECOVERED, "%u calls taken over from the other chassis", calls);
	s->after_failure = false;
	if (s->audit && s->audit->recovery && s->audit->reachable)
		s->audit->before_ready = true;
	else
		recovered(s);
	sessmgr_crr_feed(s);
}

static void begin(struct sessmgr *s)
{
	sessmgr_pool_load(s, UINT32_MAX, false);
	if (s->after_failure)
		sessmgr_crr_fetch(s, adopt_record, complete);
	else
		complete(s, 0);
}

static void settled(struct task *t, void *arg)
{
	(void)t;
	if ((uint32_t)(uintptr_t)arg == sessmgr.gen)
		begin(&sessmgr);
}

void sessmgr_recover_all(struct sessmgr *s, void (*done)(struct sessmgr *s))
{
	sessmgr_recover_drop(s);
	s->recovering = true;
	recovered = done;
	if (ckpt_settle(s->t, settled, (void *)(uintptr_t)s->gen) < 0)
		begin(s);
}

void sessmgr_recover_drop(struct sessmgr *s)
{
	struct session_call *c;

	while ((c = session_next(s->table, NULL)))
		sessmgr_call_drop(s, c);
	sessmgr_pool_forget(s);
	s->recovering = false;
	s->audit = NULL; /* freed by its last answer: its gen is old */
}
