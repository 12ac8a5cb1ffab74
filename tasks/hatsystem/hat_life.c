/* SPDX-License-Identifier: MIT */
/*
 * Each slot's card as a state machine (lib/chassis/card_life.c): what the backplane, the card and the moves
 * say becomes events; a change of state becomes its trap and its checkpoint. Nothing else sets a card's
 * state.
 */
#include "hat.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* The trap a change deserves; NULL: none. */
static const char *trap_of(enum card_state from, enum card_state to)
{
	switch (to) {
	case CARD_EMPTY:
		return "CardRemoved";
	case CARD_OFFLINE:
		return from == CARD_EMPTY ? "CardInserted" : "CardDown";
	case CARD_READY:
		return "CardUp";
	case CARD_STANDBY:
		return from == CARD_MIGRATETO ? NULL : "CardStandby";
	case CARD_ACTIVE:
		return from == CARD_MIGRATEFROM ? NULL : "CardActive";
	default:
		return NULL;
	}
}

static void changed(struct card_life *c, enum card_state from, enum card_state to)
{
	struct hat *h = c->arg;
	struct hat_slot *s = &h->slots[c->slot];
	const char *trap = trap_of(from, to);

	s->changed_wall = clock_wall_us();
	if (h->restoring)
		return;
	LOG(EV_CARD_STATE, "card %u: %s -> %s", c->slot, card_state_name(from), card_state_name(to));
	if (to == CARD_STANDBY || to == CARD_ACTIVE || to == CARD_OFFLINE)
		s->upgrading &= to == CARD_OFFLINE;
	if (trap)
		hat_card_trap(h, trap, c->slot);
	hat_state_save_slot(h, c->slot);
}

void hat_life_start(struct hat *h)
{
	hardware_init(&h->hw, &h->profile);
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		h->slots[s].type = h->hw.card[s];
		memcpy(h->slots[s].serial, h->hw.serial[s], sizeof(h->slots[s].serial));
		card_life_init(&h->slots[s].life, s, h->hw.card[s] ? CARD_OFFLINE : CARD_EMPTY, changed, h);
	}
}

enum card_state hat_life(const struct hat *h, unsigned slot)
{
	return card_life_state(&h->slots[slot].life);
}

bool hat_life_is(const struct hat *h, unsigned slot, enum card_state state)
{
	return hat_life(h, slot) == state;
}

bool hat_life_serves(const struct hat *h, unsigned slot)
{
	return card_state_serves(hat_life(h, slot));
}

void hat_life_restore(struct hat *h, unsigned slot, enum card_state state)
{
	h->restoring = true;
	fsm_restore(&h->slots[slot].life.fsm, (int)state);
	h->restoring = false;
}

static void removed(struct hat *h, unsigned slot)
{
	h->slots[slot].halted = h->slots[slot].taken_out = false;
	card_life_event(&h->slots[slot].life, CARD_EV_PULL);
}

/* What the backplane has told of the slot, as events; what is missing comes later. */
void hat_life_hardware(struct hat *h, unsigned slot)
{
	struct hat_slot *s = &h->slots[slot];

	if (h->hw.card[slot]) {
		s->type = h->hw.card[slot];
		memcpy(s->serial, h->hw.serial[slot], sizeof(s->serial));
		if (hat_life_is(h, slot, CARD_EMPTY))
			card_life_event(&s->life, CARD_EV_INSERT);
		if (h->hw.powered[slot] && hat_life_is(h, slot, CARD_OFFLINE))
			card_life_event(&s->life, CARD_EV_POWER);
	} else if (hat_life_is(h, slot, CARD_OFFLINE)) {
		removed(h, slot);
	} else if (!hat_life_is(h, slot, CARD_EMPTY)) {
		s->taken_out = true; /* whatever is in the slot by the time its end is told */
	}
}

/* The card lives: catch up with what its hardware line has not told. */
static void alive(struct hat *h, unsigned slot)
{
	struct hat_slot *s = &h->slots[slot];

	if (hat_life_is(h, slot, CARD_EMPTY))
		card_life_event(&s->life, CARD_EV_INSERT);
	if (hat_life_is(h, slot, CARD_OFFLINE))
		card_life_event(&s->life, CARD_EV_POWER);
}

/*
 * The card says what it is. A standby management card that says it is active has taken over: that is told in
 * the order of a switchover, when the backplane's line comes (or by the next plan, if that line was lost with
 * a hatsystem).
 */
void hat_life_report(struct hat *h, unsigned slot, bool plan)
{
	struct hat_slot *s = &h->slots[slot];
	bool active = !strcmp(s->role, "active"), standby = !strcmp(s->role, "standby");

	alive(h, slot);
	if (hat_life_is(h, slot, CARD_BOOTING))
		card_life_event(&s->life, CARD_EV_REPORT);
	s->life.role_active = active;
	if (active && !plan && s->type && s->type->management && hat_life_is(h, slot, CARD_STANDBY))
		return;
	if (active && !hat_life_is(h, slot, CARD_ACTIVE))
		card_life_event(&s->life, CARD_EV_ACTIVE);
	else if (standby && !hat_life_is(h, slot, CARD_STANDBY))
		card_life_event(&s->life, CARD_EV_STANDBY);
	hat_back_soon(h);
}

void hat_life_down(struct hat *h, unsigned slot)
{
	if (card_state_alive(hat_life(h, slot)))
		card_life_event(&h->slots[slot].life, CARD_EV_DOWN);
	if (h->slots[slot].taken_out && hat_life_is(h, slot, CARD_OFFLINE))
		removed(h, slot);
	hat_life_hardware(h, slot);
}

/* A move begins, ends or is given up: both its cards hear of it. */
void hat_life_move(struct hat *h, enum card_event from_event, enum card_event to_event)
{
	const struct hat_move *m = &h->move;

	if (m->from && m->planned && hat_life_serves(h, m->from))
		card_life_event(&h->slots[m->from].life, from_event);
	if (m->to && card_state_alive(hat_life(h, m->to)))
		card_life_event(&h->slots[m->to].life, to_event);
}
