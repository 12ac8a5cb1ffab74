/* SPDX-License-Identifier: MIT */
/* Lanes of sequence numbers: two chassis that both send on an SA never use the same number, whatever marks
 * they have. */
#include <criterion/criterion.h>
#include <string.h>

#include "esp/esp.h"
#include "esp/esp_mark.h"

/* The next number, as esp_seal() takes it; 0: none. Marks are durable at once. */
static uint64_t take(struct esp_sa *sa)
{
	uint64_t mark;

	if (esp_seq_want(sa, &mark))
		esp_seq_durable(sa, mark);
	esp_seq_roll(sa);
	if (sa->seq + 1 >= sa->seq_limit)
		return 0;
	return ++sa->seq;
}

static void fresh(struct esp_sa *sa, uint8_t lane)
{
	memset(sa, 0, sizeof(*sa));
	sa->lane = lane;
	sa->seq = esp_seq_first(lane) - 1;
	sa->seq_limit = sa->seq_asked = esp_seq_first_mark(lane);
}

/* As iftask resumes an SA behind a stored mark. */
static void resumed(struct esp_sa *sa, uint8_t lane, uint64_t mark)
{
	memset(sa, 0, sizeof(*sa));
	sa->lane = lane;
	sa->seq = sa->seq_limit = sa->seq_asked = mark + ESP_SEQ_BLOCK;
}

static bool in_lane(uint64_t seq, uint8_t lane)
{
	return ((seq / ESP_SEQ_BLOCK) & 1) == (lane == ESP_LANE_ODD);
}

Test(esp_lane, without_redundancy_numbers_are_consecutive)
{
	struct esp_sa sa;

	fresh(&sa, ESP_LANE_ALL);
	for (uint64_t i = 1; i <= 3 * ESP_SEQ_BLOCK; i++)
		cr_assert_eq(take(&sa), i);
}

Test(esp_lane, numbers_rise_and_stay_in_the_lane)
{
	for (uint8_t lane = ESP_LANE_EVEN; lane <= ESP_LANE_ODD; lane++) {
		struct esp_sa sa;
		uint64_t last = 0, used = 0;

		fresh(&sa, lane);
		cr_expect_eq(take(&sa), lane == ESP_LANE_ODD ? ESP_SEQ_BLOCK : 1);
		last = sa.seq;
		for (; used < 5 * ESP_SEQ_BLOCK; used++) {
			uint64_t n = take(&sa);

			cr_assert(n > last, "after %lu came %lu", (unsigned long)last, (unsigned long)n);
			cr_assert(in_lane(n, lane), "%lu is the other chassis'", (unsigned long)n);
			last = n;
		}
		/* No block of the lane is left out. */
		cr_expect_lt(last, 12 * ESP_SEQ_BLOCK);
	}
}

Test(esp_lane, resumed_from_any_mark_stays_in_the_lane)
{
	for (uint64_t mark = ESP_SEQ_BLOCK; mark < 9 * ESP_SEQ_BLOCK; mark += ESP_SEQ_BLOCK / 2 + 7)
		for (uint8_t lane = ESP_LANE_EVEN; lane <= ESP_LANE_ODD; lane++) {
			struct esp_sa sa;

			resumed(&sa, lane, mark);
			for (int i = 0; i < 3 * ESP_SEQ_BLOCK; i++) {
				uint64_t n = take(&sa);

				cr_assert(n > mark);
				cr_assert(in_lane(n, lane), "mark %lu: %lu", (unsigned long)mark,
				          (unsigned long)n);
			}
		}
}

Test(esp_lane, nothing_is_sent_before_the_mark_is_durable)
{
	struct esp_sa sa;
	uint64_t mark;

	resumed(&sa, ESP_LANE_ODD, ESP_SEQ_BLOCK);
	cr_assert(esp_seq_want(&sa, &mark));
	cr_expect_not(esp_seq_want(&sa, &mark), "asked once");
	cr_expect_not(esp_seq_ready(&sa));
	esp_seq_roll(&sa);
	cr_expect(sa.seq + 1 >= sa.seq_limit);
	esp_seq_durable(&sa, mark);
	cr_expect(esp_seq_ready(&sa));
	cr_expect_eq(esp_seq_marked(&sa), mark);
}

Test(esp_lane, the_end_of_the_space_is_the_end)
{
	struct esp_sa sa;
	uint64_t n, last = 0;

	resumed(&sa, ESP_LANE_EVEN, (1ULL << 32) - 4 * ESP_SEQ_BLOCK);
	while ((n = take(&sa)))
		last = n;
	cr_expect_leq(last, UINT32_MAX);
	cr_expect(in_lane(last, ESP_LANE_EVEN));
}

Test(esp_mark, rows_of_all_ages)
{
	struct esp_mark m = {1ULL << 40, 77, 1ULL << 33, 5}, got;
	uint8_t blob[ESP_MARK_LEN];

	esp_mark_encode(&m, blob);
	cr_expect_eq(esp_mark_decode(&got, blob, ESP_MARK_LEN), 0);
	cr_expect(got.out == m.out && got.in == m.in && got.bytes_out == m.bytes_out &&
	          got.bytes_in == m.bytes_in);
	cr_expect_eq(esp_mark_decode(&got, blob, 16), 0);
	cr_expect(got.out == m.out && got.in == m.in && !got.bytes_out && !got.bytes_in);
	cr_expect_eq(esp_mark_decode(&got, blob, 8), 0);
	cr_expect(got.out == m.out && !got.in);
	for (size_t len = 0; len < ESP_MARK_LEN; len++)
		if (len != 8 && len != 16)
			cr_expect_lt(esp_mark_decode(&got, blob, len), 0);
}
