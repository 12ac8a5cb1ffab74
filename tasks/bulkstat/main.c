/* SPDX-License-Identifier: MIT */
/*
 * bulkstat: bulk statistics (controller, instance 0 on the active MIO). Every sample-interval it has srdb
 * sample the counters and writes a record per object and schema line to the disk; every transfer-interval it
 * makes files of them and sends them to the receivers. Formats are bulkstats/; here: settings, gathering, the
 * values' sources, the spool on the disk, transfers, shows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "bulk_task.h"
#include "task/watch.h"

static struct bulk_task self;

static bool join(struct bus_from *list, unsigned *n, const struct bus_msg *m)
{
	if (*n == 8)
		return false;
	list[(*n)++] = task_from(m);
	return true;
}

static void clear(struct task *t, const struct bus_msg *m)
{
	bool data = !strcmp(m->env->control->args, "data");

	if (data)
		bulk_spool_clear(&self);
	for (unsigned i = 0; i < BULK_FILES_MAX && !data; i++)
		memset(&self.file[i].stats, 0, sizeof(self.file[i].stats));
	task_reply_status(t, m, 0, "%s", "");
}

/* `bulkstats force gather`, `bulkstats force transfer`, `clear bulkstats counters`, `clear bulkstats data`.
 */
static void control(struct task *t, const struct bus_msg *m)
{
	const Control *c = m->env->control;
	bool gather = !strcmp(c->args, "gather"), transfer = !strcmp(c->args, "transfer");

	if (!strcmp(c->what, "clear")) {
		clear(t, m);
	} else if (strcmp(c->what, "force") || (!gather && !transfer)) {
		task_reply_status(t, m, -EINVAL, "bulkstat has no \"%s %s\"", c->what, c->args);
	} else if (!self.set.collect) {
		task_reply_status(t, m, -ENOENT, "Bulk statistics collection is not enabled");
	} else if (gather ? !join(self.gather_from, &self.n_gather_from, m)
	                  : !join(self.transfer_from, &self.n_transfer_from, m)) {
		task_reply_status(t, m, -EBUSY, "Too many requests are waiting");
	} else if (gather) {
		bulk_gather_start(&self);
	} else {
		bulk_transfer_start(&self);
	}
}

static void srp_changed(struct task *t, bool serving, uint64_t epoch, void *arg)
{
	self.serving = serving;
}

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

	/* The chassis' clock is UTC until `clock timezone` is more than stored. */
	setenv("TZ", "UTC", 1);
	tzset();
	self.t = t;
	t->data = &self;
	self.ns_fd = -1;
	self.boot_wall = boot_time(t);
	self.store = store_open_reader(t->state_dir, STORE_STATE);
	rc = self.store ? bulk_push_init(t->loop) : -ENOMEM;
	if (!rc)
		rc = srp_watch_start(t, srp_changed, NULL);
	if (!rc)
		rc = config_watch_start(t, bulk_cfg_changed, &self);
	if (!rc)
		task_ready(t, 0);
	return rc;
}

static const struct task_route routes[] = {
        {ENVELOPE__BODY_SHOW, "*", "bulkstats, variables, schemas, data", bulk_show_handle},
        {ENVELOPE__BODY_CONTROL, "cli", "force gather or transfer, clear", control},
};

static const struct task_ops ops = {
        .facility = "bulkstat",
        .routes = routes,
        .n_routes = sizeof(routes) / sizeof(routes[0]),
        .activate = activate,
};

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--push"))
		return bulk_probe_main(argc, argv);
	return task_main(argc, argv, &ops);
}
