/* SPDX-License-Identifier: MIT */
/*
 * Connection processes: started for each accepted client, watched by pidfd, asked by a socket pair, ended
 * when the login takes too long. When one ends, so do its sessions.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "sshd.h"
#include "wire.h"

unsigned conn_count(const struct sshd *s, bool authenticated, const struct net_addr *from)
{
	unsigned n = 0;

	for (const struct conn *c = s->conns; c; c = c->next)
		n += c->authenticated == authenticated && (!from || net_addr_equal(&c->from, from));
	return n;
}

/* --- start -------------------------------------------------------------------------------------------------
 */

/* In the child: only calls that are safe after fork() in a process with threads. */
static void exec_child(const int *fds, pid_t parent)
{
	static char name[] = "sshd", arg[] = "--connection";
	char *argv[] = {name, arg, NULL}, *envp[] = {NULL};
	sigset_t none;
	int high[4];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; i < 4; i++) /* away from where they shall be */
		high[i] = fcntl(fds[i], F_DUPFD, 100);
	for (int i = 0; i < 4; i++)
		if (high[i] < 0 || dup2(high[i], WIRE_SOCKET_FD + i) < 0)
			_exit(1);
	syscall(SYS_close_range, (unsigned)WIRE_NET_FD + 1, ~0u, 0u);
	execve("/proc/self/exe", argv, envp);
	_exit(127);
}

static int spawn(struct conn *c, int client, int mon)
{
	int fds[4] = {client, mon, open(c->s->empty_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	              c->s->empty_net};
	pid_t parent = getpid();

	if (fds[2] < 0 || fds[3] < 0) {
		if (fds[2] >= 0)
			close(fds[2]);
		return -EIO;
	}
	c->pid = fork();
	if (c->pid == 0)
		exec_child(fds, parent);
	close(fds[2]);
	if (c->pid < 0)
		return -errno;
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	return c->pidfd < 0 ? -errno : 0;
}

/* --- end ---------------------------------------------------------------------------------------------------
 */

static void conn_free(struct conn *c)
{
	struct conn **pp = &c->s->conns;

	while (*pp && *pp != c)
		pp = &(*pp)->next;
	if (*pp)
		*pp = c->next;
	for (unsigned i = 0; i < SSHD_CHANNELS_MAX; i++)
		session_end(&c->sessions[i]);
	task_io_stop(c->pid_io);
	task_io_stop(c->mon_io);
	task_timer_stop(c->login_timer);
	task_timer_stop(c->delay);
	close(c->mon);
	if (c->pidfd >= 0)
		close(c->pidfd);
	free(c);
}

void conn_kill(struct conn *c)
{
	if (c->pid > 0)
		kill(c->pid, SIGKILL); /* died_cb() does the rest */
}

static void died_cb(struct task *t, int fd, void *arg)
{
	struct conn *c = arg;
	siginfo_t info = {0};
	char text[64];

	(void)t;
	if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG) < 0 || !info.si_pid)
		return;
	c->pid = 0;
	if (c->authenticated)
		LOG(EV_SSH_LOGOUT, "user %s from %s logged out", c->user,
		    net_addr_format(&c->from, text, sizeof(text)));
	if (c->checking) { /* a worker thread still has it: freed by its end */
		c->dead = true;
		task_io_stop(c->pid_io);
		c->pid_io = NULL;
		return;
	}
	conn_free(c);
}

static void too_slow(struct task *t, void *arg)
{
	struct conn *c = arg;
	char text[64];

	(void)t;
	if (c->authenticated)
		return;
	LOG(EV_SSH_REFUSED, "connection of %s ended: no login within %u seconds",
	    net_addr_format(&c->from, text, sizeof(text)), c->l ? c->l->login_seconds : 0);
	conn_kill(c);
}

/* --- what it asks ------------------------------------------------------------------------------------------
 */

void conn_reply(struct conn *c, const struct mon_msg *m, const int *fds, int n)
{
	if (mon_send(c->mon, m, fds, n) < 0)
		conn_kill(c); /* its queue is full or it is gone */
}

static void asked(struct conn *c, struct mon_msg *m)
{
	bool login = m->type == MON_PASSWORD || m->type == MON_KEY;

	/* One question at a time, and none of a kind that does not fit. */
	if (login && !c->authenticated && !c->checking && !c->delay && m->user[0]) {
		if (m->type == MON_PASSWORD)
			auth_password(c, m->user, m->text);
		else
			auth_key(c, m->user, m->text, m->code == 1);
	} else if (m->type == MON_START && c->authenticated) {
		session_start(c, m);
	} else if (m->type == MON_CLOSE && c->authenticated) {
		for (unsigned i = 0; i < SSHD_CHANNELS_MAX; i++)
			if (c->sessions[i].used && c->sessions[i].chan == m->chan)
				session_end(&c->sessions[i]);
	} else {
		LOG(EV_SSH_ERROR, "connection %u asked what it may not ask (%u); ended", c->number, m->type);
		conn_kill(c);
	}
}

static void mon_cb(struct task *t, int fd, void *arg)
{
	static struct mon_msg m;
	struct conn *c = arg;
	int fds[1], n, rc = mon_recv(fd, &m, fds, 0, &n);

	(void)t;
	if (rc == -EAGAIN || rc == -EINTR)
		return;
	if (rc > 0)
		asked(c, &m);
	explicit_bzero(m.text, sizeof(m.text));
	if (rc > 0)
		return;
	task_io_stop(c->mon_io);
	c->mon_io = NULL;
	conn_kill(c);
}

static void put_line(char *text, size_t size, const char *what, const char *list)
{
	size_t n = strlen(text);

	if (*list)
		snprintf(text + n, size - n, "%s %s\n", what, list);
}

static void greet(struct conn *c)
{
	static struct mon_msg m;
	int rc;

	memset(&m, 0, sizeof(m));
	m.type = MON_HELLO;
	m.code = (int32_t)c->l->methods;
	put_line(m.text, sizeof(m.text), "ciphers", c->l->ciphers);
	put_line(m.text, sizeof(m.text), "macs", c->l->macs);
	put_line(m.text, sizeof(m.text), "kex", c->l->kex);
	rc = keys_read(c->s, m.text + strlen(m.text), sizeof(m.text) - strlen(m.text));
	if (rc == 0)
		conn_reply(c, &m, NULL, 0);
	else
		LOG(EV_SSH_ERROR, "the host keys cannot be read: %s", strerror(-rc));
	explicit_bzero(m.text, sizeof(m.text));
}

void conn_new(struct listener *l, int fd, const struct net_endpoint *from)
{
	struct conn *c = calloc(1, sizeof(*c));
	int pair[2], rc = c ? 0 : -ENOMEM;

	if (rc == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		rc = -errno;
	if (rc < 0) {
		free(c);
		LOG(EV_SSH_ERROR, "no connection process: %s", strerror(-rc));
		return;
	}
	c->s = l->s;
	c->l = l;
	c->number = ++l->s->next_number;
	c->from = from->addr;
	c->port = from->port;
	c->since_wall = clock_wall_us();
	c->pidfd = -1;
	c->mon = pair[0];
	c->next = l->s->conns;
	l->s->conns = c;
	fcntl(c->mon, F_SETFL, fcntl(c->mon, F_GETFL) | O_NONBLOCK);
	rc = spawn(c, fd, pair[1]);
	close(pair[1]);
	if (rc < 0) {
		LOG(EV_SSH_ERROR, "no connection process: %s", strerror(-rc));
		if (c->pid > 0) {
			kill(c->pid, SIGKILL);
			waitpid(c->pid, NULL, 0);
		}
		conn_free(c);
		return;
	}
	c->pid_io = task_io_start(l->s->t, c->pidfd, died_cb, c);
	c->mon_io = task_io_start(l->s->t, c->mon, mon_cb, c);
	c->login_timer = task_timer_start(l->s->t, l->login_seconds * 1000ull, 0, too_slow, c);
	greet(c);
}

/* --- verdict -----------------------------------------------------------------------------------------------
 */

static void say(struct conn *c, bool ok)
{
	static struct mon_msg m;

	memset(&m, 0, offsetof(struct mon_msg, text) + 1);
	m.type = MON_VERDICT;
	m.code = ok;
	conn_reply(c, &m, NULL, 0);
}

static void failed(struct conn *c, const char *user, const char *how)
{
	char from[64], name[3 * MON_USER_MAX];

	net_addr_format(&c->from, from, sizeof(from));
	log_escape(user, strlen(user), name, sizeof(name));
	LOG(EV_SSH_LOGIN_FAILURE, "user %s from %s: wrong %s", name, from, how);
	TASK_TRAP(c->s->t, "LoginFailure", trap_str("starCLITtyname", "ssh"),
	          trap_int("starCLIRemoteIpAddrType", c->from.family == AF_INET6 ? 2 : 1),
	          trap_str("starCLIRemoteIpAddr", from), trap_int("starCLIType", 1));
	c->tries++;
}

void conn_verdict(struct conn *c, const char *user, const struct cfg_user *u, bool ok, const char *how)
{
	unsigned most = c->l ? c->l->max_servers : 0;
	char from[64];

	if (c->dead) {
		conn_free(c);
		return;
	}
	if (!ok) {
		failed(c, user, how);
		say(c, false);
		if (c->tries >= SSHD_TRIES_MAX)
			conn_kill(c);
		return;
	}
	net_addr_format(&c->from, from, sizeof(from));
	if (conn_count(c->s, true, NULL) >= most) {
		LOG(EV_SSH_REFUSED, "login of %s from %s refused: %u are logged in, as many as may be", user,
		    from, most);
		TASK_TRAP(c->s->t, "GlobalCLISessionsLimit", trap_int("starCLIActiveCount", most),
		          trap_int("starCLIMaxCount", most));
		conn_kill(c);
		return;
	}
	snprintf(c->user, sizeof(c->user), "%s", user);
	c->priv = u->priv;
	c->ftp = u->ftp;
	c->nocli = u->nocli;
	c->authenticated = true;
	LOG(EV_SSH_LOGIN, "user %s (%s) from %s logged in by %s", user, cli_priv_title(u->priv), from, how);
	say(c, true);
}
