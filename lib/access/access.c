/* SPDX-License-Identifier: MIT */
/*
 * The text of a list line by line, and the table over it. An identity is brought into one normal form
 * (access_id.c), the same for what the file says and for what a peer sends. Entry points in access.h.
 */
#include "access/access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static const struct type {
	const char *word;
	uint8_t id;
} types[] = {
        {"ipv4", IKE_ID_IPV4}, {"ipv6", IKE_ID_IPV6}, {"fqdn", IKE_ID_FQDN},     {"email", IKE_ID_RFC822},
        {"dn", IKE_ID_DER_DN}, {"gn", IKE_ID_DER_GN}, {"key-id", IKE_ID_KEY_ID}, {"keyid", IKE_ID_KEY_ID},
};
#define TYPES (sizeof(types) / sizeof(types[0]))

/* The value of a line. What can be no such identity is refused: a list with a slip in it keeps nobody out. */
static int read_value(struct access_id *n, uint8_t type, const char *text)
{
	struct ike_id id;

	if (type == IKE_ID_FQDN && strpbrk(text, " @"))
		return -EINVAL;
	if (type == IKE_ID_RFC822 && !strchr(text, '@'))
		return -EINVAL;
	if (access_id_wire(&id, type, text))
		return -EINVAL;
	return access_id_normal(n, &id);
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

static const struct entry *find(const struct access_list *l, const struct access_id *n)
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
	if (!l->heap || l->used + len > l->room) {
		size_t room = 2 * l->room + len + 4096;
		char *heap = realloc(l->heap, room);

		if (!heap)
			return -ENOMEM;
		l->heap = heap;
		l->room = room;
	}
	return 2 * l->n < l->n_buckets ? 0 : rehash(l);
}

static int add(struct access_list *l, const struct access_id *n, const char *value)
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
	struct access_id n = {0};
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
	struct access_id n = {0};

	return l && !access_id_normal(&n, id) && find(l, &n);
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
