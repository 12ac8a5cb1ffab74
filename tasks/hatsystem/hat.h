/* SPDX-License-Identifier: MIT */
/* hatsystem's state: what cards reported, what the operator ordered, what is under way. Private to
 * tasks/hatsystem. */
#ifndef ORRERY_HAT_H
#define ORRERY_HAT_H

#include "chassis/card_life.h"
#include "chassis/hardware.h"
#include "place/place.h"
#include "task/ckpt.h"
#include "task/task.h"

struct cfg_tree;

#define HAT_CLOSED_MAX 1100 /* "255 " for each ipsecmgr */

struct hat_slot {
	struct card_life life; /* what the card is: set by hat_life.c alone */
	const struct card_type
	        *type; /* of the card that is, or was last, in the slot; NULL: there never was one */
	char serial[PROFILE_SERIAL_MAX];
	bool present; /* the backplane says its process lives */
	bool reported;
	bool leaving;    /* its tasks are to go elsewhere: halt, reboot, migrate */
	bool spare_only; /* not to be chosen by the migration under way */
	bool halted;
	bool taken_out; /* the slot was seen empty before the end of what had been in it was told */
	bool busied;    /* card busy-out: set by hat_busy.c and restored */
	bool shut;      /* configuration: shutdown */
	bool demote;    /* configuration: no longer mode active; to be emptied */
	bool shut_told; /* that a shutdown cannot be was logged */
	bool upgrading; /* card upgrade, until it is up again */
	bool demoted;   /* told to be standby, not reported yet */
	bool spof_told;
	bool hot_told, supply_told; /* raised: CardTempOverheat, CardVoltageFailure */
	bool too_hot;               /* powered off by its temperature */
	bool expected;              /* the hatsystem before this one knew it alive; not heard of yet */
	char role[24];              /* as the card last reported: booting, standby, active */
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
	enum { AFTER_NOTHING, AFTER_OFF, AFTER_CYCLE, AFTER_RESTART } then;
	unsigned n_recovered; /* tasks that had to be recovered on `to` */
	char recovered[2000]; /* "sessmgr 3, aaamgr 3" */
};

struct hat {
	struct task *t;
	struct profile profile;
	struct hardware hw; /* as the backplane last told it */
	bool hw_known, restoring;
	enum hw_part fan_told[HW_FANS + 1], feed_told[HW_FEEDS + 1];
	unsigned raid_told, raid_events; /* disks missing, as last told; how often that changed */
	bool lack_told;                  /* raised: ServiceLossPTACs */
	unsigned fabric_told;            /* fabric cards missing, as last told */
	struct task_timer *sensors;
	struct hat_slot slots[PROFILE_SLOTS_MAX + 1];
	struct hat_move move;
	bool want_active[PROFILE_SLOTS_MAX + 1];
	uint32_t contexts[PLACE_CONTEXTS_MAX];
	size_t n_contexts;
	struct place_require require; /* as it was configured when the chassis booted */
	bool require_known;
	unsigned keep_ipsecmgr, keep_sessmgr;              /* the highest numbers placed in this boot */
	struct place_manager managers[PLACE_MAP_MANAGERS]; /* of crypto maps, as ipsecctrl wants them */
	size_t n_managers;
	bool managers_known; /* ipsecctrl has told them to this hatsystem */
	bool configured, booted, planning, replan;
	bool cores_full;
	bool stale; /* the plan being computed does not know of a card that is gone, or of the latest move */
	/* Waiting for the cards' reports is counted in turns of the loop, not by the clock: a process that
	 * was not given the CPU for seconds has not waited. */
	unsigned turns;
	bool presence_known; /* our card has told which cards live */
	bool resumed;        /* there was a hatsystem before this one: what it knew is not news */
	/* ipsecmgrs that get no new peers, as the fabric was told last */
	bool busy_sent;
	char closed[HAT_CLOSED_MAX];
	struct ckpt *ckpt;
	uint64_t activated_us;
	bool settled; /* every card of this boot has its role, or had its time */
	struct task_timer *settle;
	struct task_timer *lack;          /* fewer packet cards are active than configured: for long? */
	struct task_timer *back;          /* look whether what is raised as failed is back */
	struct task_timer *timer, *check; /* check: orders were sent; look whether they were carried out */
	unsigned demux;
	char problem[160];
	PlacementReply *plan;
};

/* hat_ipc.c */
extern const struct task_route hat_routes[];
extern const size_t hat_n_routes;

/* hat_life.c: the state of each card. */
void hat_life_start(struct hat *h);
enum card_state hat_life(const struct hat *h, unsigned slot);
bool hat_life_is(const struct hat *h, unsigned slot, enum card_state state);
bool hat_life_serves(const struct hat *h, unsigned slot);
void hat_life_restore(struct hat *h, unsigned slot, enum card_state state);
void hat_life_hardware(struct hat *h, unsigned slot);
/* role has changed, or (plan) what was left open when it did is settled. */
void hat_life_report(struct hat *h, unsigned slot, bool plan);
void hat_life_down(struct hat *h, unsigned slot);
void hat_life_move(struct hat *h, enum card_event from_event, enum card_event to_event);

/* hat_hw.c: sensors, fans, feeds, disks: their traps and what is done about them. */
void hat_hw_report(struct task *t, const struct bus_msg *m);
void hat_hw_start(struct hat *h);
/* A card's state changed: the disk array may have. */
void hat_hw_check(struct hat *h);
/* Fabric cards there are to be, and how many of them serve. */
unsigned hat_hw_fabric(const struct hat *h, unsigned *serving);
/* Disks of the array, and how many of them are not there. */
unsigned hat_hw_disks(const struct hat *h, unsigned *missing);

/* hat_plan.c: placement and what follows from it. */
void hat_plan_soon(struct hat *h);
unsigned hat_active_mio(const struct hat *h);
void hat_power(struct hat *h, const char *verb, unsigned slot, const char *reason);
bool hat_is_manager(const char *facility);

/* hat_state.c: what survives this task. */
void hat_state_load(struct hat *h);
void hat_state_save_slot(struct hat *h, unsigned slot);
/* Say yes to the order of a card when all that was saved before would survive. */
void hat_state_answer(struct hat *h, unsigned slot, const struct bus_msg *m);
void hat_state_save_move(struct hat *h);
void hat_state_save_require(struct hat *h);
void hat_state_save_keep(struct hat *h);
void hat_state_save_told(struct hat *h); /* which alarms of hardware were raised */

/* hat_event.c: traps and history. */
void hat_card_trap(struct hat *h, const char *trap, unsigned slot);
void hat_move_trap(struct hat *h, const char *trap, unsigned from, unsigned to);
/* ManagerFailure for every manager that went down with the card, once. */
void hat_lost_managers(struct hat *h, unsigned slot);
/* Answers the request when the traps of the event are stored. */
void hat_task_event(struct hat *h, const struct bus_msg *m);
void hat_card_event(struct hat *h, const CardEvent *ev);
/* Look in a moment which tasks that were told as failed serve again, and tell that. */
void hat_back_soon(struct hat *h);
/* All living cards have reported: what else was known to live died while no hatsystem was there to see it. */
void hat_missed_cards(struct hat *h);
void hat_spof(struct hat *h);
/* Are as many packet cards active as are configured to be? */
void hat_service(struct hat *h);
/* Could another card do the work of this one? */
bool hat_covered(const struct hat *h, unsigned slot);
/* mv: the move with the tasks it recovered, or NULL. */
void hat_rct(struct hat *h, const char *action, bool planned, unsigned from, unsigned to, uint64_t wall,
             uint64_t us, bool ok, const struct hat_move *mv);

/* hat_order.c: the operator's orders. */
/* End a move that cannot be completed; a halt or reboot behind it is done at once. */
void hat_move_abandon(struct hat *h);
/* What follows when the card of an order is empty, or was empty at once. */
void hat_order_then(struct hat *h, unsigned slot, int then);
/* The configuration says other things of cards than before: shutdown, mode standby. */
void hat_order_config(struct hat *h, unsigned slot, bool want_active, bool shut, bool first);
/* What the configuration wants of cards and has not been done yet: one move at a time. */
void hat_order_pending(struct hat *h);
/* May the card go without breaking what all cards need? NULL, or the reason. */
const char *hat_order_needed(const struct hat *h, unsigned slot, char *buf, size_t size);
void hat_card_order(struct task *t, const struct bus_msg *m);
void hat_task_kill(struct task *t, const struct bus_msg *m);

/* hat_busy.c: cards that take no new sessions. */
void hat_busy_start(struct hat *h);
void hat_busy_set(struct hat *h, unsigned slot, bool busied);
/* What runs where may have changed: tell the fabric. */
void hat_busy_check(struct hat *h);
/* Why the order cannot be; NULL when it can. The slot has a card that runs. */
const char *hat_busy_refusal(const struct hat *h, unsigned slot, bool busied, bool force, char *buf,
                             size_t size);

/* hat_show.c */
void hat_show(struct task *t, const struct bus_msg *m);

#endif
