/* SPDX-License-Identifier: MIT */
/*
 * Diffie-Hellman groups 1, 2 (RFC 2409), 5, 14 to 18 (RFC 3526), 19 to 21 (RFC 5903) and 31 (RFC 8031)
 * with private values of 32 random bytes, given by the caller. Used by ike_crypto.c only.
 */
#ifndef IKE_IKE_DH_H
#define IKE_IKE_DH_H

#include <stdint.h>

struct ike_dh;
struct ike_dh *ike_dh_new(void); /* NULL: memory */
void ike_dh_free(struct ike_dh *d);
/* 0, -ENOTSUP, -EINVAL (libcrypto). Lengths are those of ike_alg_group(). */
int ike_dh_public(struct ike_dh *d, uint16_t group, const uint8_t *priv, uint8_t *pub);
/* … or -EBADMSG: the peer's value is not in the group. */
int ike_dh_shared(struct ike_dh *d, uint16_t group, const uint8_t *priv, const uint8_t *peer, uint8_t *out);

#endif
