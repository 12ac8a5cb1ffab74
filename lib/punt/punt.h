/* SPDX-License-Identifier: MIT */
/*
 * The punt path: IKE packets between the data path (iftask, which has the sockets) and the ipsecmgr that owns
 * them, over one AF_UNIX SEQPACKET connection per pair: a fixed header (addresses, context, flags), then the
 * packet as it is on the wire behind UDP, without the non-ESP marker. Nothing blocks: a full or missing peer
 * costs the packet, which is counted; IKE peers retransmit. ipsecmgr serves
 * `<run>/punt-ipsecmgr-<instance>.sock`; iftask connects.
 */
#ifndef PUNT_PUNT_H
#define PUNT_PUNT_H

#include <stddef.h>
#include <stdint.h>
#include "net/addr.h"

/* Format of the socket's path, given to task_run_path(). */
#define PUNT_PATH       "punt-ipsecmgr-%u.sock"
#define PUNT_HDR_LEN    56
#define PUNT_PACKET_MAX 65535

enum {
	PUNT_F_NATT = 1,        /* came by, or goes out of, UDP 4500 */
	PUNT_F_UNKNOWN_SPI = 2, /* not IKE: an ESP packet whose SPI nobody here knows (first bytes only) */
	PUNT_DSCP_SHIFT = 8,    /* bits 8 to 13: DSCP of a packet that goes out */
	PUNT_DSCP_MASK = 0x3f
};

/* Where a packet comes from and goes to; local and remote keep their meaning in both directions. */
struct punt_info {
	uint32_t ctx; /* context id */
	uint32_t flags;
	uint32_t instance; /* the ipsecmgr whose socket it came by */
	struct net_endpoint local, remote;
};

/* Header to bytes and back. decode: 0, or -EBADMSG (length, magic, version, families). */
void punt_encode(uint8_t hdr[PUNT_HDR_LEN], const struct punt_info *info, size_t payload_len);
int punt_decode(const uint8_t *msg, size_t len, struct punt_info *info, const uint8_t **payload,
                size_t *payload_len);

/* --- ipsecmgr's side ------------------------------------------------------------------------------------ */
struct punt_server;
/* Listen at path (0600; a dead predecessor's socket is replaced). NULL with *err. */
struct punt_server *punt_server_new(const char *path, int *err);
void punt_server_free(struct punt_server *s);
/* A descriptor that is readable when punt_server_recv() has work; for task_io_start(). */
int punt_server_fd(const struct punt_server *s);
/*
 * The next packet: 1 with info and payload (valid until the next call), 0 when there is none, -errno.
 * Malformed messages are counted and skipped.
 */
int punt_server_recv(struct punt_server *s, struct punt_info *info, const uint8_t **payload, size_t *len);
/* Send by the newest connection. 0, -ENOTCONN (no iftask), -EAGAIN (full): lost and counted. */
int punt_server_send(struct punt_server *s, const struct punt_info *info, const uint8_t *payload, size_t len);

/* --- iftask's side -------------------------------------------------------------------------------------- */
struct punt_client;
/* Not connected yet: that is tried at the first packet and every retry_us afterwards. NULL: out of memory or
 * path too long. */
struct punt_client *punt_client_new(const char *path, uint64_t retry_us);
void punt_client_free(struct punt_client *c);
/* Try to be connected. now: monotonic µs. Returns the descriptor to poll, or -errno. */
int punt_client_connect(struct punt_client *c, uint64_t now);
int punt_client_send(struct punt_client *c, const struct punt_info *info, const uint8_t *payload, size_t len,
                     uint64_t now);
/* Like punt_server_recv(); -ENOTCONN when the ipsecmgr has gone (the descriptor is closed then). */
int punt_client_recv(struct punt_client *c, struct punt_info *info, const uint8_t **payload, size_t *len);

struct punt_stats {
	uint64_t sent, received, lost_absent, lost_full, malformed;
};
const struct punt_stats *punt_server_stats(const struct punt_server *s);
const struct punt_stats *punt_client_stats(const struct punt_client *c);

#endif
