/* SPDX-License-Identifier: MIT */
/* Byte packing: round trip, sticky errors, every truncation of a message fails cleanly, bounded and growing
 * writers. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/pack.h"

static void write_all(struct pack_writer *w)
{
	pack_put_u8(w, 1);
	pack_put_u16(w, 0x0203);
	pack_put_u32(w, 0x04050607);
	pack_put_u64(w, 0x08090a0b0c0d0e0fULL);
	pack_put_str(w, "wsg-svc1");
	pack_put_blob(w, NULL, 0);
	pack_put_bytes(w, "xyz", 3);
}

static void read_all(struct pack_reader *r)
{
	char s[16];
	size_t len;
	uint8_t xyz[3];

	pack_get_u8(r);
	pack_get_u16(r);
	pack_get_u32(r);
	pack_get_u64(r);
	pack_get_str(r, s, sizeof(s));
	pack_get_blob(r, &len);
	pack_get_copy(r, xyz, 3);
}

Test(base_pack, round_trip)
{
	struct pack_writer w;
	struct pack_reader r;
	char s[9], xyz[3];
	size_t len = 7;

	pack_writer_init_grow(&w);
	write_all(&w);
	cr_assert_not(w.bad);
	cr_assert_eq(w.buf[1], 2);
	pack_reader_init(&r, w.buf, w.len);
	cr_assert_eq(pack_get_u8(&r), 1);
	cr_assert_eq(pack_get_u16(&r), 0x0203);
	cr_assert_eq(pack_get_u32(&r), 0x04050607);
	cr_assert_eq(pack_get_u64(&r), 0x08090a0b0c0d0e0fULL);
	pack_get_str(&r, s, sizeof(s));
	cr_assert_str_eq(s, "wsg-svc1");
	pack_get_blob(&r, &len);
	cr_assert_eq(len, 0);
	cr_assert_eq(pack_left(&r), 3);
	pack_get_copy(&r, xyz, 3);
	cr_assert_eq(memcmp(xyz, "xyz", 3), 0);
	cr_assert(pack_done(&r));
	cr_assert_eq(pack_get_u8(&r), 0);
	cr_assert_not(pack_ok(&r));
	pack_writer_free(&w);
}

Test(base_pack, every_truncation_fails)
{
	struct pack_writer w;
	struct pack_reader r;
	uint8_t buf[64];

	pack_writer_init(&w, buf, sizeof(buf));
	write_all(&w);
	for (size_t cut = 0; cut < w.len; cut++) {
		pack_reader_init(&r, buf, cut);
		read_all(&r);
		cr_assert_not(pack_ok(&r));
		cr_assert_eq(pack_left(&r), 0);
	}
	for (size_t cap = 0; cap < w.len; cap++) {
		struct pack_writer small;

		pack_writer_init(&small, buf, cap);
		write_all(&small);
		cr_assert(small.bad);
		cr_assert_leq(small.len, cap);
	}
}

Test(base_pack, strings_subs_and_patches)
{
	struct pack_writer w;
	struct pack_reader r, sub;
	char s[4];

	pack_writer_init_grow(&w);
	pack_put_u16(&w, 0);
	pack_put_blob(&w, "a\0b", 3);
	pack_patch_u16(&w, 0, 5);
	pack_patch_u32(&w, w.len - 3, 0);
	cr_assert(w.bad, "patching past the end");
	w.bad = false;
	pack_reader_init(&r, w.buf, w.len);
	sub = pack_get_sub(&r, pack_get_u16(&r));
	pack_get_str(&sub, s, sizeof(s));
	cr_assert_not(pack_ok(&sub), "an embedded NUL is an error");
	cr_assert(pack_done(&r));
	sub = pack_get_sub(&r, 1);
	cr_assert_not(pack_ok(&sub));
	pack_put_blob(&w, w.buf, 70000);
	cr_assert(w.bad);
	pack_writer_free(&w);
}
