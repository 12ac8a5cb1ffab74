/* SPDX-License-Identifier: MIT */
/*
 * Who is asked, how often, and who is taken for dead: requests at the servers of a group, in the order of
 * their priorities or one after the other, repeated, then at the next server; a server that leaves so many
 * transmissions in a row unanswered is dead for a while and asked only where no other is left. A conversation
 * stays at its server. Entry points: radius_client_config(), radius_client_ask(), radius_client_input(),
 * radius_client_tick(). Called by tasks/aaamgr.
 */
#include "radius/radius.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/wheel.h"

#define US_PER_S      1000000ULL
#define DEAD_FAILURES 4

struct group {
	struct group *next;
	struct radius_group g; /* without g.server */
	struct radius_peer *peer[RADIUS_SERVERS];
	unsigned turn; /* round-robin */
	bool kept;     /* while a configuration is taken */
};

struct radius_peer {
	struct radius_peer *next;
	struct group *group;
	struct radius_server s;
	struct radius_stats stats;
	struct ask *id[RADIUS_IDS];
	unsigned n; /* under way */
	uint8_t next_id;
	unsigned failures;  /* in a row */
	uint64_t silent_us; /* since when it was asked in vain; 0: it was not */
	uint64_t dead_us;   /* until then; 0: alive */
	void *data;
	bool kept;
};

/* A request under way, with its copy of what it tells. */
struct ask {
	struct radius_client *c;
	struct group *group;
	struct radius_peer *at;
	uint8_t id, authenticator[16];
	unsigned tries, total; /* transmissions to this server; to all */
	bool bound;            /* to the server it is at */
	uint8_t tried[RADIUS_SERVERS / 8];
	struct wheel_timer timer;
	void *user;
	struct radius_request r;
	size_t len;
	uint8_t pkt[RADIUS_PACKET_MAX];
	uint8_t copy[];
};

struct radius_client {
	struct radius_callbacks cb;
	void *arg;
	struct wheel wheel;
	uint64_t now;
	struct group *groups;
	struct radius_peer *peers, **tail;
};

/* ---- life ---- */

struct radius_client *radius_client_new(const struct radius_callbacks *cb, void *arg, uint64_t now)
{
	struct radius_client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->cb = *cb;
	c->arg = arg;
	c->now = now;
	c->tail = &c->peers;
	wheel_init(&c->wheel, 1000, now);
	return c;
}

static void ask_free(struct ask *a)
{
	wheel_cancel(&a->c->wheel, &a->timer);
	if (a->at) {
		a->at->id[a->id] = NULL;
		a->at->n--;
	}
	free(a);
}

static void peer_free(struct radius_peer *p)
{
	for (unsigned i = 0; i < RADIUS_IDS; i++)
		if (p->id[i])
			ask_free(p->id[i]);
	OPENSSL_cleanse(p->s.secret, sizeof(p->s.secret));
	free(p);
}

void radius_client_free(struct radius_client *c)
{
	struct radius_peer *p;
	struct group *g;

	if (!c)
		return;
	while ((p = c->peers)) {
		c->peers = p->next;
		peer_free(p);
	}
	while ((g = c->groups)) {
		c->groups = g->next;
		free(g);
	}
	free(c);
}

/* ---- sending ---- */

static void transmit(struct ask *a)
{
	struct radius_peer *p = a->at;

	a->tries++;
	a->total++;
	if (!p->silent_us)
		p->silent_us = a->c->now;
	p->stats.sent++;
	p->stats.retried += a->tries > 1;
	wheel_add(&a->c->wheel, &a->timer, a->c->now + a->group->g.timeout_s * US_PER_S);
	a->c->cb.send(a->c->arg, p, a->pkt, a->len); /* what is lost is repeated */
}

bool radius_peer_dead(const struct radius_peer *p, uint64_t now)
{
	return p->dead_us > now;
}

static bool has_room(const struct radius_peer *p)
{
	unsigned max =
	        p->s.max_outstanding && p->s.max_outstanding < RADIUS_IDS ? p->s.max_outstanding : RADIUS_IDS;

	return p->n < max;
}

static bool was_tried(const struct ask *a, unsigned i)
{
	return a->tried[i / 8] & 1u << i % 8;
}

/* The next server: one that lives, else a dead one. */
static struct radius_peer *choose(struct ask *a, unsigned *at)
{
	struct group *g = a->group;
	unsigned first = g->g.round_robin && !a->total ? g->turn++ : 0;

	for (int dead = 0; dead < 2; dead++)
		for (unsigned i = 0; i < g->g.n; i++) {
			struct radius_peer *p = g->peer[ *at = (first + i) % g->g.n];

			if (!was_tried(a, *at) && has_room(p) && radius_peer_dead(p, a->c->now) == dead)
				return p;
		}
	return NULL;
}

/* At this server from now on. 0, -EMSGSIZE. */
static int begin_at(struct ask *a, struct radius_peer *p)
{
	while (p->id[p->next_id])
		p->next_id++;
	a->at = p;
	a->id = p->next_id++;
	p->id[a->id] = a;
	p->n++;
	a->tries = 0;
	a->c->cb.random(a->c->arg, a->authenticator, sizeof(a->authenticator));
	a->len = radius_wire_request(a->pkt, sizeof(a->pkt), a->id, a->authenticator, p->s.secret,
	                             &a->group->g.nas, &a->r);
	if (!a->len)
		return -EMSGSIZE;
	transmit(a);
	return 0;
}

static void leave(struct ask *a)
{
	if (!a->at)
		return;
	a->at->id[a->id] = NULL;
	a->at->n--;
	a->at = NULL;
}

static void end(struct ask *a, enum radius_outcome what, const struct radius_answer *answer)
{
	struct radius_client *c = a->c;
	struct radius_peer *p = a->at;
	void *user = a->user;

	ask_free(a);
	c->cb.done(c->arg, user, what, answer, p);
}

static bool may_transmit(const struct ask *a)
{
	return !a->group->g.max_transmissions || a->total < a->group->g.max_transmissions;
}

/* Its server is gone, or does not answer. */
static void next_server(struct ask *a, enum radius_outcome otherwise)
{
	struct radius_peer *p;
	unsigned at;

	leave(a);
	p = a->bound || !may_transmit(a) ? NULL : choose(a, &at);
	if (!p || begin_at(a, p)) {
		end(a, otherwise, NULL);
		return;
	}
	a->tried[at / 8] = (uint8_t)(a->tried[at / 8] | 1u << at % 8);
}

/* ---- time ---- */

static void failed(struct radius_peer *p, struct radius_client *c)
{
	const struct radius_group *g = &p->group->g;
	unsigned limit = g->dead_failures || g->dead_silence_s ? g->dead_failures : DEAD_FAILURES;
	uint64_t dead = g->deadtime_min * 60 * US_PER_S, silence = g->dead_silence_s * US_PER_S;

	p->stats.timeouts++;
	p->failures++;
	if (!dead || radius_peer_dead(p, c->now))
		return;
	if ((!limit || p->failures < limit) && (!silence || c->now - p->silent_us < silence))
		return;
	p->dead_us = c->now + dead;
	if (c->cb.alive)
		c->cb.alive(c->arg, p, false);
}

static void due(struct wheel_timer *w, uint64_t now, void *arg)
{
	struct ask *a = arg;
	bool was_dead = radius_peer_dead(a->at, now), dead;

	(void)w;
	a->c->now = now;
	failed(a->at, a->c);
	dead = radius_peer_dead(a->at, now);
	if (a->tries > a->group->g.max_retries || !may_transmit(a) || (dead && !a->bound) ||
	    (dead && was_dead && a->bound && a->tries > 1))
		next_server(a, RADIUS_TIMED_OUT);
	else
		transmit(a);
}

void radius_client_tick(struct radius_client *c, uint64_t now)
{
	c->now = now;
	wheel_advance(&c->wheel, now);
}

uint64_t radius_client_next_us(const struct radius_client *c)
{
	return wheel_next_us(&c->wheel);
}

/* ---- asking ---- */

static struct group *find_group(const struct radius_client *c, uint32_t ctx, const char *name)
{
	struct group *g = c->groups;

	while (g && (g->g.ctx != ctx || strcmp(g->g.name, name) != 0))
		g = g->next;
	return g;
}

/* A copy of the bytes behind the request. */
static const uint8_t *keep(uint8_t **to, const void *from, size_t len)
{
	uint8_t *at = *to;

	if (len)
		memcpy(at, from, len);
	*to += len;
	return at;
}

static const char *keep_text(uint8_t **to, const char *text)
{
	return text ? (const char *)keep(to, text, strlen(text) + 1) : NULL;
}

static size_t text_len(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static struct ask *ask_new(struct radius_client *c, struct group *g, const struct radius_request *r,
                           void *user)
{
	size_t len = r->user_len + r->eap_len + r->state_len + text_len(r->calling) + text_len(r->called) +
	             text_len(r->imei);
	struct ask *a = calloc(1, sizeof(*a) + len);
	uint8_t *to = a ? a->copy : NULL;

	if (!a)
		return NULL;
	a->c = c;
	a->group = g;
	a->user = user;
	a->r = *r;
	a->r.user = keep(&to, r->user, r->user_len);
	a->r.eap = keep(&to, r->eap, r->eap_len);
	a->r.state = keep(&to, r->state, r->state_len);
	a->r.calling = keep_text(&to, r->calling);
	a->r.called = keep_text(&to, r->called);
	a->r.imei = keep_text(&to, r->imei);
	wheel_timer_init(&a->timer, due, a);
	return a;
}

static struct radius_peer *peer_at(const struct group *g, const struct net_endpoint *e)
{
	for (unsigned i = 0; i < g->g.n; i++)
		if (net_addr_equal(&g->peer[i]->s.addr, &e->addr) && g->peer[i]->s.port == e->port)
			return g->peer[i];
	return NULL;
}

int radius_client_ask(struct radius_client *c, uint64_t now, uint32_t ctx, const char *group,
                      const struct net_endpoint *only, const struct radius_request *r, void *user)
{
	struct group *g = find_group(c, ctx, group);
	bool bound = only && net_addr_is_set(&only->addr);
	struct radius_peer *p;
	struct ask *a;
	unsigned at = 0;
	int err;

	c->now = now;
	if (!g || !g->g.n || (bound && !peer_at(g, only)))
		return -ENOENT;
	a = ask_new(c, g, r, user);
	if (!a)
		return -ENOMEM;
	a->bound = bound;
	p = bound ? peer_at(g, only) : choose(a, &at);
	err = p && has_room(p) ? begin_at(a, p) : -EAGAIN;
	if (err) {
		ask_free(a);
		return err;
	}
	a->tried[at / 8] = (uint8_t)(1u << at % 8);
	return 0;
}

/* ---- answers ---- */

static void count_reason(struct radius_stats *s, enum radius_reason why)
{
	switch (why) {
#define REASON(name, counter, text)                                                                          \
	case RADIUS_R_##name:                                                                                \
		s->counter++;                                                                                \
		break;
		RADIUS_REASONS(REASON)
#undef REASON
	case RADIUS_OK:
	case RADIUS_R_REASONS:
		break;
	}
	s->dropped++;
}

static void came_back(struct radius_peer *p, struct radius_client *c)
{
	bool was = radius_peer_dead(p, c->now);

	p->failures = 0;
	p->dead_us = p->silent_us = 0;
	if (was && c->cb.alive)
		c->cb.alive(c->arg, p, true);
}

void radius_client_input(struct radius_client *c, uint64_t now, struct radius_peer *peer, const uint8_t *pkt,
                         size_t len)
{
	struct ask *a = len >= 2 ? peer->id[pkt[1]] : NULL;
	struct radius_answer answer;
	enum radius_reason why;

	c->now = now;
	if (!a) { /* late: it was answered before, or given up */
		peer->stats.dropped++;
		return;
	}
	why = radius_wire_answer(&answer, pkt, len, a->authenticator, peer->s.secret);
	if (why != RADIUS_OK) {
		count_reason(&peer->stats, why);
		return;
	}
	came_back(peer, c);
	peer->stats.accepts += answer.code == RADIUS_ACCESS_ACCEPT;
	peer->stats.rejects += answer.code == RADIUS_ACCESS_REJECT;
	peer->stats.challenges += answer.code == RADIUS_ACCESS_CHALLENGE;
	end(a, RADIUS_ANSWERED, &answer);
	OPENSSL_cleanse(&answer, sizeof(answer));
}

/* ---- configuration ---- */

static int by_priority(const void *a, const void *b)
{
	const struct radius_server *x = *(const struct radius_server *const *)a,
	                           *y = *(const struct radius_server *const *)b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return x < y ? -1 : x > y;
}

static struct radius_peer *same_peer(struct radius_client *c, const struct group *g,
                                     const struct radius_server *s)
{
	for (struct radius_peer *p = c->peers; p; p = p->next)
		if (p->group == g && net_addr_equal(&p->s.addr, &s->addr) && p->s.port == s->port)
			return p;
	return NULL;
}

static struct group *group_for(struct radius_client *c, const struct radius_group *want)
{
	struct group *g = find_group(c, want->ctx, want->name);

	if (g)
		return g;
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->g.ctx = want->ctx;
	memcpy(g->g.name, want->name, sizeof(g->g.name));
	g->next = c->groups;
	c->groups = g;
	return g;
}

/* Make what is missing, so that the rest can't fail. 0 or -ENOMEM. */
static int prepare(struct radius_client *c, const struct radius_group *want)
{
	struct group *g = group_for(c, want);

	if (!g)
		return -ENOMEM;
	for (unsigned i = 0; i < want->n && i < RADIUS_SERVERS; i++) {
		struct radius_peer *p = same_peer(c, g, &want->server[i]);

		if (p)
			continue;
		p = calloc(1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		p->group = g;
		p->s = want->server[i];
		*c->tail = p;
		c->tail = &p->next;
	}
	return 0;
}

/* A server with another secret answers nothing that was asked with the old one. */
static void take_server(struct radius_peer *p, const struct radius_server *s)
{
	if (strcmp(p->s.secret, s->secret) != 0) {
		p->failures = 0;
		p->dead_us = p->silent_us = 0;
	}
	p->s = *s;
	p->kept = true;
}

static void take_group(struct radius_client *c, const struct radius_group *want)
{
	struct group *g = find_group(c, want->ctx, want->name);
	const struct radius_server *order[RADIUS_SERVERS] = {NULL};
	unsigned n = want->n < RADIUS_SERVERS ? want->n : RADIUS_SERVERS;

	for (unsigned i = 0; i < n; i++)
		order[i] = &want->server[i];
	qsort(order, n, sizeof(order[0]), by_priority);
	g->g = *want;
	g->g.server = NULL;
	g->g.n = n;
	g->kept = true;
	if (!g->g.timeout_s)
		g->g.timeout_s = 3;
	for (unsigned i = 0; i < n; i++) {
		g->peer[i] = same_peer(c, g, order[i]);
		take_server(g->peer[i], order[i]);
	}
}

/* Servers that are gone; whoever is at one goes on. */
static void drop_peers(struct radius_client *c)
{
	struct radius_peer **at = &c->peers, *p;

	while ((p = *at)) {
		if (p->kept) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		for (unsigned i = 0; i < RADIUS_IDS; i++)
			if (p->id[i])
				next_server(p->id[i], RADIUS_NO_SERVER);
		if (c->cb.gone)
			c->cb.gone(c->arg, p);
		peer_free(p);
	}
	c->tail = at;
}

static void drop_groups(struct radius_client *c)
{
	struct group **at = &c->groups, *g;

	while ((g = *at)) {
		if (g->kept) {
			at = &g->next;
			continue;
		}
		*at = g->next;
		free(g);
	}
}

/* Places of servers in their groups may be others now. */
static void forget_tried(struct radius_client *c)
{
	for (struct radius_peer *p = c->peers; p; p = p->next)
		for (unsigned i = 0; p->n && i < RADIUS_IDS; i++)
			if (p->id[i])
				memset(p->id[i]->tried, 0, sizeof(p->id[i]->tried));
}

int radius_client_config(struct radius_client *c, uint64_t now, const struct radius_group *groups, unsigned n)
{
	int err = 0;

	c->now = now;
	for (unsigned i = 0; i < n && !err; i++)
		err = prepare(c, &groups[i]);
	if (err)
		return err;
	for (struct group *g = c->groups; g; g = g->next) {
		g->kept = false;
		g->g.n = 0;
	}
	for (struct radius_peer *p = c->peers; p; p = p->next)
		p->kept = false;
	for (unsigned i = 0; i < n; i++)
		take_group(c, &groups[i]);
	forget_tried(c);
	drop_peers(c);
	drop_groups(c);
	return 0;
}

/* ---- servers ---- */

struct radius_peer *radius_peer_next(const struct radius_client *c, const struct radius_peer *prev)
{
	return prev ? prev->next : c->peers;
}

const struct radius_server *radius_peer_server(const struct radius_peer *p)
{
	return &p->s;
}

const struct radius_group *radius_peer_group(const struct radius_peer *p)
{
	return &p->group->g;
}

const struct radius_stats *radius_peer_stats(const struct radius_peer *p)
{
	return &p->stats;
}

unsigned radius_peer_outstanding(const struct radius_peer *p)
{
	return p->n;
}

void **radius_peer_data(struct radius_peer *p)
{
	return &p->data;
}
