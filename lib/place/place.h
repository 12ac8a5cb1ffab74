/* SPDX-License-Identifier: MIT */
/*
 * Placement: which task runs on which card and CPU, as a pure function (inventory, configuration, what runs)
 * -> placement, and the table of facilities it is computed from (DESIGN section 2). Least movement: what runs
 * on a living card stays there. Callers: rmctrl (the running chassis), cards (the static part), `orrery
 * plan`, `show task resources` (the limits).
 */
#ifndef ORRERY_PLACE_H
#define ORRERY_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "chassis/profile.h"

#define PLACE_TASKS_MAX    2048
#define PLACE_CONTEXTS_MAX 64
#define PLACE_STANDBY_BASE 5000 /* instances above are standby ones */
#define PLACE_MAP_FIRST    80   /* ipsecmgr instances 1 to 79 serve services, from here on crypto maps */
#define PLACE_MAP_MANAGERS 176  /* so many may serve crypto maps: 80 to 255, the byte an SPI has for it */

enum place_where {
	PLACE_MIO,       /* a controller: active on the active MIO, warm on the other */
	PLACE_PROC,      /* one per processing card, whatever its role; instance = slot * 10 */
	PLACE_DEMUX,     /* one per context, on the demux card; instance = context id */
	PLACE_ACTIVE,    /* managers over the active cards (not the demux card if there is another) */
	PLACE_ON_DEMAND, /* cli: started by the card on request */
};

struct place_facility {
	const char *name;
	enum place_where where;
	bool has_sessions;
	bool critical;            /* its failing again and again takes the card down */
	unsigned cpu_permille;    /* limits shown and watched: CPU in 1/1000 of a core */
	unsigned memory_tenth_mb; /* 0.1 MB */
	unsigned files, sessions;
	unsigned standby_cpu_permille, standby_memory_tenth_mb;
};

/* The table. n gets the number of rows. */
const struct place_facility *place_facilities(size_t *n);
const struct place_facility *place_facility(const char *name);

enum place_state { PLACE_ABSENT, PLACE_DOWN, PLACE_STANDBY, PLACE_CARD_ACTIVE };

struct place_slot {
	enum place_state state; /* of a processing card that lives: standby or active */
	bool want_active;       /* configuration: card N / mode active */
};

/* What the configuration requires; counts from the boot of the chassis on, as on StarOS. */
struct place_require {
	bool demux_mio;   /* require demux management-card */
	bool demux_proc;  /* require demux processing-card, said in so many words */
	bool recovery;    /* require session recovery: standby managers */
	bool ipsec_large; /* more ipsecmgrs on cards with three CPUs */
	bool software[2]; /* require crypto ikev1-acl | ikev2-acl software */
};

/* An ipsecmgr for crypto maps: of one context and one IKE version. place_maps.h says which there are. */
struct place_manager {
	uint32_t instance;
	uint8_t ike; /* 1 or 2 */
	bool demux;  /* is to run on the demux card */
};

struct place_task {
	char facility[24];
	uint32_t instance;
	uint8_t card, cpu;
	bool standby;
};

struct place_input {
	const struct profile *profile;
	struct place_slot slots[PROFILE_SLOTS_MAX + 1];
	const struct place_task *current; /* what runs now on cards that live (managers only are looked at) */
	size_t n_current;
	uint32_t contexts[PLACE_CONTEXTS_MAX];
	size_t n_contexts;
	struct place_require require;
	const struct place_manager *managers; /* for crypto maps */
	size_t n_managers;
	unsigned active_mio;
	/* As many ipsecmgrs and pairs of sessmgr and aaamgr have been started in this boot: with fewer, what
	 * they carry would be lost, so there are never fewer again. */
	unsigned keep_ipsecmgr, keep_sessmgr;
};

struct place_output {
	struct place_task *tasks; /* managers and vpnmgrs, on processing cards; PLACE_MIO and PLACE_PROC are
	                             the cards' own */
	size_t n;
	enum place_state role[PROFILE_SLOTS_MAX + 1]; /* standby or active, of living processing cards */
	unsigned demux;
	char problem[160]; /* empty, or what could not be placed */
};

/* out->tasks is allocated; place_output_free(). 0 or -ENOMEM. No I/O, no clock, deterministic. */
int place_compute(const struct place_input *in, struct place_output *out);
void place_output_free(struct place_output *out);

/* Can the card in this slot run ipsecmgrs while it is the demux card (DPC2 only)? */
bool place_demux_capable(const struct profile *p, unsigned slot);
/* As it stands in the tables: may a service's ipsecmgr (not one of crypto maps) have this number? */
bool place_serves_maps(uint32_t ipsecmgr);

/* How many instances of a manager facility ("ipsecmgr", "sessmgr") the configuration gives this chassis. */
unsigned place_instances(const struct place_input *in, const char *facility);

#endif
