/* SPDX-License-Identifier: MIT */
/*
 * What a changed configuration does to the tunnel of a crypto map that is up (IPSec Reference chapters 6 and
 * 7), line by line (ipsecmgr_change_rig.h).
 */
#include "tests/exchange/ipsecmgr_change_rig.h"

TestSuite(ipsecmgr_change, .init = change_setup, .fini = change_teardown, .timeout = 300);

/* "ikesa delete on-mismatch": critical lines end the tunnel, others do not. */
Test(ipsecmgr_change, critical_lines_end_the_tunnel)
{
	each_line(true, false);
}

/* Without it tunnels stay as they are until they are cleared. */
Test(ipsecmgr_change, else_it_stays_as_it_is)
{
	each_line(false, false);
}

/* A map that can't be used at the moment keeps what its list permits out of the clear; one that is taken from
 * its interface does not. */
Test(ipsecmgr_change, a_map_that_can_not_be_used_is_closed)
{
	static const struct {
		const char *what, *by, *why;
		unsigned rules;
	} rows[] = {
	        {"ikev2-ikesa transform-set ike\n", "ikev2-ikesa transform-set ike2\n",
	         "transform set ike does not exist", 2},
	        {"ipsec transform-set esp\n", "ipsec transform-set esp2\n",
	         "transform set esp does not exist", 2},
	        {"authentication local pre-shared-key key secret\n", "", NULL, 2},
	        {"authentication local pre-shared-key key secret\n",
	         "authentication local certificate\ncertificate none\n", NULL, 2},
	        {"peer 10.0.0.1\n", "",
	         "its peer, or the interface's address of the peer's family, is not configured", 2},
	        {"ip access-list x\n", "ip access-list y\n",
	         "access-list x does not exist; its access lists permit nothing", 0},
	};
	char *now = configuration(false), *broken, *unused;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *changed = with(now, rows[i].what, rows[i].by);
		const struct ipsecmgr_policy *p;

		configure(now);
		cr_expect_null(ipsecmgr.maps_closed);
		configure(changed);
		p = ipsecmgr.maps_closed;
		cr_assert((p != NULL) == !(i == 2), "%s", rows[i].what);
		free(changed);
		if (!p) /* the remote side's key counts for both */
			continue;
		cr_expect_eq(p->map->n_rules, rows[i].rules, "%s", rows[i].what);
		cr_expect(!rows[i].why || !strcmp(p->map->why, rows[i].why), "%s: %s", rows[i].what,
		          p->map->why);
	}
	broken = with(now, "ikev2-ikesa transform-set ike\n", "ikev2-ikesa transform-set ike2\n");
	unused = with(broken, "crypto-map m\n", "");
	configure(broken);
	cr_expect(ipsecmgr.maps_closed);
	configure(unused);
	cr_expect_null(ipsecmgr.maps_closed);
	free(now);
	free(broken);
	free(unused);
}

/* The file of a revocation list changes, not its line. */
Test(ipsecmgr_change, a_revocation_list_that_is_another)
{
	char *text = configuration(true);

	tunnel(text);
	configure(text);
	w_run(w, W_US);
	cr_assert_eq(w_established(&w->n[1]), 1);
	publish_list(77);
	configure(text);
	w_run(w, W_US);
	cr_expect_eq(w_established(&w->n[1]), 0);
	cr_expect_eq(w_established(&w->n[0]), 0);
	free(text);
}

/* Where both sides have certificates only, keys say nothing of who they are. */
Test(ipsecmgr_change, keys_that_nobody_proves_himself_with)
{
	struct ipsecmgr_policy old = {.remote_secrets = true}, p = old;

	cr_expect(ipsecmgr_change_by_key(&p.pol));
	p.pol.n_auth = 1;
	p.pol.auth[0] = (struct ike_auth_set){.local_cert = true, .remote_cert = true};
	cr_expect_not(ipsecmgr_change_by_key(&p.pol));
	p.pol.auth[0].local_cert = false;
	cr_expect(ipsecmgr_change_by_key(&p.pol));
	p.pol.auth[0] = (struct ike_auth_set){.local_cert = true};
	cr_expect(ipsecmgr_change_by_key(&p.pol));
	p.pol.auth[0].remote_eap = true;
	cr_expect_not(ipsecmgr_change_by_key(&p.pol));
	p.pol.n_auth = 2;
	cr_expect(ipsecmgr_change_by_key(&p.pol), "the second way");
}

/* The tunnel of a service that is bound, and then configured so: it ends, and the peer hears of it. */
static void service_tunnel_ends_by(const char *what, const char *by)
{
	static const char bound[] = "config\ncontext local\ncrypto template t ikev2-dynamic\n"
	                            "authentication local pre-shared-key key secret\n"
	                            "authentication remote pre-shared-key key secret\n"
	                            "payload p match childsa\n#exit\n#exit\n"
	                            "wsg-service s\nbind address 10.0.0.2 crypto-template t\n#exit\nend\n";
	char *unbound = with(bound, what, by);
	struct ike_initiate i = {.policy = "tmpl", .path = w_path(500)};
	const struct ike_policy *ours;

	task.instance = 1;
	configure(bound);
	cr_assert(ipsecmgr.policies);
	ours = &ipsecmgr.policies->pol;
	w->n[0].policy.local = (struct net_addr){0};
	memcpy(w->n[0].policy.ike, ours->ike, sizeof(ours->ike));
	memcpy(w->n[0].policy.payload[0].esp, ours->payload[0].esp, sizeof(ours->payload[0].esp));
	w_start(&w->n[0]);
	i.path.local = w_path(500).remote;
	i.path.remote = w_path(500).local;
	cr_assert_eq(ike_engine_initiate(w->n[0].e, w->now, &i, NULL), 0);
	w_run(w, 3 * W_US);
	cr_assert_eq(w_established(&w->n[1]), 1);
	cr_assert_eq(w_established(&w->n[0]), 1);
	configure(unbound);
	w_run(w, W_US);
	cr_expect_eq(w_established(&w->n[1]), 0);
	cr_expect_eq(w_established(&w->n[0]), 0);
	cr_expect_eq(w->n[0].last[IKE_EV_DOWN].reason, IKE_R_PEER_DELETE);
	free(unbound);
}

/* A service that is bound to nothing any more takes its tunnels with it, and tells their peers (chapter 3).
 */
Test(ipsecmgr_change, a_service_that_goes_takes_its_tunnels)
{
	service_tunnel_ends_by("bind address 10.0.0.2 crypto-template t\n", "");
}

/* … as does one that is bound to another address at once: nobody hears its peers at the old one. */
Test(ipsecmgr_change, a_service_that_moves_takes_its_tunnels)
{
	service_tunnel_ends_by("bind address 10.0.0.2", "bind address 10.0.0.3");
	cr_expect(ipsecmgr.leaving, "the old address stays open until the peer was told");
}
