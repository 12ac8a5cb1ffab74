/* SPDX-License-Identifier: MIT */
/* Fuzz blacklist and whitelist files: any bytes as a list; what is on it is found, and so is nothing else.
 * The last octets are an identity as a peer may send it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "access/access.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct access_report r;
	struct access_list *l;
	struct ike_id id = {0};
	size_t n = size > 40 ? 40 : size;
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	l = access_parse(text, size, &r);
	if (!l && !r.bad)
		abort();
	if (size) {
		id.type = data[size - 1] % 12;
		id.len = (uint8_t)n;
		memcpy(id.data, data + size - n, n);
		access_has(l, &id);
	}
	for (size_t i = 0; i < access_count(l); i++)
		if (!access_type(l, i)[0] || !access_value(l, i)[0])
			abort();
	access_free(l);
	free(text);
	return 0;
}
