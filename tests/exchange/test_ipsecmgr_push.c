/* SPDX-License-Identifier: MIT */
/*
 * What becomes of child SAs that iftask refuses with a push (ipsecmgr_push.c and ipsecmgr_data.c,
 * compiled into the test), with
 * iftask, engine and clock played by hand: the rest counts as pushed at once, the refused ones are tried
 * again less and less often, and end when that was often enough.
 */
#include <criterion/criterion.h>
#include "ike/ike.h"
static int end_child(struct ike_engine *e, uint64_t now, uint32_t spi_in);
#define ike_engine_delete_child end_child
#include "tasks/ipsecmgr/ipsecmgr_data.c"
#include "tasks/ipsecmgr/ipsecmgr_push.c"
#include "tasks/ipsecmgr/ipsecmgr_map.c"

struct ipsecmgr ipsecmgr;

static struct {
	unsigned pushes, ended, ready, logged;
	bool seen_refused; /* by transactions that waited for the push */
	uint32_t ended_spi;
	size_t in_push;
	task_reply_cb cb;
	void *arg;
	uint64_t now_ms;
	struct {
		task_timer_cb cb;
		uint64_t due;
	} timer[4];
} w;
static struct task task = {.instance = 3};

/* --- the world around it --- */

uint64_t ipsecmgr_engine_now(struct ipsecmgr *m)
{
	return w.now_ms * 1000;
}
void ipsecmgr_engine_rearm(struct ipsecmgr *m)
{
}
bool ipsecmgr_engine_may_log(struct ipsecmgr *m)
{
	w.logged++;
	return false;
}
void ipsecmgr_engine_data_ready(struct ipsecmgr *m)
{
	w.ready++;
	w.seen_refused = ipsecmgr_push_refused(m, 0x03000002);
}
const struct ipsecmgr_policy *ipsecmgr_cfg_find(const struct ipsecmgr *m, const char *name)
{
	return NULL;
}
int ipsecmgr_sess_flows(struct ipsecmgr *m, uint32_t ctx, const struct ike_ts *ts, unsigned n, bool del,
                        task_reply_cb cb, void *arg)
{
	return 0;
}
bool ipsecmgr_callee_on(const struct ipsecmgr *m, const struct ipsecmgr_policy *p)
{
	return false;
}
void ipsecmgr_maps_no_sa(struct ipsecmgr *m, const SaNotice *n)
{
}
uint8_t ipsecmgr_lane(const struct ipsecmgr *m)
{
	return ESP_LANE_ALL;
}
static int end_child(struct ike_engine *e, uint64_t now, uint32_t spi_in)
{
	w.ended++;
	w.ended_spi = spi_in;
	return 0;
}
struct task_timer *task_timer_start(struct task *t, uint64_t ms, uint64_t repeat_ms, task_timer_cb cb,
                                    void *arg)
{
	for (unsigned i = 0;; i++) {
		cr_assert_lt(i, 4u);
		if (w.timer[i].cb)
			continue;
		w.timer[i].cb = cb;
		w.timer[i].due = w.now_ms + ms;
		return (struct task_timer *)&w.timer[i];
	}
}
void task_timer_stop(struct task_timer *tm)
{
	if (tm)
		memset(tm, 0, sizeof(w.timer[0]));
}
struct task_io *task_io_start(struct task *t, int fd, task_io_cb cb, void *arg)
{
	return NULL;
}
void task_watch_peers(struct task *t, const char *facility, task_peer_cb cb, void *arg)
{
}
const char *task_run_path(const struct task *t, const char *fmt, ...)
{
	return "";
}
int task_send(struct task *t, const char *dst, Envelope *env)
{
	return 0;
}
int task_request(struct task *t, const char *dst, Envelope *env, uint32_t deadline_ms, unsigned flags,
                 task_reply_cb cb, void *arg)
{
	cr_assert_eq(env->body_case, ENVELOPE__BODY_SA_UPDATE);
	w.pushes++;
	w.in_push = env->sa_update->n_add;
	w.cb = cb;
	w.arg = arg;
	return 0;
}

/* --- the test --- */

static void add(uint32_t spi)
{
	static const uint8_t key[32];
	struct ike_child_act a = {.spi_in = spi,
	                          .spi_out = 1,
	                          .policy = "p",
	                          .encr_in = key,
	                          .encr_out = key,
	                          .encr_len = 20,
	                          .integ_in = key,
	                          .integ_out = key};

	cr_assert_eq(ipsecmgr_data_add(&ipsecmgr, &a, 0), 0);
}

/* iftask answers; spi 0: it took everything. */
static void answer(int status, uint32_t spi)
{
	Envelope env = ENVELOPE__INIT;
	Status s = STATUS__INIT;
	struct bus_msg m = {.src = "iftask/20", .env = &env};

	s.code = status;
	s.text = (char *)(uintptr_t) "the table is full";
	s.refused = &spi;
	s.n_refused = spi != 0;
	env.body_case = ENVELOPE__BODY_STATUS;
	env.status = &s;
	w.cb(&task, w.arg, status, &m);
}

/* The next timer. Milliseconds until it ran. */
static uint64_t pass(void)
{
	uint64_t due = UINT64_MAX, from = w.now_ms;
	task_timer_cb cb = NULL;

	for (unsigned i = 0; i < 4; i++)
		if (w.timer[i].cb && w.timer[i].due < due) {
			due = w.timer[i].due;
			cb = w.timer[i].cb;
		}
	cr_assert(cb, "a timer runs");
	w.now_ms = due;
	cb(&task, &ipsecmgr);
	return due - from;
}

static bool idle(void)
{
	for (unsigned i = 0; i < 4; i++)
		if (w.timer[i].cb)
			return false;
	return true;
}

static void setup(void)
{
	memset(&w, 0, sizeof(w));
	ipsecmgr = (struct ipsecmgr){.t = &task, .e = (struct ike_engine *)&w, .data.bound = true};
	for (uint32_t i = 1; i <= 3; i++)
		add(0x03000000 + i);
	ipsecmgr_push_all(&ipsecmgr);
}

static void teardown(void)
{
	ipsecmgr_data_forget(&ipsecmgr);
}

TestSuite(ipsecmgr_push, .init = setup, .fini = teardown);

Test(ipsecmgr_push, one_refused_child_holds_nobody_up)
{
	uint64_t last = 0, ms, all = 0;

	answer(-ENOSPC, 0x03000002);
	cr_expect_eq(w.ready, 1, "transactions go on");
	cr_expect_eq(ipsecmgr.data.pushed, 1);
	cr_expect(ipsecmgr_push_refused(&ipsecmgr, 0x03000002));
	cr_expect_not(ipsecmgr_push_refused(&ipsecmgr, 0x03000001));
	for (unsigned i = 2; i <= REFUSED_MAX; i++) {
		cr_expect_eq(w.ended, 0, "push %u", i);
		ms = pass();
		cr_expect_gt(ms, last, "push %u", i);
		all += last = ms;
		cr_assert_eq(w.pushes, i);
		answer(-ENOSPC, 0x03000002);
	}
	cr_expect_gt(all, 20000);
	cr_expect_eq(w.ended, 1, "its peer is told");
	cr_expect_eq(w.ended_spi, 0x03000002);
	cr_expect_eq(w.logged, 1);
	cr_expect_eq(ipsecmgr.stat.data_failed, 1);
	ipsecmgr_data_del(&ipsecmgr, 0x03000002);
	pass();
	cr_expect_eq(w.in_push, 2);
	answer(0, 0);
	cr_expect(idle());
}

Test(ipsecmgr_push, what_is_taken_later_stays)
{
	answer(-ENOSPC, 0x03000002);
	pass();
	answer(0, 0);
	cr_expect(idle());
	for (unsigned i = 1; i < REFUSED_MAX; i++) { /* it begins anew */
		ipsecmgr_push_all(&ipsecmgr);
		answer(-ENOSPC, 0x03000002);
		cr_expect_eq(w.ended, 0);
		pass();
		answer(0, 0);
	}
	cr_expect_eq(w.ended, 0);
}

/* Pushes for other reasons, many at once, are no further tries. */
Test(ipsecmgr_push, what_is_refused_is_given_its_time)
{
	uint64_t ms;

	for (unsigned i = 0; i < 3 * REFUSED_MAX; i++) {
		answer(-ENOSPC, 0x03000002);
		cr_expect(ipsecmgr_push_refused(&ipsecmgr, 0x03000002));
		ipsecmgr_push_all(&ipsecmgr);
	}
	cr_assert_eq(w.ended, 0);
	answer(-ENOSPC, 0x03000002);
	ms = pass();
	cr_expect_leq(ms, 2 * AGAIN_MS);
	answer(0, 0);
	cr_expect(idle());
}

/* What the iftask of before refused is no refusal of this one's. */
Test(ipsecmgr_push, another_iftask_is_asked_as_often)
{
	uint64_t ms = 0;
	unsigned n;

	snprintf(ipsecmgr.data.addr, sizeof(ipsecmgr.data.addr), "iftask/20");
	ipsecmgr.data.bind_open = true; /* its sockets are nothing of this test */
	for (unsigned i = 1; i < REFUSED_MAX; i++) {
		answer(-ENOSPC, 0x03000002);
		pass();
	}
	answer(-EHOSTUNREACH, 0); /* it dies */
	iftask_changed(&task, "iftask/20", 2, false, &ipsecmgr);
	iftask_changed(&task, "iftask/20", 2, true, &ipsecmgr);
	ipsecmgr.data.bound = true;
	answer(-ENOSPC, 0x03000002);
	cr_assert_eq(w.ended, 0);
	for (n = w.pushes; w.pushes == n;)
		ms += pass();
	cr_expect_leq(ms, AGAIN_MS);
	answer(0, 0);
	cr_expect(idle());
	cr_expect_eq(w.ended, 0);
}

/* … also by those that wait for it while the next push is due already. */
Test(ipsecmgr_push, who_waits_for_a_push_sees_what_was_refused)
{
	ipsecmgr_push_all(&ipsecmgr);
	answer(-ENOSPC, 0x03000002);
	cr_expect(w.seen_refused);
	cr_expect_eq(w.pushes, 2);
	answer(0, 0);
	cr_expect_not(w.seen_refused);
}

/* Not even the update could be read: it is tried again less and less often, told once, and ends nothing. */
Test(ipsecmgr_push, a_push_that_is_refused_as_a_whole)
{
	uint64_t last = 0, ms;

	for (unsigned i = 0; i < 6; i++) {
		answer(-ENOMEM, 0);
		ms = pass();
		cr_expect_gt(ms, last);
		last = ms;
	}
	cr_expect_eq(w.ready, 0);
	cr_expect_eq(w.logged, 1);
	cr_expect_eq(w.ended, 0);
	answer(0, 0);
	cr_expect_eq(w.ready, 1);
	cr_expect(idle());
}

/* Who is away is asked again as ever. */
Test(ipsecmgr_push, an_iftask_that_is_away)
{
	for (unsigned i = 0; i < 6; i++) {
		w.cb(&task, w.arg, -EHOSTUNREACH, NULL);
		cr_expect_eq(pass(), RETRY_MS);
	}
	answer(0, 0);
	cr_expect(idle());
}
