/* SPDX-License-Identifier: MIT */
/*
 * The text files of the event log, in StarOS's line form: <state>/log/evlogd.log, renamed to evlogd.log.1 …
 * .4 when it reaches 4 MB. What other tasks send is not trusted: control characters never reach a terminal
 * through this file. A full disk costs lines, not the task.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "tasks/evlogd/evlogd.h"

#define FILE_MAX_BYTES (4L << 20)
#define FILES_KEPT     4

static struct {
	char path[512];
	FILE *f;
	long size;
	bool failed; /* said so already */
} out;

static int open_file(void)
{
	struct stat st;

	out.f = fopen(out.path, "ae");
	if (!out.f)
		return -errno;
	out.size = fstat(fileno(out.f), &st) == 0 ? (long)st.st_size : 0;
	return 0;
}

int evlogd_file_open(const char *dir)
{
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (snprintf(out.path, sizeof(out.path), "%s/evlogd.log", dir) >= (int)sizeof(out.path))
		return -ENAMETOOLONG;
	return open_file();
}

static void rotate(void)
{
	char from[540], to[540];

	fclose(out.f);
	out.f = NULL;
	for (int i = FILES_KEPT - 1; i >= 0; i--) {
		snprintf(from, sizeof(from), i ? "%s.%d" : "%s", out.path, i);
		snprintf(to, sizeof(to), "%s.%d", out.path, i + 1);
		rename(from, to);
	}
	open_file();
}

/* Other tasks escape their texts; this holds whoever sent it. */
static void disarm(char *line)
{
	for (char *p = line; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

void evlogd_file_write(const LogRecord *r)
{
	struct log_record rec = {
	        .wall_us = r->wall_us,
	        .facility = r->facility,
	        .event_id = r->event,
	        .level = (enum log_level)r->level,
	        .card = r->card,
	        .cpu = r->cpu,
	        .pid = r->pid,
	        .task = r->task,
	        .instance = r->instance,
	        .file = r->file,
	        .line = (int)r->line,
	        .categories = r->categories,
	        .text = r->text,
	};
	char line[LOG_LINE_MAX];
	int n;

	if (!out.f)
		return;
	log_format_line(&rec, CLOCK_LOCAL, line, sizeof(line));
	disarm(line);
	n = fprintf(out.f, "%s\n", line);
	if (n > 0)
		out.size += n;
}

void evlogd_file_flush(void)
{
	if (!out.f)
		return;
	if (fflush(out.f) != 0) {
		clearerr(out.f);
		/* Not LOG(): its way leads here. */
		if (!out.failed)
			fprintf(stderr, "evlogd: %s: %s\n", out.path, strerror(errno));
		out.failed = true;
		return;
	}
	out.failed = false;
	if (out.size >= FILE_MAX_BYTES)
		rotate();
}

void evlogd_file_close(void)
{
	if (out.f)
		fclose(out.f);
	out.f = NULL;
}
