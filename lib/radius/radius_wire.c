/* SPDX-License-Identifier: MIT */
/*
 * RADIUS packets: Access-Request with EAP-Message, State and Message-Authenticator, and the answers with
 * their keys (RFC 2865, RFC 3579 section 3, RFC 2548 section 2.4). A server's answer is read like a
 * stranger's: lengths first, then its authenticators, then its attributes. Entry points:
 * radius_wire_request(), radius_wire_answer(). Called by radius_client.c and the fuzz target.
 */
#include "radius/radius.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/pack.h"

#define HDR  20
#define HASH 16

enum attr {
	USER_NAME = 1,
	NAS_IP_ADDRESS = 4,
	SERVICE_TYPE = 6,
	FRAMED_MTU = 12,
	STATE = 24,
	VENDOR_SPECIFIC = 26,
	CALLED_STATION_ID = 30,
	CALLING_STATION_ID = 31,
	NAS_IDENTIFIER = 32,
	NAS_PORT_TYPE = 61,
	EAP_MESSAGE = 79,
	MESSAGE_AUTHENTICATOR = 80,
	NAS_IPV6_ADDRESS = 95
};
enum vendor { MICROSOFT = 311, THREEGPP = 10415 };
enum { MS_MPPE_SEND_KEY = 16, MS_MPPE_RECV_KEY = 17, THREEGPP_IMEISV = 20 };

#define SERVICE_FRAMED 2
#define PORT_VIRTUAL   5
#define EAP_MTU        1400 /* servers shall not make EAP packets that IKE has to fragment */
#define MSK_LEN        64   /* shortest that IKE takes (RFC 3748 section 7.10) */
#define MPPE_KEY_MAX   (RADIUS_MSK_MAX / 2)
#define VENDOR_HDR     6

const char *radius_reason_name(enum radius_reason r)
{
	static const char *const names[] = {[RADIUS_OK] = "fine",
#define REASON(name, counter, text) [RADIUS_R_##name] = text,
	                                    RADIUS_REASONS(REASON)
#undef REASON
	};

	return r < RADIUS_R_REASONS ? names[r] : "unknown";
}

/* ---- digests ---- */

/* MD5 over up to four pieces. 0 or -EIO. */
static int md5(uint8_t out[HASH], const void *const p[], const size_t len[], unsigned n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok = ctx && EVP_DigestInit_ex(ctx, EVP_md5(), NULL) == 1;

	for (unsigned i = 0; ok && i < n; i++)
		ok = EVP_DigestUpdate(ctx, p[i], len[i]) == 1;
	ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -EIO;
}

static int sign(uint8_t out[HASH], const uint8_t *pkt, size_t len, const char *secret)
{
	return HMAC(EVP_md5(), secret, (int)strlen(secret), pkt, len, out, NULL) ? 0 : -EIO;
}

/* ---- write ---- */

static void put(struct pack_writer *w, uint8_t type, const void *value, size_t len)
{
	if (len > RADIUS_ATTR_MAX)
		w->bad = true;
	pack_put_u8(w, type);
	pack_put_u8(w, (uint8_t)(len + 2));
	pack_put_bytes(w, value, len);
}

static void put_u32(struct pack_writer *w, uint8_t type, uint32_t value)
{
	pack_put_u8(w, type);
	pack_put_u8(w, 6);
	pack_put_u32(w, value);
}

static void put_text(struct pack_writer *w, uint8_t type, const char *text)
{
	if (text && *text)
		put(w, type, text, strlen(text));
}

static void put_nas(struct pack_writer *w, const struct radius_nas *nas)
{
	if (nas->addr.family == AF_INET)
		put(w, NAS_IP_ADDRESS, nas->addr.bytes, 4);
	else if (nas->addr.family == AF_INET6)
		put(w, NAS_IPV6_ADDRESS, nas->addr.bytes, 16);
	put_text(w, NAS_IDENTIFIER, nas->id);
	put_u32(w, NAS_PORT_TYPE, PORT_VIRTUAL);
}

static void put_imei(struct pack_writer *w, const char *imei)
{
	uint8_t value[VENDOR_HDR + 32] = {0, 0, THREEGPP >> 8, THREEGPP & 0xff, THREEGPP_IMEISV};
	size_t len = imei ? strlen(imei) : 0;

	if (!len || len > 32)
		return;
	value[5] = (uint8_t)(len + 2);
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): attributes are not */
	memcpy(value + VENDOR_HDR, imei, len);
	put(w, VENDOR_SPECIFIC, value, VENDOR_HDR + len);
}

/* An EAP packet is cut into attributes (RFC 3579 section 3.1). */
static void put_eap(struct pack_writer *w, const uint8_t *p, size_t len)
{
	for (size_t at = 0, n; at < len; at += n) {
		n = len - at < RADIUS_ATTR_MAX ? len - at : RADIUS_ATTR_MAX;
		put(w, EAP_MESSAGE, p + at, n);
	}
}

size_t radius_wire_request(uint8_t *out, size_t cap, uint8_t id, const uint8_t authenticator[16],
                           const char *secret, const struct radius_nas *nas, const struct radius_request *r)
{
	static const uint8_t zeros[HASH];
	struct pack_writer w;
	size_t at;

	pack_writer_init(&w, out, cap < RADIUS_PACKET_MAX ? cap : RADIUS_PACKET_MAX);
	pack_put_u8(&w, RADIUS_ACCESS_REQUEST);
	pack_put_u8(&w, id);
	pack_put_u16(&w, 0);
	pack_put_bytes(&w, authenticator, HASH);
	at = w.len + 2;
	put(&w, MESSAGE_AUTHENTICATOR, zeros, HASH); /* first, so that nobody can put something before it */
	if (r->user_len)
		put(&w, USER_NAME, r->user, r->user_len);
	put_nas(&w, nas);
	put_u32(&w, SERVICE_TYPE, SERVICE_FRAMED);
	put_u32(&w, FRAMED_MTU, EAP_MTU);
	put_text(&w, CALLING_STATION_ID, r->calling);
	put_text(&w, CALLED_STATION_ID, r->called);
	put_imei(&w, r->imei);
	if (r->state_len)
		put(&w, STATE, r->state, r->state_len);
	put_eap(&w, r->eap, r->eap_len);
	if (w.bad)
		return 0;
	pack_patch_u16(&w, 2, (uint16_t)w.len);
	return sign(out + at, out, w.len, secret) ? 0 : w.len;
}

/* ---- read ---- */

/* MD5(code, id, length, request authenticator, attributes, secret), RFC 2865 section 3. */
static bool authentic(const uint8_t *pkt, size_t len, const uint8_t authenticator[16], const char *secret)
{
	const void *p[] = {pkt, authenticator, pkt + HDR, secret};
	size_t n[] = {4, HASH, len - HDR, strlen(secret)};
	uint8_t want[HASH];

	return !md5(want, p, n, 4) && !CRYPTO_memcmp(want, pkt + 4, HASH);
}

/* HMAC over the packet with the request's authenticator and zeros in its own place. */
static bool is_signed(const uint8_t *pkt, size_t len, size_t at, const uint8_t authenticator[16],
                      const char *secret)
{
	uint8_t copy[RADIUS_PACKET_MAX], want[HASH];

	memcpy(copy, pkt, len);
	memcpy(copy + 4, authenticator, HASH);
	memset(copy + at, 0, HASH);
	return !sign(want, copy, len, secret) && !CRYPTO_memcmp(want, pkt + at, HASH);
}

/* Salt, then length, key and padding in blocks, each hidden by a digest of the one before (RFC 2548 section
 * 2.4.2). The length of the key in out, 0: it can't be read. */
static size_t open_key(uint8_t out[MPPE_KEY_MAX], const uint8_t *p, size_t len,
                       const uint8_t authenticator[16], const char *secret)
{
	uint8_t clear[RADIUS_ATTR_MAX], pad[HASH];
	const void *piece[] = {secret, authenticator, p};
	size_t n[] = {strlen(secret), HASH, 2}, key = 0;

	if (len < 2 + HASH || (len - 2) % HASH)
		return 0;
	for (size_t at = 2; at < len; at += HASH) {
		if (md5(pad, piece, n, at == 2 ? 3 : 2))
			return 0;
		for (size_t i = 0; i < HASH; i++)
			clear[at - 2 + i] = p[at + i] ^ pad[i];
		piece[1] = p + at;
	}
	if (clear[0] && clear[0] <= MPPE_KEY_MAX && clear[0] <= len - 3) {
		key = clear[0];
		memcpy(out, clear + 1, key);
	}
	OPENSSL_cleanse(clear, sizeof(clear));
	OPENSSL_cleanse(pad, sizeof(pad));
	return key;
}

struct keys {
	uint8_t recv[MPPE_KEY_MAX], send[MPPE_KEY_MAX];
	size_t recv_len, send_len;
};

/* A Vendor-Specific attribute may hold several. */
static bool read_vendor(struct keys *k, const uint8_t *p, size_t len, const uint8_t authenticator[16],
                        const char *secret)
{
	size_t at = 4, n, key;

	if (len < 4 || p[0] || p[1] || (p[2] << 8 | p[3]) != MICROSOFT)
		return true; /* another vendor's business, whatever its form */
	for (; at < len; at += n) {
		n = len - at >= 2 ? p[at + 1] : 0;
		if (n < 2 || n > len - at)
			return false;
		if (p[at] != MS_MPPE_RECV_KEY && p[at] != MS_MPPE_SEND_KEY)
			continue;
		key = open_key(p[at] == MS_MPPE_RECV_KEY ? k->recv : k->send, p + at + 2, n - 2,
		               authenticator, secret);
		if (!key)
			return false;
		*(p[at] == MS_MPPE_RECV_KEY ? &k->recv_len : &k->send_len) = key;
	}
	return true;
}

/* MSK = the key the server names by what the client receives with, then the other; shorter ones are filled
 * up with zeros, as EAP-MSCHAPv2 wants. */
static void join_keys(struct radius_answer *a, const struct keys *k)
{
	if (!k->recv_len || !k->send_len)
		return;
	memset(a->msk, 0, sizeof(a->msk));
	memcpy(a->msk, k->recv, k->recv_len);
	memcpy(a->msk + k->recv_len, k->send, k->send_len);
	a->msk_len = (uint16_t)(k->recv_len + k->send_len);
	if (a->msk_len < MSK_LEN)
		a->msk_len = MSK_LEN;
}

static enum radius_reason read_attr(struct radius_answer *a, struct keys *k, uint8_t type, const uint8_t *p,
                                    size_t len, const uint8_t authenticator[16], const char *secret)
{
	switch (type) {
	case EAP_MESSAGE:
		if (len > sizeof(a->eap) - a->eap_len)
			return RADIUS_R_EAP;
		memcpy(a->eap + a->eap_len, p, len);
		a->eap_len = (uint16_t)(a->eap_len + len);
		return RADIUS_OK;
	case USER_NAME:
		memcpy(a->user, p, len);
		a->user_len = (uint16_t)len;
		return RADIUS_OK;
	case STATE:
		memcpy(a->state, p, len);
		a->state_len = (uint16_t)len;
		return RADIUS_OK;
	case VENDOR_SPECIFIC:
		return read_vendor(k, p, len, authenticator, secret) ? RADIUS_OK : RADIUS_R_KEY;
	}
	return RADIUS_OK;
}

/* Lengths of all attributes, and where the Message-Authenticator is; *at 0: nowhere. */
static bool walk(const uint8_t *pkt, size_t len, size_t *at)
{
	*at = 0;
	for (size_t i = HDR, n; i < len; i += n) {
		n = len - i >= 2 ? pkt[i + 1] : 0;
		if (n < 2 || n > len - i)
			return false;
		if (pkt[i] == MESSAGE_AUTHENTICATOR && n == 2 + HASH && !*at)
			*at = i + 2;
	}
	return true;
}

static enum radius_reason check(const uint8_t *pkt, size_t *len, const uint8_t authenticator[16],
                                const char *secret)
{
	size_t told = *len >= HDR ? (size_t)(pkt[2] << 8 | pkt[3]) : 0, at;

	if (told < HDR || told > *len || told > RADIUS_PACKET_MAX)
		return RADIUS_R_LENGTH;
	*len = told; /* what is behind it is padding (RFC 2865 section 3) */
	if (pkt[0] != RADIUS_ACCESS_ACCEPT && pkt[0] != RADIUS_ACCESS_REJECT &&
	    pkt[0] != RADIUS_ACCESS_CHALLENGE)
		return RADIUS_R_CODE;
	if (!authentic(pkt, told, authenticator, secret))
		return RADIUS_R_AUTHENTICATOR;
	if (!walk(pkt, told, &at))
		return RADIUS_R_ATTRIBUTE;
	if (!at)
		return RADIUS_R_UNSIGNED;
	return is_signed(pkt, told, at, authenticator, secret) ? RADIUS_OK : RADIUS_R_SIGNATURE;
}

enum radius_reason radius_wire_answer(struct radius_answer *a, const uint8_t *pkt, size_t len,
                                      const uint8_t authenticator[16], const char *secret)
{
	enum radius_reason why = check(pkt, &len, authenticator, secret);
	struct keys k = {.recv_len = 0};

	if (why != RADIUS_OK)
		return why;
	memset(a, 0, sizeof(*a));
	a->code = pkt[0];
	for (size_t i = HDR; i < len && why == RADIUS_OK; i += pkt[i + 1])
		why = read_attr(a, &k, pkt[i], pkt + i + 2, pkt[i + 1] - 2u, authenticator, secret);
	if (why == RADIUS_OK)
		join_keys(a, &k);
	OPENSSL_cleanse(&k, sizeof(k));
	return why;
}
