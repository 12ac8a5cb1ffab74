/* SPDX-License-Identifier: MIT */
/*
 * What the tasks of each CPU of a card use together: user and system time and memory, now and as averages of
 * five and fifteen minutes. Fed by usage.c whenever it measures a task; a reading is kept each half minute. A
 * CPU here is what runs on it: it has no interrupts of its own and waits for no disk.
 */
#include "card.h"

#include "base/clock.h"

void cpus_add(struct card *c, unsigned cpu, uint64_t user_us, uint64_t system_us)
{
	if (cpu >= CARD_CPUS)
		return;
	c->cpu[cpu].user_us += user_us;
	c->cpu[cpu].system_us += system_us;
}

static uint64_t memory_of(const struct card *c, unsigned cpu)
{
	uint64_t kb = 0;

	for (const struct proc *p = c->procs; p; p = p->next)
		if (p->cpu == cpu && p->pid > 0)
			kb += p->rss_bytes / 1024;
	return kb;
}

/* Time integrals, so that their growth per second is the average. */
static void go_on(struct card *c, uint64_t now)
{
	uint64_t ms = c->cpus_us && now > c->cpus_us ? (now - c->cpus_us) / 1000 : 0;

	for (unsigned i = 0; i < CARD_CPUS; i++)
		c->cpu[i].memory_kb_ms += memory_of(c, i) * ms;
	c->cpus_us = now;
}

void cpus_note(struct card *c)
{
	uint64_t now = clock_now_us();

	if (c->cpus_us && now < c->cpus_due_us)
		return;
	go_on(c, now);
	c->cpus_due_us = now + RATE_STEP_US;
	for (unsigned i = 0; i < c->type->cpus && i < CARD_CPUS; i++) {
		struct card_cpu *u = &c->cpu[i];
		double user, system;

		if (rate_over(&u->time, now, u->user_us, u->system_us, 0, &user, &system) &&
		    user + system > u->max)
			u->max = user + system;
		rate_note(&u->time, now, u->user_us, u->system_us);
		rate_note(&u->memory, now, u->memory_kb_ms, 0);
	}
}

/* Adds user, system (percent of a core) and memory (bytes) of a span to o, when they are known. */
static void add_span(json_t *o, const struct card_cpu *u, uint64_t now, unsigned span_s, const char *name)
{
	double user, system, kb_ms, none;
	json_t *x;

	if (!rate_over(&u->time, now, u->user_us, u->system_us, span_s * US_PER_SEC, &user, &system))
		return;
	x = json_pack("{s:f, s:f}", "user", user / 1e4, "system", system / 1e4);
	if (rate_over(&u->memory, now, u->memory_kb_ms, 0, span_s * US_PER_SEC, &kb_ms, &none))
		json_object_set_new(x, "memory", json_integer((json_int_t)(kb_ms / 1000 * 1024)));
	json_object_set_new(o, name, x);
}

json_t *cpus_json(struct card *c)
{
	json_t *list = json_array(), *o;
	uint64_t now = clock_now_us();

	go_on(c, now);
	for (unsigned i = 0; i < c->type->cpus && i < CARD_CPUS; i++) {
		o = json_pack("{s:i, s:f}", "cpu", (int)i, "max", c->cpu[i].max / 1e4);
		add_span(o, &c->cpu[i], now, 0, "now");
		add_span(o, &c->cpu[i], now, 300, "5min");
		add_span(o, &c->cpu[i], now, 900, "15min");
		json_array_append_new(list, o);
	}
	return list;
}
