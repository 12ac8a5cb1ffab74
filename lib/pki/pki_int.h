/* SPDX-License-Identifier: MIT */
/*
 * Inside lib/pki: its structs, and what its files share.
 */
#ifndef PKI_PKI_INT_H
#define PKI_PKI_INT_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "pki/pki.h"

#define PKI_DIGEST_LEN 32 /* of an object's input, to tell whether two are the same */

/* Peers' certificates as they were read, of peers that were proven: to read one costs what two key exchanges
 * do (libcrypto looks for somebody who can decode its key), and after a failure the same peers come again.
 * Only the reading is kept: each time everything is checked anew. */
#define PKI_KNOWN 256

struct pki_known {
	X509 *cert; /* NULL: nothing */
	uint8_t *der;
	size_t len;
};

struct pki_trust {
	unsigned refs, n_ca, n_crl;
	struct pki_known *known; /* PKI_KNOWN of them, by the last byte of the signature */
	X509 *ca[PKI_CA_MAX];
	uint8_t hash[PKI_CA_MAX][PKI_KEYHASH_LEN];
	X509_STORE *store;
	uint8_t digest[PKI_DIGEST_LEN];
};

struct pki_own {
	unsigned refs, n;
	X509 *cert[PKI_CHAIN_MAX + 1]; /* ours, then its issuers as far as known */
	struct pki_bytes der[PKI_CHAIN_MAX + 1];
	uint8_t hash[PKI_CHAIN_MAX + 1][PKI_KEYHASH_LEN];
	unsigned char *subject;
	int subject_len;
	EVP_PKEY *key;
	uint8_t digest[PKI_DIGEST_LEN];
};

struct pki_peer {
	X509 *cert;
	EVP_PKEY *key; /* the certificate's */
};

/* ---- pki_read.c ---- */
/* One certificate in DER, no byte behind it. NULL and *why. */
X509 *pki_read_der(struct pki_bytes in, size_t max, enum pki_reason *why);
/* PEM or DER into a stack of at most max certificates. NULL and *why. */
STACK_OF(X509) * pki_read_certs(struct pki_bytes in, int max, enum pki_reason *why);
X509_CRL *pki_read_crl(struct pki_bytes in, enum pki_reason *why);
EVP_PKEY *pki_read_key(struct pki_bytes in, enum pki_reason *why);
/* A key that signatures of IKE can be made with. */
bool pki_key_fits(const EVP_PKEY *key);
/* digest = SHA-256(digest | in). 0 or -EINVAL. */
int pki_mix(uint8_t digest[PKI_DIGEST_LEN], struct pki_bytes in);
int pki_key_hash(const X509 *cert, uint8_t out[PKI_KEYHASH_LEN]);

/* ---- pki_id.c ---- */
enum pki_reason pki_id_check(X509 *cert, const struct pki_id *id);

#endif
