/* SPDX-License-Identifier: MIT */
/*
 * Packets that are too long, and the don't-fragment bit of what carries them (chapter 8: ip mtu, ipv6 mtu,
 * control-dont-fragment; chapter 9: pre_fragment). Long IPv4 packets that may be fragmented are, before they
 * are encrypted; of others the sender is told, or the outer packet is fragmented where the bit is cleared.
 * Runs in the worker's thread. Entry points: npu_mtu_out(), npu_mtu_df(), npu_mtu_learn().
 */
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "npu/npu_int.h"

#define TOLD_PER_SECOND 100
#define PIECE_MAX       2048
#define V6_LEAST        1280

static bool dont_fragment(const uint8_t *inner)
{
	return inner[0] >> 4 == 4 && inner[6] & 0x40;
}

/* What every way of IPv6 takes, and nobody may be told to send less than (RFC 4213 section 3.2). */
static bool always_fits(const uint8_t *inner)
{
	return inner[0] >> 4 == 6 && (inner[4] << 8 | inner[5]) + 40 <= V6_LEAST;
}

bool npu_mtu_df(const struct npu_sa *sa, const uint8_t *inner)
{
	if (sa->remote.addr.family != AF_INET)
		return false; /* IPv6 has no such bit */
	if (sa->learned && sa->learned < V6_LEAST && always_fits(inner))
		return false;
	return sa->df == NPU_DF_SET || (sa->df == NPU_DF_COPY && dont_fragment(inner));
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return !a || (b && b < a) ? b : a;
}

/* The longest inner packet; 0: any. */
static uint32_t limit(const struct npu *n, struct npu_sa *sa, const uint8_t *inner)
{
	bool six = inner[0] >> 4 == 6;
	uint32_t max = six ? sa->mtu6 : sa->mtu4;

	if (sa->learned && n->now >= sa->learned_until)
		sa->learned = 0;
	if (!six && !dont_fragment(inner))
		max = least(max, sa->pre_fragment);
	return npu_mtu_df(sa, inner) ? least(max, sa->learned) : max;
}

/* Do the selectors look at ports? Then the peer finds none in later fragments (RFC 4301 section 7). */
static bool ports_matter(const struct esp_sa *esp)
{
	for (unsigned i = 0; i < esp->n_local; i++)
		if (esp->ts_local[i].port_lo || esp->ts_local[i].port_hi != 65535)
			return true;
	for (unsigned i = 0; i < esp->n_remote; i++)
		if (esp->ts_remote[i].port_lo || esp->ts_remote[i].port_hi != 65535)
			return true;
	return false;
}

static void tell(struct npu *n, struct npu_tun *t, const struct esp_pkt *pkt, size_t mtu)
{
	uint8_t out[ESP_TOO_BIG_MAX];
	size_t len;

	counter_inc(&n->cnt->out_too_big);
	if (n->now / 1000000 != t->too_big_second) {
		t->too_big_second = n->now / 1000000;
		t->too_big_count = 0;
	}
	if (t->too_big_count++ >= TOLD_PER_SECOND)
		return;
	len = esp_mtu_too_big(pkt->data, pkt->len, mtu, out);
	if (len && write(t->src.fd, out, len) < 0)
		n->stats.tun_lost++;
}

static void pieces(struct npu *n, struct npu_sa *sa, const struct esp_pkt *pkt, size_t mtu)
{
	uint8_t room[ESP_HEADROOM + PIECE_MAX + ESP_TAILROOM];
	size_t at = 0, len;

	while ((len = esp_mtu_piece(pkt->data, pkt->len, mtu, &at, room + ESP_HEADROOM))) {
		struct esp_pkt piece = {.data = room + ESP_HEADROOM,
		                        .len = len,
		                        .headroom = ESP_HEADROOM,
		                        .tailroom = sizeof(room) - ESP_HEADROOM - len};

		npu_tx_seal(n, sa, &piece);
		npu_tx_flush(n); /* the next one has the same room */
	}
}

bool npu_mtu_out(struct npu *n, struct npu_tun *t, struct npu_sa *sa, const struct esp_pkt *pkt)
{
	size_t max = limit(n, sa, pkt->data);

	if (!max || pkt->len <= max)
		return false;
	if (pkt->data[0] >> 4 == 4 && !dont_fragment(pkt->data)) {
		if (ports_matter(sa->esp) || max > PIECE_MAX)
			return false;
		counter_inc(&n->cnt->out_fragmented);
		pieces(n, sa, pkt, max);
		return true;
	}
	if (sa->df == NPU_DF_CLEAR)
		return false;
	tell(n, t, pkt, max);
	return true;
}

/* The way to the peer takes no packets as long as this one of ESP: the next size that ways have. It is
 * forgotten after a while, and with the way (RFC 4301 section 8.2.2). */
void npu_mtu_learn(struct npu *n, struct npu_sa *sa, size_t esp_len)
{
	static const uint16_t ways[] = {1500, 1492, 1400, 1280, 1006, 576};
	size_t over = (sa->remote.addr.family == AF_INET6 ? 40 : 20) + (sa->encap ? 8 : 0);

	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (ways[i] >= esp_len + over)
			continue;
		sa->learned = (uint32_t)esp_sa_inner_max(sa->esp, ways[i] - over);
		sa->learned_until = n->now + NPU_PMTU_AGE_US;
		return;
	}
}
