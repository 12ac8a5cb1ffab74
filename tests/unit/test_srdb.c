/* SPDX-License-Identifier: MIT */
/* srdb's pure parts: holding acknowledgements for the standby chassis; counter totals that never fall, over
 * restarts of everybody. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/schemas.h"
#include "srdb/srdb_hold.h"
#include "srdb/srdb_sampler.h"

static char released[400];

static void release(void *arg, int64_t version, void *ctx)
{
	size_t at = strlen(released);

	snprintf(released + at, sizeof(released) - at, "%s:%lld ", (char *)arg, (long long)version);
}

Test(srdb_hold, acknowledges_at_once_when_not_in_sync)
{
	struct srdb_hold *h = srdb_hold_new(release, NULL);

	srdb_hold_add(h, 1, "a");
	cr_assert_str_eq(released, "a:1 ");
	srdb_hold_free(h);
}

Test(srdb_hold, waits_for_the_peer_in_order)
{
	struct srdb_hold *h = srdb_hold_new(release, NULL);

	srdb_hold_acked(h, 10);
	srdb_hold_sync(h, true);
	srdb_hold_add(h, 9, "old");
	srdb_hold_add(h, 11, "a");
	srdb_hold_add(h, 15, "b");
	srdb_hold_add(h, 15, "same");
	cr_assert_str_eq(released, "old:9 ");
	srdb_hold_acked(h, 12);
	srdb_hold_acked(h, 5);
	cr_assert_str_eq(released, "old:9 a:11 ");
	cr_assert_eq(srdb_hold_waiting(h), 2);
	srdb_hold_acked(h, 15);
	cr_assert_str_eq(released, "old:9 a:11 b:15 same:15 ");
	srdb_hold_add(h, 16, "c");
	srdb_hold_sync(h, false);
	cr_assert_str_eq(released, "old:9 a:11 b:15 same:15 c:16 ");
	cr_assert_eq(srdb_hold_acked_version(h), 15);
	srdb_hold_free(h);
}

static size_t count;
static int64_t last;

static void counting(void *arg, int64_t version, void *ctx)
{
	cr_assert_geq(version, last);
	last = version;
	count++;
}

Test(srdb_hold, many_waiting_and_wrapping)
{
	struct srdb_hold *h = srdb_hold_new(counting, NULL);

	srdb_hold_sync(h, true);
	for (int64_t v = 1; v <= 5000; v++) {
		srdb_hold_add(h, v, h);
		if (v % 7 == 0)
			srdb_hold_acked(h, v / 2);
	}
	srdb_hold_acked(h, 5000);
	cr_assert_eq(count, 5000);
	srdb_hold_free(h);
}

static char run[64];

static void make_run(void)
{
	snprintf(run, sizeof(run), "/tmp/orrery-srdb-XXXXXX");
	cr_assert(mkdtemp(run));
}

static void drop_run(void)
{
	char cmd[100];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", run);
	cr_assert_eq(system(cmd), 0);
}

TestSuite(srdb_sampler, .init = make_run, .fini = drop_run);

static struct counters_wsg *start(struct counters **c, unsigned instance)
{
	struct counters_wsg *w;

	*c = counters_create(run, 2, "ipsecmgr", instance, 0);
	cr_assert(*c);
	w = counters_add(*c, &counters_schema_wsg, "svc");
	cr_assert(w);
	return w;
}

#define SENT(s)     srdb_sampler_value(s, "wsg", "svc", "total_packets_sent")
#define SESSIONS(s) srdb_sampler_value(s, "wsg", "svc", "current_sessions_total")

Test(srdb_sampler, sums_tasks_and_survives_their_restart)
{
	struct srdb_sampler *s = srdb_sampler_new(run);
	struct counters *a, *b;
	struct counters_wsg *wa, *wb;

	cr_assert_eq(srdb_sampler_scan(s), -ENOENT);
	wa = start(&a, 1);
	wb = start(&b, 2);
	counter_add(&wa->total_packets_sent, 100);
	counter_add(&wb->total_packets_sent, 20);
	counter_set(&wa->current_sessions_total, 5);
	counter_set(&wb->current_sessions_total, 7);
	cr_assert_eq(srdb_sampler_scan(s), 2);
	cr_assert_eq(SENT(s), 120);
	cr_assert_eq(SESSIONS(s), 12);

	/* counts after the last scan are not lost when the owner dies: its file is still mapped */
	counter_add(&wa->total_packets_sent, 3);
	counters_close(a, false);
	srdb_sampler_scan(s);
	cr_assert_eq(SENT(s), 123);
	cr_assert_eq(SESSIONS(s), 7, "a dead owner's gauge does not count");
	wa = start(&a, 1);
	counter_add(&wa->total_packets_sent, 1000); /* grows past the former value before the next scan */
	srdb_sampler_scan(s);
	cr_assert_eq(SENT(s), 1123);
	counters_remove(b, &counters_schema_wsg, "svc");
	srdb_sampler_scan(s);
	cr_assert_eq(SENT(s), 1123);
	wb = counters_add(b, &counters_schema_wsg, "svc");
	counter_add(&wb->total_packets_sent, 1);
	srdb_sampler_scan(s);
	cr_assert_eq(SENT(s), 1124);
	counters_remove(b, &counters_schema_wsg, "svc");
	wb = counters_add(b, &counters_schema_wsg, "svc");
	srdb_sampler_scan(s);
	cr_assert_eq(SENT(s), 1124, "retired and taken again between two scans");
	counters_close(a, true);
	srdb_sampler_scan(s);
	cr_assert_eq(SENT(s), 1124);
	counters_close(b, true);
	srdb_sampler_free(s);
}

Test(srdb_sampler, goes_on_exactly_after_its_own_restart)
{
	struct srdb_sampler *s = srdb_sampler_new(run), *t = srdb_sampler_new(run),
	                    *other = srdb_sampler_new(run);
	struct counters *a, *b;
	struct counters_wsg *wa = start(&a, 1), *wb = start(&b, 2);
	char *text;

	counter_add(&wa->total_packets_sent, 100);
	counter_add(&wb->total_packets_sent, 20);
	srdb_sampler_scan(s);
	text = srdb_sampler_save(s, "boot1");
	cr_assert_eq(srdb_sampler_load(other, text, "boot2"), -ESTALE);
	cr_assert_eq(srdb_sampler_load(other, "{", "boot2"), -EINVAL);
	cr_assert_eq(
	        srdb_sampler_load(other, "{\"boot\":\"b\",\"parts\":[1,{}],\"totals\":[{\"s\":\"x\"}]}", "b"),
	        0);
	srdb_sampler_free(s);
	/* while srdb is away one task counts on, the other one is replaced */
	counter_add(&wa->total_packets_sent, 5);
	counters_close(b, false);
	wb = start(&b, 2);
	counter_add(&wb->total_packets_sent, 2);
	cr_assert_eq(srdb_sampler_load(t, text, "boot1"), 0);
	srdb_sampler_scan(t);
	cr_assert_eq(SENT(t), 127);
	free(text);
	counters_close(a, true);
	counters_close(b, true);
	srdb_sampler_free(t);
	srdb_sampler_free(other);
}

static char totals[2000];

static int collect(const struct counter_schema *schema, const char *key, const char *json, void *arg)
{
	size_t at = strlen(totals);

	snprintf(totals + at, sizeof(totals) - at, "%s[%s]%s ", schema->name, key, json);
	return 0;
}

Test(srdb_sampler, totals_by_scope)
{
	struct srdb_sampler *s = srdb_sampler_new(run);
	struct counters *c = counters_create(run, 3, "iftask", 31, 0);
	struct counters_esp *esp = counters_add(c, &counters_schema_esp, "w0");
	struct counters_card *card = counters_add(c, &counters_schema_card, "");
	struct counters_bus *bus = counters_add(c, &counters_schema_bus, "");

	esp->in_packets = 4;
	card->numcpu = 3;
	bus->sent = 2;
	srdb_sampler_scan(s);
	srdb_sampler_totals(s, collect, NULL);
	cr_assert_str_eq(
	        totals,
	        "esp[iftask/31:w0]{\"esp-in-packets\":4} card[3]{\"numcpu\":3} bus[iftask/31]{\"sent\":2} ");
	counters_close(c, true);
	for (int i = 0; i < 25; i++)
		srdb_sampler_scan(s);
	totals[0] = '\0';
	srdb_sampler_totals(s, collect, NULL);
	cr_assert_str_eq(totals, "");
	srdb_sampler_free(s);
}
