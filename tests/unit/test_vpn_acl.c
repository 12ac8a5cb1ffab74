/* SPDX-License-Identifier: MIT */
/* Access lists as crypto maps use them: every form of a rule, and what is left out. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cfg/cfg.h"
#include "cli/engine/cli.h"
#include "vpn/vpn_acl.h"

static const char text[] = "config\ncontext a\nip access-list v4\n"
                           "permit ip 10.1.0.0 0.0.255.255 10.2.3.4 0.0.0.255\n"
                           "permit tcp host 10.1.0.1 gt 30 any\n"
                           "deny any\n"
                           "permit udp any range 5 9 host 192.0.2.4 neq 35\n"
                           "permit icmp any any 8\n"
                           "permit icmp any any 8 3\n"
                           "permit 10.9.0.0 0.0.0.255\n"
                           "permit ip any any protocol 47\n"
                           "permit udp any lt 7 any eq 65535\n"
                           "permit udp any neq 0 any neq 65535\n"
                           "#exit\nip access-list bad\n"
                           "redirect context a any\n"
                           "permit ip any any fragment\n"
                           "permit tcp any any lt 0\n"
                           "permit tcp any gt 65535 any\n"
                           "deny ip any any\n"
                           "#exit\nipv6 access-list v6\n"
                           "permit ip 2001:db8::/32 host 2001:db8:2::1\n"
                           "permit icmpv6 any 2001:db8:3::/48 128\n"
                           "end\n";

static char problems[2000];

static void problem(void *arg, const char *t)
{
	size_t n = strlen(problems);

	(void)arg;
	snprintf(problems + n, sizeof(problems) - n, "%s\n", t);
}

static void failed(void *arg, unsigned lineno, const char *line, const char *error)
{
	cr_log_error("line %u: %s: %s", lineno, line, error);
}

static struct cli_grammar *g;
static struct cfg_tree *t;
static const struct cfg_node *ctx;
static struct vpn_acl_rule r[VPN_ACL_RULES_MAX];

static void load(const char *config)
{
	char dir[512], err[512];

	g = cli_grammar_load(cli_grammar_dir("/proc/self/exe", dir, sizeof(dir)), err, sizeof(err));
	cr_assert_not_null(g, "%s", err);
	t = cfg_new(g);
	cr_assert_eq(cli_load_text(t, NULL, config, failed, NULL), 0);
	ctx = cfg_child(t, t->root, "context", "a");
	problems[0] = 0;
}

static void unload(void)
{
	cfg_free(t);
	cli_grammar_free(g);
}

static void is(const struct vpn_acl_rule *x, bool permit, const char *src, const char *dst, unsigned proto)
{
	char a[NET_PREFIX_STRLEN], b[NET_PREFIX_STRLEN];

	cr_expect_eq(x->permit, permit);
	cr_expect_str_eq(net_prefix_format(&x->src, a, sizeof(a)), src);
	cr_expect_str_eq(net_prefix_format(&x->dst, b, sizeof(b)), dst);
	cr_expect_eq(x->proto, proto);
}

static void ports(const struct vpn_acl_ports *p, unsigned n, unsigned lo, unsigned hi, unsigned lo2,
                  unsigned hi2)
{
	cr_expect_eq(p->n, n);
	cr_expect_eq(p->lo[0], lo, "%u", p->lo[0]);
	cr_expect_eq(p->hi[0], hi, "%u", p->hi[0]);
	if (n == 2) {
		cr_expect_eq(p->lo[1], lo2);
		cr_expect_eq(p->hi[1], hi2);
	}
	cr_expect_eq(vpn_acl_ports_any(p), n == 1 && lo == 0 && hi == 65535);
}

Test(vpn_acl, every_form)
{
	load(text);
	cr_assert_eq(vpn_acl_read(t, ctx, "v4", false, r, problem, NULL), 10);
	cr_expect_str_eq(problems, "");
	is(&r[0], true, "10.1.0.0/16", "10.2.3.0/24", 0);
	ports(&r[0].sport, 1, 0, 65535, 0, 0);
	is(&r[1], true, "10.1.0.1/32", "0.0.0.0/0", 6);
	ports(&r[1].sport, 1, 31, 65535, 0, 0);
	ports(&r[1].dport, 1, 0, 65535, 0, 0);
	is(&r[2], false, "0.0.0.0/0", "0.0.0.0/0", 0);
	is(&r[3], true, "0.0.0.0/0", "192.0.2.4/32", 17);
	ports(&r[3].sport, 1, 5, 9, 0, 0);
	ports(&r[3].dport, 2, 0, 34, 36, 65535);
	is(&r[4], true, "0.0.0.0/0", "0.0.0.0/0", 1);
	ports(&r[4].sport, 1, 0x800, 0x8ff, 0, 0);
	ports(&r[5].dport, 1, 0x803, 0x803, 0, 0);
	is(&r[6], true, "10.9.0.0/24", "0.0.0.0/0", 0);
	is(&r[7], true, "0.0.0.0/0", "0.0.0.0/0", 47);
	ports(&r[8].sport, 1, 0, 6, 0, 0);
	ports(&r[8].dport, 1, 65535, 65535, 0, 0);
	ports(&r[9].sport, 1, 1, 65535, 0, 0);
	ports(&r[9].dport, 1, 0, 65534, 0, 0);
	unload();
}

Test(vpn_acl, ipv6)
{
	load(text);
	cr_assert_eq(vpn_acl_read(t, ctx, "v6", true, r, problem, NULL), 2);
	is(&r[0], true, "2001:db8::/32", "2001:db8:2::1/128", 0);
	is(&r[1], true, "::/0", "2001:db8:3::/48", 58);
	ports(&r[1].dport, 1, 0x8000, 0x80ff, 0, 0);
	cr_expect_eq(vpn_acl_read(t, ctx, "v6", false, r, problem, NULL), -ENOENT);
	cr_expect_eq(vpn_acl_read(t, ctx, "v4", true, r, problem, NULL), -ENOENT);
	unload();
}

Test(vpn_acl, what_can_not_be_used_is_told)
{
	load(text);
	cr_assert_eq(vpn_acl_read(t, ctx, "bad", false, r, problem, NULL), 1);
	is(&r[0], false, "0.0.0.0/0", "0.0.0.0/0", 0);
	cr_expect_str_eq(problems, "access-list bad: rule 1: only permit and deny are for crypto maps\n"
	                           "access-list bad: rule 2: fragments can not be selected\n"
	                           "access-list bad: rule 3: no port matches\n"
	                           "access-list bad: rule 4: no port matches\n");
	unload();
}

Test(vpn_acl, at_most_so_many)
{
	static char many[4096];
	size_t n = (size_t)snprintf(many, sizeof(many), "config\ncontext a\nip access-list x\n");

	for (unsigned i = 0; i < VPN_ACL_RULES_MAX + 2; i++)
		n += (size_t)snprintf(many + n, sizeof(many) - n, "permit ip any host 10.0.0.%u\n", i);
	snprintf(many + n, sizeof(many) - n, "end\n");
	load(many);
	cr_assert_eq(vpn_acl_read(t, ctx, "x", false, r, problem, NULL), VPN_ACL_RULES_MAX);
	cr_expect_str_eq(problems, "access-list x: rule 33: a crypto map can use 32 rules\n"
	                           "access-list x: rule 34: a crypto map can use 32 rules\n");
	unload();
}
