/* SPDX-License-Identifier: MIT */
/*
 * IKE_AUTH as initiator (RFC 7296 sections 1.2, 2.15, 2.19): our proof, our wishes, and the peer's answer;
 * then the session, where the policy wants one. Entry points: ike_auth_start() (from ike_init.c),
 * ike_auth_response() (exchange table), ike_auth_init_session() (ike_cmd.c), ike_auth_withdraw().
 */
#include "ike/ike_auth.h"
#include "ike/ike_int.h"
#include "ike/ike_payload.h"
#include "ike/ike_ts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

/* The payload that the first child is of. */
static const struct ike_payload *first_payload(const struct ike_sa *sa)
{
	const struct ike_policy *p = &sa->pol->p;

	return &p->payload[sa->setup->payload < ike_payload_count(p) ? sa->setup->payload : 0];
}

/* Child suites without groups: IKE_AUTH has no key exchange for the child. */
static unsigned first_suites(const struct ike_sa *sa, struct ike_suite out[IKE_MAX_SUITES])
{
	const struct ike_payload *y = first_payload(sa);

	for (unsigned i = 0; i < y->n_esp; i++) {
		out[i] = y->esp[i];
		out[i].dh = IKE_GROUP_NONE;
	}
	return y->n_esp;
}

/* Does the first child ask for an IPv6 address beside the IPv4 one? */
static bool asks_ipv6(const struct ike_sa *sa)
{
	return first_payload(sa)->assign_ipv6;
}

/* Everything, of the family the payload is for; where it is for any, of that which the tunnel itself has. */
static unsigned any_ts(const struct ike_sa *sa, struct ike_ts *out)
{
	uint16_t family = first_payload(sa)->family;
	bool both = !family && asks_ipv6(sa);
	unsigned n = 0;

	if (!family)
		family = sa->path.local.addr.family;
	if (both || family != AF_INET6)
		out[n++] = ike_ts_any(AF_INET);
	if (both || family == AF_INET6)
		out[n++] = ike_ts_any(AF_INET6);
	return n;
}

static void default_ts(struct ike_sa *sa)
{
	struct ike_setup *s = sa->setup;

	if (!s->n_ts_local)
		s->n_ts_local = any_ts(sa, s->ts_local);
	if (!s->n_ts_remote)
		s->n_ts_remote = any_ts(sa, s->ts_remote);
}

int ike_auth_start(struct ike_sa *sa, struct ike_out *t)
{
	const struct ike_policy *p = &sa->pol->p;
	struct ike_cp cp = {
	        .type = IKE_CFG_REQUEST, .has_ip4 = true, .has_ip6 = asks_ipv6(sa), .has_dns = true};
	struct ike_suite suites[IKE_MAX_SUITES];
	struct ike_setup *s = sa->setup;
	uint8_t buf[IKE_BUILD_MAX], device[IKE_DEVICE_LEN];
	struct ike_id local;
	struct ike_build b;
	int err;

	ike_auth_local_id(sa, &local);
	err = ike_sa_set_id(&sa->local_id, &local);
	if (err)
		return err;
	default_ts(sa);
	s->child_spi_in = ike_sa_offer_child_spi(sa->e, &s->offered);
	ike_wire_build(&b, buf, sizeof(buf));
	ike_wire_put_id(&b, IKE_PL_IDI, &local);
	ike_cert_put(&b, sa, NULL);
	if (p->initial_contact)
		ike_wire_put_notify(&b, 0, 0, 0, IKE_N_INITIAL_CONTACT, NULL, 0);
	ike_cert_put_request(&b, sa);
	if (s->remote_id.type != IKE_ID_NONE)
		ike_wire_put_id(&b, IKE_PL_IDR, &s->remote_id);
	err = ike_proof_by_eap(sa) ? 0 : ike_proof_put_auth(&b, sa, &local, &s->remote_id);
	if (err)
		return err;
	ike_device_attribute(sa, &cp, device);
	ike_pcscf_ask(p, &cp);
	if (ike_payload_assigns(p))
		ike_wire_put_cp(&b, &cp);
	ike_wire_put_sa(&b, IKE_PROTO_ESP, s->child_spi_in, 4, suites, first_suites(sa, suites), 0);
	ike_wire_put_ts(&b, IKE_PL_TSI, s->ts_local, s->n_ts_local);
	ike_wire_put_ts(&b, IKE_PL_TSR, s->ts_remote, s->n_ts_remote);
	if (p->mobike)
		ike_wire_put_notify(&b, 0, 0, 0, IKE_N_MOBIKE_SUPPORTED, NULL, 0);
	IKE_CNT(sa, auth_p1req);
	return ike_msg_request(sa, t, IKE_X_AUTH, &b);
}

/* ---- the answer ---- */

static enum ike_reason reason_of(uint16_t notify)
{
	switch (notify) {
	case IKE_N_AUTHENTICATION_FAILED:
		return IKE_R_AUTH_FAILED;
	case IKE_N_NO_PROPOSAL_CHOSEN:
		return IKE_R_NO_PROPOSAL;
	case IKE_N_TS_UNACCEPTABLE:
		return IKE_R_TS_UNACCEPTABLE;
	case IKE_N_INTERNAL_ADDRESS_FAILURE:
	case IKE_N_FAILED_CP_REQUIRED:
		return IKE_R_NO_ADDRESS;
	case IKE_N_INVALID_SYNTAX:
		return IKE_R_INVALID_SYNTAX;
	}
	return IKE_R_PEER_ERROR;
}

static int check_peer(struct ike_rx *rx)
{
	struct ike_id local, peer;
	struct ike_sa *sa = rx->sa;

	if (!(rx->m->seen & IKE_SEEN(IKE_PL_IDR)))
		return -EACCES;
	ike_auth_ident(&rx->m->idr, &peer);
	if (sa->setup->remote_id.type != IKE_ID_NONE && !ike_id_equal(&sa->setup->remote_id, &peer)) {
		IKE_CNT(sa, auth_invalidnai);
		return -EACCES;
	}
	if (ike_sa_set_id(&sa->peer_id, &peer))
		return -ENOMEM;
	ike_auth_local_id(sa, &local);
	return ike_proof_check(rx, &local, &peer);
}

/* We don't believe the peer: say so once, without waiting (RFC 7296 section 2.21.2). */
static void reject(struct ike_rx *rx)
{
	uint8_t inner[64], out[256];
	struct ike_sa *sa = rx->sa;
	struct ike_build b;
	size_t n;

	IKE_CNT(sa, auth_p1fail);
	ike_msg_answered(sa);
	ike_wire_build(&b, inner, sizeof(inner));
	ike_wire_put_notify(&b, 0, 0, 0, IKE_N_AUTHENTICATION_FAILED, NULL, 0);
	ike_wire_put_delete(&b, IKE_PROTO_IKE, NULL, 0);
	n = ike_msg_seal(sa, IKE_X_INFORMATIONAL, false, sa->send_next, &b, out, sizeof(out));
	if (n)
		ike_out_send(rx->t, &sa->path, out, n, false);
	ike_sa_kill(sa, rx->t, IKE_R_AUTH_FAILED, 0, 0);
}

static void take_config(struct ike_sa *sa, const struct ike_msg *m)
{
	struct ike_cp cp;

	if (!m->cp.p || ike_wire_parse_cp(&cp, &m->cp) != IKE_W_OK || cp.type != IKE_CFG_REPLY)
		return;
	sa->inner_ours = true;
	sa->inner = cp.ip4;
	sa->inner6 = cp.ip6;
}

/* NULL: the peer gave us no child, or none we can take. */
static struct ike_child *take_child(struct ike_rx *rx)
{
	uint32_t need = IKE_SEEN(IKE_PL_SA) | IKE_SEEN(IKE_PL_TSI) | IKE_SEEN(IKE_PL_TSR);
	struct ike_ts tsi[IKE_WIRE_TS_MAX], tsr[IKE_WIRE_TS_MAX];
	struct ike_suite suites[IKE_MAX_SUITES], suite;
	const struct ike_proposal *prop;
	const struct ike_msg *m = rx->m;
	struct ike_setup *s = rx->sa->setup;
	struct ike_child_made made = {.payload = s->payload,
	                              .suite = &suite,
	                              .spi_in = s->child_spi_in,
	                              .initiator = true,
	                              .ts_local = tsi,
	                              .ts_remote = tsr,
	                              .ni = {s->ni, s->ni_len},
	                              .nr = {s->nr, s->nr_len}};
	struct ike_proposals props;

	if ((m->seen & need) != need || ike_wire_parse_sa(&props, &m->sa) != IKE_W_OK)
		return NULL;
	if (ike_proposal_accept(&props, IKE_PROTO_ESP, 4, suites, first_suites(rx->sa, suites),
	                        IKE_DH_IGNORED, &suite, &prop))
		return NULL;
	if (ike_wire_parse_ts(tsi, &made.n_local, &m->tsi) != IKE_W_OK ||
	    ike_wire_parse_ts(tsr, &made.n_remote, &m->tsr) != IKE_W_OK)
		return NULL;
	if (made.n_local > IKE_MAX_TS || made.n_remote > IKE_MAX_TS ||
	    !ike_ts_within(tsi, made.n_local, s->ts_local, s->n_ts_local) ||
	    !ike_ts_within(tsr, made.n_remote, s->ts_remote, s->n_ts_remote))
		return NULL;
	made.spi_out = (uint32_t)ike_proposal_spi(prop);
	return made.spi_out ? ike_child_make(rx->sa, &made) : NULL;
}

/* By EAP the gateway proves itself with its first answer, and once more with its last. */
static int check_answer(struct ike_rx *rx)
{
	int err = rx->sa->setup->eap ? 0 : check_peer(rx);

	return err || !ike_proof_by_eap(rx->sa) ? err : ike_eap_response(rx);
}

/* The peer is proven, and so is its session: the tunnel is up. */
static void finish(struct ike_rx *rx)
{
	const struct ike_notify *error = ike_wire_error(rx->m);
	struct ike_child *child;
	struct ike_sa *sa = rx->sa;
	struct ike_event *ev;

	IKE_CNT(sa, auth_p1rsp);
	IKE_CNT(sa, auth_p1succ);
	if (ike_proof_by_cert(sa))
		IKE_CNT(sa, success_local_cert_auth_method);
	take_config(sa, rx->m);
	sa->mobike = sa->pol->p.mobike && ike_wire_notify(rx->m, IKE_N_MOBIKE_SUPPORTED);
	child = error ? NULL : take_child(rx);
	ike_sa_established(sa);
	ike_sa_drop_setup(sa);
	ike_out_touch(rx->t, sa);
	if (child)
		ike_out_child(rx->t, IKE_ACT_CHILD_ADD, child, false, false, 0);
	ike_out_event(rx->t, IKE_EV_UP, sa, IKE_R_NONE);
	ev = ike_out_event(rx->t, child ? IKE_EV_CHILD_UP : IKE_EV_CHILD_FAILED, sa,
	                   error ? reason_of(error->type) : IKE_R_NONE);
	if (ev && child)
		ev->spi_in = child->spi_in;
	if (ev && error)
		ev->notify = error->type;
	if (child) {
		IKE_CNT_DUE(rx->t, sa, csa_createsucc);
		ike_payload_complete(sa);
		return;
	}
	IKE_CNT(sa, csa_createfail);
	if (!sa->pol->p.allow_empty)
		ike_sa_job(sa, IKE_JOB_DEL_IKE, 0);
}

void ike_auth_response(struct ike_rx *rx)
{
	const struct ike_notify *error = ike_wire_error(rx->m);
	struct ike_sa *sa = rx->sa;
	int err;

	if (error && !(rx->m->seen & IKE_SEEN(IKE_PL_AUTH))) {
		IKE_CNT(sa, auth_p1fail);
		IKE_CNT(sa, initfail_resp);
		if (ike_proof_by_cert(sa))
			IKE_CNT(sa, failure_local_cert_auth_method);
		if (error->type == IKE_N_AUTHENTICATION_FAILED)
			sa->replaced = ike_cmd_next_set(sa);
		ike_sa_kill(sa, rx->t, sa->given_up ? sa->doom : reason_of(error->type), error->type, 0);
		return;
	}
	/* the answer comes again while its certificate is fetched, as we ask again */
	if (sa->setup->fetching || ike_cert_url_wait(rx))
		return;
	err = check_answer(rx);
	if (err == -EINPROGRESS)
		return;
	if (err) {
		reject(rx);
		return;
	}
	if (sa->given_up) {
		ike_msg_answered(sa);
		ike_auth_withdraw(sa, rx->t, sa->doom);
	} else if (!sa->pol->p.ask_session) {
		ike_msg_answered(sa);
		finish(rx);
	} else if (ike_auth_keep(rx)) { /* without memory: we ask again, and are answered again */
		ike_msg_answered(sa);
		ike_sa_set_state(sa, IKE_ST_AUTH_WAIT);
		ike_out_need_session(rx->t, sa, NULL, NULL);
	}
}

void ike_auth_init_session(struct ike_sa *sa, struct ike_out *t, const struct ike_session_result *r)
{
	struct ike_setup *s = sa->setup;
	struct ike_path path = s->auth_path;
	uint8_t *inner = s->auth_inner;
	size_t len = s->auth_inner_len;
	struct ike_msg m = {
	        .hdr = {.exchange = IKE_X_AUTH, .flags = IKE_F_RESPONSE, .msgid = sa->send_next - 1}};
	struct ike_rx rx = {.e = sa->e,
	                    .sa = sa,
	                    .t = t,
	                    .path = &path,
	                    .m = &m,
	                    .inner = inner,
	                    .inner_len = len,
	                    .inner_first = s->auth_first};

	s->auth_inner = NULL;
	if (!r->status && ike_wire_parse_chain(&m, rx.inner_first, inner, len, true) == IKE_W_OK) {
		sa->callid = r->callid;
		finish(&rx);
	} else {
		ike_auth_withdraw(sa, t, r->status == -EACCES ? IKE_R_AUTH_FAILED : IKE_R_NO_ADDRESS);
	}
	OPENSSL_cleanse(inner, len);
	free(inner);
}

void ike_auth_withdraw(struct ike_sa *sa, struct ike_out *t, enum ike_reason why)
{
	IKE_CNT(sa, initfail);
	ike_out_event(t, IKE_EV_SETUP_FAILED, sa, why);
	sa->replaced = true; /* that was its only event */
	sa->doom = why;
	sa->setup_us = 0;
	ike_sa_drop_setup(sa);
	if (ike_info_delete_ike(sa, t))
		ike_sa_kill(sa, t, why, 0, 0);
}
