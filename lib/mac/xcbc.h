/* SPDX-License-Identifier: MIT */
/*
 * AES-XCBC-MAC with a 128-bit key (RFC 3566), which libcrypto does not have: the MAC of IKE and ESP integrity
 * (96 bits of it) and, with keys of any length, the pseudo random function of RFC 4434. Used by lib/ike and
 * lib/esp. One struct belongs to one thread.
 */
#ifndef MAC_XCBC_H
#define MAC_XCBC_H

#include <stddef.h>
#include <stdint.h>

#define XCBC_LEN 16 /* bytes of key, block and whole MAC */

struct xcbc;

/* A keyed MAC. NULL: memory, or libcrypto lacks AES. Free with xcbc_free(), which wipes the keys. */
struct xcbc *xcbc_new(const uint8_t key[XCBC_LEN]);
/* NULL-safe. */
void xcbc_free(struct xcbc *x);
/* Another key for the same object. 0 or -EINVAL (libcrypto). */
int xcbc_key(struct xcbc *x, const uint8_t key[XCBC_LEN]);
/* The key of RFC 4434 section 2: shorter ones are padded with zeros, longer ones are hashed with a zero key.
 * 0 or -EINVAL. */
int xcbc_prf_key(struct xcbc *x, const uint8_t *key, size_t len);

/* A message in parts: begin, any number of adds, end. Nothing is allocated. */
void xcbc_begin(struct xcbc *x);
void xcbc_add(struct xcbc *x, const uint8_t *data, size_t len);
/* 0 or -EINVAL: libcrypto refused somewhere on the way. */
int xcbc_end(struct xcbc *x, uint8_t out[XCBC_LEN]);

#endif
