/* SPDX-License-Identifier: MIT */
/*
 * Pools and the chunk allocator (lib/pool): overlap, ranges, exhaustion, return, restore from rows, and the
 * property that matters: whatever happens, no address has two owners and none is lost. Random but repeatable.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include "pool/pool.h"

static struct net_addr A(const char *text) {
	struct net_addr a;

	cr_assert_eq(net_addr_parse(&a, text), 0, "%s", text);
	return a;
}

static struct pool_def
net(const char *name, const char *addr, uint8_t len)
{
	struct pool_def d = {.type = POOL_PUBLIC};
	struct net_addr a = A(addr);

	strcpy(d.name, name);
	cr_assert_eq(pool_def_net(&d, &a, len), 0);
	return d;
}

static struct pool_def range(const char *name, const char *first, const char *last)
{
	struct pool_def d = {.type = POOL_PRIVATE};
	struct net_addr a = A(first), b = A(last);

	strcpy(d.name, name);
	cr_assert_eq(pool_def_range(&d, &a, &b), 0);
	return d;
}

static struct pool *define(struct pool_set *s, struct pool_def d)
{
	cr_assert_eq(pool_define(s, &d, NULL), 0);
	return pool_find(s, d.name);
}

static uint32_t seed = 1;
static uint32_t rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % n;
}

Test(pool_chunk, overlap_is_refused_and_names_the_other)
{
	struct pool_set *s = pool_set_new();
	const struct pool *other = NULL;
	struct pool_def d = range("b", "10.1.0.255", "10.1.1.5");

	define(s, net("a", "10.1.0.0", 24));
	cr_assert_eq(pool_define(s, &d, &other), -EEXIST);
	cr_assert_str_eq(other->def.name, "a");
	d = range("b", "10.1.1.0", "10.1.1.5");
	cr_assert_eq(pool_define(s, &d, NULL), 0);
	d = net("c", "10.1.0.0", 16);
	cr_assert_eq(pool_define(s, &d, NULL), -EEXIST);
	d = net("six", "2001:db8::", 64);
	cr_assert_eq(pool_define(s, &d, NULL), 0);
	d = net("six2", "2001:db8::1:0:0:0", 64);
	cr_assert_eq(pool_define(s, &d, NULL), -EEXIST, "the same /64");
	pool_set_free(s);
}

Test(pool_chunk, sizes_leave_out_network_and_broadcast)
{
	struct pool_set *s = pool_set_new();
	struct pool_def d = {.name = "x"};
	struct net_addr a = A("10.0.0.5"), b = A("10.0.0.4");

	cr_assert_eq(pool_size(define(s, net("a", "198.51.100.0", 25))), 126);
	cr_assert_eq(pool_size(define(s, net("p2p", "198.51.100.128", 31))), 2);
	cr_assert_eq(pool_size(define(s, net("host", "198.51.100.130", 32))), 1);
	cr_assert_eq(pool_size(define(s, range("r", "198.51.100.200", "198.51.100.219"))), 20);
	cr_assert_eq(pool_size(define(s, net("six", "2001:db8::", 120))), 255);
	cr_assert_eq(pool_size(define(s, net("big", "2001:db8:1::", 64))), (1ULL << 32) - 1);
	cr_assert_eq(pool_def_range(&d, &a, &b), -EINVAL, "backwards");
	cr_assert_eq(pool_def_net(&d, &a, 33), -EINVAL);
	cr_assert_eq(pool_define(s, &d, NULL), -EINVAL, "no addresses");
	pool_set_free(s);
}

Test(pool_chunk, a_chunk_is_one_prefix_and_shrinks_with_the_pool)
{
	struct pool_set *s = pool_set_new();
	struct pool *p = define(s, net("a", "10.0.0.0", 16));
	struct pool_chunk c;
	struct net_prefix x;

	cr_assert_eq(pool_chunk_take(p, 0, 1, 1, &c), 0);
	cr_assert_eq(c.count, 256);
	x = pool_chunk_prefix(&c);
	cr_assert_eq(x.len, 24);
	p = define(s, net("small", "10.1.0.0", 28));
	cr_assert_eq(pool_chunk_take(p, 256, 1, 1, &c), 0);
	cr_assert_eq(c.count, 1, "14 addresses are shared out one by one");
	cr_assert_eq(pool_chunk_prefix(&c).len, 32);
	pool_set_free(s);
}

Test(pool_chunk, exhaustion_return_and_foreign_hands)
{
	struct pool_set *s = pool_set_new();
	struct pool *p = define(s, net("a", "10.0.0.0", 24));
	struct pool_chunk c, was;
	unsigned got = 0;

	while (!pool_chunk_take(p, 64, 1 + got % 3, 1, &c))
		got += c.count;
	cr_assert_eq(got, 254);
	cr_assert_eq(pool_free(p), 0);
	cr_assert_eq(pool_chunk_take(p, 1, 9, 1, &c), -ENOSPC);
	c = pool_chunk_at(p, 5);
	cr_assert_eq(pool_chunk_return(p, &c.first, c.count, c.sessmgr + 1, &was), -EPERM);
	cr_assert_eq(pool_chunk_return(p, &c.first, c.count + 1, c.sessmgr, &was), -ENOENT);
	cr_assert_eq(pool_chunk_return(p, &c.first, c.count, c.sessmgr, &was), 0);
	cr_assert_eq(was.ipsecmgr, 1);
	cr_assert_eq(pool_chunk_return(p, &c.first, c.count, c.sessmgr, &was), -ENOENT, "twice");
	cr_assert_eq(pool_free(p), c.count);
	pool_set_free(s);
}

Test(pool_chunk, change_and_removal_keep_chunks)
{
	struct pool_set *s = pool_set_new();
	struct pool *p = define(s, net("a", "10.0.0.0", 24));
	struct pool_def d = net("a", "10.9.0.0", 24);
	struct pool_chunk c, was;

	cr_assert_eq(pool_chunk_take(p, 8, 1, 1, &c), 0);
	cr_assert_eq(pool_define(s, &d, NULL), -EBUSY);
	d = net("a", "10.0.0.0", 16);
	cr_assert_eq(pool_define(s, &d, NULL), 0, "growing is fine");
	cr_assert_eq(pool_chunk_restore(p, &c), -EALREADY);
	cr_assert_eq(pool_remove(s, "a"), -EINPROGRESS);
	cr_assert_eq(pool_chunk_take(p, 8, 1, 1, &was), -EBUSY);
	cr_assert_null(pool_choose(s, AF_INET));
	cr_assert_eq(pool_chunk_return(p, &c.first, c.count, 1, &was), 0);
	cr_assert_eq(pool_remove(s, "a"), 0);
	cr_assert_eq(pool_remove(s, "a"), -ENOENT);
	pool_set_free(s);
}

Test(pool_chunk, choose_by_priority_and_family)
{
	struct pool_set *s = pool_set_new();
	struct pool_def d = net("low", "10.0.0.0", 24);

	d.priority = 5;
	define(s, d);
	define(s, net("high", "10.1.0.0", 24));
	d = net("static", "10.2.0.0", 24);
	d.type = POOL_STATIC;
	define(s, d);
	define(s, net("six", "2001:db8::", 112));
	cr_assert_str_eq(pool_choose(s, AF_INET)->def.name, "high");
	cr_assert_str_eq(pool_choose(s, AF_INET6)->def.name, "six");
	pool_find(s, "high")->def.busyout = true;
	cr_assert_str_eq(pool_choose(s, AF_INET)->def.name, "low");
	pool_set_free(s);
}

Test(pool_chunk, restore_refuses_what_cannot_be)
{
	struct pool_set *s = pool_set_new();
	struct pool *p = define(s, net("a", "10.0.0.0", 24));
	struct pool_chunk c = {A("10.0.0.16"), 16, 1, 1};

	cr_assert_eq(pool_chunk_restore(p, &c), 0);
	c.sessmgr = 2;
	cr_assert_eq(pool_chunk_restore(p, &c), -EEXIST, "another owner");
	c = (struct pool_chunk){A("10.0.0.24"), 8, 2, 1};
	cr_assert_eq(pool_chunk_restore(p, &c), -EEXIST, "inside");
	c = (struct pool_chunk){A("10.0.0.0"), 64, 2, 1};
	cr_assert_eq(pool_chunk_restore(p, &c), -ERANGE, "holds the network address");
	c = (struct pool_chunk){A("10.0.0.33"), 2, 2, 1};
	cr_assert_eq(pool_chunk_restore(p, &c), -EINVAL, "not aligned");
	c = (struct pool_chunk){A("10.0.0.32"), 3, 2, 1};
	cr_assert_eq(pool_chunk_restore(p, &c), -EINVAL, "not a power of two");
	c = (struct pool_chunk){A("10.0.1.0"), 8, 2, 1};
	cr_assert_eq(pool_chunk_restore(p, &c), -ERANGE);
	c = (struct pool_chunk){A("2001:db8::8"), 8, 2, 1};
	cr_assert_eq(pool_chunk_restore(p, &c), -ERANGE);
	pool_set_free(s);
}

Test(pool_chunk, rows_survive_and_reject_rubbish)
{
	struct pool_row row = {.pool = "wsg-pool1", .ctx = 3, .chunk = {A("10.0.0.16"), 16, 7, 2}}, back;
	uint8_t buf[POOL_ROW_MAX], bad[POOL_ROW_MAX + 8];
	char key[POOL_KEY_MAX];
	size_t len = pool_row_encode(&row, buf);

	cr_assert_gt(len, 0);
	cr_assert_eq(pool_row_decode(&back, buf, len), 0);
	cr_assert_str_eq(back.pool, "wsg-pool1");
	cr_assert_eq(back.chunk.sessmgr, 7);
	cr_assert(net_addr_equal(&back.chunk.first, &row.chunk.first));
	cr_assert_str_eq(pool_row_key("wsg", "p", &row.chunk.first, key), "wsg/p/10.0.0.16");
	for (size_t n = 0; n < len; n++)
		cr_assert_eq(pool_row_decode(&back, buf, n), -EBADMSG, "cut at %zu", n);
	for (unsigned i = 0; i < 20000; i++) {
		memcpy(bad, buf, len);
		bad[rnd((uint32_t)len)] = (uint8_t)rnd(256);
		bad[rnd((uint32_t)len)] = (uint8_t)rnd(256);
		pool_row_decode(&back, bad, len); /* ASan watches */
	}
	buf[0] = 9;
	cr_assert_eq(pool_row_decode(&back, buf, len), -EPROTONOSUPPORT);
}

/* Owners of every address of a /22, kept beside the allocator. */
#define N 1024
static void check(const struct pool *p, const uint8_t *owner)
{
	uint64_t held = 0;

	for (size_t i = 0; i < p->nblocks; i++) {
		const struct pool_block *b = &p->blocks[i];

		cr_assert(i == 0 || p->blocks[i - 1].off + p->blocks[i - 1].count <= b->off,
		          "blocks overlap");
		cr_assert_eq(b->off & (b->count - 1), 0);
		for (uint32_t k = 0; k < b->count; k++)
			cr_assert_eq(owner[(b->off + k) & (N - 1)], b->sessmgr, "lost or doubled");
		held += b->count;
	}
	cr_assert_eq(held, p->held);
	for (unsigned i = 0; i < N; i++)
		held -= owner[i] != 0;
	cr_assert_eq(held, 0);
}

Test(pool_chunk, never_two_owners)
{
	struct pool_set *s = pool_set_new(), *copy;
	struct pool *p = define(s, net("a", "10.0.4.0", 22)), *q;
	static uint8_t owner[N];
	struct pool_chunk c;

	for (unsigned step = 0; step < 4000; step++) {
		if (p->nblocks && rnd(100) < (step / 500 % 2 ? 70u : 30u)) {
			c = pool_chunk_at(p, rnd((uint32_t)p->nblocks));
			cr_assert_eq(pool_chunk_return(p, &c.first, c.count, c.sessmgr, NULL), 0);
			for (uint32_t k = 0; k < c.count; k++)
				owner[(((uint32_t)c.first.bytes[2] << 8 | c.first.bytes[3]) + k) & (N - 1)] =
				        0;
		} else if (!pool_chunk_take(p, 1u << rnd(9), 1 + rnd(20), 1 + rnd(4), &c)) {
			for (uint32_t k = 0; k < c.count; k++) {
				uint8_t *o =
				        &owner[(((uint32_t)c.first.bytes[2] << 8 | c.first.bytes[3]) + k) &
				               (N - 1)];

				cr_assert_eq(*o, 0, "given out twice");
				*o = (uint8_t)c.sessmgr;
			}
		} else {
			cr_assert_eq(pool_free(p), 0, "refused although there was room");
		}
		if (step % 50 == 0)
			check(p, owner);
		cr_assert_eq(owner[0], 0, "network address");
		cr_assert_eq(owner[N - 1], 0, "broadcast address");
	}
	/* Restart: the rows in any order give the same pool. */
	copy = pool_set_new();
	q = define(copy, net("a", "10.0.4.0", 22));
	for (size_t i = 0, n = p->nblocks, at = rnd((uint32_t)n + 1); i < n; i++, at += 7919) {
		c = pool_chunk_at(p, at % n);
		if (pool_chunk_restore(q, &c) == -EALREADY)
			at++, i--;
	}
	cr_assert_eq(q->nblocks, p->nblocks);
	cr_assert_eq(memcmp(q->blocks, p->blocks, p->nblocks * sizeof(*p->blocks)), 0);
	pool_set_free(copy);
	pool_set_free(s);
}
