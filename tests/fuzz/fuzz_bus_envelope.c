/* SPDX-License-Identifier: MIT */
/* Any bytes as an envelope, and as a backplane message: unpacked, walked through, packed again, never a
 * crash. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "bus/bus.h"
#include "proto/backplane.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	Envelope *env = envelope__unpack(NULL, len, data);
	BpMessage *bp = bp_message__unpack(NULL, len, data);
	size_t n;

	if (env) {
		uint8_t *buf = bus_pack(env, &n);

		if (buf) {
			Envelope *again = envelope__unpack(NULL, n, buf);

			/* protobuf-c keeps unknown fields with tag 0 (in nested messages too) and does not
			 * read them back. */
			if (again && again->body_case != env->body_case)
				abort();
			if (again)
				envelope__free_unpacked(again, NULL);
		}
		free(buf);
		envelope__free_unpacked(env, NULL);
	}
	if (bp)
		bp_message__free_unpacked(bp, NULL);
	return 0;
}
