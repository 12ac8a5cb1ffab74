/* SPDX-License-Identifier: MIT */
/*
 * From the configuration tree to groups of RADIUS servers (cli/grammar/30-context.grm, 31-aaa.grm): `aaa
 * group NAME` of a context, and its group "default", to which the `radius …` lines of the context itself
 * belong. Followed from the first question on: a chassis without EAP has no need of it. Entry points:
 * aaamgr_cfg_groups(), aaamgr_cfg_start().
 */
#include "aaamgr.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cfg/cfg.h"
#include "secret/secret.h"
#include "task/watch.h"
#include "vpn/vpn_context.h"

#define DEFAULT_GROUP "default"
#define OLD_PORT      1645 /* before RFC 2865 */
#define AGAIN_MS      1000

struct build {
	const struct cfg_tree *tree;
	const struct secret_key *key;
	void (*problem)(const char *text);
	const char *context;
	struct radius_group *g;
	/* where its lines are, the block of the group before the context's; NULL: not there */
	const struct cfg_node *at[2];
};

static void complain(const struct build *b, const char *server, const char *what)
{
	char text[300];

	snprintf(text, sizeof(text), "context %s aaa group %s radius server %s: %s", b->context, b->g->name,
	         server, what);
	if (b->problem)
		b->problem(text);
}

/* ---- servers ---- */

/* False, and a complaint: it can't be used. */
static bool read_secret(const struct build *b, const struct cfg_node *n, struct radius_server *s)
{
	const char *key = cfg_arg(n, "key");

	if (!key) {
		complain(b, cfg_key(n, 0), "it has no key");
		return false;
	}
	if (!secret_is_sealed(key)) {
		snprintf(s->secret, sizeof(s->secret), "%s", key);
		return true;
	}
	if (b->key && !secret_unseal(b->key, key, s->secret, sizeof(s->secret)))
		return true;
	complain(b, cfg_key(n, 0), "its key was not sealed by this chassis");
	return false;
}

static bool read_server(const struct build *b, const struct cfg_node *n, struct radius_server *s)
{
	const char *admin = cfg_arg(n, "admin");

	memset(s, 0, sizeof(*s));
	if (n->negated || (admin && !strcmp(admin, "disable")))
		return false;
	if (net_addr_parse(&s->addr, cfg_key(n, 0)))
		return false;
	s->port = (uint16_t)cfg_arg_int(n, "port", cfg_has(n, "oldports") ? OLD_PORT : 1812);
	if (cfg_has(n, "oldports"))
		s->port = OLD_PORT;
	s->priority = (unsigned)cfg_arg_int(n, "priority", 1000);
	s->max_outstanding = (unsigned)cfg_arg_int(n, "max", 0);
	return read_secret(b, n, s);
}

/* A server of the group's block counts before a line of the context for the same one. */
static bool has_server(const struct radius_group *g, const struct radius_server *s)
{
	for (unsigned i = 0; i < g->n; i++)
		if (g->server[i].port == s->port && net_addr_equal(&g->server[i].addr, &s->addr))
			return true;
	return false;
}

static void read_servers(const struct build *b)
{
	struct radius_group *g = b->g;
	const struct cfg_node *n;

	for (unsigned i = 0; i < 2; i++) {
		if (!b->at[i])
			continue;
		cfg_foreach(n, b->at[i], "radius-server")
		{
			if (g->n < RADIUS_SERVERS && read_server(b, n, &g->server[g->n]) &&
			    !has_server(g, &g->server[g->n]))
				g->n++;
		}
	}
}

/* ---- the rest of a group ---- */

/* A setting of the group's block, else of the context. */
static const struct cfg_node *setting(const struct build *b, const char *row)
{
	const struct cfg_node *n = b->at[0] ? cfg_child(b->tree, b->at[0], row, NULL) : NULL;

	return n || !b->at[1] ? n : cfg_child(b->tree, b->at[1], row, NULL);
}

static uint32_t number(const struct build *b, const char *row, const char *var, uint32_t otherwise)
{
	const struct cfg_node *n = setting(b, row);

	return n && !n->negated ? (uint32_t)cfg_arg_int(n, var, otherwise) : otherwise;
}

static const char *word(const struct build *b, const char *row, const char *var)
{
	const struct cfg_node *n = setting(b, row);

	return n && !n->negated ? cfg_arg(n, var) : NULL;
}

static void read_group(const struct build *b)
{
	const char *id = word(b, "radius-attribute-nas-identifier", "identifier"),
	           *addr = word(b, "radius-attribute-nas-ip-address-address", "address"),
	           *algorithm = word(b, "radius-algorithm", "algorithm");
	uint32_t max = number(b, "radius-max-outstanding", "outstanding", 256);
	struct radius_group *g = b->g;

	snprintf(g->nas.id, sizeof(g->nas.id), "%s", id ? id : "");
	if (addr)
		net_addr_parse(&g->nas.addr, addr);
	g->round_robin = algorithm && !strcmp(algorithm, "round-robin");
	g->timeout_s = number(b, "radius-timeout", "seconds", 3);
	g->max_retries = number(b, "radius-max-retries", "retries", 5);
	g->deadtime_min = number(b, "radius-deadtime", "minutes", 10);
	g->max_transmissions = number(b, "radius-max-transmissions", "transmissions", 0);
	g->dead_failures = number(b, "radius-detect-dead-server", "failures-in-row", 0);
	g->dead_silence_s = number(b, "radius-detect-dead-server", "seconds", 0);
	read_servers(b);
	for (unsigned i = 0; i < g->n; i++)
		if (!g->server[i].max_outstanding || g->server[i].max_outstanding > max)
			g->server[i].max_outstanding = max;
}

/* One more group. False: no memory. */
static bool add(struct build *b, struct radius_group **groups, unsigned *n, const char *name)
{
	struct radius_group *more = reallocarray(*groups, *n + 1, sizeof(*more));

	if (!more)
		return false;
	*groups = more;
	b->g = &more[*n];
	memset(b->g, 0, sizeof(*b->g));
	b->g->server = calloc(RADIUS_SERVERS, sizeof(*b->g->server));
	if (!b->g->server)
		return false;
	++*n;
	b->g->ctx = vpn_context_id(b->tree, b->context);
	snprintf(b->g->name, sizeof(b->g->name), "%s", name);
	read_group(b);
	return true;
}

int aaamgr_cfg_groups(const struct cfg_tree *tree, const struct secret_key *key, struct radius_group **groups,
                      unsigned *n, void (*problem)(const char *text))
{
	struct build b = {.tree = tree, .key = key, .problem = problem};
	const struct cfg_node *ctx, *block;
	bool ok = true;

	*groups = NULL;
	*n = 0;
	cfg_foreach(ctx, tree->root, "context")
	{
		b.context = cfg_key(ctx, 0);
		b.at[0] = cfg_child_named(tree, ctx, "aaa-group", DEFAULT_GROUP);
		b.at[1] = ctx;
		ok = ok && add(&b, groups, n, DEFAULT_GROUP);
		b.at[1] = NULL;
		cfg_foreach(block, ctx, "aaa-group")
		{
			b.at[0] = block;
			if (strcmp(cfg_key(block, 0), DEFAULT_GROUP) != 0)
				ok = ok && add(&b, groups, n, cfg_key(block, 0));
		}
	}
	if (ok)
		return 0;
	aaamgr_cfg_free(*groups, *n);
	*groups = NULL;
	*n = 0;
	return -ENOMEM;
}

void aaamgr_cfg_free(struct radius_group *groups, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		OPENSSL_clear_free(groups[i].server, RADIUS_SERVERS * sizeof(*groups[i].server));
	free(groups);
}

/* ---- following it ---- */

static void log_problem(const char *text)
{
	LOG(EV_CFG_REFERENCE, "%s", text);
}

static struct task_timer *again;
static void changed(struct task *t, const struct cfg_tree *tree, void *arg);

static void again_cb(struct task *t, void *arg)
{
	task_timer_stop(again);
	again = NULL;
	changed(t, config_tree(t), arg);
}

/* Without memory for the new servers the old ones stay, for the time being. */
static void changed(struct task *t, const struct cfg_tree *tree, void *arg)
{
	struct secret_key key;
	bool have = secret_key_load(t->state_dir, &key) == 0;
	struct radius_group *groups;
	unsigned n;
	int err = aaamgr_cfg_groups(tree, have ? &key : NULL, &groups, &n, log_problem);

	secret_key_wipe(&key);
	if (!err)
		err = aaamgr_radius_configured(arg, groups, n);
	aaamgr_cfg_free(groups, n);
	if (!err)
		return;
	LOG(EV_NO_MEMORY, "authentication servers stay as they were configured before");
	if (!again)
		again = task_timer_start(t, AGAIN_MS, 0, again_cb, arg);
}

int aaamgr_cfg_start(struct aaamgr *a)
{
	return config_watch_start(a->t, changed, a);
}
