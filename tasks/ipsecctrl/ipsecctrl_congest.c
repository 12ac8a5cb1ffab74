/* SPDX-License-Identifier: MIT */
/*
 * Congestion control of security gateways (IPSec Reference chapter 13): while `congestion-control` is on,
 * measures every two seconds, tells the ipsecmgrs on topic "congestion" what new calls are to meet, and
 * raises and clears the traps. CPU and memory are what the cards say of their tasks, queues and waits what
 * the ipsecmgrs report, sessions what they hold against what they and the services may; ports are
 * ipsecctrl_ports.c's. Entry points:
 * ipsecctrl_congest_start(), ipsecctrl_congest_config(), ipsecctrl_congest_show().
 */
#include "tasks/ipsecctrl/ipsecctrl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cfg/cfg.h"
#include "chassis/card_type.h"
#include "congest/congest.h"
#include "task/watch.h"

#define STEP_MS  2000
#define ASK_MS   1500
#define CARDS    32
#define WSG_TYPE 41 /* starServiceType */

static struct {
	struct congest c;
	struct task_timer *timer;
	bool asking;
	uint32_t services; /* per cent of the fullest one's max-sessions */
	bool services_known;
} self;

/* What a card said last of its tasks: hundredths of a core, bytes. */
static struct card {
	uint64_t heard_us, rss;
	uint32_t busy, cpus, memory_gb;
} cards[CARDS];

static bool runs_managers(unsigned card)
{
	for (uint32_t i = 1; i < IPSECCTRL_MAX; i++)
		if (ipsecctrl_list[i].up && ipsecctrl_list[i].card == card)
			return true;
	return false;
}

static void card_answered(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	const struct card_type *type;
	struct card *c = arg, now = {.heard_us = clock_now_us()};
	json_t *j = NULL, *task;
	size_t i;

	(void)t;
	if (!status && m && m->env->body_case == ENVELOPE__BODY_SHOW_REPLY)
		j = json_loads(m->env->show_reply->json, 0, NULL);
	if (!j)
		return;
	json_array_foreach(json_object_get(j, "tasks"), i, task)
	{
		now.busy += (uint32_t)(json_number_value(json_object_get(task, "cpu_percent")) * 100);
		now.rss += (uint64_t)json_integer_value(json_object_get(task, "rss"));
	}
	now.cpus = (uint32_t)json_integer_value(json_object_get(j, "cpus"));
	type = card_type_find(json_string_value(json_object_get(j, "type")));
	now.memory_gb = type ? type->memory_gb * type->cpus : 0;
	json_decref(j);
	*c = now;
}

static void ask_cards(struct task *t)
{
	Envelope env = ENVELOPE__INIT;
	Show show = SHOW__INIT;
	char addr[40];

	show.what = (char *)(uintptr_t) "card";
	env.body_case = ENVELOPE__BODY_SHOW;
	env.show = &show;
	for (unsigned slot = 1; slot < CARDS; slot++) { /* where there is none the answer is at once that */
		snprintf(addr, sizeof(addr), "card/%u", slot);
		task_request(t, addr, &env, ASK_MS, 0, card_answered, &cards[slot]);
	}
}

static void sum_cards(uint32_t value[CONGEST_RESOURCES], bool known[CONGEST_RESOURCES])
{
	uint64_t busy = 0, cpus = 0, service = 0, service_cpus = 0, rss = 0, memory = 0;
	uint64_t now = clock_now_us();

	for (unsigned i = 0; i < CARDS; i++) {
		const struct card *c = &cards[i];

		if (!c->heard_us || now - c->heard_us > 3 * STEP_MS * US_PER_MS || !c->cpus)
			continue;
		busy += c->busy;
		cpus += c->cpus;
		rss += c->rss >> 20;
		memory += (uint64_t)c->memory_gb << 10;
		if (runs_managers(i)) {
			service += c->busy;
			service_cpus += c->cpus;
		}
	}
	known[CONGEST_SYSTEM_CPU] = cpus;
	value[CONGEST_SYSTEM_CPU] = cpus ? (uint32_t)(busy / cpus / 100) : 0;
	known[CONGEST_SERVICE_CPU] = service_cpus;
	value[CONGEST_SERVICE_CPU] = service_cpus ? (uint32_t)(service / service_cpus / 100) : 0;
	known[CONGEST_MEMORY] = memory;
	value[CONGEST_MEMORY] = memory ? (uint32_t)(rss * 100 / memory) : 0;
}

static void measure(struct task *t, uint32_t value[CONGEST_RESOURCES], bool known[CONGEST_RESOURCES])
{
	const struct cfg_tree *tree = config_tree(t);
	const struct congest_port *ports;
	uint64_t sessions = 0, limit = 0;
	unsigned n;

	ports = ipsecctrl_ports(&n);
	if (tree)
		congest_ports(&self.c, tree, ports, n, value, known);

	sum_cards(value, known);
	for (uint32_t i = 1; i < IPSECCTRL_MAX; i++) {
		const struct ipsecctrl_manager *x = &ipsecctrl_list[i];

		if (!x->up || !x->heard_us)
			continue;
		sessions += x->sessions;
		limit += x->limit;
		known[CONGEST_QUEUE] = known[CONGEST_WAIT] = true;
		if (x->queue_percent > value[CONGEST_QUEUE])
			value[CONGEST_QUEUE] = x->queue_percent;
		if (x->wait_ms / 1000 > value[CONGEST_WAIT])
			value[CONGEST_WAIT] = x->wait_ms / 1000;
	}
	known[CONGEST_LICENSE] = limit;
	value[CONGEST_LICENSE] = limit ? (uint32_t)(sessions * 100 / limit) : 0;
	known[CONGEST_SERVICE] = self.services_known;
	value[CONGEST_SERVICE] = self.services;
}

/* --- services
 * ------------------------------------------------------------------------------------------------------ */

static int64_t max_sessions(const struct cfg_tree *tree, const struct cfg_node *svc)
{
	const struct cfg_node *bind = cfg_child(tree, svc, "bind-address", NULL);
	int64_t max = cfg_get_int(tree, svc, "max-sessions", "sessions", 1000000);

	return bind && !bind->negated ? cfg_arg_int(bind, "sessions", max) : max;
}

static void note_services(struct task *t, const json_t *services)
{
	const struct cfg_tree *tree = config_tree(t);
	const struct cfg_node *ctx, *svc;
	char key[160];
	uint32_t most = 0;

	if (!tree)
		return;
	cfg_foreach(ctx, tree->root, "context") cfg_foreach(svc, ctx, "wsg-service")
	{
		int64_t max = max_sessions(tree, svc), n;

		snprintf(key, sizeof(key), "%s/%s", cfg_key(ctx, 0), cfg_key(svc, 0));
		n = json_integer_value(json_object_get(json_object_get(services, key), "sessions"));
		if (max > 0 && n * 100 / max > most)
			most = (uint32_t)(n * 100 / max);
	}
	self.services = most;
	self.services_known = true;
}

static void answered(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	json_t *j = NULL;

	(void)arg;
	self.asking = false;
	if (!status && m && m->env->body_case == ENVELOPE__BODY_SHOW_REPLY)
		j = json_loads(m->env->show_reply->json, 0, NULL);
	if (j)
		note_services(t, json_object_get(j, "services"));
	json_decref(j);
}

static void ask_services(struct task *t)
{
	Envelope env = ENVELOPE__INIT;
	Show show = SHOW__INIT;

	if (self.asking)
		return;
	show.what = (char *)(uintptr_t) "wsg sessions";
	env.body_case = ENVELOPE__BODY_SHOW;
	env.show = &show;
	self.asking = task_request(t, "sessctrl/0", &env, ASK_MS, 0, answered, NULL) == 0;
}

/* --- telling
 * ------------------------------------------------------------------------------------------------------- */

void ipsecctrl_congest_tell(struct task *t)
{
	Envelope env = ENVELOPE__INIT;
	Congestion m = CONGESTION__INIT;

	m.action = (Congestion__Action)congest_now(&self.c);
	env.body_case = ENVELOPE__BODY_CONGESTION;
	env.congestion = &m;
	task_publish(t, "congestion", &env);
}

static void tell_changes(struct task *t, uint32_t began, uint32_t ended)
{
	static const uint8_t policy[] = {[CONGEST_NONE] = 1, [CONGEST_DROP] = 3, [CONGEST_REJECT] = 1};

	for (int i = 0; i < CONGEST_RESOURCES; i++) {
		const struct congest_row *r = &congest_rows[i];

		if (began & 1u << i) {
			LOG(EV_CONGESTION,
			    "%s is at %u%s, its threshold is %u: new calls of wsg-services: %s", r->word,
			    self.c.value[i], r->unit, self.c.threshold[i],
			    congest_action_name(self.c.action));
			TASK_TRAP(t, "Congestion", trap_int("starServiceType", WSG_TYPE),
			          trap_int("starCongestionPolicy", policy[self.c.action]),
			          trap_int("starCongestionResourceType", r->mib));
		}
		if (ended & 1u << i)
			LOG(EV_CONGESTION, "%s is at %u%s again", r->word, self.c.value[i], r->unit);
	}
	if (ended && !self.c.on)
		TASK_TRAP(t, "CongestionClear", trap_int("starServiceType", WSG_TYPE));
}

static void step(struct task *t, void *arg)
{
	uint32_t value[CONGEST_RESOURCES] = {0}, began, ended;
	bool known[CONGEST_RESOURCES] = {0};
	enum congest_action was = congest_now(&self.c);

	(void)arg;
	if (self.c.enabled) {
		ask_services(t);
		ask_cards(t);
		ipsecctrl_ports_ask(t);
		measure(t, value, known);
	}
	congest_step(&self.c, value, known, &began, &ended);
	tell_changes(t, began, ended);
	if (congest_now(&self.c) != was)
		ipsecctrl_congest_tell(t);
}

void ipsecctrl_congest_config(struct task *t, const struct cfg_tree *tree)
{
	enum congest_action was = congest_now(&self.c);

	congest_configure(&self.c, tree);
	if (self.c.enabled && !self.timer)
		self.timer = task_timer_start(t, STEP_MS, STEP_MS, step, NULL);
	if (!self.c.enabled && self.timer) {
		task_timer_stop(self.timer);
		self.timer = NULL;
		step(t, NULL); /* what was congested is not any more */
	}
	if (congest_now(&self.c) != was)
		ipsecctrl_congest_tell(t);
}

void ipsecctrl_congest_clear(void)
{
	memset(self.c.times, 0, sizeof(self.c.times));
}

json_t *ipsecctrl_congest_show(struct task *t, struct show_page *page, char *err, size_t size)
{
	json_t *o = json_object(), *rows = json_array(), *r;

	(void)t, (void)page, (void)err, (void)size;
	for (int i = 0; i < CONGEST_RESOURCES; i++) {
		r = json_pack("{s:s, s:I, s:I, s:b, s:I, s:s}", "resource", congest_rows[i].word, "threshold",
		              (json_int_t)self.c.threshold[i], "value", (json_int_t)self.c.value[i],
		              "congested", (int)(self.c.on >> i & 1), "times", (json_int_t)self.c.times[i],
		              "unit", congest_rows[i].unit);
		json_object_set_new(r, "measured", json_boolean(self.c.known[i]));
		json_array_append_new(rows, r);
	}
	json_object_set_new(o, "enabled", json_boolean(self.c.enabled));
	json_object_set_new(o, "congested", json_boolean(self.c.on));
	json_object_set_new(o, "action", json_string(congest_action_name(self.c.action)));
	json_object_set_new(o, "resources", rows);
	return o;
}
