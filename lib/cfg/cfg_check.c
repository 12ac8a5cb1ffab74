/* SPDX-License-Identifier: MIT */
/*
 * Is an edit legal, are all names known: what sct asks before it commits, and what show configuration errors
 * prints. Everything comes from the grammar: types, ranges, keys, `limit`, references. Texts begin with
 * "Failure: ".
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cfg/cfg.h"
#include "cfg/cfg_int.h"
#include "cfg/cfg_rules.h"

static int complain(char *err, size_t len, int rc, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
static int complain(char *err, size_t len, int rc, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(err, len, "Failure: ");

	va_start(ap, fmt);
	if (n > 0 && (size_t)n < len)
		vsnprintf(err + n, len - n, fmt, ap);
	va_end(ap);
	return rc;
}

/* --- references --- */

/* The block in which the name of a reference of this row is looked up, or NULL: there is none. */
static const struct cfg_node *ref_scope(const struct cfg_tree *t, const struct cfg_node *block,
                                        const struct cli_row *row, const struct cli_var *v,
                                        const struct cfg_args *args)
{
	if (v->ref_in) {
		const char *ctx = cfg_args_get(args, v->ref_in);
		struct cfg_node *c;

		cfg_foreach(c, t->root,
		            "context") if (ctx && cfg_key(c, 0) && !strcmp(cfg_key(c, 0), ctx)) return c;
		return NULL;
	}
	for (; block; block = block->parent) {
		const struct cli_mode *m = cfg_mode(t, block);
		const struct cli_row *named = m ? cli_grammar_row(m, v->ref) : NULL;

		/* the use may be called as what it uses: crypto-map of an interface */
		if (named && named != row)
			return block;
	}
	return NULL;
}

static bool ref_found(const struct cfg_tree *t, const struct cfg_node *block, const struct cli_row *use,
                      const struct cli_var *v, const struct cfg_args *args, const char *name)
{
	const struct cfg_node *scope = ref_scope(t, block, use, v, args), *c;
	const struct cli_row *row = scope ? cli_grammar_row(cfg_mode(t, scope), v->ref) : NULL;
	char key[CFG_PATH_MAX];

	if (!row)
		return false;
	if (row->nkey == 1) {
		struct cfg_arg arg = {(char *)row->key[0], (char *)name};
		struct cfg_args one = {.v = &arg, .n = 1};

		return cfg_key_of(row, &one, key, sizeof(key)) == 0 && cfg_child(t, scope, v->ref, key);
	}
	cfg_foreach(c, scope, v->ref) if (cfg_key(c, 0) && !strcmp(cfg_key(c, 0), name)) return true;
	return false;
}

/* Calls each(v, name) for every dangling name of these arguments; stops when it returns non-zero. */
static int dangling(const struct cfg_tree *t, const struct cfg_node *block, const struct cli_row *row,
                    const struct cfg_args *args,
                    int (*each)(void *arg, const struct cli_var *v, const char *name), void *arg)
{
	for (unsigned i = 0; args && i < args->n; i++) {
		const struct cli_var *v = cli_grammar_var(row, args->v[i].name);

		if (!v || v->type != CLI_REF || ref_found(t, block, row, v, args, args->v[i].value))
			continue;
		int rc = each(arg, v, args->v[i].value);

		if (rc)
			return rc;
	}
	return 0;
}

struct refs {
	void (*each)(void *arg, const struct cfg_node *n, const char *text);
	void *arg;
	const struct cfg_tree *t;
	const struct cfg_node *n;
	int count;
};

static int report_ref(void *arg, const struct cli_var *v, const char *name)
{
	struct refs *r = arg;
	char text[CFG_PATH_MAX + 512], path[CFG_PATH_MAX];

	cfg_path(r->n, path, sizeof(path));
	snprintf(text, sizeof(text), "%s: %s %.255s is not configured", path, v->ref, name);
	r->count++;
	if (r->each)
		r->each(r->arg, r->n, text);
	return 0;
}

static int node_refs(void *arg, const struct cfg_node *n)
{
	struct refs *r = arg;

	r->n = n;
	return n->negated ? 0 : dangling(r->t, n->parent, n->row, n->args, report_ref, r);
}

int cfg_node_refs(const struct cfg_tree *t, const struct cfg_node *n,
                  void (*each)(void *arg, const struct cfg_node *n, const char *text), void *arg)
{
	struct refs r = {.each = each, .arg = arg, .t = t};

	node_refs(&r, n);
	return r.count;
}

int cfg_check_refs(const struct cfg_tree *t,
                   void (*each)(void *arg, const struct cfg_node *n, const char *text), void *arg)
{
	struct refs r = {.each = each, .arg = arg, .t = t};

	cfg_walk(t, node_refs, &r);
	return r.count;
}

/* --- stored only --- */

/* Which words of a line that acts nothing acts on, behind it. False: none. */
static bool unread(const struct cfg_node *n, char *out, size_t size)
{
	size_t at = 0;

	*out = '\0';
	for (unsigned i = 0; i < n->row->nunread && at < size; i++)
		if (cfg_has(n, n->row->unread[i]))
			at += (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : " (only ",
			                       n->row->unread[i]);
	if (at && at < size)
		snprintf(out + at, size - at, ")");
	return at > 0;
}

static int node_later(void *arg, const struct cfg_node *n)
{
	struct refs *r = arg;
	char path[CFG_PATH_MAX], words[256] = "";
	char *line;

	if (!n->row->later && !unread(n, words, sizeof(words)))
		return 0;
	r->count++;
	if (!r->each)
		return 0;
	line = malloc(2 * CFG_VALUE_MAX + sizeof(words));
	if (!line)
		return -ENOMEM;
	/* the block's place, then the line as show configuration prints it: with secrets sealed */
	cfg_path(n->parent, path, sizeof(path));
	size_t at = snprintf(line, CFG_PATH_MAX + 2, "%s%s", path, *path ? ": " : "");

	if (!cli_render_line(n->row, n->args, n->negated, line + at, 2 * CFG_VALUE_MAX - at)) {
		strcat(line, words);
		r->each(r->arg, n, line);
	}
	free(line);
	return 0;
}

int cfg_check_later(const struct cfg_tree *t,
                    void (*each)(void *arg, const struct cfg_node *n, const char *text), void *arg)
{
	struct refs r = {.each = each, .arg = arg, .t = t};

	cfg_walk(t, node_later, &r);
	return r.count;
}

/* --- one edit --- */

struct must {
	char *err;
	size_t len;
};

static int refuse_ref(void *arg, const struct cli_var *v, const char *name)
{
	struct must *m = arg;

	return v->must ? complain(m->err, m->len, -ENOENT, "%s %.255s for <%s> is not configured", v->ref,
	                          name, v->name)
	               : 0;
}

static int check_values(const struct cli_row *row, const struct cfg_args *a, char *err, size_t len)
{
	char out[CFG_VALUE_MAX];

	for (unsigned i = 0; i < a->n; i++) {
		const struct cli_var *v = cli_grammar_var(row, a->v[i].name);

		if (!v || (v->type == CLI_SECRET && cfg_args_get(a, "encrypted")))
			continue;
		if (cli_type_check(v, a->v[i].value, out, sizeof(out)))
			return complain(err, len, -EINVAL, "%s", out);
	}
	return 0;
}

/* Do the values make up a line of this row, no more and no less? 1, 0, or -ENOMEM. */
static int fits(const struct cli_row *row, const struct cfg_args *a, bool negated)
{
	size_t size = CFG_VALUE_MAX + CFG_PATH_MAX;
	char *line = malloc(size);
	struct cfg_args *back = NULL;

	if (!line)
		return -ENOMEM;
	if (!cli_render_line(row, a, negated, line, size))
		back = cli_line_args(row, line, negated);
	int ok = back && cfg_args_same(a, back);

	explicit_bzero(line, size);
	free(line);
	cfg_args_free(back);
	return ok;
}

static int check_shape(const struct cli_row *row, const struct cfg_args *a, bool negated, char *err,
                       size_t len)
{
	int ok = fits(row, a, negated);

	if (ok < 0)
		return complain(err, len, ok, "out of memory");
	return ok ? 0
	          : complain(err, len, -EINVAL, "Incomplete or inconsistent values for \"%s\"", row->pattern);
}

struct cfg_args *cfg_args_merged(const struct cli_row *row, const struct cfg_args *old,
                                 const struct cfg_args *new)
{
	struct cfg_args *both = cfg_args_merge(old, new);

	if (!both || cfg_args_same(both, old) || cfg_args_same(both, new) || fits(row, both, false))
		return both;
	cfg_args_free(both);
	return cfg_args_dup(new);
}

static int count_total(const struct cfg_node *n, const struct cli_row *row)
{
	int sum = 0;

	for (const struct cfg_node *c = n->child; c; c = c->next)
		sum += (c->row == row) + count_total(c, row);
	return sum;
}

static int check_limits(const struct cfg_tree *t, const struct cfg_place *pl, char *err, size_t len)
{
	const struct cli_row *row = pl->row;
	unsigned n = 0;

	for (const struct cfg_node *c = pl->parent->child; row->limit && c; c = c->next)
		n += c->row == row;
	if (row->limit && n >= row->limit)
		return complain(err, len, -ENOSPC, "The maximum number of %u %s is reached", row->limit,
		                row->id);
	if (row->limit_total && count_total(t->root, row) >= (int)row->limit_total)
		return complain(err, len, -ENOSPC, "The maximum number of %u %s in the system is reached",
		                row->limit_total, row->id);
	return 0;
}

/* A block stays what it was made as: its lines would mean nothing in another mode. */
static int check_mode(const struct cfg_node *old, const struct cli_row *row, const struct cfg_args *a,
                      char *err, size_t len)
{
	if (cli_grammar_enter(row, a) == cli_grammar_enter(row, old->args))
		return 0;
	return complain(err, len, -EEXIST, "%s %.127s exists already as %s; remove it first", row->id,
	                cfg_key(old, 0), cfg_args_get(old->args, row->enter_by));
}

static int check_set(const struct cfg_tree *t, const struct cfg_edit *e, const struct cfg_place *pl,
                     char *err, size_t len)
{
	const struct cfg_node *old = cfg_child(t, pl->parent, pl->row->id, pl->key);
	struct cfg_args *a = NULL;
	struct must m = {err, len};
	bool negated;
	char key[CFG_PATH_MAX];
	int rc = cfg_value_parse(e->value ? e->value : "", &a, &negated);

	if (!rc && old && e->op == CFG_SET && pl->row->merge && !negated && !old->negated) {
		struct cfg_args *both = cfg_args_merged(pl->row, old->args, a);

		cfg_args_free(a);
		a = both;
		rc = a ? 0 : -ENOMEM;
	}
	if (rc || !a || cfg_key_of(pl->row, a, key, sizeof(key)) || strcmp(key, pl->key))
		rc = complain(err, len, -EINVAL, "The value of %s is not understood", pl->row->id);
	if (!rc && negated && !pl->row->no_stored)
		rc = complain(err, len, -EINVAL, "%s can not be negated", pl->row->id);
	if (!rc && a) /* without values there was a complaint */
		rc = check_values(pl->row, a, err, len);
	if (!rc)
		rc = check_shape(pl->row, a, negated, err, len);
	if (!rc && !old)
		rc = check_limits(t, pl, err, len);
	if (!rc && old && pl->row->enter_by)
		rc = check_mode(old, pl->row, a, err, len);
	if (!rc && !negated)
		rc = dangling(t, pl->parent, pl->row, a, refuse_ref, &m);
	if (!rc) {
		struct cfg_line line = {.t = t,
		                        .block = pl->parent,
		                        .self = old,
		                        .row = pl->row,
		                        .args = a,
		                        .negated = negated};

		rc = cfg_rules_line(&line, CFG_RULE_SET, err, len);
	}
	cfg_args_free(a);
	return rc;
}

static int check_gone(const struct cfg_tree *t, const struct cfg_place *pl, char *err, size_t len)
{
	const struct cfg_node *n = pl->parent ? cfg_child(t, pl->parent, pl->row->id, pl->key) : NULL;

	if (!n)
		return 0;
	struct cfg_line line = {.t = t,
	                        .block = n->parent,
	                        .self = n,
	                        .row = n->row,
	                        .args = n->args,
	                        .negated = n->negated,
	                        .going = true};

	return cfg_rules_line(&line, CFG_RULE_NO, err, len);
}

int cfg_check(const struct cfg_tree *t, const struct cfg_edit *e, char *err, size_t errlen)
{
	struct cfg_place *pl = malloc(sizeof(*pl));
	int rc;

	*err = 0;
	if (!pl)
		return complain(err, errlen, -ENOMEM, "out of memory");
	if (cfg_path_split(t, e->path, pl))
		rc = complain(err, errlen, -EINVAL, "Unknown configuration item %.200s", e->path);
	else if (e->op == CFG_NO || e->op == CFG_DEFAULT)
		rc = check_gone(t, pl, err, errlen);
	else if (!pl->parent)
		rc = complain(err, errlen, -ENOENT, "%.*s is not configured", (int)pl->parent_len, e->path);
	else
		rc = check_set(t, e, pl, err, errlen);
	free(pl);
	return rc;
}
