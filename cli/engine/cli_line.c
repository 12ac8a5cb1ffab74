/* SPDX-License-Identifier: MIT */
/*
 * What a line means: matches it in the session's mode and turns it into an Exec command, an edit of the
 * configuration, a move between modes, or an error in StarOS's words. Entry points cli_line_parse(),
 * cli_line_done(), cli_line_clear(). Callers: tasks/cli, cli_load.c, tests and fuzzers.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/url.h"
#include "cli/engine/cli_int.h"

struct parse {
	const struct cli_session *s;
	struct cli_result *res;
	const char *line;
	size_t len;
	bool config;
	struct cli_toks t;
	struct cli_match m;
};

/* What the engine itself does for rows whose handler starts with '@'. */
enum move {
	MOVE_NONE,
	MOVE_CONFIGURE,
	MOVE_CONTEXT,
	MOVE_END,
	MOVE_EXIT,
	MOVE_LOGOUT,
	MOVE_LENGTH,
	MOVE_WIDTH,
	MOVE_STAMPS,
	MOVE_NO_STAMPS,
	MOVE_AUTO,
	MOVE_NO_AUTO,
	MOVE_DO
};

static const char *const moves[] = {
        [MOVE_CONFIGURE] = "@configure",
        [MOVE_CONTEXT] = "@context",
        [MOVE_END] = "@end",
        [MOVE_EXIT] = "@exit",
        [MOVE_LOGOUT] = "@logout",
        [MOVE_LENGTH] = "@length",
        [MOVE_WIDTH] = "@width",
        [MOVE_STAMPS] = "@timestamps",
        [MOVE_NO_STAMPS] = "@no-timestamps",
        [MOVE_AUTO] = "@autoconfirm",
        [MOVE_NO_AUTO] = "@no-autoconfirm",
        [MOVE_DO] = "@do",
};

static enum cli_kind error(struct parse *p, bool failure, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
static enum cli_kind error(struct parse *p, bool failure, const char *fmt, ...)
{
	char *e = p->res->error;
	size_t len = sizeof(p->res->error), n = 0;
	va_list ap;

	if (failure || p->config)
		n = snprintf(e, len, "Failure: ");
	va_start(ap, fmt);
	vsnprintf(e + n, len - n, fmt, ap);
	va_end(ap);
	return p->res->kind = CLI_ERROR;
}

/* --- pipes --- */

static enum cli_kind parse_grep(struct parse *p, struct cli_pipe_spec *spec)
{
	unsigned i = 1;

	for (; i < p->t.n && !p->t.v[i].quoted && p->t.v[i].text[0] == '-' && p->t.v[i].text[1]; i++)
		for (const char *o = p->t.v[i].text + 1; *o; o++) {
			if (!strchr("ivE", *o))
				return error(p, false, "Unknown command - \"%.64s\", unrecognized keyword",
				             p->t.v[i].text);
			spec->icase |= *o == 'i';
			spec->invert |= *o == 'v';
			spec->extended |= *o == 'E';
		}
	if (i == p->t.n)
		return error(p, false, "Incomplete command - grep needs a pattern");
	if (i + 1 < p->t.n)
		return error(p, false, "Unknown command - \"%.64s\", unrecognized keyword",
		             p->t.v[i + 1].text);
	if (strlen(p->t.v[i].text) >= sizeof(spec->pattern))
		return error(p, true, "The pattern of grep is too long");
	snprintf(spec->pattern, sizeof(spec->pattern), "%s", p->t.v[i].text);
	spec->kind = CLI_PIPE_GREP;
	return CLI_NOTHING;
}

static enum cli_kind parse_pipe(struct parse *p, const char *s, size_t len)
{
	struct cli_pipe_spec *spec = &p->res->pipes[p->res->npipes];
	const char *word;

	if (cli_token_split(&p->t, s, len))
		return error(p, true, "Unbalanced quotes");
	if (!p->t.n)
		return error(p, false, "Incomplete command - grep, more or json is expected after |");
	if (p->res->npipes == CLI_PIPES_MAX)
		return error(p, true, "Too many pipes");
	p->res->npipes++;
	word = p->t.v[0].text;
	if (*word && cli_word_prefix("grep", word))
		return parse_grep(p, spec);
	if (p->t.n > 1)
		return error(p, false, "Unknown command - \"%.64s\", unrecognized keyword", p->t.v[1].text);
	if (*word && cli_word_prefix("more", word)) {
		spec->kind = CLI_PIPE_MORE;
	} else if (*word && cli_word_prefix("json", word)) {
		spec->kind = CLI_PIPE_JSON;
		p->res->json = true;
	} else {
		return error(p, false, "Unknown command - \"%.64s\", unrecognized keyword", word);
	}
	return CLI_NOTHING;
}

size_t cli_line_bar(const char *s, size_t len)
{
	bool quote = false;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\\' && quote && i + 1 < len)
			i++;
		else if (s[i] == '"' && (quote || !i || isspace((unsigned char)s[i - 1])))
			quote = !quote;
		else if (s[i] == '|' && !quote)
			return i;
	}
	return len;
}

/* Cuts the pipes off the command. */
static enum cli_kind split_pipes(struct parse *p)
{
	size_t at = cli_line_bar(p->line, p->len), end = p->len;

	p->len = at;
	while (at < end) {
		size_t n = cli_line_bar(p->line + at + 1, end - at - 1);
		enum cli_kind k = parse_pipe(p, p->line + at + 1, n);

		if (k == CLI_ERROR)
			return k;
		at += n + 1;
	}
	return CLI_NOTHING;
}

/* --- configuration --- */

/* Is this variable part of what tells a setting from others of its row? */
static bool is_key(const struct cli_row *row, const struct cli_var *v)
{
	for (unsigned i = 0; i < row->nkey; i++)
		if (!strcmp(row->key[i], v->name))
			return true;
	return false;
}

/* A secret that is a key has one sealed form: the one this chassis makes. */
static int seal_as_key(const struct cli_hooks *h, const struct cli_var *v, const char *clear,
                       struct cfg_args *a)
{
	char out[CLI_LINE_MAX];
	int rc = h->seal_key(h->arg, clear, out, sizeof(out));

	return rc ? rc : cfg_args_set(a, v->name, out);
}

/* A secret that comes sealed must open with our key, and be legal; a password that comes hashed is taken as
 * it is. */
static int check_sealed(struct parse *p, const struct cli_row *row, const struct cli_var *v, const char *text,
                        struct cfg_args *a)
{
	const struct cli_hooks *h = &p->s->hooks;
	char out[CLI_LINE_MAX], canon[CLI_LINE_MAX];
	int rc = 0;

	if (v->oneway) {
		rc = !h->is_hash || h->is_hash(h->arg, text) ? 0 : -EINVAL;
	} else if (h->unseal) {
		rc = h->unseal(h->arg, text, out, sizeof(out));
		if (!rc)
			rc = cli_type_check(v, out, canon, sizeof(canon));
		if (!rc && is_key(row, v) && h->seal_key)
			rc = seal_as_key(h, v, out, a);
		explicit_bzero(out, sizeof(out));
		explicit_bzero(canon, sizeof(canon));
	}
	if (rc == -EKEYREJECTED)
		error(p, true, "The encrypted value for <%s> was made with another chassis key", v->name);
	else if (rc)
		error(p, true, "Invalid encrypted value for <%s>", v->name);
	return rc ? -EINVAL : 0;
}

static int seal_clear(struct parse *p, const struct cli_row *row, const struct cli_var *v, const char *text,
                      struct cfg_args *a)
{
	const struct cli_hooks *h = &p->s->hooks;
	int (*close)(void *, const char *, char *, size_t) = v->oneway                       ? h->hash
	                                                     : is_key(row, v) && h->seal_key ? h->seal_key
	                                                                                     : h->seal;
	char out[CLI_LINE_MAX];
	int rc;

	if (!close)
		return 0;
	/* beside a sealed secret of the same line it was let through as one */
	if (cli_type_check(v, text, out, sizeof(out)))
		return error(p, true, "%s", out), -EINVAL;
	rc = close(h->arg, text, out, sizeof(out));
	if (!rc)
		rc = cfg_args_set(a, v->name, out);
	if (!rc)
		rc = cfg_args_set(a, "encrypted", "");
	if (rc)
		error(p, true, "The value for <%s> can not be encrypted", v->name);
	return rc;
}

/*
 * Was this secret typed sealed? Yes with an `encrypted` of its own. Where one word stands for several secrets
 * of the line, or another secret has it, what is not in the sealed form is clear text.
 */
static bool came_sealed(const struct parse *p, const struct cli_var *v, const char *text)
{
	const struct cli_hooks *h = &p->s->hooks;
	char out[CLI_LINE_MAX];
	int rc;

	for (unsigned i = 0; i < p->m.nsealed; i++)
		if (!strcmp(p->m.sealed[i]->name, v->name)) /* an alias has a variable of its own */
			return true;
	if (!h->unseal || v->oneway)
		return true;
	rc = h->unseal(h->arg, text, out, sizeof(out));
	explicit_bzero(out, sizeof(out));
	return rc != -EBADMSG;
}

/* The password inside a URL is sealed in its place; one that is sealed must open with our key. */
static int seal_url(struct parse *p, const struct cli_var *v, const char *url, struct cfg_args *a)
{
	const struct cli_hooks *h = &p->s->hooks;
	char word[CLI_LINE_MAX], sealed[CLI_LINE_MAX], out[CLI_LINE_MAX];
	size_t at, len;
	int rc;

	if (!h->seal || !h->unseal || v->list || !url_password(url, &at, &len))
		return 0;
	snprintf(word, sizeof(word), "%.*s", (int)len, url + at);
	rc = h->unseal(h->arg, word, out, sizeof(out));
	explicit_bzero(out, sizeof(out));
	if (rc == -EKEYREJECTED) {
		error(p, true, "The password in <%s> was encrypted with another chassis key", v->name);
		return -EINVAL;
	}
	if (rc == -EBADMSG) {
		rc = h->seal(h->arg, word, sealed, sizeof(sealed));
		rc = rc ? rc : url_with_password(url, sealed, out, sizeof(out));
		rc = rc ? rc : cfg_args_set(a, v->name, out);
	}
	explicit_bzero(word, sizeof(word));
	if (rc)
		error(p, true, "The password in <%s> can not be encrypted", v->name);
	return rc;
}

/* Secrets reach the configuration sealed or hashed, whichever way they were typed. Of a `no` line only its
 * key counts. */
static int seal(struct parse *p, const struct cli_row *row, struct cfg_args *a, bool keys_only)
{
	bool sealed = cfg_args_get(a, "encrypted");
	int rc = 0;

	for (unsigned i = 0; !rc && i < row->nvars; i++) {
		const struct cli_var *v = row->vars[i];
		const char *text =
		        v->type == CLI_SECRET || v->type == CLI_URL ? cfg_args_get(a, v->name) : NULL;

		if (!text || (keys_only && !is_key(row, v)))
			continue;
		if (v->type == CLI_URL)
			rc = seal_url(p, v, text, a);
		else
			rc = sealed && came_sealed(p, v, text) ? check_sealed(p, row, v, text, a)
			                                       : seal_clear(p, row, v, text, a);
	}
	return rc;
}

static void drop_switches(struct cfg_args *a)
{
	for (unsigned i = a->n; i; i--)
		if (a->v[i - 1].name[0] == '-')
			cfg_args_del(a, a->v[i - 1].name);
}

static bool wants_question(const struct parse *p, const struct cli_row *row, const struct cfg_args *a)
{
	return row->confirm && p->s->interactive && !p->s->autoconfirm && !cfg_args_get(a, "-noconfirm");
}

static enum cli_kind make_edit(struct parse *p, const struct cli_form *f, struct cfg_args *a)
{
	const struct cli_session *s = p->s;
	enum cfg_op op = f->kind == CLI_FORM_SET ? CFG_SET : f->kind == CLI_FORM_NO ? CFG_NO : CFG_DEFAULT;
	bool negated = op == CFG_NO && f->row->no_stored;
	char *path, *value = NULL;

	p->res->confirm = wants_question(p, f->row, a);
	drop_switches(a);
	if (seal(p, f->row, a, op != CFG_SET))
		return CLI_ERROR;
	if (negated)
		op = CFG_SET;
	path = cfg_path_join(s->depth ? s->stack[s->depth - 1].path : "", f->row, a);
	if (op == CFG_SET)
		value = cfg_value_args(a, negated);
	if (path && (value || op != CFG_SET))
		p->res->edit = cfg_edit_new(op, path, value);
	/* creating and removing is asked for, touching what exists is not */
	if (p->res->confirm && p->res->edit && s->tree &&
	    (cfg_find(s->tree, path) != NULL) == (op == CFG_SET))
		p->res->confirm = false;
	free(path);
	free(value);
	if (!p->res->edit)
		return error(p, true, "The names in this line are too long");
	return p->res->kind = CLI_EDIT;
}

/* --- exec --- */

static enum cli_kind parse_in(struct parse *p, const struct cli_mode *mode);

static enum cli_kind make_move(struct parse *p, enum move move, struct cfg_args *a)
{
	p->res->move = move;
	p->res->kind = move == MOVE_LOGOUT ? CLI_LOGOUT : CLI_MOVE;
	if (move == MOVE_CONTEXT && p->s->tree) {
		const char *name = cfg_args_get(a, "name");
		struct cfg_node *c;

		if (!name || !strcmp(name, "local"))
			return p->res->kind;
		cfg_foreach(c, p->s->tree->root, "context") if (!strcmp(cfg_key(c, 0) ? cfg_key(c, 0) : "",
		                                                        name)) return p->res->kind;
		return error(p, true, "Context \"%.79s\" does not exist", name);
	}
	return p->res->kind;
}

/* `do COMMAND` in a configuration mode. */
static enum cli_kind make_do(struct parse *p)
{
	struct cfg_args *a = p->res->cmd.args;
	const struct cli_tok *first = &p->t.v[0];

	p->line += first->end;
	p->len -= first->end;
	p->config = false;
	cfg_args_free(a);
	p->res->cmd.args = NULL;
	p->res->row = NULL;
	cli_match_clear(&p->m);
	if (split_pipes(p) == CLI_ERROR)
		return CLI_ERROR;
	enum cli_kind k = parse_in(p, cli_grammar_mode(p->s->g, "exec"));

	if (k == CLI_MOVE || k == CLI_LOGOUT)
		return error(p, true, "This command can not be used with do");
	return k;
}

static enum cli_kind make_exec(struct parse *p, const struct cli_row *row)
{
	struct cfg_args *a = p->res->cmd.args;

	for (size_t i = 1; row->handler && *row->handler == '@' && i < sizeof(moves) / sizeof(moves[0]); i++)
		if (!strcmp(row->handler, moves[i]))
			return i == MOVE_DO ? make_do(p) : make_move(p, i, a);
	p->res->cmd.row = row;
	p->res->cmd.handler = row->handler;
	p->res->confirm = wants_question(p, row, a);
	return p->res->kind = CLI_EXEC;
}

/* --- matching --- */

static enum cli_kind refuse(struct parse *p, const struct cli_mode *mode, enum cli_status st,
                            const struct cli_tok *tok)
{
	char why[512];
	const char *dots = strlen(tok->text) > 64 ? "..." : "";

	if (st == CLI_M_VALUE)
		return error(p, true, "%s", p->m.why);
	if (st == CLI_M_AMBIGUOUS)
		return error(p, false, "Ambiguous command - \"%.64s%s\", candidates are %s", tok->text, dots,
		             p->m.why);
	if (cli_why_unknown(p->s, mode, &p->t, why, sizeof(why)))
		return error(p, true, "%s", why);
	return error(p, false, "Unknown command - \"%.64s%s\", unrecognized keyword%s", tok->text, dots, why);
}

static enum cli_kind understood(struct parse *p)
{
	const struct cli_thread *th = cli_match_end(&p->m);

	if (!th)
		return error(p, false, "Incomplete command - \"%.*s\" needs more, see ?",
		             (int)(p->len > 200 ? 200 : p->len), p->line);
	struct cfg_args *a = cli_match_args(&p->m, th, &p->t, p->line, p->len);

	if (!a)
		return error(p, true, "%s", *p->m.why ? p->m.why : "out of memory");
	p->res->cmd.args = a;
	p->res->row = th->form->row;
	if (th->form->row->kind == CLI_ROW_EXEC)
		return make_exec(p, th->form->row);
	return make_edit(p, th->form, a);
}

static enum cli_kind parse_in(struct parse *p, const struct cli_mode *mode)
{
	enum cli_status st = CLI_M_OK;
	int rc = cli_token_split(&p->t, p->line, p->len);
	unsigned i;

	cli_match_init(&p->m, mode, p->s->priv, p->s->test_commands);
	if (rc || !mode)
		return error(p, true, rc == -E2BIG ? "The line is too long" : "Unbalanced quotes");
	if (!p->t.n)
		return error(p, false, "Incomplete command - a command is expected");
	for (i = 0; i < p->t.n && st == CLI_M_OK; i++)
		st = cli_match_step(&p->m, &p->t.v[i], i);
	enum cli_kind k = st == CLI_M_OK ? understood(p) : refuse(p, mode, st, &p->t.v[i - 1]);

	cli_match_clear(&p->m);
	return k;
}

enum cli_kind cli_line_parse(const struct cli_session *s, const char *line, struct cli_result *res)
{
	struct parse *p;

	memset(res, 0, sizeof(*res));
	line += strspn(line, " \t\r\n");
	if (*line == '#' &&
	    (strncasecmp(line, "#exit", 5) || line[5 + strspn(line + 5, " \t\r\n")] || !s->depth))
		return res->kind = CLI_NOTHING;
	line += *line == '#';
	if (!*line)
		return res->kind = CLI_NOTHING;
	p = malloc(sizeof(*p));
	if (!p) {
		snprintf(res->error, sizeof(res->error), "Failure: out of memory");
		return res->kind = CLI_ERROR;
	}
	p->s = s;
	p->res = res;
	p->line = line;
	p->len = strlen(line);
	p->config = s->depth > 0;
	memset(&p->m, 0, sizeof(p->m));
	while (p->len && isspace((unsigned char)line[p->len - 1]))
		p->len--;
	if (p->len > CLI_LINE_MAX)
		error(p, true, "The line is too long");
	else if (s->depth || split_pipes(p) != CLI_ERROR)
		parse_in(p, cli_session_mode(s));
	explicit_bzero(&p->t.buf, p->t.used <= sizeof(p->t.buf) ? p->t.used : 0);
	free(p);
	return res->kind;
}

static void enter_block(struct cli_session *s, const struct cli_result *res)
{
	const struct cli_row *row = res->row;
	const char *key = row->nkey ? cfg_args_get(res->cmd.args, row->key[0]) : NULL;

	if (row->enter && res->edit->op == CFG_SET && *res->edit->value != '!')
		cli_session_enter(s, cli_grammar_enter(row, res->cmd.args), res->edit->path, key ? key : "");
}

void cli_line_done(struct cli_session *s, const struct cli_result *res)
{
	if (res->kind == CLI_EDIT) {
		enter_block(s, res);
		return;
	}
	switch ((enum move)res->move) {
	case MOVE_CONFIGURE:
		cli_session_configure(s);
		break;
	case MOVE_CONTEXT:
		snprintf(s->context, sizeof(s->context), "%s", cfg_args_get(res->cmd.args, "name"));
		break;
	case MOVE_END:
		cli_session_end(s);
		break;
	case MOVE_EXIT:
		cli_session_leave(s);
		break;
	case MOVE_LENGTH:
		s->length = strtoul(cfg_args_get(res->cmd.args, "lines"), NULL, 10);
		break;
	case MOVE_WIDTH:
		s->width = strtoul(cfg_args_get(res->cmd.args, "columns"), NULL, 10);
		break;
	case MOVE_STAMPS:
	case MOVE_NO_STAMPS:
		s->timestamps = res->move == MOVE_STAMPS;
		break;
	case MOVE_AUTO:
	case MOVE_NO_AUTO:
		s->autoconfirm = res->move == MOVE_AUTO;
		break;
	case MOVE_NONE:
	case MOVE_LOGOUT:
	case MOVE_DO:
		break;
	}
}

void cli_line_clear(struct cli_result *res)
{
	cfg_args_free(res->cmd.args);
	cfg_edit_free(res->edit);
	res->cmd.args = NULL;
	res->edit = NULL;
}

int cli_line_answer(const char *a)
{
	size_t n;

	a += strspn(a, " \t");
	n = strcspn(a, " \t\r\n");
	if (n && n <= 3 && !strncasecmp("yes", a, n))
		return 1;
	if (n && n <= 2 && !strncasecmp("no", a, n))
		return 0;
	return -1;
}

struct cfg_args *cli_line_args(const struct cli_row *row, const char *line, bool negated)
{
	char err[256];
	const struct cli_form *f = cli_render_form(row, negated ? CLI_FORM_NO : CLI_FORM_SET);

	return f ? cli_match_form(f, line, err, sizeof(err)) : NULL;
}

/* --- accessors --- */

const char *cli_cmd_str(const struct cli_cmd *c, const char *name)
{
	const char *v = cfg_args_get(c->args, name);
	const struct cli_var *var = v ? NULL : cli_grammar_var(c->row, name);

	return v ? v : var ? var->dflt : NULL;
}

int64_t cli_cmd_int(const struct cli_cmd *c, const char *name, int64_t fallback)
{
	const char *v = cli_cmd_str(c, name);

	return v && *v ? strtoll(v, NULL, 0) : fallback;
}

const char *cli_cmd_nth(const struct cli_cmd *c, const char *name, unsigned i)
{
	return cfg_args_nth(c->args, name, i);
}

bool cli_cmd_has(const struct cli_cmd *c, const char *name)
{
	return cfg_args_get(c->args, name) != NULL;
}
