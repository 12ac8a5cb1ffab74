/* SPDX-License-Identifier: MIT */
/*
 * EAP of the tunnels' users: from ipsecmgr to our aaamgr with the group of servers that counts for its
 * context
 * (`subscriber default`, `aaa group`), and back. A conversation's state travels with its messages, so the
 * next packet may come by another sessmgr. Counts what the wsg schema has of it. Entry point:
 * sessmgr_eap_ask().
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfg/cfg.h"
#include "sessmgr.h"
#include "vpn/vpn_context.h"

#define DEFAULT_GROUP "default"

struct asked {
	struct bus_from from;
	struct counters_wsg *wsg; /* NULL: not counted */
};

static const char *group_of(const struct sessmgr *s, uint32_t ctx)
{
	const struct cfg_tree *tree = config_tree(s->t);
	const struct cfg_node *n = vpn_context_node(tree, ctx), *sub;
	const char *group = NULL;

	sub = n ? cfg_child(tree, n, "subscriber-default", NULL) : NULL;
	if (sub)
		group = cfg_get(tree, sub, "aaa-group", "group");
	return group ? group : DEFAULT_GROUP;
}

static struct counters_wsg *counters_of(const struct sessmgr *s, const EapAsk *q)
{
	char key[COUNTERS_KEY_MAX];
	int n = snprintf(key, sizeof(key), "%s/%s", sessmgr_cfg_context(s, q->ctx), q->service);

	return s->counters && n > 0 && (size_t)n < sizeof(key)
	               ? counters_add(s->counters, &counters_schema_wsg, key)
	               : NULL;
}

static void count_ask(struct counters_wsg *w, const EapAsk *q)
{
	if (!w)
		return;
	if (q->state.len)
		counter_inc(&w->total_eap_mobile_total_received);
	else
		counter_inc(&w->total_initial_requests_sent_to_eap_server);
	counter_inc(&w->total_sent_to_eap_server);
}

static void count_tell(struct counters_wsg *w, const EapTell *r)
{
	if (!w || r->what == EAP_TELL__WHAT__NO_ANSWER)
		return;
	counter_inc(&w->total_eap_server_total_received);
	if (r->what == EAP_TELL__WHAT__CHALLENGE) {
		counter_inc(&w->total_eap_server_challenge_received);
		counter_inc(&w->total_eap_server_requests_forwarded);
	} else if (r->what == EAP_TELL__WHAT__ACCEPT) {
		counter_inc(&w->total_eap_server_success_received);
	} else {
		counter_inc(&w->total_eap_server_failure_received);
	}
}

static void told(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	struct asked *a = arg;
	Envelope env = ENVELOPE__INIT;
	EapTell none = EAP_TELL__INIT;

	if (!status && m && m->env->body_case == ENVELOPE__BODY_EAP_TELL) {
		count_tell(a->wsg, m->env->eap_tell);
		env.eap_tell = m->env->eap_tell;
	} else {
		none.what = EAP_TELL__WHAT__NO_ANSWER;
		none.why = (char *)(uintptr_t) "no AAA manager answers";
		env.eap_tell = &none;
	}
	env.body_case = ENVELOPE__BODY_EAP_TELL;
	task_reply_to(t, &a->from, &env);
	free(a);
}

void sessmgr_eap_ask(struct task *t, const struct bus_msg *m)
{
	struct sessmgr *s = &sessmgr;
	EapAsk q = *m->env->eap_ask;
	struct asked *a = calloc(1, sizeof(*a));
	Envelope env = ENVELOPE__INIT;
	char addr[40];

	if (!a || !s->serving) {
		free(a);
		task_reply_status(t, m, -EHOSTUNREACH, "%s does not serve", t->addr);
		return;
	}
	a->from = task_from(m);
	a->wsg = counters_of(s, &q);
	count_ask(a->wsg, &q);
	q.group = (char *)(uintptr_t)group_of(s, q.ctx);
	env.body_case = ENVELOPE__BODY_EAP_ASK;
	env.eap_ask = &q;
	snprintf(addr, sizeof(addr), "aaamgr/%u", t->instance);
	if (task_request(t, addr, &env, SESSMGR_EAP_MS, TASK_RETRY, told, a)) {
		task_reply_status(t, m, -EHOSTUNREACH, "%s can not be asked", addr);
		free(a);
	}
}
