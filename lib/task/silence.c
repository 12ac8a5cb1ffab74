/* SPDX-License-Identifier: MIT */
/* Silence of a process, and how much of it is its own: see silence.h. */
#include "task/silence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_US 1000
#define LATE      2 /* times a period: a watcher that comes later did not get to run itself */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The text of /proc/PID/file. */
static int proc_text(pid_t pid, const char *file, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n : 0] = 0;
	return n > 0 ? 0 : -ESRCH;
}

int silence_look(pid_t pid, struct silence_look *look)
{
	unsigned long long ran, waited;
	char buf[512], *at;
	int rc = proc_text(pid, "schedstat", buf, sizeof(buf));

	if (rc < 0)
		return rc;
	if (sscanf(buf, "%llu %llu", &ran, &waited) != 2)
		return -EBADMSG;
	look->ran_us = ran / NS_PER_US;
	look->waited_us = waited / NS_PER_US;
	rc = proc_text(pid, "stat", buf, sizeof(buf));
	at = rc < 0 ? NULL : strrchr(buf, ')'); /* the name before it may hold anything */
	if (!at || sscanf(at + 1, " %c", &look->state) != 1)
		return rc < 0 ? rc : -EBADMSG;
	return 0;
}

void silence_end(struct silence *s, uint64_t now_us)
{
	*s = (struct silence){.seen_us = now_us};
}

/* So much of a step it wanted to run, or its disk to answer. The kernel adds a wait up when it is over: of
 * one that is ready now, what it did not run counts as waited. */
static uint64_t excused(const struct silence *s, const struct silence_look *now, uint64_t step)
{
	uint64_t ran = now->ran_us - s->last.ran_us, waited = now->waited_us - s->last.waited_us;

	if (now->state == 'D' && s->last.state == 'D')
		return step;
	if (now->state == 'R' && ran < step && waited < step - ran)
		waited = step - ran;
	return least(waited, step);
}

bool silence_add(struct silence *s, const struct silence_look *look, uint64_t now_us, uint64_t period_us,
                 uint64_t limit_us)
{
	uint64_t step = least(now_us - s->seen_us, LATE * period_us);

	s->seen_us = now_us;
	s->whole_us += step;
	s->ours_us += look && s->looked ? step - excused(s, look, step) : step;
	s->looked = look != NULL;
	if (look)
		s->last = *look;
	return s->ours_us > limit_us || s->whole_us > SILENCE_TIMES * limit_us;
}

bool silence_excused(struct silence *s, uint64_t limit_us)
{
	bool now = s->whole_us > limit_us && !s->told;

	s->told |= now;
	return now;
}

/* Nobody looks at a process for every beat it is late by. */
bool silence_watch(struct silence *s, pid_t pid, uint64_t now_us, uint64_t period_us, uint64_t limit_us)
{
	struct silence_look look;
	bool wanted = s->whole_us + period_us > limit_us / 2 && silence_look(pid, &look) == 0;

	return silence_add(s, wanted ? &look : NULL, now_us, period_us, limit_us);
}
