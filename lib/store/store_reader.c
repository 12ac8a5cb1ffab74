/* SPDX-License-Identifier: MIT */
/*
 * Readers of the store files; see store.h. One connection per reader, opened by the first query that finds
 * the file, dropped when the file was replaced or an error shows that it is not usable. Queries are short:
 * they never hold a snapshot across calls.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/store_priv.h"

#define CKPT_COLS "kind, key, owner, version, blob, deleted"
#define EVENT_COLS                                                                                           \
	"seq, wall_us, facility, event_id, level, card, cpu, pid, task, instance, file, line, categories, "  \
	"text"
#define HISTORY_COLS "seq, wall_us, kind, json"

/* Parameters: ?1 ?2 texts, ?3 ?4 ?5 numbers; a limit below 0 is none. */
static const char *const queries[Q_COUNT] = {
        [Q_CKPT_ABOVE] = "SELECT " CKPT_COLS " FROM checkpoint WHERE version > ?3 ORDER BY version LIMIT ?4",
        [Q_CKPT_LIST] = "SELECT " CKPT_COLS " FROM checkpoint WHERE deleted = 0 ORDER BY kind, key",
        [Q_CKPT_LIST_KIND] =
                "SELECT " CKPT_COLS " FROM checkpoint WHERE deleted = 0 AND kind = ?1 ORDER BY key",
        [Q_CKPT_LIST_OWNER] =
                "SELECT " CKPT_COLS " FROM checkpoint WHERE deleted = 0 AND owner = ?2 ORDER BY kind, key",
        [Q_CKPT_LIST_BOTH] = "SELECT " CKPT_COLS
                             " FROM checkpoint WHERE deleted = 0 AND kind = ?1 AND owner = ?2 ORDER BY key",
        [Q_CKPT_GET] = "SELECT " CKPT_COLS " FROM checkpoint WHERE kind = ?1 AND key = ?2 AND deleted = 0",
        [Q_CKPT_COUNT] = "SELECT count(*) FROM checkpoint WHERE deleted = 0 AND (?1 IS NULL OR kind = ?1)"
                         " AND (?2 IS NULL OR owner = ?2)",
        [Q_CKPT_VERSION] =
                "SELECT max(ifnull((SELECT max(version) FROM checkpoint), 0),"
                " ifnull((SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'version_high'), 0))",
        [Q_META_GET] = "SELECT value FROM meta WHERE name = ?1",
        [Q_TRAP_LIST] = "SELECT seq, wall_us, number, name, facility, varbinds, text, sent FROM trap"
                        " WHERE seq > ?3 AND (?4 = 0 OR sent = 0) ORDER BY seq LIMIT ?5",
        [Q_EVENT_LIST] = "SELECT * FROM (SELECT " EVENT_COLS
                         " FROM event WHERE level <= ?3 AND (?1 IS NULL OR facility = ?1)"
                         " ORDER BY seq DESC LIMIT ?4) ORDER BY seq",
        [Q_SAMPLE_LIST] = "SELECT schema, key, wall_us, \"values\" FROM sample WHERE schema = ?1 AND wall_us "
                          "BETWEEN ?3 AND ?4"
                          " ORDER BY wall_us, key",
        [Q_SAMPLE_LAST] =
                "SELECT schema, key, wall_us, \"values\" FROM sample_last WHERE (?1 IS NULL OR schema = ?1)"
                " ORDER BY schema, key",
        [Q_ALARM_LIST] = "SELECT id, object, name, severity, raised_us, cleared_us, text FROM alarm"
                         " WHERE ?3 = 0 OR cleared_us = 0 ORDER BY id",
        [Q_HISTORY_LIST] = "SELECT * FROM (SELECT " HISTORY_COLS
                           " FROM history WHERE kind = ?1 ORDER BY seq DESC LIMIT ?3)"
                           " ORDER BY seq",
        [Q_CONFIG_LIST] = "SELECT path, value, version, deleted FROM config WHERE deleted = 0 AND path >= ?1"
                          " AND path < ?1 || char(1114111) ORDER BY path",
        [Q_CONFIG_ABOVE] =
                "SELECT path, value, version, deleted FROM config WHERE version > ?3 ORDER BY version",
};

struct store_reader *store_open_reader(const char *dir, enum store_file file)
{
	struct store_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->file = file;
	if (asprintf(&r->path, "%s/%s", dir, store_file_name(file)) < 0) {
		free(r);
		return NULL;
	}
	return r;
}

void store_reader_reset(struct store_reader *r)
{
	for (int i = 0; i < Q_COUNT; i++) {
		sqlite3_finalize(r->stmt[i]);
		r->stmt[i] = NULL;
	}
	if (!r->borrowed)
		sqlite3_close_v2(r->db);
	r->db = NULL;
}

void store_close_reader(struct store_reader *r)
{
	if (!r || r->borrowed)
		return;
	store_reader_reset(r);
	free(r->path);
	free(r);
}

/* Have a connection to the file that is at `path` now. */
static int connect_reader(struct store_reader *r)
{
	struct stat st;
	int err;

	if (r->borrowed)
		return r->db ? 0 : -ENOENT;
	if (stat(r->path, &st) < 0) {
		err = -errno;
		store_reader_reset(r);
		return err;
	}
	if (r->db && st.st_ino == r->ino && st.st_dev == r->dev)
		return 0;
	store_reader_reset(r);
	err = store_errno(sqlite3_open_v2(r->path, &r->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL));
	if (err) {
		store_reader_reset(r);
		return err;
	}
	sqlite3_busy_timeout(r->db, STORE_BUSY_MS);
	r->ino = st.st_ino;
	r->dev = st.st_dev;
	return 0;
}

/* An error of a query; a broken connection is dropped. A table that is not there yet reads as no store. */
static int query_error(struct store_reader *r, int rc)
{
	int err = (rc & 0xff) == SQLITE_ERROR ? -ENOENT : store_errno(rc);

	if (err == -EUCLEAN)
		err = -EIO;
	if (err != -EAGAIN && err != -ENOMEM && !r->borrowed)
		store_reader_reset(r);
	return err;
}

struct args {
	const char *s1, *s2;
	int64_t n[3];
};

/* One row: returns non-zero to stop. */
typedef int (*row_fn)(sqlite3_stmt *st, void *ctx);

static int step_all(struct store_reader *r, sqlite3_stmt *st, row_fn fn, void *ctx)
{
	int rc, stop = 0;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		stop = fn(st, ctx);
		if (stop)
			return stop;
	}
	return rc == SQLITE_DONE ? 0 : rc == SQLITE_OK ? 0 : -1000000 - rc;
}

static int query(struct store_reader *r, enum query q, const struct args *a, row_fn fn, void *ctx)
{
	sqlite3_stmt *st, *own = NULL;
	int rc, err = connect_reader(r);

	if (err)
		return err;
	st = r->stmt[q];
	if (!st || sqlite3_stmt_busy(st)) { /* busy: the callback of a query asks the same again */
		rc = sqlite3_prepare_v3(r->db, queries[q], -1, st ? 0 : SQLITE_PREPARE_PERSISTENT, &own,
		                        NULL);
		if (rc != SQLITE_OK)
			return query_error(r, rc);
		if (!st) {
			r->stmt[q] = own;
			st = own;
			own = NULL;
		} else {
			st = own;
		}
	}
	sqlite3_bind_text(st, 1, a->s1, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, a->s2, -1, SQLITE_STATIC);
	for (int i = 0; i < 3; i++)
		sqlite3_bind_int64(st, 3 + i, a->n[i]);
	err = step_all(r, st, fn, ctx);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	sqlite3_finalize(own);
	return err <= -1000000 ? query_error(r, -1000000 - err) : err;
}

static const char *text(sqlite3_stmt *st, int col)
{
	const unsigned char *s = sqlite3_column_text(st, col);

	return s ? (const char *)s : "";
}

/* A caller's callback behind a row function. */
struct call {
	union {
		store_ckpt_fn ckpt;
		store_trap_fn trap;
		store_event_fn event;
		store_sample_fn sample;
		store_alarm_fn alarm;
		store_history_fn history;
		store_config_fn config;
	} fn;
	void *arg;
	int64_t found;
};

static int ckpt_row(sqlite3_stmt *st, void *ctx)
{
	struct call *c = ctx;
	struct store_ckpt row = {text(st, 0),
	                         text(st, 1),
	                         text(st, 2),
	                         sqlite3_column_int64(st, 3),
	                         sqlite3_column_blob(st, 4),
	                         (size_t)sqlite3_column_bytes(st, 4),
	                         sqlite3_column_int(st, 5) != 0};

	c->found++;
	return c->fn.ckpt(&row, c->arg);
}

int store_ckpt_above(struct store_reader *r, int64_t above, uint32_t limit, store_ckpt_fn cb, void *arg)
{
	return query(r, Q_CKPT_ABOVE, &(struct args){.n = {above, limit ? (int64_t)limit : -1}}, ckpt_row,
	             &(struct call){.fn.ckpt = cb, .arg = arg});
}

int store_ckpt_list(struct store_reader *r, const char *kind, const char *owner, store_ckpt_fn cb, void *arg)
{
	enum query q = kind && owner ? Q_CKPT_LIST_BOTH
	               : kind        ? Q_CKPT_LIST_KIND
	               : owner       ? Q_CKPT_LIST_OWNER
	                             : Q_CKPT_LIST;

	return query(r, q, &(struct args){.s1 = kind, .s2 = owner}, ckpt_row,
	             &(struct call){.fn.ckpt = cb, .arg = arg});
}

int store_ckpt_get(struct store_reader *r, const char *kind, const char *key, store_ckpt_fn cb, void *arg)
{
	struct call c = {.fn.ckpt = cb, .arg = arg};
	int rc = query(r, Q_CKPT_GET, &(struct args){.s1 = kind, .s2 = key}, ckpt_row, &c);

	return rc == 0 && !c.found ? -ENODATA : rc;
}

static int int_row(sqlite3_stmt *st, void *ctx)
{
	*(int64_t *)ctx = sqlite3_column_int64(st, 0);
	return 0;
}

int64_t store_ckpt_count(struct store_reader *r, const char *kind, const char *owner)
{
	int64_t n = 0;
	int err = query(r, Q_CKPT_COUNT, &(struct args){.s1 = kind, .s2 = owner}, int_row, &n);

	return err ? err : n;
}

int64_t store_ckpt_version(struct store_reader *r)
{
	int64_t n = 0;
	int err = query(r, Q_CKPT_VERSION, &(struct args){0}, int_row, &n);

	return err ? err : n;
}

struct meta_value {
	char *out;
	size_t size;
	bool found;
};

static int meta_row(sqlite3_stmt *st, void *ctx)
{
	struct meta_value *m = ctx;

	snprintf(m->out, m->size, "%s", text(st, 0));
	m->found = true;
	return 0;
}

int store_meta_get(struct store_reader *r, const char *name, char *out, size_t size)
{
	struct meta_value m = {out, size, false};
	int err;

	if (size)
		out[0] = '\0';
	err = query(r, Q_META_GET, &(struct args){.s1 = name}, meta_row, &m);
	return err ? err : m.found ? 0 : -ENODATA;
}

static int trap_row(sqlite3_stmt *st, void *ctx)
{
	struct call *c = ctx;
	struct store_trap row = {.seq = sqlite3_column_int64(st, 0),
	                         .wall_us = (uint64_t)sqlite3_column_int64(st, 1),
	                         .number = (uint32_t)sqlite3_column_int64(st, 2),
	                         .name = text(st, 3),
	                         .facility = text(st, 4),
	                         .varbinds = text(st, 5),
	                         .text = text(st, 6),
	                         .sent = sqlite3_column_int(st, 7) != 0};

	return c->fn.trap(&row, c->arg);
}

int store_trap_list(struct store_reader *r, int64_t above, bool unsent_only, uint32_t limit, store_trap_fn cb,
                    void *arg)
{
	return query(r, Q_TRAP_LIST, &(struct args){.n = {above, unsent_only, limit ? (int64_t)limit : -1}},
	             trap_row, &(struct call){.fn.trap = cb, .arg = arg});
}

static int event_row(sqlite3_stmt *st, void *ctx)
{
	struct call *c = ctx;
	struct store_event row = {
	        .seq = sqlite3_column_int64(st, 0),
	        .wall_us = (uint64_t)sqlite3_column_int64(st, 1),
	        .facility = text(st, 2),
	        .event_id = (uint32_t)sqlite3_column_int64(st, 3),
	        .level = sqlite3_column_int(st, 4),
	        .card = (unsigned)sqlite3_column_int64(st, 5),
	        .cpu = (unsigned)sqlite3_column_int64(st, 6),
	        .pid = sqlite3_column_int(st, 7),
	        .task = text(st, 8),
	        .instance = (unsigned)sqlite3_column_int64(st, 9),
	        .file = text(st, 10),
	        .line = sqlite3_column_int(st, 11),
	        .categories = text(st, 12),
	        .text = text(st, 13),
	};

	return c->fn.event(&row, c->arg);
}

int store_event_list(struct store_reader *r, const char *facility, int level, uint32_t limit,
                     store_event_fn cb, void *arg)
{
	return query(r, Q_EVENT_LIST,
	             &(struct args){.s1 = facility, .n = {level, limit ? (int64_t)limit : -1}}, event_row,
	             &(struct call){.fn.event = cb, .arg = arg});
}

static int sample_row(sqlite3_stmt *st, void *ctx)
{
	struct call *c = ctx;
	struct store_sample row = {text(st, 0), text(st, 1), (uint64_t)sqlite3_column_int64(st, 2),
	                           text(st, 3)};

	return c->fn.sample(&row, c->arg);
}

int store_sample_list(struct store_reader *r, const char *schema, uint64_t from_us, uint64_t to_us,
                      store_sample_fn cb, void *arg)
{
	int64_t to = to_us > INT64_MAX ? INT64_MAX : (int64_t)to_us;

	return query(r, Q_SAMPLE_LIST, &(struct args){.s1 = schema, .n = {(int64_t)from_us, to}}, sample_row,
	             &(struct call){.fn.sample = cb, .arg = arg});
}

int store_sample_last(struct store_reader *r, const char *schema, store_sample_fn cb, void *arg)
{
	return query(r, Q_SAMPLE_LAST, &(struct args){.s1 = schema}, sample_row,
	             &(struct call){.fn.sample = cb, .arg = arg});
}

static int alarm_row(sqlite3_stmt *st, void *ctx)
{
	struct call *c = ctx;
	struct store_alarm row = {.id = sqlite3_column_int64(st, 0),
	                          .object = text(st, 1),
	                          .name = text(st, 2),
	                          .severity = sqlite3_column_int(st, 3),
	                          .raised_us = (uint64_t)sqlite3_column_int64(st, 4),
	                          .cleared_us = (uint64_t)sqlite3_column_int64(st, 5),
	                          .text = text(st, 6)};

	return c->fn.alarm(&row, c->arg);
}

int store_alarm_list(struct store_reader *r, bool outstanding_only, store_alarm_fn cb, void *arg)
{
	return query(r, Q_ALARM_LIST, &(struct args){.n = {outstanding_only}}, alarm_row,
	             &(struct call){.fn.alarm = cb, .arg = arg});
}

static int history_row(sqlite3_stmt *st, void *ctx)
{
	struct call *c = ctx;
	struct store_history row = {sqlite3_column_int64(st, 0), (uint64_t)sqlite3_column_int64(st, 1),
	                            text(st, 2), text(st, 3)};

	return c->fn.history(&row, c->arg);
}

int store_history_list(struct store_reader *r, const char *kind, uint32_t limit, store_history_fn cb,
                       void *arg)
{
	return query(r, Q_HISTORY_LIST, &(struct args){.s1 = kind, .n = {limit ? (int64_t)limit : -1}},
	             history_row, &(struct call){.fn.history = cb, .arg = arg});
}

static int config_row(sqlite3_stmt *st, void *ctx)
{
	struct call *c = ctx;
	struct store_config row = {text(st, 0), text(st, 1), sqlite3_column_int64(st, 2),
	                           sqlite3_column_int(st, 3) != 0};

	return c->fn.config(&row, c->arg);
}

int store_config_list(struct store_reader *r, const char *prefix, store_config_fn cb, void *arg)
{
	return query(r, Q_CONFIG_LIST, &(struct args){.s1 = prefix ? prefix : ""}, config_row,
	             &(struct call){.fn.config = cb, .arg = arg});
}

int store_config_above(struct store_reader *r, int64_t above, store_config_fn cb, void *arg)
{
	return query(r, Q_CONFIG_ABOVE, &(struct args){.n = {above}}, config_row,
	             &(struct call){.fn.config = cb, .arg = arg});
}
