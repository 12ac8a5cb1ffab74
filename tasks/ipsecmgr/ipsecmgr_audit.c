/* SPDX-License-Identifier: MIT */
/*
 * Tunnels without a session. A sessmgr that has ended a call says so when its tunnel is told to be up; where
 * the ipsecmgr died before it heard that, its successor restored a tunnel whose call is over and whose
 * address may be somebody else's. So each sessmgr is told once more of every tunnel that was restored, some
 * seconds later and some at a time; ipsecmgr_sess.c ends those it does not know. Entry points:
 * ipsecmgr_audit_start(), _stop(). Called by ipsecmgr_serve.c and _restore.c. The other way round, calls
 * without a tunnel, is sessmgr's audit.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <stdlib.h>

#define FIRST_MS 3000 /* sessmgrs that were told of ends have deleted their rows by then */
#define PACE_MS  100
#define PACE     200

static struct {
	struct restored {
		uint64_t spi;
		uint32_t callid;
	} * v;
	size_t n, at;
	struct task_timer *timer;
} audit;

void ipsecmgr_audit_stop(void)
{
	task_timer_stop(audit.timer);
	free(audit.v);
	audit.v = NULL;
	audit.timer = NULL;
	audit.n = audit.at = 0;
}

/* Those that ended or were rekeyed meanwhile have told it themselves. */
static void tell(struct ipsecmgr *m, const struct restored *r)
{
	struct ike_sa_view v;

	if (!ike_engine_find(m->e, r->spi, &v) && v.state == IKE_ST_ESTABLISHED && v.callid == r->callid)
		ipsecmgr_sess_up(m, r->callid, r->spi);
}

static void more(struct task *t, void *arg)
{
	struct ipsecmgr *m = arg;

	for (unsigned i = 0; m->e && i < PACE && audit.at < audit.n; i++)
		tell(m, &audit.v[audit.at++]);
	if (!m->e || audit.at == audit.n) {
		ipsecmgr_audit_stop();
		return;
	}
	task_timer_stop(audit.timer);
	audit.timer = task_timer_start(t, PACE_MS, 0, more, m);
}

static int note(void *arg, const struct ike_sa_view *v)
{
	size_t *room = arg;

	if (v->state == IKE_ST_ESTABLISHED && v->callid && audit.n < *room)
		audit.v[audit.n++] = (struct restored){v->spi, v->callid};
	return 0;
}

void ipsecmgr_audit_start(struct ipsecmgr *m)
{
	struct ike_engine_stats st;

	ipsecmgr_audit_stop();
	ike_engine_stats_get(m->e, &st);
	audit.v = st.established ? calloc(st.established, sizeof(*audit.v)) : NULL;
	if (!audit.v)
		return;
	ike_engine_foreach_sa(m->e, note, &st.established);
	audit.timer = task_timer_start(m->t, FIRST_MS, 0, more, m);
}
