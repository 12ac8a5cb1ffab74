/* SPDX-License-Identifier: MIT */
/*
 * Packet filter rules in a namespace of the fabric, by the program nft: what a lossy port drops, and what no
 * fabric card carries. The caller waits for it, some ten milliseconds. Entry point: nft_run(); called by
 * faultdo.c and gate.c.
 */
#include "chassis.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NFT_SECONDS 5

int nft_run(int ns, const char *script)
{
	int p[2], status = 0;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) || (pid = fork()) < 0)
		return -errno;
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		alarm(NFT_SECONDS);
		dup2(p[0], 0);
		dup2(null, 1);
		dup2(null, 2);
		if (setns(ns, CLONE_NEWNET))
			_exit(126);
		execlp("nft", "nft", "-f", "-", (char *)NULL);
		execl("/usr/sbin/nft", "nft", "-f", "-", (char *)NULL);
		_exit(127);
	}
	close(p[0]);
	if (write(p[1], script, strlen(script)) < 0)
		status = -1;
	close(p[1]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return -ENOENT;
	return status ? -EIO : 0;
}
