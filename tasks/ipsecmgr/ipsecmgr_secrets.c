/* SPDX-License-Identifier: MIT */
/*
 * Pre-shared keys by the peers' identities: the remote secret list of the configuration as a table (chapter
 * 14: 1,000 entries, six types of identities). Built anew with every change of the configuration. Entry
 * points: ipsecmgr_secrets_build(), ipsecmgr_secrets_find(). Called by ipsecmgr_cfg.c and the engine's key
 * callback.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfg/cfg.h"
#include "secret/secret.h"

#define BUCKETS 1024u

struct entry {
	struct entry *next;
	struct ike_id id;
	size_t len;
	uint8_t key[IKE_PSK_MAX];
};

struct ipsecmgr_secrets {
	struct entry *bucket[BUCKETS];
	size_t n;
};

static unsigned slot(const struct ike_id *id)
{
	uint32_t h = 2166136261u ^ id->type;

	for (unsigned i = 0; i < id->len; i++)
		h = (h ^ id->data[i]) * 16777619u;
	return h % BUCKETS;
}

static int set(struct ike_id *id, uint8_t type, const void *data, size_t len)
{
	if (!len || len > IKE_ID_MAX)
		return -EINVAL;
	id->type = type;
	id->len = (uint8_t)len;
	memcpy(id->data, data, len);
	return 0;
}

/* "0x…" as the bytes it names, anything else as it is. */
static int set_bytes(struct ike_id *id, uint8_t type, const char *text)
{
	uint8_t bytes[IKE_ID_MAX];
	size_t n = 0;

	if (strncmp(text, "0x", 2) != 0 ||
	    OPENSSL_hexstr2buf_ex(bytes, sizeof(bytes), &n, text + 2, '\0') != 1)
		return set(id, type, text, strlen(text));
	return set(id, type, bytes, n);
}

/* "C=DE, O=Example, CN=peer" as the DER that peers send (RFC 4514's order of parts as written). */
static int set_dn(struct ike_id *id, const char *text)
{
	char copy[256], *save = NULL, *part;
	X509_NAME *name = X509_NAME_new();
	unsigned char *der = NULL;
	int len = 0, rc = name ? 0 : -ENOMEM;

	snprintf(copy, sizeof(copy), "%s", text);
	for (part = strtok_r(copy, ",/", &save); part && !rc; part = strtok_r(NULL, ",/", &save)) {
		char *eq = strchr(part, '=');

		part += strspn(part, " ");
		if (!eq)
			rc = -EINVAL;
		else
			*eq = '\0';
		if (!rc && X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8, (unsigned char *)eq + 1, -1,
		                                      -1, 0) != 1)
			rc = -EINVAL;
	}
	if (!rc)
		len = i2d_X509_NAME(name, &der);
	if (!rc)
		rc = len > 0 ? set(id, IKE_ID_DER_DN, der, (size_t)len) : -EINVAL;
	OPENSSL_free(der);
	X509_NAME_free(name);
	return rc;
}

static int read_id(struct ike_id *id, const char *type, const char *text)
{
	struct net_addr a;

	memset(id, 0, sizeof(*id));
	if (!strcmp(type, "ip-addr"))
		return net_addr_parse(&a, text) ? -EINVAL
		                                : set(id, a.family == AF_INET ? IKE_ID_IPV4 : IKE_ID_IPV6,
		                                      a.bytes, net_addr_len(&a));
	if (!strcmp(type, "fqdn"))
		return set(id, IKE_ID_FQDN, text, strlen(text));
	if (!strcmp(type, "rfc822-addr"))
		return set(id, IKE_ID_RFC822, text, strlen(text));
	if (!strcmp(type, "der-asn1-dn"))
		return set_dn(id, text);
	return set_bytes(id, !strcmp(type, "der-asn1-gn") ? IKE_ID_DER_GN : IKE_ID_KEY_ID, text);
}

/* A key is text, or the bytes behind 0x. */
static int read_key(struct entry *e, const char *value, const struct secret_key *key)
{
	char clear[2 * IKE_PSK_MAX + 8];
	int rc = 0;

	if (key && secret_is_sealed(value))
		rc = secret_unseal(key, value, clear, sizeof(clear));
	else
		snprintf(clear, sizeof(clear), "%s", value);
	if (!rc && !strncmp(clear, "0x", 2) &&
	    OPENSSL_hexstr2buf_ex(e->key, sizeof(e->key), &e->len, clear + 2, '\0') == 1) {
		rc = e->len ? 0 : -EINVAL;
	} else if (!rc) {
		e->len = strlen(clear);
		rc = e->len && e->len <= sizeof(e->key) ? 0 : -EINVAL;
		if (!rc)
			memcpy(e->key, clear, e->len);
	}
	OPENSSL_cleanse(clear, sizeof(clear));
	return rc;
}

static void add(struct ipsecmgr_secrets *s, const struct cfg_node *n, const struct secret_key *key,
                void (*problem)(void *arg, const char *text), void *arg)
{
	const char *type = cfg_arg(n, "id-type"), *id = cfg_arg(n, "id"), *value = cfg_arg(n, "key");
	struct entry *e = calloc(1, sizeof(*e));
	char text[512];
	unsigned at;

	if (e && type && id && value && !read_id(&e->id, type, id) && !read_key(e, value, key)) {
		at = slot(&e->id);
		e->next = s->bucket[at];
		s->bucket[at] = e;
		s->n++;
		return;
	}
	snprintf(text, sizeof(text), "remote-id %.30s %.255s cannot be used", type ? type : "-",
	         id ? id : "-");
	if (problem)
		problem(arg, text);
	if (e)
		OPENSSL_cleanse(e, sizeof(*e));
	free(e);
}

struct ipsecmgr_secrets *ipsecmgr_secrets_build(const struct cfg_tree *tree, const struct secret_key *key,
                                                void (*problem)(void *arg, const char *text), void *arg)
{
	const struct cfg_node *list = cfg_first(tree->root, "crypto-remote-secret-list"), *n;
	struct ipsecmgr_secrets *s = list ? calloc(1, sizeof(*s)) : NULL;

	if (s)
		cfg_foreach(n, list, "remote-id-id-type") add(s, n, key, problem, arg);
	return s;
}

void ipsecmgr_secrets_free(struct ipsecmgr_secrets *s)
{
	for (unsigned i = 0; s && i < BUCKETS; i++) {
		struct entry *e;

		while ((e = s->bucket[i])) {
			s->bucket[i] = e->next;
			OPENSSL_cleanse(e, sizeof(*e));
			free(e);
		}
	}
	free(s);
}

int ipsecmgr_secrets_find(const struct ipsecmgr_secrets *s, const struct ike_id *id, uint8_t *out,
                          size_t *len)
{
	for (const struct entry *e = s ? s->bucket[slot(id)] : NULL; e; e = e->next) {
		if (!ike_id_equal(&e->id, id))
			continue;
		memcpy(out, e->key, e->len);
		*len = e->len;
		return 0;
	}
	return -ENOENT;
}

size_t ipsecmgr_secrets_count(const struct ipsecmgr_secrets *s)
{
	return s ? s->n : 0;
}
