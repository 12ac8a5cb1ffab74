/* SPDX-License-Identifier: MIT */
/*
 * Cryptography of IKEv2 over libcrypto (RFC 7296 sections 2.13 to 2.18): prf, prf+, integrity, encryption,
 * Diffie-Hellman, and the key schedule. All OpenSSL objects are fetched once into struct ike_crypto (fetching
 * costs more than using). Private DH values are 32 bytes from the caller's random source, so they can stand
 * in a checkpoint. Called by the exchanges and ike_msg.c.
 */
#ifndef IKE_IKE_CRYPTO_H
#define IKE_IKE_CRYPTO_H

#include "ike/ike.h"
#include "ike/ike_wire.h"

#define IKE_PRF_MAX   64 /* longest prf output and preferred key */
#define IKE_ENCR_MAX  36 /* longest encryption key, with GCM's salt */
#define IKE_INTEG_MAX 64
#define IKE_ICV_MAX   32
#define IKE_DH_PRIV   32
#define IKE_DH_MAX    1024 /* longest public value or shared secret */
#define IKE_SHA1_LEN  20

/* ---- algorithm rows (ike_alg.c) ---- */
enum ike_alg_where { IKE_ALG_IKE = 1, IKE_ALG_ESP = 2, IKE_ALG_BOTH = 3 };
struct ike_alg_encr {
	uint16_t id, bits;
	uint8_t key, salt, iv, block, icv; /* bytes; icv: of the combined mode, 0 else */
	uint8_t where;                     /* enum ike_alg_where */
	bool weak;                         /* refused under `ikesa delete on-mismatch` (chapter 7) */
	const char *fetch, *name;          /* libcrypto's, NULL: needs none; StarOS's */
};
struct ike_alg_prf {
	uint16_t id;
	uint8_t len;
	bool weak;
	const char *fetch, *name; /* fetch: the digest of the HMAC; NULL: AES-XCBC */
};
struct ike_alg_integ {
	uint16_t id;
	uint8_t key, icv;
	bool weak;
	const char *fetch, *name;
};
struct ike_alg_group {
	uint16_t id, pub, shared; /* lengths in bytes */
	bool weak;
	const char *name;
};
/* NULL: not spoken. */
const struct ike_alg_encr *ike_alg_encr(uint16_t id, uint16_t bits);
const struct ike_alg_prf *ike_alg_prf(uint16_t id);
const struct ike_alg_integ *ike_alg_integ(uint16_t id);
const struct ike_alg_group *ike_alg_group(uint16_t id);
bool ike_alg_equal(const struct ike_suite *a, const struct ike_suite *b);
/* Index of the row, for caches; the id must be known. */
unsigned ike_alg_encr_index(const struct ike_alg_encr *a);
#define IKE_ALG_ENCRS 12
/* Rows in order, NULL after the last: for tables of what is spoken. */
const struct ike_alg_encr *ike_alg_encr_at(unsigned i);
const struct ike_alg_prf *ike_alg_prf_at(unsigned i);
const struct ike_alg_integ *ike_alg_integ_at(unsigned i);
const struct ike_alg_group *ike_alg_group_at(unsigned i);
/* StarOS's spelling to the row; NULL: unknown. */
const struct ike_alg_encr *ike_alg_encr_named(const char *name);
const struct ike_alg_prf *ike_alg_prf_named(const char *name);
const struct ike_alg_integ *ike_alg_integ_named(const char *name);
const struct ike_alg_group *ike_alg_group_named(const char *name);
/* Is any algorithm of the suite weak? Returns the name of the first, or NULL. Chapter 7. */
const char *ike_alg_weak(const struct ike_suite *s);

struct ike_crypto;
/* NULL: libcrypto lacks something (or memory). */
struct ike_crypto *ike_crypto_new(void);
void ike_crypto_free(struct ike_crypto *c);

/* out: prf length bytes. 0 or -EINVAL (unknown prf, libcrypto error). */
int ike_crypto_prf(struct ike_crypto *c, uint16_t prf, const void *key, size_t klen, const struct ike_buf *in,
                   unsigned n, uint8_t *out);
/* RFC 7296 section 2.13. At most 255 rounds. */
int ike_crypto_prf_plus(struct ike_crypto *c, uint16_t prf, const void *key, size_t klen,
                        const struct ike_buf *seed, unsigned n, uint8_t *out, size_t outlen);
/* out: icv bytes. */
int ike_crypto_integ(struct ike_crypto *c, uint16_t integ, const uint8_t *key, const void *data, size_t len,
                     uint8_t *out);
int ike_crypto_sha1(struct ike_crypto *c, const struct ike_buf *in, unsigned n, uint8_t out[IKE_SHA1_LEN]);

/* CBC in place; len a multiple of the block. 0 or -EINVAL. */
int ike_crypto_cbc(struct ike_crypto *c, const struct ike_alg_encr *a, bool encrypt, const uint8_t *key,
                   const uint8_t *iv, uint8_t *data, size_t len);
/* AES-GCM in place (RFC 5282): key with the salt behind it, 8 bytes of IV. Writes or checks the 16-byte tag.
 * -EBADMSG: tag is wrong. */
int ike_crypto_gcm(struct ike_crypto *c, const struct ike_alg_encr *a, bool encrypt, const uint8_t *key,
                   const uint8_t *iv, const uint8_t *aad, size_t aadlen, uint8_t *data, size_t len,
                   uint8_t *tag);

/* Public value of a 32-byte private one: pub takes ike_alg_group()->pub bytes. */
int ike_crypto_dh_public(struct ike_crypto *c, uint16_t group, const uint8_t priv[IKE_DH_PRIV], uint8_t *pub);
/* Shared secret with the peer's public value. -EBADMSG: the peer's value is of a wrong length or not in the
 * group. */
int ike_crypto_dh_shared(struct ike_crypto *c, uint16_t group, const uint8_t priv[IKE_DH_PRIV],
                         const uint8_t *peer, size_t len, uint8_t *out);

/* Keys of an IKE SA in use; sk_pi and sk_pr live only until IKE_AUTH. */
struct ike_keys {
	uint8_t sk_d[IKE_PRF_MAX];
	uint8_t ai[IKE_INTEG_MAX], ar[IKE_INTEG_MAX];
	uint8_t ei[IKE_ENCR_MAX], er[IKE_ENCR_MAX];
};

struct ike_schedule {
	const struct ike_suite *suite;
	uint64_t spi_i, spi_r;
	struct ike_buf ni, nr;
	struct ike_buf shared;
	const uint8_t *old_sk_d; /* rekey: SK_d of the old SA, with old_prf; NULL: first SA */
	uint16_t old_prf;
};
/* RFC 7296 sections 2.14 and 2.18. sk_pi, sk_pr may be NULL. */
int ike_crypto_schedule(struct ike_crypto *c, const struct ike_schedule *s, struct ike_keys *k,
                        uint8_t *sk_pi, uint8_t *sk_pr);
/* KEYMAT of a child (section 2.17): encr and integ initiator→responder, then the other way. shared may be
 * empty. */
int ike_crypto_child_keys(struct ike_crypto *c, uint16_t prf, const uint8_t *sk_d,
                          const struct ike_suite *child, struct ike_buf shared, struct ike_buf ni,
                          struct ike_buf nr, uint8_t *out, size_t outlen);
/* Bytes of encryption (with salt) and integrity key of a suite. */
size_t ike_crypto_encr_len(const struct ike_suite *s);
size_t ike_crypto_integ_len(const struct ike_suite *s);

#endif
