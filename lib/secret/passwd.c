/* SPDX-License-Identifier: MIT */
/*
 * One-way hashes of passwords. Form: "+B" base64url( log2 of N, r, p, 16-byte salt, when it was made in
 * minutes since 1970 (4 bytes, big-endian), 32-byte scrypt output ); the time is part of the salt. Older ones
 * have none. The costs are part of the text, so that later releases can raise them; what a text may ask for
 * is bounded, because a configuration file can come from anywhere.
 */
#include "secret/passwd.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/clock.h"
#include "secret/secret_text.h"

#define PREFIX   "+B"
#define LOG2_N   15
#define BLOCK_R  8
#define LANES_P  1
#define SALT_LEN 16
#define HASH_LEN 32
#define TIME_LEN 4
#define RAW_LEN  (3 + SALT_LEN + TIME_LEN + HASH_LEN)
#define RAW_OLD  (RAW_LEN - TIME_LEN)

/* salt_len: with the time, or without. */
static int derive(const unsigned char *raw, size_t salt_len, const char *clear, unsigned char *hash)
{
	return EVP_PBE_scrypt(clear, strlen(clear), raw + 3, salt_len, 1ull << raw[0], raw[1], raw[2],
	                      PASSWD_MEMORY + (1 << 20), hash, HASH_LEN) == 1
	               ? 0
	               : -EIO;
}

int passwd_hash(const char *clear, char *out, size_t size)
{
	unsigned char raw[RAW_LEN] = {LOG2_N, BLOCK_R, LANES_P};
	uint32_t minutes;
	int rc;

	if (size < 3)
		return -ENOSPC;
	random_bytes(raw + 3, SALT_LEN);
	minutes = (uint32_t)(clock_wall_us() / US_PER_SEC / 60);
	for (int i = 0; i < TIME_LEN; i++)
		raw[3 + SALT_LEN + i] = (unsigned char)(minutes >> (24 - 8 * i));
	rc = derive(raw, SALT_LEN + TIME_LEN, clear, raw + RAW_LEN - HASH_LEN);
	if (rc < 0)
		return rc;
	out[0] = PREFIX[0];
	out[1] = PREFIX[1];
	return secret_text_encode(raw, RAW_LEN, out + 2, size - 2);
}

/* Its length, or 0. */
static int parse(const char *text, unsigned char raw[RAW_LEN])
{
	int n = strncmp(text, PREFIX, 2) ? 0 : secret_text_decode(text + 2, raw, RAW_LEN);

	return (n == RAW_LEN || n == RAW_OLD) && raw[0] >= 10 && raw[0] <= LOG2_N && raw[1] == BLOCK_R &&
	                       raw[2] == LANES_P
	               ? n
	               : 0;
}

int64_t passwd_made(const char *hash)
{
	unsigned char raw[RAW_LEN];
	uint32_t minutes = 0;

	if (parse(hash, raw) != RAW_LEN)
		return 0;
	for (int i = 0; i < TIME_LEN; i++)
		minutes = minutes << 8 | raw[3 + SALT_LEN + i];
	return (int64_t)minutes * 60;
}

bool passwd_is_hash(const char *text)
{
	unsigned char raw[RAW_LEN];

	return parse(text, raw) > 0;
}

bool passwd_verify(const char *hash, const char *clear)
{
	unsigned char raw[RAW_LEN] = {LOG2_N, BLOCK_R, LANES_P}, got[HASH_LEN];
	int n = hash ? parse(hash, raw) : 0;
	bool known = n > 0, same;

	if (!known) {
		memcpy(raw, (unsigned char[]){LOG2_N, BLOCK_R, LANES_P}, 3);
		n = RAW_LEN;
	}
	if (derive(raw, (size_t)n - 3 - HASH_LEN, clear, got) < 0)
		return false;
	same = CRYPTO_memcmp(got, raw + n - HASH_LEN, HASH_LEN) == 0;
	OPENSSL_cleanse(got, sizeof(got));
	return known && same;
}
