/* SPDX-License-Identifier: MIT */
/*
 * Diffie-Hellman by group. MODP uses libcrypto's numbers directly: the check 1 < y < p-1 is all they need
 * (RFC 6989 section 2.1), where EVP's subgroup check costs eight times as much as the exchange. ECP checks
 * that the point is on the curve (RFC 6989 section 2.3); X25519 refuses an all-zero secret. Entry points:
 * ike_dh_public(), ike_dh_shared(). Called by ike_crypto.c.
 */
#include "ike/ike_dh.h"
#include "ike/ike_crypto.h"
#include "ike/ike_dh_comb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>

#define IKE_DH_WIDE 80 /* bytes of a widened private value */

/* MODP primes and curves, made ready when first used: a few configurations use one of twelve. */
struct modp {
	uint16_t group;
	BIGNUM *(*prime)(BIGNUM *);
	BIGNUM *p, *p1; /* p, p - 1 */
	BN_MONT_CTX *mont;
	struct ike_dh_comb *comb; /* powers of the generator */
};

struct ecp {
	uint16_t group;
	int nid;
	EC_GROUP *ec;
	EC_POINT *point, *result;
};

#define MODPS 8
#define ECPS  3

struct ike_dh {
	struct modp modp[MODPS];
	struct ecp ecp[ECPS];
	BN_CTX *bn;
	BIGNUM *g, *x, *y, *r;
	EVP_PKEY_CTX *x25519; /* makes private keys; NULL before the first */
	EVP_PKEY *peer;
};

static const struct modp modps[MODPS] = {
        {.group = IKE_GROUP_MODP768, .prime = BN_get_rfc2409_prime_768},
        {.group = IKE_GROUP_MODP1024, .prime = BN_get_rfc2409_prime_1024},
        {.group = IKE_GROUP_MODP1536, .prime = BN_get_rfc3526_prime_1536},
        {.group = IKE_GROUP_MODP2048, .prime = BN_get_rfc3526_prime_2048},
        {.group = IKE_GROUP_MODP3072, .prime = BN_get_rfc3526_prime_3072},
        {.group = IKE_GROUP_MODP4096, .prime = BN_get_rfc3526_prime_4096},
        {.group = IKE_GROUP_MODP6144, .prime = BN_get_rfc3526_prime_6144},
        {.group = IKE_GROUP_MODP8192, .prime = BN_get_rfc3526_prime_8192},
};

static const struct ecp ecps[ECPS] = {
        {.group = IKE_GROUP_ECP256, .nid = NID_X9_62_prime256v1},
        {.group = IKE_GROUP_ECP384, .nid = NID_secp384r1},
        {.group = IKE_GROUP_ECP521, .nid = NID_secp521r1},
};

struct ike_dh *ike_dh_new(void)
{
	struct ike_dh *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	memcpy(d->modp, modps, sizeof(modps));
	memcpy(d->ecp, ecps, sizeof(ecps));
	d->bn = BN_CTX_secure_new();
	d->g = BN_new();
	d->x = BN_secure_new();
	d->y = BN_new();
	d->r = BN_secure_new();
	if (d->bn && d->g && d->x && d->y && d->r && BN_set_word(d->g, 2))
		return d;
	ike_dh_free(d);
	return NULL;
}

void ike_dh_free(struct ike_dh *d)
{
	if (!d)
		return;
	for (int i = 0; i < MODPS; i++) {
		ike_dh_comb_free(d->modp[i].comb);
		BN_free(d->modp[i].p);
		BN_free(d->modp[i].p1);
		BN_MONT_CTX_free(d->modp[i].mont);
	}
	for (int i = 0; i < ECPS; i++) {
		EC_POINT_clear_free(d->ecp[i].result);
		EC_POINT_free(d->ecp[i].point);
		EC_GROUP_free(d->ecp[i].ec);
	}
	BN_free(d->g);
	BN_clear_free(d->x);
	BN_free(d->y);
	BN_clear_free(d->r);
	BN_CTX_free(d->bn);
	EVP_PKEY_CTX_free(d->x25519);
	EVP_PKEY_free(d->peer);
	free(d);
}

/*
 * A private value for groups that are worth more than 256 bits: 512 bits and more from the 32 random bytes of
 * the caller (which stand in a checkpoint) by SHA-512 in counter mode. 0 or -EINVAL.
 */
static int widen(uint16_t group, const uint8_t *priv, uint8_t out[IKE_DH_WIDE])
{
	uint8_t in[IKE_DH_PRIV + 3], block[64];
	int rc = 0;

	memcpy(in, priv, IKE_DH_PRIV);
	in[IKE_DH_PRIV] = (uint8_t)(group >> 8);
	in[IKE_DH_PRIV + 1] = (uint8_t)group;
	for (unsigned at = 0; at < IKE_DH_WIDE && !rc; at += sizeof(block)) {
		size_t n = IKE_DH_WIDE - at < sizeof(block) ? IKE_DH_WIDE - at : sizeof(block);

		in[IKE_DH_PRIV + 2] = (uint8_t)(at / sizeof(block));
		rc = EVP_Digest(in, sizeof(in), block, NULL, EVP_sha512(), NULL) == 1 ? 0 : -EINVAL;
		memcpy(out + at, block, n);
	}
	OPENSSL_cleanse(in, sizeof(in));
	OPENSSL_cleanse(block, sizeof(block));
	return rc;
}

/* x = a number of `bytes` bytes made of the private value. */
static int private_number(struct ike_dh *d, uint16_t group, const uint8_t *priv, unsigned bytes)
{
	uint8_t wide[IKE_DH_WIDE];
	int rc = 0;

	if (bytes <= IKE_DH_PRIV)
		return BN_bin2bn(priv, IKE_DH_PRIV, d->x) ? 0 : -EINVAL;
	rc = widen(group, priv, wide);
	if (!rc && !BN_bin2bn(wide, (int)bytes, d->x))
		rc = -EINVAL;
	OPENSSL_cleanse(wide, sizeof(wide));
	return rc;
}

/* ---- MODP ---- */

/* The group's numbers, NULL: not a MODP group, or no memory. */
static struct modp *modp_of(struct ike_dh *d, uint16_t group)
{
	struct modp *m = d->modp;

	while (m < d->modp + MODPS && m->group != group)
		m++;
	if (m == d->modp + MODPS)
		return NULL;
	if (m->mont)
		return m;
	m->p = m->p ? m->p : m->prime(NULL);
	m->p1 = m->p1 ? m->p1 : BN_dup(m->p);
	m->mont = BN_MONT_CTX_new();
	if (m->p && m->p1 && m->mont && BN_copy(m->p1, m->p) && BN_sub_word(m->p1, 1) &&
	    BN_MONT_CTX_set(m->mont, m->p, d->bn))
		return m;
	BN_MONT_CTX_free(m->mont);
	m->mont = NULL;
	return NULL;
}

/* Exponents of 256 bits up to group 14, 512 above: twice the strength of the group and more (RFC 3526 section
 * 8).
 */
static unsigned modp_priv(const struct modp *m)
{
	return ike_alg_group(m->group)->pub <= 256 ? IKE_DH_PRIV : 2 * IKE_DH_PRIV;
}

/* r = base ^ x mod p, in constant time for x. base NULL: the generator. */
static int modp_raise(struct ike_dh *d, struct modp *m, const BIGNUM *base)
{
	if (base)
		return BN_mod_exp_mont_consttime(d->r, base, d->x, m->p, d->bn, m->mont) ? 0 : -EINVAL;
	if (!m->comb)
		m->comb = ike_dh_comb_new(d->g, m->p, m->mont, 8 * modp_priv(m), d->bn);
	return m->comb ? ike_dh_comb_power(m->comb, d->x, d->r, d->bn) : -EINVAL;
}

/* out = base ^ priv mod p. */
static int modp_power(struct ike_dh *d, struct modp *m, const BIGNUM *base, const uint8_t *priv, uint8_t *out)
{
	int len = ike_alg_group(m->group)->pub, err;

	if (private_number(d, m->group, priv, modp_priv(m)))
		return -EINVAL;
	BN_set_flags(d->x, BN_FLG_CONSTTIME);
	if (!BN_set_bit(d->x,
	                (int)(8 * modp_priv(m) - 1))) /* never a small exponent, and one length for all */
		return -EINVAL;
	err = modp_raise(d, m, base);
	if (!err && BN_bn2binpad(d->r, out, len) != len)
		err = -EINVAL;
	BN_clear(d->x);
	BN_clear(d->r);
	return err;
}

static int modp_shared(struct ike_dh *d, struct modp *m, const uint8_t *priv, const uint8_t *peer,
                       uint8_t *out)
{
	if (!BN_bin2bn(peer, ike_alg_group(m->group)->pub, d->y))
		return -EINVAL;
	if (BN_cmp(d->y, BN_value_one()) <= 0 || BN_cmp(d->y, m->p1) >= 0)
		return -EBADMSG;
	return modp_power(d, m, d->y, priv, out);
}

/* ---- ECP: values are x | y, the secret is x (RFC 5903 section 7) ---- */

static struct ecp *ecp_of(struct ike_dh *d, uint16_t group)
{
	struct ecp *e = d->ecp;

	while (e < d->ecp + ECPS && e->group != group)
		e++;
	if (e == d->ecp + ECPS)
		return NULL;
	e->ec = e->ec ? e->ec : EC_GROUP_new_by_curve_name(e->nid);
	if (e->ec && !e->point)
		e->point = EC_POINT_new(e->ec);
	if (e->ec && !e->result)
		e->result = EC_POINT_new(e->ec);
	return e->point && e->result ? e : NULL;
}

static int ecp_scalar(struct ike_dh *d, const struct ecp *e, const uint8_t *priv)
{
	unsigned bytes = ike_alg_group(e->group)->shared;
	int ok;

	/* Eight bytes more than the order, so that the remainder shows no bias; P-256 keeps its 32. */
	if (private_number(d, e->group, priv, bytes <= IKE_DH_PRIV ? bytes : bytes + 8))
		return -EINVAL;
	BN_CTX_start(d->bn);
	BIGNUM *n1 = BN_CTX_get(d->bn);

	ok = n1 && BN_copy(n1, EC_GROUP_get0_order(e->ec)) && BN_sub_word(n1, 1) &&
	     BN_mod(d->x, d->x, n1, d->bn) && BN_add_word(d->x, 1); /* 1 .. order-1 */
	BN_CTX_end(d->bn);
	return ok ? 0 : -EINVAL;
}

static int ecp_result(struct ike_dh *d, const struct ecp *e, uint8_t *x, uint8_t *y)
{
	int len = ike_alg_group(e->group)->shared;
	int ok = EC_POINT_get_affine_coordinates(e->ec, e->result, d->r, d->y, d->bn) &&
	         BN_bn2binpad(d->r, x, len) == len && (!y || BN_bn2binpad(d->y, y, len) == len);

	BN_clear(d->r);
	BN_clear(d->x);
	return ok ? 0 : -EINVAL;
}

static int ecp_public(struct ike_dh *d, const struct ecp *e, const uint8_t *priv, uint8_t *pub)
{
	if (ecp_scalar(d, e, priv) || !EC_POINT_mul(e->ec, e->result, d->x, NULL, NULL, d->bn))
		return -EINVAL;
	return ecp_result(d, e, pub, pub + ike_alg_group(e->group)->shared);
}

static int ecp_shared(struct ike_dh *d, const struct ecp *e, const uint8_t *priv, const uint8_t *peer,
                      uint8_t *out)
{
	int len = ike_alg_group(e->group)->shared;

	if (!BN_bin2bn(peer, len, d->r) || !BN_bin2bn(peer + len, len, d->y))
		return -EINVAL;
	if (!EC_POINT_set_affine_coordinates(e->ec, e->point, d->r, d->y,
	                                     d->bn)) /* checks that it's on the curve */
		return -EBADMSG;
	if (ecp_scalar(d, e, priv) || !EC_POINT_mul(e->ec, e->result, NULL, e->point, d->x, d->bn))
		return -EINVAL;
	return ecp_result(d, e, out, NULL);
}

/* ---- X25519 ---- */

/*
 * A private key without its public key being worked out, which libcrypto would do again for every use and
 * slower than the exchange itself: whoever gives a public key is believed, and deriving does not look at it.
 */
static EVP_PKEY *x25519_key(struct ike_dh *d, const uint8_t *priv)
{
	static const uint8_t unused[32] = {9};
	OSSL_PARAM p[3] = {OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY,
	                                                     (void *)(uintptr_t)priv, IKE_DH_PRIV),
	                   OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
	                                                     (void *)(uintptr_t)unused, sizeof(unused)),
	                   OSSL_PARAM_construct_end()};
	EVP_PKEY *key = NULL;

	if (!d->x25519) {
		d->x25519 = EVP_PKEY_CTX_new_id(EVP_PKEY_X25519, NULL);
		if (!d->x25519 || EVP_PKEY_fromdata_init(d->x25519) != 1)
			return NULL;
	}
	EVP_PKEY_fromdata(d->x25519, &key, EVP_PKEY_KEYPAIR, p);
	return key;
}

/* The peer's public key, in the one object kept for it: making one costs a tenth of the exchange. Borrowed.
 */
static EVP_PKEY *x25519_peer(struct ike_dh *d, const uint8_t *point)
{
	if (!d->peer)
		d->peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, point, 32);
	else if (EVP_PKEY_set1_encoded_public_key(d->peer, point, 32) != 1)
		return NULL;
	return d->peer;
}

/* X25519(priv, point), RFC 7748 section 5. */
static int x25519_multiply(struct ike_dh *d, const uint8_t *priv, const uint8_t *point, uint8_t *out)
{
	EVP_PKEY *key = x25519_key(d, priv), *other = x25519_peer(d, point);
	EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	size_t len = 32;
	int err = -EINVAL;

	if (ctx && other && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer_ex(ctx, other, 0) == 1)
		err = EVP_PKEY_derive(ctx, out, &len) == 1 && len == 32
		              ? 0
		              : -EBADMSG; /* a small-order point gives zero: refused */
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return err;
}

static int x25519_public(struct ike_dh *d, const uint8_t *priv, uint8_t *pub)
{
	static const uint8_t base[32] = {9};

	return x25519_multiply(d, priv, base, pub);
}

int ike_dh_public(struct ike_dh *d, uint16_t group, const uint8_t *priv, uint8_t *pub)
{
	struct modp *m = modp_of(d, group);
	struct ecp *e = m ? NULL : ecp_of(d, group);

	if (m)
		return modp_power(d, m, NULL, priv, pub);
	if (e)
		return ecp_public(d, e, priv, pub);
	return group == IKE_GROUP_X25519 ? x25519_public(d, priv, pub) : -ENOTSUP;
}

int ike_dh_shared(struct ike_dh *d, uint16_t group, const uint8_t *priv, const uint8_t *peer, uint8_t *out)
{
	struct modp *m = modp_of(d, group);
	struct ecp *e = m ? NULL : ecp_of(d, group);

	if (m)
		return modp_shared(d, m, priv, peer, out);
	if (e)
		return ecp_shared(d, e, priv, peer, out);
	return group == IKE_GROUP_X25519 ? x25519_multiply(d, priv, peer, out) : -ENOTSUP;
}
