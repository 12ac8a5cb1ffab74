/* SPDX-License-Identifier: MIT */
/*
 * Weak algorithms (IPSec Reference chapter 7, after ANSSI): while `ikesa delete on-mismatch` is on, crypto
 * maps take none of the algorithms of one table, neither by a line nor by a default. Templates are not
 * concerned: a transform set is looked at when a map names it. Table of rules: cfg_rules.c.
 */
#include <stdio.h>
#include <string.h>

#include "cfg/cfg_rules.h"

/* mode: where the setting stands; row NULL: an argument of the line that opens the mode. Words with blanks
 * around. */
static const struct weak {
	const char *mode, *row, *var, *words, *legal;
} weaks[] = {
        {"ikev2-transform-set", "encryption", "encryption", " des-cbc 3des-cbc null ",
         "aes-cbc-128, aes-cbc-256"},
        {"ikev2-transform-set", "hmac", "hmac", " aes-xcbc-96 md5-96 sha1-96 ",
         "sha2-256-128, sha2-384-192, sha2-512-256"},
        {"ikev2-transform-set", "prf", "prf", " aes-scbc-128 md5 sha1 ", "sha2-256, sha2-384, sha2-512"},
        {"ikev2-transform-set", "group", "group", " 1 2 ", "5, 14 and above"},
        {"ipsec-transform-set", "encryption", "encryption", " des-cbc 3des-cbc null ", "AES"},
        {"ipsec-transform-set", "hmac", "hmac", " aes-xcbc-96 md5-96 sha1-96 ",
         "sha2-256-128, sha2-384-192, sha2-512-256"},
        {"ipsec-transform-set", "group", "group", " 1 2 none ", "5, 14 and above"},
        {"ikev1-policy", "encryption", "encryption", " des-cbc 3des-cbc ", "aes-cbc-128, aes-cbc-256"},
        {"ikev1-policy", "hash", "hash", " md5 ", "sha1"},
        {"ikev1-policy", "group", "group", " 1 2 ", "5, 14"},
        {"ipsec-ikev1-transform-set", NULL, "cipher", " des-cbc 3des-cbc ", "aes-cbc-128, aes-cbc-256"},
        {"ipsec-ikev1-transform-set", NULL, "esp", " md5-96 none ", "sha1-96"},
        {"ipsec-ikev1-transform-set", NULL, "ah", " md5-96 ", "sha1-96"},
        {"crypto-map-ikev1", "set-pfs", "group", " group1 group2 ", "group5, group14"},
        {"crypto-map-dynamic", "set-pfs", "group", " group1 group2 ", "group5, group14"},
};
#define WEAKS (sizeof(weaks) / sizeof(weaks[0]))

#define WHILE "while ikesa delete on-mismatch is configured"

static bool is_weak(const struct weak *w, const char *value)
{
	size_t n = value ? strlen(value) : 0;

	for (const char *p = w->words; n && (p = strstr(p, value)); p += n)
		if (p > w->words && p[-1] == ' ' && p[n] == ' ')
			return true;
	return false;
}

static bool in_force(const struct cfg_tree *t)
{
	return cfg_child(t, t->root, "ikesa-delete-on-mismatch", NULL);
}

/* The first weak value of a block, configured or (all) by default. NULL: none. */
static const struct weak *weak_in(const struct cfg_tree *t, const struct cfg_node *n, bool all,
                                  const char **value)
{
	const struct cli_mode *m = cfg_mode(t, n);

	for (size_t i = 0; m && i < WEAKS; i++) {
		if (strcmp(weaks[i].mode, m->name))
			continue;
		if (!all && weaks[i].row && !cfg_child(t, n, weaks[i].row, NULL))
			continue;
		*value = weaks[i].row ? cfg_get(t, n, weaks[i].row, weaks[i].var) : cfg_arg(n, weaks[i].var);
		if (is_weak(&weaks[i], *value))
			return &weaks[i];
	}
	return NULL;
}

/* --- does a map use this set? --- */

static bool map_uses(const struct cfg_tree *t, const struct cfg_node *map, const char *row, const char *name)
{
	const struct cfg_node *p;

	if (!strcmp(row, "ikev2-ikesa-transform-set"))
		return cfg_lists(t, map, "ikev2-ikesa-transform-set-list", "set", name);
	cfg_foreach(p, map,
	            "payload") if (cfg_lists(t, p, "ipsec-transform-set-list", "set", name)) return true;
	return false;
}

/* IKEv1 has no templates: its policies and sets are always of maps. */
static bool of_maps(const struct cfg_tree *t, const struct cfg_node *n)
{
	const struct cfg_node *m;

	if (strcmp(n->row->id, "ikev2-ikesa-transform-set") && strcmp(n->row->id, "ipsec-transform-set"))
		return true;
	cfg_foreach(m, n->parent, "crypto-map") if (map_uses(t, m, n->row->id, cfg_name(n))) return true;
	return false;
}

/* --- rules --- */

/* A line that names an algorithm, or that goes and leaves a weak default. */
int rule_weak_line(const struct cfg_line *l, char *err, size_t len)
{
	if (!in_force(l->t) || !of_maps(l->t, l->block))
		return 0;
	for (size_t i = 0; i < WEAKS; i++) {
		const struct weak *w = &weaks[i];
		bool opener = !w->row && !strcmp(l->row->id, "crypto-ipsec-transform-set");
		const char *value;

		if (!opener && (!w->row || strcmp(w->row, l->row->id) || strcmp(w->mode, l->row->mode->name)))
			continue;
		value = !l->going      ? cfg_line_arg(l, w->var)
		        : l->row->dflt ? cfg_args_get(l->row->dflt, w->var)
		                       : NULL;
		if (is_weak(w, value))
			return cfg_rule_complain(
			        err, len, "Invalid value %s; it is weak and refused " WHILE "; legal are %s",
			        value, w->legal);
	}
	return 0;
}

/* A map's line that names sets; all: also of those whose weak values are defaults. */
static int weak_list(const struct cfg_line *l, bool all, char *err, size_t len)
{
	const struct cfg_node *ctx = cfg_context_of(l->block);
	const char *row = !strcmp(l->row->id, "ikev2-ikesa-transform-set-list") ? "ikev2-ikesa-transform-set"
	                  : !strcmp(l->row->id, "set-transform-set")            ? "crypto-ipsec-transform-set"
	                                                                        : "ipsec-transform-set";
	const char *name, *value;

	if (!in_force(l->t))
		return 0;
	for (unsigned i = 0; (name = cfg_args_nth(l->args, "set", i)); i++) {
		const struct cfg_node *set = cfg_named(ctx, row, name);
		const struct weak *w = set ? weak_in(l->t, set, all, &value) : NULL;

		if (w)
			return cfg_rule_complain(err, len,
			                         "%s %.127s has the weak %s %s, which is refused " WHILE
			                         "; legal are %s",
			                         row, name, w->var, value, w->legal);
	}
	return 0;
}

/*
 * The line is refused for what a set was told. Its defaults are for rule_weak_list_all(): a set that a map
 * names may be made later, and is then weak for as long as its lines are typed.
 */
int rule_weak_list(const struct cfg_line *l, char *err, size_t len)
{
	return weak_list(l, false, err, len);
}

int rule_weak_list_all(const struct cfg_line *l, char *err, size_t len)
{
	return weak_list(l, true, err, len);
}

/* A whole set, policy or map, with its defaults. */
int rule_weak_block(const struct cfg_line *l, char *err, size_t len)
{
	const char *value;
	const struct weak *w = l->self && in_force(l->t) && of_maps(l->t, l->self)
	                               ? weak_in(l->t, l->self, true, &value)
	                               : NULL;

	return w ? cfg_rule_complain(err, len,
	                             "the weak %s %s is in force and refused " WHILE "; legal are %s", w->var,
	                             value, w->legal)
	         : 0;
}

/* Before `ikesa delete on-mismatch` is accepted nothing weak may be there. */
int rule_weak_all(const struct cfg_line *l, char *err, size_t len)
{
	static const char *const rows[] = {"ikev2-ikesa-transform-set", "ipsec-transform-set", "ikev1-policy",
	                                   "crypto-ipsec-transform-set", "crypto-map"};
	const struct cfg_node *ctx, *n;
	const char *value;

	cfg_foreach(ctx, l->t->root, "context") for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		cfg_foreach(n, ctx, rows[i])
		{
			const struct weak *w = of_maps(l->t, n) ? weak_in(l->t, n, true, &value) : NULL;

			if (w)
				return cfg_rule_complain(
				        err, len,
				        "%s %.127s of context %.79s has the weak %s %s; legal are %s",
				        rows[i], cfg_name(n), cfg_name(ctx), w->var, value, w->legal);
		}
	}
	return 0;
}

int rule_stays_until_reboot(const struct cfg_line *l, char *err, size_t len)
{
	return cfg_rule_complain(
	        err, len,
	        "ikesa delete on-mismatch can not be removed; only a reboot without it turns it off");
}
