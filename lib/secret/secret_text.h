/* SPDX-License-Identifier: MIT */
/* Bytes as one word of a configuration line (base64url without padding). Inside lib/secret only. */
#ifndef ORRERY_SECRET_TEXT_H
#define ORRERY_SECRET_TEXT_H

#include <stddef.h>

/* len bytes as text; out needs (4 * len + 2) / 3 + 1 characters. 0 or -ENOSPC. */
int secret_text_encode(const unsigned char *in, size_t len, char *out, size_t size);
/* Back to at most size bytes. Their number, or -EBADMSG. */
int secret_text_decode(const char *in, unsigned char *out, size_t size);

#endif
