/* SPDX-License-Identifier: MIT */
/*
 * show configuration: the tree as the lines that make it, in the order the grammar declares them. What is
 * printed here, cli_load_text() reads back to the same tree (property-tested). Secrets are printed as they
 * are kept: sealed. Callers: tasks/cli, save configuration, the configuration checksum both SRP chassis
 * compare.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cfg/cfg.h"
#include "cfg/cfg_int.h"

#define DEPTH_MAX 32

struct show {
	const struct cfg_tree *t;
	struct cli_out *out;
	bool verbose, brief;
	const struct cfg_node *chain[DEPTH_MAX]; /* way to the only block wanted; [0] is below the root */
	unsigned nchain;
	char line[CFG_VALUE_MAX + CFG_PATH_MAX];
};

static int put_line(struct show *s, unsigned depth, const char *text)
{
	return cli_out_printf(s->out, "%*s%s\n", 2 * (int)depth, "", text);
}

static int show_block(struct show *s, const struct cfg_node *n, unsigned depth);

static int show_node(struct show *s, const struct cfg_node *c, unsigned depth)
{
	int rc = cli_render_line(c->row, c->args, c->negated, s->line, sizeof(s->line));

	if (!rc)
		rc = put_line(s, depth, s->line);
	if (!rc && c->row->enter && !c->negated) {
		rc = show_block(s, c, depth + 1);
		if (!rc)
			rc = put_line(s, depth, "#exit");
	}
	return rc;
}

static int show_default(struct show *s, const struct cli_row *row, unsigned depth)
{
	if (row->hidden || row->nkey || row->enter || (!row->dflt && !row->no_stored))
		return 0;
	if (cli_render_line(row, row->dflt, false, s->line, sizeof(s->line)) ||
	    !cli_render_fits(row, row->dflt))
		return 0;
	return put_line(s, depth, s->line);
}

static int show_block(struct show *s, const struct cfg_node *n, unsigned depth)
{
	const struct cli_mode *m = cfg_mode(s->t, n);
	unsigned level = depth - 1;
	const struct cfg_node *only = level < s->nchain ? s->chain[level] : NULL;
	int rc = 0;

	if (only)
		return show_node(s, only, depth);
	for (unsigned i = 0; m && i < m->nrows && !rc; i++) {
		const struct cli_row *row = m->rows[i];
		bool any = false;

		if (row->kind != CLI_ROW_CONF || (s->brief && !row->enter))
			continue;
		for (const struct cfg_node *c = n->child; c && !rc; c = c->next) {
			if (c->row != row)
				continue;
			any = true;
			rc = show_node(s, c, depth);
		}
		if (!any && s->verbose && !rc)
			rc = show_default(s, row, depth);
	}
	return rc;
}

static int find_chain(struct show *s, const struct cfg_show_opts *o)
{
	char path[CFG_PATH_MAX];
	const struct cfg_node *n;

	if (o->context) {
		const struct cli_row *row = cli_grammar_row(cfg_mode(s->t, s->t->root), "context");
		struct cfg_args *a = cfg_args_new();
		char *p = NULL;

		if (row && row->nkey && a && !cfg_args_set(a, row->key[0], o->context))
			p = cfg_path_join("", row, a);
		snprintf(path, sizeof(path), "%s", p ? p : "");
		free(p);
		cfg_args_free(a);
	} else {
		snprintf(path, sizeof(path), "%s", o->path);
	}
	n = *path ? cfg_find(s->t, path) : NULL;
	if (!n)
		return -ENOENT;
	for (const struct cfg_node *x = n; x->row; x = x->parent)
		s->nchain++;
	if (s->nchain > DEPTH_MAX)
		return -EINVAL;
	for (unsigned i = s->nchain; i; n = n->parent)
		s->chain[--i] = n;
	return 0;
}

int cfg_show(const struct cfg_tree *t, const struct cfg_show_opts *opts, struct cli_out *out)
{
	struct show *s = calloc(1, sizeof(*s));
	int rc = 0;

	if (!s)
		return -ENOMEM;
	s->t = t;
	s->out = out;
	s->verbose = opts && opts->verbose;
	s->brief = opts && opts->brief;
	if (opts && (opts->context || opts->path))
		rc = find_chain(s, opts);
	if (!rc)
		rc = cli_out_put(out, "config\n");
	if (!rc)
		rc = show_block(s, t->root, 1);
	if (!rc)
		rc = cli_out_put(out, "end\n");
	explicit_bzero(s, sizeof(*s));
	free(s);
	return rc;
}

struct checksum {
	struct cli_out out;
	uint64_t h;
};

static int checksum_write(struct cli_out *out, const char *text, size_t len)
{
	struct checksum *c = (struct checksum *)out;

	while (len--)
		c->h = (c->h ^ (unsigned char)*text++) * 1099511628211ull;
	return 0;
}

uint64_t cfg_checksum(const struct cfg_tree *t)
{
	struct checksum c = {.out.write = checksum_write, .h = 14695981039346656037ull};

	cfg_show(t, NULL, &c.out);
	return c.h;
}
