/* SPDX-License-Identifier: MIT */
/*
 * CREATE_CHILD_SA for children as responder (RFC 7296 sections 1.3.1, 1.3.3, 2.17, 2.25): a new child, or the
 * rekey of one; and the making of a child from any negotiation. Entry points: ike_child_request(),
 * ike_child_refuse() (exchange table), ike_child_make(). Our own requests are in ike_child_init.c, rekeys of
 * the IKE SA in ike_rekey.c.
 */
#include "ike/ike_int.h"
#include "ike/ike_payload.h"

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
	const struct ike_payload *y =
	        &sa->pol->p.payload[m->payload < ike_payload_count(&sa->pol->p) ? m->payload : 0];
	uint64_t life = y->lifetime_s * IKE_US_PER_S, now = sa->e->now;
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
	c->payload = m->payload;
	c->life_kb = y->lifetime_kb;
	c->encap = sa->nat_local || sa->nat_remote;
	c->created_us = now;
	if (life) {
		c->hard_us = now + life;
		if (y->rekey)
			c->soft_us = now + ike_sa_jitter(sa->e, life);
	}
	if (child_keys(sa, c, m) || ike_sa_child_in(sa->e, m->spi_in)) {
		ike_sa_child_free(c);
		return NULL;
	}
	ike_sa_child_link(sa, c);
	return c;
}

uint16_t ike_child_busy(const struct ike_sa *sa, uint16_t rfc4306)
{
	return sa->pol->p.rfc4306_notifies ? rfc4306 : IKE_N_TEMPORARY_FAILURE;
}

void ike_child_refuse(struct ike_rx *rx)
{
	ike_msg_reply_notify(rx, ike_child_busy(rx->sa, IKE_N_NO_ADDITIONAL_SAS), NULL, 0);
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

static uint16_t may_rekey(struct ike_sa *sa, const struct ike_child *target)
{
	if (ike_payload_of(target)->ignore_rekey) {
		IKE_CNT(sa, rekey_childsaignored);
		return IKE_N_NO_ADDITIONAL_SAS;
	}
	if (!ike_sa_rekey_allowed(sa)) {
		IKE_CNT(sa, childsa_rekey_rate_temp_failure);
		return IKE_N_TEMPORARY_FAILURE;
	}
	if (target->deleting || target->superseded)
		return ike_child_busy(sa, IKE_N_NO_PROPOSAL_CHOSEN);
	return sa->n_children >= IKE_CHILD_LIMIT ? IKE_N_NO_ADDITIONAL_SAS : 0;
}

/* The notify names the SPI (RFC 7296 section 3.10). */
static void not_found(struct ike_rx *rx, uint32_t spi)
{
	uint8_t buf[64];
	struct ike_build b;

	if (rx->sa->pol->p.rfc4306_notifies) {
		refuse(rx, IKE_N_NO_PROPOSAL_CHOSEN, NULL, 0);
		return;
	}
	IKE_CNT(rx->sa, csa_createfail);
	ike_notify_count_sent(ike_sa_counters(rx->sa), IKE_N_CHILD_SA_NOT_FOUND);
	ike_wire_build(&b, buf, sizeof(buf));
	ike_wire_put_notify(&b, IKE_PROTO_ESP, spi, 4, IKE_N_CHILD_SA_NOT_FOUND, NULL, 0);
	ike_msg_reply(rx, &b);
}

bool ike_child_making(const struct ike_sa *sa)
{
	return sa->xchg && (sa->xchg->kind == IKE_JOB_NEW_CHILD || sa->xchg->kind == IKE_JOB_REKEY_CHILD);
}

/* The child the request is to replace. False: refused. *target NULL: a new one is wanted. */
static bool find_target(struct ike_rx *rx, struct ike_child **target)
{
	const struct ike_notify *n = ike_wire_notify(rx->m, IKE_N_REKEY_SA);
	uint16_t notify;
	uint32_t spi;

	*target = NULL;
	if (n) {
		IKE_CNT(rx->sa, rekey_childsareqrecv);
		if (n->proto != IKE_PROTO_ESP && !rx->sa->pol->p.lax_protocol_id) {
			IKE_CNT(rx->sa, decfail_notifpayrekey);
			refuse(rx, IKE_N_INVALID_SYNTAX, NULL, 0);
			return false;
		}
		spi = n->spi_len == 4
		              ? (uint32_t)n->spi[0] << 24 | n->spi[1] << 16 | n->spi[2] << 8 | n->spi[3]
		              : 0;
		*target = ike_sa_child_out(rx->sa, spi);
		if (!*target) {
			/* the one that we asked for and have no answer about, perhaps (section 2.25) */
			if (ike_child_making(rx->sa))
				refuse(rx, ike_child_busy(rx->sa, IKE_N_NO_PROPOSAL_CHOSEN), NULL, 0);
			else
				not_found(rx, spi);
			return false;
		}
	}
	notify = *target ? may_rekey(rx->sa, *target) : ike_payload_room(rx->sa);
	if (notify)
		refuse(rx, notify, NULL, 0);
	return !notify;
}

struct answer {
	struct ike_agreed agreed;
	uint8_t nonce[IKE_NONCE_LEN], pub[IKE_DH_MAX], shared[IKE_DH_MAX];
	size_t pub_len, shared_len;
};

/* A new key exchange, when the suite has one. 0, or the notify to refuse with. */
static uint16_t exchange_keys(struct ike_rx *rx, struct answer *a)
{
	const struct ike_alg_group *g = ike_alg_group(a->agreed.suite.dh);
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

static uint16_t negotiate(struct ike_rx *rx, const struct ike_proposals *props,
                          const struct ike_child *target, struct answer *a)
{
	struct ike_ts tsi[IKE_WIRE_TS_MAX], tsr[IKE_WIRE_TS_MAX];
	struct ike_ask ask = {.props = props,
	                      .tsi = tsi,
	                      .tsr = tsr,
	                      .dh_rule = IKE_DH_OPTIONAL,
	                      .ke_group = rx->m->ke_group};
	uint16_t notify;

	if (!rx->m->tsi.p || !rx->m->tsr.p || ike_wire_parse_ts(tsi, &ask.n_tsi, &rx->m->tsi) != IKE_W_OK ||
	    ike_wire_parse_ts(tsr, &ask.n_tsr, &rx->m->tsr) != IKE_W_OK)
		return IKE_N_INVALID_SYNTAX;
	notify = target ? ike_payload_agree_rekey(rx->sa, target, &ask, &a->agreed)
	                : ike_payload_agree(rx->sa, &ask, &a->agreed);
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
	IKE_CNT_DUE(rx->t, rx->sa, csa_createsucc);
	if (!target)
		return;
	c->rekeys = target->rekeys + 1;
	IKE_CNT_DUE(rx->t, rx->sa, rekey_childsarspsent);
	if (!note_rival(rx->sa, target, c, rx->m, a->nonce))
		ike_out_supersede(rx->t, target); /* the peer deletes it; in case it forgets, time does */
}

static void answer(struct ike_rx *rx, const struct ike_child *c, const struct answer *a)
{
	uint8_t buf[IKE_BUILD_MAX];
	struct ike_build b;

	ike_wire_build(&b, buf, sizeof(buf));
	ike_wire_put_sa(&b, IKE_PROTO_ESP, c->spi_in, 4, &a->agreed.suite, 1, a->agreed.num);
	ike_wire_put_nonce(&b, a->nonce, sizeof(a->nonce));
	if (a->pub_len)
		ike_wire_put_ke(&b, a->agreed.suite.dh, a->pub, a->pub_len);
	ike_wire_put_ts(&b, IKE_PL_TSI, a->agreed.remote, a->agreed.n_remote);
	ike_wire_put_ts(&b, IKE_PL_TSR, a->agreed.local, a->agreed.n_local);
	ike_msg_reply(rx, &b);
}

static void create(struct ike_rx *rx, const struct ike_proposals *props, struct ike_child *target)
{
	struct answer a = {0};
	uint16_t notify = negotiate(rx, props, target, &a);
	uint8_t group[2] = {(uint8_t)(a.agreed.suite.dh >> 8), (uint8_t)a.agreed.suite.dh};
	struct ike_child_made made = {.payload = a.agreed.payload,
	                              .suite = &a.agreed.suite,
	                              .spi_out = a.agreed.spi_out,
	                              .ts_local = a.agreed.local,
	                              .ts_remote = a.agreed.remote,
	                              .n_local = a.agreed.n_local,
	                              .n_remote = a.agreed.n_remote,
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
	IKE_CNT_DUE(rx->t, rx->sa, csa_createrspsnt);
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
		/* we rekey the IKE SA: RFC 7296 section 2.25.2 */
		refuse(rx, ike_child_busy(rx->sa, IKE_N_NO_ADDITIONAL_SAS), NULL, 0);
		return;
	}
	if (find_target(rx, &target))
		create(rx, &props, target);
}
