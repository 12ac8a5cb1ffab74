/* SPDX-License-Identifier: MIT */
/*
 * ESP packets in place: esp_seal() encrypts an inner packet, esp_open() checks and decrypts one. Tunnel mode,
 * RFC 4303 sections 3.3 and 3.4; AES-CBC RFC 3602, AES-GCM RFC 4106. No allocation, no I/O. Called per packet
 * by iftask, ipsecmgr (software mode) and the simulated peers.
 */
#include "esp/esp.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define ESP_HDR        8
#define NH_IPV4        4
#define NH_IPV6        41
#define NH_NONE        59
#define ESP_PACKET_MAX 65500

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)(v >> 32));
	put32(p + 4, (uint32_t)v);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static enum esp_reason drop(struct esp_sa *sa, enum esp_reason reason)
{
	sa->drops[reason]++;
	return reason;
}

/*
 * The block in front of CBC's first plaintext block: encrypting it makes the IV, as SP 800-38A appendix C
 * describes: unpredictable without the key, and different for each number.
 */
static void put_iv_nonce(const struct esp_sa *sa, uint8_t *iv, uint64_t seq)
{
	if (sa->iv_len == 16) {
		put64(iv, sa->iv_seed);
		put64(iv + 8, seq);
	} else {
		put64(iv, sa->iv_seed ^ seq);
	}
}

static enum esp_reason seal_cbc(struct esp_sa *sa, uint8_t *esp, size_t body, uint64_t seq)
{
	static const uint8_t zero_iv[16];
	uint8_t *iv = esp + ESP_HDR;
	size_t len = sa->iv_len + body;
	int done = 0;

	put_iv_nonce(sa, iv, seq);
	if (!EVP_CipherInit_ex(sa->out.cipher, NULL, NULL, NULL, zero_iv, -1) ||
	    !EVP_CipherUpdate(sa->out.cipher, iv, &done, iv, (int)len) || done != (int)len)
		return ESP_DROP_CRYPTO;
	return ESP_OK;
}

static int sign_packet(const struct esp_sa *sa, const struct esp_half *h, const uint8_t *esp, size_t len,
                       uint64_t seq, uint8_t digest[ESP_HMAC_MAX])
{
	uint8_t high[4];

	put32(high, (uint32_t)(seq >> 32));
	return esp_hmac_sign(&h->hmac, esp, len, sa->esn ? high : NULL, digest);
}

/* RFC 4106 section 5: SPI and the sequence number, 32 or 64 bits of it. */
static int gcm_aad(const struct esp_sa *sa, const uint8_t *esp, uint64_t seq, uint8_t aad[12])
{
	if (!sa->esn) {
		memcpy(aad, esp, 8);
		return 8;
	}
	memcpy(aad, esp, 4);
	put64(aad + 4, seq);
	return 12;
}

static enum esp_reason seal_gcm(struct esp_sa *sa, uint8_t *esp, size_t body, uint64_t seq)
{
	EVP_CIPHER_CTX *ctx = sa->out.cipher;
	uint8_t *text = esp + ESP_HDR + 8;
	uint8_t nonce[12];
	uint8_t aad[12];
	int aad_len = gcm_aad(sa, esp, seq, aad);
	int n = 0;

	put64(esp + ESP_HDR, seq);
	memcpy(nonce, sa->out.salt, 4);
	memcpy(nonce + 4, esp + ESP_HDR, 8);
	if (!EVP_CipherInit_ex(ctx, NULL, NULL, NULL, nonce, -1) ||
	    !EVP_CipherUpdate(ctx, NULL, &n, aad, aad_len) ||
	    !EVP_CipherUpdate(ctx, text, &n, text, (int)body) || n != (int)body ||
	    !EVP_CipherFinal_ex(ctx, text + body, &n) ||
	    !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, sa->icv_len, text + body))
		return ESP_DROP_CRYPTO;
	return ESP_OK;
}

static enum esp_reason next_seq(struct esp_sa *sa, uint64_t *seq)
{
	uint64_t last = sa->esn ? UINT64_MAX - 1 : UINT32_MAX;

	if (sa->seq >= last)
		return ESP_DROP_SEQ_EXHAUSTED;
	esp_seq_roll(sa);
	if (sa->seq + 1 >= sa->seq_limit)
		return ESP_DROP_SEQ_LIMIT;
	*seq = sa->seq + 1;
	return ESP_OK;
}

static enum esp_reason seal_crypt(struct esp_sa *sa, uint8_t *esp, size_t body, uint64_t seq)
{
	uint8_t digest[ESP_HMAC_MAX];
	size_t signed_len = ESP_HDR + sa->iv_len + body;
	enum esp_reason reason = ESP_OK;

	if (esp_alg_is_aead(sa->encr))
		return seal_gcm(sa, esp, body, seq);
	if (sa->out.cipher)
		reason = seal_cbc(sa, esp, body, seq);
	if (reason)
		return reason;
	if (sign_packet(sa, &sa->out, esp, signed_len, seq, digest))
		return ESP_DROP_CRYPTO;
	memcpy(esp + signed_len, digest, sa->icv_len);
	return ESP_OK;
}

enum esp_reason esp_seal(struct esp_sa *sa, struct esp_pkt *p, uint64_t now)
{
	size_t head = (size_t)ESP_HDR + sa->iv_len;
	size_t body = (p->len + 2 + sa->align - 1) / sa->align * sa->align;
	size_t pad = body - p->len - 2;
	uint8_t version = p->len ? p->data[0] >> 4 : 0;
	uint8_t *tail = p->data + p->len;
	enum esp_reason reason;
	uint64_t seq = 0;
	uint8_t *esp;
	size_t i;

	if (version != 4 && version != 6)
		return drop(sa, ESP_DROP_INNER);
	if (p->headroom < head || p->tailroom < body - p->len + sa->icv_len ||
	    head + body + sa->icv_len > ESP_PACKET_MAX)
		return drop(sa, ESP_DROP_ROOM);
	reason = next_seq(sa, &seq);
	if (reason)
		return drop(sa, reason);
	sa->seq = seq; /* burnt from here on, whatever happens */
	for (i = 0; i < pad; i++)
		tail[i] = (uint8_t)(i + 1);
	tail[pad] = (uint8_t)pad;
	tail[pad + 1] = version == 4 ? NH_IPV4 : NH_IPV6;
	esp = p->data - head;
	put32(esp, sa->out.spi);
	put32(esp + 4, (uint32_t)seq);
	reason = seal_crypt(sa, esp, body, seq);
	if (reason)
		return drop(sa, reason);
	sa->out.packets++;
	sa->out.bytes += p->len;
	sa->out.last_us = now;
	p->tailroom -= body - p->len + sa->icv_len;
	p->headroom -= head;
	p->data = esp;
	p->len = head + body + sa->icv_len;
	return ESP_OK;
}

static enum esp_reason open_gcm(struct esp_sa *sa, uint8_t *esp, size_t body, uint64_t seq)
{
	EVP_CIPHER_CTX *ctx = sa->in.cipher;
	uint8_t *text = esp + ESP_HDR + 8;
	uint8_t nonce[12];
	uint8_t aad[12];
	int aad_len = gcm_aad(sa, esp, seq, aad);
	int n = 0;

	memcpy(nonce, sa->in.salt, 4);
	memcpy(nonce + 4, esp + ESP_HDR, 8);
	if (!EVP_CipherInit_ex(ctx, NULL, NULL, NULL, nonce, -1) ||
	    !EVP_CipherUpdate(ctx, NULL, &n, aad, aad_len) ||
	    !EVP_CipherUpdate(ctx, text, &n, text, (int)body) || n != (int)body ||
	    !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, sa->icv_len, text + body))
		return ESP_DROP_CRYPTO;
	return EVP_CipherFinal_ex(ctx, text + body, &n) > 0 ? ESP_OK : ESP_DROP_AUTH;
}

static enum esp_reason open_crypt(struct esp_sa *sa, uint8_t *esp, size_t body, uint64_t seq)
{
	size_t signed_len = ESP_HDR + sa->iv_len + body;
	uint8_t *text = esp + ESP_HDR + sa->iv_len;
	uint8_t digest[ESP_HMAC_MAX];
	int n = 0;

	if (esp_alg_is_aead(sa->encr))
		return open_gcm(sa, esp, body, seq);
	if (sign_packet(sa, &sa->in, esp, signed_len, seq, digest))
		return ESP_DROP_CRYPTO;
	if (CRYPTO_memcmp(digest, esp + signed_len, sa->icv_len) != 0)
		return ESP_DROP_AUTH;
	if (!sa->in.cipher)
		return ESP_OK;
	if (!EVP_CipherInit_ex(sa->in.cipher, NULL, NULL, NULL, esp + ESP_HDR, -1) ||
	    !EVP_CipherUpdate(sa->in.cipher, text, &n, text, (int)body) || n != (int)body)
		return ESP_DROP_CRYPTO;
	return ESP_OK;
}

/* Trailer, inner packet, selectors. text[0..body) is plaintext that the peer has vouched for. */
static enum esp_reason open_inner(struct esp_sa *sa, const uint8_t *text, size_t body, size_t *inner_len)
{
	size_t pad = text[body - 2];
	uint8_t nh = text[body - 1];
	struct esp_flow flow;
	const uint8_t *p;
	size_t i;

	if (pad + 2 > body)
		return ESP_DROP_PADDING;
	p = text + body - 2 - pad;
	for (i = 0; i < pad; i++)
		if (p[i] != i + 1)
			return ESP_DROP_PADDING;
	if (nh == NH_NONE)
		return ESP_DROP_DUMMY;
	if (nh != NH_IPV4 && nh != NH_IPV6)
		return ESP_DROP_NEXT_HEADER;
	if (esp_inner_parse(text, body - 2 - pad, &flow) || (nh == NH_IPV4) != (flow.src.family == AF_INET))
		return ESP_DROP_INNER;
	*inner_len = flow.total_len;
	return esp_inner_allows_in(sa, &flow) ? ESP_OK : ESP_DROP_SELECTOR;
}

static void used_by_peer(struct esp_sa *sa)
{
	if (!sa->in.packets)
		sa->fresh = true;
	sa->out_wait = false;
}

enum esp_reason esp_open(struct esp_sa *sa, struct esp_pkt *p, uint64_t now)
{
	size_t head = (size_t)ESP_HDR + sa->iv_len;
	enum esp_reason reason;
	size_t inner_len = 0;
	uint64_t seq;
	size_t body;

	if (p->len < head + 2 + sa->icv_len)
		return drop(sa, ESP_DROP_SHORT);
	body = p->len - head - sa->icv_len;
	if (body % sa->align)
		return drop(sa, ESP_DROP_ALIGN);
	if (get32(p->data) != sa->in.spi)
		return drop(sa, ESP_DROP_NO_SA);
	seq = get32(p->data + 4);
	if (sa->esn)
		seq = esp_replay_infer(&sa->replay, (uint32_t)seq);
	reason = esp_replay_check(&sa->replay, seq);
	if (!reason)
		reason = open_crypt(sa, p->data, body, seq);
	if (reason)
		return drop(sa, reason);
	esp_replay_mark(&sa->replay, seq);
	used_by_peer(sa);
	sa->in.last_us = now;
	reason = open_inner(sa, p->data + head, body, &inner_len);
	if (reason && reason != ESP_DROP_SELECTOR)
		return drop(sa, reason);
	p->tailroom += p->len - head - inner_len;
	p->headroom += head;
	p->data += head;
	p->len = inner_len;
	if (reason)
		return drop(sa, reason);
	sa->in.packets++;
	sa->in.bytes += inner_len;
	return ESP_OK;
}
