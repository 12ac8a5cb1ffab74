/* SPDX-License-Identifier: MIT */
/*
 * `orrery peers`: simulated IKEv2 peers, call generator and load source. One thread, one epoll, one engine in
 * the initiator role. This file owns the run: opening, the loop, stopping, the exit status (0: all tunnels
 * were up, 1: not, 2: wrong use). Called by cmd/orrery.c.
 */
#include "cmd/peers.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

const char *const peers_state_names[PEERS_STATES] = {"idle", "starting", "established", "failed", "down"};

uint64_t peers_now(const struct peers *p)
{
	return p->base_wall + (clock_now_us() - p->base_mono);
}

void peers_stop(struct peers *p, uint64_t now)
{
	if (p->stopping)
		return;
	peers_ctl_progress(p, now, true);
	p->stopping = true;
	p->stop_at = now + PEERS_STOP_US;
	p->exit_status = p->established == p->opt.count ? 0 : 1;
	if (p->opt.json) {
		char *text = peers_ctl_status(p, now);

		if (text)
			puts(text);
		fflush(stdout);
		free(text);
	}
	ike_engine_drop_all(p->engine, now, NULL, true);
}

/* Has every tunnel had an answer (or is there nothing to ask)? */
static bool all_answered(const struct peers *p)
{
	uint32_t i;

	for (i = 0; p->opt.ping.family && i < p->opt.count; i++)
		if (p->peer[i].state == PEERS_UP && !p->peer[i].received)
			return false;
	return true;
}

static void check_end(struct peers *p, uint64_t now)
{
	struct ike_engine_stats st;
	uint64_t age = now - p->started_us;

	if (!p->stopping) {
		bool settled = p->opt.once && p->established + p->failed == p->opt.count && all_answered(p);

		if (settled || (p->opt.once && age > p->opt.timeout_s * US_PER_SEC) ||
		    (p->opt.duration_s && age > p->opt.duration_s * US_PER_SEC))
			peers_stop(p, now);
		return;
	}
	ike_engine_stats_get(p->engine, &st);
	if (!st.established || now >= p->stop_at)
		p->quit = true;
}

static void dispatch(struct peers *p, int fd, int sig)
{
	struct signalfd_siginfo info;
	unsigned i;

	if (fd == p->sock500 || fd == p->sock4500 || fd == p->raw) {
		peers_net_readable(p, fd);
	} else if (fd == p->listener) {
		peers_ctl_accept(p);
	} else if (fd == sig) {
		if (read(sig, &info, sizeof(info)) == sizeof(info) && p->stopping)
			p->quit = true;
		peers_stop(p, peers_now(p));
	} else {
		for (i = 0; i < PEERS_CLIENTS; i++)
			if (p->client[i].fd == fd)
				peers_ctl_readable(p, &p->client[i]);
	}
}

static void run(struct peers *p, int sig)
{
	struct epoll_event ev[32];
	uint64_t now, next, at;
	int i, n;

	while (!p->quit) {
		now = peers_now(p);
		if (ike_engine_next_us(p->engine) <= now)
			ike_engine_tick(p->engine, now);
		next = now + US_PER_SEC / 10;
		at = peers_ike_start(p, now);
		next = at < next ? at : next;
		at = peers_ping_run(p, now);
		next = at < next ? at : next;
		at = ike_engine_next_us(p->engine);
		next = at < next ? at : next;
		peers_esp_sweep(p, now);
		peers_ctl_progress(p, now, false);
		check_end(p, now);
		now = peers_now(p);
		n = epoll_wait(p->epoll, ev, 32, next > now ? (int)((next - now + 999) / 1000) : 0);
		for (i = 0; i < n; i++)
			dispatch(p, ev[i].data.fd, sig);
	}
}

static int open_signals(struct peers *p)
{
	struct epoll_event ev = {.events = EPOLLIN};
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	ev.data.fd = fd;
	if (fd >= 0)
		epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &ev);
	return fd;
}

static int open_all(struct peers *p)
{
	uint32_t i;
	int err;

	p->sock500 = p->sock4500 = p->raw = p->listener = -1;
	for (i = 0; i < PEERS_CLIENTS; i++)
		p->client[i].fd = -1;
	p->gone_tail = &p->gone;
	p->tty = isatty(STDERR_FILENO);
	p->base_wall = clock_wall_us();
	p->base_mono = clock_now_us();
	p->started_us = p->window_us = p->start_at = p->echo_at = peers_now(p);
	p->start_credit = 1;
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->peer = calloc(p->opt.count, sizeof(*p->peer));
	p->spi_hash = calloc(PEERS_SPI_BUCKETS, sizeof(struct peers_child *));
	if (p->epoll < 0 || !p->peer || !p->spi_hash)
		return -ENOMEM;
	err = peers_net_open(p);
	if (!err)
		err = peers_ike_open(p);
	if (!err)
		err = peers_ctl_open(p);
	if (!err)
		err = peers_hist_open(p);
	for (i = 0; i < p->opt.count; i++) {
		p->peer[i].index = i + 1;
		p->peer[i].source = p->opt.source.addr;
		if (p->opt.many_sources)
			net_addr_add(&p->peer[i].source, i);
	}
	return err;
}

static void close_all(struct peers *p)
{
	uint32_t i;

	peers_ctl_close(p);
	peers_hist_close(p);
	peers_net_close(p);
	peers_esp_sweep(p, UINT64_MAX);
	for (i = 0; p->peer && i < p->opt.count; i++) {
		peers_esp_free_peer(p, &p->peer[i]);
		free(p->peer[i].ring);
	}
	ike_engine_free(p->engine);
	free(p->peer);
	free(p->spi_hash);
	if (p->epoll >= 0)
		close(p->epoll);
}

int peers_main(int argc, char **argv)
{
	static struct peers p;
	int err = peers_opt_parse(&p.opt, argc, argv), sig;

	if (err)
		return err > 0 ? 0 : 2;
	err = open_all(&p);
	if (!err) {
		sig = open_signals(&p);
		run(&p, sig);
		if (sig >= 0)
			close(sig);
	}
	close_all(&p);
	return err ? 1 : p.exit_status;
}
