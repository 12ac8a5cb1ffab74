/* SPDX-License-Identifier: MIT */
/*
 * Routing rules of crypto maps (ipsecmgr_spd.c, ipsecmgr_closed.c): they choose exactly the packets the
 * access lists choose, by a model of the kernel's rules; of maps that can't be used as well; and when they
 * are told.
 */
#include "ipsecmgr_maps_rig.h"

TestSuite(ipsecmgr_spd, .init = setup, .fini = teardown, .timeout = 120);

/* --- routing rules against the lists they are made of --- */

struct packet {
	uint32_t src, dst;
	uint8_t proto;
	uint16_t sport, dport;
};

static bool in_prefix(const ProtobufCBinaryData *b, uint32_t len, uint32_t a)
{
	uint32_t p;

	if (!len)
		return true;
	p = (uint32_t)b->data[0] << 24 | (uint32_t)b->data[1] << 16 | (uint32_t)b->data[2] << 8 | b->data[3];
	return !((p ^ a) >> (32 - len));
}

static bool fits(const PolicyUpdate__Rule *r, const struct packet *p)
{
	return !r->ipv6 && in_prefix(&r->src, r->src_len, p->src) && in_prefix(&r->dst, r->dst_len, p->dst) &&
	       (!r->proto || r->proto == p->proto) &&
	       (!r->sport_first || (p->sport >= r->sport_first && p->sport <= r->sport_last)) &&
	       (!r->dport_first || (p->dport >= r->dport_first && p->dport <= r->dport_last));
}

/* As the kernel: by priority, and the later ones of one priority behind. False: past all of them. */
static bool routed(const struct vpn_spd_rows *l, const struct packet *p)
{
	uint32_t at = 0, best;
	const PolicyUpdate__Rule *r;

	for (;;) {
		r = NULL;
		best = UINT32_MAX;
		for (size_t i = 0; i < l->n; i++)
			if (l->row[i].priority >= at && l->row[i].priority < best && fits(&l->row[i], p)) {
				best = l->row[i].priority;
				r = &l->row[i];
			}
		if (!r)
			return false;
		if (r->action == POLICY_UPDATE__ACTION__TUNNEL)
			return true;
		cr_assert(r->action != POLICY_UPDATE__ACTION__SKIP || r->target > r->priority);
		at = r->action == POLICY_UPDATE__ACTION__SKIP ? r->target : r->priority + 1;
	}
}

static bool port_fits(const struct vpn_acl_ports *p, uint16_t port)
{
	for (unsigned i = 0; i < p->n; i++)
		if (port >= p->lo[i] && port <= p->hi[i])
			return true;
	return false;
}

static uint32_t v4(const struct net_addr *a)
{
	return (uint32_t)a->bytes[0] << 24 | (uint32_t)a->bytes[1] << 16 | (uint32_t)a->bytes[2] << 8 |
	       a->bytes[3];
}

static bool acl_fits(const struct vpn_acl_rule *a, const struct packet *p)
{
	return (!a->src.len || !((v4(&a->src.addr) ^ p->src) >> (32 - a->src.len))) &&
	       (!a->dst.len || !((v4(&a->dst.addr) ^ p->dst) >> (32 - a->dst.len))) &&
	       (!a->proto || a->proto == p->proto) && port_fits(&a->sport, p->sport) &&
	       port_fits(&a->dport, p->dport);
}

/* The first rule of a list that fits counts; what it denies is left to the next list. */
static bool chosen(const struct ipsecmgr_map_state *map, const struct packet *p)
{
	uint32_t denied = 0;

	for (unsigned i = 0; i < map->n_rules; i++) {
		if (map->rule[i].end == denied || !acl_fits(&map->rule[i].acl, p))
			continue;
		if (map->rule[i].acl.permit)
			return true;
		denied = map->rule[i].end;
	}
	return false;
}

static uint32_t rnd(uint32_t n)
{
	return (uint32_t)(w_rand(&w->n[0]) >> 33) % n;
}

static struct vpn_acl_ports random_ports(void)
{
	uint16_t a = (uint16_t)(1 + rnd(6)), b = (uint16_t)(a + rnd(4));

	switch (rnd(6)) {
	case 0:
		return (struct vpn_acl_ports){.n = 1, .lo = {a}, .hi = {b}};
	case 1:
		return (struct vpn_acl_ports){.n = 1, .lo = {a}, .hi = {65535}};
	case 2:
		return (struct vpn_acl_ports){.n = 1, .lo = {0}, .hi = {a}};
	case 3:
		return (struct vpn_acl_ports){
		        .n = 2, .lo = {0, (uint16_t)(a + 1)}, .hi = {(uint16_t)(a - 1), 65535}};
	}
	return (struct vpn_acl_ports){.n = 1, .hi = {65535}};
}

Test(ipsecmgr_spd, routing_chooses_what_the_lists_choose)
{
	unsigned yes = 0, no = 0;

	for (unsigned round = 0; round < 300; round++) {
		struct ipsecmgr_map_state map = {.n_rules = 1 + rnd(7)};
		struct vpn_spd_rows l = {.n = 0}, back = {.n = 0};
		unsigned first = 1 + rnd(map.n_rules); /* rules of the first list; the second follows */

		for (unsigned i = 0; i < map.n_rules; i++) {
			bool second = i >= first;
			struct vpn_spd_rule *s = &map.rule[i];

			s->priority = VPN_SPD_FIRST + i * VPN_SPD_SLOTS + second;
			s->end = VPN_SPD_FIRST + (second ? map.n_rules : first) * VPN_SPD_SLOTS + second;
			s->acl = (struct vpn_acl_rule){.permit = rnd(3) != 0,
			                               .proto = (uint8_t[]){0, 6, 17, 1}[rnd(4)]};
			s->acl.src = (struct net_prefix){net_addr_v4(0x0a000000 + rnd(4)),
			                                 (uint8_t)(rnd(2)   ? 32
			                                           : rnd(2) ? 31
			                                                    : 0)};
			s->acl.dst = (struct net_prefix){net_addr_v4(0x0a000000 + rnd(4)),
			                                 (uint8_t)(rnd(2)   ? 32
			                                           : rnd(2) ? 31
			                                                    : 0)};
			net_addr_mask(&s->acl.src.addr, s->acl.src.len);
			net_addr_mask(&s->acl.dst.addr, s->acl.dst.len);
			s->acl.sport = s->acl.dport = (struct vpn_acl_ports){.n = 1, .hi = {65535}};
			if (s->acl.proto == 6 || s->acl.proto == 17) {
				s->acl.sport = random_ports();
				s->acl.dport = random_ports();
			}
		}
		put_map(&l, &map);
		put_clear(&back, &map);
		for (unsigned k = 0; k < 200; k++) {
			struct packet p = {0x0a000000 + rnd(4), 0x0a000000 + rnd(4),
			                   (uint8_t[]){6, 17, 1, 47}[rnd(4)], (uint16_t)(1 + rnd(10)),
			                   (uint16_t)(rnd(8) ? 1 + rnd(10) : 65534)};
			bool want_it = chosen(&map, &p);

			cr_assert_eq(routed(&l, &p), want_it, "round %u packet %u", round, k);
			p = (struct packet){p.dst, p.src, p.proto, p.dport, p.sport};
			cr_assert_eq(routed(&back, &p), want_it, "round %u packet %u in clear", round, k);
			yes += want_it;
			no += !want_it;
		}
		free(l.row);
		free(back.row);
	}
	cr_assert_gt(yes, 5000u);
	cr_assert_gt(no, 5000u);
}

/* A map that can't be used protects all the same: what its lists permit leads into the TUN, where nothing
 * carries it. */
Test(ipsecmgr_spd, what_a_map_that_can_not_be_used_permits_is_dropped)
{
	static const char text[] =
	        "config\ncontext a\nip access-list x\ndeny ip any host 10.9.0.1\npermit ip 10.1.0.0 "
	        "0.0.255.255 10.9.0.0 0.0.255.255\npermit udp any host 10.8.0.1 eq 53\n#exit\n" IFACE(
	                "i", "192.0.2.1", "m")
	                IFACE("j", "198.51.100.1", "n") "crypto map m ikev2-ipv4\npeer 192.0.2.7\nmatch "
	                                                "address x\n#exit\n" MAP("n", "198.51.100.7",
	                                                                         "missing") "end\n";
	static struct task t = {.instance = PLACE_MAP_FIRST};
	struct ipsecmgr_policy *closed;
	unsigned tunnels = 0;

	cr_assert_null(build(text, both));
	closed = ipsecmgr.maps_closed;
	cr_assert(closed && closed->next && !closed->next->next);
	cr_expect_eq(closed->map->n_rules, 3);
	cr_expect_str_eq(closed->next->map->why,
	                 "access-list missing does not exist; its access lists permit nothing");
	cr_expect_eq(closed->next->map->n_rules, 0, "nobody knows what it would permit");
	w_boot(w);
	ipsecmgr.t = &t;
	ipsecmgr.e = w->n[1].e;
	ipsecmgr_maps_policies(&ipsecmgr);
	cr_assert(told);
	for (size_t i = 0; i < told->n_rules; i++)
		tunnels += told->rules[i]->action == POLICY_UPDATE__ACTION__TUNNEL;
	cr_expect_eq(tunnels, 4, "two that permit, both ways");
	closed->ctx = 1;
	packet("10.1.2.3", "10.9.0.2");
	packet("10.9.0.2", "10.1.2.3");
	cr_expect_eq(closed->map->dropped, 2);
	packet("10.1.2.3", "10.9.0.1");
	packet("10.2.2.3", "10.9.0.2");
	packet("10.2.2.3", "10.8.0.1");
	cr_expect_eq(closed->map->dropped, 2, "these are not the map's");
	/* as long as the map is on an interface */
	cr_assert_null(build("config\ncontext a\nend\n", both));
	cr_assert_null(ipsecmgr.maps_closed);
	told_cb(&t, &ipsecmgr, 0, NULL);
	ipsecmgr_maps_policies(&ipsecmgr);
	cr_expect_eq(told->n_rules, 0);
	ipsecmgr.t = NULL;
}

/* Everything is told again when it was not heard, and nothing once the chassis serves no more. */
Test(ipsecmgr_spd, policies_are_told_until_they_are_heard)
{
	static struct task t = {.instance = PLACE_MAP_FIRST};

	face_to_face();
	ipsecmgr.t = &t;
	ipsecmgr_maps_policies(&ipsecmgr);
	cr_assert(told);
	cr_expect_eq(told->instance, (uint32_t)PLACE_MAP_FIRST);
	cr_expect_eq(told->n_rules, 2 + 2 + 4, "both ways, and for both families the way past the second");
	cr_expect_eq(told->rules[0]->action, POLICY_UPDATE__ACTION__TUNNEL);
	told_cb(&t, &ipsecmgr, -ETIMEDOUT, NULL);
	cr_assert(timer, "it is tried again");
	timer(&t, &ipsecmgr);
	told_cb(&t, &ipsecmgr, 0, NULL);
	cr_assert_null(timer);
	ipsecmgr.e = NULL;
	ipsecmgr.srp_known = true;
	ipsecmgr_maps_policies(&ipsecmgr);
	cr_expect_eq(told->n_rules, 0);
	ipsecmgr.t = NULL;
}

/* What the one before us had led into its TUN goes on doing so until we know what we serve. */
Test(ipsecmgr_spd, a_manager_that_begins_takes_nothing_away)
{
	static struct task t = {.instance = PLACE_MAP_FIRST};

	ipsecmgr.t = &t;
	ipsecmgr_maps_policies(&ipsecmgr);
	cr_expect_null(told, "whether the chassis serves is not known");
	ipsecmgr.srp_known = ipsecmgr.serving = true;
	ipsecmgr_maps_policies(&ipsecmgr);
	cr_expect_null(told, "nothing is restored yet");
	ipsecmgr.serving = false;
	ipsecmgr_maps_policies(&ipsecmgr);
	cr_assert(told);
	cr_expect_eq(told->n_rules, 0, "it is the other chassis that serves");
	ipsecmgr.t = NULL;
}
