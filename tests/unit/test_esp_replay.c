/* SPDX-License-Identifier: MIT */
/*
 * The anti-replay window against a plain model (a set of seen numbers), at its edges and for every StarOS
 * size; RFC 6479, and the inference of high bits against RFC 4303 appendix A.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "esp/esp.h"

static bool offer(struct esp_replay *r, uint64_t seq)
{
	if (esp_replay_check(r, seq) != ESP_OK)
		return false;
	esp_replay_mark(r, seq);
	return true;
}

Test(esp_replay, edges_of_every_size)
{
	static const uint32_t sizes[] = {1, 32, 63, 64, 65, 128, 256, 384, 512, 1024, ESP_REPLAY_MAX};
	struct esp_replay r;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t w = sizes[i];

		cr_assert_eq(esp_replay_init(&r, w, 0), 0);
		cr_assert_eq(esp_replay_check(&r, 0), ESP_DROP_LATE);
		cr_assert(offer(&r, 1));
		cr_assert_not(offer(&r, 1));
		cr_assert(offer(&r, 100000));
		cr_assert_eq(esp_replay_check(&r, 100000), ESP_DROP_REPLAY);
		cr_assert_eq(esp_replay_check(&r, 100000 - w), ESP_DROP_LATE);
		if (w > 1) {
			cr_assert(offer(&r, 100000 - w + 1), "window %u", w);
			cr_assert_eq(esp_replay_check(&r, 100000 - w + 1), ESP_DROP_REPLAY);
		}
		cr_assert(offer(&r, 100001));
		cr_assert_eq(esp_replay_check(&r, 100001 - w), ESP_DROP_LATE);
		esp_replay_free(&r);
	}
	cr_assert_eq(esp_replay_init(&r, ESP_REPLAY_MAX + 1, 0), -EINVAL);
}

Test(esp_replay, equals_the_model)
{
	enum { N = 20000 };
	static uint8_t seen[N + 2000];
	static const uint32_t sizes[] = {32, 64, 100, 512};
	uint64_t x = 88172645463325252ULL;
	size_t s;

	for (s = 0; s < 4; s++) {
		struct esp_replay r;
		uint64_t top = 0;
		uint64_t base = 1;
		int i;

		memset(seen, 0, sizeof(seen));
		cr_assert_eq(esp_replay_init(&r, sizes[s], 0), 0);
		for (i = 0; i < 60000; i++) {
			uint64_t seq;
			bool want;

			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			base = (uint64_t)i / 3 + 1;
			seq = base + (x >> 20) % 700;
			seq = seq > 600 ? seq - 600 : seq;
			if ((x & 1023) == 0)
				seq += 1000;
			want = !seen[seq] && (seq > top || top - seq < sizes[s]);
			cr_assert_eq(offer(&r, seq), want, "size %u i %d seq %lu top %lu", sizes[s], i, seq,
			             top);
			if (want) {
				seen[seq] = 1;
				top = seq > top ? seq : top;
			}
			cr_assert_eq(r.top, top);
		}
		esp_replay_free(&r);
	}
}

Test(esp_replay, resumed_window_refuses_the_past_only)
{
	struct esp_replay r;
	uint64_t top;
	uint64_t seq;

	for (top = 1; top < 400; top++) {
		cr_assert_eq(esp_replay_init(&r, 128, top), 0);
		for (seq = 0; seq <= top; seq++)
			cr_assert_neq(esp_replay_check(&r, seq), ESP_OK);
		cr_assert(offer(&r, top + 2));
		cr_assert(offer(&r, top + 1));
		cr_assert(offer(&r, top + 200));
		cr_assert(offer(&r, top + 150));
		cr_assert_not(offer(&r, top + 150));
		esp_replay_free(&r);
	}
}

Test(esp_replay, switched_off_accepts_all)
{
	struct esp_replay r;

	cr_assert_eq(esp_replay_init(&r, 0, 0), 0);
	cr_assert(offer(&r, 5));
	cr_assert(offer(&r, 5));
	cr_assert(offer(&r, 1));
	cr_assert_eq(r.top, 5u);
	esp_replay_free(&r);
}

Test(esp_replay, inference_of_high_bits)
{
	struct esp_replay r;

	cr_assert_eq(esp_replay_init(&r, 64, 0), 0);
	r.top = 0x500000100ULL; /* window within one subspace */
	cr_assert_eq(esp_replay_infer(&r, 0x100), 0x500000100ULL);
	cr_assert_eq(esp_replay_infer(&r, 0x100 - 63), 0x5000000c1ULL);
	cr_assert_eq(esp_replay_infer(&r, 0x100 - 64), 0x6000000c0ULL);
	cr_assert_eq(esp_replay_infer(&r, 0xffffffff), 0x5ffffffffULL);
	r.top = 0x500000010ULL; /* window spans two */
	cr_assert_eq(esp_replay_infer(&r, 0x10), 0x500000010ULL);
	cr_assert_eq(esp_replay_infer(&r, 0xfffffff0), 0x4fffffff0ULL);
	cr_assert_eq(esp_replay_infer(&r, 0xf0000000), 0x5f0000000ULL);
	r.top = 3; /* nothing before 0 */
	cr_assert_eq(esp_replay_infer(&r, 0xffffffff), 0xffffffffULL);
	r.top = 62;
	cr_assert_eq(esp_replay_infer(&r, 0), 0u);
	r.top = 63;
	cr_assert_eq(esp_replay_infer(&r, 0), 0u);
	r.top = 64;
	cr_assert_eq(esp_replay_infer(&r, 0), 1ULL << 32);
	esp_replay_free(&r);
}
