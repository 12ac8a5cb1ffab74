/* SPDX-License-Identifier: MIT */
/*
 * The sessmgr process itself on a bus (task_rig.h), with bus clients as ipsecmgr, vpnmgr, srdb (a real store)
 * and srp: calls and addresses, what happens when rows are slow, kill -9 and recovery with its audit, the
 * loss of the active role, hostile messages.
 */
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

static void respond(struct peer *p, Envelope *env, uint64_t id, const char *ret)
{
	env->kind = ENVELOPE__KIND__RESPONSE;
	env->id = id;
	bus_client_send(p->client, ret, env);
}

static void ack(uint64_t id, const char *ret)
{
	Envelope env = ENVELOPE__INIT;
	CkptAck a = CKPT_ACK__INIT;

	env.body_case = ENVELOPE__BODY_CKPT_ACK;
	env.ckpt_ack = &a;
	respond(&srdb, &env, id, ret);
}

static void put(const char *kind, const char *key, const char *owner, const void *blob, size_t len)
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

static uint8_t *packed(const Envelope *env, size_t *len)
{
	uint8_t *buf = malloc(*len = envelope__get_packed_size(env));

	envelope__pack(env, buf);
	return buf;
}

static void put_all(const CkptWrite *w)
{
	for (size_t i = 0; i < w->n_rows; i++) {
		const CkptRow *r = w->rows[i];

		deletes += r->deleted;
		put(r->kind, r->key, r->owner, r->deleted ? NULL : r->blob.data, r->blob.len);
	}
}

/* Nothing but a question whether all is stored: messages are taken in their order. */
static void settled(void)
{
	Envelope *env = under_way ? envelope__unpack(NULL, under_way_len, under_way) : NULL;

	late = false;
	if (env)
		put_all(env->ckpt_write);
	free(under_way);
	under_way = NULL;
	envelope__free_unpacked(env, NULL);
}

static void srdb_rx(struct peer *p, const Envelope *in, const char *ret)
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

static void srp_rx(struct peer *p, const Envelope *in, const char *ret)
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

static void srp_says(const char *state)
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

static struct net_addr chunk_first(bool six)
{
	struct net_addr a = net_addr_v4(0x0a2d0000);

	if (six)
		net_addr_parse(&a, "2001:db8:45::");
	net_addr_add(&a, chunks * chunk_size);
	return a;
}

static void vpnmgr_rx(struct peer *p, const Envelope *in, const char *ret)
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
static unsigned asked, mute; /* so many questions it does not answer to the point */

static SessionReply *answer; /* last reply to SessionNew */

static void ipsecmgr_rx(struct peer *p, const Envelope *in, const char *ret)
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
	r.json = json;
	env.body_case = ENVELOPE__BODY_SHOW_REPLY;
	env.show_reply = &r;
	respond(&ipsecmgr, &env, in->id, ret);
}

static void configure(void)
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
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert_eq(store_batch_config(b, &rows[i]), 0);
	store_submit(w, b, 0, NULL, NULL);
	store_close_writer(w);
}

static void setup(void)
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

static void teardown(void)
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

TestSuite(sessmgr_task, .init = setup, .fini = teardown, .timeout = 60);

/* --- what ipsecmgr does
 * ------------------------------------------------------------------------------------------ */

static bool dual; /* ask for an IPv6 address as well */
static const char *service = "segw";

static void ask(const char *ike_key, uint32_t ctx, const char *pool)
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
	env.body_case = ENVELOPE__BODY_SESSION_NEW;
	env.session_new = &q;
	rig_request(&ipsecmgr, &env);
}

/* Take a call up as far as UP; its id. */
static uint32_t call_up(const char *ike_key, uint8_t last_byte)
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

static void say(uint32_t callid, SessionState__What what, const char *reason,
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

static void state(uint32_t callid, SessionState__What what, const char *reason)
{
	say(callid, what, reason, rig_tell);
}

/* Text of a show of the task. */
static const char *shown(const char *what)
{
	rig_round_trip(&ipsecmgr, what); /* so it comes after what ipsecmgr said before */
	return ipsecmgr.last->show_reply->json;
}

static bool has(const char *what, const char *text)
{
	return strstr(shown(what), text);
}

/* Does one of the calls have this time? The show makes it of two clocks, which are not read at the same
 * moment. */
static bool connected_at(uint64_t us)
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
static void wait_for(const char *what, const char *text)
{
	unsigned n = 0;

	while (!has(what, text) && ++n < 20000)
		;
	cr_assert_lt(n, 20000, "%s never has %s: %s", what, text, shown(what));
}

static int64_t rows(const char *kind)
{
	return store_ckpt_count(store_writer_reader(store), kind, NULL);
}

/* Come back after kill -9. */
static void restart(void)
{
	rig_stop();
	rig_start("boot1");
}

/* --- tests
 * ----------------------------------------------------------------------------------------------------------
 */

Test(sessmgr_task, a_call_gets_id_address_name_server_and_row)
{
	struct session_call row;
	uint32_t id;

	ask("0100000000000001", CTX, "ue");
	RIG_WAIT(answer);
	id = answer->callid;
	cr_assert_eq(session_callid_instance(id), 7);
	cr_assert_eq(answer->addr.len, 4);
	cr_assert_eq(answer->mask.data[3], 255);
	cr_assert_eq(answer->n_dns, 1);
	cr_assert_eq(answer->dns[0].data[3], 53);
	cr_assert_str_eq(answer->call->owner, "sessmgr/7");
	cr_assert_eq(session_row_decode(&row, answer->call->blob.data, answer->call->blob.len), 0);
	cr_assert_str_eq(row.ike_key, "0100000000000001");
	cr_assert_str_eq(row.pool, "ue");
	ask("0100000000000001", CTX, "ue");
	RIG_WAIT(answer);
	cr_assert_eq(answer->callid, id, "asking twice gives the same call");
	cr_assert_eq(chunks, 1);
	call_up("0100000000000001", 0);
	cr_assert(has("summary", "\"wsg_simple_ipv4\":1"));
	cr_assert(has("services", "\"wsg/segw\":{\"sessions\":1,\"ipv4\":1}"));
	cr_assert(has("calls", "SMGR_STATE_CONNECTED"));
}

Test(sessmgr_task, an_address_is_free_when_the_rows_deletion_is_durable)
{
	uint32_t id;

	chunk_size = 1;
	id = call_up("0100000000000001", 0);
	slow = true;
	state(id, SESSION_STATE__WHAT__DOWN, "deleted by the peer");
	RIG_WAIT(n_held == 1);
	cr_assert(has("summary", "\"SMGR_STATE_DISCONNECTING\":1"));
	call_up("0100000000000002", 1); /* another address: the first is not free yet */
	cr_assert_eq(chunks, 2);
	slow = false;
	ack(held[0].id, held[0].ret);
	wait_for("chunks", "\"used\":1}");
	call_up("0100000000000003", 0);
	cr_assert_eq(chunks, 2);
	cr_assert(has("summary", "\"Remote-disconnect\":1"));
}

/* Two audits a second apart find what a dead ipsecmgr could not tell; one that it did not answer does not
 * count. */
Test(sessmgr_task, an_audit_without_an_answer_is_repeated_soon)
{
	call_up("0100000000000001", 0);
	put("ikesa", "0100000000000001", "", NULL, 0);
	cr_assert(has("summary", "\"active\":1"));
	mute = 1;
	bus_switch_withdraw(rig.card, "ipsecmgr/1");
	cr_assert_eq(bus_switch_ready(rig.card, "p-ipsecmgr", "ipsecmgr/1"), 0);
	RIG_WAIT(deletes == 1);
	cr_assert_eq(asked, 3);
	wait_for("summary", "\"active\":0");
}

/* Of two set-ups an ipsecmgr died in, one had become durable: its successor knows that one and not the other.
 */
Test(sessmgr_task, set_ups_of_a_dead_ipsecmgr_are_decided_when_the_next_one_comes)
{
	ask("0100000000000001", CTX, "ue");
	RIG_WAIT(answer);
	ask("0100000000000002", CTX, "ue");
	RIG_WAIT(answer);
	put("call", answer->call->key, answer->call->owner, answer->call->blob.data, answer->call->blob.len);
	put("ikesa", "0100000000000002", "ipsecmgr/1", "x", 1);
	bus_switch_withdraw(rig.card, "ipsecmgr/1");
	cr_assert_eq(bus_switch_ready(rig.card, "p-ipsecmgr", "ipsecmgr/1"), 0);
	RIG_WAIT(deletes == 1);
	wait_for("summary", "\"active\":1");
	cr_assert(has("calls", "0100000000000002"));
	cr_assert(has("summary", "\"total\":1"));
	ask("0100000000000003", CTX, "ue"); /* the new one's own are left alone */
	RIG_WAIT(answer);
	cr_assert(has("summary", "\"total\":2"));
}

/* Whoever told of an end tells our successor, unless we said that it is durable. */
Test(sessmgr_task, an_end_is_acknowledged_when_it_is_durable)
{
	uint32_t one = call_up("0100000000000001", 0), two = call_up("0100000000000002", 1);

	rig_round_trip(&ipsecmgr, "summary");
	slow = true;
	say(one, SESSION_STATE__WHAT__DOWN, "deleted by the peer", rig_request);
	RIG_WAIT(n_held == 1);
	cr_assert(has("summary", "\"SMGR_STATE_DISCONNECTING\":1"));
	cr_assert_eq(ipsecmgr.acks, 0, "an end was acknowledged that nobody would remember");
	say(one, SESSION_STATE__WHAT__DOWN, "deleted by the peer", rig_request); /* told again */
	cr_assert(has("summary", "\"SMGR_STATE_DISCONNECTING\":1"));
	slow = false;
	ack(held[0].id, held[0].ret);
	RIG_WAIT(ipsecmgr.acks == 1);
	cr_assert_eq(rows("call"), 1);
	/* A predecessor's call: the row is all there is of it. */
	say(one, SESSION_STATE__WHAT__DOWN, "deleted by the peer", rig_request);
	RIG_WAIT(ipsecmgr.acks == 2);
	/* A store that refuses is asked until it does not: the row would come back as a call. */
	full = true;
	say(two, SESSION_STATE__WHAT__DOWN, "deleted by the peer", rig_request);
	RIG_WAIT(refused_rows == 2);
	cr_assert(has("summary", "\"SMGR_STATE_DISCONNECTING\":1"));
	cr_assert_eq(ipsecmgr.acks, 2);
	full = false;
	RIG_WAIT(ipsecmgr.acks == 3);
	cr_assert_eq(rows("call"), 0);
	cr_assert(!has("summary", "\"SMGR_STATE_DISCONNECTING\":1"));
}

Test(sessmgr_task, recovery_brings_every_call_back_and_audits)
{
	uint32_t a = call_up("0100000000000001", 0), b = call_up("0100000000000002", 1),
	         c = call_up("0100000000000003", 2);
	char id[SESSION_CALLID_STRLEN];

	state(b, SESSION_STATE__WHAT__UP, "01000000000000bb"); /* rekeyed: the row must follow */
	put("ikesa", "01000000000000bb", "ipsecmgr/1", "x", 1);
	put("ikesa", "0100000000000002", "", NULL, 0);
	cr_assert(has("calls", "01000000000000bb"));
	put("ikesa", "0100000000000001", "", NULL,
	    0); /* rekeyed while we are dead: the ipsecmgr knows the call */
	put("ikesa", "0100000000000003", "", NULL, 0); /* deleted while we are dead */
	alive = session_callid_format(a, id);
	restart();
	RIG_WAIT(traps == 1);
	cr_assert_eq(asked, 1);
	cr_assert_eq(trap_value[0], 5, "card");
	cr_assert_eq(trap_value[2], 0, "no aaamgr, nothing fetched");
	cr_assert_eq(trap_value[3], 3, "prior to audit");
	cr_assert_eq(trap_value[4], 2, "passed");
	cr_assert_eq(trap_value[5], 2, "recovered");
	wait_for("summary", "\"active\":2");
	wait_for("summary", "\"total\":2");
	cr_assert(has("summary", "\"recovered\":2"));
	cr_assert_eq(rows("call"), 2);
	state(c, SESSION_STATE__WHAT__DOWN, "late"); /* about a call that is gone */
	failure = "pool exhausted"; /* the chunk of the rows is used only after vpnmgr confirmed it */
	ask("0100000000000004", CTX, "ue");
	RIG_WAIT(answer);
	cr_assert_str_eq(answer->failure, "");
	cr_assert_geq(syncs, 1);
	cr_assert_eq(answer->addr.data[3], 2, "two are in use, one was freed");
	cr_assert_eq(chunks, 1);
}

/* --- max-sessions
 * ----------------------------------------------------------------------------------------------------- */

/* Three at a time, also over a failure; what another sessmgr has counts, what was refused does not. */
Test(sessmgr_task, the_service_has_a_limit)
{
	struct counters *other = counters_create(rig.dir, 6, "sessmgr", 9, 0);
	struct counters_wsg *w = counters_add(other, &counters_schema_wsg, "wsg/small");
	char id[SESSION_CALLID_STRLEN];
	uint32_t a;

	service = "small";
	counter_set(&w->sessions_admitted, 1);
	a = call_up("0100000000000001", 0);
	call_up("0100000000000002", 1);
	ask("0100000000000003", CTX, "ue");
	RIG_WAIT(answer);
	cr_assert_str_eq(answer->failure, "max-sessions");
	cr_assert(has("summary", "\"total\":2"));
	alive = session_callid_format(a, id);
	restart();
	wait_for("summary", "\"active\":2");
	ask("0100000000000003", CTX, "ue");
	RIG_WAIT(answer);
	cr_assert_str_eq(answer->failure, "max-sessions");
	state(a, SESSION_STATE__WHAT__DOWN, "deleted by the peer");
	wait_for("summary", "\"total\":1");
	ask("0100000000000003", CTX, "ue");
	RIG_WAIT(answer);
	cr_assert_str_eq(answer->failure, "");
	counters_close(other, true);
}

/* --- two families
 * ----------------------------------------------------------------------------------------------------- */

Test(sessmgr_task, what_the_one_before_sent_is_stored_before_the_rows_are_read)
{
	uint32_t a = call_up("0100000000000001", 0), b = call_up("0100000000000002", 1);
	char id[SESSION_CALLID_STRLEN];

	rig_round_trip(&ipsecmgr, "summary");
	late = true;
	state(a, SESSION_STATE__WHAT__DOWN, "deleted by the peer");
	RIG_WAIT(under_way);
	restart();
	RIG_WAIT(traps == 1);
	cr_assert_eq(trap_value[3], 1, "prior to audit");
	cr_assert(has("calls", session_callid_format(b, id)));
	cr_assert(!has("calls", session_callid_format(a, id)), "its row was on its way out");
}

Test(sessmgr_task, an_address_of_each_family)
{
	char id[SESSION_CALLID_STRLEN];
	uint32_t call;

	dual = true;
	call = call_up("0100000000000001", 0);
	cr_assert_eq(answer->addr6.len, 16);
	cr_assert_eq(answer->addr6.data[15], 4, "the second chunk is of IPv6");
	wait_for("summary", "\"active\":1");
	cr_assert(has("summary", "\"wsg_simple_ipv4\":1,\"wsg_simple_ipv6\":1"));
	cr_assert(has("calls", "\"address6\":\"2001:db8:45::4\""));
	cr_assert(has("services", "\"sessions\":1,\"ipv4\":1,\"ipv6\":1"));
	ask("0100000000000002", CTX, "ue");
	RIG_WAIT(answer);
	cr_assert_eq(answer->addr.data[3], 1);
	cr_assert_eq(answer->addr6.data[15], 5);
	cr_assert_eq(chunks, 2);
	alive = session_callid_format(call, id);
	restart();
	wait_for("summary", "\"active\":1");
	cr_assert(
	        has("calls", "\"address\":\"10.45.0.0\",\"pool6\":\"ue6\",\"address6\":\"2001:db8:45::4\""));
	cr_assert(has("chunks", "\"used\":2"), "both addresses are in use again");
	failure = failure6 = "pool exhausted"; /* the chunks we have are used when vpnmgr confirmed them */
	ask("0100000000000003", CTX, "ue");
	RIG_WAIT(answer);
	cr_assert_neq(answer->addr.data[3], 0);
	cr_assert_neq(answer->addr6.data[15], 4, "never twice");
	state(call, SESSION_STATE__WHAT__DOWN, "deleted by the peer");
	wait_for("summary", "\"active\":0");
	wait_for("chunks", "\"used\":2}");
}

Test(sessmgr_task, one_family_has_no_address)
{
	dual = true;
	failure6 = "no pool has a free address";
	ask("0100000000000001", CTX, "ue");
	RIG_WAIT(answer);
	cr_assert_str_eq(answer->failure, "");
	cr_assert_eq(answer->addr.len, 4);
	cr_assert_eq(answer->addr6.len, 0);
	failure = failure6;
	failure6 = "";
	chunk_size = 1; /* so that every question needs a chunk */
	ask("0100000000000002", CTX, "other");
	RIG_WAIT(answer);
	cr_assert_str_eq(answer->failure, "");
	cr_assert_eq(answer->addr.len, 0);
	cr_assert_eq(answer->addr6.len, 16);
	failure6 = failure;
	ask("0100000000000003", CTX, "other");
	RIG_WAIT(answer);
	cr_assert_str_eq(answer->failure, "no-resource");
	wait_for("summary", "\"total\":2");
}

/* --- with its aaamgr
 * ------------------------------------------------------------------------------------------------- */

static struct peer aaamgr;
static struct {
	uint32_t callid;
	uint8_t row[SESSION_ROW_MAX];
	size_t len;
} kept[16];
static unsigned n_kept, full_feeds, micro, page = 500, pages, dies_after;
static bool refuses;

static void keep(const Crr *r)
{
	unsigned i = 0;

	while (i < n_kept && kept[i].callid != r->callid)
		i++;
	if (!r->row.len) {
		if (i < n_kept)
			kept[i] = kept[--n_kept];
		return;
	}
	n_kept += i == n_kept;
	kept[i].callid = r->callid;
	kept[i].len = r->row.len;
	memcpy(kept[i].row, r->row.data, r->row.len);
}

static void feed(const Envelope *in, const char *ret)
{
	Envelope env = ENVELOPE__INIT;
	CrrBatch b = CRR_BATCH__INIT;
	Crr rows[16], *ptrs[16];
	uint32_t from = in->crr_fetch->from;

	if (dies_after && ++pages > dies_after) { /* like a process that is killed: its address goes */
		bus_switch_withdraw(rig.card, "aaamgr/7");
		return;
	}
	for (; from < n_kept && b.n_records < page; from++) {
		crr__init(&rows[b.n_records]);
		rows[b.n_records].callid = kept[from].callid;
		rows[b.n_records].row = (ProtobufCBinaryData){kept[from].len, kept[from].row};
		ptrs[b.n_records] = &rows[b.n_records];
		b.n_records++;
	}
	b.records = ptrs;
	b.more = from < n_kept;
	b.next = from;
	b.complete = true;
	env.body_case = ENVELOPE__BODY_CRR_BATCH;
	env.crr_batch = &b;
	respond(&aaamgr, &env, in->id, ret);
}

static struct {
	unsigned n;
	char group[64], service[64], imei[20];
	size_t eap, state;
} eap_asked;

/* A server's challenge. */
static void challenge(const Envelope *in, const char *ret)
{
	Envelope env = ENVELOPE__INIT;
	EapTell t = EAP_TELL__INIT;
	uint8_t eap[] = {1, 2, 0, 5, 4}, state[] = {1, 2, 3};

	eap_asked.n++;
	snprintf(eap_asked.group, sizeof(eap_asked.group), "%s", in->eap_ask->group);
	snprintf(eap_asked.service, sizeof(eap_asked.service), "%s", in->eap_ask->service);
	snprintf(eap_asked.imei, sizeof(eap_asked.imei), "%s", in->eap_ask->imei);
	eap_asked.eap = in->eap_ask->eap.len;
	t.eap = (ProtobufCBinaryData){sizeof(eap), eap};
	t.state = (ProtobufCBinaryData){sizeof(state), state};
	env.body_case = ENVELOPE__BODY_EAP_TELL;
	env.eap_tell = &t;
	respond(&aaamgr, &env, in->id, ret);
}

static void aaamgr_rx(struct peer *p, const Envelope *in, const char *ret)
{
	Envelope env = ENVELOPE__INIT;
	Status st = STATUS__INIT;

	if (in->body_case == ENVELOPE__BODY_EAP_ASK)
		challenge(in, ret);

	if (in->body_case == ENVELOPE__BODY_CRR_FETCH)
		feed(in, ret);
	if (in->body_case != ENVELOPE__BODY_CRR_UPDATE)
		return;
	st.code = refuses ? -ENOMEM : 0;
	if (in->crr_update->first && !refuses)
		n_kept = 0;
	for (size_t i = 0; !refuses && i < in->crr_update->n_records; i++)
		keep(in->crr_update->records[i]);
	full_feeds += in->crr_update->last;
	micro += !in->crr_update->first && !in->crr_update->last;
	env.body_case = ENVELOPE__BODY_STATUS;
	env.status = &st;
	respond(&aaamgr, &env, in->id, ret);
}

static void aaamgr_up(void)
{
	rig_peer(&aaamgr, "p-aaamgr", "aaamgr/7", NULL);
	aaamgr.rx = aaamgr_rx;
}

Test(sessmgr_task, an_aaamgr_is_fed_all_calls_and_every_change)
{
	uint32_t a = call_up("0100000000000001", 0), b;

	aaamgr_up();
	RIG_WAIT(full_feeds == 1 && n_kept == 1);
	cr_assert_eq(kept[0].callid, a);
	b = call_up("0100000000000002", 1);
	RIG_WAIT(n_kept == 2);
	state(a, SESSION_STATE__WHAT__DOWN, "deleted by the peer");
	RIG_WAIT(n_kept == 1);
	cr_assert_eq(kept[0].callid, b);
	cr_assert_geq(micro, 2);
	rig_peer_close(&aaamgr);
}

Test(sessmgr_task, an_aaamgr_that_refuses_is_fed_again)
{
	call_up("0100000000000001", 0);
	refuses = true;
	aaamgr_up();
	RIG_WAIT(full_feeds == 1);
	refuses = false;
	RIG_WAIT(n_kept == 1);
	rig_peer_close(&aaamgr);
}

/* The rows know no time of connection; the records do. And what is in the records only has ended. */
Test(sessmgr_task, recovery_fetches_from_the_aaamgr_and_the_store_decides)
{
	uint32_t a = call_up("0100000000000001", 0), b = call_up("0100000000000002", 1),
	         c = call_up("0100000000000003", 2);
	char id[SESSION_CALLID_STRLEN];
	struct session_call row;

	aaamgr_up();
	RIG_WAIT(full_feeds == 1 && n_kept == 3);
	cr_assert_eq(session_row_decode(&row, kept[0].row, kept[0].len), 0);
	cr_assert_neq(row.connect_us, 0);
	put("call", session_callid_format(b, id), "", NULL, 0); /* ended, and the aaamgr was not told */
	for (unsigned i = 0; i < n_kept; i++)                   /* set up, and the aaamgr was not told */
		if (kept[i].callid == c)
			kept[i] = kept[--n_kept];
	page = 1;
	restart();
	RIG_WAIT(traps == 1);
	cr_assert_eq(trap_value[2], 2, "fetched from aaamgr");
	cr_assert_eq(trap_value[3], 2, "prior to audit");
	cr_assert_eq(trap_value[5], 2, "recovered");
	cr_assert_eq(trap_value[6], 2, "all call lines");
	cr_assert(!has("calls", session_callid_format(b, id)));
	cr_assert(has("calls", session_callid_format(c, id)));
	cr_assert(row.callid != a || connected_at(row.connect_us));
	RIG_WAIT(full_feeds >= 2 && n_kept == 2);
	rig_peer_close(&aaamgr);
}

Test(sessmgr_task, an_aaamgr_that_dies_while_it_feeds_costs_nothing)
{
	call_up("0100000000000001", 0);
	call_up("0100000000000002", 1);
	call_up("0100000000000003", 2);
	aaamgr_up();
	RIG_WAIT(full_feeds == 1 && n_kept == 3);
	page = 1;
	dies_after = 2;
	restart();
	RIG_WAIT(traps == 1);
	cr_assert_eq(trap_value[2], 2, "fetched before it died");
	cr_assert_eq(trap_value[5], 3, "recovered");
	rig_peer_close(&aaamgr);
}

Test(sessmgr_task, a_call_stored_after_the_rows_were_read_is_found)
{
	uint8_t blob[SESSION_ROW_MAX];
	struct session_call row = {.callid = 0x00700042, .ctx = CTX, .ipsecmgr = 1};
	size_t len = session_row_encode(&row, blob, sizeof(blob));

	state(0x00700042, SESSION_STATE__WHAT__UP, "");
	cr_assert(has("summary", "\"total\":0"), "no row, no call");
	put("call", "00700042", "sessmgr/7", blob, len);
	state(0x00700042, SESSION_STATE__WHAT__UP, "");
	cr_assert(has("summary", "\"active\":1"));
	state(0x00700042, SESSION_STATE__WHAT__DOWN, "dead peer");
	wait_for("summary", "\"total\":0");
	cr_assert_eq(rows("call"), 0);
}

Test(sessmgr_task, a_chassis_that_does_not_serve_forgets_and_keeps_the_rows)
{
	uint32_t id = call_up("0100000000000001", 0);

	srp_says("Standby");
	wait_for("summary", "\"total\":0");
	cr_assert_eq(rows("call"), 1);
	cr_assert_eq(deletes, 0);
	ask("0100000000000009", CTX, "ue");
	RIG_WAIT(answer);
	cr_assert_str_neq(answer->failure, "");
	state(id, SESSION_STATE__WHAT__DOWN, "late");
	wait_for("summary", "\"total\":0");
	srp_says("Active");
	wait_for("summary", "\"active\":1");
	cr_assert_eq(rows("call"), 1);
	cr_assert_eq(traps, 0, "a switchover is no recovery of a failed task");
}

Test(sessmgr_task, refusals_and_hostile_messages)
{
	static const uint8_t junk[40] = {1};
	char longname[400];
	Envelope env = ENVELOPE__INIT;
	SessionNew q = SESSION_NEW__INIT;
	uint32_t id;

	memset(longname, 'x', sizeof(longname) - 1);
	longname[sizeof(longname) - 1] = 0;
	failure = "unknown pool";
	ask("0100000000000001", CTX, "nowhere");
	RIG_WAIT(answer);
	cr_assert_str_eq(answer->failure, "addr-assign-failure");
	failure = "pool exhausted";
	ask("0100000000000001", CTX, "ue");
	RIG_WAIT(answer);
	cr_assert_str_eq(answer->failure, "no-resource");
	ask("0100000000000001", 99, "ue");
	RIG_WAIT(answer);
	cr_assert_str_eq(answer->failure, "invalid-dest-context");
	ask(longname, CTX, "ue");
	RIG_WAIT(answer);
	cr_assert_str_neq(answer->failure, "");
	ask("0100000000000001", CTX, longname);
	RIG_WAIT(answer);
	cr_assert_str_neq(answer->failure, "");
	q.service = q.pool = q.peer_id = q.ike_key = (char *)"k";
	q.ctx = CTX;
	q.ipsecmgr = 1;
	q.want_addr = q.peer_addr = (ProtobufCBinaryData){sizeof(junk), (uint8_t *)junk};
	env.body_case = ENVELOPE__BODY_SESSION_NEW;
	env.session_new = &q;
	answer = NULL;
	rig_request(&ipsecmgr, &env);
	RIG_WAIT(answer);
	cr_assert_str_neq(answer->failure, "");
	q.peer_addr.len = q.want_addr.len = 4;
	q.ipsecmgr = 2; /* somebody else's */
	answer = NULL;
	rig_request(&ipsecmgr, &env);
	RIG_WAIT(answer);
	cr_assert_str_neq(answer->failure, "");
	state(0xffffffff, SESSION_STATE__WHAT__DOWN, "x");
	state(0x00700001, SESSION_STATE__WHAT__DOWN, "x");
	cr_assert(has("summary", "\"total\":0"));
	failure = "";
	chunk_size = 3; /* not a block */
	ask("0100000000000001", CTX, "ue");
	RIG_WAIT(answer);
	cr_assert_str_eq(answer->failure, "no-resource");
	chunk_size = 4;
	id = call_up("0100000000000001", (uint8_t)(4 * chunks));
	state(id, SESSION_STATE__WHAT__DOWN, "deleted by the peer");
	wait_for("summary", "\"total\":0");
}

/* What a peer says goes to the aaamgr, also to one that comes up only then, and the answer goes back. */
Test(sessmgr_task, eap_goes_to_the_aaamgr_and_back)
{
	Envelope env = ENVELOPE__INIT;
	EapAsk e = EAP_ASK__INIT;
	uint8_t eap[] = {2, 1, 0, 6, 1, 'a'};
	unsigned had = ipsecmgr.received;

	e.ctx = 2;
	e.service = (char *)"wsg1";
	e.imei = (char *)"352099001761481";
	e.eap = (ProtobufCBinaryData){sizeof(eap), eap};
	env.body_case = ENVELOPE__BODY_EAP_ASK;
	env.eap_ask = &e;
	rig_request(&ipsecmgr, &env);
	aaamgr_up();
	RIG_WAIT(ipsecmgr.received > had && ipsecmgr.last->body_case == ENVELOPE__BODY_EAP_TELL);
	cr_assert_eq(eap_asked.n, 1);
	cr_expect_str_eq(eap_asked.group, "default", "no subscriber default names another one");
	cr_expect_str_eq(eap_asked.service, "wsg1");
	cr_expect_str_eq(eap_asked.imei, "352099001761481");
	cr_expect_eq(eap_asked.eap, 6);
	cr_expect_eq(ipsecmgr.last->eap_tell->what, EAP_TELL__WHAT__CHALLENGE);
	cr_expect_eq(ipsecmgr.last->eap_tell->state.len, 3);
	rig_peer_close(&aaamgr);
}
