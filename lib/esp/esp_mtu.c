/* SPDX-License-Identifier: MIT */
/*
 * Packets that are too long for a tunnel: pieces of an IPv4 packet that may be fragmented before it is
 * encrypted (RFC 791 section 3.2), and for others the message to their sender (RFC 1191 section 4, RFC 4443
 * section 3.2; RFC 4301 section 8.2.1). No I/O. Called by lib/npu/npu_mtu.c.
 */
#include "esp/esp.h"

#include <netinet/in.h>
#include <string.h>

#define ICMP_UNREACH  3
#define ICMP_NEEDFRAG 4
#define ICMP6_TOOBIG  2
#define V4_QUOTE      548  /* of the packet: a message is at most 576 bytes (RFC 1812 section 4.3.2.3) */
#define V6_QUOTE      1232 /* … 1280 bytes (RFC 4443 section 2.4) */

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static uint32_t sum(uint32_t s, const uint8_t *p, size_t len)
{
	for (; len > 1; p += 2, len -= 2)
		s += get16(p);
	if (len)
		s += (uint32_t)*p << 8;
	return s;
}

static unsigned fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return ~s & 0xffff;
}

static void v4_checksum(uint8_t *ip, size_t ihl)
{
	put16(ip + 10, 0);
	put16(ip + 10, fold(sum(0, ip, ihl)));
}

/* --- fragments ----------------------------------------------------------------------------------------- */

/* The header of a later piece: options that are marked so are copied. Returns its length. */
static size_t later_header(const uint8_t *ip, size_t ihl, uint8_t *out)
{
	size_t n = 20;

	memcpy(out, ip, 20);
	for (size_t i = 20; i < ihl && ip[i];) {
		size_t size = ip[i] == 1 ? 1 : i + 1 < ihl ? ip[i + 1] : 0;

		if (!size || (ip[i] != 1 && size < 2) || i + size > ihl)
			break;
		if (ip[i] & 0x80) {
			memcpy(out + n, ip + i, size);
			n += size;
		}
		i += size;
	}
	while (n % 4)
		out[n++] = 0;
	out[0] = (uint8_t)(0x40 | n / 4);
	return n;
}

size_t esp_mtu_piece(const uint8_t *ip, size_t len, size_t mtu, size_t *at, uint8_t *out)
{
	size_t ihl = (size_t)(ip[0] & 15) * 4, head = ihl, n;
	unsigned offset = get16(ip + 6);

	if (*at >= len - ihl)
		return 0;
	if (*at)
		head = later_header(ip, ihl, out);
	else
		memcpy(out, ip, ihl);
	if (mtu < head + 8)
		return 0;
	n = len - ihl - *at;
	if (n > mtu - head)
		n = (mtu - head) / 8 * 8;
	memcpy(out + head, ip + ihl + *at, n);
	put16(out + 2, (unsigned)(head + n));
	put16(out + 6, ((offset & 0x1fff) + (unsigned)(*at / 8)) |
	                       (*at + n < len - ihl || (offset & 0x2000) ? 0x2000 : 0));
	v4_checksum(out, head);
	*at += n;
	return head + n;
}

/* --- too big ------------------------------------------------------------------------------------------- */

/* Nobody is told of his errors, of a later fragment, or by a group's address (RFC 1122 section 3.2.2). */
static bool v4_tellable(const uint8_t *ip, size_t len)
{
	size_t ihl = (size_t)(ip[0] & 15) * 4;
	uint8_t type = ip[9] == IPPROTO_ICMP && len > ihl ? ip[ihl] : 8;

	return !(get16(ip + 6) & 0x1fff) && ip[12] && ip[12] < 224 && ip[16] < 224 &&
	       (type == 0 || type == 8 || (type >= 13 && type <= 18));
}

static size_t v4_too_big(const uint8_t *ip, size_t len, size_t mtu, uint8_t *out)
{
	size_t quote = len < V4_QUOTE ? len : V4_QUOTE, total = 28 + quote;

	if (!v4_tellable(ip, len))
		return 0;
	memset(out, 0, 28);
	out[0] = 0x45;
	out[1] = 0xc0;
	put16(out + 2, (unsigned)total);
	out[8] = 64;
	out[9] = IPPROTO_ICMP;
	memcpy(out + 12, ip + 16, 4); /* from where it was going to: that address is routed here */
	memcpy(out + 16, ip + 12, 4);
	v4_checksum(out, 20);
	out[20] = ICMP_UNREACH;
	out[21] = ICMP_NEEDFRAG;
	put16(out + 26, (unsigned)mtu);
	memcpy(out + 28, ip, quote);
	put16(out + 22, fold(sum(0, out + 20, 8 + quote)));
	return total;
}

static size_t v6_too_big(const uint8_t *ip, size_t len, size_t mtu, uint8_t *out)
{
	size_t quote = len < V6_QUOTE ? len : V6_QUOTE, total = 48 + quote;

	if (ip[8] == 0xff || (ip[6] == IPPROTO_ICMPV6 && len > 40 && ip[40] < 128))
		return 0;
	memset(out, 0, 48);
	out[0] = 0x60;
	put16(out + 4, (unsigned)(8 + quote));
	out[6] = IPPROTO_ICMPV6;
	out[7] = 64;
	memcpy(out + 8, ip + 24, 16);
	memcpy(out + 24, ip + 8, 16);
	out[40] = ICMP6_TOOBIG;
	put16(out + 46, (unsigned)mtu);
	memcpy(out + 48, ip, quote);
	put16(out + 42,
	      fold(sum(sum((uint32_t)(8 + quote) + IPPROTO_ICMPV6, out + 8, 32), out + 40, 8 + quote)));
	return total;
}

size_t esp_mtu_too_big(const uint8_t *packet, size_t len, size_t mtu, uint8_t out[ESP_TOO_BIG_MAX])
{
	if (len >= 20 && packet[0] >> 4 == 4)
		return v4_too_big(packet, len, mtu, out);
	if (len >= 40 && packet[0] >> 4 == 6)
		return v6_too_big(packet, len, mtu < 1280 ? 1280 : mtu, out);
	return 0;
}
