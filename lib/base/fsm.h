/* SPDX-License-Identifier: MIT */
/*
 * Table-driven state machines. A machine is a table of rows {state, event, action, next, story}; an instance
 * is a struct fsm_inst inside its owner's object, whose `state` only fsm.c can change. An event with no row
 * is refused, counted and reported with its caller. The same table gives names for logs and shows, and a DOT
 * drawing for the manual. Entry points: fsm_init(), fsm_event(), fsm_state_name(), fsm_dot().
 */
#ifndef BASE_FSM_H
#define BASE_FSM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define FSM_ANY  (-1) /* as row.state: any state that has no row of its own for the event */
#define FSM_SAME (-1) /* as row.next: stay */

/* Return values of an action other than 0 (done: go to row.next) and -errno (failed: stay, error handed to
 * the caller). */
#define FSM_SKIP 1 /* this row's condition does not hold: try the next row of the same state and event */
#define FSM_GONE 2 /* the action freed the object and with it the instance: touch nothing */

struct fsm_inst;
/* `obj` is the owner's object given to fsm_init(), `arg` what the caller of fsm_event() gave. Must not raise
 * events on `obj`. */
typedef int (*fsm_action)(void *obj, void *arg);

struct fsm_row {
	int state;
	int event;
	fsm_action action; /* NULL: only the state changes */
	int next;
	const char *story; /* one line: what happens and why */
};

struct fsm_table {
	const char *name;
	const struct fsm_row *rows;
	size_t nrows;
	const char *const *state_names;
	int nstates;
	const char *const *event_names;
	int nevents;
	/* After a state change (also fsm_init(), from == -1): the one place for gauges and notifications. May
	 * be NULL. */
	void (*changed)(struct fsm_inst *inst, int from, int to);
	/* An illegal event; file:line is the caller of fsm_event(). May be NULL. Default is an EV_FSM_REFUSED
	 * log line. */
	void (*refused)(const struct fsm_inst *inst, int event, const char *file, int line);
};

struct fsm_inst {
	const struct fsm_table *table;
	void *obj;
	const int state; /* written by fsm.c only */
	bool busy;
	uint32_t refusals;
};

/* Puts the instance into `state` without an action. */
void fsm_init(struct fsm_inst *inst, const struct fsm_table *table, void *obj, int state);
/*
 * Handle `event`. 0: done; -EPROTO: no row (or all rows skipped), refused; -EBUSY: raised from an action of
 * the same instance, refused; other -errno: from the action. After FSM_GONE returns 0 and the instance is not
 * touched again.
 */
int fsm_dispatch(struct fsm_inst *inst, int event, void *arg, const char *file, int line);
#define fsm_event(inst, event, arg) fsm_dispatch(inst, event, arg, __FILE__, __LINE__)
/* True when some row would take the event in the present state. */
bool fsm_accepts(const struct fsm_inst *inst, int event);
/* Set the state outright: for restoring an instance from its checkpoint, not for transitions. */
void fsm_restore(struct fsm_inst *inst, int state);

const char *fsm_state_name(const struct fsm_table *table, int state);
const char *fsm_event_name(const struct fsm_table *table, int event);
/* Refused events of all instances of this process since its start. */
uint64_t fsm_refusals(void);
/* Check a table: states and events in range, names present, no unreachable duplicate row. 0 or -EINVAL with a
 * message in err. */
int fsm_check(const struct fsm_table *table, int initial, char *err, size_t size);
/* The machine as a Graphviz digraph. */
void fsm_dot(const struct fsm_table *table, FILE *out);

#endif
