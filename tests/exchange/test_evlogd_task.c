/* SPDX-License-Identifier: MIT */
/*
 * The evlogd process itself on a bus (task_rig.h), with a bus client as srdb: records reach the text file in
 * StarOS's form and the store once srdb has them, are filtered by the configuration, kept while srdb is away,
 * counted when lost, and harmless when hostile.
 */
#include <errno.h>
#include <jansson.h>
#include <sys/stat.h>

#include "base/log.h"
#include "store/store.h"
#include "tests/exchange/task_rig.h"

static struct peer ipsecmgr, srdb;
static unsigned stored;      /* records srdb was given */
static bool refuse;          /* srdb answers that its queue is full */
static char last_text[2000]; /* of the last record */

static void srdb_rx(struct peer *p, const Envelope *in, const char *ret)
{
	Envelope env = ENVELOPE__INIT;
	Status st = STATUS__INIT;

	if (in->body_case != ENVELOPE__BODY_LOG_BATCH)
		return;
	st.code = refuse ? -EAGAIN : 0;
	if (!refuse)
		stored += (unsigned)in->log_batch->n_records;
	for (size_t i = 0; i < in->log_batch->n_records; i++)
		if (strcmp(in->log_batch->records[i]->task, "ipsecmgr") == 0)
			snprintf(last_text, sizeof(last_text), "%s", in->log_batch->records[i]->text);
	env.kind = ENVELOPE__KIND__RESPONSE;
	env.id = in->id;
	env.body_case = ENVELOPE__BODY_STATUS;
	env.status = &st;
	bus_client_send(p->client, ret, &env);
}

static void configure(const char *path, const char *value)
{
	int err;
	struct store_writer *w = store_open_writer(rig.dir, STORE_CONFIG, NULL, &err);
	struct store_batch *b = store_batch_new(w);
	struct store_config row = {.path = path, .value = value};

	cr_assert_eq(store_batch_config(b, &row), 0);
	store_submit(w, b, 0, NULL, NULL);
	store_close_writer(w);
}

static void setup(void)
{
	rig_setup("evlogd");
	rig_peer(&ipsecmgr, "p-ipsecmgr", "ipsecmgr/1", NULL);
	rig_peer(&srdb, "p-srdb", "srdb/0", NULL);
	srdb.rx = srdb_rx;
	configure("logging-filter-active=ikev2", "facility=ikev2&level=debug");
	configure("logging-filter-active=srp", "facility=srp&level=error");
	rig_start("boot1");
}

static void teardown(void)
{
	if (!rig.card)
		return;
	rig_peer_close(&ipsecmgr);
	rig_peer_close(&srdb);
	rig_teardown();
}

TestSuite(evlogd_task, .init = setup, .fini = teardown, .timeout = 60);

static void log_records(const char *facility, unsigned level, const char *text, size_t n, unsigned lost)
{
	Envelope env = ENVELOPE__INIT;
	LogBatch b = LOG_BATCH__INIT;
	LogRecord rec = LOG_RECORD__INIT, *recs[1000];

	rec.wall_us = 1624183872150000;
	rec.facility = (char *)facility;
	rec.event = 122001;
	rec.level = level;
	rec.card = 2;
	rec.pid = 77;
	rec.task = "ipsecmgr";
	rec.instance = 1;
	rec.file = "x.c";
	rec.line = 9;
	rec.categories = "software";
	rec.text = (char *)text;
	for (size_t i = 0; i < n; i++)
		recs[i] = &rec;
	b.records = recs;
	b.n_records = n;
	b.lost = lost;
	env.body_case = ENVELOPE__BODY_LOG_BATCH;
	env.log_batch = &b;
	rig_tell(&ipsecmgr, &env);
}

static json_int_t figure(const char *name)
{
	json_t *o;
	json_int_t v;

	rig_round_trip(&ipsecmgr, "");
	o = json_loads(ipsecmgr.last->show_reply->json, 0, NULL);
	v = json_integer_value(json_object_get(o, name));
	json_decref(o);
	return v;
}

/* Ask until the figure is at least (or, for 0, exactly) this. */
static void wait_figure(const char *name, json_int_t want)
{
	json_int_t v = -1;

	for (int i = 0; i < 20000 && (v < want || (want == 0 && v != 0)); i++)
		v = figure(name);
	cr_assert(want ? v >= want : v == 0, "%s is %lld", name, (long long)v);
}

/* How many lines of the log file contain `what`; `what` NULL: control characters. */
static int lines_with(const char *what)
{
	char path[128], line[3000];
	FILE *f;
	int n = 0;

	snprintf(path, sizeof(path), "%s/log/evlogd.log", rig.dir);
	f = fopen(path, "r");
	cr_assert(f);
	while (fgets(line, sizeof(line), f)) {
		if (what)
			n += strstr(line, what) != NULL;
		for (char *p = line; !what && *p && *p != '\n'; p++)
			n += (unsigned char)*p < 0x20;
	}
	fclose(f);
	return n;
}

Test(evlogd_task, records_are_filtered_written_and_stored)
{
	unsigned before;

	wait_figure("waiting", 0);
	before = stored;
	log_records("ikev2", LOG_LEVEL_debug, "configured: debug", 1, 0);
	log_records("srp", LOG_LEVEL_info, "configured: errors only", 1, 0);
	log_records("hat", LOG_LEVEL_debug, "the default is info", 1, 0);
	log_records("hat", LOG_LEVEL_warning, "a warning", 1, 0);
	log_records("hat", 99, "no such level", 1, 0);
	RIG_WAIT(stored == before + 2);
	cr_assert_str_eq(last_text, "a warning");
	cr_assert_eq(lines_with("] [2/0/77 <ipsecmgr:1> x.c:9] [software] a warning"), 1);
	cr_assert_eq(lines_with("[ikev2 122001 debug]"), 1);
	cr_assert_eq(lines_with("errors only"), 0);
	cr_assert_eq(lines_with("the default is info"), 0);
}

Test(evlogd_task, hostile_text_stays_on_its_line)
{
	log_records("hat", LOG_LEVEL_error, "a\nb\033[2Jc\r", 1, 0);
	figure("waiting");
	cr_assert_eq(lines_with("a?b?[2Jc?"), 1);
	cr_assert_eq(lines_with(NULL), 0);
}

Test(evlogd_task, records_wait_for_srdb)
{
	unsigned before;

	wait_figure("waiting", 0);
	before = stored;
	refuse = true;
	log_records("hat", LOG_LEVEL_error, "x", 800, 0);
	cr_assert_geq(figure("waiting"), 800);
	refuse = false;
	RIG_WAIT(stored == before + 800);
	wait_figure("waiting", 0);
	cr_assert_eq(figure("dropped"), 0);
}

Test(evlogd_task, a_flood_is_bounded_counted_and_said)
{
	wait_figure("waiting", 0);
	refuse = true;
	for (int i = 0; i < 10; i++)
		log_records("hat", LOG_LEVEL_error, "flood", 1000, i == 0 ? 7 : 0);
	wait_figure("dropped", 5007);
	refuse = false;
	wait_figure("waiting", 0);
	RIG_WAIT(lines_with("log records were dropped") >= 1);
	cr_assert_eq(lines_with("] flood"), 10000);
}

Test(evlogd_task, files_rotate)
{
	char path[128], text[1000];
	struct stat st;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 5; i++)
		log_records("hat", LOG_LEVEL_error, text, 1000, 0);
	figure("waiting");
	snprintf(path, sizeof(path), "%s/log/evlogd.log.1", rig.dir);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert(st.st_size >= 4 << 20 && st.st_size < 6 << 20);
	snprintf(path, sizeof(path), "%s/log/evlogd.log.2", rig.dir);
	cr_assert_neq(stat(path, &st), 0);
}
