/* SPDX-License-Identifier: MIT */
/*
 * The worker thread: its life, its loop, and the caller's side of the commands (see npu.h). One turn: wait,
 * serve each ready descriptor with at most one batch, then do the commands; so nothing goes away while an
 * event points to it.
 */
#include "npu/npu.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "npu/npu_int.h"

#define EVENTS 64

/* --- worker -------------------------------------------------------------------------------------------- */

static void drain_wake(struct npu *n)
{
	uint64_t v;
	ssize_t got = read(n->wake_fd, &v, sizeof(v));

	(void)got;
}

static void serve(struct npu *n, struct npu_src *s)
{
	switch (s->kind) {
	case NPU_SRC_WAKE:
		drain_wake(n);
		break;
	case NPU_SRC_UDP500:
		npu_rx_udp(n, s->owner, NPU_UDP500);
		break;
	case NPU_SRC_UDP4500:
		npu_rx_udp(n, s->owner, NPU_UDP4500);
		break;
	case NPU_SRC_ESP:
		npu_rx_esp(n, s->owner);
		break;
	case NPU_SRC_TUN:
		npu_tx_tun(n, s->owner);
		break;
	case NPU_SRC_PUNT:
		npu_tx_punt(n, s->owner);
		break;
	}
}

static void do_commands(struct npu *n)
{
	struct npu_cmd *c = npu_queue_take(n);
	struct npu_cmd *next;

	for (; c; c = next) {
		next = c->next;
		if (c->kind == NPU_CMD_STOP)
			n->stop = true;
		else if (c->kind == NPU_CMD_PING)
			n->stats.beat++;
		else
			npu_table_command(n, c);
		free(c);
	}
}

/* Keep trying while an ipsecmgr is away: it may want to send before we have anything for it. Returns how long
 * to wait. */
static int before_waiting(struct npu *n)
{
	struct npu_inst *i;
	int timeout = npu_table_pauses(n), keep = npu_keep_due(n);

	if (keep >= 0 && (timeout < 0 || keep < timeout))
		timeout = keep;
	for (i = n->insts; i; i = i->next) {
		if (i->src.fd >= 0)
			continue;
		npu_table_connect(n, i);
		if (i->src.fd < 0 && (timeout < 0 || timeout > NPU_PUNT_RETRY_US / 1000))
			timeout = NPU_PUNT_RETRY_US / 1000;
	}
	return timeout;
}

static void note_usage(struct npu *n)
{
	struct rusage u;

	if ((n->stats.loops++ & 63) != 0 || getrusage(RUSAGE_THREAD, &u))
		return;
	n->stats.sys_us = (uint64_t)u.ru_stime.tv_sec * 1000000 + (uint64_t)u.ru_stime.tv_usec;
	n->stats.cpu_us = (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	                  (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void *worker(void *arg)
{
	struct npu *n = arg;
	struct epoll_event ev[EVENTS];
	char name[16];
	int count;
	int i;

	snprintf(name, sizeof(name), "crypto-%u", n->cfg.core % 1000);
	prctl(PR_SET_NAME, name);
	n->stats.tid = (int)gettid();
	while (!n->stop) {
		count = epoll_wait(n->epoll_fd, ev, EVENTS, before_waiting(n));
		n->now = clock_now_us();
		for (i = 0; i < count; i++)
			serve(n, ev[i].data.ptr);
		npu_tx_flush(n);
		do_commands(n);
		note_usage(n);
	}
	npu_table_free(n);
	return NULL;
}

/* --- caller -------------------------------------------------------------------------------------------- */

static int start_thread(struct npu *n)
{
	sigset_t all;
	sigset_t old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&n->thread, NULL, worker, n);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -rc;
}

static int init(struct npu *n, const struct npu_config *cfg)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &n->wake};

	n->cfg = *cfg;
	n->cnt = cfg->counters ? cfg->counters : &n->own;
	n->cmds_end = &n->cmds;
	n->events_end = &n->events;
	if (!cfg->punt_path || strlen(cfg->punt_path) >= sizeof(n->punt_path))
		return -EINVAL;
	strcpy(n->punt_path, cfg->punt_path);
	n->slots = malloc(NPU_BATCH * sizeof(*n->slots));
	if (!n->slots)
		return -ENOMEM;
	n->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	n->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	n->wake = (struct npu_src){.kind = NPU_SRC_WAKE, .fd = n->wake_fd};
	if (n->epoll_fd < 0 || n->wake_fd < 0 || epoll_ctl(n->epoll_fd, EPOLL_CTL_ADD, n->wake_fd, &ev))
		return -errno;
	return start_thread(n);
}

static void free_rest(struct npu *n)
{
	struct npu_event *e;

	while ((e = npu_event_next(n))) {
		if (e->batch) {
			while (e->batch->n_gone)
				esp_sa_free(e->batch->gone[--e->batch->n_gone]->esp);
			npu_batch_free(e->batch);
		}
		free(e);
	}
	if (n->epoll_fd >= 0)
		close(n->epoll_fd);
	if (n->wake_fd >= 0)
		close(n->wake_fd);
	pthread_mutex_destroy(&n->lock);
	free(n->slots);
	free(n);
}

struct npu *npu_new(const struct npu_config *cfg, int *err)
{
	struct npu *n = calloc(1, sizeof(*n));

	if (!n) {
		*err = -ENOMEM;
		return NULL;
	}
	pthread_mutex_init(&n->lock, NULL);
	n->epoll_fd = n->wake_fd = -1;
	n->events_end = &n->events;
	*err = init(n, cfg);
	if (*err) {
		free_rest(n);
		return NULL;
	}
	return n;
}

void npu_free(struct npu *n)
{
	struct npu_cmd stop = {.kind = NPU_CMD_STOP};

	if (!n)
		return;
	if (npu_queue_cmd(n, &stop))
		abort();
	pthread_join(n->thread, NULL);
	free_rest(n);
}

static void close_all(const int fds[NPU_PORT_FDS])
{
	int i;

	for (i = 0; i < NPU_PORT_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

int npu_port_add(struct npu *n, uint32_t ctx, uint32_t instance, const struct net_addr *addr,
                 const int fds[NPU_PORT_FDS])
{
	struct npu_cmd c = {.kind = NPU_CMD_PORT, .ctx = ctx, .instance = instance, .addr = *addr};
	int rc;

	memcpy(c.fds, fds, sizeof(c.fds));
	rc = npu_queue_cmd(n, &c);
	if (rc)
		close_all(fds);
	return rc;
}

int npu_port_del(struct npu *n, uint32_t ctx, uint32_t instance, const struct net_addr *addr)
{
	struct npu_cmd c = {.kind = NPU_CMD_PORT_DEL, .ctx = ctx, .instance = instance, .addr = *addr};

	return npu_queue_cmd(n, &c);
}

int npu_tun_add(struct npu *n, uint32_t ctx, uint32_t instance, int fd)
{
	struct npu_cmd c = {.kind = NPU_CMD_TUN, .ctx = ctx, .instance = instance, .fds = {fd, -1, -1}};
	int rc = npu_queue_cmd(n, &c);

	if (rc)
		close(fd);
	return rc;
}

int npu_instance_del(struct npu *n, uint32_t instance, struct npu_batch *b)
{
	struct npu_cmd c = {.kind = NPU_CMD_INSTANCE_DEL, .instance = instance, .batch = b};

	return npu_queue_cmd(n, &c);
}

void npu_batch(struct npu *n, struct npu_batch *b)
{
	struct npu_cmd c = {.kind = NPU_CMD_BATCH, .batch = b};

	if (npu_queue_cmd(n, &c))
		abort(); /* out of memory: the card restarts us and every SA is pushed again */
}

struct npu_batch *npu_batch_new(size_t n_add, size_t n_del, size_t n_path)
{
	struct npu_batch *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->add = calloc(n_add + 1, sizeof(struct npu_sa *));
	b->del = calloc(n_del + 1, sizeof(*b->del));
	b->path = calloc(n_path + 1, sizeof(*b->path));
	if (!b->add || !b->del || !b->path) {
		npu_batch_free(b);
		return NULL;
	}
	return b;
}

void npu_batch_free(struct npu_batch *b)
{
	if (!b)
		return;
	free(b->add);
	free(b->del);
	free(b->path);
	free(b->gone);
	free(b);
}

int npu_mark(struct npu *n, uint32_t spi_in, uint64_t out, int status)
{
	struct npu_cmd c = {.kind = NPU_CMD_MARK, .spi = spi_in, .mark = out, .status = status};

	return npu_queue_cmd(n, &c);
}

int npu_ping(struct npu *n)
{
	struct npu_cmd c = {.kind = NPU_CMD_PING};

	return npu_queue_cmd(n, &c);
}

const struct npu_stats *npu_stats(const struct npu *n)
{
	return &n->stats;
}
