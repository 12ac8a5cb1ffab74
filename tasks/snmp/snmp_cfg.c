/* SPDX-License-Identifier: MIT */
/*
 * The settings: `snmp target`, `snmp trap suppress`. Targets are reached from the context local, as from a
 * management port; a target in 127.0.0.0/8 is a process beside the chassis. Called when the configuration
 * changes.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "cfg/cfg.h"
#include "chassis/fabric.h"
#include "secret/secret.h"
#include "snmp_task.h"
#include "vpn/vpn_context.h"

static bool same_target(const struct snmp_target *a, const struct snmp_target *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->community, b->community) &&
	       net_addr_equal(&a->addr, &b->addr) && a->port == b->port && a->version == b->version;
}

/* The community of a target, opened. false: it cannot be, and nothing is sent under a wrong one. */
static bool read_community(const struct cfg_node *n, const struct cli_hooks *hooks, char *out, size_t size)
{
	const char *text = cfg_arg(n, "security");
	int rc;

	if (!text || !cfg_has(n, "encrypted")) {
		snprintf(out, size, "%s", text ? text : "public");
		return true;
	}
	rc = hooks->unseal ? hooks->unseal(hooks->arg, text, out, size) : -EKEYREJECTED;
	if (rc < 0)
		LOG(EV_CFG_ERROR,
		    "snmp target %s: its security name cannot be opened: %s; nothing is sent to it",
		    cfg_key(n, 0), strerror(-rc));
	return rc == 0;
}

static bool read_target(const struct cfg_node *n, const struct cli_hooks *hooks, struct snmp_target *out)
{
	const char *address = cfg_arg(n, "address"), *name = cfg_key(n, 0), *version = cfg_arg(n, "version");

	memset(out, 0, sizeof(*out));
	if (n->negated || !address || net_addr_parse(&out->addr, address))
		return false;
	if (version && !strcmp(version, "3")) {
		LOG(EV_CFG_ERROR, "snmp target %s: version 3 is not supported yet; nothing is sent to it",
		    name);
		return false;
	}
	if (cfg_has(n, "informs") && !cfg_has(n, "traps"))
		LOG(EV_CFG_ERROR, "snmp target %s: informs are not supported yet; traps are sent", name);
	out->used = true;
	out->port = (uint16_t)cfg_arg_int(n, "port", 162);
	out->version = version && !strcmp(version, "1") ? SNMP_V1 : SNMP_V2C;
	snprintf(out->name, sizeof(out->name), "%s", name);
	return read_community(n, hooks, out->community, sizeof(out->community));
}

static struct snmp_target *find_same(struct snmp_task *st, const struct snmp_target *want)
{
	for (size_t i = 0; i < SNMP_TARGETS; i++)
		if (st->target[i].used && same_target(&st->target[i], want))
			return &st->target[i];
	return NULL;
}

/* A new target gets what no target has got yet, not the history. */
static void add_target(struct snmp_task *st, const struct snmp_target *want)
{
	for (size_t i = 0; i < SNMP_TARGETS; i++)
		if (!st->target[i].used) {
			st->target[i] = *want;
			st->target[i].fresh = true;
			st->target[i].cursor = st->told;
			return;
		}
}

static void read_targets(struct snmp_task *st, const struct cfg_tree *tree)
{
	struct cli_hooks hooks = {0};
	struct snmp_target want, *same;
	const struct cfg_node *n;

	for (size_t i = 0; i < SNMP_TARGETS; i++)
		st->target[i].fresh = false;
	secret_hooks(st->t->state_dir, &hooks);
	cfg_foreach(n, tree->root, "snmp-target") if (read_target(n, &hooks, &want) &&
	                                              (same = find_same(st, &want))) same->fresh = true;
	for (size_t i = 0; i < SNMP_TARGETS; i++)
		if (st->target[i].used && !st->target[i].fresh) {
			snmp_send_close(&st->target[i]);
			explicit_bzero(&st->target[i], sizeof(st->target[i]));
		}
	cfg_foreach(n, tree->root, "snmp-target") if (read_target(n, &hooks, &want) && !find_same(st, &want))
	        add_target(st, &want);
	explicit_bzero(&want, sizeof(want));
}

static void read_suppressed(struct snmp_task *st, const struct cfg_tree *tree)
{
	const struct cfg_node *n;
	bool all = false;

	cfg_foreach(n, tree->root, "snmp-trap")
	{
		const char *action = cfg_arg(n, "action");
		if (!strcasecmp(cfg_key(n, 0), "all"))
			all = action && !strcmp(action, "suppress");
	}
	for (size_t i = 0; i < traps_count(); i++)
		st->suppressed[i] = all;
	cfg_foreach(n, tree->root, "snmp-trap")
	{
		const char *action = cfg_arg(n, "action");
		const struct trap_row *row = traps_find(cfg_key(n, 0));
		if (row)
			st->suppressed[row - traps_at(0)] = action && !strcmp(action, "suppress");
		else if (strcasecmp(cfg_key(n, 0), "all"))
			LOG(EV_CFG_ERROR, "snmp trap: there is no trap %s", cfg_key(n, 0));
	}
}

void snmp_cfg_changed(struct task *t, const struct cfg_tree *tree, void *arg)
{
	struct snmp_task *st = arg;

	/* At a boot sct has not loaded the configuration yet: what is raised until then must not count as
	 * sent to nobody. */
	if (!st->config_known && !tree->count && !task_peer_up(t, "sct/0"))
		return;
	if (st->ns_fd < 0 && fabric_context(t, VPN_LOCAL, &st->ns_fd))
		st->ns_fd = -1;
	read_targets(st, tree);
	read_suppressed(st, tree);
	st->config_known = true;
	snmp_queue_run(st);
}
