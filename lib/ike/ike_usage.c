/* SPDX-License-Identifier: MIT */
/*
 * What the data path notices of children, and what follows: the first packet, kilobytes and sequence numbers
 * that run out or are used up (chapters 8 and 12 of the reference), keepalives for a NAT. Packets that belong
 * nowhere are in ike_stray.c. Entry points: ike_engine_child_usage(), ike_engine_keepalives(),
 * ike_engine_keepalive_sent(). Called by the engine's owner.
 */
#include "ike/ike_payload.h"

#include <errno.h>

static void soft(struct ike_child *c)
{
	if (!ike_payload_of(c)->rekey || c->superseded || c->deleting)
		return;
	c->soft_us = 0;
	IKE_CNT(c->sa, exp_childlifesoft);
	ike_sa_job(c->sa, IKE_JOB_REKEY_CHILD, c->spi_in);
}

int ike_engine_child_usage(struct ike_engine *e, uint64_t now, uint32_t spi_in, enum ike_usage what)
{
	struct ike_child *c = ike_sa_child_in(e, spi_in);
	struct ike_out *t;
	struct ike_sa *sa;

	if (!c)
		return -ENOENT;
	e->now = now;
	sa = c->sa;
	c->used = true;
	switch (what) {
	case IKE_USE_TRAFFIC:
		if (c->idle)
			ike_sa_child_worn(c);
		break;
	case IKE_USE_SOFT:
		soft(c);
		break;
	case IKE_USE_HARD:
		ike_sa_child_used_up(c);
		break;
	}
	if (sa->txn)
		return 0; /* what was queued runs when the transaction is through */
	t = ike_out_begin(e, sa);
	if (!t)
		return -ENOMEM;
	ike_timer_settle(sa, t);
	ike_out_flush(e);
	return 0;
}

void ike_engine_keepalives(struct ike_engine *e, const struct ike_path *path, uint64_t n)
{
	const struct ike_pol *pol = ike_engine_match_policy(e, path);

	counter_add(&(pol && pol->p.counters ? pol->p.counters : e->cnt)->nattkeepalive_recv, n);
}

void ike_engine_keepalive_sent(struct ike_engine *e, uint32_t spi_in)
{
	const struct ike_child *c = ike_sa_child_in(e, spi_in);

	if (c)
		IKE_CNT(c->sa, nattkeepalive_send);
}
