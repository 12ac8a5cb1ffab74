/* SPDX-License-Identifier: MIT */
/*
 * Namespaces of a chassis or lab: as root the machine's user namespace with private mounts, otherwise a user
 * namespace in which this user is root. Says in plain words what the machine forbids. Called by up.c,
 * labhold.c and doctor.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cmd.h"

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		rc = -errno;
	close(fd);
	return rc;
}

static long read_number(const char *path, long missing)
{
	FILE *f = fopen(path, "re");
	long v = missing;

	if (!f)
		return missing;
	if (fscanf(f, "%ld", &v) != 1)
		v = missing;
	fclose(f);
	return v;
}

/* Why a user namespace could not be had, and the command that allows it. */
static void explain(int error, char *err, size_t errlen)
{
	if (read_number("/proc/sys/kernel/unprivileged_userns_clone", 1) == 0)
		snprintf(err, errlen,
		         "not root, and user namespaces are switched off here; as root: sysctl -w "
		         "kernel.unprivileged_userns_clone=1");
	else if (read_number("/proc/sys/user/max_user_namespaces", 1) == 0)
		snprintf(err, errlen,
		         "not root, and no user namespaces are allowed here; as root: sysctl -w "
		         "user.max_user_namespaces=10000");
	else if (read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0) == 1)
		snprintf(err, errlen,
		         "not root, and AppArmor restricts user namespaces here; as root: sysctl -w "
		         "kernel.apparmor_restrict_unprivileged_userns=0");
	else
		snprintf(err, errlen,
		         "not root, and this kernel or container gives no user namespace (%s); run as root "
		         "(sudo orrery ...), "
		         "or allow user namespaces (CONFIG_USER_NS, a container started with --privileged)",
		         strerror(error));
}

int userns_enter(bool newnet, char *err, size_t errlen)
{
	unsigned uid = geteuid(), gid = getegid();
	char map[64];
	int flags = CLONE_NEWNS | (newnet ? CLONE_NEWNET : 0), rc;

	if (uid == 0) {
		if (unshare(flags)) {
			rc = -errno;
			snprintf(err, errlen,
			         "root, but this container allows no namespaces (%s); it needs CAP_SYS_ADMIN "
			         "and CAP_NET_ADMIN",
			         strerror(-rc));
			return rc;
		}
		mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
		return 0;
	}
	if (unshare(flags | CLONE_NEWUSER | CLONE_NEWNET)) {
		rc = -errno;
		explain(-rc, err, errlen);
		return rc;
	}
	snprintf(map, sizeof(map), "0 %u 1", uid);
	rc = write_file("/proc/self/uid_map", map);
	if (!rc)
		rc = write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", gid);
	if (!rc)
		rc = write_file("/proc/self/gid_map", map);
	if (rc) {
		explain(-rc, err, errlen);
		return rc;
	}
	mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
	return 0;
}

bool userns_works(char *err, size_t errlen)
{
	int pipefd[2], status = 1;
	ssize_t n;
	pid_t pid;

	err[0] = '\0';
	if (pipe2(pipefd, O_CLOEXEC))
		return false;
	pid = fork();
	if (pid == 0) {
		char why[512] = "";
		int rc = userns_enter(true, why, sizeof(why));

		if (rc && write(pipefd[1], why, strlen(why)) < 0)
			_exit(2);
		_exit(rc ? 1 : 0);
	}
	close(pipefd[1]);
	n = read(pipefd[0], err, errlen - 1);
	err[n > 0 ? n : 0] = '\0';
	close(pipefd[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
