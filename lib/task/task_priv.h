/* SPDX-License-Identifier: MIT */
/* What the files of the task runtime share. Private to lib/task. */
#ifndef ORRERY_TASK_PRIV_H
#define ORRERY_TASK_PRIV_H

#include "base/strmap.h"
#include "bus/bus.h"
#include "bus/bus_arena.h"
#include "task/beat.h"
#include "task/task.h"

struct task_pending;
struct task_watcher {
	char facility[24];
	task_peer_cb cb;
	void *arg;
	struct task_watcher *next;
};

struct task_extra_route {
	struct task_route row;
	struct task_extra_route *next;
};

/* The runtime's own state, behind task->bus. */
struct bus {
	struct bus_client *client;
	char identity[BUS_ADDR_MAX];
	char token[40];
	struct strmap peers; /* address -> (void *)(card + 1) */
	struct task_watcher *watchers;
	struct task_extra_route *extra;
	struct task_pending **buckets;
	size_t n_buckets, n_pending;
	struct task_pending *first, *last; /* in the order of sending */
	uint64_t next_id;
	uv_timer_t scan;
	bool scanning;
	uint64_t refused, bad;
	struct beat beat;
	struct bus_arena arena; /* of the message that is being handled */
};

/* task_req.c */
int task_req_init(struct task *t);
void task_req_response(struct task *t, const struct bus_msg *m);
void task_req_peer_down(struct task *t, const char *addr);
void task_req_peer_up(struct task *t, const char *addr);
void task_req_free(struct task *t);

/* task_peer.c */
void task_peer_routes(struct task *t, const BusRoute *br);

/* task_log.c */
void task_log_init(struct task *t);
void task_log_flush(struct task *t);

/* Have a library of the runtime take a message the program has no row for. The row is copied. */
int task_add_route(struct task *t, const struct task_route *row);
/* Subscribe to a topic at run time. */
int task_subscribe(struct task *t, const char *topic);

/* impair.c: a `test task` order of a cli? Then it is carried out. */
bool task_impair(struct task *t, const struct bus_msg *m);

#endif
