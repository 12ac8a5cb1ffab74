/* SPDX-License-Identifier: MIT */
/*
 * The address pools of one context, and who holds which part of them. A pool is a range of addresses; a
 * *chunk* is a block of it, aligned to its power-of-two size, so that it is one route. A chunk belongs to one
 * (sessmgr, ipsecmgr) pair: the sessmgr assigns its addresses, the route leads to the ipsecmgr's TUN. No
 * address ever has two owners. No I/O: vpnmgr checkpoints chunks (pool_row.c) and sets routes. The other end
 * of a chunk is pool/lease.h.
 */
#ifndef POOL_POOL_H
#define POOL_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "net/addr.h"

#define POOL_NAME_MAX  32   /* with the NUL */
#define POOL_POOLS_MAX 2000 /* per context */
#define POOL_CHUNK_MAX 4096 /* addresses; a power of two */

enum pool_type { POOL_PUBLIC, POOL_PRIVATE, POOL_STATIC, POOL_RESOURCE, POOL_TYPES };
/* 'P', 'R', 'S', 'E' as in `show ip pool`; name: "public" … */
char pool_type_letter(enum pool_type type);
const char *pool_type_name(enum pool_type type);
/* 0 or -EINVAL. */
int pool_type_parse(const char *name, enum pool_type *type);

/* A pool as configured. */
struct pool_def {
	char name[POOL_NAME_MAX];
	struct net_addr first, last; /* as shown: network address, or begin of the range; and the end */
	bool range;  /* given as a range; else as address and mask, and network and broadcast address stay
	                unused */
	uint8_t len; /* mask length when !range */
	enum pool_type type;
	uint8_t priority; /* 0 (highest) .. 10 */
	bool busyout;     /* no new chunks */
};
/* Fill first, last, range, len of a definition by address and mask length. 0 or -EINVAL. */
int pool_def_net(struct pool_def *def, const struct net_addr *addr, uint8_t len);
/* … by first and last address, either family. 0 or -EINVAL. */
int pool_def_range(struct pool_def *def, const struct net_addr *first, const struct net_addr *last);

struct pool_chunk {
	struct net_addr first;
	uint32_t count;    /* power of two, aligned: one prefix */
	uint32_t sessmgr;  /* instance that assigns from it */
	uint32_t ipsecmgr; /* instance whose TUN gets the route */
};
/* The chunk as a prefix. */
struct net_prefix pool_chunk_prefix(const struct pool_chunk *c);

/* Chunk inside its pool: offsets count in the low 32 bits of the address. */
struct pool_block {
	uint32_t off, count, sessmgr, ipsecmgr;
};

struct pool {
	struct pool *next;
	struct pool_def def;
	uint32_t lo, hi;           /* usable offsets, both inclusive */
	bool pending_delete;       /* removed from the configuration, chunks are still out */
	uint64_t held;             /* addresses in chunks */
	struct pool_block *blocks; /* by offset */
	size_t nblocks, size;
};

struct pool_set {
	struct pool *pools; /* in order of definition */
	size_t n;
};

struct pool_set *pool_set_new(void); /* NULL: no memory */
void pool_set_free(struct pool_set *s);
/*
 * Define a pool, or change the one of this name. 0; -EEXIST: overlaps *other (borrowed); -EBUSY: chunks that
 * are out lie outside of the new range; -EINVAL: name or range; -ENOSPC: too many pools; -ENOMEM.
 */
int pool_define(struct pool_set *s, const struct pool_def *def, const struct pool **other);
/* 0: gone; -EINPROGRESS: chunks are out, it goes with the last of them; -ENOENT. */
int pool_remove(struct pool_set *s, const char *name);
struct pool *pool_find(const struct pool_set *s, const char *name);
/* The pool an address is in, or NULL. */
struct pool *pool_of(const struct pool_set *s, const struct net_addr *a);
/* The pool to take from when none was named: usable, of this family (0: any), by priority then order. NULL:
 * none has room. */
struct pool *pool_choose(const struct pool_set *s, int family);

/* Addresses that can be assigned, and those of them that no chunk holds. */
uint64_t pool_size(const struct pool *p);
uint64_t pool_free(const struct pool *p);
/* The i-th chunk in order of address. i < p->nblocks. */
struct pool_chunk pool_chunk_at(const struct pool *p, size_t i);

/* pool_chunk.c */
/*
 * Take a chunk of about `want` addresses (0: 256); a pool that runs low gives smaller ones, down to one
 * address. 0; -ENOSPC: nothing is free; -EBUSY: busyout or pending delete; -ENOMEM.
 */
int pool_chunk_take(struct pool *p, uint32_t want, uint32_t sessmgr, uint32_t ipsecmgr,
                    struct pool_chunk *out);
/* Put a chunk back in its place after a restart. 0; -EALREADY: known; -EEXIST: overlaps another; -ERANGE,
 * -EINVAL, -ENOMEM. */
int pool_chunk_restore(struct pool *p, const struct pool_chunk *c);
/* Its sessmgr gives it back. Fills *was. 0; -ENOENT: no chunk starts there with this count; -EPERM: it is
 * another sessmgr's. */
int pool_chunk_return(struct pool *p, const struct net_addr *first, uint32_t count, uint32_t sessmgr,
                      struct pool_chunk *was);
/* The chunk an address lies in. 0 or -ENOENT. */
int pool_chunk_of(const struct pool *p, const struct net_addr *a, struct pool_chunk *out);

/* pool_row.c: the checkpoint of a chunk (kind "pool") */
#define POOL_ROW_KIND "pool"
#define POOL_ROW_MAX  128
#define POOL_KEY_MAX  192
struct pool_row {
	char pool[POOL_NAME_MAX];
	uint32_t ctx;
	struct pool_chunk chunk;
};
/* "<context>/<pool>/<first>" into key (POOL_KEY_MAX bytes). Returns key. */
const char *pool_row_key(const char *context, const char *pool, const struct net_addr *first, char *key);
/* Returns the length (at most POOL_ROW_MAX). */
size_t pool_row_encode(const struct pool_row *row, uint8_t *buf);
/* 0, -EBADMSG, -EPROTONOSUPPORT (version). */
int pool_row_decode(struct pool_row *row, const void *blob, size_t len);

#endif
