/* SPDX-License-Identifier: MIT */
/*
 * The event log of a process, see log.h: thresholds, escaping, the StarOS line form and the sink.
 * Process-wide state lives in `self`; records may be logged from several threads, the identity and sink are
 * set before threads start.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define FILTERS_MAX 64

static const struct log_event_row rows[EV_COUNT] = {
#define EVENT(id_, facility_, level_, name_, categories_, meaning_, action_)                                 \
	{id_, facility_, LOG_LEVEL_##level_, #name_, categories_, meaning_, action_},
#include "base/events.def"
#undef EVENT
};

static const char *const level_names[] = {"critical", "error", "warning", "unusual",
                                          "info",     "trace", "debug"};

static struct {
	char facility[32];
	unsigned instance, card, cpu;
	int pid;
	log_sink_fn sink;
	void *sink_arg;
	enum log_level level;
	/* Levels per event, kept resolved so that log_enabled() is one load. */
	uint8_t event_level[EV_COUNT];
	bool ready;
} self = {.facility = "orrery", .level = LOG_LEVEL_info};

static __thread bool in_sink;

static const char *event_facility(enum log_event ev)
{
	return rows[ev].facility[0] ? rows[ev].facility : self.facility;
}

static void resolve_all(enum log_level level)
{
	for (int i = 0; i < EV_COUNT; i++)
		self.event_level[i] = (uint8_t)level;
	self.ready = true;
}

void log_init(const char *facility, unsigned instance, unsigned card, unsigned cpu)
{
	snprintf(self.facility, sizeof(self.facility), "%s", facility);
	self.instance = instance;
	self.card = card;
	self.cpu = cpu;
	self.pid = getpid();
	if (!self.ready)
		resolve_all(self.level);
}

void log_set_sink(log_sink_fn sink, void *arg)
{
	self.sink = sink;
	self.sink_arg = arg;
}

void log_set_level(enum log_level level)
{
	self.level = level;
	resolve_all(level);
}

int log_set_facility_level(const char *facility, enum log_level level)
{
	bool all = strcmp(facility, "all") == 0;

	if ((unsigned)level >= LOG_LEVEL_COUNT)
		return -EINVAL;
	if (!self.ready)
		resolve_all(self.level);
	for (int i = 0; i < EV_COUNT; i++)
		if (all || strcmp(event_facility((enum log_event)i), facility) == 0)
			self.event_level[i] = (uint8_t)level;
	return 0;
}

bool log_enabled(enum log_event ev)
{
	if ((unsigned)ev >= EV_COUNT)
		return false;
	return rows[ev].level <= (self.ready ? self.event_level[ev] : self.level);
}

const char *log_level_name(enum log_level level)
{
	return (unsigned)level < LOG_LEVEL_COUNT ? level_names[level] : "unknown";
}

int log_level_parse(const char *name)
{
	for (int i = 0; i < LOG_LEVEL_COUNT; i++)
		if (strcmp(name, level_names[i]) == 0)
			return i;
	return -EINVAL;
}

const struct log_event_row *log_event_row(enum log_event ev)
{
	return (unsigned)ev < EV_COUNT ? &rows[ev] : NULL;
}

/* Length of the well-formed UTF-8 character at p (2 to 4), 0 when there is none. C1 controls (0x80-0x9f)
 * count as none. */
static size_t utf8_len(const unsigned char *p, size_t left)
{
	size_t n = p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;

	if (n == 0 || n > left || p[0] > 0xf4 || (p[0] == 0xc2 && p[1] < 0xa0) ||
	    (p[0] == 0xe0 && p[1] < 0xa0))
		return 0;
	if ((p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* One character of `in` as text in `out` (at most 4 bytes); returns how many bytes of `in` it took, *n those
 * of `out`. */
static size_t escape_one(const unsigned char *in, size_t left, char out[5], size_t *n)
{
	static const char hex[] = "0123456789abcdef";
	size_t u = in[0] >= 0x80 ? utf8_len(in, left) : 0;

	if (u) {
		memcpy(out, in, u);
		*n = u;
		return u;
	}
	if (in[0] == '\n' || in[0] == '\t' || in[0] == '\r' || in[0] == '\\') {
		out[0] = '\\';
		out[1] = in[0] == '\n' ? 'n' : in[0] == '\t' ? 't' : in[0] == '\r' ? 'r' : '\\';
		*n = 2;
	} else if (in[0] < 0x20 || in[0] >= 0x7f) {
		out[0] = '\\';
		out[1] = 'x';
		out[2] = hex[in[0] >> 4];
		out[3] = hex[in[0] & 15];
		*n = 4;
	} else {
		out[0] = (char)in[0];
		*n = 1;
	}
	return 1;
}

void log_escape(const char *in, size_t len, char *out, size_t size)
{
	size_t at = 0, safe = 0; /* safe: where "..." still fits */
	char one[5];
	size_t n;

	if (size == 0)
		return;
	for (size_t i = 0; i < len;) {
		size_t took = escape_one((const unsigned char *)in + i, len - i, one, &n);

		if (at + n + 1 > size) {
			at = safe;
			for (int dots = 0; dots < 3 && at + 1 < size; dots++)
				out[at++] = '.';
			break;
		}
		memcpy(out + at, one, n);
		at += n;
		if (at + 4 <= size)
			safe = at;
		i += took;
	}
	out[at] = '\0';
}

const char *log_format_line(const struct log_record *rec, enum clock_zone zone, char *buf, size_t size)
{
	char when[CLOCK_TEXT_MAX];

	snprintf(buf, size, "%s [%s %u %s] [%u/%u/%d <%s:%u> %s:%d] [%s] %s",
	         clock_format_staros_log(when, sizeof(when), rec->wall_us, zone), rec->facility,
	         rec->event_id, log_level_name(rec->level), rec->card, rec->cpu, rec->pid, rec->task,
	         rec->instance, rec->file, rec->line, rec->categories, rec->text);
	return buf;
}

static void to_stderr(const struct log_record *rec)
{
	char line[LOG_LINE_MAX + 1];
	size_t len;

	log_format_line(rec, CLOCK_LOCAL, line, LOG_LINE_MAX);
	len = strlen(line);
	line[len++] = '\n';
	/* One write, so that lines of several processes do not mix. A full or closed stderr is nothing we
	 * could report. */
	if (write(STDERR_FILENO, line, len) < 0)
		return;
}

void log_write(enum log_event ev, const char *file, int line, const char *fmt, ...)
{
	char raw[LOG_TEXT_MAX], text[LOG_TEXT_MAX];
	const char *slash = strrchr(file, '/');
	struct log_record rec = {
	        .wall_us = clock_wall_us(),
	        .facility = event_facility(ev),
	        .event_id = rows[ev].id,
	        .level = rows[ev].level,
	        .card = self.card,
	        .cpu = self.cpu,
	        .pid = self.pid ? self.pid : getpid(),
	        .task = self.facility,
	        .instance = self.instance,
	        .file = slash ? slash + 1 : file,
	        .line = line,
	        .categories = rows[ev].categories,
	        .text = text,
	};
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	log_escape(raw, strlen(raw), text, sizeof(text));
	if (self.sink && !in_sink) {
		in_sink = true;
		self.sink(&rec, self.sink_arg);
		in_sink = false;
	} else {
		to_stderr(&rec);
	}
	errno = saved;
}

void log_doc(FILE *out)
{
	fprintf(out, "# Events\n\nPrinted from `lib/base/events.def`. A facility of `-` is that of the task "
	             "that logs.\n\n"
	             "| Facility | Id | Level | Name | Meaning | Action | Categories "
	             "|\n|---|---|---|---|---|---|---|\n");
	for (int i = 0; i < EV_COUNT; i++)
		fprintf(out, "| %s | %u | %s | %s | %s | %s | %s |\n",
		        rows[i].facility[0] ? rows[i].facility : "-", rows[i].id,
		        log_level_name(rows[i].level), rows[i].name, rows[i].meaning, rows[i].action,
		        rows[i].categories);
}
