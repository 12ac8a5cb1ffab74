/* SPDX-License-Identifier: MIT */
/*
 * A new hatsystem that waits for the reports of living cards before it plans (tasks/hatsystem/hat_plan.c,
 * compiled in here): its turns pass as the test calls them, cards and backplane are played.
 */
#include <criterion/criterion.h>

#include "chassis/card_type.h"
#include "tasks/hatsystem/hat_plan.c"

static struct hat h;
static unsigned cycled[PROFILE_SLOTS_MAX + 1], missed, planned;

struct task_timer *task_timer_start(struct task *t, uint64_t ms, uint64_t repeat_ms, task_timer_cb cb,
                                    void *arg)
{
	return NULL;
}
void task_timer_stop(struct task_timer *tm)
{
}
int task_send(struct task *t, const char *dst, Envelope *env)
{
	unsigned slot;

	if (env->body_case == ENVELOPE__BODY_CONTROL && sscanf(env->control->args, "cycle %u", &slot) == 1)
		cycled[slot]++;
	return 0;
}
int task_request(struct task *t, const char *dst, Envelope *env, uint32_t deadline_ms, unsigned flags,
                 task_reply_cb cb, void *arg)
{
	planned++;
	return 0;
}
void hat_missed_cards(struct hat *x)
{
	missed++;
}
bool hat_life_is(const struct hat *x, unsigned slot, enum card_state state)
{
	return state == CARD_ACTIVE;
}
void hat_life_report(struct hat *x, unsigned slot, bool plan)
{
}
void hat_life_move(struct hat *x, enum card_event from_event, enum card_event to_event)
{
}
void hat_lost_managers(struct hat *x, unsigned slot)
{
}
void hat_move_abandon(struct hat *x)
{
}
void hat_move_trap(struct hat *x, const char *trap, unsigned from, unsigned to)
{
}
void hat_order_pending(struct hat *x)
{
}
void hat_order_then(struct hat *x, unsigned slot, int then)
{
}
void hat_rct(struct hat *x, const char *action, bool was_planned, unsigned from, unsigned to, uint64_t wall,
             uint64_t us, bool ok, const struct hat_move *mv)
{
}
void hat_service(struct hat *x)
{
}
void hat_spof(struct hat *x)
{
}
void hat_state_save_keep(struct hat *x)
{
}
void hat_state_save_move(struct hat *x)
{
}
void hat_busy_check(struct hat *x)
{
}
void hat_busy_set(struct hat *x, unsigned slot, bool busied)
{
}
void hat_hw_check(struct hat *x)
{
}

/* --- the test --- */

static void turns(unsigned n)
{
	for (; n && !planned; n--)
		plan_cb(h.t, &h);
}

/* Cards 1 to 4 live; 1 and 2 have reported to the new hatsystem. */
static void setup(void)
{
	static struct task task;

	memset((void *)&h, 0, sizeof(h));
	h.t = &task;
	h.configured = h.resumed = h.presence_known = true;
	memset(cycled, 0, sizeof(cycled));
	missed = planned = 0;
	for (unsigned s = 1; s <= 4; s++) {
		h.slots[s].type = card_type_find("DPC2");
		cr_assert(h.slots[s].type);
		h.slots[s].present = true;
		h.slots[s].reported = s <= 2;
	}
}

TestSuite(hat_plan, .init = setup);

/* Nobody takes over what may still run: of several cards that say nothing none is forgotten. */
Test(hat_plan, every_card_that_says_nothing_is_fenced)
{
	turns(FENCE_AT);
	for (unsigned s = 1; s <= 4; s++)
		cr_expect_eq(cycled[s], 0, "card %u", s);
	turns(1);
	for (unsigned s = 1; s <= 4; s++)
		cr_expect_eq(cycled[s], s > 2, "card %u", s);
	h.slots[3].present = false; /* the backplane has done it */
	turns(2);
	cr_expect_eq(planned, 0, "card 4 may still run");
	h.slots[4].present = false;
	turns(2);
	cr_expect_eq(planned, 1);
	cr_expect_eq(missed, 1);
	cr_expect_eq(cycled[3] + cycled[4], 2);
}

Test(hat_plan, who_reports_at_last_is_not_fenced)
{
	turns(FENCE_AT - 1);
	h.slots[3].reported = true;
	turns(10);
	cr_expect_eq(planned, 0);
	h.slots[4].reported = true;
	turns(2);
	cr_expect_eq(planned, 1);
	cr_expect_eq(cycled[3], 0);
	cr_expect_eq(cycled[4], 1);
}
