/* SPDX-License-Identifier: MIT */
/* Access lists as crypto maps use them; see vpn_acl.h. Rows and variables as in cli/grammar/33-acl.grm. */
#include "vpn/vpn_acl.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfg/cfg.h"

/* The length of the prefix whose hosts a wildcard mask covers, or -EINVAL: it has gaps. */
static int wildcard_len(const char *text)
{
	struct net_addr a;
	uint32_t w;
	int len = 32;

	if (net_addr_parse(&a, text) || a.family != AF_INET)
		return -EINVAL;
	w = (uint32_t)a.bytes[0] << 24 | (uint32_t)a.bytes[1] << 16 | (uint32_t)a.bytes[2] << 8 | a.bytes[3];
	for (; w & 1; w >>= 1)
		len--;
	return w ? -EINVAL : len;
}

/* One side. label: the words any and host; prefix: the variable of IPv6. */
static int read_side(const struct cfg_node *n, const char *addr, const char *wildcard, const char *prefix,
                     uint16_t family, struct net_prefix *p)
{
	const char *a = cfg_arg(n, addr), *w = cfg_arg(n, wildcard), *x = cfg_arg(n, prefix);
	int len;

	*p = (struct net_prefix){.addr.family = family};
	if (x && net_prefix_parse(p, x))
		return -EINVAL;
	if (a && net_addr_parse(&p->addr, a))
		return -EINVAL;
	if (a) {
		len = w ? wildcard_len(w) : net_addr_bits(&p->addr);
		if (len < 0)
			return len;
		p->len = (uint8_t)len;
	}
	net_addr_mask(&p->addr, p->len);
	return p->addr.family == family ? 0 : -EINVAL;
}

static struct vpn_acl_ports range(int64_t lo, int64_t hi)
{
	return (struct vpn_acl_ports){.n = 1, .lo = {(uint16_t)lo}, .hi = {(uint16_t)hi}};
}

/* side: "source" or "destination". -EINVAL: no port matches. */
static int read_ports(const struct cfg_node *n, const char *side, struct vpn_acl_ports *p)
{
	char is[24], port[24], start[24], end[24];
	const char *op;
	int64_t v, lo, hi;

	snprintf(is, sizeof(is), "%s-is", side);
	snprintf(port, sizeof(port), "%s-port", side);
	snprintf(start, sizeof(start), "%s-start", side);
	snprintf(end, sizeof(end), "%s-end", side);
	op = cfg_arg(n, is);
	v = cfg_arg_int(n, port, 0);
	lo = cfg_arg_int(n, start, 0);
	hi = cfg_arg_int(n, end, 65535);
	if (op && !strcmp(op, "eq"))
		lo = hi = v;
	else if (op && !strcmp(op, "gt"))
		lo = v + 1;
	else if (op && !strcmp(op, "lt"))
		hi = v - 1;
	*p = range(lo, hi);
	if (op && !strcmp(op, "neq") && v > 0 && v < 65535)
		*p = (struct vpn_acl_ports){
		        .n = 2, .lo = {0, (uint16_t)(v + 1)}, .hi = {(uint16_t)(v - 1), 65535}};
	else if (op && !strcmp(op, "neq"))
		*p = v ? range(0, 65534) : range(1, 65535);
	return lo > hi || lo > 65535 || hi < 0 ? -EINVAL : 0;
}

static uint8_t protocol(const struct cfg_node *n)
{
	static const struct {
		const char *word;
		uint8_t number;
	} known[] = {{"tcp", IPPROTO_TCP},
	             {"udp", IPPROTO_UDP},
	             {"icmp", IPPROTO_ICMP},
	             {"icmpv6", IPPROTO_ICMPV6}};
	const char *word = cfg_arg(n, "protocol");

	for (unsigned i = 0; word && i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(word, known[i].word))
			return known[i].number;
	return (uint8_t)cfg_arg_int(n, "protocol-number", 0);
}

static const char *read_rule(const struct cfg_node *n, uint16_t family, struct vpn_acl_rule *r)
{
	const char *action = cfg_arg(n, "action");
	int64_t type = cfg_arg_int(n, "icmp-type", -1), code = cfg_arg_int(n, "icmp-code", -1);

	memset(r, 0, sizeof(*r));
	if (!action || (strcmp(action, "permit") && strcmp(action, "deny")))
		return "only permit and deny are for crypto maps";
	if (cfg_has(n, "fragment"))
		return "fragments can not be selected";
	r->permit = !strcmp(action, "permit");
	if (read_side(n, "source", "source-wildcard", "prefix", family, &r->src) ||
	    read_side(n, "destination", "destination-wildcard", "to-prefix", family, &r->dst))
		return "its addresses are no network";
	r->proto = protocol(n);
	if (read_ports(n, "source", &r->sport) || read_ports(n, "destination", &r->dport))
		return "no port matches";
	if (type >= 0)
		r->sport = r->dport =
		        range(type << 8 | (code < 0 ? 0 : code), type << 8 | (code < 0 ? 255 : code));
	return NULL;
}

int vpn_acl_read(const struct cfg_tree *tree, const struct cfg_node *ctx, const char *name, bool ipv6,
                 struct vpn_acl_rule *out, vpn_problem_fn problem, void *arg)
{
	const struct cfg_node *acl = cfg_child_named(tree, ctx, ipv6 ? "ipv6-access-list" : "ip-access-list",
	                                             name),
	                      *n;
	const char *why;
	char text[256];
	unsigned line = 0;
	int count = 0;

	if (!acl)
		return -ENOENT;
	cfg_foreach(n, acl, "rule")
	{
		line++;
		why = count == VPN_ACL_RULES_MAX ? "a crypto map can use 32 rules"
		                                 : read_rule(n, ipv6 ? AF_INET6 : AF_INET, &out[count]);
		count += !why;
		if (!why || !problem)
			continue;
		snprintf(text, sizeof(text), "access-list %s: rule %u: %s", name, line, why);
		problem(arg, text);
	}
	return count;
}

bool vpn_acl_ports_any(const struct vpn_acl_ports *p)
{
	return p->n == 1 && p->lo[0] == 0 && p->hi[0] == 65535;
}
