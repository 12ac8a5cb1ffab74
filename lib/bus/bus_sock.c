/* SPDX-License-Identifier: MIT */
/*
 * ZeroMQ on libuv. ZMQ_FD is edge-triggered and any send may consume the edge, so besides the poll handle a
 * prepare handle receives after sends, before the loop blocks; what that makes handlers send keeps the loop
 * awake until a receiving found nothing after it. Receiving until EAGAIN leaves no command
 * behind (zmq_msg_recv looks for them before it says so); asking ZMQ_EVENTS would cost a system call a
 * message. At most RX_BATCH messages are taken at once, so that timers and other descriptors of a busy
 * process are served too.
 */
#include "bus/bus_sock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define RX_BATCH       256
#define QUEUE_MESSAGES 200000
#define OUT_BYTES      (256 << 10) /* wait for the cork at most */
#define ROUTING_ID_MAX 40
#define PARTS          2 /* frames of ZeroMQ */

static void *the_context;
static pthread_once_t context_once = PTHREAD_ONCE_INIT;

static void context_make(void)
{
	the_context = zmq_ctx_new();
	if (the_context)
		zmq_ctx_set(the_context, ZMQ_MAX_SOCKETS, 1024);
}

/* One ZeroMQ context per process: it is a thread, not state. */
static void *context(void)
{
	pthread_once(&context_once, context_make);
	return the_context;
}

/* --- sending -----------------------------------------------------------------------------------------------
 */

/* What waits for one receiver. */
struct bus_out {
	struct bus_out *next;
	char to[ROUTING_ID_MAX];
	size_t to_len;
	struct bus_parcel parcel;
};

static int send_parcel(struct bus_sock *s, const void *to, size_t to_len, const struct bus_parcel *p)
{
	s->stale = true;
	/* Only the first frame can be refused: ZeroMQ queues a multi-part message whole. */
	if (s->router && zmq_send(s->zsock, to, to_len, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
		return -zmq_errno();
	return zmq_send(s->zsock, p->data, p->len, ZMQ_DONTWAIT) < 0 ? -zmq_errno() : 0;
}

/* Give every message of it back to the owner. */
static void give_back(struct bus_sock *s, const struct bus_out *o, int rc)
{
	struct bus_frame f[BUS_FRAMES_MAX + 1] = {{o->to, o->to_len}};
	size_t pos = 0;
	int n;

	while (s->refused && (n = bus_parcel_next(o->parcel.data, o->parcel.len, &pos, f + s->router)) > 0)
		s->refused(s->arg, f, n + s->router, rc);
}

/* Take s out of its cork's list and send what waits. */
static void flush(struct bus_sock *s)
{
	struct bus_out *o, *list = s->out;
	struct bus_sock **at;

	if (!s->waiting)
		return;
	for (at = &s->cork->first; *at != s; at = &(*at)->next)
		;
	*at = s->next;
	s->waiting = false;
	/* what is sent because of a refusal waits anew, elsewhere */
	s->out = NULL;
	s->out_len = 0;
	while ((o = list)) {
		int rc = send_parcel(s, o->to, o->to_len, &o->parcel);

		if (rc < 0)
			give_back(s, o, rc);
		bus_parcel_reset(&o->parcel);
		list = o->next;
		o->next = s->spare;
		s->spare = o;
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

/* What waits for this receiver, or something empty for it; NULL: no memory, or no such receiver. */
static struct bus_out *out_of(struct bus_sock *s, const struct bus_frame *to)
{
	size_t len = s->router ? to->len : 0;
	struct bus_out **pp = &s->out, *o;

	while ((o = *pp)) {
		if (o->to_len == len && !memcmp(o->to, to->data, len))
			return o;
		pp = &o->next;
	}
	if (len > ROUTING_ID_MAX)
		return NULL;
	o = s->spare;
	if (o)
		s->spare = o->next;
	else
		o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	memcpy(o->to, to->data, len);
	o->to_len = len;
	o->next = NULL;
	*pp = o;
	return o;
}

/* false: no memory, so it is sent at once. */
static bool wait_in(struct bus_sock *s, const struct bus_frame *frames, int n)
{
	struct bus_out *o = out_of(s, frames);
	size_t had = o ? o->parcel.len : 0;

	if (!o || bus_parcel_add(&o->parcel, frames + s->router, n - s->router))
		return false;
	s->out_len += o->parcel.len - had;
	if (!s->waiting) {
		s->waiting = true;
		s->next = s->cork->first;
		s->cork->first = s;
	}
	return true;
}

int bus_sock_send(struct bus_sock *s, const struct bus_frame *frames, int n)
{
	struct bus_parcel one = {0};
	int rc;

	if (s->closing)
		return -ESHUTDOWN;
	if (s->cork && s->cork->depth && wait_in(s, frames, n)) {
		if (s->out_len > OUT_BYTES)
			flush(s);
		return 0;
	}
	flush(s);
	rc = bus_parcel_add(&one, frames + s->router, n - s->router);
	if (!rc)
		rc = send_parcel(s, frames[0].data, frames[0].len, &one);
	free(one.data);
	return rc;
}

/* --- receiving ---------------------------------------------------------------------------------------------
 */

/* Receive one message of ZeroMQ: [parcel], at a ROUTER [identity][parcel]. Its number of frames, or -1 when
 * there is none. Surplus frames are dropped. */
static int recv_parts(void *zsock, zmq_msg_t frames[PARTS])
{
	int n = 0, more = 1;

	while (more) {
		zmq_msg_t surplus, *f = n < PARTS ? &frames[n] : &surplus;

		zmq_msg_init(f);
		if (zmq_msg_recv(f, zsock, ZMQ_DONTWAIT) < 0) {
			zmq_msg_close(f);
			for (int i = 0; i < n && i < PARTS; i++)
				zmq_msg_close(&frames[i]);
			return -1;
		}
		more = zmq_msg_more(f);
		if (n >= PARTS)
			zmq_msg_close(f);
		n++;
	}
	return n < PARTS ? n : PARTS;
}

/* Hand out every message of a parcel. Their number; what is no message ends it. */
static int deliver(struct bus_sock *s, zmq_msg_t *part, int n_parts)
{
	struct bus_frame f[BUS_FRAMES_MAX + 1] = {{0}};
	zmq_msg_t *parcel = &part[s->router];
	size_t pos = 0;
	int n, count = 0;

	if (n_parts != 1 + s->router)
		return 1;
	if (s->router)
		f[0] = (struct bus_frame){zmq_msg_data(&part[0]), zmq_msg_size(&part[0])};
	while (!s->closing &&
	       (n = bus_parcel_next(zmq_msg_data(parcel), zmq_msg_size(parcel), &pos, f + s->router)) > 0) {
		s->rx(s->arg, f, n + s->router);
		count++;
	}
	return count ? count : 1;
}

static void idle_cb(uv_idle_t *h);

static void drain(struct bus_sock *s)
{
	bool empty = false;
	int taken = 0;

	if (s->reading || s->closing)
		return;
	s->reading = true;
	s->stale = false;
	bus_cork(s->cork);
	while (taken < RX_BATCH && !s->closing) {
		zmq_msg_t part[PARTS];
		int n = recv_parts(s->zsock, part);

		if (n < 0) {
			empty = true;
			break;
		}
		taken += deliver(s, part, n);
		for (int i = 0; i < n; i++)
			zmq_msg_close(&part[i]);
	}
	s->reading = false;
	if (s->closing) /* by a handler: the cork may be gone with its owner */
		return;
	bus_uncork(s->cork);
	if (s->closing)
		return;
	/* what the cork held has just gone out, and the edge with it: the loop must not block on that */
	if ((!empty || s->stale) && !s->idling) {
		s->idling = true;
		uv_idle_start(&s->idle, idle_cb);
	} else if (empty && !s->stale && s->idling) {
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

struct bus_sock *bus_sock_new(uv_loop_t *loop, int type, const char *identity, bus_sock_rx rx, void *arg)
{
	struct bus_sock *s = calloc(1, sizeof(*s));
	int hwm = QUEUE_MESSAGES, zero = 0, one = 1;

	if (!s)
		return NULL;
	s->loop = loop;
	s->rx = rx;
	s->arg = arg;
	s->router = type == ZMQ_ROUTER;
	s->stale = true;
	s->zsock = zmq_socket(context(), type);
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

static void outs_free(struct bus_out *o)
{
	while (o) {
		struct bus_out *next = o->next;

		free(o->parcel.data);
		free(o);
		o = next;
	}
}

static void sock_free(struct bus_sock *s)
{
	zmq_close(s->zsock);
	outs_free(s->out);
	outs_free(s->spare);
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
