/* SPDX-License-Identifier: MIT */
/*
 * Minicores: a process that crashes leaves one that says where, one that stands still gets one from outside,
 * neither holds anything of its memory; names, the bound of their number, and hostile names.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "task/crash.h"

static char dir[64];

static void setup(void)
{
	char sub[100];

	snprintf(dir, sizeof(dir), "/tmp/orrery-crash-XXXXXX");
	cr_assert(mkdtemp(dir));
	snprintf(sub, sizeof(sub), "%s/flash", dir);
	mkdir(sub, 0700);
	snprintf(sub, sizeof(sub), "%s/" CRASH_DIR, dir);
	mkdir(sub, 0700);
}

static void teardown(void)
{
	char cmd[100];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	cr_assert_eq(system(cmd), 0);
}

TestSuite(task_crash, .init = setup, .fini = teardown, .timeout = 20);

static void fall(void)
{
	volatile char key[] = "do-not-tell-0123456789abcdef";
	volatile int *nowhere = (volatile int *)(uintptr_t)64;

	key[0] ^= 0;
	*nowhere = key[1];
}

static pid_t child(int sig)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	crash_init(dir, "sessmgr", 5201, 2, 1);
	crash_rename(7);
	if (sig)
		raise(sig);
	else
		fall();
	_exit(0);
}

static char *core_of(pid_t pid)
{
	char name[CRASH_NAME_MAX];

	cr_assert_eq(crash_find(dir, 2, 1, pid, name), 0);
	return crash_read(dir, name);
}

Test(task_crash, a_crash_says_what_where_and_nothing_else)
{
	pid_t pid = child(0);
	int status;
	char *text;

	waitpid(pid, &status, 0);
	cr_assert(WIFSIGNALED(status));
	cr_assert_eq(WTERMSIG(status), SIGSEGV);
	cr_assert(!WCOREDUMP(status), "kernel cores hold keys");
	text = core_of(pid);
	cr_assert(strstr(text, "Fatal Signal 11: SEGV"));
	cr_assert(strstr(text, "Faulty address: 0x40"));
	cr_assert(strstr(text, "address not mapped"));
	cr_assert(strstr(text, "argv0=sessmgr instance=7"), "%s", text);
	cr_assert(strstr(text, "libc.so"), "%s", text);
	cr_assert(!strstr(text, "do-not-tell"));
	free(text);
}

Test(task_crash, an_abort_and_a_signal_from_outside_end_the_process)
{
	int status;

	for (int i = 0; i < 2; i++) {
		int sig = i ? SIGABRT : SIGSEGV;
		pid_t pid = child(sig);
		char *text;

		waitpid(pid, &status, 0);
		cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == sig, "status %x", status);
		text = core_of(pid);
		cr_assert(strstr(text, "sent by a process"));
		free(text);
	}
}

/* Until the process sleeps in the kernel. */
static void wait_asleep(pid_t pid)
{
	uint64_t until = clock_now_us() + 10 * US_PER_SEC;
	char path[64], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	while (state != 'S') {
		FILE *f = fopen(path, "re");

		cr_assert(f && clock_now_us() < until, "process %d does not come to rest", (int)pid);
		if (fscanf(f, "%*d %*s %c", &state) != 1)
			state = 0;
		fclose(f);
		sched_yield();
	}
}

Test(task_crash, a_stopped_process_is_described_from_outside)
{
	char name[CRASH_NAME_MAX], *text;
	pid_t pid = fork();
	int status;

	if (!pid)
		for (;;)
			pause();
	wait_asleep(pid);
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	cr_assert_eq(crash_dump_other(dir, "ipsecmgr", 1, 2, 1, pid, "heartbeat lost", name), 0);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	text = crash_read(dir, name);
	cr_assert(strstr(text, "State dump: heartbeat lost"));
	cr_assert(strstr(text, "(stopped)"), "%s", text);
	cr_assert(strstr(text, "PC: 0x"), "%s", text);
	cr_assert(strstr(text, "libc.so"), "%s", text);
	free(text);
}

Test(task_crash, the_newest_120_are_kept)
{
	char path[200];
	unsigned n = 0;
	struct dirent *e;
	DIR *d;

	for (unsigned i = 0; i < CRASH_KEEP + 30; i++) {
		snprintf(path, sizeof(path), "%s/" CRASH_DIR "/crash-02-0-%05u-%08x-core", dir, i,
		         0x60000000 + i);
		close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	snprintf(path, sizeof(path), "%s/" CRASH_DIR "/readme", dir);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	cr_assert_eq(crash_prune(dir), CRASH_KEEP);
	cr_assert_eq(access(path, F_OK), 0, "what is no core is not ours to delete");
	snprintf(path, sizeof(path), "%s/" CRASH_DIR "/crash-02-0-%05u-%08x-core", dir, 29, 0x6000001d);
	cr_assert_neq(access(path, F_OK), 0, "the oldest went");
	snprintf(path, sizeof(path), "%s/" CRASH_DIR "/crash-02-0-%05u-%08x-core", dir, 30, 0x6000001e);
	cr_assert_eq(access(path, F_OK), 0);
	d = opendir(strcat(strcpy(path, dir), "/" CRASH_DIR));
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	cr_assert_eq(n, CRASH_KEEP + 1);
}

Test(task_crash, names_from_elsewhere_open_nothing)
{
	static const char *const bad[] = {"",
	                                  "..",
	                                  "../../secret",
	                                  "crash-02-0-00001-60000000-core/../../x",
	                                  "crash-02-0-00001-60000000-corex",
	                                  "crash-02-0-00001-zz-core",
	                                  "crash-02-0-00001-60000000-core"};

	char path[100];

	snprintf(path, sizeof(path), "%s/secret", dir);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_null(crash_read(dir, bad[i]), "%s", bad[i]);
}

Test(task_crash, a_core_is_read_up_to_its_limit)
{
	char path[200], *text;
	int fd;

	snprintf(path, sizeof(path), "%s/" CRASH_DIR "/crash-02-0-00001-60000000-core", dir);
	fd = open(path, O_CREAT | O_RDWR, 0600);
	cr_assert_eq(ftruncate(fd, CRASH_SIZE_MAX * 4), 0);
	close(fd);
	text = crash_read(dir, "crash-02-0-00001-60000000-core");
	cr_assert_not_null(text);
	free(text);
}
