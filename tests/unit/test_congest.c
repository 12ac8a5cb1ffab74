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
	          "congestion-control threshold system-memory-utilization 17\n"
	          "congestion-control threshold port-rx-utilization 18\n"
	          "congestion-control threshold port-tx-utilization 19\n"
	          "congestion-control threshold port-specific-rx-utilization 20\n"
	          "congestion-control threshold port-specific-tx-utilization 21\n");
	cr_assert_eq(c.threshold[CONGEST_PORTS_RX], 18);
	cr_assert_eq(c.threshold[CONGEST_PORTS_TX], 19);
	cr_assert_eq(c.threshold[CONGEST_PORT_RX], 20);
	cr_assert_eq(c.threshold[CONGEST_PORT_TX], 21);
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

/* --- ports --- */

static struct congest_port port[3] = {{.name = "5/1"}, {.name = "5/10"}, {.name = "5/11"}};

/* Each port has carried so many per cent of its speed in the last two seconds. */
static void carried(const unsigned rx[3], const unsigned tx[3])
{
	static uint64_t now = 1000000;

	now += 2000000;
	for (int i = 0; i < 3; i++) {
		uint64_t one = congest_port_speed(port[i].name) / 8 * 2 / 100;

		congest_port_note(&port[i], port[i].rx_bytes + rx[i] * one, port[i].tx_bytes + tx[i] * one,
		                  now);
	}
	memset(value, 0, sizeof(value));
	memset(known, 0, sizeof(known));
	congest_ports(&c, t, port, 3, value, known);
	congest_step(&c, value, known, &began, &ended);
}

Test(congest, use_of_ports)
{
	configure("congestion-control\ncongestion-control policy wsg-service action drop\n");
	cr_assert_eq(congest_port_speed("5/1"), 1000000000ULL);
	cr_assert_eq(congest_port_speed("6/12"), 10000000000ULL);
	carried((unsigned[]){50, 50, 50}, (unsigned[]){0, 0, 0});
	cr_assert(!known[CONGEST_PORTS_RX], "one sample says nothing");
	carried((unsigned[]){79, 10, 1}, (unsigned[]){1, 2, 90});
	cr_assert_eq(value[CONGEST_PORTS_RX], 30);
	cr_assert_eq(value[CONGEST_PORTS_TX], 31);
	cr_assert_eq(value[CONGEST_PORT_RX], 79);
	cr_assert_eq(value[CONGEST_PORT_TX], 90);
	cr_assert_eq(began, 1u << CONGEST_PORT_TX);
	carried((unsigned[]){90, 90, 60}, (unsigned[]){0, 0, 70});
	cr_assert_eq(began, 1u << CONGEST_PORTS_RX | 1u << CONGEST_PORT_RX);
	cr_assert_eq(ended, 0, "70 is not below 80 less the tolerance of 10");
	carried((unsigned[]){0, 0, 0}, (unsigned[]){0, 0, 0});
	cr_assert_eq(c.on, 0);
	/* a device that was made anew */
	congest_port_note(&port[0], 0, 0, 1000000000);
	cr_assert(!port[0].known);
	congest_port_note(&port[0], 125000000, 0, 1001000000);
	cr_assert_eq(port[0].rx, 100);
}

Test(congest, thresholds_of_one_port)
{
	configure("congestion-control\ncongestion-control policy wsg-service action reject\n"
	          "congestion-control threshold port-specific-rx-utilization 60\n"
	          "congestion-control threshold port-specific all tx-utilization 40\n"
	          "congestion-control threshold port-specific 5/11 rx-utilization 20 tx-utilization 90\n");
	carried((unsigned[]){0, 0, 0}, (unsigned[]){0, 0, 0});
	carried((unsigned[]){59, 59, 20}, (unsigned[]){39, 0, 89});
	cr_assert_eq(began, 1u << CONGEST_PORT_RX);
	cr_assert_eq(value[CONGEST_PORT_RX], 20);
	cr_assert_eq(c.threshold[CONGEST_PORT_RX], 20);
	carried((unsigned[]){59, 59, 9}, (unsigned[]){39, 40, 0});
	cr_assert_eq(began, 1u << CONGEST_PORT_TX);
	cr_assert_eq(c.threshold[CONGEST_PORT_TX], 40);
	cr_assert_eq(value[CONGEST_PORT_TX], 40);
}
