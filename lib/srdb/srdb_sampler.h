/* SPDX-License-Identifier: MIT */
/*
 * Sampling of the counter segments of a run directory into totals per object (schema and key). A counter's
 * total never falls: what a task had counted when it died, was replaced, or retired a set is added to the
 * object's base. Gauges count live owners only. The state can be saved and loaded, so that a restarted srdb
 * goes on exactly. Called by tasks/srdb and its tests.
 */
#ifndef SRDB_SRDB_SAMPLER_H
#define SRDB_SRDB_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#include "base/counters.h"

struct srdb_sampler;

struct srdb_sampler *srdb_sampler_new(const char *run); /* NULL without memory */
void srdb_sampler_free(struct srdb_sampler *s);
/* Read every segment once. Returns the number of segments read, or -errno when the directory can't be read
 * (-ENOENT: none yet). */
int srdb_sampler_scan(struct srdb_sampler *s);
/*
 * The totals after a scan as JSON objects {name: number}: name is the bulk statistics variable, or the field
 * where it has none; zeros are left out. The key follows the schema's scope: "" (system), the set's key
 * (service), the card number (card), "facility/instance" with
 * ":key" unless that is empty (task). Objects that no live task has shown for 20 scans are left out. 0 or
 * what cb returned.
 */
typedef int (*srdb_total_fn)(const struct counter_schema *schema, const char *key, const char *json,
                             void *arg);
int srdb_sampler_totals(struct srdb_sampler *s, srdb_total_fn cb, void *arg);
/* One value, for tests; 0 when unknown. */
uint64_t srdb_sampler_value(const struct srdb_sampler *s, const char *schema, const char *key,
                            const char *field);
/* The whole state as text (malloc'ed, NULL without memory), bound to a boot of the chassis; and back: 0,
 * -ESTALE (another boot), -EINVAL. */
char *srdb_sampler_save(const struct srdb_sampler *s, const char *boot_id);
int srdb_sampler_load(struct srdb_sampler *s, const char *text, const char *boot_id);

#endif
