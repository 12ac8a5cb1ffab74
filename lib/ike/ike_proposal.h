/* SPDX-License-Identifier: MIT */
/*
 * Choosing among proposals (RFC 7296 section 2.7, 3.3.6). Pure functions. Called by ike_init.c, ike_auth.c,
 * ike_child.c, ike_rekey.c.
 */
#ifndef IKE_IKE_PROPOSAL_H
#define IKE_IKE_PROPOSAL_H

#include "ike/ike_wire.h"

/* What Diffie-Hellman transforms mean where the SA payload stands. */
enum ike_dh_rule {
	IKE_DH_REQUIRED, /* IKE SA: our suite's group, exactly */
	IKE_DH_IGNORED,  /* child in IKE_AUTH: never negotiated */
	IKE_DH_OPTIONAL, /* child in CREATE_CHILD_SA: our suite's group if it has one, else none, else what
	                    the peer insists on */
};

/*
 * The first of our suites that a proposal of the peer allows; *out is it (dh as agreed), *prop the proposal,
 * to be answered with its number and used for its SPI. ke_group: the group of the peer's KE payload
 * (preferred with OPTIONAL), 0: none. 0 or -ENOENT.
 */
int ike_proposal_choose(const struct ike_proposals *p, uint8_t proto, uint8_t spi_len,
                        const struct ike_suite *mine, unsigned n, enum ike_dh_rule rule, uint16_t ke_group,
                        struct ike_suite *out, const struct ike_proposal **prop);
/* An answer: exactly one proposal with one transform of a kind, allowed by what we offered. 0 or -ENOENT. */
int ike_proposal_accept(const struct ike_proposals *p, uint8_t proto, uint8_t spi_len,
                        const struct ike_suite *offer, unsigned n, enum ike_dh_rule rule,
                        struct ike_suite *out, const struct ike_proposal **prop);
/* The SPI of a proposal as a number. */
uint64_t ike_proposal_spi(const struct ike_proposal *p);

#endif
