/* SPDX-License-Identifier: MIT */
/*
 * Pre-shared keys by the peers' identities: the remote secret list of the configuration as a table (chapter
 * 14: 1,000 entries, six types of identities). Built anew with every change of the configuration. Entry
 * points: ipsecmgr_secrets_build(), ipsecmgr_secrets_find(), ipsecmgr_secrets_same(). Called by
 * ipsecmgr_cfg.c, ipsecmgr_change.c and the engine's key callback.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/access.h"
#include "cfg/cfg.h"
#include "secret/secret.h"

#define BUCKETS 1024u

struct entry {
	struct entry *next;
	struct access_id id;
	size_t len;
	uint8_t key[IKE_PSK_MAX];
};

struct ipsecmgr_secrets {
	struct entry *bucket[BUCKETS];
	size_t n;
};

static unsigned slot(const struct access_id *id)
{
	uint32_t h = 2166136261u ^ id->type;

	for (size_t i = 0; i < id->len; i++)
		h = (h ^ id->b[i]) * 16777619u;
	return h % BUCKETS;
}

/* A key is text, or the bytes behind 0x. */
static int read_key(struct entry *e, const char *value, const struct secret_key *key)
{
	char clear[2 * IKE_PSK_MAX + 8];
	int rc = 0;

	if (secret_is_sealed(value))
		rc = key ? secret_unseal(key, value, clear, sizeof(clear)) : -ENOKEY;
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
	struct ike_id wire;
	char text[512];
	unsigned at;

	if (e && type && id && value && !access_id_configured(&wire, type, id) &&
	    !access_id_normal(&e->id, &wire) && !read_key(e, value, key)) {
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

static const struct entry *entry_of(const struct ipsecmgr_secrets *s, const struct ike_id *id)
{
	const struct entry *e;
	struct access_id n;

	if (!s || access_id_normal(&n, id))
		return NULL;
	for (e = s->bucket[slot(&n)]; e; e = e->next)
		if (e->id.type == n.type && e->id.len == n.len && !memcmp(e->id.b, n.b, n.len))
			break;
	return e;
}

int ipsecmgr_secrets_find(const struct ipsecmgr_secrets *s, const struct ike_id *id, uint8_t *out,
                          size_t *len)
{
	const struct entry *e = entry_of(s, id);

	if (!e)
		return -ENOENT;
	memcpy(out, e->key, e->len);
	*len = e->len;
	return 0;
}

bool ipsecmgr_secrets_same(const struct ipsecmgr_secrets *a, const struct ipsecmgr_secrets *b,
                           const struct ike_id *id)
{
	const struct entry *x = entry_of(a, id), *y = entry_of(b, id);

	return x && y ? x->len == y->len && !memcmp(x->key, y->key, x->len) : x == y;
}

size_t ipsecmgr_secrets_count(const struct ipsecmgr_secrets *s)
{
	return s ? s->n : 0;
}
