/* SPDX-License-Identifier: MIT */
/*
 * The traffic class of tunnels: what carries a packet is marked like it (RFC 4301 section 5.1.2), and
 * congestion that the outer header met on its way is told to the inner one (RFC 6040 section 4.2, RFC 7296
 * section 2.24). Called by lib/npu.
 */
#include "esp/esp.h"

#define NOT_ECT 0
#define ECT_1   1
#define CE      3
#define ECN     3

uint8_t esp_ecn_tos(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? ip[1] : (uint8_t)(ip[0] << 4 | ip[1] >> 4);
}

static void set_ecn(uint8_t *ip, unsigned ecn)
{
	unsigned was = (unsigned)ip[0] << 8 | ip[1], sum = (unsigned)ip[10] << 8 | ip[11];

	if (ip[0] >> 4 == 6) {
		ip[1] = (uint8_t)((ip[1] & 0xcf) | ecn << 4);
		return;
	}
	ip[1] = (uint8_t)((ip[1] & ~ECN) | ecn);
	sum = (~sum & 0xffff) + (~was & 0xffff) + ((unsigned)ip[0] << 8 | ip[1]); /* RFC 1624 */
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

bool esp_ecn_decap(uint8_t *ip, uint8_t outer_tos)
{
	unsigned inner = esp_ecn_tos(ip) & ECN, outer = outer_tos & ECN;

	if (outer == CE && inner == NOT_ECT)
		return false;
	if ((outer == CE || outer == ECT_1) && inner != NOT_ECT && inner != CE && inner != outer)
		set_ecn(ip, outer);
	return true;
}
