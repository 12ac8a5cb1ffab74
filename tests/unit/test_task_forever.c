/* SPDX-License-Identifier: MIT */
/*
 * What has to be stored is waited for as long as that takes (task_log.c and task_req.c, compiled into the
 * test, with the bus and the clock played by hand): a disk that is full for days loses no trap, and a sender
 * does not fill its memory with them.
 */
#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/log.h"

static uint64_t now_us = 1000000;
#define clock_now_us()         now_us
#define bus_client_send        played_send
#define bus_client_send_packed played_send_packed
#include "lib/task/task_req.c"
#include "lib/task/task_log.c"
#undef clock_now_us

static struct bus bus;
static struct task_ops ops = {.facility = "hatsystem"};
static struct task task = {.ops = &ops, .bus = &bus};
static uint64_t asked; /* number of the last request */
static unsigned n_asked, answers;
static int status = 1;

/* --- the bus --- */

int played_send(struct bus_client *c, const char *dst, const Envelope *env)
{
	asked = env->id;
	n_asked++;
	return 0;
}
int played_send_packed(struct bus_client *c, const char *dst, const uint8_t *data, size_t len)
{
	Envelope *env = envelope__unpack(NULL, len, data);

	asked = env->id;
	n_asked++;
	envelope__free_unpacked(env, NULL);
	return 0;
}

static void note(struct task *t, void *arg, int st, const struct bus_msg *m)
{
	answers++;
	status = st;
}

static void pass(uint64_t us)
{
	now_us += us;
	scan_cb(&bus.scan);
}

static void stored(uint64_t id)
{
	Envelope env = ENVELOPE__INIT;
	Status s = STATUS__INIT;
	struct bus_msg m = {.src = "srdb/0", .env = &env};

	env.kind = ENVELOPE__KIND__RESPONSE;
	env.id = id;
	env.body_case = ENVELOPE__BODY_STATUS;
	env.status = &s;
	task_req_response(&task, &m);
}

static void ask(uint32_t deadline_ms)
{
	Envelope env = ENVELOPE__INIT;
	Show s = SHOW__INIT;

	env.body_case = ENVELOPE__BODY_SHOW;
	env.show = &s;
	cr_assert_eq(task_request(&task, "srdb/0", &env, deadline_ms, TASK_RETRY, note, NULL), 0);
}

#define DAY_US (24ULL * 3600 * US_PER_SEC)

static uv_loop_t loop;

static void setup(void)
{
	uv_loop_init(&loop);
	task.loop = &loop;
	cr_assert_eq(task_req_init(&task), 0);
}

TestSuite(task_forever, .init = setup);

Test(task_forever, no_deadline_ends_it)
{
	ask(TASK_FOREVER);
	pass(100 * DAY_US);
	cr_assert_eq(answers, 0);
	stored(asked);
	cr_assert_eq(answers, 1);
	cr_assert_eq(status, 0);
	ask(60000);
	pass(61 * US_PER_SEC);
	cr_assert_eq(status, -ETIMEDOUT, "others have theirs");
}

Test(task_forever, a_trap_waits_as_long_as_the_disk_is_full)
{
	uint64_t id;

	TASK_TRAP(&task, "CardDown", trap_int("starSlotNum", 2));
	id = asked;
	pass(10 * DAY_US);
	cr_assert_eq(task_traps_waiting(&task), 1);
	stored(id);
	cr_assert_eq(task_traps_waiting(&task), 0);
}

Test(task_forever, so_many_traps_wait_and_no_more)
{
	for (unsigned i = 0; i < 3 * TRAPS_MAX; i++)
		TASK_TRAP(&task, "CardDown", trap_int("starSlotNum", 2));
	cr_assert_eq(n_asked, TRAPS_MAX);
	cr_assert_eq(task_traps_waiting(&task), TRAPS_MAX);
	for (uint64_t id = 1; id <= TRAPS_MAX; id++)
		stored(id);
	cr_assert_eq(task_traps_waiting(&task), 0);
}
