/* SPDX-License-Identifier: MIT */
/*
 * IP addresses, endpoints and prefixes of both families in one type: parse, format, compare, mask, and the
 * way to and from struct sockaddr. Used by everything that handles addresses; pure functions, no I/O. The
 * bytes behind an IPv4 address are always zero, so two addresses may be compared or hashed as a whole.
 */
#ifndef NET_ADDR_H
#define NET_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct net_addr {
	uint16_t family;   /* AF_INET, AF_INET6; AF_UNSPEC (0) is "no address" */
	uint8_t bytes[16]; /* network order; IPv4 in the first four */
};

struct net_endpoint {
	struct net_addr addr;
	uint16_t port; /* host order */
};

struct net_prefix {
	struct net_addr addr;
	uint8_t len; /* 0..32 or 0..128 */
};

#define NET_ADDR_STRLEN     46
#define NET_ENDPOINT_STRLEN 56 /* "[v6]:port" */
#define NET_PREFIX_STRLEN   52

/* Text to address. Returns 0, or -EINVAL (and leaves *a as AF_UNSPEC). */
int net_addr_parse(struct net_addr *a, const char *text);
/* "10.0.0.0/8", "2001:db8::/32"; without "/len" a host prefix. Host bits are kept as written. 0 or -EINVAL.
 */
int net_prefix_parse(struct net_prefix *p, const char *text);
/* "192.0.2.1:500", "[2001:db8::1]:4500". 0 or -EINVAL. */
int net_endpoint_parse(struct net_endpoint *e, const char *text);

/* Format into buf (at least the STRLEN above); always returns buf. An unset address is written as "-". */
const char *net_addr_format(const struct net_addr *a, char *buf, size_t size);
const char *net_prefix_format(const struct net_prefix *p, char *buf, size_t size);
const char *net_endpoint_format(const struct net_endpoint *e, char *buf, size_t size);

/* From raw bytes: 4 or 16 of them. 0 or -EINVAL. */
int net_addr_from_bytes(struct net_addr *a, const void *bytes, size_t len);
struct net_addr net_addr_v4(uint32_t host_order);
size_t net_addr_len(const struct net_addr *a);   /* 4, 16 or 0 */
uint8_t net_addr_bits(const struct net_addr *a); /* 32, 128 or 0 */
bool net_addr_is_set(const struct net_addr *a);
bool net_addr_is_any(const struct net_addr *a);
bool net_addr_equal(const struct net_addr *a, const struct net_addr *b);
/* Total order: family first, then bytes. <0, 0, >0. */
int net_addr_compare(const struct net_addr *a, const struct net_addr *b);
bool net_endpoint_equal(const struct net_endpoint *a, const struct net_endpoint *b);

bool net_prefix_contains(const struct net_prefix *p, const struct net_addr *a);
/* Clear the host bits below len. */
void net_addr_mask(struct net_addr *a, uint8_t len);
/* Add n to the address as a number (wraps within the family). */
void net_addr_add(struct net_addr *a, uint64_t n);

/* To and from struct sockaddr. to_sockaddr returns the length written (0 when unset). from_sockaddr: 0 or
 * -EINVAL. */
socklen_t net_endpoint_to_sockaddr(const struct net_endpoint *e, struct sockaddr_storage *ss);
int net_endpoint_from_sockaddr(struct net_endpoint *e, const struct sockaddr *sa, socklen_t len);

/* Seeded hash of the whole address, for tables. */
uint64_t net_addr_hash(const struct net_addr *a, uint64_t seed);

#endif
