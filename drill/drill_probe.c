/* SPDX-License-Identifier: MIT */
/*
 * What was lost: figures from the answers of a running ping, and the comparison of `measure` lines. No I/O.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drill/drill.h"

/* "[1709658794.123456] 64 bytes from 203.0.113.10: icmp_seq=7 ttl=63 time=0.5 ms" */
static bool answer(const char *line, size_t len, uint64_t *at_us, uint64_t *seq)
{
	char text[200];
	const char *s;
	unsigned long sec, usec;

	if (len >= sizeof(text))
		return false;
	memcpy(text, line, len);
	text[len] = '\0';
	if (sscanf(text, "[%lu.%6lu]", &sec, &usec) != 2 || !strstr(text, " bytes from "))
		return false;
	s = strstr(text, "icmp_seq=");
	if (!s)
		return false;
	*at_us = sec * 1000000ULL + usec;
	*seq = strtoul(s + 9, NULL, 10);
	return true;
}

void drill_probe_figures(const char *text, size_t len, uint64_t from_us, uint64_t to_us, uint64_t interval_us,
                         struct drill_figures *f)
{
	uint64_t seq, at, last_at = from_us, first = 0, last = 0, base = 0, got = 0;
	const char *end = text + len;
	int64_t gap = 0;

	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = nl ? (size_t)(nl - text) : (size_t)(end - text);

		if (nl && answer(text, n, &at, &seq) && at <= to_us) {
			if (at < from_us) {
				base = seq;
			} else if (!got || seq > last) { /* not a duplicate */
				if (!got)
					first = base ? base + 1 : seq;
				if ((int64_t)(at - last_at) > gap)
					gap = (int64_t)(at - last_at);
				last_at = at;
				last = seq;
				got++;
			}
		}
		text += n + 1;
	}
	if ((int64_t)(to_us - last_at) > gap)
		gap = (int64_t)(to_us - last_at);
	if (got) {
		f->sent += (int64_t)(last - first + 1);
		f->lost += (int64_t)(last - first + 1) - (int64_t)got;
	}
	/* what is still unanswered at the end counts as lost too, but for the last two intervals */
	if (interval_us && to_us - last_at > 2 * interval_us) {
		int64_t open = (int64_t)((to_us - last_at) / interval_us) - 2;

		f->sent += open;
		f->lost += open;
	}
	gap = gap > (int64_t)interval_us ? gap - (int64_t)interval_us : 0;
	if (gap > f->gap_us)
		f->gap_us = gap;
}

static int compare(const char *op, int64_t a, int64_t b)
{
	if (!strcmp(op, "==") || !strcmp(op, "="))
		return a == b;
	if (!strcmp(op, "<="))
		return a <= b;
	if (!strcmp(op, ">="))
		return a >= b;
	if (!strcmp(op, "<"))
		return a < b;
	if (!strcmp(op, ">"))
		return a > b;
	return -EINVAL;
}

int drill_measure(const char *text, const struct drill_figures *now, int64_t before, char *err, size_t errlen)
{
	char figure[16], op[4], value[24], rest[2], *end;
	bool gap;
	double v;
	int64_t have, want;
	int rc;

	if (sscanf(text, "%15s %3s %23s %1s", figure, op, value, rest) != 3) {
		snprintf(err, errlen, "measure takes: tunnels|lost|gap  ==|<=|>=|<|>  VALUE");
		return -EINVAL;
	}
	gap = !strcmp(figure, "gap");
	have = gap ? now->gap_us : !strcmp(figure, "lost") ? now->lost : now->tunnels;
	if (!gap && strcmp(figure, "lost") && strcmp(figure, "tunnels")) {
		snprintf(err, errlen, "the figures are tunnels, lost and gap, not \"%s\"", figure);
		return -EINVAL;
	}
	v = strtod(value, &end);
	want = (int64_t)(!gap ? v : !strcmp(end, "ms") ? v * 1000 : v * 1000000);
	if (!strcmp(value, "before"))
		want = before;
	else if (end == value || (*end && !(gap && (!strcmp(end, "s") || !strcmp(end, "ms"))))) {
		snprintf(err, errlen, "\"%s\" is not a value for %s", value, figure);
		return -EINVAL;
	}
	rc = compare(op, have, want);
	if (rc < 0)
		snprintf(err, errlen, "\"%s\" is not one of == <= >= < >", op);
	else if (gap)
		snprintf(err, errlen, "gap is %.3f s, wanted %s %s", (double)have / 1e6, op, value);
	else
		snprintf(err, errlen, "%s is %lld, wanted %s %lld", figure, (long long)have, op,
		         (long long)want);
	return rc;
}
