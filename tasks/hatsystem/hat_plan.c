/* SPDX-License-Identifier: MIT */
/*
 * From what is to what should be: inventory and running tasks go to rmctrl, the placement comes back, and the
 * difference becomes orders: a standby instance assumes a failed number where there is one, else a task is
 * started; what should not run is stopped first, and only when it is gone does it start elsewhere (never two
 * owners). Runs again whenever anything changes.
 */
#include "hat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "task/silence.h"

#define SETTLE_MS   2
#define TURN_MS     50
#define BOOT_HOLD   100 /* turns of the loop: after each, what had come by then was taken */
#define FENCE_AT    (SILENCE_TIMES * BOOT_HOLD)
#define FENCE_HOLD  (FENCE_AT + BOOT_HOLD)
#define RESUME_HOLD 2 /* all presence lines come in one go */
#define PLAN_MS     2000
#define CHECK_MS    1000

static void plan_cb(struct task *t, void *arg);

static void check_cb(struct task *t, void *arg)
{
	struct hat *h = arg;

	(void)t;
	task_timer_stop(h->check);
	h->check = NULL;
	hat_plan_soon(h);
}

/* Orders are one-way: until there is nothing to order any more, the plan is compared again. */
static void check_later(struct hat *h)
{
	if (!h->check)
		h->check = task_timer_start(h->t, CHECK_MS, 0, check_cb, h);
}

bool hat_is_manager(const char *facility)
{
	const struct place_facility *f = place_facility(facility);

	return f && (f->where == PLACE_ACTIVE || f->where == PLACE_DEMUX);
}

unsigned hat_active_mio(const struct hat *h)
{
	return h->t->card; /* where hatsystem runs */
}

void hat_plan_soon(struct hat *h)
{
	if (h->planning) {
		h->replan = true;
		return;
	}
	if (!h->timer)
		h->timer = task_timer_start(h->t, SETTLE_MS, 0, plan_cb, h);
}

void hat_power(struct hat *h, const char *verb, unsigned slot, const char *reason)
{
	Envelope env = ENVELOPE__INIT;
	Control c = CONTROL__INIT;
	char dst[40], args[120];

	snprintf(dst, sizeof(dst), "card/%u", hat_active_mio(h));
	snprintf(args, sizeof(args), "%s %u %s", verb, slot, reason);
	c.what = (char *)"power";
	c.args = args;
	env.body_case = ENVELOPE__BODY_CONTROL;
	env.control = &c;
	LOG(EV_CARD_STATE, "power %s of card %u: %s", verb, slot, reason);
	task_send(h->t, dst, &env);
}

/* --- asking rmctrl -----------------------------------------------------------------------------------------
 */

static bool processing(const struct hat *h, unsigned slot)
{
	return h->slots[slot].type && h->slots[slot].type->processing;
}

/*
 * After another hatsystem: the cards that live must have told what runs on them. Nobody takes over what may
 * still run. Of one that hangs the backplane tells, again and again; one that is silent beyond that waits for
 * a CPU or its disk, or for a link: starved is not dead, and it is fenced only when no such thing lasts as
 * long (lib/task/silence.h).
 */
static bool resume_complete(struct hat *h)
{
	bool waits = false;

	if (h->turns < RESUME_HOLD)
		return false;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX && h->turns < FENCE_HOLD; s++) {
		if (!processing(h, s) || !h->slots[s].present || h->slots[s].reported)
			continue;
		waits = true;
		if (h->turns == BOOT_HOLD)
			LOG(EV_STARVED, "card %u does not report: it is waited for", s);
		if (h->turns == FENCE_AT)
			hat_power(h, "cycle", s, "it does not report");
	}
	if (waits)
		return false;
	hat_missed_cards(h);
	return true;
}

/* At boot all cards of the inventory get their time to come, so that the configured ones become active. */
static bool boot_complete(struct hat *h)
{
	if (h->booted)
		return true;
	if (h->resumed && (h->presence_known || h->turns > BOOT_HOLD))
		return resume_complete(h);
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		if (processing(h, s) && h->hw.card[s] && !h->slots[s].reported)
			return h->turns > BOOT_HOLD;
	return true;
}

/* A card that is shut down stays active until it is emptied, and is no spare. */
static const char *slot_state(const struct hat *h, unsigned s)
{
	const struct hat_slot *hs = &h->slots[s];

	if (!hs->present || !hs->reported || hs->leaving || hs->spare_only || hs->halted ||
	    (hs->shut && !hat_life_is(h, s, CARD_ACTIVE)))
		return "down";
	return !strcmp(hs->role, "active") && !hs->demoted ? "active" : "standby";
}

struct request {
	PlacementRequest req;
	ManagerSpec managers[PLACE_MAP_MANAGERS], *manager_ptrs[PLACE_MAP_MANAGERS];
	SlotInfo slots[PROFILE_SLOTS_MAX], *slot_ptrs[PROFILE_SLOTS_MAX];
	PlacedTask *tasks, **task_ptrs;
};

static void add_manager(struct request *r, uint32_t instance, unsigned ike, bool demux)
{
	ManagerSpec *s = &r->managers[r->req.n_managers];

	for (size_t i = 0; i < r->req.n_managers; i++)
		if (r->managers[i].instance == instance)
			return;
	if (r->req.n_managers == PLACE_MAP_MANAGERS)
		return;
	manager_spec__init(s);
	s->instance = instance;
	s->ike = ike;
	s->demux = demux;
	r->manager_ptrs[r->req.n_managers++] = s;
}

/* Until ipsecctrl has told what it wants, what runs is wanted. */
static void request_managers(const struct hat *h, struct request *r)
{
	r->req.managers = r->manager_ptrs;
	for (size_t i = 0; h->managers_known && i < h->n_managers; i++)
		add_manager(r, h->managers[i].instance, h->managers[i].ike, h->managers[i].demux);
	for (size_t i = 0; !h->managers_known && i < r->req.n_current; i++)
		if (!strcmp(r->tasks[i].facility, "ipsecmgr") && place_serves_maps(r->tasks[i].instance))
			add_manager(r, r->tasks[i].instance, 1, false);
}

static int request_build(struct hat *h, struct request *r)
{
	size_t n = 0;

	placement_request__init(&r->req);
	r->req.slots = r->slot_ptrs;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		SlotInfo *si = &r->slots[r->req.n_slots];

		n += h->slots[s].report ? h->slots[s].report->n_tasks : 0;
		if (!processing(h, s))
			continue;
		slot_info__init(si);
		si->slot = s;
		si->type = (char *)h->slots[s].type->name;
		si->state = (char *)slot_state(h, s);
		si->cpus = h->slots[s].type->cpus;
		si->want_active = h->want_active[s];
		r->slot_ptrs[r->req.n_slots++] = si;
	}
	r->tasks = calloc(n + 1, sizeof(*r->tasks));
	r->task_ptrs = calloc(n + 1, sizeof(*r->task_ptrs));
	if (!r->tasks || !r->task_ptrs)
		return -ENOMEM;
	r->req.current = r->task_ptrs;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		const CardReport *cr = h->slots[s].present ? h->slots[s].report : NULL;

		for (size_t i = 0; cr && i < cr->n_tasks; i++) {
			const TaskReport *tr = cr->tasks[i];
			PlacedTask *p = &r->tasks[r->req.n_current];

			if (!hat_is_manager(tr->facility))
				continue;
			placed_task__init(p);
			p->facility = tr->facility;
			p->instance = tr->instance;
			p->card = s;
			p->cpu = tr->cpu;
			p->standby = tr->instance > PLACE_STANDBY_BASE;
			r->task_ptrs[r->req.n_current++] = p;
		}
	}
	r->req.contexts = h->contexts;
	r->req.n_contexts = h->n_contexts;
	r->req.active_mio = hat_active_mio(h);
	r->req.demux_mio = h->require.demux_mio;
	r->req.demux_proc = h->require.demux_proc;
	r->req.recovery = h->require.recovery;
	r->req.ipsec_large = h->require.ipsec_large;
	r->req.keep_ipsecmgr = h->keep_ipsecmgr;
	r->req.keep_sessmgr = h->keep_sessmgr;
	request_managers(h, r);
	return 0;
}

static void plan_reply(struct task *t, void *arg, int status, const struct bus_msg *m);

static void plan_cb(struct task *t, void *arg)
{
	struct hat *h = arg;
	static struct request r;
	Envelope env = ENVELOPE__INIT;

	task_timer_stop(h->timer);
	h->timer = NULL;
	if (!h->configured || !boot_complete(h)) {
		h->turns += h->configured;
		h->timer = task_timer_start(t, TURN_MS, 0, plan_cb, h);
		return;
	}
	h->booted = true;
	memset(&r, 0, sizeof(r));
	if (request_build(h, &r) == 0) {
		env.body_case = ENVELOPE__BODY_PLACEMENT_REQUEST;
		env.placement_request = &r.req;
		h->planning = task_request(t, "rmctrl/0", &env, PLAN_MS, TASK_RETRY, plan_reply, h) == 0;
	}
	free(r.tasks);
	free(r.task_ptrs);
	if (!h->planning)
		h->timer = task_timer_start(t, 50, 0, plan_cb, h);
}

/* --- the difference ----------------------------------------------------------------------------------------
 */

/* A task on a card, whatever its state. */
static const TaskReport *reported_on(const struct hat *h, unsigned slot, const char *facility,
                                     uint32_t instance)
{
	const CardReport *cr = h->slots[slot].present ? h->slots[slot].report : NULL;

	for (size_t i = 0; cr && i < cr->n_tasks; i++)
		if (cr->tasks[i]->instance == instance && !strcmp(cr->tasks[i]->facility, facility))
			return cr->tasks[i];
	return NULL;
}

static bool runs_elsewhere(const struct hat *h, const PlacedTask *p)
{
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		if (s != p->card && reported_on(h, s, p->facility, p->instance))
			return true;
	return false;
}

static bool placed(const PlacementReply *plan, unsigned slot, const TaskReport *tr)
{
	for (size_t i = 0; i < plan->n_tasks; i++)
		if (plan->tasks[i]->card == slot && plan->tasks[i]->instance == tr->instance &&
		    !strcmp(plan->tasks[i]->facility, tr->facility))
			return true;
	return false;
}

struct order_list {
	TaskOrder rows[256], *ptrs[256];
	size_t n;
};

static void order(struct order_list *l, TaskOrder__What what, const char *facility, uint32_t instance,
                  unsigned cpu, bool standby, uint32_t from)
{
	TaskOrder *o = &l->rows[l->n];

	if (l->n == 256)
		return;
	task_order__init(o);
	o->what = what;
	o->facility = (char *)facility;
	o->instance = instance;
	o->cpu = cpu;
	o->standby = standby;
	o->from_instance = from;
	l->ptrs[l->n++] = o;
}

/* A standby process on the card that no order of this round has taken yet. */
static uint32_t spare_on(const struct hat *h, unsigned slot, const char *facility, const struct order_list *l)
{
	const CardReport *cr = h->slots[slot].report;

	for (size_t i = 0; cr && i < cr->n_tasks; i++) {
		const TaskReport *tr = cr->tasks[i];
		bool taken = false;

		if (tr->instance <= PLACE_STANDBY_BASE || strcmp(tr->facility, facility) ||
		    strcmp(tr->state, "standby"))
			continue;
		for (size_t k = 0; k < l->n; k++)
			taken |= l->rows[k].what == TASK_ORDER__WHAT__ASSUME &&
			         l->rows[k].from_instance == tr->instance &&
			         !strcmp(l->rows[k].facility, facility);
		if (!taken)
			return tr->instance;
	}
	return 0;
}

static void orders_for(struct hat *h, unsigned slot, const PlacementReply *plan, struct order_list *l)
{
	const CardReport *cr = h->slots[slot].report;

	for (size_t i = 0; cr && i < cr->n_tasks; i++)
		if (hat_is_manager(cr->tasks[i]->facility) && !placed(plan, slot, cr->tasks[i]) &&
		    !(cr->tasks[i]->instance > PLACE_STANDBY_BASE && h->move.on && h->move.to == slot))
			order(l, TASK_ORDER__WHAT__STOP, cr->tasks[i]->facility, cr->tasks[i]->instance, 0,
			      false, 0);
	for (size_t i = 0; i < plan->n_tasks; i++) {
		const PlacedTask *p = plan->tasks[i];
		uint32_t spare;

		if (p->card != slot || reported_on(h, slot, p->facility, p->instance) || runs_elsewhere(h, p))
			continue;
		spare = p->standby ? 0 : spare_on(h, slot, p->facility, l);
		if (spare)
			order(l, TASK_ORDER__WHAT__ASSUME, p->facility, p->instance, p->cpu, false, spare);
		else
			order(l, TASK_ORDER__WHAT__START, p->facility, p->instance, p->cpu, p->standby, 0);
	}
}

static void send_orders(struct hat *h, unsigned slot, struct order_list *l)
{
	Envelope env = ENVELOPE__INIT;
	TaskOrders to = TASK_ORDERS__INIT;
	char dst[40];

	if (!l->n)
		return;
	snprintf(dst, sizeof(dst), "card/%u", slot);
	to.orders = l->ptrs;
	to.n_orders = l->n;
	env.body_case = ENVELOPE__BODY_TASK_ORDERS;
	env.task_orders = &to;
	check_later(h);
	task_send(h->t, dst, &env);
}

static void set_role(struct hat *h, unsigned slot, const char *role)
{
	Envelope env = ENVELOPE__INIT;
	CardSetState s = CARD_SET_STATE__INIT;
	char dst[40];

	if (!strcmp(h->slots[slot].role, role))
		return;
	snprintf(dst, sizeof(dst), "card/%u", slot);
	s.state = (char *)role;
	env.body_case = ENVELOPE__BODY_CARD_SET_STATE;
	env.card_set_state = &s;
	check_later(h);
	task_send(h->t, dst, &env);
}

/* --- moves -------------------------------------------------------------------------------------------------
 */

static bool managers_on(const struct hat *h, unsigned slot)
{
	const struct hat_slot *s = &h->slots[slot];

	for (size_t i = 0; s->report && i < s->report->n_tasks; i++)
		if (hat_is_manager(s->report->tasks[i]->facility) &&
		    s->report->tasks[i]->instance <= PLACE_STANDBY_BASE)
			return true;
	return false;
}

/* Is everything the plan wants on the target active there, nothing homeless, and nothing left on a card that
 * is emptied? */
static bool move_done(const struct hat *h, const PlacementReply *plan)
{
	for (size_t i = 0; i < plan->n_tasks; i++) {
		const PlacedTask *p = plan->tasks[i];
		const TaskReport *tr;

		if (p->standby)
			continue;
		tr = reported_on(h, p->card, p->facility, p->instance);
		if (!tr || (p->card == h->move.to && strcmp(tr->state, "active")))
			return false;
	}
	return !h->move.planned || !managers_on(h, h->move.from);
}

static void move_finish(struct hat *h)
{
	struct hat_move mv = h->move;

	h->move.on = false;
	hat_move_trap(h, "CardMigrateComplete", mv.from, mv.to);
	hat_life_move(h, CARD_EV_MIGRATED, CARD_EV_MIGRATED);
	hat_rct(h, "Migration", mv.planned, mv.from, mv.to, mv.started_wall, clock_now_us() - mv.started_us,
	        true, &mv);
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		h->slots[s].spare_only = false;
	h->slots[mv.from].leaving = false;
	h->slots[mv.from].demoted = true;
	hat_busy_set(h, mv.from, false); /* nothing of it is there any more */
	if (mv.then != AFTER_NOTHING)
		hat_order_then(h, mv.from, mv.then);
	else
		set_role(h, mv.from, "standby");
	/* Only now: who dies before that has a successor that does what follows the move. */
	hat_state_save_move(h);
	h->replan = true;
}

/* Which card got the tasks of the one that left? The one the plan made active that is not yet. */
static void move_target(struct hat *h, const PlacementReply *plan)
{
	if (!h->move.on || h->move.to)
		return;
	for (size_t i = 0; i < plan->n_slots; i++) {
		unsigned s = plan->slots[i]->slot;

		if (s <= PROFILE_SLOTS_MAX && h->slots[s].present &&
		    !strcmp(plan->slots[i]->state, "active") && strcmp(h->slots[s].role, "active"))
			h->move.to = s;
	}
	for (size_t i = 0; i < plan->n_tasks && !h->move.to; i++)
		if (!plan->tasks[i]->standby && processing(h, plan->tasks[i]->card) &&
		    !reported_on(h, plan->tasks[i]->card, plan->tasks[i]->facility, plan->tasks[i]->instance))
			h->move.to = plan->tasks[i]->card;
	if (h->move.to) {
		hat_state_save_move(h);
		hat_move_trap(h, "CardMigrateStart", h->move.from, h->move.to);
		hat_lost_managers(h, h->move.from);
		hat_life_move(h, CARD_EV_MIGRATE_FROM, CARD_EV_MIGRATE_TO);
	} else if (!h->move.planned || !managers_on(h, h->move.from)) {
		hat_move_abandon(h); /* nothing had run there */
	}
}

/* The management cards run no managers but the demux tasks, where those are required there. */
static void orders_for_mio(struct hat *h, const PlacementReply *plan)
{
	static struct order_list l;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		const struct card_type *type = h->slots[s].type;

		if (!type || !type->management || type->processing || !h->slots[s].present ||
		    !h->slots[s].reported)
			continue;
		l.n = 0;
		orders_for(h, s, plan, &l);
		send_orders(h, s, &l);
	}
}

/* Managers that were placed once carry sessions: their numbers stay. */
static void keep_numbers(struct hat *h, const PlacementReply *plan)
{
	unsigned ipsecmgr = h->keep_ipsecmgr, sessmgr = h->keep_sessmgr;

	for (size_t i = 0; i < plan->n_tasks; i++) {
		const PlacedTask *p = plan->tasks[i];

		if (p->standby)
			continue;
		if (!strcmp(p->facility, "ipsecmgr") && p->instance > ipsecmgr &&
		    !place_serves_maps(p->instance))
			ipsecmgr = p->instance;
		if (!strcmp(p->facility, "sessmgr") && p->instance > sessmgr)
			sessmgr = p->instance;
	}
	if (ipsecmgr == h->keep_ipsecmgr && sessmgr == h->keep_sessmgr)
		return;
	h->keep_ipsecmgr = ipsecmgr;
	h->keep_sessmgr = sessmgr;
	hat_state_save_keep(h);
}

static void carry_out(struct hat *h, const PlacementReply *plan)
{
	static struct order_list l;

	h->demux = plan->demux_slot;
	keep_numbers(h, plan);
	if (strcmp(h->problem, plan->problem)) {
		snprintf(h->problem, sizeof(h->problem), "%s", plan->problem);
		if (plan->problem[0])
			LOG(EV_CARD_NO_STANDBY, "placement: %s", plan->problem);
	}
	move_target(h, plan);
	/* What the move does not tell: a second card that died, or one whose managers have nowhere to go. */
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		if (!h->move.on || h->move.to || h->move.from != s)
			hat_lost_managers(h, s);
	for (size_t i = 0; i < plan->n_slots; i++) {
		unsigned s = plan->slots[i]->slot;

		if (s < 1 || s > PROFILE_SLOTS_MAX || !h->slots[s].present || !h->slots[s].reported)
			continue;
		/* Orders before the role: a card that is Active has started what makes it so. */
		l.n = 0;
		orders_for(h, s, plan, &l);
		send_orders(h, s, &l);
		if (!strcmp(plan->slots[i]->state, "active") || !strcmp(plan->slots[i]->state, "standby"))
			set_role(h, s, plan->slots[i]->state);
	}
	orders_for_mio(h, plan);
	if (h->move.on && h->move.to && move_done(h, plan))
		move_finish(h);
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		if (h->slots[s].present && h->slots[s].reported)
			hat_life_report(h, s, true);
	hat_spof(h);
	hat_service(h);
	hat_busy_check(h);
	hat_hw_check(h);
	hat_order_pending(h);
}

static void plan_reply(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	struct hat *h = arg;

	(void)t;
	h->planning = false;
	if (status < 0 || m->env->body_case != ENVELOPE__BODY_PLACEMENT_REPLY) {
		LOG(EV_CARD_NO_STANDBY, "rmctrl gave no placement: %s", strerror(-status));
		h->replan = true;
	} else if (!h->stale) {
		carry_out(h, m->env->placement_reply);
	}
	h->replan |= h->stale; /* it was computed with a card that has died since */
	h->stale = false;
	if (h->replan) {
		h->replan = false;
		hat_plan_soon(h);
	}
}
