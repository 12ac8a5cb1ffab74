/* SPDX-License-Identifier: MIT */
/*
 * Packets from the network: IKE goes to its ipsecmgr, ESP is decrypted into the TUN. A peer behind a NAT is
 * followed to the address its newest authenticated packet came from, unless we are behind one ourselves (RFC
 * 7296 section 2.23). Runs in the worker's thread.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "npu/npu_int.h"

#define UNKNOWN_PER_SECOND 10

/* --- receiving ----------------------------------------------------------------------------------------- */

/* Up to a batch of datagrams into the slots. Returns how many. */
static int receive(struct npu *n, int fd)
{
	int i;
	int got;

	for (i = 0; i < NPU_BATCH; i++) {
		n->iov[i] = (struct iovec){n->slots[i].room + ESP_HEADROOM, 65536};
		n->msgs[i].msg_hdr = (struct msghdr){.msg_name = &n->names[i],
		                                     .msg_namelen = sizeof(n->names[i]),
		                                     .msg_iov = &n->iov[i],
		                                     .msg_iovlen = 1,
		                                     .msg_control = &n->control[i],
		                                     .msg_controllen = sizeof(n->control[i])};
	}
	got = recvmmsg(fd, n->msgs, NPU_BATCH, MSG_DONTWAIT, NULL);
	return got < 0 ? 0 : got;
}

static struct esp_pkt packet(struct npu *n, int i)
{
	size_t len = n->msgs[i].msg_len;

	return (struct esp_pkt){.data = n->slots[i].room + ESP_HEADROOM,
	                        .len = len,
	                        .headroom = ESP_HEADROOM,
	                        .tailroom = NPU_ROOM - ESP_HEADROOM - len};
}

static void sender(struct npu *n, int i, struct net_endpoint *from)
{
	if (net_endpoint_from_sockaddr(from, (struct sockaddr *)&n->names[i], n->msgs[i].msg_hdr.msg_namelen))
		memset(from, 0, sizeof(*from));
}

/* The traffic class it came with: one byte of IPv4, four of IPv6. */
static uint8_t marked(struct npu *n, int i)
{
	struct msghdr *msg = &n->msgs[i].msg_hdr;
	int tclass = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
			return *CMSG_DATA(c);
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS)
			memcpy(&tclass, CMSG_DATA(c), sizeof(tclass));
	}
	return (uint8_t)tclass;
}

/* --- ESP ----------------------------------------------------------------------------------------------- */

/* Ask for what has to be stored: the next mark outbound, or progress inbound. */
void npu_rx_marks(struct npu *n, struct npu_sa *sa)
{
	struct esp_sa *esp = sa->esp;
	struct npu_event e = {
	        .kind = NPU_EV_MARK, .ctx = sa->ctx, .instance = sa->instance, .spi = esp->in.spi};
	bool want = esp_seq_want(esp, &e.out);

	if (!want && esp->replay.top - sa->in_marked < NPU_IN_MARK)
		return;
	if (!want)
		e.out = esp_seq_marked(esp); /* never lower than what was asked for before */
	e.in = sa->in_marked = esp->replay.top;
	e.bytes_out = esp->out.bytes;
	e.bytes_in = esp->in.bytes;
	npu_queue_event(n, &e, true);
}

static void unknown_spi(struct npu *n, struct npu_port *p, uint32_t spi, const struct net_endpoint *from,
                        uint16_t port)
{
	struct npu_event e = {.kind = NPU_EV_UNKNOWN_SPI,
	                      .ctx = p->ctx,
	                      .instance = p->instance,
	                      .spi = spi,
	                      .remote = *from,
	                      .local = {p->addr, port}};

	npu_tx_count(n, ESP_DROP_NO_SA);
	if (n->now / 1000000 != n->unknown_second) {
		n->unknown_second = n->now / 1000000;
		n->unknown_count = 0;
	}
	if (n->unknown_count++ < UNKNOWN_PER_SECOND)
		npu_queue_event(n, &e, false);
}

static struct esp_sa *find(struct npu *n, struct npu_port *p, uint32_t spi, struct npu_tun **tun)
{
	struct esp_sa *sa;

	*tun = p->tun;
	sa = esp_table_in(p->tun->table, spi);
	if (sa || spi >> 24 == p->instance)
		return sa;
	/* misdelivered: another instance's, which may be on this card too */
	*tun = npu_table_tun(n, p->ctx, spi >> 24);
	sa = *tun ? esp_table_in((*tun)->table, spi) : NULL;
	if (sa)
		counter_inc(&n->cnt->in_migrated);
	return sa;
}

static void follow(struct npu *n, struct npu_sa *sa, const struct net_endpoint *from)
{
	struct npu_event e = {.kind = NPU_EV_PATH,
	                      .ctx = sa->ctx,
	                      .instance = sa->instance,
	                      .spi = sa->esp->in.spi,
	                      .remote = *from,
	                      .local = sa->local};

	sa->remote = *from;
	sa->learned = 0;
	npu_queue_event(n, &e, false);
}

static void first_use(struct npu *n, struct npu_sa *sa)
{
	struct npu_event e = {
	        .kind = NPU_EV_FIRST_USE, .ctx = sa->ctx, .instance = sa->instance, .spi = sa->esp->in.spi};

	sa->esp->fresh = false;
	npu_queue_event(n, &e, false);
}

static void to_tun(struct npu *n, struct npu_tun *tun, const struct esp_pkt *pkt)
{
	if (tun->src.fd < 0 || write(tun->src.fd, pkt->data, pkt->len) < 0)
		n->stats.tun_lost++;
}

static void esp_in(struct npu *n, struct npu_port *p, struct esp_pkt *pkt, const struct net_endpoint *from,
                   uint8_t tos, bool udp)
{
	enum esp_reason reason;
	struct npu_tun *tun;
	struct npu_sa *sa;
	struct esp_sa *esp;
	uint64_t top;
	uint32_t spi;

	if (pkt->len < 8) {
		npu_tx_count(n, ESP_DROP_SHORT);
		return;
	}
	memcpy(&spi, pkt->data, 4);
	spi = ntohl(spi);
	esp = find(n, p, spi, &tun);
	if (!esp) {
		unknown_spi(n, p, spi, from, udp ? 4500 : 0);
		return;
	}
	sa = esp->user;
	top = esp->replay.top;
	reason = esp_open(esp, pkt, n->now);
	if (esp->fresh)
		first_use(n, sa);
	if (udp && sa->encap && sa->follow && esp->replay.top > top && !net_endpoint_equal(&sa->remote, from))
		follow(n, sa, from);
	if (esp->replay.top - sa->in_marked >= NPU_IN_MARK)
		npu_rx_marks(n, sa);
	if (reason) {
		if (reason == ESP_DROP_SELECTOR)
			npu_life_selector(n, sa, pkt);
		npu_tx_count(n, reason);
		return;
	}
	npu_life_packet(n, sa);
	npu_life_activity(n, sa);
	if (!esp_ecn_decap(pkt->data, tos)) {
		counter_inc(&n->cnt->in_malformed);
		return;
	}
	counter_inc(&n->cnt->in_packets);
	counter_add(&n->cnt->in_bytes, pkt->len);
	to_tun(n, tun, pkt);
}

void npu_rx_esp(struct npu *n, struct npu_port *p)
{
	bool v4 = p->addr.family == AF_INET;
	int got;
	int i;

	npu_tx_flush(n);
	got = receive(n, p->src[NPU_ESP].fd);
	for (i = 0; i < got; i++) {
		struct esp_pkt pkt = packet(n, i);
		struct net_endpoint from;

		sender(n, i, &from);
		from.port = 0;
		if (v4 && esp_outer_pull_ipv4(&pkt))
			npu_tx_count(n, ESP_DROP_SHORT);
		else
			esp_in(n, p, &pkt, &from, marked(n, i), false);
	}
}

/* --- IKE ----------------------------------------------------------------------------------------------- */

static void ike_in(struct npu *n, struct npu_port *p, const uint8_t *data, size_t len,
                   const struct net_endpoint *from, bool natt)
{
	struct npu_inst *inst = p->inst;
	struct punt_info info = {.ctx = p->ctx,
	                         .flags = natt ? PUNT_F_NATT : 0,
	                         .instance = p->instance,
	                         .local = {p->addr, natt ? 4500 : 500},
	                         .remote = *from};

	if (inst->src.fd < 0)
		npu_table_connect(n, inst);
	if (inst->src.fd < 0 || punt_client_send(inst->punt, &info, data, len, n->now)) {
		n->stats.ike_lost++;
		if (inst->src.fd >= 0 && punt_client_connect(inst->punt, 0) < 0)
			npu_table_hung_up(n, inst);
		return;
	}
	n->stats.ike_in++;
}

static void udp_in(struct npu *n, struct npu_port *p, unsigned which, int i)
{
	static const uint8_t marker[4];
	struct esp_pkt pkt = packet(n, i);
	struct net_endpoint from;

	sender(n, i, &from);
	if (which == NPU_UDP500) {
		ike_in(n, p, pkt.data, pkt.len, &from, false);
	} else if (pkt.len == 1 && pkt.data[0] == 0xff) {
		npu_keep_came(n, p, &from);
	} else if (pkt.len >= 4 && memcmp(pkt.data, marker, 4) == 0) {
		ike_in(n, p, pkt.data + 4, pkt.len - 4, &from, true);
	} else {
		esp_in(n, p, &pkt, &from, marked(n, i), true);
	}
}

void npu_rx_udp(struct npu *n, struct npu_port *p, unsigned which)
{
	int got;
	int i;

	npu_tx_flush(n);
	got = receive(n, p->src[which].fd);
	for (i = 0; i < got; i++)
		udp_in(n, p, which, i);
}
