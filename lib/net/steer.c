/* SPDX-License-Identifier: MIT */
/*
 * Classic BPF programs for steering (see steer.h). IKE header: RFC 7296 section 3.1; the I flag says that the
 * sender is the SA's original initiator, so that ours is the responder's SPI, else the initiator's. A load
 * beyond the packet ends a program with 0: index 0, or "not for us".
 */
#include "net/steer.h"

#include <errno.h>
#include <sys/socket.h>

#define IKE_SPI_I  0
#define IKE_SPI_R  8
#define IKE_FLAGS  19
#define IKE_FLAG_I 0x08
#define PORT_NATT  4500

/* ret k - 1 for A in 1..n, else 0: seven instructions at most, always ends the program. */
static size_t put_instance(struct sock_filter *p, unsigned n)
{
	size_t i = 0;

	p[i++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0);
	p[i++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, n, 1, 0);
	p[i++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0);
	p[i++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	p[i++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 1);
	p[i++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
	return i;
}

static unsigned count_open(unsigned n, const struct steer_closed *closed)
{
	unsigned open = 0;

	for (unsigned i = 1; i <= n; i++)
		open += !steer_is_closed(closed, i);
	return open;
}

/* Ends with the index of the A-th open instance: three instructions for each run of open ones. */
static size_t put_open(struct sock_filter *p, unsigned n, const struct steer_closed *closed)
{
	unsigned left = count_open(n, closed);
	size_t i = 0;

	for (unsigned first = 1, run; left; first += run) {
		for (; steer_is_closed(closed, first); first++)
			;
		for (run = 0; first + run <= n && !steer_is_closed(closed, first + run); run++)
			;
		left -= run;
		if (left)
			p[i++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, run, 2, 0);
		p[i++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, first - 1);
		p[i++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
		if (left)
			p[i++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, run);
	}
	return i;
}

/* An IKE header at offset at. */
static size_t put_ike(struct sock_filter *p, uint32_t at, unsigned n, const struct steer_closed *closed)
{
	size_t i = 0;
	size_t to_spi_i;
	size_t to_hash;

	p[i++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at + IKE_FLAGS);
	to_spi_i = i;
	p[i++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, IKE_FLAG_I, 0, 0);
	p[i++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at + IKE_SPI_R);
	to_hash = i;
	p[i++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 0);
	i += put_instance(p + i, n);
	p[to_spi_i].jf = (uint8_t)(i - to_spi_i - 1);
	p[i++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at + IKE_SPI_I);
	i += put_instance(p + i, n);
	p[to_hash].jt = (uint8_t)(i - to_hash - 1);
	p[i++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at + IKE_SPI_I + 4);
	p[i++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, count_open(n, closed));
	return i + put_open(p + i, n, closed);
}

size_t steer_program_udp(struct sock_filter *p, uint16_t port, unsigned n, const struct steer_closed *closed)
{
	size_t i = 0;
	size_t to_ike;

	if (!count_open(n, closed))
		closed = NULL;
	if (port != PORT_NATT)
		return put_ike(p, 0, n, closed);
	p[i++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
	to_ike = i;
	p[i++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 0);
	p[i++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 24);
	i += put_instance(p + i, n);
	p[to_ike].jt = (uint8_t)(i - to_ike - 1);
	return i + put_ike(p + i, 4, n, closed);
}

static unsigned index_of(unsigned spi_byte, unsigned n)
{
	return spi_byte >= 1 && spi_byte <= n ? spi_byte - 1 : 0;
}

unsigned steer_index(const uint8_t *d, size_t len, uint16_t port, unsigned n,
                     const struct steer_closed *closed)
{
	unsigned open = count_open(n, closed), i = 0;
	uint32_t word;

	if (port == PORT_NATT) {
		if (len < 4)
			return 0;
		if (d[0] | d[1] | d[2] | d[3])
			return index_of(d[0], n);
		d += 4;
		len -= 4;
	}
	if (len <= IKE_FLAGS)
		return 0;
	if (!(d[IKE_FLAGS] & IKE_FLAG_I))
		return index_of(d[IKE_SPI_I], n);
	if (d[IKE_SPI_R])
		return index_of(d[IKE_SPI_R], n);
	word = (uint32_t)d[4] << 24 | (uint32_t)d[5] << 16 | (uint32_t)d[6] << 8 | d[7];
	if (!open)
		return word % n;
	for (word %= open; word || steer_is_closed(closed, i + 1); i++)
		word -= !steer_is_closed(closed, i + 1);
	return i;
}

int steer_attach_reuseport(int fd, uint16_t port, unsigned n_instances, const struct steer_closed *closed)
{
	struct sock_filter code[STEER_MAX_INSN];
	struct sock_fprog prog = {.filter = code};

	if (n_instances < 1 || n_instances > 255)
		return -EINVAL;
	prog.len = (unsigned short)steer_program_udp(code, port, n_instances, closed);
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
