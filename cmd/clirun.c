/* SPDX-License-Identifier: MIT */
/*
 * `orrery cli`: has the active MIO run a cli task on this process's own terminal or pipes, passes signals on
 * to it and ends with its status.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli/engine/cli.h"
#include "cmd/cmd.h"
#include "cmd/operator.h"

#define CLIRUN_ARGS_MAX 256

struct clirun {
	const char *name, *user, *file;
	char *args[CLIRUN_ARGS_MAX];
	unsigned nargs;
	char term[160], columns[32], lines[32], userenv[160];
};

static volatile sig_atomic_t cli_pid;

static void pass_on(int sig)
{
	int saved = errno;

	if (cli_pid > 0)
		kill((pid_t)cli_pid, sig);
	errno = saved;
}

static int parse(int argc, char **argv, struct clirun *r)
{
	static const struct option longopts[] = {{"name", required_argument, NULL, 'n'},
	                                         {"user", required_argument, NULL, 'u'},
	                                         {"command", required_argument, NULL, 'c'},
	                                         {"privilege", required_argument, NULL, 'p'},
	                                         {NULL, 0, NULL, 0}};
	int c;

	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, "c:e", longopts, NULL)) != -1) {
		if (r->nargs + 4 > CLIRUN_ARGS_MAX)
			return cmd_misused("cli", "too many arguments; put the commands into a file");
		if (c == 'n') {
			r->name = optarg;
		} else if (c == 'u') {
			r->user = optarg;
		} else if (c == 'c') {
			r->args[r->nargs++] = "-c";
			r->args[r->nargs++] = optarg;
		} else if (c == 'p') {
			if (cli_priv_parse(optarg) < 0)
				return cmd_misused("cli",
				                   "\"%s\" is not inspector, operator, administrator or "
				                   "security-administrator",
				                   optarg);
			r->args[r->nargs++] = "--privilege";
			r->args[r->nargs++] = optarg;
		} else if (c == 'e') {
			r->args[r->nargs++] = "-e";
		} else {
			return cmd_misused("cli", "%s is not an option of it, or its value is missing",
			                   argv[optind - 1]);
		}
	}
	if (optind + 1 < argc)
		return cmd_misused("cli", "\"%s\" is too much", argv[optind + 1]);
	if (optind < argc)
		r->file = argv[optind];
	if (!paths_name_ok(r->name))
		return cmd_misused("cli", "\"%s\" is not a chassis name", r->name);
	return CMD_OK;
}

static unsigned environment(struct clirun *r, char **env)
{
	const char *term = getenv("TERM");
	struct passwd *pw = getpwuid(getuid());
	struct winsize ws;
	unsigned n = 0;

	snprintf(r->term, sizeof(r->term), "TERM=%s", term ? term : "dumb");
	env[n++] = r->term;
	snprintf(r->userenv, sizeof(r->userenv), "USER=%s", r->user ? r->user : pw ? pw->pw_name : "admin");
	env[n++] = r->userenv;
	if (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) && ws.ws_col) {
		snprintf(r->columns, sizeof(r->columns), "COLUMNS=%u", ws.ws_col);
		env[n++] = r->columns;
		snprintf(r->lines, sizeof(r->lines), "LINES=%u", ws.ws_row);
		env[n++] = r->lines;
	}
	return n;
}

static void catch_signals(void)
{
	static const int sigs[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGQUIT};
	struct sigaction sa = {.sa_handler = pass_on};

	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		sigaction(sigs[i], &sa, NULL);
}

/* Until the cli task ended; its exit status. */
static int attend(int fd, const char *name)
{
	for (;;) {
		BpMessage *m;
		BpCommandReply *r;
		int status, got = operator_recv(fd, -1, &m);

		if (got == -EINTR)
			continue;
		if (got == 0)
			return cmd_fail("chassis %s went down", name);
		if (got < 0)
			return cmd_fail("chassis %s: %s", name, strerror(-got));
		r = m->command_reply;
		if (r->pid > 0)
			cli_pid = r->pid;
		if (r->more) {
			operator_free(m);
			continue;
		}
		status = r->code == 0 ? CMD_OK : r->code == 2 ? CMD_USAGE : CMD_NO;
		if (r->text[0] && status)
			cmd_fail("%s", r->text);
		else if (r->code < 0 || r->code > 2)
			cmd_fail("the CLI of chassis %s ended without order (status %d)", name, r->code);
		operator_free(m);
		return status;
	}
}

int clirun_main(int argc, char **argv)
{
	struct clirun r = {.name = CMD_NAME_DEFAULT};
	struct termios saved;
	char *env[8];
	int fds[3] = {0, 1, 2}, fd, rc = parse(argc, argv, &r);
	bool tty = isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &saved);

	if (rc)
		return rc;
	if (r.file) {
		fds[0] = open(r.file, O_RDONLY | O_CLOEXEC);
		if (fds[0] < 0)
			return cmd_fail("%s: %s", r.file, strerror(errno));
	}
	fd = operator_open_name(r.name);
	if (fd < 0)
		return CMD_NO;
	if (r.user) {
		r.args[r.nargs++] = "--user";
		r.args[r.nargs++] = (char *)r.user;
	}
	catch_signals();
	rc = operator_send(fd, BP_COMMAND__WHAT__CLI, r.args, r.nargs, env, environment(&r, env), fds, 3);
	rc = rc ? cmd_fail("chassis %s: %s", r.name, strerror(-rc)) : attend(fd, r.name);
	close(fd);
	if (tty)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	return rc;
}
