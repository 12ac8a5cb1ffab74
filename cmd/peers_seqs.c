/* SPDX-License-Identifier: MIT */
/*
 * Which ESP sequence numbers were received on an SPI: an exact set in chunks of 4096, made when first
 * touched, so that a number used twice by the gateway is found however long ago it was used (a replay window
 * would forget). The tags of the latest packets tell a copy made by the network from a new packet under an
 * old number. Called by peers_esp.c for authenticated packets.
 */
#include "cmd/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BITS  4096u
#define CHUNK_BYTES (CHUNK_BITS / 8)

/* The chunk of this number; made when it is missing. NULL: no memory. */
static uint64_t *chunk_of(struct peers_seqs *s, uint32_t no)
{
	unsigned i;

	if (s->n && s->chunk_no[s->last] == no)
		return s->chunk[s->last];
	for (i = s->n; i-- > 0;)
		if (s->chunk_no[i] == no) {
			s->last = i;
			return s->chunk[i];
		}
	if (s->n == s->size) {
		unsigned size = s->size ? 2 * s->size : 2;
		uint32_t *nos = realloc(s->chunk_no, size * sizeof(*nos));
		uint64_t **chunks;

		if (!nos)
			return NULL;
		s->chunk_no = nos;
		chunks = realloc(s->chunk, size * sizeof(*chunks));
		if (!chunks)
			return NULL;
		s->chunk = chunks;
		s->size = size;
	}
	s->chunk[s->n] = calloc(1, CHUNK_BYTES);
	if (!s->chunk[s->n])
		return NULL;
	s->chunk_no[s->n] = no;
	s->last = s->n;
	return s->chunk[s->n++];
}

int peers_seqs_seen(struct peers_seqs *s, uint32_t seq, uint32_t tag)
{
	uint64_t *chunk = chunk_of(s, seq / CHUNK_BITS);
	uint64_t bit = 1ULL << (seq % 64);
	unsigned i, word = seq % CHUNK_BITS / 64;

	if (!chunk)
		return -ENOMEM;
	if (chunk[word] & bit) {
		for (i = 0; i < PEERS_RECENT; i++)
			if (s->recent[i].seq == seq && s->recent[i].tag == tag)
				return 1;
		return -EEXIST;
	}
	chunk[word] |= bit;
	s->recent[s->recent_at].seq = seq;
	s->recent[s->recent_at].tag = tag;
	s->recent_at = (s->recent_at + 1) % PEERS_RECENT;
	return 0;
}

void peers_seqs_free(struct peers_seqs *s)
{
	unsigned i;

	for (i = 0; i < s->n; i++)
		free(s->chunk[i]);
	free(s->chunk);
	free(s->chunk_no);
	memset(s, 0, sizeof(*s));
}
