/* SPDX-License-Identifier: MIT */
/*
 * HMAC with both keyed states prepared (RFC 2104): signing copies them, so it allocates nothing. The
 * low-level hash calls are used on purpose: in OpenSSL 3 copying an EVP_MD_CTX allocates, twice per HMAC.
 * Called by esp.c.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "esp/esp_hmac.h"
#include "mac/xcbc.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

#define BLOCK_MAX 128

static size_t block_size(uint16_t integ)
{
	return integ == ESP_INTEG_SHA384_192 || integ == ESP_INTEG_SHA512_256 ? 128 : 64;
}

size_t esp_hmac_size(uint16_t integ)
{
	switch (integ) {
	case ESP_INTEG_MD5_96:
	case ESP_INTEG_AES_XCBC_96:
		return 16;
	case ESP_INTEG_SHA1_96:
		return 20;
	case ESP_INTEG_SHA256_128:
		return 32;
	case ESP_INTEG_SHA384_192:
		return 48;
	case ESP_INTEG_SHA512_256:
		return 64;
	}
	return 0;
}

size_t esp_hmac_icv(uint16_t integ)
{
	size_t size = esp_hmac_size(integ);

	return size == 16 || size == 20 ? 12 : size / 2;
}

static void state_init(uint16_t integ, union esp_hmac_state *s)
{
	switch (integ) {
	case ESP_INTEG_MD5_96:
		MD5_Init(&s->md5);
		break;
	case ESP_INTEG_SHA1_96:
		SHA1_Init(&s->sha1);
		break;
	case ESP_INTEG_SHA256_128:
		SHA256_Init(&s->sha256);
		break;
	case ESP_INTEG_SHA384_192:
		SHA384_Init(&s->sha512);
		break;
	case ESP_INTEG_SHA512_256:
		SHA512_Init(&s->sha512);
		break;
	}
}

static void state_update(uint16_t integ, union esp_hmac_state *s, const uint8_t *data, size_t len)
{
	switch (integ) {
	case ESP_INTEG_MD5_96:
		MD5_Update(&s->md5, data, len);
		break;
	case ESP_INTEG_SHA1_96:
		SHA1_Update(&s->sha1, data, len);
		break;
	case ESP_INTEG_SHA256_128:
		SHA256_Update(&s->sha256, data, len);
		break;
	case ESP_INTEG_SHA384_192:
		SHA384_Update(&s->sha512, data, len);
		break;
	case ESP_INTEG_SHA512_256:
		SHA512_Update(&s->sha512, data, len);
		break;
	}
}

static void state_final(uint16_t integ, union esp_hmac_state *s, uint8_t *out)
{
	switch (integ) {
	case ESP_INTEG_MD5_96:
		MD5_Final(out, &s->md5);
		break;
	case ESP_INTEG_SHA1_96:
		SHA1_Final(out, &s->sha1);
		break;
	case ESP_INTEG_SHA256_128:
		SHA256_Final(out, &s->sha256);
		break;
	case ESP_INTEG_SHA384_192:
		SHA384_Final(out, &s->sha512);
		break;
	case ESP_INTEG_SHA512_256:
		SHA512_Final(out, &s->sha512);
		break;
	}
}

/* Copying only what the hash uses: SHA-512's state is more than twice SHA-1's. */
static size_t state_size(uint16_t integ)
{
	switch (integ) {
	case ESP_INTEG_MD5_96:
		return sizeof(MD5_CTX);
	case ESP_INTEG_SHA1_96:
		return sizeof(SHA_CTX);
	case ESP_INTEG_SHA256_128:
		return sizeof(SHA256_CTX);
	}
	return sizeof(SHA512_CTX);
}

static void key_state(uint16_t integ, union esp_hmac_state *s, const uint8_t *key, size_t len, uint8_t pad)
{
	uint8_t block[BLOCK_MAX];
	size_t i;

	memset(block, pad, sizeof(block));
	for (i = 0; i < len; i++)
		block[i] ^= key[i];
	memset(s, 0, sizeof(*s));
	state_init(integ, s);
	state_update(integ, s, block, block_size(integ));
	OPENSSL_cleanse(block, sizeof(block));
}

int esp_hmac_init(struct esp_hmac *h, uint16_t integ, const uint8_t *key, size_t len)
{
	size_t size = esp_hmac_size(integ);

	if (!size)
		return -ENOTSUP;
	if (!key || len != size)
		return -EINVAL;
	memset(h, 0, sizeof(*h));
	h->integ = integ;
	if (integ == ESP_INTEG_AES_XCBC_96) {
		h->xcbc = xcbc_new(key);
		return h->xcbc ? 0 : -ENOMEM;
	}
	key_state(integ, &h->inner, key, len, 0x36);
	key_state(integ, &h->outer, key, len, 0x5c);
	return 0;
}

void esp_hmac_clear(struct esp_hmac *h)
{
	xcbc_free(h->xcbc);
	OPENSSL_cleanse(h, sizeof(*h));
}

static int xcbc_sign(struct xcbc *x, const uint8_t *data, size_t len, const uint8_t *tail,
                     uint8_t out[ESP_HMAC_MAX])
{
	xcbc_begin(x);
	xcbc_add(x, data, len);
	if (tail)
		xcbc_add(x, tail, 4);
	return xcbc_end(x, out);
}

int esp_hmac_sign(const struct esp_hmac *h, const uint8_t *data, size_t len, const uint8_t *tail,
                  uint8_t out[ESP_HMAC_MAX])
{
	size_t copy = state_size(h->integ);
	union esp_hmac_state s;

	if (h->xcbc)
		return xcbc_sign(h->xcbc, data, len, tail, out);
	memcpy(&s, &h->inner, copy);
	state_update(h->integ, &s, data, len);
	if (tail)
		state_update(h->integ, &s, tail, 4);
	state_final(h->integ, &s, out);
	memcpy(&s, &h->outer, copy);
	state_update(h->integ, &s, out, esp_hmac_size(h->integ));
	state_final(h->integ, &s, out);
	return 0;
}
