/* SPDX-License-Identifier: MIT */
/*
 * A child SA that the data path refuses when everybody else has agreed to it (its tables are full, or it
 * can't do it). The transaction that brings it is changed before anything of it has left: as responder the
 * answer becomes a refusal (RFC 7296 sections 1.2, 1.3.1, 2.25), as initiator the peer is told to delete what
 * it made. A child that was to be replaced stays as it was. Entry point: ike_engine_data_refused().
 */
#include "ike/ike_int.h"
#include "ike/ike_payload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HDR_EXCHANGE 18 /* octets of the IKE header */
#define HDR_FLAGS    19

/* What the transaction was. */
struct refused {
	struct ike_child *c;
	bool answers; /* a request of the peer */
	bool asks;    /* a request of ours, not repeated, is in it */
	uint8_t exchange;
	struct ike_path path;
	uint32_t replaces;
};

static void look(struct ike_out *t, struct refused *r)
{
	for (unsigned i = 0; i < t->n; i++) {
		const struct ike_action *a = &t->act[i];

		if (a->kind == IKE_ACT_CHILD_ADD && !r->c) {
			r->c = ike_sa_child_in(t->e, a->child.spi_in);
			r->replaces = a->child.replaces_spi_in;
		} else if (a->kind == IKE_ACT_SEND && !a->send.retransmission) {
			bool answer = a->send.pkt[HDR_FLAGS] & IKE_F_RESPONSE;

			r->asks |= !answer;
			if (!answer)
				continue;
			r->answers = true;
			r->exchange = a->send.pkt[HDR_EXCHANGE];
			r->path = a->send.path;
		}
	}
}

static bool falls(const struct refused *r, const struct ike_action *a, bool request)
{
	switch (a->kind) {
	case IKE_ACT_CKPT_PUT:
	case IKE_ACT_CKPT_DELETE:
	case IKE_ACT_CHILD_ADD:
		return true;
	case IKE_ACT_EVENT:
		return a->event.kind == IKE_EV_CHILD_UP || a->event.kind == IKE_EV_CHILD_REKEYED;
	case IKE_ACT_SEND:
		if (a->send.retransmission)
			return false;
		return a->send.pkt[HDR_FLAGS] & IKE_F_RESPONSE ? r->answers : request;
	default:
		return false;
	}
}

/* request: also ours. */
static void strip(struct ike_out *t, const struct refused *r, bool request)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->n; i++)
		if (!falls(r, &t->act[i], request))
			t->act[n++] = t->act[i];
	t->n = n;
}

static void drop_job(struct ike_sa *sa, enum ike_job_kind kind, uint32_t spi_in)
{
	for (struct ike_job **p = &sa->jobs, *j; (j = *p);) {
		if (j->kind != kind || j->spi_in != spi_in) {
			p = &j->next;
			continue;
		}
		*p = j->next;
		free(j);
	}
}

/* The children of before are what they were. True: our request to delete one of them has not left, and falls.
 */
static bool undo(struct ike_out *t, struct ike_sa *sa, const struct refused *r)
{
	bool request = false;

	for (unsigned i = 0; i < t->n_replaced; i++) {
		const struct ike_replaced *was = &t->replaced[i];
		struct ike_child *c = ike_sa_child_in(t->e, was->spi_in);

		if (!c || c == r->c)
			continue;
		c->superseded = c->deleting = false;
		c->soft_us = was->soft_us;
		c->hard_us = was->hard_us;
		drop_job(sa, IKE_JOB_DEL_CHILD, c->spi_in);
		if (r->asks && sa->xchg && sa->xchg->kind == IKE_JOB_DEL_CHILD &&
		    sa->xchg->spi_in == c->spi_in) {
			ike_sa_drop_request(sa);
			ike_sa_drop_xchg(sa);
			request = true;
		}
	}
	t->n_replaced = 0;
	if (sa->xchg && sa->xchg->rival_spi_in == r->c->spi_in)
		sa->xchg->rival_spi_in = sa->xchg->rival_len = 0;
	return request;
}

static void failed(struct ike_out *t, struct ike_sa *sa, uint16_t notify)
{
	struct ike_event *ev = ike_out_event(t, IKE_EV_CHILD_FAILED, sa, IKE_R_DATA_PATH);

	IKE_CNT(sa, csa_createfail);
	if (ev)
		ev->notify = notify;
}

/* ---- as responder ---- */

static void answer(struct ike_out *t, struct ike_sa *sa, const struct refused *r, uint16_t notify)
{
	struct ike_msg m = {.hdr = {.exchange = r->exchange, .msgid = sa->recv_next - 1}};
	struct ike_rx rx = {.e = t->e, .sa = sa, .t = t, .path = &r->path, .m = &m};
	uint8_t buf[IKE_BUILD_MAX];
	struct ike_build b;

	ike_wire_build(&b, buf, sizeof(buf));
	if (r->exchange == IKE_X_AUTH && t->proof.w.len) {
		memcpy(buf, t->proof.w.buf, t->proof.w.len);
		b = t->proof;
		b.w.buf = buf;
	}
	ike_notify_count_sent(ike_sa_counters(sa), notify);
	ike_wire_put_notify(&b, 0, 0, 0, notify, NULL, 0);
	if (r->exchange == IKE_X_AUTH && sa->mobike)
		ike_wire_put_notify(&b, 0, 0, 0, IKE_N_MOBIKE_SUPPORTED, NULL, 0);
	ike_msg_reply(&rx, &b);
}

static void refuse(struct ike_out *t, struct ike_sa *sa, const struct refused *r, bool unusable)
{
	uint16_t notify = IKE_N_NO_ADDITIONAL_SAS;

	if (unusable)
		notify = IKE_N_NO_PROPOSAL_CHOSEN;
	else if (r->replaces)
		notify = ike_child_busy(sa, IKE_N_NO_ADDITIONAL_SAS);
	ike_out_child_del(t, r->c, IKE_R_DATA_PATH);
	ike_sa_child_free(r->c);
	failed(t, sa, notify);
	answer(t, sa, r, notify);
	if (ike_sa_live_children(sa) || sa->pol->p.allow_empty)
		return;
	sa->more_us = 0;
	sa->empty_us = t->e->now + IKE_US_PER_S; /* the answer goes first, then the delete */
}

/* ---- as initiator ---- */

static void withdraw(struct ike_out *t, struct ike_sa *sa, const struct refused *r)
{
	struct ike_child *old = r->replaces ? ike_sa_child_in(t->e, r->replaces) : NULL;

	failed(t, sa, 0);
	r->c->superseded = true; /* it counts no more, and its end is no event */
	r->c->soft_us = 0;
	if (old && !old->superseded)
		ike_child_retry_later(sa, &old->temp_failures, &old->soft_us, old->hard_us);
	if (ike_sa_live_children(sa) || sa->pol->p.allow_empty) {
		ike_sa_job(sa, IKE_JOB_DEL_CHILD, r->c->spi_in);
		return;
	}
	sa->doom = IKE_R_DATA_PATH;
	ike_sa_job(sa, IKE_JOB_DEL_IKE, 0);
}

int ike_engine_data_refused(struct ike_engine *e, uint64_t now, uint64_t txn_id, bool unusable)
{
	struct ike_node *n = ike_map_find(&e->by_txn, txn_id);
	struct ike_out *t = n ? n->obj : NULL;
	struct refused r = {0};
	struct ike_sa *sa;

	if (t)
		look(t, &r);
	if (!r.c)
		return -ENOENT;
	e->now = now;
	sa = r.c->sa;
	ike_map_del(&e->by_txn, &t->by_id);
	for (unsigned i = 0; i < t->n_sa; i++)
		t->sa[i]->committed = true; /* its rows are durable */
	t->n_due = 0;
	strip(t, &r, undo(t, sa, &r));
	if (r.answers)
		refuse(t, sa, &r, unusable);
	else
		withdraw(t, sa, &r);
	ike_out_again(t);
	ike_out_flush(e);
	return 0;
}
