/* SPDX-License-Identifier: MIT */
/*
 * AES-XCBC-MAC over libcrypto's AES-128-CBC: the chain is CBC's own, the last block is held back for K2 or K3
 * (RFC 3566 section 4). Entry points: xcbc_new(), xcbc_begin()/add()/end(), xcbc_prf_key().
 */
#include "mac/xcbc.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define CHUNK 256 /* bytes encrypted at a time; a multiple of the block */

struct xcbc {
	EVP_CIPHER_CTX *ctx; /* K1 */
	uint8_t k2[XCBC_LEN], k3[XCBC_LEN];
	uint8_t last[XCBC_LEN]; /* held back */
	unsigned fill;          /* bytes in last */
	bool bad;
};

/* Encrypts whole blocks in the chain; the last ciphertext block goes to out when it is not NULL. */
static void chain(struct xcbc *x, const uint8_t *data, size_t len, uint8_t *out)
{
	uint8_t buf[CHUNK];
	int n = 0;

	while (len) {
		size_t take = len < CHUNK ? len : CHUNK;

		if (EVP_EncryptUpdate(x->ctx, buf, &n, data, (int)take) != 1 || n != (int)take)
			x->bad = true;
		data += take;
		len -= take;
		if (!len && out)
			memcpy(out, buf + take - XCBC_LEN, XCBC_LEN);
	}
}

static int set_key(struct xcbc *x, const uint8_t *key)
{
	static const uint8_t zero[XCBC_LEN];

	if (EVP_EncryptInit_ex2(x->ctx, NULL, key, zero, NULL) != 1)
		return -EINVAL;
	EVP_CIPHER_CTX_set_padding(x->ctx, 0);
	return 0;
}

/* K1, K2, K3 are the key's encryptions of 01…, 02…, 03… (RFC 3566 section 4, step 1). */
int xcbc_key(struct xcbc *x, const uint8_t key[XCBC_LEN])
{
	uint8_t k1[XCBC_LEN], *const keys[3] = {k1, x->k2, x->k3}, block[XCBC_LEN];
	int rc = 0;

	x->bad = false;
	for (int i = 0; i < 3 && !rc; i++) {
		memset(block, i + 1, sizeof(block));
		rc = set_key(x, key);
		if (!rc)
			chain(x, block, sizeof(block), keys[i]);
	}
	if (!rc && !x->bad)
		rc = set_key(x, k1);
	OPENSSL_cleanse(k1, sizeof(k1));
	return rc || x->bad ? -EINVAL : 0;
}

struct xcbc *xcbc_new(const uint8_t key[XCBC_LEN])
{
	struct xcbc *x = calloc(1, sizeof(*x));
	EVP_CIPHER *aes = EVP_CIPHER_fetch(NULL, "AES-128-CBC", NULL);

	if (x)
		x->ctx = EVP_CIPHER_CTX_new();
	if (!x || !x->ctx || !aes || EVP_EncryptInit_ex2(x->ctx, aes, NULL, NULL, NULL) != 1 ||
	    xcbc_key(x, key)) {
		xcbc_free(x);
		x = NULL;
	}
	EVP_CIPHER_free(aes);
	return x;
}

void xcbc_free(struct xcbc *x)
{
	if (!x)
		return;
	EVP_CIPHER_CTX_free(x->ctx);
	OPENSSL_cleanse(x, sizeof(*x));
	free(x);
}

int xcbc_prf_key(struct xcbc *x, const uint8_t *key, size_t len)
{
	static const uint8_t zero[XCBC_LEN];
	uint8_t k[XCBC_LEN] = {0};
	int rc = 0;

	if (len <= sizeof(k)) {
		if (len)
			memcpy(k, key, len);
	} else {
		rc = xcbc_key(x, zero);
		if (!rc) {
			xcbc_begin(x);
			xcbc_add(x, key, len);
			rc = xcbc_end(x, k);
		}
	}
	if (!rc)
		rc = xcbc_key(x, k);
	OPENSSL_cleanse(k, sizeof(k));
	return rc;
}

void xcbc_begin(struct xcbc *x)
{
	static const uint8_t zero[XCBC_LEN];

	x->fill = 0;
	x->bad = EVP_EncryptInit_ex2(x->ctx, NULL, NULL, zero, NULL) != 1;
}

void xcbc_add(struct xcbc *x, const uint8_t *data, size_t len)
{
	while (len) {
		size_t room = XCBC_LEN - x->fill, take = len < room ? len : room;

		if (!room) { /* more follows: the block held back is not the last */
			chain(x, x->last, XCBC_LEN, NULL);
			x->fill = 0;
			if (len > XCBC_LEN) {
				take = (len - 1) / XCBC_LEN * XCBC_LEN;
				chain(x, data, take, NULL);
				data += take;
				len -= take;
			}
			continue;
		}
		memcpy(x->last + x->fill, data, take);
		x->fill += (unsigned)take;
		data += take;
		len -= take;
	}
}

int xcbc_end(struct xcbc *x, uint8_t out[XCBC_LEN])
{
	const uint8_t *k = x->fill == XCBC_LEN ? x->k2 : x->k3;

	if (x->fill < XCBC_LEN) {
		x->last[x->fill] = 0x80;
		memset(x->last + x->fill + 1, 0, XCBC_LEN - x->fill - 1);
	}
	for (unsigned i = 0; i < XCBC_LEN; i++)
		x->last[i] ^= k[i];
	chain(x, x->last, XCBC_LEN, out);
	OPENSSL_cleanse(x->last, sizeof(x->last));
	return x->bad ? -EINVAL : 0;
}
