/* SPDX-License-Identifier: MIT */
/*
 * lib/pki/pki_view.c: every field of certificates and revocation lists made here, and that what a stranger
 * puts into a name comes out printable. tests/interop/certificates.sh compares with the openssl program.
 */
#include <criterion/criterion.h>

#include "pki/pki_view.h"
#include "tests/pki_make.h"

Test(pki_view, certificate)
{
	struct mk root = mk_cert(&(struct mk_want){.cn = "root", .ca = true}, NULL);
	struct mk gw = mk_cert(&(struct mk_want){.cn = "gw",
	                                         .san = "DNS:gw.example,IP:192.0.2.1",
	                                         .key = "rsa",
	                                         .extra = "Example, Inc"},
	                       &root);
	struct pki_bytes pem = mk_pem((const struct mk *[]){&gw, &root}, 2), der = mk_der(&root);
	struct pki_cert_view v;
	char serial[8];

	cr_assert_eq(pki_view_cert(pem, &v), PKI_OK);
	snprintf(serial, sizeof(serial), "%02lX", (unsigned long)gw.serial);
	cr_expect_str_eq(v.serial, serial);
	cr_expect_eq(v.version, 3u);
	cr_expect_str_eq(v.signature, "ecdsa-with-SHA256");
	cr_expect_str_eq(v.issuer, "CN = root");
	cr_expect_str_eq(v.subject, "O = \"Example, Inc\", CN = gw");
	cr_expect_eq(v.not_before_s, (uint64_t)(MK_NOW - MK_YEAR));
	cr_expect_eq(v.not_after_s, (uint64_t)(MK_NOW + MK_YEAR));
	cr_expect_str_eq(v.names, "DNS:gw.example, IP Address:192.0.2.1");
	cr_expect_str_eq(v.key, "rsaEncryption (2048 bit)");
	cr_expect_str_eq(v.usage, "Digital Signature");
	cr_expect(!v.ca);
	cr_expect_eq(strlen(v.sha1), 59u);
	cr_expect_eq(strlen(v.sha256), 95u);
	cr_expect_eq(v.further, 1u);
	cr_assert_eq(pki_view_cert(der, &v), PKI_OK);
	cr_expect(v.ca);
	cr_expect_str_eq(v.key, "id-ecPublicKey (256 bit, prime256v1)");
	cr_expect_str_eq(v.usage, "Digital Signature, Certificate Sign, CRL Sign");
	cr_expect_str_eq(v.names, "");
	cr_expect_eq(v.further, 0u);
	mk_drop(pem);
	mk_drop(der);
	mk_free(&gw);
	mk_free(&root);
}

Test(pki_view, names_are_printable)
{
	struct mk x = mk_cert(&(struct mk_want){.cn = "\x1b[31mred\n\xc3\xa9"}, NULL);
	struct pki_bytes der = mk_der(&x);
	struct pki_cert_view v;

	cr_assert_eq(pki_view_cert(der, &v), PKI_OK);
	cr_expect_str_eq(v.subject, "CN = \\1B[31mred\\0A\\C3\\A9");
	mk_drop(der);
	mk_free(&x);
}

struct seen {
	unsigned n;
	char serial[PKI_VIEW_SERIAL];
	uint64_t at_s;
	char why[40];
};

static void see(void *arg, const char *serial, uint64_t at_s, const char *why)
{
	struct seen *s = arg;

	s->n++;
	s->at_s = at_s;
	snprintf(s->serial, sizeof(s->serial), "%s", serial);
	snprintf(s->why, sizeof(s->why), "%s", why);
}

Test(pki_view, revocation_list)
{
	struct mk root = mk_cert(&(struct mk_want){.cn = "root", .ca = true}, NULL);
	struct pki_bytes crl = mk_crl(&root, 0x1234, MK_NOW + 50, true),
	                 none = mk_crl(&root, 0, MK_NOW, false);
	struct pki_crl_view v;
	struct seen s = {0};

	cr_assert_eq(pki_view_crl(crl, &v, see, &s), PKI_OK);
	cr_expect_str_eq(v.issuer, "CN = root");
	cr_expect_str_eq(v.number, "");
	cr_expect_eq(v.version, 2u);
	cr_expect_eq(v.this_update_s, (uint64_t)(MK_NOW - 2 * MK_YEAR));
	cr_expect_eq(v.next_update_s, (uint64_t)(MK_NOW + 50));
	cr_expect(v.revoked == 1 && s.n == 1);
	cr_expect_str_eq(s.serial, "12:34");
	cr_expect_eq(s.at_s, (uint64_t)(MK_NOW - 100));
	cr_expect_str_eq(s.why, "");
	cr_assert_eq(pki_view_crl(none, &v, see, &s), PKI_OK);
	cr_expect(v.revoked == 0 && s.n == 1);
	mk_drop(crl);
	mk_drop(none);
	mk_free(&root);
}

/* Every byte changed and every length: an answer or a reason, never a crash. */
Test(pki_view, garbage)
{
	struct mk root = mk_cert(&(struct mk_want){.cn = "root", .ca = true, .san = "DNS:root"}, NULL);
	struct pki_bytes der = mk_der(&root), crl = mk_crl(&root, 7, MK_NOW, false);
	uint8_t *copy = malloc(der.len + crl.len);
	struct pki_cert_view v;
	struct pki_crl_view c;
	struct seen s = {0};

	for (size_t i = 0; i < der.len; i++) {
		memcpy(copy, der.p, der.len);
		copy[i] ^= 0x41;
		pki_view_cert((struct pki_bytes){copy, der.len}, &v);
		cr_expect_neq(pki_view_cert((struct pki_bytes){der.p, i}, &v), PKI_OK);
	}
	for (size_t i = 0; i < crl.len; i++) {
		memcpy(copy, crl.p, crl.len);
		copy[i] ^= 0x41;
		pki_view_crl((struct pki_bytes){copy, crl.len}, &c, see, &s);
		cr_expect_neq(pki_view_crl((struct pki_bytes){crl.p, i}, &c, see, &s), PKI_OK);
	}
	free(copy);
	mk_drop(der);
	mk_drop(crl);
	mk_free(&root);
}
