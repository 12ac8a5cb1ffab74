/* SPDX-License-Identifier: MIT */
/*
 * Commands of the engine's owner: start, delete, rekey, check, forget; the answer of a session; signs of life
 * from the data path. Entry points: ike_engine_initiate() and the rest of "commands" in ike.h. Called by
 * ipsecmgr, `orrery peers` and tests.
 */
#include "ike/ike_payload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GIVEN_UP_US (10 * IKE_US_PER_S) /* an answer to what was given up is awaited so long */

/* ---- start ---- */

static int copy_ts(struct ike_ts *to, unsigned *n_to, const struct ike_ts *own, unsigned n_own,
                   const struct ike_ts *ts, unsigned n)
{
	if (n > IKE_MAX_TS)
		return -EINVAL;
	*n_to = ts ? n : n_own;
	memcpy(to, ts ? ts : own, *n_to * sizeof(*to));
	return 0;
}

static int prepare(struct ike_sa *sa, const struct ike_initiate *i)
{
	const struct ike_policy *p = &sa->pol->p;
	const struct ike_payload *y = &p->payload[i->payload];
	struct ike_setup *s = sa->setup;
	int err;

	s->payload = (uint8_t)i->payload;
	s->remote_id = i->remote_id ? *i->remote_id : p->remote_id;
	err = copy_ts(s->ts_local, &s->n_ts_local, y->ts_local, y->n_ts_local, i->ts_local, i->n_ts_local);
	if (!err)
		err = copy_ts(s->ts_remote, &s->n_ts_remote, y->ts_remote, y->n_ts_remote, i->ts_remote,
		              i->n_ts_remote);
	s->own_id = i->local_id;
	if (!err && i->local_id)
		err = ike_sa_set_id(&sa->local_id, i->local_id);
	return err;
}

bool ike_cmd_next_set(struct ike_sa *sa)
{
	const struct ike_policy *p = &sa->pol->p;
	struct ike_setup *s = sa->setup;
	struct ike_sa *next;
	struct ike_id local;
	struct ike_out *t;
	int err;

	if (s->auth_set + 1u >= p->n_auth || sa->pol->removed || sa->given_up)
		return false;
	next = ike_sa_new(sa->e, sa->pol, true, ike_sa_new_spi(sa->e));
	if (!next)
		return false;
	next->path = sa->path;
	next->user = sa->user;
	next->device = sa->device;
	t = ike_out_begin(sa->e, next);
	err = t ? ike_init_start(next, t) : -ENOMEM;
	if (!err && s->own_id) {
		ike_sa_get_id(sa->local_id, &local);
		err = ike_sa_set_id(&next->local_id, &local);
	}
	if (err) {
		if (t)
			ike_out_free(t);
		ike_sa_free(next);
		return false;
	}
	next->setup->auth_set = s->auth_set + 1;
	next->setup->own_id = s->own_id;
	next->setup->payload = s->payload;
	next->setup->remote_id = s->remote_id;
	next->setup->n_ts_local = s->n_ts_local;
	next->setup->n_ts_remote = s->n_ts_remote;
	memcpy(next->setup->ts_local, s->ts_local, sizeof(s->ts_local));
	memcpy(next->setup->ts_remote, s->ts_remote, sizeof(s->ts_remote));
	ike_timer_settle(next, t);
	return true;
}

int ike_engine_initiate(struct ike_engine *e, uint64_t now, const struct ike_initiate *i, uint64_t *spi)
{
	struct ike_pol *pol = ike_engine_policy(e, i->policy);
	struct ike_out *t;
	struct ike_sa *sa;
	int err;

	if (!pol || i->payload >= ike_payload_count(&pol->p))
		return pol ? -ERANGE : -ENOENT;
	e->now = now;
	sa = ike_sa_new(e, pol, true, ike_sa_new_spi(e));
	if (!sa)
		return -ENOMEM;
	sa->path = i->path;
	sa->user = i->user;
	if (i->device)
		sa->device = *i->device;
	t = ike_out_begin(e, sa);
	err = t ? ike_init_start(sa, t) : -ENOMEM;
	if (!err)
		err = prepare(sa, i);
	if (err) {
		if (t)
			ike_out_free(t);
		ike_sa_free(sa);
		return err;
	}
	if (spi)
		*spi = sa->spi;
	ike_timer_settle(sa, t);
	ike_out_flush(e);
	return 0;
}

/* ---- requests on an SA ---- */

static int queue(struct ike_engine *e, uint64_t now, struct ike_sa *sa, enum ike_job_kind kind,
                 uint32_t spi_in)
{
	struct ike_out *t;
	int err;

	if (!sa || sa->state == IKE_ST_DEAD)
		return -ENOENT;
	if (sa->state != IKE_ST_ESTABLISHED)
		return -EAGAIN;
	e->now = now;
	err = ike_sa_job(sa, kind, spi_in);
	if (err || sa->txn)
		return err; /* the job runs when the transaction is through */
	t = ike_out_begin(e, sa);
	if (!t)
		return -ENOMEM;
	ike_timer_settle(sa, t);
	ike_out_flush(e);
	return 0;
}

static int queue_child(struct ike_engine *e, uint64_t now, uint32_t spi_in, enum ike_job_kind kind)
{
	struct ike_child *c = ike_sa_child_in(e, spi_in);

	return c ? queue(e, now, c->sa, kind, spi_in) : -ENOENT;
}

int ike_engine_delete_ike(struct ike_engine *e, uint64_t now, uint64_t spi)
{
	return ike_engine_end(e, now, spi, IKE_R_LOCAL_DELETE);
}

int ike_engine_end(struct ike_engine *e, uint64_t now, uint64_t spi, enum ike_reason reason)
{
	struct ike_sa *sa = ike_sa_find(e, spi);

	if (sa && sa->state < IKE_ST_ESTABLISHED) /* nobody to tell */
		return ike_engine_drop(e, now, spi);
	if (sa && sa->state == IKE_ST_ESTABLISHED)
		sa->doom = reason;
	return queue(e, now, sa, IKE_JOB_DEL_IKE, 0);
}

int ike_engine_delete_child(struct ike_engine *e, uint64_t now, uint32_t spi_in)
{
	return queue_child(e, now, spi_in, IKE_JOB_DEL_CHILD);
}

int ike_engine_rekey_ike(struct ike_engine *e, uint64_t now, uint64_t spi)
{
	return queue(e, now, ike_sa_find(e, spi), IKE_JOB_REKEY_IKE, 0);
}

int ike_engine_rekey_child(struct ike_engine *e, uint64_t now, uint32_t spi_in)
{
	return queue_child(e, now, spi_in, IKE_JOB_REKEY_CHILD);
}

int ike_engine_new_child(struct ike_engine *e, uint64_t now, uint64_t spi)
{
	struct ike_sa *sa = ike_sa_find(e, spi);

	return queue(e, now, sa, IKE_JOB_NEW_CHILD, sa ? ike_payload_next(sa) : 0);
}

/* Is a child of this payload there for a while yet, or on its way? */
static bool has_child(const struct ike_sa *sa, unsigned payload)
{
	if (sa->xchg && sa->xchg->kind == IKE_JOB_NEW_CHILD && sa->xchg->spi_in == payload)
		return true;
	for (const struct ike_job *j = sa->jobs; j; j = j->next)
		if (j->kind == IKE_JOB_NEW_CHILD && j->spi_in == payload)
			return true;
	for (const struct ike_child *c = sa->children; c; c = c->next)
		if (c->payload == payload && !c->superseded && !c->deleting && !c->expired)
			return true;
	return false;
}

int ike_engine_need_child(struct ike_engine *e, uint64_t now, uint64_t spi, unsigned payload)
{
	struct ike_sa *sa = ike_sa_find(e, spi);

	if (sa && payload >= ike_payload_count(&sa->pol->p))
		return -ERANGE;
	if (sa && has_child(sa, payload))
		return -EALREADY;
	return queue(e, now, sa, IKE_JOB_NEW_CHILD, payload);
}

int ike_engine_dpd(struct ike_engine *e, uint64_t now, uint64_t spi)
{
	return queue(e, now, ike_sa_find(e, spi), IKE_JOB_DPD, 0);
}

/* ---- forgetting ---- */

static int drop(struct ike_engine *e, struct ike_sa *sa, enum ike_reason reason)
{
	struct ike_out *t;

	if (!sa || sa->state == IKE_ST_DEAD)
		return -ENOENT;
	if (sa->txn) {
		sa->doomed = true;
		sa->doom = reason;
		return 0;
	}
	t = ike_out_begin(e, sa);
	if (!t)
		return -ENOMEM;
	ike_sa_kill(sa, t, reason, 0, 0);
	ike_timer_settle(sa, t);
	return 0;
}

int ike_engine_drop(struct ike_engine *e, uint64_t now, uint64_t spi)
{
	int err;

	e->now = now;
	err = drop(e, ike_sa_find(e, spi), IKE_R_LOCAL_DELETE);
	ike_out_flush(e);
	return err;
}

/* A list of SPIs first: what's done to one SA may create or free others. */
static size_t end_all(struct ike_engine *e, uint64_t now, const char *policy, bool tell_peers,
                      enum ike_reason reason)
{
	uint64_t *spis = calloc(e->n.sas ? e->n.sas : 1, sizeof(*spis));
	size_t n = 0, done = 0;

	if (!spis)
		return 0;
	e->now = now;
	for (struct ike_sa *sa = e->sas; sa; sa = sa->next)
		if (sa->state != IKE_ST_DEAD && (!policy || !strcmp(policy, sa->pol->p.name)))
			spis[n++] = sa->spi;
	for (size_t i = 0; i < n; i++) {
		struct ike_sa *sa = ike_sa_find(e, spis[i]);

		if (tell_peers && sa && sa->state == IKE_ST_ESTABLISHED)
			done += !ike_engine_end(e, now, spis[i], reason);
		else
			done += !drop(e, sa, reason);
	}
	free(spis);
	ike_out_flush(e);
	return done;
}

size_t ike_engine_drop_all(struct ike_engine *e, uint64_t now, const char *policy, bool tell_peers)
{
	return end_all(e, now, policy, tell_peers, IKE_R_LOCAL_DELETE);
}

size_t ike_engine_end_all(struct ike_engine *e, uint64_t now, const char *policy, enum ike_reason reason)
{
	return end_all(e, now, policy, true, reason);
}

int ike_engine_settle(struct ike_engine *e, uint64_t now, uint64_t spi)
{
	struct ike_sa *sa = ike_sa_find(e, spi);
	struct ike_out *t;

	if (!sa || sa->state != IKE_ST_ESTABLISHED)
		return -ENOENT;
	e->now = now;
	sa->settle = true;
	t = sa->txn ? NULL : ike_out_begin(e, sa); /* without memory: with the next row */
	if (!t)
		return 0;
	if (ike_sa_take_settings(sa))
		ike_out_touch(t, sa);
	ike_timer_settle(sa, t);
	ike_out_flush(e);
	return 0;
}

int ike_engine_give_up(struct ike_engine *e, uint64_t now, uint64_t spi, enum ike_reason reason)
{
	struct ike_sa *sa = ike_sa_find(e, spi);
	struct ike_out *t;

	if (!sa || sa->state == IKE_ST_DEAD)
		return -ENOENT;
	if (!sa->initiator || sa->state >= IKE_ST_ESTABLISHED || sa->txn)
		return -EAGAIN;
	e->now = now;
	t = ike_out_begin(e, sa);
	if (!t)
		return -ENOMEM;
	if (sa->state == IKE_ST_INIT_SENT) {
		ike_sa_kill(sa, t, reason, 0, 0);
	} else if (sa->state == IKE_ST_AUTH_WAIT) {
		ike_auth_withdraw(sa, t, reason);
	} else if (!sa->given_up) { /* not repeated: a peer that has not heard of it yet never shall */
		sa->given_up = true;
		sa->doom = reason;
		sa->retrans_us = UINT64_MAX;
		sa->setup_us = now + GIVEN_UP_US;
	}
	ike_timer_settle(sa, t);
	ike_out_flush(e);
	return 0;
}

/* ---- session and data path ---- */

int ike_engine_address_assigned(struct ike_engine *e, uint64_t now, uint64_t ref,
                                const struct ike_session_result *r)
{
	struct ike_sa *sa = ike_sa_find(e, ref);
	struct ike_out *t;

	if (!sa || sa->state == IKE_ST_DEAD)
		return -ENOENT;
	if (sa->state != IKE_ST_AUTH_WAIT || sa->setup->fetching || (sa->setup->eap && sa->setup->eap->asked))
		return -EALREADY;
	e->now = now;
	t = ike_out_begin(e, sa);
	if (!t)
		return -ENOMEM;
	if (sa->initiator)
		ike_auth_init_session(sa, t, r);
	else
		ike_auth_session(sa, t, r);
	ike_timer_settle(sa, t);
	ike_out_flush(e);
	return 0;
}

void ike_cmd_move(struct ike_sa *sa, struct ike_out *t, const struct net_endpoint *remote)
{
	struct ike_path path = sa->path;

	path.remote = *remote;
	ike_cmd_repath(sa, t, &path);
}

void ike_cmd_repath(struct ike_sa *sa, struct ike_out *t, const struct ike_path *path)
{
	sa->path = *path;
	sa->seen_at.port = 0; /* that is older */
	ike_out_touch(t, sa);
	for (struct ike_child *c = sa->children; c; c = c->next)
		ike_out_child(t, IKE_ACT_CHILD_PATH, c, false, false, 0);
	ike_out_event(t, IKE_EV_PATH_CHANGED, sa, IKE_R_NONE);
}

int ike_engine_move(struct ike_engine *e, uint64_t now, uint64_t spi, const struct ike_path *path)
{
	struct ike_sa *sa = ike_sa_find(e, spi);
	struct ike_out *t;

	if (!sa || sa->state != IKE_ST_ESTABLISHED)
		return -ENOENT;
	if (!sa->mobike)
		return -ENOTSUP;
	if (sa->txn)
		return -EAGAIN;
	e->now = now;
	t = ike_out_begin(e, sa);
	if (!t)
		return -ENOMEM;
	ike_cmd_repath(sa, t, path);
	if (sa->xchg && sa->xchg->kind == IKE_JOB_MOVE)
		sa->xchg->target_gone = true;
	else
		ike_sa_job(sa, IKE_JOB_MOVE, 0);
	ike_timer_settle(sa, t);
	ike_out_flush(e);
	return 0;
}

static bool moves(const struct ike_sa *sa)
{
	return sa->seen_at.port && sa->state >= IKE_ST_ESTABLISHED && sa->state != IKE_ST_DEAD &&
	       ike_init_follows(sa) && !sa->mobike && !net_endpoint_equal(&sa->seen_at, &sa->path.remote);
}

void ike_cmd_follow(struct ike_sa *sa, struct ike_out *t)
{
	if (moves(sa)) {
		IKE_CNT(sa, nat_update_addr_data);
		ike_cmd_move(sa, t, &sa->seen_at);
	}
	sa->seen_at.port = 0;
}

int ike_engine_data_seen(struct ike_engine *e, uint64_t now, uint32_t spi_in,
                         const struct net_endpoint *remote)
{
	struct ike_child *c = ike_sa_child_in(e, spi_in);
	struct ike_out *t;
	struct ike_sa *sa;

	if (!c)
		return -ENOENT;
	sa = c->sa;
	e->now = now;
	sa->last_seen_us = now;
	if (!remote || !c->encap)
		return 0;
	sa->seen_at = *remote; /* the data path tells it once: it waits for the end of a transaction */
	if (sa->txn)
		return 0;
	if (!moves(sa)) {
		sa->seen_at.port = 0;
		return 0;
	}
	t = ike_out_begin(e, sa);
	if (!t)
		return -ENOMEM;
	ike_cmd_follow(sa, t);
	ike_timer_settle(sa, t);
	ike_out_flush(e);
	return 0;
}
