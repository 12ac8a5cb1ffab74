/* SPDX-License-Identifier: MIT */
/*
 * Hostile ESP: raw bytes at esp_open() for several suites, and bytes that a peer has signed (so that trailer,
 * inner packet and selector code is reached), the outer header stripper and the flow parser with the outbound
 * table.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "esp/esp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	uint16_t encr, bits, integ;
} suites[] = {
        {ESP_ENCR_AES_CBC, 128, ESP_INTEG_SHA1_96},
        {ESP_ENCR_NULL, 0, ESP_INTEG_SHA256_128},
        {ESP_ENCR_AES_GCM_16, 256, ESP_INTEG_NONE},
        {ESP_ENCR_3DES_CBC, 0, ESP_INTEG_MD5_96},
};
static struct esp_sa *sas[4];
static struct esp_table *table;

static void setup(void)
{
	static uint8_t keys[64] = "a key";
	struct net_prefix prefix[2];
	struct esp_ts ts[2];
	int err;
	int i;

	net_prefix_parse(&prefix[0], "10.0.0.0/8");
	net_prefix_parse(&prefix[1], "2001:db8::/32");
	ts[0] = esp_inner_ts_prefix(&prefix[0]);
	ts[1] = esp_inner_ts_prefix(&prefix[1]);
	ts[1].proto = 17;
	ts[1].port_hi = 1000;
	table = esp_table_new(1);
	for (i = 0; i < 4; i++) {
		struct esp_sa_params p = {
		        .spi_in = 0x01000000u + (unsigned)i,
		        .spi_out = 0x01000000u + (unsigned)i,
		        .encr = suites[i].encr,
		        .encr_bits = suites[i].bits,
		        .integ = suites[i].integ,
		        .encr_key_in = keys,
		        .encr_key_out = keys,
		        .integ_key_in = keys,
		        .integ_key_out = keys,
		        .encr_key_len = (size_t)esp_alg_encr_key_len(suites[i].encr, suites[i].bits),
		        .integ_key_len = (size_t)esp_alg_integ_key_len(suites[i].integ),
		        .replay_window = i == 3 ? 64 : 0,
		        .esn = i == 0,
		        .seq_limit = 1ULL << 32,
		        .ts_local = ts,
		        .ts_remote = ts,
		        .n_local = 2,
		        .n_remote = 2,
		};

		sas[i] = esp_sa_new(&p, &err);
		if (!sas[i] || esp_table_add(table, sas[i]))
			abort();
	}
}

/* The fuzzer's bytes as what the peer encrypted: NULL encryption and a right ICV. */
static void signed_body(const uint8_t *data, size_t size)
{
	uint8_t digest[ESP_HMAC_MAX];
	uint8_t *buf = malloc(8 + size + 16);
	struct esp_pkt p = {.data = buf, .len = 8 + size + 16};

	memcpy(buf, "\x01\x00\x00\x01\x00\x00\x00\x01", 8);
	memcpy(buf + 8, data, size);
	esp_hmac_sign(&sas[1]->out.hmac, buf, 8 + size, NULL, digest);
	memcpy(buf + 8 + size, digest, 16);
	if (esp_open(sas[1], &p, 0) == ESP_OK && p.len > size)
		abort();
	free(buf);
}

static void raw(const uint8_t *data, size_t size, bool outer)
{
	uint8_t *buf = malloc(size ? size : 1);
	struct esp_pkt p = {.data = buf, .len = size};
	struct esp_sa *sa;

	memcpy(buf, data, size);
	if ((!outer || esp_outer_pull_ipv4(&p) == ESP_OK) && p.len >= 4) {
		sa = esp_table_in(table, (uint32_t)p.data[0] << 24 | (uint32_t)p.data[1] << 16 |
		                                 (uint32_t)p.data[2] << 8 | p.data[3]);
		if (sa)
			esp_open(sa, &p, 0);
	}
	free(buf);
}

static void outbound(const uint8_t *data, size_t size)
{
	uint8_t *buf = malloc(ESP_HEADROOM + size + ESP_TAILROOM);
	struct esp_pkt p = {
	        .data = buf + ESP_HEADROOM, .len = size, .headroom = ESP_HEADROOM, .tailroom = ESP_TAILROOM};
	struct esp_flow flow;
	struct esp_sa *sa;

	memcpy(p.data, data, size);
	if (!esp_inner_parse(p.data, p.len, &flow) && (sa = esp_table_out(table, &flow))) {
		sa->seq = 1;
		p.len = flow.total_len;
		if (esp_seal(sa, &p, 0) == ESP_OK && p.len != esp_sa_sealed_len(sa, flow.total_len))
			abort();
	}
	free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t mode;

	if (!table)
		setup();
	if (size < 3 || size > 4096)
		return 0;
	mode = data[0];
	data++;
	size--;
	if (mode & 1)
		signed_body(data, size);
	else if (mode & 2)
		outbound(data, size);
	else
		raw(data, size, mode & 4);
	return 0;
}
