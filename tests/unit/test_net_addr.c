/* SPDX-License-Identifier: MIT */
/* Addresses, prefixes and endpoints: text both ways, comparison, masks, sockaddr. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "net/addr.h"

Test(net_addr, text_both_ways)
{
	static const char *const good[] = {"0.0.0.0", "192.0.2.1",   "255.255.255.255",
	                                   "::",      "2001:db8::1", "fe80::1"};
	static const char *const bad[] = {"",         "1.2.3", "1.2.3.4.5",      "256.1.1.1",
	                                  "1.2.3.4 ", ":::",   "2001:db8::1/64", "x"};
	char buf[NET_ADDR_STRLEN];
	struct net_addr a;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		cr_assert_eq(net_addr_parse(&a, good[i]), 0);
		cr_assert_str_eq(net_addr_format(&a, buf, sizeof(buf)), good[i]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert_eq(net_addr_parse(&a, bad[i]), -EINVAL, "%s", bad[i]);
		cr_assert_not(net_addr_is_set(&a));
	}
	cr_assert_str_eq(net_addr_format(&a, buf, sizeof(buf)), "-");
}

Test(net_addr, prefixes)
{
	static const char *const bad[] = {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8",
	                                  "::/129",      "10/8",      "1.2.3.4/8x"};
	char buf[NET_PREFIX_STRLEN];
	struct net_prefix p;
	struct net_addr a;
	size_t i;

	cr_assert_eq(net_prefix_parse(&p, "10.1.2.0/23"), 0);
	cr_assert_str_eq(net_prefix_format(&p, buf, sizeof(buf)), "10.1.2.0/23");
	net_addr_parse(&a, "10.1.3.255");
	cr_assert(net_prefix_contains(&p, &a));
	net_addr_add(&a, 1);
	cr_assert_str_eq(net_addr_format(&a, buf, sizeof(buf)), "10.1.4.0");
	cr_assert_not(net_prefix_contains(&p, &a));
	net_addr_parse(&a, "::ffff");
	cr_assert_not(net_prefix_contains(&p, &a));
	cr_assert_eq(net_prefix_parse(&p, "2001:db8::1"), 0);
	cr_assert_eq(p.len, 128);
	cr_assert_eq(net_prefix_parse(&p, "0.0.0.0/0"), 0);
	net_addr_parse(&a, "203.0.113.7");
	cr_assert(net_prefix_contains(&p, &a));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(net_prefix_parse(&p, bad[i]), -EINVAL, "%s", bad[i]);
	net_addr_parse(&a, "255.255.255.255");
	net_addr_mask(&a, 13);
	cr_assert_str_eq(net_addr_format(&a, buf, sizeof(buf)), "255.248.0.0");
}

Test(net_addr, endpoints_and_sockaddr)
{
	static const char *const good[] = {"192.0.2.1:4500", "[2001:db8::1]:500"};
	static const char *const bad[] = {"192.0.2.1",       "192.0.2.1:", "192.0.2.1:65536",
	                                  "2001:db8::1:500", "[::1]",      "[::1:5"};
	char buf[NET_ENDPOINT_STRLEN];
	struct sockaddr_storage ss;
	struct net_endpoint back;
	struct net_endpoint e;
	socklen_t len;
	size_t i;

	for (i = 0; i < 2; i++) {
		cr_assert_eq(net_endpoint_parse(&e, good[i]), 0);
		cr_assert_str_eq(net_endpoint_format(&e, buf, sizeof(buf)), good[i]);
		len = net_endpoint_to_sockaddr(&e, &ss);
		cr_assert_eq(net_endpoint_from_sockaddr(&back, (struct sockaddr *)&ss, len), 0);
		cr_assert(net_endpoint_equal(&e, &back));
		cr_assert_eq(net_endpoint_from_sockaddr(&back, (struct sockaddr *)&ss, 4), -EINVAL);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(net_endpoint_parse(&e, bad[i]), -EINVAL, "%s", bad[i]);
}

Test(net_addr, order_and_hash)
{
	struct net_addr a;
	struct net_addr b;

	net_addr_parse(&a, "10.0.0.1");
	net_addr_parse(&b, "10.0.0.2");
	cr_assert_lt(net_addr_compare(&a, &b), 0);
	cr_assert_neq(net_addr_hash(&a, 1), net_addr_hash(&b, 1));
	cr_assert_neq(net_addr_hash(&a, 1), net_addr_hash(&a, 2));
	net_addr_parse(&b, "::1");
	cr_assert_lt(net_addr_compare(&a, &b), 0);
	b = net_addr_v4(0x0a000001);
	cr_assert(net_addr_equal(&a, &b));
}
