/* SPDX-License-Identifier: MIT */
/*
 * Messages on the backplane's socket: one BpMessage per AF_UNIX SEQPACKET record, descriptors beside it.
 * Used by orreryd, cards, lib/chassis/fabric.c (tasks) and the orrery command.
 */
#ifndef ORRERY_BP_H
#define ORRERY_BP_H

#include "proto/backplane.pb-c.h"

#define BP_MSG_MAX 65536
#define BP_FDS_MAX 8

/* Connect to <run_dir>/backplane.sock. A descriptor or -errno. */
int bp_connect(const char *run_dir);
/* Send with n descriptors (borrowed). 0 or -errno; -EAGAIN on a full non-blocking socket. */
int bp_send(int fd, const BpMessage *m, const int *fds, int n);
/*
 * Receive one message. fds[BP_FDS_MAX] gets *n descriptors, the caller's to close. NULL: *err is 0 at the end
 * of the connection, else -errno (-EAGAIN: nothing there, -EBADMSG: not a BpMessage). Free with
 * bp_message__free_unpacked().
 */
BpMessage *bp_recv(int fd, int *fds, int *n, int *err);
/* Wait for the next message for at most ms (-1: for ever), then bp_recv. -ETIMEDOUT. */
BpMessage *bp_recv_wait(int fd, int ms, int *fds, int *n, int *err);

#endif
