/* SPDX-License-Identifier: MIT */
/*
 * Which ipsecmgr serves which crypto map, as a pure function (maps that are in use, what is assigned, limits)
 * -> assignment and the managers there must be. The rules are those of the IPSec Reference 21.24, chapters 21
 * (ipsec-on-demux), 23 (software data path) and 24 (limit ipsecmgr ikev1 max). Least movement: a map stays
 * with its manager until it is taken from its interface. Callers: ipsecctrl (which keeps the result durable)
 * and `orrery plan`. Where those managers run is place.h's business.
 */
#ifndef ORRERY_PLACE_MAPS_H
#define ORRERY_PLACE_MAPS_H

#include "place/place.h"

#define PLACE_NAME_MAX          128
#define PLACE_MAPS_PER_MANAGER  150 /* off the demux card */
#define PLACE_MAPS_ON_DEMUX     8   /* of one manager on the demux card */
#define PLACE_MANAGERS_ON_DEMUX 3   /* per IKE version: 24 maps */
#define PLACE_GROUPS_ON_DEMUX   8   /* crypto groups: each has its two maps in two managers */

/* A crypto map that an interface uses. */
struct place_map {
	char ctx[80], name[PLACE_NAME_MAX];
	char group[PLACE_NAME_MAX]; /* crypto group it is the primary or secondary map of; empty: none */
	char ends[112];             /* its two addresses, empty while one is unknown */
	uint8_t ike;                /* 1 or 2 */
	bool demux;                 /* ipsec-on-demux */
	uint32_t manager;           /* in: the present one or 0; out: the one it shall have or 0 */
	const char *why;            /* out: why it has none, or NULL */
};

struct place_maps_context {
	char name[80];
	unsigned limit_ikev1; /* limit ipsecmgr ikev1 max; 0: not configured */
};

/* A manager, with what decides whom it may serve. */
struct place_maps_manager {
	uint32_t instance;
	char ctx[80];
	uint8_t ike;
	bool demux;
	unsigned maps; /* out: how many it serves */
};

struct place_maps {
	struct place_map *maps; /* in the order of the configuration */
	size_t n, size;
	struct place_maps_context contexts[PLACE_CONTEXTS_MAX];
	size_t n_contexts;
	struct place_maps_manager
	        managers[PLACE_MAP_MANAGERS]; /* in: those there are; out: that there shall be */
	size_t n_managers;
	unsigned limit[2]; /* task facility ipsecmgr ikev1, ikev2 max: of managers for maps, of the chassis;
	                      0: none */
	struct place_require require;
	bool demux_card; /* the demux card can run ipsecmgrs: place_demux_capable() */
};

/* No I/O, no clock, deterministic. Returns the number of maps without a manager. */
size_t place_maps_compute(struct place_maps *m);
/*
 * Does map i keep a manager that it would not get today, since its ipsec-on-demux was set or removed after it
 * came to its interface (chapter 21: it acts when the map is removed and added)? m as place_maps_compute()
 * left it. 1, 0 or -ENOMEM.
 */
int place_maps_waits(const struct place_maps *m, size_t i);
/* Is ipsec-on-demux in force: what it needs is required, and the card can? */
bool place_maps_demux_works(const struct place_maps *m);
const struct place_maps_manager *place_maps_manager(const struct place_maps *m, uint32_t instance);
/* A copy of the row goes to the end. 0 or -ENOMEM. */
int place_maps_add(struct place_maps *m, const struct place_map *row);
void place_maps_free(struct place_maps *m); /* the maps; m itself is the caller's */

#endif
