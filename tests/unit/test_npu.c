/* SPDX-License-Identifier: MIT */
/*
 * The packet path with everything real but the peer: in a network namespace of its own, with the kernel's
 * sockets and a TUN whose far end is the kernel answering pings. A peer made of the ESP engine sends and
 * checks. Skipped without privileges.
 */
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

static void notify(void *arg)
{
	uint64_t one = 1;
	ssize_t n = write(((struct bed *)arg)->event_fd, &one, sizeof(one));

	(void)n;
}

static struct net_endpoint ep(const char *text)
{
	struct net_endpoint e;

	cr_assert_eq(net_endpoint_parse(&e, text), 0);
	return e;
}

static int open_all(void *arg)
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
static void configure(struct bed *b)
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

static int lo_up(struct bed *b)
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

static struct bed *begin(void)
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

static void end(struct bed *b)
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
static struct npu_event wait_event(struct bed *b, enum npu_event_kind kind)
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

static struct esp_sa *make_sa(uint32_t in, uint32_t out, const char *local, const char *remote,
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
static struct npu_sa *prepare_sa(struct bed *b, bool encap, uint64_t limit)
{
	struct npu_sa *sa = calloc(1, sizeof(*sa));

	b->peer = make_sa(0x05000101, 0x03000101, "10.10.0.5/32", "10.9.0.1/32", 1ULL << 32, 0);
	sa->esp = make_sa(0x03000101, 0x05000101, "10.9.0.1/32", "10.10.0.5/32", limit, 0);
	sa->ctx = CTX;
	sa->instance = INST;
	sa->encap = encap;
	sa->local = ep(encap ? "127.0.0.1:4500" : "127.0.0.1:500");
	sa->remote = ep(encap ? "127.0.0.2:4500" : "127.0.0.2:500");
	return sa;
}

static void insert_sa(struct bed *b, struct npu_sa *sa, uint64_t limit)
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

static struct npu_sa *add_sa(struct bed *b, bool encap, uint64_t limit)
{
	struct npu_sa *sa = prepare_sa(b, encap, limit);

	insert_sa(b, sa, limit);
	return sa;
}

static uint16_t checksum(const uint8_t *p, size_t len)
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
static void make_ping(struct bed *b, uint16_t number)
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

static void send_to(int fd, const void *data, size_t len, const char *to)
{
	struct net_endpoint e = ep(to);
	struct sockaddr_storage ss;
	socklen_t n = net_endpoint_to_sockaddr(&e, &ss);

	cr_assert_eq(sendto(fd, data, len, 0, (struct sockaddr *)&ss, n), (ssize_t)len, "%s",
	             strerror(errno));
}

/* What arrives at the peer, opened: the number of the echo reply, or -1 at the deadline. */
static int reply(struct bed *b, int fd, int deadline_ms)
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
static void remove_all(struct bed *b, struct npu_sa *sa)
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

Test(npu, ping_through_udp_encapsulation)
{
	struct bed *b = begin();
	struct npu_sa *sa = add_sa(b, true, 1000);
	int i;

	for (i = 1; i <= 200; i++) {
		make_ping(b, (uint16_t)i);
		send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
		cr_assert_eq(reply(b, b->peer_udp, DEADLINE_MS), i);
	}
	cr_assert_eq(b->counters.in_packets, 200u);
	cr_assert_eq(b->counters.out_packets, 200u);
	cr_assert_eq(b->counters.out_bytes, 200u * 84);
	wait_event(b, NPU_EV_FIRST_USE);
	/* a copy of an old packet is counted, not answered */
	make_ping(b, 900);
	send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	cr_assert_eq(reply(b, b->peer_udp, DEADLINE_MS), 900);
	make_ping(b, 901);
	send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	cr_assert_eq(reply(b, b->peer_udp, DEADLINE_MS), 901);
	cr_assert_eq(b->counters.in_replay, 1u);
	remove_all(b, sa);
	end(b);
}

Test(npu, ping_through_raw_esp)
{
	struct bed *b = begin();
	struct npu_sa *sa = add_sa(b, false, 1000);
	int i;

	for (i = 1; i <= 20; i++) {
		make_ping(b, (uint16_t)i);
		send_to(b->peer_raw, b->pkt.data, b->pkt.len, "127.0.0.1:0");
		cr_assert_eq(reply(b, b->peer_raw, DEADLINE_MS), i);
	}
	remove_all(b, sa);
	end(b);
}

/* What its traffic tells of an SA: that there is some, that bytes and numbers run out, that they are used up.
 */
static void lives(struct bed *b, struct npu_sa *sa, enum npu_event_kind soft)
{
	for (int i = 1; i <= 20; i++) {
		make_ping(b, (uint16_t)i);
		send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
		cr_assert_eq(reply(b, b->peer_udp, DEADLINE_MS), i);
	}
	cr_assert_eq(wait_event(b, NPU_EV_TRAFFIC).spi, 0x03000101u);
	cr_assert_eq(wait_event(b, soft).spi, 0x03000101u);
	cr_assert_eq(wait_event(b, soft).spi, 0x03000101u, "told again");
	cr_assert_eq(wait_event(b, NPU_EV_HARD).spi, 0x03000101u);
	cr_assert(sa->hard_told && sa->used_told);
}

Test(npu, kilobytes_of_an_sa)
{
	struct bed *b = begin();
	struct npu_sa *sa = prepare_sa(b, true, 1000);

	sa->soft_bytes = 5 * 84;
	sa->hard_bytes = 15 * 84;
	insert_sa(b, sa, 1000);
	lives(b, sa, NPU_EV_BYTES_SOFT);
	remove_all(b, sa);
	end(b);
}

Test(npu, sequence_numbers_of_an_sa)
{
	struct bed *b = begin();
	struct npu_sa *sa = prepare_sa(b, true, 1000);

	sa->soft_seq = 5;
	sa->hard_seq = 15;
	insert_sa(b, sa, 1000);
	lives(b, sa, NPU_EV_SEQ_SOFT);
	remove_all(b, sa);
	end(b);
}

/* The path is told by whoever owns the SA. */
static void tell_path(struct bed *b, bool encap, const char *local, const char *remote)
{
	struct npu_batch *batch = npu_batch_new(0, 0, 1);
	struct npu_event e;

	batch->path[batch->n_path++] = (struct npu_path){0x03000101, encap, ep(local), ep(remote)};
	npu_batch(b->npu, batch);
	e = wait_event(b, NPU_EV_BATCH);
	npu_batch_free(e.batch);
}

/* An ipsecmgr that died may have been told in vain: its successor, which gives us its SAs again, is told too.
 */
Test(npu, what_is_used_up_is_told_to_a_new_owner)
{
	struct bed *b = begin();
	struct npu_sa *sa = prepare_sa(b, true, 1000);

	sa->soft_bytes = 5 * 84;
	sa->hard_bytes = 15 * 84;
	insert_sa(b, sa, 1000);
	lives(b, sa, NPU_EV_BYTES_SOFT);
	tell_path(b, true, "127.0.0.1:4500", "127.0.0.2:4500");
	make_ping(b, 21);
	send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	cr_assert_eq(reply(b, b->peer_udp, DEADLINE_MS), 21);
	cr_assert_eq(wait_event(b, NPU_EV_HARD).spi, 0x03000101u);
	remove_all(b, sa);
	end(b);
}

/* As often as is wanted while the peer sends, beside the first time. */
Test(npu, activity_of_the_peer)
{
	struct bed *b = begin();
	struct npu_sa *sa = prepare_sa(b, true, 1000);

	sa->activity_us = 1;
	insert_sa(b, sa, 1000);
	for (int i = 1; i <= 4; i++) {
		make_ping(b, (uint16_t)i);
		send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
		cr_assert_eq(reply(b, b->peer_udp, DEADLINE_MS), i);
		cr_assert_eq(wait_event(b, NPU_EV_FIRST_USE).spi, 0x03000101u);
	}
	remove_all(b, sa);
	end(b);
}

Test(npu, nothing_leaves_before_its_mark_is_durable)
{
	struct bed *b = begin();
	struct npu_sa *sa = add_sa(b, true, 0);
	struct pollfd p = {.fd = b->event_fd, .events = POLLIN};

	make_ping(b, 1);
	send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	while (!__atomic_load_n(&b->counters.out_no_hw_mark, __ATOMIC_RELAXED))
		poll(&p, 1, 1);
	cr_assert_eq(reply(b, b->peer_udp, 0), -1);
	/* it could not be stored: asked again, with the same mark */
	cr_assert_eq(npu_mark(b->npu, 0x03000101, 0, -EIO), 0);
	cr_assert_eq(wait_event(b, NPU_EV_MARK).out, 1u + ESP_SEQ_BLOCK);
	cr_assert_eq(npu_mark(b->npu, 0x03000101, 1 + ESP_SEQ_BLOCK, 0), 0);
	cr_assert_eq(npu_mark(b->npu, 0x03999999, 1 + ESP_SEQ_BLOCK, 0), 0,
	             "of an SA that has gone: ignored");
	make_ping(b, 2);
	send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	cr_assert_eq(reply(b, b->peer_udp, DEADLINE_MS), 2);
	cr_assert_eq(sa->esp->seq, 1u);
	remove_all(b, sa);
	end(b);
}

/* What comes while a resumed SA waits for its mark waits too, in the TUN. */
Test(npu, packets_wait_for_the_mark)
{
	struct bed *b = begin();
	struct npu_sa *sa = add_sa(b, true, 0);
	struct pollfd p = {.fd = b->event_fd, .events = POLLIN};

	make_ping(b, 1);
	send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	while (!__atomic_load_n(&b->counters.in_packets, __ATOMIC_RELAXED))
		poll(&p, 1, 1);
	cr_assert_eq(npu_mark(b->npu, 0x03000101, 1 + ESP_SEQ_BLOCK, 0), 0);
	cr_assert_eq(reply(b, b->peer_udp, DEADLINE_MS), 1);
	cr_assert_eq(b->counters.out_no_hw_mark, 0u);
	remove_all(b, sa);
	end(b);
}

Test(npu, follows_a_peer_behind_a_nat)
{
	struct bed *b = begin();
	struct npu_sa *sa = add_sa(b, true, 1000);
	struct npu_event e;
	uint8_t old[256];
	size_t old_len;

	make_ping(b, 1);
	memcpy(old, b->pkt.data, b->pkt.len);
	old_len = b->pkt.len;
	make_ping(b, 2);
	send_to(b->peer_udp2, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	cr_assert_eq(reply(b, b->peer_udp2, DEADLINE_MS), 2);
	e = wait_event(b, NPU_EV_PATH);
	cr_assert_eq(e.remote.port, 40001);
	cr_assert_eq(e.spi, 0x03000101u);
	/* a late packet from the old address passes but does not turn the path back */
	send_to(b->peer_udp, old, old_len, "127.0.0.1:4500");
	cr_assert_eq(reply(b, b->peer_udp2, DEADLINE_MS), 1);
	/* nor does a forged one with a new number */
	make_ping(b, 3);
	b->pkt.data[b->pkt.len - 1] ^= 1;
	send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	make_ping(b, 4);
	send_to(b->peer_udp2, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	cr_assert_eq(reply(b, b->peer_udp2, DEADLINE_MS), 4);
	cr_assert_eq(b->counters.in_auth_fail, 1u);
	remove_all(b, sa);
	end(b);
}

Test(npu, ike_both_ways_keepalives_and_unknown_spis)
{
	struct bed *b = begin();
	struct pollfd p = {.events = POLLIN};
	const uint8_t *payload;
	struct punt_info info;
	char path[80];
	uint8_t buf[64];
	size_t len = 0;
	int err;
	int rc;

	snprintf(path, sizeof(path), "/tmp/orrery-test-npu-%d-%u.sock", (int)getpid(), INST);
	/* nobody is there: lost and counted, the path goes on */
	send_to(b->peer_udp, "\0\0\0\0lost", 8, "127.0.0.1:4500");
	p.fd = b->event_fd;
	while (!__atomic_load_n(&npu_stats(b->npu)->ike_lost, __ATOMIC_RELAXED))
		poll(&p, 1, 1);
	b->punt = punt_server_new(path, &err);
	cr_assert(b->punt);
	p.fd = punt_server_fd(b->punt);
	cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1, "it connects by itself");
	send_to(b->peer_udp, "\0\0\0\0IKE on 4500", 15, "127.0.0.1:4500");
	while (!(rc = punt_server_recv(b->punt, &info, &payload, &len)))
		cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1);
	cr_assert_eq(rc, 1);
	cr_assert_eq(len, 11u);
	cr_assert_eq(memcmp(payload, "IKE on 4500", 11), 0);
	cr_assert_eq(info.flags, (uint32_t)PUNT_F_NATT);
	cr_assert_eq(info.ctx, (uint32_t)CTX);
	cr_assert_eq(info.remote.port, 4500);
	cr_assert_eq(info.local.port, 4500);
	cr_assert_eq(punt_server_send(b->punt, &info, (const uint8_t *)"answer", 6), 0);
	p.fd = b->peer_udp;
	cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1);
	cr_assert_eq(recv(b->peer_udp, buf, sizeof(buf), 0), 10);
	cr_assert_eq(memcmp(buf, "\0\0\0\0answer", 10), 0);
	/* and on port 500, without the marker */
	info.flags = 0;
	info.local.port = 500;
	cr_assert_eq(punt_server_send(b->punt, &info, (const uint8_t *)"plain", 5), 0);
	cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1);
	cr_assert_eq(recv(b->peer_udp, buf, sizeof(buf), 0), 5);
	send_to(b->peer_udp, "\xff", 1, "127.0.0.1:4500");
	send_to(b->peer_udp, "\x03\x00\x77\x77\x00\x00\x00\x01garbage garbage", 23, "127.0.0.1:4500");
	cr_assert_eq(wait_event(b, NPU_EV_UNKNOWN_SPI).spi, 0x03007777u);
	cr_assert_eq(b->counters.natt_keepalives, 1u);
	cr_assert_eq(b->counters.in_no_sa, 1u);
	end(b);
}

Test(npu, batches_replace_move_and_delete)
{
	struct bed *b = begin();
	struct npu_sa *sa = add_sa(b, true, 1000);
	struct npu_sa *again = calloc(1, sizeof(*again));
	struct npu_batch *batch = npu_batch_new(1, 2, 1);
	struct npu_event e;
	uint64_t beat = npu_stats(b->npu)->beat;

	*again = *sa;
	again->esp = make_sa(0x03000101, 0x05000101, "10.9.0.1/32", "10.10.0.5/32", 2000, 500);
	batch->add[batch->n_add++] = again;
	batch->del[batch->n_del++] = 0x03abcdef; /* unknown: ignored */
	batch->path[batch->n_path++] =
	        (struct npu_path){0x03000101, true, ep("127.0.0.1:4500"), ep("127.0.0.2:40001")};
	npu_batch(b->npu, batch);
	e = wait_event(b, NPU_EV_BATCH);
	cr_assert_eq(e.batch->n_gone, 1u);
	cr_assert_eq(e.batch->gone[0], sa);
	npu_batch_free(e.batch);
	esp_sa_free(sa->esp);
	free(sa);
	make_ping(b, 7);
	send_to(b->peer_udp2, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	cr_assert_eq(reply(b, b->peer_udp2, DEADLINE_MS), 7);
	cr_assert_eq(again->esp->seq, 501u);
	cr_assert_eq(npu_ping(b->npu), 0);
	batch = npu_batch_new(0, 1, 0);
	batch->del[batch->n_del++] = 0x03000101;
	npu_batch(b->npu, batch);
	e = wait_event(b, NPU_EV_BATCH);
	cr_assert_eq(e.batch->n_gone, 1u);
	npu_batch_free(e.batch);
	cr_assert_eq(npu_stats(b->npu)->beat, beat + 1);
	cr_assert_eq(b->counters.in_sa, 0u);
	esp_sa_free(again->esp);
	free(again);
	/* a port that is taken away takes no packets any more */
	cr_assert_eq(npu_port_del(b->npu, CTX, INST, &b->service), 0);
	end(b);
}

/* RFC 3948 section 4: one byte when nothing was sent for a while, then again; traffic puts it off. */
Test(npu, keepalives_while_nothing_is_sent)
{
	struct bed *b = begin();
	struct npu_sa *sa = prepare_sa(b, true, 1000);
	struct pollfd p = {.fd = b->peer_udp, .events = POLLIN};
	uint8_t byte[8];
	uint64_t at;

	sa->keep_idle_us = 150000;
	sa->keep_interval_us = 60000;
	at = clock_now_us();
	insert_sa(b, sa, 1000);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1);
		cr_assert_eq(recv(b->peer_udp, byte, sizeof(byte), 0), 1);
		cr_assert_eq(byte[0], 0xff);
		/* from the beginning: who sees one late sees the next one sooner after it */
		cr_assert_geq(clock_now_us() - at, 145000u + (unsigned)i * 55000, "keepalive %d", i);
	}
	make_ping(b, 1); /* its answer is traffic: now the idle time counts again */
	at = clock_now_us();
	send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	do
		cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1);
	while (recv(b->peer_udp, b->buf, 2048, 0) == 1);
	cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1);
	cr_assert_eq(recv(b->peer_udp, byte, sizeof(byte), 0), 1);
	cr_assert_geq(clock_now_us() - at, 145000u);
	cr_assert_geq(npu_stats(b->npu)->keepalives_out, 3u);
	remove_all(b, sa);
	end(b);
}

/* A peer that moves behind a NAT needs them from then on. */
Test(npu, keepalives_begin_with_encapsulation)
{
	struct bed *b = begin();
	struct npu_sa *sa = prepare_sa(b, false, 1000);
	struct pollfd p = {.fd = b->peer_udp, .events = POLLIN};
	uint8_t byte[8];

	sa->keep_idle_us = sa->keep_interval_us = 20000;
	insert_sa(b, sa, 1000);
	tell_path(b, true, "127.0.0.1:4500", "127.0.0.2:4500");
	cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1);
	cr_assert_eq(recv(b->peer_udp, byte, sizeof(byte), 0), 1);
	cr_assert_eq(byte[0], 0xff);
	remove_all(b, sa);
	end(b);
}

/* ---- too long packets, and the don't-fragment bit (chapter 8) ---- */

static int open_inner_socket(void *arg)
{
	struct net_endpoint from = ep("10.9.0.1:7000"), to = ep("10.10.0.5:7000");
	struct sockaddr_storage ss;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)arg;
	if (fd < 0 || bind(fd, (struct sockaddr *)&ss, net_endpoint_to_sockaddr(&from, &ss)) ||
	    connect(fd, (struct sockaddr *)&ss, net_endpoint_to_sockaddr(&to, &ss)))
		return -errno;
	return fd;
}

/* Send so many bytes into the tunnel, with or without leave to fragment. 0 or -errno. */
static int send_inner(int fd, size_t len, bool df)
{
	static const uint8_t data[2000];
	int how = df ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;

	setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &how, sizeof(how));
	return send(fd, data, len, 0) < 0 ? -errno : 0;
}

/* The next ESP packet: its outer header's bit in *df, the inner packet in b->pkt. */
static void receive_outer(struct bed *b, bool *df)
{
	struct pollfd p = {.fd = b->peer_raw, .events = POLLIN};
	ssize_t len;

	cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1);
	len = recv(b->peer_raw, b->buf + ESP_HEADROOM, 2048, 0);
	cr_assert_gt(len, 20);
	*df = b->buf[ESP_HEADROOM + 6] & 0x40;
	b->pkt =
	        (struct esp_pkt){.data = b->buf + ESP_HEADROOM, .len = (size_t)len, .headroom = ESP_HEADROOM};
	cr_assert_eq(esp_outer_pull_ipv4(&b->pkt), ESP_OK);
	cr_assert_eq(esp_open(b->peer, &b->pkt, 0), ESP_OK);
}

Test(npu, the_dont_fragment_bit)
{
	static const struct {
		enum npu_df how;
		bool inner, outer;
	} rows[] = {
	        {NPU_DF_COPY, true, true}, {NPU_DF_COPY, false, false}, {NPU_DF_SET, false, true},
	        {NPU_DF_SET, true, true},  {NPU_DF_CLEAR, true, false}, {NPU_DF_CLEAR, false, false},
	};
	struct bed *b = begin();
	struct npu_sa *sa = prepare_sa(b, false, 1ULL << 32);
	int fd = ns_run(b->ns, open_inner_socket, NULL);
	bool df;

	cr_assert_geq(fd, 0);
	insert_sa(b, sa, 1ULL << 32);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sa->df = rows[i].how;
		cr_assert_eq(send_inner(fd, 100, rows[i].inner), 0);
		receive_outer(b, &df);
		cr_expect_eq(df, rows[i].outer, "row %zu", i);
	}
	close(fd);
	remove_all(b, sa);
	end(b);
}

Test(npu, long_packets_are_fragmented_or_their_sender_is_told)
{
	struct bed *b = begin();
	struct npu_sa *sa = prepare_sa(b, false, 1ULL << 32);
	int fd = ns_run(b->ns, open_inner_socket, NULL), rc = 0;
	uint64_t give_up = clock_now_us() + DEADLINE_MS * US_PER_MS;
	size_t got = 0;
	bool df;

	cr_assert_geq(fd, 0);
	sa->mtu4 = 600;
	insert_sa(b, sa, 1ULL << 32);
	cr_assert_eq(send_inner(fd, 1000, false), 0);
	while (got < 1008) { /* with the UDP header */
		receive_outer(b, &df);
		cr_assert_leq(b->pkt.len, 600u);
		cr_assert_eq((b->pkt.data[6] << 8 | b->pkt.data[7]) & 0x1fff, got / 8);
		got += b->pkt.len - 20;
	}
	cr_assert_eq(got, 1008u);
	cr_assert_eq(b->counters.out_fragmented, 1u);
	sa->pre_fragment = 300; /* lower still, for those that may be fragmented */
	cr_assert_eq(send_inner(fd, 500, false), 0);
	receive_outer(b, &df);
	cr_assert_leq(b->pkt.len, 300u);
	receive_outer(b, &df);
	/* the kernel learns, by our message, that 1000 bytes do not fit */
	while (!rc && clock_now_us() < give_up)
		rc = send_inner(fd, 1000, true);
	cr_assert_eq(rc, -EMSGSIZE);
	cr_assert_geq(b->counters.out_too_big, 1u);
	do /* what more of our messages came is told first */
		rc = send_inner(fd, 500, true);
	while (rc && clock_now_us() < give_up);
	cr_assert_eq(rc, 0);
	receive_outer(b, &df);
	cr_assert(df);
	cr_assert_eq(b->pkt.len, 528u);
	close(fd);
	remove_all(b, sa);
	end(b);
}

static void lo_mtu(struct bed *b, uint32_t mtu)
{
	int err;
	struct nl *nl = nl_new(b->ns, &err);

	cr_assert(nl);
	cr_assert_eq(nl_link_mtu(nl, nl_link_index(nl, "lo"), mtu), 0);
	nl_free(nl);
}

/* Send until something comes out. Returns the length of the inner packet. */
static size_t comes_out(struct bed *b, int fd, size_t len)
{
	uint64_t give_up = clock_now_us() + DEADLINE_MS * US_PER_MS;
	struct pollfd p = {.fd = b->peer_raw, .events = POLLIN};
	bool df;

	do {
		cr_assert_eq(send_inner(fd, len, false), 0);
		cr_assert_lt(clock_now_us(), give_up, "nothing comes out");
	} while (poll(&p, 1, 10) != 1);
	receive_outer(b, &df);
	cr_assert(df);
	return b->pkt.len;
}

/* RFC 4301 section 8.2: what the way takes is found out, and found out again after a while. */
Test(npu, the_size_that_a_way_takes_is_learned_and_forgotten)
{
	struct bed *b = begin();
	struct npu_sa *sa = prepare_sa(b, false, 1ULL << 32);
	uint64_t give_up = clock_now_us() + 4 * DEADLINE_MS * US_PER_MS;
	int fd = ns_run(b->ns, open_inner_socket, NULL);
	size_t len;

	cr_assert_geq(fd, 0);
	sa->df = NPU_DF_SET;
	insert_sa(b, sa, 1ULL << 32);
	lo_mtu(b, 1000);
	cr_assert_lt(comes_out(b, fd, 950), 978u, "in pieces: it may be fragmented, what carries it may not");
	lo_mtu(b, 65536);
	cr_assert_lt(comes_out(b, fd, 950), 978u, "as long as that is believed");
	sa->learned_until = 1;
	while ((len = comes_out(b, fd, 950)) < 978 && clock_now_us() < give_up)
		; /* one that was on its way still */
	cr_assert_eq(len, 978u);
	cr_assert_eq(sa->learned, 0u);
	close(fd);
	remove_all(b, sa);
	end(b);
}

/* Nobody may be told to send IPv6 packets of less than 1280 bytes: what carries them is fragmented then. */
Test(npu, short_ipv6_packets_pass_every_way)
{
	struct npu_sa sa = {.df = NPU_DF_SET, .remote.addr.family = AF_INET};
	uint8_t six[40] = {0x60, [4] = 1240 >> 8, [5] = 1240 & 0xff}, four[20] = {0x45};

	cr_expect(npu_mtu_df(&sa, six));
	sa.learned = 942;
	cr_expect_not(npu_mtu_df(&sa, six));
	cr_expect(npu_mtu_df(&sa, four));
	six[5]++;
	cr_expect(npu_mtu_df(&sa, six), "too long: its sender is told 1280");
	sa.learned = 1400;
	six[5]--;
	cr_expect(npu_mtu_df(&sa, six));
}

/* ---- the traffic class ---- */

static uint8_t outer_tos(struct bed *b)
{
	return b->buf[ESP_HEADROOM + 1];
}

/* RFC 4301 section 5.1.2: what carries a packet is marked like it; congestion on the way is not forgotten
 * (RFC 6040). */
Test(npu, the_traffic_class_goes_along)
{
	struct bed *b = begin();
	struct npu_sa *sa = add_sa(b, false, 1000);
	struct pollfd p = {.fd = b->event_fd, .events = POLLIN};
	int expedited = 0xb8 | 2, congestion = 3;

	b->tos = (uint8_t)expedited;
	make_ping(b, 1);
	send_to(b->peer_raw, b->pkt.data, b->pkt.len, "127.0.0.1:0");
	cr_assert_eq(reply(b, b->peer_raw, DEADLINE_MS), 1);
	cr_assert_eq(b->pkt.data[1], expedited, "the kernel answers as it was asked");
	cr_assert_eq(outer_tos(b), expedited);
	cr_assert_eq(setsockopt(b->peer_raw, IPPROTO_IP, IP_TOS, &congestion, sizeof(congestion)), 0);
	make_ping(b, 2);
	send_to(b->peer_raw, b->pkt.data, b->pkt.len, "127.0.0.1:0");
	cr_assert_eq(reply(b, b->peer_raw, DEADLINE_MS), 2);
	cr_assert_eq(b->pkt.data[1], 0xb8 | 3);
	cr_assert_eq(outer_tos(b), 0xb8 | 3);
	b->tos = 0; /* it cannot be told: dropped, as it would have been without the tunnel */
	make_ping(b, 3);
	send_to(b->peer_raw, b->pkt.data, b->pkt.len, "127.0.0.1:0");
	while (!__atomic_load_n(&b->counters.in_malformed, __ATOMIC_RELAXED))
		poll(&p, 1, 1);
	cr_assert_eq(b->counters.in_packets, 2u);
	remove_all(b, sa);
	end(b);
}
