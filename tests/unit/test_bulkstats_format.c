/* SPDX-License-Identifier: MIT */
/* Format strings and schemas of bulk statistics. Subjects: bulkstats/bulk_format.c, bulk_schema.c. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/counters.h"
#include "base/schemas.h"
#include "bulkstats/bulk_format.h"

static const struct bulk_env env = {
        .wall_us = 1709658794000000, /* Tue Mar 5 17:13:14 UTC 2024 */
        .uptime_s = 90,
        .host = "A",
        .ipaddr = "10.1.0.2",
        .swbuild = "21.24.0",
        .version = "21.24",
        .schemas = 3,
        .schemas_before = 1,
};

static bool get(void *arg, const char *variable, struct bulk_value *out)
{
	static const struct {
		const char *name, *str;
		int64_t num;
	} have[] = {{"ikev2-cursa", NULL, 17}, {"ikev2-ttlsa", NULL, 0x100000005},
	            {"cpubusy", NULL, 1234},   {"card", NULL, 3},
	            {"svcname", "a,b\nc", 0},  {"wsg-total-bytes-sent", NULL, 0x100000005}};

	for (size_t i = 0; i < sizeof(have) / sizeof(have[0]); i++)
		if (!strcmp(have[i].name, variable)) {
			out->str = have[i].str;
			out->num = have[i].num;
			return true;
		}
	return false;
}

static const char *expand(const char *schema, const char *fmt)
{
	static char buf[512];

	setenv("TZ", "UTC", 1);
	tzset();
	cr_assert_geq(bulk_format_expand(fmt, schema ? bulk_schema_find(schema) : NULL, &env, get, NULL, buf,
	                                 sizeof(buf)),
	              0, "%s", fmt);
	return buf;
}

Test(bulkstats_format, common_variables)
{
	cr_expect_str_eq(expand(NULL, "Version-21.24,%ipaddr%,%date%-%time%,%host%"),
	                 "Version-21.24,10.1.0.2,20240305-171314,A");
	cr_expect_str_eq(
	        expand(NULL, "%epochtime% %uptime% %localdate%_%localtime%_%localtz%%localtzoffset%"),
	        "1709658794 90 20240305_171314_UTC+0000");
	cr_expect_str_eq(expand(NULL, "%schemas%/%schema-delta%/%swbuild%/%version-no%"),
	                 "3/2/21.24.0/21.24");
	const struct bulk_schema *common = bulk_schema_find("common");
	char text[64];
	for (size_t i = 0; i < common->n; i++)
		cr_expect(bulk_format_common(common->vars[i].name, &env, text, sizeof(text)), "%s",
		          common->vars[i].name);
}

Test(bulkstats_format, escapes_and_text)
{
	cr_expect_str_eq(expand(NULL, "a\\tb\\nc\\\\d\\x"), "a\tb\nc\\d\\x");
	cr_expect_str_eq(expand(NULL, "100% of %, %% and %"), "100% of %, %% and %");
	cr_expect_str_eq(expand(NULL, ""), "");
	cr_expect_str_eq(expand(NULL, "\\"), "\\");
}

Test(bulkstats_format, values)
{
	cr_expect_str_eq(expand("system", "PPM,system,%epochtime%,%ikev2-cursa%"),
	                 "PPM,system,1709658794,17");
	cr_expect_str_eq(expand("system", "%ikev2-ttlsa%"), "5", "a 32 bit counter rolls over");
	cr_expect_str_eq(expand("wsg", "%wsg-total-bytes-sent%"), "4294967301", "a 64 bit one does not");
	cr_expect_str_eq(expand("card", "%card%,%cpubusy%"), "3,12.34");
	cr_expect_str_eq(expand("wsg", "%svcname%"), "a,b?c", "a value cannot break a record");
}

Test(bulkstats_format, no_source)
{
	cr_expect_str_eq(expand("system", "%sess-ttlarrived%,%sess-curaaaactive%"), "0,0");
	cr_expect_str_eq(expand("card", "%cpu1-cpubusy%|%cpu0-name%"), "|",
	                 "a reading that we do not take is not 0");
	cr_expect_str_eq(expand("port", "%rxbytes%|%maxrate%"), "|");
	cr_expect_str_eq(expand("wsg", "%state%"), "");
}

Test(bulkstats_format, unknown_variables_stay)
{
	cr_expect_str_eq(expand("card", "%card%,%no-such%,%ikev2-cursa%"), "3,%no-such%,%ikev2-cursa%");
	cr_expect_str_eq(expand(NULL, "%card%"), "%card%");
}

static void note(void *arg, const char *variable)
{
	strcat(arg, variable);
	strcat(arg, " ");
}

Test(bulkstats_format, check)
{
	char seen[200] = "";
	char *big = malloc(BULK_FORMAT_MAX + 2);

	cr_assert_eq(bulk_format_check("%card%,%nope%,%host%,%also-no%", bulk_schema_find("card"),
	                               BULK_FORMAT_MAX, note, seen),
	             2);
	cr_assert_str_eq(seen, "nope also-no ");
	memset(big, 'x', BULK_FORMAT_MAX + 1);
	big[BULK_FORMAT_MAX + 1] = 0;
	cr_assert_eq(bulk_format_check(big, NULL, BULK_FORMAT_MAX, NULL, NULL), -E2BIG);
	big[BULK_FORMAT_MAX] = 0;
	cr_assert_eq(bulk_format_check(big, NULL, BULK_FORMAT_MAX, NULL, NULL), 0);
	free(big);
}

Test(bulkstats_format, no_room)
{
	char buf[8];

	cr_assert_eq(bulk_format_expand("12345678", NULL, &env, NULL, NULL, buf, sizeof(buf)), -ENOSPC);
	cr_assert_eq(bulk_format_expand("1234567", NULL, &env, NULL, NULL, buf, sizeof(buf)), 7);
	cr_assert_eq(bulk_format_expand("%epochtime%", NULL, &env, NULL, NULL, buf, sizeof(buf)), -ENOSPC);
	cr_assert_eq(bulk_format_expand("x", NULL, &env, NULL, NULL, buf, 0), -ENOSPC);
}

Test(bulkstats_schema, tables)
{
	size_t total = 0;

	for (size_t i = 0; bulk_schema_at(i); i++) {
		const struct bulk_schema *s = bulk_schema_at(i);

		cr_expect_eq(bulk_schema_find(s->name), s);
		for (size_t k = 0; k < s->n; k++) {
			cr_expect_eq(bulk_schema_var(s, s->vars[k].name, strlen(s->vars[k].name)),
			             &s->vars[k], "%s is there twice", s->vars[k].name);
			cr_expect_lt(strlen(s->vars[k].name), BULK_VAR_MAX);
		}
		total += s->n;
	}
	cr_expect_gt(total, 3000);
	cr_expect_eq(bulk_schema_find("system")->n, 2313);
	cr_assert_null(bulk_schema_find("nope"));
}

/* A counter that is declared with a bulk statistics variable has to be one of StarOS's (or one of our own
 * "esp-"). */
Test(bulkstats_schema, declared_counters_exist)
{
	const struct counter_schema *c;

	for (size_t i = 0; (c = counters_schema_at(i)); i++) {
		const struct bulk_schema *s = bulk_schema_find(!strcmp(c->name, "ikev2") ? "system"
		                                               : !strcmp(c->name, "srp") ? "icsr"
		                                                                         : c->name);
		for (size_t k = 0; s && k < c->nrows; k++)
			if (c->rows[k].variable[0])
				cr_expect_not_null(
				        bulk_schema_var(s, c->rows[k].variable, strlen(c->rows[k].variable)),
				        "%s: %s", c->name, c->rows[k].variable);
	}
}
