/* SPDX-License-Identifier: MIT */
/*
 * Security gateway as initiator between real engines (callee_world.h): a peer that is called and one that
 * calls; settings, owners, and what is read of the configuration.
 */
#include "tests/exchange/callee_world.h"

TestSuite(ipsecmgr_callee, .init = callee_setup, .fini = callee_teardown, .timeout = 240);

/* --- the sequence --- */

Test(ipsecmgr_callee, a_peer_that_does_not_call_is_called)
{
	cr_assert_eq(mode(), INITIATOR_RESPONDER);
	run(9900000);
	cr_assert_eq(w->sent[0], 0);
	run(1200000);
	expect_one(1, "called");
	cr_expect_eq(w->n[0].sessions_asked, 1);
	run(1000 * W_US);
	expect_one(1, "and no more");
	cr_expect_eq(w->n[0].events[IKE_EV_UP], 1);
}

Test(ipsecmgr_callee, a_peer_that_calls_is_not_called)
{
	run(9 * W_US);
	peer_calls();
	run(1000 * W_US);
	expect_one(0, "it called");
	cr_expect_eq(w->n[0].events[IKE_EV_UP] + w->n[0].events[IKE_EV_SETUP_FAILED], 1);
}

Test(ipsecmgr_callee, a_dead_peer_is_called_in_every_second_turn)
{
	w->fate = dead;
	for (unsigned round = 1; round <= 5; round++) {
		run(10 * W_US + 5000);
		cr_assert_eq(mode(), INITIATOR_CALLING);
		run(10 * W_US);
		cr_assert_eq(mode(), INITIATOR_RESPONDER);
		cr_assert_eq(w->n[0].events[IKE_EV_SETUP_FAILED], round);
		cr_assert_eq(w->n[0].last[IKE_EV_SETUP_FAILED].reason, IKE_R_SETUP_TIMEOUT);
	}
	cr_expect_eq(w->sent[0], 25, "each time five messages: at once, after 0.5, 1.5, 3.5 and 7.5 seconds");
	cr_expect_eq(n_disk, 1, "what follows from the clock is not stored");
	w->fate = NULL;
	run(12 * W_US);
	expect_one(1, "it lives again");
}

Test(ipsecmgr_callee, a_peer_that_refuses_is_called_again_within_the_turn)
{
	ike_engine_policy_remove(w->n[1].e, "tmpl");
	w->n[1].policy.psk[0] ^= 1;
	cr_assert_eq(ike_engine_policy_put(w->n[1].e, &w->n[1].policy), 0);
	run(20 * W_US - 10000);
	cr_assert(w->n[0].events[IKE_EV_SETUP_FAILED] >= 8, "%u", w->n[0].events[IKE_EV_SETUP_FAILED]);
	cr_assert_eq(w->n[0].last[IKE_EV_SETUP_FAILED].reason, IKE_R_AUTH_FAILED);
}

Test(ipsecmgr_callee, called_again_when_the_call_is_down)
{
	struct ike_sa_view v;

	run(12 * W_US);
	expect_one(1, "first");
	cr_assert(w_sa(&w->n[0], &v));
	ike_engine_delete_ike(w->n[0].e, w->now, v.spi);
	run(W_US);
	cr_assert_eq(mode(), INITIATOR_RESPONDER);
	cr_assert_eq(w->n[0].sessions_ended, 1);
	run(10 * W_US + 100000);
	expect_one(1, "deleted by an operator");
	cr_assert(w_sa(&w->n[1], &v));
	ike_engine_delete_ike(w->n[1].e, w->now, v.spi);
	run(12 * W_US);
	expect_one(1, "deleted by the peer");
	w->fate = dead;
	run(80 * W_US);
	cr_assert_eq(w->n[0].last[IKE_EV_DOWN].reason, IKE_R_DPD_TIMEOUT);
	cr_assert_neq(mode(), INITIATOR_CONNECTED);
	w->fate = NULL;
	run(22 * W_US);
	expect_one(1, "dead for a while");
}

Test(ipsecmgr_callee, a_rekey_is_no_end)
{
	struct ike_sa_view v;

	run(12 * W_US);
	for (int i = 0; i < 2; i++) {
		cr_assert(w_sa(&w->n[i], &v));
		ike_engine_rekey_ike(w->n[i].e, w->now, v.spi);
		run(W_US);
		cr_assert_eq(mode(), INITIATOR_CONNECTED);
		cr_assert_eq(peer()->p.n_own, 1);
	}
	cr_assert(w_sa(&w->n[0], &v));
	ike_engine_delete_ike(w->n[0].e, w->now, v.spi);
	run(W_US);
	cr_assert_eq(mode(), INITIATOR_RESPONDER);
	cr_assert_eq(gw[0].m.peer_calls.n, 0);
}

Test(ipsecmgr_callee, no_session_no_call)
{
	w->n[0].result.status = -ENOSPC;
	run(15 * W_US);
	cr_assert_eq(mode(), INITIATOR_CALLING);
	cr_assert_geq(w->n[0].sessions_asked, 3);
	cr_assert_eq(w_established(&w->n[1]), 0);
	w->n[0].result.status = 0;
	run(2 * W_US);
	expect_one(1, "a session is free");
}

Test(ipsecmgr_callee, what_would_be_refused_does_not_begin)
{
	gw[0].m.congestion = IKE_CONGESTION_DROP;
	run(14 * W_US);
	cr_assert_eq(mode(), INITIATOR_CALLING);
	gw[0].m.congestion = IKE_CONGESTION_NONE;
	sessions = IPSECMGR_MAX_SA;
	run(2 * W_US);
	sessions = 0;
	gw[0].m.data.bound = false;
	run(2 * W_US);
	cr_assert_eq(w->sent[0], 0);
	gw[0].m.data.bound = true;
	run(1200000);
	expect_one(1, "in the same turn");
}

/* --- settings --- */

static const char *const three[] = {"10.0.0.2", "10.0.0.3", "10.0.0.4"};

Test(ipsecmgr_callee, settings_count_from_the_next_bind_on)
{
	responder_s = 20;
	configure(&gw[0], three, 3);
	ipsecmgr_callee_apply(&gw[0].m);
	cr_assert_eq(gw[0].m.callees->n, 1);
	cr_assert_eq(gw[0].m.callees->set.responder_us, 10 * W_US);
	run(5 * W_US);
	gateway_kill(0);
	w_restore(&w->n[0]);
	gateway_start(0); /* with 20 seconds configured */
	cr_assert_eq(gw[0].m.callees->set.responder_us, 10 * W_US, "also over a loss");
	cr_assert_eq(initiator_mode_ends(&peer()->p), w->now + 5 * W_US);
	bind_id++;
	configure(&gw[0], three, 3);
	ipsecmgr_callee_apply(&gw[0].m);
	cr_assert_eq(gw[0].m.callees->n, 3);
	cr_assert_eq(initiator_mode_ends(&peer()->p), w->now + 20 * W_US);
	cr_assert_eq(n_disk, 1);
}

Test(ipsecmgr_callee, a_service_that_is_not_bound_calls_nobody)
{
	to_the_call(0);
	run(3000);
	cr_assert_eq(mode(), INITIATOR_CALLING);
	gw[0].m.policies = NULL;
	ipsecmgr_callee_apply(&gw[0].m);
	cr_assert_null(gw[0].m.callees);
	cr_assert_eq(n_disk, 0);
	cr_assert_eq(gw[0].timer_due, 0);
	run(60 * W_US);
	cr_assert_eq(w_established(&w->n[1]), 0, "what was under way is given up");
}

Test(ipsecmgr_callee, without_a_list)
{
	list_name = "-";
	bind_id++;
	configure(&gw[0], NULL, 0);
	ipsecmgr_callee_apply(&gw[0].m);
	cr_assert_eq(gw[0].m.callees->n, 0);
	cr_assert_not(ipsecmgr_callee_on(&gw[0].m, &gw[0].pol));
	list_name = "sites"; /* a list is configured while the service is bound */
	configure(&gw[0], three, 1);
	ipsecmgr_callee_apply(&gw[0].m);
	cr_assert_eq(gw[0].m.callees->n, 0);
	run(60 * W_US);
	cr_assert_eq(w->sent[0], 0);
}

Test(ipsecmgr_callee, another_chassis_with_the_same_settings)
{
	run(5 * W_US);
	gateway_kill(0);
	bind_id = 123456; /* its configuration was typed in another order */
	gateway_restore(0);
	cr_assert_eq(initiator_mode_ends(&peer()->p), w->now + 5 * W_US);
	cr_assert_eq(n_disk, 1);
	run(W_US);
	gateway_kill(0);
	responder_s = 30;
	bind_id = 654321;
	gateway_restore(0);
	cr_assert_eq(initiator_mode_ends(&peer()->p), w->now + 30 * W_US, "other settings: it begins anew");
}

/* --- owners --- */

static unsigned owned(const struct ipsecmgr *m)
{
	unsigned n = 0;

	for (size_t i = 0; i < m->callees->n; i++)
		n += ipsecmgr_callee_ours(&m->callees->peer[i]);
	return n;
}

Test(ipsecmgr_callee, each_of_a_thousand_has_one_owner)
{
	static char text[INITIATOR_PEERS_MAX][16];
	static const char *list[INITIATOR_PEERS_MAX];
	unsigned all = 0;

	for (unsigned i = 0; i < INITIATOR_PEERS_MAX; i++) {
		snprintf(text[i], sizeof(text[i]), "10.2.%u.%u", i / 250, i % 250);
		list[i] = text[i];
	}
	bind_id++;
	configure(&gw[0], list, INITIATOR_PEERS_MAX);
	memset(&gw[0].m.closed, 0, sizeof(gw[0].m.closed));
	steer_close(&gw[0].m.closed, 2);
	gw[0].m.data.instances = 8;
	ipsecmgr_callee_apply(&gw[0].m);
	for (unsigned i = 1; i <= 8; i++) {
		gw[0].t.instance = i;
		gw[0].m.callees->managers = 0; /* as if that had changed */
		ipsecmgr_callee_owners(&gw[0].m);
		cr_assert(i == 2 ? !owned(&gw[0].m) : owned(&gw[0].m) > 100, "%u: %u", i, owned(&gw[0].m));
		all += owned(&gw[0].m);
	}
	cr_assert_eq(all, INITIATOR_PEERS_MAX);
}

Test(ipsecmgr_callee, owners_wait_for_the_list_of_managers)
{
	gateway_kill(0);
	w_restore(&w->n[0]);
	gateway_start(0);
	ipsecmgr_callee_stop(&gw[0].m);
	gw[0].m.ipsecmgrs_told = false;
	configure(&gw[0], three, 1);
	ipsecmgr_callee_apply(&gw[0].m);
	run(30 * W_US);
	cr_assert_eq(mode(), INITIATOR_IDLE);
	gw[0].m.ipsecmgrs_told = true;
	ipsecmgr_callee_owners(&gw[0].m);
	cr_assert_neq(mode(), INITIATOR_IDLE);
	cr_assert_eq(told->what, PEER_CALLS__WHAT__ALL);
	cr_assert(told->ask);
}

Test(ipsecmgr_callee, calls_that_are_elsewhere_count)
{
	run(5 * W_US);
	hear(3, PEER_CALLS__WHAT__UP, "10.0.0.2", false);
	cr_assert_eq(mode(), INITIATOR_CONNECTED);
	hear(3, PEER_CALLS__WHAT__UP, "10.0.0.2", false);
	hear(4, PEER_CALLS__WHAT__ALL, "10.0.0.2", false);
	hear(3, PEER_CALLS__WHAT__DOWN, "10.0.0.2", false);
	cr_assert_eq(mode(), INITIATOR_CONNECTED, "one is left");
	run(100 * W_US);
	cr_assert_eq(w->sent[0], 0);
	hear(4, PEER_CALLS__WHAT__ALL, NULL, true);
	cr_assert_eq(mode(), INITIATOR_RESPONDER, "that one has ended while we did not hear of it");
	cr_assert_eq(told->what, PEER_CALLS__WHAT__ALL);
	cr_assert_eq(told->n_peers, 0);
	run(12 * W_US);
	expect_one(1, "called");
	hear(4, PEER_CALLS__WHAT__ALL, NULL, true);
	cr_assert_eq(told->n_peers, 1);
	hear(3, PEER_CALLS__WHAT__UP, "10.0.0.2", false);
	run(W_US);
	cr_assert_eq(w_established(&w->n[0]), 0, "the peer's call counts, wherever it is");
	cr_assert_eq(mode(), INITIATOR_CONNECTED);
	hear(3, PEER_CALLS__WHAT__UP, "10.7.7.7", false);
	hear(7, PEER_CALLS__WHAT__DOWN, "10.0.0.2", false);
	hear(900, PEER_CALLS__WHAT__UP, "10.0.0.2", false);
	cr_assert_eq(peer()->p.n_theirs, 1);
}

Test(ipsecmgr_callee, a_call_that_comes_in_elsewhere)
{
	to_the_call(0);
	run(1500);
	hear(3, PEER_CALLS__WHAT__BEGAN, "10.0.0.2", false);
	cr_assert_eq(mode(), INITIATOR_RESPONDER);
	run(W_US);
	cr_assert_eq(w->n[0].last[IKE_EV_SETUP_FAILED].reason, IKE_R_COLLISION);
	cr_assert_eq(w_established(&w->n[1]), 0);
}

Test(ipsecmgr_callee, what_is_not_ours_is_told)
{
	steer_close(&gw[0].m.closed, 7);
	gw[0].m.closed.bits[0] &= ~(1u << 3);
	ipsecmgr_callee_owners(&gw[0].m);
	cr_assert_eq(mode(), INITIATOR_IDLE);
	n_told = 0;
	peer_calls();
	run(W_US);
	cr_assert_eq(n_told, 2, "it began, and was through");
	cr_assert_eq(told->what, PEER_CALLS__WHAT__UP);
	cr_assert_eq(told->instance, 7);
	run(60 * W_US);
	cr_assert_eq(n_told, 2);
	ike_engine_drop_all(w->n[0].e, w->now, NULL, true);
	run(W_US);
	cr_assert_eq(told->what, PEER_CALLS__WHAT__DOWN);
}

/* --- what is read of the configuration --- */

static void failed(void *arg, unsigned lineno, const char *line, const char *error)
{
	(void)arg;
	cr_log_error("line %u: %s: %s", lineno, line, error);
}

/* The settings of service w with these lines of its own; to be freed. */
static struct ipsecmgr_callee_conf *settings(const char *lines, bool site_to_site)
{
	static const char head[] =
	        "config\ncontext a\ncrypto peer-list ipv4 four\naddress 192.0.2.9\naddress 192.0.2.1\n"
	        "address 198.51.100.0/24\naddress 192.0.2.9/32\naddress 0.0.0.0/0\naddress "
	        "203.0.113.7/32\n#exit\n"
	        "crypto peer-list ipv6 six\naddress 2001:db8::9\naddress 2001:db8:1::/48\n#exit\n"
	        "wsg-service w\ndeployment-mode site-to-site\n";
	struct ipsecmgr_policy p = {.site_to_site = site_to_site};
	char dir[512], err[512], text[2000];
	struct cli_grammar *g =
	        cli_grammar_load(cli_grammar_dir("/proc/self/exe", dir, sizeof(dir)), err, sizeof(err));
	struct cfg_tree *t;
	const struct cfg_node *ctx;

	cr_assert_not_null(g, "%s", err);
	t = cfg_new(g);
	snprintf(text, sizeof(text), "%s%s#exit\n#exit\nend\n", head, lines);
	cr_assert_eq(cli_load_text(t, NULL, text, failed, NULL), 0);
	ctx = cfg_child(t, t->root, "context", "a");
	net_addr_parse(&p.pol.local, "192.0.2.200");
	ipsecmgr_callee_read(t, ctx, cfg_child(t, ctx, "wsg-service", "w"), &p);
	cfg_free(t);
	cli_grammar_free(g);
	return p.callees;
}

static void expect_addresses(struct ipsecmgr_callee_conf *c, const char *list, const char *expected)
{
	char text[400] = "", one[NET_ADDR_STRLEN];

	cr_assert_not_null(c);
	for (size_t i = 0; i < c->n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ",
		         net_addr_format(&c->addr[i], one, sizeof(one)));
	cr_expect_str_eq(text, expected);
	cr_expect_str_eq(c->list, list);
}

Test(ipsecmgr_callee, settings_of_a_service)
{
	struct ipsecmgr_callee_conf *c = settings("peer-list four\n", true), *d;

	expect_addresses(c, "four", "192.0.2.1 192.0.2.9 203.0.113.7 ");
	cr_expect_eq(c->responder_s, 10);
	cr_expect_eq(c->initiator_s, 10);
	free(c);
	c = settings("peer-list six\nresponder-mode-duration 5\ninitiator-mode-duration 250\n", true);
	expect_addresses(c, "six", "2001:db8::9 ");
	cr_expect_eq(c->responder_s, 5);
	cr_expect_eq(c->initiator_s, 250);
	free(c);
	c = settings("", true);
	expect_addresses(c, "-", "");
	cr_expect_null(settings("", false));
	/* bound anew */
	d = settings("bind address 192.0.2.200 crypto-template t\n", true);
	cr_expect_neq(c->bind, d->bind);
	free(c);
	c = settings("bind address 192.0.2.200 crypto-template t\nno bind address\n"
	             "bind address 192.0.2.200 crypto-template t\n",
	             true);
	cr_expect_neq(c->bind, d->bind);
	free(d);
	/* not by a setting that is changed */
	d = settings("bind address 192.0.2.200 crypto-template t\nno bind address\n"
	             "bind address 192.0.2.200 crypto-template t\ninitiator-mode-duration 9\n",
	             true);
	cr_expect_eq(c->bind, d->bind);
	free(c);
	free(d);
}
