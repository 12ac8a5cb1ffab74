/* SPDX-License-Identifier: MIT */
/*
 * Passwords of users: stored as a one-way hash (scrypt, RFC 7914), never as anything that could be opened
 * again. Callers: the CLI engine's hooks (configuration), sshd (logins). Each call takes PASSWD_MEMORY of
 * memory and some 60 ms of a core on purpose: an event loop calls it from a worker thread.
 */
#ifndef ORRERY_PASSWD_H
#define ORRERY_PASSWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PASSWD_TEXT_MAX 96         /* longest hash as text, with its NUL */
#define PASSWD_MEMORY   (33 << 20) /* bytes one call works in */

/* clear -> one word beginning "+B", another one at each call (random salt). 0, -ENOSPC, -EIO. */
int passwd_hash(const char *clear, char *out, size_t size);
/* Has this text the form of a hash, with costs that passwd_verify() would spend? */
bool passwd_is_hash(const char *text);
/* When a hash was made: UNIX time, to the minute; 0: not known (it is of an earlier release, or no hash). */
int64_t passwd_made(const char *hash);
/*
 * Is clear the password of this hash? hash NULL (no such user) takes as long and is false. The comparison
 * takes the same time for every wrong password.
 */
bool passwd_verify(const char *hash, const char *clear);

#endif
