/* SPDX-License-Identifier: MIT */
/*
 * Duplicate sessions (chapter 25, its five figures): two managers, each with a real engine and a real peer of
 * the same identity; what one publishes the other one hears. ipsecmgr_dup.c is compiled into the test.
 */
#include <criterion/criterion.h>

#include "ike_world.h"
#include "tasks/ipsecmgr/ipsecmgr_dup.c"

struct ipsecmgr ipsecmgr;

static struct manager {
	struct world *w;
	struct task t;
	struct ipsecmgr m;
} a, b;
static struct ipsecmgr_policy policy;
static uint8_t sent[4][65536];
static size_t sent_len[4];
static unsigned n_sent;

/* --- the rest of ipsecmgr */

uint64_t ipsecmgr_engine_now(struct ipsecmgr *m)
{
	return m == &a.m || m->e == a.m.e ? a.w->now : b.w->now;
}
void ipsecmgr_engine_rearm(struct ipsecmgr *m)
{
}
const struct ipsecmgr_policy *ipsecmgr_cfg_find(const struct ipsecmgr *m, const char *name)
{
	return strcmp(name, "tmpl") ? NULL : &policy;
}
int task_publish(struct task *t, const char *topic, Envelope *env)
{
	cr_assert_str_eq(topic, "duplicates");
	cr_assert_lt(n_sent, 4);
	sent_len[n_sent] = envelope__pack(env, sent[n_sent]);
	n_sent++;
	return 0;
}

/* What was published so far reaches this manager. */
static void hear(struct manager *x)
{
	unsigned n = n_sent;
	uint8_t copy[65536];

	for (unsigned i = 0; i < n; i++) {
		Envelope *env;
		struct bus_msg msg = {.topic = "duplicates"};

		memcpy(copy, sent[i], sent_len[i]);
		env = envelope__unpack(NULL, sent_len[i], copy);
		msg.env = env;
		ipsecmgr = x->m;
		ipsecmgr_dup_heard(&x->t, &msg);
		envelope__free_unpacked(env, NULL);
	}
}

/* Answers that came meanwhile alone. */
static void forget(unsigned n)
{
	memmove(sent[0], sent[n], sizeof(sent[0]) * (n_sent - n));
	memmove(sent_len, sent_len + n, sizeof(sent_len[0]) * (n_sent - n));
	n_sent -= n;
}

static void start(struct manager *x, uint8_t instance)
{
	x->w = w_new();
	x->w->n[0].cfg.instance = instance;
	w_boot(x->w);
	x->t.instance = instance;
	x->m.t = &x->t;
	x->m.e = x->w->n[0].e;
}

static void setup(void)
{
	policy.one_session = true;
	start(&a, 7);
	start(&b, 9);
}

static void teardown(void)
{
	w_free(a.w);
	w_free(b.w);
}

TestSuite(ipsecmgr_dup, .init = setup, .fini = teardown, .timeout = 60);

/* A tunnel to this manager; both clocks go on. What its manager does when it is up. */
static void bring_up(struct manager *x)
{
	struct w_node *n = &x->w->n[0];
	unsigned ups = n->events[IKE_EV_UP];

	w_initiate(x->w);
	w_run(a.w, W_US);
	w_run(b.w, W_US);
	if (n->events[IKE_EV_UP] != ups)
		ipsecmgr_dup_up(&x->m, &n->last[IKE_EV_UP]);
	w_run(a.w, W_US);
	w_run(b.w, W_US);
}

static unsigned tunnels(struct manager *x)
{
	return w_established(&x->w->n[0]);
}

/* Figure 27 */
Test(ipsecmgr_dup, none_found)
{
	bring_up(&a);
	hear(&b);
	cr_assert_eq(tunnels(&a), 1);
	cr_assert_eq(n_sent, 1);
}

/* Figure 28 */
Test(ipsecmgr_dup, in_the_same_manager)
{
	struct ike_sa_view v;

	bring_up(&a);
	bring_up(&a);
	cr_assert_eq(tunnels(&a), 1);
	cr_assert(w_sa(&a.w->n[0], &v));
	cr_assert_eq(v.spi, a.w->n[0].last[IKE_EV_UP].spi);
	cr_assert_eq(a.w->n[0].last[IKE_EV_DOWN].reason, IKE_R_DUPLICATE);
	cr_assert_eq(a.w->n[1].last[IKE_EV_DOWN].reason, IKE_R_PEER_DELETE);
}

/* Figure 29 */
Test(ipsecmgr_dup, in_another_manager)
{
	bring_up(&a);
	forget(1);
	bring_up(&b);
	hear(&a);
	w_run(a.w, W_US);
	cr_assert_eq(tunnels(&a), 0);
	cr_assert_eq(a.w->n[0].last[IKE_EV_DOWN].reason, IKE_R_DUPLICATE);
	cr_assert_eq(tunnels(&b), 1);
	cr_assert_eq(n_sent, 1); /* nothing to answer */
}

/* … in the same microsecond: one of the two stays, and both managers agree which. */
Test(ipsecmgr_dup, at_the_same_time_in_two_managers)
{
	struct ike_sa_view v[2];

	w_initiate(a.w);
	w_initiate(b.w);
	w_run(a.w, W_US);
	w_run(b.w, W_US);
	cr_assert(w_sa(&a.w->n[0], &v[0]) && w_sa(&b.w->n[0], &v[1]));
	cr_assert_eq(v[0].up_us, v[1].up_us);
	ipsecmgr_dup_up(&a.m, &a.w->n[0].last[IKE_EV_UP]);
	ipsecmgr_dup_up(&b.m, &b.w->n[0].last[IKE_EV_UP]);
	hear(&a);
	hear(&b);
	w_run(a.w, W_US);
	w_run(b.w, W_US);
	cr_assert_eq(tunnels(&a) + tunnels(&b), 1, "%u and %u", tunnels(&a), tunnels(&b));
}

/* Figure 30: the gateway began; the peer is whom it called itself in IDr. */
Test(ipsecmgr_dup, the_gateway_is_the_initiator)
{
	struct manager gw = {.w = a.w, .t = {.instance = 200}};
	struct w_node *n = &a.w->n[1];

	gw.m = (struct ipsecmgr){.t = &gw.t, .e = n->e};
	a.m.e = n->e; /* for the clock */
	w_initiate(a.w);
	w_run(a.w, W_US);
	ipsecmgr_dup_up(&gw.m, &n->last[IKE_EV_UP]);
	w_initiate(a.w);
	w_run(a.w, W_US);
	cr_assert_eq(w_established(n), 2);
	ipsecmgr_dup_up(&gw.m, &n->last[IKE_EV_UP]);
	w_run(a.w, W_US);
	cr_assert_eq(w_established(n), 1);
	cr_assert_eq(n->last[IKE_EV_DOWN].reason, IKE_R_DUPLICATE);
}

/* Figure 31: the second one does not come to be, and the first one stays. */
Test(ipsecmgr_dup, the_new_one_fails)
{
	bring_up(&a);
	forget(1);
	b.w->n[0].policy.ask_session = true;
	b.w->n[0].result.status = -ENOSPC;
	b.w->n[0].result.status = -EACCES;
	ike_engine_policy_put(b.w->n[0].e, &b.w->n[0].policy);
	bring_up(&b);
	hear(&a);
	w_run(a.w, W_US);
	cr_assert_eq(tunnels(&a), 1);
	cr_assert_eq(n_sent, 0);
}

/* … or the manager of the old one is away when it should hear: its recovery finds out. */
Test(ipsecmgr_dup, found_after_a_recovery)
{
	bring_up(&a);
	bring_up(&b);
	cr_assert_eq(tunnels(&a), 1);
	n_sent = 0;
	w_kill(&a.w->n[0]);
	w_restore(&a.w->n[0]);
	a.m.e = a.w->n[0].e;
	ipsecmgr_dup_audit(&a.m);
	cr_assert_eq(n_sent, 1);
	hear(&b);
	cr_assert_eq(tunnels(&b), 1);
	cr_assert_eq(n_sent, 2);
	forget(1);
	hear(&a);
	w_run(a.w, W_US);
	cr_assert_eq(tunnels(&a), 0);
	cr_assert_eq(tunnels(&b), 1);
}

Test(ipsecmgr_dup, other_services_and_other_peers_are_left_alone)
{
	policy.one_session = false;
	bring_up(&a);
	bring_up(&a);
	cr_assert_eq(tunnels(&a), 2);
	ipsecmgr_dup_audit(&a.m);
	cr_assert_eq(n_sent, 0);
	policy.one_session = true;
	ike_id_parse(&b.w->n[1].policy.local_id, "other@example.net");
	ike_engine_policy_put(b.w->n[1].e, &b.w->n[1].policy);
	bring_up(&b);
	hear(&a);
	w_run(a.w, W_US);
	cr_assert_eq(tunnels(&a), 2);
}
