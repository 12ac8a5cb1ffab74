/* SPDX-License-Identifier: MIT */
/* Messages hatsystem takes. Cards report, the operator orders; everything else is refused by the runtime. */
#include "hat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static CardReport *report_copy(const CardReport *r)
{
	size_t n = card_report__get_packed_size(r);
	uint8_t *buf = malloc(n ? n : 1);
	CardReport *copy = NULL;

	if (buf) {
		card_report__pack(r, buf);
		copy = card_report__unpack(NULL, n, buf);
	}
	free(buf);
	return copy;
}

static void card_report(struct task *t, const struct bus_msg *m)
{
	struct hat *h = t->data;
	const CardReport *r = m->env->card_report;
	struct hat_slot *s;
	char want[40];

	snprintf(want, sizeof(want), "card/%u", r->slot);
	if (r->slot < 1 || r->slot > PROFILE_SLOTS_MAX || strcmp(m->src, want)) {
		LOG(EV_BUS_REFUSED, "%s reports for card %u", m->src, r->slot);
		return;
	}
	s = &h->slots[r->slot];
	s->expected = false;
	s->reported = s->present = true;
	if (strcmp(s->role, r->state)) {
		if (strcmp(r->state, "active"))
			s->demoted = false;
		snprintf(s->role, sizeof(s->role), "%s", r->state);
	}
	hat_life_report(h, r->slot, false);
	if (s->report)
		card_report__free_unpacked(s->report, NULL);
	s->report = report_copy(r);
	hat_plan_soon(h);
}

static void task_event(struct task *t, const struct bus_msg *m)
{
	if (m->env->task_event->task)
		hat_task_event(t->data, m);
}

static void card_event(struct task *t, const struct bus_msg *m)
{
	hat_card_event(t->data, m->env->card_event);
}

/* The managers of crypto maps: the list is always the whole one. */
static void managers_wanted(struct task *t, const struct bus_msg *m)
{
	struct hat *h = t->data;
	const ManagersWanted *w = m->env->managers_wanted;
	struct place_manager list[PLACE_MAP_MANAGERS] = {0};
	size_t n = 0;

	for (size_t i = 0; i < w->n_managers && n < PLACE_MAP_MANAGERS; i++)
		if (place_serves_maps(w->managers[i]->instance)) {
			list[n].instance = w->managers[i]->instance;
			list[n].ike = w->managers[i]->ike == 2 ? 2 : 1;
			list[n++].demux = w->managers[i]->demux;
		}
	if (h->managers_known && n == h->n_managers && !memcmp(list, h->managers, sizeof(list)))
		return;
	memcpy(h->managers, list, sizeof(list));
	h->n_managers = n;
	h->managers_known = true;
	hat_plan_soon(h);
}

static void reload(struct task *t, const struct bus_msg *m)
{
	if (strcmp(m->env->control->what, "reload") != 0) {
		task_reply_status(t, m, -EOPNOTSUPP, "Failure: unknown order %.40s", m->env->control->what);
		return;
	}
	task_reply_status(t, m, 0, "%s", "");
	hat_power(t->data, "reload", 0, "reload by the operator");
}

const struct task_route hat_routes[] = {
        {ENVELOPE__BODY_CARD_REPORT, "card", "a card's state and tasks changed: remember, plan again",
         card_report},
        {ENVELOPE__BODY_TASK_EVENT, "card", "a task started, died, hung, recovered: traps and history",
         task_event},
        {ENVELOPE__BODY_CARD_EVENT, "card", "a card came, went or hangs: traps, power, plan again",
         card_event},
        {ENVELOPE__BODY_MANAGERS_WANTED, "ipsecctrl", "which ipsecmgrs crypto maps need: plan again",
         managers_wanted},
        {ENVELOPE__BODY_HARDWARE_REPORT, "card",
         "cards, sensors, fans, feeds as the backplane has them: traps, alarms", hat_hw_report},
        {ENVELOPE__BODY_CARD_ORDER, "cli,web,snmp",
         "the operator halts, reboots, migrates, switches … a card", hat_card_order},
        {ENVELOPE__BODY_CONTROL, "cli,web", "the operator reloads the chassis", reload},
        {ENVELOPE__BODY_TASK_KILL, "cli,web", "the operator kills a task", hat_task_kill},
        {ENVELOPE__BODY_SHOW, "*", "what hatsystem knows, as JSON", hat_show},
};
const size_t hat_n_routes = sizeof(hat_routes) / sizeof(*hat_routes);
