/* SPDX-License-Identifier: MIT */
/*
 * Life of an ipsecmgr: standby, activation under a number, serving as long as the chassis does (SRP), and
 * telling ipsecctrl how it is. What was stored before comes back by ipsecmgr_restore.c. Ready is said when
 * restored SAs are in the data path, so nobody is sent here before. Called by the runtime through main.c.
 * docs/recovery.md.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "place/place.h"
#include "place/place_maps.h"

#define READY_WAIT_MS    5000 /* restored SAs shall be in the data path within this; then we serve without */
#define RESTORE_AGAIN_MS 500
#define LOAD_MS          1000
#define SETS_MAX         (PLACE_MAPS_PER_MANAGER + 10) /* of counters: one for each map, or template of a service */
#define LOAD_BEATS       5                             /* of which one tells it, changed or not */

/* --- load
 * -------------------------------------------------------------------------------------------------------------------
 */

uint32_t ipsecmgr_serve_sessions(struct task *t)
{
	struct ike_engine_stats st;

	if (!ipsecmgr.e)
		return 0;
	ike_engine_stats_get(ipsecmgr.e, &st);
	return (uint32_t)st.established;
}

/* Transactions under way, of those that make a full queue. */
static uint32_t queue_percent(const struct ipsecmgr *m)
{
	struct ike_engine_stats st = {0};

	if (m->e)
		ike_engine_stats_get(m->e, &st);
	return (uint32_t)((st.txns_in_flight + m->session.n) * 100 / IPSECMGR_QUEUE);
}

void ipsecmgr_serve_load(struct ipsecmgr *m, bool always)
{
	Envelope env = ENVELOPE__INIT;
	ManagerLoad l = MANAGER_LOAD__INIT;

	l.sessions = ipsecmgr_serve_sessions(m->t);
	if (!always && l.sessions == m->load_sent)
		return;
	if (!always && m->load_timer)
		return; /* the next beat tells it */
	m->load_sent = l.sessions;
	m->load_age = 0;
	l.facility = (char *)(uintptr_t) "ipsecmgr";
	l.instance = m->t->instance;
	l.limit = IPSECMGR_MAX_SA;
	l.queue_percent = m->load_queue = queue_percent(m);
	l.wait_ms = m->load_wait_ms;
	l.ready = m->t->ready;
	env.body_case = ENVELOPE__BODY_MANAGER_LOAD;
	env.manager_load = &l;
	task_send(m->t, "ipsecctrl/0", &env);
}

static void load_beat(struct task *t, void *arg)
{
	struct ipsecmgr *m = arg;

	uint64_t now = clock_now_us(), due = m->load_beat_us + LOAD_MS * US_PER_MS;
	uint32_t was = m->load_wait_ms;

	(void)t;
	m->load_wait_ms = m->load_beat_us && now > due ? (uint32_t)((now - due) / US_PER_MS) : 0;
	m->load_beat_us = now;
	if (ipsecmgr_serve_sessions(m->t) != m->load_sent || ++m->load_age >= LOAD_BEATS ||
	    queue_percent(m) / 10 != m->load_queue / 10 || was / 1000 != m->load_wait_ms / 1000)
		ipsecmgr_serve_load(m, true);
}

/* --- ready
 * --------------------------------------------------------------------------------------------------------------------
 */

static void say_ready(struct ipsecmgr *m)
{
	if (m->readied)
		return;
	m->readied = true;
	task_ready(m->t, m->recovered);
	m->load_timer = task_timer_start(m->t, LOAD_MS, LOAD_MS, load_beat, m);
	ipsecmgr_serve_load(m, true);
}

struct wait_ready {
	struct task_timer *timer;
	uint64_t until;
};

static struct wait_ready wait_ready;

static void ready_poll(struct task *t, void *arg)
{
	struct ipsecmgr *m = arg;

	if (m->e && !(m->data.pushed && m->data.bound) && clock_now_us() < wait_ready.until)
		return;
	task_timer_stop(wait_ready.timer);
	wait_ready.timer = NULL;
	say_ready(m);
}

/* With SAs to recover: when they are in the data path and the sockets are open. Without: at once. */
static void ready_soon(struct ipsecmgr *m)
{
	if (m->readied || wait_ready.timer)
		return;
	if (!m->recovered) {
		say_ready(m);
		return;
	}
	wait_ready.until = clock_now_us() + READY_WAIT_MS * US_PER_MS;
	wait_ready.timer = task_timer_start(m->t, 1, 2, ready_poll, m);
}

/* --- serving
 * ----------------------------------------------------------------------------------------------------------------------------
 */

static void check(struct ipsecmgr *m);

static struct task_timer *restore_timer;

static void restore_again(struct task *t, void *arg)
{
	(void)t;
	task_timer_stop(restore_timer);
	restore_timer = NULL;
	check(arg);
}

static void start_serving(struct ipsecmgr *m)
{
	const struct cfg_tree *tree = config_tree(m->t);
	int err;

	ipsecmgr_guard_lists_load(m);
	ipsecmgr_guard_alarms_end(m);
	ipsecmgr_cfg_apply(m, tree); /* the engine's own settings come from the policies */
	if (ipsecmgr_engine_open(m)) {
		LOG(EV_TASK_FATAL, "no memory for the IKE engine");
		task_exit(m->t, 1);
		return;
	}
	m->restoring = true;
	ipsecmgr_cfg_apply(m, tree);
	err = ipsecmgr_restore(m);
	if (err) { /* without its tunnels it would be worse than not there */
		LOG(EV_STORE_ERROR, "reading checkpoints: %s; tried again", strerror(-err));
		ipsecmgr_engine_close(m);
		ipsecmgr_restore_forget(m);
		ipsecmgr_data_forget(m);
		restore_timer = task_timer_start(m->t, RESTORE_AGAIN_MS, 0, restore_again, m);
		return;
	}
	ipsecmgr_dup_audit(m);
	ipsecmgr_audit_start(m);
	ipsecmgr_callee_apply(m);
	m->up_wall_us = clock_wall_us();
	ipsecmgr_away_restored(m, tree);
	ipsecmgr_push_all(m);
	ipsecmgr_data_bind(m);
	ipsecmgr_maps_policies(m);
	ipsecmgr_engine_rearm(m);
}

static void stop_serving(struct ipsecmgr *m)
{
	LOG(EV_NOTE, "the chassis serves no more: all SAs of this instance are dropped here");
	ipsecmgr_callee_stop(m);
	ipsecmgr_audit_stop();
	ipsecmgr_engine_close(m);
	ipsecmgr_restore_forget(m);
	ipsecmgr_sess_drop_all(m);
	ipsecmgr_data_stop(m);
	ipsecmgr_maps_policies(m);
}

static enum { UNSETTLED, SETTLING, SETTLED } settle;

static void settled(struct task *t, void *arg)
{
	struct ipsecmgr *m = arg;

	(void)t;
	settle = m->serving ? SETTLED : UNSETTLED;
	check(m);
}

/* The last words of the one before us are in the store. Each time we begin to serve they may be others. */
static bool store_settled(struct ipsecmgr *m)
{
	if (settle == UNSETTLED)
		settle = ckpt_settle(m->t, settled, m) < 0 ? SETTLED : SETTLING;
	if (settle == SETTLING)
		return false;
	settle = UNSETTLED;
	return true;
}

static void check(struct ipsecmgr *m)
{
	if (!m->cfg_known || !m->srp_known)
		return;
	if (m->serving && !m->e && (restore_timer || !store_settled(m)))
		return;
	if (m->serving && !m->e)
		start_serving(m);
	else if (!m->serving && m->e)
		stop_serving(m);
	if (!restore_timer)
		ready_soon(m);
}

static void config_changed(struct task *t, const struct cfg_tree *tree, void *arg)
{
	struct ipsecmgr *m = arg;

	m->cfg_known = true;
	if (m->e || place_serves_maps(t->instance))
		ipsecmgr_cfg_apply(m, tree);
	check(m);
}

static void srp_changed(struct task *t, bool serving, uint64_t epoch, void *arg)
{
	struct ipsecmgr *m = arg;

	/* Another epoch while we served: the other chassis served in between, so what we hold is old. */
	if (m->srp_known && serving && m->serving && epoch != m->epoch && m->e) {
		m->serving = false;
		check(m);
	}
	m->srp_known = true;
	m->serving = serving;
	m->epoch = epoch;
	check(m);
	if (!serving)
		ipsecmgr_maps_policies(m);
}

int ipsecmgr_serve_init(struct task *t)
{
	struct ipsecmgr *m = &ipsecmgr;

	m->t = t;
	m->tick_at = UINT64_MAX;
	uv_timer_init(t->loop, &m->tick);
	m->tick.data = m;
	return 0;
}

int ipsecmgr_serve_activate(struct task *t, const char *reason)
{
	struct ipsecmgr *m = &ipsecmgr;
	int err;

	if (t->instance < 1 || t->instance > 255) {
		LOG(EV_TASK_FATAL, "instance %u: SPIs have room for 1 to 255", t->instance);
		return -EINVAL;
	}
	m->ckpt = ckpt_new(t);
	if (!m->ckpt)
		return -ENOMEM;
	m->counters = counters_create(t->run_dir, t->card, "ipsecmgr", t->instance, SETS_MAX);
	if (!m->counters)
		LOG(EV_SYSCALL, "counters: %s", strerror(errno));
	err = secret_key_load(t->state_dir, &m->key);
	m->have_key = err == 0;
	if (err)
		LOG(EV_SYSCALL, "chassis key: %s; sealed keys cannot be opened", strerror(-err));
	ipsecmgr_data_start(m);
	ipsecmgr_maps_start(m);
	err = config_watch_start(t, config_changed, m);
	if (!err)
		err = srp_watch_start(t, srp_changed, m);
	return err;
}

void ipsecmgr_serve_stop(struct task *t)
{
	counters_close(ipsecmgr.counters, true);
	ipsecmgr.counters = NULL;
}
