/* SPDX-License-Identifier: MIT */
/*
 * IKE_AUTH of several rounds as initiator (RFC 7296 section 2.16): the gateway has proven itself with its
 * first answer; its EAP packets go to our owner (NEED_EAP), who knows the user's credentials, and what he
 * says goes back, at last AUTH by the key that EAP made. Entry points: ike_eap_response() (ike_auth_init.c),
 * ike_eap_reply() (ike_engine_eap_answer()).
 */
#include "ike/ike_auth.h"
#include "ike/ike_int.h"

#include <errno.h>
#include <string.h>

/* The last answer: is it the gateway's, which the first one named? */
static int check_last(struct ike_rx *rx, const struct ike_eap *p)
{
	struct ike_msg m = {.hdr = {.exchange = IKE_X_AUTH}};

	if (ike_wire_parse_chain(&m, p->first_type, p->first, p->first_len, true) != IKE_W_OK)
		return -EACCES;
	return ike_proof_check_eap(rx, m.idr.body);
}

int ike_eap_response(struct ike_rx *rx)
{
	struct ike_setup *s = rx->sa->setup;
	struct ike_eap *p = s->eap ? s->eap : ike_eap_new(rx);
	const struct ike_buf *eap = &rx->m->eap;

	if (!p)
		return -EACCES;
	if (p->done)
		return check_last(rx, p);
	if (!eap->p || eap->len > IKE_EAP_MAX) {
		s->why = "no EAP payload";
		return -EACCES;
	}
	if (ike_wire_notify(rx->m, IKE_N_DEVICE_IDENTITY))
		p->tell_device = true;
	ike_msg_answered(rx->sa);
	p->asked = true;
	ike_out_need_eap(rx->t, rx->sa, eap->p, eap->len);
	return -EINPROGRESS;
}

static void give_up(struct ike_sa *sa, struct ike_out *t, const char *why)
{
	IKE_CNT(sa, auth_p1fail);
	sa->setup->why = why;
	ike_sa_kill(sa, t, IKE_R_AUTH_FAILED, 0, 0);
}

/* 0 or -errno. */
static int put_last(struct ike_build *b, struct ike_sa *sa, const struct ike_eap_result *r)
{
	struct ike_eap *p = sa->setup->eap;
	struct ike_id local;

	if (r->msk_len)
		memcpy(p->msk, r->msk, r->msk_len);
	p->msk_len = (uint8_t)r->msk_len;
	p->done = true;
	ike_sa_get_id(sa->local_id, &local);
	return ike_proof_put_eap(b, sa, &local);
}

void ike_eap_reply(struct ike_sa *sa, struct ike_out *t, const struct ike_eap_result *r)
{
	struct ike_eap *p = sa->setup->eap;
	uint8_t buf[IKE_BUILD_MAX];
	struct ike_build b;
	int err = 0;

	if (r->outcome == IKE_EAP_FAILURE || r->outcome == IKE_EAP_NO_ANSWER || r->msk_len > IKE_MSK_MAX ||
	    r->len > IKE_EAP_MAX) {
		give_up(sa, t, r->why ? r->why : "EAP failed");
		return;
	}
	ike_wire_build(&b, buf, sizeof(buf));
	if (p->tell_device)
		ike_device_put(&b, sa);
	p->tell_device = false;
	if (r->outcome == IKE_EAP_SUCCESS)
		err = put_last(&b, sa, r);
	else
		ike_wire_put_eap(&b, r->pkt, r->len);
	if (err || ike_msg_request(sa, t, IKE_X_AUTH, &b))
		give_up(sa, t, "EAP can not go on");
}
