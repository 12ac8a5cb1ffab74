/* SPDX-License-Identifier: MIT */
/*
 * Identities (RFC 7296 section 3.5): text to and from wire form. Entry points: ike_id_parse(),
 * ike_id_format(), ike_id_equal(). Called by the exchanges, and by whoever configures or shows peers.
 */
#include "ike/ike.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int ike_id_parse(struct ike_id *id, const char *text)
{
	size_t len = text ? strlen(text) : 0;
	struct net_addr a;

	memset(id, 0, sizeof(*id));
	if (!len || len > IKE_ID_MAX)
		return -EINVAL;
	if (!net_addr_parse(&a, text)) {
		id->type = a.family == AF_INET ? IKE_ID_IPV4 : IKE_ID_IPV6;
		id->len = (uint8_t)net_addr_len(&a);
		memcpy(id->data, a.bytes, id->len);
		return 0;
	}
	id->type = strchr(text, '@') ? IKE_ID_RFC822 : IKE_ID_FQDN;
	id->len = (uint8_t)len;
	memcpy(id->data, text, len);
	return 0;
}

static void format_bytes(const struct ike_id *id, char *buf, size_t size)
{
	size_t at = 0;

	for (unsigned i = 0; i < id->len && at + 5 < size; i++) {
		uint8_t c = id->data[i];

		if (c > 0x20 && c < 0x7f && c != '\\')
			buf[at++] = (char)c;
		else
			at += (size_t)snprintf(buf + at, size - at, "\\x%02x", c);
	}
	buf[at] = '\0';
}

const char *ike_id_format(const struct ike_id *id, char *buf, size_t size)
{
	struct net_addr a;

	if (!size)
		return buf;
	if ((id->type == IKE_ID_IPV4 && id->len == 4) || (id->type == IKE_ID_IPV6 && id->len == 16)) {
		net_addr_from_bytes(&a, id->data, id->len);
		return net_addr_format(&a, buf, size);
	}
	if (id->type == IKE_ID_NONE)
		snprintf(buf, size, "-");
	else
		format_bytes(id, buf, size);
	return buf;
}

bool ike_id_equal(const struct ike_id *a, const struct ike_id *b)
{
	return a->type == b->type && a->len == b->len && !memcmp(a->data, b->data, a->len);
}
