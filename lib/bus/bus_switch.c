/* SPDX-License-Identifier: MIT */
/*
 * A card's message switch: processes register behind an identity, become reachable under an address when they
 * are ready, subscribe to topics. Routes of this card are told to the other cards and to local tasks, in
 * batches; a card that learns of another asks it for all of them (#ask), because what came before is not
 * heard. Nothing is stored: a message for nobody is answered "unreachable" when it was a request, else
 * counted and dropped.
 */
#include "bus/bus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/strmap.h"
#include "bus/bus_link.h"
#include "bus/bus_sock.h"

#define ROUTE_BATCH_MS 3
#define SLOTS_MAX      64
#define HOLD_MS        2000 /* unless bus_switch_hold() says so */
#define EXPIRE_MS      50

/* A process on this card. */
struct member {
	char identity[BUS_ADDR_MAX];
	char src[BUS_ADDR_MAX];  /* what it may call itself */
	char addr[BUS_ADDR_MAX]; /* the name it is reachable by, empty before it is ready */
	struct strmap topics;
};

struct route {
	uint32_t card;
	struct member *member; /* NULL: on another card */
	uint64_t seen;         /* in which full table */
	uint64_t came;         /* the how manyeth announcement of any address this was */
};

struct bus_switch {
	uv_loop_t *loop;
	uint64_t came;
	uint32_t slot;
	char run_dir[256], self[BUS_ADDR_MAX];
	struct bus_cork cork;
	struct bus_sock *router;
	struct bus_link *peers[SLOTS_MAX];
	bool cut[SLOTS_MAX]; /* a fault: the fabric carries nothing to there */
	uint32_t hold_ms;
	struct strmap members; /* identity -> member */
	struct strmap routes;  /* address -> route */
	struct strmap changed; /* addresses to tell about, value: itself */
	uv_timer_t timer, expire;
	bool timer_on, closing;
	bus_rx_cb rx;
	void (*on_routes)(void *arg);
	void *arg;
	uint64_t tables; /* full tables received */
	struct bus_switch_counters n;
};

static void route_batch_cb(uv_timer_t *h);
static void expire_cb(uv_timer_t *h);
static void deliver_here(struct bus_switch *s, const char *dst, const char *src, const char *ret,
                         const void *data, size_t len);

static void mark_changed(struct bus_switch *s, const char *addr)
{
	strmap_set(&s->changed, addr, s);
	if (!s->timer_on && !s->closing) {
		s->timer_on = true;
		uv_timer_start(&s->timer, route_batch_cb, ROUTE_BATCH_MS, 0);
	}
}

/* --- sending -----------------------------------------------------------------------------------------------
 */

static int to_member(struct bus_switch *s, const char *identity, const char *src, const char *ret,
                     const void *data, size_t len)
{
	struct bus_frame f[4] = {
	        {identity, strlen(identity)}, {src, strlen(src)}, {ret, strlen(ret)}, {data, len}};
	int rc = bus_sock_send(s->router, f, 4);

	if (rc == 0)
		s->n.local++;
	else
		s->n.dropped++;
	return rc;
}

static int to_card(struct bus_switch *s, uint32_t card, const char *dst, const char *src, const char *ret,
                   const void *data, size_t len)
{
	struct bus_frame f[LINK_FRAMES] = {
	        {dst, strlen(dst)}, {src, strlen(src)}, {ret, strlen(ret)}, {data, len}};
	int rc;

	if (card >= SLOTS_MAX || !s->peers[card])
		return -EHOSTUNREACH;
	rc = bus_link_send(s->peers[card], f, clock_now_us());
	if (rc == 0)
		s->n.forwarded++;
	else
		s->n.dropped++;
	return rc;
}

/* Deliver a published message to the local subscribers. */
static void publish_here(struct bus_switch *s, const char *topic, const char *src, const char *ret,
                         const void *data, size_t len)
{
	size_t pos = 0;
	void *v;

	while (strmap_next(&s->members, &pos, NULL, &v)) {
		struct member *m = v;

		if (strmap_get(&m->topics, topic))
			to_member(s, m->identity, src, ret, data, len);
	}
	s->n.published++;
}

/* Parse "@<slot>:<identity>". */
static bool split_exact(const char *dst, uint32_t *slot, const char **identity)
{
	char *end;
	unsigned long v = strtoul(dst + 1, &end, 10);

	if (*end != ':' || v >= SLOTS_MAX)
		return false;
	*slot = (uint32_t)v;
	*identity = end + 1;
	return true;
}

static int route_one(struct bus_switch *s, const char *dst, const char *src, const char *ret,
                     const void *data, size_t len)
{
	struct route *r;
	const char *identity;
	uint32_t slot;

	if (dst[0] == '@') {
		if (!split_exact(dst, &slot, &identity))
			return -EINVAL;
		if (slot != s->slot)
			return to_card(s, slot, dst, src, ret, data, len);
		if (!strcmp(identity, "card"))
			deliver_here(s, dst, src, ret, data, len);
		else
			return to_member(s, identity, src, ret, data, len);
		return 0;
	}
	if (!strncmp(dst, "card/", 5)) {
		slot = (uint32_t)strtoul(dst + 5, NULL, 10);
		if (slot != s->slot)
			return to_card(s, slot, dst, src, ret, data, len);
		deliver_here(s, dst, src, ret, data, len);
		return 0;
	}
	r = strmap_get(&s->routes, dst);
	if (!r)
		return -EHOSTUNREACH;
	if (r->member)
		return to_member(s, r->member->identity, src, ret, data, len);
	return to_card(s, r->card, dst, src, ret, data, len);
}

static void publish(struct bus_switch *s, const char *dst, const char *src, const char *ret, const void *data,
                    size_t len)
{
	publish_here(s, dst + 1, src, ret, data, len);
	for (uint32_t c = 0; c < SLOTS_MAX; c++)
		if (s->peers[c])
			to_card(s, c, dst, src, ret, data, len);
}

/* Nobody was there: tell the sender when it waits for an answer. */
static void bounce(struct bus_switch *s, const char *dst, const char *ret, const void *data, size_t len)
{
	Envelope *env = envelope__unpack(NULL, len, data), out = ENVELOPE__INIT;
	Status st = STATUS__INIT;
	char text[BUS_ADDR_MAX + 24];
	uint8_t *buf;
	size_t n;

	s->n.unroutable++;
	if (!env)
		return;
	if (env->kind == ENVELOPE__KIND__REQUEST) {
		snprintf(text, sizeof(text), "%s is unreachable", dst);
		st.code = -EHOSTUNREACH;
		st.text = text;
		out.kind = ENVELOPE__KIND__RESPONSE;
		out.id = env->id;
		out.body_case = ENVELOPE__BODY_STATUS;
		out.status = &st;
		buf = bus_pack(&out, &n);
		if (buf)
			route_one(s, ret, s->self, "", buf, n);
		free(buf);
	}
	envelope__free_unpacked(env, NULL);
}

/* The process is gone, as is seen only when what waited for it goes out. */
static void router_refused(void *arg, const struct bus_frame *f, int n, int rc)
{
	struct bus_switch *s = arg;
	char identity[BUS_ADDR_MAX], ret[BUS_ADDR_MAX];
	struct member *m;

	(void)rc;
	if (n != 4 || f[0].len >= sizeof(identity) || f[2].len >= sizeof(ret))
		return;
	memcpy(identity, f[0].data, f[0].len);
	identity[f[0].len] = 0;
	memcpy(ret, f[2].data, f[2].len);
	ret[f[2].len] = 0;
	m = strmap_get(&s->members, identity);
	s->n.local--;
	s->n.dropped++;
	bounce(s, m && m->addr[0] ? m->addr : identity, ret, f[3].data, f[3].len);
}

/* A request to another card that is not going to arrive. */
static void link_back(void *arg, const struct bus_frame f[LINK_FRAMES])
{
	bounce(arg, f[LINK_DST].data, f[LINK_RET].data, f[LINK_ENVELOPE].data, f[LINK_ENVELOPE].len);
}

/* Loss is an answer, also where the fabric is cut for long. */
static void expire_cb(uv_timer_t *h)
{
	struct bus_switch *s = h->data;
	uint64_t now = clock_now_us(), hold = s->hold_ms * US_PER_MS;
	bool any = false;

	for (uint32_t c = 0; c < SLOTS_MAX; c++) {
		any |= s->cut[c];
		if (s->cut[c] && s->peers[c] && now > hold)
			bus_link_expire(s->peers[c], now - hold);
	}
	if (!any)
		uv_timer_stop(&s->expire);
}

static void forward(struct bus_switch *s, const char *dst, const char *src, const char *ret, const void *data,
                    size_t len)
{
	if (dst[0] == '#')
		publish(s, dst, src, ret, data, len);
	else if (route_one(s, dst, src, ret, data, len) < 0)
		bounce(s, dst, ret, data, len);
}

/* --- routes ------------------------------------------------------------------------------------------------
 */

/* news: tell even when the place is the same, because the process behind the address is another one. */
static void route_set(struct bus_switch *s, const char *addr, uint32_t card, struct member *m, bool news)
{
	struct route *r = strmap_get(&s->routes, addr);

	if (!r) {
		r = calloc(1, sizeof(*r));
		if (!r || strmap_set(&s->routes, addr, r) < 0) {
			free(r);
			return;
		}
		news = true;
	}
	news |= r->card != card || r->member != m;
	r->card = card;
	r->member = m;
	r->seen = s->tables;
	if (!news)
		return;
	r->came = ++s->came;
	mark_changed(s, addr);
}

/* Remove if it still points at that card. */
static void route_del(struct bus_switch *s, const char *addr, uint32_t card)
{
	struct route *r = strmap_get(&s->routes, addr);

	if (!r || r->card != card)
		return;
	mark_changed(s, addr);
	strmap_del(&s->routes, addr);
	free(r);
}

/* Routes to that card which its full table does not have are of a life before. */
static void routes_forget(struct bus_switch *s, uint32_t card)
{
	size_t pos = 0;
	const char *addr;
	void *v;

	while (strmap_next(&s->routes, &pos, &addr, &v)) {
		struct route *r = v;

		if (!r->member && r->card == card && r->seen != s->tables)
			route_del(s, addr, card);
	}
}

/* An address is somewhere else only when nobody here has it: a task that moves is stopped first. What says so
 * all the same is from before it came, and was held up by a cut. */
static bool is_here(const struct bus_switch *s, const char *addr)
{
	const struct route *r = strmap_get(&s->routes, addr);

	return r && r->member;
}

/* A BusRoute of another card. */
static void routes_learn(struct bus_switch *s, uint32_t card, const BusRoute *br)
{
	s->tables += br->full;
	for (size_t i = 0; i < br->n_rows; i++) {
		const BusRoute__Row *row = br->rows[i];

		if (row->card != card || strlen(row->addr) >= BUS_ADDR_MAX || is_here(s, row->addr))
			continue;
		if (row->up)
			route_set(s, row->addr, card, NULL, !br->full);
		else
			route_del(s, row->addr, card);
	}
	if (br->full)
		routes_forget(s, card);
}

struct row_buf {
	BusRoute__Row *rows;
	BusRoute__Row **ptrs;
	size_t n;
};

static int row_buf_init(struct row_buf *b, size_t n)
{
	b->rows = calloc(n ? n : 1, sizeof(*b->rows));
	b->ptrs = calloc(n ? n : 1, sizeof(*b->ptrs));
	b->n = 0;
	return b->rows && b->ptrs ? 0 : -ENOMEM;
}

static void row_buf_add(struct row_buf *b, const char *addr, uint32_t card, bool up)
{
	BusRoute__Row *r = &b->rows[b->n];

	bus_route__row__init(r);
	r->addr = (char *)addr;
	r->card = card;
	r->up = up;
	b->ptrs[b->n++] = r;
}

static void row_buf_free(struct row_buf *b)
{
	free(b->rows);
	free(b->ptrs);
}

static uint8_t *pack_routes(struct row_buf *b, bool full, size_t *len)
{
	Envelope env = ENVELOPE__INIT;
	BusRoute br = BUS_ROUTE__INIT;

	br.rows = b->ptrs;
	br.n_rows = b->n;
	br.full = full;
	env.kind = ENVELOPE__KIND__ONEWAY;
	env.body_case = ENVELOPE__BODY_ROUTE;
	env.route = &br;
	return bus_pack(&env, len);
}

/* Tell local members everything that changed, and other cards what changed here. */
static void route_batch_cb(uv_timer_t *h)
{
	struct bus_switch *s = h->data;
	struct row_buf all = {0}, own = {0};
	size_t pos = 0, len;
	const char *addr;
	uint8_t *buf;
	void *v;

	s->timer_on = false;
	if (row_buf_init(&all, s->changed.live) < 0 || row_buf_init(&own, s->changed.live) < 0)
		goto out;
	while (strmap_next(&s->changed, &pos, &addr, NULL)) {
		struct route *r = strmap_get(&s->routes, addr);

		row_buf_add(&all, addr, r ? r->card : 0, r != NULL);
		if (!r || r->member)
			row_buf_add(&own, addr, s->slot, r != NULL);
	}
	buf = pack_routes(&all, false, &len);
	for (pos = 0; buf && strmap_next(&s->members, &pos, NULL, &v);)
		to_member(s, ((struct member *)v)->identity, s->self, "", buf, len);
	free(buf);
	buf = own.n ? pack_routes(&own, false, &len) : NULL;
	for (uint32_t c = 0; buf && c < SLOTS_MAX; c++)
		if (s->peers[c])
			to_card(s, c, "#route", s->self, "", buf, len);
	free(buf);
out:
	row_buf_free(&all);
	row_buf_free(&own);
	strmap_free(&s->changed);
	if (s->on_routes)
		s->on_routes(s->arg);
}

/* All routes (own only, or everything known) to one receiver. */
static uint8_t *pack_table(struct bus_switch *s, bool own_only, size_t *len)
{
	struct row_buf b;
	size_t pos = 0;
	const char *addr;
	uint8_t *buf = NULL;
	void *v;

	if (row_buf_init(&b, s->routes.live) == 0) {
		while (strmap_next(&s->routes, &pos, &addr, &v)) {
			struct route *r = v;

			if (r->member || !own_only)
				row_buf_add(&b, addr, r->card, true);
		}
		buf = pack_routes(&b, true, len);
	}
	row_buf_free(&b);
	return buf;
}

/* --- receiving ---------------------------------------------------------------------------------------------
 */

static bool frame_text(const struct bus_frame *f, char *out)
{
	if (f->len >= BUS_ADDR_MAX || memchr(f->data, 0, f->len))
		return false;
	memcpy(out, f->data, f->len);
	out[f->len] = 0;
	return true;
}

/* The number of a card that is up, from its address; else 0. */
static unsigned peer_of(const struct bus_switch *s, const char *src)
{
	unsigned card;

	return sscanf(src, "card/%u", &card) == 1 && card < SLOTS_MAX && card != s->slot && s->peers[card]
	               ? card
	               : 0;
}

static void tell_table(struct bus_switch *s, unsigned card)
{
	size_t len;
	uint8_t *buf = pack_table(s, true, &len);

	if (buf)
		to_card(s, card, "#route", s->self, "", buf, len);
	free(buf);
}

static void learn_from(struct bus_switch *s, const char *src, const void *data, size_t len)
{
	unsigned card = peer_of(s, src);
	Envelope *env;

	if (!card)
		return;
	env = envelope__unpack(NULL, len, data);
	if (env && env->body_case == ENVELOPE__BODY_ROUTE)
		routes_learn(s, card, env->route);
	if (env)
		envelope__free_unpacked(env, NULL);
}

static void deliver_here(struct bus_switch *s, const char *dst, const char *src, const char *ret,
                         const void *data, size_t len)
{
	struct bus_rx rx = {.dst = dst, .src = src, .ret = ret, .data = data, .len = len};

	s->rx(s->arg, &rx);
}

/* From another card: [identity][dst][src][ret][envelope]. Never sent on to a third card. */
static void from_card(struct bus_switch *s, const struct bus_frame *f)
{
	char dst[BUS_ADDR_MAX], src[BUS_ADDR_MAX], ret[BUS_ADDR_MAX];
	const void *data = f[4].data;
	size_t len = f[4].len;
	struct route *r;

	if (!frame_text(&f[1], dst) || !frame_text(&f[2], src) || !frame_text(&f[3], ret)) {
		s->n.refused++;
	} else if (!strcmp(dst, "#route")) {
		learn_from(s, src, data, len);
	} else if (!strcmp(dst, "#ask")) {
		if (peer_of(s, src))
			tell_table(s, peer_of(s, src));
	} else if (dst[0] == '#') {
		publish_here(s, dst + 1, src, ret, data, len);
	} else {
		r = strmap_get(&s->routes, dst);
		if (r && !r->member) {
			/* Its sender's table is older than ours: say so instead of passing it around. */
			bounce(s, dst, ret, data, len);
			return;
		}
		forward(s, dst, src, ret, data, len);
	}
}

/* From a process of this card: [identity][dst][envelope]. */
static void from_member(struct bus_switch *s, const struct bus_frame *f)
{
	char identity[BUS_ADDR_MAX], dst[BUS_ADDR_MAX], ret[BUS_ADDR_MAX + 16];
	const void *data = f[2].data;
	size_t len = f[2].len;
	struct member *m;

	if (!frame_text(&f[0], identity) || !frame_text(&f[1], dst) || len > BUS_MSG_MAX) {
		s->n.refused++;
		return;
	}
	m = strmap_get(&s->members, identity);
	if (!m) {
		deliver_here(s, dst, "", identity, data, len);
		return;
	}
	snprintf(ret, sizeof(ret), "@%u:%s", s->slot, identity);
	if (strlen(ret) >= BUS_ADDR_MAX)
		return;
	if (!dst[0]) /* to its own card, whichever slot that is */
		deliver_here(s, dst, m->src, ret, data, len);
	else
		forward(s, dst, m->src, ret, data, len);
}

static void switch_rx(void *arg, const struct bus_frame *frames, int n)
{
	struct bus_switch *s = arg;

	if (n == 3)
		from_member(s, frames);
	else if (n == 5 && frames[4].len <= BUS_MSG_MAX)
		from_card(s, frames);
	else
		s->n.refused++;
}

/* --- API ---------------------------------------------------------------------------------------------------
 */

struct bus_switch *bus_switch_new(uv_loop_t *loop, const char *run_dir, uint32_t slot, bus_rx_cb rx,
                                  void *arg)
{
	struct bus_switch *s = calloc(1, sizeof(*s));
	char url[300];

	if (!s)
		return NULL;
	s->loop = loop;
	s->slot = slot;
	s->rx = rx;
	s->arg = arg;
	snprintf(s->run_dir, sizeof(s->run_dir), "%s", run_dir);
	snprintf(s->self, sizeof(s->self), "card/%u", slot);
	s->hold_ms = HOLD_MS;
	uv_timer_init(loop, &s->timer);
	uv_timer_init(loop, &s->expire);
	s->timer.data = s->expire.data = s;
	s->router = bus_sock_new(loop, ZMQ_ROUTER, NULL, switch_rx, s);
	if (s->router) {
		s->router->cork = &s->cork;
		s->router->refused = router_refused;
	}
	snprintf(url, sizeof(url), "ipc://%s/card-%u.ipc", run_dir, slot);
	if (!s->router || zmq_bind(s->router->zsock, url) != 0) {
		int err = zmq_errno();

		bus_switch_free(s);
		errno = err;
		return NULL;
	}
	return s;
}

static void member_free(struct member *m)
{
	strmap_free(&m->topics);
	free(m);
}

void bus_switch_free(struct bus_switch *s)
{
	size_t pos = 0;
	void *v;

	if (!s)
		return;
	s->closing = true;
	uv_timer_stop(&s->timer);
	uv_timer_stop(&s->expire);
	uv_close((uv_handle_t *)&s->timer, NULL);
	uv_close((uv_handle_t *)&s->expire, NULL);
	uv_run(s->loop, UV_RUN_NOWAIT); /* lets libuv drop the timers before their memory goes */
	for (uint32_t c = 0; c < SLOTS_MAX; c++)
		bus_link_free(s->peers[c]);
	bus_sock_close(s->router);
	while (strmap_next(&s->members, &pos, NULL, &v))
		member_free(v);
	for (pos = 0; strmap_next(&s->routes, &pos, NULL, &v);)
		free(v);
	strmap_free(&s->members);
	strmap_free(&s->routes);
	strmap_free(&s->changed);
	free(s);
}

int bus_switch_register(struct bus_switch *s, const char *identity, const char *src)
{
	struct member *m = strmap_get(&s->members, identity);
	uint8_t *buf;
	size_t len;

	if (!m) {
		m = calloc(1, sizeof(*m));
		if (!m || strmap_set(&s->members, identity, m) < 0) {
			free(m);
			return -ENOMEM;
		}
		snprintf(m->identity, sizeof(m->identity), "%s", identity);
	}
	snprintf(m->src, sizeof(m->src), "%s", src);
	buf = pack_table(s, false, &len);
	if (buf)
		to_member(s, identity, s->self, "", buf, len);
	free(buf);
	return 0;
}

int bus_switch_rename(struct bus_switch *s, const char *identity, const char *src)
{
	struct member *m = strmap_get(&s->members, identity);

	if (!m)
		return -ENOENT;
	snprintf(m->src, sizeof(m->src), "%s", src);
	return 0;
}

void bus_switch_unregister(struct bus_switch *s, const char *identity)
{
	struct member *m = strmap_del(&s->members, identity);
	struct route *r;

	if (!m)
		return;
	r = m->addr[0] ? strmap_get(&s->routes, m->addr) : NULL;
	if (r && r->member == m)
		route_del(s, m->addr, s->slot);
	member_free(m);
}

int bus_switch_ready(struct bus_switch *s, const char *identity, const char *addr)
{
	struct member *m = strmap_get(&s->members, identity);

	if (!m)
		return -ENOENT;
	snprintf(m->addr, sizeof(m->addr), "%s", addr);
	snprintf(m->src, sizeof(m->src), "%s", addr);
	route_set(s, addr, s->slot, m, true);
	return 0;
}

void bus_switch_withdraw(struct bus_switch *s, const char *addr)
{
	struct route *r = strmap_get(&s->routes, addr);

	if (r && r->member) {
		r->member->addr[0] = 0;
		route_del(s, addr, s->slot);
	}
}

int bus_switch_subscribe(struct bus_switch *s, const char *identity, const char *topic)
{
	struct member *m = strmap_get(&s->members, identity);

	return m ? strmap_set(&m->topics, topic, m) : -ENOENT;
}

int bus_switch_peer_up(struct bus_switch *s, uint32_t slot)
{
	char url[300];

	if (slot >= SLOTS_MAX || slot == s->slot)
		return -EINVAL;
	if (s->peers[slot])
		bus_switch_peer_down(s, slot);
	snprintf(url, sizeof(url), "ipc://%s/card-%u.ipc", s->run_dir, slot);
	s->peers[slot] = bus_link_new(s->loop, url, &s->cork, link_back, s);
	if (!s->peers[slot])
		return -EIO;
	bus_link_cut(s->peers[slot], s->cut[slot]);
	/* Its table may have come before we knew it; ours may come before it knows us: then it asks. */
	tell_table(s, slot);
	to_card(s, slot, "#ask", s->self, "", "", 0);
	return 0;
}

void bus_switch_cut(struct bus_switch *s, uint32_t slot, bool cut)
{
	if (slot >= SLOTS_MAX || s->cut[slot] == cut)
		return;
	s->cut[slot] = cut;
	if (cut)
		uv_timer_start(&s->expire, expire_cb, EXPIRE_MS, EXPIRE_MS);
	if (!s->peers[slot])
		return;
	bus_link_cut(s->peers[slot], cut);
	if (cut)
		return;
	/* What waited has left; what did not find room is made good. */
	tell_table(s, slot);
	to_card(s, slot, "#ask", s->self, "", "", 0);
}

void bus_switch_hold(struct bus_switch *s, uint32_t ms)
{
	s->hold_ms = ms;
}

void bus_switch_peer_down(struct bus_switch *s, uint32_t slot)
{
	struct bus_link *gone;
	size_t pos = 0;
	const char *addr;
	void *v;

	if (slot >= SLOTS_MAX || !s->peers[slot])
		return;
	gone = s->peers[slot];
	s->peers[slot] = NULL;
	bus_link_free(gone);
	while (strmap_next(&s->routes, &pos, &addr, &v)) {
		struct route *r = v;

		if (!r->member && r->card == slot) {
			mark_changed(s, addr);
			strmap_del(&s->routes, addr);
			free(r);
		}
	}
}

int bus_switch_send(struct bus_switch *s, const char *dst, const Envelope *env)
{
	char ret[BUS_ADDR_MAX];
	size_t len = 0;
	uint8_t *buf = bus_pack(env, &len);
	int rc = 0;

	if (!buf)
		return -EMSGSIZE;
	snprintf(ret, sizeof(ret), "@%u:card", s->slot);
	if (dst[0] == '#')
		publish(s, dst, s->self, ret, buf, len);
	else
		rc = route_one(s, dst, s->self, ret, buf, len);
	free(buf);
	return rc;
}

void bus_switch_on_routes(struct bus_switch *s, void (*cb)(void *arg))
{
	s->on_routes = cb;
}

uint32_t bus_switch_where(const struct bus_switch *s, const char *addr)
{
	struct route *r = strmap_get(&s->routes, addr);

	return r ? r->card : 0;
}

uint64_t bus_switch_came(const struct bus_switch *s, const char *addr)
{
	struct route *r = strmap_get(&s->routes, addr);

	return r ? r->came : 0;
}

const struct bus_switch_counters *bus_switch_counters(const struct bus_switch *s)
{
	return &s->n;
}
