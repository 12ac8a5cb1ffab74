/* SPDX-License-Identifier: MIT */
/*
 * The engine's surroundings: what it asks for (struct srp_ops), its timer, the settings as they change, and
 * what the chassis is told (topic "srp", on every change and every second). Called by main.c, srp_link.c,
 * srp_rows.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cfg/cfg.h"
#include "srp_task.h"

#define QUIET_SECONDS 30
#define HOLD_GRACE_US (2 * US_PER_SEC)

static uint64_t wall_s(void)
{
	return clock_wall_us() / US_PER_SEC;
}

const char *srp_ctl_state(const struct srp_task *st)
{
	return st->s ? srp_state_name(srp_state(st->s)) : "None";
}

void srp_ctl_publish(struct srp_task *st)
{
	Envelope env = ENVELOPE__INIT;
	SrpState ss = SRP_STATE__INIT;

	ss.state = (char *)srp_ctl_state(st);
	ss.epoch = st->s ? st->s->saved.serve_epoch : 0;
	ss.context = st->set.context;
	env.body_case = ENVELOPE__BODY_SRP_STATE;
	env.srp_state = &ss;
	task_publish(st->t, "srp", &env);
}

/* --- timer
 * ----------------------------------------------------------------------------------------------------------
 */

static void on_timer(uv_timer_t *h)
{
	srp_ctl_turn(h->data);
}

void srp_ctl_turn(struct srp_task *st)
{
	uint64_t now = clock_now_us(), next;

	if (!st->s)
		return;
	next = srp_tick(st->s, now, wall_s());
	uv_update_time(st->t->loop);
	uv_timer_start(&st->timer, on_timer, next > now ? (next - now) / US_PER_MS + 1 : 1, 0);
}

/* --- what the engine asks for
 * --------------------------------------------------------------------------------------- */

static int op_send(void *arg, const SrpFrame *f)
{
	return srp_link_send(arg, f);
}

static void op_drop(void *arg, const char *why)
{
	srp_link_drop(arg);
}

static void op_state(void *arg, enum srp_state from, enum srp_state to, enum srp_reason why)
{
	struct srp_task *st = arg;

	if (!st->s)
		return; /* from srp_new(): the caller publishes */
	srp_ctl_publish(st);
	srp_trap_state(st, from, to, why);
}

static void op_hold(void *arg, bool hold, const char *why)
{
	struct srp_task *st = arg;

	st->hold_said = true;
	srp_rows_hold(st, hold);
	if (!hold && st->s && st->s->conn && srp_state(st->s) == SRP_ACTIVE &&
	    st->s->peer.state == SRP_STANDBY)
		srp_trap_simple(st, "SRPCheckpointFailure");
}

static void op_acked(void *arg, uint64_t version)
{
	srp_rows_acked(arg, version);
}

static void op_ordered(void *arg, int code, const char *text)
{
	struct srp_task *st = arg;

	if (!st->has_order)
		return;
	st->has_order = false;
	task_reply_status_to(st->t, &st->order_from, code, "%s", text);
}

static void op_conn(void *arg, bool up)
{
	struct srp_task *st = arg;
	bool differs;

	srp_trap_conn(st, up);
	if (!up)
		return;
	st->config_event_wall = clock_wall_us();
	differs = strcmp(st->s->peer.checksum, st->set.cfg.checksum) != 0;
	if (differs != st->out_of_sync_config) {
		st->out_of_sync_config = differs;
		srp_trap_simple(st, differs ? "SRPConfigOutOfSync" : "SRPConfigInSync");
	}
	if (differs)
		LOG(EV_SRP_CONFIG,
		    "the configurations of the two chassis differ (templates, pools or services)");
	snprintf(st->last_error, sizeof(st->last_error), "%s", differs ? "Configurations differ" : "None");
}

const struct srp_ops srp_ctl_ops = {
        .send = op_send,
        .drop = op_drop,
        .state = op_state,
        .persist = srp_rows_persist,
        .hold = op_hold,
        .acked = op_acked,
        .fetch = srp_rows_fetch,
        .install = srp_rows_install,
        .ordered = op_ordered,
        .conn = op_conn,
};

/* --- settings
 * ----------------------------------------------------------------------------------------------------------
 */

static void begin(struct srp_task *st)
{
	struct srp_saved saved;
	int rc = srp_rows_restore(st, &saved);

	st->s = srp_new(&st->set.cfg, &srp_ctl_ops, st, rc == 0 ? &saved : NULL, clock_now_us(), wall_s());
	if (!st->s) {
		task_exit(st->t, 1);
		return;
	}
	st->was_standby = srp_state(st->s) == SRP_STANDBY;
	LOG(EV_SRP_STATE, "context %s: %s%s", st->set.context, srp_ctl_state(st),
	    rc == 0 ? ", as before" : "");
	st->hold_said = false;
	st->begin_us = clock_now_us();
	srp_committed(st->s, srp_rows_version(st), clock_now_us());
	srp_link_open(st);
	srp_ctl_turn(st);
}

static void end(struct srp_task *st)
{
	op_ordered(st, -ECANCELED, "Service redundancy protocol was removed from the configuration");
	srp_link_close(st);
	uv_timer_stop(&st->timer);
	srp_free(st->s);
	st->s = NULL;
	srp_rows_hold(st, false);
	srp_rows_forget(st);
	LOG(EV_SRP_STATE, "service redundancy protocol is not configured: this chassis serves alone");
}

static bool same_link(const struct srp_settings *a, const struct srp_settings *b)
{
	return a->ctx == b->ctx && net_addr_equal(&a->local, &b->local) && net_addr_equal(&a->peer, &b->peer);
}

void srp_ctl_config(struct task *t, const struct cfg_tree *tree, void *arg)
{
	struct srp_task *st = arg;
	struct srp_settings old = st->set;
	struct srp_saved saved;

	/* At a boot the store may still hold what sct is about to replace; main.c comes here again when sct
	 * is ready. */
	if (!st->config_known && !task_peer_up(t, "sct/0") && srp_rows_restore(st, &saved))
		return;
	srp_cfg_read(tree, t, &st->set);
	if (st->set.error[0]) {
		LOG(EV_SRP_CONFIG, "%s", st->set.error);
		snprintf(st->last_error, sizeof(st->last_error), "%s", st->set.error);
	}
	st->config_event_wall = clock_wall_us();
	if (st->s && st->set.present) {
		srp_configure(st->s, &st->set.cfg, clock_now_us());
		if (!same_link(&old, &st->set)) {
			srp_link_close(st);
			srp_link_down(st->s, clock_now_us());
			srp_link_open(st);
		}
		srp_ctl_turn(st);
	} else if (st->set.present) {
		begin(st);
	} else if (st->s) {
		end(st);
	}
	st->config_known = true;
	srp_ctl_publish(st);
	if (!t->ready)
		task_ready(t, 0);
}

/* --- every second
 * ----------------------------------------------------------------------------------------------------------
 */

static void copy_counters(struct srp_task *st)
{
	const struct srp_stats *n = &st->s->stats;
	struct counters_srp *c = st->counters;

	if (!c)
		return;
	counter_set(&c->hello_sent, n->hello_sent);
	counter_set(&c->hello_received, n->hello_received);
	counter_set(&c->hello_lost, n->hello_lost);
	counter_set(&c->connects, n->connects);
	counter_set(&c->rows_sent, n->rows_sent);
	counter_set(&c->rows_acked, n->rows_acked);
	counter_set(&c->rows_received, n->rows_received);
	counter_set(&c->rows_nacked, n->rows_nacked);
	counter_set(&c->full_syncs, n->full_syncs);
	counter_set(&c->switchovers, st->s->saved.switchovers);
	counter_set(&c->rows_pending, srp_backlog(st->s));
}

/* One-way messages and publications may be lost: say again what counts. */
void srp_ctl_second(struct task *t, void *arg)
{
	struct srp_task *st = arg;

	if (!st->config_known)
		return;
	/* Alone, there is one state for ever, and all managers would wake up for it. */
	if (st->s || ++st->quiet % QUIET_SECONDS == 0)
		srp_ctl_publish(st);
	if (!st->s)
		return;
	/* After an MIO switchover srdb goes on as before until the link is back, but not for long. */
	if (st->hold_said || clock_now_us() - st->begin_us > HOLD_GRACE_US) {
		srp_rows_acked(st, st->s->ship.acked);
		srp_rows_hold(st, st->s->ship.holding);
	}
	srp_committed(st->s, srp_rows_version(st), clock_now_us());
	copy_counters(st);
	srp_ctl_turn(st);
}
