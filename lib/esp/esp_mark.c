/* SPDX-License-Identifier: MIT */
/* The checkpoint row of an SA's sequence numbers (see esp_mark.h): four big-endian 64-bit numbers. */
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
	put64(blob + 16, m->bytes_out);
	put64(blob + 24, m->bytes_in);
}

int esp_mark_decode(struct esp_mark *m, const void *blob, size_t len)
{
	const uint8_t *p = blob;

	if (len != 8 && len != 16 && len != ESP_MARK_LEN)
		return -EBADMSG;
	*m = (struct esp_mark){.out = get64(p)};
	if (len >= 16)
		m->in = get64(p + 8);
	if (len == ESP_MARK_LEN) {
		m->bytes_out = get64(p + 16);
		m->bytes_in = get64(p + 24);
	}
	return 0;
}
