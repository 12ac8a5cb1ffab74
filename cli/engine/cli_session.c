/* SPDX-License-Identifier: MIT */
/*
 * A CLI session's state: where lines are read (mode stack), the Exec context, the terminal switches, and the
 * prompt all of this makes. Changed only by cli_line_done() and the few verbs here. Caller: tasks/cli.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/engine/cli_int.h"

void cli_session_init(struct cli_session *s, const struct cli_grammar *g, enum cli_priv priv)
{
	memset(s, 0, sizeof(*s));
	s->g = g;
	s->priv = priv;
	s->timestamps = true;
	s->length = 24;
	s->width = 80;
	snprintf(s->host, sizeof(s->host), "orrery");
	snprintf(s->context, sizeof(s->context), "local");
}

void cli_session_clear(struct cli_session *s)
{
	cli_session_end(s);
}

const struct cli_mode *cli_session_mode(const struct cli_session *s)
{
	return s->depth ? s->stack[s->depth - 1].mode : cli_grammar_mode(s->g, "exec");
}

void cli_session_enter(struct cli_session *s, const struct cli_mode *mode, const char *path, const char *key)
{
	if (s->depth == CLI_DEPTH_MAX || !mode)
		return;
	char *p = strdup(path);

	if (!p)
		return;
	s->stack[s->depth].mode = mode;
	s->stack[s->depth].path = p;
	snprintf(s->stack[s->depth].key, CLI_NAME_LEN, "%s", key);
	s->depth++;
}

void cli_session_leave(struct cli_session *s)
{
	if (s->depth)
		free(s->stack[--s->depth].path);
}

void cli_session_configure(struct cli_session *s)
{
	if (!s->depth)
		cli_session_enter(s, cli_grammar_mode(s->g, "config"), "", "");
}

void cli_session_end(struct cli_session *s)
{
	while (s->depth)
		cli_session_leave(s);
}

/* The context a configuration line is in: that of the innermost context block, else the Exec context. */
static const char *context_of(const struct cli_session *s)
{
	for (unsigned i = s->depth; i; i--)
		if (!strcmp(s->stack[i - 1].mode->name, "context"))
			return s->stack[i - 1].key;
	return s->context;
}

const char *cli_session_prompt(const struct cli_session *s, char *buf, size_t len)
{
	const char *p = s->depth ? cli_session_mode(s)->prompt : NULL;
	char mark = s->priv < CLI_PRIV_ADMIN ? '>' : '#';
	char mode[2 * CLI_NAME_LEN] = "";
	size_t n = 0;

	for (; p && *p && n + 1 < sizeof(mode); p++) {
		if (p[0] == '%' && p[1] == 'k') {
			n += snprintf(mode + n, sizeof(mode) - n, "%s", s->stack[s->depth - 1].key);
			p++;
		} else {
			mode[n++] = *p;
		}
		if (n >= sizeof(mode))
			n = sizeof(mode) - 1;
		mode[n] = 0;
	}
	snprintf(buf, len, *mode ? "[%s]%s(%s)%c " : "[%s]%s%s%c ", context_of(s), s->host, mode, mark);
	return buf;
}
