/* SPDX-License-Identifier: MIT */
/*
 * The holder of a lab: one process that owns the lab's namespaces, hosts, servers and chassis; everything
 *ends with it. Builds the lab in the order networks, hosts, servers, chassis, peers; then serves its control
 *socket (AF_UNIX SEQPACKET; a request is its words separated by NUL with descriptors 0, 1, 2 beside it, the
 *answer one line of text): exec HOST WORD…   run in a host on these descriptors; answers "exit N" at its end
 *	boot CHASSIS      start a chassis that is down; answers "pid N"
 *	link cut|heal L   answers "ok"
 *	status            answers a line per thing held
 *	down              ends the lab
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/labhold.h"

#define CLIENTS_MAX 32

struct client {
	int fd;
	pid_t pid; /* of its exec, 0: none */
};

struct server {
	struct labhold *h;
	int listener, signals, lock;
	struct client clients[CLIENTS_MAX];
	unsigned nclients;
	bool ending;
};

int labhold_dir(const char *lab_name, bool create, char *buf)
{
	char name[LAB_NAME_MAX + 8];

	snprintf(name, sizeof(name), "lab-%s", lab_name);
	return paths_run_dir(name, create, buf);
}

#define ENDING_US (1 * US_PER_SEC)

static void __attribute__((format(printf, 2, 3))) tell(int out, const char *fmt, ...)
{
	char line[1200];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(line) - 1)
		n = (int)sizeof(line) - 2;
	for (int i = 0; i < n; i++) { /* a failed program's last words may be several lines */
		if (line[i] == '\n')
			line[i] = ' ';
	}
	line[n++] = '\n';
	if (write(out, line, (size_t)n) < 0)
		return; /* nobody listens any more */
}

/* --- building
 * ----------------------------------------------------------------------------------------------------------
 */

static void chassis_args(struct labhold *h, unsigned i, struct up_args *a, char (*ports)[48], int nports,
                         char *state, char *config)
{
	const struct lab_chassis *c = &h->lab->chassis[i];

	snprintf(state, CMD_PATH_MAX, "%.400s/state/%s", h->dir, c->name);
	snprintf(config, CMD_PATH_MAX, "%.200s%s%s", c->config[0] == '/' ? "" : h->source,
	         c->config[0] == '/' ? "" : "/", c->config);
	*a = (struct up_args){.name = c->name, .profile = c->profile, .state = state, .child = true};
	if (c->config[0])
		a->config = config;
	for (int p = 0; p < nports && p < UP_PORTS_MAX; p++)
		a->ports[a->nports++] = ports[p];
}

/* A chassis that was killed a moment ago: its end may not have been seen yet. */
static bool chassis_ended(struct labhold *h, unsigned i)
{
	uint64_t deadline = clock_now_us() + ENDING_US;

	while (h->chassis[i] > 0 && clock_now_us() < deadline) {
		if (waitpid(h->chassis[i], NULL, WNOHANG) == h->chassis[i])
			h->chassis[i] = 0;
		else
			clock_sleep_us(5 * US_PER_MS);
	}
	return h->chassis[i] <= 0;
}

/*
 * The disk of a chassis that has one of its own: a memory file system in our mount namespace, so that it
 * outlives the chassis and ends with the lab.
 */
static int disk_mount(struct labhold *h, unsigned i, const char *state)
{
	char options[40], parent[CMD_PATH_MAX];

	if (!h->lab->chassis[i].disk_mb || h->disk[i])
		return 0;
	snprintf(parent, sizeof(parent), "%.400s/state", h->dir);
	mkdir(parent, 0700);
	mkdir(state, 0700);
	snprintf(options, sizeof(options), "size=%um,mode=0700", h->lab->chassis[i].disk_mb);
	if (mount("tmpfs", state, "tmpfs", MS_NOSUID | MS_NODEV, options))
		return labhold_fail(h, "disk of chassis %s: %s", h->lab->chassis[i].name, strerror(errno));
	h->disk[i] = true;
	return 0;
}

static int chassis_start(struct labhold *h, unsigned i)
{
	char ports[LAB_PORTS][48], state[CMD_PATH_MAX], config[CMD_PATH_MAX], text[512] = "";
	struct up_args a;
	int n, rc;

	if (!chassis_ended(h, i))
		return labhold_fail(h, "chassis %s is up already", h->lab->chassis[i].name);
	n = labnet_ports(h, i, ports);
	if (n < 0)
		return -1;
	chassis_args(h, i, &a, ports, n, state, config);
	if (disk_mount(h, i, state))
		return -1;
	rc = up_start(&a, &h->chassis[i], text, sizeof(text));
	if (rc) {
		h->chassis[i] = 0;
		return labhold_fail(h, "chassis %s: %s", a.name, text[0] ? text : strerror(-rc));
	}
	return 0;
}

static int chassis_wait(struct labhold *h, unsigned i)
{
	char state[CMD_PATH_MAX], config[CMD_PATH_MAX], text[1024] = "";
	struct up_args a;
	int rc;

	chassis_args(h, i, &a, NULL, 0, state, config);
	rc = up_wait(&a, h->chassis[i], NULL, NULL, text, sizeof(text));
	return rc ? labhold_fail(h, "%s", text[0] ? text : strerror(-rc)) : 0;
}

static int build(struct labhold *h, int out)
{
	const struct lab *l = h->lab;

	if (labnet_networks(h))
		return -1;
	for (unsigned i = 0; i < l->nchassis; i++) { /* they boot while the rest is built */
		tell(out, "chassis %s: power on", l->chassis[i].name);
		if (chassis_start(h, i))
			return -1;
	}
	for (unsigned i = 0; i < l->nhosts; i++) {
		tell(out, "host %s", l->hosts[i].name);
		if (labnet_host(h, i))
			return -1;
	}
	for (unsigned i = 0; i < l->nchassis; i++) {
		if (chassis_wait(h, i))
			return -1;
		tell(out, "chassis %s: all cards up", l->chassis[i].name);
	}
	for (unsigned i = 0; i < l->nservers; i++) {
		tell(out, "server %s on %s", lab_server_name(l->servers[i].kind),
		     l->hosts[l->servers[i].host].name);
		if (labserver_start(h, &l->servers[i]))
			return -1;
	}
	for (unsigned i = 0; i < l->npeers; i++) {
		tell(out, "peers %s", l->peers[i].name);
		if (labserver_peers(h, &l->peers[i]))
			return -1;
	}
	return 0;
}

/* --- serving
 * -------------------------------------------------------------------------------------------------------------
 */

static void answer(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void answer(int fd, const char *fmt, ...)
{
	char text[LABHOLD_MSG_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (send(fd, text, (size_t)(n < (int)sizeof(text) ? n : (int)sizeof(text) - 1),
	         MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return; /* it went away */
}

static int receive(int fd, char *buf, size_t size, int fds[3])
{
	char control[CMSG_SPACE(sizeof(int) * 3)];
	struct iovec iov = {buf, size - 1};
	struct msghdr m = {
	        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	fds[0] = fds[1] = fds[2] = -1;
	if (n <= 0)
		return -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(fds, CMSG_DATA(c),
			       c->cmsg_len - CMSG_LEN(0) > 12 ? 12 : c->cmsg_len - CMSG_LEN(0));
	}
	buf[n] = '\0';
	return (int)n;
}

static void do_exec(struct server *s, struct client *c, char **argv, unsigned argc, const int fds[3])
{
	int host = argc >= 3 ? lab_host_find(s->h->lab, argv[1]) : -1;

	if (host < 0) {
		answer(c->fd, "error there is no host %s in lab %s", argc > 1 ? argv[1] : "",
		       s->h->lab->name);
		return;
	}
	c->pid = labserver_spawn(s->h, (unsigned)host, argv + 2, fds, NULL, false);
	if (c->pid < 0) {
		answer(c->fd, "error %s", strerror(errno));
		c->pid = 0;
	}
}

static void do_boot(struct server *s, struct client *c, char **argv, unsigned argc)
{
	int i = argc == 2 ? lab_chassis_find(s->h->lab, argv[1]) : -1;

	if (i < 0)
		answer(c->fd, "error there is no chassis %s in lab %s", argc > 1 ? argv[1] : "",
		       s->h->lab->name);
	else if (chassis_start(s->h, (unsigned)i))
		answer(c->fd, "error %s", s->h->err);
	else
		answer(c->fd, "pid %d", (int)s->h->chassis[i]);
}

static void do_status(struct server *s, struct client *c)
{
	const struct labhold *h = s->h;
	char text[4096];
	size_t n = (size_t)snprintf(text, sizeof(text), "lab %s, holder %d\n", h->lab->name, (int)getpid());

	for (unsigned i = 0; i < h->lab->nchassis; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "chassis %s: %s\n", h->lab->chassis[i].name,
		                      h->chassis[i] ? "on" : "off");
	for (unsigned i = 0; i < h->lab->nhosts && n < sizeof(text) - 200; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "host %s\n", h->lab->hosts[i].name);
	for (unsigned i = 0; i < h->nchildren && n < sizeof(text) - 200; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s: %s\n", h->children[i].what,
		                      h->children[i].pid ? "running" : "ended");
	answer(c->fd, "%s", text);
}

static void request(struct server *s, struct client *c, char *buf, int len, const int fds[3])
{
	char *argv[LABHOLD_ARGS_MAX + 1];
	unsigned argc = 0;

	for (char *p = buf; p < buf + len && argc < LABHOLD_ARGS_MAX; p += strlen(p) + 1)
		argv[argc++] = p;
	argv[argc] = NULL;
	if (!argc)
		return;
	if (!strcmp(argv[0], "exec")) {
		do_exec(s, c, argv, argc, fds);
	} else if (!strcmp(argv[0], "boot")) {
		do_boot(s, c, argv, argc);
	} else if (!strcmp(argv[0], "status")) {
		do_status(s, c);
	} else if (!strcmp(argv[0], "link") && argc == 3) {
		if (labnet_link(s->h, argv[2], !strcmp(argv[1], "heal")))
			answer(c->fd, "error %s", s->h->err);
		else
			answer(c->fd, "ok");
	} else if (!strcmp(argv[0], "down")) {
		s->ending = true;
		answer(c->fd, "ok");
	} else {
		answer(c->fd, "error unknown request");
	}
}

static void client_drop(struct server *s, unsigned i)
{
	struct client *c = &s->clients[i];

	close(c->fd);
	if (c->pid > 0)
		kill(-c->pid, SIGKILL);
	s->clients[i] = s->clients[--s->nclients];
}

/* True when the client is still there. */
static bool client_read(struct server *s, unsigned i)
{
	char buf[LABHOLD_MSG_MAX];
	int fds[3], n = receive(s->clients[i].fd, buf, sizeof(buf), fds);

	if (n >= 0)
		request(s, &s->clients[i], buf, n, fds);
	for (int k = 0; k < 3; k++) {
		if (fds[k] >= 0)
			close(fds[k]);
	}
	if (n < 0)
		client_drop(s, i);
	return n >= 0;
}

static int exit_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void reap(struct server *s)
{
	struct labhold *h = s->h;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (unsigned i = 0; i < s->nclients; i++) {
			if (s->clients[i].pid == pid) {
				s->clients[i].pid = 0;
				answer(s->clients[i].fd, "exit %d", exit_status(status));
			}
		}
		for (unsigned i = 0; i < h->lab->nchassis; i++) {
			if (h->chassis[i] == pid)
				h->chassis[i] = 0;
		}
		for (unsigned i = 0; i < h->nchildren; i++) {
			if (h->children[i].pid == pid)
				h->children[i].pid = 0;
		}
	}
}

static void serve(struct server *s)
{
	while (!s->ending) {
		struct pollfd p[CLIENTS_MAX + 2] = {{s->listener, POLLIN, 0}, {s->signals, POLLIN, 0}};
		unsigned n = s->nclients;

		for (unsigned i = 0; i < n; i++)
			p[i + 2] = (struct pollfd){s->clients[i].fd, POLLIN, 0};
		if (poll(p, n + 2, -1) < 0)
			continue;
		if (p[1].revents) {
			struct signalfd_siginfo si;

			if (read(s->signals, &si, sizeof(si)) == sizeof(si) && si.ssi_signo != SIGCHLD)
				return;
			reap(s);
		}
		for (unsigned i = n; i-- > 0;) {
			if (p[i + 2].revents)
				client_read(s, i);
		}
		if (p[0].revents && s->nclients < CLIENTS_MAX) {
			int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0)
				s->clients[s->nclients++] = (struct client){.fd = fd};
		}
	}
}

static int open_socket(struct server *s)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char path[CMD_PATH_MAX + 8];
	sigset_t set;

	snprintf(path, sizeof(path), "%.500s/lock", s->h->dir);
	s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock < 0 || flock(s->lock, LOCK_EX | LOCK_NB))
		return labhold_fail(s->h, "lab %s is already up (orrery lab down %s)", s->h->lab->name,
		                    s->h->lab->name);
	if (snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/lab.sock", s->h->dir) >= (int)sizeof(sa.sun_path))
		return labhold_fail(s->h, "%s: the path is too long", s->h->dir);
	unlink(sa.sun_path);
	s->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&sa, sizeof(sa)) ||
	    listen(s->listener, 16))
		return labhold_fail(s->h, "%s: %s", sa.sun_path, strerror(errno));
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return 0;
}

/* What an earlier run of this lab left for inspection: a lab starts from its files. */
static void wipe(const struct labhold *h)
{
	char *argv[LAB_HOSTS + 8] = {"rm", "-rf", "--one-file-system", "state"};
	unsigned n = 4;
	pid_t pid;

	for (unsigned i = 0; i < h->lab->nhosts; i++)
		argv[n++] = h->lab->hosts[i].name;
	argv[n] = NULL;
	pid = fork();
	if (pid == 0) {
		if (!chdir(h->dir))
			execv("/bin/rm", argv);
		_exit(1);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static int prepare(struct labhold *h, const char *file)
{
	char root[CMD_PATH_MAX], real[PATH_MAX], *slash;
	int rc = paths_self(h->self);

	if (rc || !realpath(file, real))
		return labhold_fail(h, "%s: %s", file, strerror(errno));
	slash = strrchr(real, '/');
	if (slash)
		*slash = '\0';
	if (snprintf(h->source, sizeof(h->source), "%s", real) >= (int)sizeof(h->source))
		return labhold_fail(h, "%.100s...: the path is too long", real);
	rc = paths_run_root(root);
	if (!rc)
		rc = labhold_dir(h->lab->name, true, h->dir);
	if (rc)
		return labhold_fail(h, "%s: %s", h->dir, strerror(-rc));
	setenv("ORRERY", h->self, 1);  /* for commands in hosts */
	setenv("ORRERY_RUN", root, 1); /* inside a user namespace we look like root */
	return 0;
}

int labhold_run(struct lab *lab, const char *file, int out)
{
	static struct labhold hold;
	struct labhold *h = &hold;
	struct server s = {.h = h, .listener = -1};
	uint64_t start = clock_now_us();
	char sock[CMD_PATH_MAX];
	int rc;

	h->lab = lab;
	rc = prepare(h, file);
	if (!rc)
		rc = userns_enter(true, h->err, sizeof(h->err));
	if (!rc)
		rc = open_socket(&s);
	if (!rc) {
		wipe(h);
		rc = build(h, out);
	}
	if (rc) {
		tell(out, "failed: %s", h->err);
		return CMD_NO;
	}
	tell(out, "ready after %.1f s", (double)(clock_now_us() - start) / US_PER_SEC);
	close(out);
	serve(&s);
	snprintf(sock, sizeof(sock), "%.490s/lab.sock", h->dir);
	unlink(sock);
	for (unsigned i = 0; i < lab->nchassis; i++) {
		if (h->chassis[i] > 0)
			kill(h->chassis[i], SIGKILL);
	}
	return CMD_OK;
}
