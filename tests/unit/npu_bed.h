/* SPDX-License-Identifier: MIT */
/*
 * The packet path with everything real but the peer: in a network namespace of its own, with the kernel's
 * sockets and a TUN whose far end is the kernel answering pings. A peer made of the ESP engine sends and
 * checks. Skipped without privileges.
 */
#ifndef TESTS_UNIT_NPU_BED_H
#define TESTS_UNIT_NPU_BED_H

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/nl.h"
#include "net/ns.h"
#include "net/sock.h"
#include "base/clock.h"
#include "npu/npu.h"
#include "npu/npu_int.h"
#include "punt/punt.h"

#define DEADLINE_MS 5000
#define CTX         2
#define INST        3

static const uint8_t keys[64] = "a key that is long enough for everything that is tested here 12";

struct bed {
	int ns, event_fd, tun;
	int fds[NPU_PORT_FDS];
	int peer_udp, peer_udp2, peer_raw;
	struct net_addr service, peer_addr;
	struct npu *npu;
	struct punt_server *punt;
	struct counters_esp counters;
	struct esp_sa *peer; /* the peer's end of the SA */
	char path[64];
	uint8_t buf[ESP_HEADROOM + 2048 + ESP_TAILROOM];
	struct esp_pkt pkt;
	uint8_t tos; /* of make_ping() */
};

static inline void notify(void *arg)
{
	uint64_t one = 1;
	ssize_t n = write(((struct bed *)arg)->event_fd, &one, sizeof(one));

	(void)n;
}

static inline struct net_endpoint ep(const char *text)
{
	struct net_endpoint e;

	cr_assert_eq(net_endpoint_parse(&e, text), 0);
	return e;
}

static inline int open_all(void *arg)
{
	struct net_endpoint service4500 = ep("127.0.0.1:4500");
	struct net_endpoint service500 = ep("127.0.0.1:500");
	struct net_endpoint peer = ep("127.0.0.2:4500");
	struct net_endpoint peer2 = ep("127.0.0.2:40001");
	struct bed *b = arg;

	b->service = service500.addr;
	b->peer_addr = peer.addr;
	b->fds[NPU_UDP500] = sock_udp_bind(&service500, SOCK_REUSEPORT);
	b->fds[NPU_UDP4500] = sock_udp_bind(&service4500, SOCK_REUSEPORT);
	b->fds[NPU_ESP] = sock_raw_esp(&b->service, 0);
	b->peer_udp = sock_udp_bind(&peer, 0);
	b->peer_udp2 = sock_udp_bind(&peer2, 0);
	b->peer_raw = sock_raw_esp(&b->peer_addr, 0);
	b->tun = sock_tun_open("tun-3", false, false);
	return b->tun < 0 ? b->tun : b->peer_raw < 0 ? b->peer_raw : 0;
}

/* lo and TUN up; 10.9.0.1 is here, 10.10.0.0/16 is behind the TUN. */
static inline void configure(struct bed *b)
{
	struct nl_route r = {0};
	struct net_prefix p;
	struct nl *nl;
	int err;

	nl = nl_new(b->ns, &err);
	cr_assert(nl);
	r.ifindex = nl_link_index(nl, "tun-3");
	cr_assert_gt(r.ifindex, 0);
	net_prefix_parse(&p, "10.9.0.1/32");
	cr_assert_eq(nl_addr_add(nl, r.ifindex, &p), 0);
	cr_assert_eq(nl_link_up(nl, r.ifindex, true), 0);
	net_prefix_parse(&r.dst, "10.10.0.0/16");
	cr_assert_eq(nl_route_replace(nl, &r), 0, "%s", nl_error_text(nl));
	nl_free(nl);
}

static inline int lo_up(struct bed *b)
{
	struct nl *nl;
	int err;
	int rc;

	nl = nl_new(b->ns, &err);
	if (!nl)
		return err;
	rc = nl_link_up(nl, nl_link_index(nl, "lo"), true);
	nl_free(nl);
	return rc;
}

static inline struct bed *begin(void)
{
	struct bed *b = calloc(1, sizeof(*b));
	struct npu_config cfg = {.seed = 7, .notify = notify, .arg = b};
	int err;

	b->ns = ns_create();
	if (b->ns < 0 || lo_up(b) || ns_run(b->ns, open_all, b))
		cr_skip_test("no namespaces, TUN or raw sockets here");
	configure(b);
	b->event_fd = eventfd(0, EFD_NONBLOCK);
	snprintf(b->path, sizeof(b->path), "/tmp/orrery-test-npu-%d-%%u.sock", (int)getpid());
	cfg.punt_path = b->path;
	cfg.counters = &b->counters;
	b->npu = npu_new(&cfg, &err);
	cr_assert(b->npu, "%d", err);
	cr_assert_eq(npu_port_add(b->npu, CTX, INST, &b->service, b->fds), 0);
	cr_assert_eq(npu_tun_add(b->npu, CTX, INST, b->tun), 0);
	return b;
}

static inline void end(struct bed *b)
{
	npu_free(b->npu);
	punt_server_free(b->punt);
	esp_sa_free(b->peer);
	close(b->ns);
	close(b->event_fd);
	close(b->peer_udp);
	close(b->peer_udp2);
	close(b->peer_raw);
	free(b);
}

/* The next event of a kind; others are dropped, batches with what they give back. */
static inline struct npu_event wait_event(struct bed *b, enum npu_event_kind kind)
{
	struct pollfd p = {.fd = b->event_fd, .events = POLLIN};
	struct npu_event *e;
	struct npu_event copy;
	uint64_t v;
	ssize_t n;

	for (;;) {
		while ((e = npu_event_next(b->npu))) {
			copy = *e;
			free(e);
			if (copy.kind == kind)
				return copy;
			cr_assert_neq(copy.kind, NPU_EV_BATCH);
		}
		cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1, "no event of kind %d", (int)kind);
		n = read(b->event_fd, &v, sizeof(v));
		(void)n;
	}
}

static inline struct esp_sa *make_sa(uint32_t in, uint32_t out, const char *local, const char *remote,
                                     uint64_t limit, uint64_t seq)
{
	struct net_prefix pl;
	struct net_prefix pr;
	struct esp_ts tl;
	struct esp_ts tr;
	struct esp_sa_params p = {
	        .spi_in = in,
	        .spi_out = out,
	        .encr = ESP_ENCR_AES_CBC,
	        .encr_bits = 128,
	        .integ = ESP_INTEG_SHA1_96,
	        .encr_key_in = keys,
	        .encr_key_out = keys,
	        .encr_key_len = 16,
	        .integ_key_in = keys,
	        .integ_key_out = keys,
	        .integ_key_len = 20,
	        .replay_window = 64,
	        .ts_local = &tl,
	        .n_local = 1,
	        .ts_remote = &tr,
	        .n_remote = 1,
	        .seq_limit = limit,
	        .seq = seq,
	};
	struct esp_sa *sa;
	int err;

	net_prefix_parse(&pl, local);
	net_prefix_parse(&pr, remote);
	tl = esp_inner_ts_prefix(&pl);
	tr = esp_inner_ts_prefix(&pr);
	sa = esp_sa_new(&p, &err);
	cr_assert(sa, "%d", err);
	return sa;
}

/* One SA pair between 10.9.0.1 (us) and 10.10.0.5 (the peer). */
static inline struct npu_sa *prepare_sa(struct bed *b, bool encap, uint64_t limit)
{
	struct npu_sa *sa = calloc(1, sizeof(*sa));

	b->peer = make_sa(0x05000101, 0x03000101, "10.10.0.5/32", "10.9.0.1/32", 1ULL << 32, 0);
	sa->esp = make_sa(0x03000101, 0x05000101, "10.9.0.1/32", "10.10.0.5/32", limit, 0);
	sa->ctx = CTX;
	sa->instance = INST;
	sa->encap = sa->follow = encap;
	sa->local = ep(encap ? "127.0.0.1:4500" : "127.0.0.1:500");
	sa->remote = ep(encap ? "127.0.0.2:4500" : "127.0.0.2:500");
	return sa;
}

static inline void insert_sa(struct bed *b, struct npu_sa *sa, uint64_t limit)
{
	struct npu_batch *batch = npu_batch_new(1, 0, 0);
	struct npu_event e;

	batch->add[batch->n_add++] = sa;
	npu_batch(b->npu, batch);
	e = wait_event(b, limit ? NPU_EV_BATCH : NPU_EV_MARK);
	if (!limit) {
		cr_assert_eq(e.spi, 0x03000101u);
		cr_assert_eq(e.out, 1u + ESP_SEQ_BLOCK);
		e = wait_event(b, NPU_EV_BATCH);
	}
	cr_assert_eq(e.batch->status, 0);
	cr_assert_eq(e.batch->n_gone, 0u);
	npu_batch_free(e.batch);
}

static inline struct npu_sa *add_sa(struct bed *b, bool encap, uint64_t limit)
{
	struct npu_sa *sa = prepare_sa(b, encap, limit);

	insert_sa(b, sa, limit);
	return sa;
}

static inline uint16_t checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* An echo request from the peer's inner address, sealed; *esp is the wire packet. */
static inline void make_ping(struct bed *b, uint16_t number)
{
	uint8_t *ip = b->buf + ESP_HEADROOM;
	uint16_t sum;

	b->pkt = (struct esp_pkt){.data = ip,
	                          .len = 84,
	                          .headroom = ESP_HEADROOM,
	                          .tailroom = sizeof(b->buf) - ESP_HEADROOM - 84};
	memset(ip, 0, 84);
	memcpy(ip, "\x45\x00\x00\x54\x00\x00\x00\x00\x40\x01\x00\x00\x0a\x0a\x00\x05\x0a\x09\x00\x01\x08",
	       21);
	ip[1] = b->tos;
	sum = checksum(ip, 20);
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
	ip[26] = (uint8_t)(number >> 8);
	ip[27] = (uint8_t)number;
	sum = checksum(ip + 20, 64);
	ip[22] = (uint8_t)(sum >> 8);
	ip[23] = (uint8_t)sum;
	cr_assert_eq(esp_seal(b->peer, &b->pkt, 0), ESP_OK);
}

static inline void send_to(int fd, const void *data, size_t len, const char *to)
{
	struct net_endpoint e = ep(to);
	struct sockaddr_storage ss;
	socklen_t n = net_endpoint_to_sockaddr(&e, &ss);

	cr_assert_eq(sendto(fd, data, len, 0, (struct sockaddr *)&ss, n), (ssize_t)len, "%s",
	             strerror(errno));
}

/* What arrives at the peer, opened: the number of the echo reply, or -1 at the deadline. */
static inline int reply(struct bed *b, int fd, int deadline_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t len;

	if (poll(&p, 1, deadline_ms) != 1)
		return -1;
	len = recv(fd, b->buf + ESP_HEADROOM, 2048, 0);
	cr_assert_gt(len, 0);
	b->pkt =
	        (struct esp_pkt){.data = b->buf + ESP_HEADROOM, .len = (size_t)len, .headroom = ESP_HEADROOM};
	if (fd == b->peer_raw)
		cr_assert_eq(esp_outer_pull_ipv4(&b->pkt), ESP_OK);
	cr_assert_eq(esp_open(b->peer, &b->pkt, 0), ESP_OK);
	cr_assert_eq(b->pkt.data[20], 0, "an echo reply");
	return b->pkt.data[26] << 8 | b->pkt.data[27];
}

/* All SAs back, and nothing left behind. */
static inline void remove_all(struct bed *b, struct npu_sa *sa)
{
	struct npu_batch *batch = npu_batch_new(0, 0, 0);
	struct npu_event e;

	cr_assert_eq(npu_instance_del(b->npu, INST, batch), 0);
	e = wait_event(b, NPU_EV_BATCH);
	cr_assert_eq(e.batch->n_gone, 1u);
	cr_assert_eq(e.batch->gone[0], sa);
	npu_batch_free(e.batch);
	esp_sa_free(sa->esp);
	free(sa);
	cr_assert_eq(b->counters.in_sa, 0u);
}

#endif
