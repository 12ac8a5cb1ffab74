/* SPDX-License-Identifier: MIT */
/*
 * What waits for transfer, on the chassis' disk: hd-raid/records/bulkstat/file<N>/pending-<records> holds
 * records, out/<seq>-<records>-<name> are closed files, name being the remote one with '/' and '%' as %2F and
 * %25. Everything is written to a temporary file, synced and renamed, so a successor after a crash or an MIO
 * switchover finds either the old or the new. Called by bulk_gather.c, bulk_transfer.c, bulk_show.c.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "bulk_task.h"

static const char *dir_of(struct bulk_task *b, unsigned file)
{
	return task_state_path(b->t, "hd-raid/records/bulkstat/file%u", file);
}

/* --- files, durable
 * ------------------------------------------------------------------------------------------------- */

static int make_dirs(const char *path)
{
	char part[600];

	snprintf(part, sizeof(part), "%s", path);
	for (char *p = strchr(part + 1, '/');; p = strchr(p + 1, '/')) {
		if (p)
			*p = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			return -errno;
		if (!p)
			return 0;
		*p = '/';
	}
}

static int sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd))
		rc = -errno;
	close(fd);
	return rc;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

struct piece {
	const char *text;
	size_t len;
};

/* dir/name with these contents, or not at all. */
static int write_durable(const char *dir, const char *name, const struct piece *pieces, size_t n)
{
	char tmp[700], path[700];
	int fd, rc = make_dirs(dir);

	if (rc)
		return rc;
	snprintf(tmp, sizeof(tmp), "%s/.tmp", dir);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < n && !rc; i++)
		rc = write_all(fd, pieces[i].text, pieces[i].len);
	if (!rc && fsync(fd))
		rc = -errno;
	close(fd);
	if (!rc && rename(tmp, path))
		rc = -errno;
	if (rc)
		unlink(tmp);
	return rc ? rc : sync_dir(dir);
}

static char *read_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text = NULL;
	ssize_t n = 0;

	*len = 0;
	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && (text = malloc((size_t)st.st_size + 1)))
		while (*len < (size_t)st.st_size &&
		       (n = read(fd, text + *len, (size_t)st.st_size - *len)) > 0)
			*len += (size_t)n;
	close(fd);
	return text;
}

/* --- pending records
 * --------------------------------------------------------------------------------------------------- */

/* The one with most records: a crash between rename and unlink leaves its predecessor too. Returns false when
 * there is none. */
static bool find_pending(const char *dir, char name[64], uint64_t *records)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool found = false;
	uint64_t n;

	while (d && (e = readdir(d)))
		if (sscanf(e->d_name, "pending-%" SCNu64, &n) == 1 && (!found || n > *records)) {
			found = true;
			*records = n;
			snprintf(name, 64, "%.63s", e->d_name);
		}
	if (d)
		closedir(d);
	return found;
}

static void remove_pending(const char *dir, const char *except)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (!strncmp(e->d_name, "pending-", 8) && strcmp(e->d_name, except))
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
}

int bulk_spool_append(struct bulk_task *b, unsigned file, const char *text, size_t len, uint64_t records)
{
	const char *dir = dir_of(b, file);
	char name[64], path[700];
	uint64_t before = 0;
	size_t old_len = 0;
	char *old = NULL;
	int rc;

	if (find_pending(dir, name, &before)) {
		snprintf(path, sizeof(path), "%s/%s", dir, name);
		old = read_file(path, &old_len);
	}
	snprintf(name, sizeof(name), "pending-%" PRIu64, before + records);
	rc = write_durable(dir, name, (const struct piece[]){{old ? old : "", old_len}, {text, len}}, 2);
	free(old);
	if (!rc)
		remove_pending(dir, name);
	return rc;
}

/* --- closed files
 * ---------------------------------------------------------------------------------------------------------
 */

static void encode(const char *in, char *out, size_t size)
{
	size_t n = 0;

	for (; *in && n + 4 < size; in++) {
		if (*in == '/' || *in == '%' || (unsigned char)*in < 0x20)
			n += (size_t)snprintf(out + n, size - n, "%%%02X", (unsigned char)*in);
		else
			out[n++] = *in;
	}
	out[n] = '\0';
}

static void decode(const char *in, char *out, size_t size)
{
	size_t n = 0;
	unsigned c;

	for (; *in && n + 1 < size; in++) {
		if (*in == '%' && sscanf(in + 1, "%2X", &c) == 1) {
			out[n++] = (char)c;
			in += 2;
		} else {
			out[n++] = *in;
		}
	}
	out[n] = '\0';
}

typedef void (*out_fn)(void *arg, const char *dir, const char *name, uint64_t seq, uint64_t records,
                       uint64_t bytes);

static void each_out(struct bulk_task *b, unsigned file, out_fn fn, void *arg)
{
	char dir[600];
	struct dirent *e;
	struct stat st;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/out", dir_of(b, file));
	d = opendir(dir);
	while (d && (e = readdir(d))) {
		uint64_t seq, records;
		int at = 0;

		if (sscanf(e->d_name, "%" SCNu64 "-%" SCNu64 "-%n", &seq, &records, &at) == 2 && at &&
		    !fstatat(dirfd(d), e->d_name, &st, 0))
			fn(arg, dir, e->d_name, seq, records, (uint64_t)st.st_size);
	}
	if (d)
		closedir(d);
}

struct oldest {
	struct bulk_outfile *out;
	uint64_t seq;
	bool newest; /* look for the last one instead */
};

static void take_oldest(void *arg, const char *dir, const char *name, uint64_t seq, uint64_t records,
                        uint64_t bytes)
{
	struct oldest *o = arg;
	const char *at = strchr(name, '-');

	if (o->seq && (o->newest ? seq < o->seq : seq > o->seq))
		return;
	o->seq = seq;
	if (!o->out)
		return;
	snprintf(o->out->path, sizeof(o->out->path), "%s/%s", dir, name);
	decode(strchr(at + 1, '-') + 1, o->out->remote, sizeof(o->out->remote));
	o->out->records = records;
	o->out->bytes = bytes;
}

int bulk_spool_oldest(struct bulk_task *b, unsigned file, struct bulk_outfile *out)
{
	struct oldest o = {out, 0, false};

	each_out(b, file, take_oldest, &o);
	return o.seq ? 0 : -ENODATA;
}

int bulk_spool_close(struct bulk_task *b, unsigned file, const char *header, const char *footer,
                     const char *remote)
{
	char dir[600], pending[64], path[700], name[500], enc[400];
	struct oldest last = {NULL, 0, true};
	uint64_t records = 0;
	size_t len;
	char *text;
	int rc;

	snprintf(dir, sizeof(dir), "%s", dir_of(b, file));
	if (!find_pending(dir, pending, &records))
		return -ENODATA;
	snprintf(path, sizeof(path), "%s/%s", dir, pending);
	text = read_file(path, &len);
	if (!text)
		return -EIO;
	each_out(b, file, take_oldest, &last);
	encode(remote, enc, sizeof(enc));
	snprintf(name, sizeof(name), "%06" PRIu64 "-%" PRIu64 "-%.230s", last.seq + 1, records, enc);
	snprintf(path, sizeof(path), "%s/out", dir);
	rc = write_durable(path, name,
	                   (const struct piece[]){{header, strlen(header)},
	                                          {header[0] ? "\n" : "", header[0] != 0},
	                                          {text, len},
	                                          {footer, strlen(footer)},
	                                          {footer[0] ? "\n" : "", footer[0] != 0}},
	                   5);
	free(text);
	if (!rc)
		remove_pending(dir, "");
	return rc;
}

int bulk_spool_remove(const struct bulk_outfile *f)
{
	return unlink(f->path) ? -errno : 0;
}

/* --- how much
 * -------------------------------------------------------------------------------------------------------------
 */

static void add_waiting(void *arg, const char *dir, const char *name, uint64_t seq, uint64_t records,
                        uint64_t bytes)
{
	struct bulk_waiting *w = arg;

	w->records += records;
	w->bytes += bytes;
	w->files++;
}

void bulk_spool_waiting(struct bulk_task *b, unsigned file, struct bulk_waiting *out)
{
	const char *dir = dir_of(b, file);
	char name[64], path[700];
	uint64_t records;
	struct stat st;

	memset(out, 0, sizeof(*out));
	if (find_pending(dir, name, &records)) {
		snprintf(path, sizeof(path), "%s/%s", dir, name);
		out->records = records;
		out->bytes = stat(path, &st) ? 0 : (uint64_t)st.st_size;
	}
	each_out(b, file, add_waiting, out);
}

static uint64_t all_bytes(struct bulk_task *b)
{
	struct bulk_waiting w;
	uint64_t sum = 0;

	for (unsigned i = 1; i <= BULK_FILES_MAX; i++) {
		bulk_spool_waiting(b, i, &w);
		sum += w.bytes;
	}
	return sum;
}

/* The oldest closed file of the set that has most; then pending records. */
static bool discard_one(struct bulk_task *b)
{
	struct bulk_outfile f;
	unsigned worst = 0;
	uint64_t most = 0;
	struct bulk_waiting w;
	struct bulk_stats *st;

	for (unsigned i = 1; i <= BULK_FILES_MAX; i++) {
		bulk_spool_waiting(b, i, &w);
		if (w.bytes > most) {
			most = w.bytes;
			worst = i;
		}
	}
	if (!worst)
		return false;
	st = &b->file[worst - 1].stats;
	bulk_spool_waiting(b, worst, &w);
	if (bulk_spool_oldest(b, worst, &f) == 0) {
		st->discarded_records += f.records;
		st->discarded_bytes += f.bytes;
		return bulk_spool_remove(&f) == 0;
	}
	st->discarded_records += w.records;
	st->discarded_bytes += w.bytes;
	remove_pending(dir_of(b, worst), "");
	return true;
}

void bulk_spool_limit(struct bulk_task *b)
{
	bool said = false;

	while (b->set.limit && all_bytes(b) > b->set.limit && discard_one(b)) {
		if (!said)
			LOG(EV_BULKSTAT_FAIL,
			    "more than %" PRIu64 " bytes wait for transfer: the oldest are discarded",
			    b->set.limit);
		said = true;
	}
}

void bulk_spool_clear(struct bulk_task *b)
{
	struct bulk_outfile f;

	for (unsigned i = 1; i <= BULK_FILES_MAX; i++) {
		while (bulk_spool_oldest(b, i, &f) == 0 && bulk_spool_remove(&f) == 0)
			;
		remove_pending(dir_of(b, i), "");
	}
}

/* --- copies in a directory of the chassis
 * ------------------------------------------------------------------------------- */

static bool oldest_of_dir(const char *dir, char path[1024], uint64_t *total)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	struct stat st;
	struct timespec first = {0};
	bool found = false;

	*total = 0;
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, 0) || !S_ISREG(st.st_mode))
			continue;
		*total += (uint64_t)st.st_size;
		if (!found || st.st_mtim.tv_sec < first.tv_sec ||
		    (st.st_mtim.tv_sec == first.tv_sec && st.st_mtim.tv_nsec < first.tv_nsec)) {
			found = true;
			first = st.st_mtim;
			snprintf(path, 1024, "%s/%s", dir, e->d_name);
		}
	}
	if (d)
		closedir(d);
	return found;
}

int bulk_spool_copy(struct bulk_task *b, const struct bulk_outfile *f, const char *dir, uint64_t max)
{
	char to[600], old[1024];
	const char *name = strrchr(f->remote, '/') ? strrchr(f->remote, '/') + 1 : f->remote;
	uint64_t total;
	size_t len;
	char *text = read_file(f->path, &len);
	int rc;

	if (!text)
		return -EIO;
	snprintf(to, sizeof(to), "%s", task_state_path(b->t, "%s", dir));
	rc = write_durable(to, name[0] ? name : "bulkstat", (const struct piece[]){{text, len}}, 1);
	free(text);
	while (!rc && oldest_of_dir(to, old, &total) && total > max && !unlink(old))
		;
	return rc;
}
