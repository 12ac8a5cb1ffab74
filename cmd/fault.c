/* SPDX-License-Identifier: MIT */
/*
 * `orrery fault` for what stands until it is undone: checks the words, asks the backplane, prints the list. A
 * lease is the same over a connection that is kept, one for each chassis: the backplane undoes with it what
 * came over it.
 */
#include "cmd/fault.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "chassis/bp.h"
#include "cmd/cmd.h"
#include "cmd/operator.h"

#define LEASES    8
#define WORDS     16
#define ANSWER_MS 15000
#define BACK_MAX  32

struct fault_lease {
	struct {
		char chassis[64];
		int fd;
	} of[LEASES];
	unsigned n;
	/* What gives hardware back that was pulled or set: orders of their own, given at the end. */
	struct {
		char chassis[64], words[80];
	} back[BACK_MAX];
	unsigned n_back;
};

/* --- words
 * -------------------------------------------------------------------------------------------------- */

static bool number(const char *text, long lo, long hi)
{
	char *end;
	long v = strtol(text, &end, 10);

	return end != text && !*end && v >= lo && v <= hi;
}

bool fault_known(const char *verb)
{
	static const char *const verbs[] = {"slow", "memory", "disk", "cut",  "heal",
	                                    "loss", "clock",  "undo", "list", NULL};

	for (const char *const *v = verbs; *v; v++)
		if (!strcmp(verb, *v))
			return true;
	return false;
}

static bool is_task(int n, char **a)
{
	return n >= 4 && !strcmp(a[1], "task") && number(a[3], 0, 4294967295L);
}

const char *fault_wrong_words(int n, char **a)
{
	bool card = n == 4 && !strcmp(a[1], "card") && number(a[2], 1, 20);

	if (!strcmp(a[0], "list"))
		return n == 1 ? NULL : "list takes nothing";
	if (!strcmp(a[0], "undo"))
		return n >= 2 ? NULL : "undo takes a number of the list, the first words of a fault, or all";
	if (!strcmp(a[0], "slow"))
		return (card || (is_task(n, a) && n == 5)) && number(a[n - 1], 1, 99)
		               ? NULL
		               : "slow takes: task FACILITY INSTANCE | card SLOT, and how many percent of a "
		                 "CPU "
		                 "are left, 1 to 99";
	if (!strcmp(a[0], "memory"))
		return is_task(n, a) && n == 5 && number(a[4], 1, 65536)
		               ? NULL
		               : "memory takes: task FACILITY INSTANCE MEGABYTES, 1 to 65536";
	if (!strcmp(a[0], "disk"))
		return n == 2 && !strcmp(a[1], "full") ? NULL : "disk takes: full";
	if (!strcmp(a[0], "loss"))
		return n == 4 && !strcmp(a[1], "port") && strchr(a[2], '/') && number(a[3], 1, 100)
		               ? NULL
		               : "loss takes: port SLOT/PORT PERCENT, 1 to 100";
	if (!strcmp(a[0], "clock"))
		return n == 2 && number(a[1], -315360000, 315360000) && strtol(a[1], NULL, 10)
		               ? NULL
		               : "clock takes how many seconds it jumps, up to ten years: +3600, -60";
	return n == 4 && !strcmp(a[1], "cards") && number(a[2], 1, 20) && number(a[3], 1, 20) &&
	                       strcmp(a[2], a[3])
	               ? NULL
	               : "cut and heal take: link LINK | cards SLOT SLOT";
}

/* --- the command
 * -------------------------------------------------------------------------------------------- */

static void print_list(const json_t *list)
{
	const json_t *f;
	char date[CLOCK_TEXT_MAX];
	size_t i;

	json_array_foreach(list, i, f)
	{
		uint64_t since = (uint64_t)json_integer_value(json_object_get(f, "since_wall_us"));

		printf("%3lld  %-32s  since %s%s\n     %s\n", json_integer_value(json_object_get(f, "id")),
		       json_string_value(json_object_get(f, "fault")),
		       clock_format_trap(date, sizeof(date), since, CLOCK_UTC),
		       json_is_true(json_object_get(f, "until_disconnect")) ? ", until its drill ends" : "",
		       json_string_value(json_object_get(f, "how")));
	}
}

int fault_order(const char *chassis, char **a, unsigned n, bool json)
{
	char *text = operator_ask(chassis, BP_COMMAND__WHAT__FAULT, a, n);
	json_t *list;

	if (!text)
		return CMD_NO;
	if (strcmp(a[0], "list")) {
		if (*text)
			puts(text);
		free(text);
		return CMD_OK;
	}
	list = json_loads(text, 0, NULL);
	if (json) {
		json_dumpf(list, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		print_list(list);
	}
	json_decref(list);
	free(text);
	return CMD_OK;
}

/* --- a lease
 * ------------------------------------------------------------------------------------------------ */

struct fault_lease *fault_lease_new(void)
{
	return calloc(1, sizeof(struct fault_lease));
}

static void forget(struct fault_lease *l, unsigned i)
{
	close(l->of[i].fd);
	l->of[i] = l->of[--l->n];
}

/* Its place in the list, or -1. */
static int line_to(struct fault_lease *l, const char *chassis, char *err, size_t errlen)
{
	char run[CMD_PATH_MAX];
	int fd;

	for (unsigned i = 0; i < l->n; i++)
		if (!strcmp(l->of[i].chassis, chassis))
			return (int)i;
	fd = l->n == LEASES || paths_run_dir(chassis, false, run) ? -ENOENT : bp_connect(run);
	if (fd < 0) {
		snprintf(err, errlen, "chassis %s is not up", chassis);
		return -1;
	}
	snprintf(l->of[l->n].chassis, sizeof(l->of[0].chassis), "%s", chassis);
	l->of[l->n].fd = fd;
	return (int)l->n++;
}

static int ask(int fd, char **a, unsigned n, BpMessage **reply)
{
	BpMessage m = BP_MESSAGE__INIT;
	BpCommand c = BP_COMMAND__INIT;
	int rc;

	c.what = BP_COMMAND__WHAT__FAULT;
	c.args = a;
	c.n_args = n;
	c.lease = true;
	m.id = 1;
	m.body_case = BP_MESSAGE__BODY_COMMAND;
	m.command = &c;
	rc = bp_send(fd, &m, NULL, 0);
	return rc ? rc : operator_recv(fd, ANSWER_MS, reply);
}

static void remember(struct fault_lease *l, const char *chassis, char **a, unsigned n)
{
	char *words = l->back[l->n_back].words;
	size_t size = sizeof(l->back[0].words);

	if (l->n_back == BACK_MAX)
		return;
	if (n == 3 && !strcmp(a[0], "pull"))
		snprintf(words, size, "insert card %.8s", a[2]);
	else if (n == 5 && !strcmp(a[0], "set"))
		snprintf(words, size, "clear sensor %.8s %.40s", a[2], a[3]);
	else if (n == 4 && !strcmp(a[0], "set"))
		snprintf(words, size, "clear %.8s %.8s", a[1], a[2]);
	else
		return;
	snprintf(l->back[l->n_back++].chassis, sizeof(l->back[0].chassis), "%s", chassis);
}

int fault_lease_do(struct fault_lease *l, const char *chassis, const char *words, char *what,
                   size_t what_size, char *err, size_t errlen)
{
	char copy[512], *save = NULL, *a[WORDS];
	BpMessage *m = NULL;
	unsigned n = 0;
	int i, rc;

	snprintf(copy, sizeof(copy), "%s", words);
	for (char *w = strtok_r(copy, " ", &save); w && n < WORDS; w = strtok_r(NULL, " ", &save))
		a[n++] = w;
	for (int again = 0;; again++) {
		i = line_to(l, chassis, err, errlen);
		if (i < 0)
			return -1;
		rc = ask(l->of[i].fd, a, n, &m);
		if (rc == 1 && m)
			break;
		forget(l, (unsigned)i); /* a line to the chassis as it was before it died */
		if (again) {
			snprintf(err, errlen, "chassis %s does not answer", chassis);
			return -1;
		}
	}
	rc = m->command_reply->code;
	if (rc)
		snprintf(err, errlen, "%s",
		         m->command_reply->text[0] ? m->command_reply->text : strerror(abs(rc)));
	else
		remember(l, chassis, a, n);
	if (!rc && what)
		snprintf(what, what_size, "%s", m->command_reply->text);
	operator_free(m);
	return rc ? -1 : 0;
}

void fault_lease_end(struct fault_lease *l)
{
	char err[256];

	while (l && l->n_back) { /* refused where the drill has done it itself */
		l->n_back--;
		fault_lease_do(l, l->back[l->n_back].chassis, l->back[l->n_back].words, NULL, 0, err,
		               sizeof(err));
	}
	while (l && l->n)
		forget(l, 0);
	free(l);
}
