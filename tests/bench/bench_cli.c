/* SPDX-License-Identifier: MIT */
/*
 * How quick is the CLI engine? Start-up (each session is a process), a configuration of 20,000 lines parsed,
 * checked and shown, and `?`. Exits 1 when a figure misses its target.
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
	return (clock_now_us() - start) / 1000.0;
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

int main(void)
{
	char err[512];
	struct cli_out_buf text;
	struct cli_out none = {drop, NULL};
	uint64_t t = clock_now_us();
	struct cli_grammar *g = cli_grammar_load("cli/grammar", err, sizeof(err));

	if (!g) {
		fprintf(stderr, "%s\n", err);
		return 1;
	}
	figure("start-up: grammar read and compiled", since(t), 10);
	struct cfg_tree *tree = cfg_new(g);

	cli_out_buf_init(&text);
	make_config(&text.out);
	t = clock_now_us();
	int failed = cli_load_text(tree, NULL, text.text, NULL, NULL);

	figure("20,000 lines parsed, checked, applied", since(t), 1000);
	t = clock_now_us();
	cfg_show(tree, NULL, &none);
	figure("show configuration of them", since(t), 1000);
	struct cli_session s;

	cli_session_init(&s, g, CLI_PRIV_SECURITY_ADMIN);
	s.tree = tree;
	t = clock_now_us();
	cli_help_show(&s, "show ", &none);
	figure("?", since(t), 5);
	cli_session_clear(&s);
	printf("%zu nodes, %d lines failed\n", tree->count, failed);
	cli_out_buf_free(&text);
	cfg_free(tree);
	cli_grammar_free(g);
	return misses || failed;
}
