/* SPDX-License-Identifier: MIT */
/*
 * The state store: group commit and acknowledgement order, versions that only rise, tombstones and purging,
 * recovery queries, a writer killed and replaced under a reader, disk full and I/O errors (nothing lost,
 * retried), damaged files moved aside.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "store/store_priv.h"

static char dir[64];
static struct store_writer *w;

static void open_it(void)
{
	int err;

	w = store_open_writer(dir, STORE_STATE, NULL, &err);
	cr_assert(w, "open: %d", err);
}

static void quiet(const struct log_record *rec, void *arg)
{
}

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/orrery-store-XXXXXX");
	cr_assert(mkdtemp(dir));
	log_set_sink(quiet, NULL);
	open_it();
}

static void teardown(void)
{
	char cmd[100];

	store_close_writer(w);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	cr_assert_eq(system(cmd), 0);
}

TestSuite(store_ckpt, .init = setup, .fini = teardown);

struct ack {
	int calls, order;
	struct store_result last;
};
static int order;

static void done(const struct store_result *res, void *arg)
{
	struct ack *a = arg;

	a->calls++;
	a->order = ++order;
	a->last = *res;
}

static struct store_batch *put(struct store_batch *b, const char *kind, const char *key, const char *owner,
                               const char *value)
{
	struct store_ckpt row = {
	        .kind = kind, .key = key, .owner = owner, .blob = value, .len = strlen(value)};

	if (!b)
		b = store_batch_new(w);
	cr_assert_eq(store_batch_ckpt(b, &row), 0);
	return b;
}

static char text[8192];
static int64_t last_version;

static int collect(const struct store_ckpt *row, void *arg)
{
	size_t at = strlen(text);

	snprintf(text + at, sizeof(text) - at, "%s%s/%s=%.*s", row->deleted ? "-" : "", row->kind, row->key,
	         (int)row->len, (const char *)row->blob);
	strcat(text, " ");
	cr_assert(!arg || row->version > last_version);
	last_version = row->version;
	return 0;
}

static const char *above(struct store_reader *r, int64_t v, uint32_t limit)
{
	text[0] = '\0';
	last_version = v;
	cr_assert_eq(store_ckpt_above(r, v, limit, collect, &order), 0);
	return text;
}

static const char *list(struct store_reader *r, const char *kind, const char *owner)
{
	text[0] = '\0';
	cr_assert_eq(store_ckpt_list(r, kind, owner, collect, NULL), 0);
	return text;
}

Test(store_ckpt, group_commit_acknowledges_in_order)
{
	struct store_reader *r = store_open_reader(dir, STORE_STATE);
	struct ack a = {0}, b = {0};
	struct store_batch *two =
	        put(put(NULL, "ikesa", "1", "ipsecmgr/1", "x"), "childsa", "1", "ipsecmgr/1", "y");

	cr_assert_eq(store_next_us(w), UINT64_MAX);
	cr_assert_eq(store_submit(w, two, 100, done, &a), 0);
	cr_assert_eq(store_submit(w, put(NULL, "ikesa", "2", "ipsecmgr/2", "z"), 200, done, &b), 0);
	cr_assert_eq(a.calls, 0);
	cr_assert_str_eq(above(r, 0, 0), "", "nothing is visible before the commit");
	cr_assert_eq(store_next_us(w), 100);
	cr_assert_eq(store_pending_rows(w), 3);
	cr_assert_eq(store_poll(w, 100), 0);
	cr_assert_eq(a.calls, 1);
	cr_assert_eq(b.calls, 1);
	cr_assert_lt(a.order, b.order);
	cr_assert_eq(a.last.error, 0);
	cr_assert(a.last.final);
	cr_assert_eq(a.last.first, 1);
	cr_assert_eq(a.last.last, 2);
	cr_assert_eq(b.last.last, 3);
	cr_assert_eq(store_version(w), 3);
	cr_assert_eq(store_ckpt_version(r), 3);
	cr_assert_str_eq(above(r, 0, 0), "ikesa/1=x childsa/1=y ikesa/2=z ");
	cr_assert_str_eq(above(r, 0, 2), "ikesa/1=x childsa/1=y ");
	cr_assert_str_eq(list(r, "ikesa", NULL), "ikesa/1=x ikesa/2=z ");
	cr_assert_str_eq(list(r, "ikesa", "ipsecmgr/2"), "ikesa/2=z ");
	cr_assert_str_eq(list(r, NULL, "ipsecmgr/1"), "childsa/1=y ikesa/1=x ");
	cr_assert_eq(store_ckpt_count(r, "ikesa", NULL), 2);
	cr_assert_eq(store_writer_stats(w)->commits, 1);
	store_close_reader(r);
}

Test(store_ckpt, limits_of_group_commit)
{
	struct store_limits lim = {.rows_max = 2, .delay_us = 5000};
	int err;

	store_close_writer(w);
	w = store_open_writer(dir, STORE_STATE, &lim, &err);
	store_submit(w, put(NULL, "k", "1", "", "x"), 1000, NULL, NULL);
	store_poll(w, 1001);
	cr_assert_eq(store_pending_rows(w), 1);
	cr_assert_eq(store_next_us(w), 6000);
	store_submit(w, put(NULL, "k", "2", "", "x"), 1002, NULL, NULL);
	store_poll(w, 1002);
	cr_assert_eq(store_pending_rows(w), 0);
}

Test(store_ckpt, delete_tombstones_and_purge)
{
	struct store_reader *r = store_writer_reader(w);
	struct store_batch *b =
	        put(put(put(NULL, "a", "1", "m/1", "x"), "a", "2", "m/2", "y"), "b", "3", "m/1", "z");
	struct ack ack = {0};

	store_submit(w, b, 0, NULL, NULL);
	store_flush(w, 0);
	b = store_batch_new(w);
	cr_assert_eq(store_batch_ckpt_del(b, "a", "2"), 0);
	cr_assert_eq(store_batch_ckpt_del(b, "a", "absent"), 0);
	store_submit(w, b, 0, done, &ack);
	store_flush(w, 0);
	cr_assert_str_eq(above(r, 3, 0), "-a/2= ");
	cr_assert_eq(ack.last.last, 4);
	cr_assert_eq(store_version(w), 4, "no version is given to a row that is not there");
	b = store_batch_new(w);
	cr_assert_eq(store_batch_ckpt_del_owner(b, NULL, "m/1"), 0);
	put(b, "c", "4", "m/1", "new");
	store_submit(w, b, 0, done, &ack);
	store_flush(w, 0);
	cr_assert_str_eq(above(r, ack.last.first - 1, 0), "-a/1= -b/3= c/4=new ");
	cr_assert_eq(ack.last.last, store_version(w));
	cr_assert_str_eq(list(r, NULL, NULL), "c/4=new ");
	cr_assert_eq(store_ckpt_get(r, "a", "1", collect, NULL), -ENODATA);
	b = store_batch_new(w);
	store_batch_ckpt_purge(b, 4);
	store_submit(w, b, 0, NULL, NULL);
	store_flush(w, 0);
	cr_assert_str_eq(above(r, 0, 0), "-a/1= -b/3= c/4=new ");
	store_submit(w, put(NULL, "a", "1", "m/3", "back"), 0, NULL, NULL);
	store_flush(w, 0);
	cr_assert_str_eq(list(r, "a", NULL), "a/1=back ");
}

Test(store_ckpt, versions_rise_over_restart_clear_and_import)
{
	struct store_ckpt from_peer = {
	        .kind = "k", .key = "p", .owner = "o", .version = 500, .blob = "q", .len = 1};
	struct store_batch *b;
	struct ack a = {0};
	int64_t v;

	for (int i = 0; i < 3; i++)
		store_submit(w, put(NULL, "k", "1", "o", "x"), 0, NULL, NULL);
	store_flush(w, 0);
	b = store_batch_new(w);
	store_batch_ckpt_clear(b);
	store_submit(w, b, 0, NULL, NULL);
	store_flush(w, 0);
	v = store_version(w);
	store_close_writer(w);
	open_it();
	cr_assert_eq(store_version(w), v);
	b = store_batch_new(w);
	store_batch_ckpt(b, &from_peer);
	put(b, "k", "2", "o", "x");
	store_submit(w, b, 0, done, &a);
	store_flush(w, 0);
	cr_assert_eq(a.last.first, 500);
	cr_assert_eq(a.last.last, 501);
	cr_assert_eq(store_ckpt_version(store_writer_reader(w)), 501);
}

Test(store_ckpt, full_synchronisation_drops_what_it_did_not_bring)
{
	struct store_batch *b = put(put(put(NULL, "ikesa", "old", "o", "x"), "ikesa", "kept", "o", "x"),
	                            "srp", "mine", "o", "x");
	int64_t mark;

	store_submit(w, b, 0, NULL, NULL);
	store_flush(w, 0);
	mark = store_version(w);
	b = put(NULL, "ikesa", "kept", "o", "new");
	cr_assert_eq(store_batch_ckpt_drop_below(b, mark), 0);
	store_submit(w, b, 0, NULL, NULL);
	store_flush(w, 0);
	cr_assert_str_eq(list(store_writer_reader(w), NULL, NULL), "ikesa/kept=new srp/mine=x ");
	cr_assert(store_ckpt_local("srp"));
	cr_assert_not(store_ckpt_local("ikesa"));
}

Test(store_ckpt, refuses_bad_rows)
{
	struct store_ckpt row = {.kind = "k", .key = "", .blob = "x", .len = 1};
	struct store_batch *b = store_batch_new(w);
	char *big = calloc(1, STORE_BLOB_MAX + 2), key[STORE_KEY_MAX + 2];
	struct store_config cfg = {.path = "p", .value = "v"};

	cr_assert_eq(store_batch_ckpt(b, &row), -EINVAL);
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	row.key = key;
	cr_assert_eq(store_batch_ckpt(b, &row), -E2BIG);
	row.key = "k";
	row.blob = big;
	row.len = STORE_BLOB_MAX + 1;
	cr_assert_eq(store_batch_ckpt(b, &row), -E2BIG);
	row.len = 1;
	row.version = -1;
	cr_assert_eq(store_batch_ckpt(b, &row), -EINVAL);
	cr_assert_eq(store_batch_config(b, &cfg), -EINVAL, "not a table of state.db");
	store_batch_free(b);
	store_batch_free(NULL);
	free(big);
}

Test(store_ckpt, a_wrong_batch_fails_alone)
{
	/* Two rows with one version: refused by the unique index. */
	struct store_ckpt dup = {.kind = "k", .key = "dup", .owner = "o", .version = 1};
	struct store_batch *b = store_batch_new(w);
	struct ack bad = {0}, good = {0}, after = {0};

	store_submit(w, put(NULL, "k", "1", "o", "x"), 0, done, &good);
	store_batch_ckpt(b, &dup);
	store_submit(w, b, 0, done, &bad);
	store_submit(w, put(NULL, "k", "2", "o", "x"), 0, done, &after);
	cr_assert_eq(store_flush(w, 0), 0);
	cr_assert_eq(bad.last.error, -EINVAL);
	cr_assert(bad.last.final);
	cr_assert_eq(good.last.error, 0);
	cr_assert_eq(after.last.last, 2);
	cr_assert_str_eq(list(store_writer_reader(w), NULL, NULL), "k/1=x k/2=x ");
}

static struct ack first_ack, second_ack; /* outlive trouble(): their final call comes with the recovery */

static void trouble(int err)
{
	char *big = malloc(300001);

	memset(big, 'B', 300000);
	big[300000] = '\0';
	store_submit(w, put(NULL, "k", "1", "o", big), 0, done, &first_ack);
	cr_assert_eq(store_flush(w, 1000), err);
	cr_assert_eq(first_ack.calls, 1);
	cr_assert_eq(first_ack.last.error, err);
	cr_assert_not(first_ack.last.final);
	cr_assert_eq(store_trouble(w), err);
	store_submit(w, put(NULL, "k", "2", "o", "later"), 2000, done, &second_ack);
	cr_assert_eq(store_flush(w, 2000), err);
	cr_assert_eq(second_ack.calls, 1, "a submitter during trouble is told too");
	cr_assert_eq(store_flush(w, store_next_us(w)), err);
	cr_assert_eq(first_ack.calls, 1, "but only once");
	free(big);
}

static void expect_recovered(void)
{
	cr_assert_eq(store_poll(w, store_next_us(w)), 0);
	cr_assert_eq(store_trouble(w), 0);
	cr_assert_eq(store_ckpt_count(store_writer_reader(w), "k", NULL), 2);
	cr_assert_eq(store_pending_rows(w), 0);
	cr_assert(first_ack.calls == 2 && first_ack.last.final && first_ack.last.error == 0 &&
	          first_ack.order < second_ack.order);
}

Test(store_ckpt, disk_full)
{
	sqlite3 *db = store_writer_reader(w)->db;

	cr_assert_eq(sqlite3_exec(db, "PRAGMA max_page_count=40", NULL, NULL, NULL), SQLITE_OK);
	trouble(-ENOSPC);
	cr_assert_eq(sqlite3_exec(db, "PRAGMA max_page_count=100000", NULL, NULL, NULL), SQLITE_OK);
	expect_recovered();
}

/* Who does the work anew after a refusal must not find the rows of the first try one day. */
Test(store_ckpt, what_is_written_once_or_not_at_all_is_not_written_later)
{
	sqlite3 *db = store_writer_reader(w)->db;
	struct store_batch *once = put(NULL, "k", "3", "o", "never");
	static struct ack once_ack;

	cr_assert_eq(sqlite3_exec(db, "PRAGMA max_page_count=40", NULL, NULL, NULL), SQLITE_OK);
	store_batch_once(once);
	store_submit(w, once, 0, done, &once_ack);
	trouble(-ENOSPC);
	cr_assert_eq(once_ack.calls, 1);
	cr_assert_eq(once_ack.last.error, -ENOSPC);
	cr_assert(once_ack.last.final);
	once = put(NULL, "k", "4", "o", "never");
	store_batch_once(once);
	store_submit(w, once, 3000, done, &once_ack);
	cr_assert_eq(store_flush(w, 3000), -ENOSPC);
	cr_assert_eq(once_ack.calls, 2, "in the middle of it, too");
	cr_assert_eq(store_pending_rows(w), 2);
	cr_assert_eq(sqlite3_exec(db, "PRAGMA max_page_count=100000", NULL, NULL, NULL), SQLITE_OK);
	expect_recovered();
}

Test(store_ckpt, io_error)
{
	struct rlimit lim, old;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	lim = old;
	lim.rlim_cur = 200000;
	setrlimit(RLIMIT_FSIZE, &lim);
	trouble(-EIO);
	setrlimit(RLIMIT_FSIZE, &old);
	expect_recovered();
}

Test(store_ckpt, backlog_is_bounded)
{
	struct store_limits lim = {.backlog_bytes = 3000};
	struct ack a = {0};
	int err, rc = 0, n = 0;

	store_close_writer(w);
	w = store_open_writer(dir, STORE_STATE, &lim, &err);
	while ((rc = store_submit(w, put(NULL, "k", "1", "o", "0123456789"), 0, done, &a)) == 0)
		cr_assert_lt(++n, 100);
	cr_assert_eq(rc, -ENOBUFS);
	store_flush(w, 0);
	cr_assert_eq(a.calls, n);
}

Test(store_ckpt, one_writer_only)
{
	int err = 0;

	cr_assert_null(store_open_writer(dir, STORE_STATE, NULL, &err));
	cr_assert_eq(err, -EBUSY);
	cr_assert_null(store_open_writer("/nonexistent/dir", STORE_STATE, NULL, &err));
	cr_assert_eq(err, -ENOENT);
}

/* A child writes, commits, leaves an uncommitted tail and is killed; the next writer finds exactly what was
 * acknowledged. */
Test(store_ckpt, killed_writer_keeps_what_it_acknowledged)
{
	struct store_reader *r = store_open_reader(dir, STORE_STATE);
	int fd[2], err, status;
	char c;
	pid_t pid;

	store_close_writer(w);
	cr_assert_eq(pipe(fd), 0);
	pid = fork();
	if (pid == 0) {
		w = store_open_writer(dir, STORE_STATE, NULL, &err);
		store_submit(w, put(NULL, "k", "acked", "o", "x"), 0, NULL, NULL);
		store_flush(w, 0);
		store_submit(w, put(NULL, "k", "not-acked", "o", "x"), 0, NULL, NULL);
		if (write(fd[1], "x", 1) < 0)
			_exit(1);
		pause();
	}
	cr_assert_eq(read(fd[0], &c, 1), 1);
	cr_assert_str_eq(list(r, NULL, NULL), "k/acked=x ");
	w = store_open_writer(dir, STORE_STATE, NULL, &err);
	cr_assert_null(w);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	open_it();
	cr_assert_str_eq(list(r, NULL, NULL), "k/acked=x ");
	store_submit(w, put(NULL, "k", "next", "o", "y"), 0, NULL, NULL);
	store_flush(w, 0);
	cr_assert_str_eq(list(r, NULL, NULL), "k/acked=x k/next=y ");
	store_close_reader(r);
}

static int damaged_files(void)
{
	char pattern[100];
	glob_t g;
	int n;

	snprintf(pattern, sizeof(pattern), "%s/state.db.damaged-*", dir);
	n = glob(pattern, 0, NULL, &g) == 0 ? (int)g.gl_pathc : 0;
	globfree(&g);
	return n;
}

static void scribble(off_t at, size_t len)
{
	char path[100], junk[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/state.db", dir);
	memset(junk, 0x5a, sizeof(junk));
	fd = open(path, O_RDWR | O_CREAT, 0600);
	for (size_t n = 0; n < len; n += sizeof(junk))
		cr_assert_eq(pwrite(fd, junk, sizeof(junk), at + (off_t)n), (ssize_t)sizeof(junk));
	close(fd);
}

Test(store_ckpt, damaged_file_is_moved_aside)
{
	struct store_reader *r = store_open_reader(dir, STORE_STATE);

	for (int i = 0; i < 2; i++) {
		store_submit(w, put(NULL, "k", "1", "o", "x"), 0, NULL, NULL);
		store_flush(w, 0);
		cr_assert_str_eq(list(r, NULL, NULL), "k/1=x ");
		store_close_reader(r);
		store_close_writer(w);                    /* the last one out folds the WAL into the file */
		scribble(i ? 4096 : 0, i ? 65536 : 4096); /* the header; then every table */
		r = store_open_reader(dir, STORE_STATE);
		if (i == 0)
			cr_assert_eq(store_ckpt_list(r, NULL, NULL, collect, NULL), -EIO);
		open_it();
		cr_assert_str_eq(list(r, NULL, NULL), "", "the reader follows to the new file");
		cr_assert_geq(damaged_files(), 1);
	}
	store_close_reader(r);
}

Test(store_ckpt, absent_file_and_late_writer)
{
	char other[80];
	struct store_reader *r;
	struct store_writer *late;
	int err;

	snprintf(other, sizeof(other), "%s/sub", dir);
	r = store_open_reader(other, STORE_STATE);
	cr_assert_eq(store_ckpt_list(r, NULL, NULL, collect, NULL), -ENOENT);
	cr_assert_eq(store_ckpt_version(r), -ENOENT);
	cr_assert_eq(mkdir(other, 0700), 0);
	cr_assert_eq(store_ckpt_list(r, NULL, NULL, collect, NULL), -ENOENT);
	late = store_open_writer(other, STORE_STATE, NULL, &err);
	cr_assert_str_eq(list(r, NULL, NULL), "");
	store_close_writer(late);
	store_close_reader(r);
}

static int nested(const struct store_ckpt *row, void *arg)
{
	int64_t *n = arg;

	*n += store_ckpt_count(store_writer_reader(w), row->kind, NULL);
	cr_assert_eq(store_ckpt_get(store_writer_reader(w), row->kind, row->key, collect, NULL), 0);
	return 0;
}

static int nested_same(const struct store_ckpt *row, void *arg)
{
	++*(int *)arg;
	return store_ckpt_list(store_writer_reader(w), row->kind, NULL, collect, NULL);
}

static int stop_at_once(const struct store_ckpt *row, void *arg)
{
	return 7;
}

Test(store_ckpt, callbacks_may_ask_again_and_stop)
{
	int64_t n = 0;
	int rows = 0;

	store_submit(w, put(put(NULL, "k", "1", "o", "x"), "k", "2", "o", "y"), 0, NULL, NULL);
	store_flush(w, 0);
	cr_assert_eq(store_ckpt_list(store_writer_reader(w), "k", NULL, nested, &n), 0);
	cr_assert_eq(n, 4);
	text[0] = '\0';
	cr_assert_eq(store_ckpt_list(store_writer_reader(w), "k", NULL, nested_same, &rows), 0);
	cr_assert_eq(rows, 2);
	cr_assert_str_eq(text, "k/1=x k/2=y k/1=x k/2=y ");
	cr_assert_eq(store_ckpt_list(store_writer_reader(w), "k", NULL, stop_at_once, NULL), 7);
}

static void submits_more(const struct store_result *res, void *arg)
{
	if (++*(int *)arg < 3)
		store_submit(w, put(NULL, "k", "more", "o", "x"), 0, submits_more, arg);
}

Test(store_ckpt, callbacks_may_submit)
{
	int n = 0;

	store_submit(w, put(NULL, "k", "1", "o", "x"), 0, submits_more, &n);
	for (int i = 0; i < 5; i++)
		store_flush(w, 0);
	cr_assert_eq(n, 3);
}

Test(store_ckpt, close_commits_the_rest)
{
	struct ack a = {0};

	store_submit(w, put(NULL, "k", "1", "o", "x"), 0, done, &a);
	store_close_writer(w);
	cr_assert_eq(a.last.error, 0);
	cr_assert(a.last.final);
	open_it();
	cr_assert_str_eq(list(store_writer_reader(w), NULL, NULL), "k/1=x ");
}
