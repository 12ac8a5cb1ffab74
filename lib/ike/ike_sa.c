/* SPDX-License-Identifier: MIT */
/*
 * IKE SAs: creation, the one state setter (with its gauges), the tables that find them, their end. Children
 * and jobs are in ike_sa_child.c. Entry points: ike_sa_new(), ike_sa_set_state(), ike_sa_kill(). Called by
 * the exchanges and ike_timer.c.
 */
#include "esp/esp.h"
#include "ike/ike_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

struct counters_ikev2 *ike_sa_counters(const struct ike_sa *sa)
{
	return sa->pol->p.counters ? sa->pol->p.counters : sa->e->cnt;
}

static void gauge_down(uint64_t *c)
{
	if (*c)
		counter_set(c, *c - 1);
}

/* ---- state ---- */

static bool is_half_open(enum ike_state s)
{
	return s == IKE_ST_HALF_OPEN || s == IKE_ST_AUTH_WAIT || s == IKE_ST_EAP_WAIT;
}

/* The gauges a state counts in. dir: 1 entering, -1 leaving. */
static void state_gauges(struct ike_sa *sa, enum ike_state s, int dir)
{
	struct counters_ikev2 *c = ike_sa_counters(sa);
	uint64_t *g[5] = {0};
	unsigned n = 0;

	if (s == IKE_ST_DEAD)
		return;
	g[n++] = &c->curikev2sa;
	g[n++] = &c->cursa;
	g[n++] = sa->initiator ? &c->cursainit : &c->cursaresp;
	if (s == IKE_ST_HALF_OPEN || s == IKE_ST_INIT_SENT)
		g[n++] = &c->curhalfsa;
	else if (s == IKE_ST_AUTH_WAIT || s == IKE_ST_EAP_WAIT || s == IKE_ST_AUTH_SENT)
		g[n++] = &c->curconnsa;
	else if (s == IKE_ST_ESTABLISHED)
		g[n++] = &c->curestsa;
	for (unsigned i = 0; i < n; i++)
		if (dir > 0)
			counter_inc(g[i]);
		else
			gauge_down(g[i]);
	sa->e->n.half_open += is_half_open(s) && !sa->initiator ? (size_t)dir : 0;
	sa->e->n.established += s == IKE_ST_ESTABLISHED ? (size_t)dir : 0;
	if (s == IKE_ST_ESTABLISHED)
		ike_eap_gauge(sa, dir);
}

void ike_sa_set_state(struct ike_sa *sa, enum ike_state to)
{
	if (to == sa->state)
		return;
	state_gauges(sa, sa->state, -1);
	*(enum ike_state *)&sa->state = to;
	state_gauges(sa, to, 1);
	if (!is_half_open(to))
		ike_guard_half_left(sa);
}

/* ---- creation ---- */

/* SPIs carry the instance in their top byte; the rest is random and unique here. */
uint64_t ike_sa_new_spi(struct ike_engine *e)
{
	uint64_t spi;

	do {
		e->cb.random(e->arg, &spi, sizeof(spi));
		spi = (spi & 0x00ffffffffffffffULL) | (uint64_t)e->cfg.instance << 56;
	} while (ike_map_find(&e->by_spi, spi));
	return spi;
}

struct ike_sa *ike_sa_new(struct ike_engine *e, struct ike_pol *pol, bool initiator, uint64_t spi)
{
	struct ike_sa *sa;

	if (e->n.sas >= (e->cfg.max_sa ? e->cfg.max_sa : 1000000u))
		return NULL;
	sa = calloc(1, sizeof(*sa));
	if (!sa)
		return NULL;
	sa->e = e;
	sa->pol = pol;
	pol->refs++;
	sa->initiator = initiator;
	sa->spi = spi;
	sa->created_us = e->now;
	sa->last_seen_us = e->now;
	sa->replay_window = pol->p.no_replay       ? 0
	                    : pol->p.replay_window ? (uint16_t)pol->p.replay_window
	                                           : ESP_REPLAY_DEFAULT;
	wheel_timer_init(&sa->timer, ike_timer_fire, sa);
	ike_map_add(&e->by_spi, &sa->by_spi, spi, sa);
	sa->next = e->sas;
	if (sa->next)
		sa->next->prev = sa;
	e->sas = sa;
	e->n.sas++;
	*(enum ike_state *)&sa->state = initiator ? IKE_ST_INIT_SENT : IKE_ST_HALF_OPEN;
	state_gauges(sa, sa->state, 1);
	return sa;
}

static void wipe_free(void *p, size_t len)
{
	if (p)
		OPENSSL_cleanse(p, len);
	free(p);
}

void ike_sa_drop_setup(struct ike_sa *sa)
{
	struct ike_setup *s = sa->setup;

	if (!s)
		return;
	free(s->peer_ke);
	free(s->init_req);
	free(s->init_resp);
	free(s->cas);
	wipe_free(s->auth_inner, s->auth_inner_len);
	ike_map_del(&sa->e->offered, &s->offered);
	ike_cert_url_free(s);
	ike_eap_free(s);
	wipe_free(s, sizeof(*s));
	sa->setup = NULL;
	ike_map_del(&sa->e->by_init, &sa->by_init);
}

void ike_sa_drop_request(struct ike_sa *sa)
{
	free(sa->req);
	sa->req = NULL;
	sa->req_len = 0;
	sa->retrans = 0;
	sa->retrans_us = 0;
}

void ike_sa_drop_xchg(struct ike_sa *sa)
{
	if (sa->xchg)
		ike_map_del(&sa->e->offered, &sa->xchg->offered);
	wipe_free(sa->xchg, sizeof(*sa->xchg));
	sa->xchg = NULL;
}

static void drop_pending(struct ike_sa *sa)
{
	struct ike_pending *p;

	while ((p = sa->pending)) {
		sa->pending = p->next;
		free(p);
	}
}

void ike_sa_free(struct ike_sa *sa)
{
	struct ike_engine *e = sa->e;

	while (sa->children)
		ike_sa_child_free(sa->children);
	ike_sa_drop_setup(sa);
	ike_sa_drop_request(sa);
	ike_sa_drop_xchg(sa);
	ike_sa_drop_jobs(sa);
	drop_pending(sa);
	ike_frag_drop(sa);
	free(sa->resp);
	free(sa->local_id);
	free(sa->peer_id);
	wheel_cancel(&e->wheel, &sa->timer);
	ike_map_del(&e->by_spi, &sa->by_spi);
	ike_map_del(&e->by_init, &sa->by_init);
	ike_map_del(&e->by_peer, &sa->by_peer);
	if (sa->prev)
		sa->prev->next = sa->next;
	else
		e->sas = sa->next;
	if (sa->next)
		sa->next->prev = sa->prev;
	e->n.sas--;
	state_gauges(sa, sa->state, -1);
	ike_guard_half_left(sa);
	ike_engine_policy_unref(e, sa->pol);
	wipe_free(sa, sizeof(*sa));
}

/* ---- tables ---- */

struct ike_sa *ike_sa_find(const struct ike_engine *e, uint64_t spi)
{
	struct ike_node *n = ike_map_find(&e->by_spi, spi);

	return n ? n->obj : NULL;
}

static uint64_t init_key(const struct ike_engine *e, uint64_t spi_i, const struct ike_path *path)
{
	struct {
		uint64_t spi, addr;
		uint32_t ctx, port;
	} k = {spi_i, net_addr_hash(&path->remote.addr, e->seed), path->ctx_id, path->remote.port};

	return ike_map_hash(&k, sizeof(k), e->seed);
}

struct ike_sa *ike_sa_find_init(const struct ike_engine *e, uint64_t spi_i, const struct ike_path *path)
{
	struct ike_node *n = ike_map_find(&e->by_init, init_key(e, spi_i, path));

	for (; n; n = ike_map_next(n))
		if (((struct ike_sa *)n->obj)->peer_spi == spi_i)
			return n->obj;
	return NULL;
}

void ike_sa_index_init(struct ike_sa *sa, uint64_t spi_i, const struct ike_path *path)
{
	ike_map_add(&sa->e->by_init, &sa->by_init, init_key(sa->e, spi_i, path), sa);
}

int ike_sa_set_id(struct ike_idref **ref, const struct ike_id *id)
{
	struct ike_idref *r = malloc(sizeof(*r) + id->len);

	if (!r)
		return -ENOMEM;
	r->type = id->type;
	r->len = id->len;
	memcpy(r->data, id->data, id->len);
	free(*ref);
	*ref = r;
	return 0;
}

void ike_sa_get_id(const struct ike_idref *ref, struct ike_id *id)
{
	memset(id, 0, sizeof(*id));
	if (!ref)
		return;
	id->type = ref->type;
	id->len = ref->len;
	memcpy(id->data, ref->data, ref->len);
}

uint64_t ike_sa_peer_key(const struct ike_engine *e, uint32_t ctx_id, uint8_t type, const uint8_t *id,
                         size_t len)
{
	return ike_map_hash(id, len, e->seed ^ type ^ (uint64_t)ctx_id << 8);
}

void ike_sa_index_peer(struct ike_sa *sa)
{
	uint64_t key;

	if (!sa->peer_id || sa->by_peer.obj)
		return;
	key = ike_sa_peer_key(sa->e, sa->path.ctx_id, sa->peer_id->type, sa->peer_id->data, sa->peer_id->len);
	ike_map_add(&sa->e->by_peer, &sa->by_peer, key, sa);
}

void ike_sa_key(const struct ike_sa *sa, char key[IKE_KEY_LEN])
{
	snprintf(key, IKE_KEY_LEN, "%016llx", (unsigned long long)sa->spi);
}

/* ---- life ---- */

/* Soft lifetime: 85 to 95 per cent, so that thousands of tunnels don't rekey at once. */
uint64_t ike_sa_jitter(struct ike_engine *e, uint64_t lifetime_us)
{
	uint16_t r;

	e->cb.random(e->arg, &r, sizeof(r));
	return lifetime_us / 100 * 85 + lifetime_us / 10 * r / 65536;
}

bool ike_sa_take_settings(struct ike_sa *sa)
{
	uint8_t was[IKE_SETTINGS_LEN];
	bool had = sa->has_settings;
	struct ike_id peer;

	memcpy(was, sa->settings, sizeof(was));
	ike_sa_get_id(sa->peer_id, &peer);
	sa->settle = false;
	sa->has_settings =
	        sa->e->cb.settings && sa->e->cb.settings(sa->e->arg, sa->pol->p.name, &peer, sa->settings);
	if (!sa->has_settings)
		memset(sa->settings, 0, sizeof(sa->settings));
	return had != sa->has_settings || memcmp(was, sa->settings, sizeof(was)) != 0;
}

void ike_sa_established(struct ike_sa *sa)
{
	const struct ike_policy *p = &sa->pol->p;
	uint64_t life = p->ike_lifetime_s * IKE_US_PER_S, now = sa->e->now;

	sa->setup_us = 0;
	ike_guard_half_done(sa);
	sa->created_us = now;
	if (!sa->up_us) {
		sa->up_us = now;
		ike_sa_take_settings(sa);
	}
	if (life) {
		sa->hard_us = now + life;
		if (p->ike_rekey)
			sa->soft_us = now + ike_sa_jitter(sa->e, life);
	}
	if (p->dpd_interval_s)
		sa->dpd_us = now + p->dpd_interval_s * IKE_US_PER_S;
	ike_sa_set_state(sa, IKE_ST_ESTABLISHED);
	ike_sa_index_peer(sa);
	IKE_CNT(sa, ttlsa);
	if (sa->initiator)
		IKE_CNT(sa, ttlsainit);
	else
		IKE_CNT(sa, ttlsaresp);
}

static void kill_event(struct ike_sa *sa, struct ike_out *t, enum ike_reason reason, uint16_t notify)
{
	bool was_up = sa->state >= IKE_ST_ESTABLISHED;
	struct ike_event *ev;

	if (sa->replaced)
		return;
	if (was_up)
		IKE_CNT(sa, ikesadel);
	else
		IKE_CNT(sa, initfail);
	ev = ike_out_event(t, was_up ? IKE_EV_DOWN : IKE_EV_SETUP_FAILED, sa, reason);
	if (!ev)
		return;
	ev->notify = notify;
	ev->detail = sa->setup ? sa->setup->why : NULL;
}

void ike_sa_kill(struct ike_sa *sa, struct ike_out *t, enum ike_reason reason, uint16_t notify,
                 uint64_t linger_us)
{
	if (sa->state == IKE_ST_DEAD)
		return;
	ike_rekey_settle_rival(sa, t);
	ike_out_touch(t, sa);
	while (sa->children)
		ike_sa_child_end(sa->children, t, reason);
	if (sa->callid)
		ike_out_session_end(t, sa, reason);
	kill_event(sa, t, reason, notify);
	ike_guard_half_done(sa);
	ike_guard_decrypted(sa, t);
	sa->callid = 0;
	ike_sa_drop_request(sa);
	ike_sa_drop_xchg(sa);
	ike_sa_drop_jobs(sa);
	ike_sa_drop_setup(sa);
	ike_map_del(&sa->e->by_peer, &sa->by_peer);
	ike_sa_set_state(sa, IKE_ST_DEAD);
	sa->soft_us = sa->hard_us = sa->setup_us = sa->half_us = sa->dpd_us = sa->empty_us = sa->more_us = 0;
	sa->dead_us = sa->e->now + linger_us;
}
