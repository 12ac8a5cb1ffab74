/* SPDX-License-Identifier: MIT */
/*
 * The sender of checkpoint rows, on the active chassis: a full synchronisation (all rows, from version 0),
 * then rows above the last version sent, in order, pipelined with a window of units that the peer
 * acknowledges one by one. "In sync" means: srdb holds the acknowledgement of every row until the peer has
 * it, and has every row it acknowledged before. It ends as soon as that would make somebody wait: link down,
 * silence or an acknowledgement outstanding for two hello-intervals. Called by srp.c and srp_fsm.c.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "srp/srp_int.h"

static void set_hold(struct srp *s, bool hold, const char *why)
{
	struct srp_ship *sh = &s->ship;

	if (sh->holding == hold)
		return;
	sh->holding = hold;
	if (hold) {
		sh->hold_us = s->now;
		/* srdb has to know what the peer holds before it starts to wait for more. */
		s->ops->acked(s->arg, sh->acked);
	} else {
		if (sh->in_sync)
			LOG(EV_SRP_SYNC, "out of sync at version %llu of %llu: %s",
			    (unsigned long long)sh->acked, (unsigned long long)sh->committed, why);
		sh->in_sync = false;
		sh->catch_up = sh->committed;
	}
	s->ops->hold(s->arg, hold, why);
}

/* Resume where the peer stands when its rows are of our epoch, else begin anew. */
void srp_ship_start(struct srp *s)
{
	struct srp_ship *sh = &s->ship;
	uint64_t have = s->peer.acked_version;

	if (sh->retry_us && s->now < sh->retry_us)
		return;
	sh->head = sh->n = 0;
	sh->retry_us = 0;
	sh->started = sh->full_pending = false;
	if (s->peer.rank.epoch == s->saved.epoch && have && have <= sh->committed &&
	    sh->committed - have <= SRP_RESUME_MAX) {
		sh->phase = SRP_SHIP_DELTA;
		sh->sent = sh->acked = have;
		LOG(EV_SRP_SYNC, "synchronisation resumes above version %llu", (unsigned long long)have);
	} else {
		sh->phase = SRP_SHIP_FULL;
		sh->sent = sh->acked = 0;
		sh->horizon = sh->committed;
		s->stats.full_syncs++;
		LOG(EV_SRP_SYNC, "full synchronisation starts, up to version %llu",
		    (unsigned long long)sh->horizon);
	}
	sh->catch_up = sh->committed;
	srp_ship_pump(s);
}

void srp_ship_stop(struct srp *s, const char *why)
{
	struct srp_ship *sh = &s->ship;

	if (sh->phase != SRP_SHIP_OFF)
		LOG(EV_SRP_SYNC, "synchronisation ends at version %llu of %llu: %s",
		    (unsigned long long)sh->acked, (unsigned long long)sh->committed, why);
	set_hold(s, false, why);
	sh->phase = SRP_SHIP_OFF;
	sh->head = sh->n = 0;
	sh->retry_us = 0;
}

/* Two hello-intervals without a word: nobody shall wait for this peer. */
static uint64_t silent_at(const struct srp *s)
{
	return s->heard_us + 2 * s->cfg.hello_us;
}

/*
 * Two steps: hold as soon as the peer is nearly there; in sync when it has what was released before srdb
 * began to hold.
 */
static void check_sync(struct srp *s)
{
	struct srp_ship *sh = &s->ship;

	if (sh->phase != SRP_SHIP_DELTA || sh->full_pending || s->now >= silent_at(s))
		return;
	if (!sh->holding && sh->sent >= sh->committed && sh->acked >= sh->catch_up)
		set_hold(s, true, "caught up");
	if (!sh->holding || sh->in_sync)
		return;
	if (s->now < sh->hold_us + SRP_HOLD_US) {
		sh->hold_at = sh->committed;
	} else if (sh->acked >= sh->hold_at) {
		sh->in_sync = true;
		LOG(EV_SRP_SYNC, "in sync at version %llu", (unsigned long long)sh->acked);
	}
}

static int send_unit(struct srp *s, SrpRows *rows)
{
	struct srp_ship *sh = &s->ship;
	unsigned at = (sh->head + sh->n) % SRP_SHIP_WINDOW;
	SrpFrame f = SRP_FRAME__INIT;
	bool full = sh->phase == SRP_SHIP_FULL;
	int rc;

	rows->epoch = s->saved.epoch;
	rows->full_start = full && !sh->started;
	rows->full_end = full && rows->upto >= sh->horizon;
	f.body_case = SRP_FRAME__BODY_ROWS;
	f.rows = rows;
	rc = s->ops->send(s->arg, &f);
	if (rc)
		return rc;
	sh->unit[at].upto = rows->upto;
	sh->unit[at].sent_us = s->now;
	sh->unit[at].rows = (uint32_t)rows->n_rows;
	sh->unit[at].full_end = rows->full_end;
	sh->n++;
	sh->sent = rows->upto;
	sh->started = true;
	s->stats.rows_sent += rows->n_rows;
	if (rows->full_end) {
		sh->phase = SRP_SHIP_DELTA;
		sh->full_pending = true;
	}
	return 0;
}

/* Send while there is something to send and room in the window. */
void srp_ship_pump(struct srp *s)
{
	struct srp_ship *sh = &s->ship;

	while (sh->phase != SRP_SHIP_OFF && sh->n < SRP_SHIP_WINDOW &&
	       (sh->sent < sh->committed || (sh->phase == SRP_SHIP_FULL && !sh->started))) {
		SrpRows *rows = s->ops->fetch(s->arg, sh->sent, SRP_SHIP_ROWS, SRP_SHIP_BYTES);
		int rc = -EAGAIN;

		if (rows && rows->upto >= sh->sent && (rows->upto > sh->sent || sh->phase == SRP_SHIP_FULL))
			rc = send_unit(s, rows);
		if (rows)
			srp_rows__free_unpacked(rows, NULL);
		if (rc) {
			if (rc != -EAGAIN)
				LOG(EV_SRP_REFUSED, "rows above version %llu cannot be sent: %s",
				    (unsigned long long)sh->sent, strerror(-rc));
			sh->retry_us = s->now + s->cfg.hello_us / 2; /* srp_writable() comes sooner */
			return;
		}
		sh->retry_us = 0;
	}
	check_sync(s);
}

static void refused(struct srp *s, const SrpRowsAck *ack)
{
	LOG(EV_SRP_SYNC, "the peer refused rows up to version %llu: %s", (unsigned long long)ack->version,
	    ack->error);
	s->stats.nacks_received++;
	srp_ship_stop(s, "the peer refused rows");
	if (ack->epoch > s->saved.epoch) {
		/* It has heard of a later take-over than ours, and we are the one that stayed. */
		srp_new_epoch(s);
		srp_persist(s);
	}
	s->peer.acked_version = 0; /* full */
	s->ship.retry_us = s->now + s->cfg.hello_us;
}

int srp_ship_ack(struct srp *s, const SrpRowsAck *ack)
{
	struct srp_ship *sh = &s->ship;
	bool moved = false;

	srp_saw_epoch(s, ack->epoch);
	if (sh->phase == SRP_SHIP_OFF || (ack->epoch != s->saved.epoch && !ack->error[0]))
		return 0; /* of a former link or epoch */
	if (ack->error[0]) {
		refused(s, ack);
		return 0;
	}
	if (ack->version > sh->sent)
		return -EPROTO;
	while (sh->n && sh->unit[sh->head].upto <= ack->version) {
		s->stats.rows_acked += sh->unit[sh->head].rows;
		sh->acked = sh->unit[sh->head].upto;
		if (sh->unit[sh->head].full_end)
			sh->full_pending = false;
		sh->head = (sh->head + 1) % SRP_SHIP_WINDOW;
		sh->n--;
		moved = true;
	}
	if (!moved)
		return 0;
	s->ops->acked(s->arg, sh->acked);
	srp_ship_pump(s);
	return 0;
}

bool srp_ship_drained(const struct srp *s)
{
	return s->ship.phase == SRP_SHIP_DELTA && !s->ship.full_pending && !s->ship.n &&
	       s->ship.acked >= s->ship.committed;
}

uint64_t srp_ship_tick(struct srp *s)
{
	struct srp_ship *sh = &s->ship;
	uint64_t patience = 2 * s->cfg.hello_us, next = SRP_NEVER;

	if (sh->phase == SRP_SHIP_OFF)
		return SRP_NEVER;
	if (sh->retry_us && s->now >= sh->retry_us) {
		sh->retry_us = 0;
		srp_ship_pump(s);
	}
	check_sync(s);
	if (sh->holding) {
		uint64_t oldest = sh->n ? sh->unit[sh->head].sent_us + patience : SRP_NEVER;
		uint64_t silent = silent_at(s);

		if (s->now >= oldest)
			set_hold(s, false, "an acknowledgement is outstanding");
		else if (s->now >= silent)
			set_hold(s, false, "the peer is silent");
		else
			next = oldest < silent ? oldest : silent;
	}
	if (sh->retry_us && sh->retry_us < next)
		next = sh->retry_us;
	if (sh->holding && !sh->in_sync && s->now < sh->hold_us + SRP_HOLD_US &&
	    sh->hold_us + SRP_HOLD_US < next)
		next = sh->hold_us + SRP_HOLD_US;
	return next;
}
