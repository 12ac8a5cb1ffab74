/* SPDX-License-Identifier: MIT */
/*
 * EAP of peers (chapters 1, 3, 8 and 28), passed through: ipsecmgr -> a sessmgr -> its aaamgr -> RADIUS, and
 * the answer back into the engine, which keeps what the next packet of the conversation needs. Nothing is
 * kept here but a question under way: a sessmgr that dies meanwhile is replaced by another one. Entry point:
 * ipsecmgr_eap_ask(). Called by ipsecmgr_engine.c.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define TRIES     5
#define ANSWER_MS 130000 /* longer than a sessmgr waits for its aaamgr */

/* The message as it is sent, to be sent again to another sessmgr. */
struct eap_question {
	uint64_t ref;
	uint32_t gen, sessmgr;
	unsigned tries;
	size_t len;
	uint8_t packed[];
};

static int send_question(struct ipsecmgr *m, struct eap_question *q);

static void answer(struct ipsecmgr *m, uint64_t ref, const EapTell *t)
{
	static const enum ike_eap_outcome outcome[] = {
	        [EAP_TELL__WHAT__CHALLENGE] = IKE_EAP_GO_ON,
	        [EAP_TELL__WHAT__ACCEPT] = IKE_EAP_SUCCESS,
	        [EAP_TELL__WHAT__REJECT] = IKE_EAP_FAILURE,
	        [EAP_TELL__WHAT__NO_ANSWER] = IKE_EAP_NO_ANSWER,
	};
	struct ike_eap_result r = {.outcome = IKE_EAP_NO_ANSWER};

	if ((size_t)t->what < sizeof(outcome) / sizeof(outcome[0]))
		r.outcome = outcome[t->what];
	r.pkt = t->eap.data;
	r.len = t->eap.len;
	r.msk = t->msk.data;
	r.msk_len = t->msk.len;
	r.state = t->state.data;
	r.state_len = t->state.len;
	r.user = t->user.data;
	r.user_len = t->user.len;
	if (t->why && t->why[0])
		r.why = t->why;
	ike_engine_eap_answer(m->e, ipsecmgr_engine_now(m), ref, &r);
	ipsecmgr_engine_rearm(m);
}

static void answer_nothing(struct ipsecmgr *m, uint64_t ref, const char *why)
{
	EapTell t = EAP_TELL__INIT;

	t.what = EAP_TELL__WHAT__NO_ANSWER;
	t.why = (char *)(uintptr_t)why;
	answer(m, ref, &t);
}

static void answered(struct task *t, void *arg, int status, const struct bus_msg *msg)
{
	struct ipsecmgr *m = &ipsecmgr;
	struct eap_question *q = arg;

	(void)t;
	if (m->e && q->gen == m->gen) {
		if (!status && msg && msg->env->body_case == ENVELOPE__BODY_EAP_TELL)
			answer(m, q->ref, msg->env->eap_tell);
		else if (q->tries < TRIES && !send_question(m, q))
			return;
		else
			answer_nothing(m, q->ref, "no session manager answers");
	}
	free(q);
}

/* To a sessmgr that was not asked just now. 0 or -errno. */
static int send_question(struct ipsecmgr *m, struct eap_question *q)
{
	EapAsk *e = eap_ask__unpack(NULL, q->len, q->packed);
	Envelope env = ENVELOPE__INIT;
	char addr[40];
	int err = e ? 0 : -ENOMEM;

	q->tries++;
	q->sessmgr = ipsecmgr_sess_choose(m, q->sessmgr);
	if (!q->sessmgr)
		q->sessmgr = ipsecmgr_sess_choose(m, 0); /* there is but one */
	if (!q->sessmgr)
		err = -EHOSTUNREACH;
	if (!err) {
		env.body_case = ENVELOPE__BODY_EAP_ASK;
		env.eap_ask = e;
		snprintf(addr, sizeof(addr), "sessmgr/%u", q->sessmgr);
		/* where there is no other one, its successor is waited for */
		err = task_request(m->t, addr, &env, ANSWER_MS, q->tries > 1 ? TASK_RETRY : 0, answered, q);
	}
	if (e)
		eap_ask__free_unpacked(e, NULL);
	return err;
}

static struct eap_question *question(const struct ipsecmgr *m, const struct ike_eap_act *a,
                                     const struct ipsecmgr_policy *p)
{
	EapAsk e = EAP_ASK__INIT;
	struct eap_question *q;
	size_t len;

	e.ctx = p->ctx;
	e.service = (char *)(uintptr_t)p->service;
	e.eap = (ProtobufCBinaryData){a->len, (uint8_t *)(uintptr_t)a->pkt};
	e.state = (ProtobufCBinaryData){a->state_len, (uint8_t *)(uintptr_t)a->state};
	e.peer_addr = (ProtobufCBinaryData){net_addr_len(&a->path.remote.addr),
	                                    (uint8_t *)(uintptr_t)a->path.remote.addr.bytes};
	e.imei = (char *)(uintptr_t)a->device.digits;
	len = eap_ask__get_packed_size(&e);
	q = calloc(1, sizeof(*q) + len);
	if (!q)
		return NULL;
	q->ref = a->ref;
	q->gen = m->gen;
	q->len = eap_ask__pack(&e, q->packed);
	return q;
}

void ipsecmgr_eap_ask(struct ipsecmgr *m, const struct ike_eap_act *a)
{
	const struct ipsecmgr_policy *p = ipsecmgr_cfg_find(m, a->policy);
	struct eap_question *q = p ? question(m, a, p) : NULL;

	if (q && !send_question(m, q))
		return;
	answer_nothing(m, a->ref, q ? "there is no session manager" : "no memory");
	free(q);
}
