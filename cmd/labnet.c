/* SPDX-License-Identifier: MIT */
/*
 * Namespaces and links of a lab: a bridge per network, a host = network, mount and pid namespace held by its
 * own init process, veth pairs between them and to the chassis' ports. Links are made by ip(8). Called by
 * labhold.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/labhold.h"

int labhold_fail(struct labhold *h, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(h->err, sizeof(h->err), fmt, ap);
	va_end(ap);
	return -1;
}

/* Enter the namespaces of a host in a forked child; the caller of fork() gets the status of the process after
 * that. */
int labnet_enter(const struct labhold *h, unsigned host)
{
	int flags = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS | (h->nopid ? 0 : CLONE_NEWPID), status;
	pid_t pid;

	if (setns(h->pidfds[host], flags))
		return -errno;
	if (chdir("/"))
		return -errno;
	if (h->nopid)
		return 0;
	pid = fork(); /* only a child is in the pid namespace */
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		return 0;
	}
	/* a mere waiter: holds nothing of the command's files open, so that their readers see the end */
	close_range(0, ~0U, 0);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int labnet_ip(struct labhold *h, int host, const char *script)
{
	int in[2], out[2], status = -1;
	char text[512] = "";
	ssize_t n;
	pid_t pid;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		return labhold_fail(h, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		if (host >= 0 && labnet_enter(h, (unsigned)host))
			_exit(126);
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		execlp("ip", "ip", "-batch", "-", (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	if (write(in[1], script, strlen(script)) < 0)
		text[0] = '\0';
	close(in[1]);
	n = read(out[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	close(out[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status)) {
		text[strcspn(text, "\n")] = '\0';
		if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
			snprintf(text, sizeof(text), "the program ip is missing (apt-get install iproute2)");
		return labhold_fail(h, "%s%s%s", host >= 0 ? h->lab->hosts[host].name : "networks",
		                    text[0] ? ": " : "", text);
	}
	return 0;
}

int labnet_networks(struct labhold *h)
{
	char script[LAB_NETWORKS * 128 + 64] = "link set lo up\n";
	size_t n = strlen(script);

	for (unsigned i = 0; i < h->lab->nnetworks; i++)
		n += (size_t)snprintf(
		        script + n, sizeof(script) - n,
		        "link add br-%s type bridge forward_delay 0 mcast_snooping 0\nlink set br-%s up\n",
		        h->lab->networks[i], h->lab->networks[i]);
	return labnet_ip(h, -1, script);
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "lab: %s: %s\n", path, strerror(errno));
	close(fd);
}

/* The host's own /proc and /run; the lab's directory and those of the chassis beside it stay where they were.
 * 0 or -errno. */
static int host_mounts(const struct labhold *h)
{
	char link[64], root[CMD_PATH_MAX], *slash;
	int dir, rc = 0;

	snprintf(root, sizeof(root), "%s", h->dir);
	slash = strrchr(root, '/');
	if (slash)
		*slash = '\0';
	dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	if (!h->nopid && mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return -errno;
	if (mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=16m"))
		return -errno;
	mkdir("/run/sshd", 0755);
	mkdir("/run/lock", 0777);
	if (!strncmp(root, "/run/", 5)) {
		rc = paths_mkdir(root, 0700);
		snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
		if (!rc && mount(link, root, NULL, MS_BIND | MS_REC, NULL))
			rc = -errno;
	}
	close(dir);
	return rc;
}

/* Process 1 of a host: makes its namespaces fit to live in, then only collects the dead. */
static void host_init(const struct labhold *h, const char *name, int ready)
{
	int rc, status;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, name);
	setsid();
	rc = host_mounts(h);
	if (!rc && sethostname(name, strlen(name)))
		rc = 0; /* it keeps the machine's */
	write_text("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
	write_text("/proc/sys/net/ipv6/conf/all/accept_dad", "0");
	write_text("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
	if (write(ready, &rc, sizeof(rc)) != sizeof(rc) || rc)
		_exit(1);
	close_range(0, ~0U, 0);
	for (;;) {
		if (waitpid(-1, &status, 0) < 0)
			pause();
	}
}

static int host_spawn(struct labhold *h, unsigned host)
{
	unsigned long flags = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS | (h->nopid ? 0 : CLONE_NEWPID);
	int ready[2], rc = -EIO;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC))
		return -errno;
	pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0) {
		close(ready[0]);
		host_init(h, h->lab->hosts[host].name, ready[1]);
	}
	if (pid < 0)
		rc = -errno;
	close(ready[1]);
	if (pid > 0 && read(ready[0], &rc, sizeof(rc)) != sizeof(rc))
		rc = -EIO;
	close(ready[0]);
	if (rc) {
		if (pid > 0)
			waitpid(pid, NULL, 0);
		return rc;
	}
	h->hosts[host] = pid;
	h->pidfds[host] = (int)syscall(SYS_pidfd_open, pid, 0);
	return h->pidfds[host] < 0 ? -errno : 0;
}

static size_t put_address(char *s, size_t len, const struct net_prefix *p, unsigned dev)
{
	char text[NET_PREFIX_STRLEN];

	return (size_t)snprintf(s, len, "addr add %s dev eth%u%s\nlink set eth%u up\n",
	                        net_prefix_format(p, text, sizeof(text)), dev,
	                        p->addr.family == AF_INET6 ? " nodad" : "", dev);
}

int labnet_host(struct labhold *h, unsigned host)
{
	const struct lab_host *o = &h->lab->hosts[host];
	char script[4096] = "", text[NET_PREFIX_STRLEN];
	size_t n = 0;
	int rc = host_spawn(h, host);

	if (rc == -EPERM && !h->nopid) { /* no new /proc here: do without pid namespaces */
		h->nopid = true;
		rc = host_spawn(h, host);
	}
	if (rc)
		return labhold_fail(h, "host %s: namespaces: %s", o->name, strerror(-rc));
	for (unsigned i = 0; i < o->nlinks; i++)
		n += (size_t)snprintf(script + n, sizeof(script) - n,
		                      "link add h%u.%u type veth peer name eth%u netns %d\nlink set h%u.%u "
		                      "master br-%s up\n",
		                      host, i, i, (int)h->hosts[host], host, i,
		                      h->lab->networks[o->links[i].network]);
	if (labnet_ip(h, -1, script))
		return -1;
	n = (size_t)snprintf(script, sizeof(script), "link set lo up\n");
	for (unsigned i = 0; i < o->nlinks; i++)
		n += put_address(script + n, sizeof(script) - n, &o->links[i].addr, i);
	for (unsigned i = 0; i < o->nlocal; i++)
		n += (size_t)snprintf(script + n, sizeof(script) - n, "route add local %s dev lo\n",
		                      net_prefix_format(&o->local[i], text, sizeof(text)));
	for (unsigned i = 0; i < o->ngateways; i++)
		n += (size_t)snprintf(script + n, sizeof(script) - n, "route add default via %s\n",
		                      net_addr_format(&o->gateways[i], text, sizeof(text)));
	return labnet_ip(h, (int)host, script);
}

/* The lab's and the chassis' end of a port: "l0-5.10", "c0-5.10". */
static void port_device(char *buf, size_t len, char end, unsigned chassis, const char *port)
{
	snprintf(buf, len, "%c%u-%s", end, chassis, port);
	for (char *p = buf; *p; p++) {
		if (*p == '/')
			*p = '.';
	}
}

int labnet_ports(struct labhold *h, unsigned chassis, char (*ports)[48])
{
	char lab_end[32], own_end[32], script[512];
	int n = 0;

	for (unsigned i = 0; i < h->lab->nports; i++) {
		const struct lab_port *o = &h->lab->ports[i];

		if (o->chassis != chassis)
			continue;
		port_device(lab_end, sizeof(lab_end), 'l', chassis, o->port);
		port_device(own_end, sizeof(own_end), 'c', chassis, o->port);
		/* what a killed chassis left behind may still be on its way out: take it away ourselves */
		snprintf(script, sizeof(script), "link del %s\n", lab_end);
		labnet_ip(h, -1, script);
		snprintf(script, sizeof(script),
		         "link add %s type veth peer name %s\nlink set %s master br-%s up\n", lab_end,
		         own_end, lab_end, h->lab->networks[o->network]);
		if (labnet_ip(h, -1, script))
			return -1;
		snprintf(ports[n++], 48, "%s=%s", o->port, own_end);
	}
	h->err[0] = '\0';
	return n;
}

int labnet_link(struct labhold *h, const char *link, bool up)
{
	char name[LAB_NAME_MAX], dev[32], script[96];
	const char *colon = strchr(link, ':');
	int at;

	snprintf(name, sizeof(name), "%.*s", (int)(colon ? colon - link : (long)strlen(link)), link);
	at = colon ? lab_chassis_find(h->lab, name) : lab_host_find(h->lab, name);
	if (at < 0)
		return labhold_fail(h,
		                    "there is no link %s in lab %s (A:5/10 is a port of chassis A, a host's "
		                    "name its link)",
		                    link, h->lab->name);
	if (colon)
		port_device(dev, sizeof(dev), 'l', (unsigned)at, colon + 1);
	else
		snprintf(dev, sizeof(dev), "h%d.0", at);
	snprintf(script, sizeof(script), "link set %s %s\n", dev, up ? "up" : "down");
	return labnet_ip(h, -1, script);
}
