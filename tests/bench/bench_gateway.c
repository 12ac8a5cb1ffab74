/* SPDX-License-Identifier: MIT */
/*
 * A bare gateway: the IKE engine as responder and the ESP engine behind one UDP socket pair and one raw
 * socket, nothing stored, no chassis. What a tunnel costs without processes around it, and the other end for
 * `orrery peers` in its own test. `bench_gateway` alone measures itself against `orrery peers` in a private
 * network namespace and prints one JSON line; `bench_gateway serve ADDR PSK` just serves until it is told to
 * stop (SIGTERM) and prints its CPU time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "esp/esp.h"
#include "ike/ike.h"

#define PKT 4096

struct user {
	struct net_endpoint local, remote;
	bool encap;
};

struct gateway {
	struct ike_engine *e;
	struct esp_table *sas;
	struct net_addr self;
	int s500, s4500, raw;
	uint32_t next_addr;
	uint64_t ups;
};

static struct gateway gw;
static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = 1;
}

static void random_cb(void *arg, void *buf, size_t len)
{
	random_bytes(buf, len);
}

static void send_to(int fd, const struct net_endpoint *dst, const void *a, size_t alen, const void *b,
                    size_t blen)
{
	struct sockaddr_storage ss;
	struct iovec iov[2] = {{(void *)(uintptr_t)a, alen}, {(void *)(uintptr_t)b, blen}};
	struct msghdr mh = {.msg_name = &ss, .msg_iov = iov, .msg_iovlen = 2};

	mh.msg_namelen = net_endpoint_to_sockaddr(dst, &ss);
	(void)!sendmsg(fd, &mh, 0);
}

static unsigned selectors(struct esp_ts *out, const struct ike_ts *ts, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		out[i] = (struct esp_ts){ts[i].lo, ts[i].hi, ts[i].proto, ts[i].port_lo, ts[i].port_hi};
	return n;
}

static void add_child(const struct ike_child_act *a)
{
	struct esp_ts local[IKE_MAX_TS], remote[IKE_MAX_TS];
	struct esp_sa_params p = {
	        .spi_in = a->spi_in,
	        .spi_out = a->spi_out,
	        .encr = a->suite.encr,
	        .encr_bits = a->suite.encr_bits,
	        .integ = a->suite.integ,
	        .out_wait = a->out_wait,
	        .encr_key_in = a->encr_in,
	        .encr_key_out = a->encr_out,
	        .encr_key_len = a->encr_len,
	        .integ_key_in = a->integ_in,
	        .integ_key_out = a->integ_out,
	        .integ_key_len = a->integ_len,
	        .replay_window = 64,
	        .ts_local = local,
	        .ts_remote = remote,
	        .n_local = (uint16_t)selectors(local, a->ts_local, a->n_local),
	        .n_remote = (uint16_t)selectors(remote, a->ts_remote, a->n_remote),
	        .iv_seed = random_u64(),
	        .seq_limit = 1ULL << 32,
	};
	struct user *u = calloc(1, sizeof(*u));
	int err = 0;
	struct esp_sa *sa = u ? esp_sa_new(&p, &err) : NULL;

	if (!sa || esp_table_add(gw.sas, sa)) {
		fprintf(stderr, "child SA %08x: %s\n", a->spi_in, strerror(-err));
		esp_sa_free(sa);
		free(u);
		return;
	}
	*u = (struct user){a->path.local, a->path.remote, a->encap_udp};
	sa->user = u;
}

static void del_child(uint32_t spi_in)
{
	struct esp_sa *sa = esp_table_remove(gw.sas, spi_in);

	if (sa)
		free(sa->user);
	esp_sa_free(sa);
}

static void assign(const struct ike_session_act *s)
{
	struct ike_session_result r = {.callid = ++gw.next_addr};

	r.addr = net_addr_v4(0x0a640000 + gw.next_addr);
	ike_engine_address_assigned(gw.e, clock_wall_us(), s->ref, &r);
}

static void txn_cb(void *arg, const struct ike_txn *txn)
{
	static const uint8_t marker[4];
	unsigned i;

	for (i = 0; i < txn->n; i++) {
		const struct ike_action *a = &txn->actions[i];

		if (a->kind == IKE_ACT_SEND)
			send_to(a->send.path.natt ? gw.s4500 : gw.s500, &a->send.path.remote, marker,
			        a->send.path.natt ? 4 : 0, a->send.pkt, a->send.len);
		else if (a->kind == IKE_ACT_CHILD_ADD)
			add_child(&a->child);
		else if (a->kind == IKE_ACT_CHILD_DEL)
			del_child(a->child_del.spi_in);
		else if (a->kind == IKE_ACT_NEED_SESSION)
			assign(&a->session);
		else if (a->kind == IKE_ACT_EVENT && a->event.kind == IKE_EV_UP)
			gw.ups++;
	}
	if (txn->durable)
		ike_engine_committed(gw.e, clock_wall_us(), txn->id);
}

/* Answer an echo request in place: swap the addresses, change the type; the checksums need only the type's
 * change. */
static void echo(struct esp_sa *sa, uint8_t *buf, struct esp_pkt *p)
{
	uint8_t tmp[4], *ip = p->data, *icmp;
	struct user *u = sa->user;
	struct net_endpoint raw = {u->remote.addr, 0};
	struct esp_flow flow;
	uint32_t sum;

	if (esp_inner_parse(ip, p->len, &flow) || flow.proto != 1 || p->len < 28)
		return;
	icmp = ip + (ip[0] & 15) * 4;
	if (icmp[0] != 8)
		return;
	memcpy(tmp, ip + 12, 4);
	memcpy(ip + 12, ip + 16, 4);
	memcpy(ip + 16, tmp, 4);
	icmp[0] = 0;
	sum = (uint32_t)(icmp[2] << 8 | icmp[3]) + 0x0800;
	sum = (sum & 0xffff) + (sum >> 16);
	icmp[2] = (uint8_t)(sum >> 8);
	icmp[3] = (uint8_t)sum;
	p->headroom = (size_t)(p->data - buf);
	p->tailroom = 2 * PKT - p->headroom - p->len;
	if (esp_inner_parse(ip, p->len, &flow))
		return;
	sa = esp_table_out(gw.sas, &flow);
	if (sa && esp_seal(sa, p, clock_wall_us()) == ESP_OK)
		send_to(u->encap ? gw.s4500 : gw.raw, u->encap ? &u->remote : &raw, p->data, p->len, NULL, 0);
}

static void esp_in(uint8_t *buf, uint8_t *d, size_t len)
{
	struct esp_pkt p = {d, len, 0, 0};
	struct esp_sa *sa;

	if (len < 8)
		return;
	sa = esp_table_in(gw.sas, (uint32_t)d[0] << 24 | (uint32_t)d[1] << 16 | (uint32_t)d[2] << 8 | d[3]);
	if (sa && esp_open(sa, &p, clock_wall_us()) == ESP_OK)
		echo(sa, buf, &p);
}

static void take(int fd)
{
	static uint8_t buf[2 * PKT];
	static const uint8_t marker[4];
	struct sockaddr_storage ss;
	struct ike_path path = {.ctx_id = 1, .natt = fd == gw.s4500};
	uint8_t *d = buf + 512;
	int n = 64;

	while (n--) {
		socklen_t sl = sizeof(ss);
		ssize_t got = recvfrom(fd, d, PKT, MSG_DONTWAIT, (struct sockaddr *)&ss, &sl);

		if (got <= 0)
			return;
		if (fd == gw.raw) {
			size_t ihl = (size_t)(d[0] & 15) * 4;

			if ((size_t)got > ihl)
				esp_in(buf, d + ihl, (size_t)got - ihl);
			continue;
		}
		if (path.natt && got >= 4 && memcmp(d, marker, 4)) {
			esp_in(buf, d, (size_t)got);
			continue;
		}
		if ((path.natt && got < 4) ||
		    net_endpoint_from_sockaddr(&path.remote, (struct sockaddr *)&ss, sl))
			continue;
		path.local = (struct net_endpoint){gw.self, path.natt ? 4500 : 500};
		ike_engine_input(gw.e, clock_wall_us(), &path, d + (path.natt ? 4 : 0),
		                 (size_t)got - (path.natt ? 4 : 0));
	}
}

static int open_socket(int type, int proto, uint16_t port)
{
	struct net_endpoint e = {gw.self, port};
	struct sockaddr_storage ss;
	socklen_t len = net_endpoint_to_sockaddr(&e, &ss);
	int fd = socket(gw.self.family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, proto), size = 8 << 20;

	if (fd < 0 || bind(fd, (struct sockaddr *)&ss, len)) {
		perror("bench_gateway: socket");
		exit(1);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

static void open_engine(const char *psk)
{
	static struct ike_policy p = {.name = "gw",
	                              .payload[0].name = "gw",
	                              .ctx_id = 1,
	                              .ask_session = true,
	                              .payload[0].assign_address = true,
	                              .ike_rekey = true,
	                              .payload[0].rekey = true};
	static const uint16_t groups[] = {IKE_GROUP_X25519, IKE_GROUP_MODP2048, IKE_GROUP_ECP256,
	                                  IKE_GROUP_MODP1024};
	struct ike_engine_config cfg = {.instance = 1, .volatile_only = true, .max_half_open = 200000};
	struct ike_callbacks cb = {.txn = txn_cb, .random = random_cb};
	unsigned i;

	for (i = 0; i < 4; i++) {
		p.ike[p.n_ike++] = (struct ike_suite){IKE_ENCR_AES_CBC,       128,       IKE_PRF_HMAC_SHA1,
		                                      IKE_INTEG_HMAC_SHA1_96, groups[i], 0};
		p.ike[p.n_ike++] = (struct ike_suite){
		        IKE_ENCR_AES_CBC, 256, IKE_PRF_HMAC_SHA2_256, IKE_INTEG_HMAC_SHA2_256_128,
		        groups[i],        0};
	}
	p.payload[0].esp[p.payload[0].n_esp++] = (struct ike_suite){IKE_ENCR_AES_GCM_16, 128, 0, 0, 0, 0};
	p.payload[0].esp[p.payload[0].n_esp++] =
	        (struct ike_suite){IKE_ENCR_AES_CBC, 128, 0, IKE_INTEG_HMAC_SHA1_96, 0, 0};
	p.psk_len = strlen(psk);
	memcpy(p.psk, psk, p.psk_len < IKE_PSK_MAX ? p.psk_len : IKE_PSK_MAX);
	gw.e = ike_engine_new(&cfg, &cb, NULL, clock_wall_us());
	if (!gw.e || ike_engine_policy_put(gw.e, &p)) {
		fprintf(stderr, "bench_gateway: the engine refuses its policy\n");
		exit(1);
	}
	gw.sas = esp_table_new(random_u64());
}

static int serve(const char *addr, const char *psk)
{
	struct pollfd pfd[3];
	unsigned i;

	if (net_addr_parse(&gw.self, addr)) {
		fprintf(stderr, "bench_gateway: %s is no address\n", addr);
		return 2;
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	gw.s500 = open_socket(SOCK_DGRAM, 0, 500);
	gw.s4500 = open_socket(SOCK_DGRAM, 0, 4500);
	gw.raw = open_socket(SOCK_RAW, IPPROTO_ESP, 0);
	open_engine(psk);
	while (!stop) {
		uint64_t now = clock_wall_us(), next = ike_engine_next_us(gw.e);
		int wait = next <= now ? 0 : next - now > 100000 ? 100 : (int)((next - now) / 1000 + 1);

		pfd[0] = (struct pollfd){gw.s500, POLLIN, 0};
		pfd[1] = (struct pollfd){gw.s4500, POLLIN, 0};
		pfd[2] = (struct pollfd){gw.raw, POLLIN, 0};
		poll(pfd, 3, wait);
		for (i = 0; i < 3; i++)
			if (pfd[i].revents & POLLIN)
				take(pfd[i].fd);
		if (ike_engine_next_us(gw.e) <= clock_wall_us())
			ike_engine_tick(gw.e, clock_wall_us());
	}
	printf("{\"tunnels\":%llu,\"gateway_cpu_s\":%.3f}\n", (unsigned long long)gw.ups,
	       (double)clock_cpu_us() / 1e6);
	ike_engine_free(gw.e);
	return 0;
}

/* --- alone: gateway and peers in a private namespace
 * ------------------------------------------------------------------- */

static int measure(const char *self, int argc, char **argv)
{
	char peers[4096];
	const char *args[32] = {peers,       "peers", "--server", "127.0.0.1", "--source",
	                        "127.0.0.2", "--psk", "secret",   "--once",    "--json"};
	pid_t server, client;
	int n = 10, status = 1, i;

	snprintf(peers, sizeof(peers), "%.*s/../bin/orrery",
	         (int)(strrchr(self, '/') ? strrchr(self, '/') - self : 0), self);
	if (argc == 1) {
		args[n++] = "--count";
		args[n++] = "1000";
	}
	for (i = 1; i < argc && n < 31; i++)
		args[n++] = argv[i];
	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) {
		perror("bench_gateway: network namespace");
		return 1;
	}
	(void)!system("ip link set lo up");
	server = fork();
	if (!server)
		_exit(serve("127.0.0.1", "secret") + fflush(stdout));
	client = fork();
	if (!client) {
		execv(peers, (char **)(uintptr_t)args);
		perror(peers);
		_exit(127);
	}
	waitpid(client, &status, 0);
	kill(server, SIGTERM);
	waitpid(server, NULL, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "serve"))
		return serve(argv[2], argv[3]);
	return measure(argv[0], argc, argv);
}
