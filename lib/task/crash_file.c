/* SPDX-License-Identifier: MIT */
/*
 * Minicores as files: the one a card writes of a process that it is about to kill, finding, bounding and
 * reading them. Of the other process' memory only its stack is looked at, and only words that point into code
 * are told, as module and offset. Entry points: crash.h.
 */
#include "task/crash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"

#define STACK_LOOKED_AT 16384
#define MAPS_MAX        64

/* --- names
 * ---------------------------------------------------------------------------------------------------- */

static bool name_ok(const char *name)
{
	unsigned card, cpu, pid, hex;
	int end = 0;

	return strlen(name) < CRASH_NAME_MAX &&
	       sscanf(name, "crash-%2u-%2u-%10u-%8x-core%n", &card, &cpu, &pid, &hex, &end) == 4 && end > 0 &&
	       !name[end];
}

static uint32_t name_time(const char *name)
{
	unsigned hex = 0;

	sscanf(name, "crash-%*u-%*u-%*u-%8x-core", &hex);
	return hex;
}

static DIR *open_crashes(const char *state_dir)
{
	char dir[400];

	snprintf(dir, sizeof(dir), "%s/" CRASH_DIR, state_dir);
	return opendir(dir);
}

int crash_find(const char *state_dir, unsigned card, unsigned cpu, pid_t pid, char name[CRASH_NAME_MAX])
{
	char prefix[40];
	DIR *d = open_crashes(state_dir);
	struct dirent *e;

	name[0] = 0;
	snprintf(prefix, sizeof(prefix), "crash-%02u-%u-%05d-", card, cpu, (int)pid);
	while (d && (e = readdir(d)))
		if (!strncmp(e->d_name, prefix, strlen(prefix)) && name_ok(e->d_name) &&
		    name_time(e->d_name) >= (name[0] ? name_time(name) : 0))
			snprintf(name, CRASH_NAME_MAX, "%.*s", CRASH_NAME_MAX - 1, e->d_name);
	if (d)
		closedir(d);
	return name[0] ? 0 : -ENOENT;
}

static int newest_first(const void *a, const void *b)
{
	uint32_t x = name_time(a), y = name_time(b);

	return x < y ? 1 : (x > y ? -1 : strcmp(b, a));
}

unsigned crash_prune(const char *state_dir)
{
	char(*names)[CRASH_NAME_MAX] = NULL, path[500];
	unsigned n = 0, cap = 0, kept;
	DIR *d = open_crashes(state_dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (!name_ok(e->d_name))
			continue;
		if (n == cap) {
			void *more = realloc(names, (cap += 256) * sizeof(*names));

			if (!more)
				break;
			names = more;
		}
		snprintf(names[n++], CRASH_NAME_MAX, "%.*s", CRASH_NAME_MAX - 1, e->d_name);
	}
	if (d)
		closedir(d);
	if (n)
		qsort(names, n, sizeof(*names), newest_first);
	kept = n < CRASH_KEEP ? n : CRASH_KEEP;
	for (unsigned i = kept; i < n; i++) {
		snprintf(path, sizeof(path), "%s/" CRASH_DIR "/%s", state_dir, names[i]);
		unlink(path);
	}
	free(names);
	return kept;
}

char *crash_read(const char *state_dir, const char *name)
{
	char path[500], *text = NULL;
	ssize_t n = -1;
	int fd;

	if (!name_ok(name))
		return NULL;
	snprintf(path, sizeof(path), "%s/" CRASH_DIR "/%s", state_dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return NULL;
	text = malloc(CRASH_SIZE_MAX + 1);
	if (text)
		n = read(fd, text, CRASH_SIZE_MAX);
	close(fd);
	if (n < 0) {
		free(text);
		return NULL;
	}
	text[n] = 0;
	return text;
}

/* --- of another process
 * --------------------------------------------------------------------------------------- */

struct map {
	uint64_t lo, hi, base; /* base: address of the module's byte 0 */
	char module[100];
};

static FILE *open_proc(pid_t pid, const char *what)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	return fopen(path, "re");
}

/* Executable mappings of files, and where the stack that holds sp ends. */
static unsigned read_maps(pid_t pid, struct map *m, uint64_t sp, uint64_t *stack_end)
{
	FILE *f = open_proc(pid, "maps");
	char line[600], perm[8];
	uint64_t lo, hi, off;
	unsigned n = 0;
	int at;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %*s %n", &lo, &hi, perm, &off,
		           &at) != 4)
			continue;
		if (sp >= lo && sp < hi)
			*stack_end = hi;
		line[strcspn(line, "\n")] = 0;
		if (perm[2] != 'x' || line[at] != '/' || n == MAPS_MAX)
			continue;
		m[n] = (struct map){lo, hi, lo - off, ""};
		snprintf(m[n++].module, sizeof(m->module), "%.99s", line + at);
	}
	if (f)
		fclose(f);
	return n;
}

static void put_address(FILE *out, const struct map *m, unsigned n, uint64_t address)
{
	for (unsigned i = 0; i < n; i++)
		if (address >= m[i].lo && address < m[i].hi)
			fprintf(out, "%s(+0x%" PRIx64 ")\n", m[i].module, address - m[i].base);
}

/* Words of the stack that point into code: return addresses, and now and then an old one. */
static void put_stack(FILE *out, pid_t pid, uint64_t pc, uint64_t sp)
{
	static uint64_t words[STACK_LOOKED_AT / 8];
	static struct map maps[MAPS_MAX];
	uint64_t end = 0;
	unsigned n = read_maps(pid, maps, sp, &end), told = 0;
	size_t len = end > sp && end - sp < sizeof(words) ? end - sp : sizeof(words);
	struct iovec to = {words, len}, from = {(void *)(uintptr_t)sp, len};
	ssize_t got = end ? process_vm_readv(pid, &to, 1, &from, 1, 0) : -1;

	put_address(out, maps, n, pc);
	for (ssize_t i = 0; i < got / 8 && told < CRASH_FRAMES; i++)
		for (unsigned k = 0; k < n; k++)
			if (words[i] >= maps[k].lo && words[i] < maps[k].hi) {
				put_address(out, &maps[k], 1, words[i]);
				told++;
			}
	memset(words, 0, sizeof(words));
}

/* "number arguments sp pc" of a process that waits in the kernel, "-1 sp pc" of one that was stopped outside
 * of it; "running" else. */
static bool waits_at(pid_t pid, uint64_t *pc, uint64_t *sp)
{
	FILE *f = open_proc(pid, "syscall");
	char line[300];
	int n = 0;

	if (!f)
		return false;
	if (fgets(line, sizeof(line), f))
		n = !strncmp(line, "-1 ", 3)
		            ? sscanf(line, "%*s %" SCNx64 " %" SCNx64, sp, pc)
		            : sscanf(line, "%*s %*s %*s %*s %*s %*s %*s %" SCNx64 " %" SCNx64, sp, pc);
	fclose(f);
	return n == 2;
}

static void put_status(FILE *out, pid_t pid)
{
	static const char *const wanted[] = {"State:", "VmRSS:", "VmData:", "VmPeak:", "Threads:"};
	FILE *f = open_proc(pid, "status");
	char line[200];

	while (f && fgets(line, sizeof(line), f))
		for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
			if (!strncmp(line, wanted[i], strlen(wanted[i])))
				fprintf(out, "  %s", line);
	if (f)
		fclose(f);
}

int crash_dump_other(const char *state_dir, const char *facility, unsigned instance, unsigned card,
                     unsigned cpu, pid_t pid, const char *why, char name[CRASH_NAME_MAX])
{
	char path[500];
	uint64_t pc = 0, sp = 0;
	int fd;
	FILE *out;

	snprintf(path, sizeof(path), "%s/" CRASH_DIR "/crash-%02u-%u-%05d-%08x-core", state_dir, card, cpu,
	         (int)pid, (unsigned)(clock_wall_us() / US_PER_SEC));
	name[0] = 0;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out)
		return -errno;
	fprintf(out, "State dump: %s\n", why);
	fprintf(out, "  Process: card=%u cpu=%u pid=%d argv0=%s instance=%u\n", card, cpu, (int)pid, facility,
	        instance);
	put_status(out, pid);
	if (waits_at(pid, &pc, &sp)) {
		fprintf(out, "  PC: 0x%" PRIx64 "\n  Stack:\n", pc);
		put_stack(out, pid, pc, sp);
	} else {
		fprintf(out, "  PC: running\n");
	}
	snprintf(name, CRASH_NAME_MAX, "%.*s", CRASH_NAME_MAX - 1, strrchr(path, '/') + 1);
	return fclose(out) ? -errno : 0;
}
