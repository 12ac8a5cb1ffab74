/* SPDX-License-Identifier: MIT */
/*
 * Checkpoint rows between the store and the engine: reading what to ship, handing what came to srdb, telling
 * srdb what the peer has, and the saved state of SRP itself, a row of kind "srp" whose key is the boot of the
 * chassis (a row of a former boot is none). Called by srp_ctl.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "srp_task.h"

#define INSTALL_MS 30000

/* --- shipping
 * ------------------------------------------------------------------------------------------------- */

struct batch {
	SrpRows *rows;
	size_t max_rows, max_bytes, bytes;
	bool cut; /* there is more */
};

static CkptRow *row_new(const struct store_ckpt *in)
{
	CkptRow *r = malloc(sizeof(*r));

	if (!r)
		return NULL;
	ckpt_row__init(r);
	r->kind = strdup(in->kind);
	r->key = strdup(in->key);
	r->owner = strdup(in->owner ? in->owner : "");
	r->deleted = in->deleted;
	if (!in->deleted && in->len && (r->blob.data = malloc(in->len))) {
		memcpy(r->blob.data, in->blob, in->len);
		r->blob.len = in->len;
	}
	if (r->kind && r->key && r->owner && (in->deleted || r->blob.len == in->len))
		return r;
	ckpt_row__free_unpacked(r, NULL);
	return NULL;
}

static int add_row(const struct store_ckpt *in, void *arg)
{
	struct batch *b = arg;
	SrpRows *out = b->rows;
	size_t size = in->len + strlen(in->kind) + strlen(in->key) + 64;
	CkptRow *r;

	if (out->n_rows == b->max_rows || (out->n_rows && b->bytes + size > b->max_bytes)) {
		b->cut = true;
		return 1;
	}
	if (strcmp(in->kind, SRP_SAVED_KIND)) {
		r = row_new(in);
		if (!r) {
			b->cut = true;
			return 1;
		}
		out->rows[out->n_rows++] = r;
		b->bytes += size;
	}
	out->upto = (uint64_t)in->version;
	return 0;
}

SrpRows *srp_rows_fetch(void *arg, uint64_t above, size_t max_rows, size_t max_bytes)
{
	struct srp_task *st = arg;
	/* Read first: rows committed while we list are above it and either listed in full order or left for
	 * the next time. */
	int64_t highest = store_ckpt_version(st->store);
	struct batch b = {malloc(sizeof(SrpRows)), max_rows, max_bytes, 0, false};
	int rc;

	if (!b.rows)
		return NULL;
	srp_rows__init(b.rows);
	b.rows->rows = calloc(max_rows, sizeof(CkptRow *));
	b.rows->upto = above;
	rc = b.rows->rows && highest >= 0 ? store_ckpt_above(st->store, (int64_t)above, 0, add_row, &b)
	                                  : -EAGAIN;
	if (rc < 0) {
		srp_rows__free_unpacked(b.rows, NULL);
		return NULL;
	}
	if (!b.cut && (uint64_t)highest > b.rows->upto)
		b.rows->upto = (uint64_t)highest;
	return b.rows;
}

uint64_t srp_rows_version(struct srp_task *st)
{
	int64_t v = store_ckpt_version(st->store);

	return v > 0 ? (uint64_t)v : 0;
}

/* --- installing
 * --------------------------------------------------------------------------------------------------- */

struct installing {
	struct srp_task *st;
	struct srp *s; /* the engine that asked; another one since then is not told */
	uint64_t token;
};

static void installed(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	struct installing *i = arg;
	struct srp_task *st = i->st;

	if (!status && m->env->body_case != ENVELOPE__BODY_CKPT_ACK)
		status = -EPROTO;
	if (st->s == i->s) {
		srp_installed(st->s, i->token, status, clock_now_us());
		srp_ctl_turn(st);
	}
	free(i);
}

static void install_failed(struct task *t, void *arg)
{
	struct installing *i = arg;

	if (i->st->s == i->s)
		srp_installed(i->st->s, i->token, -EAGAIN, clock_now_us());
	free(i);
}

void srp_rows_install(void *arg, const SrpRows *rows, uint64_t token)
{
	struct srp_task *st = arg;
	struct installing *i = calloc(1, sizeof(*i));
	Envelope env = ENVELOPE__INIT;
	SrpInstall in = SRP_INSTALL__INIT;

	if (!i)
		return; /* never acknowledged: the sender gives up waiting */
	*i = (struct installing){st, st->s, token};
	in.full_start = rows->full_start;
	in.full_end = rows->full_end;
	in.rows = rows->rows;
	in.n_rows = rows->n_rows;
	env.body_case = ENVELOPE__BODY_SRP_INSTALL;
	env.srp_install = &in;
	if (task_request(st->t, "srdb/0", &env, INSTALL_MS, 0, installed, i))
		task_timer_start(st->t, 0, 0, install_failed, i);
}

/* --- what srdb has to know
 * --------------------------------------------------------------------------------------- */

void srp_rows_hold(struct srp_task *st, bool hold)
{
	Envelope env = ENVELOPE__INIT;
	SrpSyncState ss = SRP_SYNC_STATE__INIT;

	ss.in_sync = hold;
	env.body_case = ENVELOPE__BODY_SRP_SYNC_STATE;
	env.srp_sync_state = &ss;
	task_send(st->t, "srdb/0", &env); /* said again every second */
}

void srp_rows_acked(struct srp_task *st, uint64_t version)
{
	Envelope env = ENVELOPE__INIT;
	SrpAcked a = SRP_ACKED__INIT;

	a.version = version;
	env.body_case = ENVELOPE__BODY_SRP_ACKED;
	env.srp_acked = &a;
	task_send(st->t, "srdb/0", &env);
}

/* --- saved state
 * ---------------------------------------------------------------------------------------------------- */

static void persisted(struct task *t, void *arg, int status, const char *text)
{
	struct installing *i = arg;
	struct srp_task *st = i->st;

	if (status)
		LOG(EV_STORE_REFUSED, "the state of SRP could not be saved: %s",
		    text ? text : strerror(-status));
	/* A store that refuses is no reason not to serve: an MIO switchover would start in Init, and that is
	 * all. */
	if (st->s && st->s == i->s) {
		srp_persisted(st->s, i->token, clock_now_us());
		srp_ctl_turn(st);
	}
	free(i);
}

void srp_rows_persist(void *arg, const struct srp_saved *saved, uint64_t token)
{
	struct srp_task *st = arg;
	struct installing *i = calloc(1, sizeof(*i));
	uint8_t blob[SRP_SAVED_MAX];
	struct ckpt_row row = {.kind = SRP_SAVED_KIND, .key = st->t->boot_id, .blob = blob};

	if (!i)
		return;
	*i = (struct installing){st, st->s, token};
	row.len = srp_frame_save(saved, blob);
	if (ckpt_write(st->ckpt, &row, 1, persisted, i))
		free(i);
}

void srp_rows_forget(struct srp_task *st)
{
	struct ckpt_row row = {.kind = SRP_SAVED_KIND, .key = st->t->boot_id};

	ckpt_write(st->ckpt, &row, 1, NULL, NULL);
}

static int load_saved(const struct store_ckpt *row, void *arg)
{
	return srp_frame_load(arg, row->blob, row->len);
}

int srp_rows_restore(struct srp_task *st, struct srp_saved *out)
{
	int rc = store_ckpt_get(st->store, SRP_SAVED_KIND, st->t->boot_id, load_saved, out);

	return rc == -ENOENT ? -ENODATA : rc;
}
