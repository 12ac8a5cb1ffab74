/* SPDX-License-Identifier: MIT */
/*
 * Edits. All edits of a message are checked and applied one after the other (each is a StarOS line and takes
 * effect by itself), their rows committed as one batch; the answer and the topic follow the commit. If the
 * commit fails, the operator is told, and the tree is made anew from what is stored (sct_roll_back()).
 */
#include "sct.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "certs/certs.h"
#include "place/place_cfg.h"

#define VALUE_MAX CFG_VALUE_MAX

/* One message on its way through the commit. */
struct commit {
	struct sct *s;
	struct bus_from from;
	ConfigError **errors;
	size_t n_errors;
	bool changed;
	bool broken; /* a change could not be noted for the store */
	bool own;    /* nobody waits for an answer */
};

/* --- rows --------------------------------------------------------------------------------------------------
 */

static int row_put(struct store_batch *b, const struct cfg_node *n)
{
	char path[CFG_PATH_MAX];
	char *value = cfg_value(n);
	struct store_config row = {.path = path, .value = value};
	int rc = value ? cfg_path(n, path, sizeof(path)) : -ENOMEM;

	if (rc == 0)
		rc = store_batch_config(b, &row);
	free(value);
	return rc;
}

struct row_walk {
	struct store_batch *b;
	int rc;
};

static int row_walk_cb(void *arg, const struct cfg_node *n)
{
	struct row_walk *w = arg;

	w->rc = row_put(w->b, n);
	return w->rc;
}

/* What counts until the next boot. Kept also when everything is stored anew in the middle of one. */
static void store_required(struct sct *s, struct store_batch *b)
{
	struct place_require require;
	char boot_id[64] = "", text[64];

	store_meta_get(store_writer_reader(s->store), "boot_id", boot_id, sizeof(boot_id));
	if (!strcmp(boot_id, s->t->boot_id))
		return;
	place_cfg_require(s->tree, &require);
	place_require_print(&require, text, sizeof(text));
	store_batch_meta(b, PLACE_REQUIRE_META, text);
}

int sct_store_all(struct sct *s, const char *boot_config)
{
	struct store_batch *b = store_batch_new(s->store);
	struct row_walk w = {.b = b};

	if (!b)
		return -ENOMEM;
	store_batch_config_clear(b);
	cfg_walk(s->tree, row_walk_cb, &w);
	store_required(s, b);
	store_batch_meta(b, "boot_id", s->t->boot_id);
	store_batch_meta(b, "boot_config", boot_config);
	if (w.rc < 0) {
		store_batch_free(b);
		return w.rc;
	}
	store_submit(s->store, b, clock_now_us(), NULL, NULL);
	return store_flush(s->store, clock_now_us());
}

/* Rows of a node and everything below it become tombstones. */
static int rows_delete(struct store_batch *b, const struct cfg_node *n)
{
	char path[CFG_PATH_MAX];
	struct store_config row = {.path = path, .deleted = true};
	int rc = cfg_path(n, path, sizeof(path));

	for (const struct cfg_node *c = n->child; rc == 0 && c; c = c->next)
		rc = rows_delete(b, c);
	return rc ? rc : store_batch_config(b, &row);
}

/* --- one edit ----------------------------------------------------------------------------------------------
 */

static void error_add(struct commit *c, size_t index, uint32_t line, const char *text)
{
	ConfigError **p = realloc(c->errors, (c->n_errors + 1) * sizeof(*p));
	ConfigError *e = malloc(sizeof(*e));

	if (!p || !e) {
		free(e);
		c->errors = p ? p : c->errors;
		return;
	}
	config_error__init(e);
	e->index = (uint32_t)index;
	e->line = line;
	e->text = strdup(text);
	p[c->n_errors++] = e;
	c->errors = p;
}

/* 0 or -errno with the operator's text in err. */
static int edit_one(struct commit *c, struct store_batch *b, const ConfigEdit *e, char *err, size_t size)
{
	struct cfg_tree *tree = c->s->tree;
	struct cfg_edit edit = {
	        .op = (enum cfg_op)e->op, .path = e->path, .value = e->value[0] ? e->value : NULL};
	struct cfg_node *n;
	int rc;

	if (e->op > CONFIG_EDIT__OP__REPLACE) {
		snprintf(err, size, "Failure: Unknown operation %d", (int)e->op);
		return -EINVAL;
	}
	if (strlen(e->path) >= STORE_KEY_MAX || strlen(e->value) > VALUE_MAX) {
		snprintf(err, size, "Failure: The names or values of this line are too long to be stored");
		return -E2BIG;
	}
	if ((edit.op == CFG_SET || edit.op == CFG_REPLACE) && !edit.value)
		edit.value = (char *)"";
	rc = cfg_check(tree, &edit, err, size);
	if (rc < 0)
		return rc;
	rc = certs_check(c->s->t->state_dir, &c->s->hooks, tree, &edit, err, size);
	if (rc < 0) {
		sct_certs_refused(c->s);
		return rc;
	}
	/* What may go is written as gone first; what is there after the edit is written after it. */
	n = cfg_find(tree, e->path);
	if (n && edit.op != CFG_SET && edit.op != CFG_REPLACE)
		c->broken |= rows_delete(b, n) < 0;
	rc = cfg_apply(tree, &edit);
	if (rc < 0) {
		snprintf(err, size, "Failure: %s: %s", e->path, strerror(-rc));
		return rc;
	}
	/* An unchanged row keeps its version: the order of versions is the order of contexts and of rules. */
	if (rc == 0)
		return 0;
	c->changed = true;
	n = cfg_find(tree, e->path);
	if (n && row_put(b, n) < 0)
		c->broken = true;
	return 0;
}

/* --- commit ------------------------------------------------------------------------------------------------
 */

void sct_publish(struct sct *s, uint64_t version, bool reload)
{
	Envelope env = ENVELOPE__INIT;
	ConfigChanged ch = CONFIG_CHANGED__INIT;

	ch.version = version;
	ch.reload = reload;
	env.body_case = ENVELOPE__BODY_CONFIG_CHANGED;
	env.config_changed = &ch;
	task_publish(s->t, "config", &env);
}

static void answer(struct commit *c)
{
	Envelope env = ENVELOPE__INIT;
	ConfigReply r = CONFIG_REPLY__INIT;

	if (c->own)
		return;
	r.version = c->s->tree->version;
	r.errors = c->errors;
	r.n_errors = c->n_errors;
	env.body_case = ENVELOPE__BODY_CONFIG_REPLY;
	env.config_reply = &r;
	task_reply_to(c->s->t, &c->from, &env);
}

static void commit_free(struct commit *c)
{
	for (size_t i = 0; i < c->n_errors; i++)
		config_error__free_unpacked(c->errors[i], NULL);
	free(c->errors);
	free(c);
}

static void committed(const struct store_result *res, void *arg)
{
	struct commit *c = arg;

	if (res->error && !res->final) {
		LOG(EV_CFG_ERROR, "the configuration cannot be stored: %s", strerror(-res->error));
		c->s->trouble = res->error;
		return; /* flush_cb() rolls back, which brings the final answer */
	}
	if (res->error && !c->own) {
		task_reply_status_to(c->s->t, &c->from, c->s->trouble ? c->s->trouble : res->error,
		                     "Failure: The configuration cannot be stored: %s; nothing was changed",
		                     strerror(c->s->trouble ? -c->s->trouble : -res->error));
	} else if (!res->error) {
		answer(c);
		if (c->changed) {
			sct_publish(c->s, (uint64_t)res->last, false);
			sct_bootsys_follow(c->s);
			sct_certs_follow(c->s);
		}
	}
	commit_free(c);
}

static void flush_cb(struct task *t, void *arg)
{
	struct sct *s = arg;

	(void)t;
	task_timer_stop(s->flush);
	s->flush = NULL;
	if (s->store && store_flush(s->store, clock_now_us()) < 0)
		sct_roll_back(s);
}

void sct_flush_soon(struct sct *s)
{
	if (!s->flush)
		s->flush = task_timer_start(s->t, 0, 0, flush_cb, s);
}

/* The store is away: since a commit failed it could not be opened again. */
static bool refused(struct sct *s, const struct bus_msg *m)
{
	if (s->store)
		return false;
	task_reply_status(s->t, m, s->trouble,
	                  "Failure: The configuration cannot be stored: %s; nothing was changed",
	                  strerror(-s->trouble));
	return true;
}

/* Both or none: 0, or -ENOMEM after an answer. */
static int commit_begin(struct sct *s, const struct bus_msg *m, struct commit **c, struct store_batch **b)
{
	*c = calloc(1, sizeof(**c));
	*b = store_batch_new(s->store);
	if (!*c || !*b) {
		free(*c);
		store_batch_free(*b);
		task_reply_status(s->t, m, -ENOMEM, "Failure: out of memory");
		return -ENOMEM;
	}
	(*c)->s = s;
	(*c)->from = task_from(m);
	return 0;
}

/* Adopts both. What changed nothing still waits for the changes before it: they could fail. */
static void commit_end(struct sct *s, struct commit *c, struct store_batch *b)
{
	if (!c->broken && !c->changed && !store_pending_rows(s->store)) {
		store_batch_free(b);
		answer(c);
		commit_free(c);
		return;
	}
	if (!c->changed)
		c->broken |= store_batch_meta(b, "boot_id", s->t->boot_id) < 0;
	if (c->broken)
		store_batch_free(b);
	if (c->broken || store_submit(s->store, b, clock_now_us(), committed, c) < 0) {
		if (!c->own)
			task_reply_status_to(
			        s->t, &c->from, -ENOSPC,
			        "Failure: The configuration cannot be stored; nothing was changed");
		commit_free(c);
		sct_roll_back(s);
		return;
	}
	sct_flush_soon(s);
}

void sct_config_edits(struct task *t, const struct bus_msg *m)
{
	struct sct *s = t->data;
	const ConfigEdits *in = m->env->config_edits;
	struct commit *c;
	struct store_batch *b;
	char err[1024];

	if (refused(s, m) || commit_begin(s, m, &c, &b) < 0)
		return;
	for (size_t i = 0; i < in->n_edits; i++) {
		err[0] = 0;
		if (edit_one(c, b, in->edits[i], err, sizeof(err)) < 0) {
			error_add(c, i, in->edits[i]->line, err);
			if (in->stop_on_error)
				break;
		}
	}
	commit_end(s, c, b);
}

int sct_commit_own(struct sct *s, const struct cfg_edit *e)
{
	ConfigEdit edit = CONFIG_EDIT__INIT;
	struct store_batch *b = s->store ? store_batch_new(s->store) : NULL;
	struct commit *c = b ? calloc(1, sizeof(*c)) : NULL;
	char err[1024];
	int rc;

	if (!c) {
		store_batch_free(b);
		return -ENOMEM;
	}
	c->s = s;
	c->own = true;
	edit.op = (ConfigEdit__Op)e->op;
	edit.path = e->path;
	edit.value = e->value;
	rc = edit_one(c, b, &edit, err, sizeof(err));
	if (rc < 0)
		LOG(EV_CFG_ERROR, "%s", err);
	commit_end(s, c, b);
	return rc;
}

/* --- a whole file ------------------------------------------------------------------------------------------
 */

struct difference {
	struct commit *c;
	struct store_batch *b;
	const struct cfg_tree *before, *after;
};

static int difference_row(void *arg, const struct cfg_edit *e)
{
	struct difference *d = arg;
	const struct cfg_node *n = cfg_find(e->op == CFG_NO ? d->before : d->after, e->path);

	d->c->changed = true;
	if (n && (e->op == CFG_NO ? rows_delete(d->b, n) : row_put(d->b, n)) < 0)
		d->c->broken = true;
	return 0;
}

/* Line by line, then how many there were. */
static void refused_add(struct commit *c, const struct sct_refused *r)
{
	char text[1200];

	for (unsigned i = 0; i < r->n && i < SCT_REFUSED_TOLD; i++)
		if (r->v[i].text)
			error_add(c, i, r->v[i].line, r->v[i].text);
	snprintf(text, sizeof(text), "%u line%s refused, the others are in force%s", r->n,
	         r->n == 1 ? " was" : "s were", r->n > SCT_REFUSED_TOLD ? "; see show logs" : "");
	error_add(c, 0, 0, text);
}

void sct_commit_tree(struct sct *s, const struct bus_msg *m, struct cfg_tree *after,
                     const struct sct_refused *refused_lines)
{
	struct difference d = {.before = s->tree, .after = after};

	if (refused(s, m) || commit_begin(s, m, &d.c, &d.b) < 0) {
		cfg_free(after);
		return;
	}
	if (refused_lines->n)
		refused_add(d.c, refused_lines);
	cfg_diff(d.before, d.after, difference_row, &d);
	s->tree = after;
	cfg_free((struct cfg_tree *)d.before);
	commit_end(s, d.c, d.b);
}
