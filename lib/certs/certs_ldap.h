/* SPDX-License-Identifier: MIT */
/*
 * An entry of a directory as libcurl writes it (much like LDIF, RFC 2849): a line with its name, then a line
 * for each value, "attribute: text" or "attribute:: base64". Of RFC 4523 the attributes with certificates
 * and revocation lists are known. Called by certs.c.
 */
#ifndef CERTS_CERTS_LDAP_H
#define CERTS_CERTS_LDAP_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The first revocation list (crl), or certificate, in text. *p is malloc'ed, *len bytes. 0, -ENOENT (none),
 * -EBADMSG (not in base64), -ENOMEM.
 */
int certs_ldap_value(const char *text, size_t size, bool crl, char **p, size_t *len);

#endif
