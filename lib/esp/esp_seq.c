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

/* The first number at or above `from` at which a block of the lane begins. */
static uint64_t lane_base(uint8_t lane, uint64_t from)
{
	uint64_t block = (from + ESP_SEQ_BLOCK - 1) / ESP_SEQ_BLOCK;

	if (lane == ESP_LANE_ALL)
		return from;
	if ((block & 1) != (lane == ESP_LANE_ODD))
		block++;
	return block * ESP_SEQ_BLOCK;
}

uint64_t esp_seq_first(uint8_t lane)
{
	return lane == ESP_LANE_ODD ? ESP_SEQ_BLOCK : 1;
}

uint64_t esp_seq_first_mark(uint8_t lane)
{
	return lane == ESP_LANE_ODD ? 2 * ESP_SEQ_BLOCK : ESP_SEQ_BLOCK;
}

bool esp_seq_want(struct esp_sa *sa, uint64_t *mark)
{
	uint64_t end = last_limit(sa);
	uint64_t left = sa->seq_limit > sa->seq ? sa->seq_limit - sa->seq - 1 : 0;
	uint64_t base = lane_base(sa->lane, sa->seq_limit > sa->seq ? sa->seq_limit : sa->seq + 1);

	if (sa->seq_asked != sa->seq_limit || sa->next_limit || left > ESP_SEQ_BLOCK / 2 || base >= end)
		return false;
	sa->seq_asked = end - base < ESP_SEQ_BLOCK ? end : base + ESP_SEQ_BLOCK;
	*mark = sa->seq_asked;
	return true;
}

void esp_seq_durable(struct esp_sa *sa, uint64_t mark)
{
	uint64_t base = lane_base(sa->lane, sa->seq_limit > sa->seq ? sa->seq_limit : sa->seq + 1);

	if (mark > last_limit(sa))
		mark = last_limit(sa);
	if (sa->lane != ESP_LANE_ALL && mark > base && base > sa->seq_limit) {
		/* Numbers between are the other chassis'. */
		sa->next_base = base;
		sa->next_limit = mark;
		sa->seq_asked = sa->seq_limit;
		return;
	}
	if (mark > sa->seq_limit && !sa->next_limit)
		sa->seq_limit = mark;
	if (sa->seq_asked < sa->seq_limit || mark == sa->seq_asked)
		sa->seq_asked = sa->seq_limit;
}

void esp_seq_roll(struct esp_sa *sa)
{
	if (!sa->next_limit || sa->seq + 1 < sa->seq_limit)
		return;
	if (sa->next_base > sa->seq + 1)
		sa->seq = sa->next_base - 1;
	sa->seq_limit = sa->seq_asked = sa->next_limit;
	sa->next_base = sa->next_limit = 0;
}

bool esp_seq_ready(const struct esp_sa *sa)
{
	return sa->next_limit || sa->seq + 1 < sa->seq_limit;
}

uint64_t esp_seq_marked(const struct esp_sa *sa)
{
	return sa->next_limit > sa->seq_asked ? sa->next_limit : sa->seq_asked;
}

void esp_seq_retry(struct esp_sa *sa)
{
	sa->seq_asked = sa->seq_limit;
}

uint64_t esp_seq_left(const struct esp_sa *sa)
{
	return last_limit(sa) - 1 - sa->seq;
}
