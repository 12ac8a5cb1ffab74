/* SPDX-License-Identifier: MIT */
/*
 * What ipsecmgr makes of the settings of protection (chapters 13 and 19) and of vendor policies (chapter 20):
 * each value and its `no`, cookies over all services, lists as ipsecctrl leaves them, vendor templates by
 * precedence. The files are parts of a program, so they are compiled into the test.
 */
#include <criterion/criterion.h>
#include "tasks/ipsecmgr/ipsecmgr_cert.c"
#include "tasks/ipsecmgr/ipsecmgr_cfg.c"
#include "tasks/ipsecmgr/ipsecmgr_peers.c"
#include "tasks/ipsecmgr/ipsecmgr_map.c"
#include "tasks/ipsecmgr/ipsecmgr_payload.c"
#undef BUCKETS
#define drop  drop_list
#define fetch fetch_list
#include "tasks/ipsecmgr/ipsecmgr_guard.c"
#undef drop
static const struct cfg_tree *settings;
#define find           find_derived
#define limit          limit_of
#define config_tree(x) settings
#include "tasks/ipsecmgr/ipsecmgr_vendor.c"
#undef config_tree
#undef find
#undef limit
#include "tests/unit/ipsecmgr_rest.h"

struct ipsecmgr ipsecmgr;

struct ipsecmgr_secrets *ipsecmgr_secrets_build(const struct cfg_tree *tree, const struct secret_key *key,
                                                void (*problem)(void *arg, const char *text), void *arg)
{
	return NULL;
}
void ipsecmgr_secrets_free(struct ipsecmgr_secrets *s)
{
}

static struct cli_grammar *g;
static struct cfg_tree *t;
static struct ipsecmgr_policy *p;

#define HEAD                                                                                                 \
	"context c -noconfirm\n"                                                                             \
	"ikev2-ikesa transform-set good\ngroup 19\nlifetime 600\n#exit\n"                                    \
	"ikev2-ikesa transform-set better\ngroup 20\nlifetime 900\n#exit\n"                                  \
	"ipsec transform-set esp\nencryption aes-cbc-256\n#exit\n"
#define TEMPLATE                                                                                             \
	"crypto template t ikev2-dynamic\nauthentication local pre-shared-key key k\n"                       \
	"authentication remote pre-shared-key key k\nikev2-ikesa transform-set list good\n"                  \
	"keepalive interval 100\nikev2-ikesa rekey\n"                                                        \
	"payload x match childsa match any\nlifetime 7000\nrekey keepalive\n#exit\n"
#define TAIL "#exit\nwsg-service w\nbind address 192.0.2.1 crypto-template t\n#exit\n#exit\n"

static void report(void *arg, unsigned lineno, const char *line, const char *error)
{
	cr_log_error("line %u: %s: %s", lineno, line, error);
}

static void setup(void)
{
	char err[256];

	g = cli_grammar_load("cli/grammar", err, sizeof(err));
	cr_assert_not_null(g, "%s", err);
	t = cfg_new(g);
}

static void teardown(void)
{
	ipsecmgr_cfg_free(p);
	cfg_free(t);
	cli_grammar_free(g);
}

TestSuite(ipsecmgr_guard, .init = setup, .fini = teardown);

static void build(const char *text)
{
	cr_assert_eq(cli_load_text(t, NULL, text, report, NULL), 0);
	settings = t;
	ipsecmgr_cfg_free(p);
	p = ipsecmgr_cfg_build(t, NULL, NULL, NULL, NULL);
	cr_assert_not_null(p);
}

/* --- chapter 19 */

Test(ipsecmgr_guard, limits_and_their_defaults)
{
	build(HEAD TEMPLATE TAIL);
	cr_assert_eq(p->pol.half_open_s, 60);
	cr_assert_eq(p->pol.decrypt_fail_max, 30);
	cr_assert_eq(p->pol.rekey_rate, 5);
	cr_assert_eq(p->pol.queue_max, 20);
	cr_assert(!p->pol.cookie_challenge && !p->pol.congestion_reject);
	cr_assert_eq(p->list, IPSECMGR_NO_LIST);
	build("context c\ncrypto template t ikev2-dynamic\nikev2-ikesa ddos half-open-sa-timer 11\n"
	      "ikev2-ikesa ddos decrypt-fail-count 12\nikev2-ikesa ddos rekey-rate 13\n"
	      "ikev2-ikesa ddos message-queue-size 14\nikev2-ikesa ddos max-cert-size 600\n"
	      "ikev2-ikesa policy congestion-rejection notify-status-value 40000\nblacklist\n");
	cr_assert_eq(p->pol.half_open_s, 11);
	cr_assert_eq(p->pol.decrypt_fail_max, 12);
	cr_assert_eq(p->pol.rekey_rate, 13);
	cr_assert_eq(p->pol.queue_max, 14);
	cr_assert_eq(p->pol.max_cert_size, 600);
	cr_assert(p->pol.congestion_reject);
	cr_assert_eq(p->pol.congestion_notify, 40000);
	cr_assert_eq(p->list, IPSECMGR_BLACKLIST);
	build("context c\ncrypto template t ikev2-dynamic\nno ikev2-ikesa ddos half-open-sa-timer\n"
	      "no ikev2-ikesa ddos decrypt-fail-count\nno ikev2-ikesa ddos rekey-rate\n"
	      "no ikev2-ikesa ddos message-queue-size\nno ikev2-ikesa policy congestion-rejection\n"
	      "no blacklist\nwhitelist\n");
	cr_assert_eq(p->pol.half_open_s, IKE_UNLIMITED);
	cr_assert_eq(p->pol.decrypt_fail_max, IKE_UNLIMITED);
	cr_assert_eq(p->pol.rekey_rate, IKE_UNLIMITED);
	cr_assert_eq(p->pol.queue_max, IKE_UNLIMITED);
	cr_assert(!p->pol.congestion_reject);
	cr_assert_eq(p->list, IPSECMGR_WHITELIST);
}

Test(ipsecmgr_guard, cookies_of_all_services)
{
	struct ipsecmgr m = {0};
	struct ike_protection all;

	build(HEAD TEMPLATE
	      "dos cookie-challenge notify-payload half-open-sess-count start 70 stop 20\n#exit\n"
	      "crypto template u ikev2-dynamic\nauthentication local pre-shared-key key k\n"
	      "authentication remote pre-shared-key key k\npayload x match childsa match any\n#exit\n"
	      "dos cookie-challenge notify-payload half-open-sess-count start 50 stop 10\n#exit\n"
	      "wsg-service v\nbind address 192.0.2.2 crypto-template u\n#exit\n"
	      "wsg-service w\nbind address 192.0.2.1 crypto-template t\n#exit\n#exit\n");
	m.policies = p;
	all = ipsecmgr_guard_protection(&m);
	cr_assert_eq(all.cookie_on, 50);
	cr_assert_eq(all.cookie_off, 10);
	cr_assert(!all.cookie_always);
	build("context c\ncrypto template u ikev2-dynamic\n"
	      "no dos cookie-challenge notify-payload\n"
	      "dos cookie-challenge notify-payload half-open-sess-count start 0\n");
	m.policies = p;
	cr_assert(ipsecmgr_guard_protection(&m).cookie_always);
	build("context c\ncrypto template u ikev2-dynamic\nno dos cookie-challenge notify-payload\n#exit\n"
	      "crypto template t ikev2-dynamic\nno dos cookie-challenge notify-payload\n");
	m.policies = p;
	all = ipsecmgr_guard_protection(&m);
	cr_assert(!all.cookie_always && !all.cookie_on);
}

/* --- chapter 13 */

static void leave(const char *dir, const char *name, const char *boot, unsigned long long version,
                  const char *text)
{
	char path[200], head[200];

	snprintf(path, sizeof(path), "%s/lists/%s", dir, name);
	snprintf(head, sizeof(head), "# %s %llu /flash/x\n", boot, version);
	cr_assert_eq(access_write(path, head, text, strlen(text)), 0);
}

static void told(struct task *task, uint64_t black, uint64_t white)
{
	Envelope env = ENVELOPE__INIT;
	AccessLists l = ACCESS_LISTS__INIT;
	struct bus_msg msg = {.env = &env};

	l.blacklist = black;
	l.whitelist = white;
	env.body_case = ENVELOPE__BODY_ACCESS_LISTS;
	env.access_lists = &l;
	ipsecmgr_guard_lists(task, &msg);
}

Test(ipsecmgr_guard, lists)
{
	struct ipsecmgr_policy black = {.list = IPSECMGR_BLACKLIST}, white = {.list = IPSECMGR_WHITELIST},
	                       none = {.list = IPSECMGR_NO_LIST};
	char dir[] = "/tmp/orrery-guard-XXXXXX", path[64];
	static struct task task = {.boot_id = "boot-1"};
	const char *why = NULL;
	struct ike_id bad, good;

	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/lists", dir);
	cr_assert_eq(mkdir(path, 0700), 0);
	snprintf(task.state_dir, sizeof(task.state_dir), "%s", dir);
	ipsecmgr.t = &task;
	ike_id_parse(&bad, "bad.example");
	ike_id_parse(&good, "good.example");
	/* Nothing was read: no peer is kept out. */
	ipsecmgr_guard_lists_load(&ipsecmgr);
	cr_assert_eq(ipsecmgr_guard_admit(&black, &bad, &why), 0);
	cr_assert_eq(ipsecmgr_guard_admit(&white, &bad, &why), 0);
	leave(dir, "blacklist", "boot-1", 5, "fqdn \"bad.example\"\n");
	leave(dir, "whitelist", "boot-1", 6, "fqdn \"good.example\"\n");
	told(&task, 5, 6);
	cr_assert_eq(ipsecmgr_guard_admit(&black, &bad, &why), -EACCES);
	cr_assert_str_eq(why, "on the blacklist");
	cr_assert_eq(ipsecmgr_guard_admit(&black, &good, &why), 0);
	cr_assert_eq(ipsecmgr_guard_admit(&white, &bad, &why), -EACCES);
	cr_assert_str_eq(why, "not on the whitelist");
	cr_assert_eq(ipsecmgr_guard_admit(&white, &good, &why), 0);
	cr_assert_eq(ipsecmgr_guard_admit(&none, &bad, &why), 0);
	/* The same version is not read again, another one is. */
	leave(dir, "blacklist", "boot-1", 7, "");
	told(&task, 5, 6);
	cr_assert_eq(ipsecmgr_guard_admit(&black, &bad, &why), -EACCES);
	told(&task, 7, 6);
	cr_assert_eq(ipsecmgr_guard_admit(&black, &bad, &why), 0);
	/* A manager that starts takes what is there, but not of another boot. */
	drop_list(&lists[IPSECMGR_WHITELIST]);
	ipsecmgr_guard_lists_load(&ipsecmgr);
	cr_assert_eq(ipsecmgr_guard_admit(&white, &bad, &why), -EACCES);
	strcpy(task.boot_id, "boot-2");
	ipsecmgr_guard_lists_load(&ipsecmgr);
	cr_assert_eq(ipsecmgr_guard_admit(&white, &bad, &why), 0);
	/* A damaged one leaves the one before. */
	leave(dir, "whitelist", "boot-2", 9, "fqdn \"good.example\"\n");
	told(&task, 0, 9);
	leave(dir, "whitelist", "boot-2", 10, "fqdn \"good.exam");
	told(&task, 0, 10);
	cr_assert_eq(ipsecmgr_guard_admit(&white, &good, &why), 0);
	cr_assert_eq(ipsecmgr_guard_admit(&white, &bad, &why), -EACCES);
	told(&task, 0, 0);
	cr_assert_eq(ipsecmgr_guard_admit(&white, &bad, &why), 0);
	snprintf(path, sizeof(path), "rm -r %s", dir);
	cr_assert_eq(system(path), 0);
}

/* --- chapter 20 */

#define VENDORS                                                                                              \
	"crypto template v1 ikev2-vendor\nikev2-ikesa transform-set list better\nkeepalive interval 31\n"    \
	"ikev2-ikesa mobike\n#exit\n"                                                                        \
	"crypto template v2 ikev2-vendor\nkeepalive interval 62\nno ikev2-ikesa fragmentation\n"             \
	"ikev2-ikesa ignore-rekeying-requests\npayload y match childsa match any\n"                          \
	"ipsec transform-set list esp\nlifetime 5000\n#exit\n#exit\n"                                        \
	"crypto vendor-policy vp\nprecedence 9 vendor-id acme vendor-template v2\n"                          \
	"precedence 2 vendor-id best vendor-template v1\n#exit\n"

static void build_vendors(void)
{
	build(HEAD VENDORS TEMPLATE "vendor-policy vp\n" TAIL);
	cr_assert_not_null(p->vendors);
	cr_assert_str_eq(p->vendors[1].id, "best");
	cr_assert_str_eq(p->vendors[8].template, "v2");
	cr_assert_str_eq(p->vendors[0].id, "");
}

Test(ipsecmgr_guard, one_vendor_template)
{
	struct ipsecmgr_policy *d;

	build_vendors();
	d = ipsecmgr_vendor_derive(t, p, 1ULL << 8);
	cr_assert_str_eq(d->pol.name, "c/w#0000000000000100");
	cr_assert(d->pol.derived);
	cr_assert_eq(d->pol.dpd_interval_s, 62);
	cr_assert(d->pol.no_fragmentation && !d->pol.mobike);
	/* One setting of the group in the vendor template: all of it is from there. */
	cr_assert(p->pol.ike_rekey && !p->pol.ignore_ike_rekey);
	cr_assert(!d->pol.ike_rekey && d->pol.ignore_ike_rekey);
	cr_assert(p->pol.payload[0].rekey && !d->pol.payload[0].rekey);
	cr_assert_eq(d->pol.payload[0].lifetime_s, 5000);
	cr_assert_eq(d->pol.payload[0].esp[0].encr_bits, 256);
	/* The rest is the service's. */
	cr_assert_eq(d->pol.ike[0].dh, 19);
	cr_assert_eq(d->pol.ike_lifetime_s, 600);
	cr_assert_eq(d->pol.psk_len, 1);
	ipsecmgr_cfg_free(d);
}

Test(ipsecmgr_guard, the_first_precedence_counts)
{
	struct ipsecmgr_policy *d;

	build_vendors();
	d = ipsecmgr_vendor_derive(t, p, 1ULL << 8 | 1ULL << 1);
	cr_assert_eq(d->pol.dpd_interval_s, 31); /* in both: precedence 2 before 9 */
	cr_assert_eq(d->pol.ike[0].dh, 20);
	cr_assert_eq(d->pol.ike_lifetime_s, 900);
	cr_assert(d->pol.mobike && d->pol.no_fragmentation && d->pol.ignore_ike_rekey);
	ipsecmgr_cfg_free(d);
	p->site_to_site = true; /* where nobody moves (chapter 18) */
	d = ipsecmgr_vendor_derive(t, p, 1ULL << 1);
	cr_assert(!d->pol.mobike && d->pol.dpd_interval_s == 31);
	ipsecmgr_cfg_free(d);
}

/* Every setting that a vendor template or its payload may have, with a value that is not the service's. */
static const struct {
	const char *row, *line;
} vendor_lines[] = {
        {"ikev2-ikesa-allow-empty-ikesa", "ikev2-ikesa allow-empty-ikesa"},
        {"ikev2-ikesa-ddos-decrypt-fail-count", "ikev2-ikesa ddos decrypt-fail-count 9"},
        {"ikev2-ikesa-ddos-half-open-sa-timer", "no ikev2-ikesa ddos half-open-sa-timer"},
        {"ikev2-ikesa-ddos-max-cert-size", "ikev2-ikesa ddos max-cert-size 777"},
        {"ikev2-ikesa-ddos-message-queue-size", "ikev2-ikesa ddos message-queue-size 7"},
        {"ikev2-ikesa-ddos-rekey-rate", "ikev2-ikesa ddos rekey-rate 8"},
        {"configuration-payload-private-attribute-type",
         "configuration-payload private-attribute-type imei 16391"},
        {"ikev2-ikesa-dscp", "ikev2-ikesa dscp 0x2e"},
        {"ikev2-ikesa-fragmentation", "no ikev2-ikesa fragmentation"},
        {"ikev2-ikesa-ignore-notify-protocol-id", "ikev2-ikesa ignore-notify-protocol-id"},
        {"ikev2-ikesa-ignore-rekeying-requests", "ikev2-ikesa ignore-rekeying-requests"},
        {"ikev2-ikesa-keepalive-user-activity", "ikev2-ikesa keepalive-user-activity"},
        {"ikev2-ikesa-max-retransmissions", "ikev2-ikesa max-retransmissions 3"},
        {"ikev2-ikesa-mobike", "ikev2-ikesa mobike cookie-challenge"},
        {"ikev2-ikesa-policy-error-notification", "ikev2-ikesa policy error-notification invalid-syntax"},
        {"ikev2-ikesa-policy-use-rfc5996-notification", "ikev2-ikesa policy use-rfc5996-notification"},
        {"ikev2-ikesa-rekey", "ikev2-ikesa rekey disallow-param-change"},
        {"ikev2-ikesa-retransmission-timeout", "ikev2-ikesa retransmission-timeout 900"},
        {"ikev2-ikesa-setup-timer", "ikev2-ikesa setup-timer 33"},
        {"ikev2-ikesa-transform-set-list", "ikev2-ikesa transform-set list better"},
        {"keepalive", "keepalive interval 44"},
        {"payload", NULL}, /* what is inside */
        {"ignore-rekeying-requests", "ignore-rekeying-requests"},
        {"ip-address-allocation", "ip-address-allocation dynamic"},
        {"ipsec-transform-set-list", "ipsec transform-set list esp"},
        {"lifetime", "lifetime 4000 kilo-bytes 99"},
        {"maximum-child-sa", "maximum-child-sa 3"},
        {"rekey", "rekey"},
        {"tsi", "tsi start-address endpoint end-address endpoint"},
        {"tsr", "tsr start-address 10.0.0.0 end-address 10.0.0.9"},
};
#define VENDOR_LINES (sizeof(vendor_lines) / sizeof(vendor_lines[0]))

static const char *line_of(const char *row)
{
	for (size_t i = 0; i < VENDOR_LINES; i++)
		if (!strcmp(vendor_lines[i].row, row))
			return vendor_lines[i].line ? vendor_lines[i].line : "";
	return NULL;
}

/* One setting in a vendor template: does anything differ from the service's? */
static bool counts(const char *line, bool inside)
{
	struct ipsecmgr_policy *d;
	struct ike_policy was;
	char text[4096];
	bool differs;

	snprintf(text, sizeof(text),
	         HEAD
	         "crypto template v1 ikev2-vendor\n%s%s\n%s#exit\n"
	         "crypto vendor-policy vp\nprecedence 1 vendor-id acme vendor-template v1\n#exit\n" TEMPLATE
	         "vendor-policy vp\n" TAIL,
	         inside ? "payload y match childsa match any\n" : "", line, inside ? "#exit\n" : "");
	cfg_free(t);
	t = cfg_new(g);
	build(text);
	d = ipsecmgr_vendor_derive(t, p, 1);
	was = p->pol;
	memcpy(was.name, d->pol.name, sizeof(was.name));
	was.derived = true;
	differs = memcmp(&was, &d->pol, sizeof(was)) != 0;
	ipsecmgr_cfg_free(d);
	return differs;
}

Test(ipsecmgr_guard, every_setting_of_a_vendor_template_counts)
{
	static const char *const modes[] = {"crypto-vendor-template", "crypto-vendor-payload"};

	cr_assert(!counts("", false) && !counts("", true));
	for (int i = 0; i < 2; i++) {
		const struct cli_mode *mode = cli_grammar_mode(g, modes[i]);

		for (unsigned k = 0; k < mode->nrows; k++) {
			const struct cli_row *row = mode->rows[k];
			const char *line;

			if (row->kind != CLI_ROW_CONF || row->later || row->mode != mode)
				continue;
			line = line_of(row->id);
			cr_assert(line, "%s: no line of %s", row->id, modes[i]);
			if (*line)
				cr_assert(counts(line, i), "%s counts for nothing", line);
		}
	}
}

Test(ipsecmgr_guard, ids_fit_as_a_whole)
{
	struct ike_vendor_id id[4] = {{(const uint8_t *)"acme", 4},
	                              {(const uint8_t *)"acm", 3},
	                              {(const uint8_t *)"acme2", 5},
	                              {(const uint8_t *)"best", 4}};
	unsigned known = 0;

	build_vendors();
	cr_assert_eq(fits(p, id, 4, &known), 1ULL << 8 | 1ULL << 1);
	cr_assert_eq(known, 2);
	known = 0;
	strcpy(p->vendors[5].id, "0x61636D00");
	cr_assert_eq(fits(p, &(struct ike_vendor_id){(const uint8_t *)"acm", 4}, 1, &known), 1ULL << 5);
	cr_assert_eq(known, 1);
	known = 0;
	cr_assert_eq(fits(p, id + 1, 2, &known), 0);
	cr_assert_eq(known, 0);
}

static void no_txn(void *arg, const struct ike_txn *txn)
{
}

static void no_random(void *arg, void *buf, size_t len)
{
	memset(buf, 7, len);
}

/* Which vendors of v1 to v12 are the bits of a set. */
static const char *matched(struct ipsecmgr *m, unsigned set)
{
	static char name[12][4];
	struct ike_vendor_id id[12];
	unsigned n = 0, known = 0;
	const char *policy;

	for (unsigned i = 0; i < 12; i++) {
		if (!(set >> i & 1))
			continue;
		snprintf(name[i], sizeof(name[i]), "v%u", i + 1);
		id[n++] = (struct ike_vendor_id){(const uint8_t *)name[i], strlen(name[i])};
	}
	policy = ipsecmgr_vendor_match(m, "c/w", id, n, &known);
	cr_assert_eq(known, n);
	return policy;
}

/* Peers choose which sets of vendor ids they send. Not more than 512 of them get a policy of their own; after
 * that the highest precedence decides alone, also of a device that was not seen before. */
Test(ipsecmgr_guard, sets_of_vendor_ids_are_bounded)
{
	struct ike_engine_config cfg = {.instance = 1};
	struct ike_callbacks cb = {.txn = no_txn, .random = no_random};
	struct ipsecmgr m = {0};
	char text[4096], want[40];
	unsigned made = 0;
	size_t at = (size_t)snprintf(text, sizeof(text),
	                             HEAD "crypto template v ikev2-vendor\nkeepalive interval 31\n#exit\n"
	                                  "crypto vendor-policy vp\n");

	for (unsigned i = 1; i <= 12; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
		                       "precedence %u vendor-id v%u vendor-template v\n", i, i);
	snprintf(text + at, sizeof(text) - at, "#exit\n" TEMPLATE "vendor-policy vp\n" TAIL);
	build(text);
	m.policies = p;
	m.e = ike_engine_new(&cfg, &cb, NULL, 1);
	for (unsigned set = 3; set < 4096; set++) {
		snprintf(want, sizeof(want), "c/w#%016llx",
		         (unsigned long long)(made < DERIVED_MAX ? set : set & -set));
		if (!(set & (set - 1)))
			continue; /* of one vendor: not seen before the limit is reached */
		cr_assert_str_eq(matched(&m, set), want);
		made++;
	}
	cr_assert_gt(made, DERIVED_MAX);
	cr_assert_str_eq(matched(&m, 2048), "c/w#0000000000000800");
	ike_engine_free(m.e);
	p = m.policies;
}

/* Derived policies follow the configuration, and go with their service. */
Test(ipsecmgr_guard, derived_policies_are_made_again)
{
	struct ipsecmgr m = {0};
	struct ipsecmgr_policy *old;

	build_vendors();
	old = ipsecmgr_vendor_derive(t, p, 1ULL << 8);
	cr_assert_eq(cli_load_text(t, NULL,
	                           "context c\ncrypto template v2 ikev2-vendor\nkeepalive interval 99\n",
	                           report, NULL),
	             0);
	m.policies = ipsecmgr_cfg_build(t, NULL, NULL, NULL, NULL);
	ipsecmgr_vendor_again(&m, t, old);
	cr_assert_str_eq(m.policies->pol.name, "c/w#0000000000000100");
	cr_assert_eq(m.policies->pol.dpd_interval_s, 99);
	ipsecmgr_cfg_free(m.policies);
	m.policies = NULL;
	ipsecmgr_vendor_again(&m, t, old);
	cr_assert_null(m.policies);
	ipsecmgr_cfg_free(old);
}
