/* SPDX-License-Identifier: MIT */
/*
 * Steering packets to the ipsecmgr instance that owns them, in the kernel: classic BPF programs that read the
 * instance from the top byte of our SPI. Instances are 1..n; socket n-1 of a SO_REUSEPORT group belongs to
 * instance n, so sockets must be bound in the order of the instances and stay open. Called by the fabric when
 * it opens sockets.
 */
#ifndef NET_STEER_H
#define NET_STEER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STEER_MAX_INSN 640

/* Instances that get no new peers: their cards are busied out. What is theirs already is still steered to
 * them. */
struct steer_closed {
	uint32_t bits[8];
};

static inline void steer_close(struct steer_closed *c, unsigned instance)
{
	c->bits[instance / 32 & 7] |= 1U << (instance & 31);
}

static inline bool steer_is_closed(const struct steer_closed *c, unsigned instance)
{
	return c && (c->bits[instance / 32 & 7] >> (instance & 31) & 1);
}

/*
 * Attach the program to a UDP socket that is in its reuseport group already; it serves the whole group. port
 * 500: IKE header at 0; 4500: four zero bytes before an IKE header, else ESP, else a keepalive (RFC 3948).
 * First IKE packets (no responder SPI) are spread by the initiator's SPI over the instances that are not
 * closed (NULL: none is; all closed counts as none, so that a peer gets an answer). n: 1..255. 0 or -errno.
 */
int steer_attach_reuseport(int fd, uint16_t port, unsigned n_instances, const struct steer_closed *closed);
/* Accept only ESP packets whose SPI belongs to the instance, on a raw socket of either family. 0 or -errno.
 */
int steer_attach_esp_filter(int fd, unsigned instance);

/* The programs themselves, for tests. Return the number of instructions. */
size_t steer_program_udp(struct sock_filter *out, uint16_t port, unsigned n_instances,
                         const struct steer_closed *closed);
/* The same rule in C: the socket index for a UDP payload. The program and this are tested against each other.
 */
unsigned steer_index(const uint8_t *payload, size_t len, uint16_t port, unsigned n_instances,
                     const struct steer_closed *closed);

#endif
