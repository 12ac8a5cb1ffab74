/* SPDX-License-Identifier: MIT */
/*
 * Traps of SRP: SRPActive 120, SRPStandby 121, SRPSwitchoverInitiated 126, SRPCheckpointFailure 127,
 * SRPConfigOutOfSync/InSync 128/129, SRPConnDown/Up 1037/1038, SRPSwitchoverOccured 1278. A chassis that
 * starts made no switchover. Called by srp_ctl.c and main.c.
 */
#include "base/clock.h"
#include "base/log.h"
#include "srp_task.h"

static const char *peer_text(struct srp_task *st)
{
	static char buf[NET_ADDR_STRLEN];

	return net_addr_format(&st->set.peer, buf, sizeof(buf));
}

void srp_trap_simple(struct srp_task *st, const char *name)
{
	TASK_TRAP(st->t, name, trap_str("starContextName", st->set.context),
	          trap_str("starSRPIpAddress", peer_text(st)));
}

void srp_trap_conn(struct srp_task *st, bool up)
{
	srp_trap_simple(st, up ? "SRPConnUp" : "SRPConnDown");
}

static void took_over(struct srp_task *st, enum srp_reason why)
{
	st->switch_wall = clock_wall_us();
	st->switch_us = clock_now_us() - st->switch_began;
	st->switch_reason = why;
	LOG(EV_SRP_SWITCHOVER, "this chassis took over: %s", srp_reason_name(why));
	TASK_TRAP(st->t, "SRPSwitchoverOccured", trap_str("starContextName", st->set.context),
	          trap_str("starSRPIpAddress", peer_text(st)), trap_int("starSRPSwitchReason", why));
}

void srp_trap_state(struct srp_task *st, enum srp_state from, enum srp_state to, enum srp_reason why)
{
	if (from == to)
		return; /* the state of a predecessor, or the first one */
	if (to == SRP_PENDING_ACTIVE)
		st->switch_began = clock_now_us();
	if (to == SRP_ACTIVE) {
		srp_trap_simple(st, "SRPActive");
		if (st->was_standby)
			took_over(st, why);
		st->was_standby = false;
	} else if (to == SRP_STANDBY) {
		srp_trap_simple(st, "SRPStandby");
		st->was_standby = true;
	}
}
