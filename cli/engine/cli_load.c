/* SPDX-License-Identifier: MIT */
/*
 * Loading a configuration text into a tree: the same parser as for typed lines, so a file can do what a
 * person can. A line that fails is reported and skipped; if it was to open a block, so is the block. Callers:
 * sct at boot, `configure URL`, tests.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "cli/engine/cli_int.h"

static unsigned indent_of(const char *line)
{
	unsigned n = 0;

	for (; *line == ' ' || *line == '\t'; line++)
		n += *line == '\t' ? 8 - n % 8 : 1;
	return n;
}

void cli_skip_failed(struct cli_skip *k, const char *line)
{
	k->active = true;
	k->indent = indent_of(line);
}

bool cli_skip_line(struct cli_skip *k, const char *line)
{
	unsigned n = indent_of(line);
	const char *p = line + strspn(line, " \t");

	if (!k->active || !*p)
		return false;
	if (n > k->indent)
		return true;
	k->active = false;
	/* the failed block's own #exit; at the left margin it is that of the block around it */
	p += *p == '#';
	return n == k->indent && n && !strncasecmp(p, "exit", 4);
}

/* The length without the backslash, when the line goes on; else 0. */
static size_t goes_on(const char *line)
{
	size_t n = strlen(line);
	bool quote = false;

	while (n && strchr(" \t\r", line[n - 1]))
		n--;
	if (n < 2 || line[n - 1] != '\\' || !strchr(" \t", line[n - 2]) || line[strspn(line, " \t")] == '#')
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (line[i] == '\\' && quote && i + 1 < n)
			i++;
		else if (line[i] == '"')
			quote = !quote;
	}
	return quote ? 0 : n - 1;
}

void cli_join_clear(struct cli_join *j)
{
	if (j->text)
		explicit_bzero(j->text, strlen(j->text));
	free(j->text);
	*j = (struct cli_join){0};
}

bool cli_join_open(const struct cli_join *j)
{
	return j->text && !j->done;
}

const char *cli_join_line(struct cli_join *j, const char *line)
{
	size_t n = goes_on(line), had, add;

	if (j->done)
		cli_join_clear(j);
	if (!n && !j->text)
		return line;
	if (!j->text && !(j->text = calloc(1, CLI_LINE_MAX + 2)))
		return line;
	had = strlen(j->text);
	add = n ? n : strlen(line);
	if (add > CLI_LINE_MAX + 1 - had)
		add = CLI_LINE_MAX + 1 - had;
	memcpy(j->text + had, line, add);
	j->text[had + add] = 0;
	j->done = !n;
	return n ? NULL : j->text;
}

#define CUT_OFF "Failure: The file ends in the middle of this line: it may be cut off"

struct load {
	struct cli_session s;
	struct cfg_tree *t;
	struct cli_skip skip;
	int failed;
	unsigned lineno, first; /* where the line begins that is carried out */
	struct cli_join join;
	bool begun;  /* a line that says something was seen */
	bool config; /* … and it was `config`: `end` is expected at the end */
	void (*report)(void *arg, unsigned lineno, const char *line, const char *error);
	void *arg;
};

static void fail(struct load *l, const char *line, const char *err)
{
	char text[1100];

	l->failed++;
	l->begun = true;
	cli_skip_failed(&l->skip, line);
	if (!l->report)
		return;
	/* also behind `end`, where errors are those of Exec mode */
	snprintf(text, sizeof(text), "%s%s", strncmp(err, "Failure: ", 9) ? "Failure: " : "", err);
	l->report(l->arg, l->first, line, text);
}

static int check(const struct load *l, const struct cfg_edit *e, char *err, size_t size)
{
	const struct cli_hooks *h = &l->s.hooks;
	int rc = cfg_check(l->t, e, err, size);

	return rc == 0 && h->check ? h->check(h, l->t, e, err, size) : rc;
}

static void load_line(struct load *l, const char *line)
{
	struct cli_result res;
	char err[1024] = "";

	if (cli_skip_line(&l->skip, line))
		return;
	switch (cli_line_parse(&l->s, line, &res)) {
	case CLI_ERROR:
		snprintf(err, sizeof(err), "%s", res.error);
		break;
	case CLI_EDIT:
		if (!check(l, res.edit, err, sizeof(err)) && cfg_apply(l->t, res.edit) < 0)
			snprintf(err, sizeof(err), "Failure: the line can not be applied");
		break;
	case CLI_EXEC:
	case CLI_LOGOUT:
		snprintf(err, sizeof(err), "Failure: not a configuration command");
		break;
	case CLI_NOTHING:
	case CLI_MOVE:
		break;
	}
	if (*err) {
		fail(l, line, err);
	} else if (res.kind != CLI_NOTHING) {
		l->config |= !l->begun && res.kind == CLI_MOVE;
		l->begun = true;
		cli_line_done(&l->s, &res);
	}
	cli_line_clear(&res);
}

/* A line of the text, or what it is continued with. */
static void take_piece(struct load *l, const char *piece, bool last)
{
	const char *line = cli_join_line(&l->join, piece);

	if (!line)
		return;
	/* half a line may be a legal one, with another value */
	if (last && l->config && l->s.depth && strncasecmp(line + strspn(line, " \t"), "end", 3))
		fail(l, line, CUT_OFF);
	else
		load_line(l, line);
}

int cli_load_text(struct cfg_tree *t, const struct cli_hooks *hooks, const char *text,
                  void (*report)(void *arg, unsigned lineno, const char *line, const char *error), void *arg)
{
	return cli_load_text_until(t, hooks, text, false, report, arg);
}

int cli_load_text_until(struct cfg_tree *t, const struct cli_hooks *hooks, const char *text, bool stop,
                        void (*report)(void *arg, unsigned lineno, const char *line, const char *error),
                        void *arg)
{
	struct load l = {.t = t, .report = report, .arg = arg};
	char *line = malloc(CLI_LINE_MAX + 2);

	if (!line)
		return -ENOMEM;
	cli_session_init(&l.s, t->g, CLI_PRIV_SECURITY_ADMIN);
	l.s.tree = t;
	if (hooks)
		l.s.hooks = *hooks;
	cli_session_configure(&l.s);
	while (*text && !(stop && l.failed)) {
		size_t n = strcspn(text, "\n"), k = n > CLI_LINE_MAX + 1 ? CLI_LINE_MAX + 1 : n;

		if (!cli_join_open(&l.join))
			l.first = l.lineno + 1;
		l.lineno++;
		memcpy(line, text, k);
		line[k] = 0;
		take_piece(&l, line, !text[n]);
		text += n + (text[n] == '\n');
	}
	if (cli_join_open(&l.join) && !(stop && l.failed))
		fail(&l, l.join.text, CUT_OFF);
	/* a file that show configuration wrote is closed by `end` */
	if (l.config && l.s.depth && !(stop && l.failed))
		fail(&l, "", "Failure: The file ends without end: it may be cut off");
	cli_session_clear(&l.s);
	cli_join_clear(&l.join);
	explicit_bzero(line, CLI_LINE_MAX + 2);
	free(line);
	return l.failed;
}
