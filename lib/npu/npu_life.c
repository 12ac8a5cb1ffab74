/* SPDX-License-Identifier: MIT */
/*
 * The life of an SA as its traffic shows it: its first packet, bytes and sequence numbers that run out or are
 * used up (chapters 8 and 12), inner packets that don't belong to it. What runs out is told again at every
 * eighth of the rest, in case nobody heard. Runs in the worker's thread.
 */
#include <string.h>

#include "npu/npu_int.h"

static uint64_t first_due(uint64_t soft, uint64_t hard)
{
	if (soft)
		return soft;
	return hard ? hard : UINT64_MAX;
}

void npu_life_begin(struct npu_sa *sa)
{
	sa->bytes_due = first_due(sa->soft_bytes, sa->hard_bytes);
	sa->seq_due = first_due(sa->soft_seq, sa->hard_seq);
	sa->activity_due = 0;
	sa->used_told = sa->hard_told = false;
}

static struct npu_event about(const struct npu_sa *sa, enum npu_event_kind kind)
{
	return (struct npu_event){.kind = kind,
	                          .ctx = sa->ctx,
	                          .instance = sa->instance,
	                          .spi = sa->esp->in.spi,
	                          .local = sa->local,
	                          .remote = sa->remote};
}

static void tell(struct npu *n, const struct npu_sa *sa, enum npu_event_kind kind, bool must)
{
	struct npu_event e = about(sa, kind);

	npu_queue_event(n, &e, must);
}

/* value reached what was due. Returns what is due next. */
static uint64_t due(struct npu *n, struct npu_sa *sa, uint64_t value, uint64_t soft, uint64_t hard,
                    enum npu_event_kind kind)
{
	uint64_t step = hard > soft ? (hard - soft) / 8 + 1 : soft / 8 + 1;

	if (hard && value >= hard) {
		if (!sa->hard_told)
			tell(n, sa, NPU_EV_HARD, true);
		sa->hard_told = true;
		return UINT64_MAX;
	}
	tell(n, sa, kind, true);
	return hard && value + step > hard ? hard : value + step;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void npu_life_packet(struct npu *n, struct npu_sa *sa)
{
	const struct esp_sa *esp = sa->esp;
	uint64_t bytes = larger(esp->in.bytes, esp->out.bytes), seq = larger(esp->seq, esp->replay.top);

	if (!sa->used_told) {
		sa->used_told = true;
		tell(n, sa, NPU_EV_TRAFFIC, true); /* or it would not be rekeyed */
	}
	if (bytes >= sa->bytes_due)
		sa->bytes_due = due(n, sa, bytes, sa->soft_bytes, sa->hard_bytes, NPU_EV_BYTES_SOFT);
	if (seq >= sa->seq_due)
		sa->seq_due = due(n, sa, seq, sa->soft_seq, sa->hard_seq, NPU_EV_SEQ_SOFT);
}

void npu_life_activity(struct npu *n, struct npu_sa *sa)
{
	if (!sa->activity_us || n->now < sa->activity_due)
		return;
	sa->activity_due = n->now + sa->activity_us;
	tell(n, sa, NPU_EV_FIRST_USE, false);
}

void npu_life_selector(struct npu *n, const struct npu_sa *sa, const struct esp_pkt *pkt)
{
	struct npu_event e;

	if (n->now / 1000000 == n->selector_second)
		return;
	n->selector_second = n->now / 1000000;
	e = about(sa, NPU_EV_SELECTOR);
	e.excerpt_len = (uint16_t)(pkt->len < NPU_EXCERPT ? pkt->len : NPU_EXCERPT);
	memcpy(e.excerpt, pkt->data, e.excerpt_len);
	npu_queue_event(n, &e, false);
}
