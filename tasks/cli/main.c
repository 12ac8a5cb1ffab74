/* SPDX-License-Identifier: MIT */
/*
 * cli: one operator's session, a task on the active MIO. Started by the card for `orrery cli` (and sshd) on
 * the operator's own descriptors 0, 1, 2; dies with its card like every task. Arguments: [--user U] [-c
 * COMMAND]... [-e].
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli_task.h"
#include "cfg/cfg_user.h"
#include "secret/secret.h"

static struct sh sh;
static int privilege = -1; /* as told; else the user's own */

/* A pty of sshd has no shell around it: its signals (Ctrl-C, window size, hang-up) are for this process. */
static void own_terminal(void)
{
	if (setsid() >= 0)
		ioctl(0, TIOCSCTTY, 0);
}

static void arguments(int argc, char **argv)
{
	const char *user = getenv("USER");

	for (int i = 4; i < argc; i++) {
		if (!strcmp(argv[i], "--user") && i + 1 < argc)
			user = argv[++i];
		else if (!strcmp(argv[i], "-c") && i + 1 < argc && sh.n_commands < SH_COMMANDS_MAX)
			sh.commands[sh.n_commands++] = argv[++i];
		else if (!strcmp(argv[i], "--privilege") && i + 1 < argc)
			privilege = cli_priv_parse(argv[++i]);
		else if (!strcmp(argv[i], "--remote") && i + 1 < argc)
			snprintf(sh.remote, sizeof(sh.remote), "%s", argv[++i]);
		else if (!strcmp(argv[i], "--ctty"))
			own_terminal();
		else if (!strcmp(argv[i], "-e"))
			sh.stop_on_error = true;
	}
	snprintf(sh.user, sizeof(sh.user), "%s", user ? user : "admin");
	if (isatty(0) && ttyname_r(0, sh.tty, sizeof(sh.tty)) != 0)
		sh.tty[0] = 0;
	sh.interactive = isatty(0) && isatty(1) && !sh.n_commands;
}

/*
 * What a user may who is configured in context local; who is not is whoever runs the chassis, and may all.
 * false: may not log in.
 */
static bool log_in(struct sh *s, enum cli_priv *priv)
{
	struct cfg_user u;

	*priv = CLI_PRIV_SECURITY_ADMIN;
	if (!cfg_user_find(cfgview_tree(s->view), s->user, &u))
		return true;
	*priv = u.priv;
	s->idle_max = u.idle;
	s->absolute_max = u.absolute;
	if (u.expires && clock_wall_us() / US_PER_SEC >= (uint64_t)u.expires)
		dprintf(2, "Failure: User %s has expired\n", s->user);
	else if (u.noconsole && !s->remote[0])
		dprintf(2, "Failure: User %s may not log in on the console\n", s->user);
	else
		return true;
	return false;
}

static void *session(void *arg)
{
	struct sh *s = arg;

	if (s->interactive || s->remote[0])
		sh_trap(s, "CLISessionStart");
	if (s->interactive) {
		sh_interactive(s);
	} else {
		sh_signals(SIG_UNBLOCK);
		sh_script(s);
	}
	if (s->interactive || s->remote[0])
		sh_trap(s, "CLISessionEnd");
	sh_end(s, s->failures && !s->interactive ? 1 : 0);
	return NULL;
}

static int activate(struct task *t, const char *reason)
{
	pthread_t thread;
	enum cli_priv priv;
	char err[256] = "";
	int rc;

	(void)reason;
	sh.t = t;
	t->data = &sh;
	log_set_level(LOG_LEVEL_warning);
	sh.view = cfgview_open(t->state_dir, err, sizeof(err));
	if (!sh.view) {
		dprintf(2, "Failure: %s\n", err);
		return -1;
	}
	cfgview_refresh(sh.view);
	if (!log_in(&sh, &priv))
		return -1;
	cli_session_init(&sh.s, cfgview_grammar(sh.view), privilege >= 0 ? (enum cli_priv)privilege : priv);
	sh_values(&sh);
	sh_settings(&sh);
	sh.started_wall = clock_wall_us();
	sh.last_line = clock_now_us();
	secret_hooks(t->state_dir, &sh.s.hooks);
	sh.s.interactive = sh.interactive;
	sh_watch_time(&sh);
	rc = sh_calls_init(&sh);
	task_ready(t, 0);
	sh_signals(SIG_BLOCK);
	return rc ? rc : -pthread_create(&thread, NULL, session, &sh);
}

int main(int argc, char **argv)
{
	static const struct task_route routes[] = {
	        {ENVELOPE__BODY_SHOW, "cli", "another session asks who is served", sh_show_request},
	        {ENVELOPE__BODY_CONTROL, "cli", "another session ends this one", sh_control_request},
	};
	struct task_ops ops = {.facility = "cli",
	                       .routes = routes,
	                       .n_routes = sizeof(routes) / sizeof(*routes),
	                       .activate = activate};

	arguments(argc, argv);
	return task_main(argc, argv, &ops);
}
