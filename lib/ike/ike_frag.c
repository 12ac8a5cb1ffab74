/* SPDX-License-Identifier: MIT */
/*
 * Fragments of protected messages (RFC 7383, chapter 17): the limits, and putting a received message
 * together. Only fragments whose integrity is proven come here, so an SA holds one message of its peer at
 * most. Sending is ike_msg.c's. Entry points: ike_frag_add(), ike_frag_mtu(). Called by ike_engine.c,
 * ike_msg.c, ike_txn.c.
 */
#include "ike/ike_int.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#define FRAG_MAX     255                 /* fragments of a message (chapter 17) */
#define FRAG_WAIT_US (10 * IKE_US_PER_S) /* for the rest of a message */
#define FRAG_LEN4    1932                /* longest fragment over IPv4, and over IPv6 */
#define FRAG_LEN6    1912
#define MESSAGE_MAX  10000 /* longest message that is put together */
#define MTU4_DEFAULT 1384
#define MTU6_DEFAULT 1364

struct ike_frag {
	uint64_t due_us;
	uint32_t msgid;
	bool response, early; /* of a peer that is not proven yet */
	uint8_t first;        /* first payload, in fragment 1 */
	uint16_t total, have;
	size_t len;
	struct piece {
		uint8_t *p; /* NULL: not here yet */
		size_t len;
	} piece[FRAG_MAX];
	uint8_t *whole;
};

size_t ike_frag_first(const uint8_t *pkt, size_t len)
{
	size_t n;

	if (len < IKE_HDR_LEN)
		return len;
	n = (size_t)pkt[24] << 24 | (size_t)pkt[25] << 16 | (size_t)pkt[26] << 8 | pkt[27];
	return n >= IKE_HDR_LEN && n < len ? n : len;
}

size_t ike_frag_mtu(const struct ike_sa *sa)
{
	const struct ike_policy *p = &sa->pol->p;

	if (sa->path.remote.addr.family == AF_INET6)
		return p->mtu6 ? p->mtu6 : MTU6_DEFAULT;
	return p->mtu4 ? p->mtu4 : MTU4_DEFAULT;
}

void ike_frag_drop(struct ike_sa *sa)
{
	struct ike_frag *f = sa->fragments;

	if (!f)
		return;
	if (!f->whole)
		counter_add(&ike_sa_counters(sa)->rx_fragments_dropped, f->have);
	for (unsigned i = 0; i < FRAG_MAX; i++) {
		if (f->piece[i].p)
			OPENSSL_cleanse(f->piece[i].p, f->piece[i].len);
		free(f->piece[i].p);
	}
	if (f->whole)
		OPENSSL_cleanse(f->whole, f->len);
	sa->e->n.early_frags -= f->early;
	free(f->whole);
	free(f);
	sa->fragments = NULL;
}

uint64_t ike_frag_due(const struct ike_sa *sa)
{
	return sa->fragments ? sa->fragments->due_us : 0;
}

/* Anybody may begin as many set-ups as there is room for half-open SAs: not all of them get room for pieces,
 * too. */
static bool has_room(const struct ike_sa *sa, bool early)
{
	const struct ike_engine *e = sa->e;
	size_t max = e->cfg.max_early_frags ? e->cfg.max_early_frags : IKE_EARLY_FRAGS;

	return !early || e->n.early_frags < max;
}

/* The collection the fragment belongs to; a message in other pieces than before begins anew when it has more
 * of them (RFC 7383 section 2.6). NULL: the fragment is of no use. */
static struct ike_frag *collection(struct ike_sa *sa, const struct ike_msg *outer)
{
	struct ike_frag *f = sa->fragments;
	bool response = outer->hdr.flags & IKE_F_RESPONSE, early = !sa->initiator && sa->setup;

	if (f && f->msgid == outer->hdr.msgid && f->response == response && !f->whole) {
		if (f->total == outer->frags)
			return f;
		if (outer->frags < f->total)
			return NULL;
	}
	ike_frag_drop(sa);
	f = has_room(sa, early) ? calloc(1, sizeof(*f)) : NULL;
	if (!f)
		return NULL;
	f->early = early;
	sa->e->n.early_frags += early;
	f->msgid = outer->hdr.msgid;
	f->response = response;
	f->total = outer->frags;
	f->due_us = sa->e->now + FRAG_WAIT_US;
	sa->fragments = f;
	return f;
}

static enum ike_frag_result join(struct ike_frag *f, const uint8_t **inner, size_t *inner_len, uint8_t *first)
{
	size_t at = 0;

	f->whole = malloc(f->len ? f->len : 1);
	if (!f->whole)
		return IKE_FRAG_DROPPED;
	for (unsigned i = 0; i < f->total; i++) {
		memcpy(f->whole + at, f->piece[i].p, f->piece[i].len);
		at += f->piece[i].len;
	}
	*inner = f->whole;
	*inner_len = f->len;
	*first = f->first;
	return IKE_FRAG_WHOLE;
}

static bool fits(const struct ike_sa *sa, const struct ike_msg *outer, size_t packet_len)
{
	size_t longest = sa->path.remote.addr.family == AF_INET6 ? FRAG_LEN6 : FRAG_LEN4;

	return sa->frag && outer->frags <= FRAG_MAX && packet_len <= longest;
}

enum ike_frag_result ike_frag_add(struct ike_sa *sa, const struct ike_msg *outer, size_t packet_len,
                                  const uint8_t **inner, size_t *inner_len, uint8_t *first)
{
	unsigned i = outer->frag - 1u;
	struct ike_frag *f;

	IKE_CNT(sa, rx_fragments);
	f = fits(sa, outer, packet_len) ? collection(sa, outer) : NULL;
	if (!f || f->piece[i].p || f->len + *inner_len > MESSAGE_MAX) {
		IKE_CNT(sa, rx_fragments_dropped);
		return IKE_FRAG_DROPPED;
	}
	f->piece[i].p = malloc(*inner_len ? *inner_len : 1);
	if (!f->piece[i].p)
		return IKE_FRAG_DROPPED;
	memcpy(f->piece[i].p, *inner, *inner_len);
	f->piece[i].len = *inner_len;
	f->len += *inner_len;
	if (i == 0)
		f->first = outer->sk_next;
	if (++f->have < f->total)
		return IKE_FRAG_KEPT;
	IKE_CNT(sa, rx_fragmented_packet);
	return join(f, inner, inner_len, first);
}

void ike_frag_put_support(struct ike_build *b, struct ike_sa *sa)
{
	if (sa->pol->p.no_fragmentation || (!sa->initiator && !sa->frag))
		return;
	ike_wire_put_notify(b, 0, 0, 0, IKE_N_IKEV2_FRAGMENTATION_SUPPORTED, NULL, 0);
	ike_notify_count_sent(ike_sa_counters(sa), IKE_N_IKEV2_FRAGMENTATION_SUPPORTED);
}

void ike_frag_note_support(struct ike_sa *sa, const struct ike_msg *m)
{
	sa->frag = !sa->pol->p.no_fragmentation && ike_wire_notify(m, IKE_N_IKEV2_FRAGMENTATION_SUPPORTED);
}
