/* SPDX-License-Identifier: MIT */
/*
 * Congestion control (chapter 13): thresholds and the action out of the configuration, a resource that is
 * congested from its threshold on and no more below it less the tolerance, what new calls meet.
 */
#include <criterion/criterion.h>

#include "cfg/cfg.h"
#include "congest/congest.h"

static struct cli_grammar *g;
static struct cfg_tree *t;
static struct congest c;
static uint32_t value[CONGEST_RESOURCES], began, ended;
static bool known[CONGEST_RESOURCES];

static void setup(void)
{
	char err[256];

	g = cli_grammar_load("cli/grammar", err, sizeof(err));
	cr_assert_not_null(g, "%s", err);
	t = cfg_new(g);
}

static void teardown(void)
{
	cfg_free(t);
	cli_grammar_free(g);
}

TestSuite(congest, .init = setup, .fini = teardown);

static void configure(const char *text)
{
	cr_assert_eq(cli_load_text(t, NULL, text, NULL, NULL), 0);
	congest_configure(&c, t);
}

static void measure(enum congest_resource r, uint32_t v)
{
	value[r] = v;
	known[r] = true;
	congest_step(&c, value, known, &began, &ended);
}

Test(congest, defaults)
{
	congest_configure(&c, t);
	cr_assert(!c.enabled);
	cr_assert_eq(c.tolerance, 10);
	cr_assert_eq(c.threshold[CONGEST_SYSTEM_CPU], 80);
	cr_assert_eq(c.threshold[CONGEST_WAIT], 5);
	cr_assert_eq(c.threshold[CONGEST_LICENSE], 100);
	cr_assert_eq(c.action, CONGEST_NONE);
	measure(CONGEST_SYSTEM_CPU, 100);
	cr_assert_eq(began, 0);
}

/* Each threshold acts on its own resource, and is read from its own line. */
Test(congest, every_resource)
{
	configure("congestion-control\ncongestion-control policy wsg-service action reject\n"
	          "congestion-control threshold license-utilization 11\n"
	          "congestion-control threshold max-sessions-per-service-utilization 12\n"
	          "congestion-control threshold message-queue-utilization 13\n"
	          "congestion-control threshold message-queue-wait-time 14\n"
	          "congestion-control threshold service-control-cpu-utilization 15\n"
	          "congestion-control threshold system-cpu-utilization 16\n"
	          "congestion-control threshold system-memory-utilization 17\n");
	cr_assert_eq(c.threshold[CONGEST_LICENSE], 11);
	cr_assert_eq(c.threshold[CONGEST_SERVICE], 12);
	cr_assert_eq(c.threshold[CONGEST_QUEUE], 13);
	cr_assert_eq(c.threshold[CONGEST_WAIT], 14);
	cr_assert_eq(c.threshold[CONGEST_SERVICE_CPU], 15);
	cr_assert_eq(c.threshold[CONGEST_SYSTEM_CPU], 16);
	cr_assert_eq(c.threshold[CONGEST_MEMORY], 17);
	for (int i = 0; i < CONGEST_RESOURCES; i++) {
		measure((enum congest_resource)i, c.threshold[i] - 1);
		cr_assert_eq(began, 0, "%s", congest_rows[i].word);
		measure((enum congest_resource)i, c.threshold[i]);
		cr_assert_eq(began, 1u << i, "%s", congest_rows[i].word);
		cr_assert_eq(congest_now(&c), CONGEST_REJECT);
		measure((enum congest_resource)i, 0);
		cr_assert_eq(ended, 1u << i);
		cr_assert_eq(congest_now(&c), CONGEST_NONE);
		cr_assert_eq(c.times[i], 1);
	}
}

Test(congest, tolerance)
{
	configure("congestion-control\ncongestion-control policy wsg-service action drop\n"
	          "congestion-control threshold tolerance 20\n"
	          "congestion-control threshold message-queue-wait-time 10\n");
	measure(CONGEST_SYSTEM_CPU, 85);
	cr_assert(began);
	cr_assert_eq(congest_now(&c), CONGEST_DROP);
	measure(CONGEST_SYSTEM_CPU, 60);
	cr_assert_eq(ended, 0);
	measure(CONGEST_SYSTEM_CPU, 59);
	cr_assert(ended);
	measure(CONGEST_WAIT, 10);
	measure(CONGEST_WAIT, 8);
	cr_assert_eq(ended, 0);
	measure(CONGEST_WAIT, 7);
	cr_assert(ended);
}

Test(congest, off_and_not_measured)
{
	configure("congestion-control\ncongestion-control policy wsg-service action redirect\n");
	measure(CONGEST_MEMORY, 99);
	cr_assert_eq(congest_now(&c), CONGEST_REJECT); /* there is nowhere to redirect to */
	known[CONGEST_MEMORY] = false;
	congest_step(&c, value, known, &began, &ended);
	cr_assert_eq(c.on, 0);
	measure(CONGEST_MEMORY, 99);
	configure("no congestion-control\n");
	congest_step(&c, value, known, &began, &ended);
	cr_assert_eq(congest_now(&c), CONGEST_NONE);
	configure("congestion-control\ncongestion-control policy wsg-service action none\n");
	measure(CONGEST_MEMORY, 99);
	cr_assert(c.on);
	cr_assert_eq(congest_now(&c), CONGEST_NONE);
}
