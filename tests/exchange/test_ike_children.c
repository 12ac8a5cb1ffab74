/* SPDX-License-Identifier: MIT */
/*
 * Several payloads and several children (chapters 8, 11 and 15 of the reference): which payload a child falls
 * into, who asks for the further ones, both limits, narrowing, and what a rekey may change.
 */
#include <criterion/criterion.h>

#include "ike/ike_payload.h"
#include "ike/ike_ts.h"
#include "ike_world.h"

static struct world *w;

static void setup(void)
{
	w = w_new();
}

static void teardown(void)
{
	w_free(w);
}

TestSuite(ike_children, .init = setup, .fini = teardown, .timeout = 120);

static struct ike_ts range(const char *lo, const char *hi)
{
	struct ike_ts t = {.port_hi = 65535};

	cr_assert(!net_addr_parse(&t.lo, lo) && !net_addr_parse(&t.hi, hi));
	return t;
}

/* Payload i of a node: its own side (the responder's TSr) is 10.<i>.0.0/16. */
static void payloads(int who, unsigned n)
{
	struct ike_policy *p = &w->n[who].policy;

	for (unsigned i = 0; i < n; i++) {
		char lo[32], hi[32];
		struct ike_payload *y = &p->payload[i];

		*y = p->payload[0];
		snprintf(y->name, sizeof(y->name), "p%u", i);
		snprintf(lo, sizeof(lo), "10.%u.0.0", i);
		snprintf(hi, sizeof(hi), "10.%u.255.255", i);
		*(who ? &y->ts_remote[0] : &y->ts_local[0]) = range(lo, hi);
		*(who ? &y->n_ts_remote : &y->n_ts_local) = 1;
		y->max_children = 1;
	}
	p->n_payload = n;
	p->max_childsa = 5;
}

static void up(void)
{
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
}

static uint64_t spi_of(int who)
{
	struct ike_sa_view v;

	cr_assert(w_sa(&w->n[who], &v));
	return v.spi;
}

/* The live children of a payload, and the first one's inbound SPI. */
static unsigned of_payload(int who, const char *name, uint32_t *spi)
{
	struct ike_sa_view v;
	struct ike_child_view c;
	unsigned n = 0;

	cr_assert(w_sa(&w->n[who], &v));
	for (unsigned i = 0; i < v.n_children; i++) {
		cr_assert_eq(ike_engine_child_view(w->n[who].e, v.spi, i, &c), 0);
		if (strcmp(c.sa.child_name, name) != 0)
			continue;
		if (spi && !n)
			*spi = c.sa.spi_in;
		n++;
	}
	return n;
}

Test(ike_children, initiator_asks_for_a_child_of_each_payload)
{
	payloads(0, 5);
	payloads(1, 5);
	up();
	cr_assert_eq(w_matched(w), 5);
	for (unsigned i = 0; i < 5; i++) {
		char name[8], want[32];

		snprintf(name, sizeof(name), "p%u", i);
		snprintf(want, sizeof(want), "10.%u.0.0", i);
		cr_assert_eq(of_payload(0, name, NULL), 1, "%s", name);
		cr_assert_eq(of_payload(1, name, NULL), 1, "%s", name);
	}
	w_run(w, 10 * W_US);
	cr_assert_eq(w_matched(w), 5, "and nobody asks for more");
	cr_assert_eq(w->n[0].cnt.csa_createreqsnt, 0, "the peer was first");
}

Test(ike_children, gateway_asks_where_the_peer_does_not)
{
	payloads(0, 4);
	w->n[1].policy.payload[0].n_ts_remote =
	        0; /* a peer that takes anything, and asks for one child only */
	up();
	cr_assert_eq(w_matched(w), 1, "the peer comes first");
	w_run(w, 5 * W_US);
	cr_assert_eq(w_matched(w), 4);
	cr_assert_eq(w->n[0].cnt.csa_createreqsnt, 3);
	for (unsigned i = 0; i < 4; i++) {
		char name[8];

		snprintf(name, sizeof(name), "p%u", i);
		cr_assert_eq(of_payload(0, name, NULL), 1, "%s", name);
	}
	w_run(w, 100 * W_US);
	cr_assert_eq(w->n[0].cnt.csa_createreqsnt, 3, "asked once");
}

Test(ike_children, gateway_asks_up_to_its_soft_limit)
{
	payloads(0, 5);
	w->n[0].policy.max_childsa = 2;
	w->n[1].policy.payload[0].n_ts_remote = 0;
	up();
	w_run(w, 5 * W_US);
	cr_assert_eq(w_matched(w), 2);
	cr_assert_eq(w->n[0].cnt.csa_createsftovrflw, 0);
}

Test(ike_children, payloads_without_selectors_are_the_peers_affair)
{
	payloads(0, 2);
	w->n[0].policy.payload[1].n_ts_local = 0;
	up();
	w_run(w, 5 * W_US);
	cr_assert_eq(w_matched(w), 1);
}

Test(ike_children, a_refusal_is_final)
{
	payloads(0, 2);
	payloads(1, 1); /* takes nothing of the second payload */
	w->n[1].policy.payload[0].ts_local[0] = range("10.0.0.0", "10.0.255.255");
	up();
	w_run(w, 100 * W_US);
	cr_assert_eq(w_matched(w), 1);
	cr_assert_eq(w->n[0].events[IKE_EV_CHILD_FAILED], 1);
	cr_assert_eq(w_established(&w->n[0]), 1);
}

/* Both ask for the second child at the same moment: one of the two has to go, and the same one at both ends.
 */
Test(ike_children, both_ask_for_the_same_child)
{
	for (unsigned late = 0; late < 16; late++) {
		w_free(w);
		w = w_new();
		payloads(0, 2);
		up();
		w_run(w, W_US - 10000); /* the gateway is about to ask */
		cr_assert_eq(w_children(&w->n[0]), 1);
		w_run(w, 8000 + late * 500);
		w->n[1].policy.payload[0].ts_remote[0] = range("10.1.0.0", "10.1.255.255");
		w->n[1].policy.payload[0].n_ts_remote = 1;
		ike_engine_policy_put(w->n[1].e, &w->n[1].policy);
		ike_engine_new_child(w->n[1].e, w->now, spi_of(1));
		w_run(w, 10 * W_US);
		cr_assert_eq(w_children(&w->n[0]), 2, "late %u: %u", late, w_children(&w->n[0]));
		cr_assert_eq(w_matched(w), 2, "late %u", late);
		cr_assert_eq(of_payload(0, "p1", NULL), 1);
	}
}

Test(ike_children, soft_limit_is_only_counted)
{
	w->n[0].policy.max_childsa = 2;
	up();
	for (unsigned i = 2; i <= 5; i++) {
		cr_assert_eq(ike_engine_new_child(w->n[1].e, w->now, spi_of(1)), 0);
		w_run(w, W_US);
		cr_assert_eq(w_matched(w), i);
	}
	cr_assert_eq(w->n[0].cnt.csa_createsftovrflw, 3);
	cr_assert_eq(w->n[0].cnt.csa_createhrdovrflw, 0);
	/* five are the most there can be */
	ike_engine_new_child(w->n[1].e, w->now, spi_of(1));
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 5);
	cr_assert_eq(w->n[0].cnt.csa_createhrdovrflw, 1);
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_FAILED].notify, IKE_N_NO_ADDITIONAL_SAS);
	/* and each can be rekeyed beside them */
	for (unsigned i = 0; i < W_CHILDREN; i++)
		if (w->n[1].child[i].live)
			ike_engine_rekey_child(w->n[1].e, w->now, w->n[1].child[i].in);
	w_run(w, 2 * W_US);
	cr_assert_eq(w_matched(w), 5);
	cr_assert_eq(w->n[1].events[IKE_EV_CHILD_REKEYED], 5);
}

Test(ike_children, soft_limit_may_terminate)
{
	w->n[0].policy.max_childsa = 3;
	w->n[0].policy.childsa_terminate = true;
	up();
	for (unsigned i = 0; i < 4; i++) {
		ike_engine_new_child(w->n[1].e, w->now, spi_of(1));
		w_run(w, W_US);
	}
	cr_assert_eq(w_matched(w), 3);
	cr_assert_eq(w->n[0].cnt.csa_createsftovrflw, 2);
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_FAILED].notify, IKE_N_NO_ADDITIONAL_SAS);
}

Test(ike_children, a_payload_has_a_limit_of_its_own)
{
	w->n[0].policy.payload[0].max_children = 2;
	up();
	for (unsigned i = 0; i < 2; i++) {
		ike_engine_new_child(w->n[1].e, w->now, spi_of(1));
		w_run(w, W_US);
	}
	cr_assert_eq(w_matched(w), 2);
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_FAILED].notify, IKE_N_NO_ADDITIONAL_SAS);
}

/* Algorithms, PFS and lifetime are the payload's. */
Test(ike_children, settings_are_the_payloads)
{
	struct ike_child_view c;
	struct ike_sa_view v;

	payloads(0, 2);
	payloads(1, 2);
	for (int i = 0; i < 2; i++) {
		struct ike_payload *y = &w->n[i].policy.payload[1];

		y->esp[0] = (struct ike_suite){IKE_ENCR_AES_GCM_16, 256, 0, 0, IKE_GROUP_ECP256, 0};
		y->lifetime_s = 777;
	}
	up();
	cr_assert_eq(w_matched(w), 2);
	cr_assert(w_sa(&w->n[0], &v));
	for (unsigned i = 0; i < 2; i++) {
		bool second;

		cr_assert_eq(ike_engine_child_view(w->n[0].e, v.spi, i, &c), 0);
		second = !strcmp(c.sa.child_name, "p1");
		cr_assert_eq(c.sa.suite.encr, second ? IKE_ENCR_AES_GCM_16 : IKE_ENCR_AES_CBC);
		cr_assert_eq(c.sa.suite.dh, second ? IKE_GROUP_ECP256 : 0, "PFS");
		cr_assert_eq(c.hard_us - c.created_us, (second ? 777 : 86400) * W_US);
	}
	/* The payload's rekeys are ignored, the other one's are not. */
	w->n[0].policy.payload[1].ignore_rekey = true;
	ike_engine_policy_put(w->n[0].e, &w->n[0].policy);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t spi = 0;

		cr_assert_eq(of_payload(1, i ? "p1" : "p0", &spi), 1);
		ike_engine_rekey_child(w->n[1].e, w->now, spi);
		w_run(w, W_US);
		cr_assert_eq(w->n[0].cnt.rekey_childsaignored, i);
		cr_assert_eq(w->n[1].events[IKE_EV_CHILD_REKEYED], 1);
	}
}

Test(ike_children, payloads_survive_a_restart_and_a_change)
{
	uint32_t spi;

	payloads(0, 3);
	payloads(1, 3);
	up();
	cr_assert_eq(w_matched(w), 3);
	w_kill(&w->n[0]);
	/* other names before them: each child finds its own */
	w->n[0].policy.payload[4] = w->n[0].policy.payload[0];
	w->n[0].policy.payload[3] = w->n[0].policy.payload[1];
	snprintf(w->n[0].policy.payload[0].name, IKE_NAME_MAX, "new");
	snprintf(w->n[0].policy.payload[1].name, IKE_NAME_MAX, "newer");
	w->n[0].policy.n_payload = 5;
	w_restore(&w->n[0]);
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(of_payload(0, (const char *[]){"p0", "p1", "p2"}[i], &spi), 1);
	ike_engine_rekey_child(w->n[0].e, w->now, spi);
	w_run(w, W_US);
	cr_assert_eq(of_payload(0, "p2", NULL), 1);
	/* and one loses its payload while it lives */
	w->n[0].policy.n_payload = 4;
	cr_assert_eq(ike_engine_policy_put(w->n[0].e, &w->n[0].policy), 0);
	cr_assert_eq(of_payload(0, "p0", NULL), 0);
	cr_assert_eq(of_payload(0, "p1", NULL), 1);
	w_kill(&w->n[0]);
	w_restore(&w->n[0]);
	cr_assert_eq(w_matched(w), 3, "nothing is lost by it");
}

Test(ike_children, two_payloads_of_one_name_are_refused)
{
	payloads(0, 2);
	w_boot(w);
	snprintf(w->n[0].policy.payload[1].name, IKE_NAME_MAX, "p0");
	cr_assert_eq(ike_engine_policy_put(w->n[0].e, &w->n[0].policy), -EINVAL);
}

/* ---- narrowing (chapter 15) ---- */

static void ask_tsr(const struct ike_ts *ts, unsigned n)
{
	struct ike_payload *y = &w->n[1].policy.payload[0];

	memcpy(y->ts_remote, ts, n * sizeof(*ts));
	y->n_ts_remote = n;
	y->ts_local[0] = ike_ts_any(AF_INET);
	y->ts_local[1] = ike_ts_any(AF_INET6);
	y->n_ts_local = 2;
}

static unsigned got_tsr(struct ike_child_view *c)
{
	struct ike_sa_view v;

	cr_assert(w_sa(&w->n[0], &v));
	cr_assert_eq(ike_engine_child_view(w->n[0].e, v.spi, 0, c), 0);
	return c->sa.n_local;
}

Test(ike_children, four_ranges_are_configured)
{
	struct ike_payload *y = &w->n[0].policy.payload[0];
	struct ike_ts all[2] = {ike_ts_any(AF_INET), ike_ts_any(AF_INET6)};
	struct ike_child_view c;

	y->ts_local[0] = range("10.1.0.0", "10.1.0.255");
	y->ts_local[1] = range("10.2.0.0", "10.2.0.255");
	y->ts_local[2] = range("2001:db8:1::", "2001:db8:1::ffff");
	y->ts_local[3] = range("2001:db8:2::", "2001:db8:2::ffff");
	y->n_ts_local = 4;
	ask_tsr(all, 2);
	up();
	cr_assert_eq(got_tsr(&c), 4);
	for (unsigned i = 0; i < 4; i++)
		cr_assert(ike_ts_equal(&c.sa.ts_local[i], &y->ts_local[i]), "%u", i);
}

Test(ike_children, a_smaller_wish_is_respected)
{
	struct ike_payload *y = &w->n[0].policy.payload[0];
	struct ike_ts few = range("10.1.0.7", "10.1.0.9");
	struct ike_child_view c;

	y->ts_local[0] = range("10.1.0.0", "10.1.0.255");
	y->n_ts_local = 1;
	ask_tsr(&few, 1);
	up();
	cr_assert_eq(got_tsr(&c), 1);
	cr_assert(ike_ts_equal(&c.sa.ts_local[0], &few));
}

Test(ike_children, at_most_four_are_answered)
{
	struct ike_ts six[6];
	struct ike_child_view c;

	for (unsigned i = 0; i < 6; i++) {
		char a[32];

		snprintf(a, sizeof(a), "10.9.%u.1", i);
		six[i] = range(a, a);
	}
	ask_tsr(six, 6);
	up();
	cr_assert_eq(got_tsr(&c), 4);
	cr_assert_eq(w_matched(w), 1);
}

Test(ike_children, the_other_family_is_unacceptable)
{
	struct ike_ts six = ike_ts_any(AF_INET6);

	w->n[0].policy.payload[0].ts_local[0] = range("10.1.0.0", "10.1.0.255");
	w->n[0].policy.payload[0].n_ts_local = 1;
	ask_tsr(&six, 1);
	up();
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_FAILED].notify, IKE_N_TS_UNACCEPTABLE);
}

/* Only INTERNAL_IP4_ADDRESS was asked for: selectors of IPv6 are ignored. */
Test(ike_children, selectors_follow_the_assigned_address)
{
	struct ike_payload *y = &w->n[0].policy.payload[0];
	struct ike_ts all[2] = {ike_ts_any(AF_INET), ike_ts_any(AF_INET6)};
	struct ike_child_view c;

	y->ts_local[0] = range("10.1.0.0", "10.1.0.255");
	y->ts_local[1] = range("2001:db8:1::", "2001:db8:1::ffff");
	y->n_ts_local = 2;
	y->assign_address = w->n[0].policy.ask_session = w->n[1].policy.payload[0].assign_address = true;
	w->n[0].result.callid = 5;
	net_addr_parse(&w->n[0].result.addr, "172.16.0.9");
	ask_tsr(all, 2);
	up();
	cr_assert_eq(got_tsr(&c), 1);
	cr_assert(ike_ts_equal(&c.sa.ts_local[0], &y->ts_local[0]));
	cr_assert_eq(c.sa.n_remote, 1);
	cr_assert(net_addr_equal(&c.sa.ts_remote[0].lo, &w->n[0].result.addr));
}

/* What the session has for the peer: an address of each family, or AF_UNSPEC. */
static void assigns(const char *four, const char *six)
{
	struct ike_payload *y = &w->n[0].policy.payload[0];

	y->assign_address = w->n[0].policy.ask_session = w->n[1].policy.payload[0].assign_address = true;
	w->n[1].policy.payload[0].assign_ipv6 = true;
	w->n[0].result.callid = 5;
	if (four)
		net_addr_parse(&w->n[0].result.addr, four);
	if (six)
		net_addr_parse(&w->n[0].result.addr6, six);
}

static void has_hosts(const struct ike_ts *ts, unsigned n)
{
	const struct ike_session_result *r = &w->n[0].result;
	const struct net_addr *want[2] = {&r->addr, &r->addr6};
	unsigned k = 0;

	for (unsigned i = 0; i < 2; i++) {
		if (!net_addr_is_set(want[i]))
			continue;
		cr_assert_lt(k, n);
		cr_assert(net_addr_equal(&ts[k].lo, want[i]) && net_addr_equal(&ts[k].hi, want[i]));
		k++;
	}
	cr_assert_eq(k, n);
}

/* RFC 7296 section 3.15: an address of both families, in one child. */
Test(ike_children, both_families_are_assigned)
{
	struct ike_child_view c;
	struct ike_sa_view v;

	assigns("172.16.0.9", "2001:db8:ffff::9");
	net_addr_parse(&w->n[0].result.dns[0], "2001:db8::53");
	w->n[0].result.n_dns = 1;
	up();
	cr_assert(w->n[0].session.want_ipv4 && w->n[0].session.want_ipv6);
	cr_assert_eq(got_tsr(&c), 2);
	has_hosts(c.sa.ts_remote, c.sa.n_remote);
	cr_assert(net_addr_equal(&c.sa.inner6, &w->n[0].result.addr6));
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert(net_addr_equal(&v.inner, &w->n[0].result.addr));
	cr_assert(net_addr_equal(&v.inner6, &w->n[0].result.addr6));
	/* over a restart of the gateway, a rekey by the peer and one of the IKE SA */
	w_kill(&w->n[0]);
	w_restore(&w->n[0]);
	cr_assert_eq(ike_engine_rekey_child(w->n[1].e, w->now, w->n[1].child[0].in), 0);
	w_run(w, W_US);
	cr_assert_eq(got_tsr(&c), 2);
	has_hosts(c.sa.ts_remote, c.sa.n_remote);
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(ike_engine_rekey_ike(w->n[1].e, w->now, v.spi), 0);
	w_run(w, W_US);
	cr_assert(w_sa(&w->n[0], &v));
	cr_assert(net_addr_equal(&v.inner, &w->n[0].result.addr));
	cr_assert(net_addr_equal(&v.inner6, &w->n[0].result.addr6));
	cr_assert_eq(w_matched(w), 1);
}

/* Both were asked for and there is one: selectors are of its family only. */
Test(ike_children, one_family_is_assigned)
{
	struct ike_child_view c;

	assigns(NULL, "2001:db8:ffff::9");
	up();
	cr_assert_eq(got_tsr(&c), 1);
	cr_assert_eq(c.sa.ts_local[0].lo.family, AF_INET6);
	has_hosts(c.sa.ts_remote, c.sa.n_remote);
}

Test(ike_children, no_family_is_assigned)
{
	assigns(NULL, NULL);
	up();
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_FAILED].notify, IKE_N_INTERNAL_ADDRESS_FAILURE);
}

Test(ike_children, payloads_of_a_family)
{
	struct ike_ts all[2] = {ike_ts_any(AF_INET), ike_ts_any(AF_INET6)};
	struct ike_child_view c;

	w->n[0].policy.payload[0].family = AF_INET6;
	ask_tsr(all, 2);
	up();
	cr_assert_eq(got_tsr(&c), 1);
	cr_assert_eq(c.sa.ts_local[0].lo.family, AF_INET6);
	cr_assert_eq(c.sa.n_remote, 1);
	cr_assert_eq(c.sa.ts_remote[0].lo.family, AF_INET6);
}

Test(ike_children, tsi_may_be_the_peers_own_address)
{
	struct ike_path path = w_path(500);
	struct ike_child_view c;

	w->n[0].policy.payload[0].tsi = IKE_TSI_ENDPOINT;
	up();
	got_tsr(&c);
	cr_assert_eq(c.sa.n_remote, 1);
	cr_assert(net_addr_equal(&c.sa.ts_remote[0].lo, &path.local.addr));
	cr_assert(net_addr_equal(&c.sa.ts_remote[0].hi, &path.local.addr));
}

Test(ike_children, tsi_may_be_any_address)
{
	struct ike_child_view c;
	struct ike_ts any = ike_ts_any(AF_INET);

	w->n[0].policy.payload[0].tsi = IKE_TSI_ANY;
	w->n[0].policy.payload[0].assign_address = w->n[0].policy.ask_session = true;
	w->n[1].policy.payload[0].assign_address = true;
	w->n[0].result.callid = 5;
	net_addr_parse(&w->n[0].result.addr, "172.16.0.9");
	up();
	got_tsr(&c);
	cr_assert(ike_ts_equal(&c.sa.ts_remote[0], &any));
}

/* ---- remote access: as the peer asks (chapter 3) ---- */

/* A wish wider than the tsr of the only payload, which is honored. */
static void honors(const char *four, const char *six)
{
	struct ike_payload *y = &w->n[0].policy.payload[0];
	struct ike_ts all[2] = {ike_ts_any(AF_INET), ike_ts_any(AF_INET6)};

	assigns(four, six);
	y->ts_as_asked = true;
	y->ts_local[0] = range("10.1.0.0", "10.1.0.255");
	y->n_ts_local = 1;
	ask_tsr(all, 2);
}

Test(ike_children, selectors_of_remote_access_are_not_narrowed)
{
	struct ike_ts any = ike_ts_any(AF_INET);
	struct ike_child_view c;

	honors("172.16.0.9", NULL);
	up();
	cr_assert_eq(got_tsr(&c), 1, "chapter 15: nothing of a family without an address");
	cr_assert(ike_ts_equal(&c.sa.ts_local[0], &any));
	cr_assert_eq(c.sa.n_remote, 1);
	cr_assert(ike_ts_equal(&c.sa.ts_remote[0], &any));
	cr_assert_eq(c.sa.n_source, 1, "the data path takes packets of its address only");
	cr_assert(net_addr_equal(&c.sa.source[0].lo, &w->n[0].result.addr));
	cr_assert(net_addr_equal(&c.sa.source[0].hi, &w->n[0].result.addr));
	w_kill(&w->n[0]);
	w_restore(&w->n[0]);
	cr_assert_eq(ike_engine_rekey_child(w->n[1].e, w->now, w->n[1].child[0].in), 0);
	w_run(w, W_US);
	got_tsr(&c);
	cr_assert(ike_ts_equal(&c.sa.ts_local[0], &any));
	cr_assert_eq(c.sa.n_source, 1);
	cr_assert_eq(w_matched(w), 1);
}

Test(ike_children, remote_access_of_both_families)
{
	struct ike_child_view c;

	honors("172.16.0.9", "2001:db8:ffff::9");
	up();
	cr_assert_eq(got_tsr(&c), 2);
	cr_assert_eq(c.sa.n_remote, 2);
	cr_assert_eq(c.sa.n_source, 2);
}

/* Not even then may it claim to be somebody else alone. */
Test(ike_children, remote_access_asks_for_its_own_address_too)
{
	struct ike_payload *y = &w->n[1].policy.payload[0];

	honors("172.16.0.9", NULL);
	y->ts_local[0] = range("172.16.0.10", "172.16.0.20");
	y->n_ts_local = 1;
	up();
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_FAILED].notify, IKE_N_TS_UNACCEPTABLE);
}

/* The payload whose tsr is asked for is meant, though the answer is not narrowed to it. */
Test(ike_children, remote_access_chooses_by_tsr)
{
	struct ike_payload *y = w->n[0].policy.payload;
	struct ike_ts wish = range("10.2.0.0", "10.2.255.255");
	struct ike_child_view c;

	honors("172.16.0.9", NULL);
	w->n[0].policy.n_payload = 2;
	y[1] = y[0];
	snprintf(y[1].name, IKE_NAME_MAX, "second");
	y[1].ts_local[0] = range("10.2.0.0", "10.2.0.255");
	ask_tsr(&wish, 1);
	up();
	cr_assert_geq(got_tsr(&c), 1);
	cr_assert_str_eq(c.sa.child_name, "second");
	cr_assert(ike_ts_equal(&c.sa.ts_local[0], &wish));
}

/* ---- what a rekey may change (rekey disallow-param-change) ---- */

static uint32_t first_child(int who)
{
	for (unsigned i = 0; i < W_CHILDREN; i++)
		if (w->n[who].child[i].live)
			return w->n[who].child[i].in;
	return 0;
}

/* Node 1 has its child as before, but wishes other things of its rekey. */
static void rekey_otherwise(const struct ike_ts *tsr, uint16_t bits)
{
	struct ike_child *c = ike_sa_child_in(w->n[1].e, first_child(1));

	if (tsr)
		c->ts[c->n_local] = *tsr;
	if (bits)
		c->suite.encr_bits = bits;
	ike_engine_rekey_child(w->n[1].e, w->now, c->spi_in);
	w_run(w, W_US);
}

Test(ike_children, parameters_may_change_with_a_rekey)
{
	struct ike_ts more = range("10.1.0.0", "10.1.3.255");
	struct ike_child_view c;

	w->n[0].policy.payload[0].ts_local[0] = more;
	w->n[0].policy.payload[0].n_ts_local = 1;
	more = range("10.1.0.0", "10.1.0.255");
	ask_tsr(&more, 1);
	up();
	more = range("10.1.0.0", "10.1.1.255");
	rekey_otherwise(&more, 0);
	cr_assert_eq(w->n[1].events[IKE_EV_CHILD_REKEYED], 1);
	got_tsr(&c);
	cr_assert(ike_ts_equal(&c.sa.ts_local[0], &more));
}

Test(ike_children, selectors_may_be_kept)
{
	struct ike_ts less = range("10.1.0.0", "10.1.0.9");

	w->n[0].policy.payload[0].same_params = true;
	up();
	rekey_otherwise(&less, 0);
	cr_assert_eq(w->n[1].events[IKE_EV_CHILD_REKEYED], 0);
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_FAILED].notify, IKE_N_TS_UNACCEPTABLE);
}

Test(ike_children, algorithms_may_be_kept)
{
	for (int keep = 0; keep < 2; keep++) {
		w_free(w);
		w = w_new();
		w->n[0].policy.payload[0].same_params = keep;
		w->n[0].policy.payload[0].esp[1] = w->n[0].policy.payload[0].esp[0];
		w->n[0].policy.payload[0].esp[1].encr_bits = 256;
		w->n[0].policy.payload[0].n_esp = 2;
		up();
		ike_sa_child_in(w->n[1].e, first_child(1))->suite.encr_bits = 128;
		w->n[0].policy.payload[0].esp[0].encr_bits = 256; /* the template was changed meanwhile */
		w->n[0].policy.payload[0].n_esp = 1;
		ike_engine_policy_put(w->n[0].e, &w->n[0].policy);
		ike_engine_rekey_child(w->n[1].e, w->now, first_child(1));
		w_run(w, W_US);
		cr_assert_eq(w->n[1].events[IKE_EV_CHILD_REKEYED], keep, "what is in use stays allowed");
	}
}

Test(ike_children, algorithms_of_the_ike_sa_may_be_kept)
{
	for (int keep = 0; keep < 2; keep++) {
		w_free(w);
		w = w_new();
		w->n[0].policy.ike[1] = w->n[0].policy.ike[0];
		w->n[0].policy.ike[1].encr_bits = 128;
		w->n[0].policy.n_ike = 2;
		w->n[0].policy.ike_same_params = keep;
		up();
		ike_engine_rekey_ike(w->n[0].e, w->now, spi_of(0));
		cr_assert_eq(ike_sa_find(w->n[0].e, spi_of(0))->xchg->n_offer, keep ? 1 : 2);
		w_run(w, W_US);
		cr_assert_eq(w->n[0].events[IKE_EV_REKEYED], 1);
	}
}
