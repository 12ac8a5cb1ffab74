/* SPDX-License-Identifier: MIT */
/* Heartbeats in shared memory: see beat.h. A wake-up of the loop for whatever reason is a beat; the timer
 * fires only in a process that has nothing else to do. */
#include "task/beat.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PERIOD_MIN_MS  50
#define BEATS_A_PERIOD 4 /* at most: a busy loop goes round a thousand times as often */

int beat_page_new(uint32_t period_ms, struct beat_page **page)
{
	int fd = memfd_create("beat", MFD_CLOEXEC | MFD_ALLOW_SEALING), rc = 0;
	void *p = MAP_FAILED;

	if (fd < 0)
		return -errno;
	/* A process that cuts its page short would take the card with it. */
	if (ftruncate(fd, sizeof(**page)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		rc = -errno;
	if (!rc)
		p = mmap(NULL, sizeof(**page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (!rc && p == MAP_FAILED)
		rc = -errno;
	if (rc) {
		close(fd);
		return rc;
	}
	*page = p;
	(*page)->period_ms = period_ms;
	return fd;
}

void beat_page_free(struct beat_page *page)
{
	if (page)
		munmap(page, sizeof(*page));
}

void beat_join(struct beat *b)
{
	struct stat st;
	void *p = MAP_FAILED;

	if (fstat(BEAT_FD, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == sizeof(*b->page))
		p = mmap(NULL, sizeof(*b->page), PROT_READ | PROT_WRITE, MAP_SHARED, BEAT_FD, 0);
	if (p == MAP_FAILED)
		return;
	close(BEAT_FD);
	b->page = p;
}

void beat_now(struct beat *b)
{
	uint32_t n = 0;

	if (!b->page)
		return;
	if (b->sessions && b->sessions(b->arg, &n)) {
		atomic_store(&b->page->sessions, n);
		atomic_store(&b->page->has_sessions, 1);
	}
	atomic_fetch_add(&b->page->beats, 1);
}

static uint32_t period(const struct beat *b)
{
	return b->page->period_ms > PERIOD_MIN_MS ? b->page->period_ms : PERIOD_MIN_MS;
}

/* The loop is about to wait: what it had to do is done. */
static void prepare_cb(uv_prepare_t *h)
{
	struct beat *b = h->data;
	uint64_t now = uv_now(h->loop);

	if (now - b->last_ms < period(b) / BEATS_A_PERIOD)
		return;
	b->last_ms = now;
	beat_now(b);
	uv_timer_again(&b->timer);
}

/* It woke the loop: prepare_cb() follows. */
static void timer_cb(uv_timer_t *h)
{
	(void)h;
}

void beat_start(struct beat *b, uv_loop_t *loop, bool (*sessions)(void *arg, uint32_t *n), void *arg)
{
	if (!b->page)
		return;
	b->sessions = sessions;
	b->arg = arg;
	uv_prepare_init(loop, &b->prepare);
	uv_timer_init(loop, &b->timer);
	b->prepare.data = b->timer.data = b;
	uv_prepare_start(&b->prepare, prepare_cb);
	uv_timer_start(&b->timer, timer_cb, period(b), period(b));
	uv_unref((uv_handle_t *)&b->prepare);
	uv_unref((uv_handle_t *)&b->timer);
	beat_now(b);
}
