/* SPDX-License-Identifier: MIT */
/*
 * Chassis profiles: an inventory (which card in which slot) and densities, read from a text file. Card types
 * are one table. Readers: orreryd, cards, rmctrl, hatsystem, cli, `orrery plan`.
 */
#ifndef ORRERY_PROFILE_H
#define ORRERY_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROFILE_SLOTS_MAX 20

struct card_type {
	const char *name;        /* DPC2 */
	const char *slot_type;   /* DPC, as `show card table` prints it */
	const char *description; /* Data Processing Card 2 */
	unsigned cpus;
	bool management;     /* runs controllers, is arbitrated 1:1 */
	bool processing;     /* runs managers */
	unsigned mib_type;   /* starCardType */
	bool ipsec_on_demux; /* may run ipsecmgrs as the demux card (IPSec Reference, chapter 21) */
};

struct profile {
	char name[64];
	char model[32];
	unsigned slots;
	const struct card_type *card[PROFILE_SLOTS_MAX + 1]; /* NULL: empty */
	unsigned ipsecmgr_per_card, sessmgr_per_cpu, standby_sessmgr_per_cpu, standby_ipsecmgr;
	unsigned task_heartbeat_ms, task_hang_ms, card_heartbeat_ms, card_hang_ms, card_reboot_ms;
};

/* NULL when there is no such type. */
const struct card_type *card_type_find(const char *name);
/* What an empty slot of an ASR 5500 would take: DPC, MMIO, SSC, FSC. */
const char *profile_slot_type(const struct profile *p, unsigned slot);
/* Read a profile file. 0, or -errno with the reason (file, line, word) in err. */
int profile_read(const char *path, struct profile *p, char *err, size_t err_size);
/* The serial number printed for a card: stable, invented. */
const char *profile_serial(unsigned slot, char *buf, size_t size);

#endif
