/* SPDX-License-Identifier: MIT */
/*
 * The sessmgr process itself in its world (sessmgr_rig.h): calls and addresses, what happens when rows are
 * slow, kill -9 and recovery with its audit, limits, hostile messages.
 */
#include "tests/exchange/sessmgr_rig.h"

TestSuite(sessmgr_task, .init = sessmgr_setup, .fini = sessmgr_teardown, .timeout = 60);

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

/* Who asks for P-CSCFs is told those of the APN, also when it asks for the call twice. */
Test(sessmgr_task, p_cscfs_of_the_apn)
{
	ask("0100000000000001", CTX, "ue");
	RIG_WAIT(answer);
	cr_assert_eq(answer->n_pcscf, 0, "nobody asked");
	apn = "ims.mnc001.mcc262.gprs";
	for (unsigned i = 0; i < 2; i++) {
		ask("0100000000000002", CTX, "ue");
		RIG_WAIT(answer);
		cr_assert_str_eq(answer->failure, "");
		cr_assert_eq(answer->n_pcscf, 3);
		cr_assert_eq(answer->pcscf[0].len, 4);
		cr_assert_eq(answer->pcscf[0].data[3], 1);
		cr_assert_eq(answer->pcscf[1].len, 16);
		cr_assert_eq(answer->pcscf[1].data[15], 1);
		cr_assert_eq(answer->pcscf[2].data[3], 2);
	}
	apn = "internet";
	ask("0100000000000003", CTX, "ue");
	RIG_WAIT(answer);
	cr_assert_str_eq(answer->failure, "");
	cr_assert_eq(answer->addr.len, 4);
	cr_assert_eq(answer->n_pcscf, 0);
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

/* A new ipsecmgr takes packets, and asks for calls, a moment before the bus says that it is there. */
Test(sessmgr_task, set_ups_of_the_next_ipsecmgr_come_up)
{
	uint32_t callid;

	call_up("0100000000000009", 0); /* so that there is something to audit */
	ask("0100000000000001", CTX, "ue");
	RIG_WAIT(answer);
	bus_switch_withdraw(rig.card, "ipsecmgr/1");
	ask("0100000000000002", CTX, "ue");
	RIG_WAIT(answer);
	callid = answer->callid;
	cr_assert_eq(bus_switch_ready(rig.card, "p-ipsecmgr", "ipsecmgr/1"), 0);
	wait_for("audit", "\"audits\":2"); /* it has seen it come, and did what it does then */
	cr_assert_eq(deletes, 0);
	state(callid, SESSION_STATE__WHAT__UP, "0100000000000002");
	RIG_WAIT(deletes == 1);
	cr_assert(has("summary", "\"total\":2"));
	cr_assert(has("calls", "0100000000000002"));
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
	cr_assert_eq(asked, 1, "ready when the audit has ended: its trap comes before those of the restart");
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

/* The call of a tunnel that was rekeyed meanwhile, on an ipsecmgr whose other tunnels come and go. */
Test(sessmgr_task, an_audit_is_not_misled_by_tunnels_that_end_meanwhile)
{
	char id[SESSION_CALLID_STRLEN];

	alive = session_callid_format(call_up("0100000000000001", 0), id);
	rig_round_trip(&ipsecmgr, "summary");
	put("ikesa", "0100000000000001", "", NULL, 0);
	slides = true;
	restart();
	RIG_WAIT(traps == 1);
	cr_assert_eq(trap_value[3], 1, "prior to audit");
	cr_assert_eq(trap_value[4], 1, "the call of a tunnel that is up was released");
}

/* More of them than one question holds. */
Test(sessmgr_task, every_call_without_an_ike_sa_is_asked_for)
{
	char key[SESSION_IKE_KEY_MAX];

	chunk_size = 512;
	for (unsigned i = 0; i < 450; i++) {
		snprintf(key, sizeof(key), "01%014x", i + 1);
		call_up(key, (uint8_t)i);
		put("ikesa", key, "", NULL, 0);
	}
	rig_round_trip(&ipsecmgr, "summary");
	restart();
	RIG_WAIT(traps == 1);
	cr_assert_eq(asked, 2);
	cr_assert_eq(trap_value[3], 450, "prior to audit");
	cr_assert_eq(trap_value[4], 0, "passed");
	wait_for("summary", "\"total\":0");
}

/* --- tunnels whose call is over ---------------------------------------------------------------------------
 */

/* What it answers to an ipsecmgr that says this of a call. */
static int told(uint32_t callid, SessionState__What what, const char *reason)
{
	unsigned had = ipsecmgr.acks;

	ipsecmgr.status = 1;
	say(callid, what, reason, rig_request);
	RIG_WAIT(ipsecmgr.acks == had + 1);
	return ipsecmgr.status;
}

/* A set-up that took too long: its call ended before the tunnel was up. */
Test(sessmgr_task, a_tunnel_without_a_call_is_told_so)
{
	uint32_t id = call_up("0100000000000001", 0);

	cr_assert_eq(told(id, SESSION_STATE__WHAT__UP, "0100000000000001"), 0, "told twice");
	cr_assert_eq(told(id + 1, SESSION_STATE__WHAT__UP, "0100000000000002"), -ENOENT);
	cr_assert_eq(told(0x00600001, SESSION_STATE__WHAT__UP, "0100000000000002"), 0,
	             "what is of others it doesn't know");
	slow = true;
	state(id, SESSION_STATE__WHAT__DOWN, "set-up timed out");
	RIG_WAIT(n_held == 1);
	cr_assert_eq(told(id, SESSION_STATE__WHAT__UP, "0100000000000001"), -ENOENT, "it is ending");
	cr_assert(has("summary", "\"SMGR_STATE_DISCONNECTING\":1"));
	slow = false;
	ack(held[0].id, held[0].ret);
	wait_for("summary", "\"total\":0");
	cr_assert_eq(told(id, SESSION_STATE__WHAT__UP, "0100000000000001"), -ENOENT, "it is gone");
	cr_assert_eq(told(id, SESSION_STATE__WHAT__DOWN, "no address"), 0);
}

/* The rows of a tunnel may become durable behind the end of its call: it is a call again if its address is
 * free. */
Test(sessmgr_task, a_call_that_comes_from_the_store_has_its_address_or_is_over)
{
	static uint8_t blob[SESSION_ROW_MAX];
	char key[SESSION_CALLID_STRLEN];
	uint32_t id;
	size_t len;

	chunk_size = 1;
	ask("0100000000000001", CTX, "ue");
	RIG_WAIT(answer);
	id = answer->callid;
	session_callid_format(id, key);
	len = answer->call->blob.len;
	memcpy(blob, answer->call->blob.data, len);
	cr_assert_eq(told(id, SESSION_STATE__WHAT__DOWN, "set-up timed out"), 0);
	put("call", key, "sessmgr/7", blob, len);
	cr_assert_eq(told(id, SESSION_STATE__WHAT__UP, "0100000000000001"), 0);
	cr_assert(has("summary", "\"active\":1"));
	cr_assert(has("chunks", "\"used\":1}"), "its address is free");
	cr_assert_eq(told(id, SESSION_STATE__WHAT__DOWN, "deleted by the peer"), 0);
	call_up("0100000000000002", 0);
	put("call", key, "sessmgr/7", blob, len);
	cr_assert_eq(told(id, SESSION_STATE__WHAT__UP, "0100000000000001"), -ENOENT,
	             "two tunnels have one address");
	cr_assert(has("summary", "\"total\":1"));
	cr_assert_eq(told(id, SESSION_STATE__WHAT__DOWN, "no address"), 0);
	cr_assert_eq(rows("call"), 1);
}

/* This chassis begins to serve; the rows are not read yet. */
Test(sessmgr_task, a_tunnel_that_is_up_before_calls_are_rebuilt)
{
	uint32_t id = call_up("0100000000000001", 0);

	wait_for("summary", "\"active\":1");
	srp_says("Standby");
	wait_for("summary", "\"total\":0");
	slow = true;
	srp_says("Active");
	RIG_WAIT(n_held == 1);
	cr_assert_eq(told(id, SESSION_STATE__WHAT__UP, "0100000000000001"), 0);
	slow = false;
	ack(held[0].id, held[0].ret);
	wait_for("summary", "\"active\":1");
	cr_assert(has("chunks", "\"used\":1}"), "its address is free");
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

static const char *limited(const char *ike_key)
{
	ask(ike_key, CTX, "ue");
	RIG_WAIT(answer);
	return answer->failure;
}

static struct counters *sessmgr_on(unsigned card, unsigned calls)
{
	struct counters *c = counters_create(rig.dir, card, "sessmgr", 9, 0);
	struct counters_wsg *w = counters_add(c, &counters_schema_wsg, "wsg/small");

	counters_add(c, &counters_schema_wsg, "wsg/other");
	counter_set(&w->sessions_admitted, calls);
	return c;
}

Test(sessmgr_task, the_limit_sees_sessmgrs_come_and_go)
{
	struct counters *first, *second;

	service = "small";
	cr_assert_str_eq(limited("0100000000000001"), "");
	first = sessmgr_on(6, 2);
	cr_assert_str_eq(limited("0100000000000002"), "max-sessions", "one came");
	second = sessmgr_on(8, 1);
	cr_assert_str_eq(limited("0100000000000002"), "max-sessions");
	counters_close(first, false); /* killed */
	cr_assert_str_eq(limited("0100000000000002"), "", "there is another of its number");
	counters_close(second, false);
	cr_assert_str_eq(limited("0100000000000003"), "max-sessions", "it may come back");
	first = sessmgr_on(6, 0);
	cr_assert_str_eq(limited("0100000000000003"), "", "a new one has its place");
	counters_close(first, true);
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
