/* SPDX-License-Identifier: MIT */
/*
 * Certificates, CA certificates and revocation lists of the configuration (chapter 11, "Certificate and
 * Private Key Storage"; `pem url` of a template or map, chapter 15). What a line names by a URL, of the
 * network or of a file, is read when the line is committed: looked at, kept in a private directory of the
 * chassis, and the line names that file from then on. A private key becomes the sealed text of the line
 * instead: it is kept on no disk in clear text. No network here. Callers: tasks/cli (a line that is typed;
 * what is wrong with lines), tasks/sct (every line that is committed; files that no line names any more).
 */
#ifndef CERTS_CERTS_H
#define CERTS_CERTS_H

#include <stdbool.h>
#include <stddef.h>

#include "cfg/cfg.h"
#include "cli/engine/cli.h"

#define CERTS_DIR "/flash/pki"

/* Is it `certificate`, `ca-certificate`, `ca-crl` of the chassis, or `pem url` of a template or map? */
bool certs_is_row(const struct cli_row *row);
/* Calls each() for every such line, which must not change the tree. */
void certs_each(const struct cfg_tree *t, void (*each)(void *arg, const struct cfg_node *n), void *arg);

/* --- what is to be read --- */

/* The first variable of a line whose URL has not been read yet. NULL: none. */
const char *certs_wanted(const struct cfg_args *args);
/* Is that a URL of the network? Else it is a file of this chassis, or nothing at all. */
bool certs_is_remote(const struct cfg_args *args, const char *var);
/* Of lib/fetch. */
unsigned certs_protocols(const char *var);
/* How many bytes of it are taken. */
size_t certs_max(const struct cli_row *row, const struct cfg_args *args, const char *var);
/* Reads a file of this chassis that a line names. *p is malloc'ed and to be wiped. 0, or -errno and err. */
int certs_read_file(const char *state_dir, const struct cli_row *row, const struct cfg_args *args,
                    const char *var, char **p, size_t *len, char *err, size_t size);
/*
 * What was read for that variable takes its place in args. path: of the line; hooks: sealing, for the private
 * key. 0, or -errno with the reason in err: -EBADMSG it is no certificate, list or key, -ENOSPC, ….
 */
int certs_take(const char *state_dir, const struct cli_hooks *hooks, const struct cli_row *row,
               const char *path, struct cfg_args *args, const char *var, const char *data, size_t len,
               char *err, size_t size);

/* --- what is there --- */

/*
 * Is this edit right, as far as it is about these lines and what they name is there: certificates, lists and
 * keys that can be used, keys that belong to their certificates? state_dir NULL: only what stands in the line
 * itself is looked at. 0, or -EBADMSG with "Failure: …" in err.
 */
int certs_check(const char *state_dir, const struct cli_hooks *hooks, const struct cfg_tree *t,
                const struct cfg_edit *e, char *err, size_t size);
/* The same of a line that stands, and with one that has not been read yet. The reason alone is in err. */
int certs_check_node(const char *state_dir, const struct cli_hooks *hooks, const struct cfg_tree *t,
                     const struct cfg_node *n, char *err, size_t size);

/*
 * Removes the files of CERTS_DIR that no line of the tree names. One younger than a few seconds is left, as
 * its line may be on the way to the tree. Returns how many were left for that reason.
 */
unsigned certs_sweep(const char *state_dir, const struct cfg_tree *tree);

#endif
