/* SPDX-License-Identifier: MIT */
/*
 * The filters behind `|`: grep, more (the pager), json (which is the handler's matter: nothing to filter). A
 * chain of cli_outs, each handing on whole lines. Caller: tasks/cli around every Exec command.
 */
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/engine/cli.h"

#define LINE_LIMIT (1 << 20)

struct filter {
	struct cli_out out; /* first: a filter is an out */
	struct cli_out *next;
	int (*line)(struct filter *f, const char *line, size_t len);
	char *buf;
	size_t len, size;
	/* grep */
	regex_t re;
	bool has_re, invert;
	/* pager */
	struct cli_tty *tty;
	unsigned shown;
	bool quit;
};

/* Collects bytes to lines. A line longer than a megabyte is handed on in pieces. */
static int filter_write(struct cli_out *out, const char *text, size_t len)
{
	struct filter *f = (struct filter *)out;

	while (len) {
		const char *nl = memchr(text, '\n', len);
		size_t n = nl ? (size_t)(nl - text) + 1 : len;

		if (f->len + n + 1 > f->size) {
			size_t size = (f->len + n + 1) * 2;
			char *p = realloc(f->buf, size);

			if (!p)
				return -ENOMEM;
			f->buf = p;
			f->size = size;
		}
		memcpy(f->buf + f->len, text, n);
		f->len += n;
		f->buf[f->len] = 0;
		text += n;
		len -= n;
		if (nl || f->len > LINE_LIMIT) {
			int rc = f->line(f, f->buf, f->len);

			f->len = 0;
			if (rc)
				return rc;
		}
	}
	return 0;
}

/* --- grep --- */

static int grep_line(struct filter *f, const char *line, size_t len)
{
	char *nl = len && line[len - 1] == '\n' ? (char *)line + len - 1 : NULL;

	if (nl)
		*nl = 0;
	bool hit = !regexec(&f->re, line, 0, NULL, 0);

	if (nl)
		*nl = '\n';
	return hit != f->invert ? cli_out_write(f->next, line, len) : 0;
}

/* A back-reference: what it costs to look for one has no bound, and nothing could interrupt that. */
static bool refers_back(const char *pattern)
{
	for (; *pattern; pattern++)
		if (pattern[0] == '\\' && pattern[1]) {
			if (pattern[1] >= '1' && pattern[1] <= '9')
				return true;
			pattern++;
		}
	return false;
}

static int grep_init(struct filter *f, const struct cli_pipe_spec *s, char *err, size_t errlen)
{
	int rc;

	if (refers_back(s->pattern)) {
		snprintf(err, errlen,
		         "Failure: Invalid pattern \"%.100s\": it refers back to a part of itself",
		         s->pattern);
		return -EINVAL;
	}
	rc = regcomp(&f->re, s->pattern,
	             REG_NOSUB | (s->icase ? REG_ICASE : 0) | (s->extended ? REG_EXTENDED : 0));

	if (rc) {
		char why[128];

		regerror(rc, &f->re, why, sizeof(why));
		snprintf(err, errlen, "Failure: Invalid pattern \"%.100s\": %s", s->pattern, why);
		return -EINVAL;
	}
	f->has_re = true;
	f->invert = s->invert;
	f->line = grep_line;
	return 0;
}

/* --- pager --- */

static int pager_line(struct filter *f, const char *line, size_t len)
{
	if (f->quit)
		return -EPIPE;
	if (f->tty->rows && f->shown + 1 >= f->tty->rows) {
		cli_out_put(f->next, "---(more)---");
		int key = f->tty->key(f->tty);

		cli_out_put(f->next, "\r            \r");
		if (key == 'q' || key == 'Q' || key < 0 || key == 3) {
			f->quit = true;
			return -EPIPE;
		}
		if (key != '\r' && key != '\n')
			f->shown = 0;
	}
	if (f->shown + 1 < f->tty->rows)
		f->shown++;
	return cli_out_write(f->next, line, len);
}

/* --- the chain --- */

static void filter_free(struct filter *f)
{
	if (f->has_re)
		regfree(&f->re);
	free(f->buf);
	free(f);
}

static struct filter *filter_new(struct cli_out *next)
{
	struct filter *f = calloc(1, sizeof(*f));

	if (f) {
		f->out.write = filter_write;
		f->next = next;
	}
	return f;
}

int cli_pipe_close(struct cli_out *head, struct cli_out *sink)
{
	int rc = 0;

	while (head && head != sink) {
		struct filter *f = (struct filter *)head;

		if (f->len && !rc)
			rc = f->line(f, f->buf, f->len);
		head = f->next;
		filter_free(f);
	}
	return rc;
}

static void drop(struct cli_out *head, struct cli_out *sink)
{
	while (head != sink) {
		struct filter *f = (struct filter *)head;

		head = f->next;
		filter_free(f);
	}
}

struct cli_out *cli_pipe_open(const struct cli_result *res, struct cli_out *sink, struct cli_tty *tty,
                              char *err, size_t errlen)
{
	struct cli_out *head = sink;
	struct filter *f;

	*err = 0;
	if (tty && tty->rows) {
		f = filter_new(head);
		if (!f)
			goto nomem;
		f->line = pager_line;
		f->tty = tty;
		head = &f->out;
	}
	for (unsigned i = res->npipes; i; i--) {
		if (res->pipes[i - 1].kind != CLI_PIPE_GREP)
			continue;
		f = filter_new(head);
		if (!f)
			goto nomem;
		if (grep_init(f, &res->pipes[i - 1], err, errlen)) {
			filter_free(f);
			drop(head, sink);
			return NULL;
		}
		head = &f->out;
	}
	return head;
nomem:
	snprintf(err, errlen, "Failure: out of memory");
	drop(head, sink);
	return NULL;
}
