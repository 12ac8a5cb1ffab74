/* SPDX-License-Identifier: MIT */
/*
 * Tests of what ipsecmgr makes of a configuration (tasks/ipsecmgr/ipsecmgr_cfg.c): a policy per bound
 * wsg-service with the values of its template, payload and transform sets, and a complaint instead of a crash
 * for what cannot be used. And of its map of SPIs. The files are parts of a program, so they are compiled
 * into the test.
 */
#include "tests/unit/ipsecmgr_cfg_rig.h"

static const char config[] = "config\n"
                             "context ingress -noconfirm\n"
                             "  ip pool p1 10.1.0.0 255.255.0.0 public 0\n"
                             "  ipv6 pool p6 prefix 2001:db8:1::/112 private 0\n"
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
                             "    control-dont-fragment set-bit\n"
                             "    ip mtu 1300\n"
                             "    ipv6 mtu 1310\n"
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
                             "    ipv6 address prefix-pool p6\n"
                             "    pre_fragment mtu 900\n"
                             "    bind address 192.0.2.1 crypto-template t1\n"
                             "  #exit\n"
                             "  wsg-service unbound\n"
                             "  #exit\n"
                             "  wsg-service dangling\n"
                             "    bind address 192.0.2.2 crypto-template nowhere\n"
                             "  #exit\n"
                             "#exit\n"
                             "end\n";

Test(ipsecmgr_cfg, policy_has_every_value)
{
	struct cfg_tree *t = load(config, 0);
	struct seen s = {0};
	struct ipsecmgr_policy *p = ipsecmgr_cfg_build(t, NULL, NULL, problem, &s);
	char text[128];

	cr_assert_not_null(p);
	cr_assert_null(p->next);
	cr_assert_str_eq(p->pol.name, "ingress/w1");
	cr_assert_str_eq(p->context, "ingress");
	cr_assert_str_eq(p->template, "t1");
	cr_assert_str_eq(p->pool, "p1");
	cr_assert_str_eq(p->pool6, "p6");
	cr_assert_eq(p->mtu4, 1300);
	cr_assert_eq(p->mtu6, 1310);
	cr_assert_eq(p->pre_fragment, 900);
	cr_assert_eq(p->dont_fragment, 1);
	cr_assert_eq(p->ctx, 2);
	cr_assert_eq(p->pol.ctx_id, 2);
	cr_assert_str_eq(net_addr_format(&p->pol.local, text, sizeof(text)), "192.0.2.1");
	cr_assert_eq(p->pol.n_ike, 1, "IKE has no NULL encryption");
	cr_assert_eq(p->pol.ike[0].encr_bits, 256);
	cr_assert_eq(p->pol.ike[0].prf, IKE_PRF_HMAC_SHA2_256);
	cr_assert_eq(p->pol.ike[0].dh, IKE_GROUP_MODP2048);
	cr_assert_eq(p->pol.ike_lifetime_s, 7200);
	cr_assert_eq(p->pol.payload[0].n_esp, 2);
	cr_assert_eq(p->pol.payload[0].esp[0].encr, IKE_ENCR_AES_GCM_16);
	cr_assert_eq(p->pol.payload[0].esp[0].dh, 14);
	cr_assert_eq(p->pol.payload[0].esp[1].integ, IKE_INTEG_HMAC_SHA2_256_128);
	cr_assert_eq(p->pol.payload[0].esp[1].dh, 0);
	cr_assert_eq(p->pol.psk_len, 7);
	cr_assert_arr_eq(p->pol.psk, "secret1", 7);
	cr_assert_str_eq(ike_id_format(&p->pol.local_id, text, sizeof(text)), "gw.example");
	cr_assert_eq(p->pol.dpd_interval_s, 30);
	cr_assert_eq(p->pol.dpd_timeout_s, 10);
	cr_assert_eq(p->pol.dpd_retries, 3);
	cr_assert_eq(p->pol.rekey_rate, 5);
	cr_assert_eq(p->pol.queue_max, 20);
	cr_assert_eq(p->pol.max_childsa, 3);
	cr_assert(p->pol.ike_rekey && p->pol.payload[0].rekey && p->pol.payload[0].assign_address &&
	          p->pol.ask_session);
	cr_assert_eq(p->pol.max_retrans, 4);
	cr_assert_eq(p->pol.retrans_ms, 700);
	cr_assert_eq(p->pol.half_open_s, 33);
	cr_assert_eq(p->pol.payload[0].lifetime_s, 3600);
	cr_assert(p->remote_access && p->pol.payload[0].ts_as_asked);
	cr_assert_eq(p->pol.payload[0].n_ts_local, 1);
	cr_assert_str_eq(net_addr_format(&p->pol.payload[0].ts_local[0].hi, text, sizeof(text)),
	                 "10.9.255.255");
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
	struct ipsecmgr_policy *p = ipsecmgr_cfg_build(t, NULL, NULL, NULL, NULL);

	cr_assert_not_null(p);
	cr_assert_eq(p->pol.ike[0].dh, IKE_GROUP_MODP1024);
	cr_assert_eq(p->pol.ike_lifetime_s, 86400);
	cr_assert_eq(p->pol.payload[0].lifetime_s, 86400);
	cr_assert_eq(p->pol.dpd_interval_s, 0);
	cr_assert_eq(p->pol.max_retrans, 5);
	cr_assert_eq(p->pol.retrans_ms, 500);
	cr_assert_not(p->pol.payload[0].assign_address);
	cr_assert_not(p->pol.payload[0].rekey);
	cr_assert_eq(p->pol.max_childsa, 2);
	cr_assert(p->pol.retrans_constant && p->pol.rfc4306_notifies && !p->pol.childsa_terminate);
	cr_assert_eq(p->pol.payload[0].max_children, 1);
	cr_assert_eq(p->pol.replay_window, 64);
	cr_assert_not(p->pol.no_replay);
	/* chapter 19 */
	cr_assert_eq(p->pol.half_open_s, 60);
	cr_assert_eq(p->pol.decrypt_fail_max, 30);
	cr_assert_eq(p->pol.rekey_rate, 5);
	cr_assert_eq(p->pol.queue_max, 20);
	cr_assert_eq(p->pol.max_cert_size, 2048);
	cr_assert_not(p->pol.cookie_challenge);
	cr_assert_eq(p->n_network, 0);
	cr_assert(!p->pol.custom_idr && !p->pol.dns_as_asked && !p->pol.own_validate);
	cr_assert_not(p->one_session);
	cr_assert_eq(p->mtu4, 1438);
	cr_assert_eq(p->mtu6, 1422);
	cr_assert_eq(p->pre_fragment, 1400);
	cr_assert_eq(p->dont_fragment, 0, "as the inner one");
	ipsecmgr_cfg_free(p);
	unload(t);
}

/* Chapters 16 to 18: what a template without a word, with every line, with `no`, and with `default` makes. */
static struct ike_policy template_of(const char *lines, const char *service)
{
	struct ipsecmgr_policy *p;
	struct ike_policy pol;
	struct cfg_tree *t;
	char text[1000];

	snprintf(text, sizeof(text),
	         "config\ncontext c -noconfirm\ncrypto template t ikev2-dynamic\n"
	         "authentication remote pre-shared-key key k\n%spayload p match childsa\n#exit\n#exit\n"
	         "wsg-service w\n%sbind address 192.0.2.1 crypto-template t\nend\n",
	         lines, service);
	t = load(text, 0);
	p = ipsecmgr_cfg_build(t, NULL, NULL, NULL, NULL);
	cr_assert_not_null(p);
	pol = p->pol;
	ipsecmgr_cfg_free(p);
	unload(t);
	return pol;
}

static struct ike_policy chapters_16_to_18(const char *lines)
{
	return template_of(lines, "");
}

Test(ipsecmgr_cfg, dscp_fragmentation_and_mobike)
{
#define LINES                                                                                                \
	"ikev2-ikesa dscp 0x23\nip ikev2-mtu 460\nipv6 ikev2-mtu 1144\nno ikev2-ikesa fragmentation\n"       \
	"ikev2-ikesa mobike cookie-challenge\n"
	static const char *const plain[] = {"",
	                                    LINES
	                                    "default ikev2-ikesa dscp\ndefault ip ikev2-mtu\n"
	                                    "default ipv6 ikev2-mtu\ndefault ikev2-ikesa fragmentation\n"
	                                    "default ikev2-ikesa mobike\n",
	                                    "ikev2-ikesa mobike\nno ikev2-ikesa mobike\n"};
	struct ike_policy p;

	for (int i = 0; i < 3; i++) {
		p = chapters_16_to_18(plain[i]);
		cr_expect_eq(p.dscp, 0);
		cr_expect(p.mtu4 == 1384 && p.mtu6 == 1364 && !p.no_fragmentation, "%d", i);
		cr_expect(!p.mobike && !p.mobike_cookie, "%d", i);
	}
	p = chapters_16_to_18(LINES);
	cr_expect_eq(p.dscp, 0x23);
	cr_expect(p.mtu4 == 460 && p.mtu6 == 1144 && p.no_fragmentation);
	cr_expect(p.mobike && p.mobike_cookie);
	p = chapters_16_to_18(
	        "ikev2-ikesa dscp 0x3F\nip ikev2-mtu 1932\nipv6 ikev2-mtu 1912\nikev2-ikesa mobike\n");
	cr_expect_eq(p.dscp, 0x3f);
	cr_expect(p.mtu4 == 1932 && p.mtu6 == 1912 && !p.no_fragmentation);
	cr_expect(p.mobike && !p.mobike_cookie);
#undef LINES
}

/* Between sites nobody moves, even where the template says so: the gateway neither offers nor takes it. */
Test(ipsecmgr_cfg, mobike_is_for_remote_access)
{
	struct ike_policy p =
	        template_of("ikev2-ikesa mobike cookie-challenge\n", "deployment-mode remote-access\n");

	cr_expect(p.mobike && p.mobike_cookie);
	p = template_of("ikev2-ikesa mobike cookie-challenge\n", "deployment-mode site-to-site\n");
	cr_expect(!p.mobike && !p.mobike_cookie);
}

/* Payloads of every kind, and what is said of children, rekeys and repetitions. */
Test(ipsecmgr_cfg, payloads_have_every_value)
{
	struct cfg_tree *t =
	        load("config\ncontext c -noconfirm\nipsec replay window-size 256\n"
	             "ipsec transform-set good\n#exit\n"
	             "crypto template t ikev2-dynamic\n"
	             "authentication remote pre-shared-key key k\n"
	             "max-childsa 4 overload-action terminate\n"
	             "ikev2-ikesa keepalive-user-activity\nikev2-ikesa ignore-notify-protocol-id\n"
	             "ikev2-ikesa policy use-rfc5996-notification\n"
	             "ikev2-ikesa rekey disallow-param-change\n"
	             "ikev2-ikesa retransmission-timeout 900 exponential\n"
	             "payload a match childsa match ipv6\n"
	             "lifetime 7200 kilo-bytes 5000\nrekey disallow-param-change\n"
	             "maximum-child-sa 3\ntsi start-address any end-address any\n"
	             "tsr start-address 2001:db8:1:: end-address 2001:db8:1::ff\n"
	             "tsr start-address 2001:db8:2:: end-address 2001:db8:2::ff\n#exit\n"
	             "payload b match childsa\nip-address-allocation dynamic\n"
	             "lifetime kilo-bytes 77\nrekey keepalive\nignore-rekeying-requests\n"
	             "tsi start-address endpoint end-address endpoint\n#exit\n"
	             "payload c match childsa match ipv4\nipsec transform-set list nowhere\n#exit\n"
	             "payload d match childsa match ipv4\n#exit\n#exit\n"
	             "wsg-service w\nbind address 192.0.2.1 crypto-template t\nend\n",
	             0);
	struct seen s = {0};
	struct ipsecmgr_policy *p = ipsecmgr_cfg_build(t, NULL, NULL, problem, &s);
	const struct ike_payload *y;

	cr_assert_not_null(p);
	cr_assert_eq(p->pol.n_payload, 3, "c has no algorithms: %s", s.text);
	cr_assert_eq(p->pol.max_childsa, 4);
	cr_assert(p->pol.childsa_terminate && p->pol.ike_rekey && p->pol.ike_same_params);
	cr_assert_not(p->pol.rfc4306_notifies);
	cr_assert(p->pol.dpd_by_traffic && p->pol.lax_protocol_id);
	cr_assert_not(p->pol.retrans_constant);
	cr_assert_eq(p->pol.retrans_ms, 900);
	cr_assert_eq(p->pol.replay_window, 256);
	y = &p->pol.payload[0];
	cr_assert_str_eq(y->name, "a");
	cr_assert_eq(y->family, AF_INET6);
	cr_assert_eq(y->lifetime_s, 7200);
	cr_assert_eq(y->lifetime_kb, 5000);
	cr_assert(y->rekey && y->same_params && !y->rekey_idle && !y->ignore_rekey && !y->assign_address);
	cr_assert_eq(y->max_children, 3);
	cr_assert_eq(y->tsi, IKE_TSI_ANY);
	cr_assert_eq(y->n_ts_local, 2);
	y = &p->pol.payload[1];
	cr_assert_str_eq(y->name, "b");
	cr_assert_eq(y->family, AF_UNSPEC);
	cr_assert_eq(y->lifetime_s, 86400);
	cr_assert_eq(y->lifetime_kb, 77);
	cr_assert(y->rekey && y->rekey_idle && y->ignore_rekey && y->assign_address && !y->same_params);
	cr_assert_eq(y->max_children, 1);
	cr_assert_eq(y->tsi, IKE_TSI_ENDPOINT);
	y = &p->pol.payload[2];
	cr_assert_str_eq(y->name, "d");
	cr_assert_eq(y->family, AF_INET);
	cr_assert_eq(y->tsi, IKE_TSI_DEFAULT);
	cr_assert(!y->rekey);
	ipsecmgr_cfg_free(p);
	unload(t);
}

Test(ipsecmgr_cfg, errors_that_are_told)
{
	static const struct {
		const char *line;
		bool silent_version, silent_syntax, tell_msgid;
	} row[] = {
	        {"", false, false, false},
	        {"ikev2-ikesa policy error-notification", false, false, true},
	        {"ikev2-ikesa policy error-notification invalid-message-id", true, true, true},
	        {"ikev2-ikesa policy error-notification invalid-major-version", false, true, false},
	        {"ikev2-ikesa policy error-notification invalid-message-id invalid-syntax", true, false,
	         true},
	        {"ikev2-ikesa policy invalid-syntax invalid-major-version", false, false, false},
	        {"ikev2-ikesa policy invalid-syntax", true, false, false},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct ipsecmgr_policy *p;
		struct cfg_tree *t;
		char text[600];

		snprintf(text, sizeof(text),
		         "config\ncontext c -noconfirm\nno ipsec replay\ncrypto template t ikev2-dynamic\n"
		         "authentication remote pre-shared-key key k\n%s\npayload p match "
		         "childsa\n#exit\n#exit\n"
		         "wsg-service w\nbind address 192.0.2.1 crypto-template t\nend\n",
		         row[i].line);
		t = load(text, 0);
		p = ipsecmgr_cfg_build(t, NULL, NULL, NULL, NULL);
		cr_assert_not_null(p);
		cr_expect_eq(p->pol.silent_version, row[i].silent_version, "%s", row[i].line);
		cr_expect_eq(p->pol.silent_syntax, row[i].silent_syntax, "%s", row[i].line);
		cr_expect_eq(p->pol.tell_msgid, row[i].tell_msgid, "%s", row[i].line);
		cr_expect(p->pol.no_replay);
		ipsecmgr_cfg_free(p);
		unload(t);
	}
}

/* One template whose identity is what the line says. */
static struct ike_id identity_of(const char *line, struct seen *seen)
{
	struct ipsecmgr_policy *list;
	struct ike_id id = {0};
	struct cfg_tree *t;
	char text[1024];

	snprintf(text, sizeof(text),
	         "config\ncontext c -noconfirm\ncrypto template t ikev2-dynamic\n"
	         "authentication local pre-shared-key key k\n%s\npayload p match childsa\n#exit\n#exit\n"
	         "wsg-service w\ndeployment-mode site-to-site\nbind address 192.0.2.1 crypto-template "
	         "t\n#exit\n#exit\nend\n",
	         line);
	memset(seen, 0, sizeof(*seen));
	t = load(text, 0);
	list = ipsecmgr_cfg_build(t, NULL, NULL, problem, seen);
	cr_assert_not_null(list, "%s", line);
	id = list->pol.local_id;
	ipsecmgr_cfg_free(list);
	unload(t);
	return id;
}

/* identity local and nai: each type is what goes out on the wire, whatever the value looks like. */
Test(ipsecmgr_cfg, identities_of_every_type)
{
	static const struct {
		const char *line;
		uint8_t type, len;
		const char *data;
	} rows[] = {
	        {"identity local id-type fqdn id gw.example", IKE_ID_FQDN, 10, "gw.example"},
	        {"identity local id-type fqdn id 192.0.2.7", IKE_ID_FQDN, 9, "192.0.2.7"},
	        {"identity local id-type ip-addr id 192.0.2.7", IKE_ID_IPV4, 4, "\300\0\2\7"},
	        {"identity local id-type ip-addr id 2001:db8::7", IKE_ID_IPV6, 16,
	         "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7"},
	        {"identity local id-type rfc822-addr id gw", IKE_ID_RFC822, 2, "gw"},
	        {"identity local id-type key-id id 0x0102ff", IKE_ID_KEY_ID, 3, "\1\2\377"},
	        {"identity local id-type key-id id plain", IKE_ID_KEY_ID, 5, "plain"},
	        {"identity local id-type der-asn1-dn id CN=gw", IKE_ID_DER_DN, 15,
	         "\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\2gw"},
	        {"nai idr h.de id-type fqdn", IKE_ID_FQDN, 4, "h.de"},
	        {"nai idr DNS:h.de id-type der-asn1-gn", IKE_ID_DER_GN, 6, "\x82\4h.de"},
	        {"nai idr a@b", IKE_ID_RFC822, 3, "a@b"},
	        {"nai idr 192.0.2.9", IKE_ID_IPV4, 4, "\300\0\2\x09"},
	};
	struct seen seen;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ike_id id = identity_of(rows[i].line, &seen);

		cr_assert_eq(seen.n, 0, "%s: %s", rows[i].line, seen.text);
		cr_assert_eq(id.type, rows[i].type, "%s", rows[i].line);
		cr_assert_eq(id.len, rows[i].len, "%s: %u", rows[i].line, id.len);
		cr_assert_eq(memcmp(id.data, rows[i].data, id.len), 0, "%s", rows[i].line);
	}
	cr_assert_eq(identity_of("identity local id-type ip-addr id gw.example", &seen).type, IKE_ID_NONE);
	cr_assert(strstr(seen.text, "identity gw.example cannot be used"), "%s", seen.text);
}

Test(ipsecmgr_cfg, name_servers_and_names_asked_for)
{
	struct ipsecmgr_policy *list;
	struct cfg_tree *t =
	        load("config\ncontext c -noconfirm\ncrypto template t ikev2-dynamic\n"
	             "allow-custom-fqdn-idr\ndns-handling custom\n"
	             "authentication local pre-shared-key key k\npayload p match childsa\n#exit\n#exit\n"
	             "wsg-service w\ndeployment-mode site-to-site\n"
	             "bind address 192.0.2.1 crypto-template t\n#exit\n#exit\nend\n",
	             0);

	list = ipsecmgr_cfg_build(t, NULL, NULL, NULL, NULL);
	cr_assert_not_null(list);
	cr_assert(list->pol.custom_idr && list->pol.dns_as_asked);
	ipsecmgr_cfg_free(list);
	unload(t);
}

/* peer network: both notations, both families, keys of networks, the smallest counts; a line that means
 * nothing opens nothing. */
Test(ipsecmgr_cfg, networks_of_peers)
{
	static const struct {
		const char *peer, *key; /* key "": the template's; NULL: may not begin */
	} rows[] = {{"10.1.2.3", "ten"},    {"10.9.9.9", "ten-nine"}, {"10.9.10.1", "ten"},
	            {"192.0.2.200", ""},    {"192.0.2.100", NULL},    {"2001:db8:1::5", "six"},
	            {"2001:db8:2::5", NULL}};
	struct ipsecmgr_policy *list;
	struct seen seen = {0};
	uint8_t key[IKE_PSK_MAX];
	struct net_addr a;
	size_t len;
	struct cfg_tree *t = load("config\ncontext c -noconfirm\ncrypto template t ikev2-dynamic\n"
	                          "peer network 10.0.0.0/8 pre-shared-key ten\n"
	                          "peer network 10.9.9.0 mask 255.255.255.0 pre-shared-key ten-nine\n"
	                          "peer network 192.0.2.128/25\n"
	                          "peer network 2001:db8:1::/48 pre-shared-key six\n"
	                          "peer network 0.0.0.0 mask 0.255.0.0 pre-shared-key wrong\n"
	                          "payload p match childsa\n#exit\n#exit\n"
	                          "wsg-service w\ndeployment-mode site-to-site\n"
	                          "bind address 192.0.2.1 crypto-template t\n#exit\n#exit\nend\n",
	                          0);

	list = ipsecmgr_cfg_build(t, NULL, NULL, problem, &seen);
	cr_assert_not_null(list, "keys of networks are enough: %s", seen.text);
	cr_assert(strstr(seen.text, "a peer network cannot be used"), "%s", seen.text);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		net_addr_parse(&a, rows[i].peer);
		cr_assert_eq(ipsecmgr_peers_allowed(list, &a), rows[i].key != NULL, "%s", rows[i].peer);
		len = 0;
		cr_assert_eq(ipsecmgr_peers_key(list, &a, key, &len),
		             rows[i].key && *rows[i].key ? 0 : -ENOENT);
		cr_assert(!len || (len == strlen(rows[i].key) && !memcmp(key, rows[i].key, len)), "%s",
		          rows[i].peer);
	}
	ipsecmgr_cfg_free(list);
	unload(t);
}

/* Sealed keys are none without the chassis' key, least of all as they stand in the configuration. */
Test(ipsecmgr_cfg, a_network_whose_key_can_not_be_opened)
{
	struct secret_key own = {.bytes = {1, 2, 3}};
	struct ipsecmgr_policy *list;
	char sealed[200], text[600];
	struct seen seen = {0};
	struct cfg_tree *t;

	cr_assert_eq(secret_seal(&own, "psk", sealed, sizeof(sealed)), 0);
	snprintf(text, sizeof(text),
	         "config\ncontext c -noconfirm\ncrypto template t ikev2-dynamic\n"
	         "peer network 10.0.0.0/8 encrypted pre-shared-key %s\n"
	         "payload p match childsa\n#exit\n#exit\nwsg-service w\n"
	         "bind address 192.0.2.1 crypto-template t\n#exit\n#exit\nend\n",
	         sealed);
	t = load(text, 0);
	cr_expect_null(ipsecmgr_cfg_build(t, NULL, NULL, problem, &seen));
	cr_expect(strstr(seen.text, "a peer network cannot be used"), "%s", seen.text);
	list = ipsecmgr_cfg_build(t, NULL, &own, problem, &seen);
	cr_expect_not_null(list);
	ipsecmgr_cfg_free(list);
	unload(t);
}

Test(ipsecmgr_cfg, without_key_no_policy)
{
	struct cfg_tree *t = load("config\ncontext c -noconfirm\ncrypto template t ikev2-dynamic\n"
	                          "authentication remote certificate\npayload p match childsa\n#exit\n#exit\n"
	                          "wsg-service w\nbind address 192.0.2.1 crypto-template t\nend\n",
	                          0);
	struct seen s = {0};

	cr_assert_null(ipsecmgr_cfg_build(t, NULL, NULL, problem, &s));
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
	struct ipsecmgr_policy *p = ipsecmgr_cfg_build(t, NULL, NULL, problem, &s);

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

	cr_assert_null(ipsecmgr_cfg_build(t, NULL, NULL, problem, &s));
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

/* What a crypto map shares with a template: keys, sets, timers, its payload. */
Test(ipsecmgr_cfg, a_crypto_map_reads_like_a_template)
{
	struct cfg_tree *t =
	        load("config\ncontext c -noconfirm\nipsec transform-set esp\nencryption aes-cbc-256\n"
	             "hmac sha2-256-128\n#exit\nikev2-ikesa transform-set ike\nencryption aes-cbc-256\n"
	             "hmac sha2-256-128\nprf sha2-256\ngroup 14\nlifetime 7200\n#exit\n"
	             "crypto map m ikev2-ipv4\nauthentication local pre-shared-key key ours\n"
	             "authentication remote pre-shared-key key theirs\nikev2-ikesa transform-set list ike\n"
	             "ikev2-ikesa max-retransmissions 3\nikev2-ikesa setup-timer 17\nikev2-ikesa rekey\n"
	             "keepalive interval 20 timeout 11 num-retry 4\nrekey\nallow-cert-enc cert-hash-url\n"
	             "payload p match ipv4\nipsec transform-set list esp\nlifetime 3600\n#exit\n#exit\n"
	             "crypto map bare ikev2-ipv4\nauthentication local pre-shared-key key k\n#exit\nend\n",
	             0);
	struct seen s = {0};
	struct ipsecmgr_cert_env e = {.tree = t, .problem = problem, .arg = &s};
	struct cfg_node *ctx = cfg_child(t, t->root, "context", "c");
	struct ipsecmgr_policy *p = calloc(1, sizeof(*p));

	cr_assert(ipsecmgr_cfg_map(&e, ctx, cfg_child(t, ctx, "crypto-map", "m"), p));
	cr_expect_eq(s.n, 0u, "%s", s.text);
	cr_expect_eq(p->pol.psk_len, 6u);
	cr_expect_arr_eq(p->pol.psk, "theirs", 6);
	cr_expect_arr_eq(p->pol.psk_local, "ours", 4);
	cr_expect_eq(p->pol.ike[0].encr_bits, 256);
	cr_expect_eq(p->pol.ike_lifetime_s, 7200u);
	cr_expect_eq(p->pol.payload[0].esp[0].encr_bits, 256);
	cr_expect_eq(p->pol.payload[0].lifetime_s, 3600u);
	cr_expect(p->pol.payload[0].rekey && p->pol.ike_rekey && !p->pol.initial_contact);
	cr_expect_eq(p->pol.dpd_interval_s, 20u);
	cr_expect_eq(p->pol.max_retrans, 3u);
	cr_expect_eq(p->pol.setup_timer_s, 17u);
	cr_expect(p->pol.hash_url);
	cr_expect_not(p->pol.ask_session);
	ipsecmgr_cfg_free(p);
	p = calloc(1, sizeof(*p));
	cr_expect_not(ipsecmgr_cfg_map(&e, ctx, cfg_child(t, ctx, "crypto-map", "bare"), p));
	cr_expect_str_eq(s.text, "context c crypto map bare: it has no payload\n");
	ipsecmgr_cfg_free(p);
	unload(t);
}

/* natt: what it says of ESP in UDP and of keepalives; without it there are none. */
Test(ipsecmgr_cfg, natt)
{
	static const struct {
		const char *line;
		bool encap;
		unsigned idle, interval;
	} rows[] = {{"", false, 0, 0},
	            {"natt\n", false, 0, 0},
	            {"natt include-header\n", true, 0, 0},
	            {"natt send-keepalive\n", false, 60, 60},
	            {"natt include-header send-keepalive idle-interval 90 interval 70\n", true, 90, 70}};
	char text[600];

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ipsecmgr_policy *p;
		struct cfg_tree *t;

		snprintf(text, sizeof(text),
		         "config\ncontext c -noconfirm\ncrypto template t ikev2-dynamic\n%s"
		         "authentication remote pre-shared-key key k\npayload p match childsa match "
		         "any\n#exit\n#exit\n"
		         "wsg-service w\nbind address 192.0.2.1 crypto-template t\nend\n",
		         rows[i].line);
		t = load(text, 0);
		p = ipsecmgr_cfg_build(t, NULL, NULL, NULL, NULL);
		cr_assert_not_null(p);
		cr_expect_eq(p->pol.force_encap, rows[i].encap, "%s", rows[i].line);
		cr_expect_eq(p->pol.natt_idle_s, rows[i].idle, "%s", rows[i].line);
		cr_expect_eq(p->pol.natt_interval_s, rows[i].interval, "%s", rows[i].line);
		ipsecmgr_cfg_free(p);
		unload(t);
	}
}

/* Templates of one name in two contexts, and names as long as they can be that differ at their ends, count
 * apart. */
Test(ipsecmgr_cfg, counters_are_of_a_template_of_a_context)
{
	static const char one[] = "context %s -noconfirm\ncrypto template %s ikev2-dynamic\n"
	                          "authentication local pre-shared-key key secret\n"
	                          "authentication remote pre-shared-key key secret\n"
	                          "payload p match childsa\n#exit\n#exit\n"
	                          "wsg-service s\nbind address 10.0.0.%u crypto-template %s\n#exit\n#exit\n";
	struct ipsecmgr m = {.counters = counters_create_private(8)};
	char text[8000] = "config\n", context[80], name[128];
	const struct ipsecmgr_policy *p, *q;
	struct cfg_tree *t;
	size_t at;
	unsigned n = 0;

	memset(context, 'c', sizeof(context));
	memset(name, 't', sizeof(name));
	context[79] = name[127] = '\0';
	for (unsigned i = 0; i < 4; i++) {
		context[78] = (char)('a' + i);
		name[126] = (char)('a' + i / 2);
		at = strlen(text);
		snprintf(text + at, sizeof(text) - at, one, i < 2 ? (i ? "other" : "one") : context,
		         i < 2 ? "same" : name, i + 1, i < 2 ? "same" : name);
	}
	strcat(text, "end\n");
	t = load(text, 0);
	ipsecmgr_cfg_apply(&m, t);
	for (p = m.policies; p; p = p->next, n++) {
		cr_assert(p->pol.counters, "%s", p->counter_key);
		for (q = p->next; q; q = q->next)
			cr_expect_neq(p->pol.counters, q->pol.counters, "%s, %s", p->counter_key,
			              q->counter_key);
	}
	cr_assert_eq(n, 4);
	cr_expect_str_eq(m.policies->counter_key, "one/same");
	ipsecmgr_cfg_free(m.policies);
	counters_close(m.counters, false);
	unload(t);
}
