/* SPDX-License-Identifier: MIT */
/*
 * Sensors, fans and feeds, see hardware.h. A simple physics holds them together: every tray that stands still
 * warms the cards of its half of the chassis, a hot card makes all trays turn faster.
 */
#include "chassis/hardware.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAN_STEP    5  /* percent; MIB: 50 to 100 in steps of 5 */
#define HEAT_A_TRAY 14 /* degrees a card gains by a tray of its half that stands still */
#define DRIFT_S     60 /* a sensor's wander, there and back, takes this long times its length */

/* What a fault may set a sensor to. */
static const struct {
	const char *name;
	bool chassis; /* of slot 0 */
	int min, max;
} sensors[] = {
        {"temperature", false, -40, 125},     {"voltage", false, 0, 16000},
        {"fan-1", true, HW_OK, HW_REMOVED},   {"fan-2", true, HW_OK, HW_REMOVED},
        {"fan-3", true, HW_OK, HW_REMOVED},   {"fan-4", true, HW_OK, HW_REMOVED},
        {"power-1", true, HW_OK, HW_REMOVED}, {"power-2", true, HW_OK, HW_REMOVED},
};

/* In the order of `show fans`; percent and degrees when all is well. */
static const struct {
	const char *name;
	bool rear;
	unsigned percent;
	int heat;
} trays[HW_FANS] = {
        {"Lower Rear", true, 60, 25},
        {"Lower Front", false, 60, 24},
        {"Upper Rear", true, 75, 29},
        {"Upper Front", false, 75, 28},
};

void hardware_init(struct hardware *h, const struct profile *p)
{
	memset(h, 0, sizeof(*h));
	h->fan_trays = p->fan_trays;
	h->power_feeds = p->power_feeds;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		h->card[s] = p->card[s];
		memcpy(h->serial[s], p->serial[s], sizeof(h->serial[s]));
	}
}

static const struct hw_set *forced(const struct hardware *h, unsigned slot, const char *name)
{
	for (size_t i = 0; i < h->n_set; i++)
		if (h->set[i].slot == slot && !strcmp(h->set[i].name, name))
			return &h->set[i];
	return NULL;
}

static int sensor_exists(const struct hardware *h, unsigned slot, const char *name, size_t *row, char *err,
                         size_t size)
{
	unsigned limit;

	for (*row = 0; *row < sizeof(sensors) / sizeof(sensors[0]); (*row)++)
		if (!strcmp(sensors[*row].name, name))
			break;
	if (*row == sizeof(sensors) / sizeof(sensors[0])) {
		snprintf(
		        err, size,
		        "there is no sensor %.20s; the legal ones are temperature, voltage, fan-1 to fan-%d, "
		        "power-1 and power-%d",
		        name, HW_FANS, HW_FEEDS);
		return -ENOENT;
	}
	if (sensors[*row].chassis != (slot == 0)) {
		snprintf(err, size, "%s is a sensor of %s", name,
		         slot ? "the chassis (slot 0)" : "a card (slots 1 to 20)");
		return -ENOENT;
	}
	if (slot > PROFILE_SLOTS_MAX || (slot && (!h->card[slot] || !h->card[slot]->heat.nominal))) {
		snprintf(err, size, "there is no card with sensors in slot %u", slot);
		return -ENOENT;
	}
	limit = name[0] == 'f' ? h->fan_trays : h->power_feeds;
	if (!slot && (unsigned)(strchr(name, '-')[1] - '0') > limit) {
		snprintf(err, size, "this chassis has no %s", name);
		return -ENOENT;
	}
	return 0;
}

int hardware_force(struct hardware *h, unsigned slot, const char *name, int value, char *err, size_t size)
{
	struct hw_set *s;
	size_t row;
	int rc = sensor_exists(h, slot, name, &row, err, size);

	if (rc < 0)
		return rc;
	if (value < sensors[row].min || value > sensors[row].max) {
		snprintf(err, size, "%s %d is out of range; the legal range is %d to %d", name, value,
		         sensors[row].min, sensors[row].max);
		return -ERANGE;
	}
	s = (struct hw_set *)(uintptr_t)forced(h, slot, name);
	if (!s && h->n_set == HW_SET_MAX) {
		snprintf(err, size, "%d sensors are forced already", HW_SET_MAX);
		return -ENOSPC;
	}
	if (!s)
		s = &h->set[h->n_set++];
	s->slot = slot;
	s->value = value;
	snprintf(s->name, sizeof(s->name), "%s", name);
	return 0;
}

int hardware_release(struct hardware *h, unsigned slot, const char *name, char *err, size_t size)
{
	size_t row;
	int rc = sensor_exists(h, slot, name, &row, err, size);
	const struct hw_set *s = forced(h, slot, name);

	if (rc == 0 && s)
		h->set[s - h->set] = h->set[--h->n_set];
	return rc;
}

void hardware_release_all(struct hardware *h)
{
	h->n_set = 0;
}

/* --- values
 * --------------------------------------------------------------------------------------------------- */

/* A triangle between nominal - drift and nominal + drift; every slot at another place of it. */
static int wander(const struct card_sensor *s, unsigned slot, uint64_t now_s)
{
	int n = 2 * s->drift + 1, at;

	if (s->drift <= 0)
		return s->nominal;
	at = (int)((now_s / DRIFT_S + 7 * (uint64_t)slot) % (uint64_t)(2 * n));
	return s->nominal - s->drift + (at < n ? at : 2 * n - 1 - at);
}

static bool rear(unsigned slot)
{
	return slot <= 10;
}

int hardware_temperature(const struct hardware *h, unsigned slot, uint64_t now_s)
{
	const struct hw_set *f = forced(h, slot, "temperature");
	int v;

	if (slot < 1 || slot > PROFILE_SLOTS_MAX || !h->card[slot] || !h->card[slot]->heat.nominal)
		return 0;
	if (f)
		return f->value;
	v = wander(&h->card[slot]->heat, slot, now_s);
	for (unsigned t = 1; t <= h->fan_trays; t++)
		if (trays[t - 1].rear == rear(slot) && hardware_fan(h, t) != HW_OK)
			v += HEAT_A_TRAY;
	return v;
}

int hardware_millivolts(const struct hardware *h, unsigned slot, uint64_t now_s)
{
	const struct hw_set *f = forced(h, slot, "voltage");

	if (slot < 1 || slot > PROFILE_SLOTS_MAX || !h->card[slot] || !h->card[slot]->supply.nominal)
		return 0;
	return f ? f->value : wander(&h->card[slot]->supply, slot, now_s);
}

static enum hw_level level(const struct card_sensor *s, int v)
{
	if (s->off && v >= s->off)
		return HW_OFF;
	if ((s->alarm && v >= s->alarm) || (s->low && v < s->low))
		return HW_ALARM;
	return s->warn && v >= s->warn ? HW_WARNING : HW_NORMAL;
}

enum hw_level hardware_heat(const struct hardware *h, unsigned slot, uint64_t now_s)
{
	int v = hardware_temperature(h, slot, now_s);

	return h->card[slot] && h->card[slot]->heat.nominal ? level(&h->card[slot]->heat, v) : HW_NORMAL;
}

enum hw_level hardware_supply(const struct hardware *h, unsigned slot, uint64_t now_s)
{
	int v = hardware_millivolts(h, slot, now_s);

	return h->card[slot] && h->card[slot]->supply.nominal ? level(&h->card[slot]->supply, v) : HW_NORMAL;
}

static enum hw_part part(const struct hardware *h, const char *kind, unsigned n, unsigned have)
{
	char name[HW_NAME_MAX];
	const struct hw_set *f;

	if (n < 1 || n > have)
		return HW_REMOVED;
	snprintf(name, sizeof(name), "%s-%u", kind, n);
	f = forced(h, 0, name);
	return f ? (enum hw_part)f->value : HW_OK;
}

enum hw_part hardware_fan(const struct hardware *h, unsigned tray)
{
	return part(h, "fan", tray, h->fan_trays < HW_FANS ? h->fan_trays : HW_FANS);
}

enum hw_part hardware_feed(const struct hardware *h, unsigned feed)
{
	return part(h, "power", feed, h->power_feeds < HW_FEEDS ? h->power_feeds : HW_FEEDS);
}

/* Full speed when another tray stands still or a card is warm. */
unsigned hardware_fan_percent(const struct hardware *h, unsigned tray, uint64_t now_s)
{
	bool hurry = false;

	if (hardware_fan(h, tray) != HW_OK)
		return 0;
	for (unsigned t = 1; t <= h->fan_trays; t++)
		hurry |= hardware_fan(h, t) != HW_OK;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX && !hurry; s++)
		hurry = h->card[s] && hardware_heat(h, s, now_s) >= HW_WARNING;
	return hurry ? 100 : trays[tray - 1].percent / FAN_STEP * FAN_STEP;
}

/* The air at the tray: what the cards of its half have above their nominal is felt there by half. */
int hardware_fan_temperature(const struct hardware *h, unsigned tray, uint64_t now_s)
{
	int more = 0;

	if (tray < 1 || tray > HW_FANS)
		return 0;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		int over;

		if (!h->card[s] || rear(s) != trays[tray - 1].rear || !h->card[s]->heat.nominal)
			continue;
		over = hardware_temperature(h, s, now_s) - h->card[s]->heat.nominal;
		if (over > h->card[s]->heat.drift && over > more)
			more = over;
	}
	return trays[tray - 1].heat + more / 2;
}

const char *hardware_fan_name(unsigned tray)
{
	return tray >= 1 && tray <= HW_FANS ? trays[tray - 1].name : "";
}

const char *hardware_feed_name(unsigned feed)
{
	return feed == 1 ? "A" : feed == 2 ? "B" : "";
}

const char *hw_level_name(enum hw_level l)
{
	static const char *const names[] = {"Normal", "Warning", "Alarm", "Off"};

	return l <= HW_OFF ? names[l] : "";
}

const char *hw_part_name(enum hw_part p)
{
	static const char *const names[] = {"Normal", "Failed", "Not Present"};

	return p <= HW_REMOVED ? names[p] : "";
}

/* --- messages
 * ------------------------------------------------------------------------------------------------- */

int hardware_pack(const struct hardware *h, HardwareReport *r)
{
	HwSlot *slots = calloc(PROFILE_SLOTS_MAX, sizeof(*slots));
	HwSet *sets = calloc(h->n_set + 1, sizeof(*sets));

	hardware_report__init(r);
	r->slots = calloc(PROFILE_SLOTS_MAX, sizeof(*r->slots));
	r->sets = calloc(h->n_set + 1, sizeof(*r->sets));
	if (!slots || !sets || !r->slots || !r->sets) {
		free(slots);
		free(sets);
		free(r->slots);
		free(r->sets);
		return -ENOMEM;
	}
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		HwSlot *o = &slots[s - 1];

		hw_slot__init(o);
		o->slot = s;
		o->type = (char *)(h->card[s] ? h->card[s]->name : "");
		o->serial = (char *)h->serial[s];
		o->powered = h->powered[s];
		r->slots[r->n_slots++] = o;
	}
	r->sets[0] = sets; /* freed by it also when it is empty */
	for (size_t i = 0; i < h->n_set; i++) {
		hw_set__init(&sets[i]);
		sets[i].slot = h->set[i].slot;
		sets[i].name = (char *)h->set[i].name;
		sets[i].value = h->set[i].value;
		r->sets[r->n_sets++] = &sets[i];
	}
	return 0;
}

void hardware_pack_free(HardwareReport *r)
{
	free(r->slots[0]);
	free(r->slots);
	free(r->sets[0]);
	free(r->sets);
}

void hardware_read(struct hardware *h, const HardwareReport *r)
{
	char err[160];

	for (size_t i = 0; i < r->n_slots; i++) {
		const HwSlot *s = r->slots[i];

		if (s->slot < 1 || s->slot > PROFILE_SLOTS_MAX)
			continue;
		h->card[s->slot] = s->type[0] ? card_type_find(s->type) : NULL;
		snprintf(h->serial[s->slot], sizeof(h->serial[s->slot]), "%.*s", PROFILE_SERIAL_MAX - 1,
		         s->serial);
		h->powered[s->slot] = s->powered;
	}
	h->n_set = 0;
	for (size_t i = 0; i < r->n_sets; i++)
		hardware_force(h, r->sets[i]->slot, r->sets[i]->name, r->sets[i]->value, err, sizeof(err));
}
