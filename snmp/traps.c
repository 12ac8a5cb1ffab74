/* SPDX-License-Identifier: MIT */
/*
 * The trap table and its derived forms (traps.h): traps.def and objects.def are read here and nowhere else.
 * Callers: tasks/srdb, tasks/snmp, tests.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "snmp/traps.h"

static const struct trap_object objects[] = {
#define OBJECT(name, oid, type, label, values) {name, oid, TRAP_TYPE_##type, label, values},
#include "snmp/objects.def"
#undef OBJECT
};

static const struct trap_row rows[] = {
#define TRAP(number, mib, name, status, severity, cleared_by, objs, text)                                    \
	{number, mib, name, TRAP_STATUS_##status, TRAP_SEVERITY_##severity, cleared_by, objs, text},
#include "snmp/traps.def"
#undef TRAP
};

/* Traps that end a condition beside the one that the MIB names for it. */
static const struct {
	uint32_t number, ended;
} ends[] = {
        {1255, 1253}, /* a switchover that failed is over as well */
        {1258, 1256}, /* and so is a migration */
        {1257, 1258}, /* it went well the next time */
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

size_t traps_count(void)
{
	return COUNT(rows);
}

const struct trap_row *traps_at(size_t i)
{
	return i < COUNT(rows) ? &rows[i] : NULL;
}

static const char *without_star(const char *name)
{
	return strncasecmp(name, "star", 4) == 0 ? name + 4 : name;
}

const struct trap_row *traps_find(const char *name)
{
	const char *bare = without_star(name);

	for (size_t i = 0; i < COUNT(rows); i++)
		if (!strcasecmp(without_star(rows[i].mib), bare))
			return &rows[i];
	for (size_t i = 0; i < COUNT(rows); i++)
		if (!strcasecmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

const struct trap_row *traps_by_number(uint32_t number)
{
	size_t lo = 0, hi = COUNT(rows);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (rows[mid].number == number)
			return &rows[mid];
		if (rows[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

bool traps_ends(const struct trap_row *row, const struct trap_row *raised)
{
	for (size_t i = 0; i < COUNT(ends); i++)
		if (ends[i].number == row->number && ends[i].ended == raised->number)
			return true;
	return raised->cleared_by == row->number;
}

bool traps_is_clear(const struct trap_row *row)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (traps_ends(row, &rows[i]))
			return true;
	return false;
}

const char *traps_severity_name(enum trap_severity s)
{
	static const char *const names[] = {"critical", "error", "warning", "informational"};

	return (size_t)s < COUNT(names) ? names[s] : "unknown";
}

static const struct trap_object *object_named(const char *name, size_t len)
{
	for (size_t i = 0; i < COUNT(objects); i++)
		if (strlen(objects[i].name) == len && !memcmp(objects[i].name, name, len))
			return &objects[i];
	return NULL;
}

const struct trap_object *traps_object(const char *name)
{
	return object_named(name, strlen(name));
}

size_t traps_objects(const struct trap_row *row, const struct trap_object *out[TRAPS_OBJECTS_MAX])
{
	size_t n = 0;

	for (const char *p = row->objects; *p && n < TRAPS_OBJECTS_MAX;) {
		size_t len = strcspn(p, " ");
		out[n] = object_named(p, len);
		n += out[n] != NULL;
		p += len;
		p += strspn(p, " ");
	}
	return n;
}

static bool type_is_number(enum trap_type type)
{
	return type <= TRAP_TYPE_COUNTER64;
}

int traps_check(const struct trap_row *row, const struct trap_value *v, size_t n, char *err, size_t size)
{
	const struct trap_object *obj[TRAPS_OBJECTS_MAX];
	size_t want = traps_objects(row, obj);

	for (size_t i = 0; i < want && i < n; i++) {
		if (strcmp(v[i].name, obj[i]->name)) {
			snprintf(err, size, "trap %s: value %zu is %s, not %s", row->mib, i + 1, v[i].name,
			         obj[i]->name);
			return -EINVAL;
		}
		if (type_is_number(obj[i]->type) && v[i].str) {
			snprintf(err, size, "trap %s: %s is not a number", row->mib, v[i].name);
			return -EINVAL;
		}
	}
	if (n == want)
		return 0;
	snprintf(err, size, "trap %s: %zu values, not %zu", row->mib, n, want);
	return -EINVAL;
}

/* --- text --------------------------------------------------------------------------------------------------
 */

struct text {
	char *buf;
	size_t len, size;
};

static void put_char(struct text *t, char c)
{
	if (t->len + 1 < t->size)
		t->buf[t->len++] = c;
}

static void put(struct text *t, const char *s)
{
	static const char hex[] = "0123456789abcdef";

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c >= 0x20 && c != 0x7f) {
			put_char(t, *s);
		} else {
			put_char(t, '\\');
			put_char(t, 'x');
			put_char(t, hex[c >> 4]);
			put_char(t, hex[c & 15]);
		}
	}
}

/* The name of an enumerated value: "label(7), label(8)". */
static bool put_enum(struct text *t, const char *values, int64_t num)
{
	for (const char *p = values; *p;) {
		size_t len = strcspn(p, "(");
		char *end;
		if (!p[len])
			return false;
		if (strtoll(p + len + 1, &end, 10) == num) {
			for (size_t i = 0; i < len; i++)
				put_char(t, p[i]);
			return true;
		}
		p = end + strspn(end, "), ");
	}
	return false;
}

static void put_value(struct text *t, const struct trap_object *o, const struct trap_value *v)
{
	char num[24];

	if (!v) {
		put(t, "-");
	} else if (v->str) {
		put(t, v->str);
	} else if (!o || !put_enum(t, o->values, v->num)) {
		snprintf(num, sizeof(num), "%" PRId64, v->num);
		put(t, num);
	}
}

const char *traps_text(const struct trap_row *row, const struct trap_value *v, size_t n, char *buf,
                       size_t size)
{
	const struct trap_object *obj[TRAPS_OBJECTS_MAX];
	size_t nobj = traps_objects(row, obj);
	struct text t = {buf, 0, size};

	if (!size)
		return buf;
	for (const char *p = row->text; *p; p++) {
		size_t i = p[0] == '%' && isdigit((unsigned char)p[1]) ? (size_t)(p[1] - '1') : SIZE_MAX;
		if (i < nobj) {
			put_value(&t, obj[i], i < n ? &v[i] : NULL);
			p++;
		} else {
			put_char(&t, *p);
		}
	}
	for (size_t i = 0; i < nobj && !row->text[0]; i++) {
		if (i)
			put_char(&t, ' ');
		put(&t, obj[i]->label);
		put_char(&t, ' ');
		put_value(&t, obj[i], i < n ? &v[i] : NULL);
	}
	buf[t.len] = '\0';
	return buf;
}

/* --- stored form
 * --------------------------------------------------------------------------------------------- */

char *traps_json(const struct trap_value *v, size_t n)
{
	json_t *a = json_array();
	char *out;

	for (size_t i = 0; i < n; i++) {
		json_t *val = v[i].str ? json_string(v[i].str) : json_integer(v[i].num);
		json_t *o = json_pack("{s:s, s:o}", "name", v[i].name, "value", val);
		if (!val || !o || json_array_append_new(a, o)) {
			json_decref(a);
			return NULL;
		}
	}
	out = json_dumps(a, JSON_COMPACT);
	json_decref(a);
	return out;
}

static int vars_fill(struct trap_vars *vars, json_t *array)
{
	json_t *o;
	size_t i;

	if (!json_is_array(array) || json_array_size(array) > TRAPS_OBJECTS_MAX)
		return -EINVAL;
	json_array_foreach(array, i, o)
	{
		json_t *val = json_object_get(o, "value");
		const char *name = json_string_value(json_object_get(o, "name"));
		if (!name || !(json_is_string(val) || json_is_integer(val)))
			return -EINVAL;
		vars->v[i].name = name;
		vars->v[i].str = json_string_value(val);
		vars->v[i].num = (int64_t)json_integer_value(val);
		vars->n = i + 1;
	}
	return 0;
}

struct trap_vars *traps_vars_new(const char *json)
{
	struct trap_vars *vars = calloc(1, sizeof(*vars));

	if (!vars)
		return NULL;
	vars->json = json_loads(json && *json ? json : "[]", 0, NULL);
	if (!vars->json || vars_fill(vars, vars->json)) {
		traps_vars_free(vars);
		return NULL;
	}
	return vars;
}

void traps_vars_free(struct trap_vars *vars)
{
	if (!vars)
		return;
	json_decref(vars->json);
	free(vars);
}
