/* SPDX-License-Identifier: MIT */
/*
 * The matcher: feeds a line's words one by one to all rows of a mode at once. A keyword typed in full beats
 * an abbreviation, an unambiguous abbreviation beats a variable, visible words beat hidden ones; a quoted
 * word is never a keyword. Used by cli_line.c (a whole line), cli_help.c (? and TAB) and cli_render.c (must a
 * value be quoted?).
 */
#include <ctype.h>
#include <errno.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "cli/engine/cli_int.h"

void cli_match_init(struct cli_match *m, const struct cli_mode *mode, enum cli_priv priv, bool test)
{
	memset(m, 0, sizeof(*m) - sizeof(m->why));
	m->why[0] = 0;
	m->mode = mode;
	m->priv = priv;
	m->test = test;
}

void cli_match_clear(struct cli_match *m)
{
	free(m->cur);
	free(m->nxt);
	free(m->hist);
	m->cur = m->nxt = NULL;
	m->hist = NULL;
}

/* --- what may come next --- */

static bool visited(const struct cli_match *m, int hist, uint16_t pos)
{
	for (; hist >= 0; hist = m->hist[hist].prev)
		if (m->hist[hist].pos == pos)
			return true;
	return false;
}

static bool allowed(const struct cli_match *m, const struct cli_row *row)
{
	return row->priv <= m->priv && (!row->test || m->test);
}

typedef bool each_fn(void *arg, const struct cli_cand *c);

static bool emit(const struct cli_match *m, const struct cli_form *f, uint16_t i, int thread,
                 const char *prefix, each_fn *each, void *arg)
{
	struct cli_cand c = {.form = f, .pos = &f->pos[i], .i = i, .thread = thread};

	if (!allowed(m, f->row) || (c.pos->word && prefix && !cli_word_prefix(c.pos->word, prefix)))
		return true;
	return each(arg, &c);
}

/* First entry of the sorted index that is not before prefix. */
static unsigned lower_bound(const struct cli_index *x, const char *prefix)
{
	unsigned lo = 0, hi = x->nwords;
	size_t len = strlen(prefix);

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (strncasecmp(x->words[mid].word, prefix, len) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void next_first(const struct cli_match *m, const char *prefix, each_fn *each, void *arg)
{
	const struct cli_index *x;

	assert(m->mode); /* without one there is only a form, which is asked elsewhere */
	x = m->mode->index;
	for (unsigned i = prefix ? lower_bound(x, prefix) : 0; i < x->nwords; i++) {
		if (prefix && !cli_word_prefix(x->words[i].word, prefix))
			break;
		if (!emit(m, x->words[i].form, x->words[i].pos, -1, NULL, each, arg))
			return;
	}
	for (unsigned i = 0; i < x->nvars; i++)
		if (!emit(m, x->vars[i].form, x->vars[i].pos, -1, NULL, each, arg))
			return;
}

void cli_match_next(const struct cli_match *m, const char *prefix, each_fn *each, void *arg)
{
	if (!m->begun && !m->only) {
		next_first(m, prefix, each, arg);
		return;
	}
	for (unsigned i = 0; !m->begun && i < m->only->nfirst; i++)
		if (!emit(m, m->only, m->only->first[i], -1, prefix, each, arg))
			return;
	for (unsigned t = 0; m->begun && t < m->ncur; t++) {
		const struct cli_thread *th = &m->cur[t];
		const struct cli_pos *p = &th->form->pos[m->hist[th->hist].pos];

		for (unsigned i = 0; i < p->nfollow && !th->absorb; i++)
			if (!visited(m, th->hist, p->follow[i]) &&
			    !emit(m, th->form, p->follow[i], t, prefix, each, arg))
				return;
	}
}

/* --- one word --- */

#define WORDS_MAX 24

struct step {
	struct cli_match *m;
	const struct cli_tok *tok;
	unsigned itok;
	const char *exact;           /* the word typed in full */
	const char *word[WORDS_MAX]; /* distinct visible candidates for an abbreviation */
	unsigned nword;
	const char *hidden; /* a hidden one */
	unsigned nhidden;
	const char *pick; /* the keyword decided on; NULL: variables */
	int room;         /* 0, -ENOMEM */
	bool any_word;
	int best; /* how good the complaint in why is */
};

static bool survey(void *arg, const struct cli_cand *c)
{
	struct step *s = arg;
	const char *w = c->pos->word;

	if (!w)
		return true;
	if (!strcasecmp(w, s->tok->text)) {
		s->exact = w;
		return false;
	}
	if (c->form->row->hidden) {
		s->nhidden += !s->hidden || strcasecmp(s->hidden, w);
		s->hidden = w;
		return true;
	}
	for (unsigned i = 0; i < s->nword; i++)
		if (!strcasecmp(s->word[i], w))
			return true;
	if (s->nword < WORDS_MAX)
		s->word[s->nword++] = w;
	return true;
}

static bool add_thread(struct step *s, const struct cli_cand *c, bool absorb)
{
	struct cli_match *m = s->m;

	if (m->nnxt == m->nxtmax) {
		unsigned n = m->nxtmax ? m->nxtmax * 2 : 64;
		struct cli_thread *t = realloc(m->nxt, n * sizeof(*t));

		if (!t)
			goto nomem;
		m->nxt = t;
		m->nxtmax = n;
	}
	if (m->nhist == m->histmax) {
		int n = m->histmax ? m->histmax * 2 : 256;
		struct cli_hist *h = realloc(m->hist, n * sizeof(*h));

		if (!h)
			goto nomem;
		m->hist = h;
		m->histmax = n;
	}
	m->hist[m->nhist] = (struct cli_hist){c->i, s->itok, c->thread < 0 ? -1 : m->cur[c->thread].hist};
	m->nxt[m->nnxt++] = (struct cli_thread){c->form, m->nhist++, absorb};
	return true;
nomem:
	s->room = -ENOMEM;
	return false;
}

static bool take_word(void *arg, const struct cli_cand *c)
{
	struct step *s = arg;

	if (c->pos->word && !strcasecmp(c->pos->word, s->pick))
		return add_thread(s, c, false);
	return true;
}

/* Which complaint to show when no variable takes the word: one about a value of the right shape. */
static int plausible(const struct cli_var *v, const char *text)
{
	switch (v->type) {
	case CLI_INT:
		return text[strspn(text, "-0123456789")] ? 1 : 4;
	case CLI_STRING:
	case CLI_LINE:
	case CLI_SECRET:
	case CLI_REF:
		return 3;
	default:
		return strpbrk(text, ".:/") ? 3 : 2;
	}
}

/* A sealed secret is longer than the secret: what is inside is checked when it is opened. */
static const struct cli_var *sealed(const struct cli_var *v)
{
	static struct cli_range range = {1, 12000};
	static const struct cli_var any = {
	        .name = "encrypted value", .type = CLI_SECRET, .ranges = &range, .nranges = 1};

	return v->type == CLI_SECRET ? &any : v;
}

static bool after_encrypted(const struct cli_match *m, const struct cli_cand *c)
{
	for (int h = c->thread < 0 ? -1 : m->cur[c->thread].hist; h >= 0; h = m->hist[h].prev) {
		const char *w = c->form->pos[m->hist[h].pos].word;

		if (w && !strcmp(w, "encrypted"))
			return true;
	}
	return false;
}

static bool take_var(void *arg, const struct cli_cand *c)
{
	struct step *s = arg;
	const struct cli_var *v = c->pos->var;
	char out[CLI_LINE_MAX + 8];

	if (c->pos->word) {
		s->any_word = true;
		return true;
	}
	if (v->type == CLI_SECRET && after_encrypted(s->m, c))
		v = sealed(v);
	/* the rest of the line is checked as a whole when it is known */
	bool absorb = v->type == CLI_LINE && !s->tok->quoted;

	if (absorb || !cli_type_check(v, s->tok->text, out, sizeof(out)))
		return add_thread(s, c, absorb);
	int p = plausible(v, s->tok->text);

	if (p > s->best) {
		s->best = p;
		snprintf(s->m->why, sizeof(s->m->why), "%.*s", (int)sizeof(s->m->why) - 1, out);
	}
	return true;
}

static void keep_absorbing(struct step *s)
{
	struct cli_match *m = s->m;

	for (unsigned i = 0; m->begun && i < m->ncur; i++) {
		if (!m->cur[i].absorb)
			continue;
		/* reuse add_thread's room: the history stays as it is */
		struct cli_cand c = {.form = m->cur[i].form, .i = m->hist[m->cur[i].hist].pos, .thread = i};

		if (add_thread(s, &c, true)) {
			m->nhist--;
			m->nxt[m->nnxt - 1].hist = m->cur[i].hist;
		}
	}
}

static int by_name(const void *a, const void *b)
{
	return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

static enum cli_status ambiguous(struct step *s)
{
	size_t n = 0;

	qsort(s->word, s->nword, sizeof(s->word[0]), by_name);
	s->m->why[0] = 0;
	for (unsigned i = 0; i < s->nword && n < sizeof(s->m->why); i++)
		n += snprintf(s->m->why + n, sizeof(s->m->why) - n, "%s%s", i ? ", " : "", s->word[i]);
	return CLI_M_AMBIGUOUS;
}

enum cli_status cli_match_step(struct cli_match *m, const struct cli_tok *tok, unsigned itok)
{
	struct step s = {.m = m, .tok = tok, .itok = itok};

	m->nnxt = 0;
	keep_absorbing(&s);
	if (!tok->quoted && *tok->text)
		cli_match_next(m, tok->text, survey, &s);
	if (s.exact)
		s.pick = s.exact;
	else if (s.nword == 1)
		s.pick = s.word[0];
	else if (s.nword > 1)
		return ambiguous(&s);
	else if (s.nhidden == 1)
		s.pick = s.hidden;
	if (s.pick)
		cli_match_next(m, tok->text, take_word, &s);
	else
		cli_match_next(m, NULL, take_var, &s);
	if (s.room)
		return CLI_M_UNKNOWN;
	if (!m->nnxt)
		return s.best > 2 || (s.best && !s.any_word) ? CLI_M_VALUE : CLI_M_UNKNOWN;
	struct cli_thread *t = m->cur;
	unsigned max = m->curmax;

	m->cur = m->nxt;
	m->ncur = m->nnxt;
	m->curmax = m->nxtmax;
	m->nxt = t;
	m->nxtmax = max;
	m->begun = true;
	return CLI_M_OK;
}

const struct cli_thread *cli_match_end(const struct cli_match *m)
{
	for (unsigned t = 0; m->begun && t < m->ncur; t++)
		if (m->cur[t].form->pos[m->hist[m->cur[t].hist].pos].last)
			return &m->cur[t];
	return NULL;
}

/* --- values --- */

static int add_value(struct cli_match *m, struct cfg_args *a, const struct cli_pos *p,
                     const struct cli_tok *tok, bool absorb, const char *line, size_t len)
{
	const struct cli_var *v = cfg_args_get(a, "encrypted") ? sealed(p->var) : p->var;
	char raw[CLI_LINE_MAX + 8], out[CLI_LINE_MAX + 8];
	const char *text = tok->text;

	if (absorb) {
		while (len > tok->start && isspace((unsigned char)line[len - 1]))
			len--;
		snprintf(raw, sizeof(raw), "%.*s", (int)(len - tok->start), line + tok->start);
		for (char *c = raw; *c; c++)
			if (*c == '\t')
				*c = ' ';
		text = raw;
	}
	if (cli_type_check(v, text, out, sizeof(out))) {
		snprintf(m->why, sizeof(m->why), "%.*s", (int)sizeof(m->why) - 1, out);
		return -EINVAL;
	}
	return p->var->list ? cfg_args_add(a, p->var->name, out) : cfg_args_set(a, p->var->name, out);
}

struct cfg_args *cli_match_args(struct cli_match *m, const struct cli_thread *th, const struct cli_toks *t,
                                const char *line, size_t len)
{
	struct cfg_args *a = cfg_args_new();
	int path[CLI_TOK_MAX] = {0}, n = 0, rc = a ? 0 : -ENOMEM;
	bool said = false;

	for (int h = th->hist; h >= 0 && n < CLI_TOK_MAX; h = m->hist[h].prev)
		path[n++] = h;
	while (!rc && n--) {
		const struct cli_hist *h = &m->hist[path[n]];
		const struct cli_pos *p = &th->form->pos[h->pos];

		said |= p->word && !strcmp(p->word, "encrypted");
		if (said && p->var && p->var->type == CLI_SECRET) {
			if (m->nsealed < CLI_SEALED_MAX)
				m->sealed[m->nsealed++] = p->var;
			said = false;
		}
		if (!p->word)
			rc = add_value(m, a, p, &t->v[h->tok], th->absorb && !n, line, len);
		else if (p->label)
			rc = cfg_args_set(a, p->label, p->word);
		else if (p->flag)
			rc = cfg_args_set(a, p->word, "");
	}
	if (!rc)
		return a;
	cfg_args_free(a);
	return NULL;
}

struct cfg_args *cli_match_form(const struct cli_form *f, const char *line, char *err, size_t errlen)
{
	struct cli_toks *t = malloc(sizeof(*t));
	struct cli_match m;
	struct cfg_args *a = NULL;
	const struct cli_thread *end;
	enum cli_status st = CLI_M_OK;

	if (!t)
		return NULL;
	cli_match_init(&m, NULL, CLI_PRIV_SECURITY_ADMIN, true);
	m.only = f;
	snprintf(err, errlen, "not understood: %s", line);
	if (!cli_token_split(t, line, strlen(line))) {
		for (unsigned i = 0; i < t->n && st == CLI_M_OK; i++)
			st = cli_match_step(&m, &t->v[i], i);
		end = st == CLI_M_OK ? cli_match_end(&m) : NULL;
		if (end)
			a = cli_match_args(&m, end, t, line, strlen(line));
	}
	cli_match_clear(&m);
	free(t);
	return a;
}
