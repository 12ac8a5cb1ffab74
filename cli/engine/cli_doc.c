/* SPDX-License-Identifier: MIT */
/*
 * The command reference, written from the grammar: one section per mode, one entry per row with its form, its
 * variables with type, range and default, its `no` and `default` forms and its limits. Caller: `--doc
 * commands`.
 */
#include <stdio.h>
#include <string.h>
#include "cli/engine/cli_int.h"

/* Also finds the help of a variable in the compiled pattern. */
static const char *var_help(const struct cli_node *n, const char *name)
{
	if (n->kind == CLI_N_VAR && !strcmp(n->var->name, name))
		return n->help ? n->help : "";
	for (unsigned i = 0; i < n->nkid; i++) {
		const char *h = var_help(n->kid[i], name);

		if (h)
			return h;
	}
	return NULL;
}

static void doc_vars(const struct cli_row *row, struct cli_out *out)
{
	char kind[320];

	for (unsigned i = 0; i < row->nvars; i++) {
		const struct cli_var *v = row->vars[i];
		const char *h = var_help(row->tree, v->name);

		if (!i)
			cli_out_put(out, "\n| variable | type | default | meaning |\n|---|---|---|---|\n");
		if (v->type == CLI_ENUM) {
			cli_out_printf(out, "| `%s` | keyword of `%s` (see the end)", v->name, v->enm->name);
		} else {
			cli_type_describe(v, kind, sizeof(kind));
			cli_out_printf(out, "| `%s` | %s%s%s", v->name, kind, v->ref ? ", a " : "",
			               v->ref ? v->ref : "");
			if (v->ref)
				cli_out_put(out, v->must ? " that must exist" : "");
		}
		cli_out_printf(out, " | %s | %s |\n", v->dflt ? v->dflt : "", h ? h : "");
	}
}

static void doc_forms(const struct cli_row *row, struct cli_out *out)
{
	for (const struct cli_form *f = row->forms; f; f = f->next) {
		if (f == row->forms)
			continue;
		cli_out_put(out, f->kind == CLI_FORM_SET ? "- Also: `" : "- `");
		cli_pattern_print(f->tree, out);
		cli_out_put(out, "`");
		if (f->kind == CLI_FORM_NO && row->no_stored)
			cli_out_put(out, ": turns off what is on by default");
		cli_out_put(out, "\n");
	}
}

static void doc_row(const struct cli_row *row, struct cli_out *out)
{
	cli_out_put(out, "### `");
	cli_pattern_print(row->tree, out);
	cli_out_put(out, "`\n\n");
	if (row->help)
		cli_out_printf(out, "%s\n\n", row->help);
	doc_forms(row, out);
	cli_out_printf(out, "- Privilege: %s%s\n", cli_priv_name(row->priv),
	               row->test ? "; needs test commands" : "");
	if (row->enter)
		cli_out_printf(out, "- Opens the mode [%s](#mode-%s)\n", row->enter->name, row->enter->name);
	if (row->limit)
		cli_out_printf(out, "- At most %u per block\n", row->limit);
	if (row->limit_total)
		cli_out_printf(out, "- At most %u per chassis\n", row->limit_total);
	if (row->default_text)
		cli_out_printf(out, "- When not configured: `%s`\n", row->default_text);
	if (row->confirm)
		cli_out_put(out,
		            "- Asks for confirmation unless `-noconfirm` is given or `autoconfirm` is on\n");
	doc_vars(row, out);
	cli_out_put(out, "\n");
}

static void doc_mode(const struct cli_mode *m, struct cli_out *out)
{
	cli_out_printf(out, "## Mode %s\n\n", m->name);
	if (m->help)
		cli_out_printf(out, "%s\n\n", m->help);
	if (m->prompt)
		cli_out_printf(out, "Prompt: `[context]host(%s)#`\n\n", m->prompt);
	for (unsigned i = 0; i < m->nrows; i++)
		if (!m->rows[i]->hidden)
			doc_row(m->rows[i], out);
}

int cli_doc_write(const struct cli_grammar *g, struct cli_out *out)
{
	int rc = cli_out_put(
	        out, "# Commands\n\nWritten by the program from its grammar (cli/grammar/); do not edit.\n\n"
	             "Keywords may be abbreviated as long as they are unambiguous and are not case "
	             "sensitive; `?` lists what may come next, TAB completes.\n\n");

	for (unsigned i = 0; i < g->nmodes && !rc; i++)
		doc_mode(g->modes[i], out);
	for (unsigned i = 0; i < g->nenums; i++) {
		cli_out_printf(out, "## Keywords of `%s`\n\n", g->enums[i]->name);
		for (unsigned k = 0; k < g->enums[i]->n; k++)
			cli_out_printf(out, "- `%s`: %s\n", g->enums[i]->words[k].word,
			               g->enums[i]->words[k].help);
		cli_out_put(out, "\n");
	}
	return rc;
}
