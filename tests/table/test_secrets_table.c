/* SPDX-License-Identifier: MIT */
/*
 * Secrets of the grammar: whatever is named like one, or stands behind a keyword that announces one, is of
 * type secret or password, every setting that takes one also takes its stored form, and with the chassis'
 * hooks no setting lets a clear value reach the configuration (its keys too), its text or a history. The same
 * for the password inside a URL.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secret/secret.h"
#include "tests/cli_gen.h"

#define CLEAR "Qx7-clear"

static struct cli_grammar *gr;
static char dir[] = "/tmp/secretsXXXXXX";
static struct cli_hooks hooks;

/* Sealing with the real thing, hashing with something faster. */
static int quick_hash(void *arg, const char *clear, char *out, size_t size)
{
	snprintf(out, size, "+B%zu", strlen(clear));
	return 0;
}

static bool any_hash(void *arg, const char *text)
{
	return true;
}

static void setup(void)
{
	char err[512];

	gr = cli_grammar_load("cli/grammar", err, sizeof(err));
	cr_assert(gr, "%s", err);
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(secret_hooks(dir, &hooks), 0);
	hooks.hash = quick_hash;
	hooks.is_hash = any_hash;
}

static void teardown(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/chassis.key", dir);
	unlink(path);
	rmdir(dir);
	cli_grammar_free(gr);
}

TestSuite(secrets_table, .init = setup, .fini = teardown);

#define EACH_ROW(m, row)                                                                                     \
	for (unsigned i_ = 0; i_ < gr->nmodes; i_++)                                                         \
		for (unsigned k_ = 0; k_ < gr->modes[i_]->nrows; k_++)                                       \
			for (const struct cli_mode *m = gr->modes[i_]; m; m = NULL)                          \
				for (const struct cli_row *row = m->rows[k_]; row; row = NULL)

static bool named_like_one(const char *name)
{
	static const char *const words[] = {"password",   "passphrase", "secret",    "psk",
	                                    "pre-shared", "preshared",  "community", "credential"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strstr(name, words[i]))
			return true;
	return false;
}

/* A whole word that announces a secret. */
static bool announces(const char *word)
{
	static const char *const words[] = {"key",      "privacy-key", "session-key",   "private-key",
	                                    "auth-key", "cipher",      "authenticator", "security-name",
	                                    "token",    "pin"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(word, words[i]))
			return true;
	return named_like_one(word) && strcmp(word, "remote-secret-list");
}

/* What is announced by such a word and is none: each with its reason. */
static bool is_public(const char *row, const char *var)
{
	static const char *const known[][2] = {
	        {"license", "key"}, /* a licence is signed for this chassis, not a secret of it */
	        {"crypto-remote-secret-list", "list"}, /* the list's name */
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strncmp(row, known[i][0], strlen(known[i][0])) && !strcmp(var, known[i][1]))
			return true;
	return false;
}

static bool may_be_clear(const struct cli_row *row, const struct cli_var *v)
{
	return v->type == CLI_SECRET || v->type == CLI_REF || v->type == CLI_INT || v->type == CLI_ENUM ||
	       v->type == CLI_URL || is_public(row->id ? row->id : "", v->name);
}

Test(secrets_table, named_and_typed)
{
	unsigned n = 0;

	EACH_ROW(m, row)
	for (unsigned i = 0; i < row->nvars; i++) {
		const struct cli_var *v = row->vars[i];

		n += v->type == CLI_SECRET;
		/* a list of keys has a name; numbers of characters and the like are no secrets */
		cr_expect(may_be_clear(row, v) || !announces(v->name),
		          "%s: \"%s\": <%s> is stored in clear text", m->name, row->pattern, v->name);
		/* the key of a block is the path of its lines, which is sealed anew with no other row */
		cr_expect(v->type != CLI_SECRET || !row->enter, "%s: \"%s\" opens a block", m->name,
		          row->pattern);
		cr_expect(row->kind != CLI_ROW_CONF || v->type != CLI_SECRET ||
		                  strstr(row->pattern, "encrypted"),
		          "%s: \"%s\" cannot take what it stores: no `encrypted`", m->name, row->pattern);
	}
	cr_expect_gt(n, 5);
}

/* Every value that may follow a word such as `key` or `community`. */
Test(secrets_table, what_is_announced_is_sealed)
{
	unsigned n = 0;

	EACH_ROW(m, row)
	for (const struct cli_form *f = row->forms; f; f = f->next)
		for (unsigned i = 0; i < f->npos; i++)
			for (unsigned k = 0;
			     f->pos[i].word && announces(f->pos[i].word) && k < f->pos[i].nfollow; k++) {
				const struct cli_var *v = f->pos[f->pos[i].follow[k]].var;

				if (!v)
					continue;
				n += v->type == CLI_SECRET;
				cr_expect(may_be_clear(row, v), "%s: \"%s\": %s <%s> is stored in clear text",
				          m->name, row->pattern, f->pos[i].word, v->name);
			}
	cr_expect_gt(n, 20);
}

/* One line of a row, with a clear value for this variable. */
static void one(const struct cli_mode *m, const struct cli_row *row, const struct cli_var *v,
                const char *value)
{
	struct cli_session s;
	struct cli_result res;
	struct gen g = {.seed = 1, .want = v, .value = value, .minimal = true};
	char line[CLI_LINE_MAX], shown[CLI_LINE_MAX];

	gen_session(&s, gr, strcmp(m->name, "common") ? m : cli_grammar_mode(gr, "config"));
	s.hooks = hooks;
	gen_line(&g, row->tree, line, sizeof(line));
	if (!strstr(line, CLEAR))
		cr_expect(false, "%s: no line for <%s> of \"%s\"", m->name, v->name, row->pattern);
	cli_line_redact(&s, line, shown, sizeof(shown));
	cr_expect_null(strstr(shown, CLEAR), "%s: \"%s\" is kept as %s", m->name, line, shown);
	cli_line_parse(&s, line, &res);
	cr_expect(row->kind != CLI_ROW_CONF || res.kind == CLI_EDIT, "%s: \"%s\": %s", m->name, line,
	          res.error);
	cr_expect(!res.edit || !res.edit->value || !strstr(res.edit->value, CLEAR),
	          "%s: \"%s\" is stored as %s", m->name, line, res.edit ? res.edit->value : "");
	cr_expect(!res.edit || !strstr(res.edit->path, CLEAR), "%s: \"%s\" is stored at %s", m->name, line,
	          res.edit ? res.edit->path : "");
	cli_line_clear(&res);
	cli_session_clear(&s);
}

Test(secrets_table, no_setting_stores_a_clear_value)
{
	EACH_ROW(m, row)
	for (unsigned i = 0; i < row->nvars; i++)
		if (row->vars[i]->type == CLI_SECRET)
			one(m, row, row->vars[i], CLEAR);
}

Test(secrets_table, no_url_keeps_a_clear_password)
{
	unsigned n = 0;

	EACH_ROW(m, row)
	for (unsigned i = 0; i < row->nvars; i++)
		if (row->vars[i]->type == CLI_URL && ++n)
			one(m, row, row->vars[i], "sftp://ann:" CLEAR "@198.51.100.1:2222/dir/file");
	cr_expect_gt(n, 10);
}
