/* SPDX-License-Identifier: MIT */
/*
 * A CLI session on stdin and stdout, without a chassis: lines are parsed, checked and committed to a
 *configuration tree as sct does it. For tests/reference/examples.py. One request per line, one answer per
 *line: new			an empty tree, Exec mode		ok line TEXT		does what the
 *line says			ok DEPTH MODE | exec | err REASON try TEXT		the same, changing
 *nothing round			show, load into an empty tree		ok | err REASON show
 *the configuration			its lines, then "."
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cfg/cfg.h"
#include "cli/engine/cli.h"

struct bench {
	struct cli_grammar *g;
	struct cfg_tree *t;
	struct cli_session s;
};

static void fresh(struct bench *b)
{
	cli_session_clear(&b->s);
	cfg_free(b->t);
	b->t = cfg_new(b->g);
	if (!b->t)
		abort();
	cli_session_init(&b->s, b->g, CLI_PRIV_CONFIG_ADMIN);
	b->s.tree = b->t;
	b->s.test_commands = true;
}

/* Prints a text as one line. */
static void answer(const char *word, const char *text)
{
	printf("%s ", word);
	for (; *text; text++)
		putchar(*text == '\n' ? ' ' : *text);
	putchar('\n');
}

static void do_line(struct bench *b, const char *text, bool commit, unsigned out)
{
	struct cli_result res;
	char err[2048] = "";

	if (out > b->s.depth) {
		answer("err", "no mode so far out");
		return;
	}
	b->s.depth -= out;
	enum cli_kind k = cli_line_parse(&b->s, text, &res);

	if (k == CLI_ERROR)
		snprintf(err, sizeof(err), "%s", res.error);
	else if (k == CLI_EDIT && !cfg_check(b->t, res.edit, err, sizeof(err)) && commit &&
	         cfg_apply(b->t, res.edit) < 0)
		snprintf(err, sizeof(err), "Failure: the line can not be applied");
	if (*err) {
		answer("err", err);
	} else if (k == CLI_EXEC) {
		puts("exec");
	} else {
		if (commit && k != CLI_NOTHING)
			cli_line_done(&b->s, &res);
		printf("ok %u %s\n", b->s.depth, cli_session_mode(&b->s)->name);
	}
	cli_line_clear(&res);
	b->s.depth += out;
}

static void report(void *arg, unsigned lineno, const char *line, const char *error)
{
	char *err = arg;

	if (!*err)
		snprintf(err, 1024, "shown line %u \"%.300s\": %.500s", lineno, line, error);
}

static char *text_of(const struct cfg_tree *t)
{
	struct cli_out_buf out;

	cli_out_buf_init(&out);
	cfg_show(t, NULL, &out.out);
	return out.text ? out.text : strdup("");
}

/* What show configuration prints must load, line by line, to the same tree, which must print the same. */
static void round_trip(struct bench *b)
{
	struct cfg_tree *back = cfg_new(b->g);
	char *one = text_of(b->t), *two, err[1024] = "";

	if (!back || !one)
		abort();
	cli_load_text(back, NULL, one, report, err);
	two = text_of(back);
	if (!*err && !cfg_equal(b->t, back))
		snprintf(err, sizeof(err), "the tree loaded from what is shown is another one");
	if (!*err && strcmp(one, two))
		snprintf(err, sizeof(err), "loaded and shown again the text is another one");
	if (*err)
		answer("err", err);
	else
		puts("ok");
	free(one);
	free(two);
	cfg_free(back);
}

static void request(struct bench *b, char *req)
{
	char *arg = strchr(req, ' ');

	if (arg)
		*arg++ = 0;
	if (!strcmp(req, "new")) {
		fresh(b);
		puts("ok");
	} else if (!strcmp(req, "line")) {
		do_line(b, arg ? arg : "", true, 0);
	} else if (!strcmp(req, "try")) {
		unsigned out = arg ? strtoul(arg, &arg, 10) : 0;

		do_line(b, arg ? arg : "", false, out);
	} else if (!strcmp(req, "round")) {
		round_trip(b);
	} else if (!strcmp(req, "show")) {
		char *text = text_of(b->t);

		printf("%s.\n", text);
		free(text);
	} else {
		answer("err", "unknown request");
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct bench b = {0};
	char err[512], *line = NULL;
	size_t size = 0;
	ssize_t n;

	b.g = cli_grammar_load(argc > 1 ? argv[1] : "cli/grammar", err, sizeof(err));
	if (!b.g) {
		fprintf(stderr, "%s\n", err);
		return 1;
	}
	fresh(&b);
	while ((n = getline(&line, &size, stdin)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = 0;
		request(&b, line);
	}
	free(line);
	cli_session_clear(&b.s);
	cfg_free(b.t);
	cli_grammar_free(b.g);
	return 0;
}
