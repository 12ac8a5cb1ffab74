/* SPDX-License-Identifier: MIT */
/*
 * A rig for testing one task process on a bus: a bus switch in the test plays card 5, bus clients play other
 * tasks, the program is the real one of build/libexec/orrery. RIG_WAIT(condition) runs the loop until the
 * condition holds or a deadline passes. Included by the tests of tasks, once per test program.
 */
#ifndef TESTS_EXCHANGE_TASK_RIG_H
#define TESTS_EXCHANGE_TASK_RIG_H

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus/bus.h"

#define RIG_LIBEXEC     "build/libexec/orrery"
#define RIG_DEADLINE_MS 10000
#define RIG_TICK_MS     2

static struct {
	char dir[64]; /* run and state directory */
	uv_loop_t loop;
	uv_timer_t deadline;
	struct bus_switch *card;
	char identity[40], addr[40];
	const char *facility;
	unsigned instance;   /* 0, or set by the test before rig_setup() */
	const char *profile; /* NULL, or set by the test before rig_start() */
	bool ready, late;
	unsigned ticks;
	pid_t pid;
	/* another real program that this one needs, started with rig_help() */
	const char *helper;
	char helper_identity[40];
	pid_t helper_pid;
	bool helper_ready;
	void (*card_rx)(const struct bus_rx *rx, const Envelope *env); /* what is for card 5 besides */
} rig;

struct peer {
	struct bus_client *client;
	uint64_t next_id;
	Envelope *last; /* last message received */
	char from[40];  /* its return address */
	unsigned received, acks;
	uint64_t acked_version;
	int status;
	void (*rx)(struct peer *p, const Envelope *env, const char *ret);
};

/* Messages may be taken just before the loop blocks; the tick lets RIG_WAIT see what they changed. */
static void rig_tick(uv_timer_t *h)
{
	rig.late = ++rig.ticks >= RIG_DEADLINE_MS / RIG_TICK_MS;
}

#define RIG_WAIT(condition)                                                                                  \
	do {                                                                                                 \
		uv_timer_start(&rig.deadline, rig_tick, RIG_TICK_MS, RIG_TICK_MS);                           \
		for (rig.late = false, rig.ticks = 0; !(condition) && !rig.late;)                            \
			uv_run(&rig.loop, UV_RUN_ONCE);                                                      \
		uv_timer_stop(&rig.deadline);                                                                \
		cr_assert(condition, "not within the deadline: " #condition);                                \
	} while (0)

static void rig_register(const char *facility, const char *identity, bool ready)
{
	char addr[40];

	snprintf(addr, sizeof(addr), "%s/0", facility);
	cr_assert_eq(ready ? bus_switch_ready(rig.card, identity, addr)
	                   : bus_switch_register(rig.card, identity, addr),
	             0);
}

static void rig_card_rx(void *arg, const struct bus_rx *rx)
{
	Envelope *env = envelope__unpack(NULL, rx->len, rx->data);

	cr_assert(env);
	if (env->body_case == ENVELOPE__BODY_HELLO && rig.helper &&
	    !strcmp(env->hello->facility, rig.helper)) {
		snprintf(rig.helper_identity, sizeof(rig.helper_identity), "%s", rx->ret);
		rig_register(rig.helper, rig.helper_identity, false);
	} else if (env->body_case == ENVELOPE__BODY_READY && rig.helper &&
	           strstr(rx->ret, rig.helper_identity)) {
		rig_register(rig.helper, rig.helper_identity, true);
		rig.helper_ready = true;
	} else if (env->body_case == ENVELOPE__BODY_HELLO) {
		snprintf(rig.identity, sizeof(rig.identity), "%s", rx->ret);
		cr_assert_eq(bus_switch_register(rig.card, rig.identity, rig.addr), 0);
	} else if (env->body_case == ENVELOPE__BODY_SUBSCRIBE) {
		bus_switch_subscribe(rig.card, rig.identity, env->subscribe->topic);
	} else if (env->body_case == ENVELOPE__BODY_READY && env->ready->active) {
		bus_switch_ready(rig.card, rig.identity, rig.addr);
		rig.ready = true;
	} else if (rig.card_rx) {
		rig.card_rx(rx, env);
	}
	envelope__free_unpacked(env, NULL);
}

static void rig_peer_rx(void *arg, const struct bus_rx *rx)
{
	struct peer *p = arg;
	Envelope *env = envelope__unpack(NULL, rx->len, rx->data);

	cr_assert(env);
	if (env->body_case == ENVELOPE__BODY_ROUTE) {
		envelope__free_unpacked(env, NULL);
		return;
	}
	if (p->last)
		envelope__free_unpacked(p->last, NULL);
	p->last = env;
	p->received++;
	snprintf(p->from, sizeof(p->from), "%s", rx->ret);
	if (env->body_case == ENVELOPE__BODY_CKPT_ACK) {
		p->acks++;
		p->acked_version = env->ckpt_ack->version;
	} else if (env->body_case == ENVELOPE__BODY_STATUS) {
		p->acks++;
		p->status = env->status->code;
	}
	if (p->rx)
		p->rx(p, env, rx->ret);
}

/* `addr` exists on the bus from now on. */
static void rig_peer(struct peer *p, const char *id, const char *addr, const char *topic)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/card-5.ipc", rig.dir);
	p->client = bus_client_new(&rig.loop, path, id, rig_peer_rx, p);
	cr_assert(p->client);
	cr_assert_eq(bus_switch_register(rig.card, id, addr), 0);
	cr_assert_eq(bus_switch_ready(rig.card, id, addr), 0);
	if (topic)
		cr_assert_eq(bus_switch_subscribe(rig.card, id, topic), 0);
}

static void rig_peer_close(struct peer *p)
{
	bus_client_free(p->client);
	if (p->last)
		envelope__free_unpacked(p->last, NULL);
	*p = (struct peer){0};
}

static pid_t rig_spawn(const char *facility, unsigned instance, const char *boot)
{
	char env[6][160], program[128], *envp[7] = {env[0], env[1], env[2], env[3], env[4], env[5], NULL};
	char name[32], number[16], *argv[] = {name, number, "5/0", "active", NULL};
	pid_t pid;

	snprintf(program, sizeof(program), "%s/%s", RIG_LIBEXEC, facility);
	snprintf(name, sizeof(name), "%s", facility);
	snprintf(number, sizeof(number), "%u", instance);
	snprintf(env[0], sizeof(env[0]), "ORRERY_CHASSIS=test");
	snprintf(env[1], sizeof(env[1]), "ORRERY_RUN=%s", rig.dir);
	snprintf(env[2], sizeof(env[2]), "ORRERY_STATE=%s", rig.dir);
	snprintf(env[3], sizeof(env[3]), "ORRERY_BOOT=%s", boot);
	snprintf(env[4], sizeof(env[4]), "ORRERY_PROFILE=%s", rig.profile ? rig.profile : "none");
	snprintf(env[5], sizeof(env[5]), "ORRERY_TOKEN=t");
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 2);
		dup2(null, 3);
		execve(program, argv, envp);
		_exit(127);
	}
	return pid;
}

/* Start the task's program, active, and wait until it is ready. */
static inline void rig_start(const char *boot)
{
	rig.ready = false;
	rig.pid = rig_spawn(rig.facility, rig.instance, boot);
	RIG_WAIT(rig.ready);
}

/* Have instance 0 of another facility run beside it until the end. */
static inline void rig_help(const char *facility, const char *boot)
{
	rig.helper = facility;
	rig.helper_pid = rig_spawn(facility, 0, boot);
	RIG_WAIT(rig.helper_ready);
}

/* kill -9, and what a card does then. */
static void rig_stop(void)
{
	int status;

	kill(rig.pid, SIGKILL);
	waitpid(rig.pid, &status, 0);
	bus_switch_withdraw(rig.card, rig.addr);
	bus_switch_unregister(rig.card, rig.identity);
}

/* A fresh directory and card; skips the test when the program is not built. Start peers and the task after
 * it. */
static void rig_setup(const char *facility)
{
	char program[128];

	snprintf(program, sizeof(program), "%s/%s", RIG_LIBEXEC, facility);
	if (access(program, X_OK) < 0)
		cr_skip_test("%s is not built", program);
	signal(SIGPIPE, SIG_IGN);
	rig.facility = facility;
	snprintf(rig.addr, sizeof(rig.addr), "%s/%u", facility, rig.instance);
	snprintf(rig.dir, sizeof(rig.dir), "/tmp/orrery-rig-XXXXXX");
	cr_assert(mkdtemp(rig.dir));
	uv_loop_init(&rig.loop);
	uv_timer_init(&rig.loop, &rig.deadline);
	rig.card = bus_switch_new(&rig.loop, rig.dir, 5, rig_card_rx, NULL);
	cr_assert(rig.card);
}

static void rig_teardown(void)
{
	char cmd[100];

	if (rig.pid > 0)
		rig_stop();
	if (rig.helper_pid > 0) {
		kill(rig.helper_pid, SIGKILL);
		waitpid(rig.helper_pid, NULL, 0);
	}
	bus_switch_free(rig.card);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", rig.dir);
	cr_assert_eq(system(cmd), 0);
}

static inline void rig_request(struct peer *p, Envelope *env)
{
	env->kind = ENVELOPE__KIND__REQUEST;
	env->id = ++p->next_id;
	cr_assert_eq(bus_client_send(p->client, rig.addr, env), 0);
}

static inline void rig_tell(struct peer *p, Envelope *env)
{
	env->kind = ENVELOPE__KIND__ONEWAY;
	cr_assert_eq(bus_client_send(p->client, rig.addr, env), 0);
}

/* A round trip through the task: everything sent by `p` before has been handled when it returns. */
static inline void rig_round_trip(struct peer *p, const char *what)
{
	Envelope env = ENVELOPE__INIT;
	Show s = SHOW__INIT;
	unsigned before = p->received;

	s.what = (char *)what;
	env.body_case = ENVELOPE__BODY_SHOW;
	env.show = &s;
	rig_request(p, &env);
	RIG_WAIT(p->received > before && p->last->body_case == ENVELOPE__BODY_SHOW_REPLY);
}

#endif
