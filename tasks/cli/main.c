/* SPDX-License-Identifier: MIT */
/*
 * cli: one operator's session, a task on the active MIO. Started by the card for `orrery cli` (and sshd) on
 * the operator's own descriptors 0, 1, 2; dies with its card like every task. Arguments: [--user U] [-c
 * COMMAND]... [-e].
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli_task.h"
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

/* What a user may who is configured in context local; who is not is whoever runs the chassis, and may all. */
static enum cli_priv privilege_of(const struct cfg_tree *t, const char *user)
{
	static const struct {
		const char *row;
		enum cli_priv priv;
	} kinds[] = {{"inspector", CLI_PRIV_INSPECTOR},
	             {"operator", CLI_PRIV_OPERATOR},
	             {"config-administrator", CLI_PRIV_ADMIN},
	             {"administrator", CLI_PRIV_SECURITY_ADMIN}};
	const struct cfg_node *local = cfg_child(t, t->root, "context", "local"), *c;

	for (size_t i = 0; local && i < sizeof(kinds) / sizeof(*kinds); i++)
		cfg_foreach(c, local,
		            kinds[i].row) if (cfg_key(c, 0) && !strcmp(cfg_key(c, 0), user)) return kinds[i]
		        .priv;
	return CLI_PRIV_SECURITY_ADMIN;
}

static void *session(void *arg)
{
	struct sh *s = arg;

	if (s->interactive || s->remote[0])
		sh_trap(s, "CLISessionStart");
	if (s->interactive)
		sh_interactive(s);
	else
		sh_script(s);
	if (s->interactive || s->remote[0])
		sh_trap(s, "CLISessionEnd");
	sh_end(s, s->failures && !s->interactive ? 1 : 0);
	return NULL;
}

static int activate(struct task *t, const char *reason)
{
	pthread_t thread;
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
	cli_session_init(&sh.s, cfgview_grammar(sh.view),
	                 privilege >= 0 ? (enum cli_priv)privilege
	                                : privilege_of(cfgview_tree(sh.view), sh.user));
	sh_values(&sh);
	sh_settings(&sh);
	sh.started_wall = clock_wall_us();
	sh.last_line = clock_now_us();
	secret_hooks(t->state_dir, &sh.s.hooks);
	sh.s.interactive = sh.interactive;
	rc = sh_calls_init(&sh);
	task_ready(t, 0);
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
