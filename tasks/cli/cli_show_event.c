/* SPDX-License-Identifier: MIT */
/* What happened, from the store: event log, traps, alarms, recovery actions, crashes. Serials and card names
 * come from hatsystem. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/version.h"
#include "cli_show.h"
#include "show/show.h"
#include "srdb/srdb_cleared.h"
#include "store/store.h"

#define TRAPS_SHOWN   5000
#define CRASHES_SHOWN 120
#define RCT_SHOWN     5000

static json_t *unreadable(const char *what, int rc, char *err, size_t size, json_t *list)
{
	snprintf(err, size, "Failure: %s cannot be read: %s", what, strerror(-rc));
	json_decref(list);
	return NULL;
}

/* Text that is printable already; what is not becomes so. */
static json_t *text(const char *t)
{
	json_t *j = json_string(t);

	return j ? j : show_text(t);
}

static int64_t cleared_mark(struct sh *sh, const char *what)
{
	json_t *c = sh_cleared(sh);
	int64_t mark = srdb_cleared_mark(c, what);

	json_decref(c);
	return mark;
}

/* --- logs
 * ------------------------------------------------------------------------------------------------------------------
 */

struct logs {
	json_t *list;
	uint64_t since, until;
	int64_t cleared;
};

/* "YYYY:MM:DD:HH:mm" or with ":ss", UTC. 0: not such a date. */
static uint64_t moment(const char *date)
{
	struct tm tm = {0};
	const char *end = date ? strptime(date, "%Y:%m:%d:%H:%M", &tm) : NULL;

	if (end && *end == ':')
		end = strptime(end, ":%S", &tm);
	return end && !*end ? (uint64_t)timegm(&tm) * US_PER_SEC : 0;
}

struct log_record sh_event_record(const struct store_event *e)
{
	return (struct log_record){.wall_us = e->wall_us,
	                           .facility = e->facility,
	                           .event_id = e->event_id,
	                           .level = (enum log_level)e->level,
	                           .card = e->card,
	                           .cpu = e->cpu,
	                           .pid = e->pid,
	                           .task = e->task,
	                           .instance = e->instance,
	                           .file = e->file,
	                           .line = e->line,
	                           .categories = e->categories,
	                           .text = e->text};
}

static int one_event(const struct store_event *e, void *arg)
{
	struct logs *l = arg;
	char line[LOG_LINE_MAX];
	struct log_record r = sh_event_record(e);

	if (e->seq <= l->cleared || e->wall_us < l->since || (l->until && e->wall_us > l->until))
		return 0;
	log_format_line(&r, CLOCK_UTC, line, sizeof(line));
	json_array_append_new(l->list, json_pack("{s:I, s:o, s:I, s:s, s:o, s:I, s:i, s:i, s:i, s:o, s:o}",
	                                         "wall_us", (json_int_t)e->wall_us, "facility",
	                                         text(e->facility), "id", (json_int_t)e->event_id, "level",
	                                         log_level_name((enum log_level)e->level), "task",
	                                         text(e->task), "instance", (json_int_t)e->instance, "card",
	                                         (int)e->card, "cpu", (int)e->cpu, "pid", e->pid, "text",
	                                         text(e->text), "line", text(line)));
	return 0;
}

json_t *sh_logs_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	const char *level = cli_cmd_str(cmd, "level"), *since = cli_cmd_str(cmd, "since"),
	           *until = cli_cmd_str(cmd, "until");
	struct logs l = {.list = json_array(), .since = moment(since), .until = moment(until)};
	int rc;

	if ((since && !l.since) || (until && !l.until)) {
		snprintf(err, size, "Failure: \"%s\" is no date: YYYY:MM:DD:HH:mm or YYYY:MM:DD:HH:mm:ss",
		         since && !l.since ? since : until);
		json_decref(l.list);
		return NULL;
	}
	l.cleared = cleared_mark(sh, "events");
	rc = store_event_list(
	        sh_state(sh), cli_cmd_str(cmd, "facility"), level ? log_level_parse(level) : LOG_LEVEL_debug,
	        (uint32_t)cli_cmd_int(cmd, "count", since || until || cli_cmd_has(cmd, "url") ? 0 : 1000),
	        one_event, &l);
	if (rc < 0)
		return unreadable("the event log", rc, err, size, l.list);
	return json_pack("{s:o}", "events", l.list);
}

/* --- traps
 * -------------------------------------------------------------------------------------------------------------------
 */

static int one_trap(const struct store_trap *row, void *arg)
{
	char when[CLOCK_TEXT_MAX];

	clock_format_trap(when, sizeof(when), row->wall_us, CLOCK_UTC);
	json_array_append_new(arg, json_pack("{s:I, s:s, s:I, s:i, s:o, s:o, s:b}", "seq",
	                                     (json_int_t)row->seq, "time", when, "wall_us",
	                                     (json_int_t)row->wall_us, "number", (int)row->number, "name",
	                                     text(row->name), "text", text(row->text), "sent", row->sent));
	return 0;
}

/* Receivers of traps, with what went to each. */
json_t *sh_transports_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show(sh, "snmp/0", "targets", "", err, size);
}

json_t *sh_traps_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *list = json_array();
	int rc = store_trap_list(sh_state(sh), cleared_mark(sh, "traps"), false, 0, one_trap, list);

	if (rc < 0)
		return unreadable("the trap history", rc, err, size, list);
	while (json_array_size(list) > TRAPS_SHOWN)
		json_array_remove(list, 0);
	return json_pack("{s:i, s:i, s:o}", "count", (int)json_array_size(list), "maximum", TRAPS_SHOWN,
	                 "traps", list);
}

/* --- alarms
 * --------------------------------------------------------------------------------------------------------------------
 */

struct alarms {
	json_t *list, *cards;
	int current[3], cumulative[3];
	uint64_t last, cleared;
};

/* StarOS's sentence for a card without a spare; other alarms are told in the words of their trap. */
static json_t *alarm_text(const struct alarms *x, const struct store_alarm *a)
{
	unsigned slot;
	size_t i;
	json_t *c;

	if (strcmp(a->name, "CardSPOFAlarm") != 0 || sscanf(a->object, "Card %u", &slot) != 1)
		return show_format("%s: %s", a->name, a->text);
	json_array_foreach(json_object_get(x->cards, "cards"), i, c)
	{
		const char *type = render_str(c, "description");

		if (render_num(c, "slot") == slot)
			return show_format("The %s in slot %u is a single point of failure. Another %s of "
			                   "the same type is needed.",
			                   type, slot, type);
	}
	return show_format("%s: %s", a->name, a->text);
}

static int one_alarm(const struct store_alarm *a, void *arg)
{
	struct alarms *x = arg;
	int s = a->severity < 0 || a->severity > 2 ? 2 : a->severity;

	if (a->raised_us > x->cleared) {
		x->cumulative[s]++;
		x->last = a->raised_us > x->last ? a->raised_us : x->last;
	}
	if (a->cleared_us)
		return 0;
	x->current[s]++;
	json_array_append_new(x->list,
	                      json_pack("{s:I, s:o, s:o, s:i, s:I, s:o}", "id", (json_int_t)a->id, "object",
	                                text(a->object), "name", text(a->name), "severity", s, "raised_us",
	                                (json_int_t)a->raised_us, "text", alarm_text(x, a)));
	return 0;
}

/* By severity, then by the kind and number of the object: "Card 2" before "Card 10" before "Port 5/10". */
static int by_object(const void *p, const void *q)
{
	const json_t *a = *(json_t *const *)p, *b = *(json_t *const *)q;

	if (render_num(a, "severity") != render_num(b, "severity"))
		return render_num(a, "severity") < render_num(b, "severity") ? -1 : 1;
	return strverscmp(render_str(a, "object"), render_str(b, "object"));
}

static json_t *sorted(const json_t *list)
{
	size_t n = json_array_size(list);
	json_t **v = calloc(n + 1, sizeof(json_t *)), *out = json_array();

	for (size_t i = 0; v && i < n; i++)
		v[i] = json_array_get(list, i);
	if (v)
		qsort(v, n, sizeof(json_t *), by_object);
	for (size_t i = 0; v && i < n; i++)
		json_array_append(out, v[i]);
	free(v);
	return out;
}

static json_t *counts(const int *n)
{
	return json_pack("{s:i, s:i, s:i}", "critical", n[0], "major", n[1], "minor", n[2]);
}

json_t *sh_alarms_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	struct alarms x = {.list = json_array(), .cleared = (uint64_t)cleared_mark(sh, "alarms")};
	json_t *j;
	int rc;

	x.cards = sh_show(sh, "hatsystem/0", "cards", "", err, size); /* NULL: then without card names */
	rc = store_alarm_list(sh_state(sh), false, one_alarm, &x);
	json_decref(x.cards);
	if (rc < 0)
		return unreadable("the alarms", rc, err, size, x.list);
	j = json_pack("{s:o, s:o, s:I, s:o}", "current", counts(x.current), "cumulative",
	              counts(x.cumulative), "last_wall_us", (json_int_t)x.last, "alarms", sorted(x.list));
	json_decref(x.list);
	return j;
}

/* --- recovery actions, crashes
 * ----------------------------------------------------------------------------------------------------- */

static int one_row(const struct store_history *h, void *arg)
{
	json_t *o = json_loads(h->json, 0, NULL);

	if (json_is_object(o)) {
		json_object_set_new(o, "wall_us", json_integer((json_int_t)h->wall_us));
		json_object_set_new(o, "seq", json_integer((json_int_t)h->seq));
		json_array_append_new(arg, o);
	} else {
		json_decref(o);
	}
	return 0;
}

static const json_t *card_of(const json_t *cards, long long slot)
{
	const json_t *c;
	size_t i;

	json_array_foreach(json_object_get(cards, "cards"), i, c) if (render_num(c, "slot") == slot) return c;
	return NULL;
}

json_t *sh_rct_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *list = json_array(), *cards, *a;
	int rc = store_history_list(sh_state(sh), "rct", RCT_SHOWN, one_row, list);
	size_t i;

	if (rc < 0)
		return unreadable("the recovery history", rc, err, size, list);
	cards = sh_show(sh, "hatsystem/0", "cards", "", err, size);
	json_array_foreach(list, i, a) json_object_set_new(
	        a, "management",
	        json_boolean(
	                !strcmp(render_str(card_of(cards, render_num(a, "from")), "slot_type"), "MMIO")));
	json_decref(cards);
	return json_pack("{s:o}", "actions", list);
}

/* A crash is a task that ended unexpectedly. Serials are those of the cards now: the record has none. */
static json_t *crash_json(json_t *row, const json_t *cards)
{
	const char *mio = render_str(card_of(cards, render_num(cards, "active_mio")), "serial");
	const char *own = render_str(card_of(cards, render_num(row, "card")), "serial");

	json_object_set_new(row, "version", json_string(version_number()));
	json_object_set_new(row, "serial", *mio && *own ? show_format("%s/%s", mio, own) : json_string("NA"));
	return row;
}

json_t *sh_crash_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *rows = json_array(), *crashes = json_array(), *cards, *row, *cleared;
	int rc = store_history_list(sh_state(sh), "task_history", 0, one_row, rows);
	json_int_t total;
	size_t i;

	if (rc < 0) {
		json_decref(crashes);
		return unreadable("the crash list", rc, err, size, rows);
	}
	cards = sh_show(sh, "hatsystem/0", "cards", "", err, size);
	cleared = sh_cleared(sh);
	json_array_foreach(rows, i, row) if (!strcmp(render_str(row, "what"), "failed") &&
	                                     !srdb_cleared_has_crash(cleared, render_num(row, "seq")))
	        json_array_append(crashes, crash_json(row, cards));
	json_decref(cleared);
	json_decref(cards);
	json_decref(rows);
	total = (json_int_t)json_array_size(crashes);
	while (json_array_size(crashes) > CRASHES_SHOWN)
		json_array_remove(crashes, 0);
	return json_pack("{s:I, s:o}", "total", total, "crashes", crashes);
}
