/* SPDX-License-Identifier: MIT */
/*
 * From the store to the targets: every target gets every trap once, in order; a target that cannot be reached
 * now (its interface is not up yet) is tried again for a minute per trap, the others are not held up. When
 * all have a trap srdb is told, and a successor after an MIO switchover goes on behind it. With no target at
 * all a trap counts as sent. Called by main.c, snmp_cfg.c.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "snmp_task.h"

#define BATCH      64
#define RETRY_MS   1000
#define GIVE_UP_US (60 * US_PER_SEC)

static size_t index_of(const struct trap_row *row)
{
	return (size_t)(row - traps_at(0));
}

/* --- counting
 * --------------------------------------------------------------------------------------------------- */

static int count_row(const struct store_trap *row, void *arg)
{
	struct snmp_task *st = arg;
	const struct trap_row *tr = traps_by_number(row->number);

	st->seen = row->seq;
	st->total++;
	if (!tr)
		return 0;
	struct snmp_count *c = &st->count[index_of(tr)];
	c->generated++;
	c->last_wall = row->wall_us;
	if (st->config_known && st->suppressed[index_of(tr)]) {
		c->disabled++;
		st->last_disabled_wall = row->wall_us;
	}
	return 0;
}

/* --- sending
 * ------------------------------------------------------------------------------------------------------- */

struct sending {
	struct snmp_task *st;
	struct snmp_target *tg;
	unsigned n;
};

static bool reachable_later(int err)
{
	return err == -ENETUNREACH || err == -EHOSTUNREACH || err == -ENETDOWN || err == -EADDRNOTAVAIL ||
	       err == -EAGAIN || err == -ENOBUFS || err == -ENOTCONN || err == -ECONNREFUSED;
}

/* Returns 1 to try this one again later. */
static int deal_with(struct snmp_task *st, struct snmp_target *tg, const struct trap_row *row, int err)
{
	uint64_t now = clock_now_us();

	tg->failed++;
	if (!tg->stuck_since) {
		tg->stuck_since = now;
		LOG(EV_SNMP_SEND_FAIL, "target %s: trap %u: %s", tg->name, row->number, strerror(-err));
	}
	if (reachable_later(err) && now - tg->stuck_since < GIVE_UP_US)
		return 1;
	st->count[index_of(row)].discarded++;
	return 0;
}

static int send_row(const struct store_trap *in, void *arg)
{
	struct sending *s = arg;
	struct snmp_task *st = s->st;
	const struct trap_row *row = traps_by_number(in->number);
	struct trap_vars *vars = row ? traps_vars_new(in->varbinds) : NULL;
	uint64_t wall = clock_wall_us(), now = clock_steady_us(),
	         up = now > st->boot_wall ? now - st->boot_wall : 0;
	int rc = 0;

	if (vars && !st->suppressed[index_of(row)])
		rc = snmp_send_trap(s->tg, row, vars->v, vars->n, (uint32_t)(up / 10000));
	traps_vars_free(vars);
	if (rc && deal_with(st, s->tg, row, rc))
		return 1;
	if (!rc) {
		s->tg->sent++;
		s->tg->stuck_since = 0;
		st->last_sent_wall = wall;
	}
	s->tg->cursor = in->seq;
	s->n++;
	return 0;
}

/* true: there may be more to do later. */
static bool run_target(struct snmp_task *st, struct snmp_target *tg)
{
	struct sending s = {st, tg, 0};
	bool loopback = tg->addr.family == AF_INET && tg->addr.bytes[0] == 127;
	int rc = snmp_send_open(tg, loopback ? -1 : st->ns_fd);

	if (rc)
		return true;
	do {
		s.n = 0;
		rc = store_trap_list(st->store, tg->cursor, false, BATCH, send_row, &s);
	} while (rc == 0 && s.n == BATCH);
	return rc != 0;
}

static void tell(struct snmp_task *st)
{
	int64_t all = st->seen;
	Envelope env = ENVELOPE__INIT;
	TrapSent sent = TRAP_SENT__INIT;

	for (size_t i = 0; i < SNMP_TARGETS; i++)
		if (st->target[i].used && st->target[i].cursor < all)
			all = st->target[i].cursor;
	if (all <= st->told)
		return;
	sent.seq = (uint64_t)all;
	sent.target = (char *)"";
	env.body_case = ENVELOPE__BODY_TRAP_SENT;
	env.trap_sent = &sent;
	if (task_send(st->t, "srdb/0", &env) == 0)
		st->told = all;
}

static void retry(struct task *t, void *arg)
{
	struct snmp_task *st = arg;

	task_timer_stop(st->retry);
	st->retry = NULL;
	snmp_queue_run(st);
}

void snmp_queue_run(struct snmp_task *st)
{
	bool later = false;
	int rc = store_trap_list(st->store, st->seen, false, 0, count_row, st);

	if (!st->config_known)
		return; /* who is to get them is not known yet */
	for (size_t i = 0; i < SNMP_TARGETS; i++)
		if (st->target[i].used)
			later |= run_target(st, &st->target[i]);
	tell(st);
	if ((later || (rc && rc != -ENOENT)) && !st->retry)
		st->retry = task_timer_start(st->t, RETRY_MS, 0, retry, st);
}

/* --- start
 * ----------------------------------------------------------------------------------------------------------
 */

static int first_unsent(const struct store_trap *row, void *arg)
{
	*(int64_t *)arg = row->seq;
	return 1;
}

/* Go on behind the last one that was sent to all. */
int snmp_queue_start(struct snmp_task *st)
{
	int64_t unsent = 0;
	int rc;

	store_trap_list(st->store, 0, false, 0, count_row, st);
	rc = store_trap_list(st->store, 0, true, 1, first_unsent, &unsent);
	st->told = rc == 1 ? unsent - 1 : st->seen;
	return 0;
}
