/* SPDX-License-Identifier: MIT */
/*
 * down, ps, status, fault and port: one question to the backplane of a running chassis each.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <fcntl.h>
#include <unistd.h>
#include <jansson.h>

#include "base/clock.h"
#include "cmd/cmd.h"
#include "cmd/fault.h"
#include "cmd/labctl.h"
#include "cmd/operator.h"

struct options {
	const char *name;
	bool json;
};

/* Options of these commands. Index of the first argument behind them, or -1 after an error line. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longopts[] = {
	        {"name", required_argument, NULL, 'n'}, {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	int c;

	*o = (struct options){.name = CMD_NAME_DEFAULT};
	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, "+n:j", longopts, NULL)) != -1) {
		if (c == 'n')
			o->name = optarg;
		else if (c == 'j')
			o->json = true;
		else {
			cmd_misused(argv[0], "%s is not an option of it, or its value is missing",
			            argv[optind - 1]);
			return -1;
		}
	}
	if (!paths_name_ok(o->name)) {
		cmd_misused(argv[0], "\"%s\" is not a chassis name (1 to 31 letters, digits, - and _)",
		            o->name);
		return -1;
	}
	return optind;
}

static void print_cards(const json_t *root, bool tasks)
{
	const json_t *card, *task;
	size_t i, j;

	printf("Chassis %s, %s (%s): %s, up %s, active MIO %lld, pid %lld\n",
	       json_string_value(json_object_get(root, "chassis")),
	       json_string_value(json_object_get(root, "model")),
	       json_string_value(json_object_get(root, "profile")),
	       json_is_true(json_object_get(root, "up")) ? "all cards up" : "not all cards up",
	       json_string_value(json_object_get(root, "uptime")),
	       json_integer_value(json_object_get(root, "active_mio")),
	       json_integer_value(json_object_get(root, "pid")));
	json_array_foreach(json_object_get(root, "cards"), i, card)
	{
		printf("%2lld %-5s %-9s %7lld  %s\n", json_integer_value(json_object_get(card, "slot")),
		       json_string_value(json_object_get(card, "type")),
		       json_string_value(json_object_get(card, "state")),
		       json_integer_value(json_object_get(card, "pid")),
		       json_is_true(json_object_get(card, "hung")) ? "hung" : "");
		if (!tasks)
			continue;
		json_array_foreach(json_object_get(card, "processes"), j, task)
		{
			printf("   %7lld %-10s %4lld  %s %s\n",
			       json_integer_value(json_object_get(task, "pid")),
			       json_string_value(json_object_get(task, "facility")),
			       json_integer_value(json_object_get(task, "instance")),
			       json_string_value(json_object_get(task, "cpu")),
			       json_string_value(json_object_get(task, "state")));
		}
	}
}

/* ps and status: the backplane's JSON as it is, or as text. */
static int show(int argc, char **argv, BpCommand__What what)
{
	struct options o;
	int at = parse(argc, argv, &o);
	json_t *root;
	char *text;

	if (at < 0)
		return CMD_USAGE;
	if (at < argc)
		return cmd_misused(argv[0], "\"%s\" is too much", argv[at]);
	text = operator_ask(o.name, what, NULL, 0);
	if (!text)
		return CMD_NO;
	root = json_loads(text, 0, NULL);
	free(text);
	if (!root)
		return cmd_fail("chassis %s: its backplane's answer is not JSON", o.name);
	if (o.json) {
		json_dumpf(root, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		print_cards(root, what == BP_COMMAND__WHAT__PS);
	}
	json_decref(root);
	return CMD_OK;
}

int operate_ps_main(int argc, char **argv)
{
	return show(argc, argv, BP_COMMAND__WHAT__PS);
}

int operate_status_main(int argc, char **argv)
{
	return show(argc, argv, BP_COMMAND__WHAT__STATUS);
}

/* After DOWN the backplane ends; wait until it gave its lock up, so that an `up` right after it works. */
static int wait_gone(const char *name)
{
	uint64_t deadline = clock_now_us() + 10 * US_PER_SEC;
	char run[CMD_PATH_MAX], path[CMD_PATH_MAX + 8];

	if (paths_run_dir(name, false, run))
		return CMD_OK;
	snprintf(path, sizeof(path), "%s/lock", run);
	while (clock_now_us() < deadline) {
		int fd = open(path, O_RDWR | O_CLOEXEC);
		bool gone = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0;

		if (fd >= 0)
			close(fd);
		if (gone)
			return CMD_OK;
		clock_sleep_us(10 * US_PER_MS);
	}
	return cmd_fail("chassis %s does not end", name);
}

int operate_down_main(int argc, char **argv)
{
	struct options o;
	int at = parse(argc, argv, &o), rc;

	if (at < 0)
		return CMD_USAGE;
	if (at < argc)
		return cmd_misused("down", "\"%s\" is too much", argv[at]);
	rc = operator_run(o.name, BP_COMMAND__WHAT__DOWN, NULL, 0);
	return rc ? rc : wait_gone(o.name);
}

/* Is text a number from lo to hi? */
static bool number(const char *text, unsigned long lo, unsigned long hi)
{
	char *end;
	unsigned long v;

	if (text[0] < '0' || text[0] > '9')
		return false;
	v = strtoul(text, &end, 10);
	return !*end && v >= lo && v <= hi;
}

static bool one_of(const char *word, const char *const *words)
{
	for (; *words; words++) {
		if (!strcmp(word, *words))
			return true;
	}
	return false;
}

/* pull, insert, set and clear: what becomes of cards, sensors, fans and feeds. */
static const char *hardware_wrong(int n, char **a)
{
	static const char *const states[] = {"ok", "failed", "removed", NULL}, *const feeds[] = {"a", "b",
	                                                                                         "1", "2",
	                                                                                         NULL};
	bool is_set = !strcmp(a[0], "set");

	if (!strcmp(a[0], "pull"))
		return n == 3 && !strcmp(a[1], "card") && number(a[2], 1, 20)
		               ? NULL
		               : "pull takes: card SLOT (1 to 20)";
	if (!strcmp(a[0], "insert"))
		return (n == 3 || n == 4) && !strcmp(a[1], "card") && number(a[2], 1, 20)
		               ? NULL
		               : "insert takes: card SLOT [TYPE]";
	if (!is_set && n == 2 && !strcmp(a[1], "sensors"))
		return NULL;
	if (!strcmp(a[1], "sensor"))
		return n == (is_set ? 5 : 4) && number(a[2], 0, 20)
		               ? NULL
		               : "sensor takes a slot, 0 to 20, a name and, to set, a value";
	if (n != (is_set ? 4 : 3) || (is_set && !one_of(a[3], states)))
		return "a fan or power feed is ok, failed or removed";
	if (!strcmp(a[1], "fan"))
		return number(a[2], 1, 4) ? NULL : "fan takes a tray, 1 to 4";
	if (!strcmp(a[1], "power"))
		return one_of(a[2], feeds) ? NULL : "power takes a feed, a or b";
	return "set and clear take a sensor, a fan or a power feed";
}

/* The arguments of fault, checked here so that a typing mistake is exit 2. NULL, or what is wrong. */
static const char *fault_wrong(int n, char **a)
{
	static const char *const deeds[] = {"kill", "hang", "resume", NULL},
	                         *const wires[] = {"cut", "heal", NULL},
	                         *const hardware[] = {"pull", "insert", "set", "clear", NULL};

	if (n >= 1 && fault_known(a[0]) && (n < 2 || strcmp(a[1], "link")))
		return fault_wrong_words(n, a);
	if (n < 2)
		return "what shall happen to what?";
	if (one_of(a[0], hardware))
		return hardware_wrong(n, a);
	if (one_of(a[0], wires))
		return n == 3 && !strcmp(a[1], "link") ? NULL : "cut and heal take: link LINK";
	if (!one_of(a[0], deeds))
		return "the fault is kill, hang, resume, pull, insert, set, clear, slow, memory, disk, cut, "
		       "heal, loss, "
		       "clock, undo or list";
	if (!strcmp(a[1], "chassis"))
		return n == 2 ? NULL : "chassis takes no argument";
	if (!strcmp(a[1], "card"))
		return n == 3 && number(a[2], 1, 20) ? NULL : "card takes a slot, 1 to 20";
	if (!strcmp(a[1], "task"))
		return n == 4 && number(a[3], 0, 4294967295UL)
		               ? NULL
		               : "task takes a facility and an instance number";
	return "the target is task, card or chassis";
}

/*
 * Cables belong to the lab that laid them: ask every running lab for this one ("5/10" is a port of the
 * chassis, else a link as the lab names it).
 */
static int fault_link(const char *chassis, char *verb, const char *link)
{
	char root[CMD_PATH_MAX], name[CMD_PATH_MAX], text[1024], *words[] = {"link", verb, name};
	struct dirent *e;
	bool done = false;
	DIR *d = paths_run_root(root) ? NULL : opendir(root);

	snprintf(name, sizeof(name), "%.40s%s%.80s", strchr(link, '/') && !strchr(link, ':') ? chassis : "",
	         strchr(link, '/') && !strchr(link, ':') ? ":" : "", link);
	while (d && !done && (e = readdir(d))) {
		int fd = strncmp(e->d_name, "lab-", 4) ? -1 : labctl_request(e->d_name + 4, words, 3, NULL);

		if (fd < 0)
			continue;
		done = labctl_answer(fd, 10000, text, sizeof(text)) > 0 && !strcmp(text, "ok");
		close(fd);
	}
	if (d)
		closedir(d);
	return done ? CMD_OK : cmd_fail("no running lab has a link %s", name);
}

int operate_fault_main(int argc, char **argv)
{
	struct options o;
	int at = parse(argc, argv, &o);
	const char *wrong;

	if (at < 0)
		return CMD_USAGE;
	wrong = fault_wrong(argc - at, argv + at);
	if (wrong)
		return cmd_misused("fault", "%s", wrong);
	if (argc - at > 1 && !strcmp(argv[at + 1], "link"))
		return fault_link(o.name, argv[at], argv[at + 2]);
	if (fault_known(argv[at]))
		return fault_order(o.name, argv + at, (unsigned)(argc - at), o.json);
	return operator_run(o.name, BP_COMMAND__WHAT__FAULT, argv + at, (unsigned)(argc - at));
}

int operate_port_main(int argc, char **argv)
{
	struct options o;
	char *args[2], *eq;
	int at = parse(argc, argv, &o);

	if (at < 0)
		return CMD_USAGE;
	eq = argc - at == 1 ? strchr(argv[at], '=') : NULL;
	if (!eq)
		return cmd_misused("port", "which device into which port?");
	*eq = '\0';
	args[0] = argv[at];
	args[1] = eq + 1;
	return operator_run(o.name, BP_COMMAND__WHAT__PORT, args, 2);
}
