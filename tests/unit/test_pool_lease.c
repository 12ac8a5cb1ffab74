/* SPDX-License-Identifier: MIT */
/*
 * A sessmgr's addresses (lib/pool/lease.c): taking, releasing, restoring, settling after a restart, giving
 * chunks back; and several sessmgrs against one allocator: never one address at two calls.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "pool/lease.h"

static struct net_addr A(const char *text) {
	struct net_addr a;

	cr_assert_eq(net_addr_parse(&a, text), 0, "%s", text);
	return a;
}

static uint32_t seed = 77;
static uint32_t rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % n;
}

static int add(struct lease_set *s, uint32_t ctx, const char *first, uint32_t count, uint32_t ipsecmgr,
               bool settled)
{
	struct pool_chunk c = {A(first), count, 1, ipsecmgr};

	return lease_add(s, ctx, "p", &c, settled, 0);
}

Test(pool_lease, takes_from_the_right_chunk_only)
{
	struct lease_set *s = lease_set_new();
	struct lease_want w = {.ctx = 2, .ipsecmgr = 1, .pool = "p"};
	struct net_addr a;
	const char *pool;

	cr_assert_eq(add(s, 2, "10.0.0.4", 4, 1, true), 0);
	cr_assert_eq(add(s, 2, "10.0.0.8", 2, 2, true), 0);
	cr_assert_eq(add(s, 3, "10.0.0.4", 4, 1, true), 0, "another context may use the same addresses");
	cr_assert_eq(add(s, 2, "10.0.0.6", 2, 1, true), -EEXIST);
	cr_assert_eq(add(s, 2, "10.0.0.0", 16, 1, true), -EEXIST);
	cr_assert_eq(add(s, 2, "10.0.0.4", 4, 1, true), -EALREADY);
	cr_assert_eq(add(s, 2, "10.0.1.1", 4, 1, true), -EINVAL);
	cr_assert_eq(add(s, 2, "10.0.1.0", 3, 1, true), -EINVAL);
	for (unsigned i = 0; i < 4; i++) {
		cr_assert_eq(lease_take(s, &w, &a, &pool), 0);
		cr_assert_str_eq(pool, "p");
	}
	cr_assert_eq(lease_take(s, &w, &a, &pool), -EAGAIN);
	w.pool = "other";
	w.ipsecmgr = 2;
	cr_assert_eq(lease_take(s, &w, &a, &pool), -EAGAIN);
	w.pool = "";
	w.addr = A("10.0.0.9");
	cr_assert_eq(lease_take(s, &w, &a, &pool), 0);
	cr_assert(net_addr_equal(&a, &w.addr), "the wish is granted");
	cr_assert_eq(lease_take(s, &w, &a, &pool), 0);
	cr_assert_not(net_addr_equal(&a, &w.addr), "but not twice");
	cr_assert_eq(s->used, 6);
	lease_set_free(s);
}

Test(pool_lease, a_released_address_is_the_last_to_come_again)
{
	struct lease_set *s = lease_set_new();
	struct lease_want w = {.ctx = 1, .ipsecmgr = 1, .pool = "p"};
	struct net_addr a, b;
	const char *pool;

	add(s, 1, "2001:db8::40", 64, 1, true);
	cr_assert_eq(lease_take(s, &w, &a, &pool), 0);
	cr_assert_eq(lease_put(s, 1, &a, 0), 0);
	cr_assert_eq(lease_put(s, 1, &a, 0), -ENOENT, "twice");
	for (unsigned i = 0; i < 63; i++) {
		cr_assert_eq(lease_take(s, &w, &b, &pool), 0);
		cr_assert_not(net_addr_equal(&a, &b));
	}
	cr_assert_eq(lease_take(s, &w, &b, &pool), 0);
	cr_assert(net_addr_equal(&a, &b));
	lease_set_free(s);
}

Test(pool_lease, unsettled_chunks_serve_only_restored_calls)
{
	struct lease_set *s = lease_set_new();
	struct lease_want w = {.ctx = 1, .ipsecmgr = 1, .pool = "p"};
	struct net_addr a = A("10.0.0.9"), stray = A("10.0.0.99"), out;
	const char *pool;

	add(s, 1, "10.0.0.8", 8, 1, false);
	add(s, 1, "10.0.0.32", 8, 1, false);
	cr_assert_eq(lease_mark(s, 1, &a), 0);
	cr_assert_eq(lease_mark(s, 1, &a), -EEXIST);
	cr_assert_eq(lease_mark(s, 1, &stray), -ENOENT);
	cr_assert_eq(lease_take(s, &w, &out, &pool), -EAGAIN);
	cr_assert(lease_unsettled(s, 1));
	lease_settle_begin(s, UINT32_MAX);
	cr_assert_eq(add(s, 1, "10.0.0.8", 8, 1, true), -EALREADY);
	cr_assert_eq(lease_settle_end(s, UINT32_MAX), 1, "the other was on its way back");
	cr_assert_not(lease_unsettled(s, 1));
	cr_assert_eq(lease_take(s, &w, &out, &pool), 0);
	cr_assert_not(net_addr_equal(&out, &a));
	lease_set_free(s);
}

Test(pool_lease, gives_back_what_is_idle_but_keeps_one)
{
	struct lease_set *s = lease_set_new();
	struct lease_want w = {.ctx = 1, .ipsecmgr = 1, .pool = "p"};
	struct lease_chunk c;
	struct net_addr a;
	const char *pool;

	add(s, 1, "10.0.0.8", 1, 1, true);
	add(s, 1, "10.0.0.9", 1, 1, true);
	cr_assert_not(lease_give_back(s, 999, 1000, false, &c), "too early");
	cr_assert(lease_give_back(s, 1000, 1000, false, &c));
	cr_assert_eq(c.count, 1);
	cr_assert_not(lease_give_back(s, 1000, 1000, false, &c), "the last one stays");
	cr_assert_eq(lease_take(s, &w, &a, &pool), 0);
	cr_assert_eq(s->total, 1);
	cr_assert_not(lease_give_back(s, 9999, 1000, true, &c), "in use");
	lease_put(s, 1, &a, 5000);
	cr_assert(lease_give_back(s, 9999, 1000, true, &c));
	cr_assert_eq(s->n, 0);
	lease_set_free(s);
}

/* --- the property: SM sessmgrs, one pool, calls that come and go, restarts of both sides
 * ------------------------- */
#define SM    4
#define IPS   3
#define CALLS 300
#define BASE  0x0a000800u /* 10.0.8.0/23 */
#define SIZE  512

struct call {
	bool used;
	unsigned sm;
	struct net_addr addr;
};
static struct call calls[CALLS];
static struct lease_set *leases[SM + 1];
static struct pool_set *set;
static int by[SIZE]; /* call of an address + 1 */

static unsigned at(const struct net_addr *a)
{
	return ((unsigned)a->bytes[2] << 8 | a->bytes[3]) & (SIZE - 1);
}

static void open_call(struct call *c, int id)
{
	unsigned sm = 1 + rnd(SM);
	struct lease_want w = {.ctx = 1, .ipsecmgr = 1 + rnd(IPS), .pool = "p", .family = AF_INET};
	struct pool_chunk k;
	const char *pool;

	if (lease_take(leases[sm], &w, &c->addr, &pool)) {
		if (pool_chunk_take(pool_find(set, "p"), 16, sm, w.ipsecmgr, &k))
			return; /* exhausted: refused */
		cr_assert_eq(lease_add(leases[sm], 1, "p", &k, true, 0), 0);
		cr_assert_eq(lease_take(leases[sm], &w, &c->addr, &pool), 0);
	}
	cr_assert_eq(by[at(&c->addr)], 0, "an address at two calls");
	cr_assert_neq(at(&c->addr), 0);
	cr_assert_neq(at(&c->addr), SIZE - 1);
	by[at(&c->addr)] = id + 1;
	c->used = true;
	c->sm = sm;
}

static void close_call(struct call *c)
{
	cr_assert_eq(lease_put(leases[c->sm], 1, &c->addr, 0), 0);
	by[at(&c->addr)] = 0;
	c->used = false;
}

/* sessmgr restarts: chunks from the pool's rows, addresses from the calls' rows. */
static void restart(unsigned sm)
{
	const struct pool *p = pool_find(set, "p");

	lease_clear(leases[sm]);
	for (size_t i = 0; i < p->nblocks; i++) {
		struct pool_chunk k = pool_chunk_at(p, i);

		if (k.sessmgr == sm)
			cr_assert_eq(lease_add(leases[sm], 1, "p", &k, true, 0), 0);
	}
	for (unsigned i = 0; i < CALLS; i++)
		if (calls[i].used && calls[i].sm == sm)
			cr_assert_eq(lease_mark(leases[sm], 1, &calls[i].addr), 0);
}

Test(pool_lease, never_two_calls_with_one_address)
{
	struct pool_def d = {.name = "p"};
	struct net_addr base = net_addr_v4(BASE);
	struct lease_chunk back;

	set = pool_set_new();
	pool_def_net(&d, &base, 23);
	cr_assert_eq(pool_define(set, &d, NULL), 0);
	for (unsigned i = 1; i <= SM; i++)
		leases[i] = lease_set_new();
	for (unsigned step = 0; step < 30000; step++) {
		unsigned i = rnd(CALLS), sm = 1 + rnd(SM);

		if (calls[i].used)
			close_call(&calls[i]);
		else
			open_call(&calls[i], (int)i);
		if (rnd(10) == 0 && lease_give_back(leases[sm], 1, 0, true, &back))
			cr_assert_eq(
			        pool_chunk_return(pool_find(set, "p"), &back.first, back.count, sm, NULL), 0);
		if (rnd(500) == 0)
			restart(sm);
	}
	for (unsigned i = 0; i < CALLS; i++)
		if (calls[i].used)
			close_call(&calls[i]);
	for (unsigned i = 1; i <= SM; i++) {
		cr_assert_eq(leases[i]->used, 0);
		while (lease_give_back(leases[i], 1, 0, true, &back))
			cr_assert_eq(pool_chunk_return(pool_find(set, "p"), &back.first, back.count, i, NULL),
			             0);
		lease_set_free(leases[i]);
	}
	cr_assert_eq(pool_free(pool_find(set, "p")), SIZE - 2, "nothing leaked");
	pool_set_free(set);
}
