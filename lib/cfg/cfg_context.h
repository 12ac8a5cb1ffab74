/* SPDX-License-Identifier: MIT */
/*
 * Context ids: `local` is 1, the others are numbered from 2 in the order of their creation. The id names the context's vpnmgr
 * instance and its network namespace. Used by every task that needs a context's id or name.
 */
#ifndef LIB_CFG_CFG_CONTEXT_H
#define LIB_CFG_CFG_CONTEXT_H

#include "cfg/cfg.h"

#define CFG_CONTEXT_LOCAL 1u
#define CFG_CONTEXT_LOCAL_NAME "local"
#define CFG_CONTEXT_MAX   64u

/* The id of a context by name; 0 when there is none. */
uint32_t cfg_context_id(const struct cfg_tree *t, const char *name);
/* The name of an id; NULL when there is none. Borrowed from the tree ("local" is static: it need not be configured). */
const char *cfg_context_name(const struct cfg_tree *t, uint32_t id);
/* The node of an id; NULL for none and for a local context without configuration. */
const struct cfg_node *cfg_context_node(const struct cfg_tree *t, uint32_t id);
/* The largest id in use (at least 1). */
uint32_t cfg_context_last(const struct cfg_tree *t);

#endif
