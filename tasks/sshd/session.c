/* SPDX-License-Identifier: MIT */
/*
 * What a login gets: a cli task on a pty (or on pipes, for `ssh host COMMAND`), started by the backplane on
 * the active MIO as for `orrery cli`, or an sftp-server. The connection's process gets only its end of the
 * pty or pipes. A session ends with its connection and the other way round.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "chassis/bp.h"
#include "sshd.h"

#define LINES_MAX 32 /* of one command */

static void drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void session_end(struct session *x)
{
	if (!x->used)
		return;
	task_io_stop(x->io);
	task_io_stop(x->ready_io);
	x->io = x->ready_io = NULL;
	drop(&x->stream);
	drop(&x->bp); /* the backplane hangs up the cli task */
	drop(&x->say);
	if (x->pid > 0) {
		kill(x->pid, SIGKILL);
		waitpid(x->pid, NULL, 0);
		x->pid = 0;
	}
	drop(&x->pidfd);
	x->used = false;
}

static void ended(struct session *x, int status)
{
	static struct mon_msg m;

	memset(&m, 0, offsetof(struct mon_msg, text) + 1);
	m.type = MON_ENDED;
	m.chan = x->chan;
	m.code = status;
	conn_reply(x->c, &m, NULL, 0);
	session_end(x);
}

static void started(struct session *x, const int *fds, int n)
{
	static struct mon_msg m;

	memset(&m, 0, offsetof(struct mon_msg, text) + 1);
	m.type = MON_STARTED;
	m.chan = x->chan;
	conn_reply(x->c, &m, fds, n);
}

static void refuse(struct conn *c, uint32_t chan, const char *text)
{
	static struct mon_msg m;

	memset(&m, 0, sizeof(m));
	m.type = MON_STARTED;
	m.chan = chan;
	m.code = -EPERM;
	snprintf(m.text, sizeof(m.text), "Failure: %s\r\n", text);
	conn_reply(c, &m, NULL, 0);
}

/* --- descriptors -------------------------------------------------------------------------------------------
 */

/* theirs[3]: 0, 1, 2 of the session; ours[3]: for the connection's process. Returns how many ours are. */
static int open_pty(struct session *x, const struct mon_msg *m, int *theirs, int *ours)
{
	struct winsize ws = {.ws_row = (unsigned short)(m->rows < 1000 ? m->rows : 999),
	                     .ws_col = (unsigned short)(m->cols < 1000 ? m->cols : 999)};
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave = -1;

	if (master >= 0 && unlockpt(master) == 0 && ptsname_r(master, x->tty, sizeof(x->tty)) == 0)
		slave = open(x->tty, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0) {
		int rc = -errno;

		drop(&master);
		return rc;
	}
	ioctl(master, TIOCSWINSZ, &ws);
	theirs[0] = theirs[1] = theirs[2] = slave;
	ours[0] = master;
	return 1;
}

static int open_pipes(int *theirs, int *ours)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0) {
		int rc = -errno;

		for (int i = 0; i < 2; i++)
			drop(&in[i]), drop(&out[i]), drop(&err[i]);
		return rc;
	}
	theirs[0] = in[0], theirs[1] = out[1], theirs[2] = err[1];
	ours[0] = in[1], ours[1] = out[0], ours[2] = err[0];
	return 3;
}

static void drop_theirs(int *theirs)
{
	for (int i = 2; i >= 0; i--)
		if (i == 0 || theirs[i] != theirs[0])
			drop(&theirs[i]);
}

/* --- cli ---------------------------------------------------------------------------------------------------
 */

static void backplane_cb(struct task *t, int fd, void *arg)
{
	struct session *x = arg;
	int fds[BP_FDS_MAX], n = 0, err = 0, code = 1;
	BpMessage *m = bp_recv(fd, fds, &n, &err);
	bool over = !m && err != -EAGAIN && err != -EINTR;

	(void)t;
	while (n > 0)
		close(fds[--n]);
	if (m && m->body_case == BP_MESSAGE__BODY_COMMAND_REPLY) {
		over = !m->command_reply->more;
		code = m->command_reply->code;
		if (over && m->command_reply->text[0] && x->say >= 0)
			dprintf(x->say, "Failure: %s\r\n", m->command_reply->text);
		drop(&x->say);
	}
	if (m)
		bp_message__free_unpacked(m, NULL);
	if (over)
		ended(x, code >= 0 && code < 256 ? code : 1);
}

static unsigned add_lines(char **argv, unsigned n, char *command)
{
	static char dash_c[] = "-c";
	char *save = NULL;

	for (char *line = strtok_r(command, "\r\n", &save); line && n + 2 < 2 * LINES_MAX;
	     line = strtok_r(NULL, "\r\n", &save)) {
		argv[n++] = dash_c;
		argv[n++] = line;
	}
	return n;
}

/* A terminal's name as an environment: what is no such name is "dumb". */
static void term_text(const char *term, char *out, size_t size)
{
	bool ok =
	        term[0] && !term[strspn(term, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	                                      "-+._")];

	snprintf(out, size, "TERM=%s", ok ? term : "dumb");
}

static int start_cli(struct session *x, struct mon_msg *m, const int *theirs)
{
	static char user[] = "--user", priv[] = "--privilege", remote[] = "--remote", ctty[] = "--ctty";
	char from[64], term[MON_TERM_MAX + 8], *env[1] = {term}, *argv[2 * LINES_MAX + 8];
	unsigned n = 0;
	BpMessage bm = BP_MESSAGE__INIT;
	BpCommand cmd = BP_COMMAND__INIT;

	net_addr_format(&x->c->from, from, sizeof(from));
	term_text(m->term, term, sizeof(term));
	argv[n++] = user;
	argv[n++] = x->c->user;
	argv[n++] = priv;
	argv[n++] = (char *)cli_priv_name(x->c->priv);
	argv[n++] = remote;
	argv[n++] = from;
	if (m->pty)
		argv[n++] = ctty;
	if (m->kind == MON_EXEC)
		n = add_lines(argv, n, m->text);
	cmd.what = BP_COMMAND__WHAT__CLI;
	cmd.args = argv;
	cmd.n_args = n;
	cmd.env = env;
	cmd.n_env = 1;
	bm.id = 1;
	bm.body_case = BP_MESSAGE__BODY_COMMAND;
	bm.command = &cmd;
	x->bp = bp_connect(x->c->s->t->run_dir);
	if (x->bp < 0)
		return x->bp;
	x->io = task_io_start(x->c->s->t, x->bp, backplane_cb, x);
	x->say = fcntl(theirs[2], F_DUPFD_CLOEXEC, 3);
	return x->io ? bp_send(x->bp, &bm, theirs, 3) : -ENOMEM;
}

/* --- sftp --------------------------------------------------------------------------------------------------
 */

static void sftp_cb(struct task *t, int fd, void *arg)
{
	struct session *x = arg;
	siginfo_t info = {0};

	(void)t;
	if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG) < 0 || !info.si_pid)
		return;
	x->pid = 0;
	ended(x, info.si_code == CLD_EXITED ? info.si_status : 1);
}

/* In the child: only calls that are safe after fork() in a process with threads. */
static void exec_sftp(const int *theirs, char *state_dir, pid_t parent)
{
	static char name[] = "sshd", arg[] = "--sftp", path[] = "PATH=/usr/bin:/bin";
	char *argv[] = {name, arg, state_dir, NULL}, *envp[] = {path, NULL};
	sigset_t none;
	int high[3];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; i < 3; i++)
		high[i] = fcntl(theirs[i], F_DUPFD, 100);
	for (int i = 0; i < 3; i++)
		if (high[i] < 0 || dup2(high[i], i) < 0)
			_exit(1);
	syscall(SYS_close_range, 3u, ~0u, 0u);
	execve("/proc/self/exe", argv, envp);
	_exit(127);
}

/* "ok": the server is confined, and the client may talk to it. Else the reason why not. */
static void ready_cb(struct task *t, int fd, void *arg)
{
	struct session *x = arg;
	char text[256] = "";
	ssize_t n = read(fd, text, sizeof(text) - 1);

	(void)t;
	task_io_stop(x->ready_io);
	x->ready_io = NULL;
	drop(&x->say);
	if (n >= 2 && !strncmp(text, "ok", 2)) {
		started(x, &x->stream, 1);
		drop(&x->stream);
		return;
	}
	text[strcspn(text, "\n")] = 0;
	LOG(EV_SSH_ERROR, "%s", text[0] ? text : "an sftp-server ended before it was confined");
	refuse(x->c, x->chan, text[0] ? text : "SFTP is not possible");
	session_end(x);
}

static int start_sftp(struct session *x)
{
	int stream[2], ready[2], theirs[3];
	pid_t parent = getpid();

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream) < 0)
		return -errno;
	if (pipe2(ready, O_CLOEXEC) < 0) {
		close(stream[0]);
		close(stream[1]);
		return -errno;
	}
	theirs[0] = stream[1], theirs[1] = stream[0], theirs[2] = ready[1];
	x->stream = stream[0];
	x->say = ready[0];
	x->pid = fork();
	if (x->pid == 0)
		exec_sftp(theirs, x->c->s->t->state_dir, parent);
	close(stream[1]);
	close(ready[1]);
	if (x->pid < 0)
		return -errno;
	x->pidfd = (int)syscall(SYS_pidfd_open, x->pid, 0);
	if (x->pidfd >= 0)
		x->io = task_io_start(x->c->s->t, x->pidfd, sftp_cb, x);
	x->ready_io = task_io_start(x->c->s->t, x->say, ready_cb, x);
	return x->io && x->ready_io ? 0 : -ENOMEM;
}

/* --- start -------------------------------------------------------------------------------------------------
 */

static const char *forbidden(const struct conn *c, const struct mon_msg *m)
{
	if (m->kind == MON_SFTP && (!c->l || !c->l->sftp))
		return "SFTP is not enabled (subsystem sftp)";
	if (m->kind == MON_SFTP && !c->ftp)
		return "This user may not transfer files (administrator ... ftp)";
	if (m->kind != MON_SFTP && c->nocli)
		return "This user may not use the command line";
	return m->kind > MON_SFTP ? "There is no such kind of session" : NULL;
}

static int start_shell(struct session *x, struct mon_msg *m)
{
	int theirs[3] = {-1, -1, -1}, ours[3] = {-1, -1, -1};
	int n = m->pty ? open_pty(x, m, theirs, ours) : open_pipes(theirs, ours);
	int rc = n < 0 ? n : start_cli(x, m, theirs);

	drop_theirs(theirs);
	if (rc == 0)
		started(x, ours, n);
	for (int i = 0; i < 3; i++)
		drop(&ours[i]);
	return rc;
}

void session_start(struct conn *c, struct mon_msg *m)
{
	const char *why = forbidden(c, m);
	struct session *x = NULL;
	int rc;

	for (unsigned i = 0; i < SSHD_CHANNELS_MAX && !x; i++)
		x = c->sessions[i].used ? NULL : &c->sessions[i];
	if (why || !x) {
		refuse(c, m->chan, why ? why : "This connection has too many sessions");
		return;
	}
	memset(x, 0, sizeof(*x));
	x->bp = x->pidfd = x->say = x->stream = -1;
	x->c = c;
	x->used = true;
	x->chan = m->chan;
	rc = m->kind == MON_SFTP ? start_sftp(x) : start_shell(x, m);
	if (rc < 0) {
		LOG(EV_SSH_ERROR, "a session of %s cannot start: %s", c->user, strerror(-rc));
		refuse(c, x->chan, strerror(-rc));
		session_end(x);
	}
}
