/* SPDX-License-Identifier: MIT */
/*
 * The hardware that is no process: what the backplane reports of sensors, fan trays, power feeds and cards
 * becomes traps once per change, and orders where a card cannot go on (too hot, no supply). The disk array is
 * made of the fabric cards that serve.
 */
#include "hat.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define SENSORS_MS 10000
#define COOLED     5 /* degrees below the alarm before the alarm ends */
#define RAID_NAME  "hd-raid"

static uint64_t now_s(void)
{
	return clock_now_us() / US_PER_SEC;
}

static void heat(struct hat *h, unsigned slot)
{
	struct hat_slot *s = &h->slots[slot];
	int v = hardware_temperature(&h->hw, slot, now_s());
	enum hw_level l = hardware_heat(&h->hw, slot, now_s());
	bool cool = v < h->hw.card[slot]->heat.alarm - COOLED;

	if (s->hot_told ? cool : l >= HW_ALARM) {
		s->hot_told = !s->hot_told;
		LOG(EV_CARD_SENSOR, "card %u: temperature %d C, %s", slot, v,
		    s->hot_told ? "too hot" : "normal again");
		TASK_TRAP(h->t, s->hot_told ? "CardTempOverheat" : "CardTempOK",
		          trap_int("starSlotNum", slot), trap_int("starCardTemperature", v));
		hat_state_save_told(h);
	}
	if (l == HW_OFF && s->present && !s->too_hot) {
		s->too_hot = true;
		hat_state_save_slot(h, slot);
		LOG(EV_CARD_SENSOR, "card %u: %d C, its limit is %d C: it powers itself off", slot, v,
		    h->hw.card[slot]->heat.off);
		hat_power(h, "off", slot, "temperature limit");
	} else if (s->too_hot && cool) {
		s->too_hot = false;
		hat_state_save_slot(h, slot);
		if (hat_life_is(h, slot, CARD_OFFLINE) && !s->halted && !s->shut)
			hat_power(h, "on", slot, "cooled down");
	}
}

/* A card without supply does not run; when it comes back, CardUp ends the alarm. */
static void supply(struct hat *h, unsigned slot)
{
	struct hat_slot *s = &h->slots[slot];
	bool bad = hardware_supply(&h->hw, slot, now_s()) >= HW_ALARM;

	if (bad == s->supply_told)
		return;
	s->supply_told = bad;
	LOG(EV_CARD_SENSOR, "card %u: the 12 V rail has %d mV", slot,
	    hardware_millivolts(&h->hw, slot, now_s()));
	hat_state_save_told(h);
	if (bad) {
		hat_card_trap(h, "CardVoltageFailure", slot);
		hat_power(h, "off", slot, "voltage failure");
	} else if (hat_life_is(h, slot, CARD_OFFLINE) && !s->halted && !s->shut) {
		hat_power(h, "on", slot, "voltage restored");
	}
}

static void fans(struct hat *h)
{
	for (unsigned t = 1; t <= h->hw.fan_trays; t++) {
		enum hw_part p = hardware_fan(&h->hw, t);

		if (p == h->fan_told[t])
			continue;
		h->fan_told[t] = p;
		LOG(EV_FAN_TRAY, "%s fan tray: %s", hardware_fan_name(t), hw_part_name(p));
		if (p == HW_FAILED)
			TASK_TRAP(h->t, "FanFailed", trap_int("starFanNum", t), trap_int("starFanStatus", p));
		else
			TASK_TRAP(h->t, p == HW_OK ? "FanInserted" : "FanRemoved", trap_int("starFanNum", t));
		hat_state_save_told(h);
	}
}

static void feeds(struct hat *h)
{
	for (unsigned f = 1; f <= h->hw.power_feeds; f++) {
		enum hw_part p = hardware_feed(&h->hw, f);

		if ((p == HW_OK) != (h->feed_told[f] == HW_OK))
			TASK_TRAP(h->t, p == HW_OK ? "PowerFilterUnitAvail" : "PowerFilterUnitUnavail",
			          trap_int("starPowerNumber", f));
		if (p == h->feed_told[f])
			continue;
		h->feed_told[f] = p;
		LOG(EV_POWER_FEED, "power filter unit %s: %s", hardware_feed_name(f), hw_part_name(p));
		hat_state_save_told(h);
	}
}

/* --- the disk array: RAID 5 over the disks of the fabric cards
 * --------------------------------------------------- */

unsigned hat_hw_disks(const struct hat *h, unsigned *missing)
{
	unsigned n = 0;

	*missing = 0;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		const struct card_type *type = h->slots[s].type;

		if (!type || !type->disks)
			continue;
		n += type->disks;
		if (!hat_life_serves(h, s))
			*missing += type->disks;
	}
	return n;
}

/* The first disk of the array that is not there, or that was the last one not to be. */
static unsigned raid_slot(const struct hat *h)
{
	unsigned any = 0;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		if (!h->slots[s].type || !h->slots[s].type->disks)
			continue;
		if (!hat_life_serves(h, s))
			return s;
		if (!any || h->slots[s].changed_wall > h->slots[any].changed_wall)
			any = s;
	}
	return any;
}

static void raid_disk_trap(struct hat *h, const char *trap, unsigned slot)
{
	char disk[16];

	snprintf(disk, sizeof(disk), "hd%ua", slot);
	TASK_TRAP(h->t, trap, trap_str("starStorageName", RAID_NAME), trap_int("starStorageSlot", slot),
	          trap_str("starStorageName", disk));
}

/* One disk may be missing: degraded. With two there is no array. */
static void raid(struct hat *h)
{
	unsigned missing, before = h->raid_told;

	if (!hat_hw_disks(h, &missing) || missing == before)
		return;
	h->raid_told = missing;
	h->raid_events++;
	hat_state_save_told(h);
	LOG(EV_RAID, "the array has %u disk%s missing", missing, missing == 1 ? "" : "s");
	if (before > 1 && missing <= 1)
		TASK_TRAP(h->t, "RaidStarted", trap_str("starStorageName", RAID_NAME));
	if (before > 0 && missing == 0)
		raid_disk_trap(h, "RaidRecovered", raid_slot(h));
	if (before == 0)
		raid_disk_trap(h, "RaidDegraded", raid_slot(h));
	if (before <= 1 && missing > 1)
		TASK_TRAP(h->t, "RaidFailed", trap_str("starStorageName", RAID_NAME));
}

/* --- the fabric
 * ---------------------------------------------------------------------------------------------------- */

unsigned hat_hw_fabric(const struct hat *h, unsigned *serving)
{
	unsigned n = 0;

	*serving = 0;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		const struct card_type *type = h->slots[s].type;

		if (!type || strcmp(type->slot_type, "FSC"))
			continue;
		n++;
		*serving += hat_life_serves(h, s);
	}
	return n;
}

/* The backplane stops the packets when there is none; here it is told. */
static void fabric(struct hat *h)
{
	unsigned serving, n = hat_hw_fabric(h, &serving), before = h->fabric_told;

	if (!n || n - serving == before)
		return;
	h->fabric_told = n - serving;
	hat_state_save_told(h);
	if (!serving)
		LOG(EV_FABRIC_DOWN, "no fabric card serves: no packet passes between ports and packet cards");
	else
		LOG(EV_FABRIC_CARDS, "the fabric has %u of %u cards, %u%% of its bandwidth%s", serving, n,
		    100 * serving / n, before >= n ? ": packets pass again" : "");
}

/* --- when
 * -------------------------------------------------------------------------------------------------------- */

void hat_hw_check(struct hat *h)
{
	if (!h->hw_known)
		return;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		if (h->hw.card[s] && h->hw.card[s]->heat.nominal) {
			heat(h, s);
			supply(h, s);
		}
	fans(h);
	feeds(h);
	/* At the first boot a fabric card that is not there yet is no news; a hatsystem after another one
	 * knows. */
	if (h->booted && (h->resumed || clock_now_us() - h->activated_us > 2 * US_PER_SEC)) {
		raid(h);
		fabric(h);
	}
}

void hat_hw_report(struct task *t, const struct bus_msg *m)
{
	struct hat *h = t->data;

	hardware_read(&h->hw, m->env->hardware_report);
	h->hw_known = true;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		hat_life_hardware(h, s);
	hat_hw_check(h);
	hat_plan_soon(h);
}

static void sensors_cb(struct task *t, void *arg)
{
	(void)t;
	hat_hw_check(arg);
}

void hat_hw_start(struct hat *h)
{
	h->sensors = task_timer_start(h->t, SENSORS_MS, SENSORS_MS, sensors_cb, h);
}
