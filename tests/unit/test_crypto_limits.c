/* SPDX-License-Identifier: MIT */
/*
 * The numbers of the IPSec Reference, written down a second time: so many certificates, sets, peers, groups
 * and policies are taken, and one more is refused in words. And crypto maps and templates: which lines their
 * types know, and that a name keeps its type.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "cfg/cfg.h"

static struct cli_grammar *gr;
static struct cfg_tree *tree;
static char error[1024];
static unsigned errors;

static void setup(void)
{
	gr = cli_grammar_load("cli/grammar", error, sizeof(error));
	cr_assert(gr, "%s", error);
	tree = cfg_new(gr);
}

static void teardown(void)
{
	cfg_free(tree);
	cli_grammar_free(gr);
}

TestSuite(crypto_limits, .init = setup, .fini = teardown);

static void note(void *arg, unsigned lineno, const char *line, const char *text)
{
	if (!errors++)
		snprintf(error, sizeof(error), "%s", text);
}

/* Number of refused lines; the first reason is in error. */
static unsigned load(const char *text)
{
	errors = 0;
	error[0] = 0;
	cli_load_text(tree, NULL, text, note, NULL);
	return errors;
}

static const struct limit {
	const char *before, *line; /* what leads there, and the line with a number in it */
	unsigned count;
	const char *what;
} limits[] = {
        {"", "certificate name c%u pem url /flash/c.pem", 16, "16 certificate in the system"},
        {"", "ca-certificate name c%u pem url /flash/c.pem", 16, "16 ca-certificate in the system"},
        {"", "crypto remote-secret-list l%u\nexit", 1, "1 crypto-remote-secret-list in the system"},
        {"crypto remote-secret-list l\n", "remote-id id-type fqdn id h%u.example secret key abc", 1000,
         "1000 remote-id"},
        {"context a\n", "crypto vendor-policy p%u\nexit", 32, "32 crypto-vendor-policy in the system"},
        {"context a\ncrypto vendor-policy p\n", "precedence %u vendor-id v vendor-template t", 64, "1 to 64"},
        {"context a\n", "crypto-group g%u\nexit", 32, "32 crypto-group"},
        {"context a\ncrypto peer-list ipv4 p\n", "address 10.0.%u.1", 1000, "1000 address"},
        {"context a\ncrypto peer-list ipv6 p\n", "address 2001:db8::%u", 1000, "1000 address"},
        {"context a\ncrypto template t ikev2-dynamic\n", "payload p%u match childsa\nexit", 5, "5 payload"},
        {"context a\ncrypto template t ikev2-dynamic\npayload p match childsa\n",
         "tsr start-address 10.%u.0.0 end-address 10.%u.0.255", 4, "4 tsr"},
};

/* The n-th line; addresses count over two bytes. */
static void line_of(const struct limit *l, unsigned n, char *buf, size_t size)
{
	char fmt[128];
	const char *dot = strstr(l->line, "10.0.%u.1");

	if (dot)
		snprintf(fmt, sizeof(fmt), "address 10.%u.%u.1", n / 256, n % 256);
	else
		snprintf(fmt, sizeof(fmt), l->line, n, n);
	snprintf(buf, size, "%s\n", fmt);
}

Test(crypto_limits, one_more_than_the_reference_allows_is_refused)
{
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		const struct limit *l = &limits[i];
		size_t size = 300 + 128 * (l->count + 1), at;
		char *text = malloc(size);

		at = (size_t)snprintf(text, size, "%s", l->before);
		for (unsigned n = 1; n <= l->count; n++) {
			line_of(l, n, text + at, size - at);
			at += strlen(text + at);
		}
		cr_expect_eq(load(text), 0, "%s: %s", l->line, error);
		line_of(l, l->count + 1, text + at, size - at);
		cr_expect_gt(load(text), 0, "%s: %u were accepted", l->line, l->count + 1);
		cr_expect(!strncmp(error, "Failure: ", 9) && strstr(error, l->what), "%s: %s", l->line,
		          error);
		free(text);
		cfg_free(tree);
		tree = cfg_new(gr);
	}
}

static const struct list {
	const char *line, *item;
	unsigned count;
} lists[] = {
        {"ca-certificate list", "ca-cert-name c", 4},
        {"ca-crl list", "ca-crl-name c", 4},
        {"ikev2-ikesa auth-method-set list", "s", 3},
        {"ikev2-ikesa transform-set list", "s", 6},
        {"payload p match childsa\nipsec transform-set list", "s", 4},
};

Test(crypto_limits, lists_of_a_template_have_an_end)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (unsigned n = lists[i].count; n <= lists[i].count + 1; n++) {
			char text[600];
			int at = snprintf(text, sizeof(text),
			                  "context a\ncrypto template t ikev2-dynamic\n%s", lists[i].line);

			for (unsigned k = 0; k < n; k++)
				at += snprintf(text + at, sizeof(text) - (size_t)at, " %s%u", lists[i].item,
				               k);
			cr_expect_eq(load(text), n > lists[i].count, "%s %u: %s", lists[i].line, n, error);
		}
}

/* --- types --- */

Test(crypto_limits, each_type_of_map_knows_its_own_lines)
{
	cr_expect_eq(load("require session recovery\nrequire demux processing-card\n"
	                  "context a\n"
	                  "  crypto map m1 ipsec-isakmp\n    set mode main\n    set pfs group2\n    exit\n"
	                  "  crypto map m2 ipsec-ikev1\n    ipsec-on-demux\n    exit\n"
	                  "  crypto map m3 ipsec-dynamic\n    set transform-set t1\n    exit\n"
	                  "  crypto map m4 ipsec-manual\n"
	                  "    set session-key inbound esp 257 cipher abc authenticator def\n    exit\n"
	                  "  crypto map m5 ikev2-ipv4\n    peer 192.0.2.1\n    ocsp nonce\n    exit\n"
	                  "  crypto map m6 ikev2-ipv6\n    peer 2001:db8::1\n    exit\n"),
	             0, "%s", error);
	cr_expect_eq(load("context a\ncrypto map m5 ikev2-ipv4\nset pfs group2"), 1);
	cr_expect_eq(load("context a\ncrypto map m3 ipsec-dynamic\nset peer 192.0.2.1"), 1);
	cr_expect_eq(load("context a\ncrypto map m6 ikev2-ipv6\npeer 192.0.2.1"), 1);
	/* chapters 16 to 18 are about peers that come to a template */
	cr_expect_eq(load("context a\ncrypto map m5 ikev2-ipv4\nikev2-ikesa mobike"), 1);
	cr_expect_eq(load("context a\ncrypto map m5 ikev2-ipv4\nikev2-ikesa dscp 0x10"), 1);
	cr_expect_eq(load("context a\ncrypto map m5 ikev2-ipv4\nikev2-ikesa fragmentation"), 1);
	cr_expect_eq(load("context a\ncrypto map m1 ipsec-isakmp\nset session-key inbound ah 256 key abc"),
	             1);
}

Test(crypto_limits, a_name_keeps_its_type)
{
	struct cli_out_buf b;

	cr_expect_eq(load("context a\ncrypto map m ipsec-manual\nset peer 192.0.2.1"), 0);
	cr_expect_eq(load("context a\ncrypto map m ikev2-ipv4"), 1);
	cr_expect_str_eq(error, "Failure: crypto-map m exists already as ipsec-manual; remove it first");
	/* these two are the same thing by two names */
	cr_expect_eq(load("context a\ncrypto map n ipsec-isakmp\nexit\ncrypto map n ipsec-ikev1"), 0, "%s",
	             error);
	cr_expect_eq(load("context a\nno crypto map m\ncrypto map m ikev2-ipv4\npeer 192.0.2.2"), 0, "%s",
	             error);
	cli_out_buf_init(&b);
	cfg_show(tree, NULL, &b.out);
	cr_expect_str_eq(b.text, "config\n"
	                         "  context a\n"
	                         "    crypto map n ipsec-ikev1\n"
	                         "    #exit\n"
	                         "    crypto map m ikev2-ipv4\n"
	                         "      peer 192.0.2.2\n"
	                         "    #exit\n"
	                         "  #exit\n"
	                         "end\n");
	cli_out_buf_free(&b);
}

static int apply(void *arg, const struct cfg_edit *e)
{
	cr_expect_geq(cfg_apply(arg, e), 0, "%s %s", cfg_op_name(e->op), e->path);
	return 0;
}

Test(crypto_limits, a_block_of_another_type_is_made_anew_by_a_difference)
{
	struct cfg_tree *was, *now = cfg_new(gr);

	cr_expect_eq(load("context a\ncrypto map m ipsec-manual\nset peer 192.0.2.1"), 0);
	was = cfg_dup(tree);
	cli_load_text(now, NULL, "context a\ncrypto map m ikev2-ipv6\npeer 2001:db8::1", note, NULL);
	cr_expect_eq(cfg_diff(tree, now, apply, was), 0);
	cr_expect(cfg_equal(was, now));
	cfg_free(was);
	cfg_free(now);
}

Test(crypto_limits, vendor_templates_know_a_part_of_the_lines)
{
	cr_expect_eq(load("context a\n"
	                  "  crypto template v ikev2-vendor\n"
	                  "    configuration-payload private-attribute-type imei 16384\n"
	                  "    ikev2-ikesa mobike\n"
	                  "    no ikev2-ikesa fragmentation\n"
	                  "    keepalive interval 60\n"
	                  "    payload p match childsa\n"
	                  "      rekey keepalive\n"),
	             0, "%s", error);
	cr_expect_eq(load("context a\ncrypto template v ikev2-vendor\nblacklist"), 1);
	cr_expect_eq(load("context a\ncrypto template v ikev2-dynamic"), 1);
}

Test(crypto_limits, dscp_is_a_hexadecimal_number_up_to_3f)
{
	cr_expect_eq(load("context a\ncrypto template t ikev2-dynamic\nikev2-ikesa dscp 0x3F"), 0, "%s",
	             error);
	cr_expect_eq(load("context a\ncrypto template t ikev2-dynamic\nikev2-ikesa dscp 0x40"), 1);
	cr_expect_str_eq(error, "Failure: Invalid value 0x40 for <dscp>; the legal range is 0x00 to 0x3f");
}

/* A private key of 8,191 characters, sealed: 4/3 of it and a little more. */
Test(crypto_limits, sealed_private_keys_are_taken_back)
{
	char line[12000], key[11000];

	memset(key, 'x', sizeof(key) - 1);
	key[sizeof(key) - 1] = 0;
	snprintf(line, sizeof(line),
	         "certificate name c pem url /flash/c.pem private-key pem encrypted data %s", key);
	cr_expect_eq(load(line), 0, "%s", error);
	key[8192] = 0;
	snprintf(line, sizeof(line), "certificate name d pem url /flash/c.pem private-key pem data %s", key);
	cr_expect_eq(load(line), 1);
	cr_expect_str_eq(
	        error, "Failure: Invalid value \"****\" for <key>; the legal length is 1 to 8191 characters");
}

#define IN_TEMPLATE "context a\ncrypto template t ikev2-dynamic\n"

/* Ranges of chapters 1, 12, 13 and 19. */
static const struct {
	const char *before, *line; /* the number goes behind it */
	unsigned min, max;
} ranges[] = {
        {IN_TEMPLATE, "ikev2-ikesa ddos half-open-sa-timer", 1, 1800},
        {IN_TEMPLATE, "ikev2-ikesa ddos decrypt-fail-count", 1, 100},
        {IN_TEMPLATE, "ikev2-ikesa ddos rekey-rate", 1, 50},
        {IN_TEMPLATE, "ikev2-ikesa ddos message-queue-size", 1, 50},
        {IN_TEMPLATE, "ikev2-ikesa ddos max-cert-size", 512, 8192},
        {"", "congestion-control threshold license-utilization", 1, 100},
        {"", "congestion-control threshold max-sessions-per-service-utilization", 1, 100},
        {"", "congestion-control threshold message-queue-utilization", 1, 100},
        {"", "congestion-control threshold port-rx-utilization", 1, 100},
        {"", "congestion-control threshold port-tx-utilization", 1, 100},
        {"", "congestion-control threshold port-specific-rx-utilization", 1, 100},
        {"", "congestion-control threshold port-specific-tx-utilization", 1, 100},
        {"", "congestion-control threshold port-specific all rx-utilization", 1, 100},
        {"", "congestion-control threshold service-control-cpu-utilization", 1, 100},
        {"", "congestion-control threshold system-cpu-utilization", 1, 100},
        {"", "congestion-control threshold system-memory-utilization", 1, 100},
};

static unsigned with(const char *before, const char *line, unsigned n)
{
	char text[400];

	snprintf(text, sizeof(text), "%s%s %u\n", before, line, n);
	return load(text);
}

Test(crypto_limits, ranges_of_the_reference)
{
	char range[40];

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		const char *line = ranges[i].line;

		snprintf(range, sizeof(range), "%u to %u", ranges[i].min, ranges[i].max);
		cr_assert_eq(with(ranges[i].before, line, ranges[i].min), 0, "%s: %s", line, error);
		cr_assert_eq(with(ranges[i].before, line, ranges[i].max), 0, "%s: %s", line, error);
		cr_assert_eq(with(ranges[i].before, line, ranges[i].min - 1), 1, "%s", line);
		cr_assert_eq(with(ranges[i].before, line, ranges[i].max + 1), 1, "%s", line);
		cr_assert(!strncmp(error, "Failure: ", 9) && strstr(error, range), "%s: %s", line, error);
	}
}

/* The window of anti-replay has six sizes, and none between them. */
Test(crypto_limits, windows_of_the_reference)
{
	static const unsigned sizes[] = {32, 64, 128, 256, 384, 512};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		cr_assert_eq(with("context a\n", "ipsec replay window-size", sizes[i]), 0, "%s", error);
		cr_assert_eq(with("context a\n", "ipsec replay window-size", sizes[i] - 1), 1);
		cr_assert_eq(with("context a\n", "ipsec replay window-size", sizes[i] + 1), 1);
	}
}

/* A remote secret is of 1 to 255 characters. */
Test(crypto_limits, keys_of_the_reference)
{
	char key[300], text[500];

	for (unsigned n = 254; n <= 256; n++) {
		memset(key, 'k', n);
		key[n] = 0;
		snprintf(text, sizeof(text),
		         "crypto remote-secret-list l\nremote-id id-type fqdn id a.b secret key %s\n", key);
		cr_assert_eq(load(text), n == 256, "%u: %s", n, error);
	}
	cr_assert(strstr(error, "1 to 255"), "%s", error);
	cr_assert(!strstr(error, "kkk"), "a key is not repeated: %s", error);
}

/* The examples of chapters 3, 7, 11 and 28, with names and addresses filled in, as they are printed there but
 * for the words that are no commands ("transform-setlist", "authentication" as a block). */
Test(crypto_limits, examples_of_the_reference_are_taken)
{
	static const char *const examples[] = {
	        /* chapter 3, Femto-UMTS: users by EAP */
	        "context vpn\neap-profile prof\nmode authentication-pass-through\nexit\n"
	        "ip pool ipsec 10.1.0.0 255.255.0.0\nipsec transform-set esp\nexit\n"
	        "ikev2-ikesa transform-set ike\nexit\ncrypto template t ikev2-dynamic\n"
	        "authentication eap-profile prof\nikev2-ikesa transform-set list ike\n"
	        "payload p match childsa match ipv4\nip-address-alloc dynamic\nipsec transform-set list "
	        "esp\nexit\n"
	        "ikev2-ikesa keepalive-user-activity\nend\n",
	        /* … certificates */
	        "certificate name x509 pem data \"cert\" private-key pem data \"key\"\n"
	        "certificate name y509 pem url http://192.0.2.1/c.pem private-key pem url "
	        "ftp://192.0.2.1/k.pem\n"
	        "ca-certificate name root pem data \"root\"\nca-certificate name sub pem url "
	        "tftp://192.0.2.1/r.pem\n"
	        "context a\ncrypto template segw ikev2-dynamic\nauthentication local certificate\n"
	        "authentication remote certificate\nkeepalive interval 20 timeout 20\ncertificate x509\n"
	        "ca-certificate list ca-cert-name root\npayload p match childsa match ipv6\n"
	        "ip-address-alloc dynamic\nipsec transform-set list esp\nend\n",
	        "context vpn\nsubscriber default\nip context-name vpn\nip address pool name pool\nend\n",
	        /* chapter 7 */
	        "ikesa delete on-mismatch\nend\n",
	        /* chapter 11 */
	        "cmp cert-store location /flash/certs\nend\n",
	        "no cmp cert-store\nend\n",
	        "cmp cert-store location /flash/certs key reuse\ncmp auto-fetch current-name c ca-root r "
	        "time 7\n"
	        "cmp cert-trap time 24\nend\n",
	        "certificate name x509 der url sftp://u:p@192.0.2.1:2222/d/c.der private-key pem url "
	        "file:/flash/k.pem "
	        "cert-enc cert-hash-url url http://192.0.2.1/c.der\nno certificate name x509\nend\n",
	        "ca-crl name list der url ldap://192.0.2.1/cn=ca\nca-crl name list pem url "
	        "ftp://192.0.2.1/l.pem\nend\n",
	        "context a\ncrypto map m ikev2-ipv4\nocsp nonce\nca-crl list ca-crl-name list\nexit\n"
	        "crypto map n ikev2-ipv6\nocsp\nexit\ncrypto template t ikev2-dynamic\nocsp nonce\n"
	        "ca-crl list ca-crl-name list\nend\n",
	        /* chapter 28 */
	        "context a\ncrypto template t ikev2-dynamic\nnotify-payload device-id\nno notify-payload "
	        "device-id\n"
	        "default notify-payload device-id\nend\n",
	};

	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		cr_expect_eq(load(examples[i]), 0, "example %zu: %s", i, error);
}
