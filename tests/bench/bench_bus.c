/* SPDX-License-Identifier: MIT */
/*
 * The bus as tasks use it: two tasks' ends in processes of their own, over the switch of one card or of two,
 * each again a process. Round trips per second and one-way messages per second with so many in flight
 * (window), the time of a round trip, and the CPU time of all processes together per message; one JSON line
 * per row. Messages are envelopes of about 212 bytes. One-way flow control: the receiver tells every quarter
 * of a window how many it got; a window of 1 would be a round trip. Argument: seconds per row (default 0.7).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "bus/bus.h"

#define TEXT       176 /* fills the envelope up to about 212 bytes */
#define START_US   (5 * US_PER_SEC)
#define WARM_UP_US (100 * US_PER_MS)

static const unsigned windows[] = {1, 64, 256};

static void die(const char *what)
{
	fprintf(stderr, "bench_bus: %s\n", what);
	exit(1);
}

/* --- a card
 * ------------------------------------------------------------------------------------------------- */

/* Whoever says hello gets the name it gives; as a card does for the tasks it started. */
static void card_rx(void *arg, const struct bus_rx *rx)
{
	struct bus_switch *s = *(struct bus_switch **)arg;
	Envelope *env = envelope__unpack(NULL, rx->len, rx->data);
	char name[BUS_ADDR_MAX];

	if (env && env->body_case == ENVELOPE__BODY_HELLO) {
		snprintf(name, sizeof(name), "%s/%u", env->hello->facility, env->hello->instance);
		bus_switch_register(s, rx->ret, name);
		bus_switch_ready(s, rx->ret, name);
	}
	if (env)
		envelope__free_unpacked(env, NULL);
}

static void card_main(const char *dir, unsigned slot, unsigned other)
{
	static struct bus_switch *s;
	uv_loop_t loop;

	uv_loop_init(&loop);
	s = bus_switch_new(&loop, dir, slot, card_rx, &s);
	if (!s || (other && bus_switch_peer_up(s, other)))
		die("a card's switch does not open");
	uv_run(&loop, UV_RUN_DEFAULT);
}

/* --- the tasks
 * ---------------------------------------------------------------------------------------------- */

struct task {
	struct bus_client *c;
	uv_loop_t loop;
	uv_timer_t tick;
	char text[TEXT + 1];
	/* sender only */
	bool oneway, begun;
	unsigned window;
	uint64_t sent, done, warm_us, start_us, end_us, start_done, stop_us;
	/* receiver only */
	uint64_t got;
};

static void send_env(struct task *t, const char *dst, Envelope *env)
{
	if (bus_client_send(t->c, dst, env))
		die("a queue is full");
}

static void join(struct task *t, const char *dir, unsigned slot, const char *facility, bus_rx_cb rx)
{
	Envelope env = ENVELOPE__INIT;
	BusHello h = BUS_HELLO__INIT;
	char path[128];

	uv_loop_init(&t->loop);
	memset(t->text, 'x', TEXT);
	snprintf(path, sizeof(path), "%s/card-%u.ipc", dir, slot);
	t->c = bus_client_new(&t->loop, path, facility, rx, t);
	if (!t->c)
		die("a task's end does not open");
	h.facility = (char *)(uintptr_t)facility;
	h.instance = 1;
	h.active = true;
	env.body_case = ENVELOPE__BODY_HELLO;
	env.hello = &h;
	send_env(t, "", &env);
}

static void reply(struct task *t, const struct bus_rx *rx, const Envelope *req, uint64_t count)
{
	Envelope env = ENVELOPE__INIT;
	ShowReply r = SHOW_REPLY__INIT;

	env.kind = req->kind == ENVELOPE__KIND__REQUEST ? ENVELOPE__KIND__RESPONSE : ENVELOPE__KIND__ONEWAY;
	env.id = req->id;
	env.body_case = ENVELOPE__BODY_SHOW_REPLY;
	env.show_reply = &r;
	r.json = t->text;
	r.next = (uint32_t)count;
	send_env(t, rx->ret, &env);
}

static void receiver_rx(void *arg, const struct bus_rx *rx)
{
	struct task *t = arg;
	Envelope *env = envelope__unpack(NULL, rx->len, rx->data);
	unsigned every;

	if (!env)
		die("a message is damaged");
	if (env->body_case == ENVELOPE__BODY_SHOW) {
		every = env->show->limit / 4 ? env->show->limit / 4 : 1;
		t->got++;
		if (env->kind == ENVELOPE__KIND__REQUEST)
			reply(t, rx, env, 1);
		else if (t->got % every == 0)
			reply(t, rx, env, every);
	}
	envelope__free_unpacked(env, NULL);
}

static void receiver_main(const char *dir, unsigned slot)
{
	static struct task t;

	join(&t, dir, slot, "receiver", receiver_rx);
	uv_run(&t.loop, UV_RUN_DEFAULT);
}

static void send_one(struct task *t, bool request)
{
	Envelope env = ENVELOPE__INIT;
	Show s = SHOW__INIT;

	env.kind = request ? ENVELOPE__KIND__REQUEST : ENVELOPE__KIND__ONEWAY;
	env.src = (char *)(uintptr_t) "sender/1";
	env.id = ++t->sent;
	env.body_case = ENVELOPE__BODY_SHOW;
	env.show = &s;
	s.what = (char *)(uintptr_t) "bench";
	s.args = t->text;
	s.limit = t->window;
	send_env(t, "receiver/1", &env);
}

/* Something came back: count it, and fill the window again. */
static void progress(struct task *t, uint64_t count)
{
	uint64_t now = clock_now_us();

	t->done += count;
	if (!t->start_us && now >= t->warm_us) {
		t->start_us = now;
		t->start_done = t->done;
		t->stop_us += now;
	} else if (t->start_us && now >= t->stop_us) {
		t->end_us = now;
		uv_stop(&t->loop);
		return;
	}
	while (t->sent - t->done < t->window)
		send_one(t, !t->oneway);
}

static void sender_rx(void *arg, const struct bus_rx *rx)
{
	struct task *t = arg;
	Envelope *env = envelope__unpack(NULL, rx->len, rx->data);

	if (!env)
		die("a message is damaged");
	if (env->body_case == ENVELOPE__BODY_SHOW_REPLY && !t->begun) {
		t->begun = true; /* the way is open: the probes below do not count */
		uv_timer_stop(&t->tick);
		t->sent = t->done = 0;
		t->warm_us = clock_now_us() + WARM_UP_US;
		progress(t, 0);
	} else if (env->body_case == ENVELOPE__BODY_SHOW_REPLY && t->sent && env->id <= t->sent) {
		progress(t, env->show_reply->next);
	}
	envelope__free_unpacked(env, NULL);
}

/* Ask until the other end is there. */
static void probe(uv_timer_t *timer)
{
	struct task *t = timer->data;

	if (clock_now_us() > t->warm_us)
		die("the other end does not answer");
	send_one(t, true);
}

static void sender_run(struct task *t, const char *dir, uint64_t us)
{
	t->stop_us = us;
	t->warm_us = clock_now_us() + START_US;
	join(t, dir, 1, "sender", sender_rx);
	uv_timer_init(&t->loop, &t->tick);
	t->tick.data = t;
	uv_timer_start(&t->tick, probe, 20, 50);
	uv_run(&t->loop, UV_RUN_DEFAULT);
}

/* --- a row
 * -------------------------------------------------------------------------------------------------- */

static pid_t start(const char *dir, bool card, unsigned slot, unsigned other)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (card)
		card_main(dir, slot, other);
	else
		receiver_main(dir, slot);
	_exit(0);
}

static double cpu_s(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* In a process of its own, because ZeroMQ's threads do not survive a fork. */
static void row(unsigned cards, bool oneway, unsigned window, double seconds)
{
	static struct task t = {.oneway = false};
	char dir[] = "/tmp/orrery-bench-XXXXXX", cmd[64];
	pid_t pid[3];
	unsigned n = 0;
	double wall, cpu;
	uint64_t count;

	if (!mkdtemp(dir))
		die("no directory");
	pid[n++] = start(dir, true, 1, cards == 2 ? 2 : 0);
	if (cards == 2)
		pid[n++] = start(dir, true, 2, 1);
	pid[n++] = start(dir, false, cards, 0);
	t.oneway = oneway;
	t.window = window;
	sender_run(&t, dir, (uint64_t)(seconds * US_PER_SEC));
	for (unsigned i = 0; i < n; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	count = t.done - t.start_done;
	wall = (double)(t.end_us - t.start_us) / US_PER_SEC;
	cpu = cpu_s(RUSAGE_SELF) + cpu_s(RUSAGE_CHILDREN);
	printf("{\"bench\":\"bus\",\"cards\":%u,\"what\":\"%s\",\"window\":%u,\"per_s\":%.0f,\"us_each\":%."
	       "1f,"
	       "\"cpu_us_each\":%.1f}\n",
	       cards, oneway ? "one-way" : "round-trip", window, (double)count / wall,
	       oneway ? wall * 1e6 / (double)count : wall * 1e6 * window / (double)count,
	       cpu * 1e6 / (double)t.done);
	fflush(stdout);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	_exit(system(cmd) != 0);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.7;
	int status, bad = 0;

	for (unsigned cards = 1; cards <= 2; cards++) {
		for (unsigned i = 0; i < 6; i++) {
			bool oneway = i >= 3;
			pid_t pid;

			if (oneway && windows[i % 3] == 1)
				continue;
			fflush(stdout);
			pid = fork();
			if (!pid)
				row(cards, oneway, windows[i % 3], seconds);
			if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
				bad = 1;
		}
	}
	return bad;
}
