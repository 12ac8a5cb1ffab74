/* SPDX-License-Identifier: MIT */
/*
 * The variable types of the grammar: how <name:type:range=default> is written, which words are legal values,
 * and the StarOS-like error text when one is not. cli_type_check() is called by the matcher for every value
 * typed and by cfg_check() for every value that reaches the configuration by another way.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/url.h"
#include "cli/engine/cli_int.h"

static const struct type_info {
	const char *name;
	int64_t min, max; /* when the grammar gives no range */
	const char *what;
} types[] = {
        [CLI_INT] = {"int", 0, UINT32_MAX, "integer"},
        [CLI_STRING] = {"string", 1, 127, "string"},
        [CLI_LINE] = {"line", 1, 511, "text"},
        [CLI_IPV4] = {"ipv4", 0, 0, "IPv4 address"},
        [CLI_IPV6] = {"ipv6", 0, 0, "IPv6 address"},
        [CLI_IP] = {"ip", 0, 0, "IPv4 or IPv6 address"},
        [CLI_PREFIX4] = {"prefix4", 0, 0, "IPv4 address/length"},
        [CLI_PREFIX6] = {"prefix6", 0, 0, "IPv6 address/length"},
        [CLI_PREFIX] = {"prefix", 0, 0, "IP address/length"},
        [CLI_MASK] = {"mask", 0, 0, "IPv4 network mask"},
        [CLI_WILDCARD] = {"wildcard", 0, 0, "IPv4 wildcard such as 0.0.0.255"},
        [CLI_SLOTPORT] = {"slotport", 0, 0, "slot/port"},
        [CLI_URL] = {"url", 1, 1024, "file or URL"},
        [CLI_SECRET] = {"secret", 1, 127, "secret string"},
        [CLI_HEX] = {"hex", 1, 16, "hexadecimal number"},
        [CLI_HEXNUM] = {"hexnum", 0, UINT32_MAX, "hexadecimal number"},
        [CLI_ENUM] = {"enum", 0, 0, "keyword"},
        [CLI_REF] = {"ref", 1, 127, "name"},
};

static bool is_text(enum cli_type t)
{
	return t == CLI_STRING || t == CLI_LINE || t == CLI_URL || t == CLI_SECRET || t == CLI_REF;
}

/* --- reading a declaration --- */

static int fail(char *err, size_t errlen, const char *what, const char *spec)
{
	snprintf(err, errlen, "%s in <%s>", what, spec);
	return -EINVAL;
}

static int parse_ranges(struct cli_grammar *g, struct cli_var *v, const char *s)
{
	struct cli_range r[16] = {{0}};
	unsigned n = 0;

	while (*s && n < 16) {
		char *end;

		errno = 0;
		r[n].lo = r[n].hi = strtoll(s, &end, 10);
		if (end == s || errno)
			return -EINVAL;
		if (*end == '-') {
			s = end + 1;
			r[n].hi = strtoll(s, &end, 10);
			if (end == s || errno || r[n].hi < r[n].lo)
				return -EINVAL;
		}
		n++;
		if (*end && *end != ',')
			return -EINVAL;
		s = *end ? end + 1 : end;
	}
	v->nranges = n;
	v->ranges = cli_arena_alloc(&g->arena, n * sizeof(*r));
	memcpy(v->ranges, r, n * sizeof(*r));
	return 0;
}

static int parse_ref(struct cli_grammar *g, struct cli_var *v, char *spec)
{
	size_t len = strlen(spec);

	if (len && spec[len - 1] == '!') {
		v->must = true;
		spec[len - 1] = 0;
	}
	char *at = strchr(spec, '@');

	if (at) {
		*at = 0;
		v->ref_in = cli_arena_strdup(&g->arena, at + 1);
	}
	v->ref = cli_arena_strdup(&g->arena, spec);
	return *spec ? 0 : -EINVAL;
}

/* The part after the name: "1-20", "string:1-31", "ref:ip-pool@context!:1-31", "logfacility". */
static int parse_kind(struct cli_grammar *g, struct cli_var *v, const char *kind, char *range)
{
	if (isdigit((unsigned char)*kind) || *kind == '-') {
		v->type = CLI_INT;
		return parse_ranges(g, v, kind);
	}
	size_t i;

	v->raw = !strcmp(kind, "rest");
	if (v->raw)
		kind = "line";
	v->oneway = !strcmp(kind, "password");
	if (v->oneway)
		kind = "secret";
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (i != CLI_ENUM && !strcmp(types[i].name, kind))
			break;
	if (i == sizeof(types) / sizeof(types[0])) {
		v->enm = cli_grammar_enum(g, kind);
		v->type = CLI_ENUM;
		return v->enm ? 0 : -EINVAL;
	}
	v->type = i;
	if (v->type == CLI_REF) {
		char *colon = range ? strchr(range, ':') : NULL;

		if (!range)
			return -EINVAL;
		if (colon)
			*colon = 0;
		if (parse_ref(g, v, range))
			return -EINVAL;
		range = colon ? colon + 1 : NULL;
	}
	if (range)
		return parse_ranges(g, v, range);
	if (types[i].max) {
		v->nranges = 1;
		v->ranges = cli_arena_alloc(&g->arena, sizeof(*v->ranges));
		v->ranges[0] = (struct cli_range){types[i].min, types[i].max};
	}
	return 0;
}

int cli_type_parse(struct cli_grammar *g, struct cli_var *v, const char *spec, char *err, size_t errlen)
{
	char *s = cli_arena_strdup(&g->arena, spec);
	char *eq = strchr(s, '=');
	char *kind = strchr(s, ':');
	char *range = NULL;
	char canon[CLI_LINE_MAX];

	if (eq) {
		*eq = 0;
		v->dflt = eq + 1;
	}
	if (kind && eq && kind > eq)
		kind = NULL;
	if (kind) {
		*kind++ = 0;
		range = strchr(kind, ':');
		if (range)
			*range++ = 0;
	}
	v->name = s;
	if (!*s)
		return fail(err, errlen, "no name", spec);
	if (parse_kind(g, v, kind ? kind : "string", range))
		return fail(err, errlen, "unknown type or bad range", spec);
	if (v->dflt && cli_type_check(v, v->dflt, canon, sizeof(canon)))
		return fail(err, errlen, "illegal default", spec);
	return 0;
}

/* --- checking a value --- */

static void print_ranges(const struct cli_var *v, char *buf, size_t len)
{
	size_t at = 0;

	*buf = 0;
	for (unsigned i = 0; i < v->nranges && at < len; i++) {
		const struct cli_range *r = &v->ranges[i];

		if (v->type == CLI_HEXNUM)
			at += snprintf(buf + at, len - at, "%s0x%02llx to 0x%02llx", i ? ", " : "",
			               (unsigned long long)r->lo, (unsigned long long)r->hi);
		else if (r->lo == r->hi)
			at += snprintf(buf + at, len - at, "%s%lld", i ? ", " : "", (long long)r->lo);
		else
			at += snprintf(buf + at, len - at, "%s%lld to %lld", i ? ", " : "", (long long)r->lo,
			               (long long)r->hi);
	}
}

const char *cli_type_describe(const struct cli_var *v, char *buf, size_t len)
{
	char r[256];

	print_ranges(v, r, sizeof(r));
	if (v->type == CLI_INT)
		snprintf(buf, len, "integer %s", r);
	else if (is_text(v->type))
		snprintf(buf, len, "%s of %s characters", types[v->type].what, r);
	else if (v->type == CLI_HEX)
		snprintf(buf, len, "hexadecimal number of %s digits", r);
	else if (v->type == CLI_HEXNUM)
		snprintf(buf, len, "hexadecimal number %s", r);
	else
		snprintf(buf, len, "%s", types[v->type].what);
	return buf;
}

static bool in_range(const struct cli_var *v, int64_t n)
{
	for (unsigned i = 0; i < v->nranges; i++)
		if (n >= v->ranges[i].lo && n <= v->ranges[i].hi)
			return true;
	return !v->nranges;
}

/* The complaint. Long values are cut: the text goes to a terminal. */
static int bad(const struct cli_var *v, const char *text, char *out, size_t len)
{
	char r[256], shown[80];
	const char *more = strlen(text) > 64 ? "..." : "";

	if (v->type == CLI_SECRET)
		text = "****", more = "";
	else if (v->type == CLI_URL)
		text = url_shown(text, shown, sizeof(shown));
	print_ranges(v, r, sizeof(r));
	if (v->type == CLI_INT || v->type == CLI_HEXNUM)
		snprintf(out, len, "Invalid value %.64s%s for <%s>; the legal range is %s", text, more,
		         v->name, r);
	else if (is_text(v->type))
		snprintf(out, len, "Invalid value \"%.64s%s\" for <%s>; the legal length is %s characters",
		         text, more, v->name, r);
	else if (v->type == CLI_HEX)
		snprintf(out, len, "Invalid value %.64s%s for <%s>; %s hexadecimal digits are expected", text,
		         more, v->name, r);
	else
		snprintf(out, len, "Invalid value %.64s%s for <%s>; %s %s is expected", text, more, v->name,
		         strchr("AEIOUaeiou", types[v->type].what[0]) ? "an" : "a", types[v->type].what);
	return -EINVAL;
}

static int check_int(const struct cli_var *v, const char *text, char *out, size_t len)
{
	char *end;

	errno = 0;
	long long n = strtoll(text, &end, 10);

	if (errno || end == text || *end || !(isdigit((unsigned char)*text) || *text == '-') ||
	    !in_range(v, n))
		return bad(v, text, out, len);
	snprintf(out, len, "%lld", n);
	return 0;
}

/* Length in characters, not bytes; control characters and broken UTF-8 are refused. -1: refused. */
static int64_t text_length(const char *s)
{
	int64_t n = 0;

	for (const unsigned char *p = (const unsigned char *)s; *p; n++) {
		int more = *p < 0x80             ? 0
		           : (*p & 0xe0) == 0xc0 ? 1
		           : (*p & 0xf0) == 0xe0 ? 2
		           : (*p & 0xf8) == 0xf0 ? 3
		                                 : -1;

		if (more < 0 || *p < 0x20 || *p == 0x7f)
			return -1;
		for (p++; more; more--, p++)
			if ((*p & 0xc0) != 0x80)
				return -1;
	}
	return n;
}

static int check_text(const struct cli_var *v, const char *text, char *out, size_t len)
{
	int64_t n = text_length(text);

	if (n < 0 || !in_range(v, n) || strlen(text) >= len)
		return bad(v, text, out, len);
	memmove(out, text, strlen(text) + 1);
	return 0;
}

/* How much longer a URL is than what was typed, because its password is sealed (lib/secret: "+O" and
 * base64url of 28 bytes and the password). */
static int64_t sealed_extra(const char *url)
{
	size_t at, n;

	if (!url_password(url, &at, &n) || n < 2 + 39 || strncmp(url + at, "+O", 2))
		return 0;
	return (int64_t)n - ((int64_t)(n - 2) * 3 / 4 - 28);
}

/* A URL of its length before its password was sealed. */
static int check_url_text(const struct cli_var *v, const char *text, char *out, size_t len)
{
	int64_t n = text_length(text);

	if (n < 0 || !in_range(v, n - sealed_extra(text)) || strlen(text) >= len)
		return bad(v, text, out, len);
	memmove(out, text, strlen(text) + 1);
	return 0;
}

static int check_url(const struct cli_var *v, const char *text, char *out, size_t len)
{
	char shown[80];
	static const char *const start[] = {"/",      "file:/",  "http://", "https://",
	                                    "ftp://", "sftp://", "tftp://", "ldap://"};

	for (size_t i = 0; i < sizeof(start) / sizeof(start[0]); i++)
		if (!strncasecmp(text, start[i], strlen(start[i])) && !strpbrk(text, " \t\"")) {
			if (url_authority_ok(text))
				return check_url_text(v, text, out, len);
			snprintf(out, len,
			         "Invalid URL for <%s>; expected host[:port] or user[:password]@host[:port] "
			         "after ://, with %%2F for a / in it",
			         v->name);
			return -EINVAL;
		}
	snprintf(out, len,
	         "Invalid value %.64s for <%s>; expected a path such as /flash/system.cfg or a "
	         "file:, http, https, ftp, sftp or tftp URL",
	         url_shown(text, shown, sizeof(shown)), v->name);
	return -EINVAL;
}

static int check_addr(const struct cli_var *v, const char *text, char *out, size_t len)
{
	unsigned char a[16];
	char tmp[INET6_ADDRSTRLEN];
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;
	bool ok = v->type == CLI_IP || (v->type == CLI_IPV6) == (family == AF_INET6);

	if (!ok || inet_pton(family, text, a) != 1)
		return bad(v, text, out, len);
	inet_ntop(family, a, tmp, sizeof(tmp));
	snprintf(out, len, "%s", tmp);
	return 0;
}

static int check_prefix(const struct cli_var *v, const char *text, char *out, size_t len)
{
	unsigned char a[16];
	char addr[INET6_ADDRSTRLEN], tmp[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;
	char *end;

	if (!slash || (size_t)(slash - text) >= sizeof(addr) || !isdigit((unsigned char)slash[1]))
		return bad(v, text, out, len);
	memcpy(addr, text, slash - text);
	addr[slash - text] = 0;
	unsigned long bits = strtoul(slash + 1, &end, 10);

	if (*end || bits > (family == AF_INET ? 32 : 128) || inet_pton(family, addr, a) != 1)
		return bad(v, text, out, len);
	if (v->type != CLI_PREFIX && (v->type == CLI_PREFIX6) != (family == AF_INET6))
		return bad(v, text, out, len);
	inet_ntop(family, a, tmp, sizeof(tmp));
	snprintf(out, len, "%s/%lu", tmp, bits);
	return 0;
}

static int check_mask(const struct cli_var *v, const char *text, char *out, size_t len)
{
	struct in_addr a;

	if (inet_pton(AF_INET, text, &a) != 1)
		return bad(v, text, out, len);
	uint32_t inv = v->type == CLI_MASK ? ~ntohl(a.s_addr) : ntohl(a.s_addr);

	if (inv & (inv + 1))
		return bad(v, text, out, len);
	snprintf(out, len, "%s", text);
	return 0;
}

static int check_slotport(const struct cli_var *v, const char *text, char *out, size_t len)
{
	unsigned slot, port;
	int used = 0;

	if (text[strspn(text, "0123456789/")] || strlen(text) > 5 ||
	    sscanf(text, "%u/%u%n", &slot, &port, &used) != 2 || text[used] || slot < 1 || slot > 20 ||
	    port < 1 || port > 64)
		return bad(v, text, out, len);
	snprintf(out, len, "%u/%u", slot, port);
	return 0;
}

static int check_hex(const struct cli_var *v, const char *text, char *out, size_t len)
{
	const char *p = text + (text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 2 : 0);
	size_t n = strspn(p, "0123456789abcdefABCDEF");

	if (p[n] || !in_range(v, n) || n + 3 > len)
		return bad(v, text, out, len);
	out[0] = '0';
	out[1] = 'x';
	for (size_t i = 0; i <= n; i++)
		out[2 + i] = tolower((unsigned char)p[i]);
	return 0;
}

static int check_hexnum(const struct cli_var *v, const char *text, char *out, size_t len)
{
	const char *p = text + (text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 2 : 0);
	size_t n = strspn(p, "0123456789abcdefABCDEF");
	unsigned long long x = n && n <= 15 ? strtoull(p, NULL, 16) : 0;

	if (!n || n > 15 || p[n] || !in_range(v, (int64_t)x))
		return bad(v, text, out, len);
	snprintf(out, len, "0x%02llx", x);
	return 0;
}

/* A full word, or an unambiguous start of one. */
static int check_enum(const struct cli_var *v, const char *text, char *out, size_t len)
{
	const char *found = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < v->enm->n && *text; i++) {
		const char *w = v->enm->words[i].word;

		if (!cli_word_prefix(w, text))
			continue;
		found = w;
		n++;
		if (strlen(w) == strlen(text)) {
			n = 1;
			break;
		}
	}
	if (n == 1) {
		snprintf(out, len, "%s", found);
		return 0;
	}
	snprintf(out, len, "Invalid value \"%.64s\" for <%s>; %s", text, v->name,
	         n ? "it is the start of several keywords" : "not one of its keywords, see ?");
	return -EINVAL;
}

int cli_type_check(const struct cli_var *v, const char *text, char *out, size_t len)
{
	switch (v->type) {
	case CLI_INT:
		return check_int(v, text, out, len);
	case CLI_STRING:
	case CLI_LINE:
	case CLI_SECRET:
	case CLI_REF:
		return check_text(v, text, out, len);
	case CLI_URL:
		return check_url(v, text, out, len);
	case CLI_IPV4:
	case CLI_IPV6:
	case CLI_IP:
		return check_addr(v, text, out, len);
	case CLI_PREFIX4:
	case CLI_PREFIX6:
	case CLI_PREFIX:
		return check_prefix(v, text, out, len);
	case CLI_MASK:
	case CLI_WILDCARD:
		return check_mask(v, text, out, len);
	case CLI_SLOTPORT:
		return check_slotport(v, text, out, len);
	case CLI_HEX:
		return check_hex(v, text, out, len);
	case CLI_HEXNUM:
		return check_hexnum(v, text, out, len);
	case CLI_ENUM:
		return check_enum(v, text, out, len);
	}
	return -EINVAL;
}
