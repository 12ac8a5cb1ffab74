/* SPDX-License-Identifier: MIT */
/*
 * The whole packet path of a card, in a network namespace of its own: UDP-encapsulated ESP from a socket
 * through the worker into a TUN, and from the TUN through the worker out of a socket. Mbit/s of inner packets
 * per CPU second of the worker's thread, as JSON lines. Needs root or a user namespace. Argument: packets per
 * row (default 100000).
 */
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
#include "npu/npu.h"

#define SPI_US   0x01000101u
#define SPI_PEER 0x05000101u
#define CHUNK    64

struct bed {
	int ns, tun, fds[NPU_PORT_FDS], peer, inner, event_fd;
	struct net_endpoint service, remote;
	struct npu *npu;
	struct counters_esp c;
};

static const uint8_t keys[64] = "keys of a benchmark need not be secret, they need only be there";

static void die(const char *what, int err)
{
	fprintf(stderr, "bench_npu: %s: %s\n", what, strerror(err < 0 ? -err : err));
	exit(1);
}

static void notify(void *arg)
{
	uint64_t one = 1;

	if (write(((struct bed *)arg)->event_fd, &one, sizeof(one)) < 0)
		return;
}

static int open_all(void *arg)
{
	struct net_endpoint any = {.addr = {.family = AF_INET}};
	struct bed *b = arg;

	net_endpoint_parse(&b->service, "127.0.0.1:4500");
	net_endpoint_parse(&b->remote, "127.0.0.2:4500");
	b->fds[NPU_UDP500] = b->fds[NPU_ESP] = -1;
	b->fds[NPU_UDP4500] = sock_udp_bind(&b->service, 0);
	b->peer = sock_udp_bind(&b->remote, 0);
	b->inner = sock_udp_bind(&any, 0);
	b->tun = sock_tun_open("tun-1", false, false);
	return b->tun;
}

static void configure(struct bed *b)
{
	struct nl_route r = {0};
	struct net_prefix p;
	struct nl *nl;
	int err;

	nl = nl_new(b->ns, &err);
	if (!nl)
		die("netlink", err);
	nl_link_up(nl, nl_link_index(nl, "lo"), true);
	err = ns_run(b->ns, open_all, b);
	if (err < 0)
		die("sockets", err);
	r.ifindex = nl_link_index(nl, "tun-1");
	net_prefix_parse(&p, "10.9.0.1/32");
	nl_addr_add(nl, r.ifindex, &p);
	nl_link_up(nl, r.ifindex, true);
	net_prefix_parse(&r.dst, "10.10.0.0/16");
	err = nl_route_replace(nl, &r);
	if (err)
		die("route", err);
	nl_free(nl);
}

static struct esp_sa *make_sa(uint32_t in, uint32_t out, const char *local, const char *remote, bool gcm)
{
	struct net_prefix pl, pr;
	struct esp_ts tl, tr;
	struct esp_sa_params p = {
	        .spi_in = in,
	        .spi_out = out,
	        .encr = gcm ? ESP_ENCR_AES_GCM_16 : ESP_ENCR_AES_CBC,
	        .encr_bits = 128,
	        .integ = gcm ? ESP_INTEG_NONE : ESP_INTEG_SHA1_96,
	        .encr_key_in = keys,
	        .encr_key_out = keys,
	        .encr_key_len = gcm ? 20 : 16,
	        .integ_key_in = keys,
	        .integ_key_out = keys,
	        .integ_key_len = gcm ? 0 : 20,
	        .replay_window = 64,
	        .ts_local = &tl,
	        .n_local = 1,
	        .ts_remote = &tr,
	        .n_remote = 1,
	        .seq_limit = 1ULL << 32,
	};
	struct esp_sa *sa;
	int err;

	net_prefix_parse(&pl, local);
	net_prefix_parse(&pr, remote);
	tl = esp_inner_ts_prefix(&pl);
	tr = esp_inner_ts_prefix(&pr);
	sa = esp_sa_new(&p, &err);
	if (!sa)
		die("SA", err);
	return sa;
}

static void wait_batch(struct bed *b, struct npu_batch *batch)
{
	struct pollfd p = {.fd = b->event_fd, .events = POLLIN};
	struct npu_event *e;
	bool done = false;

	if (batch)
		npu_batch(b->npu, batch);
	while (!done) {
		while ((e = npu_event_next(b->npu))) {
			done |= e->kind == NPU_EV_BATCH;
			free(e);
		}
		if (!done)
			poll(&p, 1, 1000);
	}
}

/* Wait until the worker has no more to do: its counters stand still. */
static void settle(const uint64_t *counter)
{
	uint64_t before;

	do {
		before = __atomic_load_n(counter, __ATOMIC_RELAXED);
		poll(NULL, 0, 20);
	} while (__atomic_load_n(counter, __ATOMIC_RELAXED) != before);
}

static void report(const char *way, bool gcm, size_t size, uint64_t packets, uint64_t cpu_us)
{
	printf("{\"bench\":\"npu\",\"way\":\"%s\",\"suite\":\"%s\",\"bytes\":%zu,\"packets\":%llu,"
	       "\"mbit_per_cpu_s\":%.0f,\"us_per_packet\":%.2f}\n",
	       way, gcm ? "aes-128-gcm-128" : "aes-cbc-128 sha1-96", size, (unsigned long long)packets,
	       (double)packets * (double)size * 8 / (double)cpu_us, (double)cpu_us / (double)packets);
	fflush(stdout);
}

static void inbound(struct bed *b, bool gcm, size_t size, unsigned long count)
{
	static uint8_t room[ESP_HEADROOM + 1500 + ESP_TAILROOM];
	struct esp_sa *peer = make_sa(SPI_PEER, SPI_US, "10.10.0.0/16", "10.9.0.1/32", gcm);
	uint64_t packets = b->c.in_packets;
	uint64_t cpu = npu_stats(b->npu)->cpu_us;
	struct sockaddr_storage ss;
	socklen_t n = net_endpoint_to_sockaddr(&b->service, &ss);
	unsigned long i;

	for (i = 0; i < count; i++) {
		struct esp_pkt p = {.data = room + ESP_HEADROOM,
		                    .len = size,
		                    .headroom = ESP_HEADROOM,
		                    .tailroom = sizeof(room) - ESP_HEADROOM - size};

		memset(p.data, 0, 28);
		memcpy(p.data,
		       "\x45\x00\x00\x00\x00\x00\x00\x00\x40\xfd\x00\x00\x0a\x0a\x00\x05\x0a\x09\x00\x01",
		       20);
		p.data[2] = (uint8_t)(size >> 8);
		p.data[3] = (uint8_t)size;
		esp_seal(peer, &p, 0);
		if (sendto(b->peer, p.data, p.len, 0, (struct sockaddr *)&ss, n) < 0 && errno != EAGAIN)
			die("send", errno);
	}
	settle(&b->c.in_packets);
	report("in", gcm, size, b->c.in_packets - packets, npu_stats(b->npu)->cpu_us - cpu);
	esp_sa_free(peer);
}

static void outbound(struct bed *b, bool gcm, size_t size, unsigned long count)
{
	uint64_t packets = b->c.out_packets;
	uint64_t cpu = npu_stats(b->npu)->cpu_us;
	static uint8_t data[1500];
	struct net_endpoint to;
	struct sockaddr_storage ss;
	unsigned long i;
	socklen_t n;

	net_endpoint_parse(&to, "10.10.0.5:9");
	n = net_endpoint_to_sockaddr(&to, &ss);
	for (i = 0; i < count; i++) {
		if (sendto(b->inner, data, size - 28, 0, (struct sockaddr *)&ss, n) < 0 && errno != EAGAIN &&
		    errno != ENOBUFS)
			die("send", errno);
		if (i % CHUNK == 0) /* let the TUN's queue drain now and then */
			poll(NULL, 0, 0);
	}
	settle(&b->c.out_packets);
	report("out", gcm, size, b->c.out_packets - packets, npu_stats(b->npu)->cpu_us - cpu);
}

static void suite(struct bed *b, bool gcm, unsigned long count)
{
	static const size_t sizes[] = {64, 576, 1400};
	struct npu_batch *batch = npu_batch_new(1, 0, 0);
	struct npu_sa sa = {.ctx = 1, .instance = 1, .encap = true, .local = b->service, .remote = b->remote};
	size_t i;

	for (i = 0; i < 3; i++) {
		sa.esp = make_sa(SPI_US, SPI_PEER, "10.9.0.1/32", "10.10.0.0/16", gcm);
		batch->n_add = 0;
		batch->add[batch->n_add++] = &sa;
		batch->n_del = 0;
		wait_batch(b, batch);
		inbound(b, gcm, sizes[i], count);
		outbound(b, gcm, sizes[i], count);
		free(batch->gone);
		batch->n_add = batch->n_gone = 0;
		batch->del[batch->n_del++] = SPI_US;
		wait_batch(b, batch);
		free(batch->gone);
		batch->gone = NULL;
		batch->n_gone = 0;
		esp_sa_free(sa.esp);
	}
	npu_batch_free(batch);
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	static struct bed b;
	struct npu_config cfg = {
	        .punt_path = "/nowhere/punt-%u", .counters = &b.c, .notify = notify, .arg = &b};
	int err;

	b.ns = ns_create();
	if (b.ns == -EPERM) {
		printf("{\"bench\":\"npu\",\"skipped\":\"no network namespaces here\"}\n");
		return 0;
	}
	if (b.ns < 0)
		die("namespace", b.ns);
	configure(&b);
	b.event_fd = eventfd(0, EFD_NONBLOCK);
	b.npu = npu_new(&cfg, &err);
	if (!b.npu)
		die("worker", err);
	npu_port_add(b.npu, 1, 1, &b.service.addr, b.fds);
	npu_tun_add(b.npu, 1, 1, b.tun);
	suite(&b, false, count);
	suite(&b, true, count);
	npu_free(b.npu);
	return 0;
}
