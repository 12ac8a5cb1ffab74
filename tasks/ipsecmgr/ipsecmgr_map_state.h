/* SPDX-License-Identifier: MIT */
/*
 * What ipsecmgr knows of one crypto map beside its policy. Private to ipsecmgr_maps.c, which fills it, and
 * ipsecmgr_spd.c, which has vpnmgr route by it.
 */
#ifndef IPSECMGR_MAP_STATE_H
#define IPSECMGR_MAP_STATE_H

#include "ike/ike.h"
#include "vpn/vpn_acl.h"

#define SPD_FIRST     1000 /* priorities of routing rules in a context: vpnmgr takes these */
#define SPD_LAST      32000
#define SPD_SLOTS     3 /* of one rule: what to skip, the rule, where skipping lands */
#define SPD_RULES_MAX 64

struct spd_rule {
	uint32_t priority; /* first of its slots */
	uint32_t end;      /* behind the last rule of its list */
	struct vpn_acl_rule acl;
};

struct ipsecmgr_map_state {
	struct spd_rule rule[SPD_RULES_MAX]; /* also the denied ones */
	unsigned n_rules;
	/* tunnels; engine time */
	uint64_t tried_us;                   /* last time a packet set one up */
	uint64_t asked_us[IKE_MAX_PAYLOADS]; /* last time a packet asked for a rule's child */
	uint64_t twins_us;                   /* when to look whether there are two tunnels; 0: not */
};

#endif
