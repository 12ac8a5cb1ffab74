/* SPDX-License-Identifier: MIT */
/*
 * Comparing trees: equality, and the edits that turn one into the other (loading a whole file, rollback,
 * telling a standby what changed). Order counts only within rows declared `ordered`.
 */
#include <stdlib.h>
#include <string.h>
#include "cfg/cfg.h"
#include "cfg/cfg_int.h"

struct diff {
	const struct cfg_tree *a, *b;
	int (*each)(void *arg, const struct cfg_edit *e);
	void *arg;
};

static int emit(struct diff *d, enum cfg_op op, const struct cfg_node *n)
{
	char path[CFG_PATH_MAX];
	struct cfg_edit e = {.op = op, .path = path};

	if (cfg_path(n, path, sizeof(path)))
		return -1;
	if (op != CFG_NO)
		e.value = cfg_value(n);
	int rc = d->each(d->arg, &e);

	free(e.value);
	return rc;
}

static struct cfg_node *twin(const struct cfg_tree *t, const struct cfg_node *parent,
                             const struct cfg_node *c)
{
	return cfg_child(t, parent, c->row->id, c->key);
}

/* Is the other tree's node there, and of the same mode? A block of another mode has to be made anew. */
static bool same_block(const struct cfg_node *o, const struct cfg_node *c)
{
	return o && cli_grammar_enter(o->row, o->args) == cli_grammar_enter(c->row, c->args);
}

static const struct cfg_node *next_of(const struct cfg_node *c, const struct cli_row *row)
{
	while (c && c->row != row)
		c = c->next;
	return c;
}

/*
 * The first node of an ordered row, in y's order, from where x's order differs. NULL: x's survivors are the
 * head of y's list, so that what is missing can simply be appended.
 */
static const struct cfg_node *out_of_order(struct diff *d, const struct cfg_node *x, const struct cfg_node *y,
                                           const struct cli_row *row)
{
	const struct cfg_node *a = next_of(x->child, row), *b = next_of(y->child, row);

	for (; a; a = next_of(a->next, row)) {
		if (!twin(d->b, y, a))
			continue;
		if (!b || strcmp(a->key, b->key))
			return b;
		b = next_of(b->next, row);
	}
	return NULL;
}

static int add_all(struct diff *d, const struct cfg_node *n)
{
	int rc = emit(d, CFG_REPLACE, n);

	for (const struct cfg_node *c = n->child; c && !rc; c = c->next)
		rc = add_all(d, c);
	return rc;
}

/* Of one block: from where the order of an ordered row differs. Found once, not for each of its nodes. */
struct order {
	const struct cli_row *row;
	const struct cfg_node *from;
};

/* Is c (of x, or of y itself) at or behind the place from where y's order differs? */
static bool behind(struct diff *d, struct order *o, const struct cfg_node *x, const struct cfg_node *y,
                   const struct cfg_node *c)
{
	if (!c->row->ordered)
		return false;
	if (o->row != c->row) {
		o->row = c->row;
		o->from = out_of_order(d, x, y, c->row);
	}
	if (!o->from)
		return false;
	/* numbers grow along the list */
	const struct cfg_node *in_y = c->parent == y ? c : twin(d->b, y, c);

	return in_y && in_y->seq >= o->from->seq;
}

static int diff_block(struct diff *d, const struct cfg_node *x, const struct cfg_node *y)
{
	struct order order = {NULL, NULL};
	int rc = 0;

	for (const struct cfg_node *c = x->child; c && !rc; c = c->next)
		if (!same_block(twin(d->b, y, c), c) || behind(d, &order, x, y, c))
			rc = emit(d, CFG_NO, c);
	for (const struct cfg_node *c = y->child; c && !rc; c = c->next) {
		const struct cfg_node *o = twin(d->a, x, c);

		if (!same_block(o, c) || behind(d, &order, x, y, c)) {
			rc = add_all(d, c);
			continue;
		}
		if (o->negated != c->negated || !cfg_args_equal(o->args, c->args))
			rc = emit(d, CFG_REPLACE, c);
		if (!rc)
			rc = diff_block(d, o, c);
	}
	return rc;
}

int cfg_diff(const struct cfg_tree *a, const struct cfg_tree *b,
             int (*each)(void *arg, const struct cfg_edit *e), void *arg)
{
	struct diff d = {a, b, each, arg};

	return diff_block(&d, a->root, b->root);
}

static int different(void *arg, const struct cfg_edit *e)
{
	return 1;
}

bool cfg_equal(const struct cfg_tree *a, const struct cfg_tree *b)
{
	return !cfg_diff(a, b, different, NULL);
}
