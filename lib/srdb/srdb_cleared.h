/* SPDX-License-Identifier: MIT */
/*
 * What operators have cleared: base lines of counters, and up to where traps, events, crashes and alarms are
 * forgotten. Rows and totals themselves stay (bulk statistics, SNMP and the numbering of rows go on); what
 * shows print begins behind these marks. The record is one JSON object in state.db, written by srdb alone
 * (tasks/srdb/srdb_clear.c) and read by the shows of tasks/cli. Marks of counters belong to a boot, as
 * counters do.
 */
#ifndef SRDB_SRDB_CLEARED_H
#define SRDB_SRDB_CLEARED_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/counters.h"

#define SRDB_CLEARED_META "cleared"
#define SRDB_CLEARED_MAX  (1u << 20) /* longest text of it */

/* From its text; NULL or damaged text gives an empty record. boot: what another boot counted is dropped. */
json_t *srdb_cleared_parse(const char *text, const char *boot);

/* Counters of an object count from these totals (an object of numbers by name) on. Gauges are left alone. */
void srdb_cleared_set_base(json_t *cleared, const struct counter_schema *schema, const char *key,
                           const json_t *totals);
/* Takes the base line off the totals of an object. */
void srdb_cleared_subtract(const json_t *cleared, const char *schema, const char *key, json_t *totals);

/* A mark: "traps", "events" (sequence numbers), "alarms" (wall time). */
void srdb_cleared_set_mark(json_t *cleared, const char *what, int64_t upto);
int64_t srdb_cleared_mark(const json_t *cleared, const char *what);

/* Crashes, by the number of their history row: one, or all up to it. */
void srdb_cleared_crash(json_t *cleared, int64_t seq, bool up_to);
bool srdb_cleared_has_crash(const json_t *cleared, int64_t seq);

#endif
