/* SPDX-License-Identifier: MIT */
/*
 * INFORMATIONAL, both roles (RFC 7296 sections 1.4, 2.4, 2.25): deletes of children and of the IKE SA, dead
 * peer detection. Entry points: ike_info_request(), ike_info_response() (exchange table), ike_info_dpd(),
 * ike_info_delete_child(), ike_info_delete_ike() (jobs).
 */
#include "ike/ike_int.h"

#include <errno.h>
#include <stdlib.h>

/* ---- the peer tells ---- */

/* A delete of the IKE SA; or an initiator that doesn't believe our proof (RFC 7296 section 2.21.2). */
static bool deletes_ike(const struct ike_msg *m)
{
	if (ike_wire_notify(m, IKE_N_AUTHENTICATION_FAILED))
		return true;
	for (unsigned i = 0; i < m->n_delete; i++)
		if (m->del[i].proto == IKE_PROTO_IKE)
			return true;
	return false;
}

/* End the children the peer names; collect our halves for the answer. */
static unsigned delete_children(struct ike_rx *rx, uint32_t spis[IKE_CHILD_LIMIT])
{
	struct ike_sa *sa = rx->sa;
	struct ike_child *c;
	unsigned n = 0;

	for (unsigned i = 0; i < rx->m->n_delete; i++) {
		const struct ike_delete *d = &rx->m->del[i];

		if (d->proto != IKE_PROTO_ESP)
			continue;
		if (d->n > 1)
			IKE_CNT(sa, csa_delmultspircv);
		else
			IKE_CNT(sa, csa_delpldsnglspircv);
		for (unsigned k = 0; k < d->n; k++) {
			const uint8_t *p = d->spis + 4 * k;
			uint32_t spi = (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];

			c = ike_sa_child_out(sa, spi);
			if (!c) {
				if (ike_child_making(sa)) { /* perhaps the answer about it was lost */
					sa->xchg->gone_spi_out = spi;
					ike_out_touch(rx->t, sa);
				}
				continue;
			}
			if (!c->deleting &&
			    n < IKE_CHILD_LIMIT) /* both delete: no second mention (section 1.4.1) */
				spis[n++] = c->spi_in;
			if (sa->xchg && sa->xchg->spi_in == c->spi_in)
				sa->xchg->target_gone = true;
			ike_sa_child_end(c, rx->t, c->superseded ? IKE_R_REKEYED : IKE_R_PEER_DELETE);
		}
	}
	return n;
}

static void count_deletes(struct ike_sa *sa, const struct ike_msg *m)
{
	if (m->n_delete > 1)
		IKE_CNT(sa, csa_multdelpldrcv);
	else if (m->n_delete)
		IKE_CNT(sa, csa_sngldelpldrcv);
}

void ike_info_request(struct ike_rx *rx)
{
	const struct ike_notify *cookie2 = ike_wire_notify(rx->m, IKE_N_COOKIE2);
	uint32_t spis[IKE_CHILD_LIMIT];
	struct ike_sa *sa = rx->sa;
	bool gone = deletes_ike(rx->m), dpd = !rx->m->n_delete && !rx->m->n_notify;
	uint8_t buf[IKE_BUILD_MAX];
	struct ike_build b;
	unsigned n;

	if (ike_mobike_later(rx))
		return;
	ike_wire_build(&b, buf, sizeof(buf));
	count_deletes(sa, rx->m);
	n = gone ? 0 : delete_children(rx, spis);
	if (n)
		ike_wire_put_delete(&b, IKE_PROTO_ESP, spis, n);
	if (!gone)
		ike_mobike_request(rx, &b);
	if (!gone)
		ike_stray_told(rx);
	if (cookie2 && cookie2->data.len <= 64)
		ike_wire_put_notify(&b, 0, 0, 0, IKE_N_COOKIE2, cookie2->data.p, cookie2->data.len);
	if (dpd)
		IKE_CNT(sa, dpd_recv);
	ike_msg_reply(rx, &b);
	if (dpd)
		IKE_CNT(sa, dpd_send_reply);
	if (!gone)
		return;
	IKE_CNT(sa, ikesadelreq_recv);
	IKE_CNT(sa, ikesadelrep_sent);
	ike_sa_kill(sa, rx->t, IKE_R_PEER_DELETE, 0, IKE_LINGER_US);
}

/* ---- the peer answers ---- */

static void child_deleted(struct ike_rx *rx, uint32_t spi_in)
{
	struct ike_child *c = ike_sa_child_in(rx->e, spi_in);
	enum ike_reason reason = IKE_R_LOCAL_DELETE;

	if (!c || c->sa != rx->sa)
		return;
	if (c->superseded)
		reason = IKE_R_REKEYED;
	else if (c->expired)
		reason = IKE_R_LIFETIME;
	ike_sa_child_end(c, rx->t, reason);
}

void ike_info_response(struct ike_rx *rx)
{
	struct ike_sa *sa = rx->sa;
	struct ike_xchg *x = sa->xchg;

	if (!x || (x->kind != IKE_JOB_DPD && x->kind != IKE_JOB_DEL_CHILD && x->kind != IKE_JOB_DEL_IKE &&
	           x->kind != IKE_JOB_ROUTABILITY && x->kind != IKE_JOB_MOVE && x->kind != IKE_JOB_DISOWN &&
	           x->kind != IKE_JOB_TELL)) {
		IKE_CNT(sa, xchg_badresp);
		return;
	}
	ike_msg_answered(sa);
	sa->xchg = NULL;
	switch (x->kind) {
	case IKE_JOB_DPD: /* no row: a restored engine would only ask again, and be answered again */
		IKE_CNT(sa, dpd_recv_reply);
		ike_out_event(rx->t, IKE_EV_PEER_ALIVE, sa, IKE_R_NONE);
		break;
	case IKE_JOB_ROUTABILITY:
		ike_mobike_checked(rx, x);
		break;
	case IKE_JOB_MOVE:
		ike_mobike_moved(rx, x);
		break;
	case IKE_JOB_TELL:
		ike_out_touch(rx->t, sa);
		break;
	case IKE_JOB_DISOWN:
	case IKE_JOB_DEL_CHILD:
		child_deleted(rx, x->spi_in);
		ike_out_touch(rx->t, sa);
		break;
	default:
		IKE_CNT(sa, ikesadelrep_recv);
		ike_sa_kill(sa, rx->t, sa->doom ? sa->doom : IKE_R_LOCAL_DELETE, 0, 0);
	}
	free(x);
}

/* ---- we tell ---- */

int ike_info_send(struct ike_sa *sa, struct ike_out *t, struct ike_xchg *x, const struct ike_build *b)
{
	int err;

	ike_sa_drop_xchg(sa);
	sa->xchg = x;
	err = ike_msg_request(sa, t, IKE_X_INFORMATIONAL, b);
	if (err)
		ike_sa_drop_xchg(sa);
	return err;
}

static int request(struct ike_sa *sa, struct ike_out *t, enum ike_job_kind kind, uint32_t spi_in,
                   const struct ike_build *b)
{
	struct ike_xchg *x = calloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	x->kind = kind;
	x->spi_in = spi_in;
	return ike_info_send(sa, t, x, b);
}

int ike_info_tell(struct ike_sa *sa, struct ike_out *t, const struct ike_build *b)
{
	return request(sa, t, IKE_JOB_TELL, 0, b);
}

int ike_info_dpd(struct ike_sa *sa, struct ike_out *t)
{
	struct ike_build b;
	uint8_t buf[8];

	ike_wire_build(&b, buf, sizeof(buf));
	IKE_CNT(sa, dpd_send);
	return request(sa, t, IKE_JOB_DPD, 0, &b);
}

int ike_info_delete_child(struct ike_sa *sa, struct ike_out *t, uint32_t spi_in)
{
	struct ike_child *c = ike_sa_child_in(sa->e, spi_in);
	struct ike_build b;
	uint8_t buf[64];
	int err;

	if (!c || c->sa != sa || c->deleting)
		return -ENOENT;
	ike_wire_build(&b, buf, sizeof(buf));
	ike_wire_put_delete(&b, IKE_PROTO_ESP, &spi_in, 1);
	c->deleting = true;
	err = request(sa, t, IKE_JOB_DEL_CHILD, spi_in, &b);
	if (err) {
		c->deleting = false;
		return err;
	}
	IKE_CNT(sa, csa_sngldelpldsnt);
	IKE_CNT(sa, csa_delpldsnglspisnt);
	return 0;
}

int ike_info_disown(struct ike_sa *sa, struct ike_out *t, uint32_t spi_in)
{
	struct ike_build b;
	uint8_t buf[64];

	if (ike_sa_child_in(sa->e, spi_in))
		return -EEXIST;
	ike_wire_build(&b, buf, sizeof(buf));
	ike_wire_put_delete(&b, IKE_PROTO_ESP, &spi_in, 1);
	return request(sa, t, IKE_JOB_DISOWN, spi_in, &b);
}

int ike_info_delete_ike(struct ike_sa *sa, struct ike_out *t)
{
	struct ike_build b;
	uint8_t buf[64];
	int err;

	ike_wire_build(&b, buf, sizeof(buf));
	ike_wire_put_delete(&b, IKE_PROTO_IKE, NULL, 0);
	err = request(sa, t, IKE_JOB_DEL_IKE, 0, &b);
	if (err)
		return err;
	ike_sa_set_state(sa, IKE_ST_DELETING);
	IKE_CNT(sa, ikesadelreq_sent);
	return 0;
}
