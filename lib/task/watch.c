/* SPDX-License-Identifier: MIT */
/*
 * Following the configuration (config.db, topic "config") and the chassis' redundancy state (srp/0, topic "srp"). A reader of
 * config.db keeps its own copy of the tree and takes only the rows above the version it has. Header: watch.h.
 */
#include "task/watch.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cfg/cfg.h"
#include "cli/engine/cli.h"
#include "store/store.h"
#include "task/task_priv.h"

#define FOLD_MS      5
#define SRP_ASK_MS   60000

/* --- configuration ----------------------------------------------------------------------------------------- */

static struct {
	struct cli_grammar *grammar;
	struct cfg_tree *tree;
	struct store_reader *reader;
	int64_t version;
	bool reload;
	config_changed_cb changed;
	void *arg;
	struct task_timer *timer;
} cw;

struct row_list {
	struct store_config *rows;
	size_t n, size;
};

static int row_collect(const struct store_config *row, void *arg)
{
	struct row_list *l = arg;

	if (l->n == l->size) {
		size_t size = l->size ? l->size * 2 : 256;
		struct store_config *p = realloc(l->rows, size * sizeof(*p));

		if (!p)
			return -ENOMEM;
		l->rows = p;
		l->size = size;
	}
	l->rows[l->n] = *row;
	l->rows[l->n].path = strdup(row->path);
	l->rows[l->n].value = strdup(row->value ? row->value : "");
	l->n++;
	return 0;
}

static void row_list_free(struct row_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free((char *)l->rows[i].path);
		free((char *)l->rows[i].value);
	}
	free(l->rows);
}

static unsigned depth(const char *path)
{
	unsigned n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* Blocks before what stands in them (a block that was set again has a later version than its lines), else as written. */
static int row_order(const void *a, const void *b)
{
	const struct store_config *x = a, *y = b;
	unsigned dx = depth(x->path), dy = depth(y->path);

	if (dx != dy)
		return dx < dy ? -1 : 1;
	return x->version < y->version ? -1 : x->version > y->version;
}

/* A row whose block is gone meanwhile is not an error. */
static int changes_apply(bool *any)
{
	struct row_list l = {0};
	int rc = store_config_above(cw.reader, cw.version, row_collect, &l);

	if (l.n)
		qsort(l.rows, l.n, sizeof(*l.rows), row_order);
	for (size_t i = 0; i < l.n; i++) {
		const struct store_config *r = &l.rows[i];
		struct cfg_edit *e = cfg_edit_new(r->deleted ? CFG_NO : CFG_REPLACE, r->path, r->deleted ? NULL : r->value);

		if (e && cfg_apply(cw.tree, e) > 0)
			*any = true;
		cfg_edit_free(e);
		if (r->version > cw.version)
			cw.version = r->version;
	}
	row_list_free(&l);
	return rc;
}

static void config_read(struct task *t, bool first)
{
	bool any = first;
	int rc;

	if (cw.reload || !cw.tree) {
		struct cfg_tree *fresh = cfg_new(cw.grammar);

		if (!fresh)
			return;
		cfg_free(cw.tree);
		cw.tree = fresh;
		cw.version = 0;
		cw.reload = false;
		any = true;
	}
	rc = changes_apply(&any);
	if (rc < 0 && rc != -ENOENT)
		LOG(EV_CFG_ERROR, "config.db cannot be read: %s", strerror(-rc));
	if (any)
		cw.changed(t, cw.tree, cw.arg);
}

static void fold_cb(struct task *t, void *arg)
{
	task_timer_stop(cw.timer);
	cw.timer = NULL;
	config_read(t, arg != NULL);
}

static void config_changed(struct task *t, const struct bus_msg *m)
{
	cw.reload |= m->env->config_changed->reload;
	if (!cw.timer)
		cw.timer = task_timer_start(t, FOLD_MS, 0, fold_cb, NULL);
}

int config_watch_start(struct task *t, config_changed_cb changed, void *arg)
{
	static const struct task_route route = {ENVELOPE__BODY_CONFIG_CHANGED, "sct", "the configuration changed: read it",
						config_changed};
	char dir[512], err[256];

	cw.changed = changed;
	cw.arg = arg;
	if (!cw.grammar) {
		cw.grammar = cli_grammar_load(cli_grammar_dir("/proc/self/exe", dir, sizeof(dir)), err, sizeof(err));
		cw.reader = store_open_reader(t->state_dir, STORE_CONFIG);
		if (!cw.grammar || !cw.reader) {
			LOG(EV_CFG_ERROR, "grammar: %s", err);
			return -EINVAL;
		}
		task_add_route(t, &route);
		task_subscribe(t, "config");
	}
	cw.timer = task_timer_start(t, 0, 0, fold_cb, &cw);
	return 0;
}

const struct cfg_tree *config_tree(struct task *t)
{
	(void)t;
	return cw.tree;
}

/* --- redundancy state -------------------------------------------------------------------------------------- */

static struct {
	bool known, serving;
	uint64_t epoch;
	srp_changed_cb changed;
	void *arg;
} sw;

static void srp_heard(struct task *t, const char *state, uint64_t epoch)
{
	bool serving = !strcmp(state, "None") || !strcmp(state, "Active");

	if (sw.known && sw.serving == serving && sw.epoch == epoch)
		return;
	sw.known = true;
	sw.serving = serving;
	sw.epoch = epoch;
	sw.changed(t, serving, epoch, sw.arg);
}

static void srp_topic(struct task *t, const struct bus_msg *m)
{
	srp_heard(t, m->env->srp_state->state, m->env->srp_state->epoch);
}

static void srp_ask(struct task *t);

static void srp_answer(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	json_t *j = status == 0 && m->env->body_case == ENVELOPE__BODY_SHOW_REPLY
			    ? json_loads(m->env->show_reply->json, 0, NULL)
			    : NULL;
	const char *state = j ? json_string_value(json_object_get(j, "state")) : NULL;

	(void)arg;
	if (sw.known)
		; /* the topic was faster */
	else if (state)
		srp_heard(t, state, (uint64_t)json_integer_value(json_object_get(j, "epoch")));
	else
		srp_ask(t);
	json_decref(j);
}

static void srp_ask(struct task *t)
{
	Envelope env = ENVELOPE__INIT;
	Show s = SHOW__INIT;

	s.what = (char *)"state";
	env.body_case = ENVELOPE__BODY_SHOW;
	env.show = &s;
	task_request(t, "srp/0", &env, SRP_ASK_MS, TASK_RETRY, srp_answer, NULL);
}

int srp_watch_start(struct task *t, srp_changed_cb changed, void *arg)
{
	static const struct task_route route = {ENVELOPE__BODY_SRP_STATE, "srp", "the chassis' redundancy state", srp_topic};

	sw.changed = changed;
	sw.arg = arg;
	task_add_route(t, &route);
	task_subscribe(t, "srp");
	srp_ask(t);
	return 0;
}
