/* SPDX-License-Identifier: MIT */
/* What an entry of a directory holds: see certs_ldap.h. */
#include "certs/certs_ldap.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const lists[] = {"certificateRevocationList", "authorityRevocationList", NULL};
static const char *const certs[] = {"cACertificate", "userCertificate", NULL};

/* A part of the text. */
struct span {
	const char *p;
	size_t len;
};

/* Options of an attribute (";binary") stand behind its name. */
static bool is_named(struct span line, const char *const names[])
{
	for (size_t i = 0; names[i]; i++) {
		size_t n = strlen(names[i]);

		if (line.len > n && !strncasecmp(line.p, names[i], n) &&
		    (line.p[n] == ';' || line.p[n] == ':'))
			return true;
	}
	return false;
}

/* Skips the tab that libcurl puts before attributes. */
static struct span next_line(struct span *rest)
{
	const char *end = memchr(rest->p, '\n', rest->len);
	size_t n = end ? (size_t)(end - rest->p) : rest->len;
	struct span line = {rest->p, n};

	rest->p += end ? n + 1 : n;
	rest->len -= end ? n + 1 : n;
	if (line.len && *line.p == '\t') {
		line.p++;
		line.len--;
	}
	return line;
}

static int decode(struct span text, char **p, size_t *len)
{
	unsigned char *out;
	int n;

	if (!text.len || text.len % 4 || text.len > (1u << 30) || text.p[text.len - 3] == '=')
		return -EBADMSG;
	out = malloc(text.len / 4 * 3 + 1);
	if (!out)
		return -ENOMEM;
	n = EVP_DecodeBlock(out, (const unsigned char *)text.p, (int)text.len);
	if (n < 0) {
		free(out);
		return -EBADMSG;
	}
	/* the padding is decoded to zeros */
	n -= (text.p[text.len - 1] == '=') + (text.p[text.len - 2] == '=');
	out[n] = 0;
	*p = (char *)out;
	*len = (size_t)n;
	return 0;
}

int certs_ldap_value(const char *text, size_t size, bool crl, char **p, size_t *len)
{
	struct span rest = {text, size}, line;

	*p = NULL;
	*len = 0;
	while (rest.len) {
		const char *colons;

		line = next_line(&rest);
		if (!is_named(line, crl ? lists : certs))
			continue;
		colons = memchr(line.p, ':', line.len);
		if (!colons || line.len - (size_t)(colons - line.p) < 3 || strncmp(colons, ":: ", 3))
			return -EBADMSG; /* neither DER nor PEM is one line of text */
		return decode((struct span){colons + 3, line.len - (size_t)(colons + 3 - line.p)}, p, len);
	}
	return -ENOENT;
}
