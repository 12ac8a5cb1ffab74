/* SPDX-License-Identifier: MIT */
/*
 * Read-only views of SAs and children for show commands, and figures of the engine. Entry points:
 * ike_engine_foreach_sa(), ike_engine_find*(), ike_engine_child_view(), ike_engine_stats_get(). Called by
 * ipsecmgr's shows and by tests.
 */
#include "esp/esp.h"
#include "ike/ike_payload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void ike_view_fill(const struct ike_sa *sa, struct ike_sa_view *v)
{
	memset(v, 0, sizeof(*v));
	v->spi = sa->spi;
	v->peer_spi = sa->peer_spi;
	ike_sa_key(sa, v->key);
	v->state = sa->state;
	v->initiator = sa->initiator;
	v->path = sa->path;
	v->nat_local = sa->nat_local;
	v->nat_remote = sa->nat_remote;
	v->dscp = sa->pol->p.dscp;
	v->fragmentation = sa->frag;
	v->mobike = sa->mobike;
	ike_sa_get_id(sa->local_id, &v->local_id);
	ike_sa_get_id(sa->peer_id, &v->peer_id);
	v->device = sa->device;
	v->eap_method = sa->eap_method;
	v->policy = sa->pol->p.name;
	v->outdated = sa->pol->removed;
	v->has_settings = sa->has_settings;
	memcpy(v->settings, sa->settings, sizeof(v->settings));
	v->suite = sa->suite;
	v->callid = sa->callid;
	v->inner = sa->inner;
	v->inner6 = sa->inner6;
	v->created_us = sa->created_us;
	v->up_us = sa->up_us;
	v->soft_us = sa->soft_us;
	v->hard_us = sa->hard_us;
	v->last_seen_us = sa->last_seen_us;
	v->rekeys = sa->rekeys;
	v->send_msgid = sa->send_next;
	v->recv_msgid = sa->recv_next;
	v->request_outstanding = sa->req != NULL;
	v->txn_in_flight = sa->txn != NULL;
	v->n_children = sa->n_children;
	v->user = sa->user;
}

/* Kilobytes: rekeyed somewhere between 85 and 95 per cent, as the time of other children, but the same at
 * every restart. Sequence numbers: at 90 per cent, and only where a window looks at them (chapter 12). */
static void view_life(const struct ike_child *c, struct ike_child_act *a)
{
	const struct ike_policy *p = &c->sa->pol->p;
	bool rekey = ike_payload_of(c)->rekey && !c->superseded;

	a->replay_window = c->sa->replay_window;
	if (p->dpd_by_traffic && p->dpd_interval_s)
		a->activity_s = p->dpd_interval_s > 1 ? p->dpd_interval_s / 2 : 1;
	a->natt_idle_s = p->natt_idle_s;
	a->natt_interval_s = p->natt_interval_s;
	a->hard_bytes = (uint64_t)c->life_kb * 1024;
	if (rekey)
		a->soft_bytes = a->hard_bytes / 100 * 85 + a->hard_bytes / 10 * (c->spi_in & 0xffff) / 65536;
	if (c->suite.esn || !a->replay_window)
		return;
	a->hard_seq = ESP_SEQ_END;
	a->soft_seq = rekey ? ESP_SEQ_SOFT : 0;
}

void ike_view_child(const struct ike_child *c, struct ike_child_act *a)
{
	const struct ike_sa *sa = c->sa;

	memset(a, 0, sizeof(*a));
	a->spi_in = c->spi_in;
	a->spi_out = c->spi_out;
	a->ike_spi = sa->spi;
	a->callid = sa->callid;
	a->suite = c->suite;
	a->encr_len = ike_crypto_encr_len(&c->suite);
	a->integ_len = ike_crypto_integ_len(&c->suite);
	a->ts_local = c->ts;
	a->ts_remote = c->ts + c->n_local;
	a->n_local = c->n_local;
	a->n_remote = c->n_remote;
	a->path = sa->path;
	a->encap_udp = c->encap;
	a->follow = c->encap && ike_init_follows(c->sa);
	a->initiator = c->initiator;
	a->policy = sa->pol->p.name;
	a->child_name = ike_payload_of(c)->name;
	view_life(c, a);
	a->inner = sa->inner;
	a->inner6 = sa->inner6;
	if (ike_payload_of(c)->ts_as_asked)
		a->n_source = ike_payload_hosts(sa, a->source);
}

int ike_engine_foreach_sa(const struct ike_engine *e, int (*cb)(void *arg, const struct ike_sa_view *v),
                          void *arg)
{
	struct ike_sa_view v;
	int ret;

	for (const struct ike_sa *sa = e->sas; sa; sa = sa->next) {
		if (sa->state == IKE_ST_DEAD)
			continue;
		ike_view_fill(sa, &v);
		ret = cb(arg, &v);
		if (ret)
			return ret;
	}
	return 0;
}

int ike_engine_foreach_peer(const struct ike_engine *e, uint32_t ctx_id, const struct ike_id *peer,
                            int (*cb)(void *arg, const struct ike_sa_view *v), void *arg)
{
	const struct ike_node *n =
	        ike_map_find(&e->by_peer, ike_sa_peer_key(e, ctx_id, peer->type, peer->data, peer->len));
	struct ike_sa_view v;
	int ret = 0;

	for (; n && !ret; n = ike_map_next(n)) {
		const struct ike_sa *sa = n->obj;

		if (sa->state == IKE_ST_DEAD || sa->path.ctx_id != ctx_id)
			continue;
		ike_view_fill(sa, &v);
		if (ike_id_equal(&v.peer_id, peer))
			ret = cb(arg, &v);
	}
	return ret;
}

int ike_engine_child_view(const struct ike_engine *e, uint64_t spi, unsigned i, struct ike_child_view *v)
{
	const struct ike_sa *sa = ike_sa_find(e, spi);
	const struct ike_child *c = sa ? sa->children : NULL;

	while (c && i--)
		c = c->next;
	if (!c)
		return -ENOENT;
	ike_view_child(c, &v->sa);
	v->created_us = c->created_us;
	v->soft_us = c->soft_us;
	v->hard_us = c->hard_us;
	v->rekeys = c->rekeys;
	v->deleting = c->deleting || c->superseded;
	return 0;
}

static int view(const struct ike_sa *sa, struct ike_sa_view *v)
{
	if (!sa || sa->state == IKE_ST_DEAD)
		return -ENOENT;
	ike_view_fill(sa, v);
	return 0;
}

int ike_engine_find(const struct ike_engine *e, uint64_t spi, struct ike_sa_view *v)
{
	return view(ike_sa_find(e, spi), v);
}

int ike_engine_find_child(const struct ike_engine *e, uint32_t spi_in, struct ike_sa_view *v)
{
	const struct ike_child *c = ike_sa_child_in(e, spi_in);

	return view(c ? c->sa : NULL, v);
}

int ike_engine_find_key(const struct ike_engine *e, const char *key, struct ike_sa_view *v)
{
	char *end;
	uint64_t spi = strtoull(key, &end, 16);

	return *end || strlen(key) != IKE_KEY_LEN - 1 ? -ENOENT : view(ike_sa_find(e, spi), v);
}

void ike_engine_stats_get(const struct ike_engine *e, struct ike_engine_stats *s)
{
	memset(s, 0, sizeof(*s));
	s->sas = e->n.sas;
	s->half_open = e->n.half_open;
	s->established = e->n.established;
	s->children = e->n.children;
	s->txns_in_flight = e->by_txn.n;
	s->cookies = e->cookies;
	s->refused = e->refused;
	for (const struct ike_pol *p = e->policies; p; p = p->next)
		s->policies += !p->removed;
}
