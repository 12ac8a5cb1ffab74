/* SPDX-License-Identifier: MIT */
/*
 * No message waits in ZeroMQ while the loop sleeps. What a handler of the last moment before the loop blocks
 * has sent may take the one notice of a message that has just come; this has it taken, by standing in front
 * of zmq_send(). The far end has a loop of its own, so that nothing but the message wakes the near one.
 */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bus/bus.h"

#define DEADLINE_MS 10000
#define ZEROMQ_FD   14 /* ZMQ_FD: only lib/bus includes zmq.h */
#define THROTTLE_US                                                                                          \
	(50 * US_PER_MS) /* a send looks for commands when the last look was a millisecond ago               \
	                  */

int zmq_send(void *sock, const void *buf, size_t len, int flags);
int zmq_getsockopt(void *sock, int option, void *value, size_t *len);

static struct bus_switch *card;
static struct bus_client *task;
static uv_loop_t far, near;
static char identity[BUS_ADDR_MAX];
static void *task_sock; /* the first that sends */
static bool armed, stolen, late;
static unsigned hellos, got;

/* Has something come to the task that it has not been told? */
static bool notified(int timeout_ms)
{
	struct pollfd p = {.events = POLLIN};
	size_t len = sizeof(p.fd);

	cr_assert_eq(zmq_getsockopt(task_sock, ZEROMQ_FD, &p.fd, &len), 0);
	return poll(&p, 1, timeout_ms) > 0;
}

static void card_says(uint64_t id)
{
	Envelope env = ENVELOPE__INIT;
	Show s = SHOW__INIT;
	char to[BUS_ADDR_MAX + 8];

	snprintf(to, sizeof(to), "@1:%.30s", identity);
	env.kind = ENVELOPE__KIND__REQUEST;
	env.id = id;
	env.body_case = ENVELOPE__BODY_SHOW;
	env.show = &s;
	cr_assert_eq(bus_switch_send(card, to, &env), 0);
	cr_assert(notified(DEADLINE_MS), "message %d does not come", (int)id);
}

int zmq_send(void *sock, const void *buf, size_t len, int flags)
{
	static int (*real)(void *, const void *, size_t, int);
	uint64_t now = clock_now_us();

	if (!real)
		real = (int (*)(void *, const void *, size_t, int))dlsym(RTLD_NEXT, "zmq_send");
	if (!task_sock)
		task_sock = sock;
	if (armed && sock == task_sock) {
		armed = false;
		card_says(2);
		while (clock_now_us() < now + THROTTLE_US)
			;
		flags = real(sock, buf, len, flags);
		stolen = !notified(0);
		return flags;
	}
	return real(sock, buf, len, flags);
}

static void say(Envelope__Kind kind, uint64_t id)
{
	Envelope env = ENVELOPE__INIT;
	BusHello h = BUS_HELLO__INIT;

	h.facility = (char *)"task";
	env.kind = kind;
	env.id = id;
	env.body_case = ENVELOPE__BODY_HELLO;
	env.hello = &h;
	cr_assert_eq(bus_client_send(task, "", &env), 0);
}

static void task_rx(void *arg, const struct bus_rx *rx)
{
	Envelope *env = envelope__unpack(NULL, rx->len, rx->data);

	(void)arg;
	cr_assert_not_null(env);
	if (env->body_case == ENVELOPE__BODY_SHOW) {
		got = (unsigned)env->id;
		if (got == 1)
			say(ENVELOPE__KIND__RESPONSE,
			    1); /* waits for the cork: it goes out after the last look */
		else
			uv_stop(&near);
	}
	envelope__free_unpacked(env, NULL);
}

static void card_rx(void *arg, const struct bus_rx *rx)
{
	(void)arg;
	if (!hellos++)
		snprintf(identity, sizeof(identity), "%s", rx->ret);
}

static void too_late(uv_timer_t *t)
{
	late = true;
	uv_stop(t->loop);
}

/* The last thing before the loop looks for messages and blocks. */
static void message_comes(uv_timer_t *t)
{
	(void)t;
	if (notified(0)) /* of something else: not yet */
		return;
	uv_timer_stop(t);
	say(ENVELOPE__KIND__ONEWAY, 0); /* so it looks before it blocks */
	armed = true;
	card_says(1);
}

Test(bus_edge, a_message_is_seen_though_a_send_took_its_notice, .timeout = 60)
{
	char dir[] = "/tmp/orrery-edge-XXXXXX", path[64];
	uint64_t end = clock_now_us() + DEADLINE_MS * US_PER_MS;
	uv_timer_t start, stop;

	cr_assert_not_null(mkdtemp(dir));
	uv_loop_init(&far);
	uv_loop_init(&near);
	card = bus_switch_new(&far, dir, 1, card_rx, NULL);
	cr_assert_not_null(card);
	snprintf(path, sizeof(path), "%s/card-1.ipc", dir);
	task = bus_client_new(&near, path, "t1", task_rx, NULL);
	cr_assert_not_null(task);
	say(ENVELOPE__KIND__ONEWAY, 0);
	while (!hellos && clock_now_us() < end)
		uv_run(&far, UV_RUN_NOWAIT);
	cr_assert(hellos);
	uv_run(&near, UV_RUN_NOWAIT); /* it has looked once: from now on it relies on being notified */
	uv_timer_init(&near, &start);
	uv_timer_init(&near, &stop);
	uv_timer_start(&start, message_comes, 1, 1);
	uv_timer_start(&stop, too_late, DEADLINE_MS, 0);
	uv_run(&near, UV_RUN_DEFAULT);
	cr_assert(stolen, "the send left the notice: this proves nothing");
	cr_expect_eq(got, 2, "message %u is the last that was seen", got);
	cr_expect_not(late, "it was seen when something else woke the loop");
}
