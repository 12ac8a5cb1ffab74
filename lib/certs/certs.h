/* SPDX-License-Identifier: MIT */
/*
 * Certificates, CA certificates and revocation lists that a line of the configuration names by a URL of the
 * network (chapter 11, "Certificate and Private Key Storage"): what was fetched is looked at, kept in a
 * private directory of the chassis, and the line names that file from then on. A private key becomes the
 * sealed text of the line instead: it lies on no disk in clear text. No network here. Callers: tasks/cli (a
 * line that is typed), tasks/sct (a line of a file; files that no line names any more).
 */
#ifndef CERTS_CERTS_H
#define CERTS_CERTS_H

#include <stdbool.h>
#include <stddef.h>

#include "cfg/cfg.h"
#include "cli/engine/cli.h"

#define CERTS_DIR "/flash/pki"

/* The names of such rows, ended by NULL: "certificate", "ca-certificate", "ca-crl". */
extern const char *const certs_rows[];
bool certs_is_row(const char *row);
/* The first variable of a line with a URL of the network that is to be fetched. NULL: none. */
const char *certs_wanted(const struct cfg_args *args);
/* How many bytes of it are taken. */
size_t certs_max(const char *row, const char *var);
/*
 * What was fetched for that variable takes its place in args. hooks: sealing, for the private key. 0, or
 * -errno with the reason in err: -EBADMSG it is no certificate, list or key, -ENOSPC, ….
 */
int certs_take(const char *state_dir, const struct cli_hooks *hooks, const char *row, struct cfg_args *args,
               const char *var, const char *data, size_t len, char *err, size_t size);
/*
 * Removes the files of CERTS_DIR that no line of the tree names. One younger than a few seconds is left, as
 * its line may be on the way to the tree. Returns how many were left for that reason.
 */
unsigned certs_sweep(const char *state_dir, const struct cfg_tree *tree);

#endif
