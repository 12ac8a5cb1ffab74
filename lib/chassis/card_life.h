/* SPDX-License-Identifier: MIT */
/*
 * The life of a card, as one state machine: what is in a slot (MIB: starCardOperState), what may happen to
 * it, and what it is then. hatsystem keeps one per slot; its state is what shows, traps and lights say. The
 * table's stories are the documentation (`--doc fsm`). Lights are a function of that state. Called by
 * tasks/hatsystem, tests, cmd/doc.c.
 */
#ifndef ORRERY_CARD_LIFE_H
#define ORRERY_CARD_LIFE_H

#include "base/fsm.h"

enum card_state {
	CARD_EMPTY,
	CARD_OFFLINE,
	CARD_BOOTING,
	CARD_READY,
	CARD_STANDBY,
	CARD_ACTIVE,
	CARD_MIGRATEFROM,
	CARD_MIGRATETO,
	CARD_STATES
};

enum card_event {
	CARD_EV_INSERT,       /* a card is put into the slot */
	CARD_EV_PULL,         /* it is taken out */
	CARD_EV_POWER,        /* its process was started */
	CARD_EV_REPORT,       /* it has told what it is and what runs on it */
	CARD_EV_STANDBY,      /* it says that it is standby */
	CARD_EV_ACTIVE,       /* it says that it is active */
	CARD_EV_MIGRATE_FROM, /* its tasks begin to leave */
	CARD_EV_MIGRATE_TO,   /* tasks of another card begin to come */
	CARD_EV_MIGRATED,     /* they all have */
	CARD_EV_ABANDONED,    /* they will not */
	CARD_EV_DOWN,         /* every process of it is gone */
	CARD_EVENTS
};

struct card_life {
	struct fsm_inst fsm;
	unsigned slot;
	bool role_active; /* the card says that it is active; it decides what an abandoned migration leaves */
	/* After a change; not called for fsm_init(). */
	void (*changed)(struct card_life *c, enum card_state from, enum card_state to);
	void *arg;
};

extern const struct fsm_table card_life_table;

/* The machine as a page of the manual: what each state does with each event, and the drawing. */
void card_life_doc(FILE *out);
void card_life_init(struct card_life *c, unsigned slot, enum card_state state,
                    void (*changed)(struct card_life *, enum card_state, enum card_state), void *arg);
/* fsm_event() with the caller's place: 0, or -EPROTO (refused and logged). */
#define card_life_event(c, ev) fsm_event(&(c)->fsm, ev, NULL)
enum card_state card_life_state(const struct card_life *c);
/* "standby"; the word of the MIB, used in shows, JSON and checkpoints. */
const char *card_state_name(enum card_state s);
/* CARD_STATES when there is no such word. */
enum card_state card_state_find(const char *word);
/* starCardOperState, the MIB's numbers. */
unsigned card_state_mib(enum card_state s);
/* Power is on and software of the card runs or is being loaded. */
bool card_state_alive(enum card_state s);
/* It carries sessions (or, a management or fabric card, does its work). */
bool card_state_serves(enum card_state s);

/* The lights on a card's front. Words are those of `show leds all`. */
struct card_leds {
	const char *run_fail, *active, *redundant;
};

/*
 * failed: it went down by itself (not halted), or a sensor of it is in alarm; backed_up: another card could
 * take over, or, of a standby, it could take over itself.
 */
struct card_leds card_leds(enum card_state s, bool failed, bool backed_up);

#endif
