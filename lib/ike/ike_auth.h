/* SPDX-License-Identifier: MIT */
/*
 * What both halves of IKE_AUTH share (RFC 7296 section 2.15). Between ike_auth.c and ike_auth_init.c only.
 */
#ifndef IKE_IKE_AUTH_H
#define IKE_IKE_AUTH_H

#include "ike/ike_int.h"

/* ---- ike_proof.c ---- */
/* The ways to authenticate of a policy; never none. */
const struct ike_auth_set *ike_proof_sets(const struct ike_policy *p, unsigned *n);
/* What AUTH of one side covers: its first message, the other's nonce, prf(SK_p, ID body) (in mac). 0 or
 * -errno. */
int ike_proof_octets(struct ike_sa *sa, bool of_initiator, struct ike_buf id_body, uint8_t mac[IKE_PRF_MAX],
                     struct ike_buf out[3]);
/* Our AUTH by the SA's auth set. 0 or -errno. */
int ike_proof_put_auth(struct ike_build *b, struct ike_sa *sa, const struct ike_id *local,
                       const struct ike_id *peer);
/* Is the message's AUTH the peer's? 0: yes, and the SA has its auth set; else counted, and the reason in
 * setup->why. */
int ike_proof_check(struct ike_rx *rx, const struct ike_id *local, const struct ike_id *peer);
/* Was our certificate what proved us? For the counters. */
bool ike_proof_by_cert(const struct ike_sa *sa);

/* ---- ike_cert.c ---- */
/* CERT payloads of ours, as the peer's CERTREQ (m; as initiator NULL: IKE_SA_INIT's) asks. */
void ike_cert_put(struct ike_build *b, struct ike_sa *sa, const struct ike_msg *m);
/* CERTREQ with our CAs, where the peer is to be proven by certificate. */
void ike_cert_put_request(struct ike_build *b, struct ike_sa *sa);
/* AUTH by signature over data. 0 or -errno. */
int ike_cert_sign(struct ike_build *b, struct ike_sa *sa, const struct ike_buf data[3]);
/* Is the message's AUTH, a signature over data, that of the peer's certificate, and the certificate that of
 * the peer? 0 or -EACCES, with the reason in setup->why. */
int ike_cert_check(struct ike_rx *rx, const struct ike_id *peer, const struct ike_buf data[3]);

/* ---- ike_auth.c ---- */
/* Who we are on this SA. */
void ike_auth_local_id(const struct ike_sa *sa, struct ike_id *id);
void ike_auth_ident(const struct ike_ident *in, struct ike_id *id);

#endif
