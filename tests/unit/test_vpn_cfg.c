/* SPDX-License-Identifier: MIT */
/*
 * From configuration text to what vpnmgr shall set up (lib/vpn): the real grammar, the real lines; and the
 * difference between wanted and actual addresses and routes.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "vpn/vpn_cfg.h"
#include "vpn/vpn_diff.h"

static const char text[] =
        "config\n"
        "context local\n  interface mgmt\n    ip address 192.0.2.1 255.255.255.0\n  #exit\n#exit\n"
        "context srp\n#exit\n"
        "context ingress\n"
        "  description \"towards the peers\"\n"
        "  interface untrust\n"
        "    ip address 198.51.100.2 255.255.255.0 srp-activate\n"
        "    ip address 198.51.100.3 255.255.255.0 secondary\n"
        "    ipv6 address 2001:db8:1::2/64\n"
        "  #exit\n"
        "  interface lo1 loopback\n    ip address 203.0.113.1 255.255.255.255 srp-activate\n  #exit\n"
        "  ip route 0.0.0.0 0.0.0.0 198.51.100.1 untrust\n"
        "  ip route 10.9.0.0/16 next-hop 198.51.100.9 precedence 10\n"
        "  ipv6 route 2001:db8:9::/48 next-hop 2001:db8:1::1\n"
        "  ip pool p1 10.20.0.0 255.255.0.0 private 3\n"
        "  ip pool p2 range 10.30.0.5 10.30.0.9\n"
        "  ipv6 pool p6 prefix 2001:db8:77::/112\n"
        "#exit\n"
        "port ethernet 5/10\n  no shutdown\n  bind interface untrust ingress\n#exit\n"
        "port ethernet 5/11\n  no shutdown\n  bind interface lo1 ingress\n#exit\n"
        "end\n";

static char problems[2000];
static void problem(void *arg, const char *t)
{
	size_t n = strlen(problems);

	snprintf(problems + n, sizeof(problems) - n, "%s\n", t);
}

static void failed(void *arg, unsigned lineno, const char *line, const char *error)
{
	cr_log_error("line %u: %s: %s", lineno, line, error);
}

static struct cfg_tree *load(struct cli_grammar **g)
{
	char dir[512], err[512];
	struct cfg_tree *t;

	*g = cli_grammar_load(cli_grammar_dir("/proc/self/exe", dir, sizeof(dir)), err, sizeof(err));
	cr_assert_not_null(*g, "%s", err);
	t = cfg_new(*g);
	cr_assert_eq(cli_load_text(t, NULL, text, failed, NULL), 0);
	return t;
}

static const char *P(const struct net_prefix *p)
{
	static char buf[NET_PREFIX_STRLEN];

	return net_prefix_format(p, buf, sizeof(buf));
}

Test(vpn_cfg, the_whole_of_a_context)
{
	struct cli_grammar *g;
	struct cfg_tree *t = load(&g);
	const struct vpn_if *i;
	struct net_addr a;
	struct vpn_cfg c;

	cr_assert_eq(vpn_context_id(t, "local"), 1);
	cr_assert_eq(vpn_context_id(t, "srp"), 2);
	cr_assert_eq(vpn_context_id(t, "ingress"), 3);
	cr_assert_eq(vpn_context_id(t, "nowhere"), 0);
	cr_assert_str_eq(vpn_context_name(t, 3), "ingress");
	cr_assert_null(vpn_context_name(t, 4));
	cr_assert_eq(vpn_context_count(t), 3);
	cr_assert_eq(vpn_cfg_read(&c, t, 3, problem, NULL), 0);
	cr_assert(c.exists);
	cr_assert_str_eq(c.description, "towards the peers");
	cr_assert_eq(c.n_ifs, 2);
	i = vpn_cfg_if(&c, "untrust");
	cr_assert_str_eq(i->port, "5/10");
	cr_assert_not(i->shutdown);
	cr_assert_eq(i->mtu, 1500);
	cr_assert_eq(i->n_addr, 3);
	cr_assert_str_eq(P(&i->addr[0].p), "198.51.100.2/24");
	cr_assert(i->addr[0].srp_activate);
	cr_assert_not(i->addr[1].srp_activate);
	cr_assert_str_eq(P(&i->addr[2].p), "2001:db8:1::2/64");
	net_addr_parse(&a, "198.51.100.77");
	cr_assert_eq(vpn_cfg_if_of(&c, &a), i);
	net_addr_parse(&a, "203.0.113.1");
	cr_assert_null(vpn_cfg_if_of(&c, &a));
	cr_assert(vpn_cfg_if(&c, "lo1")->loopback);
	cr_assert(strstr(problems, "loopback interface"), "binding a loopback interface is a mistake: %s",
	          problems);
	cr_assert_eq(c.n_routes, 3);
	cr_assert_eq(c.routes[0].dst.len, 0);
	cr_assert_str_eq(c.routes[0].iface, "untrust");
	cr_assert_eq(c.routes[1].precedence, 10);
	cr_assert_str_eq(P(&c.routes[2].dst), "2001:db8:9::/48");
	cr_assert_eq(c.n_pools, 3);
	cr_assert_eq(c.pools[0].type, POOL_PRIVATE);
	cr_assert_eq(c.pools[0].priority, 3);
	cr_assert(c.pools[1].range);
	cr_assert_eq(c.pools[2].first.family, AF_INET6);
	vpn_cfg_free(&c);
	cr_assert_eq(vpn_cfg_read(&c, t, 9, problem, NULL), 0);
	cr_assert_not(c.exists);
	vpn_cfg_free(&c);
	cfg_free(t);
	cli_grammar_free(g);
}

Test(vpn_cfg, masks)
{
	cr_assert_eq(vpn_mask_len("255.255.255.0"), 24);
	cr_assert_eq(vpn_mask_len("0.0.0.0"), 0);
	cr_assert_eq(vpn_mask_len("255.255.255.255"), 32);
	cr_assert_eq(vpn_mask_len("255.0.255.0"), -EINVAL);
	cr_assert_eq(vpn_mask_len("x"), -EINVAL);
}

static struct net_prefix prefix(const char *s)
{
	struct net_prefix p;

	cr_assert_eq(net_prefix_parse(&p, s), 0);
	return p;
}

Test(vpn_diff, addresses)
{
	struct vpn_addrs want = {0}, have = {0}, add = {0}, del = {0};
	struct net_prefix a = prefix("10.0.0.1/24"), b = prefix("10.0.0.2/24"), c = prefix("2001:db8::1/64");

	vpn_addrs_add(&want, 2, &b, true);
	vpn_addrs_add(&want, 2, &a, false);
	vpn_addrs_add(&want, 2, &a, false);
	vpn_addrs_add(&have, 2, &c, false);
	vpn_addrs_add(&have, 2, &a, false);
	vpn_addrs_add(&have, 3, &b, false);
	cr_assert_eq(vpn_addrs_diff(&want, &have, &add, &del), 0);
	cr_assert_eq(add.n, 1);
	cr_assert(add.v[0].ifindex == 2 && add.v[0].srp_activate &&
	          net_addr_equal(&add.v[0].p.addr, &b.addr));
	cr_assert_eq(del.n, 2);
	vpn_addrs_free(&add);
	vpn_addrs_free(&del);
	cr_assert_eq(vpn_addrs_diff(&want, &want, &add, &del), 0);
	cr_assert_eq(add.n + del.n, 0, "the second time nothing changes");
	vpn_addrs_free(&want);
	vpn_addrs_free(&have);
	a = prefix("127.0.0.1");
	cr_assert(vpn_addr_is_kernel(&a.addr));
	a = prefix("fe80::1");
	cr_assert(vpn_addr_is_kernel(&a.addr));
	a = prefix("::1");
	cr_assert(vpn_addr_is_kernel(&a.addr));
	cr_assert_not(vpn_addr_is_kernel(&c.addr));
}

Test(vpn_diff, routes)
{
	struct vpn_routes want = {0}, have = {0}, put = {0}, del = {0};
	struct nl_route r = {.dst = prefix("10.1.2.3/16"), .ifindex = 5};

	vpn_routes_add(&want, &r);
	r.ifindex = 7; /* same destination: the first counts */
	vpn_routes_add(&want, &r);
	r.metric = 256;
	vpn_routes_add(&want, &r);
	r = (struct nl_route){.dst = prefix("2001:db8::/32"), .ifindex = 5};
	vpn_routes_add(&want, &r);
	r.metric = 1024;
	vpn_routes_add(&have, &r);
	r = (struct nl_route){.dst = prefix("10.1.0.0/16"), .ifindex = 9};
	vpn_routes_add(&have, &r);
	r = (struct nl_route){.dst = prefix("10.2.0.0/16"), .ifindex = 9};
	vpn_routes_add(&have, &r);
	cr_assert_eq(vpn_routes_diff(&want, &have, &put, &del), 0);
	cr_assert_eq(want.n, 3);
	cr_assert_eq(put.n, 2);
	cr_assert_eq(put.v[0].ifindex, 5, "replaced where it led elsewhere");
	cr_assert_eq(put.v[1].metric, 256);
	cr_assert_eq(del.n, 1);
	cr_assert_eq(del.v[0].dst.addr.bytes[1], 2);
	vpn_routes_free(&put);
	vpn_routes_free(&del);
	cr_assert_eq(vpn_routes_diff(&want, &want, &put, &del), 0);
	cr_assert_eq(put.n + del.n, 0);
	vpn_routes_free(&want);
	vpn_routes_free(&have);
}
