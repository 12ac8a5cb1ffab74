/* SPDX-License-Identifier: MIT */
/*
 * IKE_AUTH as responder (RFC 7296 sections 1.2, 2.15, 2.19): the peer is proven (ike_proof.c), gets its
 * session and address from the caller (NEED_SESSION, ike_engine_address_assigned()), and its first child.
 * The answer leaves when the SA is durable. Entry points: ike_auth_request(), ike_auth_waiting() (exchange
 * table), ike_auth_session(). The initiator's half is ike_auth_init.c.
 */
#include "ike/ike_int.h"
#include "ike/ike_auth.h"
#include "ike/ike_payload.h"
#include "pki/pki.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

/* ---- who we are, who they are ---- */

void ike_auth_local_id(const struct ike_sa *sa, struct ike_id *id)
{
	if (sa->local_id) {
		ike_sa_get_id(sa->local_id, id);
	} else if (sa->pol->p.local_id.type != IKE_ID_NONE) {
		*id = sa->pol->p.local_id;
	} else if (ike_proof_by_cert(sa) && pki_own_subject(sa->pol->p.own).len <= IKE_ID_MAX) {
		struct pki_bytes name = pki_own_subject(sa->pol->p.own);

		memset(id, 0, sizeof(*id));
		id->type = IKE_ID_DER_DN;
		id->len = (uint8_t)name.len;
		memcpy(id->data, name.p, name.len);
	} else {
		memset(id, 0, sizeof(*id));
		id->len = (uint8_t)net_addr_len(&sa->path.local.addr);
		id->type = id->len == 4 ? IKE_ID_IPV4 : IKE_ID_IPV6;
		memcpy(id->data, sa->path.local.addr.bytes, id->len);
	}
}

void ike_auth_ident(const struct ike_ident *in, struct ike_id *id)
{
	memset(id, 0, sizeof(*id));
	id->type = in->type;
	id->len = (uint8_t)in->data.len; /* at most IKE_ID_MAX: the parser saw to it */
	memcpy(id->data, in->data.p, in->data.len);
}

/* ---- refusal ---- */

void ike_auth_refuse(struct ike_rx *rx, uint16_t notify, enum ike_reason reason, const void *data, size_t len)
{
	IKE_CNT(rx->sa, auth_p1fail);
	IKE_CNT(rx->sa, auth_tot_rsp_reject);
	ike_msg_reply_notify(rx, notify, data, len);
	ike_sa_kill(rx->sa, rx->t, reason, notify, IKE_LINGER_US);
}

/* ---- the peer's proof ---- */

/* Labels of letters, digits and hyphens between dots, 1 to 63 of them (RFC 1123 section 2.1). */
static bool is_domain_name(const struct ike_buf *name)
{
	size_t n = 0;

	for (size_t i = 0; i < name->len; i++) {
		uint8_t c = name->p[i];

		if (c == '.' ? !n || name->p[i - 1] == '-' : c == '-' ? !n : !isalnum(c))
			return false;
		n = c == '.' ? 0 : n + 1;
		if (n > 63)
			return false;
	}
	return name->len && name->p[name->len - 1] != '-';
}

/* The IDr that the peer asks for; false: refused (chapter 8, allow-custom-fqdn-idr). */
static bool idr_fits(struct ike_rx *rx)
{
	if (!(rx->m->seen & IKE_SEEN(IKE_PL_IDR)) || rx->m->idr.type != IKE_ID_FQDN ||
	    rx->sa->pol->p.custom_idr || is_domain_name(&rx->m->idr.data))
		return true;
	IKE_CNT(rx->sa, auth_invalidnai);
	rx->sa->setup->why = "the IDr asked for is no domain name";
	return false;
}

/* 0: proven; else it was refused. */
static int check_peer(struct ike_rx *rx)
{
	const struct ike_policy *p = &rx->sa->pol->p;
	struct ike_id peer, local;
	struct ike_sa *sa = rx->sa;
	int err;

	ike_auth_ident(&rx->m->idi, &peer);
	if (ike_sa_set_id(&sa->peer_id, &peer))
		return -ENOMEM;
	if (p->use_received_idr && (rx->m->seen & IKE_SEEN(IKE_PL_IDR)))
		ike_auth_ident(&rx->m->idr, &local);
	else
		ike_auth_local_id(sa, &local);
	if (p->remote_id.type != IKE_ID_NONE && !ike_id_equal(&p->remote_id, &peer)) {
		IKE_CNT(sa, auth_invalidnai);
		err = -EACCES;
	} else if (ike_guard_listed(sa, &peer, &sa->setup->why)) {
		IKE_CNT(sa, list_auth_refused);
		err = -EACCES;
	} else if (!idr_fits(rx)) {
		err = -EACCES;
	} else {
		err = ike_eap_begins(rx) ? 0 : ike_proof_check(rx, &local, &peer);
	}
	if (err) {
		ike_auth_refuse(rx, IKE_N_AUTHENTICATION_FAILED, IKE_R_AUTH_FAILED, NULL, 0);
		return err;
	}
	if (!p->use_received_idr || !(rx->m->seen & IKE_SEEN(IKE_PL_IDR)))
		ike_auth_local_id(sa, &local); /* how we prove ourselves is known by now */
	return ike_sa_set_id(&sa->local_id, &local);
}

/* What the request asks for, read before anything is promised. */
struct wish {
	struct ike_proposals props;
	struct ike_ts tsi[IKE_WIRE_TS_MAX], tsr[IKE_WIRE_TS_MAX];
	unsigned n_tsi, n_tsr;
	struct ike_cp cp;
};

static enum ike_wire_reason read_wish(const struct ike_msg *m, struct wish *w)
{
	enum ike_wire_reason why = ike_wire_parse_sa(&w->props, &m->sa);

	memset(&w->cp, 0, sizeof(w->cp));
	if (why == IKE_W_OK)
		why = ike_wire_parse_ts(w->tsi, &w->n_tsi, &m->tsi);
	if (why == IKE_W_OK)
		why = ike_wire_parse_ts(w->tsr, &w->n_tsr, &m->tsr);
	if (why == IKE_W_OK && m->cp.p)
		why = ike_wire_parse_cp(&w->cp, &m->cp);
	return why;
}

static void finish(struct ike_rx *rx, const struct wish *w, const struct ike_session_result *r);

bool ike_auth_keep(struct ike_rx *rx)
{
	struct ike_setup *s = rx->sa->setup;
	uint8_t *copy = malloc(rx->inner_len ? rx->inner_len : 1);

	if (!copy)
		return false;
	memcpy(copy, rx->inner, rx->inner_len);
	if (s->auth_inner)
		OPENSSL_cleanse(s->auth_inner, s->auth_inner_len);
	free(s->auth_inner);
	s->auth_inner = copy;
	s->auth_inner_len = rx->inner_len;
	s->auth_first = rx->inner_first;
	s->auth_path = *rx->path;
	return true;
}

static void wait_for_session(struct ike_rx *rx, const struct wish *w)
{
	if (!ike_auth_keep(rx))
		return; /* the peer will ask again */
	ike_guard_half_done(rx->sa);
	ike_sa_set_state(rx->sa, IKE_ST_AUTH_WAIT);
	ike_out_need_session(rx->t, rx->sa, &w->cp, rx->m);
}

void ike_auth_request(struct ike_rx *rx)
{
	static const struct ike_session_result none;
	enum ike_wire_reason why;
	struct wish w;

	IKE_CNT(rx->sa, auth_p1req);
	rx->sa->path = *rx->path; /* the peer may have moved to port 4500 */
	why = read_wish(rx->m, &w);
	if (why != IKE_W_OK) {
		ike_engine_count_reason(ike_sa_counters(rx->sa), why);
		ike_auth_refuse(rx, IKE_N_INVALID_SYNTAX, IKE_R_INVALID_SYNTAX, NULL, 0);
		return;
	}
	if (ike_cert_url_wait(rx)) {
		rx->sa->half_us = 0;
		ike_sa_set_state(rx->sa, IKE_ST_AUTH_WAIT);
		return;
	}
	if (check_peer(rx))
		return;
	ike_device_take_attribute(rx);
	if (!(rx->m->seen & IKE_SEEN(IKE_PL_AUTH)))
		ike_eap_begin(rx);
	else if (rx->sa->pol->p.ask_session)
		wait_for_session(rx, &w);
	else
		finish(rx, &w, &none);
}

void ike_auth_proven(struct ike_rx *rx)
{
	static const struct ike_session_result none;
	const struct ike_eap *eap = rx->sa->setup->eap;
	struct ike_msg m = {.hdr = rx->m->hdr};
	struct ike_rx first = {.e = rx->e,
	                       .sa = rx->sa,
	                       .t = rx->t,
	                       .path = rx->path,
	                       .m = &m,
	                       .inner = eap->first,
	                       .inner_len = eap->first_len,
	                       .inner_first = eap->first_type};
	struct wish w;

	if (ike_wire_parse_chain(&m, first.inner_first, first.inner, first.inner_len, true) != IKE_W_OK ||
	    read_wish(&m, &w) != IKE_W_OK)
		return; /* it was read before */
	if (rx->sa->pol->p.ask_session)
		wait_for_session(&first, &w);
	else
		finish(&first, &w, &none);
}

void ike_auth_again(struct ike_sa *sa, struct ike_out *t)
{
	struct ike_setup *s = sa->setup;
	struct ike_path path = s->auth_path;
	uint8_t *inner = s->auth_inner;
	struct ike_msg m = {.hdr = {.exchange = IKE_X_AUTH,
	                            .flags = sa->initiator ? IKE_F_RESPONSE : IKE_F_INITIATOR,
	                            .msgid = sa->initiator ? sa->send_next : sa->recv_next}};
	struct ike_rx rx = {.e = sa->e,
	                    .sa = sa,
	                    .t = t,
	                    .path = &path,
	                    .m = &m,
	                    .inner = inner,
	                    .inner_len = s->auth_inner_len,
	                    .inner_first = s->auth_first};

	s->auth_inner = NULL;
	if (ike_wire_parse_chain(&m, rx.inner_first, rx.inner, rx.inner_len, true) == IKE_W_OK) {
		if (sa->initiator)
			ike_auth_response(&rx);
		else
			ike_auth_request(&rx);
	}
	OPENSSL_cleanse(inner, rx.inner_len);
	free(inner);
}

void ike_auth_waiting(struct ike_rx *rx)
{
	IKE_CNT(rx->sa, xchg_dropretransdisc);
}

void ike_auth_session(struct ike_sa *sa, struct ike_out *t, const struct ike_session_result *r)
{
	struct ike_setup *s = sa->setup;
	struct ike_msg m = {
	        .hdr = {.exchange = IKE_X_AUTH, .flags = IKE_F_INITIATOR, .msgid = sa->recv_next}};
	struct ike_rx rx = {.e = sa->e,
	                    .sa = sa,
	                    .t = t,
	                    .path = &s->auth_path,
	                    .m = &m,
	                    .inner = s->auth_inner,
	                    .inner_len = s->auth_inner_len,
	                    .inner_first = s->auth_first};
	struct ike_path path = s->auth_path;
	uint8_t *inner = s->auth_inner;
	struct wish w;

	rx.path = &path;
	s->auth_inner = NULL;
	if (ike_wire_parse_chain(&m, rx.inner_first, rx.inner, rx.inner_len, true) == IKE_W_OK &&
	    read_wish(&m, &w) == IKE_W_OK)
		finish(&rx, &w, r);
	OPENSSL_cleanse(inner, rx.inner_len);
	free(inner);
}

/* ---- the answer ---- */

/* The child, or the notify that says why not. */
static uint16_t negotiate_child(struct ike_sa *sa, const struct wish *w, struct ike_child **child,
                                uint8_t *num)
{
	struct ike_ask ask = {.props = &w->props,
	                      .tsi = w->tsi,
	                      .tsr = w->tsr,
	                      .n_tsi = w->n_tsi,
	                      .n_tsr = w->n_tsr,
	                      .dh_rule = IKE_DH_IGNORED};
	struct ike_setup *s = sa->setup;
	struct ike_agreed a;
	struct ike_child_made made = {.suite = &a.suite,
	                              .ts_local = a.local,
	                              .ts_remote = a.remote,
	                              .ni = {s->ni, s->ni_len},
	                              .nr = {s->nr, s->nr_len}};
	uint16_t notify = ike_payload_agree(sa, &ask, &a);

	if (notify) /* the first child has no room to lack: what was asked for is wrong */
		return notify == IKE_N_INVALID_SYNTAX ? IKE_N_NO_PROPOSAL_CHOSEN : notify;
	made.payload = a.payload;
	made.n_local = a.n_local;
	made.n_remote = a.n_remote;
	made.spi_out = a.spi_out;
	made.spi_in = ike_sa_new_child_spi(sa->e);
	*num = a.num;
	*child = ike_child_make(sa, &made);
	return *child ? 0 : IKE_N_NO_PROPOSAL_CHOSEN;
}

/* What the peer asked for and is given. */
static void put_config(struct ike_build *b, const struct ike_sa *sa, const struct ike_msg *m,
                       const struct wish *w, const struct ike_session_result *r)
{
	struct ike_cp cp = {.type = IKE_CFG_REPLY};

	cp.has_ip4 = w->cp.has_ip4 && net_addr_is_set(&sa->inner);
	cp.has_ip6 = w->cp.has_ip6 && net_addr_is_set(&sa->inner6);
	if (cp.has_ip4 || cp.has_ip6) {
		cp.ip4 = sa->inner;
		cp.netmask = r->netmask;
		cp.ip6 = sa->inner6;
		cp.n_dns = r->n_dns < IKE_MAX_DNS ? r->n_dns : IKE_MAX_DNS;
		if (sa->pol->p.dns_as_asked && cp.n_dns > w->cp.asked_dns)
			cp.n_dns = w->cp.asked_dns;
		memcpy(cp.dns, r->dns, sizeof(cp.dns));
	}
	if (w->cp.type == IKE_CFG_REQUEST && ike_payload_assigns(&sa->pol->p))
		ike_pcscf_answer(&sa->pol->p, &m->cp, r, &cp);
	if (cp.has_ip4 || cp.has_ip6 || cp.n_pcscf)
		ike_wire_put_cp(b, &cp);
}

static void put_child(struct ike_build *b, const struct ike_child *c, uint8_t num)
{
	ike_wire_put_sa(b, IKE_PROTO_ESP, c->spi_in, 4, &c->suite, 1, num);
	ike_wire_put_ts(b, IKE_PL_TSI, c->ts + c->n_local, c->n_remote);
	ike_wire_put_ts(b, IKE_PL_TSR, c->ts, c->n_local);
}

int ike_auth_put_proof(struct ike_build *b, struct ike_sa *sa, const struct ike_msg *m)
{
	struct ike_id local, peer;

	ike_auth_local_id(sa, &local);
	ike_sa_get_id(sa->peer_id, &peer);
	ike_wire_put_id(b, IKE_PL_IDR, &local);
	ike_cert_put(b, sa, m);
	return ike_proof_put_auth(b, sa, &local, &peer);
}

/* After EAP the peer has the rest of it already. */
static int put_last_proof(struct ike_build *b, struct ike_sa *sa, const struct ike_msg *m)
{
	struct ike_id local;

	if (!sa->setup->eap)
		return ike_auth_put_proof(b, sa, m);
	ike_auth_local_id(sa, &local);
	return ike_proof_put_eap(b, sa, &local);
}

/* Take what the session brought. The notify when there should be an address and isn't. */
static uint16_t take_session(struct ike_sa *sa, const struct wish *w, const struct ike_session_result *r)
{
	bool asked = ike_payload_assigns(&sa->pol->p) && w->cp.type == IKE_CFG_REQUEST;

	if (r->status)
		return r->status == -EDQUOT ? IKE_N_NO_ADDITIONAL_SAS : IKE_N_INTERNAL_ADDRESS_FAILURE;
	sa->callid = r->callid;
	if (!asked)
		return 0;
	if (w->cp.has_ip4)
		sa->inner = r->addr;
	if (w->cp.has_ip6)
		sa->inner6 = r->addr6;
	if ((w->cp.has_ip4 || w->cp.has_ip6) && !net_addr_is_set(&sa->inner) && !net_addr_is_set(&sa->inner6))
		return IKE_N_INTERNAL_ADDRESS_FAILURE;
	return 0;
}

static void report(struct ike_rx *rx, struct ike_child *child, uint16_t notify)
{
	struct ike_sa *sa = rx->sa;
	struct ike_event *ev;

	if (child)
		ike_out_child(rx->t, IKE_ACT_CHILD_ADD, child, false, false, 0);
	ike_out_event(rx->t, IKE_EV_UP, sa, IKE_R_NONE);
	ev = ike_out_event(rx->t, child ? IKE_EV_CHILD_UP : IKE_EV_CHILD_FAILED, sa, IKE_R_NONE);
	if (ev && child)
		ev->spi_in = child->spi_in;
	if (ev)
		ev->notify = notify;
	if (child) {
		IKE_CNT_DUE(rx->t, sa, csa_createsucc);
		if (ike_payload_count(&sa->pol->p) > 1)
			sa->more_us = sa->e->now + IKE_MORE_US;
		return;
	}
	IKE_CNT(sa, csa_createfail);
	if (!sa->pol->p.allow_empty)
		sa->empty_us = sa->e->now + IKE_US_PER_S; /* the answer goes first, then the delete */
}

static void finish(struct ike_rx *rx, const struct wish *w, const struct ike_session_result *r)
{
	struct ike_child *child = NULL;
	struct ike_sa *sa = rx->sa;
	uint8_t buf[IKE_BUILD_MAX], num = 0;
	struct ike_build b;
	uint16_t notify;

	if (r->status == -EACCES) {
		ike_auth_refuse(rx, IKE_N_AUTHENTICATION_FAILED, IKE_R_AUTH_FAILED, NULL, 0);
		return;
	}
	ike_wire_build(&b, buf, sizeof(buf));
	if (put_last_proof(&b, sa, rx->m)) {
		ike_auth_refuse(rx, IKE_N_AUTHENTICATION_FAILED, IKE_R_AUTH_FAILED, NULL, 0);
		return;
	}
	notify = take_session(sa, w, r);
	if (!notify)
		notify = negotiate_child(sa, w, &child, &num);
	if (child) {
		ike_out_keep_proof(rx->t, &b);
		put_config(&b, sa, rx->m, w, r);
		put_child(&b, child, num);
	} else {
		ike_wire_put_notify(&b, 0, 0, 0, notify, NULL, 0);
	}
	if (notify)
		ike_notify_count_sent(ike_sa_counters(sa), notify);
	ike_mobike_answer(rx, &b);
	ike_sa_established(sa);
	IKE_CNT(sa, auth_p1succ);
	IKE_CNT(sa, auth_tot_rsp_sent);
	if (ike_proof_by_cert(sa))
		IKE_CNT(sa, success_local_cert_auth_method);
	report(rx, child, notify);
	if (r->status == -EDQUOT)
		sa->empty_us = sa->e->now + IKE_US_PER_S;
	ike_msg_reply(rx, &b);
	ike_sa_drop_setup(sa);
}
