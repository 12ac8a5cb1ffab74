/* SPDX-License-Identifier: MIT */
/*
 * Passwords inside URLs (RFC 3986 section 3.2.1: scheme://user:password@host): where they are, and the text
 * without them. Callers: the CLI engine (no password is stored, shown or logged in clear), lib/fetch.
 */
#ifndef BASE_URL_H
#define BASE_URL_H

#include <stdbool.h>
#include <stddef.h>

/* Where the password of a URL stands, percent encoding and all. false: there is none, or an empty one. */
bool url_password(const char *url, size_t *at, size_t *len);
/* The URL with **** for its password; buf is always NUL-terminated. Returns buf. */
const char *url_shown(const char *url, char *buf, size_t size);
/* The URL with another text in the place of its password. 0, or -ENOSPC; -EINVAL: it has none. */
int url_with_password(const char *url, const char *password, char *buf, size_t size);
/*
 * Is the part between scheme and path host[:port] or user[:password]@host[:port]? What begins with one slash
 * has no such part and is right. A password with a bare '/', '?' or '#' in it would end that part early, and
 * is found wrong here, since what is taken for the port is none.
 */
bool url_authority_ok(const char *url);

#endif
