/* SPDX-License-Identifier: MIT */
/* Shows of hatsystem: cards (show card table, show card info) and session recovery, as JSON. */
#include "hat.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *slot_json(const struct hat *h, unsigned s)
{
	const struct hat_slot *hs = &h->slots[s];
	const struct card_type *type = h->profile.card[s];
	char serial[32];

	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:i, s:I, s:I, s:b, s:b, s:b, s:s}",
	                 "slot", s, "slot_type", profile_slot_type(&h->profile, s), "type",
	                 type ? type->name : "", "description", type ? type->description : "None", "state",
	                 !type ? "" : (!hs->present ? "offline" : (hs->state[0] ? hs->state : "booting")),
	                 "installed", type != NULL, "present", hs->present, "spof", hs->spof_told, "halted",
	                 hs->halted, "cpus", type ? (int)type->cpus : 0, "changed",
	                 (json_int_t)hs->changed_wall, "boot",
	                 (json_int_t)(hs->report ? hs->report->boot_wall_us : 0), "want_active",
	                 h->want_active[s], "demux", h->demux == s, "leaving", hs->leaving, "serial",
	                 type ? profile_serial(s, serial, sizeof(serial)) : "");
}

static json_t *show_cards(const struct hat *h)
{
	json_t *a = json_array();

	for (unsigned s = 1; s <= h->profile.slots; s++)
		if (s <= 18 || h->profile.card[s])
			json_array_append_new(a, slot_json(h, s));
	return json_pack("{s:s, s:s, s:i, s:i, s:b, s:s, s:o}", "profile", h->profile.name, "model",
	                 h->profile.model, "active_mio", hat_active_mio(h), "demux", h->demux, "moving",
	                 h->move.on, "problem", h->problem, "cards", a);
}

struct cpu_count {
	int sess_active, sess_standby, aaa_active, aaa_standby, demux;
};

static struct cpu_count count_cpu(const struct hat *h, unsigned slot, unsigned cpu)
{
	const CardReport *cr = h->slots[slot].report;
	struct cpu_count n = {0};

	for (size_t i = 0; cr && i < cr->n_tasks; i++) {
		const TaskReport *tr = cr->tasks[i];
		const struct place_facility *f = place_facility(tr->facility);
		bool spare = tr->instance > PLACE_STANDBY_BASE;

		if (tr->cpu != cpu)
			continue;
		if (!strcmp(tr->facility, "sessmgr"))
			*(spare ? &n.sess_standby : &n.sess_active) += 1;
		else if (!strcmp(tr->facility, "aaamgr"))
			*(spare ? &n.aaa_standby : &n.aaa_active) += 1;
		n.demux += f && f->where == PLACE_DEMUX;
	}
	return n;
}

static unsigned card_of(const struct hat *h, const char *facility, uint32_t instance)
{
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		const CardReport *cr = h->slots[s].present ? h->slots[s].report : NULL;

		for (size_t i = 0; cr && i < cr->n_tasks; i++)
			if (cr->tasks[i]->instance == instance && !strcmp(cr->tasks[i]->facility, facility) &&
			    !strcmp(cr->tasks[i]->state, "active"))
				return s;
	}
	return 0;
}

/* How many cards run sessmgrs or aaamgrs: with one only, both of a pair are there. */
static unsigned session_cards(const struct hat *h)
{
	unsigned n = 0;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		n += h->slots[s].present && !strcmp(h->slots[s].state, "active") && h->profile.card[s] &&
		     h->profile.card[s]->processing && s != h->demux;
	return n;
}

/* Has each sessmgr of this CPU its aaamgr, on another card? */
static bool paired(const struct hat *h, unsigned slot, unsigned cpu)
{
	const CardReport *cr = h->slots[slot].report;
	bool alone = session_cards(h) < 2;

	for (size_t i = 0; cr && i < cr->n_tasks; i++) {
		const TaskReport *tr = cr->tasks[i];
		unsigned aaa;

		if (tr->cpu != cpu || strcmp(tr->facility, "sessmgr") || tr->instance > PLACE_STANDBY_BASE)
			continue;
		aaa = card_of(h, "aaamgr", tr->instance);
		if (!aaa || (aaa == slot && !alone))
			return false;
	}
	return true;
}

/* Ready when each sessmgr has its aaamgr, and a standby card and, on each active CPU, a standby sessmgr are
 * there to take over. */
static json_t *show_recovery(const struct hat *h)
{
	json_t *rows = json_array();
	bool standby_card = false, all_good = !h->move.on;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		bool active = !strcmp(h->slots[s].state, "active");

		if (!h->profile.card[s] || !h->profile.card[s]->processing || !h->slots[s].present)
			continue;
		standby_card |= !active;
		for (unsigned c = 0; c < h->profile.card[s]->cpus; c++) {
			struct cpu_count n = count_cpu(h, s, c);
			bool good = (n.sess_active == 0 || n.sess_standby > 0) && paired(h, s, c);

			all_good &= good;
			json_array_append_new(
			        rows, json_pack("{s:i, s:i, s:s, s:i, s:i, s:i, s:i, s:i, s:b, s:b}", "card",
			                        s, "cpu", c, "state", active ? "Active" : "Standby",
			                        "sess_active", n.sess_active, "sess_standby", n.sess_standby,
			                        "aaa_active", n.aaa_active, "aaa_standby", n.aaa_standby,
			                        "demux", n.demux, "is_demux", h->demux == s, "good", good));
		}
	}
	return json_pack("{s:b, s:b, s:o}", "ready", all_good && (standby_card || h->profile.slots == 1),
	                 "moving", h->move.on, "cpus", rows);
}

void hat_show(struct task *t, const struct bus_msg *m)
{
	const struct hat *h = t->data;
	const char *what = m->env->show->what;
	json_t *j = NULL;
	char *text;

	if (!strcmp(what, "cards"))
		j = show_cards(h);
	else if (!strcmp(what, "recovery"))
		j = show_recovery(h);
	text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	if (text)
		task_reply_json(t, m, text);
	else
		task_reply_status(t, m, -ENOENT, "Failure: hatsystem shows cards or recovery, not \"%s\"",
		                  what);
	free(text);
	json_decref(j);
}
