/* SPDX-License-Identifier: MIT */
/*
 * Counter segments, see counters.h. File layout: header, directory of `max_sets` entries, data. A set's
 * memory is taken from the data area once and never moves; blocks are allocated on the disk before they are
 * touched, so a full disk is an error and not a SIGBUS. The owner holds a write lock on its file (readers see
 * whether it lives); a successor replaces the file by rename.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counters.h"

#define MAGIC            0x4f52524359434e54ULL /* "ORRCYCNT" */
#define VERSION          2
#define MAX_SETS_DEFAULT 256
#define MAX_SETS_LIMIT   65536

struct header {
	uint64_t magic;
	uint32_t version, header_size;
	uint32_t pid, card, instance, max_sets;
	uint32_t used_sets, data_offset;
	uint64_t size, generation, created_wall_us;
	char facility[COUNTERS_FACILITY_MAX];
};

enum entry_state { ENTRY_FREE, ENTRY_LIVE, ENTRY_RETIRED };

struct entry {
	uint32_t state;
	uint32_t seq; /* changes with every change of the entry */
	uint64_t schema_id;
	uint32_t offset, size;
	char schema[COUNTERS_SCHEMA_MAX];
	char key[COUNTERS_KEY_MAX];
};

struct counters {
	int fd; /* -1: anonymous memory */
	char *path;
	struct header *head;
	struct entry *dir;
	size_t size;      /* of the mapping */
	size_t data_used; /* bytes of it in use */
	size_t allocated; /* bytes of the file that have blocks */
};

struct counters_reader {
	int fd;
	char *path;
	const struct header *head;
	const struct entry *dir;
	size_t size;
	struct counters_info info;
	char key[COUNTERS_KEY_MAX];
};

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static size_t largest_set(void)
{
	const struct counter_schema *s;
	size_t max = 0;

	for (size_t i = 0; (s = counters_schema_at(i)); i++)
		if (s->size > max)
			max = s->size;
	return max;
}

static struct counters *segment_new(int fd, unsigned max_sets, const char *facility)
{
	size_t data = round_up(sizeof(struct header) + max_sets * sizeof(struct entry), 64);
	size_t size = round_up(data + max_sets * round_up(largest_set(), 64), 4096);
	struct counters *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->fd = fd;
	c->size = size;
	c->data_used = data;
	c->allocated = round_up(data, 4096);
	if (fd >= 0 &&
	    (ftruncate(fd, (off_t)size) < 0 || (errno = posix_fallocate(fd, 0, (off_t)c->allocated)) != 0))
		goto fail;
	c->head = mmap(NULL, size, PROT_READ | PROT_WRITE, fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS,
	               fd, 0);
	if (c->head == MAP_FAILED)
		goto fail;
	c->dir = (struct entry *)(c->head + 1);
	*c->head = (struct header){.version = VERSION,
	                           .header_size = sizeof(struct header),
	                           .pid = (uint32_t)getpid(),
	                           .max_sets = max_sets,
	                           .data_offset = (uint32_t)data,
	                           .size = size,
	                           .generation = random_u64(),
	                           .created_wall_us = clock_wall_us()};
	snprintf(c->head->facility, sizeof(c->head->facility), "%s", facility);
	return c;
fail:
	free(c);
	return NULL;
}

/* Lock the whole file for as long as the descriptor lives. */
static int lock_owner(int fd)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_SETLK, &fl);
}

static unsigned clamp_sets(unsigned max_sets)
{
	if (max_sets == 0)
		return MAX_SETS_DEFAULT;
	return max_sets > MAX_SETS_LIMIT ? MAX_SETS_LIMIT : max_sets;
}

struct counters *counters_create(const char *run, unsigned card, const char *facility, unsigned instance,
                                 unsigned max_sets)
{
	struct counters *c = NULL;
	char *path = NULL, *tmp = NULL;
	int fd = -1, err;

	if (strlen(facility) >= COUNTERS_FACILITY_MAX || strchr(facility, '/')) {
		errno = EINVAL;
		return NULL;
	}
	if (asprintf(&tmp, "%s/counters", run) < 0)
		return NULL;
	if (mkdir(tmp, 0700) < 0 && errno != EEXIST)
		goto fail;
	free(tmp);
	tmp = NULL;
	if (asprintf(&path, "%s/counters/%u-%s-%u", run, card, facility, instance) < 0 ||
	    asprintf(&tmp, "%s/counters/.%u-%s-%u.%d", run, card, facility, instance, (int)getpid()) < 0)
		goto fail;
	unlink(tmp);
	fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || lock_owner(fd) < 0)
		goto fail;
	c = segment_new(fd, clamp_sets(max_sets), facility);
	if (!c)
		goto fail;
	c->head->card = card;
	c->head->instance = instance;
	__atomic_store_n(&c->head->magic, MAGIC, __ATOMIC_RELEASE);
	if (rename(tmp, path) < 0)
		goto fail;
	c->path = path;
	free(tmp);
	return c;
fail:
	err = errno;
	if (tmp && fd >= 0)
		unlink(tmp);
	if (c)
		counters_close(c, false);
	else if (fd >= 0)
		close(fd);
	free(path);
	free(tmp);
	errno = err;
	return NULL;
}

struct counters *counters_create_private(unsigned max_sets)
{
	struct counters *c = segment_new(-1, clamp_sets(max_sets), "private");

	if (c)
		c->head->magic = MAGIC;
	return c;
}

void counters_close(struct counters *c, bool unlink_file)
{
	if (!c)
		return;
	if (unlink_file && c->path)
		unlink(c->path);
	munmap(c->head, c->size);
	if (c->fd >= 0)
		close(c->fd);
	free(c->path);
	free(c);
}

static struct entry *find(struct counters *c, const struct counter_schema *schema, const char *key)
{
	for (uint32_t i = 0; i < c->head->used_sets; i++)
		if (c->dir[i].state == ENTRY_LIVE && strcmp(c->dir[i].key, key) == 0 &&
		    strcmp(c->dir[i].schema, schema->name) == 0)
			return &c->dir[i];
	return NULL;
}

/* Take `size` bytes of the data area; 0 when it is used up or the disk is full. */
static uint32_t take_data(struct counters *c, size_t size)
{
	size_t at = c->data_used, end = round_up(at + size, 64);

	if (end > c->size)
		return 0;
	if (c->fd >= 0 && end > c->allocated) {
		size_t upto = round_up(end, 4096);

		if (posix_fallocate(c->fd, (off_t)c->allocated, (off_t)(upto - c->allocated)) != 0)
			return 0;
		c->allocated = upto;
	}
	c->data_used = end;
	return (uint32_t)at;
}

/* An entry for a new set: a retired one of the same schema, or a fresh one. */
static struct entry *new_entry(struct counters *c, const struct counter_schema *schema)
{
	struct entry *e;
	uint32_t offset;

	for (uint32_t i = 0; i < c->head->used_sets; i++) {
		e = &c->dir[i];
		if (e->state == ENTRY_RETIRED && strcmp(e->schema, schema->name) == 0)
			return e;
	}
	if (c->head->used_sets >= c->head->max_sets)
		return NULL;
	offset = take_data(c, schema->size);
	if (!offset)
		return NULL;
	e = &c->dir[c->head->used_sets];
	e->offset = offset;
	e->size = (uint32_t)schema->size;
	e->schema_id = counters_schema_id(schema);
	snprintf(e->schema, sizeof(e->schema), "%s", schema->name);
	__atomic_store_n(&c->head->used_sets, c->head->used_sets + 1, __ATOMIC_RELEASE);
	return e;
}

void *counters_add(struct counters *c, const struct counter_schema *schema, const char *key)
{
	struct entry *e;

	if (strlen(key) >= COUNTERS_KEY_MAX)
		return NULL;
	e = find(c, schema, key);
	if (e)
		return (char *)c->head + e->offset;
	e = new_entry(c, schema);
	if (!e)
		return NULL;
	memset((char *)c->head + e->offset, 0, e->size);
	snprintf(e->key, sizeof(e->key), "%s", key);
	__atomic_store_n(&e->seq, e->seq + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&e->state, ENTRY_LIVE, __ATOMIC_RELEASE);
	return (char *)c->head + e->offset;
}

void counters_remove(struct counters *c, const struct counter_schema *schema, const char *key)
{
	struct entry *e = find(c, schema, key);

	if (!e)
		return;
	__atomic_store_n(&e->state, ENTRY_RETIRED, __ATOMIC_RELEASE);
	__atomic_store_n(&e->seq, e->seq + 1, __ATOMIC_RELEASE);
}

/* ---- readers ---- */
static bool header_valid(const struct header *h, size_t size)
{
	size_t dir_end;

	if (__atomic_load_n(&h->magic, __ATOMIC_ACQUIRE) != MAGIC || h->version != VERSION ||
	    h->header_size != sizeof(*h))
		return false;
	dir_end = sizeof(*h) + (size_t)h->max_sets * sizeof(struct entry);
	return h->max_sets <= MAX_SETS_LIMIT && h->size == size && dir_end <= size &&
	       h->data_offset >= dir_end && memchr(h->facility, 0, sizeof(h->facility));
}

static void fill_info(struct counters_info *info, const struct header *h)
{
	info->card = h->card;
	info->instance = h->instance;
	info->pid = (int)h->pid;
	info->generation = h->generation;
	info->created_wall_us = h->created_wall_us;
	memcpy(info->facility, h->facility, sizeof(info->facility));
	info->facility[sizeof(info->facility) - 1] = '\0';
}

struct counters_reader *counters_open(const char *path)
{
	struct counters_reader *r = calloc(1, sizeof(*r));
	void *map = MAP_FAILED;
	struct stat st;
	int err;

	if (!r)
		return NULL;
	r->path = strdup(path);
	r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (!r->path || r->fd < 0 || fstat(r->fd, &st) < 0)
		goto fail;
	errno = EPROTO;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_size < (off_t)sizeof(struct header))
		goto fail;
	r->size = (size_t)st.st_size;
	map = mmap(NULL, r->size, PROT_READ, MAP_SHARED, r->fd, 0);
	if (map == MAP_FAILED)
		goto fail;
	r->head = map;
	errno = EPROTO;
	if (!header_valid(r->head, r->size))
		goto fail;
	r->dir = (const struct entry *)(r->head + 1);
	fill_info(&r->info, r->head);
	return r;
fail:
	err = errno;
	counters_close_reader(r);
	errno = err;
	return NULL;
}

void counters_close_reader(struct counters_reader *r)
{
	if (!r)
		return;
	if (r->head)
		munmap((void *)(uintptr_t)r->head, r->size);
	if (r->fd >= 0)
		close(r->fd);
	free(r->path);
	free(r);
}

const struct counters_info *counters_info(const struct counters_reader *r)
{
	return &r->info;
}

bool counters_stale(const struct counters_reader *r)
{
	struct stat mine, now;

	if (fstat(r->fd, &mine) < 0 || stat(r->path, &now) < 0)
		return true;
	return mine.st_ino != now.st_ino || mine.st_dev != now.st_dev || (size_t)now.st_size < r->size;
}

bool counters_owner_alive(const struct counters_reader *r)
{
	struct flock fl = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

	return fcntl(r->fd, F_OFD_GETLK, &fl) == 0 && fl.l_type != F_UNLCK;
}

/* Read one entry consistently; false when it is not a set we can show. */
static bool read_entry(struct counters_reader *r, const struct entry *e, struct counters_set *set)
{
	uint32_t seq = __atomic_load_n(&e->seq, __ATOMIC_ACQUIRE);
	char name[COUNTERS_SCHEMA_MAX];
	uint32_t offset, size;

	if (__atomic_load_n(&e->state, __ATOMIC_ACQUIRE) != ENTRY_LIVE)
		return false;
	memcpy(name, e->schema, sizeof(name));
	memcpy(r->key, e->key, sizeof(r->key));
	name[sizeof(name) - 1] = '\0';
	r->key[sizeof(r->key) - 1] = '\0';
	offset = e->offset;
	size = e->size;
	set->schema = counters_schema_find(name);
	if (!set->schema || size != set->schema->size || e->schema_id != counters_schema_id(set->schema))
		return false;
	if (offset % 8 || offset < r->head->data_offset || offset > r->size || r->size - offset < size)
		return false;
	set->key = r->key;
	set->values = (const char *)r->head + offset;
	return __atomic_load_n(&e->seq, __ATOMIC_ACQUIRE) == seq;
}

bool counters_next(struct counters_reader *r, unsigned *pos, struct counters_set *set)
{
	uint32_t max = (uint32_t)((r->size - sizeof(struct header)) / sizeof(struct entry));
	uint32_t used = __atomic_load_n(&r->head->used_sets, __ATOMIC_ACQUIRE);

	while (*pos < used && *pos < max)
		if (read_entry(r, &r->dir[(*pos)++], set))
			return true;
	return false;
}

int counters_walk(const char *run, int (*cb)(const char *path, struct counters_reader *r, void *arg),
                  void *arg)
{
	char path[4096];
	struct dirent *d;
	DIR *dir;
	int rc = 0;

	snprintf(path, sizeof(path), "%s/counters", run);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (rc == 0 && (d = readdir(dir))) {
		struct counters_reader *r;

		if (d->d_name[0] == '.' ||
		    snprintf(path, sizeof(path), "%s/counters/%s", run, d->d_name) >= (int)sizeof(path))
			continue;
		r = counters_open(path);
		if (!r)
			continue;
		rc = cb(path, r, arg);
		counters_close_reader(r);
	}
	closedir(dir);
	return rc;
}
