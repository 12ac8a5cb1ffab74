/* SPDX-License-Identifier: MIT */
/*
 * The command reference, written from the grammar: one section per mode, one entry per row with its form, its
 * variables with type, range and default, its `no` and `default` forms and its limits. Caller: `--doc
 * commands`.
 */
#include <stdio.h>
#include <string.h>
#include "cfg/cfg_rules.h"
#include "cli/engine/cli_int.h"

static const char *const chapters[CLI_CHAPTER_MAX + 1] = {
        [1] = "Introduction to IP Security (IPSec)",
        [2] = "IPSec to Product Feature Mapping",
        [3] = "IPSec Network Applications",
        [4] = "Transform Set Configuration",
        [5] = "ISAKMP Policy Configuration",
        [6] = "Crypto Maps",
        [7] = "ANSSI Enhancements for IKEv1 and IKEv2 ACL Modes",
        [8] = "Crypto Templates",
        [9] = "Service Configurations",
        [10] = "Redundant IPSec Tunnel Fail-over",
        [11] = "IPSec X.509 Certificates",
        [12] = "Rekeying SAs",
        [13] = "Access Control",
        [14] = "Remote Secrets",
        [15] = "IKEv2 RFC 5996 Compliance",
        [16] = "IKEv2 DSCP Marking",
        [17] = "IKEv2 Fragmentation",
        [18] = "IKEv2 Mobility and Multi-homing Protocol",
        [19] = "IKEv2 - Protection Against Distributed Denial of Service",
        [20] = "IKEv2 and IPSec Parameter Setting Per Device Type",
        [21] = "IPSec Manager Support on Demux DPC2 Cards",
        [22] = "IPSec Packet Capture (PCAP) Trace Support",
        [23] = "IPSec Slow Path Data Plane",
        [24] = "Limit Max Number of IKEv1 IPSEC Managers within a Context",
        [25] = "Duplicate Session Detection",
        [26] = "Extended Sequence Number",
        [27] = "Security Gateway as Initiator",
        [28] = "User Equipment Identity in IKE_AUTH Message",
        [29] = "Monitor CPU Crypto Core Utilization",
};

const char *cli_chapter_title(unsigned chapter)
{
	return chapter <= CLI_CHAPTER_MAX ? chapters[chapter] : NULL;
}

const char *cli_chapter_list(uint32_t set, char *buf, size_t len)
{
	size_t n = 0;

	*buf = 0;
	for (unsigned i = 1; i <= CLI_CHAPTER_MAX && n < len; i++)
		if (set & 1u << i)
			n += snprintf(buf + n, len - n, "%s%u", n ? ", " : "", i);
	return buf;
}

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

/* What holds across settings, once per sentence. */
static void doc_rules(const struct cli_row *row, struct cli_out *out)
{
	for (unsigned i = 0; i < cfg_rules_n; i++) {
		const struct cfg_rule *r = &cfg_rules[i];

		if (row->kind != CLI_ROW_CONF || strcmp(r->row, row->id) ||
		    !cfg_rule_mode(r, row->mode->name))
			continue;
		cli_out_printf(out, "- Rule: %s", r->story);
		if (r->chapter)
			cli_out_printf(out, " (chapter %u)", r->chapter);
		cli_out_printf(out, "%s\n",
		               r->when & (CFG_RULE_SET | CFG_RULE_NO) ? ""
		               : r->when & CFG_RULE_WARN              ? "; show configuration errors warns"
		                                                      : "; show configuration errors tells");
	}
}

/* Does the setting act? */
static void doc_today(const struct cli_row *row, struct cli_out *out)
{
	if (row->later) {
		cli_out_put(out,
		            "- Today: **stored only**: checked, kept and shown; nothing acts on it yet\n");
		return;
	}
	cli_out_put(out, "- Today: acts");
	for (unsigned i = 0; i < row->nunread; i++)
		cli_out_printf(out, "%s`%s`", i ? ", " : "; **stored only**: ", row->unread[i]);
	cli_out_put(out, "\n");
}

static void doc_row(const struct cli_row *row, struct cli_out *out)
{
	char list[160];

	cli_out_put(out, "### `");
	cli_pattern_print(row->tree, out);
	cli_out_put(out, "`\n\n");
	if (row->help)
		cli_out_printf(out, "%s\n\n", row->help);
	doc_forms(row, out);
	cli_out_printf(out, "- Privilege: %s%s\n", cli_priv_name(row->priv),
	               row->test ? "; needs test commands" : "");
	if (row->chapters)
		cli_out_printf(out, "- Reference: chapter %s\n",
		               cli_chapter_list(row->chapters, list, sizeof(list)));
	if (row->missing)
		cli_out_printf(out, "- Today: **not available yet**: %s\n", row->missing);
	if (row->kind == CLI_ROW_CONF)
		doc_today(row, out);
	if (row->boot)
		cli_out_put(
		        out,
		        "- Takes effect, also `no`, at the next boot: save the configuration and reload\n");
	doc_rules(row, out);
	if (row->enter)
		cli_out_printf(out, "- Opens the mode [%s](#mode-%s)\n", row->enter->name, row->enter->name);
	for (unsigned i = 0; i < row->nenters; i++)
		cli_out_printf(out, "- With `%s` opens the mode [%s](#mode-%s)\n", row->enters[i].word,
		               row->enters[i].mode->name, row->enters[i].mode->name);
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

static void doc_chapter(const struct cli_grammar *g, unsigned chapter, struct cli_out *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < g->nmodes; i++)
		for (unsigned k = 0; k < g->modes[i]->nrows; k++) {
			const struct cli_row *row = g->modes[i]->rows[k];
			struct cli_out_buf text;

			if (row->hidden || !(row->chapters & 1u << chapter))
				continue;
			cli_out_buf_init(&text);
			cli_pattern_print(row->tree, &text.out);
			cli_out_printf(out, "| %u | %s | `", chapter, row->mode->name);
			for (const char *p = text.text; p && *p; p++)
				cli_out_printf(out, "%s%c", *p == '|' ? "\\" : "", *p);
			cli_out_printf(out, "` | %s |\n",
			               row->missing                ? "not available yet"
			               : row->kind == CLI_ROW_EXEC ? ""
			               : row->later                ? "stored only"
			                                           : "acts");
			cli_out_buf_free(&text);
			n++;
		}
	if (!n)
		cli_out_printf(out, "| %u | | | |\n", chapter);
}

/* Which commands a chapter of the IPSec Reference describes. */
static void doc_chapters(const struct cli_grammar *g, struct cli_out *out)
{
	cli_out_put(out, "## Commands by chapter of the IPSec Reference\n\n");
	for (unsigned c = 1; c <= CLI_CHAPTER_MAX; c++)
		cli_out_printf(out, "%u. %s\n", c, cli_chapter_title(c));
	cli_out_put(out,
	            "\nToday: a setting acts, or is stored only (checked, kept and shown; nothing acts on it "
	            "yet).\n\n| chapter | mode | command | today |\n|---|---|---|---|\n");
	for (unsigned c = 1; c <= CLI_CHAPTER_MAX; c++)
		doc_chapter(g, c, out);
	cli_out_put(out, "\n");
}

int cli_doc_write(const struct cli_grammar *g, struct cli_out *out)
{
	int rc = cli_out_put(
	        out, "# Commands\n\nWritten by the program from its grammar (cli/grammar/); do not edit.\n\n"
	             "Keywords may be abbreviated as long as they are unambiguous and are not case "
	             "sensitive; `?` lists what may come next, TAB completes.\n\n");

	for (unsigned i = 0; i < g->nmodes && !rc; i++)
		doc_mode(g->modes[i], out);
	doc_chapters(g, out);
	for (unsigned i = 0; i < g->nenums; i++) {
		cli_out_printf(out, "## Keywords of `%s`\n\n", g->enums[i]->name);
		for (unsigned k = 0; k < g->enums[i]->n; k++)
			cli_out_printf(out, "- `%s`: %s\n", g->enums[i]->words[k].word,
			               g->enums[i]->words[k].help);
		cli_out_put(out, "\n");
	}
	return rc;
}
