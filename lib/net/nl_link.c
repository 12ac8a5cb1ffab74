/* SPDX-License-Identifier: MIT */
/*
 * Links over rtnetlink: look up, list, change, create veth pairs, bridges and dummies, move between
 * namespaces (see nl.h).
 */
#include "net/nl.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/veth.h>
#include <string.h>

#include "net/nl_int.h"

static int check_name(const char *name)
{
	size_t len = strlen(name);

	return len == 0 || len >= NL_NAME_MAX || strchr(name, '/') ? -EINVAL : 0;
}

static void copy_text(char *out, size_t size, const struct rtattr *a)
{
	size_t len = a ? RTA_PAYLOAD(a) : 0;

	if (len >= size)
		len = size - 1;
	if (len)
		memcpy(out, RTA_DATA(a), len);
	out[len] = '\0';
}

static void read_stats(const struct rtattr *a, struct nl_link *l)
{
	struct rtnl_link_stats64 s;

	if (!a || RTA_PAYLOAD(a) < offsetof(struct rtnl_link_stats64, collisions))
		return;
	memcpy(&s, RTA_DATA(a), offsetof(struct rtnl_link_stats64, collisions));
	l->rx_bytes = s.rx_bytes;
	l->tx_bytes = s.tx_bytes;
	l->rx_packets = s.rx_packets;
	l->tx_packets = s.tx_packets;
	l->rx_errors = s.rx_errors;
	l->tx_errors = s.tx_errors;
	l->rx_dropped = s.rx_dropped;
	l->tx_dropped = s.tx_dropped;
	l->rx_multicast = s.multicast;
}

static int parse_link(const struct nlmsghdr *h, struct nl_link *l)
{
	const struct ifinfomsg *ifi = NLMSG_DATA(h);
	const struct rtattr *t[IFLA_STATS64 + 1];
	const struct rtattr *kind;

	memset(l, 0, sizeof(*l));
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*ifi)))
		return -EBADMSG;
	nl_attrs(h, sizeof(*ifi), t, IFLA_STATS64);
	l->ifindex = ifi->ifi_index;
	l->up = ifi->ifi_flags & IFF_UP;
	l->running = ifi->ifi_flags & IFF_RUNNING;
	l->mtu = nl_attr_u32(t[IFLA_MTU], 0);
	read_stats(t[IFLA_STATS64], l);
	l->master = (int)nl_attr_u32(t[IFLA_MASTER], 0);
	copy_text(l->name, sizeof(l->name), t[IFLA_IFNAME]);
	if (t[IFLA_ADDRESS] && RTA_PAYLOAD(t[IFLA_ADDRESS]) == 6)
		memcpy(l->mac, RTA_DATA(t[IFLA_ADDRESS]), 6);
	if (!t[IFLA_LINKINFO] || RTA_PAYLOAD(t[IFLA_LINKINFO]) < sizeof(*kind))
		return 0;
	kind = RTA_DATA(t[IFLA_LINKINFO]);
	if (kind->rta_type == IFLA_INFO_KIND && kind->rta_len >= sizeof(*kind) &&
	    kind->rta_len <= RTA_PAYLOAD(t[IFLA_LINKINFO]))
		copy_text(l->kind, sizeof(l->kind), kind);
	return 0;
}

struct link_walk {
	int (*cb)(const struct nl_link *l, void *arg);
	void *arg;
};

static int link_msg(const struct nlmsghdr *h, void *arg)
{
	struct link_walk *w = arg;
	struct nl_link l;

	return parse_link(h, &l) ? 0 : w->cb(&l, w->arg);
}

int nl_link_walk(struct nl *nl, int (*cb)(const struct nl_link *l, void *arg), void *arg)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC};
	struct link_walk w = {cb, arg};
	struct nl_msg m;

	nl_msg_start(&m, RTM_GETLINK, 0, &ifi, sizeof(ifi));
	return nl_dump(nl, &m, RTM_NEWLINK, link_msg, &w);
}

struct link_find {
	const char *name;
	struct nl_link *out;
};

static int match_name(const struct nl_link *l, void *arg)
{
	struct link_find *f = arg;

	if (strcmp(l->name, f->name) != 0)
		return 0;
	*f->out = *l;
	return 1;
}

int nl_link_get(struct nl *nl, const char *name, struct nl_link *out)
{
	struct link_find f = {name, out};
	int rc = check_name(name) ? -EINVAL : nl_link_walk(nl, match_name, &f);

	return rc < 0 ? rc : rc ? 0 : -ENODEV;
}

int nl_link_index(struct nl *nl, const char *name)
{
	struct nl_link l = {0};
	int rc = nl_link_get(nl, name, &l);

	return rc ? rc : l.ifindex;
}

static void start_set(struct nl_msg *m, int ifindex, unsigned flags, unsigned change)
{
	struct ifinfomsg ifi = {
	        .ifi_family = AF_UNSPEC, .ifi_index = ifindex, .ifi_flags = flags, .ifi_change = change};

	nl_msg_start(m, RTM_NEWLINK, 0, &ifi, sizeof(ifi));
}

int nl_link_up(struct nl *nl, int ifindex, bool up)
{
	struct nl_msg m;

	start_set(&m, ifindex, up ? IFF_UP : 0, IFF_UP);
	return nl_talk(nl, &m);
}

int nl_link_rename(struct nl *nl, int ifindex, const char *name)
{
	struct nl_msg m;

	if (check_name(name))
		return -EINVAL;
	start_set(&m, ifindex, 0, 0);
	nl_msg_str(&m, IFLA_IFNAME, name);
	return nl_talk(nl, &m);
}

int nl_link_mtu(struct nl *nl, int ifindex, uint32_t mtu)
{
	struct nl_msg m;

	start_set(&m, ifindex, 0, 0);
	nl_msg_u32(&m, IFLA_MTU, mtu);
	return nl_talk(nl, &m);
}

int nl_link_mac(struct nl *nl, int ifindex, const uint8_t mac[6])
{
	struct nl_msg m;

	start_set(&m, ifindex, 0, 0);
	nl_msg_attr(&m, IFLA_ADDRESS, mac, 6);
	return nl_talk(nl, &m);
}

int nl_link_master(struct nl *nl, int ifindex, int master)
{
	struct nl_msg m;

	start_set(&m, ifindex, 0, 0);
	nl_msg_u32(&m, IFLA_MASTER, (uint32_t)master);
	return nl_talk(nl, &m);
}

int nl_link_to_ns(struct nl *nl, int ifindex, int ns_fd, const char *name)
{
	struct nl_msg m;

	if (name && check_name(name))
		return -EINVAL;
	start_set(&m, ifindex, 0, 0);
	nl_msg_u32(&m, IFLA_NET_NS_FD, (uint32_t)ns_fd);
	if (name)
		nl_msg_str(&m, IFLA_IFNAME, name);
	return nl_talk(nl, &m);
}

static void start_create(struct nl_msg *m, const char *name)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC};

	nl_msg_start(m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi));
	nl_msg_str(m, IFLA_IFNAME, name);
}

int nl_link_veth(struct nl *nl, const char *name, const char *peer, int peer_ns)
{
	struct nl_msg m;
	size_t info;
	size_t data;
	size_t end;

	if (check_name(name) || check_name(peer))
		return -EINVAL;
	start_create(&m, name);
	info = nl_msg_nest(&m, IFLA_LINKINFO);
	nl_msg_str(&m, IFLA_INFO_KIND, "veth");
	data = nl_msg_nest(&m, IFLA_INFO_DATA);
	end = nl_msg_nest(&m, VETH_INFO_PEER);
	nl_msg_nest_raw(&m, sizeof(struct ifinfomsg));
	nl_msg_str(&m, IFLA_IFNAME, peer);
	if (peer_ns >= 0)
		nl_msg_u32(&m, IFLA_NET_NS_FD, (uint32_t)peer_ns);
	nl_msg_nest_end(&m, end);
	nl_msg_nest_end(&m, data);
	nl_msg_nest_end(&m, info);
	return nl_talk(nl, &m);
}

static int create_simple(struct nl *nl, const char *name, const char *kind)
{
	struct nl_msg m;
	size_t info;

	if (check_name(name))
		return -EINVAL;
	start_create(&m, name);
	info = nl_msg_nest(&m, IFLA_LINKINFO);
	nl_msg_str(&m, IFLA_INFO_KIND, kind);
	nl_msg_nest_end(&m, info);
	return nl_talk(nl, &m);
}

int nl_link_bridge(struct nl *nl, const char *name)
{
	return create_simple(nl, name, "bridge");
}

int nl_link_dummy(struct nl *nl, const char *name)
{
	return create_simple(nl, name, "dummy");
}

int nl_link_delete(struct nl *nl, int ifindex)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC, .ifi_index = ifindex};
	struct nl_msg m;

	nl_msg_start(&m, RTM_DELLINK, 0, &ifi, sizeof(ifi));
	return nl_talk(nl, &m);
}
