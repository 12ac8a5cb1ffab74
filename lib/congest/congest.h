/* SPDX-License-Identifier: MIT */
/*
 * Congestion control (IPSec Reference chapter 13, call admission control): the resources that are watched,
 * one table row each, with the setting that holds its threshold; which of them are congested by what was
 * measured. A resource is congested from its threshold on, and no more below threshold less tolerance. No
 * I/O. Called by ipsecctrl and its tests.
 */
#ifndef CONGEST_CONGEST_H
#define CONGEST_CONGEST_H

#include <stdbool.h>
#include <stdint.h>

struct cfg_tree;

enum congest_resource {
	CONGEST_SYSTEM_CPU,
	CONGEST_SERVICE_CPU,
	CONGEST_MEMORY,
	CONGEST_QUEUE,
	CONGEST_WAIT,
	CONGEST_LICENSE,
	CONGEST_SERVICE,
	CONGEST_PORTS_RX, /* average of the ports */
	CONGEST_PORTS_TX,
	CONGEST_PORT_RX, /* that port which is nearest to its threshold, or furthest above it */
	CONGEST_PORT_TX,
	CONGEST_RESOURCES
};

enum congest_action { CONGEST_NONE, CONGEST_DROP, CONGEST_REJECT };

struct congest_row {
	const char *word; /* as the setting ends: "system-cpu-utilization" */
	const char *setting, *var;
	uint8_t mib; /* starCongestionResourceType */
	uint8_t dflt;
	const char *unit;
};
extern const struct congest_row congest_rows[CONGEST_RESOURCES];

struct congest {
	bool enabled;
	enum congest_action action; /* of wsg-service */
	uint32_t threshold[CONGEST_RESOURCES], tolerance;
	uint32_t value[CONGEST_RESOURCES]; /* measured last */
	bool known[CONGEST_RESOURCES];     /* … at all */
	uint32_t on;                       /* bits: congested */
	uint64_t times[CONGEST_RESOURCES]; /* how often it became so */
};

/* Thresholds, tolerance and the action; what was congested and is not watched any more is not. */
void congest_configure(struct congest *c, const struct cfg_tree *tree);
/* Measured values (per cent; seconds of CONGEST_WAIT). *began, *ended: bits of what changed. */
void congest_step(struct congest *c, const uint32_t value[CONGEST_RESOURCES],
                  const bool known[CONGEST_RESOURCES], uint32_t *began, uint32_t *ended);
/* A port of the chassis: what its device counts, how fast it is; per cent of that since the sample before. */
struct congest_port {
	char name[16]; /* "5/10" */
	uint64_t rx_bytes, tx_bytes;
	uint64_t heard_us; /* 0: no sample yet */
	uint32_t rx, tx;
	bool known; /* rx, tx */
};
/* Bits a second of a port by its name: 1 Gb/s of management ports (below 10), 10 Gb/s of the others. */
uint64_t congest_port_speed(const char *name);
/* One more sample. */
void congest_port_note(struct congest_port *p, uint64_t rx_bytes, uint64_t tx_bytes, uint64_t now_us);
/* The four resources of ports. Sets the thresholds of CONGEST_PORT_RX and _TX to those of the port they are
 * about. */
void congest_ports(struct congest *c, const struct cfg_tree *tree, const struct congest_port *ports,
                   unsigned n, uint32_t value[CONGEST_RESOURCES], bool known[CONGEST_RESOURCES]);
/* What new calls meet now. */
enum congest_action congest_now(const struct congest *c);
const char *congest_action_name(enum congest_action a);

#endif
