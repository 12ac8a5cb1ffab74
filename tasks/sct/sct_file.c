/* SPDX-License-Identifier: MIT */
/*
 * Configuration files. Loading goes line by line: a wrong line is told with its number and reason, the rest
 * is loaded. Saving writes a new file, syncs it and renames it over the old one, so that a full disk leaves
 * the old file whole.
 */
#include "sct.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define FILE_MAX (64u << 20)

static int read_file(const char *path, char **text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t at = 0;
	ssize_t n = 1;
	char *buf;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX ||
	    !(buf = malloc((size_t)st.st_size + 1))) {
		close(fd);
		return -EFBIG;
	}
	while (at < (size_t)st.st_size && (n = read(fd, buf + at, (size_t)st.st_size - at)) > 0)
		at += (size_t)n;
	close(fd);
	buf[at] = 0;
	if (n < 0 || memchr(buf, 0, at)) {
		free(buf);
		return n < 0 ? -EIO : -EILSEQ; /* NULs: not a text file */
	}
	*text = buf;
	return 0;
}

static void report(void *arg, unsigned line, const char *text, const char *error)
{
	(void)text;
	LOG(EV_CFG_ERROR, "%s line %u: %s", (const char *)arg, line, error);
}

int sct_load_file(struct sct *s, struct cfg_tree *tree, const char *path, unsigned *failed)
{
	char *text = NULL;
	int rc = read_file(path, &text);

	if (rc < 0)
		return rc;
	rc = cli_load_text(tree, &s->hooks, text, report, (void *)path);
	free(text);
	*failed = rc > 0 ? (unsigned)rc : 0;
	return rc < 0 ? rc : 0;
}

/* "/flash/x" and "file:/flash/x" are on this chassis' disk; nothing else is, and nothing climbs out of it. */
static int disk_path(struct sct *s, const char *url, char *out, size_t size)
{
	static const char *const roots[] = {"/flash/", "/hd-raid/", "/usb1/"};

	if (!strncmp(url, "file:", 5))
		url += 5;
	if (strstr(url, "..") || strlen(url) > 200)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++)
		if (!strncmp(url, roots[i], strlen(roots[i])) && url[strlen(roots[i])]) {
			snprintf(out, size, "%s%s", s->t->state_dir, url);
			return 0;
		}
	return -EINVAL;
}

void sct_config_load(struct task *t, const struct bus_msg *m)
{
	struct sct *s = t->data;
	const ConfigLoad *l = m->env->config_load;
	char path[600];
	unsigned failed = 0;
	struct cfg_tree *tree = NULL;
	int rc = disk_path(s, l->file, path, sizeof(path));

	if (rc == 0) {
		tree = cfg_dup(s->tree);
		rc = tree ? sct_load_file(s, tree, path, &failed) : -ENOMEM;
	}
	if (rc < 0) {
		cfg_free(tree);
		task_reply_status(t, m, rc, "Failure: %s: %s", l->file,
		                  rc == -EINVAL ? "not a file of /flash, /hd-raid or /usb1" : strerror(-rc));
		return;
	}
	sct_commit_tree(s, m, tree, failed);
}

/* --- save --------------------------------------------------------------------------------------------------
 */

static int write_durable(const char *path, const char *text, size_t len)
{
	char tmp[620];
	size_t at = 0;
	ssize_t n = 0;
	int fd, rc = 0;

	snprintf(tmp, sizeof(tmp), "%s.new", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	while (at < len && (n = write(fd, text + at, len - at)) > 0)
		at += (size_t)n;
	if (at < len || fsync(fd) < 0)
		rc = errno ? -errno : -EIO;
	close(fd);
	if (rc == 0 && rename(tmp, path) < 0)
		rc = -errno;
	if (rc < 0)
		unlink(tmp);
	return rc;
}

void sct_config_save(struct task *t, const struct bus_msg *m)
{
	struct sct *s = t->data;
	const char *url = m->env->config_save->file;
	struct cli_out_buf buf;
	char path[600];
	int rc = disk_path(s, url, path, sizeof(path));

	if (rc < 0) {
		task_reply_status(t, m, rc, "Failure: %s is not a file of /flash, /hd-raid or /usb1", url);
		return;
	}
	cli_out_buf_init(&buf);
	rc = cfg_show(s->tree, NULL, &buf.out);
	if (rc == 0)
		rc = write_durable(path, buf.text ? buf.text : "", buf.len);
	cli_out_buf_free(&buf);
	if (rc < 0)
		task_reply_status(t, m, rc, "Failure: %s: %s; the old file is as it was", url, strerror(-rc));
	else
		task_reply_status(t, m, 0, "%s", "");
}
