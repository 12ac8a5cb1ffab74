/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes everything that reads what a person or a file says: a line in some mode (parse, ?, TAB), a
 * configuration text (which must show and load back unchanged), paths and values from the store, and grammar
 * files. The first byte chooses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/engine/cli.h"
#include "cfg/cfg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cli_grammar *g;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

static int drop(struct cli_out *out, const char *text, size_t len)
{
	return 0;
}

static void none(void *arg, const char *word)
{
}

static void one_line(const char *text, unsigned which)
{
	static const char *const into[][4] = {
	        {NULL},
	        {"configure"},
	        {"configure", "context c"},
	        {"configure", "bulkstats mode", "file 1"},
	        {"configure", "context c", "crypto template t ikev2-dynamic", "payload p match childsa"},
	};
	struct cli_out out = {drop, NULL};
	struct cli_session s;
	struct cli_result res;
	char redacted[64];
	size_t at;

	cli_session_init(&s, g, CLI_PRIV_SECURITY_ADMIN);
	for (unsigned i = 0; i < 4 && into[which % 5][i]; i++) {
		cli_line_parse(&s, into[which % 5][i], &res);
		cli_line_done(&s, &res);
		cli_line_clear(&res);
	}
	enum cli_kind k = cli_line_parse(&s, text, &res);

	must((k == CLI_ERROR) == (res.error[0] != 0), "an error has a text");
	must(k != CLI_ERROR || !s.depth || !strncmp(text, "do", 2) || !strncmp(res.error, "Failure: ", 9) ||
	             strcasestr(text, "do"),
	     "Failure:");
	if (k != CLI_ERROR)
		cli_line_done(&s, &res);
	cli_line_clear(&res);
	cli_line_redact(&s, text, redacted, sizeof(redacted));
	must(strlen(redacted) < sizeof(redacted), "redacted text ends");
	cli_help_show(&s, text, &out);
	cli_help_complete(&s, text, &at, none, NULL);
	must(at <= strlen(text), "the word to complete is in the line");
	cli_session_clear(&s);
}

static void whole_file(const char *text)
{
	struct cfg_tree *a = cfg_new(g), *b = cfg_new(g);
	struct cli_out_buf one, two;

	cli_load_text(a, NULL, text, NULL, NULL);
	cli_out_buf_init(&one);
	cli_out_buf_init(&two);
	must(cfg_show(a, NULL, &one.out) == 0, "show");
	must(cli_load_text(b, NULL, one.text, NULL, NULL) == 0, "what is shown loads");
	cfg_show(b, NULL, &two.out);
	must(!strcmp(one.text, two.text), "show, load, show");
	must(cfg_equal(a, b), "same tree");
	cli_out_buf_free(&one);
	cli_out_buf_free(&two);
	cfg_free(a);
	cfg_free(b);
}

/* Lines "path value" as they come from the store or the bus. */
static void edits(char *text)
{
	struct cfg_tree *t = cfg_new(g);
	char err[1024], *save;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, ' ');
		struct cfg_edit e = {
		        .op = (unsigned char)*line % 4, .path = line, .value = value ? value + 1 : NULL};

		if (value)
			*value = 0;
		int legal = cfg_check(t, &e, err, sizeof(err));
		int rc = cfg_apply(t, &e);

		must(legal != 0 || rc >= 0, "what is legal can be applied");
	}
	cfg_checksum(t);
	cfg_check_refs(t, NULL, NULL);
	cfg_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char err[512];

	if (!g) {
		g = cli_grammar_load("cli/grammar", err, sizeof(err));
		must(g, err);
	}
	if (!size || memchr(data, 0, size))
		return 0;
	char *text = malloc(size);

	memcpy(text, data + 1, size - 1);
	text[size - 1] = 0;
	if (data[0] % 8 < 5) {
		one_line(text, data[0] % 8);
	} else if (data[0] % 8 == 5) {
		whole_file(text);
	} else if (data[0] % 8 == 6) {
		edits(text);
	} else {
		cli_grammar_free(cli_grammar_load_text("fuzz", text, err, sizeof(err)));
	}
	free(text);
	return 0;
}
