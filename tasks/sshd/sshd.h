/* SPDX-License-Identifier: MIT */
/*
 * The sshd task: listeners, its connection processes, users, host keys, sessions. Private to tasks/sshd. What
 * runs in the connection's own process is in wire.h.
 */
#ifndef ORRERY_SSHD_H
#define ORRERY_SSHD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "cfg/cfg_user.h"
#include "cli/engine/cli.h"
#include "monitor.h"
#include "net/addr.h"
#include "task/task.h"

#define SSHD_CHANNELS_MAX 4 /* sessions of one connection */
#define SSHD_TRIES_MAX    3 /* wrong logins of one connection */

struct cfg_tree;
struct sshd;
struct conn;

/* `server sshd` of one context. */
struct listener {
	uint32_t ctx;
	struct net_endpoint at;
	int fd, error; /* fd -1: why not */
	struct task_io *io;
	struct sshd *s;
	unsigned max_servers, max_waiting, login_seconds, methods; /* MON_BY_… */
	int alive_s, alive_count;                                  /* signs of life a client owes */
	char ciphers[512], macs[512], kex[512];                    /* "": what libssh has */
	bool sftp, wanted;
	struct listener *next;
};

/* A session inside of a connection: a cli task behind a backplane connection, or an sftp-server. */
struct session {
	struct conn *c;
	bool used, sftp;
	uint32_t chan;
	int bp;     /* -1: none */
	int say;    /* where a session that cannot start says why; -1 once it runs */
	int stream; /* to an sftp-server that is not confined yet */
	pid_t pid;  /* of an sftp-server's keeper */
	int pidfd;
	struct task_io *io, *ready_io;
	char tty[32];
};

struct conn {
	struct sshd *s;
	struct listener *l; /* NULL: its context has no server any more */
	unsigned number;
	pid_t pid;
	int pidfd, mon;
	struct task_io *pid_io, *mon_io;
	struct task_timer *login_timer, *delay;
	struct net_addr from;
	uint16_t port;
	uint64_t since_wall;
	char user[MON_USER_MAX];
	enum cli_priv priv;
	bool authenticated, ftp, nocli, checking, dead;
	unsigned tries, keys;
	struct session sessions[SSHD_CHANNELS_MAX];
	struct conn *next;
};

struct sshd {
	struct task *t;
	const struct cfg_tree *tree;
	struct listener *listeners;
	struct conn *conns;
	unsigned next_number, refused;
	bool keys_ready, keys_busy;
	char empty_dir[300];
	int empty_net; /* a namespace without devices */
};

/* listen.c: sockets as configured; accept. */
void listen_config(struct sshd *s);
void listen_close_all(struct sshd *s);

/* conn.c: connection processes. */
void conn_new(struct listener *l, int fd, const struct net_endpoint *from);
void conn_kill(struct conn *c);
void conn_reply(struct conn *c, const struct mon_msg *m, const int *fds, int n);
/* The login succeeded or not, with its consequences. */
void conn_verdict(struct conn *c, const char *user, const struct cfg_user *u, bool ok, const char *how);
unsigned conn_count(const struct sshd *s, bool authenticated, const struct net_addr *from);

/* auth.c: users and their proofs. */
bool auth_user(const struct sshd *s, const char *name, struct cfg_user *u);
void auth_password(struct conn *c, const char *user, const char *password);
void auth_key(struct conn *c, const char *user, const char *key, bool proven);

/* session.c: cli tasks and sftp-servers. */
/* Changes the text of m. */
void session_start(struct conn *c, struct mon_msg *m);
void session_end(struct session *x);

/* keys.c: host keys on the disk. */
void keys_ensure(struct sshd *s);
/* Both private keys as one text, for a connection process. Wiped by the caller. 0 or -errno. */
int keys_read(const struct sshd *s, char *out, size_t size);
void keys_generate(struct task *t, const struct bus_msg *m);
json_t *keys_json(const struct sshd *s);

/* show.c */
void show_handle(struct task *t, const struct bus_msg *m);

#endif
