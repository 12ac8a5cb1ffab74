/* SPDX-License-Identifier: MIT */
/*
 * Real servers and simulated peers in a lab's hosts: writes their private configuration and starts them so
 * that they touch nothing of the machine's own. strongSwan's programs run as copies, because a distribution's
 * AppArmor profile for them allows only their packaged files. Called by labhold.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/labhold.h"

#define SSHD_UID 1000 /* inside its user namespace; outside it is who runs the lab */

static int write_file(struct labhold *h, const char *path, mode_t mode, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	size_t len = strlen(text);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len) {
		if (fd >= 0)
			close(fd);
		return labhold_fail(h, "%s: %s", path, strerror(errno));
	}
	close(fd);
	return 0;
}

/* <lab dir>/<host>/<file> */
static void host_path(const struct labhold *h, unsigned host, const char *file, char *buf)
{
	snprintf(buf, CMD_PATH_MAX, "%.300s/%s/%s", h->dir, h->lab->hosts[host].name, file);
}

void labserver_environment(const struct labhold *h, unsigned host)
{
	char path[CMD_PATH_MAX * 3], dir[CMD_PATH_MAX], self[CMD_PATH_MAX];
	char *slash;

	host_path(h, host, "bin", dir);
	snprintf(self, sizeof(self), "%s", h->self);
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	snprintf(path, sizeof(path), "%s:%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	         dir, self);
	setenv("PATH", path, 1);
	setenv("LAB", h->dir, 1);
	setenv("LAB_SOURCE", h->source, 1);
	host_path(h, host, "", dir);
	setenv("LAB_HOST", dir, 1);
	unsetenv("LD_PRELOAD");
}

/* User SSHD_UID of a user namespace of its own, so that sshd can do without a user database of the machine.
 */
static int nest_user(void)
{
	char map[64];
	int fd;

	if (unshare(CLONE_NEWUSER))
		return -errno;
	fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	snprintf(map, sizeof(map), "%d 0 1", SSHD_UID);
	if (fd < 0 || write(fd, map, strlen(map)) < 0)
		return -errno;
	close(fd);
	fd = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "deny", 4) < 0)
		return -errno;
	close(fd);
	fd = open("/proc/self/gid_map", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, map, strlen(map)) < 0)
		return -errno;
	close(fd);
	return 0;
}

pid_t labserver_spawn(struct labhold *h, unsigned host, char *const *argv, const int fds[3], const char *log,
                      bool nested)
{
	pid_t pid = fork();
	sigset_t none;
	int null, out;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	out = log ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : null;
	dup2(fds[0] >= 0 ? fds[0] : null, 0);
	dup2(fds[1] >= 0 ? fds[1] : out, 1);
	dup2(fds[2] >= 0 ? fds[2] : out, 2);
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	setpgid(0, 0);
	labserver_environment(h, host);
	if (labnet_enter(h, host))
		_exit(126);
	if (nested && nest_user())
		_exit(126);
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Run a command in a host to its end. 0, or -1 with its last words. */
static int run(struct labhold *h, unsigned host, char *const *argv)
{
	int fds[3] = {-1, -1, -1}, out[2], status;
	char text[400];
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC))
		return labhold_fail(h, "pipe: %s", strerror(errno));
	fds[1] = fds[2] = out[1];
	pid = labserver_spawn(h, host, argv, fds, NULL, false);
	close(out[1]);
	while (n < sizeof(text) - 1 && (got = read(out[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	close(out[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status))
		return labhold_fail(h, "host %s: %s failed: %s", h->lab->hosts[host].name, argv[0], text);
	return 0;
}

static int remember(struct labhold *h, const char *kind, const char *name, pid_t pid)
{
	struct labhold_child *c = &h->children[h->nchildren];

	if (pid < 0)
		return labhold_fail(h, "%s %s: %s", kind, name, strerror(errno));
	if (h->nchildren < sizeof(h->children) / sizeof(h->children[0])) {
		snprintf(c->what, sizeof(c->what), "%s %s", kind, name);
		c->pid = pid;
		h->nchildren++;
	}
	return 0;
}

/* --- strongSwan
 * ----------------------------------------------------------------------------------------------------------
 */

/* ESP in user space (kernel-libipsec carries it in UDP only), and nothing of the machine's configuration. */
static const char strongswan_conf[] =
        "charon {\n"
        "  load = random nonce aes sha1 sha2 md5 hmac kdf xcbc gmp curve25519 gcm ctr openssl gcrypt pem "
        "pkcs1 pkcs8 "
        "x509 pubkey "
        "constraints eap-identity eap-md5 eap-mschapv2 vici kernel-libipsec kernel-netlink socket-default "
        "updown\n"
        "  load_modular = no\n"
        "  retransmit_tries = 8\n  retransmit_timeout = 1.0\n  retransmit_base = 1.3\n"
        "  port = 500\n  port_nat_t = 4500\n  dh_exponent_ansi_x9_42 = no\n"
        "  plugins {\n    vici {\n      socket = unix://%s\n    }\n    kernel-libipsec {\n      "
        "allow_peer_ts = yes\n    }\n  }\n"
        "  filelog {\n    log {\n      path = %s\n      flush_line = yes\n      time_format = %%H:%%M:%%S\n  "
        "    default = 1\n"
        "      ike = 1\n      cfg = 1\n    }\n  }\n"
        "}\n"
        "swanctl {\n  load = random aes sha1 sha2 gmp curve25519 pem pkcs1 pkcs8 x509 pubkey constraints\n}\n"
        "include %s/strongswan.conf\n";

static int copy_program(struct labhold *h, unsigned host, const char *from, const char *name)
{
	char to[CMD_PATH_MAX], buf[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC), out;
	ssize_t n;

	host_path(h, host, name, to);
	unlink(to);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	if (in < 0 || out < 0)
		return labhold_fail(
		        h, "%s: %s (apt-get install strongswan strongswan-swanctl libcharon-extra-plugins)",
		        in < 0 ? from : to, strerror(errno));
	while ((n = read(in, buf, sizeof(buf))) > 0) {
		if (write(out, buf, (size_t)n) != n)
			n = -1;
		if (n < 0)
			break;
	}
	close(in);
	close(out);
	return n < 0 ? labhold_fail(h, "%s: %s", to, strerror(errno)) : 0;
}

/* Is it there, and if it is a socket, does somebody listen? It has its name a moment before. */
static bool is_there(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct stat st;
	bool ok;
	int fd;

	if (stat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return access(path, F_OK) == 0;
	if (strlen(path) >= sizeof(un.sun_path))
		return true;
	strcpy(un.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ok = fd >= 0 && connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Wait for a socket or file to appear (a server is ready), at most 10 s, or until its process ended. */
static int wait_for(struct labhold *h, const char *path, pid_t pid, const char *what)
{
	uint64_t deadline = clock_now_us() + 10 * US_PER_SEC;

	while (!is_there(path)) {
		if (clock_now_us() > deadline || waitpid(pid, NULL, WNOHANG) == pid)
			return labhold_fail(h, "%s did not start; its log is beside %s", what, path);
		clock_sleep_us(5 * US_PER_MS);
	}
	return 0;
}

/* Where a strongSwan's files are. */
struct swan {
	char dir[CMD_PATH_MAX], conf[CMD_PATH_MAX], vici[CMD_PATH_MAX], log[CMD_PATH_MAX],
	        charon[CMD_PATH_MAX];
};

/* swanctl's own directory: a copy of what the lab gives, in the tree swanctl insists on. */
static int swan_directory(struct labhold *h, const struct lab_server *s, const struct swan *w)
{
	char script[6 * CMD_PATH_MAX];
	char *argv[] = {"sh", "-c", script, NULL};

	snprintf(script, sizeof(script),
	         "set -e; rm -rf '%s'; mkdir '%s'; cd '%s'; mkdir x509 x509ca x509ocsp x509aa x509ac x509crl "
	         "pubkey private rsa "
	         "ecdsa bliss pkcs8 pkcs12 conf.d; cp -R '%s%s%s'/. .; test -r swanctl.conf; : "
	         ">>strongswan.conf",
	         w->dir, w->dir, w->dir, s->conf[0] == '/' ? "" : h->source, s->conf[0] == '/' ? "" : "/",
	         s->conf);
	return run(h, s->host, argv);
}

static int swan_files(struct labhold *h, const struct lab_server *s, struct swan *w)
{
	char text[sizeof(strongswan_conf) + 4 * CMD_PATH_MAX], swanctl[CMD_PATH_MAX], program[CMD_PATH_MAX];

	host_path(h, s->host, "swanctl", w->dir);
	host_path(h, s->host, "strongswan.conf", w->conf);
	host_path(h, s->host, "vici", w->vici);
	host_path(h, s->host, "charon.log", w->log);
	host_path(h, s->host, "bin/charon", w->charon);
	host_path(h, s->host, "bin/swanctl", swanctl);
	host_path(h, s->host, "bin/swanctl.bin", program);
	unlink(w->vici);
	snprintf(text, sizeof(text), strongswan_conf, w->vici, w->log, w->dir);
	if (swan_directory(h, s, w) || write_file(h, w->conf, 0600, text) ||
	    copy_program(h, s->host, "/usr/lib/ipsec/charon", "bin/charon") ||
	    copy_program(h, s->host, "/usr/sbin/swanctl", "bin/swanctl.bin"))
		return -1;
	snprintf(text, sizeof(text),
	         "#!/bin/sh\nexport STRONGSWAN_CONF='%s' SWANCTL_DIR='%s'\nexec '%s' \"$@\" --uri "
	         "'unix://%s' 2>&1\n",
	         w->conf, w->dir, program, w->vici);
	return write_file(h, swanctl, 0700, text);
}

static int start_strongswan(struct labhold *h, const struct lab_server *s)
{
	const int none[3] = {-1, -1, -1};
	struct swan w;
	char *charon[] = {w.charon, NULL}, *load[] = {"swanctl", "--load-all", NULL};
	pid_t pid;

	if (swan_files(h, s, &w))
		return -1;
	setenv("STRONGSWAN_CONF", w.conf, 1);
	pid = labserver_spawn(h, s->host, charon, none, w.log, false);
	unsetenv("STRONGSWAN_CONF");
	if (remember(h, "strongswan", h->lab->hosts[s->host].name, pid))
		return -1;
	return wait_for(h, w.vici, pid, "strongSwan") || run(h, s->host, load) ? -1 : 0;
}

/* --- snmptrapd, sshd, freeradius
 * ---------------------------------------------------------------------------------------------------------
 */

static int start_snmptrapd(struct labhold *h, const struct lab_server *s)
{
	char conf[CMD_PATH_MAX], log[CMD_PATH_MAX], dir[CMD_PATH_MAX], pidfile[CMD_PATH_MAX];
	char *argv[] = {"snmptrapd", "-f", "-C", "-c", conf,    "-Lf",     log,
	                "-On",       "-m", "",   "-p", pidfile, "udp:162", NULL};
	const int none[3] = {-1, -1, -1};
	pid_t pid;

	host_path(h, s->host, "snmptrapd.conf", conf);
	host_path(h, s->host, "snmptrapd.log", log);
	host_path(h, s->host, "snmptrapd.pid", pidfile);
	host_path(h, s->host, "", dir);
	if (write_file(h, conf, 0600, "disableAuthorization yes\ndoNotLogTraps no\n"))
		return -1;
	unlink(pidfile);
	setenv("SNMP_PERSISTENT_DIR", dir, 1);
	pid = labserver_spawn(h, s->host, argv, none, log, false);
	unsetenv("SNMP_PERSISTENT_DIR");
	return remember(h, "snmptrapd", h->lab->hosts[s->host].name, pid)
	               ? -1
	               : wait_for(h, pidfile, pid, "snmptrapd");
}

/* /etc/passwd and /etc/shadow of this host only: the one user who may log in. */
static int sshd_users(struct labhold *h, const struct lab_server *s, const char *home)
{
	char passwd[CMD_PATH_MAX], shadow[CMD_PATH_MAX], text[2 * CMD_PATH_MAX], script[4 * CMD_PATH_MAX];
	char *argv[] = {"sh", "-c", script, NULL};

	host_path(h, s->host, "passwd", passwd);
	host_path(h, s->host, "shadow", shadow);
	snprintf(text, sizeof(text),
	         "root:x:0:0::/root:/bin/sh\n%s:x:%d:%d::%s:/bin/sh\nsshd:x:99:99::/run/sshd:/usr/sbin/"
	         "nologin\n",
	         s->user, SSHD_UID, SSHD_UID, home);
	if (write_file(h, passwd, 0644, text) || write_file(h, shadow, 0644, ""))
		return -1;
	snprintf(script, sizeof(script),
	         "printf '%%s:%%s:19000:0:99999:7:::\\n' '%s' \"$(perl -e 'print crypt($ARGV[0], "
	         "\"\\$6\\$orrerylab\\$\")' '%s')\" > '%s' "
	         "&& mount --bind '%s' /etc/passwd && mount --bind '%s' /etc/shadow",
	         s->user, s->password, shadow, passwd, shadow);
	return run(h, s->host, argv);
}

static int start_sshd(struct labhold *h, const struct lab_server *s)
{
	char conf[CMD_PATH_MAX], key[CMD_PATH_MAX], home[CMD_PATH_MAX], log[CMD_PATH_MAX],
	        text[3 * CMD_PATH_MAX];
	char pidfile[CMD_PATH_MAX];
	char *keygen[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key, NULL};
	char *argv[] = {"/usr/sbin/sshd", "-D", "-e", "-f", conf, NULL};
	const int none[3] = {-1, -1, -1};
	pid_t pid;
	int rc;

	host_path(h, s->host, "sshd_config", conf);
	host_path(h, s->host, "sshd_key", key);
	host_path(h, s->host, "home", home);
	host_path(h, s->host, "sshd.log", log);
	host_path(h, s->host, "sshd.pid", pidfile);
	mkdir(home, 0700);
	unlink(key);
	unlink(pidfile);
	snprintf(text, sizeof(text),
	         "Port 22\nHostKey %s\nPidFile %s\nUsePAM no\nPasswordAuthentication yes\nStrictModes "
	         "no\nUseDNS no\n"
	         "AllowUsers %s\nSubsystem sftp internal-sftp\nX11Forwarding no\nPrintMotd no\nMaxStartups "
	         "100\n",
	         key, pidfile, s->user);
	if (write_file(h, conf, 0600, text) || run(h, s->host, keygen) || sshd_users(h, s, home))
		return -1;
	pid = labserver_spawn(h, s->host, argv, none, log, true);
	rc = remember(h, "sshd", h->lab->hosts[s->host].name, pid);
	return rc ? rc : wait_for(h, pidfile, pid, "sshd");
}

static int start_freeradius(struct labhold *h, const struct lab_server *s)
{
	char conf[CMD_PATH_MAX * 2], pidfile[CMD_PATH_MAX], log[CMD_PATH_MAX];
	char *argv[] = {"/usr/sbin/freeradius", "-f", "-P", "-n", "radiusd", "-d", conf, NULL};
	const int none[3] = {-1, -1, -1};
	pid_t pid;

	snprintf(conf, sizeof(conf), "%s%s%s", s->conf[0] == '/' ? "" : h->source,
	         s->conf[0] == '/' ? "" : "/", s->conf);
	host_path(h, s->host, "radiusd.pid", pidfile);
	host_path(h, s->host, "radiusd.log", log);
	unlink(pidfile);
	pid = labserver_spawn(h, s->host, argv, none, log, false);
	return remember(h, "freeradius", h->lab->hosts[s->host].name, pid)
	               ? -1
	               : wait_for(h, pidfile, pid, "freeradius");
}

int labserver_start(struct labhold *h, const struct lab_server *s)
{
	char dir[CMD_PATH_MAX];

	host_path(h, s->host, "bin", dir);
	if (paths_mkdir(dir, 0700))
		return labhold_fail(h, "%s: %s", dir, strerror(errno));
	switch (s->kind) {
	case LAB_STRONGSWAN:
		return start_strongswan(h, s);
	case LAB_SNMPTRAPD:
		return start_snmptrapd(h, s);
	case LAB_SSHD:
		return start_sshd(h, s);
	case LAB_FREERADIUS:
		return start_freeradius(h, s);
	case LAB_SERVER_KINDS:
		break;
	}
	return labhold_fail(h, "unknown server");
}

int labserver_peers(struct labhold *h, const struct lab_peers *p)
{
	char control[CMD_PATH_MAX], log[CMD_PATH_MAX], *argv[LAB_ARGS + 6];
	const int none[3] = {-1, -1, -1};
	unsigned n = 0;

	snprintf(control, sizeof(control), "%.400s/%s.peers", h->dir, p->name);
	snprintf(log, sizeof(log), "%.400s/%s.log", h->dir, p->name);
	unlink(control);
	argv[n++] = h->self;
	argv[n++] = "peers";
	for (unsigned i = 0; i < p->nargs; i++)
		argv[n++] = p->args[i];
	argv[n++] = "--control";
	argv[n++] = control;
	argv[n] = NULL;
	return remember(h, "peers", p->name, labserver_spawn(h, p->host, argv, none, log, false));
}
