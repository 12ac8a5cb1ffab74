/* SPDX-License-Identifier: MIT */
/*
 * Private to lib/ike: payloads of a template, and what of a peer's wishes they grant (see ike_payload.c).
 */
#ifndef IKE_IKE_PAYLOAD_H
#define IKE_IKE_PAYLOAD_H

#include "ike/ike_int.h"
#include "ike/ike_proposal.h"

/* What a request for a child says. */
struct ike_ask {
	const struct ike_proposals *props;
	const struct ike_ts *tsi, *tsr; /* at most IKE_WIRE_TS_MAX each */
	unsigned n_tsi, n_tsr;
	enum ike_dh_rule dh_rule;
	uint16_t ke_group;
};

/* What came of it. */
struct ike_agreed {
	uint8_t payload, num; /* index of the payload; number of the chosen proposal */
	struct ike_suite suite;
	uint32_t spi_out;
	struct ike_ts local[IKE_MAX_TS], remote[IKE_MAX_TS];
	unsigned n_local, n_remote;
};

unsigned ike_payload_count(const struct ike_policy *p);
/* Never NULL: a child whose payload is not configured any more goes by the first one. */
const struct ike_payload *ike_payload_of(const struct ike_child *c);
int ike_payload_find(const struct ike_policy *p, const char *name); /* index, or -ENOENT */
/* Does any payload give the peer an address, or ask for one? */
bool ike_payload_assigns(const struct ike_policy *p);
/* One payload's settings. 0, -EINVAL, -ENOTSUP. */
int ike_payload_check(const struct ike_payload *y);
/* Another policy took this one's place: its children find their payloads by name. */
void ike_payload_remap(struct ike_engine *e, const struct ike_pol *pol, const struct ike_policy *was);

/* May one more child be made? 0, or NO_ADDITIONAL_SAS; counts both overflows (chapter 8, max-childsa). */
uint16_t ike_payload_room(struct ike_sa *sa);
/* The same algorithms, whatever group and kind of sequence numbers. */
bool ike_payload_same_cipher(const struct ike_suite *a, const struct ike_suite *b);
/* A new child: the first payload that has room and agrees. 0, or the notify to refuse with. */
uint16_t ike_payload_agree(struct ike_sa *sa, const struct ike_ask *ask, struct ike_agreed *a);
/* The rekey of `target`: what it has comes first, and is all there is where the payload disallows changes. */
uint16_t ike_payload_agree_rekey(struct ike_sa *sa, const struct ike_child *target, const struct ike_ask *ask,
                                 struct ike_agreed *a);

/* The selectors we ask for with a payload, as far as nobody asked for others. */
void ike_payload_wish(const struct ike_sa *sa, unsigned payload, struct ike_agreed *a);
/* The payload for a child of ours: the first without any, else the first with room, else the first. */
unsigned ike_payload_next(const struct ike_sa *sa);
/* More children than the first one are configured: ask for them (chapter 11, multiple child SAs). */
void ike_payload_complete(struct ike_sa *sa);
/* Does a child that we made have to go, because the peer made one of the same payload meanwhile? */
bool ike_payload_surplus(const struct ike_sa *sa, const struct ike_child *c);

/* The addresses that were assigned to the peer, as selectors. Returns how many. */
unsigned ike_payload_hosts(const struct ike_sa *sa, struct ike_ts host[2]);

#endif
