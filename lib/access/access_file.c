/* SPDX-License-Identifier: MIT */
/*
 * Lists on the chassis' own disk, outside of what operators see: written by ipsecctrl, read by the ipsecmgrs
 * of the same boot. Entry points: access_read(), access_write().
 */
#include "access/access.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_MAX 1024 /* of a snapshot, beyond the file it is of */

static int read_all(int fd, char *to, size_t len)
{
	while (len) {
		ssize_t n = read(fd, to, len);

		if (n <= 0)
			return n ? -errno : -EIO; /* cut off while we read it */
		to += n;
		len -= (size_t)n;
	}
	return 0;
}

int access_read(const char *path, char **text, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = fd < 0 ? -errno : 0;
	struct stat st;

	*text = NULL;
	if (!rc && fstat(fd, &st))
		rc = -errno;
	if (!rc && (!S_ISREG(st.st_mode) || st.st_size > (off_t)ACCESS_FILE_MAX + HEAD_MAX))
		rc = -EFBIG;
	if (!rc) {
		*len = (size_t)st.st_size;
		*text = malloc(*len + 1);
		rc = *text ? read_all(fd, *text, *len) : -ENOMEM;
	}
	if (fd >= 0)
		close(fd);
	if (rc) {
		free(*text);
		*text = NULL;
		return rc;
	}
	(*text)[*len] = '\0';
	return 0;
}

int access_write(const char *path, const char *head, const char *text, size_t len)
{
	char tmp[512];
	FILE *f;
	int rc = 0, fd;

	snprintf(tmp, sizeof(tmp), "%s.new", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	if (fputs(head, f) < 0 || fwrite(text, 1, len, f) != len || fflush(f) || fsync(fd))
		rc = errno ? -errno : -EIO;
	if (fclose(f) && !rc)
		rc = -errno;
	if (!rc && rename(tmp, path))
		rc = -errno;
	if (rc)
		unlink(tmp);
	return rc;
}
