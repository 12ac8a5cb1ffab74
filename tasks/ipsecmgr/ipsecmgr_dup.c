/* SPDX-License-Identifier: MIT */
/*
 * Duplicate sessions (IPSec Reference chapter 25): of a wsg-service with `duplicate-session-detection` a peer
 * has one tunnel, the newest, on whatever manager it is and whoever began it. When a tunnel is up, and so
 * durable, older ones of this manager end, and every other manager is told on topic "duplicates". A manager
 * that was recovered tells of all it has; who knows of a newer tunnel of the same peer answers. A set-up that
 * fails ends nothing. Entry points: ipsecmgr_dup_up(), ipsecmgr_dup_audit(), ipsecmgr_dup_heard().
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <stdlib.h>
#include <string.h>

#define BATCH 200 /* tunnels in one message */

/* SAs of one peer in one service. */
struct peer_sas {
	struct ipsecmgr *m;
	const char *policy; /* "context/service", without what a vendor adds */
	size_t policy_len;
	uint64_t newest_us, newest_spi;
	uint64_t older[64];
	unsigned n_older;
	uint64_t than_us; /* older than this, or as old and */
	bool or_equal;    /* … the other one wins */
};

static size_t service_len(const char *policy)
{
	return strcspn(policy, "#");
}

static int look(void *arg, const struct ike_sa_view *v)
{
	struct peer_sas *p = arg;

	if (v->state != IKE_ST_ESTABLISHED || service_len(v->policy) != p->policy_len ||
	    strncmp(v->policy, p->policy, p->policy_len) != 0)
		return 0;
	if (v->up_us > p->newest_us) {
		p->newest_us = v->up_us;
		p->newest_spi = v->spi;
	}
	if ((v->up_us < p->than_us || (v->up_us == p->than_us && p->or_equal)) &&
	    p->n_older < sizeof(p->older) / sizeof(p->older[0]))
		p->older[p->n_older++] = v->spi;
	return 0;
}

static void end_older(struct peer_sas *p, uint64_t but, bool local)
{
	const struct ipsecmgr_policy *pol;
	struct ike_sa_view v;

	for (unsigned i = 0; i < p->n_older; i++) {
		if (p->older[i] == but || ike_engine_find(p->m->e, p->older[i], &v))
			continue;
		pol = ipsecmgr_cfg_find(p->m, v.policy);
		if (pol && pol->pol.counters)
			counter_inc(local ? &pol->pol.counters->duplicates_local
			                  : &pol->pol.counters->duplicates_remote);
		ike_engine_end(p->m->e, ipsecmgr_engine_now(p->m), p->older[i], IKE_R_DUPLICATE);
	}
}

/* --- telling
 * ------------------------------------------------------------------------------------------------------- */

struct told {
	struct ipsecmgr *m;
	DuplicateSessions msg;
	DuplicateSessions__Tunnel row[BATCH], *ptr[BATCH];
	struct ike_id id[BATCH];
	char name[BATCH][IKE_NAME_MAX];
};

static void publish(struct told *t)
{
	Envelope env = ENVELOPE__INIT;

	if (!t->msg.n_tunnels)
		return;
	t->msg.instance = t->m->t->instance;
	t->msg.tunnels = t->ptr;
	env.body_case = ENVELOPE__BODY_DUPLICATE_SESSIONS;
	env.duplicate_sessions = &t->msg;
	task_publish(t->m->t, "duplicates", &env);
	t->msg.n_tunnels = 0;
}

static void add(struct told *t, uint32_t ctx, const char *policy, const struct ike_id *id, uint64_t up_us)
{
	size_t i = t->msg.n_tunnels++, len = service_len(policy);
	DuplicateSessions__Tunnel *r = &t->row[i];

	duplicate_sessions__tunnel__init(r);
	t->id[i] = *id;
	memcpy(t->name[i], policy, len);
	t->name[i][len] = '\0';
	r->ctx = ctx;
	r->service = t->name[i];
	r->id_type = id->type;
	r->id = (ProtobufCBinaryData){id->len, t->id[i].data};
	r->up_us = up_us;
	t->ptr[i] = r;
	if (t->msg.n_tunnels == BATCH)
		publish(t);
}

static struct told *told_new(struct ipsecmgr *m, bool audit)
{
	struct told *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->m = m;
	duplicate_sessions__init(&t->msg);
	t->msg.audit = audit;
	return t;
}

/* --- occasions
 * ----------------------------------------------------------------------------------------------------- */

void ipsecmgr_dup_up(struct ipsecmgr *m, const struct ike_event *ev)
{
	const struct ipsecmgr_policy *pol = ipsecmgr_cfg_find(m, ev->policy);
	struct peer_sas p = {.m = m, .policy = ev->policy, .policy_len = service_len(ev->policy)};
	struct ike_sa_view v;
	struct told *t;

	if (!pol || !pol->one_session || ike_engine_find(m->e, ev->spi, &v))
		return;
	p.than_us = v.up_us;
	p.or_equal = true;
	ike_engine_foreach_peer(m->e, ev->path.ctx_id, &ev->peer_id, look, &p);
	t = told_new(m, false);
	if (t) {
		add(t, ev->path.ctx_id, ev->policy, &ev->peer_id, v.up_us);
		publish(t);
	}
	free(t);
	end_older(&p, ev->spi, true);
}

static int tell_one(void *arg, const struct ike_sa_view *v)
{
	struct told *t = arg;
	const struct ipsecmgr_policy *pol = ipsecmgr_cfg_find(t->m, v->policy);

	if (v->state == IKE_ST_ESTABLISHED && pol && pol->one_session)
		add(t, v->path.ctx_id, v->policy, &v->peer_id, v->up_us);
	return 0;
}

void ipsecmgr_dup_audit(struct ipsecmgr *m)
{
	struct told *t = m->e ? told_new(m, true) : NULL;

	if (!t)
		return;
	ike_engine_foreach_sa(m->e, tell_one, t);
	publish(t);
	free(t);
}

/* Another manager has this tunnel: older ones here end; a newer one here is told. */
static void heard_one(struct ipsecmgr *m, const DuplicateSessions *in, const DuplicateSessions__Tunnel *x,
                      struct told *answer)
{
	struct peer_sas p = {.m = m,
	                     .policy = x->service,
	                     .policy_len = service_len(x->service),
	                     .than_us = x->up_us,
	                     .or_equal = in->instance > m->t->instance};
	const struct ipsecmgr_policy *pol = ipsecmgr_cfg_find(m, x->service);
	struct ike_id id = {.type = (uint8_t)x->id_type, .len = (uint8_t)x->id.len};

	if (!pol || !pol->one_session || x->id.len > IKE_ID_MAX || x->id_type > UINT8_MAX)
		return;
	memcpy(id.data, x->id.data, x->id.len);
	ike_engine_foreach_peer(m->e, x->ctx, &id, look, &p);
	end_older(&p, 0, false);
	if (p.newest_us > x->up_us || (p.newest_us == x->up_us && p.newest_us && !p.or_equal))
		add(answer, x->ctx, x->service, &id, p.newest_us);
}

void ipsecmgr_dup_heard(struct task *t, const struct bus_msg *msg)
{
	const DuplicateSessions *in = msg->env->duplicate_sessions;
	struct ipsecmgr *m = &ipsecmgr;
	struct told *answer;

	if (!m->e || in->instance == t->instance)
		return;
	answer = told_new(m, false);
	if (!answer)
		return;
	for (size_t i = 0; i < in->n_tunnels; i++)
		heard_one(m, in, in->tunnels[i], answer);
	publish(answer);
	free(answer);
	ipsecmgr_engine_rearm(m);
}
