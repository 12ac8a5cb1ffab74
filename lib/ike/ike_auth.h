/* SPDX-License-Identifier: MIT */
/*
 * What both halves of IKE_AUTH share (RFC 7296 section 2.15). Between ike_auth.c and ike_auth_init.c only.
 */
#ifndef IKE_IKE_AUTH_H
#define IKE_IKE_AUTH_H

#include "ike/ike_int.h"

/* The key that proves us (own) or the peer. 0, -ENOENT (none), -EACCES (refused), -EINVAL. psk takes
 * IKE_PSK_MAX bytes. */
int ike_auth_psk(struct ike_sa *sa, bool own, const struct ike_id *local, const struct ike_id *peer,
                 uint8_t *psk, size_t *len);
/* The AUTH value of one side; out takes the prf's length. */
int ike_auth_mac(struct ike_sa *sa, bool of_initiator, const uint8_t *psk, size_t psk_len,
                 struct ike_buf id_body, uint8_t *out);
/* Body of an ID payload as AUTH covers it; buf takes 4 + IKE_ID_MAX bytes. */
void ike_auth_id_body(const struct ike_id *id, uint8_t *buf, struct ike_buf *body);
/* Who we are on this SA. */
void ike_auth_local_id(const struct ike_sa *sa, struct ike_id *id);
void ike_auth_ident(const struct ike_ident *in, struct ike_id *id);

#endif
