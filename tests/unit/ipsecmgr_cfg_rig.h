/* SPDX-License-Identifier: MIT */
/*
 * What makes policies of configurations (tasks/ipsecmgr/ipsecmgr_cfg.c and what it calls), compiled into a
 * test of its own, and configurations to give it.
 */
#ifndef TESTS_UNIT_IPSECMGR_CFG_RIG_H
#define TESTS_UNIT_IPSECMGR_CFG_RIG_H

#include <criterion/criterion.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tasks/ipsecmgr/ipsecmgr_cert.c"
#include "tasks/ipsecmgr/ipsecmgr_cfg.c"
#include "tasks/ipsecmgr/ipsecmgr_peers.c"
#include "tests/unit/ipsecmgr_rest.h"
#include "tasks/ipsecmgr/ipsecmgr_map.c"
#include "tasks/ipsecmgr/ipsecmgr_payload.c"
#include "tasks/ipsecmgr/ipsecmgr_secrets.c"

struct ipsecmgr ipsecmgr;

/* test_ipsecmgr_guard.c has the real ones */
struct ike_protection ipsecmgr_guard_protection(const struct ipsecmgr *m)
{
	return (struct ike_protection){0};
}
void ipsecmgr_vendor_read(const struct cfg_tree *tree, const struct cfg_node *ctx,
                          const struct cfg_node *tmpl, struct ipsecmgr_policy *p)
{
}
void ipsecmgr_vendor_again(struct ipsecmgr *m, const struct cfg_tree *tree, const struct ipsecmgr_policy *old)
{
}

struct seen {
	unsigned n;
	char text[2048];
};

static void problem(void *arg, const char *text)
{
	struct seen *s = arg;
	size_t at = strlen(s->text);

	s->n++;
	snprintf(s->text + at, sizeof(s->text) - at, "%s\n", text);
}

static void report(void *arg, unsigned lineno, const char *line, const char *error)
{
	cr_log_error("line %u: %s: %s", lineno, line, error);
}

static struct cfg_tree *load(const char *text, unsigned errors)
{
	char err[256];
	struct cli_grammar *g = cli_grammar_load("cli/grammar", err, sizeof(err));
	struct cfg_tree *t;

	cr_assert_not_null(g, "%s", err);
	t = cfg_new(g);
	cr_assert_not_null(t);
	cr_assert_eq(cli_load_text(t, NULL, text, report, NULL), (int)errors);
	return t;
}

static void unload(struct cfg_tree *t)
{
	struct cli_grammar *g = (struct cli_grammar *)(uintptr_t)t->g;

	cfg_free(t);
	cli_grammar_free(g);
}

#endif
