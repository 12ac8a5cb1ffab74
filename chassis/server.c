/* SPDX-License-Identifier: MIT */
/*
 * The backplane socket: cards, tasks and the orrery command connect here. One record is one BpMessage.
 * Everyone who can reach the socket runs as the chassis' user (directory 0700), which SO_PEERCRED checks once
 * more.
 */
#include "chassis.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

int server_reply(struct conn *cn, uint64_t id, int code, const char *text, bool more)
{
	BpMessage m = BP_MESSAGE__INIT;
	BpCommandReply r = BP_COMMAND_REPLY__INIT;

	r.code = code;
	r.text = (char *)(text ? text : "");
	r.more = more;
	m.id = id;
	m.body_case = BP_MESSAGE__BODY_COMMAND_REPLY;
	m.command_reply = &r;
	return bp_send(cn->fd, &m, NULL, 0);
}

static void conn_free(uv_handle_t *h)
{
	free(h->data);
}

void server_close(struct conn *cn)
{
	struct chassis *c = cn->c;

	command_closed(cn);
	fault_closed(cn);
	for (struct conn **pp = &c->conns; *pp; pp = &(*pp)->next)
		if (*pp == cn) {
			*pp = cn->next;
			break;
		}
	for (unsigned n = 1; n <= PROFILE_SLOTS_MAX; n++)
		if (c->slots[n].conn == cn)
			c->slots[n].conn = NULL;
	close(cn->fd);
	uv_close((uv_handle_t *)&cn->poll, conn_free);
}

static void dispatch(struct conn *cn, const BpMessage *m, const int *fds, int n)
{
	struct chassis *c = cn->c;

	switch (m->body_case) {
	case BP_MESSAGE__BODY_CARD_HELLO:
		slots_hello(c, cn, m->card_hello);
		break;
	case BP_MESSAGE__BODY_HEARTBEAT:
		if (cn->slot)
			slots_heartbeat(c, cn->slot, m->heartbeat);
		break;
	case BP_MESSAGE__BODY_POWER:
		if (cn->slot != c->active_mio || !cn->slot)
			break;
		if (m->power->what == BP_POWER__WHAT__RELOAD)
			slots_reload(c, m->power->reason);
		else if (m->power->what == BP_POWER__WHAT__ON)
			slots_power_on(c, m->power->slot);
		else if (m->power->what == BP_POWER__WHAT__OFF)
			slots_kill(c, m->power->slot, m->power->reason, true);
		else
			slots_cycle(c, m->power->slot, m->power->reason,
			            m->power->what == BP_POWER__WHAT__RESTART);
		break;
	case BP_MESSAGE__BODY_STEER:
		if (cn->slot == c->active_mio && cn->slot)
			fabric_steer(m->steer);
		break;
	case BP_MESSAGE__BODY_FABRIC:
		fabric_handle(cn, m->id, m->fabric);
		break;
	case BP_MESSAGE__BODY_COMMAND:
		command_handle(cn, m->id, m->command, fds, n);
		break;
	case BP_MESSAGE__BODY_SPAWNED:
		if (cn->slot)
			command_spawned(c, m->spawned);
		break;
	default:
		LOG(EV_BUS_UNKNOWN, "backplane message %d refused", (int)m->body_case);
	}
}

static void conn_cb(uv_poll_t *p, int status, int events)
{
	struct conn *cn = p->data;
	int fds[BP_FDS_MAX], n, err;
	BpMessage *m;

	(void)status;
	(void)events;
	m = bp_recv(cn->fd, fds, &n, &err);
	if (!m) {
		if (err == -EAGAIN)
			return;
		if (err == -EBADMSG)
			LOG(EV_BUS_MALFORMED, "a backplane record that is no message; connection closed");
		server_close(cn);
		return;
	}
	dispatch(cn, m, fds, n);
	bp_message__free_unpacked(m, NULL);
	while (n > 0)
		close(fds[--n]);
}

static bool same_user(int fd)
{
	struct ucred u;
	socklen_t len = sizeof(u);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &len) == 0 && (u.uid == geteuid() || u.uid == 0);
}

static void accept_cb(uv_poll_t *p, int status, int events)
{
	struct chassis *c = p->data;
	int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int size = 4 << 20;
	struct conn *cn;

	(void)status;
	(void)events;
	if (fd < 0)
		return;
	cn = same_user(fd) ? calloc(1, sizeof(*cn)) : NULL;
	if (!cn) {
		close(fd);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	cn->c = c;
	cn->fd = fd;
	cn->next = c->conns;
	c->conns = cn;
	uv_poll_init(c->loop, &cn->poll, fd);
	cn->poll.data = cn;
	uv_poll_start(&cn->poll, UV_READABLE, conn_cb);
}

/* Whoever waits for the chassis to be up hears of each card, and of the end. */
void server_slot_changed(struct chassis *c, const struct slot *s)
{
	char text[200];
	bool all = slots_all_up(c);

	for (struct conn *cn = c->conns, *next; cn; cn = next) {
		next = cn->next;
		if (!cn->waiting_up)
			continue;
		snprintf(text, sizeof(text), "card %u %s %s", s->n,
		         c->hw.card[s->n] ? c->hw.card[s->n]->name : "removed",
		         s->power == SLOT_ON && s->ready ? s->state : "booting");
		server_reply(cn, cn->waiting_id, 0, text, true);
		if (all) {
			cn->waiting_up = false;
			server_reply(cn, cn->waiting_id, 0, "up", false);
		}
	}
}

int server_init(struct chassis *c)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	if ((size_t)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/backplane.sock", c->run_dir) >=
	    sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	unlink(sa.sun_path); /* ours: the lock is held */
	c->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->listen_fd < 0 || bind(c->listen_fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    listen(c->listen_fd, 128) < 0)
		return -errno;
	uv_poll_init(c->loop, &c->listen_poll, c->listen_fd);
	c->listen_poll.data = c;
	uv_poll_start(&c->listen_poll, UV_READABLE, accept_cb);
	return 0;
}
