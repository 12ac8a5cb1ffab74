/* SPDX-License-Identifier: MIT */
/*
 * A running lab: the holder process and what it holds. labhold.c builds and serves it, labnet.c makes
 * namespaces and links, labserver.c the configuration and start of real servers, labctl.c is the client side.
 */
#ifndef CMD_LABHOLD_H
#define CMD_LABHOLD_H

#include <stdbool.h>
#include <sys/types.h>
#include "cmd/cmd.h"
#include "lab/lab.h"

#define LABHOLD_ARGS_MAX 128
#define LABHOLD_MSG_MAX  32768

/* A process the lab needs: a server, peers, a chassis. */
struct labhold_child {
	char what[64];
	pid_t pid;
	bool optional; /* its end is not worth a line */
};

struct labhold {
	struct lab *lab;
	char dir[CMD_PATH_MAX];    /* run directory: sockets, servers' files, state of the chassis */
	char source[CMD_PATH_MAX]; /* directory of the lab file: configs and conf are relative to it */
	char self[CMD_PATH_MAX];   /* this executable */
	pid_t hosts[LAB_HOSTS];    /* pid 1 of each host */
	int pidfds[LAB_HOSTS];
	pid_t chassis[LAB_CHASSIS];
	bool disk[LAB_CHASSIS]; /* its own is mounted */
	bool nopid;             /* no pid namespaces here (no /proc may be mounted) */
	struct labhold_child children[64];
	unsigned nchildren;
	char err[1024]; /* why the last step failed */
};

/* <run root>/lab-<name>. 0 or -errno. */
int labhold_dir(const char *lab_name, bool create, char *buf);
/*
 * Build the lab and hold it until `down`, in the calling process. Lines of progress go to `out`; "ready" or
 * "failed: …" is the last one. Returns the exit status.
 */
int labhold_run(struct lab *lab, const char *file, int out);
int __attribute__((format(printf, 2, 3))) labhold_fail(struct labhold *h, const char *fmt, ...);

/* --- labnet.c: all return 0, or -1 with h->err set
 * ------------------------------------------------------------------ */
int labnet_networks(struct labhold *h);
int labnet_host(struct labhold *h, unsigned host);
/* Make the port devices of a chassis; texts "5/10=DEV" into ports. Their number or -1. */
int labnet_ports(struct labhold *h, unsigned chassis, char (*ports)[48]);
/* Cut or heal: "A:5/10" (a chassis' port), "swan" (a host). */
int labnet_link(struct labhold *h, const char *link, bool up);
/* In a forked child: enter the namespaces of a host. The process after that is one more fork, done here:
 * returns 0 in it. */
int labnet_enter(const struct labhold *h, unsigned host);
/* Feed a script to `ip -batch -`, in the lab's namespace (host -1) or a host's. */
int labnet_ip(struct labhold *h, int host, const char *script);

/* --- labserver.c
 * ------------------------------------------------------------------------------------------------------- */
int labserver_start(struct labhold *h, const struct lab_server *s);
int labserver_peers(struct labhold *h, const struct lab_peers *p);
/* Run argv in a host with stdio on these descriptors (-1: /dev/null, and the log for 2); pid or -1. */
pid_t labserver_spawn(struct labhold *h, unsigned host, char *const *argv, const int fds[3], const char *log,
                      bool nested);
/* $PATH and the like for what runs in a host. */
void labserver_environment(const struct labhold *h, unsigned host);

#endif
