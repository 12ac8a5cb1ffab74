/* SPDX-License-Identifier: MIT */
/*
 * What a line of the configuration means by a certificate, list or key (chapter 11): the PEM text in the line
 * itself, or a file of this chassis. URLs of the network are fetched before (certs.h), and are files then.
 * Nothing here looks into what was read; lib/pki does. Callers: tasks/ipsecmgr, the shows of tasks/cli.
 */
#ifndef CERTS_CERTS_READ_H
#define CERTS_CERTS_READ_H

#include <stddef.h>

/*
 * text: PEM as it stands in a line, with "\n" or blanks for the ends of lines; NULL: the file url under
 * state_dir. *p is malloc'ed, *len bytes; the caller wipes it if it is a key. 0, -ENOENT (neither),
 * -EPROTONOSUPPORT (not fetched yet), -errno.
 */
int certs_read(const char *state_dir, const char *text, const char *url, char **p, size_t *len);
/* What is wrong, in words. */
const char *certs_read_error(int rc);

#endif
