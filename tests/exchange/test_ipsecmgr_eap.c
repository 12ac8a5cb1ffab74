/* SPDX-License-Identifier: MIT */
/*
 * EAP on its way to a server (ipsecmgr_eap.c, compiled into the test): what the question says, who is asked
 * next when a sessmgr is gone, what the engine is told of each answer, and answers for an engine that is
 * gone. The bus and the engine are played by hand.
 */
#include <criterion/criterion.h>
#include <errno.h>

#define ike_engine_eap_answer played_answer
#include "tasks/ipsecmgr/ipsecmgr_eap.c"

#define REF      0x0100000000000001ULL
#define SENT_MAX 16

struct ipsecmgr ipsecmgr;
static struct task task = {.instance = 1};
static uint32_t managers[8] = {4, 5, 6};
static unsigned n_managers = 3, n_sent, n_told, refuse_to_send;
static bool no_policy;

static struct {
	char dst[40];
	unsigned flags;
	task_reply_cb cb;
	void *arg;
	EapAsk *e;
} sent[SENT_MAX];

static struct {
	enum ike_eap_outcome outcome;
	uint8_t pkt[16], msk[64], state[16];
	size_t len, msk_len, state_len;
	char why[80];
} told;

/* --- the world around it
 * ------------------------------------------------------------------------------------------ */

int task_request(struct task *t, const char *dst, Envelope *env, uint32_t ms, unsigned flags,
                 task_reply_cb cb, void *arg)
{
	size_t len = eap_ask__get_packed_size(env->eap_ask);
	uint8_t *packed = malloc(len);

	cr_assert_lt(n_sent, SENT_MAX);
	if (refuse_to_send) {
		free(packed);
		return -EAGAIN;
	}
	eap_ask__pack(env->eap_ask, packed);
	sent[n_sent].e = eap_ask__unpack(NULL, len, packed);
	free(packed);
	snprintf(sent[n_sent].dst, sizeof(sent[0].dst), "%s", dst);
	sent[n_sent].flags = flags;
	sent[n_sent].cb = cb;
	sent[n_sent++].arg = arg;
	return 0;
}
uint32_t ipsecmgr_sess_choose(struct ipsecmgr *m, uint32_t but)
{
	for (unsigned i = 0; i < n_managers; i++)
		if (managers[i] != but)
			return managers[i];
	return 0;
}
__attribute__((noipa)) const struct ipsecmgr_policy *ipsecmgr_cfg_find(const struct ipsecmgr *m,
                                                                       const char *name)
{
	static const struct ipsecmgr_policy p = {.ctx = 7, .service = "wsg1"};

	return no_policy ? NULL : &p;
}
uint64_t ipsecmgr_engine_now(struct ipsecmgr *m)
{
	return 1;
}
void ipsecmgr_engine_rearm(struct ipsecmgr *m)
{
}
int played_answer(struct ike_engine *e, uint64_t now, uint64_t ref, const struct ike_eap_result *r)
{
	cr_assert_eq(ref, REF);
	n_told++;
	told.outcome = r->outcome;
	told.len = r->len;
	told.msk_len = r->msk_len;
	told.state_len = r->state_len;
	if (r->len)
		memcpy(told.pkt, r->pkt, r->len);
	if (r->state_len)
		memcpy(told.state, r->state, r->state_len);
	snprintf(told.why, sizeof(told.why), "%s", r->why ? r->why : "");
	return 0;
}

static void set_up(void)
{
	ipsecmgr.t = &task;
	ipsecmgr.e = (struct ike_engine *)&ipsecmgr; /* never looked into */
	ipsecmgr.gen = 1;
}

static void tear_down(void)
{
	for (unsigned i = 0; i < n_sent; i++)
		eap_ask__free_unpacked(sent[i].e, NULL);
}

TestSuite(ipsecmgr_eap, .init = set_up, .fini = tear_down, .timeout = 30);

static void ask(void)
{
	static const uint8_t pkt[] = {2, 1, 0, 6, 1, 'a'}, state[] = {9, 8, 7};
	struct ike_eap_act a = {.ref = REF,
	                        .pkt = pkt,
	                        .len = sizeof(pkt),
	                        .state = state,
	                        .state_len = sizeof(state),
	                        .policy = "p",
	                        .device = {IKE_DEVICE_IMEI, "352099001761481"}};

	net_addr_parse(&a.path.remote.addr, "198.51.100.7");
	ipsecmgr_eap_ask(&ipsecmgr, &a);
}

static void answer_last(int status, EapTell *t)
{
	Envelope env = ENVELOPE__INIT;
	struct bus_msg m = {.env = &env};

	env.body_case = ENVELOPE__BODY_EAP_TELL;
	env.eap_tell = t;
	sent[n_sent - 1].cb(&task, sent[n_sent - 1].arg, status, t ? &m : NULL);
}

Test(ipsecmgr_eap, question_and_answers)
{
	static const struct {
		EapTell__What what;
		enum ike_eap_outcome outcome;
	} row[] = {{EAP_TELL__WHAT__CHALLENGE, IKE_EAP_GO_ON},
	           {EAP_TELL__WHAT__ACCEPT, IKE_EAP_SUCCESS},
	           {EAP_TELL__WHAT__REJECT, IKE_EAP_FAILURE},
	           {EAP_TELL__WHAT__NO_ANSWER, IKE_EAP_NO_ANSWER},
	           {(EapTell__What)99, IKE_EAP_NO_ANSWER}};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		uint8_t pkt[] = {1, 2, 0, 5, 4}, state[] = {5, 5}, msk[64] = {1};
		EapTell t = EAP_TELL__INIT;

		ask();
		cr_assert_str_eq(sent[i].dst, "sessmgr/4");
		cr_expect_eq(sent[i].flags, 0);
		cr_expect_eq(sent[i].e->ctx, 7);
		cr_expect_str_eq(sent[i].e->service, "wsg1");
		cr_expect_str_eq(sent[i].e->imei, "352099001761481");
		cr_expect_eq(sent[i].e->eap.len, 6);
		cr_expect_eq(sent[i].e->state.len, 3);
		cr_expect_eq(sent[i].e->peer_addr.len, 4);
		t.what = row[i].what;
		t.eap = (ProtobufCBinaryData){sizeof(pkt), pkt};
		t.state = (ProtobufCBinaryData){sizeof(state), state};
		t.msk = (ProtobufCBinaryData){sizeof(msk), msk};
		t.why = (char *)"because";
		answer_last(0, &t);
		cr_assert_eq(n_told, i + 1);
		cr_expect_eq(told.outcome, row[i].outcome);
		cr_expect_eq(told.len, 5);
		cr_expect_eq(told.msk_len, 64);
		cr_expect_eq(told.state_len, 2);
		cr_expect_str_eq(told.why, "because");
	}
}

/* A sessmgr dies with the question: the next one, then, where there is none other, its successor. */
Test(ipsecmgr_eap, a_sessmgr_that_is_gone)
{
	EapTell t = EAP_TELL__INIT;

	ask();
	answer_last(-EHOSTUNREACH, NULL);
	cr_assert_eq(n_sent, 2);
	cr_expect_str_eq(sent[1].dst, "sessmgr/5");
	cr_expect_eq(sent[1].flags, TASK_RETRY);
	cr_expect_eq(sent[1].e->eap.len, 6, "the same question");
	n_managers = 2; /* 4 and 5 */
	managers[0] = 5;
	managers[1] = 5;
	answer_last(-EHOSTUNREACH, NULL);
	cr_expect_str_eq(sent[2].dst, "sessmgr/5");
	answer_last(0, &t);
	cr_expect_eq(n_told, 1);
	cr_expect_eq(told.outcome, IKE_EAP_GO_ON);
}

Test(ipsecmgr_eap, all_are_gone)
{
	ask();
	for (int i = 1; i < TRIES; i++) {
		cr_expect_eq(n_told, 0);
		answer_last(-EHOSTUNREACH, NULL);
	}
	cr_assert_eq(n_sent, TRIES);
	answer_last(-EHOSTUNREACH, NULL);
	cr_assert_eq(n_told, 1);
	cr_expect_eq(told.outcome, IKE_EAP_NO_ANSWER);
	cr_expect_str_eq(told.why, "no session manager answers");
}

Test(ipsecmgr_eap, nobody_to_ask)
{
	n_managers = 0;
	ask();
	cr_expect_eq(n_told, 1);
	cr_expect_str_eq(told.why, "there is no session manager");
	no_policy = true;
	ask();
	cr_expect_eq(n_told, 2);
	cr_expect_eq(told.outcome, IKE_EAP_NO_ANSWER);
	no_policy = false;
	n_managers = 3;
	refuse_to_send = 1;
	ask();
	cr_expect_eq(n_told, 3);
}

/* The engine that asked is not there any more. */
Test(ipsecmgr_eap, late_answers)
{
	EapTell t = EAP_TELL__INIT;

	ask();
	ipsecmgr.gen++;
	answer_last(0, &t);
	ask();
	ipsecmgr.e = NULL;
	answer_last(-EHOSTUNREACH, NULL);
	cr_expect_eq(n_told, 0);
	cr_expect_eq(n_sent, 2);
}
