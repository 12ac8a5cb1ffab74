/* SPDX-License-Identifier: MIT */
/*
 * What was lost: figures from the answers of a running ping, and the comparison of `measure` lines. No I/O.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drill/drill.h"

/* "[1709658794.123456] 64 bytes from 203.0.113.10: icmp_seq=7 ttl=63 time=0.5 ms"; of a line without answer
 * *seq is 0. False: it has no time. */
static bool timed(const char *line, size_t len, uint64_t *at_us, uint64_t *seq)
{
	char text[200];
	const char *s;
	unsigned long sec, usec;

	if (len >= sizeof(text))
		return false;
	memcpy(text, line, len);
	text[len] = '\0';
	if (sscanf(text, "[%lu.%6lu]", &sec, &usec) != 2)
		return false;
	*at_us = sec * 1000000ULL + usec;
	s = strstr(text, " bytes from ") ? strstr(text, "icmp_seq=") : NULL;
	*seq = s ? strtoul(s + 9, NULL, 10) : 0;
	return true;
}

void drill_probe_figures(const char *text, size_t len, uint64_t from_us, uint64_t to_us, uint64_t interval_us,
                         struct drill_figures *f)
{
	uint64_t seq, at, last_at = from_us, first = 0, last = 0, base = 0, got = 0, alive = 0;
	const char *end = text + len;
	int64_t gap = 0;

	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = nl ? (size_t)(nl - text) : (size_t)(end - text);

		if (nl && n && !timed(text, n, &at, &seq)) {
			alive = 0; /* an error: from here on it says nothing of each echo */
		} else if (nl && n && at <= to_us) {
			alive = at;
			if (seq && at < from_us) {
				base = seq;
			} else if (seq && (!got || seq > last)) { /* not a duplicate */
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
	/* it speaks of each echo, one way or the other: silence is that of a machine which did not let it run
	 */
	if (alive >= from_us && alive + interval_us < to_us)
		to_us = alive + interval_us;
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

struct figure {
	const char *name;
	int64_t (*get)(const struct drill_figures *f);
	bool time;
};

static int64_t get_tunnels(const struct drill_figures *f)
{
	return f->tunnels;
}

static int64_t get_spis(const struct drill_figures *f)
{
	return (int64_t)(f->spis >> 1);
}

static int64_t get_reused(const struct drill_figures *f)
{
	return f->reused;
}

static int64_t get_lost(const struct drill_figures *f)
{
	return f->lost;
}

static int64_t get_gap(const struct drill_figures *f)
{
	return f->gap_us;
}

static const struct figure figures[] = {{"tunnels", get_tunnels, false},
                                        {"spis", get_spis, false},
                                        {"reused", get_reused, false},
                                        {"lost", get_lost, false},
                                        {"gap", get_gap, true}};

/* VALUE of a figure: `before`, a number, or a time. 0 or -EINVAL. */
static int value_of(const struct figure *f, const char *text, const struct drill_figures *before,
                    int64_t *out)
{
	char *end;
	double v = strtod(text, &end);

	if (!strcmp(text, "before")) {
		*out = f->get(before);
		return 0;
	}
	if (end == text || v < 0 || v > 1e12)
		return -EINVAL;
	if (!f->time) {
		*out = (int64_t)v;
		return *end ? -EINVAL : 0;
	}
	*out = (int64_t)(v * (!strcmp(end, "ms") ? 1e3 : 1e6));
	return strcmp(end, "ms") && strcmp(end, "s") ? -EINVAL : 0;
}

int drill_measure(const char *text, const struct drill_figures *now, const struct drill_figures *before,
                  char *err, size_t errlen)
{
	char name[16], op[4], value[24], rest[2];
	const struct figure *f = NULL;
	int64_t want, have;
	int rc;

	if (sscanf(text, "%15s %3s %23s %1s", name, op, value, rest) != 3) {
		snprintf(err, errlen, "measure takes: tunnels|spis|reused|lost|gap  ==|<=|>=|<|>  VALUE");
		return -EINVAL;
	}
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		if (!strcmp(figures[i].name, name))
			f = &figures[i];
	}
	if (!f) {
		snprintf(err, errlen, "the figures are tunnels, spis, reused, lost and gap, not \"%s\"",
		         name);
		return -EINVAL;
	}
	if (value_of(f, value, before, &want)) {
		snprintf(err, errlen, "\"%s\" is not a value for %s", value, name);
		return -EINVAL;
	}
	have = f->get(now);
	rc = compare(op, have, want);
	if (rc < 0)
		snprintf(err, errlen, "\"%s\" is not one of == <= >= < >", op);
	else if (f->time)
		snprintf(err, errlen, "%s is %.3f s, wanted %s %s", name, (double)have / 1e6, op, value);
	else if (f->get == get_spis)
		snprintf(err, errlen, "the SPIs of the tunnels %s",
		         have == want ? "are the same" : "have changed");
	else
		snprintf(err, errlen, "%s is %lld, wanted %s %lld", name, (long long)have, op,
		         (long long)want);
	return rc;
}
