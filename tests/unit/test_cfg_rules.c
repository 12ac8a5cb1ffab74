/* SPDX-License-Identifier: MIT */
/*
 * Rules across settings (lib/cfg/cfg_rules.c): every row names what the grammar has; each rule accepts what
 * is legal and refuses what is not, with the offending value; what is legal is shown and loads again.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "cfg/cfg.h"
#include "cfg/cfg_rules.h"

static struct cli_grammar *g;
static struct cfg_tree *t;

static void setup(void)
{
	char err[512];

	g = cli_grammar_load("cli/grammar", err, sizeof(err));
	cr_assert(g, "%s", err);
	t = cfg_new(g);
}

static void teardown(void)
{
	cfg_free(t);
	cli_grammar_free(g);
}

TestSuite(cfg_rules, .init = setup, .fini = teardown);

static char said[2048];

static void keep(void *arg, unsigned lineno, const char *line, const char *error)
{
	if (!*said)
		snprintf(said, sizeof(said), "%s", error);
}

/* Types lines, from global configuration on, into the tree that the test has so far. Returns the first error,
 * or "". */
static const char *type(const char *text)
{
	*said = 0;
	cli_load_text(t, NULL, text, keep, NULL);
	return said;
}

static void restart(void)
{
	cfg_free(t);
	t = cfg_new(g);
}

static void ok(const char *text)
{
	cr_expect_str_eq(type(text), "", "%s: %s", said, text);
}

static void refused(const char *text, const char *want)
{
	cr_expect_str_eq(type(text), want, "after: %s", text);
}

static void collect(void *arg, const struct cfg_node *n, bool warning, const char *text)
{
	cli_out_printf(arg, "%s%s\n", warning ? "Warning: " : "", text);
}

/* What show configuration errors says about the whole tree. */
static void shows(const char *want)
{
	struct cli_out_buf b;

	cli_out_buf_init(&b);
	cfg_check_rules(t, collect, &b.out);
	cr_expect_str_eq(b.text ? b.text : "", want);
	cli_out_buf_free(&b);
}

/* The tree that the test has so far is shown and loads again. */
static void reloads(void)
{
	struct cfg_tree *u = cfg_new(g);
	struct cli_out_buf b;

	cli_out_buf_init(&b);
	cfg_show(t, NULL, &b.out);
	*said = 0;
	cr_expect_eq(cli_load_text(u, NULL, b.text, keep, NULL), 0, "%s", said);
	cr_expect(cfg_equal(t, u), "%s", b.text);
	cli_out_buf_free(&b);
	cfg_free(u);
}

Test(cfg_rules, the_table_names_rows_that_exist)
{
	for (unsigned i = 0; i < cfg_rules_n; i++) {
		const struct cfg_rule *r = &cfg_rules[i];
		unsigned modes = 0;
		char copy[256];

		cr_expect(r->check && r->when && r->story && *r->story && r->chapter <= CLI_CHAPTER_MAX, "%s",
		          r->row);
		snprintf(copy, sizeof(copy), "%s", r->modes);
		for (char *save, *m = strtok_r(copy, " ", &save); m;
		     m = strtok_r(NULL, " ", &save), modes++) {
			const struct cli_mode *mode = cli_grammar_mode(g, m);

			cr_expect(mode && cli_grammar_row(mode, r->row), "%s: %s", m, r->row);
			cr_expect(cfg_rule_mode(r, m), "%s", m);
		}
		cr_expect_gt(modes, 0, "%s", r->row);
		cr_expect_not(cfg_rule_mode(r, "crypto"), "a part of a mode's name is no mode");
	}
}

#define TEMPLATE "context a\ncrypto template t ikev2-dynamic\n"
#define PAYLOAD  TEMPLATE "payload p match childsa"

Test(cfg_rules, blacklist_or_whitelist)
{
	ok(TEMPLATE "blacklist\nblacklist\n");
	refused(TEMPLATE "whitelist\n",
	        "Failure: blacklist is configured; only one of blacklist and whitelist is possible");
	ok(TEMPLATE "no blacklist\nwhitelist\n");
	refused(TEMPLATE "blacklist\n",
	        "Failure: whitelist is configured; only one of blacklist and whitelist is possible");
	ok("context a\ncrypto template other ikev2-dynamic\nblacklist\n");
	reloads();
}

Test(cfg_rules, traffic_selectors)
{
	ok(PAYLOAD "\ntsr start-address 10.0.0.0 end-address 10.0.0.255\n"
	           "tsr start-address 10.0.0.0 end-address 10.0.0.255\n"
	           "tsr start-address 10.0.1.0 end-address 10.0.1.0\n"
	           "tsr start-address 2001:db8:: end-address 2001:db8::ff\n");
	refused(PAYLOAD "\ntsr start-address 10.0.0.255 end-address 10.0.0.255\n",
	        "Failure: 10.0.0.255 to 10.0.0.255 overlaps with 10.0.0.0 to 10.0.0.255 of payload p");
	refused(PAYLOAD "\ntsr start-address 9.0.0.0 end-address 11.0.0.0\n",
	        "Failure: 9.0.0.0 to 11.0.0.0 overlaps with 10.0.0.0 to 10.0.0.255 of payload p");
	refused(PAYLOAD "\ntsr start-address 2001:db8::ff end-address 2001:db8::1ff\n",
	        "Failure: 2001:db8::ff to 2001:db8::1ff overlaps with 2001:db8:: to 2001:db8::ff of payload "
	        "p");
	refused(PAYLOAD "\ntsr start-address 10.0.3.1 end-address 10.0.3.0\n",
	        "Failure: Invalid end-address 10.0.3.0; the range starts at 10.0.3.1");
	refused(PAYLOAD "\ntsr start-address 10.0.3.1 end-address 2001:db8::5\n",
	        "Failure: 10.0.3.1 and 2001:db8::5 are of different families");
	ok(PAYLOAD "\ntsr start-address 10.0.3.0 end-address 10.0.3.0\n");
	refused(PAYLOAD "\ntsr start-address 10.0.4.0 end-address 10.0.4.0\n",
	        "Failure: The maximum number of 4 tsr is reached");
	reloads();
	/* across payloads of a template, not across templates */
	refused(TEMPLATE "payload q match childsa\ntsr start-address 10.0.1.0 end-address 10.0.1.9\n",
	        "Failure: 10.0.1.0 to 10.0.1.9 overlaps with 10.0.1.0 to 10.0.1.0 of payload p");
	ok("context a\ncrypto template u ikev2-dynamic\npayload p match childsa\n"
	   "tsr start-address 10.0.1.0 end-address 10.0.1.9\n");
	shows("");
}

Test(cfg_rules, selectors_are_of_the_payloads_family)
{
	ok(PAYLOAD " match ipv4\ntsr start-address 10.0.0.0 end-address 10.0.0.9\n");
	refused(PAYLOAD " match ipv4\ntsr start-address 2001:db8:: end-address 2001:db8::9\n",
	        "Failure: 2001:db8:: is not possible in payload p, which matches ipv4");
	refused(PAYLOAD " match ipv6\n",
	        "Failure: the payload can not match ipv6: it has the TSr 10.0.0.0 to 10.0.0.9");
	ok(PAYLOAD " match any\ntsr start-address 2001:db8:: end-address 2001:db8::9\n");
	refused(PAYLOAD " match ipv4\n",
	        "Failure: the payload can not match ipv4: it has the TSr 2001:db8:: to 2001:db8::9");
	ok(TEMPLATE "payload six match childsa match ipv6\ntsr start-address 2001:db8:6:: end-address "
	            "2001:db8:6::9\n");
	refused(TEMPLATE
	        "payload six match childsa match ipv6\ntsr start-address 10.6.0.0 end-address 10.6.0.9\n",
	        "Failure: 10.6.0.0 is not possible in payload six, which matches ipv6");
	reloads();
}

Test(cfg_rules, cookie_challenge)
{
	ok(TEMPLATE "dos cookie-challenge notify-payload half-open-sess-count start 100 stop 99\n");
	refused(TEMPLATE "dos cookie-challenge notify-payload half-open-sess-count start 100 stop 100\n",
	        "Failure: Invalid value 100 for <stop>; it must be below <start>, which is 100");
	refused(TEMPLATE "dos cookie-challenge notify-payload half-open-sess-count start 5 stop 7\n",
	        "Failure: Invalid value 7 for <stop>; it must be below <start>, which is 5");
	reloads();
}

#define LISTS                                                                                                \
	"context a\ncrypto peer-list ipv4 four\naddress 192.0.2.9\n#exit\ncrypto peer-list ipv6 "            \
	"six\n#exit\n"

Test(cfg_rules, gateway_as_initiator)
{
	ok(LISTS "wsg-service w\n");
	refused("context a\nwsg-service w\npeer-list four\n",
	        "Failure: peer-list needs deployment-mode site-to-site; it is not configured");
	ok("context a\nwsg-service w\ndeployment-mode remote-access\n");
	refused("context a\nwsg-service w\npeer-list four\n",
	        "Failure: peer-list needs deployment-mode site-to-site; it is remote-access");
	ok("context a\nwsg-service w\ndeployment-mode site-to-site\n");
	refused("context a\nwsg-service w\npeer-list none\n",
	        "Failure: crypto-peer-list none is not configured");
	ok("context a\nwsg-service w\nbind address 10.0.0.1 crypto-template t\n");
	refused("context a\nwsg-service w\npeer-list six\n",
	        "Failure: peer-list six is of type ipv6, the service is bound to 10.0.0.1");
	ok("context a\nwsg-service w\npeer-list four\n");
	refused("context a\nwsg-service w\nbind address 2001:db8::1 crypto-template t\n",
	        "Failure: 2001:db8::1 can not be bound: peer-list four is of type ipv4");
	ok("context a\nwsg-service w\ndeployment-mode site-to-site\n");
	refused("context a\nwsg-service w\ndeployment-mode remote-access\n",
	        "Failure: peer-list four is configured; remove it before the deployment mode changes");
	refused("context a\nwsg-service w\nno deployment-mode\n",
	        "Failure: peer-list four is configured; remove it before the deployment mode changes");
	refused("context a\nwsg-service w\ndefault deployment-mode\n",
	        "Failure: peer-list four is configured; remove it before the deployment mode changes");
	reloads();
	ok("context a\nwsg-service w\nno peer-list\ndeployment-mode remote-access\n");
}

Test(cfg_rules, a_peer_list_in_use_stays)
{
	static const char busy[] =
	        "Failure: peer-list four is in use by wsg-service w and can not be changed";

	ok(LISTS "wsg-service w\ndeployment-mode site-to-site\npeer-list four\n");
	ok("context a\ncrypto peer-list ipv4 four\naddress 192.0.2.9\n");
	refused("context a\ncrypto peer-list ipv4 four\naddress 192.0.2.10\n", busy);
	refused("context a\ncrypto peer-list ipv4 four\nno address 192.0.2.9\n", busy);
	refused("context a\nno crypto peer-list ipv4 four\n", busy);
	refused("context a\ncrypto peer-list ipv4 four\naddress 192.0.2.0/24\n", busy);
	ok("context a\ncrypto peer-list ipv6 six\naddress 2001:db8::7\naddress 2001:db8:1::/48\n");
	reloads();
	ok("context a\nwsg-service w\nno peer-list\n");
	ok("context a\ncrypto peer-list ipv4 four\naddress 192.0.2.0/24\naddress 0.0.0.0/0\nno address "
	   "192.0.2.0/24\n");
	cr_expect(*type("context a\ncrypto peer-list ipv4 four\naddress 2001:db8::/32\n"));
	cr_expect(*type("context a\ncrypto peer-list ipv6 six\naddress 192.0.2.0/24\n"));
	cr_expect(*type("context a\ncrypto peer-list ipv4 four\naddress 192.0.2.0/33\n"));
	ok("context a\ncrypto peer-list ipv4 four\naddress 192.0.2.10\n#exit\nno crypto peer-list ipv4 "
	   "four\n");
}

Test(cfg_rules, a_bound_service_can_serve)
{
	ok(TEMPLATE "#exit\nwsg-service w\nbind address 10.0.0.1 crypto-template t\n");
	shows("context=a/wsg-service=w: crypto template t has no payload\n");
	ok(PAYLOAD "\n");
	shows("context=a/wsg-service=w: crypto template t has no authentication local\n");
	ok(TEMPLATE "authentication local certificate\n");
	shows("context=a/wsg-service=w: crypto template t has no authentication remote\n");
	ok(TEMPLATE "authentication remote certificate\n");
	shows("context=a/wsg-service=w: crypto template t has no certificate, which authentication local "
	      "certificate "
	      "needs\n");
	ok(TEMPLATE "certificate gw\n");
	shows("context=a/wsg-service=w: crypto template t has no ca-certificate list, which authentication "
	      "remote "
	      "certificate needs\n");
	ok(TEMPLATE "ca-certificate list ca-cert-name ca\n");
	shows("");
	ok(TEMPLATE "ikev2-ikesa mobike\n#exit\nwsg-service w\ndeployment-mode site-to-site\n");
	shows("Warning: context=a/wsg-service=w: crypto template t has ikev2-ikesa mobike, which works for "
	      "remote-access "
	      "only\n");
}

static void count(void *arg, const struct cfg_node *n, bool warning, const char *text)
{
	++*(int *)arg;
}

Test(cfg_rules, a_block_is_checked_when_it_is_left)
{
	int n = 0;

	ok("context a\nservice-redundancy-protocol\nhello-interval 11\n");
	const struct cfg_node *srp = cfg_find(t, "context=a/service-redundancy-protocol");

	cr_expect_eq(cfg_check_block(t, srp, count, &n), 1);
	cr_expect_eq(n, 1);
	shows("context=a/service-redundancy-protocol: Invalid value 30 for dead-interval; it must be at "
	      "least 33, three "
	      "hello intervals\n");
	ok("context a\nservice-redundancy-protocol\ndead-interval 33\n");
	cr_expect_eq(cfg_check_block(t, srp, NULL, NULL), 0);
	cr_expect_eq(cfg_check_block(t, t->root, NULL, NULL), 0);
	shows("");
	/* names of the block's own lines that do not exist are told as well, not those of blocks inside */
	ok("context a\nip pool p 10.0.0.0 255.255.255.0\nsubscriber default\nip address pool name nowhere\n");
	cr_expect_eq(cfg_check_block(t, cfg_find(t, "context=a/subscriber-default"), NULL, NULL), 1);
	cr_expect_eq(cfg_check_block(t, cfg_find(t, "context=a"), NULL, NULL), 0);
	/* shown in the order of the grammar it must load, however far apart the values are */
	ok("context a\nservice-redundancy-protocol\nhello-interval 1\ndead-interval 3\n");
	reloads();
}

Test(cfg_rules, order_of_require_lines)
{
	ok("require ipsec-large\nrequire demux management-card\nrequire ipsec-large\n");
	reloads();
	restart();
	ok("require demux processing-card\nrequire ipsec-large\n");
	restart();
	ok("require demux management-card\n");
	refused("require ipsec-large\n",
	        "Failure: require ipsec-large must be configured before require demux management-card");
}

Test(cfg_rules, thresholds_clear_on_the_right_side)
{
	ok("threshold cpu-utilization 80 clear 80\nthreshold cpu-utilization 80\nthreshold "
	   "cpu-available-memory 10 clear 20\n");
	refused("threshold cpu-utilization 80 clear 81\n",
	        "Failure: Invalid value 81 for the clear value; the alarm is raised at 80 and cleared at 80 "
	        "or below");
	refused("threshold cpu-available-memory 10 clear 9\n",
	        "Failure: Invalid value 9 for the clear value; the alarm is raised at 10 and cleared at 10 "
	        "or above");
	reloads();
}

Test(cfg_rules, pool_ranges)
{
	ok("context a\nip pool p range 10.0.0.5 10.0.0.5\nip pool q 10.0.1.0 255.255.255.0\n");
	refused("context a\nip pool r range 10.0.0.6 10.0.0.5\n",
	        "Failure: Invalid value 10.0.0.5 for <end>; the range starts at 10.0.0.6");
	refused("context a\nipv6 pool s range 2001:db8::2 2001:db8::1\n",
	        "Failure: Invalid value 2001:db8::1 for <end>; the range starts at 2001:db8::2");
	reloads();
}

Test(cfg_rules, a_list_is_read_from_a_file)
{
	ok(TEMPLATE "blacklist\n");
	shows("Warning: context=a/crypto-template=t/blacklist: no crypto blacklist file is configured; "
	      "nothing is "
	      "checked\n");
	ok("crypto blacklist file /flash/black.txt\n");
	shows("");
	ok("context a\ncrypto map m ikev2-ipv4\nblacklist\n");
	refused("context a\ncrypto map m ikev2-ipv4\nwhitelist\n",
	        "Failure: blacklist is configured; only one of blacklist and whitelist is possible");
}

Test(cfg_rules, vendor_templates)
{
	ok("context a\ncrypto template v ikev2-vendor\npayload p match "
	   "childsa\n#exit\n#exit\n#exit\n" TEMPLATE);
	ok("context a\ncrypto vendor-policy vp\nprecedence 1 vendor-id IKESA1 vendor-template v\n"
	   "precedence 3 vendor-id IKESA1 vendor-template later\n");
	refused("context a\ncrypto vendor-policy vp\nprecedence 2 vendor-id IKESA2 vendor-template t\n",
	        "Failure: crypto template t is ikev2-dynamic; ikev2-vendor is needed");
	refused("context a\nwsg-service w\nbind address 10.0.0.1 crypto-template v\n",
	        "Failure: crypto template v is ikev2-vendor; ikev2-dynamic or ikev2-subscriber is needed");
	shows("");
	refused("context a\ncrypto template later ikev2-dynamic\n",
	        "Failure: crypto template later can not be ikev2-dynamic: crypto vendor-policy vp names it");
	ok("context a\nwsg-service w\nbind address 10.0.0.1 crypto-template soon\n");
	refused("context a\ncrypto template soon ikev2-vendor\n",
	        "Failure: crypto template soon can not be ikev2-vendor: wsg-service w names it");
	ok("context a\ncrypto template v ikev2-vendor\npayload q match childsa\n");
	shows("Warning: context=a/crypto-template=v: 2 payloads; only the first takes effect in a vendor "
	      "template\n");
	reloads();
}

Test(cfg_rules, a_bound_list_of_secrets_stays)
{
	ok("crypto remote-secret-list rs\n#exit\ncontext a\ncrypto template t "
	   "ikev2-dynamic\nremote-secret-list rs\n");
	refused("no crypto remote-secret-list rs\n",
	        "Failure: remote-secret-list rs is bound to crypto template t of context a");
	ok(TEMPLATE "no remote-secret-list\n#exit\ncrypto map m ikev2-ipv6\nremote-secret-list rs\n");
	refused("no crypto remote-secret-list rs\n",
	        "Failure: remote-secret-list rs is bound to crypto map m of context a");
	refused("crypto remote-secret-list two\n",
	        "Failure: The maximum number of 1 crypto-remote-secret-list in the system is reached");
	reloads();
	ok("context a\ncrypto map m ikev2-ipv6\nno remote-secret-list\n#exit\n#exit\nno crypto "
	   "remote-secret-list rs\n");
}

Test(cfg_rules, managers_on_the_demux_card)
{
	static const char on[] = "context a\ncrypto map m ipsec-ikev1\nipsec-on-demux\n";

	refused(on, "Failure: ipsec-on-demux needs require session recovery; configure that first");
	ok("require session recovery\n");
	refused(on, "Failure: ipsec-on-demux needs require demux processing-card; it is not configured");
	ok("require demux management-card\n");
	refused(on, "Failure: ipsec-on-demux needs require demux processing-card; it is management-card");
	ok("require demux processing-card\n");
	ok(on);
	ok("require demux processing-card\nrequire session recovery\n");
	refused("require demux management-card\n", "Failure: crypto map m of context a has ipsec-on-demux, "
	                                           "which needs require demux processing-card");
	refused("no require demux\n",
	        "Failure: crypto map m of context a has ipsec-on-demux, which needs require demux "
	        "processing-card");
	refused("no require session recovery\n", "Failure: crypto map m of context a has ipsec-on-demux, "
	                                         "which needs require session recovery");
	reloads();
	ok("context a\ncrypto map m ipsec-ikev1\nno ipsec-on-demux\n#exit\n#exit\nno require session "
	   "recovery\n");
}

Test(cfg_rules, maps_on_interfaces)
{
	char text[200];

	ok("context a\ncrypto map dyn ipsec-dynamic\n#exit\ncrypto map m ipsec-isakmp\n#exit\n"
	   "interface i\ncrypto-map m\n");
	refused("context a\ninterface i\ncrypto-map dyn\n",
	        "Failure: crypto map dyn is ipsec-dynamic and can not be applied to an interface");
	for (int i = 1; i < 150; i++) {
		snprintf(text, sizeof(text), "context a\ninterface i%d\ncrypto-map m\n", i);
		ok(text);
	}
	refused("context b\ninterface j\ncrypto-map m\n",
	        "Failure: The maximum number of 150 crypto maps on interfaces is reached");
	ok("context a\ninterface i7\ncrypto-map m\n");
	reloads();
}

Test(cfg_rules, groups_have_two_maps)
{
	ok("context a\ncrypto-group g\n#exit\ncrypto map one ipsec-isakmp\nmatch crypto-group g primary\n"
	   "match crypto-group g primary\n");
	refused("context a\ncrypto map two ipsec-isakmp\nmatch crypto-group g primary\n",
	        "Failure: crypto map one is primary of crypto-group g already");
	ok("context a\ncrypto map one ipsec-isakmp\nset peer 192.0.2.1\nset isakmp preshared-key k\n"
	   "set transform-set s\n#exit\nno crypto map two\n");
	shows("context=a/crypto-group=g: no crypto map is secondary of this group\n"
	      "Warning: context=a/crypto-group=g: ikev1 keepalive dpd is not configured in this context; a "
	      "dead peer goes "
	      "unnoticed\n");
	ok("context a\nikev1 keepalive dpd interval 10 timeout 10 num-retry 2\ncrypto map two ipsec-isakmp\n"
	   "match crypto-group g secondary\n");
	shows("context=a/crypto-map=two: incomplete: no set peer\n");
	reloads();
}

Test(cfg_rules, what_works_only_together)
{
	ok("context a\nlimit ipsecmgr ikev1 max 5\n");
	shows("Warning: context=a/limit-ipsecmgr-ikev1-max: the limit works with require crypto ikev1-acl "
	      "software only\n");
	ok("require crypto ikev1-acl software\nrequire crypto ikev2-acl software\n");
	shows("");
	ok("context a\nipsec transform-set s\nmode transport\n");
	shows("Warning: require-crypto=ikev2-acl: transform set s of context a is in transport mode, which "
	      "the software "
	      "path does not have\n");
	ok("context a\nipsec transform-set s\nmode tunnel\n#exit\ncrypto-group g\nmatch ip pool pool-name "
	   "p\n#exit\n"
	   "ikev1 keepalive dpd interval 10 timeout 10 num-retry 2\n");
	shows("context=a/crypto-group=g: no crypto map is primary of this group\n"
	      "Warning: context=a/crypto-group=g/match-ip-pool-pool-name=p: match ip pool does not work on "
	      "an ASR 5500\n");
	reloads();
}

/* --- weak algorithms --- */

#define STRONG                                                                                               \
	"context a\nikev2-ikesa transform-set ike\nencryption aes-cbc-256\nhmac sha2-256-128\nprf "          \
	"sha2-256\ngroup 14\n#exit\n"                                                                        \
	"ipsec transform-set esp\nencryption aes-cbc-256\nhmac sha2-256-128\ngroup 14\n#exit\n#exit\n"
#define MAP                                                                                                  \
	"context a\ncrypto map m ikev2-ipv4\nikev2-ikesa transform-set list ike\n"                           \
	"payload p match ipv4\nipsec transform-set list esp\n"
#define WHILE "while ikesa delete on-mismatch is configured"

Test(cfg_rules, weak_algorithms_are_refused_in_maps)
{
	ok(STRONG MAP);
	ok("ikesa delete on-mismatch\n");
	refused("context a\nikev2-ikesa transform-set ike\nencryption des-cbc\n",
	        "Failure: Invalid value des-cbc; it is weak and refused " WHILE
	        "; legal are aes-cbc-128, aes-cbc-256");
	refused("context a\nikev2-ikesa transform-set ike\nhmac sha1-96\n",
	        "Failure: Invalid value sha1-96; it is weak and refused " WHILE
	        "; legal are sha2-256-128, sha2-384-192, sha2-512-256");
	refused("context a\nikev2-ikesa transform-set ike\ngroup 2\n",
	        "Failure: Invalid value 2; it is weak and refused " WHILE "; legal are 5, 14 and above");
	ok("context a\nikev2-ikesa transform-set ike\ngroup 5\ngroup 14\nencryption aes-cbc-128\n");
	refused("context a\nikev2-ikesa transform-set ike\ndefault prf\n",
	        "Failure: Invalid value sha1; it is weak and refused " WHILE
	        "; legal are sha2-256, sha2-384, sha2-512");
	refused("context a\nipsec transform-set esp\nno group\n",
	        "Failure: Invalid value none; it is weak and refused " WHILE "; legal are 5, 14 and above");
	refused("context a\nipsec transform-set esp\nhmac aes-xcbc-96\n",
	        "Failure: Invalid value aes-xcbc-96; it is weak and refused " WHILE
	        "; legal are sha2-256-128, sha2-384-192, sha2-512-256");
	/* templates may: chapter 7 is about maps */
	ok("context a\nikev2-ikesa transform-set other\nencryption des-cbc\n#exit\ncrypto template t "
	   "ikev2-dynamic\n"
	   "ikev2-ikesa transform-set list other\n");
	refused("context a\ncrypto map m ikev2-ipv4\nikev2-ikesa transform-set list ike other\n",
	        "Failure: ikev2-ikesa-transform-set other has the weak encryption des-cbc, which is "
	        "refused " WHILE "; legal are aes-cbc-128, aes-cbc-256");
	shows("context=a/crypto-map=m: incomplete: no peer\n");
	reloads();
}

Test(cfg_rules, weak_defaults_are_told_when_the_block_is_left)
{
	ok("ikesa delete on-mismatch\n" MAP);
	ok("context a\nipsec transform-set esp\n");
	cr_expect_eq(cfg_check_block(t, cfg_find(t, "context=a/ipsec-transform-set=esp"), NULL, NULL), 1);
	shows("context=a/crypto-map=m: incomplete: no peer\n"
	      "context=a/crypto-map=m/payload=p/ipsec-transform-set-list: ipsec-transform-set esp has the "
	      "weak hmac sha1-96, "
	      "which is refused " WHILE "; legal are sha2-256-128, sha2-384-192, sha2-512-256\n"
	      "context=a/ipsec-transform-set=esp: the weak hmac sha1-96 is in force and refused " WHILE
	      "; legal are sha2-256-128, sha2-384-192, sha2-512-256\n");
	ok("context a\nipsec transform-set esp\nhmac sha2-256-128\ngroup 14\n");
	cr_expect_eq(cfg_check_block(t, cfg_find(t, "context=a/ipsec-transform-set=esp"), NULL, NULL), 0);
}

Test(cfg_rules, weak_algorithms_of_ikev1)
{
	ok("ikesa delete on-mismatch\n");
	refused("context a\nikev1 policy 1\nencryption 3des-cbc\n",
	        "Failure: Invalid value 3des-cbc; it is weak and refused " WHILE
	        "; legal are aes-cbc-128, aes-cbc-256");
	refused("context a\nikev1 policy 1\nhash md5\n",
	        "Failure: Invalid value md5; it is weak and refused " WHILE "; legal are sha1");
	refused("context a\nikev1 policy 1\ngroup 1\n",
	        "Failure: Invalid value 1; it is weak and refused " WHILE "; legal are 5, 14");
	ok("context a\nikev1 policy 1\nencryption aes-cbc-128\nhash sha1\ngroup 5\n");
	refused("context a\ncrypto ipsec transform-set old esp hmac md5-96 cipher aes-cbc-128\n",
	        "Failure: Invalid value md5-96; it is weak and refused " WHILE "; legal are sha1-96");
	refused("context a\ncrypto ipsec transform-set old esp hmac sha1-96 cipher des-cbc\n",
	        "Failure: Invalid value des-cbc; it is weak and refused " WHILE
	        "; legal are aes-cbc-128, aes-cbc-256");
	ok("context a\ncrypto ipsec transform-set new esp hmac sha1-96 cipher aes-cbc-256\n");
	refused("context a\ncrypto map m ipsec-isakmp\nset pfs group2\n",
	        "Failure: Invalid value group2; it is weak and refused " WHILE "; legal are group5, group14");
	ok("context a\ncrypto map m ipsec-isakmp\nset pfs group5\nset pfs group14\n");
	reloads();
}

/* The tables of chapter 7, a second time: the line, and what it says. */
Test(cfg_rules, every_weak_algorithm_of_the_reference)
{
	static const struct {
		const char *block, *line; /* %s: each of the words */
		const char *weak[6], *strong;
	} rows[] = {
	        {"ikev2-ikesa transform-set s",
	         "encryption %s",
	         {"des-cbc", "3des-cbc", "null"},
	         "aes-cbc-128"},
	        {"ikev2-ikesa transform-set s",
	         "hmac %s",
	         {"aes-xcbc-96", "md5-96", "sha1-96"},
	         "sha2-256-128"},
	        {"ikev2-ikesa transform-set s", "group %s", {"1", "2"}, "5"},
	        {"ikev2-ikesa transform-set s", "prf %s", {"aes-scbc-128", "md5", "sha1"}, "sha2-256"},
	        {"ipsec transform-set s", "encryption %s", {"des-cbc", "3des-cbc", "null"}, "aes-cbc-128"},
	        {"ipsec transform-set s", "hmac %s", {"aes-xcbc-96", "md5-96", "sha1-96"}, "sha2-256-128"},
	        {"ipsec transform-set s", "group %s", {"1", "2", "none"}, "5"},
	        {"ikev1 policy 1", "encryption %s", {"des-cbc", "3des-cbc"}, "aes-cbc-128"},
	        {"ikev1 policy 1", "hash %s", {"md5"}, "sha1"},
	        {"ikev1 policy 1", "group %s", {"1", "2"}, "5"},
	        {"",
	         "crypto ipsec transform-set s esp hmac sha1-96 cipher %s",
	         {"des-cbc", "3des-cbc"},
	         "aes-cbc-128"},
	        {"",
	         "crypto ipsec transform-set s esp hmac %s cipher aes-cbc-128",
	         {"md5-96", "none"},
	         "sha1-96"},
	        {"crypto map v1 ipsec-isakmp", "set pfs %s", {"group1", "group2"}, "group5"},
	};
	char text[400], line[200], says[100];

	ok("ikesa delete on-mismatch\ncontext a\n"
	   "ikev2-ikesa transform-set s\nencryption aes-cbc-256\nhmac sha2-256-128\nprf sha2-256\ngroup "
	   "14\n#exit\n"
	   "ipsec transform-set s\nencryption aes-cbc-256\nhmac sha2-256-128\ngroup 14\n#exit\n"
	   "crypto map m ikev2-ipv4\nikev2-ikesa transform-set list s\npayload p match ipv4\n"
	   "ipsec transform-set list s\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned k = 0; rows[i].weak[k]; k++) {
			snprintf(line, sizeof(line), rows[i].line, rows[i].weak[k]);
			snprintf(text, sizeof(text), "context a\n%s\n%s\n", rows[i].block, line);
			snprintf(says, sizeof(says),
			         "Failure: Invalid value %s; it is weak and refused " WHILE, rows[i].weak[k]);
			cr_expect(!strncmp(type(text), says, strlen(says)), "%s: %s", line, said);
		}
		snprintf(line, sizeof(line), rows[i].line, rows[i].strong);
		snprintf(text, sizeof(text), "context a\n%s\n%s\n", rows[i].block, line);
		ok(text);
	}
}

Test(cfg_rules, nothing_weak_may_be_there_when_it_is_turned_on)
{
	ok(STRONG MAP);
	ok("context a\nipsec transform-set esp\ngroup 2\n");
	refused("ikesa delete on-mismatch\n", "Failure: ipsec-transform-set esp of context a has the weak "
	                                      "group 2; legal are 5, 14 and above");
	ok("context a\nipsec transform-set esp\ngroup 14\n#exit\nikev1 policy 3\n");
	refused("ikesa delete on-mismatch\n",
	        "Failure: ikev1-policy 3 of context a has the weak encryption des-cbc; legal are "
	        "aes-cbc-128, aes-cbc-256");
	ok("context a\nno ikev1 policy 3\n#exit\nikesa delete on-mismatch\nikesa delete on-mismatch\n");
	refused("no ikesa delete on-mismatch\n", "Failure: ikesa delete on-mismatch can not be removed; only "
	                                         "a reboot without it turns it off");
	refused("default ikesa delete on-mismatch\n", "Failure: ikesa delete on-mismatch can not be removed; "
	                                              "only a reboot without it turns it off");
	reloads();
}

/* The Reference's numbers: so many are accepted, one more is refused. */
Test(cfg_rules, limits_of_the_reference)
{
	static const struct {
		const char *before, *line; /* %d: 1, 2, … twice in line */
		unsigned max;
		const char *error;
	} limits[] = {
	        {"", "certificate name c%d pem url /flash/c%d", 16, "16 certificate in the system"},
	        {"", "ca-certificate name c%d pem url /flash/c%d", 16, "16 ca-certificate in the system"},
	        {"context a\n", "crypto vendor-policy v%d\n#exit\ncrypto vendor-policy v%d\n#exit", 32,
	         "32 crypto-vendor-policy in the system"},
	        {"context a\ncrypto vendor-policy v\n", "precedence %d vendor-id id%d vendor-template t", 64,
	         NULL},
	        {"context a\n", "crypto-group g%d\n#exit\ncrypto-group g%d\n#exit", 32, "32 crypto-group"},
	        {PAYLOAD "\n", "tsr start-address 10.%d.0.0 end-address 10.%d.0.9", 4, "4 tsr"},
	        {TEMPLATE, "payload p%d match childsa\n#exit\npayload p%d match childsa\n#exit", 5,
	         "5 payload"},
	        {"crypto remote-secret-list l\n", "remote-id id-type fqdn id h%d secret key k%d", 1000,
	         "1000 remote-id"},
	};
	char text[512];

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct cli_out_buf b;

		restart();
		cli_out_buf_init(&b);
		cli_out_put(&b.out, limits[i].before);
		for (unsigned n = 1; n <= limits[i].max; n++) {
			snprintf(text, sizeof(text), limits[i].line, n, n);
			cli_out_printf(&b.out, "%s\n", text);
		}
		ok(b.text);
		snprintf(text, sizeof(text), limits[i].line, limits[i].max + 1, limits[i].max + 1);
		cli_out_printf(&b.out, "%s\n", text);
		type(b.text);
		if (!limits[i].error) /* the range of the precedence is the limit */
			cr_expect(strstr(said, "the legal range is 1 to 64"), "%s", said);
		else
			cr_expect(strstr(said, limits[i].error) && strstr(said, "The maximum number of"),
			          "%s: %s", text, said);
		cli_out_buf_free(&b);
	}
}

/* Lists on one line: the line is refused when it names one more. */
Test(cfg_rules, lists_of_the_reference)
{
	ok(TEMPLATE "ikev2-ikesa transform-set list a b c d e f\nikev2-ikesa auth-method-set list a b c\n"
	            "ca-certificate list ca-cert-name a ca-cert-name b ca-cert-name c ca-cert-name d\n");
	cr_expect(*type(TEMPLATE "ikev2-ikesa transform-set list a b c d e f g\n"), "six IKE transform sets");
	cr_expect(*type(TEMPLATE "ikev2-ikesa auth-method-set list a b c d\n"), "three authentication sets");
	cr_expect(*type(TEMPLATE
	                "ca-certificate list ca-cert-name a ca-cert-name b ca-cert-name c ca-cert-name d "
	                "ca-cert-name e\n"),
	          "four CA certificates");
	ok(PAYLOAD "\nipsec transform-set list a b c d\n");
	cr_expect(*type(PAYLOAD "\nipsec transform-set list a b c d e\n"), "four IPsec transform sets");
	reloads();
}

Test(cfg_rules, a_thousand_peers_per_list)
{
	struct cli_out_buf b;

	cli_out_buf_init(&b);
	cli_out_put(&b.out, "context a\ncrypto peer-list ipv4 l\n");
	for (int i = 0; i < 1000; i++)
		cli_out_printf(&b.out, "address 10.1.%d.%d\n", i / 250, i % 250 + 1);
	ok(b.text);
	refused("context a\ncrypto peer-list ipv4 l\naddress 10.9.0.1\n",
	        "Failure: The maximum number of 1000 address is reached");
	ok("context a\ncrypto peer-list ipv4 l\naddress 10.1.0.1\n");
	cr_expect(*type("context a\ncrypto peer-list ipv4 l\naddress 2001:db8::1\n"),
	          "an IPv6 address in an IPv4 list");
	cli_out_buf_free(&b);
}
