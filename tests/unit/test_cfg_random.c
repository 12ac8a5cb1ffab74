/* SPDX-License-Identifier: MIT */
/*
 * The property that makes `save configuration` safe: whatever lines the grammar allows, in whatever order
 * they were typed, with secrets sealed by a real key: what show configuration prints loads into an empty
 * chassis without a refused line and gives the same tree, and so do the stored rows. Configurations are made
 * from the grammar, names are few so that lines refer to each other and rules across settings matter. A
 * failure prints the seed: ORRERY_SEED=N runs that configuration alone.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "tests/cli_gen.h"
#include "cfg/cfg.h"
#include "secret/passwd.h"
#include "secret/secret.h"

#define FIXED_ROUNDS  240 /* the same in every run */
#define RANDOM_ROUNDS 20  /* new ones in every run */
#define LINES_TOP     15
#define LINES_BLOCK   8

static const char *const names[] = {"alpha", "beta", "gamma", "local", "a b", "no", "exit"};

static struct cli_grammar *g;
static struct secret_key key;
static bool seen[4096]; /* rows that were in a tree, by number */
static unsigned long seed;

static int seal(void *arg, const char *clear, char *out, size_t len)
{
	return secret_seal(&key, clear, out, len);
}

static int seal_key(void *arg, const char *clear, char *out, size_t len)
{
	return secret_seal_same(&key, clear, out, len);
}

static int unseal(void *arg, const char *sealed, char *out, size_t len)
{
	return secret_unseal(&key, sealed, out, len);
}

/* One hash for every password: making one is slow on purpose. */
static int hash(void *arg, const char *clear, char *out, size_t len)
{
	static char once[PASSWD_TEXT_MAX];

	if (!*once && passwd_hash("any", once, sizeof(once)))
		return -1;
	snprintf(out, len, "%s", once);
	return 0;
}

static bool is_hash(void *arg, const char *text)
{
	return passwd_is_hash(text);
}

static const struct cli_hooks hooks = {
        .seal = seal, .unseal = unseal, .hash = hash, .is_hash = is_hash, .seal_key = seal_key};

static void setup(void)
{
	char err[512];

	g = cli_grammar_load("cli/grammar", err, sizeof(err));
	cr_assert(g, "%s", err);
	cr_assert_eq(getrandom(key.bytes, sizeof(key.bytes), 0), sizeof(key.bytes));
}

static void teardown(void)
{
	cli_grammar_free(g);
}

TestSuite(cfg_random, .init = setup, .fini = teardown, .timeout = 240);

/* --- making a configuration --- */

static const struct cli_row *pick(struct gen *r, const struct cli_mode *m)
{
	/* blocks twice as often as their share: most rows are in them */
	for (unsigned i = 0; i < 2; i++) {
		const struct cli_row *row = m->rows[gen_rand(r, m->nrows)];

		if (row->kind == CLI_ROW_CONF && (row->enter || i))
			return row;
	}
	return NULL;
}

static void block(struct gen *r, const struct cli_mode *m, struct cli_out *out, unsigned depth, unsigned n)
{
	char line[CLI_LINE_MAX + 1];

	for (unsigned i = 0; i < n; i++) {
		const struct cli_row *row = pick(r, m);
		const struct cli_form *no = row ? cli_render_form(row, CLI_FORM_NO) : NULL;
		bool negate = no && gen_rand(r, row->no_stored ? 2 : 10) == 0;

		if (!row)
			continue;
		cli_out_printf(out, "%*s%s\n", 2 * (int)depth + 2, "",
		               gen_line(r, negate ? no->tree : row->tree, line, sizeof(line)));
		if (!row->enter || negate)
			continue;
		struct cfg_args *args = cli_line_args(row, line, false);

		block(r, cli_grammar_enter(row, args), out, depth + 1, 1 + gen_rand(r, LINES_BLOCK));
		cli_out_printf(out, "%*s#exit\n", 2 * (int)depth + 2, "");
		cfg_args_free(args);
	}
}

/* The lines that lead into that mode, through the blocks around it. Returns its depth. */
static unsigned visit(struct gen *r, const struct cli_mode *m, struct cli_out *out)
{
	const char *word;
	const struct cli_row *row = gen_opener(g, m, &word);
	char line[CLI_LINE_MAX + 1];
	unsigned depth;

	if (!row)
		return 0;
	depth = visit(r, row->mode, out);
	/* which mode a row opens depends on a keyword: until the right one comes */
	for (bool right = false; !right;) {
		struct cfg_args *args = cli_line_args(row, gen_line(r, row->tree, line, sizeof(line)), false);

		right = args && cli_grammar_enter(row, args) == m;
		cfg_args_free(args);
	}
	cli_out_printf(out, "%*s%s\n", 2 * (int)depth + 2, "", line);
	return depth + 1;
}

/* --- checking it --- */

static void why_refused(void *arg, unsigned lineno, const char *line, const char *error)
{
	cr_expect(strstr(error, "maximum number") || strstr(error, "not configured") ||
	                  strstr(error, "exists already as") || strstr(error, "Invalid encrypted value") ||
	                  gen_rule_refusal(error),
	          "ORRERY_SEED=%lu, line %u %s: %s", seed, lineno, line, error);
}

static void complain(void *arg, unsigned lineno, const char *line, const char *error)
{
	cr_expect(false, "ORRERY_SEED=%lu: shown, and refused: line %u %s: %s", seed, lineno, line, error);
}

static char *text_of(const struct cfg_tree *t)
{
	struct cli_out_buf b;

	cli_out_buf_init(&b);
	cfg_show(t, NULL, &b.out);
	return b.text;
}

static void same(const struct cfg_tree *a, const struct cfg_tree *b, const char *how)
{
	char *one = text_of(a), *two = text_of(b);

	cr_expect(cfg_equal(a, b), "ORRERY_SEED=%lu: another tree when %s", seed, how);
	cr_expect_eq(cfg_checksum(a), cfg_checksum(b), "ORRERY_SEED=%lu, %s", seed, how);
	cr_expect(!strcmp(one, two), "ORRERY_SEED=%lu: shown otherwise when %s", seed, how);
	free(one);
	free(two);
}

struct rows {
	char *path[8192], *value[8192];
	unsigned n, at;
};

static int keep_row(void *arg, const struct cfg_node *n)
{
	struct rows *r = arg;
	char path[CFG_PATH_MAX];

	cfg_path(n, path, sizeof(path));
	for (unsigned i = 0, k = 0; i < g->nmodes; k += g->modes[i++]->nrows)
		if (g->modes[i] == n->row->mode)
			seen[k + n->row->order] = true;
	if (r->n < 8192) {
		r->path[r->n] = strdup(path);
		r->value[r->n++] = cfg_value(n);
	}
	return 0;
}

static int next_row(void *arg, struct cfg_item *item)
{
	struct rows *r = arg;

	if (r->at == r->n)
		return 0;
	*item = (struct cfg_item){.path = r->path[r->at], .value = r->value[r->at], .seq = r->at + 1};
	r->at++;
	return 1;
}

/* As sct stores it, row by row. */
static void through_the_store(const struct cfg_tree *t)
{
	struct rows *r = calloc(1, sizeof(*r));
	struct cfg_tree *back = cfg_new(g);
	unsigned skipped = 0;

	cfg_walk(t, keep_row, r);
	cr_expect_eq(r->n, t->count);
	cr_expect_eq(cfg_load(back, next_row, r, &skipped), 0);
	cr_expect_eq(skipped, 0, "ORRERY_SEED=%lu", seed);
	same(t, back, "loaded from stored rows");
	for (unsigned i = 0; i < r->n; i++) {
		free(r->path[i]);
		free(r->value[i]);
	}
	free(r);
	cfg_free(back);
}

static size_t round_trip(unsigned long s)
{
	struct gen r = {
	        .seed = s * 2654435761ul + 1, .names = names, .nnames = sizeof(names) / sizeof(names[0])};
	struct cfg_tree *a = cfg_new(g), *b = cfg_new(g);
	struct cli_out_buf text;
	size_t nodes;
	char *shown;

	seed = s;
	cli_out_buf_init(&text);
	block(&r, cli_grammar_mode(g, "config"), &text.out, 0, 1 + gen_rand(&r, LINES_TOP));
	/* and much of one mode, another one each time */
	const struct cli_mode *m = g->modes[s % g->nmodes];

	if (m->prompt) {
		unsigned depth = visit(&r, m, &text.out);

		block(&r, m, &text.out, depth, 2 * m->nrows);
	}
	cr_assert_geq(cli_load_text(a, &hooks, text.text ? text.text : "", why_refused, NULL), 0);
	shown = text_of(a);
	const char *clear = strstr(shown, GEN_SECRET), *begin = clear;

	while (begin && begin > shown && begin[-1] != '\n')
		begin--;
	cr_expect_null(clear, "ORRERY_SEED=%lu: a secret is shown in clear: %.*s", seed,
	               begin ? (int)strcspn(begin, "\n") : 0, begin ? begin : "");
	cr_expect_eq(cli_load_text(b, &hooks, shown, complain, NULL), 0);
	same(a, b, "loaded from what is shown");
	cr_expect_eq(cfg_check_rules(a, NULL, NULL), cfg_check_rules(b, NULL, NULL), "ORRERY_SEED=%lu", seed);
	through_the_store(a);
	nodes = a->count;
	free(shown);
	cli_out_buf_free(&text);
	cfg_free(a);
	cfg_free(b);
	return nodes;
}

Test(cfg_random, what_is_shown_loads_again)
{
	const char *one = getenv("ORRERY_SEED");
	unsigned settings = 0, missed = 0;
	unsigned long start = 0;
	size_t nodes = 0;

	if (one) {
		cr_log_warn("ORRERY_SEED=%s: %zu settings", one, round_trip(strtoul(one, NULL, 10)));
		return;
	}
	for (unsigned long i = 0; i < FIXED_ROUNDS; i++)
		nodes += round_trip(i);
	cr_assert_eq(getrandom(&start, 4, 0), 4);
	for (unsigned long i = 0; i < RANDOM_ROUNDS; i++)
		nodes += round_trip(start + i);
	/* a property of configurations that hardly have settings would say little */
	for (unsigned i = 0, k = 0; i < g->nmodes; k += g->modes[i++]->nrows)
		for (unsigned j = 0; j < g->modes[i]->nrows; j++)
			if (g->modes[i]->rows[j]->kind == CLI_ROW_CONF) {
				settings++;
				missed += !seen[k + j];
				if (!seen[k + j])
					cr_log_info("never configured: %s: %s", g->modes[i]->name,
					            g->modes[i]->rows[j]->pattern);
			}
	cr_expect_gt(nodes, 6000, "%zu settings", nodes);
	cr_expect_lt(missed, settings / 20, "%u of %u settings were never configured", missed, settings);
}
