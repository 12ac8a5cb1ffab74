/* SPDX-License-Identifier: MIT */
/*
 * The story: card and task events become traps (numbers and objects of the MIB) and history rows, in the
 * order they happened.
 */
#include "hat.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/store.h"
#include "task/crash.h"

#define BACK_MS       2000 /* the traps of a failure are stored by then */
#define ALARMS_MAX    64
#define MIB_ACTIVEDPC 9    /* starCardMode */
#define SETTLE_MS     5000 /* of a boot: the cards that come have come */
#define LACK_MS       3000 /* a move or a quick restart is no loss of service */

void hat_card_trap(struct hat *h, const char *trap, unsigned slot)
{
	const struct card_type *type = h->slots[slot].type;

	if (type)
		TASK_TRAP(h->t, trap, trap_int("starSlotNum", slot), trap_int("starCardType", type->mib_type),
		          trap_str("starSlotSerialNumber", h->slots[slot].serial));
}

void hat_move_trap(struct hat *h, const char *trap, unsigned from, unsigned to)
{
	TASK_TRAP(h->t, trap, trap_int("starSlotNum", from), trap_int("starSlotNum", to));
}

/* The row, and with it the traps before it, is stored: the card may forget the event. Not before srdb says
 * so, however long its disk is full. */
static void stored(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	struct bus_from *from = arg;

	(void)m;
	(void)status; /* refused for good is an answer, too */
	if (from)
		task_reply_status_to(t, from, 0, "%s", "");
	free(from);
}

/* m: the request that is answered when the row is stored, or NULL. */
static void history(struct hat *h, const char *table, json_t *j, uint64_t wall, const struct bus_msg *m)
{
	struct bus_from *from = m ? malloc(sizeof(*from)) : NULL;
	Envelope env = ENVELOPE__INIT;
	HistoryWrite w = HISTORY_WRITE__INIT;
	HistoryRow r = HISTORY_ROW__INIT, *ptr = &r;

	r.table = (char *)table;
	r.json = json_dumps(j, JSON_COMPACT);
	r.at_wall_us = wall;
	w.rows = &ptr;
	w.n_rows = 1;
	env.body_case = ENVELOPE__BODY_HISTORY_WRITE;
	env.history_write = &w;
	if (from)
		*from = task_from(m);
	if (!r.json || task_request(h->t, "srdb/0", &env, TASK_FOREVER, TASK_RETRY, stored, from) < 0)
		free(from);
	free(r.json);
	json_decref(j);
}

void hat_rct(struct hat *h, const char *action, bool planned, unsigned from, unsigned to, uint64_t wall,
             uint64_t us, bool ok, const struct hat_move *mv)
{
	json_t *j = json_pack("{s:s, s:s, s:i, s:i, s:I, s:I, s:s}", "action", action, "type",
	                      planned ? "Planned" : "Unplanned", "from", from, "to", to, "start",
	                      (json_int_t)wall, "duration_us", (json_int_t)us, "status",
	                      ok ? "Success" : "Failure");

	LOG(EV_CARD_STATE, "%s from card %u to card %u took %llu ms", action, from, to,
	    (unsigned long long)(us / US_PER_MS));
	if (mv && mv->n_recovered) {
		json_object_set_new(j, "n_recovered", json_integer(mv->n_recovered));
		json_object_set_new(j, "recovered", json_string(mv->recovered));
	}
	history(h, "rct", j, wall, NULL);
}

/* --- tasks -------------------------------------------------------------------------------------------------
 */

static void task_trap_of(struct hat *h, const char *trap, const TaskReport *tr)
{
	TASK_TRAP(h->t, trap, trap_str("starTaskFacilityName", tr->facility),
	          trap_int("starTaskInstance", tr->instance), trap_int("starTaskCard", tr->card),
	          trap_int("starTaskCPU", tr->cpu));
}

static void task_history(struct hat *h, const TaskEvent *ev, const char *what, const struct bus_msg *m)
{
	history(h, "task_history",
	        json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:s, s:s, s:i, s:i}", "what", what, "facility",
	                  ev->task->facility, "instance", ev->task->instance, "card", ev->task->card, "cpu",
	                  ev->task->cpu, "pid", ev->task->pid, "reason", ev->reason, "core", ev->core,
	                  "recovered", ev->recovered, "recovery_ms", ev->recovery_ms),
	        ev->at_wall_us, m);
}

/* The chassis' disk keeps the newest cores; the manager is told once when from now on old ones go. */
static void bound_cores(struct hat *h, const TaskEvent *ev)
{
	unsigned kept = ev->core[0] ? crash_prune(h->t->state_dir) : 0;

	if (kept == CRASH_KEEP && !h->cores_full)
		TASK_TRAP(h->t, "ChassisCrashListFull", trap_int("starChassisCrashList", 1));
	if (kept)
		h->cores_full = kept == CRASH_KEEP;
}

/* A manager is up on the card that an unplanned move goes to: it was recovered there. */
static void note_recovered(struct hat *h, const TaskReport *tr)
{
	struct hat_move *mv = &h->move;
	size_t used = strlen(mv->recovered);

	if (!mv->on || mv->planned || tr->card != mv->to || !hat_is_manager(tr->facility) ||
	    tr->instance > PLACE_STANDBY_BASE || strcmp(tr->state, "active"))
		return;
	mv->n_recovered++;
	snprintf(mv->recovered + used, sizeof(mv->recovered) - used, "%s%s %u", used ? ", " : "",
	         tr->facility, tr->instance);
}

/* A card measured that a task crossed a level. The names a card may raise are these. */
static void usage_trap(struct hat *h, const TaskEvent *ev)
{
	static const char *const levels[] = {"CPUWarn",       "CPUWarnClear",      "CPUOver",
	                                     "CPUOverClear",  "SGSNRMMemWarn",     "SGSNRMMemWarnClear",
	                                     "SGSNRMMemOver", "SGSNRMMemOverClear"};
	const TaskReport *tr = ev->task;

	if (!strcmp(ev->trap, "CapacityReached"))
		TASK_TRAP(h->t, "CapacityReached", trap_int("starTaskInstance", tr->instance),
		          trap_int("starTaskCard", tr->card), trap_int("starTaskCPU", tr->cpu));
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (!strcmp(ev->trap, levels[i]))
			TASK_TRAP(h->t, levels[i], trap_str("starTaskFacilityName", tr->facility),
			          trap_int("starTaskInstance", tr->instance),
			          trap_int("starTaskCard", tr->card), trap_int("starTaskCPU", tr->cpu),
			          trap_int("starThreshInt", (int64_t)ev->allocated),
			          trap_int("starThreshMeasuredInt", (int64_t)ev->used));
}

/* Back-off goes on for what the card can live without. */
static void give_up(struct hat *h, const TaskReport *tr)
{
	const struct place_facility *f = place_facility(tr->facility);

	if (!f || !f->critical) {
		LOG(EV_TASK_GIVEN_UP, "%s/%u fails again and again; it is started less and less often",
		    tr->facility, tr->instance);
		return;
	}
	task_trap_of(h, "CritTaskFailed", tr);
	LOG(EV_TASK_GIVEN_UP, "%s/%u fails again and again; card %u is rebooted", tr->facility, tr->instance,
	    tr->card);
	hat_power(h, "cycle", tr->card, "task failures");
}

/* --- failures whose end nobody told
 * -------------------------------------------------------------------------- */

struct raised {
	struct {
		char facility[24];
		uint32_t instance;
		bool manager; /* ManagerFailure, else TaskFailed */
	} row[ALARMS_MAX];
	unsigned n;
	bool card[PROFILE_SLOTS_MAX + 1]; /* CardDown or CardRebootRequest */
	bool fresh;                       /* some are so young that their card is about to tell */
};

static int note_raised(const struct store_alarm *a, void *arg)
{
	struct raised *r = arg;
	bool manager = !strcmp(a->name, "ManagerFailure"),
	     card = !strcmp(a->name, "CardDown") || !strcmp(a->name, "CardRebootRequest");
	unsigned slot;

	if (!manager && !card && strcmp(a->name, "TaskFailed") != 0)
		return 0;
	if (clock_wall_us() - a->raised_us < BACK_MS * US_PER_MS) {
		r->fresh = true;
		return 0;
	}
	if (card) {
		if (sscanf(a->object, "Card %u", &slot) == 1 && slot <= PROFILE_SLOTS_MAX)
			r->card[slot] = true;
		return 0;
	}
	if (r->n < ALARMS_MAX &&
	    sscanf(a->object, "%23s %u", r->row[r->n].facility, &r->row[r->n].instance) == 2)
		r->row[r->n++].manager = manager;
	return 0;
}

/* The task that has this number and serves, or stands by, on any card. */
static const TaskReport *serving(const struct hat *h, const char *facility, uint32_t instance)
{
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		const CardReport *cr = h->slots[s].present ? h->slots[s].report : NULL;

		for (size_t i = 0; cr && i < cr->n_tasks; i++)
			if (cr->tasks[i]->instance == instance && !strcmp(cr->tasks[i]->facility, facility) &&
			    (!strcmp(cr->tasks[i]->state, "active") ||
			     !strcmp(cr->tasks[i]->state, "standby")))
				return cr->tasks[i];
	}
	return NULL;
}

/*
 * What failed with its card and was started on another one is a fresh start to that card, and a hatsystem
 * that died between knows nothing: the alarms that are raised say what still has to be told as recovered.
 */
static void back_cb(struct task *t, void *arg)
{
	struct hat *h = arg;
	struct raised r = {.n = 0};
	struct store_reader *store = store_open_reader(t->state_dir, STORE_STATE);

	task_timer_stop(h->back);
	h->back = NULL;
	if (store)
		store_alarm_list(store, true, note_raised, &r);
	store_close_reader(store);
	for (unsigned i = 0; i < r.n; i++) {
		const TaskReport *tr = serving(h, r.row[i].facility, r.row[i].instance);

		if (tr)
			task_trap_of(h, r.row[i].manager ? "ManagerRestart" : "TaskRestart", tr);
	}
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		if (r.card[s] && h->slots[s].present && h->slots[s].reported && !h->move.on &&
		    (hat_life_is(h, s, CARD_ACTIVE) || hat_life_is(h, s, CARD_STANDBY)))
			hat_card_trap(h, "CardUp", s);
	if (r.fresh)
		hat_back_soon(h);
}

void hat_back_soon(struct hat *h)
{
	if (!h->back)
		h->back = task_timer_start(h->t, BACK_MS, 0, back_cb, h);
}

/*
 * A manager's failure and recovery, in StarOS's order: ManagerFailure, TaskFailed, (SessMgrRecoveryComplete
 * from sessmgr), TaskRestart, ManagerRestart.
 */
void hat_task_event(struct hat *h, const struct bus_msg *m)
{
	const TaskEvent *ev = m->env->task_event;
	const TaskReport *tr = ev->task;
	bool manager = hat_is_manager(tr->facility);

	switch (ev->what) {
	case TASK_EVENT__WHAT__READY:
		note_recovered(h, tr);
		hat_back_soon(h);
		break;
	case TASK_EVENT__WHAT__HUNG:
		LOG(EV_TASK_HANG, "%s/%u on %u/%u hangs", tr->facility, tr->instance, tr->card, tr->cpu);
		break;
	case TASK_EVENT__WHAT__DIED:
		LOG(EV_TASK_FAILED, "%s/%u on %u/%u ended: %s", tr->facility, tr->instance, tr->card, tr->cpu,
		    ev->reason);
		if (manager)
			task_trap_of(h, "ManagerFailure", tr);
		task_trap_of(h, "TaskFailed", tr);
		task_history(h, ev, "failed", m);
		bound_cores(h, ev);
		break;
	case TASK_EVENT__WHAT__RESTARTED:
		LOG(EV_TASK_RESTARTED, "%s/%u on %u/%u is back after %u ms, %u recovered", tr->facility,
		    tr->instance, tr->card, tr->cpu, ev->recovery_ms, ev->recovered);
		task_trap_of(h, "TaskRestart", tr);
		if (manager)
			task_trap_of(h, "ManagerRestart", tr);
		task_history(h, ev, "restarted", m);
		break;
	case TASK_EVENT__WHAT__GAVE_UP:
		give_up(h, tr);
		break;
	case TASK_EVENT__WHAT__USAGE:
		usage_trap(h, ev);
		break;
	default:
		break;
	}
	if (ev->what != TASK_EVENT__WHAT__DIED && ev->what != TASK_EVENT__WHAT__RESTARTED)
		task_reply_status(h->t, m, 0, "%s", "");
}

/* --- cards -------------------------------------------------------------------------------------------------
 */

void hat_lost_managers(struct hat *h, unsigned slot)
{
	CardReport *cr = h->slots[slot].lost;

	for (size_t i = 0; cr && i < cr->n_tasks; i++)
		if (hat_is_manager(cr->tasks[i]->facility) && cr->tasks[i]->instance <= PLACE_STANDBY_BASE)
			task_trap_of(h, "ManagerFailure", cr->tasks[i]);
	if (cr)
		card_report__free_unpacked(cr, NULL);
	h->slots[slot].lost = NULL;
}

static void forget(struct hat_slot *s)
{
	if (s->lost)
		card_report__free_unpacked(s->lost, NULL);
	s->lost = s->report;
	s->report = NULL;
	s->present = s->reported = s->expected = s->life.role_active = false;
	s->role[0] = 0;
}

/* The target of a move dies: an order to move fails, everything else goes to another card. */
static void target_down(struct hat *h)
{
	if (h->move.planned && h->move.then == AFTER_NOTHING) {
		hat_move_abandon(h);
		return;
	}
	hat_move_trap(h, "CardMigrateFailed", h->move.from, h->move.to);
	h->move.to = 0;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		h->slots[s].spare_only = false;
	hat_state_save_move(h);
}

static void card_down(struct hat *h, unsigned slot, const char *reason, uint64_t wall)
{
	struct hat_slot *s = &h->slots[slot];
	bool was_active = hat_life_serves(h, slot) && s->type && s->type->processing;

	LOG(EV_CARD_FAIL, "card %u is down: %s", slot, reason);
	hat_busy_set(h, slot, false); /* whatever comes back is empty */
	forget(s);
	h->stale = h->planning;
	hat_life_down(h, slot);
	if (h->move.on && h->move.to == slot)
		target_down(h);
	if (h->move.on && h->move.from == slot)
		h->move.planned = false; /* it dies while it is emptied; what was to follow still follows */
	/* A second failure during a recovery: the plan covers both, the first keeps the record. */
	if (!was_active || h->move.on)
		return;
	h->move = (struct hat_move){
	        .on = true, .from = slot, .started_us = clock_now_us(), .started_wall = wall};
	hat_state_save_move(h);
}

void hat_missed_cards(struct hat *h)
{
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		struct hat_slot *hs = &h->slots[s];

		if (hs->expected && !hs->present)
			card_down(h, s, "it died while hatsystem was away", clock_wall_us());
	}
}

void hat_card_event(struct hat *h, const CardEvent *ev)
{
	struct hat_slot *s;

	if (ev->slot < 1 || ev->slot > PROFILE_SLOTS_MAX)
		return;
	s = &h->slots[ev->slot];
	switch (ev->what) {
	case CARD_EVENT__WHAT__UP:
		s->present = true;
		s->halted = s->too_hot = false; /* powered on while it is hot, it powers itself off again */
		h->presence_known |= ev->slot == h->t->card;
		hat_life_hardware(h, ev->slot);
		hat_hw_check(h);
		break;
	case CARD_EVENT__WHAT__DOWN:
		if (s->present)
			card_down(h, ev->slot, ev->reason, ev->at_wall_us);
		break;
	case CARD_EVENT__WHAT__HUNG:
		hat_power(h, "cycle", ev->slot, ev->reason[0] ? ev->reason : "heartbeat lost");
		break;
	case CARD_EVENT__WHAT__FABRIC:
		LOG(EV_FABRIC_LINK, "%s", ev->reason);
		return;
	case CARD_EVENT__WHAT__MIO_SWITCHOVER:
		s->expected = false; /* told here */
		hat_life_down(h, ev->slot);
		hat_move_trap(h, "CardSwitchoverStart", ev->slot, ev->active_mio);
		hat_move_trap(h, "CardSwitchoverComplete", ev->slot, ev->active_mio);
		hat_rct(h, "Switchover", !strcmp(ev->reason, "switch") || !strcmp(ev->reason, "reboot"),
		        ev->slot, ev->active_mio, ev->at_wall_us, clock_wall_us() - ev->at_wall_us, true,
		        NULL);
		if (ev->active_mio >= 1 && ev->active_mio <= PROFILE_SLOTS_MAX)
			hat_life_report(h, ev->active_mio, true);
		break;
	default:
		break;
	}
	hat_plan_soon(h);
}

/* --- single points of failure ------------------------------------------------------------------------------
 */

/* How many other cards of the kind could do its work now? */
static unsigned others(const struct hat *h, unsigned slot)
{
	const struct card_type *type = h->slots[slot].type;
	unsigned n = 0;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		if (s == slot || !h->slots[s].type || strcmp(h->slots[s].type->slot_type, type->slot_type))
			continue;
		n += hat_life_is(h, s, CARD_STANDBY) || (!type->processing && hat_life_serves(h, s));
	}
	return n;
}

/* Packet cards 1:N, management and status cards 1:1, fabric cards N+1. */
static bool covered(const struct hat *h, unsigned slot)
{
	unsigned need = !strcmp(h->slots[slot].type->slot_type, "FSC") ? h->profile.fabric_cards : 1;

	return others(h, slot) >= need;
}

bool hat_covered(const struct hat *h, unsigned slot)
{
	return h->slots[slot].type && covered(h, slot);
}

static void settle_cb(struct task *t, void *arg)
{
	struct hat *h = arg;

	(void)t;
	task_timer_stop(h->settle);
	h->settle = NULL;
	hat_spof(h);
}

/* While a chassis boots its cards get their roles one after the other: which of them has nobody beside it is
 * known when all have one, or had their time. */
static bool settling(struct hat *h)
{
	bool waits = false;

	if (h->resumed || h->settled)
		return false;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX && !waits; s++)
		waits = h->hw.card[s] && !hat_life_serves(h, s) && !hat_life_is(h, s, CARD_STANDBY);
	h->settled = !waits || clock_now_us() - h->activated_us >= SETTLE_MS * US_PER_MS;
	if (!h->settled && !h->settle)
		h->settle = task_timer_start(h->t, SETTLE_MS, 0, settle_cb, h);
	return !h->settled;
}

void hat_spof(struct hat *h)
{
	if (settling(h))
		return;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		/* one that is emptied is no longer what sessions depend on */
		bool active = hat_life_serves(h, s) && !hat_life_is(h, s, CARD_MIGRATEFROM);
		bool spof = active && !covered(h, s);

		if (h->move.on || spof == h->slots[s].spof_told)
			continue;
		h->slots[s].spof_told = spof;
		hat_state_save_told(h);
		hat_card_trap(h, spof ? "CardSPOFAlarm" : "CardSPOFClear", s);
	}
}

/* --- fewer active packet cards than configured
 * ---------------------------------------------------------------------- */

/* The cards that `mode active` wants; those that serve. */
static unsigned configured_cards(const struct hat *h, unsigned *active)
{
	unsigned n = 0;

	*active = 0;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		n += h->want_active[s] && !h->slots[s].shut;
		*active += h->slots[s].type && h->slots[s].type->processing && hat_life_serves(h, s);
	}
	return n;
}

static void tell_service(struct hat *h, unsigned configured, unsigned active)
{
	struct trap_arg mode = trap_int("starCardMode", MIB_ACTIVEDPC);

	h->lack_told = !h->lack_told;
	hat_state_save_told(h);
	LOG(EV_SERVICE_LOSS, "%u of %u packet cards configured active are", active, configured);
	if (h->lack_told)
		TASK_TRAP(h->t, "ServiceLossPTACs", mode, trap_int("starPTACConfig", configured),
		          trap_int("starPTACActive", active));
	else
		TASK_TRAP(h->t, "ServiceLossPTACsClear", mode);
}

static void lack_cb(struct task *t, void *arg)
{
	struct hat *h = arg;
	unsigned active, configured = configured_cards(h, &active);

	(void)t;
	task_timer_stop(h->lack);
	h->lack = NULL;
	if ((active < configured) != h->lack_told)
		tell_service(h, configured, active);
}

void hat_service(struct hat *h)
{
	unsigned active, configured = configured_cards(h, &active);

	if ((active < configured) == h->lack_told) {
		task_timer_stop(h->lack);
		h->lack = NULL;
	} else if (h->lack_told) {
		tell_service(h, configured, active);
	} else if (!h->lack) {
		h->lack = task_timer_start(h->t, LACK_MS, 0, lack_cb, h);
	}
}
