/* SPDX-License-Identifier: MIT */
/*
 * snmp: sends the traps of this chassis (controller, instance 0 on the active MIO). A trap is in the store
 * before it is here: topic "trap" wakes us, the store says what was not sent yet (snmp_queue.c), net-snmp
 * sends it (snmp_send.c) to the targets of the configuration (snmp_cfg.c). `snmp --send …` is the sender
 * alone, for tests (snmp_probe.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "snmp_task.h"
#include "task/watch.h"

static struct snmp_task self;

static void trap_stored(struct task *t, const struct bus_msg *m)
{
	if (t->active) /* topics reach the standby too */
		snmp_queue_run(&self);
}

static void control(struct task *t, const struct bus_msg *m)
{
	if (strcmp(m->env->control->what, "clear snmp notifies")) {
		task_reply_status(t, m, -ENOENT, "snmp has no \"%s\"", m->env->control->what);
		return;
	}
	memset(self.count, 0, traps_count() * sizeof(*self.count));
	self.total = 0;
	self.last_cleared_wall = clock_wall_us();
	task_reply_status(t, m, 0, "%s", "");
}

/* Its boot configuration is loaded. */
static void sct_changed(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	if (up && !self.config_known)
		config_watch_start(t, snmp_cfg_changed, &self);
}

/* The backplane's socket is as old as this boot of the chassis. */
static uint64_t boot_time(const struct task *t)
{
	struct stat st;

	if (stat(task_run_path(t, "backplane.sock"), &st))
		return clock_wall_us();
	return (uint64_t)st.st_ctim.tv_sec * US_PER_SEC + (uint64_t)st.st_ctim.tv_nsec / 1000;
}

static int activate(struct task *t, const char *reason)
{
	int rc;

	self.t = t;
	t->data = &self;
	self.ns_fd = -1;
	self.boot_wall = boot_time(t);
	self.store = store_open_reader(t->state_dir, STORE_STATE);
	self.count = calloc(traps_count(), sizeof(*self.count));
	self.suppressed = calloc(traps_count(), sizeof(*self.suppressed));
	if (!self.store || !self.count || !self.suppressed)
		return -ENOMEM;
	snmp_send_init();
	rc = snmp_queue_start(&self);
	if (rc)
		return rc;
	task_watch_peers(t, "sct", sct_changed, NULL);
	rc = config_watch_start(t, snmp_cfg_changed, &self);
	task_ready(t, 0);
	return rc;
}

static const struct task_route routes[] = {
        {ENVELOPE__BODY_TRAP_STORED, "srdb", "a trap is in the store: send it", trap_stored},
        {ENVELOPE__BODY_SHOW, "*", "trap history, notifies, communities", snmp_show_handle},
        {ENVELOPE__BODY_CONTROL, "cli", "clear snmp notifies", control},
};

static const char *const topics[] = {"trap", NULL};

static const struct task_ops ops = {
        .facility = "snmp",
        .routes = routes,
        .n_routes = sizeof(routes) / sizeof(routes[0]),
        .topics = topics,
        .activate = activate,
};

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--send"))
		return snmp_probe_main(argc, argv);
	return task_main(argc, argv, &ops);
}
