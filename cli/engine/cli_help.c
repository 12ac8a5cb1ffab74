/* SPDX-License-Identifier: MIT */
/*
 * `?` and TAB: what may come next after the words typed so far. Both run the matcher over the complete words
 * and look at the live threads; both know pipes and `do`. Caller: tasks/cli's line editor.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "cli/engine/cli_int.h"

/* Listed in this order. */
enum cand_kind { CAND_WORD, CAND_VAR, CAND_NAME };

struct cand {
	const char *word, *help;
	const struct cli_var *var; /* a variable's line, or what the name is a value of */
	enum cand_kind kind;
};

#define NAMES_SHOWN 60 /* by `?`; TAB has them all */
#define NAMES_MAX   5000

struct help {
	const struct cli_session *s;
	const char *line; /* the part of the line that counts: after `do`, or after the last | */
	size_t len, offset;
	bool exec, pipe, piped;
	struct cli_toks t;
	struct cli_match m;
	char partial[CLI_LINE_MAX + 1];
	size_t partial_at; /* in line */
	bool quoted;
	const struct cli_thread *end; /* the line may end here (before the partial word) */
	char error[1024];
	struct cand *v;
	unsigned n, max;
	char **own; /* names the program listed */
	unsigned nown;
	const struct cli_var *asked;
	bool tab;
};

static void add(struct help *h, const char *word, const char *help, const struct cli_var *var,
                enum cand_kind kind)
{
	/* names are many and different by nature; what two blocks share is dropped when they are sorted */
	for (unsigned i = 0; kind != CAND_NAME && i < h->n; i++)
		if (h->v[i].kind == kind && !strcasecmp(h->v[i].word, word))
			return;
	if (h->n == h->max) {
		unsigned max = h->max ? h->max * 2 : 64;
		struct cand *v = realloc(h->v, max * sizeof(*v));

		if (!v)
			return;
		h->v = v;
		h->max = max;
	}
	h->v[h->n++] = (struct cand){word, help ? help : "", var, kind};
}

/* --- candidates --- */

/* Names of existing nodes a reference (or the key of a row) may take. */
static void add_names(struct help *h, const struct cfg_node *block, const char *row, const struct cli_var *v)
{
	const struct cfg_node *c;
	const char *k;

	cfg_foreach(c, block, row) if ((k = cfg_key(c, 0)) && !strncmp(k, h->partial, strlen(h->partial)) &&
	                               !strpbrk(k, " \"|")) add(h, k, NULL, v, CAND_NAME);
}

/* The block the session is in, or the nearest around it that exists. */
static const struct cfg_node *block_of(const struct help *h)
{
	const struct cfg_node *n = NULL;

	for (unsigned i = h->s->tree ? h->s->depth : 0; i && !n; i--)
		n = cfg_find(h->s->tree, h->s->stack[i - 1].path);
	return n;
}

static void complete_ref(struct help *h, const struct cli_var *v)
{
	const struct cfg_node *b = block_of(h), *c;

	if (h->exec && h->s->tree) {
		/* Exec: everything of that kind in the present context, and in the configuration as a whole
		 */
		add_names(h, h->s->tree->root, v->ref, v);
		cfg_foreach(c, h->s->tree->root,
		            "context") if (cfg_key(c, 0) && !strcmp(cfg_key(c, 0), h->s->context))
		        add_names(h, c, v->ref, v);
		return;
	}
	if (v->ref_in && h->s->tree)
		cfg_foreach(c, h->s->tree->root, "context") add_names(h, c, v->ref, v);
	for (; b; b = v->ref_in ? NULL : b->parent)
		add_names(h, b, v->ref, v);
}

/* The first key of a setting: names that exist already. */
static void complete_key(struct help *h, const struct cli_row *row, const struct cli_var *v)
{
	const struct cfg_node *b = block_of(h);

	if (b && row->kind == CLI_ROW_CONF && row->nkey && !strcmp(row->key[0], v->name))
		add_names(h, b, row->id, v);
}

static void own_name(void *arg, const char *word)
{
	struct help *h = arg;
	char **p;

	if (strncmp(word, h->partial, strlen(h->partial)) || h->nown == NAMES_MAX)
		return;
	p = realloc(h->own, (h->nown + 1) * sizeof(*p));
	if (!p)
		return;
	h->own = p;
	p[h->nown] = strdup(word);
	if (p[h->nown])
		add(h, p[h->nown++], NULL, h->asked, CAND_NAME);
}

/* What the program knows of values for v. */
static void complete_value(struct help *h, const struct cli_var *v)
{
	const char *words[CLI_TOK_MAX];

	if (!h->s->values.list)
		return;
	for (unsigned i = 0; i < h->t.n; i++)
		words[i] = h->t.v[i].text;
	h->asked = v;
	h->s->values.list(h->s->values.arg, v, words, h->t.n, h->partial, own_name, h);
}

static bool collect(void *arg, const struct cli_cand *c)
{
	struct help *h = arg;
	const struct cli_var *v = c->pos->var;

	if (c->form->row->hidden && !h->s->show_hidden)
		return true;
	if (c->pos->word) {
		if (!h->quoted)
			add(h, c->pos->word, c->pos->help, NULL, CAND_WORD);
		return true;
	}
	if (v->type == CLI_ENUM)
		for (unsigned i = 0; i < v->enm->n; i++)
			if (cli_word_prefix(v->enm->words[i].word, h->partial))
				add(h, v->enm->words[i].word, v->enm->words[i].help, NULL, CAND_WORD);
	if (!h->tab && v->type != CLI_ENUM)
		add(h, v->name, c->pos->help, v, CAND_VAR);
	if (v->type == CLI_REF)
		complete_ref(h, v);
	else
		complete_key(h, c->form->row, v);
	complete_value(h, v);
	return true;
}

static void collect_pipes(struct help *h)
{
	static const struct cand words[] = {
	        {"grep", "Shows only the lines that match a regular expression", NULL, CAND_WORD},
	        {"json", "Shows the output as JSON", NULL, CAND_WORD},
	        {"more", "Shows the output page by page", NULL, CAND_WORD}};
	static const struct cand opts[] = {{"-E", "Extended regular expression", NULL, CAND_WORD},
	                                   {"-i", "Upper and lower case are the same", NULL, CAND_WORD},
	                                   {"-v", "Shows the lines that do not match", NULL, CAND_WORD}};
	bool grep = h->t.n && cli_word_prefix("grep", h->t.v[0].text);

	for (unsigned i = 0; i < 3; i++) {
		if (!h->t.n && cli_word_prefix(words[i].word, h->partial))
			add(h, words[i].word, words[i].help, NULL, CAND_WORD);
		if (grep && cli_word_prefix(opts[i].word, h->partial))
			add(h, opts[i].word, opts[i].help, NULL, CAND_WORD);
	}
	if (grep && !h->tab && !*h->partial)
		add(h, "<pattern>", "Regular expression to look for", NULL, CAND_WORD);
	h->piped = h->t.n > 0;
}

/* --- the words before --- */

/* Leaves in h->line what the last command or filter of the line is. */
static void find_part(struct help *h)
{
	size_t at = strspn(h->line, " \t");

	h->exec = !h->s->depth;
	if (!h->exec && !strncasecmp(h->line + at, "do", 2) && isspace((unsigned char)h->line[at + 2])) {
		h->line += at + 2;
		h->offset += at + 2;
		h->len -= at + 2;
		h->exec = true;
	}
	while (h->exec && (at = cli_line_bar(h->line, h->len)) < h->len) {
		h->line += at + 1;
		h->offset += at + 1;
		h->len -= at + 1;
		h->pipe = true;
	}
}

/* The last word belongs to the question when no blank follows it. */
static bool take_partial(struct help *h)
{
	bool open = h->len && !isspace((unsigned char)h->line[h->len - 1]);

	cli_token_split(&h->t, h->line, h->len);
	h->partial_at = h->len;
	if (h->t.n && (open || h->t.open_quote)) {
		const struct cli_tok *k = &h->t.v[--h->t.n];

		snprintf(h->partial, sizeof(h->partial), "%s", k->text);
		h->partial_at = k->start;
		h->quoted = k->quoted;
	}
	return !h->t.too_many;
}

static bool run(struct help *h)
{
	const struct cli_mode *mode = h->exec ? cli_grammar_mode(h->s->g, "exec") : cli_session_mode(h->s);

	if (!mode)
		return false;
	cli_match_init(&h->m, mode, h->s->priv, h->s->test_commands);
	for (unsigned i = 0; i < h->t.n; i++) {
		if (cli_match_step(&h->m, &h->t.v[i], i) == CLI_M_OK)
			continue;
		return false;
	}
	h->end = cli_match_end(&h->m);
	return true;
}

static int by_word(const void *a, const void *b)
{
	const struct cand *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->kind == CAND_NAME ? strverscmp(x->word, y->word) : strcasecmp(x->word, y->word);
}

static void sort(struct help *h)
{
	unsigned k = 0;

	if (h->n)
		qsort(h->v, h->n, sizeof(*h->v), by_word);
	for (unsigned i = 0; i < h->n; i++)
		if (!k || h->v[i].kind != CAND_NAME || h->v[k - 1].kind != CAND_NAME ||
		    strcmp(h->v[k - 1].word, h->v[i].word))
			h->v[k++] = h->v[i];
	h->n = k;
}

static struct help *ask(const struct cli_session *s, const char *line, bool tab)
{
	struct help *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->s = s;
	h->line = line;
	h->len = strnlen(line, CLI_LINE_MAX);
	h->tab = tab;
	find_part(h);
	take_partial(h);
	if (h->pipe)
		collect_pipes(h);
	else if (run(h))
		cli_match_next(&h->m, h->quoted ? NULL : h->partial, collect, h);
	else
		h->error[0] = 1;
	sort(h);
	return h;
}

static void help_free(struct help *h)
{
	cli_match_clear(&h->m);
	while (h->nown)
		free(h->own[--h->nown]);
	free(h->own);
	free(h->v);
	free(h);
}

/* --- output --- */

static int put_help(struct cli_out *out, int width, const char *word, const char *help)
{
	return cli_out_printf(out, "  %-*s - %s\n", width, word, help);
}

static int put_var(struct cli_out *out, int width, const struct cand *c)
{
	char name[256], kind[320], text[1024];

	snprintf(name, sizeof(name), "<%s>", c->word);
	cli_type_describe(c->var, kind, sizeof(kind));
	snprintf(text, sizeof(text), "%s%s%s", c->help, *c->help ? ", " : "", kind);
	if (c->var->dflt)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ", default %s", c->var->dflt);
	return put_help(out, width, name, text);
}

/* The same error a wrong line gets when it is entered. */
static int put_error(const struct cli_session *s, const char *line, struct cli_out *out)
{
	struct cli_result res;
	int rc;

	if (cli_line_parse(s, line, &res) == CLI_ERROR)
		rc = cli_out_printf(out, "%s\n", res.error);
	else
		rc = cli_out_put(out, "Unknown command - unrecognized keyword\n");
	cli_line_clear(&res);
	return rc;
}

/* Names after everything else, so that the words stay in sight. */
static int put_cands(struct help *h, struct cli_out *out, int width, bool words)
{
	unsigned names = 0;
	int rc = 0;

	for (unsigned i = 0; i < h->n && !rc; i++) {
		const struct cand *c = &h->v[i];

		if (c->kind == CAND_WORD)
			rc = put_help(out, width, c->word, c->help);
		else if (c->kind == CAND_NAME && names++ < NAMES_SHOWN)
			rc = cli_out_printf(out, "  %-*s - a present <%s>\n", width, c->word, c->var->name);
		else if (c->kind == CAND_VAR && (!*h->partial || !words))
			rc = put_var(out, width, c);
	}
	if (names > NAMES_SHOWN && !rc)
		rc = cli_out_printf(out, "  and %u more\n", names - NAMES_SHOWN);
	return rc;
}

int cli_help_show(const struct cli_session *s, const char *line, struct cli_out *out)
{
	struct help *h = ask(s, line, false);
	int width = 11, rc = 0;
	bool words = false;

	if (!h)
		return -1;
	for (unsigned i = 0; i < h->n; i++) {
		int w = strlen(h->v[i].word) + (h->v[i].kind == CAND_VAR ? 2 : 0);

		width = w > width && w < 40 ? w : width;
		words |= h->v[i].kind == CAND_WORD;
	}
	bool cr = !*h->partial && !h->quoted && (h->end || h->piped);

	if (h->error[0] || (!h->n && !cr))
		rc = put_error(s, line, out);
	if (!rc)
		rc = put_cands(h, out, width, words);
	if (cr && !rc && h->exec)
		rc = put_help(out, width, "|", "Filters the output: grep, more, json");
	if (cr && !rc)
		rc = put_help(out, width, "<cr>", "newline");
	help_free(h);
	return rc;
}

int cli_help_complete(const struct cli_session *s, const char *line, size_t *start,
                      void (*each)(void *arg, const char *word), void *arg)
{
	struct help *h = ask(s, line, true);
	int n = 0;

	*start = 0;
	if (!h)
		return 0;
	*start = h->offset + h->partial_at;
	for (unsigned i = 0; i < h->n && !h->error[0]; i++, n++)
		each(arg, h->v[i].word);
	help_free(h);
	return n;
}
