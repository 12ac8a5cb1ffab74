/* SPDX-License-Identifier: MIT */
/*
 * Sockets of the simulated peers: UDP 500, UDP 4500 (IKE and ESP in UDP, RFC 3948) and raw ESP (protocol 50),
 * shared by all peers; the source address of each packet goes with it (IP_PKTINFO), so thousands of peers
 * need three sockets. Entry points: peers_net_open(), peers_net_readable(), peers_net_send_*(). Called by
 * peers.c, peers_ike.c, peers_ping.c.
 */
#include "cmd/peers.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH    32
#define PKT_SIZE 4096
#define SOCK_BUF (8 << 20)

struct rx_slot {
	uint8_t buf[PKT_SIZE];
	char control[128];
	struct sockaddr_storage from;
};

static struct rx_slot slots[BATCH];

static int set_options(int fd, int family)
{
	int one = 1, size = SOCK_BUF;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (family == AF_INET)
		return setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one)) ? -errno : 0;
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one)) ? -errno : 0;
}

static int open_one(struct peers *p, int type, int proto, uint16_t port, int *out)
{
	struct net_endpoint e = {.addr.family = p->opt.server.family, .port = port};
	struct epoll_event ev = {.events = EPOLLIN};
	struct sockaddr_storage ss;
	socklen_t len;
	int fd = socket(e.addr.family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, proto), err;

	if (fd < 0)
		return -errno;
	if (!p->opt.many_sources)
		e.addr = p->opt.source.addr;
	len = net_endpoint_to_sockaddr(&e, &ss);
	err = set_options(fd, e.addr.family);
	if (!err && bind(fd, (struct sockaddr *)&ss, len))
		err = -errno;
	ev.data.fd = fd;
	if (!err && epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &ev))
		err = -errno;
	if (err) {
		close(fd);
		return err;
	}
	*out = fd;
	return 0;
}

/* Without --source: the address the kernel would use towards the gateway (NAT detection needs to know it). */
static int choose_source(struct peers *p)
{
	struct net_endpoint e = {p->opt.server, 500};
	struct sockaddr_storage ss;
	socklen_t len = net_endpoint_to_sockaddr(&e, &ss);
	int fd = socket(p->opt.server.family, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&ss, len))
		err = -errno;
	len = sizeof(ss);
	if (!err && getsockname(fd, (struct sockaddr *)&ss, &len))
		err = -errno;
	close(fd);
	if (!err)
		err = net_endpoint_from_sockaddr(&e, (struct sockaddr *)&ss, len);
	p->opt.source.addr = e.addr;
	p->opt.source.len = net_addr_bits(&e.addr);
	return err;
}

int peers_net_open(struct peers *p)
{
	const char *what = "no way to the gateway";
	int err = p->opt.source.addr.family ? 0 : choose_source(p);

	if (!err) {
		what = "UDP port 500";
		err = open_one(p, SOCK_DGRAM, 0, 500, &p->sock500);
	}
	if (!err) {
		what = "UDP port 4500";
		err = open_one(p, SOCK_DGRAM, 0, 4500, &p->sock4500);
	}
	if (!err) {
		what = "raw ESP socket";
		err = open_one(p, SOCK_RAW, IPPROTO_ESP, 0, &p->raw);
	}
	if (err)
		fprintf(stderr, "orrery peers: %s: %s%s\n", what, strerror(-err),
		        err == -EPERM || err == -EACCES ? " (root, or root of a network namespace, is needed)"
		                                        : "");
	return err;
}

void peers_net_close(struct peers *p)
{
	if (p->sock500 >= 0)
		close(p->sock500);
	if (p->sock4500 >= 0)
		close(p->sock4500);
	if (p->raw >= 0)
		close(p->raw);
}

static void put_source(struct msghdr *mh, char *control, size_t size, const struct net_addr *src)
{
	struct cmsghdr *c;

	memset(control, 0, size);
	mh->msg_control = control;
	if (src->family == AF_INET) {
		struct in_pktinfo info = {0};

		memcpy(&info.ipi_spec_dst, src->bytes, 4);
		mh->msg_controllen = CMSG_SPACE(sizeof(info));
		c = CMSG_FIRSTHDR(mh);
		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
	} else {
		struct in6_pktinfo info = {0};

		memcpy(&info.ipi6_addr, src->bytes, 16);
		mh->msg_controllen = CMSG_SPACE(sizeof(info));
		c = CMSG_FIRSTHDR(mh);
		c->cmsg_level = IPPROTO_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
	}
}

static void send_from(struct peers *p, int fd, const struct net_addr *src, const struct net_endpoint *dst,
                      struct iovec *iov, int n)
{
	char control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	struct sockaddr_storage ss;
	struct msghdr mh = {.msg_name = &ss, .msg_iov = iov, .msg_iovlen = (size_t)n};

	mh.msg_namelen = net_endpoint_to_sockaddr(dst, &ss);
	if (p->opt.many_sources)
		put_source(&mh, control, sizeof(control), src);
	if (sendmsg(fd, &mh, 0) < 0)
		p->t.send_errors++;
}

void peers_net_send_ike(struct peers *p, const struct ike_path *path, const uint8_t *pkt, size_t len)
{
	static uint8_t marker[4];
	struct iovec iov[2] = {{marker, 4}, {(void *)(uintptr_t)pkt, len}};

	if (path->natt)
		send_from(p, p->sock4500, &path->local.addr, &path->remote, iov, 2);
	else
		send_from(p, p->sock500, &path->local.addr, &path->remote, iov + 1, 1);
}

void peers_net_send_esp(struct peers *p, const struct peers_child *c, struct esp_pkt *pkt)
{
	struct iovec iov = {pkt->data, pkt->len};
	struct net_endpoint raw = {c->remote.addr, 0};

	if (c->encap)
		send_from(p, p->sock4500, &c->local.addr, &c->remote, &iov, 1);
	else
		send_from(p, p->raw, &c->local.addr, &raw, &iov, 1);
}

static void local_of(const struct peers *p, struct msghdr *mh, struct net_addr *a)
{
	struct cmsghdr *c;

	*a = p->opt.source.addr;
	for (c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			net_addr_from_bytes(a, &info.ipi_addr, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			net_addr_from_bytes(a, &info.ipi6_addr, 16);
		}
	}
}

static void take_udp(struct peers *p, int fd, struct msghdr *mh, uint8_t *d, size_t len)
{
	static const uint8_t marker[4];
	struct ike_path path = {.natt = fd == p->sock4500};

	if (path.natt && len >= 4 && memcmp(d, marker, 4)) {
		peers_esp_input(p, d, len);
		return;
	}
	if (path.natt && len < 4)
		return; /* NAT keepalive */
	if (net_endpoint_from_sockaddr(&path.remote, mh->msg_name, mh->msg_namelen))
		return;
	local_of(p, mh, &path.local.addr);
	path.local.port = path.natt ? 4500 : 500;
	ike_engine_input(p->engine, peers_now(p), &path, d + (path.natt ? 4 : 0), len - (path.natt ? 4 : 0));
}

static void take_raw(struct peers *p, uint8_t *d, size_t len)
{
	size_t ihl = 0;

	if (p->opt.server.family == AF_INET) {
		ihl = len >= 20 ? (size_t)(d[0] & 15) * 4 : len;
		if (ihl < 20 || ihl >= len)
			return;
	}
	peers_esp_input(p, d + ihl, len - ihl);
}

void peers_net_readable(struct peers *p, int fd)
{
	struct mmsghdr m[BATCH];
	struct iovec iov[BATCH];
	int i, n, rounds = 4;

	do {
		memset(m, 0, sizeof(m));
		for (i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){slots[i].buf, PKT_SIZE};
			m[i].msg_hdr.msg_iov = &iov[i];
			m[i].msg_hdr.msg_iovlen = 1;
			m[i].msg_hdr.msg_name = &slots[i].from;
			m[i].msg_hdr.msg_namelen = sizeof(slots[i].from);
			m[i].msg_hdr.msg_control = slots[i].control;
			m[i].msg_hdr.msg_controllen = sizeof(slots[i].control);
		}
		n = recvmmsg(fd, m, BATCH, MSG_DONTWAIT, NULL);
		for (i = 0; i < n; i++) {
			if (m[i].msg_hdr.msg_flags & MSG_TRUNC)
				continue;
			if (fd == p->raw)
				take_raw(p, slots[i].buf, m[i].msg_len);
			else
				take_udp(p, fd, &m[i].msg_hdr, slots[i].buf, m[i].msg_len);
		}
	} while (n == BATCH && --rounds);
}
