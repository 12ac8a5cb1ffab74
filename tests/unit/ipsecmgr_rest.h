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

#endif
