/* SPDX-License-Identifier: MIT */
/*
 * Crypto maps between two engines (IPSec Reference, chapters 1, 3, 6 and 11): the policy of two addresses, a
 * child SA for each rule of the access lists, asked for by either side, narrowed to one rule, and kept over a
 * restart.
 */
#include <criterion/criterion.h>

#include "ike_world.h"

static struct world *w;

static struct ike_ts net(const char *lo, const char *hi)
{
	struct ike_ts t = {.port_hi = 65535};

	cr_assert_eq(net_addr_parse(&t.lo, lo), 0);
	cr_assert_eq(net_addr_parse(&t.hi, hi), 0);
	return t;
}

/* Three rules as payloads, mirrored at the other side. */
static void rules(struct ike_policy *p, bool mirror)
{
	char lo[2][20], hi[2][20];

	for (unsigned i = 0; i < 3; i++) {
		struct ike_payload *y = &p->payload[i];

		for (unsigned k = 0; k < 2; k++) {
			snprintf(lo[k], sizeof(lo[k]), "172.%u.%u.0", 16 + k, i);
			snprintf(hi[k], sizeof(hi[k]), "172.%u.%u.255", 16 + k, i);
		}
		if (i)
			*y = p->payload[0];
		snprintf(y->name, sizeof(y->name), "rule%u", i);
		y->ts_local[0] = net(lo[mirror], hi[mirror]);
		y->ts_remote[0] = net(lo[!mirror], hi[!mirror]);
		y->n_ts_local = y->n_ts_remote = 1;
		y->max_children = 1;
	}
	p->n_payload = 3;
	p->max_childsa = 3;
}

static void setup(void)
{
	w = w_new();
	for (int i = 0; i < 2; i++) {
		rules(&w->n[i].policy, i);
		net_addr_parse(&w->n[i].policy.peer, i ? "10.0.0.1" : "10.0.0.2");
	}
}

static void teardown(void)
{
	w_free(w);
}

TestSuite(ike_map, .init = setup, .fini = teardown, .timeout = 60);

/* Set up for the traffic of one rule. */
static uint64_t begin(unsigned rule)
{
	struct ike_initiate i = {.policy = "tmpl", .path = w_path(500), .payload = rule};
	uint64_t spi;

	cr_assert_eq(ike_engine_initiate(w->n[1].e, w->now, &i, &spi), 0);
	return spi;
}

static unsigned with_remote(const struct w_node *n, const char *lo)
{
	struct net_addr a;
	unsigned count = 0;

	net_addr_parse(&a, lo);
	for (unsigned i = 0; i < W_CHILDREN; i++)
		count += n->child[i].live && net_addr_equal(&n->child[i].tsr.lo, &a);
	return count;
}

/* The rule that has traffic comes first; the initiator asks for the others. */
Test(ike_map, a_child_for_each_rule)
{
	uint64_t spi;

	w_boot(w);
	spi = begin(1);
	for (unsigned i = 0; i < 100 && !w_children(&w->n[0]); i++)
		w_run(w, 500);
	cr_expect_eq(with_remote(&w->n[0], "172.17.1.0"), 1, "the second rule's");
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 3);
	for (unsigned i = 0; i < 3; i++) {
		char lo[20];

		snprintf(lo, sizeof(lo), "172.16.%u.0", i);
		cr_expect_eq(with_remote(&w->n[1], lo), 1, "rule %u", i);
		cr_expect_eq(ike_engine_need_child(w->n[1].e, w->now, spi, i), -EALREADY);
	}
	cr_expect_eq(ike_engine_need_child(w->n[1].e, w->now, spi, 3), -ERANGE);
}

Test(ike_map, there_is_no_such_rule)
{
	struct ike_initiate i = {.policy = "tmpl", .path = w_path(500), .payload = 3};

	w_boot(w);
	cr_expect_eq(ike_engine_initiate(w->n[1].e, w->now, &i, NULL), -ERANGE);
}

/* A child that went is asked for again, once. */
Test(ike_map, a_child_that_is_needed_is_asked_for_once)
{
	uint64_t spi;

	w_boot(w);
	spi = begin(0);
	w_run(w, W_US);
	for (unsigned i = 0; i < W_CHILDREN; i++)
		if (w->n[1].child[i].live && w->n[1].child[i].tsr.lo.bytes[2] == 2)
			ike_engine_delete_child(w->n[1].e, w->now, w->n[1].child[i].in);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 2);
	cr_assert_eq(ike_engine_need_child(w->n[1].e, w->now, spi, 2), 0);
	cr_assert_eq(ike_engine_need_child(w->n[1].e, w->now, spi, 2), -EALREADY);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 3);
	cr_expect_eq(with_remote(&w->n[1], "172.16.2.0"), 1);
}

/* Networks of two rules do not make a third one. */
Test(ike_map, rules_are_not_mixed)
{
	struct ike_ts local = net("172.17.0.0", "172.17.0.255"), remote = net("172.16.1.0", "172.16.1.255");
	struct ike_initiate i = {.policy = "tmpl",
	                         .path = w_path(500),
	                         .ts_local = &local,
	                         .n_ts_local = 1,
	                         .ts_remote = &remote,
	                         .n_ts_remote = 1};

	w_boot(w);
	cr_assert_eq(ike_engine_initiate(w->n[1].e, w->now, &i, NULL), 0);
	w_run(w, W_US);
	cr_expect_eq(w_children(&w->n[0]), 0);
	cr_expect_eq(w_children(&w->n[1]), 0);
}

Test(ike_map, another_peer_has_no_map)
{
	net_addr_parse(&w->n[0].policy.peer, "10.0.0.3");
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_expect_eq(w->sent[0], 0);
	cr_expect_geq(w->n[0].cnt.initfail, 1);
}

/* The map of a peer counts before a policy of the same address for any peer, whichever came first. */
Test(ike_map, the_peer_counts_first)
{
	struct ike_policy any = w->n[0].policy;
	struct ike_sa_view v;

	any.peer = (struct net_addr){0};
	snprintf(any.name, sizeof(any.name), "any");
	w_boot(w);
	ike_engine_policy_remove(w->n[0].e, "tmpl");
	cr_assert_eq(ike_engine_policy_put(w->n[0].e, &any), 0);
	cr_assert_eq(ike_engine_policy_put(w->n[0].e, &w->n[0].policy), 0);
	begin(0);
	w_run(w, W_US);
	cr_assert(w_sa(&w->n[0], &v));
	cr_expect_str_eq(v.policy, "tmpl");
}

/* All children come back, and no rule is thought to be without one. */
Test(ike_map, a_restart_keeps_every_child)
{
	uint64_t spi;

	w_boot(w);
	spi = begin(1);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 3);
	w_kill(&w->n[1]);
	w_restore(&w->n[1]);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 3);
	for (unsigned i = 0; i < 3; i++)
		cr_expect_eq(ike_engine_need_child(w->n[1].e, w->now, spi, i), -EALREADY);
}

/* What is up goes on by the policy it was set up with, and says so. */
Test(ike_map, a_policy_that_was_replaced_is_outdated)
{
	struct ike_sa_view v;

	w_boot(w);
	begin(0);
	w_run(w, W_US);
	cr_assert(w_sa(&w->n[1], &v));
	cr_expect_not(v.outdated);
	ike_engine_policy_remove(w->n[1].e, "tmpl");
	cr_assert_eq(ike_engine_policy_put(w->n[1].e, &w->n[1].policy), 0);
	cr_assert(w_sa(&w->n[1], &v));
	cr_expect(v.outdated);
	w_run(w, 10 * W_US);
	cr_expect_eq(w_matched(w), 3);
}
