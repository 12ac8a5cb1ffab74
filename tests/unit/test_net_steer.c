/* SPDX-License-Identifier: MIT */
/*
 * The steering programs in the kernel: real SO_REUSEPORT groups and raw ESP sockets on the loopback, each
 * packet sent must come out of the socket that the rule in C names. Raw sockets need privileges; without them
 * that test is skipped.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "net/sock.h"
#include "net/steer.h"

#define N 5

/* Which of the sockets gets a packet; -1: none within the deadline. The packet is taken out. */
static int who(const int *fds, int n, uint8_t *buf, ssize_t *len)
{
	struct pollfd p[N];
	int i;

	for (i = 0; i < n; i++)
		p[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	if (poll(p, (nfds_t)n, 2000) <= 0)
		return -1;
	for (i = 0; i < n; i++) {
		if (p[i].revents & POLLIN) {
			*len = recv(fds[i], buf, 2048, 0);
			return i;
		}
	}
	return -1;
}

/* Instances 1 to n in this order. */
static struct steer_group in_order(uint16_t family, unsigned n, const struct steer_closed *closed)
{
	struct steer_group g = {.family = family, .n = n};

	for (unsigned i = 0; i < n; i++)
		g.instance[i] = (uint8_t)(i + 1);
	if (closed)
		g.closed = *closed;
	return g;
}

static const struct net_addr stranger = {.family = AF_INET, .bytes = {198, 51, 100, 1}};

static unsigned index_of(const uint8_t *pkt, size_t len, uint16_t port, unsigned n,
                         const struct steer_closed *closed)
{
	struct steer_group g = in_order(AF_INET, n, closed);

	return steer_index(pkt, len, port, &g, &stranger);
}

/* port: which rule; the sockets really use an ephemeral port. */
static void udp_group_of(const char *address, uint16_t port, struct steer_group *g)
{
	static const uint8_t lens[] = {1, 3, 4, 8, 19, 20, 28, 60};
	struct sockaddr_storage ss;
	struct net_endpoint e = {0};
	socklen_t len = sizeof(ss);
	uint8_t pkt[64];
	uint8_t got[2048];
	uint32_t x = 12345;
	int fds[N];
	int tx;
	int i;

	cr_assert_eq(net_addr_parse(&e.addr, address), 0);
	for (i = 0; i < N; i++) {
		fds[i] = sock_udp_bind(&e, SOCK_REUSEPORT | SOCK_FREEBIND);
		if (fds[i] < 0 && e.addr.family == AF_INET6)
			cr_skip_test("no IPv6 here");
		cr_assert_geq(fds[i], 0, "%d", fds[i]);
		if (!i) {
			getsockname(fds[0], (struct sockaddr *)&ss, &len);
			net_endpoint_from_sockaddr(&e, (struct sockaddr *)&ss, len);
		}
	}
	g->family = e.addr.family;
	cr_assert_eq(steer_attach_reuseport(fds[2], port, g), 0);
	tx = socket(e.addr.family, SOCK_DGRAM, 0);
	for (i = 0; i < 3000; i++) {
		size_t n = lens[i % 8];
		ssize_t n_got = 0;
		size_t k;
		int idx;

		for (k = 0; k < sizeof(pkt); k++) {
			x = x * 1103515245 + 12345;
			pkt[k] = (uint8_t)(x >> 16);
		}
		/* mostly our instances, also 0 and one too many */
		pkt[0] = (uint8_t)(pkt[0] % (N + 1) ? g->instance[pkt[0] % N] : pkt[0] % (N + 2));
		pkt[8] = (uint8_t)(pkt[8] % (N + 1) ? g->instance[pkt[8] % N] : pkt[8] % (N + 2));
		if (port == 4500 && (i & 16)) {
			memset(pkt, 0, 4);
			pkt[4] = pkt[4] % 4 ? g->instance[pkt[4] % N] : pkt[4] % (N + 2);
			pkt[12] = pkt[12] % 4 ? g->instance[pkt[12] % N] : 0;
		}
		cr_assert_eq(sendto(tx, pkt, n, 0, (struct sockaddr *)&ss, len), (ssize_t)n);
		idx = who(fds, N, got, &n_got);
		cr_assert_eq(idx, (int)steer_index(pkt, n, port, g, &e.addr), "packet %d of %zu bytes", i, n);
		cr_assert_eq(n_got, (ssize_t)n);
	}
	for (i = 0; i < N; i++)
		close(fds[i]);
	close(tx);
}

static void udp_group(const char *address, uint16_t port, const struct steer_closed *closed)
{
	struct steer_group g = in_order(AF_INET, N, closed);

	udp_group_of(address, port, &g);
}

Test(net_steer, udp_500_ipv4)
{
	udp_group("127.0.0.1", 500, NULL);
}

Test(net_steer, udp_4500_ipv4)
{
	udp_group("127.0.0.1", 4500, NULL);
}

Test(net_steer, udp_500_ipv6)
{
	udp_group("::1", 500, NULL);
}

Test(net_steer, udp_4500_ipv6)
{
	udp_group("::1", 4500, NULL);
}

/* Every set of closed instances, in the kernel as in the rule. */
Test(net_steer, closed)
{
	for (unsigned set = 1; set < 1U << N; set++) {
		struct steer_closed closed = {.bits = {set << 1}};

		udp_group("127.0.0.1", set & 1 ? 500 : 4500, &closed);
	}
}

/* A closed instance gets no first packet and everything that is its own; the others share evenly. */
Test(net_steer, closed_takes_nothing_new)
{
	struct steer_closed closed = {0};
	struct sock_filter prog[STEER_MAX_INSN];
	uint8_t ike[28] = {0};
	unsigned got[256] = {0};

	ike[19] = 0x08;
	for (unsigned i = 2; i <= 255; i += 2)
		steer_close(&closed, i);
	for (unsigned i = 0; i < 12800; i++) {
		ike[6] = (uint8_t)(i >> 8);
		ike[7] = (uint8_t)i;
		got[index_of(ike, 28, 500, 255, &closed)]++;
	}
	for (unsigned i = 0; i < 255; i++)
		cr_assert_eq(got[i], i % 2 ? 0 : 100, "index %u: %u", i, got[i]);
	ike[8] = 2;
	cr_assert_eq(index_of(ike, 28, 500, 255, &closed), 1u);
	struct steer_group g = in_order(AF_INET, 255, &closed);

	cr_assert_leq(steer_program_udp(prog, 4500, &g), (size_t)STEER_MAX_INSN);
	for (unsigned i = 1; i <= 255; i += 2)
		steer_close(&closed, i);
	ike[8] = 0;
	cr_assert_lt(index_of(ike, 28, 500, 255, &closed), 255u, "all closed: somebody answers");
}

/* Managers of crypto maps came between those of services, and later ones too. */
static struct steer_group mixed(const char *peer, uint8_t instance)
{
	static const uint8_t order[N] = {1, 80, 2, 3, 200};
	struct steer_group g = {.n = N};

	memcpy(g.instance, order, N);
	steer_close(&g.closed, 80);
	steer_close(&g.closed, 200);
	g.n_peers = 3;
	for (unsigned i = 0; i < 3; i++) {
		g.peer[i].instance = i == 1 ? instance : 80;
		net_addr_parse(&g.peer[i].addr, i == 1 ? peer : i ? "2001:db8::7" : "192.0.2.7");
	}
	return g;
}

Test(net_steer, places_that_are_no_numbers)
{
	for (unsigned i = 0; i < 4; i++) {
		struct steer_group g = mixed("198.51.100.7", 200);

		udp_group_of(i & 1 ? "::1" : "127.0.0.1", i & 2 ? 4500 : 500, &g);
	}
}

/* A peer of a map: its first packets go to the map's manager, in the kernel too. */
Test(net_steer, first_packets_of_a_peer)
{
	uint8_t ike[28] = {3, 0, 0, 0, 0, 0, 0, 7};
	struct steer_group g;

	for (unsigned i = 0; i < 4; i++) {
		g = mixed(i & 1 ? "::1" : "127.0.0.1", 200);
		udp_group_of(i & 1 ? "::1" : "127.0.0.1", i & 2 ? 4500 : 500, &g);
	}
	ike[19] = 0x08;
	g = mixed("127.0.0.1", 200);
	g.family = AF_INET;
	cr_assert_eq(steer_index(ike, 28, 500, &g, &g.peer[1].addr), 4u);
	cr_assert_eq(steer_index(ike, 28, 500, &g, &stranger), 7u % 3 + 1, "the second of 1, 2 and 3");
	ike[8] = 3;
	cr_assert_eq(steer_index(ike, 28, 500, &g, &g.peer[1].addr), 3u,
	             "what is somebody's already is not the peer's");
}

/* New peers by where they come from: the same one for all their calls, in the kernel as in the rule. */
Test(net_steer, by_source)
{
	struct steer_closed closed = {.bits = {1u << 2}};

	for (unsigned i = 0; i < 8; i++) {
		struct steer_group g = in_order(AF_INET, N, i & 4 ? &closed : NULL);

		g.by_source = true;
		udp_group_of(i & 1 ? "::1" : "127.0.0.1", i & 2 ? 4500 : 500, &g);
	}
}

static void owners(uint16_t family, unsigned step)
{
	struct steer_group g = in_order(family, 8, NULL);
	uint8_t ike[28] = {3};
	unsigned got[9] = {0};

	g.by_source = true;
	ike[19] = 0x08;
	for (unsigned i = 0; i < 1000; i++) {
		struct net_addr a = {.family = family, .bytes = {10, 1}};
		unsigned at = family == AF_INET ? 2 : 14, who, other;

		a.bytes[at] = (uint8_t)(i * step >> 8);
		a.bytes[at + 1] = (uint8_t)(i * step);
		who = steer_owner(8, &g.closed, &a);
		cr_assert(who >= 1 && who <= 8);
		got[who]++;
		ike[5] = (uint8_t)i;
		cr_assert_eq(steer_index(ike, 28, 500, &g, &a), who - 1, "what it says does not matter");
		steer_close(&g.closed, 3);
		other = steer_owner(8, &g.closed, &a);
		cr_assert_neq(other, 3);
		cr_assert_eq(steer_index(ike, 28, 500, &g, &a), other - 1);
		g.closed = (struct steer_closed){0};
	}
	for (unsigned i = 1; i <= 8; i++)
		cr_expect(got[i] > 90 && got[i] < 160, "instance %u of 8 has %u of 1,000", i, got[i]);
}

Test(net_steer, every_peer_has_one_owner)
{
	owners(AF_INET, 1);
	owners(AF_INET, 8);
	owners(AF_INET6, 1);
	owners(AF_INET6, 8);
}

/* The rule itself, spelled out. */
Test(net_steer, rule)
{
	uint8_t ike[28] = {3, 0, 0, 0, 0, 0, 0, 7, 2};
	uint8_t natt[32] = {0};
	uint8_t esp[] = {4, 1, 2, 3, 0, 0, 0, 1};
	uint8_t keepalive = 0xff;

	ike[19] = 0x08; /* the peer began this SA: ours is the responder's SPI */
	cr_assert_eq(index_of(ike, 28, 500, N, NULL), 1u);
	ike[8] = 0; /* its first packet */
	cr_assert_eq(index_of(ike, 28, 500, N, NULL), 7u % N);
	ike[19] = 0x20; /* we began it */
	cr_assert_eq(index_of(ike, 28, 500, N, NULL), 2u);
	ike[0] = N + 1;
	cr_assert_eq(index_of(ike, 28, 500, N, NULL), 0u);
	memcpy(natt + 4, ike, 28);
	natt[4] = 5;
	cr_assert_eq(index_of(natt, 32, 4500, N, NULL), 4u);
	cr_assert_eq(index_of(esp, 8, 4500, N, NULL), 3u);
	cr_assert_eq(index_of(&keepalive, 1, 4500, N, NULL), 0u);
}

static void raw_esp(const char *address)
{
	uint8_t pkt[40] = {0};
	uint8_t got[2048];
	struct sockaddr_storage ss;
	struct net_endpoint e = {0};
	socklen_t len;
	ssize_t n = 0;
	int fds[N];
	int tx;
	int i;

	net_addr_parse(&e.addr, address);
	for (i = 0; i < N; i++) {
		fds[i] = sock_raw_esp(&e.addr, SOCK_FREEBIND);
		if (fds[i] == -EPERM || fds[i] == -EADDRNOTAVAIL)
			cr_skip_test("raw sockets are not allowed here");
		cr_assert_geq(fds[i], 0);
		cr_assert_eq(steer_attach_esp_filter(fds[i], (unsigned)i + 1), 0);
	}
	tx = sock_raw_esp(&e.addr, 0);
	len = net_endpoint_to_sockaddr(&e, &ss);
	cr_assert_eq(steer_attach_esp_filter(tx, 200), 0);
	for (i = 1; i <= N; i++) {
		pkt[0] = (uint8_t)i;
		cr_assert_eq(sendto(tx, pkt, sizeof(pkt), 0, (struct sockaddr *)&ss, len),
		             (ssize_t)sizeof(pkt));
		cr_assert_eq(who(fds, N, got, &n), i - 1);
		cr_assert_eq(n, (ssize_t)sizeof(pkt) + (e.addr.family == AF_INET ? 20 : 0));
	}
	for (i = 0; i < N; i++)
		close(fds[i]);
	close(tx);
}

Test(net_steer, raw_esp_ipv4)
{
	raw_esp("127.0.0.1");
}

Test(net_steer, raw_esp_ipv6)
{
	raw_esp("::1");
}

Test(net_steer, bad_arguments)
{
	struct steer_group g = {.n = 0};

	cr_assert_eq(steer_attach_reuseport(0, 500, &g), -EINVAL);
	g.n = 256;
	cr_assert_eq(steer_attach_reuseport(0, 500, &g), -EINVAL);
	cr_assert_eq(steer_attach_esp_filter(0, 0), -EINVAL);
}
