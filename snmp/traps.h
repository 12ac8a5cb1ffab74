/* SPDX-License-Identifier: MIT */
/*
 * The traps: one table of all notifications of STARENT-MIB (traps.def, objects.def) and what is derived from
 * it: look-up by name or number, the line of `show snmp trap history`, and the stored form of the values. No
 * I/O, no net-snmp. Entry points: traps_find(), traps_text(), traps_json(), traps_vars_new(). Callers:
 * tasks/srdb (storing a TrapRaise), tasks/snmp (sending), tests.
 */
#ifndef SNMP_TRAPS_H
#define SNMP_TRAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRAPS_OID_BASE    "1.3.6.1.4.1.8164.2"
#define TRAPS_OBJECTS_MAX 16   /* most objects of one trap */
#define TRAPS_TEXT_MAX    1024 /* longest text, with its NUL; longer ones are cut */

/* How a value goes on the wire. */
enum trap_type {
	TRAP_TYPE_INT,       /* INTEGER; values may have names */
	TRAP_TYPE_GAUGE,     /* Gauge32, also Unsigned32 */
	TRAP_TYPE_COUNTER32, /* Counter32 */
	TRAP_TYPE_COUNTER64, /* Counter64 */
	TRAP_TYPE_IP,        /* IpAddress */
	TRAP_TYPE_INET,      /* OCTET STRING of 4 or 16 bytes from an address */
	TRAP_TYPE_DATE,      /* OCTET STRING, DateAndTime, from "YYYY-MM-DD hh:mm:ss" or raw text */
	TRAP_TYPE_STRING,    /* OCTET STRING */
};

enum trap_severity { TRAP_SEVERITY_CRITICAL, TRAP_SEVERITY_ERROR, TRAP_SEVERITY_WARNING, TRAP_SEVERITY_INFO };
enum trap_status { TRAP_STATUS_CURRENT, TRAP_STATUS_DEPRECATED, TRAP_STATUS_OBSOLETE };

struct trap_object {
	const char *name; /* "starSlotNum" */
	const char *oid;  /* bare column, no instance */
	enum trap_type type;
	const char *label;  /* "card" */
	const char *values; /* "none(1), …" or "" */
};

struct trap_row {
	uint32_t number;  /* last arc: TRAPS_OID_BASE.<number> */
	const char *mib;  /* "starCardMigrateStart" */
	const char *name; /* as in the CLI: "MigrateStart" */
	enum trap_status status;
	enum trap_severity severity;
	uint32_t cleared_by; /* number of the trap that ends this condition; 0: none */
	const char *objects; /* names in MIB order, separated by blanks */
	const char *text;    /* "" = from the labels; else %1 … %9 are the values */
};

/* A value of a trap: a number when str is NULL. Strings are borrowed. */
struct trap_value {
	const char *name;
	const char *str;
	int64_t num;
};

size_t traps_count(void);
/* In order of number; NULL past the end. */
const struct trap_row *traps_at(size_t i);
/* By MIB name with or without "star" ("CardMigrateStart") or CLI name ("MigrateStart"), whatever the case.
 * NULL: unknown. */
const struct trap_row *traps_find(const char *name);
const struct trap_row *traps_by_number(uint32_t number);
/* Does the trap end the condition that `raised` told of? */
bool traps_ends(const struct trap_row *row, const struct trap_row *raised);
/* Does the trap end the condition of some other one? */
bool traps_is_clear(const struct trap_row *row);
const char *traps_severity_name(enum trap_severity s);

const struct trap_object *traps_object(const char *name);
/* The objects of a trap in MIB order; returns how many. */
size_t traps_objects(const struct trap_row *row, const struct trap_object *out[TRAPS_OBJECTS_MAX]);

/* Do these values fit the trap: every object, in order? 0, or -EINVAL with the first difference in err. */
int traps_check(const struct trap_row *row, const struct trap_value *v, size_t n, char *err, size_t size);

/*
 * What stands behind "Internal trap notification 73 (ManagerFailure) " in the trap history: "facility sessmgr
 * instance 3 …". Values beyond the objects are ignored, missing ones print as "-". Control characters are
 * escaped. Returns buf.
 */
const char *traps_text(const struct trap_row *row, const struct trap_value *v, size_t n, char *buf,
                       size_t size);

/* The values as a JSON array [{"name":…,"value":…}] in the given order; malloc'ed, NULL without memory or
 * with bytes that aren't UTF-8. */
char *traps_json(const struct trap_value *v, size_t n);
/* And back. Malformed JSON gives NULL. Free with traps_vars_free(). */
struct trap_vars {
	size_t n;
	struct trap_value v[TRAPS_OBJECTS_MAX];
	void *json; /* owns the strings */
};
struct trap_vars *traps_vars_new(const char *json);
void traps_vars_free(struct trap_vars *vars);

#endif
