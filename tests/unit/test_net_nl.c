/* SPDX-License-Identifier: MIT */
/*
 * Netlink, namespaces, TUN and announcements against the kernel, in a fresh network namespace of its own.
 * Skipped where namespaces may not be made.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <net/ethernet.h>
#include <netpacket/packet.h>
#include <unistd.h>

#include "net/garp.h"
#include "net/nl.h"
#include "net/ns.h"
#include "net/sock.h"

static int ns_a = -1;

static struct nl *begin(void)
{
	struct nl *nl;
	int err;

	ns_a = ns_create();
	if (ns_a == -EPERM || ns_a == -ENOSPC)
		cr_skip_test("no network namespaces here");
	cr_assert_geq(ns_a, 0, "%d", ns_a);
	nl = nl_new(ns_a, &err);
	cr_assert(nl, "%d", err);
	return nl;
}

static struct net_prefix prefix(const char *text)
{
	struct net_prefix p;

	cr_assert_eq(net_prefix_parse(&p, text), 0);
	return p;
}

static int count_addr(int ifindex, const struct net_prefix *p, void *arg)
{
	struct net_prefix want = prefix("10.9.0.1/24");

	if (net_addr_equal(&p->addr, &want.addr) && p->len == 24)
		++*(int *)arg;
	return 0;
}

static int count_route(const struct nl_route *r, void *arg)
{
	++*(int *)arg;
	return 0;
}

Test(net_nl, links)
{
	struct nl *nl = begin();
	int ns_b = ns_create();
	struct nl_link l;
	struct nl *other;
	int br;
	int v;
	int err;

	cr_assert_geq(nl_link_index(nl, "lo"), 1);
	cr_assert_eq(nl_link_index(nl, "nosuch0"), -ENODEV);
	cr_assert_eq(nl_link_index(nl, "a-name-that-is-too-long"), -EINVAL);
	cr_assert_eq(nl_link_bridge(nl, "br0"), 0);
	cr_assert_eq(nl_link_bridge(nl, "br0"), -EEXIST);
	cr_assert_eq(nl_link_veth(nl, "v0", "eth0", ns_b), 0, "%s", nl_error_text(nl));
	br = nl_link_index(nl, "br0");
	v = nl_link_index(nl, "v0");
	cr_assert_eq(nl_link_mtu(nl, v, 1400), 0);
	cr_assert_eq(nl_link_rename(nl, v, "v1"), 0);
	cr_assert_eq(nl_link_master(nl, v, br), 0);
	cr_assert_eq(nl_link_mac(nl, v, (const uint8_t *)"\x02\x00\x00\x00\x00\x07"), 0);
	cr_assert_eq(nl_link_up(nl, v, true), 0);
	cr_assert_eq(nl_link_get(nl, "v1", &l), 0);
	cr_assert_eq(l.mtu, 1400u);
	cr_assert_eq(l.master, br);
	cr_assert(l.up);
	cr_assert_str_eq(l.kind, "veth");
	cr_assert_eq(l.mac[5], 7);
	other = nl_new(ns_b, &err);
	cr_assert(other);
	cr_assert_geq(nl_link_index(other, "eth0"), 1);
	cr_assert_eq(nl_link_to_ns(nl, v, ns_b, "v9"), 0, "%s", nl_error_text(nl));
	cr_assert_eq(nl_link_index(nl, "v1"), -ENODEV);
	cr_assert_geq(nl_link_index(other, "v9"), 1);
	cr_assert_eq(nl_link_delete(nl, br), 0);
	cr_assert_eq(nl_link_delete(nl, br), -ENODEV);
	nl_free(other);
	nl_free(nl);
	close(ns_a);
	close(ns_b);
}

static int open_tun(void *arg)
{
	return sock_tun_open(arg, false, true);
}

Test(net_nl, addresses_and_routes)
{
	struct nl *nl = begin();
	struct net_prefix a = prefix("10.9.0.1/24");
	struct net_prefix a6 = prefix("2001:db8:9::1/64");
	struct nl_route r = {.dst = prefix("10.20.0.0/16")};
	struct nl_route *many = calloc(2000, sizeof(*many));
	int *status = calloc(2000, sizeof(*status));
	int n = 0;
	int tun;
	int idx;
	int i;

	tun = ns_run(ns_a, open_tun, (void *)(uintptr_t) "tun-1");
	if (tun == -ENOENT || tun == -EPERM)
		cr_skip_test("no TUN here");
	cr_assert_geq(tun, 0);
	idx = nl_link_index(nl, "tun-1");
	cr_assert_eq(nl_link_up(nl, idx, true), 0);
	cr_assert_eq(nl_addr_add(nl, idx, &a), 0, "%s", nl_error_text(nl));
	cr_assert_eq(nl_addr_add(nl, idx, &a), -EEXIST);
	cr_assert_eq(nl_addr_add(nl, idx, &a6), 0);
	cr_assert_eq(nl_addr_walk(nl, idx, count_addr, &n), 0);
	cr_assert_eq(n, 1);
	net_addr_parse(&r.gateway, "10.9.0.7");
	cr_assert_eq(nl_route_add(nl, &r), 0, "%s", nl_error_text(nl));
	cr_assert_eq(nl_route_add(nl, &r), -EEXIST);
	cr_assert_eq(nl_route_replace(nl, &r), 0);
	for (i = 0; i < 2000; i++) {
		many[i].dst.addr = net_addr_v4(0x0b000000u + (uint32_t)i);
		many[i].dst.len = 32;
		many[i].ifindex = i == 700 ? 9999 : idx; /* one bad one */
	}
	cr_assert_eq(nl_route_batch(nl, many, 2000, false, status), -ENODEV);
	for (i = 0; i < 2000; i++)
		cr_assert_eq(status[i], i == 700 ? -ENODEV : 0, "%d: %d", i, status[i]);
	n = 0;
	cr_assert_eq(nl_route_walk(nl, count_route, &n), 0);
	cr_assert_eq(n, 2000);
	many[700].ifindex = idx;
	cr_assert_eq(nl_route_batch(nl, many, 2000, true, status), -ESRCH);
	n = 0;
	nl_route_walk(nl, count_route, &n);
	cr_assert_eq(n, 1);
	cr_assert_eq(nl_route_del(nl, &r), 0);
	cr_assert_eq(nl_route_del(nl, &r), -ESRCH);
	r.type = NL_ROUTE_BLACKHOLE;
	r.gateway.family = 0;
	cr_assert_eq(nl_route_replace(nl, &r), 0, "%s", nl_error_text(nl));
	cr_assert_eq(nl_addr_del(nl, idx, &a), 0);
	cr_assert_eq(nl_addr_del(nl, idx, &a), -EADDRNOTAVAIL);
	a.len = 40;
	cr_assert_eq(nl_addr_add(nl, idx, &a), -EINVAL);
	free(many);
	free(status);
	close(tun);
	nl_free(nl);
	close(ns_a);
}

static int packet_socket(void *arg)
{
	return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
}

struct announce {
	int ifindex;
	struct net_addr addr;
};

struct seen_neigh {
	struct net_addr want;
	struct nl_neigh found;
	int n;
};

static int see_neigh(const struct nl_neigh *n, void *arg)
{
	struct seen_neigh *s = arg;

	if (net_addr_equal(&n->addr, &s->want)) {
		s->found = *n;
		s->n++;
	}
	return 0;
}

Test(net_nl, neighbours)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
	struct nl *nl = begin();
	struct net_prefix a = prefix("10.9.1.1/24");
	struct seen_neigh s = {.n = 0};
	struct nl_link link;
	int idx;

	cr_assert_eq(nl_link_veth(nl, "n-1", "n-2", -1), 0, "%s", nl_error_text(nl));
	idx = nl_link_index(nl, "n-1");
	cr_assert_eq(nl_link_up(nl, idx, true), 0);
	cr_assert_eq(nl_addr_add(nl, idx, &a), 0);
	net_addr_parse(&s.want, "10.9.1.7");
	cr_assert_eq(nl_neigh_walk(nl, AF_INET, see_neigh, &s), 0);
	cr_expect_eq(s.n, 0);
	cr_assert_eq(nl_neigh_replace(nl, idx, &s.want, mac), 0);
	cr_assert_eq(nl_neigh_walk(nl, AF_INET, see_neigh, &s), 0);
	cr_expect_eq(s.n, 1);
	cr_expect(s.found.ifindex == idx && s.found.has_mac && !memcmp(s.found.mac, mac, 6));
	cr_expect(s.found.state & 0x80, "permanent");
	cr_assert_eq(nl_neigh_walk(nl, AF_INET6, see_neigh, &s), 0);
	cr_expect_eq(s.n, 1, "the other family");
	cr_assert_eq(nl_neigh_del(nl, idx, &s.want), 0);
	cr_assert_eq(nl_link_get(nl, "n-1", &link), 0);
	cr_expect(link.rx_errors == 0 && link.tx_dropped < 1000);
	nl_free(nl);
}

static int announce(void *arg)
{
	struct announce *a = arg;

	return garp_send(a->ifindex, &a->addr);
}

/* Announce until it is heard: a link that has just come up drops frames until the kernel has noticed. */
static bool heard(struct announce *a, int fd, uint16_t ethertype, uint8_t *frame)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int tries;

	for (tries = 0; tries < 50; tries++) {
		cr_assert_eq(ns_run(ns_a, announce, a), 0);
		while (poll(&p, 1, 100) > 0) {
			if (recv(fd, frame, 1500, 0) > 40 && frame[12] == ethertype >> 8 &&
			    frame[13] == (ethertype & 0xff))
				if (ethertype == 0x0806 || frame[54] == 136)
					return true;
		}
	}
	return false;
}

Test(net_nl, announcements)
{
	struct nl *nl = begin();
	struct announce a = {0};
	uint8_t frame[1500];
	int fd;

	cr_assert_eq(nl_link_veth(nl, "v0", "v1", -1), 0);
	cr_assert_eq(nl_link_up(nl, nl_link_index(nl, "v0"), true), 0);
	cr_assert_eq(nl_link_up(nl, nl_link_index(nl, "v1"), true), 0);
	fd = ns_run(ns_a, packet_socket, NULL);
	cr_assert_geq(fd, 0);
	a.ifindex = nl_link_index(nl, "v0");
	net_addr_parse(&a.addr, "192.0.2.77");
	cr_assert(heard(&a, fd, 0x0806, frame));
	cr_assert_eq(memcmp(frame + 28, "\xc0\x00\x02\x4d", 4), 0);
	cr_assert_eq(memcmp(frame + 38, "\xc0\x00\x02\x4d", 4), 0);
	net_addr_parse(&a.addr, "2001:db8::77");
	cr_assert(heard(&a, fd, 0x86dd, frame));
	cr_assert_eq(frame[54 + 23], 0x77);
	a.ifindex = nl_link_index(nl, "lo");
	cr_assert_eq(ns_run(ns_a, announce, &a), -EINVAL);
	close(fd);
	nl_free(nl);
	close(ns_a);
}

Test(net_nl, sysctl_and_bad_namespace)
{
	struct nl *nl = begin();

	cr_assert_eq(ns_sysctl(ns_a, "net/ipv4/ip_forward", "1"), 0);
	cr_assert_eq(ns_sysctl(ns_a, "net/ipv4/no_such_knob", "1"), -ENOENT);
	cr_assert_eq(ns_sysctl(ns_a, "net/../kernel/x", "1"), -EINVAL);
	cr_assert_eq(ns_run(-1, packet_socket, NULL), -EBADF);
	nl_free(nl);
	close(ns_a);
}

struct seen_rules {
	struct nl_rule r[16];
	unsigned n;
};

static int see_rule(const struct nl_rule *r, void *arg)
{
	struct seen_rules *s = arg;

	cr_assert_lt(s->n, 16);
	s->r[s->n++] = *r;
	return 0;
}

/* Every part of a rule comes back from the kernel as it was given. */
Test(net_nl, rules)
{
	struct nl_rule all[] = {
	        {.family = AF_INET, .priority = 99, .table = 254, .mark = SOCK_PROTECTED_MARK},
	        {.family = AF_INET,
	         .priority = 100,
	         .action = NL_RULE_GOTO,
	         .target = 102,
	         .table = 10080,
	         .proto = 6,
	         .src = prefix("10.1.0.0/16"),
	         .dport_lo = 1,
	         .dport_hi = 1023},
	        {.family = AF_INET,
	         .priority = 101,
	         .table = 10080,
	         .proto = 17,
	         .src = prefix("10.1.0.0/16"),
	         .dst = prefix("10.2.0.7/32"),
	         .sport_lo = 53,
	         .sport_hi = 53},
	        {.family = AF_INET, .priority = 102, .action = NL_RULE_NOP, .table = 10080},
	        {.family = AF_INET6,
	         .priority = 101,
	         .table = 10080,
	         .src = prefix("2001:db8:1::/48"),
	         .dst = prefix("2001:db8:2::/48")},
	};
	struct nl *nl = begin();
	struct seen_rules seen = {.n = 0};
	unsigned n = sizeof(all) / sizeof(all[0]);

	/* a place that is gone to comes first */
	for (unsigned i = n; i-- > 0;) {
		cr_assert_eq(nl_rule_add(nl, &all[i]), 0, "rule %u: %s", i, nl_error_text(nl));
		cr_assert_eq(nl_rule_add(nl, &all[i]), -EEXIST);
	}
	cr_assert_eq(nl_rule_walk(nl, see_rule, &seen), 0);
	cr_assert_eq(seen.n, n);
	for (unsigned i = 0; i < n; i++) {
		unsigned same = 0;

		for (unsigned k = 0; k < n; k++)
			same += nl_rule_equal(&all[i], &seen.r[k]);
		cr_expect_eq(same, 1u, "rule %u", i);
		cr_assert_eq(nl_rule_del(nl, &all[i]), 0, "%u: %s", i, nl_error_text(nl));
		cr_assert_eq(nl_rule_del(nl, &all[i]), -ENOENT);
	}
	seen.n = 0;
	cr_assert_eq(nl_rule_walk(nl, see_rule, &seen), 0);
	cr_assert_eq(seen.n, 0u);
	all[1].target = 100;
	cr_assert_eq(nl_rule_add(nl, &all[1]), -EINVAL);
	nl_free(nl);
}
