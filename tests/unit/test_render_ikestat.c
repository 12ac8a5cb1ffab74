/* SPDX-License-Identifier: MIT */
/*
 * show crypto statistics ikev2: every field that chapters 13 to 20 and 28 of the IPSec Reference name, in its
 * spelling and under its section, shows its counter.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/counters.h"
#include "base/schemas.h"
#include "render/render.h"
#include "tests/ikestat_fields.h"

/* The counter's name in the tree: its variable, or its field. */
static const char *name_of(const char *field, char *buf, size_t size)
{
	const struct counter_schema *s = &counters_schema_ikev2;

	for (size_t i = 0; i < s->nrows; i++)
		if (!strcmp(s->rows[i].name, field)) {
			snprintf(buf, size, "%s", *s->rows[i].variable ? s->rows[i].variable : field);
			return buf;
		}
	cr_assert(false, "no counter %s", field);
	return NULL;
}

static char *shown(const char *field, long long value)
{
	char name[80];
	json_t *j = json_pack("{s:[{s:s, s:{s:I}}]}", "objects", "name", "t", "counters",
	                      name_of(field, name, sizeof(name)), (json_int_t)value);
	struct cli_out_buf buf;
	char *text;

	cli_out_buf_init(&buf);
	render_crypto_statistics(j, NULL, &buf.out);
	text = strdup(buf.text);
	cli_out_buf_free(&buf);
	json_decref(j);
	return text;
}

Test(render_ikestat, every_field_of_the_reference)
{
	for (size_t i = 0; i < IKESTAT_FIELDS; i++) {
		char *text = shown(ikestat_fields[i].field, 4711), title[120], label[80], *at, *end, *hit;

		snprintf(title, sizeof(title), "%s:\n", ikestat_fields[i].section);
		snprintf(label, sizeof(label), "%s:", ikestat_fields[i].label);
		at = strstr(text, title);
		cr_assert(at, "%s", title);
		end = strstr(at, "\n\n");
		hit = strstr(at, label);
		cr_assert(hit && hit < end, "%s: %s", title, label);
		hit += strlen(label);
		cr_assert_eq(strtoll(hit, NULL, 10), 4711, "%s: %.40s", label, hit);
		free(text);
	}
}

Test(render_ikestat, debug_statistics)
{
	char *text = shown("half_open_timer_start", 11);

	cr_assert(strstr(text, "IKEv2 DEBUG Statistics:\n"));
	cr_assert(strstr(text, "\n  11 tot_ikev2_ikesa_half_open_sa_timer_start\n"));
	cr_assert(strstr(text, "\n  0 tot_ikev2_ikesa_half_open_sa_timer_start_ignored\n"));
	cr_assert(strstr(text, "\n  0 tot_ikev2_ikesa_half_open_sa_timer_stop\n"));
	free(text);
}
