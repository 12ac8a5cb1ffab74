/* SPDX-License-Identifier: MIT */
/*
 * Children of an IKE SA, and the jobs: requests of ours that wait until the message window (of one) is free.
 * Entry points: ike_sa_child_*(), ike_sa_job(), ike_sa_run_jobs(). Called by the exchanges and ike_timer.c.
 */
#include "ike/ike_payload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

/* What an outstanding request offers is taken as well: the peer may be sending under it already. */
uint32_t ike_sa_new_child_spi(struct ike_engine *e)
{
	uint32_t spi;

	do {
		e->cb.random(e->arg, &spi, sizeof(spi));
		spi = (spi & 0x00ffffffu) | (uint32_t)e->cfg.instance << 24;
	} while (ike_map_find(&e->by_child, spi) || ike_map_find(&e->offered, spi));
	return spi;
}

uint32_t ike_sa_offer_child_spi(struct ike_engine *e, struct ike_node *n)
{
	uint32_t spi = ike_sa_new_child_spi(e);

	ike_map_del(&e->offered, n);
	ike_map_add(&e->offered, n, spi, n);
	return spi;
}

static size_t key_bytes(const struct ike_suite *s)
{
	return 2 * (ike_crypto_encr_len(s) + ike_crypto_integ_len(s));
}

struct ike_child *ike_sa_child_new(struct ike_sa *sa, const struct ike_suite *suite, const struct ike_ts *ts,
                                   unsigned n_local, unsigned n_remote)
{
	struct ike_child *c = calloc(1, sizeof(*c) + key_bytes(suite));

	if (!c)
		return NULL;
	c->ts = calloc(n_local + n_remote ? n_local + n_remote : 1, sizeof(*c->ts));
	if (!c->ts) {
		free(c);
		return NULL;
	}
	memcpy(c->ts, ts, (n_local + n_remote) * sizeof(*ts));
	c->n_local = (uint8_t)n_local;
	c->n_remote = (uint8_t)n_remote;
	c->suite = *suite;
	c->sa = sa;
	return c;
}

void ike_sa_child_link(struct ike_sa *sa, struct ike_child *c)
{
	c->sa = sa;
	c->next = sa->children;
	sa->children = c;
	sa->n_children++;
	if (!c->by_spi.obj) {
		ike_map_add(&sa->e->by_child, &c->by_spi, c->spi_in, c);
		sa->e->n.children++;
		counter_inc(&ike_sa_counters(sa)->curchildsa);
	}
	if (!c->superseded)
		sa->empty_us = 0;
}

static void unlink_child(struct ike_child *c)
{
	struct ike_sa *sa = c->sa;

	for (struct ike_child **p = &sa->children; *p; p = &(*p)->next) {
		if (*p == c) {
			*p = c->next;
			sa->n_children--;
			break;
		}
	}
}

void ike_sa_child_free(struct ike_child *c)
{
	struct ike_sa *sa = c->sa;
	uint64_t *gauge = &ike_sa_counters(sa)->curchildsa;

	unlink_child(c);
	if (c->by_spi.obj) {
		ike_map_del(&sa->e->by_child, &c->by_spi);
		sa->e->n.children--;
		if (*gauge)
			counter_set(gauge, *gauge - 1);
	}
	free(c->ts);
	OPENSSL_cleanse(c, sizeof(*c) + key_bytes(&c->suite));
	free(c);
}

struct ike_child *ike_sa_child_in(const struct ike_engine *e, uint32_t spi_in)
{
	struct ike_node *n = ike_map_find(&e->by_child, spi_in);

	return n ? n->obj : NULL;
}

struct ike_child *ike_sa_child_out(const struct ike_sa *sa, uint32_t spi_out)
{
	for (struct ike_child *c = sa->children; c; c = c->next)
		if (c->spi_out == spi_out)
			return c;
	return NULL;
}

unsigned ike_sa_live_children(const struct ike_sa *sa)
{
	unsigned n = 0;

	for (struct ike_child *c = sa->children; c; c = c->next)
		n += !c->superseded && !c->deleting;
	return n;
}

void ike_sa_child_end(struct ike_child *c, struct ike_out *t, enum ike_reason reason)
{
	struct ike_sa *sa = c->sa;
	struct ike_event *ev;

	ike_out_touch(t, sa);
	ike_out_child_del(t, c, reason);
	if (!c->superseded) {
		ev = ike_out_event(t, IKE_EV_CHILD_DOWN, sa, reason);
		if (ev)
			ev->spi_in = c->spi_in;
	}
	ike_sa_child_free(c);
	if (sa->state == IKE_ST_ESTABLISHED && !sa->replaced && !sa->pol->p.allow_empty &&
	    !ike_sa_live_children(sa))
		sa->empty_us = sa->e->now +
		               (sa->pol->p.setup_timer_s ? sa->pol->p.setup_timer_s : 60) * IKE_US_PER_S;
}

bool ike_sa_rekey_allowed(struct ike_sa *sa)
{
	uint32_t second = (uint32_t)(sa->e->now / IKE_US_PER_S), rate = sa->pol->p.rekey_rate;

	if (sa->rate_second != second) {
		sa->rate_second = second;
		sa->rate_count = 0;
	}
	return ++sa->rate_count <= (rate ? rate : 5);
}

/* ---- lifetimes ---- */

/* By time: without traffic it is let go, unless its payload says otherwise (StarOS rekey keepalive). */
void ike_sa_child_worn(struct ike_child *c)
{
	if (!c->used && !ike_payload_of(c)->rekey_idle) {
		c->idle = true; /* soft_us stays: a restored engine rekeys it, for it can't know */
		return;
	}
	c->idle = false;
	c->soft_us = 0;
	IKE_CNT(c->sa, exp_childlifesoft);
	ike_sa_job(c->sa, IKE_JOB_REKEY_CHILD, c->spi_in);
}

void ike_sa_child_used_up(struct ike_child *c)
{
	c->hard_us = c->soft_us = 0;
	if (!c->superseded) {
		c->expired = true;
		IKE_CNT(c->sa, exp_childlifehard);
	}
	ike_sa_job(c->sa, IKE_JOB_DEL_CHILD, c->spi_in);
}

/* ---- jobs ---- */

void ike_sa_drop_jobs(struct ike_sa *sa)
{
	struct ike_job *j;

	while ((j = sa->jobs)) {
		sa->jobs = j->next;
		free(j);
	}
}

static bool same_job(enum ike_job_kind a, uint32_t aspi, enum ike_job_kind b, uint32_t bspi)
{
	return a == b && aspi == bspi && a != IKE_JOB_NEW_CHILD;
}

int ike_sa_job(struct ike_sa *sa, enum ike_job_kind kind, uint32_t spi_in)
{
	struct ike_job **p, *j;

	if (sa->xchg && same_job(sa->xchg->kind, sa->xchg->spi_in, kind, spi_in))
		return 0;
	if (kind == IKE_JOB_DEL_IKE)
		ike_sa_drop_jobs(sa); /* whatever waits has lost its point */
	for (p = &sa->jobs; *p; p = &(*p)->next)
		if (same_job((*p)->kind, (*p)->spi_in, kind, spi_in) || (*p)->kind == IKE_JOB_DEL_IKE)
			return 0;
	j = calloc(1, sizeof(*j));
	if (!j)
		return -ENOMEM;
	j->kind = kind;
	j->spi_in = spi_in;
	*p = j;
	return 0;
}

static int start_job(struct ike_sa *sa, struct ike_out *t, const struct ike_job *j)
{
	switch (j->kind) {
	case IKE_JOB_DPD:
		return ike_info_dpd(sa, t);
	case IKE_JOB_DEL_CHILD:
		return ike_info_delete_child(sa, t, j->spi_in);
	case IKE_JOB_REKEY_CHILD:
	case IKE_JOB_NEW_CHILD:
		return ike_child_start(sa, t, j->kind, j->spi_in);
	case IKE_JOB_REKEY_IKE:
		return ike_rekey_start(sa, t);
	case IKE_JOB_DEL_IKE:
		return ike_info_delete_ike(sa, t);
	case IKE_JOB_ROUTABILITY:
		return ike_mobike_check(sa, t);
	case IKE_JOB_MOVE:
		return ike_mobike_move(sa, t);
	case IKE_JOB_DISOWN:
		return ike_info_disown(sa, t, j->spi_in);
	case IKE_JOB_TELL: /* sent at once or not at all */
	case IKE_JOB_NONE:
	case IKE_JOBS:
		break;
	}
	return -EINVAL;
}

/* Whoever asked for a rekey is told that there will be none. */
static void job_dropped(struct ike_sa *sa, struct ike_out *t, const struct ike_job *j)
{
	if (j->kind == IKE_JOB_REKEY_IKE)
		ike_out_event(t, IKE_EV_REKEY_FAILED, sa, IKE_R_NONE);
	else if (j->kind == IKE_JOB_REKEY_CHILD)
		ike_out_event(t, IKE_EV_CHILD_FAILED, sa, IKE_R_CHILD_NOT_FOUND);
}

/* A job that can't start any more (its child is gone) is dropped. */
void ike_sa_run_jobs(struct ike_sa *sa, struct ike_out *t)
{
	struct ike_job *j;

	while ((j = sa->jobs) && !sa->txn && !sa->req &&
	       (sa->state == IKE_ST_ESTABLISHED || sa->state == IKE_ST_REKEYED)) {
		sa->jobs = j->next;
		if (start_job(sa, t, j))
			job_dropped(sa, t, j);
		free(j);
	}
}
