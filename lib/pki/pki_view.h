/* SPDX-License-Identifier: MIT */
/*
 * What stands in certificates and revocation lists, in openssl's words, for people to read. Nothing is judged
 * here: an expired or self-made certificate is shown like any other. Every text is printable ASCII, whatever
 * the certificate holds. Callers: the shows of tasks/cli.
 */
#ifndef PKI_PKI_VIEW_H
#define PKI_PKI_VIEW_H

#include "pki/pki.h"

#define PKI_VIEW_NAME   512
#define PKI_VIEW_SERIAL 68 /* 20 bytes as "0A:1B:…" (RFC 5280 section 4.1.2.2), and what breaks that rule */

struct pki_cert_view {
	unsigned version; /* 3 */
	char serial[PKI_VIEW_SERIAL];
	char signature[64];                                 /* "ecdsa-with-SHA256" */
	char issuer[PKI_VIEW_NAME], subject[PKI_VIEW_NAME]; /* "C = US, O = Example, CN = gw" */
	uint64_t not_before_s, not_after_s;                 /* seconds since 1970 */
	char names[1024]; /* subjectAltName: "DNS:gw, IP Address:192.0.2.1"; or "" */
	char key[64];     /* "rsaEncryption (2048 bit)" */
	char usage[256];  /* "Digital Signature, …" or "" */
	bool ca;
	char sha1[60], sha256[96]; /* fingerprints of the DER form, "AA:BB:…" */
	char key_id[60];           /* SHA-1 of the key, as CERTREQ names a CA */
	unsigned further;          /* certificates behind it in the same file */
};

struct pki_crl_view {
	unsigned version;
	char signature[64], issuer[PKI_VIEW_NAME], number[PKI_VIEW_SERIAL]; /* number: "" when it has none */
	uint64_t this_update_s, next_update_s;                              /* next: 0 when it has none */
	char sha256[96];
	unsigned revoked;
};

/* The first certificate of PEM or DER bytes. */
enum pki_reason pki_view_cert(struct pki_bytes in, struct pki_cert_view *v);
/* A revocation list; each(), when not NULL, for every entry: serial, date, reason ("" or "Key Compromise").
 */
enum pki_reason pki_view_crl(struct pki_bytes in, struct pki_crl_view *v,
                             void (*each)(void *arg, const char *serial, uint64_t at_s, const char *why),
                             void *arg);

#endif
