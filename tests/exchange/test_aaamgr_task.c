/* SPDX-License-Identifier: MIT */
/*
 * The aaamgr process itself on a bus (task_rig.h), with bus clients as its sessmgr and another one: what it
 * keeps, pages of a fetch, a full feed that forgets, whom it refuses, records that are none.
 */
#include <errno.h>

#include "session/session.h"
#include "tests/exchange/task_rig.h"

static struct peer sessmgr, other;

static void setup(void)
{
	rig.instance = 7;
	rig_setup("aaamgr");
	rig_peer(&sessmgr, "p-sessmgr", "sessmgr/7", NULL);
	rig_peer(&other, "p-other", "sessmgr/8", NULL);
	rig_start("boot1");
}

static void teardown(void)
{
	if (!rig.card)
		return;
	rig_peer_close(&sessmgr);
	rig_peer_close(&other);
	rig_teardown();
}

TestSuite(aaamgr_task, .init = setup, .fini = teardown, .timeout = 60);

/* Records of the calls from..to (len 0: they are over); the status of the answer. */
static int update(struct peer *p, uint32_t from, uint32_t to, size_t len, bool first, bool last)
{
	static uint8_t blob[SESSION_ROW_MAX + 1];
	Envelope env = ENVELOPE__INIT;
	CrrUpdate u = CRR_UPDATE__INIT;
	Crr rows[64], *ptrs[64];
	unsigned had = p->acks;

	for (uint32_t i = from; i <= to; i++) {
		crr__init(&rows[u.n_records]);
		rows[u.n_records].callid = i;
		rows[u.n_records].row = (ProtobufCBinaryData){len, blob};
		ptrs[u.n_records] = &rows[u.n_records];
		u.n_records++;
	}
	u.records = ptrs;
	u.first = first;
	u.last = last;
	env.body_case = ENVELOPE__BODY_CRR_UPDATE;
	env.crr_update = &u;
	p->status = 0;
	rig_request(p, &env);
	RIG_WAIT(p->acks == had + 1);
	return p->status;
}

/* Fetch a page; the answer, or NULL when it was refused. */
static const CrrBatch *fetch(struct peer *p, uint32_t from, uint32_t limit)
{
	Envelope env = ENVELOPE__INIT;
	CrrFetch f = CRR_FETCH__INIT;
	unsigned had = p->received;

	f.from = from;
	f.limit = limit;
	env.body_case = ENVELOPE__BODY_CRR_FETCH;
	env.crr_fetch = &f;
	rig_request(p, &env);
	RIG_WAIT(p->received > had);
	return p->last->body_case == ENVELOPE__BODY_CRR_BATCH ? p->last->crr_batch : NULL;
}

Test(aaamgr_task, what_was_fed_is_fetched_page_by_page)
{
	const CrrBatch *b;

	cr_assert_not(fetch(&sessmgr, 0, 10)->complete, "nothing was fed");
	cr_assert_eq(update(&sessmgr, 1, 30, 100, true, false), 0);
	cr_assert_not(fetch(&sessmgr, 0, 10)->complete, "the feed is not over");
	cr_assert_eq(update(&sessmgr, 31, 50, 100, false, true), 0);
	b = fetch(&sessmgr, 0, 20);
	cr_assert(b->complete);
	cr_assert_eq(b->n_records, 20);
	cr_assert_eq(b->records[0]->row.len, 100);
	cr_assert(b->more);
	b = fetch(&sessmgr, b->next, 40);
	cr_assert_eq(b->n_records, 30);
	cr_assert_not(b->more);
	cr_assert_eq(fetch(&sessmgr, 4000000000u, 40)->n_records, 0, "a position behind the end");
}

Test(aaamgr_task, changes_and_a_second_feed_forget_what_is_over)
{
	update(&sessmgr, 1, 50, 10, true, true);
	update(&sessmgr, 1, 10, 0, false, false);
	cr_assert_eq(fetch(&sessmgr, 0, 100)->n_records, 40);
	update(&sessmgr, 45, 54, 10, true, true);
	cr_assert_eq(fetch(&sessmgr, 0, 100)->n_records, 10);
}

Test(aaamgr_task, only_the_sessmgr_of_its_number_is_served)
{
	update(&sessmgr, 1, 5, 10, true, true);
	cr_assert_eq(update(&other, 1, 5, 0, true, true), -EPERM);
	cr_assert_null(fetch(&other, 0, 10));
	cr_assert_eq(fetch(&sessmgr, 0, 10)->n_records, 5);
}

Test(aaamgr_task, what_is_no_record_is_refused_and_the_rest_kept)
{
	cr_assert_eq(update(&sessmgr, 0, 3, 10, true, false), -EINVAL);
	cr_assert_eq(update(&sessmgr, 9, 9, SESSION_ROW_MAX + 1, false, true), -EINVAL);
	cr_assert_eq(fetch(&sessmgr, 0, 10)->n_records, 3);
}

Test(aaamgr_task, after_a_kill_it_is_empty)
{
	update(&sessmgr, 1, 5, 10, true, true);
	rig_stop();
	rig_start("boot1");
	cr_assert_eq(fetch(&sessmgr, 0, 10)->n_records, 0);
}
