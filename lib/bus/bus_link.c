/* SPDX-License-Identifier: MIT */
/*
 * The way to one other card. Between cards StarOS sends over connections that repeat what was not received,
 * so a cut of the fabric delays messages and loses none: they are kept here, in the memory of the sending
 * card, and die with either end. Whoever waits for an answer does not wait for ever: a request is given back
 * after a time, and will not arrive later. Called by bus_switch.c.
 */
#include "bus/bus_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "proto/bus.pb-c.h"

#define HELD_MESSAGES 20000
#define HELD_BYTES    (32u << 20)

struct held {
	struct held *next;
	uint64_t since;
	bool request;
	size_t len[LINK_FRAMES];
	uint8_t data[];
};

struct bus_link {
	struct bus_sock *sock;
	bool cut;
	struct held *first, **end;
	size_t n, bytes;
	bus_link_back back;
	void *arg;
};

struct bus_link *bus_link_new(uv_loop_t *loop, const char *url, struct bus_cork *cork, bus_link_back back,
                              void *arg)
{
	struct bus_link *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->end = &l->first;
	l->back = back;
	l->arg = arg;
	l->sock = bus_sock_new(loop, ZMQ_DEALER, NULL, NULL, NULL);
	if (l->sock && zmq_connect(l->sock->zsock, url) == 0) {
		l->sock->cork = cork;
		return l;
	}
	bus_sock_close(l->sock);
	free(l);
	return NULL;
}

static void frames_of(const struct held *h, struct bus_frame f[LINK_FRAMES])
{
	size_t at = 0;

	for (int i = 0; i < LINK_FRAMES; i++) {
		f[i] = (struct bus_frame){h->data + at, h->len[i]};
		at += h->len[i] + 1; /* each ends with a NUL that is not sent: addresses are read as text */
	}
}

/* Take the one that *pp points at out of the row. */
static struct held *take(struct bus_link *l, struct held **pp)
{
	struct held *h = *pp;

	*pp = h->next;
	if (!*pp)
		l->end = pp;
	l->n--;
	for (int i = 0; i < LINK_FRAMES; i++)
		l->bytes -= h->len[i];
	return h;
}

static void give_back(struct bus_link *l, struct held *h)
{
	struct bus_frame f[LINK_FRAMES];

	frames_of(h, f);
	if (h->request)
		l->back(l->arg, f);
	free(h);
}

void bus_link_free(struct bus_link *l)
{
	if (!l)
		return;
	bus_sock_close(l->sock);
	while (l->first)
		give_back(l, take(l, &l->first));
	free(l);
}

/* Is it a request, is it worth keeping? */
static bool worth(const struct bus_frame *f, bool *request)
{
	Envelope *env;
	bool ping;

	*request = false;
	if (!f->len) /* a card asks for routes */
		return true;
	env = envelope__unpack(NULL, f->len, f->data);
	if (!env)
		return false;
	*request = env->kind == ENVELOPE__KIND__REQUEST;
	ping = env->body_case == ENVELOPE__BODY_PING;
	envelope__free_unpacked(env, NULL);
	return !ping;
}

static int hold(struct bus_link *l, const struct bus_frame f[LINK_FRAMES], uint64_t now)
{
	size_t bytes = 0, at = 0;
	struct held *h;
	bool request;

	if (!worth(&f[LINK_ENVELOPE], &request))
		return 0;
	for (int i = 0; i < LINK_FRAMES; i++)
		bytes += f[i].len;
	if (l->n == HELD_MESSAGES || bytes > HELD_BYTES - l->bytes)
		return -EHOSTUNREACH;
	h = malloc(sizeof(*h) + bytes + LINK_FRAMES);
	if (!h)
		return -EHOSTUNREACH;
	h->next = NULL;
	h->since = now;
	h->request = request;
	for (int i = 0; i < LINK_FRAMES; i++) {
		h->len[i] = f[i].len;
		memcpy(h->data + at, f[i].data, f[i].len);
		h->data[at + f[i].len] = 0;
		at += f[i].len + 1;
	}
	*l->end = h;
	l->end = &h->next;
	l->n++;
	l->bytes += bytes;
	return 0;
}

int bus_link_send(struct bus_link *l, const struct bus_frame f[LINK_FRAMES], uint64_t now)
{
	return l->cut ? hold(l, f, now) : bus_sock_send(l->sock, f, LINK_FRAMES);
}

void bus_link_cut(struct bus_link *l, bool cut)
{
	struct bus_frame f[LINK_FRAMES];

	l->cut = cut;
	while (!cut && l->first) {
		struct held *h = take(l, &l->first);

		frames_of(h, f);
		if (bus_sock_send(l->sock, f, LINK_FRAMES) < 0)
			give_back(l, h);
		else
			free(h);
	}
}

void bus_link_expire(struct bus_link *l, uint64_t before)
{
	struct held **pp = &l->first;

	while (*pp && (*pp)->since < before)
		if ((*pp)->request)
			give_back(l, take(l, pp));
		else
			pp = &(*pp)->next;
}
