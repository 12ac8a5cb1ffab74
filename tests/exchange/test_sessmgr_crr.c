/* SPDX-License-Identifier: MIT */
/*
 * The sessmgr process with its aaamgr, in the world of sessmgr_rig.h: call recovery records are fed and
 * fetched, EAP is passed on, a chassis that does not serve keeps the rows.
 */
#include "tests/exchange/sessmgr_rig.h"

TestSuite(sessmgr_crr, .init = sessmgr_setup, .fini = sessmgr_teardown, .timeout = 60);

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

Test(sessmgr_crr, an_aaamgr_is_fed_all_calls_and_every_change)
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

Test(sessmgr_crr, an_aaamgr_that_refuses_is_fed_again)
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
Test(sessmgr_crr, recovery_fetches_from_the_aaamgr_and_the_store_decides)
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

Test(sessmgr_crr, an_aaamgr_that_dies_while_it_feeds_costs_nothing)
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

Test(sessmgr_crr, a_call_stored_after_the_rows_were_read_is_found)
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

Test(sessmgr_crr, a_chassis_that_does_not_serve_forgets_and_keeps_the_rows)
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

/* What a peer says goes to the aaamgr, also to one that comes up only then, and the answer goes back. */
Test(sessmgr_crr, eap_goes_to_the_aaamgr_and_back)
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
