/* SPDX-License-Identifier: MIT */
/*
 * ZeroMQ on libuv. ZMQ_FD is edge-triggered and any send may consume the edge, so besides the poll handle a
 * prepare handle receives after sends, before the loop blocks. Receiving until EAGAIN leaves no command
 * behind (zmq_msg_recv looks for them before it says so); asking ZMQ_EVENTS would cost a system call a
 * message. At most RX_BATCH messages are taken at once, so that timers and other descriptors of a busy
 * process are served too.
 */
#include "bus/bus_sock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define RX_BATCH       256
#define QUEUE_MESSAGES 200000
#define OUT_BYTES      (256 << 10) /* wait for the cork at most */

static void *the_context;
static pthread_once_t context_once = PTHREAD_ONCE_INIT;

static void context_make(void)
{
	the_context = zmq_ctx_new();
	if (the_context)
		zmq_ctx_set(the_context, ZMQ_MAX_SOCKETS, 1024);
}

/* One ZeroMQ context per process: it is a thread, not state. */
void *bus_sock_context(void)
{
	pthread_once(&context_once, context_make);
	return the_context;
}

/* --- sending -----------------------------------------------------------------------------------------------
 */

static int send_now(struct bus_sock *s, const struct bus_frame *frames, int n)
{
	s->stale = true;
	for (int i = 0; i < n; i++) {
		int flags = ZMQ_DONTWAIT | (i + 1 < n ? ZMQ_SNDMORE : 0);

		/* Only the first frame can be refused: ZeroMQ queues a multi-part message whole. */
		if (zmq_send(s->zsock, frames[i].data, frames[i].len, flags) < 0)
			return -zmq_errno();
	}
	return 0;
}

/* Take s out of its cork's list and send what waits. */
static void flush(struct bus_sock *s)
{
	struct bus_sock **at;
	size_t pos = 0, len = s->out_len, size = s->out_size;
	uint8_t *out = s->out;

	if (!s->waiting)
		return;
	for (at = &s->cork->first; *at != s; at = &(*at)->next)
		;
	*at = s->next;
	s->waiting = false;
	/* what is sent because of a refusal waits anew, elsewhere */
	s->out = NULL;
	s->out_len = s->out_size = 0;
	while (pos < len) {
		struct bus_frame f[BUS_FRAMES_MAX];
		int n = out[pos++], rc;

		for (int i = 0; i < n; i++) {
			memcpy(&f[i].len, out + pos, sizeof(f[i].len));
			f[i].data = out + pos + sizeof(f[i].len);
			pos += sizeof(f[i].len) + f[i].len;
		}
		rc = send_now(s, f, n);
		if (rc < 0 && s->refused)
			s->refused(s->arg, f, n, rc);
	}
	if (s->out) {
		free(out);
	} else {
		s->out = out;
		s->out_size = size;
	}
}

void bus_cork(struct bus_cork *c)
{
	if (c)
		c->depth++;
}

void bus_uncork(struct bus_cork *c)
{
	if (!c || --c->depth > 0)
		return;
	while (c->first)
		flush(c->first);
}

static bool room_for(struct bus_sock *s, size_t len)
{
	size_t want = s->out_size ? s->out_size : 4096;
	uint8_t *p;

	while (want - s->out_len < len)
		want *= 2;
	if (want == s->out_size)
		return true;
	p = realloc(s->out, want);
	if (!p)
		return false;
	s->out = p;
	s->out_size = want;
	return true;
}

/* false: no memory, so it is sent at once. */
static bool wait_in(struct bus_sock *s, const struct bus_frame *frames, int n)
{
	size_t len = 1;

	for (int i = 0; i < n; i++)
		len += sizeof(frames[i].len) + frames[i].len;
	if (!room_for(s, len))
		return false;
	s->out[s->out_len++] = (uint8_t)n;
	for (int i = 0; i < n; i++) {
		memcpy(s->out + s->out_len, &frames[i].len, sizeof(frames[i].len));
		s->out_len += sizeof(frames[i].len);
		memcpy(s->out + s->out_len, frames[i].data, frames[i].len);
		s->out_len += frames[i].len;
	}
	if (!s->waiting) {
		s->waiting = true;
		s->next = s->cork->first;
		s->cork->first = s;
	}
	return true;
}

int bus_sock_send(struct bus_sock *s, const struct bus_frame *frames, int n)
{
	if (s->closing)
		return -ESHUTDOWN;
	if (s->cork && s->cork->depth && wait_in(s, frames, n)) {
		if (s->out_len > OUT_BYTES)
			flush(s);
		return 0;
	}
	flush(s);
	return send_now(s, frames, n);
}

/* --- receiving ---------------------------------------------------------------------------------------------
 */

/* Receive one multi-part message. Number of frames, or -1 when there is none. Surplus frames are dropped. */
static int recv_parts(void *zsock, zmq_msg_t *frames)
{
	int n = 0, more = 1;

	while (more) {
		zmq_msg_t surplus, *f = n < BUS_FRAMES_MAX ? &frames[n] : &surplus;

		zmq_msg_init(f);
		if (zmq_msg_recv(f, zsock, ZMQ_DONTWAIT) < 0) {
			zmq_msg_close(f);
			for (int i = 0; i < n && i < BUS_FRAMES_MAX; i++)
				zmq_msg_close(&frames[i]);
			return -1;
		}
		more = zmq_msg_more(f);
		if (n >= BUS_FRAMES_MAX)
			zmq_msg_close(f);
		n++;
	}
	return n < BUS_FRAMES_MAX ? n : BUS_FRAMES_MAX;
}

static void idle_cb(uv_idle_t *h);

static void drain(struct bus_sock *s)
{
	int taken = 0;

	if (s->reading || s->closing)
		return;
	s->reading = true;
	s->stale = false;
	bus_cork(s->cork);
	while (taken < RX_BATCH && !s->closing) {
		zmq_msg_t frames[BUS_FRAMES_MAX];
		int n = recv_parts(s->zsock, frames);

		if (n < 0)
			break;
		s->rx(s->arg, frames, n);
		for (int i = 0; i < n; i++)
			zmq_msg_close(&frames[i]);
		taken++;
	}
	s->reading = false;
	if (s->closing) /* by a handler: the cork may be gone with its owner */
		return;
	bus_uncork(s->cork);
	if (s->closing)
		return;
	if (taken == RX_BATCH && !s->idling) {
		s->idling = true;
		uv_idle_start(&s->idle, idle_cb);
	} else if (taken < RX_BATCH && s->idling) {
		s->idling = false;
		uv_idle_stop(&s->idle);
	}
}

static void idle_cb(uv_idle_t *h)
{
	drain(h->data);
}

static void prepare_cb(uv_prepare_t *h)
{
	struct bus_sock *s = h->data;

	if (s->stale)
		drain(s);
}

static void poll_cb(uv_poll_t *h, int status, int events)
{
	(void)status;
	(void)events;
	drain(h->data);
}

static int start_handles(struct bus_sock *s)
{
	int fd;
	size_t len = sizeof(fd);

	if (zmq_getsockopt(s->zsock, ZMQ_FD, &fd, &len) != 0)
		return -zmq_errno();
	uv_poll_init(s->loop, &s->poll, fd);
	uv_prepare_init(s->loop, &s->prepare);
	uv_idle_init(s->loop, &s->idle);
	s->poll.data = s->prepare.data = s->idle.data = s;
	s->open_handles = 3;
	uv_poll_start(&s->poll, UV_READABLE, poll_cb);
	uv_prepare_start(&s->prepare, prepare_cb);
	return 0;
}

struct bus_sock *bus_sock_new(uv_loop_t *loop, int type, const char *identity,
                              void (*rx)(void *, zmq_msg_t *, int), void *arg)
{
	struct bus_sock *s = calloc(1, sizeof(*s));
	int hwm = QUEUE_MESSAGES, zero = 0, one = 1;

	if (!s)
		return NULL;
	s->loop = loop;
	s->rx = rx;
	s->arg = arg;
	s->stale = true;
	s->zsock = zmq_socket(bus_sock_context(), type);
	if (!s->zsock) {
		free(s);
		return NULL;
	}
	zmq_setsockopt(s->zsock, ZMQ_SNDHWM, &hwm, sizeof(hwm));
	zmq_setsockopt(s->zsock, ZMQ_RCVHWM, &hwm, sizeof(hwm));
	zmq_setsockopt(s->zsock, ZMQ_LINGER, &zero, sizeof(zero));
	if (type == ZMQ_ROUTER)
		zmq_setsockopt(s->zsock, ZMQ_ROUTER_MANDATORY, &one, sizeof(one));
	if (identity)
		zmq_setsockopt(s->zsock, ZMQ_ROUTING_ID, identity, strlen(identity));
	if (rx && start_handles(s) < 0) {
		zmq_close(s->zsock);
		free(s);
		return NULL;
	}
	return s;
}

static void sock_free(struct bus_sock *s)
{
	zmq_close(s->zsock);
	free(s->out);
	free(s);
}

static void closed_cb(uv_handle_t *h)
{
	struct bus_sock *s = h->data;

	if (--s->open_handles == 0)
		sock_free(s);
}

void bus_sock_close(struct bus_sock *s)
{
	if (!s || s->closing)
		return;
	flush(s);
	s->closing = true;
	if (!s->rx) {
		sock_free(s);
		return;
	}
	uv_close((uv_handle_t *)&s->poll, closed_cb);
	uv_close((uv_handle_t *)&s->prepare, closed_cb);
	uv_close((uv_handle_t *)&s->idle, closed_cb);
}
