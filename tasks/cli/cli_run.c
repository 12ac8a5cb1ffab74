/* SPDX-License-Identifier: MIT */
/*
 * One line of the operator: parsed by the engine, then a question, an Exec handler behind its pipes, or an
 * edit for sct. In scripts, edits are collected and sent together, so that a long file does not wait for each
 * line.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli_task.h"
#include "store/store.h"

#define EDIT_MS 20000

int sh_fail(struct sh *sh, const char *fmt, ...)
{
	char text[1200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cli_out_printf(&sh->sink, "%s%s", strncmp(text, "Failure: ", 9) ? "Failure: " : "", text);
	if (!text[0] || text[strlen(text) - 1] != '\n')
		cli_out_put(&sh->sink, "\n");
	sh->failed_now = true;
	return -1;
}

struct cfg_tree *sh_tree(struct sh *sh)
{
	return cfgview_tree(sh->view);
}

struct store_reader *sh_state(struct sh *sh)
{
	if (!sh->state)
		sh->state = store_open_reader(sh->t->state_dir, STORE_STATE);
	return sh->state;
}

const struct sh_command *sh_command_find(const char *handler)
{
	static const struct sh_command *const tables[] = {
	        sh_exec_commands,    sh_chassis_commands, sh_hw_commands,         sh_crypto_commands,
	        sh_radius_commands,  sh_access_commands,  sh_system_commands,     sh_config_commands,
	        sh_file_commands,    sh_who_commands,     sh_settings_commands,   sh_task_commands,
	        sh_ssh_commands,     sh_pki_commands,     sh_subscriber_commands, sh_clear_commands,
	        sh_logging_commands, sh_network_commands, sh_cpu_commands,        sh_history_commands,
	        sh_support_commands};

	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		for (const struct sh_command *c = tables[i]; c->handler; c++)
			if (!strcmp(c->handler, handler))
				return c;
	return NULL;
}

/* --- edits
 * -------------------------------------------------------------------------------------------------- */

static void report_errors(struct sh *sh, const ConfigReply *r)
{
	for (size_t i = 0; i < r->n_errors; i++) {
		const ConfigError *e = r->errors[i];

		if (!sh->interactive && e->line)
			cli_out_printf(&sh->sink, "line %u: ", e->line);
		sh_fail(sh, "%s", e->text);
		sh->failures++;
	}
}

int sh_flush(struct sh *sh)
{
	Envelope env = ENVELOPE__INIT, *r;
	ConfigEdits edits = CONFIG_EDITS__INIT;
	ConfigEdit rows[SH_BATCH_MAX], *ptrs[SH_BATCH_MAX];
	int status;

	if (!sh->n_batch)
		return 0;
	for (unsigned i = 0; i < sh->n_batch; i++) {
		config_edit__init(&rows[i]);
		rows[i].op = (ConfigEdit__Op)sh->batch[i]->op;
		rows[i].path = sh->batch[i]->path;
		rows[i].value = sh->batch[i]->value ? sh->batch[i]->value : (char *)"";
		rows[i].line = sh->batch_line[i];
		ptrs[i] = &rows[i];
	}
	edits.edits = ptrs;
	edits.n_edits = sh->n_batch;
	edits.user = sh->user;
	edits.stop_on_error = sh->stop_on_error;
	env.body_case = ENVELOPE__BODY_CONFIG_EDITS;
	env.config_edits = &edits;
	sh->failed_now = false;
	r = sh_call(sh, "sct/0", &env, EDIT_MS, &status);
	if (status == 0 && r && r->body_case == ENVELOPE__BODY_CONFIG_REPLY) {
		report_errors(sh, r->config_reply);
	} else {
		sh_fail(sh, "%s",
		        r && r->body_case == ENVELOPE__BODY_STATUS && r->status->text[0] ? r->status->text
		        : status == -ETIMEDOUT
		                ? "The configuration task does not answer; show configuration tells whether "
		                  "it was done"
		                : "The configuration task is not running at the moment; nothing was changed");
		sh->failures++;
	}
	if (r)
		envelope__free_unpacked(r, NULL);
	for (unsigned i = 0; i < sh->n_batch; i++)
		cfg_edit_free(sh->batch[i]);
	sh->n_batch = 0;
	cfgview_refresh(sh->view);
	return sh->failed_now ? -1 : 0;
}

static int edit(struct sh *sh, struct cli_result *res)
{
	struct cfg_edit *copy;

	if (sh_fetch_certs(sh, res) < 0)
		return -1;
	copy = cfg_edit_new(res->edit->op, res->edit->path, res->edit->value);
	if (!copy)
		return sh_fail(sh, "out of memory");
	sh->batch[sh->n_batch] = copy;
	sh->batch_line[sh->n_batch++] = sh->line;
	if (sh->interactive || sh->n_batch == SH_BATCH_MAX)
		return sh_flush(sh);
	return 0;
}

/* --- Exec commands
 * ------------------------------------------------------------------------------------------- */

static void print_json(const json_t *j, struct cli_out *out)
{
	char *text = json_dumps(j, JSON_INDENT(2) | JSON_PRESERVE_ORDER);

	if (text) {
		cli_out_put(out, text);
		cli_out_put(out, "\n");
	}
	free(text);
}

static int run_show(struct sh *sh, const struct sh_command *c, const struct cli_result *res,
                    struct cli_out *out)
{
	char err[512] = "Failure: nothing to show";
	json_t *j = c->collect(sh, &res->cmd, err, sizeof(err));

	if (!j)
		return err[0] ? sh_fail(sh, "%s", err) : -1;
	if (res->json)
		print_json(j, out);
	else
		c->render(j, &res->cmd, out);
	json_decref(j);
	return 0;
}

static int run_exec(struct sh *sh, const struct cli_result *res)
{
	const struct sh_command *c = res->cmd.handler ? sh_command_find(res->cmd.handler) : NULL;
	char err[256], date[CLOCK_TEXT_MAX];
	struct cli_out *out;
	int rc;

	if (res->cmd.row->missing)
		return sh_fail(sh, "This command is not available yet: %s", res->cmd.row->missing);
	if (!c)
		return sh_fail(sh, "This command is not available in this release");
	out = cli_pipe_open(res, &sh->sink, sh->interactive && sh->s.length ? sh_pager(sh) : NULL, err,
	                    sizeof(err));
	if (!out)
		return sh_fail(sh, "%s", err);
	if (sh->s.timestamps && !res->json && !strcmp(res->cmd.row->mode->name, "exec"))
		cli_out_printf(out, "%s\n",
		               clock_format_exec(date, sizeof(date), clock_wall_us(), CLOCK_UTC));
	rc = c->exec && !(res->json && c->collect) ? c->exec(sh, &res->cmd, out) : run_show(sh, c, res, out);
	cli_pipe_close(out, &sh->sink);
	return rc;
}

/* --- lines
 * ---------------------------------------------------------------------------------------------------- */

static bool yes(struct sh *sh)
{
	char answer[64];
	int a = -1;

	while (a < 0) {
		if (!sh_ask(sh, CLI_CONFIRM_TEXT, answer, sizeof(answer)))
			return false;
		a = cli_line_answer(answer);
	}
	return a == 1;
}

static bool confirmed(struct sh *sh, const struct cli_result *res)
{
	return !res->confirm || !sh->interactive || sh->s.autoconfirm || yes(sh);
}

bool sh_sure(struct sh *sh, const struct cli_cmd *cmd)
{
	return !sh->interactive || sh->s.autoconfirm || cli_cmd_has(cmd, "-noconfirm") || yes(sh);
}

static void act(struct sh *sh, const char *line, struct cli_result *res)
{
	int rc = 0;

	switch (res->kind) {
	case CLI_ERROR:
		if (!sh->interactive && sh->line && !sh->n_commands)
			cli_out_printf(&sh->sink, "line %u: ", sh->line);
		cli_out_printf(&sh->sink, "%s\n", res->error);
		sh->failed_now = true;
		cli_skip_failed(&sh->skip, line);
		return;
	case CLI_EDIT:
		rc = edit(sh, res);
		sh->boot_edited |= rc == 0 && res->row->boot;
		break;
	case CLI_EXEC:
		rc = sh_flush(sh);
		rc = run_exec(sh, res) < 0 ? -1 : rc;
		break;
	case CLI_LOGOUT:
		sh->logout = true;
		return;
	default:
		break;
	}
	if (res->kind == CLI_MOVE)
		cli_errors_leave(sh, res);
	if (rc == 0 || res->kind == CLI_MOVE)
		cli_line_done(&sh->s, res);
}

static void host_name(struct sh *sh)
{
	const char *host = cfg_get(sh_tree(sh), sh_tree(sh)->root, "system-hostname", "hostname");

	snprintf(sh->s.host, sizeof(sh->s.host), "%s", host ? host : sh->t->chassis);
	sh->s.tree = sh_tree(sh);
}

/* `?` at the end of a -c command, as if it had been typed. */
static bool asks_for_help(const char *line)
{
	size_t n = strlen(line);
	bool quote = false;

	for (const char *p = line; *p; p++)
		quote ^= *p == '"';
	return n && line[n - 1] == '?' && !quote;
}

static void help_for(struct sh *sh, const char *line)
{
	char before[CLI_LINE_MAX];

	sh_flush(sh);
	host_name(sh);
	snprintf(before, sizeof(before), "%.*s", (int)strlen(line) - 1, line);
	cli_help_show(&sh->s, before, &sh->sink);
}

static bool whole_line(struct sh *sh, const char *line);

bool sh_line(struct sh *sh, const char *piece)
{
	unsigned at = sh->line;
	const char *line;
	bool on;

	if (!cli_join_open(&sh->join))
		sh->join_line = at;
	line = cli_join_line(&sh->join, piece);
	if (!line)
		return true;
	sh->line = sh->join_line;
	on = whole_line(sh, line);
	sh->line = at;
	return on;
}

static bool whole_line(struct sh *sh, const char *line)
{
	struct cli_result res;

	if (!sh->interactive && cli_skip_line(&sh->skip, line))
		return true;
	if (sh->n_commands && asks_for_help(line)) {
		help_for(sh, line);
		return true;
	}
	sh->failed_now = false;
	sh->last_line = clock_now_us();
	if (!sh->n_batch)
		cfgview_refresh(sh->view);
	host_name(sh);
	cli_line_parse(&sh->s, line, &res);
	if (res.kind == CLI_ERROR && sh->n_batch) {
		/* What it refers to may be among the edits that wait. */
		cli_line_clear(&res);
		sh_flush(sh);
		host_name(sh);
		cli_line_parse(&sh->s, line, &res);
	}
	if (res.kind != CLI_ERROR && !confirmed(sh, &res))
		res.kind = CLI_NOTHING;
	act(sh, line, &res);
	cli_line_clear(&res);
	if (sh->failed_now)
		sh->failures++;
	host_name(sh);
	return !sh->logout && !(sh->failures && sh->stop_on_error);
}
