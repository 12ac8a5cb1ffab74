/* SPDX-License-Identifier: MIT */
/*
 * What a change of the configuration does to the tunnels of a crypto map that are up. They stay as they are
 * until they are cleared (IPSec Reference chapter 6), or end where `ikesa delete on-mismatch` is on and what
 * changed is critical (chapter 7): algorithms, ways to authenticate, keys, also those of the remote secret
 * list, certificates, peer, rules. What is changed while this manager is away is the business of
 * ipsecmgr_away.c. Entry points: ipsecmgr_change_map(), ipsecmgr_change_keys(). Called by ipsecmgr_cfg.c.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <string.h>

#include "base/log.h"
#include "cfg/cfg.h"

static bool same_children(const struct ike_policy *a, const struct ike_policy *b)
{
	for (unsigned i = 0; a->n_payload == b->n_payload && i < a->n_payload; i++) {
		const struct ike_payload *x = &a->payload[i], *y = &b->payload[i];

		if (!ike_suites_equal(x->esp, x->n_esp, y->esp, y->n_esp) ||
		    !ike_selectors_equal(x->ts_local, x->n_ts_local, y->ts_local, y->n_ts_local) ||
		    !ike_selectors_equal(x->ts_remote, x->n_ts_remote, y->ts_remote, y->n_ts_remote))
			return false;
	}
	return a->n_payload == b->n_payload;
}

/* Certificates are compared by their objects, which stay where they say the same (ipsecmgr_cfg.c). */
static bool critical(const struct ike_policy *a, const struct ike_policy *b)
{
	return !ike_suites_equal(a->ike, a->n_ike, b->ike, b->n_ike) || !ike_auth_sets_equal(a, b) ||
	       !ike_keys_equal(a, b) || a->own != b->own || a->trust != b->trust ||
	       !net_addr_equal(&a->peer, &b->peer) || !same_children(a, b);
}

bool ipsecmgr_change_by_key(const struct ike_policy *p)
{
	for (unsigned i = 0; i < p->n_auth; i++)
		if (!p->auth[i].local_cert || (!p->auth[i].remote_cert && !p->auth[i].remote_eap))
			return true;
	return !p->n_auth;
}

struct secrets_of {
	const char *policy;
	const struct ipsecmgr_secrets *was, *is;
};

static int other_key(void *arg, const struct ike_sa_view *v)
{
	const struct secrets_of *l = arg;

	return !strcmp(v->policy, l->policy) && !ipsecmgr_secrets_same(l->was, l->is, &v->peer_id);
}

bool ipsecmgr_change_keys(const struct ipsecmgr *m, const struct ipsecmgr_policy *p,
                          const struct ipsecmgr_policy *old, const struct ipsecmgr_secrets *was)
{
	struct secrets_of l = {.policy = p->pol.name, .is = p->remote_secrets ? m->secrets : NULL};

	for (; old; old = old->next)
		if (!strcmp(old->pol.name, p->pol.name) && old->remote_secrets)
			l.was = was;
	return p->map && (l.was || l.is) && ipsecmgr_change_by_key(&p->pol) &&
	       ike_engine_foreach_sa(m->e, other_key, &l);
}

void ipsecmgr_change_map(struct ipsecmgr *m, const struct cfg_tree *tree, const struct ipsecmgr_policy *p,
                         const struct ike_policy *was, bool keys)
{
	bool same = ike_policy_equal(&p->pol, was) && !ipsecmgr_maps_rules_changed(p);

	if (cfg_on(tree, tree->root, "ikesa-delete-on-mismatch") &&
	    (keys || critical(&p->pol, was) || ipsecmgr_maps_rules_changed(p))) {
		LOG(EV_IPSEC_TEMPLATE,
		    "crypto map %s in context %s: a critical setting changed, its tunnels end", p->template,
		    p->context);
		ike_engine_end_all(m->e, ipsecmgr_engine_now(m), p->pol.name, IKE_R_CHANGED);
	} else {
		ipsecmgr_away_settle(m, p->pol.name);
	}
	if (!same) /* What is up keeps what it was set up with. */
		ike_engine_policy_remove(m->e, p->pol.name);
}
