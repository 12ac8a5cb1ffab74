/* SPDX-License-Identifier: MIT */
/*
 * Matcher of a command's output against a drill's expected lines: wildcards, typed words, captures that must
 * stay the same. Backtracking with a bound on its steps, so that no pattern can run away. No I/O.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drill/drill.h"

#define MATCH_STEPS_MAX    2000000u
#define MATCH_CAPTURES_MAX 64
#define MATCH_LINES_MAX    20000u

struct capture {
	char name[32];
	const char *text;
	size_t len;
};

struct matcher {
	char *const *expect;
	unsigned n;
	struct span {
		const char *text;
		size_t len;
	} * lines;
	unsigned nlines;
	const struct drill_vars *vars;
	struct capture captures[MATCH_CAPTURES_MAX];
	unsigned ncaptures;
	unsigned steps, furthest, at_line; /* how far it came, for the reason */
};

/* A typed word of a pattern: <int>, <int:1-9>, <spi:name>. */
struct token {
	const char *type;
	size_t typelen;
	char name[32];
	bool ranged;
	long long lo, hi;
	size_t len; /* in the pattern */
};

static bool is_int(int c)
{
	return isdigit(c) || c == '-';
}

static bool is_hex(int c)
{
	return isxdigit(c) || c == 'x' || c == 'X';
}

static bool is_ip(int c)
{
	return isxdigit(c) || c == '.' || c == ':';
}

static bool is_word(int c)
{
	return c && !isspace(c);
}

static const struct {
	const char *name;
	bool (*class)(int c);
} types[] = {{"int", is_int}, {"hex", is_hex},   {"spi", is_hex},
             {"ip", is_ip},   {"word", is_word}, {"not", is_word}};

static bool (*token_class(const struct token *t))(int c)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strlen(types[i].name) == t->typelen && !memcmp(types[i].name, t->type, t->typelen))
			return types[i].class;
	}
	return NULL;
}

/* Is there a typed word at p? */
static bool token_parse(const char *p, struct token *t)
{
	const char *end = *p == '<' ? strchr(p, '>') : NULL, *colon;
	size_t n;

	if (!end || end - p > 60)
		return false;
	*t = (struct token){.type = p + 1, .len = (size_t)(end - p) + 1};
	colon = memchr(p, ':', (size_t)(end - p));
	t->typelen = (size_t)((colon ? colon : end) - p) - 1;
	if (!token_class(t))
		return false;
	if (!colon)
		return true;
	if (sscanf(colon, ":%lld-%lld>", &t->lo, &t->hi) == 2) {
		t->ranged = true;
		return true;
	}
	n = (size_t)(end - colon) - 1;
	if (!n || n >= sizeof(t->name))
		return false;
	memcpy(t->name, colon + 1, n);
	t->name[n] = '\0';
	return true;
}

/* The value this name must have, or NULL when it is free. */
static const char *bound(const struct matcher *m, const char *name, size_t *len)
{
	const char *v;

	for (unsigned i = 0; i < m->ncaptures; i++) {
		if (!strcmp(m->captures[i].name, name)) {
			*len = m->captures[i].len;
			return m->captures[i].text;
		}
	}
	v = drill_vars_get(m->vars, name);
	if (v)
		*len = strlen(v);
	return v;
}

static bool is_not(const struct token *t)
{
	return t->typelen == 3 && !memcmp(t->type, "not", 3);
}

static bool token_accepts(struct matcher *m, const struct token *t, const char *s, size_t len)
{
	char text[80];
	const char *want;
	size_t wantlen;
	unsigned char addr[16];

	if (is_not(t)) {
		want = bound(m, t->name, &wantlen);
		return want && (wantlen != len || strncasecmp(want, s, len));
	}
	if (t->name[0] && (want = bound(m, t->name, &wantlen)))
		return wantlen == len && !strncasecmp(want, s, len);
	if (len >= sizeof(text))
		return !t->ranged && token_class(t) == is_word;
	memcpy(text, s, len);
	text[len] = '\0';
	if (token_class(t) == is_ip)
		return inet_pton(AF_INET, text, addr) == 1 || inet_pton(AF_INET6, text, addr) == 1;
	if (token_class(t) == is_int) {
		char *end;
		long long v = strtoll(text, &end, 10);

		return !*end && end != text && (!t->ranged || (v >= t->lo && v <= t->hi));
	}
	if (token_class(t) == is_hex)
		return !strpbrk(text + 1, "xX") || (text[0] == '0' && len > 2 && (text[1] | 32) == 'x');
	return true;
}

static bool match_line(struct matcher *m, const char *p, const char *s, const char *end);

static bool match_token(struct matcher *m, const struct token *t, const char *p, const char *s,
                        const char *end)
{
	bool (*class)(int c) = token_class(t);
	size_t max = 0;

	while (s + max < end && class((unsigned char)s[max]))
		max++;
	for (size_t n = max; n > 0 && !(is_not(t) && n < max); n--) {
		unsigned saved = m->ncaptures;
		size_t len;

		if (!token_accepts(m, t, s, n))
			continue;
		if (t->name[0] && !is_not(t) && !bound(m, t->name, &len) &&
		    m->ncaptures < MATCH_CAPTURES_MAX) {
			struct capture *c = &m->captures[m->ncaptures++];

			memcpy(c->name, t->name, sizeof(c->name));
			c->text = s;
			c->len = n;
		}
		if (match_line(m, p + t->len, s + n, end))
			return true;
		m->ncaptures = saved;
	}
	return false;
}

static bool match_star(struct matcher *m, const char *p, const char *s, const char *end)
{
	for (; s <= end; s++) {
		if (match_line(m, p, s, end))
			return true;
		if (m->steps > MATCH_STEPS_MAX)
			return false;
	}
	return false;
}

/* Pattern p against s..end. Blanks are one blank; both are free of leading and trailing ones. */
static bool match_line(struct matcher *m, const char *p, const char *s, const char *end)
{
	struct token t;

	for (;;) {
		if (++m->steps > MATCH_STEPS_MAX)
			return false;
		if (!*p)
			return s == end;
		if (isspace((unsigned char)*p)) {
			const char *from = s;

			while (isspace((unsigned char)*p))
				p++;
			while (s < end && isspace((unsigned char)*s))
				s++;
			if (s == from && *p != '*')
				return false;
			continue;
		}
		if (*p == '*') {
			while (*p == '*')
				p++;
			return match_star(m, p, s, end);
		}
		if (token_parse(p, &t))
			return match_token(m, &t, p, s, end);
		if (*p == '\\' && p[1])
			p++;
		if (s == end || *p != *s)
			return false;
		p++;
		s++;
	}
}

/* Expected lines from e on against output lines from l on. */
static bool match_lines(struct matcher *m, unsigned e, unsigned l)
{
	while (e < m->n) {
		const char *p = m->expect[e] + strspn(m->expect[e], " \t");

		if (e > m->furthest || (e == m->furthest && l > m->at_line)) {
			m->furthest = e;
			m->at_line = l;
		}
		if (!strcmp(p, "...")) {
			unsigned saved = m->ncaptures;

			for (; l <= m->nlines; l++) {
				if (match_lines(m, e + 1, l))
					return true;
				m->ncaptures = saved;
				if (m->steps > MATCH_STEPS_MAX)
					return false;
			}
			return false;
		}
		if (l == m->nlines || !match_line(m, p, m->lines[l].text, m->lines[l].text + m->lines[l].len))
			return false;
		e++;
		l++;
	}
	if (l < m->nlines && m->furthest < m->n) {
		m->furthest = m->n;
		m->at_line = l;
	}
	return l == m->nlines;
}

/* "Tuesday March 05 17:13:14 UTC 2024" */
static bool is_date(const char *s, size_t len)
{
	char day[16], month[16], zone[16], text[64];
	int d, h, mi, sec, y, used = 0;

	if (len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	return sscanf(text, "%15[A-Za-z] %15[A-Za-z] %2d %2d:%2d:%2d %15s %4d%n", day, month, &d, &h, &mi,
	              &sec, zone, &y, &used) == 8 &&
	       used == (int)len && strlen(day) > 3 && !strcmp(day + strlen(day) - 3, "day");
}

/* The lines of output that count, trimmed. */
static bool split(struct matcher *m, const char *out)
{
	unsigned size = 0;

	while (*out) {
		size_t n = strcspn(out, "\n"), len = n;
		const char *s = out;

		while (len && isspace((unsigned char)s[len - 1]))
			len--;
		while (len && isspace((unsigned char)*s)) {
			s++;
			len--;
		}
		out += n + (out[n] == '\n');
		if (!len || is_date(s, len))
			continue;
		if (m->nlines == size) {
			struct span *l;

			size = size ? size * 2 : 64;
			l = size > MATCH_LINES_MAX ? NULL : realloc(m->lines, size * sizeof(*l));
			if (!l)
				return false;
			m->lines = l;
		}
		m->lines[m->nlines++] = (struct span){s, len};
	}
	return true;
}

static bool store(struct matcher *m, struct drill_vars *vars)
{
	for (unsigned i = 0; i < m->ncaptures; i++) {
		struct drill_var *v;

		if (vars->n == vars->size) {
			unsigned size = vars->size ? vars->size * 2 : 16;

			v = realloc(vars->v, size * sizeof(*v));
			if (!v)
				return false;
			vars->v = v;
			vars->size = size;
		}
		v = &vars->v[vars->n];
		v->name = strdup(m->captures[i].name);
		v->value = strndup(m->captures[i].text, m->captures[i].len);
		vars->n++;
		if (!v->name || !v->value)
			return false;
	}
	return true;
}

static void explain(const struct matcher *m, char *err, size_t errlen)
{
	const char *want = m->furthest < m->n ? m->expect[m->furthest] : "no more lines";

	if (m->steps > MATCH_STEPS_MAX)
		snprintf(err, errlen, "the expected lines have too many wildcards to decide");
	else if (m->at_line < m->nlines)
		snprintf(err, errlen, "expected \"%.120s\", got \"%.*s\"", want,
		         (int)(m->lines[m->at_line].len > 160 ? 160 : m->lines[m->at_line].len),
		         m->lines[m->at_line].text);
	else
		snprintf(err, errlen, "expected \"%.120s\", but the output ended", want);
}

bool drill_match(char *const *expect, unsigned n, const char *output, struct drill_vars *vars, char *err,
                 size_t errlen)
{
	struct matcher *m = calloc(1, sizeof(*m));
	bool ok = false;

	err[0] = '\0';
	if (!m)
		return false;
	m->expect = expect;
	m->n = n;
	m->vars = vars;
	if (!split(m, output))
		snprintf(err, errlen, "the output has more than %u lines", MATCH_LINES_MAX);
	else if (!match_lines(m, 0, 0))
		explain(m, err, errlen);
	else
		ok = store(m, vars);
	free(m->lines);
	free(m);
	return ok;
}

const char *drill_vars_get(const struct drill_vars *vars, const char *name)
{
	for (unsigned i = 0; i < vars->n; i++) {
		if (!strcmp(vars->v[i].name, name))
			return vars->v[i].value;
	}
	return NULL;
}

void drill_vars_clear(struct drill_vars *vars)
{
	for (unsigned i = 0; i < vars->n; i++) {
		free(vars->v[i].name);
		free(vars->v[i].value);
	}
	free(vars->v);
	*vars = (struct drill_vars){0};
}

char *drill_expand(const char *text, const struct drill_vars *vars, char *err, size_t errlen)
{
	char *out = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);

	if (!f)
		return NULL;
	while (*text) {
		const char *end = !strncmp(text, "<=", 2) ? strchr(text, '>') : NULL, *value;
		char name[32];

		if (!end || end - text - 2 >= (long)sizeof(name)) {
			fputc(*text++, f);
			continue;
		}
		memcpy(name, text + 2, (size_t)(end - text) - 2);
		name[end - text - 2] = '\0';
		value = drill_vars_get(vars, name);
		if (!value) {
			snprintf(err, errlen, "nothing was captured as <%s>", name);
			fclose(f);
			free(out);
			return NULL;
		}
		fputs(value, f);
		text = end + 1;
	}
	fclose(f);
	return out;
}
