/* SPDX-License-Identifier: MIT */
/*
 * The operator's orders: card halt, reboot, migrate, switch; task kill. Refused with StarOS's kind of words
 * when they make no sense; a planned move empties the card first and powers it off or on after.
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
	return h->profile.card[slot] && h->profile.card[slot]->processing;
}

static bool is_active(const struct hat *h, unsigned slot)
{
	return h->slots[slot].present && !strcmp(h->slots[slot].state, "active");
}

static unsigned count_state(const struct hat *h, const char *slot_type, const char *state)
{
	unsigned n = 0;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		n += h->profile.card[s] && h->slots[s].present &&
		     !strcmp(h->profile.card[s]->slot_type, slot_type) && !strcmp(h->slots[s].state, state);
	return n;
}

/* Empty a card onto `to` (0: any standby), then do `then` with it. false: there is nowhere to go. */
static bool move_start(struct hat *h, unsigned from, unsigned to, int then)
{
	if (!count_state(h, h->profile.card[from]->slot_type, "standby"))
		return false;
	if (h->move.on) /* forced */
		hat_move_abandon(h);
	for (unsigned s = 1; to && s <= PROFILE_SLOTS_MAX; s++)
		h->slots[s].spare_only = s != to && processing(h, s) && !strcmp(h->slots[s].state, "standby");
	h->slots[from].leaving = true;
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

void hat_move_abandon(struct hat *h)
{
	struct hat_move mv = h->move;

	h->move.on = false;
	hat_state_save_move(h);
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		h->slots[s].spare_only = false;
	h->slots[mv.from].leaving = false;
	if (mv.then != AFTER_NOTHING) {
		h->slots[mv.from].halted = mv.then == AFTER_OFF;
		hat_state_save_slot(h, mv.from);
		hat_power(h, mv.then == AFTER_OFF ? "off" : "cycle", mv.from,
		          mv.then == AFTER_OFF ? "halt" : "reboot");
	}
	if (mv.planned)
		LOG(EV_CARD_STATE, "the move from card %u to card %u is given up", mv.from, mv.to);
	h->replan = true;
	hat_plan_soon(h);
}

/* Why the order cannot be; NULL when it can. */
static const char *refusal(const struct hat *h, const CardOrder *o, char *buf, size_t size)
{
	const struct card_type *type;

	if (o->slot < 1 || o->slot > h->profile.slots || o->slot > PROFILE_SLOTS_MAX) {
		snprintf(buf, size, "Failure: Invalid slot number %u; the legal range is 1 to %u", o->slot,
		         h->profile.slots);
		return buf;
	}
	if (o->what > CARD_ORDER__WHAT__SWITCH) {
		snprintf(buf, size, "Failure: Unknown order %d", (int)o->what);
		return buf;
	}
	type = h->profile.card[o->slot];
	if (!type) {
		snprintf(buf, size, "Failure: There is no card in slot %u", o->slot);
		return buf;
	}
	if (!h->slots[o->slot].present && o->what != CARD_ORDER__WHAT__REBOOT) {
		snprintf(buf, size, "Failure: Card %u is not running", o->slot);
		return buf;
	}
	if (h->move.on && !o->force) {
		snprintf(buf, size, "Failure: A migration from card %u to card %u is in progress",
		         h->move.from, h->move.to);
		return buf;
	}
	if (o->what == CARD_ORDER__WHAT__HALT && type->management) {
		snprintf(buf, size,
		         "Failure: Card %u is a management card and cannot be halted; the legal slots are "
		         "1-4 and 7-18",
		         o->slot);
		return buf;
	}
	if (!type->processing && !type->management && is_active(h, o->slot) &&
	    o->what != CARD_ORDER__WHAT__MIGRATE && count_state(h, type->slot_type, "active") < 2) {
		snprintf(buf, size, "Failure: Card %u is the last active %s", o->slot, type->description);
		return buf;
	}
	return NULL;
}

static const char *migrate_refusal(const struct hat *h, const CardOrder *o, char *buf, size_t size)
{
	bool known = o->to_slot >= 1 && o->to_slot <= PROFILE_SLOTS_MAX && h->profile.card[o->to_slot];
	const char *why = NULL;

	if (!known)
		why = "there is no card in the destination slot";
	else if (!processing(h, o->slot) || !processing(h, o->to_slot))
		why = "both must be packet processing cards";
	else if (!is_active(h, o->slot))
		why = "the source card is not active";
	else if (strcmp(h->slots[o->to_slot].state, "standby"))
		why = "the destination card is not in standby";
	if (!why)
		return NULL;
	snprintf(buf, size, "Failure: Cannot migrate from card %u to card %u: %s", o->slot, o->to_slot, why);
	return buf;
}

static const char *switch_refusal(const struct hat *h, const CardOrder *o, char *buf, size_t size)
{
	bool ok = o->to_slot >= 1 && o->to_slot <= PROFILE_SLOTS_MAX && h->profile.card[o->to_slot] &&
	          h->profile.card[o->slot]->management && h->profile.card[o->to_slot]->management &&
	          o->slot == hat_active_mio(h) && !strcmp(h->slots[o->to_slot].state, "standby");

	if (ok)
		return NULL;
	snprintf(buf, size,
	         "Failure: Cannot switch from card %u to card %u: needs the active and the standby "
	         "management card",
	         o->slot, o->to_slot);
	return buf;
}

static void off_or_cycle(struct hat *h, const CardOrder *o)
{
	bool halt = o->what == CARD_ORDER__WHAT__HALT;

	h->slots[o->slot].halted = halt;
	hat_state_save_slot(h, o->slot);
	hat_power(h, halt ? "off" : (h->slots[o->slot].present ? "cycle" : "on"), o->slot,
	          halt ? "halt" : "reboot");
}

void hat_card_order(struct task *t, const struct bus_msg *m)
{
	struct hat *h = t->data;
	const CardOrder *o = m->env->card_order;
	char buf[200];
	const char *why = refusal(h, o, buf, sizeof(buf));

	if (!why && o->what == CARD_ORDER__WHAT__MIGRATE)
		why = migrate_refusal(h, o, buf, sizeof(buf));
	if (!why && o->what == CARD_ORDER__WHAT__SWITCH)
		why = switch_refusal(h, o, buf, sizeof(buf));
	if (why) {
		task_reply_status(t, m, -EINVAL, "%s", why);
		return;
	}
	task_reply_status(t, m, 0, "%s", "");
	if (o->what != CARD_ORDER__WHAT__SWITCH)
		hat_card_trap(h, "CardRebootRequest", o->slot);
	if (o->what == CARD_ORDER__WHAT__SWITCH)
		hat_power(h, "cycle", o->slot, "switch");
	else if (o->what == CARD_ORDER__WHAT__MIGRATE)
		move_start(h, o->slot, o->to_slot, AFTER_NOTHING);
	else if (!processing(h, o->slot) || !is_active(h, o->slot) ||
	         !move_start(h, o->slot, 0, o->what == CARD_ORDER__WHAT__HALT ? AFTER_OFF : AFTER_CYCLE))
		off_or_cycle(h, o);
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
