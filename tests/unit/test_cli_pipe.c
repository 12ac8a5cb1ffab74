/* SPDX-License-Identifier: MIT */
/*
 * Filters: grep in all its forms, chained, over any cutting of the text into writes; the pager with a
 * scripted terminal.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli/engine/cli.h"

static const char text[] = "Chassis State: Active\nPeer State: Standby\nalpha\nBeta\nlast without newline";

/* Runs text through the pipes, cut into pieces of that many bytes. */
static char *run(const struct cli_pipe_spec *pipes, unsigned n, size_t piece)
{
	struct cli_result res = {.npipes = n};
	struct cli_out_buf b;
	char err[256];

	memcpy(res.pipes, pipes, n * sizeof(*pipes));
	cli_out_buf_init(&b);
	struct cli_out *o = cli_pipe_open(&res, &b.out, NULL, err, sizeof(err));

	cr_assert(o, "%s", err);
	for (size_t at = 0; at < sizeof(text) - 1; at += piece)
		cr_expect_eq(cli_out_write(o, text + at,
		                           at + piece < sizeof(text) - 1 ? piece : sizeof(text) - 1 - at),
		             0);
	cr_expect_eq(cli_pipe_close(o, &b.out), 0);
	return b.text;
}

#define RUN(want, ...)                                                                                       \
	do {                                                                                                 \
		const struct cli_pipe_spec p_[] = {__VA_ARGS__};                                             \
		for (size_t piece = 1; piece < 40; piece += 6) {                                             \
			char *got = run(p_, sizeof(p_) / sizeof(p_[0]), piece);                              \
			cr_expect_str_eq(got, want);                                                         \
			free(got);                                                                           \
		}                                                                                            \
	} while (0)

Test(cli_pipe, grep)
{
	RUN("Chassis State: Active\n", {.kind = CLI_PIPE_GREP, .pattern = "Chassis State"});
	RUN("alpha\nlast without newline", {.kind = CLI_PIPE_GREP, .pattern = "l"});
	RUN("alpha\nBeta\n", {.kind = CLI_PIPE_GREP, .extended = true, .pattern = "^(alpha|Beta)$"});
	RUN("", {.kind = CLI_PIPE_GREP, .pattern = "alpha|Beta"});
	RUN("Beta\n", {.kind = CLI_PIPE_GREP, .icase = true, .pattern = "^bETA"});
	RUN("Beta\nlast without newline", {.kind = CLI_PIPE_GREP,
	                                   .icase = true,
	                                   .invert = true,
	                                   .extended = true,
	                                   .pattern = "state|alpha"});
}

Test(cli_pipe, chained)
{
	RUN("Peer State: Standby\n", {.kind = CLI_PIPE_GREP, .pattern = "State"},
	    {.kind = CLI_PIPE_GREP, .invert = true, .pattern = "Active"});
	RUN(text, {.kind = CLI_PIPE_MORE}, {.kind = CLI_PIPE_JSON});
}

Test(cli_pipe, bad_expression)
{
	struct cli_result res = {.npipes = 2,
	                         .pipes = {{.kind = CLI_PIPE_GREP, .extended = true, .pattern = "("},
	                                   {.kind = CLI_PIPE_GREP, .pattern = "fine"}}};
	struct cli_out_buf b;
	char err[256];

	cli_out_buf_init(&b);
	cr_expect_null(cli_pipe_open(&res, &b.out, NULL, err, sizeof(err)));
	cr_expect_eq(strncmp(err, "Failure: Invalid pattern \"(\": ", 30), 0, "%s", err);
	cli_out_buf_free(&b);
}

/* One that would be looked for until the end of days, in a line of a show. */
Test(cli_pipe, an_expression_that_refers_back_is_refused)
{
	struct cli_result res = {.npipes = 1,
	                         .pipes = {{.kind = CLI_PIPE_GREP,
	                                    .pattern = "\\(a*\\)\\(b*\\)\\(.*\\)\\(.*\\)\\4\\3\\2\\1$"}}};
	struct cli_out_buf b;
	char err[256];

	cli_out_buf_init(&b);
	cr_expect_null(cli_pipe_open(&res, &b.out, NULL, err, sizeof(err)));
	cr_expect_not_null(strstr(err, "it refers back to a part of itself"), "%s", err);
	cli_out_buf_free(&b);
	RUN("alpha\n", {.kind = CLI_PIPE_GREP, .pattern = "^al\\(ph\\)a$"}); /* groups do no harm */
	RUN("", {.kind = CLI_PIPE_GREP, .pattern = "\\\\1"});                /* nor does a backslash */
}

struct script {
	struct cli_tty tty;
	const char *keys;
};

static int key(struct cli_tty *tty)
{
	struct script *s = (struct script *)tty;

	return *s->keys ? *s->keys++ : -1;
}

static int page(const char *keys, unsigned lines, char **got)
{
	struct cli_result res = {.npipes = 0};
	struct script s = {{key, NULL, 4}, keys};
	struct cli_out_buf b;
	char err[256];
	int rc = 0;

	cli_out_buf_init(&b);
	struct cli_out *o = cli_pipe_open(&res, &b.out, &s.tty, err, sizeof(err));

	for (unsigned i = 0; i < lines && !rc; i++)
		rc = cli_out_printf(o, "%u\n", i);
	cli_pipe_close(o, &b.out);
	*got = b.text;
	return rc;
}

#define MORE "---(more)---\r            \r"

Test(cli_pipe, pager)
{
	char *got;

	cr_expect_eq(page("", 3, &got), 0);
	cr_expect_str_eq(got, "0\n1\n2\n");
	free(got);
	cr_expect_eq(page("  ", 8, &got), 0);
	cr_expect_str_eq(got, "0\n1\n2\n" MORE "3\n4\n5\n" MORE "6\n7\n");
	free(got);
	cr_expect_eq(page("\n\n ", 7, &got), 0);
	cr_expect_str_eq(got, "0\n1\n2\n" MORE "3\n" MORE "4\n" MORE "5\n6\n");
	free(got);
	cr_expect_eq(page("q", 100, &got), -EPIPE);
	cr_expect_str_eq(got, "0\n1\n2\n" MORE);
	free(got);
}
