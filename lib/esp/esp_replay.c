/* SPDX-License-Identifier: MIT */
/*
 * Anti-replay window: a ring of 64-bit blocks that is moved by clearing whole blocks, never by shifting (RFC
 * 6479), with 64-bit sequence numbers inside (RFC 4303 section 3.4.3, appendix A). Called by esp_open();
 * check, then verify the packet, then mark.
 */
#include "esp/esp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int esp_replay_init(struct esp_replay *r, uint32_t window, uint64_t top)
{
	uint32_t blocks = 1;
	uint32_t used;

	memset(r, 0, sizeof(*r));
	if (window > ESP_REPLAY_MAX)
		return -EINVAL;
	r->top = top;
	r->window = window;
	if (!window)
		return 0;
	while (blocks < (window + 63) / 64 + 1)
		blocks *= 2;
	r->map = calloc(blocks, sizeof(*r->map));
	if (!r->map)
		return -ENOMEM;
	r->mask = blocks - 1;
	if (!top)
		return 0;
	/* Resumed: whatever is not above the right edge counts as seen. Blocks ahead are cleared when
	 * entered. */
	memset(r->map, 0xff, blocks * sizeof(*r->map));
	used = (uint32_t)(top & 63);
	r->map[(top >> 6) & r->mask] = used == 63 ? ~0ULL : (1ULL << (used + 1)) - 1;
	return 0;
}

void esp_replay_free(struct esp_replay *r)
{
	free(r->map);
	memset(r, 0, sizeof(*r));
}

uint64_t esp_replay_infer(const struct esp_replay *r, uint32_t low)
{
	uint32_t window = r->window ? r->window : 1u << 31;
	uint32_t top_low = (uint32_t)r->top;
	uint64_t high = r->top >> 32;
	uint32_t left = top_low - (window - 1);

	if (top_low >= window - 1)
		high += low < left; /* the window lies within one subspace: a smaller number is of the next */
	else if (low >= left && high)
		high--; /* the window reaches back into the previous subspace */
	return high << 32 | low;
}

enum esp_reason esp_replay_check(const struct esp_replay *r, uint64_t seq)
{
	if (!r->window)
		return ESP_OK;
	if (!seq)
		return ESP_DROP_LATE;
	if (seq > r->top)
		return ESP_OK;
	if (r->top - seq >= r->window)
		return ESP_DROP_LATE;
	return r->map[(seq >> 6) & r->mask] >> (seq & 63) & 1 ? ESP_DROP_REPLAY : ESP_OK;
}

void esp_replay_mark(struct esp_replay *r, uint64_t seq)
{
	uint64_t block = seq >> 6;
	uint64_t cur = r->top >> 6;
	uint64_t steps;

	if (seq > r->top) {
		r->top = seq;
		if (r->window) {
			steps = block - cur;
			if (steps > r->mask + 1ULL)
				steps = r->mask + 1ULL;
			while (steps--)
				r->map[++cur & r->mask] = 0;
		}
	}
	if (r->window)
		r->map[block & r->mask] |= 1ULL << (seq & 63);
}
