/* SPDX-License-Identifier: MIT */
/*
 * Expansion and checking of format strings (bulk_format.h). Counters wrap at 2^32 or 2^64 as their type says.
 * Callers: tasks/bulkstat, tests.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bulkstats/bulk_format.h"

/* --- common variables
 * -------------------------------------------------------------------------------------------- */

static void format_time(char *buf, size_t size, uint64_t wall_us, bool local, const char *fmt)
{
	time_t s = (time_t)(wall_us / 1000000);
	struct tm tm;

	if (local)
		localtime_r(&s, &tm);
	else
		gmtime_r(&s, &tm);
	if (!strftime(buf, size, fmt, &tm))
		buf[0] = '\0';
}

/* Of date3, time2 and time3 only the names are known; these are the readable forms. */
static const struct {
	const char *name, *fmt;
	bool local;
} times[] = {
        {"date", "%Y%m%d", false},        {"date3", "%Y-%m-%d", false},  {"time", "%H%M%S", false},
        {"time2", "%H:%M", false},        {"time3", "%H:%M:%S", false},  {"localdate", "%Y%m%d", true},
        {"localdate3", "%Y-%m-%d", true}, {"localtime", "%H%M%S", true}, {"localtime2", "%H:%M", true},
        {"localtime3", "%H:%M:%S", true}, {"localtz", "%Z", true},       {"localtzoffset", "%z", true},
};

bool bulk_format_common(const char *variable, const struct bulk_env *env, char *buf, size_t size)
{
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (!strcmp(times[i].name, variable)) {
			format_time(buf, size, env->wall_us, times[i].local, times[i].fmt);
			return true;
		}
	if (!strcmp(variable, "uptime"))
		snprintf(buf, size, "%" PRIu64, env->uptime_s);
	else if (!strcmp(variable, "epochtime"))
		snprintf(buf, size, "%" PRIu64, env->wall_us / 1000000);
	else if (!strcmp(variable, "host"))
		snprintf(buf, size, "%s", env->host ? env->host : "");
	else if (!strcmp(variable, "ipaddr"))
		snprintf(buf, size, "%s", env->ipaddr ? env->ipaddr : "");
	else if (!strcmp(variable, "swbuild"))
		snprintf(buf, size, "%s", env->swbuild ? env->swbuild : "");
	else if (!strcmp(variable, "version-no"))
		snprintf(buf, size, "%s", env->version ? env->version : "");
	else if (!strcmp(variable, "schemas"))
		snprintf(buf, size, "%u", env->schemas);
	else if (!strcmp(variable, "schema-delta"))
		snprintf(buf, size, "%d", (int)env->schemas - (int)env->schemas_before);
	else
		return false;
	return true;
}

/* --- reading a format
 * ------------------------------------------------------------------------------------------------ */

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.' || c == '/';
}

/* At a '%': the variable's name, or false when this is no %word%. *len: characters of the whole %word%. */
static bool read_variable(const char *p, char name[BULK_VAR_MAX], size_t *len)
{
	size_t n = 0;

	while (n < BULK_VAR_MAX - 1 && word_char(p[1 + n]))
		n++;
	if (!n || p[1 + n] != '%')
		return false;
	memcpy(name, p + 1, n);
	name[n] = '\0';
	*len = n + 2;
	return true;
}

struct out {
	char *buf;
	size_t len, size;
	bool full;
};

static void put(struct out *o, const char *s, size_t n)
{
	if (o->len + n >= o->size) {
		o->full = true;
		return;
	}
	memcpy(o->buf + o->len, s, n);
	o->len += n;
}

static void put_value(struct out *o, const char *s)
{
	for (; *s; s++)
		put(o, (unsigned char)*s < 0x20 || *s == 0x7f ? "?" : s, 1);
}

static void put_number(struct out *o, const struct bulk_var *v, int64_t num)
{
	char buf[32];
	uint64_t a = num < 0 ? 0 - (uint64_t)num : (uint64_t)num;

	if (v->type == BULK_FLOAT)
		snprintf(buf, sizeof(buf), "%s%" PRIu64 ".%02u", num < 0 ? "-" : "", a / 100,
		         (unsigned)(a % 100));
	else if (v->kind == BULK_COUNTER)
		snprintf(buf, sizeof(buf), "%" PRIu64,
		         v->type == BULK_INT32 ? (uint64_t)num & UINT32_MAX : (uint64_t)num);
	else
		snprintf(buf, sizeof(buf), "%" PRId64, num);
	put(o, buf, strlen(buf));
}

/* No task of this chassis counts it: 0 where that is the truth, else nothing. */
static void put_missing(struct out *o, const struct bulk_schema *s, const struct bulk_var *v)
{
	bool zero = v->type != BULK_STRING && ((v->kind == BULK_COUNTER && s->zero_counters) ||
	                                       (v->kind == BULK_GAUGE && s->zero_gauges));

	if (zero && v->type == BULK_FLOAT)
		put(o, "0.00", 4);
	else if (zero)
		put(o, "0", 1);
}

static const struct bulk_var *find(const struct bulk_schema *s, const char *name)
{
	return s ? bulk_schema_var(s, name, strlen(name)) : NULL;
}

/* false: unknown. */
static bool expand_variable(struct out *o, const struct bulk_schema *schema, const struct bulk_env *env,
                            bulk_get get, void *arg, const char *name)
{
	const struct bulk_var *v = find(schema, name);
	struct bulk_value val = {NULL, 0};
	char text[256];

	if (v && get && get(arg, name, &val)) {
		if (val.str)
			put_value(o, val.str);
		else
			put_number(o, v, val.num);
		return true;
	}
	if (v) {
		put_missing(o, schema, v);
		return true;
	}
	if (!bulk_format_common(name, env, text, sizeof(text)))
		return false;
	put_value(o, text);
	return true;
}

int bulk_format_expand(const char *fmt, const struct bulk_schema *schema, const struct bulk_env *env,
                       bulk_get get, void *arg, char *buf, size_t size)
{
	struct out o = {buf, 0, size, size == 0};
	char name[BULK_VAR_MAX];
	size_t len;

	for (const char *p = fmt; *p && !o.full;) {
		if (*p == '%' && read_variable(p, name, &len)) {
			if (!expand_variable(&o, schema, env, get, arg, name))
				put(&o, p, len);
			p += len;
		} else if (*p == '\\' && strchr("nt\\\"", p[1]) && p[1]) {
			put(&o, p[1] == 'n' ? "\n" : p[1] == 't' ? "\t" : p + 1, 1);
			p += 2;
		} else {
			put(&o, p++, 1);
		}
	}
	if (o.full)
		return -ENOSPC;
	buf[o.len] = '\0';
	return (int)o.len;
}

int bulk_format_check(const char *fmt, const struct bulk_schema *schema, size_t max,
                      void (*unknown)(void *arg, const char *variable), void *arg)
{
	struct bulk_env none = {0};
	char name[BULK_VAR_MAX], text[64];
	int count = 0;
	size_t len;

	if (strlen(fmt) > max)
		return -E2BIG;
	for (const char *p = fmt; *p;) {
		if (*p != '%' || !read_variable(p, name, &len)) {
			p++;
			continue;
		}
		if (!find(schema, name) && !bulk_format_common(name, &none, text, sizeof(text))) {
			count++;
			if (unknown)
				unknown(arg, name);
		}
		p += len;
	}
	return count;
}
