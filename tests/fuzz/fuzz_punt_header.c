/* SPDX-License-Identifier: MIT */
/* The header of the punt path: any bytes; what decodes must encode to the same header again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "punt/punt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[PUNT_HDR_LEN];
	struct punt_info info;
	struct punt_info info2;
	const uint8_t *payload;
	size_t len;

	if (punt_decode(data, size, &info, &payload, &len))
		return 0;
	if (payload != data + PUNT_HDR_LEN || len != size - PUNT_HDR_LEN)
		abort();
	punt_encode(again, &info, 0);
	if (punt_decode(again, sizeof(again), &info2, &payload, &len) ||
	    !net_endpoint_equal(&info.local, &info2.local) ||
	    !net_endpoint_equal(&info.remote, &info2.remote) || info.flags != info2.flags ||
	    info.ctx != info2.ctx || info.instance != info2.instance)
		abort();
	return 0;
}
