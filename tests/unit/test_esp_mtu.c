/* SPDX-License-Identifier: MIT */
/*
 * Too long packets (lib/esp/esp_mtu.c): pieces put together again give the packet, whatever its options and
 * the limit; messages to senders have the right sums, and go to nobody who must not get one.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "esp/esp.h"

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static unsigned sum(const uint8_t *p, size_t len, uint32_t s)
{
	for (size_t i = 0; i < len; i++)
		s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

/* An IPv4 packet with options: one that is copied, one that is not. */
static size_t make(uint8_t *ip, size_t payload, bool options, unsigned flags, unsigned *seed)
{
	static const uint8_t some[12] = {0x83, 7, 4, 10, 0, 0, 9, 1, 7, 3, 4, 0};
	size_t ihl = options ? 32 : 20, len = ihl + payload;

	memset(ip, 0, ihl);
	ip[0] = (uint8_t)(0x40 | ihl / 4);
	ip[2] = (uint8_t)(len >> 8);
	ip[3] = (uint8_t)len;
	ip[4] = 0xab;
	ip[6] = (uint8_t)(flags >> 8);
	ip[7] = (uint8_t)flags;
	ip[8] = 64;
	ip[9] = 17;
	memcpy(ip + 12, "\x0a\x01\x00\x01\x0a\x02\x00\x02", 8);
	if (options)
		memcpy(ip + 20, some, sizeof(some));
	for (size_t i = 0; i < payload; i++)
		ip[ihl + i] = (uint8_t)rand_r(seed);
	return len;
}

Test(esp_mtu, pieces_are_the_packet)
{
	uint8_t ip[4096], piece[2048], whole[4096];
	unsigned seed = 3;

	for (unsigned round = 0; round < 2000; round++) {
		bool options = round % 2, last = true;
		unsigned first = round % 3 ? 0 : 0x2000 | 100; /* it may be a fragment itself */
		size_t mtu = 68 + (size_t)rand_r(&seed) % 1400, payload = 8 + (size_t)rand_r(&seed) % 3000,
		       len = make(ip, payload, options, first, &seed), at = 0, n, got = 0,
		       ihl = options ? 32 : 20;

		while ((n = esp_mtu_piece(ip, len, mtu, &at, piece))) {
			size_t head = (size_t)(piece[0] & 15) * 4;

			cr_assert_leq(n, mtu);
			cr_assert_eq(get16(piece + 2), n);
			cr_assert_eq(sum(piece, head, 0), 0xffff, "round %u", round);
			cr_assert_eq(get16(piece + 4), get16(ip + 4));
			cr_assert_eq((get16(piece + 6) & 0x1fff) - (first & 0x1fff), got / 8);
			cr_assert_eq(head, got ? (options ? 28 : 20) : ihl);
			if (options && got)
				cr_assert_eq(piece[20], 0x83, "the option that is copied");
			memcpy(whole + got, piece + head, n - head);
			got += n - head;
			last = !(get16(piece + 6) & 0x2000);
		}
		cr_assert_eq(got, payload);
		cr_assert_arr_eq(whole, ip + ihl, payload);
		cr_assert_eq(last, !first);
	}
}

Test(esp_mtu, senders_are_told)
{
	uint8_t ip[2000], out[ESP_TOO_BIG_MAX];
	unsigned seed = 1;
	size_t len = make(ip, 1400, false, 0x4000, &seed), n = esp_mtu_too_big(ip, len, 1200, out);

	cr_assert_eq(n, 28 + 548);
	cr_assert_eq(sum(out, 20, 0), 0xffff);
	cr_assert_eq(sum(out + 20, n - 20, 0), 0xffff);
	cr_assert_arr_eq(out + 12, ip + 16, 4);
	cr_assert_arr_eq(out + 16, ip + 12, 4);
	cr_assert_eq(out[20], 3);
	cr_assert_eq(out[21], 4);
	cr_assert_eq(get16(out + 26), 1200);
	cr_assert_arr_eq(out + 28, ip, 548);
	ip[9] = 1; /* of ICMP only what asks */
	ip[20] = 8;
	cr_assert_gt(esp_mtu_too_big(ip, len, 1200, out), 0);
	ip[20] = 3;
	cr_assert_eq(esp_mtu_too_big(ip, len, 1200, out), 0);
	ip[9] = 17;
	ip[7] = 9; /* a later fragment */
	cr_assert_eq(esp_mtu_too_big(ip, len, 1200, out), 0);
	ip[7] = 0;
	ip[16] = 224;
	cr_assert_eq(esp_mtu_too_big(ip, len, 1200, out), 0);
}

Test(esp_mtu, senders_are_told_over_ipv6)
{
	uint8_t ip[1500] = {0x60}, out[ESP_TOO_BIG_MAX];
	size_t n;

	ip[4] = 1460 >> 8;
	ip[5] = (uint8_t)1460;
	ip[6] = 17;
	ip[8] = ip[24] = 0x20;
	ip[23] = 1;
	ip[39] = 2;
	n = esp_mtu_too_big(ip, sizeof(ip), 1422, out);
	cr_assert_eq(n, 1280);
	cr_assert_eq(sum(out + 40, n - 40, sum(out + 8, 32, 58 + (uint32_t)(n - 40))), 0xffff);
	cr_assert_eq(out[40], 2);
	cr_assert_eq(get16(out + 46), 1422);
	cr_assert_arr_eq(out + 24, ip + 8, 16);
	cr_assert_gt(esp_mtu_too_big(ip, sizeof(ip), 600, out), 0);
	cr_assert_eq(get16(out + 46), 1280, "never less");
	ip[6] = 58; /* an error */
	ip[40] = 1;
	cr_assert_eq(esp_mtu_too_big(ip, sizeof(ip), 1422, out), 0);
	cr_assert_eq(esp_mtu_too_big(ip, 39, 1422, out), 0);
	ip[0] = 0x10;
	cr_assert_eq(esp_mtu_too_big(ip, sizeof(ip), 1422, out), 0);
}
