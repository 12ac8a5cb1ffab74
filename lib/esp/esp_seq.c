/* SPDX-License-Identifier: MIT */
/*
 * Outbound sequence numbers under a durable high-water mark: no number at or above seq_limit is ever used,
 * and the limit only moves when its owner says that the new mark would survive a failure. A resumed SA starts
 * at its mark, so a number is never used twice with a key (DESIGN section 6). Called by the owner of the SA
 * between packets.
 */
#include "esp/esp.h"

static uint64_t last_limit(const struct esp_sa *sa)
{
	return sa->esn ? UINT64_MAX : 1ULL << 32;
}

bool esp_seq_want(struct esp_sa *sa, uint64_t *mark)
{
	uint64_t end = last_limit(sa);
	uint64_t left = sa->seq_limit > sa->seq ? sa->seq_limit - sa->seq - 1 : 0;
	uint64_t base = sa->seq_limit > sa->seq ? sa->seq_limit : sa->seq + 1;

	if (sa->seq_asked != sa->seq_limit || left > ESP_SEQ_BLOCK / 2 || sa->seq_limit >= end)
		return false;
	sa->seq_asked = end - base < ESP_SEQ_BLOCK ? end : base + ESP_SEQ_BLOCK;
	*mark = sa->seq_asked;
	return true;
}

void esp_seq_durable(struct esp_sa *sa, uint64_t mark)
{
	if (mark > last_limit(sa))
		mark = last_limit(sa);
	if (mark > sa->seq_limit)
		sa->seq_limit = mark;
	if (sa->seq_asked < sa->seq_limit || mark == sa->seq_asked)
		sa->seq_asked = sa->seq_limit;
}

void esp_seq_retry(struct esp_sa *sa)
{
	sa->seq_asked = sa->seq_limit;
}

uint64_t esp_seq_left(const struct esp_sa *sa)
{
	return last_limit(sa) - 1 - sa->seq;
}
