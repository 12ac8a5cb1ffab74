/* SPDX-License-Identifier: MIT */
/*
 * From named values back to the line that sets them: walks the pattern tree and takes the branches that the
 * values tell were chosen. A value is quoted when it has to be, also when it would be read as a keyword. The
 * inverse of cli_match_args(); the table tests hold both against each other for every row.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli/engine/cli_int.h"

#define TOKENS_MAX 512

struct piece {
	const char *text;
	const struct cli_var *var; /* NULL: a keyword */
};

struct render {
	const struct cfg_args *args;
	struct piece v[TOKENS_MAX];
	unsigned n;
	struct {
		const char *name;
		unsigned used;
	} lists[16];
	unsigned nlists;
};

/* How many values of a list were printed. */
static unsigned *list_used(struct render *r, const char *name)
{
	unsigned i;

	for (i = 0; i < r->nlists; i++)
		if (!strcmp(r->lists[i].name, name))
			return &r->lists[i].used;
	if (i == sizeof(r->lists) / sizeof(r->lists[0]))
		return &r->lists[i - 1].used;
	r->lists[i].name = name;
	r->lists[i].used = 0;
	r->nlists++;
	return &r->lists[i].used;
}

static const char *value_of(struct render *r, const struct cli_var *v)
{
	return v->list ? cfg_args_nth(r->args, v->name, *list_used(r, v->name))
	               : cfg_args_get(r->args, v->name);
}

/* How many of the values speak for this part; -1: something it needs is missing. */
static int fits(struct render *r, const struct cli_node *n, const char *label)
{
	int sum = 0, best = -1;

	switch (n->kind) {
	case CLI_N_WORD:
		if (label) {
			const char *v = cfg_args_get(r->args, label);

			return v && !strcmp(v, n->word) ? 1 : -1;
		}
		return !n->flag ? 0 : cfg_args_get(r->args, n->word) ? 1 : -1;
	case CLI_N_VAR:
		return value_of(r, n->var) ? 1 : -1;
	case CLI_N_SEQ:
		for (unsigned i = 0; i < n->nkid; i++) {
			int k = fits(r, n->kid[i], i ? NULL : label);

			if (k < 0)
				return -1;
			sum += k;
		}
		return sum;
	case CLI_N_ALT:
	case CLI_N_OPT:
		for (unsigned i = 0; i < n->nkid; i++) {
			int k = fits(r, n->kid[i], n->kind == CLI_N_ALT ? n->label : NULL);

			if (k > best)
				best = k;
		}
		return n->kind == CLI_N_OPT && best < 0 ? 0 : best;
	}
	return -1;
}

static void put(struct render *r, const char *text, const struct cli_var *var)
{
	if (r->n < TOKENS_MAX)
		r->v[r->n++] = (struct piece){text, var};
}

static void render(struct render *r, const struct cli_node *n);

static void render_alt(struct render *r, const struct cli_node *n)
{
	int best = -1, which = -1;

	for (unsigned i = 0; i < n->nkid; i++) {
		int k = fits(r, n->kid[i], n->label);

		if (n->plus && k > 0)
			render(r, n->kid[i]);
		if (k > best) {
			best = k;
			which = i;
		}
	}
	if (!n->plus && which >= 0)
		render(r, n->kid[which]);
}

static void render_once(struct render *r, const struct cli_node *n)
{
	switch (n->kind) {
	case CLI_N_WORD:
		put(r, n->word, NULL);
		break;
	case CLI_N_VAR: {
		const char *v = value_of(r, n->var);

		if (v)
			put(r, v, n->var);
		if (n->var->list)
			++*list_used(r, n->var->name);
		break;
	}
	case CLI_N_SEQ:
	case CLI_N_OPT:
		for (unsigned i = 0; i < n->nkid; i++)
			if (n->kind == CLI_N_SEQ || fits(r, n->kid[i], NULL) > 0)
				render(r, n->kid[i]);
		break;
	case CLI_N_ALT:
		render_alt(r, n);
		break;
	}
}

static void render(struct render *r, const struct cli_node *n)
{
	render_once(r, n);
	for (unsigned i = 1; i < n->repeat && r->n < TOKENS_MAX; i++) {
		const struct cli_node *k = n->kind == CLI_N_OPT ? n->kid[0] : n;

		if (fits(r, k, NULL) <= 0)
			break;
		render_once(r, n);
	}
}

/* Only what counts is cleared: the struct is large. */
static void render_begin(struct render *r, const struct cfg_args *args)
{
	r->args = args;
	r->n = r->nlists = 0;
}

bool cli_render_fits(const struct cli_row *row, const struct cfg_args *args)
{
	struct render r;

	render_begin(&r, args);
	return fits(&r, row->tree, NULL) >= 0;
}

/* --- quoting --- */

struct word_check {
	bool found;
};

static bool is_word(void *arg, const struct cli_cand *c)
{
	if (c->pos->word)
		((struct word_check *)arg)->found = true;
	return !c->pos->word;
}

static bool plain(const char *s)
{
	if (!*s || *s == '#' || !strcmp(s, "\\")) /* at the end of a line it would be continued */
		return false;
	for (; *s; s++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/"
		            ":@,%+=*~^()[]{}<>!$&;'\\#",
		            *s))
			return false;
	return true;
}

/* The rest of a line may stand as it is unless that would be read as something else. */
static bool plain_line(const char *s)
{
	size_t n = strlen(s);

	return n && !strchr(" \"#", s[0]) && s[n - 1] != ' ' && s[n - 1] != '\\' && !strchr(s, '|');
}

/* Must this value be quoted? */
static bool quote(const struct cli_match *m, const struct piece *p)
{
	char first[CLI_LINE_MAX];
	struct word_check w = {false};

	if (!(p->var->raw ? plain_line(p->text) : plain(p->text)))
		return true;
	snprintf(first, sizeof(first), "%.*s", (int)strcspn(p->text, " "), p->text);
	cli_match_next(m, first, is_word, &w);
	return w.found;
}

/* Appends text; returns the new length, or len when it does not fit. */
static size_t append(char *buf, size_t at, size_t len, const char *text)
{
	size_t n = strlen(text);

	if (at + n >= len)
		return len;
	memcpy(buf + at, text, n + 1);
	return at + n;
}

static size_t append_quoted(char *buf, size_t at, size_t len, const char *text)
{
	if (at + 2 * strlen(text) + 3 >= len)
		return len;
	buf[at++] = '"';
	while (*text) {
		size_t slashes = strspn(text, "\\");

		for (size_t i = 0; i < slashes; i++)
			buf[at++] = *text++;
		bool quote = *text == '"' || !*text;

		for (size_t i = 0; quote && i < slashes; i++)
			buf[at++] = '\\';
		if (*text == '"')
			buf[at++] = '\\';
		if (*text)
			buf[at++] = *text++;
	}
	buf[at++] = '"';
	buf[at] = 0;
	return at;
}

const struct cli_form *cli_render_form(const struct cli_row *row, enum cli_form_kind kind)
{
	for (const struct cli_form *f = row->forms; f; f = f->next)
		if (f->kind == kind)
			return f;
	return NULL;
}

int cli_render_line(const struct cli_row *row, const struct cfg_args *args, bool negated, char *buf,
                    size_t len)
{
	const struct cli_form *form = cli_render_form(row, negated ? CLI_FORM_NO : CLI_FORM_SET);
	struct render r;
	struct cli_match m;
	size_t at = 0;

	if (!form || !len)
		return -EINVAL;
	*buf = 0;
	render_begin(&r, args);
	render(&r, form->tree);
	cli_match_init(&m, row->mode, CLI_PRIV_SECURITY_ADMIN, true);
	for (unsigned i = 0; i < r.n && at < len; i++) {
		struct cli_tok tok = {.text = r.v[i].text, .quoted = r.v[i].var && quote(&m, &r.v[i])};

		cli_match_step(&m, &tok, i);
		at = append(buf, at, len, i ? " " : "");
		if (at < len)
			at = tok.quoted ? append_quoted(buf, at, len, tok.text)
			                : append(buf, at, len, tok.text);
	}
	cli_match_clear(&m);
	return at >= len ? -ENOSPC : 0;
}
