/* SPDX-License-Identifier: MIT */
/* Heartbeats in shared memory: a page of its own for each process, and a loop that beats in it. */
#include "task/beat.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#define PERIOD_MS 200

static struct beat_page *page;
static struct beat beat;
static uv_loop_t loop;
static uint32_t n_sessions;
static bool has_sessions;

static bool sessions(void *arg, uint32_t *n)
{
	*n = n_sessions;
	return has_sessions;
}

static void made(void)
{
	int fd = beat_page_new(PERIOD_MS, &page);

	cr_assert_geq(fd, 0);
	cr_assert_eq(dup2(fd, BEAT_FD), BEAT_FD);
	if (fd != BEAT_FD)
		close(fd);
	beat_join(&beat);
	cr_assert_not_null(beat.page);
	uv_loop_init(&loop);
	beat_start(&beat, &loop, sessions, NULL);
}

static void over(void)
{
	uv_close((uv_handle_t *)&beat.prepare, NULL);
	uv_close((uv_handle_t *)&beat.timer, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	cr_assert_eq(uv_loop_close(&loop), 0);
	munmap(beat.page, sizeof(*beat.page));
	beat_page_free(page);
}

static uint64_t beats(void)
{
	return atomic_load(&page->beats);
}

static void end_cb(uv_timer_t *h)
{
	uv_close((uv_handle_t *)h, NULL);
}

/* Run the loop for so long. */
static void run_ms(uint64_t ms)
{
	static uv_timer_t end;

	uv_timer_init(&loop, &end);
	uv_timer_start(&end, end_cb, ms, 0);
	uv_run(&loop, UV_RUN_DEFAULT);
}

static void spin(uv_idle_t *h)
{
	(void)h;
}

Test(beat, a_loop_at_rest_beats_once_a_period)
{
	uint64_t before;

	made();
	before = beats();
	cr_expect_eq(before, 1, "the start is the first one");
	run_ms(4 * PERIOD_MS + PERIOD_MS / 2);
	cr_expect_geq(beats() - before, 2, "%llu in four periods", (unsigned long long)(beats() - before));
	cr_expect_leq(beats() - before, 8, "%llu in four periods", (unsigned long long)(beats() - before));
	over();
}

Test(beat, a_busy_loop_beats_a_few_times_a_period)
{
	uv_idle_t idle;
	uint64_t before;

	made();
	uv_idle_init(&loop, &idle);
	uv_idle_start(&idle, spin);
	uv_unref((uv_handle_t *)&idle);
	before = beats();
	run_ms(3 * PERIOD_MS);
	cr_expect_geq(beats() - before, 3, "it lives");
	cr_expect_leq(beats() - before, 14, "and does not beat with every turn: %llu",
	              (unsigned long long)(beats() - before));
	uv_close((uv_handle_t *)&idle, NULL);
	over();
}

Test(beat, a_loop_that_does_not_turn_does_not_beat)
{
	uint64_t before;

	made();
	before = beats();
	poll(NULL, 0, 2 * PERIOD_MS);
	cr_expect_eq(beats(), before, "nobody was there");
	beat_now(&beat); /* in the midst of something long */
	cr_expect_eq(beats(), before + 1);
	over();
}

Test(beat, sessions_come_with_it)
{
	made();
	cr_expect_eq(atomic_load(&page->has_sessions), 0, "a standby has none to tell");
	has_sessions = true;
	n_sessions = 4711;
	beat_now(&beat);
	cr_expect_eq(atomic_load(&page->has_sessions), 1);
	cr_expect_eq(atomic_load(&page->sessions), 4711);
	over();
}

Test(beat, a_process_cannot_cut_the_page_short)
{
	int fd = beat_page_new(PERIOD_MS, &page);

	cr_assert_geq(fd, 0);
	cr_expect_eq(fcntl(fd, F_GETFD), FD_CLOEXEC, "other processes of the card do not get it");
	cr_expect_eq(ftruncate(fd, 0), -1);
	cr_expect_eq(errno, EPERM);
	cr_expect_eq(ftruncate(fd, 1 << 20), -1);
	close(fd);
	beat_page_free(page);
}

Test(beat, without_a_page_nobody_waits_for_it)
{
	close(BEAT_FD);
	beat_join(&beat);
	cr_expect_null(beat.page);
	uv_loop_init(&loop);
	beat_start(&beat, &loop, sessions, NULL);
	beat_now(&beat);
	cr_expect_eq(uv_loop_close(&loop), 0, "it holds nothing of the loop");
}
