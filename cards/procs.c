/* SPDX-License-Identifier: MIT */
/*
 * Task processes of a card: spawn with a token, see them die (pidfd), miss their beats, restart them with
 * back-off, or let a standby instance on the card assume the failed number. Entry points proc_*(); called by
 * main.c for messages, orders and timers.
 */
#include "card.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define SPAWN_RETRY_MS 500
#define CLI_ARGS_MAX   256 /* as many as orrery cli sends */

static void died(struct proc *p, bool exited, int status);
static int spawn(struct proc *p, const BpSpawnCli *cli, const int *fds);

const char *proc_state_name(enum proc_state s)
{
	static const char *const names[PROC_STATES] = {"starting", "standby", "activating",
	                                               "active",   "hung",    "backoff"};

	return s < PROC_STATES ? names[s] : "?";
}

struct proc *proc_find(struct card *c, const char *facility, uint32_t instance)
{
	for (struct proc *p = c->procs; p; p = p->next)
		if (p->instance == instance && !strcmp(p->facility, facility))
			return p;
	return NULL;
}

struct proc *proc_by_identity(struct card *c, const char *identity)
{
	for (struct proc *p = c->procs; p; p = p->next)
		if (p->identity[0] && !strcmp(p->identity, identity))
			return p;
	return NULL;
}

bool procs_all_ready(const struct card *c)
{
	for (const struct proc *p = c->procs; p; p = p->next)
		if (p->state != PROC_ACTIVE && p->state != PROC_STANDBY && strcmp(p->facility, "cli"))
			return false;
	return true;
}

/* --- spawn -------------------------------------------------------------------------------------------------
 */

struct exec_plan {
	char path[600], card_cpu[16], instance[16];
	char env_text[8][320];
	char *argv[CLI_ARGS_MAX + 5], *envp[48];
};

static void plan_exec(struct proc *p, struct exec_plan *x, const BpSpawnCli *cli)
{
	struct card *c = p->card;
	int n = 0, e = 0;

	snprintf(x->path, sizeof(x->path), "%s/%s", c->libexec, p->facility);
	snprintf(x->instance, sizeof(x->instance), "%u", p->instance);
	snprintf(x->card_cpu, sizeof(x->card_cpu), "%u/%u", c->slot, p->cpu);
	x->argv[n++] = p->facility;
	x->argv[n++] = x->instance;
	x->argv[n++] = x->card_cpu;
	x->argv[n++] = p->standby ? "standby" : "active";
	for (size_t i = 0; cli && i < cli->n_args && n < CLI_ARGS_MAX + 4; i++)
		x->argv[n++] = cli->args[i];
	x->argv[n] = NULL;
	snprintf(x->env_text[0], sizeof(x->env_text[0]), "ORRERY_CHASSIS=%s", c->chassis);
	snprintf(x->env_text[1], sizeof(x->env_text[1]), "ORRERY_RUN=%s", c->run_dir);
	snprintf(x->env_text[2], sizeof(x->env_text[2]), "ORRERY_STATE=%s", c->state_dir);
	snprintf(x->env_text[3], sizeof(x->env_text[3]), "ORRERY_BOOT=%s", c->boot_id);
	snprintf(x->env_text[4], sizeof(x->env_text[4]), "ORRERY_PROFILE=%s", c->profile_path);
	snprintf(x->env_text[5], sizeof(x->env_text[5]), "ORRERY_TOKEN=%s", p->token);
	snprintf(x->env_text[6], sizeof(x->env_text[6]),
	         "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	for (int i = 0; i < 7; i++)
		x->envp[e++] = x->env_text[i];
	for (size_t i = 0; cli && i < cli->n_env && e < 47; i++)
		if (strncmp(cli->env[i], "ORRERY_", 7))
			x->envp[e++] = cli->env[i];
	x->envp[e] = NULL;
}

/* In the child: only calls that are safe after fork() in a process with threads. */
static void exec_child(const struct exec_plan *x, const struct place_facility *f, pid_t parent,
                       const int *fds, int beat_fd)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; fds && i < 3; i++)
		dup2(fds[i], i);
	if (beat_fd >= 0 && dup2(beat_fd, BEAT_FD) == BEAT_FD)
		fcntl(BEAT_FD, F_SETFD, 0); /* it may have been that number already */
	syscall(SYS_close_range, BEAT_FD + (beat_fd >= 0 ? 1u : 0u), ~0u, 0u);
	usage_limits(f);
	execve(x->path, x->argv, x->envp);
	_exit(127);
}

static void free_handle(uv_handle_t *h)
{
	free(h);
}

static void pid_cb(uv_poll_t *h, int status, int events)
{
	struct proc *p = h->data;
	siginfo_t info = {0};

	(void)status;
	(void)events;
	if (waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED | WNOHANG) == 0 && info.si_pid)
		died(p, info.si_code == CLD_EXITED, info.si_status);
}

static void make_token(struct proc *p)
{
	uint8_t raw[16];

	random_bytes(raw, sizeof(raw));
	for (int i = 0; i < 16; i++)
		snprintf(p->token + 2 * i, 3, "%02x", raw[i]);
}

static void drop_beat(struct proc *p)
{
	beat_page_free(p->beat);
	p->beat = NULL;
}

/* A process whose end we would not see does not stay. */
static void unwatched(struct proc *p)
{
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	free(p->poll);
	p->poll = NULL;
	if (p->pidfd >= 0)
		close(p->pidfd);
	p->pidfd = -1;
	p->pid = 0;
	drop_beat(p);
}

static int spawn(struct proc *p, const BpSpawnCli *cli, const int *fds)
{
	struct exec_plan x;
	const struct place_facility *f = place_facility(p->facility);
	pid_t parent = getpid();
	int beat_fd = cli ? -1 : beat_page_new(p->card->profile.task_heartbeat_ms, &p->beat), err;

	if (!cli && beat_fd < 0)
		return beat_fd;
	make_token(p);
	plan_exec(p, &x, cli);
	p->pid = fork();
	err = errno;
	if (p->pid == 0)
		exec_child(&x, f, parent, fds, beat_fd);
	if (beat_fd >= 0)
		close(beat_fd);
	if (p->pid < 0) {
		p->pid = 0;
		drop_beat(p);
		return -err;
	}
	p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	p->poll = malloc(sizeof(*p->poll));
	if (p->pidfd < 0 || !p->poll) {
		unwatched(p);
		return -ENOMEM;
	}
	uv_poll_init(p->card->loop, p->poll, p->pidfd);
	p->poll->data = p;
	uv_poll_start(p->poll, UV_READABLE, pid_cb);
	p->state = PROC_STARTING;
	p->identity[0] = 0;
	p->assumed = false;
	p->started_wall = clock_wall_us();
	p->started_us = clock_now_us();
	silence_end(&p->silence, clock_now_us());
	p->beats = 0;
	usage_start(p);
	p->sessions = 0;
	p->has_sessions = false;
	report_event(p->card, p, TASK_EVENT__WHAT__STARTED, 0, 0, 0);
	return 0;
}

static struct proc *proc_new(struct card *c, const char *facility, uint32_t instance, unsigned cpu,
                             bool standby)
{
	struct proc *p = calloc(1, sizeof(*p)), **pp = &c->procs;

	if (!p)
		return NULL;
	p->card = c;
	snprintf(p->facility, sizeof(p->facility), "%s", facility);
	p->instance = instance;
	p->standby_number = standby ? instance : 0;
	p->cpu = cpu;
	p->standby = standby;
	p->pidfd = p->stat_fd = -1;
	while (*pp)
		pp = &(*pp)->next;
	*pp = p;
	return p;
}

static void proc_free(struct proc *p)
{
	struct proc **pp = &p->card->procs;

	while (*pp && *pp != p)
		pp = &(*pp)->next;
	if (*pp)
		*pp = p->next;
	if (p->timer)
		uv_close((uv_handle_t *)p->timer, free_handle);
	free(p);
}

int proc_start(struct card *c, const char *facility, uint32_t instance, unsigned cpu, bool standby)
{
	struct proc *p = proc_find(c, facility, instance);
	int rc;

	if (p)
		return 0;
	p = proc_new(c, facility, instance, cpu, standby);
	if (!p)
		return -ENOMEM;
	rc = spawn(p, NULL, NULL);
	if (rc < 0)
		proc_free(p);
	report_changed(c);
	return rc;
}

int proc_spawn_cli(struct card *c, const BpSpawnCli *sp, const int *fds)
{
	struct proc *p = proc_new(c, "cli", c->slot * 1000000 + ++c->next_cli, 0, false);
	int rc = p ? 0 : -ENOMEM;

	if (rc == 0) {
		p->cli_request = sp->request;
		p->stopping = true; /* ends when its operator leaves; never restarted */
		rc = spawn(p, sp, fds);
		if (rc < 0)
			proc_free(p);
	}
	return rc < 0 ? rc : (int)p->pid;
}

/* --- life --------------------------------------------------------------------------------------------------
 */

static void send_to(struct proc *p, Envelope *env)
{
	char dst[BUS_ADDR_MAX];

	if (!p->identity[0])
		return;
	snprintf(dst, sizeof(dst), "@%u:%.28s", p->card->slot, p->identity);
	env->kind = ENVELOPE__KIND__ONEWAY;
	bus_switch_send(p->card->bus, dst, env);
}

void proc_activate(struct proc *p, uint32_t instance, const char *reason)
{
	Envelope env = ENVELOPE__INIT;
	BusActivate a = BUS_ACTIVATE__INIT;
	char src[BUS_ADDR_MAX];

	p->state = PROC_ACTIVATING;
	p->instance = instance;
	p->standby = false;
	snprintf(src, sizeof(src), "%s/%u", p->facility, instance);
	bus_switch_rename(p->card->bus, p->identity, src);
	silence_end(&p->silence, clock_now_us());
	a.instance = instance;
	a.reason = (char *)reason;
	a.at_wall_us = clock_wall_us();
	env.body_case = ENVELOPE__BODY_ACTIVATE;
	env.activate = &a;
	send_to(p, &env);
	report_changed(p->card);
}

void proc_hello(struct card *c, const char *identity, const BusHello *h)
{
	struct proc *p = proc_find(c, h->facility, h->instance);
	char src[BUS_ADDR_MAX];

	if (!p || p->pid != h->pid || strcmp(p->token, h->run_token) || p->identity[0] ||
	    strlen(identity) >= 29) {
		LOG(EV_BUS_REFUSED, "a process that says it is %s/%u is refused", h->facility, h->instance);
		return;
	}
	snprintf(p->identity, sizeof(p->identity), "%s", identity);
	snprintf(src, sizeof(src), "%s/%u", p->facility, p->instance);
	bus_switch_register(c->bus, identity, src);
}

static void say_recovered(struct proc *p, const BusReady *r)
{
	uint32_t ms = p->died_at ? (uint32_t)((clock_now_us() - p->died_at) / US_PER_MS) : 0;

	report_event(p->card, p, TASK_EVENT__WHAT__READY, r->recovered, ms,
	             p->assumed ? p->standby_number : 0);
	if (p->restarts || p->assumed)
		report_event(p->card, p, TASK_EVENT__WHAT__RESTARTED, r->recovered, ms,
		             p->assumed ? p->standby_number : 0);
	p->died_at = 0;
}

static bool management_active(const struct card *c)
{
	return c->type->management && c->active_mio == c->slot;
}

void proc_ready(struct proc *p, const BusReady *r)
{
	char addr[BUS_ADDR_MAX];
	const struct place_facility *f = place_facility(p->facility);

	if (r->active) {
		snprintf(addr, sizeof(addr), "%s/%u", p->facility, p->instance);
		bus_switch_ready(p->card->bus, p->identity, addr);
		p->state = PROC_ACTIVE;
		say_recovered(p, r);
	} else if (p->state == PROC_STARTING) {
		p->state = PROC_STANDBY;
		if (p->restarts && p->died_at) /* the spare itself had failed */
			say_recovered(p, r);
		/* The other MIO died while this controller was starting. */
		if (f && f->where == PLACE_MIO && management_active(p->card))
			proc_activate(p, p->instance, "switchover");
	}
	report_changed(p->card);
}

void proc_kill(struct proc *p, int sig, const char *reason)
{
	if (p->pid <= 0)
		return;
	snprintf(p->reason, sizeof(p->reason), "%s", reason);
	kill(p->pid, sig);
}

void proc_dump_and_kill(struct proc *p, const char *reason)
{
	struct card *c = p->card;

	if (p->pid <= 0)
		return;
	crash_dump_other(c->state_dir, p->facility, p->instance, c->slot, p->cpu, p->pid, reason, p->core);
	proc_kill(p, SIGKILL, reason);
}

/*
 * Before anybody can start it elsewhere: what is heard from there may come late, when the fabric between the
 * two cards is cut, and until then two data paths would send with one key.
 */
static void tell_left(struct proc *p)
{
	Envelope env = ENVELOPE__INIT;
	TaskLeft tl = TASK_LEFT__INIT;
	char dst[24];

	if (p->standby || strcmp(p->facility, "ipsecmgr"))
		return;
	snprintf(dst, sizeof(dst), "iftask/%u", p->card->slot * 10);
	tl.facility = p->facility;
	tl.instance = p->instance;
	env.body_case = ENVELOPE__BODY_TASK_LEFT;
	env.task_left = &tl;
	bus_switch_send(p->card->bus, dst, &env);
}

void proc_stop(struct proc *p)
{
	p->stopping = true;
	if (p->pid > 0) {
		proc_kill(p, SIGKILL, "stopped");
		return;
	}
	tell_left(p);
	proc_free(p);
}

/* --- death and restart -------------------------------------------------------------------------------------
 */

static void back_off(struct proc *p, uint64_t ms);

static void respawn(struct proc *p)
{
	int rc;

	/* A controller that comes back is active or warm, as its card is now. */
	if (place_facility(p->facility) && place_facility(p->facility)->where == PLACE_MIO)
		p->standby = !management_active(p->card);
	p->restarts++;
	rc = spawn(p, NULL, NULL);
	if (rc < 0) {
		LOG(EV_TASK_FAILED, "%s/%u cannot be started: %s", p->facility, p->instance, strerror(-rc));
		back_off(p, SPAWN_RETRY_MS);
	}
}

static void backoff_cb(uv_timer_t *h)
{
	struct proc *p = h->data;

	uv_close((uv_handle_t *)h, free_handle);
	p->timer = NULL;
	respawn(p);
	report_changed(p->card);
}

static void back_off(struct proc *p, uint64_t ms)
{
	p->state = PROC_BACKOFF;
	p->timer = malloc(sizeof(*p->timer));
	if (!p->timer)
		return;
	uv_timer_init(p->card->loop, p->timer);
	p->timer->data = p;
	uv_timer_start(p->timer, backoff_cb, ms, 0);
}

/* How soon it may start again; tells hatsystem when this happens again and again. */
static uint64_t delay_of(struct proc *p)
{
	struct restart_verdict v = restart_crashed(&p->policy, p->card->profile.task_restart_ms,
	                                           p->card->profile.task_restart_max_ms, clock_now_us());

	if (v.escalate)
		report_event(p->card, p, TASK_EVENT__WHAT__GAVE_UP, 0, 0, 0);
	return v.delay_ms;
}

static void restart(struct proc *p, uint64_t delay_ms)
{
	if (delay_ms)
		back_off(p, delay_ms);
	else
		respawn(p);
}

/* A standby instance of this facility that can take a number over at once; best one of the same CPU. */
static struct proc *spare(struct card *c, const struct proc *dead)
{
	struct proc *other = NULL;

	for (struct proc *p = c->procs; p; p = p->next) {
		if (p == dead || p->state != PROC_STANDBY || !p->standby_number || !p->standby ||
		    strcmp(p->facility, dead->facility))
			continue;
		if (p->cpu == dead->cpu)
			return p;
		other = other ? other : p;
	}
	return other;
}

/*
 * The spare becomes the failed instance; the dead process' entry is started again as the standby. The record
 * of crashes stays with the number: an instance that fails on whatever process is found out.
 */
static void assume(struct proc *dead, struct proc *sp)
{
	uint32_t failed = dead->instance, number = sp->standby_number;
	struct restart_policy policy = dead->policy;

	sp->died_at = dead->died_at;
	sp->restarts = dead->restarts;
	sp->assumed = true;
	dead->policy = sp->policy;
	sp->policy = policy;
	dead->instance = dead->standby_number = number;
	dead->cpu = sp->cpu; /* standby numbers belong to a CPU */
	dead->standby = true;
	dead->died_at = 0;
	proc_activate(sp, failed, "assume");
	respawn(dead);
}

static void cli_ended(struct proc *p, bool exited, int status)
{
	BpMessage m = BP_MESSAGE__INIT;
	BpSpawned s = BP_SPAWNED__INIT;

	s.request = p->cli_request;
	s.pid = p->pid;
	s.ended = true;
	s.status = exited ? status : 128 + status;
	m.body_case = BP_MESSAGE__BODY_SPAWNED;
	m.spawned = &s;
	card_bp_send(p->card, &m);
}

static void died(struct proc *p, bool exited, int status)
{
	struct card *c = p->card;
	bool was_active = p->state == PROC_ACTIVE || p->state == PROC_ACTIVATING ||
	                  (p->state == PROC_HUNG && !p->standby);
	struct proc *sp;
	uint64_t delay;

	uv_close((uv_handle_t *)p->poll, free_handle);
	p->poll = NULL;
	close(p->pidfd);
	p->pidfd = -1;
	if (p->identity[0])
		bus_switch_unregister(c->bus, p->identity);
	p->identity[0] = 0;
	p->died_at = clock_now_us();
	if (!p->reason[0])
		snprintf(p->reason, sizeof(p->reason), "%s %d", exited ? "exit" : "signal", status);
	if (p->cli_request)
		cli_ended(p, exited, status);
	if (!p->stopping && !p->core[0])
		crash_find(c->state_dir, c->slot, p->cpu, p->pid, p->core);
	if (p->stopping)
		tell_left(p);
	/* The events still name the process that ended; the reports after them do not. */
	report_event(c, p, p->stopping ? TASK_EVENT__WHAT__STOPPED : TASK_EVENT__WHAT__DIED, 0, 0, 0);
	usage_end(p);
	drop_beat(p);
	p->pid = 0;
	report_changed(c);
	if (p->stopping) {
		proc_free(p);
		return;
	}
	LOG(EV_TASK_FAILED, "%s/%u ended: %s", p->facility, p->instance, p->reason);
	p->reason[0] = p->core[0] = 0;
	delay = delay_of(p);
	/* One that fails again and again does not use the spares up. */
	sp = was_active && !delay ? spare(c, p) : NULL;
	if (sp)
		assume(p, sp);
	else
		restart(p, delay);
}

/* --- heartbeats --------------------------------------------------------------------------------------------
 */

/* true: it has beaten since the last time. */
static bool read_beat(struct proc *p, uint64_t now)
{
	uint64_t beats = atomic_load(&p->beat->beats);

	if (beats == p->beats)
		return false;
	p->beats = beats;
	silence_end(&p->silence, now);
	p->sessions = atomic_load(&p->beat->sessions);
	p->has_sessions = atomic_load(&p->beat->has_sessions);
	return true;
}

/* A task that never comes to its loop hangs as well; one that did not get to run does not. */
static bool hangs(struct proc *p, uint64_t now)
{
	const struct profile *pf = &p->card->profile;
	uint64_t limit = pf->task_hang_ms * US_PER_MS;

	if (silence_watch(&p->silence, p->pid, now, pf->card_heartbeat_ms * US_PER_MS, limit))
		return true;
	if (silence_excused(&p->silence, limit))
		LOG(EV_STARVED,
		    "%s/%u (pid %d) is silent for %llu ms, but for %llu ms it waited for a CPU or its disk",
		    p->facility, p->instance, (int)p->pid,
		    (unsigned long long)p->silence.whole_us / US_PER_MS,
		    (unsigned long long)(p->silence.whole_us - p->silence.ours_us) / US_PER_MS);
	return false;
}

void proc_heartbeats(struct card *c)
{
	uint64_t now = clock_now_us();

	for (struct proc *p = c->procs; p; p = p->next) {
		if (p->pid <= 0 || p->state == PROC_HUNG || !p->beat)
			continue;
		if (read_beat(p, now) || !hangs(p, now))
			continue;
		LOG(EV_TASK_HANG, "%s/%u (pid %d) does not answer for %llu ms", p->facility, p->instance,
		    (int)p->pid, (unsigned long long)p->silence.whole_us / US_PER_MS);
		report_event(c, p, TASK_EVENT__WHAT__HUNG, 0, 0, 0);
		p->state = PROC_HUNG;
		proc_dump_and_kill(p, "heartbeat lost");
	}
}
