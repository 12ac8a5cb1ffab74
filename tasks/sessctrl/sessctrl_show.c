/* SPDX-License-Identifier: MIT */
/*
 * Shows of sessctrl: "sessmgrs" from the list; "subscribers summary" and "wsg sessions" by asking every
 * instance and adding the numbers up. An instance that does not answer is counted as missing, so a sum that
 * lacks something says so.
 */
#include "sessctrl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "show/show.h"

#define ASK_MS 3000

/* --- sums
 * ----------------------------------------------------------------------------------------------------- */

static const struct {
	const char *what, *ask; /* what we are asked; what we ask the instances */
} sums[] = {
        {"subscribers summary", "summary"},
        {"wsg sessions", "services"},
};

struct sum {
	struct bus_from from;
	json_t *total;
	unsigned open, asked, missing;
};

static void add_up(json_t *total, json_t *one, unsigned depth)
{
	const char *name;
	json_t *v, *have;

	json_object_foreach(one, name, v)
	{
		have = json_object_get(total, name);
		if (json_is_integer(v)) {
			json_object_set_new(total, name,
			                    json_integer(json_integer_value(have) + json_integer_value(v)));
		} else if (json_is_object(v) && depth < 4) {
			if (!have) {
				have = json_object();
				json_object_set_new(total, name, have);
			}
			add_up(have, v, depth + 1);
		}
	}
}

static void finish(struct task *t, struct sum *s)
{
	char *text;
	Envelope env = ENVELOPE__INIT;
	ShowReply reply = SHOW_REPLY__INIT;

	json_object_set_new(s->total, "managers", json_integer(s->asked));
	json_object_set_new(s->total, "managers_missing", json_integer(s->missing));
	text = json_dumps(s->total, JSON_COMPACT);
	if (text) {
		reply.json = text;
		env.body_case = ENVELOPE__BODY_SHOW_REPLY;
		env.show_reply = &reply;
		task_reply_to(t, &s->from, &env);
	} else {
		task_reply_status_to(t, &s->from, -ENOMEM, "Failure: out of memory");
	}
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
		add_up(s->total, one, 0);
	else
		s->missing++;
	json_decref(one);
	if (!--s->open)
		finish(t, s);
}

static void ask_all(struct task *t, const struct bus_msg *m, const char *what)
{
	struct sum *s = calloc(1, sizeof(*s));
	Envelope env = ENVELOPE__INIT;
	Show show = SHOW__INIT;
	char addr[40];

	if (!s) {
		task_reply_status(t, m, -ENOMEM, "Failure: out of memory");
		return;
	}
	s->from = task_from(m);
	s->total = json_object();
	s->open = 1;
	show.what = (char *)what;
	env.body_case = ENVELOPE__BODY_SHOW;
	env.show = &show;
	for (uint32_t i = 1; i < SESSCTRL_MAX; i++) {
		if (!sessctrl_list[i].up)
			continue;
		snprintf(addr, sizeof(addr), "sessmgr/%u", i);
		s->asked++;
		if (task_request(t, addr, &env, ASK_MS, 0, answered, s))
			s->missing++;
		else
			s->open++;
	}
	if (!--s->open)
		finish(t, s);
}

/* --- the list
 * ------------------------------------------------------------------------------------------------- */

static json_t *fill_sessmgrs(struct task *t, struct show_page *page, char *err, size_t size)
{
	json_t *o = json_object(), *a = json_array();
	uint64_t now = clock_now_us();
	json_int_t sessions = 0, n = 0;

	for (uint32_t i = 1; i < SESSCTRL_MAX; i++) {
		const struct sessctrl_manager *x = &sessctrl_list[i];

		if (!x->up && !x->heard_us)
			continue;
		n += x->up;
		sessions += x->up ? x->sessions : 0;
		if (!show_wanted(page))
			continue;
		json_array_append_new(a, json_pack("{s:i,s:i,s:s,s:I,s:I,s:I}", "instance", (int)i, "card",
		                                   (int)x->card, "state",
		                                   !x->up                       ? "Down"
		                                   : sessctrl_list_usable(i)    ? "Active"
		                                   : sessctrl_list_is_busied(i) ? "Busy-out"
		                                   : x->ready                   ? "Full"
		                                                                : "Standby",
		                                   "sessions", (json_int_t)x->sessions, "limit",
		                                   (json_int_t)x->limit, "heard_ms_ago",
		                                   x->heard_us ? (json_int_t)((now - x->heard_us) / US_PER_MS)
		                                               : (json_int_t)-1));
	}
	json_object_set_new(o, "sessmgrs", a);
	json_object_set_new(o, "ready", json_integer(n));
	json_object_set_new(o, "sessions", json_integer(sessions));
	return o;
}

static const struct show_row rows[] = {
        {"sessmgrs", "the sessmgr instances, their cards and sessions", fill_sessmgrs},
};

void sessctrl_show(struct task *t, const struct bus_msg *m)
{
	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		if (!strcmp(m->env->show->what, sums[i].what)) {
			ask_all(t, m, sums[i].ask);
			return;
		}
	show_dispatch(t, m, rows, sizeof(rows) / sizeof(rows[0]));
}
