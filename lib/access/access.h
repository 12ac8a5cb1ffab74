/* SPDX-License-Identifier: MIT */
/*
 * Blacklists and whitelists (IPSec Reference chapter 13): a text of identities, one a line, as a table that
 * is asked in constant time. `TYPE "VALUE"`, types ipv4, ipv6, fqdn, email, dn, gn, key-id; lines that begin
 * with # and empty ones say nothing; ends of lines of Unix and DOS. Read by ipsecctrl, asked by ipsecmgr.
 */
#ifndef ACCESS_ACCESS_H
#define ACCESS_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ike/ike.h"

#define ACCESS_FILE_MAX  (16u << 20) /* bytes of a file */
#define ACCESS_LINES_MAX 100000u     /* identities of a list */
#define ACCESS_LINE_MAX  511u        /* bytes of a line */
#define ACCESS_BAD_MAX   10u         /* bad lines that are remembered one by one */

/* Where ipsecctrl leaves a list that was read, in the state directory; %s: blacklist or whitelist. Its first
 * line is a comment: "# BOOT-ID VERSION URL". */
#define ACCESS_SNAPSHOT "lists/%s"

struct access_list;

/* --- identities (access_id.c) --- */

/* An identity in its normal form: names of domains in small letters and without a last dot, distinguished
 * names as RFC 4514 text; two that mean the same are the same bytes. */
#define ACCESS_ID_MAX 1024 /* bytes: an ID as text of at most four bytes each */
struct access_id {
	uint8_t type, b[ACCESS_ID_MAX];
	size_t len;
};
/* From the wire. 0 or -EINVAL (empty). */
int access_id_normal(struct access_id *n, const struct ike_id *id);
/* From text to the wire: an address; a name; "C=DE,O=Example,CN=peer" (parts also apart by /, \\ takes the
 * next character as it is); "DNS:", "email:", "IP:" or "URI:" with a value, or bytes behind 0x; a key id, or
 * bytes behind 0x. 0, -EINVAL (not of that type, or longer than IKE_ID_MAX), -ENOMEM. */
int access_id_wire(struct ike_id *id, uint8_t type, const char *text);
/* … the type by its word in a configuration: ip-addr, fqdn, rfc822-addr, der-asn1-dn, der-asn1-gn, key-id. */
int access_id_configured(struct ike_id *id, const char *word, const char *text);

/* --- lists --- */

/* What is wrong with a text. */
struct access_report {
	size_t bad; /* lines, all of them */
	struct access_bad {
		size_t line; /* from 1 */
		char why[80];
	} first[ACCESS_BAD_MAX];
};

/* The text as a list; NULL when a line is bad (all of them are in r), or out of memory (r->bad is 0). */
struct access_list *access_parse(const char *text, size_t len, struct access_report *r);
void access_free(struct access_list *l); /* NULL-safe */

/* Is this identity, as a peer sent it, on the list? Names of domains are compared without regard to case,
 * distinguished names without regard to the kind of their strings. */
bool access_has(const struct access_list *l, const struct ike_id *id);
size_t access_count(const struct access_list *l);
/* The i-th identity in the order of the file: its type as a word and its value as it was written; i must be
 * below access_count(). */
const char *access_type(const struct access_list *l, size_t i);
const char *access_value(const struct access_list *l, size_t i);

/* A file as text with a NUL behind it, to be freed; at most ACCESS_FILE_MAX bytes. 0, -EFBIG, -errno. */
int access_read(const char *path, char **text, size_t *len);
/* … the other way: the new file takes the old one's place when it is whole and durable. 0 or -errno. */
int access_write(const char *path, const char *head, const char *text, size_t len);

#endif
