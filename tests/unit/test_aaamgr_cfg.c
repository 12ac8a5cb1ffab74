/* SPDX-License-Identifier: MIT */
/*
 * What aaamgr makes of a configuration (tasks/aaamgr/aaamgr_cfg.c): groups of servers with every setting that
 * acts, the context's own lines as the group default, and a complaint for a server that can't be used. The
 * file is part of a program, so it is compiled into the test.
 */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "cli/engine/cli.h"

static unsigned room = 100; /* so many groups fit into memory */

static void *played_reallocarray(void *p, size_t n, size_t size)
{
	return n <= room ? reallocarray(p, n, size) : NULL;
}
#define reallocarray played_reallocarray
#include "tasks/aaamgr/aaamgr_cfg.c"

/* --- the process around it --- */

static struct cfg_tree *tree;
static struct task task;
static task_timer_cb timer_cb;
static unsigned n_timers, n_taken, n_groups;
static int takes; /* what the client says to a configuration */

int aaamgr_radius_configured(struct aaamgr *a, const struct radius_group *groups, unsigned n)
{
	n_taken++;
	n_groups = n;
	return takes;
}

const struct cfg_tree *config_tree(struct task *t)
{
	return tree;
}

int config_watch_start(struct task *t, config_changed_cb cb, void *arg)
{
	return 0;
}

struct task_timer *task_timer_start(struct task *t, uint64_t ms, uint64_t repeat_ms, task_timer_cb cb,
                                    void *arg)
{
	n_timers++;
	timer_cb = cb;
	return (struct task_timer *)&task;
}

void task_timer_stop(struct task_timer *tm)
{
}

static const char config[] = "config\n"
                             "context one -noconfirm\n"
                             "  aaa group users\n"
                             "    radius attribute nas-identifier chassis\n"
                             "    radius attribute nas-ip-address address 192.0.2.1\n"
                             "    radius algorithm round-robin\n"
                             "    radius deadtime 7\n"
                             "    radius detect-dead-server consecutive-failures 9 response-timeout 30\n"
                             "    radius max-outstanding 100\n"
                             "    radius max-retries 2\n"
                             "    radius max-transmissions 11\n"
                             "    radius timeout 4\n"
                             "    radius server 192.0.2.10 key first port 1899 priority 5 max 17\n"
                             "    radius server 192.0.2.11 key second oldports\n"
                             "    radius server 192.0.2.12 key third max 200\n"
                             "    radius server 192.0.2.13 key off admin-status disable\n"
                             "  #exit\n"
                             "  aaa group default\n"
                             "    radius server 192.0.2.20 key block\n"
                             "    radius timeout 8\n"
                             "  #exit\n"
                             "  radius server 192.0.2.21 key line\n"
                             "  radius server 2001:db8::21 key six\n"
                             "  radius timeout 9\n"
                             "  radius max-retries 1\n"
                             "  radius attribute nas-identifier lines\n"
                             "#exit\n"
                             "context two -noconfirm\n"
                             "#exit\n"
                             "end\n";

static void report(void *arg, unsigned lineno, const char *line, const char *error)
{
	(void)arg;
	cr_assert_fail("%u: %s: %s", lineno, line, error);
}

static void setup(void)
{
	char err[256];
	struct cli_grammar *g = cli_grammar_load("cli/grammar", err, sizeof(err));

	cr_assert_not_null(g, "%s", err);
	tree = cfg_new(g);
	cr_assert_eq(cli_load_text(tree, NULL, config, report, NULL), 0);
}

static void teardown(void)
{
	struct cli_grammar *g = (struct cli_grammar *)(uintptr_t)tree->g;

	cfg_free(tree);
	cli_grammar_free(g);
}

TestSuite(aaamgr_cfg, .init = setup, .fini = teardown, .timeout = 60);

static struct radius_group *groups(unsigned *n)
{
	struct radius_group *all;

	cr_assert_eq(aaamgr_cfg_groups(tree, NULL, &all, n, NULL), 0);
	return all;
}

static const struct radius_group *find(const struct radius_group *g, unsigned n, const char *ctx,
                                       const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (g[i].ctx == vpn_context_id(tree, ctx) && !strcmp(g[i].name, name))
			return &g[i];
	return NULL;
}

static bool server_is(const struct radius_server *s, const char *addr, uint16_t port, const char *secret)
{
	char text[NET_ADDR_STRLEN];

	return !strcmp(net_addr_format(&s->addr, text, sizeof(text)), addr) && s->port == port &&
	       !strcmp(s->secret, secret);
}

Test(aaamgr_cfg, every_setting)
{
	unsigned n;
	struct radius_group *all = groups(&n);
	const struct radius_group *g = find(all, n, "one", "users");

	cr_assert(g);
	cr_expect_str_eq(g->nas.id, "chassis");
	cr_expect_eq(g->nas.addr.family, AF_INET);
	cr_expect(g->round_robin);
	cr_expect_eq(g->deadtime_min, 7);
	cr_expect_eq(g->dead_failures, 9);
	cr_expect_eq(g->dead_silence_s, 30);
	cr_expect_eq(g->max_retries, 2);
	cr_expect_eq(g->max_transmissions, 11);
	cr_expect_eq(g->timeout_s, 4);
	cr_assert_eq(g->n, 3, "the one that is switched off is none");
	cr_expect(server_is(&g->server[0], "192.0.2.10", 1899, "first"));
	cr_expect_eq(g->server[0].priority, 5);
	cr_expect_eq(g->server[0].max_outstanding, 17);
	cr_expect(server_is(&g->server[1], "192.0.2.11", 1645, "second"));
	cr_expect_eq(g->server[1].priority, 1000);
	cr_expect_eq(g->server[1].max_outstanding, 100);
	cr_expect_eq(g->server[2].max_outstanding, 100, "no more than the group's");
	aaamgr_cfg_free(all, n);
}

Test(aaamgr_cfg, the_group_default_has_the_contexts_lines)
{
	unsigned n;
	struct radius_group *all = groups(&n);
	const struct radius_group *g = find(all, n, "one", "default");

	cr_assert(g);
	cr_assert_eq(g->n, 3);
	cr_expect(server_is(&g->server[0], "192.0.2.20", 1812, "block"));
	cr_expect(server_is(&g->server[1], "192.0.2.21", 1812, "line"));
	cr_expect(server_is(&g->server[2], "2001:db8::21", 1812, "six"));
	cr_expect_eq(g->timeout_s, 8, "its block comes first");
	cr_expect_eq(g->max_retries, 1);
	cr_expect_str_eq(g->nas.id, "lines");
	cr_expect_eq(g->deadtime_min, 10, "as nothing is configured");
	cr_expect_eq(g->dead_failures + g->dead_silence_s, 0);
	cr_expect_not(g->round_robin);
	g = find(all, n, "two", "default");
	cr_assert(g);
	cr_expect_eq(g->n, 0);
	aaamgr_cfg_free(all, n);
}

static char told[2000];

static void problem(const char *text)
{
	strcat(told, text);
	strcat(told, "\n");
}

/* A secret that another chassis sealed. */
Test(aaamgr_cfg, foreign_secrets)
{
	struct secret_key key = {.bytes = {1}}, other = {.bytes = {2}};
	char sealed[200], line[400];
	unsigned n;
	struct radius_group *all;
	const struct radius_group *g;

	cr_assert_eq(secret_seal(&other, "theirs", sealed, sizeof(sealed)), 0);
	snprintf(line, sizeof(line), "config\ncontext two\nradius server 192.0.2.30 encrypted key %s\nend\n",
	         sealed);
	cr_assert_eq(cli_load_text(tree, NULL, line, report, NULL), 0);
	cr_assert_eq(aaamgr_cfg_groups(tree, &key, &all, &n, problem), 0);
	g = find(all, n, "two", "default");
	cr_expect_eq(g->n, 0);
	cr_expect(strstr(told, "context two aaa group default radius server 192.0.2.30: its key was not "
	                       "sealed by this "
	                       "chassis"),
	          "%s", told);
	aaamgr_cfg_free(all, n);
	cr_assert_eq(aaamgr_cfg_groups(tree, &other, &all, &n, problem), 0);
	g = find(all, n, "two", "default");
	cr_assert_eq(g->n, 1);
	cr_expect_str_eq(g->server[0].secret, "theirs");
	aaamgr_cfg_free(all, n);
}

/* Servers that can't be read for want of memory are not servers that are gone. */
Test(aaamgr_cfg, without_memory_nothing_is_taken_until_there_is)
{
	room = 2;
	changed(&task, tree, NULL);
	cr_assert_eq(n_taken, 0, "%u of 3 groups were taken for all", n_groups);
	cr_assert_eq(n_timers, 1);
	changed(&task, tree, NULL);
	cr_assert_eq(n_timers, 1, "one is under way");
	room = 3;
	takes = -ENOMEM; /* now it does not fit into the client */
	timer_cb(&task, NULL);
	cr_assert_eq(n_timers, 2);
	takes = 0;
	timer_cb(&task, NULL);
	cr_assert_eq(n_taken, 2);
	cr_assert_eq(n_groups, 3);
	cr_assert_eq(n_timers, 2);
}
