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
/* Are we, as initiator, proven by EAP? */
bool ike_proof_by_eap(const struct ike_sa *sa);
/* The same two after EAP (RFC 7296 section 2.16); id_body: of the peer's ID payload. 0 or -errno. */
int ike_proof_put_eap(struct ike_build *b, struct ike_sa *sa, const struct ike_id *local);
int ike_proof_check_eap(struct ike_rx *rx, struct ike_buf id_body);

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
/* IDr, CERT and AUTH, in answer to m. 0 or -errno. */
int ike_auth_put_proof(struct ike_build *b, struct ike_sa *sa, const struct ike_msg *m);
/* The peer has proven itself in several rounds: what its first request asks for. */
void ike_auth_proven(struct ike_rx *rx);

/* ---- ike_eap.c, ike_eap_init.c ---- */
/* Does this request, without AUTH, begin EAP? Then its auth set is taken. */
bool ike_eap_begins(struct ike_rx *rx);
/* … then: its identity is known and not refused. */
void ike_eap_begin(struct ike_rx *rx);
/* Keep the peer's first message and what belongs to EAP. NULL: memory. */
struct ike_eap *ike_eap_new(const struct ike_rx *rx);
/* As initiator: an answer of the gateway, which has proven itself. 0: EAP is over and the answer good;
 * -EINPROGRESS: it goes on; -EACCES: not believed. */
int ike_eap_response(struct ike_rx *rx);
/* … what our owner says to it. */
void ike_eap_reply(struct ike_sa *sa, struct ike_out *t, const struct ike_eap_result *r);

/* ---- ike_device.c ---- */
/* What the peer's message tells of its device; a wrong one is counted and ignored. */
void ike_device_take(struct ike_rx *rx);
/* The same of the private attribute of its configuration payload (chapter 20); a wrong one is ignored. */
void ike_device_take_attribute(struct ike_rx *rx);
/* As initiator: our device into the configuration payload. value has to live until that is put. */
void ike_device_attribute(const struct ike_sa *sa, struct ike_cp *cp, uint8_t value[IKE_DEVICE_LEN]);
/* Ask for it; tell ours. */
void ike_device_put_request(struct ike_build *b, struct ike_sa *sa);
void ike_device_put(struct ike_build *b, struct ike_sa *sa);

/* ---- ike_pcscf.c ---- */
/* The APN whose P-CSCF addresses this IKE_AUTH request asks for, into text; NULL: it asks for none. */
const char *ike_pcscf_apn(const struct ike_policy *p, const struct ike_msg *m, char text[IKE_ID_MAX + 1]);
/* What is told of r to who asked so (body of the request's configuration payload), into the answer. */
void ike_pcscf_answer(const struct ike_policy *p, const struct ike_buf *request,
                      const struct ike_session_result *r, struct ike_cp *cp);
/* As initiator: ask. */
void ike_pcscf_ask(const struct ike_policy *p, struct ike_cp *cp);

#endif
