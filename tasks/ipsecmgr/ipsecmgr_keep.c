/* SPDX-License-Identifier: MIT */
/*
 * Services that are bound to where they were, but can't be made a policy of at the moment:
 * their template has no way to authenticate, a certificate's file is away, or memory is. Their tunnels are
 * not lost for it: the policy of before stays as it was and lets nobody new in, until the configuration can
 * be used again; an ipsecmgr that starts meanwhile restores them by what can be read of it. What is not
 * configured any more, its bind or its template, takes its tunnels with it (ipsecmgr_cfg.c). Entry points:
 * ipsecmgr_keep(), _derived(), _restored(), _configured(). Called by ipsecmgr_cfg.c, _engine.c and
 * _restore.c.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cfg/cfg.h"
#include "place/place.h"

#define AGAIN_MS 30000

/* A manager has either crypto maps or services: one of each may have the same name. */
static bool serves_maps(const struct ipsecmgr *m)
{
	return m->t && place_serves_maps(m->t->instance);
}

/* The service's bind, NULL: it has none. */
static const struct cfg_node *bind_of(const struct cfg_tree *tree, const char *context, const char *service)
{
	const struct cfg_node *ctx = cfg_child_named(tree, tree->root, "context", context),
	                      *svc = ctx ? cfg_child_named(tree, ctx, "wsg-service", service) : NULL,
	                      *bind = svc ? cfg_child(tree, svc, "bind-address", NULL) : NULL;

	return bind && !bind->negated ? bind : NULL;
}

/* To the same address, with a template that there is. */
static bool is_bound(const struct cfg_tree *tree, const struct ipsecmgr_policy *p)
{
	const struct cfg_node *bind = bind_of(tree, p->context, p->service), *ctx, *tmpl;
	const char *address = bind ? cfg_arg(bind, "address") : NULL,
	           *name = bind ? cfg_arg(bind, "template") : NULL, *type;
	struct net_addr local;

	if (!address || !name || net_addr_parse(&local, address) || !net_addr_equal(&local, &p->pol.local))
		return false;
	ctx = cfg_child_named(tree, tree->root, "context", p->context);
	tmpl = cfg_child_named(tree, ctx, "crypto-template", name);
	type = tmpl ? cfg_arg(tmpl, "type") : NULL;
	return tmpl && !(type && !strcmp(type, "ikev2-vendor"));
}

static void again(struct task *t, void *arg)
{
	struct ipsecmgr *m = arg;
	const struct cfg_tree *tree = config_tree(t);

	task_timer_stop(m->frozen_timer);
	m->frozen_timer = NULL;
	if (m->e && tree)
		ipsecmgr_cfg_apply(m, tree);
}

void ipsecmgr_keep_look(struct ipsecmgr *m)
{
	if (m->t && !m->frozen_timer)
		m->frozen_timer = task_timer_start(m->t, AGAIN_MS, 0, again, m);
}

static void move(struct ipsecmgr *m, struct ipsecmgr_policy **at)
{
	struct ipsecmgr_policy *p = *at;

	*at = p->next;
	p->next = m->policies;
	m->policies = p;
}

static bool stays(const struct ipsecmgr *m, const struct cfg_tree *tree, const struct ipsecmgr_policy *p)
{
	if (p->map)
		return m->maps_unread;
	return !p->pol.derived && !ipsecmgr_cfg_find(m, p->pol.name) && is_bound(tree, p);
}

void ipsecmgr_keep(struct ipsecmgr *m, const struct cfg_tree *tree, struct ipsecmgr_policy **old)
{
	bool again_soon = m->maps_unread || m->maps_closed || m->waiting;
	struct ipsecmgr_policy *p;

	while ((p = *old)) {
		if (!stays(m, tree, p)) {
			old = &p->next;
			continue;
		}
		if (!p->frozen && !p->map)
			LOG(EV_CFG_ERROR,
			    "wsg-service %s in context %s can not be used as it is configured now: its "
			    "tunnels stay, no new ones are let in",
			    p->service, p->context);
		p->frozen |= !p->map;
		move(m, old);
	}
	for (p = m->policies; p; p = p->next)
		again_soon |= p->frozen;
	if (again_soon)
		ipsecmgr_keep_look(m);
}

static bool has_base(const struct ipsecmgr *m, const char *name)
{
	size_t len = strcspn(name, "#");

	for (const struct ipsecmgr_policy *p = m->policies; p; p = p->next)
		if (!p->pol.derived && strlen(p->pol.name) == len && !strncmp(p->pol.name, name, len))
			return true;
	return false;
}

void ipsecmgr_keep_derived(struct ipsecmgr *m, struct ipsecmgr_policy **old)
{
	struct ipsecmgr_policy *p;

	while ((p = *old)) {
		if (p->pol.derived && !ipsecmgr_cfg_find(m, p->pol.name) && has_base(m, p->pol.name))
			move(m, old);
		else
			old = &p->next;
	}
}

/* The service of this policy name (as ipsecmgr_cfg.c makes it), and its bind; NULL: there is none, or it is
 * not bound. */
static const struct cfg_node *service_of(const struct cfg_tree *tree, const char *policy,
                                         const struct cfg_node **ctx, const struct cfg_node **bind)
{
	char name[IKE_NAME_MAX];
	const struct cfg_node *svc;

	cfg_foreach(*ctx, tree->root, "context") cfg_foreach(svc, *ctx, "wsg-service")
	{
		snprintf(name, sizeof(name), "%.60s/%.63s", cfg_key(*ctx, 0), cfg_key(svc, 0));
		*bind = strcmp(name, policy) ? NULL : bind_of(tree, cfg_key(*ctx, 0), cfg_key(svc, 0));
		if (*bind)
			return svc;
	}
	return NULL;
}

void ipsecmgr_keep_restored(struct ipsecmgr *m, const struct cfg_tree *tree, const char *policy)
{
	const struct cfg_node *svc, *ctx, *bind;
	struct ipsecmgr_policy *p;
	char base[IKE_NAME_MAX];

	if (serves_maps(m)) /* a service of this name is none of its */
		return;
	snprintf(base, sizeof(base), "%.*s", (int)strcspn(policy, "#"), policy);
	svc = tree && !ipsecmgr_cfg_find(m, base) ? service_of(tree, base, &ctx, &bind) : NULL;
	p = svc ? ipsecmgr_cfg_frozen(tree, ctx, svc, bind) : NULL;
	if (!p)
		return;
	if (m->counters)
		p->pol.counters = counters_add(m->counters, &counters_schema_ikev2, p->counter_key);
	if (ike_engine_policy_put(m->e, &p->pol)) {
		ipsecmgr_cfg_free(p);
		return;
	}
	p->next = m->policies;
	m->policies = p;
	LOG(EV_CFG_ERROR,
	    "wsg-service %s in context %s can not be used as it is configured: its tunnels are restored, no "
	    "new "
	    "ones are let in",
	    p->service, p->context);
	ipsecmgr_keep_look(m);
}

/* The names as ipsecmgr_maps.c makes them of crypto maps. */
static bool has_map(const struct cfg_tree *tree, const char *policy)
{
	const struct cfg_node *ctx, *n;
	char name[IKE_NAME_MAX];

	cfg_foreach(ctx, tree->root, "context") cfg_foreach(n, ctx, "crypto-map")
	{
		snprintf(name, sizeof(name), "%.79s/%.127s", cfg_key(ctx, 0), cfg_key(n, 0));
		if (!strcmp(name, policy))
			return true;
	}
	return false;
}

bool ipsecmgr_keep_configured(const struct ipsecmgr *m, const struct cfg_tree *tree, const char *policy)
{
	const struct cfg_node *ctx, *bind;
	char base[IKE_NAME_MAX];

	if (serves_maps(m))
		return has_map(tree, policy);
	snprintf(base, sizeof(base), "%.*s", (int)strcspn(policy, "#"), policy);
	return service_of(tree, base, &ctx, &bind) != NULL;
}
