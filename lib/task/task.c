/* SPDX-License-Identifier: MIT */
/*
 * Life of a task: identity from the card's environment, hello, init, activate, ready, dispatch, stop. The
 * card is the parent: if it dies, so does this process (PR_SET_PDEATHSIG), in whatever it was doing. Entry
 * point: task_main(), called by tasks/.
 */
#include "task/task_fault.h"
#include "task/task_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "task/crash.h"

/* --- identity ----------------------------------------------------------------------------------------------
 */

static int env_copy(const char *name, char *out, size_t size)
{
	const char *v = getenv(name);

	if (!v || !*v || strlen(v) >= size)
		return -EINVAL;
	snprintf(out, size, "%s", v);
	return 0;
}

/* argv: FACILITY INSTANCE CARD/CPU active|standby; the rest comes by environment, so that `ps` reads well. */
static int identity_read(struct task *t, int argc, char **argv, bool *standby)
{
	if (argc < 4 || sscanf(argv[1], "%u", &t->instance) != 1 ||
	    sscanf(argv[2], "%u/%u", &t->card, &t->cpu) != 2)
		return -EINVAL;
	*standby = !strcmp(argv[3], "standby");
	snprintf(t->addr, sizeof(t->addr), "%s/%u", t->ops->facility, t->instance);
	if (env_copy("ORRERY_CHASSIS", t->chassis, sizeof(t->chassis)) < 0 ||
	    env_copy("ORRERY_RUN", t->run_dir, sizeof(t->run_dir)) < 0 ||
	    env_copy("ORRERY_STATE", t->state_dir, sizeof(t->state_dir)) < 0 ||
	    env_copy("ORRERY_BOOT", t->boot_id, sizeof(t->boot_id)) < 0 ||
	    env_copy("ORRERY_PROFILE", t->profile, sizeof(t->profile)) < 0 ||
	    env_copy("ORRERY_TOKEN", t->bus->token, sizeof(t->bus->token)) < 0)
		return -EINVAL;
	unsetenv("ORRERY_TOKEN");
	snprintf(t->bus->identity, sizeof(t->bus->identity), "t%d-%08x", (int)getpid(), random_u32());
	return 0;
}

/* The card gave us the write end of its life line as descriptor 3: keep it open, but give it to nobody else.
 */
static void process_setup(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	fcntl(3, F_SETFD, FD_CLOEXEC);
}

/* --- talking to the card -----------------------------------------------------------------------------------
 */

static int to_card(struct task *t, Envelope *env)
{
	env->kind = ENVELOPE__KIND__ONEWAY;
	return bus_client_send(t->bus->client, "", env);
}

static void say_hello(struct task *t)
{
	Envelope env = ENVELOPE__INIT;
	BusHello h = BUS_HELLO__INIT;

	h.facility = (char *)t->ops->facility;
	h.instance = t->instance;
	h.pid = getpid();
	h.run_token = t->bus->token;
	env.body_case = ENVELOPE__BODY_HELLO;
	env.hello = &h;
	to_card(t, &env);
}

static void say_ready(struct task *t, bool active, uint32_t recovered)
{
	Envelope env = ENVELOPE__INIT;
	BusReady r = BUS_READY__INIT;

	r.active = active;
	r.recovered = recovered;
	env.body_case = ENVELOPE__BODY_READY;
	env.ready = &r;
	to_card(t, &env);
}

int task_subscribe(struct task *t, const char *topic)
{
	Envelope env = ENVELOPE__INIT;
	BusSubscribe s = BUS_SUBSCRIBE__INIT;

	s.topic = (char *)topic;
	env.body_case = ENVELOPE__BODY_SUBSCRIBE;
	env.subscribe = &s;
	return to_card(t, &env);
}

static bool sessions(void *arg, uint32_t *n)
{
	struct task *t = arg;

	if (!t->ops->sessions || !t->active)
		return false;
	*n = t->ops->sessions(t);
	return true;
}

void task_alive(struct task *t)
{
	if (t->bus)
		beat_now(&t->bus->beat);
}

/* `ps` and `orrery fault` know a task by its arguments; a standby instance that takes a number over says so
 * there. */
static char **the_argv;

static void rename_process(const struct task *t)
{
	size_t room1 = strlen(the_argv[1]), room3 = strlen(the_argv[3]);
	char number[16];

	snprintf(number, sizeof(number), "%u", t->instance);
	if (strlen(number) <= room1) {
		memset(the_argv[1], 0, room1);
		memcpy(the_argv[1], number, strlen(number));
	}
	if (room3 >= 6) {
		memset(the_argv[3], 0, room3);
		memcpy(the_argv[3], "active", 6);
	}
}

static void activate(struct task *t, uint32_t instance, const char *reason)
{
	int rc = 0;

	if (t->active)
		return;
	t->instance = instance;
	snprintf(t->addr, sizeof(t->addr), "%s/%u", t->ops->facility, instance);
	log_init(t->ops->facility, instance, t->card, t->cpu);
	crash_rename(instance);
	rename_process(t);
	t->active = true;
	LOG(EV_TASK_ACTIVATE, "%s becomes active on %u/%u: %s", t->addr, t->card, t->cpu, reason);
	if (t->ops->activate)
		rc = t->ops->activate(t, reason);
	else
		task_ready(t, 0);
	if (rc < 0) {
		LOG(EV_TASK_FAILED, "%s cannot become active: %s", t->addr, strerror(-rc));
		task_exit(t, 1);
	}
}

void task_ready(struct task *t, uint32_t recovered)
{
	if (t->ready)
		return;
	t->ready = true;
	LOG(EV_TASK_READY, "%s is ready, %u recovered", t->addr, recovered);
	say_ready(t, true, recovered);
}

void task_exit(struct task *t, int status)
{
	t->exit_status = status;
	task_log_flush(t);
	uv_stop(t->loop);
}

/* --- dispatch ----------------------------------------------------------------------------------------------
 */

int task_add_route(struct task *t, const struct task_route *row)
{
	struct task_extra_route *x = calloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	x->row = *row;
	x->next = t->bus->extra;
	t->bus->extra = x;
	return 0;
}

/* Is the facility of src in the comma-separated list? */
static bool sender_allowed(const char *list, const char *src)
{
	size_t n = strcspn(src, "/");

	if (!strcmp(list, "*"))
		return true;
	for (const char *p = list; *p;) {
		size_t k = strcspn(p, ", ");

		if (k == n && !strncmp(p, src, n))
			return true;
		p += k;
		p += strspn(p, ", ");
	}
	return false;
}

/* A sender that goes on and on does not fill the log: the first ones, then ever fewer. */
static bool worth_a_line(uint64_t n)
{
	return n <= 10 || (n & (n - 1)) == 0;
}

static void refuse(struct task *t, const struct bus_msg *m, const char *why)
{
	if (worth_a_line(++t->bus->refused))
		LOG(EV_BUS_REFUSED, "message %d from %s refused: %s", (int)m->env->body_case, m->src, why);
	if (m->id)
		task_reply_status(t, m, -EOPNOTSUPP, "%s does not take this message (%s)", t->addr, why);
}

static void run_route(struct task *t, const struct bus_msg *m, const struct task_route *row)
{
	if (!sender_allowed(row->senders, m->src))
		refuse(t, m, "sender not allowed");
	else
		row->handle(t, m);
}

static void dispatch(struct task *t, const struct bus_msg *m)
{
	bool found = false;

	for (size_t i = 0; i < t->ops->n_routes && !found; i++)
		if (t->ops->routes[i].type == m->env->body_case) {
			run_route(t, m, &t->ops->routes[i]);
			found = true;
		}
	for (struct task_extra_route *x = t->bus->extra; x; x = x->next)
		if (x->row.type == m->env->body_case && (!found || m->topic)) {
			run_route(t, m, &x->row);
			found = true;
		}
	if (!found)
		refuse(t, m, "unknown");
}

/* Messages of the runtime itself; only our own card may send them. */
static bool from_card(struct task *t, const struct bus_msg *m)
{
	switch (m->env->body_case) {
	case ENVELOPE__BODY_ROUTE:
		task_peer_routes(t, m->env->route);
		return true;
	case ENVELOPE__BODY_ACTIVATE:
		activate(t, m->env->activate->instance, m->env->activate->reason);
		return true;
	case ENVELOPE__BODY_STOP:
		if (t->ops->stop)
			t->ops->stop(t);
		task_exit(t, 0);
		return true;
	default:
		return false;
	}
}

static void rx(void *arg, const struct bus_rx *rx)
{
	struct task *t = arg;
	Envelope *env = bus_arena_unpack(&t->bus->arena, rx->data, rx->len);
	struct bus_msg m = {.src = rx->src, .ret = rx->ret};
	char self[BUS_ADDR_MAX];

	if (!env) {
		if (worth_a_line(++t->bus->bad))
			LOG(EV_BUS_REFUSED, "%zu bytes from %s are no envelope", rx->len, rx->src);
		bus_arena_release(&t->bus->arena);
		return;
	}
	m.env = env;
	m.id = env->kind == ENVELOPE__KIND__ONEWAY || env->kind == ENVELOPE__KIND__PUBLISH ? 0 : env->id;
	m.topic = env->kind == ENVELOPE__KIND__PUBLISH ? env->topic : NULL;
	snprintf(self, sizeof(self), "card/%u", t->card);
	if (env->kind == ENVELOPE__KIND__RESPONSE)
		task_req_response(t, &m);
	else if ((strcmp(rx->src, self) || !from_card(t, &m)) && !task_impair(t, &m))
		dispatch(t, &m);
	bus_arena_release(&t->bus->arena);
}

/* --- sending -----------------------------------------------------------------------------------------------
 */

int task_send(struct task *t, const char *dst, Envelope *env)
{
	env->kind = ENVELOPE__KIND__ONEWAY;
	return bus_client_send(t->bus->client, dst, env);
}

int task_publish(struct task *t, const char *topic, Envelope *env)
{
	char dst[BUS_ADDR_MAX];

	snprintf(dst, sizeof(dst), "#%s", topic);
	env->kind = ENVELOPE__KIND__PUBLISH;
	env->topic = (char *)topic;
	return bus_client_send(t->bus->client, dst, env);
}

struct bus_from task_from(const struct bus_msg *m)
{
	struct bus_from f = {.id = m->id};

	snprintf(f.src, sizeof(f.src), "%s", m->src);
	snprintf(f.ret, sizeof(f.ret), "%s", m->ret);
	return f;
}

int task_reply_to(struct task *t, const struct bus_from *from, Envelope *env)
{
	if (!from->id)
		return 0;
	env->kind = ENVELOPE__KIND__RESPONSE;
	env->id = from->id;
	return bus_client_send(t->bus->client, from->ret, env);
}

int task_reply(struct task *t, const struct bus_msg *m, Envelope *env)
{
	struct bus_from f = task_from(m);

	return task_reply_to(t, &f, env);
}

static void reply_status(struct task *t, const struct bus_from *from, int code, const char *fmt, va_list ap)
{
	Envelope env = ENVELOPE__INIT;
	Status st = STATUS__INIT;
	char text[512];

	vsnprintf(text, sizeof(text), fmt, ap);
	st.code = code;
	st.text = text;
	env.body_case = ENVELOPE__BODY_STATUS;
	env.status = &st;
	task_reply_to(t, from, &env);
}

void task_reply_status(struct task *t, const struct bus_msg *m, int code, const char *fmt, ...)
{
	struct bus_from f = task_from(m);
	va_list ap;

	va_start(ap, fmt);
	reply_status(t, &f, code, fmt, ap);
	va_end(ap);
}

void task_reply_status_to(struct task *t, const struct bus_from *from, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	reply_status(t, from, code, fmt, ap);
	va_end(ap);
}

void task_reply_json(struct task *t, const struct bus_msg *m, const char *json)
{
	Envelope env = ENVELOPE__INIT;
	ShowReply r = SHOW_REPLY__INIT;

	r.json = (char *)json;
	env.body_case = ENVELOPE__BODY_SHOW_REPLY;
	env.show_reply = &r;
	task_reply(t, m, &env);
}

/* --- main --------------------------------------------------------------------------------------------------
 */

static void term_cb(uv_signal_t *h, int signum)
{
	struct task *t = h->data;

	(void)signum;
	if (t->ops->stop)
		t->ops->stop(t);
	task_exit(t, 0);
}

static int start(struct task *t, bool standby)
{
	char path[300];
	int rc;

	snprintf(path, sizeof(path), "%s/card-%u.ipc", t->run_dir, t->card);
	t->bus->client = bus_client_new(t->loop, path, t->bus->identity, rx, t);
	if (!t->bus->client)
		return -errno;
	rc = task_req_init(t);
	if (rc < 0)
		return rc;
	task_log_init(t);
	beat_start(&t->bus->beat, t->loop, sessions, t);
	say_hello(t);
	for (size_t i = 0; t->ops->topics && t->ops->topics[i]; i++)
		task_subscribe(t, t->ops->topics[i]);
	rc = t->ops->init ? t->ops->init(t) : 0;
	if (rc < 0)
		return rc;
	if (standby)
		say_ready(t, false, 0);
	else
		activate(t, t->instance, "start");
	return 0;
}

/* `TASK --routes`: what this task takes, from whom and why; for docs/reference and tests/system/messages.sh.
 */
static int print_routes(const struct task_ops *ops)
{
	for (size_t i = 0; i < ops->n_routes; i++) {
		const ProtobufCFieldDescriptor *f =
		        protobuf_c_message_descriptor_get_field(&envelope__descriptor, ops->routes[i].type);

		printf("%s\t%s\t%s\t%s\n", f ? f->name : "?", ops->routes[i].senders, ops->facility,
		       ops->routes[i].story);
	}
	return 0;
}

int task_main(int argc, char **argv, const struct task_ops *ops)
{
	static struct task task;
	static struct bus bus;
	struct task *t = &task;
	uv_signal_t term;
	bool standby = false;
	int rc;

	if (argc == 2 && !strcmp(argv[1], "--routes"))
		return print_routes(ops);
	process_setup();
	beat_join(&bus.beat);
	the_argv = argv;
	t->ops = ops;
	t->bus = &bus;
	t->loop = uv_default_loop();
	if (identity_read(t, argc, argv, &standby) < 0) {
		fprintf(stderr, "%s is a task of an Orrery card; it is started by orrery-card, not by hand\n",
		        ops->facility);
		return 2;
	}
	log_init(ops->facility, t->instance, t->card, t->cpu);
	crash_init(t->state_dir, ops->facility, t->instance, t->card, t->cpu);
	clock_page_follow(t->run_dir);
	task_fault_init(t);
	uv_signal_init(t->loop, &term);
	term.data = t;
	uv_signal_start(&term, term_cb, SIGTERM);
	rc = start(t, standby);
	if (rc < 0) {
		LOG(EV_TASK_FAILED, "%s cannot start: %s", t->addr, strerror(-rc));
		return 1;
	}
	uv_run(t->loop, UV_RUN_DEFAULT);
	task_log_flush(t);
	task_req_free(t);
	/* What libuv and ZeroMQ still hold goes with the process; queued messages get one last chance. */
	uv_run(t->loop, UV_RUN_NOWAIT);
	bus_arena_free(&bus.arena);
	return t->exit_status;
}
