/* SPDX-License-Identifier: MIT */
/*
 * Services whose configuration can not be used for a while (tasks/ipsecmgr/ipsecmgr_keep.c): what has tunnels
 * stays, closed for new ones, and what is not configured any more goes. The files are parts of a program, so
 * they are compiled into the test; the engine is a real one.
 */
#include <criterion/criterion.h>

#include "cli/engine/cli.h"
#include "ike/ike.h"
#include "tasks/ipsecmgr/ipsecmgr.h"
#include "tasks/ipsecmgr/ipsecmgr_map_state.h"

static bool no_policies; /* there is no memory for one */
static const struct cfg_tree *settings;

static void *played_calloc(size_t n, size_t size)
{
	return no_policies && size == sizeof(struct ipsecmgr_policy) ? NULL : calloc(n, size);
}
static void *played_malloc(size_t size)
{
	return no_policies && size == sizeof(struct ipsecmgr_policy) ? NULL : malloc(size);
}
#define calloc played_calloc
#include "tasks/ipsecmgr/ipsecmgr_cert.c"
#include "tasks/ipsecmgr/ipsecmgr_cfg.c"
#undef calloc
#include "tasks/ipsecmgr/ipsecmgr_keep.c"
#include "tasks/ipsecmgr/ipsecmgr_payload.c"
#include "tasks/ipsecmgr/ipsecmgr_peers.c"
#define limit          limit_of
#define config_tree(t) settings
#define malloc         played_malloc
#include "tasks/ipsecmgr/ipsecmgr_vendor.c"
#undef malloc
#undef config_tree
#define TESTS_HAVE_IPSECMGR_KEEP
#include "tests/unit/ipsecmgr_rest.h"

struct ipsecmgr ipsecmgr;
static struct ipsecmgr *const m = &ipsecmgr;
static struct cli_grammar *grammar;

struct ipsecmgr_secrets *ipsecmgr_secrets_build(const struct cfg_tree *t, const struct secret_key *key,
                                                void (*problem)(void *arg, const char *text), void *arg)
{
	return NULL;
}
void ipsecmgr_secrets_free(struct ipsecmgr_secrets *s)
{
}
struct ike_protection ipsecmgr_guard_protection(const struct ipsecmgr *x)
{
	return (struct ike_protection){0};
}

static void txn_cb(void *arg, const struct ike_txn *txn)
{
}

static void random_cb(void *arg, void *buf, size_t len)
{
	memset(buf, 7, len);
}

static void report(void *arg, unsigned lineno, const char *line, const char *error)
{
	cr_log_error("line %u: %s: %s", lineno, line, error);
}

#define AUTH "authentication local pre-shared-key key k\nauthentication remote pre-shared-key key k\n"
#define TEMPLATE(auth)                                                                                       \
	"crypto template t ikev2-dynamic\n" auth                                                             \
	"vendor-policy v\npayload x match childsa match any\n#exit\n#exit\n"
#define SERVICE(address) "wsg-service w\nbind address " address " crypto-template t\n#exit\n"
#define VENDOR                                                                                               \
	"crypto template vt ikev2-vendor\n#exit\ncrypto vendor-policy v\n"                                   \
	"precedence 1 vendor-id one vendor-template vt\n#exit\n"
#define CONFIG(auth, address)                                                                                \
	"config\ncontext c -noconfirm\n" VENDOR TEMPLATE(auth) SERVICE(address) "#exit\nend\n"

/* This is the configuration now. */
static void apply(const char *text)
{
	struct cfg_tree *before = (struct cfg_tree *)(uintptr_t)settings, *t = cfg_new(grammar);

	cr_assert_eq(cli_load_text(t, NULL, text, report, NULL), 0);
	settings = t;
	ipsecmgr_cfg_apply(m, t);
	cfg_free(before);
}

static void set_up(void)
{
	static const struct ike_engine_config cfg = {.instance = 1, .max_sa = 10};
	static const struct ike_callbacks cb = {.txn = txn_cb, .random = random_cb};
	char err[256];

	grammar = cli_grammar_load("cli/grammar", err, sizeof(err));
	cr_assert(grammar, "%s", err);
	m->e = ike_engine_new(&cfg, &cb, NULL, 1);
	cr_assert(m->e);
	apply(CONFIG(AUTH, "192.0.2.1"));
}

static void tear_down(void)
{
	ipsecmgr_cfg_free(m->policies);
	ike_engine_free(m->e);
	cfg_free((struct cfg_tree *)(uintptr_t)settings);
	cli_grammar_free(grammar);
}

TestSuite(ipsecmgr_keep, .init = set_up, .fini = tear_down, .timeout = 60);

/* What the engine and we have of a policy: "there", "frozen", "gone". */
static const char *is(const char *name)
{
	const struct ipsecmgr_policy *p = ipsecmgr_cfg_find(m, name);

	cr_assert_eq(!p, !ike_engine_policy_find(m->e, name), "%s", name);
	return !p ? "gone" : p->frozen ? "frozen" : "there";
}

Test(ipsecmgr_keep, a_template_that_can_not_be_used_costs_no_tunnel)
{
	cr_assert_str_eq(is("c/w"), "there");
	apply(CONFIG("", "192.0.2.1"));
	cr_assert_str_eq(is("c/w"), "frozen");
	apply(CONFIG("", "192.0.2.1"));
	cr_assert_str_eq(is("c/w"), "frozen");
	apply(CONFIG(AUTH, "192.0.2.1"));
	cr_assert_str_eq(is("c/w"), "there");
}

Test(ipsecmgr_keep, what_is_not_configured_any_more_goes)
{
	apply(CONFIG("", "192.0.2.2"));
	cr_assert_str_eq(is("c/w"), "gone", "bound elsewhere");
	apply(CONFIG(AUTH, "192.0.2.1"));
	apply(CONFIG("", "192.0.2.1"));
	apply("config\ncontext c -noconfirm\n" SERVICE("192.0.2.1") "#exit\nend\n");
	cr_assert_str_eq(is("c/w"), "gone", "its template was removed");
	apply(CONFIG(AUTH, "192.0.2.1"));
	apply("config\ncontext c -noconfirm\n" TEMPLATE("") "#exit\nend\n");
	cr_assert_str_eq(is("c/w"), "gone", "the service was removed");
}

Test(ipsecmgr_keep, no_memory_for_a_policy_costs_no_tunnel)
{
	static const struct ike_vendor_id id = {(const uint8_t *)"one", 3};
	unsigned known = 0;
	const char *derived = ipsecmgr_vendor_match(m, "c/w", &id, 1, &known);
	char name[IKE_NAME_MAX];

	cr_assert(derived);
	snprintf(name, sizeof(name), "%s", derived);
	no_policies = true;
	apply(CONFIG(AUTH, "192.0.2.1"));
	cr_expect_str_eq(is("c/w"), "frozen");
	cr_expect_str_eq(is(name), "there");
	no_policies = false;
	apply(CONFIG(AUTH, "192.0.2.1"));
	cr_expect_str_eq(is("c/w"), "there");
	cr_expect_str_eq(is(name), "there");
	apply("config\ncontext c -noconfirm\n" TEMPLATE("") "#exit\nend\n");
	cr_expect_str_eq(is(name), "gone");
}

static bool configured(const char *policy)
{
	return ipsecmgr_keep_configured(m, settings, policy);
}

Test(ipsecmgr_keep, rows_of_what_is_configured)
{
	struct task maps = {.instance = 80};

	cr_expect(configured("c/w"));
	cr_expect(configured("c/w#0000000000000001"));
	cr_expect_not(configured("c/x"));
	cr_expect_not(configured("d/w"));
	cr_expect_not(configured("c"));
	apply("config\ncontext c -noconfirm\ncrypto map m ikev2-ipv4\n#exit\n"
	      "crypto map n#1 ikev2-ipv4\n#exit\nwsg-service w\n#exit\n#exit\nend\n");
	cr_expect_not(configured("c/w"), "it is not bound");
	cr_expect_not(configured("c/m"), "a map is no service");
	m->t = &maps;
	cr_expect(configured("c/m"));
	cr_expect(configured("c/n#1"));
	cr_expect_not(configured("c/n"));
	m->t = NULL;
}

/* Which maps a manager has is in the store. */
Test(ipsecmgr_keep, maps_stay_when_it_can_not_be_read_which_there_are)
{
	struct ipsecmgr_policy *p = calloc(1, sizeof(*p));

	p->map = calloc(1, sizeof(*p->map));
	p->pol = m->policies->pol;
	pki_own_ref(p->pol.own);
	pki_trust_ref(p->pol.trust);
	snprintf(p->pol.name, sizeof(p->pol.name), "c/m");
	cr_assert_eq(ike_engine_policy_put(m->e, &p->pol), 0);
	p->next = m->policies;
	m->policies = p;
	m->maps_unread = true;
	apply(CONFIG(AUTH, "192.0.2.1"));
	cr_expect_str_eq(is("c/m"), "there");
	m->maps_unread = false;
	apply(CONFIG(AUTH, "192.0.2.1"));
	cr_expect_str_eq(is("c/m"), "gone");
}
