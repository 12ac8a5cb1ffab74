/* SPDX-License-Identifier: MIT */
/*
 * Tables of all counter schemas, derived from lib/base/schema_*.def, and look-up by name; see schemas.h.
 * Used by the owners of counters (registration) and by readers (srdb, bulkstat, snmp, threshold, cli).
 */
#include <string.h>

#include "base/schemas.h"

#define ROWS_BEGIN(schema_name) static const struct counter_row rows_##schema_name[] = {
#define ROWS_END                                                                                             \
	}                                                                                                    \
	;

#define COUNTER(field_, variable_, metric_, kind_, width_, scope_, column_, help_)                           \
	{#field_,                                                                                            \
	 variable_,                                                                                          \
	 metric_,                                                                                            \
	 COUNTER_KIND_##kind_,                                                                               \
	 width_,                                                                                             \
	 COUNTER_SCOPE_##scope_,                                                                             \
	 (uint32_t)offsetof(STRUCT, field_),                                                                 \
	 column_,                                                                                            \
	 help_},

#define STRUCT struct counters_ikev2
ROWS_BEGIN(ikev2)
#include "base/schema_ikev2.def"
ROWS_END
#undef STRUCT
#define STRUCT struct counters_wsg
ROWS_BEGIN(wsg)
#include "base/schema_wsg.def"
ROWS_END
#undef STRUCT
#define STRUCT struct counters_esp
ROWS_BEGIN(esp)
#include "base/schema_esp.def"
ROWS_END
#undef STRUCT
#define STRUCT struct counters_card
ROWS_BEGIN(card)
#include "base/schema_card.def"
ROWS_END
#undef STRUCT
#define STRUCT struct counters_bus
ROWS_BEGIN(bus)
#include "base/schema_bus.def"
ROWS_END
#undef STRUCT
#define STRUCT struct counters_srp
ROWS_BEGIN(srp)
#include "base/schema_srp.def"
ROWS_END
#undef STRUCT

#define SCHEMA(name_, help_)                                                                                 \
	const struct counter_schema counters_schema_##name_ = {                                              \
	        .name = #name_,                                                                              \
	        .rows = rows_##name_,                                                                        \
	        .nrows = sizeof(rows_##name_) / sizeof(rows_##name_[0]),                                     \
	        .size = sizeof(struct counters_##name_),                                                     \
	        .help = help_,                                                                               \
	};
COUNTERS_SCHEMAS(SCHEMA)
#undef SCHEMA

static const struct counter_schema *const schemas[] = {
#define SCHEMA(name_, help_) &counters_schema_##name_,
        COUNTERS_SCHEMAS(SCHEMA)
#undef SCHEMA
};
#define SCHEMAS (sizeof(schemas) / sizeof(schemas[0]))

const struct counter_schema *counters_schema_at(size_t index)
{
	return index < SCHEMAS ? schemas[index] : NULL;
}

const struct counter_schema *counters_schema_find(const char *name)
{
	for (size_t i = 0; i < SCHEMAS; i++)
		if (strcmp(schemas[i]->name, name) == 0)
			return schemas[i];
	return NULL;
}

const struct counter_row *counters_row_find(const struct counter_schema *schema, const char *variable)
{
	for (size_t i = 0; i < schema->nrows; i++)
		if (strcmp(schema->rows[i].variable, variable) == 0)
			return &schema->rows[i];
	return NULL;
}

static uint64_t fnv(uint64_t h, const void *p, size_t len)
{
	for (const unsigned char *c = p; len > 0; len--, c++)
		h = (h ^ *c) * 0x100000001b3ULL;
	return h;
}

static uint64_t hash_of(const struct counter_schema *schema)
{
	uint64_t h = fnv(0xcbf29ce484222325ULL, schema->name, strlen(schema->name) + 1);

	for (size_t i = 0; i < schema->nrows; i++) {
		h = fnv(h, schema->rows[i].name, strlen(schema->rows[i].name) + 1);
		h = fnv(h, &schema->rows[i].offset, sizeof(schema->rows[i].offset));
	}
	return h;
}

/* Readers ask for every set they see: the tables' hashes are made once. */
uint64_t counters_schema_id(const struct counter_schema *schema)
{
	static uint64_t known[SCHEMAS];
	size_t at = 0;
	uint64_t h;

	while (at < SCHEMAS && schemas[at] != schema)
		at++;
	if (at == SCHEMAS)
		return hash_of(schema);
	h = __atomic_load_n(&known[at], __ATOMIC_RELAXED);
	if (!h) {
		h = hash_of(schema);
		__atomic_store_n(&known[at], h, __ATOMIC_RELAXED);
	}
	return h;
}

void counters_doc(FILE *out)
{
	static const char *const kinds[] = {"counter", "gauge"};
	static const char *const scopes[] = {"system", "service", "card", "task"};

	fprintf(out, "# Counters\n\nPrinted from `lib/base/schema_*.def`.\n");
	for (size_t s = 0; s < SCHEMAS; s++) {
		fprintf(out,
		        "\n## %s\n\n%s.\n\n| Field | Bulk statistics variable | Metric | Kind | Bits | Per | "
		        "MIB | Meaning |\n"
		        "|---|---|---|---|---|---|---|---|\n",
		        schemas[s]->name, schemas[s]->help);
		for (size_t i = 0; i < schemas[s]->nrows; i++) {
			const struct counter_row *r = &schemas[s]->rows[i];

			fprintf(out, "| %s | %s | %s | %s | %u | %s | %s | %s |\n", r->name, r->variable,
			        r->metric, kinds[r->kind], r->width, scopes[r->scope], r->column, r->help);
		}
	}
}
