/* SPDX-License-Identifier: MIT */
/*
 * Call recovery records of the sessmgr of our number, which runs on another card: fed by that sessmgr, asked
 * by the one that succeeds it. Entry points: aaamgr_crr_update(), aaamgr_crr_fetch(). The table is
 * lib/session/crr.c.
 */
#include "aaamgr.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define FETCH_MAX 1000

static int take(struct aaamgr *a, const Crr *r, bool full)
{
	int err;

	if (!r->row.len) {
		a->removed += crr_del(a->crrs, r->callid);
		return 0;
	}
	err = crr_put(a->crrs, r->callid, r->row.data, r->row.len);
	*(full ? &a->full : &a->micro) += !err;
	return err;
}

void aaamgr_crr_update(struct task *t, const struct bus_msg *m)
{
	struct aaamgr *a = &aaamgr;
	const CrrUpdate *u = m->env->crr_update;
	int err = 0;

	if (!aaamgr_is_pair(t, m))
		return;
	if (u->first) {
		crr_round_begin(a->crrs);
		a->feeding = true;
	}
	for (size_t i = 0; i < u->n_records; i++) {
		int one = take(a, u->records[i], a->feeding);

		if (one && !err)
			LOG(EV_SESS_LOST, "the recovery record of call %08x is not kept: %s",
			    u->records[i]->callid, strerror(-one));
		err = one ? one : err;
	}
	if (u->last && a->feeding) {
		a->removed += crr_round_end(a->crrs);
		a->feeding = false;
		a->complete = true;
		a->fed_us = clock_wall_us();
		LOG(EV_SESS_RECOVERED, "holds %u recovery records of sessmgr %u", crr_count(a->crrs),
		    t->instance);
	}
	task_reply_status(t, m, err, "%s", err ? strerror(-err) : "");
}

void aaamgr_crr_fetch(struct task *t, const struct bus_msg *m)
{
	struct aaamgr *a = &aaamgr;
	Envelope env = ENVELOPE__INIT;
	CrrBatch b = CRR_BATCH__INIT;
	uint32_t limit = m->env->crr_fetch->limit, pos = m->env->crr_fetch->from;
	Crr *rows, **ptrs;

	if (!aaamgr_is_pair(t, m))
		return;
	limit = limit && limit < FETCH_MAX ? limit : FETCH_MAX;
	rows = calloc(limit, sizeof(*rows));
	ptrs = calloc(limit, sizeof(*ptrs));
	for (const struct crr *r; rows && ptrs && b.n_records < limit && (r = crr_next(a->crrs, &pos));) {
		crr__init(&rows[b.n_records]);
		rows[b.n_records].callid = r->callid;
		rows[b.n_records].row = (ProtobufCBinaryData){r->len, r->row};
		ptrs[b.n_records] = &rows[b.n_records];
		b.n_records++;
	}
	a->fetched += b.n_records;
	b.records = ptrs;
	b.more = pos < crr_count(a->crrs);
	b.next = pos;
	b.complete = a->complete;
	env.body_case = ENVELOPE__BODY_CRR_BATCH;
	env.crr_batch = &b;
	task_reply(t, m, &env);
	free(rows);
	free(ptrs);
}
