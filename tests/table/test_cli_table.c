/* SPDX-License-Identifier: MIT */
/*
 * Tests generated from the grammar itself: every ranged variable at min-1, min, max, max+1; help for every
 * keyword and variable; no and default of every setting; write, load, write of every setting. A new row is
 * tested the moment it is written.
 */
#include <criterion/criterion.h>
#include "tests/cli_gen.h"

static struct cli_grammar *gr;

static void setup(void)
{
	char err[512];

	gr = cli_grammar_load("cli/grammar", err, sizeof(err));
	cr_assert(gr, "%s", err);
}

static void teardown(void)
{
	cli_grammar_free(gr);
}

TestSuite(cli_table, .init = setup, .fini = teardown);

#define EACH_ROW(m, row)                                                                                     \
	for (unsigned i_ = 0; i_ < gr->nmodes; i_++)                                                         \
		for (unsigned k_ = 0; k_ < gr->modes[i_]->nrows; k_++)                                       \
			for (const struct cli_mode *m = gr->modes[i_]; m; m = NULL)                          \
				for (const struct cli_row *row = m->rows[k_]; row; row = NULL)

Test(cli_table, every_word_has_help)
{
	EACH_ROW(m, row)
	{
		cr_expect(row->help && *row->help, "%s: \"%s\" has no help", m->name, row->pattern);
		for (const struct cli_form *f = row->forms; f; f = f->next)
			for (unsigned i = 0; i < f->npos; i++) {
				const struct cli_pos *p = &f->pos[i];

				cr_expect(p->help && *p->help, "%s: \"%s\": no help for %s", m->name,
				          row->pattern, p->word ? p->word : p->var->name);
			}
	}
	for (unsigned i = 0; i < gr->nmodes; i++)
		cr_expect(gr->modes[i]->help, "mode %s has no help", gr->modes[i]->name);
}

/* --- ranges --- */

/* Parses the shortest line that gives this variable this value. */
static enum cli_kind try_value(const struct cli_mode *m, const struct cli_row *row, const struct cli_var *v,
                               const char *value, char *line, size_t size, char *error)
{
	struct cli_session s;
	struct cli_result res;
	struct gen g = {.seed = 1, .want = v, .value = value, .minimal = true};

	/* common rows are tried where they are seen: in global configuration */
	gen_session(&s, gr, strcmp(m->name, "common") ? m : cli_grammar_mode(gr, "config"));
	gen_line(&g, row->tree, line, size);
	enum cli_kind k = cli_line_parse(&s, line, &res);

	snprintf(error, sizeof(res.error), "%s", res.error);
	cr_expect(k != CLI_ERROR || !strncmp(error, "Failure: ", 9), "%s -> %s", line, error);
	cli_line_clear(&res);
	cli_session_clear(&s);
	return k;
}

static bool in_ranges(const struct cli_var *v, int64_t n)
{
	for (unsigned i = 0; i < v->nranges; i++)
		if (n >= v->ranges[i].lo && n <= v->ranges[i].hi)
			return true;
	return false;
}

static void probe(const struct cli_mode *m, const struct cli_row *row, const struct cli_var *v, int64_t n)
{
	char value[8194], line[CLI_LINE_MAX + 1], error[1024];
	bool text = v->type != CLI_INT && v->type != CLI_HEXNUM;

	/* an empty value can only be written in quotes */
	if (text && (n < !is_quotable(v->type) || n > 8192))
		return;
	if (text)
		memset(value, v->type == CLI_HEX ? '1' : 'x', n), value[n] = 0;
	else if (v->type == CLI_HEXNUM)
		snprintf(value, sizeof(value), n < 0 ? "-0x%02llx" : "0x%02llx", llabs(n));
	else
		snprintf(value, sizeof(value), "%lld", (long long)n);
	if (v->type == CLI_URL && n > 0)
		value[0] = '/';
	enum cli_kind k = try_value(m, row, v, value, line, sizeof(line), error);

	if (in_ranges(v, n))
		cr_expect(k != CLI_ERROR, "%s: %s -> %s", m->name, line, error);
	else
		cr_expect(k == CLI_ERROR, "%s: %s was accepted", m->name, line);
}

Test(cli_table, ranges)
{
	unsigned n = 0;

	EACH_ROW(m, row)
	for (unsigned i = 0; i < row->nvars; i++)
		for (unsigned r = 0; r < row->vars[i]->nranges; r++, n++) {
			const struct cli_range *x = &row->vars[i]->ranges[r];

			/* what follows `do` is a command of its own */
			if (row->vars[i]->type == CLI_LINE && !strcmp(m->name, "common"))
				continue;
			probe(m, row, row->vars[i], x->lo - 1);
			probe(m, row, row->vars[i], x->lo);
			probe(m, row, row->vars[i], x->hi);
			probe(m, row, row->vars[i], x->hi + 1);
		}
	cr_expect(n > 100);
}

Test(cli_table, range_error_names_value_and_limits)
{
	struct cli_session s;
	struct cli_result res;

	gen_session(&s, gr, cli_grammar_mode(gr, "crypto-payload"));
	cr_assert_eq(cli_line_parse(&s, "lifetime 700000", &res), CLI_ERROR);
	cr_expect_str_eq(res.error,
	                 "Failure: Invalid value 700000 for <seconds>; the legal range is 60 to 604800");
	cli_line_clear(&res);
	cli_session_clear(&s);
}

/* --- one line, one row --- */

Test(cli_table, no_line_is_of_two_rows)
{
	EACH_ROW(m, row)
	for (unsigned seed = 0; seed < 4; seed++) {
		struct gen g = {.seed = seed, .minimal = !seed};
		struct cli_session s;
		struct cli_result res;
		char line[CLI_LINE_MAX + 1];

		if (!strcmp(m->name, "common"))
			continue;
		gen_session(&s, gr, m);
		gen_line(&g, row->tree, line, sizeof(line));
		if (cli_line_parse(&s, line, &res) != CLI_ERROR)
			cr_expect(res.row == row, "%s: \"%s\" of row \"%s\" is taken by \"%s\"", m->name,
			          line, row->pattern, res.row ? res.row->pattern : "none");
		cli_line_clear(&res);
		cli_session_clear(&s);
	}
}

/* --- no, default --- */

static struct cfg_edit *edit_of(struct cli_session *s, const char *line, struct cfg_args **args)
{
	struct cli_result res;
	struct cfg_edit *e = NULL;

	cr_expect_eq(cli_line_parse(s, line, &res), CLI_EDIT, "%s -> %s", line, res.error);
	if (res.kind == CLI_EDIT) {
		e = cfg_edit_new(res.edit->op, res.edit->path, res.edit->value);
		if (args)
			*args = cfg_args_dup(res.cmd.args);
	}
	cli_line_clear(&res);
	return e;
}

static void check_no_and_default(const struct cli_mode *m, const struct cli_row *row)
{
	char line[CLI_LINE_MAX + 1], first[CLI_LINE_MAX + 1];
	struct cfg_args *args = NULL;
	struct cli_session s;
	struct gen g = {.seed = 7, .minimal = true};

	gen_session(&s, gr, m);
	struct cfg_edit *set = edit_of(&s, gen_line(&g, row->tree, first, sizeof(first)), &args);

	cr_expect(set && set->op == CFG_SET);
	for (const struct cli_form *f = row->forms; set && f; f = f->next) {
		if (f->kind == CLI_FORM_SET)
			continue;
		g.fixed = args;
		struct cfg_edit *e = edit_of(&s, gen_line(&g, f->tree, line, sizeof(line)), NULL);

		if (!e)
			continue;
		cr_expect_str_eq(e->path, set->path, "%s / %s: %s", first, line, e->path);
		if (f->kind == CLI_FORM_DEFAULT)
			cr_expect_eq(e->op, CFG_DEFAULT, "%s", line);
		else if (row->no_stored)
			cr_expect(e->op == CFG_SET && *e->value == '!', "%s", line);
		else
			cr_expect_eq(e->op, CFG_NO, "%s", line);
		cfg_edit_free(e);
	}
	cfg_edit_free(set);
	cfg_args_free(args);
	cli_session_clear(&s);
}

Test(cli_table, no_and_default)
{
	EACH_ROW(m, row)
	if (row->kind == CLI_ROW_CONF)
		check_no_and_default(m, row);
}

/* --- write, load, write --- */

static void complain(void *arg, unsigned lineno, const char *line, const char *error)
{
	cr_expect(false, "%s: line %u \"%s\": %s", (const char *)arg, lineno, line, error);
}

/* The lines that lead into a mode, then out. */
static void open_mode(struct gen *g, const struct cli_mode *m, struct cli_out *out)
{
	const char *word;
	const struct cli_row *row = gen_opener(gr, m, &word);
	struct cfg_args *fixed = cfg_args_new();
	char line[CLI_LINE_MAX + 1];

	if (row)
		open_mode(g, row->mode, out);
	if (word)
		cfg_args_set(fixed, row->enter_by, word);
	g->fixed = fixed;
	if (row)
		cli_out_printf(out, "%s\n", gen_line(g, row->tree, line, sizeof(line)));
	g->fixed = NULL;
	cfg_args_free(fixed);
}

static bool by_rule; /* a rule across settings refused the line */

static void complain_but_rules(void *arg, unsigned lineno, const char *line, const char *error)
{
	if (gen_rule_refusal(error))
		by_rule = true;
	else
		complain(arg, lineno, line, error);
}

/* Returns false when a rule across settings refused the text. */
static bool round_trip(const struct cli_row *row, const char *text)
{
	struct cfg_tree *a = cfg_new(gr), *b = cfg_new(gr);
	struct cli_out_buf one, two;

	cli_out_buf_init(&one);
	cli_out_buf_init(&two);
	by_rule = false;
	cli_load_text(a, NULL, text, complain_but_rules, (void *)row->pattern);
	cfg_show(a, NULL, &one.out);
	cli_load_text(b, NULL, one.text, complain, (void *)row->pattern);
	cfg_show(b, NULL, &two.out);
	cr_expect_str_eq(one.text, two.text);
	cr_expect(cfg_equal(a, b), "%s", one.text);
	cr_expect(a->count > 0 || by_rule, "%s", text);
	cli_out_buf_free(&one);
	cli_out_buf_free(&two);
	cfg_free(a);
	cfg_free(b);
	return !by_rule;
}

Test(cli_table, write_load_write)
{
	EACH_ROW(m, row)
	{
		unsigned accepted = 0;

		if (row->kind != CLI_ROW_CONF)
			continue;
		for (unsigned variant = 0; variant < 12; variant++) {
			struct gen fixed = {.seed = 3, .minimal = true},
			           g = {.seed = variant, .minimal = !variant};
			struct cli_out_buf text;
			char line[CLI_LINE_MAX + 1];

			const struct gen_special *sp = gen_special_of(row);

			cli_out_buf_init(&text);
			if (sp)
				cli_out_put(&text.out, sp->before);
			else
				open_mode(&fixed, m, &text.out);
			cli_out_printf(&text.out, "%s\n",
			               sp ? sp->line : gen_line(&g, row->tree, line, sizeof(line)));
			accepted += round_trip(row, text.text);
			cli_out_buf_free(&text);
		}
		cr_expect_gt(accepted, 3, "%s: %s: only %u of 12 lines are legal", m->name, row->pattern,
		             accepted);
	}
}

Test(cli_table, stored_no_is_written)
{
	EACH_ROW(m, row)
	{
		if (row->kind != CLI_ROW_CONF || !row->no_stored)
			continue;
		struct gen g = {.seed = 3, .minimal = true};
		struct cli_out_buf text;
		char line[CLI_LINE_MAX + 1];

		cli_out_buf_init(&text);
		open_mode(&g, m, &text.out);
		cli_out_printf(&text.out, "%s\n",
		               gen_line(&g, cli_render_form(row, CLI_FORM_NO)->tree, line, sizeof(line)));
		round_trip(row, text.text);
		cli_out_buf_free(&text);
	}
}

/* --- manual --- */

Test(cli_table, manual_lists_every_row)
{
	struct cli_out_buf doc, p;

	cli_out_buf_init(&doc);
	cr_assert_eq(cli_doc_write(gr, &doc.out), 0);
	EACH_ROW(m, row)
	{
		if (row->hidden)
			continue;
		cli_out_buf_init(&p);
		cli_pattern_print(row->tree, &p.out);
		cr_expect(strstr(doc.text, p.text), "%s", p.text);
		cli_out_buf_free(&p);
	}
	cli_out_buf_free(&doc);
}

static bool some_mode_has(const char *id)
{
	for (unsigned i = 0; i < gr->nmodes; i++)
		if (cli_grammar_row(gr->modes[i], id))
			return true;
	return false;
}

Test(cli_table, references_name_rows)
{
	EACH_ROW(m, row)
	for (unsigned i = 0; i < row->nvars; i++)
		if (row->vars[i]->type == CLI_REF)
			cr_expect(some_mode_has(row->vars[i]->ref), "%s: \"%s\": no row %s", m->name,
			          row->pattern, row->vars[i]->ref);
}

Test(cli_table, handlers_are_unique)
{
	const struct cli_mode *exec = cli_grammar_mode(gr, "exec");

	for (unsigned i = 0; i < exec->nrows; i++)
		for (unsigned k = 0; k < i; k++)
			cr_expect(!exec->rows[i]->handler || !exec->rows[k]->handler ||
			                  exec->rows[i]->handler[0] == '@' ||
			                  strcmp(exec->rows[i]->handler, exec->rows[k]->handler),
			          "%s", exec->rows[i]->handler);
}
