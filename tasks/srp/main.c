/* SPDX-License-Identifier: MIT */
/*
 * srp: service redundancy of this chassis (controller, instance 0 on the active MIO). The protocol is
 * lib/srp; here are its connection (srp_link.c), the store (srp_rows.c), its settings (srp_cfg.c) and what
 * others hear of it (srp_ctl.c, srp_trap.c, srp_show.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "srp_task.h"
#include "task/watch.h"

static struct srp_task self;

static void committed(struct task *t, const struct bus_msg *m)
{
	if (!self.s)
		return;
	srp_committed(self.s, m->env->ckpt_committed->version, clock_now_us());
	srp_ctl_turn(&self);
}

static void order(struct task *t, const struct bus_msg *m)
{
	const SrpOrder *o = m->env->srp_order;
	char text[400];
	int rc;

	if (!self.s) {
		task_reply_status(t, m, -ENOENT, "Service redundancy protocol is not configured");
		return;
	}
	if (o->what == SRP_ORDER__WHAT__VALIDATE) {
		rc = srp_validate(self.s, false, text, sizeof(text));
		snprintf(self.validate_status, sizeof(self.validate_status), "%s", text);
		task_reply_status(t, m, rc, "%s", text);
		return;
	}
	if (self.has_order) {
		task_reply_status(t, m, -EBUSY, "A switchover is in progress");
		return;
	}
	self.order_from = task_from(m);
	self.has_order = true;
	rc = srp_order(self.s, o->force, clock_now_us(), clock_wall_us() / US_PER_SEC, text, sizeof(text));
	if (rc) {
		self.has_order = false;
		task_reply_status(t, m, rc, "%s", text);
		return;
	}
	srp_trap_simple(&self, "SRPSwitchoverInitiated");
	srp_ctl_turn(&self);
}

/* A new srdb does not know what the old one was told. */
static void srdb_changed(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	if (up && self.s && self.hold_said) {
		srp_rows_acked(&self, self.s->ship.acked);
		srp_rows_hold(&self, self.s->ship.holding);
	}
}

/* Its boot configuration is loaded: what we read before may be old. */
static void sct_changed(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	if (up && !self.config_known)
		config_watch_start(t, srp_ctl_config, &self);
}

static int activate(struct task *t, const char *reason)
{
	self.t = t;
	t->data = &self;
	self.link.ns_fd = -1;
	uv_timer_init(t->loop, &self.timer);
	self.timer.data = &self;
	self.store = store_open_reader(t->state_dir, STORE_STATE);
	self.ckpt = ckpt_new(t);
	if (!self.store || !self.ckpt)
		return -ENOMEM;
	self.counters_file = counters_create(t->run_dir, t->card, "srp", t->instance, 0);
	self.counters =
	        self.counters_file ? counters_add(self.counters_file, &counters_schema_srp, "") : NULL;
	snprintf(self.validate_status, sizeof(self.validate_status), "None");
	snprintf(self.last_error, sizeof(self.last_error), "None");
	task_watch_peers(t, "srdb", srdb_changed, NULL);
	task_watch_peers(t, "sct", sct_changed, NULL);
	task_timer_start(t, 1000, 1000, srp_ctl_second, &self);
	return config_watch_start(t, srp_ctl_config, &self); /* ready when the configuration is known */
}

static void stop(struct task *t)
{
	srp_link_close(&self);
	if (self.counters_file)
		counters_close(self.counters_file, true);
}

static const struct task_route routes[] = {
        {ENVELOPE__BODY_CKPT_COMMITTED, "srdb", "rows are in our store: ship them", committed},
        {ENVELOPE__BODY_SRP_ORDER, "cli", "the operator validates or orders a switchover", order},
        {ENVELOPE__BODY_SHOW, "*", "state, info, statistics", srp_show_handle},
};

static const struct task_ops ops = {
        .facility = "srp",
        .routes = routes,
        .n_routes = sizeof(routes) / sizeof(routes[0]),
        .activate = activate,
        .stop = stop,
};

int main(int argc, char **argv)
{
	return task_main(argc, argv, &ops);
}
