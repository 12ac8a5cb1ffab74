/* SPDX-License-Identifier: MIT */
/*
 * The bus: protobuf envelopes over ZeroMQ, the only code that knows ZeroMQ. A task has a `bus_client` (one
 * DEALER to its card); a card has a `bus_switch` (one ROUTER for its tasks and the other cards, one DEALER
 * per other card). Frames: task -> card [dst][envelope]; card -> card [dst][src][ret][envelope]; card -> task
 * [src][ret][envelope]. dst is "facility/instance", "card/<slot>", "@<slot>:<identity>" (an exact process:
 * replies) or "#<topic>". Callers: lib/task, cards/. Routing and loss: a request to nobody is answered
 * -EHOSTUNREACH by the sender's card.
 */
#ifndef ORRERY_BUS_H
#define ORRERY_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "proto/bus.pb-c.h"

#define BUS_ADDR_MAX 40
#define BUS_MSG_MAX  (4u << 20) /* larger envelopes are refused by both ends */

/* A received message; pointers live until the callback returns. */
struct bus_rx {
	const char *dst; /* empty at a task */
	const char *src;
	const char *ret;
	const uint8_t *data;
	size_t len;
};
typedef void (*bus_rx_cb)(void *arg, const struct bus_rx *rx);

/* --- a task's end ------------------------------------------------------------------------------------------
 */
struct bus_client;
/* Connect to the card's switch at ipc://<path>. NULL: errno is set. */
struct bus_client *bus_client_new(uv_loop_t *loop, const char *path, const char *identity, bus_rx_cb cb,
                                  void *arg);
void bus_client_free(struct bus_client *c);
/* Send an envelope (borrowed). 0, -EMSGSIZE, or -EAGAIN when the queue is full. */
int bus_client_send(struct bus_client *c, const char *dst, const Envelope *env);
/* The same for an envelope of bus_pack() (borrowed). */
int bus_client_send_packed(struct bus_client *c, const char *dst, const uint8_t *buf, size_t len);
/*
 * Hold what is sent until bus_client_uncork(), for a task that is about to handle many things at once: a
 * burst costs one wake-up of ZeroMQ's thread. Nests. What a handler of a message sends is held anyway, until
 * those that have come are handled.
 */
void bus_client_cork(struct bus_client *c);
void bus_client_uncork(struct bus_client *c);

/* --- a card's end ------------------------------------------------------------------------------------------
 */
struct bus_switch;
struct bus_switch_counters {
	uint64_t forwarded, local, published, unroutable, refused, dropped;
};
/*
 * Bind ipc://<run_dir>/card-<slot>.ipc. `rx` gets messages for this card itself (dst "card/<slot>", and the
 * hello of a process that is not registered yet: then src is empty and ret its identity).
 */
struct bus_switch *bus_switch_new(uv_loop_t *loop, const char *run_dir, uint32_t slot, bus_rx_cb rx,
                                  void *arg);
void bus_switch_free(struct bus_switch *s);
/* Register the process behind `identity` as src (may send); it is not reachable by name before
 * bus_switch_ready(). */
int bus_switch_register(struct bus_switch *s, const char *identity, const char *src);
/* From now on it sends as src: a standby instance that is taking a number over. 0 or -ENOENT. */
int bus_switch_rename(struct bus_switch *s, const char *identity, const char *src);
void bus_switch_unregister(struct bus_switch *s, const char *identity);
/* The registered process is the one and only `addr` now. Tells other cards and local tasks. */
int bus_switch_ready(struct bus_switch *s, const char *identity, const char *addr);
/* addr is not there any more. */
void bus_switch_withdraw(struct bus_switch *s, const char *addr);
int bus_switch_subscribe(struct bus_switch *s, const char *identity, const char *topic);
/* Another card came or went. Its routes go with it. */
int bus_switch_peer_up(struct bus_switch *s, uint32_t slot);
void bus_switch_peer_down(struct bus_switch *s, uint32_t slot);
/* A fault of the fabric: what is sent to that card waits until there is none any more (bus_link.c); then it
 * arrives, each message once and in order, and both cards tell their routes. */
void bus_switch_cut(struct bus_switch *s, uint32_t slot, bool cut);
/* So many ms a request waits at a cut; then it is answered -EHOSTUNREACH. */
void bus_switch_hold(struct bus_switch *s, uint32_t ms);
/* Send from this card ("card/<slot>"). Same results as bus_client_send; -EHOSTUNREACH when nobody is there.
 */
int bus_switch_send(struct bus_switch *s, const char *dst, const Envelope *env);
/* Called (from the loop) after routes changed. */
void bus_switch_on_routes(struct bus_switch *s, void (*cb)(void *arg));
/* Where is addr? The slot, 0 when nowhere. */
uint32_t bus_switch_where(const struct bus_switch *s, const char *addr);
/* Which process is behind addr? Another number than before when it is another one, also on the same card and
 * when its predecessor's end was not told by itself (both in one batch of routes); 0 when nowhere. */
uint64_t bus_switch_came(const struct bus_switch *s, const char *addr);
const struct bus_switch_counters *bus_switch_counters(const struct bus_switch *s);

/* Pack an envelope into a malloc'ed buffer; NULL when too large or out of memory. */
uint8_t *bus_pack(const Envelope *env, size_t *len);

#endif
