/* SPDX-License-Identifier: MIT */
/*
 * Several messages of the bus in one of ZeroMQ: what waits for the same receiver travels together, so that
 * ZeroMQ's threads handle it once. Each message is its number of frames, then each frame's length (32 bits,
 * host order: both ends are on one machine) and bytes. Called by bus_sock.c.
 */
#ifndef ORRERY_BUS_PARCEL_H
#define ORRERY_BUS_PARCEL_H

#include <stddef.h>
#include <stdint.h>

#define BUS_FRAMES_MAX 6

/* A part of a message: borrowed bytes. */
struct bus_frame {
	const void *data;
	size_t len;
};

struct bus_parcel {
	uint8_t *data;
	size_t len, size;
};

/* Append a message (copied) of up to BUS_FRAMES_MAX frames. 0, -EMSGSIZE or -ENOMEM; then nothing changed. */
int bus_parcel_add(struct bus_parcel *p, const struct bus_frame *frames, int n);
/* Empty it; a buffer that has become large goes back. */
void bus_parcel_reset(struct bus_parcel *p);
/*
 * The message at *pos, which starts at 0: its frames (pointing into data) and their number. 0: no more;
 * -EBADMSG: what follows is none.
 */
int bus_parcel_next(const void *data, size_t len, size_t *pos, struct bus_frame frames[BUS_FRAMES_MAX]);

#endif
