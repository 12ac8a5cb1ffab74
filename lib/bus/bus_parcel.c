/* SPDX-License-Identifier: MIT */
/* Packing messages together and reading them back, every length checked. See bus_parcel.h. */
#include "bus/bus_parcel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 4096
#define KEEP_BYTES  (64u << 10) /* a buffer larger than this is not kept */

static int room_for(struct bus_parcel *p, size_t len)
{
	size_t want = p->size ? p->size : FIRST_BYTES;
	uint8_t *bigger;

	while (want - p->len < len)
		want *= 2;
	if (want == p->size)
		return 0;
	bigger = realloc(p->data, want);
	if (!bigger)
		return -ENOMEM;
	p->data = bigger;
	p->size = want;
	return 0;
}

int bus_parcel_add(struct bus_parcel *p, const struct bus_frame *frames, int n)
{
	size_t len = 1;

	if (n < 1 || n > BUS_FRAMES_MAX)
		return -EMSGSIZE;
	for (int i = 0; i < n; i++) {
		if (frames[i].len > UINT32_MAX)
			return -EMSGSIZE;
		len += sizeof(uint32_t) + frames[i].len;
	}
	if (room_for(p, len))
		return -ENOMEM;
	p->data[p->len++] = (uint8_t)n;
	for (int i = 0; i < n; i++) {
		uint32_t bytes = (uint32_t)frames[i].len;

		memcpy(p->data + p->len, &bytes, sizeof(bytes));
		p->len += sizeof(bytes);
		if (bytes)
			memcpy(p->data + p->len, frames[i].data, bytes);
		p->len += bytes;
	}
	return 0;
}

void bus_parcel_reset(struct bus_parcel *p)
{
	p->len = 0;
	if (p->size <= KEEP_BYTES)
		return;
	free(p->data);
	*p = (struct bus_parcel){0};
}

int bus_parcel_next(const void *data, size_t len, size_t *pos, struct bus_frame frames[BUS_FRAMES_MAX])
{
	const uint8_t *p = data;
	int n;

	if (*pos >= len)
		return 0;
	n = p[(*pos)++];
	if (n < 1 || n > BUS_FRAMES_MAX)
		return -EBADMSG;
	for (int i = 0; i < n; i++) {
		uint32_t bytes;

		if (len - *pos < sizeof(bytes))
			return -EBADMSG;
		memcpy(&bytes, p + *pos, sizeof(bytes));
		*pos += sizeof(bytes);
		if (len - *pos < bytes)
			return -EBADMSG;
		frames[i] = (struct bus_frame){p + *pos, bytes};
		*pos += bytes;
	}
	return n;
}
