/* SPDX-License-Identifier: MIT */
/*
 * Network namespaces by descriptor: make one, run a function inside one. Done in short-lived threads, so the
 * caller's own namespace never changes. Works as root and as root of a user namespace. Called by the fabric,
 * vpnmgr, tests.
 */
#ifndef NET_NS_H
#define NET_NS_H

/* A new, empty network namespace (only lo, down). Returns a descriptor that keeps it alive, or -errno. */
int ns_create(void);
/* The calling thread's own namespace. Descriptor or -errno. */
int ns_self(void);
/* Run fn(arg) in the namespace and return what it returned, or -errno when the namespace can't be entered. */
int ns_run(int ns_fd, int (*fn)(void *arg), void *arg);
/* Move the calling thread (and what it starts) into the namespace for good. 0 or -errno. */
int ns_enter(int ns_fd);
/* Write a sysctl, path as under /proc/sys ("net/ipv4/ip_forward"), in the namespace (-1: the caller's). 0 or
 * -errno. */
int ns_sysctl(int ns_fd, const char *path, const char *value);

#endif
