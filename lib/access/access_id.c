/* SPDX-License-Identifier: MIT */
/*
 * Identities of peers (RFC 7296 section 3.5) between what operators write, what stands on the wire, and one
 * normal form by which they are compared. Entry points in access.h. Called by access.c, and by ipsecmgr for
 * remote secrets and the gateway's own identity.
 */
#include "access/access.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/x509v3.h>

#include "net/addr.h"

/* --- normal forms --------------------------------------------------------------------------------------- */

static int set(struct access_id *n, const void *p, size_t len)
{
	if (!len || len > sizeof(n->b))
		return -EINVAL;
	memcpy(n->b, p, len);
	n->len = len;
	return 0;
}

static void small(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)tolower(p[i]);
}

static int set_fqdn(struct access_id *n, const void *p, size_t len)
{
	if (len > 1 && ((const char *)p)[len - 1] == '.')
		len--;
	if (set(n, p, len))
		return -EINVAL;
	small(n->b, n->len);
	return 0;
}

/* The part before the @ is its domain's own affair (RFC 5321 section 2.4). */
static int set_email(struct access_id *n, const void *p, size_t len)
{
	const char *at;

	if (set(n, p, len))
		return -EINVAL;
	at = memchr(n->b, '@', n->len);
	if (at)
		small((uint8_t *)(uintptr_t)at, n->len - (size_t)((const uint8_t *)at - n->b));
	return 0;
}

static int set_name(struct access_id *n, const X509_NAME *name)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *p = NULL;
	long len;
	int rc = -EINVAL;

	if (out && X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253) >= 0) {
		len = BIO_get_mem_data(out, &p);
		rc = len > 0 ? set(n, p, (size_t)len) : -EINVAL;
		if (!rc)
			small(n->b, n->len);
	}
	BIO_free(out);
	return rc;
}

/* DER as a peer sends it; what is no name stands for itself. */
static int set_der_dn(struct access_id *n, const uint8_t *der, size_t len)
{
	const unsigned char *p = der;
	X509_NAME *name = d2i_X509_NAME(NULL, &p, (long)len);
	int rc = name && p == der + len ? set_name(n, name) : set(n, der, len);

	X509_NAME_free(name);
	return rc;
}

int access_id_normal(struct access_id *n, const struct ike_id *id)
{
	n->type = id->type;
	switch (id->type) {
	case IKE_ID_FQDN:
		return set_fqdn(n, id->data, id->len);
	case IKE_ID_RFC822:
		return set_email(n, id->data, id->len);
	case IKE_ID_DER_DN:
		return set_der_dn(n, id->data, id->len);
	}
	return set(n, id->data, id->len);
}

/* --- from text ------------------------------------------------------------------------------------------ */

static int wire(struct ike_id *id, const void *p, size_t len)
{
	if (!len || len > IKE_ID_MAX)
		return -EINVAL;
	memcpy(id->data, p, len);
	id->len = (uint8_t)len;
	return 0;
}

static int wire_ip(struct ike_id *id, const char *text)
{
	struct net_addr a;

	if (net_addr_parse(&a, text) || a.family != (id->type == IKE_ID_IPV4 ? AF_INET : AF_INET6))
		return -EINVAL;
	return wire(id, a.bytes, net_addr_len(&a));
}

/* One "TYPE=VALUE" of a distinguished name; \ takes the next character as it is. Returns what is left. */
static const char *next_part(const char *text, char *part, size_t size)
{
	size_t n = 0;

	text += strspn(text, " ");
	for (; *text && *text != ',' && *text != '/'; text++) {
		if (*text == '\\' && text[1])
			text++;
		if (n + 1 < size)
			part[n++] = *text;
	}
	part[n] = '\0';
	return *text ? text + 1 : text;
}

static int wire_name(struct ike_id *id, X509_NAME *name)
{
	unsigned char *der = NULL;
	int len = X509_NAME_entry_count(name) ? i2d_X509_NAME(name, &der) : 0,
	    rc = len > 0 ? wire(id, der, (size_t)len) : -EINVAL;

	OPENSSL_free(der);
	return rc;
}

static int wire_dn(struct ike_id *id, const char *text)
{
	X509_NAME *name = X509_NAME_new();
	char part[ACCESS_LINE_MAX + 1], *eq;
	int rc = name ? 0 : -ENOMEM;

	while (*text && !rc) {
		text = next_part(text, part, sizeof(part));
		eq = strchr(part, '=');
		if (!eq)
			rc = *part ? -EINVAL : 0;
		else
			*eq = '\0';
		if (eq && X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8, (unsigned char *)eq + 1, -1,
		                                     -1, 0) != 1)
			rc = -EINVAL;
	}
	if (!rc)
		rc = wire_name(id, name);
	X509_NAME_free(name);
	return rc;
}

/* "0x…": the bytes of it. Returns -ENOENT for other texts. */
static int wire_hex(struct ike_id *id, const char *text)
{
	uint8_t b[ACCESS_LINE_MAX];
	size_t len = 0;

	if (strncmp(text, "0x", 2) != 0)
		return -ENOENT;
	if (OPENSSL_hexstr2buf_ex(b, sizeof(b), &len, text + 2, '\0') != 1)
		return -EINVAL;
	return wire(id, b, len);
}

/* "DNS:host", "email:a@b", "IP:192.0.2.1", "URI:…", or bytes. */
static int wire_gn(struct ike_id *id, const char *text)
{
	static const struct {
		const char *word;
		int kind;
	} kinds[] = {{"DNS:", GEN_DNS}, {"email:", GEN_EMAIL}, {"IP:", GEN_IPADD}, {"URI:", GEN_URI}};
	unsigned char *der = NULL;
	GENERAL_NAME *gn = NULL;
	int len, rc = wire_hex(id, text);

	if (rc != -ENOENT)
		return rc;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !gn; i++)
		if (!strncasecmp(text, kinds[i].word, strlen(kinds[i].word)))
			gn = a2i_GENERAL_NAME(NULL, NULL, NULL, kinds[i].kind, text + strlen(kinds[i].word),
			                      0);
	if (!gn)
		return -EINVAL;
	len = i2d_GENERAL_NAME(gn, &der);
	rc = len > 0 ? wire(id, der, (size_t)len) : -EINVAL;
	OPENSSL_free(der);
	GENERAL_NAME_free(gn);
	return rc;
}

int access_id_wire(struct ike_id *id, uint8_t type, const char *text)
{
	int rc;

	memset(id, 0, sizeof(*id));
	id->type = type;
	switch (type) {
	case IKE_ID_IPV4:
	case IKE_ID_IPV6:
		return wire_ip(id, text);
	case IKE_ID_DER_DN:
		return wire_dn(id, text);
	case IKE_ID_DER_GN:
		return wire_gn(id, text);
	case IKE_ID_KEY_ID:
		rc = wire_hex(id, text);
		return rc == -ENOENT ? wire(id, text, strlen(text)) : rc;
	}
	return wire(id, text, strlen(text));
}

int access_id_configured(struct ike_id *id, const char *word, const char *text)
{
	static const struct {
		const char *word;
		uint8_t type;
	} types[] = {{"fqdn", IKE_ID_FQDN},
	             {"rfc822-addr", IKE_ID_RFC822},
	             {"der-asn1-dn", IKE_ID_DER_DN},
	             {"der-asn1-gn", IKE_ID_DER_GN},
	             {"key-id", IKE_ID_KEY_ID}};

	if (!strcmp(word, "ip-addr"))
		return access_id_wire(id, strchr(text, ':') ? IKE_ID_IPV6 : IKE_ID_IPV4, text);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(types[i].word, word))
			return access_id_wire(id, types[i].type, text);
	return -EINVAL;
}
