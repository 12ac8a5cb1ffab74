/* SPDX-License-Identifier: MIT */
/*
 * Between the task and a connection's process: records over an AF_UNIX SEQPACKET pair, descriptors beside
 * them. The process may be under a client's control: the task checks lengths and states and believes nothing
 * but "this client proved that key".
 */
#ifndef ORRERY_SSHD_MONITOR_H
#define ORRERY_SSHD_MONITOR_H

#include <stdint.h>
#include <stddef.h>

#define MON_USER_MAX 64
#define MON_TERM_MAX 40
#define MON_TEXT_MAX 16384

enum mon_type {
	MON_HELLO, /* task -> connection: code = MON_BY_… allowed; text = "ciphers …", "macs …", "kex …"
	            * (lines, where configured), then host keys (PEM, one after the other) */
	MON_PASSWORD, /* connection -> task: user, text = password; answered by VERDICT */
	MON_KEY,      /* user, text = "TYPE BASE64", code 1: proven; answered by VERDICT */
	MON_VERDICT,  /* code 1: yes */
	MON_START,    /* chan, kind, pty…, text = command; answered by STARTED */
	MON_STARTED,  /* chan, code 0 with descriptors: pty, or in, out, err; else code -errno, text */
	MON_ENDED,    /* chan, code = exit status */
	MON_CLOSE,    /* chan: the client closed it */
};

/* Ways to log in. */
#define MON_BY_PASSWORD    1
#define MON_BY_INTERACTIVE 2
#define MON_BY_KEY         4
#define MON_BY_ANY         7

enum mon_kind { MON_SHELL, MON_EXEC, MON_SFTP };

struct mon_msg {
	uint32_t type, chan, kind, pty, cols, rows;
	int32_t code;
	char user[MON_USER_MAX], term[MON_TERM_MAX];
	char text[MON_TEXT_MAX];
};

/* Send with n descriptors (borrowed). 0 or -errno. */
int mon_send(int fd, const struct mon_msg *m, const int *fds, int n);
/*
 * Receive one record into m (its strings are terminated); up to max descriptors into fds, their number in *n.
 * 1, 0 at the end of the connection, -errno (-EAGAIN, -EBADMSG).
 */
int mon_recv(int fd, struct mon_msg *m, int *fds, int max, int *n);

#endif
