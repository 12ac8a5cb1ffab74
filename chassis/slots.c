/* SPDX-License-Identifier: MIT */
/*
 * Slots: power a card on (spawn its process), see it die (pidfd), know when every process of it is gone (end
 * of its life line), then tell the others; arbitrate which MIO is active; fence a hung active MIO. A card
 * that died reboots after the profile's time unless it was halted. Entry points: slots_*(); called by
 * server.c and main.c.
 */
#include "chassis.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

static void presence(struct slot *s, bool up, bool hung)
{
	BpMessage m = BP_MESSAGE__INIT;
	BpPresence p = BP_PRESENCE__INIT;

	p.slot = s->n;
	p.up = up;
	p.hung = hung;
	p.reason = s->reason;
	p.pid = s->pid;
	p.at_wall_us = clock_wall_us();
	m.body_case = BP_MESSAGE__BODY_PRESENCE;
	m.presence = &p;
	slots_broadcast(s->c, &m);
}

static void arbitration_fill(struct chassis *c, BpMessage *m, BpArbitration *a, const char *reason)
{
	bp_arbitration__init(a);
	a->active_mio = c->active_mio;
	a->at_wall_us = clock_wall_us();
	a->reason = (char *)reason;
	m->body_case = BP_MESSAGE__BODY_ARBITRATION;
	m->arbitration = a;
}

#define MIO_BOOT_US  (1 * US_PER_SEC)
#define CARD_LOG_MAX (8 << 20)

/* At boot the lowest management slot is the default: give it its time before a higher one is chosen. */
static bool lower_still_boots(struct chassis *c, unsigned chosen)
{
	if (clock_now_us() > c->powered_at + MIO_BOOT_US)
		return false;
	for (unsigned n = 1; n < chosen; n++)
		if (c->hw.card[n] && c->hw.card[n]->management && c->slots[n].power == SLOT_ON)
			return true;
	return false;
}

/* Choose the active management card: keep the present one if it lives, else the lowest slot that does. */
static void arbitrate(struct chassis *c, const char *reason)
{
	BpMessage m = BP_MESSAGE__INIT;
	BpArbitration a;
	unsigned chosen = 0;

	for (unsigned n = PROFILE_SLOTS_MAX; n >= 1; n--) {
		const struct slot *s = &c->slots[n];

		if (!c->hw.card[n] || !c->hw.card[n]->management || s->power != SLOT_ON || !s->conn ||
		    s->hung)
			continue;
		chosen = n;
	}
	if (c->active_mio && c->slots[c->active_mio].power == SLOT_ON && c->slots[c->active_mio].conn)
		chosen = c->active_mio;
	if (chosen == c->active_mio || (!c->active_mio && lower_still_boots(c, chosen)))
		return;
	c->active_mio = chosen;
	LOG(EV_CARD_STATE, "arbitration: management card %u is active (%s)", chosen, reason);
	arbitration_fill(c, &m, &a, reason);
	slots_broadcast(c, &m);
}

void slots_broadcast(struct chassis *c, const BpMessage *m)
{
	for (unsigned n = 1; n <= PROFILE_SLOTS_MAX; n++)
		if (c->slots[n].conn)
			bp_send(c->slots[n].conn->fd, m, NULL, 0);
}

/* --- the end of a card -------------------------------------------------------------------------------------
 */

static void reboot_cb(uv_timer_t *t)
{
	struct slot *s = t->data;

	if (s->power == SLOT_REBOOT && !s->c->stopping && slots_power_on(s->c, s->n) < 0)
		uv_timer_start(&s->reboot, reboot_cb, s->c->profile.card_reboot_ms,
		               0); /* no process now: later */
}

/* Are all cards down? Then the next boot begins: no card of it may meet one of the boot before. */
static void reload_step(struct chassis *c)
{
	for (unsigned n = 1; n <= PROFILE_SLOTS_MAX; n++)
		if (c->slots[n].power == SLOT_ON || c->slots[n].power == SLOT_DYING)
			return;
	c->reloading = false;
	c->active_mio = 0;
	fabric_reset();
	boot_begins(c);
	c->powered_at = c->booted_at + c->profile.card_reboot_ms * US_PER_MS;
	LOG(EV_CARD_STATE, "every card is off: boot %s begins", c->boot_id);
	for (unsigned n = 1; n <= PROFILE_SLOTS_MAX; n++) {
		struct slot *s = &c->slots[n];

		if (s->power == SLOT_EMPTY)
			continue;
		s->power = SLOT_REBOOT;
		uv_timer_start(&s->reboot, reboot_cb, c->profile.card_reboot_ms, 0);
		server_slot_changed(c, s);
	}
}

/* The slot is empty from now on. */
static void taken_out(struct slot *s)
{
	s->pulled = false;
	s->power = SLOT_EMPTY;
	s->c->hw.card[s->n] = NULL;
	s->c->hw.serial[s->n][0] = 0;
}

/* What was put in while the card before it was still going is in the slot now. */
static void put_in_cb(uv_timer_t *t)
{
	struct slot *s = t->data;
	const struct card_type *type = s->next;

	s->next = NULL;
	if (type && s->power == SLOT_EMPTY && !s->c->stopping)
		slots_insert(s->c, s->n, type);
}

/* As a hand would: after everybody has seen the slot empty. */
static void put_in(struct slot *s)
{
	if (s->next)
		uv_timer_start(&s->reboot, put_in_cb, s->c->profile.card_reboot_ms, 0);
}

/* Every process of the card is gone: only now may anybody take its place. */
static void fenced(struct slot *s)
{
	struct chassis *c = s->c;

	LOG(EV_CARD_FENCED, "card %u is off, %llu ms after its process ended (%s)", s->n,
	    (unsigned long long)((clock_now_us() - s->died_at) / US_PER_MS), s->reason);
	s->dead = false;
	snprintf(s->state, sizeof(s->state), "offline");
	s->ready = s->hung = false;
	s->power = s->keep_off ? SLOT_OFF : SLOT_REBOOT;
	c->hw.powered[s->n] = false;
	if (s->pulled)
		taken_out(s);
	if (c->reloading) {
		reload_step(c);
		put_in(s);
		return;
	}
	gate_check(c);
	inventory_tell(c, NULL); /* before the presence line: hatsystem relies on it */
	presence(s, false, false);
	if (s->n == c->active_mio)
		arbitrate(c, s->reason);
	server_slot_changed(c, s);
	if (s->power == SLOT_REBOOT)
		uv_timer_start(&s->reboot, reboot_cb, s->quick ? 1 : c->profile.card_reboot_ms, 0);
	s->quick = false;
	put_in(s);
}

static void free_handle(uv_handle_t *h)
{
	free(h);
}

static void poll_end(uv_poll_t **p)
{
	if (*p)
		uv_close((uv_handle_t *)*p, free_handle);
	*p = NULL;
}

static uv_poll_t *poll_begin(struct slot *s, int fd, int events, uv_poll_cb cb)
{
	uv_poll_t *p = malloc(sizeof(*p));

	if (!p || uv_poll_init(s->c->loop, p, fd) < 0) {
		free(p);
		return NULL;
	}
	p->data = s;
	uv_poll_start(p, events, cb);
	return p;
}

static void life_cb(uv_poll_t *p, int status, int events)
{
	struct slot *s = p->data;
	char buf[8];

	(void)status;
	(void)events;
	if (read(s->life, buf, sizeof(buf)) != 0)
		return;
	poll_end(&s->life_poll);
	close(s->life);
	s->life = -1;
	if (s->dead)
		fenced(s);
}

static void card_died(struct slot *s, bool exited, int status)
{
	if (!s->reason[0])
		snprintf(s->reason, sizeof(s->reason), "%s %d", exited ? "exit" : "signal", status);
	poll_end(&s->pid_poll);
	close(s->pidfd);
	s->pidfd = -1;
	LOG(EV_CARD_FAIL, "card %u (%s) ended: %s", s->n, s->c->hw.card[s->n]->description, s->reason);
	s->died_at = clock_now_us();
	s->dead = true;
	s->pid = 0;
	s->power = SLOT_DYING;
	if (s->conn)
		s->conn->slot = 0;
	s->conn = NULL;
	command_card_died(s->c, s->n);
	if (s->life < 0)
		fenced(s);
}

static void pid_cb(uv_poll_t *p, int status, int events)
{
	struct slot *s = p->data;
	siginfo_t info = {0};

	(void)status;
	(void)events;
	if (waitid(P_PIDFD, (id_t)s->pidfd, &info, WEXITED | WNOHANG) < 0 || !info.si_pid)
		return;
	card_died(s, info.si_code == CLD_EXITED, info.si_status);
}

void slots_kill(struct chassis *c, unsigned slot, const char *reason, bool keep_off)
{
	struct slot *s = slot <= PROFILE_SLOTS_MAX ? &c->slots[slot] : NULL;

	if (!s || s->power == SLOT_EMPTY)
		return;
	s->keep_off = keep_off;
	if (s->power == SLOT_REBOOT && keep_off) {
		uv_timer_stop(&s->reboot);
		s->power = SLOT_OFF;
	}
	if (s->power != SLOT_ON || s->pid <= 0)
		return;
	snprintf(s->reason, sizeof(s->reason), "%s", reason);
	kill(s->pid, SIGKILL);
}

/* One that went off meanwhile, by an order of before, is on after it as well. */
void slots_cycle(struct chassis *c, unsigned slot, const char *reason, bool quick)
{
	if (slot < 1 || slot > PROFILE_SLOTS_MAX)
		return;
	if (c->slots[slot].power == SLOT_ON)
		c->slots[slot].quick = quick;
	if (c->slots[slot].power == SLOT_OFF)
		slots_power_on(c, slot);
	else
		slots_kill(c, slot, reason, false);
}

void slots_pull(struct chassis *c, unsigned slot)
{
	struct slot *s = &c->slots[slot];

	s->pulled = true;
	s->next = NULL;
	slots_kill(c, slot, "removed", true);
	s->keep_off = true;
	if (s->power != SLOT_OFF)
		return; /* it ends, or is ending: then it is taken out */
	taken_out(s);
	inventory_tell(c, NULL);
}

int slots_insert(struct chassis *c, unsigned slot, const struct card_type *type)
{
	struct slot *s = &c->slots[slot];

	if (s->pulled) {
		s->next = type;
		return 0;
	}
	if (s->power != SLOT_EMPTY)
		return -EBUSY;
	if (type == c->profile.card[slot])
		memcpy(c->hw.serial[slot], c->profile.serial[slot], sizeof(c->hw.serial[slot]));
	else
		profile_serial(slot, c->hw.serial[slot], sizeof(c->hw.serial[slot]));
	LOG(EV_CARD_STATE, "a %s is put into slot %u", type->description, slot);
	c->hw.card[slot] = type;
	s->power = SLOT_OFF;
	inventory_tell(c, NULL);
	return slots_power_on(c, slot);
}

/* --- the start of a card -----------------------------------------------------------------------------------
 */

static void child_env(struct chassis *c)
{
	clearenv();
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("ORRERY_CHASSIS", c->name, 1);
	setenv("ORRERY_RUN", c->run_dir, 1);
	setenv("ORRERY_STATE", c->state_dir, 1);
	setenv("ORRERY_BOOT", c->boot_id, 1);
	setenv("ORRERY_PROFILE", c->profile_path, 1);
}

/* A card that boots again and again does not fill the disk: its log of before is kept once. */
static void log_keep_small(const char *path)
{
	char old[310];
	struct stat st;

	snprintf(old, sizeof(old), "%s.1", path);
	if (stat(path, &st) == 0 && st.st_size > CARD_LOG_MAX)
		rename(path, old);
}

static void child(struct chassis *c, struct slot *s, int life_fd)
{
	char path[600], slot[16], log[300];
	char *argv[] = {"orrery-card", slot, (char *)c->hw.card[s->n]->name, NULL};
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == 1)
		_exit(1);
	snprintf(log, sizeof(log), "%s/log/card-%u.log", c->state_dir, s->n);
	log_keep_small(log);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd >= 0) {
		dup2(fd, 1);
		dup2(fd, 2);
	}
	if (life_fd != 3)
		dup2(life_fd, 3);
	else
		fcntl(3, F_SETFD, 0);
	/* Everything else the backplane holds is close-on-exec; make sure of it. */
	syscall(SYS_close_range, 4u, ~0u, 0u);
	child_env(c);
	snprintf(slot, sizeof(slot), "%u", s->n);
	snprintf(path, sizeof(path), "%s/orrery-card", c->libexec);
	execv(path, argv);
	_exit(127);
}

int slots_power_on(struct chassis *c, unsigned slot)
{
	struct slot *s = slot <= PROFILE_SLOTS_MAX ? &c->slots[slot] : NULL;
	int life[2];

	if (!s || s->power == SLOT_EMPTY)
		return -ENODEV;
	if (s->power == SLOT_ON || s->power == SLOT_DYING)
		return -EBUSY;
	if (pipe2(life, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	s->pid = fork();
	if (s->pid == 0)
		child(c, s, life[1]);
	close(life[1]);
	if (s->pid < 0) {
		close(life[0]);
		return -errno;
	}
	s->life = life[0];
	s->pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
	s->power = SLOT_ON;
	s->keep_off = s->hung = s->ready = s->dead = false;
	s->reason[0] = 0;
	s->tasks = 0;
	snprintf(s->state, sizeof(s->state), "booting");
	silence_end(&s->silence, clock_now_us());
	s->pid_poll = poll_begin(s, s->pidfd, UV_READABLE, pid_cb);
	s->life_poll = poll_begin(s, s->life, UV_READABLE | UV_DISCONNECT, life_cb);
	c->hw.powered[slot] = true;
	inventory_tell(c, NULL);
	server_slot_changed(c, s);
	return 0;
}

/* A card says who it is: presence to all, and what there is to the newcomer. */
void slots_hello(struct chassis *c, struct conn *cn, const BpCardHello *h)
{
	struct slot *s = h->slot <= PROFILE_SLOTS_MAX ? &c->slots[h->slot] : NULL;
	BpMessage m = BP_MESSAGE__INIT;
	BpArbitration a;

	if (!s || s->power != SLOT_ON || s->pid != h->pid || s->conn) {
		LOG(EV_CARD_FAIL, "a process claims to be card %u and is not (pid %d)", h->slot, h->pid);
		server_close(cn);
		return;
	}
	cn->slot = s->n;
	inventory_tell(c, cn);
	for (unsigned n = 1; n <= PROFILE_SLOTS_MAX; n++) {
		struct slot *o = &c->slots[n];
		BpPresence p = BP_PRESENCE__INIT;

		if (!o->conn)
			continue;
		p.slot = n;
		p.up = true;
		p.pid = o->pid;
		p.at_wall_us = clock_wall_us();
		m.body_case = BP_MESSAGE__BODY_PRESENCE;
		m.presence = &p;
		bp_send(cn->fd, &m, NULL, 0);
	}
	s->conn = cn;
	fault_hello(s->n);
	presence(s, true, false);
	arbitrate(c, "boot");
	arbitration_fill(c, &m, &a, "boot");
	bp_send(cn->fd, &m, NULL, 0);
}

void slots_heartbeat(struct chassis *c, unsigned slot, const BpHeartbeat *hb)
{
	struct slot *s = &c->slots[slot];
	bool changed = strcmp(s->state, hb->state) || s->ready != hb->ready;

	silence_end(&s->silence, clock_now_us());
	s->tasks = hb->tasks;
	s->ready = hb->ready;
	snprintf(s->state, sizeof(s->state), "%s", hb->state);
	if (s->hung) {
		s->hung = false;
		LOG(EV_CARD_STATE, "card %u answers again", slot);
	}
	if (!changed)
		return;
	gate_check(c);
	server_slot_changed(c, s);
}

/* What waits on its connection is not seen yet when this process did not get to run itself: silence.h. */
static bool hangs(struct slot *s, uint64_t now)
{
	const struct profile *p = &s->c->profile;
	uint64_t limit = p->card_hang_ms * US_PER_MS;

	if (silence_watch(&s->silence, s->pid, now, p->card_heartbeat_ms * US_PER_MS, limit))
		return true;
	if (silence_excused(&s->silence, limit))
		LOG(EV_STARVED,
		    "card %u is silent for %llu ms, but for %llu ms it waited for a CPU or its disk", s->n,
		    (unsigned long long)s->silence.whole_us / US_PER_MS,
		    (unsigned long long)(s->silence.whole_us - s->silence.ours_us) / US_PER_MS);
	return false;
}

/*
 * Silence: the active MIO is fenced here, because nobody else could, and so is any card while there is no
 * active MIO; of others the active MIO is told, again and again until it acts: it may have died with the
 * message.
 */
static void heartbeat_cb(uv_timer_t *t)
{
	struct chassis *c = t->data;
	uint64_t now = clock_now_us();

	if (!c->active_mio && !c->reloading)
		arbitrate(c, "boot");
	for (unsigned n = 1; n <= PROFILE_SLOTS_MAX; n++) {
		struct slot *s = &c->slots[n];

		if (s->power != SLOT_ON || !hangs(s, now))
			continue;
		if (!s->hung)
			LOG(EV_CARD_FAIL, "card %u: no heartbeat for %llu ms", n,
			    (unsigned long long)s->silence.whole_us / US_PER_MS);
		s->hung = true;
		silence_end(&s->silence, now);
		if (n == c->active_mio || !c->active_mio || !s->conn)
			slots_kill(c, n, "heartbeat lost", false);
		else
			presence(s, true, true);
	}
}

/* Reap everything: cards (when their pidfd was not served first) and tasks that became ours with their card's
 * death. */
static void sigchld_cb(uv_signal_t *h, int signum)
{
	struct chassis *c = h->data;
	int st;
	pid_t pid;

	(void)signum;
	while ((pid = waitpid(-1, &st, WNOHANG)) > 0)
		for (unsigned n = 1; n <= PROFILE_SLOTS_MAX; n++)
			if (c->slots[n].pid == pid)
				card_died(&c->slots[n], WIFEXITED(st),
				          WIFEXITED(st) ? WEXITSTATUS(st) : WTERMSIG(st));
}

void slots_reload(struct chassis *c, const char *reason)
{
	LOG(EV_CARD_STATE, "the chassis reloads (%s)", reason);
	c->reloading = true;
	for (unsigned n = 1; n <= PROFILE_SLOTS_MAX; n++) {
		struct slot *s = &c->slots[n];

		uv_timer_stop(&s->reboot);
		if (s->power == SLOT_ON && s->pid > 0) {
			snprintf(s->reason, sizeof(s->reason), "%s", reason);
			kill(s->pid, SIGKILL);
		}
	}
}

void slots_stop(struct chassis *c)
{
	c->stopping = true;
	for (unsigned n = 1; n <= PROFILE_SLOTS_MAX; n++)
		if (c->slots[n].pid > 0)
			kill(c->slots[n].pid, SIGKILL);
	uv_stop(c->loop);
}

static void term_cb(uv_signal_t *h, int signum)
{
	(void)signum;
	slots_stop(h->data);
}

bool slots_all_up(const struct chassis *c)
{
	for (unsigned n = 1; n <= PROFILE_SLOTS_MAX; n++) {
		const struct slot *s = &c->slots[n];

		if (s->power == SLOT_EMPTY || s->power == SLOT_OFF)
			continue;
		if (s->power != SLOT_ON || !s->ready ||
		    (strcmp(s->state, "active") && strcmp(s->state, "standby")))
			return false;
	}
	return true;
}

int slots_init(struct chassis *c)
{
	int rc = 0;

	uv_timer_init(c->loop, &c->heartbeat);
	uv_signal_init(c->loop, &c->sig_child);
	uv_signal_init(c->loop, &c->sig_term);
	uv_signal_init(c->loop, &c->sig_int);
	c->heartbeat.data = c->sig_child.data = c->sig_term.data = c->sig_int.data = c;
	uv_signal_start(&c->sig_child, sigchld_cb, SIGCHLD);
	uv_signal_start(&c->sig_term, term_cb, SIGTERM);
	uv_signal_start(&c->sig_int, term_cb, SIGINT);
	uv_timer_start(&c->heartbeat, heartbeat_cb, c->profile.card_heartbeat_ms,
	               c->profile.card_heartbeat_ms);
	for (unsigned n = 1; n <= PROFILE_SLOTS_MAX && rc == 0; n++) {
		struct slot *s = &c->slots[n];

		s->c = c;
		s->n = n;
		s->pidfd = s->life = -1;
		uv_timer_init(c->loop, &s->reboot);
		s->reboot.data = s;
		if (!c->hw.card[n])
			continue;
		s->power = SLOT_OFF;
		rc = slots_power_on(c, n);
	}
	return rc;
}
