/* SPDX-License-Identifier: MIT */
/*
 * `orrery fault memory task F I MB`: orreryd queues a signal with the number, and the task takes that much
 * memory and touches it, a megabyte at a time, so that its resident size, its limits and whoever watches them
 * are put to a real test. Every task has this through task_main().
 */
#include "task/task_fault.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "task/task.h"

#define MB (1u << 20)

static struct {
	uv_async_t wake;
	atomic_int wanted;
	void **piece;
	int n, size;
} ballast;

/* Only this in the handler. */
static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	atomic_store(&ballast.wanted, info->si_value.sival_int);
	uv_async_send(&ballast.wake);
}

static bool take_one(void)
{
	void *p;

	if (ballast.n == ballast.size) {
		int size = ballast.size ? 2 * ballast.size : 64;
		void **piece = realloc(ballast.piece, (size_t)size * sizeof(*piece));

		if (!piece)
			return false;
		ballast.piece = piece;
		ballast.size = size;
	}
	p = mmap(NULL, MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return false;
	memset(p, 0x5a, MB);
	ballast.piece[ballast.n++] = p;
	return true;
}

/* A piece at a time, so that the task goes on meanwhile. */
static void wake_cb(uv_async_t *h)
{
	int wanted = atomic_load(&ballast.wanted);

	while (ballast.n > wanted)
		munmap(ballast.piece[--ballast.n], MB);
	for (int i = 0; i < 16 && ballast.n < wanted; i++)
		if (!take_one()) {
			LOG(EV_NOTE, "no memory: %d of %d MB were taken", ballast.n, wanted);
			return;
		}
	if (ballast.n < wanted)
		uv_async_send(h);
}

void task_fault_init(struct task *t)
{
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};

	uv_async_init(t->loop, &ballast.wake, wake_cb);
	uv_unref((uv_handle_t *)&ballast.wake);
	sigaction(TASK_FAULT_SIGNAL, &sa, NULL);
}
