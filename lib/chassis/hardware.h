/* SPDX-License-Identifier: MIT */
/*
 * The hardware of a chassis that is no process: which card stands in which slot, sensors, fan trays, power
 * feeds, and what faults have done to them. orreryd owns one (it is hardware: it survives every card) and
 * sends it in full on every change; hatsystem keeps the copy it was sent and reads all figures from it.
 * Values are a pure function of this struct and the time. Names of sensors: "temperature" and "voltage" of a
 * slot; of the chassis (slot 0) "fan-1" … "fan-4" and "power-1", "power-2".
 */
#ifndef ORRERY_HARDWARE_H
#define ORRERY_HARDWARE_H

#include "chassis/profile.h"
#include "proto/card.pb-c.h"

#define HW_SET_MAX  64
#define HW_NAME_MAX 16
#define HW_FANS     4
#define HW_FEEDS    2

enum hw_part { HW_OK, HW_FAILED, HW_REMOVED }; /* values of fans and feeds */
enum hw_level { HW_NORMAL, HW_WARNING, HW_ALARM, HW_OFF };

struct hw_set {
	unsigned slot;
	char name[HW_NAME_MAX];
	int value;
};

struct hardware {
	unsigned fan_trays, power_feeds;
	const struct card_type *card[PROFILE_SLOTS_MAX + 1]; /* what stands there now; NULL: nothing */
	char serial[PROFILE_SLOTS_MAX + 1][PROFILE_SERIAL_MAX];
	bool powered[PROFILE_SLOTS_MAX + 1]; /* its process was started and is not known to be gone */
	struct hw_set set[HW_SET_MAX];       /* forced by faults */
	size_t n_set;
};

/* As the profile describes it, nothing powered, nothing forced. */
void hardware_init(struct hardware *h, const struct profile *p);
/*
 * Force a sensor; or give it back (all: every sensor). 0, or -ENOENT (no such sensor), -ERANGE, -ENOSPC with
 * the reason and the legal range in err.
 */
int hardware_force(struct hardware *h, unsigned slot, const char *name, int value, char *err, size_t size);
int hardware_release(struct hardware *h, unsigned slot, const char *name, char *err, size_t size);
void hardware_release_all(struct hardware *h);

/* now_s: any clock of seconds, for the drift; the same second gives the same value. */
int hardware_temperature(const struct hardware *h, unsigned slot,
                         uint64_t now_s); /* degrees Celsius; 0: no sensor */
int hardware_millivolts(const struct hardware *h, unsigned slot,
                        uint64_t now_s); /* of the 12 V rail; 0: none */
enum hw_level hardware_heat(const struct hardware *h, unsigned slot, uint64_t now_s);
enum hw_level hardware_supply(const struct hardware *h, unsigned slot, uint64_t now_s);
/* Fan trays 1 to 4 and feeds 1 and 2. */
enum hw_part hardware_fan(const struct hardware *h, unsigned tray);
unsigned hardware_fan_percent(const struct hardware *h, unsigned tray,
                              uint64_t now_s); /* 0: it does not turn */
int hardware_fan_temperature(const struct hardware *h, unsigned tray, uint64_t now_s);
enum hw_part hardware_feed(const struct hardware *h, unsigned feed);
const char *hardware_fan_name(unsigned tray);  /* "Lower Rear" */
const char *hardware_feed_name(unsigned feed); /* "A" */
/* "Normal", "Warning", "Alarm", "Off"; "Normal", "Failed", "Not Present". */
const char *hw_level_name(enum hw_level l);
const char *hw_part_name(enum hw_part p);

/* To and from the message. pack: rows are allocated, free with hardware_pack_free(). read: unknown types and
 * slots out of range are left out. */
int hardware_pack(const struct hardware *h, HardwareReport *r);
void hardware_pack_free(HardwareReport *r);
void hardware_read(struct hardware *h, const HardwareReport *r);

#endif
