/* SPDX-License-Identifier: MIT */
/*
 * CREATE_CHILD_SA for children as responder (RFC 7296 sections 1.3.1, 1.3.3, 2.17, 2.25): a new child, or the
 * rekey of one; and the making of a child from any negotiation. Entry points: ike_child_request(),
 * ike_child_refuse() (exchange table), ike_child_make(). Our own requests are in ike_child_init.c, rekeys of
 * the IKE SA in ike_rekey.c.
 */
#include "ike/ike_int.h"
#include "ike/ike_proposal.h"
#include "ike/ike_ts.h"

#include <string.h>

#include <openssl/crypto.h>

/* KEYMAT is cut in the order initiator→responder, responder→initiator; the child keeps it as in, out. */
static int child_keys(struct ike_sa *sa, struct ike_child *c, const struct ike_child_made *m)
{
	size_t half = ike_crypto_encr_len(m->suite) + ike_crypto_integ_len(m->suite);
	uint8_t mat[2 * (IKE_ENCR_MAX + IKE_INTEG_MAX)];
	int err = ike_crypto_child_keys(sa->e->crypto, sa->suite.prf, sa->keys.sk_d, m->suite, m->shared,
	                                m->ni, m->nr, mat, 2 * half);

	if (!err) {
		memcpy(c->keys, m->initiator ? mat + half : mat, half);
		memcpy(c->keys + half, m->initiator ? mat : mat + half, half);
	}
	OPENSSL_cleanse(mat, sizeof(mat));
	return err;
}

struct ike_child *ike_child_make(struct ike_sa *sa, const struct ike_child_made *m)
{
	const struct ike_policy *p = &sa->pol->p;
	uint64_t life = p->child_lifetime_s * IKE_US_PER_S, now = sa->e->now;
	struct ike_ts ts[2 * IKE_MAX_TS];
	struct ike_child *c;

	memcpy(ts, m->ts_local, m->n_local * sizeof(*ts));
	memcpy(ts + m->n_local, m->ts_remote, m->n_remote * sizeof(*ts));
	c = ike_sa_child_new(sa, m->suite, ts, m->n_local, m->n_remote);
	if (!c)
		return NULL;
	c->spi_in = m->spi_in;
	c->spi_out = m->spi_out;
	c->initiator = m->initiator;
	c->encap = sa->nat_local || sa->nat_remote;
	c->created_us = now;
	if (life) {
		c->hard_us = now + life;
		if (p->child_rekey)
			c->soft_us = now + ike_sa_jitter(sa->e, life);
	}
	if (child_keys(sa, c, m) || ike_sa_child_in(sa->e, m->spi_in)) {
		ike_sa_child_free(c);
		return NULL;
	}
	ike_sa_child_link(sa, c);
	return c;
}

void ike_child_refuse(struct ike_rx *rx)
{
	ike_msg_reply_notify(rx, IKE_N_TEMPORARY_FAILURE, NULL, 0);
}

/* ---- responder ---- */

static void refuse(struct ike_rx *rx, uint16_t notify, const void *data, size_t len)
{
	struct ike_event *ev;

	IKE_CNT(rx->sa, csa_createfail);
	ike_msg_reply_notify(rx, notify, data, len);
	ev = ike_out_event(rx->t, IKE_EV_CHILD_FAILED, rx->sa, IKE_R_NONE);
	if (ev)
		ev->notify = notify;
}

/* The child the request is to replace. False: refused. *target NULL: a new one is wanted. */
static bool find_target(struct ike_rx *rx, struct ike_child **target)
{
	const struct ike_notify *n = ike_wire_notify(rx->m, IKE_N_REKEY_SA);
	const struct ike_policy *p = &rx->sa->pol->p;
	uint32_t max = p->max_childsa ? p->max_childsa : 2, spi;
	uint8_t buf[64];
	struct ike_build b;

	*target = NULL;
	if (rx->sa->n_children >= IKE_CHILD_LIMIT || (!n && ike_sa_live_children(rx->sa) >= max)) {
		IKE_CNT(rx->sa, csa_createsftovrflw);
		refuse(rx, IKE_N_NO_ADDITIONAL_SAS, NULL, 0);
		return false;
	}
	if (!n)
		return true;
	IKE_CNT(rx->sa, rekey_childsareqrecv);
	if (p->ignore_child_rekey) {
		IKE_CNT(rx->sa, rekey_childsaignored);
		refuse(rx, IKE_N_NO_ADDITIONAL_SAS, NULL, 0);
		return false;
	}
	if (!ike_sa_rekey_allowed(rx->sa)) {
		IKE_CNT(rx->sa, childsa_rekey_rate_temp_failure);
		refuse(rx, IKE_N_TEMPORARY_FAILURE, NULL, 0);
		return false;
	}
	spi = n->spi_len == 4 ? (uint32_t)n->spi[0] << 24 | n->spi[1] << 16 | n->spi[2] << 8 | n->spi[3] : 0;
	*target = ike_sa_child_out(rx->sa, spi);
	if (!*target) { /* the notify names the SPI: RFC 7296 section 3.10 */
		IKE_CNT(rx->sa, csa_createfail);
		ike_wire_build(&b, buf, sizeof(buf));
		ike_wire_put_notify(&b, IKE_PROTO_ESP, spi, 4, IKE_N_CHILD_SA_NOT_FOUND, NULL, 0);
		ike_msg_reply(rx, &b);
		return false;
	}
	if ((*target)->deleting || (*target)->superseded) {
		refuse(rx, IKE_N_TEMPORARY_FAILURE, NULL, 0);
		return false;
	}
	return true;
}

struct answer {
	struct ike_suite suite;
	uint8_t num;
	uint32_t spi_out;
	uint8_t nonce[IKE_NONCE_LEN], pub[IKE_DH_MAX], shared[IKE_DH_MAX];
	size_t pub_len, shared_len;
	struct ike_ts local[IKE_MAX_TS], remote[IKE_MAX_TS];
	unsigned n_local, n_remote;
};

/* Our suites: for a rekey what the child has comes first. */
static unsigned our_suites(const struct ike_sa *sa, const struct ike_child *target,
                           struct ike_suite out[IKE_MAX_SUITES + 1])
{
	const struct ike_policy *p = &sa->pol->p;
	unsigned n = 0;

	for (unsigned i = 0; target && i < p->n_esp && !n; i++)
		if (p->esp[i].encr == target->suite.encr && p->esp[i].encr_bits == target->suite.encr_bits &&
		    p->esp[i].integ == target->suite.integ)
			out[n++] = p->esp[i];
	for (unsigned i = 0; i < p->n_esp; i++)
		out[n++] = p->esp[i];
	return n;
}

/* A new key exchange, when the suite has one. 0, or the notify to refuse with. */
static uint16_t exchange_keys(struct ike_rx *rx, struct answer *a)
{
	const struct ike_alg_group *g = ike_alg_group(a->suite.dh);
	struct ike_crypto *c = rx->e->crypto;
	uint8_t priv[IKE_DH_PRIV];
	int err;

	if (!g)
		return 0;
	if (!rx->m->ke.p || rx->m->ke_group != g->id)
		return IKE_N_INVALID_KE_PAYLOAD;
	rx->e->cb.random(rx->e->arg, priv, sizeof(priv));
	err = ike_crypto_dh_public(c, g->id, priv, a->pub);
	if (!err)
		err = ike_crypto_dh_shared(c, g->id, priv, rx->m->ke.p, rx->m->ke.len, a->shared);
	OPENSSL_cleanse(priv, sizeof(priv));
	a->pub_len = g->pub;
	a->shared_len = g->shared;
	return err ? IKE_N_INVALID_SYNTAX : 0;
}

static unsigned remote_limits(const struct ike_sa *sa, const struct ike_ts **limit, struct ike_ts host[2])
{
	unsigned n = 0;

	if (!sa->inner_ours && net_addr_is_set(&sa->inner))
		host[n++] = ike_ts_host(&sa->inner);
	if (!sa->inner_ours && net_addr_is_set(&sa->inner6))
		host[n++] = ike_ts_host(&sa->inner6);
	*limit = n ? host : sa->pol->p.ts_remote;
	return n ? n : sa->pol->p.n_ts_remote;
}

/* A rekeyed child keeps its selectors; a new one gets what the policy allows. 0 or the notify. */
static uint16_t narrow(struct ike_rx *rx, const struct ike_child *target, struct answer *a)
{
	const struct ike_policy *p = &rx->sa->pol->p;
	struct ike_ts tsi[IKE_WIRE_TS_MAX], tsr[IKE_WIRE_TS_MAX], host[2];
	const struct ike_ts *limit;
	unsigned n_tsi, n_tsr, n;

	if (!rx->m->tsi.p || !rx->m->tsr.p || ike_wire_parse_ts(tsi, &n_tsi, &rx->m->tsi) != IKE_W_OK ||
	    ike_wire_parse_ts(tsr, &n_tsr, &rx->m->tsr) != IKE_W_OK)
		return IKE_N_INVALID_SYNTAX;
	if (target) {
		a->n_remote =
		        ike_ts_narrow(tsi, n_tsi, target->ts + target->n_local, target->n_remote, a->remote);
		a->n_local = ike_ts_narrow(tsr, n_tsr, target->ts, target->n_local, a->local);
	} else {
		n = remote_limits(rx->sa, &limit, host);
		a->n_remote = ike_ts_narrow(tsi, n_tsi, limit, n, a->remote);
		a->n_local = ike_ts_narrow(tsr, n_tsr, p->ts_local, p->n_ts_local, a->local);
	}
	return a->n_remote && a->n_local ? 0 : IKE_N_TS_UNACCEPTABLE;
}

static uint16_t negotiate(struct ike_rx *rx, const struct ike_proposals *props,
                          const struct ike_child *target, struct answer *a)
{
	struct ike_suite suites[IKE_MAX_SUITES + 1];
	const struct ike_proposal *prop;
	unsigned n = our_suites(rx->sa, target, suites);
	uint16_t notify;

	if (ike_proposal_choose(props, IKE_PROTO_ESP, 4, suites, n, IKE_DH_OPTIONAL, rx->m->ke_group,
	                        &a->suite, &prop))
		return IKE_N_NO_PROPOSAL_CHOSEN;
	a->num = prop->num;
	a->spi_out = (uint32_t)ike_proposal_spi(prop);
	if (!a->spi_out)
		return IKE_N_INVALID_SYNTAX;
	notify = narrow(rx, target, a);
	return notify ? notify : exchange_keys(rx, a);
}

/* Both rekey the same child: remember theirs until ours is answered (RFC 7296 section 2.8.1). */
static bool note_rival(struct ike_sa *sa, const struct ike_child *target, const struct ike_child *made,
                       const struct ike_msg *m, const uint8_t *nr)
{
	struct ike_xchg *x = sa->xchg;

	if (!x || x->kind != IKE_JOB_REKEY_CHILD || x->spi_in != target->spi_in)
		return false;
	x->rival_spi_in = made->spi_in;
	if (ike_rekey_compare(m->nonce.p, m->nonce.len, nr, IKE_NONCE_LEN) < 0) {
		x->rival_len = (uint16_t)m->nonce.len;
		memcpy(x->rival_nonce, m->nonce.p, m->nonce.len);
	} else {
		x->rival_len = IKE_NONCE_LEN;
		memcpy(x->rival_nonce, nr, IKE_NONCE_LEN);
	}
	return true;
}

static void add_child(struct ike_rx *rx, struct ike_child *target, struct ike_child *c,
                      const struct answer *a)
{
	struct ike_event *ev;

	ike_out_child(rx->t, IKE_ACT_CHILD_ADD, c, false, target != NULL, target ? target->spi_in : 0);
	ev = ike_out_event(rx->t, target ? IKE_EV_CHILD_REKEYED : IKE_EV_CHILD_UP, rx->sa, IKE_R_NONE);
	if (ev) {
		ev->spi_in = c->spi_in;
		ev->old_spi_in = target ? target->spi_in : 0;
	}
	IKE_CNT(rx->sa, csa_createsucc);
	if (!target)
		return;
	c->rekeys = target->rekeys + 1;
	IKE_CNT(rx->sa, rekey_childsarspsent);
	if (note_rival(rx->sa, target, c, rx->m, a->nonce))
		return;
	target->superseded = true; /* the peer deletes it; in case it forgets, time does */
	target->soft_us = 0;
	target->hard_us = rx->e->now + IKE_REKEYED_US;
}

static void answer(struct ike_rx *rx, const struct ike_child *c, const struct answer *a)
{
	uint8_t buf[IKE_BUILD_MAX];
	struct ike_build b;

	ike_wire_build(&b, buf, sizeof(buf));
	ike_wire_put_sa(&b, IKE_PROTO_ESP, c->spi_in, 4, &a->suite, 1, a->num);
	ike_wire_put_nonce(&b, a->nonce, sizeof(a->nonce));
	if (a->pub_len)
		ike_wire_put_ke(&b, a->suite.dh, a->pub, a->pub_len);
	ike_wire_put_ts(&b, IKE_PL_TSI, a->remote, a->n_remote);
	ike_wire_put_ts(&b, IKE_PL_TSR, a->local, a->n_local);
	ike_msg_reply(rx, &b);
}

static void create(struct ike_rx *rx, const struct ike_proposals *props, struct ike_child *target)
{
	struct answer a = {0};
	uint16_t notify = negotiate(rx, props, target, &a);
	uint8_t group[2] = {(uint8_t)(a.suite.dh >> 8), (uint8_t)a.suite.dh};
	struct ike_child_made made = {.suite = &a.suite,
	                              .spi_out = a.spi_out,
	                              .ts_local = a.local,
	                              .ts_remote = a.remote,
	                              .n_local = a.n_local,
	                              .n_remote = a.n_remote,
	                              .shared = {a.shared, a.shared_len},
	                              .ni = rx->m->nonce,
	                              .nr = {a.nonce, sizeof(a.nonce)}};
	struct ike_child *c = NULL;

	if (!notify) {
		rx->e->cb.random(rx->e->arg, a.nonce, sizeof(a.nonce));
		made.spi_in = ike_sa_new_child_spi(rx->e);
		c = ike_child_make(rx->sa, &made);
		notify = c ? 0 : IKE_N_TEMPORARY_FAILURE;
	}
	OPENSSL_cleanse(a.shared, sizeof(a.shared));
	if (!c) {
		refuse(rx, notify, notify == IKE_N_INVALID_KE_PAYLOAD ? group : NULL,
		       notify == IKE_N_INVALID_KE_PAYLOAD ? 2 : 0);
		return;
	}
	add_child(rx, target, c, &a);
	answer(rx, c, &a);
	IKE_CNT(rx->sa, csa_createrspsnt);
}

void ike_child_request(struct ike_rx *rx)
{
	struct ike_proposals props;
	enum ike_wire_reason why = ike_wire_parse_sa(&props, &rx->m->sa);
	struct ike_child *target;

	if (why != IKE_W_OK) {
		ike_engine_count_reason(ike_sa_counters(rx->sa), why);
		ike_msg_reply_notify(rx, IKE_N_INVALID_SYNTAX, NULL, 0);
		return;
	}
	if (props.prop[0].proto == IKE_PROTO_IKE) {
		ike_rekey_request(rx, &props);
		return;
	}
	IKE_CNT(rx->sa, csa_createreqrcv);
	if (rx->sa->replaced || (rx->sa->xchg && rx->sa->xchg->kind == IKE_JOB_REKEY_IKE)) {
		refuse(rx, IKE_N_TEMPORARY_FAILURE, NULL,
		       0); /* we rekey the IKE SA: RFC 7296 section 2.25.2 */
		return;
	}
	if (find_target(rx, &target))
		create(rx, &props, target);
}
