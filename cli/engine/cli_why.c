/* SPDX-License-Identifier: MIT */
/*
 * Why a line is no command here: the session may not use it, or it belongs to another mode. Entry point
 * cli_why_unknown(), called by cli_line.c for a line no row of the mode takes. Only lines of others decide
 * what is said, so nothing is told of commands that need test commands.
 */
#include <stdio.h>
#include <string.h>
#include "cli/engine/cli_int.h"

/* Do these words make a line of that mode for somebody of that level? */
static bool takes(const struct cli_session *s, const struct cli_mode *m, const struct cli_toks *t,
                  enum cli_priv priv)
{
	struct cli_match match;
	enum cli_status st = CLI_M_OK;

	cli_match_init(&match, m, priv, s->test_commands);
	for (unsigned i = 0; i < t->n && st == CLI_M_OK; i++)
		st = cli_match_step(&match, &t->v[i], i);
	bool whole = st == CLI_M_OK && cli_match_end(&match);

	cli_match_clear(&match);
	return whole;
}

/* The words up to the one that this level does not have: "show configuration". */
static void refused_words(const struct cli_session *s, const struct cli_mode *m, const struct cli_toks *t,
                          char *buf, size_t len)
{
	struct cli_match match;
	enum cli_status st = CLI_M_OK;
	size_t at = 0;

	cli_match_init(&match, m, s->priv, s->test_commands);
	for (unsigned i = 0; i < t->n && st == CLI_M_OK && at < len; i++) {
		st = cli_match_step(&match, &t->v[i], i);
		at += snprintf(buf + at, len - at, "%s%s", i ? " " : "", t->v[i].text);
	}
	cli_match_clear(&match);
}

/* "config-ctx", with NAME for the name of the block. */
static void mode_title(const struct cli_mode *m, char *buf, size_t len)
{
	const char *k = strstr(m->prompt, "%k");

	if (k)
		snprintf(buf, len, "%.*sNAME%s", (int)(k - m->prompt), m->prompt, k + 2);
	else
		snprintf(buf, len, "%s", m->prompt);
}

bool cli_why_unknown(const struct cli_session *s, const struct cli_mode *m, const struct cli_toks *t,
                     char *err, size_t len)
{
	const struct cli_mode *other;
	char title[CLI_NAME_LEN];

	*err = 0;
	for (int p = s->priv + 1; p <= CLI_PRIV_SECURITY_ADMIN; p++)
		if (takes(s, m, t, p)) {
			refused_words(s, m, t, title, 65);
			snprintf(err, len, "Not permitted - \"%s\" needs the privilege level %s, yours is %s",
			         title, cli_priv_name(p), cli_priv_name(s->priv));
			return true;
		}
	for (unsigned i = 0; (other = cli_grammar_mode_at(s->g, i)); i++) {
		if (other == m || !takes(s, other, t, s->priv))
			continue;
		if (other->prompt) {
			mode_title(other, title, sizeof(title));
			snprintf(err, len, "; it is a command of the mode (%s)", title);
		} else if (s->depth) {
			snprintf(err, len, "; it is an Exec command: see do, end");
		}
		if (*err)
			return false;
	}
	return false;
}
