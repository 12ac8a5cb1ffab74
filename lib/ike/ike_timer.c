/* SPDX-License-Identifier: MIT */
/*
 * Time on an IKE SA: one wheel timer per SA at the earliest of its deadlines (retransmission, set-up, half
 * open, lifetimes of the SA and its children, dead peer detection, the last rest of a deleted SA). While a
 * transaction is in flight time stands still for its SA. Entry points: ike_timer_arm(), ike_timer_fire()
 * (wheel), ike_timer_settle() (after every event).
 */
#include "ike/ike_payload.h"

static void sooner(uint64_t *at, uint64_t t)
{
	if (t && t < *at)
		*at = t;
}

static uint64_t earliest(const struct ike_sa *sa)
{
	uint64_t at = UINT64_MAX;

	if (sa->state == IKE_ST_DEAD)
		return sa->dead_us;
	if (sa->req)
		sooner(&at, sa->retrans_us);
	sooner(&at, ike_frag_due(sa));
	sooner(&at, sa->setup_us);
	sooner(&at, sa->half_us);
	sooner(&at, sa->hard_us);
	if (sa->state != IKE_ST_ESTABLISHED)
		return at;
	sooner(&at, sa->soft_us);
	sooner(&at, sa->dpd_us);
	sooner(&at, sa->empty_us);
	sooner(&at, sa->more_us);
	for (const struct ike_child *c = sa->children; c; c = c->next) {
		if (!c->idle)
			sooner(&at, c->soft_us);
		sooner(&at, c->hard_us);
	}
	return at;
}

void ike_timer_arm(struct ike_sa *sa)
{
	uint64_t at = sa->txn ? UINT64_MAX : earliest(sa);

	if (at == UINT64_MAX)
		wheel_cancel(&sa->e->wheel, &sa->timer);
	else
		wheel_add(&sa->e->wheel, &sa->timer, at);
}

void ike_timer_settle(struct ike_sa *sa, struct ike_out *t)
{
	if (sa->e->cookies)
		ike_cookie_threshold(sa->e, t);
	ike_sa_run_jobs(sa, t);
	ike_out_end(t);
	ike_timer_arm(sa);
}

/* ---- what's due ---- */

static void no_answer(struct ike_sa *sa, struct ike_out *t)
{
	enum ike_job_kind kind = sa->xchg ? sa->xchg->kind : IKE_JOB_NONE;

	IKE_CNT(sa, exp_retran);
	if (sa->state < IKE_ST_ESTABLISHED) {
		IKE_CNT(sa, initfail_noresp);
		ike_sa_kill(sa, t, IKE_R_RETRANSMIT, 0, 0);
	} else if (kind == IKE_JOB_DPD) {
		IKE_CNT(sa, dpd_timeout);
		IKE_CNT(sa, dpd_disconnect);
		ike_sa_kill(sa, t, IKE_R_DPD_TIMEOUT, 0, 0);
	} else if (kind == IKE_JOB_DEL_IKE) {
		ike_sa_kill(sa, t, sa->doom ? sa->doom : IKE_R_LOCAL_DELETE, 0, 0);
	} else {
		ike_sa_kill(sa, t, IKE_R_RETRANSMIT, 0, 0);
	}
}

static void retransmit(struct ike_sa *sa, struct ike_out *t)
{
	uint32_t max = sa->pol->p.max_retrans ? sa->pol->p.max_retrans : 5;

	if (ike_msg_dpd_pace(sa))
		max = sa->pol->p.dpd_retries;
	if (sa->retrans >= max)
		no_answer(sa, t);
	else
		ike_msg_resend(sa, t);
}

static void delete_self(struct ike_sa *sa, enum ike_reason why)
{
	sa->doom = why;
	ike_sa_job(sa, IKE_JOB_DEL_IKE, 0);
}

static void setup_due(struct ike_sa *sa, struct ike_out *t, uint64_t now)
{
	if (sa->setup_us && sa->setup_us <= now)
		IKE_CNT(sa, exp_setup);
	else if (sa->half_us && sa->half_us <= now)
		ike_guard_half_expired(sa);
	else
		return;
	ike_sa_kill(sa, t, sa->given_up ? sa->doom : IKE_R_SETUP_TIMEOUT, 0, 0);
}

static void dpd_due(struct ike_sa *sa, uint64_t now)
{
	uint64_t interval = sa->pol->p.dpd_interval_s * IKE_US_PER_S;

	sa->dpd_us = 0;
	if (!interval)
		return;
	if (sa->last_seen_us + interval <= now) {
		ike_sa_job(sa, IKE_JOB_DPD, 0);
		sa->dpd_us = now + interval;
	} else {
		sa->dpd_us = sa->last_seen_us + interval;
	}
}

static void children_due(struct ike_sa *sa, uint64_t now)
{
	for (struct ike_child *c = sa->children; c; c = c->next) {
		if (c->hard_us && c->hard_us <= now) {
			c->hard_us = c->soft_us = 0;
			ike_sa_child_used_up(c);
		} else if (c->soft_us && c->soft_us <= now && !c->idle) {
			ike_sa_child_worn(c);
		}
	}
}

static void lifetime_due(struct ike_sa *sa, struct ike_out *t, uint64_t now)
{
	/* one that lost against another at once was never used, and its maker does not have it */
	if (sa->hard_us && sa->hard_us <= now && sa->replaced && sa->state == IKE_ST_ESTABLISHED) {
		ike_sa_kill(sa, t, IKE_R_REKEYED, 0, 0);
		return;
	}
	if (sa->hard_us && sa->hard_us <= now) {
		sa->hard_us = sa->soft_us = 0;
		if (!sa->replaced)
			IKE_CNT(sa, exp_lifehard);
		if (sa->state != IKE_ST_DELETING)
			delete_self(sa, sa->replaced ? IKE_R_REKEYED : IKE_R_LIFETIME);
	}
	if (sa->state != IKE_ST_ESTABLISHED)
		return;
	if (sa->soft_us && sa->soft_us <= now) {
		sa->soft_us = 0;
		IKE_CNT(sa, exp_lifesoft);
		ike_sa_job(sa, IKE_JOB_REKEY_IKE, 0);
	}
	if (sa->empty_us && sa->empty_us <= now) {
		sa->empty_us = 0;
		if (!ike_sa_live_children(sa))
			delete_self(sa, IKE_R_NO_CHILD);
	}
	if (sa->more_us && sa->more_us <= now)
		ike_payload_complete(sa);
	if (sa->dpd_us && sa->dpd_us <= now)
		dpd_due(sa, now);
	children_due(sa, now);
}

void ike_timer_fire(struct wheel_timer *w, uint64_t now, void *arg)
{
	struct ike_sa *sa = arg;
	struct ike_out *t;

	sa->e->now = now;
	if (sa->txn)
		return; /* armed again when it's through */
	if (sa->state == IKE_ST_DEAD && sa->dead_us <= now) {
		ike_sa_free(sa);
		return;
	}
	if (ike_frag_due(sa) && ike_frag_due(sa) <= now)
		ike_frag_drop(sa);
	t = ike_out_begin(sa->e, sa);
	if (!t)
		return;
	if (sa->state < IKE_ST_ESTABLISHED)
		setup_due(sa, t, now);
	if (sa->state != IKE_ST_DEAD && sa->req && sa->retrans_us <= now)
		retransmit(sa, t);
	if (sa->state >= IKE_ST_ESTABLISHED && sa->state != IKE_ST_DEAD)
		lifetime_due(sa, t, now);
	ike_timer_settle(sa, t);
}
