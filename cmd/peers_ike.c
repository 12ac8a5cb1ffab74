/* SPDX-License-Identifier: MIT */
/*
 * The IKE side of the simulated peers: the engine in its initiator role with nothing stored, what its
 * transactions mean here, and the pace at which tunnels are started. RFC 7296. Entry points:
 * peers_ike_open(), peers_ike_start(). Called by peers.c.
 */
#include "cmd/peers.h"

#include "base/clock.h"
#include "pki/pki.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLICY "peers"

static void random_cb(void *arg, void *buf, size_t len)
{
	random_bytes(buf, len);
}

static void set_state(struct peers *p, struct peers_peer *peer, enum peers_state to)
{
	p->established -= peer->state == PEERS_UP;
	p->starting -= peer->state == PEERS_STARTING;
	p->failed -= peer->state == PEERS_FAILED;
	peer->state = to;
	p->established += to == PEERS_UP;
	p->starting += to == PEERS_STARTING;
	p->failed += to == PEERS_FAILED;
}

static struct peers_peer *peer_of(struct peers *p, uint64_t ike_spi)
{
	struct ike_sa_view v;

	return ike_spi && !ike_engine_find(p->engine, ike_spi, &v) ? v.user : NULL;
}

static void on_up(struct peers *p, struct peers_peer *peer, const struct ike_event *ev)
{
	uint64_t now = peers_now(p), took = now - peer->started_us;

	peer->ike_spi = ev->spi;
	peer->peer_spi = ev->peer_spi;
	peer->up_us = now;
	if (!peer->children) { /* the gateway refused the child SA: a tunnel that carries nothing is none */
		peer->reason = IKE_R_NO_CHILD;
		p->t.setup_failures++;
		peers_hist_end(p, peer, PEERS_OP_SETUP, PEERS_FAIL, peer->reason);
		set_state(p, peer, PEERS_FAILED);
		ike_engine_delete_ike(p->engine, now, ev->spi);
		return;
	}
	p->t.setups++;
	p->t.setup_us_sum += took;
	if (took > p->t.setup_us_max)
		p->t.setup_us_max = took;
	set_state(p, peer, PEERS_UP);
	peers_hist_end(p, peer, PEERS_OP_SETUP, PEERS_OK, IKE_R_NONE);
	if (p->established == p->opt.count)
		p->all_up_us = now;
}

/* The gateway may have done what we asked for. */
static bool no_answer(enum ike_reason r)
{
	return r == IKE_R_SETUP_TIMEOUT || r == IKE_R_RETRANSMIT;
}

static void on_end(struct peers *p, struct peers_peer *peer, const struct ike_event *ev)
{
	bool again;

	/* The IKE SA that came without a child is deleted: another try. */
	if (peer->state == PEERS_FAILED && peer->reason == IKE_R_NO_CHILD && ev->spi == peer->ike_spi &&
	    p->opt.reconnect && !p->stopping) {
		peer->retry_us = peers_now(p) + PEERS_RETRY_US;
		set_state(p, peer, PEERS_IDLE);
		p->next_start = 0;
		return;
	}
	if (peer->state == PEERS_FAILED || (ev->spi != peer->ike_spi && peer->state == PEERS_UP))
		return; /* told already; a predecessor that was rekeyed */
	peer->reason = ev->reason;
	if (ev->kind == IKE_EV_SETUP_FAILED) {
		p->t.setup_failures++;
		peers_hist_end(p, peer, PEERS_OP_SETUP, no_answer(ev->reason) ? PEERS_UNKNOWN : PEERS_FAIL,
		               ev->reason);
		again = peer->tries < p->opt.tries || p->opt.reconnect;
	} else {
		p->t.downs++;
		peers_hist_down(p, peer, ev->reason);
		p->t.deletes_received += ev->reason == IKE_R_PEER_DELETE;
		again = p->opt.reconnect;
		peer->tries = 0;
	}
	if (p->opt.verbose)
		fprintf(stderr, "peer %u: %s, %s\n", peer->index, ike_event_name(ev->kind),
		        ike_reason_name(ev->reason));
	peers_esp_free_peer(p, peer);
	if (again && !p->stopping) {
		peer->retry_us = peers_now(p) + PEERS_RETRY_US;
		set_state(p, peer, PEERS_IDLE);
		p->next_start = 0;
	} else {
		set_state(p, peer, ev->kind == IKE_EV_SETUP_FAILED ? PEERS_FAILED : PEERS_DOWN);
	}
}

static void on_event(struct peers *p, const struct ike_event *ev)
{
	struct peers_peer *peer = ev->user ? ev->user : peer_of(p, ev->spi);

	if (!peer)
		return;
	switch (ev->kind) {
	case IKE_EV_UP:
		on_up(p, peer, ev);
		break;
	case IKE_EV_DOWN:
	case IKE_EV_SETUP_FAILED:
		on_end(p, peer, ev);
		break;
	case IKE_EV_REKEYED:
		peer->ike_spi = ev->spi;
		peer->peer_spi = ev->peer_spi;
		p->t.ike_rekeys++;
		peers_hist_end(p, peer, PEERS_OP_REKEY_IKE, PEERS_OK, IKE_R_NONE);
		break;
	case IKE_EV_CHILD_REKEYED:
		p->t.child_rekeys++;
		peers_hist_end(p, peer, PEERS_OP_REKEY, PEERS_OK, IKE_R_NONE);
		break;
	case IKE_EV_CHILD_FAILED:
		if (peer->state == PEERS_UP)
			peers_hist_end(p, peer, PEERS_OP_REKEY, PEERS_FAIL, ev->reason);
		break;
	case IKE_EV_REKEY_FAILED:
		if (peer->state == PEERS_UP)
			peers_hist_end(p, peer, PEERS_OP_REKEY_IKE, PEERS_FAIL, ev->reason);
		break;
	case IKE_EV_PEER_ALIVE:
		p->t.dpd_answers++;
		break;
	default:
		break;
	}
}

static void on_child_add(struct peers *p, const struct ike_child_act *a)
{
	struct peers_peer *peer = peer_of(p, a->ike_spi);
	struct peers_child *old = peers_esp_find(p, a->replaces_spi_in);

	if (!peer && old)
		peer = old->peer;
	if (!peer)
		return;
	peers_esp_add(p, peer, a);
	if (p->opt.inner.addr.family) {
		peer->inner = p->opt.inner.addr;
		net_addr_add(&peer->inner, peer->index - 1);
	}
}

static void on_txn(void *arg, const struct ike_txn *txn)
{
	struct peers *p = arg;
	unsigned i;

	for (i = 0; i < txn->n; i++) {
		const struct ike_action *a = &txn->actions[i];

		switch (a->kind) {
		case IKE_ACT_SEND:
			p->t.retransmissions += a->send.retransmission;
			peers_net_send_ike(p, &a->send.path, a->send.pkt, a->send.len);
			break;
		case IKE_ACT_CHILD_ADD:
			on_child_add(p, &a->child);
			break;
		case IKE_ACT_CHILD_DEL:
			peers_esp_del(p, a->child_del.spi_in);
			break;
		case IKE_ACT_CHILD_PATH:
			peers_esp_path(p, &a->child);
			break;
		case IKE_ACT_EVENT:
			on_event(p, &a->event);
			break;
		default:
			break; /* nothing is stored, and an initiator owns no sessions */
		}
	}
	if (txn->durable)
		ike_engine_committed(p->engine, peers_now(p), txn->id);
}

static void fill_policy(const struct peers_opts *o, struct ike_policy *pol)
{
	snprintf(pol->name, sizeof(pol->name), POLICY);
	snprintf(pol->payload[0].name, sizeof(pol->payload[0].name), POLICY);
	pol->ike[0] = o->ike;
	pol->n_ike = 1;
	pol->payload[0].esp[0] = o->esp;
	pol->payload[0].n_esp = 1;
	pol->psk_len = o->psk ? strlen(o->psk) : 0;
	memcpy(pol->psk, o->psk ? o->psk : "", pol->psk_len);
	pol->payload[0].assign_address = !o->inner.addr.family;
	pol->force_encap = o->encap;
	pol->ike_rekey = pol->payload[0].rekey = true;
	/* The engine rekeys at 85..95 % of a lifetime. */
	pol->payload[0].lifetime_s = o->rekey_s * 10 / 9 + (o->rekey_s != 0);
	pol->ike_lifetime_s = o->rekey_ike_s * 10 / 9 + (o->rekey_ike_s != 0);
	pol->dpd_interval_s = o->dpd_s;
	pol->max_childsa = 4;
	pol->retrans_ms = o->retransmit_ms;
	pol->max_retrans = 6;
	pol->setup_timer_s = o->setup_s;
}

/* A whole file, to be freed with free(). Empty: told why. */
static struct pki_bytes slurp(const char *path)
{
	uint8_t *buf = malloc(PKI_INPUT_MAX);
	FILE *f = fopen(path, "re");
	size_t len = 0;

	if (buf && f)
		len = fread(buf, 1, PKI_INPUT_MAX, f);
	if (!len)
		fprintf(stderr, "orrery peers: %s: %s\n", path, f ? "it is empty" : strerror(errno));
	if (f)
		fclose(f);
	return (struct pki_bytes){buf, len};
}

static void drop(struct pki_bytes b)
{
	if (b.p)
		explicit_bzero((void *)(uintptr_t)b.p, b.len);
	free((void *)(uintptr_t)b.p);
}

/* Certificate, key and CA of the options. 0 or -EINVAL, told. */
static int read_certs(const struct peers_opts *o, struct ike_policy *pol)
{
	struct pki_bytes cert = {0}, key = {0}, ca = {0};
	enum pki_reason why = PKI_OK;

	if (o->ca) {
		ca = slurp(o->ca);
		pol->trust = pki_trust_new();
		why = pol->trust ? pki_trust_add_ca(pol->trust, ca) : PKI_MEMORY;
	}
	if (o->cert && why == PKI_OK) {
		cert = slurp(o->cert);
		key = slurp(o->key);
		pol->own = pki_own_new(cert, key, NULL, &why);
	}
	pol->auth[0] = (struct ike_auth_set){.local_cert = o->cert, .remote_cert = o->ca};
	pol->n_auth = o->cert || o->ca;
	drop(cert);
	drop(key);
	drop(ca);
	if (why != PKI_OK)
		fprintf(stderr, "orrery peers: certificates: %s\n", pki_reason_name(why));
	return why == PKI_OK ? 0 : -EINVAL;
}

static uint64_t wall_cb(void *arg)
{
	return clock_wall_us();
}

int peers_ike_policy(struct peers *p)
{
	struct ike_policy *pol = calloc(1, sizeof(*pol));
	int err = pol ? 0 : -ENOMEM;

	if (!err) {
		fill_policy(&p->opt, pol);
		err = read_certs(&p->opt, pol);
		if (!err && p->opt.remote_id)
			err = ike_id_parse(&pol->remote_id, p->opt.remote_id);
	}
	if (!err)
		err = ike_engine_policy_put(p->engine, pol);
	if (pol) {
		explicit_bzero(pol->psk, sizeof(pol->psk));
		pki_own_unref(pol->own);
		pki_trust_unref(pol->trust);
	}
	free(pol);
	return err;
}

int peers_ike_open(struct peers *p)
{
	struct ike_engine_config cfg = {.instance = (uint8_t)p->opt.instance,
	                                .volatile_only = true,
	                                .max_sa = 3 * PEERS_MAX,
	                                .max_half_open = PEERS_MAX};
	struct ike_callbacks cb = {.txn = on_txn, .random = random_cb, .wall = wall_cb};
	int err;

	p->engine = ike_engine_new(&cfg, &cb, p, peers_now(p));
	err = p->engine ? peers_ike_policy(p) : -ENOMEM;
	if (err)
		fprintf(stderr, "orrery peers: the IKE policy was refused: %s\n", strerror(-err));
	return err;
}

static void remote_selector(const struct peers_opts *o, struct ike_ts *ts)
{
	struct net_prefix any = {.addr.family = AF_INET};
	struct esp_ts e = esp_inner_ts_prefix(o->remote_ts.addr.family ? &o->remote_ts : &any);

	*ts = (struct ike_ts){e.lo, e.hi, e.proto, e.port_lo, e.port_hi};
}

static int start_one(struct peers *p, struct peers_peer *peer, uint64_t now)
{
	struct ike_initiate in = {.policy = POLICY, .user = peer, .n_ts_local = 1, .n_ts_remote = 1};
	struct ike_ts local = {.port_hi = 65535}, remote;
	char text[IKE_ID_MAX + 1];
	struct ike_id id = {0};
	int err;

	if (p->opt.local_id)
		snprintf(text, sizeof(text), "%s", p->opt.local_id);
	else
		snprintf(text, sizeof(text), "%s%u", p->opt.id_prefix, peer->index);
	err = ike_id_parse(&id, text);
	if (err)
		return err;
	in.local_id = p->opt.cert && !p->opt.local_id ? NULL : &id; /* NULL: the certificate's subject */
	in.path.local = (struct net_endpoint){peer->source, 500};
	in.path.remote = (struct net_endpoint){p->opt.server, 500};
	local.lo = net_addr_v4(0);
	local.hi = net_addr_v4(UINT32_MAX);
	if (p->opt.inner.addr.family) {
		local.lo = p->opt.inner.addr;
		net_addr_add(&local.lo, peer->index - 1);
		local.hi = local.lo;
	}
	remote_selector(&p->opt, &remote);
	in.ts_local = &local;
	in.ts_remote = &remote;
	peer->tries++;
	peer->started_us = now;
	set_state(p, peer, PEERS_STARTING);
	p->t.attempts++;
	peer->peer_spi = 0;
	err = ike_engine_initiate(p->engine, now, &in, &peer->ike_spi);
	peers_hist_invoke(p, peer, PEERS_OP_SETUP);
	if (err) {
		peers_hist_end(p, peer, PEERS_OP_SETUP, PEERS_FAIL, IKE_R_NONE);
		set_state(p, peer, PEERS_FAILED);
	}
	return err;
}

uint64_t peers_ike_start(struct peers *p, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	if (p->stopping || p->next_start >= p->opt.count)
		return UINT64_MAX;
	if (p->opt.rate > 0) {
		p->start_credit += (double)(now - p->start_at) / US_PER_SEC * p->opt.rate;
		if (p->start_credit > p->opt.rate + 1)
			p->start_credit = p->opt.rate + 1;
	}
	p->start_at = now;
	for (; p->next_start < p->opt.count; p->next_start++) {
		struct peers_peer *peer = &p->peer[p->next_start];

		if (peer->state != PEERS_IDLE)
			continue;
		if (peer->retry_us > now) {
			next = peer->retry_us < next ? peer->retry_us : next;
			continue;
		}
		if (p->starting >= p->opt.window)
			return now + 10 * US_PER_MS;
		if (p->opt.rate > 0 && p->start_credit < 1)
			return now + (uint64_t)((1 - p->start_credit) / p->opt.rate * US_PER_SEC) + 1;
		p->start_credit -= 1;
		start_one(p, peer, now);
	}
	if (next != UINT64_MAX)
		p->next_start = 0; /* somebody waits for another try */
	return next;
}
