/* SPDX-License-Identifier: MIT */
/* Tar archives, see tar.h: a header of 512 bytes, the data in blocks of 512, two empty blocks at the end. */
#include "disk/tar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 512

/* The places of ustar's fields. */
enum {
	NAME = 0,
	MODE = 100,
	UID = 108,
	GID = 116,
	SIZE = 124,
	MTIME = 136,
	SUM = 148,
	TYPE = 156,
	MAGIC = 257,
	VERSION = 263
};

/* Room for n more bytes, zeroed. */
static char *grow(struct tar *t, size_t n)
{
	char *p;

	if (t->len + n > t->size) {
		size_t size = (t->len + n) * 3 / 2 + BLOCK;

		p = realloc(t->data, size);
		if (!p)
			return NULL;
		t->data = p;
		t->size = size;
	}
	p = t->data + t->len;
	memset(p, 0, n);
	t->len += n;
	return p;
}

int tar_add(struct tar *t, const char *name, const void *data, size_t len, uint64_t mtime_s)
{
	size_t padded = (len + BLOCK - 1) / BLOCK * BLOCK;
	unsigned sum = 0;
	char *h;

	if (strlen(name) >= MODE)
		return -ENAMETOOLONG;
	h = grow(t, BLOCK + padded);
	if (!h)
		return -ENOMEM;
	snprintf(h + NAME, MODE - NAME, "%s", name);
	memcpy(h + MODE, "0000600", 8);
	memcpy(h + UID, "0000000", 8);
	memcpy(h + GID, "0000000", 8);
	snprintf(h + SIZE, 12, "%011llo", (unsigned long long)len);
	snprintf(h + MTIME, 12, "%011llo", (unsigned long long)mtime_s);
	h[TYPE] = '0';
	memcpy(h + MAGIC, "ustar", 6);
	h[VERSION] = h[VERSION + 1] = '0';
	memset(h + SUM, ' ', 8);
	for (unsigned i = 0; i < BLOCK; i++)
		sum += (unsigned char)h[i];
	snprintf(h + SUM, 8, "%06o", sum & 0777777);
	memcpy(h + BLOCK, data, len);
	return 0;
}

int tar_end(struct tar *t)
{
	return grow(t, 2 * BLOCK) ? 0 : -ENOMEM;
}

void tar_free(struct tar *t)
{
	free(t->data);
	*t = (struct tar){0};
}
