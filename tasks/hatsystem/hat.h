/* SPDX-License-Identifier: MIT */
/* hatsystem's state: what cards reported, what the operator ordered, what is under way. Private to
 * tasks/hatsystem. */
#ifndef ORRERY_HAT_H
#define ORRERY_HAT_H

#include "chassis/profile.h"
#include "place/place.h"
#include "task/ckpt.h"
#include "task/task.h"

struct cfg_tree;

struct hat_slot {
	bool present; /* the backplane says its process lives */
	bool reported;
	bool leaving;    /* its tasks are to go elsewhere: halt, reboot, migrate */
	bool spare_only; /* not to be chosen by the migration under way */
	bool halted;
	bool demoted; /* told to be standby, not reported yet */
	bool spof_told;
	bool down_told;
	char state[24]; /* as reported */
	char known[24]; /* as a hatsystem before this one knew it; empty once the card was down */
	CardReport *report;
	CardReport *lost; /* what ran there when it went down, until that is told */
	uint64_t changed_wall;
};

/* A recovery under way: started by a card's loss or an order, done when everything placed on `to` is active.
 */
struct hat_move {
	bool on, planned;
	unsigned from, to;
	uint64_t started_us, started_wall;
	enum { AFTER_NOTHING, AFTER_OFF, AFTER_CYCLE } then;
	unsigned n_recovered; /* tasks that had to be recovered on `to` */
	char recovered[2000]; /* "sessmgr 3, aaamgr 3" */
};

struct hat {
	struct task *t;
	struct profile profile;
	struct hat_slot slots[PROFILE_SLOTS_MAX + 1];
	struct hat_move move;
	bool want_active[PROFILE_SLOTS_MAX + 1];
	uint32_t contexts[PLACE_CONTEXTS_MAX];
	size_t n_contexts;
	struct place_require require; /* as it was configured when the chassis booted */
	bool require_known;
	struct place_manager managers[PLACE_MAP_MANAGERS]; /* of crypto maps, as ipsecctrl wants them */
	size_t n_managers;
	bool managers_known; /* ipsecctrl has told them to this hatsystem */
	bool configured, booted, planning, replan;
	bool cores_full;
	bool presence_known; /* our card has told which cards live */
	bool resumed;        /* there was a hatsystem before this one: what it knew is not news */
	struct ckpt *ckpt;
	uint64_t activated_us;
	struct task_timer *timer, *check; /* check: orders were sent; look whether they were carried out */
	unsigned demux;
	char problem[160];
	PlacementReply *plan;
};

/* hat_ipc.c */
extern const struct task_route hat_routes[];
extern const size_t hat_n_routes;

/* hat_plan.c: placement and what follows from it. */
void hat_plan_soon(struct hat *h);
unsigned hat_active_mio(const struct hat *h);
void hat_power(struct hat *h, const char *verb, unsigned slot, const char *reason);
bool hat_is_manager(const char *facility);

/* hat_state.c: what survives this task. */
void hat_state_load(struct hat *h);
void hat_state_save_slot(struct hat *h, unsigned slot);
void hat_state_save_move(struct hat *h);
void hat_state_save_require(struct hat *h);

/* hat_event.c: traps and history. */
void hat_card_trap(struct hat *h, const char *trap, unsigned slot);
void hat_move_trap(struct hat *h, const char *trap, unsigned from, unsigned to);
/* ManagerFailure for every manager that went down with the card, once. */
void hat_lost_managers(struct hat *h, unsigned slot);
void hat_task_event(struct hat *h, const TaskEvent *ev);
void hat_card_event(struct hat *h, const CardEvent *ev);
/* All living cards have reported: what else was known to live died while no hatsystem was there to see it. */
void hat_missed_cards(struct hat *h);
void hat_spof(struct hat *h);
/* mv: the move with the tasks it recovered, or NULL. */
void hat_rct(struct hat *h, const char *action, bool planned, unsigned from, unsigned to, uint64_t wall,
             uint64_t us, bool ok, const struct hat_move *mv);

/* hat_order.c: the operator's orders. */
/* End a move that cannot be completed; a halt or reboot behind it is done at once. */
void hat_move_abandon(struct hat *h);
void hat_card_order(struct task *t, const struct bus_msg *m);
void hat_task_kill(struct task *t, const struct bus_msg *m);

/* hat_show.c */
void hat_show(struct task *t, const struct bus_msg *m);

#endif
