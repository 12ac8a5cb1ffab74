/* SPDX-License-Identifier: MIT */
/*
 * What operators clear (Control requests "clear …"): kept as marks and base lines in one row of state.db
 * (lib/srdb/srdb_cleared.h), answered when it is durable. "clear counters" SCHEMA [KEY], "clear traps",
 * "clear events", "clear alarms" (the raised ones too: args "outstanding"; "statistics": the numbers alone),
 * "clear crashes" all | SEQ.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "srdb/srdb_cleared.h"
#include "tasks/srdb/srdb.h"

/* The record as it is now: what was submitted last, which may not be committed yet. */
static json_t *cleared;

static json_t *record(void)
{
	char *text = cleared ? NULL : malloc(SRDB_CLEARED_MAX);
	bool have = text && store_meta_get(store_writer_reader(srdb.store), SRDB_CLEARED_META, text,
	                                   SRDB_CLEARED_MAX) == 0;

	if (!cleared)
		cleared = srdb_cleared_parse(have ? text : NULL, srdb.t->boot_id);
	free(text);
	return cleared;
}

/* --- what is cleared
 * ------------------------------------------------------------------------------------------ */

struct counters_wanted {
	const char *schema, *key; /* key "": all */
	json_t *into;
	unsigned n;
};

static int add_base(const struct counter_schema *schema, const char *key, const char *json, void *arg)
{
	struct counters_wanted *w = arg;
	json_t *totals;

	if (strcmp(schema->name, w->schema) != 0 || (*w->key && strcmp(key, w->key) != 0))
		return 0;
	totals = json_loads(json, 0, NULL);
	srdb_cleared_set_base(w->into, schema, key, totals);
	json_decref(totals);
	w->n++;
	return 0;
}

static int clear_counters(json_t *into, const char *args)
{
	char schema[COUNTERS_SCHEMA_MAX];
	size_t n = strcspn(args, " ");
	struct counters_wanted w = {.schema = schema, .key = args[n] ? args + n + 1 : "", .into = into};

	if (!n || n >= sizeof(schema) || !srdb.sampler)
		return -EINVAL;
	memcpy(schema, args, n);
	schema[n] = 0;
	srdb_sampler_scan(srdb.sampler);
	return srdb_sampler_totals(srdb.sampler, add_base, &w);
}

static int last_trap(const struct store_trap *row, void *arg)
{
	*(int64_t *)arg = row->seq;
	return 0;
}

static int last_event(const struct store_event *row, void *arg)
{
	*(int64_t *)arg = row->seq;
	return 0;
}

static int last_history(const struct store_history *row, void *arg)
{
	*(int64_t *)arg = row->seq;
	return 0;
}

static int clear_crashes(json_t *into, struct store_reader *r, const char *args)
{
	int64_t seq = 0;
	char *end;
	int rc;

	if (!strcmp(args, "all")) {
		rc = store_history_list(r, "task_history", 1, last_history, &seq);
		srdb_cleared_crash(into, seq, true);
		return rc;
	}
	seq = strtoll(args, &end, 10);
	if (*end || seq <= 0)
		return -EINVAL;
	srdb_cleared_crash(into, seq, false);
	return 0;
}

static int apply(json_t *into, struct store_batch *b, const char *what, const char *args)
{
	struct store_reader *r = store_writer_reader(srdb.store);
	int64_t seq = 0;
	int rc;

	if (!strcmp(what, "clear counters"))
		return clear_counters(into, args);
	if (!strcmp(what, "clear crashes"))
		return clear_crashes(into, r, args);
	if (!strcmp(what, "clear traps")) {
		rc = store_trap_list(r, 0, false, 0, last_trap, &seq);
		srdb_cleared_set_mark(into, "traps", seq);
		return rc;
	}
	if (!strcmp(what, "clear events")) {
		rc = store_event_list(r, NULL, LOG_LEVEL_debug, 1, last_event, &seq);
		srdb_cleared_set_mark(into, "events", seq);
		return rc;
	}
	if (!strcmp(what, "clear alarms")) {
		if (strcmp(args, "statistics") != 0 && store_batch_alarm_clear_all(b, clock_wall_us()) < 0)
			return -ENOMEM;
		if (strcmp(args, "outstanding") != 0)
			srdb_cleared_set_mark(into, "alarms", (int64_t)clock_wall_us());
		return 0;
	}
	return -ENOENT;
}

/* --- the request
 * ---------------------------------------------------------------------------------------------- */

static void answered(const struct store_result *res, void *arg)
{
	struct bus_from *from = arg;

	if (!res->final)
		return;
	task_reply_status_to(srdb.t, from, res->error, "%s", res->error ? strerror(-res->error) : "");
	free(from);
}

void srdb_clear(struct task *t, const struct bus_msg *m)
{
	const Control *c = m->env->control;
	struct store_batch *b = srdb_open_batch();
	json_t *next = b ? json_deep_copy(record()) : NULL;
	struct bus_from *from = malloc(sizeof(*from));
	char *text = NULL;
	int err = !b ? -EAGAIN : !next || !from ? -ENOMEM : apply(next, b, c->what, c->args);

	if (!err) {
		text = json_dumps(next, JSON_COMPACT);
		err = !text ? -ENOMEM : strlen(text) >= SRDB_CLEARED_MAX ? -E2BIG : 0;
	}
	if (!err)
		err = store_batch_meta(b, SRDB_CLEARED_META, text);
	free(text);
	if (err) {
		store_batch_free(b);
	} else {
		*from = task_from(m);
		err = srdb_open_submit(b, answered, from);
	}
	if (err) {
		free(from);
		json_decref(next);
		task_reply_status(t, m, err, "Failure: srdb cannot %.60s: %s", c->what, strerror(-err));
		return;
	}
	json_decref(cleared);
	cleared = next;
}
