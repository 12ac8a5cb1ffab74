/* SPDX-License-Identifier: MIT */
/*
 * sshd: logins by SSH (a task on the active MIO). Configuration in listen.c, connection processes in conn.c,
 * proofs in auth.c, what a login gets in session.c, host keys in keys.c. This program is three: the task,
 * `sshd --connection` (wire.c, one per client) and `sshd --sftp` (sftp.c, one per SFTP session).
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "net/ns.h"
#include "sshd.h"
#include "task/watch.h"
#include "wire.h"

static struct sshd self;

static void config_changed(struct task *t, const struct cfg_tree *tree, void *arg)
{
	(void)t;
	(void)arg;
	self.tree = tree;
	listen_config(&self);
}

static int activate(struct task *t, const char *reason)
{
	int rc;

	(void)reason;
	self.t = t;
	t->data = &self;
	snprintf(self.empty_dir, sizeof(self.empty_dir), "%s/sshd-root", t->run_dir);
	if (mkdir(self.empty_dir, 0500) < 0 && errno != EEXIST)
		return -errno;
	self.empty_net = ns_create();
	if (self.empty_net < 0)
		return self.empty_net;
	keys_ensure(&self);
	rc = config_watch_start(t, config_changed, &self);
	task_ready(t, 0);
	return rc;
}

static void stop(struct task *t)
{
	(void)t;
	listen_close_all(&self);
}

static void control(struct task *t, const struct bus_msg *m)
{
	if (!strcmp(m->env->control->what, "ssh generate key"))
		keys_generate(t, m);
	else
		task_reply_status(t, m, -ENOENT, "sshd has no \"%s\"", m->env->control->what);
}

static const struct task_route routes[] = {
        {ENVELOPE__BODY_SHOW, "cli,web", "host keys, listeners, who is logged in", show_handle},
        {ENVELOPE__BODY_CONTROL, "cli", "ssh generate key", control},
};

static const struct task_ops ops = {
        .facility = "sshd",
        .routes = routes,
        .n_routes = sizeof(routes) / sizeof(routes[0]),
        .activate = activate,
        .stop = stop,
};

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--connection"))
		return wire_main();
	if (argc == 3 && !strcmp(argv[1], "--sftp"))
		return sftp_main(argv[2]);
	return task_main(argc, argv, &ops);
}
