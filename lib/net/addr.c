/* SPDX-License-Identifier: MIT */
/*
 * IP addresses, endpoints and prefixes of both families (see addr.h). Pure functions.
 */
#include "net/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int net_addr_parse(struct net_addr *a, const char *text)
{
	memset(a, 0, sizeof(*a));
	if (!text)
		return -EINVAL;
	if (inet_pton(AF_INET, text, a->bytes) == 1) {
		a->family = AF_INET;
		return 0;
	}
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET6, text, a->bytes) == 1) {
		a->family = AF_INET6;
		return 0;
	}
	memset(a, 0, sizeof(*a));
	return -EINVAL;
}

static int parse_number(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*out = strtoul(text, &end, 10);
	return (errno || *end || *out > max) ? -EINVAL : 0;
}

int net_prefix_parse(struct net_prefix *p, const char *text)
{
	char buf[NET_PREFIX_STRLEN + 1];
	unsigned long len;
	char *slash;

	memset(p, 0, sizeof(*p));
	if (!text || strlen(text) >= sizeof(buf))
		return -EINVAL;
	strcpy(buf, text);
	slash = strchr(buf, '/');
	if (slash)
		*slash = '\0';
	if (net_addr_parse(&p->addr, buf))
		return -EINVAL;
	p->len = net_addr_bits(&p->addr);
	if (!slash)
		return 0;
	if (parse_number(slash + 1, p->len, &len)) {
		memset(p, 0, sizeof(*p));
		return -EINVAL;
	}
	p->len = (uint8_t)len;
	return 0;
}

int net_endpoint_parse(struct net_endpoint *e, const char *text)
{
	char buf[NET_ENDPOINT_STRLEN + 1];
	unsigned long port;
	char *host = buf;
	char *colon;

	memset(e, 0, sizeof(*e));
	if (!text || strlen(text) >= sizeof(buf))
		return -EINVAL;
	strcpy(buf, text);
	if (buf[0] == '[') {
		host = buf + 1;
		colon = strchr(host, ']');
		if (!colon || colon[1] != ':')
			return -EINVAL;
		*colon++ = '\0';
	} else {
		colon = strchr(buf, ':');
		if (!colon || strchr(colon + 1, ':'))
			return -EINVAL;
	}
	*colon = '\0';
	if (net_addr_parse(&e->addr, host) || parse_number(colon + 1, 65535, &port)) {
		memset(e, 0, sizeof(*e));
		return -EINVAL;
	}
	e->port = (uint16_t)port;
	return 0;
}

const char *net_addr_format(const struct net_addr *a, char *buf, size_t size)
{
	if (!net_addr_is_set(a) || !inet_ntop(a->family, a->bytes, buf, (socklen_t)size))
		snprintf(buf, size, "-");
	return buf;
}

const char *net_prefix_format(const struct net_prefix *p, char *buf, size_t size)
{
	char addr[NET_ADDR_STRLEN];

	snprintf(buf, size, "%s/%u", net_addr_format(&p->addr, addr, sizeof(addr)), p->len);
	return buf;
}

const char *net_endpoint_format(const struct net_endpoint *e, char *buf, size_t size)
{
	char addr[NET_ADDR_STRLEN];

	net_addr_format(&e->addr, addr, sizeof(addr));
	snprintf(buf, size, e->addr.family == AF_INET6 ? "[%s]:%u" : "%s:%u", addr, e->port);
	return buf;
}

int net_addr_from_bytes(struct net_addr *a, const void *bytes, size_t len)
{
	memset(a, 0, sizeof(*a));
	if (len != 4 && len != 16)
		return -EINVAL;
	a->family = len == 4 ? AF_INET : AF_INET6;
	memcpy(a->bytes, bytes, len);
	return 0;
}

struct net_addr net_addr_v4(uint32_t host_order)
{
	struct net_addr a = {.family = AF_INET};
	uint32_t be = htonl(host_order);

	memcpy(a.bytes, &be, 4);
	return a;
}

size_t net_addr_len(const struct net_addr *a)
{
	return a->family == AF_INET ? 4 : a->family == AF_INET6 ? 16 : 0;
}

uint8_t net_addr_bits(const struct net_addr *a)
{
	return (uint8_t)(net_addr_len(a) * 8);
}

bool net_addr_is_set(const struct net_addr *a)
{
	return a->family == AF_INET || a->family == AF_INET6;
}

bool net_addr_is_any(const struct net_addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->bytes, zero, 16) == 0;
}

bool net_addr_equal(const struct net_addr *a, const struct net_addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, 16) == 0;
}

int net_addr_compare(const struct net_addr *a, const struct net_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, 16);
}

bool net_endpoint_equal(const struct net_endpoint *a, const struct net_endpoint *b)
{
	return a->port == b->port && net_addr_equal(&a->addr, &b->addr);
}

void net_addr_mask(struct net_addr *a, uint8_t len)
{
	size_t i;

	for (i = 0; i < 16; i++) {
		if (len >= 8) {
			len -= 8;
			continue;
		}
		a->bytes[i] &= (uint8_t)(0xff00 >> len);
		len = 0;
	}
}

bool net_prefix_contains(const struct net_prefix *p, const struct net_addr *a)
{
	struct net_addr x = *a;
	struct net_addr y = p->addr;

	if (a->family != p->addr.family)
		return false;
	net_addr_mask(&x, p->len);
	net_addr_mask(&y, p->len);
	return net_addr_equal(&x, &y);
}

void net_addr_add(struct net_addr *a, uint64_t n)
{
	size_t i = net_addr_len(a);
	uint64_t carry = n;

	while (i-- > 0 && carry) {
		carry += a->bytes[i];
		a->bytes[i] = (uint8_t)carry;
		carry >>= 8;
	}
}

socklen_t net_endpoint_to_sockaddr(const struct net_endpoint *e, struct sockaddr_storage *ss)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *in = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	if (e->addr.family == AF_INET) {
		in->sin_family = AF_INET;
		in->sin_port = htons(e->port);
		memcpy(&in->sin_addr, e->addr.bytes, 4);
		return sizeof(*in);
	}
	if (e->addr.family == AF_INET6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(e->port);
		memcpy(&in6->sin6_addr, e->addr.bytes, 16);
		return sizeof(*in6);
	}
	return 0;
}

int net_endpoint_from_sockaddr(struct net_endpoint *e, const struct sockaddr *sa, socklen_t len)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;

	memset(e, 0, sizeof(*e));
	if (len >= sizeof(*in) && sa->sa_family == AF_INET) {
		e->port = ntohs(in->sin_port);
		return net_addr_from_bytes(&e->addr, &in->sin_addr, 4);
	}
	if (len >= sizeof(*in6) && sa->sa_family == AF_INET6) {
		e->port = ntohs(in6->sin6_port);
		return net_addr_from_bytes(&e->addr, &in6->sin6_addr, 16);
	}
	return -EINVAL;
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	return x ^ (x >> 32);
}

uint64_t net_addr_hash(const struct net_addr *a, uint64_t seed)
{
	uint64_t lo;
	uint64_t hi;

	memcpy(&lo, a->bytes, 8);
	memcpy(&hi, a->bytes + 8, 8);
	return mix(mix(lo ^ seed) + hi + a->family);
}
