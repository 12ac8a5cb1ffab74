/* SPDX-License-Identifier: MIT */
/*
 * The list of standing faults: `orrery fault slow|memory|disk|cut|loss|clock …` begins one, `undo` ends it by
 * number or by the words it began with, `list` shows them, and all of a connection that asked for it (a
 * drill's) end with that connection, however it ends. What a fault does is faultdo.c. Entry points:
 * fault_standing(), fault_note(), fault_closed(), fault_hello(), fault_port_moved(), fault_end(); called by
 * command.c, server.c, fabric.c and main.c.
 */
#include "fault.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

static struct fault *list[FAULTS_MAX];
static unsigned last_id;
/* The last ones that ended by themselves: undoing such a one is no mistake of whoever began it. */
static struct {
	unsigned id;
	char text[120];
} over[FAULTS_MAX];
static unsigned n_over;

static const char *const kind_names[FAULT_KINDS] = {"none", "hang", "slow", "memory",
                                                    "disk", "cut",  "loss", "clock"};

static void note_over(const struct fault *f)
{
	over[n_over % FAULTS_MAX].id = f->id;
	snprintf(over[n_over++ % FAULTS_MAX].text, sizeof(over[0].text), "%s", f->text);
}

static void forget(struct fault **f)
{
	if ((*f)->pidfd >= 0)
		close((*f)->pidfd);
	free(*f);
	*f = NULL;
}

static void drop(unsigned i)
{
	LOG(EV_NOTE, "fault %u ends: %s", list[i]->id, list[i]->text);
	fault_undo(list[i]);
	forget(&list[i]);
}

/* Those whose process or card is gone are over. */
static void prune(void)
{
	for (unsigned i = 0; i < FAULTS_MAX; i++)
		if (list[i] && !fault_stands(list[i])) {
			note_over(list[i]);
			drop(i);
		}
}

bool fault_hangs(pid_t pid)
{
	for (unsigned i = 0; i < FAULTS_MAX; i++)
		if (list[i] && list[i]->kind == FAULT_HANG && list[i]->pids[0] == pid)
			return true;
	return false;
}

long fault_clock_sum(void)
{
	long sum = 0;

	for (unsigned i = 0; i < FAULTS_MAX; i++)
		if (list[i] && list[i]->kind == FAULT_CLOCK)
			sum += list[i]->value;
	return sum;
}

static void join(size_t argc, char **argv, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < argc && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? " " : "", argv[i]);
}

/* A free place with the text filled in; NULL: full. */
static struct fault **place(struct chassis *c, enum fault_kind kind, size_t argc, char **argv,
                            const struct conn *lease)
{
	prune();
	for (unsigned i = 0; i < FAULTS_MAX; i++) {
		if (list[i])
			continue;
		list[i] = calloc(1, sizeof(*list[i]));
		if (!list[i])
			return NULL;
		list[i]->c = c;
		list[i]->kind = kind;
		list[i]->pidfd = -1;
		list[i]->id = ++last_id;
		list[i]->since_wall = clock_wall_us();
		list[i]->lease = lease;
		join(argc, argv, list[i]->text, sizeof(list[i]->text));
		return &list[i];
	}
	return NULL;
}

/* --- words
 * -------------------------------------------------------------------------------------------------- */

static enum fault_kind kind_of(const char *word)
{
	for (int k = FAULT_SLOW; k < FAULT_KINDS; k++)
		if (!strcmp(kind_names[k], word))
			return (enum fault_kind)k;
	return FAULT_NONE;
}

/* The operator's words into f; false: not understood. */
static bool words(struct fault *f, size_t n, char **a)
{
	bool task = n >= 4 && !strcmp(a[1], "task");

	if (task) {
		snprintf(f->facility, sizeof(f->facility), "%s", a[2]);
		snprintf(f->instance, sizeof(f->instance), "%s", a[3]);
	}
	f->value = n ? strtol(a[n - 1], NULL, 10) : 0;
	switch (f->kind) {
	case FAULT_SLOW:
		if (n == 4 && !strcmp(a[1], "card"))
			f->a = (unsigned)strtoul(a[2], NULL, 10);
		return (task || f->a) && n == (task ? 5 : 4) && f->value >= 1 && f->value <= 99;
	case FAULT_MEMORY:
		return task && n == 5 && f->value >= 1 && f->value <= 65536;
	case FAULT_DISK:
		return n == 2 && !strcmp(a[1], "full");
	case FAULT_CUT:
		if (n != 4 || strcmp(a[1], "cards"))
			return false;
		f->a = (unsigned)strtoul(a[2], NULL, 10);
		f->b = (unsigned)strtoul(a[3], NULL, 10);
		return f->a && f->b && f->a != f->b;
	case FAULT_LOSS:
		if (n != 4 || strcmp(a[1], "port"))
			return false;
		snprintf(f->port, sizeof(f->port), "%s", a[2]);
		return f->value >= 1 && f->value <= 100;
	case FAULT_CLOCK:
		return n == 2 && f->value >= -315360000 && f->value <= 315360000 && f->value;
	default:
		return false;
	}
}

/* --- orders
 * ------------------------------------------------------------------------------------------------- */

static void begin(struct conn *cn, uint64_t id, enum fault_kind kind, size_t argc, char **argv, bool lease)
{
	struct fault **f = place(cn->c, kind, argc, argv, lease ? cn : NULL);
	char text[300] = "";
	int rc;

	if (!f) {
		server_reply(cn, id, -ENOSPC, "32 faults stand already; undo some", false);
		return;
	}
	rc = words(*f, argc, argv) ? fault_do(*f, text, sizeof(text)) : -EINVAL;
	if (rc < 0) {
		server_reply(cn, id, rc, text[0] ? text : strerror(-rc), false);
		forget(f);
		return;
	}
	LOG(EV_NOTE, "fault %u: %s (%s)", (*f)->id, (*f)->text, (*f)->how);
	snprintf(text, sizeof(text), "fault %u: %s", (*f)->id, (*f)->how);
	server_reply(cn, id, 0, text, false);
}

/* Is it this one, by its number or the first words of its order? */
static bool meant(const char *want, const char *text, unsigned id)
{
	size_t n = strlen(want);
	char *end;
	unsigned long number = strtoul(want, &end, 10);

	return n && ((!*end && number == id) || (!strncmp(text, want, n) && (!text[n] || text[n] == ' ')));
}

/* Forgets it: a fault is undone once. */
static bool was_over(const char *want)
{
	bool any = false;

	for (unsigned i = 0; i < FAULTS_MAX; i++)
		if (over[i].id && meant(want, over[i].text, over[i].id)) {
			over[i].id = 0;
			any = true;
		}
	return any;
}

/* By number, by the first words of its order, or all. */
static void undo(struct conn *cn, uint64_t id, size_t argc, char **argv)
{
	char want[120], text[200];
	bool all, any = false;

	join(argc, argv, want, sizeof(want));
	all = !strcmp(want, "all");
	prune();
	for (unsigned i = 0; i < FAULTS_MAX; i++) {
		if (!list[i] || !(all || meant(want, list[i]->text, list[i]->id)))
			continue;
		drop(i);
		any = true;
	}
	if (any || all) {
		server_reply(cn, id, 0, "", false);
	} else if (was_over(want)) {
		snprintf(text, sizeof(text), "\"%.100s\" was over: its process is gone", want);
		server_reply(cn, id, 0, text, false);
	} else {
		snprintf(text, sizeof(text), "no standing fault \"%.100s\"; orrery fault list shows them",
		         want);
		server_reply(cn, id, -ENOENT, text, false);
	}
}

static void tell_list(struct conn *cn, uint64_t id)
{
	json_t *a = json_array();
	char *text;

	prune();
	for (unsigned i = 0; i < FAULTS_MAX; i++)
		if (list[i])
			json_array_append_new(
			        a, json_pack("{s:i, s:s, s:s, s:s, s:I, s:b}", "id", (int)list[i]->id, "kind",
			                     kind_names[list[i]->kind], "fault", list[i]->text, "how",
			                     list[i]->how, "since_wall_us", (json_int_t)list[i]->since_wall,
			                     "until_disconnect", list[i]->lease != NULL));
	text = json_dumps(a, JSON_COMPACT);
	server_reply(cn, id, text ? 0 : -ENOMEM, text, false);
	free(text);
	json_decref(a);
}

bool fault_standing(struct conn *cn, uint64_t id, size_t argc, char **argv, bool lease)
{
	bool cards = argc == 4 && !strcmp(argv[1], "cards");

	if (argc >= 2 && !strcmp(argv[0], "undo"))
		undo(cn, id, argc - 1, argv + 1);
	else if (argc == 1 && !strcmp(argv[0], "list"))
		tell_list(cn, id);
	else if (cards && !strcmp(argv[0], "heal")) {
		char *w[] = {(char *)"cut", argv[1], argv[2], argv[3]};

		undo(cn, id, 4, w);
	} else if (argc && kind_of(argv[0]) && (cards || kind_of(argv[0]) != FAULT_CUT))
		begin(cn, id, kind_of(argv[0]), argc, argv, lease);
	else
		return false;
	return true;
}

void fault_note(struct conn *cn, size_t argc, char **argv, pid_t pid, bool hang, bool lease)
{
	struct fault **f;

	for (unsigned i = 0; i < FAULTS_MAX; i++)
		if (list[i] && list[i]->kind == FAULT_HANG && list[i]->pids[0] == pid)
			drop(i);
	f = hang ? place(cn->c, FAULT_HANG, argc, argv, lease ? cn : NULL) : NULL;
	if (!f)
		return;
	(*f)->pids[0] = pid;
	(*f)->n_pids = 1;
	fault_hold(*f);
	snprintf((*f)->how, sizeof((*f)->how), "its process is stopped");
}

void fault_closed(const struct conn *cn)
{
	for (unsigned i = 0; i < FAULTS_MAX; i++)
		if (list[i] && list[i]->lease == cn)
			drop(i);
}

void fault_hello(unsigned slot)
{
	for (unsigned i = 0; i < FAULTS_MAX; i++)
		if (list[i] && list[i]->kind == FAULT_CUT && (list[i]->a == slot || list[i]->b == slot))
			fault_again(list[i]);
}

void fault_port_moved(const char *port)
{
	for (unsigned i = 0; i < FAULTS_MAX; i++)
		if (list[i] && list[i]->kind == FAULT_LOSS && !strcmp(list[i]->port, port))
			fault_again(list[i]);
}

void fault_end(void)
{
	for (unsigned i = 0; i < FAULTS_MAX; i++)
		if (list[i])
			drop(i);
}
