/* SPDX-License-Identifier: MIT */
/*
 * The runtime of a task (proclet): identity, event loop, bus, activation, readiness. A task program is a
 * `struct task_ops` and `int main() { return task_main(argc, argv, &ops); }`. Nothing here is thread-safe:
 * one task, one loop (worker threads of iftask do not call it). Used by every program in tasks/.
 */
#ifndef ORRERY_TASK_H
#define ORRERY_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "proto/bus.pb-c.h"

struct task;
struct bus;

/* A message as a handler sees it. Everything in it lives until the handler returns. */
struct bus_msg {
	const char *src;     /* "facility/instance" of the sender, verified by the sender's card */
	const char *ret;     /* return address of exactly that process, for the reply */
	uint64_t id;         /* request id; 0 for one-way and published messages */
	const char *topic;   /* of a published message, else NULL */
	const Envelope *env; /* the body: env->body_case and the pointer of that name */
};

/* Who asked, kept for an answer after the handler returned. */
struct bus_from {
	char src[40];
	char ret[40];
	uint64_t id;
};

typedef void (*task_handler)(struct task *t, const struct bus_msg *m);

/* One row per message a task takes. Anything else is refused with a log line and, for a request, -EOPNOTSUPP.
 */
struct task_route {
	Envelope__BodyCase type;
	const char *senders; /* facilities that may send it, comma separated; "*" = any on this chassis */
	const char *story;   /* one line: when it comes, what is done */
	task_handler handle;
};

struct task_ops {
	const char *facility;
	const struct task_route *routes;
	size_t n_routes;
	const char *const *topics; /* NULL-terminated list of topics to subscribe to, or NULL */
	/* Once, before anything else; the task is not active yet (a standby stays so). 0 or -errno (then it
	 * exits). */
	int (*init)(struct task *t);
	/*
	 * The task is now the one and only facility/instance (t->instance is final): take over, load state.
	 * When everything is back, call task_ready() (at once or later): only then requests of others arrive.
	 */
	int (*activate)(struct task *t, const char *reason);
	/* The card is going down in good order; optional. */
	void (*stop)(struct task *t);
	/* Sessions for `show task resources`; optional, only sessmgr and ipsecmgr have it. */
	uint32_t (*sessions)(struct task *t);
};

struct task {
	const struct task_ops *ops;
	uint32_t instance;
	uint32_t card, cpu;
	bool active;         /* activate() was called */
	bool ready;          /* task_ready() was called after that */
	char addr[40];       /* facility/instance */
	char chassis[64];    /* name of the chassis */
	char run_dir[256];   /* 0700, sockets and counters; dies with the chassis */
	char state_dir[256]; /* the chassis' disk: config.db state.db flash/ hd-raid/ usb1/ log/ */
	char boot_id[40];    /* changes with every boot of the chassis */
	char profile[64];
	uv_loop_t *loop;
	struct bus *bus;
	void *data; /* the program's own */
	int exit_status;
};

/* Parse the card's arguments, run the loop until stopped. Returns the process exit status. */
int task_main(int argc, char **argv, const struct task_ops *ops);

/* Activation is complete. recovered = SAs or calls that were rebuilt, for traps and shows. */
void task_ready(struct task *t, uint32_t recovered);

/* Inside of one long step (not in the loop): the card shall not take the task for hung. */
void task_alive(struct task *t);

/* Ask the loop to end with this exit status. */
void task_exit(struct task *t, int status);

/* --- sending. `env` is borrowed; src, id and kind are filled in here. -------------------------------------
 */

/* One way; lost if nobody is there. 0 or -errno (-EAGAIN: queue full, message dropped and counted). */
int task_send(struct task *t, const char *dst, Envelope *env);

/* status 0: m is the reply. Else m is NULL: -EHOSTUNREACH nobody there, -ETIMEDOUT, or the code of a Status
 * reply (m set). */
typedef void (*task_reply_cb)(struct task *t, void *arg, int status, const struct bus_msg *m);

#define TASK_RETRY   1u         /* an unreachable peer is tried again until the deadline */
#define TASK_FOREVER UINT32_MAX /* as a deadline: there is none */

/*
 * Request with a deadline in ms (0: the default of 5000). The callback is called exactly once, never from
 * inside this function. Returns 0 or -errno (then no callback).
 */
int task_request(struct task *t, const char *dst, Envelope *env, uint32_t deadline_ms, unsigned flags,
                 task_reply_cb cb, void *arg);

/* Publish to everyone who subscribed to the topic, on every card. */
int task_publish(struct task *t, const char *topic, Envelope *env);

/* Answer a request now, or later through a copy of where it came from. */
int task_reply(struct task *t, const struct bus_msg *m, Envelope *env);
struct bus_from task_from(const struct bus_msg *m);
int task_reply_to(struct task *t, const struct bus_from *from, Envelope *env);
/* Status{code,text}; text is what the operator reads. */
void task_reply_status(struct task *t, const struct bus_msg *m, int code, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
void task_reply_status_to(struct task *t, const struct bus_from *from, int code, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
/* ShowReply with this JSON text (borrowed). */
void task_reply_json(struct task *t, const struct bus_msg *m, const char *json);

/* Is an address reachable now (routes known to our card)? A change calls the handlers below. */
bool task_peer_up(struct task *t, const char *addr);
/* Called whenever an address of this facility ("" = every) comes or goes. One watcher per facility; cb
 * borrowed. */
typedef void (*task_peer_cb)(struct task *t, const char *addr, uint32_t card, bool up, void *arg);
void task_watch_peers(struct task *t, const char *facility, task_peer_cb cb, void *arg);
/* Iterate the addresses of a facility that are up; returns how many. cb may be NULL to count. */
int task_foreach_peer(struct task *t, const char *facility, task_peer_cb cb, void *arg);

/* --- small conveniences -----------------------------------------------------------------------------------
 */
typedef void (*task_timer_cb)(struct task *t, void *arg);
struct task_timer;
/* Start a timer (ms; repeat_ms 0 = once). The handle stays valid until task_timer_stop(), also after it
 * fired. */
struct task_timer *task_timer_start(struct task *t, uint64_t ms, uint64_t repeat_ms, task_timer_cb cb,
                                    void *arg);
void task_timer_stop(struct task_timer *tm);
/* Call cb when fd is readable. */
struct task_io;
typedef void (*task_io_cb)(struct task *t, int fd, void *arg);
struct task_io *task_io_start(struct task *t, int fd, task_io_cb cb, void *arg);
void task_io_stop(struct task_io *io);

/* Path of a file: "<run_dir>/fmt…" and "<state_dir>/fmt…"; result valid until the 8th next call. */
const char *task_run_path(const struct task *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *task_state_path(const struct task *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Raise a trap ("CardDown", …): sent to srdb, retried until it is stored. Values in MIB order, as name/value
 * pairs ended by NULL: trap_int and trap_str below. Example: task_trap(t, "CardDown", trap_int("starSlotNum",
 * 2), …, trap_end).
 */
struct trap_arg {
	const char *name; /* NULL ends the list */
	const char *str;  /* NULL: it is a number */
	int64_t num;
};
static inline struct trap_arg trap_int(const char *name, int64_t num)
{
	return (struct trap_arg){name, NULL, num};
}
static inline struct trap_arg trap_str(const char *name, const char *str)
{
	return (struct trap_arg){name, str ? str : "", 0};
}
#define trap_end ((struct trap_arg){NULL, NULL, 0})
void task_trap(struct task *t, const char *trap, const struct trap_arg *args);
/* Traps on their way: a task that ends waits until there are none, or not too long. */
unsigned task_traps_waiting(const struct task *t);
#define TASK_TRAP(t, trap, ...) task_trap(t, trap, (const struct trap_arg[]){__VA_ARGS__, trap_end})

#endif
