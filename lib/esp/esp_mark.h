/* SPDX-License-Identifier: MIT */
/*
 * The checkpoint of an SA's sequence numbers: kind "espseq", key the inbound SPI in hex. ipsecmgr writes the
 * first one with the SA, iftask every later one; whoever resumes the SA reads it. DESIGN section 6.
 */
#ifndef ESP_ESP_MARK_H
#define ESP_ESP_MARK_H

#include <stddef.h>
#include <stdint.h>

#define ESP_MARK_KIND    "espseq"
#define ESP_MARK_KEY_LEN 9 /* "%08x" and NUL */
#define ESP_MARK_LEN     32

struct esp_mark {
	uint64_t out;                 /* numbers below it may have been used */
	uint64_t in;                  /* highest inbound number seen when it was written */
	uint64_t bytes_out, bytes_in; /* carried until then: a lifetime in kilobytes goes on from here */
};

void esp_mark_key(char key[ESP_MARK_KEY_LEN], uint32_t spi_in);
void esp_mark_encode(const struct esp_mark *m, uint8_t blob[ESP_MARK_LEN]);
/* 32 bytes, 16 (without bytes) or 8 (only out). 0 or -EBADMSG. */
int esp_mark_decode(struct esp_mark *m, const void *blob, size_t len);

#endif
