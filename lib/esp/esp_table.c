/* SPDX-License-Identifier: MIT */
/*
 * The table of SAs: inbound by SPI (open addressing, linear probing), outbound by the smallest prefix around
 * each remote selector (one hash table, tried from the longest prefix length in use), where the selectors
 * then decide. Among SAs with the same prefix the newest comes first, which is make-before-break.
 * Single-threaded. Called by iftask, peers.
 */
#include "esp/esp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MIN_SLOTS 64

struct esp_node {
	struct net_addr prefix;
	uint8_t len;
	struct esp_sa *sa;
	struct esp_node *next, **prev;
};

struct esp_table {
	uint64_t seed, gen;
	struct esp_sa **slots; /* by inbound SPI */
	size_t n_slots, count;
	struct esp_node **buckets;
	size_t n_buckets, n_nodes;
	uint32_t lens[2][129]; /* nodes per prefix length; [0] IPv4, [1] IPv6 */
	uint8_t order[2][129]; /* lengths in use, longest first */
	size_t n_order[2];
};

struct esp_table *esp_table_new(uint64_t seed)
{
	struct esp_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->seed = seed;
	t->n_slots = t->n_buckets = MIN_SLOTS;
	t->slots = calloc(t->n_slots, sizeof(struct esp_sa *));
	t->buckets = calloc(t->n_buckets, sizeof(struct esp_node *));
	if (!t->slots || !t->buckets) {
		esp_table_free(t);
		return NULL;
	}
	return t;
}

void esp_table_free(struct esp_table *t)
{
	size_t i;

	if (!t)
		return;
	for (i = 0; t->slots && i < t->n_slots; i++) {
		if (!t->slots[i])
			continue;
		free(t->slots[i]->nodes);
		t->slots[i]->nodes = NULL;
		esp_sa_free(t->slots[i]);
	}
	free(t->slots);
	free(t->buckets);
	free(t);
}

/* --- inbound ------------------------------------------------------------------------------------------- */

static size_t spi_home(const struct esp_table *t, uint32_t spi)
{
	uint64_t x = (spi ^ t->seed) * 0x9e3779b97f4a7c15ULL;

	return (size_t)(x >> 32) & (t->n_slots - 1);
}

/* The slot that holds spi, or the empty one where it belongs. There's always an empty one. */
static size_t spi_slot(const struct esp_table *t, uint32_t spi)
{
	size_t i = spi_home(t, spi);

	while (t->slots[i] && t->slots[i]->in.spi != spi)
		i = (i + 1) & (t->n_slots - 1);
	return i;
}

static int grow_slots(struct esp_table *t)
{
	struct esp_sa **old = t->slots;
	size_t n_old = t->n_slots;
	struct esp_sa **fresh;
	size_t i;

	if (t->count * 2 < t->n_slots)
		return 0;
	fresh = calloc(n_old * 2, sizeof(struct esp_sa *));
	if (!fresh)
		return -ENOMEM;
	t->slots = fresh;
	t->n_slots = n_old * 2;
	for (i = 0; i < n_old; i++)
		if (old[i])
			t->slots[spi_slot(t, old[i]->in.spi)] = old[i];
	free(old);
	return 0;
}

/* Close the gap at i: move back what probed over it. */
static void clear_slot(struct esp_table *t, size_t i)
{
	size_t mask = t->n_slots - 1;
	size_t j = i;

	for (;;) {
		t->slots[i] = NULL;
		for (;;) {
			size_t home;

			j = (j + 1) & mask;
			if (!t->slots[j])
				return;
			home = spi_home(t, t->slots[j]->in.spi);
			if (((j - home) & mask) >= ((j - i) & mask))
				break;
		}
		t->slots[i] = t->slots[j];
		i = j;
	}
}

struct esp_sa *esp_table_in(const struct esp_table *t, uint32_t spi_in)
{
	return t->slots[spi_slot(t, spi_in)];
}

/* --- outbound ------------------------------------------------------------------------------------------ */

static size_t bucket_of(const struct esp_table *t, const struct net_addr *prefix, uint8_t len)
{
	return net_addr_hash(prefix, t->seed + len) & (t->n_buckets - 1);
}

static void link_head(struct esp_node **head, struct esp_node *n)
{
	n->next = *head;
	n->prev = head;
	if (n->next)
		n->next->prev = &n->next;
	*head = n;
}

static void unlink_node(struct esp_node *n)
{
	*n->prev = n->next;
	if (n->next)
		n->next->prev = n->prev;
}

static int grow_buckets(struct esp_table *t, size_t more)
{
	struct esp_node **old = t->buckets;
	size_t n_old = t->n_buckets;
	size_t n_new = n_old;
	struct esp_node **fresh;
	size_t i;

	while (t->n_nodes + more > n_new)
		n_new *= 2;
	if (n_new == n_old)
		return 0;
	fresh = calloc(n_new, sizeof(struct esp_node *));
	if (!fresh)
		return -ENOMEM;
	t->buckets = fresh;
	t->n_buckets = n_new;
	for (i = 0; i < n_old; i++) {
		struct esp_node *rev = NULL;
		struct esp_node *n;

		while ((n = old[i])) { /* oldest first into the new chains, so that the newest is ahead again
			                */
			old[i] = n->next;
			n->next = rev;
			rev = n;
		}
		while ((n = rev)) {
			rev = n->next;
			link_head(&t->buckets[bucket_of(t, &n->prefix, n->len)], n);
		}
	}
	free(old);
	return 0;
}

/* The smallest prefix around lo..hi. */
static uint8_t common_bits(const struct net_addr *lo, const struct net_addr *hi)
{
	uint8_t bits = net_addr_bits(lo);
	uint8_t i;

	for (i = 0; i < bits; i++)
		if ((lo->bytes[i / 8] ^ hi->bytes[i / 8]) & 0x80 >> (i & 7))
			break;
	return i;
}

static void count_len(struct esp_table *t, const struct esp_node *n, int delta)
{
	int fam = n->prefix.family == AF_INET6;
	uint32_t before = t->lens[fam][n->len];
	int len;

	t->lens[fam][n->len] += (uint32_t)delta;
	t->n_nodes += (size_t)(long)delta;
	if (before && t->lens[fam][n->len])
		return;
	t->n_order[fam] = 0;
	for (len = 128; len >= 0; len--)
		if (t->lens[fam][len])
			t->order[fam][t->n_order[fam]++] = (uint8_t)len;
}

static int add_nodes(struct esp_table *t, struct esp_sa *sa)
{
	size_t i;

	if (grow_buckets(t, sa->n_remote))
		return -ENOMEM;
	sa->nodes = calloc(sa->n_remote, sizeof(*sa->nodes));
	if (!sa->nodes)
		return -ENOMEM;
	for (i = 0; i < sa->n_remote; i++) {
		struct esp_node *n = &sa->nodes[i];

		n->sa = sa;
		n->prefix = sa->ts_remote[i].lo;
		n->len = common_bits(&sa->ts_remote[i].lo, &sa->ts_remote[i].hi);
		net_addr_mask(&n->prefix, n->len);
		link_head(&t->buckets[bucket_of(t, &n->prefix, n->len)], n);
		count_len(t, n, 1);
	}
	return 0;
}

int esp_table_add(struct esp_table *t, struct esp_sa *sa)
{
	int rc;

	if (esp_table_in(t, sa->in.spi))
		return -EEXIST;
	if (grow_slots(t))
		return -ENOMEM;
	rc = add_nodes(t, sa);
	if (rc)
		return rc;
	sa->gen = ++t->gen;
	t->slots[spi_slot(t, sa->in.spi)] = sa;
	t->count++;
	return 0;
}

struct esp_sa *esp_table_remove(struct esp_table *t, uint32_t spi_in)
{
	size_t slot = spi_slot(t, spi_in);
	struct esp_sa *sa = t->slots[slot];
	size_t i;

	if (!sa)
		return NULL;
	clear_slot(t, slot);
	t->count--;
	for (i = 0; i < sa->n_remote; i++) {
		unlink_node(&sa->nodes[i]);
		count_len(t, &sa->nodes[i], -1);
	}
	free(sa->nodes);
	sa->nodes = NULL;
	return sa;
}

struct esp_sa *esp_table_out(const struct esp_table *t, const struct esp_flow *flow)
{
	int fam = flow->dst.family == AF_INET6;
	struct net_addr key = flow->dst;
	struct esp_sa *waiting = NULL;
	struct esp_node *n;
	size_t i;

	for (i = 0; i < t->n_order[fam]; i++) {
		uint8_t len = t->order[fam][i];

		net_addr_mask(&key, len);
		for (n = t->buckets[bucket_of(t, &key, len)]; n; n = n->next) {
			if (n->len != len || !net_addr_equal(&n->prefix, &key) ||
			    !esp_inner_allows_out(n->sa, flow))
				continue;
			if (!n->sa->out_wait)
				return n->sa;
			if (!waiting)
				waiting = n->sa;
		}
	}
	return waiting;
}

/* --- all ----------------------------------------------------------------------------------------------- */

size_t esp_table_count(const struct esp_table *t)
{
	return t->count;
}

struct esp_sa *esp_table_next(const struct esp_table *t, size_t *pos)
{
	while (*pos < t->n_slots) {
		struct esp_sa *sa = t->slots[(*pos)++];

		if (sa)
			return sa;
	}
	return NULL;
}
