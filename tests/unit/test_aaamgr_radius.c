/* SPDX-License-Identifier: MIT */
/*
 * How aaamgr begins to ask servers (tasks/aaamgr/aaamgr_radius.c, compiled into the test): with the first
 * question, and again with the next one where that failed. The configuration and the bus are played by hand.
 */
#include <criterion/criterion.h>

#include "task/task.h"

int played_reply_to(struct task *t, const struct bus_from *from, Envelope *env);
#define task_reply_to played_reply_to
#include "tasks/aaamgr/aaamgr_radius.c"

struct aaamgr aaamgr;
static uv_loop_t loop;
static struct task task = {.instance = 7, .loop = &loop};
static int starts; /* what following the configuration comes to */
static unsigned n_starts, n_told;
static char why[100];

int aaamgr_cfg_start(struct aaamgr *a)
{
	n_starts++;
	return starts;
}

bool aaamgr_is_pair(struct task *t, const struct bus_msg *m)
{
	return true;
}

int played_reply_to(struct task *t, const struct bus_from *from, Envelope *env)
{
	n_told++;
	snprintf(why, sizeof(why), "%s", env->eap_tell->why);
	return 0;
}

static void set_up(void)
{
	aaamgr.t = &task;
	cr_assert_eq(uv_loop_init(&loop), 0);
}

static void tear_down(void)
{
	radius_client_free(aaamgr.radius);
}

TestSuite(aaamgr_radius, .init = set_up, .fini = tear_down, .timeout = 60);

static void question(void)
{
	static uint8_t identity[] = {2, 1, 0, 6, 1, 'u'};
	Envelope env = ENVELOPE__INIT;
	EapAsk e = EAP_ASK__INIT;
	struct bus_msg m = {.src = "sessmgr/7", .ret = "r", .id = 1, .env = &env};

	e.ctx = 1;
	e.group = (char *)"default";
	e.eap = (ProtobufCBinaryData){sizeof(identity), identity};
	env.body_case = ENVELOPE__BODY_EAP_ASK;
	env.eap_ask = &e;
	aaamgr_radius_ask(&task, &m);
}

Test(aaamgr_radius, a_beginning_that_failed_is_tried_again)
{
	starts = -ENOMEM;
	question();
	cr_assert_eq(n_told, 1);
	cr_assert_str_eq(why, strerror(ENOMEM));
	starts = 0;
	question();
	cr_assert_eq(n_starts, 2, "it waits for a configuration that nobody follows");
	cr_assert_eq(n_told, 1);
	question();
	cr_assert_eq(n_starts, 2);
	cr_assert_eq(aaamgr.n_waiting, 2);
	cr_assert_eq(aaamgr_radius_configured(&aaamgr, NULL, 0), 0);
	cr_assert_eq(n_told, 3);
	cr_assert_str_eq(why, "no authentication server is configured");
}
