/* SPDX-License-Identifier: MIT */
/*
 * Settings by the peer's vendor id (IPSec Reference chapter 20). A template's vendor policy names up to 64
 * vendor templates by precedence. Which of them fit a peer is a set of bits; for each set that occurs a
 * policy of its own is derived from the service's: what a vendor template says counts, the first precedence
 * most. Its name is the service's and the set ("ctx/svc#0000000000000005"), so rows of the store find it
 * again. Entry points: ipsecmgr_vendor_read(), ipsecmgr_vendor_match(), ipsecmgr_vendor_again(),
 * ipsecmgr_vendor_restore().
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cfg/cfg.h"
#include "pki/pki.h"

#define DERIVED_MAX 512 /* of one manager, beside those of one vendor each: peers choose which sets occur */

/* --- rules
 * ---------------------------------------------------------------------------------------------------------
 */

void ipsecmgr_vendor_read(const struct cfg_tree *tree, const struct cfg_node *ctx,
                          const struct cfg_node *tmpl, struct ipsecmgr_policy *p)
{
	const char *name = cfg_get(tree, tmpl, "vendor-policy", "policy");
	const struct cfg_node *pol = name ? cfg_child(tree, ctx, "crypto-vendor-policy", name) : NULL, *n;

	if (!pol)
		return;
	cfg_foreach(n, pol, "precedence")
	{
		const char *id = cfg_arg(n, "vendor-id"), *t = cfg_arg(n, "template");
		unsigned long at = strtoul(cfg_key(n, 0), NULL, 10);
		struct ipsecmgr_vendor *v;

		if (at < 1 || at > IPSECMGR_VENDORS || !id || !t)
			continue;
		if (!p->vendors)
			p->vendors = calloc(IPSECMGR_VENDORS, sizeof(*p->vendors));
		if (!p->vendors)
			return;
		v = &p->vendors[at - 1];
		snprintf(v->id, sizeof(v->id), "%s", id);
		snprintf(v->template, sizeof(v->template), "%s", t);
	}
}

/* --- settings of a vendor template over those of the service
 * --------------------------------------------------- */

static const struct cfg_node *given(const struct cfg_tree *t, const struct cfg_node *x, const char *row)
{
	return x ? cfg_child(t, x, row, NULL) : NULL;
}

/* Which notifies are sent and heeded, and what is a sign of life (chapters 8 and 15). */
static void take_notifies(const struct cfg_tree *t, const struct cfg_node *x, struct ike_policy *pol)
{
	const struct cfg_node *n;

	if ((n = given(t, x, "ikev2-ikesa-policy-error-notification")))
		ipsecmgr_payload_errors(n->negated ? NULL : n, pol);
	if ((n = given(t, x, "ikev2-ikesa-policy-use-rfc5996-notification")))
		pol->rfc4306_notifies = n->negated;
	if ((n = given(t, x, "ikev2-ikesa-ignore-notify-protocol-id")))
		pol->lax_protocol_id = !n->negated;
	if ((n = given(t, x, "ikev2-ikesa-keepalive-user-activity")))
		pol->dpd_by_traffic = !n->negated;
}

static void take_ike(const struct cfg_tree *t, const struct cfg_node *x, struct ike_policy *pol)
{
	const struct cfg_node *n;

	if ((n = given(t, x, "ikev2-ikesa-fragmentation")))
		pol->no_fragmentation = n->negated;
	if ((n = given(t, x, "ikev2-ikesa-mobike"))) {
		pol->mobike = !n->negated;
		pol->mobike_cookie = pol->mobike && cfg_arg(n, "cookie-challenge");
	}
	if ((n = given(t, x, "ikev2-ikesa-dscp")) && !n->negated)
		pol->dscp = (uint8_t)strtoul(cfg_arg(n, "dscp"), NULL, 16);
	if ((n = given(t, x, "ikev2-ikesa-allow-empty-ikesa")))
		pol->allow_empty = !n->negated;
	if (given(t, x, "ikev2-ikesa-max-retransmissions"))
		pol->max_retrans = (uint32_t)cfg_get_int(t, x, "ikev2-ikesa-max-retransmissions", "count", 5);
	if ((n = given(t, x, "ikev2-ikesa-retransmission-timeout"))) {
		pol->retrans_ms = (uint32_t)cfg_get_int(t, x, "ikev2-ikesa-retransmission-timeout",
		                                        "milliseconds", 500);
		pol->retrans_constant = n->negated || !cfg_arg(n, "exponential");
	}
	if (given(t, x, "ikev2-ikesa-setup-timer"))
		pol->setup_timer_s = (uint32_t)cfg_get_int(t, x, "ikev2-ikesa-setup-timer", "seconds", 60);
	/* One of them in the vendor template, and all of them are taken from there. */
	if (given(t, x, "ikev2-ikesa-rekey") || given(t, x, "ikev2-ikesa-ignore-rekeying-requests")) {
		n = given(t, x, "ikev2-ikesa-rekey");
		pol->ike_rekey = n && !n->negated;
		pol->ike_same_params = pol->ike_rekey && cfg_arg(n, "disallow-param-change");
		pol->ignore_ike_rekey = cfg_on(t, x, "ikev2-ikesa-ignore-rekeying-requests");
	}
	if ((n = given(t, x, "keepalive"))) {
		pol->dpd_interval_s = n->negated ? 0 : (uint32_t)cfg_arg_int(n, "interval", 10);
		pol->dpd_timeout_s = n->negated ? 0 : (uint32_t)cfg_arg_int(n, "timeout", 10);
		pol->dpd_retries = n->negated ? 0 : (uint32_t)cfg_arg_int(n, "retries", 2);
	}
}

static void take_limit(const struct cfg_tree *t, const struct cfg_node *x, const char *row, const char *var,
                       uint32_t dflt, uint32_t *to)
{
	const struct cfg_node *n = given(t, x, row);

	if (n)
		*to = n->negated ? IKE_UNLIMITED : (uint32_t)cfg_arg_int(n, var, dflt);
}

static void take_limits(const struct cfg_tree *t, const struct cfg_node *x, struct ike_policy *pol)
{
	const struct cfg_node *n = given(t, x, "ikev2-ikesa-ddos-max-cert-size");

	take_limit(t, x, "ikev2-ikesa-ddos-half-open-sa-timer", "seconds", 60, &pol->half_open_s);
	take_limit(t, x, "ikev2-ikesa-ddos-decrypt-fail-count", "count", 30, &pol->decrypt_fail_max);
	take_limit(t, x, "ikev2-ikesa-ddos-rekey-rate", "rate", 5, &pol->rekey_rate);
	take_limit(t, x, "ikev2-ikesa-ddos-message-queue-size", "messages", 20, &pol->queue_max);
	if (n)
		pol->max_cert_size = n->negated ? 0 : (uint16_t)cfg_arg_int(n, "bytes", 2048);
}

/* Where the peers' addresses come from, and which of our networks they may reach. */
static void take_addresses(const struct cfg_tree *t, const struct cfg_node *x, bool site_to_site,
                           struct ike_payload *p)
{
	const struct cfg_node *n = given(t, x, "ip-address-allocation");
	const char *kind = n ? cfg_arg(n, "kind") : NULL;

	if (kind)
		p->assign_address = !strcmp(kind, "dynamic") && !site_to_site;
	if ((n = given(t, x, "tsi")))
		p->tsi = ipsecmgr_payload_tsi(n->negated ? NULL : n);
	if (!cfg_first(x, "tsr"))
		return;
	memset(p->ts_local, 0, sizeof(p->ts_local));
	p->n_ts_local = 0;
	cfg_foreach(n, x, "tsr")
	{
		struct ike_ts ts = {.port_hi = 65535};
		const char *lo = cfg_arg(n, "start"), *hi = cfg_arg(n, "end");

		if (p->n_ts_local < IKE_MAX_TS && lo && hi && !net_addr_parse(&ts.lo, lo) &&
		    !net_addr_parse(&ts.hi, hi))
			p->ts_local[p->n_ts_local++] = ts;
	}
}

static void take_child(const struct cfg_tree *t, const struct cfg_node *ctx, const struct cfg_node *x,
                       struct ike_payload *p)
{
	struct ike_suite esp[IKE_MAX_SUITES];
	struct ike_payload y = {0};
	unsigned n;

	if (given(t, x, "maximum-child-sa"))
		p->max_children = (uint32_t)cfg_get_int(t, x, "maximum-child-sa", "count", 1);

	if (given(t, x, "ipsec-transform-set-list") &&
	    (n = ipsecmgr_cfg_suites(t, ctx, x, true, esp, NULL))) {
		memset(p->esp, 0, sizeof(p->esp));
		memcpy(p->esp, esp, n * sizeof(esp[0]));
		p->n_esp = n;
	}
	if (given(t, x, "rekey") || given(t, x, "ignore-rekeying-requests") || given(t, x, "lifetime")) {
		ipsecmgr_payload_read(t, x, &y);
		p->rekey = y.rekey;
		p->rekey_idle = y.rekey_idle;
		p->same_params = y.same_params;
		p->ignore_rekey = y.ignore_rekey;
		p->lifetime_s = y.lifetime_s;
		p->lifetime_kb = y.lifetime_kb;
	}
}

/* The vendor template's (first) payload counts for every payload of the service's template. */
static void take_payload(const struct cfg_tree *t, const struct cfg_node *ctx, const struct cfg_node *x,
                         struct ipsecmgr_policy *p)
{
	const struct cfg_node *payload = cfg_first(x, "payload");

	for (unsigned i = 0; payload && i < (p->pol.n_payload ? p->pol.n_payload : 1); i++) {
		take_addresses(t, payload, p->site_to_site, &p->pol.payload[i]);
		take_child(t, ctx, payload, &p->pol.payload[i]);
	}
}

static void take(const struct cfg_tree *t, const struct cfg_node *ctx, const struct cfg_node *x,
                 struct ipsecmgr_policy *p)
{
	struct ike_suite ike[IKE_MAX_SUITES];
	unsigned n;

	take_ike(t, x, &p->pol);
	if (p->site_to_site) /* chapter 18, whatever template says it */
		p->pol.mobike = p->pol.mobike_cookie = false;
	take_notifies(t, x, &p->pol);
	take_limits(t, x, &p->pol);
	ipsecmgr_payload_attributes(t, x, &p->pol);
	if (given(t, x, "ikev2-ikesa-transform-set-list") &&
	    (n = ipsecmgr_cfg_suites(t, ctx, x, false, ike, &p->pol.ike_lifetime_s))) {
		memset(p->pol.ike, 0, sizeof(p->pol.ike));
		memcpy(p->pol.ike, ike, n * sizeof(ike[0]));
		p->pol.n_ike = n;
	}
	take_payload(t, ctx, x, p);
}

struct ipsecmgr_policy *ipsecmgr_vendor_derive(const struct cfg_tree *tree,
                                               const struct ipsecmgr_policy *base, uint64_t set)
{
	const struct cfg_node *ctx = cfg_child(tree, tree->root, "context", base->context), *x;
	struct ipsecmgr_policy *p = malloc(sizeof(*p));

	if (!p)
		return NULL;
	*p = *base;
	p->next = NULL;
	p->vendors = NULL;
	p->callees = NULL;
	p->vendor_set = set;
	p->pol.derived = true;
	snprintf(p->pol.name, sizeof(p->pol.name), "%.140s#%016llx", base->pol.name, (unsigned long long)set);
	if (ipsecmgr_peers_copy(p, base)) {
		free(p);
		return NULL;
	}
	pki_own_ref(p->pol.own);
	pki_trust_ref(p->pol.trust);
	for (int i = IPSECMGR_VENDORS - 1; ctx && base->vendors && i >= 0;
	     i--) { /* the first one last: it wins */
		if (!(set >> i & 1) || !base->vendors[i].id[0])
			continue;
		x = cfg_child(tree, ctx, "crypto-template", base->vendors[i].template);
		if (x)
			take(tree, ctx, x, p);
	}
	return p;
}

/* --- which one
 * ----------------------------------------------------------------------------------------------------- */

static struct ipsecmgr_policy *base_of(const struct ipsecmgr *m, const char *name, size_t len)
{
	struct ipsecmgr_policy *p;

	for (p = m->policies; p; p = p->next)
		if (!p->pol.derived && strlen(p->pol.name) == len && !strncmp(p->pol.name, name, len))
			return p;
	return NULL;
}

static const struct ipsecmgr_policy *find(const struct ipsecmgr *m, const struct ipsecmgr_policy *base,
                                          uint64_t set, unsigned *derived)
{
	const struct ipsecmgr_policy *p, *found = NULL;
	size_t len = strlen(base->pol.name);

	*derived = 0;
	for (p = m->policies; p; p = p->next) {
		if (!p->pol.derived)
			continue;
		++*derived;
		if (p->vendor_set == set && !strncmp(p->pol.name, base->pol.name, len) &&
		    p->pol.name[len] == '#')
			found = p;
	}
	return found;
}

/* The policy of a set, made and put when it is not there. */
static const struct ipsecmgr_policy *want(struct ipsecmgr *m, const struct ipsecmgr_policy *base,
                                          uint64_t set)
{
	struct ipsecmgr_policy *p;
	unsigned derived;
	const struct ipsecmgr_policy *have = find(m, base, set, &derived);

	if (have)
		return have;
	if (derived >= DERIVED_MAX && (set & (set - 1)))
		return NULL;
	p = ipsecmgr_vendor_derive(config_tree(m->t), base, set);
	if (p && !ike_engine_policy_put(m->e, &p->pol)) {
		p->next = m->policies;
		m->policies = p;
		return p;
	}
	ipsecmgr_cfg_free(p);
	return NULL;
}

/* A rule names an id as text, or as bytes behind 0x. */
static bool same_id(const char *rule, const struct ike_vendor_id *id)
{
	uint8_t bytes[sizeof(((struct ipsecmgr_vendor *)0)->id)];
	size_t n = 0;

	if (strlen(rule) == id->len && !memcmp(rule, id->p, id->len))
		return true;
	return !strncmp(rule, "0x", 2) &&
	       OPENSSL_hexstr2buf_ex(bytes, sizeof(bytes), &n, rule + 2, '\0') == 1 && n == id->len &&
	       !memcmp(bytes, id->p, n);
}

static uint64_t fits(const struct ipsecmgr_policy *base, const struct ike_vendor_id *id, unsigned n,
                     unsigned *known)
{
	uint64_t set = 0;

	for (unsigned k = 0; k < n; k++) {
		bool any = false;

		for (int i = 0; i < IPSECMGR_VENDORS; i++)
			if (base->vendors[i].id[0] && same_id(base->vendors[i].id, &id[k])) {
				set |= 1ULL << i;
				any = true;
			}
		*known += any;
	}
	return set;
}

const char *ipsecmgr_vendor_match(struct ipsecmgr *m, const char *policy, const struct ike_vendor_id *id,
                                  unsigned n, unsigned *known)
{
	const struct ipsecmgr_policy *base = base_of(m, policy, strlen(policy)), *p;
	uint64_t set = base && base->vendors ? fits(base, id, n, known) : 0;

	if (!set)
		return NULL;
	p = want(m, base, set);
	if (!p) /* too many sets: by the first precedence alone, of which there are 64 */
		p = want(m, base, set & -set);
	return p ? p->pol.name : NULL;
}

void ipsecmgr_vendor_restore(struct ipsecmgr *m, const char *name)
{
	size_t len = strcspn(name, "#");
	const struct ipsecmgr_policy *base = name[len] ? base_of(m, name, len) : NULL;
	uint64_t set = base ? strtoull(name + len + 1, NULL, 16) : 0;

	if (set)
		want(m, base, set);
}

void ipsecmgr_vendor_again(struct ipsecmgr *m, const struct cfg_tree *tree, const struct ipsecmgr_policy *old)
{
	struct ipsecmgr_policy *base, *p;

	for (; old; old = old->next) {
		if (!old->pol.derived)
			continue;
		base = base_of(m, old->pol.name, strcspn(old->pol.name, "#"));
		p = base ? ipsecmgr_vendor_derive(tree, base, old->vendor_set) : NULL;
		if (!p)
			continue;
		p->next = m->policies;
		m->policies = p;
	}
}
