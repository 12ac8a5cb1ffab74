/* SPDX-License-Identifier: MIT */
/*
 * COOKIE (RFC 7296 section 2.6): above a number of half-open SAs a peer must first show that it gets our
 * packets. Nothing is kept per peer: the cookie is a MAC under a secret that changes every minute; the one
 * before is still good. Entry points: ike_cookie_wanted(), ike_cookie_make(), ike_cookie_check(),
 * ike_cookie_threshold(). Called by ike_init.c.
 */
#include "ike/ike_int.h"

#include <string.h>

#include <openssl/crypto.h>

bool ike_cookie_wanted(struct ike_engine *e)
{
	return e->cookies;
}

/* Switch the challenge on or off by the number of half-open SAs, and tell. */
void ike_cookie_threshold(struct ike_engine *e, struct ike_out *t)
{
	uint32_t on = e->cfg.cookie_on, off = e->cfg.cookie_off ? e->cfg.cookie_off : on / 2;

	if (e->cfg.cookie_always ? e->cookies : !on && !e->cookies)
		return;
	if (!e->cookies && (e->cfg.cookie_always || e->n.half_open >= on)) {
		e->cookies = true;
		ike_out_event(t, IKE_EV_COOKIES_ON, NULL, IKE_R_NONE);
	} else if (e->cookies && (!on || e->n.half_open < off || !e->n.half_open)) {
		e->cookies = false;
		ike_out_event(t, IKE_EV_COOKIES_OFF, NULL, IKE_R_NONE);
	}
}

static void rotate(struct ike_engine *e)
{
	for (int i = 0; i < 2 && e->now - e->cookie_us >= IKE_COOKIE_US; i++) {
		e->cookie_gen++;
		e->cb.random(e->arg, e->cookie_secret[e->cookie_gen & 1], sizeof(e->cookie_secret[0]));
		e->cookie_us = i ? e->now : e->cookie_us + IKE_COOKIE_US;
	}
}

void ike_cookie_make(struct ike_engine *e, const struct ike_path *path, uint64_t spi_i,
                     const struct ike_buf *ni, uint8_t gen, uint8_t out[IKE_COOKIE_LEN])
{
	struct ike_buf in[4] = {*ni,
	                        {path->remote.addr.bytes, sizeof(path->remote.addr.bytes)},
	                        {(const uint8_t *)&spi_i, sizeof(spi_i)},
	                        {(const uint8_t *)&path->ctx_id, sizeof(path->ctx_id)}};

	memset(out, 0, IKE_COOKIE_LEN);
	out[0] = gen;
	ike_crypto_prf(e->crypto, IKE_PRF_HMAC_SHA2_256, e->cookie_secret[gen & 1],
	               sizeof(e->cookie_secret[0]), in, 4, out + 1);
}

bool ike_cookie_check(struct ike_engine *e, const struct ike_path *path, uint64_t spi_i,
                      const struct ike_buf *ni, const struct ike_buf *got)
{
	uint8_t want[IKE_COOKIE_LEN];

	rotate(e);
	if (!got || got->len != IKE_COOKIE_LEN)
		return false;
	if (got->p[0] != e->cookie_gen && got->p[0] != (uint8_t)(e->cookie_gen - 1))
		return false;
	ike_cookie_make(e, path, spi_i, ni, got->p[0], want);
	return !CRYPTO_memcmp(want, got->p, IKE_COOKIE_LEN);
}
