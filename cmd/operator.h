/* SPDX-License-Identifier: MIT */
/*
 * The operator's line to a chassis' backplane: BpMessage (proto/backplane.proto) over AF_UNIX SEQPACKET with
 * descriptors beside the messages. Called by the subcommands that talk to a running chassis.
 */
#ifndef CMD_OPERATOR_H
#define CMD_OPERATOR_H

#include <stdint.h>
#include "proto/backplane.pb-c.h"

/* Connect to the backplane of a chassis, with an error line on stderr when it is not up: descriptor or -1.
 */
int operator_open_name(const char *name);
/* Send a command with nfds descriptors (at most 3). 0 or -errno. */
int operator_send(int fd, BpCommand__What what, char **args, unsigned nargs, char **env, unsigned nenv,
                  const int *fds, unsigned nfds);
/*
 * Receive the next reply within timeout_ms (-1: for ever). 1: *reply is set, free with operator_free(); 0:
 * the backplane went away; -errno (-ETIMEDOUT, -EBADMSG).
 */
int operator_recv(int fd, int timeout_ms, BpMessage **reply);
/* The same with a descriptor that came beside it, the caller's to close, in *got (-1: none). */
int operator_recv_fd(int fd, int timeout_ms, BpMessage **reply, int *got);
void operator_free(BpMessage *reply);
/*
 * One whole command. operator_ask(): the answer's text (free it), or NULL after an error line on stderr.
 * operator_run(): the exit status.
 */
char *operator_ask(const char *name, BpCommand__What what, char **args, unsigned nargs);
int operator_run(const char *name, BpCommand__What what, char **args, unsigned nargs);

#endif
