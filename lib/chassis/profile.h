/* SPDX-License-Identifier: MIT */
/*
 * Chassis profiles: an inventory (which card in which slot, fan trays, power feeds) and densities, read from
 * a text file. What a card type is stands in card_type.c. Readers: orreryd, cards, rmctrl, hatsystem, cli,
 * `orrery plan`.
 */
#ifndef ORRERY_PROFILE_H
#define ORRERY_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "chassis/card_type.h"

#define PROFILE_SLOTS_MAX  20
#define PROFILE_SERIAL_MAX 16

struct profile {
	char name[64];
	char model[32];
	unsigned slots;
	const struct card_type *card[PROFILE_SLOTS_MAX + 1];    /* NULL: empty */
	char serial[PROFILE_SLOTS_MAX + 1][PROFILE_SERIAL_MAX]; /* of the card in the slot */
	char slot_type[PROFILE_SLOTS_MAX + 1][8];               /* of an empty slot; "": no such slot */
	unsigned fan_trays, power_feeds;                        /* 0: a virtual chassis */
	unsigned fabric_cards; /* fabric cards that must be active; one more is its redundancy */
	unsigned ipsecmgr_per_card, sessmgr_per_cpu, standby_sessmgr_per_cpu, standby_ipsecmgr;
	unsigned task_heartbeat_ms, task_hang_ms, card_heartbeat_ms, card_hang_ms, card_reboot_ms;
	unsigned task_restart_ms,
	        task_restart_max_ms; /* pauses before a task that fails often starts again */
};

/* What the slot takes: DPC, MMIO, SSC, FSC …; "" when the chassis has no such slot. */
const char *profile_slot_type(const struct profile *p, unsigned slot);
/* Read a profile file. 0, or -errno with the reason (file, line, word) in err. */
int profile_read(const char *path, struct profile *p, char *err, size_t err_size);
/* The serial number of a slot's card where the profile names none: stable, invented. */
const char *profile_serial(unsigned slot, char *buf, size_t size);

#endif
