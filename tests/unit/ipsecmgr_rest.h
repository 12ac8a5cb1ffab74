/* SPDX-License-Identifier: MIT */
/* What ipsecmgr_cfg.c calls of the rest of its program, for tests that are about something else. Include
 * once.
 */
#ifndef TESTS_UNIT_IPSECMGR_REST_H
#define TESTS_UNIT_IPSECMGR_REST_H

#include "tasks/ipsecmgr/ipsecmgr.h"

uint64_t ipsecmgr_engine_now(struct ipsecmgr *m)
{
	return 1;
}
void ipsecmgr_engine_rearm(struct ipsecmgr *m)
{
}
void ipsecmgr_data_bind(struct ipsecmgr *m)
{
}

struct ipsecmgr_policy *ipsecmgr_maps_build(struct ipsecmgr *m, const struct cfg_tree *tree,
                                            void (*problem)(void *arg, const char *text), void *arg)
{
	return NULL;
}
void ipsecmgr_change_map(struct ipsecmgr *m, const struct cfg_tree *tree, const struct ipsecmgr_policy *p,
                         const struct ike_policy *was, bool keys)
{
}
bool ipsecmgr_change_keys(const struct ipsecmgr *m, const struct ipsecmgr_policy *p,
                          const struct ipsecmgr_policy *old, const struct ipsecmgr_secrets *was)
{
	return false;
}
bool ipsecmgr_maps_rules_changed(const struct ipsecmgr_policy *p)
{
	return false;
}
void ipsecmgr_maps_policies(struct ipsecmgr *m)
{
}
void ipsecmgr_restore_again(struct ipsecmgr *m, const struct cfg_tree *tree)
{
}
void ipsecmgr_callee_read(const struct cfg_tree *tree, const struct cfg_node *ctx, const struct cfg_node *svc,
                          struct ipsecmgr_policy *p)
{
}
void ipsecmgr_callee_free(struct ipsecmgr_callee_conf *conf)
{
}
void ipsecmgr_callee_apply(struct ipsecmgr *m)
{
}
#ifndef TESTS_HAVE_IPSECMGR_KEEP
void ipsecmgr_keep(struct ipsecmgr *m, const struct cfg_tree *tree, struct ipsecmgr_policy **old)
{
}
void ipsecmgr_keep_derived(struct ipsecmgr *m, struct ipsecmgr_policy **old)
{
}
#endif

#endif
