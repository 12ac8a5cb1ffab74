/* SPDX-License-Identifier: MIT */
/*
 * Powers of a fixed base modulo a prime, for public Diffie-Hellman values: with a table of the base's powers
 * a quarter of the work of a power of an unknown base (Lim and Lee, "More flexible exponentiation with
 * precomputation"). In constant time for the exponent. Called by ike_dh.c.
 */
#ifndef ORRERY_IKE_DH_COMB_H
#define ORRERY_IKE_DH_COMB_H

#include <stddef.h>
#include <stdint.h>
#include <openssl/bn.h>

struct ike_dh_comb;

/*
 * The table for base ^ x mod p with x of `bits` bits (a multiple of 64). mont is p's and borrowed for the
 * table's life; ctx is used here only. Takes as long as some exponentiations. NULL: no memory.
 */
struct ike_dh_comb *ike_dh_comb_new(const BIGNUM *base, const BIGNUM *p, BN_MONT_CTX *mont, unsigned bits,
                                    BN_CTX *ctx);
/* NULL-safe. */
void ike_dh_comb_free(struct ike_dh_comb *c);
/* r = base ^ x mod p. 0 or -EINVAL: x has more bits than the table is for. */
int ike_dh_comb_power(const struct ike_dh_comb *c, const BIGNUM *x, BIGNUM *r, BN_CTX *ctx);

#endif
