/* SPDX-License-Identifier: MIT */
/*
 * Steering packets to the ipsecmgr instance that owns them, in the kernel: classic BPF programs that read the
 * instance from the top byte of our SPI. Each instance has one socket in the SO_REUSEPORT group of a service
 * address; sockets get their places in the order they are bound, and must stay open. First IKE packets go to
 * the instance that has the peer's address (a crypto map's), else to one of those that take new peers: by the
 * initiator's SPI, or by where they come from, so that all calls of a peer are one instance's. Called by the
 * fabric when it opens sockets, and by ipsecmgr to know which peers are its own.
 */
#ifndef NET_STEER_H
#define NET_STEER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

#define STEER_MAX_INSN  4096 /* the kernel's limit */
#define STEER_MAX_PEERS 160  /* of one address: crypto maps on interfaces, and a few */

/* Instances that get no new peers: their cards are busied out, or they serve crypto maps. What is theirs
 * already is still steered to them. */
struct steer_closed {
	uint32_t bits[8];
};

static inline void steer_close(struct steer_closed *c, unsigned instance)
{
	c->bits[instance / 32 & 7] |= 1U << (instance & 31);
}

static inline bool steer_is_closed(const struct steer_closed *c, unsigned instance)
{
	return c->bits[instance / 32 & 7] >> (instance & 31) & 1;
}

/* Whose first packets go to which instance. */
struct steer_peer {
	struct net_addr addr;
	uint8_t instance;
};

/* The sockets of one address. */
struct steer_group {
	uint16_t family;       /* of the address */
	unsigned n;            /* 1..255 */
	uint8_t instance[255]; /* by place in the group; each at most once, none is 0 */
	struct steer_closed closed;
	bool by_source; /* new peers are spread by their addresses */
	unsigned n_peers;
	struct steer_peer peer[STEER_MAX_PEERS];
};

/*
 * Attach the program to a UDP socket that is in its reuseport group already; it serves the whole group. port
 * 500: IKE header at 0; 4500: four zero bytes before an IKE header, else ESP, else a keepalive (RFC 3948).
 * First IKE packets (no responder SPI) of a peer that is not in the list are spread over the instances that
 * are not closed (all closed counts as none, so that a peer gets an answer). 0 or -errno.
 */
int steer_attach_reuseport(int fd, uint16_t port, const struct steer_group *g);
/* Where peers are spread by their addresses: the instance, of 1 to n, that gets this one's first packets.
 * n 1..255.
 */
unsigned steer_owner(unsigned n, const struct steer_closed *closed, const struct net_addr *peer);
/* Accept only ESP packets whose SPI belongs to the instance, on a raw socket of either family. 0 or -errno.
 */
int steer_attach_esp_filter(int fd, unsigned instance);

/* The programs themselves, for tests. Return the number of instructions. */
size_t steer_program_udp(struct sock_filter *out, uint16_t port, const struct steer_group *g);
/* The same rule in C: the socket's place for a UDP payload from this address. The program and this are tested
 * against each other. */
unsigned steer_index(const uint8_t *payload, size_t len, uint16_t port, const struct steer_group *g,
                     const struct net_addr *from);

#endif
