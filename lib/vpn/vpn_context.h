/* SPDX-License-Identifier: MIT */
/*
 * Contexts of the configuration by number. A context's id is the number of its namespace, of its vpnmgr and
 * of everything that messages call ctx: local is 1, the others 2, 3, … in the order in which they were
 * created. Pure functions. Callers: whoever needs the name of a ctx or the ctx of a name (vpnctrl, vpnmgr,
 * sessmgr, ipsecmgr, hatsystem, cli).
 */
#ifndef VPN_CONTEXT_H
#define VPN_CONTEXT_H

#include <stdint.h>
#include "cfg/cfg.h"

#define VPN_LOCAL    1
#define VPN_NAME_MAX 80 /* of a context or an interface, with the NUL */

/* 0: no such context (or tree NULL). "local" is always 1. */
uint32_t vpn_context_id(const struct cfg_tree *tree, const char *name);
/* Its name, "local" for 1 also when not configured; NULL: none. Borrowed from the tree. */
const char *vpn_context_name(const struct cfg_tree *tree, uint32_t id);
/* Its block; NULL: none. */
const struct cfg_node *vpn_context_node(const struct cfg_tree *tree, uint32_t id);
/* The highest id. */
uint32_t vpn_context_count(const struct cfg_tree *tree);

#endif
