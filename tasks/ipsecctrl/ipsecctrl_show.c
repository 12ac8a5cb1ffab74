/* SPDX-License-Identifier: MIT */
/*
 * Shows of ipsecctrl: "managers" (show crypto managers), and "summary" with args "ike-sa", "ipsec-sa" or
 * "statistics": that show asked of every instance (with argument summary), its numbers added up. An instance
 * that does not answer is counted as missing, so a sum that lacks something says so. Entry point:
 * ipsecctrl_show().
 */
#include "tasks/ipsecctrl/ipsecctrl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "show/show.h"

#define ASK_MS 3000

/* One sum under way. */
struct sum {
	struct bus_from from;
	json_t *total;
	unsigned open, asked, missing;
};

static void add_up(json_t *total, const json_t *one)
{
	const char *name;
	json_t *v, *have;

	json_object_foreach((json_t *)(uintptr_t)one, name, v)
	{
		have = json_object_get(total, name);
		if (json_is_integer(v)) {
			json_object_set_new(total, name,
			                    json_integer(json_integer_value(have) + json_integer_value(v)));
		} else if (json_is_object(v)) {
			if (!have) {
				have = json_object();
				json_object_set_new(total, name, have);
			}
			add_up(have, v);
		}
	}
}

static void finish(struct task *t, struct sum *s)
{
	Envelope env = ENVELOPE__INIT;
	ShowReply reply = SHOW_REPLY__INIT;
	char *text;

	json_object_del(s->total, "instance");
	json_object_del(s->total, "card");
	json_object_del(s->total, "cpu");
	json_object_set_new(s->total, "managers", json_integer((json_int_t)s->asked));
	json_object_set_new(s->total, "managers_missing", json_integer((json_int_t)s->missing));
	text = json_dumps(s->total, JSON_COMPACT);
	reply.json = text ? text : (char *)(uintptr_t) "{}";
	env.body_case = ENVELOPE__BODY_SHOW_REPLY;
	env.show_reply = &reply;
	task_reply_to(t, &s->from, &env);
	free(text);
	json_decref(s->total);
	free(s);
}

static void answered(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	struct sum *s = arg;
	json_t *one = NULL;

	if (!status && m && m->env->body_case == ENVELOPE__BODY_SHOW_REPLY)
		one = json_loads(m->env->show_reply->json, 0, NULL);
	if (json_is_object(one))
		add_up(s->total, one);
	else
		s->missing++;
	json_decref(one);
	if (--s->open == 0)
		finish(t, s);
}

static void ask_all(struct task *t, const struct bus_msg *m)
{
	const Show *in = m->env->show;
	Envelope env = ENVELOPE__INIT;
	Show show = SHOW__INIT;
	struct sum *s = calloc(1, sizeof(*s));
	char addr[40];
	uint32_t i;

	if (!s) {
		task_reply_status(t, m, -ENOMEM, "Failure: out of memory");
		return;
	}
	s->from = task_from(m);
	s->total = json_object();
	s->open = 1;
	show.what = in->args;
	show.args = (char *)(uintptr_t)(strcmp(in->args, "statistics") ? "summary" : "");
	env.body_case = ENVELOPE__BODY_SHOW;
	env.show = &show;
	for (i = 1; i < IPSECCTRL_MAX; i++) {
		if (!ipsecctrl_list[i].up)
			continue;
		snprintf(addr, sizeof(addr), "ipsecmgr/%u", i);
		s->asked++;
		if (task_request(t, addr, &env, ASK_MS, 0, answered, s))
			s->missing++;
		else
			s->open++;
	}
	if (--s->open == 0)
		finish(t, s);
}

static json_t *fill_managers(struct task *t, struct show_page *page, char *err, size_t size)
{
	json_t *o = json_object(), *rows = json_array();
	uint64_t now = clock_now_us();
	json_int_t sessions = 0, n = 0;
	uint32_t i;

	for (i = 1; i < IPSECCTRL_MAX; i++) {
		const struct ipsecctrl_manager *x = &ipsecctrl_list[i];
		json_t *r;

		if (!x->up && !x->heard_us)
			continue;
		n += x->up;
		sessions += x->up ? x->sessions : 0;
		if (!show_wanted(page))
			continue;
		r = json_object();
		json_object_set_new(r, "instance", json_integer(i));
		json_object_set_new(r, "card", json_integer(x->card));
		json_object_set_new(r, "state",
		                    json_string(x->up && x->ready ? "Active"
		                                : x->up           ? "Starting"
		                                                  : "Down"));
		json_object_set_new(r, "sessions", json_integer(x->sessions));
		json_object_set_new(r, "limit", json_integer(x->limit));
		json_object_set_new(
		        r, "heard_ms_ago",
		        json_integer(x->heard_us ? (json_int_t)((now - x->heard_us) / US_PER_MS) : -1));
		ipsecctrl_maps_row(i, r);
		json_array_append_new(rows, r);
	}
	json_object_set_new(o, "managers", rows);
	ipsecctrl_maps_rest(o);
	json_object_set_new(o, "ready", json_integer(n));
	json_object_set_new(o, "sessions", json_integer(sessions));
	return o;
}

static const struct show_row rows[] = {
        {"managers", "the ipsecmgr instances, their cards and sessions", fill_managers},
        {"waiting", "crypto maps whose ipsec-on-demux waits until they are removed and added",
         ipsecctrl_maps_waiting},
        {"congestion", "what is measured and what is congested", ipsecctrl_congest_show},
        {"list", "identities of the blacklist or whitelist", ipsecctrl_access_show},
};

void ipsecctrl_control(struct task *t, const struct bus_msg *m)
{
	const char *what = m->env->control->what;

	if (!strcmp(what, "list update")) {
		ipsecctrl_access_update(t, m);
	} else if (!strcmp(what, "clear congestion-control statistics")) {
		ipsecctrl_congest_clear();
		task_reply_status(t, m, 0, "%s", "");
	} else {
		task_reply_status(t, m, -EOPNOTSUPP, "Failure: ipsecctrl does not know %.60s", what);
	}
}

void ipsecctrl_show(struct task *t, const struct bus_msg *m)
{
	const Show *s = m->env->show;

	if (strcmp(s->what, "summary")) {
		show_dispatch(t, m, rows, sizeof(rows) / sizeof(rows[0]));
		return;
	}
	if (strcmp(s->args, "ike-sa") && strcmp(s->args, "ipsec-sa") && strcmp(s->args, "statistics")) {
		task_reply_status(t, m, -EINVAL,
		                  "Failure: summary of %.60s; legal is ike-sa, ipsec-sa or statistics",
		                  s->args);
		return;
	}
	ask_all(t, m);
}
