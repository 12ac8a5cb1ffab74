/* SPDX-License-Identifier: MIT */
/*
 * A tar archive in memory, as POSIX.1-1988 has it (ustar): regular files only. Callers: show support details
 * of tasks/cli.
 */
#ifndef DISK_TAR_H
#define DISK_TAR_H

#include <stddef.h>
#include <stdint.h>

struct tar {
	char *data; /* malloc'ed */
	size_t len, size;
};

/* Append a file. name: relative, at most 99 characters. 0, -ENAMETOOLONG, -ENOMEM (the archive stays as it
 * was). */
int tar_add(struct tar *t, const char *name, const void *data, size_t len, uint64_t mtime_s);
/* The end of the archive. 0 or -ENOMEM. */
int tar_end(struct tar *t);
void tar_free(struct tar *t);

#endif
