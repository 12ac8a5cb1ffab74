/* SPDX-License-Identifier: MIT */
/*
 * The text of a list line by line, and the table over it. An identity is brought into one normal form (name
 * of a domain in small letters, a distinguished name as RFC 4514 text), the same for what the file says and
 * for what a peer sends. Entry points in access.h.
 */
#include "access/access.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/x509v3.h>

#include "net/addr.h"

#define NORMAL_MAX 1024 /* bytes of a normal form: an ID as text of at most four bytes each */

struct entry {
	uint32_t next; /* in its bucket, + 1; 0: none */
	uint32_t key, value;
	uint16_t key_len;
	uint8_t type;
};

struct access_list {
	struct entry *e;
	size_t n, size;
	uint32_t *bucket;
	size_t n_buckets; /* a power of two */
	char *heap;       /* keys and values */
	size_t used, room;
};

struct normal {
	uint8_t type, b[NORMAL_MAX];
	size_t len;
};

static const struct type {
	const char *word;
	uint8_t id;
} types[] = {
        {"ipv4", IKE_ID_IPV4}, {"ipv6", IKE_ID_IPV6}, {"fqdn", IKE_ID_FQDN},     {"email", IKE_ID_RFC822},
        {"dn", IKE_ID_DER_DN}, {"gn", IKE_ID_DER_GN}, {"key-id", IKE_ID_KEY_ID}, {"keyid", IKE_ID_KEY_ID},
};
#define TYPES (sizeof(types) / sizeof(types[0]))

/* --- normal forms --------------------------------------------------------------------------------------- */

static int set(struct normal *n, const void *p, size_t len)
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

static int set_fqdn(struct normal *n, const void *p, size_t len)
{
	if (len > 1 && ((const char *)p)[len - 1] == '.')
		len--;
	if (set(n, p, len))
		return -EINVAL;
	small(n->b, n->len);
	return 0;
}

/* The part before the @ is its domain's own affair (RFC 5321 section 2.4). */
static int set_email(struct normal *n, const void *p, size_t len)
{
	const char *at;

	if (set(n, p, len))
		return -EINVAL;
	at = memchr(n->b, '@', n->len);
	if (at)
		small((uint8_t *)(uintptr_t)at, n->len - (size_t)((const uint8_t *)at - n->b));
	return 0;
}

static int set_name(struct normal *n, const X509_NAME *name)
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
static int set_der_dn(struct normal *n, const uint8_t *der, size_t len)
{
	const unsigned char *p = der;
	X509_NAME *name = d2i_X509_NAME(NULL, &p, (long)len);
	int rc = name && p == der + len ? set_name(n, name) : set(n, der, len);

	X509_NAME_free(name);
	return rc;
}

static int normalise(struct normal *n, const struct ike_id *id)
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

/* --- values of a file -------------------------------------------------------------------------------------
 */

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

static int value_dn(struct normal *n, const char *text)
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
		rc = X509_NAME_entry_count(name) ? set_name(n, name) : -EINVAL;
	X509_NAME_free(name);
	return rc;
}

/* "0x…": the bytes of it. Returns -ENOENT for other texts. */
static int value_hex(struct normal *n, const char *text)
{
	uint8_t b[ACCESS_LINE_MAX];
	size_t len = 0;

	if (strncmp(text, "0x", 2) != 0)
		return -ENOENT;
	if (OPENSSL_hexstr2buf_ex(b, sizeof(b), &len, text + 2, '\0') != 1)
		return -EINVAL;
	return set(n, b, len);
}

/* "DNS:host", "email:a@b", "IP:192.0.2.1", "URI:…", or bytes. */
static int value_gn(struct normal *n, const char *text)
{
	static const struct {
		const char *word;
		int kind;
	} kinds[] = {{"DNS:", GEN_DNS}, {"email:", GEN_EMAIL}, {"IP:", GEN_IPADD}, {"URI:", GEN_URI}};
	unsigned char *der = NULL;
	GENERAL_NAME *gn = NULL;
	int len, rc = value_hex(n, text);

	if (rc != -ENOENT)
		return rc;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !gn; i++)
		if (!strncasecmp(text, kinds[i].word, strlen(kinds[i].word)))
			gn = a2i_GENERAL_NAME(NULL, NULL, NULL, kinds[i].kind, text + strlen(kinds[i].word),
			                      0);
	if (!gn)
		return -EINVAL;
	len = i2d_GENERAL_NAME(gn, &der);
	rc = len > 0 ? set(n, der, (size_t)len) : -EINVAL;
	OPENSSL_free(der);
	GENERAL_NAME_free(gn);
	return rc;
}

static int value_ip(struct normal *n, const char *text, int family)
{
	struct net_addr a;

	return net_addr_parse(&a, text) || a.family != family ? -EINVAL : set(n, a.bytes, net_addr_len(&a));
}

static int read_value(struct normal *n, uint8_t type, const char *text)
{
	size_t len = strlen(text);
	int rc;

	n->type = type;
	switch (type) {
	case IKE_ID_IPV4:
		return value_ip(n, text, AF_INET);
	case IKE_ID_IPV6:
		return value_ip(n, text, AF_INET6);
	case IKE_ID_FQDN:
		return strpbrk(text, " @") || len > IKE_ID_MAX ? -EINVAL : set_fqdn(n, text, len);
	case IKE_ID_RFC822:
		return !strchr(text, '@') || len > IKE_ID_MAX ? -EINVAL : set_email(n, text, len);
	case IKE_ID_DER_DN:
		return value_dn(n, text);
	case IKE_ID_DER_GN:
		return value_gn(n, text);
	}
	rc = value_hex(n, text);
	return rc == -ENOENT ? set(n, text, len) : rc;
}

/* --- the table --------------------------------------------------------------------------------------------
 */

static size_t slot(const struct access_list *l, uint8_t type, const void *key, size_t len)
{
	uint32_t h = 2166136261u ^ type;

	for (size_t i = 0; i < len; i++)
		h = (h ^ ((const uint8_t *)key)[i]) * 16777619u;
	return h & (l->n_buckets - 1);
}

static const struct entry *find(const struct access_list *l, const struct normal *n)
{
	uint32_t at = l->n_buckets ? l->bucket[slot(l, n->type, n->b, n->len)] : 0;

	for (; at; at = l->e[at - 1].next) {
		const struct entry *e = &l->e[at - 1];

		if (e->type == n->type && e->key_len == n->len && !memcmp(l->heap + e->key, n->b, n->len))
			return e;
	}
	return NULL;
}

static int rehash(struct access_list *l)
{
	size_t n = l->n_buckets ? 4 * l->n_buckets : 64;
	uint32_t *bucket = calloc(n, sizeof(*bucket));

	if (!bucket)
		return -ENOMEM;
	free(l->bucket);
	l->bucket = bucket;
	l->n_buckets = n;
	for (uint32_t i = 0; i < l->n; i++) {
		size_t at = slot(l, l->e[i].type, l->heap + l->e[i].key, l->e[i].key_len);

		l->e[i].next = l->bucket[at];
		l->bucket[at] = i + 1;
	}
	return 0;
}

/* Room for len bytes of the heap and one more entry. */
static int grow(struct access_list *l, size_t len)
{
	if (l->n == l->size) {
		size_t size = l->size ? 2 * l->size : 64;
		struct entry *e = realloc(l->e, size * sizeof(*e));

		if (!e)
			return -ENOMEM;
		l->e = e;
		l->size = size;
	}
	if (l->used + len > l->room) {
		size_t room = 2 * l->room + len + 4096;
		char *heap = realloc(l->heap, room);

		if (!heap)
			return -ENOMEM;
		l->heap = heap;
		l->room = room;
	}
	return 2 * l->n < l->n_buckets ? 0 : rehash(l);
}

static int add(struct access_list *l, const struct normal *n, const char *value)
{
	size_t len = strlen(value) + 1, at;
	struct entry *e;

	if (find(l, n))
		return 0; /* twice is once */
	if (grow(l, n->len + len))
		return -ENOMEM;
	e = &l->e[l->n++];
	*e = (struct entry){.key = (uint32_t)l->used,
	                    .key_len = (uint16_t)n->len,
	                    .type = n->type,
	                    .value = (uint32_t)(l->used + n->len)};
	memcpy(l->heap + e->key, n->b, n->len);
	memcpy(l->heap + e->value, value, len);
	l->used += n->len + len;
	at = slot(l, n->type, n->b, n->len);
	e->next = l->bucket[at];
	l->bucket[at] = (uint32_t)l->n;
	return 0;
}

/* --- lines ------------------------------------------------------------------------------------------------
 */

static void bad(struct access_report *r, size_t line, const char *why, const char *what)
{
	if (r->bad < ACCESS_BAD_MAX) {
		struct access_bad *b = &r->first[r->bad];

		b->line = line;
		snprintf(b->why, sizeof(b->why), *what ? "%s \"%.40s\"" : "%s", why, what);
		for (char *p = b->why; *p; p++)
			if ((unsigned char)*p < ' ' || *p == 0x7f)
				*p = '?';
	}
	r->bad++;
}

/* The value of a line, between quotes or to its end, cut out in place. NULL: none, or not closed. */
static char *cut_value(char *p)
{
	char *end;

	p += strspn(p, " \t");
	if (*p != '"') {
		end = p + strlen(p);
		while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
			end--;
		*end = '\0';
		return *p && !strchr(p, '"') ? p : NULL;
	}
	end = strchr(++p, '"');
	if (!end || end == p || end[1 + strspn(end + 1, " \t")])
		return NULL;
	*end = '\0';
	return p;
}

/* 0, or -ENOMEM; what is wrong with the line is in the report. */
static int read_line(struct access_list *l, char *line, size_t number, struct access_report *r)
{
	struct normal n = {0};
	char *word = line + strspn(line, " \t"), *value;
	size_t len = strcspn(word, " \t"), i = 0;

	if (!*word || *word == '#')
		return 0;
	while (i < TYPES && (strlen(types[i].word) != len || strncasecmp(types[i].word, word, len) != 0))
		i++;
	value = word[len] ? word + len + 1 : word + len;
	word[len] = '\0';
	if (i == TYPES) {
		bad(r, number, "no type of identity:", word);
		return 0;
	}
	value = cut_value(value);
	if (!value)
		bad(r, number, "no value in quotes", "");
	else if (read_value(&n, types[i].id, value))
		bad(r, number, "not the value of such an identity:", value);
	else if (l->n >= ACCESS_LINES_MAX)
		bad(r, number, "more than 100000 identities", "");
	else
		return add(l, &n, value);
	return 0;
}

/* A line as a string: without its end, of Unix or DOS. False: it cannot be a line. */
static bool copy_line(char *to, const char *p, size_t len)
{
	if (len && p[len - 1] == '\r')
		len--;
	if (len > ACCESS_LINE_MAX || memchr(p, '\0', len))
		return false;
	memcpy(to, p, len);
	to[len] = '\0';
	return true;
}

struct access_list *access_parse(const char *text, size_t len, struct access_report *r)
{
	struct access_list *l = calloc(1, sizeof(*l));
	char line[ACCESS_LINE_MAX + 1];
	const char *p = text, *end = text + len, *eol;
	int rc = l ? rehash(l) : -ENOMEM;

	memset(r, 0, sizeof(*r));
	if (len >= 3 && !memcmp(p, "\xef\xbb\xbf", 3)) /* DOS editors put it in front of UTF-8 */
		p += 3;
	if (end > p && end[-1] == 0x1a) /* … and this behind */
		end--;
	for (size_t number = 1; p < end && !rc && r->bad < ACCESS_LINES_MAX; p = eol + 1, number++) {
		eol = memchr(p, '\n', (size_t)(end - p));
		if (!eol)
			eol = end;
		if (copy_line(line, p, (size_t)(eol - p)))
			rc = read_line(l, line, number, r);
		else
			bad(r, number, "longer than 511 characters, or no text", "");
	}
	if (!rc && !r->bad)
		return l;
	access_free(l);
	return NULL;
}

void access_free(struct access_list *l)
{
	if (!l)
		return;
	free(l->e);
	free(l->bucket);
	free(l->heap);
	free(l);
}

bool access_has(const struct access_list *l, const struct ike_id *id)
{
	struct normal n = {0};

	return l && !normalise(&n, id) && find(l, &n);
}

size_t access_count(const struct access_list *l)
{
	return l ? l->n : 0;
}

const char *access_type(const struct access_list *l, size_t i)
{
	for (size_t k = 0; k < TYPES; k++)
		if (types[k].id == l->e[i].type)
			return types[k].word;
	return "?";
}

const char *access_value(const struct access_list *l, size_t i)
{
	return l->heap + l->e[i].value;
}
