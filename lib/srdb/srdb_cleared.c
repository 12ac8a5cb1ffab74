/* SPDX-License-Identifier: MIT */
/* The record of what was cleared, see srdb_cleared.h: {"boot": …, "base": {"SCHEMA/KEY": {name: n}}, "marks":
 * {what: n}, "crashes": [seq]}. */
#include "srdb/srdb_cleared.h"

#include <stdio.h>
#include <string.h>

#define KEY_MAX     256
#define CRASHES_MAX 5000 /* as many as history rows */

static json_t *part(json_t *o, const char *name, json_t *(*make)(void))
{
	json_t *p = json_object_get(o, name);

	if (!p) {
		p = make();
		json_object_set_new(o, name, p);
	}
	return p;
}

json_t *srdb_cleared_parse(const char *text, const char *boot)
{
	json_t *o = text ? json_loads(text, 0, NULL) : NULL;
	const char *of;

	if (!json_is_object(o)) {
		json_decref(o);
		o = json_object();
	}
	of = json_string_value(json_object_get(o, "boot"));
	if (!of || strcmp(of, boot) != 0) {
		json_object_set_new(o, "boot", json_string(boot));
		json_object_del(o, "base");
	}
	if (!json_is_object(json_object_get(o, "base")))
		json_object_del(o, "base");
	if (!json_is_object(json_object_get(o, "marks")))
		json_object_del(o, "marks");
	if (!json_is_array(json_object_get(o, "crashes")))
		json_object_del(o, "crashes");
	return o;
}

/* --- counters
 * ------------------------------------------------------------------------------------------------- */

static const char *base_key(const char *schema, const char *key, char buf[KEY_MAX])
{
	snprintf(buf, KEY_MAX, "%s/%s", schema, key);
	return buf;
}

void srdb_cleared_set_base(json_t *cleared, const struct counter_schema *schema, const char *key,
                           const json_t *totals)
{
	json_t *base = json_object();
	char buf[KEY_MAX];

	for (size_t i = 0; i < schema->nrows; i++) {
		const struct counter_row *r = &schema->rows[i];
		const char *name = *r->variable ? r->variable : r->name;
		json_t *v = json_object_get(totals, name);

		if (r->kind == COUNTER_KIND_counter && json_is_integer(v))
			json_object_set(base, name, v);
	}
	json_object_set_new(part(cleared, "base", json_object), base_key(schema->name, key, buf), base);
}

void srdb_cleared_subtract(const json_t *cleared, const char *schema, const char *key, json_t *totals)
{
	char buf[KEY_MAX];
	json_t *base = json_object_get(json_object_get(cleared, "base"), base_key(schema, key, buf)), *v,
	       *have;
	const char *name;

	json_object_foreach(base, name, v)
	{
		have = json_object_get(totals, name);
		if (json_is_integer(have))
			json_integer_set(have, json_integer_value(have) > json_integer_value(v)
			                               ? json_integer_value(have) - json_integer_value(v)
			                               : 0);
	}
}

/* --- marks
 * ---------------------------------------------------------------------------------------------------- */

void srdb_cleared_set_mark(json_t *cleared, const char *what, int64_t upto)
{
	json_object_set_new(part(cleared, "marks", json_object), what, json_integer(upto));
}

int64_t srdb_cleared_mark(const json_t *cleared, const char *what)
{
	return json_integer_value(json_object_get(json_object_get(cleared, "marks"), what));
}

void srdb_cleared_crash(json_t *cleared, int64_t seq, bool up_to)
{
	json_t *list = part(cleared, "crashes", json_array);

	if (up_to) {
		json_array_clear(list);
		srdb_cleared_set_mark(cleared, "crashes", seq);
		return;
	}
	if (!srdb_cleared_has_crash(cleared, seq))
		json_array_append_new(list, json_integer(seq));
	if (json_array_size(list) > CRASHES_MAX)
		json_array_remove(list, 0);
}

bool srdb_cleared_has_crash(const json_t *cleared, int64_t seq)
{
	const json_t *v;
	size_t i;

	if (seq <= srdb_cleared_mark(cleared, "crashes"))
		return true;
	json_array_foreach(json_object_get(cleared, "crashes"), i,
	                   v) if (json_integer_value(v) == seq) return true;
	return false;
}
