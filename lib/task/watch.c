/* SPDX-License-Identifier: MIT */
/*
 * Following the configuration (config.db, topic "config") and the chassis' redundancy state (srp/0, topic
 * "srp"). A reader of config.db keeps its own copy of the tree and takes only the rows above the version it
 * has. Header: watch.h.
 */
#include "task/watch.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/log.h"
#include "cfg/cfg.h"
#include "task/cfgview.h"
#include "task/task_priv.h"

#define FOLD_MS    5
#define RETRY_MS   200
#define SRP_ASK_MS 60000

/* --- configuration -----------------------------------------------------------------------------------------
 */

static struct {
	struct cfgview *view;
	bool reload, known, first;
	config_changed_cb changed;
	void *arg;
	struct task_timer *timer;
} cw;

static void read_soon(struct task *t, uint64_t ms);

static void config_read(struct task *t, bool first)
{
	int rc;

	if (cw.reload)
		cfgview_reset(cw.view);
	rc = cfgview_refresh(cw.view);
	if (rc < 0 && rc != -ENOENT) {
		/* Half a tree would take down what the other half says. */
		LOG(EV_CFG_ERROR, "config.db cannot be read: %s; tried again", strerror(-rc));
		cw.first |= first;
		read_soon(t, RETRY_MS);
		return;
	}
	cw.known = true;
	if (rc > 0 || first || cw.reload) {
		cw.reload = false;
		cw.changed(t, cfgview_tree(cw.view), cw.arg);
	}
}

static void fold_cb(struct task *t, void *arg)
{
	bool first = cw.first;

	(void)arg;
	task_timer_stop(cw.timer);
	cw.timer = NULL;
	cw.first = false;
	config_read(t, first);
}

/* One timer at most; an earlier wish of the same kind is served by it. */
static void read_soon(struct task *t, uint64_t ms)
{
	if (!cw.timer)
		cw.timer = task_timer_start(t, ms, 0, fold_cb, NULL);
}

static void config_changed(struct task *t, const struct bus_msg *m)
{
	cw.reload |= m->env->config_changed->reload;
	read_soon(t, FOLD_MS);
}

/* sct came (back): what it committed before our subscription reached our card was not told to us. */
static void sct_seen(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	(void)addr;
	(void)card;
	(void)arg;
	if (up)
		read_soon(t, 0);
}

int config_watch_start(struct task *t, config_changed_cb changed, void *arg)
{
	static const struct task_route route = {ENVELOPE__BODY_CONFIG_CHANGED, "sct",
	                                        "the configuration changed: read it", config_changed};
	char err[256] = "";

	cw.changed = changed;
	cw.arg = arg;
	if (!cw.view) {
		cw.view = cfgview_open(t->state_dir, err, sizeof(err));
		if (!cw.view) {
			LOG(EV_CFG_ERROR, "configuration reader: %s", err);
			return -EINVAL;
		}
		task_add_route(t, &route);
		task_subscribe(t, "config");
		task_watch_peers(t, "sct", sct_seen, NULL);
	}
	cw.first = true; /* whatever the store says, the caller is told */
	read_soon(t, 0);
	return 0;
}

const struct cfg_tree *config_tree(struct task *t)
{
	(void)t;
	return cw.known ? cfgview_tree(cw.view) : NULL;
}

/* --- redundancy state --------------------------------------------------------------------------------------
 */

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
	static const struct task_route route = {ENVELOPE__BODY_SRP_STATE, "srp",
	                                        "the chassis' redundancy state", srp_topic};

	sw.changed = changed;
	sw.arg = arg;
	task_add_route(t, &route);
	task_subscribe(t, "srp");
	srp_ask(t);
	return 0;
}
