/* SPDX-License-Identifier: MIT */
/*
 * Who is logged in: each session is a task that can be asked who it serves (Show `session`) and told to end
 * (Control `end`); show administrators and clear administrator do so with all of them. Also the shows of this
 * session alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cfg/cfg_user.h"
#include "cli_show.h"
#include "show/show.h"

#define ORDER_MS 5000

/* --- asked by another session (in the loop's thread) -------------------------------------------------------
 */

static json_t *session_fill(struct task *t, struct show_page *page, char *err, size_t size)
{
	const struct sh *sh = t->data;

	return json_pack("{s:I, s:o, s:s, s:o, s:I, s:s, s:I, s:b, s:s}", "id", (json_int_t)t->instance,
	                 "name", show_text(sh->user), "privilege", cli_priv_title(sh->s.priv), "tty",
	                 show_text(sh->tty[0] ? sh->tty : "-"), "start_us", (json_int_t)sh->started_wall,
	                 "remote", sh->remote, "idle_s",
	                 (json_int_t)((clock_now_us() - sh->last_line) / US_PER_SEC), "interactive",
	                 sh->interactive, "context", sh->s.context);
}

void sh_show_request(struct task *t, const struct bus_msg *m)
{
	static const struct show_row rows[] = {{"session", "who is served", session_fill}};

	show_dispatch(t, m, rows, sizeof(rows) / sizeof(*rows));
}

void sh_control_request(struct task *t, const struct bus_msg *m)
{
	struct sh *sh = t->data;

	if (strcmp(m->env->control->what, "end") != 0) {
		task_reply_status(t, m, -EOPNOTSUPP, "Failure: unknown order %.40s", m->env->control->what);
		return;
	}
	task_reply_status(t, m, 0, "%s", "");
	sh_kick(sh, m->env->control->args);
}

/* --- the start of a session --------------------------------------------------------------------------------
 */

void sh_settings(struct sh *sh)
{
	const struct cfg_tree *t = sh_tree(sh);

	sh->s.timestamps = cfg_on(t, t->root, "timestamps");
	sh->s.autoconfirm = cfg_on(t, t->root, "autoconfirm");
	sh->s.show_hidden = cfg_on(t, t->root, "cli-hidden");
}

/* A password that is at its end. */
static void password_banner(struct sh *sh)
{
	struct cfg_user u;
	int64_t days;

	if (!cfg_user_find(sh_tree(sh), sh->user, &u))
		return;
	switch (cfg_user_password_age(&u, (int64_t)(clock_wall_us() / US_PER_SEC), &days)) {
	case CFG_PASSWORD_OLD:
		cli_out_printf(&sh->sink, "Warning: Your password expires in %lld day(s)\n", (long long)days);
		break;
	case CFG_PASSWORD_EXPIRED:
		cli_out_printf(
		        &sh->sink,
		        "Warning: Your password has expired; it has to be changed within %lld day(s)\n",
		        (long long)days);
		break;
	case CFG_PASSWORD_YOUNG:
	case CFG_PASSWORD_OVER: /* by a key, or on the console */
		break;
	}
}

void sh_banner(struct sh *sh)
{
	const char *text = cfg_get(sh_tree(sh), sh_tree(sh)->root, "banner-motd", "text");

	if (text && *text)
		cli_out_printf(&sh->sink, "%s\n", text);
	password_banner(sh);
}

/* --- show administrators -----------------------------------------------------------------------------------
 */

/* All sessions of the active management card, this one included. */
static json_t *sessions(struct sh *sh, char *err, size_t size)
{
	json_t *list = json_array(), *card, *task, *one;
	char dst[40], why[256];
	size_t i;

	snprintf(dst, sizeof(dst), "card/%u", sh->t->card);
	card = sh_show(sh, dst, "card", "", err, size);
	json_array_foreach(json_object_get(card, "tasks"), i, task)
	{
		if (strcmp(render_str(task, "facility"), "cli") != 0)
			continue;
		snprintf(dst, sizeof(dst), "cli/%lld", render_num(task, "instance"));
		one = sh_show(sh, dst, "session", "", why, sizeof(why));
		if (one) /* else it has just ended */
			json_array_append_new(list, one);
	}
	json_decref(card);
	if (card)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *administrators_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *list = sessions(sh, err, size);

	return list ? json_pack("{s:o}", "sessions", list) : NULL;
}

static int clear_administrator(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	const char *name = cli_cmd_str(cmd, "name");
	long long id = cli_cmd_int(cmd, "id", -1);
	char err[256], dst[40];
	json_t *list = sessions(sh, err, sizeof(err)), *one;
	bool found = false;
	size_t i;
	int rc = 0;

	(void)out;
	if (!list)
		return sh_fail(sh, "%s", err);
	json_array_foreach(list, i, one)
	{
		long long n = render_num(one, "id");

		if (name ? strcmp(render_str(one, "name"), name) || n == sh->t->instance : n != id)
			continue;
		found = true;
		snprintf(dst, sizeof(dst), "cli/%lld", n);
		if (sh_control(sh, dst, "end", sh->user) < 0)
			rc = -1;
	}
	json_decref(list);
	if (!found && name)
		return sh_fail(sh, "%.64s has no other session", name);
	return found ? rc : sh_fail(sh, "There is no session with id %lld", id);
}

/* --- this session ------------------------------------------------------------------------------------------
 */

static int show_clock(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	char text[CLOCK_TEXT_MAX];

	(void)cmd;
	if (!sh->s.timestamps) /* else the line above says it */
		cli_out_printf(out, "%s\n",
		               clock_format_exec(text, sizeof(text), clock_wall_us(), CLOCK_UTC));
	return 0;
}

static json_t *clock_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	uint64_t now = clock_wall_us();
	char text[CLOCK_TEXT_MAX];

	return json_pack("{s:s, s:I}", "clock", clock_format_exec(text, sizeof(text), now, CLOCK_UTC),
	                 "wall_us", (json_int_t)now);
}

static json_t *history_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < sh->n_history; i++)
		json_array_append_new(list, json_pack("{s:I, s:o}", "number",
		                                      (json_int_t)(sh->history_dropped + i + 1), "line",
		                                      show_text(sh->history[i])));
	return json_pack("{s:o}", "lines", list);
}

static json_t *terminal_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return json_pack("{s:I, s:I, s:b, s:b}", "length", (json_int_t)sh->s.length, "width",
	                 (json_int_t)sh->s.width, "timestamps", sh->s.timestamps, "autoconfirm",
	                 sh->s.autoconfirm);
}

static int help(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	(void)sh;
	(void)cmd;
	cli_out_put(out, "Type ? at any point of a line to see what may follow, TAB to complete a word.\n"
	                 "Words may be abbreviated as long as they are unambiguous.\n"
	                 "Append | grep [-i] [-v] [-E] \"pattern\", | more or | json to a show command.\n"
	                 "Ctrl-C forgets the line or ends the output, Ctrl-Z leaves configuration mode.\n");
	return 0;
}

const struct sh_command sh_who_commands[] = {
        {"show_administrators", NULL, administrators_collect, render_administrators},
        {"clear_administrator", clear_administrator, NULL, NULL},
        {"show_clock", show_clock, clock_collect, NULL},
        {"show_history", NULL, history_collect, render_history},
        {"show_terminal", NULL, terminal_collect, render_terminal},
        {"help", help, NULL, NULL},
        {NULL, NULL, NULL, NULL},
};
