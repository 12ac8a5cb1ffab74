/* SPDX-License-Identifier: MIT */
/*
 * Format strings of bulk statistics: text with %variable% and the escapes \n \t \\. A variable is looked up
 * in the schema, then among the common ones; one that is unknown is printed as it stands, as StarOS does, and
 * reported when it is configured. No I/O: time and values are handed in. Called by tasks/bulkstat, tests, the
 * fuzzer of the CLI's values.
 */
#ifndef BULKSTATS_BULK_FORMAT_H
#define BULKSTATS_BULK_FORMAT_H

#include "bulkstats/bulk_schema.h"

#define BULK_NAME_MAX   31   /* of a schema's name */
#define BULK_FORMAT_MAX 3599 /* of a schema's format */
#define BULK_HEADER_MAX 2047 /* of header and footer */
#define BULK_FILES_MAX  4
#define BULK_VAR_MAX    96 /* longer words between % are text */

/* What the common variables are made of. */
struct bulk_env {
	uint64_t wall_us;  /* moment of the sample */
	uint64_t uptime_s; /* of the chassis */
	const char *host, *ipaddr;
	const char *swbuild, *version;
	unsigned schemas;        /* configured in this file */
	unsigned schemas_before; /* … at the last transfer */
};

/* A value: text, or with str NULL a number; for Float variables in hundredths. */
struct bulk_value {
	const char *str;
	int64_t num;
};
/* false: no source has it. `out->str` has to stay valid until the expansion is done. */
typedef bool (*bulk_get)(void *arg, const char *variable, struct bulk_value *out);

/*
 * Expand fmt for one object of a schema (NULL: header, footer, file name: common variables only, get unused)
 * into buf. Control characters of values become '?', so that a value cannot break a record. Returns the
 * length, or -ENOSPC.
 */
int bulk_format_expand(const char *fmt, const struct bulk_schema *schema, const struct bulk_env *env,
                       bulk_get get, void *arg, char *buf, size_t size);

/*
 * Check a format: reports each unknown variable (schema NULL: against the common ones). Returns how many were
 * reported; -E2BIG when it is longer than max characters.
 */
int bulk_format_check(const char *fmt, const struct bulk_schema *schema, size_t max,
                      void (*unknown)(void *arg, const char *variable), void *arg);

/* The value of one common variable; false: there is no such one. buf of at least 64 bytes. */
bool bulk_format_common(const char *variable, const struct bulk_env *env, char *buf, size_t size);

#endif
