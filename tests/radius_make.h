/* SPDX-License-Identifier: MIT */
/*
 * A RADIUS server's end of a packet, for tests: answers with authenticators and keys made step by step as RFC
 * 2865, 2548 and 3579 write them down, apart from lib/radius. Included by tests/unit/test_radius_*.c.
 */
#ifndef TESTS_RADIUS_MAKE_H
#define TESTS_RADIUS_MAKE_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

struct rm {
	uint8_t p[5000];
	size_t len, ma; /* where the Message-Authenticator is */
};

static inline void rm_md5(uint8_t out[16], const void *a, size_t an, const void *b, size_t bn, const void *c,
                          size_t cn)
{
	uint8_t all[6000];

	assert(an + bn + cn <= sizeof(all));
	memcpy(all, a, an);
	memcpy(all + an, b, bn);
	memcpy(all + an + bn, c, cn);
	assert(EVP_Digest(all, an + bn + cn, out, NULL, EVP_md5(), NULL) == 1);
}

static inline void rm_attr(struct rm *r, uint8_t type, const void *value, size_t len)
{
	r->p[r->len] = type;
	r->p[r->len + 1] = (uint8_t)(len + 2);
	memcpy(r->p + r->len + 2, value, len);
	r->len += len + 2;
}

/* An answer of this code to a request (its first octets suffice). */
static inline void rm_begin(struct rm *r, uint8_t code, const uint8_t *request)
{
	memset(r, 0, sizeof(*r));
	r->p[0] = code;
	r->p[1] = request[1];
	r->len = 20;
}

static inline void rm_eap(struct rm *r, const uint8_t *eap, size_t len)
{
	for (size_t at = 0; at < len; at += 253)
		rm_attr(r, 79, eap + at, len - at < 253 ? len - at : 253);
}

/* MS-MPPE-Recv-Key (17) or MS-MPPE-Send-Key (16). */
static inline void rm_key(struct rm *r, uint8_t type, const uint8_t *key, size_t len, const uint8_t *request,
                          const char *secret)
{
	uint8_t v[256] = {0, 0, 1, 55, type}, clear[256] = {(uint8_t)len}, pad[16];
	size_t n = (len + 1 + 15) / 16 * 16;

	memcpy(clear + 1, key, len);
	v[5] = (uint8_t)(n + 4);
	v[6] = (uint8_t)(0x80 | type); /* salt */
	v[7] = 0x17;
	for (size_t at = 0; at < n; at += 16) {
		if (!at)
			rm_md5(pad, secret, strlen(secret), request + 4, 16, v + 6, 2);
		else
			rm_md5(pad, secret, strlen(secret), v + 8 + at - 16, 16, "", 0);
		for (size_t i = 0; i < 16; i++)
			v[8 + at + i] = clear[at + i] ^ pad[i];
	}
	rm_attr(r, 26, v, 8 + n);
}

static inline void rm_mark(struct rm *r)
{
	r->ma = r->len + 2;
	rm_attr(r, 80, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

/* Length, Message-Authenticator where rm_mark() left room, Response Authenticator. */
static inline void rm_end(struct rm *r, const uint8_t *request, const char *secret)
{
	uint8_t tail[5000 + 64];
	size_t n = strlen(secret);

	r->p[2] = (uint8_t)(r->len >> 8);
	r->p[3] = (uint8_t)r->len;
	memcpy(r->p + 4, request + 4, 16);
	if (r->ma)
		assert(HMAC(EVP_md5(), secret, (int)n, r->p, r->len, r->p + r->ma, NULL));
	memcpy(tail, r->p + 20, r->len - 20);
	memcpy(tail + r->len - 20, secret, n);
	rm_md5(r->p + 4, r->p, 4, request + 4, 16, tail, r->len - 20 + n);
}

/* The value of the first attribute of a type in a request; NULL: none. */
static inline const uint8_t *rm_find(const uint8_t *pkt, size_t len, uint8_t type, size_t *n)
{
	for (size_t at = 20; at + 2 <= len; at += pkt[at + 1]) {
		assert(pkt[at + 1] >= 2 && at + pkt[at + 1] <= len);
		*n = pkt[at + 1] - 2u;
		if (pkt[at] == type)
			return pkt + at + 2;
	}
	return NULL;
}

#endif
