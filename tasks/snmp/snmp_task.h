/* SPDX-License-Identifier: MIT */
/* What the files of the snmp task share. Private to tasks/snmp. */
#ifndef TASKS_SNMP_TASK_H
#define TASKS_SNMP_TASK_H

#include "net/addr.h"
#include "snmp/traps.h"
#include "store/store.h"
#include "task/task.h"

struct cfg_tree;

#define SNMP_TARGETS 10

enum snmp_version { SNMP_V1, SNMP_V2C };

/* A receiver of traps. The cursor is the seq of the last trap it got or that was given up. */
struct snmp_target {
	bool used, fresh;
	char name[32], community[32];
	struct net_addr addr;
	uint16_t port;
	enum snmp_version version;
	void *session; /* net-snmp's, NULL: not open */
	int64_t cursor;
	uint64_t stuck_since; /* first failure with the trap behind the cursor; 0: none */
	uint64_t sent, failed;
};

/* Per trap number: what `show snmp notifies` prints. */
struct snmp_count {
	uint64_t generated, discarded, disabled;
	uint64_t last_wall;
};

struct snmp_task {
	struct task *t;
	struct store_reader *store;
	struct snmp_target target[SNMP_TARGETS];
	struct snmp_count *count; /* by index of the trap table */
	bool *suppressed;         /* the same */
	bool config_known;
	int ns_fd;          /* of context local */
	int64_t seen;       /* traps up to here were counted */
	int64_t told;       /* srdb was told that up to here all is sent */
	uint64_t boot_wall; /* start of the chassis */
	uint64_t last_sent_wall, last_disabled_wall, last_cleared_wall, total;
	struct task_timer *retry;
};

/* snmp_cfg.c */
void snmp_cfg_changed(struct task *t, const struct cfg_tree *tree, void *arg);
/* snmp_queue.c */
int snmp_queue_start(struct snmp_task *st);
/* Count and send what the store has. */
void snmp_queue_run(struct snmp_task *st);
/* snmp_send.c */
void snmp_send_init(void);
/* Open the target's socket in the namespace (-1: this process's own). 0 or -errno. */
int snmp_send_open(struct snmp_target *tg, int ns_fd);
void snmp_send_close(struct snmp_target *tg);
/* One trap onto the wire, never waiting. uptime in 1/100 s. 0, or -errno: not sent. */
int snmp_send_trap(struct snmp_target *tg, const struct trap_row *row, const struct trap_value *v, size_t n,
                   uint32_t uptime);
/* snmp_show.c */
void snmp_show_handle(struct task *t, const struct bus_msg *m);
/* snmp_probe.c: the sender alone, for tests. */
int snmp_probe_main(int argc, char **argv);

#endif
