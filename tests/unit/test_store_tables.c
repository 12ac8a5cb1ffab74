/* SPDX-License-Identifier: MIT */
/* The other tables of the store: traps, events with their ring, samples, alarms, history, meta; and
 * config.db. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/store.h"

static char dir[64], text[4096];
static struct store_writer *w;

static void setup(void)
{
	struct store_limits lim = {
	        .events_max = 32, .traps_max = 16, .history_max = 16, .samples_keep_us = 60 * US_PER_SEC};
	int err;

	snprintf(dir, sizeof(dir), "/tmp/orrery-store-XXXXXX");
	cr_assert(mkdtemp(dir));
	w = store_open_writer(dir, STORE_STATE, &lim, &err);
	cr_assert(w);
	text[0] = '\0';
}

static void teardown(void)
{
	char cmd[100];

	store_close_writer(w);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	cr_assert_eq(system(cmd), 0);
}

TestSuite(store_tables, .init = setup, .fini = teardown);

static void commit(struct store_batch *b)
{
	cr_assert_eq(store_submit(w, b, 0, NULL, NULL), 0);
	cr_assert_eq(store_flush(w, 0), 0);
}

static int trap_text(const struct store_trap *row, void *arg)
{
	size_t at = strlen(text);

	snprintf(text + at, sizeof(text) - at, "%lld:%s:%u:%s:%d ", (long long)row->seq, row->name,
	         row->number, row->varbinds, row->sent);
	return 0;
}

Test(store_tables, traps)
{
	struct store_trap t = {.wall_us = 5,
	                       .number = 60,
	                       .name = "CardDown",
	                       .facility = "hatsystem",
	                       .varbinds = "[1]",
	                       .text = "card 2"};
	struct store_batch *b = store_batch_new(w);

	store_batch_trap(b, &t);
	t.name = "CardUp";
	t.number = 5;
	store_batch_trap(b, &t);
	commit(b);
	cr_assert_eq(store_trap_list(store_writer_reader(w), 0, false, 0, trap_text, NULL), 0);
	cr_assert_str_eq(text, "1:CardDown:60:[1]:0 2:CardUp:5:[1]:0 ");
	b = store_batch_new(w);
	store_batch_trap_sent(b, 1);
	commit(b);
	text[0] = '\0';
	store_trap_list(store_writer_reader(w), 0, true, 0, trap_text, NULL);
	cr_assert_str_eq(text, "2:CardUp:5:[1]:0 ");
}

static int event_text(const struct store_event *row, void *arg)
{
	size_t at = strlen(text);

	cr_assert_str_eq(row->file, "hat.c");
	cr_assert_eq(row->line, 1470);
	cr_assert_eq(row->card, 5);
	cr_assert_eq(row->cpu, 1);
	cr_assert_eq(row->pid, 7094);
	cr_assert_eq(row->instance, 3);
	snprintf(text + at, sizeof(text) - at, "%s.%u.%d ", row->facility, row->event_id, row->level);
	return 0;
}

static int count_event(const struct store_event *row, void *arg)
{
	++*(int *)arg;
	return 0;
}

Test(store_tables, events_and_their_ring)
{
	struct store_event e = {0,    99,          "hat", 3033,    1,    5,          1,
	                        7094, "hatsystem", 3,     "hat.c", 1470, "software", "text"};
	struct store_batch *b = store_batch_new(w);
	int n = 0;

	store_batch_event(b, &e);
	e.facility = "srp";
	e.level = 4;
	e.event_id = 122000;
	store_batch_event(b, &e);
	commit(b);
	store_event_list(store_writer_reader(w), NULL, 6, 10, event_text, NULL);
	store_event_list(store_writer_reader(w), NULL, 1, 10, event_text, NULL);
	store_event_list(store_writer_reader(w), "srp", 6, 10, event_text, NULL);
	store_event_list(store_writer_reader(w), NULL, 6, 1, event_text, NULL);
	cr_assert_str_eq(text, "hat.3033.1 srp.122000.4 hat.3033.1 srp.122000.4 srp.122000.4 ");
	for (int i = 0; i < 20; i++) {
		b = store_batch_new(w);
		for (int j = 0; j < 10; j++)
			store_batch_event(b, &e);
		commit(b);
	}
	store_event_list(store_writer_reader(w), NULL, 6, 0, count_event, &n);
	cr_assert(n >= 32 && n < 48, "ring of 32 holds %d", n);
}

static int sample_text(const struct store_sample *row, void *arg)
{
	size_t at = strlen(text);

	snprintf(text + at, sizeof(text) - at, "%s/%s@%llu%s ", row->schema, row->key,
	         (unsigned long long)(row->wall_us / US_PER_SEC), row->values);
	return 0;
}

Test(store_tables, samples)
{
	for (uint64_t s = 1000; s < 1200; s += 20) {
		struct store_batch *b = store_batch_new(w);
		struct store_sample row = {"wsg", "svc1", s * US_PER_SEC, "{}"};

		store_batch_sample(b, &row);
		row.key = "svc2";
		if (s < 1100)
			store_batch_sample(b, &row);
		commit(b);
	}
	store_sample_last(store_writer_reader(w), "wsg", sample_text, NULL);
	cr_assert_str_eq(text, "wsg/svc1@1180{} wsg/svc2@1080{} ");
	text[0] = '\0';
	store_sample_list(store_writer_reader(w), "wsg", 0, UINT64_MAX, sample_text, NULL);
	cr_assert_str_eq(text, "wsg/svc1@1120{} wsg/svc1@1140{} wsg/svc1@1160{} wsg/svc1@1180{} ");
	text[0] = '\0';
	store_sample_list(store_writer_reader(w), "wsg", 1130 * US_PER_SEC, 1150 * US_PER_SEC, sample_text,
	                  NULL);
	cr_assert_str_eq(text, "wsg/svc1@1140{} ");
}

static int alarm_text(const struct store_alarm *row, void *arg)
{
	size_t at = strlen(text);

	snprintf(text + at, sizeof(text) - at, "%s:%s:%d:%llu ", row->object, row->name, row->severity,
	         (unsigned long long)row->cleared_us);
	return 0;
}

Test(store_tables, alarms)
{
	struct store_alarm a = {
	        .object = "Card 3", .name = "CardSPOF", .severity = 2, .raised_us = 10, .text = "t"};
	struct store_batch *b = store_batch_new(w);

	store_batch_alarm(b, &a);
	store_batch_alarm(b, &a); /* raised twice: one outstanding */
	commit(b);
	store_alarm_list(store_writer_reader(w), true, alarm_text, NULL);
	cr_assert_str_eq(text, "Card 3:CardSPOF:2:0 ");
	a.cleared_us = 20;
	b = store_batch_new(w);
	store_batch_alarm(b, &a);
	a.cleared_us = 0;
	store_batch_alarm(b, &a);
	commit(b);
	text[0] = '\0';
	store_alarm_list(store_writer_reader(w), false, alarm_text, NULL);
	cr_assert_str_eq(text, "Card 3:CardSPOF:2:20 Card 3:CardSPOF:2:0 ");
	b = store_batch_new(w);
	store_batch_alarm_clear_all(b, 30);
	commit(b);
	text[0] = '\0';
	store_alarm_list(store_writer_reader(w), true, alarm_text, NULL);
	cr_assert_str_eq(text, "");
}

static int history_text(const struct store_history *row, void *arg)
{
	strcat(strcat(text, row->json), " ");
	return 0;
}

Test(store_tables, history_and_meta)
{
	struct store_history h = {.kind = "rct", .wall_us = 1, .json = "{\"a\":1}"};
	struct store_batch *b = store_batch_new(w);
	char value[16];

	store_batch_history(b, &h);
	h.json = "{\"a\":2}";
	store_batch_history(b, &h);
	store_batch_meta(b, "boot_id", "abc");
	store_batch_meta(b, "boot_id", "def");
	commit(b);
	store_history_list(store_writer_reader(w), "rct", 1, history_text, NULL);
	store_history_list(store_writer_reader(w), "rct", 0, history_text, NULL);
	store_history_list(store_writer_reader(w), "card_history", 0, history_text, NULL);
	cr_assert_str_eq(text, "{\"a\":2} {\"a\":1} {\"a\":2} ");
	cr_assert_eq(store_meta_get(store_writer_reader(w), "boot_id", value, sizeof(value)), 0);
	cr_assert_str_eq(value, "def");
	cr_assert_eq(store_meta_get(store_writer_reader(w), "none", value, sizeof(value)), -ENODATA);
}

static int config_text(const struct store_config *row, void *arg)
{
	size_t at = strlen(text);

	snprintf(text + at, sizeof(text) - at, "%s%s=%s ", row->deleted ? "-" : "", row->path, row->value);
	return 0;
}

Test(store_tables, config_db)
{
	int err;
	struct store_writer *c = store_open_writer(dir, STORE_CONFIG, NULL, &err);
	struct store_reader *r = store_open_reader(dir, STORE_CONFIG);
	static const struct store_config rows[] = {
	        {"context isp/wsg-service a/bind", "1.2.3.4", 0, false},
	        {"context isp", "", 0, false},
	        {"context local", "", 0, false},
	        {"context isp", "", 0, true},
	};
	struct store_batch *b;

	cr_assert(c, "a writer of the other file may run beside this one: %d", err);
	for (size_t i = 0; i < 4; i++) {
		b = store_batch_new(c);
		cr_assert_eq(store_batch_config(b, &rows[i]), 0);
		cr_assert_eq(store_batch_ckpt_clear(b), -EINVAL);
		store_submit(c, b, 0, NULL, NULL);
	}
	cr_assert_eq(store_flush(c, 0), 0);
	store_config_list(r, "context", config_text, NULL);
	cr_assert_str_eq(text, "context isp/wsg-service a/bind=1.2.3.4 context local= ");
	text[0] = '\0';
	store_config_list(r, "context isp", config_text, NULL);
	store_config_list(r, NULL, config_text, NULL);
	cr_assert_str_eq(text, "context isp/wsg-service a/bind=1.2.3.4 context isp/wsg-service "
	                       "a/bind=1.2.3.4 context local= ");
	text[0] = '\0';
	store_config_above(r, 2, config_text, NULL);
	cr_assert_str_eq(text, "context local= -context isp= ");
	b = store_batch_new(c);
	store_batch_config_clear(b);
	store_submit(c, b, 0, NULL, NULL);
	store_close_writer(c);
	c = store_open_writer(dir, STORE_CONFIG, NULL, &err);
	cr_assert_eq(store_version(c), 4);
	store_close_writer(c);
	store_close_reader(r);
}
