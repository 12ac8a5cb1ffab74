/* SPDX-License-Identifier: MIT */
/*
 * What proves us: certificate, private key and the certificates between it and the CAs that peers know
 * (chapter 11, "CA Certificate Chaining"). Entry points: pki_own_new(), pki_own_chain(). Signatures are
 * pki_sign.c's. Called by tasks/ipsecmgr (new) and lib/ike/ike_cert.c (chain).
 */
#include "pki/pki_int.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

static X509 *find_issuer(X509 *cert, STACK_OF(X509) * read, const struct pki_trust *more)
{
	for (int i = 0; i < sk_X509_num(read); i++)
		if (X509_check_issued(sk_X509_value(read, i), cert) == X509_V_OK)
			return sk_X509_value(read, i);
	for (unsigned i = 0; more && i < more->n_ca; i++)
		if (X509_check_issued(more->ca[i], cert) == X509_V_OK)
			return more->ca[i];
	return NULL;
}

static enum pki_reason add(struct pki_own *o, X509 *x)
{
	unsigned char *der = NULL;
	int len = i2d_X509(x, &der);

	if (len <= 0 || pki_key_hash(x, o->hash[o->n])) {
		OPENSSL_free(der);
		return PKI_MEMORY;
	}
	X509_up_ref(x);
	o->cert[o->n] = x;
	o->der[o->n++] = (struct pki_bytes){der, (size_t)len};
	return len > PKI_CERT_MAX ? PKI_TOO_LARGE : PKI_OK;
}

/* Ours and its issuers, as far as they are known. */
static enum pki_reason link_chain(struct pki_own *o, STACK_OF(X509) * read, const struct pki_trust *more)
{
	enum pki_reason why = add(o, sk_X509_value(read, 0));
	X509 *top = o->cert[0], *issuer;

	while (why == PKI_OK && o->n <= PKI_CHAIN_MAX && X509_check_issued(top, top) != X509_V_OK) {
		issuer = find_issuer(top, read, more);
		if (!issuer)
			break;
		why = add(o, issuer);
		top = issuer;
	}
	return why;
}

struct pki_own *pki_own_new(struct pki_bytes certs, struct pki_bytes key, const struct pki_trust *more,
                            enum pki_reason *why)
{
	struct pki_own *o = calloc(1, sizeof(*o));
	STACK_OF(X509) *read = NULL;

	*why = PKI_MEMORY;
	if (!o)
		return NULL;
	o->refs = 1;
	read = pki_read_certs(certs, 16, why);
	if (read)
		o->key = pki_read_key(key, why);
	if (o->key)
		*why = link_chain(o, read, more);
	if (o->key && *why == PKI_OK && X509_check_private_key(o->cert[0], o->key) != 1)
		*why = PKI_KEY_MISMATCH;
	if (o->key && *why == PKI_OK) {
		o->subject_len = i2d_X509_NAME(X509_get_subject_name(o->cert[0]), &o->subject);
		if (o->subject_len <= 0 || pki_mix(o->digest, certs) || pki_mix(o->digest, key) ||
		    (more && pki_mix(o->digest, (struct pki_bytes){more->digest, sizeof(more->digest)})))
			*why = PKI_MEMORY;
	}
	sk_X509_pop_free(read, X509_free);
	ERR_clear_error();
	if (o->key && *why == PKI_OK)
		return o;
	pki_own_unref(o);
	return NULL;
}

struct pki_own *pki_own_ref(struct pki_own *o)
{
	if (o)
		o->refs++;
	return o;
}

void pki_own_unref(struct pki_own *o)
{
	if (!o || --o->refs)
		return;
	for (unsigned i = 0; i < o->n; i++) {
		X509_free(o->cert[i]);
		OPENSSL_free((void *)(uintptr_t)o->der[i].p);
	}
	OPENSSL_free(o->subject);
	EVP_PKEY_free(o->key); /* libcrypto wipes it */
	free(o);
}

bool pki_own_equal(const struct pki_own *a, const struct pki_own *b)
{
	return a == b || (a && b && !memcmp(a->digest, b->digest, sizeof(a->digest)));
}

struct pki_bytes pki_own_digest(const struct pki_own *o)
{
	return o ? (struct pki_bytes){o->digest, sizeof(o->digest)} : (struct pki_bytes){NULL, 0};
}

static bool is_asked(const uint8_t hash[PKI_KEYHASH_LEN], struct pki_bytes asked)
{
	for (size_t at = 0; at + PKI_KEYHASH_LEN <= asked.len; at += PKI_KEYHASH_LEN)
		if (!memcmp(asked.p + at, hash, PKI_KEYHASH_LEN))
			return true;
	return false;
}

unsigned pki_own_chain(const struct pki_own *o, struct pki_bytes asked, struct pki_bytes out[PKI_CHAIN_MAX])
{
	unsigned n = 0;

	for (unsigned i = 0; i < o->n && n < PKI_CHAIN_MAX; i++) {
		if (i &&
		    (is_asked(o->hash[i], asked) || X509_check_issued(o->cert[i], o->cert[i]) == X509_V_OK))
			break;
		out[n++] = o->der[i];
	}
	return n;
}

struct pki_bytes pki_own_subject(const struct pki_own *o)
{
	return (struct pki_bytes){o->subject, (size_t)o->subject_len};
}

enum pki_reason pki_own_verify(const struct pki_own *o, const struct pki_trust *t, uint64_t now_s)
{
	struct pki_id id = {.type = 9 /* ID_DER_ASN1_DN */, .data = pki_own_subject(o)};
	struct pki_bytes chain[PKI_CHAIN_MAX];
	struct pki_peer *as_seen = NULL;
	unsigned n = pki_own_chain(o, (struct pki_bytes){0}, chain);
	enum pki_reason why = pki_trust_verify(t, chain, n, 0, now_s, &id, &as_seen);

	pki_peer_free(as_seen);
	return why;
}

enum pki_reason pki_own_check(const struct pki_own *o, const struct pki_id *id)
{
	return pki_id_check(o->cert[0], id);
}
