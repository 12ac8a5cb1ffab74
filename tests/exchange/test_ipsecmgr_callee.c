/* SPDX-License-Identifier: MIT */
/*
 * Security gateway as initiator in ipsecmgr (chapter 27; ipsecmgr_callee*.c, compiled into the test) between
 * real engines: a peer that is called, one that calls, both at once in every order with each message lost and
 * either end cut off, two gateways that call each other; and owners, settings and rows. Node 0 is the gateway
 * at 10.0.0.1, node 1 the peer at 10.0.0.2.
 */
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

static void hear(unsigned instance, PeerCalls__What what, const char *address, bool ask)
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
static int give(const struct row *r, store_ckpt_fn cb, void *arg)
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

static void on_event(struct w_node *n, const struct ike_event *ev)
{
	ipsecmgr_callee_event(&gw[n->id].m, ev);
}

/* What the configuration says now. */
static void configure(struct gateway *g, const char *const *addresses, size_t n)
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

static void gateway_start(int id)
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
static void gateway_kill(int id)
{
	w_kill(&w->n[id]);
	ipsecmgr_callee_stop(&gw[id].m);
	free(gw[id].pol.callees);
	memset(&gw[id], 0, sizeof(gw[id]));
}

static void gateway_restore(int id)
{
	w->n[id].on_event = NULL; /* as ipsecmgr does while it restores */
	w_restore(&w->n[id]);
	gateway_start(id);
}

/* Event by event: each may change when the next is due. */
static void run(uint64_t us)
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

static void setup(void)
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

static void teardown(void)
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

TestSuite(ipsecmgr_callee, .init = setup, .fini = teardown, .timeout = 240);

static struct callee *peer(void)
{
	return &gw[0].m.callees->peer[0];
}
static int mode(void)
{
	return peer()->p.fsm.state;
}

/* The peer calls. */
static void peer_calls(void)
{
	w_initiate(w);
}

/* One call, at both ends the same, with its session. own: who began it; -1: either. */
static void expect_one(int own, const char *when)
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

/* --- the sequence --- */

Test(ipsecmgr_callee, a_peer_that_does_not_call_is_called)
{
	cr_assert_eq(mode(), INITIATOR_RESPONDER);
	run(9900000);
	cr_assert_eq(w->sent[0], 0);
	run(1200000);
	expect_one(1, "called");
	cr_expect_eq(w->n[0].sessions_asked, 1);
	run(1000 * W_US);
	expect_one(1, "and no more");
	cr_expect_eq(w->n[0].events[IKE_EV_UP], 1);
}

Test(ipsecmgr_callee, a_peer_that_calls_is_not_called)
{
	run(9 * W_US);
	peer_calls();
	run(1000 * W_US);
	expect_one(0, "it called");
	cr_expect_eq(w->n[0].events[IKE_EV_UP] + w->n[0].events[IKE_EV_SETUP_FAILED], 1);
}

static int dead(struct world *x, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)x, (void)from, (void)pkt, (void)len, (void)delay;
	return 1;
}

Test(ipsecmgr_callee, a_dead_peer_is_called_in_every_second_turn)
{
	w->fate = dead;
	for (unsigned round = 1; round <= 5; round++) {
		run(10 * W_US + 5000);
		cr_assert_eq(mode(), INITIATOR_CALLING);
		run(10 * W_US);
		cr_assert_eq(mode(), INITIATOR_RESPONDER);
		cr_assert_eq(w->n[0].events[IKE_EV_SETUP_FAILED], round);
		cr_assert_eq(w->n[0].last[IKE_EV_SETUP_FAILED].reason, IKE_R_SETUP_TIMEOUT);
	}
	cr_expect_eq(w->sent[0], 25, "each time five messages: at once, after 0.5, 1.5, 3.5 and 7.5 seconds");
	cr_expect_eq(n_disk, 1, "what follows from the clock is not stored");
	w->fate = NULL;
	run(12 * W_US);
	expect_one(1, "it lives again");
}

Test(ipsecmgr_callee, a_peer_that_refuses_is_called_again_within_the_turn)
{
	ike_engine_policy_remove(w->n[1].e, "tmpl");
	w->n[1].policy.psk[0] ^= 1;
	cr_assert_eq(ike_engine_policy_put(w->n[1].e, &w->n[1].policy), 0);
	run(20 * W_US - 10000);
	cr_assert(w->n[0].events[IKE_EV_SETUP_FAILED] >= 8, "%u", w->n[0].events[IKE_EV_SETUP_FAILED]);
	cr_assert_eq(w->n[0].last[IKE_EV_SETUP_FAILED].reason, IKE_R_AUTH_FAILED);
}

Test(ipsecmgr_callee, called_again_when_the_call_is_down)
{
	struct ike_sa_view v;

	run(12 * W_US);
	expect_one(1, "first");
	cr_assert(w_sa(&w->n[0], &v));
	ike_engine_delete_ike(w->n[0].e, w->now, v.spi);
	run(W_US);
	cr_assert_eq(mode(), INITIATOR_RESPONDER);
	cr_assert_eq(w->n[0].sessions_ended, 1);
	run(10 * W_US + 100000);
	expect_one(1, "deleted by an operator");
	cr_assert(w_sa(&w->n[1], &v));
	ike_engine_delete_ike(w->n[1].e, w->now, v.spi);
	run(12 * W_US);
	expect_one(1, "deleted by the peer");
	w->fate = dead;
	run(80 * W_US);
	cr_assert_eq(w->n[0].last[IKE_EV_DOWN].reason, IKE_R_DPD_TIMEOUT);
	cr_assert_neq(mode(), INITIATOR_CONNECTED);
	w->fate = NULL;
	run(22 * W_US);
	expect_one(1, "dead for a while");
}

Test(ipsecmgr_callee, a_rekey_is_no_end)
{
	struct ike_sa_view v;

	run(12 * W_US);
	for (int i = 0; i < 2; i++) {
		cr_assert(w_sa(&w->n[i], &v));
		ike_engine_rekey_ike(w->n[i].e, w->now, v.spi);
		run(W_US);
		cr_assert_eq(mode(), INITIATOR_CONNECTED);
		cr_assert_eq(peer()->p.n_own, 1);
	}
	cr_assert(w_sa(&w->n[0], &v));
	ike_engine_delete_ike(w->n[0].e, w->now, v.spi);
	run(W_US);
	cr_assert_eq(mode(), INITIATOR_RESPONDER);
	cr_assert_eq(gw[0].m.peer_calls.n, 0);
}

Test(ipsecmgr_callee, no_session_no_call)
{
	w->n[0].result.status = -ENOSPC;
	run(15 * W_US);
	cr_assert_eq(mode(), INITIATOR_CALLING);
	cr_assert_geq(w->n[0].sessions_asked, 3);
	cr_assert_eq(w_established(&w->n[1]), 0);
	w->n[0].result.status = 0;
	run(2 * W_US);
	expect_one(1, "a session is free");
}

Test(ipsecmgr_callee, what_would_be_refused_does_not_begin)
{
	gw[0].m.congestion = IKE_CONGESTION_DROP;
	run(14 * W_US);
	cr_assert_eq(mode(), INITIATOR_CALLING);
	gw[0].m.congestion = IKE_CONGESTION_NONE;
	sessions = IPSECMGR_MAX_SA;
	run(2 * W_US);
	sessions = 0;
	gw[0].m.data.bound = false;
	run(2 * W_US);
	cr_assert_eq(w->sent[0], 0);
	gw[0].m.data.bound = true;
	run(1200000);
	expect_one(1, "in the same turn");
}

/* --- both at once --- */

static unsigned lose, counted;

static int lose_one(struct world *x, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)x, (void)from, (void)pkt, (void)len, (void)delay;
	return ++counted == lose;
}

/* Bring the gateway to the moment of its call, less us. */
static void to_the_call(uint64_t us)
{
	uint64_t begins = peer()->p.since_us + 10 * W_US +
	                  net_addr_hash(&peer()->p.addr, peer()->p.since_us) % INITIATOR_SPREAD_US;

	run(begins - us - w->now);
}

static void collide(int64_t us, enum w_commit commit)
{
	w->n[0].commit = w->n[1].commit = commit;
	w->n[0].commit_delay = w->n[1].commit_delay = 700;
	to_the_call(us < 0 ? (uint64_t)-us : 0);
	if (us >= 0)
		run((uint64_t)us);
	counted = 0;
	w->fate = lose_one;
	peer_calls();
}

Test(ipsecmgr_callee, collisions_in_every_order)
{
	char when[128];

	for (int commit = W_NOW; commit <= W_LATER; commit++)
		for (int64_t us = -8000; us <= 8000; us += 500) {
			teardown();
			setup();
			lose = 0;
			collide(us, (enum w_commit)commit);
			snprintf(when, sizeof(when), "the peer begins after %lld us, commit %d",
			         (long long)us, commit);
			run(W_US);
			expect_one(0, when);
			run(200 * W_US);
			expect_one(0, when);
		}
}

Test(ipsecmgr_callee, collisions_with_losses)
{
	char when[128];

	for (int64_t us = -4000; us <= 4000; us += 1000)
		for (unsigned n = 1; n <= 14; n++) {
			teardown();
			setup();
			lose = n;
			collide(us, W_LATER);
			snprintf(when, sizeof(when), "the peer begins after %lld us, message %u is lost",
			         (long long)us, n);
			run(400 * W_US); /* dead peer detection ends what one end has alone */
			expect_one(-1, when);
		}
}

Test(ipsecmgr_callee, collisions_and_cuts)
{
	char when[128];

	for (int64_t us = -3000; us <= 3000; us += 1500)
		for (uint64_t at = 0; at <= 9000; at += 750)
			for (int who = 0; who < 2; who++) {
				teardown();
				setup();
				lose = 0;
				collide(us, W_LATER);
				run(at);
				if (who) {
					w_kill(&w->n[1]);
					run(300000);
					w_restore(&w->n[1]);
				} else {
					gateway_kill(0);
					run(300000);
					gateway_restore(0);
				}
				snprintf(when, sizeof(when),
				         "the peer begins after %lld us, node %d is cut off after %llu",
				         (long long)us, who, (unsigned long long)at);
				run(400 * W_US);
				expect_one(-1, when);
				cr_expect_leq(n_disk, 2);
			}
}

Test(ipsecmgr_callee, two_gateways_that_call_each_other)
{
	unsigned rounds = 0;

	gateway_start(1);
	run(W_US);
	for (unsigned i = 0; i < 20; i++) {
		struct ike_sa_view v;

		for (unsigned k = 0; k < 60 && mode() != INITIATOR_CONNECTED; k++)
			run(W_US);
		rounds++;
		run(5 * W_US);
		expect_one(-1, "both call");
		cr_assert_eq(gw[1].m.callees->peer[0].p.fsm.state, INITIATOR_CONNECTED);
		cr_assert(w_sa(&w->n[0], &v));
		ike_engine_delete_ike(w->n[0].e, w->now, v.spi);
		run(W_US);
	}
	cr_assert_eq(rounds, 20);
}

/* --- losses --- */

Test(ipsecmgr_callee, modes_and_calls_survive)
{
	uint64_t ends;
	int was;

	w->fate = dead;
	for (unsigned i = 0; i < 60; i++) {
		run(1700000);
		was = mode();
		ends = initiator_mode_ends(&peer()->p);
		gateway_kill(0);
		gateway_restore(0);
		cr_assert_eq(mode(), was, "after %u", i);
		cr_assert_eq(initiator_mode_ends(&peer()->p), ends, "after %u", i);
	}
	w->fate = NULL;
	run(25 * W_US);
	expect_one(1, "called");
	gateway_kill(0);
	gateway_restore(0);
	expect_one(1, "restored");
	run(100 * W_US);
	expect_one(1, "not called again");
}

Test(ipsecmgr_callee, the_turn_after_a_call_survives)
{
	struct ike_sa_view v;
	uint64_t ends;

	run(12 * W_US);
	cr_assert(w_sa(&w->n[0], &v));
	run(3333333);
	ike_engine_delete_ike(w->n[0].e, w->now, v.spi);
	run(4 * W_US);
	ends = initiator_mode_ends(&peer()->p);
	cr_assert_eq(n_disk, 2);
	gateway_kill(0);
	gateway_restore(0);
	cr_assert_eq(mode(), INITIATOR_RESPONDER);
	cr_assert_eq(initiator_mode_ends(&peer()->p), ends);
}

Test(ipsecmgr_callee, rows_that_can_not_be_read)
{
	static const char *const bad[] = {"",
	                                  "x",
	                                  "77 1 4 10 sites",
	                                  "77 1 10 251 sites",
	                                  "77",
	                                  "-1 -1 -1 -1 -1",
	                                  "77 99999999999999999999999999999 10 10 sites"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		run(3 * W_US);
		snprintf(disk[0].text, sizeof(disk[0].text), "%s", bad[i]);
		snprintf(disk[n_disk].key, sizeof(disk[0].key), "p 7 %s",
		         i % 2 ? "tmpl 10.9.9.9" : "tmpl 10.0.0.2");
		snprintf(disk[n_disk++].text, sizeof(disk[0].text), "%s", bad[i]);
		gateway_kill(0);
		gateway_restore(0);
		cr_assert_eq(mode(), INITIATOR_RESPONDER);
		cr_assert_eq(initiator_mode_ends(&peer()->p), w->now + 10 * W_US, "row %zu: begins anew", i);
		cr_assert_eq(n_disk, 1, "row %zu", i);
	}
}

/* --- settings --- */

static const char *const three[] = {"10.0.0.2", "10.0.0.3", "10.0.0.4"};

Test(ipsecmgr_callee, settings_count_from_the_next_bind_on)
{
	responder_s = 20;
	configure(&gw[0], three, 3);
	ipsecmgr_callee_apply(&gw[0].m);
	cr_assert_eq(gw[0].m.callees->n, 1);
	cr_assert_eq(gw[0].m.callees->set.responder_us, 10 * W_US);
	run(5 * W_US);
	gateway_kill(0);
	w_restore(&w->n[0]);
	gateway_start(0); /* with 20 seconds configured */
	cr_assert_eq(gw[0].m.callees->set.responder_us, 10 * W_US, "also over a loss");
	cr_assert_eq(initiator_mode_ends(&peer()->p), w->now + 5 * W_US);
	bind_id++;
	configure(&gw[0], three, 3);
	ipsecmgr_callee_apply(&gw[0].m);
	cr_assert_eq(gw[0].m.callees->n, 3);
	cr_assert_eq(initiator_mode_ends(&peer()->p), w->now + 20 * W_US);
	cr_assert_eq(n_disk, 1);
}

Test(ipsecmgr_callee, a_service_that_is_not_bound_calls_nobody)
{
	to_the_call(0);
	run(3000);
	cr_assert_eq(mode(), INITIATOR_CALLING);
	gw[0].m.policies = NULL;
	ipsecmgr_callee_apply(&gw[0].m);
	cr_assert_null(gw[0].m.callees);
	cr_assert_eq(n_disk, 0);
	cr_assert_eq(gw[0].timer_due, 0);
	run(60 * W_US);
	cr_assert_eq(w_established(&w->n[1]), 0, "what was under way is given up");
}

Test(ipsecmgr_callee, without_a_list)
{
	list_name = "-";
	bind_id++;
	configure(&gw[0], NULL, 0);
	ipsecmgr_callee_apply(&gw[0].m);
	cr_assert_eq(gw[0].m.callees->n, 0);
	cr_assert_not(ipsecmgr_callee_on(&gw[0].m, &gw[0].pol));
	list_name = "sites"; /* a list is configured while the service is bound */
	configure(&gw[0], three, 1);
	ipsecmgr_callee_apply(&gw[0].m);
	cr_assert_eq(gw[0].m.callees->n, 0);
	run(60 * W_US);
	cr_assert_eq(w->sent[0], 0);
}

Test(ipsecmgr_callee, another_chassis_with_the_same_settings)
{
	run(5 * W_US);
	gateway_kill(0);
	bind_id = 123456; /* its configuration was typed in another order */
	gateway_restore(0);
	cr_assert_eq(initiator_mode_ends(&peer()->p), w->now + 5 * W_US);
	cr_assert_eq(n_disk, 1);
	run(W_US);
	gateway_kill(0);
	responder_s = 30;
	bind_id = 654321;
	gateway_restore(0);
	cr_assert_eq(initiator_mode_ends(&peer()->p), w->now + 30 * W_US, "other settings: it begins anew");
}

/* --- owners --- */

static unsigned owned(const struct ipsecmgr *m)
{
	unsigned n = 0;

	for (size_t i = 0; i < m->callees->n; i++)
		n += ipsecmgr_callee_ours(&m->callees->peer[i]);
	return n;
}

Test(ipsecmgr_callee, each_of_a_thousand_has_one_owner)
{
	static char text[INITIATOR_PEERS_MAX][16];
	static const char *list[INITIATOR_PEERS_MAX];
	unsigned all = 0;

	for (unsigned i = 0; i < INITIATOR_PEERS_MAX; i++) {
		snprintf(text[i], sizeof(text[i]), "10.2.%u.%u", i / 250, i % 250);
		list[i] = text[i];
	}
	bind_id++;
	configure(&gw[0], list, INITIATOR_PEERS_MAX);
	memset(&gw[0].m.closed, 0, sizeof(gw[0].m.closed));
	steer_close(&gw[0].m.closed, 2);
	gw[0].m.data.instances = 8;
	ipsecmgr_callee_apply(&gw[0].m);
	for (unsigned i = 1; i <= 8; i++) {
		gw[0].t.instance = i;
		gw[0].m.callees->managers = 0; /* as if that had changed */
		ipsecmgr_callee_owners(&gw[0].m);
		cr_assert(i == 2 ? !owned(&gw[0].m) : owned(&gw[0].m) > 100, "%u: %u", i, owned(&gw[0].m));
		all += owned(&gw[0].m);
	}
	cr_assert_eq(all, INITIATOR_PEERS_MAX);
}

Test(ipsecmgr_callee, owners_wait_for_the_list_of_managers)
{
	gateway_kill(0);
	w_restore(&w->n[0]);
	gateway_start(0);
	ipsecmgr_callee_stop(&gw[0].m);
	gw[0].m.ipsecmgrs_told = false;
	configure(&gw[0], three, 1);
	ipsecmgr_callee_apply(&gw[0].m);
	run(30 * W_US);
	cr_assert_eq(mode(), INITIATOR_IDLE);
	gw[0].m.ipsecmgrs_told = true;
	ipsecmgr_callee_owners(&gw[0].m);
	cr_assert_neq(mode(), INITIATOR_IDLE);
	cr_assert_eq(told->what, PEER_CALLS__WHAT__ALL);
	cr_assert(told->ask);
}

Test(ipsecmgr_callee, calls_that_are_elsewhere_count)
{
	run(5 * W_US);
	hear(3, PEER_CALLS__WHAT__UP, "10.0.0.2", false);
	cr_assert_eq(mode(), INITIATOR_CONNECTED);
	hear(3, PEER_CALLS__WHAT__UP, "10.0.0.2", false);
	hear(4, PEER_CALLS__WHAT__ALL, "10.0.0.2", false);
	hear(3, PEER_CALLS__WHAT__DOWN, "10.0.0.2", false);
	cr_assert_eq(mode(), INITIATOR_CONNECTED, "one is left");
	run(100 * W_US);
	cr_assert_eq(w->sent[0], 0);
	hear(4, PEER_CALLS__WHAT__ALL, NULL, true);
	cr_assert_eq(mode(), INITIATOR_RESPONDER, "that one has ended while we did not hear of it");
	cr_assert_eq(told->what, PEER_CALLS__WHAT__ALL);
	cr_assert_eq(told->n_peers, 0);
	run(12 * W_US);
	expect_one(1, "called");
	hear(4, PEER_CALLS__WHAT__ALL, NULL, true);
	cr_assert_eq(told->n_peers, 1);
	hear(3, PEER_CALLS__WHAT__UP, "10.0.0.2", false);
	run(W_US);
	cr_assert_eq(w_established(&w->n[0]), 0, "the peer's call counts, wherever it is");
	cr_assert_eq(mode(), INITIATOR_CONNECTED);
	hear(3, PEER_CALLS__WHAT__UP, "10.7.7.7", false);
	hear(7, PEER_CALLS__WHAT__DOWN, "10.0.0.2", false);
	hear(900, PEER_CALLS__WHAT__UP, "10.0.0.2", false);
	cr_assert_eq(peer()->p.n_theirs, 1);
}

Test(ipsecmgr_callee, a_call_that_comes_in_elsewhere)
{
	to_the_call(0);
	run(1500);
	hear(3, PEER_CALLS__WHAT__BEGAN, "10.0.0.2", false);
	cr_assert_eq(mode(), INITIATOR_RESPONDER);
	run(W_US);
	cr_assert_eq(w->n[0].last[IKE_EV_SETUP_FAILED].reason, IKE_R_COLLISION);
	cr_assert_eq(w_established(&w->n[1]), 0);
}

Test(ipsecmgr_callee, what_is_not_ours_is_told)
{
	steer_close(&gw[0].m.closed, 7);
	gw[0].m.closed.bits[0] &= ~(1u << 3);
	ipsecmgr_callee_owners(&gw[0].m);
	cr_assert_eq(mode(), INITIATOR_IDLE);
	n_told = 0;
	peer_calls();
	run(W_US);
	cr_assert_eq(n_told, 2, "it began, and was through");
	cr_assert_eq(told->what, PEER_CALLS__WHAT__UP);
	cr_assert_eq(told->instance, 7);
	run(60 * W_US);
	cr_assert_eq(n_told, 2);
	ike_engine_drop_all(w->n[0].e, w->now, NULL, true);
	run(W_US);
	cr_assert_eq(told->what, PEER_CALLS__WHAT__DOWN);
}

/* --- what is read of the configuration --- */

static void failed(void *arg, unsigned lineno, const char *line, const char *error)
{
	(void)arg;
	cr_log_error("line %u: %s: %s", lineno, line, error);
}

/* The settings of service w with these lines of its own; to be freed. */
static struct ipsecmgr_callee_conf *settings(const char *lines, bool site_to_site)
{
	static const char head[] =
	        "config\ncontext a\ncrypto peer-list ipv4 four\naddress 192.0.2.9\naddress 192.0.2.1\n"
	        "address 198.51.100.0/24\naddress 192.0.2.9/32\naddress 0.0.0.0/0\naddress "
	        "203.0.113.7/32\n#exit\n"
	        "crypto peer-list ipv6 six\naddress 2001:db8::9\naddress 2001:db8:1::/48\n#exit\n"
	        "wsg-service w\ndeployment-mode site-to-site\n";
	struct ipsecmgr_policy p = {.site_to_site = site_to_site};
	char dir[512], err[512], text[2000];
	struct cli_grammar *g =
	        cli_grammar_load(cli_grammar_dir("/proc/self/exe", dir, sizeof(dir)), err, sizeof(err));
	struct cfg_tree *t;
	const struct cfg_node *ctx;

	cr_assert_not_null(g, "%s", err);
	t = cfg_new(g);
	snprintf(text, sizeof(text), "%s%s#exit\n#exit\nend\n", head, lines);
	cr_assert_eq(cli_load_text(t, NULL, text, failed, NULL), 0);
	ctx = cfg_child(t, t->root, "context", "a");
	net_addr_parse(&p.pol.local, "192.0.2.200");
	ipsecmgr_callee_read(t, ctx, cfg_child(t, ctx, "wsg-service", "w"), &p);
	cfg_free(t);
	cli_grammar_free(g);
	return p.callees;
}

static void expect_addresses(struct ipsecmgr_callee_conf *c, const char *list, const char *expected)
{
	char text[400] = "", one[NET_ADDR_STRLEN];

	cr_assert_not_null(c);
	for (size_t i = 0; i < c->n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ",
		         net_addr_format(&c->addr[i], one, sizeof(one)));
	cr_expect_str_eq(text, expected);
	cr_expect_str_eq(c->list, list);
}

Test(ipsecmgr_callee, settings_of_a_service)
{
	struct ipsecmgr_callee_conf *c = settings("peer-list four\n", true), *d;

	expect_addresses(c, "four", "192.0.2.1 192.0.2.9 203.0.113.7 ");
	cr_expect_eq(c->responder_s, 10);
	cr_expect_eq(c->initiator_s, 10);
	free(c);
	c = settings("peer-list six\nresponder-mode-duration 5\ninitiator-mode-duration 250\n", true);
	expect_addresses(c, "six", "2001:db8::9 ");
	cr_expect_eq(c->responder_s, 5);
	cr_expect_eq(c->initiator_s, 250);
	free(c);
	c = settings("", true);
	expect_addresses(c, "-", "");
	cr_expect_null(settings("", false));
	/* bound anew */
	d = settings("bind address 192.0.2.200 crypto-template t\n", true);
	cr_expect_neq(c->bind, d->bind);
	free(c);
	c = settings("bind address 192.0.2.200 crypto-template t\nno bind address\n"
	             "bind address 192.0.2.200 crypto-template t\n",
	             true);
	cr_expect_neq(c->bind, d->bind);
	free(d);
	/* not by a setting that is changed */
	d = settings("bind address 192.0.2.200 crypto-template t\nno bind address\n"
	             "bind address 192.0.2.200 crypto-template t\ninitiator-mode-duration 9\n",
	             true);
	cr_expect_eq(c->bind, d->bind);
	free(c);
	free(d);
}
