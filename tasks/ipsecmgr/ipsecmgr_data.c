/* SPDX-License-Identifier: MIT */
/*
 * Everything between this instance and its card's iftask: child SAs, the service sockets it is to open, IKE
 * packets over the punt path, and what the data path notices. A copy of every child SA is kept, so that an
 * iftask that was restarted or moved gets them all again (ipsecmgr_push.c). Called by ipsecmgr_engine.c and
 * _serve.c.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "esp/esp.h"
#include "ike/ike_ts.h"
#include "place/place.h"
#include "punt/punt.h"

#define RETRY_MS    200
#define BIND_MAX    256 /* addresses; and peers of crypto maps */
#define PACKETS_MAX 256 /* handled per loop turn */

/* --- child SAs
 * ------------------------------------------------------------------------------------------------------- */

static void child_free(struct ipsecmgr_child *c)
{
	if (!c)
		return;
	OPENSSL_cleanse(c->pair, c->len);
	free(c);
}

static ProtobufCBinaryData bytes_of(const void *data, size_t len)
{
	return (ProtobufCBinaryData){.len = len, .data = (uint8_t *)(uintptr_t)data};
}

static ProtobufCBinaryData addr_bytes(const struct net_addr *a)
{
	return bytes_of(a->bytes, net_addr_len(a));
}

struct ts_store {
	TsRange row[IKE_MAX_TS], *ptr[IKE_MAX_TS];
	struct ike_ts part[IKE_MAX_TS];
};

static size_t fill_ts(struct ts_store *s, const struct ike_ts *ts, unsigned n)
{
	unsigned i;

	for (i = 0; i < n && i < IKE_MAX_TS; i++) {
		ts_range__init(&s->row[i]);
		s->row[i].first = addr_bytes(&ts[i].lo);
		s->row[i].last = addr_bytes(&ts[i].hi);
		s->row[i].proto = ts[i].proto;
		s->row[i].port_first = ts[i].port_lo;
		s->row[i].port_last = ts[i].port_hi;
		s->ptr[i] = &s->row[i];
	}
	return i;
}

/* A peer that may send from its own addresses only: packets for others are not its either. */
static size_t fill_remote(struct ts_store *s, const struct ike_child_act *a)
{
	unsigned n =
	        a->n_source ? ike_ts_narrow(a->ts_remote, a->n_remote, a->source, a->n_source, s->part) : 0;

	return n ? fill_ts(s, s->part, n) : fill_ts(s, a->ts_remote, a->n_remote);
}

static void fill_path(SaPair *p, const struct ike_child_act *a)
{
	p->encap_udp = a->encap_udp;
	p->follow = a->follow;
	p->local_addr = addr_bytes(&a->path.local.addr);
	p->local_port = a->path.local.port;
	p->remote_addr = addr_bytes(&a->path.remote.addr);
	p->remote_port = a->path.remote.port;
}

static void fill_pair(struct ipsecmgr *m, SaPair *p, const struct ike_child_act *a, struct ts_store *local,
                      struct ts_store *remote)
{
	const struct ipsecmgr_policy *pol = ipsecmgr_cfg_find(m, a->policy);

	sa_pair__init(p);
	p->ctx = a->path.ctx_id;
	p->instance = m->t->instance;
	p->spi_in = a->spi_in;
	p->spi_out = a->spi_out;
	p->encr = a->suite.encr;
	p->encr_key_bits = a->suite.encr_bits;
	p->integ = a->suite.integ;
	p->esn = a->suite.esn;
	p->key_in = bytes_of(a->encr_in, a->encr_len);
	p->key_out = bytes_of(a->encr_out, a->encr_len);
	p->ikey_in = bytes_of(a->integ_in, a->integ_len);
	p->ikey_out = bytes_of(a->integ_out, a->integ_len);
	fill_path(p, a);
	p->n_ts_local = fill_ts(local, a->ts_local, a->n_local);
	p->ts_local = local->ptr;
	p->n_ts_remote = fill_remote(remote, a);
	p->ts_remote = remote->ptr;
	p->resume = a->resume;
	p->replay_window = a->replay_window;
	p->soft_bytes = a->soft_bytes;
	p->hard_bytes = a->hard_bytes;
	p->soft_seq = a->soft_seq;
	p->hard_seq = a->hard_seq;
	p->activity_s = a->activity_s;
	p->natt_idle_s = a->natt_idle_s;
	p->natt_interval_s = a->natt_interval_s;
	p->replaces_spi_in = a->replaces_spi_in;
	p->inbound_first = a->out_wait;
	p->lane = ipsecmgr_lane(m);
	if (pol) {
		p->mtu4 = pol->mtu4;
		p->mtu6 = pol->mtu6;
		p->pre_fragment = pol->pre_fragment;
		p->dont_fragment = pol->dont_fragment;
	}
}

static uint64_t hash_ts(const SaPair *p)
{
	struct net_addr a;
	uint64_t h = p->ctx;
	size_t i;

	for (i = 0; i < p->n_ts_remote; i++) {
		if (!net_addr_from_bytes(&a, p->ts_remote[i]->first.data, p->ts_remote[i]->first.len))
			h = net_addr_hash(&a, h);
		if (!net_addr_from_bytes(&a, p->ts_remote[i]->last.data, p->ts_remote[i]->last.len))
			h = net_addr_hash(&a, h);
	}
	return h;
}

static int keep_pair(struct ipsecmgr *m, const SaPair *p, bool flows)
{
	size_t len = sa_pair__get_packed_size(p);
	struct ipsecmgr_child *c = malloc(sizeof(*c) + len);

	if (!c)
		return -ENOMEM;
	c->spi_in = p->spi_in;
	c->ctx = p->ctx;
	c->flows = flows;
	c->refused = 0;
	c->refused_push = 0;
	c->ts_hash = hash_ts(p);
	c->len = len;
	sa_pair__pack(p, c->pair);
	child_free(ipsecmgr_map_del(&m->child, p->spi_in));
	if (ipsecmgr_map_set(&m->child, p->spi_in, c)) {
		child_free(c);
		return -ENOMEM;
	}
	return 0;
}

bool ipsecmgr_data_routed(const struct ipsecmgr *m, const struct ike_child_act *a)
{
	return !net_addr_is_set(&a->inner) && !net_addr_is_set(&a->inner6) &&
	       !place_serves_maps(m->t->instance);
}

int ipsecmgr_data_add(struct ipsecmgr *m, const struct ike_child_act *a, uint64_t mark)
{
	struct ts_store local, remote;
	SaPair p;

	fill_pair(m, &p, a, &local, &remote);
	p.mark = mark;
	return keep_pair(m, &p, ipsecmgr_data_routed(m, a));
}

/* A kept child, unpacked, with its selectors in the engine's form. */
static unsigned remote_ts(const SaPair *p, struct ike_ts ts[IKE_MAX_TS])
{
	unsigned i, n = 0;

	for (i = 0; i < p->n_ts_remote && n < IKE_MAX_TS; i++) {
		memset(&ts[n], 0, sizeof(ts[n]));
		if (!net_addr_from_bytes(&ts[n].lo, p->ts_remote[i]->first.data,
		                         p->ts_remote[i]->first.len) &&
		    !net_addr_from_bytes(&ts[n].hi, p->ts_remote[i]->last.data, p->ts_remote[i]->last.len))
			n++;
	}
	return n;
}

unsigned ipsecmgr_data_remote_ts(const struct ipsecmgr_child *c, struct ike_ts ts[IKE_MAX_TS])
{
	SaPair *p = sa_pair__unpack(NULL, c->len, c->pair);
	unsigned n = p ? remote_ts(p, ts) : 0;

	if (p)
		sa_pair__free_unpacked(p, NULL);
	return n;
}

/* Does another child of ours reach the same remote selectors? Then the routes stay (a rekey replaces a child
 * by its like). */
static bool flows_shared(const struct ipsecmgr *m, const struct ipsecmgr_child *gone)
{
	const struct ipsecmgr_child *c;
	size_t pos = 0;

	while ((c = ipsecmgr_map_next(&m->child, &pos)))
		if (c->flows && c->ctx == gone->ctx && c->ts_hash == gone->ts_hash)
			return true;
	return false;
}

void ipsecmgr_data_del(struct ipsecmgr *m, uint32_t spi_in)
{
	struct ipsecmgr_child *c = ipsecmgr_map_del(&m->child, spi_in);
	struct ike_ts ts[IKE_MAX_TS];
	unsigned n;

	if (!c)
		return;
	if (c->flows && m->e && !flows_shared(m, c)) {
		n = ipsecmgr_data_remote_ts(c, ts);
		ipsecmgr_sess_flows(m, c->ctx, ts, n, true, NULL, NULL);
	}
	child_free(c);
}

void ipsecmgr_data_path(struct ipsecmgr *m, const struct ike_child_act *a)
{
	struct ipsecmgr_child *c = ipsecmgr_map_get(&m->child, a->spi_in);
	SaPair *p = c ? sa_pair__unpack(NULL, c->len, c->pair) : NULL, path, *ptr = &path;
	Envelope env = ENVELOPE__INIT;
	SaUpdate up = SA_UPDATE__INIT;

	if (!p)
		return;
	/* Keep everything, change the path: the borrowed addresses must not be freed with p. */
	free(p->local_addr.data);
	free(p->remote_addr.data);
	fill_path(p, a);
	keep_pair(m, p, c->flows);
	p->local_addr = p->remote_addr = (ProtobufCBinaryData){0, NULL};
	sa_pair__free_unpacked(p, NULL);
	sa_pair__init(&path);
	path.ctx = a->path.ctx_id;
	path.instance = m->t->instance;
	path.spi_in = a->spi_in;
	path.spi_out = a->spi_out;
	fill_path(&path, a);
	up.instance = m->t->instance;
	up.path = &ptr;
	up.n_path = 1;
	env.body_case = ENVELOPE__BODY_SA_UPDATE;
	env.sa_update = &up;
	task_send(m->t, m->data.addr, &env);
}

int ipsecmgr_data_request(struct ipsecmgr *m, struct ipsecmgr_child **add, size_t n_add, const uint32_t *del,
                          size_t n_del, bool replace_all, bool resume, task_reply_cb cb, void *arg)
{
	SaPair **pair = calloc(n_add ? n_add : 1, sizeof(SaPair *));
	Envelope env = ENVELOPE__INIT;
	SaUpdate up = SA_UPDATE__INIT;
	size_t i;
	int err;

	if (!pair)
		return -ENOMEM;
	for (i = 0; i < n_add; i++) {
		SaPair *p = sa_pair__unpack(NULL, add[i]->len, add[i]->pair);

		if (!p)
			continue;
		p->resume = p->resume || resume;
		pair[up.n_add++] = p;
	}
	up.add = pair;
	up.del = (uint32_t *)(uintptr_t)del;
	up.n_del = n_del;
	up.instance = m->t->instance;
	up.replace_all = replace_all;
	env.body_case = ENVELOPE__BODY_SA_UPDATE;
	env.sa_update = &up;
	err = task_request(m->t, m->data.addr, &env, IPSECMGR_DATA_MS, 0, cb, arg);
	for (i = 0; i < up.n_add; i++) {
		OPENSSL_cleanse(pair[i]->key_in.data, pair[i]->key_in.len);
		OPENSSL_cleanse(pair[i]->key_out.data, pair[i]->key_out.len);
		OPENSSL_cleanse(pair[i]->ikey_in.data, pair[i]->ikey_in.len);
		OPENSSL_cleanse(pair[i]->ikey_out.data, pair[i]->ikey_out.len);
		sa_pair__free_unpacked(pair[i], NULL);
	}
	free(pair);
	return err;
}

int ipsecmgr_data_update(struct ipsecmgr *m, const uint32_t *add, size_t n_add, const uint32_t *del,
                         size_t n_del, task_reply_cb cb, void *arg)
{
	struct ipsecmgr_child *child[64];
	size_t i, n = 0;

	for (i = 0; i < n_add && n < 64; i++) {
		child[n] = ipsecmgr_map_get(&m->child, add[i]);
		n += child[n] != NULL;
	}
	return ipsecmgr_data_request(m, child, n, del, n_del, false, false, cb, arg);
}

/* --- iftask is away
 * ---------------------------------------------------------------------------------------------- */

static void retry_cb(struct task *t, void *arg)
{
	struct ipsecmgr *m = arg;

	task_timer_stop(m->data.retry);
	m->data.retry = NULL;
	if (!m->e)
		return;
	if (m->data.push_failed && !m->data.refusals)
		ipsecmgr_push_all(m);
	if (!m->data.bound)
		ipsecmgr_data_bind(m);
}

void ipsecmgr_data_retry(struct ipsecmgr *m)
{
	if (!m->data.retry)
		m->data.retry = task_timer_start(m->t, RETRY_MS, 0, retry_cb, m);
}

/* --- service sockets
 * ------------------------------------------------------------------------------------------------------- */

static void bind_done(struct task *t, void *arg, int status, const struct bus_msg *msg)
{
	struct ipsecmgr *m = arg;

	m->data.bind_open = false;
	if (status && msg && status != -EHOSTUNREACH && ipsecmgr_engine_may_log(m))
		LOG(EV_IFTASK_SOCKET, "service sockets: %s",
		    msg->env->body_case == ENVELOPE__BODY_STATUS ? msg->env->status->text
		                                                 : strerror(-status));
	m->data.bound = status == 0;
	if (m->data.bind_again)
		ipsecmgr_data_bind(m);
	else if (!m->data.bound)
		ipsecmgr_data_retry(m);
}

struct bind_rows {
	const struct ipsecmgr *m;
	ServiceBind__Addr row[BIND_MAX], *ptr[BIND_MAX];
	const struct ipsecmgr_policy *of[BIND_MAX];
	ProtobufCBinaryData peer[BIND_MAX]; /* those of one address follow each other */
	size_t n, n_peers;
};

static bool same_address(const struct ipsecmgr_policy *a, const struct ipsecmgr_policy *b)
{
	return a->ctx == b->ctx && net_addr_equal(&a->pol.local, &b->pol.local);
}

/* The address of a policy, unless it is there already, with the peers of all crypto maps of the list there.
 */
static void add_bind(struct bind_rows *b, const struct ipsecmgr_policy *list, const struct ipsecmgr_policy *p)
{
	ServiceBind__Addr *row = &b->row[b->n];

	for (size_t i = 0; i < b->n; i++)
		if (same_address(b->of[i], p))
			return;
	service_bind__addr__init(row);
	row->by_source = b->m->e && ipsecmgr_callee_on(b->m, p);
	row->ctx = p->ctx;
	row->addr = addr_bytes(&p->pol.local);
	row->peers = &b->peer[b->n_peers];
	for (; list && b->n_peers < BIND_MAX; list = list->next)
		if (same_address(list, p) && net_addr_is_set(&list->pol.peer)) {
			b->peer[b->n_peers++] = addr_bytes(&list->pol.peer);
			row->n_peers++;
		}
	b->of[b->n] = p;
	b->ptr[b->n++] = row;
}

void ipsecmgr_data_bind(struct ipsecmgr *m)
{
	struct bind_rows b = {.m = m};
	Envelope env = ENVELOPE__INIT;
	ServiceBind sb = SERVICE_BIND__INIT;
	const struct ipsecmgr_policy *p;

	m->data.bind_again = m->data.bind_open;
	if (m->data.bind_open)
		return;
	for (p = m->e ? m->policies : NULL; p && b.n < BIND_MAX; p = p->next)
		add_bind(&b, m->policies, p);
	for (p = m->e ? m->leaving : NULL; p && b.n < BIND_MAX; p = p->next)
		add_bind(&b, NULL, p);
	sb.instance = m->t->instance;
	sb.instances = m->data.instances > m->t->instance ? m->data.instances : m->t->instance;
	if (place_serves_maps(m->t->instance))
		sb.instances = 0;
	sb.tun_ctx = m->e && m->maps_closed ? m->maps_closed->ctx : 0; /* a manager has one context */
	sb.addrs = b.ptr;
	sb.n_addrs = b.n;
	env.body_case = ENVELOPE__BODY_SERVICE_BIND;
	env.service_bind = &sb;
	if (task_request(m->t, m->data.addr, &env, IPSECMGR_DATA_MS, 0, bind_done, m))
		ipsecmgr_data_retry(m);
	else
		m->data.bind_open = true;
}

/* --- packets
 * ------------------------------------------------------------------------------------------------------------------
 */

void ipsecmgr_data_send(struct ipsecmgr *m, const struct ike_send_act *s)
{
	struct punt_info info = {.ctx = s->path.ctx_id,
	                         .flags = (s->path.natt ? PUNT_F_NATT : 0) |
	                                  (uint32_t)(s->dscp & PUNT_DSCP_MASK) << PUNT_DSCP_SHIFT,
	                         .instance = m->t->instance,
	                         .local = s->path.local,
	                         .remote = s->path.remote};

	m->stat.packets_out++;
	if (m->punt)
		punt_server_send(m->punt, &info, s->pkt, s->len);
}

static void take_packet(struct ipsecmgr *m, const struct punt_info *info, const uint8_t *pkt, size_t len)
{
	struct ike_path path = {.ctx_id = info->ctx,
	                        .local = info->local,
	                        .remote = info->remote,
	                        .natt = (info->flags & PUNT_F_NATT) != 0};
	char peer[NET_ENDPOINT_STRLEN];

	if (info->flags & PUNT_F_UNKNOWN_SPI) {
		if (ipsecmgr_engine_may_log(m))
			LOG(EV_ESP_INVALID_SPI, "ESP packet with an unknown SPI from %s",
			    net_endpoint_format(&info->remote, peer, sizeof(peer)));
		return;
	}
	m->stat.packets_in++;
	if (m->e)
		ike_engine_input(m->e, ipsecmgr_engine_now(m), &path, pkt, len);
}

static void punt_readable(struct task *t, int fd, void *arg)
{
	struct ipsecmgr *m = arg;
	struct punt_info info;
	const uint8_t *pkt;
	size_t len;
	int n = PACKETS_MAX;

	while (n-- && punt_server_recv(m->punt, &info, &pkt, &len) > 0)
		take_packet(m, &info, pkt, len);
	ipsecmgr_engine_rearm(m);
}

const char *ipsecmgr_data_packet(const uint8_t *packet, size_t len, char buf[IPSECMGR_PACKET_STRLEN])
{
	char src[NET_ADDR_STRLEN], dst[NET_ADDR_STRLEN];
	struct esp_flow f;

	if (esp_inner_excerpt(packet, len, &f))
		return "a packet that cannot be read";
	snprintf(buf, IPSECMGR_PACKET_STRLEN, "%s to %s, protocol %u",
	         net_addr_format(&f.src, src, sizeof(src)), net_addr_format(&f.dst, dst, sizeof(dst)),
	         f.proto);
	return buf;
}

static void wrong_selectors(struct ipsecmgr *m, uint64_t now, const SaNotice *n)
{
	char text[IPSECMGR_PACKET_STRLEN];

	if (ipsecmgr_engine_may_log(m))
		LOG(EV_ESP_SELECTORS, "packet in child SA %08x outside its selectors: %s", n->spi_in,
		    ipsecmgr_data_packet(n->excerpt.data, n->excerpt.len, text));
	ike_engine_wrong_selectors(m->e, now, n->spi_in, n->excerpt.data, n->excerpt.len);
}

/* Of another instance's number it is that one's, which may be away at the moment. */
static void unknown_spi(struct ipsecmgr *m, uint64_t now, const SaNotice *n)
{
	struct ike_path path = {.ctx_id = n->ctx, .natt = n->remote_port != 0};
	char peer[NET_ADDR_STRLEN];

	if (net_addr_from_bytes(&path.remote.addr, n->remote_addr.data, n->remote_addr.len) ||
	    net_addr_from_bytes(&path.local.addr, n->dst.data, n->dst.len))
		return;
	if (ipsecmgr_engine_may_log(m))
		LOG(EV_ESP_INVALID_SPI, "ESP packet with unknown SPI %08x from %s", n->spi_in,
		    net_addr_format(&path.remote.addr, peer, sizeof(peer)));
	if (n->spi_in >> 24 != m->t->instance || m->restoring)
		return;
	path.local.port = path.natt ? 4500 : 500;
	path.remote.port = path.natt ? (uint16_t)n->remote_port : 500;
	ike_engine_unknown_esp(m->e, now, &path, n->spi_in);
}

/* Anybody can send them: they are counted, and mean nothing else. */
static void keepalives(struct ipsecmgr *m, const SaNotice *n)
{
	struct ike_path path = {.ctx_id = n->ctx, .natt = true};

	if (!net_addr_from_bytes(&path.remote.addr, n->remote_addr.data, n->remote_addr.len) &&
	    !net_addr_from_bytes(&path.local.addr, n->dst.data, n->dst.len))
		ike_engine_keepalives(m->e, &path, n->packets);
}

void ipsecmgr_data_notice(struct task *t, const struct bus_msg *msg)
{
	struct ipsecmgr *m = &ipsecmgr;
	const SaNotice *n = msg->env->sa_notice;
	struct net_endpoint remote = {.port = (uint16_t)n->remote_port};
	uint64_t now;

	if (!m->e)
		return;
	now = ipsecmgr_engine_now(m);
	switch (n->what) {
	case SA_NOTICE__WHAT__PATH_CHANGED:
		if (!net_addr_from_bytes(&remote.addr, n->remote_addr.data, n->remote_addr.len))
			ike_engine_data_seen(m->e, now, n->spi_in, &remote);
		break;
	case SA_NOTICE__WHAT__SEQ_SOFT:
	case SA_NOTICE__WHAT__BYTES_SOFT:
		ike_engine_child_usage(m->e, now, n->spi_in, IKE_USE_SOFT);
		break;
	case SA_NOTICE__WHAT__HARD:
		ike_engine_child_usage(m->e, now, n->spi_in, IKE_USE_HARD);
		break;
	case SA_NOTICE__WHAT__TRAFFIC:
		ike_engine_child_usage(m->e, now, n->spi_in, IKE_USE_TRAFFIC);
		break;
	case SA_NOTICE__WHAT__SELECTOR:
		wrong_selectors(m, now, n);
		break;
	case SA_NOTICE__WHAT__NO_SA:
		ipsecmgr_maps_no_sa(m, n);
		break;
	case SA_NOTICE__WHAT__FIRST_USE:
		ike_engine_data_seen(m->e, now, n->spi_in, NULL);
		break;
	case SA_NOTICE__WHAT__UNKNOWN_SPI:
		unknown_spi(m, now, n);
		break;
	case SA_NOTICE__WHAT__KEEPALIVES_IN:
		keepalives(m, n);
		break;
	case SA_NOTICE__WHAT__KEEPALIVE_OUT:
		ike_engine_keepalive_sent(m->e, n->spi_in);
		break;
	default:
		break;
	}
	ipsecmgr_engine_rearm(m);
}

/* --- life
 * ---------------------------------------------------------------------------------------------------------------------
 */

static void iftask_changed(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	struct ipsecmgr *m = arg;

	if (strcmp(addr, m->data.addr))
		return;
	m->data.bound = false;
	ipsecmgr_push_anew(m);
	if (!up || !m->e || m->restoring)
		return;
	ipsecmgr_push_all(m);
	ipsecmgr_data_bind(m);
}

void ipsecmgr_data_start(struct ipsecmgr *m)
{
	int err;

	snprintf(m->data.addr, sizeof(m->data.addr), "iftask/%u", m->t->card * 10);
	m->punt = punt_server_new(task_run_path(m->t, PUNT_PATH, m->t->instance), &err);
	if (!m->punt) {
		LOG(EV_SYSCALL, "punt socket: %s", strerror(-err));
		return;
	}
	task_io_start(m->t, punt_server_fd(m->punt), punt_readable, m);
	task_watch_peers(m->t, "iftask", iftask_changed, m);
}

void ipsecmgr_data_forget(struct ipsecmgr *m)
{
	size_t pos = 0;
	void *c;

	while ((c = ipsecmgr_map_next(&m->child, &pos)))
		child_free(c);
	ipsecmgr_map_free(&m->child);
}

/* Serving ends: forget the SAs, here and in the data path, and close the sockets. */
void ipsecmgr_data_stop(struct ipsecmgr *m)
{
	ipsecmgr_data_forget(m);
	ipsecmgr_push_all(m);
	ipsecmgr_data_bind(m);
}
