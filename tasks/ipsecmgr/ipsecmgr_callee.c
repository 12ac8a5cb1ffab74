/* SPDX-License-Identifier: MIT */
/*
 * Security gateway as initiator (IPSec Reference, chapter 27): the peer lists of bound services. Each peer is
 * one manager's to call: the one that its calls are steered to (lib/net/steer.c), and there is a machine of
 * it (lib/initiator). Calls that are up elsewhere, from a time when another manager was the owner, are told
 * on topic "peers". A service keeps its list and durations as they were when it was bound; that, and when
 * responder mode began, are rows (kind "peer"), so that modes go on over the loss of a manager, card or
 * chassis.
 */
#include "tasks/ipsecmgr/ipsecmgr_callee.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cfg/cfg.h"
#include "place/place.h"
#include "store/store.h"

/* --- configuration ---------------------------------------------------------------------------------------
 */

static int by_address(const void *a, const void *b)
{
	return net_addr_compare(a, b);
}

/* Hosts of the list; networks are not called. */
static void read_addresses(const struct cfg_node *list, struct ipsecmgr_callee_conf *c, size_t max)
{
	const struct cfg_node *n;
	struct net_prefix p;
	size_t at = 0;

	cfg_foreach(n, list, "address")
	{
		const char *text = cfg_arg(n, "address") ? cfg_arg(n, "address") : cfg_arg(n, "subnet");

		if (at < max && text && !net_prefix_parse(&p, text) && p.len == net_addr_bits(&p.addr))
			c->addr[at++] = p.addr;
	}
	qsort(c->addr, at, sizeof(c->addr[0]), by_address);
	for (size_t i = 0; i < at; i++)
		if (!c->n || !net_addr_equal(&c->addr[i], &c->addr[c->n - 1]))
			c->addr[c->n++] = c->addr[i];
}

/* conf with the hosts of this list; NULL: with none. */
static struct ipsecmgr_callee_conf *conf_new(const struct cfg_node *list)
{
	size_t max = 0;
	struct ipsecmgr_callee_conf *c;
	const struct cfg_node *n;

	for (n = list ? cfg_first(list, "address") : NULL; n && max < INITIATOR_PEERS_MAX;
	     n = cfg_next(n, "address"))
		max++;
	c = calloc(1, sizeof(*c) + max * sizeof(c->addr[0]));
	if (c)
		snprintf(c->list, sizeof(c->list), "%s", list ? cfg_key(list, 0) : CALLEE_NO_LIST);
	if (c && list)
		read_addresses(list, c, max);
	return c;
}

void ipsecmgr_callee_read(const struct cfg_tree *tree, const struct cfg_node *ctx, const struct cfg_node *svc,
                          struct ipsecmgr_policy *p)
{
	const struct cfg_node *bind = cfg_child(tree, svc, "bind-address", NULL);
	const char *name = cfg_get(tree, svc, "peer-list", "list");
	struct ipsecmgr_callee_conf *c;

	if (!p->site_to_site)
		return;
	p->callees = c = conf_new(name ? cfg_child_named(tree, ctx, "crypto-peer-list", name) : NULL);
	if (!c)
		return;
	c->bind = net_addr_hash(&p->pol.local, bind ? bind->seq : 0);
	c->responder_s =
	        (uint32_t)cfg_get_int(tree, svc, "responder-mode-duration", "seconds", INITIATOR_DEFAULT_S);
	c->initiator_s =
	        (uint32_t)cfg_get_int(tree, svc, "initiator-mode-duration", "seconds", INITIATOR_DEFAULT_S);
}

void ipsecmgr_callee_free(struct ipsecmgr_callee_conf *conf)
{
	free(conf);
}

/* --- finding ---------------------------------------------------------------------------------------------
 */

struct ipsecmgr_callee_list *ipsecmgr_callee_of(const struct ipsecmgr *m, const char *policy)
{
	size_t len = strcspn(policy, "#"); /* without what a vendor adds */

	for (struct ipsecmgr_callee_list *l = m->callees; l; l = l->next)
		if (strlen(l->policy) == len && !strncmp(l->policy, policy, len))
			return l;
	return NULL;
}

struct callee *ipsecmgr_callee_find(struct ipsecmgr_callee_list *l, const struct net_addr *a)
{
	size_t lo = 0, hi = l ? l->n : 0;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = net_addr_compare(&l->peer[mid].p.addr, a);

		if (!c)
			return &l->peer[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

bool ipsecmgr_callee_ours(const struct callee *c)
{
	return c->p.fsm.state != INITIATOR_IDLE;
}

bool ipsecmgr_callee_on(const struct ipsecmgr *m, const struct ipsecmgr_policy *p)
{
	for (const struct ipsecmgr_callee_list *l = m->callees; l; l = l->next)
		if (l->n && l->ctx == p->ctx && net_addr_equal(&l->local, &p->pol.local))
			return true;
	return false;
}

/* --- what machines want ----------------------------------------------------------------------------------
 */

static int do_call(void *arg, struct initiator_peer *p)
{
	struct ipsecmgr_callee_list *l = arg;
	struct callee *c = p->user;
	struct ike_initiate i = {
	        .policy = l->policy,
	        .path = {.ctx_id = l->ctx, .local = {l->local, 500}, .remote = {p->addr, 500}}};
	struct ipsecmgr *m = l->m;
	const struct ipsecmgr_policy *pol = ipsecmgr_cfg_find(m, l->policy);
	int err;

	/* what a peer's call would meet now, ours does not begin at all */
	if (!m->data.bound || (pol && pol->frozen) || m->congestion != IKE_CONGESTION_NONE ||
	    ipsecmgr_serve_sessions(m->t) + m->session.n >= IPSECMGR_MAX_SA)
		return -EBUSY;
	err = ike_engine_initiate(m->e, ipsecmgr_engine_now(m), &i, &c->attempt);
	if (err)
		c->attempt = 0;
	ipsecmgr_engine_rearm(m);
	return err;
}

struct attempts {
	const struct callee *c;
	uint64_t spi[4];
	unsigned n;
};

static int note_attempt(void *arg, const struct ike_sa_view *v)
{
	struct attempts *a = arg;

	if (v->initiator && v->state < IKE_ST_ESTABLISHED && !strcmp(v->policy, a->c->in->policy) &&
	    net_addr_equal(&v->path.remote.addr, &a->c->p.addr) && a->n < 4)
		a->spi[a->n++] = v->spi;
	return 0;
}

static void do_give_up(void *arg, struct initiator_peer *p, bool collision)
{
	struct ipsecmgr *m = ((struct ipsecmgr_callee_list *)arg)->m;
	enum ike_reason why = collision ? IKE_R_COLLISION : IKE_R_SETUP_TIMEOUT;
	struct callee *c = p->user;
	struct attempts a = {.c = c, .spi = {c->attempt}, .n = 1};
	struct ike_sa_view v;

	if (!c->attempt || !m->e)
		return;
	c->attempt = 0;
	if (ike_engine_find(m->e, a.spi[0], &v) || v.state == IKE_ST_DEAD) {
		a.n = 0; /* it began anew with another way to authenticate */
		ike_engine_foreach_sa(m->e, note_attempt, &a);
	}
	for (unsigned i = 0; i < a.n; i++)
		ike_engine_give_up(m->e, ipsecmgr_engine_now(m), a.spi[i], why);
	ipsecmgr_engine_rearm(m);
}

static void do_end_own(void *arg, struct initiator_peer *p)
{
	struct ipsecmgr *m = ((struct ipsecmgr_callee_list *)arg)->m;
	const struct ipsecmgr_map *map = &m->peer_calls;

	for (size_t i = 0; i < map->cap; i++) {
		const struct peer_call *x = map->slot[i].value;

		if (x && x->own && &x->c->p == p)
			ike_engine_end(m->e, ipsecmgr_engine_now(m), map->slot[i].key, IKE_R_DUPLICATE);
	}
	ipsecmgr_engine_rearm(m);
}

static void do_keep(void *arg, struct initiator_peer *p)
{
	(void)arg;
	ipsecmgr_callee_row_peer(p->user);
}

static void log_change(void *arg, struct initiator_peer *p, int from, int to)
{
	const struct ipsecmgr_callee_list *l = arg;
	char text[NET_ADDR_STRLEN];

	(void)from;
	if (!l->started || to == INITIATOR_IDLE || to == INITIATOR_CONNECTED ||
	    !ipsecmgr_engine_may_log(l->m))
		return;
	LOG(EV_IKE_PEER_MODE, "peer %s of %s, list %s: %s mode for %u seconds",
	    net_addr_format(&p->addr, text, sizeof(text)), l->policy, l->conf->list,
	    to == INITIATOR_CALLING ? "initiator" : "responder",
	    to == INITIATOR_CALLING ? l->conf->initiator_s : l->conf->responder_s);
}

static const struct initiator_ops ops = {do_call, do_give_up, do_end_own, do_keep, log_change};

/* --- time ------------------------------------------------------------------------------------------------
 */

static void tick(struct task *t, void *arg)
{
	struct ipsecmgr *m = arg;

	(void)t;
	task_timer_stop(m->peers_timer);
	m->peers_timer = NULL;
	for (struct ipsecmgr_callee_list *l = m->e ? m->callees : NULL; l; l = l->next)
		initiator_tick(&l->set, ipsecmgr_engine_now(m));
	ipsecmgr_callee_rearm(m);
}

void ipsecmgr_callee_rearm(struct ipsecmgr *m)
{
	uint64_t due = UINT64_MAX, next, now;

	for (const struct ipsecmgr_callee_list *l = m->callees; l; l = l->next) {
		next = initiator_next_us(&l->set);
		due = next < due ? next : due;
	}
	if (m->peers_timer && due == m->peers_due)
		return;
	if (m->peers_timer)
		task_timer_stop(m->peers_timer);
	m->peers_timer = NULL;
	m->peers_due = due;
	if (due == UINT64_MAX)
		return;
	now = ipsecmgr_engine_now(m);
	m->peers_timer = task_timer_start(m->t, due > now ? (due - now + 999) / 1000 : 1, 0, tick, m);
}

/* --- calls -----------------------------------------------------------------------------------------------
 */

static void note_call(struct ipsecmgr *m, struct callee *c, uint64_t spi, bool own)
{
	struct peer_call *x = malloc(sizeof(*x));

	if (!x)
		return;
	*x = (struct peer_call){c, own};
	free(ipsecmgr_map_del(&m->peer_calls, spi));
	if (ipsecmgr_map_set(&m->peer_calls, spi, x)) {
		free(x);
		return;
	}
	initiator_up(&c->p, ipsecmgr_engine_now(m), own);
}

static int find_call(void *arg, const struct ike_sa_view *v)
{
	struct ipsecmgr_callee_list *l = arg;
	struct callee *c;

	if (v->state != IKE_ST_ESTABLISHED || ipsecmgr_callee_of(l->m, v->policy) != l)
		return 0;
	c = ipsecmgr_callee_find(l, &v->path.remote.addr);
	if (c)
		note_call(l->m, c, v->spi, v->initiator);
	return 0;
}

static void forget_calls(struct ipsecmgr_callee_list *l)
{
	struct ipsecmgr_map *map = &l->m->peer_calls;
	const struct peer_call *x;

	for (size_t i = 0; i < map->cap; i++)
		while ((x = map->slot[i].value) && x->c->in == l)
			free(ipsecmgr_map_del(map, map->slot[i].key)); /* others may move here */
}

/* --- events of the engine --------------------------------------------------------------------------------
 */

static void call_down(struct ipsecmgr *m, uint64_t spi)
{
	struct peer_call *x = ipsecmgr_map_del(&m->peer_calls, spi);

	if (!x)
		return;
	initiator_down(&x->c->p, ipsecmgr_engine_now(m), x->own);
	if (!ipsecmgr_callee_here(x->c))
		ipsecmgr_callee_tell(x->c, PEER_CALLS__WHAT__DOWN);
	free(x);
}

static void attempt_failed(struct ipsecmgr *m, struct callee *c, uint64_t spi)
{
	struct ike_sa_view v;

	/* another one may have taken its place, with the next way to authenticate */
	if (!c->attempt ||
	    (c->attempt != spi && !ike_engine_find(m->e, c->attempt, &v) && v.state != IKE_ST_DEAD))
		return;
	c->attempt = 0;
	initiator_failed(&c->p, ipsecmgr_engine_now(m));
}

void ipsecmgr_callee_event(struct ipsecmgr *m, const struct ike_event *ev)
{
	struct ipsecmgr_callee_list *l = m->callees ? ipsecmgr_callee_of(m, ev->policy) : NULL;
	struct callee *c = l ? ipsecmgr_callee_find(l, &ev->path.remote.addr) : NULL;
	struct peer_call *x;

	switch (ev->kind) {
	case IKE_EV_HALF_OPEN:
		if (!c)
			return;
		initiator_peer_began(&c->p, ipsecmgr_engine_now(m));
		ipsecmgr_callee_tell(c, PEER_CALLS__WHAT__BEGAN);
		break;
	case IKE_EV_UP:
		if (!c)
			return;
		if (ev->initiator)
			c->attempt = 0;
		note_call(m, c, ev->spi, ev->initiator);
		ipsecmgr_callee_tell(c, PEER_CALLS__WHAT__UP);
		break;
	case IKE_EV_REKEYED:
		x = ipsecmgr_map_del(&m->peer_calls, ev->old_spi);
		if (x && ipsecmgr_map_set(&m->peer_calls, ev->spi, x))
			free(x);
		return;
	case IKE_EV_DOWN:
		call_down(m, ev->spi);
		break;
	case IKE_EV_SETUP_FAILED:
		if (!c || !ev->initiator)
			return;
		attempt_failed(m, c, ev->spi);
		break;
	default:
		return;
	}
	ipsecmgr_callee_rearm(m);
}

/* --- lists -----------------------------------------------------------------------------------------------
 */

static void list_free(struct ipsecmgr_callee_list *l)
{
	forget_calls(l);
	for (size_t i = 0; i < l->n; i++)
		initiator_peer_drop(&l->peer[i].p);
	free(l->conf);
	free(l);
}

/* The service is not bound any more, or anew: its own calls that are not up are given up. */
static void list_end(struct ipsecmgr_callee_list *l)
{
	if (l->n)
		LOG(EV_IKE_PEER_MODE, "peer list %s of %s is not in use any more", l->conf->list, l->policy);
	for (size_t i = 0; i < l->n; i++)
		initiator_stop(&l->peer[i].p, ipsecmgr_engine_now(l->m));
	ipsecmgr_callee_row_forget(l);
	list_free(l);
}

/* What has been in force since the service was bound, where that was known to a former life of ours. Settings
 * that were changed since then count when it is bound anew; another chassis may have bound it, with the same
 * settings. */
static void resume(struct ipsecmgr *m, struct ipsecmgr_policy *p, struct kept_list *k)
{
	const struct cfg_tree *tree = config_tree(m->t);
	const struct cfg_node *ctx;
	struct ipsecmgr_callee_conf *c = p->callees, *was;

	if (k->bind != c->bind) {
		if (strcmp(k->list, c->list) != 0 || k->responder_s != c->responder_s ||
		    k->initiator_s != c->initiator_s)
			k->bound_us = 0;
		return;
	}
	c->responder_s = k->responder_s;
	c->initiator_s = k->initiator_s;
	if (!strcmp(k->list, c->list))
		return;
	ctx = tree ? cfg_child_named(tree, tree->root, "context", p->context) : NULL;
	was = conf_new(ctx ? cfg_child_named(tree, ctx, "crypto-peer-list", k->list) : NULL);
	if (!was)
		return;
	was->bind = c->bind;
	was->responder_s = c->responder_s;
	was->initiator_s = c->initiator_s;
	snprintf(was->list, sizeof(was->list), "%s", k->list);
	free(c);
	p->callees = was;
}

static void read_kept(struct ipsecmgr *m, struct ipsecmgr_policy *p, struct store_reader *reader,
                      struct kept_list *k)
{
	ipsecmgr_callee_row_read(m, p->pol.name, reader, k);
	if (k->bound_us > ipsecmgr_engine_now(m))
		k->bound_us = 0;
	if (k->bound_us)
		resume(m, p, k);
}

/* Takes the policy's settings. */
static void list_new(struct ipsecmgr *m, struct ipsecmgr_policy *p, struct store_reader *reader)
{
	uint64_t now = ipsecmgr_engine_now(m);
	struct ipsecmgr_callee_list *l;
	struct kept_list k;

	read_kept(m, p, reader, &k);
	l = calloc(1, sizeof(*l) + p->callees->n * sizeof(l->peer[0]));
	if (!l) {
		LOG(EV_NO_MEMORY, "peer list %s", p->callees->list);
		return;
	}
	l->m = m;
	snprintf(l->policy, sizeof(l->policy), "%s", p->pol.name);
	snprintf(l->context, sizeof(l->context), "%s", p->context);
	snprintf(l->service, sizeof(l->service), "%s", p->service);
	l->ctx = p->ctx;
	l->local = p->pol.local;
	l->conf = p->callees;
	p->callees = NULL;
	l->kept = k.bound_us != 0;
	l->bound_us = k.bound_us ? k.bound_us : now;
	l->n = l->conf->n;
	initiator_init(&l->set, &ops, l, l->conf->responder_s, l->conf->initiator_s, now);
	for (size_t i = 0; i < l->n; i++) {
		initiator_peer_init(&l->set, &l->peer[i].p, &l->conf->addr[i]);
		l->peer[i].p.user = &l->peer[i];
		l->peer[i].in = l;
	}
	l->next = m->callees;
	m->callees = l;
	ike_engine_foreach_sa(m->e, find_call, l);
	if (k.bind != l->conf->bind || !l->kept)
		ipsecmgr_callee_row_list(l);
	if (l->n)
		LOG(EV_IKE_PEER_MODE,
		    "peer list %s of %s is in use: %zu peers, responder mode %u seconds, initiator mode %u "
		    "seconds",
		    l->conf->list, l->policy, l->n, l->conf->responder_s, l->conf->initiator_s);
}

/* Services that are not bound any more, or anew. */
static void end_lists(struct ipsecmgr *m)
{
	struct ipsecmgr_callee_list **at = &m->callees, *l;
	const struct ipsecmgr_policy *p;

	while ((l = *at)) {
		p = ipsecmgr_cfg_find(m, l->policy);
		if (p && (p->frozen || (p->callees && p->callees->bind == l->conf->bind))) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		list_end(l);
	}
}

void ipsecmgr_callee_apply(struct ipsecmgr *m)
{
	struct store_reader *reader = NULL;

	if (place_serves_maps(m->t->instance))
		return;
	end_lists(m);
	for (struct ipsecmgr_policy *p = m->policies; p; p = p->next) {
		if (!p->callees || ipsecmgr_callee_of(m, p->pol.name))
			continue;
		if (!reader)
			reader = store_open_reader(m->t->state_dir, STORE_STATE);
		list_new(m, p, reader);
	}
	ipsecmgr_callee_row_all(m, reader);
	store_close_reader(reader);
	ipsecmgr_callee_owners(m);
}

static void own_peers(struct ipsecmgr *m, struct ipsecmgr_callee_list *l, unsigned managers)
{
	uint64_t now = ipsecmgr_engine_now(m), since;

	for (size_t i = 0; i < l->n; i++) {
		struct callee *c = &l->peer[i];
		bool ours = steer_owner(managers, &m->closed, &c->p.addr) == m->t->instance;

		since = c->kept_us > l->bound_us ? c->kept_us : l->bound_us;
		if (ours && !ipsecmgr_callee_ours(c))
			initiator_start(&c->p, now, l->started ? 0 : since);
		else if (!ours && ipsecmgr_callee_ours(c))
			initiator_stop(&c->p, now);
	}
	ipsecmgr_callee_tell_all(l, !l->started);
	l->started = true;
}

/* Not before we know who else there is: what we were we would call as if we were alone. */
void ipsecmgr_callee_owners(struct ipsecmgr *m)
{
	unsigned managers = m->data.instances > m->t->instance ? m->data.instances : m->t->instance;

	if (!m->ipsecmgrs_told)
		return;
	for (struct ipsecmgr_callee_list *l = m->callees; l; l = l->next)
		if (l->n && (!l->started || l->managers != managers ||
		             memcmp(&l->closed, &m->closed, sizeof(l->closed)) != 0)) {
			l->managers = managers;
			l->closed = m->closed;
			own_peers(m, l, managers);
		}
	ipsecmgr_callee_rearm(m);
}

void ipsecmgr_callee_stop(struct ipsecmgr *m)
{
	struct ipsecmgr_callee_list *l;

	while ((l = m->callees)) {
		m->callees = l->next;
		list_free(l);
	}
	ipsecmgr_map_free(&m->peer_calls);
	ipsecmgr_callee_rearm(m);
}

/* --- show ------------------------------------------------------------------------------------------------
 */

void ipsecmgr_callee_foreach(const struct ipsecmgr *m,
                             void (*each)(void *arg, const struct ipsecmgr_callee_view *v), void *arg)
{
	uint64_t now = clock_steady_us(), ends;

	for (const struct ipsecmgr_callee_list *l = m->callees; l; l = l->next)
		for (size_t i = 0; i < l->n; i++) {
			const struct initiator_peer *p = &l->peer[i].p;

			if (p->fsm.state == INITIATOR_IDLE)
				continue;
			ends = initiator_mode_ends(p);
			each(arg,
			     &(struct ipsecmgr_callee_view){
			             .context = l->context,
			             .service = l->service,
			             .list = l->conf->list,
			             .addr = p->addr,
			             .mode = initiator_state_name(p->fsm.state),
			             .mode_left_s = ends > now ? (uint32_t)((ends - now) / US_PER_SEC) : 0,
			             .tries = p->calls,
			             .own = p->n_own,
			             .theirs = p->n_theirs});
		}
}
