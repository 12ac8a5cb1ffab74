/* SPDX-License-Identifier: MIT */
/* The card process: its tasks, its switch, its line to the backplane. Private to cards/. */
#ifndef ORRERY_CARD_H
#define ORRERY_CARD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>
#include "base/rate.h"
#include "bus/bus.h"
#include "chassis/bp.h"
#include "chassis/profile.h"
#include "place/place.h"
#include "task/beat.h"
#include "task/crash.h"
#include "task/silence.h"
#include "task/usage.h"

enum proc_state {
	PROC_STARTING,
	PROC_STANDBY,
	PROC_ACTIVATING,
	PROC_ACTIVE,
	PROC_HUNG,
	PROC_BACKOFF,
	PROC_STATES
};

struct card;

/* A task process this card owns. */
struct proc {
	struct card *card;
	char facility[24];
	uint32_t instance, standby_number; /* the number it has; the one it had as a standby */
	unsigned cpu;
	bool standby;  /* to be started as a standby */
	bool stopping; /* on purpose: no restart */
	bool assumed;  /* this activation took a failed number over */
	enum proc_state state;
	pid_t pid;
	int pidfd;
	uv_poll_t *poll;
	uv_timer_t *timer; /* back-off */
	char token[33], identity[BUS_ADDR_MAX];
	uint64_t started_wall, started_us, died_at;
	struct silence silence; /* since its last beat */
	struct beat_page *beat; /* of the process; NULL: nobody waits for its heartbeats */
	uint64_t beats;         /* as last seen there */
	uint32_t restarts, sessions;
	bool has_sessions;
	char reason[64];
	char core[CRASH_NAME_MAX]; /* minicore of the end that is being told */
	struct restart_policy policy;
	struct usage_cpu cpu_time;
	struct usage_level cpu_level, memory_level, session_level;
	int stat_fd; /* /proc/PID/stat */
	uint64_t sampled_us, sample_due_us, rss_bytes;
	double cpu_percent;
	uint64_t user_us, system_us; /* CPU time at the last measurement */
	uint64_t cli_request;
	struct proc *next;
};

#define CARD_CPUS 4 /* the most a card has */

/* What the tasks of a CPU have used since the card started (cpus.c). */
struct card_cpu {
	uint64_t user_us, system_us, memory_kb_ms;
	struct rate time, memory;
	double max; /* microseconds a second, of any interval */
};

struct card {
	unsigned slot;
	const struct card_type *type;
	struct profile profile;
	char run_dir[200], state_dir[200], chassis[64], boot_id[40], profile_path[256], libexec[256];
	uv_loop_t *loop;
	struct bus_switch *bus;
	int bp;
	uv_poll_t bp_poll;
	uv_timer_t heartbeat, report;
	unsigned active_mio;
	char state[24];
	bool arbitrated, report_on;
	struct proc *procs;
	struct pending_event *events, *events_last;
	uint64_t next_event;
	uint64_t hat_came; /* which hatsystem that was */
	uint32_t hat_at;   /* where hatsystem/0 was at the last full report */
	uint64_t boot_wall;
	bool peer[PROFILE_SLOTS_MAX + 1];
	HardwareReport *hardware; /* as the backplane last told it; the active management card hands it on */
	pid_t peer_pid[PROFILE_SLOTS_MAX + 1];
	struct silence heard[PROFILE_SLOTS_MAX + 1]; /* of the other cards, over the fabric */
	uint32_t next_cli;
	struct card_cpu cpu[CARD_CPUS];
	uint64_t cpus_us, cpus_due_us; /* last and next reading of them */
};

/* cpus.c: what CPUs carry. */
void cpus_add(struct card *c, unsigned cpu, uint64_t user_us, uint64_t system_us);
void cpus_note(struct card *c); /* from the heartbeat; does something twice a minute */
json_t *cpus_json(struct card *c);

/* procs.c: spawn, watch, restart. */
const char *proc_state_name(enum proc_state s);
struct proc *proc_find(struct card *c, const char *facility, uint32_t instance);
struct proc *proc_by_identity(struct card *c, const char *identity);
/* Start a task; a running one of that name is left alone. 0 or -errno. */
int proc_start(struct card *c, const char *facility, uint32_t instance, unsigned cpu, bool standby);
void proc_stop(struct proc *p);
void proc_kill(struct proc *p, int sig, const char *reason);
/* Write its minicore, then kill it. */
void proc_dump_and_kill(struct proc *p, const char *reason);
/* Tell a standby process that it is `instance` now. */
void proc_activate(struct proc *p, uint32_t instance, const char *reason);
void proc_hello(struct card *c, const char *identity, const BusHello *h);
void proc_ready(struct proc *p, const BusReady *r);
void proc_heartbeats(struct card *c);
/* A CLI session on these three descriptors. */
int proc_spawn_cli(struct card *c, const BpSpawnCli *sp, const int *fds);
bool procs_all_ready(const struct card *c);
/* usage.c: what each task uses (from /proc), against its limits. */
void usage_start(struct proc *p);
void usage_end(struct proc *p);
/* All processes: measure, tell, and kill what is far over its memory. */
void usage_tick(struct card *c);
/* Measure, unless that was done in the last two seconds. */
void usage_sample(struct proc *p);
unsigned usage_files(const struct proc *p);
const struct place_facility *usage_facility(const struct proc *p, unsigned *cpu_permille,
                                            uint64_t *memory_bytes);
/* In the child between fork and exec: the kernel's limits for a process of this facility. */
void usage_limits(const struct place_facility *f);

/* fabric.c: is the fabric whole? Cards ping the active management card over it, and that one misses them. */
void fabric_tick(struct card *c);
void fabric_watch(struct card *c, unsigned slot); /* from now on it is expected */
void fabric_heard(struct card *c, const char *src);

/* report.c: what hatsystem and the shows are told. */
void report_changed(struct card *c);
void report_event(struct card *c, const struct proc *p, TaskEvent__What what, uint32_t recovered, uint32_t ms,
                  uint32_t old_instance);
/* A level of use changed, or the sessions are at their limit. */
void report_usage(struct card *c, const struct proc *p, const char *trap, uint64_t allocated, uint64_t used);
void report_card_event(struct card *c, CardEvent__What what, unsigned slot, const char *reason, uint64_t at);
/* hatsystem has stored what became of event `id`. */
void report_acked(struct card *c, uint64_t id);
void report_tick(struct card *c);
/* Keep what the backplane told of the hardware (adopts h) and hand it on. */
void report_hardware(struct card *c, HardwareReport *h);
void report_show(struct card *c, const struct bus_rx *rx, const Envelope *env);

/* main.c */
void card_set_state(struct card *c, const char *state);
void card_bp_send(struct card *c, BpMessage *m);
/* Answer a request that came to this card. */
void card_reply_status(struct card *c, const struct bus_rx *rx, const Envelope *req, int code,
                       const char *text);

#endif
