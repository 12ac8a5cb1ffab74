/* SPDX-License-Identifier: MIT */
/* base64url (RFC 4648 section 5) without padding: no blank, no quote, no '+' inside. See secret_text.h. */
#include "secret/secret_text.h"

#include <errno.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int secret_text_encode(const unsigned char *in, size_t len, char *out, size_t size)
{
	size_t n = 0;

	if (size < (len * 4 + 2) / 3 + 1)
		return -ENOSPC;
	for (size_t i = 0; i < len; i += 3) {
		unsigned v =
		        in[i] << 16u | (i + 1 < len ? in[i + 1] : 0) << 8u | (i + 2 < len ? in[i + 2] : 0);

		out[n++] = digits[v >> 18 & 63];
		out[n++] = digits[v >> 12 & 63];
		if (i + 1 < len)
			out[n++] = digits[v >> 6 & 63];
		if (i + 2 < len)
			out[n++] = digits[v & 63];
	}
	out[n] = 0;
	return 0;
}

int secret_text_decode(const char *in, unsigned char *out, size_t size)
{
	unsigned v = 0, bits = 0;
	size_t n = 0;

	for (; *in; in++) {
		const char *d = strchr(digits, *in);

		if (!d || n == size)
			return -EBADMSG;
		v = v << 6 | (unsigned)(d - digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = (unsigned char)(v >> bits);
			v &= (1u << bits) - 1;
		}
	}
	return (int)n;
}
