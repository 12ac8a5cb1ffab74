/* SPDX-License-Identifier: MIT */
/*
 * The attributes `chapter` and `later` of grammar rows: read and checked at load, inherited from the mode,
 * shown by the manual, listed by cfg_check_later().
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "cli/engine/cli.h"
#include "cfg/cfg.h"

static const char base[] = "mode exec help \"e\" mode common mode config prompt \"config\" "
                           "mode box parent config prompt \"box\" chapter \"6,29\" later\n";

static struct cli_grammar *load(const char *rows, char *err, size_t len)
{
	char text[4096];

	snprintf(text, sizeof(text), "%s%s", base, rows);
	return cli_grammar_load_text("t", text, err, len);
}

static void refused(const char *rows, const char *want)
{
	char err[512];
	struct cli_grammar *g = load(rows, err, sizeof(err));

	cr_expect_null(g, "%s", rows);
	cr_expect(strstr(err, want), "%s: %s", rows, err);
	cli_grammar_free(g);
}

Test(cli_later, wrong_attributes_are_refused)
{
	refused("in config conf \"a\" chapter \"0\"", "numbers 1 to 29");
	refused("in config conf \"a\" chapter \"30\"", "numbers 1 to 29");
	refused("in config conf \"a\" chapter \"\"", "numbers 1 to 29");
	refused("in config conf \"a\" chapter \"8,\"", "numbers 1 to 29");
	refused("in config conf \"a\" chapter \"8;9\"", "numbers 1 to 29");
	refused("in config conf \"a\" chapter \"-8\"", "numbers 1 to 29");
	refused("in config conf \"a\" chapter \"4294967304\"", "numbers 1 to 29");
	refused("in config conf \"a\" chapter \"8,9,8\"", "8 is there twice");
	refused("in config conf \"a\" chapter", "wants a value");
	refused("in exec exec \"a\" handler a later", "only a setting");
	refused("in exec exec \"a\" handler a unread a", "only a setting");
	refused("in config conf \"a [ b ]\" unread c", "the row has no \"c\"");
	refused("mode m chapter \"77\"", "numbers 1 to 29");
}

static const char rows[] =
        "in exec exec \"show a\" handler show_a chapter \"29\"\n"
        "in config conf \"plain <v:1-9>\"\n"
        "conf \"now { a | b }=kind\" chapter \"8,15\"\n"
        "conf \"then <v:1-9>\" later chapter \"1\" conf \"key [ encrypted ] <k:secret:1-9>\" later\n"
        "conf \"box <name:string:1-9>\" key name enter box later\n"
        "conf \"half <v:1-9> [ one | two <w:1-9> | three ]+\" unread one,w\n"
        "in box conf \"mine\" conf \"own\" chapter \"7\" conf \"works\" acts\n";

static const struct cli_row *row(const struct cli_grammar *g, const char *mode, const char *id)
{
	const struct cli_row *r = cli_grammar_row(cli_grammar_mode(g, mode), id);

	cr_assert(r, "%s", id);
	return r;
}

Test(cli_later, rows_have_them)
{
	char err[512], list[64];
	struct cli_grammar *g = load(rows, err, sizeof(err));

	cr_assert(g, "%s", err);
	cr_expect_eq(row(g, "config", "plain")->chapters, 0);
	cr_expect_not(row(g, "config", "plain")->later);
	cr_expect_eq(row(g, "config", "now")->chapters, 1u << 8 | 1u << 15);
	cr_expect(row(g, "config", "then")->later);
	cr_expect_eq(row(g, "box", "mine")->chapters, 1u << 6 | 1u << 29, "from the mode");
	cr_expect(row(g, "box", "mine")->later);
	cr_expect_eq(row(g, "box", "own")->chapters, 1u << 7, "its own instead");
	cr_expect_not(row(g, "box", "works")->later, "acts in a mode that does not");
	cr_expect_str_eq(cli_chapter_list(1u << 29 | 1u << 6, list, sizeof(list)), "6, 29");
	cr_expect_str_eq(cli_chapter_list(0, list, sizeof(list)), "");
	for (unsigned i = 1; i <= CLI_CHAPTER_MAX; i++)
		cr_expect(cli_chapter_title(i), "%u", i);
	cr_expect_null(cli_chapter_title(CLI_CHAPTER_MAX + 1));
	cli_grammar_free(g);
}

static void has(const char *doc, const char *text)
{
	cr_expect(strstr(doc, text), "the manual lacks: %s\n%s", text, doc);
}

Test(cli_later, the_manual_shows_them)
{
	char err[512];
	struct cli_grammar *g = load(rows, err, sizeof(err));
	struct cli_out_buf doc;

	cr_assert(g, "%s", err);
	cli_out_buf_init(&doc);
	cr_assert_eq(cli_doc_write(g, &doc.out), 0);
	has(doc.text, "- Reference: chapter 8, 15\n- Today: acts\n");
	has(doc.text, "- Reference: chapter 1\n- Today: **stored only**");
	has(doc.text, "- Today: acts; **stored only**: `one`, `w`\n");
	has(doc.text, "| 8 | config | `now { a \\| b }` | acts |\n");
	has(doc.text, "| 15 | config | `now { a \\| b }` | acts |\n");
	has(doc.text, "| 6 | box | `mine` | stored only |\n");
	has(doc.text, "| 7 | box | `own` | stored only |\n");
	has(doc.text, "| 29 | exec | `show a` |  |\n");
	has(doc.text, "| 9 | | | |\n");
	cli_out_buf_free(&doc);
	cli_grammar_free(g);
}

static void collect(void *arg, const struct cfg_node *n, const char *text)
{
	cli_out_printf(arg, "%s\n", text);
}

static int seal(void *arg, const char *clear, char *out, size_t len)
{
	return snprintf(out, len, "SEALED") > 0 ? 0 : -1;
}

Test(cli_later, configured_lines_are_listed)
{
	const struct cli_hooks hooks = {.seal = seal};
	char err[512];
	struct cli_grammar *g = load(rows, err, sizeof(err));
	struct cli_out_buf b;
	struct cfg_tree *t;

	cr_assert(g, "%s", err);
	t = cfg_new(g);
	cli_out_buf_init(&b);
	cr_expect_eq(cli_load_text(t, &hooks, "plain 1\nnow a\n", NULL, NULL), 0);
	cr_expect_eq(cfg_check_later(t, collect, &b.out), 0);
	cr_expect_eq(cli_load_text(t, &hooks, "then 3\nkey hush\nbox x\nown\n", NULL, NULL), 0);
	cr_expect_eq(cfg_check_later(t, NULL, NULL), 4);
	cr_expect_eq(cfg_check_later(t, collect, &b.out), 4);
	cr_expect_str_eq(b.text, "then 3\nkey encrypted SEALED\nbox x\nbox=x: own\n");
	cr_expect_eq(cli_load_text(t, &hooks, "half 1 three\n", NULL, NULL), 0);
	cr_expect_eq(cfg_check_later(t, NULL, NULL), 4, "what it says acts");
	cr_expect_eq(
	        cli_load_text(t, &hooks, "no then\nno key\nno box x\nhalf 1 three two 7 one\n", NULL, NULL),
	        0);
	cli_out_buf_free(&b);
	cli_out_buf_init(&b);
	cr_expect_eq(cfg_check_later(t, collect, &b.out), 1);
	cr_expect_str_eq(b.text, "half 1 one two 7 three (only one, w)\n");
	cli_out_buf_free(&b);
	cfg_free(t);
	cli_grammar_free(g);
}
