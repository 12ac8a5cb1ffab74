/* SPDX-License-Identifier: MIT */
/*
 * Event log of a process. Every event is a row of events.def (StarOS-like facility and event id, level,
 * categories, meaning, action); LOG(EV_x, fmt, …) writes one record with its source line to the sink: stderr
 * in StarOS's line form by default, the bus (towards evlogd) once a task runs. Text from outside is escaped,
 * lines are bounded. Entry points: log_init(), log_set_sink(), LOG(), log_set_level(), log_doc(). Called by
 * every program.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"

/* Longest text of one record and longest formatted line, with the NUL. */
#define LOG_TEXT_MAX 1024
#define LOG_LINE_MAX 1400

enum log_level {
	LOG_LEVEL_critical,
	LOG_LEVEL_error,
	LOG_LEVEL_warning,
	LOG_LEVEL_unusual,
	LOG_LEVEL_info,
	LOG_LEVEL_trace,
	LOG_LEVEL_debug,
	LOG_LEVEL_COUNT,
};

/* Index of an event's row: EV_<name> for each EVENT() row of events.def. */
enum log_event {
#define EVENT(id, facility, level, name, categories, meaning, action) EV_##name,
#include "base/events.def"
#undef EVENT
	EV_COUNT,
};

struct log_event_row {
	uint32_t id;          /* StarOS-like event id: the 3033 of [hat 3033 error] */
	const char *facility; /* "" = the facility of the process that logs */
	enum log_level level;
	const char *name;       /* TASK_START */
	const char *categories; /* "software internal system critical-info" */
	const char *meaning;    /* what it says, for the reference manual */
	const char *action;     /* what the operator should do */
};

/* One logged event. Strings are borrowed and valid during the sink's call only. */
struct log_record {
	uint64_t wall_us;
	const char *facility; /* the event's facility */
	uint32_t event_id;
	enum log_level level;
	unsigned card, cpu;
	int pid;
	const char *task; /* facility of the process, e.g. ipsecmgr */
	unsigned instance;
	const char *file; /* base name of the source file */
	int line;
	const char *categories;
	const char *text; /* escaped: printable ASCII and UTF-8 only, no newline */
};

typedef void (*log_sink_fn)(const struct log_record *rec, void *arg);

/* Who this process is, for every later record. `facility` is copied. Before the call it is "orrery", instance
 * 0. */
void log_init(const char *facility, unsigned instance, unsigned card, unsigned cpu);
/* Where records go; NULL restores stderr. The sink must not block, and what it logs itself goes to stderr. */
void log_set_sink(log_sink_fn sink, void *arg);
/* Least severe level that is still written, for all events; default info. Also resets per-facility levels. */
void log_set_level(enum log_level level);
/* The same for events of one facility only (StarOS: logging filter active facility F level L). 0 or -ENOSPC.
 */
int log_set_facility_level(const char *facility, enum log_level level);
bool log_enabled(enum log_event ev);
/* Name <-> level; log_level_parse() returns -EINVAL for an unknown name. */
const char *log_level_name(enum log_level level);
int log_level_parse(const char *name);

/* `2021-Jun-20+10:11:12.150 [hat 3033 error] [5/0/7094 <hatsystem:0> hat_fail.c:1470] [software …] text`, no
 * newline. */
const char *log_format_line(const struct log_record *rec, enum clock_zone zone, char *buf, size_t size);
/* Copy `in` to `out` with control characters as \xNN (and \n, \t, \\), at most `size` bytes with the NUL;
 * "..." when cut. */
void log_escape(const char *in, size_t len, char *out, size_t size);

/* The row of an event; rows in the order of events.def. */
const struct log_event_row *log_event_row(enum log_event ev);
/* The event table as markdown, for docs/reference/events.md. */
void log_doc(FILE *out);

void log_write(enum log_event ev, const char *file, int line, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));

#define LOG(ev, ...)                                                                                         \
	do {                                                                                                 \
		if (log_enabled(ev))                                                                         \
			log_write(ev, __FILE__, __LINE__, __VA_ARGS__);                                      \
	} while (0)

#endif
