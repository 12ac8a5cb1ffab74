/* SPDX-License-Identifier: MIT */
/*
 * The srdb process itself on a bus (task_rig.h), with bus clients as ipsecmgr, srp, snmp and evlogd:
 * checkpoint acknowledgements, holding them for the standby chassis, kill -9 and restart, a new boot,
 * installation of rows, traps and alarms, events, samples.
 */
#include <errno.h>

#include "base/schemas.h"
#include "store/store.h"
#include "tests/exchange/task_rig.h"

static struct peer ipsecmgr, srp, snmp, evlogd, iftask;

static void setup(void)
{
	rig_setup("srdb");
	rig_peer(&ipsecmgr, "p-ipsecmgr", "ipsecmgr/1", NULL);
	rig_peer(&srp, "p-srp", "srp/0", NULL);
	rig_peer(&snmp, "p-snmp", "snmp/0", "trap");
	rig_peer(&evlogd, "p-evlogd", "evlogd/0", NULL);
	rig_start("boot1");
}

static void teardown(void)
{
	if (!rig.card)
		return;
	rig_peer_close(&ipsecmgr);
	rig_peer_close(&srp);
	rig_peer_close(&snmp);
	rig_peer_close(&evlogd);
	rig_teardown();
}

TestSuite(srdb_task, .init = setup, .fini = teardown, .timeout = 60);

static void row_init(CkptRow *r, const char *kind, const char *key, const char *value)
{
	ckpt_row__init(r);
	r->kind = (char *)kind;
	r->key = (char *)key;
	r->owner = "ipsecmgr/1";
	r->deleted = value == NULL;
	r->blob.data = (uint8_t *)(value ? value : "");
	r->blob.len = value ? strlen(value) : 0;
}

static void write_row(struct peer *p, const char *kind, const char *key, const char *value)
{
	Envelope env = ENVELOPE__INIT;
	CkptWrite w = CKPT_WRITE__INIT;
	CkptRow row, *rows[] = {&row};

	row_init(&row, kind, key, value);
	w.rows = rows;
	w.n_rows = 1;
	env.body_case = ENVELOPE__BODY_CKPT_WRITE;
	env.ckpt_write = &w;
	rig_request(p, &env);
}

static void peer_says(bool in_sync, uint64_t acked)
{
	Envelope env = ENVELOPE__INIT;
	SrpSyncState s = SRP_SYNC_STATE__INIT;
	SrpAcked a = SRP_ACKED__INIT;

	a.version = acked;
	env.body_case = ENVELOPE__BODY_SRP_ACKED;
	env.srp_acked = &a;
	if (acked)
		rig_tell(&srp, &env);
	s.in_sync = in_sync;
	env.body_case = ENVELOPE__BODY_SRP_SYNC_STATE;
	env.srp_sync_state = &s;
	rig_tell(&srp, &env);
}

static char text[4096];

static int collect(const struct store_ckpt *row, void *arg)
{
	size_t at = strlen(text);

	snprintf(text + at, sizeof(text) - at, "%s/%s=%.*s ", row->kind, row->key, (int)row->len,
	         (const char *)row->blob);
	return 0;
}

static const char *rows_now(void)
{
	struct store_reader *r = store_open_reader(rig.dir, STORE_STATE);

	text[0] = '\0';
	cr_assert_eq(store_ckpt_list(r, NULL, NULL, collect, NULL), 0);
	store_close_reader(r);
	return text;
}

Test(srdb_task, a_write_of_nothing_is_answered_after_all_before_it)
{
	Envelope env = ENVELOPE__INIT;
	CkptWrite w = CKPT_WRITE__INIT;

	env.body_case = ENVELOPE__BODY_CKPT_WRITE;
	env.ckpt_write = &w;
	rig_request(&ipsecmgr, &env);
	RIG_WAIT(ipsecmgr.acks == 1); /* it does not wait for somebody who has something to write */
	ipsecmgr.acks = 0;
	for (int i = 0; i < 50; i++)
		write_row(&ipsecmgr, "ikesa", i % 2 ? "a" : "b", "x");
	env.body_case = ENVELOPE__BODY_CKPT_WRITE;
	env.ckpt_write = &w;
	rig_request(&ipsecmgr, &env);
	RIG_WAIT(ipsecmgr.received && ipsecmgr.acks == 51);
	cr_assert_eq(ipsecmgr.last->id, ipsecmgr.next_id, "it came last");
	cr_assert_str_eq(rows_now(), "ikesa/a=x ikesa/b=x ");
}

Test(srdb_task, acknowledged_rows_survive_a_kill_but_not_a_new_boot)
{
	for (int i = 0; i < 100; i++)
		write_row(&ipsecmgr, "ikesa", i % 2 ? "a" : "b", i >= 98 ? "new" : "old");
	RIG_WAIT(ipsecmgr.acks == 100);
	cr_assert_eq(ipsecmgr.acked_version, 100);
	rig_stop();
	cr_assert_str_eq(rows_now(), "ikesa/a=new ikesa/b=new ");
	rig_start("boot1");
	write_row(&ipsecmgr, "ikesa", "a", NULL);
	RIG_WAIT(ipsecmgr.acks == 101);
	cr_assert_eq(ipsecmgr.acked_version, 101);
	cr_assert_str_eq(rows_now(), "ikesa/b=new ");
	rig_stop();
	rig_start("boot2");
	cr_assert_str_eq(rows_now(), "");
	write_row(&ipsecmgr, "ikesa", "c", "x");
	RIG_WAIT(ipsecmgr.acks == 102);
	cr_assert_eq(ipsecmgr.acked_version, 102, "versions never begin again");
}

Test(srdb_task, refuses_bad_rows_and_foreign_senders)
{
	write_row(&ipsecmgr, "ikesa", "", "x");
	RIG_WAIT(ipsecmgr.acks == 1);
	cr_assert_eq(ipsecmgr.status, -EINVAL);
	ipsecmgr.status = 0;
	{
		Envelope env = ENVELOPE__INIT;
		SrpInstall in = SRP_INSTALL__INIT;

		env.body_case = ENVELOPE__BODY_SRP_INSTALL;
		env.srp_install = &in;
		rig_request(&ipsecmgr, &env);
	}
	RIG_WAIT(ipsecmgr.acks == 2);
	cr_assert_eq(ipsecmgr.status, -EOPNOTSUPP);
}

Test(srdb_task, holds_acknowledgements_while_the_peer_is_in_sync)
{
	unsigned told;

	write_row(&ipsecmgr, "ikesa", "1", "x");
	RIG_WAIT(ipsecmgr.acks == 1);
	peer_says(true, 1);
	rig_round_trip(&srp, "store");
	told = srp.received;
	write_row(&ipsecmgr, "ikesa", "2", "x");
	RIG_WAIT(srp.received > told);
	cr_assert_eq(srp.last->body_case, ENVELOPE__BODY_CKPT_COMMITTED);
	cr_assert_eq(srp.last->ckpt_committed->version, 2);
	rig_round_trip(&ipsecmgr, "store");
	cr_assert_eq(ipsecmgr.acks, 1, "committed here, not there");
	write_row(&srp, "srp", "state", "x");
	RIG_WAIT(srp.acks == 1);
	cr_assert_eq(ipsecmgr.acks, 1, "srp's own rows do not wait for the peer");
	peer_says(true, 2);
	RIG_WAIT(ipsecmgr.acks == 2);
	write_row(&ipsecmgr, "ikesa", "3", "x");
	rig_round_trip(&ipsecmgr, "store");
	cr_assert_eq(ipsecmgr.acks, 2);
	/* a restarted srdb goes on holding until srp tells it otherwise */
	rig_stop();
	rig_start("boot1");
	write_row(&ipsecmgr, "ikesa", "3", "x");
	rig_round_trip(&ipsecmgr, "store");
	cr_assert_eq(ipsecmgr.acks, 2);
	peer_says(false, 0);
	RIG_WAIT(ipsecmgr.acks == 3);
	write_row(&ipsecmgr, "ikesa", "4", "x");
	RIG_WAIT(ipsecmgr.acks == 4);
}

static void install(bool full_start, bool full_end, const char *key, const char *value)
{
	Envelope env = ENVELOPE__INIT;
	SrpInstall in = SRP_INSTALL__INIT;
	CkptRow row[2], *rows[] = {&row[0], &row[1]};

	row_init(&row[0], "ikesa", key, value);
	row_init(&row[1], "srp", "state", "of the peer");
	in.rows = rows;
	in.n_rows = 2;
	in.full_start = full_start;
	in.full_end = full_end;
	env.body_case = ENVELOPE__BODY_SRP_INSTALL;
	env.srp_install = &in;
	rig_request(&srp, &env);
}

Test(srdb_task, installs_rows_of_the_active_chassis)
{
	write_row(&srp, "srp", "state", "mine");
	RIG_WAIT(srp.acks == 1);
	install(true, false, "stale", "x");
	install(false, true, "1", "x");
	RIG_WAIT(srp.acks == 3);
	cr_assert_str_eq(rows_now(), "ikesa/1=x ikesa/stale=x srp/state=mine ");
	install(false, false, "2", "y");
	install(false, false, "1", NULL);
	RIG_WAIT(srp.acks == 5);
	cr_assert_str_eq(rows_now(), "ikesa/2=y ikesa/stale=x srp/state=mine ");
	/* a full synchronisation that srdb's death interrupts still ends with exactly the rows it brought */
	install(true, false, "3", "z");
	RIG_WAIT(srp.acks == 6);
	cr_assert_str_eq(rows_now(), "ikesa/2=y ikesa/3=z ikesa/stale=x srp/state=mine ",
	                 "nothing is dropped before the end");
	rig_stop();
	rig_start("boot1");
	install(false, true, "2", "y");
	RIG_WAIT(srp.acks == 7);
	cr_assert_str_eq(rows_now(), "ikesa/2=y ikesa/3=z srp/state=mine ");
}

/* Numbers that were used must not be used again: a data path that has lost an SA to another one may be late.
 */
Test(srdb_task, marks_of_data_paths_only_rise)
{
	rig_peer(&iftask, "p-iftask", "iftask/20", NULL);
	write_row(&ipsecmgr, "espseq", "01000001", "m1");
	RIG_WAIT(ipsecmgr.acks == 1);
	write_row(&iftask, "espseq", "01000001", "m3");
	write_row(&iftask, "espseq", "01000001", "m2");
	RIG_WAIT(iftask.acks == 2);
	cr_assert_eq(iftask.status, 0, "what is stored says more");
	cr_assert_str_eq(rows_now(), "espseq/01000001=m3 ");
	write_row(&ipsecmgr, "espseq", "01000001", "m1");
	RIG_WAIT(ipsecmgr.acks == 2);
	cr_assert_str_eq(rows_now(), "espseq/01000001=m1 ", "a new SA of that SPI begins anew");
	write_row(&ipsecmgr, "espseq", "01000001", NULL);
	RIG_WAIT(ipsecmgr.acks == 3);
	write_row(&iftask, "espseq", "01000001", "m4");
	write_row(&iftask, "espseq", "01000002", "m1");
	RIG_WAIT(iftask.acks == 4);
	cr_assert_str_eq(rows_now(), "espseq/01000002=m1 ", "the SA is gone, and stays gone");
	rig_peer_close(&iftask);
}

static void trap(const char *name, uint64_t at)
{
	Envelope env = ENVELOPE__INIT;
	TrapRaise tr = TRAP_RAISE__INIT;
	TrapVar slot = TRAP_VAR__INIT, *vars[] = {&slot};

	slot.name = "starSlotNum";
	slot.value_case = TRAP_VAR__VALUE_NUM;
	slot.num = 2;
	tr.name = (char *)name;
	tr.vars = vars;
	tr.n_vars = 1;
	tr.at_wall_us = at;
	env.body_case = ENVELOPE__BODY_TRAP_RAISE;
	env.trap_raise = &tr;
	rig_request(&ipsecmgr, &env);
}

static int trap_text(const struct store_trap *row, void *arg)
{
	size_t at = strlen(text);

	snprintf(text + at, sizeof(text) - at, "%lld:%s:%u:%d ", (long long)row->seq, row->name, row->number,
	         row->sent);
	return 0;
}

static int count_alarms(const struct store_alarm *row, void *arg)
{
	cr_assert_str_eq(row->object, "Card 2");
	++*(int *)arg;
	return 0;
}

static int outstanding(void)
{
	struct store_reader *r = store_open_reader(rig.dir, STORE_STATE);
	int n = 0;

	store_alarm_list(r, true, count_alarms, &n);
	store_close_reader(r);
	return n;
}

Test(srdb_task, traps_are_stored_once_then_published)
{
	struct store_reader *r = store_open_reader(rig.dir, STORE_STATE);
	Envelope env = ENVELOPE__INIT;
	TrapSent sent = TRAP_SENT__INIT;

	trap("CardBootFailed", 1000);
	RIG_WAIT(ipsecmgr.acks == 1 && snmp.received == 1);
	cr_assert_eq(ipsecmgr.status, 0);
	cr_assert_eq(snmp.last->body_case, ENVELOPE__BODY_TRAP_STORED);
	cr_assert_eq(snmp.last->trap_stored->seq, 1);
	cr_assert_eq(outstanding(), 1);
	rig_stop();
	rig_start("boot1");
	trap("CardBootFailed", 1000); /* repeated, because the answer could have been lost */
	trap("starCardActive", 2000); /* clears it */
	trap("NoSuchTrap", 3000);
	RIG_WAIT(ipsecmgr.acks == 4 && snmp.received == 2);
	cr_assert_eq(outstanding(), 0);
	store_trap_list(r, 0, false, 0, trap_text, NULL);
	cr_assert_str_eq(text, "1:CardBootFailed:9:0 2:CardActive:55:0 ");
	trap("NoSuchTrap", 4000);
	RIG_WAIT(ipsecmgr.acks == 5);
	cr_assert_eq(ipsecmgr.status, -EINVAL);
	sent.seq = 2;
	env.body_case = ENVELOPE__BODY_TRAP_SENT;
	env.trap_sent = &sent;
	rig_tell(&snmp, &env);
	write_row(&snmp, "any", "later",
	          "x"); /* its acknowledgement says that what was sent before is committed */
	RIG_WAIT(snmp.acks == 1);
	text[0] = '\0';
	store_trap_list(r, 0, true, 0, trap_text, NULL);
	cr_assert_str_eq(text, "");
	store_close_reader(r);
}

static int count_events(const struct store_event *row, void *arg)
{
	cr_assert_str_eq(row->text, "hello");
	++*(int *)arg;
	return 0;
}

static int history_text(const struct store_history *row, void *arg)
{
	strcat(text, row->json);
	return 0;
}

Test(srdb_task, events_and_history)
{
	struct store_reader *r = store_open_reader(rig.dir, STORE_STATE);
	Envelope env = ENVELOPE__INIT;
	LogBatch b = LOG_BATCH__INIT;
	LogRecord rec = LOG_RECORD__INIT, *recs[] = {&rec, &rec};
	HistoryWrite h = HISTORY_WRITE__INIT;
	HistoryRow row = HISTORY_ROW__INIT, *rows[] = {&row};
	int n = 0;

	rec.text = "hello";
	rec.level = 4;
	b.records = recs;
	b.n_records = 2;
	env.body_case = ENVELOPE__BODY_LOG_BATCH;
	env.log_batch = &b;
	rig_request(&evlogd, &env);
	RIG_WAIT(evlogd.acks == 1);
	cr_assert_eq(evlogd.status, 0);
	store_event_list(r, NULL, 6, 0, count_events, &n);
	cr_assert_eq(n, 2);
	rec.level = 99;
	rig_request(&evlogd, &env);
	RIG_WAIT(evlogd.acks == 2);
	cr_assert_eq(evlogd.status, -EINVAL);
	row.table = "rct";
	row.json = "{\"action\":\"Migration\"}";
	h.rows = rows;
	h.n_rows = 1;
	env.body_case = ENVELOPE__BODY_HISTORY_WRITE;
	env.history_write = &h;
	rig_request(&ipsecmgr, &env);
	row.json = "{broken";
	rig_request(&ipsecmgr, &env);
	RIG_WAIT(ipsecmgr.acks == 2);
	text[0] = '\0';
	store_history_list(r, "rct", 0, history_text, NULL);
	cr_assert_str_eq(text, "{\"action\":\"Migration\"}");
	store_close_reader(r);
}

static int sample_text(const struct store_sample *row, void *arg)
{
	snprintf(text, sizeof(text), "%s[%s]%s", row->schema, row->key, row->values);
	return 0;
}

static void sample(unsigned expected)
{
	Envelope env = ENVELOPE__INIT;
	SampleNow now = SAMPLE_NOW__INIT;

	env.body_case = ENVELOPE__BODY_SAMPLE_NOW;
	env.sample_now = &now;
	rig_request(&snmp, &env);
	RIG_WAIT(snmp.received == expected);
	cr_assert_eq(snmp.last->body_case, ENVELOPE__BODY_SAMPLE_DONE);
}

Test(srdb_task, samples_stay_monotonic_over_a_restart_of_both)
{
	struct store_reader *r = store_open_reader(rig.dir, STORE_STATE);
	struct counters *c = counters_create(rig.dir, 2, "ipsecmgr", 1, 4);
	struct counters_wsg *w = counters_add(c, &counters_schema_wsg, "svc");

	counter_add(&w->total_packets_sent, 10);
	sample(1);
	store_sample_last(r, "wsg", sample_text, NULL);
	cr_assert_str_eq(text, "wsg[svc]{\"wsg-total-packets-sent\":10}");
	rig_stop();
	counters_close(c, false);
	c = counters_create(rig.dir, 2, "ipsecmgr", 1, 4);
	w = counters_add(c, &counters_schema_wsg, "svc");
	counter_add(&w->total_packets_sent, 7);
	rig_start("boot1");
	sample(2);
	store_sample_last(r, "wsg", sample_text, NULL);
	cr_assert_str_eq(text, "wsg[svc]{\"wsg-total-packets-sent\":17}");
	counters_close(c, true);
	store_close_reader(r);
}
