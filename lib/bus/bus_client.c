/* SPDX-License-Identifier: MIT */
/*
 * A task's end of the bus: one DEALER socket to its card. Sends [dst][envelope], receives
 * [src][ret][envelope].
 */
#include "bus/bus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "bus/bus_sock.h"

struct bus_client {
	struct bus_sock *sock;
	struct bus_cork cork;
	bus_rx_cb cb;
	void *arg;
};

uint8_t *bus_pack(const Envelope *env, size_t *len)
{
	size_t n = envelope__get_packed_size(env);
	uint8_t *buf;

	if (n > BUS_MSG_MAX)
		return NULL;
	buf = malloc(n ? n : 1);
	if (buf)
		*len = envelope__pack(env, buf);
	return buf;
}

/* A frame as a string; false when it does not fit or holds a NUL. */
static bool frame_text(const struct bus_frame *f, char *out, size_t size)
{
	if (f->len >= size || memchr(f->data, 0, f->len))
		return false;
	memcpy(out, f->data, f->len);
	out[f->len] = 0;
	return true;
}

static void client_rx(void *arg, const struct bus_frame *frames, int n)
{
	struct bus_client *c = arg;
	char src[BUS_ADDR_MAX], ret[BUS_ADDR_MAX];
	struct bus_rx rx = {.dst = "", .src = src, .ret = ret};

	if (n != 3 || !frame_text(&frames[0], src, sizeof(src)) || !frame_text(&frames[1], ret, sizeof(ret)))
		return;
	rx.data = frames[2].data;
	rx.len = frames[2].len;
	if (rx.len <= BUS_MSG_MAX)
		c->cb(c->arg, &rx);
}

struct bus_client *bus_client_new(uv_loop_t *loop, const char *path, const char *identity, bus_rx_cb cb,
                                  void *arg)
{
	struct bus_client *c = calloc(1, sizeof(*c));
	char url[300];

	if (!c)
		return NULL;
	c->cb = cb;
	c->arg = arg;
	c->sock = bus_sock_new(loop, ZMQ_DEALER, identity, client_rx, c);
	if (c->sock)
		c->sock->cork = &c->cork;
	snprintf(url, sizeof(url), "ipc://%s", path);
	if (!c->sock || zmq_connect(c->sock->zsock, url) != 0) {
		int err = zmq_errno();

		bus_client_free(c);
		errno = err;
		return NULL;
	}
	return c;
}

void bus_client_free(struct bus_client *c)
{
	if (!c)
		return;
	bus_sock_close(c->sock);
	free(c);
}

void bus_client_cork(struct bus_client *c)
{
	bus_cork(&c->cork);
}

void bus_client_uncork(struct bus_client *c)
{
	bus_uncork(&c->cork);
}

int bus_client_send_packed(struct bus_client *c, const char *dst, const uint8_t *buf, size_t len)
{
	struct bus_frame frames[2] = {{dst, strlen(dst)}, {buf, len}};

	return bus_sock_send(c->sock, frames, 2);
}

int bus_client_send(struct bus_client *c, const char *dst, const Envelope *env)
{
	size_t len = 0;
	uint8_t *buf = bus_pack(env, &len);
	int rc;

	if (!buf)
		return -EMSGSIZE;
	rc = bus_client_send_packed(c, dst, buf, len);
	free(buf);
	return rc;
}
