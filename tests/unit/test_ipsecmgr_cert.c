/* SPDX-License-Identifier: MIT */
/*
 * Tests of what ipsecmgr makes of certificates, CAs, lists and ways to authenticate in a configuration
 * (tasks/ipsecmgr/ipsecmgr_cert.c, ipsecmgr_cfg.c).
 */
#include "tests/unit/ipsecmgr_cfg_rig.h"
#include "tests/pki_make.h"

/* PEM as a line of a configuration holds it: "\n" in letters, or blanks, for the ends of lines. */
static char *folded(struct pki_bytes pem, bool blanks)
{
	char *out = calloc(1, 2 * pem.len + 1), *to = out;

	for (size_t i = 0; i < pem.len; i++) {
		if (pem.p[i] != '\n')
			*to++ = (char)pem.p[i];
		else if (blanks)
			*to++ = ' ';
		else
			to = stpcpy(to, "\\n");
	}
	mk_drop(pem);
	return out;
}

static struct mk the_root, the_gw;

static void make_two(void)
{
	the_root = mk_cert(&(struct mk_want){.cn = "root", .ca = true}, NULL);
	the_gw = mk_cert(&(struct mk_want){.cn = "gw"}, &the_root);
}

static void drop_two(void)
{
	mk_free(&the_root);
	mk_free(&the_gw);
}

TestSuite(ipsecmgr_cert, .init = make_two, .fini = drop_two);

static const char cert_config[] = "config\nca-certificate name root pem data \"%s\"\n"
                                  "certificate name gw pem data \"%s\" private-key pem data \"%s\"\n"
                                  "ca-crl name list pem url /flash/list.pem\n"
                                  "context c -noconfirm\n"
                                  "  ikev2-ikesa auth-method-set keys\n"
                                  "    authentication local pre-shared-key key of-the-set\n"
                                  "    authentication remote pre-shared-key key of-the-set\n"
                                  "  #exit\n"
                                  "  ikev2-ikesa auth-method-set certs\n"
                                  "    authentication local certificate\n"
                                  "    authentication remote certificate\n"
                                  "  #exit\n"
                                  "  ikev2-ikesa auth-method-set mixed\n"
                                  "    authentication local certificate\n"
                                  "    authentication remote pre-shared-key key mixed\n"
                                  "  #exit\n"
                                  "  eap-profile e\n  #exit\n"
                                  "  eap-profile ends-here\n    mode authenticator-terminate\n  #exit\n"
                                  "  ikev2-ikesa auth-method-set eap\n"
                                  "    authentication eap-profile e\n"
                                  "  #exit\n"
                                  "  crypto template t ikev2-dynamic\n%s"
                                  "    payload p match childsa\n    #exit\n  #exit\n"
                                  "  wsg-service w\n    bind address 192.0.2.1 crypto-template t\n"
                                  "  #exit\n#exit\nend\n";

/* A context with certificates and four sets, and a template of these lines. */
static struct cfg_tree *load_certs(const char *tmpl, bool blanks)
{
	const struct mk *const root = &the_root, *const gw = &the_gw;
	char *ca = folded(mk_pem(&root, 1), blanks), *cert = folded(mk_pem(&gw, 1), blanks),
	     *key = folded(mk_key_pem(gw), blanks), *text;
	struct cfg_tree *t;

	cr_assert_gt(asprintf(&text, cert_config, ca, cert, key, tmpl), 0);
	t = load(text, 0);
	free(ca);
	free(cert);
	free(key);
	free(text);
	return t;
}

#define BY_CERT "    authentication local certificate\n    authentication remote certificate\n"
#define CERTS   "    certificate gw\n    ca-certificate list ca-cert-name root\n"

Test(ipsecmgr_cert, from_lines_of_the_configuration)
{
	for (int blanks = 0; blanks < 2; blanks++) {
		struct seen s = {0};
		struct cfg_tree *t = load_certs(BY_CERT CERTS "    ikev2-ikesa cert-sign pkcs2.0\n"
		                                              "    ikev2-ikesa ddos max-cert-size 4096\n",
		                                blanks);
		struct ipsecmgr_policy *p = ipsecmgr_cfg_build(t, NULL, NULL, problem, &s);

		cr_assert_not_null(p, "%s", s.text);
		cr_expect_eq(s.n, 0, "%s", s.text);
		cr_expect_eq(p->pol.n_auth, 1);
		cr_expect(p->pol.auth[0].local_cert && p->pol.auth[0].remote_cert);
		cr_expect(p->pol.own && pki_trust_cas(p->pol.trust) == 1);
		cr_expect(p->pol.cert_pss);
		cr_expect_eq(p->pol.max_cert_size, 4096);
		cr_expect_eq(p->pol.psk_len, 0);
		ipsecmgr_cfg_free(p);
		unload(t);
	}
}

Test(ipsecmgr_cert, ways_of_the_list)
{
	struct seen s = {0};
	struct cfg_tree *t =
	        load_certs("    ikev2-ikesa auth-method-set list keys certs mixed\n" CERTS, false);
	struct ipsecmgr_policy *p = ipsecmgr_cfg_build(t, NULL, NULL, problem, &s);

	cr_assert_not_null(p, "%s", s.text);
	cr_expect_eq(p->pol.n_auth, 3);
	cr_expect(!p->pol.auth[0].local_cert && !p->pol.auth[0].remote_cert);
	cr_expect_eq(p->pol.auth[0].psk_len, 10);
	cr_expect(p->pol.auth[1].local_cert && p->pol.auth[1].remote_cert);
	cr_expect(p->pol.auth[2].local_cert && !p->pol.auth[2].remote_cert);
	cr_expect_arr_eq(p->pol.auth[2].psk, "mixed", 5);
	ipsecmgr_cfg_free(p);
	unload(t);
}

/* Chapter 1: of one method at both places the template's counts. */
Test(ipsecmgr_cert, the_template_comes_first)
{
	struct seen s = {0};
	struct cfg_tree *t = load_certs("    authentication local pre-shared-key key own\n"
	                                "    authentication remote pre-shared-key key own\n"
	                                "    ikev2-ikesa auth-method-set list mixed eap\n" CERTS,
	                                false);
	struct ipsecmgr_policy *p = ipsecmgr_cfg_build(t, NULL, NULL, problem, &s);

	cr_assert_not_null(p, "%s", s.text);
	cr_expect_eq(p->pol.n_auth, 3);
	cr_expect_arr_eq(p->pol.auth[0].psk, "own", 3);
	cr_expect(p->pol.auth[1].local_cert);
	cr_expect_eq(p->pol.auth[1].psk_len, 3);
	cr_expect_arr_eq(p->pol.auth[1].psk, "own", 3);
	cr_expect(p->pol.auth[2].remote_eap, "the peer's side is the set's, ours the template's");
	cr_expect_eq(p->pol.auth[2].psk_local_len, 3);
	cr_expect_eq(s.n, 0, "%s", s.text);
	ipsecmgr_cfg_free(p);
	unload(t);
}

/* A peer that has to come by EAP does not come by our key. */
Test(ipsecmgr_cert, eap_is_not_replaced_by_a_key)
{
	static const struct {
		const char *lines, *problem; /* NULL: none */
		bool device_id, cert;
	} row[] = {
	        {"    authentication local pre-shared-key key own\n    authentication remote eap-profile e\n",
	         NULL, true, false},
	        {"    authentication local certificate\n    authentication eap-profile e\n"
	         "    no notify-payload device-id\n" CERTS,
	         NULL, false, true},
	        {"    authentication local pre-shared-key key own\n    authentication remote eap-profile "
	         "ends-here\n",
	         "eap-profile ends-here: mode authenticator-terminate is not supported", true, false},
	        {"    authentication local pre-shared-key key own\n"
	         "    authentication remote eap-profile e second-phase eap-profile e\n",
	         NULL, true, false},
	        {"    authentication remote eap-profile e\n", "no way to authenticate that can be used", true,
	         false},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct seen s = {0};
		struct cfg_tree *t = load_certs(row[i].lines, false);
		struct ipsecmgr_policy *p = ipsecmgr_cfg_build(t, NULL, NULL, problem, &s);

		cr_expect_eq(p != NULL, !row[i].problem, "row %zu: %s", i, s.text);
		if (row[i].problem)
			cr_expect(strstr(s.text, row[i].problem), "row %zu: %s", i, s.text);
		if (p) {
			cr_expect_eq(p->pol.n_auth, 1);
			cr_expect(p->pol.auth[0].remote_eap && !p->pol.auth[0].remote_cert);
			cr_expect_eq(p->pol.auth[0].local_cert, row[i].cert);
			cr_expect_eq(p->pol.auth[0].psk_len, 0);
			cr_expect_eq(p->pol.psk_len, 0);
			cr_expect_eq(p->pol.device_id, row[i].device_id);
		}
		ipsecmgr_cfg_free(p);
		unload(t);
	}
}

Test(ipsecmgr_cert, what_is_missing_is_told)
{
	static const struct {
		const char *lines, *want;
	} all[] = {
	        {"    certificate nowhere\n    ca-certificate list ca-cert-name root\n",
	         "certificate nowhere: it does not exist"},
	        {"    certificate gw\n", "ca-certificate list or ca-crl list is missing"},
	        {"    certificate gw\n    ca-certificate list ca-cert-name nowhere\n",
	         "ca-certificate nowhere: it does not exist"},
	        {CERTS "    ca-crl list ca-crl-name list\n", "ca-crl list: No such file or directory"},
	        {"    ca-certificate list ca-cert-name root\n", "certificate is missing"},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct seen s = {0};
		char lines[512];
		struct cfg_tree *t;

		snprintf(lines, sizeof(lines), BY_CERT "%s", all[i].lines);
		t = load_certs(lines, false);
		cr_expect_null(ipsecmgr_cfg_build(t, "/tmp", NULL, problem, &s), "row %zu", i);
		cr_expect(strstr(s.text, all[i].want), "row %zu: %s", i, s.text);
		unload(t);
	}
}

/* A chassis' disk with one file, in memory of the test alone. */
static char disk[] = "/tmp/test_ipsecmgr_XXXXXX";

static void disk_make(const char *name, struct pki_bytes b)
{
	char path[96];
	FILE *f;

	cr_assert(mkdtemp(disk));
	snprintf(path, sizeof(path), "%s/flash", disk);
	cr_assert_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/flash/%s", disk, name);
	f = fopen(path, "w");
	cr_assert(f && fwrite(b.p, 1, b.len, f) == b.len && !fclose(f));
	mk_drop(b);
}

static void disk_drop(const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/flash/%s", disk, name);
	cr_expect_eq(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/flash", disk);
	cr_expect(!rmdir(path) && !rmdir(disk));
}

/* pem url of a template: another certificate for the same key, and where peers fetch that one. */
Test(ipsecmgr_cert, pem_url_takes_the_place)
{
	static const char lines[] =
	        BY_CERT CERTS "    pem url /flash/renewed.pem cert-enc cert-hash-url url "
	                      "http://192.0.2.9/renewed.der\n    allow-cert-enc cert-hash-url\n";
	struct mk renewed = {.key = the_gw.key};
	struct pki_bytes none = {0}, sent[PKI_CHAIN_MAX], want;
	struct ipsecmgr_policy *p;
	struct seen s = {0};
	struct cfg_tree *t;

	renewed.cert = X509_dup(the_gw.cert);
	X509_set_pubkey(renewed.cert, the_gw.key);
	ASN1_INTEGER_set(X509_get_serialNumber(renewed.cert), 4711);
	cr_assert_gt(X509_sign(renewed.cert, the_root.key, EVP_sha256()), 0);
	want = mk_der(&renewed);
	disk_make("renewed.pem", mk_pem((const struct mk *[]){&renewed}, 1));
	t = load_certs(lines, false);
	p = ipsecmgr_cfg_build(t, disk, NULL, problem, &s);
	cr_assert_not_null(p, "%s", s.text);
	cr_expect_eq(s.n, 0u, "%s", s.text);
	cr_assert_geq(pki_own_chain(p->pol.own, none, sent), 1u);
	cr_expect(sent[0].len == want.len && !memcmp(sent[0].p, want.p, want.len));
	cr_expect_str_eq(p->pol.own_url, "http://192.0.2.9/renewed.der");
	ipsecmgr_cfg_free(p);
	/* one that can not be read leaves the certificate of the configuration, and says so */
	disk_drop("renewed.pem");
	p = ipsecmgr_cfg_build(t, disk, NULL, problem, &s);
	cr_assert_not_null(p);
	cr_expect(strstr(s.text, "pem url in the place of certificate gw: No such file or directory"), "%s",
	          s.text);
	mk_drop(want);
	want = mk_der(&the_gw);
	cr_assert_geq(pki_own_chain(p->pol.own, none, sent), 1u);
	cr_expect(sent[0].len == want.len && !memcmp(sent[0].p, want.p, want.len));
	cr_expect_str_eq(p->pol.own_url, "");
	ipsecmgr_cfg_free(p);
	mk_drop(want);
	X509_free(renewed.cert);
	unload(t);
}

/* The same configuration read again is no change: the engine keeps what it has. */
Test(ipsecmgr_cert, read_again_it_is_the_same)
{
	struct cfg_tree *t = load_certs(BY_CERT CERTS, false);
	struct ipsecmgr_policy *p = ipsecmgr_cfg_build(t, NULL, NULL, NULL, NULL),
	                       *q = ipsecmgr_cfg_build(t, NULL, NULL, NULL, NULL);

	cr_assert(p && q);
	cr_expect_neq(p->pol.own, q->pol.own);
	keep_pki(&q->pol, &p->pol);
	cr_expect(ike_policy_equal(&p->pol, &q->pol));
	ipsecmgr_cfg_free(p);
	ipsecmgr_cfg_free(q);
	unload(t);
}
