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
#include <stddef.h>
#include <stdint.h>

#define STEER_MAX_INSN 48

/*
 * Attach the program to a UDP socket that is in its reuseport group already; it serves the whole group. port
 * 500: IKE header at 0; 4500: four zero bytes before an IKE header, else ESP, else a keepalive (RFC 3948).
 * First IKE packets (no responder SPI) are spread by the initiator's SPI. n: 1..255. 0 or -errno.
 */
int steer_attach_reuseport(int fd, uint16_t port, unsigned n_instances);
/* Accept only ESP packets whose SPI belongs to the instance, on a raw socket of either family. 0 or -errno.
 */
int steer_attach_esp_filter(int fd, unsigned instance);

/* The programs themselves, for tests. Return the number of instructions. */
size_t steer_program_udp(struct sock_filter *out, uint16_t port, unsigned n_instances);
/* The same rule in C: the socket index for a UDP payload. The program and this are tested against each other.
 */
unsigned steer_index(const uint8_t *payload, size_t len, uint16_t port, unsigned n_instances);

#endif
