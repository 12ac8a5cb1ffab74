/* SPDX-License-Identifier: MIT */
/*
 * Paths of the chassis' file systems, see disk.h: disk_at() opens the directory something stands in, below
 * the root of its file system; everything else acts on a name in that directory.
 */
#include "disk/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEPTH_MAX 64

const char *const disk_roots[] = {"/flash", "/hd-raid", "/usb1", NULL};

/* --- names -------------------------------------------------------------------------------------------------
 */

/* The file system's length in a path, or 0. */
static size_t root_len(const char *path)
{
	for (size_t i = 0; disk_roots[i]; i++) {
		size_t n = strlen(disk_roots[i]);

		if (!strncmp(path, disk_roots[i], n) && (!path[n] || path[n] == '/'))
			return n;
	}
	return 0;
}

int disk_url(const char *url, char *out, size_t size)
{
	size_t at = 0;

	if (!strncmp(url, "file:", 5))
		url += 5;
	if (strlen(url) >= DISK_URL_MAX)
		return -ENAMETOOLONG;
	while (*url == '/') {
		size_t n;

		url += strspn(url, "/");
		n = strcspn(url, "/");
		if (!n)
			break;
		if ((n == 1 && *url == '.') || (n == 2 && !strncmp(url, "..", 2)))
			return -EINVAL;
		if (at + n + 2 > size)
			return -ENAMETOOLONG;
		out[at++] = '/';
		memcpy(out + at, url, n);
		at += n;
		url += n;
	}
	if (!at || *url)
		return -EINVAL;
	out[at] = 0;
	for (const char *p = out; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return -EINVAL;
	return root_len(out) ? 0 : -EINVAL;
}

const char *disk_error(int rc)
{
	if (rc == -EINVAL || rc == -EXDEV || rc == -ELOOP)
		return "not a file of /flash, /hd-raid or /usb1";
	return strerror(-rc);
}

/* --- places ------------------------------------------------------------------------------------------------
 */

struct at {
	int dir;
	char name[DISK_URL_MAX]; /* in dir; "" : dir is the file system itself */
};

static int beneath(int dir, const char *path, int flags, mode_t mode)
{
	struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
	                       .mode = flags & O_CREAT ? mode : 0,
	                       .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/* The directory in which url stands, and its name there. */
static int disk_at(const char *state_dir, const char *url, struct at *at)
{
	char path[DISK_URL_MAX], root[600];
	char *rel, *last;
	size_t n;
	int rc = disk_url(url, path, sizeof(path)), fd;

	*at = (struct at){.dir = -1};
	if (rc < 0)
		return rc;
	n = root_len(path);
	snprintf(root, sizeof(root), "%s%.*s", state_dir, (int)n, path);
	fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rel = path + n + (path[n] == '/');
	last = strrchr(rel, '/');
	snprintf(at->name, sizeof(at->name), "%s", last ? last + 1 : rel);
	at->dir = fd;
	if (last) {
		*last = 0;
		at->dir = beneath(fd, rel, O_PATH | O_DIRECTORY, 0);
		close(fd);
	}
	return at->dir < 0 ? at->dir : 0;
}

/* As disk_at(), for something that has a name: not a file system itself. */
static int named_at(const char *state_dir, const char *url, struct at *at)
{
	int rc = disk_at(state_dir, url, at);

	if (rc == 0 && !at->name[0]) {
		close(at->dir);
		rc = -EBUSY;
	}
	return rc;
}

int disk_open(const char *state_dir, const char *url, int flags, mode_t mode)
{
	struct at at;
	int rc = disk_at(state_dir, url, &at);

	if (rc < 0)
		return rc;
	rc = beneath(at.dir, at.name[0] ? at.name : ".", flags, mode);
	close(at.dir);
	return rc;
}

/* --- whole files -------------------------------------------------------------------------------------------
 */

int disk_read(const char *state_dir, const char *url, size_t max, char **text, size_t *len)
{
	int fd = disk_open(state_dir, url, O_RDONLY | O_NONBLOCK, 0), rc = 0;
	struct stat st;
	size_t at = 0;
	ssize_t n = 1;
	char *buf = NULL;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		rc = -errno;
	else if (!S_ISREG(st.st_mode))
		rc = S_ISDIR(st.st_mode) ? -EISDIR : -EPERM;
	else if ((uint64_t)st.st_size > max)
		rc = -EFBIG;
	else if (!(buf = malloc((size_t)st.st_size + 1)))
		rc = -ENOMEM;
	while (!rc && at < (size_t)st.st_size && (n = read(fd, buf + at, (size_t)st.st_size - at)) > 0)
		at += (size_t)n;
	if (!rc && n < 0)
		rc = -errno;
	close(fd);
	if (rc < 0 || !buf) {
		free(buf);
		return rc;
	}
	buf[at] = 0;
	*text = buf;
	*len = at;
	return 0;
}

/* What is written goes into a file beside the old one. */
struct writer {
	struct at at;
	char tmp[DISK_URL_MAX + 8];
	int fd;
};

static int writer_open(struct writer *w, const char *state_dir, const char *url)
{
	struct stat st;
	int rc = named_at(state_dir, url, &w->at);

	if (rc < 0)
		return rc;
	if (fstatat(w->at.dir, w->at.name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode)) {
		close(w->at.dir);
		return S_ISDIR(st.st_mode) ? -EISDIR : -EPERM;
	}
	snprintf(w->tmp, sizeof(w->tmp), "%s.new", w->at.name);
	unlinkat(w->at.dir, w->tmp, 0); /* of a writer that died */
	w->fd = openat(w->at.dir, w->tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (w->fd >= 0)
		return 0;
	rc = -errno;
	close(w->at.dir);
	return rc;
}

static int writer_put(struct writer *w, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(w->fd, text, len);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static int writer_close(struct writer *w, int rc)
{
	int dir;

	if (rc == 0 && fsync(w->fd) < 0)
		rc = -errno;
	close(w->fd);
	if (rc == 0 && renameat(w->at.dir, w->tmp, w->at.dir, w->at.name) < 0)
		rc = -errno;
	if (rc < 0)
		unlinkat(w->at.dir, w->tmp, 0);
	dir = rc < 0 ? -1 : openat(w->at.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0) {
		fsync(dir);
		close(dir);
	}
	close(w->at.dir);
	return rc;
}

int disk_write(const char *state_dir, const char *url, const char *text, size_t len)
{
	struct writer w;
	int rc = writer_open(&w, state_dir, url);

	return rc < 0 ? rc : writer_close(&w, writer_put(&w, text, len));
}

int disk_write_from(const char *state_dir, const char *url, int fd, uint64_t *bytes)
{
	struct writer w;
	char buf[65536];
	ssize_t n = 0;
	int rc = writer_open(&w, state_dir, url);

	*bytes = 0;
	if (rc < 0)
		return rc;
	while (rc == 0 && (n = read(fd, buf, sizeof(buf))) > 0) {
		rc = writer_put(&w, buf, (size_t)n);
		*bytes += (uint64_t)n;
	}
	return writer_close(&w, rc < 0 ? rc : n < 0 ? -errno : 0);
}

/* --- things with a name ------------------------------------------------------------------------------------
 */

int disk_stat(const char *state_dir, const char *url, struct stat *st)
{
	struct at at;
	int rc = disk_at(state_dir, url, &at);

	if (rc < 0)
		return rc;
	if (fstatat(at.dir, at.name, st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
		rc = -errno;
	close(at.dir);
	return rc;
}

int disk_unlink(const char *state_dir, const char *url)
{
	struct at at;
	int rc = named_at(state_dir, url, &at);

	if (rc < 0)
		return rc;
	if (unlinkat(at.dir, at.name, 0) < 0)
		rc = -errno;
	close(at.dir);
	return rc;
}

int disk_rename(const char *state_dir, const char *from, const char *to)
{
	struct at a, b;
	struct stat st;
	int rc = named_at(state_dir, from, &a);

	if (rc < 0)
		return rc;
	rc = named_at(state_dir, to, &b);
	if (rc < 0) {
		close(a.dir);
		return rc;
	}
	if (fstatat(b.dir, b.name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		rc = -EISDIR;
	else if (renameat(a.dir, a.name, b.dir, b.name) < 0)
		rc = errno == EXDEV ? -EOPNOTSUPP : -errno;
	close(a.dir);
	close(b.dir);
	return rc;
}

int disk_mkdir(const char *state_dir, const char *url)
{
	struct at at;
	int rc = named_at(state_dir, url, &at);

	if (rc < 0)
		return rc;
	if (mkdirat(at.dir, at.name, 0700) < 0)
		rc = -errno;
	close(at.dir);
	return rc;
}

/* Empties a directory; follows no link. */
static int empty_dir(int parent, const char *name, unsigned depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), rc = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	struct stat st;

	if (!d) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc == 0 && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			rc = -errno;
		else if (S_ISDIR(st.st_mode))
			rc = depth ? empty_dir(fd, e->d_name, depth - 1) : -ELOOP;
		if (rc == 0 && unlinkat(fd, e->d_name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0)
			rc = -errno;
	}
	closedir(d);
	return rc;
}

int disk_rmdir(const char *state_dir, const char *url, int force)
{
	struct at at;
	int rc = named_at(state_dir, url, &at);

	if (rc < 0)
		return rc;
	if (force)
		rc = empty_dir(at.dir, at.name, DEPTH_MAX);
	if (rc == 0 && unlinkat(at.dir, at.name, AT_REMOVEDIR) < 0)
		rc = -errno;
	close(at.dir);
	return rc;
}

int disk_list(const char *state_dir, const char *url,
              int (*each)(void *arg, const char *name, const struct stat *st), void *arg)
{
	int fd = disk_open(state_dir, url, O_RDONLY | O_DIRECTORY, 0), stop = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	struct stat st;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return fd < 0 ? fd : -errno;
	}
	while (!stop && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") &&
		    fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			stop = each(arg, e->d_name, &st);
	closedir(d);
	return 0;
}
