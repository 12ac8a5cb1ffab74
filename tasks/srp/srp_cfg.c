/* SPDX-License-Identifier: MIT */
/*
 * The settings of SRP from the configuration tree, and a checksum over what has to be the same on both
 * chassis: templates, transform sets, pools, services; not addresses of interfaces, names and SRP itself.
 * Called by srp_ctl.c.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "cfg/cfg.h"
#include "secret/secret.h"
#include "srp_task.h"
#include "vpn/vpn_context.h"

#define FNV_START 0xcbf29ce484222325ull
#define FNV_PRIME 0x100000001b3ull

static uint64_t fnv(uint64_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * FNV_PRIME;
	return h;
}

/* A locally administered MAC that stays the same for a chassis of this name. */
static void tiebreaker(const char *chassis, char out[SRP_MAC_LEN])
{
	uint64_t h = fnv(FNV_START, chassis);

	h ^= h >> 32;
	snprintf(out, SRP_MAC_LEN, "02-%02X-%02X-%02X-%02X-%02X", (unsigned)(h >> 32) & 255,
	         (unsigned)(h >> 24) & 255, (unsigned)(h >> 16) & 255, (unsigned)(h >> 8) & 255,
	         (unsigned)h & 255);
}

/* --- checksum
 * ----------------------------------------------------------------------------------------------- */

/* Sealed secrets are different on every chassis, and clear ones are nobody's business: only that there is one
 * counts. */
static uint64_t hash_args(uint64_t h, const struct cfg_node *n)
{
	for (unsigned i = 0; n->args && i < n->args->n; i++) {
		const struct cfg_arg *a = &n->args->v[i];

		h = fnv(fnv(h, a->name), "=");
		if (!secret_is_sealed(a->value))
			h = fnv(h, a->value);
	}
	return h;
}

static int add_node(void *arg, const struct cfg_node *n)
{
	static const char *const shared[] = {"crypto-template",
	                                     "crypto-map",
	                                     "ipsec-transform-set",
	                                     "ikev2-ikesa-transform-set",
	                                     "ip-pool",
	                                     "wsg-service",
	                                     NULL};
	uint64_t *sum = arg;
	char path[CFG_PATH_MAX];
	bool take = false;

	if (cfg_path(n, path, sizeof(path)))
		return 0;
	for (size_t i = 0; shared[i] && !take; i++) {
		char *at = strstr(path, shared[i]);
		take = at && (at == path || at[-1] == '/' || at[-1] == '-');
	}
	if (take) /* the order of lines does not count */
		*sum += hash_args(fnv(fnv(FNV_START, path), n->negated ? "!" : " "), n);
	return 0;
}

/* --- settings
 * ------------------------------------------------------------------------------------------------- */

static const struct cfg_node *find_srp(const struct cfg_tree *tree, const struct cfg_node **context)
{
	const struct cfg_node *ctx, *n;

	cfg_foreach(ctx, tree->root, "context")
	{
		n = cfg_child(tree, ctx, "service-redundancy-protocol", NULL);
		if (n && !n->negated) {
			*context = ctx;
			return n;
		}
	}
	return NULL;
}

static bool read_addr(const struct cfg_tree *tree, const struct cfg_node *n, const char *row,
                      struct net_addr *a)
{
	const char *text = cfg_get(tree, n, row, "address");

	memset(a, 0, sizeof(*a));
	return text && net_addr_parse(a, text) == 0;
}

static void read_intervals(const struct cfg_tree *tree, const struct cfg_node *n, struct srp_settings *out)
{
	uint64_t hello = (uint64_t)cfg_get_int(tree, n, "hello-interval", "seconds", 10);
	uint64_t dead = (uint64_t)cfg_get_int(tree, n, "dead-interval", "seconds", 30);

	if (dead < 3 * hello) {
		snprintf(out->error, sizeof(out->error),
		         "dead-interval %llu is less than three times hello-interval %llu: not applied",
		         (unsigned long long)dead, (unsigned long long)hello);
		return; /* the intervals of before, or the defaults, go on */
	}
	out->cfg.hello_us = hello * US_PER_SEC;
	out->cfg.dead_us = dead * US_PER_SEC;
}

/* `out` holds the settings in force; it is overwritten but for what is refused. */
void srp_cfg_read(const struct cfg_tree *tree, const struct task *t, struct srp_settings *out)
{
	const struct cfg_node *ctx = NULL, *n = find_srp(tree, &ctx);
	struct srp_config *c = &out->cfg;
	const char *mode;
	uint64_t sum = 0;

	out->error[0] = '\0';
	out->present = n && read_addr(tree, n, "bind-address", &out->local) &&
	               read_addr(tree, n, "peer-ip-address", &out->peer);
	if (!out->present)
		return;
	if (out->local.family != out->peer.family || net_addr_equal(&out->local, &out->peer)) {
		snprintf(out->error, sizeof(out->error),
		         "bind address and peer-ip-address have to be different addresses of one family");
		out->present = false;
		return;
	}
	snprintf(out->context, sizeof(out->context), "%s", cfg_key(ctx, 0));
	out->ctx = vpn_context_id(tree, out->context);
	if (!c->hello_us) {
		c->hello_us = 10 * US_PER_SEC;
		c->dead_us = 30 * US_PER_SEC;
	}
	read_intervals(tree, n, out);
	snprintf(c->chassis, sizeof(c->chassis), "%s", t->chassis);
	mode = cfg_get(tree, n, "chassis-mode", "mode");
	c->rank.mode = mode && !strcasecmp(mode, "primary") ? SRP_PRIMARY : SRP_BACKUP;
	c->rank.priority = (uint32_t)cfg_get_int(tree, n, "priority", "priority", 125);
	c->rank.route_modifier = 1;
	tiebreaker(t->chassis, c->rank.tiebreaker);
	memcpy(c->rank.addr, out->local.bytes, sizeof(c->rank.addr));
	memcpy(c->peer_addr, out->peer.bytes, sizeof(c->peer_addr));
	cfg_walk(tree, add_node, &sum);
	snprintf(c->checksum, sizeof(c->checksum), "%016llx", (unsigned long long)sum);
}
