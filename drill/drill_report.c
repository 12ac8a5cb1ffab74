/* SPDX-License-Identifier: MIT */
/*
 * The report of a drill: one row per stage with recovery time, what was lost and the verdict; written as
 * text, JSON and JUnit XML. No I/O. Called by cmd/drillrun.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "drill/drill.h"

struct drill_stage *drill_report_stage(struct drill_report *r, const char *title, uint64_t now_us)
{
	struct drill_stage *s;

	if (r->n == r->size) {
		unsigned size = r->size ? r->size * 2 : 8;

		s = realloc(r->stages, size * sizeof(*s));
		if (!s)
			abort();
		r->stages = s;
		r->size = size;
	}
	s = &r->stages[r->n++];
	*s = (struct drill_stage){.title = strdup(title),
	                          .start_us = now_us,
	                          .end_us = now_us,
	                          .fault_us = -1,
	                          .recovered_us = -1,
	                          .before = {.tunnels = -1, .gap_us = -1},
	                          .after = {.tunnels = -1, .gap_us = -1}};
	return s;
}

bool drill_report_passed(const struct drill_report *r)
{
	for (unsigned i = 0; i < r->n; i++) {
		if (r->stages[i].failure)
			return false;
	}
	return r->n > 0;
}

void drill_report_clear(struct drill_report *r)
{
	for (unsigned i = 0; i < r->n; i++) {
		free(r->stages[i].title);
		free(r->stages[i].failure);
	}
	free(r->stages);
	free(r->title);
	*r = (struct drill_report){0};
}

static double seconds(int64_t us)
{
	return (double)us / 1e6;
}

static int64_t recovery(const struct drill_stage *s)
{
	return s->fault_us >= 0 && s->recovered_us >= s->fault_us ? s->recovered_us - s->fault_us : -1;
}

/* "1.234 s" or "-" */
static const char *span(int64_t us, char *buf, size_t len)
{
	if (us < 0)
		snprintf(buf, len, "-");
	else
		snprintf(buf, len, "%.2f s", seconds(us));
	return buf;
}

static const char *count(int64_t n, char *buf, size_t len)
{
	if (n < 0)
		snprintf(buf, len, "-");
	else
		snprintf(buf, len, "%lld", (long long)n);
	return buf;
}

static void table_row(FILE *f, const struct drill_stage *s)
{
	char rec[24], gap[24], lost[48], before[24], after[24];

	if (s->after.sent > 0)
		snprintf(lost, sizeof(lost), "%lld of %lld", (long long)s->after.lost,
		         (long long)s->after.sent);
	else
		snprintf(lost, sizeof(lost), "-");
	fprintf(f, "%-44.44s %9s %9s %14s %7s %6s  %s\n", s->title, span(recovery(s), rec, sizeof(rec)),
	        span(s->after.gap_us, gap, sizeof(gap)), lost,
	        count(s->before.tunnels, before, sizeof(before)),
	        count(s->after.tunnels, after, sizeof(after)), s->failure ? "FAILED" : "passed");
	if (s->failure)
		fprintf(f, "    %s\n", s->failure);
}

char *drill_report_table(const struct drill_report *r)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);
	unsigned failed = 0;

	if (!f)
		return NULL;
	fprintf(f, "%-44s %9s %9s %14s %14s  %s\n", "", "", "longest", "packets", "tunnels", "");
	fprintf(f, "%-44s %9s %9s %14s %7s %6s  %s\n", "Stage", "recovery", "gap", "lost", "before", "after",
	        "verdict");
	fprintf(f, "%.44s %.9s %.9s %.14s %.7s %.6s  -------\n",
	        "--------------------------------------------", "---------", "---------", "--------------",
	        "-------", "------");
	for (unsigned i = 0; i < r->n; i++) {
		table_row(f, &r->stages[i]);
		failed += r->stages[i].failure != NULL;
	}
	if (failed)
		fprintf(f, "Verdict: FAILED (%u of %u stages)\n", failed, r->n);
	else
		fprintf(f, "Verdict: passed (%u stages, %.1f s)\n", r->n,
		        r->n ? seconds((int64_t)r->stages[r->n - 1].end_us) : 0.0);
	fclose(f);
	return out;
}

static json_t *number_or_null(int64_t v, double scale)
{
	if (v < 0)
		return json_null();
	return scale == 1 ? json_integer(v) : json_real((double)v * scale);
}

static json_t *stage_json(const struct drill_stage *s)
{
	json_t *o = json_object();

	json_object_set_new(o, "title", json_string(s->title));
	json_object_set_new(o, "passed", json_boolean(!s->failure));
	json_object_set_new(o, "failure", s->failure ? json_string(s->failure) : json_null());
	json_object_set_new(o, "start_s", json_real(seconds((int64_t)s->start_us)));
	json_object_set_new(o, "end_s", json_real(seconds((int64_t)s->end_us)));
	json_object_set_new(o, "recovery_s", number_or_null(recovery(s), 1e-6));
	json_object_set_new(o, "gap_s", number_or_null(s->after.gap_us, 1e-6));
	json_object_set_new(o, "packets_sent", json_integer(s->after.sent));
	json_object_set_new(o, "packets_lost", json_integer(s->after.lost));
	json_object_set_new(o, "tunnels_before", number_or_null(s->before.tunnels, 1));
	json_object_set_new(o, "tunnels_after", number_or_null(s->after.tunnels, 1));
	json_object_set_new(o, "checks", json_integer(s->checks));
	return o;
}

char *drill_report_json(const struct drill_report *const *reports, unsigned n)
{
	json_t *root = json_object(), *drills = json_array();
	bool passed = true;
	char *out;

	for (unsigned i = 0; i < n; i++) {
		json_t *d = json_object(), *stages = json_array();

		for (unsigned j = 0; j < reports[i]->n; j++)
			json_array_append_new(stages, stage_json(&reports[i]->stages[j]));
		passed = passed && drill_report_passed(reports[i]);
		json_object_set_new(d, "drill", json_string(reports[i]->title));
		json_object_set_new(d, "passed", json_boolean(drill_report_passed(reports[i])));
		json_object_set_new(d, "stages", stages);
		json_array_append_new(drills, d);
	}
	json_object_set_new(root, "passed", json_boolean(passed));
	json_object_set_new(root, "drills", drills);
	out = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	json_decref(root);
	return out;
}

static void xml(FILE *f, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '&')
			fputs("&amp;", f);
		else if (c == '<')
			fputs("&lt;", f);
		else if (c == '"')
			fputs("&quot;", f);
		else if (c < 32 && c != '\n')
			fputc('?', f);
		else
			fputc(c, f);
	}
}

char *drill_report_junit(const struct drill_report *const *reports, unsigned n)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	if (!f)
		return NULL;
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n", f);
	for (unsigned i = 0; i < n; i++) {
		unsigned failed = 0;

		for (unsigned j = 0; j < reports[i]->n; j++)
			failed += reports[i]->stages[j].failure != NULL;
		fputs("  <testsuite name=\"", f);
		xml(f, reports[i]->title);
		fprintf(f, "\" tests=\"%u\" failures=\"%u\">\n", reports[i]->n, failed);
		for (unsigned j = 0; j < reports[i]->n; j++) {
			const struct drill_stage *s = &reports[i]->stages[j];

			fputs("    <testcase name=\"", f);
			xml(f, s->title);
			fprintf(f, "\" time=\"%.3f\">", seconds((int64_t)(s->end_us - s->start_us)));
			if (s->failure) {
				fputs("<failure message=\"", f);
				xml(f, s->failure);
				fputs("\"/>", f);
			}
			fputs("</testcase>\n", f);
		}
		fputs("  </testsuite>\n", f);
	}
	fputs("</testsuites>\n", f);
	fclose(f);
	return out;
}
