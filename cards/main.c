/* SPDX-License-Identifier: MIT */
/*
 * orrery-card: one card. Reads who it is, opens its switch, tells the backplane it is there, starts the tasks
 * every card of its type has (lib/place table), then does what hatsystem orders. When this process dies, so
 * does every task of the card.
 */
#include "card.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

void card_bp_send(struct card *c, BpMessage *m)
{
	int rc = bp_send(c->bp, m, NULL, 0);

	if (rc < 0)
		LOG(EV_BUS_ERROR, "backplane: %s", strerror(-rc));
}

static void send_heartbeat(struct card *c)
{
	BpMessage m = BP_MESSAGE__INIT;
	BpHeartbeat hb = BP_HEARTBEAT__INIT;

	hb.slot = c->slot;
	hb.state = c->state;
	hb.ready = c->arbitrated && procs_all_ready(c);
	for (struct proc *p = c->procs; p; p = p->next)
		hb.tasks++;
	m.body_case = BP_MESSAGE__BODY_HEARTBEAT;
	m.heartbeat = &hb;
	card_bp_send(c, &m);
}

void card_set_state(struct card *c, const char *state)
{
	if (!strcmp(c->state, state))
		return;
	LOG(EV_CARD_STATE, "card %u: %s -> %s", c->slot, c->state, state);
	snprintf(c->state, sizeof(c->state), "%s", state);
	report_changed(c);
	send_heartbeat(c);
}

/* --- backplane ---------------------------------------------------------------------------------------------
 */

/* The tasks a card of this type starts by itself. */
static void start_static(struct card *c)
{
	size_t n;
	const struct place_facility *f = place_facilities(&n);

	for (size_t i = 0; i < n; i++) {
		if (f[i].where == PLACE_MIO && c->type->management)
			proc_start(c, f[i].name, 0, 0, c->active_mio != c->slot);
		if (f[i].where == PLACE_PROC && c->type->processing)
			proc_start(c, f[i].name, c->slot * 10, 0, false);
	}
}

static void activate_controllers(struct card *c, const char *reason)
{
	for (struct proc *p = c->procs; p; p = p->next) {
		const struct place_facility *f = place_facility(p->facility);

		if (f && f->where == PLACE_MIO && p->state == PROC_STANDBY)
			proc_activate(p, p->instance, reason);
	}
}

static void arbitration(struct card *c, const BpArbitration *a)
{
	unsigned before = c->active_mio;
	bool standby_before = c->arbitrated && before != c->slot;

	c->active_mio = a->active_mio;
	if (!c->arbitrated && c->active_mio) {
		c->arbitrated = true;
		start_static(c);
		if (!c->type->management && !c->type->processing)
			card_set_state(c, "active");
	}
	if (c->type->management && c->active_mio)
		card_set_state(c, c->active_mio == c->slot ? "active" : "standby");
	/* before is 0 when for a time there was none. */
	if (c->type->management && c->active_mio == c->slot && standby_before) {
		LOG(EV_CARD_STATE, "card %u takes over as management card from %u: %s", c->slot, before,
		    a->reason);
		for (unsigned n = 1; n <= PROFILE_SLOTS_MAX; n++)
			fabric_watch(c, n);
		activate_controllers(c, "switchover");
		report_card_event(c, CARD_EVENT__WHAT__MIO_SWITCHOVER, before, a->reason, a->at_wall_us);
	}
	send_heartbeat(c);
}

static void presence(struct card *c, const BpPresence *p)
{
	if (p->slot < 1 || p->slot > PROFILE_SLOTS_MAX || p->slot == c->slot)
		return;
	if (p->hung) {
		report_card_event(c, CARD_EVENT__WHAT__HUNG, p->slot, p->reason, p->at_wall_us);
		return;
	}
	c->peer[p->slot] = p->up;
	c->peer_pid[p->slot] = p->pid;
	fabric_watch(c, p->slot);
	if (p->up)
		bus_switch_peer_up(c->bus, p->slot);
	else
		bus_switch_peer_down(c->bus, p->slot);
	report_card_event(c, p->up ? CARD_EVENT__WHAT__UP : CARD_EVENT__WHAT__DOWN, p->slot, p->reason,
	                  p->at_wall_us);
	report_tick(c);
}

static void spawn_cli(struct card *c, const BpSpawnCli *sp, const int *fds, int n)
{
	BpMessage m = BP_MESSAGE__INIT;
	BpSpawned s = BP_SPAWNED__INIT;
	int rc = n == 3 ? proc_spawn_cli(c, sp, fds) : -EINVAL;

	s.request = sp->request;
	s.pid = rc;
	if (rc < 0) {
		s.ended = true;
		s.status = 1;
		s.text = strerror(-rc);
	}
	m.body_case = BP_MESSAGE__BODY_SPAWNED;
	m.spawned = &s;
	card_bp_send(c, &m);
}

/* The message gives its body away. */
static void hardware(struct card *c, BpMessage *m)
{
	report_hardware(c, m->hardware);
	m->hardware = NULL;
	m->body_case = BP_MESSAGE__BODY__NOT_SET;
}

static void bp_cb(uv_poll_t *h, int status, int events)
{
	struct card *c = h->data;
	int fds[BP_FDS_MAX], n, err;
	BpMessage *m = bp_recv(c->bp, fds, &n, &err);

	(void)status;
	(void)events;
	if (!m) {
		if (err != -EAGAIN && err != -EBADMSG) /* no backplane, no card */
			exit(1);
		return;
	}
	if (m->body_case == BP_MESSAGE__BODY_ARBITRATION)
		arbitration(c, m->arbitration);
	else if (m->body_case == BP_MESSAGE__BODY_PRESENCE)
		presence(c, m->presence);
	else if (m->body_case == BP_MESSAGE__BODY_LINK)
		bus_switch_cut(c->bus, m->link->slot, m->link->cut);
	else if (m->body_case == BP_MESSAGE__BODY_SPAWN_CLI)
		spawn_cli(c, m->spawn_cli, fds, n);
	else if (m->body_case == BP_MESSAGE__BODY_HARDWARE)
		hardware(c, m);
	bp_message__free_unpacked(m, NULL);
	while (n > 0)
		close(fds[--n]);
}

/* --- bus ---------------------------------------------------------------------------------------------------
 */

void card_reply_status(struct card *c, const struct bus_rx *rx, const Envelope *req, int code,
                       const char *text)
{
	Envelope env = ENVELOPE__INIT;
	Status st = STATUS__INIT;

	if (req->kind != ENVELOPE__KIND__REQUEST)
		return;
	st.code = code;
	st.text = (char *)text;
	env.kind = ENVELOPE__KIND__RESPONSE;
	env.id = req->id;
	env.body_case = ENVELOPE__BODY_STATUS;
	env.status = &st;
	bus_switch_send(c->bus, rx->ret, &env);
}

static int order_one(struct card *c, const TaskOrder *o)
{
	struct proc *p;

	switch (o->what) {
	case TASK_ORDER__WHAT__START:
		if (!place_facility(o->facility) || o->cpu >= (c->type->cpus ? c->type->cpus : 1))
			return -EINVAL;
		return proc_start(c, o->facility, o->instance, o->cpu, o->standby);
	case TASK_ORDER__WHAT__ASSUME:
		if (proc_find(c, o->facility, o->instance))
			return 0;
		p = proc_find(c, o->facility, o->from_instance);
		if (!p || p->state != PROC_STANDBY)
			return -EAGAIN;
		p->assumed = true;
		p->died_at = clock_now_us();
		proc_activate(p, o->instance, "assume");
		return 0;
	case TASK_ORDER__WHAT__STOP:
	case TASK_ORDER__WHAT__KILL:
	case TASK_ORDER__WHAT__CORE:
		p = proc_find(c, o->facility, o->instance);
		if (!p) /* it ended by itself meanwhile */
			return 0;
		if (o->what == TASK_ORDER__WHAT__STOP)
			proc_stop(p);
		else if (o->what == TASK_ORDER__WHAT__CORE)
			proc_kill(p, SIGABRT, "task core"); /* it writes its minicore itself */
		else
			proc_kill(p, SIGKILL, "task kill");
		return 0;
	default:
		return -EINVAL;
	}
}

static void orders(struct card *c, const struct bus_rx *rx, const Envelope *env)
{
	const TaskOrders *to = env->task_orders;
	int rc = 0;

	for (size_t i = 0; i < to->n_orders; i++) {
		int one = order_one(c, to->orders[i]);

		if (one < 0) {
			LOG(EV_TASK_FAILED, "order %d for %s/%u: %s", (int)to->orders[i]->what,
			    to->orders[i]->facility, to->orders[i]->instance, strerror(-one));
			rc = one;
		}
	}
	report_changed(c);
	card_reply_status(c, rx, env, rc, rc ? strerror(-rc) : "");
}

/* hatsystem's power line: "power cycle|restart|off|on SLOT REASON", "power reload 0 REASON" for the whole
 * chassis. */
static void power(struct card *c, const char *args)
{
	BpMessage m = BP_MESSAGE__INIT;
	BpPower p = BP_POWER__INIT;
	char verb[16] = "";
	int used = 0;

	if (sscanf(args, "%15s %u %n", verb, &p.slot, &used) < 2)
		return;
	p.what = !strcmp(verb, "off")       ? BP_POWER__WHAT__OFF
	         : !strcmp(verb, "on")      ? BP_POWER__WHAT__ON
	         : !strcmp(verb, "restart") ? BP_POWER__WHAT__RESTART
	         : !strcmp(verb, "reload")  ? BP_POWER__WHAT__RELOAD
	                                    : BP_POWER__WHAT__CYCLE;
	p.reason = (char *)(args + used);
	m.body_case = BP_MESSAGE__BODY_POWER;
	m.power = &p;
	card_bp_send(c, &m);
}

/* hatsystem's steering line: the ipsecmgr instances without new peers, as numbers. */
static void steer(struct card *c, const char *args)
{
	BpMessage m = BP_MESSAGE__INIT;
	BpSteer s = BP_STEER__INIT;
	uint32_t list[255];
	int used;

	s.closed = list;
	for (; s.n_closed < 255 && sscanf(args, "%u %n", &list[s.n_closed], &used) == 1; args += used)
		s.n_closed++;
	m.body_case = BP_MESSAGE__BODY_STEER;
	m.steer = &s;
	card_bp_send(c, &m);
}

static void from_own_task(struct card *c, struct proc *p, const Envelope *env)
{
	switch (env->body_case) {
	case ENVELOPE__BODY_READY:
		proc_ready(p, env->ready);
		send_heartbeat(c);
		break;
	case ENVELOPE__BODY_SUBSCRIBE:
		bus_switch_subscribe(c->bus, p->identity, env->subscribe->topic);
		break;
	default:
		LOG(EV_BUS_REFUSED, "message %d of %s/%u to its card refused", (int)env->body_case,
		    p->facility, p->instance);
	}
}

static void from_others(struct card *c, const struct bus_rx *rx, const Envelope *env)
{
	bool hat = !strcmp(rx->src, "hatsystem/0");

	if (env->body_case == ENVELOPE__BODY_PING) {
		fabric_heard(c, rx->src);
	} else if (env->body_case == ENVELOPE__BODY_SHOW) {
		report_show(c, rx, env);
	} else if (env->body_case == ENVELOPE__BODY_TASK_ORDERS && hat) {
		orders(c, rx, env);
	} else if (env->body_case == ENVELOPE__BODY_CARD_SET_STATE && hat) {
		card_set_state(c, env->card_set_state->state);
		card_reply_status(c, rx, env, 0, "");
	} else if (env->body_case == ENVELOPE__BODY_CONTROL && hat && !strcmp(env->control->what, "power")) {
		power(c, env->control->args);
		card_reply_status(c, rx, env, 0, "");
	} else if (env->body_case == ENVELOPE__BODY_CONTROL && hat && !strcmp(env->control->what, "steer")) {
		steer(c, env->control->args);
		card_reply_status(c, rx, env, 0, "");
	} else if (env->kind == ENVELOPE__KIND__RESPONSE && hat) {
		report_acked(c, env->id);
	} else if (env->kind != ENVELOPE__KIND__RESPONSE) {
		LOG(EV_BUS_REFUSED, "message %d of %s to this card refused", (int)env->body_case, rx->src);
		card_reply_status(c, rx, env, -EOPNOTSUPP, "a card does not take this message");
	}
}

static void bus_cb(void *arg, const struct bus_rx *rx)
{
	struct card *c = arg;
	Envelope *env = envelope__unpack(NULL, rx->len, rx->data);
	const char *identity = strchr(rx->ret, ':');
	struct proc *p;

	if (!env) {
		LOG(EV_BUS_MALFORMED, "%zu bytes of %s are no envelope", rx->len,
		    rx->src[0] ? rx->src : "an unknown process");
		return;
	}
	if (!rx->src[0]) {
		if (env->body_case == ENVELOPE__BODY_HELLO)
			proc_hello(c, rx->ret, env->hello);
	} else if (!rx->dst[0]) {
		p = identity ? proc_by_identity(c, identity + 1) : NULL;
		if (p)
			from_own_task(c, p, env);
	} else {
		from_others(c, rx, env);
	}
	envelope__free_unpacked(env, NULL);
}

/* --- start -------------------------------------------------------------------------------------------------
 */

static void heartbeat_cb(uv_timer_t *h)
{
	struct card *c = h->data;

	send_heartbeat(c);
	fabric_tick(c);
	report_tick(c);
	usage_tick(c);
	proc_heartbeats(c);
}

static void routes_cb(void *arg)
{
	report_tick(arg);
}

static int env_copy(const char *name, char *out, size_t size)
{
	const char *v = getenv(name);

	if (!v || !*v || strlen(v) >= size)
		return -EINVAL;
	snprintf(out, size, "%s", v);
	return 0;
}

static int identity(struct card *c, int argc, char **argv, char *err, size_t size)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (argc != 3 || n < 0 || sscanf(argv[1], "%u", &c->slot) != 1 ||
	    !(c->type = card_type_find(argv[2])) ||
	    env_copy("ORRERY_CHASSIS", c->chassis, sizeof(c->chassis)) < 0 ||
	    env_copy("ORRERY_RUN", c->run_dir, sizeof(c->run_dir)) < 0 ||
	    env_copy("ORRERY_STATE", c->state_dir, sizeof(c->state_dir)) < 0 ||
	    env_copy("ORRERY_BOOT", c->boot_id, sizeof(c->boot_id)) < 0 ||
	    env_copy("ORRERY_PROFILE", c->profile_path, sizeof(c->profile_path)) < 0) {
		snprintf(err, size, "a card is started by orreryd, not by hand");
		return -EINVAL;
	}
	exe[n] = 0;
	snprintf(c->libexec, sizeof(c->libexec), "%s", dirname(exe));
	return profile_read(c->profile_path, &c->profile, err, size);
}

static int start(struct card *c)
{
	BpMessage m = BP_MESSAGE__INIT;
	BpCardHello h = BP_CARD_HELLO__INIT;

	c->bus = bus_switch_new(c->loop, c->run_dir, c->slot, bus_cb, c);
	if (!c->bus)
		return -errno;
	bus_switch_on_routes(c->bus, routes_cb);
	bus_switch_hold(c->bus, c->profile.card_hang_ms);
	c->bp = bp_connect(c->run_dir);
	if (c->bp < 0)
		return c->bp;
	fcntl(c->bp, F_SETFL, fcntl(c->bp, F_GETFL) | O_NONBLOCK);
	uv_poll_init(c->loop, &c->bp_poll, c->bp);
	uv_timer_init(c->loop, &c->heartbeat);
	uv_timer_init(c->loop, &c->report);
	c->bp_poll.data = c->heartbeat.data = c->report.data = c;
	uv_poll_start(&c->bp_poll, UV_READABLE, bp_cb);
	/* The switch is bound before anybody hears of the card. */
	h.slot = c->slot;
	h.pid = getpid();
	m.body_case = BP_MESSAGE__BODY_CARD_HELLO;
	m.card_hello = &h;
	card_bp_send(c, &m);
	uv_timer_start(&c->heartbeat, heartbeat_cb, 20, c->profile.card_heartbeat_ms);
	return 0;
}

/*
 * A card's processes pass work on to each other in short steps. Scheduled as a batch, whoever is woken waits
 * until the one that works is done, so a busy card handles what has come together at once instead of changing
 * places for each message; an idle one loses nothing. Tasks inherit it; the data path's threads are not of
 * it.
 */
static void schedule(void)
{
	struct sched_param none = {0};

	if (sched_setscheduler(0, SCHED_BATCH, &none) < 0)
		LOG(EV_SYSCALL, "sched_setscheduler: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	static struct card card;
	struct card *c = &card;
	char err[400] = "";
	int rc;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	if (identity(c, argc, argv, err, sizeof(err)) < 0) {
		fprintf(stderr, "orrery-card: %s\n", err);
		return 2;
	}
	log_init("card", c->slot, c->slot, 0);
	schedule();
	clock_page_follow(c->run_dir);
	c->loop = uv_default_loop();
	c->boot_wall = clock_wall_us();
	snprintf(c->state, sizeof(c->state), "booting");
	rc = start(c);
	if (rc < 0) {
		LOG(EV_BUS_ERROR, "card %u cannot start: %s", c->slot, strerror(-rc));
		return 1;
	}
	uv_run(c->loop, UV_RUN_DEFAULT);
	return 0;
}
