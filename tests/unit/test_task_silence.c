/* SPDX-License-Identifier: MIT */
/* Silence of a process: what counts of it, by accounts made up here and by those of real processes. */
#include "task/silence.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define PERIOD (250 * US_PER_MS)
#define LIMIT  (2 * US_PER_SEC)
#define BOUND  (SILENCE_TIMES * LIMIT)
#define HOUR   (3600 * US_PER_SEC)

/* How long it is silent before it counts as hung, when every period adds this to its accounts. */
static uint64_t hung_after(char state, uint64_t ran, uint64_t waited)
{
	struct silence_look look = {.state = state};
	struct silence s;
	uint64_t at = HOUR;

	silence_end(&s, at);
	while (at < HOUR + 2 * BOUND) {
		at += PERIOD;
		look.ran_us += ran;
		look.waited_us += waited;
		if (silence_add(&s, &look, at, PERIOD, LIMIT))
			return at - HOUR;
	}
	return 0;
}

Test(silence, its_own_silence_counts)
{
	cr_expect_eq(hung_after('S', 0, 0), LIMIT + PERIOD, "asleep");
	cr_expect_eq(hung_after('T', 0, 0), LIMIT + PERIOD, "stopped");
	cr_expect_eq(hung_after('R', PERIOD, 0), LIMIT + PERIOD, "busy with something else");
	cr_expect_eq(hung_after('S', PERIOD / 10, 0), LIMIT + PERIOD);
}

Test(silence, waiting_does_not_count_but_has_a_bound)
{
	cr_expect_eq(hung_after('R', 0, PERIOD), BOUND + PERIOD, "it waits for a CPU");
	cr_expect_eq(hung_after('R', 0, 0), BOUND + PERIOD, "and the kernel did not add that up yet");
	cr_expect_eq(hung_after('D', 0, 0), BOUND + PERIOD, "it waits for its disk");
	/* the wait of many periods, told at once, excuses one */
	cr_expect_lt(hung_after('S', 0, PERIOD / 2), 2 * LIMIT + 2 * PERIOD);
	cr_expect_gt(hung_after('S', 0, PERIOD / 2), 2 * LIMIT - 2 * PERIOD);
	cr_expect_lt(hung_after('R', PERIOD / 2, PERIOD / 2), 2 * LIMIT + 2 * PERIOD);
}

Test(silence, nothing_counts_while_nobody_looks)
{
	struct silence s;
	uint64_t at = HOUR;
	int n = 0;

	silence_end(&s, at);
	at += HOUR; /* the watcher stood still itself: so did everybody, for all it knows */
	cr_expect_not(silence_add(&s, NULL, at, PERIOD, LIMIT));
	for (n = 1; !silence_add(&s, NULL, at += PERIOD, PERIOD, LIMIT); n++)
		;
	cr_expect_geq(n, (int)(LIMIT / PERIOD) - 2);
	silence_end(&s, at);
	cr_expect_not(silence_add(&s, NULL, at + PERIOD, PERIOD, LIMIT), "a sign of life ends it");
}

Test(silence, is_told_once)
{
	struct silence_look look = {.state = 'D'};
	struct silence s;
	uint64_t at = HOUR;
	int told = 0;

	silence_end(&s, at);
	for (int i = 0; i < 20; i++) {
		cr_assert_not(silence_add(&s, &look, at += PERIOD, PERIOD, LIMIT));
		told += silence_excused(&s, LIMIT);
	}
	cr_expect_eq(told, 1);
	silence_end(&s, at);
	cr_expect_not(silence_excused(&s, LIMIT));
}

/* --- real processes ----------------------------------------------------------------------------------------
 */

static void until(pid_t pid, char state)
{
	struct silence_look look = {0};
	uint64_t end = clock_now_us() + 20 * US_PER_SEC;

	while (clock_now_us() < end && silence_look(pid, &look) == 0 && look.state != state)
		;
	cr_assert_eq(look.state, state, "process %d is %c, not %c", (int)pid, look.state, state);
}

static void ended(pid_t pid)
{
	kill(pid, SIGKILL);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

/* By what the kernel says of it; the time is ours. */
static uint64_t watched(pid_t pid)
{
	struct silence s;
	uint64_t at = HOUR;

	silence_end(&s, at);
	while (!silence_watch(&s, pid, at += PERIOD, PERIOD, LIMIT) && at < HOUR + 2 * BOUND)
		;
	return at - HOUR;
}

static pid_t child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

Test(silence, a_stopped_process_hangs, .timeout = 60)
{
	pid_t pid = child();

	while (!pid)
		pause();
	kill(pid, SIGSTOP);
	until(pid, 'T');
	cr_expect_eq(watched(pid), LIMIT + PERIOD);
	ended(pid);
}

/* A parent in vfork() waits as one does for a disk. */
Test(silence, a_process_that_cannot_be_interrupted_has_time, .timeout = 60)
{
	pid_t pid = child();

	if (!pid) {
		if (vfork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
		_exit(0);
	}
	until(pid, 'D');
	cr_expect_eq(watched(pid), BOUND + PERIOD);
	ended(pid);
}

/* One that is ready and never chosen: behind a real-time process on the only CPU it may use. */
Test(silence, a_process_that_does_not_get_to_run_has_time, .timeout = 60)
{
	struct sched_param first = {.sched_priority = 1}, none = {0};
	struct silence_look look;
	cpu_set_t one;
	pid_t pid = child();
	uint64_t end = clock_now_us() + 20 * US_PER_SEC;

	if (!pid)
		for (;;)
			;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (sched_setaffinity(pid, sizeof(one), &one) < 0 || sched_setaffinity(0, sizeof(one), &one) < 0 ||
	    sched_setscheduler(0, SCHED_FIFO, &first) < 0) {
		ended(pid);
		cr_skip_test("this machine does not let a test have a real-time process");
	}
	do
		cr_assert_eq(silence_look(pid, &look), 0);
	while (look.state != 'R' && clock_now_us() < end);
	cr_expect_eq(watched(pid), BOUND + PERIOD);
	sched_setscheduler(0, SCHED_OTHER, &none);
	ended(pid);
}

Test(silence, who_is_gone_is_not_known)
{
	struct silence_look look;
	pid_t pid = child();

	if (!pid)
		_exit(0);
	ended(pid);
	cr_expect_eq(silence_look(pid, &look), -ENOENT);
	cr_expect_eq(silence_look(getpid(), &look), 0);
	cr_expect_eq(look.state, 'R');
}
