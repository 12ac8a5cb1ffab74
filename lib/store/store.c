/* SPDX-License-Identifier: MIT */
/*
 * Opening a store file for its writer: schema, pragmas, check, moving damaged files aside; see store.h.
 * WAL with synchronous=NORMAL: a commit survives the death of any process; state need not survive a power cut
 * of the machine, because on hardware it is RAM. config.db is synchronous=FULL: that is the disk. Called by
 * store_writer.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/store_priv.h"

#define SCHEMA_VERSION 1
#define CHECK_BYTES_MAX                                                                                      \
	(8 << 20) /* larger files are not checked page by page at the start: takeover time counts */

static const char state_ddl[] =
        "CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS checkpoint(kind TEXT NOT NULL, key TEXT NOT NULL, owner TEXT NOT NULL, "
        "version INTEGER NOT NULL,"
        " blob BLOB NOT NULL, deleted INTEGER NOT NULL, PRIMARY KEY(kind, key));"
        "CREATE UNIQUE INDEX IF NOT EXISTS checkpoint_version ON checkpoint(version);"
        "CREATE INDEX IF NOT EXISTS checkpoint_owner ON checkpoint(owner, kind);"
        "CREATE INDEX IF NOT EXISTS checkpoint_dead ON checkpoint(version) WHERE deleted = 1;"
        "CREATE TABLE IF NOT EXISTS trap(seq INTEGER PRIMARY KEY, wall_us INTEGER NOT NULL, number INTEGER "
        "NOT NULL,"
        " name TEXT NOT NULL, facility TEXT NOT NULL, varbinds TEXT NOT NULL, text TEXT NOT NULL, sent "
        "INTEGER NOT NULL);"
        "CREATE INDEX IF NOT EXISTS trap_unsent ON trap(seq) WHERE sent = 0;"
        "CREATE TABLE IF NOT EXISTS event(seq INTEGER PRIMARY KEY, wall_us INTEGER NOT NULL, facility TEXT "
        "NOT NULL,"
        " event_id INTEGER NOT NULL, level INTEGER NOT NULL, card INTEGER NOT NULL, cpu INTEGER NOT NULL, "
        "pid INTEGER NOT NULL,"
        " task TEXT NOT NULL, instance INTEGER NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL, "
        "categories TEXT NOT NULL,"
        " text TEXT NOT NULL);"
        "CREATE TABLE IF NOT EXISTS sample(schema TEXT NOT NULL, wall_us INTEGER NOT NULL, key TEXT NOT "
        "NULL, \"values\" TEXT NOT NULL,"
        " PRIMARY KEY(schema, wall_us, key)) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS sample_last(schema TEXT NOT NULL, key TEXT NOT NULL, wall_us INTEGER NOT "
        "NULL,"
        " \"values\" TEXT NOT NULL, PRIMARY KEY(schema, key)) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS alarm(id INTEGER PRIMARY KEY, object TEXT NOT NULL, name TEXT NOT NULL, "
        "severity INTEGER NOT NULL,"
        " raised_us INTEGER NOT NULL, cleared_us INTEGER NOT NULL, text TEXT NOT NULL);"
        "CREATE UNIQUE INDEX IF NOT EXISTS alarm_open ON alarm(object, name) WHERE cleared_us = 0;"
        "CREATE TABLE IF NOT EXISTS history(seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, wall_us INTEGER NOT "
        "NULL, json TEXT NOT NULL);"
        "CREATE INDEX IF NOT EXISTS history_kind ON history(kind, seq);";

static const char config_ddl[] =
        "CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS config(path TEXT PRIMARY KEY, value TEXT NOT NULL, version INTEGER NOT "
        "NULL,"
        " deleted INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE INDEX IF NOT EXISTS config_version ON config(version);";

static const struct {
	const char *name;
	const char *ddl;
	const char *sync;
} files[] = {
        [STORE_STATE] = {"state.db", state_ddl, "PRAGMA synchronous=NORMAL"},
        [STORE_CONFIG] = {"config.db", config_ddl, "PRAGMA synchronous=FULL"},
};

const char *store_file_name(enum store_file file)
{
	return files[file].name;
}

int store_errno(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EAGAIN;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
	case SQLITE_RANGE:
		return -EINVAL;
	case SQLITE_CANTOPEN:
		return -ENOENT;
	default:
		return -EIO;
	}
}

static int pragma_int(sqlite3 *db, const char *sql, int64_t *out)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW) {
			*out = sqlite3_column_int64(st, 0);
			rc = SQLITE_OK;
		}
	}
	sqlite3_finalize(st);
	return store_errno(rc);
}

/* -EUCLEAN when a page of a small file is wrong. */
static int quick_check(sqlite3 *db)
{
	sqlite3_stmt *st = NULL;
	int64_t pages = 0, page_size = 0;
	int err, rc;

	err = pragma_int(db, "PRAGMA page_count", &pages);
	if (!err)
		err = pragma_int(db, "PRAGMA page_size", &page_size);
	if (err || pages * page_size > CHECK_BYTES_MAX)
		return err;
	rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &st, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	err = store_errno(rc);
	if (rc == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(st, 0), "ok") != 0)
		err = -EUCLEAN;
	sqlite3_finalize(st);
	return err;
}

/* One transaction: a new chassis does not wait for a commit per table. */
static int create_tables(sqlite3 *db, enum store_file file, int64_t version)
{
	char sql[64];
	int err = store_errno(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL));

	if (err)
		return err;
	err = store_errno(sqlite3_exec(db, files[file].ddl, NULL, NULL, NULL));
	snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", SCHEMA_VERSION);
	if (!err && version == 0)
		err = store_errno(sqlite3_exec(db, sql, NULL, NULL, NULL));
	if (!err)
		err = store_errno(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
	if (err)
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return err;
}

static int prepare_db(sqlite3 *db, enum store_file file)
{
	int64_t version = 0;
	int err;

	sqlite3_busy_timeout(db, STORE_BUSY_MS);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	err = pragma_int(db, "PRAGMA user_version", &version);
	if (!err && version != 0 && version != SCHEMA_VERSION)
		err = -EUCLEAN; /* of another release: nothing in it could be trusted */
	if (!err)
		err = store_errno(sqlite3_exec(db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL));
	if (!err)
		err = store_errno(sqlite3_exec(db, files[file].sync, NULL, NULL, NULL));
	/* A page of a random key's index is changed again and again: the longer the log, the fewer times it
	 * is copied. A writer that takes over finds it read already, because readers keep its index. */
	if (!err)
		err = store_errno(
		        sqlite3_exec(db,
		                     "PRAGMA wal_autocheckpoint=8000; PRAGMA journal_size_limit=33554432;"
		                     "PRAGMA cache_size=-16000; PRAGMA temp_store=MEMORY",
		                     NULL, NULL, NULL));
	if (!err)
		err = quick_check(db);
	return err ? err : create_tables(db, file, version);
}

void store_db_move_aside(const char *path, const char *why)
{
	static const char *const parts[] = {"", "-wal", "-shm"};
	unsigned long long now = clock_wall_us() / US_PER_SEC;
	char from[4200], to[4300];

	for (size_t i = 0; i < 3; i++) {
		snprintf(from, sizeof(from), "%s%s", path, parts[i]);
		snprintf(to, sizeof(to), "%s.damaged-%llu%s", path, now, parts[i]);
		if (rename(from, to) < 0 && errno != ENOENT)
			unlink(from);
	}
	LOG(EV_STORE_CORRUPT, "%s: %s; moved to %s.damaged-%llu, starting empty", path, why, path, now);
}

int store_db_open(const char *path, enum store_file file, sqlite3 **db)
{
	int err = 0;

	for (int attempt = 0; attempt < 2; attempt++) {
		int rc = sqlite3_open_v2(
		        path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

		err = rc == SQLITE_OK ? prepare_db(*db, file) : store_errno(rc);
		if (!err)
			return 0;
		sqlite3_close(*db);
		*db = NULL;
		if (err != -EUCLEAN)
			return err;
		store_db_move_aside(path, "not a usable database of this release");
	}
	return err;
}
