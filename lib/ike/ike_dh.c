/* SPDX-License-Identifier: MIT */
/*
 * Diffie-Hellman by group. MODP uses libcrypto's numbers directly: a 256-bit exponent is enough for safe
 * primes up to 2048 bits (RFC 3526 section 8), and the check 1 < y < p-1 is all they need (RFC 6989
 * section 2.1), where EVP's subgroup check costs eight times as much as the exchange. ECP checks that the
 * point is on the curve (RFC 6989 section 2.3); X25519 refuses an all-zero secret. Entry points:
 * ike_dh_public(), ike_dh_shared(). Called by ike_crypto.c.
 */
#include "ike/ike_dh.h"
#include "ike/ike_crypto.h"

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

struct modp {
	uint16_t group;
	BIGNUM *p, *p1; /* p, p - 1 */
	BN_MONT_CTX *mont;
};

struct ike_dh {
	struct modp modp[2];
	BN_CTX *bn;
	BIGNUM *g, *x, *y, *r;
	EC_GROUP *ec;
	EC_POINT *point, *result;
};

static int modp_init(struct ike_dh *d, struct modp *m, uint16_t group, BIGNUM *p)
{
	m->group = group;
	m->p = p;
	m->p1 = BN_dup(p);
	m->mont = BN_MONT_CTX_new();
	if (!m->p || !m->p1 || !m->mont || !BN_sub_word(m->p1, 1) || !BN_MONT_CTX_set(m->mont, m->p, d->bn))
		return -ENOMEM;
	return 0;
}

struct ike_dh *ike_dh_new(void)
{
	struct ike_dh *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->bn = BN_CTX_secure_new();
	d->g = BN_new();
	d->x = BN_secure_new();
	d->y = BN_new();
	d->r = BN_secure_new();
	d->ec = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	d->point = d->ec ? EC_POINT_new(d->ec) : NULL;
	d->result = d->ec ? EC_POINT_new(d->ec) : NULL;
	if (d->bn && d->g && d->x && d->y && d->r && d->point && d->result && BN_set_word(d->g, 2) &&
	    !modp_init(d, &d->modp[0], IKE_GROUP_MODP1024, BN_get_rfc2409_prime_1024(NULL)) &&
	    !modp_init(d, &d->modp[1], IKE_GROUP_MODP2048, BN_get_rfc3526_prime_2048(NULL)))
		return d;
	ike_dh_free(d);
	return NULL;
}

void ike_dh_free(struct ike_dh *d)
{
	if (!d)
		return;
	for (int i = 0; i < 2; i++) {
		BN_free(d->modp[i].p);
		BN_free(d->modp[i].p1);
		BN_MONT_CTX_free(d->modp[i].mont);
	}
	EC_POINT_clear_free(d->result);
	EC_POINT_free(d->point);
	EC_GROUP_free(d->ec);
	BN_free(d->g);
	BN_clear_free(d->x);
	BN_free(d->y);
	BN_clear_free(d->r);
	BN_CTX_free(d->bn);
	free(d);
}

/* ---- MODP ---- */

static struct modp *modp_of(struct ike_dh *d, uint16_t group)
{
	return group == IKE_GROUP_MODP1024 ? &d->modp[0] : &d->modp[1];
}

/* out = base ^ priv mod p, in constant time for priv. */
static int modp_power(struct ike_dh *d, struct modp *m, const BIGNUM *base, const uint8_t *priv, uint8_t *out)
{
	int len = ike_alg_group(m->group)->pub;

	if (!BN_bin2bn(priv, IKE_DH_PRIV, d->x))
		return -EINVAL;
	BN_set_flags(d->x, BN_FLG_CONSTTIME);
	if (!BN_set_bit(d->x, 255)) /* never a small exponent, and one length for all */
		return -EINVAL;
	if (!BN_mod_exp_mont_consttime(d->r, base, d->x, m->p, d->bn, m->mont) ||
	    BN_bn2binpad(d->r, out, len) != len)
		return -EINVAL;
	BN_clear(d->x);
	BN_clear(d->r);
	return 0;
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

/* ---- ECP-256: values are x | y, the secret is x (RFC 5903 section 7) ---- */

static int ecp_scalar(struct ike_dh *d, const uint8_t *priv)
{
	BN_CTX_start(d->bn);
	BIGNUM *n1 = BN_CTX_get(d->bn);
	int ok = n1 && BN_bin2bn(priv, IKE_DH_PRIV, d->x) && BN_copy(n1, EC_GROUP_get0_order(d->ec)) &&
	         BN_sub_word(n1, 1) && BN_mod(d->x, d->x, n1, d->bn) &&
	         BN_add_word(d->x, 1); /* 1 .. order-1 */

	BN_CTX_end(d->bn);
	return ok ? 0 : -EINVAL;
}

static int ecp_result(struct ike_dh *d, uint8_t *x, uint8_t *y)
{
	int ok = EC_POINT_get_affine_coordinates(d->ec, d->result, d->r, d->y, d->bn) &&
	         BN_bn2binpad(d->r, x, 32) == 32 && (!y || BN_bn2binpad(d->y, y, 32) == 32);

	BN_clear(d->r);
	BN_clear(d->x);
	return ok ? 0 : -EINVAL;
}

static int ecp_public(struct ike_dh *d, const uint8_t *priv, uint8_t *pub)
{
	if (ecp_scalar(d, priv) || !EC_POINT_mul(d->ec, d->result, d->x, NULL, NULL, d->bn))
		return -EINVAL;
	return ecp_result(d, pub, pub + 32);
}

static int ecp_shared(struct ike_dh *d, const uint8_t *priv, const uint8_t *peer, uint8_t *out)
{
	if (!BN_bin2bn(peer, 32, d->r) || !BN_bin2bn(peer + 32, 32, d->y))
		return -EINVAL;
	if (!EC_POINT_set_affine_coordinates(d->ec, d->point, d->r, d->y,
	                                     d->bn)) /* checks that it's on the curve */
		return -EBADMSG;
	if (ecp_scalar(d, priv) || !EC_POINT_mul(d->ec, d->result, NULL, d->point, d->x, d->bn))
		return -EINVAL;
	return ecp_result(d, out, NULL);
}

/* ---- X25519 ---- */

/*
 * A private key without its public key being worked out, which libcrypto would do again for every use and
 * slower than the exchange itself: whoever gives a public key is believed, and deriving does not look at it.
 */
static EVP_PKEY *x25519_key(const uint8_t *priv)
{
	static const uint8_t unused[32] = {9};
	OSSL_PARAM p[3] = {OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY,
	                                                     (void *)(uintptr_t)priv, IKE_DH_PRIV),
	                   OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
	                                                     (void *)(uintptr_t)unused, sizeof(unused)),
	                   OSSL_PARAM_construct_end()};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_X25519, NULL);
	EVP_PKEY *key = NULL;

	if (ctx && EVP_PKEY_fromdata_init(ctx) == 1)
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, p);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* X25519(priv, point), RFC 7748 section 5. */
static int x25519_multiply(const uint8_t *priv, const uint8_t *point, uint8_t *out)
{
	EVP_PKEY *key = x25519_key(priv);
	EVP_PKEY *other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, point, 32);
	EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	size_t len = 32;
	int err = -EINVAL;

	if (ctx && other && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer_ex(ctx, other, 0) == 1)
		err = EVP_PKEY_derive(ctx, out, &len) == 1 && len == 32
		              ? 0
		              : -EBADMSG; /* a small-order point gives zero: refused */
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(other);
	EVP_PKEY_free(key);
	return err;
}

static int x25519_public(const uint8_t *priv, uint8_t *pub)
{
	static const uint8_t base[32] = {9};

	return x25519_multiply(priv, base, pub);
}

int ike_dh_public(struct ike_dh *d, uint16_t group, const uint8_t *priv, uint8_t *pub)
{
	switch (group) {
	case IKE_GROUP_MODP1024:
	case IKE_GROUP_MODP2048:
		return modp_power(d, modp_of(d, group), d->g, priv, pub);
	case IKE_GROUP_ECP256:
		return ecp_public(d, priv, pub);
	case IKE_GROUP_X25519:
		return x25519_public(priv, pub);
	}
	return -ENOTSUP;
}

int ike_dh_shared(struct ike_dh *d, uint16_t group, const uint8_t *priv, const uint8_t *peer, uint8_t *out)
{
	switch (group) {
	case IKE_GROUP_MODP1024:
	case IKE_GROUP_MODP2048:
		return modp_shared(d, modp_of(d, group), priv, peer, out);
	case IKE_GROUP_ECP256:
		return ecp_shared(d, priv, peer, out);
	case IKE_GROUP_X25519:
		return x25519_multiply(priv, peer, out);
	}
	return -ENOTSUP;
}
