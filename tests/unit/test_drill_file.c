/* SPDX-License-Identifier: MIT */
/*
 * Drill files: every directive, transcripts with configuration modes, and what is refused with its line
 * number. And the figures and reports built from a run.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drill/drill.h"

static struct drill *parse(const char *text, char *err, size_t len)
{
	return drill_parse("t.drill", text, strlen(text), err, len);
}

Test(drill_file, transcript)
{
	char err[256];
	struct drill *d =
	        parse("drill \"A test\"\n# comment\nlab demo.lab\nstage \"One\"\nchassis A\nwithin 1.5s\n"
	              "[local]A# show card table\n Slot Card\n#exit\n ...\nfault kill task ipsecmgr 1\n"
	              "print\nhost swan: ping -c 3 192.0.2.1\n3 packets *\nhost swan fails: false\n"
	              "measure tunnels == before\nprobe swan 203.0.113.10\norrery fails: up --name A\n",
	              err, sizeof(err));
	const struct drill_step *s;

	cr_assert_not_null(d, "%s", err);
	cr_assert_str_eq(d->title, "A test");
	cr_assert_eq(d->nsteps, 10);
	s = &d->steps[3];
	cr_assert_eq(s->op, DRILL_CLI);
	cr_assert_str_eq(s->who, "A");
	cr_assert_str_eq(s->context, "local");
	cr_assert_str_eq(s->text, "show card table");
	cr_assert_eq(s->within_ms, 1500);
	cr_assert_eq(s->nexpect, 3);
	cr_assert_str_eq(s->expect[1], "#exit");
	cr_assert_eq(d->steps[4].op, DRILL_FAULT);
	cr_assert_str_eq(d->steps[4].text, "kill task ipsecmgr 1");
	cr_assert_eq(d->steps[4].within_ms, 0);
	cr_assert(d->steps[5].print);
	cr_assert_str_eq(d->steps[5].text, "ping -c 3 192.0.2.1");
	cr_assert(d->steps[6].fails);
	cr_assert_str_eq(d->steps[6].who, "swan");
	cr_assert_eq(d->steps[8].op, DRILL_PROBE);
	cr_assert_str_eq(d->steps[8].text, "203.0.113.10");
	cr_assert(d->steps[9].fails);
	cr_assert_str_eq(d->steps[9].text, "up --name A");
	drill_free(d);
}

Test(drill_file, configuration_lines_join_their_step)
{
	char err[256];
	struct drill *d = parse("[local]A# configure\n[local]A(config)# context x\n[x]A(config-ctx)# "
	                        "end\n[local]A# show version\n",
	                        err, sizeof(err));

	cr_assert_not_null(d, "%s", err);
	cr_assert_eq(d->nsteps, 2);
	cr_assert_str_eq(d->steps[0].text, "configure\ncontext x\nend");
	drill_free(d);
}

Test(drill_file, refusals_name_the_line)
{
	static const char *const bad[][2] = {
	        {"\nhello\n", "t.drill:2: "},
	        {"within soon\n", "t.drill:1: within"},
	        {"within 5s\n", "t.drill:1: within or print"},
	        {"host swan ping\n", "t.drill:1: a colon"},
	        {"host a b: ping\n", "t.drill:1: \"a b\""},
	        {"stage\n", "t.drill:1: stage needs"},
	        {"measure luck == 1\n", "t.drill:1: the figures"},
	        {"measure lost ~ 1\n", "t.drill:1: \"~\""},
	        {"probe swan\n", "t.drill:1: probe"},
	        {"[x]A(config)# foo\n", "t.drill:1: a configuration prompt"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char err[256];
		struct drill *d = parse(bad[i][0], err, sizeof(err));

		cr_assert_null(d, "%s", bad[i][0]);
		cr_assert_eq(strncmp(err, bad[i][1], strlen(bad[i][1])), 0, "\"%s\" gave \"%s\"", bad[i][0],
		             err);
	}
}

Test(drill_file, measures)
{
	struct drill_figures f = {.tunnels = 200, .spis = 77, .lost = 3, .gap_us = 1500000},
	                     before = {.tunnels = 200, .spis = 77};
	char err[160];

	cr_assert_eq(drill_measure("tunnels == before", &f, &before, err, sizeof(err)), 1);
	cr_assert_eq(drill_measure("spis == before", &f, &before, err, sizeof(err)), 1);
	before = (struct drill_figures){.tunnels = 201, .spis = 79};
	cr_assert_eq(drill_measure("spis == before", &f, &before, err, sizeof(err)), 0);
	cr_assert_eq(drill_measure("tunnels == before", &f, &before, err, sizeof(err)), 0);
	cr_assert_str_eq(err, "tunnels is 200, wanted == 201");
	cr_assert_eq(drill_measure("lost <= 3", &f, &before, err, sizeof(err)), 1);
	cr_assert_eq(drill_measure("lost < 3", &f, &before, err, sizeof(err)), 0);
	cr_assert_eq(drill_measure("gap <= 1500ms", &f, &before, err, sizeof(err)), 1);
	cr_assert_eq(drill_measure("gap <= 1s", &f, &before, err, sizeof(err)), 0);
	cr_assert_lt(drill_measure("gap <= 1h", &f, &before, err, sizeof(err)), 0);
}

Test(drill_probe, counts_loss_and_gaps_between_two_times)
{
	const char *text = "PING 203.0.113.10 (203.0.113.10) 56(84) bytes of data.\n"
	                   "[100.000000] 64 bytes from 203.0.113.10: icmp_seq=1 ttl=63 time=0.5 ms\n"
	                   "[100.200000] 64 bytes from 203.0.113.10: icmp_seq=2 ttl=63 time=0.5 ms\n"
	                   "[101.200000] 64 bytes from 203.0.113.10: icmp_seq=7 ttl=63 time=0.5 ms\n"
	                   "[101.400000] 64 bytes from 203.0.113.10: icmp_seq=8 ttl=63 time=0.5 ms\n"
	                   "[101.400001] 64 bytes from 203.0.113.10: icmp_seq=8 ttl=63 time=0.5 ms (DUP!)\n"
	                   "[101.6 64 bytes from";
	struct drill_figures f = {.gap_us = -1};

	drill_probe_figures(text, strlen(text), 100100000, 101500000, 200000, &f);
	cr_assert_eq(f.sent, 7, "%lld", (long long)f.sent);
	cr_assert_eq(f.lost, 4, "%lld", (long long)f.lost);
	cr_assert_eq(f.gap_us, 800000, "%lld", (long long)f.gap_us);
}

#define ANSWERED "[100.000000] 64 bytes from 203.0.113.10: icmp_seq=1 ttl=63 time=0.5 ms\n"

static struct drill_figures a_second_after(const char *text)
{
	struct drill_figures f = {.gap_us = -1};

	drill_probe_figures(text, strlen(text), 100000000, 101000000, 100000, &f);
	return f;
}

/* A machine that is too busy to run the ping has lost nothing of it. */
Test(drill_probe, a_ping_that_does_not_run_lost_nothing)
{
	struct drill_figures f = a_second_after(ANSWERED);

	cr_assert_eq(f.sent, 1);
	cr_assert_eq(f.lost, 0);
	cr_assert_eq(f.gap_us, 0);
}

Test(drill_probe, echoes_without_answer_are_lost_at_the_end_too)
{
	struct drill_figures f = a_second_after(ANSWERED "[100.100000] no answer yet for icmp_seq=2\n"
	                                                 "[100.800000] no answer yet for icmp_seq=9\n");

	cr_assert_eq(f.lost, 7, "%lld", (long long)f.lost);
	cr_assert_eq(f.gap_us, 800000, "%lld", (long long)f.gap_us);
}

/* An error of the ping itself has no time: then the clock counts. */
Test(drill_probe, errors_are_no_silence)
{
	struct drill_figures f = a_second_after(ANSWERED "ping: sendmsg: Network is unreachable\n");

	cr_assert_eq(f.lost, 8, "%lld", (long long)f.lost);
	cr_assert_eq(f.gap_us, 900000, "%lld", (long long)f.gap_us);
}

Test(drill_probe, no_answer_at_all_is_a_gap_and_loss)
{
	struct drill_figures f = {.gap_us = -1};

	drill_probe_figures("", 0, 1000000, 3000000, 200000, &f);
	cr_assert_eq(f.gap_us, 1800000);
	cr_assert_eq(f.lost, 8);
	cr_assert_eq(f.sent, 8);
}

Test(drill_report, writers_agree)
{
	struct drill_report r = {.title = strdup("A & B")};
	const struct drill_report *list[] = {&r};
	struct drill_stage *s = drill_report_stage(&r, "kill <it>", 1000000);
	char *text;

	s->fault_us = 1100000;
	s->recovered_us = 1850000;
	s->end_us = 2000000;
	s->before.tunnels = s->after.tunnels = 200;
	s->after.sent = 100;
	s->after.lost = 4;
	cr_assert(drill_report_passed(&r));
	text = drill_report_table(&r);
	cr_assert(strstr(text, "0.75 s"), "%s", text);
	cr_assert(strstr(text, "4 of 100"), "%s", text);
	cr_assert(strstr(text, "Verdict: passed"), "%s", text);
	free(text);
	s->failure = strdup("line 7: \"x\"");
	cr_assert(!drill_report_passed(&r));
	text = drill_report_json(list, 1);
	cr_assert(strstr(text, "\"recovery_s\": 0.75"), "%s", text);
	cr_assert(strstr(text, "\"passed\": false"), "%s", text);
	free(text);
	text = drill_report_junit(list, 1);
	cr_assert(strstr(text, "name=\"A &amp; B\" tests=\"1\" failures=\"1\""), "%s", text);
	cr_assert(strstr(text, "kill &lt;it>"), "%s", text);
	cr_assert(strstr(text, "line 7: &quot;x&quot;"), "%s", text);
	free(text);
	drill_report_clear(&r);
}
