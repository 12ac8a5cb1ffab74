/* SPDX-License-Identifier: MIT */
/*
 * Calls: taken up when a tunnel asks, confirmed when it is up, ended when it is gone. Asking twice for the
 * same IKE SA gives the same call. Nothing in a message is trusted: lengths, names and senders are checked.
 * Entry points: sessmgr_call_new(), _state().
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "sessmgr.h"
#include "vpn/vpn_apn.h"

#define ROW_AGAIN_MS 500

/* --- answers
 * -------------------------------------------------------------------------------------------------- */

static void reply_failure(struct sessmgr *s, const struct bus_from *to, const char *reason)
{
	Envelope env = ENVELOPE__INIT;
	SessionReply r = SESSION_REPLY__INIT;

	r.failure = (char *)reason;
	env.body_case = ENVELOPE__BODY_SESSION_REPLY;
	env.session_reply = &r;
	task_reply_to(s->t, to, &env);
}

/* apn: whose P-CSCFs are told; "": none. */
static void reply_call(struct sessmgr *s, const struct session_call *c, const char *apn,
                       const struct bus_from *to)
{
	static const uint8_t ones[16] = {[0 ... 15] = 0xff};
	Envelope env = ENVELOPE__INIT;
	SessionReply r = SESSION_REPLY__INIT;
	CkptCall row = CKPT_CALL__INIT;
	uint8_t blob[SESSION_ROW_MAX];
	char key[SESSION_CALLID_STRLEN];
	struct net_addr dns[2], pcscf[VPN_APN_PCSCF];
	ProtobufCBinaryData list[2], told[VPN_APN_PCSCF];

	row.key = (char *)session_callid_format(c->callid, key);
	row.owner = s->t->addr;
	row.blob.data = blob;
	row.blob.len = session_row_encode(c, blob, sizeof(blob));
	r.callid = c->callid;
	r.addr.data = (uint8_t *)c->addr.bytes;
	r.addr.len = net_addr_len(&c->addr);
	r.mask.data = (uint8_t *)ones; /* a host's address: RFC 7296 section 3.15.1 */
	r.mask.len = r.addr.len;
	r.addr6.data = (uint8_t *)c->addr6.bytes;
	r.addr6.len = net_addr_len(&c->addr6);
	r.n_dns = r.addr.len || r.addr6.len ? sessmgr_cfg_dns(s, c->ctx, dns) : 0;
	for (size_t i = 0; i < r.n_dns; i++)
		list[i] = (ProtobufCBinaryData){net_addr_len(&dns[i]), dns[i].bytes};
	r.dns = list;
	r.n_pcscf = sessmgr_cfg_pcscf(s, c->ctx, apn, pcscf);
	for (size_t i = 0; i < r.n_pcscf; i++)
		told[i] = (ProtobufCBinaryData){net_addr_len(&pcscf[i]), pcscf[i].bytes};
	r.pcscf = told;
	r.call = &row;
	env.body_case = ENVELOPE__BODY_SESSION_REPLY;
	env.session_reply = &r;
	task_reply_to(s->t, to, &env);
}

const char *sessmgr_call_addrs(const struct session_call *c, char buf[SESSMGR_ADDRS_STRLEN])
{
	char six[NET_ADDR_STRLEN];

	net_addr_format(net_addr_is_set(&c->addr) ? &c->addr : &c->addr6, buf, NET_ADDR_STRLEN);
	if (net_addr_is_set(&c->addr) && net_addr_is_set(&c->addr6)) {
		strcat(buf, ", ");
		strcat(buf, net_addr_format(&c->addr6, six, sizeof(six)));
	}
	return buf;
}

/* --- life
 * ----------------------------------------------------------------------------------------------------- */

int sessmgr_call_attach(struct sessmgr *s, struct session_call *c)
{
	c->data = calloc(1, sizeof(struct sessmgr_call));
	if (!c->data)
		return -ENOMEM;
	sessmgr_count_attach(s, c);
	return 0;
}

static void wait_free(struct session_call *c)
{
	struct sessmgr_call *x = c->data;

	if (x) {
		free(x->wait);
		x->wait = NULL;
	}
}

static void gone(struct session_call *c)
{
	wait_free(c);
	if (c->data)
		free(((struct sessmgr_call *)c->data)->ended);
	free(c->data);
	session_free(c);
}

void sessmgr_call_drop(struct sessmgr *s, struct session_call *c)
{
	sessmgr_count_forget(c);
	gone(c);
}

void sessmgr_call_answer(struct sessmgr *s, struct session_call *c)
{
	struct sessmgr_call *x = c->data;
	struct sessmgr_wait *w = x->wait;

	x->wait = NULL;
	session_event(c, SESSION_EV_ADDR_SUCCESS);
	s->set_up++;
	reply_call(s, c, w->apn, &w->from);
	free(w);
}

void sessmgr_call_refuse(struct sessmgr *s, struct session_call *c, const char *reason)
{
	struct sessmgr_call *x = c->data;
	char id[SESSION_CALLID_STRLEN];

	LOG(EV_SESS_END, "call %s of peer %s in %s/%s refused: %s", session_callid_format(c->callid, id),
	    c->peer_id, sessmgr_cfg_context(s, c->ctx), c->service,
	    reason ? reason : "vpnmgr does not answer");
	if (reason && x->wait)
		reply_failure(s, &x->wait->from, reason);
	s->refused++;
	sessmgr_pool_release(s, c);
	sessmgr_count_refused(c, reason);
	session_event(c, SESSION_EV_ADDR_FAIL);
	gone(c);
}

static void keep_row(struct sessmgr *s, struct session_call *c);

/* Now the end would survive us: whoever told of it need not tell our successor. */
static void answer_end(struct sessmgr *s, struct session_call *c)
{
	struct sessmgr_call *x = c->data;

	if (x->ended)
		task_reply_status_to(s->t, x->ended, 0, "%s", "");
}

/* The row's deletion is durable: only now may somebody else get the address. */
static void row_gone(struct task *t, void *arg, int status, const char *text)
{
	struct sessmgr *s = &sessmgr;
	struct session_call *c = session_find(s->table, (uint32_t)(uintptr_t)arg);

	if (!c || session_state(c) != SESSION_DISCONNECTING)
		return; /* dropped meanwhile: this chassis does not serve any more */
	if (status) {
		LOG(EV_SESS_LOST, "the row of call %08x is not deleted yet: %s", c->callid, text);
		keep_row(s, c);
		return;
	}
	sessmgr_pool_release(s, c);
	session_event(c, SESSION_EV_ROW_GONE);
	answer_end(s, c);
	gone(c);
}

static void delete_row(struct sessmgr *s, struct session_call *c)
{
	char id[SESSION_CALLID_STRLEN];
	struct ckpt_row row = {.kind = SESSION_ROW_KIND, .key = session_callid_format(c->callid, id)};

	((struct sessmgr_call *)c->data)->row_kept = false;
	if (ckpt_write(s->ckpt, &row, 1, row_gone, (void *)(uintptr_t)c->callid))
		keep_row(s, c);
}

static void again_cb(struct task *t, void *arg)
{
	struct sessmgr *s = arg;

	task_timer_stop(s->row_again);
	s->row_again = NULL;
	for (struct session_call *c = session_next(s->table, NULL); c; c = session_next(s->table, c))
		if (session_state(c) == SESSION_DISCONNECTING && ((struct sessmgr_call *)c->data)->row_kept)
			delete_row(s, c);
}

/* A row that stays would come back as a call with the next restart: try until it is gone. */
static void keep_row(struct sessmgr *s, struct session_call *c)
{
	((struct sessmgr_call *)c->data)->row_kept = true;
	if (!s->row_again)
		s->row_again = task_timer_start(s->t, ROW_AGAIN_MS, 0, again_cb, s);
}

void sessmgr_call_end(struct sessmgr *s, struct session_call *c, enum session_ev ev, const char *reason)
{
	bool was_up = session_state(c) == SESSION_CONNECTED,
	     ending = session_state(c) == SESSION_DISCONNECTING;
	char id[SESSION_CALLID_STRLEN], addr[SESSMGR_ADDRS_STRLEN];

	if (session_event(c, ev) || ending)
		return;
	wait_free(c);
	snprintf(c->reason, sizeof(c->reason), "%s", reason);
	sessmgr_count_ended(s, c, was_up, reason);
	LOG(EV_SESS_END, "call %s of peer %s in %s/%s, address %s, ended: %s",
	    session_callid_format(c->callid, id), c->peer_id, sessmgr_cfg_context(s, c->ctx), c->service,
	    sessmgr_call_addrs(c, addr), reason);
	sessmgr_crr_changed(s, c);
	delete_row(s, c);
}

/* --- SessionNew
 * ----------------------------------------------------------------------------------------------- */

/* 0 bytes (unset), 4 or 16. */
static int get_addr(struct net_addr *a, const ProtobufCBinaryData *b)
{
	*a = (struct net_addr){0};
	return b->len ? net_addr_from_bytes(a, b->data, b->len) : 0;
}

/* NULL or why not. */
static const char *fill_need(struct sessmgr_need *n, int family, bool wanted, const ProtobufCBinaryData *want,
                             const char *pool)
{
	if (get_addr(&n->want, want) || (net_addr_is_set(&n->want) && n->want.family != family) ||
	    strlen(pool) >= sizeof(n->pool))
		return "misc-reasons";
	strcpy(n->pool, pool);
	n->family = family;
	n->open = wanted || net_addr_is_set(&n->want);
	if (net_addr_is_any(&n->want))
		n->want = (struct net_addr){0};
	return NULL;
}

/* Fill the call from the message; NULL or why not. */
static const char *fill(struct session_call *c, struct sessmgr_wait *w, const SessionNew *q)
{
	const char *why = fill_need(&w->need[0], AF_INET, q->want_ipv4, &q->want_addr, q->pool);

	if (!why)
		why = fill_need(&w->need[1], AF_INET6, q->want_ipv6, &q->want_addr6, q->pool6);
	if (why || get_addr(&c->peer, &q->peer_addr) || strlen(q->service) >= sizeof(c->service))
		return "misc-reasons";
	c->ctx = q->ctx;
	c->ipsecmgr = q->ipsecmgr;
	strcpy(c->service, q->service);
	snprintf(c->peer_id, sizeof(c->peer_id), "%s", q->peer_id);
	snprintf(c->imei, sizeof(c->imei), "%s", q->imei);
	snprintf(w->apn, sizeof(w->apn), "%s", q->apn);
	c->start_us = clock_steady_us();
	c->deadline_us = clock_now_us() + SESSMGR_SETUP_US;
	return NULL;
}

/* The same IKE SA asks again: its answer was lost, or is not there yet. */
static void repeated(struct sessmgr *s, struct session_call *c, const struct bus_msg *m)
{
	struct sessmgr_call *x = c->data;
	struct bus_from from = task_from(m);

	if (session_state(c) == SESSION_ARRIVED)
		x->wait->from = from;
	else if (session_state(c) == SESSION_DISCONNECTING)
		reply_failure(s, &from, "misc-reasons");
	else
		reply_call(s, c, m->env->session_new->apn, &from);
}

static void take_up(struct sessmgr *s, struct session_call *c, const SessionNew *q, const struct bus_msg *m)
{
	struct sessmgr_wait *w = calloc(1, sizeof(*w));
	const char *why = w ? fill(c, w, q) : "no-resource";
	struct sessmgr_call *x;

	if (!why && sessmgr_call_attach(s, c))
		why = "no-resource";
	if (why) {
		struct bus_from from = task_from(m);

		reply_failure(s, &from, why);
		s->refused++;
		free(w);
		session_free(c);
		return;
	}
	x = c->data;
	x->wait = w;
	w->from = task_from(m);
	session_event(c, SESSION_EV_NEWCALL);
	if (!strcmp(sessmgr_cfg_context(s, c->ctx), "?"))
		sessmgr_call_refuse(s, c, "invalid-dest-context");
	else if (sessmgr_limit_reached(s, c))
		sessmgr_call_refuse(s, c, "max-sessions");
	else if (w->need[0].open || w->need[1].open)
		sessmgr_pool_address(s, c);
	else
		sessmgr_call_answer(s, c);
}

void sessmgr_call_new(struct task *t, const struct bus_msg *m)
{
	struct sessmgr *s = &sessmgr;
	const SessionNew *q = m->env->session_new;
	struct session_call *c = session_find_ike(s->table, q->ike_key);
	struct bus_from from = task_from(m);

	if (c && c->ipsecmgr == sessmgr_cfg_sender(m)) {
		repeated(s, c, m);
		return;
	}
	if (!s->serving || !q->ipsecmgr || q->ipsecmgr != sessmgr_cfg_sender(m)) {
		reply_failure(s, &from, "misc-reasons");
		return;
	}
	c = session_new(s->table, q->ike_key);
	if (c) {
		take_up(s, c, q, m);
		return;
	}
	if (errno == ENOSPC)
		LOG(EV_TASK_LIMIT, "%u calls: no more", session_count(s->table));
	s->refused++;
	reply_failure(s, &from, "no-resource");
}

/* --- SessionState
 * --------------------------------------------------------------------------------------------- */

/* The row must say so, or an audit would miss it. */
void sessmgr_call_rename(struct sessmgr *s, struct session_call *c, const char *ike_key)
{
	char id[SESSION_CALLID_STRLEN];
	uint8_t blob[SESSION_ROW_MAX];
	struct ckpt_row row = {
	        .kind = SESSION_ROW_KIND, .key = session_callid_format(c->callid, id), .blob = blob};

	if (!ike_key[0] || !strcmp(c->ike_key, ike_key) || session_set_ike_key(c, ike_key))
		return;
	row.len = session_row_encode(c, blob, sizeof(blob));
	ckpt_write(s->ckpt, &row, 1, NULL, NULL);
	sessmgr_crr_changed(s, c);
}

static void up(struct sessmgr *s, struct session_call *c, const char *ike_key)
{
	char id[SESSION_CALLID_STRLEN], addr[SESSMGR_ADDRS_STRLEN];
	bool first = session_state(c) == SESSION_ANSWERED;

	if (session_state(c) == SESSION_DISCONNECTING || session_event(c, SESSION_EV_UP))
		return;
	c->has_row = true;
	c->audits = 0;
	if (first) {
		c->connect_us = clock_steady_us();
		LOG(EV_SESS_START, "call %s of peer %s in %s/%s has address %s",
		    session_callid_format(c->callid, id), c->peer_id, sessmgr_cfg_context(s, c->ctx),
		    c->service, sessmgr_call_addrs(c, addr));
		sessmgr_crr_changed(s, c);
	}
	sessmgr_call_rename(s, c, ike_key);
}

/* Somebody who told of the end of a call that we do not know. */
struct stray {
	struct bus_from from;
};

static void stray_gone(struct task *t, void *arg, int status, const char *text)
{
	struct stray *x = arg;

	/* Refused: the store has it in its queue, and whoever told us does so again. */
	task_reply_status_to(t, &x->from, status ? -EHOSTUNREACH : 0, "%s", text);
	free(x);
}

/* The end of a call we do not know: a predecessor's; its row may still be there. True: answered later. */
static bool delete_stray(struct sessmgr *s, uint32_t callid, const struct bus_msg *m)
{
	char id[SESSION_CALLID_STRLEN];
	struct ckpt_row row = {.kind = SESSION_ROW_KIND, .key = session_callid_format(callid, id)};
	struct stray *x = sessmgr_recover_has_row(s, callid) ? malloc(sizeof(*x)) : NULL;

	if (!x)
		return false;
	x->from = task_from(m);
	if (!ckpt_write(s->ckpt, &row, 1, stray_gone, x))
		return true;
	free(x);
	return false;
}

/* True: the answer follows when the row is gone. */
static bool down(struct sessmgr *s, struct session_call *c, const char *reason, const struct bus_msg *m)
{
	struct sessmgr_call *x = c->data;

	if (!x->ended)
		x->ended = malloc(sizeof(*x->ended));
	if (x->ended)
		*x->ended = task_from(m);
	sessmgr_call_end(s, c, SESSION_EV_DOWN, reason[0] ? reason : "none");
	return x->ended != NULL;
}

static bool is_foreign(const struct session_call *c, const struct bus_msg *m)
{
	if (c->ipsecmgr == sessmgr_cfg_sender(m))
		return false;
	LOG(EV_WARN, "%s speaks about call %08x of ipsecmgr %u", m->src, c->callid, c->ipsecmgr);
	return true;
}

/*
 * A tunnel is up. -ENOENT: its call is over, or ends: then its ipsecmgr ends the tunnel, which has no session
 * and whose address may be somebody else's soon. A call that is unknown was a predecessor's: the row says so,
 * which became durable with the tunnel; only a store that answers can say that there is none.
 */
static int note_up(struct sessmgr *s, struct session_call *c, const SessionState *q, const struct bus_msg *m)
{
	bool over = false;

	if (!c && s->recovering)
		return 0; /* its row is about to be read with all others */
	if (!c)
		c = sessmgr_recover_one(s, q->callid, &over);
	if (!c) {
		LOG(EV_WARN, "%s says that call %08x is up, which %s", m->src, q->callid,
		    over ? "does not exist" : "cannot be restored");
		return over ? -ENOENT : 0;
	}
	if (is_foreign(c, m))
		return 0;
	if (session_state(c) == SESSION_DISCONNECTING)
		return -ENOENT;
	up(s, c, q->reason);
	return 0;
}

#define ANSWERED_LATER 1

/* What ipsecmgr says: 0 or -errno for it, or ANSWERED_LATER. */
static int note_state(struct sessmgr *s, const SessionState *q, const struct bus_msg *m)
{
	struct session_call *c = session_find(s->table, q->callid);

	if (!s->serving || session_callid_instance(q->callid) != s->t->instance)
		return 0;
	if (q->what == SESSION_STATE__WHAT__UP)
		return note_up(s, c, q, m);
	if (q->what != SESSION_STATE__WHAT__DOWN || (c && is_foreign(c, m)))
		return 0;
	return (c ? down(s, c, q->reason, m) : delete_stray(s, q->callid, m)) ? ANSWERED_LATER : 0;
}

/* An end is acknowledged when it is durable: if we die before, our successor is told. */
void sessmgr_call_state(struct task *t, const struct bus_msg *m)
{
	int status = note_state(&sessmgr, m->env->session_state, m);

	if (status != ANSWERED_LATER)
		task_reply_status(t, m, status, "%s", status ? "there is no such call" : "");
}

/* --- timers
 * --------------------------------------------------------------------------------------------------- */

static bool setting_up(const struct session_call *c)
{
	return session_state(c) == SESSION_ARRIVED || session_state(c) == SESSION_ANSWERED;
}

/* Nobody will say any more what became of it; the row of one that is up was stored with its IKE SA. */
static void decide(struct sessmgr *s, struct session_call *c, const char *reason)
{
	if (session_state(c) == SESSION_ANSWERED && sessmgr_recover_has_row(s, c->callid))
		up(s, c, "");
	else
		sessmgr_call_end(s, c, SESSION_EV_SETUP_TIMEOUT, reason);
}

void sessmgr_call_sweep(struct sessmgr *s)
{
	struct session_call *c = session_next(s->table, NULL), *next;
	uint64_t now = clock_now_us();

	if (!session_in_state(s->table, SESSION_ARRIVED) && !session_in_state(s->table, SESSION_ANSWERED))
		return;
	for (; c; c = next) {
		next = session_next(s->table, c);
		if (setting_up(c) && now >= c->deadline_us)
			decide(s, c, "set-up timed out");
	}
}

static void orphans_cb(struct task *t, void *arg)
{
	struct sessmgr *s = arg;

	task_timer_stop(s->orphans);
	s->orphans = NULL;
	sessmgr_call_sweep(s);
}

/*
 * Of its set-ups nobody will say what became of them, but for those that the new one has begun already: it
 * takes packets a moment before the bus says that it is there. All get some seconds to come up.
 */
void sessmgr_call_orphans(struct sessmgr *s, uint32_t ipsecmgr)
{
	uint64_t until = clock_now_us() + SESSMGR_ORPHAN_MS * US_PER_MS;
	bool any = false;

	for (struct session_call *c = session_next(s->table, NULL); c; c = session_next(s->table, c)) {
		if (!setting_up(c) || c->ipsecmgr != ipsecmgr || c->deadline_us <= until)
			continue;
		c->deadline_us = until;
		any = true;
	}
	if (!any)
		return;
	task_timer_stop(
	        s->orphans); /* those of another ipsecmgr wait for the same sweep, or the next regular one */
	s->orphans = task_timer_start(s->t, SESSMGR_ORPHAN_MS + 1, 0, orphans_cb, s);
}
