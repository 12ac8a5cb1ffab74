/* SPDX-License-Identifier: MIT */
/*
 * A tunnel's session (ipsecmgr_sess.c, compiled into the test): which sessmgr is asked, what happens when one
 * is slow, gone or answers after another one was asked. The bus, the timers and the engine are played by
 * hand.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#define ike_engine_find             played_find
#define ike_engine_foreach_sa       played_foreach
#define ike_engine_address_assigned played_assigned
#define ike_engine_end              played_end
#include "tasks/ipsecmgr/ipsecmgr.h"

#include "base/log.h"
#include "session/session.h"

static void *played_malloc(size_t size);
#define malloc(size) played_malloc(size)
#include "tasks/ipsecmgr/ipsecmgr_map.c"
#include "tasks/ipsecmgr/ipsecmgr_sess.c"
#undef malloc

#define REF      0x0100000000000001ULL
#define SENT_MAX 32

struct ipsecmgr ipsecmgr;
static uv_loop_t loop; /* of which only the time of the turn is looked at */
static struct task task = {.instance = 1, .loop = &loop};

static struct {
	char dst[40];
	bool session, retry;
	char apn[32];
	uint32_t down, up; /* the call that is said to be over, to be up */
	task_reply_cb cb;
	void *arg;
} sent[SENT_MAX];
static unsigned n_sent, n_assigned, n_owners;
static struct ike_session_result assigned;
static uint32_t sa_callid;   /* of the IKE SA that is up; 0: there is none */
static uint64_t ended;       /* an IKE SA that was told to end */
static size_t no_memory_for; /* a block of so many bytes */

static void *played_malloc(size_t size)
{
	return size == no_memory_for ? NULL : malloc(size);
}

struct task_timer {
	uint64_t ms;
	task_timer_cb cb;
	void *arg;
	bool stopped;
};
static struct task_timer timers[SENT_MAX];
static unsigned n_timers;

/* --- the world around it
 * ------------------------------------------------------------------------------------------ */

struct task_timer *task_timer_start(struct task *t, uint64_t ms, uint64_t repeat_ms, task_timer_cb cb,
                                    void *arg)
{
	cr_assert_lt(n_timers, SENT_MAX);
	timers[n_timers] = (struct task_timer){ms, cb, arg, false};
	return &timers[n_timers++];
}
void task_timer_stop(struct task_timer *tm)
{
	if (tm)
		tm->stopped = true;
}
void ipsecmgr_callee_owners(struct ipsecmgr *m)
{
	n_owners++;
}
int task_foreach_peer(struct task *t, const char *facility, task_peer_cb cb, void *arg)
{
	return 0;
}
int task_request(struct task *t, const char *dst, Envelope *env, uint32_t ms, unsigned flags,
                 task_reply_cb cb, void *arg)
{
	cr_assert_lt(n_sent, SENT_MAX);
	snprintf(sent[n_sent].dst, sizeof(sent[0].dst), "%s", dst);
	sent[n_sent].session = env->body_case == ENVELOPE__BODY_SESSION_NEW;
	sent[n_sent].retry = flags & TASK_RETRY;
	if (sent[n_sent].session)
		snprintf(sent[n_sent].apn, sizeof(sent[0].apn), "%s", env->session_new->apn);
	sent[n_sent].down = env->body_case == ENVELOPE__BODY_SESSION_STATE &&
	                                    env->session_state->what == SESSION_STATE__WHAT__DOWN
	                            ? env->session_state->callid
	                            : 0;
	sent[n_sent].up = env->body_case == ENVELOPE__BODY_SESSION_STATE &&
	                                  env->session_state->what == SESSION_STATE__WHAT__UP
	                          ? env->session_state->callid
	                          : 0;
	sent[n_sent].cb = cb;
	sent[n_sent++].arg = arg;
	return 0;
}
__attribute__((noipa)) const struct ipsecmgr_policy *ipsecmgr_cfg_find(const struct ipsecmgr *m,
                                                                       const char *name)
{
	static const struct ipsecmgr_policy p;

	return &p;
}
uint32_t ipsecmgr_serve_sessions(struct task *t)
{
	return 0;
}
uint64_t ipsecmgr_engine_now(struct ipsecmgr *m)
{
	return 1;
}
bool ipsecmgr_engine_may_log(struct ipsecmgr *m)
{
	return false;
}
void ipsecmgr_engine_rearm(struct ipsecmgr *m)
{
}
void ipsecmgr_data_bind(struct ipsecmgr *m)
{
}
int played_find(const struct ike_engine *e, uint64_t spi, struct ike_sa_view *v)
{
	*v = (struct ike_sa_view){.callid = sa_callid};
	return sa_callid && spi == REF ? 0 : -ENOENT;
}
/* The IKE SA that is up was rekeyed. */
int played_foreach(const struct ike_engine *e, int (*cb)(void *arg, const struct ike_sa_view *v), void *arg)
{
	struct ike_sa_view old = {.callid = sa_callid, .spi = REF, .state = IKE_ST_DEAD},
	                   now = {.callid = sa_callid, .spi = REF + 1, .state = IKE_ST_ESTABLISHED};

	return cb(arg, &old) || cb(arg, &now);
}
int played_end(struct ike_engine *e, uint64_t now, uint64_t spi, enum ike_reason reason)
{
	ended = spi;
	return 0;
}
int played_assigned(struct ike_engine *e, uint64_t now, uint64_t ref, const struct ike_session_result *r)
{
	cr_assert_eq(ref, REF);
	assigned = *r;
	n_assigned++;
	return 0;
}

static void the_list(size_t n)
{
	static uint32_t numbers[] = {1, 2, 3};
	ManagerList l = MANAGER_LIST__INIT;

	l.instances = numbers;
	l.n_instances = n;
	take_sessmgrs(&ipsecmgr, &l);
}

static void set_up(void)
{
	ipsecmgr.t = &task;
	ipsecmgr.e = (struct ike_engine *)&ipsecmgr; /* never looked into */
	ipsecmgr.gen = 1;
	the_list(3);
}

static void tunnel(void)
{
	static const struct ike_id id;
	struct ike_session_act a = {.ref = REF, .peer_id = &id, .policy = "p"};

	ipsecmgr_sess_ask(&ipsecmgr, &a);
}

/* A sessmgr answers the k-th message with a call of its own. */
static void answer(unsigned k, uint32_t callid)
{
	Envelope env = ENVELOPE__INIT;
	SessionReply r = SESSION_REPLY__INIT;
	CkptCall row = CKPT_CALL__INIT;
	struct bus_msg m = {.env = &env};

	r.callid = callid;
	row.key = (char *)"00100001";
	row.owner = sent[k].dst;
	r.call = &row;
	env.body_case = ENVELOPE__BODY_SESSION_REPLY;
	env.session_reply = &r;
	sent[k].cb(&task, sent[k].arg, 0, &m);
}

/* A sessmgr answers the k-th message with a status. */
static void status(unsigned k, int code)
{
	Envelope env = ENVELOPE__INIT;
	Status st = STATUS__INIT;
	struct bus_msg m = {.env = &env};

	st.code = code;
	env.body_case = ENVELOPE__BODY_STATUS;
	env.status = &st;
	sent[k].cb(&task, sent[k].arg, code, &m);
}

static void lost(unsigned k)
{
	sent[k].cb(&task, sent[k].arg, -EHOSTUNREACH, NULL);
}

/* The time of every timer comes. */
static void time_passes(void)
{
	for (unsigned i = 0, n = n_timers; i < n; i++)
		if (!timers[i].stopped) {
			timers[i].stopped = true;
			timers[i].cb(&task, timers[i].arg);
		}
}

static void tear_down(void)
{
	ipsecmgr_sess_drop_all(&ipsecmgr);
	free(ipsecmgr.sessmgr);
	free(ipsecmgr.sessmgr_calls);
}

TestSuite(ipsecmgr_sess, .init = set_up, .fini = tear_down);

/* --- tests
 * ---------------------------------------------------------------------------------------------------------
 */

/* How many tunnels in a row, each in a turn of its own, a sessmgr is asked for. */
static unsigned stay(const struct ipsecmgr_session *s)
{
	uint32_t first;
	unsigned n = 1;

	ipsecmgr.sessmgr_last = 0;
	loop.time++;
	first = choose(&ipsecmgr, s);
	for (;; n++) {
		loop.time++;
		if (choose(&ipsecmgr, s) != first)
			return n;
	}
}

Test(ipsecmgr_sess, tunnels_of_one_turn_ask_one_sessmgr)
{
	static const struct ipsecmgr_session s;
	uint32_t first = choose(&ipsecmgr, &s);

	for (unsigned i = 1; i < IPSECMGR_TURN_SESSIONS; i++)
		cr_assert_eq(choose(&ipsecmgr, &s), first);
	cr_assert_neq(choose(&ipsecmgr, &s), first, "not more than that");
}

Test(ipsecmgr_sess, a_sessmgr_is_stayed_with_while_it_is_hardly_fuller)
{
	static const struct ipsecmgr_session s;

	cr_assert_eq(stay(&s), 1, "with few calls they go round");
	for (unsigned i = 0; i < 3; i++)
		ipsecmgr.sessmgr_calls[i] = 80;
	cr_assert_eq(stay(&s), 10);
	for (unsigned i = 0; i < 3; i++)
		ipsecmgr.sessmgr_calls[i] = 8000;
	cr_assert_eq(stay(&s), IPSECMGR_STAY_SESSIONS);
}

Test(ipsecmgr_sess, a_sessmgr_that_was_tried_is_not_stayed_with)
{
	struct ipsecmgr_session s = {.n_tried = 0};
	uint32_t first = choose(&ipsecmgr, &s);

	s.tried[s.n_tried++] = first;
	cr_assert_neq(choose(&ipsecmgr, &s), first);
}

Test(ipsecmgr_sess, a_dead_sessmgr_costs_one_more_question)
{
	tunnel();
	cr_assert_eq(n_sent, 1);
	lost(0);
	cr_assert_eq(n_sent, 2);
	cr_assert_str_neq(sent[1].dst, sent[0].dst);
	answer(1, 0x00200001);
	cr_assert_eq(n_assigned, 1);
	cr_assert_eq(assigned.callid, 0x00200001);
	cr_assert_str_eq(ipsecmgr_sess_row(&ipsecmgr, REF)->key, "00100001");
	time_passes();
	cr_assert_eq(n_sent, 2);
	ipsecmgr_sess_stored(&ipsecmgr, REF);
	cr_assert_null(ipsecmgr_sess_row(&ipsecmgr, REF));
}

/* A slow one took a call up as well: it must not keep it, and an address, until its set-up timer ends. */
Test(ipsecmgr_sess, the_call_of_a_late_answer_is_ended)
{
	tunnel();
	time_passes();
	cr_assert_eq(n_sent, 2, "nobody else was asked");
	answer(1, 0x00200001);
	answer(0, 0x00100001);
	cr_assert_eq(n_assigned, 1);
	cr_assert_eq(assigned.callid, 0x00200001);
	cr_assert_eq(n_sent, 3);
	cr_assert_eq(sent[2].down, 0x00100001);
	cr_assert_str_eq(sent[2].dst, "sessmgr/1");
	cr_assert(sent[2].retry);
	lost(2);
}

/* It answers before the other one does: still not the one that was asked last. */
Test(ipsecmgr_sess, a_late_answer_that_is_faster_than_the_second_one)
{
	tunnel();
	time_passes();
	answer(0, 0x00100001);
	cr_assert_eq(n_assigned, 0);
	cr_assert_eq(sent[2].down, 0x00100001);
	answer(1, 0x00200001);
	cr_assert_eq(assigned.callid, 0x00200001);
}

/* The only sessmgr is asked again and gives the same call twice: it is the one that is wanted. */
Test(ipsecmgr_sess, the_same_call_twice_is_not_ended)
{
	the_list(1);
	tunnel();
	time_passes(); /* patience: there is no other one */
	time_passes(); /* the same one again */
	cr_assert_eq(n_sent, 2);
	answer(0, 0x00100001);
	answer(1, 0x00100001);
	cr_assert_eq(assigned.callid, 0x00100001);
	cr_assert_eq(n_sent, 2, "a call in use was ended");
}

Test(ipsecmgr_sess, the_same_call_is_not_ended_when_its_tunnel_is_up)
{
	the_list(1);
	tunnel();
	time_passes();
	time_passes();
	answer(1, 0x00100001);
	sa_callid = 0x00100001;
	ipsecmgr_sess_stored(&ipsecmgr, REF);
	answer(0, 0x00100001);
	cr_assert_eq(n_sent, 2, "a call in use was ended");
}

/* The tunnel was given up, or this chassis does not serve any more. */
Test(ipsecmgr_sess, the_call_of_a_tunnel_that_is_gone_is_ended)
{
	tunnel();
	ipsecmgr_sess_drop_all(&ipsecmgr);
	ipsecmgr.gen++;
	answer(0, 0x00100001);
	cr_assert_eq(n_assigned, 0);
	cr_assert_eq(sent[1].down, 0x00100001);
}

/* Without its row in the first checkpoint the call would be lost with its sessmgr. */
Test(ipsecmgr_sess, a_call_whose_row_can_not_be_kept_is_refused)
{
	tunnel();
	no_memory_for = 1;
	answer(0, 0x00100001);
	cr_assert_eq(n_assigned, 1);
	cr_assert_neq(assigned.status, 0);
	cr_assert_eq(sent[1].down, 0x00100001);
}

/* --- tunnels that are up --- */

Test(ipsecmgr_sess, a_tunnel_ends_whose_call_is_over)
{
	sa_callid = 0x00100001;
	ipsecmgr_sess_up(&ipsecmgr, sa_callid, REF);
	cr_assert_eq(sent[0].up, 0x00100001);
	cr_assert(sent[0].retry);
	status(0, -ENOENT);
	cr_assert_eq(ended, REF + 1, "what became of the tunnel has this name now");
}

/* It is noted, the sessmgr was away all the time, or it is somebody else's answer. */
Test(ipsecmgr_sess, a_tunnel_does_not_end_for_want_of_an_answer)
{
	sa_callid = 0x00100001;
	for (unsigned i = 0; i < 5; i++)
		ipsecmgr_sess_up(&ipsecmgr, sa_callid, REF);
	status(0, 0);
	lost(1);
	sent[2].cb(&task, sent[2].arg, -ENOENT, NULL);
	status(3, -EPERM);
	ipsecmgr.gen++;
	status(4, -ENOENT);
	cr_assert_eq(ended, 0);
}

Test(ipsecmgr_sess, a_late_word_about_a_call_ends_no_other_tunnel)
{
	sa_callid = 0x00100001;
	ipsecmgr_sess_up(&ipsecmgr, sa_callid, REF);
	sa_callid = 0x00100002;
	status(0, -ENOENT);
	cr_assert_eq(ended, 0);
}

/* What the APN has comes with the call, no more than the engine takes. */
Test(ipsecmgr_sess, p_cscfs_of_the_apn)
{
	static const struct ike_id id;
	struct ike_session_act a = {.ref = REF, .peer_id = &id, .policy = "p", .apn = "ims"};
	uint8_t address[IKE_MAX_PCSCF + 1][4] = {{198, 51, 100, 1}, {198, 51, 100, 2}};
	ProtobufCBinaryData list[IKE_MAX_PCSCF + 1];
	Envelope env = ENVELOPE__INIT;
	SessionReply r = SESSION_REPLY__INIT;
	struct bus_msg m = {.env = &env};

	ipsecmgr_sess_ask(&ipsecmgr, &a);
	cr_assert_str_eq(sent[0].apn, "ims");
	for (size_t i = 0; i <= IKE_MAX_PCSCF; i++)
		list[i] = (ProtobufCBinaryData){4, address[i]};
	list[2].len = 3; /* none */
	r.callid = 0x00100001;
	r.pcscf = list;
	r.n_pcscf = IKE_MAX_PCSCF + 1;
	env.body_case = ENVELOPE__BODY_SESSION_REPLY;
	env.session_reply = &r;
	sent[0].cb(&task, sent[0].arg, 0, &m);
	cr_assert_eq(n_assigned, 1);
	cr_assert_eq(assigned.n_pcscf, IKE_MAX_PCSCF);
	cr_expect_eq(assigned.pcscf[1].bytes[3], 2);
	cr_expect_not(net_addr_is_set(&assigned.pcscf[2]));
}

/* --- the list of managers --- */

static void managers(const uint32_t *list, size_t n, const uint32_t *closed, size_t n_closed, bool known)
{
	Envelope env = ENVELOPE__INIT;
	ManagerList l = MANAGER_LIST__INIT;
	struct bus_msg msg = {.env = &env};

	l.facility = (char *)(uintptr_t) "ipsecmgr";
	l.instances = (uint32_t *)(uintptr_t)list;
	l.n_instances = n;
	l.closed = (uint32_t *)(uintptr_t)closed;
	l.n_closed = n_closed;
	l.closed_known = known;
	env.manager_list = &l;
	ipsecmgr_sess_managers(&task, &msg);
}

Test(ipsecmgr_sess, who_shares_new_peers)
{
	static const uint32_t list[] = {1, 2, 4}, closed[] = {2};

	ipsecmgr.t = &task;
	ipsecmgr.e = (struct ike_engine *)&task;
	managers(list, 3, closed, 1, true);
	cr_assert_eq(ipsecmgr.data.instances, 4);
	cr_assert(steer_is_closed(&ipsecmgr.closed, 2));
	cr_assert(ipsecmgr.ipsecmgrs_told);
	cr_assert_eq(n_owners, 1);
	managers(list, 1, NULL, 0, false);
	cr_assert_eq(ipsecmgr.data.instances, 4, "one that is being recovered is still there");
	cr_assert(steer_is_closed(&ipsecmgr.closed, 2), "a new ipsecctrl does not know yet");
	managers(list, 3, NULL, 0, true);
	cr_assert_not(steer_is_closed(&ipsecmgr.closed, 2));
	ipsecmgr.restoring = true;
	managers(list, 3, NULL, 0, true);
	cr_assert_eq(n_owners, 3);
}
