/* SPDX-License-Identifier: MIT */
/*
 * AUTH by signature: RSA with SHA-1 (method 1, RFC 7296 section 2.15), ECDSA (9 to 11, RFC 4754), and the
 * digital signature that names its algorithm (14, RFC 7427: PKCS #1 version 1.5, RSASSA-PSS, ECDSA). One row
 * per algorithm serves both directions. Entry points: pki_own_sign(), pki_peer_check(). Called by
 * lib/ike/ike_cert.c.
 */
#include "pki/pki_int.h"

#include <errno.h>
#include <string.h>

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

/* Algorithms of method 14. hash: number in SIGNATURE_HASH_ALGORITHMS. alg: AlgorithmIdentifier in DER (RFC
 * 7427 appendix A); PSS is read further, as its parameters may be written in several ways. */
struct row {
	int key; /* EVP_PKEY_RSA, EVP_PKEY_EC */
	bool pss;
	uint8_t hash;
	const char *digest;
	uint8_t len;
	uint8_t alg[68];
};

#define RSA_ALG(oid)                                                                                         \
	{                                                                                                    \
		0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, oid, 5, 0                        \
	}
#define EC_ALG(oid)                                                                                          \
	{                                                                                                    \
		0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, oid                                    \
	}
#define SHA_ALG(oid) 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, oid, 5, 0
#define PSS_ALG(oid, salt)                                                                                   \
	{                                                                                                    \
		0x30, 0x41, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10, 0x30, 0x34, 0xa0, 0x0f,      \
		        SHA_ALG(oid), 0xa1, 0x1c, 0x30, 0x1a, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1,   \
		        1, 8, SHA_ALG(oid), 0xa2, 3, 2, 1, salt                                              \
	}

static const struct row rows[] = {
        {EVP_PKEY_RSA, false, 2, "SHA256", 15, RSA_ALG(11)},
        {EVP_PKEY_RSA, false, 3, "SHA384", 15, RSA_ALG(12)},
        {EVP_PKEY_RSA, false, 4, "SHA512", 15, RSA_ALG(13)},
        {EVP_PKEY_RSA, true, 2, "SHA256", 67, PSS_ALG(1, 32)},
        {EVP_PKEY_RSA, true, 3, "SHA384", 67, PSS_ALG(2, 48)},
        {EVP_PKEY_RSA, true, 4, "SHA512", 67, PSS_ALG(3, 64)},
        {EVP_PKEY_EC, false, 2, "SHA256", 12, EC_ALG(2)},
        {EVP_PKEY_EC, false, 3, "SHA384", 12, EC_ALG(3)},
        {EVP_PKEY_EC, false, 4, "SHA512", 12, EC_ALG(4)},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* Methods 9 to 11: one curve and hash each, r and s side by side. */
static const struct curve {
	uint8_t method, hash, half; /* bytes of r, and of s */
	int bits;
	const char *digest;
} curves[] = {
        {PKI_AUTH_ECDSA_256, 2, 32, 256, "SHA256"},
        {PKI_AUTH_ECDSA_384, 3, 48, 384, "SHA384"},
        {PKI_AUTH_ECDSA_521, 4, 66, 521, "SHA512"},
};
#define CURVES (sizeof(curves) / sizeof(curves[0]))

bool pki_auth_is_signature(uint8_t method)
{
	return method == PKI_AUTH_RSA || method == PKI_AUTH_DIGITAL ||
	       (method >= PKI_AUTH_ECDSA_256 && method <= PKI_AUTH_ECDSA_521);
}

static const struct curve *curve_of(const EVP_PKEY *key)
{
	for (size_t i = 0; i < CURVES; i++)
		if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && EVP_PKEY_get_bits(key) == curves[i].bits)
			return &curves[i];
	return NULL;
}

/* ---- libcrypto's signatures ---- */

/* salt: of PSS, -1: none. */
static bool set_pss(EVP_PKEY_CTX *ctx, int salt)
{
	if (salt < 0)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt) > 0;
}

static int sign(EVP_PKEY *key, const char *digest, int salt, const struct pki_bytes *data, unsigned n,
                uint8_t *out, size_t *len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	bool ok = ctx && EVP_DigestSignInit_ex(ctx, &pctx, digest, NULL, NULL, key, NULL) == 1 &&
	          set_pss(pctx, salt);

	for (unsigned i = 0; ok && i < n; i++)
		ok = EVP_DigestSignUpdate(ctx, data[i].p, data[i].len) == 1;
	ok = ok && EVP_DigestSignFinal(ctx, out, len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok ? 0 : -EINVAL;
}

static enum pki_reason check(EVP_PKEY *key, const char *digest, int salt, struct pki_bytes sig,
                             const struct pki_bytes *data, unsigned n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	bool ok = ctx && EVP_DigestVerifyInit_ex(ctx, &pctx, digest, NULL, NULL, key, NULL) == 1 &&
	          set_pss(pctx, salt);

	for (unsigned i = 0; ok && i < n; i++)
		ok = EVP_DigestVerifyUpdate(ctx, data[i].p, data[i].len) == 1;
	ok = ok && EVP_DigestVerifyFinal(ctx, sig.p, sig.len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok ? PKI_OK : PKI_AUTH_FAILED;
}

/* ---- r and s side by side (RFC 4754) ---- */

static int split(const struct curve *c, uint8_t *sig, size_t *len)
{
	const unsigned char *p = sig;
	ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &p, (long)*len);
	bool ok = s && BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, c->half) == c->half &&
	          BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + c->half, c->half) == c->half;

	ECDSA_SIG_free(s);
	*len = 2u * c->half;
	return ok ? 0 : -EINVAL;
}

static enum pki_reason check_split(EVP_PKEY *key, const struct curve *c, struct pki_bytes auth,
                                   const struct pki_bytes *data, unsigned n)
{
	enum pki_reason why = PKI_AUTH_FAILED;
	unsigned char *der = NULL;
	ECDSA_SIG *s;
	BIGNUM *r, *t;
	int len = 0;

	if (auth.len != 2u * c->half)
		return PKI_AUTH_FAILED;
	s = ECDSA_SIG_new();
	r = BN_bin2bn(auth.p, c->half, NULL);
	t = BN_bin2bn(auth.p + c->half, c->half, NULL);
	if (s && r && t && ECDSA_SIG_set0(s, r, t) == 1) {
		r = t = NULL;
		len = i2d_ECDSA_SIG(s, &der);
	}
	if (len > 0)
		why = check(key, c->digest, -1, (struct pki_bytes){der, (size_t)len}, data, n);
	OPENSSL_free(der);
	BN_free(r);
	BN_free(t);
	ECDSA_SIG_free(s);
	return why;
}

/* ---- signatures that name their algorithm (RFC 7427) ---- */

static int salt_of(const struct row *r)
{
	return r->pss ? r->alg[r->len - 1] : -1;
}

/* The row for this key with the first hash the peer knows; of ECDSA the one that suits the curve, if it can
 * be. */
static const struct row *choose(const EVP_PKEY *key, bool pss, uint32_t hashes)
{
	const struct curve *c = curve_of(key);
	const struct row *best = NULL;

	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].key != EVP_PKEY_get_base_id(key) || rows[i].pss != pss ||
		    !(hashes & 1u << rows[i].hash))
			continue;
		if (c && rows[i].hash == c->hash)
			return &rows[i];
		best = best ? best : &rows[i];
	}
	return best;
}

/* Number of a hash algorithm whose parameters are NULL or not there (RFC 4055 section 2.1); 0: none. */
static int hash_of(const X509_ALGOR *alg)
{
	const ASN1_OBJECT *oid;
	int type;

	X509_ALGOR_get0(&oid, &type, NULL, alg);
	return type == V_ASN1_NULL || type == V_ASN1_UNDEF ? OBJ_obj2nid(oid) : 0;
}

/* The hash of MGF1, 0: another function. */
static int mgf_hash(const X509_ALGOR *alg)
{
	X509_ALGOR *inner = NULL;
	const ASN1_OBJECT *oid;
	const void *value;
	int type, nid = 0;

	X509_ALGOR_get0(&oid, &type, &value, alg);
	if (OBJ_obj2nid(oid) == NID_mgf1 && type == V_ASN1_SEQUENCE)
		inner = ASN1_item_unpack(value, ASN1_ITEM_rptr(X509_ALGOR));
	if (inner)
		nid = hash_of(inner);
	X509_ALGOR_free(inner);
	return nid;
}

/* RSASSA-PSS parameters (RFC 4055 section 3.1): one hash for both parts. NULL: others than ours. */
static const struct row *read_pss(const X509_ALGOR *alg, int *salt)
{
	const struct row *found = NULL;
	RSA_PSS_PARAMS *p = NULL;
	const void *value;
	int type, hash = 0;

	X509_ALGOR_get0(NULL, &type, &value, alg);
	if (type == V_ASN1_SEQUENCE)
		p = ASN1_item_unpack(value, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
	if (p && p->hashAlgorithm && p->maskGenAlgorithm &&
	    (!p->trailerField || ASN1_INTEGER_get(p->trailerField) == 1)) {
		*salt = p->saltLength ? (int)ASN1_INTEGER_get(p->saltLength) : 20;
		hash = hash_of(p->hashAlgorithm);
		if (*salt < 0 || *salt > 64 || hash != mgf_hash(p->maskGenAlgorithm))
			hash = 0;
	}
	for (size_t i = 0; hash && i < ROWS; i++)
		if (rows[i].pss && hash == OBJ_txt2nid(rows[i].digest))
			found = &rows[i];
	RSA_PSS_PARAMS_free(p);
	return found;
}

static const struct row *read_alg(struct pki_bytes der, int *salt)
{
	const unsigned char *p = der.p;
	const struct row *found = NULL;
	const ASN1_OBJECT *oid;
	X509_ALGOR *alg;

	*salt = -1;
	for (size_t i = 0; i < ROWS; i++)
		if (!rows[i].pss && rows[i].len == der.len && !memcmp(rows[i].alg, der.p, der.len))
			return &rows[i];
	alg = d2i_X509_ALGOR(NULL, &p, (long)der.len);
	if (alg && p == der.p + der.len) {
		X509_ALGOR_get0(&oid, NULL, NULL, alg);
		if (OBJ_obj2nid(oid) == NID_rsassaPss)
			found = read_pss(alg, salt);
	}
	X509_ALGOR_free(alg);
	ERR_clear_error();
	return found;
}

static enum pki_reason check_digital(EVP_PKEY *key, struct pki_bytes auth, const struct pki_bytes *data,
                                     unsigned n)
{
	size_t alg = auth.len ? auth.p[0] : 0;
	const struct row *r;
	int salt;

	if (!alg || auth.len < alg + 2)
		return PKI_AUTH_METHOD;
	r = read_alg((struct pki_bytes){auth.p + 1, alg}, &salt);
	if (!r || r->key != EVP_PKEY_get_base_id(key))
		return PKI_AUTH_METHOD;
	return check(key, r->digest, salt, (struct pki_bytes){auth.p + 1 + alg, auth.len - 1 - alg}, data, n);
}

/* ---- both directions ---- */

int pki_own_sign(const struct pki_own *o, bool pss, uint32_t hashes, const struct pki_bytes *data, unsigned n,
                 uint8_t *method, uint8_t *out, size_t *len)
{
	bool rsa = EVP_PKEY_get_base_id(o->key) == EVP_PKEY_RSA;
	const struct curve *c = curve_of(o->key);
	const struct row *r = choose(o->key, pss && rsa, hashes);
	int err;

	*len = PKI_SIG_MAX;
	if (r) {
		*method = PKI_AUTH_DIGITAL;
		out[0] = r->len;
		memcpy(out + 1, r->alg, r->len);
		*len = PKI_SIG_MAX - 1 - r->len;
		err = sign(o->key, r->digest, salt_of(r), data, n, out + 1 + r->len, len);
		*len += 1 + r->len;
		return err;
	}
	if (rsa) {
		*method = PKI_AUTH_RSA;
		return sign(o->key, "SHA1", -1, data, n, out, len);
	}
	*method = c->method;
	err = sign(o->key, c->digest, -1, data, n, out, len);
	return err ? err : split(c, out, len);
}

enum pki_reason pki_peer_check(const struct pki_peer *p, uint8_t method, struct pki_bytes auth,
                               const struct pki_bytes *data, unsigned n)
{
	const struct curve *c = curve_of(p->key);

	if (auth.len > PKI_SIG_MAX)
		return PKI_AUTH_FAILED;
	if (method == PKI_AUTH_DIGITAL)
		return check_digital(p->key, auth, data, n);
	if (method == PKI_AUTH_RSA && EVP_PKEY_get_base_id(p->key) == EVP_PKEY_RSA)
		return check(p->key, "SHA1", -1, auth, data, n);
	if (c && c->method == method)
		return check_split(p->key, c, auth, data, n);
	return PKI_AUTH_METHOD;
}
