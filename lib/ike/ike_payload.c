/* SPDX-License-Identifier: MIT */
/*
 * Payloads: several kinds of children per template or map, each with selectors, algorithms, lifetimes and a
 * number of its own (chapters 8, 11 and 15 of the reference). Which one a request falls into, what of the
 * peer's selectors is granted (RFC 7296 section 2.9), and which children the configuration calls for. Entry
 * points: ike_payload_agree(), ike_payload_agree_rekey() (from ike_auth.c and ike_child.c),
 * ike_payload_wish(), ike_payload_complete() (as the one who asks).
 */
#include "ike/ike_payload.h"
#include "ike/ike_ts.h"

#include <errno.h>
#include <string.h>

#define V4 1u
#define V6 2u

/* ---- settings ---- */

unsigned ike_payload_count(const struct ike_policy *p)
{
	return p->n_payload ? p->n_payload : 1;
}

const struct ike_payload *ike_payload_of(const struct ike_child *c)
{
	const struct ike_policy *p = &c->sa->pol->p;

	return &p->payload[c->payload < ike_payload_count(p) ? c->payload : 0];
}

int ike_payload_find(const struct ike_policy *p, const char *name)
{
	for (unsigned i = 0; i < ike_payload_count(p); i++)
		if (!strcmp(p->payload[i].name, name))
			return (int)i;
	return -ENOENT;
}

bool ike_payload_assigns(const struct ike_policy *p)
{
	for (unsigned i = 0; i < ike_payload_count(p); i++)
		if (p->payload[i].assign_address)
			return true;
	return false;
}

int ike_payload_check(const struct ike_payload *y)
{
	if (!memchr(y->name, 0, sizeof(y->name)) || !y->n_esp || y->n_esp > IKE_MAX_SUITES ||
	    y->n_ts_local > IKE_MAX_TS || y->n_ts_remote > IKE_MAX_TS)
		return -EINVAL;
	if (y->family != AF_UNSPEC && y->family != AF_INET && y->family != AF_INET6)
		return -EINVAL;
	for (unsigned i = 0; i < y->n_esp; i++)
		if (ike_alg_check(&y->esp[i], true))
			return -ENOTSUP;
	return 0;
}

void ike_payload_remap(struct ike_engine *e, const struct ike_pol *pol, const struct ike_policy *was)
{
	unsigned n = ike_payload_count(&pol->p);
	bool same = n == ike_payload_count(was);

	for (unsigned i = 0; same && i < n; i++)
		same = !strcmp(pol->p.payload[i].name, was->payload[i].name);
	if (same)
		return;
	for (struct ike_sa *sa = e->sas; sa; sa = sa->next) {
		for (struct ike_child *c = sa->children; sa->pol == pol && c; c = c->next) {
			int at = c->payload < ike_payload_count(was)
			                 ? ike_payload_find(&pol->p, was->payload[c->payload].name)
			                 : -ENOENT;

			c->payload = at < 0 ? IKE_NO_PAYLOAD : (uint8_t)at;
		}
	}
}

/* ---- how many ---- */

static unsigned children_of(const struct ike_sa *sa, unsigned payload)
{
	unsigned n = 0;

	for (const struct ike_child *c = sa->children; c; c = c->next)
		n += c->payload == payload && !c->superseded && !c->deleting;
	return n;
}

static bool full(const struct ike_sa *sa, unsigned payload)
{
	uint32_t max = sa->pol->p.payload[payload].max_children;

	return max && children_of(sa, payload) >= max;
}

uint16_t ike_payload_room(struct ike_sa *sa)
{
	const struct ike_policy *p = &sa->pol->p;
	unsigned n = ike_sa_live_children(sa);

	if (n >= IKE_MAX_CHILDREN || sa->n_children >= IKE_CHILD_LIMIT) {
		IKE_CNT(sa, csa_createhrdovrflw);
		return IKE_N_NO_ADDITIONAL_SAS;
	}
	if (p->max_childsa && n >= p->max_childsa) {
		IKE_CNT(sa, csa_createsftovrflw);
		if (p->childsa_terminate)
			return IKE_N_NO_ADDITIONAL_SAS;
	}
	return 0;
}

/* ---- selectors ---- */

static unsigned family_bit(const struct ike_ts *t)
{
	return t->lo.family == AF_INET6 ? V6 : V4;
}

static unsigned only(const struct ike_ts *in, unsigned n_in, unsigned families, struct ike_ts *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < n_in; i++)
		if (family_bit(&in[i]) & families)
			out[n++] = in[i];
	return n;
}

/* Which families selectors may be of: the payload's; and where addresses are assigned those the peer got
 * (chapter 15: with INTERNAL_IP4_ADDRESS only, selectors of IPv6 are ignored). */
static unsigned families_of(const struct ike_sa *sa, const struct ike_payload *y)
{
	unsigned f = V4 | V6;

	if (y->family)
		f = y->family == AF_INET6 ? V6 : V4;
	if (!sa->inner_ours && y->assign_address &&
	    (net_addr_is_set(&sa->inner) || net_addr_is_set(&sa->inner6)))
		f &= (net_addr_is_set(&sa->inner) ? V4 : 0) | (net_addr_is_set(&sa->inner6) ? V6 : 0);
	return f;
}

/* The assigned addresses. */
static unsigned inner_hosts(const struct ike_sa *sa, struct ike_ts host[2])
{
	unsigned n = 0;

	if (net_addr_is_set(&sa->inner))
		host[n++] = ike_ts_host(&sa->inner);
	if (net_addr_is_set(&sa->inner6))
		host[n++] = ike_ts_host(&sa->inner6);
	return n;
}

unsigned ike_payload_hosts(const struct ike_sa *sa, struct ike_ts host[2])
{
	return sa->inner_ours ? 0 : inner_hosts(sa, host);
}

/* Limits on the peer's side. */
static unsigned remote_limits(const struct ike_sa *sa, const struct ike_payload *y,
                              const struct ike_ts **limit, struct ike_ts host[2])
{
	unsigned n = 0;

	*limit = host;
	if (y->tsi != IKE_TSI_ANY && y->assign_address)
		n = ike_payload_hosts(sa, host);
	if (!n && y->tsi == IKE_TSI_ENDPOINT)
		host[n++] = ike_ts_host(&sa->path.remote.addr);
	if (n)
		return n;
	*limit = y->ts_remote;
	return y->n_ts_remote;
}

static bool narrow(const struct ike_sa *sa, const struct ike_payload *y, const struct ike_ask *ask,
                   struct ike_agreed *a)
{
	struct ike_ts tsi[IKE_WIRE_TS_MAX], tsr[IKE_WIRE_TS_MAX], host[2];
	unsigned f = families_of(sa, y), n_tsi = only(ask->tsi, ask->n_tsi, f, tsi),
	         n_tsr = only(ask->tsr, ask->n_tsr, f, tsr), n;
	const struct ike_ts *limit;

	n = remote_limits(sa, y, &limit, host);
	a->n_remote = ike_ts_narrow(tsi, n_tsi, limit, n, a->remote);
	a->n_local = ike_ts_narrow(tsr, n_tsr, y->ts_local, y->n_ts_local, a->local);
	if (a->n_local > IKE_MAX_TSR)
		a->n_local = IKE_MAX_TSR;
	return a->n_remote && a->n_local;
}

/* Selectors as the peer asks: of families it may use, with an address it was assigned among them (chapter 3:
 * "honored", for remote access). */
static bool grant(const struct ike_sa *sa, const struct ike_payload *y, const struct ike_ask *ask,
                  struct ike_agreed *a)
{
	struct ike_ts tsi[IKE_WIRE_TS_MAX], tsr[IKE_WIRE_TS_MAX], host[2];
	unsigned f = families_of(sa, y), n_tsi = only(ask->tsi, ask->n_tsi, f, tsi),
	         n_tsr = only(ask->tsr, ask->n_tsr, f, tsr), n = ike_payload_hosts(sa, host);

	if (n && !ike_ts_narrow(tsi, n_tsi, host, n, a->remote))
		return false;
	a->n_remote = ike_ts_narrow(tsi, n_tsi, NULL, 0, a->remote);
	a->n_local = ike_ts_narrow(tsr, n_tsr, NULL, 0, a->local);
	if (a->n_local > IKE_MAX_TSR)
		a->n_local = IKE_MAX_TSR;
	return a->n_remote && a->n_local;
}

/* Does what is asked for fall into the payload, and what of it is granted? `loose`: nothing else did. */
static bool fits(const struct ike_sa *sa, const struct ike_payload *y, const struct ike_ask *ask, bool loose,
                 struct ike_agreed *a)
{
	if (!y->ts_as_asked)
		return !loose && narrow(sa, y, ask, a);
	return (loose || narrow(sa, y, ask, a)) && grant(sa, y, ask, a);
}

/* ---- the peer asks ---- */

/* 0, or why not. */
static uint16_t choose(const struct ike_ask *ask, const struct ike_suite *suites, unsigned n,
                       struct ike_agreed *a)
{
	const struct ike_proposal *prop;

	if (ike_proposal_choose(ask->props, IKE_PROTO_ESP, 4, suites, n, ask->dh_rule, ask->ke_group,
	                        &a->suite, &prop))
		return IKE_N_NO_PROPOSAL_CHOSEN;
	a->num = prop->num;
	a->spi_out = (uint32_t)ike_proposal_spi(prop);
	return a->spi_out ? 0 : IKE_N_INVALID_SYNTAX;
}

/* 0, or of several reasons the one that came furthest. */
static uint16_t agree(struct ike_sa *sa, const struct ike_ask *ask, bool loose, struct ike_agreed *a)
{
	const struct ike_policy *p = &sa->pol->p;
	uint16_t why = IKE_N_NO_ADDITIONAL_SAS, one;

	for (unsigned i = 0; i < ike_payload_count(p); i++) {
		const struct ike_payload *y = &p->payload[i];

		if (full(sa, i))
			continue;
		one = choose(ask, y->esp, y->n_esp, a);
		if (one == IKE_N_INVALID_SYNTAX)
			return one;
		if (!one && fits(sa, y, ask, loose, a)) {
			a->payload = (uint8_t)i;
			return 0;
		}
		if (!one)
			why = IKE_N_TS_UNACCEPTABLE;
		else if (why == IKE_N_NO_ADDITIONAL_SAS)
			why = one;
	}
	return why;
}

uint16_t ike_payload_agree(struct ike_sa *sa, const struct ike_ask *ask, struct ike_agreed *a)
{
	uint16_t why = agree(sa, ask, false, a);

	return why == IKE_N_TS_UNACCEPTABLE ? agree(sa, ask, true, a) : why;
}

bool ike_payload_same_cipher(const struct ike_suite *a, const struct ike_suite *b)
{
	return a->encr == b->encr && a->encr_bits == b->encr_bits && a->integ == b->integ;
}

/* What the child has comes first. Where changes are disallowed nothing follows. */
static unsigned rekey_suites(const struct ike_payload *y, const struct ike_child *target,
                             struct ike_suite out[IKE_MAX_SUITES + 1])
{
	unsigned n = 0;

	for (unsigned i = 0; i < y->n_esp && !n; i++)
		if (ike_payload_same_cipher(&y->esp[i], &target->suite))
			out[n++] = y->esp[i];
	if (y->same_params) {
		if (!n) {
			out[n] = target->suite;
			out[n++].dh = IKE_GROUP_NONE;
		}
		out[0].esn = target->suite.esn;
		return n;
	}
	for (unsigned i = 0; i < y->n_esp; i++)
		out[n++] = y->esp[i];
	return n;
}

uint16_t ike_payload_agree_rekey(struct ike_sa *sa, const struct ike_child *target, const struct ike_ask *ask,
                                 struct ike_agreed *a)
{
	const struct ike_ts *local = target->ts, *remote = target->ts + target->n_local;
	const struct ike_payload *y = ike_payload_of(target);
	struct ike_suite suites[IKE_MAX_SUITES + 1];
	uint16_t why = choose(ask, suites, rekey_suites(y, target, suites), a);

	a->payload = target->payload;
	if (why)
		return why;
	if (y->same_params && a->suite.esn != target->suite.esn)
		return IKE_N_NO_PROPOSAL_CHOSEN;
	if (!y->same_params)
		return fits(sa, y, ask, y->ts_as_asked, a) ? 0 : IKE_N_TS_UNACCEPTABLE;
	a->n_remote = ike_ts_narrow(ask->tsi, ask->n_tsi, remote, target->n_remote, a->remote);
	a->n_local = ike_ts_narrow(ask->tsr, ask->n_tsr, local, target->n_local, a->local);
	if (ike_ts_within(remote, target->n_remote, a->remote, a->n_remote) &&
	    ike_ts_within(local, target->n_local, a->local, a->n_local))
		return 0;
	return IKE_N_TS_UNACCEPTABLE;
}

/* ---- we ask ---- */

static unsigned everything(const struct ike_sa *sa, const struct ike_payload *y, const struct ike_ts *other,
                           unsigned n_other, struct ike_ts *out)
{
	unsigned f = n_other ? 0 : sa->path.local.addr.family == AF_INET6 ? V6 : V4, n = 0;

	for (unsigned i = 0; i < n_other; i++)
		f |= family_bit(&other[i]);
	if (y->family)
		f = y->family == AF_INET6 ? V6 : V4;
	if (f & V4)
		out[n++] = ike_ts_any(AF_INET);
	if (f & V6)
		out[n++] = ike_ts_any(AF_INET6);
	return n;
}

static unsigned take_ts(struct ike_ts *out, const struct ike_ts *ts, unsigned n)
{
	memcpy(out, ts, n * sizeof(*ts));
	return n;
}

void ike_payload_wish(const struct ike_sa *sa, unsigned payload, struct ike_agreed *a)
{
	const struct ike_payload *y = &sa->pol->p.payload[payload];
	struct ike_ts host[2];
	const struct ike_ts *limit;
	unsigned n;

	a->payload = (uint8_t)payload;
	a->n_local = take_ts(a->local, y->ts_local, y->n_ts_local);
	n = remote_limits(sa, y, &limit, host);
	a->n_remote = take_ts(a->remote, limit, n);
	if (sa->inner_ours && y->assign_address && (n = inner_hosts(sa, host)))
		a->n_local = take_ts(a->local, host, n);
	if (!a->n_local)
		a->n_local = everything(sa, y, a->remote, a->n_remote, a->local);
	if (!a->n_remote)
		a->n_remote = everything(sa, y, a->local, a->n_local, a->remote);
}

unsigned ike_payload_next(const struct ike_sa *sa)
{
	unsigned n = ike_payload_count(&sa->pol->p), i;

	for (i = 0; i < n; i++)
		if (!children_of(sa, i))
			return i;
	for (i = 0; i < n; i++)
		if (!full(sa, i))
			return i;
	return 0;
}

/* Is there room for `more` children that nobody has refused us yet? */
static bool may_ask(const struct ike_sa *sa, unsigned more)
{
	uint32_t max = sa->pol->p.max_childsa;

	if (!max || max > IKE_MAX_CHILDREN)
		max = IKE_MAX_CHILDREN;
	return ike_sa_live_children(sa) + more < max;
}

void ike_payload_complete(struct ike_sa *sa)
{
	const struct ike_policy *p = &sa->pol->p;
	unsigned asked = 0;

	sa->more_us = 0;
	if (!ike_sa_live_children(sa))
		return;
	for (unsigned i = 0; i < ike_payload_count(p); i++) {
		/* As responder only selectors of our own call for a child: others are the peer's affair. */
		if (children_of(sa, i) || (!sa->initiator && !p->payload[i].n_ts_local))
			continue;
		if (may_ask(sa, asked) && !ike_sa_job(sa, IKE_JOB_NEW_CHILD, i))
			asked++;
	}
}

bool ike_payload_surplus(const struct ike_sa *sa, const struct ike_child *c)
{
	uint32_t max = c->payload < ike_payload_count(&sa->pol->p) ? ike_payload_of(c)->max_children : 0;

	/* One of the two ends gives way: the responder of the IKE SA. */
	return !sa->initiator && max && children_of(sa, c->payload) > max;
}
