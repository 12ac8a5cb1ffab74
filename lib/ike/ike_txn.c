/* SPDX-License-Identifier: MIT */
/*
 * Transactions (see ike.h): built while an input is handled, ended with the checkpoint rows of the SAs that
 * changed, handed to the caller in order, kept until committed or aborted. Entry points: ike_out_begin(),
 * ike_out_*(), ike_out_end(), ike_engine_committed(), ike_engine_aborted(). Called by every exchange; by the
 * engine's owner.
 */
#include "ike/ike_auth.h"
#include "ike/ike_payload.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#define CHUNK 2048

struct ike_chunk {
	struct ike_chunk *next;
	size_t used, size;
	uint8_t data[] __attribute__((aligned(16)));
};

/* Memory that lives as long as the transaction. */
static void *mem_get(struct ike_out *t, size_t len)
{
	struct ike_chunk *c = t->mem;
	size_t need = (len + 15) & ~(size_t)15, size;
	void *p;

	if (!c || c->size - c->used < need) {
		size = need > CHUNK ? need : CHUNK;
		c = malloc(sizeof(*c) + size);
		if (!c) {
			t->failed = true;
			return NULL;
		}
		c->used = 0;
		c->size = size;
		c->next = t->mem;
		t->mem = c;
	}
	p = c->data + c->used;
	c->used += need;
	return p;
}

static void *mem_copy(struct ike_out *t, const void *from, size_t len)
{
	void *p = mem_get(t, len ? len : 1);

	if (p && len)
		memcpy(p, from, len);
	return p;
}

static void retry_fire(struct wheel_timer *w, uint64_t now, void *arg);

struct ike_out *ike_out_begin(struct ike_engine *e, struct ike_sa *sa)
{
	struct ike_out *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->e = e;
	t->pub.ike_spi = sa ? sa->spi : 0;
	t->dscp = sa ? sa->pol->p.dscp : 0;
	wheel_timer_init(&t->retry, retry_fire, t);
	return t;
}

void ike_out_free(struct ike_out *t)
{
	struct ike_chunk *c;

	wheel_cancel(&t->e->wheel, &t->retry);
	ike_map_del(&t->e->by_txn, &t->by_id);
	while ((c = t->mem)) {
		t->mem = c->next;
		OPENSSL_cleanse(c->data, c->used);
		free(c);
	}
	free(t->act);
	free(t);
}

void ike_out_touch(struct ike_out *t, struct ike_sa *sa)
{
	for (unsigned i = 0; i < t->n_sa; i++)
		if (t->sa[i] == sa)
			return;
	if (t->n_sa < sizeof(t->sa) / sizeof(t->sa[0]))
		t->sa[t->n_sa++] = sa;
	else
		t->failed = true;
}

static struct ike_action *add(struct ike_out *t, enum ike_action_kind kind)
{
	struct ike_action *a, *bigger;

	if (t->n == t->cap) {
		bigger = reallocarray(t->act, t->cap ? 2 * t->cap : 8, sizeof(*bigger));
		if (!bigger) {
			t->failed = true;
			return NULL;
		}
		t->act = bigger;
		t->cap = t->cap ? 2 * t->cap : 8;
	}
	a = &t->act[t->n++];
	memset(a, 0, sizeof(*a));
	a->kind = kind;
	return a;
}

/* A fragmented message is its fragments one behind the other: each is a packet with its length in the header.
 */
void ike_out_send(struct ike_out *t, const struct ike_path *path, const uint8_t *pkt, size_t len, bool again)
{
	while (len) {
		struct ike_action *a = add(t, IKE_ACT_SEND);
		size_t n = ike_frag_first(pkt, len);

		if (!a)
			return;
		a->send.path = *path;
		a->send.pkt = mem_copy(t, pkt, n);
		a->send.len = n;
		a->send.dscp = t->dscp;
		a->send.retransmission = again;
		pkt += n;
		len -= n;
	}
}

void ike_out_child(struct ike_out *t, enum ike_action_kind kind, const struct ike_child *c, bool resume,
                   bool out_wait, uint32_t replaces)
{
	struct ike_action *a = add(t, kind);
	size_t encr = ike_crypto_encr_len(&c->suite), integ = ike_crypto_integ_len(&c->suite);
	const uint8_t *keys = mem_copy(t, c->keys, 2 * (encr + integ));
	const struct ike_ts *ts = mem_copy(t, c->ts, ((size_t)c->n_local + c->n_remote) * sizeof(*ts));

	if (!a || !keys || !ts)
		return;
	ike_view_child(c, &a->child);
	a->child.encr_in = keys;
	a->child.integ_in = keys + encr;
	a->child.encr_out = keys + encr + integ;
	a->child.integ_out = keys + 2 * encr + integ;
	a->child.ts_local = ts;
	a->child.ts_remote = ts + c->n_local;
	a->child.resume = resume;
	a->child.out_wait = out_wait;
	a->child.replaces_spi_in = replaces;
	a->child.policy = mem_copy(t, a->child.policy, strlen(a->child.policy) + 1);
	a->child.child_name = mem_copy(t, a->child.child_name, strlen(a->child.child_name) + 1);
}

void ike_out_child_del(struct ike_out *t, const struct ike_child *c, enum ike_reason reason)
{
	struct ike_action *a = add(t, IKE_ACT_CHILD_DEL);

	if (a)
		a->child_del =
		        (struct ike_child_del_act){c->spi_in, c->spi_out, c->sa->spi, c->sa->callid, reason};
}

/* The event, to be completed by the caller; NULL: out of memory. Valid until the next action is added. */
struct ike_event *ike_out_event(struct ike_out *t, enum ike_event_kind kind, const struct ike_sa *sa,
                                enum ike_reason reason)
{
	struct ike_action *a = add(t, IKE_ACT_EVENT);

	if (!a)
		return NULL;
	a->event.kind = kind;
	a->event.reason = reason;
	if (!sa)
		return &a->event;
	a->event.spi = sa->spi;
	a->event.peer_spi = sa->peer_spi;
	a->event.callid = sa->callid;
	a->event.initiator = sa->initiator;
	a->event.user = sa->user;
	a->event.path = sa->path;
	ike_sa_get_id(sa->peer_id, &a->event.peer_id);
	memcpy(a->event.policy, sa->pol->p.name, sizeof(a->event.policy));
	return &a->event;
}

void ike_out_need_session(struct ike_out *t, const struct ike_sa *sa, const struct ike_cp *cp,
                          const struct ike_msg *m)
{
	struct ike_action *a = add(t, IKE_ACT_NEED_SESSION);
	char text[IKE_ID_MAX + 1];
	const char *apn;
	struct ike_id id;

	if (!a)
		return;
	ike_sa_get_id(sa->peer_id, &id);
	a->session.ref = sa->spi;
	a->session.peer_id = mem_copy(t, &id, sizeof(id));
	a->session.policy = mem_copy(t, sa->pol->p.name, strlen(sa->pol->p.name) + 1);
	a->session.path = sa->path;
	a->session.device = sa->device;
	if (!ike_payload_assigns(&sa->pol->p) || !cp || cp->type != IKE_CFG_REQUEST)
		return;
	a->session.want_ipv4 = cp->has_ip4;
	a->session.want_ipv6 = cp->has_ip6;
	a->session.want_dns = cp->has_dns;
	a->session.requested = cp->ip4;
	a->session.requested6 = cp->ip6;
	apn = ike_pcscf_apn(&sa->pol->p, m, text);
	if (apn)
		a->session.apn = mem_copy(t, apn, strlen(apn) + 1);
}

void ike_out_need_cert(struct ike_out *t, const struct ike_sa *sa, const char *url, size_t max)
{
	struct ike_action *a = add(t, IKE_ACT_NEED_CERT);

	if (!a)
		return;
	a->cert.ref = sa->spi;
	a->cert.url = mem_copy(t, url, strlen(url) + 1);
	a->cert.policy = mem_copy(t, sa->pol->p.name, strlen(sa->pol->p.name) + 1);
	a->cert.max = max;
	a->cert.path = sa->path;
}

void ike_out_need_eap(struct ike_out *t, const struct ike_sa *sa, const uint8_t *pkt, size_t len)
{
	const struct ike_eap *eap = sa->setup->eap;
	struct ike_action *a = add(t, IKE_ACT_NEED_EAP);
	struct ike_id id;

	if (!a)
		return;
	ike_sa_get_id(sa->peer_id, &id);
	a->eap.ref = sa->spi;
	a->eap.pkt = mem_copy(t, pkt, len);
	a->eap.len = len;
	a->eap.state = mem_copy(t, eap->state, eap->state_len);
	a->eap.state_len = eap->state_len;
	a->eap.peer_id = mem_copy(t, &id, sizeof(id));
	a->eap.policy = mem_copy(t, sa->pol->p.name, strlen(sa->pol->p.name) + 1);
	a->eap.path = sa->path;
	a->eap.device = sa->device;
}

void ike_out_session_end(struct ike_out *t, const struct ike_sa *sa, enum ike_reason reason)
{
	struct ike_action *a = add(t, IKE_ACT_SESSION_END);

	if (a)
		a->session_end = (struct ike_session_end_act){sa->spi, sa->callid, reason};
}

void ike_out_count(struct ike_out *t, uint64_t *counter)
{
	if (t->n_due < IKE_OUT_DUE)
		t->due[t->n_due++] = counter;
}

void ike_out_supersede(struct ike_out *t, struct ike_child *c)
{
	if (!c)
		return;
	if (t->n_replaced < IKE_OUT_REPLACED)
		t->replaced[t->n_replaced++] = (struct ike_replaced){c->spi_in, c->soft_us, c->hard_us};
	c->superseded = true;
	c->soft_us = 0;
	c->hard_us = t->e->now + IKE_GUARD_US;
}

void ike_out_keep_proof(struct ike_out *t, const struct ike_build *b)
{
	t->proof = *b;
	t->proof.w.buf = mem_copy(t, b->w.buf, b->w.len);
	if (!t->proof.w.buf)
		t->proof.w.len = 0;
}

/* ---- the end of building ---- */

static void count_due(struct ike_out *t)
{
	for (unsigned i = 0; i < t->n_due; i++)
		counter_inc(t->due[i]);
	t->n_due = 0;
}

static bool row_wanted(const struct ike_sa *sa)
{
	return sa->state == IKE_ST_ESTABLISHED || sa->state == IKE_ST_REKEYED || sa->state == IKE_ST_DELETING;
}

static void put_row(struct ike_out *t, struct ike_action *a, struct ike_sa *sa)
{
	struct pack_writer w;

	memset(a, 0, sizeof(*a));
	ike_sa_key(sa, a->ckpt.key);
	if (!row_wanted(sa)) {
		a->kind = IKE_ACT_CKPT_DELETE;
		sa->stored = false;
		return;
	}
	a->kind = IKE_ACT_CKPT_PUT;
	sa->stored = true;
	pack_writer_init_grow(&w);
	if (ike_ckpt_encode(sa, &w))
		t->failed = true;
	else
		a->ckpt.blob = mem_copy(t, w.buf, w.len);
	a->ckpt.len = w.len;
	pack_writer_free(&w);
}

/* Rows first, then what was collected. */
static unsigned add_rows(struct ike_out *t)
{
	struct ike_action *all;
	unsigned rows = 0;

	if (t->e->cfg.volatile_only)
		return 0;
	for (unsigned i = 0; i < t->n_sa; i++)
		rows += row_wanted(t->sa[i]) || t->sa[i]->stored;
	if (!rows)
		return 0;
	all = calloc(t->n + rows, sizeof(*all));
	if (!all) {
		t->failed = true;
		return 0;
	}
	if (t->n)
		memcpy(all + rows, t->act, t->n * sizeof(*all));
	free(t->act);
	t->act = all;
	t->cap = t->n + rows;
	t->n += rows;
	for (unsigned i = 0, at = 0; i < t->n_sa; i++) {
		if (!row_wanted(t->sa[i]) && !t->sa[i]->stored)
			continue;
		put_row(t, &all[at++], t->sa[i]);
		t->sa[i]->txn = t;
	}
	return rows;
}

static void enqueue(struct ike_out *t)
{
	struct ike_engine *e = t->e;

	t->pub.id = ++e->next_txn;
	t->pub.n = t->n;
	t->pub.actions = t->act;
	if (t->pub.durable)
		ike_map_add(&e->by_txn, &t->by_id, t->pub.id, t);
	t->next = NULL;
	*e->out_tail = t;
	e->out_tail = &t->next;
}

static void count_sent(struct ike_out *t, struct ike_sa *sa)
{
	struct counters_ikev2 *c = sa ? ike_sa_counters(sa) : t->e->cnt;

	for (unsigned i = 0; i < t->n; i++) {
		if (t->act[i].kind != IKE_ACT_SEND)
			continue;
		counter_inc(&c->txpacket);
		counter_add(&c->txoctet, t->act[i].send.len);
	}
}

void ike_out_end(struct ike_out *t)
{
	if (!t)
		return;
	count_sent(t, t->pub.ike_spi ? ike_sa_find(t->e, t->pub.ike_spi) : NULL);
	ike_out_again(t);
}

void ike_out_again(struct ike_out *t)
{
	t->pub.durable = add_rows(t) > 0;
	if (t->failed || !t->n) { /* without memory nothing is said: the peer's and our timers take care */
		for (unsigned i = 0; i < t->n_sa; i++)
			if (t->sa[i]->txn == t)
				t->sa[i]->txn = NULL;
		ike_out_free(t);
		return;
	}
	if (!t->pub.durable)
		count_due(t);
	enqueue(t);
}

void ike_out_flush(struct ike_engine *e)
{
	struct ike_out *t;

	if (e->flushing)
		return;
	e->flushing = true;
	while ((t = e->out_head)) {
		bool durable = t->pub.durable;

		e->out_head = t->next;
		if (!e->out_head)
			e->out_tail = &e->out_head;
		e->cb.txn(e->arg, &t->pub);
		if (!durable)
			ike_out_free(t); /* a durable one may be gone by now */
	}
	e->flushing = false;
}

/* ---- its fate ---- */

static void replay(struct ike_sa *sa)
{
	struct ike_pending *list = sa->pending, *p;
	struct ike_engine *e = sa->e;

	sa->pending = NULL;
	while ((p = list)) {
		list = p->next;
		ike_engine_process(e, &p->path, p->pkt,
		                   p->len); /* queues it again when the SA is busy again */
		free(p);
	}
}

static void release(struct ike_engine *e, uint64_t spi)
{
	struct ike_sa *sa = ike_sa_find(e, spi);
	struct ike_out *t;

	if (!sa || sa->txn)
		return;
	t = ike_out_begin(e, sa);
	if (!t)
		return;
	if (sa->doomed)
		ike_sa_kill(sa, t, sa->doom, 0, 0);
	else if (sa->settle && ike_sa_take_settings(sa))
		ike_out_touch(t, sa);
	ike_cmd_follow(sa, t);
	ike_timer_settle(sa, t);
	if (!sa->txn)
		replay(sa);
}

void ike_engine_committed(struct ike_engine *e, uint64_t now, uint64_t txn_id)
{
	struct ike_node *n = ike_map_find(&e->by_txn, txn_id);
	struct ike_out *t = n ? n->obj : NULL;
	uint64_t spi[sizeof(t->sa) / sizeof(t->sa[0])];
	unsigned count = 0;

	if (!t)
		return;
	e->now = now;
	count_due(t);
	for (unsigned i = 0; i < t->n_sa; i++) {
		if (t->sa[i]->txn != t)
			continue;
		t->sa[i]->txn = NULL;
		t->sa[i]->committed = true;
		spi[count++] = t->sa[i]->spi;
	}
	ike_out_free(t);
	for (unsigned i = 0; i < count; i++)
		release(e, spi[i]);
	ike_out_flush(e);
}

/* A tunnel that nobody has seen yet is given up: its children never reached the data path, its answer never
 * left. */
static void give_up(struct ike_engine *e, struct ike_sa *sa)
{
	struct ike_out *t = ike_out_begin(e, sa);

	sa->txn = NULL;
	sa->stored = false;
	if (!t)
		return;
	while (sa->children)
		ike_sa_child_free(sa->children);
	free(sa->resp);
	sa->resp = NULL;
	ike_sa_set_state(sa, IKE_ST_AUTH_WAIT);
	ike_sa_kill(sa, t, IKE_R_STORE, 0, 0);
	ike_timer_settle(sa, t);
}

void ike_engine_aborted(struct ike_engine *e, uint64_t now, uint64_t txn_id)
{
	struct ike_node *n = ike_map_find(&e->by_txn, txn_id);
	struct ike_out *t = n ? n->obj : NULL;
	bool known = false;

	if (!t)
		return;
	e->now = now;
	for (unsigned i = 0; i < t->n_sa; i++)
		known = known || t->sa[i]->committed;
	if (known) {
		ike_map_del(&e->by_txn, &t->by_id);
		wheel_add(&e->wheel, &t->retry, now + IKE_ABORT_RETRY_US);
		return;
	}
	for (unsigned i = 0; i < t->n_sa; i++)
		if (t->sa[i]->txn == t)
			give_up(e, t->sa[i]);
	ike_out_free(t);
	ike_out_flush(e);
}

static void retry_fire(struct wheel_timer *w, uint64_t now, void *arg)
{
	struct ike_out *t = arg;

	enqueue(t);
}
