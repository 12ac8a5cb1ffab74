/* SPDX-License-Identifier: MIT */
/*
 * Echo traffic of the simulated peers: an ICMP echo request per tick and tunnel (RFC 792), paced evenly over
 * all tunnels, and what became of each. An echo carries its peer and number, so an answer counts only for the
 * tunnel it was sent through. Entry points: peers_ping_run(), peers_ping_input(), peers_ping_mark(). Called
 * by peers.c, peers_esp.c, peers_ctl.c.
 */
#include "cmd/peers.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC     0x4f525259u
#define BURST_MAX 512
#define TURN_US   US_PER_MS

static void put32(uint8_t *d, uint32_t v)
{
	d[0] = (uint8_t)(v >> 24);
	d[1] = (uint8_t)(v >> 16);
	d[2] = (uint8_t)(v >> 8);
	d[3] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *d)
{
	return (uint32_t)d[0] << 24 | (uint32_t)d[1] << 16 | (uint32_t)d[2] << 8 | d[3];
}

/* RFC 1071 */
static void put_checksum(uint8_t *at, const uint8_t *d, size_t len)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)d[i] << 8 | d[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum;
	at[0] = (uint8_t)(sum >> 8);
	at[1] = (uint8_t)sum;
}

static void build_echo(const struct peers *p, const struct peers_peer *peer, uint64_t seq, uint8_t *d)
{
	uint8_t *icmp = d + 20;

	memset(d, 0, p->opt.size);
	d[0] = 0x45;
	d[2] = (uint8_t)(p->opt.size >> 8);
	d[3] = (uint8_t)p->opt.size;
	d[4] = (uint8_t)(seq >> 8);
	d[5] = (uint8_t)seq;
	d[8] = 64;
	d[9] = 1;
	memcpy(d + 12, peer->inner.bytes, 4);
	memcpy(d + 16, p->opt.ping.bytes, 4);
	put_checksum(d + 10, d, 20);
	icmp[0] = 8;
	icmp[4] = (uint8_t)(peer->index >> 8);
	icmp[5] = (uint8_t)peer->index;
	icmp[6] = (uint8_t)(seq >> 8);
	icmp[7] = (uint8_t)seq;
	put32(icmp + 8, MAGIC);
	put32(icmp + 12, peer->index);
	put32(icmp + 16, (uint32_t)(seq >> 32));
	put32(icmp + 20, (uint32_t)seq);
	put_checksum(icmp + 2, icmp, p->opt.size - 20);
}

/* The ring remembers what may still be answered: a little more than PEERS_LOSS_US of echoes. */
static bool make_ring(const struct peers *p, struct peers_peer *peer)
{
	uint32_t size = 32;

	while (size < 65536 && size < p->opt.pps * 2)
		size *= 2;
	peer->ring = calloc(size, sizeof(*peer->ring));
	peer->ring_mask = size - 1;
	return peer->ring != NULL;
}

static void send_echo(struct peers *p, struct peers_peer *peer, uint64_t now)
{
	uint8_t buf[ESP_HEADROOM + PEERS_ECHO_MAX + ESP_TAILROOM];
	struct esp_pkt pkt = {buf + ESP_HEADROOM, p->opt.size, ESP_HEADROOM, ESP_TAILROOM};
	struct peers_child *c = peers_esp_current(peer);
	struct peers_echo *e;
	enum esp_reason why;

	if (!c || peer->inner.family != AF_INET || (!peer->ring && !make_ring(p, peer)))
		return;
	peer->seq++;
	build_echo(p, peer, peer->seq, pkt.data);
	why = esp_seal(c->sa, &pkt, now);
	if (why != ESP_OK) {
		p->t.esp_drops[why]++;
		return;
	}
	e = &peer->ring[peer->seq & peer->ring_mask];
	e->sent_us = now;
	e->seq = peer->seq;
	peer->sent++;
	if (!peer->first_sent_us)
		peer->first_sent_us = peer->last_answer_us = now;
	peers_net_send_esp(p, c, &pkt);
}

uint64_t peers_ping_run(struct peers *p, uint64_t now)
{
	double due;
	uint32_t n, walked;

	if (!p->opt.ping.family || p->stopping || !p->established) {
		p->echo_at = now;
		return UINT64_MAX;
	}
	due = p->echo_credit + (double)(now - p->echo_at) / US_PER_SEC * p->opt.pps * p->established;
	p->echo_at = now;
	n = due > BURST_MAX ? BURST_MAX : (uint32_t)due;
	/* What a stopped process could not send is not made up for in one burst. */
	p->echo_credit = due - n > BURST_MAX ? 0 : due - n;
	for (walked = 0; n && walked < p->opt.count; walked++) {
		struct peers_peer *peer = &p->peer[p->echo_next++ % p->opt.count];

		p->echo_next %= p->opt.count;
		if (peer->state != PEERS_UP)
			continue;
		send_echo(p, peer, now);
		n--;
	}
	due = (1 - p->echo_credit) * US_PER_SEC / (p->opt.pps * p->established);
	return now + (due < TURN_US ? TURN_US : (uint64_t)due + 1);
}

void peers_ping_input(struct peers *p, struct peers_peer *peer, const uint8_t *d, size_t len, uint64_t now)
{
	struct peers_echo *e;
	uint64_t seq, rtt;
	size_t ihl;

	ihl = len >= 20 && d[0] >> 4 == 4 ? (size_t)(d[0] & 15) * 4 : 0;
	if (ihl < 20 || len < ihl + 8 + 16 || d[9] != 1 || d[ihl] != 0 || get32(d + ihl + 8) != MAGIC ||
	    get32(d + ihl + 12) != peer->index || !peer->ring) {
		p->t.not_echo++;
		return;
	}
	seq = (uint64_t)get32(d + ihl + 16) << 32 | get32(d + ihl + 20);
	e = &peer->ring[seq & peer->ring_mask];
	if (seq <= peer->window_seq || seq > peer->seq)
		return;
	if (e->seq != seq) {
		peer->late++;
		return;
	}
	if (!e->sent_us) {
		peer->duplicates++;
		return;
	}
	rtt = now > e->sent_us ? now - e->sent_us : 0;
	e->sent_us = 0;
	peer->received++;
	if (now > peer->last_answer_us && now - peer->last_answer_us > peer->max_gap_us)
		peer->max_gap_us = now - peer->last_answer_us;
	peer->last_answer_us = now;
	if (rtt > peer->rtt_max_us)
		peer->rtt_max_us = rtt;
	p->t.rtt_us_sum += rtt;
	p->t.rtt_count++;
}

void peers_ping_mark(struct peers *p, uint64_t now)
{
	uint32_t i;

	for (i = 0; i < p->opt.count; i++) {
		struct peers_peer *peer = &p->peer[i];

		peer->window_seq = peer->seq;
		peer->sent = peer->received = peer->late = peer->duplicates = 0;
		peer->max_gap_us = peer->rtt_max_us = 0;
		peer->first_sent_us = peer->last_answer_us = 0;
	}
	p->t.rtt_us_sum = p->t.rtt_count = 0;
	p->window_us = now;
}

uint64_t peers_ping_outstanding(const struct peers_peer *peer, uint64_t now)
{
	uint64_t n = 0, seq;

	for (seq = peer->seq; peer->ring && seq > peer->window_seq && peer->seq - seq <= peer->ring_mask;
	     seq--) {
		const struct peers_echo *e = &peer->ring[seq & peer->ring_mask];

		if (e->seq == seq && e->sent_us && now - e->sent_us < PEERS_LOSS_US)
			n++;
	}
	return n;
}

uint64_t peers_ping_gap(const struct peers_peer *peer, uint64_t now)
{
	/* The gap that is still open counts as soon as something unanswered was sent in it. */
	if (peer->sent > peer->received && peer->last_answer_us &&
	    now - peer->last_answer_us > peer->max_gap_us)
		return now - peer->last_answer_us;
	return peer->max_gap_us;
}
