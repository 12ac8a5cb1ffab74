/* SPDX-License-Identifier: MIT */
/*
 * Two gateways with what ipsecmgr adds to the engine for the security gateway as initiator (chapter 27;
 * ipsecmgr_callee*.c, compiled into the test), for the tests test_ipsecmgr_callee*.c. Node 0 is the gateway
 * at 10.0.0.1, node 1 the peer at 10.0.0.2. Include once.
 */
#ifndef ORRERY_TESTS_CALLEE_WORLD_H
#define ORRERY_TESTS_CALLEE_WORLD_H

#include <criterion/criterion.h>

#include "ike_world.h"
#include "cli/engine/cli.h"
#include "tasks/ipsecmgr/ipsecmgr_map.c"
#include "tasks/ipsecmgr/ipsecmgr_callee.c"
#include "tasks/ipsecmgr/ipsecmgr_callee_row.c"
#include "tasks/ipsecmgr/ipsecmgr_callee_tell.c"

struct ipsecmgr ipsecmgr; /* who hears messages */

static struct world *w;
static struct gateway {
	struct task t;
	struct ipsecmgr m;
	struct ipsecmgr_policy pol;
	uint64_t timer_due; /* 0: off */
	task_timer_cb timer;
} gw[2];
static uint32_t responder_s, initiator_s;
static uint64_t bind_id;
static const char *list_name;
static unsigned sessions;

/* --- the world around it --- */

uint64_t ipsecmgr_engine_now(struct ipsecmgr *m)
{
	(void)m;
	return w->now;
}
void ipsecmgr_engine_rearm(struct ipsecmgr *m)
{
	(void)m;
}
bool ipsecmgr_engine_may_log(struct ipsecmgr *m)
{
	(void)m;
	return false;
}
uint32_t ipsecmgr_serve_sessions(struct task *t)
{
	(void)t;
	return sessions;
}
const struct ipsecmgr_policy *ipsecmgr_cfg_find(const struct ipsecmgr *m, const char *name)
{
	return m->policies && !strcmp(name, m->policies->pol.name) ? m->policies : NULL;
}
const struct cfg_tree *config_tree(struct task *t)
{
	(void)t;
	return NULL;
}
struct task_timer *task_timer_start(struct task *t, uint64_t ms, uint64_t repeat_ms, task_timer_cb cb,
                                    void *arg)
{
	struct gateway *g = t == &gw[0].t ? &gw[0] : &gw[1];

	(void)arg;
	cr_assert_eq(repeat_ms, 0);
	g->timer_due = w->now + ms * 1000;
	g->timer = cb;
	return (struct task_timer *)g;
}
void task_timer_stop(struct task_timer *tm)
{
	((struct gateway *)tm)->timer_due = 0;
}

/* --- what managers say to each other --- */

static PeerCalls *told;
static unsigned n_told;

int task_publish(struct task *t, const char *topic, Envelope *env)
{
	size_t len = peer_calls__get_packed_size(env->peer_calls);
	uint8_t *buf = malloc(len ? len : 1);

	(void)t;
	cr_assert_str_eq(topic, "peers");
	peer_calls__pack(env->peer_calls, buf);
	if (told)
		peer_calls__free_unpacked(told, NULL);
	told = peer_calls__unpack(NULL, len, buf);
	n_told++;
	free(buf);
	return 0;
}

static inline void hear(unsigned instance, PeerCalls__What what, const char *address, bool ask)
{
	Envelope env = ENVELOPE__INIT;
	PeerCalls pc = PEER_CALLS__INIT;
	struct bus_msg msg = {.env = &env};
	ProtobufCBinaryData peer;
	struct net_addr a;

	net_addr_parse(&a, address ? address : "0.0.0.0");
	peer = (ProtobufCBinaryData){net_addr_len(&a), a.bytes};
	pc.instance = instance;
	pc.service = gw[0].pol.pol.name;
	pc.what = what;
	pc.ask = ask;
	pc.peers = &peer;
	pc.n_peers = address != NULL;
	env.peer_calls = &pc;
	ipsecmgr = gw[0].m;
	ipsecmgr_callee_heard(&gw[0].t, &msg);
	gw[0].m = ipsecmgr;
}

/* --- a disk --- */

static struct row {
	char key[400], text[160];
} disk[64];
static size_t n_disk;

int ckpt_write(struct ckpt *c, const struct ckpt_row *rows, size_t n, ckpt_cb cb, void *arg)
{
	size_t i;

	(void)c, (void)cb, (void)arg;
	cr_assert_eq(n, 1);
	cr_assert_str_eq(rows->kind, "peer");
	for (i = 0; i < n_disk && strcmp(disk[i].key, rows->key) != 0; i++)
		;
	cr_assert_lt(i, 64);
	if (!rows->blob) {
		if (i < n_disk)
			disk[i] = disk[--n_disk];
		return 0;
	}
	snprintf(disk[i].key, sizeof(disk[i].key), "%s", rows->key);
	snprintf(disk[i].text, sizeof(disk[i].text), "%.*s", (int)rows->len, (const char *)rows->blob);
	n_disk += i == n_disk;
	return 0;
}
struct store_reader *store_open_reader(const char *dir, enum store_file which)
{
	(void)dir, (void)which;
	return (struct store_reader *)disk;
}
void store_close_reader(struct store_reader *r)
{
	(void)r;
}
static inline int give(const struct row *r, store_ckpt_fn cb, void *arg)
{
	struct store_ckpt c = {.key = r->key, .blob = (const uint8_t *)r->text, .len = strlen(r->text)};

	return cb(&c, arg);
}
int store_ckpt_get(struct store_reader *r, const char *kind, const char *key, store_ckpt_fn cb, void *arg)
{
	(void)r, (void)kind;
	for (size_t i = 0; i < n_disk; i++)
		if (!strcmp(disk[i].key, key))
			return give(&disk[i], cb, arg);
	return -ENODATA;
}
int store_ckpt_list(struct store_reader *r, const char *kind, const char *owner, store_ckpt_fn cb, void *arg)
{
	static struct row copy[64];
	size_t n = n_disk;

	(void)r, (void)kind, (void)owner;
	memcpy(copy, disk, sizeof(copy));
	for (size_t i = 0; i < n; i++)
		give(&copy[i], cb, arg);
	return 0;
}

/* --- gateways --- */

static inline void on_event(struct w_node *n, const struct ike_event *ev)
{
	ipsecmgr_callee_event(&gw[n->id].m, ev);
}

/* What the configuration says now. */
static inline void configure(struct gateway *g, const char *const *addresses, size_t n)
{
	struct ipsecmgr_callee_conf *c = calloc(1, sizeof(*c) + n * sizeof(c->addr[0]));

	free(g->pol.callees);
	c->bind = bind_id;
	c->responder_s = responder_s;
	c->initiator_s = initiator_s;
	snprintf(c->list, sizeof(c->list), "%s", list_name);
	for (size_t i = 0; i < n; i++)
		net_addr_parse(&c->addr[i], addresses[i]);
	c->n = n;
	g->pol.callees = c;
	g->m.policies = &g->pol;
}

static inline void gateway_start(int id)
{
	static const char *const peer[2] = {"10.0.0.2", "10.0.0.1"};
	struct gateway *g = &gw[id];

	g->m.t = &g->t;
	g->t.instance = w->n[id].cfg.instance;
	g->m.e = w->n[id].e;
	g->m.ckpt = (struct ckpt *)disk;
	g->m.data.bound = g->m.ipsecmgrs_told = true;
	for (unsigned i = 1; i < 79; i++) /* alone, whatever its number */
		if (i != g->t.instance)
			steer_close(&g->m.closed, i);
	snprintf(g->pol.pol.name, sizeof(g->pol.pol.name), "%s", w->n[id].policy.name);
	snprintf(g->pol.context, sizeof(g->pol.context), "wsg");
	snprintf(g->pol.service, sizeof(g->pol.service), "s%d", id);
	g->pol.ctx = 1;
	g->pol.site_to_site = true;
	net_addr_parse(&g->pol.pol.local, id ? "10.0.0.2" : "10.0.0.1");
	w->n[id].on_event = on_event;
	configure(g, &peer[id], 1);
	ipsecmgr_callee_apply(&g->m);
}

/* The process dies; memory of peers is gone with it. */
static inline void gateway_kill(int id)
{
	w_kill(&w->n[id]);
	ipsecmgr_callee_stop(&gw[id].m);
	free(gw[id].pol.callees);
	memset(&gw[id], 0, sizeof(gw[id]));
}

static inline void gateway_restore(int id)
{
	w->n[id].on_event = NULL; /* as ipsecmgr does while it restores */
	w_restore(&w->n[id]);
	gateway_start(id);
}

/* Event by event: each may change when the next is due. */
static inline void run(uint64_t us)
{
	uint64_t until = w->now + us, next;

	while (w->now < until) {
		next = until;
		for (int i = 0; i < 2; i++)
			if (gw[i].timer_due && gw[i].timer_due < next)
				next = gw[i].timer_due;
		if (next > w->now && w_step(w, next))
			continue;
		w->now = next > w->now ? next : w->now;
		for (int i = 0; i < 2; i++)
			if (gw[i].timer_due && gw[i].timer_due <= w->now)
				gw[i].timer(&gw[i].t, &gw[i].m);
	}
}

static inline void callee_setup(void)
{
	w = w_new();
	memset(gw, 0, sizeof(gw));
	responder_s = initiator_s = 10;
	bind_id = 77;
	list_name = "sites";
	sessions = n_told = 0;
	n_disk = 0;
	for (int i = 0; i < 2; i++) {
		w->n[i].policy.ask_session = true;
		w->n[i].result.callid = 100 + (uint32_t)i;
		w->n[i].policy.dpd_interval_s = 20;
	}
	net_addr_parse(&w->n[1].policy.local, "10.0.0.2");
	w->n[1].cfg.instance = 9;
	w_boot(w);
	gateway_start(0);
}

static inline void callee_teardown(void)
{
	for (int i = 0; i < 2; i++) {
		ipsecmgr_callee_stop(&gw[i].m);
		free(gw[i].pol.callees);
	}
	if (told)
		peer_calls__free_unpacked(told, NULL);
	told = NULL;
	w_free(w);
}

static inline struct callee *peer(void)
{
	return &gw[0].m.callees->peer[0];
}
static inline int mode(void)
{
	return peer()->p.fsm.state;
}

/* The peer calls. */
static inline void peer_calls(void)
{
	w_initiate(w);
}

/* One call, at both ends the same, with its session. own: who began it; -1: either. */
static inline void expect_one(int own, const char *when)
{
	struct ike_sa_view v;

	cr_expect_eq(mode(), INITIATOR_CONNECTED, "%s", when);
	cr_expect_eq(w_established(&w->n[0]), 1, "%s: %u at the gateway", when, w_established(&w->n[0]));
	cr_expect_eq(w_established(&w->n[1]), 1, "%s: %u at the peer", when, w_established(&w->n[1]));
	cr_expect_eq(w_matched(w), 1, "%s", when);
	cr_assert(w_sa(&w->n[0], &v), "%s", when);
	cr_expect_eq(v.callid, 100, "%s", when);
	cr_expect_eq(peer()->p.n_own + peer()->p.n_theirs, 1, "%s", when);
	if (own >= 0)
		cr_expect_eq(v.initiator, own, "%s", when);
}

static inline int dead(struct world *x, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)x, (void)from, (void)pkt, (void)len, (void)delay;
	return 1;
}

/* Bring the gateway to the moment of its call, less us. */
static inline void to_the_call(uint64_t us)
{
	uint64_t begins = peer()->p.since_us + 10 * W_US +
	                  net_addr_hash(&peer()->p.addr, peer()->p.since_us) % INITIATOR_SPREAD_US;

	run(begins - us - w->now);
}

#endif
