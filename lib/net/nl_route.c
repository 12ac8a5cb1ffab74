/* SPDX-License-Identifier: MIT */
/*
 * Addresses, routes and neighbours over rtnetlink (see nl.h). A batch of routes is one buffer per
 * BATCH_ROUTES: the kernel reports each failure by its sequence number, and only the last message asks for an
 * acknowledgement.
 */
#include "net/nl.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/nl_int.h"

#define BATCH_ROUTES 512

/* --- addresses ----------------------------------------------------------------------------------------- */

static int addr_change(struct nl *nl, int ifindex, const struct net_prefix *p, uint16_t type, uint16_t flags)
{
	struct ifaddrmsg ifa = {.ifa_family = (uint8_t)p->addr.family,
	                        .ifa_prefixlen = p->len,
	                        .ifa_index = (uint32_t)ifindex};
	struct nl_msg m;

	if (!net_addr_is_set(&p->addr) || p->len > net_addr_bits(&p->addr))
		return -EINVAL;
	if (p->addr.family == AF_INET6)
		ifa.ifa_flags = IFA_F_NODAD;
	nl_msg_start(&m, type, flags, &ifa, sizeof(ifa));
	nl_msg_addr(&m, IFA_LOCAL, &p->addr);
	if (p->addr.family == AF_INET6 || p->len < 32)
		nl_msg_addr(&m, IFA_ADDRESS, &p->addr);
	return nl_talk(nl, &m);
}

int nl_addr_add(struct nl *nl, int ifindex, const struct net_prefix *p)
{
	return addr_change(nl, ifindex, p, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
}

int nl_addr_del(struct nl *nl, int ifindex, const struct net_prefix *p)
{
	return addr_change(nl, ifindex, p, RTM_DELADDR, 0);
}

struct addr_walk {
	int ifindex;
	int (*cb)(int ifindex, const struct net_prefix *p, void *arg);
	void *arg;
};

static int addr_msg(const struct nlmsghdr *h, void *arg)
{
	const struct ifaddrmsg *ifa = NLMSG_DATA(h);
	const struct rtattr *t[IFA_LOCAL + 1];
	struct addr_walk *w = arg;
	struct net_prefix p;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*ifa)) || (w->ifindex && (int)ifa->ifa_index != w->ifindex))
		return 0;
	nl_attrs(h, sizeof(*ifa), t, IFA_LOCAL);
	p.len = ifa->ifa_prefixlen;
	if (!nl_attr_addr(t[t[IFA_LOCAL] ? IFA_LOCAL : IFA_ADDRESS], ifa->ifa_family, &p.addr))
		return 0;
	return w->cb((int)ifa->ifa_index, &p, w->arg);
}

int nl_addr_walk(struct nl *nl, int ifindex, int (*cb)(int ifindex, const struct net_prefix *p, void *arg),
                 void *arg)
{
	struct ifaddrmsg ifa = {.ifa_family = AF_UNSPEC};
	struct addr_walk w = {ifindex, cb, arg};
	struct nl_msg m;

	nl_msg_start(&m, RTM_GETADDR, 0, &ifa, sizeof(ifa));
	return nl_dump(nl, &m, RTM_NEWADDR, addr_msg, &w);
}

/* --- routes -------------------------------------------------------------------------------------------- */

static uint8_t kernel_type(enum nl_route_type type)
{
	return type == NL_ROUTE_BLACKHOLE     ? RTN_BLACKHOLE
	       : type == NL_ROUTE_UNREACHABLE ? RTN_UNREACHABLE
	                                      : RTN_UNICAST;
}

static int build_route(struct nl_msg *m, const struct nl_route *r, uint16_t type, uint16_t flags)
{
	bool on_link = !net_addr_is_set(&r->gateway);
	struct rtmsg rtm = {.rtm_family = (uint8_t)r->dst.addr.family,
	                    .rtm_dst_len = r->dst.len,
	                    .rtm_table = RT_TABLE_MAIN,
	                    .rtm_protocol = NL_PROTO_ORRERY,
	                    .rtm_scope = RT_SCOPE_UNIVERSE,
	                    .rtm_type = kernel_type(r->type)};

	if (!net_addr_is_set(&r->dst.addr) || r->dst.len > net_addr_bits(&r->dst.addr))
		return -EINVAL;
	if (type == RTM_DELROUTE) {
		rtm.rtm_scope = RT_SCOPE_NOWHERE;
		rtm.rtm_protocol = 0;
	} else if (on_link && r->type == NL_ROUTE_UNICAST && r->dst.addr.family == AF_INET) {
		rtm.rtm_scope = RT_SCOPE_LINK;
	}
	nl_msg_start(m, type, flags, &rtm, sizeof(rtm));
	nl_msg_addr(m, RTA_DST, &r->dst.addr);
	if (!on_link)
		nl_msg_addr(m, RTA_GATEWAY, &r->gateway);
	if (net_addr_is_set(&r->source))
		nl_msg_addr(m, RTA_PREFSRC, &r->source);
	if (r->ifindex)
		nl_msg_u32(m, RTA_OIF, (uint32_t)r->ifindex);
	if (r->metric)
		nl_msg_u32(m, RTA_PRIORITY, r->metric);
	if (r->table)
		nl_msg_u32(m, RTA_TABLE, r->table);
	return 0;
}

static int route_change(struct nl *nl, const struct nl_route *r, uint16_t type, uint16_t flags)
{
	struct nl_msg m;
	int rc = build_route(&m, r, type, flags);

	return rc ? rc : nl_talk(nl, &m);
}

int nl_route_add(struct nl *nl, const struct nl_route *r)
{
	return route_change(nl, r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
}

int nl_route_replace(struct nl *nl, const struct nl_route *r)
{
	return route_change(nl, r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
}

int nl_route_del(struct nl *nl, const struct nl_route *r)
{
	return route_change(nl, r, RTM_DELROUTE, 0);
}

struct batch {
	uint8_t *buf;
	size_t len;
	uint32_t first_seq, last_seq;
	int *status; /* of this chunk */
	int first_error;
};

/* Note the errors in one datagram; true when the last message's acknowledgement (or error) was in it. */
static bool batch_take(struct nl *nl, struct batch *b, const uint8_t *buf, size_t len)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)buf;
	bool done = false;

	while (len >= sizeof(*h) && h->nlmsg_len >= sizeof(*h) && h->nlmsg_len <= len) {
		const struct nlmsgerr *e = NLMSG_DATA(h);
		size_t step = NLMSG_ALIGN(h->nlmsg_len);
		uint32_t i = h->nlmsg_seq - b->first_seq;

		if (h->nlmsg_type == NLMSG_ERROR && h->nlmsg_len >= NLMSG_LENGTH(sizeof(*e)) &&
		    i <= b->last_seq - b->first_seq) {
			if (e->error && b->status)
				b->status[i] = e->error;
			if (e->error && !b->first_error) {
				b->first_error = e->error;
				nl_note_error(nl, h);
			}
			done |= h->nlmsg_seq == b->last_seq;
		}
		if (step >= len)
			break;
		h = (const struct nlmsghdr *)((const uint8_t *)h + step);
		len -= step;
	}
	return done;
}

static int batch_run(struct nl *nl, struct batch *b)
{
	struct sockaddr_nl sa = {.nl_family = AF_NETLINK};
	uint8_t buf[16384] __attribute__((aligned(8)));

	if (sendto(nl->fd, b->buf, b->len, 0, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	for (;;) {
		ssize_t n = recv(nl->fd, buf, sizeof(buf), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (batch_take(nl, b, buf, (size_t)n))
			return 0;
	}
}

static int batch_chunk(struct nl *nl, struct batch *b, const struct nl_route *r, size_t n, bool del)
{
	uint16_t flags = del ? 0 : NLM_F_CREATE | NLM_F_REPLACE;
	struct nl_msg m;
	size_t i;
	int rc;

	b->len = 0;
	b->first_seq = nl->seq + 1;
	b->last_seq = nl->seq + (uint32_t)n;
	nl->seq = b->last_seq;
	for (i = 0; i < n; i++) {
		rc = build_route(&m, &r[i], del ? RTM_DELROUTE : RTM_NEWROUTE, flags);
		if (rc || m.overflow)
			return rc ? rc : -EMSGSIZE;
		m.hdr.nlmsg_seq = b->first_seq + (uint32_t)i;
		if (i == n - 1)
			m.hdr.nlmsg_flags |= NLM_F_ACK;
		memcpy(b->buf + b->len, m.bytes, m.hdr.nlmsg_len);
		b->len += NLMSG_ALIGN(m.hdr.nlmsg_len);
	}
	return batch_run(nl, b);
}

int nl_route_batch(struct nl *nl, const struct nl_route *r, size_t n, bool del, int *status)
{
	struct batch b = {.buf = malloc((size_t)BATCH_ROUTES * NL_MSG_MAX)};
	int rc = 0;

	if (!b.buf)
		return -ENOMEM;
	nl->text[0] = '\0';
	if (status)
		memset(status, 0, n * sizeof(*status));
	while (n && !rc) {
		size_t chunk = n < BATCH_ROUTES ? n : BATCH_ROUTES;

		b.status = status;
		rc = batch_chunk(nl, &b, r, chunk, del);
		r += chunk;
		n -= chunk;
		if (status)
			status += chunk;
	}
	free(b.buf);
	return rc ? rc : b.first_error;
}

struct route_walk {
	int (*cb)(const struct nl_route *r, void *arg);
	void *arg;
};

static int route_msg(const struct nlmsghdr *h, void *arg)
{
	const struct rtmsg *rtm = NLMSG_DATA(h);
	const struct rtattr *t[RTA_TABLE + 1];
	struct route_walk *w = arg;
	struct nl_route r = {.type = NL_ROUTE_UNICAST};

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*rtm)) || rtm->rtm_protocol != NL_PROTO_ORRERY)
		return 0;
	nl_attrs(h, sizeof(*rtm), t, RTA_TABLE);
	r.table = nl_attr_u32(t[RTA_TABLE], rtm->rtm_table);
	if (r.table != RT_TABLE_MAIN)
		return 0;
	r.dst.len = rtm->rtm_dst_len;
	r.dst.addr.family = rtm->rtm_family;
	nl_attr_addr(t[RTA_DST], rtm->rtm_family, &r.dst.addr);
	nl_attr_addr(t[RTA_GATEWAY], rtm->rtm_family, &r.gateway);
	nl_attr_addr(t[RTA_PREFSRC], rtm->rtm_family, &r.source);
	r.ifindex = (int)nl_attr_u32(t[RTA_OIF], 0);
	r.metric = nl_attr_u32(t[RTA_PRIORITY], 0);
	r.type = rtm->rtm_type == RTN_BLACKHOLE     ? NL_ROUTE_BLACKHOLE
	         : rtm->rtm_type == RTN_UNREACHABLE ? NL_ROUTE_UNREACHABLE
	                                            : NL_ROUTE_UNICAST;
	return w->cb(&r, w->arg);
}

int nl_route_walk(struct nl *nl, int (*cb)(const struct nl_route *r, void *arg), void *arg)
{
	struct rtmsg rtm = {.rtm_family = AF_UNSPEC};
	struct route_walk w = {cb, arg};
	struct nl_msg m;

	nl_msg_start(&m, RTM_GETROUTE, 0, &rtm, sizeof(rtm));
	return nl_dump(nl, &m, RTM_NEWROUTE, route_msg, &w);
}

/* --- neighbours ---------------------------------------------------------------------------------------- */

static void start_neigh(struct nl_msg *m, uint16_t type, uint16_t flags, int ifindex,
                        const struct net_addr *a)
{
	struct ndmsg nd = {
	        .ndm_family = (uint8_t)a->family, .ndm_ifindex = ifindex, .ndm_state = NUD_PERMANENT};

	nl_msg_start(m, type, flags, &nd, sizeof(nd));
	nl_msg_addr(m, NDA_DST, a);
}

int nl_neigh_replace(struct nl *nl, int ifindex, const struct net_addr *a, const uint8_t mac[6])
{
	struct nl_msg m;

	start_neigh(&m, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, ifindex, a);
	nl_msg_attr(&m, NDA_LLADDR, mac, 6);
	return nl_talk(nl, &m);
}

int nl_neigh_del(struct nl *nl, int ifindex, const struct net_addr *a)
{
	struct nl_msg m;

	start_neigh(&m, RTM_DELNEIGH, 0, ifindex, a);
	return nl_talk(nl, &m);
}

struct neigh_walk {
	int (*cb)(const struct nl_neigh *n, void *arg);
	void *arg;
};

static int neigh_msg(const struct nlmsghdr *h, void *arg)
{
	const struct ndmsg *nd = NLMSG_DATA(h);
	const struct rtattr *t[NDA_LLADDR + 1];
	struct neigh_walk *w = arg;
	struct nl_neigh n = {0};

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*nd)) || (nd->ndm_state & NUD_NOARP))
		return 0;
	nl_attrs(h, sizeof(*nd), t, NDA_LLADDR);
	if (!nl_attr_addr(t[NDA_DST], nd->ndm_family, &n.addr))
		return 0;
	n.ifindex = nd->ndm_ifindex;
	n.state = nd->ndm_state;
	n.has_mac = t[NDA_LLADDR] && RTA_PAYLOAD(t[NDA_LLADDR]) == sizeof(n.mac);
	if (n.has_mac)
		memcpy(n.mac, RTA_DATA(t[NDA_LLADDR]), sizeof(n.mac));
	return w->cb(&n, w->arg);
}

int nl_neigh_walk(struct nl *nl, int family, int (*cb)(const struct nl_neigh *n, void *arg), void *arg)
{
	struct ndmsg nd = {.ndm_family = (uint8_t)family};
	struct neigh_walk w = {cb, arg};
	struct nl_msg m;

	nl_msg_start(&m, RTM_GETNEIGH, 0, &nd, sizeof(nd));
	return nl_dump(nl, &m, RTM_NEWNEIGH, neigh_msg, &w);
}
