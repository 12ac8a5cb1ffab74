/* SPDX-License-Identifier: MIT */
/*
 * The addresses a sessmgr may assign: the chunks vpnmgr gave it, with a bit per address. The other end of
 * pool/pool.h. An address is free, or used by one call. After a restart chunks come back from the rows
 * *unsettled*: their used addresses can be marked, but nothing new is taken from them before vpnmgr has
 * confirmed them (lease_settle), because a chunk that was on its way back or a call whose row was on its way
 * to the store may not be seen yet. No I/O.
 */
#ifndef POOL_LEASE_H
#define POOL_LEASE_H

#include "pool/pool.h"

struct lease_chunk {
	char pool[POOL_NAME_MAX];
	uint32_t ctx, ipsecmgr;
	struct net_addr first;
	uint32_t count, used;
	uint32_t cursor; /* next fit: a released address is the last to be used again */
	bool settled;
	bool seen;           /* private: by the present sweep over the rows */
	uint64_t idle_since; /* µs, when used became 0 */
	uint64_t *bits;
};

struct lease_set {
	struct lease_chunk *chunks; /* by context, address */
	size_t n, size;
	uint64_t used, total;
};

struct lease_set *lease_set_new(void); /* NULL: no memory */
void lease_set_free(struct lease_set *s);
/* Forget everything (this chassis does not serve any more). */
void lease_clear(struct lease_set *s);

/*
 * A chunk is ours. settled: vpnmgr just said so. 0; -EALREADY: known (settled is taken over); -EEXIST:
 * overlaps another chunk; -EINVAL; -ENOMEM.
 */
int lease_add(struct lease_set *s, uint32_t ctx, const char *pool, const struct pool_chunk *c, bool settled,
              uint64_t now);

/* What to take. */
struct lease_want {
	uint32_t ctx, ipsecmgr;
	const char *pool;     /* "": any */
	int family;           /* 0: any */
	struct net_addr addr; /* preferred; AF_UNSPEC: any */
};
/* Take an address: *addr, and the name of its pool (borrowed until the set changes). 0, or -EAGAIN: another
 * chunk is needed. */
int lease_take(struct lease_set *s, const struct lease_want *w, struct net_addr *addr, const char **pool);
/* An address is in use by a restored call. 0; -EEXIST: already in use; -ENOENT: in no chunk of ours. */
int lease_mark(struct lease_set *s, uint32_t ctx, const struct net_addr *addr);
/* An address is free again. 0 or -ENOENT. */
int lease_put(struct lease_set *s, uint32_t ctx, const struct net_addr *addr, uint64_t now);
bool lease_in_use(const struct lease_set *s, uint32_t ctx, const struct net_addr *addr);

/* Settling the chunks of a context (UINT32_MAX: all): begin, lease_add(…, settled) each row, end: chunks not
 * seen and unused go. */
void lease_settle_begin(struct lease_set *s, uint32_t ctx);
/* Returns how many chunks were dropped. */
size_t lease_settle_end(struct lease_set *s, uint32_t ctx);
/* Are there unsettled chunks of this context? */
bool lease_unsettled(const struct lease_set *s, uint32_t ctx);

/*
 * A chunk that can go back: settled, unused for idle_us, and its pair has other free addresses (else it is
 * kept for the next call, unless `last` is true). Copies it to *out and forgets it. False: there is none.
 */
bool lease_give_back(struct lease_set *s, uint64_t now, uint64_t idle_us, bool last, struct lease_chunk *out);

#endif
