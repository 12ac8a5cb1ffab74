/* SPDX-License-Identifier: MIT */
/*
 * Runs a drill's commands with a deadline and collects what they print: this program itself (`orrery cli …`)
 * as a child, commands in a lab's hosts through its holder.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/drillrun.h"
#include "cmd/labctl.h"

/* Read until the end or the deadline. True at the end. */
static bool collect(int fd, uint64_t deadline, char **out)
{
	size_t len = 0, size = 0;
	char *buf = NULL;

	for (;;) {
		struct pollfd p = {fd, POLLIN, 0};
		uint64_t now = clock_now_us();
		ssize_t n;

		if (len + 4096 > size) {
			char *b = size >= DRILLRUN_OUTPUT_MAX ? NULL
			                                      : realloc(buf, size = size ? size * 2 : 16384);

			if (!b)
				break;
			buf = b;
		}
		if (now >= deadline || poll(&p, 1, (int)((deadline - now) / US_PER_MS) + 1) <= 0)
			break;
		n = read(fd, buf + len, size - len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			buf[len] = '\0';
			*out = buf;
			return true;
		}
		len += (size_t)n;
	}
	if (buf)
		buf[len] = '\0';
	*out = buf;
	return false;
}

int drillexec_self(struct drillrun *r, char *const *argv, unsigned timeout_ms, char **out)
{
	uint64_t deadline = clock_now_us() + timeout_ms * US_PER_MS;
	int pipefd[2], status;
	bool done;
	pid_t pid;

	*out = NULL;
	if (pipe2(pipefd, O_CLOEXEC) || (pid = fork()) < 0) {
		snprintf(r->err, sizeof(r->err), "%s", strerror(errno));
		return -1;
	}
	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(null, 0);
		dup2(pipefd[1], 1);
		dup2(pipefd[1], 2);
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	close(pipefd[1]);
	done = collect(pipefd[0], deadline, out);
	close(pipefd[0]);
	if (!done)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!done) {
		snprintf(r->err, sizeof(r->err), "no end within %.1f s", timeout_ms / 1000.0);
		return -1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int drillexec_host(struct drillrun *r, const char *host, const char *command, unsigned timeout_ms, char **out)
{
	char *words[] = {"exec", (char *)host, "sh", "-c", (char *)command}, text[512];
	uint64_t deadline = clock_now_us() + timeout_ms * US_PER_MS;
	int pipefd[2], fds[3], conn, status = -1;
	bool done;

	*out = NULL;
	if (!r->lab) {
		snprintf(r->err, sizeof(r->err), "a host needs a lab: put a line `lab FILE` above");
		return -1;
	}
	if (pipe2(pipefd, O_CLOEXEC)) {
		snprintf(r->err, sizeof(r->err), "%s", strerror(errno));
		return -1;
	}
	fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fds[1] = fds[2] = pipefd[1];
	conn = labctl_request(r->lab->name, words, 5, fds);
	close(pipefd[1]);
	close(fds[0]);
	done = conn >= 0 && collect(pipefd[0], deadline, out);
	close(pipefd[0]);
	if (conn < 0) {
		snprintf(r->err, sizeof(r->err), "lab %s is not up", r->lab->name);
		return -1;
	}
	if (!done || labctl_answer(conn, 2000, text, sizeof(text)) <= 0)
		snprintf(r->err, sizeof(r->err), "no end within %.1f s", timeout_ms / 1000.0);
	else if (sscanf(text, "exit %d", &status) != 1)
		snprintf(r->err, sizeof(r->err), "%s", text);
	close(conn);
	return status;
}
