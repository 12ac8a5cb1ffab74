/* SPDX-License-Identifier: MIT */
/*
 * Tasks from near: cores and what they say, test commands with their password, the inner state of one
 * subscriber's session. Rows of cli/grammar/14-tasks.grm and 10-exec.grm.
 */
#include <stdlib.h>
#include <string.h>

#include "base/version.h"
#include "cli_show.h"
#include "secret/secret.h"
#include "session/session.h"
#include "show/show.h"
#include "task/crash.h"

#define ORDER_MS 10000

/* --- test commands
 * -------------------------------------------------------------------------------------------- */

/* Clear text of a secret that may be sealed; wiped by the caller. false: it cannot be opened. */
static bool open_secret(struct sh *sh, const char *text, char *out, size_t size)
{
	struct secret_key key;
	bool ok;

	if (!secret_is_sealed(text)) {
		snprintf(out, size, "%s", text);
		return true;
	}
	ok = !secret_key_load(sh->t->state_dir, &key) && !secret_unseal(&key, text, out, size);
	secret_key_wipe(&key);
	return ok;
}

static bool password_right(struct sh *sh, const char *given, const char *configured)
{
	char a[64] = "", b[64] = "";
	bool ok = open_secret(sh, given, a, sizeof(a)) && open_secret(sh, configured, b, sizeof(b)) && *b &&
	          !strcmp(a, b);

	explicit_bzero(a, sizeof(a));
	explicit_bzero(b, sizeof(b));
	return ok;
}

static int cli_test_commands(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	const struct cfg_tree *tree = sh_tree(sh);
	const struct cfg_node *n = cfg_child(tree, tree->root, "tech-support-test-commands", NULL);
	const char *want = n ? cfg_arg(n, "password") : NULL, *given = cli_cmd_str(cmd, "password");
	char typed[64] = "";
	bool ok;

	if (!cfg_on(tree, tree->root, "cli-hidden") || !want)
		return sh_fail(sh, "test commands need \"cli hidden\" and \"tech-support test-commands "
		                   "password\" in the configuration");
	if (!given && sh->interactive && sh_ask(sh, "Password:", typed, sizeof(typed)))
		given = typed;
	ok = given && password_right(sh, given, want);
	explicit_bzero(typed, sizeof(typed));
	if (!ok)
		return sh_fail(sh, "wrong password");
	sh->s.test_commands = true;
	cli_out_put(out, "Warning: Test commands enables internal testing and debugging commands\n"
	                 "         USE OF THIS MODE MAY CAUSE SIGNIFICANT SERVICE INTERRUPTION\n");
	sh_trap(sh, "TestModeEntered");
	return 0;
}

static int test_task(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	char dst[40], args[40];

	(void)out;
	snprintf(dst, sizeof(dst), "%s/%lld", cli_cmd_str(cmd, "facility"),
	         (long long)cli_cmd_int(cmd, "instance", 0));
	snprintf(args, sizeof(args), "%s %lld", cli_cmd_str(cmd, "what"),
	         (long long)cli_cmd_int(cmd, "percent", cli_cmd_int(cmd, "megabytes", 0)));
	return sh_control(sh, dst, "impair", args);
}

/* Kill tasks; core: they leave what they know first. */
static int task_end(struct sh *sh, const struct cli_cmd *cmd, bool core)
{
	Envelope env = ENVELOPE__INIT;
	TaskKill k = TASK_KILL__INIT;

	k.facility = (char *)cli_cmd_str(cmd, "facility");
	k.all = cli_cmd_has(cmd, "all");
	k.instance = (uint32_t)cli_cmd_int(cmd, "instance", 0);
	k.core = core;
	env.body_case = ENVELOPE__BODY_TASK_KILL;
	env.task_kill = &k;
	return sh_order(sh, "hatsystem/0", &env, ORDER_MS);
}

static int task_kill(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	(void)out;
	return task_end(sh, cmd, false);
}

static int task_core(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	(void)out;
	return task_end(sh, cmd, true);
}

/* --- crashes
 * -------------------------------------------------------------------------------------------------- */

/* The same task failing for the same reason, in the whole list. */
static json_t *similar(const json_t *crashes, const json_t *one)
{
	json_int_t n = 0, first = 0;
	const json_t *c;
	size_t i;

	json_array_foreach(crashes, i, c)
	{
		if (strcmp(render_str(c, "facility"), render_str(one, "facility")) ||
		    strcmp(render_str(c, "reason"), render_str(one, "reason")))
			continue;
		if (!n++)
			first = render_num(c, "wall_us");
	}
	return json_pack("{s:I, s:I}", "count", n, "first_wall_us", first);
}

static json_t *crash_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	size_t n = (size_t)cli_cmd_int(cmd, "number", 1);
	json_t *list = sh_crash_collect(sh, cmd, err, size), *crashes, *one;
	char *text;

	if (!list)
		return NULL;
	crashes = json_object_get(list, "crashes");
	one = json_array_get(crashes, n - 1);
	if (!one) {
		snprintf(err, size, "Failure: there is no crash %zu: the list has %zu", n,
		         json_array_size(crashes));
		json_decref(list);
		return NULL;
	}
	one = json_deep_copy(one);
	text = crash_read(sh->t->state_dir, render_str(one, "core"));
	json_object_set_new(one, "number", json_integer((json_int_t)n));
	json_object_set_new(one, "similar", similar(crashes, one));
	if (text)
		json_object_set_new(one, "text", json_string(text) ? json_string(text) : show_text(text));
	free(text);
	json_decref(list);
	return one;
}

/* --- subscribers debug-info
 * ----------------------------------------------------------------------------------- */

/* Digits before the realm of an identity are an IMSI. */
static bool is_msid(const char *username, const char *msid)
{
	size_t n = strspn(username, "0123456789");

	return n && (!username[n] || username[n] == '@') && n == strlen(msid) && !strncmp(username, msid, n);
}

/* Call ids of a sessmgr's calls that are asked for, into ids. */
static void find_calls(struct sh *sh, uint32_t instance, const struct cli_cmd *cmd, json_t *ids)
{
	const char *user = cli_cmd_str(cmd, "username"), *msid = cli_cmd_str(cmd, "msid");
	char dst[40], why[200];
	json_t *j, *c;
	size_t i;

	snprintf(dst, sizeof(dst), "sessmgr/%u", instance);
	j = sh_show(sh, dst, "calls", "", why, sizeof(why));
	json_array_foreach(json_object_get(j, "calls"), i, c)
	{
		const char *name = render_str(c, "username");

		if ((user && !strcmp(name, user)) || (msid && is_msid(name, msid)))
			json_array_append(ids, json_object_get(c, "callid"));
	}
	json_decref(j);
}

static json_t *calls_wanted(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	const char *id = cli_cmd_str(cmd, "callid");
	json_t *ids = json_array(), *list, *m;
	size_t i;

	if (id) {
		json_array_append_new(ids, json_string(id));
		return ids;
	}
	list = sh_show(sh, "sessctrl/0", "sessmgrs", "", err, size);
	json_array_foreach(json_object_get(list, "sessmgrs"), i, m)
	        find_calls(sh, (uint32_t)render_num(m, "instance"), cmd, ids);
	if (!list || !json_array_size(ids)) {
		if (list)
			snprintf(err, size, "Failure: no subscriber matches the specified criteria");
		json_decref(ids);
		ids = NULL;
	}
	json_decref(list);
	return ids;
}

static json_t *debug_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *ids = calls_wanted(sh, cmd, err, size), *calls = json_array(), *id, *c;
	char dst[40], why[256] = "";
	uint32_t callid;
	size_t i;

	json_array_foreach(ids, i, id)
	{
		if (session_callid_parse(json_string_value(id), &callid))
			continue;
		snprintf(dst, sizeof(dst), "sessmgr/%u", session_callid_instance(callid));
		c = sh_show(sh, dst, "call", json_string_value(id), why, sizeof(why));
		if (c)
			json_array_append_new(calls, c);
	}
	if (ids && !json_array_size(calls))
		snprintf(err, size, "Failure: no subscriber matches the specified criteria");
	json_decref(ids);
	if (json_array_size(calls))
		return json_pack("{s:o}", "calls", calls);
	json_decref(calls);
	return NULL;
}

const struct sh_command sh_task_commands[] = {
        {"cli_test_commands", cli_test_commands, NULL, NULL},
        {"test_task", test_task, NULL, NULL},
        {"task_kill", task_kill, NULL, NULL},
        {"task_core", task_core, NULL, NULL},
        {"show_crash_number", NULL, crash_collect, render_crash},
        {"show_subscribers_debug", NULL, debug_collect, render_subscribers_debug},
        {NULL, NULL, NULL, NULL},
};
