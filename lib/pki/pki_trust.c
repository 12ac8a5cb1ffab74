/* SPDX-License-Identifier: MIT */
/*
 * Whom we believe: CA certificates, revocation lists, and the way from a peer's certificate to one of them
 * (RFC 5280 section 6; at most four certificates below the anchor, chapter 11). libcrypto builds and checks
 * the chain from the anchor down, so no key of a stranger is used before its certificate is proven. Entry
 * point: pki_trust_verify(). Called by lib/ike/ike_cert.c.
 */
#include "pki/pki_int.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

struct pki_trust *pki_trust_new(void)
{
	struct pki_trust *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->refs = 1;
	t->store = X509_STORE_new();
	t->known = calloc(PKI_KNOWN, sizeof(*t->known));
	if (t->store && t->known)
		return t;
	X509_STORE_free(t->store);
	free(t->known);
	free(t);
	return NULL;
}

struct pki_trust *pki_trust_ref(struct pki_trust *t)
{
	if (t)
		t->refs++;
	return t;
}

void pki_trust_unref(struct pki_trust *t)
{
	if (!t || --t->refs)
		return;
	for (unsigned i = 0; i < t->n_ca; i++)
		X509_free(t->ca[i]);
	for (unsigned i = 0; i < PKI_KNOWN; i++) {
		X509_free(t->known[i].cert);
		free(t->known[i].der);
	}
	X509_STORE_free(t->store);
	free(t->known);
	free(t);
}

enum pki_reason pki_trust_add_ca(struct pki_trust *t, struct pki_bytes in)
{
	enum pki_reason why = PKI_OK;
	STACK_OF(X509) * read;
	X509 *x;

	if (t->n_ca == PKI_CA_MAX)
		return PKI_TOO_MANY;
	read = pki_read_certs(in, 16, &why);
	if (!read)
		return why;
	x = sk_X509_shift(read);
	sk_X509_pop_free(read, X509_free);
	if (!X509_check_ca(x))
		why = PKI_NOT_A_CA;
	else if (pki_key_hash(x, t->hash[t->n_ca]) || pki_mix(t->digest, in) ||
	         X509_STORE_add_cert(t->store, x) != 1)
		why = PKI_MEMORY;
	else
		why = PKI_OK;
	if (why != PKI_OK) {
		X509_free(x);
		ERR_clear_error();
		return why;
	}
	t->ca[t->n_ca++] = x;
	return PKI_OK;
}

enum pki_reason pki_check_ca(struct pki_bytes in)
{
	struct pki_trust *t = pki_trust_new();
	enum pki_reason why = t ? pki_trust_add_ca(t, in) : PKI_MEMORY;

	pki_trust_unref(t);
	return why;
}

enum pki_reason pki_trust_add_crl(struct pki_trust *t, struct pki_bytes in)
{
	enum pki_reason why = PKI_OK;
	X509_CRL *crl;

	if (t->n_crl == PKI_CRL_MAX)
		return PKI_TOO_MANY;
	crl = pki_read_crl(in, &why);
	if (!crl)
		return why;
	why = X509_STORE_add_crl(t->store, crl) == 1 && !pki_mix(t->digest, in) ? PKI_OK : PKI_MEMORY;
	X509_CRL_free(crl);
	if (why == PKI_OK)
		t->n_crl++;
	ERR_clear_error();
	return why;
}

unsigned pki_trust_cas(const struct pki_trust *t)
{
	return t ? t->n_ca : 0;
}

bool pki_trust_equal(const struct pki_trust *a, const struct pki_trust *b)
{
	return a == b || (a && b && !memcmp(a->digest, b->digest, sizeof(a->digest)));
}

struct pki_bytes pki_trust_digest(const struct pki_trust *t)
{
	return t ? (struct pki_bytes){t->digest, sizeof(t->digest)} : (struct pki_bytes){NULL, 0};
}

size_t pki_trust_hashes(const struct pki_trust *t, uint8_t out[PKI_CA_MAX * PKI_KEYHASH_LEN])
{
	size_t len = t ? t->n_ca * sizeof(t->hash[0]) : 0;

	if (len)
		memcpy(out, t->hash, len);
	return len;
}

/* ---- a peer's chain ---- */

/* An issuer without a list here says nothing of revocation. */
static int verify_cb(int ok, X509_STORE_CTX *ctx)
{
	if (ok || X509_STORE_CTX_get_error(ctx) != X509_V_ERR_UNABLE_TO_GET_CRL)
		return ok;
	X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return 1;
}

static enum pki_reason reason_of(int err)
{
	switch (err) {
	case X509_V_OK:
		return PKI_OK;
	case X509_V_ERR_OUT_OF_MEM:
		return PKI_MEMORY;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return PKI_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return PKI_NOT_YET;
	case X509_V_ERR_CERT_REVOKED:
		return PKI_REVOKED;
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
		return PKI_CRL_EXPIRED;
	case X509_V_ERR_CERT_CHAIN_TOO_LONG:
	case X509_V_ERR_PATH_LENGTH_EXCEEDED:
		return PKI_CHAIN_TOO_LONG;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return PKI_UNKNOWN_CA;
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
		return PKI_BAD_SIGNATURE;
	case X509_V_ERR_INVALID_CA:
	case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
	case X509_V_ERR_INVALID_NON_CA:
		return PKI_NOT_A_CA;
	}
	return PKI_INVALID;
}

static enum pki_reason verify_chain(const struct pki_trust *t, X509 *leaf, STACK_OF(X509) * others,
                                    uint64_t now_s)
{
	unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN |
	                      (t->n_crl ? X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL : 0);
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	enum pki_reason why = PKI_MEMORY;
	X509_VERIFY_PARAM *param;

	if (ctx && X509_STORE_CTX_init(ctx, t->store, leaf, others) == 1) {
		param = X509_STORE_CTX_get0_param(ctx);
		X509_VERIFY_PARAM_set_flags(param, flags);
		X509_VERIFY_PARAM_set_time(param, (time_t)now_s);
		X509_VERIFY_PARAM_set_depth(param, PKI_CHAIN_MAX - 1); /* intermediate ones */
		X509_STORE_CTX_set_verify_cb(ctx, verify_cb);
		why = X509_verify_cert(ctx) == 1 ? PKI_OK : reason_of(X509_STORE_CTX_get_error(ctx));
	}
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return why;
}

/* RFC 4945 section 5.1.3.2: where key usage stands, it allows signatures. */
static enum pki_reason check_use(X509 *x, EVP_PKEY *key)
{
	if (!key || !pki_key_fits(key))
		return PKI_KEY_TYPE;
	if (!(X509_get_key_usage(x) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)))
		return PKI_USAGE;
	return PKI_OK;
}

static STACK_OF(X509) *
        read_others(const struct pki_bytes *certs, unsigned n, size_t max, enum pki_reason *why)
{
	STACK_OF(X509) *all = sk_X509_new_null();

	for (unsigned i = 1; all && i < n; i++) {
		X509 *x = pki_read_der(certs[i], max, why);

		if (x && sk_X509_push(all, x))
			continue;
		X509_free(x);
		sk_X509_pop_free(all, X509_free);
		return NULL;
	}
	*why = all ? PKI_OK : PKI_MEMORY;
	return all;
}

static struct pki_known *known_at(const struct pki_trust *t, struct pki_bytes der)
{
	return &t->known[der.p[der.len - 1] % PKI_KNOWN];
}

/* A peer's certificate, the caller's to free: the one that was read before, or a new one. */
static X509 *read_leaf(const struct pki_trust *t, struct pki_bytes der, size_t max, enum pki_reason *why)
{
	const struct pki_known *k = der.len ? known_at(t, der) : NULL;

	if (!k || !k->cert || der.len > max || k->len != der.len || memcmp(k->der, der.p, der.len) != 0)
		return pki_read_der(der, max, why);
	X509_up_ref(k->cert);
	return k->cert;
}

/* Of a peer that is proven: others can't crowd it out. */
static void remember(const struct pki_trust *t, struct pki_bytes der, X509 *leaf)
{
	struct pki_known *k = known_at(t, der);
	uint8_t *copy;

	if (k->cert == leaf)
		return;
	copy = malloc(der.len);
	if (!copy)
		return;
	memcpy(copy, der.p, der.len);
	X509_free(k->cert);
	free(k->der);
	X509_up_ref(leaf);
	*k = (struct pki_known){leaf, copy, der.len};
}

enum pki_reason pki_trust_verify(const struct pki_trust *t, const struct pki_bytes *certs, unsigned n,
                                 size_t max, uint64_t now_s, const struct pki_id *id, struct pki_peer **peer)
{
	size_t longest = max && max < PKI_CERT_MAX ? max : PKI_CERT_MAX;
	enum pki_reason why = PKI_MEMORY;
	STACK_OF(X509) *others = NULL;
	X509 *leaf;

	*peer = NULL;
	if (!n)
		return PKI_NO_CERT;
	if (!t || !t->n_ca)
		return PKI_UNKNOWN_CA;
	leaf = read_leaf(t, certs[0], longest, &why);
	if (!leaf)
		return why;
	others = read_others(certs, n, longest, &why);
	if (others)
		why = verify_chain(t, leaf, others, now_s);
	if (why == PKI_OK)
		why = check_use(leaf, X509_get0_pubkey(leaf));
	if (why == PKI_OK)
		why = pki_id_check(leaf, id);
	if (why == PKI_OK)
		remember(t, certs[0], leaf);
	if (why == PKI_OK && (*peer = calloc(1, sizeof(**peer)))) {
		(*peer)->cert = leaf;
		(*peer)->key = X509_get0_pubkey(leaf);
		leaf = NULL;
	} else if (why == PKI_OK) {
		why = PKI_MEMORY;
	}
	sk_X509_pop_free(others, X509_free);
	X509_free(leaf);
	ERR_clear_error();
	return why;
}

void pki_peer_free(struct pki_peer *p)
{
	if (!p)
		return;
	X509_free(p->cert);
	free(p);
}
