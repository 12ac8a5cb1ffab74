/* SPDX-License-Identifier: MIT */
/*
 * The worker from inside: what it owns, and the queues. Everything but the queues is touched by the worker's
 * thread only. Private to lib/npu.
 */
#ifndef NPU_NPU_INT_H
#define NPU_NPU_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include "npu/npu.h"
#include "punt/punt.h"

#define NPU_BATCH         64
#define NPU_ROOM          (ESP_HEADROOM + 65536 + ESP_TAILROOM)
#define NPU_EVENTS_MAX    20000 /* notes beyond this are dropped; batches and marks never */
#define NPU_PUNT_RETRY_US 20000
#define NPU_PAUSE_US      250000       /* packets wait so long in the TUN for the marks of resumed SAs */
#define NPU_PMTU_AGE_US   600000000ULL /* RFC 1191 section 6.3 */

enum npu_src_kind { NPU_SRC_WAKE, NPU_SRC_UDP500, NPU_SRC_UDP4500, NPU_SRC_ESP, NPU_SRC_TUN, NPU_SRC_PUNT };

/* What an epoll event points to. */
struct npu_src {
	enum npu_src_kind kind;
	int fd;
	void *owner;
	enum { NPU_DF_UNKNOWN, NPU_DF_OFF, NPU_DF_ON } df; /* what its packets get */
};

/* TUN and SA table of (context, instance). */
struct npu_tun {
	uint32_t ctx, instance;
	struct npu_src src;
	struct esp_table *table;
	uint64_t pause_until; /* not 0: not read, because SAs were added that may not send yet */
	size_t starved;       /* how many of them */
	uint64_t no_sa_second;
	unsigned no_sa_count; /* packets without an SA that were told of in this second */
	uint64_t too_big_second;
	unsigned too_big_count; /* … too long ones */
	struct npu_tun *next;
};

/* Sockets of (context, address, instance). */
struct npu_port {
	uint32_t ctx, instance;
	struct net_addr addr;
	struct npu_src src[NPU_PORT_FDS];
	struct npu_tun *tun;
	struct npu_inst *inst;
	uint64_t kept, kept_told;      /* keepalives that were not told yet, and when some were */
	struct net_endpoint kept_from; /* the last of them */
	struct npu_port *next;
};

/* The ipsecmgr instances we carry packets for. */
struct npu_inst {
	uint32_t instance;
	struct punt_client *punt;
	struct npu_src src;
	struct npu_inst *next;
};

enum npu_cmd_kind {
	NPU_CMD_BATCH,
	NPU_CMD_PORT,
	NPU_CMD_PORT_DEL,
	NPU_CMD_TUN,
	NPU_CMD_INSTANCE_DEL,
	NPU_CMD_MARK,
	NPU_CMD_PING,
	NPU_CMD_STOP
};

struct npu_cmd {
	enum npu_cmd_kind kind;
	struct npu_batch *batch;
	uint32_t ctx, instance, spi;
	struct net_addr addr;
	int fds[NPU_PORT_FDS];
	uint64_t mark;
	int status;
	struct npu_cmd *next;
};

/* Beside a packet: its traffic class. */
union npu_control {
	char room[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

struct npu_slot {
	uint8_t room[NPU_ROOM];
};

struct npu {
	/* shared */
	pthread_t thread;
	pthread_mutex_t lock; /* of the two queues */
	struct npu_cmd *cmds, **cmds_end;
	struct npu_event *events, **events_end;
	size_t n_events;
	int wake_fd;
	struct npu_stats stats; /* written by the worker */
	struct npu_config cfg;
	char punt_path[200];
	/* worker only */
	int epoll_fd;
	bool stop;
	struct npu_src wake;
	struct npu_port *ports;
	struct npu_tun *tuns;
	struct npu_inst *insts;
	uint64_t now, unknown_second;
	unsigned unknown_count;
	uint64_t selector_second;
	size_t n_sas;
	struct counters_esp own; /* when the caller has none */
	struct counters_esp *cnt;
	struct npu_slot *slots;
	struct mmsghdr msgs[NPU_BATCH];
	struct iovec iov[NPU_BATCH];
	union npu_control control[NPU_BATCH];
	struct sockaddr_storage names[NPU_BATCH];
	struct npu_src *msg_src[NPU_BATCH];
	struct npu_sa *msg_sa[NPU_BATCH];
	bool msg_df[NPU_BATCH];
	uint64_t keep_at; /* when the next keepalive may be due; UINT64_MAX: never */
	uint64_t kept_at; /* when those of peers have to be told; 0: there are none */
	unsigned n_out;   /* messages waiting in msgs for npu_tx_flush() */
};

/* npu_queue.c */
int npu_queue_cmd(struct npu *n, const struct npu_cmd *cmd);
struct npu_cmd *npu_queue_take(struct npu *n);
void npu_queue_event(struct npu *n, const struct npu_event *e, bool must);

/* npu_table.c: ports, TUNs, instances, SAs */
struct npu_tun *npu_table_tun(const struct npu *n, uint32_t ctx, uint32_t instance);
struct npu_tun *npu_table_tun_need(struct npu *n, uint32_t ctx, uint32_t instance);
struct npu_port *npu_table_port(const struct npu *n, uint32_t ctx, uint32_t instance,
                                const struct net_addr *addr);
struct npu_inst *npu_table_inst(const struct npu *n, uint32_t instance);
struct npu_sa *npu_table_sa(const struct npu *n, uint32_t spi_in);
void npu_table_command(struct npu *n, struct npu_cmd *c);
void npu_table_free(struct npu *n);
void npu_table_connect(struct npu *n, struct npu_inst *inst);
/* Read TUNs again whose pause is over. Returns ms until the next one is, or -1. */
int npu_table_pauses(struct npu *n);
void npu_table_hung_up(struct npu *n, struct npu_inst *inst);

/* npu_rx.c */
void npu_rx_udp(struct npu *n, struct npu_port *p, unsigned which);
void npu_rx_esp(struct npu *n, struct npu_port *p);
void npu_rx_marks(struct npu *n, struct npu_sa *sa);

/* npu_life.c */
void npu_life_begin(struct npu_sa *sa);
/* After a packet: tell what has to be told of the SA's life. */
void npu_life_packet(struct npu *n, struct npu_sa *sa);
/* … after one from the peer. */
void npu_life_activity(struct npu *n, struct npu_sa *sa);
void npu_life_selector(struct npu *n, const struct npu_sa *sa, const struct esp_pkt *pkt);

/* npu_tx.c */
void npu_tx_tun(struct npu *n, struct npu_tun *t);
void npu_tx_punt(struct npu *n, struct npu_inst *inst);
void npu_tx_flush(struct npu *n);
void npu_tx_count(struct npu *n, enum esp_reason reason);
/* Encrypt an inner packet and have it sent with the next flush. */
void npu_tx_seal(struct npu *n, struct npu_sa *sa, struct esp_pkt *pkt);

/* npu_keep.c */
/* What is due of keepalives, ours and theirs. Returns ms until something may be next, or -1. */
int npu_keep_due(struct npu *n);
/* An SA was added, or goes in UDP from now on: its first keepalive. */
void npu_keep_begin(struct npu *n, struct npu_sa *sa);
/* One came. */
void npu_keep_came(struct npu *n, struct npu_port *p, const struct net_endpoint *from);

/* npu_mtu.c */
/* Is an inner packet too long for its SA? Then it was sent in pieces, or its sender told. */
bool npu_mtu_out(struct npu *n, struct npu_tun *t, struct npu_sa *sa, const struct esp_pkt *pkt);
/* Must what carries this inner packet not be fragmented? */
bool npu_mtu_df(const struct npu_sa *sa, const uint8_t *inner);
void npu_mtu_learn(struct npu *n, struct npu_sa *sa, size_t esp_len);

#endif
