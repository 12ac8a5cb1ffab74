/* SPDX-License-Identifier: MIT */
/*
 * The way from this card to one other: a DEALER to its switch, and what waits while the fabric between the
 * two is cut. Owned by bus_switch.c; nobody else includes this.
 */
#ifndef ORRERY_BUS_LINK_H
#define ORRERY_BUS_LINK_H

#include "bus/bus_sock.h"

enum { LINK_DST, LINK_SRC, LINK_RET, LINK_ENVELOPE, LINK_FRAMES };

struct bus_link;
/* A request that is not going to arrive: answer whoever waits for it. The frames live until this returns. */
typedef void (*bus_link_back)(void *arg, const struct bus_frame f[LINK_FRAMES]);

/* Connect to the switch behind url; the cork is borrowed. NULL: no memory, or ZeroMQ refuses it. */
struct bus_link *bus_link_new(uv_loop_t *loop, const char *url, struct bus_cork *cork, bus_link_back back,
                              void *arg);
/* Requests that still wait are given back. NULL-safe. */
void bus_link_free(struct bus_link *l);
/*
 * Send, or keep until the fabric carries something again: in order, each once. Heartbeats are not kept, they
 * ask about now. 0, -EHOSTUNREACH when too much waits already, or what bus_sock_send() says. now in us.
 */
int bus_link_send(struct bus_link *l, const struct bus_frame f[LINK_FRAMES], uint64_t now);
/* The fabric carries nothing any more, or again: then everything that waits leaves. */
void bus_link_cut(struct bus_link *l, bool cut);
/* Requests that were sent before `before` (us) and still wait are given back; what nobody waits for stays. */
void bus_link_expire(struct bus_link *l, uint64_t before);

#endif
