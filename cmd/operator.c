/* SPDX-License-Identifier: MIT */
/*
 * The operator's line to the backplane, see operator.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/operator.h"
#include "chassis/bp.h"

int operator_open_name(const char *name)
{
	char run[CMD_PATH_MAX];
	int rc = paths_run_dir(name, false, run);

	if (!rc)
		rc = bp_connect(run);
	if (rc >= 0)
		return rc;
	if (rc == -ENOENT || rc == -ECONNREFUSED)
		cmd_fail("chassis %s is not up (orrery up --name %s)", name, name);
	else if (rc == -EPERM || rc == -EACCES)
		cmd_fail("chassis %s: %s belongs to another user", name, run);
	else
		cmd_fail("chassis %s: %s", name, strerror(-rc));
	return -1;
}

int operator_send(int fd, BpCommand__What what, char **args, unsigned nargs, char **env, unsigned nenv,
                  const int *fds, unsigned nfds)
{
	BpMessage m = BP_MESSAGE__INIT;
	BpCommand c = BP_COMMAND__INIT;

	c.what = what;
	c.args = args;
	c.n_args = nargs;
	c.env = env;
	c.n_env = nenv;
	m.id = 1;
	m.body_case = BP_MESSAGE__BODY_COMMAND;
	m.command = &c;
	return bp_send(fd, &m, fds, (int)nfds);
}

int operator_recv(int fd, int timeout_ms, BpMessage **reply)
{
	int got = -1, rc = operator_recv_fd(fd, timeout_ms, reply, &got);

	if (got >= 0)
		close(got);
	return rc;
}

int operator_recv_fd(int fd, int timeout_ms, BpMessage **reply, int *got)
{
	int fds[BP_FDS_MAX], nfds = 0, err = 0;

	*got = -1;
	*reply = bp_recv_wait(fd, timeout_ms, fds, &nfds, &err);
	for (int i = 1; i < nfds; i++)
		close(fds[i]);
	if (nfds > 0)
		*got = fds[0];
	if (!*reply)
		return err == -ECONNRESET ? 0 : err;
	if ((*reply)->body_case == BP_MESSAGE__BODY_COMMAND_REPLY)
		return 1;
	bp_message__free_unpacked(*reply, NULL);
	return -EBADMSG;
}

void operator_free(BpMessage *reply)
{
	bp_message__free_unpacked(reply, NULL);
}

char *operator_ask(const char *name, BpCommand__What what, char **args, unsigned nargs)
{
	int fd = operator_open_name(name), rc;
	BpMessage *m = NULL;
	char *text = NULL;

	if (fd < 0)
		return NULL;
	rc = operator_send(fd, what, args, nargs, NULL, 0, NULL, 0);
	if (!rc)
		rc = operator_recv(fd, 30000, &m);
	close(fd);
	if (rc == 0 && what == BP_COMMAND__WHAT__DOWN)
		return strdup(""); /* it went before it could answer */
	if (rc != 1 || !m) {
		cmd_fail("chassis %s: no answer from its backplane (%s)", name,
		         rc ? strerror(-rc) : "it went down");
		return NULL;
	}
	if (m->command_reply->code)
		cmd_fail("%s", m->command_reply->text[0] ? m->command_reply->text
		                                         : strerror(abs(m->command_reply->code)));
	else
		text = strdup(m->command_reply->text);
	operator_free(m);
	return text;
}

int operator_run(const char *name, BpCommand__What what, char **args, unsigned nargs)
{
	char *text = operator_ask(name, what, args, nargs);

	free(text);
	return text ? CMD_OK : CMD_NO;
}
