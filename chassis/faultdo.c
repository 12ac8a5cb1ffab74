/* SPDX-License-Identifier: MIT */
/*
 * What standing faults do, each by a means that is real for who suffers it: less CPU (cgroup quota where this
 * process may make one, else stopped and continued ten times a second), memory that a task really takes, a
 * disk that is really full, messages between two cards that wait in their switches, packets that nftables
 * drops at a port, a wall clock that is wrong. Called by fault.c.
 */
#include "fault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "task/task_fault.h"

#define SLICE_MS   100        /* slow: of these milliseconds, so many percent are left */
#define LOOK_TURNS 5          /* slow: after so many slices, look for new processes */
#define DISK_MAX   (1u << 30) /* a larger file system is not the chassis' own: hands off */
#define CHUNK_MAX  (1u << 20)
#define CGROUP_V1  "/sys/fs/cgroup/cpu"

/* --- slow
 * --------------------------------------------------------------------------------------------------- */

static void look(struct fault *f)
{
	f->n_pids = f->a ? command_card_pids(f->c, f->a, f->pids, FAULT_PIDS) : 0;
	if (!f->a && (f->pids[0] = command_task_pid(f->c, f->facility, f->instance)) > 0)
		f->n_pids = 1;
}

static int write_text(const char *dir, const char *file, const char *text)
{
	char path[400];
	int fd, rc = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

static void move_pids(const struct fault *f, const char *dir)
{
	char text[16];

	for (unsigned i = 0; i < f->n_pids; i++) {
		snprintf(text, sizeof(text), "%d", (int)f->pids[i]);
		write_text(dir, "cgroup.procs", text);
	}
}

/* A group of its own with a quota; version 1 of the interface, where a process can be in one per controller.
 */
static bool cgroup_begin(struct fault *f)
{
	char quota[16];

	snprintf(f->cgroup, sizeof(f->cgroup), CGROUP_V1 "/orrery-%d-%u", (int)getpid(), f->id);
	if (mkdir(f->cgroup, 0755) == 0) {
		snprintf(quota, sizeof(quota), "%ld", f->value * 1000);
		if (!write_text(f->cgroup, "cpu.cfs_period_us", "100000") &&
		    !write_text(f->cgroup, "cpu.cfs_quota_us", quota)) {
			move_pids(f, f->cgroup);
			return true;
		}
		rmdir(f->cgroup);
	}
	f->cgroup[0] = '\0';
	return false;
}

/* Groups of a chassis that was killed: empty by now, its processes died with it. */
static void cgroup_sweep(void)
{
	DIR *d = opendir(CGROUP_V1);
	struct dirent *e;
	char path[300];
	int pid;

	while (d && (e = readdir(d))) {
		if (sscanf(e->d_name, "orrery-%d-", &pid) != 1 || kill(pid, 0) == 0)
			continue;
		snprintf(path, sizeof(path), CGROUP_V1 "/%.200s", e->d_name);
		rmdir(path);
	}
	if (d)
		closedir(d);
}

static void signal_all(const struct fault *f, int sig)
{
	for (unsigned i = 0; i < f->n_pids; i++)
		if (!fault_hangs(f->pids[i]))
			kill(f->pids[i], sig);
}

static void slice_cb(uv_timer_t *t)
{
	struct fault *f = t->data;

	/* Restarted tasks and new ones are slow as well. */
	if (!f->stopped && ++f->turns % LOOK_TURNS == 0) {
		look(f);
		if (f->cgroup[0])
			move_pids(f, f->cgroup);
	}
	if (f->cgroup[0]) {
		uv_timer_start(t, slice_cb, SLICE_MS, 0);
		return;
	}
	f->stopped = !f->stopped;
	signal_all(f, f->stopped ? SIGSTOP : SIGCONT);
	uv_timer_start(t, slice_cb, (uint64_t)(f->stopped ? SLICE_MS - f->value : f->value), 0);
}

static int slow_begin(struct fault *f, char *err, size_t size)
{
	look(f);
	if (!f->n_pids) {
		if (f->a)
			snprintf(err, size, "no card is running in slot %u", f->a);
		else
			snprintf(err, size, "no task %s %s is running", f->facility, f->instance);
		return -ESRCH;
	}
	f->timer = malloc(sizeof(*f->timer));
	if (!f->timer)
		return -ENOMEM;
	cgroup_begin(f);
	snprintf(f->how, sizeof(f->how), "%ld%% of a CPU, by %s", f->value,
	         f->cgroup[0] ? "a cgroup quota" : "stopping and continuing");
	uv_timer_init(f->c->loop, f->timer);
	f->timer->data = f;
	uv_timer_start(f->timer, slice_cb, (uint64_t)f->value, 0);
	return 0;
}

static void free_handle(uv_handle_t *h)
{
	free(h);
}

static void slow_end(struct fault *f)
{
	uv_close((uv_handle_t *)f->timer, free_handle);
	if (f->cgroup[0]) {
		look(f);
		move_pids(f, CGROUP_V1);
		rmdir(f->cgroup);
	} else {
		signal_all(f, SIGCONT);
	}
}

/* --- memory
 * ------------------------------------------------------------------------------------------------- */

int fault_hold(struct fault *f)
{
	f->pidfd = (int)syscall(SYS_pidfd_open, f->pids[0], 0);
	return f->pidfd < 0 ? -errno : 0;
}

/* To the process it began with: its number may be another's by now. sig 0 asks whether it is there. */
static int send_signal(const struct fault *f, int sig, int value)
{
	siginfo_t info = {.si_signo = sig, .si_code = SI_QUEUE};

	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = value;
	return syscall(SYS_pidfd_send_signal, f->pidfd, sig, sig ? &info : NULL, 0) ? -errno : 0;
}

/* The runtime of the task takes it (lib/task/task_fault.c). */
static int memory_set(const struct fault *f, int mb)
{
	return send_signal(f, TASK_FAULT_SIGNAL, mb);
}

static int memory_begin(struct fault *f, char *err, size_t size)
{
	f->pids[0] = command_task_pid(f->c, f->facility, f->instance);
	f->n_pids = f->pids[0] > 0;
	if (!f->n_pids || fault_hold(f) < 0) {
		snprintf(err, size, "no task %s %s is running", f->facility, f->instance);
		return -ESRCH;
	}
	snprintf(f->how, sizeof(f->how), "its process takes and touches %ld MB", f->value);
	return memory_set(f, (int)f->value);
}

/* --- disk
 * --------------------------------------------------------------------------------------------------- */

static const char *ballast_path(const struct chassis *c, char *buf, size_t size)
{
	snprintf(buf, size, "%s/ballast", c->state_dir);
	return buf;
}

/* Smaller and smaller pieces until nothing fits. */
static void fill(int fd)
{
	off_t at = 0;

	for (off_t chunk = CHUNK_MAX; chunk >= 4096;) {
		if (posix_fallocate(fd, at, chunk) == 0)
			at += chunk;
		else
			chunk /= 2;
	}
}

static int disk_begin(struct fault *f, char *err, size_t size)
{
	struct statvfs v;
	char path[300];
	int fd;

	if (statvfs(f->c->state_dir, &v))
		return -errno;
	if ((uint64_t)v.f_blocks * v.f_frsize > DISK_MAX) {
		snprintf(err, size,
		         "the disk of this chassis is a file system of %llu MB that others may use: only one "
		         "up "
		         "to 1024 MB is filled (in a lab: chassis NAME disk MEGABYTES)",
		         (unsigned long long)((uint64_t)v.f_blocks * v.f_frsize >> 20));
		return -EPERM;
	}
	fd = open(ballast_path(f->c, path, sizeof(path)), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	fill(fd);
	close(fd);
	snprintf(f->how, sizeof(f->how), "a file fills its file system; writes fail with ENOSPC");
	return 0;
}

static void disk_end(const struct chassis *c)
{
	char path[300];

	unlink(ballast_path(c, path, sizeof(path)));
}

/* --- the fabric between two cards
 * --------------------------------------------------------------------------- */

static void link_tell(struct chassis *c, unsigned to, unsigned other, bool cut)
{
	BpMessage m = BP_MESSAGE__INIT;
	BpLink l = BP_LINK__INIT;

	l.slot = other;
	l.cut = cut;
	m.body_case = BP_MESSAGE__BODY_LINK;
	m.link = &l;
	if (c->slots[to].conn)
		bp_send(c->slots[to].conn->fd, &m, NULL, 0);
}

static int cut_begin(struct fault *f, char *err, size_t size)
{
	const unsigned slots[] = {f->a, f->b};

	for (int i = 0; i < 2; i++)
		if (slots[i] > PROFILE_SLOTS_MAX || f->c->slots[slots[i]].power == SLOT_EMPTY) {
			snprintf(err, size, "there is no card in slot %u; the legal range is 1 to %u",
			         slots[i], f->c->profile.slots);
			return -ENODEV;
		}
	link_tell(f->c, f->a, f->b, true);
	link_tell(f->c, f->b, f->a, true);
	snprintf(f->how, sizeof(f->how), "the fabric carries nothing between the two cards");
	return 0;
}

/* --- loss at a port
 * ----------------------------------------------------------------------------------------- */

static int loss_rules(const struct fault *f, bool on)
{
	const char *device = NULL;
	char script[800];
	int ns = fabric_port_ns(f->port, &device);

	if (ns < 0)
		return ns;
	if (on)
		snprintf(script, sizeof(script),
		         "table netdev orrery_loss_%u {\n"
		         "chain in { type filter hook ingress device %s priority -500; numgen random mod "
		         "10000 < "
		         "%ld drop; }\n"
		         "chain out { type filter hook egress device %s priority 500; numgen random mod "
		         "10000 < "
		         "%ld drop; }\n}\n",
		         f->id, device, f->value * 100, device, f->value * 100);
	else
		snprintf(script, sizeof(script), "delete table netdev orrery_loss_%u\n", f->id);
	return nft_run(ns, script);
}

static int loss_begin(struct fault *f, char *err, size_t size)
{
	int rc = loss_rules(f, true);

	if (rc == -ENODEV)
		snprintf(err, size, "port %s has no device", f->port);
	else if (rc < 0)
		snprintf(err, size, "nft %s",
		         rc == -ENOENT ? "is not installed (Debian: nftables)"
		                       : "does not take a rule for this port");
	snprintf(f->how, sizeof(f->how), "nftables drops %ld%% of its packets in each direction", f->value);
	return rc;
}

/* --- clock
 * -------------------------------------------------------------------------------------------------- */

static void clock_set(void)
{
	clock_page_jump((int64_t)fault_clock_sum() * (int64_t)US_PER_SEC);
}

/* --- all of them
 * -------------------------------------------------------------------------------------------- */

int fault_do(struct fault *f, char *err, size_t size)
{
	switch (f->kind) {
	case FAULT_SLOW:
		return slow_begin(f, err, size);
	case FAULT_MEMORY:
		return memory_begin(f, err, size);
	case FAULT_DISK:
		return disk_begin(f, err, size);
	case FAULT_CUT:
		return cut_begin(f, err, size);
	case FAULT_LOSS:
		return loss_begin(f, err, size);
	case FAULT_CLOCK:
		clock_set();
		snprintf(f->how, sizeof(f->how), "the wall clock of the chassis is %+ld s off",
		         fault_clock_sum());
		return 0;
	default:
		return -EINVAL;
	}
}

void fault_undo(struct fault *f)
{
	switch (f->kind) {
	case FAULT_HANG:
		send_signal(f, SIGCONT, 0);
		break;
	case FAULT_SLOW:
		slow_end(f);
		break;
	case FAULT_MEMORY:
		memory_set(f, 0);
		break;
	case FAULT_DISK:
		disk_end(f->c);
		break;
	case FAULT_CUT:
		link_tell(f->c, f->a, f->b, false);
		link_tell(f->c, f->b, f->a, false);
		break;
	case FAULT_LOSS:
		loss_rules(f, false);
		break;
	case FAULT_CLOCK:
		f->value = 0;
		clock_set();
		break;
	default:
		break;
	}
}

void fault_sweep(const struct chassis *c)
{
	disk_end(c);
	cgroup_sweep();
}

bool fault_stands(struct fault *f)
{
	if (f->kind == FAULT_HANG || f->kind == FAULT_MEMORY)
		return send_signal(f, 0, 0) == 0;
	return true;
}

void fault_again(struct fault *f)
{
	if (f->kind == FAULT_CUT) {
		link_tell(f->c, f->a, f->b, true);
		link_tell(f->c, f->b, f->a, true);
	} else if (f->kind == FAULT_LOSS && loss_rules(f, true) < 0) {
		LOG(EV_NOTE, "fault %u: the port moved, and its rule could not", f->id);
	}
}
