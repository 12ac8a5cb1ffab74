/* SPDX-License-Identifier: MIT */
/*
 * The product's own command: one table of subcommands, help and version. Everything else is in the file each
 * row names. Exit status: 0 done and true, 1 a clear no with the reason on stderr, 2 wrong use.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/version.h"
#include "cmd/cmd.h"

struct subcommand {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *usage;
	const char *help;
};

static int help_main(int argc, char **argv);
static int version_main(int argc, char **argv);

static const struct subcommand subcommands[] = {
        {"up", up_main, "[--name N] [--profile P] [--config FILE] [--state DIR] [--port 5/10=DEV]...",
         "boot a chassis; returns when every card is up"},
        {"down", operate_down_main, "[--name N]", "power a chassis off"},
        {"ps", operate_ps_main, "[--name N] [--json]", "its processes: cards and tasks"},
        {"status", operate_status_main, "[--name N] [--json]", "is it up, and its cards"},
        {"cli", clirun_main, "[--name N] [--user U] [--privilege P] [-c COMMAND]... [-e] [FILE]",
         "the StarOS CLI, interactive or scripted (-e: stop at the first failure, exit 1)"},
        {"fault", operate_fault_main,
         "[--name N] kill|hang|resume {task FACILITY INSTANCE | card SLOT | chassis} | cut|heal {link LINK | "
         "cards "
         "SLOT SLOT} | slow {task F I | card SLOT} PERCENT | memory task F I MB | disk full | loss port "
         "SLOT/PORT "
         "PERCENT | clock SECONDS | undo {ID | WORDS | all} | list",
         "break something, as hardware and software break"},
        {"port", operate_port_main, "[--name N] SLOT/PORT=DEVICE",
         "plug a network device into a running chassis"},
        {"dial", dial_main, "[--name N] [--listen [ADDRESS:]PORT] [ADDRESS [PORT]]",
         "a TCP connection into context local: for ssh -o ProxyCommand, or for a port of this machine"},
        {"peers", peers_main, "[--name N] --count N ... (see orrery peers --help)",
         "simulated IKEv2 peers: call generator and load source"},
        {"drill", drillrun_main, "FILE... [--json F] [--junit F] [--keep]",
         "run drills: timeline, recovery times, what was lost, verdict"},
        {"lab", labctl_main,
         "up|down|status FILE | exec FILE HOST COMMAND... | boot FILE CHASSIS | cut|heal FILE LINK",
         "chassis, peers and servers of a lab in one file"},
        {"plan", plan_main, "CONFIG [--profile P] [--json]",
         "where every task would be placed, without booting"},
        {"doctor", doctor_main, "[--json]", "what this machine allows, and what to install"},
        {"doc", doc_main, "commands|counters|events|fsm", "the reference manuals, in markdown"},
        {"help", help_main, "[COMMAND]", "this text"},
        {"version", version_main, "", "what this build is"},
};

#define SUBCOMMANDS (sizeof(subcommands) / sizeof(subcommands[0]))

static const struct subcommand *find(const char *name)
{
	for (size_t i = 0; i < SUBCOMMANDS; i++) {
		if (!strcmp(subcommands[i].name, name))
			return &subcommands[i];
	}
	return NULL;
}

int cmd_fail(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("orrery: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return CMD_NO;
}

int cmd_misused(const char *name, const char *fmt, ...)
{
	const struct subcommand *c = find(name);
	va_list ap;

	fprintf(stderr, "orrery %s: ", name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nusage: orrery %s %s\n", name, c ? c->usage : "");
	return CMD_USAGE;
}

static void print_help(FILE *out)
{
	fputs("usage: orrery COMMAND ...\n\n", out);
	for (size_t i = 0; i < SUBCOMMANDS; i++) {
		if (subcommands[i].main)
			fprintf(out, "  %-8s %s\n           %s\n", subcommands[i].name, subcommands[i].usage,
			        subcommands[i].help);
	}
	fputs("\nExit status: 0 done and true, 1 a clear no (with the reason on stderr), 2 wrong use.\n"
	      "A chassis without --name is called " CMD_NAME_DEFAULT ".\n",
	      out);
}

static int help_main(int argc, char **argv)
{
	const struct subcommand *c;

	if (argc < 2) {
		print_help(stdout);
		return CMD_OK;
	}
	c = find(argv[1]);
	if (!c)
		return cmd_misused("help", "there is no command \"%s\"", argv[1]);
	printf("usage: orrery %s %s\n%s\n", c->name, c->usage, c->help);
	return CMD_OK;
}

static int version_main(int argc, char **argv)
{
	printf("orrery %s (%.12s)\n", version_number(), version_commit());
	return CMD_OK;
}

/* Who closed one of the three gets /dev/null there: else what is opened next would be taken for it, and a CLI
 * would read and write the connection to its chassis. */
static bool have_stdio(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int main(int argc, char **argv)
{
	const struct subcommand *c;

	if (!have_stdio())
		return CMD_NO;
	signal(SIGPIPE, SIG_IGN);
	paths_init();
	if (argc < 2) {
		print_help(stderr);
		return CMD_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help_main(1, argv);
	if (!strcmp(argv[1], "--version"))
		return version_main(1, argv);
	c = find(argv[1]);
	if (!c || !c->main) {
		fprintf(stderr, "orrery: there is no command \"%s\"; see orrery help\n", argv[1]);
		return CMD_USAGE;
	}
	if (argc > 2 && !strcmp(argv[2], "--help") && c->main != peers_main)
		return help_main(2, argv);
	return c->main(argc - 1, argv + 1);
}
