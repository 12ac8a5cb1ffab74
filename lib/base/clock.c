/* SPDX-License-Identifier: MIT */
/*
 * Clock and randomness, see clock.h. The only file of Orrery that calls clock_gettime(), getrandom() or
 * nanosleep(); tests/lint holds that. Called by every program; the engines get time and random bytes handed
 * in.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* One writer, orreryd; readers see each word whole. */
struct clock_page {
	_Atomic int64_t offset_us; /* of the wall clock */
	int64_t base_us;           /* steady time less monotonic time */
};

static struct clock_page *page;

static uint64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * US_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t clock_now_us(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_wall_us(void)
{
	return read_clock(CLOCK_REALTIME) + (uint64_t)clock_page_offset();
}

uint64_t clock_steady_us(void)
{
	return page ? (uint64_t)page->base_us + clock_now_us() : read_clock(CLOCK_REALTIME);
}

static int page_map(const char *run_dir, int flags)
{
	char path[300];
	int fd, rc = 0, prot = PROT_READ | (flags == O_RDONLY ? 0 : PROT_WRITE);
	struct clock_page *p;

	snprintf(path, sizeof(path), "%s/clock", run_dir);
	fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (flags != O_RDONLY && ftruncate(fd, sizeof(*p)))
		rc = -errno;
	p = rc ? MAP_FAILED : mmap(NULL, sizeof(*p), prot, MAP_SHARED, fd, 0);
	if (!rc && p == MAP_FAILED)
		rc = -errno;
	close(fd);
	if (!rc)
		page = p;
	return rc;
}

int clock_page_create(const char *run_dir)
{
	int rc = page_map(run_dir, O_RDWR | O_CREAT | O_TRUNC);

	if (!rc)
		page->base_us = (int64_t)(read_clock(CLOCK_REALTIME) - clock_now_us());
	return rc;
}

int clock_page_follow(const char *run_dir)
{
	return page_map(run_dir, O_RDONLY);
}

void clock_page_jump(int64_t offset_us)
{
	if (page)
		atomic_store(&page->offset_us, offset_us);
}

int64_t clock_page_offset(void)
{
	return page ? atomic_load(&page->offset_us) : 0;
}

uint64_t clock_cpu_us(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void clock_sleep_us(uint64_t us)
{
	struct timespec ts = {.tv_sec = (time_t)(us / US_PER_SEC), .tv_nsec = (long)(us % US_PER_SEC) * 1000};

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

void random_bytes(void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			abort(); /* never go on with predictable keys */
		}
		p += n;
		len -= (size_t)n;
	}
}

uint32_t random_u32(void)
{
	uint32_t v;

	random_bytes(&v, sizeof(v));
	return v;
}

uint64_t random_u64(void)
{
	uint64_t v;

	random_bytes(&v, sizeof(v));
	return v;
}

/* Names of our own: strftime() would follow LC_TIME. */
static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};

static struct tm broken_down(uint64_t wall_us, enum clock_zone zone)
{
	time_t t = (time_t)(wall_us / US_PER_SEC);
	struct tm tm = {0};

	if (zone == CLOCK_UTC)
		gmtime_r(&t, &tm);
	else
		localtime_r(&t, &tm);
	return tm;
}

const char *clock_format_staros_log(char *buf, size_t size, uint64_t wall_us, enum clock_zone zone)
{
	struct tm tm = broken_down(wall_us, zone);

	snprintf(buf, size, "%04d-%.3s-%02d+%02d:%02d:%02d.%03u", tm.tm_year + 1900, months[tm.tm_mon],
	         tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(wall_us % US_PER_SEC / 1000));
	return buf;
}

const char *clock_format_exec(char *buf, size_t size, uint64_t wall_us, enum clock_zone zone)
{
	struct tm tm = broken_down(wall_us, zone);

	snprintf(buf, size, "%s %s %02d %02d:%02d:%02d %s %04d", days[tm.tm_wday], months[tm.tm_mon],
	         tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, zone == CLOCK_UTC ? "UTC" : tm.tm_zone,
	         tm.tm_year + 1900);
	return buf;
}

const char *clock_format_trap(char *buf, size_t size, uint64_t wall_us, enum clock_zone zone)
{
	struct tm tm = broken_down(wall_us, zone);

	snprintf(buf, size, "%.3s %.3s %02d %02d:%02d:%02d %04d", days[tm.tm_wday], months[tm.tm_mon],
	         tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_year + 1900);
	return buf;
}

const char *clock_format_date(char *buf, size_t size, uint64_t wall_us, enum clock_zone zone)
{
	struct tm tm = broken_down(wall_us, zone);

	snprintf(buf, size, "%04d%02d%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	return buf;
}

const char *clock_format_time(char *buf, size_t size, uint64_t wall_us, enum clock_zone zone)
{
	struct tm tm = broken_down(wall_us, zone);

	snprintf(buf, size, "%02d%02d%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
	return buf;
}

const char *clock_format_uptime(char *buf, size_t size, uint64_t span_us)
{
	uint64_t minutes = span_us / US_PER_MIN;

	snprintf(buf, size, "%lluD %lluH %lluM", (unsigned long long)(minutes / 1440),
	         (unsigned long long)(minutes / 60 % 24), (unsigned long long)(minutes % 60));
	return buf;
}
