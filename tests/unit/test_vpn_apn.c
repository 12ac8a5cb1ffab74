/* SPDX-License-Identifier: MIT */
/* Access point names by what peers call them, and their P-CSCFs (lib/vpn/vpn_apn.c). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "cfg/cfg.h"
#include "cli/engine/cli.h"
#include "vpn/vpn_apn.h"

static const char text[] = "config\ncontext a\n"
                           "apn ims\np-cscf priority 3 ip 198.51.100.3\n"
                           "p-cscf priority 1 ipv6 2001:db8::1 ip 198.51.100.1\n"
                           "p-cscf priority 2 ipv6 2001:db8::2\n#exit\n"
                           "apn ims.mnc001.mcc262.gprs\np-cscf priority 1 ip 203.0.113.7\n#exit\n"
                           "apn Corp.Example\np-cscf priority 2 ip 203.0.113.2\n#exit\n"
                           "apn none\n#exit\n"
                           "#exit\ncontext b\napn other\np-cscf priority 1 ip 203.0.113.9\nend\n";

static struct cli_grammar *g;
static struct cfg_tree *t;

static void failed(void *arg, unsigned lineno, const char *line, const char *error)
{
	cr_assert_fail("line %u: %s: %s", lineno, line, error);
}

static void load(const char *config)
{
	cr_assert_eq(cli_load_text(t, NULL, config, failed, NULL), 0);
}

static void setup(void)
{
	char dir[512], err[512];

	g = cli_grammar_load(cli_grammar_dir("/proc/self/exe", dir, sizeof(dir)), err, sizeof(err));
	cr_assert_not_null(g, "%s", err);
	t = cfg_new(g);
	load(text);
}

static void teardown(void)
{
	cfg_free(t);
	cli_grammar_free(g);
}

TestSuite(vpn_apn, .init = setup, .fini = teardown);

static void tells(const char *context, const char *name, const char *want)
{
	struct net_addr a[VPN_APN_PCSCF];
	char told[400] = "", addr[NET_ADDR_STRLEN];
	const struct cfg_node *ctx = cfg_child(t, t->root, "context", context);
	unsigned n = vpn_apn_pcscf(t, ctx, name, a);

	for (unsigned i = 0; i < n; i++) {
		strcat(told, i ? " " : "");
		strcat(told, net_addr_format(&a[i], addr, sizeof(addr)));
	}
	cr_expect_str_eq(told, want, "%s in %s: %s", name, context, told);
}

#define IMS "198.51.100.1 2001:db8::1 2001:db8::2 198.51.100.3"

Test(vpn_apn, by_priority_and_of_the_name_that_is_meant)
{
	tells("a", "ims", IMS);
	tells("a", "IMS", IMS);
	tells("a", "ims.mnc002.mcc262.gprs", IMS);
	tells("a", "ims.mnc02.mcc262.GPRS", IMS);
	tells("a", "ims.apn.epc.mnc001.mcc262.3gppnetwork.org", IMS);
	tells("a", "ims.mnc001.mcc262.gprs", "203.0.113.7"); /* the whole name goes first */
	tells("a", "corp.example", "203.0.113.2");
	tells("a", "corp.example.mnc001.mcc001.gprs", "203.0.113.2");
	tells("a", "none", "");
	tells("a", "other", "");
	tells("b", "other", "203.0.113.9");
	tells("a", "im", "");
	tells("a", "ims.", "");
	tells("a", "imsx", "");
	tells("a", "", "");
}

Test(vpn_apn, what_is_no_operator_part)
{
	static const char *const names[] = {"ims.mnc1.mcc262.gprs",
	                                    "ims.mnc001.mcc26.gprs",
	                                    "ims.mnc001.mcc262.gprsx",
	                                    "ims.mnc0x1.mcc262.gprs",
	                                    "ims.epc.mnc001.mcc262.3gppnetwork.org",
	                                    ".mnc001.mcc262.gprs",
	                                    "mnc001.mcc262.gprs"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cr_expect_eq(vpn_apn_network_len(names[i]), strlen(names[i]), "%s", names[i]);
		tells("a", names[i], "");
	}
}

Test(vpn_apn, lines_change)
{
	load("config\ncontext a\napn ims\nno p-cscf priority 1\np-cscf priority 2 ip 198.51.100.2\nend\n");
	tells("a", "ims", "198.51.100.2 2001:db8::2 198.51.100.3");
	load("config\ncontext a\nno apn ims\nend\n");
	tells("a", "ims.mnc002.mcc262.gprs", "");
}
