/* SPDX-License-Identifier: MIT */
/*
 * What ipsecmgr knows of one crypto map beside its policy. Private to ipsecmgr_maps.c, which fills it,
 * ipsecmgr_spd.c, which has vpnmgr route by it, and ipsecmgr_closed.c, for maps that can't be used.
 */
#ifndef IPSECMGR_MAP_STATE_H
#define IPSECMGR_MAP_STATE_H

#include "ike/ike.h"
#include "vpn/vpn_spd.h"

#define SPD_RULES_MAX 64

struct ipsecmgr_map_state {
	struct vpn_spd_rule rule[SPD_RULES_MAX]; /* also the denied ones */
	struct vpn_spd_rule back[SPD_RULES_MAX]; /* … turned round, when they were told */
	unsigned n_rules;
	bool rules_changed; /* since the policy was built before */
	/* tunnels; engine time */
	uint64_t tried_us;                   /* last time a packet set one up */
	uint64_t asked_us[IKE_MAX_PAYLOADS]; /* last time a packet asked for a rule's child */
	uint64_t clear;                      /* packets in clear that were seen, a sample of them */
	uint64_t clear_us;                   /* last time a packet came in clear, and that was told */
	uint64_t twins_us;                   /* when to look whether there are two tunnels; 0: not */
	/* of one that can't be used */
	char why[256];       /* what is missing; "": it can be used */
	uint64_t dropped;    /* packets of its rules that were seen, a sample of them */
	uint64_t dropped_us; /* last time that was told */
};

/* What is told of a packet. Of ICMP the source port is type << 8 | code. */
struct ipsecmgr_flow {
	struct net_addr src, dst;
	uint8_t proto;
	uint16_t sport, dport;
};

#endif
