/* SPDX-License-Identifier: MIT */
/*
 * aaamgr: the call recovery records of the sessmgr of its number, which runs on another card. Fed by that
 * sessmgr, asked by the one that succeeds it. See README.md.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "session/crr.h"
#include "show/show.h"
#include "task/task.h"

#define FETCH_MAX 1000

static struct aaamgr {
	struct crr_table *crrs;
	bool complete; /* a full feed has ended */
	bool feeding;  /* one is under way */
	uint64_t fed_us;
	uint64_t full, micro, removed, fetched, refused; /* records */
} aaamgr;

/* Only the sessmgr of our number. */
static bool is_pair(struct task *t, const struct bus_msg *m)
{
	const char *slash = strchr(m->src, '/');

	if (slash && strtoul(slash + 1, NULL, 10) == t->instance)
		return true;
	aaamgr.refused++;
	task_reply_status(t, m, -EPERM, "%s keeps the records of sessmgr %u only", t->addr, t->instance);
	return false;
}

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

static void crr_update(struct task *t, const struct bus_msg *m)
{
	struct aaamgr *a = &aaamgr;
	const CrrUpdate *u = m->env->crr_update;
	int err = 0;

	if (!is_pair(t, m))
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

static void crr_fetch(struct task *t, const struct bus_msg *m)
{
	struct aaamgr *a = &aaamgr;
	Envelope env = ENVELOPE__INIT;
	CrrBatch b = CRR_BATCH__INIT;
	uint32_t limit = m->env->crr_fetch->limit, pos = m->env->crr_fetch->from;
	Crr *rows, **ptrs;

	if (!is_pair(t, m))
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

static json_t *show_summary(struct task *t, struct show_page *page, char *err, size_t size)
{
	const struct aaamgr *a = &aaamgr;

	return json_pack("{s:i, s:i, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:i}", "instance", t->instance,
	                 "crrs", (int)crr_count(a->crrs), "complete", a->complete, "feeding", a->feeding,
	                 "fed_wall_us", (json_int_t)a->fed_us, "full", (json_int_t)a->full, "micro",
	                 (json_int_t)a->micro, "removed", (json_int_t)a->removed, "fetched",
	                 (json_int_t)a->fetched, "refused", (json_int_t)a->refused, "card", t->card);
}

static void show(struct task *t, const struct bus_msg *m)
{
	static const struct show_row rows[] = {
	        {"summary", "records held, fed and fetched", show_summary},
	};

	show_dispatch(t, m, rows, sizeof(rows) / sizeof(rows[0]));
}

static int init(struct task *t)
{
	aaamgr.crrs = crr_table_new();
	return aaamgr.crrs ? 0 : -ENOMEM;
}

static const struct task_route routes[] = {
        {ENVELOPE__BODY_CRR_UPDATE, "sessmgr", "call recovery records: all (full) or changed ones (micro)",
         crr_update},
        {ENVELOPE__BODY_CRR_FETCH, "sessmgr", "a restarted sessmgr wants its records back, page by page",
         crr_fetch},
        {ENVELOPE__BODY_SHOW, "*", "summary", show},
};

int main(int argc, char **argv)
{
	struct task_ops ops = {.facility = "aaamgr",
	                       .routes = routes,
	                       .n_routes = sizeof(routes) / sizeof(*routes),
	                       .init = init};

	return task_main(argc, argv, &ops);
}
