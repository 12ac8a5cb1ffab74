/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints: writes of this chassis' tasks with pipelined acknowledgements, and rows of the active chassis
 * installed here while this one is standby. An acknowledgement goes out after the group commit and, while the
 * peer is in sync, after the peer's. Rows that describe this chassis only (store_ckpt_local()) do not wait
 * for the peer. A full synchronisation replaces rows one by one and drops what it did not bring only at its
 * end, so that a peer that dies in the middle of it leaves more here, not less.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "esp/esp_mark.h"
#include "tasks/srdb/srdb.h"

#define GUESS_MS     3000  /* how long a restarted srdb believes what was so before it */
#define PURGE_STEP   1000  /* tombstones are purged in steps of this many versions */
#define PURGE_BEHIND 50000 /* without any peer: tombstones older than this many versions go */

/* A write on its way to its acknowledgement. */
struct pending {
	struct bus_from from;
	bool local, answered;
};

static void ack(const struct pending *p, int64_t version)
{
	Envelope env = ENVELOPE__INIT;
	CkptAck a = CKPT_ACK__INIT;

	a.version = (uint64_t)version;
	env.body_case = ENVELOPE__BODY_CKPT_ACK;
	env.ckpt_ack = &a;
	task_reply_to(srdb.t, &p->from, &env);
}

static void release(void *arg, int64_t version, void *ctx)
{
	struct pending *p = arg;

	if (!p->answered && p->from.id)
		ack(p, version);
	free(p);
}

static void write_done(const struct store_result *res, void *arg)
{
	struct pending *p = arg;

	if (res->error && !p->answered) {
		p->answered = true;
		task_reply_status_to(srdb.t, &p->from, res->error, "checkpoint not durable: %s",
		                     strerror(-res->error));
	}
	if (!res->final)
		return;
	if (res->error || p->local)
		release(p, res->last, NULL);
	else
		srdb_hold_add(srdb.hold, res->last, p);
}

static void refuse(struct task *t, const struct bus_msg *m, int err)
{
	if (err != -EAGAIN)
		LOG(EV_STORE_REFUSED, "checkpoint of %s: %s", m->src, strerror(-err));
	task_reply_status(t, m, err, "checkpoint refused: %s", strerror(-err));
}

struct merge {
	struct esp_mark mark;
	bool found;
};

static int merge_found(const struct store_ckpt *row, void *arg)
{
	struct merge *m = arg;

	m->found = esp_mark_decode(&m->mark, row->blob, row->len) == 0;
	return 0;
}

/*
 * A mark of the peer must not lower ours: after both chassis served (a cut link) each knows only how far
 * itself went, and whoever serves next must begin above both. Puts the merged blob into `blob` and points the
 * row at it.
 */
static void merge_mark(struct store_ckpt *row, uint8_t blob[ESP_MARK_LEN])
{
	struct merge own = {.found = false};
	struct esp_mark theirs;

	if (strcmp(row->kind, ESP_MARK_KIND) || esp_mark_decode(&theirs, row->blob, row->len) < 0)
		return;
	store_ckpt_get(store_writer_reader(srdb.store), row->kind, row->key, merge_found, &own);
	if (!own.found)
		return;
	if (own.mark.out > theirs.out)
		theirs.out = own.mark.out;
	if (own.mark.in > theirs.in)
		theirs.in = own.mark.in;
	if (own.mark.bytes_out > theirs.bytes_out)
		theirs.bytes_out = own.mark.bytes_out;
	if (own.mark.bytes_in > theirs.bytes_in)
		theirs.bytes_in = own.mark.bytes_in;
	esp_mark_encode(&theirs, blob);
	row->blob = blob;
	row->len = ESP_MARK_LEN;
}

/*
 * Data paths tell how far they went. One that has just lost an SA to another card's may be late with that:
 * the mark must not go back behind what the other one has used, nor a row come again that the SA's end has
 * deleted.
 */
static bool only_rises(const char *src, const CkptRow *r)
{
	return !strncmp(src, "iftask/", 7) && !strcmp(r->kind, ESP_MARK_KIND) && !r->deleted;
}

/* Rows of a message from src into a batch. *local: all of them describe this chassis only. */
static int fill(struct store_batch *b, const char *src, CkptRow *const *rows, size_t n, bool install,
                bool *local)
{
	int err = 0;

	*local = true;
	for (size_t i = 0; i < n && !err; i++) {
		const CkptRow *r = rows[i];
		uint8_t blob[ESP_MARK_LEN];
		struct store_ckpt row = {.kind = r->kind,
		                         .key = r->key,
		                         .owner = r->owner,
		                         .blob = r->blob.data,
		                         .len = r->blob.len};

		/* The peer chassis' own affairs must never become ours. */
		if (install && store_ckpt_local(r->kind))
			continue;
		*local &= store_ckpt_local(r->kind);
		if (install && !r->deleted)
			merge_mark(&row, blob);
		if (only_rises(src, r))
			err = store_batch_ckpt_raise(b, &row);
		else
			err = r->deleted ? store_batch_ckpt_del(b, r->kind, r->key)
			                 : store_batch_ckpt(b, &row);
	}
	return err;
}

void srdb_ckpt_write(struct task *t, const struct bus_msg *m)
{
	const CkptWrite *w = m->env->ckpt_write;
	struct store_batch *b = srdb_open_batch();
	struct pending *p = calloc(1, sizeof(*p));
	int err = b && p ? fill(b, m->src, w->rows, w->n_rows, false, &p->local) : -EAGAIN;

	if (err) {
		store_batch_free(b);
	} else {
		p->from = task_from(m);
		if (w->once)
			store_batch_once(b);
		err = srdb_open_submit(b, write_done, p);
	}
	if (err) {
		free(p);
		refuse(t, m, err);
	}
}

/* ---- standby chassis ---- */
static void install_done(const struct store_result *res, void *arg)
{
	struct pending *p = arg;

	if (res->error && !p->answered) {
		p->answered = true;
		task_reply_status_to(srdb.t, &p->from, res->error, "rows not installed: %s",
		                     strerror(-res->error));
	}
	if (res->final)
		release(p, store_version(srdb.store), NULL);
}

/* A full synchronisation starts: everything that it brings gets versions above the mark. */
static int start_full(struct store_batch *b)
{
	char text[24];
	int err = store_flush(srdb.store, clock_now_us());

	if (err)
		return err;
	srdb.install_mark = store_version(srdb.store);
	snprintf(text, sizeof(text), "%lld", (long long)srdb.install_mark);
	return store_batch_meta(b, "srp_mark", text);
}

static int end_full(struct store_batch *b)
{
	int err = 0;

	if (srdb.install_mark)
		err = store_batch_ckpt_drop_below(b, srdb.install_mark);
	srdb.install_mark = 0;
	return err ? err : store_batch_meta(b, "srp_mark", "0");
}

void srdb_ckpt_install(struct task *t, const struct bus_msg *m)
{
	const SrpInstall *in = m->env->srp_install;
	struct store_batch *b = srdb_open_batch();
	struct pending *p = calloc(1, sizeof(*p));
	int err = b && p ? 0 : -EAGAIN;

	if (!err && in->full_start)
		err = start_full(b);
	if (!err)
		err = fill(b, m->src, in->rows, in->n_rows, true, &p->local);
	/* A standby needs no tombstones: when it becomes active, its peer is synchronised in full. */
	if (!err)
		err = store_batch_ckpt_purge(b, INT64_MAX);
	if (!err && in->full_end)
		err = end_full(b);
	if (err) {
		store_batch_free(b);
	} else {
		p->from = task_from(m);
		err = srdb_open_submit(b, install_done, p);
	}
	if (err) {
		free(p);
		refuse(t, m, err);
	}
}

/* ---- what srp says about the peer ---- */
static void remember_sync(bool in_sync)
{
	struct store_batch *b = srdb_open_batch();

	if (!b || store_batch_meta(b, "srp_sync", in_sync ? "1" : "0") < 0)
		store_batch_free(b);
	else
		srdb_open_submit(b, NULL, NULL);
}

static void stop_guessing(void)
{
	task_timer_stop(srdb.hold_guess);
	srdb.hold_guess = NULL;
}

void srdb_ckpt_sync(struct task *t, const struct bus_msg *m)
{
	bool in_sync = m->env->srp_sync_state->in_sync;

	if (!srdb.store)
		return;
	stop_guessing();
	if (in_sync != srdb_hold_in_sync(srdb.hold)) {
		LOG(EV_STORE_SYNC, "the standby chassis is %s at version %lld; %zu acknowledgements wait",
		    in_sync ? "in sync" : "out of sync", (long long)srdb_hold_acked_version(srdb.hold),
		    srdb_hold_waiting(srdb.hold));
		remember_sync(in_sync);
	}
	srdb_hold_sync(srdb.hold, in_sync);
}

static void purge(int64_t version)
{
	struct store_batch *b;

	if (version < srdb.purged + PURGE_STEP)
		return;
	b = srdb_open_batch();
	if (!b || store_batch_ckpt_purge(b, version) < 0)
		store_batch_free(b);
	else if (srdb_open_submit(b, NULL, NULL) == 0)
		srdb.purged = version;
}

void srdb_ckpt_acked(struct task *t, const struct bus_msg *m)
{
	uint64_t version = m->env->srp_acked->version;

	if (!srdb.store)
		return;
	if (version > (uint64_t)store_version(srdb.store)) {
		LOG(EV_STORE_REFUSED, "srp acknowledged version %llu of %lld", (unsigned long long)version,
		    (long long)store_version(srdb.store));
		return;
	}
	srdb_hold_acked(srdb.hold, (int64_t)version);
	purge((int64_t)version);
}

static void guess_over(struct task *t, void *arg)
{
	stop_guessing();
	LOG(EV_STORE_SYNC,
	    "srp does not say whether the standby chassis is in sync: %zu acknowledgements are released",
	    srdb_hold_waiting(srdb.hold));
	srdb_hold_sync(srdb.hold, false);
}

static void tell_srp(int64_t version)
{
	Envelope env = ENVELOPE__INIT;
	CkptCommitted c = CKPT_COMMITTED__INIT;

	srdb.published = version;
	c.version = (uint64_t)version;
	env.body_case = ENVELOPE__BODY_CKPT_COMMITTED;
	env.ckpt_committed = &c;
	task_send(srdb.t, "srp/0", &env);
}

/* One that comes (back) may have read the version before the last commit that nobody heard of. */
static void srp_came(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	if (up && srdb.store)
		tell_srp(store_version(srdb.store));
}

/* After each flush: tell srp what was committed. */
void srdb_ckpt_committed(void)
{
	int64_t version = store_version(srdb.store);

	if (version == srdb.published || store_trouble(srdb.store))
		return;
	tell_srp(version);
	if (!srdb_hold_in_sync(srdb.hold) && srdb_hold_acked_version(srdb.hold) == 0)
		purge(version - PURGE_BEHIND);
}

int srdb_ckpt_start(void)
{
	struct store_reader *r = store_writer_reader(srdb.store);
	char text[24];

	srdb.hold = srdb_hold_new(release, NULL);
	if (!srdb.hold)
		return -ENOMEM;
	task_watch_peers(srdb.t, "srp", srp_came, NULL);
	if (store_meta_get(r, "srp_mark", text, sizeof(text)) == 0)
		srdb.install_mark = strtoll(text, NULL, 10);
	/* The peer may still be in sync: until srp says so or not, go on as before. */
	if (store_meta_get(r, "srp_sync", text, sizeof(text)) == 0 && strcmp(text, "1") == 0) {
		srdb_hold_sync(srdb.hold, true);
		srdb.hold_guess = task_timer_start(srdb.t, GUESS_MS, 0, guess_over, NULL);
	}
	return 0;
}

void srdb_ckpt_stop(void)
{
	stop_guessing();
	srdb_hold_free(srdb.hold);
	srdb.hold = NULL;
}
