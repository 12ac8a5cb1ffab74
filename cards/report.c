/* SPDX-License-Identifier: MIT */
/*
 * What a card tells: its report (state, tasks) to hatsystem whenever it changed and in full when hatsystem is
 * new, events of tasks and cards in order (kept while hatsystem is away), and the task list for shows.
 */
#include "card.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define EVENTS_MAX 500
#define REPORT_MS  5

/*
 * Events wait here until hatsystem has them; an event of a task until hatsystem says that its traps are
 * stored: when that one dies meanwhile, its successor is told again.
 */
struct pending_event {
	Envelope *env;
	bool sent;
	struct pending_event *next;
};

static void fill(TaskReport *r, const struct proc *p, char *facility, char *state)
{
	task_report__init(r);
	snprintf(facility, 24, "%s", p->facility);
	snprintf(state, 16, "%s", proc_state_name(p->state));
	r->facility = facility;
	r->instance = p->instance;
	r->card = p->card->slot;
	r->cpu = p->cpu;
	r->pid = p->pid;
	r->state = state;
	r->restarts = p->restarts;
	r->started_wall_us = p->started_wall;
	r->sessions = p->sessions;
	r->has_sessions = p->has_sessions;
}

static void event_free(struct pending_event *e)
{
	envelope__free_unpacked(e->env, NULL);
	free(e);
}

/* Take the events out that are done: sent ones that need no answer, or the one of this id. */
static void drop_events(struct card *c, uint64_t id)
{
	struct pending_event **pp = &c->events;

	c->events_last = NULL;
	while (*pp) {
		struct pending_event *e = *pp;

		if (e->sent && (e->env->kind == ENVELOPE__KIND__ONEWAY || e->env->id == id)) {
			*pp = e->next;
			event_free(e);
		} else {
			c->events_last = e;
			pp = &e->next;
		}
	}
}

static void flush_events(struct card *c)
{
	for (struct pending_event *e = c->events; e; e = e->next) {
		if (!e->sent && bus_switch_send(c->bus, "hatsystem/0", e->env) < 0)
			break;
		e->sent = true;
	}
	drop_events(c, 0);
}

void report_acked(struct card *c, uint64_t id)
{
	if (id)
		drop_events(c, id);
}

/* Keep a copy until hatsystem has it. */
static void queue_event(struct card *c, Envelope *env)
{
	struct pending_event *e = calloc(1, sizeof(*e));
	size_t len, n = 0;
	uint8_t *buf;

	env->kind = ENVELOPE__KIND__ONEWAY;
	if (env->body_case == ENVELOPE__BODY_TASK_EVENT) {
		env->kind = ENVELOPE__KIND__REQUEST;
		env->id = ++c->next_event;
	}
	buf = bus_pack(env, &len);

	for (struct pending_event *x = c->events; x; x = x->next)
		n++;
	if (e && buf && n < EVENTS_MAX)
		e->env = envelope__unpack(NULL, len, buf);
	free(buf);
	if (!e || !e->env) {
		free(e);
		return;
	}
	if (c->events_last)
		c->events_last->next = e;
	else
		c->events = e;
	c->events_last = e;
	report_changed(c);
}

void report_event(struct card *c, const struct proc *p, TaskEvent__What what, uint32_t recovered, uint32_t ms,
                  uint32_t old_instance)
{
	Envelope env = ENVELOPE__INIT;
	TaskEvent ev = TASK_EVENT__INIT;
	TaskReport r;
	char facility[24], state[16];

	if (p->cli_request)
		return;
	fill(&r, p, facility, state);
	ev.what = what;
	ev.task = &r;
	ev.reason = (char *)p->reason;
	ev.at_wall_us = clock_wall_us();
	ev.recovered = recovered;
	ev.recovery_ms = ms;
	ev.old_instance = old_instance;
	ev.core = (char *)p->core;
	env.body_case = ENVELOPE__BODY_TASK_EVENT;
	env.task_event = &ev;
	queue_event(c, &env);
}

void report_usage(struct card *c, const struct proc *p, const char *trap, uint64_t allocated, uint64_t used)
{
	Envelope env = ENVELOPE__INIT;
	TaskEvent ev = TASK_EVENT__INIT;
	TaskReport r;
	char facility[24], state[16];

	fill(&r, p, facility, state);
	ev.what = TASK_EVENT__WHAT__USAGE;
	ev.task = &r;
	ev.trap = (char *)trap;
	ev.allocated = allocated;
	ev.used = used;
	ev.at_wall_us = clock_wall_us();
	env.body_case = ENVELOPE__BODY_TASK_EVENT;
	env.task_event = &ev;
	queue_event(c, &env);
}

void report_card_event(struct card *c, CardEvent__What what, unsigned slot, const char *reason, uint64_t at)
{
	Envelope env = ENVELOPE__INIT;
	CardEvent ev = CARD_EVENT__INIT;

	/* Presence reaches every card; one of them tells hatsystem: the one it runs on. */
	if (what != CARD_EVENT__WHAT__FABRIC && (!c->type->management || c->active_mio != c->slot))
		return;
	/* A hatsystem that is not there yet is told of everything present when it comes. */
	if (what == CARD_EVENT__WHAT__UP && !c->hat_at)
		return;
	ev.what = what;
	ev.slot = slot;
	ev.reason = (char *)(reason ? reason : "");
	ev.active_mio = c->active_mio;
	ev.at_wall_us = at;
	env.body_case = ENVELOPE__BODY_CARD_EVENT;
	env.card_event = &ev;
	queue_event(c, &env);
}

static int send_report(struct card *c, bool full)
{
	Envelope env = ENVELOPE__INIT;
	CardReport cr = CARD_REPORT__INIT;
	TaskReport *rows;
	TaskReport **ptrs;
	char(*text)[40];
	size_t n = 0;
	int rc;

	for (struct proc *p = c->procs; p; p = p->next)
		n++;
	rows = calloc(n + 1, sizeof(*rows));
	ptrs = calloc(n + 1, sizeof(*ptrs));
	text = calloc(n + 1, sizeof(*text));
	n = 0;
	for (struct proc *p = c->procs; rows && ptrs && text && p; p = p->next) {
		if (p->cli_request) /* an operator's; a task that is being stopped counts until it is gone */
			continue;
		fill(&rows[n], p, text[n], text[n] + 24);
		ptrs[n] = &rows[n];
		n++;
	}
	cr.slot = c->slot;
	cr.type = (char *)c->type->name;
	cr.state = c->state;
	cr.tasks = ptrs;
	cr.n_tasks = n;
	cr.boot_wall_us = c->boot_wall;
	cr.full = full;
	env.kind = ENVELOPE__KIND__ONEWAY;
	env.body_case = ENVELOPE__BODY_CARD_REPORT;
	env.card_report = &cr;
	rc = bus_switch_send(c->bus, "hatsystem/0", &env);
	free(rows);
	free(ptrs);
	free(text);
	return rc;
}

static int send_hardware(struct card *c)
{
	Envelope env = ENVELOPE__INIT;

	if (!c->hardware || !c->type->management || c->active_mio != c->slot)
		return 0;
	env.kind = ENVELOPE__KIND__ONEWAY;
	env.body_case = ENVELOPE__BODY_HARDWARE_REPORT;
	env.hardware_report = c->hardware;
	return bus_switch_send(c->bus, "hatsystem/0", &env);
}

void report_hardware(struct card *c, HardwareReport *h)
{
	if (c->hardware)
		hardware_report__free_unpacked(c->hardware, NULL);
	c->hardware = h;
	if (c->hat_at)
		send_hardware(c);
}

static void report_cb(uv_timer_t *h)
{
	struct card *c = h->data;

	c->report_on = false;
	if (!c->hat_at)
		return;
	flush_events(c); /* what happened before what is */
	send_report(c, false);
}

void report_changed(struct card *c)
{
	if (c->report_on)
		return;
	c->report_on = true;
	uv_timer_start(&c->report, report_cb, REPORT_MS, 0);
}

/* hatsystem came, went or moved: the new one gets everything. */
void report_tick(struct card *c)
{
	uint32_t at = bus_switch_where(c->bus, "hatsystem/0");
	uint64_t came = bus_switch_came(c->bus, "hatsystem/0");

	if (at == c->hat_at && came == c->hat_came)
		return;
	c->hat_at = at;
	c->hat_came = came;
	if (!at)
		return;
	for (struct pending_event *e = c->events; e; e = e->next)
		e->sent = false;
	if (c->type->management && c->active_mio == c->slot)
		for (unsigned n = 1; n <= PROFILE_SLOTS_MAX; n++)
			if (c->peer[n] || n == c->slot)
				report_card_event(c, CARD_EVENT__WHAT__UP, n, "present", clock_wall_us());
	if (send_hardware(c) == 0 && send_report(c, true) == 0)
		flush_events(c);
	else
		c->hat_at = 0;
}

static json_t *task_json(struct proc *p)
{
	unsigned permille;
	uint64_t memory;
	const struct place_facility *f = usage_facility(p, &permille, &memory);
	json_t *o;

	usage_sample(p);
	o = json_pack("{s:s, s:i, s:i, s:i, s:i, s:s, s:f, s:I, s:i, s:i, s:b, s:i, s:I, s:i, s:i, s:i, s:i}",
	              "facility", p->facility, "instance", p->instance, "card", p->card->slot, "cpu", p->cpu,
	              "pid", (int)p->pid, "state", proc_state_name(p->state), "cpu_percent", p->cpu_percent,
	              "rss", (json_int_t)(p->pid > 0 ? p->rss_bytes : 0), "files", usage_files(p), "sessions",
	              p->sessions, "has_sessions", p->has_sessions, "restarts", p->restarts, "started",
	              (json_int_t)p->started_wall, "cpu_alloc_permille", permille, "memory_alloc_tenth_mb",
	              (int)((double)memory / 104857.6 + 0.5), "files_alloc", f ? f->files : 0,
	              "sessions_alloc", f ? f->sessions : 0);
	json_object_set_new(o, "usage", json_string(usage_word(&p->cpu_level, &p->memory_level)));
	return o;
}

/* Show "card": this card and its tasks. */
void report_show(struct card *c, const struct bus_rx *rx, const Envelope *req)
{
	Envelope env = ENVELOPE__INIT;
	ShowReply r = SHOW_REPLY__INIT;
	json_t *tasks = json_array(), *j;
	const struct bus_switch_counters *n = bus_switch_counters(c->bus);

	for (struct proc *p = c->procs; p; p = p->next)
		json_array_append_new(tasks, task_json(p));
	j = json_pack("{s:i, s:s, s:s, s:s, s:i, s:I, s:i, s:{s:I, s:I, s:I, s:I}, s:o}", "slot", c->slot,
	              "type", c->type->name, "description", c->type->description, "state", c->state, "cpus",
	              c->type->cpus, "boot", (json_int_t)c->boot_wall, "active_mio", c->active_mio, "switch",
	              "local", (json_int_t)n->local, "forwarded", (json_int_t)n->forwarded, "unroutable",
	              (json_int_t)n->unroutable, "dropped", (json_int_t)n->dropped, "tasks", tasks);
	json_object_set_new(j, "cpu_use", cpus_json(c));
	r.json = json_dumps(j, JSON_COMPACT);
	env.kind = ENVELOPE__KIND__RESPONSE;
	env.id = req->id;
	env.body_case = ENVELOPE__BODY_SHOW_REPLY;
	env.show_reply = &r;
	if (r.json)
		bus_switch_send(c->bus, rx->ret, &env);
	free(r.json);
	json_decref(j);
}
