/* SPDX-License-Identifier: MIT */
/*
 * Private to iftask: what its main thread knows of the packet path. See README.md.
 */
#ifndef IFTASK_H
#define IFTASK_H

#include <stdbool.h>
#include <stdint.h>
#include "base/counters.h"
#include "base/rate.h"
#include "base/schemas.h"
#include "npu/npu.h"
#include "store/store.h"
#include "task/ckpt.h"
#include "task/silence.h"
#include "task/task.h"

#define IFTASK_MARK_ROWS  256  /* checkpoint rows of one unit */
#define IFTASK_MARK_RETRY 1000 /* ms before a refused mark is tried again */
#define IFTASK_SWEEP_MS   1000 /* SAs not pushed again within this after a push began are forgotten */
#define IFTASK_STALL_SEC  5    /* a worker that does not answer so long ends the task */

/* An SA as this thread knows it: npu.esp's counters belong to the worker, the rest of npu after npu_batch()
 * too. */
struct iftask_sa {
	struct npu_sa npu; /* first: the worker gives pointers to it back */
	uint32_t spi_in;
	bool encap, stale;
	struct net_endpoint local, remote;
	uint64_t since_us;
};

struct iftask_bind {
	uint32_t ctx, instance, instances;
	bool by_source, spread_told; /* as the fabric was told */
	struct net_addr addr;
	struct iftask_bind *next;
};

struct iftask_tun {
	uint32_t ctx, instance;
	struct iftask_tun *next;
};

struct iftask {
	struct task *t;
	struct npu *npu;
	struct counters *counters;
	struct counters_esp *esp;
	struct ckpt *ckpt;
	struct store_reader *store;
	uv_async_t async;
	struct iftask_sa **slots; /* by spi_in, open addressing */
	size_t n_slots, n_sas;
	struct iftask_bind *binds;
	struct iftask_tun *tuns;
	struct task_timer *ping, *sweep;
	uint64_t beat;
	struct silence silence; /* of the worker */
	uint64_t marks_written, marks_refused, batches, notices;
	struct rate core; /* user and system time of the crypto core */
};

extern struct iftask iftask;

/* User time of the crypto core; the worker may just be writing the two figures. */
static inline uint64_t iftask_user_us(const struct npu_stats *s)
{
	uint64_t all = s->cpu_us, system = s->sys_us;

	return all > system ? all - system : 0;
}

/* --- iftask_map.c */
struct iftask_sa *iftask_map_get(const struct iftask *f, uint32_t spi_in);
int iftask_map_put(struct iftask *f, struct iftask_sa *sa); /* 0 or -ENOMEM */
struct iftask_sa *iftask_map_del(struct iftask *f, uint32_t spi_in);
struct iftask_sa *iftask_map_next(const struct iftask *f, size_t *pos);

/* --- iftask_sa.c */
void iftask_sa_update(struct task *t, const struct bus_msg *m);
void iftask_sa_batch_done(struct iftask *f, struct npu_batch *b);
void iftask_sa_free(struct iftask_sa *sa);
/* A batch without a requester. */
struct npu_batch *iftask_sa_silent_batch(size_t n_del);

/* --- iftask_mark.c */
/* Handle everything the worker has to say: marks are gathered into checkpoint units. */
void iftask_mark_events(struct iftask *f);
/* The stored sequence state. 0, -ENODATA when there is none, -EAGAIN … when the store cannot be read now. */
struct esp_mark;
int iftask_mark_read(struct iftask *f, uint32_t spi_in, struct esp_mark *mark);

/* --- iftask_bind.c */
void iftask_bind(struct task *t, const struct bus_msg *m);
/* The TUN of (context, instance) is there and in the worker. 0 or -errno. */
int iftask_bind_tun(struct iftask *f, uint32_t ctx, uint32_t instance);
void iftask_bind_peer(struct task *t, const char *addr, uint32_t card, bool up, void *arg);
void iftask_bind_left(struct task *t, const struct bus_msg *m);

/* --- iftask_show.c */
void iftask_show(struct task *t, const struct bus_msg *m);

#endif
