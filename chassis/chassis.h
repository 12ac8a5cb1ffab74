/* SPDX-License-Identifier: MIT */
/* The backplane's own structures. Private to chassis/; no application state lives here (DESIGN rule 1). */
#ifndef ORRERY_CHASSIS_H
#define ORRERY_CHASSIS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>
#include "chassis/bp.h"
#include "chassis/hardware.h"
#include "chassis/profile.h"
#include "task/silence.h"

struct chassis;

enum slot_power { SLOT_EMPTY, SLOT_OFF, SLOT_ON, SLOT_DYING, SLOT_REBOOT };

struct slot {
	struct chassis *c;
	unsigned n;
	enum slot_power power;
	pid_t pid;
	int pidfd, life;              /* life: read end of a pipe that every process of the card holds open */
	bool dead;                    /* the card process is gone, its life line not yet */
	bool keep_off;                /* halted: no reboot */
	bool pulled;                  /* taken out: no card there any more once it is gone */
	const struct card_type *next; /* … and one of this type is put in then */
	bool quick;                   /* restarted: boots at once, without the self tests of a power cycle */
	bool hung, ready;
	char state[24]; /* as the card last said: booting, standby, active, offline */
	uint32_t tasks;
	struct silence silence; /* since its last heartbeat, or since its silence was told */
	uint64_t died_at;
	char reason[64];
	struct conn *conn;
	uv_poll_t *pid_poll, *life_poll; /* while powered on; freed by libuv's close */
	uv_timer_t reboot;
};

/* One connection on the backplane socket: a card, a task, or the orrery command. */
struct conn {
	struct chassis *c;
	int fd;
	unsigned slot;        /* of a card */
	bool waiting_up;      /* `orrery up` waits here */
	uint64_t cli_request; /* `orrery cli` waits for the end of this task */
	unsigned cli_slot;    /* on this card */
	pid_t cli_pid;        /* once it runs */
	uint64_t waiting_id;
	uv_poll_t poll;
	struct conn *next;
};

struct chassis {
	char name[64], run_dir[200], state_dir[200], profile_path[256], libexec[256], boot_id[40];
	struct profile profile;
	struct hardware hw; /* what stands where now, and what faults did to sensors, fans and feeds */
	uv_loop_t *loop;
	struct slot slots[PROFILE_SLOTS_MAX + 1];
	unsigned active_mio;
	struct conn *conns;
	int listen_fd, lock_fd;
	uv_poll_t listen_poll;
	uv_timer_t heartbeat;
	uv_signal_t sig_child, sig_term, sig_int;
	uint64_t booted_at, booted_wall, next_request;
	uint64_t powered_at; /* when the cards of this boot get power */
	bool stopping;
	bool reloading; /* every card goes down, and comes back in another boot */
};

/* slots.c: power, presence, fencing, arbitration. */
int slots_init(struct chassis *c);
int slots_power_on(struct chassis *c, unsigned slot);
/* Kill the card's process; what follows is the same as if it had died by itself. */
void slots_kill(struct chassis *c, unsigned slot, const char *reason, bool keep_off);
void slots_heartbeat(struct chassis *c, unsigned slot, const BpHeartbeat *hb);
void slots_hello(struct chassis *c, struct conn *cn, const BpCardHello *h);
/* Off and on again, after the reboot time or (quick) at once; one that is off goes on. */
void slots_cycle(struct chassis *c, unsigned slot, const char *reason, bool quick);
/* The card is taken out; inserted: one of this type, which gets power, when what is there has gone. 0 or
 * -errno. */
void slots_pull(struct chassis *c, unsigned slot);
int slots_insert(struct chassis *c, unsigned slot, const struct card_type *type);
bool slots_all_up(const struct chassis *c);
/* Tell every card. */
void slots_broadcast(struct chassis *c, const BpMessage *m);
void slots_stop(struct chassis *c);
/* Power every card off; when all are gone, forget what the fabric was told and boot anew. */
void slots_reload(struct chassis *c, const char *reason);

/* main.c: a boot begins: its time and id. */
void boot_begins(struct chassis *c);

/* server.c: the socket. */
int server_init(struct chassis *c);
int server_reply(struct conn *cn, uint64_t id, int code, const char *text, bool more);
void server_close(struct conn *cn);
void server_slot_changed(struct chassis *c, const struct slot *s);

/* command.c: what the orrery command asks. */
void command_handle(struct conn *cn, uint64_t id, const BpCommand *cmd, const int *fds, int n);
/* A card is gone, and the CLI sessions on it: tell those who wait for their end. */
void command_card_died(struct chassis *c, unsigned slot);
void command_spawned(struct chassis *c, const BpSpawned *sp);
/* The connection closes: its operator is gone, and the session goes too. */
void command_closed(struct conn *cn);

/* inventory.c: the hardware that is no process. */
/* Tell every card how the hardware is now, or only cn. */
void inventory_tell(struct chassis *c, struct conn *cn);
/* pull|insert card …, set|clear sensor|fan|power … of `orrery fault`: true when it was one and is answered.
 */
bool inventory_fault(struct conn *cn, uint64_t id, size_t argc, char **argv);

/* For faults: the process of an active task, 0 when it does not run; the processes of a card. */
pid_t command_task_pid(const struct chassis *c, const char *facility, const char *instance);
unsigned command_card_pids(const struct chassis *c, unsigned slot, pid_t *pids, unsigned max);

/* fault.c: faults that stand until they are undone. */
/* slow|memory|disk|cut|heal|loss|clock|undo|list …: true when it was one and is answered. lease: it ends with
 * cn. */
bool fault_standing(struct conn *cn, uint64_t id, size_t argc, char **argv, bool lease);
/* A process was stopped (hang) or continued by order. */
void fault_note(struct conn *cn, size_t argc, char **argv, pid_t pid, bool hang, bool lease);
void fault_closed(const struct conn *cn);
void fault_hello(unsigned slot);
void fault_port_moved(const char *port);
void fault_end(void);
/* What faults of a chassis that was killed have left. */
void fault_sweep(const struct chassis *c);

/* fabric.c: namespaces, ports, sockets. */
int fabric_server_init(struct chassis *c);
int fabric_plug(struct chassis *c, const char *port, const char *device, char *err, size_t size);
/* The namespace (borrowed) and device of a port. -ENODEV. */
int fabric_port_ns(const char *port, const char **device);
/* Every port that is in a context. */
void fabric_each_port(void (*each)(const char *port, int ns, const char *device));
/* A TCP connection being set up in the namespace of context local: a descriptor or -errno. */
int fabric_dial(const char *address, uint16_t port);
void fabric_handle(struct conn *cn, uint64_t id, const BpFabric *f);
/* No context is left; ports are at the faceplate again. */
void fabric_reset(void);
/* Which instances get no new peers from now on. */
void fabric_steer(const BpSteer *s);

/* gate.c: without a fabric card no packet passes. A slot changed; a port came into a context. */
void gate_check(struct chassis *c);
void gate_port_moved(const char *port);

/* nft.c: a script for nft in the namespace ns. 0, -ENOENT: nft is not installed, -EIO: it refuses. */
int nft_run(int ns, const char *script);

#endif
