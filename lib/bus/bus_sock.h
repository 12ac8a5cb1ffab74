/* SPDX-License-Identifier: MIT */
/* A ZeroMQ socket on a libuv loop, and multi-part send/receive. Private to lib/bus. */
#ifndef ORRERY_BUS_SOCK_H
#define ORRERY_BUS_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include <zmq.h>

#define BUS_FRAMES_MAX 6

struct bus_frame;

/*
 * Sockets of one loop that are held together: what is sent while the cork is in waits in its socket and goes
 * out when the cork is out, one burst for ZeroMQ's thread instead of a wake-up a message.
 */
struct bus_cork {
	int depth;
	struct bus_sock *first; /* with something waiting */
};

struct bus_sock {
	void *zsock;
	uv_loop_t *loop;
	uv_poll_t poll;
	uv_prepare_t prepare;
	uv_idle_t idle;
	bool idling, reading;
	bool stale; /* sent since the last receiving: the edge may be gone */
	void (*rx)(void *arg, zmq_msg_t *frames, int n);
	void *arg;
	int open_handles;
	bool closing;
	struct bus_cork *cork; /* borrowed, or NULL */
	struct bus_sock *next; /* in the cork's list */
	bool waiting;
	uint8_t *out; /* frames that wait: number of frames, then each its length and bytes */
	size_t out_len, out_size;
	/* What waited and was refused when it went out. */
	void (*refused)(void *arg, const struct bus_frame *frames, int n, int rc);
};

/* Frame to send: borrowed bytes. */
struct bus_frame {
	const void *data;
	size_t len;
};

void *bus_sock_context(void);
/* Make a socket of this type, not connected. rx NULL: send only (no loop handles). */
struct bus_sock *bus_sock_new(uv_loop_t *loop, int type, const char *identity,
                              void (*rx)(void *, zmq_msg_t *, int), void *arg);
/* Close at once; queued messages are dropped. Memory goes when libuv closed the handles. */
void bus_sock_close(struct bus_sock *s);
/* Hold what is sent from now on; as often as bus_uncork(). */
void bus_cork(struct bus_cork *c);
void bus_uncork(struct bus_cork *c);
/* 0 (also: it waits for the cork), -EAGAIN (queue full), -EHOSTUNREACH (ROUTER: no such identity) or another
 * -errno. */
int bus_sock_send(struct bus_sock *s, const struct bus_frame *frames, int n);

#endif
