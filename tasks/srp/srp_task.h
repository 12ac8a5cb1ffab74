/* SPDX-License-Identifier: MIT */
/* What the files of the srp task share. Private to tasks/srp. */
#ifndef TASKS_SRP_TASK_H
#define TASKS_SRP_TASK_H

#include "base/schemas.h"
#include "net/addr.h"
#include "srp/srp.h"
#include "store/store.h"
#include "task/ckpt.h"
#include "task/task.h"

struct cfg_tree;

/* TCP port of the link, on the address of `bind address`. Ours: the port StarOS uses is not known. */
#define SRP_PORT 10500

/* The configuration of the one service-redundancy-protocol of the chassis. */
struct srp_settings {
	bool present; /* configured with both addresses */
	char context[80];
	uint32_t ctx;
	struct net_addr local, peer;
	struct srp_config cfg;
	char error[160]; /* what is wrong with it; empty: nothing */
};

/* The TCP connection, one at a time; `candidate` is one that has not said hello yet. */
struct srp_conn;
struct srp_link {
	bool connects; /* the side with the lower address connects, the other listens */
	int ns_fd;
	struct uv_poll_s *listener;
	struct srp_conn *conn, *candidate;
	struct task_timer *retry;
	bool open;
};

struct srp_task {
	struct task *t;
	struct srp_settings set;
	struct srp *s; /* NULL: not configured */
	struct srp_link link;
	struct store_reader *store;
	struct ckpt *ckpt;
	struct counters *counters_file;
	struct counters_srp *counters;
	uv_timer_t timer;
	bool config_known;
	unsigned quiet; /* seconds without SRP */
	bool hold_said; /* the engine has said something to srdb since it began */
	uint64_t begin_us;
	bool was_standby; /* the last settled state, to tell a switchover from a start */
	bool out_of_sync_config;
	bool has_order;
	struct bus_from order_from;
	char validate_status[400];
	uint64_t config_event_wall, hello_wall, in_sync_wall;
	char last_error[160];
	/* of the last take-over */
	uint64_t switch_wall, switch_us, switch_began;
	enum srp_reason switch_reason;
};

/* srp_cfg.c */
void srp_cfg_read(const struct cfg_tree *tree, const struct task *t, struct srp_settings *out);
/* srp_ctl.c */
extern const struct srp_ops srp_ctl_ops;
void srp_ctl_config(struct task *t, const struct cfg_tree *tree, void *arg);
/* Run what is due in the engine and set the timer; call after everything that was given to it. */
void srp_ctl_turn(struct srp_task *st);
void srp_ctl_publish(struct srp_task *st);
void srp_ctl_second(struct task *t, void *arg);
const char *srp_ctl_state(const struct srp_task *st);
/* srp_link.c */
void srp_link_open(struct srp_task *st);
void srp_link_close(struct srp_task *st);
/* The engine gave the connection up. */
void srp_link_drop(struct srp_task *st);
int srp_link_send(struct srp_task *st, const SrpFrame *f);
bool srp_link_connected(const struct srp_task *st);
/* srp_rows.c */
SrpRows *srp_rows_fetch(void *arg, uint64_t above, size_t max_rows, size_t max_bytes);
void srp_rows_install(void *arg, const SrpRows *rows, uint64_t token);
void srp_rows_persist(void *arg, const struct srp_saved *saved, uint64_t token);
void srp_rows_hold(struct srp_task *st, bool hold);
void srp_rows_acked(struct srp_task *st, uint64_t version);
/* The saved state of this boot. 0, -ENODATA: there is none, or -errno. */
int srp_rows_restore(struct srp_task *st, struct srp_saved *out);
void srp_rows_forget(struct srp_task *st);
/* Highest version committed, 0 when unknown. */
uint64_t srp_rows_version(struct srp_task *st);
/* srp_show.c */
void srp_show_handle(struct task *t, const struct bus_msg *m);
/* srp_trap.c: what the operator hears of. */
void srp_trap_state(struct srp_task *st, enum srp_state from, enum srp_state to, enum srp_reason why);
void srp_trap_conn(struct srp_task *st, bool up);
void srp_trap_simple(struct srp_task *st, const char *name);

#endif
