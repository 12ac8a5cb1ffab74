/* SPDX-License-Identifier: MIT */
/*
 * Security gateway as initiator (IPSec Reference, chapter 27): for each peer of a service's peer list,
 * whether it has its time to call (responder mode), is called (initiator mode), or has a call. A table-driven
 * machine per peer, without I/O: events and time go in, wishes come out through callbacks. Both modes follow
 * each other by the clock from the moment that responder mode began, so that moment is all that has to be
 * kept over a loss. Called by tasks/ipsecmgr/ipsecmgr_callee.c; tested in tests/unit/test_initiator.c.
 */
#ifndef INITIATOR_INITIATOR_H
#define INITIATOR_INITIATOR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/fsm.h"
#include "base/wheel.h"
#include "net/addr.h"

#define INITIATOR_PEERS_MAX   1000       /* addresses of a peer list */
#define INITIATOR_RETRY_US    1000000ULL /* between a call that failed and the next one */
#define INITIATOR_SPREAD_US   1000000ULL /* calls begin within this of the mode, or a fifth of its duration */
#define INITIATOR_DEFAULT_S   10         /* of both durations */
#define INITIATOR_DURATION_LO 5
#define INITIATOR_DURATION_HI 250

enum initiator_state {
	INITIATOR_IDLE,      /* another manager's peer, or not bound */
	INITIATOR_RESPONDER, /* the peer has its time to call */
	INITIATOR_CALLING,   /* initiator mode */
	INITIATOR_CONNECTED, /* there is a call, whoever began it */
	INITIATOR_STATES
};

enum initiator_event {
	INITIATOR_EV_START,      /* the peer is ours to call */
	INITIATOR_EV_STOP,       /* … not any more */
	INITIATOR_EV_MODE_OVER,  /* the duration of the mode */
	INITIATOR_EV_CALL_NOW,   /* time for the next call */
	INITIATOR_EV_PEER_BEGAN, /* the peer calls */
	INITIATOR_EV_PEER_UP,    /* … and is through */
	INITIATOR_EV_OWN_UP,     /* our call is through */
	INITIATOR_EV_OWN_FAILED, /* our call came to nothing */
	INITIATOR_EV_DOWN,       /* the last call with the peer has ended */
	INITIATOR_EVENTS
};

struct initiator_set;

struct initiator_peer {
	struct fsm_inst fsm; /* initiator_table */
	struct initiator_set *set;
	struct net_addr addr;
	struct wheel_timer mode, call;
	uint64_t since_us; /* when responder mode began, by which this one was reached; CONNECTED: when it
	                      came to be */
	uint32_t calls;    /* begun in this mode */
	unsigned n_own, n_theirs; /* calls that are up, by who began them */
	bool extended;            /* responder mode has begun anew for a call that is coming */
	void *user;
};

struct initiator_ops {
	/* Call the peer. 0: OWN_UP or OWN_FAILED follows; -errno: it's tried again. */
	int (*call)(void *arg, struct initiator_peer *p);
	/* The peer's call counts, or time is over: give up what was called and is not up; OWN_FAILED doesn't
	 * matter. */
	void (*give_up)(void *arg, struct initiator_peer *p, bool collision);
	/* Both have a call up: ours ends. */
	void (*end_own)(void *arg, struct initiator_peer *p);
	/* Responder mode began at p->since_us, and not by the clock alone: keep that. */
	void (*keep)(void *arg, struct initiator_peer *p);
	/* Another state. May be NULL. */
	void (*changed)(void *arg, struct initiator_peer *p, int from, int to);
};

struct initiator_set {
	struct wheel wheel;
	const struct initiator_ops *ops;
	void *arg;
	uint64_t responder_us, initiator_us, now;
};

/* Both durations in seconds, 5 to 250. ops and arg are borrowed. */
void initiator_init(struct initiator_set *s, const struct initiator_ops *ops, void *arg, uint32_t responder_s,
                    uint32_t initiator_s, uint64_t now);
/* p is the caller's; idle at first. */
void initiator_peer_init(struct initiator_set *s, struct initiator_peer *p, const struct net_addr *addr);
/* Timers off, and out: nothing is called. */
void initiator_peer_drop(struct initiator_peer *p);
/*
 * The peer is ours. since_us: when responder mode began, as it was kept; 0, or a time to come: now. Modes go
 * on as if nobody had been away. Calls that are up were noted before.
 */
void initiator_start(struct initiator_peer *p, uint64_t now, uint64_t since_us);
void initiator_stop(struct initiator_peer *p, uint64_t now);
void initiator_peer_began(struct initiator_peer *p, uint64_t now);
void initiator_up(struct initiator_peer *p, uint64_t now, bool own);
void initiator_down(struct initiator_peer *p, uint64_t now, bool own);
void initiator_failed(struct initiator_peer *p, uint64_t now);
/* Run what is due; when to do so next (UINT64_MAX: never). */
void initiator_tick(struct initiator_set *s, uint64_t now);
uint64_t initiator_next_us(const struct initiator_set *s);

/* When the present mode ends; 0: it does not. */
uint64_t initiator_mode_ends(const struct initiator_peer *p);
const char *initiator_state_name(int state);
extern const struct fsm_table initiator_table;
/* For the reference manual. */
void initiator_doc(FILE *out);

#endif
