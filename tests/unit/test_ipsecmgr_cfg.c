/* SPDX-License-Identifier: MIT */
/*
 * Tests of what ipsecmgr makes of a configuration (tasks/ipsecmgr/ipsecmgr_cfg.c): a policy per bound
 * wsg-service with the values of its template, payload and transform sets, and a complaint instead of a crash
 * for what cannot be used. And of its map of SPIs. The files are parts of a program, so they are compiled
 * into the test.
 */
#include <criterion/criterion.h>
#include "tasks/ipsecmgr/ipsecmgr_cfg.c"
#include "tasks/ipsecmgr/ipsecmgr_map.c"
#include "tasks/ipsecmgr/ipsecmgr_secrets.c"

struct ipsecmgr ipsecmgr;

uint64_t ipsecmgr_engine_now(struct ipsecmgr *m)
{
	return 1;
}
void ipsecmgr_engine_rearm(struct ipsecmgr *m)
{
}
void ipsecmgr_data_bind(struct ipsecmgr *m)
{
}

static const char config[] = "config\n"
                             "context ingress -noconfirm\n"
                             "  ip pool p1 10.1.0.0 255.255.0.0 public 0\n"
                             "  ipsec transform-set esp1\n"
                             "    encryption aes-128-gcm-128\n"
                             "    hmac none\n"
                             "    group 14\n"
                             "  #exit\n"
                             "  ipsec transform-set esp2\n"
                             "    encryption aes-cbc-256\n"
                             "    hmac sha2-256-128\n"
                             "  #exit\n"
                             "  ikev2-ikesa transform-set ike1\n"
                             "    encryption aes-cbc-256\n"
                             "    hmac sha2-256-128\n"
                             "    prf sha2-256\n"
                             "    group 14\n"
                             "    lifetime 7200\n"
                             "  #exit\n"
                             "  ikev2-ikesa transform-set old\n"
                             "    encryption null\n"
                             "  #exit\n"
                             "  crypto template t1 ikev2-dynamic\n"
                             "    authentication local pre-shared-key key secret1\n"
                             "    authentication remote pre-shared-key key secret1\n"
                             "    identity local id-type fqdn id gw.example\n"
                             "    keepalive interval 30 timeout 10 num-retry 3\n"
                             "    max-childsa 3\n"
                             "    ikev2-ikesa rekey\n"
                             "    ikev2-ikesa max-retransmissions 4\n"
                             "    ikev2-ikesa retransmission-timeout 700\n"
                             "    ikev2-ikesa ddos half-open-sa-timer 33\n"
                             "    ikev2-ikesa transform-set list ike1 old\n"
                             "    payload pay1 match childsa match ipv4\n"
                             "      ip-address-allocation dynamic\n"
                             "      ipsec transform-set list esp1 esp2\n"
                             "      lifetime 3600\n"
                             "      rekey keepalive\n"
                             "      tsr start-address 10.9.0.0 end-address 10.9.255.255\n"
                             "    #exit\n"
                             "  #exit\n"
                             "  wsg-service w1\n"
                             "    deployment-mode remote-access\n"
                             "    ip address pool name p1\n"
                             "    bind address 192.0.2.1 crypto-template t1\n"
                             "  #exit\n"
                             "  wsg-service unbound\n"
                             "  #exit\n"
                             "  wsg-service dangling\n"
                             "    bind address 192.0.2.2 crypto-template nowhere\n"
                             "  #exit\n"
                             "#exit\n"
                             "end\n";

struct seen {
	unsigned n;
	char text[2048];
};

static void problem(void *arg, const char *text)
{
	struct seen *s = arg;
	size_t at = strlen(s->text);

	s->n++;
	snprintf(s->text + at, sizeof(s->text) - at, "%s\n", text);
}

static void report(void *arg, unsigned lineno, const char *line, const char *error)
{
	cr_log_error("line %u: %s: %s", lineno, line, error);
}

static struct cfg_tree *load(const char *text, unsigned errors)
{
	char err[256];
	struct cli_grammar *g = cli_grammar_load("cli/grammar", err, sizeof(err));
	struct cfg_tree *t;

	cr_assert_not_null(g, "%s", err);
	t = cfg_new(g);
	cr_assert_not_null(t);
	cr_assert_eq(cli_load_text(t, NULL, text, report, NULL), (int)errors);
	return t;
}

static void unload(struct cfg_tree *t)
{
	struct cli_grammar *g = (struct cli_grammar *)(uintptr_t)t->g;

	cfg_free(t);
	cli_grammar_free(g);
}

Test(ipsecmgr_cfg, policy_has_every_value)
{
	struct cfg_tree *t = load(config, 0);
	struct seen s = {0};
	struct ipsecmgr_policy *p = ipsecmgr_cfg_build(t, NULL, problem, &s);
	char text[128];

	cr_assert_not_null(p);
	cr_assert_null(p->next);
	cr_assert_str_eq(p->pol.name, "ingress/w1");
	cr_assert_str_eq(p->context, "ingress");
	cr_assert_str_eq(p->template, "t1");
	cr_assert_str_eq(p->pool, "p1");
	cr_assert_eq(p->ctx, 2);
	cr_assert_eq(p->pol.ctx_id, 2);
	cr_assert_str_eq(net_addr_format(&p->pol.local, text, sizeof(text)), "192.0.2.1");
	cr_assert_eq(p->pol.n_ike, 1, "IKE has no NULL encryption");
	cr_assert_eq(p->pol.ike[0].encr_bits, 256);
	cr_assert_eq(p->pol.ike[0].prf, IKE_PRF_HMAC_SHA2_256);
	cr_assert_eq(p->pol.ike[0].dh, IKE_GROUP_MODP2048);
	cr_assert_eq(p->pol.ike_lifetime_s, 7200);
	cr_assert_eq(p->pol.n_esp, 2);
	cr_assert_eq(p->pol.esp[0].encr, IKE_ENCR_AES_GCM_16);
	cr_assert_eq(p->pol.esp[0].dh, 14);
	cr_assert_eq(p->pol.esp[1].integ, IKE_INTEG_HMAC_SHA2_256_128);
	cr_assert_eq(p->pol.esp[1].dh, 0);
	cr_assert_eq(p->pol.psk_len, 7);
	cr_assert_arr_eq(p->pol.psk, "secret1", 7);
	cr_assert_str_eq(ike_id_format(&p->pol.local_id, text, sizeof(text)), "gw.example");
	cr_assert_eq(p->pol.dpd_interval_s, 30);
	cr_assert_eq(p->pol.dpd_timeout_s, 10);
	cr_assert_eq(p->pol.dpd_retries, 3);
	cr_assert_eq(p->pol.rekey_rate, 5);
	cr_assert_eq(p->pol.queue_max, 20);
	cr_assert_eq(p->pol.max_childsa, 3);
	cr_assert(p->pol.ike_rekey && p->pol.child_rekey && p->pol.assign_address && p->pol.ask_session);
	cr_assert_eq(p->pol.max_retrans, 4);
	cr_assert_eq(p->pol.retrans_ms, 700);
	cr_assert_eq(p->pol.half_open_s, 33);
	cr_assert_eq(p->pol.child_lifetime_s, 3600);
	cr_assert_eq(p->pol.n_ts_local, 1);
	cr_assert_str_eq(net_addr_format(&p->pol.ts_local[0].hi, text, sizeof(text)), "10.9.255.255");
	cr_assert_eq(s.n, 2);
	cr_assert_not_null(strstr(s.text, "transform set old"));
	cr_assert_not_null(strstr(s.text, "crypto template nowhere does not exist"));
	ipsecmgr_cfg_free(p);
	unload(t);
}

Test(ipsecmgr_cfg, defaults_are_staros)
{
	struct cfg_tree *t =
	        load("config\ncontext c -noconfirm\ncrypto template t ikev2-dynamic\n"
	             "authentication remote pre-shared-key key k\npayload p match childsa\n#exit\n#exit\n"
	             "wsg-service w\nbind address 2001:db8::1 crypto-template t\nend\n",
	             0);
	struct ipsecmgr_policy *p = ipsecmgr_cfg_build(t, NULL, NULL, NULL);

	cr_assert_not_null(p);
	cr_assert_eq(p->pol.ike[0].dh, IKE_GROUP_MODP1024);
	cr_assert_eq(p->pol.ike_lifetime_s, 86400);
	cr_assert_eq(p->pol.child_lifetime_s, 86400);
	cr_assert_eq(p->pol.dpd_interval_s, 0);
	cr_assert_eq(p->pol.max_retrans, 5);
	cr_assert_eq(p->pol.retrans_ms, 500);
	cr_assert_not(p->pol.assign_address);
	cr_assert_not(p->pol.child_rekey);
	ipsecmgr_cfg_free(p);
	unload(t);
}

Test(ipsecmgr_cfg, without_key_no_policy)
{
	struct cfg_tree *t = load("config\ncontext c -noconfirm\ncrypto template t ikev2-dynamic\n"
	                          "authentication remote certificate\npayload p match childsa\n#exit\n#exit\n"
	                          "wsg-service w\nbind address 192.0.2.1 crypto-template t\nend\n",
	                          0);
	struct seen s = {0};

	cr_assert_null(ipsecmgr_cfg_build(t, NULL, problem, &s));
	cr_assert_eq(s.n, 1);
	unload(t);
}

Test(ipsecmgr_cfg, one_key_for_both_sides)
{
	struct cfg_tree *t =
	        load("config\ncontext c -noconfirm\ncrypto template t ikev2-dynamic\n"
	             "authentication pre-shared-key key both\npayload p match childsa\n#exit\n#exit\n"
	             "wsg-service w\nbind address 192.0.2.1 crypto-template t\nend\n",
	             0);
	struct seen s = {0};
	struct ipsecmgr_policy *p = ipsecmgr_cfg_build(t, NULL, problem, &s);

	cr_assert_not_null(p, "%s", s.text);
	cr_assert_eq(p->pol.psk_len, 4u);
	cr_assert_arr_eq(p->pol.psk, "both", 4);
	ipsecmgr_cfg_free(p);
	unload(t);
}

Test(ipsecmgr_cfg, vendor_templates_serve_nobody_by_themselves)
{
	/* the lines would be refused: as an older release may have stored them */
	struct cfg_tree *t = load("config\ncontext c -noconfirm\nwsg-service w\n"
	                          "bind address 192.0.2.1 crypto-template t\nend\n",
	                          0);
	struct cfg_edit template = {CFG_SET, "context=c/crypto-template=t", "name=t&type=ikev2-vendor"};
	struct cfg_edit payload = {CFG_SET, "context=c/crypto-template=t/payload=p", "name=p"};

	cr_assert_eq(cfg_apply(t, &template), 1);
	cr_assert_eq(cfg_apply(t, &payload), 1);
	struct seen s = {0};

	cr_assert_null(ipsecmgr_cfg_build(t, NULL, problem, &s));
	cr_assert(strstr(s.text, "vendor template"), "%s", s.text);
	unload(t);
}

Test(ipsecmgr_map, behaves_as_a_table)
{
	static char used[4096];
	struct ipsecmgr_map m = {0};
	uint32_t seed = 12345, i, n = 0;
	size_t pos = 0;

	for (i = 0; i < 200000; i++) {
		uint64_t key;

		seed = seed * 1664525 + 1013904223;
		key = seed >> 20;
		if (seed & 0x10000) {
			cr_assert_eq(ipsecmgr_map_set(&m, key << 24, &used[key]), 0);
			n += !used[key];
			used[key] = 1;
		} else {
			cr_assert_eq(ipsecmgr_map_del(&m, key << 24), used[key] ? &used[key] : NULL);
			n -= used[key];
			used[key] = 0;
		}
	}
	cr_assert_eq(m.n, n);
	for (i = 0; i < 4096; i++)
		cr_assert_eq(ipsecmgr_map_get(&m, (uint64_t)i << 24), used[i] ? &used[i] : NULL);
	for (i = 0; ipsecmgr_map_next(&m, &pos); i++)
		;
	cr_assert_eq(i, n);
	ipsecmgr_map_free(&m);
}
