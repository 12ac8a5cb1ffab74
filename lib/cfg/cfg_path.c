/* SPDX-License-Identifier: MIT */
/*
 * The canonical text forms: a node's path and its value (see cfg.h), both ways. They are what the store keeps
 * and the bus carries, so every reader here is bounded and refuses what it does not understand.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cfg/cfg.h"
#include "cfg/cfg_int.h"

/* --- escaping --- */

static size_t escape(char *buf, size_t at, size_t len, const char *s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *s; s++) {
		bool plain = (unsigned char)*s > 0x20 && *s != 0x7f && !strchr("%/=,&!", *s);

		if (at + (plain ? 1 : 3) >= len)
			return len;
		if (plain) {
			buf[at++] = *s;
		} else {
			buf[at++] = '%';
			buf[at++] = hex[(unsigned char)*s >> 4];
			buf[at++] = hex[*s & 15];
		}
	}
	if (at < len)
		buf[at] = 0;
	return at;
}

static int hexval(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Unescapes n bytes into out (at least n + 1 bytes). */
static int unescape(const char *s, size_t n, char *out)
{
	while (n) {
		if (*s == '%') {
			if (n < 3 || hexval(s[1]) < 0 || hexval(s[2]) < 0 || (s[1] == '0' && s[2] == '0'))
				return -EINVAL;
			*out++ = hexval(s[1]) * 16 + hexval(s[2]);
			s += 3;
			n -= 3;
		} else {
			*out++ = *s++;
			n--;
		}
	}
	*out = 0;
	return 0;
}

/* --- keys --- */

int cfg_key_of(const struct cli_row *row, const struct cfg_args *args, char *buf, size_t len)
{
	size_t at = 0;

	*buf = 0;
	for (unsigned i = 0; i < row->nkey && at < len; i++) {
		const char *v = cfg_args_get(args, row->key[i]);

		if (i && at + 1 < len)
			buf[at++] = ',';
		at = escape(buf, at, len, v ? v : "");
	}
	return at < len ? 0 : -ENOSPC;
}

struct cfg_node *cfg_child_named(const struct cfg_tree *t, const struct cfg_node *n, const char *row,
                                 const char *name)
{
	char key[CFG_PATH_MAX] = "";

	return escape(key, 0, sizeof(key), name) < sizeof(key) ? cfg_child(t, n, row, key) : NULL;
}

/* --- paths --- */

/* buf gets "row=key" of n, appended to what its parent wrote. */
static size_t path_of(const struct cfg_node *n, char *buf, size_t len)
{
	if (!n->row)
		return 0;
	size_t at = path_of(n->parent, buf, len);
	int k = at < len ? snprintf(buf + at, len - at, "%s%s%s%s", at ? "/" : "", n->row->id,
	                            n->row->nkey ? "=" : "", n->row->nkey ? n->key : "")
	                 : 0;

	return at + k;
}

int cfg_path(const struct cfg_node *n, char *buf, size_t len)
{
	*buf = 0;
	return path_of(n, buf, len) < len ? 0 : -ENOSPC;
}

char *cfg_path_join(const char *block, const struct cli_row *row, const struct cfg_args *args)
{
	char key[CFG_PATH_MAX];
	char *s;

	if (cfg_key_of(row, args, key, sizeof(key)))
		return NULL;
	if (asprintf(&s, "%s%s%s%s%s", block, *block ? "/" : "", row->id, row->nkey ? "=" : "", key) < 0)
		return NULL;
	if (strlen(s) < CFG_PATH_MAX)
		return s;
	free(s);
	return NULL;
}

int cfg_path_next(const char **path, char *id, size_t idlen, char *key, size_t keylen)
{
	const char *p = *path;
	size_t n = strcspn(p, "/"), r = strcspn(p, "=/");

	if (!r || r >= idlen || n - r >= keylen)
		return -EINVAL;
	memcpy(id, p, r);
	id[r] = 0;
	*key = 0;
	if (r < n) {
		memcpy(key, p + r + 1, n - r - 1);
		key[n - r - 1] = 0;
	}
	*path = p + n + (p[n] == '/');
	return p[n] == '/' && !p[n + 1] ? -EINVAL : 0;
}

int cfg_path_split(const struct cfg_tree *t, const char *path, struct cfg_place *out)
{
	char id[256];

	memset(out, 0, sizeof(*out));
	out->mode = cli_grammar_mode(t->g, "config");
	out->parent = t->root;
	if (!*path || strlen(path) >= CFG_PATH_MAX)
		return -EINVAL;
	for (const char *p = path; *p;) {
		if (out->row) {
			/* what the last step named is a block: go in */
			out->parent = out->parent ? cfg_child(t, out->parent, out->row->id, out->key) : NULL;
			out->mode = cli_grammar_enter(out->row, out->parent ? out->parent->args : NULL);
			out->parent_len = p - path - 1;
		}
		if (!out->mode || cfg_path_next(&p, id, sizeof(id), out->key, sizeof(out->key)))
			return -EINVAL;
		out->row = cli_grammar_row(out->mode, id);
		if (!out->row || (!out->row->nkey && *out->key))
			return -EINVAL;
	}
	return 0;
}

const struct cli_row *cfg_path_row(const struct cfg_tree *t, const char *path, size_t *parent)
{
	struct cfg_place pl;

	if (cfg_path_split(t, path, &pl))
		return NULL;
	if (parent)
		*parent = pl.parent_len;
	return pl.row;
}

struct cfg_node *cfg_find(const struct cfg_tree *t, const char *path)
{
	struct cfg_place pl;

	if (!*path)
		return t->root;
	if (cfg_path_split(t, path, &pl) || !pl.parent)
		return NULL;
	return cfg_child(t, pl.parent, pl.row->id, pl.key);
}

/* --- values --- */

char *cfg_value_args(const struct cfg_args *a, bool negated)
{
	size_t size = 2, at = 0;

	for (unsigned i = 0; a && i < a->n; i++)
		size += 3 * (strlen(a->v[i].name) + strlen(a->v[i].value)) + 2;
	char *s = malloc(size);

	if (!s)
		return NULL;
	if (negated)
		s[at++] = '!';
	s[at] = 0;
	for (unsigned i = 0; a && i < a->n; i++) {
		if (i)
			s[at++] = '&';
		at = escape(s, at, size, a->v[i].name);
		s[at++] = '=';
		at = escape(s, at, size, a->v[i].value);
	}
	s[at] = 0;
	return s;
}

char *cfg_value(const struct cfg_node *n)
{
	return cfg_value_args(n->args, n->negated);
}

static int parse_arg(struct cfg_args *a, const char *s, size_t n, char *tmp)
{
	const char *eq = memchr(s, '=', n);

	if (!eq || eq == s)
		return -EINVAL;
	char *name = tmp, *value = tmp + (eq - s) + 1;

	if (unescape(s, eq - s, name) || unescape(eq + 1, n - (eq - s) - 1, value))
		return -EINVAL;
	return cfg_args_add(a, name, value);
}

int cfg_value_parse(const char *s, struct cfg_args **args, bool *negated)
{
	struct cfg_args *a = cfg_args_new();
	size_t len = strlen(s);
	char *tmp = malloc(len + 2);
	int rc = a && tmp ? 0 : -ENOMEM;

	if (len >= CFG_VALUE_MAX)
		rc = -EINVAL;
	*negated = *s == '!';
	if (*negated)
		s++;
	while (!rc && *s) {
		size_t n = strcspn(s, "&");

		rc = parse_arg(a, s, n, tmp);
		s += n;
		if (*s == '&' && !*++s)
			rc = -EINVAL;
	}
	if (tmp)
		explicit_bzero(tmp, len);
	free(tmp);
	if (rc) {
		cfg_args_free(a);
		a = NULL;
	}
	*args = a;
	return rc;
}
