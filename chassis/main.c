/* SPDX-License-Identifier: MIT */
/*
 * orreryd: the backplane of one chassis. Power, presence, arbitration and the fabric; nothing that an
 * application knows. Started by `orrery up`; everything it started ends with it (PR_SET_PDEATHSIG down the
 * tree, namespaces by the kernel).
 */
#include "chassis.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define MAX_PORTS 64

struct options {
	const char *ports[MAX_PORTS]; /* 5/10=DEVICE */
	int n_ports;
	const char *config;
};

static int usage(void)
{
	fprintf(stderr, "usage: orreryd --name N --profile FILE --run DIR --state DIR [--config FILE] "
	                "[--port S/P=DEV]...\n");
	return 2;
}

static int options_read(struct chassis *c, struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
	        {"name", 1, 0, 'n'},   {"profile", 1, 0, 'p'}, {"run", 1, 0, 'r'}, {"state", 1, 0, 's'},
	        {"config", 1, 0, 'c'}, {"port", 1, 0, 'P'},    {NULL, 0, NULL, 0}};
	int opt;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (opt == 'n')
			snprintf(c->name, sizeof(c->name), "%s", optarg);
		else if (opt == 'p')
			snprintf(c->profile_path, sizeof(c->profile_path), "%s", optarg);
		else if (opt == 'r')
			snprintf(c->run_dir, sizeof(c->run_dir), "%s", optarg);
		else if (opt == 's')
			snprintf(c->state_dir, sizeof(c->state_dir), "%s", optarg);
		else if (opt == 'c')
			o->config = optarg;
		else if (opt == 'P' && o->n_ports < MAX_PORTS)
			o->ports[o->n_ports++] = optarg;
		else
			return -EINVAL;
	}
	return c->name[0] && c->profile_path[0] && c->run_dir[0] && c->state_dir[0] ? 0 : -EINVAL;
}

static int make_dir(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return -EPERM;
	return 0;
}

static int directories(struct chassis *c)
{
	static const char *const disk[] = {"", "/flash", "/hd-raid", "/usb1", "/log", "/cores"};
	char path[300];
	int rc = make_dir(c->run_dir);

	if (rc == 0 && chmod(c->run_dir, 0700) < 0)
		rc = -errno;
	for (size_t i = 0; rc == 0 && i < sizeof(disk) / sizeof(*disk); i++) {
		snprintf(path, sizeof(path), "%s%s", c->state_dir, disk[i]);
		rc = make_dir(path);
	}
	snprintf(path, sizeof(path), "%s/counters", c->run_dir);
	return rc ? rc : make_dir(path);
}

/* Only one chassis of a name; the lock goes with the process, so a killed one leaves nothing to clean. */
static int lock(struct chassis *c)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/lock", c->run_dir);
	c->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (c->lock_fd < 0)
		return -errno;
	if (flock(c->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return -EALREADY;
	if (ftruncate(c->lock_fd, 0) == 0)
		dprintf(c->lock_fd, "%d\n", (int)getpid());
	return 0;
}

static void clean_dir(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && strcmp(e->d_name, "lock"))
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
}

/* Sockets and counters of a life before (killed, so nobody cleaned up), or of this one at its end. The lock
 * is held. */
static void clean_run_dir(struct chassis *c)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/counters", c->run_dir);
	clean_dir(path);
	clean_dir(c->run_dir);
}

static int copy_config(struct chassis *c, const char *from)
{
	char path[300], tmp[310], buf[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC), out;
	ssize_t n = 0;

	if (in < 0)
		return -errno;
	snprintf(path, sizeof(path), "%s/flash/system.cfg", c->state_dir);
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	out = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	while (out >= 0 && (n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n) {
			n = -1;
			break;
		}
	close(in);
	if (out < 0 || n < 0 || fsync(out) < 0) {
		if (out >= 0)
			close(out);
		unlink(tmp);
		return -EIO;
	}
	close(out);
	if (rename(tmp, path) < 0)
		return -errno;
	/* this is the configuration to boot with, whatever was the first priority before */
	snprintf(path, sizeof(path), "%s/flash/boot.sys", c->state_dir);
	unlink(path);
	return 0;
}

static int find_libexec(struct chassis *c)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n < 0)
		return -errno;
	exe[n] = 0;
	snprintf(c->libexec, sizeof(c->libexec), "%s", dirname(exe));
	return 0;
}

static int plug_ports(struct chassis *c, const struct options *o, char *err, size_t size)
{
	int rc = fabric_server_init(c);

	if (rc < 0)
		snprintf(err, size,
		         "network namespaces: %s (run as root, or with user namespaces: see `orrery doctor`)",
		         strerror(-rc));
	for (int i = 0; rc == 0 && i < o->n_ports; i++) {
		char port[32];
		const char *text = o->ports[i] ? o->ports[i] : "", *eq = strchr(text, '=');

		if (!eq || (size_t)(eq - text) >= sizeof(port)) {
			snprintf(err, size, "--port %s: needs SLOT/PORT=DEVICE", text);
			return -EINVAL;
		}
		snprintf(port, sizeof(port), "%.*s", (int)(eq - text), text);
		rc = fabric_plug(c, port, eq + 1, err, size);
	}
	return rc;
}

static int boot(struct chassis *c, const struct options *o, char *err, size_t size)
{
	int rc = directories(c);

	if (rc < 0) {
		snprintf(err, size, "%s or %s: %s", c->run_dir, c->state_dir, strerror(-rc));
		return rc;
	}
	rc = lock(c);
	if (rc < 0) {
		snprintf(err, size,
		         rc == -EALREADY ? "chassis %s is already up (%s)" : "cannot lock chassis %s (%s)",
		         c->name, c->run_dir);
		return rc;
	}
	clean_run_dir(c);
	fault_sweep(c);
	rc = clock_page_create(c->run_dir);
	if (rc < 0)
		snprintf(err, size, "%s/clock: %s", c->run_dir, strerror(-rc));
	if (rc == 0)
		rc = profile_read(c->profile_path, &c->profile, err, size);
	hardware_init(&c->hw, &c->profile);
	if (rc == 0 && o->config && (rc = copy_config(c, o->config)) < 0)
		snprintf(err, size, "%s: %s", o->config, strerror(-rc));
	if (rc == 0)
		rc = plug_ports(c, o, err, size);
	if (rc == 0 && (rc = server_init(c)) < 0)
		snprintf(err, size, "%s/backplane.sock: %s", c->run_dir, strerror(-rc));
	if (rc == 0 && (rc = slots_init(c)) < 0)
		snprintf(err, size, "cards: %s", strerror(-rc));
	return rc;
}

void boot_begins(struct chassis *c)
{
	char path[300];

	c->booted_at = c->powered_at = clock_now_us();
	c->booted_wall = clock_wall_us();
	snprintf(c->boot_id, sizeof(c->boot_id), "%016llx%08x", (unsigned long long)c->booted_wall,
	         random_u32());
	snprintf(path, sizeof(path), "%s/counters", c->run_dir); /* of tasks of the boot before */
	clean_dir(path);
}

int main(int argc, char **argv)
{
	static struct chassis chassis;
	struct chassis *c = &chassis;
	struct options o = {0};
	char err[700] = "";

	if (options_read(c, &o, argc, argv) < 0)
		return usage();
	log_init("orreryd", 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	umask(0077);
	/* Tasks of a dead card become ours, so that their end is seen. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	c->loop = uv_default_loop();
	boot_begins(c);
	if (find_libexec(c) < 0 || boot(c, &o, err, sizeof(err)) < 0) {
		fprintf(stderr, "orreryd: %s\n", err);
		return 1;
	}
	uv_run(c->loop, UV_RUN_DEFAULT);
	fault_end();
	clean_run_dir(c);
	return 0;
}
