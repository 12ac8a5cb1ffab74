/* SPDX-License-Identifier: MIT */
/* The other two programs inside of sshd: they share nothing with the task but monitor.h. */
#ifndef ORRERY_SSHD_WIRE_H
#define ORRERY_SSHD_WIRE_H

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <stdbool.h>
#include "monitor.h"

#define WIRE_SOCKET_FD  3 /* the client */
#define WIRE_MONITOR_FD 4 /* the task */
#define WIRE_ROOT_FD    5 /* an empty directory */
#define WIRE_NET_FD     6 /* an empty network namespace */
#define WIRE_CHANNELS   4

/* One channel of the client, and the descriptors of its session. */
struct wire_chan {
	struct wire *w;
	uint32_t number;
	ssh_channel ch;
	struct ssh_channel_callbacks_struct cb;
	bool pty, started, waiting, in_eof, out_eof, err_eof, ended, closed;
	unsigned cols, rows;
	char term[MON_TERM_MAX];
	int in, out, err; /* in == out: a pty, or the stream of an sftp-server */
	int status;
	char pending[8192]; /* from the client, not written yet */
	size_t have, at;
};

struct wire {
	ssh_session ssh;
	ssh_event event;
	bool authenticated, over;
	unsigned refused, methods; /* MON_BY_… */
	char user[MON_USER_MAX];
	struct wire_chan *chan[WIRE_CHANNELS];
	struct ssh_server_callbacks_struct cb;
	struct mon_msg msg; /* scratch */
};

/* `sshd --connection`: serves the client on descriptor 3 until it leaves. Exit status. */
int wire_main(void);
/*
 * `sshd --sftp STATE_DIR`: OpenSSH's sftp-server on the stream 0, with nothing but the chassis' disks to see.
 * 1: the other end of that stream, for a greeting; 2: gets "ok" when the server is confined, or why not.
 */
int sftp_main(const char *state_dir);

/* box.c: give up what a hostile client could use. 0 or -errno; the caller ends when it fails. */
int box_enter(int root_fd, int net_fd);
/* Drop every capability for good, also over execve(). 0 or -errno. */
int box_drop_caps(void);

/* wire_auth.c */
void wire_auth_setup(struct wire *w);
/* Ask the task and wait. The code of its answer, or -errno. */
int wire_ask(struct wire *w, struct mon_msg *m);

/* wire_chan.c */
ssh_channel wire_chan_open(struct wire *w);
void wire_chan_started(struct wire *w, const struct mon_msg *m, int *fds, int n);
/* Move what can be moved; end what has ended. */
void wire_chan_pump(struct wire_chan *c);
void wire_chan_free(struct wire *w, unsigned i);

#endif
