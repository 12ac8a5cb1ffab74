/* SPDX-License-Identifier: MIT */
/*
 * Card types: what a card is, what it is called, what is on it, and what its sensors read when all is well.
 * One table, card_type.c; a profile says which card stands in which slot. Readers: everybody who reads
 * profiles, lib/chassis/hardware.c (sensors), `show card hardware`.
 */
#ifndef ORRERY_CARD_TYPE_H
#define ORRERY_CARD_TYPE_H

#include <stdbool.h>
#include <stddef.h>

/* A sensor: its value when nothing is wrong, and from where on it is not. 0 in a limit: there is none. */
struct card_sensor {
	int nominal, drift; /* it wanders by up to so much around nominal */
	int low;            /* below: failed */
	int warn, alarm;    /* at or above: warning, alarm */
	int off;            /* at or above: the card powers itself off */
};

struct card_type {
	const char *name;        /* DPC2 */
	const char *slot_type;   /* DPC, as `show card table` prints it */
	const char *description; /* Data Processing Card 2 */
	unsigned cpus;
	bool management;           /* runs controllers, is arbitrated 1:1 */
	bool processing;           /* runs managers */
	unsigned mib_type;         /* starCardType */
	bool ipsec_on_demux;       /* may run ipsecmgrs as the demux card (IPSec Reference, chapter 21) */
	const char *product;       /* UDI Product ID; "" on a virtual card, which has no hardware to show */
	const char *part, *top;    /* Cisco Part Number, UDI Top Assem Num */
	const char *socket;        /* a CPU's processor */
	unsigned sockets;          /* processors a CPU has */
	const char *chipset;       /* crypto chipset of a CPU, or "" */
	unsigned memory_gb;        /* of a CPU */
	unsigned crypto_cores;     /* of CPU 0, used for IPSec */
	unsigned disks, disk_gb;   /* of the RAID on the fabric cards */
	struct card_sensor heat;   /* degrees Celsius; nominal 0: has no sensor */
	struct card_sensor supply; /* millivolts of the 12 V rail */
};

/* NULL when there is no such type. */
const struct card_type *card_type_find(const char *name);
/* The table; n gets the number of rows. */
const struct card_type *card_types(size_t *n);

#endif
