/* SPDX-License-Identifier: MIT */
/*
 * One-way hashes of passwords. Form: "+B" base64url( log2 of N, r, p, 16-byte salt, 32-byte scrypt output ).
 * The costs are part of the text, so that later releases can raise them; what a text may ask for is bounded,
 * because a configuration file can come from anywhere.
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
#define RAW_LEN  (3 + SALT_LEN + HASH_LEN)

static int derive(const unsigned char *raw, const char *clear, unsigned char *hash)
{
	return EVP_PBE_scrypt(clear, strlen(clear), raw + 3, SALT_LEN, 1ull << raw[0], raw[1], raw[2],
	                      PASSWD_MEMORY + (1 << 20), hash, HASH_LEN) == 1
	               ? 0
	               : -EIO;
}

int passwd_hash(const char *clear, char *out, size_t size)
{
	unsigned char raw[RAW_LEN] = {LOG2_N, BLOCK_R, LANES_P};
	int rc;

	if (size < 3)
		return -ENOSPC;
	random_bytes(raw + 3, SALT_LEN);
	rc = derive(raw, clear, raw + 3 + SALT_LEN);
	if (rc < 0)
		return rc;
	memcpy(out, PREFIX, 2);
	return secret_text_encode(raw, RAW_LEN, out + 2, size - 2);
}

static bool parse(const char *text, unsigned char raw[RAW_LEN])
{
	return !strncmp(text, PREFIX, 2) && secret_text_decode(text + 2, raw, RAW_LEN) == RAW_LEN &&
	       raw[0] >= 10 && raw[0] <= LOG2_N && raw[1] == BLOCK_R && raw[2] == LANES_P;
}

bool passwd_is_hash(const char *text)
{
	unsigned char raw[RAW_LEN];

	return parse(text, raw);
}

bool passwd_verify(const char *hash, const char *clear)
{
	unsigned char raw[RAW_LEN] = {LOG2_N, BLOCK_R, LANES_P}, got[HASH_LEN];
	bool known = hash && parse(hash, raw), same;

	if (!known)
		memcpy(raw, (unsigned char[]){LOG2_N, BLOCK_R, LANES_P}, 3);
	if (derive(raw, clear, got) < 0)
		return false;
	same = CRYPTO_memcmp(got, raw + 3 + SALT_LEN, HASH_LEN) == 0;
	OPENSSL_cleanse(got, sizeof(got));
	return known && same;
}
