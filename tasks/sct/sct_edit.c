/* SPDX-License-Identifier: MIT */
/*
 * Edits. All edits of a message are checked and applied one after the other (each is a StarOS line and takes
 * effect by itself), their rows committed as one batch; the answer and the topic follow the commit. If the
 * commit fails, the tree is put back from before.
 */
#include "sct.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define PATHS_MAX 16

/* One message on its way through the commit. */
struct commit {
	struct sct *s;
	struct bus_from from;
	struct cfg_tree *before; /* for the way back */
	ConfigError **errors;
	size_t n_errors;
	bool changed;
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

int sct_store_all(struct sct *s, bool clear)
{
	struct store_batch *b = store_batch_new(s->store);
	struct row_walk w = {.b = b};

	if (!b)
		return -ENOMEM;
	if (clear)
		store_batch_config_clear(b);
	cfg_walk(s->tree, row_walk_cb, &w);
	store_batch_meta(b, "boot_id", s->t->boot_id);
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
	if ((edit.op == CFG_SET || edit.op == CFG_REPLACE) && !edit.value)
		edit.value = (char *)"";
	rc = cfg_check(tree, &edit, err, size);
	if (rc < 0)
		return rc;
	/* What may go is written as gone first; what is there after the edit is written after it. */
	n = cfg_find(tree, e->path);
	if (n && edit.op != CFG_SET && edit.op != CFG_REPLACE)
		rc = rows_delete(b, n);
	if (rc == 0)
		rc = cfg_apply(tree, &edit);
	if (rc < 0) {
		snprintf(err, size, "Failure: %s: %s", e->path, strerror(-rc));
		return rc;
	}
	c->changed |= rc > 0;
	n = cfg_find(tree, e->path);
	return n ? row_put(b, n) : 0;
}

/* --- commit ------------------------------------------------------------------------------------------------
 */

static void publish(struct sct *s, uint64_t version, bool reload)
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
	cfg_free(c->before);
	free(c);
}

static void committed(const struct store_result *res, void *arg)
{
	struct commit *c = arg;

	if (res->error && !res->final) {
		LOG(EV_CFG_ERROR, "the configuration cannot be stored: %s; tried again",
		    strerror(-res->error));
		return;
	}
	if (res->error) {
		task_reply_status_to(c->s->t, &c->from, res->error,
		                     "Failure: The configuration cannot be stored: %s",
		                     strerror(-res->error));
	} else {
		answer(c);
		if (c->changed)
			publish(c->s, (uint64_t)res->last, false);
	}
	commit_free(c);
}

static void flush_cb(struct task *t, void *arg)
{
	struct sct *s = arg;
	uint64_t now = clock_now_us();

	task_timer_stop(s->flush);
	s->flush = NULL;
	if (store_flush(s->store, now) < 0)
		s->flush = task_timer_start(t, 200, 0, flush_cb, s);
}

void sct_flush_soon(struct sct *s)
{
	if (!s->flush)
		s->flush = task_timer_start(s->t, 0, 0, flush_cb, s);
}

void sct_config_edits(struct task *t, const struct bus_msg *m)
{
	struct sct *s = t->data;
	const ConfigEdits *in = m->env->config_edits;
	struct commit *c = calloc(1, sizeof(*c));
	struct store_batch *b = store_batch_new(s->store);
	char err[1024];

	if (!c || !b) {
		free(c);
		store_batch_free(b);
		task_reply_status(t, m, -ENOMEM, "Failure: out of memory");
		return;
	}
	c->s = s;
	c->from = task_from(m);
	for (size_t i = 0; i < in->n_edits; i++) {
		err[0] = 0;
		if (edit_one(c, b, in->edits[i], err, sizeof(err)) < 0) {
			error_add(c, i, in->edits[i]->line, err);
			if (in->stop_on_error)
				break;
		}
	}
	if (!c->changed) {
		store_batch_free(b);
		answer(c);
		commit_free(c);
		return;
	}
	if (store_submit(s->store, b, clock_now_us(), committed, c) < 0) {
		task_reply_status(t, m, -ENOSPC, "Failure: The configuration store is full");
		commit_free(c);
		return;
	}
	sct_flush_soon(s);
}
