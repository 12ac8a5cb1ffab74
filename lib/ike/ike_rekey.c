/* SPDX-License-Identifier: MIT */
/*
 * CREATE_CHILD_SA that rekeys the IKE SA, both roles (RFC 7296 sections 1.3.2, 2.8.1, 2.8.2, 2.18, 2.25.2).
 * The new SA inherits children, session and identity; the old one waits as REKEYED for its delete. When both
 * sides rekey at once, the exchange with the lowest nonce loses. Entry points: ike_rekey_request() (from
 * ike_child.c), ike_rekey_response() (from ike_child_init.c), ike_rekey_start() (jobs),
 * ike_rekey_settle_rival().
 */
#include "ike/ike_int.h"
#include "ike/ike_proposal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

int ike_rekey_compare(const uint8_t *a, size_t alen, const uint8_t *b, size_t blen)
{
	int c = memcmp(a, b, alen < blen ? alen : blen);

	return c ? c : (alen > blen) - (alen < blen);
}

/* ---- the new SA ---- */

/* A new IKE SA beside the old one: same peer, same path, nothing inherited yet. NULL: memory. */
static struct ike_sa *sibling(struct ike_sa *old, bool initiator, uint64_t spi, uint64_t peer_spi,
                              const struct ike_suite *suite)
{
	struct ike_sa *sa = ike_sa_new(old->e, old->pol, initiator, spi);
	struct ike_id id;

	if (!sa)
		return NULL;
	sa->peer_spi = peer_spi;
	sa->suite = *suite;
	sa->path = old->path;
	sa->nat_local = old->nat_local;
	sa->nat_remote = old->nat_remote;
	sa->nat_feigned = old->nat_feigned;
	sa->frag = old->frag;
	sa->mobike = old->mobike;
	sa->replay_window = old->replay_window;
	sa->up_us = old->up_us;
	sa->rekeys = old->rekeys + 1;
	sa->user = old->user;
	sa->rate_second = old->rate_second;
	sa->rate_count = old->rate_count;
	sa->replaced = true; /* until it's chosen, its end is no event */
	ike_sa_get_id(old->peer_id, &id);
	if (!old->peer_id || !ike_sa_set_id(&sa->peer_id, &id)) {
		ike_sa_get_id(old->local_id, &id);
		if (!old->local_id || !ike_sa_set_id(&sa->local_id, &id))
			return sa;
	}
	ike_sa_free(sa);
	return NULL;
}

static int derive(struct ike_sa *old, struct ike_sa *sa, struct ike_buf ni, struct ike_buf nr,
                  const uint8_t *shared)
{
	struct ike_schedule s = {.suite = &sa->suite,
	                         .ni = ni,
	                         .nr = nr,
	                         .old_sk_d = old->keys.sk_d,
	                         .old_prf = old->suite.prf};

	s.spi_i = sa->initiator ? sa->spi : sa->peer_spi;
	s.spi_r = sa->initiator ? sa->peer_spi : sa->spi;
	s.shared = (struct ike_buf){shared, ike_alg_group(sa->suite.dh)->shared};
	return ike_crypto_schedule(sa->e->crypto, &s, &sa->keys, NULL, NULL);
}

/* Children, session and waiting jobs go over to the new SA (RFC 7296 section 2.8). */
static void adopt(struct ike_sa *old, struct ike_sa *sa, struct ike_out *t)
{
	struct ike_job **tail;
	struct ike_event *ev;
	struct ike_child *c;

	while ((c = old->children)) {
		old->children = c->next;
		old->n_children--;
		ike_sa_child_link(sa, c);
	}
	sa->callid = old->callid;
	sa->inner = old->inner;
	sa->inner6 = old->inner6;
	sa->inner_ours = old->inner_ours;
	sa->device = old->device;
	sa->eap_method = old->eap_method;
	sa->has_settings = old->has_settings;
	sa->settle = old->settle;
	memcpy(sa->settings, old->settings, sizeof(sa->settings));
	if (sa->state == IKE_ST_ESTABLISHED)
		ike_eap_gauge(sa, 1);
	sa->empty_us = old->empty_us;
	sa->more_us = old->more_us;
	for (tail = &sa->jobs; *tail;)
		tail = &(*tail)->next;
	*tail = old->jobs;
	old->jobs = NULL;
	sa->replaced = false;
	old->callid = 0;
	old->replaced = true;
	old->soft_us = old->dpd_us = old->empty_us = old->more_us = 0;
	old->hard_us = old->e->now + IKE_GUARD_US;
	ike_map_del(&old->e->by_peer, &old->by_peer);
	if (old->state == IKE_ST_ESTABLISHED)
		ike_sa_set_state(old, IKE_ST_REKEYED);
	ike_out_touch(t, old);
	ike_out_touch(t, sa);
	ev = ike_out_event(t, IKE_EV_REKEYED, sa, IKE_R_NONE);
	if (ev)
		ev->old_spi = old->spi;
	ike_timer_arm(sa);
}

void ike_rekey_settle_rival(struct ike_sa *old, struct ike_out *t)
{
	struct ike_xchg *x = old->xchg;
	struct ike_sa *rival;

	if (!x || x->kind != IKE_JOB_REKEY_IKE || !x->rival_spi)
		return;
	rival = ike_sa_find(old->e, x->rival_spi);
	x->rival_spi = 0;
	if (rival && rival->state == IKE_ST_ESTABLISHED && rival->replaced)
		adopt(old, rival, t);
}

/* Our suites: the one in use first. */
static unsigned our_suites(const struct ike_sa *sa, struct ike_suite out[IKE_MAX_SUITES])
{
	const struct ike_policy *p = &sa->pol->p;
	unsigned n = 0;

	out[n++] = sa->suite;
	for (unsigned i = 0; !p->ike_same_params && i < p->n_ike && n < IKE_MAX_SUITES; i++)
		if (!ike_alg_equal(&p->ike[i], &sa->suite))
			out[n++] = p->ike[i];
	return n;
}

/* ---- the peer asks ---- */

/* RFC 7296 section 2.25.2: not while a child is being made, rekeyed or closed by us, nor twice. */
static bool busy(const struct ike_sa *sa)
{
	const struct ike_xchg *x = sa->xchg;

	if (sa->replaced)
		return true;
	if (!x || x->kind == IKE_JOB_DPD)
		return false;
	return x->kind != IKE_JOB_REKEY_IKE || x->rival_spi;
}

struct made {
	uint8_t nonce[IKE_NONCE_LEN], pub[IKE_DH_MAX];
	uint8_t num;
};

/* 0, or the notify to refuse with. */
static uint16_t create(struct ike_rx *rx, const struct ike_proposals *props, struct made *m,
                       struct ike_suite *suite, struct ike_sa **out)
{
	uint8_t priv[IKE_DH_PRIV], shared[IKE_DH_MAX];
	struct ike_suite suites[IKE_MAX_SUITES];
	const struct ike_proposal *prop;
	struct ike_engine *e = rx->e;
	struct ike_sa *sa;
	int err;

	if (ike_proposal_choose(props, IKE_PROTO_IKE, 8, suites, our_suites(rx->sa, suites), IKE_DH_REQUIRED,
	                        rx->m->ke_group, suite, &prop))
		return IKE_N_NO_PROPOSAL_CHOSEN;
	if (!rx->m->ke.p || rx->m->ke_group != suite->dh)
		return IKE_N_INVALID_KE_PAYLOAD;
	if (!ike_proposal_spi(prop))
		return IKE_N_INVALID_SYNTAX;
	m->num = prop->num;
	e->cb.random(e->arg, priv, sizeof(priv));
	e->cb.random(e->arg, m->nonce, sizeof(m->nonce));
	err = ike_crypto_dh_public(e->crypto, suite->dh, priv, m->pub);
	if (!err)
		err = ike_crypto_dh_shared(e->crypto, suite->dh, priv, rx->m->ke.p, rx->m->ke.len, shared);
	OPENSSL_cleanse(priv, sizeof(priv));
	if (err)
		return IKE_N_INVALID_SYNTAX;
	sa = sibling(rx->sa, false, ike_sa_new_spi(e), ike_proposal_spi(prop), suite);
	if (sa && derive(rx->sa, sa, rx->m->nonce, (struct ike_buf){m->nonce, sizeof(m->nonce)}, shared)) {
		ike_sa_free(sa);
		sa = NULL;
	}
	OPENSSL_cleanse(shared, sizeof(shared));
	*out = sa;
	return sa ? 0 : IKE_N_TEMPORARY_FAILURE;
}

static void note_rival(struct ike_xchg *x, const struct ike_sa *sa, const struct ike_msg *m,
                       const uint8_t *nr)
{
	bool theirs = ike_rekey_compare(m->nonce.p, m->nonce.len, nr, IKE_NONCE_LEN) < 0;

	x->rival_spi = sa->spi;
	x->rival_len = theirs ? (uint16_t)m->nonce.len : IKE_NONCE_LEN;
	memcpy(x->rival_nonce, theirs ? m->nonce.p : nr, x->rival_len);
}

static void answer(struct ike_rx *rx, const struct ike_sa *sa, const struct made *m)
{
	uint8_t buf[IKE_BUILD_MAX];
	struct ike_build b;

	ike_wire_build(&b, buf, sizeof(buf));
	ike_wire_put_sa(&b, IKE_PROTO_IKE, sa->spi, 8, &sa->suite, 1, m->num);
	ike_wire_put_nonce(&b, m->nonce, sizeof(m->nonce));
	ike_wire_put_ke(&b, sa->suite.dh, m->pub, ike_alg_group(sa->suite.dh)->pub);
	ike_msg_reply(rx, &b);
}

void ike_rekey_request(struct ike_rx *rx, const struct ike_proposals *props)
{
	struct ike_sa *old = rx->sa, *sa = NULL;
	struct ike_suite suite = {0};
	uint16_t notify;
	struct made m;
	uint8_t group[2];

	IKE_CNT(old, rekey_ikesareqrcvd);
	if (old->pol->p.ignore_ike_rekey) {
		notify = IKE_N_NO_ADDITIONAL_SAS;
	} else if (!ike_sa_rekey_allowed(old)) {
		IKE_CNT(old, ikesa_rekey_rate_temp_failure);
		notify = IKE_N_TEMPORARY_FAILURE;
	} else {
		notify = busy(old) ? ike_child_busy(old, IKE_N_NO_PROPOSAL_CHOSEN)
		                   : create(rx, props, &m, &suite, &sa);
	}
	if (!notify && !sa)
		notify = IKE_N_TEMPORARY_FAILURE;
	if (notify) {
		IKE_CNT(old, rekey_ikesaignored);
		group[0] = (uint8_t)(suite.dh >> 8);
		group[1] = (uint8_t)suite.dh;
		ike_msg_reply_notify(rx, notify, group, notify == IKE_N_INVALID_KE_PAYLOAD ? 2 : 0);
		return;
	}
	ike_sa_established(sa);
	ike_out_touch(rx->t, sa);
	if (old->xchg && old->xchg->kind == IKE_JOB_REKEY_IKE)
		note_rival(old->xchg, sa, rx->m, m.nonce);
	else
		adopt(old, sa, rx->t);
	IKE_CNT(old, rekey_ikesarspsent);
	answer(rx, sa, &m);
	ike_timer_arm(sa);
}

/* ---- we ask ---- */

static int send_request(struct ike_sa *sa, struct ike_out *t)
{
	struct ike_xchg *x = sa->xchg;
	uint8_t buf[IKE_BUILD_MAX], pub[IKE_DH_MAX];
	struct ike_build b;

	if (ike_crypto_dh_public(sa->e->crypto, x->group, x->dh_priv, pub))
		return -EINVAL;
	ike_wire_build(&b, buf, sizeof(buf));
	ike_wire_put_sa(&b, IKE_PROTO_IKE, x->new_spi, 8, x->offer, x->n_offer, 0);
	ike_wire_put_nonce(&b, x->nonce, sizeof(x->nonce));
	ike_wire_put_ke(&b, x->group, pub, ike_alg_group(x->group)->pub);
	return ike_msg_request(sa, t, IKE_X_CREATE_CHILD, &b);
}

int ike_rekey_start(struct ike_sa *sa, struct ike_out *t)
{
	struct ike_engine *e = sa->e;
	struct ike_xchg *x;
	int err;

	if (sa->state != IKE_ST_ESTABLISHED || sa->replaced)
		return -EAGAIN;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->kind = IKE_JOB_REKEY_IKE;
	x->new_spi = ike_sa_new_spi(e);
	e->cb.random(e->arg, x->nonce, sizeof(x->nonce));
	e->cb.random(e->arg, x->dh_priv, sizeof(x->dh_priv));
	x->n_offer = our_suites(sa, x->offer);
	x->group = x->offer[0].dh;
	ike_sa_drop_xchg(sa);
	sa->xchg = x;
	err = send_request(sa, t);
	if (err)
		ike_sa_drop_xchg(sa);
	else
		IKE_CNT(sa, rekey_ikesareqsent);
	return err;
}

static bool other_group(struct ike_rx *rx, const struct ike_notify *n)
{
	uint16_t group = n->data.len == 2 ? (uint16_t)(n->data.p[0] << 8 | n->data.p[1]) : 0;
	struct ike_xchg *x = rx->sa->xchg;

	if (n->type != IKE_N_INVALID_KE_PAYLOAD || group == x->group || ++x->tries >= IKE_KE_TRIES)
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

/* The SA our request made, or NULL. */
static struct ike_sa *take_sa(struct ike_rx *rx)
{
	uint32_t need = IKE_SEEN(IKE_PL_SA) | IKE_SEEN(IKE_PL_NONCE) | IKE_SEEN(IKE_PL_KE);
	const struct ike_proposal *prop;
	struct ike_xchg *x = rx->sa->xchg;
	const struct ike_msg *m = rx->m;
	struct ike_proposals props;
	uint8_t shared[IKE_DH_MAX];
	struct ike_suite suite;
	struct ike_sa *sa;

	if ((m->seen & need) != need || ike_wire_parse_sa(&props, &m->sa) != IKE_W_OK ||
	    ike_proposal_accept(&props, IKE_PROTO_IKE, 8, x->offer, x->n_offer, IKE_DH_REQUIRED, &suite,
	                        &prop))
		return NULL;
	if (!ike_proposal_spi(prop) || suite.dh != x->group || m->ke_group != x->group ||
	    ike_sa_find(rx->e, x->new_spi) ||
	    ike_crypto_dh_shared(rx->e->crypto, x->group, x->dh_priv, m->ke.p, m->ke.len, shared))
		return NULL;
	sa = sibling(rx->sa, true, x->new_spi, ike_proposal_spi(prop), &suite);
	if (sa && derive(rx->sa, sa, (struct ike_buf){x->nonce, sizeof(x->nonce)}, m->nonce, shared)) {
		ike_sa_free(sa);
		sa = NULL;
	}
	OPENSSL_cleanse(shared, sizeof(shared));
	return sa;
}

static bool rival_wins(struct ike_rx *rx, const struct ike_xchg *x, const struct ike_sa *rival)
{
	const struct ike_buf *nr = &rx->m->nonce;
	bool mine = ike_rekey_compare(x->nonce, sizeof(x->nonce), nr->p, nr->len) < 0;

	if (!rival || rival->state != IKE_ST_ESTABLISHED)
		return false;
	return ike_rekey_compare(mine ? x->nonce : nr->p, mine ? sizeof(x->nonce) : nr->len, x->rival_nonce,
	                         x->rival_len) < 0;
}

static void choose(struct ike_rx *rx, struct ike_sa *sa)
{
	struct ike_xchg *x = rx->sa->xchg;
	struct ike_sa *old = rx->sa, *rival = x->rival_spi ? ike_sa_find(rx->e, x->rival_spi) : NULL;

	ike_sa_established(sa);
	ike_out_touch(rx->t, sa);
	if (rival_wins(rx, x, rival)) {
		adopt(old, rival, rx->t); /* its maker deletes the old SA; we delete what we made */
		sa->doom = IKE_R_REKEYED;
		ike_sa_job(sa, IKE_JOB_DEL_IKE, 0);
		ike_sa_run_jobs(sa, rx->t);
	} else {
		adopt(old, sa, rx->t);
		old->doom = IKE_R_REKEYED;
		/* its maker deletes it, unless our delete of the old SA comes before our answer */
		if (rival) {
			rival->hard_us = rx->e->now + IKE_RIVAL_US;
			ike_out_touch(rx->t, rival);
		}
	}
	ike_sa_drop_xchg(old);
	if (old->state == IKE_ST_REKEYED && !old->jobs && old->doom == IKE_R_REKEYED)
		ike_sa_job(old, IKE_JOB_DEL_IKE, 0);
	ike_timer_arm(sa);
}

void ike_rekey_response(struct ike_rx *rx)
{
	const struct ike_notify *error = ike_wire_error(rx->m);
	struct ike_sa *old = rx->sa, *sa;
	struct ike_event *ev;

	if (error && other_group(rx, error))
		return;
	sa = error ? NULL : take_sa(rx);
	IKE_CNT(old, rekey_ikesarsprcvd);
	if (sa && old->state == IKE_ST_ESTABLISHED) {
		choose(rx, sa);
		return;
	}
	if (sa)
		ike_sa_free(sa);
	ev = ike_out_event(rx->t, IKE_EV_REKEY_FAILED, old, IKE_R_PEER_ERROR);
	if (ev)
		ev->notify = error ? error->type : 0;
	ike_out_touch(rx->t, old);
	if (old->xchg->rival_spi)
		ike_rekey_settle_rival(old, rx->t);
	else if (error && error->type == IKE_N_TEMPORARY_FAILURE && old->state == IKE_ST_ESTABLISHED)
		ike_child_retry_later(old, &old->temp_failures, &old->soft_us, old->hard_us);
	ike_sa_drop_xchg(old);
}
