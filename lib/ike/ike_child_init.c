/* SPDX-License-Identifier: MIT */
/*
 * CREATE_CHILD_SA for children as the one who asks (RFC 7296 sections 1.3.1, 1.3.3, 2.8): our request, its
 * answer, its retries, and who wins when both sides rekey at once. Entry points: ike_child_start() (jobs),
 * ike_child_response() (exchange table).
 */
#include "ike/ike_int.h"
#include "ike/ike_payload.h"
#include "ike/ike_ts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

bool ike_child_retry_later(struct ike_sa *sa, uint8_t *failures, uint64_t *soft_us, uint64_t hard_us)
{
	uint64_t now = sa->e->now, half = hard_us > now ? (hard_us - now) / 2 : 0;

	if (sa->pol->p.rfc4306_notifies || ++*failures > IKE_TEMP_RETRIES)
		return false;
	if (!hard_us)
		half = IKE_TEMP_MIN_US; /* it never ends */
	if (half < IKE_TEMP_MIN_US)
		return false;
	*soft_us = now + half;
	return true;
}

/* ---- the request ---- */

/* The selectors of our request: those of the child that is rekeyed, or what its payload asks for. */
static void wished(const struct ike_sa *sa, const struct ike_xchg *x, struct ike_agreed *a)
{
	const struct ike_child *old =
	        x->kind == IKE_JOB_REKEY_CHILD ? ike_sa_child_in(sa->e, x->spi_in) : NULL;

	if (!old) {
		ike_payload_wish(sa, x->payload < ike_payload_count(&sa->pol->p) ? x->payload : 0, a);
		return;
	}
	a->payload = old->payload;
	a->n_local = old->n_local;
	a->n_remote = old->n_remote;
	memcpy(a->local, old->ts, old->n_local * sizeof(*old->ts));
	memcpy(a->remote, old->ts + old->n_local, old->n_remote * sizeof(*old->ts));
}

static int send_request(struct ike_sa *sa, struct ike_out *t)
{
	struct ike_xchg *x = sa->xchg;
	uint8_t buf[IKE_BUILD_MAX], pub[IKE_DH_MAX];
	struct ike_agreed a;
	struct ike_build b;

	wished(sa, x, &a);
	ike_wire_build(&b, buf, sizeof(buf));
	if (x->kind == IKE_JOB_REKEY_CHILD)
		ike_wire_put_notify(&b, IKE_PROTO_ESP, x->spi_in, 4, IKE_N_REKEY_SA, NULL, 0);
	ike_wire_put_sa(&b, IKE_PROTO_ESP, x->new_spi_in, 4, x->offer, x->n_offer, 0);
	ike_wire_put_nonce(&b, x->nonce, sizeof(x->nonce));
	if (x->group) {
		if (ike_crypto_dh_public(sa->e->crypto, x->group, x->dh_priv, pub))
			return -EINVAL;
		ike_wire_put_ke(&b, x->group, pub, ike_alg_group(x->group)->pub);
	}
	ike_wire_put_ts(&b, IKE_PL_TSI, a.local, a.n_local);
	ike_wire_put_ts(&b, IKE_PL_TSR, a.remote, a.n_remote);
	return ike_msg_request(sa, t, IKE_X_CREATE_CHILD, &b);
}

/* A rekey offers what the child has (chapter 15). A first child has no group of its own: the payload's, where
 * it wants PFS. */
static void offer_for(const struct ike_sa *sa, const struct ike_child *old, struct ike_xchg *x)
{
	const struct ike_policy *p = &sa->pol->p;
	const struct ike_payload *y = old ? ike_payload_of(old) : &p->payload[x->payload];

	if (!old) {
		memcpy(x->offer, y->esp, sizeof(x->offer));
		x->n_offer = y->n_esp;
		return;
	}
	for (unsigned i = 0; i < y->n_esp && !old->suite.dh; i++) {
		if (!ike_payload_same_cipher(&y->esp[i], &old->suite))
			continue;
		x->offer[x->n_offer] = old->suite;
		x->offer[x->n_offer++].dh = y->esp[i].dh;
	}
	if (!x->n_offer)
		x->offer[x->n_offer++] = old->suite;
}

int ike_child_start(struct ike_sa *sa, struct ike_out *t, enum ike_job_kind kind, uint32_t spi_in)
{
	struct ike_child *old = kind == IKE_JOB_REKEY_CHILD ? ike_sa_child_in(sa->e, spi_in) : NULL;
	struct ike_engine *e = sa->e;
	struct ike_xchg *x;
	int err;

	if (sa->state != IKE_ST_ESTABLISHED || sa->n_children >= IKE_CHILD_LIMIT)
		return -EAGAIN;
	if (kind == IKE_JOB_NEW_CHILD && spi_in >= ike_payload_count(&sa->pol->p))
		return -ENOENT;
	if (kind == IKE_JOB_REKEY_CHILD && (!old || old->sa != sa || old->deleting || old->superseded))
		return -ENOENT;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->kind = kind;
	x->spi_in = spi_in;
	x->payload = old ? old->payload : (uint8_t)spi_in;
	x->new_spi_in = ike_sa_offer_child_spi(e, &x->offered);
	e->cb.random(e->arg, x->nonce, sizeof(x->nonce));
	offer_for(sa, old, x);
	x->group = x->offer[0].dh;
	if (x->group)
		e->cb.random(e->arg, x->dh_priv, sizeof(x->dh_priv));
	ike_sa_drop_xchg(sa);
	sa->xchg = x;
	err = send_request(sa, t);
	if (err) {
		ike_sa_drop_xchg(sa);
		return err;
	}
	IKE_CNT(sa, csa_createreqsnt);
	if (old)
		IKE_CNT(sa, rekey_childsareqsent);
	return 0;
}

/* ---- the answer ---- */

/* Our rekey came to nothing, but the peer's did: its child replaces the old one. */
static void settle_rival(struct ike_sa *sa, struct ike_out *t, struct ike_xchg *x)
{
	if (x->rival_spi_in && ike_sa_child_in(sa->e, x->rival_spi_in))
		ike_out_supersede(t, ike_sa_child_in(sa->e, x->spi_in));
}

/* INVALID_KE_PAYLOAD: once more with the group the peer wants, if it's one we offered. */
static bool other_group(struct ike_rx *rx, struct ike_xchg *x, const struct ike_notify *n)
{
	uint16_t group = n->data.len == 2 ? (uint16_t)(n->data.p[0] << 8 | n->data.p[1]) : 0;

	if (n->type != IKE_N_INVALID_KE_PAYLOAD || !group || group == x->group || ++x->tries >= IKE_KE_TRIES)
		return false;
	for (unsigned i = 0; i < x->n_offer; i++) {
		if (x->offer[i].dh != group)
			continue;
		x->group = group;
		rx->e->cb.random(rx->e->arg, x->dh_priv, sizeof(x->dh_priv));
		return !send_request(rx->sa, rx->t);
	}
	return false;
}

/* The peer doesn't have it: neither have we, and without its last child the IKE SA goes (chapter 15). */
static void child_unknown(struct ike_rx *rx, struct ike_child *c)
{
	struct ike_sa *sa = rx->sa;

	ike_sa_child_end(c, rx->t, IKE_R_CHILD_NOT_FOUND);
	if (ike_sa_live_children(sa) || sa->pol->p.allow_empty || sa->state != IKE_ST_ESTABLISHED)
		return;
	sa->doom = IKE_R_CHILD_NOT_FOUND;
	ike_sa_job(sa, IKE_JOB_DEL_IKE, 0);
}

static void failed(struct ike_rx *rx, struct ike_xchg *x, uint16_t notify)
{
	struct ike_child *old = x->kind == IKE_JOB_REKEY_CHILD ? ike_sa_child_in(rx->e, x->spi_in) : NULL;
	struct ike_event *ev;

	IKE_CNT(rx->sa, csa_createfail);
	settle_rival(rx->sa, rx->t, x);
	ev = ike_out_event(rx->t, IKE_EV_CHILD_FAILED, rx->sa, IKE_R_PEER_ERROR);
	if (ev) {
		ev->notify = notify;
		ev->spi_in = old ? old->spi_in : 0;
	}
	if (old && notify == IKE_N_CHILD_SA_NOT_FOUND && !rx->sa->pol->p.rfc4306_notifies)
		child_unknown(rx, old);
	else if (old && !old->superseded && notify == IKE_N_TEMPORARY_FAILURE)
		ike_child_retry_later(rx->sa, &old->temp_failures, &old->soft_us, old->hard_us);
	ike_out_touch(rx->t, rx->sa);
}

static int shared_secret(struct ike_rx *rx, const struct ike_xchg *x, const struct ike_suite *suite,
                         uint8_t *out, size_t *len)
{
	*len = 0;
	if (!suite->dh)
		return 0;
	if (suite->dh != x->group || !rx->m->ke.p || rx->m->ke_group != suite->dh)
		return -EBADMSG;
	*len = ike_alg_group(suite->dh)->shared;
	return ike_crypto_dh_shared(rx->e->crypto, x->group, x->dh_priv, rx->m->ke.p, rx->m->ke.len, out);
}

static struct ike_child *take_child(struct ike_rx *rx, const struct ike_xchg *x)
{
	struct ike_agreed asked;
	uint32_t need =
	        IKE_SEEN(IKE_PL_SA) | IKE_SEEN(IKE_PL_NONCE) | IKE_SEEN(IKE_PL_TSI) | IKE_SEEN(IKE_PL_TSR);
	struct ike_ts tsi[IKE_WIRE_TS_MAX], tsr[IKE_WIRE_TS_MAX];
	const struct ike_msg *m = rx->m;
	struct ike_proposals props;
	const struct ike_proposal *prop;
	uint8_t shared[IKE_DH_MAX];
	struct ike_child *c = NULL;
	struct ike_suite suite;
	struct ike_child_made made = {.suite = &suite,
	                              .spi_in = x->new_spi_in,
	                              .initiator = true,
	                              .ts_local = tsi,
	                              .ts_remote = tsr,
	                              .ni = {x->nonce, sizeof(x->nonce)},
	                              .nr = m->nonce};

	if ((m->seen & need) != need || ike_wire_parse_sa(&props, &m->sa) != IKE_W_OK ||
	    ike_proposal_accept(&props, IKE_PROTO_ESP, 4, x->offer, x->n_offer, IKE_DH_OPTIONAL, &suite,
	                        &prop) ||
	    ike_wire_parse_ts(tsi, &made.n_local, &m->tsi) != IKE_W_OK ||
	    ike_wire_parse_ts(tsr, &made.n_remote, &m->tsr) != IKE_W_OK)
		return NULL;
	if (made.n_local > IKE_MAX_TS || made.n_remote > IKE_MAX_TS || !made.n_local || !made.n_remote)
		return NULL;
	wished(rx->sa, x, &asked);
	if (!x->target_gone && (!ike_ts_within(tsi, made.n_local, asked.local, asked.n_local) ||
	                        !ike_ts_within(tsr, made.n_remote, asked.remote, asked.n_remote)))
		return NULL;
	made.payload = asked.payload;
	made.spi_out = (uint32_t)ike_proposal_spi(prop);
	if (made.spi_out && !shared_secret(rx, x, &suite, shared, &made.shared.len)) {
		made.shared.p = shared;
		c = ike_child_make(rx->sa, &made);
	}
	OPENSSL_cleanse(shared, sizeof(shared));
	return c;
}

/* True when the peer's competing exchange wins: the lowest of the four nonces loses. */
static bool rival_wins(struct ike_rx *rx, const struct ike_xchg *x)
{
	const struct ike_msg *m = rx->m;
	bool mine = ike_rekey_compare(x->nonce, sizeof(x->nonce), m->nonce.p, m->nonce.len) < 0;

	if (!x->rival_spi_in || !ike_sa_child_in(rx->e, x->rival_spi_in))
		return false;
	return ike_rekey_compare(mine ? x->nonce : m->nonce.p, mine ? sizeof(x->nonce) : m->nonce.len,
	                         x->rival_nonce, x->rival_len) < 0;
}

static void rekeyed(struct ike_rx *rx, struct ike_xchg *x, struct ike_child *old, struct ike_child *c)
{
	struct ike_event *ev;

	if (old)
		c->rekeys = old->rekeys + 1;
	IKE_CNT(rx->sa, rekey_childsarsprecv);
	if (rival_wins(rx, x)) {
		ike_out_supersede(rx->t, c);
		ike_out_supersede(rx->t, old); /* the winner deletes it */
		ike_sa_job(rx->sa, IKE_JOB_DEL_CHILD, c->spi_in);
		return;
	}
	ike_out_supersede(rx->t, x->rival_spi_in ? ike_sa_child_in(rx->e, x->rival_spi_in)
	                                         : NULL); /* the peer deletes what it made */
	ev = ike_out_event(rx->t, IKE_EV_CHILD_REKEYED, rx->sa, IKE_R_NONE);
	if (ev) {
		ev->spi_in = c->spi_in;
		ev->old_spi_in = x->spi_in;
	}
	ike_out_supersede(rx->t, old);
	if (old)
		ike_sa_job(rx->sa, IKE_JOB_DEL_CHILD, old->spi_in);
}

static void succeeded(struct ike_rx *rx, struct ike_xchg *x)
{
	struct ike_child *old = x->kind == IKE_JOB_REKEY_CHILD ? ike_sa_child_in(rx->e, x->spi_in) : NULL;
	struct ike_child *c = take_child(rx, x);
	struct ike_event *ev;

	if (!c) { /* the peer has one now that we can't take: it has to go */
		failed(rx, x, 0);
		ike_sa_job(rx->sa, IKE_JOB_DISOWN, x->new_spi_in);
		return;
	}
	ike_out_touch(rx->t, rx->sa);
	ike_out_child(rx->t, IKE_ACT_CHILD_ADD, c, false, rival_wins(rx, x), x->spi_in);
	IKE_CNT(rx->sa, csa_creatersprcv);
	IKE_CNT_DUE(rx->t, rx->sa, csa_createsucc);
	if (x->kind == IKE_JOB_REKEY_CHILD)
		rekeyed(rx, x, old, c);
	else if ((ev = ike_out_event(rx->t, IKE_EV_CHILD_UP, rx->sa, IKE_R_NONE)))
		ev->spi_in = c->spi_in;
	if ((x->gone_spi_out && x->gone_spi_out == c->spi_out) ||
	    (x->kind == IKE_JOB_NEW_CHILD && ike_payload_surplus(rx->sa, c)))
		ike_sa_job(rx->sa, IKE_JOB_DEL_CHILD, c->spi_in);
}

void ike_child_response(struct ike_rx *rx)
{
	const struct ike_notify *error = ike_wire_error(rx->m);
	struct ike_xchg *x = rx->sa->xchg;

	if (!x || (x->kind != IKE_JOB_REKEY_CHILD && x->kind != IKE_JOB_NEW_CHILD &&
	           x->kind != IKE_JOB_REKEY_IKE)) {
		IKE_CNT(rx->sa, xchg_badresp);
		return;
	}
	ike_msg_answered(rx->sa);
	if (x->kind == IKE_JOB_REKEY_IKE) {
		ike_rekey_response(rx);
		return;
	}
	if (error && other_group(rx, x, error))
		return;
	rx->sa->xchg = NULL;
	if (error)
		failed(rx, x, error->type);
	else
		succeeded(rx, x);
	ike_map_del(&rx->e->offered, &x->offered);
	OPENSSL_cleanse(x, sizeof(*x));
	free(x);
}
