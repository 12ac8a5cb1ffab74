/* SPDX-License-Identifier: MIT */
/*
 * The packet path of one processing card: a worker thread (a "crypto core") that owns sockets, TUN devices
 * and SA tables and shares nothing with its caller but two message queues, so a packet takes no lock. It
 * decrypts ESP into the TUN of the owning ipsecmgr instance, encrypts what the TUN gives, and passes IKE to
 * and from that ipsecmgr (lib/punt). It knows neither bus nor store: marks of sequence numbers are asked for
 * and granted by the caller. Called by iftask, tests, bench.
 */
#ifndef NPU_NPU_H
#define NPU_NPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/schemas.h"
#include "esp/esp.h"
#include "net/addr.h"

enum { NPU_UDP500, NPU_UDP4500, NPU_ESP, NPU_PORT_FDS };

/* Inbound numbers after which a checkpoint is asked for even when nothing is sent. */
#define NPU_IN_MARK 16384

/* An SA as both sides know it. The caller makes and frees it; between npu_batch() and its return it is in the
 * worker. */
/* Don't-fragment bit of the outer header (StarOS control-dont-fragment). */
enum npu_df { NPU_DF_COPY, NPU_DF_SET, NPU_DF_CLEAR };

struct npu_sa {
	struct esp_sa *esp; /* counters may be read by the caller at any time */
	uint32_t ctx, instance;
	bool encap;  /* ESP in UDP */
	bool follow; /* to the address of its newest packet: the peer is behind a NAT, and we are not */
	struct net_endpoint local,
	        remote; /* the worker's own: the caller keeps its copy, told by NPU_EV_PATH */
	void *user;     /* the caller's */
	/* Where its life is nearly over and where it is over, in bytes and numbers of either direction; 0:
	 * never.
	 */
	uint64_t soft_bytes, hard_bytes, soft_seq, hard_seq;
	uint64_t activity_us; /* NPU_EV_FIRST_USE again this often while the peer sends; 0: once */
	/* Keepalives of ESP in UDP (RFC 3948 section 4): after so long without a packet to the peer, then
	 * every so often; 0: none. */
	uint64_t keep_idle_us, keep_interval_us;
	/* Longest inner packets; 0: any. pre_fragment: of IPv4 ones that may be fragmented. */
	uint32_t mtu4, mtu6, pre_fragment;
	enum npu_df df;
	/* worker only */
	uint32_t learned; /* … with an outer header that must not be fragmented, as the way showed; 0: any */
	uint64_t learned_until; /* ways change: then the next long packet finds out again */
	struct npu_port *port;
	uint64_t in_marked;
	uint64_t kept_us;            /* last keepalive, or since when there is nothing to keep alive yet */
	uint64_t bytes_due, seq_due; /* what has to be told next, at the earliest */
	uint64_t activity_due;
	bool used_told, hard_told, starved;
};

struct npu_path {
	uint32_t spi_in;
	bool encap, follow;
	struct net_endpoint local, remote;
};

/* Changes that are done together. Come back with NPU_EV_BATCH, and with the SAs that are no longer in the
 * worker. */
struct npu_batch {
	struct npu_sa **add;
	size_t n_add;
	uint32_t *del; /* inbound SPIs; unknown ones are ignored */
	size_t n_del;
	struct npu_path *path;
	size_t n_path;
	struct npu_sa **gone; /* filled by the worker: deleted, or not addable */
	size_t n_gone;
	int status; /* 0, or the first -errno of an SA that could not be added */
	void *user;
};

enum npu_event_kind {
	NPU_EV_BATCH,      /* batch: done; the caller owns it and its `gone` again */
	NPU_EV_MARK,       /* spi: store (out, in); then npu_mark() */
	NPU_EV_PATH,       /* spi: the peer's address is now `remote` */
	NPU_EV_FIRST_USE,  /* spi: the peer uses the SA */
	NPU_EV_TRAFFIC,    /* spi: its first packet, in either direction */
	NPU_EV_SEQ_SOFT,   /* spi: sequence numbers run out, rekey; again until it is gone */
	NPU_EV_BYTES_SOFT, /* spi: the same of bytes */
	NPU_EV_HARD,       /* spi: bytes or sequence numbers are used up, delete it */
	NPU_EV_SELECTOR,   /* spi: the peer sends what its selectors don't allow; at most one a second */
	NPU_EV_NO_SA, /* flow: a packet of the TUN of (ctx, instance) has no SA; at most 20 a second and TUN
	               */
	NPU_EV_KEEPALIVES_IN, /* `in` keepalives came to `local`, the last one from `remote`; at most one word
	                       * a second and address */
	NPU_EV_KEEPALIVE_OUT, /* spi: one was sent */
	NPU_EV_UNKNOWN_SPI, /* spi nobody knows, from `remote` to an address of instance; at most 10 a second
	                     */
};

#define NPU_EXCERPT 128

struct npu_event {
	enum npu_event_kind kind;
	struct npu_batch *batch;
	uint32_t ctx, instance, spi;
	uint64_t out, in, bytes_out, bytes_in;
	struct net_endpoint local, remote;
	struct esp_flow flow;
	uint8_t excerpt[NPU_EXCERPT]; /* SELECTOR: start of the inner packet */
	uint16_t excerpt_len;
	struct npu_event *next;
};

/* What the worker counts beside the esp counters. Read at any time. */
struct npu_stats {
	uint64_t ike_in, ike_out, ike_lost, keepalives_out, tun_lost, loops, cpu_us, sas;
	uint64_t sys_us; /* the kernel's part of cpu_us */
	uint64_t beat;   /* answers to npu_ping() */
	int tid;         /* of its thread, once that runs */
};

struct npu_config {
	const char *punt_path;         /* printf format with one %u: the instance */
	struct counters_esp *counters; /* written by the worker only; NULL: none */
	uint64_t seed;                 /* random */
	unsigned core;                 /* number of the crypto core, for its thread's name */
	/* Called by the worker's thread when events wait (an uv_async_send). */
	void (*notify)(void *arg);
	void *arg;
};

struct npu;

/* Start the worker. NULL with *err. */
struct npu *npu_new(const struct npu_config *cfg, int *err);
/* Stop it, close its descriptors, free its SAs. NULL-safe. */
void npu_free(struct npu *n);

/*
 * Give it the sockets of (context, service address, instance); replaces earlier ones. Descriptors are
 * adopted, -1: none. And the TUN of (context, instance). 0 or -ENOMEM (then the descriptors are closed).
 */
int npu_port_add(struct npu *n, uint32_t ctx, uint32_t instance, const struct net_addr *addr,
                 const int fds[NPU_PORT_FDS]);
int npu_port_del(struct npu *n, uint32_t ctx, uint32_t instance, const struct net_addr *addr);
int npu_tun_add(struct npu *n, uint32_t ctx, uint32_t instance, int fd);
/* Close everything of an instance, and hand back its SAs by a NPU_EV_BATCH of this (empty) batch. */
int npu_instance_del(struct npu *n, uint32_t instance, struct npu_batch *b);

/* Adopts b until NPU_EV_BATCH. Never fails. */
void npu_batch(struct npu *n, struct npu_batch *b);
struct npu_batch *npu_batch_new(size_t n_add, size_t n_del,
                                size_t n_path); /* arrays with room; NULL: -ENOMEM */
void npu_batch_free(struct npu_batch *b);       /* the batch only, not its SAs */
/* The mark `out` of an SA is durable (status 0), or could not be stored (it will be asked for again). */
int npu_mark(struct npu *n, uint32_t spi_in, uint64_t out, int status);
/* Ask for a sign of life: npu_stats()->beat grows. */
int npu_ping(struct npu *n);

/* The next event or NULL; the caller frees it with free(). */
struct npu_event *npu_event_next(struct npu *n);
const struct npu_stats *npu_stats(const struct npu *n);

#endif
