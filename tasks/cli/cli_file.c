/* SPDX-License-Identifier: MIT */
/*
 * Files of the chassis' own file systems (lib/disk): directory, copy, rename, delete, mkdir, rmdir, show
 * file. Nothing outside /flash, /hd-raid and /usb1 can be named; copy takes URLs of the network as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli_show.h"
#include "disk/disk.h"
#include "fetch/fetch.h"
#include "show/show.h"

#define COPY_MAX (1ull << 30) /* bytes taken from another machine */

static int failed(struct sh *sh, const char *url, int rc)
{
	return sh_fail(sh, "%s: %s", url, disk_error(rc));
}

static bool exists(struct sh *sh, const char *url)
{
	struct stat st;

	return disk_stat(sh->t->state_dir, url, &st) == 0;
}

/* --- directory ---------------------------------------------------------------------------------------------
 */

static int add_entry(void *arg, const char *name, const struct stat *st)
{
	json_t *list = arg;
	const char *kind = S_ISDIR(st->st_mode) ? "directory" : S_ISREG(st->st_mode) ? "file" : "other";

	json_array_append_new(list, json_pack("{s:o, s:s, s:I, s:I}", "name", show_text(name), "kind", kind,
	                                      "bytes", (json_int_t)st->st_size, "modified_us",
	                                      (json_int_t)st->st_mtim.tv_sec * 1000000));
	return json_array_size(list) >= 10000;
}

static int by_name(const void *p, const void *q)
{
	return strverscmp(render_str(*(json_t *const *)p, "name"), render_str(*(json_t *const *)q, "name"));
}

static int by_number(const void *p, const void *q, const char *key)
{
	long long a = render_num(*(json_t *const *)p, key), b = render_num(*(json_t *const *)q, key);

	return a != b ? (a > b) - (a < b) : by_name(p, q);
}

static int by_size(const void *p, const void *q)
{
	return by_number(p, q, "bytes");
}

static int by_time(const void *p, const void *q)
{
	return by_number(p, q, "modified_us");
}

static json_t *sorted(json_t *list, const struct cli_cmd *cmd)
{
	size_t n = json_array_size(list);
	json_t **v = calloc(n + 1, sizeof(json_t *)), *out = json_array();

	for (size_t i = 0; v && i < n; i++)
		v[i] = json_array_get(list, i);
	if (v)
		qsort(v, n, sizeof(json_t *),
		      cli_cmd_has(cmd, "-size")   ? by_size
		      : cli_cmd_has(cmd, "-time") ? by_time
		                                  : by_name);
	for (size_t i = 0; v && i < n; i++)
		json_array_append(out, v[cli_cmd_has(cmd, "-reverse") ? n - 1 - i : i]);
	free(v);
	json_decref(list);
	return out;
}

static json_t *directory_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	const char *url = cli_cmd_str(cmd, "url");
	json_t *list = json_array();
	int rc = disk_list(sh->t->state_dir, url, add_entry, list), fd;
	struct statvfs vfs = {0};

	if (rc < 0) {
		snprintf(err, size, "Failure: %s: %s", url, disk_error(rc));
		json_decref(list);
		return NULL;
	}
	fd = disk_open(sh->t->state_dir, url, O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0) {
		fstatvfs(fd, &vfs);
		close(fd);
	}
	return json_pack("{s:s, s:o, s:I, s:I}", "directory", url, "entries", sorted(list, cmd), "bytes_free",
	                 (json_int_t)vfs.f_bavail * (json_int_t)vfs.f_frsize, "bytes_total",
	                 (json_int_t)vfs.f_blocks * (json_int_t)vfs.f_frsize);
}

/* --- changes -----------------------------------------------------------------------------------------------
 */

/* A file of the disk to read from. A descriptor, or -1 with the failure told. */
static int open_local(struct sh *sh, const char *url)
{
	int fd = disk_open(sh->t->state_dir, url, O_RDONLY | O_NONBLOCK, 0), rc;
	struct stat st = {0};

	if (fd < 0)
		return failed(sh, url, fd);
	fstat(fd, &st);
	rc = S_ISREG(st.st_mode) ? 0 : S_ISDIR(st.st_mode) ? -EISDIR : -EPERM;
	if (rc == 0)
		return fd;
	close(fd);
	return failed(sh, url, rc);
}

/* A file of another machine, whole, as one without a name: what is there already stays until it is. */
static int open_remote(struct sh *sh, const char *url, const char *to)
{
	int fd = sh_temporary(sh, fetch_is_remote(to, 0) ? "/flash" : to);
	struct fetch_result r;

	if (fd < 0)
		return failed(sh, to, fd);
	if (sh_fetch(sh, url, COPY_MAX, fd, &r) == 0 && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	close(fd);
	return -1;
}

static int copy_to(struct sh *sh, int fd, const char *to, uint64_t *bytes)
{
	struct fetch_result r;
	int rc;

	if (!fetch_is_remote(to, 0)) {
		rc = disk_write_from(sh->t->state_dir, to, fd, bytes);
		return rc < 0 ? failed(sh, to, rc) : 0;
	}
	rc = sh_put(sh, to, fd, NULL, 0, &r);
	*bytes = r.bytes;
	return rc < 0 ? -1 : 0;
}

static void transferred(uint64_t bytes, uint64_t began, struct cli_out *out)
{
	double seconds = (double)(clock_now_us() - began) / US_PER_SEC;

	cli_out_printf(out, "Transferred %llu bytes in %.3f seconds (%.1f KB/sec)\n",
	               (unsigned long long)bytes, seconds,
	               seconds > 0 ? (double)bytes / 1024 / seconds : 0.0);
}

static int copy(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	const char *from = cli_cmd_str(cmd, "from"), *to = cli_cmd_str(cmd, "to");
	char canon[DISK_URL_MAX];
	uint64_t bytes, began;
	int fd, rc;

	if (!fetch_is_remote(to, 0) && (rc = disk_url(to, canon, sizeof(canon))) < 0)
		return failed(sh, to, rc);
	if (!fetch_is_remote(to, 0))
		to = canon;
	if (exists(sh, to) && !sh_sure(sh, cmd))
		return 0;
	began = clock_now_us();
	fd = fetch_is_remote(from, 0) ? open_remote(sh, from, to) : open_local(sh, from);
	if (fd < 0)
		return -1;
	rc = copy_to(sh, fd, to, &bytes);
	close(fd);
	if (rc < 0)
		return rc;
	transferred(bytes, began, out);
	return 0;
}

int sh_write_url(struct sh *sh, const char *to, const char *data, size_t len, struct cli_out *out)
{
	uint64_t began = clock_now_us();
	char canon[DISK_URL_MAX];
	struct fetch_result r;
	int rc;

	if (fetch_is_remote(to, 0)) {
		if (sh_put(sh, to, -1, data, len, &r) < 0)
			return -1;
	} else if ((rc = disk_url(to, canon, sizeof(canon))) < 0 ||
	           (rc = disk_write(sh->t->state_dir, canon, data, len)) < 0) {
		return failed(sh, to, rc);
	}
	transferred(len, began, out);
	return 0;
}

static int rename_file(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	const char *from = cli_cmd_str(cmd, "from"), *to = cli_cmd_str(cmd, "to");
	int rc;

	(void)out;
	if (exists(sh, to) && !sh_sure(sh, cmd))
		return 0;
	rc = disk_rename(sh->t->state_dir, from, to);
	return rc == -EISDIR ? failed(sh, to, rc) : rc < 0 ? failed(sh, from, rc) : 0;
}

static int delete_file(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	const char *url = cli_cmd_str(cmd, "url");
	int rc = disk_unlink(sh->t->state_dir, url);

	(void)out;
	return rc < 0 ? failed(sh, url, rc) : 0;
}

static int make_directory(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	const char *url = cli_cmd_str(cmd, "url");
	int rc = disk_mkdir(sh->t->state_dir, url);

	(void)out;
	return rc < 0 ? failed(sh, url, rc) : 0;
}

static int remove_directory(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	const char *url = cli_cmd_str(cmd, "url");
	int rc = disk_rmdir(sh->t->state_dir, url, cli_cmd_has(cmd, "-force"));

	(void)out;
	return rc < 0 ? failed(sh, url, rc) : 0;
}

const struct sh_command sh_file_commands[] = {
        {"directory", NULL, directory_collect, render_directory},
        {"copy", copy, NULL, NULL},
        {"rename", rename_file, NULL, NULL},
        {"delete", delete_file, NULL, NULL},
        {"mkdir", make_directory, NULL, NULL},
        {"rmdir", remove_directory, NULL, NULL},
        {NULL, NULL, NULL, NULL},
};
