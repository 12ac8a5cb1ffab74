/* SPDX-License-Identifier: MIT */
/* Shared by the files of lib/certs. */
#ifndef CERTS_CERTS_INT_H
#define CERTS_CERTS_INT_H

#include "cli/engine/cli.h"
#include "pki/pki.h"

/* Can a line of this row use these bytes? */
enum pki_reason certs_look(const struct cli_row *row, struct pki_bytes in);

#endif
