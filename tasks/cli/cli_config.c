/* SPDX-License-Identifier: MIT */
/*
 * Configuration as a whole: show configuration in its forms (text and JSON), configure URL, save
 * configuration, the boot priorities and reload. Lines typed one by one are cli_run.c's matter.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/url.h"
#include "cli_show.h"
#include "disk/disk.h"
#include "fetch/fetch.h"
#include "show/show.h"
#include "store/store.h"

#define ORDER_MS 20000
#define LOAD_MS  60000
#define FILE_MAX (64u << 20)
/* of another machine: one message to sct; what a session may hold in memory */
#define REMOTE_MAX      (7u << 19)
#define REMOTE_SHOW_MAX (16u << 20)

/* --- save, load, reload ------------------------------------------------------------------------------------
 */

/* On another machine: as this session sees it, which is what sct has stored. */
static int save_remote(struct sh *sh, const char *url)
{
	struct cli_out_buf buf;
	struct fetch_result r;
	int rc;

	cli_out_buf_init(&buf);
	rc = cfg_show(sh_tree(sh), NULL, &buf.out);
	if (rc == 0)
		rc = sh_put(sh, url, -1, buf.text ? buf.text : "", buf.len, &r) < 0 ? -1 : 0;
	else
		sh_fail(sh, "%s", strerror(-rc));
	cli_out_buf_free(&buf);
	return rc;
}

static int save_configuration(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	Envelope env = ENVELOPE__INIT;
	ConfigSave s = CONFIG_SAVE__INIT;
	struct stat st;

	(void)out;
	s.file = (char *)cli_cmd_str(cmd, "url");
	if (fetch_is_remote(s.file, 0))
		return save_remote(sh, s.file);
	if (disk_stat(sh->t->state_dir, s.file, &st) == 0 && !sh_sure(sh, cmd))
		return 0;
	env.body_case = ENVELOPE__BODY_CONFIG_SAVE;
	env.config_save = &s;
	return sh_order(sh, "sct/0", &env, ORDER_MS);
}

/* Each line that was refused, then their number. */
static int load_failures(struct sh *sh, const char *file, const ConfigReply *r)
{
	for (size_t i = 0; i < r->n_errors; i++) {
		const ConfigError *e = r->errors[i];

		if (e->line)
			sh_fail(sh, "%s line %u: %s", file, e->line,
			        strncmp(e->text, "Failure: ", 9) ? e->text : e->text + 9);
		else
			sh_fail(sh, "%s: %s", file, e->text);
	}
	return r->n_errors ? -1 : 0;
}

static int configure_url(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	Envelope env = ENVELOPE__INIT, *r;
	ConfigLoad l = CONFIG_LOAD__INIT;
	struct fetch_result file = {0};
	char shown[FETCH_URL_MAX];
	int status;

	(void)out;
	l.file = (char *)cli_cmd_str(cmd, "url");
	l.stop_on_error = sh->stop_on_error;
	l.user = sh->user;
	if (fetch_is_remote(l.file, 0)) {
		if (sh_fetch(sh, l.file, REMOTE_MAX, -1, &file) < 0)
			return -1;
		l.file = (char *)url_shown(l.file, shown, sizeof(shown));
		l.fetched = true;
		l.text = (ProtobufCBinaryData){file.len, (uint8_t *)file.data};
	}
	env.body_case = ENVELOPE__BODY_CONFIG_LOAD;
	env.config_load = &l;
	r = sh_call(sh, "sct/0", &env, LOAD_MS, &status);
	fetch_result_clear(&file);
	if (r && r->body_case == ENVELOPE__BODY_CONFIG_REPLY)
		status = load_failures(sh, l.file, r->config_reply);
	else
		status = sh_fail(sh, "%s",
		                 r && r->body_case == ENVELOPE__BODY_STATUS && r->status->text[0]
		                         ? r->status->text
		                         : "The configuration task does not answer; show configuration tells "
		                           "what it did");
	if (r)
		envelope__free_unpacked(r, NULL);
	return status;
}

static int reload(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	(void)cmd;
	(void)out;
	return sh_control(sh, "hatsystem/0", "reload", "");
}

/* --- show configuration ------------------------------------------------------------------------------------
 */

/* The path of what was asked for into buf; "" for everything. 0, or -1 with a failure told. */
static int wanted_path(struct sh *sh, const struct cli_cmd *cmd, char *buf, size_t size)
{
	const struct cfg_tree *t = sh_tree(sh);
	const char *card = cli_cmd_str(cmd, "card-slot"), *port = cli_cmd_str(cmd, "port-name");
	const struct cfg_node *n = NULL, *c;

	buf[0] = 0;
	if (card)
		n = cfg_child(t, t->root, "card", card);
	else if (cli_cmd_has(cmd, "bulkstats"))
		n = cfg_child(t, t->root, "bulkstats-mode", "");
	else if (port)
		cfg_foreach(c, t->root, "port-ethernet") n = !strcmp(cfg_key(c, 0), port) ? c : n;
	else if (cli_cmd_has(cmd, "srp"))
		cfg_foreach(c, t->root, "context") n =
		        n ? n : cfg_child(t, c, "service-redundancy-protocol", "");
	else
		return 0;
	if (!n || cfg_path(n, buf, size) < 0)
		return sh_fail(sh, "%s%s is not configured",
		               card                      ? "card "
		               : port                    ? "port ethernet "
		               : cli_cmd_has(cmd, "srp") ? "service-redundancy-protocol"
		                                         : "bulkstats mode",
		               card   ? card
		               : port ? port
		                      : "");
	return 0;
}

static int show_configuration(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	char path[CFG_PATH_MAX];
	struct cfg_show_opts o = {.verbose = cli_cmd_has(cmd, "verbose"),
	                          .brief = cli_cmd_has(cmd, "brief"),
	                          .context = cli_cmd_str(cmd, "context")};
	int rc = wanted_path(sh, cmd, path, sizeof(path));

	if (rc < 0)
		return rc;
	if (path[0])
		o.path = path;
	rc = cfg_show(sh_tree(sh), &o, out);
	if (rc == -ENOENT && o.context)
		return sh_fail(sh, "Context \"%.79s\" does not exist", o.context);
	return rc < 0 && rc != -EPIPE ? sh_fail(sh, "%s", strerror(-rc)) : 0;
}

/* {line, children[]} per node, in the order of show configuration. */
static json_t *block_json(const struct cfg_tree *t, const struct cfg_node *block, bool brief);

static json_t *node_json(const struct cfg_tree *t, const struct cfg_node *n, bool brief)
{
	char line[CFG_VALUE_MAX + CFG_PATH_MAX];
	json_t *j;

	if (cli_render_line(n->row, n->args, n->negated, line, sizeof(line)) < 0)
		return NULL;
	j = json_object();
	json_object_set_new(j, "line", json_string(line));
	if (n->row->enter && !n->negated)
		json_object_set_new(j, "lines", block_json(t, n, brief));
	explicit_bzero(line, sizeof(line));
	return j;
}

static json_t *block_json(const struct cfg_tree *t, const struct cfg_node *block, bool brief)
{
	const struct cli_mode *m = cfg_mode(t, block);
	json_t *list = json_array();

	for (unsigned i = 0; m && i < m->nrows; i++)
		for (const struct cfg_node *c = block->child; c; c = c->next)
			if (c->row == m->rows[i] && (c->row->enter || !brief))
				json_array_append_new(list, node_json(t, c, brief));
	return list;
}

static json_t *configuration_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	const struct cfg_tree *t = sh_tree(sh);
	const char *context = cli_cmd_str(cmd, "context");
	const struct cfg_node *n = context ? cfg_child_named(t, t->root, "context", context) : t->root;
	bool brief = cli_cmd_has(cmd, "brief");
	char path[CFG_PATH_MAX] = "";

	if (wanted_path(sh, cmd, path, sizeof(path)) < 0) {
		err[0] = 0; /* told */
		return NULL;
	}
	if (path[0])
		n = cfg_find(t, path);
	if (!n) {
		snprintf(err, size, "Failure: Context \"%.79s\" does not exist", context);
		return NULL;
	}
	return json_pack("{s:o}", "lines",
	                 n == t->root ? block_json(t, n, brief) : json_pack("[o]", node_json(t, n, brief)));
}

/* A file of the disk or of another machine. 0, or -1 with the failure told. */
static int read_file(struct sh *sh, const char *url, char **text, size_t *len)
{
	struct fetch_result r;
	int rc;

	if (fetch_is_remote(url, 0)) {
		if (sh_fetch(sh, url, REMOTE_SHOW_MAX, -1, &r) < 0)
			return -1;
		*text = r.data;
		*len = r.len;
		return 0;
	}
	rc = disk_read(sh->t->state_dir, url, FILE_MAX, text, len);
	return rc < 0 ? sh_fail(sh, "%s: %s", url, disk_error(rc)) : 0;
}

/* A configuration file, as it is. */
static int show_configuration_url(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	char *text;
	size_t len;
	int rc = read_file(sh, cli_cmd_str(cmd, "url"), &text, &len);

	if (rc < 0)
		return rc;
	rc = cli_out_write(out, text, len);
	if (!rc && len && text[len - 1] != '\n')
		cli_out_put(out, "\n");
	free(text);
	return 0;
}

static json_t *file_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	const char *url = cli_cmd_str(cmd, "url");
	char *text, *line, *save, shown[FETCH_URL_MAX];
	size_t len;
	json_t *lines;

	if (read_file(sh, url, &text, &len) < 0) {
		err[0] = 0; /* told */
		return NULL;
	}
	lines = json_array();
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		json_array_append_new(lines, show_text(line));
	free(text);
	return json_pack("{s:s, s:o}", "file", url_shown(url, shown, sizeof(shown)), "lines", lines);
}

/* --- checksum ----------------------------------------------------------------------------------------------
 */

static json_t *checksum_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return json_pack("{s:o}", "checksum",
	                 show_format("%016llx", (unsigned long long)cfg_checksum(sh_tree(sh))));
}

/* --- boot --------------------------------------------------------------------------------------------------
 */

static int by_priority(const void *p, const void *q)
{
	return (int)(render_num(*(json_t *const *)p, "priority") -
	             render_num(*(json_t *const *)q, "priority"));
}

/* Without boot priorities the chassis takes what it always has. */
static json_t *built_in_boot(void)
{
	return json_pack("{s:i, s:s, s:s, s:b}", "priority", 10, "image",
	                 "/flash/orrery-" ORRERY_VERSION ".bin.SPA", "config", "/flash/system.cfg",
	                 "built_in", 1);
}

static json_t *boot_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	const struct cfg_tree *t = sh_tree(sh);
	json_t *v[16] = {NULL}, *list = json_array(), *j;
	const struct cfg_node *c;
	size_t n = 0;
	char used[FETCH_URL_MAX + 16] = "";

	cfg_foreach(c, t->root, "boot-system")
	{
		if (n == sizeof(v) / sizeof(*v))
			break;
		v[n] = json_pack("{s:I, s:s}", "priority", (json_int_t)cfg_arg_int(c, "priority", 0), "image",
		                 cfg_arg(c, "image"));
		if (cfg_arg(c, "config"))
			json_object_set_new(v[n], "config", json_string(cfg_arg(c, "config")));
		n++;
	}
	qsort(v, n, sizeof(*v), by_priority);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, v[i]);
	if (!n)
		json_array_append_new(list, built_in_boot());
	j = json_pack("{s:o}", "entries", list);
	cfgview_meta(sh->view, "boot_config", used, sizeof(used));
	if (used[0])
		json_object_set_new(j, "booted",
		                    json_pack("{s:I, s:s, s:s}", "priority",
		                              (json_int_t)strtoll(used, NULL, 10), "config",
		                              strchr(used, ' ') ? strchr(used, ' ') + 1 : "", "image",
		                              "/flash/orrery-" ORRERY_VERSION ".bin.SPA"));
	return j;
}

const struct sh_command sh_config_commands[] = {
        {"save_configuration", save_configuration, NULL, NULL},
        {"configure_url", configure_url, NULL, NULL},
        {"reload", reload, NULL, NULL},
        {"show_configuration", show_configuration, configuration_collect, NULL},
        {"show_file", show_configuration_url, file_collect, NULL},
        {"show_configuration_url", show_configuration_url, file_collect, NULL},
        {"show_configuration_errors", cli_errors_show, cli_errors_collect, NULL},
        {"show_configuration_checksum", NULL, checksum_collect, render_checksum},
        {"show_boot", NULL, boot_collect, render_boot},
        {NULL, NULL, NULL, NULL},
};
