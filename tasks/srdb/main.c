/* SPDX-License-Identifier: MIT */
/*
 * srdb, the shared-state database task: sole writer of state.db. Table of contents: which messages it takes,
 * from whom, and who handles them. It answers a checkpoint only when the rows would survive what we promise
 * to survive (DESIGN rule 3).
 */
#include "tasks/srdb/srdb.h"

struct srdb srdb;

static const struct task_route routes[] = {
        {ENVELOPE__BODY_CKPT_WRITE, "*",
         "checkpoint rows; acknowledged after the group commit, and after the peer chassis while in sync",
         srdb_ckpt_write},
        {ENVELOPE__BODY_SRP_INSTALL, "srp", "rows received from the active chassis", srdb_ckpt_install},
        {ENVELOPE__BODY_SRP_SYNC_STATE, "srp", "hold acknowledgements for the peer, or not any more",
         srdb_ckpt_sync},
        {ENVELOPE__BODY_SRP_ACKED, "srp", "the peer has every row up to a version", srdb_ckpt_acked},
        {ENVELOPE__BODY_TRAP_RAISE, "*", "a trap: stored, made an alarm or clearing one, then published",
         srdb_trap_raise},
        {ENVELOPE__BODY_TRAP_SENT, "snmp", "traps are on the wire", srdb_trap_sent},
        {ENVELOPE__BODY_LOG_BATCH, "evlogd", "filtered log records for `show logs`", srdb_log_batch},
        {ENVELOPE__BODY_HISTORY_WRITE, "*", "card, task and recovery history", srdb_log_history},
        {ENVELOPE__BODY_SAMPLE_NOW, "bulkstat,snmp,threshold,cli", "sample the counters now",
         srdb_sample_now},
        {ENVELOPE__BODY_CONTROL, "cli", "clear counters, traps, events, alarms, crashes: marks for the shows",
         srdb_clear},
        {ENVELOPE__BODY_SHOW, "*", "the store's figures as JSON", srdb_show},
};

static const struct task_ops ops = {
        .facility = "srdb",
        .routes = routes,
        .n_routes = sizeof(routes) / sizeof(routes[0]),
        .activate = srdb_open_activate,
        .stop = srdb_open_stop,
};

int main(int argc, char **argv)
{
	return task_main(argc, argv, &ops);
}
