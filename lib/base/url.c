/* SPDX-License-Identifier: MIT */
/* Passwords inside URLs: see url.h. */
#include "base/url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The part between "://" and the path. NULL: none. */
static const char *authority(const char *url, size_t *len)
{
	const char *p = strstr(url, "://");

	if (!p || memchr(url, '/', (size_t)(p - url)))
		return NULL;
	p += 3;
	*len = strcspn(p, "/?#");
	return p;
}

bool url_password(const char *url, size_t *at, size_t *len)
{
	size_t n;
	const char *a = authority(url, &n), *end = a ? memrchr(a, '@', n) : NULL,
	           *colon = end ? memchr(a, ':', (size_t)(end - a)) : NULL;

	if (!colon || colon + 1 == end)
		return false;
	*at = (size_t)(colon + 1 - url);
	*len = (size_t)(end - colon - 1);
	return true;
}

int url_with_password(const char *url, const char *password, char *buf, size_t size)
{
	size_t at, len;

	if (!url_password(url, &at, &len))
		return -EINVAL;
	return (size_t)snprintf(buf, size, "%.*s%s%s", (int)at, url, password, url + at + len) < size
	               ? 0
	               : -ENOSPC;
}

const char *url_shown(const char *url, char *buf, size_t size)
{
	if (url_with_password(url, "****", buf, size) == -EINVAL)
		snprintf(buf, size, "%s", url);
	return buf;
}

bool url_authority_ok(const char *url)
{
	size_t n;
	const char *a = authority(url, &n), *user = a ? memrchr(a, '@', n) : NULL, *port;
	unsigned long number;
	char *end;

	if (!a)
		return url[0] == '/' || !strncmp(url, "file:/", 6);
	if (user) {
		n -= (size_t)(user + 1 - a);
		a = user + 1;
	}
	port = *a == '[' ? memchr(a, ']', n) : a;
	if (!port)
		return false;
	port = memchr(port, ':', n - (size_t)(port - a));
	if (!n || port == a)
		return false;
	if (!port)
		return true;
	number = strtoul(port + 1, &end, 10);
	return port[1] >= '0' && port[1] <= '9' && end == a + n && number >= 1 && number <= 65535;
}
