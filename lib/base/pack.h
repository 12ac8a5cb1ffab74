/* SPDX-License-Identifier: MIT */
/*
 * Bounded big-endian reading and writing of byte strings (checkpoint blobs, wire headers). A cursor has a
 * sticky error: after a read past the end every further read gives zero and pack_ok() is false, so a decoder
 * checks once, at its end. Writers either fill a caller's buffer or grow their own. Entry points:
 * pack_reader_init(), pack_get_*(), pack_put_*().
 */
#ifndef BASE_PACK_H
#define BASE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pack_reader {
	const uint8_t *pos, *end;
	bool bad;
};

struct pack_writer {
	uint8_t *buf;
	size_t len, cap;
	bool grows; /* buf is ours, from malloc */
	bool bad;   /* out of room or memory; nothing more is written */
};

static inline void pack_reader_init(struct pack_reader *r, const void *buf, size_t len)
{
	r->pos = buf;
	r->end = len ? (const uint8_t *)buf + len : r->pos;
	r->bad = false;
}
static inline bool pack_ok(const struct pack_reader *r)
{
	return !r->bad;
}
/* Bytes not yet read; 0 after an error. */
static inline size_t pack_left(const struct pack_reader *r)
{
	return r->bad ? 0 : (size_t)(r->end - r->pos);
}
/* True when everything was read and nothing went wrong. */
static inline bool pack_done(const struct pack_reader *r)
{
	return !r->bad && r->pos == r->end;
}
uint8_t pack_get_u8(struct pack_reader *r);
uint16_t pack_get_u16(struct pack_reader *r);
uint32_t pack_get_u32(struct pack_reader *r);
uint64_t pack_get_u64(struct pack_reader *r);
/* Pointer into the input to the next `len` bytes, NULL when there are not that many. */
const uint8_t *pack_get_bytes(struct pack_reader *r, size_t len);
/* Copy the next `len` bytes to `out`; zeroes on error. */
void pack_get_copy(struct pack_reader *r, void *out, size_t len);
/* A u16 length and that many bytes; *len is 0 on error. */
const uint8_t *pack_get_blob(struct pack_reader *r, size_t *len);
/* A blob as a NUL-terminated string; error when it does not fit `size` or holds a NUL. */
void pack_get_str(struct pack_reader *r, char *out, size_t size);
/* A sub-reader over the next `len` bytes. */
struct pack_reader pack_get_sub(struct pack_reader *r, size_t len);

/* Write into the caller's buffer … */
void pack_writer_init(struct pack_writer *w, void *buf, size_t cap);
/* … or into one that grows; release with pack_writer_free() or keep w->buf (free()). */
void pack_writer_init_grow(struct pack_writer *w);
/* Wipes and frees a growing writer's buffer. */
void pack_writer_free(struct pack_writer *w);
void pack_put_u8(struct pack_writer *w, uint8_t v);
void pack_put_u16(struct pack_writer *w, uint16_t v);
void pack_put_u32(struct pack_writer *w, uint32_t v);
void pack_put_u64(struct pack_writer *w, uint64_t v);
void pack_put_bytes(struct pack_writer *w, const void *p, size_t len);
/* A u16 length and the bytes; longer than 65535 is an error. */
void pack_put_blob(struct pack_writer *w, const void *p, size_t len);
void pack_put_str(struct pack_writer *w, const char *s);
/* Overwrite a u16/u32 written before, for lengths known later; `at` must be below len. */
void pack_patch_u16(struct pack_writer *w, size_t at, uint16_t v);
void pack_patch_u32(struct pack_writer *w, size_t at, uint32_t v);

#endif
