/* SPDX-License-Identifier: MIT */
/*
 * Traffic selectors: narrowing (RFC 7296 section 2.9) and small helpers. Pure functions. Called by ike_auth.c
 * and ike_child.c.
 */
#ifndef IKE_IKE_TS_H
#define IKE_IKE_TS_H

#include "ike/ike.h"

/* What a and b have in common. False: nothing. */
bool ike_ts_intersect(const struct ike_ts *a, const struct ike_ts *b, struct ike_ts *out);
/* The peer's wish narrowed by our limits (none: anything goes). How many of out[IKE_MAX_TS] are left; 0:
 * TS_UNACCEPTABLE. */
unsigned ike_ts_narrow(const struct ike_ts *wish, unsigned n_wish, const struct ike_ts *limit,
                       unsigned n_limit, struct ike_ts out[IKE_MAX_TS]);
/* Every selector of `part` lies within one of `whole`. */
bool ike_ts_within(const struct ike_ts *part, unsigned n_part, const struct ike_ts *whole, unsigned n_whole);
/* All of an address family, any protocol. */
struct ike_ts ike_ts_any(uint16_t family);
struct ike_ts ike_ts_host(const struct net_addr *a);
bool ike_ts_equal(const struct ike_ts *a, const struct ike_ts *b);

#endif
