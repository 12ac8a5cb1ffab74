/* SPDX-License-Identifier: MIT */
/*
 * prf, prf+, integrity and encryption over libcrypto, with everything fetched once (RFC 7296 section 2.13,
 * RFC 3602, RFC 5282, RFC 4434), and the key schedules of IKE SAs and children (sections 2.14, 2.17, 2.18).
 * Diffie-Hellman is in ike_dh.c. Entry points: ike_crypto_*(). Called by the exchanges and ike_msg.c.
 */
#include "ike/ike_crypto.h"
#include "ike/ike_dh.h"
#include "mac/xcbc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

/* Keyed hashes are made when a suite first needs them: most configurations use one. */
static const char *const digests[] = {"SHA1", "SHA256", "SHA384", "SHA512", "MD5"};
#define DIGESTS (sizeof(digests) / sizeof(digests[0]))

struct ike_crypto {
	EVP_MAC *hmac;
	EVP_MAC_CTX *mac[DIGESTS];
	struct xcbc *xcbc;
	EVP_MD *md_sha1;
	EVP_MD_CTX *md;
	EVP_CIPHER *cipher[IKE_ALG_ENCRS]; /* NULL: not used by IKE itself */
	EVP_CIPHER_CTX *ctx[IKE_ALG_ENCRS];
	struct ike_dh *dh;
};

static EVP_MAC_CTX *hmac_new(EVP_MAC *mac, const char *digest)
{
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	OSSL_PARAM params[2];
	char name[8];

	if (!ctx)
		return NULL;
	strncpy(name, digest, sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0);
	params[1] = OSSL_PARAM_construct_end();
	if (EVP_MAC_CTX_set_params(ctx, params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

/* The HMAC over this digest, or NULL: libcrypto lacks it. */
static EVP_MAC_CTX *hmac_of(struct ike_crypto *c, const char *digest)
{
	for (unsigned i = 0; i < DIGESTS; i++) {
		if (strcmp(digests[i], digest))
			continue;
		if (!c->mac[i])
			c->mac[i] = hmac_new(c->hmac, digest);
		return c->mac[i];
	}
	return NULL;
}

static int fetch_ciphers(struct ike_crypto *c)
{
	const struct ike_alg_encr *a;

	for (unsigned i = 0; (a = ike_alg_encr_at(i)); i++) {
		if (!(a->where & IKE_ALG_IKE))
			continue;
		c->cipher[i] = EVP_CIPHER_fetch(NULL, a->fetch, NULL);
		c->ctx[i] = EVP_CIPHER_CTX_new();
		if (!c->cipher[i] || !c->ctx[i])
			return -ENOMEM;
	}
	return 0;
}

struct ike_crypto *ike_crypto_new(void)
{
	static const uint8_t zero[XCBC_LEN];
	struct ike_crypto *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	c->xcbc = xcbc_new(zero);
	c->md_sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	c->md = EVP_MD_CTX_new();
	c->dh = ike_dh_new();
	if (c->hmac && c->xcbc && c->md_sha1 && c->md && c->dh && !fetch_ciphers(c))
		return c;
	ike_crypto_free(c);
	return NULL;
}

void ike_crypto_free(struct ike_crypto *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < IKE_ALG_ENCRS; i++) {
		EVP_CIPHER_CTX_free(c->ctx[i]);
		EVP_CIPHER_free(c->cipher[i]);
	}
	for (unsigned i = 0; i < DIGESTS; i++)
		EVP_MAC_CTX_free(c->mac[i]);
	ike_dh_free(c->dh);
	xcbc_free(c->xcbc);
	EVP_MD_CTX_free(c->md);
	EVP_MD_free(c->md_sha1);
	EVP_MAC_free(c->hmac);
	free(c);
}

/* ---- keyed hashes ---- */

static int hmac(struct ike_crypto *c, const char *digest, const void *key, size_t klen,
                const struct ike_buf *in, unsigned n, uint8_t *out, size_t outlen)
{
	EVP_MAC_CTX *ctx = hmac_of(c, digest);
	static const uint8_t none;
	uint8_t full[EVP_MAX_MD_SIZE];
	size_t len = 0;

	/* A NULL key would mean "the one before": an empty key is a key too. */
	if (!ctx || EVP_MAC_init(ctx, klen ? key : &none, klen, NULL) != 1)
		return -EINVAL;
	for (unsigned i = 0; i < n; i++)
		if (in[i].len && EVP_MAC_update(ctx, in[i].p, in[i].len) != 1)
			return -EINVAL;
	if (EVP_MAC_final(ctx, full, &len, sizeof(full)) != 1 || len < outlen)
		return -EINVAL;
	memcpy(out, full, outlen);
	OPENSSL_cleanse(full, sizeof(full));
	return 0;
}

/* AES-XCBC-MAC with a key of any length (RFC 4434), the first outlen bytes of it. */
static int aes_xcbc(struct ike_crypto *c, const void *key, size_t klen, const struct ike_buf *in, unsigned n,
                    uint8_t *out, size_t outlen)
{
	uint8_t full[XCBC_LEN];
	int err = xcbc_prf_key(c->xcbc, key, klen);

	if (err)
		return err;
	xcbc_begin(c->xcbc);
	for (unsigned i = 0; i < n; i++)
		xcbc_add(c->xcbc, in[i].p, in[i].len);
	err = xcbc_end(c->xcbc, full);
	memcpy(out, full, outlen);
	OPENSSL_cleanse(full, sizeof(full));
	return err;
}

int ike_crypto_prf(struct ike_crypto *c, uint16_t prf, const void *key, size_t klen, const struct ike_buf *in,
                   unsigned n, uint8_t *out)
{
	const struct ike_alg_prf *a = ike_alg_prf(prf);

	if (!a)
		return -EINVAL;
	if (!a->fetch)
		return aes_xcbc(c, key, klen, in, n, out, a->len);
	return hmac(c, a->fetch, key, klen, in, n, out, a->len);
}

int ike_crypto_prf_plus(struct ike_crypto *c, uint16_t prf, const void *key, size_t klen,
                        const struct ike_buf *seed, unsigned n, uint8_t *out, size_t outlen)
{
	const struct ike_alg_prf *a = ike_alg_prf(prf);
	uint8_t t[IKE_PRF_MAX], round = 0;
	struct ike_buf in[10];
	size_t done = 0;
	int err = 0;

	if (!a || n > 8 || outlen > (size_t)a->len * 255)
		return -EINVAL;
	memcpy(&in[1], seed, n * sizeof(*seed));
	while (done < outlen && !err) {
		size_t take = outlen - done < a->len ? outlen - done : a->len;

		in[0] = (struct ike_buf){t, round ? a->len : 0};
		round++;
		in[n + 1] = (struct ike_buf){&round, 1};
		err = ike_crypto_prf(c, prf, key, klen, in, n + 2, t);
		memcpy(out + done, t, take);
		done += take;
	}
	OPENSSL_cleanse(t, sizeof(t));
	return err;
}

int ike_crypto_integ(struct ike_crypto *c, uint16_t integ, const uint8_t *key, const void *data, size_t len,
                     uint8_t *out)
{
	const struct ike_alg_integ *a = ike_alg_integ(integ);
	struct ike_buf in = {data, len};

	if (!a)
		return -EINVAL;
	if (!a->fetch)
		return aes_xcbc(c, key, a->key, &in, 1, out, a->icv);
	return hmac(c, a->fetch, key, a->key, &in, 1, out, a->icv);
}

int ike_crypto_sha1(struct ike_crypto *c, const struct ike_buf *in, unsigned n, uint8_t out[IKE_SHA1_LEN])
{
	if (EVP_DigestInit_ex2(c->md, c->md_sha1, NULL) != 1)
		return -EINVAL;
	for (unsigned i = 0; i < n; i++)
		if (EVP_DigestUpdate(c->md, in[i].p, in[i].len) != 1)
			return -EINVAL;
	return EVP_DigestFinal_ex(c->md, out, NULL) == 1 ? 0 : -EINVAL;
}

/* ---- encryption ---- */

int ike_crypto_cbc(struct ike_crypto *c, const struct ike_alg_encr *a, bool encrypt, const uint8_t *key,
                   const uint8_t *iv, uint8_t *data, size_t len)
{
	EVP_CIPHER_CTX *ctx = c->ctx[ike_alg_encr_index(a)];
	uint8_t thrice[24];
	int n = 0, ok;

	if (!ctx || !len || len % a->block || len > IKE_PACKET_MAX)
		return -EINVAL;
	if (a->id == IKE_ENCR_DES_CBC)
		for (unsigned i = 0; i < sizeof(thrice); i++)
			thrice[i] = key[i % a->key];
	ok = EVP_CipherInit_ex2(ctx, c->cipher[ike_alg_encr_index(a)],
	                        a->id == IKE_ENCR_DES_CBC ? thrice : key, iv, encrypt, NULL);
	OPENSSL_cleanse(thrice, sizeof(thrice));
	if (ok != 1)
		return -EINVAL;
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	if (EVP_CipherUpdate(ctx, data, &n, data, (int)len) != 1 || n != (int)len)
		return -EINVAL;
	return 0;
}

int ike_crypto_gcm(struct ike_crypto *c, const struct ike_alg_encr *a, bool encrypt, const uint8_t *key,
                   const uint8_t *iv, const uint8_t *aad, size_t aadlen, uint8_t *data, size_t len,
                   uint8_t *tag)
{
	EVP_CIPHER_CTX *ctx = c->ctx[ike_alg_encr_index(a)];
	uint8_t nonce[12];
	int n;

	if (!ctx || len > IKE_PACKET_MAX || aadlen > IKE_PACKET_MAX)
		return -EINVAL;
	memcpy(nonce, key + a->key, a->salt);
	memcpy(nonce + a->salt, iv, a->iv);
	if (EVP_CipherInit_ex2(ctx, c->cipher[ike_alg_encr_index(a)], key, nonce, encrypt, NULL) != 1)
		return -EINVAL;
	if (!encrypt && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, a->icv, tag) != 1)
		return -EINVAL;
	if (EVP_CipherUpdate(ctx, NULL, &n, aad, (int)aadlen) != 1)
		return -EINVAL;
	if (len && EVP_CipherUpdate(ctx, data, &n, data, (int)len) != 1)
		return -EINVAL;
	if (EVP_CipherFinal_ex(ctx, data + len, &n) != 1)
		return encrypt ? -EINVAL : -EBADMSG;
	if (encrypt && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, a->icv, tag) != 1)
		return -EINVAL;
	return 0;
}

/* ---- Diffie-Hellman ---- */

int ike_crypto_dh_public(struct ike_crypto *c, uint16_t group, const uint8_t priv[IKE_DH_PRIV], uint8_t *pub)
{
	return ike_dh_public(c->dh, group, priv, pub);
}

int ike_crypto_dh_shared(struct ike_crypto *c, uint16_t group, const uint8_t priv[IKE_DH_PRIV],
                         const uint8_t *peer, size_t len, uint8_t *out)
{
	const struct ike_alg_group *g = ike_alg_group(group);

	if (!g || len != g->pub)
		return -EBADMSG;
	return ike_dh_shared(c->dh, group, priv, peer, out);
}

/* ---- key schedules ---- */

static void store_u64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

/* SKEYSEED: prf(Ni | Nr, g^ir) for the first SA, prf(SK_d (old), g^ir | Ni | Nr) for a rekeyed one. */
static int skeyseed(struct ike_crypto *c, const struct ike_schedule *s, uint8_t *out)
{
	struct ike_buf in[3] = {s->shared, s->ni, s->nr};
	size_t ni = s->ni.len, nr = s->nr.len;
	uint8_t key[2 * IKE_NONCE_MAX];

	if (s->old_sk_d)
		return ike_crypto_prf(c, s->old_prf, s->old_sk_d, ike_alg_prf(s->old_prf)->len, in, 3, out);
	if (s->suite->prf == IKE_PRF_AES128_XCBC) /* RFC 7296 section 2.14: 64 bits of each nonce */
		ni = nr = 8;
	memcpy(key, s->ni.p, ni);
	memcpy(key + ni, s->nr.p, nr);
	return ike_crypto_prf(c, s->suite->prf, key, ni + nr, in, 1, out);
}

static const uint8_t *take(uint8_t *to, const uint8_t *from, size_t len)
{
	if (to)
		memcpy(to, from, len);
	return from + len;
}

int ike_crypto_schedule(struct ike_crypto *c, const struct ike_schedule *s, struct ike_keys *k,
                        uint8_t *sk_pi, uint8_t *sk_pr)
{
	const struct ike_alg_prf *prf = ike_alg_prf(s->suite->prf);
	size_t enc = ike_crypto_encr_len(s->suite), integ = ike_crypto_integ_len(s->suite), seed_len;
	uint8_t seed[IKE_PRF_MAX], spis[16], mat[3 * IKE_PRF_MAX + 2 * IKE_INTEG_MAX + 2 * IKE_ENCR_MAX];
	struct ike_buf in[3] = {s->ni, s->nr, {spis, sizeof(spis)}};
	const uint8_t *p = mat;
	int err;

	if (!prf || !enc || s->ni.len > IKE_NONCE_MAX || s->nr.len > IKE_NONCE_MAX ||
	    (s->old_sk_d && !ike_alg_prf(s->old_prf)))
		return -EINVAL;
	store_u64(spis, s->spi_i);
	store_u64(spis + 8, s->spi_r);
	err = skeyseed(c, s, seed);
	seed_len = s->old_sk_d ? ike_alg_prf(s->old_prf)->len : prf->len;
	if (!err)
		err = ike_crypto_prf_plus(c, s->suite->prf, seed, seed_len, in, 3, mat,
		                          3u * prf->len + 2 * integ + 2 * enc);
	if (!err) {
		p = take(k->sk_d, p, prf->len);
		p = take(k->ai, p, integ);
		p = take(k->ar, p, integ);
		p = take(k->ei, p, enc);
		p = take(k->er, p, enc);
		p = take(sk_pi, p, prf->len);
		take(sk_pr, p, prf->len);
	}
	OPENSSL_cleanse(seed, sizeof(seed));
	OPENSSL_cleanse(mat, sizeof(mat));
	return err;
}

int ike_crypto_child_keys(struct ike_crypto *c, uint16_t prf, const uint8_t *sk_d,
                          const struct ike_suite *child, struct ike_buf shared, struct ike_buf ni,
                          struct ike_buf nr, uint8_t *out, size_t outlen)
{
	struct ike_buf in[3] = {shared, ni, nr};
	const struct ike_alg_prf *a = ike_alg_prf(prf);

	if (!a || outlen != 2 * (ike_crypto_encr_len(child) + ike_crypto_integ_len(child)))
		return -EINVAL;
	return ike_crypto_prf_plus(c, prf, sk_d, a->len, in, 3, out, outlen);
}
