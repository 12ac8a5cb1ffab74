/* SPDX-License-Identifier: MIT */
/*
 * The checkpoint client (lib/task/ckpt.c) against a pretended srdb: the order of callbacks, and that a row
 * never overtakes a later value of itself when srdb is lost in the middle. Only the four functions of the
 * task runtime it calls are replaced here.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "task/ckpt.h"

#define SENT_MAX 64

struct sent {
	char value[16];
	task_reply_cb cb;
	void *arg;
	bool open;
};
static struct sent sent[SENT_MAX];
static unsigned n_sent, n_called;
static uint32_t deadline_ms; /* of the last message */
static bool once;            /* is the last message */
static char called[SENT_MAX][16], stored[16];
static bool up = true;
static struct task the_task = {.addr = "ipsecmgr/1"};

struct task_timer {
	task_timer_cb cb;
	void *arg;
	bool stopped;
};
static struct task_timer timers[SENT_MAX];
static unsigned n_timers;

struct task_timer *task_timer_start(struct task *t, uint64_t ms, uint64_t repeat_ms, task_timer_cb cb,
                                    void *arg)
{
	(void)t;
	(void)ms;
	(void)repeat_ms;
	cr_assert_lt(n_timers, SENT_MAX);
	timers[n_timers] = (struct task_timer){cb, arg, false};
	return &timers[n_timers++];
}

void task_timer_stop(struct task_timer *tm)
{
	if (tm)
		tm->stopped = true;
}

bool task_peer_up(struct task *t, const char *addr)
{
	(void)t;
	cr_assert_str_eq(addr, "srdb/0");
	return up;
}

int task_request(struct task *t, const char *dst, Envelope *env, uint32_t ms, unsigned flags,
                 task_reply_cb cb, void *arg)
{
	const CkptRow *r = env->ckpt_write->rows[0];

	(void)t;
	(void)dst;
	(void)flags;
	deadline_ms = ms;
	once = env->ckpt_write->once;
	cr_assert_lt(n_sent, SENT_MAX);
	snprintf(sent[n_sent].value, sizeof(sent[0].value), "%.*s", (int)r->blob.len, (char *)r->blob.data);
	sent[n_sent].cb = cb;
	sent[n_sent].arg = arg;
	sent[n_sent++].open = true;
	return 0;
}

/* srdb (or the loss of it) answers the k-th message. */
static void answer(unsigned k, int status)
{
	cr_assert(sent[k].open);
	sent[k].open = false;
	if (status == 0)
		snprintf(stored, sizeof(stored), "%s", sent[k].value);
	sent[k].cb(&the_task, sent[k].arg, status, NULL);
}

static void run_timers(void)
{
	for (unsigned i = 0, n = n_timers; i < n; i++)
		if (!timers[i].stopped)
			timers[i].cb(&the_task, timers[i].arg);
}

static void done(struct task *t, void *arg, int status, const char *text)
{
	(void)t;
	(void)text;
	snprintf(called[n_called++], 16, "%s:%d", (char *)arg, status);
}

static void put(struct ckpt *c, const char *value)
{
	struct ckpt_row row = {.kind = "ikesa", .key = "1", .blob = value, .len = strlen(value)};

	cr_assert_eq(ckpt_write(c, &row, 1, done, (void *)value), 0);
}

Test(ckpt_client, a_lost_row_does_not_overtake_a_later_one)
{
	struct ckpt *c = ckpt_new(&the_task);

	put(c, "old");
	/* srdb goes and comes on the other card before the loss of the first message is told. */
	put(c, "new");
	answer(1, 0);
	cr_assert_eq(n_called, 0, "\"new\" was called durable while \"old\" is not");
	answer(0, -EHOSTUNREACH);
	run_timers();
	cr_assert_eq(n_sent, 4);
	answer(2, 0);
	answer(3, 0);
	cr_assert_str_eq(stored, "new");
	cr_assert_eq(n_called, 2);
	cr_assert_str_eq(called[0], "old:0");
	cr_assert_str_eq(called[1], "new:0");
	cr_assert_eq(ckpt_pending(c), 0);
	ckpt_free(c);
}

Test(ckpt_client, an_answer_after_a_loss_counts_for_nothing)
{
	struct ckpt *c = ckpt_new(&the_task);

	put(c, "a");
	put(c, "b");
	answer(0, -EHOSTUNREACH);
	run_timers();
	cr_assert_eq(n_sent, 2, "sent again while an answer is out");
	put(c, "c");
	cr_assert_eq(n_sent, 2, "\"c\" must wait for \"a\"");
	answer(1, 0);
	run_timers();
	cr_assert_eq(n_sent, 5);
	for (unsigned k = 2; k < 5; k++)
		answer(k, 0);
	cr_assert_str_eq(stored, "c");
	cr_assert_eq(n_called, 3);
	ckpt_free(c);
}

Test(ckpt_client, nothing_is_sent_while_srdb_is_away)
{
	struct ckpt *c = ckpt_new(&the_task);

	put(c, "a");
	up = false;
	answer(0, -EHOSTUNREACH);
	run_timers();
	run_timers();
	cr_assert_eq(n_sent, 1);
	up = true;
	run_timers();
	cr_assert_eq(n_sent, 2);
	answer(1, 0);
	cr_assert_str_eq(called[0], "a:0");
	ckpt_free(c);
}

Test(ckpt_client, refusals_keep_their_turn)
{
	struct ckpt *c = ckpt_new(&the_task);

	put(c, "a");
	put(c, "b");
	answer(1, -ENOSPC);
	cr_assert_eq(n_called, 0);
	answer(0, 0);
	cr_assert_str_eq(called[0], "a:0");
	cr_assert_str_eq(called[1], "b:-28");
	ckpt_free(c);
}

/* A message that got lost on the way is sent again soon; a store that is only slow is not hurried. */
Test(ckpt_client, silence_is_not_waited_out)
{
	struct ckpt *c = ckpt_new(&the_task);
	uint32_t first;

	put(c, "a");
	first = deadline_ms;
	cr_assert_leq(first, 5000, "a lost checkpoint is noticed after %u ms", first);
	put(c, "b");
	answer(1, 0);
	cr_assert_eq(n_called, 0);
	answer(0, -ETIMEDOUT);
	run_timers();
	cr_assert_eq(n_sent, 4, "both go again, the older one first");
	cr_assert_str_eq(sent[2].value, "a");
	cr_assert_eq(deadline_ms, 2 * first);
	answer(2, -ETIMEDOUT);
	answer(3, -ETIMEDOUT);
	run_timers();
	cr_assert_eq(deadline_ms, 4 * first, "one silence of several units counts once");
	answer(4, 0);
	answer(5, 0);
	cr_assert_eq(n_called, 2);
	cr_assert_str_eq(stored, "b");
	put(c, "c");
	cr_assert_eq(deadline_ms, first, "all is well again");
	answer(6, 0);
	ckpt_free(c);
}

Test(ckpt_client, once_is_said_to_the_store)
{
	struct ckpt *c = ckpt_new(&the_task);
	struct ckpt_row row = {.kind = "ikesa", .key = "1", .blob = "a", .len = 1};

	put(c, "a");
	cr_assert_not(once);
	cr_assert_eq(ckpt_write_once(c, &row, 1, done, (void *)"once"), 0);
	cr_assert(once);
	answer(0, 0);
	answer(1, -ENOSPC);
	cr_assert_str_eq(called[1], "once:-28");
	ckpt_free(c);
}
