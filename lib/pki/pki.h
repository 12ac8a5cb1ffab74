/* SPDX-License-Identifier: MIT */
/*
 * X.509 for IKE without I/O (RFC 5280, RFC 4945; chapter 11): certificates, keys and revocation lists from
 * bytes, chains checked at a given time, identities checked against certificates, AUTH signatures made and
 * checked (RFC 7296 section 2.15, RFC 4754, RFC 7427). All over libcrypto. Every byte is hostile: lengths are
 * bounded before anything is decoded. Objects never change once they are in use and are counted: whoever
 * keeps one takes a reference. Callers: lib/ike, tasks/ipsecmgr. Not here yet, and where it goes: OCSP
 * (pki_trust.c, as further evidence of pki_trust_verify()), CMPv2 (a task that makes the bytes of
 * pki_own_new()).
 */
#ifndef PKI_PKI_H
#define PKI_PKI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PKI_CHAIN_MAX   4          /* certificates of a chain, without the trust anchor (chapter 11) */
#define PKI_CA_MAX      4          /* CA certificates of a template (chapter 3) */
#define PKI_CRL_MAX     4          /* revocation lists of a template */
#define PKI_CERT_MAX    8192       /* longest certificate, the top of the range of ddos max-cert-size */
#define PKI_INPUT_MAX   (1u << 20) /* longest file: revocation lists are long */
#define PKI_SIG_MAX     1280       /* longest AUTH data: a signature of RSA 8192 with its algorithm */
#define PKI_KEYHASH_LEN 20         /* SHA-1 of a SubjectPublicKeyInfo, as in CERTREQ */

enum pki_reason {
	PKI_OK,
	PKI_MEMORY,
	PKI_GARBAGE,       /* no certificate, key or revocation list, or bytes behind it */
	PKI_TOO_LARGE,     /* longer than allowed */
	PKI_TOO_MANY,      /* more CAs or revocation lists than allowed */
	PKI_KEY_TYPE,      /* neither RSA nor ECDSA over P-256, P-384, P-521; or RSA of an odd size */
	PKI_KEY_MISMATCH,  /* private key and certificate do not belong together */
	PKI_NO_CERT,       /* the peer sent none */
	PKI_UNKNOWN_CA,    /* no way from the certificate to a configured CA */
	PKI_BAD_SIGNATURE, /* of a certificate or revocation list */
	PKI_NOT_YET,       /* not valid yet */
	PKI_EXPIRED,
	PKI_REVOKED,
	PKI_CRL_EXPIRED, /* the revocation list itself is too old, or not valid yet */
	PKI_CHAIN_TOO_LONG,
	PKI_NOT_A_CA,    /* an issuer that may not issue */
	PKI_USAGE,       /* key usage forbids signatures */
	PKI_INVALID,     /* anything else libcrypto refuses */
	PKI_IDENTITY,    /* the certificate is not that of the identity */
	PKI_AUTH_METHOD, /* AUTH method or algorithm not supported, or not for this key */
	PKI_AUTH_FAILED, /* the AUTH signature is wrong */
	PKI_REASONS
};
const char *pki_reason_name(enum pki_reason r);

struct pki_bytes {
	const uint8_t *p;
	size_t len;
};

/* Are these bytes, in PEM or DER, one certificate or more (the first that of a CA), one revocation list, one
 * private key that we can use? */
enum pki_reason pki_check_certs(struct pki_bytes in);
enum pki_reason pki_check_ca(struct pki_bytes in);
enum pki_reason pki_check_crl(struct pki_bytes in);
enum pki_reason pki_check_key(struct pki_bytes in);

/* ---- trust: CA certificates and revocation lists ---- */

struct pki_trust;
struct pki_trust *pki_trust_new(void); /* one reference; NULL: memory */
struct pki_trust *pki_trust_ref(struct pki_trust *t);
void pki_trust_unref(struct pki_trust *t); /* NULL-safe */
/* Add the first certificate of PEM or DER bytes as a trust anchor; an intermediate CA may be one. */
enum pki_reason pki_trust_add_ca(struct pki_trust *t, struct pki_bytes in);
/* Add a revocation list in PEM or DER. */
enum pki_reason pki_trust_add_crl(struct pki_trust *t, struct pki_bytes in);
unsigned pki_trust_cas(const struct pki_trust *t);
/* Made of the same bytes? Both NULL: yes. */
bool pki_trust_equal(const struct pki_trust *a, const struct pki_trust *b);
struct pki_bytes pki_trust_digest(const struct pki_trust *t); /* as pki_own_digest() */
/* Hashes of the CAs' keys one behind the other, as CERTREQ has them; returns the number of bytes. */
size_t pki_trust_hashes(const struct pki_trust *t, uint8_t out[PKI_CA_MAX * PKI_KEYHASH_LEN]);

/* An identity as in ID payloads (RFC 7296 section 3.5): IANA type and data. */
struct pki_id {
	uint8_t type;
	struct pki_bytes data;
};

struct pki_peer; /* a peer's certificate, proven */
/*
 * Is certs[0] (DER), with the others as possible intermediates, the certificate of `id` at time now_s
 * (seconds since 1970)? max: longest certificate, 0: PKI_CERT_MAX. PKI_OK and *peer, or why not.
 *
 * Revocation: a certificate whose issuer has a list here must not stand in it, and the list must be current;
 * an issuer without a list here is taken at its word.
 */
enum pki_reason pki_trust_verify(const struct pki_trust *t, const struct pki_bytes *certs, unsigned n,
                                 size_t max, uint64_t now_s, const struct pki_id *id, struct pki_peer **peer);
void pki_peer_free(struct pki_peer *p); /* NULL-safe */

/* ---- what proves us ---- */

struct pki_own;
/*
 * Certificate (PEM or DER; in PEM intermediates may follow it) and private key (PEM or DER, not encrypted).
 * more: CAs that may complete the chain, may be NULL. One reference, or NULL and *why.
 */
struct pki_own *pki_own_new(struct pki_bytes certs, struct pki_bytes key, const struct pki_trust *more,
                            enum pki_reason *why);
struct pki_own *pki_own_ref(struct pki_own *o);
void pki_own_unref(struct pki_own *o); /* wipes the key; NULL-safe */
bool pki_own_equal(const struct pki_own *a, const struct pki_own *b);
/* A digest of what it was made of: the same, the same object. Borrowed; empty for NULL. */
struct pki_bytes pki_own_digest(const struct pki_own *o);
/* The DER certificates to send, ours first, up to the first CA the peer asked for (hashes of its CERTREQ),
 * which is not sent itself, nor a self-signed one. Returns how many; they live as long as o. */
unsigned pki_own_chain(const struct pki_own *o, struct pki_bytes asked, struct pki_bytes out[PKI_CHAIN_MAX]);
/* Our subject name in DER. */
struct pki_bytes pki_own_subject(const struct pki_own *o);
/* Is what proves us good for somebody who believes t (chain, dates at now_s, revocation, key usage)? PKI_OK,
 * or why not. */
enum pki_reason pki_own_verify(const struct pki_own *o, const struct pki_trust *t, uint64_t now_s);
/* May we call ourselves this? PKI_OK, PKI_IDENTITY. */
enum pki_reason pki_own_check(const struct pki_own *o, const struct pki_id *id);

/* ---- AUTH ---- */

enum pki_auth_method {
	PKI_AUTH_RSA = 1,
	PKI_AUTH_ECDSA_256 = 9,
	PKI_AUTH_ECDSA_384 = 10,
	PKI_AUTH_ECDSA_521 = 11,
	PKI_AUTH_DIGITAL = 14 /* RFC 7427 */
};
bool pki_auth_is_signature(uint8_t method);

/* Hash algorithms of SIGNATURE_HASH_ALGORITHMS as bits 1 << number (1 SHA-1, 2 SHA2-256, 3 -384, 4 -512). */
#define PKI_HASHES_OURS (1u << 2 | 1u << 3 | 1u << 4)

/*
 * Sign data (parts one behind the other). hashes: what the peer announced by RFC 7427, 0: it did not. pss:
 * RSA signatures are RSASSA-PSS (PKCS #1 version 2), where RFC 7427 can say so. out takes PKI_SIG_MAX bytes.
 * 0 or -EINVAL. libcrypto's own random numbers blind PSS and ECDSA signatures: no two are alike.
 */
int pki_own_sign(const struct pki_own *o, bool pss, uint32_t hashes, const struct pki_bytes *data, unsigned n,
                 uint8_t *method, uint8_t *out, size_t *len);
/* PKI_OK, PKI_AUTH_METHOD, PKI_AUTH_FAILED. */
enum pki_reason pki_peer_check(const struct pki_peer *p, uint8_t method, struct pki_bytes auth,
                               const struct pki_bytes *data, unsigned n);

#endif
