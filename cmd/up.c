/* SPDX-License-Identifier: MIT */
/*
 * Booting a chassis: its directories, orreryd started as a daemon of
 * its own (or as a child of a lab's holder), then waiting with progress until every card is up. Entry points:
 * up_main(), up_start(), up_wait().
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <jansson.h>

#include "base/clock.h"
#include "cmd/cmd.h"
#include "cmd/operator.h"
#include "chassis/bp.h"

#define UP_TIMEOUT_S    60
#define UP_LOG_TAIL_MAX 400

struct up_places {
	char run[CMD_PATH_MAX], state[CMD_PATH_MAX], profile[CMD_PATH_MAX], orreryd[CMD_PATH_MAX],
	        log[CMD_PATH_MAX + 32];
};

/* Is somebody holding the lock of this run directory? */
static bool is_up(const char *run)
{
	char path[CMD_PATH_MAX + 8];
	bool held;
	int fd;

	snprintf(path, sizeof(path), "%s/lock", run);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	held = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	close(fd);
	return held;
}

static int prepare(const struct up_args *a, struct up_places *p, char *err, size_t errlen)
{
	char dir[CMD_PATH_MAX + 16];
	int rc = paths_libexec("orreryd", p->orreryd);

	if (rc) {
		snprintf(err, errlen, "the program orreryd is not beside this one (../libexec/orrery): %s",
		         strerror(-rc));
		return rc;
	}
	if (a->config && access(a->config, R_OK)) {
		rc = -errno;
		snprintf(err, errlen, "cannot read %s: %s", a->config, strerror(-rc));
		return rc;
	}
	rc = paths_profile(a->profile, p->profile);
	if (rc) {
		snprintf(err, errlen, "there is no profile \"%s\": %s", a->profile, strerror(-rc));
		return rc;
	}
	rc = a->run ? paths_mkdir(a->run, 0700) : paths_run_dir(a->name, true, p->run);
	if (a->run)
		snprintf(p->run, sizeof(p->run), "%s", a->run);
	if (rc) {
		snprintf(err, errlen, "run directory %s: %s", p->run,
		         rc == -EPERM ? "it belongs to another user" : strerror(-rc));
		return rc;
	}
	if (is_up(p->run)) {
		snprintf(err, errlen, "chassis %s is already up; take it down first: orrery down --name %s",
		         a->name, a->name);
		return -EBUSY;
	}
	rc = a->state ? 0 : paths_state_dir(a->name, p->state);
	if (a->state)
		snprintf(p->state, sizeof(p->state), "%s", a->state);
	for (unsigned i = 0; !rc && i < 4; i++) {
		static const char *const subdirs[] = {"", "/log", "/flash", "/hd-raid"};

		snprintf(dir, sizeof(dir), "%s%s", p->state, subdirs[i]);
		rc = paths_mkdir(dir, 0700);
	}
	if (rc) {
		snprintf(err, errlen, "state directory %s: %s", p->state, strerror(-rc));
		return rc;
	}
	snprintf(p->log, sizeof(p->log), "%s/log/orreryd.log", p->state);
	return 0;
}

static void exec_orreryd(const struct up_args *a, const struct up_places *p, int errfd)
{
	char *argv[16 + 2 * UP_PORTS_MAX], why[1024] = "";
	unsigned n = 0;
	sigset_t none;
	int fd, null;

	if (a->child)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	if (!a->child && geteuid() != 0 && userns_enter(true, why, sizeof(why)))
		goto out;
	fd = open(p->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || null < 0) {
		snprintf(why, sizeof(why), "%s: %s", p->log, strerror(errno));
		goto out;
	}
	dup2(null, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	/* what whoever starts a chassis ignores (nohup: SIGHUP) ends sessions all the same */
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	argv[n++] = (char *)p->orreryd;
	argv[n++] = "--name";
	argv[n++] = (char *)a->name;
	argv[n++] = "--profile";
	argv[n++] = (char *)p->profile;
	argv[n++] = "--run";
	argv[n++] = (char *)p->run;
	argv[n++] = "--state";
	argv[n++] = (char *)p->state;
	if (a->config) {
		argv[n++] = "--config";
		argv[n++] = (char *)a->config;
	}
	for (unsigned i = 0; i < a->nports; i++) {
		argv[n++] = "--port";
		argv[n++] = (char *)a->ports[i];
	}
	argv[n] = NULL;
	execv(p->orreryd, argv);
	snprintf(why, sizeof(why), "%s: %s", p->orreryd, strerror(errno));
out:
	if (write(errfd, why, strlen(why)) < 0)
		_exit(126);
	_exit(127);
}

int up_start(const struct up_args *a, pid_t *pid, char *err, size_t errlen)
{
	struct up_places *p = calloc(1, sizeof(*p));
	int pipefd[2], rc;
	ssize_t n;

	if (!p)
		return -ENOMEM;
	rc = prepare(a, p, err, errlen);
	if (!rc && pipe2(pipefd, O_CLOEXEC))
		rc = -errno;
	if (rc) {
		free(p);
		return rc;
	}
	*pid = fork();
	if (*pid == 0) {
		close(pipefd[0]);
		exec_orreryd(a, p, pipefd[1]);
	}
	close(pipefd[1]);
	n = *pid < 0 ? 0 : read(pipefd[0], err, errlen - 1); /* ends when exec closed it */
	close(pipefd[0]);
	if (*pid < 0)
		rc = -EAGAIN;
	if (n > 0) {
		err[n] = '\0';
		waitpid(*pid, NULL, 0);
		rc = -EPERM;
	}
	free(p);
	return rc;
}

/* The last lines of orreryd's log, as the reason why it ended. */
static void log_tail(const char *state, char *buf, size_t len)
{
	char path[CMD_PATH_MAX + 32], text[UP_LOG_TAIL_MAX + 1];
	FILE *f;
	size_t n;
	char *start;

	snprintf(path, sizeof(path), "%s/log/orreryd.log", state);
	buf[0] = '\0';
	f = fopen(path, "re");
	if (!f)
		return;
	if (fseek(f, -UP_LOG_TAIL_MAX, SEEK_END))
		rewind(f);
	n = fread(text, 1, UP_LOG_TAIL_MAX, f);
	fclose(f);
	while (n && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	start = strrchr(text, '\n');
	snprintf(buf, len, "%s", start ? start + 1 : text);
}

/* Which cards are not up, as " card 3 booting, …", asked of the backplane. */
static void cards_missing(const char *run, char *buf, size_t len)
{
	int fd = bp_connect(run);
	BpMessage *m = NULL;
	json_t *root = NULL, *card;
	size_t i, n = 0;

	buf[0] = '\0';
	if (fd >= 0 && !operator_send(fd, BP_COMMAND__WHAT__STATUS, NULL, 0, NULL, 0, NULL, 0) &&
	    operator_recv(fd, 2000, &m) == 1) {
		root = json_loads(m->command_reply->text, 0, NULL);
		operator_free(m);
	}
	json_array_foreach(json_object_get(root, "cards"), i, card)
	{
		if (!json_is_true(json_object_get(card, "ready")) && n < len)
			n += (size_t)snprintf(buf + n, len - n, "%s card %lld %s", n ? "," : "",
			                      json_integer_value(json_object_get(card, "slot")),
			                      json_string_value(json_object_get(card, "state")));
	}
	json_decref(root);
	if (fd >= 0)
		close(fd);
}

static bool ended(pid_t pid)
{
	int status;

	return waitpid(pid, &status, WNOHANG) == pid || (kill(pid, 0) && errno == ESRCH);
}

/* The backplane's socket, as soon as it listens. Descriptor or -errno. */
static int up_connect(const char *run, pid_t pid, uint64_t deadline)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), fd = -ETIMEDOUT;

	while (clock_now_us() < deadline) {
		struct pollfd p = {.fd = pidfd, .events = POLLIN};

		fd = bp_connect(run);
		if (fd >= 0 || (fd != -ENOENT && fd != -ECONNREFUSED))
			break;
		fd = -ETIMEDOUT;
		if (poll(&p, pidfd >= 0 ? 1 : 0, 5) > 0) {
			fd = -ECHILD;
			break;
		}
	}
	if (pidfd >= 0)
		close(pidfd);
	return fd;
}

int up_wait(const struct up_args *a, pid_t pid, void (*progress)(void *arg, const char *line), void *arg,
            char *err, size_t errlen)
{
	uint64_t deadline = clock_now_us() + UP_TIMEOUT_S * US_PER_SEC;
	char run[CMD_PATH_MAX], state[CMD_PATH_MAX], tail[UP_LOG_TAIL_MAX + 1];
	bool more = true;
	int fd, rc;

	snprintf(run, sizeof(run), "%s", a->run ? a->run : "");
	snprintf(state, sizeof(state), "%s", a->state ? a->state : "");
	if ((!a->run && paths_run_dir(a->name, false, run)) || (!a->state && paths_state_dir(a->name, state)))
		return -EINVAL;
	fd = up_connect(run, pid, deadline);
	rc = fd < 0 ? fd : operator_send(fd, BP_COMMAND__WHAT__WAIT_UP, NULL, 0, NULL, 0, NULL, 0);
	while (!rc && more) {
		BpMessage *m;
		int left = (int)((int64_t)(deadline - clock_now_us()) / (int64_t)US_PER_MS);
		int got = operator_recv(fd, left > 0 ? left : 0, &m);

		if (got <= 0) {
			rc = got ? got : -ECHILD;
			break;
		}
		more = m->command_reply->more;
		if (progress && m->command_reply->text[0])
			progress(arg, m->command_reply->text);
		if (!more && m->command_reply->code) {
			rc = m->command_reply->code > 0 ? -m->command_reply->code : m->command_reply->code;
			snprintf(err, errlen, "chassis %s did not come up: %s", a->name,
			         m->command_reply->text);
			operator_free(m);
			close(fd);
			return rc;
		}
		operator_free(m);
	}
	if (fd >= 0)
		close(fd);
	if (rc && (rc == -ECHILD || ended(pid))) {
		log_tail(state, tail, sizeof(tail));
		snprintf(err, errlen, "chassis %s ended while coming up: %s", a->name,
		         tail[0] ? tail : "its log is empty");
	} else if (rc) {
		cards_missing(run, tail, sizeof(tail));
		snprintf(err, errlen,
		         "chassis %s is not up after %u s:%s (%s; it goes on trying, see %s/log)", a->name,
		         UP_TIMEOUT_S, tail, strerror(-rc), state);
	}
	return rc;
}

/* On a terminal: the present line, overwritten by the next one. */
static void show_progress(void *arg, const char *line)
{
	fprintf(stderr, "\r\033[K%s", line);
	fflush(stderr);
}

static int parse(int argc, char **argv, struct up_args *a)
{
	static const struct option longopts[] = {
	        {"name", required_argument, NULL, 'n'},   {"profile", required_argument, NULL, 'p'},
	        {"config", required_argument, NULL, 'c'}, {"state", required_argument, NULL, 's'},
	        {"port", required_argument, NULL, 'P'},   {NULL, 0, NULL, 0}};
	int c;

	*a = (struct up_args){.name = CMD_NAME_DEFAULT, .profile = "asr5500-lab"};
	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		switch (c) {
		case 'n':
			a->name = optarg;
			break;
		case 'p':
			a->profile = optarg;
			break;
		case 'c':
			a->config = optarg;
			break;
		case 's':
			a->state = optarg;
			break;
		case 'P':
			if (a->nports == UP_PORTS_MAX || !strchr(optarg, '=') || !strchr(optarg, '/'))
				return cmd_misused("up", "--port takes SLOT/PORT=DEVICE (at most %u of them)",
				                   UP_PORTS_MAX);
			a->ports[a->nports++] = optarg;
			break;
		default:
			return cmd_misused("up", "%s is not an option of it, or its value is missing",
			                   argv[optind - 1]);
		}
	}
	if (optind < argc)
		return cmd_misused("up", "\"%s\" is too much", argv[optind]);
	if (!paths_name_ok(a->name))
		return cmd_misused("up", "\"%s\" is not a chassis name (1 to 31 letters, digits, - and _)",
		                   a->name);
	if (a->nports && geteuid() != 0)
		return cmd_fail("--port moves a device of this machine, which needs root; a lab (orrery lab "
		                "up) does not");
	return CMD_OK;
}

int up_main(int argc, char **argv)
{
	bool tty = isatty(STDERR_FILENO);
	char err[1024] = "", state[CMD_PATH_MAX];
	struct up_args a;
	uint64_t start = clock_now_us();
	pid_t pid;
	int rc = parse(argc, argv, &a);

	if (rc)
		return rc;
	if (a.state && a.state[0] != '/') {
		char cwd[CMD_PATH_MAX / 2];

		if (!getcwd(cwd, sizeof(cwd)) ||
		    snprintf(state, sizeof(state), "%s/%s", cwd, a.state) >= (int)sizeof(state))
			return cmd_fail("state directory %s: the path is too long", a.state);
		a.state = state;
	}
	rc = up_start(&a, &pid, err, sizeof(err));
	if (!rc)
		rc = up_wait(&a, pid, tty ? show_progress : NULL, NULL, err, sizeof(err));
	if (tty)
		fputs("\r\033[K", stderr);
	if (rc)
		return cmd_fail("%s", err[0] ? err : strerror(-rc));
	if (tty)
		fprintf(stderr, "chassis %s is up after %.1f s\n", a.name,
		        (double)(clock_now_us() - start) / US_PER_SEC);
	return CMD_OK;
}
