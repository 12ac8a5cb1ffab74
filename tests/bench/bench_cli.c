/* SPDX-License-Identifier: MIT */
/*
 * How quick is the CLI engine? Start-up (each session is a process), a configuration of 20,000 lines parsed,
 * checked, shown and compared, `?` and TAB. CPU time. Exits 1 when a figure misses its target.
 */
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "cli/engine/cli.h"
#include "cfg/cfg.h"

static int misses;

static void figure(const char *what, double ms, double target)
{
	printf("%-40s %9.2f ms   target %7.0f ms%s\n", what, ms, target, ms > target ? "   MISSED" : "");
	misses += ms > target;
}

static double since(uint64_t start)
{
	return (clock_cpu_us() - start) / 1000.0;
}

static int drop(struct cli_out *out, const char *text, size_t len)
{
	return 0;
}

/* 20 contexts with 1002 lines each. */
static void make_config(struct cli_out *out)
{
	for (unsigned c = 0; c < 20; c++) {
		cli_out_printf(out, "context ctx%u\n", c);
		for (unsigned i = 0; i < 425; i++)
			cli_out_printf(
			        out, "ip pool pool%u range 10.%u.%u.1 10.%u.%u.200 private 3 srp-activate\n",
			        i, c, i % 250, c, i % 250);
		for (unsigned i = 0; i < 100; i++)
			cli_out_printf(
			        out,
			        "interface if%u loopback\nip address 192.0.%u.%u 255.255.255.255\n#exit\n", i,
			        c, i);
		for (unsigned i = 0; i < 25; i++)
			cli_out_printf(out,
			               "crypto template t%u ikev2-dynamic\nauthentication local "
			               "pre-shared-key key secret\n"
			               "keepalive interval 20\npayload p match childsa match any\nlifetime "
			               "3600\nrekey keepalive\n"
			               "ip-address-allocation dynamic\nipsec transform-set list a b "
			               "c\n#exit\nnatt\n#exit\n",
			               i);
		cli_out_put(out, "#exit\n");
	}
}

#define LISTS 66
#define RULES 256

/* One context with access lists as long as they may be, and with routes. */
static void make_wide(struct cli_out *out, unsigned skip)
{
	cli_out_put(out, "config\ncontext wide\n");
	for (unsigned i = 0; i < 400; i++)
		cli_out_printf(out, "ipsec transform-set set%u\n#exit\n", i);
	for (unsigned l = 0; l < LISTS; l++) {
		cli_out_printf(out, "ip access-list list%u\n", l);
		for (unsigned i = skip; i < RULES; i++)
			cli_out_printf(out, "permit ip host 10.%u.%u.%u any\n", l, i / 250, i % 250);
		cli_out_put(out, "#exit\n");
	}
	for (unsigned i = 0; i < 500; i++)
		cli_out_printf(out, "ip route 10.%u.%u.0 255.255.255.0 192.0.2.%u access\n", i / 250, i % 250,
		               1 + i % 250);
	cli_out_put(out, "#exit\nend\n");
}

static int count_edit(void *arg, const struct cfg_edit *e)
{
	++*(unsigned *)arg;
	return 0;
}

static int wide(const struct cli_grammar *g)
{
	struct cfg_tree *a = cfg_new(g), *b = cfg_new(g);
	struct cli_out_buf text;
	unsigned edits = 0;
	int failed;
	uint64_t t;

	cli_out_buf_init(&text);
	make_wide(&text.out, 0);
	t = clock_cpu_us();
	failed = cli_load_text(a, NULL, text.text, NULL, NULL);
	figure("as many in one context, long access lists", since(t), 1000);
	text.len = 0;
	make_wide(&text.out, 1);
	failed += cli_load_text(b, NULL, text.text, NULL, NULL);
	t = clock_cpu_us();
	cfg_diff(b, a, count_edit, &edits); /* the first rule comes: everything behind it moves */
	figure("difference when every rule has moved", since(t), 200);
	cli_out_buf_free(&text);
	cfg_free(a);
	cfg_free(b);
	return failed + (edits < LISTS * RULES);
}

static void word(void *arg, const char *w)
{
	++*(unsigned *)arg;
}

/* What an operator waits for after ? and TAB, with names among thousands of lines. */
static void keys(const struct cfg_tree *tree, const struct cli_grammar *g, struct cli_out *none)
{
	static const char *const into[] = {"configure", "context ctx19", "crypto template t3 ikev2-dynamic"};
	struct cli_session s;
	struct cli_result res;
	unsigned n = 0;
	size_t at;
	uint64_t t;

	cli_session_init(&s, g, CLI_PRIV_SECURITY_ADMIN);
	s.tree = tree;
	t = clock_cpu_us();
	cli_help_show(&s, "show ", none);
	figure("?", since(t), 20);
	t = clock_cpu_us();
	cli_help_complete(&s, "context ", &at, word, &n);
	figure("TAB: names of contexts", since(t), 20);
	for (unsigned i = 0; i < 3; i++) {
		if (i == 2) {
			t = clock_cpu_us();
			cli_help_show(&s, "ip pool ", none);
			figure("?: the pools of a context", since(t), 20);
			t = clock_cpu_us();
			cli_help_complete(&s, "no ip pool pool", &at, word, &n);
			figure("TAB: the pools of a context", since(t), 20);
		}
		cli_line_parse(&s, into[i], &res);
		cli_line_done(&s, &res);
		cli_line_clear(&res);
	}
	t = clock_cpu_us();
	cli_help_show(&s, "", none);
	figure("?: everything in a crypto template", since(t), 20);
	misses += n < 445;
	cli_session_clear(&s);
}

int main(void)
{
	char err[512];
	struct cli_out_buf text;
	struct cli_out none = {drop, NULL};
	uint64_t t = clock_cpu_us();
	struct cli_grammar *g = cli_grammar_load("cli/grammar", err, sizeof(err));

	if (!g) {
		fprintf(stderr, "%s\n", err);
		return 1;
	}
	figure("start-up: grammar read and compiled", since(t), 10);
	struct cfg_tree *tree = cfg_new(g);

	cli_out_buf_init(&text);
	make_config(&text.out);
	t = clock_cpu_us();
	int failed = cli_load_text(tree, NULL, text.text, NULL, NULL);

	figure("20,000 lines parsed, checked, applied", since(t), 1000);
	t = clock_cpu_us();
	cfg_show(tree, NULL, &none);
	figure("show configuration of them", since(t), 500);
	keys(tree, g, &none);
	failed += wide(g);
	printf("%zu nodes, %d lines failed\n", tree->count, failed);
	cli_out_buf_free(&text);
	cfg_free(tree);
	cli_grammar_free(g);
	return misses || failed;
}
