/* SPDX-License-Identifier: MIT */
/*
 * A ZeroMQ socket on a libuv loop. What is sent to one receiver while the cork is in travels as one message
 * of ZeroMQ (bus_parcel.h). Private to lib/bus.
 */
#ifndef ORRERY_BUS_SOCK_H
#define ORRERY_BUS_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "bus/bus_parcel.h"

/*
 * Sockets of one loop that are held together: what is sent while the cork is in waits in its socket and goes
 * out when the cork is out, one burst for ZeroMQ's thread instead of a wake-up a message.
 */
struct bus_cork {
	int depth;
	struct bus_sock *first; /* with something waiting */
};

struct bus_out;
/* A message: its frames live until this returns. */
typedef void (*bus_sock_rx)(void *arg, const struct bus_frame *frames, int n);

struct bus_sock {
	void *zsock;
	uv_loop_t *loop;
	uv_poll_t poll;
	uv_prepare_t prepare;
	uv_idle_t idle;
	bool idling, reading;
	bool stale; /* sent since the last receiving: the edge may be gone */
	bus_sock_rx rx;
	void *arg;
	bool router; /* the first frame is whom it is for, or from */
	int open_handles;
	bool closing;
	struct bus_cork *cork; /* borrowed, or NULL */
	struct bus_sock *next; /* in the cork's list */
	bool waiting;
	struct bus_out *out, *spare; /* what waits, by receiver; and empty ones */
	size_t out_len;              /* bytes that wait */
	/* What waited and was refused when it went out. */
	void (*refused)(void *arg, const struct bus_frame *frames, int n, int rc);
};

/* Make a socket of this type, not connected. rx NULL: send only (no loop handles). */
struct bus_sock *bus_sock_new(uv_loop_t *loop, int type, const char *identity, bus_sock_rx rx, void *arg);
/* Close at once; queued messages are dropped. Memory goes when libuv closed the handles. */
void bus_sock_close(struct bus_sock *s);
/* Hold what is sent from now on; as often as bus_uncork(). */
void bus_cork(struct bus_cork *c);
void bus_uncork(struct bus_cork *c);
/* 0 (also: it waits for the cork), -EAGAIN (queue full), -EHOSTUNREACH (ROUTER: no such identity) or another
 * -errno. */
int bus_sock_send(struct bus_sock *s, const struct bus_frame *frames, int n);

#endif
