/* SPDX-License-Identifier: MIT */
/*
 * What the tasks of a card use, measured in /proc once a second (three while one rests), against what
 * lib/place allocates them: levels (warn, over) become traps; a task far over its memory is killed before its
 * card suffers. The kernel holds the same limits a little further out (files exactly): a leak faster than a
 * second meets them. Called by main.c's heartbeat, procs.c and the shows.
 */
#include "card.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define FRESH_US      (2 * US_PER_SEC) /* a show measures only what the heartbeat has not */
#define SLACK_BYTES   (256ull << 20)   /* stacks of threads, arenas */
#define TENTH_MB      104857.6
#define BYTES_OF_PAGE ((uint64_t)sysconf(_SC_PAGESIZE))

const struct place_facility *usage_facility(const struct proc *p, unsigned *cpu_permille,
                                            uint64_t *memory_bytes)
{
	const struct place_facility *f = place_facility(p->facility);
	bool spare = p->standby || p->state == PROC_STANDBY;
	unsigned memory = 0;

	*cpu_permille = 0;
	if (f) {
		*cpu_permille = spare && f->standby_cpu_permille ? f->standby_cpu_permille : f->cpu_permille;
		memory =
		        spare && f->standby_memory_tenth_mb ? f->standby_memory_tenth_mb : f->memory_tenth_mb;
	}
	*memory_bytes = (uint64_t)(memory * TENTH_MB);
	return f;
}

/* Only what may be called between fork() and exec(). */
void usage_limits(const struct place_facility *f)
{
	struct rlimit core = {0, 0}, files, data;

	setrlimit(RLIMIT_CORE, &core); /* kernel cores hold keys */
	if (!f)
		return;
	files.rlim_cur = files.rlim_max = f->files;
	data.rlim_cur = data.rlim_max = 2 * (uint64_t)(f->memory_tenth_mb * TENTH_MB) + SLACK_BYTES;
	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_DATA, &data);
}

void usage_start(struct proc *p)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)p->pid);
	p->stat_fd = open(path, O_RDONLY | O_CLOEXEC);
	p->cpu_time = (struct usage_cpu){0};
	p->cpu_level = p->memory_level = p->session_level = (struct usage_level){0};
	p->sample_due_us = p->sampled_us = p->rss_bytes = p->user_us = p->system_us = 0;
	p->cpu_percent = 0;
	usage_cpu_sample(&p->cpu_time, clock_now_us(), 0);
}

/* The n-th field from *at on as a number; *at is behind it then. */
static uint64_t field(char **at, unsigned n)
{
	char *p = *at, *end;
	uint64_t v;

	for (; n > 1; n--) {
		p += strspn(p, " ");
		p += strcspn(p, " ");
	}
	v = strtoull(p, &end, 10);
	*at = end;
	return v;
}

static void sample(struct proc *p)
{
	static long hz;
	char buf[512], *at;
	uint64_t now = clock_now_us(), user, system, pages, was = p->rss_bytes;
	ssize_t n;

	if (p->stat_fd < 0)
		return;
	n = pread(p->stat_fd, buf, sizeof(buf) - 1, 0);
	if (n <= 0)
		return;
	buf[n] = 0;
	at = strrchr(buf, ')'); /* the name before it may hold anything */
	if (!at)
		return;
	at++;
	/* state is the third of all fields, utime and stime are 14 and 15, rss is 24: proc(5) */
	hz = hz ? hz : sysconf(_SC_CLK_TCK);
	user = field(&at, 12) * (US_PER_SEC / (uint64_t)hz);
	system = field(&at, 1) * (US_PER_SEC / (uint64_t)hz);
	pages = field(&at, 9);
	usage_cpu_sample(&p->cpu_time, now, user + system);
	cpus_add(p->card, p->cpu, user > p->user_us ? user - p->user_us : 0,
	         system > p->system_us ? system - p->system_us : 0);
	p->user_us = user;
	p->system_us = system;
	p->cpu_percent = usage_cpu_permille(&p->cpu_time) / 10;
	p->rss_bytes = pages * BYTES_OF_PAGE;
	p->sampled_us = now;
	p->sample_due_us = usage_due_us(&p->cpu_time, p->rss_bytes, was);
}

void usage_sample(struct proc *p)
{
	if (!p->sampled_us || clock_now_us() - p->sampled_us >= FRESH_US)
		sample(p);
}

unsigned usage_files(const struct proc *p)
{
	char path[64];
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)p->pid);
	dir = p->pid > 0 ? opendir(path) : NULL;
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n >= 2 ? n - 2 : 0; /* . and .. */
}

/* The traps of one resource, by event bit. */
static void tell(struct proc *p, unsigned events, const char *const traps[4], uint64_t allocated,
                 uint64_t used)
{
	for (unsigned i = 0; i < 4; i++) {
		if (!(events & 1u << i))
			continue;
		LOG(EV_TASK_USAGE, "%s/%u: %s, allocated %llu, used %llu", p->facility, p->instance, traps[i],
		    (unsigned long long)allocated, (unsigned long long)used);
		report_usage(p->card, p, traps[i], allocated, used);
	}
}

static const char *const cpu[] = {"CPUWarn", "CPUWarnClear", "CPUOver", "CPUOverClear"};
static const char *const mem[] = {"SGSNRMMemWarn", "SGSNRMMemWarnClear", "SGSNRMMemOver",
                                  "SGSNRMMemOverClear"};

/* What is gone uses nothing: its alarms are cleared. */
void usage_end(struct proc *p)
{
	unsigned permille;
	uint64_t memory;

	usage_facility(p, &permille, &memory);
	tell(p, usage_judge(&p->cpu_level, 0, permille), cpu, permille, 0);
	tell(p, usage_judge(&p->memory_level, 0, memory), mem, memory / 1024, 0);
	if (p->stat_fd >= 0)
		close(p->stat_fd);
	p->stat_fd = -1;
}

static void judge(struct proc *p)
{
	unsigned permille;
	uint64_t memory, used = (uint64_t)usage_cpu_permille(&p->cpu_time);
	const struct place_facility *f = usage_facility(p, &permille, &memory);

	if (!f)
		return;
	if (p->cpu_time.n > USAGE_WINDOW) /* the start of a process is no measure */
		tell(p, usage_judge(&p->cpu_level, used, permille), cpu, permille, used);
	tell(p, usage_judge(&p->memory_level, p->rss_bytes, memory), mem, memory / 1024, p->rss_bytes / 1024);
	if (p->has_sessions && f->sessions) {
		bool was = p->session_level.over;

		p->session_level.over = p->sessions >= f->sessions;
		if (p->session_level.over && !was)
			report_usage(p->card, p, "CapacityReached", f->sessions, p->sessions);
	}
	if (memory && p->rss_bytes > memory * USAGE_KILL_PERCENT / 100 && !p->stopping) {
		LOG(EV_TASK_FAILED, "%s/%u uses %llu KB of memory, allocated are %llu KB: it is killed",
		    p->facility, p->instance, (unsigned long long)p->rss_bytes / 1024,
		    (unsigned long long)memory / 1024);
		proc_dump_and_kill(p, "memory limit");
	}
}

void usage_tick(struct card *c)
{
	uint64_t now = clock_now_us();

	for (struct proc *p = c->procs; p; p = p->next) {
		if (p->pid <= 0 || p->state == PROC_HUNG || now < p->sample_due_us)
			continue;
		sample(p);
		judge(p);
	}
	cpus_note(c);
}
