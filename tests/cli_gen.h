/* SPDX-License-Identifier: MIT */
/*
 * Makes lines from grammar rows: a random sentence of a pattern, or the shortest one that contains a variable
 * with a given value. Used by the table, property and fuzz tests of the CLI; deterministic for a seed.
 */
#ifndef TESTS_CLI_GEN_H
#define TESTS_CLI_GEN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/engine/cli_int.h"

struct gen {
	uint64_t seed;
	char *out;
	size_t at, size;
	/* the variable that must be there with this value; NULL: random */
	const struct cli_var *want;
	const char *value;
	bool minimal;
	const struct cfg_args *fixed; /* values by name, for a second line about the same node */
	const char *const *names;     /* names to choose from, so that lines refer to each other; NULL: any */
	unsigned nnames;
	unsigned secrets; /* with names: clear secrets are GEN_SECRET and this number, counted up */
};

/*
 * Lines that rules across settings refuse where they stand alone: what has to be there, from global
 * configuration on, and a line that is then legal.
 */
struct gen_special {
	const char *mode, *row, *before, *line;
};

#define GEN_DEMUX "require session recovery\nrequire demux processing-card\ncontext c\ncrypto map m "
static const struct gen_special gen_specials[] = {
        {"wsg-service", "peer-list",
         "context c\ncrypto peer-list ipv4 p\n#exit\nwsg-service w\ndeployment-mode site-to-site\n",
         "peer-list p"},
        {"crypto-map-ikev1", "ipsec-on-demux", GEN_DEMUX "ipsec-ikev1\n", "ipsec-on-demux"},
        {"crypto-map-ikev2-ipv4", "ipsec-on-demux", GEN_DEMUX "ikev2-ipv4\n", "ipsec-on-demux"},
        {"crypto-map-ikev2-ipv6", "ipsec-on-demux", GEN_DEMUX "ikev2-ipv6\n", "ipsec-on-demux"},
};

static inline const struct gen_special *gen_special_of(const struct cli_row *row)
{
	for (size_t i = 0; i < sizeof(gen_specials) / sizeof(gen_specials[0]); i++)
		if (!strcmp(gen_specials[i].mode, row->mode->name) && !strcmp(gen_specials[i].row, row->id))
			return &gen_specials[i];
	return NULL;
}

/* Why else than for limits and unknown names a generated line may be refused: rules across settings. */
static inline bool gen_rule_refusal(const char *error)
{
	static const char *const texts[] = {
	        "needs deployment-mode",
	        "remove it before",
	        "can not be bound",
	        "is of type",
	        "in use by",
	        "only one of",
	        "overlaps with",
	        "different families",
	        "is not possible in",
	        "can not match",
	        "must be below <start>",
	        "the alarm is raised at",
	        "must be configured before",
	        "ipsec-on-demux needs",
	        "has ipsec-on-demux",
	        "can not be applied",
	        "already",
	        "is needed",
	        "names it",
	        "is bound to",
	        "weak",
	        "can not be removed",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strstr(error, texts[i]))
			return true;
	return false;
}

static inline uint32_t gen_rand(struct gen *g, uint32_t n)
{
	g->seed = g->seed * 6364136223846793005ull + 1442695040888963407ull;
	return n ? (uint32_t)(g->seed >> 33) % n : 0;
}

static inline void gen_put(struct gen *g, const char *s)
{
	size_t n = strlen(s);

	if (g->at + n + 2 > g->size)
		return;
	if (g->at)
		g->out[g->at++] = ' ';
	memcpy(g->out + g->at, s, n + 1);
	g->at += n;
}

/* Quotes a text by the rule of cli_token.c, written down a second time on purpose. */
static inline void gen_put_quoted(struct gen *g, const char *s)
{
	char buf[CLI_LINE_MAX];
	size_t n = 0, slashes = 0;

	buf[n++] = '"';
	for (; *s && n < sizeof(buf) - 400; s++) {
		if (*s == '"')
			for (size_t i = 0; i < slashes + 1; i++)
				buf[n++] = '\\';
		slashes = *s == '\\' ? slashes + 1 : 0;
		buf[n++] = *s;
	}
	while (slashes-- > 0 && n < sizeof(buf) - 3)
		buf[n++] = '\\';
	buf[n++] = '"';
	buf[n] = 0;
	gen_put(g, buf);
}

static inline void gen_text(struct gen *g, const struct cli_var *v, char *buf, size_t size)
{
	static const char *const words[] = {"all", "name", "list",  "a",         "default",
	                                    "no",  "exit", "#exit", "encrypted", "key"};
	static const char chars[] = "abcXYZ019._-/:%,\\\\\" '#|?!{}[]<>&=+$~";
	int64_t lo = v->nranges ? v->ranges[0].lo : 1, hi = v->nranges ? v->ranges[0].hi : 20;
	uint32_t kind = gen_rand(g, 8);

	if (hi > 60)
		hi = 60;
	int64_t n = lo + gen_rand(g, hi - lo + 1);

	if (kind < 3 && (int64_t)strlen(words[(n + kind) % 10]) >= lo &&
	    (int64_t)strlen(words[(n + kind) % 10]) <= hi) {
		snprintf(buf, size, "%s", words[(n + kind) % 10]);
		return;
	}
	for (int64_t i = 0; i < n; i++)
		buf[i] = kind < 6 ? "abcdefghij0123456789"[gen_rand(g, 20)]
		                  : chars[gen_rand(g, sizeof(chars) - 1)];
	buf[n] = 0;
}

static inline void gen_value(struct gen *g, const struct cli_var *v, char *buf, size_t size)
{
	uint32_t a = gen_rand(g, 250) + 1, b = gen_rand(g, 250), r = gen_rand(g, v->nranges ? v->nranges : 1);

	if (!strcmp(v->name, "end")) /* of a range: behind every start */
		a = b = 254;
	switch (v->type) {
	case CLI_INT: {
		const struct cli_range *x = &v->ranges[r];
		uint64_t span = x->hi - x->lo + 1;

		snprintf(buf, size, "%lld", (long long)(x->lo + (int64_t)(gen_rand(g, 0x7fffffff) % span)));
		break;
	}
	case CLI_IPV4:
	case CLI_IP:
		snprintf(buf, size, "10.%u.%u.1", a, b);
		break;
	case CLI_IPV6:
		snprintf(buf, size, "2001:db8::%x:%x", a, b + 1);
		break;
	case CLI_PREFIX4:
	case CLI_PREFIX:
		snprintf(buf, size, "10.%u.0.0/%u", a, 16 + b % 16);
		break;
	case CLI_PREFIX6:
		snprintf(buf, size, "2001:db8:%x::/%u", a, 48 + b % 16);
		break;
	case CLI_MASK:
		snprintf(buf, size, "255.255.%s.0", b & 1 ? "255" : "0");
		break;
	case CLI_WILDCARD:
		snprintf(buf, size, "0.0.%s.255", b & 1 ? "255" : "0");
		break;
	case CLI_SLOTPORT:
		snprintf(buf, size, "%u/%u", a % 20 + 1, b % 30 + 1);
		break;
	case CLI_URL:
		snprintf(buf, size, "/flash/f%u.cfg", a);
		break;
	case CLI_HEXNUM:
		snprintf(buf, size, "0x%02llx",
		         (unsigned long long)(v->ranges[0].lo +
		                              gen_rand(g, v->ranges[0].hi - v->ranges[0].lo + 1)));
		break;
	case CLI_HEX:
		snprintf(buf, size, "0x%x",
		         v->ranges[0].hi >= 8  ? a * 77777u
		         : v->ranges[0].hi > 1 ? a
		                               : a % 16);
		break;
	case CLI_ENUM:
		snprintf(buf, size, "%s", v->enm->words[gen_rand(g, v->enm->n)].word);
		break;
	default:
		gen_text(g, v, buf, size);
	}
}

static inline bool gen_has(const struct cli_node *n, const struct cli_var *v)
{
	bool has = n->kind == CLI_N_VAR && n->var == v;

	for (unsigned i = 0; i < n->nkid; i++)
		has |= gen_has(n->kid[i], v);
	return has;
}

static inline bool is_quotable(enum cli_type t)
{
	return t == CLI_STRING || t == CLI_LINE || t == CLI_SECRET || t == CLI_REF;
}

#define GEN_SECRET "Clear-"

/* One of the names that stand in each other's lines, or a secret that can be looked for. false: anything. */
static inline bool gen_name(struct gen *g, const struct cli_var *v, char *buf, size_t size)
{
	char canon[256];

	if (!g->names || gen_rand(g, 5) == 0)
		return false;
	if (v->type == CLI_SECRET)
		snprintf(buf, size, GEN_SECRET "%u", g->secrets++);
	else if (v->type == CLI_REF || v->type == CLI_STRING)
		snprintf(buf, size, "%s", g->names[gen_rand(g, g->nnames)]);
	else
		return false;
	return !cli_type_check(v, buf, canon, sizeof(canon));
}

static inline void gen_var(struct gen *g, const struct cli_var *v)
{
	char buf[CLI_LINE_MAX];
	const char *fixed = g->fixed ? cfg_args_get(g->fixed, v->name) : NULL;

	if (v == g->want || fixed)
		snprintf(buf, sizeof(buf), "%s", fixed ? fixed : g->value);
	else if (!strcmp(v->name, "date")) /* a text that a rule wants to be one */
		snprintf(buf, sizeof(buf), "2%03u:12:31:23:59", gen_rand(g, 1000));
	else if (!gen_name(g, v, buf, sizeof(buf)))
		gen_value(g, v, buf, sizeof(buf));
	if (is_quotable(v->type))
		gen_put_quoted(g, buf);
	else
		gen_put(g, buf);
}

static inline bool gen_leads(const struct cli_node *n, const char *word)
{
	while (n->kind == CLI_N_SEQ && n->nkid)
		n = n->kid[0];
	return n->kind == CLI_N_WORD && !strcmp(n->word, word);
}

static inline bool gen_known(const struct gen *g, const struct cli_node *n)
{
	if (n->kind == CLI_N_VAR)
		return cfg_args_get(g->fixed, n->var->name);
	for (unsigned i = 0; i < n->nkid; i++)
		if (!gen_known(g, n->kid[i]))
			return false;
	return true;
}

static inline void gen_node(struct gen *g, const struct cli_node *n);

static inline void gen_alt(struct gen *g, const struct cli_node *n)
{
	unsigned pick = g->minimal ? 0 : gen_rand(g, n->nkid);
	const char *fixed = g->fixed && n->label ? cfg_args_get(g->fixed, n->label) : NULL;

	for (unsigned i = 0; i < n->nkid; i++)
		if ((g->want && gen_has(n->kid[i], g->want)) || (fixed && gen_leads(n->kid[i], fixed)))
			pick = i;
	for (unsigned i = 0; g->fixed && !n->label && i < n->nkid; i++)
		if (gen_known(g, n->kid[i])) {
			pick = i;
			break;
		}
	gen_node(g, n->kid[pick]);
	for (unsigned i = 1; n->plus && !g->minimal && i < n->nkid; i++)
		if (gen_rand(g, 2))
			gen_node(g, n->kid[(pick + i) % n->nkid]);
}

static inline void gen_node(struct gen *g, const struct cli_node *n)
{
	bool wanted = g->want && gen_has(n, g->want);
	unsigned times = g->minimal ? 1 : 1 + gen_rand(g, n->repeat);

	if (n->kind == CLI_N_OPT && !wanted && (g->minimal || gen_rand(g, 2)))
		return;
	for (unsigned t = 0; t < times; t++) {
		if (n->kind == CLI_N_WORD)
			gen_put(g, n->word);
		else if (n->kind == CLI_N_VAR)
			gen_var(g, n->var);
		else if (n->kind == CLI_N_ALT)
			gen_alt(g, n);
		else
			for (unsigned i = 0; i < n->nkid; i++)
				gen_node(g, n->kid[i]);
	}
}

/* A line of this tree into buf. */
static inline const char *gen_line(struct gen *g, const struct cli_node *tree, char *buf, size_t size)
{
	g->out = buf;
	g->size = size;
	g->at = 0;
	*buf = 0;
	gen_node(g, tree);
	return buf;
}

/* The row that opens a mode; NULL for config and exec. word: the keyword that makes it so, or NULL. */
static inline const struct cli_row *gen_opener(const struct cli_grammar *gr, const struct cli_mode *m,
                                               const char **word)
{
	*word = NULL;
	for (unsigned i = 0; i < gr->nmodes; i++)
		for (unsigned k = 0; k < gr->modes[i]->nrows; k++) {
			const struct cli_row *row = gr->modes[i]->rows[k];

			if (row->enter == m)
				return row;
			for (unsigned e = 0; e < row->nenters; e++)
				if (row->enters[e].mode == m) {
					*word = row->enters[e].word;
					return row;
				}
		}
	return NULL;
}

/* A session standing in that mode. */
static inline void gen_session(struct cli_session *s, const struct cli_grammar *gr, const struct cli_mode *m)
{
	cli_session_init(s, gr, CLI_PRIV_SECURITY_ADMIN);
	s->test_commands = true;
	if (!strcmp(m->name, "exec"))
		return;
	cli_session_configure(s);
	if (strcmp(m->name, "config"))
		cli_session_enter(s, m, "block=1", "1");
}

#endif
