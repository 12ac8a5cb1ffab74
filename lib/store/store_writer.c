/* SPDX-License-Identifier: MIT */
/*
 * The one writer of a store file; see store.h. Batches queue up and are committed together; after the commit
 * their callbacks run in order. What could not be committed (disk full, I/O error) stays queued in order, is
 * reported once as not final, and is tried again. A batch that SQLite refuses as wrong is dropped alone. A
 * file found damaged in operation is replaced by an empty one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/store_priv.h"

struct numbers {
	int64_t version, trap, event, history;
	int64_t trap_trimmed, event_trimmed, history_trimmed;
	uint64_t sample_trim_us;
};

struct store_writer {
	enum store_file file;
	char *path;
	int lock_fd;
	sqlite3 *db;
	sqlite3_stmt *stmt[OP_COUNT], *begin, *commit;
	struct store_limits lim;
	struct store_reader reader;
	struct store_batch *first, *last;
	size_t rows, bytes;
	struct numbers num;
	int trouble;
	uint64_t retry_us;
	bool in_flush;
	struct store_stats stats;
};

/* ---- open and close ---- */
static int64_t select_int(struct store_writer *w, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int64_t v = 0;

	if (sqlite3_prepare_v2(w->db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return v;
}

static void raise_to(int64_t *have, int64_t v)
{
	if (v > *have)
		*have = v;
}

/* Where numbering goes on. meta.version_high covers rows that were purged. Never lower than what this writer
 * gave already. */
static void load_numbers(struct store_writer *w)
{
	raise_to(&w->num.version,
	         select_int(w, "SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'version_high'"));
	if (w->file == STORE_CONFIG) {
		raise_to(&w->num.version, select_int(w, "SELECT max(version) FROM config"));
		return;
	}
	raise_to(&w->num.version, select_int(w, "SELECT max(version) FROM checkpoint"));
	raise_to(&w->num.trap, select_int(w, "SELECT max(seq) FROM trap"));
	raise_to(&w->num.event, select_int(w, "SELECT max(seq) FROM event"));
	raise_to(&w->num.history, select_int(w, "SELECT max(seq) FROM history"));
}

static int prepare(sqlite3 *db, const char *sql, sqlite3_stmt **st)
{
	return store_errno(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, st, NULL));
}

static void disconnect(struct store_writer *w)
{
	store_reader_reset(&w->reader);
	for (int i = 0; i < OP_COUNT; i++) {
		sqlite3_finalize(w->stmt[i]);
		w->stmt[i] = NULL;
	}
	sqlite3_finalize(w->begin);
	sqlite3_finalize(w->commit);
	w->begin = w->commit = NULL;
	sqlite3_close(w->db);
	w->db = NULL;
}

static int connect_db(struct store_writer *w)
{
	int err = store_db_open(w->path, w->file, &w->db);

	for (int i = 0; i < OP_COUNT && !err; i++)
		if (store_ops[i].both || store_ops[i].file == w->file)
			err = prepare(w->db, store_ops[i].sql, &w->stmt[i]);
	if (!err)
		err = prepare(w->db, "BEGIN IMMEDIATE", &w->begin);
	if (!err)
		err = prepare(w->db, "COMMIT", &w->commit);
	if (err) {
		disconnect(w);
		return err;
	}
	w->reader.db = w->db;
	load_numbers(w);
	return 0;
}

/* An open-file-description lock: goes with this process, whatever kills it. */
static int take_lock(struct store_writer *w)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[4200];

	snprintf(path, sizeof(path), "%s.lock", w->path);
	w->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (w->lock_fd < 0)
		return -errno;
	if (fcntl(w->lock_fd, F_OFD_SETLK, &fl) < 0)
		return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
	return 0;
}

static void default_limits(struct store_limits *l)
{
	l->rows_max = l->rows_max ? l->rows_max : 512;
	l->backlog_bytes = l->backlog_bytes ? l->backlog_bytes : 64U << 20;
	l->retry_us = l->retry_us ? l->retry_us : 200 * US_PER_MS;
	l->events_max = l->events_max ? l->events_max : 50000;
	l->traps_max = l->traps_max ? l->traps_max : 10000;
	l->history_max = l->history_max ? l->history_max : 5000;
	l->samples_keep_us = l->samples_keep_us ? l->samples_keep_us : 360 * US_PER_MIN;
}

struct store_writer *store_open_writer(const char *dir, enum store_file file,
                                       const struct store_limits *limits, int *err)
{
	struct store_writer *w = calloc(1, sizeof(*w));

	*err = -ENOMEM;
	if (!w)
		return NULL;
	w->lock_fd = -1;
	w->file = w->reader.file = file;
	w->reader.borrowed = true;
	if (limits)
		w->lim = *limits;
	default_limits(&w->lim);
	if (asprintf(&w->path, "%s/%s", dir, store_file_name(file)) < 0) {
		free(w);
		return NULL;
	}
	*err = take_lock(w);
	if (!*err)
		*err = connect_db(w);
	if (*err) {
		if (w->lock_fd >= 0)
			close(w->lock_fd);
		free(w->path);
		free(w);
		return NULL;
	}
	return w;
}

/* ---- commit ---- */
static void bind_op(sqlite3_stmt *st, const struct op *op)
{
	int params = sqlite3_bind_parameter_count(st);

	for (int i = 0; i < STRINGS_MAX && i < params; i++)
		if (op->s[i])
			sqlite3_bind_text(st, i + 1, op->s[i], -1, SQLITE_STATIC);
	for (int i = 0; i < INTS_MAX && STRINGS_MAX + i < params; i++)
		sqlite3_bind_int64(st, STRINGS_MAX + i + 1, op->n[i]);
	if (params >= BLOB_PARAM)
		sqlite3_bind_blob(st, BLOB_PARAM, op->blob, (int)op->len, SQLITE_STATIC);
}

static int step_once(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	sqlite3_reset(st);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int64_t *counter_of(struct store_writer *w, enum number kind)
{
	switch (kind) {
	case N_VERSION:
	case N_VERSION_RANGE:
		return &w->num.version;
	case N_TRAP:
		return &w->num.trap;
	case N_EVENT:
		return &w->num.event;
	case N_HISTORY:
		return &w->num.history;
	case N_NONE:
		break;
	}
	return NULL;
}

static int run_op(struct store_writer *w, struct store_batch *b, const struct op *op)
{
	enum number kind = store_ops[op->type].number;
	int64_t *counter = counter_of(w, kind);
	sqlite3_stmt *st = w->stmt[op->type];
	bool results = kind == N_VERSION || kind == N_VERSION_RANGE || kind == N_TRAP;
	struct op numbered = *op;
	int64_t first = 0;
	int rc;

	/* A row that brings its number (from the peer chassis) keeps it. The copy leaves the op as it was for
	 * another try. */
	if (counter) {
		numbered.n[0] = op->n[0] ? op->n[0] : kind == N_VERSION_RANGE ? *counter : *counter + 1;
		first = kind == N_VERSION_RANGE ? *counter + 1 : numbered.n[0];
	}
	bind_op(st, &numbered);
	rc = step_once(st);
	sqlite3_clear_bindings(st);
	if (rc != SQLITE_OK || !counter ||
	    sqlite3_changes(w->db) == 0) /* nothing to delete: no number is used up */
		return rc;
	raise_to(counter, kind == N_VERSION_RANGE ? *counter + sqlite3_changes(w->db) : numbered.n[0]);
	if (results) {
		b->res.first = b->res.first && b->res.first < first ? b->res.first : first;
		raise_to(&b->res.last, kind == N_VERSION_RANGE ? *counter : numbered.n[0]);
	}
	return SQLITE_OK;
}

static int run_number(struct store_writer *w, enum op_type type, const char *s, int64_t n)
{
	struct op op = {.type = type, .n = {0, n}, .s = {s}};

	bind_op(w->stmt[type], &op);
	return step_once(w->stmt[type]);
}

static int trim_ring(struct store_writer *w, enum op_type type, int64_t seq, uint32_t max, int64_t *trimmed)
{
	int rc;

	/* In steps of a sixteenth, so that the cost is spread and small. */
	if (seq - max <= *trimmed + max / 16)
		return SQLITE_OK;
	rc = run_number(w, type, NULL, seq - max);
	if (rc == SQLITE_OK)
		*trimmed = seq - max;
	return rc;
}

static int trim_samples(struct store_writer *w, const struct op *op)
{
	uint64_t wall = (uint64_t)op->n[1];

	if (wall < w->num.sample_trim_us + w->lim.samples_keep_us / 16 &&
	    wall + w->lim.samples_keep_us > w->num.sample_trim_us)
		return SQLITE_OK;
	w->num.sample_trim_us = wall;
	return wall > w->lim.samples_keep_us
	               ? run_number(w, OP_SAMPLE_TRIM, op->s[0], (int64_t)(wall - w->lim.samples_keep_us))
	               : SQLITE_OK;
}

/* Rings, and the high mark of versions when rows that bore it may have gone. */
static int housekeeping(struct store_writer *w, bool removed)
{
	char high[24];
	struct op op = {.type = OP_META, .s = {"version_high", high}};
	int rc;

	rc = trim_ring(w, OP_TRAP_TRIM, w->num.trap, w->lim.traps_max, &w->num.trap_trimmed);
	if (rc == SQLITE_OK)
		rc = trim_ring(w, OP_EVENT_TRIM, w->num.event, w->lim.events_max, &w->num.event_trimmed);
	if (rc == SQLITE_OK)
		rc = trim_ring(w, OP_HISTORY_TRIM, w->num.history, w->lim.history_max,
		               &w->num.history_trimmed);
	if (rc != SQLITE_OK || !removed)
		return rc;
	snprintf(high, sizeof(high), "%lld", (long long)w->num.version);
	bind_op(w->stmt[OP_META], &op);
	rc = step_once(w->stmt[OP_META]);
	sqlite3_clear_bindings(w->stmt[OP_META]);
	return rc;
}

/* Apply all batches from `from` in one transaction. On failure *failed is the batch to blame, NULL for the
 * transaction itself. */
static int apply(struct store_writer *w, struct store_batch *from, struct store_batch **failed)
{
	bool removed = false;
	int rc = step_once(w->begin);

	*failed = NULL;
	if (rc != SQLITE_OK)
		return rc;
	for (struct store_batch *b = from; b; b = b->next) {
		b->res = (struct store_result){.final = true};
		for (struct op *op = b->first; op; op = op->next) {
			rc = run_op(w, b, op);
			if (rc == SQLITE_OK && op->type == OP_SAMPLE)
				rc = trim_samples(w, op);
			if (rc != SQLITE_OK) {
				*failed = b;
				return rc;
			}
			removed |= op->type == OP_CKPT_CLEAR || op->type == OP_CKPT_PURGE ||
			           op->type == OP_CKPT_DROP_BELOW || op->type == OP_CONFIG_CLEAR;
		}
	}
	rc = housekeeping(w, removed);
	return rc == SQLITE_OK ? step_once(w->commit) : rc;
}

static void rollback(struct store_writer *w)
{
	if (w->db && !sqlite3_get_autocommit(w->db))
		sqlite3_exec(w->db, "ROLLBACK", NULL, NULL, NULL);
}

static void finish(struct store_batch *b)
{
	if (b->done)
		b->done(&b->res, b->arg);
	store_batch_free(b);
}

/* Those that are to be written now or not at all, out of the queue. */
static struct store_batch *take_once(struct store_writer *w)
{
	struct store_batch *out = NULL, **end = &out, **pp = &w->first;

	w->last = NULL;
	while (*pp) {
		struct store_batch *b = *pp;

		if (!b->once) {
			w->last = b;
			pp = &b->next;
			continue;
		}
		*pp = b->next;
		b->next = NULL;
		w->rows -= b->rows;
		w->bytes -= b->bytes;
		*end = b;
		end = &b->next;
	}
	return out;
}

/* Tell every waiting submitter once that its rows are not durable yet, or will not be. */
static void tell_waiting(struct store_writer *w, int err)
{
	struct store_batch *gone = take_once(w);

	while (gone) {
		struct store_batch *b = gone;

		gone = b->next;
		b->res = (struct store_result){.error = err, .final = true};
		finish(b);
	}
	for (struct store_batch *b = w->first; b; b = b->next) {
		if (b->told)
			continue;
		b->told = true;
		b->res = (struct store_result){.error = err, .final = false};
		if (b->done)
			b->done(&b->res, b->arg);
	}
}

static void note_trouble(struct store_writer *w, int err, uint64_t now_us)
{
	w->stats.failures++;
	w->retry_us = now_us + w->lim.retry_us;
	if (w->trouble != err) {
		if (err == -ENOSPC)
			LOG(EV_STORE_FULL, "%s: no space; %zu rows wait", w->path, w->rows);
		else
			LOG(EV_STORE_ERROR, "%s: commit failed: %s (%s); %zu rows wait", w->path,
			    strerror(-err), w->db ? sqlite3_errmsg(w->db) : "not open", w->rows);
	}
	w->trouble = err;
	tell_waiting(w, err);
}

static void drop_batch(struct store_writer *w, struct store_batch *bad, int err)
{
	struct store_batch **pp = &w->first, *prev = NULL;

	while (*pp != bad) {
		prev = *pp;
		pp = &(*pp)->next;
	}
	*pp = bad->next;
	if (w->last == bad)
		w->last = prev;
	w->rows -= bad->rows;
	w->bytes -= bad->bytes;
	LOG(EV_STORE_REFUSED, "%s: a batch of %zu rows was refused: %s", w->path, bad->rows, strerror(-err));
	bad->res = (struct store_result){.error = err, .final = true};
	finish(bad);
}

static void committed(struct store_writer *w, uint64_t began_us)
{
	struct store_batch *list = w->first;
	uint64_t took = clock_now_us() - began_us;

	w->stats.commits++;
	w->stats.rows += w->rows;
	w->stats.bytes += w->bytes;
	w->stats.commit_us_total += took;
	if (took > w->stats.commit_us_max)
		w->stats.commit_us_max = took;
	if (w->trouble)
		LOG(EV_STORE_RECOVERED, "%s: commits again", w->path);
	w->trouble = 0;
	w->first = w->last = NULL;
	w->rows = w->bytes = 0;
	while (list) {
		struct store_batch *b = list;

		list = b->next;
		w->stats.batches++;
		finish(b);
	}
}

/* One try. 0; -EUCLEAN: damaged, replaced by an empty file, try again; -EINVAL: one batch was dropped, try
 * again; else trouble. */
static int try_commit(struct store_writer *w, uint64_t now_us)
{
	struct numbers before = w->num;
	struct store_batch *failed = NULL;
	uint64_t began = clock_now_us();
	int err = w->db ? 0 : connect_db(w);

	if (!err)
		err = store_errno(apply(w, w->first, &failed));
	if (!err) {
		committed(w, began);
		return 0;
	}
	rollback(w);
	w->num = before;
	if (err == -EUCLEAN) {
		disconnect(w);
		store_db_move_aside(w->path, "damaged in operation");
	} else if (err == -EINVAL && failed) {
		drop_batch(w, failed, err);
	} else {
		note_trouble(w, err, now_us);
	}
	return err;
}

static int flush(struct store_writer *w, uint64_t now_us)
{
	int err = 0;

	/* Two passes over a damaged file at most; a dropped batch makes the queue shorter, so that ends too.
	 */
	for (int damaged = 0; w->first && damaged < 2;) {
		err = try_commit(w, now_us);
		if (err == -EUCLEAN)
			damaged++;
		else if (err != -EINVAL)
			return err;
	}
	if (err == -EUCLEAN)
		note_trouble(w, err, now_us);
	return w->first ? err : 0;
}

int store_flush(struct store_writer *w, uint64_t now_us)
{
	int err;

	if (w->in_flush || !w->first)
		return 0;
	if (w->trouble && now_us < w->retry_us) {
		tell_waiting(w, w->trouble);
		return w->trouble;
	}
	w->in_flush = true;
	err = flush(w, now_us);
	w->in_flush = false;
	return err;
}

void store_batch_once(struct store_batch *b)
{
	b->once = true;
}

struct store_batch *store_batch_new(struct store_writer *w)
{
	struct store_batch *b = calloc(1, sizeof(*b));

	if (b)
		b->file = w->file;
	return b;
}

int store_submit(struct store_writer *w, struct store_batch *b, uint64_t now_us, store_done_fn done,
                 void *arg)
{
	if (w->bytes + b->bytes > w->lim.backlog_bytes) {
		store_batch_free(b);
		return -ENOBUFS;
	}
	b->done = done;
	b->arg = arg;
	b->queued_us = now_us;
	b->next = NULL;
	if (w->last)
		w->last->next = b;
	else
		w->first = b;
	w->last = b;
	w->rows += b->rows;
	w->bytes += b->bytes;
	return 0;
}

uint64_t store_next_us(const struct store_writer *w)
{
	if (!w->first)
		return UINT64_MAX;
	if (w->trouble)
		return w->retry_us;
	return w->rows >= w->lim.rows_max ? 0 : w->first->queued_us + w->lim.delay_us;
}

int store_poll(struct store_writer *w, uint64_t now_us)
{
	if (w->trouble || now_us >= store_next_us(w))
		return store_flush(w, now_us);
	return 0;
}

size_t store_pending_rows(const struct store_writer *w)
{
	return w->rows;
}

int64_t store_version(const struct store_writer *w)
{
	return w->num.version;
}

int store_trouble(const struct store_writer *w)
{
	return w->trouble;
}

const struct store_stats *store_writer_stats(const struct store_writer *w)
{
	return &w->stats;
}

int store_checkpoint_wal(struct store_writer *w)
{
	return w->db ? store_errno(
	                       sqlite3_wal_checkpoint_v2(w->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL))
	             : -ENOENT;
}

struct store_reader *store_writer_reader(struct store_writer *w)
{
	return &w->reader;
}

void store_close_writer(struct store_writer *w)
{
	if (!w)
		return;
	if (w->first)
		flush(w, UINT64_MAX - w->lim.retry_us);
	while (w->first) {
		struct store_batch *b = w->first;

		w->first = b->next;
		b->res = (struct store_result){.error = -EIO, .final = true};
		finish(b);
	}
	disconnect(w);
	close(w->lock_fd);
	free(w->path);
	free(w);
}
