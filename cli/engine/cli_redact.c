/* SPDX-License-Identifier: MIT */
/*
 * Lines for logs and histories: cli_line_redact() finds where a line holds a secret and blots it out. What is
 * not understood is blotted out as well, since a secret may stand in a line with a typing mistake.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/url.h"
#include "cli/engine/cli_int.h"

struct blot {
	const struct cli_session *s;
	const char *line;
	bool hide[CLI_TOK_MAX];
	struct cli_toks t;
	struct cli_match m;
};

/* Any live thread that took the last word as a secret? */
static bool took_secret(const struct cli_match *m)
{
	for (unsigned i = 0; i < m->ncur; i++) {
		const struct cli_pos *p = &m->cur[i].form->pos[m->hist[m->cur[i].hist].pos];

		if (p->var && p->var->type == CLI_SECRET)
			return true;
	}
	return false;
}

/* Which words must not be seen. */
static void mark(struct blot *b)
{
	unsigned i = 0;

	for (; i < b->t.n && cli_match_step(&b->m, &b->t.v[i], i) == CLI_M_OK; i++)
		b->hide[i] = took_secret(&b->m);
	for (; i < b->t.n; i++)
		b->hide[i] = true;
}

static void write_out(const struct blot *b, char *buf, size_t len)
{
	size_t at = 0, from, n;

	*buf = 0;
	for (unsigned i = 0; i < b->t.n && at < len; i++) {
		const struct cli_tok *k = &b->t.v[i];

		if (b->hide[i] && i && b->hide[i - 1])
			continue;
		if (b->hide[i]) {
			at += (size_t)snprintf(buf + at, len - at, "%s****", i ? " " : "");
		} else if (url_password(k->text, &from, &n)) {
			at += (size_t)snprintf(buf + at, len - at, "%s%.*s****%s", i ? " " : "", (int)from,
			                       k->text, k->text + from + n);
		} else {
			at += (size_t)snprintf(buf + at, len - at, "%s%.*s", i ? " " : "",
			                       (int)(k->end - k->start), b->line + k->start);
		}
	}
}

void cli_line_redact(const struct cli_session *s, const char *line, char *buf, size_t len)
{
	const struct cli_mode *mode = cli_session_mode(s);
	struct blot *b;

	if (!len)
		return;
	*buf = 0;
	b = calloc(1, sizeof(*b));
	if (!b || !mode) {
		free(b);
		return;
	}
	b->s = s;
	b->line = line;
	cli_token_split(&b->t, line, s->depth ? strlen(line) : cli_line_bar(line, strlen(line)));
	cli_match_init(&b->m, mode, CLI_PRIV_SECURITY_ADMIN, true);
	mark(b);
	write_out(b, buf, len);
	if (!s->depth) {
		size_t n = strlen(buf), bar = cli_line_bar(line, strlen(line));

		snprintf(buf + n, len - n, "%s%s", line[bar] ? " " : "", line + bar);
	}
	cli_match_clear(&b->m);
	explicit_bzero(b, sizeof(*b));
	free(b);
}
