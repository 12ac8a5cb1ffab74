/* SPDX-License-Identifier: MIT */
/* Holding back acknowledgements until the standby chassis has the rows; see srdb_hold.h. A ring that grows,
 * in version order. */
#include <stdlib.h>

#include "srdb/srdb_hold.h"

struct item {
	int64_t version;
	void *arg;
};

struct srdb_hold {
	srdb_release_fn release;
	void *ctx;
	bool in_sync;
	int64_t acked;
	struct item *ring;
	size_t head, n, size;
};

struct srdb_hold *srdb_hold_new(srdb_release_fn release, void *ctx)
{
	struct srdb_hold *h = calloc(1, sizeof(*h));

	if (h) {
		h->release = release;
		h->ctx = ctx;
	}
	return h;
}

void srdb_hold_free(struct srdb_hold *h)
{
	if (!h)
		return;
	free(h->ring);
	free(h);
}

static void release_upto(struct srdb_hold *h, int64_t version)
{
	while (h->n > 0 && h->ring[h->head].version <= version) {
		struct item it = h->ring[h->head];

		h->head = (h->head + 1) % h->size;
		h->n--;
		h->release(it.arg, it.version, h->ctx);
	}
}

static bool grow(struct srdb_hold *h)
{
	size_t size = h->size ? h->size * 2 : 256;
	struct item *ring = calloc(size, sizeof(*ring));

	if (!ring)
		return false;
	for (size_t i = 0; i < h->n; i++)
		ring[i] = h->ring[(h->head + i) % h->size];
	free(h->ring);
	h->ring = ring;
	h->head = 0;
	h->size = size;
	return true;
}

void srdb_hold_add(struct srdb_hold *h, int64_t version, void *arg)
{
	/* Nothing may overtake what waits, so a write that need not wait for itself still queues behind
	 * others. */
	if (!h->in_sync || (version <= h->acked && h->n == 0)) {
		h->release(arg, version, h->ctx);
		return;
	}
	if (h->n == h->size && !grow(h)) {
		release_upto(h, INT64_MAX);
		h->release(arg, version, h->ctx);
		return;
	}
	h->ring[(h->head + h->n++) % h->size] = (struct item){version, arg};
}

void srdb_hold_acked(struct srdb_hold *h, int64_t version)
{
	if (h->in_sync && version < h->acked)
		return;
	h->acked = version;
	if (h->in_sync)
		release_upto(h, version);
}

void srdb_hold_sync(struct srdb_hold *h, bool in_sync)
{
	h->in_sync = in_sync;
	if (!in_sync)
		release_upto(h, INT64_MAX);
}

bool srdb_hold_in_sync(const struct srdb_hold *h)
{
	return h->in_sync;
}

int64_t srdb_hold_acked_version(const struct srdb_hold *h)
{
	return h->acked;
}

size_t srdb_hold_waiting(const struct srdb_hold *h)
{
	return h->n;
}
