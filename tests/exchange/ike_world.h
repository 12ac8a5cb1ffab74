/* SPDX-License-Identifier: MIT */
/*
 * A little world for IKE engines: nodes with an engine, a store that survives the engine, a data path, and a
 * network with a virtual clock, loss, duplication, delay and a NAT. Included by tests/exchange/test_ike_*.c
 * and tests/bench/bench_ike.c; no sleeping, no randomness that isn't seeded. Node 0 is the responder
 * at 10.0.0.1, node 1 the initiator at 10.0.0.2.
 */
#ifndef TESTS_IKE_WORLD_H
#define TESTS_IKE_WORLD_H

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/schemas.h"
#include "ike/ike.h"
#include "ike/ike_int.h"
#include "pki/pki.h"

#define W_US       1000000ULL
#define W_START    (1700000000ULL * W_US)
#define W_ROWS     64
#define W_CHILDREN 64
#define W_PACKETS  256

enum w_commit { W_NOW, W_LATER, W_MANUAL, W_REFUSE };

struct w_row {
	char key[IKE_KEY_LEN];
	uint8_t *blob;
	size_t len;
};

struct w_child {
	uint32_t in, out;
	bool live, resumed, out_wait, encap, follow, esn;
	uint8_t key_in[64], key_out[64], integ_in[64], integ_out[64];
	size_t encr_len, integ_len;
	struct ike_ts tsl, tsr;
	struct net_addr inner;
	struct ike_path path;
};

struct w_node {
	struct world *w;
	int id;
	struct ike_engine *e;
	struct ike_engine_config cfg;
	struct ike_policy policy;
	struct counters_ikev2 cnt;
	enum w_commit commit;
	uint64_t commit_delay;
	struct w_row row[W_ROWS];
	struct w_child child[W_CHILDREN];
	unsigned n_child; /* ever added */
	unsigned adds, dels, paths, sessions_asked, sessions_ended, txns, durable;
	/* NEED_CERT: answered at once with what the web has, or noted */
	unsigned certs_asked;
	bool answer_certs;
	struct ike_cert_act cert;
	char cert_url[IKE_URL_MAX];
	struct pki_bytes web;
	/* NEED_EAP: for this, which may answer; NULL: only counted */
	void (*eap)(struct w_node *n, const struct ike_eap_act *a);
	unsigned eap_asked;
	unsigned events[IKE_EVENTS];
	struct ike_event last[IKE_EVENTS];
	uint64_t txn_queue[64], txn_due[64];
	const struct ike_txn *txn_ptr[64];
	unsigned n_queue;
	uint64_t session_ref;
	struct ike_session_act session; /* its pointers are dead */
	char apn[IKE_ID_MAX + 1];
	bool answer_sessions;
	struct ike_session_result result;
	uint64_t rnd;
	size_t biggest_row;
	int psk_error;
	unsigned refuse_children; /* so many children that the data path refuses … */
	bool refuse_unusable;     /* … for what they are */
	unsigned refused;         /* so far */
	bool lax;                 /* its rows are damaged on purpose */
	void (*on_event)(struct w_node *n, const struct ike_event *ev);
};

struct w_packet {
	bool used;
	uint64_t at;
	int to;
	struct ike_path path;
	uint8_t *pkt;
	size_t len;
};

struct world {
	uint64_t now, latency;
	struct w_node n[2];
	struct w_packet p[W_PACKETS];
	uint8_t *last_pkt[2]; /* last packet each node sent */
	size_t last_len[2];
	bool last_again[2];
	unsigned sent[2];
	bool nat; /* node 1 is behind one */
	uint16_t nat_shift;
	unsigned same4; /* so many random values of four bytes, an SPI's size, are all the same */
	/* fate of a packet: 0 deliver, 1 drop, 2 deliver twice; *delay may be set */
	int (*fate)(struct world *w, int from, const uint8_t *pkt, size_t len, uint64_t *delay);
	void *fate_arg;
};

static inline uint64_t w_rand(struct w_node *n)
{
	n->rnd ^= n->rnd << 13;
	n->rnd ^= n->rnd >> 7;
	n->rnd ^= n->rnd << 17;
	return n->rnd * 0x2545f4914f6cdd1dULL;
}

static inline void w_random(void *arg, void *buf, size_t len)
{
	struct w_node *n = arg;
	uint8_t *p = buf;

	if (len == 4 && n->w->same4) {
		n->w->same4--;
		memset(p, 0x5a, len);
		return;
	}
	while (len--)
		*p++ = (uint8_t)(w_rand(n) >> 32);
}

static inline int w_psk(void *arg, const char *policy, const struct ike_psk_ask *ask, uint8_t *out,
                        size_t *len)
{
	struct w_node *n = arg;

	(void)policy, (void)ask, (void)out, (void)len;
	return n->psk_error;
}

/* ---- network ---- */

static inline void w_deliver(struct world *w, int to, const struct ike_path *path, const uint8_t *pkt,
                             size_t len, uint64_t at)
{
	for (unsigned i = 0; i < W_PACKETS; i++) {
		struct w_packet *p = &w->p[i];

		if (p->used)
			continue;
		p->used = true;
		p->at = at;
		p->to = to;
		p->path = *path;
		p->pkt = malloc(len ? len : 1);
		memcpy(p->pkt, pkt, len);
		p->len = len;
		return;
	}
	assert(!"too many packets in flight");
}

static inline void w_send(struct w_node *n, const struct ike_send_act *s)
{
	struct world *w = n->w;
	uint64_t delay = w->latency;
	struct ike_path path = {
	        .ctx_id = 1, .local = s->path.remote, .remote = s->path.local, .natt = s->path.natt};
	int fate;

	assert(n->lax || s->dscp == n->policy.dscp); /* chapter 16: every IKE message */
	w->sent[n->id]++;
	free(w->last_pkt[n->id]);
	w->last_pkt[n->id] = malloc(s->len);
	memcpy(w->last_pkt[n->id], s->pkt, s->len);
	w->last_len[n->id] = s->len;
	w->last_again[n->id] = s->retransmission;
	if (w->nat && n->id == 1) {
		net_addr_parse(&path.remote.addr, "203.0.113.9");
		path.remote.port = (uint16_t)(s->path.local.port + 40000 + w->nat_shift);
	}
	if (w->nat && n->id == 0) {
		if (s->path.remote.port != (uint16_t)(s->path.local.port + 40000 + w->nat_shift))
			return; /* the mapping is gone */
		net_addr_parse(&path.local.addr, "10.0.0.2");
		path.local.port = s->path.local.port;
	}
	fate = w->fate ? w->fate(w, n->id, s->pkt, s->len, &delay) : 0;
	if (fate == 1)
		return;
	w_deliver(w, !n->id, &path, s->pkt, s->len, w->now + delay);
	if (fate == 2)
		w_deliver(w, !n->id, &path, s->pkt, s->len, w->now + delay + 10);
}

/* ---- store and data path ---- */

static inline struct w_row *w_row(struct w_node *n, const char *key)
{
	for (unsigned i = 0; i < W_ROWS; i++)
		if (n->row[i].blob && !strcmp(n->row[i].key, key))
			return &n->row[i];
	return NULL;
}

static inline void w_row_del(struct w_node *n, const char *key)
{
	struct w_row *r = w_row(n, key);

	assert(r); /* nobody deletes what isn't there */
	free(r->blob);
	r->blob = NULL;
}

static inline void w_row_put(struct w_node *n, const struct ike_ckpt_act *a)
{
	struct w_row *r = w_row(n, a->key);

	for (unsigned i = 0; !r && i < W_ROWS; i++)
		if (!n->row[i].blob)
			r = &n->row[i];
	assert(r && a->blob && a->len);
	free(r->blob);
	strcpy(r->key, a->key);
	r->blob = malloc(a->len);
	memcpy(r->blob, a->blob, a->len);
	r->len = a->len;
	if (a->len > n->biggest_row)
		n->biggest_row = a->len;
}

static inline unsigned w_rows(const struct w_node *n)
{
	unsigned c = 0;

	for (unsigned i = 0; i < W_ROWS; i++)
		c += n->row[i].blob != NULL;
	return c;
}

static inline struct w_child *w_child(struct w_node *n, uint32_t in)
{
	for (unsigned i = 0; i < W_CHILDREN; i++)
		if (n->child[i].live && n->child[i].in == in)
			return &n->child[i];
	return NULL;
}

static inline unsigned w_children(const struct w_node *n)
{
	unsigned c = 0;

	for (unsigned i = 0; i < W_CHILDREN; i++)
		c += n->child[i].live;
	return c;
}

static inline void w_child_add(struct w_node *n, const struct ike_child_act *a)
{
	struct w_child *c = NULL;

	assert(n->lax || !w_child(n, a->spi_in));
	for (unsigned i = 0; !c && i < W_CHILDREN; i++)
		if (!n->child[i].live)
			c = &n->child[i];
	assert(c);
	memset(c, 0, sizeof(*c));
	c->live = true;
	c->in = a->spi_in;
	c->out = a->spi_out;
	c->resumed = a->resume;
	c->out_wait = a->out_wait;
	c->encap = a->encap_udp;
	c->follow = a->follow;
	c->esn = a->suite.esn;
	c->encr_len = a->encr_len;
	c->integ_len = a->integ_len;
	memcpy(c->key_in, a->encr_in, a->encr_len);
	memcpy(c->key_out, a->encr_out, a->encr_len);
	memcpy(c->integ_in, a->integ_in, a->integ_len);
	memcpy(c->integ_out, a->integ_out, a->integ_len);
	c->tsl = a->ts_local[0];
	c->tsr = a->ts_remote[0];
	c->inner = a->inner;
	c->path = a->path;
	assert(n->lax || (a->spi_in >> 24 == n->cfg.instance && a->ike_spi >> 56 == n->cfg.instance));
	n->adds++;
}

static inline void w_action(struct w_node *n, const struct ike_action *a)
{
	struct w_child *c;

	switch (a->kind) {
	case IKE_ACT_CKPT_PUT:
	case IKE_ACT_CKPT_DELETE:
		break; /* done before */
	case IKE_ACT_CHILD_ADD:
		w_child_add(n, &a->child);
		break;
	case IKE_ACT_CHILD_DEL:
		c = w_child(n, a->child_del.spi_in);
		assert(c);
		c->live = false;
		n->dels++;
		break;
	case IKE_ACT_CHILD_PATH:
		c = w_child(n, a->child.spi_in);
		assert(c);
		c->path = a->child.path;
		c->encap = a->child.encap_udp;
		c->follow = a->child.follow;
		n->paths++;
		break;
	case IKE_ACT_SEND:
		w_send(n, &a->send);
		break;
	case IKE_ACT_NEED_SESSION:
		n->sessions_asked++;
		n->session_ref = a->session.ref;
		n->session = a->session;
		snprintf(n->apn, sizeof(n->apn), "%s", a->session.apn ? a->session.apn : "");
		if (n->answer_sessions)
			ike_engine_address_assigned(n->e, n->w->now, a->session.ref, &n->result);
		break;
	case IKE_ACT_NEED_CERT:
		n->certs_asked++;
		n->cert = a->cert;
		snprintf(n->cert_url, sizeof(n->cert_url), "%s", a->cert.url);
		if (n->answer_certs)
			ike_engine_cert_fetched(n->e, n->w->now, a->cert.ref, n->web.p, n->web.len);
		break;
	case IKE_ACT_NEED_EAP:
		n->eap_asked++;
		if (n->eap)
			n->eap(n, &a->eap);
		break;
	case IKE_ACT_SESSION_END:
		n->sessions_ended++;
		break;
	case IKE_ACT_EVENT:
		n->events[a->event.kind]++;
		n->last[a->event.kind] = a->event;
		if (n->on_event)
			n->on_event(n, &a->event);
		break;
	}
}

static inline void w_perform(struct w_node *n, const struct ike_txn *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		if (t->actions[i].kind == IKE_ACT_CKPT_PUT)
			w_row_put(n, &t->actions[i].ckpt);
		else if (t->actions[i].kind == IKE_ACT_CKPT_DELETE)
			w_row_del(n, t->actions[i].ckpt.key);
	}
	for (unsigned i = 0; i < t->n; i++)
		w_action(n, &t->actions[i]);
}

/* Stored, and its child not taken. False: there is none in it. */
static inline bool w_refuse(struct w_node *n, const struct ike_txn *t)
{
	bool child = false;

	for (unsigned i = 0; i < t->n; i++)
		child |= t->actions[i].kind == IKE_ACT_CHILD_ADD;
	if (!n->refuse_children || !child)
		return false;
	n->refuse_children--;
	n->refused++;
	for (unsigned i = 0; i < t->n; i++) {
		if (t->actions[i].kind == IKE_ACT_CKPT_PUT)
			w_row_put(n, &t->actions[i].ckpt);
		else if (t->actions[i].kind == IKE_ACT_CHILD_ADD)
			w_child_add(n, &t->actions[i].child);
	}
	assert(!ike_engine_data_refused(n->e, n->w->now, t->id, n->refuse_unusable));
	return true;
}

static inline void w_txn(void *arg, const struct ike_txn *t)
{
	struct w_node *n = arg;

	n->txns++;
	if (!t->durable) {
		for (unsigned i = 0; i < t->n; i++)
			assert(t->actions[i].kind != IKE_ACT_CKPT_PUT &&
			       t->actions[i].kind != IKE_ACT_CKPT_DELETE);
		w_perform(n, t);
		return;
	}
	n->durable++;
	if (w_refuse(n, t))
		return;
	if (n->commit == W_NOW) {
		uint64_t id = t->id;

		w_perform(n, t);
		ike_engine_committed(n->e, n->w->now, id);
		return;
	}
	assert(n->n_queue < 64);
	n->txn_queue[n->n_queue] = t->id;
	n->txn_ptr[n->n_queue] = t;
	n->txn_due[n->n_queue++] = n->commit == W_MANUAL ? UINT64_MAX : n->w->now + n->commit_delay;
}

/* Settle the oldest transaction in flight. */
static inline void w_settle(struct w_node *n, bool good)
{
	uint64_t id = n->txn_queue[0];
	const struct ike_txn *t = n->txn_ptr[0];

	assert(n->n_queue);
	n->n_queue--;
	memmove(n->txn_queue, n->txn_queue + 1, n->n_queue * sizeof(n->txn_queue[0]));
	memmove(n->txn_ptr, n->txn_ptr + 1, n->n_queue * sizeof(n->txn_ptr[0]));
	memmove(n->txn_due, n->txn_due + 1, n->n_queue * sizeof(n->txn_due[0]));
	if (good) {
		w_perform(n, t);
		ike_engine_committed(n->e, n->w->now, id);
	} else {
		ike_engine_aborted(n->e, n->w->now, id);
	}
}

/* The disk is lost too. */
static inline void w_forget(struct w_node *n)
{
	for (unsigned i = 0; i < W_ROWS; i++) {
		free(n->row[i].blob);
		n->row[i].blob = NULL;
	}
}

/* ---- time ---- */

static inline struct w_packet *w_next_packet(struct world *w)
{
	struct w_packet *best = NULL;

	for (unsigned i = 0; i < W_PACKETS; i++)
		if (w->p[i].used && (!best || w->p[i].at < best->at))
			best = &w->p[i];
	return best;
}

static inline bool w_step(struct world *w, uint64_t until)
{
	struct w_packet *p = w_next_packet(w);
	uint64_t at = p ? p->at : UINT64_MAX;
	int what = p ? 0 : -1, who = 0;

	for (int i = 0; i < 2; i++) {
		uint64_t next = w->n[i].e ? ike_engine_next_us(w->n[i].e) : UINT64_MAX;

		if (next < at) {
			at = next;
			what = 1;
			who = i;
		}
		if (w->n[i].n_queue && w->n[i].txn_due[0] < at) {
			at = w->n[i].txn_due[0];
			what = 2;
			who = i;
		}
	}
	if (what < 0 || at > until)
		return false;
	if (at > w->now)
		w->now = at;
	if (what == 1) {
		w->now = w->now < until ? w->now + 1 : w->now;
		ike_engine_tick(w->n[who].e, w->now);
	} else if (what == 2) {
		w_settle(&w->n[who], w->n[who].commit != W_REFUSE);
	} else {
		struct w_packet got = *p;

		p->used = false;
		if (w->n[got.to].e)
			ike_engine_input(w->n[got.to].e, w->now, &got.path, got.pkt, got.len);
		free(got.pkt);
	}
	return true;
}

static inline void w_run(struct world *w, uint64_t us)
{
	uint64_t until = w->now + us;
	unsigned steps = 0;

	while (w_step(w, until))
		assert(++steps < 2000000);
	w->now = until;
	for (int i = 0; i < 2; i++)
		if (w->n[i].e)
			ike_engine_tick(w->n[i].e, w->now);
}

/* ---- nodes ---- */

static inline void w_start(struct w_node *n)
{
	struct ike_callbacks cb = {.txn = w_txn, .random = w_random, .psk = n->psk_error ? w_psk : NULL};

	n->e = ike_engine_new(&n->cfg, &cb, n, n->w->now);
	assert(n->e);
	assert(!ike_engine_policy_put(n->e, &n->policy));
}

/* The process dies: everything but the rows is gone. */
static inline void w_kill(struct w_node *n)
{
	ike_engine_free(n->e);
	n->e = NULL;
	n->n_queue = 0;
	memset(n->child, 0, sizeof(n->child));
}

static inline void w_restore(struct w_node *n)
{
	const char *why = NULL;

	w_start(n);
	for (unsigned i = 0; i < W_ROWS; i++)
		if (n->row[i].blob &&
		    ike_engine_restore(n->e, n->w->now, n->row[i].key, n->row[i].blob, n->row[i].len, &why)) {
			fprintf(stderr, "restore of %s: %s\n", n->row[i].key, why);
			abort();
		}
}

static inline struct ike_policy w_policy(int id)
{
	struct ike_policy p = {.name = "tmpl",
	                       .ctx_id = 1,
	                       .payload[0].name = "payload",
	                       .psk = "secret",
	                       .psk_len = 6,
	                       .n_ike = 1,
	                       .payload[0].n_esp = 1,
	                       .ike_lifetime_s = 86400,
	                       .payload[0].lifetime_s = 86400,
	                       .payload[0].rekey_idle = true,
	                       .retrans_ms = 500,
	                       .dscp = id ? 0 : 0x23,
	                       .max_retrans = 5,
	                       .allow_empty = false};

	p.ike[0] =
	        (struct ike_suite){IKE_ENCR_AES_CBC, 256, IKE_PRF_HMAC_SHA2_256, IKE_INTEG_HMAC_SHA2_256_128,
	                           IKE_GROUP_X25519, 0};
	p.payload[0].esp[0] = (struct ike_suite){IKE_ENCR_AES_CBC, 128, 0, IKE_INTEG_HMAC_SHA1_96, 0, 0};
	ike_id_parse(&p.local_id, id ? "peer@example.net" : "gw.example.net");
	if (!id)
		net_addr_parse(&p.local, "10.0.0.1");
	return p;
}

static inline struct world *w_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	w->now = W_START;
	w->latency = 1000;
	for (int i = 0; i < 2; i++) {
		w->n[i].w = w;
		w->n[i].id = i;
		w->n[i].rnd = 88172645463325252ULL + 7777777 * (uint64_t)i;
		w->n[i].cfg.instance = (uint8_t)(i ? 200 : 7);
		w->n[i].cfg.counters = &w->n[i].cnt;
		w->n[i].policy = w_policy(i);
		w->n[i].commit_delay = 2000;
		w->n[i].answer_sessions = true;
	}
	return w;
}

static inline void w_boot(struct world *w)
{
	w_start(&w->n[0]);
	w_start(&w->n[1]);
}

static inline void w_free(struct world *w)
{
	for (int i = 0; i < 2; i++) {
		ike_engine_free(w->n[i].e);
		free(w->last_pkt[i]);
		for (unsigned k = 0; k < W_ROWS; k++)
			free(w->n[i].row[k].blob);
	}
	for (unsigned i = 0; i < W_PACKETS; i++)
		if (w->p[i].used)
			free(w->p[i].pkt);
	free(w);
}

static inline struct ike_path w_path(uint16_t port)
{
	struct ike_path p = {.ctx_id = 1, .natt = port != 500};

	net_addr_parse(&p.local.addr, "10.0.0.2");
	net_addr_parse(&p.remote.addr, "10.0.0.1");
	p.local.port = p.remote.port = port;
	return p;
}

static inline uint64_t w_initiate(struct world *w)
{
	struct ike_initiate i = {.policy = "tmpl", .path = w_path(500)};
	uint64_t spi = 0;
	int err = ike_engine_initiate(w->n[1].e, w->now, &i, &spi);

	assert(!err);
	return spi;
}

static inline int w_first(void *arg, const struct ike_sa_view *v)
{
	if (v->state != IKE_ST_ESTABLISHED)
		return 0;
	*(struct ike_sa_view *)arg = *v;
	return 1;
}

/* The (first) established SA of a node; false: none. */
static inline bool w_sa(struct w_node *n, struct ike_sa_view *v)
{
	memset(v, 0, sizeof(*v));
	return n->e && ike_engine_foreach_sa(n->e, w_first, v) == 1;
}

static inline unsigned w_established(struct w_node *n)
{
	struct ike_engine_stats s;

	ike_engine_stats_get(n->e, &s);
	return (unsigned)s.established;
}

/* The SPI of the (first) live child of a node, 0: none. */
static inline uint32_t w_first_child(const struct w_node *n)
{
	for (unsigned i = 0; i < W_CHILDREN; i++)
		if (n->child[i].live)
			return n->child[i].in;
	return 0;
}

/* Every live child of one node has its mirror image at the other one: SPIs and keys crossed. Returns how
 * many. */
static inline unsigned w_matched(struct world *w)
{
	unsigned n = 0;

	for (unsigned i = 0; i < W_CHILDREN; i++) {
		struct w_child *a = &w->n[0].child[i], *b;

		if (!a->live)
			continue;
		b = w_child(&w->n[1], a->out);
		if (!b || b->out != a->in || memcmp(a->key_in, b->key_out, a->encr_len) ||
		    memcmp(a->key_out, b->key_in, a->encr_len) ||
		    memcmp(a->integ_in, b->integ_out, a->integ_len) ||
		    memcmp(a->integ_out, b->integ_in, a->integ_len))
			return 0;
		n++;
	}
	return n;
}

/* Both nodes run, and one tunnel is up. */
static inline void w_up(struct world *w)
{
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	assert(w_matched(w) == 1);
}

#endif
