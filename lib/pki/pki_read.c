/* SPDX-License-Identifier: MIT */
/*
 * From bytes to certificates, revocation lists and private keys: PEM or DER, whichever it is (chapter 11).
 * Nothing asks for a pass phrase and nothing is read but the bytes given. Entry points: pki_read_*(). Called
 * by pki_trust.c and pki_own.c.
 */
#include "pki/pki_int.h"

#include <errno.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

static const char *const names[PKI_REASONS] = {
        [PKI_OK] = "ok",
        [PKI_MEMORY] = "no memory",
        [PKI_GARBAGE] = "not in PEM or DER form",
        [PKI_TOO_LARGE] = "certificate too large",
        [PKI_TOO_MANY] = "too many certificates",
        [PKI_KEY_TYPE] = "kind of key not supported",
        [PKI_KEY_MISMATCH] = "private key does not belong to the certificate",
        [PKI_NO_CERT] = "no certificate received",
        [PKI_UNKNOWN_CA] = "certificate of an unknown CA",
        [PKI_BAD_SIGNATURE] = "wrong signature in a certificate",
        [PKI_NOT_YET] = "certificate not valid yet",
        [PKI_EXPIRED] = "certificate expired",
        [PKI_REVOKED] = "certificate revoked",
        [PKI_CRL_EXPIRED] = "revocation list out of date",
        [PKI_CHAIN_TOO_LONG] = "certificate chain too long",
        [PKI_NOT_A_CA] = "issuer is not a CA",
        [PKI_USAGE] = "certificate is not for signatures",
        [PKI_INVALID] = "certificate invalid",
        [PKI_IDENTITY] = "identity is not the certificate's",
        [PKI_AUTH_METHOD] = "kind of signature not supported",
        [PKI_AUTH_FAILED] = "wrong signature",
};

const char *pki_reason_name(enum pki_reason r)
{
	return (unsigned)r < PKI_REASONS ? names[r] : "unknown";
}

X509 *pki_read_der(struct pki_bytes in, size_t max, enum pki_reason *why)
{
	const unsigned char *p = in.p;
	X509 *x = NULL;

	if (in.len > max) {
		*why = PKI_TOO_LARGE;
		return NULL;
	}
	if (in.len)
		x = d2i_X509(NULL, &p, (long)in.len);
	if (x && p == in.p + in.len)
		return x;
	X509_free(x);
	ERR_clear_error();
	*why = PKI_GARBAGE;
	return NULL;
}

/* DER begins with a SEQUENCE; PEM is text, perhaps with words before it. */
static bool is_der(struct pki_bytes in)
{
	return in.len > 1 && in.p[0] == 0x30 && (in.p[1] & 0x80);
}

static BIO *text(struct pki_bytes in, enum pki_reason *why)
{
	*why = in.len > PKI_INPUT_MAX ? PKI_TOO_LARGE : PKI_MEMORY;
	return in.len && in.len <= PKI_INPUT_MAX ? BIO_new_mem_buf(in.p, (int)in.len) : NULL;
}

static int no_phrase(char *buf, int size, int writing, void *arg)
{
	(void)buf, (void)size, (void)writing, (void)arg;
	return -1;
}

STACK_OF(X509) * pki_read_certs(struct pki_bytes in, int max, enum pki_reason *why)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	BIO *bio = NULL;
	X509 *x = NULL;

	*why = in.len ? PKI_MEMORY : PKI_GARBAGE;
	if (is_der(in))
		x = pki_read_der(in, PKI_CERT_MAX, why);
	else if (in.len && (bio = text(in, why)))
		x = PEM_read_bio_X509(bio, NULL, no_phrase, NULL);
	while (all && x && sk_X509_num(all) < max && sk_X509_push(all, x))
		x = bio ? PEM_read_bio_X509(bio, NULL, no_phrase, NULL) : NULL;
	BIO_free(bio);
	ERR_clear_error();
	if (all && sk_X509_num(all) && !x)
		return all;
	if (x)
		*why = PKI_TOO_MANY;
	else if (bio)
		*why = PKI_GARBAGE;
	X509_free(x);
	sk_X509_pop_free(all, X509_free);
	return NULL;
}

X509_CRL *pki_read_crl(struct pki_bytes in, enum pki_reason *why)
{
	const unsigned char *p = in.p;
	X509_CRL *crl = NULL;
	BIO *bio = NULL;

	*why = in.len > PKI_INPUT_MAX ? PKI_TOO_LARGE : PKI_GARBAGE;
	if (in.len > PKI_INPUT_MAX)
		return NULL;
	if (is_der(in)) {
		crl = d2i_X509_CRL(NULL, &p, (long)in.len);
		if (crl && p != in.p + in.len) {
			X509_CRL_free(crl);
			crl = NULL;
		}
	} else if (in.len && (bio = text(in, why))) {
		crl = PEM_read_bio_X509_CRL(bio, NULL, no_phrase, NULL);
		*why = PKI_GARBAGE;
	}
	BIO_free(bio);
	ERR_clear_error();
	return crl;
}

EVP_PKEY *pki_read_key(struct pki_bytes in, enum pki_reason *why)
{
	const unsigned char *p = in.p;
	EVP_PKEY *key = NULL;
	BIO *bio = NULL;

	*why = in.len > PKI_INPUT_MAX ? PKI_TOO_LARGE : PKI_GARBAGE;
	if (in.len > PKI_INPUT_MAX)
		return NULL;
	if (is_der(in))
		key = d2i_AutoPrivateKey(NULL, &p, (long)in.len);
	else if (in.len && (bio = text(in, why))) {
		key = PEM_read_bio_PrivateKey(bio, NULL, no_phrase, NULL);
		*why = PKI_GARBAGE;
	}
	BIO_free(bio);
	ERR_clear_error();
	if (!key || pki_key_fits(key))
		return key;
	EVP_PKEY_free(key);
	*why = PKI_KEY_TYPE;
	return NULL;
}

enum pki_reason pki_check_certs(struct pki_bytes in)
{
	enum pki_reason why = PKI_OK;
	STACK_OF(X509) *all = pki_read_certs(in, 16, &why);

	if (!all)
		return why;
	sk_X509_pop_free(all, X509_free);
	return PKI_OK;
}

enum pki_reason pki_check_crl(struct pki_bytes in)
{
	enum pki_reason why = PKI_OK;
	X509_CRL *crl = pki_read_crl(in, &why);

	X509_CRL_free(crl);
	return crl ? PKI_OK : why;
}

enum pki_reason pki_check_key(struct pki_bytes in)
{
	enum pki_reason why = PKI_OK;
	EVP_PKEY *key = pki_read_key(in, &why);

	EVP_PKEY_free(key);
	return key ? PKI_OK : why;
}

bool pki_key_fits(const EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);
	char group[32] = "";

	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		return bits >= 512 && bits <= 8192 && bits % 8 == 0; /* 512: the least of crypto rsa-keygen */
	case EVP_PKEY_EC:
		if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
		                                   NULL) != 1)
			return false;
		return !strcmp(group, "prime256v1") || !strcmp(group, "secp384r1") ||
		       !strcmp(group, "secp521r1");
	}
	return false;
}

int pki_mix(uint8_t digest[PKI_DIGEST_LEN], struct pki_bytes in)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint64_t len = in.len;
	int ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
	         EVP_DigestUpdate(ctx, digest, PKI_DIGEST_LEN) == 1 &&
	         EVP_DigestUpdate(ctx, &len, sizeof(len)) == 1 && EVP_DigestUpdate(ctx, in.p, in.len) == 1 &&
	         EVP_DigestFinal_ex(ctx, digest, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -EINVAL;
}

int pki_key_hash(const X509 *cert, uint8_t out[PKI_KEYHASH_LEN])
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der), ok = 0;

	if (len > 0)
		ok = EVP_Digest(der, (size_t)len, out, NULL, EVP_sha1(), NULL);
	OPENSSL_free(der);
	return ok == 1 ? 0 : -EINVAL;
}
