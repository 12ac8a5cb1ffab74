/* SPDX-License-Identifier: MIT */
/*
 * lib/pki: chains and their ends, times, revocation, identities, signatures of every method, limits, and
 * garbage. Certificates are made here; tests/interop has them from the openssl program.
 */
#include <criterion/criterion.h>

#include "pki/pki_int.h"
#include "tests/pki_make.h"

#define B(text)    ((struct pki_bytes){(const uint8_t *)(text), strlen(text)})
#define FQDN(text) ((struct pki_id){2, B(text)})

static struct mk root, other;

static void setup(void)
{
	root = mk_cert(&(struct mk_want){.cn = "root", .ca = true}, NULL);
	other = mk_cert(&(struct mk_want){.cn = "other root", .ca = true}, NULL);
}

static void teardown(void)
{
	mk_free(&root);
	mk_free(&other);
}

TestSuite(pki, .init = setup, .fini = teardown, .timeout = 60);

/* Verify the certificate of m (with others) against t at MK_NOW. */
static enum pki_reason verify(struct pki_trust *t, const struct mk *const *m, unsigned n, size_t max,
                              long long now, struct pki_id id)
{
	struct pki_bytes der[8];
	struct pki_peer *peer;
	enum pki_reason why;

	for (unsigned i = 0; i < n; i++)
		der[i] = mk_der(m[i]);
	why = pki_trust_verify(t, der, n, max, (uint64_t)now, &id, &peer);
	cr_assert_eq(peer != NULL, why == PKI_OK);
	pki_peer_free(peer);
	for (unsigned i = 0; i < n; i++)
		mk_drop(der[i]);
	return why;
}

static enum pki_reason verify_one(const struct mk_want *w, const struct mk *by, long long now,
                                  struct pki_id id)
{
	struct pki_trust *t = mk_trust((const struct mk *[]){&root}, 1);
	struct mk m = mk_cert(w, by);
	enum pki_reason why = verify(t, (const struct mk *[]){&m}, 1, 0, now, id);

	mk_free(&m);
	pki_trust_unref(t);
	return why;
}

Test(pki, valid_expired_not_yet_and_wrong_ca)
{
	struct mk_want w = {.cn = "gw", .san = "DNS:gw.example"};

	cr_expect_eq(verify_one(&w, &root, MK_NOW, FQDN("gw.example")), PKI_OK);
	cr_expect_eq(verify_one(&w, &other, MK_NOW, FQDN("gw.example")), PKI_UNKNOWN_CA);
	cr_expect_eq(verify_one(&w, NULL, MK_NOW, FQDN("gw.example")), PKI_UNKNOWN_CA);
	cr_expect_eq(verify_one(&w, &root, MK_NOW + MK_YEAR - 1, FQDN("gw.example")), PKI_OK);
	cr_expect_eq(verify_one(&w, &root, MK_NOW + MK_YEAR + 1, FQDN("gw.example")), PKI_EXPIRED);
	w.from = MK_NOW + 10;
	cr_expect_eq(verify_one(&w, &root, MK_NOW + 11, FQDN("gw.example")), PKI_OK);
	cr_expect_eq(verify_one(&w, &root, MK_NOW + 9, FQDN("gw.example")), PKI_NOT_YET);
}

/* The name of another CA, but its key: the signature is what counts. */
Test(pki, a_forged_issuer)
{
	struct mk forged = mk_cert(&(struct mk_want){.cn = "root", .ca = true}, NULL);

	cr_expect_eq(verify_one(&(struct mk_want){.cn = "gw"}, &forged, MK_NOW, FQDN("gw")),
	             PKI_BAD_SIGNATURE);
	mk_free(&forged);
}

Test(pki, identities)
{
	struct mk_want w = {.cn = "gw.cn",
	                    .san = "DNS:gw.example,email:ops@example.org,IP:192.0.2.1,IP:2001:db8::1"};
	static const uint8_t v4[] = {192, 0, 2, 1}, v6[16] = {0x20, 1, 0x0d, 0xb8, [15] = 1},
	                     wrong4[] = {192, 0, 2, 2};
	const struct {
		struct pki_id id;
		enum pki_reason want;
	} all[] = {
	        {FQDN("gw.example"), PKI_OK},
	        {FQDN("GW.Example"), PKI_OK},
	        {FQDN("gw.exampl"), PKI_IDENTITY},
	        {FQDN("x.gw.example"), PKI_IDENTITY},
	        {FQDN("gw.cn"), PKI_IDENTITY}, /* there are alternative names of that kind */
	        {FQDN(""), PKI_IDENTITY},
	        {{3, B("ops@example.org")}, PKI_OK},
	        {{3, B("gw.example")}, PKI_IDENTITY},
	        {{1, {v4, 4}}, PKI_OK},
	        {{1, {wrong4, 4}}, PKI_IDENTITY},
	        {{5, {v6, 16}}, PKI_OK},
	        {{5, {v4, 4}}, PKI_OK}, /* an address is an address */
	        {{11, B("gw.cn")}, PKI_OK},
	        {{11, B("gw.example")}, PKI_IDENTITY},
	        {{9, B("gw.cn")}, PKI_IDENTITY},
	        {{10, B("gw.cn")}, PKI_IDENTITY},
	        {{0, B("gw.cn")}, PKI_IDENTITY},
	        {{201, B("gw.cn")}, PKI_IDENTITY},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		cr_expect_eq(verify_one(&w, &root, MK_NOW, all[i].id), all[i].want, "row %zu", i);
	w.san = NULL;
	cr_expect_eq(verify_one(&w, &root, MK_NOW, FQDN("gw.cn")), PKI_OK);
	w.san = "DNS:*.example";
	cr_expect_eq(verify_one(&w, &root, MK_NOW, FQDN("gw.example")), PKI_IDENTITY);
}

Test(pki, identity_by_subject_and_by_key)
{
	struct pki_trust *t = mk_trust((const struct mk *[]){&root}, 1);
	struct mk m =
	        mk_cert(&(struct mk_want){.cn = "gw", .extra = "Example", .san = "DNS:a.example"}, &root);
	const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(m.cert);
	struct pki_bytes key = {ASN1_STRING_get0_data(ski), (size_t)ASN1_STRING_length(ski)}, dn;
	const struct mk *const one[] = {&m};
	struct pki_own *o = mk_own(one, 1, t);
	uint8_t longer[256];

	cr_assert_not_null(o);
	dn = pki_own_subject(o);
	cr_expect_eq(verify(t, one, 1, 0, MK_NOW, (struct pki_id){9, dn}), PKI_OK);
	cr_expect_eq(pki_own_check(o, &(struct pki_id){9, dn}), PKI_OK);
	cr_expect_eq(pki_own_check(o, &FQDN("b.example")), PKI_IDENTITY);
	memcpy(longer, dn.p, dn.len);
	longer[dn.len] = 0;
	cr_expect_eq(verify(t, one, 1, 0, MK_NOW, (struct pki_id){9, {longer, dn.len + 1}}), PKI_IDENTITY);
	longer[dn.len - 1] ^= 1;
	cr_expect_eq(verify(t, one, 1, 0, MK_NOW, (struct pki_id){9, {longer, dn.len}}), PKI_IDENTITY);
	cr_expect_eq(verify(t, one, 1, 0, MK_NOW, (struct pki_id){11, key}), PKI_OK);
	cr_expect_eq(verify(t, one, 1, 0, MK_NOW, (struct pki_id){11, {key.p, key.len - 1}}), PKI_IDENTITY);
	pki_own_unref(o);
	pki_trust_unref(t);
	mk_free(&m);
}

/* Four certificates below the anchor are a chain, five are not (chapter 11). */
Test(pki, chains_up_to_four)
{
	struct pki_trust *t = mk_trust((const struct mk *[]){&root}, 1);
	struct mk m[PKI_CHAIN_MAX + 1];
	const struct mk *chain[PKI_CHAIN_MAX + 1];
	struct pki_own *o;
	struct pki_bytes out[PKI_CHAIN_MAX];

	for (unsigned n = 1; n <= PKI_CHAIN_MAX + 1; n++) {
		for (unsigned i = 0; i < n; i++) { /* m[n-1] is signed by the root, m[0] is the end */
			unsigned at = n - 1 - i;
			char cn[24];

			snprintf(cn, sizeof(cn), "level %u", at);
			m[at] = mk_cert(&(struct mk_want){.cn = at ? cn : "gw", .ca = at > 0},
			                i ? &m[at + 1] : &root);
			chain[at] = &m[at];
		}
		cr_expect_eq(verify(t, chain, n, 0, MK_NOW, FQDN("gw")),
		             n <= PKI_CHAIN_MAX ? PKI_OK : PKI_CHAIN_TOO_LONG, "%u certificates", n);
		if (n > 1)
			cr_expect_eq(verify(t, chain, n - 1, 0, MK_NOW, FQDN("gw")), PKI_UNKNOWN_CA, "%u", n);
		o = mk_own(chain, n, t);
		cr_assert_not_null(o);
		cr_expect_eq(pki_own_chain(o, (struct pki_bytes){NULL, 0}, out),
		             n < PKI_CHAIN_MAX ? n : PKI_CHAIN_MAX);
		pki_own_unref(o);
		for (unsigned i = 0; i < n; i++)
			mk_free(&m[i]);
	}
	pki_trust_unref(t);
}

/* Chapter 11: the chain goes up to the CA that was asked for, without it; issuers come from the CA list too.
 */
Test(pki, chain_that_was_asked_for)
{
	struct mk sub = mk_cert(&(struct mk_want){.cn = "sub", .ca = true}, &root);
	struct mk gw = mk_cert(&(struct mk_want){.cn = "gw"}, &sub);
	struct pki_trust *t = mk_trust((const struct mk *[]){&sub, &root}, 2);
	struct pki_own *o = mk_own((const struct mk *[]){&gw}, 1, t);
	uint8_t hash[PKI_CA_MAX * PKI_KEYHASH_LEN];
	struct pki_bytes out[PKI_CHAIN_MAX];

	cr_assert_not_null(o);
	cr_expect_eq(pki_trust_hashes(t, hash), 2 * PKI_KEYHASH_LEN);
	cr_expect_eq(pki_own_chain(o, (struct pki_bytes){hash + PKI_KEYHASH_LEN, PKI_KEYHASH_LEN}, out), 2,
	             "root");
	cr_expect_eq(pki_own_chain(o, (struct pki_bytes){hash, PKI_KEYHASH_LEN}, out), 1, "sub");
	cr_expect_eq(pki_own_chain(o, (struct pki_bytes){hash, 2 * PKI_KEYHASH_LEN}, out), 1, "both");
	cr_expect_eq(pki_own_chain(o, (struct pki_bytes){hash, PKI_KEYHASH_LEN - 1}, out), 2, "half a hash");
	/* an intermediate CA is a trust anchor too */
	cr_expect_eq(verify(t, (const struct mk *[]){&gw}, 1, 0, MK_NOW, FQDN("gw")), PKI_OK);
	pki_own_unref(o);
	pki_trust_unref(t);
	t = mk_trust((const struct mk *[]){&sub}, 1);
	cr_expect_eq(verify(t, (const struct mk *[]){&gw}, 1, 0, MK_NOW, FQDN("gw")), PKI_OK);
	pki_trust_unref(t);
	mk_free(&gw);
	mk_free(&sub);
}

Test(pki, issuers_that_may_not_issue_and_keys_that_may_not_sign)
{
	struct pki_trust *t = mk_trust((const struct mk *[]){&root}, 1);
	struct mk fake = mk_cert(&(struct mk_want){.cn = "user"}, &root);
	struct mk gw = mk_cert(&(struct mk_want){.cn = "gw"}, &fake);
	struct mk_want w = {.cn = "gw", .usage = "keyEncipherment"};
	struct pki_bytes der = mk_der(&fake);

	cr_expect_eq(verify(t, (const struct mk *[]){&gw, &fake}, 2, 0, MK_NOW, FQDN("gw")), PKI_NOT_A_CA);
	cr_expect_eq(pki_trust_add_ca(t, der), PKI_NOT_A_CA);
	cr_expect_eq(verify_one(&w, &root, MK_NOW, FQDN("gw")), PKI_USAGE);
	w.usage = "nonRepudiation";
	cr_expect_eq(verify_one(&w, &root, MK_NOW, FQDN("gw")), PKI_OK);
	w = (struct mk_want){.cn = "gw", .key = "ed25519"};
	cr_expect_eq(verify_one(&w, &root, MK_NOW, FQDN("gw")), PKI_KEY_TYPE);
	mk_drop(der);
	mk_free(&gw);
	mk_free(&fake);
	pki_trust_unref(t);
}

Test(pki, revocation)
{
	struct mk sub = mk_cert(&(struct mk_want){.cn = "sub", .ca = true}, &root);
	struct mk good = mk_cert(&(struct mk_want){.cn = "gw"}, &root),
	          bad = mk_cert(&(struct mk_want){.cn = "gw"}, &root),
	          deep = mk_cert(&(struct mk_want){.cn = "gw"}, &sub);
	struct pki_trust *t;
	struct pki_bytes crl;

	for (int pem = 0; pem < 2; pem++) {
		t = mk_trust((const struct mk *[]){&root}, 1);
		crl = mk_crl(&root, bad.serial, MK_NOW + MK_YEAR, pem);
		cr_expect_eq(pki_trust_add_crl(t, crl), PKI_OK);
		cr_expect_eq(verify(t, (const struct mk *[]){&good}, 1, 0, MK_NOW, FQDN("gw")), PKI_OK);
		cr_expect_eq(verify(t, (const struct mk *[]){&bad}, 1, 0, MK_NOW, FQDN("gw")), PKI_REVOKED);
		/* its issuer has no list here */
		cr_expect_eq(verify(t, (const struct mk *[]){&deep, &sub}, 2, 0, MK_NOW, FQDN("gw")), PKI_OK);
		pki_trust_unref(t);
		mk_drop(crl);
	}
	t = mk_trust((const struct mk *[]){&root}, 1);
	crl = mk_crl(&root, sub.serial, MK_NOW - 10, true);
	cr_expect_eq(pki_trust_add_crl(t, crl), PKI_OK);
	cr_expect_eq(verify(t, (const struct mk *[]){&good}, 1, 0, MK_NOW - 11, FQDN("gw")), PKI_OK);
	cr_expect_eq(verify(t, (const struct mk *[]){&good}, 1, 0, MK_NOW, FQDN("gw")), PKI_CRL_EXPIRED);
	cr_expect_eq(verify(t, (const struct mk *[]){&deep, &sub}, 2, 0, MK_NOW - 11, FQDN("gw")),
	             PKI_REVOKED, "the CA in between is revoked");
	pki_trust_unref(t);
	mk_drop(crl);
	/* a list that its CA did not sign */
	t = mk_trust((const struct mk *[]){&root}, 1);
	X509_set_subject_name(other.cert, X509_get_subject_name(root.cert));
	crl = mk_crl(&other, 0, MK_NOW + MK_YEAR, true);
	cr_expect_eq(pki_trust_add_crl(t, crl), PKI_OK);
	cr_expect_eq(verify(t, (const struct mk *[]){&good}, 1, 0, MK_NOW, FQDN("gw")), PKI_BAD_SIGNATURE);
	for (unsigned i = 1; i < PKI_CRL_MAX; i++)
		cr_expect_eq(pki_trust_add_crl(t, crl), PKI_OK);
	cr_expect_eq(pki_trust_add_crl(t, crl), PKI_TOO_MANY);
	mk_drop(crl);
	pki_trust_unref(t);
	mk_free(&sub);
	mk_free(&good);
	mk_free(&bad);
	mk_free(&deep);
}

/* That a certificate was read before proves nothing of it the next time. */
Test(pki, what_is_known_is_checked_anew)
{
	struct mk gw = mk_cert(&(struct mk_want){.cn = "gw", .san = "DNS:gw.example"}, &root);
	const struct mk *const one[] = {&gw};
	struct pki_trust *t = mk_trust((const struct mk *[]){&root}, 1);
	struct pki_bytes crl = mk_crl(&root, gw.serial, MK_NOW + MK_YEAR, true), der = mk_der(&gw);
	struct pki_id id = FQDN("gw.example");
	struct pki_peer *first, *second;

	cr_assert_eq(pki_trust_verify(t, &der, 1, 0, MK_NOW, &id, &first), PKI_OK);
	cr_assert_eq(pki_trust_verify(t, &der, 1, 0, MK_NOW, &id, &second), PKI_OK);
	cr_expect_eq(first->cert, second->cert, "read once");
	pki_peer_free(first);
	pki_peer_free(second);
	cr_expect_eq(verify(t, one, 1, 0, MK_NOW + MK_YEAR + 1, FQDN("gw.example")), PKI_EXPIRED);
	cr_expect_neq(verify(t, one, 1, 0, MK_NOW, FQDN("somebody.else")), PKI_OK);
	cr_expect_eq(verify(t, one, 1, der.len - 1, MK_NOW, FQDN("gw.example")), PKI_TOO_LARGE);
	for (size_t i = 0; i < der.len; i++) {
		((uint8_t *)(uintptr_t)der.p)[i] ^= 0x41;
		cr_expect_neq(pki_trust_verify(t, &der, 1, 0, MK_NOW, &id, &first), PKI_OK, "byte %zu", i);
		((uint8_t *)(uintptr_t)der.p)[i] ^= 0x41;
	}
	cr_expect_eq(verify(t, one, 1, 0, MK_NOW, FQDN("gw.example")), PKI_OK);
	cr_expect_eq(pki_trust_add_crl(t, crl), PKI_OK);
	cr_expect_eq(verify(t, one, 1, 0, MK_NOW, FQDN("gw.example")), PKI_REVOKED);
	mk_drop(der);
	mk_drop(crl);
	pki_trust_unref(t);
	mk_free(&gw);
}

Test(pki, limits)
{
	struct mk gw = mk_cert(&(struct mk_want){.cn = "gw"}, &root);
	const struct mk *const one[] = {&gw};
	struct pki_trust *t = mk_trust((const struct mk *[]){&root, &root, &root, &root}, PKI_CA_MAX);
	struct pki_bytes der = mk_der(&root), own = mk_der(&gw);

	cr_expect_eq(pki_trust_add_ca(t, der), PKI_TOO_MANY);
	cr_expect_eq(verify(t, one, 1, own.len, MK_NOW, FQDN("gw")), PKI_OK);
	cr_expect_eq(verify(t, one, 1, own.len - 1, MK_NOW, FQDN("gw")), PKI_TOO_LARGE);
	cr_expect_eq(verify(t, one, 0, 0, MK_NOW, FQDN("gw")), PKI_NO_CERT);
	cr_expect_eq(verify(NULL, one, 1, 0, MK_NOW, FQDN("gw")), PKI_UNKNOWN_CA);
	mk_drop(der);
	mk_drop(own);
	pki_trust_unref(t);
	mk_free(&gw);
}

Test(pki, garbage)
{
	struct pki_trust *t = mk_trust((const struct mk *[]){&root}, 1);
	struct mk gw = mk_cert(&(struct mk_want){.cn = "gw", .san = "DNS:gw.example"}, &root);
	struct pki_bytes der = mk_der(&gw), crl = mk_crl(&root, 5, MK_NOW, false), key = mk_key_pem(&gw),
	                 ca = mk_der(&root);
	struct pki_bytes wrong_key = mk_key_pem(&root);
	struct pki_id id = FQDN("gw.example");
	uint8_t *copy = malloc(der.len + 1);
	struct pki_peer *peer;
	enum pki_reason why;
	struct pki_own *o;

	/* each byte changed, cut at each length, a byte too many: refused, never a crash */
	for (size_t i = 0; i < der.len; i++) {
		memcpy(copy, der.p, der.len);
		copy[i] ^= 0x41;
		why = pki_trust_verify(t, &(struct pki_bytes){copy, der.len}, 1, 0, MK_NOW, &id, &peer);
		cr_expect_neq(why, PKI_OK, "byte %zu", i);
		pki_peer_free(peer);
		why = pki_trust_verify(t, &(struct pki_bytes){copy, i}, 1, 0, MK_NOW, &id, &peer);
		cr_expect_eq(why, PKI_GARBAGE);
	}
	memcpy(copy, der.p, der.len);
	copy[der.len] = 0;
	why = pki_trust_verify(t, &(struct pki_bytes){copy, der.len + 1}, 1, 0, MK_NOW, &id, &peer);
	cr_expect_eq(why, PKI_GARBAGE);
	free(copy);
	cr_expect_eq(pki_trust_add_ca(t, B("")), PKI_GARBAGE);
	cr_expect_eq(pki_trust_add_ca(t, B("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")),
	             PKI_GARBAGE);
	cr_expect_eq(pki_trust_add_crl(t, B("nothing")), PKI_GARBAGE);
	cr_expect_eq(pki_trust_add_crl(t, (struct pki_bytes){crl.p, crl.len - 1}), PKI_GARBAGE);
	cr_expect_eq(pki_trust_add_crl(t, (struct pki_bytes){NULL, 0}), PKI_GARBAGE);
	o = pki_own_new(der, B("no key"), NULL, &why);
	cr_expect(!o && why == PKI_GARBAGE);
	o = pki_own_new(B("no certificate"), key, NULL, &why);
	cr_expect(!o && why == PKI_GARBAGE);
	o = pki_own_new(der, wrong_key, NULL, &why);
	cr_expect(!o && why == PKI_KEY_MISMATCH);
	mk_drop(der);
	mk_drop(crl);
	mk_drop(key);
	mk_drop(ca);
	mk_drop(wrong_key);
	mk_free(&gw);
	pki_trust_unref(t);
}

Test(pki, objects_are_told_apart)
{
	struct mk a = mk_cert(&(struct mk_want){.cn = "a"}, &root);
	struct pki_trust *t = mk_trust((const struct mk *[]){&root}, 1),
	                 *u = mk_trust((const struct mk *[]){&root}, 1),
	                 *v = mk_trust((const struct mk *[]){&other}, 1);
	struct pki_own *o = mk_own((const struct mk *[]){&a}, 1, NULL),
	               *p = mk_own((const struct mk *[]){&a}, 1, NULL),
	               *q = mk_own((const struct mk *[]){&root}, 1, NULL);
	struct pki_bytes crl = mk_crl(&root, 0, MK_NOW + 1, true);

	cr_expect(pki_trust_equal(t, u) && pki_trust_equal(NULL, NULL));
	cr_expect(!pki_trust_equal(t, v) && !pki_trust_equal(t, NULL));
	pki_trust_add_crl(u, crl);
	cr_expect(!pki_trust_equal(t, u));
	cr_expect(pki_own_equal(o, p) && !pki_own_equal(o, q) && !pki_own_equal(o, NULL));
	pki_own_unref(o);
	pki_own_unref(p);
	pki_own_unref(q);
	pki_trust_unref(t);
	pki_trust_unref(u);
	pki_trust_unref(v);
	mk_drop(crl);
	mk_free(&a);
}

/* ---- AUTH ---- */

static struct pki_peer *peer_of(const struct mk *m)
{
	struct pki_trust *t = mk_trust((const struct mk *[]){&root}, 1);
	struct pki_id id = FQDN("gw");
	struct pki_bytes der = mk_der(m);
	struct pki_peer *p;

	cr_assert_eq(pki_trust_verify(t, &der, 1, 0, MK_NOW, &id, &p), PKI_OK);
	mk_drop(der);
	pki_trust_unref(t);
	return p;
}

Test(pki, signatures_of_every_method)
{
	static const struct {
		const char *key;
		bool pss;
		uint32_t hashes;
		uint8_t method;
	} all[] = {
	        {"rsa", false, 0, PKI_AUTH_RSA},
	        {"rsa", true, 0, PKI_AUTH_RSA}, /* nothing but RFC 7427 can tell of PSS */
	        {"rsa", false, PKI_HASHES_OURS, PKI_AUTH_DIGITAL},
	        {"rsa", false, 1u << 4, PKI_AUTH_DIGITAL},
	        {"rsa", true, PKI_HASHES_OURS, PKI_AUTH_DIGITAL},
	        {"rsa", true, 1u << 3, PKI_AUTH_DIGITAL},
	        {"rsa", true, 1u << 4, PKI_AUTH_DIGITAL},
	        {"rsa", true, 1u << 9, PKI_AUTH_RSA}, /* a hash nobody knows */
	        {"P-256", false, 0, PKI_AUTH_ECDSA_256},
	        {"P-384", false, 0, PKI_AUTH_ECDSA_384},
	        {"P-521", false, 0, PKI_AUTH_ECDSA_521},
	        {"P-256", true, PKI_HASHES_OURS, PKI_AUTH_DIGITAL},
	        {"P-384", false, PKI_HASHES_OURS, PKI_AUTH_DIGITAL},
	        {"P-521", false, 1u << 2, PKI_AUTH_DIGITAL},
	};
	const struct pki_bytes data[2] = {B("first part"), B("second part")};
	const struct pki_bytes wrong[2] = {B("first part"), B("second parT")};
	uint8_t sig[PKI_SIG_MAX], method;
	struct pki_peer *peer = NULL;
	struct pki_own *o = NULL;
	const char *last = "";
	struct mk m = {0};
	size_t len;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(last, all[i].key)) {
			pki_peer_free(peer);
			pki_own_unref(o);
			mk_free(&m);
			m = mk_cert(&(struct mk_want){.cn = "gw", .key = all[i].key}, &root);
			peer = peer_of(&m);
			o = mk_own((const struct mk *[]){&m}, 1, NULL);
			last = all[i].key;
		}
		cr_assert_eq(pki_own_sign(o, all[i].pss, all[i].hashes, data, 2, &method, sig, &len), 0,
		             "row %zu", i);
		cr_expect_eq(method, all[i].method, "row %zu", i);
		cr_expect(pki_auth_is_signature(method));
		cr_expect_eq(pki_peer_check(peer, method, (struct pki_bytes){sig, len}, data, 2), PKI_OK,
		             "row %zu", i);
		cr_expect_eq(pki_peer_check(peer, method, (struct pki_bytes){sig, len}, wrong, 2),
		             PKI_AUTH_FAILED, "row %zu", i);
		cr_expect_neq(pki_peer_check(peer, method, (struct pki_bytes){sig, len - 1}, data, 2),
		              PKI_OK);
		cr_expect_neq(pki_peer_check(peer, method, (struct pki_bytes){sig, 1}, data, 2), PKI_OK);
		sig[len - 1] ^= 1;
		cr_expect_eq(pki_peer_check(peer, method, (struct pki_bytes){sig, len}, data, 2),
		             PKI_AUTH_FAILED);
		cr_expect_eq(pki_peer_check(peer, 3, (struct pki_bytes){sig, len}, data, 2), PKI_AUTH_METHOD);
	}
	/* a P-521 key does not sign as P-256 or RSA do */
	cr_expect_eq(pki_peer_check(peer, PKI_AUTH_ECDSA_256, (struct pki_bytes){sig, 64}, data, 2),
	             PKI_AUTH_METHOD);
	cr_expect_eq(pki_peer_check(peer, PKI_AUTH_RSA, (struct pki_bytes){sig, 64}, data, 2),
	             PKI_AUTH_METHOD);
	pki_peer_free(peer);
	pki_own_unref(o);
	mk_free(&m);
}

/* The algorithm that stands before a signature is the sender's: each byte of it changed is refused. */
Test(pki, algorithm_of_a_digital_signature)
{
	struct mk m = mk_cert(&(struct mk_want){.cn = "gw", .key = "rsa"}, &root);
	struct pki_peer *peer = peer_of(&m);
	struct pki_own *o = mk_own((const struct mk *[]){&m}, 1, NULL);
	const struct pki_bytes data[1] = {B("data")};
	uint8_t sig[PKI_SIG_MAX], copy[PKI_SIG_MAX], method;
	size_t len;

	for (int pss = 0; pss < 2; pss++) {
		cr_assert_eq(pki_own_sign(o, pss, PKI_HASHES_OURS, data, 1, &method, sig, &len), 0);
		cr_expect_eq(sig[0], pss ? 67 : 15);
		for (size_t i = 0; i <= sig[0]; i++)
			for (unsigned bit = 0; bit < 8; bit++) {
				memcpy(copy, sig, len);
				copy[i] ^= (uint8_t)(1u << bit);
				cr_expect_neq(
				        pki_peer_check(peer, method, (struct pki_bytes){copy, len}, data, 1),
				        PKI_OK, "pss %d byte %zu", pss, i);
			}
	}
	pki_peer_free(peer);
	pki_own_unref(o);
	mk_free(&m);
}

Test(pki, every_reason_has_a_name)
{
	for (unsigned i = 0; i < PKI_REASONS; i++) {
		cr_expect_str_neq(pki_reason_name(i), "unknown");
		for (unsigned k = 0; k < i; k++)
			cr_expect_str_neq(pki_reason_name(i), pki_reason_name(k));
	}
	cr_expect_str_eq(pki_reason_name(PKI_REASONS), "unknown");
}
