/* SPDX-License-Identifier: MIT */
/*
 * Shows as JSON: "trap history" (paged by offset and limit, oldest first, the newest 5000), "notifies",
 * "communities", "targets". The CLI makes StarOS's text of them. Called by main.c.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cfg/cfg.h"
#include "snmp_task.h"
#include "task/watch.h"

#define HISTORY_MAX 5000
#define PAGE        500

/* --- trap history
 * ---------------------------------------------------------------------------------------------- */

struct page {
	json_t *rows;
	uint32_t limit;
	int64_t last;
};

static int add_row(const struct store_trap *row, void *arg)
{
	struct page *p = arg;
	char when[CLOCK_TEXT_MAX];

	if (json_array_size(p->rows) >= p->limit)
		return 1;
	clock_format_trap(when, sizeof(when), row->wall_us, CLOCK_UTC);
	json_array_append_new(p->rows, json_pack("{s:I, s:s, s:I, s:i, s:s, s:s, s:b}", "seq",
	                                         (json_int_t)row->seq, "time", when, "wall_us",
	                                         (json_int_t)row->wall_us, "number", (int)row->number, "name",
	                                         row->name, "text", row->text, "sent", row->sent));
	p->last = row->seq;
	return 0;
}

static int count_all(const struct store_trap *row, void *arg)
{
	int64_t *n = arg;

	n[0] = n[0] ? n[0] : row->seq; /* first */
	n[1] = row->seq;               /* last */
	n[2]++;
	return 0;
}

/* offset is the seq behind which the page starts, 0: the beginning. */
static json_t *history(struct snmp_task *st, const Show *show, bool *more, uint32_t *next)
{
	struct page p = {.rows = json_array(),
	                 .limit = show->limit && show->limit < PAGE ? show->limit : PAGE};
	int64_t n[3] = {0}, from;
	int rc;

	store_trap_list(st->store, 0, false, 0, count_all, n);
	from = n[2] > HISTORY_MAX ? n[1] - HISTORY_MAX : 0;
	if (show->offset > from)
		from = show->offset;
	p.last = from;
	rc = store_trap_list(st->store, from, false, p.limit + 1, add_row, &p);
	*more = rc == 1;
	*next = (uint32_t)p.last;
	return json_pack("{s:I, s:i, s:o}", "count", (json_int_t)(n[2] > HISTORY_MAX ? HISTORY_MAX : n[2]),
	                 "maximum", HISTORY_MAX, "traps", p.rows);
}

/* --- notifies
 * ---------------------------------------------------------------------------------------------------------
 */

/* "2026:03:03:17:11:14"; "" for a trap that never was. */
static void notify_time(char *buf, size_t size, uint64_t wall)
{
	time_t s = (time_t)(wall / US_PER_SEC);
	struct tm tm;

	*buf = 0;
	if (!wall)
		return;

	gmtime_r(&s, &tm);
	strftime(buf, size, "%Y:%m:%d:%H:%M:%S", &tm);
}

static void set_when(json_t *o, const char *key, uint64_t wall)
{
	char buf[CLOCK_TEXT_MAX];

	if (wall)
		json_object_set_new(o, key,
		                    json_string(clock_format_exec(buf, sizeof(buf), wall, CLOCK_UTC)));
	else
		json_object_set_new(o, key, json_null());
}

/* all: rows also for traps that were never generated. */
static json_t *notifies(struct snmp_task *st, bool all)
{
	json_t *o = json_object(), *rows = json_array();
	uint64_t disabled = 0, discarded = 0;
	char last[32];

	for (size_t i = 0; i < traps_count(); i++) {
		const struct snmp_count *c = &st->count[i];

		if (!c->generated && !all)
			continue;
		notify_time(last, sizeof(last), c->last_wall);
		json_array_append_new(rows, json_pack("{s:s, s:i, s:I, s:I, s:I, s:s}", "name",
		                                      traps_at(i)->name, "number", (int)traps_at(i)->number,
		                                      "generated", (json_int_t)c->generated, "discarded",
		                                      (json_int_t)c->discarded, "disabled",
		                                      (json_int_t)c->disabled, "last", last));
		disabled += c->disabled;
		discarded += c->discarded;
	}
	json_object_set_new(o, "total", json_integer((json_int_t)(st->total - disabled - discarded)));
	set_when(o, "last_sent", st->last_sent_wall);
	json_object_set_new(o, "sending", json_string("enabled"));
	set_when(o, "last_disabled", st->last_disabled_wall);
	set_when(o, "last_cleared", st->last_cleared_wall);
	json_object_set_new(o, "current_period", json_integer(0));
	json_object_set_new(o, "previous_period", json_integer(0));
	json_object_set_new(o, "monitor_period", json_integer(300));
	json_object_set_new(o, "total_disabled", json_integer((json_int_t)disabled));
	json_object_set_new(o, "traps", rows);
	return o;
}

/* --- communities, targets
 * ------------------------------------------------------------------------------------------------ */

static json_t *communities(struct snmp_task *st)
{
	const struct cfg_tree *tree = config_tree(st->t);
	const struct cfg_node *n;
	json_t *rows = json_array();

	if (tree)
		cfg_foreach(n, tree->root, "snmp-community")
		{
			const char *access = cfg_arg(n, "access");
			json_array_append_new(rows, json_pack("{s:s, s:s}", "community", cfg_key(n, 0),
			                                      "access", access ? access : "read-only"));
		}
	return json_pack("{s:o}", "communities", rows);
}

static json_t *targets(struct snmp_task *st)
{
	json_t *rows = json_array();
	char addr[NET_ADDR_STRLEN];

	for (size_t i = 0; i < SNMP_TARGETS; i++) {
		const struct snmp_target *tg = &st->target[i];

		if (tg->used)
			json_array_append_new(
			        rows,
			        json_pack("{s:s, s:s, s:i, s:s, s:I, s:I, s:I}", "name", tg->name, "address",
			                  net_addr_format(&tg->addr, addr, sizeof(addr)), "port",
			                  (int)tg->port, "version", tg->version == SNMP_V1 ? "1" : "2c",
			                  "sent", (json_int_t)tg->sent, "failed", (json_int_t)tg->failed,
			                  "behind", (json_int_t)(st->seen - tg->cursor)));
	}
	return json_pack("{s:o}", "targets", rows);
}

void snmp_show_handle(struct task *t, const struct bus_msg *m)
{
	struct snmp_task *st = t->data;
	const Show *show = m->env->show;
	Envelope env = ENVELOPE__INIT;
	ShowReply r = SHOW_REPLY__INIT;
	json_t *o = NULL;
	bool more = false;
	uint32_t next = 0;

	if (!strcmp(show->what, "trap history"))
		o = history(st, show, &more, &next);
	else if (!strcmp(show->what, "notifies"))
		o = notifies(st, !strcmp(show->args, "all"));
	else if (!strcmp(show->what, "communities"))
		o = communities(st);
	else if (!strcmp(show->what, "targets"))
		o = targets(st);
	if (!o) {
		task_reply_status(t, m, -ENOENT, "snmp has no show \"%s\"", show->what);
		return;
	}
	r.json = json_dumps(o, JSON_COMPACT);
	r.more = more;
	r.next = next;
	env.body_case = ENVELOPE__BODY_SHOW_REPLY;
	env.show_reply = &r;
	task_reply(t, m, &env);
	free(r.json);
	json_decref(o);
}
