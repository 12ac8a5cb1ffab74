/* SPDX-License-Identifier: MIT */
/*
 * The configuration tree itself: nodes, look-ups, values with their defaults, and edits. See cfg.h. Children
 * are a list in order of insertion; a hash over (block, row, key) keeps look-ups flat for tens of thousands
 * of lines.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cfg/cfg.h"
#include "cfg/cfg_int.h"

/* --- hash --- */

static size_t hash_of(const struct cfg_node *parent, const char *row, const char *key)
{
	uint64_t h = 1469598103934665603ull ^ ((uintptr_t)parent >> 4);

	for (; *row; row++)
		h = (h ^ (unsigned char)*row) * 1099511628211ull;
	h = (h ^ '=') * 1099511628211ull;
	for (; *key; key++)
		h = (h ^ (unsigned char)*key) * 1099511628211ull;
	return h ^ h >> 29;
}

static struct cfg_node **slot(const struct cfg_tree *t, const struct cfg_node *parent, const char *row,
                              const char *key)
{
	return &t->hash[hash_of(parent, row, key) & (t->nhash - 1)];
}

static void hash_grow(struct cfg_tree *t)
{
	size_t n = t->nhash * 2;
	struct cfg_node **h = calloc(n, sizeof(*h));

	if (!h)
		return; /* longer chains, nothing lost */
	for (size_t i = 0; i < t->nhash; i++)
		while (t->hash[i]) {
			struct cfg_node *x = t->hash[i];
			size_t at = hash_of(x->parent, x->row->id, x->key) & (n - 1);

			t->hash[i] = x->hnext;
			x->hnext = h[at];
			h[at] = x;
		}
	free(t->hash);
	t->hash = h;
	t->nhash = n;
}

/* --- nodes --- */

static struct cfg_node *node_new(struct cfg_tree *t, struct cfg_node *parent, const struct cli_row *row,
                                 const char *key, uint64_t seq)
{
	struct cfg_node *n = calloc(1, sizeof(*n));

	if (n)
		n->key = strdup(key);
	if (!n || !n->key) {
		free(n);
		return NULL;
	}
	if (t->count >= t->nhash)
		hash_grow(t);
	n->parent = parent;
	n->row = row;
	n->seq = seq;
	n->prev = parent->last;
	*(parent->last ? &parent->last->next : &parent->child) = n;
	parent->last = n;
	struct cfg_node **s = slot(t, parent, row->id, key);

	n->hnext = *s;
	*s = n;
	t->count++;
	return n;
}

static void node_free(struct cfg_tree *t, struct cfg_node *n)
{
	while (n->child)
		node_free(t, n->child);
	if (n->parent) {
		struct cfg_node **s = slot(t, n->parent, n->row->id, n->key);

		while (*s != n)
			s = &(*s)->hnext;
		*s = n->hnext;
		*(n->prev ? &n->prev->next : &n->parent->child) = n->next;
		*(n->next ? &n->next->prev : &n->parent->last) = n->prev;
		t->count--;
	}
	cfg_args_free(n->args);
	free(n->key);
	free(n);
}

struct cfg_tree *cfg_new(const struct cli_grammar *g)
{
	struct cfg_tree *t = calloc(1, sizeof(*t));

	if (!t || !cli_grammar_mode(g, "config"))
		goto fail;
	t->g = g;
	t->next_seq = 1;
	t->nhash = 64;
	t->hash = calloc(t->nhash, sizeof(*t->hash));
	t->root = calloc(1, sizeof(*t->root));
	if (t->root)
		t->root->key = strdup("");
	if (t->hash && t->root && t->root->key)
		return t;
	free(t->root);
	free(t->hash);
fail:
	free(t);
	return NULL;
}

void cfg_free(struct cfg_tree *t)
{
	if (!t)
		return;
	node_free(t, t->root);
	free(t->hash);
	free(t);
}

static int copy_children(struct cfg_tree *t, struct cfg_node *to, const struct cfg_node *from)
{
	for (const struct cfg_node *c = from->child; c; c = c->next) {
		struct cfg_node *n = node_new(t, to, c->row, c->key, c->seq);

		if (!n)
			return -ENOMEM;
		n->negated = c->negated;
		n->args = cfg_args_dup(c->args);
		if (!n->args || copy_children(t, n, c))
			return -ENOMEM;
	}
	return 0;
}

struct cfg_tree *cfg_dup(const struct cfg_tree *t)
{
	struct cfg_tree *d = cfg_new(t->g);

	if (d && copy_children(d, d->root, t->root)) {
		cfg_free(d);
		return NULL;
	}
	if (d) {
		d->version = t->version;
		d->next_seq = t->next_seq;
	}
	return d;
}

const struct cli_mode *cfg_mode(const struct cfg_tree *t, const struct cfg_node *n)
{
	return n->row ? cli_grammar_enter(n->row, n->args) : cli_grammar_mode(t->g, "config");
}

/* --- look-ups --- */

struct cfg_node *cfg_child(const struct cfg_tree *t, const struct cfg_node *n, const char *row,
                           const char *key)
{
	if (!key)
		key = "";
	for (struct cfg_node *c = *slot(t, n, row, key); c; c = c->hnext)
		if (c->parent == n && !strcmp(c->row->id, row) && !strcmp(c->key, key))
			return c;
	return NULL;
}

static struct cfg_node *skip_to(struct cfg_node *c, const char *row)
{
	while (c && row && strcmp(c->row->id, row))
		c = c->next;
	return c;
}

struct cfg_node *cfg_first(const struct cfg_node *n, const char *row)
{
	return skip_to(n->child, row);
}

struct cfg_node *cfg_next(const struct cfg_node *c, const char *row)
{
	return skip_to(c->next, row);
}

const char *cfg_key(const struct cfg_node *n, unsigned k)
{
	return n->row && k < n->row->nkey ? cfg_args_get(n->args, n->row->key[k]) : NULL;
}

static const char *var_default(const struct cli_row *row, const char *var)
{
	const struct cli_var *v = cli_grammar_var(row, var);

	return v ? v->dflt : NULL;
}

const char *cfg_arg_nth(const struct cfg_node *n, const char *var, unsigned i)
{
	return n->negated ? NULL : cfg_args_nth(n->args, var, i);
}

const char *cfg_arg(const struct cfg_node *n, const char *var)
{
	if (n->negated || !n->row)
		return NULL;
	const char *v = cfg_args_get(n->args, var);

	return v ? v : var_default(n->row, var);
}

int64_t cfg_arg_int(const struct cfg_node *n, const char *var, int64_t fallback)
{
	const char *v = cfg_arg(n, var);

	return v && *v ? strtoll(v, NULL, 10) : fallback;
}

bool cfg_has(const struct cfg_node *n, const char *name)
{
	return !n->negated && cfg_args_get(n->args, name);
}

const char *cfg_get(const struct cfg_tree *t, const struct cfg_node *n, const char *row, const char *var)
{
	const struct cfg_node *c = cfg_child(t, n, row, "");

	if (c)
		return cfg_arg(c, var);
	const struct cli_mode *m = cfg_mode(t, n);
	const struct cli_row *r = m ? cli_grammar_row(m, row) : NULL;

	if (!r || !r->dflt)
		return NULL;
	const char *v = cfg_args_get(r->dflt, var);

	return v ? v : var_default(r, var);
}

int64_t cfg_get_int(const struct cfg_tree *t, const struct cfg_node *n, const char *row, const char *var,
                    int64_t fallback)
{
	const char *v = cfg_get(t, n, row, var);

	return v && *v ? strtoll(v, NULL, 10) : fallback;
}

bool cfg_on(const struct cfg_tree *t, const struct cfg_node *n, const char *row)
{
	const struct cfg_node *c = cfg_child(t, n, row, "");

	if (c)
		return !c->negated;
	const struct cli_mode *m = cfg_mode(t, n);
	const struct cli_row *r = m ? cli_grammar_row(m, row) : NULL;

	return r && r->no_stored;
}

/* --- edits --- */

const char *cfg_op_name(enum cfg_op op)
{
	static const char *const names[] = {"set", "no", "default", "replace"};

	return (unsigned)op < 4 ? names[op] : "?";
}

struct cfg_edit *cfg_edit_new(enum cfg_op op, const char *path, const char *value)
{
	struct cfg_edit *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->op = op;
	e->path = strdup(path);
	e->value = value ? strdup(value) : NULL;
	if (e->path && (e->value || !value))
		return e;
	cfg_edit_free(e);
	return NULL;
}

void cfg_edit_free(struct cfg_edit *e)
{
	if (!e)
		return;
	if (e->value)
		explicit_bzero(e->value, strlen(e->value));
	free(e->value);
	free(e->path);
	free(e);
}

static unsigned rank(const struct cli_row *row, const char *name)
{
	unsigned i = 0;

	while (i < row->nnames && strcmp(row->names[i], name))
		i++;
	return i;
}

/* Arguments stand in the pattern's order, however they were typed: equal settings have equal values. */
static void sort_args(const struct cli_row *row, struct cfg_args *a)
{
	for (unsigned i = 1; i < a->n; i++) {
		struct cfg_arg x = a->v[i];
		unsigned k = i, r = rank(row, x.name);

		for (; k && rank(row, a->v[k - 1].name) > r; k--)
			a->v[k] = a->v[k - 1];
		a->v[k] = x;
	}
}

static int set_node(struct cfg_tree *t, struct cfg_node *parent, const struct cli_row *row,
                    const struct cfg_args *args, bool negated, bool merge, struct cfg_node **out)
{
	char key[CFG_PATH_MAX];
	struct cfg_args *a;

	if (cfg_key_of(row, args, key, sizeof(key)))
		return -EINVAL;
	struct cfg_node *n = cfg_child(t, parent, row->id, key);

	a = n && merge && !negated && !n->negated ? cfg_args_merged(row, n->args, args) : cfg_args_dup(args);
	if (!a)
		return -ENOMEM;
	sort_args(row, a);
	bool same = n && n->negated == negated && cfg_args_equal(n->args, a);

	if (!n)
		n = node_new(t, parent, row, key, t->next_seq);
	if (!n) {
		cfg_args_free(a);
		return -ENOMEM;
	}
	if (n->seq == t->next_seq)
		t->next_seq++;
	cfg_args_free(n->args);
	n->args = a;
	n->negated = negated;
	if (out)
		*out = n;
	t->version += !same;
	return !same;
}

int cfg_set(struct cfg_tree *t, struct cfg_node *parent, const struct cli_row *row,
            const struct cfg_args *args, bool negated, struct cfg_node **out)
{
	return set_node(t, parent, row, args, negated, row->merge, out);
}

int cfg_del(struct cfg_tree *t, struct cfg_node *n)
{
	if (!n->row)
		return -EINVAL;
	node_free(t, n);
	t->version++;
	return 1;
}

int cfg_apply(struct cfg_tree *t, const struct cfg_edit *e)
{
	struct cfg_place pl;
	struct cfg_args *a = NULL;
	char key[CFG_PATH_MAX];
	bool negated = false;

	int rc = cfg_path_split(t, e->path, &pl);

	if (rc)
		return rc;
	if (!pl.parent)
		return e->op == CFG_SET || e->op == CFG_REPLACE ? -ENOENT : 0;
	if (e->op != CFG_SET && e->op != CFG_REPLACE) {
		struct cfg_node *n = cfg_child(t, pl.parent, pl.row->id, pl.key);

		return n ? cfg_del(t, n) : 0;
	}
	rc = cfg_value_parse(e->value ? e->value : "", &a, &negated);
	if (!rc && (cfg_key_of(pl.row, a, key, sizeof(key)) || strcmp(key, pl.key)))
		rc = -EINVAL;
	if (!rc)
		rc = set_node(t, pl.parent, pl.row, a, negated, e->op == CFG_SET && pl.row->merge, NULL);
	cfg_args_free(a);
	return rc;
}

/* --- loading and walking --- */

int cfg_load(struct cfg_tree *t, int (*next)(void *arg, struct cfg_item *item), void *arg, unsigned *skipped)
{
	struct cfg_item it;
	unsigned bad = 0;
	int rc;

	while ((rc = next(arg, &it)) == 1) {
		struct cfg_edit e = {.op = CFG_SET, .path = (char *)it.path, .value = (char *)it.value};

		if (it.seq >= t->next_seq)
			t->next_seq = it.seq;
		rc = cfg_apply(t, &e);
		if (rc == -ENOMEM)
			return rc;
		bad += rc < 0;
	}
	if (skipped)
		*skipped = bad;
	return rc;
}

static int walk(const struct cfg_node *n, int (*each)(void *arg, const struct cfg_node *n), void *arg)
{
	int rc = 0;

	for (const struct cfg_node *c = n->child; c && !rc; c = c->next) {
		rc = each(arg, c);
		if (!rc)
			rc = walk(c, each, arg);
	}
	return rc;
}

int cfg_walk(const struct cfg_tree *t, int (*each)(void *arg, const struct cfg_node *n), void *arg)
{
	return walk(t->root, each, arg);
}
