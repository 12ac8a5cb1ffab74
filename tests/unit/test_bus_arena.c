/* SPDX-License-Identifier: MIT */
/* Envelopes in memory that goes back at once: they read as with malloc(), whatever their size, and what is
 * kept of one that is over is poisoned. */
#include <criterion/criterion.h>
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/bus.h"
#include "bus/bus_arena.h"

static struct bus_arena a;
static uint8_t *packed;
static size_t len;

static void teardown(void)
{
	free(packed);
	packed = NULL;
	bus_arena_free(&a);
}

TestSuite(bus_arena, .fini = teardown);

/* n rows of a checkpoint, of `bytes` each. */
static void pack(size_t n, size_t bytes)
{
	Envelope env = ENVELOPE__INIT;
	CkptWrite w = CKPT_WRITE__INIT;
	CkptRow *rows = calloc(n, sizeof(*rows)), **ptrs = calloc(n, sizeof(*ptrs));
	uint8_t *blob = malloc(bytes);

	memset(blob, 'x', bytes);
	for (size_t i = 0; i < n; i++) {
		ckpt_row__init(&rows[i]);
		rows[i].kind = "ikesa";
		rows[i].key = "0123456789abcdef";
		rows[i].owner = "ipsecmgr/1";
		rows[i].blob = (ProtobufCBinaryData){bytes, blob};
		ptrs[i] = &rows[i];
	}
	w.rows = ptrs;
	w.n_rows = n;
	env.body_case = ENVELOPE__BODY_CKPT_WRITE;
	env.ckpt_write = &w;
	free(packed);
	packed = bus_pack(&env, &len);
	cr_assert_not_null(packed);
	free(blob);
	free(ptrs);
	free(rows);
}

static const Envelope *unpacked(size_t n, size_t bytes)
{
	const Envelope *e;

	pack(n, bytes);
	e = bus_arena_unpack(&a, packed, len);
	cr_assert_not_null(e);
	cr_assert_eq(e->body_case, ENVELOPE__BODY_CKPT_WRITE);
	cr_assert_eq(e->ckpt_write->n_rows, n);
	for (size_t i = 0; i < n; i++) {
		const CkptRow *r = e->ckpt_write->rows[i];

		cr_assert_str_eq(r->kind, "ikesa");
		cr_assert_str_eq(r->key, "0123456789abcdef");
		cr_assert_eq(r->blob.len, bytes);
		for (size_t k = 0; k < bytes; k++)
			cr_assert_eq(r->blob.data[k], 'x');
	}
	return e;
}

Test(bus_arena, every_size_comes_back)
{
	static const size_t sizes[] = {1, 15, 16, 17, 4000, BUS_ARENA_BLOCK - 1, BUS_ARENA_BLOCK, 300000};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t n = 1; n <= 64 && n * sizes[i] < BUS_MSG_MAX / 2; n *= 8) {
			unpacked(n, sizes[i]);
			bus_arena_release(&a);
		}
	}
}

Test(bus_arena, a_block_is_used_again)
{
	const void *first = unpacked(3, 20);

	bus_arena_release(&a);
	cr_assert_eq((const void *)unpacked(3, 20), first);
	bus_arena_release(&a);
}

Test(bus_arena, what_is_kept_is_poisoned)
{
	const Envelope *e = unpacked(2, 10);
	const char *key = e->ckpt_write->rows[1]->key;

	cr_assert(!__asan_address_is_poisoned(key));
	bus_arena_release(&a);
	cr_assert(__asan_address_is_poisoned(key));
	cr_assert(__asan_address_is_poisoned(e));
}

Test(bus_arena, garbage_leaves_nothing)
{
	pack(16, 3000);
	for (size_t cut = 1; cut < len; cut += 97) {
		cr_assert_null(bus_arena_unpack(&a, packed, len - cut), "%zu bytes less", cut);
		bus_arena_release(&a);
	}
	unpacked(1, 1);
	bus_arena_release(&a);
}
