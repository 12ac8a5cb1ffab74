/* SPDX-License-Identifier: MIT */
/* What the files of lib/srp share. Private to lib/srp. */
#ifndef SRP_SRP_INT_H
#define SRP_SRP_INT_H

#include "srp/srp.h"

/* Quiet time of the store before a switchover is handed to the peer. */
#define SRP_SETTLE_US 200000u

/* srdb has certainly read within this time what it was told. */
#define SRP_HOLD_US 50000u

/* A peer that is further behind is synchronised in full: the store does not keep tombstones for ever. */
#define SRP_RESUME_MAX 20000u

/* Events of the state machine; SRP_EV_PEER + state: a hello with that state came. */
enum srp_event {
	SRP_EV_PEER = 0,
	SRP_EV_LOST = SRP_STATES, /* nothing heard for the dead-interval */
	SRP_EV_PERSISTED,         /* what we are about to become would survive */
	SRP_EV_ORDER,             /* the operator orders a switchover */
	SRP_EV_DRAINED,           /* the peer has every row */
	SRP_EV_TAKE,              /* the peer hands the service over */
	SRP_EV_ACCEPTED,          /* the peer takes it */
	SRP_EV_REFUSED,           /* it does not, or cannot be asked */
	SRP_EVENTS
};

/* srp_fsm.c: raise an event; rank of this chassis as the peer sees it. */
int srp_fsm_raise(struct srp *s, enum srp_event ev, const void *arg);
struct srp_rank srp_fsm_rank(const struct srp *s);
void srp_fsm_start(struct srp *s, enum srp_state state);

/* srp.c */
void srp_send_hello(struct srp *s);
void srp_send_switchover_reply(struct srp *s, bool accepted, const char *reason);
void srp_send_switchover(struct srp *s);
void srp_persist(struct srp *s);
void srp_saw_epoch(struct srp *s, uint64_t epoch);
/* A fresh epoch, larger than every one heard of. */
void srp_new_epoch(struct srp *s);
void srp_order_end(struct srp *s, int code, const char *text);

/* srp_ship.c */
void srp_ship_start(struct srp *s);
void srp_ship_stop(struct srp *s, const char *why);
void srp_ship_pump(struct srp *s);
int srp_ship_ack(struct srp *s, const SrpRowsAck *ack);
/* Returns when to run again. */
uint64_t srp_ship_tick(struct srp *s);
bool srp_ship_drained(const struct srp *s);

/* srp_recv.c */
int srp_recv_rows(struct srp *s, const SrpRows *rows);
void srp_recv_link(struct srp *s);
void srp_recv_reset(struct srp *s);
void srp_recv_done(struct srp *s, uint64_t token, int status);

#endif
