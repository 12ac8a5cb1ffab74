/* SPDX-License-Identifier: MIT */
/*
 * What `test task …` does to a task, for real: it crashes, hangs, burns CPU or eats memory in its own
 * process, so that limits, hang detection, minicores and recovery are seen at work. Only a cli may ask, which
 * asks for the test password first. Entry point: task_impair(), called by the dispatch of task.c.
 */
#include "task/task_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define TICK_MS  20
#define DEED_MS  100  /* the answer leaves before the deed */
#define LEAK_MAX 4096 /* MB in a second */

static struct {
	unsigned spin_percent, leak_mb;
	char deed[16];
	struct task_timer *timer;
	volatile uint64_t sink;
} impair;

/* A piece of the leak: touched, so that it is memory, and never given back. */
static void leak(size_t bytes)
{
	char *p = malloc(bytes);

	if (p)
		memset(p, 0x5a, bytes);
	impair.sink += (uint64_t)(uintptr_t)p;
}

static void tick(struct task *t, void *arg)
{
	uint64_t until = clock_now_us() + TICK_MS * US_PER_MS * impair.spin_percent / 100;

	(void)t;
	(void)arg;
	while (impair.spin_percent && clock_now_us() < until)
		impair.sink++;
	if (impair.leak_mb)
		leak((size_t)impair.leak_mb * (1 << 20) / (1000 / TICK_MS));
}

static void hang(void)
{
	for (;;)
		impair.sink++;
}

static void crash(void)
{
	volatile int *nowhere = NULL;

	*nowhere = 1; /* NOLINT(clang-analyzer-core.NullDereference): on purpose */
}

static void deed(struct task *t, void *arg)
{
	(void)arg;
	if (!strcmp(impair.deed, "crash"))
		crash();
	else if (!strcmp(impair.deed, "abort"))
		abort();
	else if (!strcmp(impair.deed, "hang"))
		hang();
	else
		task_exit(t, 1);
}

static bool one_of(const char *what)
{
	static const char *const deeds[] = {"crash", "abort", "hang", "exit"};

	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		if (!strcmp(what, deeds[i]))
			return true;
	return false;
}

/* words: crash | abort | exit | hang | spin PERCENT | leak MB-PER-SECOND. 0 or -EINVAL. */
static int start(struct task *t, const char *words)
{
	char what[16] = "";
	unsigned n = 0;

	sscanf(words, "%15s %u", what, &n);
	if (one_of(what)) {
		snprintf(impair.deed, sizeof(impair.deed), "%s", what);
		return task_timer_start(t, DEED_MS, 0, deed, NULL) ? 0 : -ENOMEM;
	}
	if (!strcmp(what, "spin") && n <= 100)
		impair.spin_percent = n;
	else if (!strcmp(what, "leak") && n <= LEAK_MAX)
		impair.leak_mb = n;
	else
		return -EINVAL;
	if (!impair.timer)
		impair.timer = task_timer_start(t, TICK_MS, TICK_MS, tick, NULL);
	return 0;
}

bool task_impair(struct task *t, const struct bus_msg *m)
{
	const Control *c = m->env->body_case == ENVELOPE__BODY_CONTROL ? m->env->control : NULL;
	int rc;

	if (!c || strcmp(c->what, "impair") || strncmp(m->src, "cli/", 4))
		return false;
	LOG(EV_WARN, "%s: test task %s", m->src, c->args);
	rc = start(t, c->args);
	task_reply_status(t, m, rc, "%s", rc ? "Failure: a task does not know how to do that" : "");
	return true;
}
