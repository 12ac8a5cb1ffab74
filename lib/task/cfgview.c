/* SPDX-License-Identifier: MIT */
/* Reading config.db into a tree, only the rows above the version that was read already. Header: cfgview.h. */
#include "task/cfgview.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/engine/cli.h"
#include "store/store.h"

struct cfgview {
	struct cli_grammar *grammar;
	struct cfg_tree *tree;
	struct store_reader *reader;
	int64_t version;
};

/* A row of the store and how deep in the tree it stands. */
struct view_row {
	struct store_config r;
	unsigned depth;
};

struct row_list {
	struct view_row *rows;
	size_t n, size;
};

static unsigned depth_of(const char *path)
{
	unsigned n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

static int row_collect(const struct store_config *row, void *arg)
{
	struct row_list *l = arg;

	if (l->n == l->size) {
		size_t size = l->size ? l->size * 2 : 256;
		struct view_row *p = realloc(l->rows, size * sizeof(*p));

		if (!p)
			return -ENOMEM;
		l->rows = p;
		l->size = size;
	}
	l->rows[l->n].r = *row;
	l->rows[l->n].r.path = strdup(row->path);
	l->rows[l->n].r.value = strdup(row->value ? row->value : "");
	l->rows[l->n++].depth = depth_of(row->path);
	return 0;
}

static void row_list_free(struct row_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free((char *)l->rows[i].r.path);
		free((char *)l->rows[i].r.value);
	}
	free(l->rows);
}

/* Blocks before what stands in them (a block that was set again has a later version than its lines), else as
 * written. */
static int row_order(const void *a, const void *b)
{
	const struct view_row *x = a, *y = b;

	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	return x->r.version < y->r.version ? -1 : x->r.version > y->r.version;
}

/* A row whose block is gone meanwhile is not an error. */
static int changes_apply(struct cfgview *v, bool *any)
{
	struct row_list l = {0};
	int rc = store_config_above(v->reader, v->version, row_collect, &l);

	if (l.n)
		qsort(l.rows, l.n, sizeof(*l.rows), row_order);
	for (size_t i = 0; i < l.n; i++) {
		const struct store_config *r = &l.rows[i].r;
		struct cfg_edit e = {.op = r->deleted ? CFG_NO : CFG_REPLACE,
		                     .path = (char *)r->path,
		                     .value = r->deleted ? NULL : (char *)r->value};

		if (r->path && (r->deleted || r->value) && cfg_apply(v->tree, &e) > 0)
			*any = true;
		if (r->version > v->version)
			v->version = r->version;
	}
	row_list_free(&l);
	return rc;
}

struct cfgview *cfgview_open(const char *state_dir, char *err, size_t size)
{
	struct cfgview *v = calloc(1, sizeof(*v));
	char dir[512];

	if (!v)
		return NULL;
	v->grammar = cli_grammar_load(cli_grammar_dir("/proc/self/exe", dir, sizeof(dir)), err, size);
	v->tree = v->grammar ? cfg_new(v->grammar) : NULL;
	v->reader = store_open_reader(state_dir, STORE_CONFIG);
	if (!v->tree || !v->reader) {
		cfgview_close(v);
		return NULL;
	}
	return v;
}

void cfgview_close(struct cfgview *v)
{
	if (!v)
		return;
	if (v->reader)
		store_close_reader(v->reader);
	cfg_free(v->tree);
	if (v->grammar)
		cli_grammar_free(v->grammar);
	free(v);
}

int cfgview_refresh(struct cfgview *v)
{
	bool any = false;
	int rc = changes_apply(v, &any);

	return rc < 0 ? rc : any;
}

void cfgview_reset(struct cfgview *v)
{
	struct cfg_tree *fresh = cfg_new(v->grammar);

	if (!fresh)
		return;
	cfg_free(v->tree);
	v->tree = fresh;
	v->version = 0;
}

struct cfg_tree *cfgview_tree(const struct cfgview *v)
{
	return v->tree;
}

const struct cli_grammar *cfgview_grammar(const struct cfgview *v)
{
	return v->grammar;
}

void cfgview_meta(const struct cfgview *v, const char *name, char *out, size_t size)
{
	if (store_meta_get(v->reader, name, out, size) < 0)
		out[0] = 0;
}
