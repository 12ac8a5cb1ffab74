/* SPDX-License-Identifier: MIT */
/*
 * The TCP connection of SRP, inside the context's network namespace: the chassis with the lower address
 * connects, the other listens, so there is at most one. A connection that comes while there is one is a
 * candidate until its first valid hello: then it replaces the old one (whose chassis has forgotten it).
 * Frames go out in order; rows wait when 1 MiB is queued. Called by srp_ctl.c.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "chassis/fabric.h"
#include "net/ns.h"
#include "srp_task.h"

#define RETRY_MS   250
#define CONNECT_US (3 * US_PER_SEC)
#define QUEUE_ROWS (1u << 20) /* queued bytes above which rows wait */
#define QUEUE_MAX  (16u << 20)
#define IN_SIZE    (SRP_FRAME_MAX + SRP_FRAME_HEAD)

struct srp_conn {
	uv_poll_t poll;
	struct srp_task *st;
	int fd;
	bool connecting, closed;
	uint64_t since;
	uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t out_len, out_size;
	bool rows_wait;
};

static void retry(struct task *t, void *arg);

/* --- sockets
 * ------------------------------------------------------------------------------------------------- */

struct opening {
	const struct net_addr *local, *peer; /* peer NULL: listen */
};

static int open_socket(void *arg)
{
	struct opening *o = arg;
	struct net_endpoint ep = {*o->local, o->peer ? 0 : SRP_PORT};
	struct sockaddr_storage ss;
	socklen_t len = net_endpoint_to_sockaddr(&ep, &ss);
	int fd = socket(o->local->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1, rc = 0;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* vpnmgr may set the address later */
	if (o->local->family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof(one));
	else
		setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&ss, len))
		rc = -errno;
	if (!rc && !o->peer && listen(fd, 4))
		rc = -errno;
	if (!rc && o->peer) {
		ep = (struct net_endpoint){*o->peer, SRP_PORT};
		len = net_endpoint_to_sockaddr(&ep, &ss);
		if (connect(fd, (struct sockaddr *)&ss, len) && errno != EINPROGRESS)
			rc = -errno;
	}
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

static int open_in_context(struct srp_task *st, bool listening)
{
	struct opening o = {&st->set.local, listening ? NULL : &st->set.peer};
	int rc;

	if (st->link.ns_fd < 0) {
		rc = fabric_context(st->t, st->set.ctx, &st->link.ns_fd);
		if (rc) {
			st->link.ns_fd = -1;
			return rc;
		}
	}
	return ns_run(st->link.ns_fd, open_socket, &o);
}

/* --- one connection
 * --------------------------------------------------------------------------------------------- */

static void conn_closed(uv_handle_t *h)
{
	struct srp_conn *c = h->data;

	close(c->fd);
	free(c->in);
	free(c->out);
	free(c);
}

static void conn_close(struct srp_conn *c)
{
	struct srp_link *l = &c->st->link;

	if (c->closed)
		return;
	c->closed = true;
	if (l->conn == c)
		l->conn = NULL;
	if (l->candidate == c)
		l->candidate = NULL;
	uv_close((uv_handle_t *)&c->poll, conn_closed);
	if (l->open && l->connects && !l->conn && !l->candidate && !l->retry)
		l->retry = task_timer_start(c->st->t, RETRY_MS, 0, retry, c->st);
}

/* Close and tell the engine, if this was its connection. */
static void conn_lost(struct srp_conn *c)
{
	struct srp_task *st = c->st;
	bool current = st->link.conn == c;

	conn_close(c);
	if (current && st->s) {
		srp_link_down(st->s, clock_now_us());
		srp_ctl_turn(st);
	}
}

static void conn_event(uv_poll_t *h, int status, int events);

static void conn_want(struct srp_conn *c)
{
	int events = UV_READABLE | (c->connecting || c->out_len ? UV_WRITABLE : 0);

	if (!c->closed)
		uv_poll_start(&c->poll, events, conn_event);
}

static struct srp_conn *conn_new(struct srp_task *st, int fd, bool connecting)
{
	struct srp_conn *c = calloc(1, sizeof(*c));
	unsigned timeout_ms = (unsigned)(st->set.cfg.dead_us / US_PER_MS);
	int one = 1;

	if (!c || !(c->in = malloc(IN_SIZE)) || uv_poll_init(st->t->loop, &c->poll, fd)) {
		if (c)
			free(c->in);
		free(c);
		close(fd);
		return NULL;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
	c->poll.data = c;
	c->st = st;
	c->fd = fd;
	c->connecting = connecting;
	c->since = clock_now_us();
	conn_want(c);
	return c;
}

static void conn_write(struct srp_conn *c)
{
	size_t done = 0;

	while (done < c->out_len) {
		ssize_t n = send(c->fd, c->out + done, c->out_len - done, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN) {
			conn_lost(c);
			return;
		}
		if (n < 0)
			break;
		done += (size_t)n;
	}
	memmove(c->out, c->out + done, c->out_len - done);
	c->out_len -= done;
	conn_want(c);
	if (c->rows_wait && c->out_len < QUEUE_ROWS / 2 && c->st->link.conn == c && c->st->s) {
		c->rows_wait = false;
		srp_writable(c->st->s, clock_now_us());
		srp_ctl_turn(c->st);
	}
}

static int conn_queue(struct srp_conn *c, const uint8_t *buf, size_t len)
{
	if (c->out_len + len > QUEUE_MAX)
		return -ENOBUFS;
	if (c->out_len + len > c->out_size) {
		size_t size = (c->out_len + len) * 2;
		uint8_t *out = realloc(c->out, size);

		if (!out)
			return -ENOMEM;
		c->out = out;
		c->out_size = size;
	}
	memcpy(c->out + c->out_len, buf, len);
	c->out_len += len;
	conn_want(c);
	return 0;
}

/* The first hello makes a candidate the connection. */
static void promote(struct srp_conn *c)
{
	struct srp_task *st = c->st;
	struct srp_conn *old = st->link.conn;

	st->link.candidate = NULL;
	st->link.conn = c;
	if (old)
		conn_close(old);
	srp_link_up(st->s, clock_now_us());
}

/* One frame; false: the connection is gone. */
static bool take_frame(struct srp_conn *c, const uint8_t *buf, size_t len)
{
	struct srp_task *st = c->st;
	SrpFrame *f = st->s ? srp_frame_parse(buf, len) : NULL;
	int rc = -EPROTO;

	if (f && st->link.candidate == c && f->body_case == SRP_FRAME__BODY_HELLO)
		promote(c);
	if (f && st->link.conn == c)
		rc = srp_frame(st->s, f, clock_now_us(), clock_wall_us() / US_PER_SEC);
	if (f && f->body_case == SRP_FRAME__BODY_HELLO)
		st->hello_wall = clock_wall_us();
	if (f)
		srp_frame__free_unpacked(f, NULL);
	if (rc && !c->closed) {
		LOG(EV_SRP_REFUSED, "the peer sent what is not SRP; the connection is closed");
		conn_lost(c);
	}
	return !c->closed;
}

static void conn_read(struct srp_conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_len, IN_SIZE - c->in_len, 0);
	size_t at = 0;
	int64_t need = 0;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		conn_lost(c);
		return;
	}
	c->in_len += (size_t)n;
	while ((need = srp_frame_need(c->in + at, c->in_len - at)) > 0) {
		if (!take_frame(c, c->in + at + SRP_FRAME_HEAD, (size_t)need - SRP_FRAME_HEAD))
			return;
		at += (size_t)need;
	}
	if (need < 0) {
		LOG(EV_SRP_REFUSED, "a frame of impossible length on the SRP link; the connection is closed");
		conn_lost(c);
		return;
	}
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
	if (at)
		srp_ctl_turn(c->st);
}

static void connected(struct srp_conn *c)
{
	int err = 0;
	socklen_t len = sizeof(err);

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err) {
		conn_close(c);
		return;
	}
	c->connecting = false;
	conn_want(c);
	/* We connected, so there was no other: say hello at once. */
	if (c->st->s && c->st->link.candidate == c) {
		promote(c);
		srp_ctl_turn(c->st);
	}
}

static void conn_event(uv_poll_t *h, int status, int events)
{
	struct srp_conn *c = h->data;

	if (c->closed)
		return;
	if (c->connecting)
		connected(c);
	else if (status < 0)
		conn_lost(c);
	else if (events & UV_READABLE)
		conn_read(c);
	if (!c->closed && !c->connecting && (events & UV_WRITABLE) && c->out_len)
		conn_write(c);
}

/* --- listening and connecting
 * ----------------------------------------------------------------------------------- */

static void accepted(uv_poll_t *h, int status, int events)
{
	struct srp_task *st = h->data;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct net_endpoint from;
	char text[NET_ADDR_STRLEN];
	int listen_fd = -1, fd;

	uv_fileno((uv_handle_t *)h, &listen_fd);
	fd = accept4(listen_fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (net_endpoint_from_sockaddr(&from, (struct sockaddr *)&ss, len) ||
	    !net_addr_equal(&from.addr, &st->set.peer)) {
		LOG(EV_SRP_REFUSED, "connection from %s, which is not the peer",
		    net_addr_format(&from.addr, text, sizeof(text)));
		close(fd);
		return;
	}
	if (st->link.candidate)
		conn_close(st->link.candidate);
	st->link.candidate = conn_new(st, fd, false); /* the side that connects says hello first */
}

static void listener_closed(uv_handle_t *h)
{
	free(h);
}

static int listener_start(struct srp_task *st)
{
	int fd = open_in_context(st, true);
	uv_poll_t *p;

	if (fd < 0)
		return fd;
	p = calloc(1, sizeof(*p));
	if (!p || uv_poll_init(st->t->loop, p, fd)) {
		free(p);
		close(fd);
		return -ENOMEM;
	}
	p->data = st;
	uv_poll_start(p, UV_READABLE, accepted);
	st->link.listener = p;
	return 0;
}

static void listener_stop(struct srp_task *st)
{
	int fd = -1;

	if (!st->link.listener)
		return;
	uv_fileno((uv_handle_t *)st->link.listener, &fd);
	uv_poll_stop(st->link.listener);
	uv_close((uv_handle_t *)st->link.listener, listener_closed);
	close(fd);
	st->link.listener = NULL;
}

static void retry(struct task *t, void *arg)
{
	struct srp_task *st = arg;
	struct srp_link *l = &st->link;
	int rc;

	task_timer_stop(l->retry);
	l->retry = NULL;
	if (!l->open)
		return;
	if (l->candidate && l->candidate->connecting && clock_now_us() - l->candidate->since > CONNECT_US)
		conn_close(l->candidate); /* starts the timer again */
	if (l->connects && !l->conn && !l->candidate) {
		rc = open_in_context(st, false);
		l->candidate = rc >= 0 ? conn_new(st, rc, true) : NULL;
	} else if (!l->connects && !l->listener) {
		listener_start(st);
	}
	if (!l->retry && (l->connects ? !l->conn : !l->listener))
		l->retry = task_timer_start(t, RETRY_MS, 0, retry, st);
}

/* --- entry points
 * --------------------------------------------------------------------------------------------------- */

void srp_link_open(struct srp_task *st)
{
	struct srp_link *l = &st->link;

	l->open = true;
	l->connects = net_addr_compare(&st->set.local, &st->set.peer) < 0;
	if (!l->retry)
		l->retry = task_timer_start(st->t, 1, 0, retry, st);
}

void srp_link_close(struct srp_task *st)
{
	struct srp_link *l = &st->link;

	l->open = false;
	listener_stop(st);
	if (l->conn)
		conn_close(l->conn);
	if (l->candidate)
		conn_close(l->candidate);
	if (l->ns_fd >= 0)
		close(l->ns_fd);
	l->ns_fd = -1;
}

void srp_link_drop(struct srp_task *st)
{
	if (st->link.conn)
		conn_close(st->link.conn);
}

int srp_link_send(struct srp_task *st, const SrpFrame *f)
{
	struct srp_conn *c = st->link.conn;
	uint8_t *buf;
	size_t len;
	int rc;

	if (!c)
		return 0; /* lost with the link */
	if (f->body_case == SRP_FRAME__BODY_ROWS && c->out_len > QUEUE_ROWS) {
		c->rows_wait = true;
		return -EAGAIN;
	}
	buf = srp_frame_pack(f, &len);
	if (!buf)
		return -EMSGSIZE;
	rc = conn_queue(c, buf, len);
	free(buf);
	return rc;
}

bool srp_link_connected(const struct srp_task *st)
{
	return st->link.conn && !st->link.conn->connecting;
}
