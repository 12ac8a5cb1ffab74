/* SPDX-License-Identifier: MIT */
/*
 * Shared by the files of lib/store: opening (store.c), batches (store_batch.c), the writer (store_writer.c),
 * readers (store_reader.c). Nobody else includes it.
 */
#ifndef STORE_STORE_PRIV_H
#define STORE_STORE_PRIV_H

#include <sqlite3.h>
#include <sys/types.h>

#include "store/store.h"

#define STORE_BUSY_MS 250

/* Parameters of every change: texts ?1 … ?6, integers ?7 … ?15, the blob ?16. */
#define STRINGS_MAX 6
#define INTS_MAX    9
#define BLOB_PARAM  16

enum op_type {
	OP_CKPT_PUT,
	OP_CKPT_RAISE,
	OP_CKPT_DEL,
	OP_CKPT_DEL_OWNER,
	OP_CKPT_CLEAR,
	OP_CKPT_PURGE,
	OP_CKPT_DROP_BELOW,
	OP_TRAP,
	OP_TRAP_SENT,
	OP_EVENT,
	OP_SAMPLE,
	OP_SAMPLE_LAST,
	OP_ALARM_RAISE,
	OP_ALARM_CLEAR,
	OP_ALARM_CLEAR_ALL,
	OP_HISTORY,
	OP_CONFIG_PUT,
	OP_CONFIG_CLEAR,
	OP_META,
	OP_TRAP_TRIM,
	OP_EVENT_TRIM,
	OP_HISTORY_TRIM,
	OP_SAMPLE_TRIM,
	OP_COUNT,
};

/* How an op's first integer (?7) is filled at commit. */
enum number { N_NONE, N_VERSION, N_VERSION_RANGE, N_TRAP, N_EVENT, N_HISTORY };

struct op_def {
	enum store_file file;
	bool both; /* of both files */
	enum number number;
	const char *sql;
};
extern const struct op_def store_ops[OP_COUNT];

struct op {
	struct op *next;
	enum op_type type;
	bool has_blob;
	uint32_t len;
	int64_t n[INTS_MAX];
	const char *s[STRINGS_MAX];
	uint8_t *blob;
	char data[];
};

struct store_batch {
	struct store_batch *next;
	enum store_file file;
	struct op *first, *last;
	size_t rows, bytes;
	uint64_t queued_us;
	store_done_fn done;
	void *arg;
	bool told; /* of a failure that is not final */
	bool once; /* a failure is final */
	struct store_result res;
};

enum query {
	Q_CKPT_ABOVE,
	Q_CKPT_LIST,
	Q_CKPT_LIST_KIND,
	Q_CKPT_LIST_OWNER,
	Q_CKPT_LIST_BOTH,
	Q_CKPT_GET,
	Q_CKPT_COUNT,
	Q_CKPT_VERSION,
	Q_META_GET,
	Q_TRAP_LIST,
	Q_EVENT_LIST,
	Q_SAMPLE_LIST,
	Q_SAMPLE_LAST,
	Q_ALARM_LIST,
	Q_HISTORY_LIST,
	Q_CONFIG_LIST,
	Q_CONFIG_ABOVE,
	Q_COUNT,
};

struct store_reader {
	enum store_file file;
	char *path;
	sqlite3 *db;
	bool borrowed; /* db belongs to a writer */
	dev_t dev;
	ino_t ino;
	sqlite3_stmt *stmt[Q_COUNT];
};

/* SQLite result code as -errno. */
int store_errno(int rc);
/* Forget the connection and its statements; the next query opens again. */
void store_reader_reset(struct store_reader *r);
/* Open path for writing, with schema and pragmas; a damaged file is moved aside and a fresh one opened. 0 or
 * -errno. */
int store_db_open(const char *path, enum store_file file, sqlite3 **db);
/* Move a damaged file and its WAL out of the way, with a log line. */
void store_db_move_aside(const char *path, const char *why);

#endif
