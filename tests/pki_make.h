/* SPDX-License-Identifier: MIT */
/*
 * Certificates, keys and revocation lists made in a test, with whatever is wrong with them. Included by
 * tests/unit/test_pki.c and tests/exchange/test_ike_cert.c. Keys of each kind are made once per process.
 */
#ifndef TESTS_PKI_MAKE_H
#define TESTS_PKI_MAKE_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "pki/pki.h"

#define MK_NOW  1700000000LL /* the tests' present */
#define MK_YEAR (365LL * 86400)

struct mk {
	EVP_PKEY *key;
	X509 *cert;
	long serial;
};

struct mk_want {
	const char *cn, *san; /* san: as in a configuration of openssl, NULL: none */
	const char *key;      /* "P-256" (default), "P-384", "P-521", "rsa", "rsa1024", "ed25519" */
	const char *usage;    /* key usage; NULL: the usual */
	const char *extra;    /* subject organization, NULL: none (for certificates that are long) */
	bool ca;
	long long from, until; /* 0: around MK_NOW */
};

static inline EVP_PKEY *mk_key(const char *kind)
{
	if (!kind)
		kind = "P-256";
	if (!strcmp(kind, "rsa"))
		return EVP_RSA_gen(2048);
	if (!strcmp(kind, "rsa1024"))
		return EVP_RSA_gen(1024);
	if (!strcmp(kind, "ed25519"))
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return EVP_EC_gen(kind);
}

static inline void mk_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *e;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert(e);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

/* A certificate signed by `by` (NULL: by itself). */
static inline struct mk mk_cert(const struct mk_want *w, const struct mk *by)
{
	static long serial = 100;
	struct mk m = {.key = mk_key(w->key), .cert = X509_new(), .serial = ++serial};
	X509_NAME *name = X509_NAME_new();
	bool ed = EVP_PKEY_get_base_id(by ? by->key : m.key) == EVP_PKEY_ED25519;

	assert(m.key && m.cert && name);
	X509_set_version(m.cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(m.cert), m.serial);
	ASN1_TIME_set(X509_getm_notBefore(m.cert), (time_t)(w->from ? w->from : MK_NOW - MK_YEAR));
	ASN1_TIME_set(X509_getm_notAfter(m.cert), (time_t)(w->until ? w->until : MK_NOW + MK_YEAR));
	if (w->extra)
		X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)w->extra, -1, -1,
		                           0);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)w->cn, -1, -1, 0);
	X509_set_subject_name(m.cert, name);
	X509_set_issuer_name(m.cert, by ? X509_get_subject_name(by->cert) : name);
	X509_set_pubkey(m.cert, m.key);
	mk_ext(m.cert, by ? by->cert : m.cert, NID_basic_constraints,
	       w->ca ? "critical,CA:TRUE" : "CA:FALSE");
	mk_ext(m.cert, by ? by->cert : m.cert, NID_key_usage,
	       w->usage ? w->usage
	       : w->ca  ? "critical,keyCertSign,cRLSign,digitalSignature"
	                : "digitalSignature");
	mk_ext(m.cert, by ? by->cert : m.cert, NID_subject_key_identifier, "hash");
	if (w->san)
		mk_ext(m.cert, by ? by->cert : m.cert, NID_subject_alt_name, w->san);
	assert(X509_sign(m.cert, by ? by->key : m.key, ed ? NULL : EVP_sha256()) > 0);
	X509_NAME_free(name);
	return m;
}

static inline void mk_free(struct mk *m)
{
	EVP_PKEY_free(m->key);
	X509_free(m->cert);
	*m = (struct mk){0};
}

/* What was written to a BIO, as bytes to be freed with free(). */
static inline struct pki_bytes mk_take(BIO *b)
{
	char *p;
	long len = BIO_get_mem_data(b, &p);
	uint8_t *copy = malloc(len > 0 ? (size_t)len : 1);

	assert(copy && len > 0);
	memcpy(copy, p, (size_t)len);
	BIO_free(b);
	return (struct pki_bytes){copy, (size_t)len};
}

/* The certificates (the first n, those without a certificate end it) in PEM, one behind the other. */
static inline struct pki_bytes mk_pem(const struct mk *const *m, unsigned n)
{
	BIO *b = BIO_new(BIO_s_mem());

	for (unsigned i = 0; i < n; i++)
		PEM_write_bio_X509(b, m[i]->cert);
	return mk_take(b);
}

static inline struct pki_bytes mk_der(const struct mk *m)
{
	BIO *b = BIO_new(BIO_s_mem());

	i2d_X509_bio(b, m->cert);
	return mk_take(b);
}

static inline struct pki_bytes mk_key_pem(const struct mk *m)
{
	BIO *b = BIO_new(BIO_s_mem());

	PEM_write_bio_PrivateKey(b, m->key, NULL, NULL, 0, NULL, NULL);
	return mk_take(b);
}

/* A revocation list of `by` with one serial number (0: empty), valid until. */
static inline struct pki_bytes mk_crl(const struct mk *by, long serial, long long until, bool pem)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *t = ASN1_TIME_new();
	BIO *b = BIO_new(BIO_s_mem());

	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(by->cert));
	ASN1_TIME_set(t, (time_t)(MK_NOW - 2 * MK_YEAR));
	X509_CRL_set1_lastUpdate(crl, t);
	ASN1_TIME_set(t, (time_t)until);
	X509_CRL_set1_nextUpdate(crl, t);
	if (serial) {
		X509_REVOKED *r = X509_REVOKED_new();
		ASN1_INTEGER *n = ASN1_INTEGER_new();

		ASN1_INTEGER_set(n, serial);
		X509_REVOKED_set_serialNumber(r, n);
		ASN1_TIME_set(t, (time_t)(MK_NOW - 100));
		X509_REVOKED_set_revocationDate(r, t);
		X509_CRL_add0_revoked(crl, r);
		ASN1_INTEGER_free(n);
	}
	X509_CRL_sort(crl);
	assert(X509_CRL_sign(crl, by->key, EVP_sha256()) > 0);
	if (pem)
		PEM_write_bio_X509_CRL(b, crl);
	else
		i2d_X509_CRL_bio(b, crl);
	ASN1_TIME_free(t);
	X509_CRL_free(crl);
	return mk_take(b);
}

static inline void mk_drop(struct pki_bytes b)
{
	free((void *)(uintptr_t)b.p);
}

/* Our own, with its issuers. NULL: it was refused. */
static inline struct pki_own *mk_own(const struct mk *const *m, unsigned n, const struct pki_trust *more)
{
	struct pki_bytes certs = mk_pem(m, n), key = mk_key_pem(m[0]);
	enum pki_reason why;
	struct pki_own *o = pki_own_new(certs, key, more, &why);

	mk_drop(certs);
	mk_drop(key);
	return o;
}

static inline struct pki_trust *mk_trust(const struct mk *const *ca, unsigned n)
{
	struct pki_trust *t = pki_trust_new();

	for (unsigned i = 0; i < n; i++) {
		struct pki_bytes der = mk_der(ca[i]);

		assert(pki_trust_add_ca(t, der) == PKI_OK);
		mk_drop(der);
	}
	return t;
}

#endif
