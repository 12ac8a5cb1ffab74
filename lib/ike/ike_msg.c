/* SPDX-License-Identifier: MIT */
/*
 * Protected messages and the message windows: the SK payload (RFC 7296 section 3.14, RFC 5282) and its
 * fragments (RFC 7383), our last answer kept for retransmissions, our outstanding request kept for resending
 * (section 2.1 to 2.3). Entry points: ike_msg_open(), ike_msg_seal(), ike_msg_reply(), ike_msg_request().
 * Called by ike_engine.c, the exchanges and ike_timer.c.
 */
#include "ike/ike_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

struct sk_keys {
	const struct ike_alg_encr *encr;
	const struct ike_alg_integ *integ; /* NULL with GCM */
	const uint8_t *ek, *ak;
	size_t icv;
};

/* Keys of one direction. out: what we send. */
static bool sk_keys(const struct ike_sa *sa, bool out, struct sk_keys *k)
{
	bool i = sa->initiator == out; /* the original initiator's keys */

	k->encr = ike_alg_encr(sa->suite.encr, sa->suite.encr_bits);
	k->integ = ike_alg_integ(sa->suite.integ);
	k->ek = i ? sa->keys.ei : sa->keys.er;
	k->ak = i ? sa->keys.ai : sa->keys.ar;
	if (!k->encr || (!k->encr->icv && !k->integ))
		return false;
	k->icv = k->encr->icv ? k->encr->icv : k->integ->icv;
	return true;
}

/* ---- open ---- */

static bool icv_good(struct ike_sa *sa, const struct sk_keys *k, const uint8_t *pkt, size_t len)
{
	uint8_t icv[IKE_ICV_MAX];

	if (ike_crypto_integ(sa->e->crypto, sa->suite.integ, k->ak, pkt, len - k->icv, icv))
		return false;
	return !CRYPTO_memcmp(icv, pkt + len - k->icv, k->icv);
}

/* data: IV, ciphertext, ICV within the copied packet. */
static int decrypt(struct ike_sa *sa, const struct sk_keys *k, uint8_t *pkt, size_t at, size_t len)
{
	uint8_t *iv = pkt + at, *data = iv + k->encr->iv;
	size_t n = len - at - k->encr->iv - k->icv;

	if (k->encr->icv)
		return ike_crypto_gcm(sa->e->crypto, k->encr, false, k->ek, iv, pkt, at, data, n, data + n);
	if (!icv_good(sa, k, pkt, len))
		return -EBADMSG;
	return ike_crypto_cbc(sa->e->crypto, k->encr, false, k->ek, iv, data, n);
}

enum ike_open ike_msg_open(struct ike_sa *sa, const uint8_t *pkt, size_t len, const struct ike_msg *outer,
                           const uint8_t **inner, size_t *inner_len)
{
	uint8_t *buf = sa->e->scratch;
	size_t at, n, pad;
	struct sk_keys k;

	if (!outer->sk.p || !sk_keys(sa, false, &k))
		return IKE_OPEN_NOKEY;
	at = (size_t)(outer->sk.p - pkt);
	if (outer->sk.len < k.encr->iv + k.icv + (k.encr->block > 1 ? k.encr->block : 1u)) {
		IKE_CNT(sa, decfail_encrpaylen);
		return IKE_OPEN_BAD;
	}
	memcpy(buf, pkt, len);
	if (decrypt(sa, &k, buf, at, len)) {
		IKE_CNT(sa, decryptfail);
		IKE_CNT(sa, decryptfail_hmac);
		return IKE_OPEN_BAD;
	}
	n = outer->sk.len - k.encr->iv - k.icv;
	*inner = buf + at + k.encr->iv;
	pad = (*inner)[n - 1];
	if (pad + 1 > n) {
		IKE_CNT(sa, decryptfail_pad);
		return IKE_OPEN_BAD;
	}
	*inner_len = n - pad - 1;
	return IKE_OPEN_OK;
}

/* ---- seal ---- */

/* piece: number of the fragment, 0: not fragmented. */
static void make_iv(struct ike_sa *sa, const struct sk_keys *k, bool response, uint32_t msgid, uint8_t piece,
                    uint8_t *iv)
{
	sa->e->cb.random(sa->e->arg, iv, k->encr->iv);
	if (!k->encr->icv)
		return;
	/* GCM: must not repeat under a key. Direction, kind, message id and fragment make it unique; the
	 * random rest guards a message that's built anew after a crash. */
	for (int i = 0; i < 4; i++)
		iv[i] = (uint8_t)(msgid >> (24 - 8 * i));
	iv[4] = (uint8_t)((iv[4] & 0x7f) | (response ? 0x80 : 0));
	iv[5] = piece;
}

struct seal {
	struct ike_sa *sa;
	struct sk_keys k;
	struct ike_hdr h;
	uint8_t first;         /* first payload inside */
	uint8_t piece, pieces; /* 0 of 0: an SK payload */
};

static size_t body_len(const struct sk_keys *k, size_t len)
{
	return (len + 1 + k->encr->block - 1) / k->encr->block * k->encr->block;
}

/* One packet that carries text[0..len). Its length, 0: it doesn't fit, or libcrypto failed. */
static size_t seal_packet(const struct seal *s, const uint8_t *text, size_t len, uint8_t *out, size_t cap)
{
	struct ike_crypto *c = s->sa->e->crypto;
	const struct sk_keys *k = &s->k;
	size_t at = IKE_HDR_LEN + IKE_PAYLOAD_HDR + (s->pieces ? 4 : 0), n = body_len(k, len);
	size_t total = at + k->encr->iv + n + k->icv;
	struct ike_hdr h = s->h;
	uint8_t *data, *pl = out + IKE_HDR_LEN;
	int err;

	if (total > cap || total > IKE_PACKET_MAX)
		return 0;
	h.next = s->pieces ? IKE_PL_SKF : IKE_PL_SK;
	h.length = (uint32_t)total;
	ike_wire_put_hdr(out, &h);
	pl[0] = s->piece <= 1 ? s->first : IKE_PL_NONE;
	pl[1] = 0;
	pl[2] = (uint8_t)((total - IKE_HDR_LEN) >> 8);
	pl[3] = (uint8_t)(total - IKE_HDR_LEN);
	if (s->pieces) {
		pl[4] = pl[6] = 0;
		pl[5] = s->piece;
		pl[7] = s->pieces;
	}
	make_iv(s->sa, k, h.flags & IKE_F_RESPONSE, h.msgid, s->piece, out + at);
	data = out + at + k->encr->iv;
	if (len)
		memcpy(data, text, len);
	memset(data + len, 0, n - len);
	data[n - 1] = (uint8_t)(n - len - 1);
	if (k->encr->icv)
		err = ike_crypto_gcm(c, k->encr, true, k->ek, out + at, out, at, data, n, data + n);
	else
		err = ike_crypto_cbc(c, k->encr, true, k->ek, out + at, data, n);
	if (!err && k->integ && !k->encr->icv)
		err = ike_crypto_integ(c, s->sa->suite.integ, k->ak, out, total - k->icv,
		                       out + total - k->icv);
	return err ? 0 : total;
}

/* Content of one fragment so that the packet is not longer than mtu. */
static size_t piece_len(const struct sk_keys *k, size_t mtu)
{
	size_t fixed = IKE_HDR_LEN + IKE_PAYLOAD_HDR + 4 + k->encr->iv + k->icv;

	return mtu <= fixed + k->encr->block ? 0 : (mtu - fixed) / k->encr->block * k->encr->block - 1;
}

static size_t seal_pieces(struct seal *s, const struct ike_build *b, size_t mtu, uint8_t *out, size_t cap)
{
	size_t each = piece_len(&s->k, mtu), done = 0, at = 0;
	size_t pieces = each ? (b->w.len + each - 1) / each : 0;

	if (!pieces || pieces > UINT8_MAX)
		return 0;
	s->pieces = (uint8_t)pieces;
	while (at < b->w.len) {
		size_t len = b->w.len - at < each ? b->w.len - at : each, n;

		s->piece++;
		n = seal_packet(s, b->w.buf + at, len, out + done, cap - done);
		if (!n)
			return 0;
		at += len;
		done += n;
	}
	counter_add(&ike_sa_counters(s->sa)->tx_fragments, pieces);
	IKE_CNT(s->sa, tx_fragmented_packet);
	return done;
}

size_t ike_msg_seal(struct ike_sa *sa, uint8_t exchange, bool response, uint32_t msgid,
                    const struct ike_build *b, uint8_t *out, size_t cap)
{
	struct seal s = {.sa = sa,
	                 .h = {.spi_i = sa->initiator ? sa->spi : sa->peer_spi,
	                       .spi_r = sa->initiator ? sa->peer_spi : sa->spi,
	                       .exchange = exchange,
	                       .msgid = msgid},
	                 .first = b->w.len ? b->first : IKE_PL_NONE};
	size_t mtu = ike_frag_mtu(sa);

	if (b->w.bad || !sk_keys(sa, true, &s.k))
		return 0;
	s.h.flags = (uint8_t)((sa->initiator ? IKE_F_INITIATOR : 0) | (response ? IKE_F_RESPONSE : 0));
	if (sa->frag &&
	    IKE_HDR_LEN + IKE_PAYLOAD_HDR + s.k.encr->iv + body_len(&s.k, b->w.len) + s.k.icv > mtu)
		return seal_pieces(&s, b, mtu, out, cap);
	return seal_packet(&s, b->w.buf, b->w.len, out, cap);
}

/* ---- windows ---- */

void ike_msg_reply(struct ike_rx *rx, const struct ike_build *b)
{
	uint8_t out[IKE_SEALED_MAX];
	struct ike_sa *sa = rx->sa;
	size_t n = ike_msg_seal(sa, rx->m->hdr.exchange, true, rx->m->hdr.msgid, b, out, sizeof(out));
	uint8_t *copy = n ? malloc(n) : NULL;

	if (!copy) {
		IKE_CNT(sa, decfail_interr);
		return;
	}
	memcpy(copy, out, n);
	free(sa->resp);
	sa->resp = copy;
	sa->resp_len = n;
	sa->recv_next = rx->m->hdr.msgid + 1;
	ike_out_touch(rx->t, sa);
	ike_out_send(rx->t, rx->path, copy, n, false);
}

void ike_msg_reply_notify(struct ike_rx *rx, uint16_t type, const void *data, size_t len)
{
	uint8_t buf[128];
	struct ike_build b;

	ike_notify_count_sent(ike_sa_counters(rx->sa), type);
	ike_wire_build(&b, buf, sizeof(buf));
	ike_wire_put_notify(&b, 0, 0, 0, type, data, len);
	ike_msg_reply(rx, &b);
}

bool ike_msg_dpd_pace(const struct ike_sa *sa)
{
	return sa->xchg && sa->xchg->kind == IKE_JOB_DPD && sa->pol->p.dpd_timeout_s;
}

uint64_t ike_msg_retrans_us(const struct ike_sa *sa)
{
	uint64_t base = sa->pol->p.retrans_ms ? sa->pol->p.retrans_ms : 500;

	if (ike_msg_dpd_pace(sa))
		return sa->pol->p.dpd_timeout_s * IKE_US_PER_S;
	if (sa->pol->p.retrans_constant)
		return base * 1000;
	base <<= sa->retrans < 8 ? sa->retrans : 8;
	return (base < IKE_RETRANS_MAX_MS ? base : IKE_RETRANS_MAX_MS) * 1000;
}

int ike_msg_request_plain(struct ike_sa *sa, struct ike_out *t, const uint8_t *pkt, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, pkt, len);
	ike_sa_drop_request(sa);
	sa->req = copy;
	sa->req_len = len;
	sa->retrans_us = sa->e->now + ike_msg_retrans_us(sa);
	ike_out_touch(t, sa);
	ike_out_send(t, &sa->path, copy, len, false);
	return 0;
}

int ike_msg_request(struct ike_sa *sa, struct ike_out *t, uint8_t exchange, const struct ike_build *b)
{
	uint8_t out[IKE_SEALED_MAX];
	size_t n = ike_msg_seal(sa, exchange, false, sa->send_next, b, out, sizeof(out));

	return n ? ike_msg_request_plain(sa, t, out, n) : -EMSGSIZE;
}

void ike_msg_resend(struct ike_sa *sa, struct ike_out *t)
{
	sa->retrans++;
	sa->retrans_us = sa->e->now + ike_msg_retrans_us(sa);
	ike_out_send(t, &sa->path, sa->req, sa->req_len, true);
}

void ike_msg_answered(struct ike_sa *sa)
{
	ike_sa_drop_request(sa);
	sa->send_next++;
}
