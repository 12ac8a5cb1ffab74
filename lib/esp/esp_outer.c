/* SPDX-License-Identifier: MIT */
/*
 * Outer headers for those who have no kernel socket to make them: IPv4, IPv6 and UDP encapsulation in front
 * of an ESP packet, and stripping what a raw socket delivers. RFC 3948 section 2.1 (UDP checksum 0 over
 * IPv4), RFC 6935 is not relied on: over IPv6 the checksum is computed. Called by simulated peers, pcap
 * writers and iftask.
 */
#include "esp/esp.h"

#include <netinet/in.h>
#include <string.h>

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t sum_words(const uint8_t *p, size_t len, uint32_t sum)
{
	for (; len > 1; len -= 2, p += 2)
		sum += (uint32_t)(p[0] << 8 | p[1]);
	if (len)
		sum += (uint32_t)p[0] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void push(struct esp_pkt *p, size_t n)
{
	p->data -= n;
	p->headroom -= n;
	p->len += n;
}

static void push_udp(struct esp_pkt *p, const struct esp_outer *o)
{
	uint32_t sum;

	push(p, 8);
	put16(p->data, o->local.port);
	put16(p->data + 2, o->remote.port);
	put16(p->data + 4, (uint32_t)p->len);
	put16(p->data + 6, 0);
	if (o->local.addr.family == AF_INET)
		return;
	sum = sum_words(o->local.addr.bytes, 16, 0);
	sum = sum_words(o->remote.addr.bytes, 16, sum);
	sum = fold(sum_words(p->data, p->len, sum + (uint32_t)p->len + IPPROTO_UDP));
	put16(p->data + 6, sum ? sum : 0xffff);
}

static void push_ipv4(struct esp_pkt *p, const struct esp_outer *o)
{
	uint8_t *h;

	push(p, 20);
	h = p->data;
	memset(h, 0, 20);
	h[0] = 0x45;
	h[1] = o->tos;
	put16(h + 2, (uint32_t)p->len);
	put16(h + 4, o->id);
	h[6] = o->df ? 0x40 : 0;
	h[8] = o->ttl ? o->ttl : 64;
	h[9] = o->udp ? IPPROTO_UDP : IPPROTO_ESP;
	memcpy(h + 12, o->local.addr.bytes, 4);
	memcpy(h + 16, o->remote.addr.bytes, 4);
	put16(h + 10, fold(sum_words(h, 20, 0)));
}

static void push_ipv6(struct esp_pkt *p, const struct esp_outer *o)
{
	uint8_t *h;

	push(p, 40);
	h = p->data;
	memset(h, 0, 8);
	h[0] = (uint8_t)(0x60 | o->tos >> 4);
	h[1] = (uint8_t)(o->tos << 4);
	put16(h + 4, (uint32_t)(p->len - 40));
	h[6] = o->udp ? IPPROTO_UDP : IPPROTO_ESP;
	h[7] = o->ttl ? o->ttl : 64;
	memcpy(h + 8, o->local.addr.bytes, 16);
	memcpy(h + 24, o->remote.addr.bytes, 16);
}

enum esp_reason esp_outer_push(struct esp_pkt *p, const struct esp_outer *o)
{
	size_t ip = o->local.addr.family == AF_INET ? 20 : 40;
	size_t need = ip + (o->udp ? 8 : 0);

	if (p->headroom < need || p->len + need > 65535 || o->local.addr.family != o->remote.addr.family ||
	    !net_addr_is_set(&o->local.addr))
		return ESP_DROP_ROOM;
	if (o->udp)
		push_udp(p, o);
	if (ip == 20)
		push_ipv4(p, o);
	else
		push_ipv6(p, o);
	return ESP_OK;
}

enum esp_reason esp_outer_pull_ipv4(struct esp_pkt *p)
{
	size_t ihl;

	if (p->len < 20 || p->data[0] >> 4 != 4)
		return ESP_DROP_SHORT;
	ihl = (size_t)(p->data[0] & 15) * 4;
	if (ihl < 20 || p->len < ihl)
		return ESP_DROP_SHORT;
	if (p->data[9] != IPPROTO_ESP)
		return ESP_DROP_NEXT_HEADER;
	p->data += ihl;
	p->headroom += ihl;
	p->len -= ihl;
	return ESP_OK;
}
