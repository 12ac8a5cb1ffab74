/* SPDX-License-Identifier: MIT */
/* The checkpoint row of an SA's sequence numbers (see esp_mark.h): two big-endian 64-bit numbers. */
#include "esp/esp_mark.h"

#include <errno.h>
#include <stdio.h>

static void put64(uint8_t *p, uint64_t v)
{
	int i;

	for (i = 7; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t v = 0;
	int i;

	for (i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

void esp_mark_key(char key[ESP_MARK_KEY_LEN], uint32_t spi_in)
{
	snprintf(key, ESP_MARK_KEY_LEN, "%08x", spi_in);
}

void esp_mark_encode(const struct esp_mark *m, uint8_t blob[ESP_MARK_LEN])
{
	put64(blob, m->out);
	put64(blob + 8, m->in);
}

int esp_mark_decode(struct esp_mark *m, const void *blob, size_t len)
{
	if (len != 8 && len != ESP_MARK_LEN)
		return -EBADMSG;
	m->out = get64(blob);
	m->in = len == ESP_MARK_LEN ? get64((const uint8_t *)blob + 8) : 0;
	return 0;
}
