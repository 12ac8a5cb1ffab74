/* SPDX-License-Identifier: MIT */
/*
 * `orrery lab`: starts the holder of a lab, and asks it things over its control socket. See labhold.c for the
 * requests.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/labctl.h"
#include "cmd/labhold.h"

struct lab *labctl_read(const char *file)
{
	char *text = malloc(LAB_FILE_MAX + 1), err[512];
	FILE *f = fopen(file, "re");
	struct lab *l = NULL;
	size_t n;

	if (!f || !text) {
		cmd_fail("%s: %s", file, strerror(errno));
	} else {
		n = fread(text, 1, LAB_FILE_MAX + 1, f);
		l = lab_parse(file, text, n, err, sizeof(err));
		if (!l)
			cmd_fail("%s", err);
	}
	if (f)
		fclose(f);
	free(text);
	return l;
}

static int lab_connect(const char *lab_name)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char dir[CMD_PATH_MAX];
	int fd, rc = labhold_dir(lab_name, false, dir);

	if (rc)
		return rc;
	if (snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/lab.sock", dir) >= (int)sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa))) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	return fd;
}

bool labctl_is_up(const char *lab_name)
{
	int fd = lab_connect(lab_name);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int labctl_request(const char *lab_name, char *const *words, unsigned nwords, const int fds[3])
{
	char buf[LABHOLD_MSG_MAX], control[CMSG_SPACE(sizeof(int) * 3)] = {0};
	struct iovec iov = {buf, 0};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	int fd, rc;

	for (unsigned i = 0; i < nwords; i++) {
		size_t n = strlen(words[i]) + 1;

		if (iov.iov_len + n > sizeof(buf) || nwords > LABHOLD_ARGS_MAX)
			return -E2BIG;
		memcpy(buf + iov.iov_len, words[i], n);
		iov.iov_len += n;
	}
	if (fds) {
		struct cmsghdr *c;

		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * 3);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * 3);
	}
	fd = lab_connect(lab_name);
	if (fd < 0)
		return fd;
	if (sendmsg(fd, &m, MSG_NOSIGNAL) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

int labctl_answer(int fd, int timeout_ms, char *buf, size_t size)
{
	struct pollfd p = {fd, POLLIN, 0};
	ssize_t n;
	int rc = poll(&p, 1, timeout_ms);

	if (rc <= 0)
		return rc ? -errno : -ETIMEDOUT;
	n = recv(fd, buf, size - 1, 0);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return (int)n;
}

/* A request with a short answer. 0 and the text in buf, or -1 with the reason in it. */
static int ask(const char *lab_name, char *const *words, unsigned nwords, char *buf, size_t size)
{
	int fd = labctl_request(lab_name, words, nwords, NULL), n;

	if (fd < 0) {
		snprintf(buf, size, "lab %s is not up", lab_name);
		return -1;
	}
	n = labctl_answer(fd, 30000, buf, size);
	close(fd);
	if (n <= 0) {
		snprintf(buf, size, "lab %s does not answer", lab_name);
		return -1;
	}
	if (!strncmp(buf, "error ", 6)) {
		memmove(buf, buf + 6, strlen(buf + 6) + 1);
		return -1;
	}
	return 0;
}

int labctl_boot(const struct lab *lab, const char *chassis, char *err, size_t errlen)
{
	char text[1024], *words[] = {"boot", (char *)chassis}, state[CMD_PATH_MAX], dir[CMD_PATH_MAX];
	struct up_args a = {.name = chassis, .state = state};

	if (labhold_dir(lab->name, false, dir) || ask(lab->name, words, 2, text, sizeof(text))) {
		snprintf(err, errlen, "%s", text);
		return -1;
	}
	snprintf(state, sizeof(state), "%.400s/state/%s", dir, chassis);
	return up_wait(&a, (pid_t)atoi(text + 4), NULL, NULL, err, errlen) ? -1 : 0;
}

/* --- up, down
 * ------------------------------------------------------------------------------------------------------------
 */

/* The holder: a daemon whose progress goes into the pipe. Never returns. */
static void hold(struct lab *lab, const char *file, int out)
{
	char dir[CMD_PATH_MAX], log[CMD_PATH_MAX + 16];
	int fd, null = open("/dev/null", O_RDONLY | O_CLOEXEC), status;

	setsid();
	if (!labhold_dir(lab->name, true, dir)) {
		snprintf(log, sizeof(log), "%s/holder.log", dir);
		fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (fd >= 0) {
			dup2(fd, 1);
			dup2(fd, 2);
		}
	}
	dup2(null, 0);
	status = labhold_run(lab, file, out);
	exit(status);
}

int labctl_up(const char *file)
{
	bool tty = isatty(STDERR_FILENO);
	struct lab *lab = labctl_read(file);
	char line[1200], last[1200] = "the lab's holder ended";
	int pipefd[2], rc = CMD_NO;
	pid_t pid;
	FILE *f;

	if (!lab)
		return CMD_NO;
	if (labctl_is_up(lab->name)) {
		rc = cmd_fail("lab %s is already up (orrery lab down %s)", lab->name, file);
		lab_free(lab);
		return rc;
	}
	fflush(NULL);
	if (pipe2(pipefd, O_CLOEXEC) || (pid = fork()) < 0)
		return cmd_fail("%s", strerror(errno));
	if (pid == 0)
		hold(lab, file, pipefd[1]);
	close(pipefd[1]);
	f = fdopen(pipefd[0], "r");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		snprintf(last, sizeof(last), "%s", line);
		if (!strncmp(line, "ready", 5))
			rc = CMD_OK;
		else if (tty && strncmp(line, "failed", 6))
			fprintf(stderr, "\r\033[Klab %s: %s", lab->name, line);
	}
	if (tty)
		fputs("\r\033[K", stderr);
	if (tty && rc == CMD_OK)
		fprintf(stderr, "lab %s is %s\n", lab->name, last);
	if (rc)
		cmd_fail("lab %s: %s", lab->name, !strncmp(last, "failed: ", 8) ? last + 8 : last);
	if (rc)
		waitpid(pid, NULL, 0);
	if (f)
		fclose(f);
	lab_free(lab);
	return rc;
}

int labctl_down(const char *lab_name)
{
	char text[1024], *words[] = {"down"};
	int fd = labctl_request(lab_name, words, 1, NULL);

	if (fd < 0)
		return cmd_fail("lab %s is not up", lab_name);
	while (labctl_answer(fd, 10000, text, sizeof(text)) > 0)
		; /* "ok", then the end of the holder */
	close(fd);
	return CMD_OK;
}

/* --- exec, status, the command line
 * ---------------------------------------------------------------------------------------- */

static int do_exec(const struct lab *lab, int argc, char **argv)
{
	char *words[LABHOLD_ARGS_MAX], text[1024];
	const int fds[3] = {0, 1, 2};
	unsigned n = 0;
	int fd, got, status = 0;

	if (argc < 2)
		return cmd_misused("lab", "exec takes a host and a command");
	words[n++] = "exec";
	for (int i = 0; i < argc && n < LABHOLD_ARGS_MAX; i++)
		words[n++] = argv[i];
	fd = labctl_request(lab->name, words, n, fds);
	if (fd < 0)
		return cmd_fail("lab %s is not up", lab->name);
	got = labctl_answer(fd, -1, text, sizeof(text));
	close(fd);
	if (got <= 0)
		return cmd_fail("lab %s went down", lab->name);
	if (sscanf(text, "exit %d", &status) == 1)
		return status;
	return cmd_fail("%s", strncmp(text, "error ", 6) ? text : text + 6);
}

static int do_ask(const struct lab *lab, char *const *words, unsigned n)
{
	char text[8192];

	if (ask(lab->name, words, n, text, sizeof(text)))
		return cmd_fail("%s", text);
	if (strcmp(text, "ok"))
		printf("%s", text);
	return CMD_OK;
}

static int dispatch(const struct lab *lab, const char *verb, int argc, char **argv)
{
	char err[1024] = "", *words[3] = {(char *)verb};

	if (!strcmp(verb, "exec"))
		return do_exec(lab, argc, argv);
	if (!strcmp(verb, "status") && !argc)
		return do_ask(lab, words, 1);
	if (!strcmp(verb, "down") && !argc)
		return labctl_down(lab->name);
	if (!strcmp(verb, "boot") && argc == 1)
		return labctl_boot(lab, argv[0], err, sizeof(err)) ? cmd_fail("%s", err) : CMD_OK;
	if ((!strcmp(verb, "cut") || !strcmp(verb, "heal")) && argc == 1) {
		words[0] = "link";
		words[1] = (char *)verb;
		words[2] = argv[0];
		return do_ask(lab, words, 3);
	}
	return cmd_misused("lab",
	                   "it takes up, down, status, exec, boot, cut or heal, and what belongs to that");
}

int labctl_main(int argc, char **argv)
{
	struct lab *lab;
	int rc;

	if (argc < 3)
		return cmd_misused("lab", "what shall be done with which lab file?");
	if (!strcmp(argv[1], "up"))
		return argc == 3 ? labctl_up(argv[2]) : cmd_misused("lab", "\"%s\" is too much", argv[3]);
	lab = labctl_read(argv[2]);
	if (!lab)
		return CMD_NO;
	rc = dispatch(lab, argv[1], argc - 3, argv + 3);
	lab_free(lab);
	return rc;
}
