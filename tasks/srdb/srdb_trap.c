/* SPDX-License-Identifier: MIT */
/*
 * Traps: a trap is in the store before anybody hears of it. Its number and text come from the trap table; a
 * trap whose condition another one ends raises an alarm, the other one clears it. Raisers repeat a request
 * until it is answered, so a trap that was stored before is answered without being stored again, and the
 * repetition of one that is not stored yet waits for the answer of the first. After the commit the topic
 * "trap" tells snmp.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "snmp/traps.h"
#include "tasks/srdb/srdb.h"

#define SEEN (sizeof(srdb.traps_seen) / sizeof(srdb.traps_seen[0]))

struct pending {
	struct bus_from from;
	uint64_t hash;
	struct pending *next;
};
static struct pending *waiting; /* not stored yet, as long as the disk is full */

static uint64_t fnv(uint64_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3ULL;
	return (h ^ 0xff) * 0x100000001b3ULL;
}

/* What makes a trap that trap: its raiser, number, moment and values. */
static uint64_t trap_hash(const char *src, uint32_t number, uint64_t wall_us, const char *json)
{
	return fnv(fnv(0xcbf29ce484222325ULL ^ number ^ wall_us << 16, src), json) | 1;
}

static bool stored_before(uint64_t hash)
{
	for (size_t i = 0; i < SEEN; i++)
		if (srdb.traps_seen[i] == hash)
			return true;
	return false;
}

static bool waits(uint64_t hash)
{
	for (const struct pending *p = waiting; p; p = p->next)
		if (p->hash == hash)
			return true;
	return false;
}

static void take_out(const struct pending *gone)
{
	struct pending **pp = &waiting;

	while (*pp && *pp != gone)
		pp = &(*pp)->next;
	if (*pp)
		*pp = gone->next;
}

static void remember(uint64_t hash)
{
	srdb.traps_seen[srdb.traps_at++ % SEEN] = hash;
}

static int remember_stored(const struct store_trap *row, void *arg)
{
	remember(trap_hash(row->facility, row->number, row->wall_us, row->varbinds));
	return 0;
}

static int last_seq(const struct store_trap *row, void *arg)
{
	*(int64_t *)arg = row->seq;
	return 0;
}

void srdb_trap_start(void)
{
	struct store_reader *r = store_writer_reader(srdb.store);
	int64_t last = 0;

	store_trap_list(r, 0, false, 0, last_seq, &last);
	store_trap_list(r, last - (int64_t)SEEN, false, SEEN, remember_stored, NULL);
}

static void publish(int64_t seq)
{
	Envelope env = ENVELOPE__INIT;
	TrapStored ts = TRAP_STORED__INIT;

	ts.seq = (uint64_t)seq;
	env.body_case = ENVELOPE__BODY_TRAP_STORED;
	env.trap_stored = &ts;
	task_publish(srdb.t, "trap", &env);
}

static void stored(const struct store_result *res, void *arg)
{
	struct pending *p = arg;

	if (!res->final)
		return; /* kept and tried again; the raiser waits */
	take_out(p);
	if (!res->error)
		remember(p->hash);
	if (res->error)
		task_reply_status_to(srdb.t, &p->from, res->error, "trap not stored: %s",
		                     strerror(-res->error));
	else if (p->from.id)
		task_reply_status_to(srdb.t, &p->from, 0, "%s", "");
	if (!res->error)
		publish(res->last);
	free(p);
}

/* Which object an alarm is about: the card, a fan tray or power feed, or the task, or the chassis. */
static const char *alarm_object(const struct trap_value *v, size_t n, char *buf, size_t size)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].name, "starSlotNum") == 0 || strcmp(v[i].name, "starCardSlot") == 0) {
			snprintf(buf, size, "Card %lld", (long long)(v[i].str ? atoll(v[i].str) : v[i].num));
			return buf;
		}
	if (n > 0 && !v[0].str && !strcmp(v[0].name, "starFanNum")) {
		snprintf(buf, size, "Fan %lld", (long long)v[0].num);
		return buf;
	}
	if (n > 0 && !v[0].str && !strcmp(v[0].name, "starPowerNumber")) {
		snprintf(buf, size, "Power %c", v[0].num == 1 ? 'A' : 'B');
		return buf;
	}
	if (n > 0 && !v[0].str &&
	    !strcmp(v[0].name, "starTaskInstance")) { /* what managers tell of IKE peers */
		int at = snprintf(buf, size, "ipsecmgr %lld", (long long)v[0].num);

		for (size_t i = 1; i < n && at > 0 && (size_t)at < size; i++)
			if (v[i].str)
				at += snprintf(buf + at, size - (size_t)at, " %.70s", v[i].str);
		return buf;
	}
	if (n > 1 && v[0].str && !v[1].str &&
	    strstr(v[1].name, "Instance")) /* a task: facility and instance */
		snprintf(buf, size, "%.100s %lld", v[0].str, (long long)v[1].num);
	else if (n > 0 && v[0].str)
		snprintf(buf, size, "%.100s", v[0].str);
	else
		snprintf(buf, size, "Chassis");
	return *buf ? buf : "Chassis";
}

/* Alarm severities are critical, major, minor. */
static int alarm_severity(enum trap_severity s)
{
	return s == TRAP_SEVERITY_CRITICAL ? 0 : s == TRAP_SEVERITY_ERROR ? 1 : 2;
}

static int add_alarms(struct store_batch *b, const struct trap_row *row, const struct trap_value *v, size_t n,
                      const char *text, uint64_t wall_us)
{
	char object[128];
	struct store_alarm a = {.object = alarm_object(v, n, object, sizeof(object)), .text = text};
	int err = 0;

	if (row->cleared_by) {
		a.name = row->name;
		a.severity = alarm_severity(row->severity);
		a.raised_us = wall_us;
		err = store_batch_alarm(b, &a);
	}
	for (size_t i = 0; !err && i < traps_count() && traps_is_clear(row); i++) {
		const struct trap_row *raised = traps_at(i);

		if (!traps_ends(row, raised))
			continue;
		a.name = raised->name;
		a.cleared_us = wall_us ? wall_us : 1;
		err = store_batch_alarm(b, &a);
	}
	return err;
}

static size_t values_of(const TrapRaise *tr, struct trap_value v[TRAPS_OBJECTS_MAX])
{
	size_t n = 0;

	for (; n < tr->n_vars && n < TRAPS_OBJECTS_MAX; n++) {
		const TrapVar *var = tr->vars[n];

		v[n].name = var->name;
		v[n].str = var->value_case == TRAP_VAR__VALUE_STR ? var->str : NULL;
		v[n].num = var->value_case == TRAP_VAR__VALUE_NUM ? var->num : 0;
	}
	return n;
}

/* Build and queue the rows of one trap. */
static int submit(const struct bus_msg *m, const struct trap_row *row, const struct trap_value *v, size_t n,
                  const char *json)
{
	char text[TRAPS_TEXT_MAX];
	struct store_trap trap = {
	        .wall_us = m->env->trap_raise->at_wall_us,
	        .number = row->number,
	        .name = row->name,
	        .facility = m->src,
	        .varbinds = json,
	        .text = traps_text(row, v, n, text, sizeof(text)),
	};
	struct store_batch *b = srdb_open_batch();
	struct pending *p = calloc(1, sizeof(*p));
	int err = b && p ? store_batch_trap(b, &trap) : -EAGAIN;

	if (!err)
		err = add_alarms(b, row, v, n, text, trap.wall_us);
	if (err) {
		store_batch_free(b);
	} else {
		p->from = task_from(m);
		p->hash = trap_hash(m->src, row->number, trap.wall_us, json);
		err = srdb_open_submit(b, stored, p);
	}
	if (err) {
		free(p);
		return err;
	}
	p->next = waiting;
	waiting = p;
	LOG(EV_SNMP_TRAP, "Internal trap notification %u (%s) %s", row->number, row->name, text);
	return 0;
}

void srdb_trap_raise(struct task *t, const struct bus_msg *m)
{
	const TrapRaise *tr = m->env->trap_raise;
	const struct trap_row *row = traps_find(tr->name);
	struct trap_value v[TRAPS_OBJECTS_MAX];
	size_t n = values_of(tr, v);
	char *json = row ? traps_json(v, n) : NULL;
	uint64_t hash = json ? trap_hash(m->src, row->number, tr->at_wall_us, json) : 0;
	int err;

	if (!srdb.store)
		task_reply_status(t, m, -EAGAIN, "the store is not open");
	else if (!row)
		task_reply_status(t, m, -EINVAL, "there is no trap %.80s", tr->name);
	else if (!json)
		task_reply_status(t, m, -EINVAL, "the values of trap %s are not text", row->name);
	else if (stored_before(hash))
		task_reply_status(t, m, 0, "%s", "");
	else if (waits(hash))
		LOG(EV_DEBUG, "trap %s of %s is repeated and not stored yet", row->name, m->src);
	else if ((err = submit(m, row, v, n, json)) < 0)
		task_reply_status(t, m, err, "trap not stored: %s", strerror(-err));
	free(json);
}

void srdb_trap_sent(struct task *t, const struct bus_msg *m)
{
	uint64_t seq = m->env->trap_sent->seq;
	struct store_batch *b = srdb_open_batch();

	if (!b || seq > INT64_MAX || store_batch_trap_sent(b, (int64_t)seq) < 0)
		store_batch_free(b);
	else
		srdb_open_submit(b, NULL, NULL);
}
