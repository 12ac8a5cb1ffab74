/* SPDX-License-Identifier: MIT */
/*
 * What a process that talks to strangers gives up: the file system (an empty directory becomes its root), the
 * network (an empty namespace; open descriptors stay), capabilities, new processes, files, core files,
 * memory beyond a bound. Works as root and as root of a user namespace.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wire.h"

#define MEMORY_MAX (320l << 20) /* address space, of which some 15 MB are used */

int box_drop_caps(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};

	if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
	                                     SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
	                                     SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED) < 0)
		return -errno;
	for (int cap = 0; cap <= 63; cap++)
		if (prctl(PR_CAPBSET_DROP, cap) < 0 && errno != EINVAL)
			return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_capset, &head, none) < 0)
		return -errno;
	return 0;
}

static int limit(int what, rlim_t most)
{
	struct rlimit r = {most, most};

	return setrlimit(what, &r) < 0 ? -errno : 0;
}

int box_enter(int root_fd, int net_fd)
{
	int rc = 0;

	if (setns(net_fd, CLONE_NEWNET) < 0 || fchdir(root_fd) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return -errno;
	close(root_fd);
	close(net_fd);
	rc = box_drop_caps();
	if (!rc)
		rc = limit(RLIMIT_CORE, 0);
	if (!rc)
		rc = limit(RLIMIT_FSIZE, 0);
	if (!rc)
		rc = limit(RLIMIT_NPROC, 0);
	if (!rc)
		rc = limit(RLIMIT_NOFILE, 64);
	return rc ? rc : limit(RLIMIT_AS, MEMORY_MAX);
}
