/* SPDX-License-Identifier: MIT */
/*
 * The srdb process itself on a bus: a switch in this program plays the card, bus clients play ipsecmgr, srp, snmp and evlogd. Checkpoint
 * acknowledgements, holding for the standby chassis, kill -9 and restart, new boot, installation of rows, traps and alarms, events,
 * samples. Everything waits for a condition with a deadline. Skipped when build/libexec/orrery/srdb is not there.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/schemas.h"
#include "bus/bus.h"
#include "store/store.h"

#define PROGRAM     "build/libexec/orrery/srdb"
#define DEADLINE_MS 10000
#define TICK_MS     2

static char dir[64];
static uv_loop_t loop;
static uv_timer_t deadline;
static struct bus_switch *card;
static char identity[40];
static bool ready, late;
static pid_t pid;

struct peer {
	struct bus_client *client;
	uint64_t next_id;
	Envelope *last; /* last message received */
	unsigned received, acks;
	uint64_t acked_version;
	int status;
};
static struct peer ipsecmgr, srp, snmp, evlogd;

static void card_rx(void *arg, const struct bus_rx *rx)
{
	Envelope *env = envelope__unpack(NULL, rx->len, rx->data);

	cr_assert(env);
	if (env->body_case == ENVELOPE__BODY_HELLO) {
		snprintf(identity, sizeof(identity), "%s", rx->ret);
		cr_assert_eq(bus_switch_register(card, identity, "srdb/0"), 0);
	} else if (env->body_case == ENVELOPE__BODY_READY && env->ready->active) {
		bus_switch_ready(card, identity, "srdb/0");
		ready = true;
	}
	envelope__free_unpacked(env, NULL);
}

static void peer_rx(void *arg, const struct bus_rx *rx)
{
	struct peer *p = arg;
	Envelope *env = envelope__unpack(NULL, rx->len, rx->data);

	cr_assert(env);
	if (env->body_case == ENVELOPE__BODY_ROUTE) {
		envelope__free_unpacked(env, NULL);
		return;
	}
	if (p->last)
		envelope__free_unpacked(p->last, NULL);
	p->last = env;
	p->received++;
	if (env->body_case == ENVELOPE__BODY_CKPT_ACK) {
		p->acks++;
		p->acked_version = env->ckpt_ack->version;
	} else if (env->body_case == ENVELOPE__BODY_STATUS) {
		p->acks++;
		p->status = env->status->code;
	}
}

static unsigned ticks;

/* Messages may be taken just before the loop blocks; the tick lets WAIT see what they changed. */
static void tick(uv_timer_t *h)
{
	late = ++ticks >= DEADLINE_MS / TICK_MS;
}

#define WAIT(condition)                                                               \
	do {                                                                          \
		uv_timer_start(&deadline, tick, TICK_MS, TICK_MS);                    \
		for (late = false, ticks = 0; !(condition) && !late;)                 \
			uv_run(&loop, UV_RUN_ONCE);                                   \
		uv_timer_stop(&deadline);                                             \
		cr_assert(condition, "not within the deadline: " #condition);         \
	} while (0)

static void peer_open(struct peer *p, const char *id, const char *addr, const char *topic)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/card-5.ipc", dir);
	p->client = bus_client_new(&loop, path, id, peer_rx, p);
	cr_assert(p->client);
	cr_assert_eq(bus_switch_register(card, id, addr), 0);
	cr_assert_eq(bus_switch_ready(card, id, addr), 0);
	if (topic)
		cr_assert_eq(bus_switch_subscribe(card, id, topic), 0);
}

static void start(const char *boot)
{
	char env[6][160], *envp[7] = {env[0], env[1], env[2], env[3], env[4], env[5], NULL};
	char *argv[] = {"srdb", "0", "5/0", "active", NULL};

	snprintf(env[0], sizeof(env[0]), "ORRERY_CHASSIS=test");
	snprintf(env[1], sizeof(env[1]), "ORRERY_RUN=%s", dir);
	snprintf(env[2], sizeof(env[2]), "ORRERY_STATE=%s", dir);
	snprintf(env[3], sizeof(env[3]), "ORRERY_BOOT=%s", boot);
	snprintf(env[4], sizeof(env[4]), "ORRERY_PROFILE=none");
	snprintf(env[5], sizeof(env[5]), "ORRERY_TOKEN=t");
	ready = false;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 2);
		dup2(null, 3);
		execve(PROGRAM, argv, envp);
		_exit(127);
	}
	WAIT(ready);
}

static void stop(void)
{
	int status;

	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	bus_switch_withdraw(card, "srdb/0");
	bus_switch_unregister(card, identity);
}

static void setup(void)
{
	if (access(PROGRAM, X_OK) < 0)
		cr_skip_test("%s is not built", PROGRAM);
	signal(SIGPIPE, SIG_IGN);
	snprintf(dir, sizeof(dir), "/tmp/orrery-srdbt-XXXXXX");
	cr_assert(mkdtemp(dir));
	uv_loop_init(&loop);
	uv_timer_init(&loop, &deadline);
	card = bus_switch_new(&loop, dir, 5, card_rx, NULL);
	cr_assert(card);
	peer_open(&ipsecmgr, "p-ipsecmgr", "ipsecmgr/1", NULL);
	peer_open(&srp, "p-srp", "srp/0", "ckpt");
	peer_open(&snmp, "p-snmp", "snmp/0", "trap");
	peer_open(&evlogd, "p-evlogd", "evlogd/0", NULL);
	start("boot1");
}

static void teardown(void)
{
	struct peer *all[] = {&ipsecmgr, &srp, &snmp, &evlogd};
	char cmd[100];

	if (!card)
		return;
	stop();
	for (size_t i = 0; i < 4; i++) {
		bus_client_free(all[i]->client);
		if (all[i]->last)
			envelope__free_unpacked(all[i]->last, NULL);
	}
	bus_switch_free(card);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	cr_assert_eq(system(cmd), 0);
}

TestSuite(srdb_task, .init = setup, .fini = teardown, .timeout = 60);

static void request(struct peer *p, Envelope *env)
{
	env->kind = ENVELOPE__KIND__REQUEST;
	env->id = ++p->next_id;
	cr_assert_eq(bus_client_send(p->client, "srdb/0", env), 0);
}

static void tell(struct peer *p, Envelope *env)
{
	env->kind = ENVELOPE__KIND__ONEWAY;
	cr_assert_eq(bus_client_send(p->client, "srdb/0", env), 0);
}

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
	request(p, &env);
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
		tell(&srp, &env);
	s.in_sync = in_sync;
	env.body_case = ENVELOPE__BODY_SRP_SYNC_STATE;
	env.srp_sync_state = &s;
	tell(&srp, &env);
}

/* A round trip through srdb: everything sent by `p` before has been handled when it returns. */
static void round_trip(struct peer *p)
{
	Envelope env = ENVELOPE__INIT;
	Show s = SHOW__INIT;
	unsigned before = p->received;

	s.what = "store";
	env.body_case = ENVELOPE__BODY_SHOW;
	env.show = &s;
	request(p, &env);
	WAIT(p->received > before && p->last->body_case == ENVELOPE__BODY_SHOW_REPLY);
}

static char text[4096];

static int collect(const struct store_ckpt *row, void *arg)
{
	size_t at = strlen(text);

	snprintf(text + at, sizeof(text) - at, "%s/%s=%.*s ", row->kind, row->key, (int)row->len, (const char *)row->blob);
	return 0;
}

static const char *rows_now(void)
{
	struct store_reader *r = store_open_reader(dir, STORE_STATE);

	text[0] = '\0';
	cr_assert_eq(store_ckpt_list(r, NULL, NULL, collect, NULL), 0);
	store_close_reader(r);
	return text;
}

Test(srdb_task, acknowledged_rows_survive_a_kill_but_not_a_new_boot)
{
	for (int i = 0; i < 100; i++)
		write_row(&ipsecmgr, "ikesa", i % 2 ? "a" : "b", i >= 98 ? "new" : "old");
	WAIT(ipsecmgr.acks == 100);
	cr_assert_eq(ipsecmgr.acked_version, 100);
	stop();
	cr_assert_str_eq(rows_now(), "ikesa/a=new ikesa/b=new ");
	start("boot1");
	write_row(&ipsecmgr, "ikesa", "a", NULL);
	WAIT(ipsecmgr.acks == 101);
	cr_assert_eq(ipsecmgr.acked_version, 101);
	cr_assert_str_eq(rows_now(), "ikesa/b=new ");
	stop();
	start("boot2");
	cr_assert_str_eq(rows_now(), "");
	write_row(&ipsecmgr, "ikesa", "c", "x");
	WAIT(ipsecmgr.acks == 102);
	cr_assert_eq(ipsecmgr.acked_version, 102, "versions never begin again");
}

Test(srdb_task, refuses_bad_rows_and_foreign_senders)
{
	write_row(&ipsecmgr, "ikesa", "", "x");
	WAIT(ipsecmgr.acks == 1);
	cr_assert_eq(ipsecmgr.status, -EINVAL);
	ipsecmgr.status = 0;
	{
		Envelope env = ENVELOPE__INIT;
		SrpInstall in = SRP_INSTALL__INIT;

		env.body_case = ENVELOPE__BODY_SRP_INSTALL;
		env.srp_install = &in;
		request(&ipsecmgr, &env);
	}
	WAIT(ipsecmgr.acks == 2);
	cr_assert_eq(ipsecmgr.status, -EOPNOTSUPP);
}

Test(srdb_task, holds_acknowledgements_while_the_peer_is_in_sync)
{
	unsigned told;

	write_row(&ipsecmgr, "ikesa", "1", "x");
	WAIT(ipsecmgr.acks == 1);
	peer_says(true, 1);
	round_trip(&srp);
	told = srp.received;
	write_row(&ipsecmgr, "ikesa", "2", "x");
	WAIT(srp.received > told);
	cr_assert_eq(srp.last->body_case, ENVELOPE__BODY_CKPT_COMMITTED);
	cr_assert_eq(srp.last->ckpt_committed->version, 2);
	round_trip(&ipsecmgr);
	cr_assert_eq(ipsecmgr.acks, 1, "committed here, not there");
	write_row(&srp, "srp", "state", "x");
	WAIT(srp.acks == 1);
	cr_assert_eq(ipsecmgr.acks, 1, "srp's own rows do not wait for the peer");
	peer_says(true, 2);
	WAIT(ipsecmgr.acks == 2);
	write_row(&ipsecmgr, "ikesa", "3", "x");
	round_trip(&ipsecmgr);
	cr_assert_eq(ipsecmgr.acks, 2);
	/* a restarted srdb goes on holding until srp tells it otherwise */
	stop();
	start("boot1");
	write_row(&ipsecmgr, "ikesa", "3", "x");
	round_trip(&ipsecmgr);
	cr_assert_eq(ipsecmgr.acks, 2);
	peer_says(false, 0);
	WAIT(ipsecmgr.acks == 3);
	write_row(&ipsecmgr, "ikesa", "4", "x");
	WAIT(ipsecmgr.acks == 4);
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
	request(&srp, &env);
}

Test(srdb_task, installs_rows_of_the_active_chassis)
{
	write_row(&srp, "srp", "state", "mine");
	WAIT(srp.acks == 1);
	install(true, false, "stale", "x");
	install(false, true, "1", "x");
	WAIT(srp.acks == 3);
	cr_assert_str_eq(rows_now(), "ikesa/1=x ikesa/stale=x srp/state=mine ");
	install(false, false, "2", "y");
	install(false, false, "1", NULL);
	WAIT(srp.acks == 5);
	cr_assert_str_eq(rows_now(), "ikesa/2=y ikesa/stale=x srp/state=mine ");
	/* a full synchronisation that srdb's death interrupts still ends with exactly the rows it brought */
	install(true, false, "3", "z");
	WAIT(srp.acks == 6);
	cr_assert_str_eq(rows_now(), "ikesa/2=y ikesa/3=z ikesa/stale=x srp/state=mine ", "nothing is dropped before the end");
	stop();
	start("boot1");
	install(false, true, "2", "y");
	WAIT(srp.acks == 7);
	cr_assert_str_eq(rows_now(), "ikesa/2=y ikesa/3=z srp/state=mine ");
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
	request(&ipsecmgr, &env);
}

static int trap_text(const struct store_trap *row, void *arg)
{
	size_t at = strlen(text);

	snprintf(text + at, sizeof(text) - at, "%lld:%s:%u:%d ", (long long)row->seq, row->name, row->number, row->sent);
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
	struct store_reader *r = store_open_reader(dir, STORE_STATE);
	int n = 0;

	store_alarm_list(r, true, count_alarms, &n);
	store_close_reader(r);
	return n;
}

Test(srdb_task, traps_are_stored_once_then_published)
{
	struct store_reader *r = store_open_reader(dir, STORE_STATE);
	Envelope env = ENVELOPE__INIT;
	TrapSent sent = TRAP_SENT__INIT;

	trap("CardBootFailed", 1000);
	WAIT(ipsecmgr.acks == 1 && snmp.received == 1);
	cr_assert_eq(ipsecmgr.status, 0);
	cr_assert_eq(snmp.last->body_case, ENVELOPE__BODY_TRAP_STORED);
	cr_assert_eq(snmp.last->trap_stored->seq, 1);
	cr_assert_eq(outstanding(), 1);
	stop();
	start("boot1");
	trap("CardBootFailed", 1000); /* repeated, because the answer could have been lost */
	trap("starCardActive", 2000); /* clears it */
	trap("NoSuchTrap", 3000);
	WAIT(ipsecmgr.acks == 4 && snmp.received == 2);
	cr_assert_eq(outstanding(), 0);
	store_trap_list(r, 0, false, 0, trap_text, NULL);
	cr_assert_str_eq(text, "1:CardBootFailed:9:0 2:CardActive:55:0 ");
	trap("NoSuchTrap", 4000);
	WAIT(ipsecmgr.acks == 5);
	cr_assert_eq(ipsecmgr.status, -EINVAL);
	sent.seq = 2;
	env.body_case = ENVELOPE__BODY_TRAP_SENT;
	env.trap_sent = &sent;
	tell(&snmp, &env);
	write_row(&snmp, "any", "later", "x"); /* its acknowledgement says that what was sent before is committed */
	WAIT(snmp.acks == 1);
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
	struct store_reader *r = store_open_reader(dir, STORE_STATE);
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
	request(&evlogd, &env);
	WAIT(evlogd.acks == 1);
	cr_assert_eq(evlogd.status, 0);
	store_event_list(r, NULL, 6, 0, count_events, &n);
	cr_assert_eq(n, 2);
	rec.level = 99;
	request(&evlogd, &env);
	WAIT(evlogd.acks == 2);
	cr_assert_eq(evlogd.status, -EINVAL);
	row.table = "rct";
	row.json = "{\"action\":\"Migration\"}";
	h.rows = rows;
	h.n_rows = 1;
	env.body_case = ENVELOPE__BODY_HISTORY_WRITE;
	env.history_write = &h;
	request(&ipsecmgr, &env);
	row.json = "{broken";
	request(&ipsecmgr, &env);
	WAIT(ipsecmgr.acks == 2);
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
	request(&snmp, &env);
	WAIT(snmp.received == expected);
	cr_assert_eq(snmp.last->body_case, ENVELOPE__BODY_SAMPLE_DONE);
}

Test(srdb_task, samples_stay_monotonic_over_a_restart_of_both)
{
	struct store_reader *r = store_open_reader(dir, STORE_STATE);
	struct counters *c = counters_create(dir, 2, "ipsecmgr", 1, 4);
	struct counters_wsg *w = counters_add(c, &counters_schema_wsg, "svc");

	counter_add(&w->total_packets_sent, 10);
	sample(1);
	store_sample_last(r, "wsg", sample_text, NULL);
	cr_assert_str_eq(text, "wsg[svc]{\"wsg-total-packets-sent\":10}");
	stop();
	counters_close(c, false);
	c = counters_create(dir, 2, "ipsecmgr", 1, 4);
	w = counters_add(c, &counters_schema_wsg, "svc");
	counter_add(&w->total_packets_sent, 7);
	start("boot1");
	sample(2);
	store_sample_last(r, "wsg", sample_text, NULL);
	cr_assert_str_eq(text, "wsg[svc]{\"wsg-total-packets-sent\":17}");
	counters_close(c, true);
	store_close_reader(r);
}
