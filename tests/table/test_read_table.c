/* SPDX-License-Identifier: MIT */
/*
 * Does anything read what the grammar says acts? A setting that is neither `later` nor of a mode that is has
 * to be named in a source file, and what it takes (`unread` left out) in one that names it: what no source
 * has as a literal is read by nobody.
 */
#include <criterion/criterion.h>
#include <ctype.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/engine/cli_int.h"

#define FILES_MAX 1200

/* Text of every source that may read a setting. */
static struct source {
	char *text;
} source[FILES_MAX];
static unsigned n_sources;

static int read_source(const char *path, const struct stat *st, int type, struct FTW *at)
{
	size_t n = strlen(path), size = 0;
	FILE *f;

	(void)st, (void)at;
	if (type != FTW_F || n < 3 || (strcmp(path + n - 2, ".c") && strcmp(path + n - 2, ".h")))
		return 0;
	cr_assert_lt(n_sources, FILES_MAX);
	f = fopen(path, "r");
	cr_assert(f, "%s", path);
	if (getdelim(&source[n_sources].text, &size, '\0', f) > 0)
		n_sources++;
	fclose(f);
	return 0;
}

static void setup(void)
{
	static const char *const roots[] = {"tasks", "lib", "chassis", "cards", "bulkstats", "snmp"};

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
		cr_assert_eq(nftw(roots[i], read_source, 16, FTW_PHYS), 0, "%s", roots[i]);
}

static void teardown(void)
{
	while (n_sources)
		free(source[--n_sources].text);
}

TestSuite(read_table, .init = setup, .fini = teardown, .timeout = 120);

static bool has(const struct source *s, const char *word)
{
	char literal[140];

	snprintf(literal, sizeof(literal), "\"%s\"", word);
	return strstr(s->text, literal);
}

/* What is read by other means. name NULL: the row itself. */
static const struct exception {
	const char *id, *name, *why;
} exceptions[] = {
        {"congestion-control-threshold-", NULL, "names are put together from the table of lib/congest"},
        {"rule", "source-", "vpn_acl.c puts the names of ports together"},
        {"rule", "destination-", "the same"},
        {"rule", "from", "which addresses are given says it"},
        {"rule", "to", "the same"},
        {"rule", "css-service", "a rule that redirects is told not to be for maps (vpn_acl.c)"},
        {"rule", "context-name", "the same"},
        {"rule", "nexthop", "the same"},
        {"rule", "server", "the same"},
        {"rule", "server-port", "the same"},
        {"certificate", "cert-enc", "what follows it says it"},
        {"certificate", "private-key", "the same"},
        {"certificate", "cert-hash-url", "the same"},
        {"pem-url", "cert-enc", "the same"},
        {"pem-url", "cert-hash-url", "the same"},
        {"ip-pool", "policy", "the same"},
        {"ip-pool", "alert-threshold", "the same"},
        {"ipv6-pool", "policy", "the same"},
        {"authentication-", "second-phase", "the same"},
        {"dos-cookie-challenge-notify-payload", "half-open-sess-count", "the same"},
        {"tsi", "end-address", "the same"},
        {"context", "-noconfirm", "asked for before the line is set"},
        {"radius-server", "admin-status", "the word behind it says it"},
};

static bool excepted(const char *id, const char *name)
{
	for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
		const struct exception *x = &exceptions[i];

		if (!x->name ? !strncmp(id, x->id, strlen(x->id))
		             : name && !strncmp(id, x->id, strlen(x->id)) &&
		                       !strncmp(name, x->name, strlen(x->name)))
			return true;
	}
	return false;
}

static bool listed(const char *const *v, unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(v[i], name))
			return true;
	return false;
}

/* Is one of its names in a source that names the row? */
static bool is_read(const struct cli_row *row, const char *name)
{
	for (unsigned i = 0; i < n_sources; i++)
		if (has(&source[i], row->id) && (!name || has(&source[i], name)))
			return true;
	return false;
}

static void look(const struct cli_mode *m, const struct cli_row *row)
{
	if (row->kind != CLI_ROW_CONF || row->later || excepted(row->id, NULL))
		return;
	cr_expect(is_read(row, NULL), "mode %s, row %s: nothing reads it; is it `later`?", m->name, row->id);
	for (unsigned i = 0; i < row->nnames; i++) {
		const char *name = row->names[i];

		if (!strcmp(name, "encrypted") || listed(row->key, row->nkey, name) ||
		    listed(row->unread, row->nunread, name) || excepted(row->id, name))
			continue;
		cr_expect(is_read(row, name), "mode %s, row %s: nothing reads %s; is it `unread`?", m->name,
		          row->id, name);
	}
}

Test(read_table, what_acts_is_read)
{
	char err[512], dir[512];
	struct cli_grammar *g =
	        cli_grammar_load(cli_grammar_dir("/proc/self/exe", dir, sizeof(dir)), err, sizeof(err));

	cr_assert(g, "%s", err);
	for (unsigned i = 0; i < g->nmodes; i++)
		for (unsigned k = 0; k < g->modes[i]->nrows; k++)
			look(g->modes[i], g->modes[i]->rows[k]);
	cli_grammar_free(g);
}
