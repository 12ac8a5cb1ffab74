/* SPDX-License-Identifier: MIT */
/*
 * What keeps an engine under attack or overload alive (IPSec Reference chapters 13 and 19): who may begin at
 * all (congestion, half-open SAs) and by which policy (vendor ids, chapter 20), which identities may come in
 * (blacklist, whitelist), the half-open timer,
 * and packets that can't be decrypted. Entry points: ike_guard_may_begin(), ike_guard_listed(),
 * ike_guard_half_open(), ike_guard_undecryptable(), ike_guard_decrypted(), ike_engine_protect(),
 * ike_engine_congestion(). Called by ike_init.c, ike_auth.c, ike_engine.c and ike_timer.c.
 */
#include "ike/ike_int.h"

/* ---- the owner's settings ---- */

void ike_engine_protect(struct ike_engine *e, uint64_t now, const struct ike_protection *p)
{
	struct ike_out *t;

	e->now = now;
	e->cfg.cookie_on = p->cookie_on;
	e->cfg.cookie_off = p->cookie_off;
	e->cfg.cookie_always = p->cookie_always;
	t = ike_out_begin(e, NULL);
	if (!t)
		return;
	ike_cookie_threshold(e, t);
	ike_out_end(t);
	ike_out_flush(e);
}

void ike_engine_congestion(struct ike_engine *e, enum ike_congestion what)
{
	e->congestion = what;
}

/* ---- who may begin ---- */

/* A peer that comes too late: told so where the policy or the operator wants that, else silence. */
static void turn_away(struct ike_rx *rx, const struct ike_pol *pol, struct counters_ikev2 *c, bool tell)
{
	uint16_t type = pol->p.congestion_notify ? pol->p.congestion_notify : IKE_N_NO_ADDITIONAL_SAS;

	if (!tell) {
		counter_inc(&c->congdrop);
		return;
	}
	counter_inc(&c->congrej);
	ike_init_refuse(rx, type, NULL, 0);
}

static unsigned bucket_of(const struct ike_engine *e, const struct net_addr *peer)
{
	return (unsigned)(net_addr_hash(peer, e->seed) % IKE_HALF_BUCKETS);
}

/* A host that answers cookies can still begin and begin (RFC 8019 section 4): when half of the room is taken,
 * no address may have more than an eighth of it. */
static bool too_many_of_one(const struct ike_engine *e, uint32_t half, const struct net_addr *peer)
{
	return half >= 64 && e->n.half_open >= half / 2 && e->half_of[bucket_of(e, peer)] >= half / 8;
}

bool ike_guard_may_begin(struct ike_rx *rx, const struct ike_pol *pol, struct counters_ikev2 *c)
{
	const struct ike_engine *e = rx->e;
	uint32_t half = e->cfg.max_half_open ? e->cfg.max_half_open : 10000,
	         all = e->cfg.max_sa ? e->cfg.max_sa : 1000000u;

	if (e->cb.begin && e->cb.begin(e->arg, pol->p.name, &rx->path->remote.addr)) {
		counter_inc(&c->initfail);
		return false;
	}
	if (e->congestion != IKE_CONGESTION_NONE) {
		turn_away(rx, pol, c, e->congestion == IKE_CONGESTION_REJECT);
		return false;
	}
	if (e->n.half_open < half && e->n.sas < all && !too_many_of_one(e, half, &rx->path->remote.addr))
		return true;
	turn_away(rx, pol, c, pol->p.congestion_reject);
	return false;
}

/* ---- whose device it is ---- */

struct ike_pol *ike_guard_vendor(struct ike_rx *rx, struct ike_pol *pol, struct counters_ikev2 *c)
{
	const struct ike_engine *e = rx->e;
	const struct ike_msg *m = rx->m;
	struct ike_pol *other = NULL;
	unsigned known = 0;
	const char *name;

	if (!m->n_vendor)
		return pol;
	counter_inc(&c->vendor_packets);
	counter_add(&c->vendor_ids, m->n_vendor);
	name = e->cb.vendor ? e->cb.vendor(e->arg, pol->p.name, m->vendor, m->n_vendor, &known) : NULL;
	counter_add(&c->vendor_match, known);
	counter_add(&c->vendor_no_match, m->n_vendor - known);
	if (name)
		other = ike_engine_policy(e, name);
	return other ? other : pol;
}

/* ---- half-open SAs ---- */

void ike_guard_half_open(struct ike_sa *sa)
{
	uint32_t s = sa->pol->p.half_open_s ? sa->pol->p.half_open_s : 60;
	unsigned bucket = bucket_of(sa->e, &sa->path.remote.addr);

	if (sa->e->half_of[bucket] < UINT16_MAX) {
		sa->e->half_of[bucket]++;
		sa->half_bucket = (uint16_t)(bucket + 1);
	}
	if (s == IKE_UNLIMITED) { /* `no ikev2-ikesa ddos half-open-sa-timer`: the set-up timer is left */
		IKE_CNT(sa, half_open_timer_ignored);
		return;
	}
	sa->half_us = sa->e->now + s * IKE_US_PER_S;
	IKE_CNT(sa, half_open_timer_start);
}

void ike_guard_half_left(struct ike_sa *sa)
{
	if (sa->half_bucket)
		sa->e->half_of[sa->half_bucket - 1]--;
	sa->half_bucket = 0;
}

void ike_guard_half_done(struct ike_sa *sa)
{
	if (sa->half_us)
		IKE_CNT(sa, half_open_timer_stop);
	sa->half_us = 0;
}

void ike_guard_half_expired(struct ike_sa *sa)
{
	sa->half_us = 0;
	/* "No XCHG": what came after IKE_SA_INIT was not from whom the keys were agreed with. */
	if (sa->decrypt_failures)
		IKE_CNT(sa, exp_half_open_sa_noxchg);
	else
		IKE_CNT(sa, exp_half_open_sa);
}

/* ---- packets that can't be decrypted ---- */

void ike_guard_undecryptable(struct ike_sa *sa)
{
	uint32_t max = sa->pol->p.decrypt_fail_max ? sa->pol->p.decrypt_fail_max : 30;
	struct ike_out *t;

	if (sa->decrypt_failures < UINT32_MAX)
		sa->decrypt_failures++;
	if (max == IKE_UNLIMITED || sa->decrypt_failures < max || sa->decrypt_alarm)
		return;
	IKE_CNT(sa, decryptfail_count_exceeded);
	t = ike_out_begin(sa->e, sa);
	if (!t)
		return;
	sa->decrypt_alarm = true;
	ike_out_event(t, IKE_EV_DECRYPT_FAILING, sa, IKE_R_DECRYPT_FAILURES);
	if (sa->setup) /* nobody has proven anything yet: what isn't there can't be flooded */
		ike_sa_kill(sa, t, IKE_R_DECRYPT_FAILURES, 0, 0);
	ike_timer_settle(sa, t);
}

void ike_guard_decrypted(struct ike_sa *sa, struct ike_out *t)
{
	sa->decrypt_failures = 0;
	if (!sa->decrypt_alarm)
		return;
	sa->decrypt_alarm = false;
	ike_out_event(t, IKE_EV_DECRYPT_GOOD, sa, IKE_R_NONE);
}

/* ---- who may come in ---- */

bool ike_guard_listed(const struct ike_sa *sa, const struct ike_id *peer, const char **why)
{
	const struct ike_callbacks *cb = &sa->e->cb;

	return cb->admit && !sa->initiator && cb->admit(sa->e->arg, sa->pol->p.name, peer, why) != 0;
}

bool ike_guard_child_listed(struct ike_rx *rx)
{
	const char *why = NULL;
	struct ike_id peer;

	if (!rx->e->cb.admit || rx->m->hdr.exchange != IKE_X_CREATE_CHILD ||
	    (rx->m->hdr.flags & IKE_F_RESPONSE) || rx->sa->state != IKE_ST_ESTABLISHED)
		return false;
	ike_sa_get_id(rx->sa->peer_id, &peer);
	if (!ike_guard_listed(rx->sa, &peer, &why))
		return false;
	if (ike_wire_notify(rx->m, IKE_N_REKEY_SA) || !rx->m->tsi.p)
		IKE_CNT(rx->sa, list_rekey_refused);
	else
		IKE_CNT(rx->sa, list_child_refused);
	ike_msg_reply_notify(rx, IKE_N_NO_ADDITIONAL_SAS, NULL, 0);
	return true;
}
