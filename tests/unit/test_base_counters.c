/* SPDX-License-Identifier: MIT */
/* Counter segments: owner and reader, staleness, dead owners, foreign and damaged files, full segments, the
 * tables themselves. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/schemas.h"

static char run[64];

static void make_run(void)
{
	snprintf(run, sizeof(run), "/tmp/orrery-counters-XXXXXX");
	cr_assert(mkdtemp(run));
}

static void drop_run(void)
{
	char cmd[100];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", run);
	cr_assert_eq(system(cmd), 0);
}

TestSuite(base_counters, .init = make_run, .fini = drop_run);

static const char *seg(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/counters/%s", run, name);
	return path;
}

Test(base_counters, owner_and_reader)
{
	struct counters *c = counters_create(run, 2, "ipsecmgr", 3, 0);
	struct counters_wsg *a, *b;
	struct counters_reader *r;
	struct counters_set set;
	struct stat st;
	unsigned pos = 0;

	cr_assert(c);
	cr_assert_eq(stat(seg("2-ipsecmgr-3"), &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
	a = counters_add(c, &counters_schema_wsg, "wsg-svc1");
	b = counters_add(c, &counters_schema_wsg, "wsg-svc2");
	cr_assert(a && b && a != b);
	cr_assert_eq(counters_add(c, &counters_schema_wsg, "wsg-svc1"), a);
	r = counters_open(seg("2-ipsecmgr-3"));
	cr_assert(r);
	cr_assert_eq(counters_info(r)->card, 2);
	cr_assert_eq(counters_info(r)->pid, getpid());
	cr_assert_str_eq(counters_info(r)->facility, "ipsecmgr");
	counter_add(&a->total_bytes_sent, 1500);
	counter_inc(&a->current_sessions_total);
	counter_dec(&b->current_sessions_total);
	cr_assert(counters_next(r, &pos, &set));
	cr_assert_str_eq(set.key, "wsg-svc1");
	cr_assert_eq(set.schema, &counters_schema_wsg);
	cr_assert_eq(counter_read(set.values, counters_row_find(set.schema, "wsg-total-bytes-sent")), 1500);
	cr_assert(counters_next(r, &pos, &set));
	cr_assert_eq(counter_read(set.values, counters_row_find(set.schema, "wsg-current-sessions-total")),
	             0);
	cr_assert_not(counters_next(r, &pos, &set));
	counters_remove(c, &counters_schema_wsg, "wsg-svc1");
	pos = 0;
	cr_assert(counters_next(r, &pos, &set));
	cr_assert_str_eq(set.key, "wsg-svc2");
	cr_assert_eq(counters_add(c, &counters_schema_wsg, "new"), a, "retired room is reused");
	cr_assert_eq(a->total_bytes_sent, 0);
	counters_close_reader(r);
	counters_close(c, true);
	cr_assert_neq(stat(seg("2-ipsecmgr-3"), &st), 0);
}

Test(base_counters, replaced_and_dead_owners)
{
	struct counters *c = counters_create(run, 1, "x", 0, 4), *d;
	struct counters_reader *r = counters_open(seg("1-x-0"));
	uint64_t gen = counters_info(r)->generation;
	int status;
	pid_t pid;

	cr_assert(counters_owner_alive(r));
	cr_assert_not(counters_stale(r));
	d = counters_create(run, 1, "x", 0, 4);
	cr_assert(d);
	cr_assert(counters_stale(r));
	counters_close(c, false);
	cr_assert_not(counters_owner_alive(r));
	counters_close_reader(r);
	r = counters_open(seg("1-x-0"));
	cr_assert_neq(counters_info(r)->generation, gen);
	counters_close_reader(r);
	counters_close(d, true);

	pid = fork();
	if (pid == 0) {
		struct counters *e = counters_create(run, 1, "y", 0, 4);
		struct counters_bus *bus = e ? counters_add(e, &counters_schema_bus, "") : NULL;

		if (bus)
			counter_add(&bus->sent, 42);
		_exit(bus ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	cr_assert_eq(status, 0);
	r = counters_open(seg("1-y-0"));
	cr_assert(r);
	cr_assert_not(counters_owner_alive(r));
	counters_close_reader(r);
}

Test(base_counters, full_segment)
{
	struct counters *c = counters_create(run, 1, "x", 0, 3);
	char key[COUNTERS_KEY_MAX + 1];

	cr_assert(counters_add(c, &counters_schema_ikev2, "a"));
	cr_assert(counters_add(c, &counters_schema_ikev2, "b"));
	cr_assert(counters_add(c, &counters_schema_bus, ""));
	cr_assert_null(counters_add(c, &counters_schema_esp, ""));
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	cr_assert_null(counters_add(c, &counters_schema_esp, key));
	counters_close(c, true);
	cr_assert_null(counters_create(run, 1, "a/b", 0, 3));
	cr_assert_null(counters_create("/nonexistent", 1, "a", 0, 3));
	c = counters_create_private(2);
	cr_assert(counters_add(c, &counters_schema_ikev2, ""));
	counters_close(c, false);
}

/* Every 8-byte word of header and first entry overwritten: refused or harmless, never read outside (ASan). */
Test(base_counters, damaged_files_are_refused)
{
	struct counters *c = counters_create(run, 1, "x", 0, 2);
	int fd;

	cr_assert(counters_add(c, &counters_schema_bus, "k"));
	fd = open(seg("1-x-0"), O_RDWR);
	for (off_t at = 0; at < 256; at += 4) {
		static const uint32_t values[] = {0, 1, 0x7fffffff, 0xffffffff};
		uint32_t old, v;

		cr_assert_eq(pread(fd, &old, 4, at), 4);
		for (size_t i = 0; i < 4; i++) {
			struct counters_reader *r;
			struct counters_set set;
			unsigned pos = 0;
			uint64_t sum = 0;

			v = values[i];
			cr_assert_eq(pwrite(fd, &v, 4, at), 4);
			r = counters_open(seg("1-x-0"));
			while (r && counters_next(r, &pos, &set))
				for (size_t row = 0; row < set.schema->nrows; row++)
					sum += counter_read(set.values, &set.schema->rows[row]);
			counters_close_reader(r);
		}
		cr_assert_eq(pwrite(fd, &old, 4, at), 4);
	}
	cr_assert_eq(ftruncate(fd, 10), 0);
	cr_assert_null(counters_open(seg("1-x-0")));
	close(fd);
	counters_close(c, true);
	cr_assert_null(counters_open("/etc/passwd"));
	cr_assert_null(counters_open("/dev/zero"));
	cr_assert_null(counters_open(seg("absent")));
	cr_assert_eq(errno, ENOENT);
}

static int count_walk(const char *path, struct counters_reader *r, void *arg)
{
	++*(int *)arg;
	return 0;
}

Test(base_counters, walk)
{
	struct counters *a = counters_create(run, 1, "a", 0, 1), *b = counters_create(run, 2, "b", 7, 1);
	FILE *junk = fopen(seg("junk"), "w");
	int n = 0;

	fputs("not a segment", junk);
	fclose(junk);
	cr_assert_eq(counters_walk(run, count_walk, &n), 0);
	cr_assert_eq(n, 2);
	cr_assert_eq(counters_walk("/nonexistent", count_walk, &n), -ENOENT);
	counters_close(a, true);
	counters_close(b, true);
}

Test(base_counters, tables_are_sound)
{
	const struct counter_schema *s;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	for (size_t i = 0; (s = counters_schema_at(i)); i++) {
		cr_assert_eq(counters_schema_find(s->name), s);
		cr_assert_lt(strlen(s->name), COUNTERS_SCHEMA_MAX);
		cr_assert_eq(s->size, s->nrows * 8);
		for (size_t r = 0; r < s->nrows; r++) {
			cr_assert(s->rows[r].width == 32 || s->rows[r].width == 64);
			cr_assert(*s->rows[r].help && *s->rows[r].metric);
			if (*s->rows[r].variable)
				cr_assert_eq(counters_row_find(s, s->rows[r].variable), &s->rows[r],
				             "%s twice", s->rows[r].variable);
		}
	}
	cr_assert_null(counters_schema_find("nope"));
	counters_doc(f);
	fclose(f);
	cr_assert(strstr(text, "| cursa | ikev2-cursa |"));
	free(text);
}
