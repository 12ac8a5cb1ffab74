/* SPDX-License-Identifier: MIT */
/* The tables behind bulk_schema.h. Look-up is a linear search: a format has a few dozen variables and is
 * expanded once a minute. */
#include <string.h>

#include "bulkstats/bulk_schema.h"

#define VAR(name, type, key, kind) {name, BULK_##type, key, BULK_##kind},
static const struct bulk_var common[] = {
#include "bulkstats/vars_common.def"
};
static const struct bulk_var card[] = {
#include "bulkstats/vars_card.def"
};
static const struct bulk_var port[] = {
#include "bulkstats/vars_port.def"
};
static const struct bulk_var sys[] = {
#include "bulkstats/vars_system.def"
};
static const struct bulk_var ippool[] = {
#include "bulkstats/vars_ippool.def"
};
static const struct bulk_var context[] = {
#include "bulkstats/vars_context.def"
};
static const struct bulk_var icsr[] = {
#include "bulkstats/vars_icsr.def"
};
static const struct bulk_var wsg[] = {
#include "bulkstats/vars_wsg.def"
};
#undef VAR

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct bulk_schema schemas[] = {
        {"common", common, COUNT(common), false, false}, {"card", card, COUNT(card), false, true},
        {"port", port, COUNT(port), false, false},       {"system", sys, COUNT(sys), true, true},
        {"ippool", ippool, COUNT(ippool), true, true},   {"context", context, COUNT(context), true, true},
        {"icsr", icsr, COUNT(icsr), true, true},         {"wsg", wsg, COUNT(wsg), true, true},
};

const struct bulk_schema *bulk_schema_at(size_t i)
{
	return i < COUNT(schemas) ? &schemas[i] : NULL;
}

const struct bulk_schema *bulk_schema_find(const char *name)
{
	for (size_t i = 0; i < COUNT(schemas); i++)
		if (!strcmp(schemas[i].name, name))
			return &schemas[i];
	return NULL;
}

const struct bulk_var *bulk_schema_var(const struct bulk_schema *s, const char *name, size_t len)
{
	for (size_t i = 0; i < s->n; i++)
		if (strlen(s->vars[i].name) == len && !memcmp(s->vars[i].name, name, len))
			return &s->vars[i];
	return NULL;
}

const char *bulk_schema_type_name(enum bulk_type t)
{
	static const char *const names[] = {"Int32", "Int64", "Float", "String"};

	return (unsigned)t < COUNT(names) ? names[t] : "?";
}

const char *bulk_schema_kind_name(enum bulk_kind k)
{
	static const char *const names[] = {"Info", "Gauge", "Counter"};

	return (unsigned)k < COUNT(names) ? names[k] : "?";
}
