/* SPDX-License-Identifier: MIT */
/* Congestion that what carries a packet has met (RFC 6040, figure 4), in IPv4 with its checksum and in IPv6.
 */
#include <criterion/criterion.h>

#include "esp/esp.h"

enum { NOT, ONE, ZERO, CE, DROP };

/* [inner][outer] */
static const int becomes[4][4] = {
        [NOT] = {[NOT] = NOT, [ZERO] = NOT, [ONE] = NOT, [CE] = DROP},
        [ZERO] = {[NOT] = ZERO, [ZERO] = ZERO, [ONE] = ONE, [CE] = CE},
        [ONE] = {[NOT] = ONE, [ZERO] = ONE, [ONE] = ONE, [CE] = CE},
        [CE] = {[NOT] = CE, [ZERO] = CE, [ONE] = CE, [CE] = CE},
};

static unsigned sum(const uint8_t ip[20])
{
	unsigned s = 0;

	for (int i = 0; i < 20; i += 2)
		s += (unsigned)ip[i] << 8 | ip[i + 1];
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static void ipv4(uint8_t ip[20], uint8_t tos, uint16_t id)
{
	static const uint8_t like[20] = {0x45, 0, 0, 84, 0, 0, 0, 0, 64, 1, 0, 0, 10, 10, 0, 5, 10, 9, 0, 1};
	unsigned s;

	memcpy(ip, like, 20);
	ip[1] = tos;
	ip[4] = (uint8_t)(id >> 8);
	ip[5] = (uint8_t)id;
	s = ~sum(ip) & 0xffff;
	ip[10] = (uint8_t)(s >> 8);
	ip[11] = (uint8_t)s;
}

Test(esp_ecn, every_inner_and_outer_of_ipv4)
{
	uint8_t ip[20], before[20];

	for (unsigned inner = 0; inner < 4; inner++)
		for (unsigned outer = 0; outer < 4; outer++)
			for (unsigned id = 0; id < 65536; id += 7) {
				ipv4(ip, (uint8_t)(0xb8 | inner), (uint16_t)id);
				memcpy(before, ip, 20);
				cr_assert_eq(esp_ecn_tos(ip), 0xb8 | inner);
				cr_assert_eq(esp_ecn_decap(ip, (uint8_t)(0x28 | outer)),
				             becomes[inner][outer] != DROP);
				if (becomes[inner][outer] == DROP)
					continue;
				cr_assert_eq(ip[1], 0xb8 | becomes[inner][outer]);
				cr_assert_eq(sum(ip), 0xffffu);
				cr_assert_eq(memcmp(ip + 2, before + 2, 8), 0);
			}
}

Test(esp_ecn, every_inner_and_outer_of_ipv6)
{
	for (unsigned inner = 0; inner < 4; inner++)
		for (unsigned outer = 0; outer < 4; outer++) {
			unsigned tos = 0xb8 | inner;
			uint8_t ip[40] = {
			        (uint8_t)(0x60 | tos >> 4), (uint8_t)(tos << 4 | 0xd), 0xef, 0x01, 0, 9};

			cr_assert_eq(esp_ecn_tos(ip), tos);
			cr_assert_eq(esp_ecn_decap(ip, (uint8_t)outer), becomes[inner][outer] != DROP);
			if (becomes[inner][outer] == DROP)
				continue;
			cr_assert_eq(esp_ecn_tos(ip), 0xb8 | becomes[inner][outer]);
			cr_assert_eq(ip[1] & 0xf, 0xd, "the flow label stays");
			cr_assert_eq(ip[0] >> 4, 6);
		}
}
