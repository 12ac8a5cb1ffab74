/* SPDX-License-Identifier: MIT */
/*
 * The counter schemas of Orrery. Each schema is a file lib/base/schema_<name>.def of rows
 *   COUNTER(field, "bulkstat-variable", "metric_name", kind, width, scope, "mibColumn", "help")
 * from which this header derives `struct counters_<name>` (a uint64_t per row) and schemas.c the table
 * `counters_schema_<name>`. To add a schema: write the .def and add one SCHEMA line below plus its struct. To
 * add a counter: one row in the .def.
 */
#ifndef BASE_SCHEMAS_H
#define BASE_SCHEMAS_H

#include "base/counters.h"

/* SCHEMA(name, "help") for every schema, in the order of the reference manual. */
#define COUNTERS_SCHEMAS(SCHEMA)                                                                             \
	SCHEMA(ikev2, "IKEv2 exchanges, SAs and errors of a crypto template or map")                         \
	SCHEMA(wsg, "a WSG service: its sessions and its traffic")                                           \
	SCHEMA(esp, "ESP packets of a data path instance")                                                   \
	SCHEMA(card, "a card: CPU, memory, tasks")                                                           \
	SCHEMA(bus, "messages of a task")                                                                    \
	SCHEMA(srp, "service redundancy: link and checkpoints")

#define COUNTER(field, variable, metric, kind, width, scope, column, help) uint64_t field;
struct counters_ikev2 {
#include "base/schema_ikev2.def"
};
struct counters_wsg {
#include "base/schema_wsg.def"
};
struct counters_esp {
#include "base/schema_esp.def"
};
struct counters_card {
#include "base/schema_card.def"
};
struct counters_bus {
#include "base/schema_bus.def"
};
struct counters_srp {
#include "base/schema_srp.def"
};
#undef COUNTER

#define SCHEMA(name, help) extern const struct counter_schema counters_schema_##name;
COUNTERS_SCHEMAS(SCHEMA)
#undef SCHEMA

#endif
