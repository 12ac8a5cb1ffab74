/* SPDX-License-Identifier: MIT */
/*
 * The world of the sessmgr process on a bus (task_rig.h): bus clients as ipsecmgr, vpnmgr, srdb (a real
 * store) and srp, and what a test says to it and asks it. Include once in a test program; sessmgr_setup() and
 * sessmgr_teardown() are for its TestSuite().
 */
#ifndef ORRERY_TESTS_SESSMGR_RIG_H
#define ORRERY_TESTS_SESSMGR_RIG_H

#include <errno.h>

#include "base/counters.h"
#include "base/schemas.h"
#include "pool/pool.h"
#include "session/session.h"
#include "store/store.h"
#include "tests/exchange/task_rig.h"

#define CTX 2

static struct peer ipsecmgr, vpnmgr, srdb, srp;
static struct store_writer *store;
static bool slow; /* srdb does not answer yet */
static bool full; /* its disk is full */
static struct {
	uint64_t id;
	char ret[40];
} held[64];
static unsigned n_held, deletes, traps, refused_rows;
static int64_t trap_value[8];
static const char *srp_state = "None";
static uint64_t srp_epoch = 1;

/* --- the others
 * ------------------------------------------------------------------------------------------------ */

static inline void respond(struct peer *p, Envelope *env, uint64_t id, const char *ret)
{
	env->kind = ENVELOPE__KIND__RESPONSE;
	env->id = id;
	bus_client_send(p->client, ret, env);
}

static inline void ack(uint64_t id, const char *ret)
{
	Envelope env = ENVELOPE__INIT;
	CkptAck a = CKPT_ACK__INIT;

	env.body_case = ENVELOPE__BODY_CKPT_ACK;
	env.ckpt_ack = &a;
	respond(&srdb, &env, id, ret);
}

static inline void put(const char *kind, const char *key, const char *owner, const void *blob, size_t len)
{
	struct store_batch *b = store_batch_new(store);
	struct store_ckpt row = {
	        .kind = kind, .key = key, .owner = owner, .blob = blob, .len = len, .deleted = !blob};

	cr_assert_eq(store_batch_ckpt(b, &row), 0);
	cr_assert_eq(store_submit(store, b, 0, NULL, NULL), 0);
	cr_assert_eq(store_flush(store, 0), 0);
}

/* A write that is still under way when its sender is dead. */
static bool late;
static uint8_t *under_way;
static size_t under_way_len;

static inline uint8_t *packed(const Envelope *env, size_t *len)
{
	uint8_t *buf = malloc(*len = envelope__get_packed_size(env));

	envelope__pack(env, buf);
	return buf;
}

static inline void put_all(const CkptWrite *w)
{
	for (size_t i = 0; i < w->n_rows; i++) {
		const CkptRow *r = w->rows[i];

		deletes += r->deleted;
		put(r->kind, r->key, r->owner, r->deleted ? NULL : r->blob.data, r->blob.len);
	}
}

/* Nothing but a question whether all is stored: messages are taken in their order. */
static inline void settled(void)
{
	Envelope *env = under_way ? envelope__unpack(NULL, under_way_len, under_way) : NULL;

	late = false;
	if (env)
		put_all(env->ckpt_write);
	free(under_way);
	under_way = NULL;
	envelope__free_unpacked(env, NULL);
}

static inline void srdb_rx(struct peer *p, const Envelope *in, const char *ret)
{
	if (in->body_case == ENVELOPE__BODY_CKPT_WRITE && !in->ckpt_write->n_rows)
		settled();
	if (in->body_case == ENVELOPE__BODY_CKPT_WRITE && late) {
		cr_assert_null(under_way);
		under_way = packed(in, &under_way_len);
	} else if (in->body_case == ENVELOPE__BODY_CKPT_WRITE && full) {
		Envelope env = ENVELOPE__INIT;
		Status st = STATUS__INIT;

		st.code = -ENOSPC;
		refused_rows++;
		env.body_case = ENVELOPE__BODY_STATUS;
		env.status = &st;
		respond(&srdb, &env, in->id, ret);
	} else if (in->body_case == ENVELOPE__BODY_CKPT_WRITE) {
		put_all(in->ckpt_write);
		if (slow) {
			held[n_held].id = in->id;
			snprintf(held[n_held++].ret, 40, "%s", ret);
		} else {
			ack(in->id, ret);
		}
	} else if (in->body_case == ENVELOPE__BODY_TRAP_RAISE) {
		Envelope env = ENVELOPE__INIT;
		Status st = STATUS__INIT;

		cr_assert_str_eq(in->trap_raise->name, "SessMgrRecoveryComplete");
		cr_assert_eq(in->trap_raise->n_vars, 8);
		for (unsigned i = 0; i < 8; i++)
			trap_value[i] = in->trap_raise->vars[i]->num;
		traps++;
		env.body_case = ENVELOPE__BODY_STATUS;
		env.status = &st;
		respond(&srdb, &env, in->id, ret);
	}
}

static inline void srp_rx(struct peer *p, const Envelope *in, const char *ret)
{
	Envelope env = ENVELOPE__INIT;
	ShowReply r = SHOW_REPLY__INIT;
	char json[100];

	if (in->body_case != ENVELOPE__BODY_SHOW)
		return;
	snprintf(json, sizeof(json), "{\"state\":\"%s\",\"epoch\":%u}", srp_state, (unsigned)srp_epoch);
	r.json = json;
	env.body_case = ENVELOPE__BODY_SHOW_REPLY;
	env.show_reply = &r;
	respond(&srp, &env, in->id, ret);
}

static inline void srp_says(const char *state)
{
	Envelope env = ENVELOPE__INIT;
	SrpState s = SRP_STATE__INIT;

	srp_state = state;
	s.state = (char *)state;
	s.epoch = ++srp_epoch;
	env.kind = ENVELOPE__KIND__PUBLISH;
	env.topic = (char *)"srp";
	env.body_case = ENVELOPE__BODY_SRP_STATE;
	env.srp_state = &s;
	cr_assert_eq(bus_client_send(srp.client, "#srp", &env), 0);
}

/* vpnmgr: chunks of `chunk_size` from 10.45.0.0 and 2001:db8:45:: on, stored like the real one does; or a
 * failure. */
static unsigned chunk_size = 4, chunks, syncs, returned;
static const char *failure = "", *failure6 = "";

static inline struct net_addr chunk_first(bool six)
{
	struct net_addr a = net_addr_v4(0x0a2d0000);

	if (six)
		net_addr_parse(&a, "2001:db8:45::");
	net_addr_add(&a, chunks * chunk_size);
	return a;
}

static inline void vpnmgr_rx(struct peer *p, const Envelope *in, const char *ret)
{
	Envelope env = ENVELOPE__INIT;
	PoolChunk c = POOL_CHUNK__INIT;
	uint8_t blob[POOL_ROW_MAX];
	char key[POOL_KEY_MAX];
	struct pool_row row = {.ctx = CTX};
	bool six;

	if (in->body_case == ENVELOPE__BODY_POOL_RETURN)
		returned++;
	if (in->body_case != ENVELOPE__BODY_POOL_CHUNK_REQUEST)
		return;
	six = in->pool_chunk_request->ipv6;
	if (!in->pool_chunk_request->want) {
		syncs++;
	} else if (six ? failure6[0] : failure[0]) {
		c.failure = (char *)(six ? failure6 : failure);
	} else {
		strcpy(row.pool, six ? "ue6" : "ue");
		row.chunk =
		        (struct pool_chunk){chunk_first(six), chunk_size, in->pool_chunk_request->instance,
		                            in->pool_chunk_request->ipsecmgr};
		put(POOL_ROW_KIND, pool_row_key("wsg", row.pool, &row.chunk.first, key), "vpnmgr/2", blob,
		    pool_row_encode(&row, blob));
		chunks++;
		c.pool = row.pool;
		c.first.data = row.chunk.first.bytes;
		c.first.len = net_addr_len(&row.chunk.first);
		c.count = chunk_size;
	}
	env.body_case = ENVELOPE__BODY_POOL_CHUNK;
	env.pool_chunk = &c;
	respond(&vpnmgr, &env, in->id, ret);
}

/* ipsecmgr: knows the calls of this list. */
static const char *alive = "";
static bool slides;          /* an IKE SA ends while its list is read: the next page begins one too late */
static unsigned asked, mute; /* so many questions it does not answer to the point */

static SessionReply *answer; /* last reply to SessionNew */

static inline void ipsecmgr_rx(struct peer *p, const Envelope *in, const char *ret)
{
	Envelope env = ENVELOPE__INIT;
	ShowReply r = SHOW_REPLY__INIT;
	char json[200];

	if (in->body_case == ENVELOPE__BODY_SESSION_REPLY)
		answer = in->session_reply;
	if (in->body_case != ENVELOPE__BODY_SHOW)
		return;
	asked++;
	if (mute) {
		Status st = STATUS__INIT;

		mute--;
		st.code = -EAGAIN;
		env.body_case = ENVELOPE__BODY_STATUS;
		env.status = &st;
		respond(&ipsecmgr, &env, in->id, ret);
		return;
	}
	snprintf(json, sizeof(json), "{\"sas\":[{\"callid\":\"%s\"}]}", alive);
	if (slides && strcmp(in->show->what, "call-ike") != 0) {
		snprintf(json, sizeof(json), "{\"sas\":[]}");
		r.more = !in->show->offset;
		r.next = in->show->limit;
	}
	r.json = json;
	env.body_case = ENVELOPE__BODY_SHOW_REPLY;
	env.show_reply = &r;
	respond(&ipsecmgr, &env, in->id, ret);
}

static inline void configure(void)
{
	int err;
	struct store_writer *w = store_open_writer(rig.dir, STORE_CONFIG, NULL, &err);
	struct store_batch *b = store_batch_new(w);
	struct store_config rows[] = {
	        {.path = "context=wsg", .value = "name=wsg"},
	        {.path = "context=wsg/wsg-service=small", .value = "name=small"},
	        {.path = "context=wsg/wsg-service=small/max-sessions", .value = "sessions=3"},
	        {.path = "context=wsg/subscriber-default", .value = ""},
	        {.path = "context=wsg/subscriber-default/dns=primary",
	         .value = "which=primary&address=203.0.113.53"},
	        {.path = "context=wsg/apn=ims", .value = "apn=ims"},
	        {.path = "context=wsg/apn=ims/p-cscf-priority=2", .value = "priority=2&ip=198.51.100.2"},
	        {.path = "context=wsg/apn=ims/p-cscf-priority=1",
	         .value = "priority=1&ip=198.51.100.1&ipv6=2001:db8::1"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert_eq(store_batch_config(b, &rows[i]), 0);
	store_submit(w, b, 0, NULL, NULL);
	store_close_writer(w);
}

static inline void sessmgr_setup(void)
{
	int err;

	rig.instance = 7;
	rig_setup("sessmgr");
	store = store_open_writer(rig.dir, STORE_STATE, NULL, &err);
	cr_assert(store);
	configure();
	rig_peer(&ipsecmgr, "p-ipsecmgr", "ipsecmgr/1", NULL);
	rig_peer(&vpnmgr, "p-vpnmgr", "vpnmgr/2", NULL);
	rig_peer(&srdb, "p-srdb", "srdb/0", NULL);
	rig_peer(&srp, "p-srp", "srp/0", NULL);
	ipsecmgr.rx = ipsecmgr_rx;
	vpnmgr.rx = vpnmgr_rx;
	srdb.rx = srdb_rx;
	srp.rx = srp_rx;
	rig_start("boot1");
}

static inline void sessmgr_teardown(void)
{
	if (!rig.card)
		return;
	rig_peer_close(&ipsecmgr);
	rig_peer_close(&vpnmgr);
	rig_peer_close(&srdb);
	rig_peer_close(&srp);
	store_close_writer(store);
	rig_teardown();
}

/* --- what ipsecmgr does
 * ------------------------------------------------------------------------------------------ */

static bool dual; /* ask for an IPv6 address as well */
static const char *service = "segw", *apn = "";

static inline void ask(const char *ike_key, uint32_t ctx, const char *pool)
{
	static const uint8_t peer[4] = {192, 0, 2, 9};
	Envelope env = ENVELOPE__INIT;
	SessionNew q = SESSION_NEW__INIT;

	answer = NULL;
	q.ctx = ctx;
	q.service = (char *)service;
	q.peer_id = (char *)"enb1";
	q.peer_addr = (ProtobufCBinaryData){4, (uint8_t *)peer};
	q.want_ipv4 = true;
	q.want_ipv6 = dual;
	q.pool6 = (char *)"";
	q.pool = (char *)pool;
	q.ipsecmgr = 1;
	q.ike_key = (char *)ike_key;
	q.apn = (char *)apn;
	env.body_case = ENVELOPE__BODY_SESSION_NEW;
	env.session_new = &q;
	rig_request(&ipsecmgr, &env);
}

/* Take a call up as far as UP; its id. */
static inline uint32_t call_up(const char *ike_key, uint8_t last_byte)
{
	Envelope env = ENVELOPE__INIT;
	SessionState st = SESSION_STATE__INIT;
	uint32_t id;

	ask(ike_key, CTX, "ue");
	RIG_WAIT(answer);
	cr_assert_str_eq(answer->failure, "");
	cr_assert_eq(answer->addr.data[3], last_byte, "address .%u", answer->addr.data[3]);
	put("call", answer->call->key, answer->call->owner, answer->call->blob.data, answer->call->blob.len);
	put("ikesa", ike_key, "ipsecmgr/1", "x", 1);
	id = answer->callid;
	st.callid = id;
	st.what = SESSION_STATE__WHAT__UP;
	st.reason = (char *)ike_key;
	env.body_case = ENVELOPE__BODY_SESSION_STATE;
	env.session_state = &st;
	rig_tell(&ipsecmgr, &env);
	return id;
}

static inline void say(uint32_t callid, SessionState__What what, const char *reason,
                       void (*how)(struct peer *p, Envelope *env))
{
	Envelope env = ENVELOPE__INIT;
	SessionState st = SESSION_STATE__INIT;

	st.callid = callid;
	st.what = what;
	st.reason = (char *)reason;
	env.body_case = ENVELOPE__BODY_SESSION_STATE;
	env.session_state = &st;
	how(&ipsecmgr, &env);
}

static inline void state(uint32_t callid, SessionState__What what, const char *reason)
{
	say(callid, what, reason, rig_tell);
}

/* Text of a show of the task. */
static inline const char *shown(const char *what)
{
	rig_round_trip(&ipsecmgr, what); /* so it comes after what ipsecmgr said before */
	return ipsecmgr.last->show_reply->json;
}

static inline bool has(const char *what, const char *text)
{
	return strstr(shown(what), text);
}

/* Does one of the calls have this time? The show makes it of two clocks, which are not read at the same
 * moment. */
static inline bool connected_at(uint64_t us)
{
	static const char key[] = "\"connect_wall_us\":";
	const char *at = shown("calls");
	bool found = false;

	while (!found && (at = strstr(at, key))) {
		uint64_t is = strtoull(at += sizeof(key) - 1, NULL, 10);

		found = is + 1000 > us && is < us + 1000;
	}
	return found;
}

/* Ask until it is so; each question is a turn of the loop. */
static inline void wait_for(const char *what, const char *text)
{
	unsigned n = 0;

	while (!has(what, text) && ++n < 20000)
		;
	cr_assert_lt(n, 20000, "%s never has %s: %s", what, text, shown(what));
}

static inline int64_t rows(const char *kind)
{
	return store_ckpt_count(store_writer_reader(store), kind, NULL);
}

/* Come back after kill -9. */
static inline void restart(void)
{
	rig_stop();
	rig_start("boot1");
}

#endif
