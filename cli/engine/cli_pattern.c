/* SPDX-License-Identifier: MIT */
/*
 * Patterns in StarOS notation: parsing into a tree, deriving the `no` and `default` forms, compiling the tree
 * to a position automaton, and the per-mode index of first words. Called by cli_grammar.c while loading.
 * Notation: word  <var:…>  { a | b }  [ c ]  and after a group or variable: =label (record which branch), +
 * (several branches, any order), *N (up to N times). See cli/grammar/README.md.
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "cli/engine/cli_int.h"

/* --- text to tree --- */

struct pat {
	struct cli_grammar *g;
	const char *p;
	char *err;
	size_t errlen;
	unsigned depth;
};

static struct cli_node *parse_seq(struct pat *c);

static struct cli_node *node_new(struct pat *c, enum cli_node_kind kind)
{
	struct cli_node *n = cli_arena_alloc(&c->g->arena, sizeof(*n));

	n->kind = kind;
	n->repeat = 1;
	return n;
}

static void node_add(struct cli_grammar *g, struct cli_node *n, struct cli_node *kid)
{
	if (!(n->nkid & (n->nkid - 1))) {
		struct cli_node **v = cli_arena_alloc(&g->arena, (n->nkid ? n->nkid * 2 : 1) * sizeof(*v));

		if (n->nkid)
			memcpy(v, n->kid, n->nkid * sizeof(*v));
		n->kid = v;
	}
	n->kid[n->nkid++] = kid;
}

static struct cli_node *fail(struct pat *c, const char *what)
{
	snprintf(c->err, c->errlen, "pattern: %s at \"%.40s\"", what, c->p);
	return NULL;
}

static void skip(struct pat *c)
{
	while (isspace((unsigned char)*c->p))
		c->p++;
}

static void mark_list(struct cli_node *n)
{
	if (n->kind == CLI_N_VAR)
		n->var->list = true;
	for (unsigned i = 0; i < n->nkid; i++)
		mark_list(n->kid[i]);
}

/* =label, + and *N after a group or variable. alt: the node a label or + belongs to. */
static int parse_suffix(struct pat *c, struct cli_node *n, struct cli_node *alt)
{
	if (*c->p == '=') {
		size_t len = strcspn(++c->p, " \t\n]}|+*");

		alt->label = cli_arena_strndup(&c->g->arena, c->p, len);
		c->p += len;
	} else if (*c->p == '+') {
		alt->plus = true;
		c->p++;
	} else if (*c->p == '*') {
		n->repeat = strtoul(c->p + 1, (char **)&c->p, 10);
		if (n->repeat < 1 || n->repeat > 64)
			return -EINVAL;
		mark_list(n);
	}
	return 0;
}

static struct cli_node *parse_group(struct pat *c, char close)
{
	struct cli_node *alt = node_new(c, CLI_N_ALT), *n = alt;

	do {
		c->p++;
		struct cli_node *seq = parse_seq(c);

		if (!seq)
			return NULL;
		if (!seq->nkid)
			return fail(c, "empty branch");
		node_add(c->g, alt, seq);
	} while (*c->p == '|');
	if (*c->p != close)
		return fail(c, "unbalanced group");
	c->p++;
	if (close == ']') {
		n = node_new(c, CLI_N_OPT);
		node_add(c->g, n, alt);
	}
	if (parse_suffix(c, n, alt))
		return fail(c, "bad repeat");
	return n;
}

static struct cli_node *parse_var(struct pat *c)
{
	struct cli_node *n = node_new(c, CLI_N_VAR);
	const char *end = strchr(c->p, '>');
	char spec[512], why[256];

	if (!end || (size_t)(end - c->p) >= sizeof(spec))
		return fail(c, "variable without end");
	memcpy(spec, c->p + 1, end - c->p - 1);
	spec[end - c->p - 1] = 0;
	n->var = cli_arena_alloc(&c->g->arena, sizeof(*n->var));
	if (cli_type_parse(c->g, n->var, spec, why, sizeof(why)))
		return fail(c, why);
	c->p = end + 1;
	if (*c->p == '*' && parse_suffix(c, n, n))
		return fail(c, "bad repeat");
	return n;
}

static struct cli_node *parse_item(struct pat *c)
{
	if (*c->p == '<')
		return parse_var(c);
	if (*c->p == '{' || *c->p == '[')
		return parse_group(c, *c->p == '{' ? '}' : ']');
	struct cli_node *n = node_new(c, CLI_N_WORD);
	size_t len = strcspn(c->p, " \t\n{}[]|<>");

	if (!len)
		return fail(c, "word expected");
	n->word = cli_arena_strndup(&c->g->arena, c->p, len);
	c->p += len;
	return n;
}

static struct cli_node *parse_seq(struct pat *c)
{
	struct cli_node *seq = node_new(c, CLI_N_SEQ);

	if (++c->depth > 16)
		return fail(c, "nested too deep");
	for (skip(c); *c->p && !strchr("|]}", *c->p); skip(c)) {
		struct cli_node *n = parse_item(c);

		if (!n)
			return NULL;
		node_add(c->g, seq, n);
	}
	c->depth--;
	return seq;
}

/* Inside a group a word is recorded by its own name, unless what follows tells that it was there. */
static void mark_flags(struct cli_node *n, bool inside)
{
	for (unsigned i = 0; i < n->nkid; i++) {
		struct cli_node *k = n->kid[i];
		const struct cli_node *after;

		assert(k); /* node_add() */
		after = n->kind == CLI_N_SEQ && i + 1 < n->nkid ? n->kid[i + 1] : NULL;

		if (k->kind == CLI_N_WORD)
			k->flag = inside && !(after && (after->kind == CLI_N_VAR ||
			                                (after->kind == CLI_N_ALT && after->label)));
		else
			mark_flags(k, inside || k->kind == CLI_N_ALT || k->kind == CLI_N_OPT);
		if (n->kind == CLI_N_ALT && n->label && k->nkid)
			k->kid[0]->flag = false;
	}
}

struct cli_node *cli_pattern_parse(struct cli_grammar *g, const char *text, char *err, size_t errlen)
{
	struct pat c = {.g = g, .p = text, .err = err, .errlen = errlen};
	struct cli_node *n = parse_seq(&c);

	if (n && *c.p)
		n = fail(&c, "unbalanced bracket");
	if (n && !n->nkid)
		n = fail(&c, "empty");
	if (n)
		mark_flags(n, false);
	return n;
}

static bool has_name(const struct cli_node *n, const char *name)
{
	if ((n->kind == CLI_N_VAR && !strcmp(n->var->name, name)) || (n->label && !strcmp(n->label, name)))
		return true;
	for (unsigned i = 0; i < n->nkid; i++)
		if (has_name(n->kid[i], name))
			return true;
	return false;
}

/* `no require crypto ikev1-acl software`: the words after the key may be given as well. */
static void add_optional_words(struct cli_grammar *g, struct cli_node *n, const struct cli_node *t,
                               unsigned from)
{
	struct pat c = {.g = g};
	struct cli_node *opt = node_new(&c, CLI_N_OPT), *alt = node_new(&c, CLI_N_ALT),
	                *seq = node_new(&c, CLI_N_SEQ);

	for (unsigned i = from; i < t->nkid && t->kid[i]->kind == CLI_N_WORD; i++)
		node_add(g, seq, t->kid[i]);
	if (!seq->nkid)
		return;
	node_add(g, alt, seq);
	node_add(g, opt, alt);
	node_add(g, n, opt);
}

/* [ -noconfirm ] behind the `no` of what is asked for. */
static void add_noconfirm(struct cli_grammar *g, struct cli_node *n)
{
	struct pat c = {.g = g, .p = "[ -noconfirm ]"};
	struct cli_node *opt = parse_item(&c);

	opt->kid[0]->kid[0]->kid[0]->flag = true;
	node_add(g, n, opt);
}

struct cli_node *cli_pattern_verb(struct cli_grammar *g, const struct cli_row *row, const char *verb)
{
	struct pat c = {.g = g};
	struct cli_node *n = node_new(&c, CLI_N_SEQ), *w = node_new(&c, CLI_N_WORD);
	const struct cli_node *t = row->tree;
	unsigned cut = 0;

	w->word = verb;
	node_add(g, n, w);
	if (!row->nkey)
		while (cut < t->nkid && t->kid[cut]->kind == CLI_N_WORD)
			cut++;
	for (unsigned i = 0; i < t->nkid; i++)
		for (unsigned k = 0; k < row->nkey; k++)
			if (has_name(t->kid[i], row->key[k]))
				cut = i + 1;
	if (!cut)
		cut = t->nkid;
	for (unsigned i = 0; i < cut; i++)
		node_add(g, n, t->kid[i]);
	if (row->nkey)
		add_optional_words(g, n, t, cut);
	if (row->confirm)
		add_noconfirm(g, n);
	return n;
}

static void add_name(struct cli_grammar *g, struct cli_row *row, const char *name)
{
	for (unsigned i = 0; i < row->nnames; i++)
		if (!strcmp(row->names[i], name))
			return;
	const char **v = cli_arena_alloc(&g->arena, (row->nnames + 1) * sizeof(*v));

	if (row->nnames)
		memcpy(v, row->names, row->nnames * sizeof(*v));
	v[row->nnames++] = name;
	row->names = v;
}

void cli_pattern_vars(struct cli_grammar *g, struct cli_row *row, const struct cli_node *n)
{
	if (n->kind == CLI_N_VAR || n->label || n->flag)
		add_name(g, row, n->kind == CLI_N_VAR ? n->var->name : n->label ? n->label : n->word);
	if (n->kind == CLI_N_VAR && !cli_grammar_var(row, n->var->name)) {
		struct cli_var **v = cli_arena_alloc(&g->arena, (row->nvars + 1) * sizeof(*v));

		if (row->nvars)
			memcpy(v, row->vars, row->nvars * sizeof(*v));
		v[row->nvars++] = n->var;
		row->vars = v;
	}
	for (unsigned i = 0; i < n->nkid; i++)
		cli_pattern_vars(g, row, n->kid[i]);
}

/* --- tree to automaton --- */

struct set {
	uint64_t w[CLI_POS_MAX / 64];
};

struct frag {
	bool nullable;
	struct set first, last;
};

struct build {
	struct cli_pos pos[CLI_POS_MAX];
	struct set follow[CLI_POS_MAX];
	unsigned n;
	bool overflow;
};

static void set_or(struct set *a, const struct set *b)
{
	for (unsigned i = 0; i < CLI_POS_MAX / 64; i++)
		a->w[i] |= b->w[i];
}

static bool set_has(const struct set *s, unsigned i)
{
	return s->w[i / 64] >> (i % 64) & 1;
}

static void connect(struct build *b, const struct set *last, const struct set *first)
{
	for (unsigned k = 0; k < CLI_POS_MAX / 64; k++)
		for (uint64_t w = last->w[k]; w; w &= w - 1)
			set_or(&b->follow[64 * k + (unsigned)__builtin_ctzll(w)], first);
}

static struct frag frag_leaf(struct build *b, const struct cli_node *n, const char *label)
{
	struct frag f = {0};

	if (b->n == CLI_POS_MAX) {
		b->overflow = true;
		return f;
	}
	b->pos[b->n] = (struct cli_pos){.word = n->kind == CLI_N_WORD ? n->word : NULL,
	                                .var = n->var,
	                                .label = label,
	                                .help = n->help,
	                                .flag = n->flag};
	b->follow[b->n] = (struct set){0};
	f.first.w[b->n / 64] = f.last.w[b->n / 64] = 1ull << (b->n % 64);
	b->n++;
	return f;
}

static struct frag frag_cat(struct build *b, struct frag x, struct frag y)
{
	connect(b, &x.last, &y.first);
	if (x.nullable)
		set_or(&x.first, &y.first);
	if (y.nullable)
		set_or(&y.last, &x.last);
	return (struct frag){x.nullable && y.nullable, x.first, y.last};
}

static struct frag frag_of(struct build *b, const struct cli_node *n, const char *label);

static struct frag frag_once(struct build *b, const struct cli_node *n, const char *label)
{
	struct frag f = {.nullable = n->kind != CLI_N_ALT};

	if (n->kind == CLI_N_WORD || n->kind == CLI_N_VAR)
		return frag_leaf(b, n, label);
	for (unsigned i = 0; i < n->nkid; i++) {
		struct frag k = frag_of(b, n->kid[i],
		                        n->kind == CLI_N_ALT         ? n->label
		                        : n->kind == CLI_N_SEQ && !i ? label
		                                                     : NULL);

		if (n->kind == CLI_N_SEQ) {
			f = i ? frag_cat(b, f, k) : k;
		} else {
			set_or(&f.first, &k.first);
			set_or(&f.last, &k.last);
			f.nullable |= k.nullable;
		}
	}
	if (n->plus)
		connect(b, &f.last, &f.first);
	return f;
}

static struct frag frag_of(struct build *b, const struct cli_node *n, const char *label)
{
	struct frag f = frag_once(b, n, label), prev = f;

	for (unsigned i = 1; i < n->repeat; i++) {
		struct frag k = frag_once(b, n, label);

		connect(b, &prev.last, &k.first);
		set_or(&f.last, &k.last);
		prev = k;
	}
	return f;
}

static uint16_t *set_list(struct cli_grammar *g, const struct set *s, uint16_t *count)
{
	uint16_t tmp[CLI_POS_MAX] = {0}, n = 0;
	uint16_t *v;

	for (unsigned k = 0; k < CLI_POS_MAX / 64; k++)
		for (uint64_t w = s->w[k]; w; w &= w - 1)
			tmp[n++] = (uint16_t)(64 * k + (unsigned)__builtin_ctzll(w));
	v = cli_arena_list(&g->arena, n);
	memcpy(v, tmp, n * sizeof(*v));
	*count = n;
	return v;
}

int cli_pattern_compile(struct cli_grammar *g, struct cli_form *form, const struct cli_node *tree, char *err,
                        size_t errlen)
{
	struct build b; /* large: frag_leaf() clears what is used of it */

	b.n = 0;
	b.overflow = false;
	struct frag f = frag_of(&b, tree, NULL);

	if (b.overflow || f.nullable) {
		snprintf(err, errlen, b.overflow ? "pattern: too long" : "pattern: matches an empty line");
		return -EINVAL;
	}
	form->npos = b.n;
	form->pos = cli_arena_alloc(&g->arena, b.n * sizeof(*form->pos));
	memcpy(form->pos, b.pos, b.n * sizeof(*form->pos));
	for (unsigned i = 0; i < b.n; i++) {
		form->pos[i].follow = set_list(g, &b.follow[i], &form->pos[i].nfollow);
		form->pos[i].last = set_has(&f.last, i);
	}
	form->first = set_list(g, &f.first, &form->nfirst);
	return 0;
}

/* --- index of a mode --- */

static int by_word(const void *a, const void *b)
{
	const struct cli_entry *x = a, *y = b;
	int c = strcasecmp(x->word, y->word);

	return c ? c : x->order < y->order ? -1 : 1;
}

static void index_rows(struct cli_index *x, const struct cli_mode *m, unsigned *order)
{
	for (unsigned r = 0; r < m->nrows; r++)
		for (const struct cli_form *f = m->rows[r]->forms; f; f = f->next)
			for (unsigned i = 0; i < f->nfirst; i++) {
				const char *w = f->pos[f->first[i]].word;
				struct cli_entry e = {w, f, f->first[i], (*order)++};

				if (w)
					x->words[x->nwords++] = e;
				else
					x->vars[x->nvars++] = e;
			}
}

static unsigned count_firsts(const struct cli_mode *m)
{
	unsigned n = 0;

	for (unsigned r = 0; r < m->nrows; r++)
		for (const struct cli_form *f = m->rows[r]->forms; f; f = f->next)
			n += f->nfirst;
	return n;
}

int cli_pattern_index(struct cli_grammar *g, struct cli_mode *m, const struct cli_mode *common)
{
	unsigned n = count_firsts(m) + (common ? count_firsts(common) : 0), order = 0;
	struct cli_index *x = cli_arena_alloc(&g->arena, sizeof(*x));

	x->words = cli_arena_alloc(&g->arena, n * sizeof(*x->words));
	x->vars = cli_arena_alloc(&g->arena, n * sizeof(*x->vars));
	index_rows(x, m, &order);
	if (common)
		index_rows(x, common, &order);
	if (x->nwords)
		qsort(x->words, x->nwords, sizeof(*x->words), by_word);
	m->index = x;
	return 0;
}

/* --- tree to text --- */

static void print_kids(const struct cli_node *n, const char *between, struct cli_out *out)
{
	for (unsigned i = 0; i < n->nkid; i++) {
		cli_out_put(out, i ? between : "");
		cli_pattern_print(n->kid[i], out);
	}
}

void cli_pattern_print(const struct cli_node *n, struct cli_out *out)
{
	switch (n->kind) {
	case CLI_N_WORD:
		cli_out_put(out, n->word);
		break;
	case CLI_N_VAR:
		cli_out_printf(out, "<%s>", n->var->name);
		break;
	case CLI_N_SEQ:
		print_kids(n, " ", out);
		break;
	case CLI_N_ALT:
		cli_out_put(out, "{ ");
		print_kids(n, " | ", out);
		cli_out_put(out, n->plus ? " } +" : " }");
		break;
	case CLI_N_OPT:
		cli_out_put(out, "[ ");
		print_kids(n->kid[0], " | ", out);
		cli_out_put(out, n->kid[0]->plus ? " ] +" : " ]");
		break;
	}
	if (n->repeat > 1)
		cli_out_put(out, " ...");
}
