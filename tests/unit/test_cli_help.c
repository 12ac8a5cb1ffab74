/* SPDX-License-Identifier: MIT */
/*
 * `?` and TAB on the real grammar: what is listed, in which form, after which words.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "cli/engine/cli.h"
#include "cfg/cfg.h"

static struct cli_grammar *g;
static struct cfg_tree *t;
static struct cli_session s;
static struct cli_out_buf b;

static void setup(void)
{
	char err[512];

	g = cli_grammar_load("cli/grammar", err, sizeof(err));
	cr_assert(g, "%s", err);
	t = cfg_new(g);
	cli_load_text(t, NULL,
	              "context ingress\n ip pool pool-a range 10.0.0.1 10.0.0.2\n ip pool pool-b range "
	              "10.0.1.1 10.0.1.2\n"
	              " crypto template tmpl-1 ikev2-dynamic\n #exit\n interface lo1 loopback\n "
	              "#exit\n#exit\ncontext inner\n",
	              NULL, NULL);
	cli_session_init(&s, g, CLI_PRIV_SECURITY_ADMIN);
	s.tree = t;
	cli_out_buf_init(&b);
}

static void teardown(void)
{
	cli_out_buf_free(&b);
	cli_session_clear(&s);
	cfg_free(t);
	cli_grammar_free(g);
}

TestSuite(cli_help, .init = setup, .fini = teardown);

static const char *help(const char *line)
{
	b.len = 0;
	b.text[0] = 0;
	cli_help_show(&s, line, &b.out);
	return b.text;
}

static void add(void *arg, const char *word)
{
	strcat(arg, word);
	strcat(arg, " ");
}

static const char *tab(const char *line, size_t *start)
{
	static char words[4096];

	words[0] = 0;
	cli_help_complete(&s, line, start, add, words);
	return words;
}

static void enter(const char *line)
{
	struct cli_result res;

	cr_expect_neq(cli_line_parse(&s, line, &res), CLI_ERROR, "%s", res.error);
	cli_line_done(&s, &res);
	cli_line_clear(&res);
}

Test(cli_help, words_by_prefix)
{
	cr_expect_str_eq(help("sh card "), "  diag        - Diagnostics\n"
	                                   "  hardware    - Hardware\n"
	                                   "  info        - Details\n"
	                                   "  table       - As a table\n");
	cr_expect_str_eq(help("show cl"), "  clock       - Date and time\n");
	cr_expect(strstr(help(""), "  show ") && strstr(help(""), " - Shows information\n"));
	cr_expect_not(strstr(help(""), "<cr>"));
	cr_expect_not(strstr(help(""), "encryption"), "configuration is not Exec");
}

Test(cli_help, variables_and_cr)
{
	cr_expect_str_eq(help("show card info "), "  <slot>      - Slot number, integer 1 to 20\n"
	                                          "  |           - Filters the output: grep, more, json\n"
	                                          "  <cr>        - newline\n");
	cr_expect_str_eq(help("show version verbose "),
	                 "  |           - Filters the output: grep, more, json\n"
	                 "  <cr>        - newline\n");
	cr_expect(strstr(help("ping 10.0.0.1 count "),
	                 "  <count>     - Number, integer 1 to 10000, default 5\n"));
}

Test(cli_help, errors_are_those_of_the_line)
{
	cr_expect_str_eq(help("show xyz "), "Unknown command - \"xyz\", unrecognized keyword\n");
	cr_expect_str_eq(help("show cr table"), "Ambiguous command - \"cr\", candidates are crash, crypto\n");
	cr_expect_str_eq(help("show card info 99 "),
	                 "Failure: Invalid value 99 for <slot>; the legal range is 1 to 20\n");
	cr_expect_str_eq(help("show qqq"), "Unknown command - \"qqq\", unrecognized keyword\n");
}

Test(cli_help, pipes)
{
	cr_expect_str_eq(help("show version | "),
	                 "  grep        - Shows only the lines that match a regular expression\n"
	                 "  json        - Shows the output as JSON\n"
	                 "  more        - Shows the output page by page\n");
	cr_expect(strstr(help("show version | grep "), "  -i          - "));
	cr_expect(strstr(help("show version | grep x | m"), "  more  "));
}

Test(cli_help, configuration_modes)
{
	enter("configure");
	enter("context ingress");
	cr_expect(strstr(help(""), "  exit        - Leaves this mode\n") ||
	          strstr(help(""), " - Leaves this mode\n"));
	cr_expect(strstr(help("do show cl"), "  clock       - Date and time\n"));
	enter("crypto template tmpl-1 ikev2-dynamic");
	cr_expect(strstr(help("no ikev2-ikesa "), "  fragmentation "));
	cr_expect_not(strstr(help("no ikev2-ikesa "), "<"));
	cr_expect_not(strstr(help(""), "ipsec-on-demux"), "hidden");
	s.show_hidden = true;
	cr_expect(strstr(help(""), "ipsec-on-demux"));
}

Test(cli_help, operators_see_what_they_may)
{
	cr_expect(strstr(help(""), "configure"));
	s.priv = CLI_PRIV_INSPECTOR;
	cr_expect_not(strstr(help(""), "configure"));
	cr_expect(strstr(help("show "), "version"));
	cr_expect_not(strstr(help("show "), "crypto"));
}

Test(cli_help, tab)
{
	size_t at;

	cr_expect_str_eq(tab("show ver", &at), "version ");
	cr_expect_eq(at, 5);
	cr_expect_str_eq(tab("sh card ", &at), "diag hardware info table ");
	cr_expect_eq(at, 8);
	cr_expect_str_eq(tab("show version | gr", &at), "grep ");
	cr_expect_eq(at, 15);
	cr_expect_str_eq(tab("show task resources facility ipsecm", &at), "ipsecmgr ");
	cr_expect_str_eq(tab("nonsense ", &at), "");
}

static void two_files(void *arg, const struct cli_var *v, const char *const *words, unsigned n,
                      const char *partial, void (*each)(void *each_arg, const char *word), void *each_arg)
{
	if (v->type != CLI_URL)
		return;
	*(unsigned *)arg = n;
	each(each_arg, "/flash/b.cfg");
	each(each_arg, "/flash/a.cfg");
	each(each_arg, "/hd-raid/");
}

Test(cli_help, the_program_lists_values_it_knows)
{
	unsigned words_before = 0;
	size_t at;

	s.values.list = two_files;
	s.values.arg = &words_before;
	cr_expect_str_eq(tab("configure /flash/", &at), "/flash/a.cfg /flash/b.cfg ");
	cr_expect_eq(words_before, 1);
	cr_expect_str_eq(tab("show configuration url ", &at), "/flash/a.cfg /flash/b.cfg /hd-raid/ ");
	cr_expect_eq(words_before, 3);
	cr_expect(strstr(help("configure "), "  /hd-raid/    - a present <url>\n"));
	cr_expect_str_eq(tab("show card info ", &at), "");
}

Test(cli_help, question_mark_lists_present_names)
{
	cr_expect(strstr(help("context "), "  <name>      - "));
	cr_expect(strstr(help("context "),
	                 "  ingress     - a present <name>\n  inner       - a present <name>\n"));
	cr_expect_not(strstr(help("context inn"), "ingress"));
	for (int i = 0; i < 100; i++) {
		char line[60];

		snprintf(line, sizeof(line), "context many%d", i);
		cli_load_text(t, NULL, line, NULL, NULL);
	}
	cr_expect(strstr(help("context "), "\n  and 3 more\n"), "63 contexts are the limit");
}

Test(cli_help, tab_knows_the_names_of_what_exists)
{
	size_t at;

	cr_expect_str_eq(tab("context in", &at), "ingress inner ");
	enter("context ingress");
	cr_expect_str_eq(tab("show crypto template tag ", &at), "tmpl-1 ");
	cr_expect_str_eq(tab("show ip pool pool-name pool-b", &at), "pool-b ");
	enter("configure");
	enter("context ingress");
	cr_expect_str_eq(tab("no ip pool ", &at), "pool-a pool-b ");
	enter("wsg-service w");
	cr_expect_str_eq(tab("bind address 10.0.0.1 crypto-template ", &at), "tmpl-1 ");
	enter("end");
	enter("configure");
	enter("port ethernet 5/10");
	cr_expect_str_eq(tab("bind interface ", &at), "lo1 ");
	cr_expect_str_eq(tab("do show ver", &at), "version ");
	cr_expect_eq(at, 8);
}
