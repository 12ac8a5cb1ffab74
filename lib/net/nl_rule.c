/* SPDX-License-Identifier: MIT */
/*
 * Routing rules over rtnetlink (see nl.h): what decides, before the routes do, in which table a packet is
 * looked up. Called by vpnmgr for the policies of crypto maps.
 */
#include "net/nl.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <string.h>

#include "net/nl_int.h"

static uint8_t kernel_action(enum nl_rule_action a)
{
	static const uint8_t actions[] = {[NL_RULE_TABLE] = FR_ACT_TO_TBL,
	                                  [NL_RULE_GOTO] = FR_ACT_GOTO,
	                                  [NL_RULE_NOP] = FR_ACT_NOP,
	                                  [NL_RULE_DROP] = FR_ACT_BLACKHOLE};

	return actions[a];
}

static enum nl_rule_action action_of(uint8_t kernel)
{
	for (enum nl_rule_action a = NL_RULE_GOTO; a <= NL_RULE_DROP; a++)
		if (kernel_action(a) == kernel)
			return a;
	return NL_RULE_TABLE;
}

static void put_range(struct nl_msg *m, uint16_t type, uint16_t lo, uint16_t hi)
{
	struct fib_rule_port_range r = {lo, hi};

	if (lo)
		nl_msg_attr(m, type, &r, sizeof(r));
}

static int change(struct nl *nl, const struct nl_rule *r, uint16_t type, uint16_t flags)
{
	struct fib_rule_hdr h = {.family = (uint8_t)r->family,
	                         .src_len = r->src.len,
	                         .dst_len = r->dst.len,
	                         .action = kernel_action(r->action)};
	struct nl_msg m;
	uint8_t proto = NL_PROTO_ORRERY;

	if (r->src.len > 128 || r->dst.len > 128 || (r->action == NL_RULE_GOTO && r->target <= r->priority))
		return -EINVAL;
	nl_msg_start(&m, type, flags, &h, sizeof(h));
	if (r->src.len)
		nl_msg_addr(&m, FRA_SRC, &r->src.addr);
	if (r->dst.len)
		nl_msg_addr(&m, FRA_DST, &r->dst.addr);
	nl_msg_u32(&m, FRA_PRIORITY, r->priority);
	nl_msg_u32(&m, FRA_TABLE, r->table);
	nl_msg_attr(&m, FRA_PROTOCOL, &proto, 1);
	if (r->action == NL_RULE_GOTO)
		nl_msg_u32(&m, FRA_GOTO, r->target);
	if (r->proto)
		nl_msg_attr(&m, FRA_IP_PROTO, &r->proto, 1);
	put_range(&m, FRA_SPORT_RANGE, r->sport_lo, r->sport_hi);
	put_range(&m, FRA_DPORT_RANGE, r->dport_lo, r->dport_hi);
	if (r->mark)
		nl_msg_u32(&m, FRA_FWMARK, r->mark);
	if (r->iif[0])
		nl_msg_attr(&m, FRA_IIFNAME, r->iif, strlen(r->iif) + 1);
	return nl_talk(nl, &m);
}

int nl_rule_add(struct nl *nl, const struct nl_rule *r)
{
	return change(nl, r, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
}

int nl_rule_del(struct nl *nl, const struct nl_rule *r)
{
	return change(nl, r, RTM_DELRULE, 0);
}

bool nl_rule_equal(const struct nl_rule *a, const struct nl_rule *b)
{
	return a->family == b->family && a->priority == b->priority && a->action == b->action &&
	       a->table == b->table && a->target == b->target && a->src.len == b->src.len &&
	       a->dst.len == b->dst.len && (!a->src.len || net_addr_equal(&a->src.addr, &b->src.addr)) &&
	       (!a->dst.len || net_addr_equal(&a->dst.addr, &b->dst.addr)) && a->proto == b->proto &&
	       a->sport_lo == b->sport_lo && a->sport_hi == b->sport_hi && a->dport_lo == b->dport_lo &&
	       a->dport_hi == b->dport_hi && a->mark == b->mark && !strcmp(a->iif, b->iif);
}

struct walk {
	int (*cb)(const struct nl_rule *r, void *arg);
	void *arg;
};

static void get_range(const struct rtattr *a, uint16_t *lo, uint16_t *hi)
{
	struct fib_rule_port_range r;

	if (!a || RTA_PAYLOAD(a) < sizeof(r))
		return;
	memcpy(&r, RTA_DATA(a), sizeof(r));
	*lo = r.start;
	*hi = r.end;
}

static void get_name(const struct rtattr *a, char name[NL_NAME_MAX])
{
	size_t len = a ? RTA_PAYLOAD(a) : 0;

	if (len && len <= NL_NAME_MAX) {
		memcpy(name, RTA_DATA(a), len);
		name[len - 1] = 0;
	}
}

static uint8_t get_u8(const struct rtattr *a)
{
	return a && RTA_PAYLOAD(a) >= 1 ? *(const uint8_t *)RTA_DATA(a) : 0;
}

static int rule_msg(const struct nlmsghdr *h, void *arg)
{
	const struct fib_rule_hdr *f = NLMSG_DATA(h);
	const struct rtattr *t[FRA_DPORT_RANGE + 1];
	struct walk *w = arg;
	struct nl_rule r = {0};

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*f)))
		return 0;
	nl_attrs(h, sizeof(*f), t, FRA_DPORT_RANGE);
	if (get_u8(t[FRA_PROTOCOL]) != NL_PROTO_ORRERY)
		return 0;
	r.family = f->family;
	r.priority = nl_attr_u32(t[FRA_PRIORITY], 0);
	r.action = action_of(f->action);
	r.table = nl_attr_u32(t[FRA_TABLE], f->table);
	r.target = nl_attr_u32(t[FRA_GOTO], 0);
	r.src.len = f->src_len;
	r.dst.len = f->dst_len;
	nl_attr_addr(t[FRA_SRC], f->family, &r.src.addr);
	nl_attr_addr(t[FRA_DST], f->family, &r.dst.addr);
	r.proto = get_u8(t[FRA_IP_PROTO]);
	get_range(t[FRA_SPORT_RANGE], &r.sport_lo, &r.sport_hi);
	get_range(t[FRA_DPORT_RANGE], &r.dport_lo, &r.dport_hi);
	r.mark = nl_attr_u32(t[FRA_FWMARK], 0);
	get_name(t[FRA_IIFNAME], r.iif);
	return w->cb(&r, w->arg);
}

int nl_rule_walk(struct nl *nl, int (*cb)(const struct nl_rule *r, void *arg), void *arg)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	struct walk w = {cb, arg};
	struct nl_msg m;
	int rc = 0;

	for (unsigned i = 0; i < 2 && rc == 0; i++) {
		struct fib_rule_hdr h = {.family = families[i]};

		nl_msg_start(&m, RTM_GETRULE, 0, &h, sizeof(h));
		rc = nl_dump(nl, &m, RTM_NEWRULE, rule_msg, &w);
	}
	return rc;
}
