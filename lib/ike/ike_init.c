/* SPDX-License-Identifier: MIT */
/*
 * IKE_SA_INIT, both roles (RFC 7296 section 1.2): algorithms, key exchange, NAT detection (section 2.23),
 * COOKIE and INVALID_KE_PAYLOAD (sections 2.6 and 1.3). Nothing here is checkpointed: a half-open SA may die,
 * the peer asks again. Entry points: ike_init_request(), ike_init_response() (exchange table),
 * ike_init_start() (ike_engine_initiate()), ike_init_keys() (before the first protected message).
 */
#include "ike/ike_int.h"
#include "ike/ike_proposal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

/* ---- NAT detection ---- */

static void natd_hash(struct ike_engine *e, uint64_t spi_i, uint64_t spi_r, const struct net_endpoint *ep,
                      uint8_t out[IKE_SHA1_LEN])
{
	uint8_t spis[16], port[2] = {(uint8_t)(ep->port >> 8), (uint8_t)ep->port};
	struct ike_buf in[3] = {{spis, sizeof(spis)}, {ep->addr.bytes, net_addr_len(&ep->addr)}, {port, 2}};

	for (int i = 0; i < 8; i++) {
		spis[i] = (uint8_t)(spi_i >> (56 - 8 * i));
		spis[8 + i] = (uint8_t)(spi_r >> (56 - 8 * i));
	}
	ike_crypto_sha1(e->crypto, in, 3, out);
}

void ike_init_put_natd(struct ike_build *b, struct ike_sa *sa, const struct ike_path *path, uint64_t spi_i,
                       uint64_t spi_r)
{
	struct ike_engine *e = sa->e;
	uint8_t hash[IKE_SHA1_LEN];

	if (sa->pol->p.force_encap) /* a hash that can't be right: both sides see a NAT and wrap ESP in UDP */
		e->cb.random(e->arg, hash, sizeof(hash));
	else
		natd_hash(e, spi_i, spi_r, &path->local, hash);
	ike_wire_put_notify(b, 0, 0, 0, IKE_N_NAT_DETECTION_SOURCE_IP, hash, sizeof(hash));
	natd_hash(e, spi_i, spi_r, &path->remote, hash);
	ike_wire_put_notify(b, 0, 0, 0, IKE_N_NAT_DETECTION_DESTINATION_IP, hash, sizeof(hash));
}

/* True when the peer sent hashes of this kind and none is that of the endpoint. */
static bool natd_differs(struct ike_engine *e, const struct ike_msg *m, uint16_t type,
                         const struct net_endpoint *ep)
{
	uint8_t hash[IKE_SHA1_LEN];
	bool sent = false;

	natd_hash(e, m->hdr.spi_i, m->hdr.spi_r, ep, hash);
	for (unsigned i = 0; i < m->n_notify; i++) {
		const struct ike_notify *n = &m->notify[i];

		if (n->type != type)
			continue;
		sent = true;
		if (n->data.len == sizeof(hash) && !memcmp(n->data.p, hash, sizeof(hash)))
			return false;
	}
	return sent;
}

void ike_init_detect_nat(struct ike_sa *sa, const struct ike_msg *m, const struct ike_path *path)
{
	sa->nat_remote = natd_differs(sa->e, m, IKE_N_NAT_DETECTION_SOURCE_IP, &path->remote);
	sa->nat_local = natd_differs(sa->e, m, IKE_N_NAT_DETECTION_DESTINATION_IP, &path->local);
	sa->nat_feigned = sa->pol->p.force_encap && !sa->nat_local;
	sa->nat_local |= sa->nat_feigned;
}

bool ike_init_follows(const struct ike_sa *sa)
{
	return sa->nat_remote && (!sa->nat_local || sa->nat_feigned);
}

/* ---- shared by both roles ---- */

static struct ike_setup *new_setup(struct ike_sa *sa)
{
	struct ike_engine *e = sa->e;
	struct ike_setup *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	sa->setup = s;
	e->cb.random(e->arg, s->dh_priv, sizeof(s->dh_priv));
	e->cb.random(e->arg, sa->initiator ? s->ni : s->nr, IKE_NONCE_LEN);
	*(sa->initiator ? &s->ni_len : &s->nr_len) = IKE_NONCE_LEN;
	sa->setup_us = e->now + (sa->pol->p.setup_timer_s ? sa->pol->p.setup_timer_s : 60) * IKE_US_PER_S;
	return s;
}

static int keep(uint8_t **to, size_t *to_len, const uint8_t *p, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, p, len);
	free(*to);
	*to = copy;
	*to_len = len;
	return 0;
}

int ike_init_keys(struct ike_sa *sa)
{
	uint64_t spi_i = sa->initiator ? sa->spi : sa->peer_spi,
	         spi_r = sa->initiator ? sa->peer_spi : sa->spi;
	struct ike_setup *s = sa->setup;
	uint8_t shared[IKE_DH_MAX];
	struct ike_schedule sched = {.suite = &sa->suite,
	                             .spi_i = spi_i,
	                             .spi_r = spi_r,
	                             .ni = {s->ni, s->ni_len},
	                             .nr = {s->nr, s->nr_len}};
	int err;

	if (s->keyed)
		return 0;
	err = ike_crypto_dh_shared(sa->e->crypto, s->group, s->dh_priv, s->peer_ke, s->peer_ke_len, shared);
	if (err)
		return err;
	sched.shared = (struct ike_buf){shared, ike_alg_group(s->group)->shared};
	err = ike_crypto_schedule(sa->e->crypto, &sched, &sa->keys, s->sk_pi, s->sk_pr);
	OPENSSL_cleanse(shared, sizeof(shared));
	OPENSSL_cleanse(s->dh_priv, sizeof(s->dh_priv));
	s->keyed = !err;
	return err;
}

/* ---- responder ---- */

/* An answer that keeps nothing: header of the request, one notify. */
void ike_init_refuse(struct ike_rx *rx, uint16_t type, const void *data, size_t len)
{
	struct ike_hdr h = {.spi_i = rx->m->hdr.spi_i, .exchange = IKE_X_SA_INIT, .flags = IKE_F_RESPONSE};
	const struct ike_pol *pol = ike_engine_match_policy(rx->e, rx->path);
	uint8_t buf[256];
	struct ike_build b;
	size_t n;

	ike_wire_build_msg(&b, buf, sizeof(buf));
	ike_wire_put_notify(&b, 0, 0, 0, type, data, len);
	ike_notify_count_sent(pol && pol->p.counters ? pol->p.counters : rx->e->cnt, type);
	n = ike_wire_finish(&b, &h);
	if (n)
		ike_out_send(rx->t, rx->path, buf, n, false);
}

/* The same peer asks again: the same answer, while it's still half open (RFC 7296 section 2.1). */
static bool answer_again(struct ike_rx *rx)
{
	struct ike_sa *sa = ike_sa_find_init(rx->e, rx->m->hdr.spi_i, rx->path);
	struct ike_setup *s = sa ? sa->setup : NULL;

	if (!sa)
		return false;
	if (sa->state == IKE_ST_HALF_OPEN && s && s->init_req_len == rx->raw_len &&
	    !memcmp(s->init_req, rx->raw, rx->raw_len))
		ike_out_send(rx->t, rx->path, s->init_resp, s->init_resp_len, true);
	else
		IKE_CNT(sa, xchg_dropretransdisc);
	return true;
}

static bool cookie_passed(struct ike_rx *rx, struct ike_pol *pol, struct counters_ikev2 *c)
{
	const struct ike_notify *n = ike_wire_notify(rx->m, IKE_N_COOKIE);
	uint8_t cookie[IKE_COOKIE_LEN];

	if (!ike_cookie_wanted(rx->e) || !pol->p.cookie_challenge)
		return true;
	if (ike_cookie_check(rx->e, rx->path, rx->m->hdr.spi_i, &rx->m->nonce, n ? &n->data : NULL)) {
		counter_inc(&c->notif_cookmatch);
		return true;
	}
	if (n) {
		counter_inc(&c->notif_cooknotmatch);
		counter_inc(&c->invcookie);
	}
	ike_cookie_make(rx->e, rx->path, rx->m->hdr.spi_i, &rx->m->nonce, rx->e->cookie_gen, cookie);
	ike_init_refuse(rx, IKE_N_COOKIE, cookie, sizeof(cookie));
	return false;
}

/* Algorithms and group, or the refusal. */
static bool negotiate(struct ike_rx *rx, struct ike_pol *pol, struct counters_ikev2 *c,
                      struct ike_suite *suite, uint8_t *num)
{
	const struct ike_proposal *prop;
	struct ike_proposals props;
	enum ike_wire_reason why = ike_wire_parse_sa(&props, &rx->m->sa);
	uint8_t group[2];

	if (why != IKE_W_OK) {
		ike_engine_count_reason(c, why);
		ike_error_init(rx, IKE_N_INVALID_SYNTAX);
		return false;
	}
	if (ike_proposal_choose(&props, IKE_PROTO_IKE, 0, pol->p.ike, pol->p.n_ike, IKE_DH_REQUIRED,
	                        rx->m->ke_group, suite, &prop)) {
		ike_init_refuse(rx, IKE_N_NO_PROPOSAL_CHOSEN, NULL, 0);
		return false;
	}
	*num = prop->num;
	if (rx->m->ke_group != suite->dh) {
		group[0] = (uint8_t)(suite->dh >> 8);
		group[1] = (uint8_t)suite->dh;
		ike_init_refuse(rx, IKE_N_INVALID_KE_PAYLOAD, group, sizeof(group));
		return false;
	}
	if (rx->m->ke.len != ike_alg_group(suite->dh)->pub) {
		counter_inc(&c->decfail_kedhgrplen);
		ike_error_init(rx, IKE_N_INVALID_SYNTAX);
		return false;
	}
	return true;
}

static int build_response(struct ike_sa *sa, uint8_t num)
{
	struct ike_hdr h = {
	        .spi_i = sa->peer_spi, .spi_r = sa->spi, .exchange = IKE_X_SA_INIT, .flags = IKE_F_RESPONSE};
	struct ike_setup *s = sa->setup;
	uint8_t buf[IKE_BUILD_MAX], pub[IKE_DH_MAX];
	struct ike_build b;
	size_t n;
	int err = ike_crypto_dh_public(sa->e->crypto, s->group, s->dh_priv, pub);

	if (err)
		return err;
	ike_wire_build_msg(&b, buf, sizeof(buf));
	ike_wire_put_sa(&b, IKE_PROTO_IKE, 0, 0, &sa->suite, 1, num);
	ike_wire_put_ke(&b, s->group, pub, ike_alg_group(s->group)->pub);
	ike_wire_put_nonce(&b, s->nr, s->nr_len);
	ike_init_put_natd(&b, sa, &sa->path, sa->peer_spi, sa->spi);
	ike_frag_put_support(&b, sa);
	ike_cert_put_init(&b, sa);
	n = ike_wire_finish(&b, &h);
	return n ? keep(&s->init_resp, &s->init_resp_len, buf, n) : -EMSGSIZE;
}

static void accept_peer(struct ike_rx *rx, struct ike_pol *pol, const struct ike_suite *suite, uint8_t num)
{
	struct ike_engine *e = rx->e;
	struct ike_sa *sa = ike_sa_new(e, pol, false, ike_sa_new_spi(e));
	const struct ike_msg *m = rx->m;
	struct ike_setup *s;

	if (!sa) {
		IKE_ECNT(e, congdrop);
		return;
	}
	sa->peer_spi = m->hdr.spi_i;
	sa->path = *rx->path;
	sa->suite = *suite;
	sa->recv_next = 1;
	s = new_setup(sa);
	if (s) {
		s->group = suite->dh;
		s->ni_len = (uint16_t)m->nonce.len;
		memcpy(s->ni, m->nonce.p, m->nonce.len);
		ike_init_detect_nat(sa, m, rx->path);
		ike_frag_note_support(sa, m);
	}
	if (!s || ike_cert_note_init(sa, m) || keep(&s->peer_ke, &s->peer_ke_len, m->ke.p, m->ke.len) ||
	    keep(&s->init_req, &s->init_req_len, rx->raw, rx->raw_len) || build_response(sa, num)) {
		ike_sa_free(sa);
		IKE_ECNT(e, misc_ikesacrefail);
		return;
	}
	ike_guard_half_open(sa);
	ike_sa_index_init(sa, sa->peer_spi, rx->path);
	rx->t->pub.ike_spi = sa->spi;
	ike_out_event(rx->t, IKE_EV_HALF_OPEN, sa, IKE_R_NONE);
	ike_out_send(rx->t, rx->path, s->init_resp, s->init_resp_len, false);
	ike_timer_arm(sa);
}

void ike_init_request(struct ike_rx *rx)
{
	struct ike_engine *e = rx->e;
	struct ike_pol *pol = ike_engine_match_policy(e, rx->path);
	struct counters_ikev2 *c;
	struct ike_suite suite;
	uint8_t num;

	if (!pol) {
		IKE_ECNT(e, initfail);
		return;
	}
	c = pol->p.counters ? pol->p.counters : e->cnt;
	counter_inc(&c->rxpacket);
	if (answer_again(rx))
		return;
	ike_cookie_threshold(e, rx->t);
	if (!ike_guard_may_begin(rx, pol, c))
		return;
	if (!cookie_passed(rx, pol, c))
		return;
	pol = ike_guard_vendor(rx, pol, c);
	rx->t->dscp = pol->p.dscp;
	counter_inc(&c->attempt);
	counter_inc(&c->attemptresp);
	if (!negotiate(rx, pol, c, &suite, &num)) {
		counter_inc(&c->initfail);
		return;
	}
	accept_peer(rx, pol, &suite, num);
	ike_cookie_threshold(e, rx->t);
}

/* ---- initiator ---- */

static int send_request(struct ike_sa *sa, struct ike_out *t)
{
	struct ike_hdr h = {.spi_i = sa->spi, .exchange = IKE_X_SA_INIT, .flags = IKE_F_INITIATOR};
	const struct ike_policy *p = &sa->pol->p;
	struct ike_setup *s = sa->setup;
	uint8_t buf[IKE_BUILD_MAX], pub[IKE_DH_MAX];
	struct ike_build b;
	size_t n;
	int err = ike_crypto_dh_public(sa->e->crypto, s->group, s->dh_priv, pub);

	if (err)
		return err;
	ike_wire_build_msg(&b, buf, sizeof(buf));
	if (s->cookie_len)
		ike_wire_put_notify(&b, 0, 0, 0, IKE_N_COOKIE, s->cookie, s->cookie_len);
	ike_wire_put_sa(&b, IKE_PROTO_IKE, 0, 0, p->ike, p->n_ike, 0);
	ike_wire_put_ke(&b, s->group, pub, ike_alg_group(s->group)->pub);
	ike_wire_put_nonce(&b, s->ni, s->ni_len);
	ike_init_put_natd(&b, sa, &sa->path, sa->spi, 0);
	ike_frag_put_support(&b, sa);
	ike_cert_put_init(&b, sa);
	n = ike_wire_finish(&b, &h);
	if (!n)
		return -EMSGSIZE;
	err = keep(&s->init_req, &s->init_req_len, buf, n);
	return err ? err : ike_msg_request_plain(sa, t, buf, n);
}

int ike_init_start(struct ike_sa *sa, struct ike_out *t)
{
	struct ike_setup *s = new_setup(sa);

	if (!s)
		return -ENOMEM;
	s->group = sa->pol->p.ike[0].dh;
	IKE_CNT(sa, attempt);
	IKE_CNT(sa, attemptinit);
	return send_request(sa, t);
}

static bool group_is_ours(const struct ike_policy *p, uint16_t group)
{
	for (unsigned i = 0; i < p->n_ike; i++)
		if (p->ike[i].dh == group)
			return true;
	return false;
}

/* COOKIE or INVALID_KE_PAYLOAD: the same SA once more. False: not such an answer, or too often. */
static bool try_again(struct ike_rx *rx)
{
	const struct ike_notify *cookie = ike_wire_notify(rx->m, IKE_N_COOKIE),
	                        *ke = ike_wire_notify(rx->m, IKE_N_INVALID_KE_PAYLOAD);
	struct ike_setup *s = rx->sa->setup;
	uint16_t group;

	if ((!cookie && !ke) || ++s->tries > IKE_KE_TRIES)
		return false;
	if (cookie) {
		IKE_CNT(rx->sa, notif_cookrecv);
		if (!cookie->data.len || cookie->data.len > sizeof(s->cookie))
			return false;
		memcpy(s->cookie, cookie->data.p, cookie->data.len);
		s->cookie_len = (uint8_t)cookie->data.len;
	} else {
		group = ke->data.len == 2 ? (uint16_t)(ke->data.p[0] << 8 | ke->data.p[1]) : 0;
		if (group == s->group || !group_is_ours(&rx->sa->pol->p, group))
			return false;
		s->group = group;
		rx->e->cb.random(rx->e->arg, s->dh_priv, sizeof(s->dh_priv));
	}
	return !send_request(rx->sa, rx->t);
}

static enum ike_reason reason_of(const struct ike_notify *n)
{
	switch (n->type) {
	case IKE_N_NO_PROPOSAL_CHOSEN:
		return IKE_R_NO_PROPOSAL;
	case IKE_N_INVALID_KE_PAYLOAD:
		return IKE_R_INVALID_KE;
	case IKE_N_INVALID_SYNTAX:
		return IKE_R_INVALID_SYNTAX;
	}
	return IKE_R_PEER_ERROR;
}

static int take_answer(struct ike_rx *rx)
{
	const struct ike_proposal *prop;
	const struct ike_msg *m = rx->m;
	struct ike_sa *sa = rx->sa;
	struct ike_setup *s = sa->setup;
	struct ike_proposals props;
	uint32_t need = IKE_SEEN(IKE_PL_SA) | IKE_SEEN(IKE_PL_KE) | IKE_SEEN(IKE_PL_NONCE);

	if ((m->seen & need) != need || !m->hdr.spi_r || ike_wire_parse_sa(&props, &m->sa) != IKE_W_OK)
		return -EBADMSG;
	if (ike_proposal_accept(&props, IKE_PROTO_IKE, 0, sa->pol->p.ike, sa->pol->p.n_ike, IKE_DH_REQUIRED,
	                        &sa->suite, &prop))
		return -ENOENT;
	if (m->ke_group != s->group || sa->suite.dh != s->group || m->ke.len != ike_alg_group(s->group)->pub)
		return -EBADMSG;
	sa->peer_spi = m->hdr.spi_r;
	s->nr_len = (uint16_t)m->nonce.len;
	memcpy(s->nr, m->nonce.p, m->nonce.len);
	if (keep(&s->peer_ke, &s->peer_ke_len, m->ke.p, m->ke.len) || ike_cert_note_init(sa, m) ||
	    keep(&s->init_resp, &s->init_resp_len, rx->raw, rx->raw_len))
		return -ENOMEM;
	return ike_init_keys(sa);
}

/* Behind a NAT IKE goes on at port 4500 (RFC 7296 section 2.23). */
static void float_ports(struct ike_sa *sa)
{
	if (sa->path.natt || (!sa->nat_local && !sa->nat_remote))
		return;
	sa->path.natt = true;
	if (sa->path.local.port == 500)
		sa->path.local.port = 4500;
	if (sa->path.remote.port == 500)
		sa->path.remote.port = 4500;
}

void ike_init_response(struct ike_rx *rx)
{
	const struct ike_notify *error;
	struct ike_sa *sa = rx->sa;
	int err;

	IKE_CNT(sa, rxpacket);
	if (try_again(rx))
		return;
	error = ike_wire_error(rx->m);
	if (error) {
		IKE_CNT(sa, initfail_resp);
		ike_sa_kill(sa, rx->t, reason_of(error), error->type, 0);
		return;
	}
	err = take_answer(rx);
	if (err) { /* not what we asked for: perhaps forged, the right one may still come; the set-up timer
		      decides */
		IKE_CNT(sa, xchg_dropinvrsp);
		sa->peer_spi = 0;
		return;
	}
	ike_init_detect_nat(sa, rx->m, rx->path);
	ike_frag_note_support(sa, rx->m);
	float_ports(sa);
	ike_msg_answered(sa);
	ike_sa_set_state(sa, IKE_ST_AUTH_SENT);
	if (ike_auth_start(sa, rx->t))
		ike_sa_kill(sa, rx->t, IKE_R_PEER_ERROR, 0, 0);
}
