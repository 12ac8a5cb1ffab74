/* SPDX-License-Identifier: MIT */
/*
 * The hardware that is no process: cards taken out and put in, sensors, fan trays and power feeds that
 * `orrery fault` moves. Every change is told to all cards in full; what it means is hatsystem's business.
 * Only the loss of all power is handled here: the chassis ends. Entry points: inventory_tell(),
 * inventory_fault(); called by slots.c and command.c.
 */
#include "chassis.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

void inventory_tell(struct chassis *c, struct conn *cn)
{
	BpMessage m = BP_MESSAGE__INIT;
	HardwareReport r;

	if (hardware_pack(&c->hw, &r) < 0)
		return;
	m.body_case = BP_MESSAGE__BODY_HARDWARE;
	m.hardware = &r;
	if (cn)
		bp_send(cn->fd, &m, NULL, 0);
	else
		slots_broadcast(c, &m);
	hardware_pack_free(&r);
}

static void answer(struct conn *cn, uint64_t id, int code, const char *text)
{
	server_reply(cn, id, code, text, false);
}

/* A slot of this chassis; 0: answered. */
static unsigned slot_of(struct conn *cn, uint64_t id, const char *text)
{
	const struct profile *p = &cn->c->profile;
	unsigned long n = strtoul(text, NULL, 10);
	char why[120];

	if (n >= 1 && n <= PROFILE_SLOTS_MAX && profile_slot_type(p, (unsigned)n)[0])
		return (unsigned)n;
	snprintf(why, sizeof(why), "there is no slot %.20s; the legal range is 1 to %u", text, p->slots);
	answer(cn, id, -ENODEV, why);
	return 0;
}

static void pull(struct conn *cn, uint64_t id, const char *slot)
{
	struct chassis *c = cn->c;
	unsigned n = slot_of(cn, id, slot);
	char why[80];

	if (!n)
		return;
	if (!c->hw.card[n]) {
		snprintf(why, sizeof(why), "there is no card in slot %u", n);
		answer(cn, id, -ENODEV, why);
		return;
	}
	LOG(EV_CARD_STATE, "card %u is taken out", n);
	slots_pull(c, n);
	answer(cn, id, 0, "");
}

/* Without a type: the one the profile has there, with its serial number. */
static void insert(struct conn *cn, uint64_t id, const char *slot, const char *type)
{
	struct chassis *c = cn->c;
	unsigned n = slot_of(cn, id, slot);
	const struct card_type *t = !n ? NULL : type ? card_type_find(type) : c->profile.card[n];
	char why[160] = "";
	int rc;

	if (!n)
		return;
	if (c->slots[n].power != SLOT_EMPTY && (!c->slots[n].pulled || c->slots[n].next))
		snprintf(why, sizeof(why), "there is a card in slot %u", n);
	else if (!t && type)
		snprintf(why, sizeof(why), "there is no card type %.20s", type);
	else if (!t)
		snprintf(why, sizeof(why), "which type of card? The profile has none in slot %u", n);
	else if (strcmp(t->slot_type, profile_slot_type(&c->profile, n)))
		snprintf(why, sizeof(why), "slot %u is for %s cards; a %s does not fit", n,
		         profile_slot_type(&c->profile, n), t->name);
	if (why[0] || !t) {
		answer(cn, id, -EINVAL, why);
		return;
	}
	rc = slots_insert(c, n, t);
	answer(cn, id, rc, rc ? strerror(-rc) : "");
}

/* --- sensors
 * -------------------------------------------------------------------------------------------------- */

static void changed(struct conn *cn, uint64_t id, int rc, const char *why)
{
	struct chassis *c = cn->c;
	bool power = c->hw.power_feeds == 0;

	if (rc < 0) {
		answer(cn, id, rc, why);
		return;
	}
	inventory_tell(c, NULL);
	answer(cn, id, 0, "");
	for (unsigned f = 1; f <= c->hw.power_feeds; f++)
		power |= hardware_feed(&c->hw, f) == HW_OK;
	if (power)
		return;
	LOG(EV_CHASSIS_ERROR, "the last power feed is gone: the chassis is off");
	slots_stop(c);
}

/* "ok", "failed", "removed" as values of fans and feeds; else a number. false: neither. */
static bool value_of(const char *text, int *value)
{
	static const char *const words[] = {"ok", "failed", "removed"};
	char *end;
	long v = strtol(text, &end, 10);

	for (int i = 0; i < 3; i++)
		if (!strcmp(text, words[i])) {
			*value = i;
			return true;
		}
	*value = (int)v;
	return end != text && !*end && v >= -100000 && v <= 100000;
}

/* The name as hardware.c knows it: fan 3, power a, power 1. */
static void part_name(const char *kind, const char *which, char *buf, size_t size)
{
	if (!strcmp(kind, "power") && (which[0] == 'a' || which[0] == 'b') && !which[1])
		which = which[0] == 'a' ? "1" : "2";
	snprintf(buf, size, "%s-%.3s", kind, which);
}

static void set(struct conn *cn, uint64_t id, unsigned slot, const char *name, const char *value)
{
	struct hardware *h = &cn->c->hw;
	char why[200] = "";
	int v, rc;

	if (value && !value_of(value, &v)) {
		snprintf(why, sizeof(why), "\"%.20s\" is no value: a number, or ok, failed, removed", value);
		rc = -EINVAL;
	} else {
		rc = value ? hardware_force(h, slot, name, v, why, sizeof(why))
		           : hardware_release(h, slot, name, why, sizeof(why));
	}
	changed(cn, id, rc, why);
}

/* set|clear sensor SLOT NAME [VALUE], set|clear fan|power N [VALUE], clear sensors */
static bool sensor_fault(struct conn *cn, uint64_t id, size_t argc, char **argv)
{
	bool is_set = !strcmp(argv[0], "set");
	size_t more = is_set ? 1 : 0;
	char name[HW_NAME_MAX];

	if (!is_set && strcmp(argv[0], "clear"))
		return false;
	if (!is_set && argc == 2 && !strcmp(argv[1], "sensors")) {
		hardware_release_all(&cn->c->hw);
		changed(cn, id, 0, "");
	} else if (argc == 4 + more && !strcmp(argv[1], "sensor")) {
		set(cn, id, (unsigned)strtoul(argv[2], NULL, 10), argv[3], is_set ? argv[4] : NULL);
	} else if (argc == 3 + more && (!strcmp(argv[1], "fan") || !strcmp(argv[1], "power"))) {
		part_name(argv[1], argv[2], name, sizeof(name));
		set(cn, id, 0, name, is_set ? argv[3] : NULL);
	} else {
		answer(cn, id, -EINVAL,
		       "usage: set sensor SLOT NAME VALUE | set fan N STATE | set power a|b STATE | clear "
		       "sensor SLOT NAME | "
		       "clear fan N | clear power a|b | clear sensors");
	}
	return true;
}

bool inventory_fault(struct conn *cn, uint64_t id, size_t argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[0], "pull") && !strcmp(argv[1], "card"))
		pull(cn, id, argv[2]);
	else if ((argc == 3 || argc == 4) && !strcmp(argv[0], "insert") && !strcmp(argv[1], "card"))
		insert(cn, id, argv[2], argc == 4 ? argv[3] : NULL);
	else
		return argc >= 2 && sensor_fault(cn, id, argc, argv);
	return true;
}
