/* SPDX-License-Identifier: MIT */
/*
 * Heartbeats of a task: a page of memory that the card makes for each process it starts and the process
 * beats in whenever its loop goes round, at least once a period. A message each way would wake five threads
 * for what one store tells. beat_page_*: cards/; beat_join() and after: lib/task.
 */
#ifndef ORRERY_TASK_BEAT_H
#define ORRERY_TASK_BEAT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define BEAT_FD 4 /* of a task, beside the life line on 3 */

/* Written by the task alone but for period_ms, which the card writes before the task is started. The reader
 * takes every word of it as a stranger's. */
struct beat_page {
	_Atomic uint64_t beats; /* so many times; that it grows is the sign of life */
	_Atomic uint32_t sessions;
	_Atomic uint32_t has_sessions;
	uint32_t period_ms;
};

/* A page of its own for one process: mapped at *page, its descriptor (close-on-exec; its size is sealed) is
 * returned. -errno. */
int beat_page_new(uint32_t period_ms, struct beat_page **page);
void beat_page_free(struct beat_page *page);

/* The task's side. */
struct beat {
	struct beat_page *page; /* NULL: nobody watches this process (a CLI session) */
	uv_prepare_t prepare;
	uv_timer_t timer;
	uint64_t last_ms;
	/* how many sessions there are, or NULL; asked at every beat */
	bool (*sessions)(void *arg, uint32_t *n);
	void *arg;
};

/* Take the page from BEAT_FD, first of all things a task does. Without one beat_now() does nothing. */
void beat_join(struct beat *b);
/* From now on b beats with the loop. */
void beat_start(struct beat *b, uv_loop_t *loop, bool (*sessions)(void *arg, uint32_t *n), void *arg);
/* In the midst of something long that goes well. */
void beat_now(struct beat *b);

#endif
