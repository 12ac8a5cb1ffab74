/* SPDX-License-Identifier: MIT */
/*
 * The operator's orders: card halt, reboot, restart, upgrade, migrate, switch, and what the configuration
 * wants of cards (mode, shutdown); task kill. Refused with StarOS's kind of words when they make no sense; a
 * planned move empties the card first and powers it off or on after.
 */
#include "hat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static bool processing(const struct hat *h, unsigned slot)
{
	return h->slots[slot].type && h->slots[slot].type->processing;
}

/* Other packet cards in this state; CARD_STATES: that serve. */
static unsigned other_cards(const struct hat *h, unsigned slot, enum card_state state)
{
	unsigned n = 0;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		n += s != slot && processing(h, s) &&
		     (state == CARD_STATES ? hat_life_serves(h, s) : hat_life_is(h, s, state));
	return n;
}

/* Empty a card onto `to` (0: any standby, or the other active ones), then do `then` with it. false: nowhere
 * to go. */
static bool move_start(struct hat *h, unsigned from, unsigned to, int then)
{
	if (!other_cards(h, from, CARD_STANDBY) && !other_cards(h, from, CARD_STATES))
		return false;
	if (h->move.on && h->move.planned && h->move.from == from && (!to || to == h->move.to)) {
		h->move.then = then; /* it is being emptied already; the newer order says what follows */
		hat_state_save_move(h);
		return true;
	}
	if (h->move.on) /* forced */
		hat_move_abandon(h);
	for (unsigned s = 1; to && s <= PROFILE_SLOTS_MAX; s++)
		h->slots[s].spare_only = s != to && processing(h, s) && hat_life_is(h, s, CARD_STANDBY);
	h->slots[from].leaving = true;
	h->stale = h->planning;
	h->move = (struct hat_move){.on = true,
	                            .planned = true,
	                            .from = from,
	                            .started_us = clock_now_us(),
	                            .started_wall = clock_wall_us()};
	h->move.then = then;
	hat_state_save_move(h);
	hat_plan_soon(h);
	return true;
}

void hat_order_then(struct hat *h, unsigned slot, int then)
{
	static const struct {
		const char *verb, *reason;
	} table[] = {[AFTER_OFF] = {"off", "halt"},
	             [AFTER_CYCLE] = {"cycle", "reboot"},
	             [AFTER_RESTART] = {"restart", "restart"}};
	struct hat_slot *s = &h->slots[slot];

	if (then == AFTER_NOTHING)
		return;
	s->halted = then == AFTER_OFF && !s->shut;
	hat_state_save_slot(h, slot);
	if (!s->present)
		hat_power(h, then == AFTER_OFF ? "off" : "on", slot, table[then].reason);
	else
		hat_power(h, table[then].verb, slot,
		          s->shut        ? "shutdown"
		          : s->upgrading ? "upgrade"
		                         : table[then].reason);
}

void hat_move_abandon(struct hat *h)
{
	struct hat_move mv = h->move;

	h->move.on = false;
	hat_state_save_move(h);
	hat_life_move(h, CARD_EV_ABANDONED, CARD_EV_ABANDONED);
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		h->slots[s].spare_only = false;
	h->slots[mv.from].leaving = false;
	hat_order_then(h, mv.from, mv.then);
	if (mv.planned || mv.to)
		LOG(EV_CARD_STATE, "the move from card %u to card %u is given up", mv.from, mv.to);
	if (mv.to) { /* MigrateStart was told */
		hat_move_trap(h, "CardMigrateFailed", mv.from, mv.to);
		hat_rct(h, "Migration", mv.planned, mv.from, mv.to, mv.started_wall,
		        clock_now_us() - mv.started_us, false, NULL);
	}
	h->replan = true;
	hat_plan_soon(h);
}

/* --- refusals
 * ------------------------------------------------------------------------------------------------- */

/* What each order is called, and where it makes sense. */
static const struct {
	const char *word;
	bool management; /* also of a management card */
	bool offline;    /* also of a card that does not run */
	bool leaves;     /* the card does not do its work for a time */
	int then;
} orders[] = {
        [CARD_ORDER__WHAT__HALT] = {"halted", false, false, true, AFTER_OFF},
        [CARD_ORDER__WHAT__REBOOT] = {"rebooted", true, true, true, AFTER_CYCLE},
        [CARD_ORDER__WHAT__MIGRATE] = {"migrated", true, false, false, AFTER_NOTHING},
        [CARD_ORDER__WHAT__SWITCH] = {"switched", true, false, false, AFTER_NOTHING},
        [CARD_ORDER__WHAT__RESTART] = {"restarted", true, false, true, AFTER_RESTART},
        [CARD_ORDER__WHAT__BUSY_OUT] = {"busied out", false, false, false, AFTER_NOTHING},
        [CARD_ORDER__WHAT__BUSY_IN] = {"busied out", false, false, false, AFTER_NOTHING},
        [CARD_ORDER__WHAT__UPGRADE] = {"upgraded", false, false, true, AFTER_CYCLE},
};

const char *hat_order_needed(const struct hat *h, unsigned slot, char *buf, size_t size)
{
	const struct card_type *type = h->slots[slot].type;
	bool fabric = !strcmp(type->slot_type, "FSC");
	unsigned active = 0, need = fabric ? h->profile.fabric_cards : 1;

	if (type->processing || type->management || !hat_life_serves(h, slot))
		return NULL;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		active += h->slots[s].type && !strcmp(h->slots[s].type->slot_type, type->slot_type) &&
		          hat_life_serves(h, s);
	if (active > need)
		return NULL;
	snprintf(buf, size, "Failure: Card %u is the last active %s; %s needs %u of %u active", slot,
	         type->description, fabric ? "the fabric" : "the chassis", need, active);
	if (need > 1)
		snprintf(buf, size,
		         "Failure: Card %u is one of %u active fabric cards, and the fabric needs %u", slot,
		         active, need);
	return buf;
}

/* Without -force, nothing is ordered that ends all service. */
static const char *alone(const struct hat *h, const CardOrder *o, char *buf, size_t size)
{
	const struct card_type *type = h->slots[o->slot].type;

	if (o->force || !hat_life_serves(h, o->slot))
		return NULL;
	if (type->management && !hat_covered(h, o->slot)) {
		snprintf(buf, size,
		         "Failure: Card %u is the only management card; use -force to have the chassis "
		         "without one for a time",
		         o->slot);
		return buf;
	}
	if (type->processing && !other_cards(h, o->slot, CARD_STANDBY) &&
	    !other_cards(h, o->slot, CARD_STATES)) {
		snprintf(buf, size,
		         "Failure: Card %u is the only packet card, and its sessions would be lost; use "
		         "-force to do it all the same",
		         o->slot);
		return buf;
	}
	return NULL;
}

/* Why the order cannot be; NULL when it can. */
static const char *refusal(const struct hat *h, const CardOrder *o, char *buf, size_t size)
{
	const struct hat_slot *s;

	if (o->slot < 1 || o->slot > h->profile.slots || o->slot > PROFILE_SLOTS_MAX) {
		snprintf(buf, size, "Failure: Invalid slot number %u; the legal range is 1 to %u", o->slot,
		         h->profile.slots);
		return buf;
	}
	if (o->what < 0 || (size_t)o->what >= sizeof(orders) / sizeof(orders[0]) || !orders[o->what].word) {
		snprintf(buf, size, "Failure: Unknown order %d", (int)o->what);
		return buf;
	}
	s = &h->slots[o->slot];
	if (hat_life_is(h, o->slot, CARD_EMPTY) || !s->type) {
		snprintf(buf, size, "Failure: There is no card in slot %u", o->slot);
		return buf;
	}
	if (!s->present && !orders[o->what].offline) {
		snprintf(buf, size, "Failure: Card %u is not running", o->slot);
		return buf;
	}
	if (s->shut) {
		snprintf(buf, size, "Failure: Card %u is shut down by its configuration", o->slot);
		return buf;
	}
	if (s->too_hot && !o->force) {
		snprintf(buf, size,
		         "Failure: Card %u powered itself off at its temperature limit of %d C; it comes "
		         "back when it has cooled down",
		         o->slot, s->type->heat.off);
		return buf;
	}
	if (h->move.on && !o->force) {
		snprintf(buf, size, "Failure: A migration from card %u to card %u is in progress",
		         h->move.from, h->move.to);
		return buf;
	}
	if (s->type->management && !orders[o->what].management) {
		snprintf(buf, size,
		         "Failure: Card %u is a management card and cannot be %s; the legal slots are "
		         "1-4 and 7-18",
		         o->slot, orders[o->what].word);
		return buf;
	}
	return !orders[o->what].leaves                   ? NULL
	       : hat_order_needed(h, o->slot, buf, size) ? buf
	                                                 : alone(h, o, buf, size);
}

static const char *migrate_refusal(const struct hat *h, const CardOrder *o, char *buf, size_t size)
{
	bool known = o->to_slot >= 1 && o->to_slot <= PROFILE_SLOTS_MAX && h->slots[o->to_slot].type &&
	             !hat_life_is(h, o->to_slot, CARD_EMPTY);
	const char *why = NULL;

	if (!known)
		why = "there is no card in the destination slot";
	else if (!processing(h, o->slot) || !processing(h, o->to_slot))
		why = "both must be packet processing cards";
	else if (!hat_life_serves(h, o->slot))
		why = "the source card is not active";
	else if (!hat_life_is(h, o->to_slot, CARD_STANDBY))
		why = "the destination card is not in standby";
	if (!why)
		return NULL;
	snprintf(buf, size, "Failure: Cannot migrate from card %u to card %u: %s", o->slot, o->to_slot, why);
	return buf;
}

static const char *switch_refusal(const struct hat *h, const CardOrder *o, char *buf, size_t size)
{
	bool ok = o->to_slot >= 1 && o->to_slot <= PROFILE_SLOTS_MAX && h->slots[o->to_slot].type &&
	          h->slots[o->slot].type->management && h->slots[o->to_slot].type->management &&
	          o->slot == hat_active_mio(h) && hat_life_is(h, o->to_slot, CARD_STANDBY);

	if (ok)
		return NULL;
	snprintf(buf, size,
	         "Failure: Cannot switch from card %u to card %u: needs the active and the standby "
	         "management card",
	         o->slot, o->to_slot);
	return buf;
}

/* The order that is being carried out: the hatsystem that it was given to may have died before it said yes.
 */
static bool under_way(const struct hat *h, const CardOrder *o)
{
	const struct hat_move *mv = &h->move;
	bool migrate = o->what == CARD_ORDER__WHAT__MIGRATE;

	if (o->what < 0 || (size_t)o->what >= sizeof(orders) / sizeof(orders[0]))
		return false;
	return mv->on && mv->planned && mv->from == o->slot && (migrate || orders[o->what].leaves) &&
	       (int)mv->then == orders[o->what].then && (!migrate || mv->to == o->to_slot);
}

static void carry_out(struct hat *h, const CardOrder *o)
{
	h->slots[o->slot].upgrading = o->what == CARD_ORDER__WHAT__UPGRADE;
	if (orders[o->what].leaves)
		hat_card_trap(h, "CardRebootRequest", o->slot);
	if (o->what == CARD_ORDER__WHAT__SWITCH)
		hat_power(h, "cycle", o->slot, "switch");
	else if (o->what == CARD_ORDER__WHAT__MIGRATE)
		move_start(h, o->slot, o->to_slot, AFTER_NOTHING);
	else if (!processing(h, o->slot) || !hat_life_serves(h, o->slot) ||
	         !move_start(h, o->slot, 0, orders[o->what].then))
		hat_order_then(h, o->slot, orders[o->what].then);
}

void hat_card_order(struct task *t, const struct bus_msg *m)
{
	struct hat *h = t->data;
	const CardOrder *o = m->env->card_order;
	bool busy_out = o->what == CARD_ORDER__WHAT__BUSY_OUT;
	bool busy = busy_out || o->what == CARD_ORDER__WHAT__BUSY_IN;
	char buf[240];
	const char *why = refusal(h, o, buf, sizeof(buf));

	if (!why && o->what == CARD_ORDER__WHAT__MIGRATE)
		why = migrate_refusal(h, o, buf, sizeof(buf));
	if (!why && o->what == CARD_ORDER__WHAT__SWITCH)
		why = switch_refusal(h, o, buf, sizeof(buf));
	if (!why && busy)
		why = hat_busy_refusal(h, o->slot, busy_out, o->force, buf, sizeof(buf));
	if (why && under_way(h, o)) {
		hat_state_answer(h, o->slot, m);
		return;
	}
	if (why) {
		task_reply_status(t, m, -EINVAL, "%s", why);
		return;
	}
	if (h->slots[o->slot].type->management) /* this process may go with it */
		task_reply_status(t, m, 0, "%s", "");
	if (busy)
		hat_busy_set(h, o->slot, busy_out);
	else
		carry_out(h, o);
	if (!h->slots[o->slot].type->management)
		hat_state_answer(h, o->slot, m);
}

/* --- configuration
 * -------------------------------------------------------------------------------------------- */

void hat_order_config(struct hat *h, unsigned slot, bool want_active, bool shut, bool first)
{
	struct hat_slot *s = &h->slots[slot];
	bool came_back = s->shut && !shut;

	s->demote |= !first && !shut && h->want_active[slot] && !want_active && hat_life_serves(h, slot);
	s->demote &= !want_active;
	h->want_active[slot] = want_active;
	s->shut = shut;
	s->shut_told &= shut;
	if (!first && came_back && !s->halted && hat_life_is(h, slot, CARD_OFFLINE))
		hat_power(h, "on", slot, "no shutdown");
}

/* One that is shut down: emptied first where there is something to empty, then off. */
static void shut_down(struct hat *h, unsigned slot)
{
	struct hat_slot *s = &h->slots[slot];
	char why[200];

	if (s->type->management || hat_order_needed(h, slot, why, sizeof(why))) {
		if (!s->shut_told)
			LOG(EV_CHASSIS_ERROR, "card %u stays in service in spite of its shutdown: %s", slot,
			    s->type->management ? "it is a management card" : why);
		s->shut_told = true;
		return;
	}
	if (!processing(h, slot) || !hat_life_is(h, slot, CARD_ACTIVE) || !move_start(h, slot, 0, AFTER_OFF))
		hat_order_then(h, slot, AFTER_OFF);
}

void hat_order_pending(struct hat *h)
{
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX && !h->move.on; s++) {
		struct hat_slot *hs = &h->slots[s];

		if (!hs->present || !hs->reported || !hs->type)
			continue;
		if (hs->shut)
			shut_down(h, s);
		else if (hs->demote && processing(h, s) && hat_life_serves(h, s))
			move_start(h, s, 0, AFTER_NOTHING);
		hs->demote = false;
	}
}

/* --- task kill ---------------------------------------------------------------------------------------------
 */

static void kill_on(struct hat *h, unsigned slot, const TaskReport *tr, bool core)
{
	Envelope env = ENVELOPE__INIT;
	TaskOrders to = TASK_ORDERS__INIT;
	TaskOrder o = TASK_ORDER__INIT, *ptr = &o;
	char dst[40];

	o.what = core ? TASK_ORDER__WHAT__CORE : TASK_ORDER__WHAT__KILL;
	o.facility = tr->facility;
	o.instance = tr->instance;
	to.orders = &ptr;
	to.n_orders = 1;
	env.body_case = ENVELOPE__BODY_TASK_ORDERS;
	env.task_orders = &to;
	snprintf(dst, sizeof(dst), "card/%u", slot);
	task_send(h->t, dst, &env);
}

void hat_task_kill(struct task *t, const struct bus_msg *m)
{
	struct hat *h = t->data;
	const TaskKill *k = m->env->task_kill;
	unsigned n = 0;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		const CardReport *cr = h->slots[s].present ? h->slots[s].report : NULL;

		for (size_t i = 0; cr && i < cr->n_tasks; i++) {
			const TaskReport *tr = cr->tasks[i];

			if (strcmp(tr->facility, k->facility) || (!k->all && tr->instance != k->instance) ||
			    tr->pid <= 0)
				continue;
			if (!k->all && !strcmp(tr->state, "standby") && tr->instance <= PLACE_STANDBY_BASE)
				continue; /* the warm controller of the standby MIO is not what is meant */
			kill_on(h, s, tr, k->core);
			n++;
		}
	}
	if (n)
		task_reply_status(t, m, 0, "%s", "");
	else if (k->all)
		task_reply_status(t, m, -ESRCH, "Failure: No task of facility %s is running", k->facility);
	else
		task_reply_status(t, m, -ESRCH, "Failure: No task %s instance %u is running", k->facility,
		                  k->instance);
}
