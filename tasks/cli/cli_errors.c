/* SPDX-License-Identifier: MIT */
/*
 * What is wrong or missing in the configuration, said to the operator: show configuration errors, and
 * warnings when a block is left. What is looked for is lib/cfg's: references, the rules across settings,
 * settings that do not act yet.
 */
#include <string.h>

#include "base/url.h"
#include "certs/certs.h"
#include "cli_task.h"
#include "fetch/fetch.h"
#include "render/render.h"
#include "place/place_cfg.h"
#include "show/show.h"

struct count {
	struct cli_out *out;
	unsigned errors, warnings;
};

static void section(struct cli_out *out, const char *title)
{
	cli_out_printf(out,
	               "################################################################################\n"
	               "#                     Displaying %s\n"
	               "################################################################################\n",
	               title);
}

static void one_reference(void *arg, const struct cfg_node *n, const char *text)
{
	struct count *c = arg;

	(void)n;
	c->errors++;
	cli_out_printf(c->out, "Error : %s\n", text);
}

static void one_error(void *arg, const struct cfg_node *n, bool warning, const char *text)
{
	if (!warning)
		one_reference(arg, n, text);
}

static void one_warning(void *arg, const struct cfg_node *n, bool warning, const char *text)
{
	struct count *c = arg;

	(void)n;
	if (!warning)
		return;
	c->warnings++;
	cli_out_printf(c->out, "Warning %%:  %s\n", text);
}

static void one_later(void *arg, const struct cfg_node *n, const char *text)
{
	struct count *c = arg;

	(void)n;
	cli_out_printf(c->out, "Orrery: %s\n", text);
}

/* --- what counts from the next boot on --- */

struct waiting {
	void (*each)(void *arg, const struct cfg_node *n, bool warning, const char *text);
	void *arg;
};

static void one_waiting(void *arg, const char *line, bool set)
{
	struct waiting *w = arg;
	char text[200];

	snprintf(text, sizeof(text),
	         set ? "%s takes effect at the next boot: save the configuration and reload"
	             : "%s stays in force until the next boot: save the configuration and reload",
	         line);
	w->each(w->arg, NULL, true, text);
}

struct certs {
	struct sh *sh;
	void (*each)(void *arg, const struct cfg_node *n, bool warning, const char *text);
	void *arg;
};

static void one_cert(void *arg, const struct cfg_node *n)
{
	const struct certs *c = arg;
	char text[FETCH_URL_MAX + CFG_PATH_MAX + 200], why[FETCH_URL_MAX + 160], path[CFG_PATH_MAX];

	if (!certs_check_node(c->sh->t->state_dir, &c->sh->s.hooks, sh_tree(c->sh), n, why, sizeof(why)))
		return;
	cfg_path(n, path, sizeof(path));
	if (n->row->nkey)
		snprintf(text, sizeof(text), "%s name %s: %s", n->row->id, cfg_key(n, 0), why);
	else
		snprintf(text, sizeof(text), "%s: %s", path, why);
	c->each(c->arg, n, true, text);
}

/* Certificates that have not been read yet, or can not be used. */
static void bad_certs(struct sh *sh,
                      void (*each)(void *arg, const struct cfg_node *n, bool warning, const char *text),
                      void *arg)
{
	struct certs c = {sh, each, arg};

	certs_each(sh_tree(sh), one_cert, &c);
}

/* Crypto maps that keep their manager until they are removed and added. Who knows may be away: then nothing
 * is said. */
static void maps_waiting(struct sh *sh,
                         void (*each)(void *arg, const struct cfg_node *n, bool warning, const char *text),
                         void *arg)
{
	char text[400];
	json_t *j = sh_show(sh, "ipsecctrl/0", "waiting", "", text, sizeof(text)), *m;
	size_t i;

	json_array_foreach(json_object_get(j, "maps"), i, m)
	{
		snprintf(text, sizeof(text),
		         "crypto map %s of context %s: %sipsec-on-demux takes effect when the map is taken "
		         "from its "
		         "interface and put back; ipsecmgr %lld serves it until then",
		         render_str(m, "map"), render_str(m, "context"), render_flag(m, "demux") ? "" : "no ",
		         render_num(m, "manager"));
		each(arg, NULL, true, text);
	}
	json_decref(j);
}

/* Calls each() with a warning for every setting that the running chassis was not booted with. */
static void waiting(struct sh *sh,
                    void (*each)(void *arg, const struct cfg_node *n, bool warning, const char *text),
                    void *arg)
{
	struct waiting w = {each, arg};
	struct place_require configured, in_force;

	bad_certs(sh, each, arg);
	place_cfg_require(sh_tree(sh), &configured);
	if (place_require_at_boot(sh->t->state_dir, sh->t->boot_id, &in_force))
		place_require_waiting(&in_force, &configured, one_waiting, &w);
}

int cli_errors_show(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	const struct cfg_tree *t = sh_tree(sh);
	struct count refs = {.out = out}, rules = {.out = out};

	(void)cmd;
	section(out, "reference errors");
	cfg_check_refs(t, one_reference, &refs);
	cli_out_printf(out, "Total %u error(s) in this section !\n\n", refs.errors);
	section(out, "configuration errors across settings");
	cfg_check_rules(t, one_error, &rules);
	cli_out_printf(out, "Total %u error(s) in this section !\n\n", rules.errors);
	cfg_check_rules(t, one_warning, &rules);
	waiting(sh, one_warning, &rules);
	maps_waiting(sh, one_warning, &rules);
	cli_out_printf(out, "Total %u warning(s) in this section!\n", rules.warnings);
	if (!cfg_check_later(t, NULL, NULL))
		return 0;
	cli_out_put(out, "\nOrrery: these lines are kept and shown, but nothing acts on them yet; they are "
	                 "no errors.\n");
	cli_out_printf(out, "Orrery: %d line(s) stored only\n", cfg_check_later(t, one_later, &rules));
	return 0;
}

static void append_text(void *arg, const struct cfg_node *n, const char *text)
{
	(void)n;
	json_array_append_new(arg, show_text(text));
}

static void append_rule(void *arg, const struct cfg_node *n, bool warning, const char *text)
{
	json_t **lists = arg;

	append_text(lists[warning], n, text);
}

json_t *cli_errors_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *lists[] = {json_array(), json_array()}, *later = json_array();

	(void)cmd, (void)err, (void)size;
	cfg_check_refs(sh_tree(sh), append_text, lists[0]);
	cfg_check_rules(sh_tree(sh), append_rule, lists);
	waiting(sh, append_rule, lists);
	maps_waiting(sh, append_rule, lists);
	cfg_check_later(sh_tree(sh), append_text, later);
	return json_pack("{s:o, s:o, s:o}", "errors", lists[0], "warnings", lists[1], "stored_only", later);
}

static void say(void *arg, const struct cfg_node *n, bool warning, const char *text)
{
	(void)n, (void)warning;
	cli_out_printf(arg, "Warning: %s\n", text);
}

void cli_errors_leave(struct sh *sh, const struct cli_result *res)
{
	const char *handler = res->row && res->row->handler ? res->row->handler : "";
	bool all = !strcmp(handler, "@end");

	if (!sh->interactive || !sh->s.depth || (!all && strcmp(handler, "@exit")))
		return;
	for (unsigned i = sh->s.depth; i > (all ? 0 : sh->s.depth - 1); i--) {
		const char *path = sh->s.stack[i - 1].path;
		const struct cfg_node *n = path && *path ? cfg_find(sh_tree(sh), path) : NULL;

		if (n)
			cfg_check_block(sh_tree(sh), n, say, &sh->sink);
	}
	if (sh->boot_edited && (all || sh->s.depth == 1)) {
		waiting(sh, say, &sh->sink);
		sh->boot_edited = false;
	}
}
