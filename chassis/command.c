/* SPDX-License-Identifier: MIT */
/*
 * What the orrery command asks of the backplane: ps, status, faults, the end, a CLI. What the processes are
 * is read from /proc, so that it is true whatever state the chassis is in.
 */
#include "chassis.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

/* A task process as /proc shows it: argv is FACILITY INSTANCE CARD/CPU active|standby. */
struct proc {
	pid_t pid, ppid;
	char stat;
	char argv[4][64];
};

/* What /proc says of a process in one read, ended by a NUL; its length, 0 when it is gone. */
static size_t proc_text(pid_t pid, const char *file, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, buf, size - 1) : -1;
	if (fd >= 0)
		close(fd);
	buf[n > 0 ? n : 0] = 0;
	return n > 0 ? (size_t)n : 0;
}

static bool proc_stat(pid_t pid, struct proc *p)
{
	char buf[512], *at;
	int ppid = 0;

	memset(p, 0, sizeof(*p));
	at = proc_text(pid, "stat", buf, sizeof(buf)) ? strrchr(buf, ')') : NULL;
	if (!at || sscanf(at + 1, " %c %d", &p->stat, &ppid) != 2)
		return false;
	p->pid = pid;
	p->ppid = ppid;
	return true;
}

static bool proc_argv(struct proc *p)
{
	char buf[512];
	size_t at = 0, n = proc_text(p->pid, "cmdline", buf, sizeof(buf));

	for (int i = 0; i < 4 && at < n; i++) {
		snprintf(p->argv[i], sizeof(p->argv[i]), "%s", buf + at);
		at += strlen(buf + at) + 1;
		while (at < n && !buf[at])
			at++; /* a name that became shorter leaves NULs behind */
	}
	return n > 0;
}

/* The slot whose card this process is, or 0. */
static unsigned slot_of(const struct chassis *c, pid_t pid)
{
	for (unsigned n = 1; n <= PROFILE_SLOTS_MAX; n++)
		if (pid > 0 && c->slots[n].pid == pid)
			return n;
	return 0;
}

/* Call cb for every task of the card in this slot, or of all cards (0), until it says false. The machine may
 * have thousands of other processes: all are looked at once, and read only so far. */
static void tasks_walk(const struct chassis *c, unsigned slot,
                       bool (*cb)(unsigned slot, const struct proc *p, void *arg), void *arg)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	struct proc p;
	unsigned of;

	while (d && (e = readdir(d))) {
		pid_t pid = (pid_t)atoi(e->d_name);

		if (pid <= 0 || !proc_stat(pid, &p) || !(of = slot_of(c, p.ppid)) || (slot && of != slot))
			continue;
		if (proc_argv(&p) && !cb(of, &p, arg))
			break;
	}
	if (d)
		closedir(d);
}

/* arg: an array of arrays by slot. */
static bool task_to_json(unsigned slot, const struct proc *p, void *arg)
{
	const char *name = strrchr(p->argv[0], '/');

	json_array_append_new(((json_t **)arg)[slot],
	                      json_pack("{s:i, s:s, s:i, s:s, s:s, s:s}", "pid", (int)p->pid, "facility",
	                                name ? name + 1 : p->argv[0], "instance", atoi(p->argv[1]), "cpu",
	                                p->argv[2], "state", p->stat == 'T' ? "stopped" : p->argv[3],
	                                "process", p->stat == 'T' ? "T" : "R"));
	return true;
}

static json_t *chassis_json(struct chassis *c, bool with_tasks)
{
	json_t *cards = json_array(), *tasks[PROFILE_SLOTS_MAX + 1] = {0};
	char up[48];

	for (unsigned n = 1; with_tasks && n <= PROFILE_SLOTS_MAX; n++)
		tasks[n] = json_array();
	if (with_tasks)
		tasks_walk(c, 0, task_to_json, tasks);
	for (unsigned n = 1; n <= PROFILE_SLOTS_MAX; n++) {
		struct slot *s = &c->slots[n];
		json_t *j;

		if (s->power == SLOT_EMPTY) {
			json_decref(tasks[n]);
			continue;
		}
		j = json_pack("{s:i, s:s, s:s, s:b, s:b, s:i, s:i}", "slot", n, "type", c->hw.card[n]->name,
		              "state", s->power == SLOT_ON ? s->state : "offline", "ready", s->ready, "hung",
		              s->hung, "pid", (int)s->pid, "tasks", (int)s->tasks);
		if (with_tasks)
			json_object_set_new(j, "processes", tasks[n]);
		json_array_append_new(cards, j);
	}
	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:b, s:s, s:s, s:s, s:o}", "chassis", c->name, "profile",
	                 c->profile.name, "model", c->profile.model, "pid", (int)getpid(), "active_mio",
	                 c->active_mio, "up", slots_all_up(c), "uptime",
	                 clock_format_uptime(up, sizeof(up), clock_now_us() - c->booted_at), "run_dir",
	                 c->run_dir, "state_dir", c->state_dir, "cards", cards);
}

static void reply_json(struct conn *cn, uint64_t id, json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT);

	if (!text || server_reply(cn, id, 0, text, false) < 0)
		server_reply(cn, id, -EMSGSIZE, "the answer is too large", false);
	free(text);
	json_decref(j);
}

/* --- faults ------------------------------------------------------------------------------------------------
 */

struct task_find {
	const char *facility;
	int instance; /* -1: any */
	pid_t pid;
};

static bool task_match(unsigned slot, const struct proc *p, void *arg)
{
	struct task_find *f = arg;
	const char *name = strrchr(p->argv[0], '/');

	(void)slot;
	if (strcmp(name ? name + 1 : p->argv[0], f->facility) || atoi(p->argv[1]) != f->instance)
		return true;
	/* The standby controller of the other MIO has the same number; the active one is meant. */
	if (!strcmp(p->argv[3], "standby") && f->instance < 5000)
		return true;
	f->pid = p->pid;
	return false;
}

static int fault_signal(const char *verb)
{
	if (!strcmp(verb, "kill"))
		return SIGKILL;
	if (!strcmp(verb, "hang"))
		return SIGSTOP;
	return !strcmp(verb, "resume") ? SIGCONT : 0;
}

pid_t command_task_pid(const struct chassis *c, const char *facility, const char *instance)
{
	struct task_find f = {.facility = facility, .instance = atoi(instance)};

	tasks_walk(c, 0, task_match, &f);
	return f.pid;
}

struct pid_list {
	pid_t *pids;
	unsigned n, max;
};

static bool add_pid(unsigned slot, const struct proc *p, void *arg)
{
	struct pid_list *l = arg;

	(void)slot;
	if (l->n < l->max)
		l->pids[l->n++] = p->pid;
	return true;
}

unsigned command_card_pids(const struct chassis *c, unsigned slot, pid_t *pids, unsigned max)
{
	struct pid_list l = {.pids = pids, .max = max};

	if (slot < 1 || slot > PROFILE_SLOTS_MAX || c->slots[slot].pid <= 0 || !max)
		return 0;
	pids[l.n++] = c->slots[slot].pid;
	tasks_walk(c, slot, add_pid, &l);
	return l.n;
}

/* Kill, stop or continue; what stands is noted. */
static void deed(struct conn *cn, const BpCommand *cmd, pid_t pid, int sig)
{
	if (sig != SIGKILL)
		fault_note(cn, cmd->n_args, cmd->args, pid, sig == SIGSTOP, cmd->lease);
	kill(pid, sig);
}

static void fault_task(struct conn *cn, uint64_t id, int sig, const BpCommand *cmd)
{
	pid_t pid = command_task_pid(cn->c, cmd->args[2], cmd->args[3]);
	char text[160];

	if (!pid) {
		snprintf(text, sizeof(text), "no task %s %s is running", cmd->args[2], cmd->args[3]);
		server_reply(cn, id, -ESRCH, text, false);
		return;
	}
	deed(cn, cmd, pid, sig);
	server_reply(cn, id, 0, "", false);
}

static void fault_card(struct conn *cn, uint64_t id, int sig, const BpCommand *cmd)
{
	const char *slot = cmd->args[2];
	unsigned n = (unsigned)strtoul(slot, NULL, 10);
	char text[160];

	if (n < 1 || n > PROFILE_SLOTS_MAX || cn->c->slots[n].pid <= 0) {
		snprintf(text, sizeof(text), "no card is running in slot %s; the legal range is 1 to %u",
		         slot, cn->c->profile.slots);
		server_reply(cn, id, -ENODEV, text, false);
		return;
	}
	deed(cn, cmd, cn->c->slots[n].pid, sig);
	server_reply(cn, id, 0, "", false);
}

/* kill|hang|resume task F I | card S | chassis, or one of fault.c */
static void fault(struct conn *cn, uint64_t id, const BpCommand *cmd)
{
	size_t argc = cmd->n_args;
	char **argv = cmd->args;
	int sig = argc >= 2 ? fault_signal(argv[0]) : 0;

	if (fault_standing(cn, id, argc, argv, cmd->lease) || (!sig && inventory_fault(cn, id, argc, argv)))
		return;
	if (sig && argc == 4 && !strcmp(argv[1], "task")) {
		fault_task(cn, id, sig, cmd);
	} else if (sig && argc == 3 && !strcmp(argv[1], "card")) {
		fault_card(cn, id, sig, cmd);
	} else if (sig && argc == 2 && !strcmp(argv[1], "chassis")) {
		server_reply(cn, id, 0, "", false);
		kill(getpid(), sig);
	} else {
		server_reply(cn, id, -EINVAL,
		             "usage: kill|hang|resume task FACILITY INSTANCE | card SLOT | chassis", false);
	}
}

/* --- a CLI session -----------------------------------------------------------------------------------------
 */

static void spawn_cli(struct conn *cn, uint64_t id, const BpCommand *cmd, const int *fds, int n)
{
	struct chassis *c = cn->c;
	struct slot *s = c->active_mio ? &c->slots[c->active_mio] : NULL;
	BpMessage m = BP_MESSAGE__INIT;
	BpSpawnCli sp = BP_SPAWN_CLI__INIT;

	if (!s || !s->conn) {
		server_reply(cn, id, -EAGAIN, "no management card is active yet; try again in a moment",
		             false);
		return;
	}
	if (n != 3) {
		server_reply(cn, id, -EINVAL, "a CLI needs three descriptors", false);
		return;
	}
	cn->cli_request = ++c->next_request;
	cn->cli_slot = s->n;
	cn->waiting_id = id;
	sp.request = cn->cli_request;
	sp.args = cmd->args;
	sp.n_args = cmd->n_args;
	sp.env = cmd->env;
	sp.n_env = cmd->n_env;
	m.body_case = BP_MESSAGE__BODY_SPAWN_CLI;
	m.spawn_cli = &sp;
	if (bp_send(s->conn->fd, &m, fds, n) < 0)
		server_reply(cn, id, -EIO, "the management card does not take it", false);
}

/* The card tells of the start (more) and the end of a cli task. */
void command_spawned(struct chassis *c, const BpSpawned *sp)
{
	BpMessage m = BP_MESSAGE__INIT;
	BpCommandReply r = BP_COMMAND_REPLY__INIT;
	struct conn *cn = c->conns;

	while (cn && (!cn->cli_request || cn->cli_request != sp->request))
		cn = cn->next;
	if (!cn) {
		if (!sp->ended && sp->pid > 0)
			kill(sp->pid, SIGHUP); /* its operator left before it ran */
		return;
	}
	if (sp->ended)
		cn->cli_request = 0;
	cn->cli_pid = sp->ended ? 0 : sp->pid;
	r.code = sp->ended ? sp->status : 0;
	r.text = sp->text;
	r.pid = sp->pid;
	r.more = !sp->ended;
	m.id = cn->waiting_id;
	m.body_case = BP_MESSAGE__BODY_COMMAND_REPLY;
	m.command_reply = &r;
	bp_send(cn->fd, &m, NULL, 0);
}

void command_closed(struct conn *cn)
{
	if (cn->cli_request && cn->cli_pid > 0)
		kill(cn->cli_pid, SIGHUP);
}

void command_card_died(struct chassis *c, unsigned slot)
{
	char text[96];

	snprintf(text, sizeof(text), "the management card in slot %u went down, and this session with it",
	         slot);
	for (struct conn *cn = c->conns; cn; cn = cn->next) {
		if (!cn->cli_request || cn->cli_slot != slot)
			continue;
		cn->cli_request = 0;
		server_reply(cn, cn->waiting_id, 1, text, false);
	}
}

/* ADDRESS PORT: a connection in context local's namespace, as descriptor beside the answer. */
static void dial(struct conn *cn, uint64_t id, const BpCommand *cmd)
{
	BpMessage m = BP_MESSAGE__INIT;
	BpCommandReply r = BP_COMMAND_REPLY__INIT;
	unsigned long port = cmd->n_args == 2 ? strtoul(cmd->args[1], NULL, 10) : 0;
	int fd = port && port < 65536 ? fabric_dial(cmd->args[0], (uint16_t)port) : -EINVAL;

	if (fd < 0) {
		server_reply(cn, id, fd, strerror(-fd), false);
		return;
	}
	r.text = (char *)"";
	m.id = id;
	m.body_case = BP_MESSAGE__BODY_COMMAND_REPLY;
	m.command_reply = &r;
	bp_send(cn->fd, &m, &fd, 1);
	close(fd);
}

void command_handle(struct conn *cn, uint64_t id, const BpCommand *cmd, const int *fds, int n)
{
	struct chassis *c = cn->c;
	char err[300] = "";

	switch (cmd->what) {
	case BP_COMMAND__WHAT__PS:
	case BP_COMMAND__WHAT__STATUS:
		reply_json(cn, id, chassis_json(c, cmd->what == BP_COMMAND__WHAT__PS));
		break;
	case BP_COMMAND__WHAT__WAIT_UP:
		cn->waiting_up = true;
		cn->waiting_id = id;
		if (slots_all_up(c)) {
			cn->waiting_up = false;
			server_reply(cn, id, 0, "up", false);
		}
		break;
	case BP_COMMAND__WHAT__DOWN:
		server_reply(cn, id, 0, "down", false);
		slots_stop(c);
		break;
	case BP_COMMAND__WHAT__FAULT:
		fault(cn, id, cmd);
		break;
	case BP_COMMAND__WHAT__CLI:
		spawn_cli(cn, id, cmd, fds, n);
		break;
	case BP_COMMAND__WHAT__PORT:
		if (cmd->n_args != 2 || fabric_plug(c, cmd->args[0], cmd->args[1], err, sizeof(err)) < 0)
			server_reply(cn, id, -EINVAL, err[0] ? err : "usage: port SLOT/PORT DEVICE", false);
		else
			server_reply(cn, id, 0, "", false);
		break;
	case BP_COMMAND__WHAT__DIAL:
		dial(cn, id, cmd);
		break;
	default:
		server_reply(cn, id, -EOPNOTSUPP, "unknown command", false);
	}
}
