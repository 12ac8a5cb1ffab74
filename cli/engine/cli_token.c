/* SPDX-License-Identifier: MIT */
/*
 * Splits a line into words: blanks separate, double quotes hold a word together. Inside quotes \" is a quote;
 * backslashes count only in front of one (2n+1 and a quote: n backslashes and a quote; 2n: n backslashes and
 * the end), so that \n in bulk statistics formats stays as typed. Called by cli_line.c and cli_help.c.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include "cli/engine/cli_int.h"

static bool put(struct cli_toks *t, char c)
{
	if (t->used >= sizeof(t->buf))
		return false;
	t->buf[t->used++] = c;
	return true;
}

/* The inside of a quoted word; at is behind the opening quote. Returns the offset behind the closing one. */
static size_t quoted(struct cli_toks *t, const char *s, size_t at, size_t len)
{
	while (at < len) {
		size_t slashes = 0;

		while (at < len && s[at] == '\\')
			slashes++, at++;
		bool quote = at < len && s[at] == '"';

		for (size_t i = 0; i < (quote ? slashes / 2 : slashes); i++)
			put(t, '\\');
		if (quote && slashes % 2 == 0)
			return at + 1;
		if (at < len)
			put(t, s[at++]);
	}
	t->open_quote = true;
	return at;
}

int cli_token_split(struct cli_toks *t, const char *s, size_t len)
{
	size_t at = 0;

	t->n = 0;
	t->used = 0;
	t->open_quote = t->too_many = false;
	if (len > CLI_LINE_MAX)
		return -E2BIG;
	for (;;) {
		while (at < len && isspace((unsigned char)s[at]))
			at++;
		if (at >= len)
			break;
		if (t->n == CLI_TOK_MAX)
			return -E2BIG;
		struct cli_tok *k = &t->v[t->n++];

		k->text = t->buf + t->used;
		k->start = at;
		k->quoted = s[at] == '"';
		if (k->quoted)
			at = quoted(t, s, at + 1, len);
		while (at < len && !isspace((unsigned char)s[at]))
			put(t, s[at++]);
		put(t, 0);
		k->end = at;
	}
	return t->open_quote ? -EINVAL : 0;
}

bool cli_word_prefix(const char *word, const char *prefix)
{
	return !strncasecmp(word, prefix, strlen(prefix));
}
