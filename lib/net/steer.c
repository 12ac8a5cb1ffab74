/* SPDX-License-Identifier: MIT */
/*
 * Classic BPF programs for steering (see steer.h). IKE header: RFC 7296 section 3.1; the I flag says that the
 * sender is the SA's original initiator, so that ours is the responder's SPI, else the initiator's. A load
 * beyond the packet ends a program with 0: index 0, or "not for us". A conditional jump reaches 255
 * instructions only, so all of them are short, and the way to the table of instances at the end is a plain
 * one.
 */
#include "net/steer.h"

#include <errno.h>
#include <sys/socket.h>

#define IKE_SPI_I  0
#define IKE_SPI_R  8
#define IKE_FLAGS  19
#define IKE_FLAG_I 0x08
#define PORT_NATT  4500
#define IPV4_SRC   12
#define IPV6_SRC   8
#define SPREAD     2654435761u /* 2^32 divided by the golden ratio: neighbours land far apart */

struct code {
	struct sock_filter *p;
	size_t n;
	size_t to_table[4]; /* jumps to be set when the table's place is known */
	unsigned n_to_table;
};

static void put(struct code *c, struct sock_filter f)
{
	c->p[c->n++] = f;
}

#define STMT(code, k)         ((struct sock_filter)BPF_STMT(code, k))
#define JUMP(code, k, jt, jf) ((struct sock_filter)BPF_JUMP(code, k, jt, jf))

static void put_to_table(struct code *c)
{
	c->to_table[c->n_to_table++] = c->n;
	put(c, STMT(BPF_JMP | BPF_JA, 0));
}

/* Ends the program with the place of instance A, else 0: four instructions for each run of numbers that
 * follow each other. */
static void put_table(struct code *c, const struct steer_group *g)
{
	for (unsigned i = 0; i < c->n_to_table; i++)
		c->p[c->to_table[i]].k = (uint32_t)(c->n - c->to_table[i] - 1);
	for (unsigned at = 0, run; at < g->n; at += run) {
		for (run = 1; at + run < g->n && g->instance[at + run] == g->instance[at] + run; run++)
			;
		put(c, JUMP(BPF_JMP | BPF_JGE | BPF_K, g->instance[at], 0, 3));
		put(c, JUMP(BPF_JMP | BPF_JGT | BPF_K, g->instance[at] + run - 1, 2, 0));
		put(c, STMT(BPF_ALU | BPF_ADD | BPF_K, at - g->instance[at]));
		put(c, STMT(BPF_RET | BPF_A, 0));
	}
	put(c, STMT(BPF_RET | BPF_K, 0));
}

static bool is_open(const struct steer_group *g, unsigned at)
{
	return !steer_is_closed(&g->closed, g->instance[at]);
}

static unsigned count_open(const struct steer_group *g)
{
	unsigned open = 0;

	for (unsigned i = 0; i < g->n; i++)
		open += is_open(g, i);
	return open;
}

static unsigned place(const struct steer_group *g, unsigned instance)
{
	for (unsigned i = 0; i < g->n; i++)
		if (g->instance[i] == instance)
			return i;
	return 0;
}

/* Ends with the A-th open place: four instructions for each run of open ones. */
static void put_open(struct code *c, const struct steer_group *g)
{
	unsigned left = count_open(g);

	for (unsigned first = 0, run; left; first += run) {
		for (; !is_open(g, first); first++)
			;
		for (run = 0; first + run < g->n && is_open(g, first + run); run++)
			;
		left -= run;
		if (left)
			put(c, JUMP(BPF_JMP | BPF_JGE | BPF_K, run, 2, 0));
		put(c, STMT(BPF_ALU | BPF_ADD | BPF_K, first));
		put(c, STMT(BPF_RET | BPF_A, 0));
		if (left)
			put(c, STMT(BPF_ALU | BPF_SUB | BPF_K, run));
	}
}

static uint32_t word_of(const struct net_addr *a, unsigned i)
{
	const uint8_t *b = a->bytes + 4 * i;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Ends with the place of the peer's instance, if it has one. The last word of an address tells most. */
static void put_peers(struct code *c, const struct steer_group *g)
{
	unsigned words = g->family == AF_INET6 ? 4 : 1;
	uint32_t src = (uint32_t)SKF_NET_OFF + (g->family == AF_INET6 ? IPV6_SRC : IPV4_SRC);

	for (unsigned i = 0; i < g->n_peers; i++) {
		if (g->peer[i].addr.family != g->family)
			continue;
		for (unsigned k = words; k-- > 0;) {
			put(c, STMT(BPF_LD | BPF_W | BPF_ABS, src + 4 * k));
			put(c, JUMP(BPF_JMP | BPF_JEQ | BPF_K, word_of(&g->peer[i].addr, k), 0,
			            (uint8_t)(2 * k + 1)));
		}
		put(c, STMT(BPF_RET | BPF_K, place(g, g->peer[i].instance)));
	}
}

/* A: a number for the packet's source address, see spread(). */
static void put_spread(struct code *c, uint16_t family)
{
	uint32_t src = (uint32_t)SKF_NET_OFF + (family == AF_INET6 ? IPV6_SRC : IPV4_SRC);

	put(c, STMT(BPF_LD | BPF_W | BPF_ABS, src));
	for (unsigned k = 1; family == AF_INET6 && k < 4; k++) {
		put(c, STMT(BPF_MISC | BPF_TAX, 0));
		put(c, STMT(BPF_LD | BPF_W | BPF_ABS, src + 4 * k));
		put(c, STMT(BPF_ALU | BPF_XOR | BPF_X, 0));
	}
	put(c, STMT(BPF_ALU | BPF_MUL | BPF_K, SPREAD));
	put(c, STMT(BPF_ALU | BPF_RSH | BPF_K, 16));
}

static uint32_t spread(const struct net_addr *a)
{
	uint32_t x = word_of(a, 0);

	for (unsigned k = 1; a->family == AF_INET6 && k < 4; k++)
		x ^= word_of(a, k);
	return (x * SPREAD) >> 16;
}

/* An IKE header at offset at. */
static void put_ike(struct code *c, uint32_t at, const struct steer_group *g)
{
	put(c, STMT(BPF_LD | BPF_B | BPF_ABS, at + IKE_FLAGS));
	put(c, JUMP(BPF_JMP | BPF_JSET | BPF_K, IKE_FLAG_I, 2, 0));
	put(c, STMT(BPF_LD | BPF_B | BPF_ABS, at + IKE_SPI_I));
	put_to_table(c);
	put(c, STMT(BPF_LD | BPF_B | BPF_ABS, at + IKE_SPI_R));
	put(c, JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0));
	put_to_table(c);
	put_peers(c, g);
	if (g->by_source)
		put_spread(c, g->family);
	else
		put(c, STMT(BPF_LD | BPF_W | BPF_ABS, at + IKE_SPI_I + 4));
	put(c, STMT(BPF_ALU | BPF_MOD | BPF_K, count_open(g)));
	put_open(c, g);
}

size_t steer_program_udp(struct sock_filter *p, uint16_t port, const struct steer_group *g)
{
	struct code c = {.p = p};
	struct steer_group all;

	if (!count_open(g)) {
		all = *g;
		all.closed = (struct steer_closed){0};
		g = &all;
	}
	if (port == PORT_NATT) {
		put(&c, STMT(BPF_LD | BPF_W | BPF_ABS, 0));
		put(&c, JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0));
		put(&c, STMT(BPF_ALU | BPF_RSH | BPF_K, 24));
		put_to_table(&c);
	}
	put_ike(&c, port == PORT_NATT ? 4 : 0, g);
	put_table(&c, g);
	return c.n;
}

static unsigned of_peer(const struct steer_group *g, const struct net_addr *from)
{
	unsigned i;

	for (i = 0; i < g->n_peers; i++)
		if (g->peer[i].addr.family == g->family && net_addr_equal(&g->peer[i].addr, from))
			break;
	return i;
}

/* The place of the number, of those that are open. */
static unsigned pick(const struct steer_group *g, uint32_t number)
{
	unsigned open = count_open(g), i = 0;

	if (!open)
		return number % g->n;
	for (number %= open; number || !is_open(g, i); i++)
		number -= is_open(g, i);
	return i;
}

unsigned steer_index(const uint8_t *d, size_t len, uint16_t port, const struct steer_group *g,
                     const struct net_addr *from)
{
	unsigned i;

	if (port == PORT_NATT) {
		if (len < 4)
			return 0;
		if (d[0] | d[1] | d[2] | d[3])
			return place(g, d[0]);
		d += 4;
		len -= 4;
	}
	if (len <= IKE_FLAGS)
		return 0;
	if (!(d[IKE_FLAGS] & IKE_FLAG_I))
		return place(g, d[IKE_SPI_I]);
	if (d[IKE_SPI_R])
		return place(g, d[IKE_SPI_R]);
	i = of_peer(g, from);
	if (i < g->n_peers)
		return place(g, g->peer[i].instance);
	if (g->by_source)
		return pick(g, spread(from));
	return pick(g, (uint32_t)d[4] << 24 | (uint32_t)d[5] << 16 | (uint32_t)d[6] << 8 | d[7]);
}

unsigned steer_owner(unsigned n, const struct steer_closed *closed, const struct net_addr *peer)
{
	struct steer_group g = {.family = peer->family, .n = n > 255 ? 255 : n, .closed = *closed};

	for (unsigned i = 0; i < g.n; i++)
		g.instance[i] = (uint8_t)(i + 1);
	return g.n ? g.instance[pick(&g, spread(peer))] : 0;
}

int steer_attach_reuseport(int fd, uint16_t port, const struct steer_group *g)
{
	/* the longest program: three runs of four for each of 255 sockets, nine for each peer */
	struct sock_filter code[STEER_MAX_INSN];
	struct sock_fprog prog = {.filter = code};

	if (g->n < 1 || g->n > 255 || g->n_peers > STEER_MAX_PEERS)
		return -EINVAL;
	prog.len = (unsigned short)steer_program_udp(code, port, g);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog, sizeof(prog)) ? -errno : 0;
}

int steer_attach_esp_filter(int fd, unsigned instance)
{
	/* IPv4 raw sockets see the IP header, IPv6 ones begin behind it */
	struct sock_filter v4[] = {
	        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
	        BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0),
	        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, instance, 0, 1),
	        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	        BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_filter v6[] = {
	        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
	        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, instance, 0, 1),
	        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	        BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog;
	int domain = 0;
	socklen_t len = sizeof(domain);

	if (instance < 1 || instance > 255)
		return -EINVAL;
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len))
		return -errno;
	prog.filter = domain == AF_INET6 ? v6 : v4;
	prog.len = domain == AF_INET6 ? 4 : 5;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) ? -errno : 0;
}
