/* SPDX-License-Identifier: MIT */
/*
 * The comb of ike_dh_comb.h. The exponent is cut into TEETH rows, each row into BLOCKS of `span` columns.
 * Block j has a table of 2^TEETH products: entry m is the product of base ^ 2 ^ (row i, first column of block
 * j) for the bits i of m. A power is then `span` squarings, and one product from each block's table per
 * column.
 *
 * Constant time: every entry of a table is read, and there is always a multiplication. libcrypto's is slower
 * where a factor has leading zero words, as one and the base have in these groups; so each entry is
 * multiplied by a fixed number of full size, and the power of it that the result has in excess is taken out
 * at the end.
 */
#include "ike/ike_dh_comb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#define TEETH   4
#define BLOCKS  4
#define ENTRIES (1u << TEETH)

struct ike_dh_comb {
	BN_MONT_CTX *mont;
	unsigned bits, span;
	size_t len;       /* bytes of a number: a multiple of 8 */
	BIGNUM *excess;   /* what the result is multiplied by in the end */
	uint64_t words[]; /* BLOCKS tables of ENTRIES numbers, in Montgomery form */
};

static uint64_t *entry_of(struct ike_dh_comb *c, unsigned block, unsigned m)
{
	return c->words + (block * ENTRIES + m) * (c->len / 8);
}

/* n squarings. */
static int square(const struct ike_dh_comb *c, BIGNUM *x, unsigned n, BN_CTX *ctx)
{
	int ok = 1;

	while (n-- && ok)
		ok = BN_mod_mul_montgomery(x, x, x, c->mont, ctx);
	return ok;
}

/* Block j from the powers of its teeth and the number every entry is multiplied by. */
static int fill_block(struct ike_dh_comb *c, unsigned j, BIGNUM *tooth[TEETH], const BIGNUM *full, BIGNUM *x,
                      BN_CTX *ctx)
{
	int ok = 1;

	for (unsigned m = 0; m < ENTRIES && ok; m++) {
		ok = BN_copy(x, full) != NULL;
		for (unsigned i = 0; i < TEETH && ok; i++)
			if (m >> i & 1)
				ok = BN_mod_mul_montgomery(x, x, tooth[i], c->mont, ctx);
		ok = ok && BN_bn2lebinpad(x, (uint8_t *)entry_of(c, j, m), (int)c->len) == (int)c->len;
	}
	return ok;
}

/* 1 / full ^ (BLOCKS * (2 ^ span - 1)), in Montgomery form; full is in clear. */
static int fill_excess(struct ike_dh_comb *c, const BIGNUM *p, const BIGNUM *full, BIGNUM *x, BN_CTX *ctx)
{
	return BN_one(x) && BN_lshift(x, x, (int)c->span) && BN_sub_word(x, 1) && BN_mul_word(x, BLOCKS) &&
	       BN_mod_exp_mont(x, full, x, p, ctx, c->mont) && BN_mod_inverse(c->excess, x, p, ctx) &&
	       BN_to_montgomery(c->excess, c->excess, c->mont, ctx);
}

static int fill(struct ike_dh_comb *c, const BIGNUM *base, const BIGNUM *p, BN_CTX *ctx)
{
	BIGNUM *tooth[TEETH], *full = BN_CTX_get(ctx), *x = BN_CTX_get(ctx);
	int ok;

	for (unsigned i = 0; i < TEETH; i++)
		tooth[i] = BN_CTX_get(ctx);
	/* Any number of full size will do: the cube of the prime's half has no pattern. */
	ok = tooth[TEETH - 1] && BN_rshift1(full, p) && BN_set_word(x, 3) &&
	     BN_mod_exp_mont(full, full, x, p, ctx, c->mont) && fill_excess(c, p, full, x, ctx) &&
	     BN_to_montgomery(full, full, c->mont, ctx) && BN_to_montgomery(tooth[0], base, c->mont, ctx);
	for (unsigned i = 1; i < TEETH && ok; i++)
		ok = BN_copy(tooth[i], tooth[i - 1]) && square(c, tooth[i], c->bits / TEETH, ctx);
	for (unsigned j = 0; j < BLOCKS && ok; j++) {
		ok = fill_block(c, j, tooth, full, x, ctx);
		for (unsigned i = 0; i < TEETH && ok; i++)
			ok = square(c, tooth[i], c->span, ctx);
	}
	return ok;
}

struct ike_dh_comb *ike_dh_comb_new(const BIGNUM *base, const BIGNUM *p, BN_MONT_CTX *mont, unsigned bits,
                                    BN_CTX *ctx)
{
	size_t len = ((size_t)BN_num_bytes(p) + 7) / 8 * 8;
	struct ike_dh_comb *c = calloc(1, sizeof(*c) + BLOCKS * ENTRIES * len);
	int ok;

	if (!c)
		return NULL;
	c->mont = mont;
	c->bits = bits;
	c->span = bits / TEETH / BLOCKS;
	c->len = len;
	c->excess = BN_new();
	BN_CTX_start(ctx);
	ok = c->excess && c->span && c->span * TEETH * BLOCKS == bits && fill(c, base, p, ctx);
	BN_CTX_end(ctx);
	if (ok)
		return c;
	ike_dh_comb_free(c);
	return NULL;
}

void ike_dh_comb_free(struct ike_dh_comb *c)
{
	if (!c)
		return;
	BN_free(c->excess);
	free(c);
}

/* out = entry m of a table, all entries being read. */
static void pick(const uint64_t *table, size_t words, unsigned m, uint64_t *out)
{
	memset(out, 0, words * 8);
	for (unsigned i = 0; i < ENTRIES; i++) {
		uint64_t mask = 0 - (((uint64_t)(i ^ m) - 1) >> 63); /* all ones where they are the same */

		__asm__ volatile("" : "+r"(mask)); /* no branch is made of it */
		for (size_t w = 0; w < words; w++)
			out[w] |= mask & table[w];
		table += words;
	}
}

/* Which entry of block j's table column b wants. x: the exponent, little endian. */
static unsigned column(const struct ike_dh_comb *c, const uint8_t *x, unsigned j, unsigned b)
{
	unsigned m = 0;

	for (unsigned i = 0; i < TEETH; i++) {
		unsigned bit = i * (c->bits / TEETH) + j * c->span + b;

		m |= (x[bit / 8] >> bit % 8 & 1u) << i;
	}
	return m;
}

static int power(const struct ike_dh_comb *c, const uint8_t *x, uint64_t *entry, BIGNUM *f, BIGNUM *r,
                 BN_CTX *ctx)
{
	size_t words = c->len / 8;
	int ok = 1, first = 1;

	for (unsigned b = c->span; b-- && ok;) {
		if (!first)
			ok = square(c, r, 1, ctx);
		for (unsigned j = 0; j < BLOCKS && ok; j++) {
			pick(c->words + j * ENTRIES * words, words, column(c, x, j, b), entry);
			ok = BN_lebin2bn((uint8_t *)entry, (int)c->len, first ? r : f) != NULL &&
			     (first || BN_mod_mul_montgomery(r, r, f, c->mont, ctx));
			first = 0;
		}
	}
	return ok && BN_mod_mul_montgomery(r, r, c->excess, c->mont, ctx) &&
	                       BN_from_montgomery(r, r, c->mont, ctx)
	               ? 0
	               : -EINVAL;
}

int ike_dh_comb_power(const struct ike_dh_comb *c, const BIGNUM *x, BIGNUM *r, BN_CTX *ctx)
{
	size_t bytes = c->bits / 8;
	uint8_t *secret = calloc(1, c->len + bytes), *le = secret ? secret + c->len : NULL;
	BIGNUM *f;
	int err = -EINVAL;

	if (!secret)
		return -EINVAL;
	BN_CTX_start(ctx);
	f = BN_CTX_get(ctx);
	if (f && BN_bn2lebinpad(x, le, (int)bytes) == (int)bytes)
		err = power(c, le, (uint64_t *)(void *)secret, f, r, ctx);
	if (f)
		BN_clear(f);
	BN_CTX_end(ctx);
	OPENSSL_cleanse(secret, c->len + bytes);
	free(secret);
	return err;
}
