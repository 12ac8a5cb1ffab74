/* SPDX-License-Identifier: MIT */
/* Shows of hatsystem: cards (table, info, hardware, lights), the other hardware, session recovery, as JSON.
 */
#include "hat.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* It ended by itself, or a sensor of it is in alarm. */
static bool failed(const struct hat *h, unsigned s)
{
	const struct hat_slot *hs = &h->slots[s];

	if (hat_life_is(h, s, CARD_OFFLINE))
		return !hs->halted && !hs->shut;
	return hs->hot_told || hs->supply_told;
}

static const char *desired(const struct hat *h, unsigned s)
{
	const struct card_type *type = h->slots[s].type;

	if (type->processing && !type->management)
		return h->want_active[s] ? "Active" : "Standby";
	return "Active"; /* of a pair, whichever is arbitrated */
}

/* What a card's sensors, lights and label say. */
static void add_hardware(const struct hat *h, unsigned s, json_t *j)
{
	const struct hat_slot *hs = &h->slots[s];
	const struct card_type *t = hs->type;
	uint64_t now = clock_now_us() / US_PER_SEC;
	struct card_leds l = card_leds(hat_life(h, s), failed(h, s), hat_covered(h, s));

	json_object_set_new(j, "leds",
	                    json_pack("{s:s, s:s, s:s}", "run_fail", l.run_fail, "active", l.active,
	                              "redundant", l.redundant));
	json_object_set_new(j, "hardware",
	                    json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i}", "product",
	                              t->product, "part", t->part, "top_assembly", t->top, "serial",
	                              hs->serial, "socket", t->socket, "chipset", t->chipset, "sockets",
	                              t->sockets, "memory_gb", t->memory_gb, "crypto_cores", t->crypto_cores,
	                              "disks", t->disks, "disk_gb", t->disk_gb));
	if (!h->hw.card[s] || !t->heat.nominal)
		return;
	json_object_set_new(j, "sensors",
	                    json_pack("{s:i, s:i, s:s, s:i, s:s}", "temperature",
	                              hardware_temperature(&h->hw, s, now), "limit", t->heat.off, "heat",
	                              hw_level_name(hardware_heat(&h->hw, s, now)), "millivolts",
	                              hardware_millivolts(&h->hw, s, now), "supply",
	                              hw_level_name(hardware_supply(&h->hw, s, now))));
}

static json_t *slot_json(const struct hat *h, unsigned s)
{
	const struct hat_slot *hs = &h->slots[s];
	bool in = !hat_life_is(h, s, CARD_EMPTY);
	const struct card_type *type = in ? hs->type : NULL;
	json_t *j = json_pack(
	        "{s:i, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:i, s:I, s:I, s:b, s:b, s:b, s:s}", "slot", s,
	        "slot_type", profile_slot_type(&h->profile, s), "type", type ? type->name : "", "description",
	        type ? type->description : "None", "state", in ? card_state_name(hat_life(h, s)) : "",
	        "installed", in, "present", hs->present, "spof", hs->spof_told, "halted", hs->halted, "cpus",
	        type ? (int)type->cpus : 0, "changed", (json_int_t)hs->changed_wall, "boot",
	        (json_int_t)(hs->report ? hs->report->boot_wall_us : 0), "want_active", h->want_active[s],
	        "demux", h->demux == s, "leaving", hs->leaving, "serial", in ? hs->serial : "");

	if (!type)
		return j;
	json_object_set_new(j, "desired", json_string(desired(h, s)));
	json_object_set_new(j, "shutdown", json_boolean(hs->shut));
	json_object_set_new(j, "busied", json_boolean(hs->busied));
	json_object_set_new(j, "upgrading", json_boolean(hs->upgrading));
	json_object_set_new(j, "reboot_pending",
	                    json_boolean(h->move.on && h->move.from == s && h->move.then != AFTER_NOTHING));
	json_object_set_new(j, "usable", json_boolean(card_state_alive(hat_life(h, s)) && !failed(h, s)));
	json_object_set_new(j, "failed", json_boolean(failed(h, s)));
	json_object_set_new(j, "management", json_boolean(type->management));
	json_object_set_new(j, "master", json_boolean(s == hat_active_mio(h)));
	add_hardware(h, s, j);
	return j;
}

static json_t *show_cards(const struct hat *h)
{
	json_t *a = json_array();

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		if (profile_slot_type(&h->profile, s)[0])
			json_array_append_new(a, slot_json(h, s));
	return json_pack("{s:s, s:s, s:i, s:i, s:b, s:s, s:o}", "profile", h->profile.name, "model",
	                 h->profile.model, "active_mio", hat_active_mio(h), "demux", h->demux, "moving",
	                 h->move.on, "problem", h->problem, "cards", a);
}

static json_t *show_raid(const struct hat *h)
{
	unsigned missing, n = hat_hw_disks(h, &missing), gb = 0;
	json_t *cards = json_array();

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		const struct hat_slot *hs = &h->slots[s];

		if (!hs->type || !hs->type->disks)
			continue;
		gb = hs->type->disk_gb;
		json_array_append_new(cards, json_pack("{s:i, s:b, s:i, s:i, s:s, s:I}", "slot", s, "in_sync",
		                                       hat_life_serves(h, s), "disks", hs->type->disks,
		                                       "disk_gb", gb, "serial", hs->serial, "updated",
		                                       (json_int_t)hs->changed_wall));
	}
	return json_pack("{s:i, s:i, s:i, s:i, s:o}", "disks", n, "missing", missing, "size_gb",
	                 n > 1 ? (n - 1) * gb : 0, "events", h->raid_events, "cards", cards);
}

static json_t *show_fabric(const struct hat *h)
{
	unsigned serving, n = hat_hw_fabric(h, &serving);
	json_t *cards = json_array();

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		const struct hat_slot *hs = &h->slots[s];
		bool in = !hat_life_is(h, s, CARD_EMPTY);

		if (hs->type && !strcmp(hs->type->slot_type, "FSC"))
			json_array_append_new(cards,
			                      json_pack("{s:i, s:s, s:s, s:b}", "slot", s, "description",
			                                in ? hs->type->description : "None", "state",
			                                in ? card_state_name(hat_life(h, s)) : "", "serves",
			                                hat_life_serves(h, s)));
	}
	return json_pack("{s:i, s:i, s:i, s:o}", "installed", n, "serving", serving, "needed",
	                 h->profile.fabric_cards, "cards", cards);
}

/* Fans, feeds, the array, the fabric; the cards' own sensors are in "cards". */
static json_t *show_hardware(const struct hat *h)
{
	uint64_t now = clock_now_us() / US_PER_SEC;
	json_t *fans = json_array(), *feeds = json_array();

	for (unsigned t = 1; t <= h->hw.fan_trays; t++)
		json_array_append_new(fans, json_pack("{s:i, s:s, s:s, s:i, s:i}", "tray", t, "name",
		                                      hardware_fan_name(t), "state",
		                                      hw_part_name(hardware_fan(&h->hw, t)), "percent",
		                                      hardware_fan_percent(&h->hw, t, now), "temperature",
		                                      hardware_fan_temperature(&h->hw, t, now)));
	for (unsigned f = 1; f <= h->hw.power_feeds; f++)
		json_array_append_new(feeds, json_pack("{s:s, s:s}", "name", hardware_feed_name(f), "state",
		                                       hw_part_name(hardware_feed(&h->hw, f))));
	return json_pack("{s:o, s:o, s:o, s:o}", "fans", fans, "feeds", feeds, "raid", show_raid(h), "fabric",
	                 show_fabric(h));
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
		n += hat_life_serves(h, s) && h->slots[s].type && h->slots[s].type->processing &&
		     s != h->demux;
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
		bool active = hat_life_serves(h, s);

		if (!h->slots[s].type || !h->slots[s].type->processing || !h->slots[s].present)
			continue;
		standby_card |= !active;
		for (unsigned c = 0; c < h->slots[s].type->cpus; c++) {
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
	else if (!strcmp(what, "hardware"))
		j = show_hardware(h);
	text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	if (text)
		task_reply_json(t, m, text);
	else
		task_reply_status(t, m, -ENOENT,
		                  "Failure: hatsystem shows cards, hardware or recovery, not \"%s\"", what);
	free(text);
	json_decref(j);
}
