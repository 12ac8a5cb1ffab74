/* SPDX-License-Identifier: MIT */
/* Exec commands that make the chassis do something: cards, tasks, redundancy, statistics, ping. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli_task.h"
#include "net/addr.h"
#include "vpn/vpn_context.h"

#define ORDER_MS        10000
#define LOAD_MS         60000
#define CONFIG_FILE_MAX (64l << 20)

/* --- control messages of the other tasks
 * -------------------------------------------------------------------- */

static int srp_order(struct sh *sh, SrpOrder__What what, bool force)
{
	Envelope env = ENVELOPE__INIT;
	SrpOrder o = SRP_ORDER__INIT;

	o.what = what;
	o.force = force;
	env.body_case = ENVELOPE__BODY_SRP_ORDER;
	env.srp_order = &o;
	return sh_order(sh, "srp/0", &env, ORDER_MS);
}

static int srp_initiate_switchover(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	(void)out;
	return srp_order(sh, SRP_ORDER__WHAT__SWITCHOVER, cli_cmd_has(cmd, "force"));
}

/* Would a switchover be done? */
static int srp_validate_switchover(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	(void)cmd;
	(void)out;
	return srp_order(sh, SRP_ORDER__WHAT__VALIDATE, false);
}

/* The two chassis compare checksums of what must be the same; as on StarOS, show srp info tells when, and
 * what was wrong. */
static int srp_validate_configuration(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	char err[256];
	json_t *j = sh_show(sh, "srp/0", "srp info", "", err, sizeof(err));
	const char *result = json_string_value(json_object_get(j, "peer_configuration_validation"));
	int rc = 0;

	(void)cmd;
	(void)out;
	if (!j)
		return sh_fail(sh, "%s", err);
	if (!json_is_true(json_object_get(j, "configured")))
		rc = sh_fail(sh, "Service redundancy protocol is not configured");
	else if (!result || !strcmp(result, "None"))
		rc = sh_fail(sh, "The peer chassis is not connected");
	else if (strcmp(result, "Complete") != 0)
		rc = sh_fail(sh,
		             "The configurations of the two chassis differ (templates, pools or services)");
	json_decref(j);
	return rc;
}

static int bulkstats_force(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	(void)out;
	return sh_control(sh, "bulkstat/0", "force", cli_cmd_str(cmd, "what"));
}

static int clear_bulkstats(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	(void)out;
	return sh_control(sh, "bulkstat/0", "clear", cli_cmd_str(cmd, "what"));
}

static bool has_tag(const struct cfg_tree *t, const struct cfg_node *ctx, const char *name)
{
	return cfg_child_named(t, ctx, "crypto-template", name) ||
	       cfg_child_named(t, ctx, "crypto-map", name) || cfg_child_named(t, ctx, "wsg-service", name);
}

/* The templates, maps and services that a name means: those of the session's context, where there is one of
 * that name; else of every context that has one. False: there is none. */
static bool tag_args(struct sh *sh, const char *name, char *args, size_t size)
{
	const struct cfg_tree *t = sh_tree(sh);
	const struct cfg_node *ctx;

	ctx = cfg_child(t, t->root, "context", sh->s.context);
	if (ctx && has_tag(t, ctx, name)) {
		snprintf(args, size, "of %s/%s", sh->s.context, name);
		return true;
	}
	snprintf(args, size, "tag %s", name);
	cfg_foreach(ctx, t->root, "context")
	{
		if (has_tag(t, ctx, name))
			return true;
	}
	return false;
}

/* Every ipsecmgr that runs is told to do something with the SAs that match. */
static int tell_managers(struct sh *sh, const struct cli_cmd *cmd, const char *what)
{
	char err[256], args[300] = "all", dst[40];
	json_t *plan, *task;
	size_t i;
	int rc = 0;

	if (cli_cmd_has(cmd, "tag")) {
		if (!tag_args(sh, cli_cmd_str(cmd, "tag"), args, sizeof(args)))
			return sh_fail(sh, "no crypto template, crypto map or service %s is configured",
			               cli_cmd_str(cmd, "tag"));
	} else if (cli_cmd_has(cmd, "peer"))
		snprintf(args, sizeof(args), "peer %s", cli_cmd_str(cmd, "peer"));
	plan = sh_show(sh, "rmctrl/0", "placement", "", err, sizeof(err));
	if (!plan)
		return sh_fail(sh, "%s", err);
	json_array_foreach(json_object_get(plan, "tasks"), i, task)
	{
		if (strcmp(json_string_value(json_object_get(task, "facility")), "ipsecmgr") ||
		    json_is_true(json_object_get(task, "standby")))
			continue;
		snprintf(dst, sizeof(dst), "ipsecmgr/%d",
		         (int)json_integer_value(json_object_get(task, "instance")));
		if (sh_control(sh, dst, what, args) < 0)
			rc = -1;
	}
	json_decref(plan);
	return rc;
}

static int clear_crypto_sa(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	(void)out;
	return tell_managers(sh, cmd, "clear crypto security-association");
}

static int test_crypto(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	const char *what = cli_cmd_str(cmd, "what");

	(void)out;
	return tell_managers(sh, cmd, strcmp(what, "check") ? what : "dpd");
}

/* --- ping, traceroute
 * -----------------------------------------------------------------------------------------------------------
 */

/* The vpnmgr of the session's context lives in its namespace; what runs there are the system's own
 * programs. */
static int vpnmgr_pid(struct sh *sh, uint32_t ctx, char *err, size_t size)
{
	json_t *cards = sh_show(sh, "hatsystem/0", "cards", "", err, size), *task;
	char dst[40];
	size_t i;
	int pid = -1;

	if (!cards)
		return -1;
	snprintf(dst, sizeof(dst), "card/%d", (int)json_integer_value(json_object_get(cards, "demux")));
	json_decref(cards);
	cards = sh_show(sh, dst, "card", "", err, size);
	json_array_foreach(
	        json_object_get(cards, "tasks"), i,
	        task) if (!strcmp(json_string_value(json_object_get(task, "facility")), "vpnmgr") &&
	                  json_integer_value(json_object_get(task, "instance")) == ctx) pid =
	        (int)json_integer_value(json_object_get(task, "pid"));
	json_decref(cards);
	return pid;
}

#define WORDS 24

/* A command line for the system's program: its words, and room for the numbers among them. */
struct words {
	const char *v[WORDS];
	char text[WORDS][24];
	unsigned n;
};

static void word(struct words *w, const char *text)
{
	if (w->n < WORDS - 1)
		w->v[w->n++] = text;
}

/* An option with the number given in the command, when it was given or has a default (above 0). */
static void number(struct words *w, const char *option, const struct cli_cmd *cmd, const char *var,
                   int64_t missing)
{
	int64_t n = cli_cmd_int(cmd, var, missing);

	if (!n || w->n + 2 >= WORDS)
		return;
	snprintf(w->text[w->n], sizeof(w->text[0]), "%lld", (long long)n);
	word(w, option);
	w->v[w->n] = w->text[w->n - 1];
	w->n++;
}

static void option(struct words *w, const char *name, const char *value)
{
	if (!value)
		return;
	word(w, name);
	word(w, value);
}

/* It ends with this session, however that ends: it would hold the namespace of a chassis that is gone. */
static void run_inside(int pid, struct words *w, pid_t session)
{
	char ns[64];
	const char *argv[WORDS + 3] = {"nsenter", ns};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != session)
		_exit(1);
	snprintf(ns, sizeof(ns), "--net=/proc/%d/ns/net", pid);
	memcpy(argv + 2, w->v, w->n * sizeof(*w->v));
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

/* The program runs in the namespace of the session's context; Ctrl-C ends it. */
static int run_in_context(struct sh *sh, struct words *w, struct cli_out *out)
{
	uint32_t ctx = vpn_context_id(sh_tree(sh), sh->s.context);
	char err[256] = "Failure: the context has no vpnmgr at the moment", buf[512];
	int fds[2], pid = vpnmgr_pid(sh, ctx ? ctx : VPN_LOCAL, err, sizeof(err));
	pid_t child, session = getpid();
	ssize_t n;

	if (pid <= 0)
		return sh_fail(sh, "%s", err);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return sh_fail(sh, "%s", strerror(errno));
	child = fork();
	if (child == 0) {
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		run_inside(pid, w, session);
	}
	close(fds[1]);
	while (child > 0) {
		/* Ctrl-C is taken before the next text goes out: what ping says at its end must be seen */
		if (!sh_readable(fds[0]) && sh_take_interrupt()) {
			kill(child, SIGINT);
			continue;
		}
		n = read(fds[0], buf, sizeof(buf));
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
		if (n > 0 && cli_out_write(out, buf, (size_t)n) < 0)
			kill(child, SIGINT);
	}
	close(fds[0]);
	if (child > 0)
		waitpid(child, NULL, 0);
	return 0;
}

static int ping(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	struct words w = {.n = 0};

	word(&w, "ping");
	word(&w, "-n");
	number(&w, "-c", cmd, "count", 5);
	number(&w, "-s", cmd, "size", 56);
	option(&w, "-I", cli_cmd_str(cmd, "source"));
	word(&w, cli_cmd_str(cmd, "host"));
	return run_in_context(sh, &w, out);
}

static int trace(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	struct words w = {.n = 0};

	word(&w, "traceroute");
	word(&w, "-n");
	number(&w, "-q", cmd, "count", 3);
	number(&w, "-m", cmd, "hops", 30);
	number(&w, "-f", cmd, "minttl", 1);
	number(&w, "-w", cmd, "seconds", 5);
	number(&w, "-p", cmd, "port", 0);
	option(&w, "-s", cli_cmd_str(cmd, "source"));
	word(&w, cli_cmd_str(cmd, "host"));
	if (cli_cmd_has(cmd, "size"))
		word(&w, cli_cmd_str(cmd, "size"));
	return run_in_context(sh, &w, out);
}

const struct sh_command sh_exec_commands[] = {
        {"srp_initiate_switchover", srp_initiate_switchover, NULL, NULL},
        {"srp_validate_configuration", srp_validate_configuration, NULL, NULL},
        {"srp_validate_switchover", srp_validate_switchover, NULL, NULL},
        {"bulkstats_force", bulkstats_force, NULL, NULL},
        {"clear_bulkstats", clear_bulkstats, NULL, NULL},
        {"clear_crypto_sa", clear_crypto_sa, NULL, NULL},
        {"test_crypto", test_crypto, NULL, NULL},
        {"ping", ping, NULL, NULL},
        {"ping6", ping, NULL, NULL},
        {"traceroute", trace, NULL, NULL},
        {"traceroute6", trace, NULL, NULL},
        {NULL, NULL, NULL, NULL},
};
