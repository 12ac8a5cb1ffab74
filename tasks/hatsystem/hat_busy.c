/* SPDX-License-Identifier: MIT */
/*
 * card busy-out: a packet card that gets no new sessions and keeps those it has. Three are told of it: the
 * fabric, which then steers first packets past the ipsecmgrs of such cards, sessctrl, which leaves their
 * sessmgrs out, and ipsecctrl, whose ipsecmgrs then share the peers they call anew. All that follows from the
 * orders and from what runs where, so they are made anew with every plan and sent when they differ from what
 * was sent last. Ends by order, or when the card goes down.
 */
#include "hat.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

/* sessctrl and ipsecctrl, or one of them. */
static void tell(struct hat *h, const char *dst)
{
	Envelope env = ENVELOPE__INIT;
	BusiedCards b = BUSIED_CARDS__INIT;
	uint32_t slots[PROFILE_SLOTS_MAX];

	b.slots = slots;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		if (h->slots[s].busied)
			slots[b.n_slots++] = s;
	env.body_case = ENVELOPE__BODY_BUSIED_CARDS;
	env.busied_cards = &b;
	task_send(h->t, dst, &env);
}

/* "3 4 ": the ipsecmgrs of services on busied cards. One that serves crypto maps has peers nobody else has.
 */
static void closed_instances(const struct hat *h, char *text, size_t size)
{
	size_t used = 0;

	text[0] = 0;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		const CardReport *cr = h->slots[s].busied ? h->slots[s].report : NULL;

		for (size_t i = 0; cr && i < cr->n_tasks && used < size; i++)
			if (!strcmp(cr->tasks[i]->facility, "ipsecmgr") &&
			    cr->tasks[i]->instance <= PLACE_STANDBY_BASE &&
			    !place_serves_maps(cr->tasks[i]->instance))
				used += (size_t)snprintf(text + used, size - used, "%u ",
				                         cr->tasks[i]->instance);
	}
}

void hat_busy_check(struct hat *h)
{
	char text[HAT_CLOSED_MAX], dst[40];
	Envelope env = ENVELOPE__INIT;
	Control c = CONTROL__INIT;

	closed_instances(h, text, sizeof(text));
	if (h->busy_sent && !strcmp(text, h->closed))
		return;
	snprintf(h->closed, sizeof(h->closed), "%s", text);
	snprintf(dst, sizeof(dst), "card/%u", hat_active_mio(h));
	c.what = (char *)"steer";
	c.args = text;
	env.body_case = ENVELOPE__BODY_CONTROL;
	env.control = &c;
	h->busy_sent = task_send(h->t, dst, &env) == 0;
}

void hat_busy_set(struct hat *h, unsigned slot, bool busied)
{
	if (h->slots[slot].busied == busied)
		return;
	h->slots[slot].busied = busied;
	LOG(EV_CARD_STATE, "card %u %s", slot,
	    busied ? "is busied out: it takes no new sessions" : "takes new sessions again");
	hat_state_save_slot(h, slot);
	tell(h, "sessctrl/0");
	tell(h, "ipsecctrl/0");
	hat_busy_check(h);
}

static void controller_changed(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	(void)t;
	(void)card;
	if (up)
		tell(arg, addr);
}

void hat_busy_start(struct hat *h)
{
	task_watch_peers(h->t, "sessctrl", controller_changed, h);
	task_watch_peers(h->t, "ipsecctrl", controller_changed, h);
	if (task_peer_up(h->t, "sessctrl/0"))
		tell(h, "sessctrl/0");
	if (task_peer_up(h->t, "ipsecctrl/0"))
		tell(h, "ipsecctrl/0");
}

/* Does it run managers of sessions, and may they be given new ones? */
static bool takes_sessions(const struct hat *h, unsigned slot)
{
	const CardReport *cr = h->slots[slot].report;

	if (!hat_life_serves(h, slot) || h->slots[slot].busied)
		return false;
	for (size_t i = 0; cr && i < cr->n_tasks; i++)
		if (!strcmp(cr->tasks[i]->facility, "sessmgr") &&
		    cr->tasks[i]->instance <= PLACE_STANDBY_BASE)
			return true;
	return false;
}

const char *hat_busy_refusal(const struct hat *h, unsigned slot, bool busied, bool force, char *buf,
                             size_t size)
{
	const struct hat_slot *s = &h->slots[slot];
	unsigned others = 0;

	for (unsigned i = 1; i <= PROFILE_SLOTS_MAX; i++)
		others += i != slot && takes_sessions(h, i);
	if (!s->type->processing || s->busied == busied) {
		snprintf(buf, size, "Failure: Card %u %s", slot,
		         !s->type->processing ? "is not a packet processing card"
		         : busied             ? "is busied out already"
		                              : "is not busied out");
		return buf;
	}
	if (busied && !takes_sessions(h, slot)) {
		snprintf(buf, size, "Failure: Card %u takes no sessions: it is %s", slot,
		         h->demux == slot ? "the demux card" : card_state_name(hat_life(h, slot)));
		return buf;
	}
	if (busied && !others && !force) {
		snprintf(buf, size,
		         "Failure: Card %u is the last card that takes new sessions; use -force to have none "
		         "taken at all",
		         slot);
		return buf;
	}
	return NULL;
}
