/* SPDX-License-Identifier: MIT */
/*
 * Intrusive hash map from a 64-bit key to objects, several per key allowed; grows by itself. Used for SPIs,
 * transactions, peers.
 */
#ifndef IKE_IKE_MAP_H
#define IKE_IKE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct ike_node {
	struct ike_node *next;
	uint64_t key;
	void *obj; /* NULL: not in a map */
};

struct ike_map {
	struct ike_node **bucket;
	size_t mask, n;
	uint64_t seed; /* against chosen collisions */
};

/* 0 or -ENOMEM. */
int ike_map_init(struct ike_map *m, uint64_t seed);
void ike_map_free(struct ike_map *m); /* the nodes belong to their objects */
/* Never fails: growing is tried, and a fuller table is only slower. */
void ike_map_add(struct ike_map *m, struct ike_node *n, uint64_t key, void *obj);
void ike_map_del(struct ike_map *m, struct ike_node *n); /* no-op when not in a map */
/* First object of a key, NULL: none; and the next one of the same key. */
struct ike_node *ike_map_find(const struct ike_map *m, uint64_t key);
struct ike_node *ike_map_next(const struct ike_node *n);
/* A mixing of bytes into 64 bits, with a seed. Not cryptographic; the seed is secret. */
uint64_t ike_map_hash(const void *p, size_t len, uint64_t seed);

#endif
