/* SPDX-License-Identifier: MIT */
/*
 * The tunnels of the simulated peers: one ESP SA pair per CHILD_SA, found by its inbound SPI. The anti-replay
 * window is off here: every authenticated sequence number is checked against an exact set instead
 * (peers_seqs.c). RFC 4303. Entry points: peers_esp_add(), _del(), _input(), _current(). Called by
 * peers_ike.c and peers_net.c.
 */
#include "cmd/peers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct peers_child **bucket(const struct peers *p, uint32_t spi)
{
	return &p->spi_hash[(spi ^ spi >> 16) % PEERS_SPI_BUCKETS];
}

struct peers_child *peers_esp_find(const struct peers *p, uint32_t spi_in)
{
	struct peers_child *c;

	for (c = *bucket(p, spi_in); c; c = c->hash_next)
		if (c->sa->in.spi == spi_in)
			return c;
	return NULL;
}

static unsigned selectors(struct esp_ts *out, const struct ike_ts *ts, unsigned n)
{
	unsigned i;

	for (i = 0; i < n && i < IKE_MAX_TS; i++)
		out[i] = (struct esp_ts){ts[i].lo, ts[i].hi, ts[i].proto, ts[i].port_lo, ts[i].port_hi};
	return i;
}

static struct esp_sa *make_sa(const struct ike_child_act *a, int *err)
{
	struct esp_ts local[IKE_MAX_TS], remote[IKE_MAX_TS];
	struct esp_sa_params sp = {
	        .spi_in = a->spi_in,
	        .spi_out = a->spi_out,
	        .encr = a->suite.encr,
	        .encr_bits = a->suite.encr_bits,
	        .integ = a->suite.integ,
	        .encr_key_in = a->encr_in,
	        .encr_key_out = a->encr_out,
	        .encr_key_len = a->encr_len,
	        .integ_key_in = a->integ_in,
	        .integ_key_out = a->integ_out,
	        .integ_key_len = a->integ_len,
	        .ts_local = local,
	        .ts_remote = remote,
	        .n_local = (uint16_t)selectors(local, a->ts_local, a->n_local),
	        .n_remote = (uint16_t)selectors(remote, a->ts_remote, a->n_remote),
	        .iv_seed = random_u64(),
	        .esn = a->suite.esn,
	        .seq_limit = a->suite.esn ? UINT64_MAX : 1ULL << 32,
	};

	return esp_sa_new(&sp, err);
}

int peers_esp_add(struct peers *p, struct peers_peer *peer, const struct ike_child_act *a)
{
	struct peers_child *c = calloc(1, sizeof(*c)), *old = peers_esp_find(p, a->replaces_spi_in);
	int err = -ENOMEM;

	if (c)
		c->sa = make_sa(a, &err);
	if (!c || !c->sa) {
		fprintf(stderr, "orrery peers: peer %u: no ESP SA: %s\n", peer->index, strerror(-err));
		free(c);
		return err;
	}
	c->peer = peer;
	c->encap = a->encap_udp;
	c->local = a->path.local;
	c->remote = a->path.remote;
	c->next = peer->children;
	peer->children = c;
	c->hash_next = *bucket(p, a->spi_in);
	*bucket(p, a->spi_in) = c;
	if (a->out_wait)
		c->wait = old != NULL;
	else if (old)
		old->wait = true;
	if (net_addr_is_set(&a->inner))
		peer->inner = a->inner;
	return 0;
}

static void leave_peer(struct peers_child *c)
{
	struct peers_child **at;

	for (at = &c->peer->children; *at && *at != c;)
		at = &(*at)->next;
	if (*at)
		*at = c->next;
}

/* c is off its peer's list. */
static void free_child(struct peers *p, struct peers_child *c)
{
	struct peers_child **at;

	for (at = bucket(p, c->sa->in.spi); *at != c;)
		at = &(*at)->hash_next;
	*at = c->hash_next;
	esp_sa_free(c->sa);
	peers_seqs_free(&c->seqs);
	free(c);
}

/* Deleted children go on receiving for a moment: what the gateway sent before it knew is still on the way. */
void peers_esp_del(struct peers *p, uint32_t spi_in)
{
	struct peers_child *c = peers_esp_find(p, spi_in);

	if (!c || c->gone_us)
		return;
	leave_peer(c);
	if (c->peer->children && !c->peer->children->next)
		c->peer->children->wait = false;
	c->gone_us = peers_now(p) + PEERS_LINGER_US;
	c->next = NULL;
	*p->gone_tail = c;
	p->gone_tail = &c->next;
}

void peers_esp_sweep(struct peers *p, uint64_t now)
{
	struct peers_child *c;

	while ((c = p->gone) && c->gone_us <= now) {
		p->gone = c->next;
		if (!p->gone)
			p->gone_tail = &p->gone;
		free_child(p, c);
	}
}

void peers_esp_path(struct peers *p, const struct ike_child_act *a)
{
	struct peers_child *c = peers_esp_find(p, a->spi_in);

	if (!c)
		return;
	c->local = a->path.local;
	c->remote = a->path.remote;
	c->encap = a->encap_udp;
}

void peers_esp_free_peer(struct peers *p, struct peers_peer *peer)
{
	struct peers_child *c;

	while ((c = peer->children)) {
		peer->children = c->next;
		free_child(p, c);
	}
}

struct peers_child *peers_esp_current(const struct peers_peer *peer)
{
	struct peers_child *c;

	for (c = peer->children; c; c = c->next)
		if (!c->wait)
			return c;
	return peer->children;
}

static uint32_t get32(const uint8_t *d)
{
	return (uint32_t)d[0] << 24 | (uint32_t)d[1] << 16 | (uint32_t)d[2] << 8 | d[3];
}

void peers_esp_input(struct peers *p, uint8_t *data, size_t len)
{
	struct esp_pkt pkt = {.data = data, .len = len};
	uint64_t now = peers_now(p);
	struct peers_child *c;
	uint32_t seq, tag;
	enum esp_reason why;
	int seen;

	if (len < 16) {
		p->t.esp_drops[ESP_DROP_SHORT]++;
		return;
	}
	c = peers_esp_find(p, get32(data));
	if (!c) {
		p->t.esp_unknown++;
		return;
	}
	seq = get32(data + 4);
	tag = get32(data + len - 4);
	why = esp_open(c->sa, &pkt, now);
	/* The number counts as used also when the inner packet was not to our liking: authentication went
	 * well. */
	if (why == ESP_OK || why == ESP_DROP_SELECTOR || why == ESP_DROP_DUMMY || why == ESP_DROP_INNER) {
		seen = peers_seqs_seen(&c->seqs, seq, tag);
		p->t.copies += seen == 1;
		p->t.seq_reused += seen == -EEXIST;
		c->peer->seq_reused += seen == -EEXIST;
		if (seen)
			return;
	}
	if (why != ESP_OK) {
		p->t.esp_drops[why]++;
		return;
	}
	if (c->wait && c->peer->children == c)
		c->wait = false;
	peers_ping_input(p, c->peer, pkt.data, pkt.len, now);
}
