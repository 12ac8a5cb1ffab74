/* SPDX-License-Identifier: MIT */
/*
 * Integrity of ESP: HMAC with the two keyed states computed once per key, so that a packet costs two copies
 * and no allocation (RFC 2104, RFC 2404, RFC 4868), and AES-XCBC-96 (RFC 3566). Used by esp.c only.
 */
#ifndef ESP_ESP_HMAC_H
#define ESP_ESP_HMAC_H

#include <openssl/md5.h>
#include <openssl/sha.h>
#include <stddef.h>
#include <stdint.h>

/* IKEv2 integrity transform numbers (IANA). */
enum esp_integ {
	ESP_INTEG_NONE = 0,
	ESP_INTEG_MD5_96 = 1,
	ESP_INTEG_SHA1_96 = 2,
	ESP_INTEG_AES_XCBC_96 = 5,
	ESP_INTEG_SHA256_128 = 12,
	ESP_INTEG_SHA384_192 = 13,
	ESP_INTEG_SHA512_256 = 14,
};

struct xcbc; /* mac/xcbc.h */

union esp_hmac_state {
	MD5_CTX md5;
	SHA_CTX sha1;
	SHA256_CTX sha256;
	SHA512_CTX sha512;
};

struct esp_hmac {
	uint16_t integ;
	union esp_hmac_state inner, outer;
	struct xcbc *xcbc; /* AES-XCBC-96 only */
};

#define ESP_HMAC_MAX 64

/* Key it. 0, -ENOTSUP for an unknown transform, -EINVAL for a key of the wrong length, -ENOMEM. */
int esp_hmac_init(struct esp_hmac *h, uint16_t integ, const uint8_t *key, size_t len);
/* Wipe it and free what it holds; a zeroed one too. */
void esp_hmac_clear(struct esp_hmac *h);
/* MAC over data and, when tail is not NULL, four more bytes (the ESN high bits). Writes the full digest. 0 or
 * -EINVAL: libcrypto failed. */
int esp_hmac_sign(const struct esp_hmac *h, const uint8_t *data, size_t len, const uint8_t *tail,
                  uint8_t out[ESP_HMAC_MAX]);
/* Full digest length of a transform, 0 when unknown. It is also its key length (RFC 4868 section 2.1.1). */
size_t esp_hmac_size(uint16_t integ);
/* Bytes of ICV on the wire. */
size_t esp_hmac_icv(uint16_t integ);

#endif
