/* SPDX-License-Identifier: MIT */
/*
 * Packets to the network: what the TUN gives is encrypted and sent in batches; IKE from ipsecmgr goes out of
 * the right socket. Runs in the worker's thread. Slots are used by one batch at a time: whoever needs them
 * flushes first.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "npu/npu_int.h"

#define NO_SA_PER_SECOND 20

void npu_tx_count(struct npu *n, enum esp_reason reason)
{
	struct counters_esp *c = n->cnt;
	uint64_t *const counter[ESP_REASONS] = {
	        [ESP_DROP_SHORT] = &c->in_malformed,
	        [ESP_DROP_ALIGN] = &c->in_malformed,
	        [ESP_DROP_NO_SA] = &c->in_no_sa,
	        [ESP_DROP_REPLAY] = &c->in_replay,
	        [ESP_DROP_LATE] = &c->in_replay,
	        [ESP_DROP_AUTH] = &c->in_auth_fail,
	        [ESP_DROP_PADDING] = &c->in_malformed,
	        [ESP_DROP_NEXT_HEADER] = &c->in_malformed,
	        [ESP_DROP_DUMMY] = &c->in_dummy,
	        [ESP_DROP_INNER] = &c->in_malformed,
	        [ESP_DROP_SELECTOR] = &c->in_ts_mismatch,
	        [ESP_DROP_SEQ_LIMIT] = &c->out_no_hw_mark,
	        [ESP_DROP_SEQ_EXHAUSTED] = &c->out_seq_overflow,
	        [ESP_DROP_ROOM] = &c->out_too_big,
	        [ESP_DROP_CRYPTO] = &c->out_send_fail,
	};

	if (counter[reason])
		counter_inc(counter[reason]);
}

/* The kernel has this per socket: packets of one kind go in a row. */
static void set_df(struct npu_src *src, uint16_t family, bool on)
{
	int want = on ? NPU_DF_ON : NPU_DF_OFF, how = on ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;

	if (family != AF_INET || (int)src->df == want)
		return;
	if (!setsockopt(src->fd, IPPROTO_IP, IP_MTU_DISCOVER, &how, sizeof(how)))
		src->df = on ? NPU_DF_ON : NPU_DF_OFF;
}

/* Send messages first..end-1, which have the same socket and bit. A message the kernel refuses is skipped. */
static void send_run(struct npu *n, unsigned first, unsigned end)
{
	set_df(n->msg_src[first], n->names[first].ss_family, n->msg_df[first]);
	while (first < end) {
		int sent = sendmmsg(n->msg_src[first]->fd, &n->msgs[first], end - first,
		                    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent > 0) {
			first += (unsigned)sent;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EMSGSIZE && n->msg_df[first])
			npu_mtu_learn(n, n->msg_sa[first], n->iov[first].iov_len);
		counter_inc(errno == EMSGSIZE ? &n->cnt->out_too_big : &n->cnt->out_send_fail);
		first++;
	}
}

void npu_tx_flush(struct npu *n)
{
	unsigned first = 0;
	unsigned i;

	for (i = 1; i <= n->n_out; i++) {
		if (i < n->n_out && n->msg_src[i] == n->msg_src[first] && n->msg_df[i] == n->msg_df[first])
			continue;
		send_run(n, first, i);
		first = i;
	}
	n->n_out = 0;
}

/* The traffic class of one packet, in the octet that the family has for it (RFC 2474). */
static void put_tos(struct msghdr *msg, union npu_control *room, int tos, uint16_t family)
{
	struct cmsghdr *c;

	msg->msg_control = room;
	msg->msg_controllen = sizeof(*room);
	c = CMSG_FIRSTHDR(msg);
	c->cmsg_level = family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
	c->cmsg_type = family == AF_INET6 ? IPV6_TCLASS : IP_TOS;
	c->cmsg_len = CMSG_LEN(sizeof(tos));
	memcpy(CMSG_DATA(c), &tos, sizeof(tos));
}

static void queue(struct npu *n, struct npu_src *src, struct npu_sa *sa, bool df, uint8_t tos,
                  const struct net_endpoint *to, const struct esp_pkt *pkt)
{
	unsigned i = n->n_out++;

	n->msg_src[i] = src;
	n->msg_sa[i] = sa;
	n->msg_df[i] = df;
	n->iov[i] = (struct iovec){pkt->data, pkt->len};
	n->msgs[i].msg_hdr = (struct msghdr){.msg_name = &n->names[i],
	                                     .msg_namelen = net_endpoint_to_sockaddr(to, &n->names[i]),
	                                     .msg_iov = &n->iov[i],
	                                     .msg_iovlen = 1};
	if (tos)
		put_tos(&n->msgs[i].msg_hdr, &n->control[i], tos, to->addr.family);
}

/* --- ESP ----------------------------------------------------------------------------------------------- */

static void send_esp(struct npu *n, struct npu_sa *sa, bool df, uint8_t tos, const struct esp_pkt *pkt)
{
	struct net_endpoint to = sa->remote;
	struct npu_src *src;

	if (!sa->port)
		sa->port = npu_table_port(n, sa->ctx, sa->instance, &sa->local.addr);
	src = sa->port ? &sa->port->src[sa->encap ? NPU_UDP4500 : NPU_ESP] : NULL;
	if (!src || src->fd < 0) {
		counter_inc(&n->cnt->out_send_fail);
		return;
	}
	if (!sa->encap)
		to.port = 0; /* raw sockets know no ports */
	queue(n, src, sa, df, tos, &to, pkt);
}

void npu_tx_seal(struct npu *n, struct npu_sa *sa, struct esp_pkt *pkt)
{
	bool df = npu_mtu_df(sa, pkt->data);
	uint8_t tos = esp_ecn_tos(pkt->data);
	size_t len = pkt->len;
	enum esp_reason reason = esp_seal(sa->esp, pkt, n->now);

	npu_rx_marks(n, sa);
	if (reason) {
		npu_tx_count(n, reason);
		return;
	}
	npu_life_packet(n, sa);
	counter_inc(&n->cnt->out_packets);
	counter_add(&n->cnt->out_bytes, len);
	send_esp(n, sa, df, tos, pkt);
}

/* Does it go the way of what an SA brings in? Then it came without one (RFC 4301 section 5.2). */
static bool in_clear(const struct npu_tun *t, const struct esp_flow *flow)
{
	struct esp_flow back = *flow;

	back.src = flow->dst;
	back.dst = flow->src;
	back.sport = flow->dport;
	back.dport = flow->sport;
	return esp_table_out(t->table, &back) != NULL;
}

/* Somebody may want to set a tunnel up for this. */
static void tell_no_sa(struct npu *n, struct npu_tun *t, const struct esp_flow *flow)
{
	struct npu_event e = {.kind = NPU_EV_NO_SA, .ctx = t->ctx, .instance = t->instance, .flow = *flow};

	counter_inc(in_clear(t, flow) ? &n->cnt->in_clear : &n->cnt->out_no_sa);
	if (n->now / 1000000 != t->no_sa_second) {
		t->no_sa_second = n->now / 1000000;
		t->no_sa_count = 0;
	}
	if (t->no_sa_count++ < NO_SA_PER_SECOND)
		npu_queue_event(n, &e, false);
}

static void inner_out(struct npu *n, struct npu_tun *t, struct esp_pkt *pkt)
{
	struct esp_flow flow;
	struct npu_sa *sa;
	struct esp_sa *esp;

	if (esp_inner_parse(pkt->data, pkt->len, &flow)) {
		counter_inc(&n->cnt->out_no_sa);
		return;
	}
	esp = esp_table_out(t->table, &flow);
	if (!esp) {
		tell_no_sa(n, t, &flow);
		return;
	}
	sa = esp->user;
	pkt->len = flow.total_len;
	if (!npu_mtu_out(n, t, sa, pkt))
		npu_tx_seal(n, sa, pkt);
}

void npu_tx_tun(struct npu *n, struct npu_tun *t)
{
	int i;

	npu_tx_flush(n);
	for (i = 0; i < NPU_BATCH; i++) {
		uint8_t *data = n->slots[i].room + ESP_HEADROOM;
		ssize_t len = read(t->src.fd, data, 65536);
		struct esp_pkt pkt;

		if (len <= 0)
			break;
		pkt = (struct esp_pkt){.data = data,
		                       .len = (size_t)len,
		                       .headroom = ESP_HEADROOM,
		                       .tailroom = NPU_ROOM - ESP_HEADROOM - (size_t)len};
		inner_out(n, t, &pkt);
	}
	npu_tx_flush(n);
}

/* --- IKE ----------------------------------------------------------------------------------------------- */

static void ike_out(struct npu *n, const struct punt_info *info, const uint8_t *data, size_t len)
{
	struct npu_port *p = npu_table_port(n, info->ctx, info->instance, &info->local.addr);
	bool natt = info->flags & PUNT_F_NATT;
	static const uint8_t marker[4];
	struct iovec iov[2] = {{(void *)(uintptr_t)marker, natt ? 4 : 0}, {(void *)(uintptr_t)data, len}};
	struct sockaddr_storage to;
	struct msghdr msg = {.msg_name = &to, .msg_iov = iov, .msg_iovlen = 2};
	union npu_control room = {{0}};
	unsigned dscp = info->flags >> PUNT_DSCP_SHIFT & PUNT_DSCP_MASK;
	int fd = p ? p->src[natt ? NPU_UDP4500 : NPU_UDP500].fd : -1;

	msg.msg_namelen = net_endpoint_to_sockaddr(&info->remote, &to);
	if (dscp)
		put_tos(&msg, &room, (int)dscp << 2, info->remote.addr.family);
	if (fd >= 0) /* long messages may be fragmented */
		set_df(&p->src[natt ? NPU_UDP4500 : NPU_UDP500], info->remote.addr.family, false);
	if (fd < 0 || sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		n->stats.ike_lost++;
	else
		n->stats.ike_out++;
}

void npu_tx_punt(struct npu *n, struct npu_inst *inst)
{
	const uint8_t *data;
	struct punt_info info;
	size_t len;
	int rc = 0;
	int i;

	for (i = 0; i < NPU_BATCH; i++) {
		rc = punt_client_recv(inst->punt, &info, &data, &len);
		if (rc != 1)
			break;
		info.instance = inst->instance; /* nobody sends by another instance's socket */
		ike_out(n, &info, data, len);
	}
	if (rc == -ENOTCONN)
		npu_table_hung_up(n, inst);
}
