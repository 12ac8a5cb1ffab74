/* SPDX-License-Identifier: MIT */
/*
 * Building batches: the table of all changes a store can take (SQL and parameters), and the functions that
 * append them; see store.h. Every change copies its arguments into one allocation. Numbers given at commit go
 * to ?7. Called by srdb and sct; run by store_writer.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_priv.h"

/* SQL and store_ckpt_local() name the same kinds. */
#define LOCAL_KINDS "'srp', 'hat', 'rct', 'rm', 'card'"
static const char *const local_kinds[] = {"srp", "hat", "rct", "rm", "card"};

const struct op_def store_ops[OP_COUNT] = {
        [OP_CKPT_PUT] =
                {STORE_STATE, false, N_VERSION,
                 "INSERT INTO checkpoint(kind, key, owner, version, blob, deleted) VALUES(?1, ?2, ?3, ?7, "
                 "?16, ?8)"
                 " ON CONFLICT(kind, key) DO UPDATE SET owner = ?3, version = ?7, blob = ?16, deleted = ?8"},
        [OP_CKPT_RAISE] =
                {STORE_STATE, false, N_VERSION,
                 "INSERT INTO checkpoint(kind, key, owner, version, blob, deleted) VALUES(?1, ?2, ?3, ?7, "
                 "?16, ?8)"
                 " ON CONFLICT(kind, key) DO UPDATE SET owner = ?3, version = ?7, blob = ?16"
                 " WHERE deleted = 0 AND blob < ?16"},
        [OP_CKPT_DEL] = {STORE_STATE, false, N_VERSION,
                         "UPDATE checkpoint SET version = ?7, blob = x'', deleted = 1 WHERE kind = ?1 AND "
                         "key = ?2 AND deleted = 0"},
        [OP_CKPT_DEL_OWNER] =
                {STORE_STATE, false, N_VERSION_RANGE,
                 "WITH x AS (SELECT rowid r, row_number() OVER (ORDER BY version) n FROM checkpoint"
                 " WHERE deleted = 0 AND owner = ?3 AND (?1 = '' OR kind = ?1))"
                 " UPDATE checkpoint SET version = ?7 + x.n, blob = x'', deleted = 1 FROM x WHERE "
                 "checkpoint.rowid = x.r"},
        [OP_CKPT_CLEAR] = {STORE_STATE, false, N_NONE, "DELETE FROM checkpoint"},
        [OP_CKPT_PURGE] = {STORE_STATE, false, N_NONE,
                           "DELETE FROM checkpoint WHERE deleted = 1 AND version <= ?8"},
        [OP_CKPT_DROP_BELOW] = {STORE_STATE, false, N_NONE,
                                "DELETE FROM checkpoint WHERE version <= ?8 AND kind NOT IN (" LOCAL_KINDS
                                ")"},
        [OP_TRAP] = {STORE_STATE, false, N_TRAP,
                     "INSERT INTO trap(seq, wall_us, number, name, facility, varbinds, text, sent)"
                     " VALUES(?7, ?8, ?9, ?1, ?2, ?3, ?4, ?10)"},
        [OP_TRAP_SENT] = {STORE_STATE, false, N_NONE,
                          "UPDATE trap SET sent = 1 WHERE seq <= ?8 AND sent = 0"},
        [OP_EVENT] = {STORE_STATE, false, N_EVENT,
                      "INSERT INTO event(seq, wall_us, event_id, level, card, cpu, pid, instance, line, "
                      "facility, task, file, categories,"
                      " text) VALUES(?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?1, ?2, ?3, ?4, ?5)"},
        [OP_SAMPLE] =
                {STORE_STATE, false, N_NONE,
                 "INSERT OR REPLACE INTO sample(schema, key, wall_us, \"values\") VALUES(?1, ?2, ?8, ?3)"},
        [OP_SAMPLE_LAST] = {STORE_STATE, false, N_NONE,
                            "INSERT OR REPLACE INTO sample_last(schema, key, wall_us, \"values\") VALUES(?1, "
                            "?2, ?8, ?3)"},
        [OP_ALARM_RAISE] = {STORE_STATE, false, N_NONE,
                            "INSERT INTO alarm(object, name, text, severity, raised_us, cleared_us) "
                            "VALUES(?1, ?2, ?3, ?8, ?9, 0)"
                            " ON CONFLICT DO NOTHING"},
        [OP_ALARM_CLEAR] =
                {STORE_STATE, false, N_NONE,
                 "UPDATE alarm SET cleared_us = ?10 WHERE object = ?1 AND name = ?2 AND cleared_us = 0"},
        [OP_ALARM_CLEAR_ALL] = {STORE_STATE, false, N_NONE,
                                "UPDATE alarm SET cleared_us = ?8 WHERE cleared_us = 0"},
        [OP_HISTORY] = {STORE_STATE, false, N_HISTORY,
                        "INSERT INTO history(seq, kind, wall_us, json) VALUES(?7, ?1, ?8, ?2)"},
        [OP_CONFIG_PUT] =
                {STORE_CONFIG, false, N_VERSION,
                 "INSERT OR REPLACE INTO config(path, value, version, deleted) VALUES(?1, ?2, ?7, ?8)"},
        [OP_CONFIG_CLEAR] = {STORE_CONFIG, false, N_NONE, "DELETE FROM config"},
        [OP_META] = {STORE_STATE, true, N_NONE, "INSERT OR REPLACE INTO meta(name, value) VALUES(?1, ?2)"},
        [OP_TRAP_TRIM] = {STORE_STATE, false, N_NONE, "DELETE FROM trap WHERE seq <= ?8"},
        [OP_EVENT_TRIM] = {STORE_STATE, false, N_NONE, "DELETE FROM event WHERE seq <= ?8"},
        [OP_HISTORY_TRIM] = {STORE_STATE, false, N_NONE, "DELETE FROM history WHERE seq <= ?8"},
        [OP_SAMPLE_TRIM] = {STORE_STATE, false, N_NONE,
                            "DELETE FROM sample WHERE schema = ?1 AND wall_us < ?8"},
};

void store_batch_free(struct store_batch *b)
{
	if (!b)
		return;
	while (b->first) {
		struct op *op = b->first;

		b->first = op->next;
		if (op->has_blob)
			explicit_bzero(op->blob, op->len); /* keys */
		free(op);
	}
	free(b);
}

/* Append an op; strings (up to ns) and blob are copied behind it, ints (up to ni) start at ?8: ?7 is for
 * numbers given at commit. */
static int add(struct store_batch *b, enum op_type type, const char *const *s, size_t ns, const int64_t *n,
               size_t ni, const void *blob, size_t len)
{
	size_t need = 0, sl[STRINGS_MAX] = {0};
	struct op *op;
	char *p;

	if (!store_ops[type].both && store_ops[type].file != b->file)
		return -EINVAL;
	if (len > STORE_BLOB_MAX)
		return -E2BIG;
	for (size_t i = 0; i < ns; i++) {
		sl[i] = s[i] ? strlen(s[i]) : 0;
		if (sl[i] > STORE_BLOB_MAX)
			return -E2BIG;
		need += sl[i] + 1;
	}
	op = calloc(1, sizeof(*op) + need + len);
	if (!op)
		return -ENOMEM;
	op->type = type;
	p = op->data;
	for (size_t i = 0; i < ns; i++) {
		if (sl[i])
			memcpy(p, s[i], sl[i]);
		op->s[i] = p;
		p += sl[i] + 1;
	}
	for (size_t i = 0; i < ni; i++)
		op->n[i + 1] = n[i];
	op->blob = (uint8_t *)p;
	op->len = (uint32_t)len;
	op->has_blob = type == OP_CKPT_PUT || type == OP_CKPT_RAISE;
	if (len)
		memcpy(p, blob, len);
	if (b->last)
		b->last->next = op;
	else
		b->first = op;
	b->last = op;
	b->rows++;
	b->bytes += sizeof(*op) + need + len;
	return 0;
}

#define S(...) (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)
#define N(...) (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)
#define NO_S   NULL, 0
#define NO_N   NULL, 0

static int bad_key(const char *key)
{
	if (!key || !*key)
		return -EINVAL;
	return strlen(key) > STORE_KEY_MAX ? -E2BIG : 0;
}

static int add_ckpt(struct store_batch *b, enum op_type type, const struct store_ckpt *row)
{
	int err = bad_key(row->kind) ? bad_key(row->kind) : bad_key(row->key);

	if (!err && row->owner && strlen(row->owner) > STORE_KEY_MAX)
		err = -E2BIG;
	if (!err && row->version < 0)
		err = -EINVAL;
	if (!err)
		err = add(b, type, S(row->kind, row->key, row->owner), N(row->deleted),
		          row->deleted ? NULL : row->blob, row->deleted ? 0 : row->len);
	if (!err)
		b->last->n[0] = row->version;
	return err;
}

int store_batch_ckpt(struct store_batch *b, const struct store_ckpt *row)
{
	return add_ckpt(b, OP_CKPT_PUT, row);
}

int store_batch_ckpt_raise(struct store_batch *b, const struct store_ckpt *row)
{
	return row->deleted ? -EINVAL : add_ckpt(b, OP_CKPT_RAISE, row);
}

int store_batch_ckpt_del(struct store_batch *b, const char *kind, const char *key)
{
	int err = bad_key(kind) ? bad_key(kind) : bad_key(key);

	return err ? err : add(b, OP_CKPT_DEL, S(kind, key), NO_N, NULL, 0);
}

int store_batch_ckpt_del_owner(struct store_batch *b, const char *kind, const char *owner)
{
	int err = bad_key(owner);

	return err ? err : add(b, OP_CKPT_DEL_OWNER, S(kind, "", owner), NO_N, NULL, 0);
}

int store_batch_ckpt_clear(struct store_batch *b)
{
	return add(b, OP_CKPT_CLEAR, NO_S, NO_N, NULL, 0);
}

int store_batch_ckpt_purge(struct store_batch *b, int64_t version)
{
	return add(b, OP_CKPT_PURGE, NO_S, N(version), NULL, 0);
}

int store_batch_ckpt_drop_below(struct store_batch *b, int64_t version)
{
	return add(b, OP_CKPT_DROP_BELOW, NO_S, N(version), NULL, 0);
}

bool store_ckpt_local(const char *kind)
{
	for (size_t i = 0; i < sizeof(local_kinds) / sizeof(local_kinds[0]); i++)
		if (strcmp(kind, local_kinds[i]) == 0)
			return true;
	return false;
}

int store_batch_trap(struct store_batch *b, const struct store_trap *row)
{
	int err = add(b, OP_TRAP, S(row->name, row->facility, row->varbinds, row->text),
	              N((int64_t)row->wall_us, row->number, row->sent), NULL, 0);

	if (!err)
		b->last->n[0] = row->seq;
	return err;
}

int store_batch_trap_sent(struct store_batch *b, int64_t seq)
{
	return add(b, OP_TRAP_SENT, NO_S, N(seq), NULL, 0);
}

int store_batch_event(struct store_batch *b, const struct store_event *row)
{
	return add(b, OP_EVENT, S(row->facility, row->task, row->file, row->categories, row->text),
	           N((int64_t)row->wall_us, row->event_id, row->level, row->card, row->cpu, row->pid,
	             row->instance, row->line),
	           NULL, 0);
}

int store_batch_sample(struct store_batch *b, const struct store_sample *row)
{
	int err = bad_key(row->schema);

	if (!err)
		err = add(b, OP_SAMPLE, S(row->schema, row->key, row->values), N((int64_t)row->wall_us), NULL,
		          0);
	return err ? err
	           : add(b, OP_SAMPLE_LAST, S(row->schema, row->key, row->values), N((int64_t)row->wall_us),
	                 NULL, 0);
}

int store_batch_alarm(struct store_batch *b, const struct store_alarm *row)
{
	int err = bad_key(row->object) ? bad_key(row->object) : bad_key(row->name);

	return err ? err
	           : add(b, row->cleared_us ? OP_ALARM_CLEAR : OP_ALARM_RAISE,
	                 S(row->object, row->name, row->text),
	                 N(row->severity, (int64_t)row->raised_us, (int64_t)row->cleared_us), NULL, 0);
}

int store_batch_alarm_clear_all(struct store_batch *b, uint64_t wall_us)
{
	return add(b, OP_ALARM_CLEAR_ALL, NO_S, N((int64_t)wall_us), NULL, 0);
}

int store_batch_history(struct store_batch *b, const struct store_history *row)
{
	int err = bad_key(row->kind);

	return err ? err : add(b, OP_HISTORY, S(row->kind, row->json), N((int64_t)row->wall_us), NULL, 0);
}

int store_batch_config(struct store_batch *b, const struct store_config *row)
{
	int err = bad_key(row->path);

	return err ? err
	           : add(b, OP_CONFIG_PUT, S(row->path, row->deleted ? "" : row->value), N(row->deleted),
	                 NULL, 0);
}

int store_batch_config_clear(struct store_batch *b)
{
	return add(b, OP_CONFIG_CLEAR, NO_S, NO_N, NULL, 0);
}

int store_batch_meta(struct store_batch *b, const char *name, const char *value)
{
	int err = bad_key(name);

	return err ? err : add(b, OP_META, S(name, value), NO_N, NULL, 0);
}
