/* SPDX-License-Identifier: MIT */
/*
 * ESP packets: every algorithm both ways, cross-checked against OpenSSL's own calls and a published
 * AES-GCM-ESP vector; damaged packets, padding, inner packets and selectors; sequence numbers and marks. RFC
 * 4303, RFC 4106, RFC 3602.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp/esp.h"

static const struct {
	uint16_t encr, bits, integ;
} suites[] = {
        {ESP_ENCR_AES_CBC, 128, ESP_INTEG_SHA1_96},    {ESP_ENCR_AES_CBC, 256, ESP_INTEG_SHA256_128},
        {ESP_ENCR_AES_CBC, 192, ESP_INTEG_SHA384_192}, {ESP_ENCR_AES_CBC, 128, ESP_INTEG_SHA512_256},
        {ESP_ENCR_AES_CBC, 128, ESP_INTEG_MD5_96},     {ESP_ENCR_NULL, 0, ESP_INTEG_SHA1_96},
        {ESP_ENCR_NULL, 0, ESP_INTEG_SHA256_128},      {ESP_ENCR_3DES_CBC, 0, ESP_INTEG_SHA1_96},
        {ESP_ENCR_AES_GCM_16, 128, ESP_INTEG_NONE},    {ESP_ENCR_AES_GCM_16, 256, ESP_INTEG_NONE},
        {ESP_ENCR_AES_GCM_12, 128, ESP_INTEG_NONE},    {ESP_ENCR_AES_GCM_8, 256, ESP_INTEG_NONE},
        {ESP_ENCR_AES_GCM_12, 256, ESP_INTEG_NONE},    {ESP_ENCR_AES_GCM_8, 128, ESP_INTEG_NONE},
        {ESP_ENCR_DES_CBC, 0, ESP_INTEG_MD5_96},       {ESP_ENCR_AES_CBC, 128, ESP_INTEG_AES_XCBC_96},
        {ESP_ENCR_NULL, 0, ESP_INTEG_AES_XCBC_96},
};
#define N_SUITES (sizeof(suites) / sizeof(suites[0]))

static uint8_t keys[256];

/* Both ends of one CHILD_SA: a sends what b opens. */
struct pair {
	struct esp_sa *a, *b;
};

static struct esp_ts any_v4(void)
{
	struct net_prefix p;

	net_prefix_parse(&p, "0.0.0.0/0");
	return esp_inner_ts_prefix(&p);
}

static struct esp_ts any_v6(void)
{
	struct net_prefix p;

	net_prefix_parse(&p, "::/0");
	return esp_inner_ts_prefix(&p);
}

static struct esp_sa_params params(uint16_t encr, uint16_t bits, uint16_t integ)
{
	static struct esp_ts ts[2];
	size_t i;

	for (i = 0; i < sizeof(keys); i++)
		keys[i] = (uint8_t)(i * 7 + 3);
	ts[0] = any_v4();
	ts[1] = any_v6();
	return (struct esp_sa_params){
	        .spi_in = 0x01001000,
	        .spi_out = 0x01002000,
	        .encr = encr,
	        .encr_bits = bits,
	        .integ = integ,
	        .encr_key_in = keys,
	        .encr_key_out = keys + 40,
	        .encr_key_len = (size_t)esp_alg_encr_key_len(encr, bits),
	        .integ_key_in = keys + 80,
	        .integ_key_out = keys + 150,
	        .integ_key_len = (size_t)esp_alg_integ_key_len(integ),
	        .replay_window = 64,
	        .ts_local = ts,
	        .n_local = 2,
	        .ts_remote = ts,
	        .n_remote = 2,
	        .iv_seed = 0x1122334455667788,
	        .seq_limit = 1000,
	};
}

static struct esp_sa_params mirrored(struct esp_sa_params p)
{
	struct esp_sa_params m = p;

	m.spi_in = p.spi_out;
	m.spi_out = p.spi_in;
	m.encr_key_in = p.encr_key_out;
	m.encr_key_out = p.encr_key_in;
	m.integ_key_in = p.integ_key_out;
	m.integ_key_out = p.integ_key_in;
	m.ts_local = p.ts_remote;
	m.n_local = p.n_remote;
	m.ts_remote = p.ts_local;
	m.n_remote = p.n_local;
	return m;
}

static struct pair make_pair(struct esp_sa_params p)
{
	struct esp_sa_params m = mirrored(p);
	struct pair pr;
	int err;

	pr.a = esp_sa_new(&p, &err);
	cr_assert(pr.a, "a: %d", err);
	pr.b = esp_sa_new(&m, &err);
	cr_assert(pr.b, "b: %d", err);
	return pr;
}

static void free_pair(struct pair pr)
{
	esp_sa_free(pr.a);
	esp_sa_free(pr.b);
}

struct room {
	uint8_t bytes[ESP_HEADROOM + 2048 + ESP_TAILROOM];
	struct esp_pkt pkt;
};

static void load(struct room *r, const uint8_t *data, size_t len)
{
	memset(r->bytes, 0xee, sizeof(r->bytes));
	r->pkt.data = r->bytes + ESP_HEADROOM;
	r->pkt.len = len;
	r->pkt.headroom = ESP_HEADROOM;
	r->pkt.tailroom = sizeof(r->bytes) - ESP_HEADROOM - len;
	memcpy(r->pkt.data, data, len);
}

/* A UDP packet 10.1.0.1:1000 -> 10.2.0.2:2000 of the given total length (>= 28). */
static size_t ipv4(uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (uint8_t)i;
	memset(p, 0, 28);
	p[0] = 0x45;
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
	p[8] = 64;
	p[9] = 17;
	memcpy(p + 12, "\x0a\x01\x00\x01\x0a\x02\x00\x02\x03\xe8\x07\xd0", 12);
	return len;
}

static size_t ipv6(uint8_t *p, size_t len)
{
	memset(p, 0, len);
	p[0] = 0x60;
	p[4] = (uint8_t)((len - 40) >> 8);
	p[5] = (uint8_t)(len - 40);
	p[6] = 17;
	p[8] = 0x20;
	p[23] = 1;
	p[24] = 0x20;
	p[39] = 2;
	return len;
}

Test(esp_packet, every_suite_round_trip)
{
	uint8_t inner[1500];
	size_t s;
	size_t len;
	int fam;
	int esn;

	for (s = 0; s < N_SUITES; s++) {
		for (esn = 0; esn < 2; esn++) {
			struct esp_sa_params p = params(suites[s].encr, suites[s].bits, suites[s].integ);
			struct pair pr;

			p.esn = esn;
			pr = make_pair(p);
			for (len = 48; len < 1500; len += 37) {
				for (fam = 0; fam < 2; fam++) {
					struct room r;

					fam ? ipv6(inner, len) : ipv4(inner, len);
					load(&r, inner, len);
					cr_assert_eq(esp_seal(pr.a, &r.pkt, 5), ESP_OK);
					cr_assert_eq(r.pkt.len, esp_sa_sealed_len(pr.a, len));
					cr_assert_eq(r.pkt.headroom, (size_t)(r.pkt.data - r.bytes));
					cr_assert_geq(esp_sa_inner_max(pr.a, r.pkt.len), len);
					cr_assert_lt(esp_sa_inner_max(pr.a, r.pkt.len - 1),
					             esp_sa_inner_max(pr.a, r.pkt.len));
					cr_assert_eq(esp_open(pr.b, &r.pkt, 6), ESP_OK);
					cr_assert_eq(r.pkt.len, len);
					cr_assert_eq(memcmp(r.pkt.data, inner, len), 0);
				}
			}
			cr_assert_eq(pr.a->out.packets, pr.b->in.packets);
			cr_assert_eq(pr.a->out.bytes, pr.b->in.bytes);
			cr_assert_eq(pr.a->out.last_us, 5u);
			cr_assert_eq(pr.b->in.last_us, 6u);
			free_pair(pr);
		}
	}
}

/* draft-mcgrew-gcm-test-01 (AES-128-GCM ESP with ESN): its next header is 1, so it is refused after the ICV
 * passed. */
Test(esp_packet, gcm_published_vector)
{
	static const uint8_t key[20] = {0x4c, 0x80, 0xcd, 0xef, 0xbb, 0x5d, 0x10, 0xda, 0x90, 0x6a,
	                                0xc7, 0x3c, 0x36, 0x13, 0xa6, 0x34, 0x2e, 0x44, 0x3b, 0x68};
	static const uint8_t packet[] = {
	        0x00, 0x00, 0x43, 0x21, 0x00, 0x00, 0x00, 0x00, 0x49, 0x56, 0xed, 0x7e, 0x3b, 0x24, 0x4c,
	        0xfe, 0xfe, 0xcf, 0x53, 0x7e, 0x72, 0x9d, 0x5b, 0x07, 0xdc, 0x30, 0xdf, 0x52, 0x8d, 0xd2,
	        0x2b, 0x76, 0x8d, 0x1b, 0x98, 0x73, 0x66, 0x96, 0xa6, 0xfd, 0x34, 0x85, 0x09, 0xfa, 0x13,
	        0xce, 0xac, 0x34, 0xcf, 0xa2, 0x43, 0x6f, 0x14, 0xa3, 0xf3, 0xcf, 0x65, 0x92, 0x5b, 0xf1,
	        0xf4, 0xa1, 0x3c, 0x5d, 0x15, 0xb2, 0x1e, 0x18, 0x84, 0xf5, 0xff, 0x62, 0x47, 0xae, 0xab,
	        0xb7, 0x86, 0xb9, 0x3b, 0xce, 0x61, 0xbc, 0x17, 0xd7, 0x68, 0xfd, 0x97, 0x32, 0x45, 0x90,
	        0x18, 0x14, 0x8f, 0x6c, 0xbe, 0x72, 0x2f, 0xd0, 0x47, 0x96, 0x56, 0x2d, 0xfd, 0xb4,
	};
	struct esp_sa_params p = params(ESP_ENCR_AES_GCM_16, 128, ESP_INTEG_NONE);
	struct esp_sa *sa;
	struct room r;
	int err;

	p.esn = true;
	p.encr_key_in = key;
	p.spi_in = 0x4321;
	p.replay_top = 0x87654320fffffff0ULL;
	sa = esp_sa_new(&p, &err);
	cr_assert(sa);
	load(&r, packet, sizeof(packet));
	cr_assert_eq(esp_open(sa, &r.pkt, 0), ESP_DROP_NEXT_HEADER);
	cr_assert_eq(memcmp(r.bytes + ESP_HEADROOM + 16, "\x45\x00\x00\x48\x69\x9a\x00\x00\x80\x11", 10), 0);
	cr_assert_eq(sa->replay.top, 0x8765432100000000ULL);
	cr_assert_eq(sa->drops[ESP_DROP_NEXT_HEADER], 1u);
	esp_sa_free(sa);
}

/* What AES-CBC with HMAC-SHA2-256-128 puts on the wire, taken apart by OpenSSL's one-shot calls. */
Test(esp_packet, cbc_against_independent_calls)
{
	struct esp_sa_params p = params(ESP_ENCR_AES_CBC, 256, ESP_INTEG_SHA256_128);
	struct pair pr = make_pair(p);
	uint8_t inner[100];
	uint8_t plain[256];
	uint8_t mac[64];
	unsigned mac_len = 0;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	struct room r;
	int n = 0;
	int i;

	load(&r, inner, ipv4(inner, sizeof(inner)));
	cr_assert_eq(esp_seal(pr.a, &r.pkt, 0), ESP_OK);
	cr_assert_eq(r.pkt.len, 8u + 16 + 112 + 16);
	cr_assert_eq(memcmp(r.pkt.data, "\x01\x00\x20\x00\x00\x00\x00\x01", 8), 0);
	HMAC(EVP_sha256(), p.integ_key_out, 32, r.pkt.data, 8 + 16 + 112, mac, &mac_len);
	cr_assert_eq(memcmp(r.pkt.data + 136, mac, 16), 0);
	EVP_DecryptInit_ex(ctx, EVP_aes_256_cbc(), NULL, p.encr_key_out, r.pkt.data + 8);
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	cr_assert(EVP_DecryptUpdate(ctx, plain, &n, r.pkt.data + 24, 112));
	cr_assert_eq(memcmp(plain, inner, 100), 0);
	for (i = 0; i < 10; i++)
		cr_assert_eq(plain[100 + i], i + 1);
	cr_assert_eq(plain[110], 10);
	cr_assert_eq(plain[111], 4);
	EVP_CIPHER_CTX_free(ctx);
	free_pair(pr);
}

Test(esp_packet, gcm_against_independent_calls)
{
	struct esp_sa_params p = params(ESP_ENCR_AES_GCM_16, 256, ESP_INTEG_NONE);
	struct pair pr = make_pair(p);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t inner[61];
	uint8_t plain[64];
	uint8_t nonce[12];
	struct room r;
	int n = 0;

	load(&r, inner, ipv4(inner, sizeof(inner)));
	cr_assert_eq(esp_seal(pr.a, &r.pkt, 0), ESP_OK);
	cr_assert_eq(r.pkt.len, 8u + 8 + 64 + 16);
	memcpy(nonce, p.encr_key_out + 32, 4);
	memcpy(nonce + 4, r.pkt.data + 8, 8);
	EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, p.encr_key_out, nonce);
	EVP_DecryptUpdate(ctx, NULL, &n, r.pkt.data, 8);
	EVP_DecryptUpdate(ctx, plain, &n, r.pkt.data + 16, 64);
	EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, 16, r.pkt.data + 80);
	cr_assert_gt(EVP_DecryptFinal_ex(ctx, plain + 64, &n), 0);
	cr_assert_eq(memcmp(plain, inner, 61), 0);
	cr_assert_eq(plain[61], 1);
	cr_assert_eq(plain[62], 1);
	cr_assert_eq(plain[63], 4);
	EVP_CIPHER_CTX_free(ctx);
	free_pair(pr);
}

/* RFC 2202 case 3, RFC 4231 style: our HMAC equals OpenSSL's for every transform and odd lengths. */
Test(esp_packet, hmac_equals_openssl)
{
	static const struct {
		uint16_t integ;
		const char *md;
	} t[] = {{ESP_INTEG_MD5_96, "md5"},
	         {ESP_INTEG_SHA1_96, "sha1"},
	         {ESP_INTEG_SHA256_128, "sha256"},
	         {ESP_INTEG_SHA384_192, "sha384"},
	         {ESP_INTEG_SHA512_256, "sha512"}};
	static const uint8_t rfc2202[20] = {0x12, 0x5d, 0x73, 0x42, 0xb9, 0xac, 0x11, 0xcd, 0x91, 0xa3,
	                                    0x9a, 0xf4, 0x8a, 0xa1, 0x7b, 0x4f, 0x63, 0xf1, 0x75, 0xd3};
	uint8_t data[300];
	uint8_t out[64];
	uint8_t ref[64];
	struct esp_hmac h;
	unsigned n;
	size_t i;
	size_t len;

	memset(data, 0xaa, 20);
	cr_assert_eq(esp_hmac_init(&h, ESP_INTEG_SHA1_96, data, 20), 0);
	memset(data, 0xdd, 50);
	esp_hmac_sign(&h, data, 50, NULL, out);
	cr_assert_eq(memcmp(out, rfc2202, 20), 0);
	for (i = 0; i < 5; i++) {
		params(ESP_ENCR_NULL, 0, ESP_INTEG_SHA1_96);
		memcpy(data, keys, 256);
		cr_assert_eq(esp_hmac_init(&h, t[i].integ, keys, esp_hmac_size(t[i].integ)), 0);
		cr_assert_eq(esp_hmac_init(&h, t[i].integ, keys, esp_hmac_size(t[i].integ) - 1), -EINVAL);
		for (len = 0; len < 256; len += 11) {
			esp_hmac_sign(&h, data, len, data + len, out);
			HMAC(EVP_get_digestbyname(t[i].md), keys, (int)esp_hmac_size(t[i].integ), data,
			     len + 4, ref, &n);
			cr_assert_eq(memcmp(out, ref, n), 0);
		}
	}
}

/* No byte of a packet can be changed, and no packet shortened, without it being refused. */
Test(esp_packet, damaged_packets_are_refused)
{
	uint8_t inner[100];
	uint8_t wire[512];
	size_t wire_len;
	size_t s;
	size_t i;

	for (s = 0; s < N_SUITES; s++) {
		struct pair pr = make_pair(params(suites[s].encr, suites[s].bits, suites[s].integ));
		struct room r;

		load(&r, inner, ipv4(inner, sizeof(inner)));
		cr_assert_eq(esp_seal(pr.a, &r.pkt, 0), ESP_OK);
		wire_len = r.pkt.len;
		memcpy(wire, r.pkt.data, wire_len);
		for (i = 0; i < wire_len; i++) {
			load(&r, wire, wire_len);
			r.pkt.data[i] ^= 0x10;
			cr_assert_neq(esp_open(pr.b, &r.pkt, 0), ESP_OK, "suite %zu byte %zu", s, i);
			load(&r, wire, i);
			cr_assert_neq(esp_open(pr.b, &r.pkt, 0), ESP_OK, "suite %zu length %zu", s, i);
		}
		cr_assert_eq(pr.b->in.packets, 0u);
		cr_assert_eq(pr.b->replay.top, 0u, "a forged packet must not move the window");
		load(&r, wire, wire_len);
		cr_assert_eq(esp_open(pr.b, &r.pkt, 0), ESP_OK);
		load(&r, wire, wire_len);
		cr_assert_eq(esp_open(pr.b, &r.pkt, 0), ESP_DROP_REPLAY);
		free_pair(pr);
	}
}

/* A hand-made NULL-encrypted packet that carries any body with a valid ICV. */
static enum esp_reason open_body(struct pair *pr, uint32_t seq, const uint8_t *body, size_t len,
                                 struct room *r)
{
	uint8_t pkt[2048] = {0x01,
	                     0x00,
	                     0x20,
	                     0x00,
	                     (uint8_t)(seq >> 24),
	                     (uint8_t)(seq >> 16),
	                     (uint8_t)(seq >> 8),
	                     (uint8_t)seq};
	uint8_t digest[64];

	memcpy(pkt + 8, body, len);
	esp_hmac_sign(&pr->a->out.hmac, pkt, 8 + len, NULL, digest);
	memcpy(pkt + 8 + len, digest, 12);
	load(r, pkt, 8 + len + 12);
	return esp_open(pr->b, &r->pkt, 0);
}

Test(esp_packet, trailer_and_inner_checks)
{
	struct pair pr = make_pair(params(ESP_ENCR_NULL, 0, ESP_INTEG_SHA1_96));
	uint8_t body[512];
	struct room r;
	uint32_t seq = 1;

	ipv4(body, 100);
	memcpy(body + 100, "\x01\x02\x02\x04", 4);
	cr_assert_eq(open_body(&pr, seq++, body, 104, &r), ESP_OK);
	cr_assert_eq(r.pkt.len, 100u);
	/* TFC padding (RFC 4303 section 2.7): what is behind the inner packet is trimmed */
	memset(body + 100, 0x55, 60);
	memcpy(body + 160, "\x01\x02\x02\x04", 4);
	cr_assert_eq(open_body(&pr, seq++, body, 164, &r), ESP_OK);
	cr_assert_eq(r.pkt.len, 100u);
	memcpy(body + 100, "\x01\x03\x02\x04", 4);
	cr_assert_eq(open_body(&pr, seq++, body, 104, &r), ESP_DROP_PADDING);
	memcpy(body + 100, "\x01\x02\xff\x04", 4);
	cr_assert_eq(open_body(&pr, seq++, body, 104, &r), ESP_DROP_PADDING);
	memcpy(body + 100, "\x01\x02\x02\x29", 4);
	cr_assert_eq(open_body(&pr, seq++, body, 104, &r), ESP_DROP_INNER);
	memcpy(body + 100, "\x01\x02\x02\x06", 4);
	cr_assert_eq(open_body(&pr, seq++, body, 104, &r), ESP_DROP_NEXT_HEADER);
	memcpy(body + 100, "\x01\x02\x02\x3b", 4);
	cr_assert_eq(open_body(&pr, seq++, body, 104, &r), ESP_DROP_DUMMY);
	memcpy(body + 100, "\x01\x02\x02\x04", 4);
	body[3] = 101;
	cr_assert_eq(open_body(&pr, seq++, body, 104, &r), ESP_DROP_INNER, "longer than the payload");
	body[3] = 100;
	body[0] = 0x44;
	cr_assert_eq(open_body(&pr, seq++, body, 104, &r), ESP_DROP_INNER, "header of 16 bytes");
	body[0] = 0x55;
	cr_assert_eq(open_body(&pr, seq++, body, 104, &r), ESP_DROP_INNER, "version 5");
	cr_assert_eq(open_body(&pr, seq++, (const uint8_t *)"\x01\x02\x02\x04", 4, &r), ESP_DROP_INNER);
	cr_assert_eq(open_body(&pr, seq++, body, 103, &r), ESP_DROP_ALIGN);
	free_pair(pr);
}

Test(esp_packet, selectors_both_directions)
{
	struct esp_sa_params p = params(ESP_ENCR_AES_GCM_16, 128, ESP_INTEG_NONE);
	struct esp_ts local = any_v4();
	struct esp_ts remote = any_v4();
	struct esp_flow flow;
	struct pair pr;
	uint8_t inner[60];
	struct room r;

	net_addr_parse(&local.lo, "10.1.0.0");
	net_addr_parse(&local.hi, "10.1.0.255");
	net_addr_parse(&remote.lo, "10.2.0.2");
	remote.hi = remote.lo;
	remote.proto = 17;
	remote.port_lo = remote.port_hi = 2000;
	p.ts_local = &local;
	p.ts_remote = &remote;
	p.n_local = p.n_remote = 1;
	pr = make_pair(p);
	ipv4(inner, 60);
	cr_assert_eq(esp_inner_parse(inner, 60, &flow), 0);
	cr_assert(esp_inner_allows_out(pr.a, &flow));
	cr_assert_not(esp_inner_allows_in(pr.a, &flow));
	load(&r, inner, 60);
	cr_assert_eq(esp_seal(pr.a, &r.pkt, 0), ESP_OK);
	cr_assert_eq(esp_open(pr.b, &r.pkt, 0), ESP_OK);
	inner[14] = 1; /* source 10.1.1.1 */
	load(&r, inner, 60);
	cr_assert_eq(esp_seal(pr.a, &r.pkt, 0), ESP_OK);
	cr_assert_eq(esp_open(pr.b, &r.pkt, 0), ESP_DROP_SELECTOR);
	inner[14] = 0;
	inner[23] = 0xd1; /* port 2001 */
	load(&r, inner, 60);
	cr_assert_eq(esp_seal(pr.a, &r.pkt, 0), ESP_OK);
	cr_assert_eq(esp_open(pr.b, &r.pkt, 0), ESP_DROP_SELECTOR);
	inner[23] = 0xd0;
	inner[7] = 5; /* a later fragment has no ports to compare */
	cr_assert_eq(esp_inner_parse(inner, 60, &flow), 0);
	cr_assert_not(flow.has_ports);
	cr_assert_not(esp_inner_allows_out(pr.a, &flow));
	free_pair(pr);
}

Test(esp_packet, inner_parse_ipv6_extensions)
{
	uint8_t p[80];
	struct esp_flow f;
	size_t len;

	ipv6(p, 80);
	p[6] = 0; /* hop-by-hop, then fragment, then TCP */
	p[40] = 44;
	p[48] = 6;
	p[56] = 0x12;
	p[57] = 0x34;
	cr_assert_eq(esp_inner_parse(p, 80, &f), 0);
	cr_assert_eq(f.proto, 6);
	cr_assert(f.has_ports);
	cr_assert_eq(f.sport, 0x1234);
	p[51] = 8; /* fragment offset 1 */
	cr_assert_eq(esp_inner_parse(p, 80, &f), 0);
	cr_assert_not(f.has_ports);
	p[41] = 200; /* overruns */
	cr_assert_eq(esp_inner_parse(p, 80, &f), -EBADMSG);
	for (len = 0; len < 80; len++)
		cr_assert_eq(esp_inner_parse(p, len, &f), -EBADMSG);
}

Test(esp_packet, sequence_stays_below_the_mark)
{
	struct esp_sa_params p = params(ESP_ENCR_NULL, 0, ESP_INTEG_SHA1_96);
	uint8_t inner[40];
	struct pair pr;
	struct room r;
	uint64_t mark = 0;
	unsigned i;

	p.seq_limit = 0;
	pr = make_pair(p);
	ipv4(inner, 40);
	load(&r, inner, 40);
	cr_assert_eq(esp_seal(pr.a, &r.pkt, 0), ESP_DROP_SEQ_LIMIT,
	             "nothing leaves before the first mark is durable");
	cr_assert(esp_seq_want(pr.a, &mark));
	cr_assert_eq(mark, 1u + ESP_SEQ_BLOCK);
	cr_assert_not(esp_seq_want(pr.a, &mark), "asked only once");
	cr_assert_eq(esp_seal(pr.a, &r.pkt, 0), ESP_DROP_SEQ_LIMIT);
	esp_seq_retry(pr.a);
	cr_assert(esp_seq_want(pr.a, &mark));
	esp_seq_durable(pr.a, mark);
	for (i = 1; i <= ESP_SEQ_BLOCK; i++) {
		load(&r, inner, 40);
		cr_assert_eq(esp_seal(pr.a, &r.pkt, 0), ESP_OK);
		if (i < ESP_SEQ_BLOCK / 2)
			cr_assert_not(esp_seq_want(pr.a, &mark));
	}
	cr_assert_eq(pr.a->seq, (uint64_t)ESP_SEQ_BLOCK);
	load(&r, inner, 40);
	cr_assert_eq(esp_seal(pr.a, &r.pkt, 0), ESP_DROP_SEQ_LIMIT);
	cr_assert(esp_seq_want(pr.a, &mark));
	cr_assert_eq(mark, 1u + 2 * ESP_SEQ_BLOCK);
	esp_seq_durable(pr.a, 5); /* an old answer does not lower it */
	cr_assert_eq(pr.a->seq_limit, 1u + ESP_SEQ_BLOCK);
	esp_seq_durable(pr.a, mark);
	cr_assert_eq(esp_seal(pr.a, &r.pkt, 0), ESP_OK);
	free_pair(pr);
}

/* A resumed SA leaps ahead to its mark, and the peer's window accepts the leap. */
Test(esp_packet, resume_leaps_to_the_mark)
{
	struct esp_sa_params p = params(ESP_ENCR_AES_CBC, 128, ESP_INTEG_SHA1_96);
	struct pair pr = make_pair(p);
	struct esp_sa *again;
	uint8_t inner[40];
	struct room old;
	struct room r;
	uint64_t mark = 0;
	int err;

	ipv4(inner, 40);
	load(&old, inner, 40);
	cr_assert_eq(esp_seal(pr.a, &old.pkt, 0), ESP_OK);
	p.seq = 65537;
	p.seq_limit = 65537;
	p.replay_top = 700;
	again = esp_sa_new(&p, &err);
	cr_assert(again);
	load(&r, inner, 40);
	cr_assert_eq(esp_seal(again, &r.pkt, 0), ESP_DROP_SEQ_LIMIT);
	cr_assert(esp_seq_want(again, &mark));
	cr_assert_eq(mark, 65538u + ESP_SEQ_BLOCK);
	esp_seq_durable(again, mark);
	cr_assert_eq(esp_seal(again, &r.pkt, 0), ESP_OK);
	cr_assert_eq(again->seq, 65538u);
	cr_assert_eq(esp_open(pr.b, &r.pkt, 0), ESP_OK);
	cr_assert_eq(esp_open(pr.b, &old.pkt, 0), ESP_DROP_LATE);
	/* the other way: everything up to the stored highest number is refused, the next is not */
	cr_assert_eq(esp_replay_check(&again->replay, 700), ESP_DROP_REPLAY);
	cr_assert_eq(esp_replay_check(&again->replay, 650), ESP_DROP_REPLAY);
	cr_assert_eq(esp_replay_check(&again->replay, 701), ESP_OK);
	esp_sa_free(again);
	free_pair(pr);
}

Test(esp_packet, sequence_exhaustion)
{
	struct esp_sa_params p = params(ESP_ENCR_NULL, 0, ESP_INTEG_SHA1_96);
	uint8_t inner[40];
	struct pair pr;
	struct room r;
	uint64_t mark = 0;

	p.seq = 0xfffffffd;
	p.seq_limit = 0;
	pr = make_pair(p);
	ipv4(inner, 40);
	cr_assert(esp_seq_want(pr.a, &mark));
	cr_assert_eq(mark, 1ULL << 32);
	esp_seq_durable(pr.a, ~0ULL);
	cr_assert_eq(pr.a->seq_limit, 1ULL << 32);
	cr_assert_eq(esp_seq_left(pr.a), 2u);
	load(&r, inner, 40);
	cr_assert_eq(esp_seal(pr.a, &r.pkt, 0), ESP_OK);
	load(&r, inner, 40);
	cr_assert_eq(esp_seal(pr.a, &r.pkt, 0), ESP_OK);
	cr_assert_eq(memcmp(r.pkt.data + 4, "\xff\xff\xff\xff", 4), 0);
	load(&r, inner, 40);
	cr_assert_eq(esp_seal(pr.a, &r.pkt, 0), ESP_DROP_SEQ_EXHAUSTED);
	cr_assert_not(esp_seq_want(pr.a, &mark));
	free_pair(pr);
}

Test(esp_packet, esn_crosses_the_32_bit_edge)
{
	struct esp_sa_params p = params(ESP_ENCR_AES_GCM_16, 128, ESP_INTEG_NONE);
	uint8_t inner[40];
	struct pair pr;
	struct room held;
	struct room r;
	int i;

	p.esn = true;
	p.seq = 0xfffffff0;
	p.seq_limit = 0x1000000ff;
	p.replay_top = 0xfffffff0;
	pr = make_pair(p);
	ipv4(inner, 40);
	load(&held, inner, 40);
	cr_assert_eq(esp_seal(pr.a, &held.pkt, 0), ESP_OK);
	for (i = 0; i < 30; i++) {
		load(&r, inner, 40);
		cr_assert_eq(esp_seal(pr.a, &r.pkt, 0), ESP_OK);
		cr_assert_eq(esp_open(pr.b, &r.pkt, 0), ESP_OK);
	}
	cr_assert_eq(pr.b->replay.top, 0xfffffff0ULL + 31);
	cr_assert_eq(esp_open(pr.b, &held.pkt, 0), ESP_OK,
	             "late, from before the edge, but inside the window");
	free_pair(pr);
}

Test(esp_packet, bad_parameters)
{
	struct esp_sa_params p = params(ESP_ENCR_AES_CBC, 128, ESP_INTEG_SHA1_96);
	struct esp_sa_params q;
	struct esp_ts reversed = any_v4();
	int err = 0;

#define REFUSED(rc, ...)                                                                                     \
	do {                                                                                                 \
		q = p;                                                                                       \
		__VA_ARGS__;                                                                                 \
		cr_assert_null(esp_sa_new(&q, &err));                                                        \
		cr_assert_eq(err, rc, "%d", err);                                                            \
	} while (0)
	REFUSED(-ENOTSUP, q.encr = 99);
	REFUSED(-ENOTSUP, q.encr_bits = 64);
	REFUSED(-ENOTSUP, q.integ = 77);
	REFUSED(-EINVAL, q.integ = ESP_INTEG_NONE; q.integ_key_len = 0);
	REFUSED(-EINVAL, q.encr = ESP_ENCR_AES_GCM_16; q.encr_key_len = 20);
	REFUSED(-EINVAL, q.encr_key_len = 15);
	REFUSED(-EINVAL, q.integ_key_len = 16);
	REFUSED(-EINVAL, q.encr_key_in = NULL);
	REFUSED(-EINVAL, q.integ_key_out = NULL);
	REFUSED(-EINVAL, q.spi_in = 255);
	REFUSED(-EINVAL, q.n_remote = 0);
	REFUSED(-EINVAL, q.n_remote = ESP_TS_MAX + 1);
	REFUSED(-EINVAL, q.replay_window = ESP_REPLAY_MAX + 1);
	net_addr_parse(&reversed.lo, "10.0.0.9");
	net_addr_parse(&reversed.hi, "10.0.0.1");
	REFUSED(-EINVAL, q.ts_local = &reversed; q.n_local = 1);
#undef REFUSED
	esp_sa_free(NULL);
}

Test(esp_packet, no_room_no_packet)
{
	struct pair pr = make_pair(params(ESP_ENCR_AES_CBC, 128, ESP_INTEG_SHA1_96));
	uint8_t inner[40];
	struct room r;

	load(&r, inner, ipv4(inner, 40));
	r.pkt.headroom = 23;
	cr_assert_eq(esp_seal(pr.a, &r.pkt, 0), ESP_DROP_ROOM);
	r.pkt.headroom = 24;
	r.pkt.tailroom = 8 + 12 - 1;
	cr_assert_eq(esp_seal(pr.a, &r.pkt, 0), ESP_DROP_ROOM);
	r.pkt.tailroom = 8 + 12;
	cr_assert_eq(esp_seal(pr.a, &r.pkt, 0), ESP_OK);
	cr_assert_eq(r.pkt.headroom, 0u);
	cr_assert_eq(r.pkt.tailroom, 0u);
	free_pair(pr);
}

Test(esp_packet, outer_headers)
{
	struct pair pr = make_pair(params(ESP_ENCR_AES_GCM_16, 128, ESP_INTEG_NONE));
	struct esp_outer o = {.udp = false, .tos = 0xb8};
	uint8_t inner[40];
	struct room r;

	net_endpoint_parse(&o.local, "192.0.2.1:4500");
	net_endpoint_parse(&o.remote, "198.51.100.7:40000");
	load(&r, inner, ipv4(inner, 40));
	cr_assert_eq(esp_seal(pr.a, &r.pkt, 0), ESP_OK);
	cr_assert_eq(esp_outer_push(&r.pkt, &o), ESP_OK);
	cr_assert_eq(r.pkt.data[9], 50);
	cr_assert_eq(r.pkt.data[1], 0xb8);
	cr_assert_eq(esp_outer_pull_ipv4(&r.pkt), ESP_OK);
	cr_assert_eq(esp_open(pr.b, &r.pkt, 0), ESP_OK);
	o.udp = true;
	load(&r, inner, ipv4(inner, 40));
	cr_assert_eq(esp_seal(pr.a, &r.pkt, 0), ESP_OK);
	cr_assert_eq(esp_outer_push(&r.pkt, &o), ESP_OK);
	cr_assert_eq(memcmp(r.pkt.data + 20, "\x11\x94\x9c\x40", 4), 0);
	cr_assert_eq(esp_outer_pull_ipv4(&r.pkt), ESP_DROP_NEXT_HEADER);
	net_endpoint_parse(&o.local, "[2001:db8::1]:4500");
	cr_assert_eq(esp_outer_push(&r.pkt, &o), ESP_DROP_ROOM, "families differ");
	net_endpoint_parse(&o.remote, "[2001:db8::2]:4500");
	cr_assert_eq(esp_outer_push(&r.pkt, &o), ESP_OK);
	cr_assert_eq(r.pkt.data[0] >> 4, 6);
	free_pair(pr);
}
