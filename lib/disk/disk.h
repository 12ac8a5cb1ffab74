/* SPDX-License-Identifier: MIT */
/*
 * The chassis' own file systems: /flash, /hd-raid and /usb1, directories of the state directory. Every path
 * an operator or a configuration names is resolved here and nowhere else: nothing climbs out of them, also
 * not by a symbolic link (openat2 with RESOLVE_BENEATH). Callers: sct (configuration files), cli (file
 * commands, TAB).
 */
#ifndef DISK_DISK_H
#define DISK_DISK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define DISK_URL_MAX 256

/* The file systems, ended by NULL: "/flash", "/hd-raid", "/usb1". */
extern const char *const disk_roots[];

/*
 * "/flash/x", "file:/flash/x", "/flash" in canonical form ("/flash/x"; no "//", no "/" at the end). -EINVAL:
 * no such file system, "." or ".." as a part, a control character; -ENAMETOOLONG.
 */
int disk_url(const char *url, char *out, size_t size);

/* As open(2), O_CLOEXEC added. A descriptor or -errno. */
int disk_open(const char *state_dir, const char *url, int flags, mode_t mode);
/* The whole file as NUL-terminated text, malloc'ed; at most max bytes. 0, -EFBIG, -EISDIR, -errno. */
int disk_read(const char *state_dir, const char *url, size_t max, char **text, size_t *len);
/*
 * A new file takes the place of the old one when it is whole and durable: written beside it, synced, renamed,
 * the directory synced. After an error the old file is as it was. 0 or -errno.
 */
int disk_write(const char *state_dir, const char *url, const char *text, size_t len);
/* The same with what fd has to give, up to its end. */
int disk_write_from(const char *state_dir, const char *url, int fd, uint64_t *bytes);

/* The one thing named, never what a link of that name points to. 0 or -errno. */
int disk_stat(const char *state_dir, const char *url, struct stat *st);
int disk_unlink(const char *state_dir, const char *url);
int disk_rename(const char *state_dir, const char *from, const char *to);
int disk_mkdir(const char *state_dir, const char *url);
/* force: also what is in it. */
int disk_rmdir(const char *state_dir, const char *url, int force);

/* Every entry of a directory but "." and "..", in no order. Stops when each() returns non-zero; 0 or -errno.
 */
int disk_list(const char *state_dir, const char *url,
              int (*each)(void *arg, const char *name, const struct stat *st), void *arg);

/* What an operator reads about a failure: "not a file of /flash, /hd-raid or /usb1", else strerror(). */
const char *disk_error(int rc);

#endif
