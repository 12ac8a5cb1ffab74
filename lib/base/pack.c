/* SPDX-License-Identifier: MIT */
/*
 * Bounded big-endian readers and writers with a sticky error, see pack.h. No allocation in readers; a growing
 * writer doubles its buffer and wipes it when freed, because blobs hold keys.
 */
#include <stdlib.h>
#include <string.h>

#include "base/pack.h"

const uint8_t *pack_get_bytes(struct pack_reader *r, size_t len)
{
	const uint8_t *p = r->pos;

	if (r->bad || (size_t)(r->end - r->pos) < len) {
		r->bad = true;
		return NULL;
	}
	r->pos += len;
	return p;
}

static uint64_t get_be(struct pack_reader *r, size_t len)
{
	const uint8_t *p = pack_get_bytes(r, len);
	uint64_t v = 0;

	for (size_t i = 0; p && i < len; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t pack_get_u8(struct pack_reader *r)
{
	return (uint8_t)get_be(r, 1);
}

uint16_t pack_get_u16(struct pack_reader *r)
{
	return (uint16_t)get_be(r, 2);
}

uint32_t pack_get_u32(struct pack_reader *r)
{
	return (uint32_t)get_be(r, 4);
}

uint64_t pack_get_u64(struct pack_reader *r)
{
	return get_be(r, 8);
}

void pack_get_copy(struct pack_reader *r, void *out, size_t len)
{
	const uint8_t *p = pack_get_bytes(r, len);

	if (p && len)
		memcpy(out, p, len);
	else if (len)
		memset(out, 0, len);
}

const uint8_t *pack_get_blob(struct pack_reader *r, size_t *len)
{
	size_t n = pack_get_u16(r);
	const uint8_t *p = pack_get_bytes(r, n);

	*len = p ? n : 0;
	return p;
}

void pack_get_str(struct pack_reader *r, char *out, size_t size)
{
	size_t len;
	const uint8_t *p = pack_get_blob(r, &len);

	if (size == 0)
		return;
	out[0] = '\0';
	if (!p)
		return;
	if (len >= size || memchr(p, 0, len)) {
		r->bad = true;
		return;
	}
	memcpy(out, p, len);
	out[len] = '\0';
}

struct pack_reader pack_get_sub(struct pack_reader *r, size_t len)
{
	struct pack_reader sub;
	const uint8_t *p = pack_get_bytes(r, len);

	pack_reader_init(&sub, p, p ? len : 0);
	sub.bad = r->bad;
	return sub;
}

void pack_writer_init(struct pack_writer *w, void *buf, size_t cap)
{
	*w = (struct pack_writer){.buf = buf, .cap = cap};
}

void pack_writer_init_grow(struct pack_writer *w)
{
	*w = (struct pack_writer){.grows = true};
}

void pack_writer_free(struct pack_writer *w)
{
	if (w->grows && w->buf) {
		explicit_bzero(w->buf, w->cap);
		free(w->buf);
	}
	*w = (struct pack_writer){0};
}

/* Not realloc(): it may leave a copy of keys behind. */
static bool grow(struct pack_writer *w, size_t need)
{
	size_t cap = w->cap ? w->cap * 2 : 256;
	uint8_t *buf;

	while (cap < need)
		cap *= 2;
	buf = malloc(cap);
	if (!buf)
		return false;
	if (w->buf) {
		memcpy(buf, w->buf, w->len);
		explicit_bzero(w->buf, w->cap);
		free(w->buf);
	}
	w->buf = buf;
	w->cap = cap;
	return true;
}

static uint8_t *room(struct pack_writer *w, size_t len)
{
	uint8_t *p;

	if (w->bad)
		return NULL;
	if (w->cap - w->len < len && (len > SIZE_MAX / 4 || !w->grows || !grow(w, w->len + len))) {
		w->bad = true;
		return NULL;
	}
	p = w->buf + w->len;
	w->len += len;
	return p;
}

static void store_be(uint8_t *p, uint64_t v, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(v >> 8 * (len - 1 - i));
}

static void put_be(struct pack_writer *w, uint64_t v, size_t len)
{
	uint8_t *p = room(w, len);

	if (p)
		store_be(p, v, len);
}

void pack_put_u8(struct pack_writer *w, uint8_t v)
{
	put_be(w, v, 1);
}

void pack_put_u16(struct pack_writer *w, uint16_t v)
{
	put_be(w, v, 2);
}

void pack_put_u32(struct pack_writer *w, uint32_t v)
{
	put_be(w, v, 4);
}

void pack_put_u64(struct pack_writer *w, uint64_t v)
{
	put_be(w, v, 8);
}

void pack_put_bytes(struct pack_writer *w, const void *p, size_t len)
{
	uint8_t *out = len ? room(w, len) : NULL;

	if (out)
		memcpy(out, p, len);
}

void pack_put_blob(struct pack_writer *w, const void *p, size_t len)
{
	if (len > UINT16_MAX) {
		w->bad = true;
		return;
	}
	pack_put_u16(w, (uint16_t)len);
	pack_put_bytes(w, p, len);
}

void pack_put_str(struct pack_writer *w, const char *s)
{
	pack_put_blob(w, s, s ? strlen(s) : 0);
}

static void patch(struct pack_writer *w, size_t at, uint64_t v, size_t len)
{
	if (w->bad || at > w->len || w->len - at < len)
		w->bad = true;
	else
		store_be(w->buf + at, v, len);
}

void pack_patch_u16(struct pack_writer *w, size_t at, uint16_t v)
{
	patch(w, at, v, 2);
}

void pack_patch_u32(struct pack_writer *w, size_t at, uint32_t v)
{
	patch(w, at, v, 4);
}
