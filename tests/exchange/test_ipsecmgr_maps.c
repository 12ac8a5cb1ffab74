/* SPDX-License-Identifier: MIT */
/*
 * Crypto maps in ipsecmgr (ipsecmgr_maps.c and ipsecmgr_change.c): what is made of the configuration, tunnels
 * that packets set up, between two real engines, and what a change does to them. Their routing rules:
 * test_ipsecmgr_spd.c.
 */
#include "ipsecmgr_maps_rig.h"

TestSuite(ipsecmgr_maps, .init = setup, .fini = teardown, .timeout = 120);

Test(ipsecmgr_maps, a_policy_for_each_map)
{
	static const char text[] =
	        "config\ncontext a\n"
	        "ip access-list one\npermit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255\ndeny ip any host "
	        "10.9.0.1\n"
	        "permit udp any host 10.9.0.2 neq 53\n#exit\n"
	        "ip access-list two\npermit ip any any\n#exit\n" IFACE("i", "192.0.2.1", "m")
	                IFACE("j", "198.51.100.1", "n") MAP("m", "192.0.2.7", "one 5")
	                        MAP("n", "198.51.100.7", "two") "end\n";
	struct ipsecmgr_policy *p = build(text, both), *q;
	char a[64];

	ipsecmgr.policies = p;
	cr_assert_str_eq(problems, "");
	cr_assert(p && p->next && !p->next->next);
	q = p->next;
	cr_expect_str_eq(p->pol.name, "a/m");
	cr_expect_str_eq(p->template, "m");
	cr_expect_str_eq(net_addr_format(&p->pol.local, a, sizeof(a)), "192.0.2.1");
	cr_expect_str_eq(net_addr_format(&p->pol.peer, a, sizeof(a)), "192.0.2.7");
	cr_expect_eq(p->pol.n_payload, 2);
	cr_expect_str_eq(p->pol.payload[0].name, "p");
	cr_expect_str_eq(p->pol.payload[1].name, "p#2");
	cr_expect_str_eq(net_addr_format(&p->pol.payload[0].ts_local[0].hi, a, sizeof(a)), "10.1.255.255");
	cr_expect_eq(p->pol.payload[1].n_ts_remote, 2);
	cr_expect_eq(p->pol.payload[1].ts_remote[0].port_hi, 52);
	cr_expect_eq(p->pol.payload[1].ts_remote[1].port_lo, 54);
	cr_expect_not(p->pol.ask_session);
	cr_expect_eq(p->map->n_rules, 3);
	/* list two has preference 0: its rule comes before those of the other map */
	cr_expect_eq(q->map->rule[0].priority, VPN_SPD_FIRST);
	cr_expect_eq(p->map->rule[0].priority, VPN_SPD_FIRST + VPN_SPD_SLOTS + 1);
	cr_expect_eq(p->map->rule[1].end, VPN_SPD_FIRST + VPN_SPD_SLOTS + 1 + 3 * VPN_SPD_SLOTS);
}

/* Another manager's maps count for the order all the same. */
Test(ipsecmgr_maps, managers_agree_on_the_order)
{
	static const char text[] =
	        "config\ncontext a\nip access-list x\npermit ip any any\n#exit\n" IFACE("i", "192.0.2.1", "m")
	                IFACE("j", "198.51.100.1", "n") MAP("m", "192.0.2.7", "x")
	                        MAP("n", "198.51.100.7", "x") "end\n";
	static const char *const second[] = {"n", NULL};
	struct ipsecmgr_policy *all = build(text, both);
	uint32_t at = all->next->map->rule[0].priority;

	ipsecmgr_cfg_free(all);
	all = build(text, second);
	cr_assert(all && !all->next);
	cr_expect_eq(all->map->rule[0].priority, at);
	ipsecmgr.policies = all;
}

Test(ipsecmgr_maps, what_can_not_be_served_is_told)
{
	static const char text[] = "config\ncontext a\nip access-list none\ndeny ip any any\n#exit\n" IFACE(
	        "i", "192.0.2.1", "m") IFACE("j", "198.51.100.1", "n")
	        MAP("m", "192.0.2.7", "none") "crypto map n ikev2-ipv6\npeer 2001:db8::7\nmatch address "
	                                      "missing\npayload p match ipv6\n#exit\n#exit\nend\n";

	cr_assert_null(build(text, both));
	cr_expect_str_eq(problems,
	                 "context a crypto map m: its access lists permit nothing\n"
	                 "context a crypto map n: its peer, or the interface's address of the peer's family, "
	                 "is not configured\n"
	                 "context a crypto map n: access-list missing does not exist\n");
}

Test(ipsecmgr_maps, ipv6)
{
	static const char text[] =
	        "config\ncontext a\nipv6 access-list x\npermit tcp 2001:db8:1::/64 any eq 443\n#exit\n"
	        "interface i\nip address 192.0.2.1 255.255.255.0\nipv6 address 2001:db8::1/64\ncrypto-map "
	        "m\n#exit\n"
	        "crypto map m ikev2-ipv6\npeer 2001:db8::7\nmatch address x\npayload p match ipv6\nend\n";
	struct ipsecmgr_policy *p = ipsecmgr.policies = build(text, both);
	char a[64];

	cr_assert(p, "%s", problems);
	cr_expect_str_eq(net_addr_format(&p->pol.local, a, sizeof(a)), "2001:db8::1");
	cr_expect_str_eq(net_addr_format(&p->pol.payload[0].ts_local[0].hi, a, sizeof(a)),
	                 "2001:db8:1:0:ffff:ffff:ffff:ffff");
	cr_expect_str_eq(net_addr_format(&p->pol.payload[0].ts_remote[0].hi, a, sizeof(a)),
	                 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

/* --- more rules than child SAs --- */

static char many[8000];

/* A map whose list permits each pair of so many local and remote networks. */
static struct ipsecmgr_policy *crowd(unsigned local, unsigned remote, bool pairs)
{
	size_t n = (size_t)snprintf(many, sizeof(many), "config\ncontext a\nip access-list x\n");

	for (unsigned l = 0; l < local; l++)
		for (unsigned r = 0; r < remote; r++)
			if (!pairs || l == r)
				n += (size_t)snprintf(many + n, sizeof(many) - n,
				                      "permit ip 10.1.%u.0 0.0.0.255 10.2.%u.0 0.0.0.255\n",
				                      l, r);
	snprintf(many + n, sizeof(many) - n, "#exit\n%s%send\n", IFACE("i", "192.0.2.1", "m"),
	         MAP("m", "192.0.2.7", "x"));
	ipsecmgr_cfg_free(ipsecmgr.policies);
	ipsecmgr.policies = NULL;
	return ipsecmgr.policies = build(many, both);
}

/* Is exactly what the list permits in some child, and nothing else? */
static void check_crowd(const struct ipsecmgr_policy *p, unsigned local, unsigned remote, bool pairs)
{
	struct ipsecmgr_flow f = {.proto = 17};

	for (unsigned l = 0; l <= local; l++)
		for (unsigned r = 0; r <= remote; r++) {
			f.src = net_addr_v4(0x0a010001 + (l << 8));
			f.dst = net_addr_v4(0x0a020001 + (r << 8));
			cr_assert_eq(rule_of(p, &f) < p->pol.n_payload,
			             l < local && r < remote && (!pairs || l == r), "%u %u", l, r);
		}
}

Test(ipsecmgr_maps, rules_share_children_where_there_are_many)
{
	struct ipsecmgr_policy *p = crowd(1, 5, false);

	cr_assert_eq(p->pol.n_payload, 5, "five have one each");
	cr_assert_eq(p->pol.payload[4].max_children, 1);
	check_crowd(p, 1, 5, false);
	p = crowd(3, 4, false);
	cr_assert_str_eq(problems, "");
	cr_assert_eq(p->pol.n_payload, 3);
	cr_assert_eq(p->map->n_rules, 12);
	cr_assert_eq(p->pol.payload[0].n_ts_local, 1);
	cr_assert_eq(p->pol.payload[0].n_ts_remote, 4);
	cr_assert_eq(p->pol.payload[0].max_children, 4, "the peer may have a child for each");
	check_crowd(p, 3, 4, false);
	p = crowd(4, 5, false);
	cr_assert_eq(p->pol.n_payload, 5, "a side has four selectors at most");
	check_crowd(p, 4, 5, false);
}

Test(ipsecmgr_maps, rules_without_a_child_are_dropped)
{
	struct ipsecmgr_policy *p = crowd(7, 7, true);

	cr_assert_str_eq(problems,
	                 "context a crypto map m: its lists permit 7 times, more than five child SAs can "
	                 "carry; what 2 of these rules permit is dropped\n");
	cr_assert_eq(p->pol.n_payload, 5);
	cr_assert_eq(p->map->n_rules, 7, "they lead into the tunnel, where nothing carries them");
}

Test(ipsecmgr_maps, a_packet_sets_the_tunnel_up_with_all_its_children)
{
	struct ike_engine_stats st;

	face_to_face();
	packet("172.16.9.1", "172.17.0.1");
	packet("172.16.0.1", "172.17.1.1");
	w_run(w, W_US);
	cr_assert_eq(w->sent[1], 0, "packets of no rule set nothing up");
	packet("172.16.1.1", "172.17.1.1");
	packet("172.16.1.1", "172.17.1.1");
	packet("172.16.0.1", "172.17.0.1");
	ike_engine_stats_get(ipsecmgr.e, &st);
	cr_assert_eq(st.sas, 1, "one set-up for all of them");
	pass(20 * W_US);
	cr_assert_eq(w_established(&w->n[1]), 1);
	cr_assert_eq(w_matched(w), 2);
	cr_expect_null(timer, "nothing is left to do");
	/* a child that is gone is asked for again by its packets, not more often than every five seconds */
	for (unsigned i = 0; i < W_CHILDREN; i++)
		if (w->n[1].child[i].live && w->n[1].child[i].tsl.lo.bytes[2] == 1)
			ike_engine_delete_child(ipsecmgr.e, w->now, w->n[1].child[i].in);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 1);
	w_run(w, 5 * W_US);
	packet("172.16.1.1", "172.17.1.1");
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 2);
}

Test(ipsecmgr_maps, a_dead_peer_is_tried_again_by_the_next_packet)
{
	struct ike_engine_stats st;

	face_to_face();
	w_kill(&w->n[0]);
	packet("172.16.0.1", "172.17.0.1");
	w_run(w, 100 * W_US);
	ike_engine_stats_get(ipsecmgr.e, &st);
	cr_assert_eq(st.sas, 0);
	cr_assert_eq(w->n[1].events[IKE_EV_SETUP_FAILED], 1);
	w_start(&w->n[0]);
	packet("172.16.0.1", "172.17.0.1");
	pass(2 * W_US);
	cr_assert_eq(w_matched(w), 2);
}

/* Both begin at once: one of the two tunnels stays. */
Test(ipsecmgr_maps, of_two_tunnels_one_stays)
{
	struct ike_initiate i = {.policy = "tmpl", .path = w_path(500)};
	struct net_endpoint local = i.path.local;

	face_to_face();
	i.path.local = i.path.remote;
	i.path.remote = local;
	cr_assert_eq(ike_engine_initiate(w->n[0].e, w->now, &i, NULL), 0);
	packet("172.16.0.1", "172.17.0.1");
	w_run(w, 100000);
	cr_assert_eq(w_established(&w->n[1]), 2);
	pass(6 * W_US);
	cr_assert_eq(w_established(&w->n[1]), 1);
	cr_assert_eq(w_established(&w->n[0]), 1);
	cr_assert_eq(w_matched(w), 2);
}

/* The peer has lost everything and begins anew: its tunnel counts, whoever has the greater address. */
Test(ipsecmgr_maps, a_peer_that_forgot_us_is_not_sent_away)
{
	struct ike_initiate i = {.policy = "tmpl", .path = w_path(500)};
	struct net_endpoint local = i.path.local;
	struct ike_sa_view v;
	uint64_t old;

	face_to_face();
	packet("172.16.0.1", "172.17.0.1");
	pass(10 * W_US);
	cr_assert_eq(w_matched(w), 2);
	cr_assert(w_sa(&w->n[1], &v));
	old = v.spi;
	w_kill(&w->n[0]);
	w_forget(&w->n[0]);
	w_start(&w->n[0]);
	i.path.local = i.path.remote;
	i.path.remote = local;
	cr_assert_eq(ike_engine_initiate(w->n[0].e, w->now, &i, NULL), 0);
	pass(6 * W_US);
	cr_assert(w_sa(&w->n[0], &v));
	pass(60 * W_US);
	cr_assert_eq(w_established(&w->n[1]), 1);
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_neq(v.spi, old);
	cr_assert_eq(w_matched(w), 2);
}

/* A changed map: what is up stays and gets nothing new until it is cleared (chapter 6), or ends (chapter 7).
 */
Test(ipsecmgr_maps, a_change_waits_or_ends_the_tunnel)
{
	struct ipsecmgr_policy *p = face_to_face();
	struct ike_policy was = p->pol;
	struct ike_sa_view v;

	packet("172.16.0.1", "172.17.0.1");
	pass(2 * W_US);
	cr_assert_eq(w_matched(w), 2);
	p->pol.payload[1].ts_remote[0].hi.bytes[3] = 127;
	ipsecmgr_change_map(&ipsecmgr, tree, p, &was, false);
	cr_assert_eq(ike_engine_policy_put(ipsecmgr.e, &p->pol), 0);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 2);
	cr_assert(w_sa(&w->n[1], &v));
	cr_expect(v.outdated);
	cr_assert_eq(ike_engine_delete_ike(ipsecmgr.e, w->now, v.spi), 0);
	w_run(w, W_US);
	packet("172.16.0.1", "172.17.0.1");
	pass(2 * W_US);
	cr_assert_eq(w_matched(w), 2);
	cr_assert(w_sa(&w->n[1], &v));
	cr_expect_not(v.outdated);

	ipsecmgr_cfg_free(build("config\nikesa delete on-mismatch\ncontext a\nend\n", both));
	was = p->pol;
	p->pol.dpd_interval_s = 77;
	ipsecmgr_change_map(&ipsecmgr, tree, p, &was, false);
	cr_assert_eq(ike_engine_policy_put(ipsecmgr.e, &p->pol), 0);
	w_run(w, W_US);
	cr_assert_eq(w_established(&w->n[1]), 1, "a timer is not critical");
	was = p->pol;
	p->pol.psk[0] ^= 1;
	ipsecmgr_change_map(&ipsecmgr, tree, p, &was, false);
	cr_assert_eq(ike_engine_policy_put(ipsecmgr.e, &p->pol), 0);
	w_run(w, W_US);
	cr_assert_eq(w_established(&w->n[1]), 0);
	cr_assert_eq(w_established(&w->n[0]), 0, "the peer was told");
}

/* --- what chapter 7 calls critical --- */

static void of_ike(struct ike_policy *p)
{
	p->ike[0].encr_bits ^= 384;
}
static void of_ike_group(struct ike_policy *p)
{
	p->ike[0].dh++;
}
static void less_sets(struct ike_policy *p)
{
	p->n_ike--;
}
static void of_esp(struct ike_policy *p)
{
	p->payload[0].esp[0].integ++;
}
static void less_esp(struct ike_policy *p)
{
	p->payload[0].n_esp--;
}
static void local_by_certificate(struct ike_policy *p)
{
	p->auth[0].local_cert = true;
}
static void remote_by_certificate(struct ike_policy *p)
{
	p->auth[0].remote_cert = true;
}
static void one_way_more(struct ike_policy *p)
{
	p->n_auth++;
}
static void remote_key(struct ike_policy *p)
{
	p->psk[3] ^= 1;
}
static void local_key(struct ike_policy *p)
{
	p->psk_local_len++;
}
static void own_certificate(struct ike_policy *p)
{
	p->own = (struct pki_own *)(uintptr_t)16;
}
static void authorities(struct ike_policy *p)
{
	p->trust = (struct pki_trust *)(uintptr_t)16; /* CA certificates and revocation lists */
}
static void peer(struct ike_policy *p)
{
	p->peer.bytes[3]++;
}
static void rule_more(struct ike_policy *p)
{
	p->n_payload++;
}
static void rule_other(struct ike_policy *p)
{
	p->payload[0].ts_remote[0].port_lo = 7;
}
static void lifetime(struct ike_policy *p)
{
	p->ike_lifetime_s++;
	p->payload[0].lifetime_s++;
}
static void detection(struct ike_policy *p)
{
	p->dpd_interval_s++;
	p->max_retrans++;
}

Test(ipsecmgr_maps, what_is_critical)
{
	static const struct {
		void (*change)(struct ike_policy *p);
		bool critical;
	} rows[] = {
	        {of_ike, true},
	        {of_ike_group, true},
	        {less_sets, true},
	        {of_esp, true},
	        {less_esp, true},
	        {local_by_certificate, true},
	        {one_way_more, true},
	        {remote_by_certificate, true},
	        {remote_key, true},
	        {local_key, true},
	        {own_certificate, true},
	        {authorities, true},
	        {peer, true},
	        {rule_more, true},
	        {rule_other, true},
	        {lifetime, false},
	        {detection, false},
	};
	struct ike_policy was = w->n[0].policy, now;

	was.n_payload = was.n_auth = 1;
	was.payload[0].n_ts_remote = 1;
	cr_assert_not(critical(&was, &was));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		now = was;
		rows[i].change(&now);
		cr_expect_eq(critical(&now, &was), rows[i].critical, "row %zu", i);
	}
}

/* A rule that is added or deleted, whatever it does; not one of another list, nor the order of maps. */
Test(ipsecmgr_maps, rules_added_and_deleted)
{
	static const struct {
		const char *rules, *others;
		bool changed;
	} rows[] = {
	        {"permit ip 10.1.0.0 0.0.255.255 any\n", "permit ip any any\n", false},
	        {"permit ip 10.1.0.0 0.0.255.255 any\n", "deny ip any any\npermit ip any any\n", false},
	        {"deny ip any host 10.9.0.1\npermit ip 10.1.0.0 0.0.255.255 any\n", "permit ip any any\n",
	         true},
	        {"permit ip 10.1.0.0 0.0.255.255 any\n", "permit ip any any\n", true},
	        {"permit ip 10.1.0.0 0.0.255.255 any\npermit udp any any\n", "permit ip any any\n", true},
	        {"permit ip 10.1.0.0 0.0.255.255 any\npermit udp any any eq 7\n", "permit ip any any\n",
	         true},
	};
	char text[2000];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ipsecmgr_policy *p;

		snprintf(text, sizeof(text),
		         "config\ncontext a\nip access-list x\n%s#exit\nip access-list "
		         "y\n%s#exit\n%s%s%s%send\n",
		         rows[i].rules, rows[i].others, IFACE("i", "192.0.2.1", "m"),
		         IFACE("j", "198.51.100.1", "n"), MAP("m", "192.0.2.7", "x 9"),
		         MAP("n", "198.51.100.7", "y"));
		p = build(text, both);
		cr_expect_eq(ipsecmgr_maps_rules_changed(p), rows[i].changed, "row %zu", i);
		ipsecmgr_cfg_free(ipsecmgr.policies);
		ipsecmgr.policies = p;
	}
}

/* A list that is gone from the map, or gone altogether, and a peer that is: the map is none any more, and
 * whoever has its policies ends its tunnels. */
Test(ipsecmgr_maps, without_list_or_peer_there_is_no_map)
{
	static const char *const without[] = {
	        "match address x\n",
	        "match address gone\npeer 192.0.2.7\n",
	        "peer 192.0.2.7\n",
	};
	char text[2000];

	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++) {
		snprintf(text, sizeof(text),
		         "config\ncontext a\nip access-list x\npermit ip any any\n#exit\n%s"
		         "crypto map m ikev2-ipv4\n%spayload p match ipv4\n#exit\n#exit\nend\n",
		         IFACE("i", "192.0.2.1", "m"), without[i]);
		cr_expect_null(build(text, both), "row %zu", i);
	}
}
