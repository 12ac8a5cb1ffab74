/* SPDX-License-Identifier: MIT */
/*
 * The schemas of bulk statistics and their variables: names, data types, key columns and counter types as
 * `show bulkstats variables` prints them. Data only, from vars_<schema>.def. Called by bulk_format.c,
 * tasks/bulkstat, tests.
 */
#ifndef BULKSTATS_BULK_SCHEMA_H
#define BULKSTATS_BULK_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bulk_type { BULK_INT32, BULK_INT64, BULK_FLOAT, BULK_STRING };
enum bulk_kind { BULK_INFO, BULK_GAUGE, BULK_COUNTER };

struct bulk_var {
	const char *name; /* without the % signs */
	enum bulk_type type;
	bool key;
	enum bulk_kind kind;
};

struct bulk_schema {
	const char *name;
	const struct bulk_var *vars;
	size_t n;
	/*
	 * A number without a source: true where it counts something that this chassis does not have, so 0 is
	 * the truth; false where it measures something real that we do not measure: then nothing is printed.
	 */
	bool zero_gauges, zero_counters;
};

/* In the order of `show bulkstats variables`; "common" is the first. NULL past the end. */
const struct bulk_schema *bulk_schema_at(size_t i);
/* NULL: StarOS may have it, we have no variables of it. */
const struct bulk_schema *bulk_schema_find(const char *name);
/* NULL: no such variable in this schema. */
const struct bulk_var *bulk_schema_var(const struct bulk_schema *s, const char *name, size_t len);
const char *bulk_schema_type_name(enum bulk_type t); /* "Int32" */
const char *bulk_schema_kind_name(enum bulk_kind k); /* "Counter" */

#endif
