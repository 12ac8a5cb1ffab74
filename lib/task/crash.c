/* SPDX-License-Identifier: MIT */
/*
 * The crash handler of a task. Everything is prepared before: the path's fixed part, an alternate stack, the
 * unwinder's library; in the handler only system calls, snprintf() of numbers and words (which takes no lock
 * and no memory), backtrace() and backtrace_symbols_fd(). A handler that gets stuck is ended by alarm(). Then
 * the signal does what it would have done. Entry points: crash.h.
 */
#include "task/crash.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/clock.h"

#define HANDLER_SECONDS 2

static struct {
	char dir[300], facility[24];
	unsigned instance, card, cpu;
} self;

static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};

static void put(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(int fd, const char *fmt, ...)
{
	char line[400];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0)
		(void)!write(fd, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

static const char *detail(int sig, int code)
{
	if (code == SI_USER || code == SI_TKILL || code == SI_QUEUE)
		return "sent by a process";
	if (sig == SIGSEGV)
		return code == SEGV_MAPERR ? "address not mapped to object" : "invalid permissions";
	return sig == SIGBUS ? "no such memory" : "raised by the program";
}

/* The stack pointer and other registers are left out on purpose: they may hold key material. */
static void *program_counter(const void *context)
{
#if defined(__x86_64__)
	return (void *)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return (void *)((const ucontext_t *)context)->uc_mcontext.pc;
#else
	return NULL;
#endif
}

static void on_fatal(int sig, siginfo_t *si, void *context)
{
	void *frame[CRASH_FRAMES];
	char path[400];
	int fd, n, err = errno;

	alarm(HANDLER_SECONDS);
	snprintf(path, sizeof(path), "%s/crash-%02u-%u-%05d-%08lx-core", self.dir, self.card, self.cpu,
	         (int)getpid(), (unsigned long)(clock_wall_us() / US_PER_SEC));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return; /* the signal comes again, without us */
	put(fd, "Fatal Signal %d: %s\n", sig, sigabbrev_np(sig));
	put(fd, "  Faulty address: %p\n",
	    si->si_code > 0 && (sig == SIGSEGV || sig == SIGBUS) ? si->si_addr : NULL);
	put(fd, "  Signal detail: %s\n", detail(sig, si->si_code));
	put(fd, "  Process: card=%u cpu=%u pid=%d argv0=%s instance=%u\n", self.card, self.cpu, (int)getpid(),
	    self.facility, self.instance);
	put(fd, "  Recent errno: %d %s\n", err, strerrorname_np(err) ? strerrorname_np(err) : "");
	put(fd, "  PC: %p\n", program_counter(context));
	put(fd, "  Stack:\n");
	n = backtrace(frame, CRASH_FRAMES);
	backtrace_symbols_fd(frame, n, fd);
	fsync(fd);
	close(fd);
	if (si->si_code <= 0) /* sent, not caused: it does not come again by itself */
		raise(sig);
}

void crash_init(const char *state_dir, const char *facility, unsigned instance, unsigned card, unsigned cpu)
{
	static uint8_t stack[64 * 1024];
	stack_t alt = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction sa = {.sa_sigaction = on_fatal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND};
	struct rlimit none = {0, 0};
	void *frame[4];

	snprintf(self.dir, sizeof(self.dir), "%s/flash", state_dir);
	mkdir(self.dir, 0700);
	snprintf(self.dir, sizeof(self.dir), "%s/" CRASH_DIR, state_dir);
	mkdir(self.dir, 0700);
	snprintf(self.facility, sizeof(self.facility), "%s", facility);
	self.instance = instance;
	self.card = card;
	self.cpu = cpu;
	setrlimit(RLIMIT_CORE, &none);
	backtrace(frame, 4); /* loads the unwinder now */
	sigaltstack(&alt, NULL);
	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		sigaction(fatal[i], &sa, NULL);
}

void crash_rename(unsigned instance)
{
	self.instance = instance;
}
