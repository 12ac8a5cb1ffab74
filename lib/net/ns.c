/* SPDX-License-Identifier: MIT */
/*
 * Network namespaces by descriptor (see ns.h). unshare() and setns() change one thread only, so each call
 * works in a thread of its own and joins it.
 */
#include "net/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct job {
	int ns_fd; /* -1: unshare a new one */
	int (*fn)(void *arg);
	void *arg;
	int result;
};

static void *run_job(void *arg)
{
	struct job *j = arg;

	if (j->ns_fd >= 0 ? setns(j->ns_fd, CLONE_NEWNET) : unshare(CLONE_NEWNET))
		j->result = -errno;
	else
		j->result = j->fn(j->arg);
	return NULL;
}

/* The thread takes no signals: they belong to the caller's loop. */
static int in_thread(struct job *j)
{
	pthread_t thread;
	sigset_t all;
	sigset_t old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, NULL, run_job, j);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc)
		return -rc;
	pthread_join(thread, NULL);
	return j->result;
}

int ns_self(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int open_self(void *arg)
{
	return ns_self();
}

int ns_create(void)
{
	struct job j = {.ns_fd = -1, .fn = open_self};

	return in_thread(&j);
}

int ns_run(int ns_fd, int (*fn)(void *arg), void *arg)
{
	struct job j = {.ns_fd = ns_fd, .fn = fn, .arg = arg};

	return ns_fd < 0 ? -EBADF : in_thread(&j);
}

int ns_enter(int ns_fd)
{
	return setns(ns_fd, CLONE_NEWNET) ? -errno : 0;
}

struct sysctl {
	const char *path, *value;
};

static int write_sysctl(void *arg)
{
	const struct sysctl *s = arg;
	char path[256];
	ssize_t n;
	int rc = 0;
	int fd;

	if (strstr(s->path, "..") ||
	    snprintf(path, sizeof(path), "/proc/sys/%s", s->path) >= (int)sizeof(path))
		return -EINVAL;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, s->value, strlen(s->value));
	if (n < 0)
		rc = -errno;
	close(fd);
	return rc;
}

int ns_sysctl(int ns_fd, const char *path, const char *value)
{
	struct sysctl s = {path, value};

	return ns_fd < 0 ? write_sysctl(&s) : ns_run(ns_fd, write_sysctl, &s);
}
