/* SPDX-License-Identifier: MIT */
/*
 * Loads grammar files: the one place that knows their outer notation (modes, rows, attributes, help; the
 * patterns inside the quotes are cli_pattern.c's). Entry points cli_grammar_load(), cli_grammar_free() and
 * the look-ups. Called once by every program that has a CLI or a configuration; must stay far below 10 ms.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "cli/engine/cli_int.h"

#define IN_MODES 8

/* Reading state of one file. */
struct lex {
	struct cli_grammar *g;
	const char *file, *p;
	unsigned line;
	enum { L_END, L_WORD, L_STRING, L_OPEN, L_CLOSE } kind;
	char tok[16384];
	struct cli_mode *mode[IN_MODES]; /* the rows stand in each of these */
	unsigned nmodes;
	char *err;
	size_t errlen;
	bool failed;
};

static int fail(struct lex *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int fail(struct lex *l, const char *fmt, ...)
{
	va_list ap;

	if (l->failed)
		return -EINVAL;
	l->failed = true;
	int n = snprintf(l->err, l->errlen, "%s:%u: ", l->file, l->line);

	va_start(ap, fmt);
	if (n > 0 && (size_t)n < l->errlen)
		vsnprintf(l->err + n, l->errlen - n, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* --- words of the outer notation --- */

static void skip_blank(struct lex *l)
{
	for (;; l->p++) {
		if (*l->p == '#') {
			while (*l->p && *l->p != '\n')
				l->p++;
		}
		if (*l->p == '\n')
			l->line++;
		else if (!isspace((unsigned char)*l->p))
			return;
	}
}

static void lex_string(struct lex *l, size_t *n)
{
	for (l->p++; *l->p && *l->p != '"'; l->p++) {
		if (*l->p == '\\' && (l->p[1] == '"' || l->p[1] == '\\'))
			l->p++;
		if (*l->p == '\n')
			l->line++;
		if (*n < sizeof(l->tok) - 1)
			l->tok[(*n)++] = *l->p;
	}
	if (*l->p)
		l->p++;
	else
		fail(l, "string without end");
}

/* Reads the next word into l->tok; strings that follow each other are one. */
static void next(struct lex *l)
{
	size_t n = 0;

	skip_blank(l);
	if (!*l->p || l->failed) {
		l->kind = L_END;
	} else if (*l->p == '{' || *l->p == '}') {
		l->kind = *l->p++ == '{' ? L_OPEN : L_CLOSE;
	} else if (*l->p == '"') {
		l->kind = L_STRING;
		do {
			lex_string(l, &n);
			skip_blank(l);
		} while (*l->p == '"' && !l->failed);
	} else {
		l->kind = L_WORD;
		while (*l->p && !isspace((unsigned char)*l->p) && !strchr("{}\"", *l->p)) {
			if (n < sizeof(l->tok) - 1)
				l->tok[n++] = *l->p;
			l->p++;
		}
	}
	l->tok[n] = 0;
}

static bool is(const struct lex *l, const char *word)
{
	return l->kind == L_WORD && !strcmp(l->tok, word);
}

/* The word or string after an attribute's name; leaves the lexer on the word after it. NULL: failed. */
static const char *value(struct lex *l)
{
	char name[64];

	memcpy(name, l->tok, sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	next(l);
	if (l->kind != L_WORD && l->kind != L_STRING) {
		fail(l, "\"%s\" wants a value", name);
		return NULL;
	}
	const char *v = cli_arena_strdup(&l->g->arena, l->tok);

	next(l);
	return v;
}

/* { word "help" … }: into the glossary, or only for one row (own). */
static int parse_help_block(struct lex *l, struct cli_word_help *own, unsigned max, unsigned *n)
{
	for (next(l); l->kind != L_CLOSE; next(l)) {
		if (l->kind != L_WORD)
			return fail(l, "word expected in a help block");
		const char *w = cli_arena_strdup(&l->g->arena, l->tok);

		next(l);
		if (l->kind != L_STRING)
			return fail(l, "help text expected after \"%s\"", w);
		const char *h = cli_arena_strdup(&l->g->arena, l->tok);

		if (!own) {
			cli_words_add(l->g, w, h);
		} else {
			if (*n == max)
				return fail(l, "too many help words in one row");
			own[*n].word = w;
			own[(*n)++].help = h;
		}
		/* next() ran ahead of a string only to look for another string: fine */
	}
	next(l);
	return 0;
}

/* --- modes and enums --- */

static void *grow(void *v, unsigned n, size_t size)
{
	if (n && (n & (n - 1)))
		return v;
	v = realloc(v, (n ? n * 2 : 1) * size);
	if (!v)
		abort();
	return v;
}

/* "8,15": a set of chapters of the IPSec Reference as bits. */
static uint32_t parse_chapters(struct lex *l, const char *list)
{
	uint32_t bits = 0;

	for (const char *p = list; p && !l->failed;) {
		char *end;
		unsigned long n = strtoul(p, &end, 10);

		if (!isdigit((unsigned char)*p) || n < 1 || n > CLI_CHAPTER_MAX || (*end && *end != ','))
			fail(l, "chapters \"%s\": numbers 1 to %u with commas between them expected", list,
			     CLI_CHAPTER_MAX);
		else if (bits & 1u << n)
			fail(l, "chapters \"%s\": %lu is there twice", list, n);
		else
			bits |= 1u << n;
		p = *end ? end + 1 : NULL;
	}
	return bits;
}

static int parse_mode(struct lex *l)
{
	struct cli_mode *m = cli_arena_alloc(&l->g->arena, sizeof(*m));
	const char *parent = NULL;

	m->name = value(l);
	if (!m->name)
		return -EINVAL;
	while (l->kind == L_WORD && !l->failed) {
		if (is(l, "prompt"))
			m->prompt = value(l);
		else if (is(l, "help"))
			m->help = value(l);
		else if (is(l, "parent"))
			parent = value(l);
		else if (is(l, "chapter"))
			m->chapters = parse_chapters(l, value(l));
		else if (is(l, "later")) {
			m->later = true;
			next(l);
		} else
			break;
	}
	if (cli_grammar_mode(l->g, m->name))
		return fail(l, "mode \"%s\" exists already", m->name);
	if (parent && !(m->parent = cli_grammar_mode(l->g, parent)))
		return fail(l, "unknown parent mode \"%s\"", parent);
	l->g->modes = grow(l->g->modes, l->g->nmodes, sizeof(m));
	l->g->modes[l->g->nmodes++] = m;
	return 0;
}

static int parse_enum(struct lex *l)
{
	struct cli_enum *e = cli_arena_alloc(&l->g->arena, sizeof(*e));
	struct cli_word_help *w = calloc(2048, sizeof(*w));
	unsigned n = 0;

	e->name = value(l);
	if (!w || !e->name || l->kind != L_OPEN || parse_help_block(l, w, 2048, &n)) {
		free(w);
		return fail(l, "enum NAME { word \"help\" … } expected");
	}
	e->words = cli_arena_alloc(&l->g->arena, n * sizeof(*e->words));
	for (e->n = 0; e->n < n; e->n++)
		e->words[e->n] = (struct cli_enum_word){w[e->n].word, w[e->n].help};
	free(w);
	l->g->enums = grow(l->g->enums, l->g->nenums, sizeof(e));
	l->g->enums[l->g->nenums++] = e;
	return 0;
}

/* --- rows --- */

#define ROW_WORDS 64
#define ROW_ALIAS 8
#define ENTERS    8

/* What a row says before it is compiled. */
struct raw {
	struct cli_row *row;
	const char *alias[ROW_ALIAS], *no, *enter, *key, *unread;
	unsigned nalias, nwords;
	struct cli_word_help words[ROW_WORDS];
	bool no_none, default_none, default_keyed, acts;
};

static const char *const priv_names[] = {"inspector", "operator", "administrator", "security-administrator"};

int cli_priv_parse(const char *name)
{
	for (int p = CLI_PRIV_INSPECTOR; name && p <= CLI_PRIV_SECURITY_ADMIN; p++)
		if (!strcmp(priv_names[p], name))
			return p;
	return -1;
}

static enum cli_priv parse_priv(struct lex *l, const char *s)
{
	int p = cli_priv_parse(s && !strcmp(s, "config-administrator") ? "security-administrator" : s);

	if (p < 0)
		fail(l, "unknown privilege \"%s\"", s ? s : "");
	return p < 0 ? CLI_PRIV_ADMIN : (enum cli_priv)p;
}

const char *cli_priv_name(enum cli_priv p)
{
	return priv_names[p];
}

const char *cli_priv_title(enum cli_priv p)
{
	static const char *const titles[] = {"Inspector", "Operator", "Administrator",
	                                     "Security Administrator"};

	return titles[p];
}

static unsigned parse_number(struct lex *l, const char *s)
{
	char *end = NULL;
	unsigned long n = s ? strtoul(s, &end, 10) : 0;

	if (!s || *end || !n || n > 1000000)
		fail(l, "number expected");
	return n;
}

/* One attribute. Returns false when the word is not an attribute (the row ends). */
static bool parse_attr(struct lex *l, struct raw *r)
{
	struct cli_row *row = r->row;
	const char *v;

	if (is(l, "help"))
		row->help = value(l);
	else if (is(l, "handler"))
		row->handler = value(l);
	else if (is(l, "missing"))
		row->missing = value(l);
	else if (is(l, "id") || is(l, "store"))
		row->id = value(l);
	else if (is(l, "key"))
		r->key = value(l);
	else if (is(l, "unread"))
		r->unread = value(l);
	else if (is(l, "enter"))
		r->enter = value(l);
	else if (is(l, "priv"))
		row->priv = parse_priv(l, value(l));
	else if (is(l, "limit"))
		row->limit = parse_number(l, value(l));
	else if (is(l, "limit-total"))
		row->limit_total = parse_number(l, value(l));
	else if (is(l, "chapter"))
		row->chapters = parse_chapters(l, value(l));
	else if (is(l, "alias") && r->nalias < ROW_ALIAS)
		r->alias[r->nalias++] = value(l);
	else if (is(l, "no")) {
		v = value(l);
		r->no_none = v && !strcmp(v, "-");
		row->no_stored = v && !strcmp(v, "stored");
		if (!r->no_none && !row->no_stored)
			r->no = v;
	} else if (is(l, "default")) {
		v = value(l);
		r->default_none = v && !strcmp(v, "-");
		r->default_keyed = v && !strcmp(v, "keyed");
		if (!r->default_none && !r->default_keyed)
			row->default_text = v;
	} else if (is(l, "hidden") || is(l, "test") || is(l, "confirm") || is(l, "merge") ||
	           is(l, "ordered") || is(l, "later") || is(l, "acts") || is(l, "boot")) {
		row->hidden |= is(l, "hidden") || is(l, "test");
		row->test |= is(l, "test");
		row->confirm |= is(l, "confirm");
		row->merge |= is(l, "merge");
		row->ordered |= is(l, "ordered");
		row->later |= is(l, "later");
		row->boot |= is(l, "boot");
		r->acts |= is(l, "acts");
		next(l);
	} else if (l->kind == L_OPEN)
		return !parse_help_block(l, r->words, ROW_WORDS, &r->nwords);
	else
		return false;
	return !l->failed;
}

/* "a,b,c" as a list. */
static const char **split(struct lex *l, const char *text, unsigned *n)
{
	char *s = cli_arena_strdup(&l->g->arena, text);
	const char **list;
	unsigned room = 1;

	for (const char *p = text; *p; p++)
		room += *p == ',';
	list = cli_arena_alloc(&l->g->arena, room * sizeof(*list));
	*n = 0;
	for (char *save, *k = strtok_r(s, ",", &save); k; k = strtok_r(NULL, ",", &save))
		list[(*n)++] = k;
	return list;
}

/* What no task acts on has to be there. */
static int split_unread(struct lex *l, struct cli_row *row, const char *text)
{
	if (row->kind != CLI_ROW_CONF)
		return fail(l, "only a setting can have what is `unread`");
	row->unread = split(l, text, &row->nunread);
	for (unsigned i = 0, k; i < row->nunread; i++) {
		for (k = 0; k < row->nnames && strcmp(row->names[k], row->unread[i]); k++)
			;
		if (k == row->nnames)
			return fail(l, "unread: the row has no \"%s\"", row->unread[i]);
	}
	return 0;
}

/* "MODE", or "MODE LABEL WORD=MODE …": which mode the line opens may hang on one of its keywords. */
static int parse_enter(struct lex *l, struct cli_row *row, const char *text)
{
	char *s = cli_arena_strdup(&l->g->arena, text), *save, *eq;
	const char *name = strtok_r(s, " ", &save);

	row->enter = name ? cli_grammar_mode(l->g, name) : NULL;
	row->enter_by = strtok_r(NULL, " ", &save);
	row->enters = cli_arena_alloc(&l->g->arena, ENTERS * sizeof(*row->enters));
	for (char *t; row->enter && (t = strtok_r(NULL, " ", &save));) {
		struct cli_enter *e = &row->enters[row->nenters++];

		eq = strchr(t, '=');
		name = eq ? eq + 1 : t;
		if (!eq || row->nenters > ENTERS)
			return fail(l, "enter \"MODE LABEL WORD=MODE …\" expected");
		*eq = 0;
		e->word = t;
		e->mode = cli_grammar_mode(l->g, name);
		if (!e->mode)
			return fail(l, "unknown mode \"%s\"", name);
	}
	return row->enter ? 0 : fail(l, "unknown mode \"%s\"", name ? name : "");
}

/* Leading words joined by '-', e.g. "crypto-template". */
static const char *derive_id(struct lex *l, const struct cli_node *tree)
{
	char buf[256] = "";

	for (unsigned i = 0; i < tree->nkid && tree->kid[i]->kind == CLI_N_WORD; i++) {
		size_t n = strlen(buf);

		snprintf(buf + n, sizeof(buf) - n, "%s%s", n ? "-" : "", tree->kid[i]->word);
	}
	if (!*buf)
		fail(l, "a row that does not start with a word needs an id");
	return cli_arena_strdup(&l->g->arena, buf);
}

/* Words' help: the row's own block, else the glossary, else the enum's, else (variables) none. */
static void give_help(const struct cli_grammar *g, const struct raw *r, struct cli_node *n)
{
	const char *name = n->kind == CLI_N_WORD ? n->word : n->kind == CLI_N_VAR ? n->var->name : NULL;

	for (unsigned i = 0; i < n->nkid; i++)
		give_help(g, r, n->kid[i]);
	for (unsigned i = 0; name && !n->help && i < r->nwords; i++) {
		const char *w = r->words[i].word;
		size_t len = strlen(w);

		if (n->kind == CLI_N_WORD
		            ? !strcmp(w, name)
		            : *w == '<' && len == strlen(name) + 2 && !strncmp(w + 1, name, len - 2))
			n->help = r->words[i].help;
	}
	if (name && !n->help)
		n->help = cli_grammar_word_help(g, name, n->kind == CLI_N_VAR ? ">" : "");
}

static int add_form(struct lex *l, struct raw *r, enum cli_form_kind kind, struct cli_node *tree)
{
	struct cli_form *f = cli_arena_alloc(&l->g->arena, sizeof(*f));
	struct cli_form **tail = &r->row->forms;
	char err[256];

	if (!tree)
		return 0;
	give_help(l->g, r, tree);
	f->row = r->row;
	f->kind = kind;
	f->tree = tree;
	if (cli_pattern_compile(l->g, f, tree, err, sizeof(err)))
		return fail(l, "%s", err);
	while (*tail)
		tail = &(*tail)->next;
	*tail = f;
	return 0;
}

static struct cli_node *pattern(struct lex *l, const char *text)
{
	char err[256];
	struct cli_node *n = cli_pattern_parse(l->g, text, err, sizeof(err));

	if (!n)
		fail(l, "%s", err);
	return n;
}

/* The forms of a setting besides its own: aliases, no, default. */
static int add_conf_forms(struct lex *l, struct raw *r)
{
	struct cli_row *row = r->row;

	if (!r->no_none) {
		char buf[1024];

		snprintf(buf, sizeof(buf), "no %s", r->no ? r->no : "");
		if (add_form(l, r, CLI_FORM_NO, r->no ? pattern(l, buf) : cli_pattern_verb(l->g, row, "no")))
			return -EINVAL;
	}
	if (!r->default_none && (!row->nkey || r->default_keyed) && !row->enter)
		return add_form(l, r, CLI_FORM_DEFAULT, cli_pattern_verb(l->g, row, "default"));
	return 0;
}

static int compile_row(struct lex *l, struct raw *r)
{
	struct cli_row *row = r->row;

	row->tree = pattern(l, row->pattern);
	if (!row->tree)
		return -EINVAL;
	if (!row->id)
		row->id = derive_id(l, row->tree);
	if (row->kind == CLI_ROW_CONF && cli_grammar_row(row->mode, row->id))
		return fail(l, "id \"%s\" is used twice in mode %s", row->id, row->mode->name);
	if (r->key && strcmp(r->key, "*"))
		row->key = split(l, r->key, &row->nkey);
	if (r->enter && parse_enter(l, row, r->enter))
		return -EINVAL;
	row->merge |= row->enter != NULL;
	cli_pattern_vars(l->g, row, row->tree);
	if (r->key && !strcmp(r->key, "*")) {
		row->key = row->names;
		row->nkey = row->nnames;
	}
	if (r->unread && split_unread(l, row, r->unread))
		return -EINVAL;
	if (row->kind == CLI_ROW_EXEC && !row->handler == !row->missing)
		return fail(l, "an exec row needs a handler, or has to say what is missing");
	if (add_form(l, r, CLI_FORM_SET, row->tree))
		return -EINVAL;
	for (unsigned i = 0; i < r->nalias; i++) {
		struct cli_node *t = pattern(l, r->alias[i]);

		if (!t || add_form(l, r, CLI_FORM_SET, t))
			return -EINVAL;
		cli_pattern_vars(l->g, row, t);
	}
	return row->kind == CLI_ROW_CONF ? add_conf_forms(l, r) : 0;
}

static int parse_row(struct lex *l, enum cli_row_kind kind, struct cli_mode *m)
{
	struct raw r = {.row = cli_arena_alloc(&l->g->arena, sizeof(struct cli_row))};

	r.row->kind = kind;
	r.row->priv = kind == CLI_ROW_CONF ? CLI_PRIV_ADMIN : CLI_PRIV_OPERATOR;
	r.row->pattern = value(l);
	r.row->mode = m;
	if (!r.row->pattern)
		return fail(l, "a row needs a pattern");
	while (!l->failed && parse_attr(l, &r))
		;
	if (!r.row->chapters)
		r.row->chapters = m->chapters;
	r.row->later |= kind == CLI_ROW_CONF && m->later && !r.acts;
	if (r.row->later && kind != CLI_ROW_CONF)
		return fail(l, "only a setting can be `later`");
	if (l->failed || compile_row(l, &r))
		return -EINVAL;
	r.row->order = m->nrows;
	m->rows = grow(m->rows, m->nrows, sizeof(*m->rows));
	m->rows[m->nrows++] = r.row;
	return 0;
}

/* The row in each mode of the last `in`: read anew for every one, which compiles it anew. */
static int parse_rows(struct lex *l)
{
	enum cli_row_kind kind = is(l, "exec") ? CLI_ROW_EXEC : CLI_ROW_CONF;
	const char *p = l->p;
	unsigned line = l->line;

	if (!l->nmodes)
		return fail(l, "a row needs `in MODE` before it");
	for (unsigned i = 0; i < l->nmodes; i++) {
		l->p = p;
		l->line = line;
		/* value() in parse_row() takes the word after this one */
		snprintf(l->tok, sizeof(l->tok), "%s", kind == CLI_ROW_EXEC ? "exec" : "conf");
		if (parse_row(l, kind, l->mode[i]))
			return -EINVAL;
	}
	return 0;
}

/* in MODE[,MODE…] */
static int parse_in(struct lex *l)
{
	const char *v = value(l);
	char *s = v ? cli_arena_strdup(&l->g->arena, v) : NULL;

	l->nmodes = 0;
	for (char *save, *m = s ? strtok_r(s, ",", &save) : NULL; m; m = strtok_r(NULL, ",", &save)) {
		struct cli_mode *mode = (struct cli_mode *)cli_grammar_mode(l->g, m);

		if (!mode)
			return fail(l, "unknown mode \"%s\"", m);
		if (l->nmodes == IN_MODES)
			return fail(l, "rows for more than %u modes", IN_MODES);
		l->mode[l->nmodes++] = mode;
	}
	return 0;
}

/* --- files --- */

static int parse_file(struct cli_grammar *g, const char *name, const char *text, char *err, size_t errlen)
{
	struct lex *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	*l = (struct lex){.g = g, .file = name, .p = text, .line = 1, .err = err, .errlen = errlen};
	next(l);
	while (l->kind != L_END && !l->failed) {
		if (is(l, "mode")) {
			parse_mode(l);
		} else if (is(l, "enum")) {
			parse_enum(l);
		} else if (is(l, "words")) {
			next(l);
			if (l->kind != L_OPEN || parse_help_block(l, NULL, 0, NULL))
				fail(l, "words { word \"help\" … } expected");
		} else if (is(l, "in")) {
			parse_in(l);
		} else if (is(l, "exec") || is(l, "conf")) {
			parse_rows(l);
		} else {
			fail(l, "unexpected \"%s\"", l->tok);
		}
	}
	bool failed = l->failed;

	free(l);
	return failed ? -EINVAL : 0;
}

/* The default of a row: its default line, or what its variables' defaults make up. */
static int find_default(struct cli_row *row, char *err, size_t errlen)
{
	if (row->kind != CLI_ROW_CONF)
		return 0;
	if (row->default_text) {
		row->dflt =
		        cli_match_form(cli_render_form(row, CLI_FORM_SET), row->default_text, err, errlen);
		return row->dflt ? 0 : -EINVAL;
	}
	/* a line whose values may all be left out is off unless configured, not in force with its defaults */
	struct cfg_args *a = row->nkey || cli_render_fits(row, NULL) ? NULL : cfg_args_new();

	for (unsigned i = 0; a && i < row->nvars; i++)
		if (row->vars[i]->dflt && !row->vars[i]->list)
			cfg_args_set(a, row->vars[i]->name, row->vars[i]->dflt);
	if (a && a->n && cli_render_fits(row, a))
		row->dflt = a;
	else
		cfg_args_free(a);
	return 0;
}

static int finish(struct cli_grammar *g, char *err, size_t errlen)
{
	const struct cli_mode *common = cli_grammar_mode(g, "common");

	for (unsigned i = 0; i < g->nmodes; i++) {
		struct cli_mode *m = g->modes[i];

		if (cli_pattern_index(g, m, strcmp(m->name, "exec") && m != common ? common : NULL))
			return -ENOMEM;
		for (unsigned k = 0; k < m->nrows; k++) {
			char why[512];

			if (!find_default(m->rows[k], why, sizeof(why)))
				continue;
			snprintf(err, errlen, "mode %s, \"%s\": default line: %s", m->name,
			         m->rows[k]->pattern, why);
			return -EINVAL;
		}
	}
	return 0;
}

struct cli_grammar *cli_grammar_load_text(const char *name, const char *text, char *err, size_t errlen)
{
	struct cli_grammar *g = calloc(1, sizeof(*g));

	*err = 0;
	if (g && (parse_file(g, name, text, err, errlen) || finish(g, err, errlen))) {
		cli_grammar_free(g);
		return NULL;
	}
	return g;
}

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;

	if (!f)
		return NULL;
	if (!fseek(f, 0, SEEK_END)) {
		long n = ftell(f);

		rewind(f);
		text = n >= 0 ? malloc(n + 1) : NULL;
		if (text)
			text[fread(text, 1, n, f)] = 0;
	}
	fclose(f);
	return text;
}

static int is_grm(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return dot && dot != d->d_name && !strcmp(dot, ".grm");
}

struct cli_grammar *cli_grammar_load(const char *dir, char *err, size_t errlen)
{
	struct dirent **names;
	int n = scandir(dir, &names, is_grm, alphasort), rc = 0;
	struct cli_grammar *g = calloc(1, sizeof(*g));

	snprintf(err, errlen, "%s: no grammar files", dir);
	if (n <= 0 || !g)
		rc = -ENOENT;
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];
		char *text;

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		text = rc ? NULL : slurp(path);
		if (!rc)
			rc = text ? parse_file(g, names[i]->d_name, text, err, errlen) : -EIO;
		free(text);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	if (!rc)
		rc = finish(g, err, errlen);
	if (!rc)
		return g;
	cli_grammar_free(g);
	return NULL;
}

void cli_grammar_free(struct cli_grammar *g)
{
	if (!g)
		return;
	for (unsigned i = 0; i < g->nmodes; i++) {
		for (unsigned k = 0; k < g->modes[i]->nrows; k++)
			cfg_args_free(g->modes[i]->rows[k]->dflt);
		free(g->modes[i]->rows);
	}
	free(g->modes);
	free(g->enums);
	free(g->words);
	cli_arena_free(&g->arena);
	free(g);
}

/* --- look-ups --- */

const char *cli_grammar_dir(const char *exe, char *buf, size_t len)
{
	static const char *const places[] = {"/../share/orrery/grammar", "/../../share/orrery/grammar",
	                                     "/../../cli/grammar", "/../../../cli/grammar"};
	const char *env = getenv("ORRERY_GRAMMAR");
	char real[PATH_MAX];
	const char *slash;

	/*
	 * "/proc/self/exe" is a link: what counts is where the program is, or was: a program that was
	 * replaced while it runs reads as "…/name (deleted)".
	 */
	if (exe) {
		ssize_t n =
		        realpath(exe, real) ? (ssize_t)strlen(real) : readlink(exe, real, sizeof(real) - 1);

		if (n > 0) {
			real[n] = 0;
			exe = real;
		}
	}
	slash = exe ? strrchr(exe, '/') : NULL;

	if (env && *env) {
		snprintf(buf, len, "%s", env);
		return buf;
	}
	for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(buf, len, "%.*s%s", (int)(slash - exe), exe, places[i]);
		if (!access(buf, R_OK | X_OK))
			return buf;
	}
	snprintf(buf, len, "cli/grammar");
	return buf;
}

const struct cli_mode *cli_grammar_mode(const struct cli_grammar *g, const char *name)
{
	for (unsigned i = 0; i < g->nmodes; i++)
		if (!strcmp(g->modes[i]->name, name))
			return g->modes[i];
	return NULL;
}

const struct cli_mode *cli_grammar_mode_at(const struct cli_grammar *g, unsigned i)
{
	return i < g->nmodes ? g->modes[i] : NULL;
}

const struct cli_row *cli_grammar_row(const struct cli_mode *m, const char *id)
{
	for (unsigned i = 0; i < m->nrows; i++)
		if (m->rows[i]->kind == CLI_ROW_CONF && !strcmp(m->rows[i]->id, id))
			return m->rows[i];
	return NULL;
}

const struct cli_mode *cli_grammar_enter(const struct cli_row *row, const struct cfg_args *args)
{
	const char *word = row->enter_by && args ? cfg_args_get(args, row->enter_by) : NULL;

	for (unsigned i = 0; word && i < row->nenters; i++)
		if (!strcmp(row->enters[i].word, word))
			return row->enters[i].mode;
	return row->enter;
}

const struct cli_var *cli_grammar_var(const struct cli_row *row, const char *name)
{
	for (unsigned i = 0; i < row->nvars; i++)
		if (!strcmp(row->vars[i]->name, name))
			return row->vars[i];
	return NULL;
}

const struct cli_enum *cli_grammar_enum(const struct cli_grammar *g, const char *name)
{
	for (unsigned i = 0; i < g->nenums; i++)
		if (!strcmp(g->enums[i]->name, name))
			return g->enums[i];
	return NULL;
}
